/* test_ledger_tables.c: the ledger's rows, exactly once, whatever fails; lost turns; retention. */
#include "turn/ledger/tables.h"

#include "ledger_world.h"
#include "test/store/faulty.h"
#include "turn/ledger/read.h"

#define DAY_MS INT64_C(86400000)

static int fresh(void **state UNUSED)
{
    world_fresh();
    faulty_reset();
    clock_fake(1, NOON_US);
    return 0;
}

static int over(void **state UNUSED)
{
    clock_real();
    return 0;
}

/* ---- rows ---- */

static void every_column_comes_back(void **state UNUSED)
{
    struct ledger_call c[2] = {world_call(), world_call()};
    c[0].err = E_UPSTREAM_BUSY;
    c[0].status = 503;
    c[0].first_us = c[0].connect_us = -1;
    c[0].reused = false;
    c[0].cost_usd_nanos = COST_UNKNOWN;
    c[0].tokens = (struct tokens){.source = TOKENS_NONE};
    c[1].seq = 1;
    c[1].attempt = 2;
    struct ledger_turn t = world_turn(&c[1]);
    t.calls = c;
    t.calls_n = 2;
    t.task = STR("summaries");
    t.session = STR("s-1");
    t.tags = STR("beta,eu");
    t.lane = STR("cheap");
    t.stream = true;
    t.state = TURN_PARTIAL;
    t.err = E_CLIENT_GONE;
    t.status = 499;
    t.saved_usd_nanos = 77;
    t.levers = STR("{\"retry\":{\"did\":\"second try\",\"us\":12}}");
    t.cost_usd_nanos = COST_UNKNOWN;
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, &t, 1), 0);
    ledger_tables_close(tables);
    assert_string_equal(
        world_ask_text("SELECT state || ' ' || began_us || ' ' || tenant || ' ' || key || ' ' || "
                       "task || ' ' || session || ' ' || tags || ' ' || api || ' ' || asked || ' ' "
                       "|| provider || ' ' || model || ' ' || lane || ' ' || stream || ' ' || "
                       "status || ' ' || error FROM turns"),
        "partial 1795521600000000 shop app summaries s-1 beta,eu openai.chat fast openai "
        "gpt-5-mini cheap 1 499 client_gone");
    assert_string_equal(
        world_ask_text("SELECT input || ' ' || cached || ' ' || cache_write || ' ' || output || ' '"
                       " || reasoning || ' ' || counted || ' ' || saved_usd_nanos || ' ' || "
                       "queue_us || ' ' || first_us || ' ' || total_us || ' ' || overhead_us || ' '"
                       " || bytes_in || ' ' || bytes_out || ' ' || levers FROM turns"),
        "100 20 3 40 5 provider 77 0 120300 800500 500 2048 999 "
        "{\"retry\":{\"did\":\"second try\",\"us\":12}}");
    assert_string_equal(world_ask_text("SELECT cost_usd_nanos FROM turns"), "NULL");
    assert_string_equal(world_ask_text("SELECT id FROM turns"), t.id.text);
    assert_string_equal(world_ask_text("SELECT group_concat(turn) FROM calls WHERE seq = 0"),
                        t.id.text);
    assert_string_equal(
        world_ask_text("SELECT seq || ' ' || purpose || ' ' || provider || ' ' || model || ' ' || "
                       "endpoint || ' ' || attempt || ' ' || status || ' ' || input || ' ' || "
                       "cached || ' ' || cache_write || ' ' || output || ' ' || reasoning || ' ' ||"
                       " counted || ' ' || cost_usd_nanos || ' ' || began_us || ' ' || connect_us "
                       "|| ' ' || first_us || ' ' || total_us || ' ' || reused FROM calls "
                       "WHERE seq = 1 AND error IS NULL"),
        "1 answer openai gpt-5-mini api.openai.com 2 200 100 20 3 40 5 provider 1234567 "
        "1795521600000050 900 120000 800000 1");
    assert_int_equal(world_ask("SELECT count(*) FROM calls WHERE seq = 0 AND status = 503 AND "
                               "error = 'upstream_unavailable' AND cost_usd_nanos IS NULL AND "
                               "counted IS NULL AND connect_us IS NULL AND first_us IS NULL AND "
                               "reused = 0"),
                     1);
}

