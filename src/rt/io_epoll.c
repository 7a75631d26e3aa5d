/*
 * io_epoll.c: sockets over one epoll set, edge-triggered.
 *
 * A socket is registered once, for everything, and never again. An edge only sets flags and wakes
 * who waits; the flags then say whether a system call can succeed:
 *     READABLE  bytes, an end or an error may be there. Set by an edge and at birth (worth one
 *               try), cleared by a read that got less than it asked for: the rest would have made
 *               a new edge. Stays for good after ENDED, so that the end itself is read.
 *     WRITABLE  the kernel may have room. Cleared by a write that was cut short.
 *     ENDED     the other side closed or reset the connection (EPOLLRDHUP, HUP, ERR).
 * A closed socket's struct stays until the end of the round, since the batch of events may still
 * name it.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "rt/internal.h"

#define EVENTS_A_ROUND 256
#define IOVECS_A_CALL  64

enum {
    READABLE = 1,
    WRITABLE = 2,
    ENDED = 4,
};

struct socket {
    struct io io; /* first */
    unsigned flags;
    struct task *reader, *writer;
    void (*hangup)(void *arg);
    void *hangup_arg;
    struct list node; /* in `told_late` or `closed`, or in none */
};

struct watched {
    void (*fn)(void);
};

static struct {
    int fd;
    int count; /* of events that wait() got */
    struct epoll_event events[EVENTS_A_ROUND];
    struct watched watched[4];
    unsigned watched_count;
    struct list closed;
    struct list told_late; /* a watch began when the end had been seen already */
} poll = {.fd = -1};

static int epoll_init(void)
{
    list_init(&poll.closed);
    list_init(&poll.told_late);
    poll.count = 0;
    poll.watched_count = 0;
    poll.fd = epoll_create1(EPOLL_CLOEXEC);
    return poll.fd < 0 ? E_IO : 0;
}

static void epoll_end_round(void)
{
    struct list *node;
    while ((node = list_pop_front(&poll.closed)))
        free(LIST_ENTRY(node, struct socket, node));
}

static void epoll_fini(void)
{
    close(poll.fd);
    poll.fd = -1;
}

/* ---------------------------------------------------------------- events */

/* The lowest bit of an event's pointer tells a descriptor of the loop's own from a socket. */
#define WATCHED_BIT ((uintptr_t)1)

