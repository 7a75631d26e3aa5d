/*
 * relay_api.c: paths that sluice passes on without reading them: key, limits and ledger apply,
 * levers do not. Their cost is not known, so it is null. Some have bodies in which an object of the
 * provider's could be named: these are held and looked at, where the provider is not open.
 */
#include "api/limit_headers.h"
#include "api/objects.h"
#include "api/pass.h"
#include "api/relay.h"
#include "api/visit.h"
#include "base/clock.h"
#include "base/log.h"
#include "llm/names.h"
#include "llm/relay.h"
#include "rt/task.h"
#include "turn/telemetry/telemetry.h"

struct passing {
    struct llm_relay relay; /* first: the relay knows only this */
    struct visit *v;
    struct turn turn;
    struct task *task;
    struct http_headers headers;
    bool held;       /* it was read, and is in `body` */
    struct str body; /* what of it was not sent yet */
};

static struct passing *passing_of(struct llm_relay *relay)
{
    return CONTAINER_OF(relay, struct passing, relay);
}

static int relay_read(struct llm_relay *relay, struct str *ret_piece)
{
    struct passing *p = passing_of(relay);
    int err = 0;
    if (p->held) {
        *ret_piece = p->body;
        p->body = STR_NONE;
    } else {
        err = exchange_read_body(p->v->x, ret_piece);
    }
    if (!err)
        p->turn.bytes_in += (int64_t)ret_piece->n;
    return err;
}

static int relay_begin(struct llm_relay *relay, int status, const struct http_headers *from,
                       int64_t body_bytes)
{
    struct passing *p = passing_of(relay);
    struct http_headers headers;
    http_headers_init(&headers, p->v->x->arena);
    const struct turn *t = &p->turn;
    int err = pass_downstream(from, limit_headers_due(t->stay), &headers);
    if (!err)
        err = http_headers_add(&headers, STR("x-sluice-id"), str_of(t->id.text, ID_CHARS));
    if (!err && t->stay)
        err = limit_headers(t->stay, p->v->x->arena, &headers);
    return err ? err : exchange_begin(p->v->x, status, &headers, body_bytes);
}

static int relay_write(struct llm_relay *relay, struct str piece)
{
    return exchange_write(passing_of(relay)->v->x, piece);
}

static void client_left(void *arg)
{
    struct passing *p = arg;
    task_cancel(p->task, E_CLIENT_GONE);
}

/* The one call of the turn, as the ledger wants it. */
static void bill(struct passing *p, struct ledger_call *row, int err)
{
    const struct llm_relay *r = &p->relay;
    int64_t since = r->began_us;
    *row = (struct ledger_call){
        .purpose = STR("relay"),
        .provider = r->provider->name,
        .model = STR(""),
        .endpoint = r->endpoint ? r->endpoint->host_header : STR_NONE,
        .attempt = 1,
        .status = r->status,
        .err = err,
        .tokens = {.source = TOKENS_ESTIMATE},
        .cost_usd_nanos = COST_UNKNOWN,
        .began_wall_us = p->turn.began_wall_us,
        .connect_us = r->connected_us ? r->connected_us - since : -1,
        .first_us = r->first_us ? r->first_us - since : -1,
        .total_us = r->ended_us ? r->ended_us - since : 0,
    };
    p->turn.calls = row;
    p->turn.calls_n = 1;
    p->turn.tokens = row->tokens;
    p->turn.cost_usd_nanos = COST_UNKNOWN;
    p->turn.upstream_us = row->total_us;
    p->turn.first_us = r->first_us;
    p->turn.streamed = r->begun;
    if (UNLIKELY(p->turn.trace != NULL))
        telemetry_call_ended(&p->turn, row, NULL, r->provider, r->endpoint);
}

/* "text/x; charset=utf-8": the parameter, without quotes. */
static struct str charset_of(struct str type)
{
    for (struct str rest = type; rest.n > 0;) {
        struct str value = str_trim(str_cut(&rest, ';'));
        struct str name = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        if (!str_eq_nocase(name, STR("charset")))
            continue;
        bool quoted = value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"';
        return quoted ? str_of(value.p + 1, value.n - 2) : value;
    }
    return STR_NONE;
}

