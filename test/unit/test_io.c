/* test_io.c: connecting, reading, writing and ends, on every backend that this kernel has. */
#include "rt/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "io_test.h"

/* ---------------------------------------------------------------- reading */

static void later_they_send(void *arg)
{
    assert_int_equal(task_sleep(10), 0);
    they_send(arg, "hello");
}

static void read_waits(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    rt_spawn("sender", later_they_send, &p);
    assert_int_equal(read_text(p.ours, "hello"), 0);
    assert_int_equal(rt_now_ms(), 10);
    they_send(&p, "again");
    assert_int_equal(read_text(p.ours, "again"), 0);
    pair_free(&p);
}

static void test_a_read_waits_for_bytes(void **state)
{
    (void)state;
    rt_run(read_waits, NULL);
}

static void read_exactly(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    char bytes[8];
    size_t n = 0;
    they_send(&p, "12345678");
    a_round();
    assert_int_equal(io_read(p.ours, bytes, 5, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(io_read(p.ours, bytes, 3, &n), 0); /* what was asked for is all there is */
    assert_memory_equal(bytes, "678", 3);
    assert_int_equal(io_read_now(p.ours, bytes, 8, &n), E_AGAIN);
    rt_spawn("sender", later_they_send, &p);
    assert_int_equal(read_text(p.ours, "hello"), 0);
    pair_free(&p);
}

static void test_a_read_may_take_all_exactly(void **state)
{
    (void)state;
    rt_run(read_exactly, NULL);
}

static void read_now(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    char bytes[8];
    size_t n = 77;
    assert_int_equal(io_read_now(p.ours, bytes, 8, &n), E_AGAIN);
    assert_int_equal(n, 77);
    they_send(&p, "now");
    a_round();
    assert_int_equal(io_read_now(p.ours, bytes, 8, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(io_read_now(p.ours, bytes, 8, &n), E_AGAIN);
    they_close(&p);
    a_round();
    assert_int_equal(io_read_now(p.ours, bytes, 8, &n), E_EOF);
    pair_free(&p);
}

static void test_read_now_does_not_wait(void **state)
{
    (void)state;
    rt_run(read_now, NULL);
}

static void wait_readable(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    char byte;
    size_t n;
    rt_spawn("sender", later_they_send, &p);
    assert_int_equal(io_read_now(p.ours, &byte, 1, &n), E_AGAIN); /* until then it may be early */
    assert_int_equal(io_wait_readable(p.ours), 0);
    assert_int_equal(rt_now_ms(), 10);
    assert_int_equal(io_wait_readable(p.ours), 0); /* takes nothing */
    assert_int_equal(rt_now_ms(), 10);
    assert_int_equal(read_text(p.ours, "hello"), 0);
    int64_t outer = task_deadline(clock_cached_ms() + 5);
    assert_int_equal(io_wait_readable(p.ours), E_TIMEOUT);
    task_deadline_restore(outer);
    they_close(&p);
    assert_int_equal(io_wait_readable(p.ours), 0); /* the end counts too */
    assert_int_equal(read_text(p.ours, ""), E_EOF);
    pair_free(&p);
}

static void test_wait_readable(void **state)
{
    (void)state;
    rt_run(wait_readable, NULL);
}

/* ---------------------------------------------------------------- ends */

static void half_close(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    they_send(&p, "request");
    assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
    a_round();
    assert_int_equal(read_text(p.ours, "request"), 0);
    assert_int_equal(read_text(p.ours, ""), E_EOF);
    assert_int_equal(read_text(p.ours, ""), E_EOF);
    /* The other direction still stands. */
    assert_int_equal(write_text(p.ours, "answer"), 0);
    io_shut_write(p.ours);
    char bytes[16];
    assert_int_equal(recv(p.theirs, bytes, sizeof(bytes), MSG_WAITALL), 6);
    assert_memory_equal(bytes, "answer", 6);
    pair_free(&p);
}

static void test_half_close(void **state)
{
    (void)state;
    rt_run(half_close, NULL);
}

/* The end comes in the same moment as the bytes: they are all read before it. */
static void bytes_then_end(void *arg)
{
    (void)arg;
    for (int rounds = 0; rounds < 2; rounds++) {
        struct pair p = pair_new();
        char bytes[4];
        size_t n;
        they_send(&p, "abcdefghij");
        they_close(&p);
        if (rounds)
            a_round();
        assert_int_equal(io_read(p.ours, bytes, 4, &n), 0);
        assert_int_equal(io_read(p.ours, bytes, 4, &n), 0);
        assert_int_equal(io_read(p.ours, bytes, 4, &n), 0);
        assert_int_equal(n, 2);
        assert_memory_equal(bytes, "ij", 2);
        assert_int_equal(io_read(p.ours, bytes, 4, &n), E_EOF);
        pair_free(&p);
    }
}

static void test_bytes_before_the_end(void **state)
{
    (void)state;
    rt_run(bytes_then_end, NULL);
}

static void reset(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    they_reset(&p);
    assert_int_equal(read_text(p.ours, ""), E_RESET);
    pair_free(&p);

    p = pair_new();
    a_round();
    they_reset(&p);
    a_round();
    int err = write_text(p.ours, "too late");
    assert_true(err == E_RESET || err == E_CLOSED);
    err = write_text(p.ours, "too late");
    assert_true(err == E_RESET || err == E_CLOSED); /* and no SIGPIPE */
    pair_free(&p);
}

static void test_reset(void **state)
{
    (void)state;
    rt_run(reset, NULL);
}

static void later_they_reset(void *arg)
{
    assert_int_equal(task_sleep(10), 0);
    they_reset(arg);
}

static void reset_while_waiting(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    rt_spawn("resetter", later_they_reset, &p);
    assert_int_equal(read_text(p.ours, ""), E_RESET);
    assert_int_equal(rt_now_ms(), 10);
    pair_free(&p);
}

static void test_reset_while_waiting(void **state)
{
    (void)state;
    rt_run(reset_while_waiting, NULL);
}

/* ---------------------------------------------------------------- writing */

struct bulk {
    struct io *from, *to;
    size_t piece; /* bytes a read */
    int err;
    bool written;
};

static void bulk_write(void *arg)
{
    struct bulk *b = arg;
    unsigned char *bytes = malloc(BULK);
    assert_non_null(bytes);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = bulk_byte(i);
    struct iovec iov[3] = {{bytes, 1000}, {bytes + 1000, 0}, {bytes + 1000, BULK - 1000}};
    b->err = io_writev(b->from, iov, 3);
    b->written = true;
    free(bytes);
}

static void bulk_read(void *arg)
{
    struct bulk *b = arg;
    unsigned char bytes[16384];
    size_t at = 0, n;
    a_round();
    assert_false(b->written); /* the write waits for the reader */
    while (at < BULK) {
        assert_int_equal(io_read(b->to, bytes, b->piece, &n), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes[i], bulk_byte(at + i));
        at += n;
    }
    assert_int_equal(at, BULK);
    a_round();
    assert_true(b->written);
    assert_int_equal(b->err, 0);
}

static void test_a_write_waits_for_the_reader(void **state)
{
    (void)state;
    int fds[2];
    struct bulk b = {.piece = 16384};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(io_open(fds[0], &b.from), 0);
    assert_int_equal(io_open(fds[1], &b.to), 0);
    rt_spawn("writer", bulk_write, &b);
    rt_run(bulk_read, &b);
    io_close(b.from);
    io_close(b.to);
}

/* Both directions of each socket at once, over TCP. */
static void both_directions(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    struct io *theirs;
    assert_int_equal(io_open(p.theirs, &theirs), 0);
    struct bulk there = {.from = p.ours, .to = theirs, .piece = 5000};
    struct bulk back = {.from = theirs, .to = p.ours, .piece = 16384};
    struct group g;
    group_init(&g);
    assert_int_equal(group_spawn(&g, "write", bulk_write, &there), 0);
    assert_int_equal(group_spawn(&g, "write", bulk_write, &back), 0);
    assert_int_equal(group_spawn(&g, "read", bulk_read, &there), 0);
    assert_int_equal(group_spawn(&g, "read", bulk_read, &back), 0);
    group_join(&g);
    io_close(p.ours);
    io_close(theirs);
}

static void test_both_directions(void **state)
{
    (void)state;
    rt_run(both_directions, NULL);
}

static void many_pieces(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    enum { PIECES = 300 };
    static char bytes[PIECES];
    static struct iovec iov[PIECES];
    char got[PIECES];
    for (int i = 0; i < PIECES; i++) {
        bytes[i] = (char)('a' + i % 26);
        iov[i] = (struct iovec){&bytes[i], i % 3 != 0}; /* every third is empty, also the first */
    }
    assert_int_equal(io_writev(p.ours, iov, PIECES), 0);
    assert_int_equal(recv(p.theirs, got, PIECES / 3 * 2, MSG_WAITALL), PIECES / 3 * 2);
    for (int i = 0, at = 0; i < PIECES; i++)
        if (i % 3 != 0)
            assert_int_equal(got[at++], bytes[i]);
    struct iovec nothing = {bytes, 0};
    assert_int_equal(io_writev(p.ours, &nothing, 1), 0);
    assert_int_equal(io_writev(p.ours, NULL, 0), 0);
    pair_free(&p);
}

static void test_many_pieces(void **state)
{
    (void)state;
    rt_run(many_pieces, NULL);
}

/* ---------------------------------------------------------------- connecting and accepting */

static bool has_nodelay(int fd)
{
    int value = 0;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    return value != 0;
}

#define CONNECTIONS 300 /* more than one batch of events */

static struct {
    struct sockaddr_in addr;
    int served, answered;
} echo;

static void echo_once(void *arg)
{
    char bytes[64];
    size_t n;
    assert_int_equal(io_read(arg, bytes, sizeof(bytes), &n), 0);
    struct iovec iov = {bytes, n};
    assert_int_equal(io_writev(arg, &iov, 1), 0);
    assert_int_equal(io_read(arg, bytes, sizeof(bytes), &n), E_EOF);
    io_close(arg);
    echo.served++;
}

static void echo_accept(void *arg)
{
    struct io *listener = arg;
    for (int i = 0; i < CONNECTIONS; i++) {
        struct io *io;
        struct sockaddr_storage peer;
        assert_int_equal(io_accept(listener, &io, &peer), 0);
        assert_int_equal(peer.ss_family, AF_INET);
        assert_true(has_nodelay(io_fd(io)));
        assert_true(fcntl(io_fd(io), F_GETFD) & FD_CLOEXEC);
        rt_spawn("echo", echo_once, io);
    }
    io_close(listener);
}

static void echo_ask(void *arg)
{
    (void)arg;
    struct io *io;
    assert_int_equal(io_connect((struct sockaddr *)&echo.addr, sizeof(echo.addr), &io), 0);
    assert_true(has_nodelay(io_fd(io)));
    assert_int_equal(write_text(io, "ping"), 0);
    assert_int_equal(read_text(io, "ping"), 0);
    io_close(io);
    echo.answered++;
}

static void test_many_connections(void **state)
{
    (void)state;
    struct io *listener;
    echo.served = echo.answered = 0;
    assert_int_equal(io_open(listen_fd(CONNECTIONS, &echo.addr), &listener), 0);
    rt_spawn("accept", echo_accept, listener);
    for (int i = 0; i < CONNECTIONS; i++)
        rt_spawn("ask", echo_ask, NULL);
    assert_int_equal(loop_run(), 0);
    assert_int_equal(echo.served, CONNECTIONS);
    assert_int_equal(echo.answered, CONNECTIONS);
}

static void refused(void *arg)
{
    (void)arg;
    struct sockaddr_in addr;
    close(listen_fd(1, &addr)); /* nobody listens there now */
    struct io *io = NULL;
    assert_int_equal(io_connect((struct sockaddr *)&addr, sizeof(addr), &io), E_REFUSED);
    assert_null(io);
    assert_int_equal(io_open(-1, &io), E_IO);
    assert_null(io);
}

static void test_refused(void **state)
{
    (void)state;
    rt_run(refused, NULL);
}

/* ---------------------------------------------------------------- backends */

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(io_backend_select("poll"), E_USAGE);
    assert_string_equal(io_backend_name(), "epoll");
}

static int run_on(const char *name)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_a_read_waits_for_bytes),
        RT_TEST(test_a_read_may_take_all_exactly),
        RT_TEST(test_read_now_does_not_wait),
        RT_TEST(test_wait_readable),
        RT_TEST(test_half_close),
        RT_TEST(test_bytes_before_the_end),
        RT_TEST(test_reset),
        RT_TEST(test_reset_while_waiting),
        RT_TEST(test_a_write_waits_for_the_reader),
        RT_TEST(test_both_directions),
        RT_TEST(test_many_pieces),
        RT_TEST(test_many_connections),
        RT_TEST(test_refused),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest names[] = {cmocka_unit_test(test_names)};
    int failed = cmocka_run_group_tests_name("backends", names, NULL, NULL);
    return failed + rt_on_each_backend(run_on);
}
