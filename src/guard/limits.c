/* limits.c: the gate: reserving before a turn's calls, settling after them. */
#include "guard/limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/put.h"
#include "llm/outgoing.h"
#include "llm/prefix.h"

struct limits {
    struct turn_gate gate;
    const struct limits_rules *rules;
    struct counters *counters;
    struct limits_refused refused;
};

/* ---- what a turn asks for ---- */

static int64_t at_most(int64_t n, int64_t max)
{
    return n < max ? n : max;
}

/* Of the longest prefix that one of its targets puts in front. */
static int64_t prefix_bytes_most(const struct route *route)
{
    int64_t most = 0;
    for (unsigned i = 0; i < route->n; i++) {
        int64_t bytes = prefix_bytes(route->at[i].prefix);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static struct tokens tokens_of(const struct limits_rules *rules, const struct turn *turn)
{
    const struct llm_request *r = turn->request;
    struct tokens t = {.source = TOKENS_ESTIMATE};
    if (!r)
        return t; /* passed on unread */
    t.input = tokens_of_bytes((int64_t)r->body.n + prefix_bytes_most(&turn->route));
    int64_t most = r->max_tokens > 0 ? r->max_tokens
                   : r->ceiling > 0  ? r->ceiling
                                     : rules->reserve_tokens;
    /* Both factors are below 2^31. */
    t.output = at_most(most * r->choices, CLAIM_TOKENS_MAX / 2);
    return t;
}

/* What it may cost: the price at the dearest target that has one. */
struct dearest {
    int64_t usd_nanos;
    bool known;                    /* all of them have one */
    const struct target *unpriced; /* the first that has none; NULL: all have, or there are none */
};

/* At the tier that it names, if that is dearer: who asks for flex may be served as usual. */
static int64_t cost_at(const struct price *p, enum service_tier tier, const struct tokens *tokens)
{
    int64_t usual = price_cost(p, tokens), cost = price_cost_tier(p, tier, tokens);
    return tier == TIER_FLEX || (cost != COST_UNKNOWN && cost < usual) ? usual : cost;
}

static struct dearest dearest_of(const struct turn *t, const struct tokens *tokens)
{
    struct dearest d = {.known = t->route.n > 0};
    for (unsigned i = 0; i < t->route.n; i++) {
        const struct target *target = &t->route.at[i];
        enum service_tier tier = t->request ? outgoing_tier(target, t->request) : TIER_UNSAID;
        int64_t cost = cost_at(target->price, tier, tokens);
        if (cost == COST_UNKNOWN && d.known) {
            d.known = false;
            d.unpriced = target;
        }
        d.usd_nanos = cost > d.usd_nanos ? cost : d.usd_nanos; /* COST_UNKNOWN is less than all */
    }
    d.usd_nanos = at_most(d.usd_nanos, CLAIM_USD_MAX);
    return d;
}

int64_t limits_cost_most(const struct limits_rules *rules, const struct turn *t,
                         const struct target **ret_unpriced)
{
    const struct tokens tokens = tokens_of(rules, t);
    const struct dearest dearest = dearest_of(t, &tokens);
    *ret_unpriced = dearest.unpriced;
    return dearest.known ? dearest.usd_nanos : COST_UNKNOWN;
}

/* ---- words ---- */

static struct str who(enum account_of of, struct str name, char out[96])
{
    static const char *const words[ACCOUNTS] = {"key", "tenant"};
    int n = name.n ? snprintf(out, 96, "%s %.*s", words[of], STR_ARGS(str_head_utf8(name, 60)))
                   : snprintf(out, 96, "requests without a %s", words[of]);
    return str_of(out, (size_t)n);
}

static bool is_money(enum meter m)
{
    return m == METER_DAY || m == METER_MONTH;
}

/* A number of requests or tokens, or dollars. */
static struct str amount(enum meter m, int64_t n, char out[PUT_DECIMAL_MAX])
{
    return str_of(out, (size_t)(put_decimal(out, n, is_money(m) ? 9 : 0, 0) - out));
}

int no_room_fault(const struct no_room *why, struct str name, int64_t now_wall_us, struct fault *f)
{
    static const char *const units[METERS] = {"requests a minute", "tokens a minute",
                                              "requests at once", "dollars a day",
                                              "dollars a month"};
    char whose[96], limit[PUT_DECIMAL_MAX], used[PUT_DECIMAL_MAX], asked[PUT_DECIMAL_MAX];
    char when[64] = "when one of them ends";
    bool money = is_money(why->meter);
    int err = money ? E_BUDGET : E_RATE_LIMITED;
    struct str w = who(why->of, name, whose);
    struct str l = amount(why->meter, why->limit, limit);
    struct str u = amount(why->meter, why->used, used);
    struct str a = amount(why->meter, why->asked, asked);
    if (why->wait_us == COUNTERS_WAIT_NO)
        return fault_set(f, err,
                         "%.*s: the limit is %.*s %s, and this request alone may take %.*s; "
                         "waiting does not help, a smaller max_tokens or prompt may",
                         STR_ARGS(w), STR_ARGS(l), units[why->meter], STR_ARGS(a));
    if (money) {
        char iso[25];
        clock_iso(now_wall_us + why->wait_us, iso);
        snprintf(when, sizeof(when), "at %.16sZ", iso);
    } else if (why->wait_us >= 0) {
        int64_t ms = (why->wait_us + 999) / 1000;
        snprintf(when, sizeof(when), "in %lld.%03lld s", (long long)(ms / 1000),
                 (long long)(ms % 1000));
    }
    return fault_set(f, err,
                     "%.*s: the limit of %.*s %s is reached: %.*s used or reserved, %.*s asked "
                     "for; there is room %s",
                     STR_ARGS(w), STR_ARGS(l), units[why->meter], STR_ARGS(u), STR_ARGS(a), when);
}

static int unpriced_fault(struct turn *t, const struct target *target, enum account_of of,
                          struct str name)
{
    char whose[96];
    struct str w = who(of, name, whose);
    if (!target)
        return fault_set(&t->fault, E_UNPRICED,
                         "%.*s has a limit in dollars, and what is passed on unread has no price; "
                         "limits.unpriced: allow lets it through, uncounted",
                         STR_ARGS(w));
    return fault_set(&t->fault, E_UNPRICED,
                     "%.*s has a limit in dollars, and %.*s/%.*s has no price%s; set one under "
                     "prices, or limits.unpriced: allow",
                     STR_ARGS(w), STR_ARGS(str_head(target->provider->name, 40)),
                     STR_ARGS(str_head(target->model, 60)),
                     target->price ? " for that speed or tier" : "");
}

/* ---- the gate ---- */

static int ceiling_fault(struct limits *l, struct turn *t, int64_t max, enum account_of of,
                         struct str name)
{
    char whose[96];
    struct str w = who(of, name, whose);
    l->refused.max_tokens++;
    if (t->request->limit_is_none)
        return fault_set(&t->fault, E_BAD_REQUEST,
                         "a limit of 0 tokens, or less, may mean none to a provider, and %.*s may "
                         "ask for at most %lld (limits: max_tokens); name 1 to %lld, or none",
                         STR_ARGS(w), (long long)max, (long long)max);
    return fault_set(&t->fault, E_BAD_REQUEST,
                     "'max_tokens' is %lld, and %.*s may ask for at most %lld (limits: max_tokens)",
                     (long long)t->request->max_tokens, STR_ARGS(w), (long long)max);
}

/* A request that names no limit gets the lower of its ceilings. */
static int ceilings_take(struct limits *l, struct turn *t, const struct str name[ACCOUNTS],
                         const struct limit_settings *const limit[ACCOUNTS])
{
    struct llm_request *r = t->request;
    int64_t lowest = 0;
    if (!r)
        return 0; /* passed on unread */
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        int64_t max = limit[of]->max_tokens;
        if (max == METER_NO_LIMIT)
            continue;
        if (r->max_tokens > max || r->limit_is_none)
            return ceiling_fault(l, t, max, of, name[of]);
        lowest = lowest == 0 || max < lowest ? max : lowest;
    }
    if (r->max_tokens == 0 && r->choices > 0)
        r->ceiling = at_most(lowest, INT32_MAX);
    return 0;
}

static int enter(struct turn_gate *gate, struct turn *t)
{
    struct limits *l = CONTAINER_OF(gate, struct limits, gate);
    const struct limits_rules *rules = l->rules;
    struct turn_stay *stay = t->stay = ARENA_NEW(t->arena, struct turn_stay);
    if (!stay)
        return E_MEMORY;
    const struct str name[ACCOUNTS] = {t->key, t->tenant};
    const struct limit_settings *limit[ACCOUNTS];
    for (unsigned of = 0; of < ACCOUNTS; of++)
        limit[of] = limits_rules_find(rules, of, name[of]);
    int err = ceilings_take(l, t, name, limit);
    if (err)
        return err;
    const struct tokens tokens = tokens_of(rules, t);
    const struct dearest dearest = dearest_of(t, &tokens);
    stay->priced = dearest.known;
    struct claim claim = {.name = {t->key, t->tenant},
                          .tokens = at_most(tokens.input + tokens.output, CLAIM_TOKENS_MAX),
                          .usd_nanos = dearest.usd_nanos,
                          .now_us = clock_mono_us(),
                          .began_wall_us = t->began_wall_us};
    claim.now_wall_us = clock_wall_at(claim.now_us);
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        memcpy(stay->limit[of], limit[of]->meter, sizeof(stay->limit[of]));
        claim.limit[of] = stay->limit[of];
        bool budget = limit[of]->meter[METER_DAY] != METER_NO_LIMIT ||
                      limit[of]->meter[METER_MONTH] != METER_NO_LIMIT;
        if (!dearest.known && budget && !rules->unpriced_allowed) {
            l->refused.unpriced++;
            return unpriced_fault(t, dearest.unpriced, of, claim.name[of]);
        }
    }
    err = l->counters->ops->take(l->counters, &claim, &stay->hold, &stay->why);
    stay->no_room = err == E_RATE_LIMITED;
    if (stay->no_room)
        err = no_room_fault(&stay->why, claim.name[stay->why.of], claim.now_wall_us, &t->fault);
    else if (err == E_OVERLOADED)
        fault_set(&t->fault, err, "more than %d keys and tenants are counted", ACCOUNTS_MAX);
    return err;
}

