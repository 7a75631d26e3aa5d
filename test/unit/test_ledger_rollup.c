/* test_ledger_rollup.c: sums by day and group equal the rows, and latency is what it was. */
#include "turn/ledger/rollup.h"

#include "ledger_world.h"
#include "turn/ledger/read.h"

#define DAY_US INT64_C(86400000000)

static struct ledger_tables *tables;

static int fresh(void **state UNUSED)
{
    world_fresh();
    clock_fake(1, NOON_US);
    tables = world_tables(rows_open, NULL);
    return 0;
}

static int over(void **state UNUSED)
{
    ledger_tables_close(tables);
    clock_real();
    return 0;
}

/* ---- latency ---- */

static void steps_begin_where_they_say(void **state UNUSED)
{
    assert_int_equal(ledger_latency_step(-1), 0);
    assert_int_equal(ledger_latency_step(0), 0);
    assert_int_equal(ledger_latency_step(127), 0);
    assert_int_equal(ledger_latency_from_us(1), 128);
    assert_int_equal(ledger_latency_from_us(2), 160);
    assert_int_equal(ledger_latency_from_us(4), 224);
    assert_int_equal(ledger_latency_from_us(5), 256);
    for (unsigned i = 1; i < LEDGER_LATENCY_STEPS; i++) {
        int64_t from = ledger_latency_from_us(i);
        assert_int_equal(ledger_latency_step(from), i);
        assert_int_equal(ledger_latency_step(from - 1), i - 1);
        assert_true(from > ledger_latency_from_us(i - 1));
    }
    assert_true(ledger_latency_from_us(LEDGER_LATENCY_STEPS - 1) > INT64_C(1500) * 1000000);
    assert_int_equal(ledger_latency_step(INT64_MAX), LEDGER_LATENCY_STEPS - 1);
}

