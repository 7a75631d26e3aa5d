/* test_crc32.c: the check value that every description of this CRC has, and sums in pieces. */
#include "base_test.h"

#include "base/crc32.h"

static void known_values(void **state)
{
    (void)state;
    assert_int_equal(crc32_add(0, STR_NONE), 0);
    assert_int_equal(crc32_add(0, STR("123456789")), 0xcbf43926);
    assert_int_equal(crc32_add(0, STR("a")), 0xe8b7be43);
    assert_int_equal(crc32_add(0, STR("\xff\xff\xff\xff")), 0xffffffff);
}

/* A bit at a time. */
static uint32_t simple(struct str s)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

static void pieces_are_the_whole(void **state)
{
    (void)state;
    struct chance c = {11};
    char text[300];
    for (int round = 0; round < 300; round++) {
        struct str s = {text, chance_below(&c, sizeof(text))};
        for (size_t i = 0; i < s.n; i++)
            text[i] = (char)chance_below(&c, 256);
        size_t cut = chance_below(&c, (unsigned)s.n + 1);
        uint32_t sum = crc32_add(crc32_add(0, str_head(s, cut)), str_tail(s, cut));
        assert_int_equal(sum, simple(s));
        assert_int_equal(crc32_add(0, s), simple(s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(pieces_are_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
