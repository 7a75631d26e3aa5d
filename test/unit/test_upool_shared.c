/* test_upool_shared.c: connections that carry several calls, by a protocol that does what the test
 * says. */
#include "upool_world.h"

#include "net/stream.h"

/* ---- a protocol of two calls a connection; what runs for it is one hold */

struct protocol {
    int speaks;
    bool held_back;  /* begin waits, ... */
    struct waitq go; /* ... here */
    int begin_err;
    unsigned begun, idles, room;
    struct upool_conn *last;
};

static struct protocol protocol;

static int speaks(const struct stream *s UNUSED, struct fault *f UNUSED)
{
    return protocol.speaks;
}

static int begin(struct upool_conn *conn)
{
    int err = 0;

    protocol.begun++;
    protocol.last = conn;
    conn->http = &protocol;
    if (protocol.held_back)
        err = waitq_wait(&protocol.go);
    if (err == 0)
        err = protocol.begin_err;
    if (err == 0)
        upool_hold(conn);
    return err;
}

static bool has_room(const struct upool_conn *conn, bool fresh)
{
    return conn->calls < protocol.room && !fresh;
}

static void idle(struct upool_conn *conn UNUSED)
{
    protocol.idles++;
}

static void leave(struct upool_conn *conn)
{
    upool_retire(conn);
    upool_release(conn); /* with a call under way it stays for that */
}

static const struct upool_sharing sharing = {
    .speaks = speaks, .begin = begin, .has_room = has_room, .idle = idle, .leave = leave};

static struct upool *begin_with(struct server *server, unsigned connections_max)
{
    protocol = (struct protocol){.speaks = 1, .room = 2};
    waitq_init(&protocol.go);
    server_start(server);
    return pool_new((struct upool_settings){
        .port = server->port, .sharing = &sharing, .connections_max = connections_max});
}

static void shared(void *arg UNUSED)
{
    struct server server;
    struct upool *pool = begin_with(&server, 2);
    struct upool_conn *none;

    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    assert_ptr_equal(a, b);
    assert_int_equal(a->calls, 2);
    assert_false(a->reused); /* it is not the idle time that could have ended it */
    expect_stats(pool, 0, 1, 1);
    struct upool_conn *c = get(pool, false); /* the first one is full */
    assert_ptr_not_equal(a, c);
    assert_int_equal(get(pool, false)->calls, 2);
    expect_stats(pool, 0, 2, 2);
    assert_int_equal(upool_get(pool, false, &none, NULL), E_OVERLOADED);
    upool_put(a, true);
    expect_stats(pool, 0, 2, 2);
    assert_int_equal(protocol.idles, 0);
    upool_put(a, true);
    assert_int_equal(protocol.idles, 1);
    expect_stats(pool, 1, 1, 2);
    assert_ptr_equal(get(pool, false), a);
    assert_true(a->reused);
    expect_stats(pool, 0, 2, 2);
    /* Retired with a call: it ends with that. */
    leave(a);
    upool_put(a, true);
    expect_stats(pool, 0, 1, 2);
    /* What asks for certainty gets a new one; put as not reusable it goes. */
    struct upool_conn *d = get(pool, true);
    assert_ptr_not_equal(d, c);
    upool_put(d, false);
    expect_stats(pool, 0, 1, 3);
    upool_put(c, true);
    upool_settle(pool, 1000);
    expect_stats(pool, 0, 1, 3); /* its second call is under way */
    upool_put(c, true);
    expect_stats(pool, 0, 0, 3);
    upool_free(pool);
    server_stop(&server);
}

static void test_shared(void **state)
{
    (void)state;
    rt_run(shared, NULL);
}

/* ---- many come while the first connection is being made */

struct crowd {
    struct upool *pool;
    unsigned got, failed;
    struct upool_conn *conn[8];
};

static void come(void *arg)
{
    struct crowd *crowd = arg;
    struct upool_conn *conn;

    if (upool_get(crowd->pool, false, &conn, NULL) == 0)
        crowd->conn[crowd->got++] = conn;
    else
        crowd->failed++;
}

static void crowd_come(struct crowd *crowd, struct server *server, unsigned n)
{
    struct group g;

    crowd->pool = begin_with(server, 0);
    protocol.held_back = true;
    group_init(&g);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(group_spawn(&g, "come", come, crowd), 0);
    let_others_run();
    assert_int_equal(upool_stats(crowd->pool).in_use, 1);
    protocol.held_back = false;
    waitq_wake_all(&protocol.go);
    group_join(&g);
}

static void waited_for(void *arg UNUSED)
{
    struct server server;
    struct crowd crowd = {0};

    crowd_come(&crowd, &server, 7);
    assert_int_equal(crowd.got, 7);
    expect_stats(crowd.pool, 0, 4, 4); /* two calls each */
    for (unsigned i = 0; i < crowd.got; i++)
        upool_put(crowd.conn[i], true);
    expect_stats(crowd.pool, 4, 0, 4);
    upool_free(crowd.pool);
    server_stop(&server);
}

static void test_waited_for(void **state)
{
    (void)state;
    rt_run(waited_for, NULL);
}

static void fail_soon(void *arg UNUSED)
{
    let_others_run();
    protocol.begin_err = E_UPSTREAM_HTTP;
}

/* Where the first one fails, each tries for itself, and nothing stays behind. */
static void failed(void *arg UNUSED)
{
    struct server server;
    struct crowd crowd = {0};

    assert_int_equal(task_spawn("fail", fail_soon, NULL, NULL), 0);
    crowd_come(&crowd, &server, 5);
    assert_int_equal(crowd.failed + crowd.got, 5);
    assert_int_equal(crowd.failed, 5);
    expect_stats(crowd.pool, 0, 0, 0);
    assert_int_equal(protocol.begun, 5);
    upool_free(crowd.pool);
    server_stop(&server);
}

static void test_failed(void **state)
{
    (void)state;
    rt_run(failed, NULL);
}

/* A server that does not speak it: its connections carry one call each, and nobody waits. */
static void alone(void *arg UNUSED)
{
    struct server server;
    struct upool *pool = begin_with(&server, 0);

    protocol.speaks = 0;
    struct upool_conn *a = get(pool, false), *b = get(pool, false);
    assert_ptr_not_equal(a, b);
    assert_false(a->shared);
    ask(a, "hello");
    upool_put(a, true);
    assert_ptr_equal(get(pool, false), a);
    upool_put(a, true);
    upool_put(b, false);
    expect_stats(pool, 1, 0, 2);
    upool_free(pool);
    assert_int_equal(protocol.begun, 0);
    server_stop(&server);
}

static void test_alone(void **state)
{
    (void)state;
    rt_run(alone, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_shared),
        RT_TEST(test_waited_for),
        RT_TEST(test_failed),
        RT_TEST(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