static void a_running_row_becomes_the_ended_one(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn ended = world_turn(&c);
    struct ledger_turn running = world_running(&c);
    running.id = ended.id;
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, &running, 1), 0);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "running");
    assert_int_equal(world_ask("SELECT count(*) FROM rollups"), 0);
    assert_string_equal(world_ask_text("SELECT cost_usd_nanos FROM turns"), "NULL"); /* not 0 */
    assert_int_equal(world_write(tables, &running, 1), 0);
    assert_int_equal(world_write(tables, &ended, 1), 0);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "done");
    assert_int_equal(world_ask("SELECT total_us FROM turns"), 800500);
    assert_int_equal(world_write(tables, &running, 1), 0); /* one that comes late */
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "done");
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 1);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 1);
    ledger_tables_close(tables);
}

static void a_row_written_again_is_not_counted_again(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[2] = {world_turn(&c), world_turn(&c)};
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, t, 1), 0);
    assert_int_equal(world_write(tables, t, 2), 0);
    assert_int_equal(world_write(tables, t, 2), 0);
    struct ledger_turn twice[2] = {t[0], t[0]}; /* in one batch */
    id_new(&twice[0].id);
    twice[1].id = twice[0].id;
    assert_int_equal(world_write(tables, twice, 2), 0);
    ledger_tables_close(tables);
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 3);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), 3);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 3);
    assert_int_equal(world_ask("SELECT sum(calls) FROM rollups"), 3);
    assert_int_equal(world_ask("SELECT sum(cost_usd_nanos) FROM rollups"), 3 * 1234567);
}

/* Texts come from clients: they are cut, and hold nothing that steers a terminal. */
static void texts_are_cut_and_cleaned(void **state UNUSED)
{
    static char longer[3 * LEDGER_TEXT_BYTES_MAX];
    for (unsigned i = 0; i + 2 < sizeof(longer); i += 3)
        memcpy(longer + i, "\xe2\x82\xac", 3); /* euro signs: 512 is within one */
    struct ledger_call c = world_call();
    c.endpoint = STR("a\x1b[2Jb");
    struct ledger_turn t = world_turn(&c);
    t.asked = str_of(longer, sizeof(longer));
    t.task = STR("nul\0in it");
    t.session = STR("bad \xff\xfe utf-8 \xc3");
    t.tags = STR("h\xc3\xa9, \xf0\x9f\x8c\x8d"); /* is fine */
    t.key = STR("c1 \xc2\x9b"
                "2J del\x7f.");
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, &t, 1), 0);
    ledger_tables_close(tables);
    assert_int_equal(world_ask("SELECT length(CAST(asked AS BLOB)) FROM turns"), 510);
    assert_string_equal(world_ask_text("SELECT task FROM turns"), "nul?in it");
    assert_string_equal(world_ask_text("SELECT session FROM turns"), "bad ?? utf-8 ?");
    assert_string_equal(world_ask_text("SELECT tags FROM turns"), "h\xc3\xa9, \xf0\x9f\x8c\x8d");
    assert_string_equal(world_ask_text("SELECT key FROM turns"), "c1 ??2J del?.");
    assert_string_equal(world_ask_text("SELECT endpoint FROM calls"), "a?[2Jb");
}

/* No turn with so many calls is larger, and this one is not smaller. */
static void the_largest_turn_has_a_size(void **state UNUSED)
{
    static char text[LEDGER_LEVERS_BYTES_MAX + 1];
    struct str most = str_of(text, sizeof(text));
    struct ledger_call c[3];
    for (unsigned i = 0; i < ARRAY_LEN(c); i++)
        c[i] = (struct ledger_call){
            .purpose = most, .provider = most, .model = most, .endpoint = most};
    struct ledger_turn t = {.tenant = most,
                            .key = most,
                            .task = most,
                            .session = most,
                            .tags = most,
                            .api = most,
                            .asked = most,
                            .provider = most,
                            .model = most,
                            .lane = most,
                            .levers = most,
                            .calls_n = ARRAY_LEN(c),
                            .calls = c};
    size_t bytes = ledger_record_bytes(&t), bound = LEDGER_RECORD_BYTES_MAX(t.calls_n);
    assert_true(bytes <= bound && bound - bytes < 8);
    t.calls_n = 0;
    assert_true(ledger_record_bytes(&t) <= LEDGER_RECORD_BYTES_MAX(0));
}

