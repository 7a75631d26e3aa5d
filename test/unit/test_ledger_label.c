/* test_ledger_label.c: rows that share a label and hold their call, seen through the views. */
#include "turn/ledger/label.h"

#include "ledger_world.h"
#include "test/store/faulty.h"

#define HOUR_US INT64_C(3600000000)

static struct ledger_tables *tables;

static int fresh(void **state UNUSED)
{
    world_fresh();
    faulty_reset();
    clock_fake(1, NOON_US);
    tables = world_tables(faulty_open, NULL);
    return 0;
}

static int over(void **state UNUSED)
{
    ledger_tables_close(tables);
    clock_real();
    return 0;
}

/* ---- the call within ---- */

#define CALL                                                                                       \
    "SELECT turn || ' ' || seq || ' ' || purpose || ' ' || provider || ' ' || model || ' ' || "    \
    "endpoint || ' ' || attempt || ' ' || status || ' ' || coalesce(error, '-') || ' ' || input "  \
    "|| ' ' || cached || ' ' || cache_write || ' ' || output || ' ' || reasoning || ' ' || "       \
    "counted || ' ' || cost_usd_nanos || ' ' || began_us || ' ' || coalesce(connect_us, '-') || "  \
    "' ' || first_us || ' ' || total_us || ' ' || reused FROM calls"

static void the_usual_call_stands_in_its_turns_row(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t = world_turn(&c);
    char want[300];
    c.connect_us = -1;
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM call_rows"), 0);
    snprintf(want, sizeof(want),
             "%s 0 answer openai gpt-5-mini api.openai.com 1 200 - 100 20 3 40 5 provider 1234567 "
             "1795521600000050 - 120000 800000 1",
             t.id.text);
    assert_string_equal(world_ask_text(CALL), want);
}

/* What a turn's row would not tell of its call: each of these calls has a row of its own. */
static void any_other_call_stands_apart(void **state UNUSED)
{
    struct ledger_call c[16];
    for (unsigned i = 0; i < ARRAY_LEN(c); i++)
        c[i] = world_call();
    c[1].seq = 1;
    c[2].attempt = 2;
    c[3].purpose = STR("judge");
    c[4].provider = STR("home");
    c[5].model = STR("llama");
    c[6].status = 503;
    c[7].err = E_UPSTREAM_CUT;
    c[8].tokens.input++;
    c[9].tokens.cached++;
    c[10].tokens.cache_write++;
    c[11].tokens.output++;
    c[12].tokens.reasoning++;
    c[13].tokens.source = TOKENS_ESTIMATE;
    c[14].cost_usd_nanos = COST_UNKNOWN;
    c[15].seq = 1; /* the second of two */
    for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
        struct ledger_call usual = world_call();
        struct ledger_turn t = world_turn(&usual);
        struct ledger_call two[2] = {usual, c[15]};
        t.calls = i == 15 ? two : &c[i];
        t.calls_n = i == 15 ? 2 : 1;
        assert_int_equal(world_write(tables, &t, 1), 0);
        assert_int_equal(world_ask("SELECT count(*) FROM call_rows"), i + (i == 15));
        assert_int_equal(world_ask("SELECT count(*) FROM calls"), i + 1 + (i == 15));
    }
    assert_int_equal(world_ask("SELECT count(*) FROM calls WHERE provider = 'home'"), 1);
    assert_int_equal(world_ask("SELECT sum(input) FROM calls"), 1701);
}

static void a_running_turn_ends_with_its_call(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[2] = {world_running(&c), world_turn(&c)};
    t[1].id = t[0].id;
    assert_int_equal(world_write(tables, t, 1), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), 0);
    assert_int_equal(world_write(tables, t, 2), 0); /* and both in one batch */
    assert_int_equal(world_write(tables, t, 2), 0);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "done");
    assert_int_equal(world_ask("SELECT total_us FROM calls"), 800000);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), 1);
    assert_int_equal(world_ask("SELECT sum(turns) * 10 + sum(calls) FROM rollups"), 11);
}

/* ---- many in a statement ---- */

static void a_batch_may_have_any_number(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[3 * TURNS_AT_ONCE];
    unsigned sum = 0;
    for (unsigned n = 1; n <= ARRAY_LEN(t); sum += n++) {
        for (unsigned i = 0; i < n; i++)
            t[i] = world_turn(&c);
        assert_int_equal(world_write(tables, t, n), 0);
        assert_string_equal(world_ask_text("SELECT max(id) FROM turns"), t[n - 1].id.text);
    }
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), sum);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), sum);
}

