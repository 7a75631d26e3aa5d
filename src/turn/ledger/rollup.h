/*
 * rollup.h: sums of turns, by day and by what reports ask for.
 *
 * Turns, errors and latency count for the provider and model that answered; calls, tokens and cost
 * for the provider and model that was called, so that what a fallback or a second try cost stands
 * where it was spent. A turn with several tags has them all in one group ("a,b"): sums over groups
 * are exact, and who reports by tag takes them apart.
 *
 * Latency (of turns that were done) is kept as counts in steps: below 128 us, then four equal ones
 * for each doubling. The middle of a step is within an eighth of everything in it.
 *
 * Internal to the ledger and to what reads it.
 */
#ifndef TURN_LEDGER_ROLLUP_H
#define TURN_LEDGER_ROLLUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/str.h"
#include "store/rows.h"
#include "turn/ledger/ledger.h"

#define LEDGER_LATENCY_STEPS 96
/* More groups a day than this are put together under "(other)", as tags and models come from
 * clients. */
#define LEDGER_GROUPS_MAX 65536

enum ledger_dim {
    DIM_DAY, /* "2026-11-24", UTC */
    DIM_TENANT,
    DIM_KEY,
    DIM_PROVIDER,
    DIM_MODEL,
    DIM_LANE,
    DIM_TAGS,
    DIM_API,
    DIMS
};

enum ledger_sum {
    SUM_TURNS,   /* ended ones */
    SUM_ERRORS,  /* of them: the client got an error, or not all */
    SUM_HUNG_UP, /* of them, and no error: the client hung up */
    SUM_LOST,    /* running when their process died, of unknown cost; not in SUM_TURNS */
    SUM_CALLS,
    SUM_INPUT,
    SUM_CACHED,
    SUM_CACHE_WRITE,
    SUM_OUTPUT,
    SUM_REASONING,
    SUM_ESTIMATED, /* tokens, of the five above, that nobody but sluice counted */
    SUM_COST,      /* nano-dollars of the calls with a price: all that was spent only where ... */
    SUM_UNPRICED,  /* ... there is neither a call without one nor a lost turn */
    SUM_SAVED,     /* nano-dollars */
    SUM_TOTAL_US,  /* of turns that were done */
    SUM_CACHE_WRITE_1H, /* of SUM_CACHE_WRITE: for an hour */
    SUM_LATENCY,        /* LEDGER_LATENCY_STEPS counts, of the same turns */
    SUMS = SUM_LATENCY + LEDGER_LATENCY_STEPS
};

struct ledger_group {
    uint64_t hash;
    struct str dim[DIMS]; /* borrowed; "" for none */
    int64_t sum[SUMS];
};

struct ledger_groups {
    unsigned n, cap;
    struct ledger_group *at;
    uint32_t *slots; /* index + 1 into `at`, by hash; a power of two */
    unsigned slots_n;
};

/* The group with these dimensions, made on first use; NULL when memory is out. Valid until the
 * next call. */
MUSTCHECK struct ledger_group *ledger_groups_get(struct ledger_groups *g,
                                                 const struct str dim[DIMS]);
void ledger_groups_clear(struct ledger_groups *g); /* keeps the memory */
void ledger_groups_free(struct ledger_groups *g);

/* Which step a latency falls into, and where step `i` begins. */
unsigned ledger_latency_step(int64_t us);
int64_t ledger_latency_from_us(unsigned step);
/* The latency that `share` (0 .. 1) of the counted turns do not pass, to within an eighth; -1 where
 * none was counted. */
int64_t ledger_latency_percentile(const int64_t counts[LEDGER_LATENCY_STEPS], double share);

/* The names of columns in `rollups`. */
const char *ledger_dim_name(enum ledger_dim d);
void ledger_sum_name(unsigned sum, char out[16]);

/* ---- the writer's side ---- */

/* A group in one batch, remembered by who knows of turns that are all alike. */
struct ledger_place {
    uint64_t batch; /* 0: not known yet */
    unsigned at;
};

struct ledger_rollup {
    struct rows_query *add;      /* adds a group's sums to the table's */
    struct ledger_groups groups; /* of the batch under way */
    uint64_t batch;              /* counts them, from 1 */
    struct arena days;           /* their texts, for the batch under way */
    struct str day;              /* of day_began_us */
    int64_t day_began_us;
    char seen_day[12]; /* the newest day */
    uint64_t *seen;    /* hashes of its groups; 0 is a free place */
    unsigned seen_n, seen_cap;
};

MUSTCHECK int ledger_rollup_init(struct ledger_rollup *r, struct rows_store *store,
                                 struct fault *f);
void ledger_rollup_fini(struct ledger_rollup *r);

/* Before a batch: its texts must stay until ledger_rollup_write. */
void ledger_rollup_begin(struct ledger_rollup *r);
/* Adds an ended turn and its calls; *place is for turns with the same dimensions only. */
MUSTCHECK int ledger_rollup_turn(struct ledger_rollup *r, const struct ledger_turn *t,
                                 struct ledger_place *place);
/* Counts a turn as lost: by = 1, or -1 for one that was thought to be. */
MUSTCHECK int ledger_rollup_lost(struct ledger_rollup *r, const struct ledger_turn *t, int by);
/* Adds the sums of the batch to the table; within the batch's transaction. */
MUSTCHECK int ledger_rollup_write(struct ledger_rollup *r, struct fault *f);

#endif
