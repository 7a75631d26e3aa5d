#include "turn/meters.h"

#include <stdlib.h>

#include "base/put.h"
#include "turn/turn.h"

/* Seconds. Answers take from a millisecond (a cache) to many minutes (a reasoning model). */
static const double latency_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                        2.5,   5,      10,    20,   40,    80,   160, 320,  640, 0};
static const double overhead_bounds[] = {0.00002, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                         0.005,   0.01,    0.05,   0.25,    1,      0};

/* clang-format off */
static const struct metric_desc turns_desc = {
    .name = "sluice_turns_total",
    .help = "Requests that were answered or refused, by what the client got.",
    .kind = METRIC_COUNTER,
    .labels = {"api", "provider", "model", "status"}};
static const struct metric_desc latency_desc = {
    .name = "sluice_turn_seconds",
    .help = "From a request's first byte to its answer's last.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"provider", "model"},
    .bounds = latency_bounds,
    .scale = 1e-6};
static const struct metric_desc first_desc = {
    .name = "sluice_first_token_seconds",
    .help = "From a request's first byte to the first token; where nothing is streamed, to the "
            "answer's header.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"provider", "model"},
    .bounds = latency_bounds,
    .scale = 1e-6};
static const struct metric_desc overhead_desc = {
    .name = "sluice_overhead_seconds",
    .help = "All of a turn but the calls to providers: own work, and pauses before another try.",
    .kind = METRIC_HISTOGRAM,
    .bounds = overhead_bounds,
    .scale = 1e-6};
static const struct metric_desc tokens_desc = {
    .name = "sluice_tokens_total",
    .help = "Tokens by class: input, cached, cache_write, cache_write_1h (apart from cache_write, "
            "though the ledger has it within), output, reasoning.",
    .kind = METRIC_COUNTER,
    .labels = {"provider", "model", "class", "source"}};
static const struct metric_desc cost_desc = {
    .name = "sluice_cost_usd_total",
    .help = "Cost of all calls whose model has a price.",
    .kind = METRIC_COUNTER,
    .labels = {"provider", "model"},
    .scale = 1e-9};
static const struct metric_desc unpriced_desc = {
    .name = "sluice_unpriced_calls_total",
    .help = "Calls to models without a price: their cost is not known.",
    .kind = METRIC_COUNTER,
    .labels = {"provider", "model"}};
static const struct metric_desc calls_desc = {
    .name = "sluice_upstream_calls_total",
    .help = "Calls to providers, by outcome: ok, or the error's code.",
    .kind = METRIC_COUNTER,
    .labels = {"provider", "model", "outcome"}};
static const struct metric_desc running_desc = {
    .name = "sluice_turns_running", .help = "Turns under way now.", .kind = METRIC_GAUGE};
static const struct metric_desc lever_time_desc = {
    .name = "sluice_lever_seconds",
    .help = "A lever's own time in a turn, without what lies further in.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"lever"},
    .bounds = overhead_bounds,
    .scale = 1e-6};
static const struct metric_desc lever_did_desc = {
    .name = "sluice_lever_verdicts_total",
    .help = "What levers did to turns.",
    .kind = METRIC_COUNTER,
    .labels = {"lever", "verdict"}};
/* clang-format on */

enum token_class {
    CLASS_INPUT,
    CLASS_CACHED,
    CLASS_CACHE_WRITE,
    CLASS_CACHE_WRITE_1H,
    CLASS_OUTPUT,
    CLASS_REASONING,
    CLASSES
};
static const char *const class_names[CLASSES] = {"input",          "cached", "cache_write",
                                                 "cache_write_1h", "output", "reasoning"};

/*
 * The series of one provider's model. Looking a series up by its labels costs more than adding to
 * it, and most traffic goes to few models, so the last ones used are kept here.
 */
struct model_meters {
    struct str provider, model; /* in `text`: the configuration that they came from may go */
    char text[2][METRIC_LABEL_BYTES_MAX]; /* as much as a label keeps */
    struct metric_series *latency, *first, *cost, *ok;
    struct metric_series *tokens[2][CLASSES]; /* [estimate][class]; made on first use */
    struct metric_series *turns_ok[4];        /* by API, for status 200 */
    const char *api[4];
};

#define MODELS_KEPT 16

struct turn_metrics {
    struct metric_set *set;
    struct metric_series *running, *overhead;
    struct metric_series *levers[LEVERS_MAX];
    const struct lever *lever[LEVERS_MAX];
    unsigned next;
    struct model_meters models[MODELS_KEPT];
};

int turn_metrics_new(struct metric_set *set, struct turn_metrics **ret_meters)
{
    struct turn_metrics *m = calloc(1, sizeof(*m));
    if (!m)
        return E_MEMORY;
    m->set = set;
    m->running = metric_get(set, &running_desc, NULL);
    m->overhead = metric_get(set, &overhead_desc, NULL);
    *ret_meters = m;
    return 0;
}

void turn_metrics_free(struct turn_metrics *m)
{
    free(m);
}

static struct metric_series *series(struct turn_metrics *m, const struct metric_desc *desc,
                                    struct str a, struct str b, struct str c, struct str d)
{
    return metric_get(m->set, desc, (const struct str[METRIC_LABELS_MAX]){a, b, c, d});
}

