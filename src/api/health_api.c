/*
 * health_api.c: is it alive, can it work, and all its numbers.
 */
#include "api/braking.h"
#include "api/visit.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/upool.h"
#include "turn/outcomes.h"
#include "turn/prompts.h"
#include "turn/stored.h"

#define METRICS_BYTES_MAX (32u * 1024 * 1024)

void api_health(struct visit *v)
{
    visit_json(v, 200, STR("{\"status\":\"ok\"}"));
}

/* ---- ready ---- */

static bool any_usable(const struct models *m, bool probe)
{
    for (unsigned i = 0; i < models_provider_count(m); i++) {
        const struct provider *p = models_provider_at(m, i);
        if (!p->kind->over_http)
            return true;
        for (unsigned k = 0; k < p->replicas_n; k++)
            if (endpoint_reachable(p->replicas[k].endpoint, probe))
                return true;
    }
    return false;
}

/* Anybody may ask this, so it goes by what is known, and finds out only where nothing is. */
void api_ready(struct visit *v)
{
    const struct models *m = v->snapshot->models;
    if (v->gateway->draining && !v->gateway->handed_over) {
        visit_error(v, E_DRAINING);
        return;
    }
    if (any_usable(m, false) || any_usable(m, true)) {
        visit_json(v, 200, STR("{\"status\":\"ready\"}"));
        return;
    }
    visit_error(v, fault_set(&v->fault, E_NO_PROVIDER,
                             models_provider_count(m) ? "no provider can be reached"
                                                      : "no provider is configured"));
}

/* ---- metrics ---- */

#define GAUGE(name_, help_)                                                                        \
    {                                                                                              \
        .name = name_, .help = help_, .kind = METRIC_GAUGE                                         \
    }
#define COUNTER(name_, help_)                                                                      \
    {                                                                                              \
        .name = name_, .help = help_, .kind = METRIC_COUNTER                                       \
    }