static void percentiles_of_nothing_are_not_known(void **state UNUSED)
{
    const int64_t none[LEDGER_LATENCY_STEPS] = {0};
    assert_int_equal(ledger_latency_percentile(none, 0.5), -1);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Against the exact percentiles of thousand latencies, of very different sizes. */
static void percentiles_are_right_to_an_eighth(void **state UNUSED)
{
    static const double shares[] = {0.01, 0.25, 0.50, 0.95, 0.99};
    uint64_t seed = 12345;
    for (unsigned scale = 0; scale < 22; scale++) {
        int64_t us[1000], counts[LEDGER_LATENCY_STEPS] = {0};
        for (unsigned i = 0; i < ARRAY_LEN(us); i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            us[i] = 128 + (int64_t)((seed >> 33) % (UINT64_C(200) << scale));
            counts[ledger_latency_step(us[i])]++;
        }
        qsort(us, ARRAY_LEN(us), sizeof(*us), compare);
        for (unsigned i = 0; i < ARRAY_LEN(shares); i++) {
            double exact = (double)us[(size_t)(shares[i] * ARRAY_LEN(us) + 0.5) - 1];
            double told = (double)ledger_latency_percentile(counts, shares[i]);
            assert_true(told > exact * 0.874 && told < exact * 1.126);
        }
    }
}

static void a_percentile_past_the_last_step_is_where_it_begins(void **state UNUSED)
{
    int64_t counts[LEDGER_LATENCY_STEPS] = {0};
    counts[LEDGER_LATENCY_STEPS - 1] = 5;
    assert_true(ledger_latency_percentile(counts, 0.5) ==
                ledger_latency_from_us(LEDGER_LATENCY_STEPS - 1));
}

/* ---- sums ---- */

static void what_a_fallback_cost_stands_where_it_was_spent(void **state UNUSED)
{
    struct ledger_call c[2] = {world_call(), world_call()};
    c[0].provider = STR("claude");
    c[0].model = STR("haiku");
    c[0].err = E_UPSTREAM_CUT;
    c[0].tokens.source = TOKENS_ESTIMATE;
    c[1].seq = 1;
    struct ledger_turn t = world_turn(&c[1]);
    t.calls = c;
    t.calls_n = 2;
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM rollups"), 2);
    assert_int_equal(world_ask("SELECT turns * 1000 + calls * 100 + errors FROM rollups "
                               "WHERE provider = 'openai' AND model = 'gpt-5-mini'"),
                     1100);
    assert_int_equal(world_ask("SELECT turns * 1000 + calls * 100 + errors FROM rollups "
                               "WHERE provider = 'claude' AND model = 'haiku'"),
                     100);
    assert_int_equal(world_ask("SELECT estimated FROM rollups WHERE model = 'haiku'"), 168);
    assert_int_equal(world_ask("SELECT estimated FROM rollups WHERE model = 'gpt-5-mini'"), 0);
    assert_int_equal(world_ask("SELECT sum(cost_usd_nanos) FROM rollups"), 2 * 1234567);
}

static void endings_are_told_apart(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[5];
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        t[i] = world_turn(&c);
    t[1].state = TURN_FAILED;
    t[1].err = E_UPSTREAM_BUSY;
    t[2].state = TURN_PARTIAL;
    t[2].err = E_UPSTREAM_CUT;
    t[3].state = TURN_PARTIAL;
    t[3].err = E_CLIENT_GONE;
    t[4].state = TURN_FAILED; /* refused at the door: no call */
    t[4].err = E_BAD_KEY;
    t[4].calls_n = 0;
    t[4].provider = t[4].model = t[4].tenant = t[4].key = STR_NONE;
    assert_int_equal(world_write(tables, t, ARRAY_LEN(t)), 0);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 5);
    assert_int_equal(world_ask("SELECT sum(errors) FROM rollups"), 3);
    assert_int_equal(world_ask("SELECT sum(hung_up) FROM rollups"), 1);
    assert_int_equal(world_ask("SELECT errors FROM rollups WHERE key = '' AND model = ''"), 1);
    assert_int_equal(world_ask("SELECT sum(total_us) FROM rollups"), 800500); /* done ones only */
    /* 800.5 ms: between 2^19 and 2^20 us, in the third quarter */
    assert_int_equal(ledger_latency_step(800500), 1 + 4 * 12 + 2);
    assert_int_equal(world_ask("SELECT sum(l51) FROM rollups"), 1);
}

static void days_are_those_of_utc(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[4];
    int64_t midnight = NOON_US + DAY_US / 2;
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        t[i] = world_turn(&c);
    t[0].began_wall_us = midnight - 1;
    t[1].began_wall_us = midnight;
    t[2].began_wall_us = midnight - 1; /* back again, in one batch */
    t[3].began_wall_us = midnight + DAY_US;
    assert_int_equal(world_write(tables, t, ARRAY_LEN(t)), 0);
    assert_int_equal(world_ask("SELECT turns FROM rollups WHERE day = '2026-11-24'"), 2);
    assert_int_equal(world_ask("SELECT turns FROM rollups WHERE day = '2026-11-25'"), 1);
    assert_int_equal(world_ask("SELECT turns FROM rollups WHERE day = '2026-11-26'"), 1);
}

