/*
 * transport_http.c: a call over HTTP to one of the provider's replicas.
 *
 * heap: what a send holds outlives the request where the answer is whole, but HTTP's own end of it
 * has not come yet: nobody waits for that, and the connection can then be used again.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "http/client.h"
#include "llm/call.h"
#include "llm/kinds.h"
#include "rt/task.h"

/* How long the end of an answer may be behind its [DONE]; else the connection is closed. */
#define END_MS 100

static unsigned ends_awaited; /* tasks that wait for the end of an answer */

struct way {
    struct http_call http;
    struct arena arena; /* for what comes behind the answer, once the request's own is gone */
};

static int replica_take(struct llm_call *c, bool fresh, struct upool_conn **ret_conn,
                        struct fault *f)
{
    const struct provider *p = c->target->provider;
    struct replica *r = provider_pick(p, c->tried);
    if (!r)
        return fault_set(f, E_UPSTREAM_BUSY, "provider %.*s: every replica was tried",
                         STR_ARGS(p->name));
    c->replica = (unsigned)(r - p->replicas);
    c->endpoint = r->endpoint;
    c->endpoint->under_way++;
    c->endpoint->calls++;
    int64_t outer = task_deadline(clock_cached_ms() + c->target->timeouts.connect_ms);
    int err = upool_get(r->endpoint->pool, fresh, ret_conn, f);
    task_deadline_restore(outer);
    if (err)
        return fault_set(f, err, "provider %.*s: %s", STR_ARGS(p->name), err_text(err));
    c->reused = (*ret_conn)->reused;
    c->connected_us = clock_mono_us();
    return 0;
}

/* Of the client's headers those that any provider may see: what belongs to the client's protocol
 * alone would be wrong where it speaks another. */
static int headers_common(const struct http_headers *from, struct arena *arena,
                          struct http_headers *to)
{
    static const struct str own[] = {
        {"anthropic-", 10}, {"openai-", 7}, {"x-stainless-", 12}, {"user-agent", 10}};
    int err = 0;
    http_headers_init(to, arena);
    for (unsigned i = 0; from && i < from->n && !err; i++) {
        bool of_protocol = false;
        for (unsigned k = 0; k < ARRAY_LEN(own); k++)
            of_protocol = of_protocol || str_starts_nocase(from->at[i].name, own[k]);
        if (!of_protocol)
            err = http_headers_append(to, from->at[i]);
    }
    return err;
}

static int headers_make(struct llm_call *c, struct str path, struct http_headers *headers)
{
    const struct provider *p = c->target->provider;
    struct http_headers common;
    const struct http_headers *from = c->headers;
    int err = 0;
    if (c->out->crossing) {
        err = headers_common(from, c->arena, &common);
        from = &common;
    }
    const struct asker who = {.tenant = c->tenant, .given = c->pass_key};
    if (!err)
        err = provider_headers_keyed(p, c->endpoint, &who, from, true, c->arena, &c->key, headers);
    if (err || !p->kind->sign)
        return err;
    const struct provider_signing signing = {
        .path = path, .body = c->out->body, .headers = headers, .arena = c->arena};
    return p->kind->sign(p, &signing);
}

/* The upstream's word that it has not begun with the request takes it back: it was not sent. */
static int answer_or_fault(struct llm_call *c, const struct http_call *http, int err)
{
    c->got_byte = http->got_byte;
    c->unprocessed = err && http->unprocessed;
    if (c->unprocessed)
        c->sent = false;
    return err;
}

static int request_send(struct llm_call *c, struct http_call *http)
{
    const struct replica *r = &c->target->provider->replicas[c->replica];
    struct http_headers headers;
    struct str target = arena_join(c->arena, r->path, c->out->path);
    if (!target.p)
        return E_MEMORY;
    int err = headers_make(c, target, &headers);
    if (err)
        return err;
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes = 0;
    unsigned n = llm_edits_apply(&c->out->edits, c->out->body, pieces, &bytes);
    c->sent = true;
    err = http_call_send(http, STR("POST"), target, &headers, pieces, (int)n);
    return answer_or_fault(c, http, err);
}

static int http_send(struct llm_call *c, bool fresh, struct fault *f)
{
    struct upool_conn *conn = NULL;
    c->sent = c->got_byte = c->unprocessed = false;
    int err = replica_take(c, fresh, &conn, f);
    if (err)
        return err;
    struct way *w = malloc(sizeof(*w)); /* which is cheaper; all is set before it is read */
    if (!w) {
        upool_put(conn, false);
        return E_MEMORY;
    }
    c->own = w;
    http_call_begin(&w->http, conn, c->arena, &http_limits_default);
    return request_send(c, &w->http);
}

static int http_head(struct llm_call *c)
{
    struct way *w = c->own;
    int err = answer_or_fault(c, &w->http, http_call_head(&w->http));
    if (err)
        return err;
    c->status = w->http.status;
    c->answer_headers = w->http.headers;
    c->body_bytes = w->http.body_bytes;
    return 0;
}

static int http_read(struct llm_call *c, struct str *ret_piece)
{
    struct way *w = c->own;
    return http_call_read(&w->http, ret_piece);
}

/* A task of its own: reads up to the end, which is due, and gives the connection back. */
static void end_await(void *arg)
{
    struct way *w = arg;
    struct str piece;
    int err = 0;
    (void)task_deadline(clock_cached_ms() + END_MS);
    do
        err = http_call_read(&w->http, &piece);
    while (!err && piece.n > 0);
    http_call_end(&w->http);
    arena_fini(&w->arena);
    free(w);
    ends_awaited--;
}

/*
 * Trailers that have begun stand in the request's arena, so that their connection ends with it; and
 * where connections are few nobody shall be refused for one that only waits.
 */
static bool ends_later(const struct llm_call *c, struct way *w)
{
    if (!c->done || w->http.done || http_call_in_trailers(&w->http) ||
        upool_is_limited(c->endpoint->pool))
        return false;
    arena_init(&w->arena, (size_t)http_limits_default.header_bytes_max);
    w->http.arena = &w->arena;
    http_headers_init(&w->http.trailers, &w->arena);
    if (task_spawn("answer's end", end_await, w, NULL) != 0)
        return false;
    ends_awaited++;
    return true;
}

void transport_http_settle(void)
{
    while (ends_awaited > 0 && task_sleep(5) == 0)
        ;
}

static void http_end(struct llm_call *c)
{
    struct way *w = c->own;
    if (c->endpoint)
        c->endpoint->under_way--;
    c->own = NULL;
    if (!w || ends_later(c, w))
        return;
    http_call_end(&w->http);
    free(w);
}

const struct transport transport_http = {
    .send = http_send, .head = http_head, .read = http_read, .end = http_end};
