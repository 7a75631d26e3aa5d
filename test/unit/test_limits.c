/* test_limits.c: the gate and the counters behind it, against a count that is made anew each time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/config.h"
#include "base/clock.h"
#include "base_test.h"
#include "guard/limits.h"
#include "ledger_world.h"
#include "llm/prefix.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    INT64_C(86400000000)

/* ---- a house with limits ---- */

struct world {
    struct conf_doc *doc;
    struct limits_rules rules;
    struct limits *limits;
    struct metric_set *metrics;
    struct turn_house house;
    struct price price[2];
    struct provider provider;
    struct target target[2];
};

static void rules_take(struct world *w, const char *text)
{
    struct conf_doc *doc = NULL;
    assert_int_equal(conf_load_text(&config_table, "test.yaml", str_from(text), &doc), 0);
    const struct config *c = conf_root(doc);
    assert_int_equal(limits_rules_make(conf_arena(doc), &c->limits, &c->keys, &w->rules), 0);
    w->house.gate = limits_use(w->limits, &w->rules);
    conf_unref(w->doc);
    w->doc = doc;
}

static int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        return -1;
    clock_fake(500 * SECOND_US, NOON_US);
    w->metrics = metric_set_new();
    int err = turn_house_init(&w->house, NULL, w->metrics);
    err = err ? err : limits_new(&w->limits);
    for (unsigned i = 0; i < 2; i++) { /* a dollar a million tokens in, two out; the other twice */
        w->price[i] = (struct price){.input = INT64_C(1000000000) << i,
                                     .cached = PRICE_UNKNOWN,
                                     .cache_write = PRICE_UNKNOWN,
                                     .output = INT64_C(2000000000) << i,
                                     .reasoning = PRICE_UNKNOWN};
        w->target[i] =
            (struct target){.provider = &w->provider, .model = STR("m"), .price = &w->price[i]};
    }
    w->provider.name = STR("p");
    *state = w;
    return err;
}

static int world_teardown(void **state)
{
    struct world *w = *state;
    limits_free(w->limits);
    turn_house_fini(&w->house);
    metric_set_free(w->metrics);
    conf_unref(w->doc);
    clock_real();
    free(w);
    return 0;
}

/* One turn on its way. */
struct walk {
    struct arena arena;
    struct llm_request request;
    struct ledger_call call;
    struct turn turn;
    int err;
    int64_t wait_us; /* of a refusal */
};

#define PROMPT_BYTES 400 /* 100 tokens */

static struct walk *walk_begin(struct world *w, const char *key, const char *tenant,
                               int64_t max_tokens)
{
    static const char body[PROMPT_BYTES] = "{";
    struct walk *k = calloc(1, sizeof(*k));
    assert_non_null(k);
    arena_init_private(&k->arena, 1u << 20);
    turn_begin(&k->turn, &w->house, &k->arena, clock_mono_us());
    k->request = (struct llm_request){
        .op = OP_CHAT, .body = str_of(body, sizeof(body)), .max_tokens = max_tokens, .choices = 1};
    k->turn.request = &k->request;
    k->turn.api = "openai.chat";
    k->turn.key = str_from(key);
    k->turn.tenant = str_from(tenant);
    k->turn.route = (struct route){.n = 1, .at = w->target};
    return k;
}

static int walk_admit(struct walk *k)
{
    k->err = turn_admit(&k->turn);
    k->wait_us = k->turn.stay && k->turn.stay->no_room ? k->turn.stay->why.wait_us : -1;
    return k->err;
}

/* What it took: one call. */
static void walk_call(struct walk *k, int64_t tokens, int64_t usd_nanos)
{
    k->call = (struct ledger_call){.tokens = {.output = tokens, .source = TOKENS_PROVIDER},
                                   .cost_usd_nanos = usd_nanos};
    k->turn.calls = &k->call;
    k->turn.calls_n = 1;
    k->turn.tokens = k->call.tokens;
    k->turn.cost_usd_nanos = usd_nanos;
}

static void walk_end(struct walk *k, int err)
{
    turn_end(&k->turn, err, err ? err_status(err) : 200, 0);
    arena_fini(&k->arena);
    free(k);
}

struct wanted {
    enum account_of of;
    struct str name;
    struct standing now;
    bool found;
};

