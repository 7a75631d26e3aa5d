#include "turn/telemetry/otlp.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "llm/prices.h"

/* Numbers of OTLP's enums. */
#define KIND_SERVER  2
#define KIND_CLIENT  3
#define STATUS_ERROR 2
#define CUMULATIVE   2

/* What a span's `flags` say of its parent. */
#define PARENT_KNOWN  0x100
#define PARENT_REMOTE 0x200

/* ---- attributes ---- */

/* A list of attributes that is being written. */
struct attributes {
    struct buf *out;
    bool any;
};

static void attribute_begin(struct attributes *a, const char *name, const char *type)
{
    buf_str(a->out, a->any ? STR(",{\"key\":") : STR("{\"key\":"));
    json_quote(a->out, str_from(name));
    buf_str(a->out, STR(",\"value\":{\""));
    buf_str(a->out, str_from(type));
    buf_str(a->out, STR("\":"));
    a->any = true;
}

static void attribute_end(struct attributes *a)
{
    buf_str(a->out, STR("}}"));
}

/* One that has no value is left out. */
static void text_add(struct attributes *a, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    attribute_begin(a, name, "stringValue");
    json_quote(a->out, value);
    attribute_end(a);
}

/* 64 bits are a string in protobuf's JSON. */
static void int_add(struct attributes *a, const char *name, int64_t value)
{
    attribute_begin(a, name, "intValue");
    buf_char(a->out, '"');
    buf_i64(a->out, value);
    buf_char(a->out, '"');
    attribute_end(a);
}

static void int_add_some(struct attributes *a, const char *name, int64_t value)
{
    if (value > 0)
        int_add(a, name, value);
}

static void decimal_add(struct attributes *a, const char *name, int64_t value, unsigned places)
{
    attribute_begin(a, name, "doubleValue");
    buf_decimal(a->out, value, places, 0);
    attribute_end(a);
}

static void bool_add(struct attributes *a, const char *name, bool value)
{
    attribute_begin(a, name, "boolValue");
    buf_str(a->out, value ? STR("true") : STR("false"));
    attribute_end(a);
}

static void list_add(struct attributes *a, const char *name, struct str rest)
{
    if (rest.n == 0)
        return;
    attribute_begin(a, name, "arrayValue");
    buf_str(a->out, STR("{\"values\":["));
    for (bool more = false; rest.p; more = true) {
        buf_str(a->out, more ? STR(",{\"stringValue\":") : STR("{\"stringValue\":"));
        json_quote(a->out, str_cut(&rest, ','));
        buf_char(a->out, '}');
    }
    buf_str(a->out, STR("]}"));
    attribute_end(a);
}

static void nanos_write(struct buf *out, const char *member, int64_t wall_us)
{
    buf_printf(out, ",\"%s\":\"%lld000\"", member, (long long)wall_us);
}

/* ---- around both ---- */

static bool is_given(const struct conf_str_map *given, struct str name)
{
    for (unsigned i = 0; given && i < given->n; i++)
        if (given->value[i].n && str_eq(given->name[i], name))
            return true;
    return false;
}

/* What the configuration gives itself stands in place of ours: no name may stand there twice. */
static void resource_write(struct buf *out, const struct otlp_resource *r)
{
    struct attributes a = {.out = out};
    const struct {
        const char *name;
        struct str value;
    } ours[] = {{"service.name", r->service_name},
                {"service.version", r->service_version},
                {"service.instance.id", r->instance_id}};
    buf_str(out, STR("\"resource\":{\"attributes\":["));
    for (unsigned i = 0; i < ARRAY_LEN(ours); i++)
        if (!is_given(r->more, str_from(ours[i].name)))
            text_add(&a, ours[i].name, ours[i].value);
    for (unsigned i = 0; r->more && i < r->more->n; i++)
        text_add(&a, r->more->name[i].p, r->more->value[i]);
    buf_str(out, STR("]}"));
}

static void scope_write(struct buf *out, const struct otlp_resource *r)
{
    buf_str(out, STR("\"scope\":{\"name\":\"sluice\",\"version\":"));
    json_quote(out, r->service_version);
    buf_char(out, '}');
}

