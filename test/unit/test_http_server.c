/* test_http_server.c: requests and answers as they should be, and what becomes of slow ones. */
#include "http/message.h"
#include "http_serve_world.h"

#define HOST  "Host: a\r\n"
#define OK(n) "HTTP/1.1 200 OK\r\n" DATE "Content-Length: " #n "\r\n"

/* ---- many requests on one connection */

static void test_pipelined(void **state)
{
    (void)state;
    scene_expect("GET /1 HTTP/1.1\r\n" HOST "\r\n"
                 "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                 "POST /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                 "\r\nGET /4 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
                 "GET /5 HTTP/1.1\r\n" HOST "\r\n",
                 OK(15) "\r\nGET /1? host=a " OK(21) "\r\nPOST /2? host=a hello" OK(
                     21) "\r\nPOST /3? host=a abcde" OK(15) "Connection: close\r\n\r\n"
                                                            "GET /4? host=a ");
}

static void test_http_1_0(void **state)
{
    (void)state;
    scene_expect("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
                 OK(13) "Connection: close\r\n\r\nGET /? host= ");
    scene_expect("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                 "GET /2 HTTP/1.0\r\nConnection: close\r\n\r\nGET / HTTP/1.0\r\n\r\n",
                 OK(13) "Connection: keep-alive\r\n\r\nGET /? host= " OK(
                     14) "Connection: close\r\n\r\nGET /2? host= ");
}

/* One read and one write a request, also with a body. */
static void ping_pong(void *arg)
{
    struct scene *scene = arg;
    char bytes[4096];
    size_t n;

    for (int i = 0; i < 10; i++) {
        assert_int_equal(stream_write(scene->client, scene->in), 0);
        assert_int_equal(stream_read(scene->client, bytes, sizeof(bytes), &n), 0);
        expect_contains(str_of(bytes, n), "hello");
    }
    scene->end = collect(scene->client, &scene->out);
    stream_close(scene->client);
}

static void test_calls(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    scene_play_with(&scene, ping_pong);
    assert_int_equal(scene.handled, 10);
    assert_int_equal(scene.reads, 10);
    assert_int_equal(scene.writes, 10);
    scene_fini(&scene);
}

/* ---- answers */

static void stream_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct http_headers h;

    scene->handled++;
    http_headers_init(&h, x->arena);
    assert_int_equal(http_headers_add(&h, STR("Content-Type"), STR("text/event-stream")), 0);
    /* Framing is the server's: these are left out. */
    assert_int_equal(http_headers_add(&h, STR("content-length"), STR("7")), 0);
    assert_int_equal(http_headers_add(&h, STR("Transfer-encoding"), STR("gzip")), 0);
    assert_int_equal(http_headers_add(&h, STR("connection"), STR("x")), 0);
    assert_int_equal(http_headers_add(&h, STR("date"), STR("x")), 0);
    assert_int_equal(http_headers_add(&h, STR("keep-alive"), STR("x")), 0);
    assert_int_equal(exchange_begin(x, 200, &h, -1), 0);
    assert_int_equal(exchange_begin(x, 200, &h, -1), E_INTERNAL);
    assert_int_equal(exchange_write(x, STR("one")), 0);
    assert_int_equal(exchange_write(x, STR_NONE), 0);
    assert_int_equal(exchange_write(x, STR("seventeen letters")), 0);
    http_headers_init(&h, x->arena);
    assert_int_equal(http_headers_add(&h, STR("X-Last"), STR("1")), 0);
    assert_int_equal(exchange_end(x, &h), 0);
    assert_int_equal(exchange_end(x, NULL), E_INTERNAL);
    assert_int_equal(exchange_write(x, STR("more")), E_INTERNAL);
    assert_int_equal(x->bytes_out, x->method == HTTP_HEAD ? 0 : 20);
}