static void wanted_take(void *arg, enum account_of of, struct str name, const struct standing *now)
{
    struct wanted *wanted = arg;
    if (of == wanted->of && str_eq(name, wanted->name)) {
        wanted->now = *now;
        wanted->found = true;
    }
}

static struct standing standing(struct world *w, enum account_of of, const char *name)
{
    struct wanted wanted = {.of = of, .name = str_from(name)};
    struct counters *c = limits_counters(w->limits);
    c->ops->each(c, clock_mono_us(), clock_wall_us(), wanted_take, &wanted);
    assert_true(wanted.found);
    return wanted.now;
}

static struct counters_totals totals(struct world *w)
{
    struct counters *c = limits_counters(w->limits);
    return c->ops->totals(c);
}

/* ---- single things ---- */

static void without_limits_there_is_no_gate(void **state)
{
    struct world *w = *state;
    rules_take(w, "keys: {declared: {app: {secret: s}}}\n");
    assert_null(w->house.gate);
    rules_take(w, "keys: {declared: {app: {secret: s, limits: {concurrent: 1}}}}\n");
    assert_non_null(w->house.gate);
    rules_take(w, "limits: {tenants: {x: {max_tokens: 5}}}\n");
    assert_non_null(w->house.gate);
}

static void a_rule_goes_before_the_default_setting_by_setting(void **state)
{
    struct world *w = *state;
    rules_take(w,
               "keys: {declared: {b: {secret: s, limits: {concurrent: 1}},"
               " a: {secret: t, limits: {concurrent: 2, usd_per_day: 0}}}}\n"
               "limits: {per_key: {concurrent: 9, usd_per_day: 1.5}, per_tenant: {concurrent: 7},"
               " tenants: {a: {max_tokens: 3}}}\n");
    const struct limit_settings *a = limits_rules_find(&w->rules, OF_KEY, STR("a"));
    const struct limit_settings *b = limits_rules_find(&w->rules, OF_KEY, STR("b"));
    const struct limit_settings *made = limits_rules_find(&w->rules, OF_KEY, STR("0made"));
    const struct limit_settings *tenant = limits_rules_find(&w->rules, OF_TENANT, STR("a"));
    assert_int_equal(a->meter[METER_RUNNING], 2);
    assert_int_equal(a->meter[METER_DAY], 0);
    assert_int_equal(b->meter[METER_RUNNING], 1);
    assert_int_equal(b->meter[METER_DAY], 1500000000);
    assert_int_equal(made->meter[METER_RUNNING], 9);
    assert_int_equal(made->max_tokens, METER_NO_LIMIT);
    assert_int_equal(tenant->meter[METER_RUNNING], 7);
    assert_int_equal(tenant->max_tokens, 3);
    assert_int_equal(tenant->meter[METER_DAY], METER_NO_LIMIT);
}

static void what_is_reserved_is_replaced_by_what_it_took(void **state)
{
    struct world *w = *state;
    rules_take(w, "limits: {per_key: {concurrent: 9}}\n");
    struct walk *k = walk_begin(w, "app", "shop", 500);
    k->turn.route.n = 2; /* the second is twice as dear */
    assert_int_equal(walk_admit(k), 0);
    struct standing now = standing(w, OF_TENANT, "shop");
    assert_int_equal(now.used[METER_TOKENS], 600);
    assert_int_equal(now.used[METER_DAY], 2 * (100 * 1000 + 500 * 2000));
    assert_int_equal(now.reserved[METER_MONTH], 2 * (100 * 1000 + 500 * 2000));
    assert_int_equal(now.used[METER_RUNNING], 1);
    walk_call(k, 77, 12345);
    walk_end(k, E_CLIENT_GONE);
    now = standing(w, OF_KEY, "app");
    assert_int_equal(now.used[METER_REQUESTS], 1);
    assert_int_equal(now.used[METER_TOKENS], 77);
    assert_int_equal(now.used[METER_DAY], 12345);
    assert_int_equal(now.reserved[METER_DAY], 0);
    assert_int_equal(now.used[METER_RUNNING], 0);
    k = walk_begin(w, "app", "shop", 0); /* 1024 for the answer; and then no call is made */
    assert_int_equal(walk_admit(k), 0);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_TOKENS], 77 + 1124);
    walk_end(k, E_MEMORY);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_TOKENS], 77);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_REQUESTS], 1);
    assert_int_equal(totals(w).running, 0);
}

