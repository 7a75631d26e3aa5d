/* test_report_tasks.c: `sluice report --tasks`: successes, and what one cost. */
#include "cli/commands.h"
#include "command_world.h"
#include "ledger_world.h"

#define NO_OUTCOME (-1)

static struct ledger_tables *tables;

#define report(...) command_says(&command_report, "--tasks", "--db", world_url, __VA_ARGS__)

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

/* A turn of a task, so many days ago. */
struct said {
    const char *task, *model, *tags;
    int64_t usd_nanos;
    int days_ago;
    enum turn_state state;
};

static void turn_write(const struct said *said)
{
    struct ledger_call c = world_call();
    c.model = str_from(said->model);
    c.cost_usd_nanos = said->usd_nanos;
    struct ledger_turn t = world_turn(&c);
    t.task = str_from(said->task);
    t.tags = said->tags ? str_from(said->tags) : STR_NONE;
    t.state = said->state;
    t.began_wall_us = NOON_US - said->days_ago * INT64_C(86400000000);
    assert_int_equal(world_write(tables, &t, 1), 0);
}

static void outcome_write(const char *task, int64_t score)
{
    const struct ledger_outcome o = {
        .tenant = STR("shop"), .task = str_from(task), .score = score, .made_wall_us = NOON_US};
    struct ledger_slab *slab = ledger_slab_new(LEDGER_OUTCOME_BYTES_MAX);
    assert_non_null(slab);
    ledger_slab_put_outcome(slab, &o);
    assert_int_equal(ledger_tables_write(tables, slab, NULL), 0);
    ledger_slab_free(slab);
}

/* A task of one turn. */
static void task_write(const char *task, const char *model, int64_t usd_nanos, int64_t score)
{
    turn_write(
        &(struct said){.task = task, .model = model, .usd_nanos = usd_nanos, .state = TURN_DONE});
    if (score != NO_OUTCOME)
        outcome_write(task, score);
}

/* The eight tasks of these tests: `weak` fails one of three and has one that nobody told of, `m`
 * gets what weak began and gave up, and one of its own. */
static void eight_tasks(void)
{
    task_write("w1", "weak", 1000000, 1000000);
    task_write("w2", "weak", 1000000, 500000);
    task_write("w3", "weak", 3000000, 499999);
    task_write("w4", "weak", 7000000, NO_OUTCOME);
    turn_write(&(struct said){"m1", "weak", "eu", 1000000, 3, TURN_DONE});
    turn_write(&(struct said){"m1", "weak", "eu", 0, 2, TURN_FAILED});
    turn_write(&(struct said){"m1", "m", "eu, beta,eu", 9000000, 1, TURN_DONE});
    turn_write(&(struct said){"m1", "weak", "eu", 500000, 0, TURN_PARTIAL});
    outcome_write("m1", 1000000);
    task_write("m2", "m", 8000000, 900000);
    turn_write(&(struct said){"old", "m", NULL, 1, 40, TURN_DONE});
}

static void a_success_bears_what_failed_before_it(void **state UNUSED)
{
    eight_tasks();
    assert_int_equal(report("--since", "30d", NULL), EXIT_DONE);
    out_has(
        "Tasks that began from 2026-10-26 to 2026-11-24, days in UTC\n\nmodel  tasks  outcomes");
    out_has("\nm          2         2        0.0%          2  100.0% (34.2 to 100.0)  0.00925 (");
    out_has("\nweak       4         3       25.0%          2  66.7% (20.8 to 93.9)    0.00250 (");
    out_has("\nall        6         5       16.7%          4  80.0% (37.6 to 96.4)    0.00588 (");
    out_has("      5       2    0.0185          0.000\n"); /* of m: turns, failed ones, dollars */
    out_has("      4       0    0.0120          0.007\n");
    out_has("A success is a score of 0.5 or more.");
    out_has("1 of 6 tasks has no outcome");
    out_has_not("not known");
    out_has_not("+?");
}

