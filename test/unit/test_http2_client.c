/* test_http2_client.c: calls over a connection of HTTP/2 to an upstream of frames, under a virtual
 * clock: what is sent, and what silence, refusals and a farewell come to. */
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "http/client.h"
#include "http_world.h"

struct world {
    struct stream *upstream;
    struct upool_conn conn;
    unsigned holds;
    bool retired;
    struct buf seen;   /* what the upstream was sent */
    struct str answer; /* what it says once something of a stream has come */
    bool answers_pings;
    int err;
    struct http_call call;
    int64_t took_ms;
    bool has_body;
    void (*watches)(void *arg);
};

static struct world *world_of(struct upool_conn *conn)
{
    return CONTAINER_OF(conn, struct world, conn);
}

/* ---- the pool's part */

void upool_put(struct upool_conn *conn, bool reusable)
{
    assert_true(reusable);
    if (--conn->calls == 0)
        http2_sharing_on.idle(conn);
}

void upool_hold(struct upool_conn *conn)
{
    world_of(conn)->holds++;
}

void upool_release(struct upool_conn *conn)
{
    assert_true(world_of(conn)->holds > 0);
    world_of(conn)->holds--;
}

void upool_retire(struct upool_conn *conn)
{
    world_of(conn)->retired = true;
}

/* ---- an upstream of frames */

#define PREFACE_BYTES 24
#define SETTINGS      "\0\0\0\4\0\0\0\0\0"
#define FRAME(text)   str_of(text, sizeof(text) - 1)

/* The next whole frame behind *at, or one of no type. */
static nghttp2_frame_hd frame_at(const struct buf *seen, size_t *at, struct str *ret_payload)
{
    const uint8_t *p = (const uint8_t *)seen->p + *at;
    nghttp2_frame_hd hd = {.type = 0xff};

    if (seen->n < *at + 9)
        return hd;
    size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
    if (seen->n < *at + 9 + n)
        return hd;
    hd = (nghttp2_frame_hd){.length = n, .type = p[3], .flags = p[4]};
    hd.stream_id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 |
                             (uint32_t)p[7] << 8 | p[8]);
    *ret_payload = str_of((const char *)p + 9, n);
    *at += 9 + n;
    return hd;
}

static unsigned frames_of(const struct world *w, uint8_t type, struct str *ret_last)
{
    size_t at = PREFACE_BYTES;
    unsigned n = 0;
    struct str payload;
    nghttp2_frame_hd hd;

    while ((hd = frame_at(&w->seen, &at, &payload)).type != 0xff)
        if (hd.type == type) {
            *ret_last = payload;
            n++;
        }
    return n;
}

/* Who is asked whether it is there gets no further calls until it has said so. */
static void expect_room(struct world *w, bool room)
{
    assert_true(http2_sharing_on.has_room(&w->conn, false) == room);
}

static void upstream_task(void *arg)
{
    struct world *w = arg;
    char bytes[4096];
    size_t n, at = PREFACE_BYTES;
    struct str payload;
    nghttp2_frame_hd hd;

    assert_int_equal(stream_write(w->upstream, FRAME(SETTINGS)), 0);
    while (stream_read(w->upstream, bytes, sizeof(bytes), &n) == 0) {
        assert_int_equal(buf_add(&w->seen, bytes, n), 0);
        while ((hd = frame_at(&w->seen, &at, &payload)).type != 0xff) {
            char pong[17] = "\0\0\x08\6\1\0\0\0\0";
            memcpy(pong + 9, payload.p, hd.type == NGHTTP2_PING ? 8 : 0);
            if (hd.type == NGHTTP2_PING)
                expect_room(w, false);
            if (hd.type == NGHTTP2_PING && w->answers_pings)
                assert_int_equal(stream_write(w->upstream, str_of(pong, 17)), 0);
            if (hd.type == NGHTTP2_HEADERS && w->answer.n > 0)
                assert_int_equal(stream_write(w->upstream, w->answer), 0);
        }
    }
    stream_close(w->upstream);
}

/* ---- the call */

static void call_once(struct world *w, struct arena *arena)
{
    struct http_headers h;
    struct iovec body[2] = {{(void *)"hello ", 6}, {(void *)"world", 5}};
    struct str piece;

    http_headers_init(&h, arena);
    assert_int_equal(http_headers_add(&h, STR("Host"), STR("up:8443")), 0);
    assert_int_equal(http_headers_add(&h, STR("X-Own"), STR("Value")), 0);
    assert_int_equal(http_headers_add(&h, STR("Connection"), STR("close")), 0);
    assert_int_equal(http_headers_add(&h, STR("TE"), STR("trailers")), 0);
    assert_int_equal(http_headers_add(&h, STR("Content-Length"), STR("99")), 0);
    w->conn.calls++;
    http_call_begin(&w->call, &w->conn, arena, &http_limits_default);
    int64_t began = clock_cached_ms();
    int64_t outer = task_deadline(began + 100000);
    w->err = http_call_send(&w->call, STR("POST"), STR("/v1?x"), &h, body, w->has_body ? 2 : 0);
    if (w->err == 0)
        w->err = http_call_head(&w->call);
    while (w->err == 0 && (w->err = http_call_read(&w->call, &piece)) == 0 && piece.n > 0)
        ;
    task_deadline_restore(outer);
    w->took_ms = clock_cached_ms() - began;
    http_call_end(&w->call);
    http_call_end(&w->call); /* a second one is harmless */
}

