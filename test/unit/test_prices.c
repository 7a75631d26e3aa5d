/* test_prices.c: exact costs, and whose price a model has. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_test.h"
#include "llm/prices.h"

#define NONE PRICE_UNKNOWN

static const struct price plain = {
    .input = 1000000, .cached = NONE, .cache_write = NONE, .output = 3000000, .reasoning = NONE};

static int64_t cost(const struct price *p, int64_t input, int64_t cached, int64_t cache_write,
                    int64_t output, int64_t reasoning)
{
    struct tokens t = {input, cached, cache_write, output, reasoning, 0, TOKENS_PROVIDER, false};
    return price_cost(p, &t);
}

static void each_class_has_its_price(void **state)
{
    (void)state;
    const struct price p = {.input = 1000000,
                            .cached = 10000000,
                            .cache_write = 100000000,
                            .output = 1000000000,
                            .reasoning = 10000000000};
    assert_int_equal(cost(&p, 1, 2, 3, 4, 5), 54321);
    assert_int_equal(cost(&p, 0, 0, 0, 0, 0), 0);
}

static void classes_without_a_price_cost_as_their_like(void **state)
{
    (void)state;
    assert_int_equal(cost(&plain, 1, 10, 100, 0, 0), 111);
    assert_int_equal(cost(&plain, 0, 0, 0, 1, 10), 33);
    struct price free_cache = plain;
    free_cache.cached = 0; /* nothing is a price too */
    assert_int_equal(cost(&free_cache, 1, 10, 0, 0, 0), 1);
}

static void rounds_once_and_half_up(void **state)
{
    (void)state;
    struct price p = plain;
    p.input = 1;
    p.output = 1;
    assert_int_equal(cost(&p, 499999, 0, 0, 0, 0), 0);
    assert_int_equal(cost(&p, 500000, 0, 0, 0, 0), 1);
    assert_int_equal(cost(&p, 1499999, 0, 0, 0, 0), 1);
    assert_int_equal(cost(&p, 1500000, 0, 0, 0, 0), 2);
    /* Two classes of a little less than a half each are one together. */
    assert_int_equal(cost(&p, 400000, 0, 0, 400000, 0), 1);
    assert_int_equal(cost(&p, 250000, 249999, 0, 0, 0), 0);
}

static void what_has_no_price_is_unknown(void **state)
{
    (void)state;
    assert_true(cost(NULL, 1, 0, 0, 0, 0) == COST_UNKNOWN);
    assert_true(cost(NULL, 0, 0, 0, 0, 0) == COST_UNKNOWN);
    struct price p = plain;
    p.output = NONE;
    assert_int_equal(cost(&p, 5, 5, 5, 0, 0), 15); /* nothing of what is unknown was used */
    assert_true(cost(&p, 5, 0, 0, 1, 0) == COST_UNKNOWN);
    assert_true(cost(&p, 5, 0, 0, 0, 1) == COST_UNKNOWN);
    p.reasoning = 2000000;
    assert_int_equal(cost(&p, 0, 0, 0, 0, 1), 2);
    assert_true(cost_add(1, COST_UNKNOWN) == COST_UNKNOWN);
    assert_true(cost_add(COST_UNKNOWN, 1) == COST_UNKNOWN);
    assert_int_equal(cost_add(1, 2), 3);
}

static void large_sums_do_not_wrap(void **state)
{
    (void)state;
    struct price p = plain;
    p.input = 600000000000; /* 600 dollars a million */
    p.output = p.input;
    /* 10^13 tokens times 6 * 10^11 is beyond 64 bits before it is divided. */
    assert_int_equal(cost(&p, 10000000000000, 0, 0, 0, 0), 6000000000000000000);
    assert_int_equal(cost(&p, 5000000000000, 0, 0, 5000000000000, 0), 6000000000000000000);
    assert_true(cost(&p, INT64_MAX / 4, 0, 0, 0, 0) == INT64_MAX);
    p.input = INT64_MAX;
    assert_true(cost(&p, INT64_MAX, 0, 0, 0, 0) == INT64_MAX);
    assert_int_equal(cost(&p, 1000000, 0, 0, 0, 0), INT64_MAX);
}

static void long_prompts_cost_more(void **state)
{
    (void)state;
    struct price p = plain;
    p.reasoning = 2000000;
    p.long_tokens = 1000;
    p.long_input = 2000000;
    p.long_output = 6000000;
    p.long_cached = NONE;
    p.long_cache_write = NONE;
    assert_int_equal(cost(&p, 600, 400, 0, 10, 1), 1000 + 30 + 2);
    assert_int_equal(cost(&p, 600, 401, 0, 10, 1), 2002 + 60 + 6);
    p.long_cached = 500000;
    assert_int_equal(cost(&p, 600, 402, 0, 0, 0), 1200 + 201);
}

