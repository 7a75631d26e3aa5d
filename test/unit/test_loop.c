/* test_loop.c: rounds, hooks, messages of other threads, signals, libuv, the loop's own stack. */
#include "rt/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "rt_test.h"

/* ---------------------------------------------------------------- running and stopping */

static void nothing(void *arg)
{
    ++*(int *)arg;
}

static void test_runs_until_no_task_is_left(void **state)
{
    (void)state;
    assert_int_equal(loop_run(), 0); /* none at all */
    int ran = 0;
    rt_run(nothing, &ran);
    assert_int_equal(ran, 1);
}

static void stop_early(void *arg)
{
    struct task *sleeper = *(struct task **)arg;
    loop_stop();
    assert_int_equal(task_sleep(0), 0); /* not before the next loop_run */
    task_cancel(sleeper, E_CANCELED);
}

static void sleep_long(void *arg)
{
    (void)arg;
    assert_int_equal(task_sleep(INT64_MAX), E_CANCELED);
}

static void test_stop_leaves_tasks_as_they_are(void **state)
{
    (void)state;
    struct task *sleeper;
    assert_int_equal(task_spawn("sleeper", sleep_long, NULL, &sleeper), 0);
    rt_run(stop_early, &sleeper);
    assert_int_equal(task_stats().running, 2);
    assert_int_equal(task_canceled(sleeper), 0);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(task_stats().running, 0);
}

/* ---------------------------------------------------------------- hooks */

struct counting_hook {
    struct loop_hook hook;
    int calls;
    struct loop_hook *removes; /* at its first call */
};

static void hook_called(void *arg)
{
    struct counting_hook *h = arg;
    h->calls++;
    if (h->removes)
        loop_hook_remove(h->removes);
    h->removes = NULL;
}

static void three_rounds(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        assert_int_equal(task_sleep(10), 0);
}

static void test_hooks(void **state)
{
    (void)state;
    struct counting_hook h[4];
    for (size_t i = 0; i < ARRAY_LEN(h); i++) {
        h[i] = (struct counting_hook){.hook = {.fn = hook_called, .arg = &h[i]}};
        list_init(&h[i].hook.node);
        loop_hook_add(&h[i].hook);
    }
    h[0].removes = &h[0].hook; /* itself */
    h[1].removes = &h[2].hook; /* the one to be called next */
    rt_run(three_rounds, NULL);
    assert_int_equal(h[0].calls, 1);
    assert_int_equal(h[2].calls, 0);
    assert_true(h[1].calls >= 3); /* each of the three rounds */
    assert_int_equal(h[3].calls, h[1].calls);
    loop_hook_remove(&h[1].hook);
    loop_hook_remove(&h[3].hook);
}

static void ten_yields(void *arg)
{
    struct counting_hook *h = arg;
    for (int i = 0; i < 10; i++) {
        int before = h->calls;
        assert_int_equal(task_sleep(0), 0);
        assert_true(h->calls > before);
    }
}

/* Who yields lets the loop look at its sockets, not only at other tasks. */
static void test_a_yield_takes_a_round(void **state)
{
    (void)state;
    struct counting_hook h = {.hook = {.fn = hook_called, .arg = &h}};
    loop_hook_add(&h.hook);
    rt_run(ten_yields, &h);
    loop_hook_remove(&h.hook);
}

/* What a hook wakes runs without waiting for anything else. */
static void wake_from_hook(void *arg)
{
    task_wake(*(struct task **)arg);
}

static void park_once(void *arg)
{
    (void)arg;
    assert_int_equal(task_park(NULL), 0);
}

static void test_a_hook_may_wake(void **state)
{
    (void)state;
    struct task *t;
    struct loop_hook hook = {.fn = wake_from_hook, .arg = &t};
    loop_hook_add(&hook);
    assert_int_equal(task_spawn("parked", park_once, NULL, &t), 0);
    assert_int_equal(loop_run(), 0);
    loop_hook_remove(&hook);
}

/* ---------------------------------------------------------------- messages */

#define POSTERS 4
#define POSTS   500

