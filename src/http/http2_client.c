/*
 * http2_client.c: a connection to an upstream: what arrives, what is sent, and how it ends.
 *
 * heap: it lives as long as the pool's connection, which its two tasks hold.
 */
#include "http/http2_client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/rbuf.h"
#include "net/tls.h"

/* At once over one connection, whatever the upstream would take: one that breaks cuts them all. */
#define CALLS_MAX 100

/* What arrives is taken in at once, so this bounds nothing but what is under way. */
#define WINDOW_ALL (1024 * 1024)

/* A header that is not a call's any more is still decoded; past this many times a header's limit
 * the upstream means no good. */
#define HEADER_TIMES_MAX 4

/* An upstream that is silent for so long is asked by a PING whether it is there, ... */
#define SILENT_MS 30000
/* ... and has so long to answer. */
#define ANSWER_MS 10000
/* What was heard from so lately is alive. */
#define FRESH_MS 1000
/* For the farewell. */
#define GOODBYE_MS 1000

/* ---- the end */

static void watch_ring(struct http2_client *c, int64_t at_ms)
{
    int ignored = timer_start(&c->watch, at_ms); /* without memory it is kept a little longer */

    (void)ignored;
}

/* Nothing more is to come: says so, and lets the tasks go. */
static void finish(struct http2_client *c)
{
    if (c->ending)
        return;
    c->ending = true;
    if (nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR) != 0)
        c->mute = true;
    http2_client_wake(c);
    if (c->reader != NULL)
        task_cancel(c->reader, E_CANCELED);
}

/* It takes no further calls: those under way go on, and then it ends. */
static void leave(struct upool_conn *conn)
{
    struct http2_client *c = conn->http;

    c->leaving = true;
    upool_retire(conn);
    if (conn->calls == 0 && c->ended == 0)
        finish(c);
}

/* The reader has come to its end: so have all streams. */
static void end(struct http2_client *c, int why)
{
    bool says_why = why == E_BAD_HTTP || why == E_CANCELED;

    c->ended = why;
    c->ending = true;
    upool_retire(c->conn);
    timer_stop(&c->watch);
    while (!list_empty(&c->calls)) {
        struct http2_call *s = LIST_ENTRY(c->calls.next, struct http2_call, node);
        s->not_for_long = true;
        /* The writer may still pack a farewell, when the call is gone. */
        int unknown = nghttp2_session_set_stream_user_data(c->session, s->id, NULL);
        (void)unknown; /* then it has no stream that could be packed */
        http2_call_close(s, NGHTTP2_CANCEL);
    }
    waitq_wake_all(&c->ready);
    http2_client_wake(c);
    if (c->writer != NULL && !says_why)
        task_cancel(c->writer, E_CLOSED);
}

static void client_free(void *arg)
{
    struct http2_client *c = arg;

    timer_stop(&c->watch);
    nghttp2_session_del(c->session);
    free(c);
}

/* ---- is it alive, is it needed? */

static void on_watch(struct timer *t)
{
    struct http2_client *c = CONTAINER_OF(t, struct http2_client, watch);
    int64_t now = clock_cached_ms();

    if (c->conn->calls == 0 && now >= c->idle_since_ms + c->conn->idle_ms) {
        leave(c->conn);
    } else if (c->conn->calls == 0) {
        watch_ring(c, c->idle_since_ms + c->conn->idle_ms);
    } else if (now < c->heard_ms + SILENT_MS) {
        watch_ring(c, c->heard_ms + SILENT_MS);
    } else if (c->asked_ms == 0) {
        c->asked_ms = now;
        if (nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL) == 0)
            http2_client_wake(c);
        watch_ring(c, now + ANSWER_MS);
    } else if (now < c->asked_ms + ANSWER_MS) {
        watch_ring(c, c->asked_ms + ANSWER_MS);
    } else if (c->reader != NULL) {
        task_cancel(c->reader, E_RESET);
    }
}

void http2_client_called(struct http2_client *c)
{
    int64_t at_ms = c->heard_ms + SILENT_MS;

    if (c->watch.at_ms > at_ms && c->ended == 0)
        watch_ring(c, at_ms);
}

/* The timer is moved to an earlier time only: most of what it is set to never comes. */
static void idle(struct upool_conn *conn)
{
    struct http2_client *c = conn->http;

    c->idle_since_ms = clock_cached_ms();
    if (c->leaving && c->ended == 0)
        finish(c);
    else if (c->ended == 0 && c->watch.at_ms > c->idle_since_ms + conn->idle_ms)
        watch_ring(c, c->idle_since_ms + conn->idle_ms);
}

