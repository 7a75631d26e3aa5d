#include "base_test.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/id.h"

#define START_US 1795532645678000

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static int64_t time_of(const struct id *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 10; i++)
        ms = ms * 32 + (strchr(alphabet, id->text[i]) - alphabet);
    return ms;
}

static void carries_its_time(void **state)
{
    (void)state;
    struct id id;
    clock_fake(0, START_US);
    id_new(&id);
    assert_int_equal(strlen(id.text), ID_CHARS);
    for (int i = 0; i < ID_CHARS; i++)
        assert_non_null(strchr(alphabet, id.text[i]));
    assert_int_equal(time_of(&id), START_US / 1000);
    clock_real();
}

static void sorts_as_it_was_made(void **state)
{
    (void)state;
    struct id last, id;
    struct chance c = {4};
    clock_fake(0, START_US + 1000000);
    id_new(&last);
    for (int i = 0; i < 100000; i++) {
        if (chance_below(&c, 100) == 0) /* mostly within the millisecond, at times a step back */
            clock_advance_us((int64_t)chance_below(&c, 3000) - 1000);
        id_new(&id);
        if (strcmp(last.text, id.text) >= 0)
            fail_msg("%s came before %s", last.text, id.text);
        last = id;
    }
    clock_real();
}

static void believes_a_clock_that_was_set(void **state)
{
    (void)state;
    struct id id;
    clock_fake(0, START_US + 3600000000);
    id_new(&id);
    clock_advance_us(-59000000);
    id_new(&id);
    assert_int_equal(time_of(&id), START_US / 1000 + 3600000); /* a small step back: order holds */
    clock_advance_us(-3541000000);
    id_new(&id);
    assert_int_equal(time_of(&id), START_US / 1000);
    clock_real();
}

/* The time may be given; an id is ever the next one, whatever its maker's time. */
static void takes_the_time_given(void **state)
{
    (void)state;
    struct id a, b, c;
    id_new_at(&a, START_US + 5400000000);
    id_new_at(&b, START_US + 5400000999);
    id_new_at(&c, START_US + 5390000000);
    assert_int_equal(time_of(&a), START_US / 1000 + 5400000);
    assert_memory_equal(a.text, b.text, 14);
    assert_memory_equal(a.text, c.text, 14);
    assert_true(strcmp(a.text, b.text) < 0 && strcmp(b.text, c.text) < 0);
}

static void differs_in_chance(void **state)
{
    (void)state;
    struct id a, b;
    clock_fake(0, START_US + 7200000000);
    id_new(&a);
    clock_advance_us(1000);
    id_new(&b);
    int same = 0;
    for (int i = 10; i < ID_CHARS; i++)
        same += a.text[i] == b.text[i];
    assert_in_range(same, 0, 10); /* of 16, each by chance 1 in 32 */
    clock_real();
}

static void random_fills_every_byte(void **state)
{
    (void)state;
    unsigned char seen[1000] = {0};
    for (int round = 0; round < 20; round++) {
        unsigned char bytes[1002];
        bytes[0] = bytes[1001] = 0x5a;
        random_bytes(bytes + 1, 1000);
        for (int i = 0; i < 1000; i++)
            seen[i] |= bytes[i + 1];
        assert_true(bytes[0] == 0x5a && bytes[1001] == 0x5a);
    }
    for (int i = 0; i < 1000; i++)
        assert_int_not_equal(seen[i], 0);
    random_bytes(NULL, 0);
}

static void random_bits_are_even(void **state)
{
    (void)state;
    int ones[64] = {0};
    enum { DRAWS = 10000 };
    for (int i = 0; i < DRAWS; i++) {
        uint64_t r = random_u64();
        for (int bit = 0; bit < 64; bit++)
            ones[bit] += r >> bit & 1;
    }
    for (int bit = 0; bit < 64; bit++) /* ten standard deviations */
        assert_in_range(ones[bit], DRAWS / 2 - 500, DRAWS / 2 + 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_its_time),
        cmocka_unit_test(sorts_as_it_was_made),
        cmocka_unit_test(believes_a_clock_that_was_set),
        cmocka_unit_test(takes_the_time_given),
        cmocka_unit_test(differs_in_chance),
        cmocka_unit_test(random_fills_every_byte),
        cmocka_unit_test(random_bits_are_even),
    };
    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