static struct {
    pthread_t thread;
    int next[POSTERS]; /* the number expected from each */
    int wrong, all;
    struct task *waiter;
} inbox;

static void arrived(void *arg)
{
    int poster = (int)((uintptr_t)arg / POSTS), number = (int)((uintptr_t)arg % POSTS);
    inbox.wrong += inbox.next[poster]++ != number;
    inbox.wrong += !pthread_equal(pthread_self(), inbox.thread);
    if (++inbox.all == POSTERS * POSTS)
        task_wake(inbox.waiter);
}

static void *post_all(void *arg)
{
    for (uintptr_t i = 0; i < POSTS; i++)
        if (loop_post(arrived, (void *)((uintptr_t)arg * POSTS + i)) != 0)
            abort();
    return NULL;
}

static void await_messages(void *arg)
{
    (void)arg;
    pthread_t threads[POSTERS];
    for (uintptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, (void *)i), 0);
    assert_int_equal(task_park(NULL), 0);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
}

static void test_messages_come_in_order(void **state)
{
    (void)state;
    memset(&inbox, 0, sizeof(inbox));
    inbox.thread = pthread_self();
    assert_int_equal(task_spawn("waiter", await_messages, NULL, &inbox.waiter), 0);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(inbox.all, POSTERS * POSTS);
    assert_int_equal(inbox.wrong, 0);
}

static void post_again(void *arg)
{
    int *left = arg;
    if (--*left > 0)
        assert_int_equal(loop_post(post_again, arg), 0);
}

static void await_zero(void *arg)
{
    int *left = arg;
    assert_int_equal(loop_post(post_again, arg), 0);
    while (*left > 0)
        assert_int_equal(task_sleep(0), 0);
}

static void test_a_message_may_post(void **state)
{
    (void)state;
    int left = 5;
    rt_run(await_zero, &left);
    assert_int_equal(left, 0);
}

/* ---------------------------------------------------------------- signals and libuv */

struct got_signal {
    int signum;
    struct task *waiter;
};

static void on_signal(int signum, void *arg)
{
    struct got_signal *got = arg;
    got->signum = signum;
    task_wake(got->waiter);
}

