/*
 * telemetry.c: the queue of spans, and what turns put into it; the gen_ai.* metrics.
 *
 * heap: it lives as long as the process.
 */
#include "turn/telemetry/telemetry.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "llm/kinds.h"
#include "llm/wire.h"
#include "turn/telemetry/own.h"

/* clang-format off */
static const double seconds_bounds[] = {0.01, 0.02, 0.04,  0.08,  0.16,  0.32,  0.64, 1.28,
                                        2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 0};
static const double tokens_bounds[] = {1,       4,       16,       64,       256,   1024,   4096,
                                       16384,   65536,   262144,   1048576,  4194304,
                                       16777216, 67108864, 0};
static const struct metric_desc duration_desc = {
    .name = "gen_ai.client.operation.duration",
    .help = "GenAI operation duration.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
               "error.type"},
    .bounds = seconds_bounds, .scale = 1e-6, .unit = "s"};
static const struct metric_desc first_desc = {
    .name = "gen_ai.client.operation.time_to_first_chunk",
    .help = "From the request to the first content of a stream.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"},
    .bounds = seconds_bounds, .scale = 1e-6, .unit = "s"};
static const struct metric_desc usage_desc = {
    .name = "gen_ai.client.token.usage",
    .help = "Number of input and output tokens used.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
               "gen_ai.token.type"},
    .bounds = tokens_bounds, .unit = "{token}"};
/* clang-format on */

int telemetry_new(struct metric_set *metrics, void (*collect)(void *arg), void *arg,
                  struct telemetry **ret_telemetry)
{
    struct telemetry *tm = calloc(1, sizeof(*tm));
    if (!tm)
        return E_MEMORY;
    tm->genai = metric_set_new();
    if (!tm->genai) {
        free(tm);
        return E_MEMORY;
    }
    tm->metrics = metrics;
    tm->collect = collect;
    tm->collect_arg = arg;
    tm->began_wall_us = clock_wall_us();
    id_new(&tm->instance);
    tm->traces = (struct signal){.name = "traces", .due_ms = INT64_MAX};
    tm->measures = (struct signal){.name = "metrics", .due_ms = INT64_MAX};
    waitq_init(&tm->wake);
    waitq_init(&tm->ended);
    *ret_telemetry = tm;
    return 0;
}

void telemetry_free(struct telemetry *tm)
{
    if (!tm)
        return;
    exporter_unref(tm->exporter);
    metric_set_free(tm->genai);
    free(tm->queue.at);
    free(tm);
}

struct telemetry_stats telemetry_stats(const struct telemetry *tm)
{
    return (struct telemetry_stats){
        .waiting = tm->queue.n, .sent = tm->sent, .dropped = tm->dropped, .failures = tm->failures};
}

/* ---- the queue ---- */

/* The oldest stay, as far as there is room. */
int span_queue_resize(struct telemetry *tm, unsigned size)
{
    struct span_queue *q = &tm->queue;
    struct span *at = size ? malloc(size * sizeof(*at)) : NULL;
    if (size && !at)
        return E_MEMORY;
    unsigned kept = q->n < size ? q->n : size;
    for (unsigned i = 0; i < kept; i++)
        at[i] = q->at[(q->first + i) % q->size];
    tm->dropped += q->n - kept;
    free(q->at);
    *q = (struct span_queue){.at = at, .size = size, .n = kept};
    return 0;
}

void span_queue_pop(struct telemetry *tm, unsigned n)
{
    struct span_queue *q = &tm->queue;
    q->first = q->size ? (q->first + n) % q->size : 0;
    q->n -= n;
}

/* Room for the next span, cleared but for its texts; NULL where it is dropped. */
static struct span *span_add(struct telemetry *tm)
{
    struct span_queue *q = &tm->queue;
    if (q->n == q->size) {
        tm->dropped++;
        tm->overflowed++;
        if (!tm->overflow_said)
            waitq_wake_all(&tm->wake);
        return NULL;
    }
    struct span *s = &q->at[(q->first + q->n++) % q->size];
    memset(s, 0, offsetof(struct span, texts));
    if (q->n == 1)
        tm->traces.due_ms = clock_cached_ms() + tm->exporter->settings->delay_ms;
    if (q->n == 1 || q->n == tm->exporter->settings->batch)
        waitq_wake_all(&tm->wake);
    return s;
}

