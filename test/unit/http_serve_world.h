/* http_serve_world.h: http_serve at one end of a pair of streams and bytes at the other. */
#ifndef TEST_HTTP_SERVE_WORLD_H
#define TEST_HTTP_SERVE_WORLD_H

#include "http/server.h"
#include "http_world.h"

struct scene {
    struct http_server_settings settings;
    struct http_limits limits;
    struct http2_streams streams;
    struct str in;    /* what the client sends */
    size_t piece;     /* in pieces of so many bytes; 0: in one */
    struct buf out;   /* what it gets */
    int end;          /* how the stream ended for it */
    int64_t ended_ms; /* after the beginning */
    unsigned handled; /* requests that reached the handler */
    int refused;      /* the error that the refuser saw */
    unsigned reads, writes, calls;
    unsigned fail_at; /* the stream's call that fails, and all after it */
    struct stream *client, *server;
};

/* "METHOD path?query host=H body": enough to see what the handler saw. */
static inline void scene_echo(void *arg, struct exchange *x)
{
    struct scene *scene = arg;
    struct str body;

    scene->handled++;
    int err = exchange_read_all(x, 1 << 20, &body);
    if (err != 0) {
        struct str code = str_from(err_code(err));
        assert_true(exchange_respond(x, err_status(err), NULL, code) != 1);
        return;
    }
    struct str host = http_headers_get(&x->headers, STR("host"));
    struct str text = arena_printf(x->arena, "%.*s %.*s?%.*s host=%.*s %.*s",
                                   STR_ARGS(x->method_text), STR_ARGS(x->path), STR_ARGS(x->query),
                                   STR_ARGS(host), STR_ARGS(body));
    assert_non_null(text.p);
    assert_int_equal(exchange_respond(x, 200, NULL, text), 0);
}

static inline void scene_refuse(void *arg, struct exchange *x, int err, const char *text)
{
    struct scene *scene = arg;

    scene->refused = err;
    assert_non_null(text);
    assert_int_equal(exchange_respond(x, err_status(err), NULL, str_from(text)), 0);
}

static inline void scene_init(struct scene *scene, const char *in)
{
    *scene =
        (struct scene){.in = str_from(in), .limits = http_limits_default, .streams = {.max = 1000}};
    scene->settings = (struct http_server_settings){
        .limits = &scene->limits,
        .arena_bytes_max = 256 * 1024,
        .handler = scene_echo,
        .refuse = scene_refuse,
        .arg = scene,
        .streams = &scene->streams,
    };
    buf_init(&scene->out, 16 << 20);
}

static inline void scene_fini(struct scene *scene)
{
    buf_fini(&scene->out);
}

static inline void scene_serve(void *arg)
{
    struct scene *scene = arg;
    struct counted counted;

    counted_init(&counted, scene->server);
    counted.fail_at = scene->fail_at;
    http_serve(&counted.stream, STR_NONE, &scene->settings);
    scene->reads = counted.reads;
    scene->writes = counted.writes;
    scene->calls = counted.calls;
    stream_close(&counted.stream);
}

/* Sends everything, then reads to the end: an idle connection is closed by the server in time. */
static inline void scene_client(void *arg)
{
    struct scene *scene = arg;

    send_split(scene->client, scene->in, scene->piece);
    scene->end = collect(scene->client, &scene->out);
    scene->ended_ms = clock_cached_ms() - 1000;
    stream_close(scene->client);
}

static inline void scene_play_with(struct scene *scene, void (*client)(void *arg))
{
    void *no_state = NULL;

    assert_int_equal(world_set_up(&no_state), 0);
    assert_int_equal(stream_pair_new(LANE_BYTES, &scene->client, &scene->server), 0);
    spawn(scene_serve, scene);
    spawn(client, scene);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(world_tear_down(&no_state), 0);
}

static inline struct str scene_play(struct scene *scene)
{
    scene_play_with(scene, scene_client);
    return buf_view(&scene->out);
}

/* In one piece, byte by byte and in a few odd pieces: what comes back must be the same. */
static inline void scene_expect(const char *in, const char *out)
{
    static const size_t pieces[] = {0, 1, 2, 3, 7, 64};

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct scene scene;
        scene_init(&scene, in);
        scene.piece = pieces[i];
        expect_text(scene_play(&scene), out);
        assert_int_equal(scene.end, E_EOF);
        scene_fini(&scene);
    }
}

#endif
