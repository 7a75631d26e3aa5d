/*
 * io.h: sockets, as a handful of calls that look blocking.
 *
 * io.c implements them over what a backend tells it: io_epoll.c (edge-triggered, every socket
 * registered once) or io_uring.c (bytes arrive in buffers of the kernel's choice);
 * `io_backend_select` chooses before loop_init. A read takes one system call when bytes are there
 * (none with io_uring), a write one when the kernel has room. Every call that waits obeys the
 * task's deadline and cancellation. Errors: E_EOF (orderly end), E_RESET, E_CLOSED (write to a
 * closed peer), E_REFUSED, E_TIMEOUT, E_IO, E_MEMORY, or the reason of a cancellation.
 */
#ifndef RT_IO_H
#define RT_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/macros.h"

struct io;

/* "epoll" (default) or "uring"; E_USAGE for another word, E_IO where the kernel has no io_uring. */
MUSTCHECK int io_backend_select(const char *name);
const char *io_backend_name(void);

/* Takes the socket over, also on failure (it is closed then). */
MUSTCHECK int io_open(int fd, struct io **ret_io);
void io_close(struct io *io); /* no task may be waiting in it; NULL is harmless */
int io_fd(const struct io *io);

YIELDS MUSTCHECK int io_connect(const struct sockaddr *addr, socklen_t len, struct io **ret_io);
YIELDS MUSTCHECK int io_accept(struct io *listener, struct io **ret_io,
                               struct sockaddr_storage *ret_peer);

/* At least one byte, at most `n`. */
YIELDS MUSTCHECK int io_read(struct io *io, void *bytes, size_t n, size_t *ret_n);

/* What is there now, without waiting: E_AGAIN when nothing is. */
MUSTCHECK int io_read_now(struct io *io, void *bytes, size_t n, size_t *ret_n);

/* Until bytes or the end are there, so that a quiet connection needs no buffer. It may be too
 * early: io_read_now can still say E_AGAIN, and then it is to be called again. */
YIELDS MUSTCHECK int io_wait_readable(struct io *io);

/* All of it. `iov` is changed on the way. */
YIELDS MUSTCHECK int io_writev(struct io *io, struct iovec *iov, int count);

/*
 * While no read is under way: fn(arg) is called once from the loop when the other side closes or
 * resets the connection. It must not yield nor close `io`. fn == NULL ends the watch.
 */
void io_watch_hangup(struct io *io, void (*fn)(void *arg), void *arg);

/* Neither bytes nor an end have arrived that nobody has read: an idle connection that is good. */
bool io_is_quiet(struct io *io);

/* shutdown(SHUT_WR) */
void io_shut_write(struct io *io);

#endif
