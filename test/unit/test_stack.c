/* test_stack.c: what tasks stand on: its size in memory, its guard page, its way back. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/internal.h"
#include "rt_test.h"

/* ThreadSanitizer knows no more than 8128 threads and fibers. */
#define CROWD (RT_TSAN ? 4000 : 10000)

static void idle(void *arg)
{
    assert_int_equal(task_park(NULL), E_CANCELED);
    ++*(int *)arg;
}

static long resident_kib(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &all, &pages), 2);
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void crowd(void *arg)
{
    static struct task *tasks[CROWD];
    int ended = 0;
    long before = resident_kib();
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(task_spawn("idle", idle, &ended, &tasks[i]), 0);
    assert_int_equal(task_sleep(10), 0);
    assert_int_equal(task_stats().running, CROWD + 1);
    *(long *)arg = resident_kib() - before;
    for (int i = 0; i < CROWD; i++)
        task_cancel(tasks[i], E_CANCELED);
    assert_int_equal(task_sleep(10), 0);
    assert_int_equal(ended, CROWD);
    assert_int_equal(task_stats().running, 1);
    assert_true(task_stats().stacks_free <= 128);
    assert_true(task_stats().stack_bytes <= 129 * (size_t)TASK_STACK_BYTES);
}

static void test_ten_thousand_tasks(void **state)
{
    (void)state;
    long grown_kib = 0;
    rt_run(crowd, &grown_kib);
    if (!RT_ASAN && !RT_TSAN) /* their shadows are memory too */
        assert_in_range(grown_kib, CROWD, CROWD * 2 * (sysconf(_SC_PAGESIZE) / 1024));
}

static __attribute__((noinline)) unsigned dig(unsigned depth)
{
    volatile char hole[512];
    hole[depth % sizeof(hole)] = (char)depth;
    if (depth == 0)
        return 0;
    return dig(depth - 1) + (unsigned)hole[depth % sizeof(hole)];
}

/* Ends the process, so that what it may have trampled on is not run. */
static void dig_deep(void *arg)
{
    _exit(dig(*(unsigned *)arg) == UINT_MAX);
}

/* In a child: how it ended. */
static int dig_in_child(unsigned depth)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        int err = task_spawn("dig", dig_deep, &depth, NULL);
        /* Their stacks are below its own, where nothing but the guard would stop it. */
        for (int i = 0; i < 64 && !err; i++)
            err = task_spawn("neighbour", dig_deep, &depth, NULL);
        (void)!loop_run();
        _exit(2);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_an_overflow_hits_the_guard(void **state)
{
    (void)state;
    int fits = dig_in_child(TASK_STACK_BYTES / 1024);
    assert_true(WIFEXITED(fits));
    assert_int_equal(WEXITSTATUS(fits), 0);
    int deep = dig_in_child(TASK_STACK_BYTES / 64);
    assert_true(WIFSIGNALED(deep));
    assert_int_equal(WTERMSIG(deep), SIGSEGV);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void test_stacks_are_recycled(void **state)
{
    (void)state;
    rt_run(nothing, NULL);
    size_t bytes = task_stats().stack_bytes;
    for (int i = 0; i < 100; i++)
        rt_run(nothing, NULL);
    assert_int_equal(task_stats().stack_bytes, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_ten_thousand_tasks),
        RT_TEST(test_an_overflow_hits_the_guard),
        RT_TEST(test_stacks_are_recycled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