/* ---- spans ---- */

void span_put(struct span *s, enum span_text which, struct str text)
{
    size_t room = SPAN_TEXTS_BYTES - s->texts_n;
    struct str cut = str_head_utf8(text, room < SPAN_TEXT_BYTES_MAX ? room : SPAN_TEXT_BYTES_MAX);
    s->text[which].at = (uint16_t)s->texts_n;
    s->text[which].n = (uint16_t)cut.n;
    if (cut.n)
        memcpy(s->texts + s->texts_n, cut.p, cut.n);
    s->texts_n += (unsigned)cut.n;
}

/* {"spans":[ has no comma in front of the first. */
static bool is_first(const struct buf *out)
{
    return out->n > 0 && out->p[out->n - 1] == '[';
}

static void ids_write(struct buf *out, const struct span *s)
{
    char text[TRACEPARENT_CHARS];
    traceparent_write(&s->at, text);
    buf_str(out, STR("{\"traceId\":\""));
    buf_add(out, text + 3, 32);
    buf_str(out, STR("\",\"spanId\":\""));
    buf_add(out, text + 36, 16);
    if (s->parent)
        buf_printf(out, "\",\"parentSpanId\":\"%016llx", (unsigned long long)s->parent);
    unsigned flags = s->at.flags & (TRACE_SAMPLED | TRACE_RANDOM);
    flags |= s->parent ? PARENT_KNOWN | (s->remote ? PARENT_REMOTE : 0) : PARENT_KNOWN;
    buf_printf(out, "\",\"flags\":%u", flags);
}

/* "POST /v1/chat/completions" of a turn, "chat gpt-5" of a call. */
static void name_write(struct buf *out, const struct span *s)
{
    bool call = s->kind == SPAN_CALL;
    struct str first = call && s->operation ? str_from(s->operation) : span_get(s, SPAN_METHOD);
    struct str then = span_get(s, call ? SPAN_MODEL : SPAN_ROUTE);
    char text[2 * SPAN_TEXT_BYTES_MAX + 2];
    size_t n = first.n;
    memcpy(text, first.p, first.n);
    if (then.n) {
        text[n++] = ' ';
        memcpy(text + n, then.p, then.n);
        n += then.n;
    }
    buf_str(out, STR(",\"name\":"));
    json_quote(out, str_of(text, n));
}

/* Of "host:port" and "[::1]:port"; without a port it is the scheme's. */
static void server_add(struct attributes *a, const struct span *s)
{
    struct str host = span_get(s, SPAN_HOST);
    uint64_t port = s->tls ? 443 : 80;
    size_t colon = host.n;
    while (colon > 0 && host.p[colon - 1] >= '0' && host.p[colon - 1] <= '9')
        colon--;
    if (colon > 0 && colon < host.n && host.p[colon - 1] == ':' &&
        str_to_u64(str_tail(host, colon), 65535, &port))
        host = str_head(host, colon - 1);
    if (host.n > 2 && host.p[0] == '[')
        host = str_of(host.p + 1, host.n - 2);
    if (host.n == 0)
        return;
    text_add(a, "server.address", host);
    int_add(a, "server.port", (int64_t)port);
}

/* What only an estimate knows is left out, as the conventions ask. */
static void usage_add(struct attributes *a, const struct tokens *t)
{
    if (t->source != TOKENS_PROVIDER)
        return;
    int_add(a, "gen_ai.usage.input_tokens", tokens_prompt(t));
    int_add(a, "gen_ai.usage.output_tokens", tokens_completion(t));
    int_add_some(a, "gen_ai.usage.cache_read.input_tokens", t->cached);
    int_add_some(a, "gen_ai.usage.cache_creation.input_tokens", t->cache_write);
    int_add_some(a, "gen_ai.usage.reasoning.output_tokens", t->reasoning);
}

