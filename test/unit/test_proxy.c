/* test_proxy.c: who a PROXY header speaks for, however it arrives, and what is none. */
#include "rt_test.h"

#include <stdlib.h>

#include "net/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static union address somebody(void)
{
    union address a;
    socklen_t len;
    assert_int_equal(address_parse("192.0.2.99:1", &a, &len, NULL), 0);
    return a;
}

static void expect_client(const union address *a, const char *text)
{
    char got[ADDRESS_BYTES];
    if (a->any.sa_family != AF_UNIX)
        assert_int_equal(address_format(a, got), 0);
    assert_string_equal(a->any.sa_family == AF_UNIX ? "unix" : got, text);
}

/* Reads as proxy_read does, `piece` bytes at most at a time; never beyond the header. */
static int look(struct str all, size_t piece, size_t *ret_used, union address *client)
{
    struct fault f = {0};
    size_t n = 0, more = 0;
    for (;;) {
        int err = proxy_look(str_head(all, n), &more, client, &f);
        assert_true(err == 0 || (err == E_BAD_HTTP && f.err == err));
        *ret_used = n;
        if (err != 0 || more == 0)
            return err;
        if (n == all.n)
            return E_AGAIN;
        n += str_head(str_head(str_tail(all, n), more), piece).n;
    }
}

