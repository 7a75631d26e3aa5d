/* test_recent.c: what was seen lately: found, replaced never, forgotten in the order of use. */
#include "base/recent.h"

#include <stdio.h>

#include "base_test.h"

static struct recent r;

static int *number(const char *key)
{
    return recent_find(&r, str_from(key));
}

static int *put(const char *key, int value, enum recent_place place)
{
    return recent_add(&r, str_from(key), &value, sizeof(value), place);
}

static void what_was_put_is_found(void **state UNUSED)
{
    assert_int_equal(recent_init(&r, 1 << 20), 0);
    assert_null(number("a"));
    assert_int_equal(*put("a", 1, RECENT_NEWEST), 1);
    assert_int_equal(*put("", 2, RECENT_NEWEST), 2); /* a key like any other */
    assert_null(put("a", 3, RECENT_NEWEST));
    assert_int_equal(*number("a"), 1);
    *number("a") = 7;
    assert_int_equal(*number("a"), 7);
    assert_int_equal(*number(""), 2);
    assert_null(number("A"));
    assert_int_equal(r.n, 2);
    assert_int_equal(r.bytes, recent_bytes_of(1, sizeof(int)) + recent_bytes_of(0, sizeof(int)));
    recent_fini(&r);
}

static void many_are_found(void **state UNUSED)
{
    char key[16];
    assert_int_equal(recent_init(&r, 1 << 24), 0);
    struct recent_entry **slots = r.slots;
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        assert_non_null(put(key, i, RECENT_NEWEST));
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        assert_int_equal(*number(key), i);
    }
    assert_int_equal(r.n, 20000);
    assert_ptr_equal(r.slots, slots); /* nothing had to be moved: that takes long */
    recent_fini(&r);
}

static void what_is_not_used_goes_first(void **state UNUSED)
{
    size_t one = recent_bytes_of(1, sizeof(int));
    assert_int_equal(recent_init(&r, 3 * one), 0);
    put("a", 1, RECENT_NEWEST);
    put("b", 2, RECENT_NEWEST);
    put("c", 3, RECENT_NEWEST);
    recent_use(&r, number("a"));
    put("d", 4, RECENT_NEWEST);
    assert_null(number("b"));
    assert_true(number("a") && number("c") && number("d"));
    assert_int_equal(r.bytes, 3 * one);
    recent_fini(&r);
}

static void the_oldest_may_be_put_last(void **state UNUSED)
{
    size_t one = recent_bytes_of(1, sizeof(int));
    assert_int_equal(recent_init(&r, 3 * one), 0);
    put("a", 1, RECENT_OLDEST);
    put("b", 2, RECENT_OLDEST);
    put("c", 3, RECENT_OLDEST);
    put("d", 4, RECENT_NEWEST);
    assert_null(number("c"));
    put("e", 5, RECENT_NEWEST);
    assert_null(number("b"));
    assert_true(number("a") && number("d") && number("e"));
    recent_fini(&r);
}

/* One that is larger than all the room is there nevertheless, alone. */
static void the_last_one_stays(void **state UNUSED)
{
    assert_int_equal(recent_init(&r, 10), 0);
    put("a", 1, RECENT_NEWEST);
    put("b", 2, RECENT_NEWEST);
    assert_null(number("a"));
    assert_int_equal(*number("b"), 2);
    recent_fini(&r);
    recent_fini(&(struct recent){.n = 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),       cmocka_unit_test(many_are_found),
        cmocka_unit_test(what_is_not_used_goes_first), cmocka_unit_test(the_oldest_may_be_put_last),
        cmocka_unit_test(the_last_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
