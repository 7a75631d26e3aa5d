#include "llm/relay.h"

#include "base/clock.h"
#include "http/client.h"
#include "http/date.h"
#include "net/upool.h"
#include "rt/task.h"

static int relay_fault(const struct llm_relay *r, struct fault *f, int err)
{
    return fault_set(f, err, "provider %.*s: %s", STR_ARGS(r->provider->name), err_text(err));
}

static int request_send(struct llm_relay *r, struct http_call *call, struct str path)
{
    struct http_headers headers;
    const struct asker who = {.tenant = r->tenant, .given = r->pass_key};
    int err = provider_headers_keyed(r->provider, r->endpoint, &who, r->headers, false, r->arena,
                                     &r->key, &headers);
    if (err)
        return err;
    struct str target = arena_printf(r->arena, "%.*s%.*s", STR_ARGS(path), STR_ARGS(r->path));
    if (!target.p)
        return E_MEMORY;
    if (r->body_bytes == 0)
        return http_call_send(call, r->method, target, &headers, NULL, 0);
    err = http_call_send_head(call, r->method, target, &headers, r->body_bytes);
    for (bool more = true; !err && more;) {
        struct str piece;
        err = r->read(r, &piece);
        if (err)
            break;
        more = piece.n > 0;
        err = http_call_write(call, piece);
    }
    return err;
}

static int answer_pass(struct llm_relay *r, struct http_call *call)
{
    int64_t outer = task_deadline(clock_cached_ms() + r->provider->timeouts.first_token_ms);
    int err = http_call_head(call);
    task_deadline_restore(outer);
    if (err)
        return err == E_TIMEOUT ? E_UPSTREAM_STALL : err;
    r->first_us = clock_mono_us();
    r->status = call->status;
    if (r->status == 401 || r->status == 403)
        return E_UPSTREAM_AUTH;
    r->begun = true;
    err = r->begin(r, call->status, &call->headers, call->body_bytes);
    while (!err) {
        struct str piece;
        outer = task_deadline(clock_cached_ms() + r->provider->timeouts.between_tokens_ms);
        err = http_call_read(call, &piece);
        task_deadline_restore(outer);
        if (err == E_TIMEOUT)
            err = E_UPSTREAM_STALL;
        if (err || piece.n == 0)
            break;
        err = r->write(r, piece);
    }
    return err;
}

int llm_relay_run(struct llm_relay *r, struct fault *f)
{
    const struct provider *p = r->provider;
    r->began_us = clock_mono_us();
    struct replica *replica = p->kind->over_http ? provider_pick(p, 0) : NULL;
    if (!replica)
        return fault_set(f, E_NO_PROVIDER, "provider %.*s cannot serve this path",
                         STR_ARGS(p->name));
    r->endpoint = replica->endpoint;
    r->endpoint->under_way++;
    r->endpoint->calls++;
    int64_t outer = task_deadline(clock_cached_ms() + p->timeouts.total_ms);
    struct upool_conn *conn = NULL;
    int64_t retry_after_ms = -1;
    int err = upool_get(r->endpoint->pool, r->body_bytes != 0, &conn, f);
    if (!err) {
        r->connected_us = clock_mono_us();
        struct http_call call;
        http_call_begin(&call, conn, r->arena, &http_limits_default);
        err = request_send(r, &call, replica->path);
        if (!err)
            err = answer_pass(r, &call);
        if (r->status == 429)
            retry_after_ms = http_retry_after_ms(&call.headers, clock_wall_us() / 1000000);
        http_call_end(&call);
    }
    task_deadline_restore(outer);
    r->endpoint->under_way--;
    if (r->status)
        endpoint_answered(r->endpoint);
    else if (err != E_CLIENT_GONE && err != E_CANCELED && err != E_BAD_HTTP && err != E_TOO_SLOW)
        endpoint_failed(r->endpoint);
    r->ended_us = clock_mono_us();
    if (r->key)
        provider_key_judge(r->key, r->status == 429 ? E_UPSTREAM_LIMIT : err, retry_after_ms);
    return err ? relay_fault(r, f, err) : 0;
}