/* One row a number of the process; the order is gauges_put's. */
enum number {
    N_CONNECTIONS,
    N_STREAMS,
    N_STREAMS_REFUSED,
    N_TASKS,
    N_STACKS_FREE,
    N_STACK_BYTES,
    N_ARENA_POOL,
    N_LEDGER_ROWS,
    N_LEDGER_BYTES,
    N_LEDGER_WRITTEN,
    N_LEDGER_ERRORS,
    N_LEDGER_WRITE_US,
    N_RELOADS,
    N_RELOADS_REFUSED,
    N_HELD,
    N_FORCED,
    N_REFUSED,
    N_TLS_FAILURES,
    N_PROXY_FAILURES,
    N_LOG_DROPPED,
    N_LIMITS_RUNNING,
    N_LIMITS_TOKENS,
    N_LIMITS_USD,
    N_LIMITS_ACCOUNTS,
    N_STORED_KNOWN,
    N_STORED_BYTES,
    N_STORED_LOOK_UPS,
    N_OUTCOMES_KNOWN,
    N_OUTCOMES_BYTES,
    N_OUTCOMES_LOOK_UPS,
    N_RECORDED_BYTES,
    N_RECORDED_REDACTED,
    N_RECORDING_HELD,
    N_PROMPTS_KNOWN,
    N_PROMPTS_UNSEEN,
    N_PROMPTS_UNSEEN_TURNS,
    N_TELEMETRY_WAITING,
    N_TELEMETRY_SENT,
    N_TELEMETRY_DROPPED,
    N_TELEMETRY_FAILURES,
    N_BEGAN,
    NUMBERS
};
/* clang-format off */
static const struct metric_desc numbers[NUMBERS] = {
    [N_CONNECTIONS] = GAUGE("sluice_client_connections", "Clients connected now."),
    [N_STREAMS] = GAUGE("sluice_client_streams", "Clients' requests under way over HTTP/2."),
    [N_STREAMS_REFUSED] = COUNTER("sluice_client_streams_refused_total",
                                  "HTTP/2 requests for which there was no room (http.streams)."),
    [N_TASKS] = GAUGE("sluice_tasks", "Tasks under way."),
    [N_STACKS_FREE] = GAUGE("sluice_stacks_free", "Stacks kept for tasks to come."),
    [N_STACK_BYTES] = GAUGE("sluice_stack_bytes", "Address space of all stacks."),
    [N_ARENA_POOL] = GAUGE("sluice_arena_pool_bytes", "Memory kept for the next requests."),
    [N_LEDGER_ROWS] = GAUGE("sluice_ledger_waiting_rows", "Rows that wait for the disk."),
    [N_LEDGER_BYTES] = GAUGE("sluice_ledger_waiting_bytes",
                             "Memory of the rows that wait for the disk."),
    [N_LEDGER_WRITTEN] = COUNTER("sluice_ledger_rows_total",
                                 "Rows of the ledger that were written."),
    [N_LEDGER_ERRORS] = COUNTER("sluice_ledger_errors_total",
                                "Batches of rows that had to be written again."),
    [N_LEDGER_WRITE_US] = GAUGE("sluice_ledger_write_microseconds",
                                "The time that the last batch of rows took."),
    [N_RELOADS] = COUNTER("sluice_reloads_total", "Configurations put into force."),
    [N_RELOADS_REFUSED] = COUNTER("sluice_reloads_refused_total", "Configurations refused."),
    [N_HELD] = COUNTER("sluice_brake_refusals_total",
                       "Configurations that the brake held back: without evals that passed."),
    [N_FORCED] = GAUGE("sluice_brake_forced",
                       "1 while a configuration is in force that was forced."),
    [N_REFUSED] = COUNTER("sluice_refused_total", "Requests that did not come past the door."),
    [N_TLS_FAILURES] =
        COUNTER("sluice_tls_failures_total", "Connections that came to no TLS."),
    [N_PROXY_FAILURES] =
        COUNTER("sluice_proxy_failures_total", "Connections of proxies without a PROXY header."),
    [N_LOG_DROPPED] = COUNTER("sluice_log_lines_dropped_total", "Log lines that were lost."),
    [N_LIMITS_RUNNING] = GAUGE("sluice_limits_running",
                               "Turns under way that hold a reservation of limits."),
    [N_LIMITS_TOKENS] = GAUGE("sluice_limits_reserved_tokens",
                              "Tokens that turns under way have reserved."),
    [N_LIMITS_USD] = {.name = "sluice_limits_reserved_usd",
                      .help = "Dollars that turns under way have reserved.",
                      .kind = METRIC_GAUGE, .scale = 1e-9},
    [N_LIMITS_ACCOUNTS] = GAUGE("sluice_limits_accounts", "Keys and tenants whose use is counted."),
    [N_STORED_KNOWN] = GAUGE("sluice_stored_known", "Ids of stored responses and items in memory."),
    [N_STORED_BYTES] = GAUGE("sluice_stored_bytes", "Memory of those ids."),
    [N_STORED_LOOK_UPS] =
        COUNTER("sluice_stored_look_ups_total", "Ids that had to be looked up in the ledger."),
    [N_OUTCOMES_KNOWN] = GAUGE("sluice_outcomes_known", "Tasks of clients in memory."),
    [N_OUTCOMES_BYTES] = GAUGE("sluice_outcomes_bytes", "Memory of those tasks."),
    [N_OUTCOMES_LOOK_UPS] = COUNTER("sluice_outcomes_look_ups_total",
                                    "Tasks that had to be looked up in the ledger."),
    [N_RECORDED_BYTES] = COUNTER("sluice_recording_bytes_total", "Bytes written to recordings."),
    [N_RECORDED_REDACTED] =
        COUNTER("sluice_recording_redactions_total", "Pieces that were taken out of recordings."),
    [N_RECORDING_HELD] =
        GAUGE("sluice_recording_held_bytes", "Memory of what is recorded and not written yet."),
    [N_PROMPTS_KNOWN] = GAUGE("sluice_prompts_known",
                              "Prompts (system prompt and tools) that the suites have."),
    [N_PROMPTS_UNSEEN] = GAUGE("sluice_prompts_unseen",
                               "Prompts of turns that no suite has; see /admin/prompts."),
    [N_PROMPTS_UNSEEN_TURNS] =
        COUNTER("sluice_prompts_unseen_total", "Turns whose prompt no suite had."),
    [N_TELEMETRY_WAITING] = GAUGE("sluice_telemetry_waiting_spans",
                                  "Spans that wait for the collector."),
    [N_TELEMETRY_SENT] = COUNTER("sluice_telemetry_spans_sent_total",
                                 "Spans that the collector has taken."),
    [N_TELEMETRY_DROPPED] =
        COUNTER("sluice_telemetry_spans_dropped_total",
                "Spans that the collector will never have."),
    [N_TELEMETRY_FAILURES] =
        COUNTER("sluice_telemetry_failures_total", "Requests to the collector that failed."),
    [N_BEGAN] = GAUGE("sluice_start_time_seconds", "When the process began, since 1970."),
};

