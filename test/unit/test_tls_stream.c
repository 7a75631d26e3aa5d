/* test_tls_stream.c: a TLS connection that stands: bytes both ways, its ends, its quiet. */
#include "base/clock.h"
#include "http_world.h"
#include "rt_test.h"
#include "tls_world.h"

static struct {
    struct identity ca, good;
    char ca_path[32];
    SSL_CTX *server_ctx;
    struct tls_context *client;
} all;

static int group_up(void **state)
{
    (void)state;
    all.ca = identity_new(NULL, "test authority", NULL, -DAY_S, DAY_S);
    all.good = identity_new(&all.ca, "good", "DNS:api.example.com", -DAY_S, DAY_S);
    write_pem(&all.ca, false, all.ca_path);
    all.server_ctx = server_context(&all.good);
    return tls_context_new(&(struct tls_settings){.ca_file = all.ca_path}, &all.client, NULL);
}

static int group_down(void **state)
{
    (void)state;
    identity_free(&all.ca);
    identity_free(&all.good);
    SSL_CTX_free(all.server_ctx);
    tls_context_free(all.client);
    unlink(all.ca_path);
    return 0;
}

static struct stream *connect_to(struct tls_world *w,
                                 void (*serve)(struct tls_world *w, struct tls_server *s))
{
    struct stream *s;

    w->serve = serve;
    assert_int_equal(world_connect(w, all.client, "api.example.com", &s, NULL), 0);
    return s;
}

static void finish(struct tls_world *w, struct stream *s)
{
    stream_close(s);
    world_join(w);
}

/* ---- much, both ways, through a narrow pair */

#define MUCH (3 << 20)

static char pattern(size_t at)
{
    return (char)(at * 31 + at / 251);
}

static void fill(char *bytes, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = pattern(at + i);
}

static void check(const char *bytes, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != pattern(at + i))
            fail_msg("byte %zu is wrong", at + i);
}

/* The server echoes, so that both directions are full whenever the client does not read. */
static void echo(struct tls_world *w, struct tls_server *s)
{
    char *bytes = malloc(100000);
    int n;

    (void)w;
    while ((n = server_do(s, SERVER_READ, bytes, 100000)) > 0)
        assert_int_equal(server_do(s, SERVER_WRITE, bytes, (size_t)n), n);
    assert_int_equal(n, 0);
    server_do(s, SERVER_SHUTDOWN, NULL, 0);
    free(bytes);
}

static void write_much(void *arg)
{
    struct stream *s = arg;
    char *bytes = malloc(200000);
    size_t at = 0, sizes[] = {1, 200000, 16384, 70000, 16383, 16385, 3};

    for (size_t i = 0; at < MUCH; i++) {
        size_t n = sizes[i % ARRAY_LEN(sizes)];
        n = n < MUCH - at ? n : MUCH - at;
        fill(bytes, at, n);
        /* In pieces of odd sizes, some of them empty. */
        struct iovec iov[] = {
            {bytes, n / 3}, {NULL, 0}, {bytes + n / 3, n / 2}, {bytes + n / 3 + n / 2, 0}};
        iov[3].iov_len = n - n / 3 - n / 2;
        assert_int_equal(stream_writev(s, iov, 4), 0);
        at += n;
    }
    stream_shut_write(s);
    free(bytes);
}

static void much(void *arg)
{
    struct tls_world w;
    static char bytes[50000];
    size_t at = 0, n;
    int err;

    (void)arg;
    world_init(&w, all.server_ctx);
    w.pair_bytes = 4000;
    struct stream *s = connect_to(&w, echo);
    rt_spawn("writer", write_much, s);
    while ((err = stream_read(s, bytes, sizeof(bytes), &n)) == 0) {
        check(bytes, at, n);
        at += n;
    }
    assert_int_equal(err, E_EOF);
    assert_int_equal(at, MUCH);
    finish(&w, s);
}

static void test_much(void **state)
{
    (void)state;
    rt_run(much, NULL);
}

/* ---- back pressure: a server that does not read stops the writer */

static void read_when_told(struct tls_world *w, struct tls_server *s)
{
    char *bytes = malloc(100000);
    size_t at = 0;

    assert_int_equal(waitq_wait(w->arg), 0);
    while (at < 300000) {
        int n = server_do(s, SERVER_READ, bytes, 100000);
        assert_true(n > 0);
        check(bytes, at, (size_t)n);
        at += (size_t)n;
    }
    free(bytes);
}

