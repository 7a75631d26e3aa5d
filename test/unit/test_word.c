/* Words are held against the plain way, a byte at a time, for every byte at every place. */
#include "base_test.h"

#include "base/word.h"

static void fewer_than_eight_bytes(void **state)
{
    (void)state;
    struct chance c = {5};
    for (size_t n = 1; n < 8; n++) {
        for (int round = 0; round < 2000; round++) {
            char a[8], b[8];
            for (size_t i = 0; i < n; i++)
                b[i] = a[i] = (char)chance_below(&c, 256);
            assert_true(word_few(a, n) == word_few(b, n));
            b[chance_below(&c, (unsigned)n)] ^= (char)(1u << chance_below(&c, 8));
            assert_true(word_few(a, n) != word_few(b, n));
            for (unsigned byte = 0; byte < 256; byte++)
                assert_int_equal(word_has(word_few(a, n), (unsigned char)byte) != 0,
                                 memchr(a, (int)byte, n) != NULL);
        }
    }
}

static void every_byte_at_every_place(void **state)
{
    (void)state;
    struct chance c = {6};
    for (unsigned place = 0; place < 8; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            char text[8];
            for (unsigned i = 0; i < 8; i++)
                text[i] = (char)chance_below(&c, 256);
            text[place] = (char)byte;
            uint64_t word = word_load(text);
            for (unsigned least = 1; least <= 0x80; least++) {
                bool below = false;
                for (unsigned i = 0; i < 8; i++)
                    below |= (unsigned char)text[i] < least;
                assert_int_equal(word_below(word, (unsigned char)least) != 0, below);
            }
            for (unsigned other = 0; other < 256; other++)
                assert_int_equal(word_has(word, (unsigned char)other) != 0,
                                 memchr(text, (int)other, 8) != NULL);
            for (unsigned i = 0; i < 8; i++)
                if (text[i] >= 'A' && text[i] <= 'Z')
                    text[i] = (char)(text[i] + 'a' - 'A');
            assert_true(word_lower(word) == word_load(text));
        }
    }
}

static bool has_x(uint64_t word)
{
    return word_has(word, 'x') != 0;
}

static void any_looks_at_every_byte_and_no_other(void **state)
{
    (void)state;
    char text[64];
    for (size_t n = 0; n < 40; n++) {
        memset(text, 'x', sizeof(text));
        memset(text + 10, '-', n);
        assert_false(word_any(text + 10, n, has_x));
        for (size_t at = 0; at < n; at++) {
            text[10 + at] = 'x';
            assert_true(word_any(text + 10, n, has_x));
            text[10 + at] = '-';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fewer_than_eight_bytes),
        cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(any_looks_at_every_byte_and_no_other),
    };
    return cmocka_run_group_tests_name("word", tests, NULL, NULL);
}