static const struct metric_desc up_desc = {.name = "sluice_upstream_up",
                                           .help = "1 while an upstream is asked first.",
                                           .kind = METRIC_GAUGE,
                                           .labels = {"endpoint"}};
static const struct metric_desc way_desc = {.name = "sluice_upstream_calls_running",
                                            .help = "Calls under way.",
                                            .kind = METRIC_GAUGE,
                                            .labels = {"endpoint"}};
static const struct metric_desc connections_desc = {.name = "sluice_upstream_connections",
                                                    .help = "Connections by state.",
                                                    .kind = METRIC_GAUGE,
                                                    .labels = {"endpoint", "state"}};
static const struct metric_desc opened_desc = {
    .name = "sluice_upstream_connections_total",
    .help = "Connections opened, used again, and that could not be made.",
    .kind = METRIC_COUNTER,
    .labels = {"endpoint", "how"}};
static const struct metric_desc protocol_desc = {
    .name = "sluice_upstream_protocol_connections_total",
    .help = "Connections opened, by the protocol that was agreed on.",
    .kind = METRIC_COUNTER,
    .labels = {"endpoint", "protocol"}};
static const struct metric_desc limited_desc = {
    .name = "sluice_limit_refusals_total",
    .help = "Requests that a limit refused, by whose it was and which.",
    .kind = METRIC_COUNTER,
    .labels = {"of", "limit"}};
static const struct metric_desc record_age_desc = {
    .name = "sluice_brake_record_age_seconds",
    .help = "How long ago the evals of the configuration in force passed.",
    .kind = METRIC_GAUGE};
static const struct metric_desc recordings_desc = {
    .name = "sluice_recordings_total",
    .help = "Turns that were to be recorded, by what became of it.",
    .kind = METRIC_COUNTER,
    .labels = {"fate"}};
/* clang-format on */

static const struct metric_desc *const of_endpoints[] = {&up_desc, &way_desc, &connections_desc,
                                                         &opened_desc, &protocol_desc};

static void put(struct gateway *g, const struct metric_desc *d, struct str a, struct str b,
                int64_t value)
{
    metric_put(metric_get(g->metrics, d, (const struct str[METRIC_LABELS_MAX]){a, b}), value);
}

/* Of endpoints that have the same name, since they differ in their timeouts or certificates, it is
 * the sum, as is that of all beyond those that a family has room for. */
static void sum_up(struct gateway *g, const struct metric_desc *d, struct str a, struct str b,
                   int64_t value)
{
    struct metric_series *s = metric_get(g->metrics, d,
                                         (const struct str[METRIC_LABELS_MAX]){a, b});
    metric_put(s, metric_is_hidden(s) ? value : metric_value(s) + value);
}

static struct metric_series *up_series(struct gateway *g, const struct endpoint *e)
{
    return metric_get(g->metrics, &up_desc, (const struct str[METRIC_LABELS_MAX]){e->host_header});
}

/* So that also a new one is hidden, before the first of its name says whether it is up. */
static void up_make(void *arg, struct endpoint *e)
{
    (void)up_series(arg, e);
}