static void a_turn_larger_than_a_slab_fits(void **state UNUSED)
{
    static char text[LEDGER_TEXT_BYTES_MAX];
    static struct ledger_call c[64];
    memset(text, 'm', sizeof(text));
    for (unsigned i = 0; i < ARRAY_LEN(c); i++) {
        c[i] = world_call();
        c[i].seq = i;
        c[i].model = c[i].endpoint = c[i].purpose = str_of(text, sizeof(text));
    }
    struct ledger_turn t = world_turn(c);
    t.calls_n = ARRAY_LEN(c);
    assert_true(ledger_record_bytes(&t) > LEDGER_SLAB_BYTES);
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, &t, 1), 0);
    ledger_tables_close(tables);
    assert_int_equal(world_ask("SELECT count(*) FROM calls WHERE length(model) = 512"), 64);
}

/* ---- faults ---- */

struct plan {
    struct ledger_call calls[3];
    struct ledger_turn turns[4];
};

/* Running, ended, with two calls, and the running one's end. */
static void plan_make(struct plan *p)
{
    for (unsigned i = 0; i < 3; i++)
        p->calls[i] = world_call();
    p->calls[2].seq = 1;
    p->turns[0] = world_running(&p->calls[0]);
    p->turns[1] = world_turn(&p->calls[0]);
    p->turns[2] = world_turn(&p->calls[1]);
    p->turns[2].calls_n = 2;
    p->turns[2].tags = STR("a,b");
    p->turns[3] = world_turn(&p->calls[0]);
    p->turns[3].id = p->turns[0].id;
}

static void plan_check(void)
{
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE state = 'done'"), 3);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE key = 'app'"), 3);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), 4);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 3);
    assert_int_equal(world_ask("SELECT sum(calls) FROM rollups"), 4);
    assert_int_equal(world_ask("SELECT sum(input) FROM rollups"), 400);
    assert_int_equal(world_ask("SELECT sum(cost_usd_nanos) FROM rollups"), 4 * 1234567);
    assert_int_equal(world_ask("SELECT sum(lost) FROM rollups"), 0);
}

/* Until no call is left to fail: a batch is there as a whole or not at all, and at last once. */
static void any_call_may_fail_in_a_write(void **state UNUSED)
{
    struct plan p;
    unsigned k = 1;
    for (bool fired = true; fired; k++) {
        world_fresh();
        faulty_reset();
        plan_make(&p);
        struct ledger_tables *tables = world_tables(faulty_open, NULL);
        faulty_fail(k, 1);
        int err = world_write(tables, p.turns, 3);
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        assert_int_equal(world_ask("SELECT count(*) FROM turns"), fired ? 0 : 3);
        assert_int_equal(world_ask("SELECT count(*) FROM rollups"), fired ? 0 : 2);
        if (err)
            assert_int_equal(world_write(tables, p.turns, 3), 0);
        assert_int_equal(world_write(tables, p.turns + 3, 1), 0);
        ledger_tables_close(tables);
        plan_check();
    }
    assert_true(k > 18); /* calls of a write: otherwise this showed nothing */
}

static void any_call_may_fail_at_the_start(void **state UNUSED)
{
    struct plan p;
    unsigned k = 1;
    for (bool fired = true; fired; k++) {
        world_fresh();
        faulty_reset();
        plan_make(&p);
        struct ledger_tables *tables = world_tables(rows_open, NULL), *again = NULL;
        assert_int_equal(world_write(tables, p.turns, 3), 0);
        ledger_tables_close(tables); /* dies with one running */
        faulty_fail(k, 1);
        uint64_t lost = 99;
        struct fault f = {0};
        int err = ledger_tables_open(str_from(world_url), faulty_open, &again, &lost, &f);
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        if (err) { /* and the failed start has left no trace */
            assert_null(again);
            assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE state = 'running'"), 1);
            assert_int_equal(world_ask("SELECT value FROM meta WHERE name = 'process'"), 1);
            again = world_tables(rows_open, &lost);
        }
        assert_int_equal(lost, 1);
        assert_int_equal(world_ask("SELECT sum(lost) FROM rollups"), 1);
        assert_int_equal(world_write(again, p.turns + 3, 1), 0); /* it was alive after all */
        ledger_tables_close(again);
        plan_check();
    }
    assert_true(k > 20);
}

