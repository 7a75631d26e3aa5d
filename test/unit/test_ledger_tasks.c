/* test_ledger_tasks.c: a row a task: what its turns cost, once; its outcome, once; how long. */
#include <stdlib.h>

#include "ledger_world.h"
#include "test/store/faulty.h"
#include "turn/ledger/read.h"

#define COST INT64_C(1234567) /* of world_call */

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

static struct ledger_turn turn_of(const struct ledger_call *c, const char *task)
{
    struct ledger_turn t = world_turn(c);
    t.task = str_from(task);
    return t;
}

static int outcome_write(const char *tenant, const char *task, int64_t score, const char *comment)
{
    const struct ledger_outcome o = {.tenant = str_from(tenant),
                                     .task = str_from(task),
                                     .key = STR("app"),
                                     .comment = comment ? str_from(comment) : STR_NONE,
                                     .score = score,
                                     .made_wall_us = NOON_US + 7};
    struct ledger_slab *slab = ledger_slab_new(LEDGER_OUTCOME_BYTES_MAX);
    assert_non_null(slab);
    ledger_slab_put_outcome(slab, &o);
    int err = ledger_tables_write(tables, slab, NULL);
    ledger_slab_free(slab);
    return err;
}

/* As a ledger is that no sluice with tasks has opened yet. */
static void without_tasks(void)
{
    assert_int_equal(rows_exec(tables->store,
                               "DROP TABLE tasks; DELETE FROM meta WHERE name = 'has_tasks'", NULL),
                     0);
}

#define TASK                                                                                       \
    "SELECT turns || ' ' || failed || ' ' || unknown || ' ' || cost_usd_nanos || ' ' || "          \
    "coalesce(model, '-') || ' ' || coalesce(score, '-') FROM tasks WHERE tenant = 'shop' AND "    \
    "task = '17'"

/* ---- turns ---- */

static void turns_add_up(void **state UNUSED)
{
    struct ledger_call weak = world_call(), strong = world_call();
    weak.model = STR("weak");
    struct ledger_turn t[5] = {turn_of(&weak, "17"), turn_of(&strong, "17"), turn_of(&weak, "17"),
                               turn_of(&weak, "18"), world_turn(&weak)};
    t[0].began_wall_us = NOON_US - 5000000;
    t[2].state = TURN_FAILED; /* the last, and it does not move the task */
    t[2].began_wall_us = NOON_US + 5000000;
    assert_int_equal(world_write(tables, t, 5), 0);
    assert_string_equal(world_ask_text(TASK), "3 1 0 3703701 gpt-5-mini -");
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"), 2);
    assert_int_equal(world_ask("SELECT began_us FROM tasks WHERE task = '17'"), NOON_US - 5000000);
    assert_int_equal(world_ask("SELECT last_us FROM tasks WHERE task = '17'"), NOON_US + 5800500);
    t[2].cost_usd_nanos = COST_UNKNOWN;
    id_new(&t[2].id);
    assert_int_equal(world_write(tables, t + 2, 1), 0);
    assert_string_equal(world_ask_text(TASK), "4 2 1 3703701 gpt-5-mini -");
}

/* Where none was answered, a task stands at its last turn. */
static void a_task_stands_somewhere(void **state UNUSED)
{
    struct ledger_call first = world_call(), second = world_call();
    second.model = STR("other");
    struct ledger_turn t[3] = {turn_of(&first, "17"), turn_of(&second, "17"),
                               turn_of(&first, "17")};
    t[0].state = t[1].state = TURN_PARTIAL;
    assert_int_equal(world_write(tables, t, 2), 0);
    assert_string_equal(world_ask_text(TASK), "2 2 0 2469134 other -");
    t[2].lane = STR("mid");
    t[2].key = STR("k");
    t[2].api = STR("anthropic");
    t[2].tags = STR("a,b");
    assert_int_equal(world_write(tables, t + 2, 1), 0);
    assert_string_equal(
        world_ask_text("SELECT key || ' ' || provider || ' ' || model || ' ' || lane "
                       "|| ' ' || tags || ' ' || api FROM tasks"),
        "k openai gpt-5-mini mid a,b anthropic");
}

