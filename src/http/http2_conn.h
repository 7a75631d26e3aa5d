/* http2_conn.h: an HTTP/2 connection, as http2.c, http2_request.c and http2_stream.c share it.
 * Internal to http/. */
#ifndef HTTP_HTTP2_CONN_H
#define HTTP_HTTP2_CONN_H

#include "http/http2.h"
#include "http/http2_session.h"
#include "rt/task.h"
#include "rt/timer.h"

struct http2 {
    struct stream *stream;
    struct str client;
    const struct http_server_settings *settings;
    nghttp2_session *session;
    struct group tasks;   /* one a stream */
    struct list streams;  /* whose task is not done, or not begun */
    unsigned streams_n;   /* of them */
    unsigned streams_max; /* so many the client may have open */
    struct waitq to_send; /* the writer waits here */
    struct waitq sent;    /* the reader does, where the client takes nothing */
    bool broken;          /* nothing can be sent any more */
    bool ending;          /* all that shall be sent is; the writer may go */

    /* the reader's */
    struct rbuf *in;
    struct task *reader;
    struct group writer;
    struct timer idle, slow; /* no stream may be open; a header may be under way, ... */
    int32_t header_of;       /* ... of this stream; 0: of none */
    struct http2_flood flood;
    bool told_to_go; /* the client knows that no further stream is taken */
};

/* One request. It lives as long as its task; one whose header was never whole, as long as nghttp2
 * has it. */
struct http2_stream {
    struct list node;
    struct http2 *conn;
    struct exchange x;
    struct arena arena;
    int32_t id;

    /* the request */
    size_t header_bytes;
    int fault;              /* why it is refused; 0: it is not */
    const char *fault_text; /* a literal */
    bool header_done;
    bool in_end;      /* its body is all there */
    bool takes_more;  /* the client waits for 100 (Continue) */
    struct buf in;    /* of its body, not yet read, ... */
    size_t in_taken;  /* ... and how much of that the client has been told of as taken */
    struct buf taken; /* what the reader was given last */
    struct waitq arrived;

    /* the answer */
    struct str out; /* what the handler's write has given; it waits until it is taken */
    int64_t out_left;
    bool out_end;  /* no more comes */
    bool swallow;  /* its body is not sent */
    bool end_sent; /* packed, with all before it */
    bool has_trailers;
    bool cut; /* not all of what was written has been taken */
    struct waitq packed;

    bool closed; /* by either side; nothing can be sent or read any more */
    void (*hangup)(void *arg);
    void *hangup_arg;
};

static inline struct http2_stream *http2_stream_of(struct exchange *x)
{
    return CONTAINER_OF(x, struct http2_stream, x);
}

/* A field of the header or the trailers, copied. What is wrong with it is the stream's fault. */
void http2_request_field(struct http2_stream *s, struct str name, struct str value);
/* The header is whole: is it a request that can be answered? If not, the stream has its fault. */
void http2_request_check(struct http2_stream *s);

extern const struct exchange_ops http2_ops;

/* The next bytes of the body for nghttp2; of type nghttp2_data_source_read_callback. */
ssize_t http2_stream_pack(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                          uint32_t *flags, nghttp2_data_source *source, void *conn);

/* The stream has come to its end, by nghttp2's word. */
void http2_stream_close(struct http2_stream *s);

/* Has the writer send what there is. */
static inline void http2_wake(struct http2 *c)
{
    waitq_wake_all(&c->to_send);
}

#endif