static void expect_from(http_handler *handler, const char *in, const char *out)
{
    struct scene scene;

    scene_init(&scene, in);
    scene.settings.handler = handler;
    expect_text(scene_play(&scene), out);
    scene_fini(&scene);
}

static void test_chunked_answer(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    char out[512];

    (void)state;
    snprintf(out, sizeof(out), "%s3\r\none\r\n11\r\nseventeen letters\r\n0\r\nX-Last: 1\r\n\r\n%s",
             head, head);
    expect_from(stream_handler, "GET / HTTP/1.1\r\n" HOST "\r\nHEAD / HTTP/1.1\r\n" HOST "\r\n",
                out);
    /* HTTP/1.0 knows no chunks: the end of the connection is the end of the body. */
    expect_from(stream_handler, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/event-stream\r\n"
                "Connection: close\r\n\r\noneseventeen letters");
}

static void status_handler(void *arg, struct exchange *x)
{
    uint64_t status;

    (void)arg;
    assert_true(str_to_u64(str_tail(x->path, 1), 999, &status));
    assert_int_equal(exchange_respond(x, (int)status, NULL, STR("body")), 0);
}

static void test_no_body(void **state)
{
    (void)state;
    scene_expect("HEAD / HTTP/1.1\r\n" HOST "\r\n", OK(15) "\r\n");
    expect_from(status_handler,
                "GET /204 HTTP/1.1\r\n" HOST "\r\nGET /304 HTTP/1.1\r\n" HOST "\r\n"
                "GET /299 HTTP/1.1\r\n" HOST "\r\n",
                "HTTP/1.1 204 No Content\r\n" DATE "\r\n"
                "HTTP/1.1 304 Not Modified\r\n" DATE "Content-Length: 4\r\n\r\n"
                "HTTP/1.1 299 Status\r\n" DATE "Content-Length: 4\r\n\r\nbody");
}

/* What a handler leaves open. */
static void careless_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;

    scene->handled++;
    switch (x->path.p[1]) {
    case 'n': /* nothing */
        break;
    case 'c': /* a chunked answer without an end */
        assert_int_equal(exchange_begin(x, 200, NULL, -1), 0);
        assert_int_equal(exchange_write(x, STR("part")), 0);
        break;
    case 's': /* shorter than promised */
        assert_int_equal(exchange_begin(x, 200, NULL, 10), 0);
        assert_int_equal(exchange_write(x, STR("part")), 0);
        assert_int_equal(exchange_end(x, NULL), E_INTERNAL);
        break;
    case 'l': /* longer */
        assert_int_equal(exchange_begin(x, 200, NULL, 4), 0);
        assert_int_equal(exchange_write(x, STR("party")), E_INTERNAL);
        assert_int_equal(exchange_write(x, STR("part")), 0);
        assert_int_equal(exchange_write(x, STR("y")), E_INTERNAL);
        break; /* whole all the same */
    default:
        assert_int_equal(exchange_write(x, STR("early")), E_INTERNAL);
        assert_int_equal(exchange_end(x, NULL), E_INTERNAL);
        assert_int_equal(exchange_begin(x, 100, NULL, 0), E_INTERNAL);
        break;
    }
}

#define NEXT "GET /next HTTP/1.1\r\n" HOST "\r\n"

