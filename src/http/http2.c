/*
 * http2.c: the connection: what arrives, what is sent, and a task for each request.
 *
 *     reader (the connection's task) -> nghttp2 -> callbacks -> streams, each in a task
 *     streams -> nghttp2 <- writer (a task of its own) -> the connection
 *
 * nghttp2 is called on the loop's stack; its callbacks never wait. Only the writer writes, so a
 * stream that is canceled leaves no half a frame behind. heap: a stream lives as long as its task,
 * which may outlast what nghttp2 knows of it.
 */
#include "http/http2.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/http2_conn.h"
#include "rt/task.h"
#include "rt/timer.h"

#define WINDOW_ALL (1024 * 1024) /* of all bodies of a connection */

/* Frames that wait to be sent, beside the bodies of answers. A client that takes none of them is
 * not read from until it does: each that it sends may be owed one. */
#define OWED_MAX 1000

/* ---- streams */

/* Without memory for a timer the connection stays until its client goes. */
static void timer_ring(struct timer *t, int64_t ms)
{
    int ignored = timer_start(t, clock_cached_ms() + ms);

    (void)ignored;
}

static void stream_free(struct http2_stream *s)
{
    struct http2 *h = s->conn;

    list_remove(&s->node);
    h->settings->streams->open--;
    if (--h->streams_n == 0 && !h->ending)
        timer_ring(&h->idle, h->settings->limits->idle_ms);
    buf_fini(&s->in);
    buf_fini(&s->taken);
    free(s->x.held);
    arena_fini(&s->arena);
    free(s);
}

static struct http2_stream *stream_new(struct http2 *h, int32_t id)
{
    struct http2_stream *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->conn = h;
    s->id = id;
    s->out_left = -1;
    arena_init(&s->arena, h->settings->arena_bytes_max);
    s->x = (struct exchange){.ops = &http2_ops,
                             .arena = &s->arena,
                             .method = HTTP_OTHER,
                             .client = h->client,
                             .began_us = clock_mono_us()};
    http_headers_init(&s->x.headers, &s->arena);
    http_headers_init(&s->x.trailers, &s->arena);
    buf_init(&s->in, SIZE_MAX);
    buf_init(&s->taken, SIZE_MAX);
    waitq_init(&s->arrived);
    waitq_init(&s->packed);
    list_push_back(&h->streams, &s->node);
    h->streams_n++;
    h->settings->streams->open++;
    return s;
}

/* Streams that the client has reset go on until their handler has noticed: as many again. */
static bool has_room(const struct http2 *h)
{
    const struct http2_streams *all = h->settings->streams;

    return h->streams_n == 0 || (h->streams_n < 2 * h->streams_max && all->open < all->max);
}

static unsigned streams_at_once(const struct http2_streams *all)
{
    unsigned half = all->max / 2 + all->max % 2;

    return half < HTTP2_STREAMS_MAX ? half : HTTP2_STREAMS_MAX;
}

/* What the handler left open. An answer that was cut short is seen by the stream's reset. */
static void answer_complete(struct http2_stream *s)
{
    if (s->closed || s->conn->broken || s->x.ended || task_canceled(task_self()) != 0)
        return;
    if (!s->x.begun)
        exchange_refuse(&s->x, s->conn->settings, E_INTERNAL, err_text(E_INTERNAL));
    else if (s->out_left != 0 || exchange_end(&s->x, NULL) != 0)
        s->cut = true;
}

/* From here on nghttp2 knows nothing of the stream that this program would have to remember. */
static void stream_leave(struct http2_stream *s)
{
    struct http2 *h = s->conn;
    int err = 0;

    if (h->broken)
        return;
    if (s->in.n > s->in_taken)
        err = nghttp2_session_consume_connection(h->session, s->in.n - s->in_taken);
    if (!s->closed) {
        err = nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
        if (!s->end_sent)
            err = nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id,
                                            NGHTTP2_INTERNAL_ERROR);
        else if (!s->in_end) /* the rest of its body is not wanted (RFC 9113, 8.1) */
            err = nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    }
    (void)err; /* without memory the connection ends with its next frame */
    http2_wake(h);
}

static void stream_task(void *arg)
{
    struct http2_stream *s = arg;
    struct http2 *h = s->conn;

    if (s->fault != 0)
        exchange_refuse(&s->x, s->conn->settings, s->fault,
                        s->fault_text != NULL ? s->fault_text : err_text(s->fault));
    else
        h->settings->handler(h->settings->arg, &s->x);
    answer_complete(s);
    s->hangup = NULL;
    stream_leave(s);
    stream_free(s);
}

/* ---- nghttp2's callbacks, on the loop's stack */

