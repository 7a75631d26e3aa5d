/*
 * client.h: one request to an upstream and its answer, over a connection of a pool.
 *
 *     http_call_begin(&call, conn, arena, limits);
 *     err = http_call_send(&call, "POST", target, &headers, body, pieces);
 *     err = http_call_head(&call);                 call.status, call.headers
 *     while ((err = http_call_read(&call, &piece)) == 0 && piece.n > 0) ...
 *     http_call_end(&call);                        gives the connection back
 *
 * The caller sets deadlines around each step. Answers that break HTTP are E_UPSTREAM_HTTP, that end
 * too early E_UPSTREAM_CUT; a connection that fails before the first byte of the answer gives
 * E_CLOSED or E_RESET, so that a stale idle one can be told (`conn->reused`). 1xx are skipped.
 *
 * It is HTTP/1.1, or HTTP/2 where the connection is a shared one (http2_client.h): the functions
 * are the same. There a call is a stream, and one that ends early resets its stream only.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/macros.h"
#include "http/message.h"
#include "net/upool.h"

struct http_client_conn;
struct http2_call;

/* For a pool of connections that shall be HTTP/2: by ALPN, where an upstream speaks TLS; and
 * always, in the clear too. */
extern const struct upool_sharing http2_sharing_auto, http2_sharing_on;

struct http_call {
    struct upool_conn *conn; /* NULL once it was given back */
    struct arena *arena;     /* headers of the answer are copied into it */
    const struct http_limits *limits;
    bool head_request;
    bool sent, got_byte, done;
    bool unprocessed; /* it failed, and the upstream has not begun with it: it may go out again */
    int status;
    struct http_headers headers;
    struct http_headers trailers;
    int64_t body_bytes; /* of the answer; -1: not known */
    struct str host;    /* what Host says where the headers given lack it; set after begin */
    int64_t send_left;  /* bytes of the request's body that http_call_write shall still get */
    bool send_chunked;
    struct str send_head;           /* goes out with the first piece of the body */
    struct http_client_conn *state; /* the parser and the read buffer, kept with the connection */
    struct http2_call *http2;       /* its stream, where it is one */
};

#define HTTP_STALE_US (1000 * 1000)
/* Was a reused connection closed while it was idle? That shows within a round trip of when the
 * request went out; where it ends later, the upstream had it. */
static inline bool http_is_stale(bool reused, bool got_byte, int64_t began_us, int err)
{
    return reused && !got_byte && (err == E_CLOSED || err == E_RESET || err == E_EOF) &&
           clock_mono_us() - began_us < HTTP_STALE_US;
}

/* Does a request say how long its body is? One without a body may be silent about it. */
bool http_request_tells_length(struct str method, int64_t body_bytes);

void http_call_begin(struct http_call *call, struct upool_conn *conn, struct arena *arena,
                     const struct http_limits *limits);

/*
 * Writes the request in one system call where it fits. Content-Length and Connection are set here
 * (those among `headers` are left out), Host where `headers` lacks it. When the other side closes
 * while we write, or reads no more, but has answered, the answer is what counts: 0, and the
 * connection is not used again.
 */
YIELDS MUSTCHECK int http_call_send(struct http_call *call, struct str method, struct str target,
                                    const struct http_headers *headers, const struct iovec *body,
                                    int pieces);

/*
 * For bodies that are not held: begin with body_bytes (-1: chunked), then write pieces, then an
 * empty piece. The header goes out with the first piece.
 */
YIELDS MUSTCHECK int http_call_send_head(struct http_call *call, struct str method,
                                         struct str target, const struct http_headers *headers,
                                         int64_t body_bytes);
YIELDS MUSTCHECK int http_call_write(struct http_call *call, struct str piece);

/* Where a body comes from: its next piece; n == 0 at the end. May yield. */
struct http_source {
    int (*next)(struct http_source *from, struct str *ret_piece);
};

/*
 * All of it, in place of http_call_write. A server that has answered, be it with a 1xx, and for a
 * second takes nothing more wants no more: then 0, as for one that closes, and the source is left
 * where it is.
 */
YIELDS MUSTCHECK int http_call_send_body(struct http_call *call, struct http_source *from);

YIELDS MUSTCHECK int http_call_head(struct http_call *call);

/*
 * The next piece of the body: all that is there, without waiting for more. It points into the
 * connection's buffer and is valid until the next call. n == 0 at the end.
 */
YIELDS MUSTCHECK int http_call_read(struct http_call *call, struct str *ret_piece);

/* Gives the connection back: into the pool if the answer was read to its end, else closed. */
void http_call_end(struct http_call *call);

/* Has the answer's body ended, but not its trailers? */
bool http_call_in_trailers(const struct http_call *call);

#endif