static void numbers_are_exact_for_programs(void **state UNUSED)
{
    eight_tasks();
    assert_int_equal(report("--by", "model", "--json", NULL), EXIT_DONE);
    out_has("{\"from\":\"2026-10-26\",\"to\":\"2026-11-24\",\"by\":[\"model\"],\"success\":0.5,"
            "\"rows\":[\n{\"model\":\"m\",\"tasks\":2,\"outcomes\":2,\"no_outcome_share\":0,"
            "\"successes\":2,\"success_share\":1,\"success_share_low\":0.34238,"
            "\"success_share_high\":1,\"cost_per_success_usd\":0.00925,");
    out_has("\"priced_cost_per_success_usd\":0.00925,\"turns\":5,\"failed_turns\":2,"
            "\"cost_usd\":0.0185,\"priced_cost_usd\":0.0185,\"unknown_cost_tasks\":0,"
            "\"no_outcome_cost_usd\":0},");
    out_has("\"total\":{\"model\":null,\"tasks\":6,\"outcomes\":5,\"no_outcome_share\":0.166667,"
            "\"successes\":4,");
    out_has("\"cost_per_success_usd\":0.005875,\"cost_per_success_low_usd\":");
    assert_int_equal(report("--by", "model,tenant", "--csv", NULL), EXIT_DONE);
    out_has("model,tenant,tasks,outcomes,no_outcome_share,successes,success_share,");
    out_has("\nweak,shop,4,3,0.25,2,0.666667,");
    out_has(",0.0025,4,0,0.012,0.012,0,0.007\n");
    out_has_not("\n,"); /* no total */
}

static void the_bar_of_a_success_is_said(void **state UNUSED)
{
    eight_tasks();
    static const struct {
        const char *bar, *successes;
    } bars[] = {{"0.9", "\"successes\":3,"},      {"100%", "\"successes\":2,"},
                {"1", "\"successes\":2,"},        {"0.000001", "\"successes\":5,"},
                {"0.499999", "\"successes\":5,"}, {"0.900001", "\"successes\":2,"}};
    for (unsigned i = 0; i < ARRAY_LEN(bars); i++) {
        assert_int_equal(report("--json", "--success", bars[i].bar, NULL), EXIT_DONE);
        const char *total = strstr(out, "\"total\"");
        assert_non_null(total);
        assert_non_null(strstr(total, bars[i].successes));
    }
    assert_int_equal(report("--success", "0.9", NULL), EXIT_DONE);
    out_has("A success is a score of 0.9 or more.");
}

/* A task is of the day on which it began, with all that came later. */
static void days_are_those_of_the_beginning(void **state UNUSED)
{
    eight_tasks();
    assert_int_equal(report("--by", "day,model", "--json", NULL), EXIT_DONE);
    const char *first = strstr(out, "{\"day\":\"2026-11-21\",\"model\":\"m\",\"tasks\":1,");
    const char *later = strstr(out, "{\"day\":\"2026-11-24\",\"model\":\"m\",\"tasks\":1,");
    assert_true(first && later && first < later);
    assert_int_equal(report("--since", "2026-11-21", "--until", "2026-11-21", "--json", NULL),
                     EXIT_DONE);
    out_has("\"tasks\":1,\"outcomes\":1,");
    out_has("\"cost_usd\":0.0105,");
    assert_int_equal(report("--since", "2026-11-22", "--json", NULL), EXIT_DONE);
    out_has("\"total\":{\"model\":null,\"tasks\":5,");
    assert_int_equal(report("--since", "2026-10-01", "--json", NULL), EXIT_DONE);
    out_has("\"total\":{\"model\":null,\"tasks\":7,");
}

static void a_task_stands_under_each_of_its_tags(void **state UNUSED)
{
    turn_write(&(struct said){"1", "m", "eu, beta,eu", 5000000, 0, TURN_DONE});
    outcome_write("1", 1000000);
    task_write("2", "m", 1000000, 1000000);
    assert_int_equal(report("--by", "tag", NULL), EXIT_DONE);
    out_has("\neu        1         1 ");
    out_has("\nbeta      1         1 ");
    out_has("\n-         1         1 ");
    out_has("\nall       2         2 ");
    out_has("0.00300 (");
    out_has("A task with several tags stands under each");
}

