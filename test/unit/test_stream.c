/* test_stream.c: the pair in memory and the stream over a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/stream.h"
#include "rt/io.h"
#include "rt/loop.h"
#include "rt/task.h"

/* ---- the world of a test */

static int set_up(void **state)
{
    (void)state;
    clock_fake(1000000, 0);
    if (loop_init() != 0)
        return -1;
    loop_jump_time(true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_jump_time(false);
    loop_fini();
    clock_real();
    return 0;
}

static void spawn(void (*fn)(void *arg), void *arg)
{
    assert_int_equal(task_spawn("test", fn, arg, NULL), 0);
}

static void run(void (*fn)(void *arg), void *arg)
{
    spawn(fn, arg);
    assert_int_equal(loop_run(), 0);
}

/* Lets the other tasks and the loop's messages run. */
static void let_others_run(void)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(task_sleep(0), 0);
}

static void expect_read(struct stream *s, const char *text)
{
    char got[256];
    size_t at = 0, n;

    while (at < strlen(text)) {
        assert_int_equal(stream_read(s, got + at, strlen(text) - at, &n), 0);
        assert_true(n > 0);
        at += n;
    }
    assert_memory_equal(got, text, at);
}

static void expect_end(struct stream *s, int err)
{
    char byte;
    size_t n;

    assert_int_equal(stream_read(s, &byte, 1, &n), err);
    assert_int_equal(stream_read_now(s, &byte, 1, &n), err);
    assert_int_equal(stream_wait_readable(s), 0);
}

/* ---- in memory */

static void bytes_cross(void *arg)
{
    struct stream *a, *b;
    char byte;
    size_t n;

    (void)arg;
    assert_int_equal(stream_pair_new(8, &a, &b), 0);
    assert_true(stream_is_quiet(a));
    assert_int_equal(stream_read_now(b, &byte, 1, &n), E_AGAIN);
    /* Five bytes at a time through a ring of eight: every way to wrap around. */
    for (int i = 0; i < 16; i++) {
        assert_int_equal(stream_write(a, STR("hello")), 0);
        assert_false(stream_is_quiet(b));
        assert_int_equal(stream_write(b, STR("world")), 0);
        expect_read(b, "hello");
        expect_read(a, "world");
        assert_true(stream_is_quiet(b));
    }
    struct iovec iov[] = {{(void *)"ab", 2}, {NULL, 0}, {(void *)"c", 1}, {(void *)"defg", 4}};
    assert_int_equal(stream_writev(a, iov, 4), 0);
    expect_read(b, "abcdefg");
    assert_int_equal(stream_write(a, STR_NONE), 0);
    assert_true(stream_is_quiet(b));
    stream_close(a);
    stream_close(b);
    stream_close(NULL);
}

static void test_bytes_cross(void **state)
{
    (void)state;
    run(bytes_cross, NULL);
}

struct sender {
    struct stream *stream;
    size_t bytes;
    int64_t timeout_ms;
    int err;
    bool ended;
};

static char pattern(size_t at)
{
    return (char)(at * 31 + at / 251);
}

static void send_pattern(void *arg)
{
    struct sender *s = arg;
    char *bytes = malloc(s->bytes);

    assert_non_null(bytes);
    for (size_t i = 0; i < s->bytes; i++)
        bytes[i] = pattern(i);
    if (s->timeout_ms > 0)
        task_deadline(clock_cached_ms() + s->timeout_ms);
    s->err = stream_write(s->stream, str_of(bytes, s->bytes));
    s->ended = true;
    free(bytes);
}

static void back_pressure(void *arg)
{
    struct stream *a, *b;
    char bytes[77];
    size_t at = 0, n;

    (void)arg;
    assert_int_equal(stream_pair_new(100, &a, &b), 0);
    struct sender sender = {.stream = a, .bytes = 10000};
    spawn(send_pattern, &sender);
    let_others_run();
    assert_false(sender.ended);
    while (at < sender.bytes) {
        assert_int_equal(stream_read(b, bytes, sizeof(bytes), &n), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], pattern(at + i));
        at += n;
        /* No more than the pair holds is ever on its way. */
        if (at + 100 < sender.bytes)
            assert_false(sender.ended);
    }
    let_others_run();
    assert_true(sender.ended);
    assert_int_equal(sender.err, 0);
    stream_close(a);
    stream_close(b);
}

static void test_back_pressure(void **state)
{
    (void)state;
    run(back_pressure, NULL);
}

