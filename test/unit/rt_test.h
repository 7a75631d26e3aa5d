/* rt_test.h: what the tests of src/rt share: a loop around a task, under a clock that jumps. */
#ifndef RT_TEST_H
#define RT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "rt/io.h"
#include "rt/loop.h"
#include "rt/task.h"

#define RT_TEST_START_MS 1000000

/* Setup and teardown: a loop whose time only moves when nothing else is left to do. */
static inline int rt_setup(void **state)
{
    (void)state;
    clock_fake(RT_TEST_START_MS * INT64_C(1000), 0);
    if (loop_init() != 0)
        return -1;
    loop_jump_time(true);
    return 0;
}

static inline int rt_teardown(void **state)
{
    (void)state;
    if (task_stats().running > 0) /* an assertion left its task: loop_fini would hide which */
        return -1;
    loop_fini();
    clock_real();
    return 0;
}

static inline void rt_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
    assert_int_equal(task_spawn(name, fn, arg, NULL), 0);
}

/* Runs fn(arg) as a task, and all that it starts, to the end. */
static inline void rt_run(void (*fn)(void *arg), void *arg)
{
    rt_spawn("test", fn, arg);
    assert_int_equal(loop_run(), 0);
}

/* Milliseconds since the test began. */
static inline int64_t rt_now_ms(void)
{
    return clock_cached_ms() - RT_TEST_START_MS;
}

/* Runs a group of tests on every way to wait for sockets that this build and this kernel have. */
static inline int rt_on_each_backend(int (*run)(const char *name))
{
    static const char *const names[] = {"epoll", "uring"};
    int failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (io_backend_select(names[i]) == 0)
            failed += run(names[i]);
        else
            print_message("no %s here\n", names[i]);
    }
    return failed;
}

#define RT_TEST(fn) cmocka_unit_test_setup_teardown(fn, rt_setup, rt_teardown)

#endif
