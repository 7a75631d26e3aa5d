/* test_task.c: switching, waiting, deadlines, cancellation. */
#include "rt/task.h"

#include <stdio.h>
#include <string.h>

#include "rt/internal.h"
#include "rt_test.h"

/* What a test's tasks did, in order: one letter an event. */
static char trace[64];

static void note(char c)
{
    size_t n = strlen(trace);
    assert_true(n + 1 < sizeof(trace));
    trace[n] = c;
    trace[n + 1] = '\0';
}

static int setup(void **state)
{
    trace[0] = '\0';
    return rt_setup(state);
}

/* ---------------------------------------------------------------- life and switching */

static void say_name(void *arg)
{
    *(const char **)arg = task_name(task_self());
}

static void test_a_task_runs_and_ends(void **state)
{
    (void)state;
    const char *name = NULL;
    assert_null(task_self());
    rt_run(say_name, &name);
    assert_string_equal(name, "test");
    assert_null(task_self());
    assert_int_equal(task_stats().running, 0);
    assert_true(task_stats().stacks_free > 0);
}

static void yield_and_note(void *arg)
{
    for (const char *c = arg; *c; c++) {
        note(*c);
        assert_int_equal(task_sleep(0), 0);
    }
}

static void test_tasks_take_turns(void **state)
{
    (void)state;
    rt_spawn("a", yield_and_note, (void *)(uintptr_t) "abc");
    rt_spawn("b", yield_and_note, (void *)(uintptr_t) "123");
    assert_int_equal(loop_run(), 0);
    assert_string_equal(trace, "a1b2c3");
}

/* More values than there are registers, alive across the switches. */
static void compute(void *arg)
{
    unsigned seed = *(unsigned *)arg, v[12];
    double d[4];
    char text[64];
    for (unsigned i = 0; i < 12; i++)
        v[i] = seed + i;
    for (unsigned i = 0; i < 4; i++)
        d[i] = seed * 0.5 + i;
    for (int round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 12; i++)
            v[i] = v[i] * 31 + i;
        for (unsigned i = 0; i < 4; i++)
            d[i] = d[i] * 0.5 + i;
        assert_int_equal(task_sleep(0), 0);
    }
    snprintf(text, sizeof(text), "%.3f", d[0] + d[1] + d[2] + d[3]); /* needs an aligned stack */
    assert_true(strlen(text) > 3);
    unsigned sum = 0;
    for (unsigned i = 0; i < 12; i++)
        sum += v[i];
    *(unsigned *)arg = sum;
}

static void test_registers_survive(void **state)
{
    (void)state;
    unsigned alone = 7, together[5] = {1, 7, 2, 7, 3};
    rt_run(compute, &alone);
    for (int i = 0; i < 5; i++)
        rt_spawn("compute", compute, &together[i]);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(together[1], alone);
    assert_int_equal(together[3], alone);
    assert_int_not_equal(together[0], alone);
}

static void test_a_limit_on_tasks(void **state)
{
    (void)state;
    const char *name;
    task_limit(2);
    rt_spawn("one", say_name, &name);
    rt_spawn("two", say_name, &name);
    assert_int_equal(task_spawn("three", say_name, &name, NULL), E_OVERLOADED);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(task_spawn("three", say_name, &name, NULL), 0);
    assert_int_equal(loop_run(), 0);
    task_limit(SIZE_MAX);
}

/* ---------------------------------------------------------------- time */

struct nap {
    int64_t ms, deadline_ms;
    int err;
    int64_t woke_ms;
};

static void nap(void *arg)
{
    struct nap *n = arg;
    if (n->deadline_ms)
        task_deadline(clock_cached_ms() + n->deadline_ms);
    n->err = task_sleep(n->ms);
    n->woke_ms = rt_now_ms();
}

