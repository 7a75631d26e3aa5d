/*
 * limit_headers.h: what an answer says of limits, in the headers that OpenAI's clients know.
 */
#ifndef API_LIMIT_HEADERS_H
#define API_LIMIT_HEADERS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/macros.h"
#include "guard/limits.h"
#include "http/message.h"

/* Are there limits of requests or tokens for this turn, which an answer tells of? NULL: no. */
bool limit_headers_due(const struct turn_stay *stay);

/* Adds x-ratelimit-*, of the key or the tenant, whichever has less room left; and to a turn that
 * was refused for want of room, when to ask again, or that it is of no use. */
MUSTCHECK int limit_headers(const struct turn_stay *stay, struct arena *arena,
                            struct http_headers *h);

/* Adds Retry-After, in whole seconds, and retry-after-ms. */
MUSTCHECK int retry_after_headers(struct arena *arena, int64_t ms, struct http_headers *h);

#endif