/* The request's header is whole: its task begins. */
static int stream_begin(struct http2_stream *s)
{
    struct http2 *h = s->conn;

    http2_request_check(s);
    if (h->settings->draining != NULL && *h->settings->draining && !h->told_to_go) {
        h->told_to_go = true;
        if (nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                  nghttp2_session_get_last_proc_stream_id(h->session),
                                  NGHTTP2_NO_ERROR, NULL, 0) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (group_spawn(&h->tasks, "request", stream_task, s) == 0)
        return 0;
    int err = nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
    if (err == 0)
        err = nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id,
                                        NGHTTP2_REFUSED_STREAM);
    stream_free(s);
    return err == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/*
 * A stream with a smaller number than one before it (RFC 9113, 5.1.1). nghttp2 would take it for
 * one that was closed long ago, and be silent; those closed lately it knows.
 */
static bool is_backwards(nghttp2_session *session, const nghttp2_frame_hd *hd)
{
    return hd->type == NGHTTP2_HEADERS &&
           hd->stream_id < nghttp2_session_get_last_proc_stream_id(session) &&
           nghttp2_session_find_stream(session, hd->stream_id) == NULL;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    struct http2 *h = arg;

    if (hd->type != NGHTTP2_CONTINUATION)
        h->header_of = 0;
    if (is_backwards(session, hd))
        return nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR) == 0
                   ? 0
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    return http2_flood_bearable(&h->flood, hd) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Nothing was begun of it: the client may send it again. */
static int refuse(struct http2 *h, int32_t id)
{
    h->settings->streams->refused++;
    return nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM) == 0
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http2 *h = arg;

    h->header_of = frame->hd.stream_id;
    timer_ring(&h->slow, h->settings->limits->header_ms);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct http2_stream *s = has_room(h) ? stream_new(h, frame->hd.stream_id) : NULL;
    if (s == NULL)
        return refuse(h, frame->hd.stream_id);
    if (nghttp2_session_set_stream_user_data(session, s->id, s) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags UNUSED,
                     void *arg UNUSED)
{
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);

    if (s == NULL || s->fault != 0)
        return 0;
    http2_request_field(s, str_of((const char *)name, name_n),
                        str_of((const char *)value, value_n));
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http2 *h = arg;
    struct http2_stream *s;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        h->header_of = 0;
    s = stream_of(session, frame->hd.stream_id);
    if (s == NULL)
        return 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        s->in_end = true;
        waitq_wake_all(&s->arrived);
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return stream_begin(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags UNUSED, int32_t id, const uint8_t *bytes,
                   size_t n, void *arg UNUSED)
{
    struct http2_stream *s = stream_of(session, id);

    if (s == NULL)
        return nghttp2_session_consume_connection(session, n) == 0 ? 0
                                                                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    if (buf_add(&s->in, bytes, n) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    waitq_wake_all(&s->arrived);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code UNUSED, void *arg)
{
    struct http2 *h = arg;
    struct http2_stream *s = stream_of(session, id);

    if (id == h->header_of) /* what was wrong with its header has ended it */
        h->header_of = 0;
    if (s == NULL)
        return 0;
    if (s->header_done)
        http2_stream_close(s);
    else
        stream_free(s); /* its header was never whole */
    return 0;
}

/* ---- the session */

static int session_settings(struct http2 *h)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->settings->limits->header_bytes_max},
    };

    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries)) != 0 ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, WINDOW_ALL) != 0)
        return E_MEMORY;
    return 0;
}

static int session_make(struct http2 *h)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *option = NULL;
    int err = E_MEMORY;

    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0)
        goto out;
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    if (nghttp2_session_server_new2(&h->session, cb, h, option) == 0)
        err = session_settings(h);
out:
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    return err;
}

/* E_BAD_HTTP: the client is not one to go on with. It has been told so where it can be. */
static int feed(struct http2 *h, struct str bytes)
{
    int err = http2_feed(h->session, bytes);

    if (err == E_MEMORY)
        h->broken = true;
    http2_wake(h);
    return err != 0 ? E_BAD_HTTP : 0;
}

/* ---- the writer */

/* All streams at once: their client is gone. What the writer still packs knows none of them. */
static void streams_close(struct http2 *h)
{
    LIST_EACH(&h->streams, it)
    {
        struct http2_stream *s = LIST_ENTRY(it, struct http2_stream, node);
        if (s->closed)
            continue;
        int unknown = nghttp2_session_set_stream_user_data(h->session, s->id, NULL);
        (void)unknown; /* then nothing of it can be packed */
        http2_stream_close(s);
    }
}

