/*
 * http2_client.h: HTTP/2 to upstreams: the connection, and a call as a stream of it. Internal to
 * http/; client.h is its face.
 *
 *     calls, each in its own task -> nghttp2 <- writer -> the upstream
 *     reader -> nghttp2 -> callbacks -> calls
 *
 * Reader and writer are tasks that hold the pool's connection. A call sends its body as the
 * upstream's window allows, and what it has not read of its answer closes its own window only: the
 * connection's window opens with every byte that arrives, so a slow client holds up nobody else and
 * at most HTTP2_WINDOW_BYTES are kept for it.
 */
#ifndef HTTP_HTTP2_CLIENT_H
#define HTTP_HTTP2_CLIENT_H

#include "http/client.h"
#include "http/http2_session.h"
#include "rt/task.h"
#include "rt/timer.h"

struct http2_client {
    struct upool_conn *conn;
    nghttp2_session *session;
    struct task *reader, *writer; /* NULL once they have ended */
    struct list calls;            /* whose stream has not come to its end */
    struct waitq to_send;         /* the writer waits here */
    struct waitq ready;           /* for the upstream's SETTINGS */
    struct timer watch;           /* nobody may be calling, or the upstream may be dead */
    int64_t heard_ms, idle_since_ms;
    int64_t asked_ms; /* a PING is out since then; 0: none */
    struct http2_flood flood;
    size_t header_bytes; /* of the header that arrives, whosesoever it is */
    bool settled;        /* the upstream's SETTINGS have come */
    bool leaving;        /* no further calls; it ends with the last one */
    bool ending;         /* what is to be sent is packed; then the writer ends */
    bool mute;           /* nothing can be sent any more */
    int ended;           /* why it ended; 0: it has not */
};

/* The stream of a call. It lives from its sending to http_call_end. */
struct http2_call {
    struct list node;
    struct http2_client *client;
    struct http_call *call;
    int32_t id;
    struct waitq changed; /* the call's task waits here */

    /* the request */
    struct iovec *out; /* what is to be packed */
    int out_n;
    bool out_end;  /* nothing comes behind it */
    bool end_sent; /* packed, with all before it */
    bool begun;    /* its header is packed: the upstream may see it */

    /* the answer */
    struct buf in;       /* of its body, not yet read */
    struct buf taken;    /* what the reader was given last, ... */
    size_t header_bytes; /* of all its headers */
    bool header_done, in_trailers, in_end;

    int fault;         /* what is wrong with the answer */
    bool was_reset;    /* by the upstream */
    bool closed;       /* nothing more comes or can be sent */
    uint32_t why;      /* it was closed: an error code of RFC 9113, 7 */
    bool not_for_long; /* the connection ended before the stream did */
};

/* Has the writer send what there is. */
static inline void http2_client_wake(struct http2_client *c)
{
    waitq_wake_all(&c->to_send);
}

/* A call has begun: from here on the upstream's silence counts. */
void http2_client_called(struct http2_client *c);

/* ---- for http2_client.c: what arrives for a call, http2_call.c */

/* The next bytes of the body for nghttp2; of type nghttp2_data_source_read_callback. */
ssize_t http2_call_pack(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                        uint32_t *flags, nghttp2_data_source *source, void *client);
/* A field of a header or of the trailers: false if the stream is to be reset. */
bool http2_call_field(struct http2_call *s, struct str name, struct str value);
/* Header or trailers are whole. */
void http2_call_header_end(struct http2_call *s);
void http2_call_close(struct http2_call *s, uint32_t why);

/* ---- for client.c: the functions of client.h */

YIELDS MUSTCHECK int http2_call_send(struct http_call *call, struct str method, struct str target,
                                     const struct http_headers *headers, const struct iovec *body,
                                     int pieces);
YIELDS MUSTCHECK int http2_call_send_head(struct http_call *call, struct str method,
                                          struct str target, const struct http_headers *headers,
                                          int64_t body_bytes);
YIELDS MUSTCHECK int http2_call_write(struct http_call *call, struct str piece);
YIELDS MUSTCHECK int http2_call_head(struct http_call *call);
YIELDS MUSTCHECK int http2_call_read(struct http_call *call, struct str *ret_piece);
void http2_call_end(struct http_call *call);

#endif
