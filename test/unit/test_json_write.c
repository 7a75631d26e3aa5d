#include "base_test.h"

#include "base/err.h"
#include "base/json.h"

static void check(struct str text, const char *want)
{
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(json_quote(&b, text), 0);
    assert_str(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static void quotes(void **state)
{
    (void)state;
    check(STR(""), "\"\"");
    check(STR_NONE, "\"\"");
    check(STR("plain / text"), "\"plain / text\"");
    check(STR("a\"b\\c"), "\"a\\\"b\\\\c\"");
    check(STR("\b\f\n\r\t\v\x01\x1f"), "\"\\b\\f\\n\\r\\t\\u000b\\u0001\\u001f\"");
    check(str_of("a\0b", 3), "\"a\\u0000b\"");
    check(STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

static void replaces_invalid_utf8(void **state)
{
    (void)state;
    check(STR("a\xff"), "\"a\xef\xbf\xbd\"");
    check(STR("\xc3"), "\"\xef\xbf\xbd\"");
    check(STR("\xc3(x"), "\"\xef\xbf\xbd(x\"");
    check(STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    check(STR("\xf0\x9f\x98"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void escapes_what_terminals_obey(void **state)
{
    (void)state;
    check(STR("\x1b[31m"), "\"\\u001b[31m\"");
    check(STR("\x7f"), "\"\\u007f\"");
    check(STR("\xc2\x9b"
              "2J\xc2\x80\xc2\x85"),
          "\"\\u009b2J\\u0080\\u0085\"");
    check(STR("\xc2\xa0"), "\"\xc2\xa0\"");
    check(STR("\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7"), "\"\\u2028\\u2029\xe2\x80\xa7\"");
}

/* Read again, every text is what it was. */
static void comes_back(void **state)
{
    (void)state;
    static const char *const parts[] = {"a",
                                        "\"",
                                        "\\",
                                        "\n",
                                        "\x7f",
                                        "\xc2\x9b",
                                        "\xc3\xa4",
                                        "\xe2\x80\xa8",
                                        "\x01",
                                        "/",
                                        "\xf0\x9f\x98\x80"};
    struct chance c = {8};
    struct buf text, quoted;
    buf_init(&text, 10000);
    buf_init(&quoted, 60000);
    for (int round = 0; round < 5000; round++) {
        buf_clear(&text);
        buf_clear(&quoted);
        while (chance_below(&c, 30))
            buf_str(&text, str_from(parts[chance_below(&c, ARRAY_LEN(parts))]));
        json_quote(&quoted, buf_view(&text));
        yyjson_val *v = json_peek(buf_view(&quoted));
        assert_non_null(v);
        assert_str(json_str(v), buf_view(&text));
    }
    buf_fini(&text);
    buf_fini(&quoted);
}

static void writes_all_or_nothing(void **state)
{
    (void)state;
    struct buf b;
    for (size_t ceiling = 1; ceiling <= 12; ceiling++) {
        buf_init(&b, ceiling);
        buf_char(&b, ':');
        int err = json_quote(&b, STR("ab\ncd\"")); /* ten bytes with quotes and escapes */
        assert_int_equal(err, ceiling < 11 ? E_TOO_LARGE : 0);
        assert_int_equal(b.failed, err);
        assert_str(buf_view(&b), err ? STR(":") : STR(":\"ab\\ncd\\\"\""));
        buf_fini(&b);
    }
}

static void writes_dollars(void **state)
{
    (void)state;
    static const struct {
        int64_t nanos;
        const char *text;
    } rows[] = {{0, "0"},
                {1234567, "0.001234567"},
                {2500000000, "2.5"},
                {-150, "-0.00000015"},
                {INT64_MAX, "9223372036.854775807"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 100);
        assert_int_equal(json_usd(&b, rows[i].nanos), 0);
        assert_str(buf_view(&b), str_from(rows[i].text));
        assert_true(yyjson_is_num(json_peek(buf_view(&b))));
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes),
        cmocka_unit_test(replaces_invalid_utf8),
        cmocka_unit_test(escapes_what_terminals_obey),
        cmocka_unit_test(comes_back),
        cmocka_unit_test(writes_all_or_nothing),
        cmocka_unit_test(writes_dollars),
    };
    return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
