/*
 * http_world.h: what the tests of http/ share: a loop under a virtual clock, a client that sends
 * given bytes in given pieces and collects what comes back, and a stream that counts calls.
 */
#ifndef TEST_HTTP_WORLD_H
#define TEST_HTTP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "net/stream.h"
#include "rt/loop.h"
#include "rt/task.h"

#define LANE_BYTES (64 * 1024)

static inline int world_set_up(void **state)
{
    (void)state;
    clock_fake(1000000, 784111777000000); /* Sun, 06 Nov 1994 08:49:37 GMT */
    if (loop_init() != 0)
        return -1;
    loop_jump_time(true);
    return 0;
}

static inline int world_tear_down(void **state)
{
    (void)state;
    loop_jump_time(false);
    loop_fini();
    clock_real();
    return 0;
}

#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static inline void spawn(void (*fn)(void *arg), void *arg)
{
    assert_int_equal(task_spawn("test", fn, arg, NULL), 0);
}

static inline void let_others_run(void)
{
    for (int i = 0; i < 5; i++)
        assert_int_equal(task_sleep(0), 0);
}

/* Sends `bytes` in pieces of `piece` bytes (0: in one), so that the other side reads each alone. */
static inline void send_split(struct stream *s, struct str bytes, size_t piece)
{
    while (bytes.n > 0) {
        struct str part = str_head(bytes, piece > 0 ? piece : bytes.n);
        if (stream_write(s, part) != 0)
            return; /* the other side has seen enough */
        bytes = str_tail(bytes, part.n);
        if (bytes.n > 0)
            let_others_run();
    }
}

/* Until the end. */
static inline int collect(struct stream *s, struct buf *out)
{
    char bytes[4096];
    size_t n;
    int err;

    while ((err = stream_read(s, bytes, sizeof(bytes), &n)) == 0)
        assert_int_equal(buf_add(out, bytes, n), 0);
    return err;
}

static inline void expect_text(struct str got, const char *text)
{
    if (!str_eq(got, str_from(text)))
        fail_msg("expected:\n%s\ngot:\n%.*s", text, STR_ARGS(got));
}

static inline void expect_contains(struct str got, const char *text)
{
    if (str_find(got, str_from(text)) < 0)
        fail_msg("expected to find:\n%s\nin:\n%.*s", text, STR_ARGS(got));
}

static inline void expect_lacks(struct str got, const char *text)
{
    if (str_find(got, str_from(text)) >= 0)
        fail_msg("expected not to find:\n%s\nin:\n%.*s", text, STR_ARGS(got));
}

/* ---- a stream that counts what goes through it; it owns the one below */

struct counted {
    struct stream stream;
    struct stream *lower;
    unsigned reads; /* that gave bytes */
    unsigned writes;
    unsigned calls, fail_at; /* the call of that number fails, and all after it; 0: none */
};

static inline struct counted *counted_of(struct stream *s)
{
    return CONTAINER_OF(s, struct counted, stream);
}
static inline bool counted_fails(struct stream *s)
{
    struct counted *c = counted_of(s);

    c->calls++;
    return c->fail_at > 0 && c->calls >= c->fail_at;
}
static inline int counted_read(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    int err = counted_fails(s) ? E_RESET : stream_read(counted_of(s)->lower, bytes, n, ret_n);
    counted_of(s)->reads += err == 0;
    return err;
}
static inline int counted_read_now(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    int err = counted_fails(s) ? E_RESET : stream_read_now(counted_of(s)->lower, bytes, n, ret_n);
    counted_of(s)->reads += err == 0;
    return err;
}
static inline int counted_wait_readable(struct stream *s)
{
    return counted_fails(s) ? E_RESET : stream_wait_readable(counted_of(s)->lower);
}
static inline int counted_writev(struct stream *s, struct iovec *iov, int count)
{
    counted_of(s)->writes++;
    return counted_fails(s) ? E_RESET : stream_writev(counted_of(s)->lower, iov, count);
}
static inline int counted_write_now(struct stream *s, const void *bytes, size_t n, size_t *ret_n)
{
    counted_of(s)->writes++;
    return counted_fails(s) ? E_RESET : stream_write_now(counted_of(s)->lower, bytes, n, ret_n);
}
static inline void counted_watch_hangup(struct stream *s, void (*fn)(void *arg), void *arg)
{
    stream_watch_hangup(counted_of(s)->lower, fn, arg);
}
static inline bool counted_is_quiet(struct stream *s)
{
    return stream_is_quiet(counted_of(s)->lower);
}
static inline void counted_shut_write(struct stream *s)
{
    stream_shut_write(counted_of(s)->lower);
}
static inline void counted_close(struct stream *s)
{
    stream_close(counted_of(s)->lower);
}

static inline void counted_init(struct counted *c, struct stream *lower)
{
    static const struct stream_ops ops = {
        .kind = "counted",
        .read = counted_read,
        .read_now = counted_read_now,
        .wait_readable = counted_wait_readable,
        .writev = counted_writev,
        .write_now = counted_write_now,
        .watch_hangup = counted_watch_hangup,
        .is_quiet = counted_is_quiet,
        .shut_write = counted_shut_write,
        .close = counted_close,
    };
    *c = (struct counted){.stream = {&ops}, .lower = lower};
}

#endif
