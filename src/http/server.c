/*
 * server.c: HTTP/1.1 connections of clients, request after request.
 *
 *     read_header -> check -> handler (reads the body, answers) -> drain -> again, or close
 *
 * Everything stands in one frame of the connection's task; the read buffer holds memory only while
 * there are bytes in it. A request's header is copied into its arena in one piece, so the buffer is
 * free for the body and a handler that streams for minutes holds none.
 */
#include "http/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "http/answer.h"
#include "http/http2.h"
#include "http/request.h"
#include "rt/task.h"

#define REQUESTS_A_TURN 16 /* pipelined ones, before other tasks get a turn */
#define LINGER_MS       2000
#define LINGER_BYTES    (32 * 1024 * 1024)

static const struct exchange_ops http1_ops = {
    .read_body = request_read_body,
    .begin = answer_begin,
    .write = answer_write,
    .end = answer_end,
    .watch_hangup = request_watch_hangup,
    .read_known = request_read_known,
    .drop_body = request_drop_body,
};

static void exchange_reset(struct server_conn *c)
{
    arena_init(&c->arena, c->settings->arena_bytes_max);
    c->x = (struct exchange){
        .ops = &http1_ops, .arena = &c->arena, .method = HTTP_OTHER, .client = c->client};
    http_headers_init(&c->x.headers, &c->arena);
    http_headers_init(&c->x.trailers, &c->arena);
    c->body.framing = HTTP_BODY_NONE;
    c->body.done = true;
    c->fault_text = NULL;
    c->minor = 1;
    c->expects_continue = c->watching = false;
    c->keep = c->swallow = c->chunked = false;
    c->out_left = 0;
    c->head = STR_NONE;
}

static void refuse(struct server_conn *c, int err, const char *text)
{
    c->keep = false;
    exchange_refuse(&c->x, c->settings, err, text);
    if (!c->x.ended)
        c->broken = true;
}

/* May the reader of a request's header answer to this, or is there nobody to answer? */
static bool is_refusal(int err)
{
    switch (err) {
    case E_BAD_HTTP:
    case E_BAD_METHOD:
    case E_EXPECTATION:
    case E_HEADERS_TOO_LARGE:
    case E_TOO_SLOW:
    case E_MEMORY:
        return true;
    default:
        return false;
    }
}

/* What the handler left open. An answer that was cut short is seen by the connection's end. */
static void answer_complete(struct server_conn *c)
{
    if (c->broken || c->x.ended)
        return;
    if (task_canceled(task_self()) != 0)
        c->broken = true;
    else if (!c->x.begun)
        refuse(c, E_INTERNAL, err_text(E_INTERNAL));
    else if (c->out_left != 0 || exchange_end(&c->x, NULL) != 0)
        c->broken = true;
}

/* One request and its answer. Whether the connection goes on. */
static bool serve_one(struct server_conn *c)
{
    exchange_reset(c);
    int err = request_read_header(c);
    if (err == 0) {
        c->settings->handler(c->settings->arg, &c->x);
        answer_complete(c);
    } else if (is_refusal(err)) {
        const char *text = c->fault_text != NULL ? c->fault_text : err_text(err);
        if (err == E_MEMORY) {
            /* The header has filled the arena: its room is needed for the answer. */
            arena_fini(&c->arena);
            exchange_reset(c);
        }
        c->refused = true;
        refuse(c, err, text);
    } else {
        c->broken = true; /* gone, idle for too long or canceled */
    }
    if (c->watching)
        stream_watch_hangup(c->stream, NULL, NULL);
    bool go_on = !c->broken && c->keep && request_drain(c);
    if (c->counted)
        (*c->settings->under_way)--;
    c->counted = false;
    free(c->x.held);
    arena_fini(&c->arena);
    return go_on;
}

/*
 * Closing a socket over bytes that nobody read resets it, and the reset may overtake the answer.
 * So the end is sent first, and what the client is still sending is read for a little while.
 */
static void linger(struct server_conn *c)
{
    if (c->broken)
        return;
    if (c->body.done && !c->refused && rbuf_held(&c->in) == 0 && stream_is_quiet(c->stream))
        return;
    int64_t outer = task_deadline(clock_cached_ms() + LINGER_MS);
    size_t total = 0;
    int err = 0;

    stream_shut_write(c->stream);
    while (err == 0 && total < LINGER_BYTES) {
        c->in.from = c->in.to;
        err = rbuf_fill(&c->in, c->stream);
        total += rbuf_held(&c->in);
    }
    task_deadline_restore(outer);
}

/*
 * Who begins with HTTP/2's preface, and has not agreed on it, was told so by whoever set it up. No
 * method of HTTP/1.1 begins so; where less has come, the rest of it tells.
 */
static bool speaks_http2(struct server_conn *c)
{
    const struct str preface = STR("PRI ");
    if (c->settings->http2)
        return true;
    int64_t outer = task_deadline(clock_cached_ms() + c->settings->limits->header_ms);
    int err = 0;

    while (err == 0 && rbuf_held(&c->in) < preface.n &&
           memcmp(c->in.mem + c->in.from, preface.p, rbuf_held(&c->in)) == 0)
        err = rbuf_fill(&c->in, c->stream);
    task_deadline_restore(outer);
    return str_starts(rbuf_view(&c->in), preface);
}

void http_serve(struct stream *s, struct str client, const struct http_server_settings *settings)
{
    struct server_conn c = {.stream = s, .client = client, .settings = settings};
    unsigned served = 0;

    c.body.in = &c.in;
    c.body.stream = s;
    c.body.parser = &c.parser;
    if (request_await(&c) != 0) {
        rbuf_drop(&c.in);
        return;
    }
    if (speaks_http2(&c)) {
        http2_serve(s, &c.in, client, settings);
        return;
    }
    while (serve_one(&c)) {
        if (rbuf_held(&c.in) == 0)
            rbuf_drop(&c.in);
        else if (++served % REQUESTS_A_TURN == 0 && task_sleep(0) != 0)
            break;
    }
    linger(&c);
    rbuf_drop(&c.in);
}
