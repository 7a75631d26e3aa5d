#include "base_test.h"

#include <stdlib.h>

static void compares(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), STR_NONE));
    assert_true(str_eq(STR("ab"), str_from("ab")));
    assert_false(str_eq(STR("ab"), STR("abc")));
    assert_false(str_eq(STR("ab"), STR("aB")));
    assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_eq_nocase(STR("@"), STR("`"))); /* 0x20 apart, but no letters */
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
    assert_true(str_cmp(STR("\x7f"), STR("\x80")) < 0); /* bytes have no sign */
}

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Every pair of bytes, at every place of texts of every length. */
static void case_counts_for_letters_only(void **state)
{
    (void)state;
    char a[24], b[24];
    for (size_t n = 1; n < sizeof(a); n++) {
        for (size_t at = 0; at < n; at++) {
            memset(a, 'k', sizeof(a));
            memset(b, 'K', sizeof(b));
            for (unsigned pair = 0; pair < 65536; pair++) {
                a[at] = (char)(pair >> 8);
                b[at] = (char)(pair & 255);
                bool equal = small(a[at]) == small(b[at]);
                if (str_eq_nocase(str_of(a, n), str_of(b, n)) != equal)
                    fail_msg("%zu of %zu: %02x %02x", at, n, pair >> 8, pair & 255);
            }
        }
    }
    assert_true(str_eq_nocase(STR_NONE, STR("")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
}

/* A difference of any bit at any place is one, and nothing else is. */
static void secrets_compare(void **state)
{
    (void)state;
    for (size_t n = 0; n < 40; n++) {
        char a[48], b[48];
        memset(a, 0x5a, sizeof(a));
        memset(b, 0x5a, sizeof(b));
        b[n] = 'x'; /* behind the end */
        assert_true(str_eq_secret(str_of(a, n), str_of(b, n)));
        assert_false(str_eq_secret(str_of(a, n), str_of(a, n + 1)));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            b[bit / 8] ^= (char)(1u << bit % 8);
            assert_false(str_eq_secret(str_of(a, n), str_of(b, n)));
            b[bit / 8] ^= (char)(1u << bit % 8);
        }
    }
    assert_true(str_eq_secret(STR_NONE, STR("")));
}

static void heads_and_tails(void **state)
{
    (void)state;
    assert_true(str_starts(STR("bearer x"), STR("bearer ")));
    assert_false(str_starts(STR("be"), STR("bearer")));
    assert_true(str_starts(STR("x"), STR("")));
    assert_true(str_starts_nocase(STR("Bearer x"), STR("bEARER ")));
    assert_false(str_starts_nocase(STR("Bearer"), STR("bearer ")));
    assert_true(str_ends(STR("a.json"), STR(".json")));
    assert_false(str_ends(STR("json"), STR(".json")));
    assert_str(str_head(STR("abc"), 2), STR("ab"));
    assert_str(str_head(STR("abc"), 9), STR("abc"));
    assert_str(str_tail(STR("abc"), 2), STR("c"));
    assert_str(str_tail(STR("abc"), 9), STR(""));
    assert_null(str_tail(STR_NONE, 1).p);
    assert_str(str_trim(STR(" \t\r\na b\n ")), STR("a b"));
    assert_str(str_trim(STR(" \n")), STR(""));
    assert_str(str_trim(STR("\v")), STR("\v"));
}

static void finds(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("abcabc"), STR("ca")), 2);
    assert_int_equal(str_find(STR("abc"), STR("abcd")), -1);
    assert_int_equal(str_find(STR("abc"), STR("x")), -1);
    assert_int_equal(str_find(STR("abc"), STR("")), 0);
    assert_int_equal(str_find(STR_NONE, STR("x")), -1);
    struct str zeros = str_of("a\0b", 3);
    assert_int_equal(str_find(zeros, STR("b")), 2);
}

static void cuts(void **state)
{
    (void)state;
    struct str rest = STR("a,,b");
    assert_str(str_cut(&rest, ','), STR("a"));
    assert_str(str_cut(&rest, ','), STR(""));
    assert_non_null(rest.p);
    assert_str(str_cut(&rest, ','), STR("b"));
    assert_null(rest.p);
    rest = STR("a,");
    assert_str(str_cut(&rest, ','), STR("a"));
    assert_non_null(rest.p); /* there is one more field, an empty one */
    assert_str(str_cut(&rest, ','), STR(""));
    assert_null(rest.p);
}

