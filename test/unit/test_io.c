/* test_io.c: sockets, the same tests on every backend that this kernel has. */
#include "rt/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt_test.h"

/* ---------------------------------------------------------------- helpers */

static struct sockaddr_in any_port(void)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* A listening socket on a free port of loopback; its address in *ret_addr. */
static int listen_fd(int backlog, struct sockaddr_in *ret_addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    *ret_addr = any_port();
    socklen_t len = sizeof(*ret_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_addr, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_addr, &len), 0);
    return fd;
}

/* Both ends of a TCP connection: `ours` an io, `theirs` a plain descriptor that blocks. */
struct pair {
    struct io *ours;
    int theirs;
};

static struct pair pair_new(void)
{
    struct sockaddr_in addr;
    int listener = listen_fd(1, &addr);
    struct pair p;
    p.theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p.theirs, (struct sockaddr *)&addr, sizeof(addr)), 0);
    int one = 1;
    assert_int_equal(setsockopt(p.theirs, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    assert_int_equal(io_open(fd, &p.ours), 0);
    return p;
}

static void pair_free(struct pair *p)
{
    io_close(p->ours);
    if (p->theirs >= 0)
        close(p->theirs);
}

static void they_send(const struct pair *p, const char *text)
{
    assert_int_equal(send(p->theirs, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void they_close(struct pair *p)
{
    close(p->theirs);
    p->theirs = -1;
}

static void they_reset(struct pair *p)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(p->theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    they_close(p);
}

/* Lets the loop look at its sockets. */
static void a_round(void)
{
    assert_int_equal(task_sleep(1), 0);
}

static int read_text(struct io *io, const char *expected)
{
    char bytes[256];
    size_t n = 0;
    int err = io_read(io, bytes, sizeof(bytes), &n);
    if (!err) {
        assert_int_equal(n, strlen(expected));
        assert_memory_equal(bytes, expected, n);
    }
    return err;
}

static int write_text(struct io *io, const char *text)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
    return io_writev(io, &iov, 1);
}

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

#define BULK ((size_t)4 * 1024 * 1024)

static unsigned char bulk_byte(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 12));
}

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

/* ---------------------------------------------------------------- giving up */

/*
 * Every call that waits, in a situation where it waits for ever. `stop` says how it is stopped:
 * by its deadline, by another task, or because it was canceled before it began.
 */
enum waiting { IN_READ, IN_WAIT_READABLE, IN_ACCEPT, IN_WRITE, IN_CONNECT, WAITING_KINDS };
enum stop { BY_DEADLINE, BY_CANCEL, CANCELED_BEFORE, STOP_KINDS };

struct giving_up {
    enum waiting in;
    enum stop stop;
    struct task *task;
    int err;
    int64_t ended_ms;
    struct pair pair;
    struct io *listener;
    struct sockaddr_in full; /* nobody accepts there and its queue is full */
};

static int wait_in_vain(struct giving_up *g)
{
    static char bytes[BULK];
    struct iovec iov = {bytes, sizeof(bytes)};
    struct io *io = NULL;
    size_t n;
    int err = 0;
    switch (g->in) {
    case IN_READ:
        return io_read(g->pair.ours, bytes, sizeof(bytes), &n);
    case IN_WAIT_READABLE:
        do
            err = io_wait_readable(g->pair.ours);
        while (!err && io_read_now(g->pair.ours, bytes, sizeof(bytes), &n) == E_AGAIN);
        return err;
    case IN_ACCEPT:
        return io_accept(g->listener, &io, NULL);
    case IN_WRITE:
        for (int i = 0; i < 16 && !err; i++) {
            iov = (struct iovec){bytes, sizeof(bytes)};
            err = io_writev(g->pair.ours, &iov, 1);
        }
        return err;
    default:
        /* Some connections still go through, until the kernel's queue is full. */
        for (int i = 0; i < 10 && !err; i++) {
            err = io_connect((struct sockaddr *)&g->full, sizeof(g->full), &io);
            if (!err)
                io_close(io);
        }
        return err;
    }
}

static void give_up(void *arg)
{
    struct giving_up *g = arg;
    if (g->stop == BY_DEADLINE)
        task_deadline(clock_cached_ms() + 20);
    g->err = wait_in_vain(g);
    g->ended_ms = rt_now_ms();
}

static void stop_it(void *arg)
{
    struct giving_up *g = arg;
    assert_int_equal(task_sleep(20), 0);
    if (g->stop == BY_CANCEL)
        task_cancel(g->task, E_CLIENT_GONE);
}

static void test_every_wait_can_be_given_up(void **state)
{
    struct sockaddr_in addr;
    for (int in = 0; in < WAITING_KINDS; in++) {
        for (int stop = 0; stop < STOP_KINDS; stop++) {
            struct giving_up g = {.in = (enum waiting)in, .stop = (enum stop)stop, .err = 1};
            g.pair = pair_new();
            assert_int_equal(io_open(listen_fd(1, &addr), &g.listener), 0);
            int full = listen_fd(0, &g.full);
            assert_int_equal(task_spawn("give up", give_up, &g, &g.task), 0);
            if (stop == CANCELED_BEFORE)
                task_cancel(g.task, E_CLIENT_GONE);
            rt_run(stop_it, &g);
            assert_int_equal(g.err, stop == BY_DEADLINE ? E_TIMEOUT : E_CLIENT_GONE);
            assert_int_equal(g.ended_ms, stop == CANCELED_BEFORE ? 0 : 20);
            pair_free(&g.pair);
            io_close(g.listener);
            close(full);
            assert_int_equal(rt_teardown(state), 0);
            assert_int_equal(rt_setup(state), 0);
        }
    }
}

/* Giving a read up loses no byte and spoils nothing: the next one gets them. */
static void give_up_and_read(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    for (int i = 0; i < 3; i++) {
        int64_t outer = task_deadline(clock_cached_ms() + 5);
        assert_int_equal(read_text(p.ours, ""), E_TIMEOUT);
        task_deadline_restore(outer);
        they_send(&p, "late");
        assert_int_equal(read_text(p.ours, "late"), 0);
    }
    pair_free(&p);
}

static void test_a_read_given_up_loses_nothing(void **state)
{
    (void)state;
    rt_run(give_up_and_read, NULL);
}

/* The deadline's timer and the bytes come in one round; whichever wins, no byte is lost. */
struct race {
    struct pair pair;
    int err;
    size_t n;
};

static void race_read(void *arg)
{
    struct race *r = arg;
    char bytes[8];
    task_deadline(clock_cached_ms() + 10);
    r->err = io_read(r->pair.ours, bytes, sizeof(bytes), &r->n);
    task_deadline_restore(TASK_NO_DEADLINE);
    if (r->err == E_TIMEOUT)
        assert_int_equal(io_read(r->pair.ours, bytes, sizeof(bytes), &r->n), 0);
    assert_int_equal(r->n, 4);
}

static void race_send(void *arg)
{
    struct race *r = arg;
    assert_int_equal(task_sleep(5), 0);
    they_send(&r->pair, "race");
    clock_advance_us(5000);
}

static void test_a_race_with_the_deadline(void **state)
{
    (void)state;
    struct race r = {.err = 1};
    r.pair = pair_new();
    rt_spawn("read", race_read, &r);
    rt_run(race_send, &r);
    assert_true(r.err == 0 || r.err == E_TIMEOUT);
    pair_free(&r.pair);
}

/* A canceled task gets its reason even where bytes are there. */
static void canceled_with_bytes(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    they_send(&p, "bytes");
    a_round();
    task_cancel(task_self(), E_DRAINING);
    assert_int_equal(read_text(p.ours, "bytes"), E_DRAINING);
    assert_int_equal(write_text(p.ours, "x"), E_DRAINING);
    assert_int_equal(io_wait_readable(p.ours), E_DRAINING);
    task_shield();
    assert_int_equal(read_text(p.ours, "bytes"), 0);
    task_unshield();
    pair_free(&p);
}

static void test_canceled_with_bytes_at_hand(void **state)
{
    (void)state;
    rt_run(canceled_with_bytes, NULL);
}

/* ---------------------------------------------------------------- hangups */

static void count_hangup(void *arg)
{
    assert_null(task_self()); /* called from the loop */
    ++*(int *)arg;
}

static void watch(void *arg)
{
    (void)arg;
    for (int by_reset = 0; by_reset < 2; by_reset++) {
        struct pair p = pair_new();
        int hangups = 0;
        io_watch_hangup(p.ours, count_hangup, &hangups);
        a_round();
        they_send(&p, "a pipelined request");
        a_round();
        assert_int_equal(hangups, 0);
        if (by_reset)
            they_reset(&p);
        else
            assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
        assert_int_equal(hangups, 0); /* not before the loop sees it */
        a_round();
        assert_int_equal(hangups, 1);
        if (!by_reset)
            they_reset(&p);
        a_round();
        assert_int_equal(hangups, 1); /* once */
        pair_free(&p);
    }
}

static void test_hangup_watch(void **state)
{
    (void)state;
    rt_run(watch, NULL);
}

static void watch_ended(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    int hangups = 0;
    io_watch_hangup(p.ours, count_hangup, &hangups);
    io_watch_hangup(p.ours, NULL, NULL);
    they_close(&p);
    a_round();
    assert_int_equal(hangups, 0); /* nobody watches any more */
    /* A watch that comes after the end is told too, from the loop. */
    io_watch_hangup(p.ours, count_hangup, &hangups);
    assert_int_equal(hangups, 0);
    a_round();
    assert_int_equal(hangups, 1);
    /* One that is taken back before that is not; neither is one whose socket is closed. */
    io_watch_hangup(p.ours, count_hangup, &hangups);
    io_watch_hangup(p.ours, NULL, NULL);
    a_round();
    assert_int_equal(hangups, 1);
    io_watch_hangup(p.ours, count_hangup, &hangups);
    pair_free(&p);
    a_round();
    assert_int_equal(hangups, 1);
}

static void test_hangup_watch_begins_late_or_ends(void **state)
{
    (void)state;
    rt_run(watch_ended, NULL);
}

static void wake_task(void *arg)
{
    task_wake(arg);
}

/* Nothing but the late watch itself ends this wait. */
static void watch_late(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    they_close(&p);
    assert_int_equal(read_text(p.ours, ""), E_EOF);
    a_round();
    io_watch_hangup(p.ours, wake_task, task_self());
    assert_int_equal(task_park(NULL), 0);
    pair_free(&p);
}

static void test_a_late_watch_does_not_wait(void **state)
{
    (void)state;
    rt_run(watch_late, NULL);
}

/* The other side sends on and on while nobody reads, and leaves: that is told, and no byte of it
 * is lost, nor are they in another order. */
static void unread(void *arg)
{
    (void)arg;
    enum { PIECES = 12, PIECE = 4000 };
    static unsigned char bytes[PIECES * PIECE], got[PIECES * PIECE + 1];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = bulk_byte(i);
    struct pair p = pair_new();
    int hangups = 0;
    size_t n, at = 0;
    assert_int_equal(io_read_now(p.ours, got, 1, &n), E_AGAIN);
    io_watch_hangup(p.ours, count_hangup, &hangups);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(send(p.theirs, bytes + i * PIECE, PIECE, MSG_DONTWAIT), PIECE);
        a_round();
    }
    assert_int_equal(hangups, 0);
    they_close(&p);
    a_round();
    assert_int_equal(hangups, 1);
    int err;
    while ((err = io_read(p.ours, got + at, sizeof(got) - at, &n)) == 0)
        at += n;
    assert_int_equal(err, E_EOF);
    assert_int_equal(at, sizeof(bytes));
    assert_memory_equal(got, bytes, sizeof(bytes));
    pair_free(&p);

    /* Closed with all of it unread. */
    p = pair_new();
    assert_int_equal(io_read_now(p.ours, got, 1, &n), E_AGAIN);
    assert_int_equal(send(p.theirs, bytes, PIECE, MSG_DONTWAIT), PIECE);
    a_round();
    pair_free(&p);
}

