/* test_http_call.c: what a call writes, and how it waits. */
#include "http_call_world.h"

static void full_request(void *arg)
{
    struct play *p = arg;
    struct http_headers h;
    struct iovec body[30];

    http_headers_init(&h, &p->arena);
    assert_int_equal(http_headers_add(&h, STR("Content-Type"), STR("text/plain")), 0);
    assert_int_equal(http_headers_add(&h, STR("content-length"), STR("1")), 0);
    assert_int_equal(http_headers_add(&h, STR("Transfer-Encoding"), STR("gzip")), 0);
    for (size_t i = 0; i < ARRAY_LEN(body); i++)
        body[i] = (struct iovec){(void *)"0123456789", 10};
    http_call_begin(&p->call, &p->conn, &p->arena, &http_limits_default);
    assert_int_equal(http_call_send(&p->call, STR("POST"), STR("/v1/x?y"), &h, body, 30),
                     E_INTERNAL); /* nobody said which host */
    p->call.host = STR("up:80");
    static const char *const unclean[] = {"", "/v1 x", "/v1\r\nX:", "/v1/\x7f",
                                          "/v1/long\t/enough"};
    for (size_t i = 0; i < ARRAY_LEN(unclean); i++) {
        struct str word = str_from(unclean[i]);
        assert_int_equal(http_call_send(&p->call, STR("POST"), word, &h, body, 30), E_BAD_REQUEST);
        assert_int_equal(http_call_send(&p->call, word, STR("/"), &h, body, 30), E_BAD_REQUEST);
    }
    assert_int_equal(p->counted.writes, 0);
    assert_int_equal(http_call_send(&p->call, STR("POST"), STR("/v1/x?y"), &h, body, 30), 0);
    assert_int_equal(p->counted.writes, 1);
    assert_int_equal(http_call_head(&p->call), 0);
    assert_int_equal(p->call.status, 200);
    assert_int_equal(read_body(p), 0);
    http_call_end(&p->call);
    p->conn.http_free(p->conn.http);
    stream_close(p->conn.stream);
}

