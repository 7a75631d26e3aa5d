#include "base_test.h"

#include <time.h>

#include "base/clock.h"

static void a_fake_one_stands_still(void **state)
{
    (void)state;
    clock_fake(5000000, 1000000);
    assert_int_equal(clock_mono_us(), 5000000);
    assert_int_equal(clock_wall_us(), 1000000);
    assert_int_equal(clock_cached_ms(), 5000);
    clock_advance_us(2500);
    assert_int_equal(clock_mono_us(), 5002500);
    assert_int_equal(clock_wall_us(), 1002500);
    assert_int_equal(clock_cached_ms(), 5002);
    clock_real();
}

static void the_real_one_is_the_system_s(void **state)
{
    (void)state;
    struct timespec before, after;
    clock_real();
    clock_gettime(CLOCK_MONOTONIC, &before);
    int64_t mono = clock_mono_us();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_in_range(mono, before.tv_sec * 1000000 + before.tv_nsec / 1000,
                    after.tv_sec * 1000000 + after.tv_nsec / 1000);
    clock_gettime(CLOCK_REALTIME, &before);
    int64_t wall = clock_wall_us();
    clock_gettime(CLOCK_REALTIME, &after);
    assert_in_range(wall, before.tv_sec * 1000000 + before.tv_nsec / 1000,
                    after.tv_sec * 1000000 + after.tv_nsec / 1000);
    clock_refresh();
    assert_true(clock_cached_ms() >= mono / 1000);
}

static void one_clock_tells_the_other(void **state)
{
    (void)state;
    clock_fake(5000000, 1000000);
    assert_int_equal(clock_wall_at(5000000), 1000000);
    assert_int_equal(clock_wall_at(4000001), 1);
    clock_advance_us(500);
    assert_int_equal(clock_wall_at(5000000), 1000000);
    clock_real();
    for (int round = 0; round < 3;
         round++) { /* with a difference measured now, and with a kept one */
        int64_t before = clock_wall_us();
        int64_t wall = clock_wall_at(clock_mono_us());
        int64_t after = clock_wall_us();
        assert_in_range(wall, before - 1000, after + 1000);
        assert_in_range(clock_wall_at(clock_mono_us() - 3000000), before - 3001000,
                        after - 2990000);
    }
}

static void writes_iso(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1795532645678000, "2026-11-24T15:04:05.678Z"},
        {1709164800000999, "2024-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.999Z"},
        {-1001000, "1969-12-31T23:59:58.999Z"},
        {253402300799999999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[25];
        memset(out, 'x', sizeof(out));
        assert_string_equal(clock_iso(rows[i].us, out), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fake_one_stands_still),
        cmocka_unit_test(the_real_one_is_the_system_s),
        cmocka_unit_test(one_clock_tells_the_other),
        cmocka_unit_test(writes_iso),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
