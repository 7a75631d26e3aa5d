/* test_http_slow.c: slow clients, clients that leave, and what a waiting connection holds. */
#include "http/message.h"
#include "http_serve_world.h"

#define HOST  "Host: a\r\n"
#define GET   "GET / HTTP/1.1\r\n" HOST "\r\n"
#define OK(n) "HTTP/1.1 200 OK\r\n" DATE "Content-Length: " #n "\r\n"

/* ---- a client that does not read */

static void large_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    size_t n = 4 * LANE_BYTES;
    char *bytes = calloc(1, n);
    int64_t began = clock_cached_ms();

    scene->handled++;
    assert_non_null(bytes);
    assert_int_equal(exchange_begin(x, 200, NULL, -1), 0);
    assert_int_equal(exchange_write(x, str_of(bytes, n)), E_CLIENT_GONE);
    assert_in_range(clock_cached_ms() - began, 60000, 60010);
    /* The connection is not usable any more. */
    assert_int_equal(exchange_write(x, STR("x")), E_CLIENT_GONE);
    assert_int_equal(exchange_end(x, NULL), E_CLIENT_GONE);
    assert_in_range(clock_cached_ms() - began, 60000, 60010); /* they did not wait again */
    free(bytes);
}

static void deaf_client(void *arg)
{
    struct scene *scene = arg;

    assert_int_equal(stream_write(scene->client, scene->in), 0);
    assert_int_equal(task_sleep(300 * 1000), 0);
    stream_close(scene->client);
}

static void test_write_deadline(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, GET GET);
    scene.settings.handler = large_handler;
    scene_play_with(&scene, deaf_client);
    assert_int_equal(scene.handled, 1);
    scene_fini(&scene);
}

/* Slow but steady: 40 KB a second for 2 MB takes longer than write_ms, and is fine. */
static void steady_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    size_t n = 4 << 20;
    char *bytes = malloc(n);

    scene->handled++;
    assert_non_null(bytes);
    memset(bytes, 'x', n);
    assert_int_equal(exchange_begin(x, 200, NULL, (int64_t)n), 0);
    assert_int_equal(exchange_write(x, str_of(bytes, n)), 0);
    assert_int_equal(exchange_end(x, NULL), 0);
    free(bytes);
}

static void slow_reader(void *arg)
{
    struct scene *scene = arg;
    char *bytes = malloc(40000);
    size_t n;

    assert_non_null(bytes);
    assert_int_equal(stream_write(scene->client, scene->in), 0);
    while (scene->out.n < 4 << 20) {
        assert_int_equal(task_sleep(1000), 0);
        assert_int_equal(stream_read(scene->client, bytes, 40000, &n), 0);
        assert_int_equal(buf_add(&scene->out, bytes, n), 0);
    }
    free(bytes);
    scene->end = collect(scene->client, &scene->out);
    stream_close(scene->client);
}

static void test_steady_reader(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, GET);
    scene.settings.handler = steady_handler;
    scene_play_with(&scene, slow_reader);
    struct str out = buf_view(&scene.out);
    static const char head[] = OK(4194304) "\r\n";
    assert_int_equal(out.n, sizeof(head) - 1 + (4 << 20));
    assert_memory_equal(out.p, head, sizeof(head) - 1);
    for (size_t i = sizeof(head) - 1; i < out.n; i++) {
        if (out.p[i] != 'x')
            fail_msg("byte %zu", i);
    }
    scene_fini(&scene);
}

/* ---- a client that leaves */

struct watcher {
    struct task *task;
    unsigned calls;
};

static void on_hangup(void *arg)
{
    struct watcher *w = arg;

    w->calls++;
    task_cancel(w->task, E_CLIENT_GONE);
}

static void watching_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct watcher w = {.task = task_self()};

    scene->handled++;
    exchange_watch_hangup(x, on_hangup, &w);
    int err = task_sleep(1000);
    if (x->path.p[1] == 'u')
        exchange_watch_hangup(x, NULL, NULL);
    if (err == 0) {
        assert_int_equal(w.calls, 0);
        assert_int_equal(exchange_respond(x, 200, NULL, STR("stayed")), 0);
    } else {
        assert_int_equal(err, E_CLIENT_GONE);
        assert_int_equal(w.calls, 1);
        assert_true(exchange_respond(x, 200, NULL, STR("left")) != 0);
    }
}

static void leaving_client(void *arg)
{
    struct scene *scene = arg;

    assert_int_equal(stream_write(scene->client, scene->in), 0);
    assert_int_equal(task_sleep(10), 0);
    stream_close(scene->client);
    scene->ended_ms = clock_cached_ms();
}