/* A look at the answer by a path that has no model does not move it. */
static void a_models_answer_goes_before_others(void **state UNUSED)
{
    struct ledger_call c = world_call(), other = world_call();
    other.model = STR_NONE;
    struct ledger_turn t[3] = {turn_of(&other, "17"), turn_of(&c, "17"), turn_of(&other, "17")};
    assert_int_equal(world_write(tables, t, 1), 0);
    assert_string_equal(world_ask_text(TASK), "1 0 0 1234567 - -");
    assert_int_equal(world_write(tables, t + 1, 2), 0);
    assert_string_equal(world_ask_text(TASK), "3 0 0 3703701 gpt-5-mini -");
    without_tasks();
    ledger_tables_close(world_tables(rows_open, NULL)); /* and so it is where turns are added up */
    assert_string_equal(world_ask_text(TASK), "3 0 0 3703701 gpt-5-mini -");
}

static void a_turn_counts_once(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[4] = {turn_of(&c, "17"), turn_of(&c, "17"), turn_of(&c, "17"),
                               world_running(&c)};
    t[3].task = STR("17");
    t[3].id = t[2].id;
    assert_int_equal(world_write(tables, t + 3, 1), 0); /* it runs */
    assert_string_equal(world_ask_text(TASK), "0 0 0 0 gpt-5-mini -");
    assert_int_equal(world_write(tables, t, 2), 0);
    assert_int_equal(world_write(tables, t, 3), 0);
    assert_int_equal(world_write(tables, t, 4), 0);
    assert_string_equal(world_ask_text(TASK), "3 0 0 3703701 gpt-5-mini -");
}

static void tenants_have_their_own(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[3] = {turn_of(&c, "17"), turn_of(&c, "17"), turn_of(&c, "17")};
    t[1].tenant = STR("other");
    t[2].tenant = STR_NONE; /* nobody's is one, too */
    assert_int_equal(world_write(tables, t, 3), 0);
    assert_int_equal(outcome_write("other", "17", 5, NULL), 0);
    assert_int_equal(outcome_write("", "17", 6, NULL), 0);
    assert_string_equal(world_ask_text(TASK), "1 0 0 1234567 gpt-5-mini -");
    assert_int_equal(world_ask("SELECT score FROM tasks WHERE tenant = 'other'"), 5);
    assert_int_equal(world_ask("SELECT score FROM tasks WHERE tenant = ''"), 6);
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"), 3);
}

static void a_lost_turn_makes_it_unknown_until_it_is_found(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[2] = {world_running(&c), turn_of(&c, "17")};
    t[0].task = STR("17");
    t[1].id = t[0].id;
    struct ledger_tables *dies = world_tables(rows_open, NULL);
    assert_int_equal(world_write(dies, t, 1), 0);
    ledger_tables_close(dies);
    ledger_tables_close(world_tables(rows_open, NULL)); /* finds it lost */
    assert_string_equal(world_ask_text(TASK), "1 1 1 0 gpt-5-mini -");
    ledger_tables_close(world_tables(rows_open, NULL));
    assert_string_equal(world_ask_text(TASK), "1 1 1 0 gpt-5-mini -");
    assert_int_equal(world_write(tables, t + 1, 1), 0); /* it was alive after all */
    assert_string_equal(world_ask_text(TASK), "1 0 0 1234567 gpt-5-mini -");
}

/* ---- outcomes ---- */

static void the_first_outcome_stays(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t = turn_of(&c, "17");
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_int_equal(outcome_write("shop", "17", 800000, "good"), 0);
    assert_int_equal(outcome_write("shop", "17", 0, "bad"), 0);
    assert_string_equal(world_ask_text(TASK), "1 0 0 1234567 gpt-5-mini 800000");
    assert_string_equal(world_ask_text("SELECT outcome_key || ' ' || outcome_us || ' ' || comment"
                                       " FROM tasks"),
                        "app 1795521600000007 good");
    id_new(&t.id);
    assert_int_equal(world_write(tables, &t, 1), 0); /* goes on behind it */
    assert_string_equal(world_ask_text(TASK), "2 0 0 2469134 gpt-5-mini 800000");
}

static void an_outcome_may_come_first(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t = turn_of(&c, "17");
    assert_int_equal(outcome_write("shop", "17", 0, "\x1b[2J a\nb"), 0);
    assert_string_equal(world_ask_text(TASK), "0 0 0 0 - 0");
    assert_string_equal(world_ask_text("SELECT comment FROM tasks"), "?[2J a?b");
    t.began_wall_us = NOON_US - 1;
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_string_equal(world_ask_text(TASK), "1 0 0 1234567 gpt-5-mini 0");
    assert_int_equal(world_ask("SELECT began_us FROM tasks"), NOON_US - 1);
}