static void await_signal(void *arg)
{
    struct got_signal *got = arg;
    got->waiter = task_self();
    assert_int_equal(loop_on_signal(SIGUSR1, on_signal, got), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(task_park(NULL), 0);
    assert_int_equal(got->signum, SIGUSR1);
    got->signum = 0;
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(task_park(NULL), 0);
}

static void test_signals(void **state)
{
    (void)state;
    struct got_signal got = {0};
    rt_run(await_signal, &got);
    assert_int_equal(got.signum, SIGUSR1);
}

struct uv_user {
    uv_timer_t timer;
    uv_async_t async;
    struct task *waiter;
    int fired, closed;
};

static void uv_timer_fired(uv_timer_t *timer)
{
    struct uv_user *u = timer->data;
    u->fired++;
    task_wake(u->waiter);
}

static void uv_async_fired(uv_async_t *async)
{
    struct uv_user *u = async->data;
    u->fired++;
    task_wake(u->waiter);
}

static void uv_closed(uv_handle_t *handle)
{
    struct uv_user *u = handle->data;
    if (++u->closed == 2)
        task_wake(u->waiter);
}

static void use_uv(void *arg)
{
    struct uv_user *u = arg;
    u->waiter = task_self();
    u->timer.data = u->async.data = u;
    assert_int_equal(uv_timer_init(loop_uv(), &u->timer), 0);
    assert_int_equal(uv_timer_start(&u->timer, uv_timer_fired, 1, 0), 0);
    loop_uv_touched();
    assert_int_equal(task_park(NULL), 0);
    assert_int_equal(u->fired, 1);

    assert_int_equal(uv_async_init(loop_uv(), &u->async, uv_async_fired), 0);
    loop_uv_touched();
    assert_int_equal(uv_async_send(&u->async), 0);
    assert_int_equal(task_park(NULL), 0);
    assert_int_equal(u->fired, 2);

    uv_close((uv_handle_t *)&u->timer, uv_closed);
    uv_close((uv_handle_t *)&u->async, uv_closed);
    loop_uv_touched();
    assert_int_equal(task_park(NULL), 0);
}

static void test_libuv_lives_inside(void **state)
{
    (void)state;
    clock_real(); /* libuv's timers know no other */
    loop_jump_time(false);
    struct uv_user u = {.fired = 0};
    rt_run(use_uv, &u);
    assert_int_equal(u.closed, 2);
}

/* ---------------------------------------------------------------- time */

static void measure(void *arg)
{
    (void)arg;
    int64_t start_us = clock_mono_us();
    assert_int_equal(task_sleep(5), 0);
    int64_t took_us = clock_mono_us() - start_us;
    assert_in_range(took_us, 4000, 5000000); /* the clock counts whole milliseconds */
}

static void test_real_time(void **state)
{
    (void)state;
    clock_real();
    loop_jump_time(false);
    rt_run(measure, NULL);
}

static void sleep_an_hour(void *arg)
{
    (void)arg;
    assert_int_equal(task_sleep(3600 * 1000), 0);
    assert_int_equal(rt_now_ms(), 3600 * 1000);
}

static void test_time_jumps(void **state)
{
    (void)state;
    int64_t start_us = clock_mono_us();
    rt_run(sleep_an_hour, NULL);
    assert_int_equal(clock_mono_us() - start_us, INT64_C(3600) * 1000 * 1000);
}

/* ---------------------------------------------------------------- the loop's own stack */

struct stack_probe {
    uintptr_t inside, nested;
    struct task *self;
    unsigned sum;
};

static void nested_probe(void *arg)
{
    int here = 0;
    *(uintptr_t *)arg = (uintptr_t)&here;
}

/* Uses more than a task's stack has. */
static void deep_probe(void *arg)
{
    struct stack_probe *p = arg;
    volatile unsigned char big[4 * TASK_STACK_BYTES];
    for (size_t i = 0; i < sizeof(big); i += 512)
        big[i] = 1;
    for (size_t i = 0; i < sizeof(big); i += 512)
        p->sum += big[i];
    p->inside = (uintptr_t)big;
    p->self = task_self();
    loop_stack_call(nested_probe, &p->nested);
}

static void call_deep(void *arg)
{
    struct stack_probe *p = arg;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    for (int i = 0; i < 3; i++) {
        *p = (struct stack_probe){.sum = 0};
        loop_stack_call(deep_probe, p);
        assert_int_equal(p->sum, 4 * TASK_STACK_BYTES / 512);
        assert_true(p->inside > frame + TASK_STACK_BYTES || p->inside < frame - TASK_STACK_BYTES);
        assert_true(p->nested < p->inside + sizeof(int) * 1024 * 1024);
        assert_ptr_equal(p->self, task_self());
        assert_int_equal(task_sleep(0), 0); /* and the task goes on as before */
    }
}

static void test_calls_on_the_loops_stack(void **state)
{
    (void)state;
    struct stack_probe p;
    rt_run(call_deep, &p);
    /* Outside a task: a plain call. */
    p = (struct stack_probe){.sum = 0};
    loop_stack_call(deep_probe, &p);
    assert_int_equal(p.sum, 4 * TASK_STACK_BYTES / 512);
    assert_null(p.self);
}

static int run_on(const char *name)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_runs_until_no_task_is_left),
        RT_TEST(test_stop_leaves_tasks_as_they_are),
        RT_TEST(test_hooks),
        RT_TEST(test_a_yield_takes_a_round),
        RT_TEST(test_a_hook_may_wake),
        RT_TEST(test_messages_come_in_order),
        RT_TEST(test_a_message_may_post),
        RT_TEST(test_signals),
        RT_TEST(test_libuv_lives_inside),
        RT_TEST(test_real_time),
        RT_TEST(test_time_jumps),
        RT_TEST(test_calls_on_the_loops_stack),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return rt_on_each_backend(run_on);
}