/* ---- nghttp2's callbacks, on the loop's stack */

static struct http2_call *call_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_frame(nghttp2_session *session UNUSED, const nghttp2_frame_hd *hd, void *arg)
{
    struct http2_client *c = arg;

    return http2_flood_bearable(&c->flood, hd) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
                            void *arg)
{
    struct http2_client *c = arg;

    c->header_bytes = 0;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags UNUSED,
                     void *arg)
{
    struct http2_client *c = arg;
    struct http2_call *s = call_of(session, frame->hd.stream_id);

    c->header_bytes += name_n + value_n + HTTP2_FIELD_EXTRA;
    if (c->header_bytes > HEADER_TIMES_MAX * http_limits_default.header_bytes_max)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (s == NULL || http2_call_field(s, str_of((const char *)name, name_n),
                                      str_of((const char *)value, value_n)))
        return 0;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* nghttp2 resets the stream */
}

/* nghttp2 would leave it out; HTTP/1.1 refuses it. */
static int on_bad_header(nghttp2_session *session UNUSED, const nghttp2_frame *frame UNUSED,
                         const uint8_t *name UNUSED, size_t name_n UNUSED,
                         const uint8_t *value UNUSED, size_t value_n UNUSED, uint8_t flags UNUSED,
                         void *arg UNUSED)
{
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_bad_frame(nghttp2_session *session, const nghttp2_frame *frame, int error UNUSED,
                        void *arg UNUSED)
{
    struct http2_call *s = call_of(session, frame->hd.stream_id);

    if (s != NULL && s->fault == 0)
        s->fault = E_UPSTREAM_HTTP;
    return 0;
}

static void stream_frame(struct http2_call *s, const nghttp2_frame *frame)
{
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        s->was_reset = true;
    if (frame->hd.type == NGHTTP2_HEADERS)
        http2_call_header_end(s);
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        s->in_end = true;
        waitq_wake_all(&s->changed);
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http2_client *c = arg;
    struct http2_call *s;

    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
        c->settled = true;
        waitq_wake_all(&c->ready);
        return 0;
    case NGHTTP2_GOAWAY:
        leave(c->conn);
        return 0;
    default:
        s = frame->hd.stream_id != 0 ? call_of(session, frame->hd.stream_id) : NULL;
        if (s != NULL)
            stream_frame(s, frame);
        return 0;
    }
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg UNUSED)
{
    struct http2_call *s = frame->hd.type == NGHTTP2_HEADERS ? call_of(session, frame->hd.stream_id)
                                                             : NULL;

    if (s != NULL)
        s->begun = true;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags UNUSED, int32_t id, const uint8_t *bytes,
                   size_t n, void *arg UNUSED)
{
    struct http2_call *s = call_of(session, id);

    if (nghttp2_session_consume_connection(session, n) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (s == NULL)
        return 0;
    if (buf_add(&s->in, bytes, n) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    waitq_wake_all(&s->changed);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg UNUSED)
{
    struct http2_call *s = call_of(session, id);

    if (s != NULL)
        http2_call_close(s, code);
    return 0;
}

/* ---- the session */

static int session_settings(nghttp2_session *session)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)http_limits_default.header_bytes_max},
    };

    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries)) != 0 ||
        nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW_ALL) != 0)
        return E_MEMORY;
    return 0;
}

static int session_make(struct http2_client *c)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *option = NULL;
    int err = E_MEMORY;

    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0)
        goto out;
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_bad_header);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_bad_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    if (nghttp2_session_client_new2(&c->session, cb, c, option) == 0)
        err = session_settings(c->session);
out:
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    return err;
}

/* ---- reader and writer */

/* Why reading ends where nghttp2 wants nothing more. */
static int unwanted(const struct http2_client *c)
{
    return c->leaving || c->ending ? E_CANCELED : E_BAD_HTTP;
}

static int read_some(struct http2_client *c, struct rbuf *in)
{
    int err = rbuf_fill(in, c->conn->stream);

    if (err == 0) {
        c->heard_ms = clock_cached_ms();
        c->asked_ms = 0;
        err = http2_feed(c->session, rbuf_view(in));
        http2_client_wake(c);
    }
    rbuf_drop(in);
    if (err == 0 && !nghttp2_session_want_read(c->session))
        err = unwanted(c);
    return err;
}

static void reader_task(void *arg)
{
    struct http2_client *c = arg;
    struct rbuf in = {.mem = NULL};
    int err = 0;

    while (err == 0)
        err = read_some(c, &in);
    c->reader = NULL;
    end(c, err);
    upool_release(c->conn);
}