static void test_careless_handler(void **state)
{
    static const char answer_500[] =
        "HTTP/1.1 500 Internal Server Error\r\n" DATE "Content-Length: 39\r\n"
        "Connection: close\r\n\r\nsluice made a mistake; please report it";
    char out[512];

    (void)state;
    expect_from(careless_handler, "GET /n HTTP/1.1\r\n" HOST "\r\n" NEXT, answer_500);
    expect_from(careless_handler, "GET /other HTTP/1.1\r\n" HOST "\r\n" NEXT, answer_500);
    expect_from(careless_handler, "GET /c HTTP/1.1\r\n" HOST "\r\n" NEXT,
                "HTTP/1.1 200 OK\r\n" DATE "Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    expect_from(careless_handler, "GET /s HTTP/1.1\r\n" HOST "\r\n" NEXT, OK(10) "\r\npart");
    snprintf(out, sizeof(out), "%s%s", OK(4) "\r\npart", answer_500);
    expect_from(careless_handler, "GET /l HTTP/1.1\r\n" HOST "\r\n" NEXT, out);
}

static void injecting_handler(void *arg, struct exchange *x)
{
    static const char *const values[] = {"a\r\nX: b", "a\nb", "long enough for eight\rbytes",
                                         "\x01"};
    struct http_headers h;

    (void)arg;
    http_headers_init(&h, x->arena);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_int_equal(http_headers_add(&h, STR("X"), str_from(values[i])), E_INTERNAL);
        assert_int_equal(http_headers_add(&h, str_from(values[i]), STR("v")), E_INTERNAL);
        assert_int_equal(http_headers_add_as(&h, FIELD_HOST, STR("Host"), str_from(values[i])),
                         E_INTERNAL);
    }
    assert_int_equal(http_headers_add(&h, STR("X"), STR("tab\tand \xc3\xa9t\xc3\xa9 are fine")), 0);
    assert_int_equal(exchange_respond(x, 200, &h, STR_NONE), 0);
}

static void test_header_injection(void **state)
{
    (void)state;
    expect_from(injecting_handler, "GET / HTTP/1.1\r\n" HOST "\r\n",
                "HTTP/1.1 200 OK\r\n" DATE "X: tab\tand \xc3\xa9t\xc3\xa9 are fine\r\n"
                "Content-Length: 0\r\n\r\n");
}

/* ---- request bodies */

static void test_expect_continue(void **state)
{
    (void)state;
    /* The body is there already: nobody has to be told. */
    scene_expect("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
                 OK(15) "\r\nPOST /? host=a ");
}

static void waiting_client(void *arg)
{
    struct scene *scene = arg;
    char bytes[512];
    size_t n;

    assert_int_equal(stream_write(scene->client, scene->in), 0);
    assert_int_equal(stream_read(scene->client, bytes, sizeof(bytes), &n), 0);
    assert_int_equal(buf_add(&scene->out, bytes, n), 0);
    if (str_starts(str_of(bytes, n), STR("HTTP/1.1 100 ")))
        assert_int_equal(stream_write(scene->client, STR("hello")), 0);
    scene->end = collect(scene->client, &scene->out);
    stream_close(scene->client);
}

static void test_expect_waits(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n"
                       "Content-Length: 5\r\n\r\n");
    scene_play_with(&scene, waiting_client);
    expect_text(buf_view(&scene.out),
                "HTTP/1.1 100 Continue\r\n\r\n" OK(20) "\r\nPOST /? host=a hello");
    scene_fini(&scene);

    /* A handler that does not read the body answers at once, and the connection ends. */
    scene_init(&scene, "POST /200 HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                       "Content-Length: 5\r\n\r\n");
    scene.settings.handler = status_handler;
    scene_play_with(&scene, waiting_client);
    expect_text(buf_view(&scene.out), OK(4) "Connection: close\r\n\r\nbody");
    scene_fini(&scene);
}

static void by_piece_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str piece;
    size_t n = 0;

    scene->handled++;
    do {
        assert_int_equal(exchange_read_body(x, &piece), 0);
        n += piece.n;
    } while (piece.n > 0);
    assert_int_equal(n, 10);
    assert_int_equal(exchange_respond(x, 200, NULL, STR("whole")), 0);
}

/* Sends the body in two pieces once it may. */
static void halting_client(void *arg)
{
    struct scene *scene = arg;
    char bytes[512];
    size_t n;

    assert_int_equal(stream_write(scene->client, scene->in), 0);
    assert_int_equal(stream_read(scene->client, bytes, sizeof(bytes), &n), 0);
    assert_int_equal(buf_add(&scene->out, bytes, n), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(stream_write(scene->client, STR("hello")), 0);
        assert_int_equal(task_sleep(10), 0);
    }
    scene->end = collect(scene->client, &scene->out);
    stream_close(scene->client);
}

