/*
 * server.h: one client connection, request after request.
 *
 * A connection that begins with HTTP/2's preface is served by http/http2.h.
 *
 * `http_serve` reads a request's header, calls the handler in the same task, and goes on while the
 * connection may be kept. The handler reads the body and writes the answer through `struct
 * exchange`, which has a table of functions, so that HTTP/2's streams are the same to it.
 *
 * What is refused here, with an answer in the shape that `http_serve_settings.refuse` gives: bad
 * HTTP (bare LF, folded lines, both Content-Length and Transfer-Encoding, a chunked body that
 * lies), headers over the limits (431), a header that is too slow (408), a wrong Expect (417),
 * CONNECT (405). After such an answer the connection is closed. Pipelined requests are answered in
 * order. An Upgrade is declined by answering in HTTP/1.1. A target in absolute form is accepted;
 * its host then stands in for what Host said.
 *
 * Memory: an idle connection holds its struct and no buffer. The arena of an exchange is made
 * when a request comes and freed when it was answered.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "http/message.h"
#include "net/stream.h"

struct exchange;

struct exchange_ops {
    int (*read_body)(struct exchange *x, struct str *ret_piece);
    int (*begin)(struct exchange *x, int status, const struct http_headers *headers,
                 int64_t body_bytes);
    int (*write)(struct exchange *x, struct str bytes);
    int (*end)(struct exchange *x, const struct http_headers *trailers);
    void (*watch_hangup)(struct exchange *x, void (*fn)(void *arg), void *arg);
    /* All of a body whose length is known, into x->held or where it stands. */
    int (*read_known)(struct exchange *x, struct str *ret_body);
    void (*drop_body)(struct exchange *x); /* of what read_known gave, all but x->held */
};

/* A request and the way back to whoever sent it. */
struct exchange {
    const struct exchange_ops *ops;
    struct arena *arena; /* of this request; ceiling exchange_arena_bytes_max */

    enum http_method method;
    struct str method_text;
    struct str target;      /* as it came */
    struct str path, query; /* of the target; query without '?' */
    struct http_headers headers;
    int64_t body_bytes;           /* Content-Length; 0 for none, -1 for chunked */
    struct http_headers trailers; /* filled when the body has been read to its end */
    struct str client;            /* who asks, for the log: as http_serve got it */
    int64_t began_us;             /* monotonic: the first byte of this request */
    char *held;                   /* exchange_read_all's, on the heap; NULL for none */

    /* the answer so far */
    bool begun, ended;
    int status;
    uint64_t bytes_out; /* of the body, without framing */
};

/*
 * The next piece of the body, valid until the next call; n == 0 at its end. Sends "100 Continue"
 * first where the client waits for it. E_BAD_HTTP, E_TOO_SLOW, E_CLIENT_GONE.
 */
YIELDS MUSTCHECK static inline int exchange_read_body(struct exchange *x, struct str *ret_piece)
{
    return x->ops->read_body(x, ret_piece);
}

/*
 * The whole body in one piece, which stays until exchange_drop_body or the end of the exchange.
 * E_TOO_LARGE past bytes_max: known from Content-Length before a byte is read where there is one.
 */
YIELDS MUSTCHECK int exchange_read_all(struct exchange *x, size_t bytes_max, struct str *ret_body);
/* Gives its memory back, before a long answer. */
void exchange_drop_body(struct exchange *x);

/*
 * Begins the answer. body_bytes -1 means that the length is not known (chunked; closing the
 * connection for an HTTP/1.0 client). The header goes out with the first bytes of the body;
 * an empty write sends it at once. Date, Content-Length, Connection and Transfer-Encoding
 * are set here. For HEAD the body is swallowed.
 */
YIELDS MUSTCHECK static inline int exchange_begin(struct exchange *x, int status,
                                                  const struct http_headers *headers,
                                                  int64_t body_bytes)
{
    return x->ops->begin(x, status, headers, body_bytes);
}
/* Sends at once; waits while the client does not take it (back pressure). An empty write flushes
 * the header. */
YIELDS MUSTCHECK static inline int exchange_write(struct exchange *x, struct str bytes)
{
    return x->ops->write(x, bytes);
}
YIELDS MUSTCHECK static inline int exchange_end(struct exchange *x,
                                                const struct http_headers *trailers)
{
    return x->ops->end(x, trailers);
}

/* begin, write and end in one: one system call for a short answer. */
YIELDS MUSTCHECK int exchange_respond(struct exchange *x, int status,
                                      const struct http_headers *headers, struct str body);

/* Calls fn(arg) once from the loop when the client hangs up. NULL ends the watch. */
static inline void exchange_watch_hangup(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    x->ops->watch_hangup(x, fn, arg);
}

/* Answers the request; what it leaves unanswered becomes a 500. May yield. */
typedef void http_handler(void *arg, struct exchange *x);

/* Makes the answer to a request that was refused before the handler saw it. */
typedef void http_refuser(void *arg, struct exchange *x, int err, const char *text);

/* The HTTP/2 streams of all connections together. Its owner sets the ceiling, whenever it likes. */
struct http2_streams {
    unsigned max;     /* so many at once, beside a connection's first; http/http2.h has the why */
    unsigned open;    /* one that was reset, until its handler has noticed */
    uint64_t refused; /* for want of room */
};

struct http_server_settings {
    const struct http_limits *limits;
    size_t arena_bytes_max; /* of one request */
    http_handler *handler;
    http_refuser *refuse;
    void *arg;
    const bool *draining;          /* when true, connections close after their answer */
    unsigned *under_way;           /* HTTP/1 requests, from the first byte to the answer's end, of
                                      all connections together; may be NULL */
    bool http2;                    /* the client has said that it will speak it (ALPN) */
    struct http2_streams *streams; /* outlasts the connections */
};

/* Refuses the request as the settings say; in plain text where they do not. Internal to http/. */
YIELDS void exchange_refuse(struct exchange *x, const struct http_server_settings *settings,
                            int err, const char *text);

/* Serves the connection of `client` (a word for the log, or STR_NONE), to its end. Does not close
 * the stream. */
YIELDS void http_serve(struct stream *s, struct str client,
                       const struct http_server_settings *settings);

#endif