int telemetry_use(struct telemetry *tm, struct exporter *e, struct telemetry **ret_on)
{
    *ret_on = NULL;
    if (e)
        e->refs++;
    exporter_unref(tm->exporter);
    tm->exporter = e;
    int64_t now = clock_cached_ms();
    /* The new one may be well where the old one was not. */
    tm->traces.retry_ms = tm->measures.retry_ms = 0;
    tm->traces.due_ms = tm->queue.n ? now : INT64_MAX;
    tm->measures.due_ms = e && e->settings->metrics ? now + e->settings->interval_ms : INT64_MAX;
    waitq_wake_all(&tm->wake);
    if (!e)
        return 0;
    int err = tm->queue.size == 0 ? span_queue_resize(tm, (unsigned)e->settings->queue) : 0;
    if (!err && !tm->task)
        err = task_spawn("telemetry", telemetry_run, tm, &tm->task);
    if (err) {
        exporter_unref(e);
        tm->exporter = NULL;
        return err;
    }
    *ret_on = tm;
    return 0;
}

/* ---- what turns do ---- */

/* Of the conventions' list; whoever is not in it speaks the protocol of its kind. */
static const char *system_of(const struct provider *p)
{
    static const struct {
        struct str listed;
        const char *system;
    } hosts[] = {{{"groq", 4}, "groq"},          {{"deepseek", 8}, "deepseek"},
                 {{"mistral", 7}, "mistral_ai"}, {{"xai", 3}, "x_ai"},
                 {{"cohere", 6}, "cohere"},      {{"perplexity", 10}, "perplexity"}};
    static const struct {
        const struct provider_kind *kind;
        const char *system;
    } kinds[] = {{&provider_anthropic, "anthropic"},
                 {&provider_gemini, "gcp.gemini"},
                 {&provider_bedrock, "aws.bedrock"},
                 {&provider_azure, "azure.ai.openai"},
                 {&provider_recorded, "sluice.recorded"}};
    for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
        if (str_eq(p->listed, hosts[i].listed))
            return hosts[i].system;
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        if (p->kind == kinds[i].kind)
            return kinds[i].system;
    return "openai";
}

static const char *operation_of(const struct llm_call *c)
{
    static const char *const names[OP_COUNT] = {
        [OP_CHAT] = "chat", [OP_COMPLETION] = "text_completion", [OP_EMBEDDING] = "embeddings"};
    return c->request->wire == &wire_anthropic_count ? "count_tokens" : names[c->request->op];
}

int telemetry_turn_begins(struct turn *t, const struct http_headers *from, struct str method,
                          struct str route)
{
    const struct telemetry_settings *s = t->house->telemetry->exporter->settings;
    if (!s->traces)
        return 0;
    struct trace *trace = arena_alloc(t->arena, sizeof(*trace));
    if (!trace)
        return E_MEMORY;
    trace_begin(trace, from, s->sample);
    trace->method = http_method_of(method) == HTTP_OTHER ? STR("_OTHER") : method;
    trace->route = route;
    t->trace = trace;
    return 0;
}

void telemetry_call_begins(struct turn *t)
{
    struct trace *trace = t->trace;
    trace_next(trace);
    trace->noted = (struct llm_noted){.model_n = 0};
    if (t->call && trace->sampled)
        t->call->noted = &trace->noted;
}

static void finishes_put(struct span *s, const struct llm_noted *n)
{
    char text[NOTED_FINISHES_MAX * (NOTED_FINISH_BYTES + 1)];
    size_t bytes = 0;
    for (unsigned i = 0; i < n->finishes; i++) {
        if (i > 0)
            text[bytes++] = ',';
        memcpy(text + bytes, n->finish[i], n->finish_n[i]);
        bytes += n->finish_n[i];
    }
    span_put(s, SPAN_FINISHES, str_of(text, bytes));
}

