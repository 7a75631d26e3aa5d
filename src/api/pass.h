/*
 * pass.h: which headers go from one side to the other.
 */
#ifndef API_PASS_H
#define API_PASS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/macros.h"
#include "http/message.h"

/* What of the client's headers goes upstream: nothing that names or authorises the client, nothing
 * of the connection, nothing of ours. `with_type`: its Content-Type too. */
MUSTCHECK int pass_upstream(const struct http_headers *from, struct arena *arena, bool with_type,
                            struct http_headers *ret_headers);

/*
 * What a tenant's headers become at a provider whose key others use, too: an Idempotency-Key is
 * hashed together with the tenant, so that a provider that answers a second request with the
 * first one's answer never gives one tenant's to another.
 */
MUSTCHECK int pass_for_tenant(struct str tenant, struct http_headers *headers);

/* What of an answer's headers goes to the client. Content-Type among them. `own_limits`: its
 * x-ratelimit-* get the prefix x-upstream-, since sluice says its own. */
MUSTCHECK int pass_downstream(const struct http_headers *from, bool own_limits,
                              struct http_headers *to);

#endif