static void an_hour_in_the_cache_has_its_own_price(void **state)
{
    (void)state;
    struct price p = plain;
    const struct tokens five = {.input = 1, .cache_write = 100},
                        mixed = {.input = 1, .cache_write = 100, .cache_write_1h = 40};
    p.cache_write = 1250000;
    p.cache_write_1h = 2000000;
    assert_int_equal(price_cost(&p, &five), 1 + 125);
    assert_int_equal(price_cost(&p, &mixed), 1 + 75 + 80);
    p.cache_write_1h = NONE; /* nobody guesses it, neither from the other nor from the input's */
    assert_int_equal(price_cost(&p, &five), 1 + 125);
    assert_int_equal(price_cost(&p, &mixed), COST_UNKNOWN);
    p.cache_write = NONE;
    assert_int_equal(price_cost(&p, &mixed), COST_UNKNOWN);
    p.cache_write_1h = 2000000;
    p.long_tokens = 50;
    p.long_input = p.long_cached = p.long_output = p.long_cache_write = p.long_cache_write_1h =
        NONE;
    assert_int_equal(price_cost(&p, &mixed), 1 + 60 + 80);
    p.long_input = 2000000; /* then it is dearer, too */
    assert_int_equal(price_cost(&p, &mixed), COST_UNKNOWN);
    p.long_cache_write_1h = 4000000;
    assert_int_equal(price_cost(&p, &mixed), 2 + 120 + 160);
}

static void a_tier_has_its_own_price(void **state)
{
    (void)state;
    struct price p = plain;
    const struct tokens t = {.input = 10, .output = 5, .reasoning = 1},
                        hit = {.input = 10, .cached = 10, .output = 1};
    p.cached = 100000;
    p.flex = (struct tier_price){500000, 50000, 1500000};
    p.priority = (struct tier_price){2000000, NONE, 6000000};
    assert_int_equal(price_cost_tier(&p, TIER_UNSAID, &t), 10 + 18);
    assert_int_equal(price_cost_tier(&p, TIER_STANDARD, &t), 10 + 18);
    assert_int_equal(price_cost_tier(&p, TIER_FLEX, &t), 5 + 9);
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &t), 20 + 36);
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &hit), COST_UNKNOWN);
    p.priority.cached = 200000;
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &hit), 20 + 2 + 6);
    p.cache_write = 1250000; /* and nobody says what it is then */
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &hit), 28);
    assert_int_equal(price_cost_tier(&p, TIER_FLEX, &(struct tokens){.cache_write = 1}),
                     COST_UNKNOWN);
    p.long_tokens = 15;
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &hit), COST_UNKNOWN);
    p.flex.input = p.priority.input = NONE;
    assert_int_equal(price_cost_tier(&p, TIER_FLEX, &t), 10 + 18);
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &t), COST_UNKNOWN);
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &(struct tokens){.input = 0}), 0);
    assert_int_equal(price_cost_tier(&p, TIER_FASTEST, &t), COST_UNKNOWN);
    assert_int_equal(price_cost_tier(&p, TIER_FASTEST, &(struct tokens){.input = 0}), 0);
    p.any_tier = true;
    assert_int_equal(price_cost_tier(&p, TIER_PRIORITY, &t), 10 + 18);
    assert_int_equal(price_cost_tier(NULL, TIER_PRIORITY, &t), COST_UNKNOWN);
}

/* ---- finding ---- */

struct shelf {
    struct arena arena;
    struct prices *prices;
    char file[64];
};

static int shelf_setup(void **state)
{
    struct shelf *s = calloc(1, sizeof(*s));
    if (!s)
        return -1;
    arena_init_private(&s->arena, 8u << 20);
    *state = s;
    return 0;
}

static int shelf_teardown(void **state)
{
    struct shelf *s = *state;
    if (s->file[0])
        unlink(s->file);
    arena_fini(&s->arena);
    free(s);
    return 0;
}

static void load(struct shelf *s, const struct conf_map *own, const char *file_text)
{
    struct fault f = {0};
    if (file_text) {
        snprintf(s->file, sizeof(s->file), "/tmp/test_prices.XXXXXX");
        int fd = mkstemp(s->file);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, file_text, strlen(file_text)), strlen(file_text));
        close(fd);
    }
    if (prices_load(&s->arena, own, file_text ? str_from(s->file) : STR(""), &s->prices, &f) != 0)
        fail_msg("%s", f.text);
}

