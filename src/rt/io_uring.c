/*
 * io_uring.c: the same flags as io_epoll.c, told by completions instead of edges.
 *
 * One multishot receive a connection is armed for as long as it lives: arriving bytes are put into
 * buffers that the kernel picks from a common ring, and a read takes them from there without a
 * system call. Measured, this is what pays; a receive armed anew each time costs more than epoll,
 * and sending through the ring saves next to nothing, so writes are plain calls.
 *
 * No operation names memory of a caller, so a wait that is given up leaves nothing to undo.
 *
 * Where bytes arrive faster than they are read (HELD_MAX buffers in one connection, or no buffer
 * left at all) the receive ends, and io.c reads with plain calls until the socket is empty; then it
 * is armed again. Accepting, a full socket and a connection under way use a poll for one event.
 *
 * An operation holds its socket open in the kernel, so a socket that is closed cancels its own; its
 * struct stays until the last one has ended.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "rt/internal.h"

#define ENTRIES      1024
#define COMPLETIONS  8192
#define BUFFERS      256 /* a power of two */
#define BUFFER_BYTES 8192
#define GROUP        0
#define HELD_MAX     4

#define RING_FLAGS                                                                                 \
    (IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |                  \
     IORING_SETUP_DEFER_TASKRUN)

/* What a completion is about: the lowest bits of its user data; the rest is a struct io or, for
 * OF_WATCHED, a place in `watched`. */
enum {
    OF_NOTHING,
    OF_RECEIVE,
    OF_READABLE, /* a listener */
    OF_WRITABLE,
    OF_END,
    OF_WATCHED,
    OF_MASK = 15,
};

struct watched {
    int fd;
    void (*fn)(void);
};

static struct {
    struct io_uring ring;
    struct io_uring_buf_ring *free; /* the buffers that the kernel may fill */
    char *bytes;                    /* BUFFERS times BUFFER_BYTES */
    struct {
        int next; /* in the same connection, -1 for none */
        unsigned bytes;
    } buffer[BUFFERS];
    struct watched watched[4];
    unsigned watched_count;
    struct list closing; /* closed sockets with operations under way */
} uring;

/* ---------------------------------------------------------------- submitting */

static struct io_uring_sqe *entry(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring.ring);
    while (!sqe) {
        int n = io_uring_submit(&uring.ring);
        RT_CHECK(n >= 0 || n == -EINTR || n == -EAGAIN || n == -EBUSY, "io_uring refuses work");
        sqe = io_uring_get_sqe(&uring.ring);
    }
    return sqe;
}

static void tell_once(struct io *io, unsigned of, unsigned flag, unsigned events)
{
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_poll_add(sqe, io->fd, events);
    sqe->user_data = (uintptr_t)io | of;
    io->operations++;
    io->flags |= flag;
}

static void uring_tell_read(struct io *io)
{
    if (io->flags & IO_LISTENER) {
        tell_once(io, OF_READABLE, IO_READ_TOLD, POLLIN);
        return;
    }
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_recv_multishot(sqe, io->fd, NULL, 0, 0);
    sqe->user_data = (uintptr_t)io | OF_RECEIVE;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST; /* io.c has just found it empty */
    io->operations++;
    io->flags |= IO_READ_TOLD;
}

static void uring_tell_write(struct io *io)
{
    tell_once(io, OF_WRITABLE, IO_WRITE_TOLD, POLLOUT);
}

static void uring_tell_end(struct io *io)
{
    tell_once(io, OF_END, IO_END_TOLD, POLLRDHUP);
}