/* Until no call is left to fail: all of a batch, or nothing. */
static void any_call_may_fail(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[2] = {turn_of(&c, "17"), turn_of(&c, "17")};
    unsigned k = 1;
    for (bool fired = true; fired; k++) {
        ledger_tables_close(tables);
        fresh(NULL);
        faulty_fail(k, 1);
        int err = world_write(tables, t, 2);
        fired = faulty.failed > 0;
        faulty_reset();
        assert_int_equal(err, fired ? E_STORE : 0);
        assert_int_equal(world_ask("SELECT count(*) FROM tasks"), fired ? 0 : 1);
        if (err)
            assert_int_equal(world_write(tables, t, 2), 0);
        assert_string_equal(world_ask_text(TASK), "2 0 0 2469134 gpt-5-mini -");
    }
    assert_true(k > 6);
}

/* ---- how long ---- */

static unsigned trim_all(void)
{
    unsigned steps = 0;
    for (bool more = true; more; steps++)
        assert_int_equal(ledger_tables_trim(tables, 2, 0, &more, NULL), 0);
    return steps;
}

/* Of a task with a turn that is left, nothing is lost, however long ago it began. */
static void a_task_goes_with_its_last_turn(void **state UNUSED)
{
    enum { DAYS = 6 };
    struct ledger_call c = world_call();
    struct ledger_turn t[DAYS * 2];
    char name[DAYS][8];
    for (unsigned i = 0; i < DAYS; i++) {
        clock_fake(1, NOON_US - (int64_t)(DAYS - i) * 86400000000);
        snprintf(name[i], sizeof(name[i]), "day-%u", i);
        t[2 * i] = turn_of(&c, name[i]);
        t[2 * i + 1] = turn_of(&c, "17"); /* each day again */
        t[2 * i].began_wall_us = t[2 * i + 1].began_wall_us = clock_wall_us();
    }
    assert_int_equal(world_write(tables, t, DAYS * 2), 0);
    assert_int_equal(outcome_write("shop", "17", 1, NULL), 0);
    clock_fake(1, NOON_US + 1000000);
    assert_true(trim_all() > 1);
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 2);
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"), 2);
    assert_string_equal(world_ask_text(TASK), "6 0 0 7407402 gpt-5-mini 1");
    clock_fake(1, NOON_US + INT64_C(9) * 86400000000);
    trim_all();
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"), 0);
}

/* ---- ledgers of before ---- */

static void tasks_are_as_the_turns(void)
{
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"),
                     world_ask("SELECT count(*) FROM (SELECT DISTINCT coalesce(tenant, ''), task"
                               " FROM turns WHERE task IS NOT NULL) AS t"));
    assert_int_equal(
        world_ask("SELECT count(*) FROM tasks k WHERE k.turns <> (SELECT count(*) FROM"
                  " turns t WHERE t.task = k.task AND coalesce(t.tenant, '') = k.tenant)"
                  " OR k.cost_usd_nanos <> (SELECT sum(coalesce(t.cost_usd_nanos, 0))"
                  " FROM turns t WHERE t.task = k.task AND coalesce(t.tenant, '') ="
                  " k.tenant)"),
        0);
}

static void a_ledger_of_version_1_gets_them(void **state UNUSED)
{
    rows_close(world_version_1());
    ledger_tables_close(world_tables(rows_open, NULL));
    assert_true(world_ask("SELECT count(*) FROM tasks") > 0);
    tasks_are_as_the_turns();
}

static void what_turns_said_before_is_added_up(void **state UNUSED)
{
    struct ledger_call weak = world_call(), strong = world_call();
    weak.model = STR("weak");
    struct ledger_turn t[6] = {turn_of(&weak, "17"), turn_of(&strong, "17"), turn_of(&weak, "17"),
                               turn_of(&weak, "18"), world_turn(&weak),      world_running(&weak)};
    t[2].state = TURN_FAILED;
    t[2].cost_usd_nanos = COST_UNKNOWN;
    t[5].task = STR("17"); /* this one's process lives */
    assert_int_equal(world_write(tables, t, 6), 0);
    without_tasks();
    ledger_tables_close(world_tables(rows_open, NULL));
    assert_string_equal(world_ask_text(TASK), "3 1 1 2469134 gpt-5-mini -");
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"), 2);
    assert_int_equal(world_ask("SELECT last_us FROM tasks WHERE task = '18'"), NOON_US + 800500);
    ledger_tables_close(world_tables(rows_open, NULL)); /* once */
    assert_string_equal(world_ask_text(TASK), "3 1 1 2469134 gpt-5-mini -");
}

/* ---- reading ---- */

struct seen {
    unsigned n;
    struct ledger_task last;
    char model[32], day[16];
};