static void test_hangup(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, GET);
    scene.settings.handler = watching_handler;
    scene_play_with(&scene, leaving_client);
    assert_int_equal(scene.handled, 1);
    scene_fini(&scene);

    /* The next request, sent early, is no hangup; and a watch ends with its exchange. */
    scene_init(&scene, GET "GET /u HTTP/1.1\r\n" HOST "\r\n" GET);
    scene.settings.handler = watching_handler;
    expect_contains(scene_play(&scene), "stayed");
    assert_int_equal(scene.handled, 3);
    scene_fini(&scene);
}

/* A watch that the handler forgot ends with the exchange: its argument may be gone. */
static struct watcher forgotten;

static void forgetting_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;

    if (++scene->handled == 2) {
        assert_int_equal(task_sleep(1000), 0); /* the client leaves meanwhile */
        assert_true(exchange_respond(x, 200, NULL, STR("left")) != 0);
        return;
    }
    forgotten = (struct watcher){.task = task_self()};
    exchange_watch_hangup(x, on_hangup, &forgotten);
    assert_int_equal(exchange_respond(x, 200, NULL, STR("stayed")), 0);
}

static void test_forgotten_watch(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, GET GET);
    scene.settings.handler = forgetting_handler;
    scene.settings.refuse = NULL;
    scene_play_with(&scene, leaving_client);
    assert_int_equal(scene.handled, 2);
    assert_int_equal(forgotten.calls, 0);
    scene_fini(&scene);
}

/* ---- deadlines and cancellation of the caller */

static void deadline_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str piece;
    int64_t outer = task_deadline(clock_cached_ms() + 500);

    scene->handled++;
    /* The caller's own deadline is not the client's fault. */
    assert_int_equal(exchange_read_body(x, &piece), E_TIMEOUT);
    task_deadline_restore(outer);
    assert_int_equal(exchange_respond(x, 504, NULL, STR_NONE), 0);
}

static void test_outer_deadline(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
    scene.settings.handler = deadline_handler;
    expect_contains(scene_play(&scene), "HTTP/1.1 504 ");
    assert_int_equal(scene.handled, 1);
    assert_in_range(scene.ended_ms, 500, 5000);
    scene_fini(&scene);
}

static void body_gone_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str body;

    scene->handled++;
    assert_int_equal(exchange_read_all(x, 1000, &body), E_CLIENT_GONE);
}

static void test_gone_in_body(void **state)
{
    static const char *const bodies[] = {"Content-Length: 5\r\n\r\n12",
                                         "Transfer-Encoding: chunked\r\n\r\n5\r\n12",
                                         "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct scene scene;
        char in[256];
        snprintf(in, sizeof(in), "POST / HTTP/1.1\r\n" HOST "%s", bodies[i]);
        scene_init(&scene, in);
        scene.settings.handler = body_gone_handler;
        scene_play_with(&scene, leaving_client);
        assert_int_equal(scene.handled, 1);
        scene_fini(&scene);
    }
}

/* Whatever has come of a header when the client leaves: nothing is answered, nothing hangs. */
static void test_gone_in_header(void **state)
{
    struct scene scene;
    static const char get[] = GET;

    (void)state;
    for (size_t n = 0; n < sizeof(get) - 1; n++) {
        scene_init(&scene, "");
        scene.in = str_of(get, n);
        scene_play_with(&scene, leaving_client);
        assert_int_equal(scene.handled, 0);
        assert_int_equal(scene.refused, 0);
        assert_int_equal(scene.writes, 0);
        scene_fini(&scene);
    }
}

static bool draining;

static void draining_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;

    scene->handled++;
    draining = true;
    assert_int_equal(exchange_respond(x, 200, NULL, STR("bye")), 0);
}

static void test_draining(void **state)
{
    struct scene scene;

    (void)state;
    draining = false;
    scene_init(&scene, GET GET);
    scene.settings.handler = draining_handler;
    scene.settings.draining = &draining;
    expect_text(scene_play(&scene), OK(3) "Connection: close\r\n\r\nbye");
    assert_int_equal(scene.handled, 1);
    scene_fini(&scene);
}

/* ---- what a connection holds while it waits */

static void waiting_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str piece;

    scene->handled++;
    /* The header was read and the body is not there: no buffer is held for it. */
    http_buffers_trim();
    assert_int_equal(http_buffer_bytes(), 0);
    assert_int_equal(x->body_bytes, 5);
    assert_int_equal(exchange_read_body(x, &piece), 0);
    expect_text(piece, "hello");
    assert_true(http_buffer_bytes() > 0);
    assert_int_equal(exchange_read_body(x, &piece), 0);
    assert_int_equal(piece.n, 0);
    assert_int_equal(exchange_begin(x, 200, NULL, -1), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(exchange_write(x, STR("event")), 0);
        assert_int_equal(task_sleep(100), 0);
    }
    http_buffers_trim();
    scene->end = (int)http_buffer_bytes();
    assert_int_equal(exchange_end(x, NULL), 0);
    /* Less than a kilobyte beside the arena, which has its first block. */
    assert_in_range(x->arena->held_bytes, 1, ARENA_BLOCK);
}