static void test_sleep_and_deadline(void **state)
{
    (void)state;
    struct nap naps[] = {{.ms = 300},
                         {.ms = 100},
                         {.ms = 200, .deadline_ms = 150},
                         {.ms = 200, .deadline_ms = 250},
                         {.ms = INT64_MAX, .deadline_ms = 400}};
    for (size_t i = 0; i < ARRAY_LEN(naps); i++)
        rt_spawn("nap", nap, &naps[i]);
    assert_int_equal(loop_run(), 0);
    const int64_t woke_ms[] = {300, 100, 150, 200, 400};
    const int err[] = {0, 0, E_TIMEOUT, 0, E_TIMEOUT};
    for (size_t i = 0; i < ARRAY_LEN(naps); i++) {
        assert_int_equal(naps[i].woke_ms, woke_ms[i]);
        assert_int_equal(naps[i].err, err[i]);
    }
}

static void nest_deadlines(void *arg)
{
    (void)arg;
    int64_t start = clock_cached_ms();
    assert_int_equal(task_deadline(start + 100), TASK_NO_DEADLINE);
    /* A later one does not widen it. */
    assert_int_equal(task_deadline(start + 500), start + 100);
    int64_t outer = task_deadline(start + 50);
    assert_int_equal(outer, start + 100);
    assert_int_equal(task_park(NULL), E_TIMEOUT);
    assert_int_equal(rt_now_ms(), 50);
    /* It has passed: the next wait ends at once, as does a call that would not have to wait. */
    assert_int_equal(task_park(NULL), E_TIMEOUT);
    assert_int_equal(task_sleep(0), E_TIMEOUT);
    assert_int_equal(task_turn(), E_TIMEOUT);
    assert_int_equal(rt_now_ms(), 50);
    task_deadline_restore(outer);
    assert_int_equal(task_park(NULL), E_TIMEOUT);
    assert_int_equal(rt_now_ms(), 100);
    task_deadline_restore(TASK_NO_DEADLINE);
    assert_int_equal(task_sleep(1000), 0);
    assert_int_equal(rt_now_ms(), 1100);
}

static void test_deadlines_nest(void **state)
{
    (void)state;
    rt_run(nest_deadlines, NULL);
}

/* A deadline that moves on with every wait costs the heap nothing. */
struct lazy {
    struct task *waiter;
    int rounds;
    bool ended;
};

static void wait_with_moving_deadline(void *arg)
{
    struct lazy *l = arg;
    int64_t in_heap_ms = 0;
    for (int i = 0; i < l->rounds; i++) {
        int64_t outer = task_deadline(clock_cached_ms() + 1000);
        assert_int_equal(task_park(NULL), 0);
        task_deadline_restore(outer);
        const struct timer *timer = &task_self()->timer;
        assert_true(timer_running(timer));
        if (i == 0)
            in_heap_ms = timer->heap_ms;
        assert_int_equal(timer->heap_ms, in_heap_ms);
    }
    /* And yet the last deadline is kept to the millisecond, beyond the time in the heap. */
    int64_t start = clock_cached_ms();
    task_deadline(start + 1000);
    assert_int_equal(task_park(NULL), E_TIMEOUT);
    assert_int_equal(clock_cached_ms() - start, 1000);
    l->ended = true;
}

static void wake_now_and_then(void *arg)
{
    struct lazy *l = arg;
    for (int i = 0; i < l->rounds; i++) {
        assert_int_equal(task_sleep(10), 0);
        task_wake(l->waiter);
    }
}

static void test_a_moving_deadline_is_lazy(void **state)
{
    (void)state;
    struct lazy l = {.rounds = 50};
    assert_int_equal(task_spawn("waiter", wait_with_moving_deadline, &l, &l.waiter), 0);
    rt_run(wake_now_and_then, &l);
    assert_true(l.ended);
}

/* ---------------------------------------------------------------- cancellation */

struct victim {
    struct task *task;
    int first, second;
    int64_t ended_ms;
    bool shield;
    struct list *list;
};

