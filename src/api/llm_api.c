/*
 * llm_api.c: chats, completions and embeddings, from the request to the last byte, in whichever
 * protocol the route speaks.
 *
 * One request is one function from top to bottom: read, resolve, run the turn, answer, bill.
 */
#include "api/limit_headers.h"
#include "api/objects.h"
#include "api/pass.h"
#include "api/prompting.h"
#include "api/visit.h"
#include "base/json.h"
#include "base/log.h"
#include "base/put.h"
#include "llm/outgoing.h"
#include "llm/prefix.h"
#include "rt/task.h"
#include "turn/telemetry/telemetry.h"

/* A request of these APIs under way. Lives in the exchange's arena. */
struct ask {
    struct llm_sink sink; /* first: the call knows only this */
    struct visit *v;
    struct llm_request request;
    struct llm_request counted; /* the same with its prefix, of what sluice answers itself */
    struct http_headers headers;
    struct task *task;
    struct recording *recording; /* NULL: this turn is not recorded */
    struct str body;             /* of the request, until the answer begins */
    struct turn turn;            /* last: turn_begin clears it */
};

/* ---- the way back ---- */

/* `value` is known to be good. */
static int own_header(struct http_headers *h, struct str name, struct str value)
{
    return http_headers_append(h, (struct http_header){name, value, FIELD_X_SLUICE});
}

static int own_decimal(struct http_headers *h, struct arena *arena, struct str name, int64_t value,
                       unsigned places)
{
    char *text = arena_alloc(arena, PUT_DECIMAL_MAX);
    if (!text)
        return E_MEMORY;
    return own_header(h, name, str_of(text, (size_t)(put_decimal(text, value, places, 0) - text)));
}

/* x-sluice-*: what the manual promises of every answer. The cost is known when the answer is. */
static int own_headers(struct ask *a, struct http_headers *h, int64_t overhead_us, bool whole)
{
    struct arena *arena = a->v->x->arena;
    const struct turn *t = &a->turn;
    int err = own_header(h, STR("x-sluice-id"), str_of(t->id.text, ID_CHARS));
    if (!err && t->asked) {
        struct str model = arena_join(arena, t->asked->provider->prefix, t->asked->model);
        err = model.p ? http_headers_add_as(h, FIELD_X_SLUICE, STR("x-sluice-model"), model)
                      : E_MEMORY;
    }
    if (!err && t->route.lane.n)
        err = http_headers_add_as(h, FIELD_X_SLUICE, STR("x-sluice-lane"), t->route.lane);
    if (!err)
        err = own_header(h, STR("x-sluice-cache"), STR("off"));
    if (!err && t->call && t->call->left_out.n)
        err = own_header(h, STR("x-sluice-left-out"), t->call->left_out);
    if (!err && whole && t->calls_n > 0 && t->cost_usd_nanos != COST_UNKNOWN)
        err = own_decimal(h, arena, STR("x-sluice-cost-usd"), t->cost_usd_nanos, 9);
    if (!err && t->route.n > 0)
        err = own_decimal(h, arena, STR("x-sluice-overhead-us"), overhead_us, 0);
    if (!err && t->stay)
        err = limit_headers(t->stay, arena, h);
    return err;
}

static struct ask *ask_of(struct llm_sink *sink)
{
    return CONTAINER_OF(sink, struct ask, sink);
}

/* From here on no second try is possible, so the request's bytes are not needed any more, but where
 * the answer repeats them. */
static int sink_begin(struct llm_sink *sink, int status, const struct http_headers *from)
{
    struct ask *a = ask_of(sink);
    if (UNLIKELY(a->recording != NULL))
        recording_request(a->recording, a->body);
    if (!a->turn.call->body_needed)
        exchange_drop_body(a->v->x);
    struct http_headers headers;
    http_headers_init(&headers, a->v->x->arena);
    const struct turn *t = &a->turn;
    int64_t overhead_us = t->call->began_us - t->began_us - t->upstream_us;
    int err = pass_downstream(from, limit_headers_due(t->stay), &headers);
    if (!err)
        err = own_headers(a, &headers, overhead_us, false);
    return err ? err : exchange_begin(a->v->x, status, &headers, -1);
}

