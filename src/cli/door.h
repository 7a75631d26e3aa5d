/*
 * door.h: asks a running sluice at its /admin, for commands.
 */
#ifndef CLI_DOOR_H
#define CLI_DOOR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* The environment's variable with the admin key, where the listener asks for one. */
#define DOOR_KEY_NAME "SLUICE_ADMIN_KEY"

struct door_answer {
    int status;
    struct str body; /* of the arena */
};

/*
 * POSTs `body` to `url` (such as http://127.0.0.1:8081) and `path`. Runs the loop, which is made
 * (loop_init) and runs nothing else. 0 whatever the status is; else the fault says what failed.
 */
MUSTCHECK int door_post(struct arena *a, const char *url, const char *path, struct str body,
                        struct door_answer *ret_answer, struct fault *f);

#endif
