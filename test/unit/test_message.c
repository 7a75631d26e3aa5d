/* test_message.c: header lists, names, status texts, and the pieces that headers are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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
    assert_true(http_headers_has(&h, &(struct http_header){.name = STR("x-TWO")}));
    assert_false(http_headers_has(&h, &(struct http_header){.name = STR("x-three")}));
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

/* Fields with a number of their own are found by it, a family's by their names. */
static void test_numbered_headers(void **state)
{
    struct arena arena;
    struct http_headers h;

    (void)state;
    arena_init(&arena, 1 << 20);
    http_headers_init(&h, &arena);
    assert_null(http_headers_value(&h, FIELD_HOST).p);
    assert_int_equal(http_headers_add(&h, STR("hOST"), STR("1")), 0);
    assert_int_equal(http_headers_add_as(&h, FIELD_HOST, STR("Host"), STR("2")), 0);
    assert_int_equal(http_headers_add(&h, STR("x-sluice-Task"), STR("3")), 0);
    assert_int_equal(http_headers_add(&h, STR("x-sluice-tags"), STR("4")), 0);
    assert_int_equal(http_headers_append(&h, h.at[0]), 0);
    assert_true(str_eq(http_headers_value(&h, FIELD_HOST), STR("1")));
    assert_int_equal(http_headers_times(&h, FIELD_HOST), 3);
    assert_int_equal(http_headers_times(&h, FIELD_X_SLUICE), 2);
    assert_int_equal(http_headers_times(&h, FIELD_DATE), 0);
    assert_int_equal(http_headers_count(&h, STR("HOST")), 3);
    assert_true(str_eq(http_headers_get(&h, STR("X-Sluice-Tags")), STR("4")));
    assert_null(http_headers_get(&h, STR("x-sluice-session")).p);
    assert_true(http_headers_has(&h, &h.at[3]));
    assert_false(http_headers_has(
        &h, &(struct http_header){.name = STR("x-sluice-id"), .field = FIELD_X_SLUICE}));
    arena_fini(&arena);
}

/* A control character at every place of a name and of a value, short and long. */
static void test_control_characters(void **state)
{
    struct arena arena;
    struct http_headers h;

    (void)state;
    arena_init(&arena, 1 << 20);
    http_headers_init(&h, &arena);
    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            char text[40];
            memset(text, 'v', sizeof(text));
            for (unsigned byte = 0; byte < 256; byte++) {
                int err = byte < 0x20 && byte != '\t' ? E_INTERNAL : 0;
                text[at] = (char)byte;
                text[len / 2] = len / 2 == at ? text[at] : '\t';
                h.n = 0;
                assert_int_equal(http_headers_add(&h, STR("X"), str_of(text, len)), err);
                assert_int_equal(http_headers_add(&h, str_of(text, len), STR("v")), err);
                assert_int_equal(
                    http_headers_add_as(&h, FIELD_HOST, STR("Host"), str_of(text, len)), err);
                assert_int_equal(h.n, err ? 0 : 3);
            }
        }
    }
    assert_int_equal(http_headers_add(&h, STR_NONE, STR("v")), E_INTERNAL);
    assert_int_equal(http_headers_add(&h, STR("X"), STR_NONE), 0);
    arena_fini(&arena);
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

    *put_u64(out, value) = '\0';
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
    for (unsigned bits = 0; bits < 64; bits++) {
        for (int near = -1; near <= 1; near++) {
            uint64_t value = (UINT64_C(1) << bits) + (uint64_t)near;
            char decimal[32], chunk[32];
            snprintf(decimal, sizeof(decimal), "%llu", (unsigned long long)value);
            snprintf(chunk, sizeof(chunk), "%llx\r\n", (unsigned long long)value);
            expect_number(value, decimal, chunk);
        }
    }
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

static void test_fields(void **state)
{
    static const char *const left_out[] = {"Connection", "Content-Length",    "date",
                                           "KEEP-ALIVE", "Transfer-Encoding", NULL};
    struct arena arena;
    struct http_headers h;
    char out[256];

    (void)state;
    arena_init(&arena, 1 << 20);
    http_headers_init(&h, &arena);
    assert_int_equal(head_measure(NULL), 0);
    assert_ptr_equal(head_fields(out, NULL), out);
    assert_int_equal(http_headers_add(&h, STR("A"), STR("bc")), 0);
    for (size_t i = 0; left_out[i] != NULL; i++)
        assert_int_equal(http_headers_add(&h, str_from(left_out[i]), STR("x")), 0);
    assert_int_equal(http_headers_add(&h, STR("D"), STR_NONE), 0);
    *head_fields(out, &h) = '\0';
    assert_string_equal(out, "A: bc\r\nD: \r\n");
    assert_true(head_measure(&h) >= strlen(out));
    h.n = 1;
    assert_int_equal(head_measure(&h), strlen("A: bc\r\n"));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_without_memory),
        cmocka_unit_test(test_numbered_headers),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_status_text),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