/* Sums of a few thousand turns of all kinds, in batches, are the sums of their rows. */
static void sums_are_those_of_the_rows(void **state UNUSED)
{
    static const char *const models[] = {"gpt-5", "gpt-5-mini", "llama", "haiku"};
    static const char *const tags[] = {"", "a", "b", "a,b"};
    struct ledger_call c[2 * 100];
    struct ledger_turn t[100];
    uint64_t seed = 99;
    for (unsigned batch = 0; batch < 30; batch++) {
        for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            unsigned r = (unsigned)(seed >> 33);
            struct ledger_call *mine = &c[2 * i];
            mine[0] = mine[1] = world_call();
            mine[1].seq = 1;
            mine[1].model = str_from(models[r % 4]);
            mine[0].model = str_from(models[r / 4 % 4]);
            mine[0].tokens.input = r % 1000;
            mine[1].cost_usd_nanos = r % 7 ? r % 100000 : COST_UNKNOWN;
            mine[1].tokens.source = r % 5 ? TOKENS_PROVIDER : TOKENS_ESTIMATE;
            t[i] = world_turn(&mine[1]);
            t[i].calls = mine;
            t[i].calls_n = 1 + r / 16 % 2;
            t[i].tags = str_from(tags[r / 32 % 4]);
            t[i].began_wall_us = NOON_US + (int64_t)(r % 5) * DAY_US;
            t[i].saved_usd_nanos = r % 3;
            t[i].err = r % 11 ? 0 : E_TIMEOUT;
            t[i].state = r % 11 ? TURN_DONE : TURN_FAILED;
        }
        assert_int_equal(world_write(tables, t, ARRAY_LEN(t)), 0);
    }
    static const char *const same[][2] = {
        {"SELECT sum(turns) FROM rollups", "SELECT count(*) FROM turns"},
        {"SELECT sum(errors) FROM rollups", "SELECT count(*) FROM turns WHERE error IS NOT NULL"},
        {"SELECT sum(calls) FROM rollups", "SELECT count(*) FROM calls"},
        {"SELECT sum(input) FROM rollups", "SELECT sum(input) FROM calls"},
        {"SELECT sum(cached) FROM rollups", "SELECT sum(cached) FROM calls"},
        {"SELECT sum(cache_write) FROM rollups", "SELECT sum(cache_write) FROM calls"},
        {"SELECT sum(cache_write_1h) FROM rollups", "SELECT sum(cache_write_1h) FROM calls"},
        {"SELECT sum(output) FROM rollups", "SELECT sum(output) FROM calls"},
        {"SELECT sum(reasoning) FROM rollups", "SELECT sum(reasoning) FROM calls"},
        {"SELECT sum(estimated) FROM rollups",
         "SELECT sum(input + cached + cache_write + output + reasoning) FROM calls WHERE "
         "counted = 'estimate'"},
        {"SELECT sum(cost_usd_nanos) FROM rollups", "SELECT sum(cost_usd_nanos) FROM calls"},
        {"SELECT sum(unpriced) FROM rollups",
         "SELECT count(*) FROM calls WHERE cost_usd_nanos IS NULL"},
        {"SELECT sum(saved_usd_nanos) FROM rollups", "SELECT sum(saved_usd_nanos) FROM turns"},
        {"SELECT sum(turns) FROM rollups WHERE tags = 'a,b'",
         "SELECT count(*) FROM turns WHERE tags = 'a,b'"},
        {"SELECT sum(calls) FROM rollups WHERE model = 'llama'",
         "SELECT count(*) FROM calls WHERE model = 'llama'"},
        {"SELECT sum(turns) FROM rollups WHERE day = '2026-11-26'",
         "SELECT count(*) FROM turns WHERE began_us / 86400000000 = 20783"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(same); i++) {
        int64_t sum = world_ask(same[i][0]);
        assert_true(sum > 0);
        assert_int_equal(sum, world_ask(same[i][1]));
    }
}

/* ---- a flood of names ---- */

static struct ledger_turn tagged(const struct ledger_call *c, char *tag, size_t room, unsigned n)
{
    struct ledger_turn t = world_turn(c);
    snprintf(tag, room, "request-%u", n);
    t.tags = str_from(tag);
    return t;
}