static const struct price *find(struct shelf *s, const char *provider, const char *listed,
                                const char *model)
{
    return prices_find(s->prices, &s->arena, str_from(provider), str_from(listed), str_from(model));
}

static int64_t input_listed(struct shelf *s, const char *provider, const char *listed,
                            const char *model)
{
    const struct price *p = find(s, provider, listed, model);
    return p ? p->input : -2;
}

/* Of a provider that the shipped list is not known to have. */
static int64_t input_of(struct shelf *s, const char *provider, const char *model)
{
    return input_listed(s, provider, "", model);
}

static void the_shipped_list_is_in_the_program(void **state)
{
    struct shelf *s = *state;
    load(s, NULL, NULL);
    assert_true(prices_count(s->prices) > 1000);
    assert_int_equal(prices_date(s->prices).n, 10);
    const struct price *p = find(s, "mine", "openai", "gpt-5-mini");
    assert_non_null(p);
    assert_str(p->name, STR("openai/gpt-5-mini"));
    assert_int_equal(p->input, 250000000);
    assert_int_equal(p->output, 2000000000);
    assert_int_equal(p->flex.output, 1000000000);
    assert_int_equal(p->priority.cached, 45000000);
    assert_true(str_find(p->source, STR("unconfirmed")) > 0);
    assert_int_equal(input_listed(s, "mine", "openai", "gpt-5-mini-2031-01-02"), 250000000);
    assert_int_equal(input_listed(s, "mine", "openai", "no such model"), -2);
    assert_int_equal(input_listed(s, "mine", "openai", ""), -2);
}

static void longer_prompts_have_prices_of_their_own(void **state)
{
    struct shelf *s = *state;
    load(s, NULL,
         "{\"models\":{\"m\":{\"input\":1000000,\"output\":0,\"over\":["
         "{\"tokens\":100,\"input\":2000000},{\"tokens\":900,\"input\":4000000},"
         "{\"tokens\":300,\"input\":3000000}]}}}");
    const struct price *p = find(s, "p", "", "m");
    assert_non_null(p);
    assert_int_equal(cost(p, 100, 0, 0, 0, 0), 100);
    assert_int_equal(cost(p, 101, 0, 0, 0, 0), 202);
    assert_int_equal(cost(p, 300, 0, 0, 0, 0), 600);
    assert_int_equal(cost(p, 301, 0, 0, 0, 0), 903);
    assert_int_equal(cost(p, 901, 0, 0, 0, 0), 3604);
}

/* Anybody may serve a model under a famous name, and be called like its maker. */
static void the_shipped_list_is_for_whom_it_knows(void **state)
{
    struct shelf *s = *state;
    load(s, NULL, NULL);
    assert_int_equal(input_of(s, "home", "gpt-5-mini"), -2);
    assert_int_equal(input_of(s, "openai", "gpt-5-mini"), -2);
    assert_int_equal(input_of(s, "router", "openai/gpt-5-mini"), -2);
    assert_int_equal(input_listed(s, "openai", "none", "gpt-5-mini"), -2);
    assert_str(prices_listed(STR("API.openai.com")), STR("openai"));
    assert_str(prices_listed(STR("api.together.xyz")), STR("together"));
    assert_null(prices_listed(STR("127.0.0.1")).p);
    assert_null(prices_listed(STR("api.openai.com.example.org")).p);
    assert_null(prices_listed(STR("openrouter.ai")).p);
}

static void dates_are_taken_off(void **state)
{
    struct shelf *s = *state;
    load(s, NULL, "{\"models\":{\"m\":{\"input\":5},\"m-2025-01-02\":{\"input\":6}}}");
    assert_int_equal(input_of(s, "p", "m-2025-01-02"), 6);
    assert_int_equal(input_of(s, "p", "m-2026-01-02"), 5);
    assert_int_equal(input_of(s, "p", "m-2026-01-02-2026-03-04"), 5);
    assert_int_equal(input_of(s, "p", "m-2026-01-2"), -2);
    assert_int_equal(input_of(s, "p", "m-2026_01-02"), -2);
    assert_int_equal(input_of(s, "p", "m-202a-01-02"), -2);
    assert_int_equal(input_of(s, "p", "-2026-01-02"), -2);
}

