/*
 * client.c: requests to upstreams and their answers.
 *
 * What outlives a call is the connection's parser and read buffer; between calls, and while an
 * answer is awaited, the buffer holds no memory.
 */
#include "http/client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/word.h"
#include "http/body.h"
#include "http/head.h"
#include "http/http2_client.h"
#include "http/parser.h"
#include "http/rbuf.h"
#include "rt/task.h"

#define PIECES_ON_STACK 24

/* What a socket may not take at once is sent by a task of its own, in pieces. A server that has
 * answered and takes none of them for so many looks wants no more. */
#define WATCHED_BYTES  (128 * 1024)
#define PIECE_BYTES    (64 * 1024)
#define LOOK_MS        100
#define LOOKS_ANSWERED 10

struct http_client_conn {
    struct http_parser parser;
    struct rbuf in;
    struct body body;
    bool keep; /* the answer's header lets the connection live on */
};

static void conn_state_free(void *p)
{
    struct http_client_conn *s = p;

    rbuf_drop(&s->in);
    free(s);
}

void http_call_begin(struct http_call *call, struct upool_conn *conn, struct arena *arena,
                     const struct http_limits *limits)
{
    *call = (struct http_call){.conn = conn, .arena = arena, .limits = limits, .body_bytes = -1};
    if (!conn->shared)
        call->state = conn->http;
}

/* Made with the connection's first call. */
static int state_need(struct http_call *call)
{
    struct upool_conn *conn = call->conn;

    if (call->state != NULL)
        return 0;
    struct http_client_conn *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return E_MEMORY;
    s->body.in = &s->in;
    s->body.stream = conn->stream;
    s->body.parser = &s->parser;
    conn->http = s;
    conn->http_free = conn_state_free;
    call->state = s;
    return 0;
}

/* ---- the request */

static ALWAYS_INLINE bool word_is_unclean(uint64_t word)
{
    return (word_below(word, ' ' + 1) | word_has(word, 0x7f)) != 0;
}

/* It would not end the word that it stands for in the header. */
static bool is_clean(struct str s)
{
    return s.n > 0 && !word_any(s.p, s.n, word_is_unclean);
}

bool http_request_tells_length(struct str method, int64_t body_bytes)
{
    if (body_bytes != 0)
        return true;
    return !str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD")) &&
           !str_eq(method, STR("DELETE")) && !str_eq(method, STR("OPTIONS"));
}

static int request_check(const struct http_call *call, struct str method, struct str target,
                         const struct http_headers *headers)
{
    bool has_host = headers != NULL && http_headers_value(headers, FIELD_HOST).p != NULL;

    if (!is_clean(method) || !is_clean(target))
        return E_BAD_REQUEST;
    return has_host || is_clean(call->host) ? 0 : E_INTERNAL;
}

/* Request line and fields into the arena. */
static int head_make(struct http_call *call, struct str method, struct str target,
                     const struct http_headers *headers, int64_t body_bytes, struct str *ret_head)
{
    static const struct str version = {" HTTP/1.1\r\n", 11};
    static const struct str keep = {"Connection: keep-alive\r\n", 24};
    static const struct str chunked = {"Transfer-Encoding: chunked\r\n", 28};
    struct str length = STR("Content-Length: ");
    bool needs_host = headers == NULL || http_headers_value(headers, FIELD_HOST).p == NULL;

    int err = request_check(call, method, target, headers);
    if (err != 0)
        return err;
    size_t n = head_measure(headers) + method.n + 1 + target.n + version.n + sizeof("Host: \r\n") +
               call->host.n + keep.n + chunked.n + length.n + PUT_U64_MAX + 4;
    char *head = arena_alloc(call->arena, n);
    if (head == NULL)
        return E_MEMORY;
    char *at = put_str(head, method);
    *at++ = ' ';
    at = put_str(at, target);
    at = put_str(at, version);
    if (needs_host)
        at = head_field(at, STR("Host"), call->host);
    at = head_fields(at, headers);
    at = put_str(at, keep);
    if (body_bytes < 0) {
        at = put_str(at, chunked);
    } else if (http_request_tells_length(method, body_bytes)) {
        at = put_u64(put_str(at, length), (uint64_t)body_bytes);
        at = put_str(at, STR("\r\n"));
    }
    at = put_str(at, STR("\r\n"));
    *ret_head = str_of(head, (size_t)(at - head));
    return 0;
}