static void a_prefix_is_a_part_of_the_prompt(void **state)
{
    struct world *w = *state;
    static const char items[40] = ",";
    const struct prefix ten = {.items = str_of(items, 40)}, five = {.items = str_of(items, 20)};
    rules_take(w, "limits: {per_key: {concurrent: 9}}\n");
    w->target[0].prefix = &five;
    w->target[1].prefix = &ten;
    struct walk *k = walk_begin(w, "app", "shop", 500);
    k->turn.route.n = 2; /* whichever answers: the longest counts */
    assert_int_equal(walk_admit(k), 0);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_TOKENS], 610);
    walk_end(k, E_CLIENT_GONE);
}

static void money_is_of_the_day_on_which_the_turn_began(void **state)
{
    struct world *w = *state;
    rules_take(w, "limits: {per_key: {usd_per_day: 1, usd_per_month: 1.5}}\n");
    clock_fake(500 * SECOND_US, NOON_US + 6 * DAY_US + DAY_US / 2 - SECOND_US); /* 30th, 23:59:59 */
    struct walk *old = walk_begin(w, "app", "shop", 100), *late = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(old), 0);
    clock_advance_us(2 * SECOND_US);
    assert_int_equal(walk_admit(late), 0); /* began yesterday, and was long in coming */
    struct walk *new = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(new), 0);
    int64_t each = 100 * 1000 + 100 * 2000;
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_DAY], each);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_MONTH], each);
    walk_call(old, 10, 900000000);
    walk_call(late, 10, 800000000);
    walk_call(new, 10, 5);
    walk_end(old, 0);
    walk_end(late, 0);
    walk_end(new, 0);
    struct standing now = standing(w, OF_KEY, "app");
    assert_int_equal(now.used[METER_DAY], 5);
    assert_int_equal(now.used[METER_MONTH], 5);
    clock_advance_us(-2 * SECOND_US); /* yesterday has both, and is full */
    struct walk *k = walk_begin(w, "app", "shop", 100);
    clock_advance_us(2 * SECOND_US);
    assert_int_equal(walk_admit(k), E_BUDGET);
    walk_end(k, E_BUDGET);
}

static void a_clock_that_was_wrong_locks_nobody_out(void **state)
{
    struct world *w = *state;
    rules_take(w, "limits: {per_key: {usd_per_day: 1}}\n");
    clock_fake(500 * SECOND_US, NOON_US + 2000 * DAY_US);
    struct walk *k = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(k), 0);
    walk_call(k, 10, 2000000000);
    walk_end(k, 0);
    k = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(k), E_BUDGET);
    walk_end(k, E_BUDGET);
    for (int64_t days = 0; days < 4; days++) {
        clock_fake(500 * SECOND_US, NOON_US + days * DAY_US); /* it was set right */
        k = walk_begin(w, "app", "shop", 100);
        assert_int_equal(walk_admit(k), 0);
        walk_call(k, 10, 2000000000);
        walk_end(k, 0);
        k = walk_begin(w, "app", "shop", 100);
        assert_int_equal(walk_admit(k), E_BUDGET);
        walk_end(k, E_BUDGET);
    }
}

/* A turn that began while the clock was wrong ends when it is right again: what was spent meanwhile
 * stays counted. */
static void a_clock_that_was_wrong_forgets_nothing_of_today(void **state)
{
    struct world *w = *state;
    rules_take(w, "limits: {per_key: {usd_per_day: 1}}\n");
    clock_fake(500 * SECOND_US, NOON_US + 2 * DAY_US);
    struct walk *wrong = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(wrong), 0);
    clock_fake(501 * SECOND_US, NOON_US);
    struct walk *k = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(k), 0);
    walk_call(k, 10, 2000000000);
    walk_end(k, 0);
    walk_call(wrong, 10, 5);
    walk_end(wrong, 0);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_DAY], 2000000000);
    assert_int_equal(standing(w, OF_KEY, "app").reserved[METER_DAY], 0);
    k = walk_begin(w, "app", "shop", 100);
    assert_int_equal(walk_admit(k), E_BUDGET);
    walk_end(k, E_BUDGET);
}

/* Rows of an hour from now are there after a clock was set back: they are no reason not to count.
 */