static int send_some(struct http2 *h, struct buf *out)
{
    int err = http2_pack(h->session, out);

    if (err != 0)
        return err;
    int64_t outer = task_deadline(clock_cached_ms() + h->settings->limits->write_ms);
    err = stream_write(h->stream, buf_view(out));
    task_deadline_restore(outer);
    buf_fini(out);
    buf_init(out, SIZE_MAX);
    return err;
}

static void writer_task(void *arg)
{
    struct http2 *h = arg;
    struct buf out;
    int err = 0;

    buf_init(&out, SIZE_MAX);
    while (err == 0) {
        err = send_some(h, &out);
        waitq_wake_all(&h->sent);
        if (err != E_AGAIN || h->ending)
            continue;
        /* Both sides have said all that they will: also the reader waits for nothing. */
        if (!nghttp2_session_want_read(h->session))
            task_cancel(h->reader, E_CANCELED);
        err = waitq_wait(&h->to_send);
    }
    buf_fini(&out);
    if (err == E_AGAIN) /* all is sent */
        return;
    h->broken = true;
    streams_close(h);
    task_cancel(h->reader, E_CLIENT_GONE);
}

/* ---- the connection */

/* The timers are moved on and never stopped, which costs a request next to nothing; whether there
 * is something to end is seen when they ring. */
static void on_idle(struct timer *t)
{
    struct http2 *h = CONTAINER_OF(t, struct http2, idle);

    if (h->streams_n == 0)
        task_cancel(h->reader, E_TIMEOUT);
}

static void on_slow(struct timer *t)
{
    struct http2 *h = CONTAINER_OF(t, struct http2, slow);

    if (h->header_of != 0)
        task_cancel(h->reader, E_TOO_SLOW);
}

/* The writer gives a client that takes nothing up, and cancels this. */
static int wait_taken(struct http2 *h)
{
    int err = 0;

    while (err == 0 && nghttp2_session_get_outbound_queue_size(h->session) > OWED_MAX)
        err = waitq_wait(&h->sent);
    return err;
}

/* Until the client goes, nothing more is to come, or it is told to go. Why it ended. */
static int read_all(struct http2 *h)
{
    int err = feed(h, rbuf_view(h->in));

    rbuf_drop(h->in);
    while (err == 0 && (nghttp2_session_want_read(h->session) || h->streams_n > 0)) {
        err = wait_taken(h);
        if (err == 0)
            err = rbuf_fill(h->in, h->stream);
        if (err == 0)
            err = feed(h, rbuf_view(h->in));
        rbuf_drop(h->in);
    }
    return err;
}

/* The farewell, in what time a client is given to take something. */
static void say_goodbye(struct http2 *h, int why)
{
    bool gone = why == E_EOF || why == E_CLOSED || why == E_RESET || why == E_CLIENT_GONE;

    if (gone)
        h->broken = true;
    streams_close(h);
    if (why != 0 && why != E_CANCELED)
        group_cancel(&h->tasks, why == E_DRAINING ? why : E_CLIENT_GONE);
    group_join(&h->tasks);
    if (!h->broken && why != E_BAD_HTTP &&
        nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR) != 0)
        h->broken = true;
    h->ending = true;
    http2_wake(h);
    if (h->broken)
        group_cancel(&h->writer, E_CLIENT_GONE);
    group_join(&h->writer);
}

static void connection_serve(struct http2 *h)
{
    if (group_spawn(&h->writer, "writer", writer_task, h) != 0)
        return;
    timer_ring(&h->idle, h->settings->limits->idle_ms);
    int why = read_all(h);
    task_shield(); /* whoever canceled this task still has to wait for the others */
    say_goodbye(h, why);
    task_unshield();
    timer_stop(&h->idle);
    timer_stop(&h->slow);
    while (!list_empty(&h->streams)) /* those whose header was never whole */
        stream_free(LIST_ENTRY(h->streams.next, struct http2_stream, node));
    stream_shut_write(h->stream);
}

void http2_serve(struct stream *s, struct rbuf *in, struct str client,
                 const struct http_server_settings *settings)
{
    struct http2 *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return;
    *h = (struct http2){.stream = s,
                        .in = in,
                        .client = client,
                        .settings = settings,
                        .streams_max = streams_at_once(settings->streams),
                        .reader = task_self()};
    group_init(&h->tasks);
    group_init(&h->writer);
    list_init(&h->streams);
    waitq_init(&h->to_send);
    waitq_init(&h->sent);
    timer_init(&h->idle, on_idle);
    timer_init(&h->slow, on_slow);
    if (session_make(h) == 0)
        connection_serve(h);
    rbuf_drop(in);
    nghttp2_session_del(h->session);
    free(h);
}