/*
 * A server may refuse a request before it has read all of it, and close. Then the write fails, but
 * the answer may be there.
 */
static int call_writev(struct http_call *call, struct iovec *iov, int count)
{
    struct http_client_conn *s = call->state;
    int err = stream_writev(call->conn->stream, iov, count);

    if (err != E_CLOSED && err != E_RESET)
        return err;
    if (rbuf_held(&s->in) == 0 && !stream_is_quiet(call->conn->stream)) {
        int read_err = rbuf_fill(&s->in, call->conn->stream);
        if (read_err != 0)
            return err;
    }
    /* With an answer there `sent` stays false: the connection ends with this call. */
    return rbuf_held(&s->in) > 0 ? 0 : err;
}

static int call_start(struct http_call *call)
{
    int err = state_need(call);

    if (err != 0)
        return err;
    http_headers_init(&call->headers, call->arena);
    http_headers_init(&call->trailers, call->arena);
    http_parser_begin(&call->state->parser, HTTP_RESPONSE, call->limits, &call->headers);
    call->state->keep = false;
    return 0;
}

/* A body that is there, in pieces. */
struct held_body {
    struct http_source source;
    const struct iovec *at;
    int left;
};

static int held_next(struct http_source *from, struct str *ret_piece)
{
    struct held_body *b = CONTAINER_OF(from, struct held_body, source);

    *ret_piece = STR_NONE;
    while (ret_piece->n == 0 && b->left > 0) {
        *ret_piece = str_of(b->at->iov_base, b->at->iov_len);
        b->at++;
        b->left--;
    }
    return 0;
}

int http_call_send(struct http_call *call, struct str method, struct str target,
                   const struct http_headers *headers, const struct iovec *body, int pieces)
{
    struct iovec on_stack[PIECES_ON_STACK];
    struct iovec *iov = on_stack;
    struct str head;
    int64_t body_bytes = 0;

    for (int i = 0; i < pieces; i++)
        body_bytes += (int64_t)body[i].iov_len;
    if (!call->conn->shared && body_bytes > WATCHED_BYTES) {
        struct held_body from = {.source.next = held_next, .at = body, .left = pieces};
        int held_err = http_call_send_head(call, method, target, headers, body_bytes);
        return held_err != 0 ? held_err : http_call_send_body(call, &from.source);
    }
    call->head_request = str_eq(method, STR("HEAD"));
    int err = call->conn->shared ? request_check(call, method, target, headers) : call_start(call);
    if (err != 0)
        return err;
    if (call->conn->shared)
        return http2_call_send(call, method, target, headers, body, pieces);
    if (pieces + 1 > PIECES_ON_STACK)
        iov = ARENA_ARRAY(call->arena, struct iovec, (size_t)pieces + 1);
    if (iov == NULL)
        return E_MEMORY;
    for (int i = 0; i < pieces; i++)
        iov[i + 1] = body[i];
    err = head_make(call, method, target, headers, body_bytes, &head);
    if (err != 0)
        return err;
    iov[0] = (struct iovec){(void *)head.p, head.n};
    err = call_writev(call, iov, pieces + 1);
    call->sent = err == 0 && rbuf_held(&call->state->in) == 0;
    return err;
}

int http_call_send_head(struct http_call *call, struct str method, struct str target,
                        const struct http_headers *headers, int64_t body_bytes)
{
    call->head_request = str_eq(method, STR("HEAD"));
    int err = call->conn->shared ? request_check(call, method, target, headers) : call_start(call);
    if (err == 0 && call->conn->shared)
        return http2_call_send_head(call, method, target, headers, body_bytes);
    if (err == 0)
        err = head_make(call, method, target, headers, body_bytes, &call->send_head);
    call->send_chunked = body_bytes < 0;
    call->send_left = body_bytes;
    return err;
}

