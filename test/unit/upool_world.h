/* upool_world.h: a server in the same loop and pools of connections to it. */
#ifndef TEST_UPOOL_WORLD_H
#define TEST_UPOOL_WORLD_H

#include "rt_test.h"

#include <stdlib.h>
#include <string.h>

#include "net/listener.h"
#include "net/upool.h"

/* ---- the server: echoes; "x" asks it to hang up, "s" to say something unasked afterwards */

struct server {
    struct listener *listener;
    unsigned port;
    struct waitq speak;
};

static inline void serve(void *arg, struct stream *s, const struct sockaddr *peer)
{
    struct server *server = arg;
    char bytes[64];
    size_t n;

    (void)peer;
    while (stream_read(s, bytes, sizeof(bytes), &n) == 0) {
        assert_int_equal(stream_write(s, str_of(bytes, n)), 0);
        if (bytes[0] == 'x')
            return;
        if (bytes[0] == 's') {
            assert_int_equal(waitq_wait(&server->speak), 0);
            assert_int_equal(stream_write(s, STR("unasked")), 0);
        }
    }
}

static inline void server_start(struct server *server)
{
    const struct listener_settings settings = {.address = "127.0.0.1:0"};

    waitq_init(&server->speak);
    assert_int_equal(listener_start(&settings, serve, server, &server->listener, NULL), 0);
    server->port = (unsigned)strtoul(strrchr(listener_address(server->listener), ':') + 1, NULL,
                                     10);
}

static inline void server_stop(struct server *server)
{
    listener_stop(server->listener);
    listener_join(server->listener);
}

static inline struct upool *pool_new(struct upool_settings settings)
{
    struct upool *pool;

    if (settings.host == NULL)
        settings.host = "127.0.0.1";
    if (settings.idle_max == 0)
        settings.idle_max = 8;
    if (settings.idle_ms == 0)
        settings.idle_ms = 60000;
    if (settings.connect_ms == 0)
        settings.connect_ms = 1000;
    assert_int_equal(upool_new(&settings, &pool), 0);
    return pool;
}

static inline struct upool_conn *get(struct upool *pool, bool fresh)
{
    struct upool_conn *conn;
    struct fault f = {0};

    if (upool_get(pool, fresh, &conn, &f) != 0)
        fail_msg("%s", fault_text(&f));
    assert_ptr_equal(conn->pool, pool);
    return conn;
}

static inline void ask(struct upool_conn *conn, const char *text)
{
    char bytes[64];
    size_t at = 0, n;

    assert_int_equal(stream_write(conn->stream, str_from(text)), 0);
    while (at < strlen(text)) {
        assert_int_equal(stream_read(conn->stream, bytes + at, sizeof(bytes) - at, &n), 0);
        at += n;
    }
    assert_int_equal(at, strlen(text));
    assert_memory_equal(bytes, text, at);
}

static inline void expect_stats(const struct upool *pool, unsigned idle, unsigned in_use,
                                uint64_t opened)
{
    struct upool_stats stats = upool_stats(pool);

    assert_int_equal(stats.idle, idle);
    assert_int_equal(stats.in_use, in_use);
    assert_int_equal(stats.opened, opened);
}

static inline void let_others_run(void)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(task_sleep(1), 0);
}

#endif