static void any_call_may_fail_in_a_new_database(void **state UNUSED)
{
    unsigned k = 1;
    for (bool fired = true; fired; k++) {
        world_fresh();
        faulty_fail(k, 1);
        struct ledger_tables *tables = NULL;
        uint64_t lost = 0;
        int err = ledger_tables_open(str_from(world_url), faulty_open, &tables, &lost, NULL);
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        if (err)
            tables = world_tables(rows_open, NULL);
        ledger_tables_close(tables);
        assert_int_equal(world_ask("SELECT value FROM meta WHERE name = 'process'"), 1);
    }
    assert_true(k > 20);
}

/* A disk that is full in earnest, in the middle of a batch. */
static void a_full_disk_takes_the_batch_later(void **state UNUSED)
{
    enum { TURNS = 2000 };
    static struct ledger_turn t[TURNS];
    struct ledger_call c = world_call();
    for (unsigned i = 0; i < TURNS; i++)
        t[i] = world_turn(&c);
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(rows_exec(tables->store, "PRAGMA max_page_count = 30", NULL), 0);
    assert_int_equal(world_write(tables, t, 10), 0);
    assert_int_equal(world_write(tables, t, TURNS), E_STORE);
    assert_int_equal(world_write(tables, t, TURNS), E_STORE);
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 10);
    assert_int_equal(rows_exec(tables->store, "PRAGMA max_page_count = 4000", NULL), 0);
    assert_int_equal(world_write(tables, t, TURNS), 0);
    ledger_tables_close(tables);
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), TURNS);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), TURNS);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), TURNS);
}

/* ---- processes ---- */

static void a_living_process_loses_nothing(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t = world_running(&c);
    uint64_t lost = 99;
    struct ledger_tables *first = world_tables(rows_open, NULL);
    assert_int_equal(world_write(first, &t, 1), 0);
    struct ledger_tables *second = world_tables(rows_open, &lost);
    assert_int_equal(lost, 0);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "running");
    assert_true(first->labels.process != second->labels.process);
    ledger_tables_close(first);
    struct ledger_tables *third = world_tables(rows_open, &lost);
    assert_int_equal(lost, 1);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "lost");
    ledger_tables_close(second);
    ledger_tables_close(third);
    ledger_tables_close(world_tables(rows_open, &lost));
    assert_int_equal(lost, 0); /* counted once */
}

static void lost_turns_are_counted_where_they_ran(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[300];
    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        t[i] = world_running(&c);
        t[i].model = i % 3 ? STR("gpt-5-mini") : STR("gpt-5");
        t[i].began_wall_us = NOON_US - (i % 2) * DAY_MS * 1000;
    }
    uint64_t lost = 0;
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, t, ARRAY_LEN(t)), 0);
    ledger_tables_close(tables);
    ledger_tables_close(world_tables(rows_open, &lost));
    assert_int_equal(lost, 300);
    assert_int_equal(world_ask("SELECT lost FROM rollups WHERE day = '2026-11-23' AND "
                               "model = 'gpt-5'"),
                     50);
    assert_int_equal(world_ask("SELECT sum(lost) FROM rollups WHERE day = '2026-11-24'"), 150);
    assert_int_equal(world_ask("SELECT sum(turns) + sum(calls) FROM rollups"), 0);
    /* What they took is not known, and does not look like nothing. */
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE coalesce(cost_usd_nanos, input, "
                               "cached, cache_write, output, reasoning, bytes_out) IS NOT NULL"),
                     0);
}

/* ---- versions ---- */

