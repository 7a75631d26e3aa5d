/*
 * stored.h: whose the objects are that a provider keeps: responses, and the items in them.
 *
 * Tenants share a provider's key, so to the provider all that is stored is one user's. This knows
 * which tenant was told an id, and by which provider; whoever asks with an id is let through to
 * what is his own. Who was told an id first has it; nothing that comes later takes it away.
 *
 * What was learned is in memory at once and in the ledger's table `stored` with its next batch. The
 * memory holds the newest up to STORED_BYTES_MAX, at the start as many as the table has; what it
 * lacks (older ones, and those that another process learned: before a takeover, or beside this
 * one) is looked up in the table, on the pool of threads.
 *
 * Ids are those of the providers, so what does not look like one (letters, digits, "_-.:", up to
 * STORED_ID_BYTES_MAX) is neither learned nor found. Loop thread only. All take NULL for a store
 * that knows nothing.
 */
#ifndef TURN_STORED_H
#define TURN_STORED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define STORED_BYTES_MAX    (32u * 1024 * 1024)
#define STORED_ID_BYTES_MAX 128
#define STORED_LOOK_UPS_MAX 8 /* at a time */

struct ledger;
struct stored;

struct stored_settings {
    struct str where;      /* the ledger's; STR_NONE: the memory is all there is */
    struct ledger *ledger; /* NULL: nothing is written */
    int64_t keep_ms;       /* 0: for ever */
    size_t bytes_max;      /* of memory */
};

struct stored_owner {
    struct str tenant, provider;
};

/* Blocks on the disk: before the doors open. */
MUSTCHECK int stored_open(const struct stored_settings *settings, struct stored **ret_stored,
                          struct fault *f);
void stored_free(struct stored *s);

/* The tenant was told this id by the provider. Never waits. */
void stored_learn(struct stored *s, struct str id, const struct stored_owner *owner);
/* It was deleted. Never waits. */
void stored_forget(struct stored *s, struct str id);

/* Is it in memory? The texts are the arena's; p == NULL without room for them. */
bool stored_known(struct stored *s, struct str id, struct arena *arena,
                  struct stored_owner *ret_owner);
/* The same, or in the table. E_NOT_FOUND; E_OVERLOADED when too many look there already. */
YIELDS MUSTCHECK int stored_find(struct stored *s, struct str id, struct arena *arena,
                                 struct stored_owner *ret_owner);

struct stored_stats {
    uint64_t known, bytes; /* in memory */
    uint64_t look_ups;     /* in the table, since the start */
};
struct stored_stats stored_stats(const struct stored *s);

#endif
