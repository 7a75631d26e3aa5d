#include "base_test.h"

#include "base/arena.h"
#include "base/json.h"

/* The fault of a text that has to be refused, by a scan and by a parse alike. */
static void check(struct str text, const char *want)
{
    const struct json_scan *s;
    struct fault f = {0}, parsed = {0};
    struct arena a;
    yyjson_doc *doc;
    arena_init(&a, 1 << 20);
    assert_int_equal(json_scan(text, &s, &f), E_BAD_JSON);
    assert_int_equal(json_parse(&a, text, &doc, &parsed), E_BAD_JSON);
    arena_fini(&a);
    assert_string_equal(parsed.text, f.text);
    if (!strstr(f.text, want))
        fail_msg("\"%.*s\" gives \"%s\", want \"%s\"", STR_ARGS(text), f.text, want);
}

/* What stands where, and what should stand there. */
#define CHECK(text, byte, wanted)                                                                  \
    do {                                                                                           \
        check(STR(text), "at byte " #byte " (");                                                   \
        check(STR(text), wanted);                                                                  \
    } while (0)

static void says_what_the_grammar_wants(void **state)
{
    (void)state;
    CHECK("{a:1}", 1, "expected a key in double quotes or '}'");
    CHECK("{,}", 1, "expected a key in double quotes or '}'");
    CHECK("{\"a\":1,b:2}", 7, "expected a key in double quotes");
    CHECK("{\"a\" 1}", 5, "expected ':'");
    CHECK("{\"a\":}", 5, "expected a value");
    CHECK("{\"a\":1 \"b\":2}", 7, "expected ',' or '}'");
    CHECK("{\"a\":{\"b\":1} \"c\":2}", 13, "expected ',' or '}'");
    CHECK("{\"a\":[1 2]}", 8, "expected ',' or ']'");
    CHECK("{\"a\":[[1] 2]}", 10, "expected ',' or ']'");
    CHECK("{\"a\":[1,2}", 9, "expected ',' or ']'");
    CHECK("{\"a\":[,1]}", 6, "expected a value or ']'");
    CHECK("{} x", 3, "expected nothing more");
    CHECK("{\"a\":1}}", 7, "expected nothing more");
    CHECK("", 0, "expected a value");
    CHECK("  ", 0, "expected a value");
    CHECK("\xef\xbb\xbf{}", 0, "byte order mark");
    CHECK("{\"a\":\":\\\",]\" 1}", 13, "expected ',' or '}'"); /* a string is no grammar */
}

static void says_what_a_token_wants(void **state)
{
    (void)state;
    CHECK("{\"a\":tru}", 5, "expected true, false or null");
    CHECK("{\"a\":01}", 5, "expected a number such as -12.5e3");
    CHECK("{\"a\":\"\xff\"}", 6, "expected a string in UTF-8");
    CHECK("{\"a\":\"\xed\xa0\x80\"}", 6, "expected a string in UTF-8");
    CHECK("{\"a\":\"\n\"}", 6, "control character");
    CHECK("{\"a\":\"\\x\"}", 7, "escape");
    CHECK("{\"\xc0\xaf\":1}", 2, "expected a string in UTF-8");
    CHECK("{\"a\":\"x", 7, "expected the end of the string");
    check(str_of("{\"a\":\"\0\"}", 9), "at byte 6 (");
}

static void says_where_a_text_ended(void **state)
{
    (void)state;
    CHECK("{", 1, "unexpected end");
    CHECK("{\"a\":[1,", 8, "expected a value");
    CHECK("{\"a\"", 4, "expected ':'");
    CHECK("{\"a\":12", 7, "expected ',' or '}'");
    check(str_of("{}\0", 3), "at byte 2 (");
}

static void counts_lines(void **state)
{
    (void)state;
    check(STR("{\n\"a\": 1,\n\n\"b\" 2}\n"), "at byte 15 (line 4)");
    check(STR("{\"a\":1,}"), "(line 1): trailing comma is not allowed");
}

/* Deeper than the walk can follow: no guess is better than a wrong one. */
static void does_not_guess(void **state)
{
    (void)state;
    char text[1000];
    memset(text, '[', sizeof(text));
    const struct json_scan *s;
    struct fault f = {0};
    assert_int_equal(json_scan(str_of(text, sizeof(text)), &s, &f), E_BAD_JSON);
    assert_non_null(strstr(f.text, "at byte 1000"));
    assert_null(strstr(f.text, "expected a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_grammar_wants),
        cmocka_unit_test(says_what_a_token_wants),
        cmocka_unit_test(says_where_a_text_ended),
        cmocka_unit_test(counts_lines),
        cmocka_unit_test(does_not_guess),
    };
    return cmocka_run_group_tests_name("json_fault", tests, NULL, NULL);
}
