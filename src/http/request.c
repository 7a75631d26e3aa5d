/* request.c: reads a request's header, checks what llhttp leaves open, and reads its body. */
#include "http/request.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/answer.h"
#include "rt/task.h"

#define DRAIN_BYTES_MAX (64 * 1024)

static int bad(struct server_conn *c, const char *text)
{
    c->fault_text = text;
    return E_BAD_HTTP;
}

/*
 * What a failed read means. Our own deadline says that the client is too slow; an earlier one of
 * the caller's stays what it is.
 */
static int read_fault(int err, int64_t outer_ms)
{
    switch (err) {
    case E_EOF:
    case E_CLOSED:
    case E_RESET:
        return E_CLIENT_GONE;
    case E_TIMEOUT:
        return clock_cached_ms() < outer_ms ? E_TOO_SLOW : E_TIMEOUT;
    default:
        return err;
    }
}

/* ---- the header */

/* Empty lines before a request belong to nothing. True when a byte of the request is there. */
static bool skip_empty_lines(struct rbuf *in)
{
    while (rbuf_held(in) >= 2 && memcmp(in->mem + in->from, "\r\n", 2) == 0)
        in->from += 2;
    return rbuf_held(in) >= 2 || (rbuf_held(in) == 1 && in->mem[in->from] != '\r');
}

/* Until the first byte. Whatever goes wrong here is nobody's fault: the connection just ends. */
int request_await(struct server_conn *c)
{
    if (skip_empty_lines(&c->in))
        return 0;
    int64_t outer = task_deadline(clock_cached_ms() + c->settings->limits->idle_ms);
    int err = 0;
    while (err == 0 && !skip_empty_lines(&c->in)) {
        err = rbuf_fill(&c->in, c->stream);
    }
    task_deadline_restore(outer);
    return err != 0 ? E_CLIENT_GONE : 0;
}

static int header_fill(struct server_conn *c)
{
    ptrdiff_t moved = 0;
    int err = 0;

    if (c->in.to == c->in.cap) {
        size_t cap_max = c->settings->limits->header_bytes_max + RBUF_BYTES;
        err = rbuf_room(&c->in, cap_max, &moved);
        http_parser_moved(&c->parser, moved);
        if (err == E_TOO_LARGE)
            return E_HEADERS_TOO_LARGE;
    }
    return err != 0 ? err : rbuf_fill(&c->in, c->stream);
}

static int parse_header(struct server_conn *c)
{
    size_t parsed = 0;

    for (;;) {
        size_t used;
        int err = http_parser_header(&c->parser, c->in.mem + c->in.from + parsed,
                                     rbuf_held(&c->in) - parsed, &used);
        if (err != 0) {
            c->fault_text = c->parser.text;
            return err;
        }
        if (c->parser.header_done)
            return 0;
        parsed += used;
        err = header_fill(c);
        if (err != 0)
            return err;
    }
}

/* ---- checks */

/* "http://host/path": the host counts as Host, the rest is the path. */
static int absolute_target(struct server_conn *c, struct str rest, struct str *ret_path)
{
    size_t n = 0;

    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    struct str host = str_head(rest, n);
    if (n == 0 || str_find(host, STR("@")) >= 0)
        return bad(c, "the target's host is not valid");
    for (unsigned i = 0; i < c->x.headers.n; i++) {
        if (c->x.headers.at[i].field == FIELD_HOST)
            c->x.headers.at[i].value = host;
    }
    *ret_path = str_tail(rest, n);
    return 0;
}

/* One that does not begin with a path. */
static int unusual_target(struct server_conn *c, struct str *target)
{
    if (str_starts_nocase(*target, STR("http://")))
        return absolute_target(c, str_tail(*target, 7), target);
    if (str_starts_nocase(*target, STR("https://")))
        return absolute_target(c, str_tail(*target, 8), target);
    if (str_eq(*target, STR("*")) && c->x.method == HTTP_OPTIONS)
        return 0;
    return bad(c, "the request's target is not valid");
}

static int take_target(struct server_conn *c)
{
    struct exchange *x = &c->x;
    struct str path = x->target;

    if (!http_target_is_clean(path))
        return bad(c, "the request's target is not valid");
    /* llhttp takes several spaces for one; others on the way might not. */
    if (x->method_text.p + x->method_text.n + 1 != path.p || path.p[path.n + 1] != 'H')
        return bad(c, "the first line is not HTTP/1.1");
    int err = path.p[0] == '/' ? 0 : unusual_target(c, &path);
    if (err != 0)
        return err;
    x->query = path;
    x->path = str_cut(&x->query, '?');
    if (x->path.n == 0)
        x->path = STR("/");
    return 0;
}

static int take_expect(struct server_conn *c)
{
    struct str expect = http_headers_value(&c->x.headers, FIELD_EXPECT);

    if (expect.p == NULL || c->minor == 0)
        return 0;
    if (!str_eq_nocase(expect, STR("100-continue")))
        return E_EXPECTATION;
    c->expects_continue = !c->body.done;
    return 0;
}

