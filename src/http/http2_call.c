/*
 * http2_call.c: a call as a stream of a connection: the functions of client.h where it is HTTP/2.
 *
 * heap: the stream lasts from the sending to http_call_end. What the call has in its arena
 * (headers, trailers) is put there by callbacks while its task waits or does something else.
 */
#include <stdlib.h>
#include <string.h>

#include "base/put.h"
#include "http/head.h"
#include "http/http2_client.h"
#include "net/tls.h"

/* ---- what arrives, on the loop's stack */

static bool field_fault(struct http2_call *s)
{
    if (s->fault == 0)
        s->fault = E_UPSTREAM_HTTP;
    return false;
}

bool http2_call_field(struct http2_call *s, struct str name, struct str value)
{
    struct http_call *call = s->call;
    struct http_headers *to = s->header_done ? &call->trailers : &call->headers;
    uint64_t status;

    s->header_bytes += name.n + value.n + HTTP2_FIELD_EXTRA;
    if (s->header_bytes > call->limits->header_bytes_max || to->n >= call->limits->headers_max)
        return field_fault(s);
    call->got_byte = true;
    s->in_trailers = s->header_done;
    if (name.n > 0 && name.p[0] == ':') {
        if (str_eq(name, STR(":status")) && str_to_u64(value, 999, &status))
            call->status = (int)status;
        return true;
    }
    name = arena_str(call->arena, name);
    value = arena_str(call->arena, value);
    if (name.p == NULL || value.p == NULL)
        return field_fault(s);
    return http_headers_add_as(to, http_field_of(name), name, value) == 0 || field_fault(s);
}

void http2_call_header_end(struct http2_call *s)
{
    if (s->header_done)
        return;
    if (s->call->status >= 200)
        s->header_done = true;
    else
        s->call->headers.n = 0; /* 1xx: the final one is still to come */
    waitq_wake_all(&s->changed);
}

void http2_call_close(struct http2_call *s, uint32_t why)
{
    s->closed = true;
    s->why = why;
    list_remove(&s->node);
    list_init(&s->node);
    waitq_wake_all(&s->changed);
}

/* ---- faults */

/* Has the upstream not begun with it, by its own word or because it cannot have seen it? */
static bool is_unprocessed(const struct http2_call *s)
{
    return !s->header_done && ((s->closed && s->why == NGHTTP2_REFUSED_STREAM) || !s->begun);
}

/* What a stream that has ended too early means. As with HTTP/1.1 it depends on whether something
 * of the answer had come. */
static int close_fault(struct http2_call *s)
{
    struct http_call *call = s->call;
    int ended = s->client->ended;

    if (s->fault != 0)
        return s->fault;
    if (is_unprocessed(s)) {
        call->unprocessed = true;
        return E_CLOSED;
    }
    if (s->not_for_long && (ended == E_BAD_HTTP || ended == E_MEMORY))
        return E_UPSTREAM_HTTP;
    if (!s->not_for_long && !s->was_reset) /* nghttp2 has reset it: the answer breaks HTTP */
        return E_UPSTREAM_HTTP;
    if (call->got_byte || s->was_reset) /* which is no connection that was closed while idle */
        return E_UPSTREAM_CUT;
    return s->not_for_long && ended == E_EOF ? E_CLOSED : E_RESET;
}

/* ---- the request */

static struct http2_call *stream_new(struct http_call *call)
{
    struct http2_call *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->client = call->conn->http;
    s->call = call;
    list_init(&s->node);
    waitq_init(&s->changed);
    buf_init(&s->in, SIZE_MAX);
    buf_init(&s->taken, SIZE_MAX);
    call->http2 = s;
    http_headers_init(&call->headers, call->arena);
    http_headers_init(&call->trailers, call->arena);
    return s;
}

static int submit(struct http2_call *s, const nghttp2_nv *nv, size_t n, bool has_body)
{
    struct http2_client *c = s->client;
    const nghttp2_data_provider body = {.read_callback = http2_call_pack};

    if (c->ended != 0 || c->mute || !nghttp2_session_check_request_allowed(c->session)) {
        s->call->unprocessed = true;
        return E_CLOSED;
    }
    s->out_end = !has_body;
    s->end_sent = !has_body;
    s->id = nghttp2_submit_request(c->session, NULL, nv, n, has_body ? &body : NULL, s);
    if (s->id < 0)
        return E_MEMORY;
    list_push_back(&c->calls, &s->node);
    http2_client_called(c);
    return 0;
}

