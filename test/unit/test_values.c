/* test_values.c: JSON values held against each other. */
#include "base_test.h"

#include <stdio.h>

#include "base/json.h"
#include "eval/json/values.h"

#define TEST_BYTES_MAX (16u << 20)

static struct arena arena;

static yyjson_val *json(const char *text)
{
    yyjson_doc *doc = NULL;
    if (json_parse(&arena, str_from(text), &doc, NULL) != 0)
        fail_msg("the test's JSON: %s", text);
    return yyjson_doc_get_root(doc);
}

static const struct {
    const char *a, *b;
    bool same;
} pairs[] = {
    {"1", "1.0", true},
    {"1", "1e0", true},
    {"100", "1e2", true},
    {"-5", "-5.0", true},
    {"0", "-0.0", true},
    {"0", "-0", true},
    {"0.1", "0.10", true},
    {"1", "1.0000001", false},
    {"1", "-1", false},
    {"9007199254740993", "9007199254740992.0", false},
    {"9007199254740992", "9007199254740992.0", true},
    {"18446744073709551615", "18446744073709551615", true},
    {"18446744073709551615", "-1", false},
    {"18446744073709551616", "18446744073709551616", true},
    {"18446744073709551616", "18446744073709551617", false},
    {"100000000000000000000000", "1e23", true},
    {"1", "true", false},
    {"0", "false", false},
    {"0", "null", false},
    {"\"1\"", "1", false},
    {"\"a\"", "\"a\"", true},
    {"\"a\"", "\"A\"", false},
    {"null", "null", true},
    {"true", "true", true},
    {"true", "false", false},
    {"[]", "{}", false},
    {"[]", "[]", true},
    {"[1,2]", "[1.0,2.0]", true},
    {"[1,2]", "[2,1]", false},
    {"[1,2]", "[1]", false},
    {"{\"a\":1,\"b\":[{}]}", "{\"b\":[{}],\"a\":1.0}", true},
    {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
    {"{\"a\":1}", "{\"b\":1}", false},
    {"{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}", false},
    {"{\"a\":null}", "{\"b\":null}", false},
};

static void equal_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct values_steps steps = {1000};
        bool there = values_equal(json(pairs[i].a), json(pairs[i].b), &steps);
        bool back = values_equal(json(pairs[i].b), json(pairs[i].a), &steps);
        if (there != pairs[i].same || back != pairs[i].same)
            fail_msg("%s and %s: %d, %d", pairs[i].a, pairs[i].b, there, back);
    }
}

/* In rising order. */
static void order_test(void **state)
{
    static const char *const numbers[] = {
        "-1e400",
        "-9223372036854775808",
        "-5.5",
        "-5",
        "0",
        "1e-300",
        "1",
        "1.5",
        "2",
        "9007199254740992",
        "9223372036854775807",
        "18446744073709551615",
        "1e30",
        "123456789012345678901234567890123456789",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
            int want = (i > k) - (i < k);
            if (values_order(json(numbers[i]), json(numbers[k])) != want)
                fail_msg("%s and %s", numbers[i], numbers[k]);
        }
    assert_int_equal(values_order(json("3"), json("3.0")), 0);
    assert_int_equal(values_order(json("18446744073709551614"), json("18446744073709551615")), -1);
    assert_int_equal(values_order(json("-9223372036854775808"), json("-9223372036854775807")), -1);
}

static void whole_test(void **state)
{
    static const struct {
        const char *text;
        bool whole, integer;
    } numbers[] = {
        {"3", true, true},
        {"-3", true, true},
        {"3.0", true, false},
        {"3.5", false, false},
        {"1e3", true, false},
        {"1e-3", false, false},
        {"18446744073709551616", true, true},
        {"-18446744073709551616", true, true},
        {"1e400", true, false},
        {"\"3\"", false, false},
        {"true", false, false},
        {"null", false, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        yyjson_val *v = json(numbers[i].text);
        if (values_is_whole(v) != numbers[i].whole || values_is_integer(v) != numbers[i].integer)
            fail_msg("%s: whole %d, integer %d", numbers[i].text, values_is_whole(v),
                     values_is_integer(v));
    }
}

static void multiple_test(void **state)
{
    static const struct {
        const char *v, *of;
        bool is;
    } all[] = {
        {"10", "2", true},
        {"7", "2", false},
        {"0", "3.7", true},
        {"4.5", "1.5", true},
        {"35", "1.5", false},
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
        {"0.3", "0.1", true},
        {"-0.3", "0.1", true},
        {"1e308", "0.5", true},
        {"1e308", "0.123456789", false},
        {"1", "1e300", false},
        {"1e-7", "1", false},
        {"12391239123", "1e-8", true},
        {"19.99", "0.01", true},
        {"19.995", "0.01", false},
        {"18446744073709551615", "5", true},
        {"18446744073709551615", "7", false},
        {"50", "1e1", true},
        {"5", "1e1", false},
        {"100000000000000000000000", "4", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (values_is_multiple(json(all[i].v), json(all[i].of)) != all[i].is)
            fail_msg("%s of %s", all[i].v, all[i].of);
}

/* 9 times 11 is more than what it is told to spend. */
static void steps_test(void **state)
{
    struct values_steps steps = {50};
    struct buf text;
    (void)state;
    buf_init(&text, TEST_BYTES_MAX);
    buf_char(&text, '[');
    for (unsigned i = 0; i < 99; i++)
        buf_str(&text, i ? STR(",1") : STR("1"));
    buf_add(&text, "]", 2);
    yyjson_val *v = json(text.p);
    assert_false(values_equal(v, v, &steps));
    assert_true(steps.left == 0);
    steps.left = 1000;
    assert_true(values_equal(v, v, &steps));
    assert_true(steps.left > 0);
    buf_fini(&text);
}

static void show_test(void **state)
{
    (void)state;
    assert_str(values_show(&arena, json("\"a \\\"b\\\"\""), 80), STR("'a \"b\"'"));
    assert_str(values_show(&arena, json("\"a\\nb\""), 80), STR("\"a\\nb\""));
    assert_str(values_show(&arena, json("[\"\\u009b1m\"]"), 80), STR("[\\\"\\u009b1m\\\"]"));
    assert_str(values_show(&arena, json("{ \"a\": [1, 2.0] }"), 80), STR("{\"a\":[1,2.0]}"));
    assert_str(values_show(&arena, json("\"\xc3\xa4\xc3\xa4\xc3\xa4\""), 3), STR("'\xc3\xa4...'"));
    assert_str(values_show(&arena, json("123456789012345678901234567890"), 80),
               STR("123456789012345678901234567890"));
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_test),    cmocka_unit_test(order_test), cmocka_unit_test(whole_test),
        cmocka_unit_test(multiple_test), cmocka_unit_test(steps_test), cmocka_unit_test(show_test),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