static void test_hangup_behind_unread_bytes(void **state)
{
    (void)state;
    rt_run(unread, NULL);
}

/* Watching again for the next request, with reads in between, as a server does. */
static void watch_again(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    int hangups = 0;
    for (int i = 0; i < 3; i++) {
        they_send(&p, "request");
        assert_int_equal(read_text(p.ours, "request"), 0);
        io_watch_hangup(p.ours, count_hangup, &hangups);
        a_round();
        assert_int_equal(write_text(p.ours, "answer"), 0);
        io_watch_hangup(p.ours, NULL, NULL);
    }
    assert_int_equal(hangups, 0);
    io_watch_hangup(p.ours, count_hangup, &hangups);
    assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
    a_round();
    assert_int_equal(hangups, 1);
    pair_free(&p);
}

static void test_hangup_watch_again(void **state)
{
    (void)state;
    rt_run(watch_again, NULL);
}

/* The client leaves while its task waits for something else: how a gateway uses the watch. */
static void cancel_task(void *arg)
{
    task_cancel(arg, E_CLIENT_GONE);
}

static void later_they_close(void *arg)
{
    assert_int_equal(task_sleep(10), 0);
    they_close(arg);
}

static void client_leaves(void *arg)
{
    (void)arg;
    struct pair client = pair_new(), upstream = pair_new();
    io_watch_hangup(client.ours, cancel_task, task_self());
    rt_spawn("closer", later_they_close, &client);
    assert_int_equal(read_text(upstream.ours, ""), E_CLIENT_GONE);
    assert_int_equal(rt_now_ms(), 10);
    pair_free(&client);
    pair_free(&upstream);
}