static void numbers(void **state)
{
    (void)state;
    uint64_t value = 77;
    assert_true(str_to_u64(STR("0"), 10, &value));
    assert_int_equal(value, 0);
    assert_true(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(str_to_u64(STR("007"), 7, &value));
    assert_int_equal(value, 7);
    static const char *const wrong[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "1a",
                                        "0x1",
                                        "8",
                                        "18446744073709551616",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (str_to_u64(str_from(wrong[i]), 7, &value))
            fail_msg("\"%s\" passed for a number up to 7", wrong[i]);
    assert_int_equal(value, 7); /* untouched */
    /* Around the largest number, also behind zeros and with digits that wrap around to a small one.
     */
    static const char *const beyond[] = {"18446744073709551616",    "18446744073709551619",
                                         "18446744073709551620",    "99999999999999999999",
                                         "00018446744073709551616", "36893488147419103232",
                                         "184467440737095516150",   "184467440737095516160"};
    for (size_t i = 0; i < ARRAY_LEN(beyond); i++)
        assert_false(str_to_u64(str_from(beyond[i]), UINT64_MAX, &value));
    assert_true(
        str_to_u64(STR("000000000000000000000000018446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(str_to_u64(STR("9999999999999999999"), UINT64_MAX, &value));
    assert_true(value == 9999999999999999999u);
}

static void utf8_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } rows[] = {
        {"", 0},
        {"a", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xc2\x80", 2},
        {"\xc1\xbf", 0},
        {"\xc2", 0},
        {"\xc2\x41", 0},
        {"\xdf\xbf", 2},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xef\xbf\xbf", 3},
        {"\xe2\x82", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xf0\x9f\x98", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_utf8_len(str_from(rows[i].text)) != rows[i].length)
            fail_msg("row %zu: %zu", i, str_utf8_len(str_from(rows[i].text)));
    assert_int_equal(str_utf8_len(str_of("", 1)), 1); /* NUL is a character */
}

static void heads_keep_characters_whole(void **state)
{
    (void)state;
    struct str s = STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"); /* of 1, 2, 3, 4, 1 bytes */
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t n = 0; n < ARRAY_LEN(want); n++)
        assert_int_equal(str_head_utf8(s, n).n, want[n]);
    assert_int_equal(str_head_utf8(STR("\x80\x80\x80\x80\x80\x80"), 4).n, 4);
}

/* The textbook's recursion, which is slow but plainly right. */
static unsigned naive_distance(struct str a, struct str b)
{
    if (a.n == 0 || b.n == 0)
        return (unsigned)(a.n + b.n);
    struct str a1 = str_head(a, a.n - 1), b1 = str_head(b, b.n - 1);
    unsigned best = naive_distance(a1, b1) + (a.p[a.n - 1] != b.p[b.n - 1]);
    unsigned other = naive_distance(a1, b) + 1;
    best = other < best ? other : best;
    other = naive_distance(a, b1) + 1;
    best = other < best ? other : best;
    if (a.n > 1 && b.n > 1 && a.p[a.n - 1] == b.p[b.n - 2] && a.p[a.n - 2] == b.p[b.n - 1]) {
        other = naive_distance(str_head(a, a.n - 2), str_head(b, b.n - 2)) + 1;
        best = other < best ? other : best;
    }
    return best;
}

static void texts_have_no_control_characters(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a b", "caf\xc3\xa9", "\xc2\xa0", "\xf0\x9f\x98\x80",
                                        "~"};
    static const char *const others[] = {"a\n",
                                         "\x1b[2J",
                                         "\x7f",
                                         "\xc2\x9b"
                                         "2J",
                                         "\xff",
                                         "\xc3",
                                         "\t"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_true(str_is_text(str_from(texts[i])));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(str_is_text(str_from(others[i])));
    assert_false(str_is_text(str_of("", 1)));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(str_distance(STR("gpt-4o"), STR("gpt-4o")), 0);
    assert_int_equal(str_distance(STR("gpt-4o"), STR("gpt4-o")), 1);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    struct chance c = {1};
    for (int round = 0; round < 3000; round++) {
        char text[2][6];
        struct str s[2];
        for (int k = 0; k < 2; k++) {
            s[k] = str_of(text[k], chance_below(&c, sizeof(text[k]) + 1));
            for (size_t i = 0; i < s[k].n; i++)
                text[k][i] = (char)('a' + chance_below(&c, 3));
        }
        unsigned got = str_distance(s[0], s[1]), want = naive_distance(s[0], s[1]);
        if (got != want || got != str_distance(s[1], s[0]))
            fail_msg("%.*s %.*s: %u, want %u", STR_ARGS(s[0]), STR_ARGS(s[1]), got, want);
    }
}

static void distance_has_a_ceiling(void **state)
{
    (void)state;
    char a[65], b[65];
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    assert_int_equal(str_distance(str_of(a, 64), str_of(b, 64)), 64);
    assert_int_equal(str_distance(str_of(a, 64), str_of(a, 64)), 0);
    assert_int_equal(str_distance(str_of(a, 65), str_of(a, 65)), 64);
}

static void nearest(void **state)
{
    (void)state;
    const struct str words[] = {STR("gpt-4o-mini"), STR("gpt-4o"), STR("claude-haiku-4-5"),
                                STR("llama")};
    size_t n = ARRAY_LEN(words);
    assert_str(str_nearest(STR("gpt-4o-minni"), words, n), STR("gpt-4o-mini"));
    assert_str(str_nearest(STR("gtp-4o"), words, n), STR("gpt-4o"));
    assert_str(str_nearest(STR("LLAMA"), words, n), STR("llama"));
    assert_null(str_nearest(STR("mistral"), words, n).p);
    assert_null(str_nearest(STR("zz"), words, n).p);
    assert_null(str_nearest(STR("lxxma"), words, n).p); /* two of five are too many */
    assert_null(str_nearest(STR("x"), NULL, 0).p);
    char longer[200];
    memset(longer, 'l', sizeof(longer));
    assert_null(str_nearest(str_of(longer, sizeof(longer)), words, n).p);
    const struct str long_word = str_of(longer, sizeof(longer));
    assert_null(str_nearest(STR("llllll"), &long_word, 1).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(case_counts_for_letters_only),
        cmocka_unit_test(secrets_compare),
        cmocka_unit_test(heads_and_tails),
        cmocka_unit_test(finds),
        cmocka_unit_test(cuts),
        cmocka_unit_test(numbers),
        cmocka_unit_test(utf8_lengths),
        cmocka_unit_test(texts_have_no_control_characters),
        cmocka_unit_test(heads_keep_characters_whole),
        cmocka_unit_test(distances),
        cmocka_unit_test(distance_has_a_ceiling),
        cmocka_unit_test(nearest),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
