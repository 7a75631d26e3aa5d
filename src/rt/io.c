/* io.c: the public calls, handed to the backend chosen, and what the backends share. */
#include "rt/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "rt/internal.h"

static const struct io_backend *const backends[] = {
    &io_epoll,
};

static const struct io_backend *backend = &io_epoll;

int io_backend_select(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (strcmp(backends[i]->name, name) == 0) {
            backend = backends[i];
            return 0;
        }
    }
    return E_USAGE;
}

const char *io_backend_name(void)
{
    return backend->name;
}

const struct io_backend *io_backend(void)
{
    return backend;
}

int io_error(int error)
{
    switch (error) {
    case EPIPE:
    case ESHUTDOWN:
    case ENOTCONN:
        return E_CLOSED;
    /* The last two come when the network gave a connection up: E_TIMEOUT would look like the
     * task's own deadline. */
    case ECONNRESET:
    case ECONNABORTED:
    case ENETRESET:
    case ETIMEDOUT:
    case EHOSTUNREACH:
        return E_RESET;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
        return E_MEMORY;
    default:
        return err_from_errno(error);
    }
}

/* The same for a connection that does not stand yet. */
static int connect_error(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* a Unix socket's path */
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
        return E_REFUSED;
    case ETIMEDOUT:
        return E_TIMEOUT;
    default:
        return io_error(error);
    }
}

int io_iov_advance(struct iovec **iov, int count, size_t n)
{
    struct iovec *v = *iov;
    while (count > 0 && n >= v->iov_len) {
        n -= v->iov_len;
        v++;
        count--;
    }
    if (count > 0) {
        v->iov_base = (char *)v->iov_base + n;
        v->iov_len -= n;
    }
    *iov = v;
    return count;
}

static void set_nodelay(int fd)
{
    int one = 1;
    /* Fails on what is not TCP, where nothing needs it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int io_open(int fd, struct io **ret_io)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        close(fd);
        return E_IO;
    }
    set_nodelay(fd); /* on a listener: what it accepts inherits it */
    return backend->open(fd, ret_io);
}

void io_close(struct io *io)
{
    if (io)
        backend->close(io);
}

int io_fd(const struct io *io)
{
    return io->fd;
}

int io_connect(const struct sockaddr *addr, socklen_t len, struct io **ret_io)
{
    int err = task_turn();
    if (err)
        return err;
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return io_error(errno);
    if (addr->sa_family != AF_UNIX)
        set_nodelay(fd);
    int error = backend->connect(fd, addr, len, ret_io);
    return error > 0 ? connect_error(error) : error;
}

int io_accept(struct io *listener, struct io **ret_io, struct sockaddr_storage *ret_peer)
{
    return backend->accept(listener, ret_io, ret_peer);
}

int io_read(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    return backend->read(io, bytes, n, ret_n);
}

int io_read_now(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    return backend->read_now(io, bytes, n, ret_n);
}

int io_wait_readable(struct io *io)
{
    return backend->wait_readable(io);
}

int io_writev(struct io *io, struct iovec *iov, int count)
{
    return backend->writev(io, iov, count);
}

void io_watch_hangup(struct io *io, void (*fn)(void *arg), void *arg)
{
    backend->watch_hangup(io, fn, arg);
}

bool io_is_quiet(struct io *io)
{
    return backend->is_quiet(io);
}

void io_shut_write(struct io *io)
{
    (void)shutdown(io->fd, SHUT_WR);
}