static void test_the_client_leaves(void **state)
{
    (void)state;
    rt_run(client_leaves, NULL);
}

/* ---------------------------------------------------------------- idle connections */

static void quiet(void *arg)
{
    (void)arg;
    struct pair p = pair_new();
    a_round();
    assert_true(io_is_quiet(p.ours));
    they_send(&p, "unasked");
    a_round();
    assert_false(io_is_quiet(p.ours));
    assert_int_equal(read_text(p.ours, "unasked"), 0);
    assert_true(io_is_quiet(p.ours));
    /* Read to the last byte with a buffer of just that size: nothing is left, so it is quiet. */
    char bytes[4];
    size_t n;
    they_send(&p, "four");
    a_round();
    assert_int_equal(io_read(p.ours, bytes, 4, &n), 0);
    assert_true(io_is_quiet(p.ours));
    they_close(&p);
    a_round();
    assert_false(io_is_quiet(p.ours));
    pair_free(&p);

    p = pair_new();
    a_round();
    they_reset(&p);
    a_round();
    assert_false(io_is_quiet(p.ours));
    pair_free(&p);
}

static void test_quiet(void **state)
{
    (void)state;
    rt_run(quiet, NULL);
}

/* ---------------------------------------------------------------- stale events */

struct stale {
    struct pair first, second;
    int got;
};

