#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"

static void behaves_like_a_plain_array(void **state)
{
    (void)state;
    struct chance c = {3};
    for (int round = 0; round < 200; round++) {
        size_t ceiling = 1 + chance_below(&c, 3000);
        char model[3001];
        size_t n = 0;
        int failed = 0;
        struct buf b;
        buf_init(&b, ceiling);
        for (int step = 0; step < 100; step++) {
            char piece[600];
            size_t len = chance_below(&c, chance_below(&c, 8) ? 40 : sizeof(piece));
            memset(piece, 'a' + step % 26, len);
            if (chance_below(&c, 10) == 0) {
                size_t drop = chance_below(&c, 400);
                buf_drop(&b, drop);
                drop = drop < n ? drop : n;
                n -= drop;
                memmove(model, model + drop, n);
                continue;
            }
            int want = n + len <= ceiling ? 0 : E_TOO_LARGE;
            int got = chance_below(&c, 2) ? buf_add(&b, piece, len)
                                          : buf_printf(&b, "%.*s", (int)len, piece);
            assert_int_equal(got, want);
            failed = failed ? failed : want;
            if (want == 0) {
                memcpy(model + n, piece, len);
                n += len;
            }
            assert_str(buf_view(&b), str_of(model, n));
            assert_true(b.cap <= ceiling);
        }
        assert_int_equal(b.failed, failed);
        buf_fini(&b);
    }
}

static void reaches_its_ceiling_exactly(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_printf(&b, "%s", "0123456789"), 0);
    assert_int_equal(buf_char(&b, 'x'), E_TOO_LARGE);
    assert_int_equal(buf_printf(&b, "x"), E_TOO_LARGE);
    assert_int_equal(buf_printf(&b, "%1000d", 1), E_TOO_LARGE);
    assert_int_equal(buf_reserve(&b, 1), E_TOO_LARGE);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), E_TOO_LARGE);
    assert_int_equal(buf_add(&b, NULL, 0), 0);
    assert_str(buf_view(&b), STR("0123456789"));
    assert_int_equal(b.failed, E_TOO_LARGE);
    buf_clear(&b);
    assert_int_equal(b.failed, 0);
    assert_int_equal(b.n, 0);
    assert_int_equal(buf_str(&b, STR("again")), 0);
    buf_fini(&b);
    buf_fini(&b);
    buf_init(&b, SIZE_MAX);
    assert_int_equal(buf_reserve(&b, 100000), 0);
    assert_true(b.cap >= 100000);
    assert_int_equal(buf_printf(&b, "%70000d", 4), 0);
    assert_int_equal(b.n, 70000);
    assert_int_equal(b.p[69999], '4');
    buf_fini(&b);
}

static void numbers(void **state)
{
    (void)state;
    static const int64_t rows[] = {0,    1,    -1,         9,         10,       -10,
                                   1234, -999, 4294967296, INT64_MAX, INT64_MIN};
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char want[32];
        snprintf(want, sizeof(want), "%lld", (long long)rows[i]);
        buf_clear(&b);
        buf_i64(&b, rows[i]);
        assert_str(buf_view(&b), str_from(want));
        snprintf(want, sizeof(want), "%llu", (unsigned long long)rows[i]);
        buf_clear(&b);
        buf_u64(&b, (uint64_t)rows[i]);
        assert_str(buf_view(&b), str_from(want));
    }
    buf_fini(&b);
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        unsigned places, least;
        const char *text;
    } rows[] = {
        {0, 0, 0, "0"},
        {0, 9, 0, "0"},
        {0, 3, 3, "0.000"},
        {1234567, 9, 0, "0.001234567"},
        {1, 9, 0, "0.000000001"},
        {-1, 9, 0, "-0.000000001"},
        {1500000000, 9, 0, "1.5"},
        {1000000000, 9, 0, "1"},
        {1000000000, 9, 2, "1.00"},
        {10, 0, 0, "10"},
        {12000, 3, 3, "12.000"},
        {12000, 3, 0, "12"},
        {12050, 3, 1, "12.05"},
        {-12345, 3, 3, "-12.345"},
        {INT64_MAX, 9, 0, "9223372036.854775807"},
        {INT64_MIN, 9, 0, "-9223372036.854775808"},
        {INT64_MIN, 18, 18, "-9.223372036854775808"},
        {5, 18, 0, "0.000000000000000005"},
        {INT64_MIN, 0, 0, "-9223372036854775808"},
    };
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        assert_int_equal(buf_decimal(&b, rows[i].value, rows[i].places, rows[i].least), 0);
        assert_str(buf_view(&b), str_from(rows[i].text));
    }
    buf_fini(&b);
}

static void a_word_of_a_shell_is_one_word(void **state)
{
    (void)state;
    static const struct {
        const char *word, *want;
    } words[] = {
        {"/etc/sluice/a-b_c.yaml", "/etc/sluice/a-b_c.yaml"},
        {"", "''"},
        {"a dir/x.yaml", "'a dir/x.yaml'"},
        {"it's", "'it'\\''s'"},
        {"$(reboot)", "'$(reboot)'"},
        {"~/x;y", "'~/x;y'"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        struct buf b;
        buf_init(&b, 1024);
        assert_int_equal(buf_shell(&b, str_from(words[i].word)), 0);
        assert_str(buf_view(&b), str_from(words[i].want));
        buf_fini(&b);
    }
}

static void gives_its_memory_away(void **state)
{
    (void)state;
    struct buf b;
    size_t n = 7;
    buf_init(&b, 100);
    assert_null(buf_steal(&b, &n));
    assert_int_equal(n, 0);
    buf_str(&b, STR("kept"));
    char *p = buf_steal(&b, &n);
    assert_str(str_of(p, n), STR("kept"));
    assert_int_equal(b.n, 0);
    assert_int_equal(b.cap, 0);
    assert_int_equal(buf_str(&b, STR("new")), 0);
    assert_ptr_not_equal(b.p, p);
    buf_drop(&b, 1);
    assert_str(buf_view(&b), STR("ew"));
    buf_drop(&b, 10);
    assert_int_equal(b.n, 0);
    free(p);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_like_a_plain_array),
        cmocka_unit_test(reaches_its_ceiling_exactly),
        cmocka_unit_test(numbers),
        cmocka_unit_test(decimals),
        cmocka_unit_test(a_word_of_a_shell_is_one_word),
        cmocka_unit_test(gives_its_memory_away),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