static void too_many_names_are_put_together(void **state UNUSED)
{
    enum { BATCH = 4096 };
    static struct ledger_turn t[BATCH];
    static char tags[BATCH][24];
    struct ledger_call c = world_call();
    for (unsigned n = 0; n < LEDGER_GROUPS_MAX + BATCH; n += BATCH) {
        for (unsigned i = 0; i < BATCH; i++)
            t[i] = tagged(&c, tags[i], sizeof(tags[i]), n + i);
        assert_int_equal(world_write(tables, t, BATCH), 0);
    }
    assert_int_equal(world_ask("SELECT count(*) FROM rollups"), LEDGER_GROUPS_MAX + 1);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), LEDGER_GROUPS_MAX + BATCH);
    assert_int_equal(world_ask("SELECT turns FROM rollups WHERE tags = '(other)'"), BATCH);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE tags = 'request-69631'"), 1);
    t[0] = tagged(&c, tags[0], sizeof(tags[0]), 7); /* a known one goes where it went */
    t[1] = tagged(&c, tags[1], sizeof(tags[1]), 70000);
    t[1].began_wall_us += DAY_US; /* and the next day begins anew */
    assert_int_equal(world_write(tables, t, 2), 0);
    assert_int_equal(world_ask("SELECT turns FROM rollups WHERE tags = 'request-7'"), 2);
    assert_int_equal(world_ask("SELECT turns FROM rollups WHERE tags = 'request-70000'"), 1);
}

/* ---- groups ---- */

static void groups_are_found_again(void **state UNUSED)
{
    struct ledger_groups g = {0};
    char names[500][8];
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
            snprintf(names[i], sizeof(names[i]), "m%u", i);
            struct str dim[DIMS] = {[DIM_MODEL] = str_from(names[i]), [DIM_LANE] = STR("m1")};
            struct ledger_group *found = ledger_groups_get(&g, dim);
            assert_non_null(found);
            assert_int_equal(found->sum[SUM_TURNS], round);
            found->sum[SUM_TURNS]++;
        }
    assert_int_equal(g.n, ARRAY_LEN(names));
    /* The same texts elsewhere are another group. */
    struct str swapped[DIMS] = {[DIM_MODEL] = STR("m1"), [DIM_TAGS] = STR("m1")};
    assert_int_equal(ledger_groups_get(&g, swapped)->sum[SUM_TURNS], 0);
    ledger_groups_clear(&g);
    assert_int_equal(g.n, 0);
    struct str again[DIMS] = {[DIM_MODEL] = STR("m1"), [DIM_LANE] = STR("m1")};
    assert_int_equal(ledger_groups_get(&g, again)->sum[SUM_TURNS], 0);
    ledger_groups_free(&g);
}

/* ---- reading ---- */

static int rollup_count(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS])
{
    int64_t *seen = arg;
    assert_int_equal(dim[DIM_DAY].n, 10);
    *seen += sum[SUM_TURNS];
    return *seen > 100 ? -5 : 0;
}

static void rollups_are_read_by_days(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_reader *r = NULL;
    for (int day = 0; day < 5; day++) {
        struct ledger_turn t = world_turn(&c);
        t.began_wall_us += day * DAY_US;
        assert_int_equal(world_write(tables, &t, 1), 0);
    }
    assert_int_equal(ledger_reader_open(str_from(world_url), &r, NULL), 0);
    int64_t seen = 0;
    assert_int_equal(
        ledger_read_rollups(r, STR("2026-11-25"), STR("2026-11-27"), rollup_count, &seen, NULL), 0);
    assert_int_equal(seen, 3); /* both ends are in */
    seen = 100;
    assert_int_equal(
        ledger_read_rollups(r, STR("2026-11-24"), STR("2026-11-24"), rollup_count, &seen, NULL),
        -5);
    ledger_reader_close(r);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, over)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_begin_where_they_say),
        cmocka_unit_test(percentiles_of_nothing_are_not_known),
        cmocka_unit_test(percentiles_are_right_to_an_eighth),
        cmocka_unit_test(a_percentile_past_the_last_step_is_where_it_begins),
        CASE(what_a_fallback_cost_stands_where_it_was_spent),
        CASE(endings_are_told_apart),
        CASE(days_are_those_of_utc),
        CASE(sums_are_those_of_the_rows),
        CASE(too_many_names_are_put_together),
        cmocka_unit_test(groups_are_found_again),
        CASE(rollups_are_read_by_days),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
