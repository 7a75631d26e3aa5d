/*
 * doors.h: which doors are open to whom (design rule 13).
 *
 * Without keys sluice listens on loopback only and refuses a foreign Host or Origin, so that no web
 * page can spend the owner's money by DNS rebinding or by a form. /admin, /ui and /metrics need an
 * admin key, or come by a listener of their own that only this machine reaches.
 */
#ifndef GUARD_DOORS_H
#define GUARD_DOORS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

/*
 * For requests without key checks: is Host this machine's loopback (localhost, 127.x.x.x, [::1],
 * any port) or one of `hosts`, and is Origin absent, the same, or "null" refused? E_BAD_ORIGIN.
 * `host` STR_NONE (HTTP/1.0) is accepted without an Origin.
 */
MUSTCHECK int door_check_local(struct str host, struct str origin, const struct str *hosts,
                               unsigned hosts_n, struct fault *f);

#endif
