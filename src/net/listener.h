/*
 * listener.h: accept connections, each in a task of its own.
 *
 * `address` is one of net/address.h; a unix:/path has mode 0600, and a stale socket file is
 * replaced. The listener counts its connections, refuses past `connections_max` by not accepting,
 * and on `listener_stop` closes the door and lets the connections end. A socket that listens
 * already, inherited from a supervisor, can be taken over in place of binding one; then a unix:
 * path is the supervisor's to remove, unless it is ours (path_is_ours).
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/macros.h"
#include "net/address.h"
#include "net/stream.h"

/* How many connections may wait to be accepted; the system has its own limit. */
#define LISTENER_BACKLOG 4096

struct listener;

struct listener_settings {
    const char *address;
    unsigned connections_max; /* 0: no limit */
    int backlog;              /* 0: LISTENER_BACKLOG */
    bool reuse_port;
    int inherited;     /* a socket that listens at `address` already, taken over also on failure; 0:
                          none, so one is bound */
    bool path_is_ours; /* where it is inherited: its unix: path is to be removed at the end */
};

/* Serves one connection; the stream is closed by the listener when it returns. May yield. */
typedef void listener_serve(void *arg, struct stream *s, const struct sockaddr *peer);

MUSTCHECK int listener_start(const struct listener_settings *settings, listener_serve *serve,
                             void *arg, struct listener **ret_listener, struct fault *f);
const char *listener_address(const struct listener *l); /* with the real port, for port 0 */
unsigned listener_connections(const struct listener *l);

struct listener_stats {
    unsigned open;
    uint64_t accepted;
    uint64_t refused;       /* closed again for want of memory or tasks */
    uint64_t accept_errors; /* out of file descriptors and the like */
};
struct listener_stats listener_stats(const struct listener *l);
int listener_fd(const struct listener *l);             /* to hand over; -1: it has stopped */
void listener_leave_path(struct listener *l);          /* of unix:, to who has it now */
void listener_stop(struct listener *l);                /* no more connections */
void listener_cancel_all(struct listener *l, int why); /* asks the open ones to end */
YIELDS void listener_join(struct listener *l);         /* waits for them, then frees the listener */

/* Could one listen there? E_CONFIG with what was expected; whether it is free, only a start tells.
 */
MUSTCHECK int listener_check(const char *address, struct fault *f);

/* Is it free now? It listens there for a moment; at a unix: path it only knocks. E_IO and the like
 * with the reason. *ret_port is 0 for unix:. */
MUSTCHECK int listener_is_free(const char *address, unsigned *ret_port, struct fault *f);

/* Where an inherited socket listens, as an `address`. E_CONFIG where it is no listening stream. */
MUSTCHECK int listener_address_of(int fd, char out[ADDRESS_BYTES], struct fault *f);

#endif
