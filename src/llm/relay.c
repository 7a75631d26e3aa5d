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

/* The client's body, as http/client.h wants it. */
struct body_source {
    struct http_source source;
    struct llm_relay *relay;
};

static int body_next(struct http_source *from, struct str *ret_piece)
{
    struct llm_relay *r = CONTAINER_OF(from, struct body_source, source)->relay;
    return r->read(r, ret_piece);
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
    struct body_source body = {{body_next}, r};
    return err ? err : http_call_send_body(call, &body.source);
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

/* One try. *ret_again: the upstream has not begun with it, as far as anybody can tell, and nothing
 * of it is gone. *ret_retry_after_ms: what a 429 said; else it stays. */
static int try_once(struct llm_relay *r, const struct replica *replica, bool fresh, bool *ret_again,
                    int64_t *ret_retry_after_ms, struct fault *f)
{
    struct upool_conn *conn = NULL;
    struct http_call call;
    *ret_again = false;
    int err = upool_get(r->endpoint->pool, fresh, &conn, f);
    if (err)
        return err;
    bool reused = conn->reused;
    r->connected_us = clock_mono_us();
    http_call_begin(&call, conn, r->arena, &http_limits_default);
    err = request_send(r, &call, replica->path);
    if (!err)
        err = answer_pass(r, &call);
    bool stale = http_is_stale(reused, call.got_byte, r->connected_us, err);
    *ret_again = err && r->body_bytes == 0 && (stale || call.unprocessed);
    if (r->status == 429)
        *ret_retry_after_ms = http_retry_after_ms(&call.headers, clock_wall_us() / 1000000);
    http_call_end(&call);
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
    int64_t retry_after_ms = -1;
    bool again = false;
    int err = try_once(r, replica, r->body_bytes != 0, &again, &retry_after_ms, f);
    if (again)
        err = try_once(r, replica, true, &again, &retry_after_ms, f);
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
