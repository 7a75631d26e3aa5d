/*
 * io.c: the calls, over the flags that a backend keeps (internal.h).
 *
 * A read with less than it asked for has emptied the socket, since what comes later makes a new
 * event; a write cut short has filled it. So in the usual exchange no call is made in vain. A
 * closed socket's struct stays until the end of the round: the events at hand may still name it.
 */
#include "rt/io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "rt/internal.h"

#define IOVECS_A_CALL 64

#ifndef SLUICE_URING
#define SLUICE_URING 0
#endif

static const struct io_backend *const backends[] = {
    &io_epoll,
#if SLUICE_URING
    &io_uring,
#endif
};

static const struct io_backend *backend = &io_epoll;

static struct {
    struct list closed;    /* to be freed at the end of the round */
    struct list told_late; /* a watch began when the end had been seen already */
} ios;

int io_backend_select(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (strcmp(backends[i]->name, name) != 0)
            continue;
        if (!backends[i]->usable())
            return E_IO;
        backend = backends[i];
        return 0;
    }
    return strcmp(name, "uring") == 0 ? E_IO : E_USAGE; /* known, but left out of this build */
}

const char *io_backend_name(void)
{
    return backend->name;
}

const struct io_backend *io_backend(void)
{
    return backend;
}

/* ---------------------------------------------------------------- events */

void io_init(void)
{
    list_init(&ios.closed);
    list_init(&ios.told_late);
}

static void tell_hangup(struct io *io)
{
    void (*fn)(void *arg) = io->hangup;
    io->hangup = NULL;
    if (fn)
        fn(io->hangup_arg);
}

void io_event(struct io *io, unsigned flags)
{
    io->flags |= flags;
    if (io->reader && (io->flags & IO_READABLE))
        task_wake(io->reader);
    if (io->writer && (io->flags & IO_WRITABLE))
        task_wake(io->writer);
    if (io->hangup && (io->flags & IO_ENDED))
        tell_hangup(io);
}

bool io_pending(void)
{
    return !list_empty(&ios.told_late);
}

size_t io_dispatch(void)
{
    size_t count = backend->dispatch();
    struct list *node;
    while ((node = list_pop_front(&ios.told_late))) {
        tell_hangup(LIST_ENTRY(node, struct io, node));
        count++;
    }
    return count;
}

void io_unused(struct io *io)
{
    list_push_back(&ios.closed, &io->node);
}

void io_end_round(void)
{
    struct list *node;
    while ((node = list_pop_front(&ios.closed)))
        free(LIST_ENTRY(node, struct io, node));
}

/* ---------------------------------------------------------------- errors */

/* What an errno of a connection that stands means to the caller. */
static int stream_error(int error)
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
        return stream_error(error);
    }
}

