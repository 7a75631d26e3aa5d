/*
 * takeover.h: `sluice serve` takes the place of the one that runs (net/handover.h says how), and
 * lets the next one take its own.
 */
#ifndef CLI_TAKEOVER_H
#define CLI_TAKEOVER_H

#include "api/config.h"
#include "base/err.h"
#include "base/macros.h"
#include "cli/supervisor.h"
#include "net/handover.h"

#define TAKEOVER_CLIENTS "clients"
#define TAKEOVER_ADMIN   "admin"

struct takeover {
    struct str path; /* STR_NONE: the configuration has none */
    int conn;        /* of the process that runs; -1: none */
    struct handover_offer offer;
    struct handover *next; /* where the next one is awaited; NULL: not yet, or no more */
};

/*
 * Before anything is opened. `wanted`: the place of who runs is to be taken, if somebody does; what
 * it listens at and the configuration (or `listen`, in place of its `listen`) names goes into
 * `sockets`, where nothing is, and so does what it has of a supervisor. Not `wanted`: E_IO where
 * somebody waits to be taken over.
 */
MUSTCHECK int takeover_begin(struct takeover *t, const struct config *c, bool wanted,
                             const char *listen, struct supervisor_sockets *sockets,
                             struct fault *f);

/*
 * When all is open. The one that ran stops accepting; where it does not, an error, and it goes on.
 * From then on the next one is awaited.
 */
MUSTCHECK int takeover_complete(struct takeover *t, const struct handover_giver *giver,
                                struct fault *f);

#endif