int http_call_write(struct http_call *call, struct str piece)
{
    char size[HEAD_CHUNK_MAX];
    struct iovec iov[4];
    int count = 0;

    if (call->http2 != NULL)
        return http2_call_write(call, piece);
    if (call->sent)
        return piece.n == 0 ? 0 : E_INTERNAL;
    if (!call->send_chunked && (int64_t)piece.n > call->send_left)
        return E_INTERNAL;
    if (piece.n == 0 && !call->send_chunked && call->send_left > 0)
        return E_INTERNAL; /* less than was promised */
    if (call->send_head.n > 0)
        iov[count++] = (struct iovec){(void *)call->send_head.p, call->send_head.n};
    if (call->send_chunked) {
        char *end = head_chunk(size, piece.n);
        iov[count++] = (struct iovec){size, (size_t)(end - size)};
    }
    if (piece.n > 0)
        iov[count++] = (struct iovec){(void *)piece.p, piece.n};
    if (call->send_chunked)
        iov[count++] = (struct iovec){(void *)"\r\n", 2};
    call->send_head = STR_NONE;
    int err = count > 0 ? call_writev(call, iov, count) : 0;
    if (err != 0)
        return err;
    if (!call->send_chunked)
        call->send_left -= (int64_t)piece.n;
    bool all = call->send_chunked ? piece.n == 0 : call->send_left == 0;
    call->sent = all && rbuf_held(&call->state->in) == 0;
    return 0;
}

/* A task of its own sends the body, so that an answer is seen while a write waits. */
struct sending {
    struct http_call *call;
    struct http_source *from;
    int64_t until_ms;
    uint64_t pieces; /* that are gone */
    bool writing, done;
    int err;
    struct waitq ended;
};

static void sending_run(void *arg)
{
    struct sending *w = arg;
    struct str piece = STR_NONE;
    bool more = true;

    (void)task_deadline(w->until_ms);
    while (w->err == 0 && more) {
        w->err = w->from->next(w->from, &piece);
        more = w->err == 0 && piece.n > 0 &&
               (w->call->http2 != NULL || rbuf_held(&w->call->state->in) == 0);
        w->writing = true;
        do {
            if (w->err == 0)
                w->err = http_call_write(w->call, str_head(piece, PIECE_BYTES));
            piece = str_tail(piece, PIECE_BYTES);
            w->pieces++;
        } while (w->err == 0 && piece.n > 0);
        w->writing = false;
    }
    w->done = true;
    waitq_wake_all(&w->ended);
}

/* Until it is sent, or the server has answered and takes no more. */
static int sending_await(struct sending *w)
{
    uint64_t before = 0;
    int err = 0;

    for (unsigned still = 0; err == 0 && !w->done && still < LOOKS_ANSWERED;) {
        int64_t outer = task_deadline(clock_cached_ms() + LOOK_MS);
        err = waitq_wait(&w->ended);
        task_deadline_restore(outer);
        if (err == E_TIMEOUT && clock_cached_ms() < w->until_ms)
            err = 0;
        bool stalls = w->writing && w->pieces == before;
        still = stalls && !stream_is_quiet(w->call->conn->stream) ? still + 1 : 0;
        before = w->pieces;
    }
    return err;
}

int http_call_send_body(struct http_call *call, struct http_source *from)
{
    struct sending w = {.call = call, .from = from};
    struct group group;

    w.until_ms = task_deadline(TASK_NO_DEADLINE);
    waitq_init(&w.ended);
    group_init(&group);
    if (call->http2 != NULL || group_spawn(&group, "request's body", sending_run, &w) != 0) {
        sending_run(&w); /* HTTP/2 sees early answers itself */
        return w.err;
    }
    int err = sending_await(&w);
    bool whole = w.done;
    if (!whole)
        group_cancel(&group, err != 0 ? err : E_CANCELED);
    group_join(&group);
    return whole ? w.err : err;
}

/* ---- the answer */

/* What a failed read means: before the first byte of the answer, or in the middle of it. */
static int read_fault(const struct http_call *call, int err)
{
    switch (err) {
    case E_EOF:
    case E_CLOSED:
        return call->got_byte ? E_UPSTREAM_CUT : E_CLOSED;
    case E_RESET:
        return call->got_byte ? E_UPSTREAM_CUT : E_RESET;
    case E_BAD_HTTP:
    case E_HEADERS_TOO_LARGE:
    case E_TOO_LARGE:
        return E_UPSTREAM_HTTP;
    default:
        return err;
    }
}

