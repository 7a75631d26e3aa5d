/* fuzz_http1_request.c: bytes of a client at a server; the same answers however they are cut. */
#include "http/server.h"
#include "http_fuzz.h"

struct run {
    struct str in;
    size_t piece;
    struct stream *client, *server;
    struct buf out;    /* what the client got */
    struct buf bodies; /* what the handler read */
};

static void answer(void *arg, struct exchange *x)
{
    struct run *run = arg;
    struct str piece;
    int err;

    MUST(x->path.n > 0 && x->target.n > 0 && x->method_text.n > 0);
    fuzz_put(&run->bodies, x->method_text);
    fuzz_put(&run->bodies, x->path);
    fuzz_put(&run->bodies, x->query);
    fuzz_put_headers(&run->bodies, &x->headers);
    /* Some handlers do not read the body. */
    if (x->path.n > 1 && x->path.p[1] == 'n') {
        (void)!exchange_respond(x, 200, NULL, STR("unread"));
        return;
    }
    while ((err = exchange_read_body(x, &piece)) == 0 && piece.n > 0)
        MUST(buf_str(&run->bodies, piece) == 0);
    if (err == 0)
        fuzz_put_headers(&run->bodies, &x->trailers);
    (void)!exchange_respond(x, err == 0 ? 200 : err_status(err), NULL, STR("read"));
}

static void serve(void *arg)
{
    struct run *run = arg;
    struct http2_streams streams = {.max = 40};
    const struct http_server_settings settings = {.limits = &http_limits_default,
                                                  .arena_bytes_max = 1 << 20,
                                                  .handler = answer,
                                                  .arg = run,
                                                  .streams = &streams};

    http_serve(run->server, STR_NONE, &settings);
    stream_close(run->server);
}

static void send_and_collect(void *arg)
{
    struct run *run = arg;
    char bytes[4096];
    size_t n;

    fuzz_send(run->client, run->in, run->piece);
    while (stream_read(run->client, bytes, sizeof(bytes), &n) == 0)
        MUST(buf_add(&run->out, bytes, n) == 0);
    stream_close(run->client);
}

static void start(void *arg)
{
    struct run *run = arg;

    MUST(stream_pair_new(64 * 1024, &run->client, &run->server) == 0);
    MUST(task_spawn("server", serve, run, NULL) == 0);
    MUST(task_spawn("client", send_and_collect, run, NULL) == 0);
}

/* "100 Continue" depends on whether the body is there already. */
static void drop_continues(struct buf *out)
{
    struct str wanted = STR("HTTP/1.1 100 Continue\r\n\r\n");
    ptrdiff_t at;

    while ((at = str_find(buf_view(out), wanted)) >= 0) {
        memmove(out->p + at, out->p + (size_t)at + wanted.n, out->n - (size_t)at - wanted.n);
        out->n -= wanted.n;
    }
}

/* Which has a target of its own. */
static bool is_http2(struct str in)
{
    while (str_starts(in, STR("\r\n")))
        in = str_tail(in, 2);
    return str_starts(in, STR("PRI "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run runs[2];

    if (size < 2 || size > 8192 || is_http2(str_of((const char *)data + 1, size - 1)))
        return 0;
    for (int i = 0; i < 2; i++) {
        runs[i] = (struct run){.in = str_of((const char *)data + 1, size - 1),
                               .piece = i == 0 ? 0 : (size_t)data[0] + 1};
        buf_init(&runs[i].out, 64 << 20);
        buf_init(&runs[i].bodies, 64 << 20);
        fuzz_world(start, &runs[i]);
        drop_continues(&runs[i].out);
    }
    fuzz_same(&runs[0].bodies, &runs[1].bodies);
    fuzz_same(&runs[0].out, &runs[1].out);
    for (int i = 0; i < 2; i++) {
        buf_fini(&runs[i].out);
        buf_fini(&runs[i].bodies);
    }
    return 0;
}