static int sink_events(struct llm_sink *sink, struct str bytes)
{
    struct ask *a = ask_of(sink);
    if (UNLIKELY(a->recording != NULL))
        recording_answer(a->recording, bytes);
    return exchange_write(a->v->x, bytes);
}

static int respond(struct ask *a, int status, const struct http_headers *headers, struct str body)
{
    if (UNLIKELY(a->recording != NULL)) {
        recording_request(a->recording, a->body);
        recording_answer(a->recording, body);
    }
    return exchange_respond(a->v->x, status, headers, body);
}

static void sink_kept(struct llm_sink *sink, struct str id)
{
    struct ask *a = ask_of(sink);
    objects_learn(a->v, &a->turn, id);
}

/* The answer was held: it goes out with what it cost. */
static int answer_whole(struct ask *a)
{
    struct exchange *x = a->v->x;
    const struct llm_call *c = a->turn.call;
    struct http_headers headers;
    http_headers_init(&headers, x->arena);
    int err = pass_downstream(&c->answer_headers, limit_headers_due(a->turn.stay), &headers);
    if (!err)
        err = own_headers(a, &headers, turn_overhead_us(&a->turn), true);
    return err ? err : respond(a, c->status, &headers, buf_view(&c->body));
}

/* ---- faults ---- */

/* May the client see the provider's own words? They are its protocol's, and it can act on them. */
static bool provider_speaks(const struct ask *a, int err)
{
    const struct llm_call *c = a->turn.call;
    if (!c || c->status < 400 || c->body.n == 0)
        return false;
    if (err != E_UPSTREAM_STATUS && err != E_UPSTREAM_LIMIT && err != E_UPSTREAM_BUSY)
        return false;
    return yyjson_is_obj(json_peek(buf_view(&c->body)));
}

static int retry_headers(const struct ask *a, int err, struct http_headers *h)
{
    const struct llm_call *c = a->turn.call;
    if (!c || c->retry_after_ms < 0 || (err != E_UPSTREAM_LIMIT && err != E_UPSTREAM_BUSY))
        return 0;
    return retry_after_headers(a->v->x->arena, c->retry_after_ms, h);
}

/* OpenAI's clients ask again by themselves, each time with all the tries that were just made here,
 * unless they are told that it is of no use. A limit is theirs to wait for. */
static int no_retry_header(const struct ask *a, int err, struct http_headers *h)
{
    bool tried = a->turn.calls_n > 1 && err_retryable(err) && err != E_UPSTREAM_LIMIT;
    if (!tried && err != E_UPSTREAM_AUTH)
        return 0;
    return http_headers_add(h, STR("x-should-retry"), STR("false"));
}

static int error_status(const struct ask *a, int err)
{
    const struct llm_call *c = a->turn.call;
    bool theirs = err == E_UPSTREAM_STATUS || err == E_UPSTREAM_LIMIT || err == E_UPSTREAM_BUSY;
    bool client_can_act = theirs && c && c->status >= 400;
    return client_can_act ? c->status : err_status(err);
}

/* Before the answer began: an error answer. Returns the status that the client gets. */
static int answer_error(struct ask *a, int err)
{
    struct exchange *x = a->v->x;
    int status = error_status(a, err);
    struct http_headers headers;
    arena_widen(x->arena, ERROR_ARENA_BYTES);
    http_headers_init(&headers, x->arena);
    struct buf json;
    buf_init(&json, 8192);
    struct str body;
    int made = 0;
    if (provider_speaks(a, err)) {
        made = pass_downstream(&a->turn.call->answer_headers, limit_headers_due(a->turn.stay),
                               &headers);
        body = buf_view(&a->turn.call->body);
    } else {
        made = http_headers_add(&headers, STR("Content-Type"), STR("application/json"));
        if (!made)
            made = retry_headers(a, err, &headers);
        const struct fault *f = a->turn.fault.err ? &a->turn.fault : &a->v->fault;
        struct str text = str_from(f->text[0] ? f->text : err_text(err));
        (void)a->v->wire->error_write(&json, status, err_code(err), text, str_from(f->param));
        body = buf_view(&json);
    }
    if (!made)
        made = no_retry_header(a, err, &headers);
    if (!made)
        made = own_headers(a, &headers, turn_overhead_us(&a->turn), true);
    if (!made)
        made = respond(a, status, &headers, body);
    buf_fini(&json);
    return made ? 499 : status;
}

