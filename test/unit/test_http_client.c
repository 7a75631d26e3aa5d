/* test_http_client.c: the answers that a call understands, and those that it does not. */
#include "http_call_world.h"

/* ---- answers that are right */

struct good {
    const char *answer;
    int status;
    const char *body;
    bool reusable; /* if the upstream does not close */
    const char *method;
};

static const struct good goods[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true, "POST"},
    {"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true, "POST"},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "", true, "GET"},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false,
     "GET"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false, "GET"},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", 200, "hello",
     true, "GET"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
     200, "hello", true, "GET"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", 200,
     "hello", true, "GET"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "", true, "GET"},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true, "GET"},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", true, "GET"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", true, "HEAD"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true, "HEAD"},
    {"HTTP/1.1 200 OK\r\n\r\n", 200, "", true, "HEAD"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
     200, "hello", true, "GET"},
    /* Bytes that nobody asked for: the next answer could not be trusted. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", 200, "hello",
     false, "GET"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nx", 200, "hello",
     false, "GET"},
    {"HTTP/1.1 204 No Content\r\n\r\nx", 204, "", false, "GET"},
};

static void expect_good(const struct good *g, size_t piece)
{
    struct play p;

    play_init(&p, g->answer);
    p.piece = piece;
    p.stays = true;
    p.method = str_from(g->method);
    play_with(&p, client_task);
    if (p.send_err != 0 || p.head_err != 0 || p.read_err != 0)
        fail_msg("%s, %s, %s in pieces of %zu for:\n%s", err_code(p.send_err), err_code(p.head_err),
                 err_code(p.read_err), piece, g->answer);
    assert_int_equal(p.call.status, g->status);
    expect_text(buf_view(&p.body), g->body);
    assert_int_equal(pool.puts, 1);
    /* Cut into pieces, what follows the answer comes only when the connection is back. */
    if (piece == 0 || g->reusable)
        assert_int_equal(pool.reusable, g->reusable);
    assert_true(p.call.got_byte);
    assert_int_equal(http_headers_count(&p.call.headers, STR("link")), 0);
    play_fini(&p);
}

static void test_good(void **state)
{
    static const size_t pieces[] = {0, 1, 2, 7, 50};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++)
            expect_good(&goods[i], pieces[k]);
    }
}

static void test_until_close(void **state)
{
    struct play p;

    (void)state;
    for (size_t piece = 0; piece < 3; piece++) {
        play_init(&p, "HTTP/1.1 200 OK\r\nX: 1\r\n\r\nall of this");
        p.piece = piece;
        play_with(&p, client_task);
        assert_int_equal(p.head_err, 0);
        assert_int_equal(p.read_err, 0);
        assert_int_equal(p.call.body_bytes, -1);
        expect_text(buf_view(&p.body), "all of this");
        assert_false(pool.reusable);
        play_fini(&p);
    }
}

/* ---- answers that are not */

struct wrong {
    const char *answer;
    int err;      /* of the step that fails */
    bool in_body; /* that step is http_call_read */
    const char *body;
};

static const struct wrong wrongs[] = {
    {"", E_CLOSED, false, ""},
    {"H", E_UPSTREAM_CUT, false, ""},
    {"HTTP/1.1 200 OK\r\nContent-Le", E_UPSTREAM_CUT, false, ""},
    {"HTTP/1.1 100 Continue\r\n\r\n", E_UPSTREAM_CUT, false, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", E_UPSTREAM_CUT, true, "hel"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", E_UPSTREAM_CUT, true, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", E_UPSTREAM_CUT, true,
     "hel"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", E_UPSTREAM_CUT, true, "hel"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", E_UPSTREAM_CUT, true, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nzz\r\n", E_UPSTREAM_HTTP,
     true, "hel"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "3\r\n\r\n3\r\nhel\r\n0\r\n\r\n",
     E_UPSTREAM_HTTP, false, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nhel", E_UPSTREAM_HTTP, false,
     ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhel", E_UPSTREAM_HTTP, false, ""},
    {"HTTP/1.1 200 OK\nContent-Length: 3\n\nhel", E_UPSTREAM_HTTP, false, ""},
    {"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n", E_UPSTREAM_HTTP, false, ""},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
     E_UPSTREAM_HTTP, false, ""},
    {"HTTP/2 200\r\n\r\n", E_UPSTREAM_HTTP, false, ""},
    {"HTTP/1.1 20 OK\r\n\r\n", E_UPSTREAM_HTTP, false, ""},
    {"HTTP/1.1 99 Odd\r\n\r\n", E_UPSTREAM_HTTP, false, ""},
    {"<html>hello</html>", E_UPSTREAM_HTTP, false, ""},
    {"\x15\x03\x03\x01\x01\x02\x02\x16", E_UPSTREAM_HTTP, false, ""},
};

static void expect_wrong(const struct wrong *w, size_t piece, bool resets)
{
    struct play p;

    play_init(&p, w->answer);
    p.piece = piece;
    p.resets = resets;
    play_with(&p, client_task);
    int expected = resets && w->err == E_CLOSED ? E_RESET : w->err;
    int err = w->in_body ? p.read_err : p.head_err;
    if (err != expected)
        fail_msg("expected %s, got %s in pieces of %zu for:\n%s", err_code(expected), err_code(err),
                 piece, w->answer);
    expect_text(buf_view(&p.body), w->body);
    assert_int_equal(p.call.got_byte, w->answer[0] != '\0');
    assert_int_equal(pool.puts, 1);
    assert_false(pool.reusable);
    play_fini(&p);
}

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
        for (size_t piece = 0; piece < 4; piece++) {
            expect_wrong(&wrongs[i], piece, false);
            expect_wrong(&wrongs[i], piece, true);
        }
    }
}

