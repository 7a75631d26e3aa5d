/* test_http_strict.c: what a server refuses, and that it refuses nothing else. */
#include "http/message.h"
#include "http_serve_world.h"

#define HOST "Host: a\r\n"

struct bad {
    const char *in;
    int status;
};

/* None of these may reach the handler, however they are cut. */
static const struct bad refused[] = {
    /* whose length is not clear: the ways to smuggle a request */
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3 3\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\nabc", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n",
     400},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
     "chunked\r\n\r\n0\r\n\r\n",
     400},
    {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    /* lines */
    {"GET / HTTP/1.1\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\rY: 2\r\n\r\n", 400},
    {"\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"\rGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\r\n folded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: 1\r\n\tfolded\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    /* fields */
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc", 400},
    {"GET / HTTP/1.1\r\n" HOST "X Y: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST ": 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x01"
     "b\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nX: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    /* the first line */
    {"GET / HTTP/1.2\r\n" HOST "\r\n", 400},
    {"GET / HTTP/0.9\r\n" HOST "\r\n", 400},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.10\r\n" HOST "\r\n", 400},
    {"GET / http/1.1\r\n" HOST "\r\n", 400},
    {"GET /\r\n" HOST "\r\n", 400},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\tHTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {"GET / x HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http:/// HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://user@b/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"get / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"NOSUCH / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"PRIX * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
    {"\x16\x03\x01\x02\x01\x01", 400},
    {"CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 405},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 200-maybe\r\n\r\nabc", 417},
};

static void expect_refusal(struct str in, int status, size_t piece)
{
    struct scene scene;
    char line[32];

    scene_init(&scene, "");
    scene.in = in;
    scene.piece = piece;
    struct str out = scene_play(&scene);
    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    if (!str_starts(out, str_from(line)) || scene.handled != 0 || scene.refused == 0)
        fail_msg("expected %s in pieces of %zu for:\n%.*s\ngot:\n%.*s", line, piece, STR_ARGS(in),
                 STR_ARGS(out));
    expect_contains(out, "Connection: close\r\n");
    assert_int_equal(str_find(out, STR("\nHTTP/1.1 ")), -1); /* one answer only */
    assert_int_equal(scene.end, E_EOF);
    scene_fini(&scene);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        expect_refusal(str_from(refused[i].in), refused[i].status, 0);
        expect_refusal(str_from(refused[i].in), refused[i].status, 1);
        expect_refusal(str_from(refused[i].in), refused[i].status, 5);
    }
}

static void test_nul(void **state)
{
    (void)state;
    expect_refusal(STR("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), 400, 0);
    expect_refusal(STR("GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n"), 400, 0);
    expect_refusal(STR("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), 400, 0);
}

/* The handler sees these, and an error when it reads the body. */
static const char *const bad_chunks[] = {
    "x\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nab\r\n0\r\n\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "3 \r\nabc\r\n0\r\n\r\n",
    "\r\n3\r\nabc\r\n0\r\n\r\n",
    "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "3;\x01\r\nabc\r\n0\r\n\r\n",
    "3;a=b\nabc\r\n0\r\n\r\n",
    "3\r\nabc\r\n0\r\nX : 1\r\n\r\n",
    "3\r\nabc\r\n0\r\nX: 1\r\n folded\r\n\r\n",
    "3\r\nabc\r\n0\n\n",
};

static void test_bad_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_chunks); i++) {
        for (size_t piece = 0; piece < 3; piece++) {
            struct scene scene;
            char in[512];
            snprintf(in, sizeof(in),
                     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s"
                     "GET /second HTTP/1.1\r\n" HOST "\r\n",
                     bad_chunks[i]);
            scene_init(&scene, in);
            scene.piece = piece;
            struct str out = scene_play(&scene);
            if (!str_starts(out, STR("HTTP/1.1 400 ")) || scene.handled != 1)
                fail_msg("expected 400 in pieces of %zu for:\n%s\ngot:\n%.*s", piece, in,
                         STR_ARGS(out));
            expect_contains(out, "Connection: close\r\n");
            expect_contains(out, "bad_http");
            scene_fini(&scene);
        }
    }
}

/* Chunk sizes with endless zeros or extensions: framing without data has a limit. */
static void test_chunk_framing_limit(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    struct buf in;
    struct scene scene;

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        buf_init(&in, 1 << 20);
        buf_add(&in, head, sizeof(head) - 1);
        if (kind == 0)
            buf_str(&in, STR("3;"));
        for (int i = 0; i < 40000; i++)
            buf_char(&in, kind == 0 ? 'x' : '0');
        buf_str(&in, kind == 2 ? STR("") : STR("\r\nabc\r\n0\r\n\r\n"));
        assert_int_equal(in.failed, 0);
        scene_init(&scene, "");
        scene.in = buf_view(&in);
        expect_contains(scene_play(&scene), "HTTP/1.1 400 ");
        scene_fini(&scene);
        buf_fini(&in);
    }
    /* An extension of ordinary length is read over. */
    scene_expect("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                 "3;name=value;q=\"x y\"\r\nabc\r\n000000000a\r\n0123456789\r\n0\r\n\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 28\r\n\r\n"
                 "POST /? host=a abc0123456789");
}

static void fields(struct buf *in, unsigned count, size_t value_bytes)
{
    buf_str(in, STR("GET / HTTP/1.1\r\n" HOST));
    for (unsigned i = 0; i < count; i++) {
        buf_printf(in, "X-%u: ", i);
        for (size_t k = 0; k < value_bytes; k++)
            buf_char(in, 'v');
        buf_str(in, STR("\r\n"));
    }
    buf_str(in, STR("\r\n"));
    assert_int_equal(in->failed, 0);
}

static void expect_fields(unsigned count, size_t value_bytes, size_t piece, int status)
{
    struct buf in;
    struct scene scene;
    char line[32];

    buf_init(&in, 1 << 20);
    fields(&in, count, value_bytes);
    scene_init(&scene, "");
    scene.in = buf_view(&in);
    scene.piece = piece;
    struct str out = scene_play(&scene);
    snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
    if (!str_starts(out, str_from(line)))
        fail_msg("%u fields of %zu bytes: expected %s got:\n%.*s", count, value_bytes, line,
                 STR_ARGS(out));
    assert_int_equal(scene.handled, status == 200);
    assert_int_equal(scene.refused, status == 431 ? E_HEADERS_TOO_LARGE : 0);
    scene_fini(&scene);
    buf_fini(&in);
}

static void test_header_limits(void **state)
{
    (void)state;
    expect_fields(127, 10, 0, 200); /* and Host: 128 */
    expect_fields(128, 10, 0, 431);
    expect_fields(128, 10, 1, 431);
    expect_fields(1, 60000, 0, 200); /* past one read buffer */
    expect_fields(1, 60000, 1000, 200);
    expect_fields(60, 1000, 333, 200);
    expect_fields(1, 66000, 0, 431);
    expect_fields(1, 66000, 1000, 431);
    expect_fields(100, 700, 0, 431);
    /* The limit itself, to the byte: "GET / HTTP/1.1" + Host + "X-0: " + end are 34 bytes. */
    expect_fields(1, 65536 - 34, 0, 200);
    expect_fields(1, 65536 - 33, 0, 431);
}

/* Nothing is wrong with these. */
static void test_accepted(void **state)
{
    (void)state;
    scene_expect("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 14\r\n\r\nGET /? host=a ");
    scene_expect("GET /a?b?c HTTP/1.1\r\nhOST:\t a \t\r\nX:\r\nY: \r\n\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 18\r\n\r\nGET /a?b?c host=a ");
    scene_expect("GET http://b:80/a HTTP/1.1\r\n" HOST "\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 18\r\n\r\nGET /a? host=b:80 ");
    scene_expect("GET HTTPS://b?q HTTP/1.1\r\n" HOST "\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 15\r\n\r\nGET /?q host=b ");
    scene_expect("OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 18\r\n\r\nOPTIONS *? host=a ");
    /* An upgrade is declined by going on in HTTP/1.1. */
    scene_expect("GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 14\r\n\r\nGET /? host=a ");
    scene_expect("POST / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Content-Length: 3\r\n\r\nabc",
                 "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 18\r\n\r\nPOST /? host=a abc");
}

/* From the first byte on a header has ten seconds, however slowly it drips. */
static void slow_client(void *arg)
{
    struct scene *scene = arg;

    for (size_t i = 0; i < scene->in.n; i++) {
        if (stream_write(scene->client, str_of(scene->in.p + i, 1)) != 0)
            break;
        assert_int_equal(task_sleep(1000), 0);
    }
    scene->end = collect(scene->client, &scene->out);
    scene->ended_ms = clock_cached_ms() - 1000;
    stream_close(scene->client);
}

static void test_slow_header(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "GET / HTTP/1.1\r\n" HOST "\r\n");
    scene_play_with(&scene, slow_client);
    expect_contains(buf_view(&scene.out), "HTTP/1.1 408 ");
    expect_contains(buf_view(&scene.out), "Connection: close\r\n");
    assert_int_equal(scene.refused, E_TOO_SLOW);
    assert_int_equal(scene.handled, 0);
    scene_fini(&scene);

    /* Half a header and then silence. */
    scene_init(&scene, "GET / HTTP/1.1\r\nHo");
    expect_contains(scene_play(&scene), "HTTP/1.1 408 ");
    assert_in_range(scene.ended_ms, 10000, 10000 + 10);
    scene_fini(&scene);
}

/* Nothing, or an empty line, is no request: after idle_ms the connection just ends. */
static void test_idle(void **state)
{
    static const char *const nothing[] = {"", "\r\n", "\r"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++) {
        struct scene scene;
        scene_init(&scene, nothing[i]);
        expect_text(scene_play(&scene), "");
        assert_int_equal(scene.end, E_EOF);
        assert_int_equal(scene.refused, 0);
        assert_in_range(scene.ended_ms, 75000, 75010);
        scene_fini(&scene);
    }
}

/* Without a refuser the answer is plain text. */
static void test_plain_refusal(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "GET / HTTP/1.1\r\n\r\n");
    scene.settings.refuse = NULL;
    expect_text(scene_play(&scene),
                "HTTP/1.1 400 Bad Request\r\n" DATE "Content-Type: text/plain; charset=utf-8\r\n"
                "Content-Length: 15\r\nConnection: close\r\n\r\nHost is missing");
    scene_fini(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_nul),
        cmocka_unit_test(test_bad_chunks),    cmocka_unit_test(test_chunk_framing_limit),
        cmocka_unit_test(test_header_limits), cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_slow_header),   cmocka_unit_test(test_idle),
        cmocka_unit_test(test_plain_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
