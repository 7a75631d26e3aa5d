/* test_outcomes.c: which tasks are known, and what became of them: in memory, in the table, after a
 * restart, and while others ask. */
#include "turn/outcomes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "ledger_world.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "test/store/faulty.h"
#include "turn/ledger/record.h"

struct test {
    struct ledger *ledger;
    struct outcomes *outcomes;
};

static void open_both(struct test *t, size_t bytes_max)
{
    const struct ledger_settings ledger = {.where = str_from(world_url)};
    faulty_reset();
    assert_int_equal(ledger_open_with(&ledger, faulty_open, &t->ledger, NULL), 0);
    const struct outcomes_settings settings = {
        .where = str_from(world_url), .ledger = t->ledger, .bytes_max = bytes_max};
    assert_int_equal(outcomes_new(&settings, &t->outcomes), 0);
}

static void close_both(struct test *t)
{
    outcomes_free(t->outcomes);
    ledger_close(t->ledger);
}

/* A turn that has ended, as the API and the turn tell of it. */
static void turn_ends(struct test *t, const char *tenant, const char *task)
{
    struct ledger_call c = world_call();
    struct ledger_turn turn = world_turn(&c);
    turn.tenant = str_from(tenant);
    turn.task = str_from(task);
    outcomes_learn(t->outcomes, turn.tenant, turn.task);
    ledger_turn_ended(t->ledger, &turn);
}

static int tell(struct test *t, const char *tenant, const char *task, int64_t score,
                bool *ret_repeated)
{
    struct fault f = {0};
    const struct ledger_outcome o = {.tenant = str_from(tenant),
                                     .task = str_from(task),
                                     .score = score,
                                     .made_wall_us = NOON_US};
    return outcomes_tell(t->outcomes, &o, ret_repeated, &f);
}

static void is_taken(struct test *t, const char *tenant, const char *task, int64_t score)
{
    bool repeated = true;
    assert_int_equal(tell(t, tenant, task, score, &repeated), 0);
    assert_false(repeated);
}

static void is_repeated(struct test *t, const char *tenant, const char *task, int64_t score)
{
    bool repeated = false;
    assert_int_equal(tell(t, tenant, task, score, &repeated), 0);
    assert_true(repeated);
}

static void is_refused(struct test *t, const char *tenant, const char *task, int64_t score, int why)
{
    bool repeated = true;
    assert_int_equal(tell(t, tenant, task, score, &repeated), why);
    assert_false(repeated);
}

/* ---- the tests, each as a task of the loop ---- */

static void once_and_again(void *arg)
{
    struct test *t = arg;
    open_both(t, OUTCOMES_BYTES_MAX);
    turn_ends(t, "shop", "17");
    is_taken(t, "shop", "17", 800000);
    is_repeated(t, "shop", "17", 800000);
    is_refused(t, "shop", "17", 800001, E_OTHER_OUTCOME);
    is_refused(t, "shop", "17", 0, E_OTHER_OUTCOME);
    assert_int_equal(ledger_sync(t->ledger), 0);
    assert_int_equal(world_ask("SELECT score FROM tasks"), 800000);
    close_both(t);
}

static void a_task_is_its_tenants(void *arg)
{
    struct test *t = arg;
    open_both(t, OUTCOMES_BYTES_MAX);
    turn_ends(t, "shop", "17");
    turn_ends(t, "", "18");
    for (int written = 0; written < 2; written++) {
        is_refused(t, "other", "17", 1, E_UNKNOWN_TASK);
        is_refused(t, "", "17", 1, E_UNKNOWN_TASK);
        is_refused(t, "shop", "18", 1, E_UNKNOWN_TASK);
        is_refused(t, "sho", "p17", 1, E_UNKNOWN_TASK); /* the two do not run together */
        is_refused(t, "shop1", "7", 1, E_UNKNOWN_TASK);
        is_refused(t, "shop", "", 1, E_UNKNOWN_TASK);
        assert_int_equal(ledger_sync(t->ledger), 0);
    }
    is_taken(t, "", "18", 0);
    turn_ends(t, "other", "17");
    is_taken(t, "other", "17", 2);
    is_taken(t, "shop", "17", 3);
    close_both(t);
}

