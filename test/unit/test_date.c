/* test_date.c: dates in fields, and how long a server asks to wait. */
#include "base_test.h"
#include "http/date.h"

#define SOME_DAY_S 784111777 /* of RFC 9110's examples */

static void all_three_forms_are_read(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994", " Sun, 06 Nov 1994 08:49:37 GMT "};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        int64_t s = 0;
        if (!http_date_read(str_from(forms[i]), &s) || s != SOME_DAY_S)
            fail_msg("%s: %lld", forms[i], (long long)s);
    }
}

static void what_is_no_date_is_none(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "60",
        "soon",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT, or later",
        "Sun, 06 Nov 1994 08:49:37 +0100",
        "Sun, 06 Nov 1994 08:49:37 GMT                                            x"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        int64_t s = -7;
        if (http_date_read(str_from(others[i]), &s) || s != -7)
            fail_msg("taken: %s", others[i]);
    }
}

static void waits_are_read_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        int64_t ms;
    } waits[] = {
        {"Retry-After", "7", 7000},
        {"Retry-After", "0", 0},
        {"Retry-After", "86400", 86400000},
        {"Retry-After", "86401", -1},
        {"Retry-After", "-1", -1},
        {"Retry-After", "soon", -1},
        {"retry-after-ms", "250", 250},
        {"Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT", 10000},
        {"Retry-After", "Sunday, 06-Nov-94 08:49:38 GMT", 1000},
        {"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {"Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT", 0},
        {"Retry-After", "Tue, 08 Nov 1994 08:49:37 GMT", -1},
    };
    struct arena arena;
    arena_init(&arena, 1u << 20);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        struct http_headers h;
        http_headers_init(&h, &arena);
        assert_int_equal(http_retry_after_ms(&h, SOME_DAY_S), -1);
        assert_int_equal(http_headers_add(&h, str_from(waits[i].name), str_from(waits[i].value)),
                         0);
        if (http_retry_after_ms(&h, SOME_DAY_S) != waits[i].ms)
            fail_msg("%s: %s", waits[i].name, waits[i].value);
    }
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_three_forms_are_read),
        cmocka_unit_test(what_is_no_date_is_none),
        cmocka_unit_test(waits_are_read_in_every_form),
    };
    return cmocka_run_group_tests_name("date", tests, NULL, NULL);
}
