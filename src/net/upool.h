/*
 * upool.h: connections to one upstream address, kept and used again.
 *
 * A pool belongs to one endpoint (scheme, host, port). `upool_get` hands out the idle connection
 * that was used last and is still good, or connects. Idle ones that the other side closes leave the
 * pool at once; those older than idle_ms too. A connection's state is the list that it is in.
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

struct upool_settings {
    const char *host;
    unsigned port;
    struct tls_context *tls;  /* NULL for plain TCP; borrowed */
    const char *tls_host;     /* name to verify; NULL means `host` */
    unsigned connections_max; /* in use and idle together; 0 for no limit */
    unsigned idle_max;
    int64_t idle_ms;
    int64_t connect_ms;
};

struct upool_conn {
    struct stream *stream;
    struct upool *pool;
    bool reused; /* it has carried a request before: a failure may be the idle time's fault */
    uint64_t requests;
    void *http; /* the HTTP client's own state for this connection */
    void (*http_free)(void *http);
};

MUSTCHECK int upool_new(const struct upool_settings *settings, struct upool **ret_pool);

/* The pool goes when the last connection has come back. Idle ones are closed at once. */
void upool_free(struct upool *pool);

/*
 * A connection, idle or new. `fresh` asks for a new one. E_OVERLOADED at connections_max (the
 * pool does not queue); otherwise dns_resolve's, io_connect's and tls_connect's errors, within
 * connect_ms. All addresses of the name are tried.
 */
YIELDS MUSTCHECK int upool_get(struct upool *pool, bool fresh, struct upool_conn **ret_conn,
                               struct fault *f);
/* Back into the pool, or closed where it cannot be used again. */
void upool_put(struct upool_conn *conn, bool reusable);

struct upool_stats {
    unsigned idle, in_use;
    uint64_t opened, reused, failed;
};
struct upool_stats upool_stats(const struct upool *pool);
/* Is there a limit to its connections? */
bool upool_is_limited(const struct upool *pool);

#endif