static int take_header(struct server_conn *c)
{
    struct exchange *x = &c->x;
    enum http_framing framing;
    int64_t length;

    int err = http_parser_keep(&c->parser, c->in.mem + c->in.from, &c->arena);
    if (err != 0)
        return err;
    c->in.from += c->parser.header_bytes;
    if (rbuf_held(&c->in) == 0)
        rbuf_drop(&c->in);
    c->minor = c->parser.ll.http_minor;
    x->method_text = c->parser.method;
    x->method = http_method_of(x->method_text);
    x->target = c->parser.target;
    if (c->parser.ll.method == HTTP_CONNECT) {
        c->fault_text = "this is not a proxy";
        return E_BAD_METHOD;
    }
    unsigned hosts = http_headers_times(&x->headers, FIELD_HOST);
    if (hosts > 1 || (hosts == 0 && c->minor > 0))
        return bad(c, hosts > 1 ? "Host stands twice" : "Host is missing");
    err = http_parser_framing(&c->parser, false, &framing, &length);
    if (err != 0) {
        c->fault_text = c->parser.text;
        return err;
    }
    err = take_target(c);
    if (err != 0)
        return err;
    x->body_bytes = framing == HTTP_BODY_CHUNKED ? -1 : length;
    body_begin(&c->body, framing, length, &x->trailers);
    c->keep = http_parser_keep_alive(&c->parser);
    return take_expect(c);
}

int request_read_header(struct server_conn *c)
{
    int err = request_await(c);
    if (err != 0)
        return err;
    c->x.began_us = clock_mono_us();
    c->counted = c->settings->under_way != NULL;
    if (c->counted)
        (*c->settings->under_way)++;
    http_parser_begin(&c->parser, HTTP_REQUEST, c->settings->limits, &c->x.headers);
    int64_t outer = task_deadline(clock_cached_ms() + c->settings->limits->header_ms);
    char first = c->in.mem[c->in.from];
    if (first == '\r' || first == '\n')
        err = bad(c, "a line does not end with CR LF");
    else
        err = parse_header(c);
    task_deadline_restore(outer);
    if (err != 0)
        return read_fault(err, outer);
    return take_header(c);
}

/* ---- the body */

/* After a fault in the body nobody knows where the next request would begin. */
static int body_fault(struct server_conn *c, int err, int64_t outer_ms)
{
    if (err == 0)
        return 0;
    c->keep = false;
    c->refused = true;
    if (err == E_BAD_HTTP)
        c->fault_text = c->parser.text;
    err = read_fault(err, outer_ms);
    if (err == E_CLIENT_GONE)
        c->broken = true;
    return err;
}

int request_read_body(struct exchange *x, struct str *ret_piece)
{
    struct server_conn *c = conn_of(x);

    *ret_piece = STR_NONE;
    int err = answer_continue(c);
    if (err != 0)
        return err;
    int64_t outer = task_deadline(clock_cached_ms() + c->settings->limits->body_ms);
    err = body_read(&c->body, ret_piece);
    task_deadline_restore(outer);
    return body_fault(c, err, outer);
}

/* It came along with the header and fills most of the buffer's block: it stays there, where a small
 * one would hold more memory than it has bytes. */
static bool body_in_place(struct server_conn *c, struct str *ret_body)
{
    struct str held = rbuf_view(&c->in);
    size_t n = (size_t)c->x.body_bytes;
    if (held.n < n || n < c->in.cap / 2)
        return false;
    c->in.from += n;
    c->body.left = 0;
    c->body.done = true;
    *ret_body = str_head(held, n);
    return true;
}

/* Each wait of body_read_some has the whole of body_ms: it is the longest pause, not the total. */
int request_read_known(struct exchange *x, struct str *ret_body)
{
    struct server_conn *c = conn_of(x);
    int64_t outer = TASK_NO_DEADLINE;
    size_t total = 0;

    if (c->body.left != x->body_bytes)
        return E_INTERNAL; /* some of it was read already */
    int err = answer_continue(c);
    if (err == 0 && body_in_place(c, ret_body))
        return 0;
    x->held = err == 0 ? malloc((size_t)x->body_bytes) : NULL;
    if (err == 0 && x->held == NULL)
        err = E_MEMORY;
    while (err == 0 && !c->body.done) {
        size_t n = 0;
        outer = task_deadline(clock_cached_ms() + c->settings->limits->body_ms);
        err = body_read_some(&c->body, x->held + total, &n);
        task_deadline_restore(outer);
        total += n;
    }
    if (err == 0)
        *ret_body = str_of(x->held, total);
    return body_fault(c, err, outer);
}

void request_drop_body(struct exchange *x)
{
    struct server_conn *c = conn_of(x);

    if (c->body.done && rbuf_held(&c->in) == 0)
        rbuf_drop(&c->in);
}

bool request_is_drainable(const struct server_conn *c)
{
    return c->body.done || (!c->expects_continue && c->body.left <= DRAIN_BYTES_MAX);
}

bool request_drain(struct server_conn *c)
{
    size_t total = 0;
    int err = 0;

    if (c->body.done)
        return true;
    int64_t outer = task_deadline(clock_cached_ms() + c->settings->limits->body_ms);
    while (err == 0 && !c->body.done && total <= DRAIN_BYTES_MAX) {
        struct str piece;
        err = body_read(&c->body, &piece);
        total += piece.n;
    }
    task_deadline_restore(outer);
    return err == 0 && c->body.done && total <= DRAIN_BYTES_MAX;
}

void request_watch_hangup(struct exchange *x, void (*fn)(void *arg), void *arg)
{
    struct server_conn *c = conn_of(x);

    c->watching = fn != NULL;
    stream_watch_hangup(c->stream, fn, arg);
}
