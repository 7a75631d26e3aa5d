/*
 * stream.h: a two-way stream of bytes: TCP, TLS over it, or two ends in memory (tests).
 *
 * A struct of functions over an opaque connection, so that HTTP does not know what carries it.
 * Errors as in rt/io.h; a TLS stream adds E_TLS with a fault that says what failed. All waits obey
 * the task's deadline and cancellation. One task reads and the same or another writes.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

struct io;
struct stream;

struct stream_ops {
    const char *kind; /* "tcp", "tls", "memory" */
    int (*read)(struct stream *s, void *bytes, size_t n, size_t *ret_n);
    int (*read_now)(struct stream *s, void *bytes, size_t n, size_t *ret_n);
    int (*wait_readable)(struct stream *s);
    int (*writev)(struct stream *s, struct iovec *iov, int count);
    void (*watch_hangup)(struct stream *s, void (*fn)(void *arg), void *arg);
    bool (*is_quiet)(struct stream *s);
    void (*shut_write)(struct stream *s);
    void (*close)(struct stream *s);
    /* What fits without waiting, E_AGAIN when nothing does; never while a writev is under way. */
    int (*write_now)(struct stream *s, const void *bytes, size_t n, size_t *ret_n);
};

/* The first member of every kind of stream. */
struct stream {
    const struct stream_ops *ops;
};

YIELDS MUSTCHECK static inline int stream_read(struct stream *s, void *bytes, size_t n,
                                               size_t *ret_n)
{
    return s->ops->read(s, bytes, n, ret_n);
}
MUSTCHECK static inline int stream_read_now(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    return s->ops->read_now(s, bytes, n, ret_n);
}
YIELDS MUSTCHECK static inline int stream_wait_readable(struct stream *s)
{
    return s->ops->wait_readable(s);
}
YIELDS MUSTCHECK static inline int stream_writev(struct stream *s, struct iovec *iov, int count)
{
    return s->ops->writev(s, iov, count);
}
YIELDS MUSTCHECK int stream_write(struct stream *s, struct str bytes);
static inline void stream_watch_hangup(struct stream *s, void (*fn)(void *arg), void *arg)
{
    s->ops->watch_hangup(s, fn, arg);
}
static inline bool stream_is_quiet(struct stream *s)
{
    return s->ops->is_quiet(s);
}
static inline void stream_shut_write(struct stream *s)
{
    s->ops->shut_write(s);
}
MUSTCHECK static inline int stream_write_now(struct stream *s, const void *bytes, size_t n,
                                             size_t *ret_n)
{
    return s->ops->write_now(s, bytes, n, ret_n);
}
void stream_close(struct stream *s); /* NULL is harmless */

/* A TCP stream over a connected socket; takes `io` over, also on failure. */
MUSTCHECK int stream_tcp_new(struct io *io, struct stream **ret_stream);

/*
 * Two connected ends in memory, each direction holding at most `bytes_max`. As with TCP, an end
 * that is closed over unread bytes gives the other one E_RESET behind the bytes already written,
 * else E_EOF; a shut or closed side is a hangup for the other.
 */
MUSTCHECK int stream_pair_new(size_t bytes_max, struct stream **ret_a, struct stream **ret_b);
void stream_pair_reset(struct stream *s); /* closes this end of a pair as a reset would */

#endif