/* After it began: the protocol's own error event, then the end. */
static int stream_error(struct ask *a, int err)
{
    struct buf event;
    buf_init(&event, 8192);
    struct str text = str_from(a->turn.fault.text[0] ? a->turn.fault.text : err_text(err));
    int64_t number = a->turn.call ? a->turn.call->next_number : 0;
    (void)a->v->wire->error_event_write(&event, number, err_status(err), err_code(err), text);
    if (UNLIKELY(a->recording != NULL))
        recording_answer(a->recording, buf_view(&event));
    int sent = exchange_write(a->v->x, buf_view(&event));
    if (!sent)
        sent = exchange_end(a->v->x, NULL);
    buf_fini(&event);
    return sent ? 499 : a->v->x->status;
}

/* Tells the client what came of it; the status that it got, 499 when it was gone. */
static int answer(struct ask *a, int err)
{
    struct exchange *x = a->v->x;
    int sent;
    if (err == E_CLIENT_GONE)
        return 499;
    if (err)
        return a->turn.streamed || x->begun ? stream_error(a, err) : answer_error(a, err);
    if (a->turn.streamed)
        sent = exchange_end(x, NULL);
    else
        sent = answer_whole(a);
    return sent ? 499 : x->status;
}

/* ---- the way in ---- */

static void client_left(void *arg)
{
    struct ask *a = arg;
    task_cancel(a->task, E_CLIENT_GONE);
}

static void who_asks(struct ask *a)
{
    struct turn *t = &a->turn;
    visit_turn(a->v, t);
    /* What is no key of ours is the provider's own, where the configuration lets it pass. */
    if (!a->v->key)
        t->pass_key = a->v->key_text;
}

static int request_take(struct ask *a)
{
    struct visit *v = a->v;
    struct exchange *x = v->x;
    struct str body;
    int err = exchange_read_all(x, (size_t)v->snapshot->config->http.body_bytes_max, &body);
    if (err == E_TOO_LARGE)
        return fault_set(&v->fault, err, "the body is over http.body_bytes (%lld bytes)",
                         (long long)v->snapshot->config->http.body_bytes_max);
    if (err)
        return err;
    a->turn.bytes_in = (int64_t)body.n;
    a->body = body;
    err = wire_ask(v->wire, body, x->arena, &a->request, &v->fault);
    if (err)
        return err;
    a->turn.request = &a->request;
    if (UNLIKELY(prompting_wanted(v->snapshot)) && v->gateway->prompts)
        prompting_see(v->gateway, &a->turn);
    a->request.tenant = visit_tenant(v);
    a->request.alone = visit_is_alone(v);
    if (v->key)
        err = key_allows_request(v->key, a->request.model, a->request.more_models, &v->fault);
    if (!err)
        err = models_resolve(v->snapshot->models, a->request.model, x->arena, &a->turn.route,
                             &v->fault);
    if (!err)
        err = objects_route(v, &a->request, &a->turn);
    if (!err)
        err = pass_upstream(&x->headers, x->arena, false, &a->headers);
    if (v->key && !err)
        err = pass_for_tenant(v->key->tenant, &a->headers);
    if (UNLIKELY(a->turn.trace != NULL) && !err)
        err = trace_pass(a->turn.trace, &a->headers);
    return err;
}