static void a_restart_keeps_it(void *arg)
{
    struct test *t = arg;
    open_both(t, OUTCOMES_BYTES_MAX);
    turn_ends(t, "shop", "17");
    turn_ends(t, "shop", "18");
    is_taken(t, "shop", "17", 5);
    close_both(t);
    open_both(t, OUTCOMES_BYTES_MAX);
    turn_ends(t, "shop", "17"); /* new to this process */
    is_refused(t, "shop", "17", 6, E_OTHER_OUTCOME);
    is_repeated(t, "shop", "17", 5);
    is_taken(t, "shop", "18", 7);
    is_refused(t, "shop", "19", 7, E_UNKNOWN_TASK);
    assert_int_equal(outcomes_stats(t->outcomes).look_ups, 3); /* each was looked up once */
    close_both(t);
}

static void memory_has_a_ceiling(void *arg)
{
    struct test *t = arg;
    char task[32];
    open_both(t, 20000);
    for (int i = 0; i < 2000; i++) {
        snprintf(task, sizeof(task), "task-%d", i);
        turn_ends(t, "shop", task);
        assert_true(outcomes_stats(t->outcomes).bytes <= 20000);
    }
    assert_true(outcomes_stats(t->outcomes).known > 50);
    assert_int_equal(ledger_sync(t->ledger), 0);
    is_taken(t, "shop", "task-0", 1);
    is_taken(t, "shop", "task-1999", 1);
    assert_int_equal(ledger_sync(t->ledger), 0);
    for (int i = 500; i < 1500; i++) {
        snprintf(task, sizeof(task), "task-%d", i);
        outcomes_learn(t->outcomes, STR("shop"), str_from(task));
    }
    is_refused(t, "shop", "task-0", 2, E_OTHER_OUTCOME); /* forgotten here, and looked up */
    close_both(t);
}

static void without_a_ledger(void *arg)
{
    struct test *t = arg;
    const struct outcomes_settings settings = {.bytes_max = OUTCOMES_BYTES_MAX};
    assert_int_equal(outcomes_new(&settings, &t->outcomes), 0);
    outcomes_learn(t->outcomes, STR("shop"), STR("17"));
    is_taken(t, "shop", "17", 1);
    is_refused(t, "shop", "17", 2, E_OTHER_OUTCOME);
    is_refused(t, "shop", "18", 1, E_UNKNOWN_TASK);
    outcomes_free(t->outcomes);
    t->outcomes = NULL;
    outcomes_learn(NULL, STR("shop"), STR("17"));
    is_refused(t, "shop", "17", 1, E_UNKNOWN_TASK);
}

static void a_ledger_that_cannot_be_read(void *arg)
{
    struct test *t = arg;
    const struct outcomes_settings settings = {.where = STR("sqlite:/nowhere/at-all.db"),
                                               .bytes_max = OUTCOMES_BYTES_MAX};
    assert_int_equal(outcomes_new(&settings, &t->outcomes), 0);
    outcomes_learn(t->outcomes, STR("shop"), STR("17"));
    is_refused(t, "shop", "17", 1, E_STORE);
    outcomes_free(t->outcomes);
}

/* Names that are too long to be kept together are nobody's, and do no harm. */
static void long_names(void *arg)
{
    static char longest[3000];
    struct test *t = arg;
    memset(longest, 'x', sizeof(longest) - 1);
    open_both(t, OUTCOMES_BYTES_MAX);
    outcomes_learn(t->outcomes, STR("shop"), str_from(longest));
    is_refused(t, "shop", longest, 1, E_UNKNOWN_TASK);
    assert_int_equal(outcomes_stats(t->outcomes).known, 0);
    close_both(t);
}