static int epoll_watch(int fd, void (*fn)(void))
{
    RT_CHECK(poll.watched_count < ARRAY_LEN(poll.watched), "too many watched descriptors");
    struct watched *w = &poll.watched[poll.watched_count++];
    w->fn = fn;
    struct epoll_event event = {
        .events = EPOLLIN,
        .data.ptr = (void *)((uintptr_t)w | WATCHED_BIT),
    };
    return epoll_ctl(poll.fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : E_IO;
}

static bool epoll_pending(void)
{
    return !list_empty(&poll.told_late);
}

static int epoll_wait_events(int64_t timeout_ms)
{
    int ms = timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
    poll.count = epoll_wait(poll.fd, poll.events, EVENTS_A_ROUND, ms);
    if (poll.count >= 0)
        return 0;
    poll.count = 0;
    return errno == EINTR ? 0 : E_IO;
}

static void tell_hangup(struct socket *s)
{
    void (*fn)(void *arg) = s->hangup;
    s->hangup = NULL;
    if (fn)
        fn(s->hangup_arg);
}

static void socket_event(struct socket *s, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        s->flags |= ENDED | READABLE;
    if (events & EPOLLIN)
        s->flags |= READABLE;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        s->flags |= WRITABLE;
    if (s->reader && (s->flags & READABLE))
        task_wake(s->reader);
    if (s->writer && (s->flags & WRITABLE))
        task_wake(s->writer);
    if (s->hangup && (s->flags & ENDED))
        tell_hangup(s);
}

static size_t epoll_dispatch(void)
{
    size_t count = (size_t)poll.count;
    for (int i = 0; i < poll.count; i++) {
        uintptr_t p = (uintptr_t)poll.events[i].data.ptr;
        if (p & WATCHED_BIT)
            ((struct watched *)(p & ~WATCHED_BIT))->fn();
        else
            socket_event((struct socket *)p, poll.events[i].events);
    }
    poll.count = 0;
    struct list *node;
    while ((node = list_pop_front(&poll.told_late))) {
        tell_hangup(LIST_ENTRY(node, struct socket, node));
        count++;
    }
    return count;
}

/* ---------------------------------------------------------------- life of a socket */

static int socket_new(int fd, unsigned flags, struct io **ret_io)
{
    struct socket *s = malloc(sizeof(*s));
    if (!s) {
        close(fd);
        return E_MEMORY;
    }
    *s = (struct socket){.io.fd = fd, .flags = flags};
    list_init(&s->node);
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = s,
    };
    if (epoll_ctl(poll.fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(s);
        close(fd);
        return errno == ENOMEM || errno == ENOSPC ? E_MEMORY : E_IO;
    }
    *ret_io = &s->io;
    return 0;
}

static int epoll_open(int fd, struct io **ret_io)
{
    return socket_new(fd, READABLE | WRITABLE, ret_io);
}

static void epoll_close(struct io *io)
{
    struct socket *s = (struct socket *)io;
    RT_CHECK(!s->reader && !s->writer, "a socket was closed under a task that waits in it");
    close(io->fd);    /* which also takes it out of the epoll set */
    s->hangup = NULL; /* now an event still in the batch finds nobody to tell */
    list_remove(&s->node);
    list_push_back(&poll.closed, &s->node);
}

static int wait_in(struct task **place)
{
    RT_CHECK(!*place, "two tasks wait for the same side of a socket");
    *place = task_self();
    int err = task_park(NULL);
    *place = NULL;
    return err;
}

static int wait_readable(struct socket *s)
{
    while (!(s->flags & READABLE)) {
        int err = wait_in(&s->reader);
        if (err)
            return err;
    }
    return 0;
}

static int wait_writable(struct socket *s)
{
    while (!(s->flags & WRITABLE)) {
        int err = wait_in(&s->writer);
        if (err)
            return err;
    }
    return 0;
}

/* Returns a positive errno when the system refused, so that the caller can tell what it means. */
static int epoll_connect(int fd, const struct sockaddr *addr, socklen_t len, struct io **ret_io)
{
    bool under_way = false;
    if (connect(fd, addr, len) != 0) {
        if (errno != EINPROGRESS) {
            int error = errno;
            close(fd);
            return error;
        }
        under_way = true;
    }
    struct io *io;
    int err = socket_new(fd, under_way ? 0 : READABLE | WRITABLE, &io);
    if (err)
        return err;
    if (under_way) {
        int error = 0;
        socklen_t error_len = sizeof(error);
        err = wait_writable((struct socket *)io);
        if (!err && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0)
            error = errno;
        if (!err)
            err = error;
        if (err) {
            io_close(io);
            return err;
        }
    }
    *ret_io = io;
    return 0;
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

static int epoll_accept(struct io *io, struct io **ret_io, struct sockaddr_storage *ret_peer)
{
    struct socket *s = (struct socket *)io;
    int err = task_turn();
    if (err)
        return err;
    for (;;) {
        err = wait_readable(s);
        if (err)
            return err;
        socklen_t len = sizeof(*ret_peer);
        int fd = accept4(io->fd, (struct sockaddr *)ret_peer, ret_peer ? &len : NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            return socket_new(fd, READABLE | WRITABLE, ret_io);
        if (errno == EAGAIN)
            s->flags &= ~(unsigned)READABLE;
        else if (!accept_again(errno))
            return io_error(errno);
    }
}

/* ---------------------------------------------------------------- reading and writing */

/* E_AGAIN when nothing was there; READABLE is put right. */
static int try_read(struct socket *s, void *bytes, size_t n, size_t *ret_n)
{
    ssize_t got;
    do
        got = recv(s->io.fd, bytes, n, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        s->flags &= ~(unsigned)READABLE;
        return E_AGAIN;
    }
    if (got < 0)
        return io_error(errno);
    if (got == 0)
        return E_EOF;
    if ((size_t)got < n && !(s->flags & ENDED))
        s->flags &= ~(unsigned)READABLE;
    *ret_n = (size_t)got;
    return 0;
}

static int epoll_read(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    struct socket *s = (struct socket *)io;
    RT_CHECK(n > 0, "a read of nothing");
    int err = task_turn();
    while (!err) {
        err = wait_readable(s);
        if (err)
            return err;
        err = try_read(s, bytes, n, ret_n);
        if (err != E_AGAIN)
            return err;
        err = 0;
    }
    return err;
}

static int epoll_read_now(struct io *io, void *bytes, size_t n, size_t *ret_n)
{
    struct socket *s = (struct socket *)io;
    RT_CHECK(n > 0, "a read of nothing");
    return s->flags & READABLE ? try_read(s, bytes, n, ret_n) : E_AGAIN;
}

/* Whether bytes or the end are there; asks the system only when the flag leaves it open. */
static bool is_readable(struct socket *s)
{
    if (!(s->flags & READABLE))
        return false;
    char byte;
    ssize_t got;
    do
        got = recv(s->io.fd, &byte, 1, MSG_PEEK);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        s->flags &= ~(unsigned)READABLE;
        return false;
    }
    return true;
}

/* The flag is believed: asking the system would cost a call a request, and who reads then finds out
 * anyhow. */
static int epoll_wait_readable(struct io *io)
{
    struct socket *s = (struct socket *)io;
    int err = task_turn();
    return err ? err : wait_readable(s);
}

static bool epoll_is_quiet(struct io *io)
{
    struct socket *s = (struct socket *)io;
    return !(s->flags & ENDED) && !is_readable(s);
}

static int epoll_writev(struct io *io, struct iovec *iov, int count)
{
    struct socket *s = (struct socket *)io;
    int err = task_turn();
    if (err)
        return err;
    count = io_iov_advance(&iov, count, 0); /* a first empty piece */
    while (count > 0) {
        err = wait_writable(s);
        if (err)
            return err;
        int now = count < IOVECS_A_CALL ? count : IOVECS_A_CALL;
        size_t asked = 0;
        for (int i = 0; i < now; i++)
            asked += iov[i].iov_len;
        ssize_t sent = writev(io->fd, iov, now);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return io_error(errno);
        if (sent < 0)
            sent = 0;
        if ((size_t)sent < asked)
            s->flags &= ~(unsigned)WRITABLE;
        count = io_iov_advance(&iov, count, (size_t)sent);
    }
    return 0;
}

static void epoll_watch_hangup(struct io *io, void (*fn)(void *arg), void *arg)
{
    struct socket *s = (struct socket *)io;
    s->hangup = fn;
    s->hangup_arg = arg;
    list_remove(&s->node);
    if (fn && (s->flags & ENDED))
        list_push_back(&poll.told_late, &s->node);
}

const struct io_backend io_epoll = {
    .name = "epoll",
    .init = epoll_init,
    .fini = epoll_fini,
    .watch = epoll_watch,
    .pending = epoll_pending,
    .wait = epoll_wait_events,
    .dispatch = epoll_dispatch,
    .end_round = epoll_end_round,
    .open = epoll_open,
    .close = epoll_close,
    .connect = epoll_connect,
    .accept = epoll_accept,
    .read = epoll_read,
    .read_now = epoll_read_now,
    .wait_readable = epoll_wait_readable,
    .writev = epoll_writev,
    .watch_hangup = epoll_watch_hangup,
    .is_quiet = epoll_is_quiet,
};