static void park_twice(void *arg)
{
    struct victim *v = arg;
    v->first = task_park(v->list);
    v->second = task_park(v->list);
    v->ended_ms = rt_now_ms();
}

static void cancel_later(void *arg)
{
    struct victim *v = arg;
    assert_int_equal(task_sleep(10), 0);
    task_cancel(v->task, E_CLIENT_GONE);
    task_cancel(v->task, E_CANCELED); /* the first reason stays */
    assert_int_equal(task_canceled(v->task), E_CLIENT_GONE);
}

static void test_cancel_ends_this_wait_and_the_next(void **state)
{
    (void)state;
    struct list list;
    list_init(&list);
    struct victim v = {.list = &list};
    assert_int_equal(task_spawn("victim", park_twice, &v, &v.task), 0);
    rt_run(cancel_later, &v);
    assert_int_equal(v.first, E_CLIENT_GONE);
    assert_int_equal(v.second, E_CLIENT_GONE);
    assert_int_equal(v.ended_ms, 10);
    assert_true(list_empty(&list));
}

static void test_cancel_before_the_first_run(void **state)
{
    (void)state;
    struct victim v = {.first = 1};
    assert_int_equal(task_spawn("victim", park_twice, &v, &v.task), 0);
    task_cancel(v.task, E_CANCELED);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(v.first, E_CANCELED);
}

static void wake_then_cancel(void *arg)
{
    struct victim *v = arg;
    assert_int_equal(task_sleep(10), 0);
    task_wake(v->task);
    task_cancel(v->task, E_CANCELED);
    task_wake(v->task);
}

static void test_what_was_satisfied_stays_so(void **state)
{
    (void)state;
    struct victim v = {.first = 1};
    assert_int_equal(task_spawn("victim", park_twice, &v, &v.task), 0);
    rt_run(wake_then_cancel, &v);
    assert_int_equal(v.first, 0);
    assert_int_equal(v.second, E_CANCELED);
}

static void cancel_then_wake(void *arg)
{
    struct victim *v = arg;
    assert_int_equal(task_sleep(10), 0);
    task_cancel(v->task, E_CANCELED);
    task_wake(v->task);
}

static void test_a_wake_after_the_cancellation_is_too_late(void **state)
{
    (void)state;
    struct victim v = {.first = 1};
    assert_int_equal(task_spawn("victim", park_twice, &v, &v.task), 0);
    rt_run(cancel_then_wake, &v);
    assert_int_equal(v.first, E_CANCELED);
}

static void shielded(void *arg)
{
    struct victim *v = arg;
    task_shield();
    task_shield();
    v->first = task_sleep(100); /* canceled after 10 */
    assert_int_equal(rt_now_ms(), 100);
    task_unshield();
    assert_int_equal(task_sleep(100), 0);
    int64_t outer = task_deadline(clock_cached_ms() + 50);
    assert_int_equal(task_sleep(100), E_TIMEOUT);
    task_deadline_restore(outer);
    task_unshield();
    v->second = task_sleep(100);
    v->ended_ms = rt_now_ms();
}

static void test_the_shield(void **state)
{
    (void)state;
    struct victim v = {.first = 1};
    assert_int_equal(task_spawn("victim", shielded, &v, &v.task), 0);
    rt_run(cancel_later, &v);
    assert_int_equal(v.first, 0);
    assert_int_equal(v.second, E_CLIENT_GONE);
    assert_int_equal(v.ended_ms, 250);
}

static void canceled_and_late(void *arg)
{
    (void)arg;
    task_deadline(clock_cached_ms());
    assert_int_equal(task_sleep(5), E_TIMEOUT);
    task_cancel(task_self(), E_CLIENT_GONE);
    assert_int_equal(task_sleep(5), E_CLIENT_GONE);
    assert_int_equal(task_park(NULL), E_CLIENT_GONE);
    assert_int_equal(task_turn(), E_CLIENT_GONE);
    note('x');
}