static void client_task(void *arg)
{
    struct world *w = arg;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    w->conn.shared = true;
    w->conn.calls = 1;
    w->conn.idle_ms = 55000;
    assert_int_equal(http2_sharing_on.begin(&w->conn), 0);
    assert_true(http2_sharing_on.has_room(&w->conn, true));
    if (w->watches != NULL)
        spawn(w->watches, w);
    call_once(w, &arena);
    upool_put(&w->conn, true);
    while (w->holds > 0)
        assert_int_equal(task_sleep(10), 0);
    assert_true(w->retired);
    w->conn.http_free(w->conn.http);
    stream_close(w->conn.stream);
    arena_fini(&arena);
}

static void world_init(struct world *w, struct str answer)
{
    *w = (struct world){.answer = answer, .answers_pings = true};
    buf_init(&w->seen, 1 << 20);
}

static void world_run(struct world *w)
{
    void *no_state = NULL;

    assert_int_equal(world_set_up(&no_state), 0);
    assert_int_equal(stream_pair_new(LANE_BYTES, &w->conn.stream, &w->upstream), 0);
    spawn(upstream_task, w);
    spawn(client_task, w);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(world_tear_down(&no_state), 0);
}

/* ":status: 200" and the stream's end */
#define OK_200 "\0\0\1\1\5\0\0\0\1\x88"

static void test_request(void **state)
{
    struct world w;
    struct str block = STR_NONE, data = STR_NONE;
    struct buf text;
    nghttp2_hd_inflater *inflater;

    (void)state;
    world_init(&w, FRAME(OK_200));
    w.has_body = true;
    world_run(&w);
    assert_int_equal(w.err, 0);
    assert_int_equal(w.call.status, 200);
    assert_true(w.call.done);
    assert_int_equal(w.call.body_bytes, 0);
    assert_int_equal(frames_of(&w, NGHTTP2_HEADERS, &block), 1);
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    buf_init(&text, 4096);
    while (block.n > 0) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, (const uint8_t *)block.p, block.n,
                                           1);
        assert_true(n >= 0);
        block = str_tail(block, (size_t)n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            buf_printf(&text, "%.*s=%.*s\n", (int)nv.namelen, nv.name, (int)nv.valuelen, nv.value);
        if (n == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0)
            break;
    }
    nghttp2_hd_inflate_del(inflater);
    expect_text(buf_view(&text), ":method=POST\n:scheme=http\n:authority=up:8443\n:path=/v1?x\n"
                                 "x-own=Value\ncontent-length=11\n");
    assert_int_equal(frames_of(&w, NGHTTP2_DATA, &data), 1);
    expect_text(data, "hello world");
    buf_fini(&text);
    buf_fini(&w.seen);
}

static void test_idle(void **state)
{
    struct world w;
    struct str last = STR_NONE;

    (void)state;
    world_init(&w, FRAME(OK_200));
    world_run(&w); /* which ends when the connection does */
    assert_int_equal(w.err, 0);
    assert_int_equal(frames_of(&w, NGHTTP2_GOAWAY, &last), 1);
    assert_int_equal(frames_of(&w, NGHTTP2_PING, &last), 0);
    assert_int_equal(frames_of(&w, NGHTTP2_RST_STREAM, &last), 0);
    buf_fini(&w.seen);
}

/* A look at the connection after each answer to a PING. */
static void watch_task(void *arg)
{
    struct world *w = arg;

    for (int second = 0; second < 99; second++) {
        assert_int_equal(task_sleep(second == 0 ? 500 : 1000), 0);
        expect_room(w, true);
    }
}

/* Silent, but there: the call waits as long as it may. */
static void test_silent(void **state)
{
    struct world w;
    struct str last = STR_NONE;

    (void)state;
    world_init(&w, STR_NONE);
    w.watches = watch_task;
    world_run(&w);
    assert_int_equal(w.err, E_TIMEOUT);
    assert_int_equal(w.took_ms, 100000);
    assert_int_equal(frames_of(&w, NGHTTP2_PING, &last), 3);
    assert_int_equal(frames_of(&w, NGHTTP2_RST_STREAM, &last), 1);
    assert_int_equal((uint8_t)last.p[3], NGHTTP2_CANCEL);
    buf_fini(&w.seen);
}

static void test_dead(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, STR_NONE);
    w.answers_pings = false;
    world_run(&w);
    assert_int_equal(w.err, E_RESET);
    assert_true(w.took_ms >= 39000 && w.took_ms <= 41000);
    assert_false(w.call.unprocessed); /* nobody knows */
    buf_fini(&w.seen);
}

struct refusal {
    struct str answer;
    int err;
    bool unprocessed;
};

static void test_refusals(void **state)
{
    static const struct refusal all[] = {
        {{"\0\0\4\3\0\0\0\0\1\0\0\0\7", 13}, E_CLOSED, true},           /* REFUSED_STREAM */
        {{"\0\0\4\3\0\0\0\0\1\0\0\0\2", 13}, E_UPSTREAM_CUT, false},    /* INTERNAL_ERROR */
        {{"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17}, E_CLOSED, true}, /* GOAWAY, none taken */
        {{"\0\0\1\1\4\0\0\0\1\x88\0\0\4\3\0\0\0\0\1\0\0\0\7", 23}, E_UPSTREAM_CUT, false},
        {{"\0\0\1\1\5\0\0\0\1\x41", 10}, E_UPSTREAM_HTTP, false}, /* a header that is no HPACK */
        {{"HTTP/1.1 400 Bad Request\r\n\r\n", 28}, E_UPSTREAM_HTTP, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct world w;
        world_init(&w, all[i].answer);
        world_run(&w);
        if (w.err != all[i].err || w.call.unprocessed != all[i].unprocessed)
            fail_msg("%zu: %s, unprocessed %d", i, err_code(w.err), w.call.unprocessed);
        buf_fini(&w.seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),  cmocka_unit_test(test_idle),
        cmocka_unit_test(test_silent),   cmocka_unit_test(test_dead),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