/* Of 100 turns these are known before: one that ended, one that runs, one that was lost. */
static void known_ones_write(const struct ledger_call *c, struct ledger_turn t[100])
{
    struct ledger_turn first[3];
    for (unsigned i = 0; i < 100; i++)
        t[i] = world_turn(c);
    first[0] = t[40];
    first[1] = first[2] = world_running(c);
    first[1].id = t[50].id;
    first[2].id = t[60].id;
    struct ledger_tables *dies = world_tables(rows_open, NULL);
    assert_int_equal(world_write(dies, first + 2, 1), 0);
    ledger_tables_close(dies);
    ledger_tables_close(world_tables(rows_open, NULL)); /* finds it lost */
    assert_int_equal(world_write(tables, first, 2), 0);
    assert_int_equal(world_ask("SELECT sum(lost) FROM rollups"), 1);
}

static void turns_known_before_count_once(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[100];
    unsigned k = 1;
    for (bool fired = true; fired; k++) { /* whichever call fails */
        over(NULL);
        fresh(NULL);
        known_ones_write(&c, t);
        faulty_fail(k, 1);
        int err = world_write(tables, t, ARRAY_LEN(t));
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        assert_int_equal(world_ask("SELECT count(*) FROM turns"), fired ? 3 : 100);
        if (err)
            assert_int_equal(world_write(tables, t, ARRAY_LEN(t)), 0);
        assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE state = 'done'"), 100);
        assert_int_equal(world_ask("SELECT count(*) FROM calls WHERE model = 'gpt-5-mini'"), 100);
        assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 100);
        assert_int_equal(world_ask("SELECT sum(lost) FROM rollups"), 0);
        assert_int_equal(world_ask("SELECT sum(cost_usd_nanos) FROM rollups"), 123456700);
    }
    assert_true(k > 100); /* each turn had a statement of its own at last */
}

/* ---- labels ---- */

static void turns_that_are_alike_share_a_label(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[500];
    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        t[i] = world_turn(&c);
        t[i].began_wall_us += i;
        t[i].total_us += i;
    }
    assert_int_equal(world_write(tables, t, 250), 0);
    assert_int_equal(world_write(tables, t + 250, 250), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM labels"), 1);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'app' AND process = 1"),
                     500);
}

/* Each of these differs from the first in one thing that a label says. */
static void other_turns_have_another_label(void **state UNUSED)
{
    struct ledger_call c[3] = {world_call(), world_call(), world_call()};
    struct ledger_turn t[18];
    c[1].endpoint = STR("elsewhere");
    c[2].reused = false;
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        t[i] = world_turn(&c[0]);
    t[1].calls = &c[1];
    t[2].calls = &c[2];
    t[3].calls_n = 0;
    t[4].tenant = STR("shopa"); /* the same letters in a row as t[0] has */
    t[4].key = STR("pp");
    t[5].key = STR_NONE;
    t[6].tags = STR("a");
    t[7].api = STR("a");
    t[8].asked = STR("a");
    t[9].lane = STR("a");
    t[10].provider = STR("a");
    t[11].model = STR("a");
    t[12].stream = true;
    t[13].status = 201;
    t[14].err = E_UPSTREAM_CUT;
    t[15].tokens.source = TOKENS_ESTIMATE;
    t[16].began_wall_us += HOUR_US;
    t[17].tenant = STR("a");
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ARRAY_LEN(t); i++)
            id_new(&t[i].id);
        assert_int_equal(world_write(tables, t, ARRAY_LEN(t)), 0);
        assert_int_equal(world_ask("SELECT count(*) FROM labels"), ARRAY_LEN(t));
    }
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE tenant = 'shop'"), 2 * 16);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'pp'"), 2);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE status = 201"), 2);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE counted = 'estimate'"), 2);
    assert_int_equal(world_ask("SELECT count(*) FROM calls WHERE endpoint = 'elsewhere'"), 2);
    assert_int_equal(world_ask("SELECT count(*) FROM calls WHERE reused = 0"), 2);
}

static void more_labels_than_are_remembered(void **state UNUSED)
{
    enum { TURNS = 2 * LEDGER_LABELS_MAX + 100 };
    static struct ledger_turn t[TURNS];
    static char tags[TURNS][16];
    struct ledger_call c = world_call();
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < TURNS; i++) {
            snprintf(tags[i], sizeof(tags[i]), "t%u", i);
            t[i] = world_turn(&c);
            t[i].tags = str_from(tags[i]);
        }
        assert_int_equal(world_write(tables, t, TURNS), 0);
    }
    assert_int_equal(world_ask("SELECT count(*) FROM (SELECT tags FROM turns GROUP BY tags HAVING "
                               "count(*) = 2)"),
                     TURNS);
}

