/*
 * ledger_record.h: turns packed into memory that another thread may read and give back.
 *
 * Records stand one behind the other in slabs, so that a row costs neither an allocation nor a
 * system call. A slab belongs to one side at a time: the loop fills it, the writer empties it.
 * Internal to the ledger.
 */
#ifndef TURN_LEDGER_RECORD_H
#define TURN_LEDGER_RECORD_H

#include <stdalign.h>
#include <stddef.h>

#include "base/macros.h"
#include "turn/ledger.h"

#define LEDGER_SLAB_BYTES (64 * 1024)
/* Longer texts are cut: they come from clients. */
#define LEDGER_TEXT_BYTES_MAX   512
#define LEDGER_LEVERS_BYTES_MAX 8192

struct ledger_slab {
    struct ledger_slab *next;
    size_t bytes_max; /* room in `data` */
    size_t used;      /* of it */
    unsigned records;
    unsigned rows; /* of turns and calls */
    alignas(8) char data[];
};

/* A record: the turn, its calls behind it, then all their texts. */
struct ledger_record {
    size_t bytes; /* to the next one */
    struct ledger_turn turn;
    struct ledger_call calls[];
};

/* How many bytes the turn needs at most. */
size_t ledger_record_bytes(const struct ledger_turn *turn);

/*
 * An empty slab for at least `bytes`; NULL when memory is out. The memory is the system's own and
 * goes back to it: what waited for a slow disk (up to LEDGER_BYTES_MAX) would stay in the heap.
 */
MUSTCHECK struct ledger_slab *ledger_slab_new(size_t bytes);
void ledger_slab_free(struct ledger_slab *slab);

static inline size_t ledger_slab_room(const struct ledger_slab *s)
{
    return s->bytes_max - s->used;
}

/* Copies the turn into the slab, which has room for ledger_record_bytes. */
void ledger_slab_put(struct ledger_slab *slab, const struct ledger_turn *turn);

/* The first record, and the one behind `r`; NULL at the end. */
struct ledger_record *ledger_slab_first(struct ledger_slab *slab);
struct ledger_record *ledger_slab_next(struct ledger_slab *slab, struct ledger_record *r);

/* Makes all texts of the record valid UTF-8 without control characters, in place. */
void ledger_record_clean(struct ledger_record *r);

#endif
