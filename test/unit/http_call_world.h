/*
 * http_call_world.h: one call of the HTTP client to an upstream that answers with given bytes.
 *
 * It takes the place of upool_put, so it may stand in one file of a test only.
 */
#ifndef TEST_HTTP_CALL_WORLD_H
#define TEST_HTTP_CALL_WORLD_H

#include "http/client.h"
#include "http_world.h"

/* The pool's part here: a connection comes back. Nothing else of upool.c is linked. */
static struct {
    unsigned puts;
    bool reusable;
} pool;

void upool_put(struct upool_conn *conn, bool reusable)
{
    pool.puts++;
    pool.reusable = reusable;
    if (!reusable) {
        if (conn->http_free != NULL)
            conn->http_free(conn->http);
        conn->http = NULL;
        conn->http_free = NULL;
    }
}

/* No connection is shared here. */
void upool_hold(struct upool_conn *conn UNUSED)
{
}
void upool_release(struct upool_conn *conn UNUSED)
{
}
void upool_retire(struct upool_conn *conn UNUSED)
{
}

/* ---- an upstream: reads `wanted` bytes, then says `answer`, then closes or stays */

struct play {
    const char *answer;
    struct str answer_bytes; /* instead, where it has NUL */
    size_t piece;
    bool stays;
    bool resets;
    size_t wanted;
    struct buf seen;

    /* the call */
    struct str method;
    struct upool_conn conn;
    struct counted counted;
    struct arena arena;
    struct http_call call;
    struct buf body;
    unsigned pieces;
    int send_err, head_err, read_err;
    struct stream *upstream;
};

static inline void upstream_task(void *arg)
{
    struct play *p = arg;
    char bytes[4096];
    size_t n;

    while (p->seen.n < p->wanted) {
        if (stream_read(p->upstream, bytes, sizeof(bytes), &n) != 0)
            break;
        assert_int_equal(buf_add(&p->seen, bytes, n), 0);
    }
    struct str answer = p->answer != NULL ? str_from(p->answer) : p->answer_bytes;
    send_split(p->upstream, answer, p->piece);
    if (p->resets) {
        stream_pair_reset(p->upstream);
        return;
    }
    if (!p->stays)
        stream_shut_write(p->upstream);
    while (stream_read(p->upstream, bytes, sizeof(bytes), &n) == 0)
        assert_int_equal(buf_add(&p->seen, bytes, n), 0);
    stream_close(p->upstream);
}

static inline int read_body(struct play *p)
{
    for (;;) {
        struct str piece;
        int err = http_call_read(&p->call, &piece);
        if (err != 0)
            return err;
        if (piece.n == 0)
            return 0;
        p->pieces++;
        assert_int_equal(buf_str(&p->body, piece), 0);
    }
}

static inline void call_once(struct play *p)
{
    struct http_headers h;

    http_headers_init(&h, &p->arena);
    assert_int_equal(http_headers_add(&h, STR("Host"), STR("up")), 0);
    http_call_begin(&p->call, &p->conn, &p->arena, &http_limits_default);
    p->head_err = p->read_err = 1;
    p->send_err = http_call_send(&p->call, p->method, STR("/v1"), &h, NULL, 0);
    if (p->send_err == 0)
        p->head_err = http_call_head(&p->call);
    if (p->head_err == 0)
        p->read_err = read_body(p);
    http_call_end(&p->call);
    http_call_end(&p->call); /* a second one is harmless */
}

static inline void client_task(void *arg)
{
    struct play *p = arg;

    call_once(p);
    if (p->conn.http_free != NULL)
        p->conn.http_free(p->conn.http);
    stream_close(p->conn.stream);
}

static inline void play_init(struct play *p, const char *answer)
{
    *p = (struct play){.answer = answer, .method = STR("GET"), .wanted = 1};
    buf_init(&p->seen, 64 << 20);
    buf_init(&p->body, 64 << 20);
    arena_init(&p->arena, 1 << 20);
    pool.puts = 0;
    pool.reusable = false;
}

static inline void play_fini(struct play *p)
{
    buf_fini(&p->seen);
    buf_fini(&p->body);
    arena_fini(&p->arena);
}

static inline void play_with(struct play *p, void (*client)(void *arg))
{
    void *no_state = NULL;
    struct stream *lower;

    assert_int_equal(world_set_up(&no_state), 0);
    assert_int_equal(stream_pair_new(LANE_BYTES, &lower, &p->upstream), 0);
    counted_init(&p->counted, lower);
    p->conn.stream = &p->counted.stream;
    spawn(upstream_task, p);
    spawn(client, p);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(world_tear_down(&no_state), 0);
}

#endif