/* Money is known or it is null, and a part of it does not look like the whole. */
static void an_unknown_cost_is_told_apart(void **state UNUSED)
{
    task_write("1", "m", 5000000, 1000000);
    task_write("2", "m", COST_UNKNOWN, 1000000);
    task_write("3", "m", 3000000, 0);
    task_write("4", "dark", COST_UNKNOWN, 1000000);
    task_write("5", "dark", COST_UNKNOWN, NO_OUTCOME);
    assert_int_equal(report("--json", NULL), EXIT_DONE);
    out_has("{\"model\":\"m\",\"tasks\":3,\"outcomes\":3,\"no_outcome_share\":0,\"successes\":2,");
    out_has("\"cost_per_success_usd\":null,\"cost_per_success_low_usd\":null,"
            "\"cost_per_success_high_usd\":null,\"priced_cost_per_success_usd\":0.008,\"turns\":3,"
            "\"failed_turns\":0,\"cost_usd\":null,\"priced_cost_usd\":0.008,"
            "\"unknown_cost_tasks\":1,\"no_outcome_cost_usd\":0}");
    out_has("\"priced_cost_per_success_usd\":null,\"turns\":2,\"failed_turns\":0,\"cost_usd\":null,"
            "\"priced_cost_usd\":0,\"unknown_cost_tasks\":2,\"no_outcome_cost_usd\":null}");
    assert_int_equal(report("--csv", NULL), EXIT_DONE);
    assert_int_equal(report("--by", "model", NULL), EXIT_DONE);
    out_has("0.00800 (");
    out_has(" +?");
    out_has("unknown");
    out_has("unknown                          2   unknown        2        unknown\n"); /* dark */
    out_has("The cost of 3 tasks is not known");
}

static void without_a_success_nothing_has_a_price(void **state UNUSED)
{
    for (unsigned i = 0; i < 3; i++)
        task_write((const char *const[]){"1", "2", "3"}[i], "m", 4000000, 0);
    assert_int_equal(report(NULL), EXIT_DONE);
    out_has("0.0% (0.0 to 56.1)");
    out_has("more than 0.00");
    assert_int_equal(report("--json", NULL), EXIT_DONE);
    out_has("\"successes\":0,\"success_share\":0,");
    out_has("\"cost_per_success_usd\":null,\"cost_per_success_low_usd\":0.00");
    out_has("\"cost_per_success_high_usd\":null,");
}

/* Neither is one outcome a trend, nor none at all a failure. */
static void few_say_little(void **state UNUSED)
{
    task_write("1", "one", 4000000, 1000000);
    task_write("2", "none", 2000000, NO_OUTCOME);
    assert_int_equal(report(NULL), EXIT_DONE);
    out_has("\none        1         1        0.0%          1  100.0% (20.7 to 100.0)  0.00400");
    out_has("\nnone       1         0      100.0%          0  -                       -  ");
    assert_int_equal(report("--json", NULL), EXIT_DONE);
    out_has(
        "\"outcomes\":0,\"no_outcome_share\":1,\"successes\":0,\"success_share\":null,"
        "\"success_share_low\":null,\"success_share_high\":null,\"cost_per_success_usd\":null,");
}

static void nothing_yet_is_said_kindly(void **state UNUSED)
{
    assert_int_equal(report(NULL), EXIT_DONE);
    out_has("No tasks from 2026-10-26 to 2026-11-24 in sqlite:");
    out_has("x-sluice-task");
    assert_int_equal(report("--json", NULL), EXIT_DONE);
    out_has("\"rows\":[],\n\"total\":{\"model\":null,\"tasks\":0,");
    assert_int_equal(report("--csv", NULL), EXIT_DONE);
    assert_null(strstr(strchr(out, '\n') + 1, "\n"));
}

static void wrong_words_are_named(void **state UNUSED)
{
    static const char *const no_scores[] = {"0", "0%", "1.1", "-1", "", "good", "101%", "nan"};
    for (unsigned i = 0; i < ARRAY_LEN(no_scores); i++)
        complains(report("--success", no_scores[i], NULL), "is no score");
    complains(report("--turns", "5", NULL), "--tasks goes with --by, --since and --until");
    complains(report("--turn", "01XX", NULL), "--tasks goes with");
    complains(report("--reconcile", "-", NULL), "--tasks goes with");
    complains(report("--by", "modle", NULL), "did you mean 'model'?");
    complains(report("--csv", "--json", NULL), "not both");
    complains(command_says(&command_report, "--db", world_url, "--success", "0.5", NULL),
              "--success goes with --tasks");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_success_bears_what_failed_before_it),
        CASE(numbers_are_exact_for_programs),
        CASE(the_bar_of_a_success_is_said),
        CASE(days_are_those_of_the_beginning),
        CASE(a_task_stands_under_each_of_its_tags),
        CASE(an_unknown_cost_is_told_apart),
        CASE(without_a_success_nothing_has_a_price),
        CASE(few_say_little),
        CASE(nothing_yet_is_said_kindly),
        CASE(wrong_words_are_named),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
