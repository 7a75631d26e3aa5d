/* test_group.c: members, joining, cancellation in both directions. */
#include "rt/task.h"

#include "rt_test.h"

struct member {
    int64_t work_ms;
    int64_t linger_ms; /* how long it takes to clean up when it was canceled */
    int err;
    int64_t ended_ms;
};

static void work(void *arg)
{
    struct member *m = arg;
    m->err = task_sleep(m->work_ms);
    if (m->err && m->linger_ms) {
        task_shield();
        assert_int_equal(task_sleep(m->linger_ms), 0);
        task_unshield();
    }
    m->ended_ms = rt_now_ms();
}

static void join_waits(void *arg)
{
    (void)arg;
    struct member m[] = {{.work_ms = 30}, {.work_ms = 10}, {.work_ms = 20}};
    struct group g;
    group_init(&g);
    group_join(&g); /* of nobody: returns at once */
    assert_int_equal(rt_now_ms(), 0);
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        assert_int_equal(group_spawn(&g, "member", work, &m[i]), 0);
    assert_int_equal(g.running, 3);
    group_join(&g);
    assert_int_equal(g.running, 0);
    assert_int_equal(rt_now_ms(), 30);
    for (size_t i = 0; i < ARRAY_LEN(m); i++) {
        assert_int_equal(m[i].err, 0);
        assert_int_equal(m[i].ended_ms, m[i].work_ms);
    }
    /* A group may be used again. */
    assert_int_equal(group_spawn(&g, "member", work, &m[0]), 0);
    group_join(&g);
    assert_int_equal(rt_now_ms(), 60);
}

static void test_join_waits_for_all(void **state)
{
    (void)state;
    rt_run(join_waits, NULL);
}

static void cancel_all(void *arg)
{
    (void)arg;
    struct member m[] = {{.work_ms = 1000}, {.work_ms = 5}, {.work_ms = 1000, .linger_ms = 50}};
    struct member late = {.work_ms = 1000};
    struct group g;
    group_init(&g);
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        assert_int_equal(group_spawn(&g, "member", work, &m[i]), 0);
    assert_int_equal(task_sleep(10), 0);
    group_cancel(&g, E_CLIENT_GONE);
    /* Who joins a canceled group is canceled from the start. */
    assert_int_equal(group_spawn(&g, "late", work, &late), 0);
    group_join(&g);
    assert_int_equal(m[0].err, E_CLIENT_GONE);
    assert_int_equal(m[0].ended_ms, 10);
    assert_int_equal(m[1].err, 0);
    assert_int_equal(m[2].ended_ms, 60);
    assert_int_equal(late.err, E_CLIENT_GONE);
    assert_int_equal(rt_now_ms(), 60);
    assert_int_equal(task_canceled(task_self()), 0); /* it goes down, not up */
}

static void test_cancel_all(void **state)
{
    (void)state;
    rt_run(cancel_all, NULL);
}

struct parent {
    struct task *task;
    struct member m[2];
    int64_t deadline_ms;
    int64_t joined_ms;
    int then;
};

static void join_children(void *arg)
{
    struct parent *p = arg;
    struct group g;
    group_init(&g);
    for (size_t i = 0; i < ARRAY_LEN(p->m); i++)
        assert_int_equal(group_spawn(&g, "child", work, &p->m[i]), 0);
    if (p->deadline_ms)
        task_deadline(clock_cached_ms() + p->deadline_ms);
    group_join(&g);
    assert_int_equal(g.running, 0);
    p->joined_ms = rt_now_ms();
    p->then = task_park(NULL);
}

static void cancel_parent(void *arg)
{
    struct parent *p = arg;
    assert_int_equal(task_sleep(10), 0);
    task_cancel(p->task, E_DRAINING);
    assert_int_equal(task_sleep(5), 0);
    task_cancel(p->task, E_CANCELED);
}

static void test_a_canceled_join_cancels_and_still_waits(void **state)
{
    (void)state;
    struct parent p = {.m = {{.work_ms = 1000, .linger_ms = 40}, {.work_ms = 1000}}};
    assert_int_equal(task_spawn("parent", join_children, &p, &p.task), 0);
    rt_run(cancel_parent, &p);
    assert_int_equal(p.m[0].err, E_DRAINING);
    assert_int_equal(p.m[1].err, E_DRAINING);
    assert_int_equal(p.m[1].ended_ms, 10);
    assert_int_equal(p.joined_ms, 50);
    assert_int_equal(p.then, E_DRAINING);
}

static void test_a_late_join_cancels_and_still_waits(void **state)
{
    (void)state;
    struct parent p = {.m = {{.work_ms = 1000, .linger_ms = 40}, {.work_ms = 5}},
                       .deadline_ms = 20};
    rt_run(join_children, &p);
    assert_int_equal(p.m[0].err, E_TIMEOUT);
    assert_int_equal(p.m[1].err, 0);
    assert_int_equal(p.joined_ms, 60);
    assert_int_equal(p.then, E_TIMEOUT);
}

/* Two calls at once, the first answer wins, as a hedge does it. */
static void hedge(void *arg)
{
    (void)arg;
    struct member slow = {.work_ms = 500}, fast = {.work_ms = 20};
    struct group g;
    group_init(&g);
    assert_int_equal(group_spawn(&g, "slow", work, &slow), 0);
    assert_int_equal(group_spawn(&g, "fast", work, &fast), 0);
    while (g.running > 1)
        assert_int_equal(task_sleep(1), 0);
    group_cancel(&g, E_CANCELED);
    group_join(&g);
    assert_int_equal(fast.err, 0);
    assert_int_equal(slow.err, E_CANCELED);
    assert_true(rt_now_ms() <= 21);
}

static void test_hedge(void **state)
{
    (void)state;
    rt_run(hedge, NULL);
}

static void spawn_too_many(void *arg)
{
    (void)arg;
    struct member m = {.work_ms = 10};
    struct group g;
    group_init(&g);
    task_limit(2);
    assert_int_equal(group_spawn(&g, "member", work, &m), 0);
    assert_int_equal(group_spawn(&g, "member", work, &m), E_OVERLOADED);
    assert_int_equal(g.running, 1);
    group_join(&g);
    task_limit(SIZE_MAX);
}

static void test_a_failed_spawn_leaves_the_group_whole(void **state)
{
    (void)state;
    rt_run(spawn_too_many, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_join_waits_for_all),
        RT_TEST(test_cancel_all),
        RT_TEST(test_a_canceled_join_cancels_and_still_waits),
        RT_TEST(test_a_late_join_cancels_and_still_waits),
        RT_TEST(test_hedge),
        RT_TEST(test_a_failed_spawn_leaves_the_group_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