/* Whether accept() should just be called again: the connection was lost, not the listener. */
static bool accept_again(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* ---------------------------------------------------------------- flags and waiting */

/* The socket was found empty: who waits for more must be told. */
static void not_readable(struct io *io)
{
    io->flags &= ~(unsigned)IO_READABLE;
    if (!(io->flags & IO_READ_TOLD))
        backend->tell_read(io);
}

static void not_writable(struct io *io)
{
    io->flags &= ~(unsigned)IO_WRITABLE;
    if (!(io->flags & IO_WRITE_TOLD))
        backend->tell_write(io);
}

/* Parks the running task as `*place`, the reader or the writer, until there is one of `flags`. */
static int wait_for(struct io *io, unsigned flags, struct task **place)
{
    while (!(io->flags & flags)) {
        RT_CHECK(!*place, "two tasks wait for the same side of a socket");
        *place = task_self();
        int err = task_park(NULL);
        *place = NULL;
        if (err)
            return err;
    }
    return 0;
}

/* ---------------------------------------------------------------- life of a socket */

static int io_new(int fd, unsigned flags, struct io **ret_io)
{
    struct io *io = malloc(sizeof(*io));
    int err = E_MEMORY;
    if (io) {
        *io = (struct io){.fd = fd, .flags = flags, .held = {.first = -1, .last = -1}};
        list_init(&io->node);
        err = backend->add(io);
    }
    if (err) {
        free(io);
        close(fd);
        return err;
    }
    *ret_io = io;
    return 0;
}

static void set_nodelay(int fd)
{
    int one = 1;
    /* Fails on what is not TCP, where nothing needs it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int io_open(int fd, struct io **ret_io)
{
    int flags = fcntl(fd, F_GETFL), listens = 0;
    socklen_t len = sizeof(listens);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0) {
        close(fd);
        return E_IO;
    }
    set_nodelay(fd); /* on a listener: what it accepts inherits it */
    return io_new(fd, IO_READABLE | (listens ? IO_LISTENER : IO_WRITABLE), ret_io);
}

void io_close(struct io *io)
{
    if (!io)
        return;
    RT_CHECK(!io->reader && !io->writer, "a socket was closed under a task that waits in it");
    backend->remove(io);
    close(io->fd);
    list_remove(&io->node);
    io->hangup = NULL; /* an event still at hand finds nobody to tell */
    io->flags = IO_CLOSED;
    if (io->operations == 0)
        io_unused(io);
    else
        backend->closing(io);
}

int io_fd(const struct io *io)
{
    return io->fd;
}

/* Whether the connection under way on `io` came to stand. */
static int finish_connect(struct io *io)
{
    int error = 0;
    socklen_t len = sizeof(error);
    not_writable(io);
    int err = wait_for(io, IO_WRITABLE, &io->writer);
    if (err)
        return err;
    if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    return error ? connect_error(error) : 0;
}

int io_connect(const struct sockaddr *addr, socklen_t len, struct io **ret_io)
{
    int err = task_turn();
    if (err)
        return err;
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return stream_error(errno);
    if (addr->sa_family != AF_UNIX)
        set_nodelay(fd);
    bool stands = connect(fd, addr, len) == 0;
    if (!stands && errno != EINPROGRESS) {
        err = connect_error(errno);
        close(fd);
        return err;
    }
    /* Nothing can have been sent to it yet, so the first read waits rather than tries. */
    struct io *io;
    err = io_new(fd, IO_WRITABLE, &io);
    if (!err && !stands) {
        err = finish_connect(io);
        if (err)
            io_close(io);
    }
    if (err)
        return err;
    if (!(io->flags & IO_READABLE))
        not_readable(io);
    *ret_io = io;
    return 0;
}

int io_accept(struct io *io, struct io **ret_io, struct sockaddr_storage *ret_peer)
{
    int err = task_turn();
    while (!err) {
        err = wait_for(io, IO_READABLE, &io->reader);
        if (err)
            return err;
        socklen_t len = sizeof(*ret_peer);
        int fd = accept4(io->fd, (struct sockaddr *)ret_peer, ret_peer ? &len : NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return io_new(fd, IO_READABLE | IO_WRITABLE, ret_io);
        if (errno == EAGAIN)
            not_readable(io);
        else if (!accept_again(errno))
            err = stream_error(errno);
    }
    return err;
}

/* ---------------------------------------------------------------- reading and writing */

/*
 * The C library's recv and send are points where a thread may be canceled, and say so with two
 * atomic writes each as soon as there are threads. The bare calls cost a tenth less.
 */
static ssize_t system_recv(int fd, void *bytes, size_t n, int flags)
{
#ifdef SANITIZED /* which looks at the memory that the library's calls are given */
    return recv(fd, bytes, n, flags);
#else
    return (ssize_t)syscall(SYS_recvfrom, fd, bytes, n, flags, NULL, NULL);
#endif
}

static ssize_t system_send(int fd, const void *bytes, size_t n)
{
#ifdef SANITIZED
    return send(fd, bytes, n, MSG_NOSIGNAL);
#else
    return (ssize_t)syscall(SYS_sendto, fd, bytes, n, MSG_NOSIGNAL, NULL, 0);
#endif
}

static ssize_t receive(struct io *io, void *bytes, size_t n, int flags)
{
    ssize_t got;
    do
        got = system_recv(io->fd, bytes, n, flags);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A read that IO_READABLE promises something. E_AGAIN when nothing was there after all. */
static int try_read(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    if (io->held.count > 0) {
        *ret_n = backend->take_held(io, bytes, n);
        return 0;
    }
    if (io->error)
        return stream_error(io->error);
    ssize_t got = receive(io, bytes, n, 0);
    if (got < 0 && errno == EAGAIN) {
        not_readable(io);
        return E_AGAIN;
    }
    if (got <= 0)
        return got == 0 ? E_EOF : stream_error(errno);
    /* The end is told only once, so IO_READABLE stays until it was read. */
    if ((size_t)got < n && !(io->flags & IO_ENDED))
        not_readable(io);
    *ret_n = (size_t)got;
    return 0;
}

int io_read(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    RT_CHECK(n > 0, "a read of nothing");
    int err = task_turn();
    while (!err) {
        err = wait_for(io, IO_READABLE, &io->reader);
        if (err)
            return err;
        err = try_read(io, bytes, n, ret_n);
        if (err != E_AGAIN)
            return err;
        err = 0;
    }
    return err;
}

int io_read_now(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    RT_CHECK(n > 0, "a read of nothing");
    return io->flags & IO_READABLE ? try_read(io, bytes, n, ret_n) : E_AGAIN;
}

/* The flag is believed: asking the system would cost a call a request, and who reads then finds
 * out anyhow. */
int io_wait_readable(struct io *io)
{
    int err = task_turn();
    return err ? err : wait_for(io, IO_READABLE, &io->reader);
}

bool io_is_quiet(struct io *io)
{
    if (!(io->flags & IO_READABLE))
        return true;
    if ((io->flags & IO_ENDED) || io->held.count > 0 || io->error)
        return false;
    char byte;
    if (receive(io, &byte, 1, MSG_PEEK) >= 0 || errno != EAGAIN)
        return false;
    not_readable(io);
    return true;
}

/* Drops `n` sent bytes off the front, and empty pieces; returns how many are left, at *iov. */
static int iov_advance(struct iovec **iov, int count, size_t n)
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

/* Short messages are put together first: one piece sent costs the system less than five. */
#define GATHER_BYTES 4096

static ssize_t send_pieces(int fd, const struct iovec *iov, int count, size_t bytes)
{
    static char gathered[GATHER_BYTES];
    if (count == 1)
        return system_send(fd, iov->iov_base, iov->iov_len);
    if (bytes > sizeof(gathered))
        return writev(fd, iov, count);
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        memcpy(gathered + n, iov[i].iov_base, iov[i].iov_len);
        n += iov[i].iov_len;
    }
    return system_send(fd, gathered, n);
}

int io_writev(struct io *io, struct iovec *iov, int count)
{
    int err = task_turn();
    count = iov_advance(&iov, count, 0);
    while (!err && count > 0) {
        err = wait_for(io, IO_WRITABLE, &io->writer);
        if (err)
            return err;
        int now = count < IOVECS_A_CALL ? count : IOVECS_A_CALL;
        size_t asked = 0;
        for (int i = 0; i < now; i++)
            asked += iov[i].iov_len;
        ssize_t sent = send_pieces(io->fd, iov, now, asked);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return stream_error(errno);
        if (sent < 0)
            sent = 0;
        if ((size_t)sent < asked)
            not_writable(io);
        count = iov_advance(&iov, count, (size_t)sent);
    }
    return err;
}

void io_watch_hangup(struct io *io, void (*fn)(void *arg), void *arg)
{
    io->hangup = fn;
    io->hangup_arg = arg;
    list_remove(&io->node);
    if (!fn)
        return;
    if (io->flags & IO_ENDED)
        list_push_back(&ios.told_late, &io->node);
    else if (!(io->flags & (IO_READ_TOLD | IO_END_TOLD)))
        backend->tell_end(io);
}

void io_shut_write(struct io *io)
{
    (void)shutdown(io->fd, SHUT_WR);
}