static void cancel(struct io *io, unsigned of)
{
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_cancel64(sqe, (uintptr_t)io | of, 0);
    sqe->user_data = OF_NOTHING;
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

/* ---------------------------------------------------------------- buffers */

static void buffer_give_back(int number)
{
    io_uring_buf_ring_add(uring.free, uring.bytes + (size_t)number * BUFFER_BYTES, BUFFER_BYTES,
                          (unsigned short)number, BUFFERS - 1, 0);
    io_uring_buf_ring_advance(uring.free, 1);
}

static void hold(struct io *io, int number, unsigned bytes)
{
    uring.buffer[number].next = -1;
    uring.buffer[number].bytes = bytes;
    if (io->held.count++ == 0)
        io->held.first = number;
    else
        uring.buffer[io->held.last].next = number;
    io->held.last = number;
}

static void drop_first(struct io *io)
{
    int first = io->held.first;
    io->held.first = uring.buffer[first].next;
    io->held.taken = 0;
    io->held.count--;
    buffer_give_back(first);
}

static size_t uring_take_held(struct io *io, void *bytes, size_t n)
{
    size_t done = 0;
    while (done < n && io->held.count > 0) {
        int first = io->held.first;
        size_t left = uring.buffer[first].bytes - io->held.taken;
        size_t now = left < n - done ? left : n - done;
        memcpy((char *)bytes + done, uring.bytes + (size_t)first * BUFFER_BYTES + io->held.taken,
               now);
        done += now;
        io->held.taken += (unsigned)now;
        if (now == left)
            drop_first(io);
    }
    /* Where no receive is armed, or the end has come, a plain read has to look for more. */
    if (io->held.count == 0 && (io->flags & IO_READ_TOLD) && !(io->flags & IO_ENDED))
        io->flags &= ~(unsigned)IO_READABLE;
    return done;
}

/* ---------------------------------------------------------------- completions */

/* The last completion of an operation that `flag` stood for. False: the socket is closed. */
static bool ended(struct io *io, unsigned flag)
{
    io->operations--;
    io->flags &= ~flag;
    if (!(io->flags & IO_CLOSED))
        return true;
    if (io->operations == 0) {
        list_remove(&io->node);
        io_unused(io);
    }
    return false;
}

static void receive_done(struct io *io, const struct io_uring_cqe *cqe)
{
    bool more = cqe->flags & IORING_CQE_F_MORE, closed = io->flags & IO_CLOSED;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        int number = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        if (closed || cqe->res <= 0)
            buffer_give_back(number);
        else
            hold(io, number, (unsigned)cqe->res);
    }
    if (!more && !ended(io, IO_READ_TOLD))
        return;
    if (closed)
        return;
    unsigned flags = IO_READABLE;
    if (cqe->res == 0)
        flags |= IO_ENDED;
    if (cqe->res < 0 && cqe->res != -ENOBUFS && cqe->res != -ECANCELED) {
        io->error = -cqe->res;
        flags |= IO_ENDED | IO_WRITABLE;
    }
    if (more && io->held.count == HELD_MAX)
        cancel(io, OF_RECEIVE);
    /* Nothing else would tell of the end now. */
    if (!more && io->hangup && !(flags & IO_ENDED) && !(io->flags & IO_END_TOLD))
        uring_tell_end(io);
    io_event(io, flags);
}

static void poll_done(struct io *io, int res, unsigned told, unsigned flags)
{
    if (!ended(io, told))
        return;
    if (res < 0 || (res & (POLLERR | POLLHUP)))
        flags |= IO_READABLE | IO_WRITABLE | (io->flags & IO_LISTENER ? 0 : IO_ENDED);
    io_event(io, flags);
}

/* Armed for one event each time, so that `fn` is called until the descriptor is quiet. */
static void watch_again(uintptr_t place)
{
    struct io_uring_sqe *sqe = entry();
    io_uring_prep_poll_add(sqe, uring.watched[place].fd, POLLIN);
    sqe->user_data = place * (OF_MASK + 1) | OF_WATCHED;
}

static void completion(const struct io_uring_cqe *cqe)
{
    uintptr_t about = (uintptr_t)cqe->user_data & ~(uintptr_t)OF_MASK;
    struct io *io = (struct io *)about;
    switch (cqe->user_data & OF_MASK) {
    case OF_RECEIVE:
        receive_done(io, cqe);
        break;
    case OF_READABLE:
        poll_done(io, cqe->res, IO_READ_TOLD, IO_READABLE);
        break;
    case OF_WRITABLE:
        poll_done(io, cqe->res, IO_WRITE_TOLD, IO_WRITABLE);
        break;
    case OF_END:
        poll_done(io, cqe->res, IO_END_TOLD, IO_READABLE | IO_ENDED);
        break;
    case OF_WATCHED:
        uring.watched[about / (OF_MASK + 1)].fn();
        watch_again(about / (OF_MASK + 1));
        break;
    default:
        break;
    }
}

static size_t uring_dispatch(void)
{
    struct io_uring_cqe *cqe;
    size_t count = 0;
    while (io_uring_peek_cqe(&uring.ring, &cqe) == 0) {
        struct io_uring_cqe copy = *cqe;
        io_uring_cqe_seen(&uring.ring, cqe);
        count += (copy.user_data & OF_MASK) != OF_NOTHING;
        completion(&copy);
    }
    return count;
}