static void writer_times_out(void *arg)
{
    struct stream *a, *b;

    (void)arg;
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    struct sender sender = {.stream = a, .bytes = 11, .timeout_ms = 500};
    int64_t start = clock_cached_ms();
    spawn(send_pattern, &sender);
    while (!sender.ended)
        assert_int_equal(task_sleep(100), 0);
    assert_int_equal(sender.err, E_TIMEOUT);
    assert_in_range(clock_cached_ms() - start, 500, 600);
    stream_close(a);
    stream_close(b);
}

static void test_writer_times_out(void **state)
{
    (void)state;
    run(writer_times_out, NULL);
}

static void ends(void *arg)
{
    struct stream *a, *b;
    size_t n;

    (void)arg;
    /* Closed in order: the bytes, then the end, as often as one asks. */
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    assert_int_equal(stream_write(a, STR("bye")), 0);
    stream_close(a);
    expect_read(b, "bye");
    expect_end(b, E_EOF);
    expect_end(b, E_EOF);
    assert_false(stream_is_quiet(b));
    assert_int_equal(stream_write(b, STR("x")), E_CLOSED);
    assert_int_equal(stream_write_now(b, "x", 1, &n), E_CLOSED);
    stream_close(b);

    /* Half closed: the other way still works. */
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    stream_shut_write(a);
    expect_end(b, E_EOF);
    assert_int_equal(stream_write(a, STR("x")), E_CLOSED);
    assert_int_equal(stream_write(b, STR("still")), 0);
    expect_read(a, "still");
    stream_close(b);
    stream_close(a);

    /* Closed over unread bytes, as TCP has it. */
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    assert_int_equal(stream_write(b, STR("unread")), 0);
    assert_int_equal(stream_write(a, STR("last")), 0);
    stream_close(a);
    expect_read(b, "last");
    expect_end(b, E_RESET);
    stream_close(b);

    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    stream_pair_reset(a);
    expect_end(b, E_RESET);
    stream_close(b);
}

static void test_ends(void **state)
{
    (void)state;
    run(ends, NULL);
}

