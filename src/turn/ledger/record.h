/*
 * record.h: turns packed into memory that another thread may read and give back.
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
#include "turn/ledger/ledger.h"

#define LEDGER_SLAB_BYTES (64 * 1024)
/* Longer texts are cut: they come from clients. */
#define LEDGER_TEXT_BYTES_MAX   512
#define LEDGER_LEVERS_BYTES_MAX 8192
#define LEDGER_TURN_TEXTS       10 /* without the levers */
#define LEDGER_CALL_TEXTS       4
#define LEDGER_LABEL_TEXTS      9 /* label_texts of record.c, and an endpoint */

struct ledger_slab {
    struct ledger_slab *next;
    size_t bytes_max; /* room in `data` */
    size_t used;      /* of it */
    unsigned records;
    unsigned rows; /* of turns and calls */
    alignas(8) char data[];
};

enum ledger_record_kind { RECORD_TURN, RECORD_STORED, RECORD_OUTCOME };

/* A record. Of a turn: itself, its calls behind it, then all their texts, those of a label first.
 * Of a stored object or an outcome: itself, and its texts. */
struct ledger_record {
    size_t bytes; /* to the next one */
    enum ledger_record_kind kind;
    union {
        struct ledger_turn turn;
        struct ledger_stored stored;
        struct ledger_outcome outcome;
    };
    struct ledger_call calls[];
};

/* How many bytes the turn needs at most; and any turn with so many calls. */
size_t ledger_record_bytes(const struct ledger_turn *turn);
#define LEDGER_RECORD_BYTES_MAX(calls_n)                                                           \
    (sizeof(struct ledger_record) + LEDGER_TURN_TEXTS * LEDGER_TEXT_BYTES_MAX +                    \
     (calls_n) * (sizeof(struct ledger_call) + LEDGER_CALL_TEXTS * LEDGER_TEXT_BYTES_MAX) +        \
     LEDGER_LEVERS_BYTES_MAX + 7)

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
/* The same of a stored object, which needs LEDGER_STORED_BYTES_MAX at most. Its texts are short. */
void ledger_slab_put_stored(struct ledger_slab *slab, const struct ledger_stored *stored);
#define LEDGER_STORED_BYTES_MAX (sizeof(struct ledger_record) + 3 * LEDGER_TEXT_BYTES_MAX + 7)

/* The same of an outcome, which needs LEDGER_OUTCOME_BYTES_MAX at most. */
void ledger_slab_put_outcome(struct ledger_slab *slab, const struct ledger_outcome *outcome);
#define LEDGER_OUTCOME_BYTES_MAX (sizeof(struct ledger_record) + 4 * LEDGER_TEXT_BYTES_MAX + 7)

/* The first record, and the one behind `r`; NULL at the end. */
struct ledger_record *ledger_slab_first(struct ledger_slab *slab);
struct ledger_record *ledger_slab_next(struct ledger_slab *slab, struct ledger_record *r);

/*
 * The texts that the turn's label has, one behind the other, and how long each is; the endpoint of
 * the first call is among them when it has a place in the turn's row.
 */
struct str ledger_record_label(const struct ledger_record *r, bool with_call,
                               uint16_t ret_text_n[LEDGER_LABEL_TEXTS]);

/* Makes a text valid UTF-8 without control characters, in place: each byte that is neither becomes
 * '?'. So two names that differ in such bytes alone are one in the ledger. */
void ledger_text_clean(char *text, size_t n);

/* Makes all texts of a turn's or an outcome's record valid UTF-8 without control characters, in
 * place. */
void ledger_record_clean(struct ledger_record *r);

#endif
