/* test_timer.c: the heap of timers, driven by hand. */
#include "rt/internal.h"
#include "rt_test.h"

#define MANY 1000

struct probe {
    struct timer timer;
    int fired;
    int64_t fired_ms;
    int64_t again_ms;    /* start anew for this time, when > 0 */
    struct timer *stops; /* stop this one, when not NULL */
};

static int64_t now_ms;

static void probe_fired(struct timer *timer)
{
    struct probe *p = CONTAINER_OF(timer, struct probe, timer);
    p->fired++;
    p->fired_ms = now_ms;
    if (p->stops)
        timer_stop(p->stops);
    if (p->again_ms > 0)
        assert_int_equal(timer_start(timer, p->again_ms), 0);
}

static void probe_start(struct probe *p, int64_t at_ms)
{
    *p = (struct probe){.fired = 0};
    timer_init(&p->timer, probe_fired);
    assert_int_equal(timer_start(&p->timer, at_ms), 0);
}

static void run_at(int64_t ms)
{
    now_ms = ms;
    timers_run(ms);
}

static int setup(void **state)
{
    (void)state;
    timers_init();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    timers_fini();
    return 0;
}

static void test_fires_once_and_not_before(void **state)
{
    (void)state;
    struct probe p;
    probe_start(&p, 100);
    assert_true(timer_running(&p.timer));
    assert_int_equal(timers_next_ms(), 100);
    run_at(99);
    assert_int_equal(p.fired, 0);
    run_at(100);
    assert_int_equal(p.fired, 1);
    assert_false(timer_running(&p.timer));
    run_at(1000);
    assert_int_equal(p.fired, 1);
    assert_int_equal(timers_next_ms(), INT64_MAX);
}

static void test_later_leaves_the_heap_alone(void **state)
{
    (void)state;
    struct probe p, other;
    probe_start(&p, 100);
    probe_start(&other, 150);
    assert_int_equal(timer_start(&p.timer, 200), 0);
    assert_int_equal(p.timer.heap_ms, 100);
    assert_int_equal(timers_next_ms(), 100);
    run_at(100);
    assert_int_equal(p.fired, 0);
    assert_int_equal(timers_next_ms(), 150);
    run_at(199);
    assert_int_equal(other.fired, 1);
    assert_int_equal(p.fired, 0);
    run_at(200);
    assert_int_equal(p.fired, 1);
}

static void test_earlier_moves_up(void **state)
{
    (void)state;
    struct probe p, other;
    probe_start(&other, 150);
    probe_start(&p, 300);
    assert_int_equal(timer_start(&p.timer, 100), 0);
    assert_int_equal(timers_next_ms(), 100);
    run_at(100);
    assert_int_equal(p.fired, 1);
    assert_int_equal(other.fired, 0);
}

/* Later, then earlier again but still after the heap's time. */
static void test_later_and_back(void **state)
{
    (void)state;
    struct probe p;
    probe_start(&p, 100);
    assert_int_equal(timer_start(&p.timer, 500), 0);
    assert_int_equal(timer_start(&p.timer, 200), 0);
    run_at(150);
    assert_int_equal(p.fired, 0);
    run_at(200);
    assert_int_equal(p.fired, 1);
}

static void test_callback_may_start_and_stop(void **state)
{
    (void)state;
    struct probe again, stopped, stopper;
    probe_start(&stopped, 20);
    probe_start(&stopper, 10);
    stopper.stops = &stopped.timer;
    probe_start(&again, 10);
    again.again_ms = 5; /* has come already: must not keep timers_run busy for ever */
    run_at(30);
    assert_int_equal(stopped.fired, 0);
    assert_int_equal(stopper.fired, 1);
    assert_true(again.fired >= 1 && again.fired <= 3);
    assert_true(timer_running(&again.timer));
}

static void test_stop_is_harmless_twice(void **state)
{
    (void)state;
    struct probe p;
    probe_start(&p, 10);
    timer_stop(&p.timer);
    timer_stop(&p.timer);
    run_at(100);
    assert_int_equal(p.fired, 0);
}

/* Random times, moves and stops against a plain array. */
static void test_many_against_a_model(void **state)
{
    (void)state;
    static struct probe p[MANY];
    static int64_t expected[MANY];
    uint32_t random = 12345;
    for (int i = 0; i < MANY; i++) {
        random = random * 1664525 + 1013904223;
        expected[i] = 1 + (random >> 8) % 5000;
        probe_start(&p[i], expected[i]);
    }
    for (int round = 0; round < 3 * MANY; round++) {
        random = random * 1664525 + 1013904223;
        int i = (int)((random >> 8) % MANY);
        random = random * 1664525 + 1013904223;
        if ((random >> 28) == 0) {
            timer_stop(&p[i].timer);
            expected[i] = 0;
        } else {
            expected[i] = 1 + (random >> 8) % 5000;
            assert_int_equal(timer_start(&p[i].timer, expected[i]), 0);
        }
    }
    for (int64_t ms = 1; ms <= 5000; ms++)
        run_at(ms);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(p[i].fired, expected[i] > 0);
        assert_int_equal(p[i].fired_ms, expected[i]);
    }
}

static void test_the_end_stops_all(void **state)
{
    (void)state;
    struct probe p;
    probe_start(&p, 10);
    timers_fini();
    assert_false(timer_running(&p.timer));
    timers_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fires_once_and_not_before, setup, teardown),
        cmocka_unit_test_setup_teardown(test_later_leaves_the_heap_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_earlier_moves_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_later_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_callback_may_start_and_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_is_harmless_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_against_a_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_end_stops_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