static void never_read(struct tls_world *w, struct tls_server *s)
{
    (void)s;
    assert_int_equal(waitq_wait(w->arg), 0);
}

struct writer {
    struct stream *stream;
    int64_t timeout_ms;
    int err;
    bool ended;
};

static void write_300000(void *arg)
{
    struct writer *w = arg;
    char *bytes = malloc(300000);

    fill(bytes, 0, 300000);
    if (w->timeout_ms > 0)
        task_deadline(clock_cached_ms() + w->timeout_ms);
    w->err = stream_write(w->stream, str_of(bytes, 300000));
    w->ended = true;
    free(bytes);
}

static void back_pressure(void *arg)
{
    struct tls_world w;
    struct waitq go;
    char byte;
    size_t n;

    (void)arg;
    waitq_init(&go);
    world_init(&w, all.server_ctx);
    w.arg = &go;
    struct stream *s = connect_to(&w, read_when_told);
    struct writer writer = {.stream = s};
    rt_spawn("writer", write_300000, &writer);
    let_others_run();
    assert_false(writer.ended);
    waitq_wake_all(&go);
    assert_int_equal(stream_read(s, &byte, 1, &n), E_RESET);
    assert_true(writer.ended);
    assert_int_equal(writer.err, 0);
    finish(&w, s);

    /* A writer whose time is over leaves a record half sent: nothing may follow it. */
    s = connect_to(&w, never_read);
    writer = (struct writer){.stream = s, .timeout_ms = 200};
    rt_spawn("writer", write_300000, &writer);
    while (!writer.ended)
        assert_int_equal(task_sleep(50), 0);
    assert_int_equal(writer.err, E_TIMEOUT);
    assert_int_equal(stream_write(s, STR("more")), E_TIMEOUT);
    waitq_wake_all(&go);
    finish(&w, s);
}

static void write_to_nobody(struct tls_world *w, struct tls_server *s)
{
    (void)w;
    (void)s;
}

static void closed_peer(void *arg)
{
    struct tls_world w;

    (void)arg;
    world_init(&w, all.server_ctx);
    struct stream *s = connect_to(&w, write_to_nobody);
    world_join(&w);
    assert_int_equal(stream_write(s, STR("hello")), E_CLOSED);
    assert_int_equal(stream_write(s, STR("hello")), E_CLOSED);
    stream_close(s);
}

static void test_closed_peer(void **state)
{
    (void)state;
    rt_run(closed_peer, NULL);
}

static void test_back_pressure(void **state)
{
    (void)state;
    rt_run(back_pressure, NULL);
}

/* ---- every place where a record can be cut */

static void pong(struct tls_world *w, struct tls_server *s)
{
    char bytes[16];

    (void)w;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(server_do(s, SERVER_READ, bytes, sizeof(bytes)), 4);
        assert_int_equal(server_do(s, SERVER_WRITE, (void *)"pong", 4), 4);
    }
}

static void byte_by_byte(void *arg)
{
    struct tls_world w;
    char bytes[16];
    size_t n;

    (void)arg;
    /* Without tickets: through so narrow a pair the server would have to send them first. */
    SSL_CTX *server_ctx = server_context(&all.good);
    SSL_CTX_set_num_tickets(server_ctx, 0);
    world_init(&w, server_ctx);
    w.pair_bytes = 1;
    struct stream *s = connect_to(&w, pong);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stream_write(s, STR("ping")), 0);
        assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
        assert_int_equal(n, 4);
        assert_memory_equal(bytes, "pong", 4);
    }
    finish(&w, s);
    SSL_CTX_free(server_ctx);
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    rt_run(byte_by_byte, NULL);
}

/* ---- ends */

static void say_and_cut(struct tls_world *w, struct tls_server *s)
{
    (void)w;
    assert_int_equal(server_do(s, SERVER_WRITE, (void *)"partial", 7), 7);
}

static void say_and_end(struct tls_world *w, struct tls_server *s)
{
    say_and_cut(w, s);
    server_do(s, SERVER_SHUTDOWN, NULL, 0);
}

