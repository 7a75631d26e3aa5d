/*
 * http2_stream.c: a request's body and its answer, as an exchange.
 *
 *     write -> out -> (the writer's task asks nghttp2, nghttp2 asks http2_stream_pack) -> a frame
 *
 * nghttp2 takes what the client's window allows, so the handler's write waits for the client. What
 * arrives of a body stands in `in`; only what the handler has read opens the window again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/put.h"
#include "http/head.h"
#include "http/http2_conn.h"
#include "rt/task.h"

/* A stream that is gone, or a connection: for the handler both are its client. */
static bool is_gone(const struct http2_stream *s)
{
    return s->closed || s->conn->broken;
}

/* Waits in `q`, at most `ms`: then it is `late`, unless the task's own deadline came first. */
static int wait_for(struct waitq *q, int64_t ms, int late)
{
    int64_t outer = task_deadline(clock_cached_ms() + ms);
    int err = waitq_wait(q);

    task_deadline_restore(outer);
    return err == E_TIMEOUT && clock_cached_ms() < outer ? late : err;
}

/* ---- the body */

/* Opens the client's window again by what has come since. */
static int take(struct http2_stream *s)
{
    size_t n = s->in.n - s->in_taken;

    s->in_taken = s->in.n;
    if (n == 0 || is_gone(s))
        return 0;
    http2_wake(s->conn);
    return nghttp2_session_consume(s->conn->session, s->id, n) == 0 ? 0 : E_MEMORY;
}

/* Until more of the body has come, or its end. */
static int wait_arrived(struct http2_stream *s)
{
    return is_gone(s) ? E_CLIENT_GONE
                      : wait_for(&s->arrived, s->conn->settings->limits->body_ms, E_TOO_SLOW);
}

/* Told once, where the client waits for it. */
static int take_more(struct http2_stream *s)
{
    const nghttp2_nv status = http2_field(STR(":status"), STR("100"));

    if (!s->takes_more)
        return 0;
    s->takes_more = false;
    if (s->in.n > 0 || s->in_end || s->x.begun)
        return 0;
    if (nghttp2_submit_headers(s->conn->session, NGHTTP2_FLAG_NONE, s->id, NULL, &status, 1,
                               NULL) != 0)
        return E_MEMORY;
    http2_wake(s->conn);
    return 0;
}

static int read_begin(struct http2_stream *s)
{
    int err = task_canceled(task_self());

    return err != 0 ? err : take_more(s);
}

static int read_body(struct exchange *x, struct str *ret_piece)
{
    struct http2_stream *s = http2_stream_of(x);

    *ret_piece = STR_NONE;
    int err = read_begin(s);
    while (err == 0 && s->in.n == 0 && !s->in_end)
        err = wait_arrived(s);
    if (err == 0)
        err = take(s);
    if (err != 0 || s->in.n == 0)
        return err;
    buf_fini(&s->taken);
    s->taken = s->in;
    buf_init(&s->in, SIZE_MAX);
    s->in_taken = 0;
    *ret_piece = buf_view(&s->taken);
    return 0;
}

/* It is collected where it arrives; nghttp2 sees to it that it has its length. */
static int read_known(struct exchange *x, struct str *ret_body)
{
    struct http2_stream *s = http2_stream_of(x);
    size_t n;

    int err = read_begin(s);
    if (err == 0)
        err = take(s);
    while (err == 0 && !s->in_end) {
        err = wait_arrived(s);
        if (err == 0)
            err = take(s);
    }
    if (err != 0)
        return err;
    x->held = buf_steal(&s->in, &n);
    s->in_taken = 0;
    *ret_body = str_of(x->held, n);
    return 0;
}

static void drop_body(struct exchange *x)
{
    struct http2_stream *s = http2_stream_of(x);

    buf_fini(&s->taken);
    buf_init(&s->taken, SIZE_MAX);
}

static void watch_hangup(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    struct http2_stream *s = http2_stream_of(x);

    s->hangup = fn;
    s->hangup_arg = arg;
}

void http2_stream_close(struct http2_stream *s)
{
    void (*fn)(void *) = s->hangup;

    s->closed = true;
    s->hangup = NULL;
    waitq_wake_all(&s->arrived);
    waitq_wake_all(&s->packed);
    if (fn != NULL && !s->end_sent)
        fn(s->hangup_arg);
}

/* ---- the answer's header */

static int submit(struct http2_stream *s, int status, const struct http_headers *headers,
                  int64_t body_bytes)
{
    size_t n = 0, room = 3 + (headers != NULL ? headers->n : 0);
    char digits[PUT_U64_MAX], length[PUT_U64_MAX];
    nghttp2_nv *nv = ARENA_ARRAY(&s->arena, nghttp2_nv, room);

    if (nv == NULL)
        return E_MEMORY;
    char *end = put_u64(digits, (uint64_t)status);
    nv[n++] = http2_field(STR(":status"), str_of(digits, (size_t)(end - digits)));
    nv[n++] = http2_field(STR("date"), head_date_value());
    if (head_has_length(status, body_bytes)) {
        end = put_u64(length, (uint64_t)body_bytes);
        nv[n++] = http2_field(STR("content-length"), str_of(length, (size_t)(end - length)));
    }
    int err = http2_fields(&s->arena, headers, HTTP2_FIELDS_LEFT_OUT, nv, &n);
    if (err != 0)
        return err;
    nghttp2_data_provider body = {.read_callback = http2_stream_pack};
    bool none = s->swallow || body_bytes == 0;
    s->out_end = none;
    if (nghttp2_submit_response(s->conn->session, s->id, nv, n, none ? NULL : &body) != 0)
        return E_MEMORY;
    s->end_sent = none;
    return 0;
}