static void write_now(void *arg)
{
    struct stream *a, *b;
    size_t n;

    (void)arg;
    assert_int_equal(stream_pair_new(4, &a, &b), 0);
    assert_int_equal(stream_write_now(a, "abcdef", 6, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(stream_write_now(a, "ef", 2, &n), E_AGAIN);
    expect_read(b, "abcd");
    stream_close(a);
    stream_close(b);
}

static void test_write_now(void **state)
{
    (void)state;
    run(write_now, NULL);
}

static void blocked_writer_learns_of_close(void *arg)
{
    struct stream *a, *b;

    (void)arg;
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    struct sender sender = {.stream = a, .bytes = 100};
    spawn(send_pattern, &sender);
    let_others_run();
    assert_false(sender.ended);
    stream_close(b);
    let_others_run();
    assert_true(sender.ended);
    assert_int_equal(sender.err, E_CLOSED);
    stream_close(a);
}

static void test_blocked_writer_learns_of_close(void **state)
{
    (void)state;
    run(blocked_writer_learns_of_close, NULL);
}

struct reader {
    struct stream *stream;
    int err;
};

static void read_byte(void *arg)
{
    struct reader *r = arg;
    char byte;
    size_t n;

    r->err = stream_read(r->stream, &byte, 1, &n);
}

static void canceled(void *arg)
{
    struct stream *a, *b;
    struct task *task;

    (void)arg;
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    struct reader reader = {.stream = a};
    assert_int_equal(task_spawn("reader", read_byte, &reader, &task), 0);
    let_others_run();
    task_cancel(task, E_CLIENT_GONE);
    let_others_run();
    assert_int_equal(reader.err, E_CLIENT_GONE);
    stream_close(a);
    stream_close(b);
}

static void test_canceled(void **state)
{
    (void)state;
    run(canceled, NULL);
}

static void count_hangup(void *arg)
{
    assert_null(task_self()); /* from the loop */
    ++*(int *)arg;
}

static void hangups(void *arg)
{
    struct stream *a, *b;
    int count = 0;

    (void)arg;
    /* A close is told once, and not from inside it. */
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    stream_watch_hangup(a, count_hangup, &count);
    let_others_run();
    assert_int_equal(count, 0);
    stream_close(b);
    assert_int_equal(count, 0);
    let_others_run();
    assert_int_equal(count, 1);
    let_others_run();
    assert_int_equal(count, 1);
    /* A watch that begins too late is told, too. */
    stream_watch_hangup(a, count_hangup, &count);
    let_others_run();
    assert_int_equal(count, 2);
    stream_close(a);

    /* Ended in the same moment: nothing. */
    assert_int_equal(stream_pair_new(10, &a, &b), 0);
    stream_watch_hangup(a, count_hangup, &count);
    stream_pair_reset(b);
    stream_watch_hangup(a, NULL, NULL);
    let_others_run();
    assert_int_equal(count, 2);
    /* Closed before the message comes: nothing, and no use after free. */
    stream_watch_hangup(a, count_hangup, &count);
    stream_close(a);
    let_others_run();
    assert_int_equal(count, 2);
}

static void test_hangups(void **state)
{
    (void)state;
    run(hangups, NULL);
}

/* ---- over sockets */

static void tcp_pair(struct stream **ret_a, struct stream **ret_b)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(addr);
    int door = socket(AF_INET, SOCK_STREAM, 0);
    struct io *a, *b;

    assert_int_equal(bind(door, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(door, 1), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(io_connect((struct sockaddr *)&addr, len, &a), 0);
    assert_int_equal(io_open(accept(door, NULL, NULL), &b), 0);
    close(door);
    assert_int_equal(stream_tcp_new(a, ret_a), 0);
    assert_int_equal(stream_tcp_new(b, ret_b), 0);
}

static void over_tcp(void *arg)
{
    struct stream *a, *b;
    char byte;
    size_t n;
    int count = 0;

    (void)arg;
    tcp_pair(&a, &b);
    assert_string_equal(a->ops->kind, "tcp");
    assert_true(stream_is_quiet(a));
    assert_int_equal(stream_read_now(a, &byte, 1, &n), E_AGAIN);
    struct iovec iov[] = {{(void *)"one ", 4}, {(void *)"two", 3}};
    assert_int_equal(stream_writev(b, iov, 2), 0);
    assert_int_equal(stream_wait_readable(a), 0);
    assert_false(stream_is_quiet(a));
    expect_read(a, "one two");
    assert_true(stream_is_quiet(a));
    assert_int_equal(stream_write_now(a, "now", 3, &n), 0);
    assert_int_equal(n, 3);
    expect_read(b, "now");
    stream_shut_write(a);
    expect_end(b, E_EOF);
    assert_int_equal(stream_write(b, STR("back")), 0);
    expect_read(a, "back");
    stream_watch_hangup(a, count_hangup, &count);
    stream_close(b);
    while (count == 0)
        assert_int_equal(task_sleep(1), 0);
    assert_false(stream_is_quiet(a));
    stream_close(a);
}

static void test_over_tcp(void **state)
{
    (void)state;
    run(over_tcp, NULL);
}

static void tcp_write_now_fills_up(void *arg)
{
    static char bytes[65536];
    struct stream *a, *b;
    size_t n;
    int err;

    (void)arg;
    tcp_pair(&a, &b);
    for (int i = 0; (err = stream_write_now(a, bytes, sizeof(bytes), &n)) == 0; i++)
        assert_true(i < 1000);
    assert_int_equal(err, E_AGAIN);
    /* Closed over unread bytes: a reset. */
    stream_close(b);
    while ((err = stream_write_now(a, bytes, sizeof(bytes), &n)) == E_AGAIN || err == 0)
        assert_int_equal(task_sleep(1), 0);
    assert_true(err == E_RESET || err == E_CLOSED);
    stream_close(a);
}

static void test_tcp_write_now_fills_up(void **state)
{
    (void)state;
    run(tcp_write_now_fills_up, NULL);
}

static void tcp_carries_much(void *arg)
{
    static char bytes[8192];
    struct stream *a, *b;
    size_t at = 0, n;

    (void)arg;
    tcp_pair(&a, &b);
    struct sender sender = {.stream = a, .bytes = 8 << 20};
    spawn(send_pattern, &sender);
    while (at < sender.bytes) {
        assert_int_equal(stream_read(b, bytes, sizeof(bytes), &n), 0);
        for (size_t i = 0; i < n; i += 61)
            assert_int_equal(bytes[i], pattern(at + i));
        at += n;
    }
    let_others_run();
    assert_true(sender.ended);
    assert_int_equal(sender.err, 0);
    stream_close(a);
    stream_close(b);
}

static void test_tcp_carries_much(void **state)
{
    (void)state;
    run(tcp_carries_much, NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_cross),      TEST(test_back_pressure),
        TEST(test_writer_times_out), TEST(test_ends),
        TEST(test_write_now),        TEST(test_blocked_writer_learns_of_close),
        TEST(test_canceled),         TEST(test_hangups),
        TEST(test_over_tcp),         TEST(test_tcp_write_now_fills_up),
        TEST(test_tcp_carries_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