static void garble(struct tls_world *w, struct tls_server *s)
{
    say_and_cut(w, s);
    /* An application data record that nobody encrypted. */
    assert_int_equal(stream_write(s->stream, STR("\x17\x03\x03\x00\x20"
                                                 "0123456789abcdef0123456789abcdef")),
                     0);
}

static void ends(void *arg)
{
    static const struct {
        void (*serve)(struct tls_world *w, struct tls_server *s);
        int err;
    } rows[] = {{say_and_end, E_EOF}, {say_and_cut, E_RESET}, {garble, E_TLS}};
    char bytes[16];
    size_t n;

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tls_world w;
        world_init(&w, all.server_ctx);
        struct stream *s = connect_to(&w, rows[i].serve);
        assert_int_equal(stream_wait_readable(s), 0);
        assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
        assert_int_equal(n, 7);
        assert_int_equal(stream_wait_readable(s), 0);
        assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), rows[i].err);
        assert_int_equal(stream_read_now(s, bytes, sizeof(bytes), &n), rows[i].err);
        assert_false(stream_is_quiet(s));
        finish(&w, s);
    }
}

static void test_ends(void **state)
{
    (void)state;
    rt_run(ends, NULL);
}

static void expect_farewell(struct tls_world *w, struct tls_server *s)
{
    char byte;

    *(int *)w->arg = server_do(s, SERVER_READ, &byte, 1);
}

static void farewell(void *arg)
{
    struct tls_world w;
    int heard = 1;

    (void)arg;
    world_init(&w, all.server_ctx);
    w.arg = &heard;
    struct stream *s = connect_to(&w, expect_farewell);
    let_others_run(); /* the server ends its side of the handshake */
    stream_close(s);  /* says goodbye first */
    world_join(&w);
    assert_int_equal(heard, 0);

    heard = 1;
    s = connect_to(&w, expect_farewell);
    stream_shut_write(s);
    world_join(&w);
    assert_int_equal(heard, 0);
    assert_int_equal(stream_write(s, STR("too late")), E_CLOSED);
    stream_close(s);
}

static void test_farewell(void **state)
{
    (void)state;
    rt_run(farewell, NULL);
}

/* ---- quiet */

static void answer_twice(struct tls_world *w, struct tls_server *s)
{
    assert_int_equal(waitq_wait(w->arg), 0);
    assert_int_equal(server_do(s, SERVER_WRITE, (void *)"one", 3), 3);
    assert_int_equal(waitq_wait(w->arg), 0);
    server_do(s, SERVER_SHUTDOWN, NULL, 0);
    assert_int_equal(waitq_wait(w->arg), 0);
}

static void count_hangup(void *arg)
{
    ++*(int *)arg;
}

static void quiet(void *arg)
{
    struct tls_world w;
    struct waitq go;
    char bytes[16];
    size_t n;
    int hangups = 0;

    (void)arg;
    waitq_init(&go);
    world_init(&w, all.server_ctx);
    w.arg = &go;
    struct stream *s = connect_to(&w, answer_twice);
    let_others_run();
    /* The two tickets of TLS 1.3 are there, which is no reason to throw the connection away. */
    assert_true(stream_is_quiet(s));
    assert_int_equal(stream_read_now(s, bytes, sizeof(bytes), &n), E_AGAIN);
    waitq_wake_all(&go);
    let_others_run();
    assert_false(stream_is_quiet(s));
    assert_int_equal(stream_read_now(s, bytes, 1, &n), 0);
    assert_false(stream_is_quiet(s)); /* two bytes are decrypted and unread */
    assert_int_equal(stream_read_now(s, bytes + 1, 2, &n), 0);
    assert_memory_equal(bytes, "one", 3);
    assert_true(stream_is_quiet(s));
    stream_watch_hangup(s, count_hangup, &hangups);
    waitq_wake_all(&go);
    let_others_run();
    assert_int_equal(hangups, 0);
    assert_false(stream_is_quiet(s)); /* the server said goodbye */
    waitq_wake_all(&go);
    let_others_run();
    assert_int_equal(hangups, 1);
    finish(&w, s);
}

static void test_quiet(void **state)
{
    (void)state;
    rt_run(quiet, NULL);
}