static struct model_meters *model_meters(struct turn_metrics *m, const struct target *t)
{
    struct str provider = str_head(t->provider->name, sizeof(m->models[0].text[0]));
    struct str model = str_head(t->model, sizeof(m->models[0].text[1]));
    for (unsigned i = 0; i < MODELS_KEPT; i++) {
        struct model_meters *k = &m->models[i];
        if (str_eq(k->model, model) && str_eq(k->provider, provider))
            return k;
    }
    struct model_meters *k = &m->models[m->next++ % MODELS_KEPT];
    *k = (struct model_meters){.latency = NULL};
    memcpy(k->text[0], provider.p, provider.n);
    memcpy(k->text[1], model.p, model.n);
    provider = k->provider = str_of(k->text[0], provider.n);
    model = k->model = str_of(k->text[1], model.n);
    k->latency = series(m, &latency_desc, provider, model, STR_NONE, STR_NONE);
    k->first = series(m, &first_desc, provider, model, STR_NONE, STR_NONE);
    k->cost = series(m, &cost_desc, provider, model, STR_NONE, STR_NONE);
    k->ok = series(m, &calls_desc, provider, model, STR("ok"), STR_NONE);
    return k;
}

static void tokens_meter(struct turn_metrics *m, struct model_meters *k, const struct tokens *t)
{
    const int64_t counts[CLASSES] = {
        [CLASS_INPUT] = t->input,
        [CLASS_CACHED] = t->cached,
        [CLASS_CACHE_WRITE] = t->cache_write - t->cache_write_1h,
        [CLASS_CACHE_WRITE_1H] = t->cache_write_1h,
        [CLASS_OUTPUT] = t->output,
        [CLASS_REASONING] = t->reasoning,
    };
    bool estimate = t->source != TOKENS_PROVIDER;
    for (unsigned i = 0; i < CLASSES; i++) {
        if (counts[i] == 0)
            continue;
        struct metric_series **s = &k->tokens[estimate][i];
        if (!*s)
            *s = series(m, &tokens_desc, k->provider, k->model, str_from(class_names[i]),
                        str_from(estimate ? "estimate" : "provider"));
        metric_add(*s, counts[i]);
    }
}

void turn_meter_call(const struct turn *t, const struct llm_call *c, int err)
{
    struct turn_metrics *m = t->house->meters;
    struct model_meters *k = model_meters(m, c->target);
    metric_add(
        err ? series(m, &calls_desc, k->provider, k->model, str_from(err_code(err)), STR_NONE)
            : k->ok,
        1);
    tokens_meter(m, k, &c->tokens);
    if (c->cost_usd_nanos != COST_UNKNOWN)
        metric_add(k->cost, c->cost_usd_nanos);
    else
        metric_add(series(m, &unpriced_desc, k->provider, k->model, STR_NONE, STR_NONE), 1);
}

static void levers_meter(const struct turn *t)
{
    struct turn_metrics *m = t->house->meters;
    for (unsigned i = 0; t->notes && i < t->chain->n && t->calls_n > 0; i++) {
        const struct lever *lever = t->chain->at[i].lever;
        const struct lever_note *note = &t->notes[i];
        if (m->lever[i] != lever) {
            m->lever[i] = lever;
            m->levers[i] = series(m, &lever_time_desc, str_from(lever->name), STR_NONE, STR_NONE,
                                  STR_NONE);
        }
        metric_observe(m->levers[i], note->own_us);
        if (note->verdict || note->held_out)
            metric_add(series(m, &lever_did_desc, str_from(lever->name),
                              str_from(note->held_out ? "held out" : note->verdict), STR_NONE,
                              STR_NONE),
                       1);
    }
}

static struct metric_series *turns_series_find(const struct turn *t, const struct model_meters *k,
                                               int status)
{
    char text[PUT_DECIMAL_MAX];
    struct str label = str_of(text, (size_t)(put_i64(text, status) - text));
    return series(t->house->meters, &turns_desc, str_from(t->api), k ? k->provider : STR(""),
                  k ? k->model : STR(""), label);
}

static struct metric_series *turns_series(const struct turn *t, struct model_meters *k, int status)
{
    if (!k || status != 200)
        return turns_series_find(t, k, status);
    unsigned i = 0;
    while (i < ARRAY_LEN(k->api) - 1 && k->api[i] && k->api[i] != t->api)
        i++;
    if (k->api[i] != t->api) {
        k->api[i] = t->api;
        k->turns_ok[i] = turns_series_find(t, k, status);
    }
    return k->turns_ok[i];
}

void turn_meter_end(const struct turn *t, const struct ledger_turn *row)
{
    struct turn_metrics *m = t->house->meters;
    struct model_meters *k = t->target ? model_meters(m, t->target) : NULL;
    metric_put(m->running, t->house->running_n);
    metric_add(turns_series(t, k, row->status), 1);
    if (k && !row->err) {
        metric_observe(k->latency, row->total_us);
        if (row->first_us >= 0)
            metric_observe(k->first, row->first_us);
    }
    if (t->calls_n > 0)
        metric_observe(m->overhead, row->overhead_us);
    levers_meter(t);
}
