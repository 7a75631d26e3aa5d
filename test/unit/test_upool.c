/* test_upool.c: connections that are used again, and those that must not be. */
#include "upool_world.h"

#include <stdio.h>

/* ---- used again */

static void used_again(void *arg)
{
    struct server server;

    (void)arg;
    server_start(&server);
    struct upool *pool = pool_new((struct upool_settings){.port = server.port});
    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    assert_ptr_not_equal(a, b);
    assert_false(a->reused);
    ask(a, "hello");
    ask(b, "world");
    expect_stats(pool, 0, 2, 2);
    upool_put(a, true);
    upool_put(b, true);
    expect_stats(pool, 2, 0, 2);
    /* The one that was used last comes first. */
    assert_ptr_equal(get(pool, false), b);
    assert_true(b->reused);
    ask(b, "again");
    assert_ptr_equal(get(pool, false), a);
    assert_int_equal(upool_stats(pool).reused, 2);
    upool_put(b, true);
    /* A fresh one is new although one is idle. */
    struct upool_conn *c = get(pool, true);
    assert_ptr_not_equal(c, b);
    assert_false(c->reused);
    expect_stats(pool, 1, 2, 3);
    upool_put(c, false);
    upool_put(a, true);
    expect_stats(pool, 2, 0, 3);
    upool_free(pool);
    server_stop(&server);
}

static void test_used_again(void **state)
{
    (void)state;
    rt_run(used_again, NULL);
}

static void count_free(void *http)
{
    ++*(int *)http;
}

static void closed_with_its_http_state(void *arg)
{
    struct server server;
    int freed = 0;

    (void)arg;
    server_start(&server);
    struct upool *pool = pool_new((struct upool_settings){.port = server.port, .idle_max = 2});
    struct upool_conn *c[3];
    for (int i = 0; i < 3; i++) {
        c[i] = get(pool, false);
        c[i]->http = &freed;
        c[i]->http_free = count_free;
    }
    /* The third is one too many; the oldest goes. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(freed, 0);
        upool_put(c[i], true);
    }
    assert_int_equal(freed, 1);
    expect_stats(pool, 2, 0, 3);
    assert_ptr_equal(get(pool, false), c[2]);
    upool_put(c[2], false);
    assert_int_equal(freed, 2);
    upool_free(pool);
    assert_int_equal(freed, 3);
    upool_free(NULL);
    server_stop(&server);
}

static void test_closed_with_its_http_state(void **state)
{
    (void)state;
    rt_run(closed_with_its_http_state, NULL);
}

/* ---- idle ones that are good no longer */

static void closed_by_the_server(void *arg)
{
    struct server server;
    char byte;
    size_t n;

    (void)arg;
    server_start(&server);
    struct upool *pool = pool_new((struct upool_settings){.port = server.port});
    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    ask(a, "hello");
    ask(b, "hello");
    upool_put(b, true);
    assert_int_equal(stream_write(a->stream, STR("x")), 0);
    assert_int_equal(stream_read(a->stream, &byte, 1, &n), 0);
    upool_put(a, true);
    let_others_run();
    expect_stats(pool, 1, 0, 2); /* it left at once */
    assert_int_equal(listener_connections(server.listener), 1);
    assert_ptr_equal(get(pool, false), b);
    upool_put(b, true);
    upool_free(pool);
    server_stop(&server);
}

static void test_closed_by_the_server(void **state)
{
    (void)state;
    rt_run(closed_by_the_server, NULL);
}

static void spoke_unasked(void *arg)
{
    struct server server;

    (void)arg;
    server_start(&server);
    struct upool *pool = pool_new((struct upool_settings){.port = server.port});
    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    ask(b, "hello");
    ask(a, "s");
    upool_put(b, true);
    upool_put(a, true);
    waitq_wake_all(&server.speak);
    let_others_run();
    /* Bytes that belong to no request: that one is not handed out, the next is. */
    assert_ptr_equal(get(pool, false), b);
    expect_stats(pool, 0, 1, 2);
    upool_put(b, true);
    upool_free(pool);
    server_stop(&server);
}

static void test_spoke_unasked(void **state)
{
    (void)state;
    rt_run(spoke_unasked, NULL);
}

static void too_old(void *arg)
{
    struct server server;

    (void)arg;
    server_start(&server);
    struct upool *pool = pool_new((struct upool_settings){.port = server.port, .idle_ms = 1000});
    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    upool_put(a, true);
    assert_int_equal(task_sleep(400), 0);
    upool_put(b, true);
    assert_int_equal(task_sleep(599), 0);
    expect_stats(pool, 2, 0, 2);
    assert_int_equal(task_sleep(2), 0);
    expect_stats(pool, 1, 0, 2);
    assert_int_equal(task_sleep(398), 0);
    expect_stats(pool, 1, 0, 2);
    assert_int_equal(task_sleep(2), 0);
    expect_stats(pool, 0, 0, 2);
    let_others_run();
    assert_int_equal(listener_connections(server.listener), 0);
    /* Used in time, it stays; and the timer works again after its rest. */
    a = get(pool, false);
    upool_put(a, true);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(task_sleep(600), 0);
        assert_ptr_equal(get(pool, false), a);
        upool_put(a, true);
    }
    assert_int_equal(task_sleep(1001), 0);
    expect_stats(pool, 0, 0, 3);
    upool_free(pool);
    server_stop(&server);
}

static void test_too_old(void **state)
{
    (void)state;
    rt_run(too_old, NULL);
}

/* ---- limits and the pool's end */

static void at_the_limit(void *arg)
{
    struct server server;
    struct upool_conn *conn;
    struct fault f = {0};
    char text[100];

    (void)arg;
    server_start(&server);
    struct upool *pool =
        pool_new((struct upool_settings){.port = server.port, .connections_max = 2});
    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    assert_int_equal(upool_get(pool, false, &conn, &f), E_OVERLOADED);
    snprintf(text, sizeof(text), "127.0.0.1:%u: all 2 connections are in use", server.port);
    assert_string_equal(f.text, text);
    /* An idle one makes room for a fresh one. */
    upool_put(a, true);
    conn = get(pool, true);
    assert_false(conn->reused);
    expect_stats(pool, 0, 2, 3);
    upool_put(b, true);
    upool_put(conn, true);
    expect_stats(pool, 2, 0, 3);
    upool_free(pool);
    server_stop(&server);
}

static void test_at_the_limit(void **state)
{
    (void)state;
    rt_run(at_the_limit, NULL);
}

static void freed_while_in_use(void *arg)
{
    struct server server;

    (void)arg;
    server_start(&server);
    struct upool *pool = pool_new((struct upool_settings){.port = server.port});
    struct upool_conn *a = get(pool, false), *b = get(pool, false), *c = get(pool, false);
    upool_put(c, true);
    upool_free(pool);
    let_others_run();
    assert_int_equal(listener_connections(server.listener), 2);
    ask(a, "hello");
    upool_put(a, true);
    let_others_run();
    assert_int_equal(listener_connections(server.listener), 1);
    upool_put(b, false); /* the pool goes with it */
    server_stop(&server);
}

static void test_freed_while_in_use(void **state)
{
    (void)state;
    rt_run(freed_while_in_use, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_used_again),
        RT_TEST(test_closed_with_its_http_state),
        RT_TEST(test_closed_by_the_server),
        RT_TEST(test_spoke_unasked),
        RT_TEST(test_too_old),
        RT_TEST(test_at_the_limit),
        RT_TEST(test_freed_while_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