static void a_newer_database_is_refused(void **state UNUSED)
{
    struct rows_store *s = NULL;
    ledger_tables_close(world_tables(rows_open, NULL));
    assert_int_equal(rows_open(str_from(world_url), false, &s, NULL), 0);
    assert_int_equal(rows_exec(s, "UPDATE meta SET value = 99 WHERE name = 'ledger_version'", NULL),
                     0);
    rows_close(s);
    struct ledger_tables *t = NULL;
    uint64_t lost = 0;
    struct fault f = {0};
    assert_int_equal(ledger_tables_open(str_from(world_url), rows_open, &t, &lost, &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), "newer sluice"));
    assert_non_null(strstr(fault_text(&f), "99"));
    assert_null(t);
}

static int written_take(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS])
{
    int64_t *sums = arg;
    assert_true(dim[DIM_DAY].n > 0);
    sums[0] = sum[SUM_CACHE_WRITE];
    sums[1] = sum[SUM_CACHE_WRITE_1H];
    return 0;
}

/* A ledger as it was before writes for an hour were counted apart: read as it is, extended once,
 * and still written to by the sluice of that time. */
static void an_older_one_is_read_extended_and_shared(void **state UNUSED)
{
    struct rows_store *s = NULL;
    const struct ledger_call c = world_call();
    const struct ledger_turn t = world_turn(&c);
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    assert_int_equal(world_write(tables, &t, 1), 0);
    ledger_tables_close(tables);
    assert_int_equal(world_ask("SELECT sum(cache_write_1h) FROM rollups"), 2);
    assert_int_equal(rows_open(str_from(world_url), false, &s, NULL), 0);
    assert_int_equal(rows_exec(s,
                               "DROP VIEW turns; DROP VIEW calls;"
                               "ALTER TABLE turn_rows DROP COLUMN cache_write_1h;"
                               "ALTER TABLE call_rows DROP COLUMN cache_write_1h;"
                               "ALTER TABLE rollups DROP COLUMN cache_write_1h;"
                               "CREATE VIEW turns AS SELECT * FROM turn_rows t LEFT JOIN labels l"
                               " ON l.n = t.label;"
                               "CREATE VIEW calls AS SELECT * FROM call_rows;"
                               "DELETE FROM meta WHERE name = '" LEDGER_HAS_1H "'",
                               NULL),
                     0);
    struct ledger_reader *r = NULL;
    int64_t sums[2] = {-1, -1};
    assert_int_equal(ledger_reader_open(str_from(world_url), &r, NULL), 0);
    assert_int_equal(
        ledger_read_rollups(r, STR("2026-01-01"), STR("2027-01-01"), written_take, sums, NULL), 0);
    assert_int_equal(sums[0], 3);
    assert_int_equal(sums[1], 0);
    ledger_reader_close(r);
    ledger_tables_close(world_tables(rows_open, NULL));
    assert_int_equal(world_ask("SELECT cache_write * 10 + cache_write_1h FROM turns"), 30);
    assert_int_equal(rows_exec(s,
                               "INSERT INTO turn_rows (id, label, state, cache_write) VALUES"
                               " ('old', 0, 'done', 5)",
                               NULL),
                     0);
    rows_close(s);
    assert_int_equal(world_ask("SELECT sum(cache_write_1h) FROM turns"), 0);
    ledger_tables_close(world_tables(rows_open, NULL)); /* not extended twice */
}

static void other_tables_may_stand_there(void **state UNUSED)
{
    struct rows_store *s = NULL;
    assert_int_equal(rows_open(str_from(world_url), false, &s, NULL), 0);
    assert_int_equal(rows_exec(s, "CREATE TABLE keys (public TEXT PRIMARY KEY)", NULL), 0);
    rows_close(s);
    ledger_tables_close(world_tables(rows_open, NULL));
    ledger_tables_close(world_tables(rows_open, NULL));
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 0);
    assert_int_equal(world_ask("SELECT value FROM meta WHERE name = 'ledger_version'"),
                     LEDGER_VERSION);
}

/* ---- retention ---- */

/* `n` turns, one a minute, the last of them at the wall clock's time. */
static void minutes_write(struct ledger_tables *tables, unsigned n)
{
    struct ledger_call c = world_call();
    struct ledger_turn *t = calloc(n, sizeof(*t));
    assert_non_null(t);
    clock_fake(1, NOON_US - (int64_t)n * 60000000);
    for (unsigned i = 0; i < n; i++) {
        clock_advance_us(60000000);
        t[i] = world_turn(&c);
        t[i].began_wall_us = clock_wall_us();
    }
    assert_int_equal(world_write(tables, t, n), 0);
    free(t);
}