/* Where one of them rests, none is said to be up. */
static void up_put(struct gateway *g, const struct endpoint *e)
{
    struct metric_series *s = up_series(g, e);
    metric_put(s, endpoint_is_up(e) && (metric_is_hidden(s) || metric_value(s) > 0));
}

static void endpoint_put(void *arg, struct endpoint *e)
{
    struct gateway *g = arg;
    struct upool_stats s = upool_stats(e->pool);
    struct str name = e->host_header;
    up_put(g, e);
    sum_up(g, &way_desc, name, STR_NONE, e->under_way);
    sum_up(g, &connections_desc, name, STR("idle"), s.idle);
    sum_up(g, &connections_desc, name, STR("in use"), s.in_use);
    sum_up(g, &opened_desc, name, STR("opened"), (int64_t)s.opened);
    sum_up(g, &opened_desc, name, STR("reused"), (int64_t)s.reused);
    sum_up(g, &opened_desc, name, STR("failed"), (int64_t)s.failed);
    sum_up(g, &protocol_desc, name, STR("HTTP/1.1"), (int64_t)(s.opened - s.opened_shared));
    sum_up(g, &protocol_desc, name, STR("HTTP/2"), (int64_t)s.opened_shared);
}

static void refusals_put(struct gateway *g, const struct counters_totals *t)
{
    const struct limits_refused r = limits_refused(g->limits);
    const struct str whose[ACCOUNTS] = {STR("key"), STR("tenant")};
    for (unsigned of = 0; of < ACCOUNTS; of++)
        for (unsigned m = 0; m < METERS; m++)
            if (t->refused[of][m] > 0)
                put(g, &limited_desc, whose[of], str_from(meter_name(m)),
                    (int64_t)t->refused[of][m]);
    if (r.max_tokens > 0)
        put(g, &limited_desc, STR("any"), STR("max_tokens"), (int64_t)r.max_tokens);
    if (r.unpriced > 0)
        put(g, &limited_desc, STR("any"), STR("unpriced"), (int64_t)r.unpriced);
}

static void recordings_put(struct gateway *g, const struct recording_stats *s)
{
    for (unsigned i = 0; i < RECORDING_FATES && g->recorder; i++)
        put(g, &recordings_desc, str_from(recording_fate_names[i]), STR_NONE, (int64_t)s->fates[i]);
}

/* Where none is known to have passed there is no age. */
static void record_age_put(struct gateway *g)
{
    int64_t passed_wall_us = g->brake ? g->brake->decision.passed_wall_us : 0;
    if (g->record_age_shown)
        metric_hide(g->metrics, &record_age_desc);
    g->record_age_shown = g->record_age_shown || passed_wall_us > 0;
    if (passed_wall_us > 0) {
        int64_t age_us = clock_wall_us() - passed_wall_us; /* clocks differ */
        put(g, &record_age_desc, STR_NONE, STR_NONE, age_us > 0 ? age_us / 1000000 : 0);
    }
}