/* More bytes behind those of an unfinished header, or the first ones. */
static int head_fill(struct http_call *call)
{
    struct http_client_conn *s = call->state;
    ptrdiff_t moved = 0;
    int err = 0;

    if (rbuf_held(&s->in) > 0 && s->in.to == s->in.cap) {
        err = rbuf_room(&s->in, call->limits->header_bytes_max + RBUF_BYTES, &moved);
        http_parser_moved(&s->parser, moved);
    }
    if (err == 0)
        err = rbuf_fill(&s->in, call->conn->stream);
    if (err == 0)
        call->got_byte = true;
    return err;
}

/* One header, 1xx or final, whole in the buffer from `from` on. */
static int head_read(struct http_call *call)
{
    struct http_client_conn *s = call->state;
    size_t parsed = 0;

    while (!s->parser.header_done) {
        if (rbuf_held(&s->in) == parsed) {
            int err = head_fill(call);
            if (err != 0)
                return err;
        }
        call->got_byte = true;
        size_t used;
        int err = http_parser_header(&s->parser, s->in.mem + s->in.from + parsed,
                                     rbuf_held(&s->in) - parsed, &used);
        if (err != 0)
            return err;
        parsed += used;
    }
    return 0;
}

static int head_take(struct http_call *call)
{
    struct http_client_conn *s = call->state;
    enum http_framing framing;
    int64_t length;

    int err = http_parser_framing(&s->parser, call->head_request, &framing, &length);
    if (err != 0)
        return err;
    err = http_parser_keep(&s->parser, s->in.mem + s->in.from, call->arena);
    if (err != 0)
        return err;
    s->in.from += s->parser.header_bytes;
    call->status = s->parser.ll.status_code;
    call->body_bytes = framing == HTTP_BODY_LENGTH ? length : framing == HTTP_BODY_NONE ? 0 : -1;
    s->keep = http_parser_keep_alive(&s->parser) && framing != HTTP_BODY_UNTIL_CLOSE;
    body_begin(&s->body, framing, length, &call->trailers);
    call->done = s->body.done;
    if (rbuf_held(&s->in) == 0)
        rbuf_drop(&s->in);
    return 0;
}

int http_call_head(struct http_call *call)
{
    struct http_client_conn *s = call->state;
    size_t skipped = 0;

    if (call->http2 != NULL)
        return http2_call_head(call);
    if (call->send_head.n > 0) {
        struct iovec iov = {(void *)call->send_head.p, call->send_head.n};
        call->send_head = STR_NONE;
        int err = call_writev(call, &iov, 1);
        if (err != 0)
            return read_fault(call, err);
        call->sent = !call->send_chunked && call->send_left == 0 && rbuf_held(&s->in) == 0;
    }
    for (;;) {
        int err = head_read(call);
        if (err != 0)
            return read_fault(call, err);
        if (s->parser.ll.status_code >= 200)
            break;
        /* 101 would be another protocol, which nobody asked for. */
        skipped += s->parser.header_bytes;
        if (s->parser.ll.status_code == 101 || s->parser.ll.status_code < 100 ||
            skipped > call->limits->header_bytes_max)
            return E_UPSTREAM_HTTP;
        s->in.from += s->parser.header_bytes;
        call->headers.n = 0;
        http_parser_begin(&s->parser, HTTP_RESPONSE, call->limits, &call->headers);
    }
    return read_fault(call, head_take(call));
}

int http_call_read(struct http_call *call, struct str *ret_piece)
{
    if (call->http2 != NULL)
        return http2_call_read(call, ret_piece);
    struct http_client_conn *s = call->state;
    int err = body_read(&s->body, ret_piece);
    call->done = err == 0 && s->body.done;
    return read_fault(call, err);
}

bool http_call_in_trailers(const struct http_call *call)
{
    if (call->http2 != NULL)
        return call->http2->in_trailers;
    return call->state != NULL && call->state->parser.in_trailers;
}

void http_call_end(struct http_call *call)
{
    struct http_client_conn *s = call->state;
    struct upool_conn *conn = call->conn;

    if (conn == NULL)
        return;
    if (conn->shared) {
        http2_call_end(call);
        return;
    }
    /* Bytes behind the answer were never asked for: nobody can tell what they answer. */
    bool reusable = s != NULL && call->sent && call->done && s->keep && rbuf_held(&s->in) == 0;
    if (s != NULL)
        rbuf_drop(&s->in);
    call->conn = NULL;
    call->state = NULL;
    upool_put(conn, reusable);
}