/* What OpenSSL holds is told of, though nothing more comes from below; what it lacks is waited for.
 */
static void waiting(void *arg)
{
    struct tls_world w;
    struct waitq go;
    char bytes[16];
    size_t n, got = 0;

    (void)arg;
    waitq_init(&go);
    world_init(&w, all.server_ctx);
    w.arg = &go;
    struct stream *s = connect_to(&w, answer_twice);
    let_others_run();
    assert_int_equal(stream_read_now(s, bytes, 1, &n), E_AGAIN);
    int64_t outer = task_deadline(clock_cached_ms() + 20);
    assert_int_equal(stream_wait_readable(s), E_TIMEOUT);
    task_deadline_restore(outer);
    waitq_wake_all(&go);
    outer = task_deadline(clock_cached_ms() + 5000);
    while (got < 3) {
        assert_int_equal(stream_wait_readable(s), 0);
        assert_int_equal(stream_read_now(s, bytes + got++, 1, &n), 0);
    }
    assert_memory_equal(bytes, "one", 3);
    waitq_wake_all(&go);
    assert_int_equal(stream_wait_readable(s), 0);
    assert_int_equal(stream_read_now(s, bytes, 1, &n), E_EOF);
    task_deadline_restore(outer);
    waitq_wake_all(&go);
    finish(&w, s);
}

static void test_waiting(void **state)
{
    (void)state;
    rt_run(waiting, NULL);
}

/* Below it nobody asks for more than has come, before it was waited for. */
static void whole(void *arg)
{
    struct tls_world w;
    struct stream *lower, *s;
    struct counted counted;
    struct waitq go;
    char bytes[16];
    size_t n;

    (void)arg;
    waitq_init(&go);
    world_init(&w, all.server_ctx);
    w.arg = &go;
    w.serve = answer_twice;
    assert_int_equal(stream_pair_new(w.pair_bytes, &lower, &w.next), 0);
    assert_int_equal(task_spawn("server", world_serve, &w, NULL), 0);
    w.serving++;
    counted_init(&counted, lower);
    assert_int_equal(tls_connect(all.client, &counted.stream, "api.example.com", &s, NULL), 0);
    let_others_run();
    assert_int_equal(stream_read_now(s, bytes, sizeof(bytes), &n), E_AGAIN);
    waitq_wake_all(&go);
    assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
    assert_int_equal(n, 3);
    unsigned calls = counted.calls;
    assert_int_equal(stream_read_now(s, bytes, sizeof(bytes), &n), E_AGAIN);
    assert_int_equal(counted.calls, calls);
    waitq_wake_all(&go);
    assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), E_EOF);
    waitq_wake_all(&go);
    finish(&w, s);
}

static void test_whole(void **state)
{
    (void)state;
    rt_run(whole, NULL);
}

/* ---- new keys in the middle, which the client has to answer */

static void renew_keys(struct tls_world *w, struct tls_server *s)
{
    char bytes[16];

    (void)w;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(server_do(s, SERVER_WRITE, (void *)"ping", 4), 4);
        assert_int_equal(server_do(s, SERVER_READ, bytes, sizeof(bytes)), 4);
        assert_memory_equal(bytes, "pong", 4);
        assert_int_equal(SSL_get_key_update_type(s->ssl), SSL_KEY_UPDATE_NONE);
    }
}

static void new_keys(void *arg)
{
    struct tls_world w;
    char bytes[16];
    size_t n;

    (void)arg;
    world_init(&w, all.server_ctx);
    struct stream *s = connect_to(&w, renew_keys);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stream_read(s, bytes, sizeof(bytes), &n), 0);
        assert_int_equal(n, 4);
        assert_int_equal(stream_write_now(s, "pong", 4, &n), 0);
        assert_int_equal(n, 4);
    }
    finish(&w, s);
}

static void test_new_keys(void **state)
{
    (void)state;
    rt_run(new_keys, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_much),         RT_TEST(test_back_pressure), RT_TEST(test_closed_peer),
        RT_TEST(test_ends),         RT_TEST(test_farewell),      RT_TEST(test_quiet),
        RT_TEST(test_waiting),      RT_TEST(test_whole),         RT_TEST(test_new_keys),
        RT_TEST(test_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, group_up, group_down);
}
