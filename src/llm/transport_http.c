/*
 * transport_http.c: a call over HTTP to one of the provider's replicas.
 */
#include "base/clock.h"
#include "llm/call.h"
#include "llm/kinds.h"
#include "rt/task.h"

static const struct http_header is_json = {
    {"Content-Type", 12}, {"application/json", 16}, FIELD_CONTENT_TYPE};
static const struct http_header no_coding = {
    {"Accept-Encoding", 15}, {"identity", 8}, FIELD_ACCEPT_ENCODING};

/* Ours come first, then the configuration's, then what is left of the client's. */
static int headers_make(const struct llm_call *c, struct http_headers *h)
{
    const struct provider *p = c->target->provider;
    struct str key = p->key_value.n ? p->key_value : c->pass_key;
    http_headers_init(h, c->arena);
    int err = http_headers_reserve(h, 4 + p->headers.n + (c->headers ? c->headers->n : 0));
    if (!err)
        err = http_headers_add_as(h, FIELD_HOST, STR("Host"), c->endpoint->host_header);
    if (!err && key.n) /* good: the configuration's was checked, the client's was parsed */
        err = http_headers_append(
            h, (struct http_header){p->key_header, key, http_field_of(p->key_header)});
    if (!err)
        err = http_headers_append(h, is_json);
    if (!err)
        err = http_headers_append(h, no_coding);
    for (unsigned i = 0; !err && i < p->headers.n; i++)
        err = http_headers_append(h, p->headers.at[i]);
    for (unsigned i = 0; !err && c->headers && i < c->headers->n; i++)
        if (!http_headers_has(&p->headers, &c->headers->at[i]))
            err = http_headers_append(h, c->headers->at[i]);
    return err;
}

static int replica_take(struct llm_call *c, bool fresh, struct fault *f)
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
    int err = upool_get(r->endpoint->pool, fresh, &c->conn, f);
    task_deadline_restore(outer);
    if (err) {
        c->conn = NULL;
        return fault_set(f, err, "provider %.*s: %s", STR_ARGS(p->name), err_text(err));
    }
    c->reused = c->conn->reused;
    c->connected_us = clock_mono_us();
    return 0;
}

static int http_send(struct llm_call *c, bool fresh, struct fault *f)
{
    c->sent = false;
    int err = replica_take(c, fresh, f);
    if (err)
        return err;
    const struct replica *r = &c->target->provider->replicas[c->replica];
    struct http_headers headers;
    struct llm_outgoing out;
    err = headers_make(c, &headers);
    if (!err)
        err = llm_call_write(c, &out);
    if (err)
        return err;
    struct str target = arena_join(c->arena, r->path, out.path);
    if (!target.p)
        return E_MEMORY;
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes = 0;
    unsigned n = llm_edits_apply(&out.edits, c->request->body, pieces, &bytes);
    http_call_begin(&c->http, c->conn, c->arena, &http_limits_default);
    c->sent = true;
    return http_call_send(&c->http, STR("POST"), target, &headers, pieces, (int)n);
}

static int http_head(struct llm_call *c)
{
    int err = http_call_head(&c->http);
    if (err)
        return err;
    c->status = c->http.status;
    c->answer_headers = c->http.headers;
    return 0;
}

static int http_read(struct llm_call *c, struct str *ret_piece)
{
    return http_call_read(&c->http, ret_piece);
}

static void http_end(struct llm_call *c)
{
    if (c->http.conn)
        http_call_end(&c->http);
    else if (c->conn)
        upool_put(c->conn, false);
    c->conn = NULL;
    c->http.conn = NULL;
    if (c->endpoint)
        c->endpoint->under_way--;
}

const struct transport transport_http = {
    .send = http_send, .head = http_head, .read = http_read, .end = http_end};