static void the_ledgers_future_lifts_no_limit(void **state)
{
    struct world *w = *state;
    struct fault f = {0};
    struct limits_past *past = NULL;
    const struct ledger_call call = world_call();
    struct ledger_turn turn = world_turn(&call);
    turn.began_wall_us = NOON_US + 3600 * SECOND_US;
    id_new_at(&turn.id, turn.began_wall_us);
    assert_int_equal(world_begin(NULL), 0);
    (void)world_fresh();
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, &turn, 1), 0);
    ledger_tables_close(tables);
    rules_take(w, "limits: {per_key: {requests_per_minute: 3}}\n");
    assert_int_equal(limits_past_read(str_from(world_url), &past, &f), 0);
    assert_int_equal(limits_past_take(w->limits, past), 0);
    limits_past_free(past);
    assert_int_equal(world_end(NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct walk *k = walk_begin(w, "app", "shop", 10);
        assert_int_equal(walk_admit(k), i < 2 ? 0 : E_RATE_LIMITED);
        assert_true(k->wait_us <= 61 * SECOND_US);
        walk_end(k, k->err);
    }
    clock_advance_us(61 * SECOND_US);
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_REQUESTS], 0);
}

static void the_words_say_which_limit(void **state)
{
    struct world *w = *state;
    rules_take(w, "keys: {declared: {app: {secret: s, limits: {tokens_per_minute: 650}}}}\n"
                  "limits: {tenants: {shop: {usd_per_day: 0.002}}}\n");
    struct walk *k = walk_begin(w, "app", "shop", 500), *more = walk_begin(w, "app", "shop", 500);
    assert_int_equal(walk_admit(k), 0);
    assert_int_equal(walk_admit(more), E_BUDGET); /* both are passed; the day lasts longer */
    assert_string_equal(more->turn.fault.text,
                        "tenant shop: the limit of 0.002 dollars a day is reached: 0.0011 used or "
                        "reserved, 0.0011 asked for; there is room at 2026-11-25T00:00Z");
    walk_end(more, E_BUDGET);
    more = walk_begin(w, "app", "", 500);
    clock_advance_us(200000);
    assert_int_equal(walk_admit(more), E_RATE_LIMITED);
    assert_string_equal(more->turn.fault.text,
                        "key app: the limit of 650 tokens a minute is reached: 600 used or "
                        "reserved, 600 asked for; there is room in 60.800 s");
    walk_end(more, E_RATE_LIMITED);
    more = walk_begin(w, "", "shop", 1000);
    assert_int_equal(walk_admit(more), E_BUDGET);
    assert_non_null(strstr(more->turn.fault.text, "this request alone may take 0.0021"));
    assert_int_equal(more->wait_us, COUNTERS_WAIT_NO);
    walk_end(more, E_BUDGET);
    walk_end(k, 0);
    assert_int_equal(totals(w).refused[OF_TENANT][METER_DAY], 2);
    assert_int_equal(totals(w).refused[OF_KEY][METER_TOKENS], 1);
}

static void a_model_without_price_is_refused_where_money_counts(void **state)
{
    struct world *w = *state;
    rules_take(w, "limits: {tenants: {shop: {usd_per_day: 1}}}\n");
    w->target[1].price = NULL;
    struct walk *k = walk_begin(w, "app", "shop", 5);
    assert_int_equal(walk_admit(k), 0);
    walk_end(k, E_MEMORY);
    k = walk_begin(w, "app", "shop", 5);
    k->turn.route.n = 2;
    assert_int_equal(walk_admit(k), E_UNPRICED);
    assert_non_null(strstr(k->turn.fault.text, "p/m has no price"));
    walk_end(k, E_UNPRICED);
    k = walk_begin(w, "app", "other", 5);
    k->turn.route.n = 2;
    assert_int_equal(walk_admit(k), 0);
    walk_call(k, 5, COST_UNKNOWN);
    walk_end(k, 0);
    assert_int_equal(standing(w, OF_TENANT, "other").used[METER_DAY], 0);
    rules_take(w, "limits: {tenants: {shop: {usd_per_day: 1}}, unpriced: allow}\n");
    k = walk_begin(w, "app", "shop", 5);
    k->turn.route.n = 2;
    assert_int_equal(walk_admit(k), 0);
    assert_int_equal(standing(w, OF_TENANT, "shop").reserved[METER_DAY], 110000);
    walk_end(k, 0);
    assert_int_equal(limits_refused(w->limits).unpriced, 1);
}

