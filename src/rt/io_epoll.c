/*
 * io_epoll.c: sockets over one epoll set, edge-triggered. Each is registered once, for everything,
 * and never again: an edge says once that something changed, and io.c's flags remember it.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "rt/internal.h"

#define EVENTS_A_ROUND 256

static struct {
    int fd;
    int count; /* of events that the last wait got */
    struct epoll_event events[EVENTS_A_ROUND];
    void (*watched[4])(void); /* descriptors of the loop's own */
    unsigned watched_count;
} set = {.fd = -1};

static bool epoll_usable(void)
{
    return true;
}

static int epoll_init(void)
{
    set.count = 0;
    set.watched_count = 0;
    set.fd = epoll_create1(EPOLL_CLOEXEC);
    return set.fd < 0 ? E_IO : 0;
}

static void epoll_fini(void)
{
    close(set.fd);
    set.fd = -1;
}

/* Sockets are named by their address; numbers below this one are places in `watched`. */
#define WATCHED_END 16

static int epoll_watch(int fd, void (*fn)(void))
{
    RT_CHECK(set.watched_count < ARRAY_LEN(set.watched), "too many watched descriptors");
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = set.watched_count};
    set.watched[set.watched_count++] = fn;
    return epoll_ctl(set.fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : E_IO;
}

static int epoll_add(struct io *io)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = io,
    };
    io->flags |= IO_READ_TOLD | IO_WRITE_TOLD | IO_END_TOLD;
    if (epoll_ctl(set.fd, EPOLL_CTL_ADD, io->fd, &event) == 0)
        return 0;
    return errno == ENOMEM || errno == ENOSPC ? E_MEMORY : E_IO;
}

/* Closing the descriptor takes it out of the set, unless another process has it too: then the set
 * would go on telling of a socket that is no more. */
static void epoll_remove(struct io *io)
{
    if (io->flags & IO_LISTENER)
        (void)epoll_ctl(set.fd, EPOLL_CTL_DEL, io->fd, NULL);
}

static int epoll_wait_events(int64_t timeout_ms)
{
    int ms = timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;
    set.count = epoll_wait(set.fd, set.events, EVENTS_A_ROUND, ms);
    if (set.count >= 0)
        return 0;
    set.count = 0;
    return errno == EINTR ? 0 : E_IO;
}

static unsigned flags_of(uint32_t events)
{
    unsigned flags = 0;
    if (events & EPOLLIN)
        flags |= IO_READABLE;
    if (events & EPOLLOUT)
        flags |= IO_WRITABLE;
    if (events & EPOLLRDHUP)
        flags |= IO_READABLE | IO_ENDED;
    if (events & (EPOLLHUP | EPOLLERR))
        flags |= IO_READABLE | IO_WRITABLE | IO_ENDED;
    return flags;
}

static size_t epoll_dispatch(void)
{
    for (int i = 0; i < set.count; i++) {
        const struct epoll_event *event = &set.events[i];
        if (event->data.u64 < WATCHED_END)
            set.watched[event->data.u64]();
        else
            io_event(event->data.ptr, flags_of(event->events));
    }
    size_t count = (size_t)set.count;
    set.count = 0;
    return count;
}

const struct io_backend io_epoll = {
    .name = "epoll",
    .usable = epoll_usable,
    .init = epoll_init,
    .fini = epoll_fini,
    .watch = epoll_watch,
    .wait = epoll_wait_events,
    .dispatch = epoll_dispatch,
    .add = epoll_add,
    .remove = epoll_remove,
};