static int uring_wait(int64_t timeout_ms)
{
    int n;
    if (timeout_ms == 0) {
        n = io_uring_submit_and_get_events(&uring.ring);
    } else if (timeout_ms < 0) {
        n = io_uring_submit_and_wait(&uring.ring, 1);
    } else {
        struct __kernel_timespec time = {
            .tv_sec = timeout_ms / 1000,
            .tv_nsec = timeout_ms % 1000 * 1000 * 1000,
        };
        struct io_uring_cqe *cqe;
        n = io_uring_submit_and_wait_timeout(&uring.ring, &cqe, 1, &time, NULL);
    }
    return n >= 0 || n == -ETIME || n == -EINTR || n == -EAGAIN || n == -EBUSY ? 0 : E_IO;
}

static void uring_flush(void)
{
    (void)io_uring_submit(&uring.ring);
}

/* ---------------------------------------------------------------- sockets and the ring */

static int uring_add(struct io *io)
{
    (void)io; /* armed when somebody waits */
    return 0;
}

static void uring_remove(struct io *io)
{
    while (io->held.count > 0)
        drop_first(io);
    if (io->operations == 0)
        return;
    if (io->flags & IO_READ_TOLD)
        cancel(io, io->flags & IO_LISTENER ? OF_READABLE : OF_RECEIVE);
    if (io->flags & IO_WRITE_TOLD)
        cancel(io, OF_WRITABLE);
    if (io->flags & IO_END_TOLD)
        cancel(io, OF_END);
}

static void uring_closing(struct io *io)
{
    list_push_back(&uring.closing, &io->node);
}

static int uring_watch(int fd, void (*fn)(void))
{
    RT_CHECK(uring.watched_count < ARRAY_LEN(uring.watched), "too many watched descriptors");
    uring.watched[uring.watched_count] = (struct watched){fd, fn};
    watch_again(uring.watched_count++);
    return 0;
}

static int ring_open(struct io_uring *ring)
{
    struct io_uring_params params = {.flags = RING_FLAGS, .cq_entries = COMPLETIONS};
    return io_uring_queue_init_params(ENTRIES, ring, &params) == 0 ? 0 : E_IO;
}

static bool uring_usable(void)
{
    struct io_uring ring;
    if (ring_open(&ring) != 0)
        return false;
    io_uring_queue_exit(&ring);
    return true;
}

static void *map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

#define RING_BYTES (BUFFERS * sizeof(struct io_uring_buf))

static void unmap_buffers(void)
{
    if (uring.bytes)
        munmap(uring.bytes, (size_t)BUFFERS * BUFFER_BYTES);
    if (uring.free)
        munmap(uring.free, RING_BYTES);
    uring.bytes = NULL;
    uring.free = NULL;
}

static int map_buffers(void)
{
    uring.free = map(RING_BYTES);
    uring.bytes = map((size_t)BUFFERS * BUFFER_BYTES);
    struct io_uring_buf_reg reg = {
        .ring_addr = (uintptr_t)uring.free,
        .ring_entries = BUFFERS,
        .bgid = GROUP,
    };
    if (!uring.free || !uring.bytes || io_uring_register_buf_ring(&uring.ring, &reg, 0) != 0) {
        unmap_buffers();
        return E_IO;
    }
    io_uring_buf_ring_init(uring.free);
    for (int i = 0; i < BUFFERS; i++)
        buffer_give_back(i);
    return 0;
}

static int uring_init(void)
{
    list_init(&uring.closing);
    uring.watched_count = 0;
    int err = ring_open(&uring.ring);
    if (err)
        return err;
    err = map_buffers();
    if (err) {
        io_uring_queue_exit(&uring.ring);
        return err;
    }
    (void)io_uring_register_ring_fd(&uring.ring); /* saves a look-up a call, where it is known */
    return 0;
}

static void uring_fini(void)
{
    io_uring_queue_exit(&uring.ring);
    unmap_buffers();
    struct list *node;
    while ((node = list_pop_front(&uring.closing)))
        free(LIST_ENTRY(node, struct io, node));
}

const struct io_backend io_uring = {
    .name = "uring",
    .usable = uring_usable,
    .init = uring_init,
    .fini = uring_fini,
    .watch = uring_watch,
    .wait = uring_wait,
    .dispatch = uring_dispatch,
    .flush = uring_flush,
    .add = uring_add,
    .remove = uring_remove,
    .closing = uring_closing,
    .tell_read = uring_tell_read,
    .tell_write = uring_tell_write,
    .tell_end = uring_tell_end,
    .take_held = uring_take_held,
};