/* "100 Continue" is said once. */
static void test_expect_once(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                       "Content-Length: 10\r\n\r\n");
    scene.settings.handler = by_piece_handler;
    scene_play_with(&scene, halting_client);
    expect_text(buf_view(&scene.out), "HTTP/1.1 100 Continue\r\n\r\n" OK(5) "\r\nwhole");
    scene_fini(&scene);
}

/* What the handler does not read is read over up to 64 KiB; beyond it the connection ends. */
static void test_unread_body(void **state)
{
    static const size_t sizes[] = {10, 60000, 65536, 65537, 1000000};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        size_t size = sizes[i / 2];
        bool chunked = i % 2 == 1;
        struct scene scene;
        struct buf in;
        buf_init(&in, 2 << 20);
        buf_str(&in, STR("POST /200 HTTP/1.1\r\n" HOST));
        if (chunked)
            buf_printf(&in, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
        else
            buf_printf(&in, "Content-Length: %zu\r\n\r\n", size);
        for (size_t k = 0; k < size; k++)
            buf_char(&in, 'x');
        buf_str(&in, chunked ? STR("\r\n0\r\n\r\n") : STR(""));
        buf_str(&in, STR("GET /299 HTTP/1.1\r\n" HOST "\r\n"));
        assert_int_equal(in.failed, 0);
        scene_init(&scene, "");
        scene.in = buf_view(&in);
        scene.settings.handler = status_handler;
        struct str out = scene_play(&scene);
        expect_contains(out, "HTTP/1.1 200 OK");
        if (size <= 65536) {
            expect_contains(out, "HTTP/1.1 299 Status");
        } else {
            expect_lacks(out, "HTTP/1.1 299 Status");
            if (!chunked)
                expect_contains(out, "Connection: close");
        }
        assert_int_equal(scene.end, E_EOF); /* no reset over what was not read */
        scene_fini(&scene);
        buf_fini(&in);
    }
}

static void limited_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str body = STR("untouched");

    scene->handled++;
    int err = exchange_read_all(x, 10, &body);
    if (err != 0) {
        assert_true(str_eq(body, STR("untouched")));
        assert_int_equal(exchange_respond(x, err_status(err), NULL, STR_NONE), 0);
        return;
    }
    assert_int_equal(exchange_respond(x, 200, NULL, body), 0);
}

static const size_t body_sizes[] = {1,     4000,  16000, 16384, 16385,
                                    20000, 32600, 32768, 40000, 100000};

static char body_byte(size_t which, size_t at)
{
    return (char)('a' + (which * 7 + at) % 26);
}

/* Looks at the body after its memory would have been used again, had it been free. */
static void sized_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str body;
    size_t which = scene->handled++;

    assert_int_equal(exchange_read_all(x, 1 << 20, &body), 0);
    assert_int_equal(task_sleep(1), 0);
    assert_int_equal(body.n, body_sizes[which]);
    for (size_t i = 0; i < body.n; i++)
        if (body.p[i] != body_byte(which, i))
            fail_msg("byte %zu of body %zu", i, which);
    exchange_drop_body(x);
    assert_int_equal(exchange_respond(x, 200, NULL, STR("ok")), 0);
}

/* Small and large bodies, one behind the other: some fill the read buffer and stay in it. */
static void test_bodies_of_all_sizes(void **state)
{
    static const size_t pieces[] = {0, 16384, 5000};
    char *in = malloc(1 << 20);
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(body_sizes); i++) {
        n += (size_t)snprintf(in + n, 256, "POST / HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                              body_sizes[i]);
        for (size_t k = 0; k < body_sizes[i]; k++)
            in[n++] = body_byte(i, k);
    }
    in[n] = '\0';
    for (size_t p = 0; p < ARRAY_LEN(pieces); p++) {
        struct scene scene;
        scene_init(&scene, in);
        scene.settings.handler = sized_handler;
        scene.piece = pieces[p];
        (void)scene_play(&scene);
        assert_int_equal(scene.handled, ARRAY_LEN(body_sizes));
        assert_int_equal(scene.end, E_EOF);
        scene_fini(&scene);
    }
    free(in);
}