static void leave(struct turn_gate *gate, struct turn *t, int err)
{
    struct limits *l = CONTAINER_OF(gate, struct limits, gate);
    if (!t->stay || !t->stay->hold.held)
        return;
    struct took took = {.counts = !err || t->calls_n > 0,
                        .tokens = tokens_prompt(&t->tokens) + tokens_completion(&t->tokens)};
    /* A model may have a price, and not all that it took: that is not free. */
    int64_t unknown = t->stay->priced ? t->stay->hold.usd_nanos : 0;
    for (unsigned i = 0; i < t->calls_n; i++) {
        int64_t cost = t->calls[i].cost_usd_nanos;
        took.usd_nanos += cost != COST_UNKNOWN ? cost : unknown;
    }
    l->counters->ops->settle(l->counters, &t->stay->hold, &took, clock_mono_us());
}

/* ---- the limits of a process ---- */

int limits_new(struct limits **ret_limits)
{
    struct limits *l = calloc(1, sizeof(*l));
    if (!l)
        return E_MEMORY;
    l->gate = (struct turn_gate){.enter = enter, .leave = leave};
    int err = counters_memory_new(&l->counters);
    if (err)
        free(l);
    else
        *ret_limits = l;
    return err;
}

void limits_free(struct limits *l)
{
    if (l)
        l->counters->ops->close(l->counters);
    free(l);
}

struct turn_gate *limits_use(struct limits *l, const struct limits_rules *rules)
{
    l->rules = rules;
    return rules->any ? &l->gate : NULL;
}

const struct limits_rules *limits_rules_now(const struct limits *l)
{
    return l->rules;
}

struct counters *limits_counters(struct limits *l)
{
    return l->counters;
}

struct limits_refused limits_refused(const struct limits *l)
{
    return l->refused;
}