static const struct {
    struct str header;
    const char *client;
} good[] = {
    {STR("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"), "203.0.113.7:56324"},
    {STR("PROXY TCP4 1.1.1.1 1.1.1.1 0 0\r\n"), "1.1.1.1:0"},
    {STR("PROXY TCP6 2001:db8::7 ::1 65535 1\r\n"), "[2001:db8::7]:65535"},
    {STR("PROXY UNKNOWN\r\n"), "192.0.2.99:1"},
    {STR("PROXY UNKNOWN ffff:f...f:ffff what ever\r\n"), "192.0.2.99:1"},
    {STR(SIGNATURE "\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb"), "203.0.113.7:56324"},
    {STR(SIGNATURE "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\7"
                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xff\xff\1\xbb"),
     "[2001:db8::7]:65535"},
    /* further fields behind the addresses */
    {STR(SIGNATURE "\x21\x11\0\x11\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb\x04\0\2ab"),
     "203.0.113.7:56324"},
    /* LOCAL: a health check of the proxy itself, whatever stands behind */
    {STR(SIGNATURE "\x20\0\0\0"), "192.0.2.99:1"},
    {STR(SIGNATURE "\x20\x11\0\2xy"), "192.0.2.99:1"},
    {STR(SIGNATURE "\x21\0\0\0"), "192.0.2.99:1"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        for (size_t piece = 1; piece < 64; piece++) {
            union address client = somebody();
            char with_more[256];
            size_t used, n = good[i].header.n;
            memcpy(with_more, good[i].header.p, n);
            memcpy(with_more + n, "GET / HTTP/1.1\r\n", 16);
            assert_int_equal(look(str_of(with_more, n + 16), piece, &used, &client), 0);
            assert_int_equal(used, n); /* what follows is not touched */
            expect_client(&client, good[i].client);
            /* and cut anywhere it is not there yet */
            for (size_t cut = 0; cut < n; cut++) {
                client = somebody();
                assert_int_equal(look(str_head(good[i].header, cut), piece, &used, &client),
                                 E_AGAIN);
                expect_client(&client, "192.0.2.99:1");
            }
        }
    }
}

static void test_unix(void **state)
{
    (void)state;
    char bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8/run/client";
    union address client = somebody();
    size_t used;
    assert_int_equal(look(str_of(bytes, sizeof(bytes)), 1000, &used, &client), 0);
    expect_client(&client, "unix");
}

static void test_bad(void **state)
{
    (void)state;
    static const struct str bad[] = {
        STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        STR("\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03 hello hello"),
        STR("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\n"),
        STR("PROXY TCP4 203.0.113.7 192.0.2.1 56324 65536\r\n"),
        STR("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443 1\r\n"),
        STR("PROXY TCP4 203.0.113.7 192.0.2.1 56324\r\n"),
        STR("PROXY TCP4 203.0.113.7  56324 443\r\n"),
        STR("PROXY TCP4 2001:db8::7 ::1 1 1\r\n"),
        STR("PROXY TCP6 203.0.113.7 192.0.2.1 1 1\r\n"),
        STR("PROXY TCP4 203.0.113.7 localhost 56324 443\r\n"),
        STR("PROXY UDP4 203.0.113.7 192.0.2.1 1 1\r\n"),
        STR("PROXY TCP4 203.0.113.7\0 192.0.2.1 1 1\r\n"),
        STR("PROXY\r\nGET / HTTP/1.1\r\n\r\n"),
        STR("PROXY A\r\nGET / HTTP/1.1\r\n\r\n"),
        STR("PROXY UNKNOWN 0123456789012345678901234567890123456789012345678901234567890123456789"
            "0123456789012345678901234567\r\n"),
        STR(SIGNATURE "\x11\x11\0\x0c\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb"),
        STR(SIGNATURE "\x22\x11\0\x0c\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb"),
        STR(SIGNATURE "\x21\x11\0\x0b\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1"),
        STR(SIGNATURE "\x21\x21\0\x0c\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb"),
        STR(SIGNATURE "\x21\x12\0\x0c\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb"),
        STR(SIGNATURE "\x21\x31\0\x0c\xcb\0\x71\x07\xc0\0\2\1\xdc\x04\1\xbb"),
        STR(SIGNATURE "\x21\x11\x0f\xf1"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        union address client = somebody();
        size_t used;
        for (size_t piece = 1; piece < 64; piece += 9)
            if (look(bad[i], piece, &used, &client) != E_BAD_HTTP)
                fail_msg("row %zu", i);
        expect_client(&client, "192.0.2.99:1");
    }
}

/* ---- from a stream */

struct said {
    struct stream *mine, *other;
};

static void slow_proxy(void *arg)
{
    struct said *said = arg;
    struct str bytes = STR("PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nG");
    for (size_t i = 0; i < bytes.n; i++) {
        assert_int_equal(stream_write(said->other, str_head(str_tail(bytes, i), 1)), 0);
        assert_int_equal(task_sleep(1), 0);
    }
    stream_close(said->other);
}

static void read_one(void *arg)
{
    struct said *said = arg;
    union address client = somebody();
    struct fault f = {0};
    char rest[8];
    size_t n;
    assert_int_equal(proxy_read(said->mine, &client, &f), 0);
    expect_client(&client, "203.0.113.7:56324");
    assert_int_equal(stream_read(said->mine, rest, sizeof(rest), &n), 0);
    assert_int_equal(rest[0], 'G');
    stream_close(said->mine);
}

static void read_ends(void *arg)
{
    (void)arg;
    static const struct {
        struct str bytes;
        int err;
    } rows[] = {{STR(""), E_EOF}, {STR("PROXY TCP4 2"), E_RESET}, {STR(SIGNATURE), E_RESET}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stream *mine, *other;
        union address client = somebody();
        struct fault f = {0};
        assert_int_equal(stream_pair_new(1000, &mine, &other), 0);
        assert_int_equal(stream_write(other, rows[i].bytes), 0);
        stream_close(other);
        assert_int_equal(proxy_read(mine, &client, &f), rows[i].err);
        stream_close(mine);
    }
}

static void test_stream(void **state)
{
    (void)state;
    struct said said;
    assert_int_equal(stream_pair_new(1000, &said.mine, &said.other), 0);
    assert_int_equal(task_spawn("proxy", slow_proxy, &said, NULL), 0);
    rt_run(read_one, &said);
    rt_run(read_ends, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {RT_TEST(test_good), RT_TEST(test_unix), RT_TEST(test_bad),
                                       RT_TEST(test_stream)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