static void turn_log(const struct ask *a, int err, int status, struct str left_out)
{
    const struct turn *t = &a->turn;
    const struct target *target = t->target;
    bool priced = t->calls_n > 0 && t->cost_usd_nanos != COST_UNKNOWN;
    LOG_AT(err && err != E_CLIENT_GONE ? LOG_WARN : LOG_INFO,
           clock_wall_at(t->began_us + t->total_us), "turn",
           log_word("id", str_of(t->id.text, ID_CHARS)), log_word("api", str_from(t->api)),
           log_s("client", a->v->x->client), log_s("key", t->key.n ? t->key : STR("-")),
           log_s("asked", t->request ? str_head(t->request->model, 128) : STR("-")),
           log_s("provider", target ? target->provider->name : STR("-")),
           log_s("model", target ? str_head(target->model, 128) : STR("-")),
           log_i("status", status), log_word("error", str_from(err ? err_code(err) : "-")),
           log_i("in", tokens_prompt(&t->tokens)), log_i("out", tokens_completion(&t->tokens)),
           log_word("counted", str_from(token_source_name(t->tokens.source))),
           priced ? log_usd("usd", t->cost_usd_nanos) : log_null("usd"), log_i("calls", t->calls_n),
           log_ms("ms", t->total_us), log_ms("overhead_ms", t->overhead_us),
           left_out.n ? log_s("left_out", left_out) : LOG_END);
}

/* Is it asked for what only sluice itself can say here? */
static bool is_answered_here(const struct ask *a)
{
    const struct route *route = &a->turn.route;
    return a->v->wire->answer_here && route->n > 0 &&
           provider_wire(route->at[0].provider, &a->request) != a->v->wire;
}

/* It is of what the model would get. */
static int here_take(struct ask *a)
{
    a->counted = a->request;
    return prefix_body(a->turn.route.at[0].prefix, &a->request, a->v->x->arena, &a->counted.body,
                       &a->turn.fault);
}

static int answer_here(struct ask *a)
{
    struct http_headers headers;
    struct buf json;
    http_headers_init(&headers, a->v->x->arena);
    buf_init(&json, 4096);
    int err = a->v->wire->answer_here(&a->counted, &json);
    if (!err)
        err = http_headers_add(&headers, STR("Content-Type"), STR("application/json"));
    if (!err)
        err = http_headers_add_as(&headers, FIELD_X_SLUICE, STR("x-sluice-estimated"),
                                  STR("input_tokens"));
    if (!err)
        err = own_headers(a, &headers, turn_overhead_us(&a->turn), true);
    err = err ? err : respond(a, 200, &headers, buf_view(&json));
    buf_fini(&json);
    return err ? 499 : 200;
}

void api_llm(struct visit *v)
{
    struct ask *a = arena_alloc(v->x->arena, sizeof(*a));
    if (!a) {
        visit_error(v, E_MEMORY);
        return;
    }
    memset(a, 0, offsetof(struct ask, turn));
    a->sink = (struct llm_sink){.begin = sink_begin, .events = sink_events, .kept = sink_kept};
    a->v = v;
    a->task = task_self();
    struct turn *t = &a->turn;
    turn_begin(t, &v->gateway->house, v->x->arena, v->x->began_us);
    t->api = v->wire->name;
    t->runner = a->task;
    t->headers = &a->headers;
    t->chain = &v->snapshot->chain;
    t->sink = &a->sink;
    who_asks(a);
    if (UNLIKELY(v->snapshot->recording != NULL))
        a->recording = recording_begin(v->gateway->recorder, v->snapshot->recording, t,
                                       &v->x->headers);

    int err = 0;
    if (UNLIKELY(t->house->telemetry != NULL))
        err = telemetry_turn_begins(t, &v->x->headers, v->x->method_text, v->route->path);
    if (!err)
        err = request_take(a);
    bool here = !err && is_answered_here(a);
    if (here) {
        err = turn_admit(t);
        turn_leave(t, err); /* it takes nothing but its place among the requests */
        err = err ? err : here_take(a);
        here = !err;
    } else if (!err) {
        exchange_watch_hangup(v->x, client_left, a);
        err = turn_run(t);
        exchange_watch_hangup(v->x, NULL, NULL);
    }
    int status = here ? answer_here(a) : answer(a, err);
    if (!err && status == 499)
        err = E_CLIENT_GONE;
    if (UNLIKELY(a->recording != NULL)) /* of a client that left before there was an answer */
        recording_request(a->recording, a->body);
    struct str left_out = t->call ? t->call->left_out : STR_NONE;
    turn_end(t, err, status, (int64_t)v->x->bytes_out);
    if (UNLIKELY(a->recording != NULL))
        recording_end(a->recording, t);
    turn_log(a, err, status, left_out);
}