/* Begins the stream. `length` is what the header says, -1: nothing. */
static int request_begin(struct http_call *call, struct str method, struct str target,
                         const struct http_headers *headers, int64_t length, bool has_body)
{
    char digits[PUT_U64_MAX];
    struct str host = headers != NULL ? http_headers_value(headers, FIELD_HOST) : STR_NONE;
    bool secret = tls_protocol(call->conn->stream).n > 0;
    size_t n = 0;

    struct http2_call *s = stream_new(call);
    nghttp2_nv *nv = ARENA_ARRAY(call->arena, nghttp2_nv, 5 + (headers != NULL ? headers->n : 0));
    if (s == NULL || nv == NULL)
        return E_MEMORY;
    nv[n++] = http2_field(STR(":method"), method);
    nv[n++] = http2_field(STR(":scheme"), secret ? STR("https") : STR("http"));
    nv[n++] = http2_field(STR(":authority"), host.p != NULL ? host : call->host);
    nv[n++] = http2_field(STR(":path"), target);
    int err = http2_fields(call->arena, headers, HTTP2_FIELDS_LEFT_OUT | FIELD_BIT(FIELD_HOST), nv,
                           &n);
    if (err != 0)
        return err;
    if (length >= 0) {
        char *end = put_u64(digits, (uint64_t)length);
        nv[n++] = http2_field(STR("content-length"), str_of(digits, (size_t)(end - digits)));
    }
    return submit(s, nv, n, has_body);
}

static size_t piece_pack(struct http2_call *s, uint8_t *out, size_t n)
{
    struct iovec *v = s->out;
    size_t more = v->iov_len < n ? v->iov_len : n;

    if (more > 0)
        memcpy(out, v->iov_base, more);
    v->iov_base = (char *)v->iov_base + more;
    v->iov_len -= more;
    if (v->iov_len == 0) {
        s->out++;
        s->out_n--;
    }
    return more;
}

ssize_t http2_call_pack(nghttp2_session *session, int32_t id, uint8_t *out, size_t n,
                        uint32_t *flags, nghttp2_data_source *source UNUSED, void *client UNUSED)
{
    struct http2_call *s = nghttp2_session_get_stream_user_data(session, id);
    size_t at = 0;

    if (s == NULL) /* the call has ended, and the reset is on its way */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    while (s->out_n > 0 && at < n)
        at += piece_pack(s, out + at, n - at);
    if (at == 0 && s->out_n == 0 && !s->out_end)
        return NGHTTP2_ERR_DEFERRED;
    if (s->out_n == 0 && s->out_end) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        s->end_sent = true;
    }
    if (s->out_n == 0)
        waitq_wake_all(&s->changed);
    return (ssize_t)at;
}

/*
 * Until what is there is packed, as the upstream's window allows. An upstream may answer before it
 * has read all, and end the stream: then the answer counts, and `sent` stays false.
 */
static int wait_packed(struct http2_call *s, struct iovec *iov, int count, bool end)
{
    struct http2_client *c = s->client;
    int err = 0;

    s->out = iov;
    s->out_n = count;
    s->out_end = end;
    if (!s->closed && nghttp2_session_resume_data(c->session, s->id) == NGHTTP2_ERR_NOMEM)
        err = E_MEMORY;
    http2_client_wake(c);
    while (err == 0 && !s->closed && !s->in_end && (s->out_n > 0 || (s->out_end && !s->end_sent)))
        err = waitq_wait(&s->changed);
    s->out_n = 0; /* what is left of it is not ours any more */
    if (err == 0 && s->closed && !s->header_done)
        err = close_fault(s);
    s->call->sent = err == 0 && s->end_sent;
    return err;
}

int http2_call_send(struct http_call *call, struct str method, struct str target,
                    const struct http_headers *headers, const struct iovec *body, int pieces)
{
    struct iovec *iov = ARENA_ARRAY(call->arena, struct iovec, (size_t)pieces + 1);
    int64_t bytes = 0;

    if (iov == NULL)
        return E_MEMORY;
    for (int i = 0; i < pieces; i++) {
        iov[i] = body[i];
        bytes += (int64_t)body[i].iov_len;
    }
    bool tells = http_request_tells_length(method, bytes);
    int err = request_begin(call, method, target, headers, tells ? bytes : -1, bytes > 0);
    if (err != 0)
        return err;
    if (bytes > 0)
        return wait_packed(call->http2, iov, pieces, true);
    http2_client_wake(call->http2->client);
    call->sent = true;
    return 0;
}