static void call_add(struct attributes *a, const struct span *s)
{
    if (s->operation) {
        text_add(a, "gen_ai.operation.name", str_from(s->operation));
        text_add(a, "gen_ai.provider.name", str_from(s->system));
        text_add(a, "gen_ai.request.model", span_get(s, SPAN_MODEL));
        bool_add(a, "gen_ai.request.stream", s->stream);
        text_add(a, "gen_ai.response.model", span_get(s, SPAN_ANSWERED));
        list_add(a, "gen_ai.response.finish_reasons", span_get(s, SPAN_FINISHES));
        if (s->stream && s->first_us >= 0)
            decimal_add(a, "gen_ai.response.time_to_first_chunk", s->first_us, 6);
        usage_add(a, &s->tokens);
    } else {
        text_add(a, "http.request.method", span_get(s, SPAN_METHOD));
    }
    server_add(a, s);
    text_add(a, "sluice.provider", span_get(s, SPAN_PROVIDER));
    int_add(a, "sluice.attempt", s->count);
}

static void turn_add(struct attributes *a, const struct span *s)
{
    text_add(a, "http.request.method", span_get(s, SPAN_METHOD));
    text_add(a, "http.route", span_get(s, SPAN_ROUTE));
    text_add(a, "sluice.turn.id", str_of(s->id.text, ID_CHARS));
    text_add(a, "sluice.api", str_from(s->api));
    text_add(a, "sluice.asked", span_get(s, SPAN_ASKED));
    text_add(a, "sluice.lane", span_get(s, SPAN_LANE));
    text_add(a, "sluice.provider", span_get(s, SPAN_PROVIDER));
    text_add(a, "sluice.model", span_get(s, SPAN_MODEL));
    text_add(a, "sluice.tenant", span_get(s, SPAN_TENANT));
    text_add(a, "sluice.key", span_get(s, SPAN_KEY));
    text_add(a, "sluice.task", span_get(s, SPAN_TASK));
    int_add(a, "sluice.calls", s->count);
    decimal_add(a, "sluice.overhead_seconds", s->overhead_us, 6);
}

/*
 * A fixed sentence: a provider's own words could hold the prompt's. What the client did wrong is no
 * error of a server's span, and a client that left is nobody's.
 */
static void status_write(struct buf *out, const struct span *s)
{
    bool clients = s->kind == SPAN_TURN && s->status >= 400 && s->status < 500;
    if (!s->err || clients || s->err == E_CLIENT_GONE)
        return;
    buf_printf(out, ",\"status\":{\"code\":%d,\"message\":", STATUS_ERROR);
    json_quote(out, str_from(err_text(s->err)));
    buf_char(out, '}');
}

void otlp_spans_begin(struct buf *out, const struct otlp_resource *resource)
{
    buf_str(out, STR("{\"resourceSpans\":[{"));
    resource_write(out, resource);
    buf_str(out, STR(",\"scopeSpans\":[{"));
    scope_write(out, resource);
    buf_str(out, STR(",\"spans\":["));
}

void otlp_span(struct buf *out, const struct span *s)
{
    struct attributes a = {.out = out};
    if (!is_first(out))
        buf_char(out, ',');
    ids_write(out, s);
    name_write(out, s);
    buf_printf(out, ",\"kind\":%d", s->kind == SPAN_TURN ? KIND_SERVER : KIND_CLIENT);
    nanos_write(out, "startTimeUnixNano", s->began_wall_us);
    nanos_write(out, "endTimeUnixNano", s->began_wall_us + s->took_us);
    buf_str(out, STR(",\"attributes\":["));
    if (s->kind == SPAN_TURN)
        turn_add(&a, s);
    else
        call_add(&a, s);
    if (s->status > 0)
        int_add(&a, "http.response.status_code", s->status);
    if (s->err)
        text_add(&a, "error.type", str_from(err_code(s->err)));
    if (s->cost_usd_nanos != COST_UNKNOWN && s->count > 0)
        decimal_add(&a, "sluice.cost_usd", s->cost_usd_nanos, 9);
    buf_char(out, ']');
    status_write(out, s);
    buf_char(out, '}');
}

void otlp_spans_end(struct buf *out)
{
    buf_str(out, STR("]}]}]}"));
}

/* ---- metrics ---- */

