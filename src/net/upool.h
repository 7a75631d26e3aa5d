/*
 * upool.h: connections to one upstream address, kept and used again.
 *
 * A pool belongs to one endpoint (scheme, host, port). `upool_get` hands out the idle connection
 * that was used last and is still good, or connects. Idle ones that the other side closes leave the
 * pool at once; those older than idle_ms too. A connection's state is the list that it is in.
 *
 * A connection may be shared: its protocol carries several calls at once (HTTP/2). The pool knows
 * that protocol by a struct of functions only. It gives such a connection out while it has room,
 * and lets those wait who come while the first one is being made. Tasks that the protocol needs
 * hold the connection; it is closed when it was retired, its calls have ended and nothing holds it.
 */
#ifndef NET_UPOOL_H
#define NET_UPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "net/stream.h"

struct tls_context;
struct upool;
struct upool_conn;

struct upool_sharing {
    /* 1: this new connection is shared. 0: it is not. An error with its fault: nor can it be. */
    int (*speaks)(const struct stream *s, struct fault *f);
    /* Makes it ready for calls; may wait. It is retired or held when this fails. */
    int (*begin)(struct upool_conn *conn);
    /* May it carry one more call? `fresh`: one that cannot be repeated. */
    bool (*has_room)(const struct upool_conn *conn, bool fresh);
    /* Its last call has ended. */
    void (*idle)(struct upool_conn *conn);
    /* Retires it at once, and sees to it that its holds end once its calls have. */
    void (*leave)(struct upool_conn *conn);
};

struct upool_settings {
    const char *host;
    unsigned port;
    struct tls_context *tls;  /* NULL for plain TCP; borrowed */
    const char *tls_host;     /* name to verify; NULL means `host` */
    unsigned connections_max; /* in use and idle together; 0 for no limit */
    unsigned idle_max;
    int64_t idle_ms;
    int64_t connect_ms;
    const struct upool_sharing *sharing; /* NULL: no connection is shared */
};

struct upool_conn {
    struct stream *stream;
    struct upool *pool;
    bool reused; /* it has carried a request before: a failure may be the idle time's fault */
    bool shared;
    unsigned calls;  /* of a shared one: between get and put */
    int64_t idle_ms; /* the pool's, for shared ones, which end by themselves */
    void *http;      /* the HTTP client's own state for this connection */
    void (*http_free)(void *http);
};

MUSTCHECK int upool_new(const struct upool_settings *settings, struct upool **ret_pool);

/* The pool goes when the last connection has come back. Idle ones are closed at once. */
void upool_free(struct upool *pool);

/*
 * A connection, idle, shared or new. `fresh` asks for a new one, or a shared one that is certain to
 * be alive. E_OVERLOADED at connections_max (the
 * pool does not queue); otherwise dns_resolve's, io_connect's and tls_connect's errors, within
 * connect_ms. All addresses of the name are tried.
 */
YIELDS MUSTCHECK int upool_get(struct upool *pool, bool fresh, struct upool_conn **ret_conn,
                               struct fault *f);
/* Back into the pool, or closed where it cannot be used again; a shared one has one call less. */
void upool_put(struct upool_conn *conn, bool reusable);

/* ---- for the protocol of a shared connection */

/* It carries no further calls. */
void upool_retire(struct upool_conn *conn);
/* What runs for it keeps it; with the last release of one that was retired it may be gone. */
void upool_hold(struct upool_conn *conn);
void upool_release(struct upool_conn *conn);

/* Shared connections end, within `ms` if they can: before the loop does. */
YIELDS void upool_settle(struct upool *pool, int64_t ms);

struct upool_stats {
    unsigned idle, in_use;
    uint64_t opened, reused, failed;
    uint64_t opened_shared; /* of those opened: HTTP/2 */
};
struct upool_stats upool_stats(const struct upool *pool);
/* Is there a limit to its connections? */
bool upool_is_limited(const struct upool *pool);

#endif