/* The ledger writes '?' for what is no text: the same name is the same task in memory and there. */
static void names_are_as_the_ledger_has_them(void *arg)
{
    static const char *const names[] = {"a\tb", "caf\xe9", "x\xc2\x85y"};
    struct test *t = arg;
    open_both(t, OUTCOMES_BYTES_MAX);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        turn_ends(t, "shop", names[i]);
        is_taken(t, "shop", names[i], 5);
    }
    is_repeated(t, "shop", "a?b", 5);
    is_repeated(t, "shop", "caf?", 5);
    close_both(t);
    open_both(t, OUTCOMES_BYTES_MAX);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        is_repeated(t, "shop", names[i], 5);
        is_refused(t, "shop", names[i], 6, E_OTHER_OUTCOME);
    }
    assert_int_equal(world_ask("SELECT count(*) FROM tasks"), 3);
    close_both(t);
}

/* A turn of no task, as large as they get, until the ledger lets no more in. */
static void ledger_fill(struct test *t)
{
    static char levers[LEDGER_LEVERS_BYTES_MAX];
    memset(levers, '1', sizeof(levers));
    struct ledger_call c = world_call();
    while (ledger_stats(t->ledger).waiting_bytes < LEDGER_BYTES_MAX) {
        struct ledger_turn turn = world_turn(&c);
        turn.levers = str_of(levers, sizeof(levers));
        ledger_turn_ended(t->ledger, &turn);
    }
}

/* What is taken is kept, so where nothing can be, nothing is taken. */
static void a_disk_that_is_full(void *arg)
{
    struct test *t = arg;
    open_both(t, OUTCOMES_BYTES_MAX);
    turn_ends(t, "shop", "17");
    assert_int_equal(ledger_sync(t->ledger), 0);
    loop_jump_time(true);
    faulty_gate(true);
    ledger_fill(t);
    uint64_t full = ledger_stats(t->ledger).waiting_bytes;
    is_refused(t, "shop", "17", 1, E_LEDGER_FULL);
    assert_int_equal(ledger_stats(t->ledger).waiting_bytes, full);
    faulty_gate(false);
    assert_int_equal(ledger_sync(t->ledger), 0);
    loop_jump_time(false);
    is_taken(t, "shop", "17", 2);
    close_both(t);
}

/* ---- many at once ---- */

struct one {
    struct test *test;
    const char *task;
    int64_t score;
    int err;
    bool repeated;
};

static void one_tells(void *arg)
{
    struct one *o = arg;
    o->err = tell(o->test, "shop", o->task, o->score, &o->repeated);
}

/* They all find that the table has no outcome yet; one is the first nevertheless. */
static void many_tell_at_once(void *arg)
{
    enum { MANY = 50 };
    struct test *t = arg;
    struct one one[MANY];
    struct group group;
    unsigned taken = 0, repeated = 0, refused = 0;
    open_both(t, OUTCOMES_BYTES_MAX);
    turn_ends(t, "shop", "17");
    assert_int_equal(ledger_sync(t->ledger), 0);
    group_init(&group);
    for (unsigned i = 0; i < MANY; i++) {
        one[i] = (struct one){.test = t, .task = "17", .score = i % 2};
        assert_int_equal(group_spawn(&group, "one", one_tells, &one[i]), 0);
    }
    group_join(&group);
    for (unsigned i = 0; i < MANY; i++) {
        taken += one[i].err == 0 && !one[i].repeated;
        repeated += one[i].err == 0 && one[i].repeated;
        refused += one[i].err == E_OTHER_OUTCOME;
    }
    assert_int_equal(taken, 1);
    assert_int_equal(repeated, MANY / 2 - 1);
    assert_int_equal(refused, MANY / 2);
    close_both(t);
}