static unsigned trim_all(struct ledger_tables *tables, int64_t keep_days, int64_t keep_bytes)
{
    unsigned steps = 0;
    bool more = true;
    for (; more; steps++) {
        int64_t before = world_ask("SELECT count(*) FROM turns");
        assert_int_equal(ledger_tables_trim(tables, keep_days, keep_bytes, &more, NULL), 0);
        assert_true(before - world_ask("SELECT count(*) FROM turns") <= 1024);
        assert_true(steps < 1000);
    }
    return steps;
}

static void old_rows_go_in_small_steps(void **state UNUSED)
{
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    minutes_write(tables, 6000); /* a little more than four days */
    assert_true(trim_all(tables, 2, 0) > 3);
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 2880 + 1);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), 2880 + 1);
    assert_true(world_ask("SELECT min(began_us) FROM turns") == NOON_US - 2 * DAY_MS * 1000);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 6000);
    assert_int_equal(trim_all(tables, 2, 0), 1);
    assert_int_equal(trim_all(tables, 0, 0), 1); /* for ever */
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 2881);
    ledger_tables_close(tables);
}

static void the_oldest_rows_go_when_it_grows_too_large(void **state UNUSED)
{
    struct ledger_tables *tables = world_tables(rows_open, NULL);
    int64_t bytes = 0, keep = 400000;
    minutes_write(tables, 6000);
    assert_int_equal(rows_bytes(tables->store, &bytes, NULL), 0);
    assert_true(bytes > keep);
    trim_all(tables, 0, keep);
    assert_int_equal(rows_bytes(tables->store, &bytes, NULL), 0);
    assert_true(bytes <= keep);
    assert_true(bytes > keep / 3); /* and not more than need be */
    int64_t left = world_ask("SELECT count(*) FROM turns");
    assert_true(left > 1000 && left < 5000);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), left);
    assert_true(world_ask("SELECT max(began_us) FROM turns") == NOON_US);
    trim_all(tables, 0, 1); /* smaller than an empty one: all rows go, and it ends */
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 0);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), 6000);
    ledger_tables_close(tables);
}

static void any_call_may_fail_while_rows_go(void **state UNUSED)
{
    unsigned k = 1;
    for (bool fired = true; fired; k++) {
        world_fresh();
        faulty_reset();
        struct ledger_tables *tables = world_tables(faulty_open, NULL);
        minutes_write(tables, 2000);
        faulty_fail(k, 1);
        bool more = false;
        int err = ledger_tables_trim(tables, 1, 0, &more, NULL);
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        assert_int_equal(world_ask("SELECT count(*) FROM turns"),
                         world_ask("SELECT count(*) FROM calls"));
        trim_all(tables, 1, 0);
        assert_int_equal(world_ask("SELECT count(*) FROM turns"), 1441);
        ledger_tables_close(tables);
    }
    assert_true(k > 5);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, over)
    const struct CMUnitTest tests[] = {
        CASE(every_column_comes_back),
        CASE(a_running_row_becomes_the_ended_one),
        CASE(a_row_written_again_is_not_counted_again),
        CASE(texts_are_cut_and_cleaned),
        CASE(the_largest_turn_has_a_size),
        CASE(a_turn_larger_than_a_slab_fits),
        CASE(any_call_may_fail_in_a_write),
        CASE(any_call_may_fail_at_the_start),
        CASE(any_call_may_fail_in_a_new_database),
        CASE(a_full_disk_takes_the_batch_later),
        CASE(a_living_process_loses_nothing),
        CASE(lost_turns_are_counted_where_they_ran),
        CASE(a_newer_database_is_refused),
        CASE(an_older_one_is_read_extended_and_shared),
        CASE(other_tables_may_stand_there),
        CASE(old_rows_go_in_small_steps),
        CASE(the_oldest_rows_go_when_it_grows_too_large),
        CASE(any_call_may_fail_while_rows_go),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