static int send_some(struct http2_client *c, struct buf *out)
{
    int err = c->mute ? E_AGAIN : http2_pack(c->session, out);

    if (err != 0)
        return err;
    int64_t ms = c->ending ? GOODBYE_MS : http_limits_default.write_ms;
    int64_t outer = task_deadline(clock_cached_ms() + ms);
    err = stream_write(c->conn->stream, buf_view(out));
    task_deadline_restore(outer);
    buf_fini(out);
    buf_init(out, SIZE_MAX);
    return err;
}

/*
 * What cannot be written is not the end: a server that refuses and closes has said why, and the
 * reader will find it, and then the end. One that takes nothing for so long has neither.
 */
static void write_failed(struct http2_client *c, int err)
{
    c->mute = true;
    c->leaving = true;
    upool_retire(c->conn);
    if (c->reader != NULL && err != E_CLOSED && err != E_RESET)
        task_cancel(c->reader, E_RESET);
}

static void writer_task(void *arg)
{
    struct http2_client *c = arg;
    struct buf out;
    int err = 0;

    buf_init(&out, SIZE_MAX);
    while (err == 0) {
        err = send_some(c, &out);
        if (err != E_AGAIN || c->ending)
            continue;
        if (c->reader != NULL && !nghttp2_session_want_read(c->session))
            task_cancel(c->reader, unwanted(c));
        err = waitq_wait(&c->to_send);
    }
    buf_fini(&out);
    c->writer = NULL;
    if (err != E_AGAIN)
        write_failed(c, err);
    upool_release(c->conn);
}

/* ---- for the pool */

static int speaks(const struct stream *s, struct fault *f UNUSED)
{
    return str_eq(tls_protocol(s), STR("h2"));
}

static int speaks_always(const struct stream *s, struct fault *f)
{
    if (!str_eq(str_from(s->ops->kind), STR("tls")) || speaks(s, f) == 1)
        return 1;
    return fault_set(f, E_UPSTREAM_HTTP, "the server has not agreed on HTTP/2 (http2: on)");
}

static bool has_room(const struct upool_conn *conn, bool fresh)
{
    const struct http2_client *c = conn->http;
    uint32_t most = nghttp2_session_get_remote_settings(c->session,
                                                        NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    if (c->ending || c->mute || conn->calls >= (most < CALLS_MAX ? most : CALLS_MAX))
        return false;
    if (c->asked_ms != 0) /* perhaps it is dead */
        return false;
    if (fresh && clock_cached_ms() > c->heard_ms + FRESH_MS)
        return false;
    return nghttp2_session_check_request_allowed(c->session) != 0;
}

static int tasks_begin(struct http2_client *c)
{
    int err = task_spawn("HTTP/2 writer", writer_task, c, &c->writer);

    if (err != 0)
        return err;
    upool_hold(c->conn);
    err = task_spawn("HTTP/2 reader", reader_task, c, &c->reader);
    if (err == 0)
        upool_hold(c->conn);
    return err;
}

/* Until its SETTINGS are there: from then on it is known how many calls it takes. */
static int settle(struct http2_client *c)
{
    int err = 0;

    while (err == 0 && !c->settled && c->ended == 0)
        err = waitq_wait(&c->ready);
    if (err == 0 && c->ended != 0)
        err = c->ended == E_BAD_HTTP || c->ended == E_MEMORY ? E_UPSTREAM_HTTP : E_RESET;
    if (err == 0 && nghttp2_session_get_remote_settings(
                        c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 0)
        err = E_UPSTREAM_BUSY;
    return err;
}

static int begin(struct upool_conn *conn)
{
    struct http2_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return E_MEMORY;
    c->conn = conn;
    c->heard_ms = clock_cached_ms();
    list_init(&c->calls);
    waitq_init(&c->to_send);
    waitq_init(&c->ready);
    timer_init(&c->watch, on_watch);
    conn->http = c;
    conn->http_free = client_free;
    int err = session_make(c);
    if (err == 0)
        err = tasks_begin(c);
    if (err == 0)
        err = settle(c);
    c->idle_since_ms = clock_cached_ms();
    if (err == 0)
        watch_ring(c, c->idle_since_ms + (conn->idle_ms < SILENT_MS ? conn->idle_ms : SILENT_MS));
    if (err != 0 && c->ended == 0 && c->session != NULL)
        finish(c);
    return err;
}

const struct upool_sharing http2_sharing_auto = {
    .speaks = speaks, .begin = begin, .has_room = has_room, .idle = idle, .leave = leave};

const struct upool_sharing http2_sharing_on = {
    .speaks = speaks_always, .begin = begin, .has_room = has_room, .idle = idle, .leave = leave};