/* Such as a prompt that is kept in a cache for an hour, where the price of that is not known. */
static void what_has_no_price_of_its_own_is_not_free(void **state)
{
    struct world *w = *state;
    rules_take(w, "limits: {tenants: {shop: {usd_per_day: 1}}}\n");
    struct walk *k = walk_begin(w, "app", "shop", 500);
    assert_int_equal(walk_admit(k), 0);
    walk_call(k, 5, COST_UNKNOWN);
    walk_end(k, 0);
    assert_int_equal(standing(w, OF_TENANT, "shop").used[METER_DAY], 100 * 1000 + 500 * 2000);
    assert_int_equal(standing(w, OF_TENANT, "shop").reserved[METER_DAY], 0);
}

static void what_is_forgotten_still_counts_when_it_is_settled(void **state)
{
    struct world *w = *state;
    struct counters *c = limits_counters(w->limits);
    rules_take(w, "limits: {per_key: {concurrent: 9}}\n");
    struct walk *k = walk_begin(w, "app", "shop", 500), *other = walk_begin(w, "new", "new", 500);
    assert_int_equal(walk_admit(k), 0);
    assert_int_equal(walk_admit(other), 0);
    c->ops->clear(c);
    const struct past_money money = {.name = {STR("app"), STR("shop")},
                                     .day = period_day(NOON_US),
                                     .month = period_month(NOON_US),
                                     .day_usd = {7, 1000},
                                     .month_usd = {9, 5000}};
    const struct past_second second = {.name = {STR("app"), STR("shop")},
                                       .requests = 3,
                                       .tokens = 40,
                                       .began_us = clock_mono_us() - 30 * SECOND_US};
    assert_int_equal(c->ops->add_money(c, &money), 0);
    assert_int_equal(c->ops->add_second(c, &second), 0);
    walk_call(k, 20, 100);
    walk_end(k, 0);
    struct standing now = standing(w, OF_KEY, "app");
    assert_int_equal(now.used[METER_REQUESTS], 4);
    assert_int_equal(now.used[METER_TOKENS], 60);
    assert_int_equal(now.used[METER_DAY], 107);
    assert_int_equal(now.used[METER_MONTH], 109);
    assert_int_equal(now.used[METER_RUNNING], 0);
    walk_call(other, 20, 100); /* of which the past says nothing */
    walk_end(other, 0);
    assert_int_equal(standing(w, OF_KEY, "new").used[METER_MONTH], 100);
    assert_int_equal(standing(w, OF_KEY, "new").reserved[METER_MONTH], 0);
    clock_advance_us(31 * SECOND_US); /* the past is over first */
    assert_int_equal(standing(w, OF_KEY, "app").used[METER_REQUESTS], 1);
}

static void periods_are_the_calendars(void **state)
{
    (void)state;
    int64_t month = -12 * 30, day = -14000;
    for (; day < 40000; day++) { /* 1931 to 2079 */
        char now[25], last[25];
        month = period_month(day * DAY_US);
        clock_iso(day * DAY_US, now);
        clock_iso((day - 1) * DAY_US, last);
        assert_int_equal(period_day(day * DAY_US), day);
        assert_int_equal(period_day(day * DAY_US - 1), day - 1);
        assert_int_equal(month - period_month(day * DAY_US - 1), memcmp(now, last, 7) != 0);
        assert_int_equal(period_month_end_us(month - 1) <= day * DAY_US, 1);
        assert_int_equal(period_month_end_us(month) > day * DAY_US, 1);
    }
    assert_int_equal(period_month(NOON_US), (2026 - 1970) * 12 + 10);
}

/* ---- anything in any order ---- */

#define KEYS          3
#define HISTORY       30000
#define UNDER_WAY_MAX 40

/* What the test itself remembers of a turn that was let in. */
struct event {
    unsigned key;
    int64_t second, day, month;
    bool counts, running;
    int64_t tokens, usd; /* reserved, or what it took */
};

struct history {
    unsigned n, first; /* what was before is over */
    struct event at[HISTORY];
};

