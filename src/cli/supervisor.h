/*
 * supervisor.h: what a supervisor such as systemd gives and wants to hear, by its plain protocols
 * (sd_listen_fds(3), sd_notify(3)): sockets that listen already, and datagrams that say how far
 * sluice is. Without a supervisor nothing is given and nothing is said.
 */
#ifndef CLI_SUPERVISOR_H
#define CLI_SUPERVISOR_H

#include "base/err.h"
#include "base/macros.h"
#include "net/listener.h"

struct supervisor_socket {
    int fd;    /* 0: none was given */
    bool ours; /* it came from the sluice that ran here (takeover.h), and was its own */
    char address[ADDRESS_BYTES];
};

struct supervisor_sockets {
    struct supervisor_socket clients; /* named "sluice" */
    struct supervisor_socket admin;   /* named "admin" */
};

/*
 * The sockets of LISTEN_FDS, by their LISTEN_FDNAMES (without names the first is for clients, the
 * second for admins). They are the caller's to close. E_CONFIG for another name, a name that comes
 * twice, and what is no listening socket.
 */
MUSTCHECK int supervisor_sockets_take(struct supervisor_sockets *ret_sockets, struct fault *f);

/* "READY=1" and the like to NOTIFY_SOCKET. A supervisor that is gone is none of our business. */
void supervisor_tell(const char *state);

#endif
