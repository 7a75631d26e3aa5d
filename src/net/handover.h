/*
 * handover.h: listening sockets go from a running process to its successor.
 *
 * They meet at a Unix socket (SOCK_SEQPACKET, mode 0600) at which the running process waits. Only
 * the same user is listened to, on both sides. A message is a few lines of text; the sockets go
 * along with the second one (SCM_RIGHTS):
 *
 *     successor   "sluice takeover 1"
 *     running     "sluice takeover 1", and a line a socket: "ROLE own|given ADDRESS"
 *     successor   "ready", and a line for each ROLE that it has taken; it accepts there
 *     running     "go": it accepts no more, and lets what it has end
 *
 * In place of an answer the running process may say "no: REASON"; a successor that goes away,
 * keeps silent for too long or says something else changes nothing. What decides is whether "go"
 * could be sent: until then the running one goes on, from then on the successor does. Both accept
 * for a moment, from one queue, so that nobody who connects is lost or refused.
 *
 * The running process' side is a task of its loop. The successor's side blocks: it is for the time
 * before its loop runs.
 */
#ifndef NET_HANDOVER_H
#define NET_HANDOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "net/listener.h"

#define HANDOVER_SOCKETS_MAX 4
#define HANDOVER_ROLE_BYTES  16

/* How long one waits for the other. To be ready the successor has to open all that it needs. */
#define HANDOVER_HELLO_MS 5000
#define HANDOVER_READY_MS 60000
#define HANDOVER_REPLY_MS 10000 /* of a loop that may be busy with another successor */

struct handover_socket {
    char role[HANDOVER_ROLE_BYTES]; /* a word */
    char address[ADDRESS_BYTES];
    bool given; /* by a supervisor, whose it is: a unix: path stays */
    bool taken; /* the successor accepts there */
    int fd;     /* 0: none */
};

struct handover_offer {
    unsigned n;
    struct handover_socket at[HANDOVER_SOCKETS_MAX];
};

/* Adds a row. */
void handover_add(struct handover_offer *o, const char *role, const char *address, bool given,
                  int fd);

/* Could there be one at `path`? E_CONFIG with what is in the way. */
MUSTCHECK int handover_check(struct str path, struct fault *f);

/* ---- the running process ---- */

struct handover_giver {
    /* What there is to hand over; the descriptors stay the giver's. */
    void (*offer)(void *arg, struct handover_offer *ret_offer);
    /* It has been handed over to process `successor` (0: not known): the time to stop accepting. It
     * must not yield. Nothing is called after it. */
    void (*handed)(void *arg, const struct handover_offer *offer, pid_t successor);
    void *arg;
};

struct handover;

/* Makes the socket, but not at its place yet: what another process has there stays for now. */
MUSTCHECK int handover_open(const char *path, const struct handover_giver *giver,
                            struct handover **ret_handover, struct fault *f);
/* Puts it into its place and begins to wait for a successor. Before it may fail, nothing is told:
 * where it does, this process cannot be taken over. */
MUSTCHECK int handover_begin(struct handover *h, struct fault *f);
/* Ends that and frees it; NULL is harmless. */
void handover_stop(struct handover *h);

/* Does a process wait at `path`? */
bool handover_waits(const char *path);

/* ---- the successor ---- */

/*
 * Asks who runs. *ret_conn is -1 where nobody does. The descriptors are the caller's to close, all
 * of them. E_REFUSED with its reason where it said no, E_TIMEOUT, E_FORBIDDEN of another user's.
 */
MUSTCHECK int handover_ask(const char *path, int *ret_conn, struct handover_offer *ret_offer,
                           struct fault *f);
/*
 * "I accept at what is `taken`." Closes `conn`. 0: all is ours, also where the other one has died
 * meanwhile. Else the other one goes on, and this process has to end.
 */
MUSTCHECK int handover_finish(int conn, const struct handover_offer *offer, struct fault *f);

#endif