/* A header beyond the limit is refused; one below it may be longer than a read buffer. */
static void test_header_limit(void **state)
{
    static const size_t sizes[] = {100, 20000, 60000, 65600, 300000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct play p;
        struct buf answer;
        buf_init(&answer, 1 << 20);
        buf_str(&answer, STR("HTTP/1.1 200 OK\r\nX-Long: "));
        for (size_t k = 0; k < sizes[i]; k++)
            buf_char(&answer, 'v');
        buf_str(&answer, STR("\r\nContent-Length: 2\r\n\r\nok"));
        assert_int_equal(answer.failed, 0);
        play_init(&p, NULL);
        p.answer_bytes = buf_view(&answer);
        p.piece = i % 2 ? 0 : 1000;
        play_with(&p, client_task);
        if (sizes[i] < 65536) {
            assert_int_equal(p.head_err, 0);
            expect_text(buf_view(&p.body), "ok");
            struct str value = http_headers_get(&p.call.headers, STR("x-long"));
            assert_int_equal(value.n, sizes[i]);
            for (size_t k = 0; k < value.n; k++)
                assert_int_equal(value.p[k], 'v');
        } else {
            assert_int_equal(p.head_err, E_UPSTREAM_HTTP);
        }
        play_fini(&p);
        buf_fini(&answer);
    }
    /* Endless 1xx are no way around it. */
    struct play p;
    struct buf answer;
    buf_init(&answer, 1 << 20);
    for (int i = 0; i < 4000; i++)
        buf_str(&answer, STR("HTTP/1.1 102 Processing\r\n\r\n"));
    play_init(&p, NULL);
    p.answer_bytes = buf_view(&answer);
    play_with(&p, client_task);
    assert_int_equal(p.head_err, E_UPSTREAM_HTTP);
    play_fini(&p);
    buf_fini(&answer);
}

/* ---- pieces */

/* All chunks that are there come out in one piece, their data side by side. */
static void test_chunks_join(void **state)
{
    struct play p;
    struct buf answer, expected;

    (void)state;
    buf_init(&answer, 1 << 20);
    buf_init(&expected, 1 << 20);
    buf_str(&answer, STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 100; i++) {
        buf_printf(&answer, "%x\r\ndata: %03d\n\n\r\n", 11, i);
        buf_printf(&expected, "data: %03d\n\n", i);
    }
    buf_str(&answer, STR("0\r\n\r\n"));
    play_init(&p, NULL);
    p.answer_bytes = buf_view(&answer);
    play_with(&p, client_task);
    assert_int_equal(p.read_err, 0);
    assert_int_equal(p.pieces, 1);
    assert_int_equal(p.counted.writes, 1);
    assert_int_equal(p.counted.reads, 1);
    assert_int_equal(buf_char(&expected, '\0'), 0);
    expect_text(buf_view(&p.body), expected.p);
    play_fini(&p);
    buf_fini(&answer);
    buf_fini(&expected);
}

static void test_large_body(void **state)
{
    static const char *const heads[] = {"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"};

    (void)state;
    for (size_t kind = 0; kind < 2; kind++) {
        struct play p;
        struct buf answer;
        buf_init(&answer, 8 << 20);
        buf_str(&answer, str_from(heads[kind]));
        for (int i = 0; i < 30000; i++) {
            if (kind == 1)
                buf_str(&answer, STR("64\r\n"));
            for (int k = 0; k < 10; k++)
                buf_printf(&answer, "%09d,", 10 * i + k);
            if (kind == 1)
                buf_str(&answer, STR("\r\n"));
        }
        buf_str(&answer, kind == 1 ? STR("0\r\n\r\n") : STR(""));
        assert_int_equal(answer.failed, 0);
        play_init(&p, NULL);
        p.answer_bytes = buf_view(&answer);
        p.stays = true;
        play_with(&p, client_task);
        assert_int_equal(p.read_err, 0);
        assert_int_equal(p.body.n, 3000000);
        for (int i = 0; i < 300000; i++) {
            char text[16];
            snprintf(text, sizeof(text), "%09d,", i);
            if (memcmp(p.body.p + 10 * i, text, 10) != 0)
                fail_msg("number %d", i);
        }
        assert_true(pool.reusable);
        play_fini(&p);
        buf_fini(&answer);
    }
}

static void trailer_client(void *arg)
{
    struct play *p = arg;

    client_task(p);
    assert_int_equal(p->call.trailers.n, 2);
    expect_text(http_headers_get(&p->call.trailers, STR("x-sum")), "12");
    expect_text(http_headers_get(&p->call.trailers, STR("x-more")), "");
}

static void test_trailers(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct play p;
        play_init(&p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "5\r\nhello\r\n0\r\nX-Sum: 12\r\nX-More: \r\n\r\n");
        p.piece = piece;
        play_with(&p, trailer_client);
        assert_int_equal(p.read_err, 0);
        play_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),        cmocka_unit_test(test_until_close),
        cmocka_unit_test(test_wrong),       cmocka_unit_test(test_header_limit),
        cmocka_unit_test(test_chunks_join), cmocka_unit_test(test_large_body),
        cmocka_unit_test(test_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