/* May its bytes mean something else to the provider than they do here? */
static int coding_check(struct visit *v)
{
    const struct http_headers *h = &v->x->headers;
    struct str coding = http_headers_value(h, FIELD_CONTENT_ENCODING);
    struct str charset = charset_of(http_headers_value(h, FIELD_CONTENT_TYPE));
    if (http_headers_times(h, FIELD_CONTENT_TYPE) > 1)
        return fault_set(&v->fault, E_BAD_REQUEST, "two Content-Type headers; expected one");
    if (coding.n && !str_eq_nocase(coding, STR("identity")))
        return fault_set(&v->fault, E_BAD_REQUEST,
                         "the body has the Content-Encoding %.*s, and is looked at for names of "
                         "objects at the provider; send it as it is",
                         STR_ARGS(str_head_utf8(coding, 40)));
    if (charset.n && !str_eq_nocase(charset, STR("utf-8")) && !str_eq_nocase(charset, STR("utf8")))
        return fault_set(&v->fault, E_BAD_REQUEST, "the body's charset is %.*s; expected utf-8",
                         STR_ARGS(str_head_utf8(charset, 40)));
    return 0;
}

/* Nobody was told the id of anything that is named on these paths. */
static int names_check(struct passing *p, const struct provider *provider)
{
    struct visit *v = p->v;
    size_t most = (size_t)v->snapshot->config->http.body_bytes_max;
    const char *what = NULL;
    struct str type = http_headers_value(&v->x->headers, FIELD_CONTENT_TYPE);
    bool form = str_starts_nocase(type, STR("multipart/form-data"));
    int err = coding_check(v);
    if (!err)
        err = exchange_read_all(v->x, most, &p->body);
    p->held = !err;
    if (err == E_TOO_LARGE)
        return fault_set(&v->fault, err, "the body is over http.body_bytes (%zu bytes)", most);
    if (!err)
        err = names_find(p->body, form, v->x->arena, &what, &v->fault);
    return !err && what ? object_fault(v, what, STR("in the body"), provider) : err;
}

static int pass(struct passing *p, const struct provider *provider, struct str path)
{
    struct visit *v = p->v;
    struct exchange *x = v->x;
    struct llm_relay *r = &p->relay;
    r->provider = provider; /* the bill names it, whatever comes of this */
    int err = pass_upstream(&x->headers, x->arena, true, &p->headers);
    if (v->key && !err)
        err = pass_for_tenant(v->key->tenant, &p->headers);
    if (UNLIKELY(p->turn.trace != NULL) && !err)
        err = trace_pass(p->turn.trace, &p->headers);
    if (err)
        return err;
    bool more = str_find(path, STR("?")) >= 0;
    *r = (struct llm_relay){.provider = provider,
                            .arena = x->arena,
                            .method = x->method_text,
                            .path = x->query.n
                                        ? arena_printf(x->arena, "%.*s%c%.*s", STR_ARGS(path),
                                                       more ? '&' : '?', STR_ARGS(x->query))
                                        : path,
                            .headers = &p->headers,
                            .body_bytes = p->held ? (int64_t)p->body.n : x->body_bytes,
                            .read = relay_read,
                            .begin = relay_begin,
                            .write = relay_write};
    r->tenant = p->turn.tenant;
    if (provider->settings->pass_key && !v->key)
        r->pass_key = v->key_text;
    exchange_watch_hangup(x, client_left, p);
    err = llm_relay_run(r, &v->fault);
    exchange_watch_hangup(x, NULL, NULL);
    return err;
}

/* Not let in: in its own words, with when to ask again. */
static int refused(struct passing *p, int err)
{
    struct visit *v = p->v;
    const struct turn *t = &p->turn;
    struct http_headers headers;
    http_headers_init(&headers, v->x->arena);
    int made = http_headers_add(&headers, STR("x-sluice-id"), str_of(t->id.text, ID_CHARS));
    if (!made && t->stay)
        made = limit_headers(t->stay, v->x->arena, &headers);
    if (t->fault.err)
        v->fault = t->fault;
    visit_error_with(v, err, made ? NULL : &headers);
    return err_status(err);
}

