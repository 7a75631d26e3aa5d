/* test_report.c: `sluice report`, from the words of its command line to what it prints. */
#include "cli/commands.h"
#include "command_world.h"
#include "ledger_world.h"

static struct ledger_tables *tables;

#define report(...) command_says(&command_report, __VA_ARGS__)

/* ---- what it runs on ---- */

static struct ledger_turn turn_of(struct ledger_call *c, const char *model, int64_t cost,
                                  int64_t days_ago)
{
    *c = world_call();
    c->model = str_from(model);
    c->cost_usd_nanos = cost;
    struct ledger_turn t = world_turn(c);
    t.began_wall_us = NOON_US - days_ago * INT64_C(86400000000);
    return t;
}

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

static void four_turns(void)
{
    struct ledger_call c[4];
    struct ledger_turn t[4] = {
        turn_of(&c[0], "gpt-5", 1500000000, 0), turn_of(&c[1], "gpt-5-mini", 1234567, 0),
        turn_of(&c[2], "gpt-5-mini", 1, 3), turn_of(&c[3], "gpt-5", 250000000, 40)};
    t[1].key = STR("batch");
    t[1].tags = STR("eu, beta,eu");
    t[2].err = E_UPSTREAM_BUSY;
    t[2].state = TURN_FAILED;
    t[2].tags = STR("eu");
    assert_int_equal(world_write(tables, t, 4), 0);
}

/* ---- sums ---- */

static void it_sums_by_model_of_the_last_days(void **state UNUSED)
{
    four_turns();
    assert_int_equal(report("--db", world_url, NULL), EXIT_DONE);
    assert_string_equal(out, "2026-10-26 to 2026-11-24, days in UTC\n\n"
                             "model       turns  errors  calls  tokens in  cached  cache write  of "
                             "it 1 h  tokens out  reasoning"
                             "     cost USD     p50     p95     p99\n"
                             "gpt-5           1       0      1        123      20            3     "
                             "     2          45          5"
                             "  1.500000000  850 ms  850 ms  850 ms\n"
                             "gpt-5-mini      2       1      2        246      40            6     "
                             "     4          90         10"
                             "  0.001234568  850 ms  850 ms  850 ms\n"
                             "----------  -----  ------  -----  ---------  ------  -----------  "
                             "---------  ----------  ---------"
                             "  -----------  ------  ------  ------\n"
                             "all             3       1      3        369      60            9     "
                             "     6         135         15"
                             "  1.501234568  850 ms  850 ms  850 ms\n");
    assert_string_equal(err_out, "");
}

static void days_and_several_words(void **state UNUSED)
{
    four_turns();
    assert_int_equal(
        report("--db", world_url, "--by", "Day, model,day", "--since", "2026-10-01", "--csv", NULL),
        EXIT_DONE);
    assert_string_equal(
        out,
        "day,model,turns,errors,hung_up,lost,calls,input_tokens,cached_tokens,cache_write_tokens,"
        "cache_write_1h_tokens,output_tokens,reasoning_tokens,estimated_share,cost_usd,priced_cost_"
        "usd,unpriced_calls,"
        "saved_usd,mean_ms,p50_ms,p95_ms,p99_ms\n"
        "2026-10-15,gpt-5,1,0,0,0,1,100,20,3,2,40,5,0,0.25,0.25,0,0,800.5,850,850,850\n"
        "2026-11-21,gpt-5-mini,1,1,0,0,1,100,20,3,2,40,5,0,0.000000001,0.000000001,0,0,,,,\n"
        "2026-11-24,gpt-5,1,0,0,0,1,100,20,3,2,40,5,0,1.5,1.5,0,0,800.5,850,850,850\n"
        "2026-11-24,gpt-5-mini,1,0,0,0,1,100,20,3,2,40,5,0,0.001234567,0.001234567,0,0,800.5,850,"
        "850,850\n");
}

