/*
 * last_good.h: which answers were in force last, in the ledger's database.
 *
 * By the configuration's file, since several may share a database: what the file itself said,
 * while it lasts what was sent in its place to /admin/config, and the last that was not forced,
 * to which whoever forced a change may go back. Blocks on the disk: for commands, the start and the
 * pool of threads.
 */
#ifndef EVAL_LAST_GOOD_H
#define EVAL_LAST_GOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/* The later ones were in force later. */
enum last_good_of { LAST_GOOD_UNFORCED, LAST_GOOD_FILE, LAST_GOOD_SENT, LAST_GOODS };

struct last_good {
    struct str answers; /* conf_answers_hash; n == 0: nothing is known */
    struct str lines;   /* conf_answers */
    struct str suites;  /* those that held the brake, as lines of brake.h */
    int64_t at_wall_us;
};

/* `where` is the ledger's database, `file` any name of the configuration. Where there is no
 * database yet, nothing is known. E_STORE, E_MEMORY. */
MUSTCHECK int last_good_read(struct arena *a, struct str where, struct str file,
                             struct last_good ret_good[LAST_GOODS], struct fault *f);

/* What is in force from now on, of the file or sent; `forced`: for want of a pass. Once the file's
 * own is, what was sent is forgotten. */
MUSTCHECK int last_good_write(struct str where, struct str file, enum last_good_of of, bool forced,
                              const struct last_good *good, struct fault *f);

#endif