/*
 * Both sockets become readable in one round. Whoever runs first closes the other's socket, whose
 * event is in the same batch, and opens one that gets the same descriptor.
 */
static void close_the_other(void *arg)
{
    struct stale *s = arg;
    assert_int_equal(read_text(s->first.ours, "both"), 0);
    int fd = io_fd(s->second.ours);
    io_close(s->second.ours);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_true(fds[0] == fd || fds[1] == fd);
    struct io *io;
    assert_int_equal(io_open(fds[0], &io), 0);
    int64_t outer = task_deadline(clock_cached_ms() + 10);
    assert_int_equal(read_text(io, "both"), E_TIMEOUT); /* nothing was sent to this one */
    task_deadline_restore(outer);
    assert_int_equal(send(fds[1], "mine", 4, 0), 4);
    assert_int_equal(read_text(io, "mine"), 0);
    io_close(io);
    close(fds[1]);
    s->got++;
}

static void send_to_both(void *arg)
{
    struct stale *s = arg;
    a_round();
    they_send(&s->second, "both");
    they_send(&s->first, "both");
}

static void test_stale_events(void **state)
{
    (void)state;
    struct stale s = {.got = 0};
    s.first = pair_new();
    s.second = pair_new();
    rt_spawn("closer", close_the_other, &s);
    rt_run(send_to_both, &s);
    assert_int_equal(s.got, 1);
    s.second.ours = NULL;
    pair_free(&s.first);
    pair_free(&s.second);
}

/* The same from a message, which the loop runs among the events of a batch. */
static void close_second(void *arg)
{
    struct stale *s = arg;
    io_close(s->second.ours);
    s->second.ours = NULL;
}

static void message_closes(void *arg)
{
    struct stale *s = arg;
    io_watch_hangup(s->second.ours, count_hangup, &s->got);
    a_round();
    assert_int_equal(loop_post(close_second, s), 0);
    they_close(&s->second);
    a_round();
    assert_null(s->second.ours);
    assert_int_equal(s->got, 0);
}

static void test_a_message_closes_a_socket_with_an_event(void **state)
{
    (void)state;
    struct stale s = {.got = 0};
    s.second = pair_new();
    rt_run(message_closes, &s);
}

/* A socket whose end was in the batch is closed by its own task in that round. */
static void close_after_end(void *arg)
{
    struct pair *p = arg;
    assert_int_equal(read_text(p->ours, ""), E_EOF);
    io_close(p->ours);
    p->ours = NULL;
}

static void end_many(void *arg)
{
    struct pair *p = arg;
    a_round();
    for (int i = 0; i < 20; i++)
        they_close(&p[i]);
    a_round();
    for (int i = 0; i < 20; i++)
        assert_null(p[i].ours);
}

static void test_many_ends_at_once(void **state)
{
    (void)state;
    struct pair p[20];
    for (int i = 0; i < 20; i++) {
        p[i] = pair_new();
        rt_spawn("ends", close_after_end, &p[i]);
    }
    rt_run(end_many, p);
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
        RT_TEST(test_every_wait_can_be_given_up),
        RT_TEST(test_a_read_given_up_loses_nothing),
        RT_TEST(test_a_race_with_the_deadline),
        RT_TEST(test_canceled_with_bytes_at_hand),
        RT_TEST(test_hangup_watch),
        RT_TEST(test_hangup_watch_begins_late_or_ends),
        RT_TEST(test_a_late_watch_does_not_wait),
        RT_TEST(test_hangup_behind_unread_bytes),
        RT_TEST(test_hangup_watch_again),
        RT_TEST(test_the_client_leaves),
        RT_TEST(test_quiet),
        RT_TEST(test_stale_events),
        RT_TEST(test_a_message_closes_a_socket_with_an_event),
        RT_TEST(test_many_ends_at_once),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest names[] = {cmocka_unit_test(test_names)};
    int failed = cmocka_run_group_tests_name("backends", names, NULL, NULL);
    return failed + rt_on_each_backend(run_on);
}
