/* test_io_stop.c: waits given up, hangups, idle connections and stale events, on every backend. */
#include "io_test.h"
#include "rt/internal.h"
#include "rt/io.h"

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
    assert_true(p.ours->held.count < 8); /* io_uring stops taking bytes that nobody reads */
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
}

static void test_hangup_behind_unread_bytes(void **state)
{
    (void)state;
    rt_run(unread, NULL);
}

/* Closed with bytes unread: io_uring's buffers go back, however often that happens. */
static void close_unread(void *arg)
{
    (void)arg;
    bool by_ring = strcmp(io_backend_name(), "uring") == 0;
    char byte;
    size_t n;
    for (int i = 0; i < 300; i++) {
        struct pair p = pair_new();
        assert_int_equal(io_read_now(p.ours, &byte, 1, &n), E_AGAIN);
        they_send(&p, "unread");
        a_round();
        assert_int_equal(p.ours->held.count, by_ring);
        pair_free(&p);
    }
}

static void test_closed_with_bytes_unread(void **state)
{
    (void)state;
    rt_run(close_unread, NULL);
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

static int run_on(const char *name)
{
    const struct CMUnitTest tests[] = {
        RT_TEST(test_every_wait_can_be_given_up),
        RT_TEST(test_a_read_given_up_loses_nothing),
        RT_TEST(test_a_race_with_the_deadline),
        RT_TEST(test_canceled_with_bytes_at_hand),
        RT_TEST(test_hangup_watch),
        RT_TEST(test_hangup_watch_begins_late_or_ends),
        RT_TEST(test_a_late_watch_does_not_wait),
        RT_TEST(test_hangup_behind_unread_bytes),
        RT_TEST(test_closed_with_bytes_unread),
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
    return rt_on_each_backend(run_on);
}