void gateway_gauges(void *gateway)
{
    struct gateway *g = gateway;
    const struct telemetry_stats told = telemetry_stats(g->telemetry);
    struct task_stats tasks = task_stats();
    struct ledger_stats l = {0};
    if (g->ledger)
        l = ledger_stats(g->ledger);
    const struct counters *counters = limits_counters(g->limits);
    const struct counters_totals limits = counters->ops->totals(counters);
    refusals_put(g, &limits);
    const struct stored_stats stored = stored_stats(g->stored);
    const struct outcomes_stats outcomes = outcomes_stats(g->outcomes);
    const struct recording_stats recordings = recorder_stats(g->recorder);
    recordings_put(g, &recordings);
    const struct prompts_stats prompts = prompts_stats(g->prompts);
    record_age_put(g);
    const int64_t values[NUMBERS] = {
        [N_CONNECTIONS] = g->listener ? listener_connections(g->listener) : 0,
        [N_STREAMS] = g->streams.open,
        [N_STREAMS_REFUSED] = (int64_t)g->streams.refused,
        [N_TASKS] = (int64_t)tasks.running,
        [N_STACKS_FREE] = (int64_t)tasks.stacks_free,
        [N_STACK_BYTES] = (int64_t)tasks.stack_bytes,
        [N_ARENA_POOL] = (int64_t)arena_pool_bytes(),
        [N_LEDGER_ROWS] = (int64_t)l.waiting_rows,
        [N_LEDGER_BYTES] = (int64_t)l.waiting_bytes,
        [N_LEDGER_WRITTEN] = (int64_t)l.rows_written,
        [N_LEDGER_ERRORS] = (int64_t)l.errors,
        [N_LEDGER_WRITE_US] = l.last_write_us,
        [N_RELOADS] = (int64_t)g->reloads,
        [N_RELOADS_REFUSED] = (int64_t)g->reloads_refused,
        [N_HELD] = (int64_t)g->held,
        [N_FORCED] = g->brake && g->brake->decision.forced,
        [N_REFUSED] = (int64_t)g->refused,
        [N_TLS_FAILURES] = (int64_t)g->tls_failures,
        [N_PROXY_FAILURES] = (int64_t)g->proxy_failures,
        [N_LOG_DROPPED] = (int64_t)log_lines_dropped(),
        [N_LIMITS_RUNNING] = limits.running,
        [N_LIMITS_TOKENS] = limits.reserved_tokens,
        [N_LIMITS_USD] = limits.reserved_usd_nanos,
        [N_LIMITS_ACCOUNTS] = (int64_t)limits.accounts,
        [N_STORED_KNOWN] = (int64_t)stored.known,
        [N_STORED_BYTES] = (int64_t)stored.bytes,
        [N_STORED_LOOK_UPS] = (int64_t)stored.look_ups,
        [N_OUTCOMES_KNOWN] = (int64_t)outcomes.known,
        [N_OUTCOMES_BYTES] = (int64_t)outcomes.bytes,
        [N_OUTCOMES_LOOK_UPS] = (int64_t)outcomes.look_ups,
        [N_RECORDED_BYTES] = (int64_t)recordings.bytes,
        [N_RECORDED_REDACTED] = (int64_t)recordings.redacted,
        [N_RECORDING_HELD] = recordings.held_bytes,
        [N_PROMPTS_KNOWN] = (int64_t)prompts.known_n,
        [N_PROMPTS_UNSEEN] = prompts.unseen_n,
        [N_PROMPTS_UNSEEN_TURNS] = (int64_t)prompts.unseen_turns,
        [N_TELEMETRY_WAITING] = (int64_t)told.waiting,
        [N_TELEMETRY_SENT] = (int64_t)told.sent,
        [N_TELEMETRY_DROPPED] = (int64_t)told.dropped,
        [N_TELEMETRY_FAILURES] = (int64_t)told.failures,
        [N_BEGAN] = g->began_wall_us / 1000000,
    };
    for (unsigned i = 0; i < NUMBERS; i++)
        metric_put(metric_get(g->metrics, &numbers[i], NULL), values[i]);
    upstreams_each(g->upstreams, up_make, g);
    for (unsigned i = 0; i < ARRAY_LEN(of_endpoints); i++) /* a reload may have ended some */
        metric_hide(g->metrics, of_endpoints[i]);
    upstreams_each(g->upstreams, endpoint_put, g);
}

int gateway_metrics(struct gateway *g, struct buf *out)
{
    gateway_gauges(g);
    return metric_render(g->metrics, out);
}

void api_metrics(struct visit *v)
{
    struct buf out;
    buf_init(&out, METRICS_BYTES_MAX);
    int err = gateway_metrics(v->gateway, &out);
    struct http_headers headers;
    http_headers_init(&headers, v->x->arena);
    if (!err)
        err = http_headers_add(&headers, STR("Content-Type"),
                               STR("text/plain; version=0.0.4; charset=utf-8"));
    if (err)
        visit_error(v, err);
    else
        err = exchange_respond(v->x, 200, &headers, buf_view(&out));
    buf_fini(&out);
}