static void test_body_limit(void **state)
{
    static const struct {
        const char *in;
        const char *line;
    } cases[] = {
        {"Content-Length: 10\r\n\r\n0123456789", "HTTP/1.1 200 "},
        {"Content-Length: 11\r\n\r\n0123456789a", "HTTP/1.1 413 "},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
         "HTTP/1.1 200 "},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n",
         "HTTP/1.1 413 "},
        {"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 "},
        /* refused before a byte of it came */
        {"Content-Length: 1000000000000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413 "},
        /* gone in the middle: the client half closes no connection, so the pause ends it */
        {"Content-Length: 10\r\n\r\n01234", "HTTP/1.1 408 "},
        {"Transfer-Encoding: chunked\r\n\r\n5\r\n01", "HTTP/1.1 408 "},
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        struct scene scene;
        char in[512];
        snprintf(in, sizeof(in), "POST / HTTP/1.1\r\n" HOST "%s", cases[i / 2].in);
        scene_init(&scene, in);
        scene.settings.handler = limited_handler;
        scene.piece = i % 2;
        struct str out = scene_play(&scene);
        expect_contains(out, cases[i / 2].line);
        assert_int_equal(scene.handled, 1);
        assert_int_equal(scene.end, E_EOF);
        scene_fini(&scene);
    }
}

static void pieces_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str piece;

    scene->handled++;
    assert_int_equal(x->body_bytes, -1);
    do {
        assert_int_equal(exchange_read_body(x, &piece), 0);
        assert_int_equal(buf_str(&scene->out, piece), 0);
    } while (piece.n > 0);
    assert_int_equal(exchange_read_body(x, &piece), 0);
    assert_int_equal(piece.n, 0);
    assert_int_equal(x->trailers.n, 2);
    expect_text(http_headers_get(&x->trailers, STR("x-sum")), "12");
    expect_text(http_headers_get(&x->trailers, STR("x-none")), "");
    assert_int_equal(exchange_respond(x, 200, NULL, STR("|")), 0);
}

static void test_trailers(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 4; piece++) {
        struct scene scene;
        scene_init(&scene, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
                           "3\r\nabc\r\n4;x\r\ndefg\r\n0\r\nX-Sum: 12 \r\nX-None:\r\n\r\n");
        scene.piece = piece;
        scene.settings.handler = pieces_handler;
        expect_text(scene_play(&scene), "abcdefg" OK(1) "\r\n|");
        assert_int_equal(scene.handled, 1);
        scene_fini(&scene);
    }
}

/* Small chunks that are there together come out as one piece. */
static void one_piece_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str piece;

    scene->handled++;
    assert_int_equal(exchange_read_body(x, &piece), 0);
    expect_text(piece, "abcdefghijkl");
    assert_int_equal(exchange_read_body(x, &piece), 0);
    assert_int_equal(piece.n, 0);
    assert_int_equal(exchange_respond(x, 200, NULL, STR_NONE), 0);
}

static void test_chunks_join(void **state)
{
    (void)state;
    expect_from(one_piece_handler,
                "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n4;x\r\ndefg\r\n5\r\nhijkl\r\n0\r\n\r\n",
                OK(0) "\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_http_1_0),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_chunked_answer),
        cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_careless_handler),
        cmocka_unit_test(test_header_injection),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_expect_waits),
        cmocka_unit_test(test_expect_once),
        cmocka_unit_test(test_unread_body),
        cmocka_unit_test(test_bodies_of_all_sizes),
        cmocka_unit_test(test_body_limit),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_chunks_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
