/*
 * relay.h: passing a request on that sluice does not read: audio, images, moderations and the like.
 *
 * Bodies are streamed in both directions, never held. With a body there is one try, on a fresh
 * connection: what was read from the client is gone. Without one, a request that went out on a
 * stale idle connection goes out once more.
 */
#ifndef LLM_RELAY_H
#define LLM_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "http/message.h"
#include "llm/provider.h"

struct llm_relay {
    /* in */
    const struct provider *provider;
    struct arena *arena;
    struct str method;
    struct str path;                    /* behind the base URL, with query */
    const struct http_headers *headers; /* of the client, filtered; its Content-Type among them */
    struct str tenant;                  /* who may have a key of its own; or STR_NONE */
    struct str pass_key;                /* what the client gave as its key, where it may pass */
    int64_t body_bytes;                 /* -1: not known */

    /* The body's next piece (n == 0 at the end); the answer's begin and pieces. All may yield. */
    int (*read)(struct llm_relay *relay, struct str *ret_piece);
    int (*begin)(struct llm_relay *relay, int status, const struct http_headers *headers,
                 int64_t body_bytes);
    int (*write)(struct llm_relay *relay, struct str piece);

    /* out */
    int status;
    bool begun; /* something went to the client */
    struct endpoint *endpoint;
    struct provider_key *key; /* that it went out with; NULL where there are not several */
    int64_t began_us, connected_us, first_us, ended_us;
};

/* 0 when the whole answer went to the client. */
YIELDS MUSTCHECK int llm_relay_run(struct llm_relay *relay, struct fault *f);

#endif