/* Who gives up while others look things up leaves them in peace. */
static void who_waits_may_leave(void *arg)
{
    enum { MANY = 4 * OUTCOMES_LOOK_UPS_MAX };
    struct test *t = arg;
    struct one one[MANY];
    struct group group, others;
    char name[MANY][16];
    open_both(t, OUTCOMES_BYTES_MAX);
    group_init(&group);
    group_init(&others);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof(name[i]), "task-%u", i);
        turn_ends(t, "shop", name[i]);
        one[i] = (struct one){.test = t, .task = name[i], .score = 1};
    }
    assert_int_equal(ledger_sync(t->ledger), 0);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(group_spawn(i % 2 ? &others : &group, "one", one_tells, &one[i]), 0);
    assert_int_equal(task_sleep(0), 0); /* they begin */
    group_cancel(&others, E_CLIENT_GONE);
    group_join(&others);
    group_join(&group);
    for (unsigned i = 0; i < MANY; i++)
        if (i % 2 == 0)
            assert_int_equal(one[i].err, 0);
        else
            assert_true(one[i].err == E_CLIENT_GONE || one[i].err == 0);
    close_both(t);
}

/* A disk that hangs keeps as many threads as may look things up, however many ask and leave, and
 * nobody waits for it for ever. The ledger is a pipe: who opens it waits for whoever writes there.
 */
static void threads_are_left(void *arg)
{
    enum { MANY = 2 * OUTCOMES_LOOK_UPS_MAX, ROUNDS = 3 };
    struct test *t = arg;
    unsigned left = 0;
    char url[160], *path = url + strlen("sqlite:");
    snprintf(url, sizeof(url), "sqlite:%s/pipe.db", world_folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    const struct outcomes_settings settings = {.where = str_from(url),
                                               .bytes_max = OUTCOMES_BYTES_MAX};
    assert_int_equal(outcomes_new(&settings, &t->outcomes), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct one one[MANY];
        struct group group;
        group_init(&group);
        for (unsigned i = 0; i < MANY; i++) {
            one[i] = (struct one){.test = t, .task = "17", .score = 1};
            assert_int_equal(group_spawn(&group, "one", one_tells, &one[i]), 0);
        }
        assert_int_equal(task_sleep(0), 0); /* they begin */
        if (round == 0)                     /* nobody leaves, but none waits for ever */
            clock_advance_us(OUTCOMES_LOOK_UP_MS * INT64_C(1000));
        else
            group_cancel(&group, E_CLIENT_GONE);
        group_join(&group);
        for (unsigned i = 0; i < MANY; i++)
            left += one[i].err == (round ? E_CLIENT_GONE : E_STORE);
    }
    uint64_t look_ups = outcomes_stats(t->outcomes).look_ups;
    outcomes_free(t->outcomes); /* while they still look */
    int writes = open(path, O_RDWR | O_CLOEXEC);
    assert_true(writes >= 0); /* stays open: what opens the pipe later does not hang */
    assert_int_equal(left, ROUNDS * MANY);
    assert_int_equal(look_ups, OUTCOMES_LOOK_UPS_MAX);
}

static void run(void (*fn)(void *arg))
{
    struct test t = {0};
    world_fresh();
    clock_fake(1, NOON_US);
    assert_int_equal(loop_init(), 0);
    assert_int_equal(task_spawn("test", fn, &t, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_fini();
    clock_real();
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state UNUSED)                                                   \
    {                                                                                              \
        run(name);                                                                                 \
    }
TEST(once_and_again)
TEST(a_task_is_its_tenants)
TEST(a_restart_keeps_it)
TEST(memory_has_a_ceiling)
TEST(without_a_ledger)
TEST(a_ledger_that_cannot_be_read)
TEST(long_names)
TEST(names_are_as_the_ledger_has_them)
TEST(a_disk_that_is_full)
TEST(many_tell_at_once)
TEST(who_waits_may_leave)
TEST(threads_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_and_again),
        cmocka_unit_test(test_a_task_is_its_tenants),
        cmocka_unit_test(test_a_restart_keeps_it),
        cmocka_unit_test(test_memory_has_a_ceiling),
        cmocka_unit_test(test_without_a_ledger),
        cmocka_unit_test(test_a_ledger_that_cannot_be_read),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_names_are_as_the_ledger_has_them),
        cmocka_unit_test(test_a_disk_that_is_full),
        cmocka_unit_test(test_many_tell_at_once),
        cmocka_unit_test(test_who_waits_may_leave),
        cmocka_unit_test(test_threads_are_left),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
