/*
 * fuzz_http2_request.c: frames of a client at a server, behind the preface. Whatever they are, the
 * connection ends, handlers see requests that are whole, and no memory stays behind.
 */
#include "http/server.h"
#include "http_fuzz.h"

struct run {
    struct str in;
    size_t piece;
    struct stream *client, *server;
    unsigned running; /* handlers */
};

static void answer(void *arg, struct exchange *x)
{
    struct run *run = arg;
    struct str piece = STR_NONE;
    int err = 0;

    run->running++;
    MUST(x->path.n > 0 && x->target.n > 0 && x->method_text.n > 0);
    for (unsigned i = 0; i < x->headers.n; i++)
        MUST(x->headers.at[i].name.n > 0 && x->headers.at[i].name.p[0] != ':');
    /* Some handlers do not read the body, some read it in one piece, some do not end. */
    char kind = x->path.n > 1 ? x->path.p[1] : 'r';
    if (kind == 'k')
        err = exchange_read_all(x, 1 << 16, &piece);
    else if (kind != 'n')
        while ((err = exchange_read_body(x, &piece)) == 0 && piece.n > 0)
            ;
    if (kind == 'c') {
        (void)!exchange_begin(x, 200, NULL, -1);
        (void)!exchange_write(x, STR("data: 1\n\n"));
        if (task_sleep(5) == 0)
            (void)!exchange_write(x, STR("data: 2\n\n"));
    } else {
        (void)!exchange_respond(x, err == 0 ? 200 : err_status(err), NULL, STR("read"));
    }
    run->running--;
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
    MUST(run->running == 0 && streams.open == 0);
    stream_close(run->server);
}

static void send_and_read(void *arg)
{
    struct run *run = arg;
    char bytes[4096];
    size_t n;

    fuzz_send(run->client, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0);
    fuzz_send(run->client, run->in, run->piece);
    while (stream_read(run->client, bytes, sizeof(bytes), &n) == 0)
        ;
    stream_close(run->client);
}

static void start(void *arg)
{
    struct run *run = arg;

    MUST(stream_pair_new(64 * 1024, &run->client, &run->server) == 0);
    MUST(task_spawn("server", serve, run, NULL) == 0);
    MUST(task_spawn("client", send_and_read, run, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192)
        return 0;
    struct run run = {.in = str_of((const char *)data + 1, size - 1), .piece = data[0]};
    fuzz_world(start, &run);
    return 0;
}