static void test_cancellation_goes_before_the_deadline(void **state)
{
    (void)state;
    rt_run(canceled_and_late, NULL);
    assert_string_equal(trace, "x");
}

/* ---------------------------------------------------------------- queues */

static struct waitq queue;

struct queued {
    char name;
    int64_t deadline_ms;
};

static void wait_in_queue(void *arg)
{
    struct queued *q = arg;
    if (q->deadline_ms)
        task_deadline(clock_cached_ms() + q->deadline_ms);
    int err = waitq_wait(&queue);
    note(err ? '-' : q->name);
}

static void wake_the_queue(void *arg)
{
    (void)arg;
    assert_int_equal(task_sleep(10), 0);
    waitq_wake_one(&queue);
    assert_int_equal(task_sleep(10), 0); /* b's deadline passes */
    waitq_wake_one(&queue);
    assert_int_equal(task_sleep(0), 0);
    note('|');
    waitq_wake_all(&queue);
    waitq_wake_one(&queue); /* nobody is left */
}

static void test_queues_are_fair(void **state)
{
    (void)state;
    struct queued q[] = {{'a', 0}, {'b', 15}, {'c', 0}, {'d', 0}, {'e', 0}};
    waitq_init(&queue);
    for (size_t i = 0; i < ARRAY_LEN(q); i++)
        rt_spawn("queued", wait_in_queue, &q[i]);
    rt_run(wake_the_queue, NULL);
    assert_string_equal(trace, "a-c|de");
    assert_true(list_empty(&queue.tasks));
}

/* ---------------------------------------------------------------- turns */

static bool enough;

static void yield_for_ever(void *arg)
{
    (void)arg;
    while (!enough)
        assert_int_equal(task_sleep(0), 0);
}

/* Never has to wait, as when bytes are always there. */
static void call_for_ever(void *arg)
{
    (void)arg;
    while (!enough)
        assert_int_equal(task_turn(), 0);
}

static struct task *ping_peer[2];

static void ping_for_ever(void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    while (!enough) {
        task_wake(ping_peer[1 - me]);
        assert_int_equal(task_park(NULL), 0);
    }
    task_wake(ping_peer[1 - me]);
}

static void move_time(void *arg)
{
    (void)arg;
    clock_advance_us(10000);
}

static void stop_them(void *arg)
{
    (void)arg;
    assert_int_equal(task_sleep(10), 0);
    enough = true;
}

/* Each kind of busy task alone must leave the timers and the sockets their turn. */
static void test_nobody_starves_the_loop(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        enough = false;
        if (kind == 0)
            rt_spawn("yield", yield_for_ever, NULL);
        if (kind == 1)
            rt_spawn("call", call_for_ever, NULL);
        for (uintptr_t i = 0; kind == 2 && i < 2; i++)
            assert_int_equal(task_spawn("ping", ping_for_ever, (void *)i, &ping_peer[i]), 0);
        rt_spawn("stop", stop_them, NULL);
        /* Comes through a descriptor, like a socket's event. */
        assert_int_equal(loop_post(move_time, NULL), 0);
        assert_int_equal(loop_run(), 0);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, rt_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_runs_and_ends),
        TEST(test_tasks_take_turns),
        TEST(test_registers_survive),
        TEST(test_a_limit_on_tasks),
        TEST(test_sleep_and_deadline),
        TEST(test_deadlines_nest),
        TEST(test_a_moving_deadline_is_lazy),
        TEST(test_cancel_ends_this_wait_and_the_next),
        TEST(test_cancel_before_the_first_run),
        TEST(test_what_was_satisfied_stays_so),
        TEST(test_a_wake_after_the_cancellation_is_too_late),
        TEST(test_the_shield),
        TEST(test_cancellation_goes_before_the_deadline),
        TEST(test_queues_are_fair),
        TEST(test_nobody_starves_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