int http2_call_send_head(struct http_call *call, struct str method, struct str target,
                         const struct http_headers *headers, int64_t body_bytes)
{
    bool tells = body_bytes >= 0 && http_request_tells_length(method, body_bytes);

    call->send_left = body_bytes;
    call->send_chunked = body_bytes < 0;
    return request_begin(call, method, target, headers, tells ? body_bytes : -1, body_bytes != 0);
}

int http2_call_write(struct http_call *call, struct str piece)
{
    struct http2_call *s = call->http2;
    struct iovec iov = {(void *)piece.p, piece.n};

    if (call->sent)
        return piece.n == 0 ? 0 : E_INTERNAL;
    if (!call->send_chunked &&
        ((int64_t)piece.n > call->send_left || (piece.n == 0 && call->send_left > 0)))
        return E_INTERNAL;
    if (!call->send_chunked)
        call->send_left -= (int64_t)piece.n;
    bool last = call->send_chunked ? piece.n == 0 : call->send_left == 0;
    if (s->end_sent) { /* there is none */
        http2_client_wake(s->client);
        call->sent = true;
        return 0;
    }
    return wait_packed(s, &iov, piece.n > 0 ? 1 : 0, last);
}

/* ---- the answer */

static int64_t length_of(const struct http2_call *s)
{
    const struct http_call *call = s->call;
    struct str length = http_headers_value(&call->headers, FIELD_CONTENT_LENGTH);
    uint64_t n;

    if (call->head_request || http_status_has_no_body(call->status) || (s->in_end && s->in.n == 0))
        return 0;
    return length.p != NULL && str_to_u64(length, INT64_MAX, &n) ? (int64_t)n : -1;
}

/* Is the answer's end here, and nothing of it left? nghttp2 has compared it with its length. */
static bool is_done(const struct http2_call *s)
{
    return s->in_end && s->in.n == 0;
}

int http2_call_head(struct http_call *call)
{
    struct http2_call *s = call->http2;
    int err = task_canceled(task_self());

    http2_client_wake(s->client); /* a header that no piece of a body has taken along */
    while (err == 0 && !s->header_done)
        err = s->closed ? close_fault(s) : waitq_wait(&s->changed);
    if (err == 0 && s->fault != 0)
        err = s->fault;
    if (err != 0)
        return err;
    call->body_bytes = length_of(s);
    call->done = is_done(s);
    return 0;
}

/* The window opens by what its reader has done with. */
static int taken_give_back(struct http2_call *s)
{
    size_t n = s->taken.n;

    buf_fini(&s->taken);
    buf_init(&s->taken, SIZE_MAX);
    if (n == 0 || s->closed)
        return 0;
    if (nghttp2_session_consume_stream(s->client->session, s->id, n) != 0)
        return E_MEMORY;
    http2_client_wake(s->client);
    return 0;
}

int http2_call_read(struct http_call *call, struct str *ret_piece)
{
    struct http2_call *s = call->http2;

    *ret_piece = STR_NONE;
    int err = task_canceled(task_self());
    if (err == 0)
        err = taken_give_back(s);
    while (err == 0 && s->in.n == 0 && !s->in_end)
        err = s->closed ? close_fault(s) : waitq_wait(&s->changed);
    if (err != 0)
        return err;
    if (s->in.n > 0) {
        s->taken = s->in;
        buf_init(&s->in, SIZE_MAX);
        *ret_piece = buf_view(&s->taken);
    }
    call->done = is_done(s);
    return 0;
}

/* From here on nghttp2 knows nothing of the stream that this program would have to remember. */
static void stream_leave(struct http2_call *s)
{
    struct http2_client *c = s->client;
    uint32_t why = s->in_end ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;

    if (s->closed || s->id <= 0 || c->ended != 0)
        return;
    int err = nghttp2_session_set_stream_user_data(c->session, s->id, NULL);
    if (err == 0 || s->begun)
        err = nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, why);
    (void)err; /* without memory the connection ends with its next frame */
    http2_client_wake(c);
}

void http2_call_end(struct http_call *call)
{
    struct http2_call *s = call->http2;
    struct upool_conn *conn = call->conn;

    call->conn = NULL;
    call->http2 = NULL;
    if (s != NULL) {
        stream_leave(s);
        list_remove(&s->node);
        buf_fini(&s->in);
        buf_fini(&s->taken);
        free(s);
    }
    upool_put(conn, true);
}