static const char *const key_names[KEYS] = {"a", "b", "c"};
static const char *const tenant_names[KEYS] = {"t", "t", "u"};

static bool is_of(const struct event *e, enum account_of of, unsigned key)
{
    return of == OF_KEY ? e->key == key : strcmp(tenant_names[e->key], tenant_names[key]) == 0;
}

/* The documented rule, counted from the beginning. */
static void count(const struct history *h, enum account_of of, unsigned key, int64_t used[METERS])
{
    int64_t second = clock_mono_us() / SECOND_US;
    int64_t day = period_day(clock_wall_us()), month = period_month(clock_wall_us());
    memset(used, 0, METERS * sizeof(*used));
    for (unsigned i = 0; i < h->n; i++) {
        const struct event *e = &h->at[i];
        if (!is_of(e, of, key))
            continue;
        bool recent = second - e->second <= 60;
        used[METER_REQUESTS] += recent && e->counts;
        used[METER_TOKENS] += recent ? e->tokens : 0;
        used[METER_RUNNING] += e->running;
        used[METER_DAY] += e->day == day ? e->usd : 0;
        used[METER_MONTH] += e->month == month ? e->usd : 0;
    }
}

static bool has_room(struct world *w, const struct history *h, unsigned key, int64_t tokens,
                     int64_t usd)
{
    const int64_t asked[METERS] = {1, tokens, 1, usd, usd};
    const char *names[ACCOUNTS] = {key_names[key], tenant_names[key]};
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        int64_t used[METERS];
        count(h, of, key, used);
        const struct limit_settings *limit = limits_rules_find(&w->rules, of, str_from(names[of]));
        for (unsigned m = 0; m < METERS; m++)
            if (limit->meter[m] != METER_NO_LIMIT && used[m] + asked[m] > limit->meter[m])
                return false;
    }
    return true;
}

static void counted_alike(struct world *w, const struct history *h, unsigned key)
{
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        int64_t used[METERS];
        count(h, of, key, used);
        struct standing now = standing(w, of, of == OF_KEY ? key_names[key] : tenant_names[key]);
        for (unsigned m = 0; m < METERS; m++)
            assert_int_equal(now.used[m], used[m]);
    }
}

struct under_way {
    struct walk *walk;
    unsigned event;
};

static void one_ends(struct history *h, struct chance *c, struct under_way *way, unsigned *way_n)
{
    unsigned at = chance_below(c, *way_n);
    struct event *e = &h->at[way[at].event];
    struct walk *k = way[at].walk;
    unsigned how = chance_below(c, 10);
    int err = how < 5 ? 0 : how < 7 ? E_CLIENT_GONE : how < 9 ? E_UPSTREAM_CUT : E_MEMORY;
    bool called = err != E_MEMORY;
    e->running = false;
    e->counts = called;
    e->tokens = called ? chance_below(c, (unsigned)e->tokens + 1) : 0;
    e->usd = called ? chance_below(c, (unsigned)e->usd + 1) : 0;
    if (called && how == 4) { /* one in ten takes more than was reserved */
        e->tokens += 50;
        e->usd += 20000;
    }
    if (called)
        walk_call(k, e->tokens, e->usd);
    walk_end(k, err);
    way[at] = way[--*way_n];
}

/* Waits as long as a refusal says: then it passes, if only that was in the way. */
static void wait_is_true(struct world *w, unsigned key, int64_t max_tokens, int64_t wait_us)
{
    clock_advance_us((wait_us + 999) / 1000 * 1000);
    struct walk *again = walk_begin(w, key_names[key], tenant_names[key], max_tokens);
    walk_admit(again);
    assert_true(again->err == 0 ||
                (again->turn.stay->no_room && again->turn.stay->why.meter == METER_RUNNING));
    walk_end(again, E_MEMORY); /* as if it had not been */
}

