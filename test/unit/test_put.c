#include "base_test.h"

#include <stdio.h>

#include "base/macros.h"
#include "base/put.h"

/* Every length, from and to every alignment, and not a byte more. */
static void bytes(void **state)
{
    (void)state;
    for (size_t n = 0; n < 100; n++) {
        for (size_t shift = 0; shift < 16; shift++) {
            char from[120], to[140];
            for (size_t i = 0; i < sizeof(from); i++)
                from[i] = (char)(i + 1);
            memset(to, 0, sizeof(to));
            assert_ptr_equal(put_bytes(to + 1 + shift, from + shift, n), to + 1 + shift + n);
            assert_int_equal(to[shift], 0);
            assert_memory_equal(to + 1 + shift, from + shift, n);
            assert_int_equal(to[1 + shift + n], 0);
        }
    }
    char at[1];
    assert_ptr_equal(put_str(at, STR_NONE), at);
}

static void expect_number(uint64_t value)
{
    char out[PUT_U64_MAX + 1], want[PUT_U64_MAX + 1];
    *put_u64(out, value) = '\0';
    snprintf(want, sizeof(want), "%llu", (unsigned long long)value);
    assert_string_equal(out, want);
    char signed_out[PUT_DECIMAL_MAX + 1], signed_want[PUT_DECIMAL_MAX + 1];
    *put_i64(signed_out, (int64_t)value) = '\0';
    snprintf(signed_want, sizeof(signed_want), "%lld", (long long)value);
    assert_string_equal(signed_out, signed_want);
}

/* Around every power of ten and of two, where the number of digits is at its edge. */
static void numbers(void **state)
{
    (void)state;
    struct chance c = {7};
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
        for (uint64_t value = power * 10 - 3; value != power * 10 + 3; value++)
            expect_number(value);
    for (unsigned bits = 0; bits < 64; bits++)
        for (int near = -2; near <= 2; near++)
            expect_number((UINT64_C(1) << bits) + (uint64_t)near);
    for (uint64_t value = 0; value < 20000; value++)
        expect_number(value);
    for (int round = 0; round < 20000; round++)
        expect_number(
            ((uint64_t)chance_below(&c, UINT32_MAX) << 32 | chance_below(&c, UINT32_MAX)) >>
            chance_below(&c, 64));
}

static void digits(void **state)
{
    (void)state;
    char out[16];
    *put_digits(out, 0, 3) = '\0';
    assert_string_equal(out, "000");
    *put_digits(out, 7, 2) = '\0';
    assert_string_equal(out, "07");
    *put_digits(out, 9999, 4) = '\0';
    assert_string_equal(out, "9999");
    *put_digits(out, 5, 1) = '\0';
    assert_string_equal(out, "5");
}

/* The plain way: a digit at a time, from the end. */
static void decimal_plainly(char out[64], int64_t value, unsigned places, unsigned least)
{
    char text[64];
    size_t at = sizeof(text);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    bool begun = false;
    text[--at] = '\0';
    for (unsigned place = places; place > 0; place--, rest /= 10) {
        begun = begun || rest % 10 != 0 || place <= least;
        if (begun)
            text[--at] = (char)('0' + rest % 10);
    }
    if (begun)
        text[--at] = '.';
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        text[--at] = '-';
    memcpy(out, text + at, sizeof(text) - at);
}

static void expect_decimal(int64_t value)
{
    for (unsigned places = 0; places <= 18; places++) {
        for (unsigned least = 0; least <= places; least++) {
            char out[PUT_DECIMAL_MAX + 1], want[64];
            char *end = put_decimal(out, value, places, least);
            assert_true(end - out <= PUT_DECIMAL_MAX);
            *end = '\0';
            decimal_plainly(want, value, places, least);
            assert_string_equal(out, want);
        }
    }
}

static void decimals(void **state)
{
    (void)state;
    struct chance c = {8};
    static const int64_t edges[] = {0, 1, 5, 9, 10, 12000, 12050, 1500000000, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        expect_decimal(edges[i]);
        expect_decimal((int64_t)(0 - (uint64_t)edges[i]));
    }
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
        expect_decimal(power * 10);
        expect_decimal(power * 10 - 1);
        expect_decimal(-power * 10 - 1);
    }
    for (int round = 0; round < 1000; round++)
        expect_decimal((int64_t)(((uint64_t)chance_below(&c, UINT32_MAX) << 32 |
                                  chance_below(&c, UINT32_MAX)) >>
                                 chance_below(&c, 64)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(digits),
        cmocka_unit_test(decimals),
    };
    return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