static void since_and_until_hold_both_ends(void **state UNUSED)
{
    four_turns();
    static const struct {
        const char *since, *until, *turns;
    } spans[] = {
        {"1d", "2026-11-24", "\"turns\":2"},         {"3d", "2026-11-24", "\"turns\":2"},
        {"4d", "2026-11-24", "\"turns\":3"},         {"6w", "2026-11-24", "\"turns\":4"},
        {"2026-11-21", "2026-11-21", "\"turns\":1"}, {"2026-10-15", "2026-11-23", "\"turns\":2"},
        {"2026-11-22", "2026-11-23", "\"turns\":0"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(spans); i++) {
        assert_int_equal(report("--db", world_url, "--since", spans[i].since, "--until",
                                spans[i].until, "--json", NULL),
                         EXIT_DONE);
        const char *total = strstr(out, "\"total\"");
        assert_non_null(total);
        if (!strstr(total, spans[i].turns))
            print_error("%s to %s: %s", spans[i].since, spans[i].until, out);
        assert_non_null(strstr(total, spans[i].turns));
    }
    assert_int_equal(report("--db", world_url, "--until", "2026-10-20", NULL), EXIT_DONE);
    assert_non_null(strstr(out, "2026-10-20 to 2026-10-20"));
}

static void a_turn_stands_under_each_of_its_tags(void **state UNUSED)
{
    four_turns();
    assert_int_equal(report("--db", world_url, "--by", "tag", NULL), EXIT_DONE);
    out_has("\neu        2 "); /* said twice by one turn, and counted once */
    out_has("\nbeta      1 ");
    out_has("\n-         1 ");
    out_has("\nall       3 ");
    out_has("stands under each");
}

static void json_is_whole(void **state UNUSED)
{
    struct ledger_call c;
    struct ledger_turn t = turn_of(&c, "odd \"name\"\\", 5, 0);
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_int_equal(report("--db", world_url, "--json", "--by", "model,lane", NULL), EXIT_DONE);
    assert_string_equal(
        out, "{\"from\":\"2026-10-26\",\"to\":\"2026-11-24\",\"by\":[\"model\",\"lane\"],\"rows\":["
             "\n{\"model\":\"odd \\\"name\\\"\\\\\",\"lane\":null,\"turns\":1,\"errors\":0,"
             "\"hung_up\":0,\"lost\":0,\"calls\":1,\"input_tokens\":100,\"cached_tokens\":20,"
             "\"cache_write_tokens\":3,\"cache_write_1h_tokens\":2,\"output_tokens\":40,"
             "\"reasoning_tokens\":5,"
             "\"estimated_share\":0,\"cost_usd\":0.000000005,\"priced_cost_usd\":0.000000005,"
             "\"unpriced_calls\":0,\"saved_usd\":0,\"mean_ms\":800.5,\"p50_ms\":850,\"p95_ms\":850,"
             "\"p99_ms\":850}],\n"
             "\"total\":{\"model\":null,\"lane\":null,\"turns\":1,\"errors\":0,\"hung_up\":0,"
             "\"lost\":0,\"calls\":1,\"input_tokens\":100,\"cached_tokens\":20,"
             "\"cache_write_tokens\":3,\"cache_write_1h_tokens\":2,\"output_tokens\":40,"
             "\"reasoning_tokens\":5,"
             "\"estimated_share\":0,\"cost_usd\":0.000000005,\"priced_cost_usd\":0.000000005,"
             "\"unpriced_calls\":0,\"saved_usd\":0,\"mean_ms\":800.5,\"p50_ms\":850,\"p95_ms\":850,"
             "\"p99_ms\":850}}\n");
}

/* Money is known or it is null, and never looks like nothing. */
static void an_unknown_cost_is_no_zero(void **state UNUSED)
{
    struct ledger_call c[3];
    struct ledger_turn t[3] = {turn_of(&c[0], "llama", COST_UNKNOWN, 0),
                               turn_of(&c[1], "gpt-5", 2000000000, 0),
                               turn_of(&c[2], "gpt-5", COST_UNKNOWN, 0)};
    c[0].tokens.source = TOKENS_ESTIMATE;
    assert_int_equal(world_write(tables, t, 3), 0);
    assert_int_equal(report("--db", world_url, NULL), EXIT_DONE);
    out_has("unknown");
    out_has("2.00 +?");
    out_has("The models of 2 calls have no price");
    out_has("100.0%"); /* of llama's tokens are estimates */
    out_has("33.3%");
    out_has_not("0.00 ");
    assert_int_equal(report("--db", world_url, "--json", NULL), EXIT_DONE);
    out_has("{\"model\":\"llama\",\"turns\":1");
    out_has("\"cost_usd\":null,\"priced_cost_usd\":0,\"unpriced_calls\":1");
    out_has("\"cost_usd\":null,\"priced_cost_usd\":2,\"unpriced_calls\":1");
    out_has("\"estimated_share\":1,");
    assert_int_equal(report("--db", world_url, "--csv", NULL), EXIT_DONE);
    out_has("llama,1,0,0,0,1,100,20,3,2,40,5,1,,0,1,");
}

/* The provider of a lost turn may have answered, and will bill that. */
static void a_lost_turn_costs_nobody_knows_what(void **state UNUSED)
{
    struct ledger_call c[3];
    struct ledger_turn t[3] = {turn_of(&c[0], "llama", 0, 0), turn_of(&c[1], "gpt-5", 0, 0),
                               turn_of(&c[2], "gpt-5", 2000000000, 0)};
    for (unsigned i = 0; i < 2; i++) {
        struct ledger_call target = c[i];
        t[i] = world_running(&target);
        t[i].model = c[i].model;
    }
    struct ledger_tables *dying = world_tables(rows_open, NULL);
    assert_int_equal(world_write(dying, t, 3), 0);
    ledger_tables_close(dying);
    ledger_tables_close(world_tables(rows_open, NULL)); /* finds them */
    assert_int_equal(report("--db", world_url, NULL), EXIT_DONE);
    out_has("unknown"); /* llama's */
    out_has("2.00 +?");
    out_has("2 turns were under way when their sluice died");
    out_has_not("0.00 ");
    assert_int_equal(report("--db", world_url, "--json", NULL), EXIT_DONE);
    out_has("{\"model\":\"llama\",\"turns\":0,\"errors\":0,\"hung_up\":0,\"lost\":1,");
    out_has("\"cost_usd\":null,\"priced_cost_usd\":0,\"unpriced_calls\":0");
    out_has("\"cost_usd\":null,\"priced_cost_usd\":2,\"unpriced_calls\":0");
    assert_int_equal(report("--db", world_url, "--turns", "3", "--json", NULL), EXIT_DONE);
    out_has("\"input\":null,");
    out_has("\"cost_usd\":null,");
}

static void one_is_one(void **state UNUSED)
{
    struct ledger_call c;
    struct ledger_turn t = turn_of(&c, "llama", COST_UNKNOWN, 0);
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_int_equal(report("--db", world_url, NULL), EXIT_DONE);
    out_has("The model of 1 call has no price, so what it cost is not known");
}

static void nothing_yet_is_said_kindly(void **state UNUSED)
{
    assert_int_equal(report("--db", world_url, NULL), EXIT_DONE);
    out_has("No turns from 2026-10-26 to 2026-11-24 in sqlite:");
    assert_int_equal(report("--db", world_url, "--turns", "5", NULL), EXIT_DONE);
    out_has("No turns in sqlite:");
    assert_int_equal(report("--db", world_url, "--turns", "5", "--json", NULL), EXIT_DONE);
    assert_string_equal(out, "{\"turns\":[]}\n");
    assert_int_equal(report("--db", "sqlite:/tmp/nowhere-at-all.db", NULL), EXIT_COULD_NOT);
    assert_non_null(strstr(err_out, "there is no database /tmp/nowhere-at-all.db"));
    assert_non_null(strstr(err_out, "sluice serve"));
    assert_int_not_equal(access("/tmp/nowhere-at-all.db", F_OK), 0);
}

/* ---- turns ---- */

static void the_last_turns_come_first(void **state UNUSED)
{
    struct ledger_call c[3];
    struct ledger_turn t[3];
    static const char *const models[] = {"model-1", "model-2", "model-3"};
    for (unsigned i = 0; i < 3; i++) {
        clock_advance_us(1000000);
        t[i] = turn_of(&c[i], models[i], 1, 0);
    }
    t[2].state = TURN_RUNNING;
    t[2].status = 0;
    t[2].cost_usd_nanos = COST_UNKNOWN;
    t[2].total_us = -1;
    t[2].calls_n = 0;
    assert_int_equal(world_write(tables, t, 3), 0);
    assert_int_equal(report("--db", world_url, "--turns", "2", NULL), EXIT_DONE);
    const char *third = strstr(out, "model-3"), *second = strstr(out, "model-2");
    assert_true(third && second && third < second);
    out_has_not("model-1");
    out_has(t[2].id.text);
    out_has("running");
    out_has("unknown");
    out_has("0.000000001");
    assert_int_equal(report("--db", world_url, "--turns", "1", "--json", NULL), EXIT_DONE);
    out_has("\"began\":\"2026-11-24T12:00:00.000Z\",\"state\":\"running\",\"status\":null");
    out_has("\"cost_usd\":null");
    assert_int_equal(report("--db", world_url, "--turns", "9", "--csv", NULL), EXIT_DONE);
    out_has("id,began,state,status,error,tenant,key,");
    out_has(",100,20,3,2,40,5,provider,0.000000001,0,0,120.3,800.5,0.5,2048,999,\n");
}

static void one_turn_is_shown_with_its_calls(void **state UNUSED)
{
    struct ledger_call c[2];
    struct ledger_turn t = turn_of(&c[1], "gpt-5", 3000000, 0);
    c[0] = c[1];
    c[0].err = E_UPSTREAM_BUSY;
    c[0].status = 503;
    c[0].cost_usd_nanos = COST_UNKNOWN;
    c[1].seq = 1;
    t.calls = c;
    t.calls_n = 2;
    t.levers = STR("{\"retry\":{\"did\":\"second try\",\"us\":12}}");
    assert_int_equal(world_write(tables, &t, 1), 0);
    char lower[ID_CHARS + 1] = "";
    for (unsigned i = 0; i < ID_CHARS; i++)
        lower[i] = (char)(t.id.text[i] | (t.id.text[i] >= 'A' ? 0x20 : 0));
    assert_int_equal(report("--db", world_url, "--turn", lower, NULL), EXIT_DONE);
    out_has(t.id.text);
    out_has("call 1 of 2");
    out_has("  error          upstream_unavailable\n");
    out_has("  cost           unknown\n");
    out_has("call 2 of 2");
    out_has("  cost           0.003\n");
    out_has("  cache_write_1h ");
    out_has("second try");
    assert_int_equal(report("--db", world_url, "--turn", t.id.text, "--json", NULL), EXIT_DONE);
    out_has("\"levers\":{\"retry\":{\"did\":\"second try\",\"us\":12}}}");
    out_has("\"calls\":[\n{\"seq\":0,");
    out_has("{\"seq\":1,\"began\":\"2026-11-24T12:00:00.000Z\",\"purpose\":\"answer\"");
    assert_int_equal(report("--db", world_url, "--turn", "01XX", NULL), EXIT_COULD_NOT);
    assert_non_null(strstr(err_out, "there is no turn 01XX"));
}

/* ---- wrong words ---- */

static void wrong_words_are_named_with_the_right_ones(void **state UNUSED)
{
    const char *db = world_url;
    complains(report("--db", db, "--by", "modle", NULL), "did you mean 'model'?");
    complains(report("--db", db, "--by", "day,tags", NULL), "did you mean 'tag'?");
    complains(report("--db", db, "--by", "zzzzzzz", NULL), "It knows day, key, model");
    complains(report("--db", db, "--by", "", NULL), "--by knows no ''");
    complains(report("--db", db, "--sinse", "7d", NULL), "did you mean '--since'?");
    static const char *const no_days[] = {"7",          "d",          "0d",  "7x",        "-1d",
                                          "2026-13-01", "2026-02-29", "",    "2026-1-01", "today",
                                          "2026/11/01", "99999d",     "1d ", "2026-00-10"};
    for (unsigned i = 0; i < ARRAY_LEN(no_days); i++)
        complains(report("--db", db, "--since", no_days[i], NULL), "is no day");
    complains(report("--db", db, "--until", "7d", NULL), "is no day");
    complains(report("--db", db, "--since", "2026-11-10", "--until", "2026-11-09", NULL),
              "is after");
    complains(report("--db", db, "--csv", "--json", NULL), "not both");
    complains(report("--db", db, "--turns", "0", NULL), "is no number");
    complains(report("--db", db, "--turns", "many", NULL), "is no number");
    complains(report("--db", db, "--turns", "5", "--by", "day", NULL), "stand alone");
    complains(report("--db", db, "--turns", "5", "--turn", "01XX", NULL), "stand alone");
    complains(report("--db", db, "--turn", "01XX", "--csv", NULL), "--json");
    complains(report("--db", db, "novembers", NULL), "'novembers' is too much");
    complains(report("--db", db, "novembers", NULL), "--by, --since, --until, --turns");
    complains(report("--db", db, "json", NULL), "did you mean '--json'?");
    complains(report("--db", db, "modle", NULL), "did you mean '--by model'?");
    complains(report("--db", db, "gateway.yaml", NULL), "did you mean '--config gateway.yaml'?");
    complains(report("--db", "postgres:host", NULL), "expected sqlite:PATH");
}

static void a_leap_day_is_a_day(void **state UNUSED)
{
    assert_int_equal(report("--db", world_url, "--since", "2024-02-29", NULL), EXIT_DONE);
    out_has("No turns from 2024-02-29 to 2026-11-24");
}

static void the_configuration_names_the_ledger(void **state UNUSED)
{
    char path[128];
    four_turns();
    snprintf(path, sizeof(path), "%s/sluice.yaml", world_folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "state: {ledger: \"%s\"}\n"
                        "providers: {home: {kind: openai, base_url: \"http://127.0.0.1:9/v1\"}}\n",
                        world_url) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(report("--config", path, NULL), EXIT_DONE);
    out_has("gpt-5-mini");
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "state: {ledger: off}\n"
                              "providers: {home: {kind: openai, base_url: "
                              "\"http://127.0.0.1:9/v1\"}}\n") > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(report("--config", path, NULL), EXIT_COULD_NOT);
    assert_non_null(strstr(err_out, "keeps no ledger"));
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, over)
    const struct CMUnitTest tests[] = {
        CASE(it_sums_by_model_of_the_last_days),
        CASE(days_and_several_words),
        CASE(since_and_until_hold_both_ends),
        CASE(a_turn_stands_under_each_of_its_tags),
        CASE(json_is_whole),
        CASE(an_unknown_cost_is_no_zero),
        CASE(a_lost_turn_costs_nobody_knows_what),
        CASE(one_is_one),
        CASE(nothing_yet_is_said_kindly),
        CASE(the_last_turns_come_first),
        CASE(one_turn_is_shown_with_its_calls),
        CASE(wrong_words_are_named_with_the_right_ones),
        CASE(a_leap_day_is_a_day),
        CASE(the_configuration_names_the_ledger),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