static void interleave(struct world *w, struct history *h, struct chance *c, unsigned turns,
                       unsigned counts[3])
{
    struct under_way way[UNDER_WAY_MAX];
    unsigned way_n = 0;
    for (unsigned i = 0; i < turns; i++) {
        bool long_pause = chance_below(c, 4000) == 0;
        clock_advance_us(long_pause ? chance_below(c, 100) * DAY_US / 40
                                    : chance_below(c, 4) * chance_below(c, 200000));
        while (way_n > 0 && (way_n == UNDER_WAY_MAX || chance_below(c, 2)))
            one_ends(h, c, way, &way_n);
        unsigned key = chance_below(c, KEYS);
        int64_t max_tokens = 1 + chance_below(c, 900);
        struct walk *k = walk_begin(w, key_names[key], tenant_names[key], max_tokens);
        int64_t usd = 100 * 1000 + max_tokens * 2000;
        bool room = has_room(w, h, key, 100 + max_tokens, usd);
        int err = walk_admit(k);
        assert_int_equal(err == 0, room); /* neither past a limit nor without need */
        counted_alike(w, h, key == 2 ? 0 : 2);
        if (room) {
            assert_true(h->n < HISTORY);
            h->at[h->n] = (struct event){.key = key,
                                         .second = clock_mono_us() / SECOND_US,
                                         .day = period_day(clock_wall_us()),
                                         .month = period_month(clock_wall_us()),
                                         .counts = true,
                                         .running = true,
                                         .tokens = 100 + max_tokens,
                                         .usd = usd};
            way[way_n++] = (struct under_way){.walk = k, .event = h->n++};
            counts[0]++;
            continue;
        }
        int64_t wait_us = k->wait_us;
        walk_end(k, err);
        counts[err == E_BUDGET ? 2 : 1]++;
        if (wait_us >= 0 && wait_us < 70 * SECOND_US && chance_below(c, 20) == 0)
            wait_is_true(w, key, max_tokens, wait_us);
    }
    while (way_n > 0)
        one_ends(h, c, way, &way_n);
}

static void any_order_keeps_every_limit(void **state)
{
    struct world *w = *state;
    struct history *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    rules_take(w, "keys: {declared: {a: {secret: s, limits: {requests_per_minute: 40}}}}\n"
                  "limits: {per_key: {tokens_per_minute: 20000, concurrent: 7, usd_per_day: 0.2},\n"
                  " per_tenant: {requests_per_minute: 60, usd_per_month: 3},\n"
                  " tenants: {t: {concurrent: 9}}}\n");
    for (unsigned seed = 1; seed <= 4; seed++) {
        struct chance c = {seed};
        unsigned counts[3] = {0}; /* let in, refused for a rate, for money */
        h->n = 0;
        limits_free(w->limits);
        assert_int_equal(limits_new(&w->limits), 0);
        w->house.gate = limits_use(w->limits, &w->rules);
        for (unsigned i = 0; i < KEYS; i++) { /* so that each has its accounts */
            struct walk *k = walk_begin(w, key_names[i], tenant_names[i], 1);
            assert_int_equal(walk_admit(k), 0);
            walk_end(k, E_MEMORY);
        }
        interleave(w, h, &c, 4000, counts);
        assert_true(counts[0] > 500 && counts[1] > 100 && counts[2] > 100);
        for (unsigned i = 0; i < KEYS; i++)
            counted_alike(w, h, i);
        struct counters_totals t = totals(w);
        assert_int_equal(t.running, 0);
        assert_int_equal(t.reserved_tokens, 0);
        assert_int_equal(t.reserved_usd_nanos, 0);
        for (unsigned i = 0; i < KEYS; i++)
            for (unsigned m = METER_TOKENS; m < METERS; m++)
                assert_int_equal(standing(w, OF_KEY, key_names[i]).reserved[m], 0);
    }
    free(h);
}

#define WORLD(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(without_limits_there_is_no_gate),
        WORLD(a_rule_goes_before_the_default_setting_by_setting),
        WORLD(what_is_reserved_is_replaced_by_what_it_took),
        WORLD(a_prefix_is_a_part_of_the_prompt),
        WORLD(money_is_of_the_day_on_which_the_turn_began),
        WORLD(a_clock_that_was_wrong_locks_nobody_out),
        WORLD(a_clock_that_was_wrong_forgets_nothing_of_today),
        WORLD(the_ledgers_future_lifts_no_limit),
        WORLD(the_words_say_which_limit),
        WORLD(a_model_without_price_is_refused_where_money_counts),
        WORLD(what_has_no_price_of_its_own_is_not_free),
        WORLD(what_is_forgotten_still_counts_when_it_is_settled),
        cmocka_unit_test(periods_are_the_calendars),
        WORLD(any_order_keeps_every_limit),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
