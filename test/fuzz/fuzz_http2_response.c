/*
 * fuzz_http2_response.c: frames of an upstream at a client with three calls: one without a body,
 * one with, one that leaves early. Whatever they are, every call ends, what is given out is within
 * the window, and the connection ends without leaving memory behind.
 */
#include "http/client.h"
#include "http_fuzz.h"

#define BODY_BYTES   100000
#define WINDOW_BYTES (256 * 1024)

struct run {
    struct str in;
    size_t piece;
    struct stream *upstream;
    struct upool_conn conn;
    unsigned holds;
    unsigned calls; /* that have not ended */
    bool retired;
};

static struct run *run_of(struct upool_conn *conn)
{
    return CONTAINER_OF(conn, struct run, conn);
}

/* ---- the pool's part */

void upool_put(struct upool_conn *conn, bool reusable UNUSED)
{
    conn->calls--;
}

void upool_hold(struct upool_conn *conn)
{
    run_of(conn)->holds++;
}

void upool_release(struct upool_conn *conn)
{
    MUST(run_of(conn)->holds-- > 0);
}

void upool_retire(struct upool_conn *conn)
{
    run_of(conn)->retired = true;
}

/* ---- the upstream */

static void answer(void *arg)
{
    struct run *run = arg;
    static const char settings[] = "\0\0\0\4\0\0\0\0\0"; /* an empty SETTINGS */
    char bytes[512];
    size_t n;

    MUST(stream_read(run->upstream, bytes, sizeof(bytes), &n) == 0);
    fuzz_send(run->upstream, str_of(settings, 9), 0);
    for (int i = 0; i < 5; i++)
        MUST(task_sleep(1) == 0); /* the calls' streams are open now */
    fuzz_send(run->upstream, run->in, run->piece);
    stream_shut_write(run->upstream);
    while (stream_read(run->upstream, bytes, sizeof(bytes), &n) == 0)
        ;
    stream_close(run->upstream);
}

/* ---- the calls */

static int call_run(struct http_call *c, bool has_body, bool early)
{
    char *bytes = calloc(1, BODY_BYTES);
    struct iovec body = {bytes, has_body ? BODY_BYTES : 0};
    struct str piece = STR_NONE;

    MUST(bytes != NULL);
    (void)task_deadline(clock_cached_ms() + 60000);
    int err = http_call_send(c, has_body ? STR("POST") : STR("GET"), STR("/"), NULL, &body,
                             has_body ? 1 : 0);
    free(bytes); /* nothing of it is needed behind the sending */
    if (err == 0)
        err = http_call_head(c);
    if (err != 0)
        return err;
    MUST(c->status >= 200 && c->status <= 999);
    for (unsigned i = 0; i < c->headers.n; i++)
        MUST(c->headers.at[i].name.n > 0 && c->headers.at[i].name.p[0] != ':');
    int64_t left = c->body_bytes;
    while (!early && (err = http_call_read(c, &piece)) == 0 && piece.n > 0) {
        MUST(piece.n <= WINDOW_BYTES);
        left -= (int64_t)piece.n;
    }
    if (!early && err == 0)
        MUST(c->done && (c->body_bytes < 0 || left == 0));
    return err;
}

static void one_call(struct run *run, bool has_body, bool early)
{
    struct http_call c;
    struct arena arena;

    arena_init(&arena, 1 << 20);
    http_call_begin(&c, &run->conn, &arena, &http_limits_default);
    c.host = STR("up");
    int err = call_run(&c, has_body, early);
    MUST(err <= 0 && (!c.unprocessed || err == E_CLOSED));
    http_call_end(&c);
    arena_fini(&arena);
    run->calls--;
}

static void call_plain(void *arg)
{
    one_call(arg, false, false);
}

static void call_with_body(void *arg)
{
    one_call(arg, true, false);
}

static void call_early(void *arg)
{
    one_call(arg, false, true);
}

static void connection(void *arg)
{
    struct run *run = arg;
    void (*const calls[])(void *) = {call_plain, call_with_body, call_early};

    run->conn.shared = true;
    run->conn.calls = 1;
    run->conn.idle_ms = 55000;
    int err = http2_sharing_on.begin(&run->conn);
    for (size_t i = 0; i < ARRAY_LEN(calls) && err == 0; i++) {
        run->conn.calls++;
        run->calls++;
        MUST(task_spawn("call", calls[i], run, NULL) == 0);
    }
    while (run->calls > 0)
        MUST(task_sleep(1) == 0);
    MUST(run->conn.calls == 1);
    run->conn.calls = 0;
    http2_sharing_on.leave(&run->conn);
    while (run->holds > 0)
        MUST(task_sleep(1) == 0);
    MUST(run->retired);
    run->conn.http_free(run->conn.http);
    stream_close(run->conn.stream);
}

static void start(void *arg)
{
    struct run *run = arg;

    MUST(stream_pair_new(64 * 1024, &run->conn.stream, &run->upstream) == 0);
    MUST(task_spawn("upstream", answer, run, NULL) == 0);
    MUST(task_spawn("connection", connection, run, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    struct run run = {.in = str_of((const char *)data + 1, size - 1), .piece = data[0]};
    fuzz_world(start, &run);
    return 0;
}