static void call_put(struct span *s, const struct turn *t, const struct ledger_call *row,
                     const struct llm_call *c, const struct provider *provider,
                     const struct endpoint *endpoint)
{
    const struct trace *trace = t->trace;
    s->kind = SPAN_CALL;
    s->at = trace->call;
    s->parent = trace->turn;
    s->began_wall_us = row->began_wall_us;
    s->took_us = row->total_us;
    s->first_us = c && c->streamed ? row->first_us : -1;
    s->cost_usd_nanos = row->cost_usd_nanos;
    s->tokens = row->tokens;
    s->operation = c ? operation_of(c) : NULL;
    s->system = system_of(provider);
    s->status = row->status;
    s->err = row->err;
    s->count = row->attempt;
    s->stream = c && c->request->stream;
    s->tls = endpoint && endpoint->tls;
    span_put(s, SPAN_MODEL, row->model);
    span_put(s, SPAN_HOST, row->endpoint);
    span_put(s, SPAN_PROVIDER, row->provider);
    span_put(s, SPAN_METHOD, c ? STR("POST") : trace->method);
    span_put(s, SPAN_ANSWERED, str_of(trace->noted.model, trace->noted.model_n));
    finishes_put(s, &trace->noted);
}

static struct metric_series *series(struct telemetry *tm, const struct metric_desc *desc,
                                    const struct llm_call *c, struct str last)
{
    return metric_get(tm->genai, desc,
                      (const struct str[METRIC_LABELS_MAX]){
                          str_from(operation_of(c)), str_from(system_of(c->target->provider)),
                          c->target->model, last});
}

static void call_measure(struct telemetry *tm, const struct ledger_call *row,
                         const struct llm_call *c)
{
    struct str failed = row->err ? str_from(err_code(row->err)) : STR("");
    metric_observe(series(tm, &duration_desc, c, failed), row->total_us);
    if (c->request->stream && row->first_us >= 0 && c->streamed)
        metric_observe(series(tm, &first_desc, c, STR("")), row->first_us);
    if (row->tokens.source != TOKENS_PROVIDER)
        return;
    metric_observe(series(tm, &usage_desc, c, STR("input")), tokens_prompt(&row->tokens));
    metric_observe(series(tm, &usage_desc, c, STR("output")), tokens_completion(&row->tokens));
}

void telemetry_call_ended(struct turn *t, const struct ledger_call *row, const struct llm_call *c,
                          const struct provider *provider, const struct endpoint *endpoint)
{
    struct telemetry *tm = t->house->telemetry;
    if (!tm) /* it was switched off meanwhile */
        return;
    if (c && tm->exporter->settings->metrics)
        call_measure(tm, row, c);
    struct span *s = t->trace && t->trace->sampled ? span_add(tm) : NULL;
    if (s)
        call_put(s, t, row, c, provider, endpoint);
}

void telemetry_turn_ended(struct turn *t, const struct ledger_turn *row)
{
    struct telemetry *tm = t->house->telemetry;
    const struct trace *trace = t->trace;
    struct span *s = tm && trace->sampled ? span_add(tm) : NULL;
    if (!s)
        return;
    s->kind = SPAN_TURN;
    s->at = trace->call;
    s->at.span = trace->turn;
    s->parent = trace->caller;
    s->remote = true;
    s->began_wall_us = row->began_wall_us;
    s->took_us = row->total_us;
    s->first_us = row->first_us;
    s->cost_usd_nanos = row->cost_usd_nanos;
    s->overhead_us = row->overhead_us;
    s->api = t->api;
    s->id = row->id;
    s->status = row->status;
    s->err = row->err;
    s->count = row->calls_n;
    s->stream = row->stream;
    span_put(s, SPAN_METHOD, trace->method);
    span_put(s, SPAN_ROUTE, trace->route);
    span_put(s, SPAN_ASKED, row->asked);
    span_put(s, SPAN_MODEL, row->model);
    span_put(s, SPAN_PROVIDER, row->provider);
    span_put(s, SPAN_LANE, row->lane);
    span_put(s, SPAN_TENANT, row->tenant);
    span_put(s, SPAN_KEY, row->key);
    span_put(s, SPAN_TASK, row->task);
}