static void test_request(void **state)
{
    struct play p;
    static const char head[] =
        "POST /v1/x?y HTTP/1.1\r\nHost: up:80\r\nContent-Type: text/plain\r\n"
        "Connection: keep-alive\r\nContent-Length: 300\r\n\r\n";

    (void)state;
    play_init(&p, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    p.wanted = sizeof(head) - 1 + 300;
    p.stays = true;
    play_with(&p, full_request);
    assert_true(pool.reusable);
    assert_int_equal(p.seen.n, p.wanted);
    assert_memory_equal(p.seen.p, head, sizeof(head) - 1);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(p.seen.p[sizeof(head) - 1 + i], '0' + (int)(i % 10));
    play_fini(&p);
}

static void streamed_request(void *arg)
{
    struct play *p = arg;
    struct http_headers h;

    http_headers_init(&h, &p->arena);
    assert_int_equal(http_headers_add(&h, STR("Host"), STR("up")), 0);
    http_call_begin(&p->call, &p->conn, &p->arena, &http_limits_default);
    assert_int_equal(http_call_send_head(&p->call, STR("PUT"), STR("/"), &h, -1), 0);
    assert_int_equal(http_call_write(&p->call, STR("hello")), 0);
    assert_int_equal(p->counted.writes, 1); /* the header with the first piece */
    assert_int_equal(http_call_write(&p->call, STR("seventeen letters")), 0);
    assert_int_equal(http_call_write(&p->call, STR_NONE), 0);
    assert_true(p->call.sent);
    assert_int_equal(http_call_write(&p->call, STR("x")), E_INTERNAL);
    assert_int_equal(http_call_head(&p->call), 0);
    assert_int_equal(read_body(p), 0);
    http_call_end(&p->call);
    assert_true(pool.reusable);
    /* Again on the same connection, with a length. */
    http_call_begin(&p->call, &p->conn, &p->arena, &http_limits_default);
    assert_int_equal(http_call_send_head(&p->call, STR("PUT"), STR("/2"), &h, 5), 0);
    assert_int_equal(http_call_write(&p->call, STR("hel")), 0);
    assert_int_equal(http_call_write(&p->call, STR("lo!")), E_INTERNAL);
    assert_int_equal(http_call_write(&p->call, STR_NONE), E_INTERNAL);
    assert_false(p->call.sent);
    assert_int_equal(http_call_write(&p->call, STR("lo")), 0);
    assert_true(p->call.sent);
    http_call_end(&p->call);
    assert_false(pool.reusable); /* its answer was not read */
    stream_close(p->conn.stream);
}

static void test_streamed_request(void **state)
{
    struct play p;
    static const char seen[] = "PUT / HTTP/1.1\r\nHost: up\r\nConnection: keep-alive\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                               "11\r\nseventeen letters\r\n0\r\n\r\n"
                               "PUT /2 HTTP/1.1\r\nHost: up\r\nConnection: keep-alive\r\n"
                               "Content-Length: 5\r\n\r\nhello";

    (void)state;
    play_init(&p, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    p.wanted = (size_t)(strstr(seen, "PUT /2") - seen);
    p.stays = true;
    play_with(&p, streamed_request);
    expect_text(buf_view(&p.seen), seen);
    play_fini(&p);
}

/* An upstream that answers before it has read the body, and closes: the answer counts. */
static void refused_request(void *arg)
{
    struct play *p = arg;
    struct http_headers h;
    size_t n = 1 << 20;
    char *bytes = calloc(1, n);
    struct iovec body = {bytes, n};

    assert_non_null(bytes);
    http_headers_init(&h, &p->arena);
    assert_int_equal(http_headers_add(&h, STR("Host"), STR("up")), 0);
    http_call_begin(&p->call, &p->conn, &p->arena, &http_limits_default);
    p->send_err = http_call_send(&p->call, STR("POST"), STR("/"), &h, &body, 1);
    if (p->send_err == 0) {
        assert_false(p->call.sent);
        assert_int_equal(http_call_head(&p->call), 0);
        assert_int_equal(p->call.status, 413);
        assert_int_equal(read_body(p), 0);
    }
    http_call_end(&p->call);
    assert_false(pool.reusable);
    stream_close(p->conn.stream);
    free(bytes);
}

static void refusing_upstream(void *arg)
{
    struct play *p = arg;
    char bytes[1000];
    size_t n;

    assert_int_equal(stream_read(p->upstream, bytes, sizeof(bytes), &n), 0);
    send_split(p->upstream, str_from(p->answer), 0);
    stream_close(p->upstream);
}

static void test_early_answer(void **state)
{
    static const char *const answers[] = {"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
                                          ""};
    void *no_state = NULL;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct play p;
        struct stream *lower;
        play_init(&p, answers[i]);
        assert_int_equal(world_set_up(&no_state), 0);
        assert_int_equal(stream_pair_new(LANE_BYTES, &lower, &p.upstream), 0);
        counted_init(&p.counted, lower);
        p.conn.stream = &p.counted.stream;
        spawn(refusing_upstream, &p);
        spawn(refused_request, &p);
        assert_int_equal(loop_run(), 0);
        assert_int_equal(world_tear_down(&no_state), 0);
        assert_int_equal(p.send_err, i == 0 ? 0 : E_CLOSED);
        play_fini(&p);
    }
}

/* While the first byte is awaited no buffer is held, and the caller's deadline ends the wait. */
static void patient_client(void *arg)
{
    struct play *p = arg;
    int64_t outer = task_deadline(clock_cached_ms() + 5000);

    call_once(p);
    task_deadline_restore(outer);
    stream_close(p->conn.stream);
}

static void watcher_task(void *arg)
{
    (void)arg;
    assert_int_equal(task_sleep(1000), 0);
    http_buffers_trim();
    assert_int_equal(http_buffer_bytes(), 0);
}

static void test_waiting(void **state)
{
    struct play p;
    struct stream *lower;
    void *no_state = NULL;

    (void)state;
    play_init(&p, "");
    p.stays = true;
    assert_int_equal(world_set_up(&no_state), 0);
    assert_int_equal(stream_pair_new(LANE_BYTES, &lower, &p.upstream), 0);
    counted_init(&p.counted, lower);
    p.conn.stream = &p.counted.stream;
    spawn(upstream_task, &p);
    spawn(patient_client, &p);
    spawn(watcher_task, NULL);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(world_tear_down(&no_state), 0);
    assert_int_equal(p.head_err, E_TIMEOUT);
    assert_false(p.call.got_byte);
    assert_false(pool.reusable);
    play_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_streamed_request),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