static int task_see(void *arg, const struct ledger_task *t)
{
    struct seen *s = arg;
    s->n++;
    s->last = *t;
    snprintf(s->model, sizeof(s->model), "%.*s", STR_ARGS(t->dim[DIM_MODEL]));
    snprintf(s->day, sizeof(s->day), "%.*s", STR_ARGS(t->dim[DIM_DAY]));
    return 0;
}

static struct seen tasks_read(const char *from, const char *to)
{
    struct ledger_reader *r = NULL;
    struct seen seen = {.n = 0};
    assert_int_equal(ledger_reader_open(str_from(world_url), &r, NULL), 0);
    assert_int_equal(ledger_read_tasks(r, str_from(from), str_from(to), task_see, &seen, NULL), 0);
    ledger_reader_close(r);
    return seen;
}

static void they_are_read_by_the_day_of_their_beginning(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t[2] = {turn_of(&c, "17"), turn_of(&c, "17")};
    t[0].began_wall_us = NOON_US - NOON_US % 86400000000; /* midnight */
    t[1].began_wall_us = NOON_US + 86400000000;
    t[1].state = TURN_FAILED;
    assert_int_equal(world_write(tables, t, 2), 0);
    assert_int_equal(tasks_read("2026-11-23", "2026-11-23").n, 0);
    assert_int_equal(tasks_read("2026-11-25", "2026-12-31").n, 0);
    struct seen s = tasks_read("2026-11-24", "2026-11-24");
    assert_int_equal(s.n, 1);
    assert_string_equal(s.day, "2026-11-24");
    assert_string_equal(s.model, "gpt-5-mini");
    assert_int_equal(s.last.turns, 2);
    assert_int_equal(s.last.failed, 1);
    assert_int_equal(s.last.cost_usd_nanos, 2 * COST);
    assert_int_equal(s.last.score, LEDGER_NO_OUTCOME);
    assert_int_equal(outcome_write("shop", "17", 0, NULL), 0);
    assert_int_equal(tasks_read("2026-11-01", "2026-11-30").last.score, 0);
}

/* Money is known or null: an outcome whose turns nobody has written is no task that cost nothing.
 */
static void what_is_not_known_is_no_zero(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t = turn_of(&c, "17");
    assert_int_equal(outcome_write("shop", "17", 1000000, NULL), 0);
    struct seen s = tasks_read("2026-11-24", "2026-11-24");
    assert_true(s.last.cost_usd_nanos == COST_UNKNOWN && s.last.turns == 0);
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_true(tasks_read("2026-11-24", "2026-11-24").last.cost_usd_nanos == COST);
    id_new(&t.id);
    t.cost_usd_nanos = COST_UNKNOWN;
    assert_int_equal(world_write(tables, &t, 1), 0);
    s = tasks_read("2026-11-24", "2026-11-24");
    assert_true(s.last.cost_usd_nanos == COST_UNKNOWN && s.last.known_usd_nanos == COST);
    without_tasks();
    assert_int_equal(tasks_read("2026-11-24", "2026-11-24").n, 0);
}

/* A gateway at work has turns under way: they make no sum unknown. */
static void what_is_under_way_comes_with_its_end(void **state UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn t = world_running(&c);
    t.task = STR("17");
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM tasks WHERE turns = 0"), 1);
    assert_int_equal(tasks_read("2026-11-24", "2026-11-24").n, 0);
    assert_int_equal(outcome_write("shop", "17", 0, NULL), 0);
    assert_true(tasks_read("2026-11-24", "2026-11-24").last.cost_usd_nanos == COST_UNKNOWN);
    t.state = TURN_DONE;
    t.cost_usd_nanos = COST;
    assert_int_equal(world_write(tables, &t, 1), 0);
    assert_true(tasks_read("2026-11-24", "2026-11-24").last.cost_usd_nanos == COST);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, over)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(turns_add_up),
        CASE(a_task_stands_somewhere),
        CASE(a_models_answer_goes_before_others),
        CASE(a_turn_counts_once),
        CASE(tenants_have_their_own),
        CASE(a_lost_turn_makes_it_unknown_until_it_is_found),
        CASE(the_first_outcome_stays),
        CASE(an_outcome_may_come_first),
        CASE(any_call_may_fail),
        CASE(a_task_goes_with_its_last_turn),
        CASE(a_ledger_of_version_1_gets_them),
        CASE(what_turns_said_before_is_added_up),
        CASE(they_are_read_by_the_day_of_their_beginning),
        CASE(what_is_not_known_is_no_zero),
        CASE(what_is_under_way_comes_with_its_end),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
