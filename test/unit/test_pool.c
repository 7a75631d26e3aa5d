/* test_pool.c: jobs on other threads, and who owns them when. */
#include "rt/pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "rt_test.h"

struct job {
    struct pool_job job; /* first */
    sem_t go;            /* run waits for it, when `gated` */
    bool gated;
    int in, out;
    pthread_t ran_on;
    sigset_t blocked;
    int *dropped; /* counts drops */
};

static pthread_t loop_thread;

static void job_run(struct pool_job *job)
{
    struct job *j = (struct job *)job;
    if (j->gated)
        while (sem_wait(&j->go) != 0)
            ;
    j->ran_on = pthread_self();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &j->blocked);
    j->out = j->in * 2;
}

static void job_drop(struct pool_job *job)
{
    struct job *j = (struct job *)job;
    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_int_equal(j->out, j->in * 2); /* only after it has run */
    ++*j->dropped;
    sem_destroy(&j->go);
    free(j);
}

static struct job *job_new(int in, bool gated, int *dropped)
{
    struct job *j = calloc(1, sizeof(*j));
    assert_non_null(j);
    j->job = (struct pool_job){job_run, job_drop};
    j->in = in;
    j->gated = gated;
    j->dropped = dropped;
    assert_int_equal(sem_init(&j->go, 0, 0), 0);
    return j;
}

static void job_free(struct job *j)
{
    sem_destroy(&j->go);
    free(j);
}

static int setup(void **state)
{
    loop_thread = pthread_self();
    return rt_setup(state);
}

static void call_one(void *arg)
{
    int dropped = 0;
    struct job *j = job_new(*(int *)arg, false, &dropped);
    assert_int_equal(pool_call(&j->job), 0);
    *(int *)arg = j->out;
    assert_false(pthread_equal(j->ran_on, loop_thread));
    assert_true(sigismember(&j->blocked, SIGTERM) && sigismember(&j->blocked, SIGINT));
    assert_int_equal(dropped, 0);
    job_free(j);
}

static void test_a_job_runs_elsewhere(void **state)
{
    (void)state;
    int number = 21;
    rt_run(call_one, &number);
    assert_int_equal(number, 42);
}

static void keep_mask(void *arg)
{
    (void)pthread_sigmask(SIG_SETMASK, NULL, arg);
}

static void test_a_thread_of_ones_own_takes_no_signals(void **state)
{
    (void)state;
    sigset_t before, there, after;
    uv_thread_t thread;
    keep_mask(&before);
    assert_int_equal(thread_start(&thread, 256 * 1024, keep_mask, &there), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    keep_mask(&after);
    for (int s = SIGHUP; s <= SIGTERM; s++) {
        if (s != SIGKILL)
            assert_true(sigismember(&there, s));
        assert_int_equal(sigismember(&after, s), sigismember(&before, s)); /* as it was, here */
    }
}

static void test_many_at_once(void **state)
{
    (void)state;
    int number[100];
    for (int i = 0; i < 100; i++) {
        number[i] = i;
        rt_spawn("caller", call_one, &number[i]);
    }
    assert_int_equal(loop_run(), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(number[i], 2 * i);
}

/* The loop goes on while a job blocks: another task opens the gate. */
static void open_gate(void *arg)
{
    struct job *j = arg;
    assert_int_equal(task_sleep(0), 0);
    assert_int_equal(j->out, 0);
    sem_post(&j->go);
}

static void call_gated(void *arg)
{
    (void)arg;
    struct job *j = job_new(3, true, NULL);
    rt_spawn("opener", open_gate, j);
    assert_int_equal(pool_call(&j->job), 0);
    assert_int_equal(j->out, 6);
    job_free(j);
}

static void test_the_loop_goes_on(void **state)
{
    (void)state;
    rt_run(call_gated, NULL);
}

struct giver_up {
    struct task *task;
    struct job *job;
    int dropped;
    int err;
    bool deadline;
};

static void call_and_give_up(void *arg)
{
    struct giver_up *g = arg;
    if (g->deadline)
        task_deadline(clock_cached_ms() + 10);
    g->err = pool_call(&g->job->job);
}

/* Stops the call in one way or the other while its job is held at the gate, then opens that. */
static void stop_the_call(void *arg)
{
    struct giver_up *g = arg;
    assert_int_equal(task_sleep(0), 0);
    if (g->deadline)
        clock_advance_us(20000);
    else
        task_cancel(g->task, E_CLIENT_GONE);
    while (g->err == 1)
        assert_int_equal(task_sleep(0), 0);
    assert_int_equal(g->dropped, 0);
    sem_post(&g->job->go);
    while (g->dropped == 0)
        assert_int_equal(task_sleep(0), 0);
}

static void test_given_up_jobs_are_dropped_on_the_loop(void **state)
{
    (void)state;
    for (int deadline = 0; deadline < 2; deadline++) {
        struct giver_up g = {.err = 1, .deadline = deadline};
        g.job = job_new(5, true, &g.dropped);
        assert_int_equal(task_spawn("giver up", call_and_give_up, &g, &g.task), 0);
        rt_run(stop_the_call, &g);
        assert_int_equal(g.err, deadline ? E_TIMEOUT : E_CLIENT_GONE);
        assert_int_equal(g.dropped, 1);
    }
}

/* Canceled before it calls: the job still runs, and is dropped. */
static void call_canceled(void *arg)
{
    struct giver_up *g = arg;
    task_cancel(task_self(), E_CANCELED);
    g->err = pool_call(&g->job->job);
}

static void test_the_end_of_the_loop_waits_for_jobs(void **state)
{
    struct giver_up g = {.err = 1};
    g.job = job_new(6, true, &g.dropped);
    rt_run(call_canceled, &g);
    assert_int_equal(g.err, E_CANCELED);
    assert_int_equal(g.dropped, 0);
    sem_post(&g.job->go);
    assert_int_equal(rt_teardown(state), 0);
    assert_int_equal(g.dropped, 1);
    assert_int_equal(setup(state), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, rt_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_job_runs_elsewhere),
        TEST(test_a_thread_of_ones_own_takes_no_signals),
        TEST(test_many_at_once),
        TEST(test_the_loop_goes_on),
        TEST(test_given_up_jobs_are_dropped_on_the_loop),
        TEST(test_the_end_of_the_loop_waits_for_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