static void late_body_client(void *arg)
{
    struct scene *scene = arg;

    assert_int_equal(stream_write(scene->client, scene->in), 0);
    assert_int_equal(task_sleep(1000), 0);
    assert_int_equal(stream_write(scene->client, STR("hello")), 0);
    assert_int_equal(task_sleep(2000), 0);
    /* Now the connection is idle. */
    http_buffers_trim();
    assert_int_equal(http_buffer_bytes(), 0);
    assert_int_equal(scene->handled, 1);
    collect(scene->client, &scene->out);
    stream_close(scene->client);
}

static void test_no_buffer_while_waiting(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
    scene.settings.handler = waiting_handler;
    scene_play_with(&scene, late_body_client);
    expect_contains(buf_view(&scene.out), "event");
    assert_int_equal(scene.end, 0);
    scene_fini(&scene);
}

/* ---- the end of a connection that was refused */

static void late_sender(void *arg)
{
    struct scene *scene = arg;

    assert_int_equal(stream_write(scene->client, scene->in), 0);
    assert_int_equal(task_sleep(500), 0);
    /* It is still read, so that the refusal is not lost under a reset. */
    assert_int_equal(stream_write(scene->client, STR("and the rest of it")), 0);
    scene->end = collect(scene->client, &scene->out);
    scene->ended_ms = clock_cached_ms() - 1000;
    assert_int_equal(task_sleep(5000), 0);
    /* But not for long. */
    assert_int_equal(stream_write(scene->client, STR("x")), E_CLOSED);
    stream_close(scene->client);
}

static void test_linger(void **state)
{
    struct scene scene;

    (void)state;
    scene_init(&scene, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
    scene_play_with(&scene, late_sender);
    expect_contains(buf_view(&scene.out), "HTTP/1.1 400 ");
    assert_int_equal(scene.end, E_EOF);
    assert_in_range(scene.ended_ms, 0, 1000);
    scene_fini(&scene);
}

/* ---- faults */

static void lenient_refuse(void *arg, struct exchange *x, int err, const char *text)
{
    (void)arg;
    (void)!exchange_respond(x, err_status(err), NULL, str_from(text));
}

/* What the handler does must not matter: it goes on whatever happens. */
static void stubborn_handler(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str body = STR_NONE;

    scene->handled++;
    int err = exchange_read_all(x, 1000, &body);
    (void)!exchange_begin(x, err == 0 ? 200 : err_status(err), NULL, -1);
    (void)!exchange_write(x, STR("one"));
    (void)!exchange_write(x, body);
    (void)!exchange_end(x, NULL);
}

/* The connection breaks at the first call, at the second, and so on until none is left. */
static void test_break_anywhere(void **state)
{
    static const char in[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                             "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" GET
                             "GET / HTTP/1.1\r\n\r\n";
    unsigned calls = 1000;
    unsigned k;

    (void)state;
    for (k = 1; k <= calls; k++) {
        struct scene scene;
        scene_init(&scene, in);
        scene.piece = 20;
        scene.fail_at = k;
        scene.settings.handler = stubborn_handler;
        scene.settings.refuse = lenient_refuse;
        scene_play(&scene);
        assert_in_range(scene.handled, 0, 3);
        calls = scene.calls + 1;
        scene_fini(&scene);
    }
    assert_in_range(k, 20, 200);
}

/* A header that fills the arena is refused, and the refusal still finds room. */
static void test_arena_full(void **state)
{
    struct scene scene;
    struct buf in;

    (void)state;
    buf_init(&in, 1 << 20);
    buf_str(&in, STR("GET / HTTP/1.1\r\n" HOST));
    for (int i = 0; i < 100; i++)
        buf_printf(&in, "X-%d: 0123456789\r\n", i);
    buf_str(&in, STR("\r\n"));
    assert_int_equal(in.failed, 0);
    scene_init(&scene, "");
    scene.in = buf_view(&in);
    scene.settings.arena_bytes_max = 2 * ARENA_BLOCK;
    expect_contains(scene_play(&scene), "HTTP/1.1 503 ");
    assert_int_equal(scene.refused, E_MEMORY);
    assert_int_equal(scene.handled, 0);
    scene_fini(&scene);
    buf_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_deadline), cmocka_unit_test(test_steady_reader),
        cmocka_unit_test(test_hangup),         cmocka_unit_test(test_outer_deadline),
        cmocka_unit_test(test_gone_in_body),   cmocka_unit_test(test_gone_in_header),
        cmocka_unit_test(test_draining),       cmocka_unit_test(test_no_buffer_while_waiting),
        cmocka_unit_test(test_linger),         cmocka_unit_test(test_forgotten_watch),
        cmocka_unit_test(test_break_anywhere), cmocka_unit_test(test_arena_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