static int begin(struct exchange *x, int status, const struct http_headers *headers,
                 int64_t body_bytes)
{
    struct http2_stream *s = http2_stream_of(x);

    if (is_gone(s))
        return E_CLIENT_GONE;
    if (x->begun || status < 200 || status > 999)
        return E_INTERNAL;
    s->swallow = http_status_has_no_body(status) || x->method == HTTP_HEAD;
    s->out_left = s->swallow ? 0 : body_bytes;
    int err = submit(s, status, headers, body_bytes);
    if (err != 0)
        return err;
    x->begun = true;
    x->status = status;
    return 0;
}

/* ---- the answer's body */

ssize_t http2_stream_pack(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                          uint32_t *flags, nghttp2_data_source *source UNUSED, void *conn UNUSED)
{
    struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

    if (s == NULL) /* its task is done, and the reset is on its way */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (s->out.n == 0 && !s->out_end)
        return NGHTTP2_ERR_DEFERRED;
    if (n > s->out.n)
        n = s->out.n;
    if (n > 0)
        memcpy(out, s->out.p, n);
    s->out = str_tail(s->out, n);
    if (s->out_left > 0)
        s->out_left -= (int64_t)n;
    /* With the last byte that was promised the end is told in the same frame. */
    if (s->out.n == 0 && (s->out_end || s->out_left == 0)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->has_trailers)
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        s->end_sent = true;
    }
    waitq_wake_all(&s->packed);
    return (ssize_t)n;
}

/* Until nghttp2 has packed what is there. The time for it begins anew with every piece taken. */
static int wait_packed(struct http2_stream *s)
{
    int err = 0;

    if (!is_gone(s) && nghttp2_session_resume_data(s->conn->session, s->id) == NGHTTP2_ERR_NOMEM)
        err = E_MEMORY;
    http2_wake(s->conn);
    while (err == 0 && (s->out.n > 0 || (s->out_end && !s->end_sent))) {
        err = is_gone(s) ? E_CLIENT_GONE
                         : wait_for(&s->packed, s->conn->settings->limits->write_ms, E_CLIENT_GONE);
    }
    if (err != 0) {
        s->out = STR_NONE; /* it is not ours any more */
        s->cut = true;
    }
    return err;
}

static int write_some(struct exchange *x, struct str bytes)
{
    struct http2_stream *s = http2_stream_of(x);

    if (!x->begun || x->ended)
        return E_INTERNAL;
    if (is_gone(s) && !s->end_sent)
        return E_CLIENT_GONE;
    if (s->swallow)
        bytes.n = 0;
    if (s->out_left >= 0 && (uint64_t)s->out_left < bytes.n)
        return E_INTERNAL;
    if (bytes.n == 0) {
        http2_wake(s->conn);
        return 0;
    }
    int err = task_canceled(task_self());
    if (err != 0)
        return err;
    s->out = bytes;
    err = wait_packed(s);
    if (err == 0)
        x->bytes_out += bytes.n;
    return err;
}

static int end(struct exchange *x, const struct http_headers *trailers)
{
    struct http2_stream *s = http2_stream_of(x);
    size_t n = 0;

    if (!x->begun || x->ended)
        return E_INTERNAL;
    if (s->cut)
        return E_CLIENT_GONE;
    if (s->out_left > 0)
        return E_INTERNAL; /* less than was promised: the stream is reset */
    if (!s->end_sent && trailers != NULL && trailers->n > 0) {
        nghttp2_nv *nv = ARENA_ARRAY(&s->arena, nghttp2_nv, trailers->n);
        int err = nv != NULL ? http2_fields(&s->arena, trailers, HTTP2_FIELDS_LEFT_OUT, nv, &n)
                             : E_MEMORY;
        if (err == 0 && n > 0 && nghttp2_submit_trailer(s->conn->session, s->id, nv, n) != 0)
            err = E_MEMORY;
        if (err != 0)
            return err;
        s->has_trailers = n > 0;
    }
    s->out_end = true;
    int err = s->end_sent ? 0 : wait_packed(s);
    http2_wake(s->conn);
    if (err == 0)
        x->ended = true;
    return err;
}

const struct exchange_ops http2_ops = {
    .read_body = read_body,
    .begin = begin,
    .write = write_some,
    .end = end,
    .watch_hangup = watch_hangup,
    .read_known = read_known,
    .drop_body = drop_body,
};
