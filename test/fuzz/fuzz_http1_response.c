/* fuzz_http1_response.c: bytes of an upstream at a client; the same result however they are cut. */
#include "http/client.h"
#include "http_fuzz.h"

struct run {
    struct str in;
    size_t piece;
    bool head_request;
    struct stream *upstream;
    struct upool_conn conn;
    struct buf out; /* all that came of it */
};

/* The pool's part: the connection comes back. */
void upool_put(struct upool_conn *conn, bool reusable)
{
    (void)reusable;
    if (conn->http_free != NULL)
        conn->http_free(conn->http);
    stream_close(conn->stream);
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

static void answer(void *arg)
{
    struct run *run = arg;
    char bytes[512];
    size_t n;

    MUST(stream_read(run->upstream, bytes, sizeof(bytes), &n) == 0);
    fuzz_send(run->upstream, run->in, run->piece);
    stream_shut_write(run->upstream);
    while (stream_read(run->upstream, bytes, sizeof(bytes), &n) == 0)
        ;
    stream_close(run->upstream);
}

static void call(void *arg)
{
    struct run *run = arg;
    struct http_call c;
    struct arena arena;
    struct str piece = STR_NONE;

    arena_init(&arena, 1 << 20);
    http_call_begin(&c, &run->conn, &arena, &http_limits_default);
    c.host = STR("up");
    struct str method = run->head_request ? STR("HEAD") : STR("GET");
    int err = http_call_send(&c, method, STR("/"), NULL, NULL, 0);
    if (err == 0)
        err = http_call_head(&c);
    MUST(buf_printf(&run->out, "%s %d ", err_code(err), c.status) == 0);
    if (err == 0) {
        MUST(c.status >= 200);
        fuzz_put_headers(&run->out, &c.headers);
        while ((err = http_call_read(&c, &piece)) == 0 && piece.n > 0)
            MUST(buf_str(&run->out, piece) == 0);
        MUST(err != 0 || c.done);
        MUST(buf_printf(&run->out, " %s ", err_code(err)) == 0);
        if (err == 0)
            fuzz_put_headers(&run->out, &c.trailers);
    }
    http_call_end(&c);
    arena_fini(&arena);
}

static void start(void *arg)
{
    struct run *run = arg;

    MUST(stream_pair_new(64 * 1024, &run->conn.stream, &run->upstream) == 0);
    MUST(task_spawn("upstream", answer, run, NULL) == 0);
    MUST(task_spawn("call", call, run, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run runs[2];

    if (size < 2 || size > 8192)
        return 0;
    for (int i = 0; i < 2; i++) {
        runs[i] = (struct run){.in = str_of((const char *)data + 1, size - 1),
                               .piece = i == 0 ? 0 : (size_t)(data[0] & 0x7f) + 1,
                               .head_request = data[0] >= 0x80};
        buf_init(&runs[i].out, 64 << 20);
        fuzz_world(start, &runs[i]);
    }
    fuzz_same(&runs[0].out, &runs[1].out);
    buf_fini(&runs[0].out);
    buf_fini(&runs[1].out);
    return 0;
}