static void the_users_rows_come_first(void **state)
{
    struct shelf *s = *state;
    static struct str names[] = {{"openai/gpt-5-mini", 17}, {"own", 3}};
    static struct price_settings rows[] = {{1, NONE, NONE, 2, NONE, NONE}, {3, 4, 5, 6, 7, 8}};
    static const struct conf_map own = {.n = 2, .name = names, .at = rows};
    load(s, &own,
         "{ \"models\" : {\n \"own\":{\"input\":30},\n \"p/own\": {\"input\":31},"
         "\"filed\":{\"input\":32,\"note\":\"a } \\\" { b\",\"over\":[{\"tokens\":9,"
         "\"input\":33}],\"output\":34} ,\"gpt-5-mini\":{\"input\":35} } }");
    assert_int_equal(input_listed(s, "openai", "openai", "gpt-5-mini"), 1);
    assert_int_equal(input_listed(s, "mine", "openai", "gpt-5-mini"), 1);
    /* Also before names of the shipped list that fit better: whoever wrote a row meant it. */
    assert_int_equal(input_listed(s, "openai", "openai", "gpt-5-mini-2025-08-07"), 1);
    assert_int_equal(input_of(s, "else", "gpt-5-mini"), 35);
    assert_int_equal(input_listed(s, "p", "openai", "own"), 3);
    assert_int_equal(input_of(s, "p", "own"), 3);
    assert_int_equal(input_of(s, "q", "own"), 3);
    const struct price *p = find(s, "q", "", "own");
    assert_int_equal(p->cached, 4);
    assert_int_equal(p->cache_write, 5);
    assert_int_equal(p->output, 6);
    assert_int_equal(p->reasoning, 7);
    assert_int_equal(p->cache_write_1h, 8);
    assert_str(p->source, STR("the configuration"));
    p = find(s, "q", "", "filed");
    assert_int_equal(p->output, 34);
    assert_int_equal(p->long_tokens, 9);
    assert_int_equal(p->long_input, 33);
    assert_int_equal(p->long_output, NONE);
    assert_int_equal(p->cached, NONE);
    assert_str(p->source, str_from(s->file));
}

/* Every row of the list can be found, those with a rule for long prompts too. */
static void each_shipped_row_can_be_read(void **state)
{
    struct shelf *s = *state;
    load(s, NULL, NULL);
    const struct price *p = find(s, "mine", "azure", "gpt-5.4");
    assert_non_null(p);
    assert_int_equal(p->long_tokens, 272000);
    assert_int_equal(p->input, 2500000000);
    assert_int_equal(p->long_input, 5000000000);
    assert_true(p->context_tokens > 0); /* it stands behind the rule */
}

static void bad_files_are_refused(void **state)
{
    struct shelf *s = *state;
    struct fault f = {0};
    assert_int_equal(prices_load(&s->arena, NULL, STR("/no/such/file"), &s->prices, &f), E_CONFIG);
    assert_non_null(strstr(f.text, "/no/such/file"));
    static const char *const bad[] = {"{\"models\":[]}", "{}", "[1]", "{\"models\":{", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        fault_clear(&f);
        snprintf(s->file, sizeof(s->file), "/tmp/test_prices.XXXXXX");
        int fd = mkstemp(s->file);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bad[i], strlen(bad[i])), strlen(bad[i]));
        close(fd);
        assert_int_not_equal(prices_load(&s->arena, NULL, str_from(s->file), &s->prices, &f), 0);
        assert_true(f.text[0] != '\0');
        unlink(s->file);
    }
    s->file[0] = '\0';
}

#define SHELF(fn) cmocka_unit_test_setup_teardown(fn, shelf_setup, shelf_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_has_its_price),
        cmocka_unit_test(classes_without_a_price_cost_as_their_like),
        cmocka_unit_test(rounds_once_and_half_up),
        cmocka_unit_test(what_has_no_price_is_unknown),
        cmocka_unit_test(large_sums_do_not_wrap),
        cmocka_unit_test(long_prompts_cost_more),
        cmocka_unit_test(an_hour_in_the_cache_has_its_own_price),
        cmocka_unit_test(a_tier_has_its_own_price),
        SHELF(the_shipped_list_is_in_the_program),
        SHELF(the_shipped_list_is_for_whom_it_knows),
        SHELF(longer_prompts_have_prices_of_their_own),
        SHELF(dates_are_taken_off),
        SHELF(the_users_rows_come_first),
        SHELF(each_shipped_row_can_be_read),
        SHELF(bad_files_are_refused),
    };
    return cmocka_run_group_tests_name("prices", tests, NULL, NULL);
}
