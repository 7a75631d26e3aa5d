/* tcp.c: a stream over a connected socket: a thin shell around struct io. */
#include <errno.h>
#include <stdlib.h>

#include "net/stream.h"
#include "rt/io.h"

struct tcp {
    struct stream stream;
    struct io *io;
};

static struct io *io_of(struct stream *s)
{
    return CONTAINER_OF(s, struct tcp, stream)->io;
}

static int tcp_read(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    return io_read(io_of(s), bytes, n, ret_n);
}

static int tcp_read_now(struct stream *s, void *bytes, size_t n, size_t *ret_n)
{
    return io_read_now(io_of(s), bytes, n, ret_n);
}

static int tcp_wait_readable(struct stream *s)
{
    return io_wait_readable(io_of(s));
}

static int tcp_writev(struct stream *s, struct iovec *iov, int count)
{
    return io_writev(io_of(s), iov, count);
}

static int tcp_write_now(struct stream *s, const void *bytes, size_t n, size_t *ret_n)
{
    ssize_t sent = send(io_fd(io_of(s)), bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? E_AGAIN : err_from_errno(errno);
    *ret_n = (size_t)sent;
    return 0;
}

static void tcp_watch_hangup(struct stream *s, void (*fn)(void *arg), void *arg)
{
    io_watch_hangup(io_of(s), fn, arg);
}

static bool tcp_is_quiet(struct stream *s)
{
    return io_is_quiet(io_of(s));
}

static void tcp_shut_write(struct stream *s)
{
    io_shut_write(io_of(s));
}

static void tcp_close(struct stream *s)
{
    struct tcp *t = CONTAINER_OF(s, struct tcp, stream);

    io_close(t->io);
    free(t);
}

static const struct stream_ops tcp_ops = {
    .kind = "tcp",
    .read = tcp_read,
    .read_now = tcp_read_now,
    .wait_readable = tcp_wait_readable,
    .writev = tcp_writev,
    .watch_hangup = tcp_watch_hangup,
    .is_quiet = tcp_is_quiet,
    .shut_write = tcp_shut_write,
    .close = tcp_close,
    .write_now = tcp_write_now,
};

int stream_tcp_new(struct io *io, struct stream **ret_stream)
{
    struct tcp *t = malloc(sizeof(*t));

    if (t == NULL) {
        io_close(io);
        return E_MEMORY;
    }
    t->stream.ops = &tcp_ops;
    t->io = io;
    *ret_stream = &t->stream;
    return 0;
}