static void processes_make_labels_of_their_own(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_tables *other = world_tables(rows_open, NULL);
    for (unsigned i = 0; i < 10; i++) {
        struct ledger_turn t[2] = {world_turn(&c), world_turn(&c)};
        t[1].key = STR("other");
        assert_int_equal(world_write(tables, &t[0], 1), 0);
        assert_int_equal(world_write(other, &t[1], 1), 0);
    }
    ledger_tables_close(other);
    assert_int_equal(world_ask("SELECT count(*) FROM labels"), 2);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'app' AND process = 1"), 10);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'other' AND process = 2"),
                     10);
}

static void labels_go_with_the_last_of_their_turns(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn late;
    for (unsigned hour = 0; hour < 48; hour++) {
        struct ledger_turn t = world_turn(&c);
        t.began_wall_us = clock_wall_us();
        late = hour ? late : t;
        assert_int_equal(world_write(tables, &t, 1), 0);
        clock_advance_us(HOUR_US);
    }
    bool more = true;
    assert_int_equal(world_ask("SELECT count(*) FROM labels"), 48);
    assert_int_equal(ledger_tables_trim(tables, 1, 0, &more, NULL), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'app'"), 24);
    assert_int_equal(world_ask("SELECT count(*) FROM labels"), 24 + 1);
    id_new(&late.id); /* it began in an hour whose label is gone */
    assert_int_equal(world_write(tables, &late, 1), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'app'"), 25);
}

/* ---- version 1 ---- */

static void version_1_make(void)
{
    struct rows_store *s = world_version_1();
    assert_int_equal(rows_exec(s,
                               "CREATE TABLE old_turns AS SELECT * FROM turns;"
                               "CREATE TABLE old_calls AS SELECT * FROM calls;"
                               "ALTER TABLE old_turns ADD COLUMN cache_write_1h DEFAULT 0;"
                               "ALTER TABLE old_calls ADD COLUMN cache_write_1h DEFAULT 0;",
                               NULL),
                     0);
    rows_close(s);
}

/* The fixture's 50 turns and 48 calls are the same rows of the same columns, through the views. */
static void version_1_check(void)
{
    assert_int_equal(world_ask("SELECT value FROM meta WHERE name = 'ledger_version'"),
                     LEDGER_VERSION);
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 50);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), 48);
    assert_int_equal(world_ask("SELECT count(*) FROM (SELECT * FROM old_calls EXCEPT "
                               "SELECT * FROM calls)"),
                     0);
    assert_int_equal(world_ask("SELECT count(*) FROM (SELECT * FROM old_turns EXCEPT "
                               "SELECT * FROM turns)"),
                     1); /* it was running */
    assert_int_equal(world_ask("SELECT count(*) FROM turns t JOIN old_turns o ON o.id = t.id AND "
                               "o.key IS t.key WHERE o.state = 'running' AND t.state = 'lost'"),
                     1);
    assert_int_equal(world_ask("SELECT sum(lost) FROM rollups"), 2);
    assert_true(world_ask("SELECT count(*) FROM labels") < 50);
}

static void a_ledger_of_version_1_is_taken_over(void **state UNUSED)
{
    unsigned k = 1;
    for (bool fired = true; fired; k++) { /* whichever call fails */
        struct ledger_tables *t = NULL;
        uint64_t lost = 0;
        version_1_make();
        faulty_fail(k, 1);
        int err = ledger_tables_open(str_from(world_url), faulty_open, &t, &lost, NULL);
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        if (err)
            t = world_tables(rows_open, &lost);
        assert_int_equal(lost, 1);
        version_1_check();
        struct ledger_call c = world_call();
        struct ledger_turn new = world_turn(&c);
        assert_int_equal(world_write(t, &new, 1), 0);
        assert_int_equal(world_ask("SELECT max(process) FROM turns WHERE key = 'app'"), 3);
        ledger_tables_close(t);
    }
    assert_true(k > 20);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, over)
    const struct CMUnitTest tests[] = {
        CASE(the_usual_call_stands_in_its_turns_row), CASE(any_other_call_stands_apart),
        CASE(a_running_turn_ends_with_its_call),      CASE(a_batch_may_have_any_number),
        CASE(turns_known_before_count_once),          CASE(turns_that_are_alike_share_a_label),
        CASE(other_turns_have_another_label),         CASE(more_labels_than_are_remembered),
        CASE(processes_make_labels_of_their_own),     CASE(labels_go_with_the_last_of_their_turns),
        CASE(a_ledger_of_version_1_is_taken_over),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