void otlp_metrics_begin(struct otlp_metrics *m, const struct otlp_resource *resource)
{
    buf_str(m->out, STR("{\"resourceMetrics\":[{"));
    resource_write(m->out, resource);
    buf_str(m->out, STR(",\"scopeMetrics\":[{"));
    scope_write(m->out, resource);
    buf_str(m->out, STR(",\"metrics\":["));
}

/*
 * In UCUM: what the description says, or the name's end. A number of things has none: "1" is for
 * ratios, and makes Prometheus append _ratio to the name of a gauge.
 */
static struct str unit_of(const struct metric_desc *d)
{
    struct str name = str_from(d->name);
    if (d->unit)
        return str_from(d->unit);
    if (str_ends(name, STR("_seconds")))
        return STR("s");
    return str_ends(name, STR("_bytes")) ? STR("By") : STR("");
}

static void family_end(struct otlp_metrics *m)
{
    if (m->open)
        buf_str(m->out, STR("]}}"));
    m->open = NULL;
}

static void family_begin(struct otlp_metrics *m, const struct metric_desc *d)
{
    static const char *const kinds[] = {
        [METRIC_COUNTER] = "sum", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    family_end(m);
    buf_str(m->out, is_first(m->out) ? STR("{\"name\":") : STR(",{\"name\":"));
    json_quote(m->out, str_from(d->name));
    buf_str(m->out, STR(",\"description\":"));
    json_quote(m->out, str_from(d->help));
    buf_str(m->out, STR(",\"unit\":"));
    json_quote(m->out, unit_of(d));
    buf_printf(m->out, ",\"%s\":{", kinds[d->kind]);
    if (d->kind != METRIC_GAUGE)
        buf_printf(m->out, "\"aggregationTemporality\":%d,", CUMULATIVE);
    if (d->kind == METRIC_COUNTER)
        buf_str(m->out, STR("\"isMonotonic\":true,"));
    buf_str(m->out, STR("\"dataPoints\":["));
    m->open = d;
}

static void number_write(struct buf *out, const struct metric_view *v)
{
    if (v->desc->scale == 0) {
        buf_printf(out, ",\"asInt\":\"%lld\"", (long long)v->value);
        return;
    }
    buf_str(out, STR(",\"asDouble\":"));
    metric_write_value(out, v);
}

static void histogram_write(struct buf *out, const struct metric_view *v)
{
    buf_printf(out, ",\"count\":\"%llu\",\"sum\":", (unsigned long long)v->count);
    metric_write_value(out, v);
    buf_str(out, STR(",\"bucketCounts\":["));
    for (unsigned i = 0; i <= v->bounds_n; i++)
        buf_printf(out, i ? ",\"%llu\"" : "\"%llu\"", (unsigned long long)v->below[i]);
    buf_str(out, STR("],\"explicitBounds\":["));
    for (unsigned i = 0; i < v->bounds_n; i++)
        buf_printf(out, i ? ",%.15g" : "%.15g", v->desc->bounds[i]);
    buf_char(out, ']');
}

void otlp_metric(struct otlp_metrics *m, const struct metric_view *v)
{
    struct attributes a = {.out = m->out};
    if (m->open != v->desc)
        family_begin(m, v->desc);
    buf_str(m->out, is_first(m->out) ? STR("{\"attributes\":[") : STR(",{\"attributes\":["));
    for (unsigned i = 0; i < v->labels_n; i++)
        text_add(&a, v->desc->labels[i], v->labels[i]);
    buf_char(m->out, ']');
    if (v->desc->kind != METRIC_GAUGE)
        nanos_write(m->out, "startTimeUnixNano", m->began_wall_us);
    nanos_write(m->out, "timeUnixNano", m->now_wall_us);
    if (v->desc->kind == METRIC_HISTOGRAM)
        histogram_write(m->out, v);
    else
        number_write(m->out, v);
    buf_char(m->out, '}');
    m->points++;
}

void otlp_metrics_end(struct otlp_metrics *m)
{
    family_end(m);
    buf_str(m->out, STR("]}]}]}"));
}
