/* test_message.c: header lists, names, status texts, and the pieces that headers are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "http/head.h"
#include "http/message.h"

static void test_headers(void **state)
{
    struct arena arena;
    struct http_headers h;

    (void)state;
    arena_init(&arena, 1 << 20);
    http_headers_init(&h, &arena);
    assert_null(http_headers_get(&h, STR("x")).p);
    assert_int_equal(http_headers_count(&h, STR("x")), 0);
    assert_int_equal(http_headers_add(&h, STR("X-One"), STR("1")), 0);
    assert_int_equal(http_headers_add(&h, STR("x-two"), STR("2")), 0);
    assert_int_equal(http_headers_add(&h, STR("x-ONE"), STR("3")), 0);
    assert_true(str_eq(http_headers_get(&h, STR("x-one")), STR("1")));
    assert_true(str_eq(http_headers_get(&h, STR("X-TWO")), STR("2")));
    assert_null(http_headers_get(&h, STR("x-tw")).p);
    assert_null(http_headers_get(&h, STR("x-twoo")).p);
    assert_int_equal(http_headers_count(&h, STR("X-one")), 2);
    /* Order and spelling stay, also when the list grows. */
    for (int i = 0; i < 200; i++)
        assert_int_equal(http_headers_add(&h, STR("y"), STR("z")), 0);
    assert_int_equal(h.n, 203);
    assert_true(str_eq(h.at[0].name, STR("X-One")));
    assert_true(str_eq(h.at[2].name, STR("x-ONE")));
    assert_true(str_eq(h.at[202].value, STR("z")));
    arena_fini(&arena);
}

static void test_headers_without_memory(void **state)
{
    struct arena arena;
    struct http_headers h;
    unsigned n = 0;

    (void)state;
    arena_init(&arena, 2 * ARENA_BLOCK);
    http_headers_init(&h, &arena);
    while (n < 10000 && http_headers_add(&h, STR("a"), STR("b")) == 0)
        n++;
    assert_in_range(n, 20, 1000);
    assert_int_equal(http_headers_add(&h, STR("a"), STR("b")), E_MEMORY);
    assert_int_equal(h.n, n);
    assert_int_equal(http_headers_count(&h, STR("A")), n);
    arena_fini(&arena);
}

static void test_hop_by_hop(void **state)
{
    static const char *const hop[] = {"Connection",
                                      "keep-alive",
                                      "PROXY-Authorization",
                                      "Proxy-Connection",
                                      "TE",
                                      "trailer",
                                      "Transfer-Encoding",
                                      "Proxy-Something",
                                      "UPGRADE",
                                      "Proxy-Authenticate",
                                      "proxy-x"};
    static const char *const not_hop[] = {
        "Content-Length",     "Host",         "T", "TEX",           "Trailers", "Proxy",
        "Transfer-Encodings", "Content-Type", "",  "Authorization", "XProxy-Y"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hop); i++)
        assert_true(http_header_is_hop_by_hop(str_from(hop[i])));
    for (size_t i = 0; i < ARRAY_LEN(not_hop); i++)
        assert_false(http_header_is_hop_by_hop(str_from(not_hop[i])));
}

static void test_status_text(void **state)
{
    (void)state;
    assert_string_equal(http_status_text(200), "OK");
    assert_string_equal(http_status_text(429), "Too Many Requests");
    assert_string_equal(http_status_text(529), "Overloaded");
    assert_string_equal(http_status_text(299), "Status");
    assert_string_equal(http_status_text(-1), "Status");
    /* Every error of ours has a text. */
#define HAS_TEXT(symbol, code, status, retry, text)                                                \
    assert_string_not_equal(http_status_text(status), "Status");
    ERR_TABLE(HAS_TEXT)
#undef HAS_TEXT
}

static void expect_number(uint64_t value, const char *decimal, const char *chunk)
{
    char out[32];

    *head_u64(out, value) = '\0';
    assert_string_equal(out, decimal);
    *head_chunk(out, value) = '\0';
    assert_string_equal(out, chunk);
}

static void test_numbers(void **state)
{
    (void)state;
    expect_number(0, "0", "0\r\n");
    expect_number(9, "9", "9\r\n");
    expect_number(10, "10", "a\r\n");
    expect_number(255, "255", "ff\r\n");
    expect_number(4096, "4096", "1000\r\n");
    expect_number(UINT64_MAX, "18446744073709551615", "ffffffffffffffff\r\n");
}

/* The date changes with the second of the wall clock, also where the monotonic one is elsewhere. */
static void test_date(void **state)
{
    static const struct {
        int64_t advance_us;
        const char *date;
    } steps[] = {
        {0, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
        {299999, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"},
        {1, "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"},
        {999000, "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n"},
        {1000, "Date: Sun, 06 Nov 1994 08:49:39 GMT\r\n"},
        {3600ll * 24 * 1000000, "Date: Mon, 07 Nov 1994 08:49:39 GMT\r\n"},
    };
    char out[HEAD_DATE_BYTES + 1];

    (void)state;
    clock_fake(5000000, 784111777700000);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        clock_advance_us(steps[i].advance_us);
        *head_date(out) = '\0';
        assert_string_equal(out, steps[i].date);
    }
    clock_fake(4000000, 951782400000000); /* an earlier time than the one remembered */
    *head_date(out) = '\0';
    assert_string_equal(out, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n");
    clock_real();
}

static void test_measure(void **state)
{
    struct arena arena;
    struct http_headers h;
    size_t n = 77;
    char out[256];

    (void)state;
    arena_init(&arena, 1 << 20);
    http_headers_init(&h, &arena);
    assert_int_equal(head_measure(NULL, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(http_headers_add(&h, STR("A"), STR("bc")), 0);
    assert_int_equal(http_headers_add(&h, STR("Connection"), STR("close")), 0);
    assert_int_equal(http_headers_add(&h, STR("D"), STR_NONE), 0);
    assert_int_equal(head_measure(&h, &n), 0);
    *head_fields(out, &h) = '\0';
    assert_string_equal(out, "A: bc\r\nD: \r\n");
    assert_true(n >= strlen(out));
    /* A control character at every place of a value, short and long. */
    for (size_t len = 1; len < 40; len++) {
        char value[40];
        for (size_t at = 0; at < len; at++) {
            memset(value, 'v', sizeof(value));
            value[at] = '\n';
            h.at[0].value = str_of(value, len);
            assert_int_equal(head_measure(&h, &n), E_INTERNAL);
            value[at] = '\t';
            assert_int_equal(head_measure(&h, &n), 0);
            value[at] = (char)0xe9;
            assert_int_equal(head_measure(&h, &n), 0);
        }
    }
    h.at[0].name = STR_NONE;
    assert_int_equal(head_measure(&h, &n), E_INTERNAL);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_headers_without_memory),
        cmocka_unit_test(test_hop_by_hop), cmocka_unit_test(test_status_text),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_date),
        cmocka_unit_test(test_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