/* A key that may ask for some models only may not ask where the model is not looked at. */
static int key_check(struct visit *v)
{
    if (!v->key || v->key->models_n == 0)
        return 0;
    return fault_set(&v->fault, E_FORBIDDEN,
                     "key %.*s is limited to models, and %.*s is passed on without looking at them",
                     STR_ARGS(v->key->public_part), STR_ARGS(str_head(v->path, 60)));
}

static int relay(struct visit *v, const struct provider *provider, struct str path, bool look)
{
    struct passing *p = ARENA_NEW(v->x->arena, struct passing);
    struct ledger_call *row = ARENA_NEW(v->x->arena, struct ledger_call);
    if (!p || !row) {
        visit_error(v, E_MEMORY);
        return 0;
    }
    p->v = v;
    p->task = task_self();
    struct turn *t = &p->turn;
    turn_begin(t, &v->gateway->house, v->x->arena, v->x->began_us);
    t->api = "openai.relay";
    visit_turn(v, t);

    int err = 0;
    if (UNLIKELY(t->house->telemetry != NULL))
        err = telemetry_turn_begins(t, &v->x->headers, v->x->method_text, v->route->path);
    if (!err && look && !object_is_open(v, provider))
        err = names_check(p, provider);
    err = err ? err : turn_admit(t);
    bool admitted = !err;
    if (admitted) {
        err = pass(p, provider, path);
        bill(p, row, err);
    }
    int status = p->relay.begun ? v->x->status : err_status(err);
    if (!admitted && err != E_CLIENT_GONE)
        status = refused(p, err);
    else if (err && !p->relay.begun && err != E_CLIENT_GONE)
        visit_error(v, err);
    else if (!err && exchange_end(v->x, NULL) != 0)
        err = E_CLIENT_GONE;
    /* An answer that broke off in the middle is left unfinished, which the client can see. */
    LOG(LOG_INFO, "relay", log_s("id", str_of(t->id.text, ID_CHARS)), log_s("client", v->x->client),
        log_s("path", str_head(v->path, 128)), log_s("provider", provider->name),
        log_i("status", err == E_CLIENT_GONE ? 499 : status),
        log_z("error", err ? err_code(err) : "-"), log_ms("ms", clock_mono_us() - t->began_us));
    turn_end(t, err, err == E_CLIENT_GONE ? 499 : status, (int64_t)v->x->bytes_out);
    return p->relay.status;
}

int relay_to(struct visit *v, const struct provider *provider, struct str path)
{
    return relay(v, provider, path, false);
}

static void run(struct visit *v, const struct provider *provider, bool look)
{
    int forbidden = key_check(v);
    if (forbidden)
        visit_error(v, forbidden);
    else
        (void)relay(v, provider, str_tail(v->path, 3), look); /* the base URL has the "/v1" */
}

static void run_default(struct visit *v, bool look)
{
    const struct provider *p = models_default_provider(v->snapshot->models);
    if (p) {
        run(v, p, look);
        return;
    }
    int err = fault_set(&v->fault, E_NO_PROVIDER,
                        "%.*s goes to the default provider, and none is set; set "
                        "default_provider in the configuration",
                        STR_ARGS(str_head(v->path, 80)));
    visit_error(v, err);
}

void api_relay(struct visit *v)
{
    run_default(v, false);
}

void api_relay_looked(struct visit *v)
{
    run_default(v, true);
}

void api_stateful(struct visit *v)
{
    const struct provider *p = models_default_provider(v->snapshot->models);
    if (p && object_is_open(v, p)) {
        run(v, p, false);
        return;
    }
    int err = fault_set(&v->fault, E_STATEFUL_PATH,
                        "%.*s reaches objects that all users of one provider key share; give the "
                        "tenant a key of its own (providers.%.*s.tenant_keys), or set "
                        "providers.%.*s.stateful: on to allow it to everybody",
                        STR_ARGS(str_head(v->path, 60)), STR_ARGS(p ? p->name : STR("NAME")),
                        STR_ARGS(p ? p->name : STR("NAME")));
    visit_error(v, err);
}
