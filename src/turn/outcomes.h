/*
 * outcomes.h: which tasks there are, whose, and what became of them.
 *
 * A task is what a client's turns belong to (x-sluice-task), and it is its tenant's: two tenants
 * that choose the same name have two tasks. What became of it is told once, as a score; the same
 * again changes nothing, and another is refused.
 *
 * Tasks are known from the moment that a turn names them: here in memory, up to OUTCOMES_BYTES_MAX,
 * the least recently used going first; and in the ledger's table `tasks` with its next batch. What
 * memory lacks, and the outcome of a task that this process has not told it itself, is looked up in
 * the table, on the pool of threads. So nobody waits for a write, and a process that is killed
 * forgets no outcome that is older than the ledger's last batch.
 *
 * Loop thread only. All take NULL for one that knows nothing.
 */
#ifndef TURN_OUTCOMES_H
#define TURN_OUTCOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define OUTCOMES_BYTES_MAX     (32u * 1024 * 1024)
#define OUTCOMES_LOOK_UPS_MAX  2       /* at a time, so threads are left; others wait */
#define OUTCOMES_LOOK_UP_MS    5000    /* so long one may take, with the wait for its turn */
#define OUTCOME_SCORE_MAX      1000000 /* scores are millionths: this is 1 */
#define TASK_BYTES_MAX         256     /* of its name; what is longer is cut there */
#define TASK_COMMENT_BYTES_MAX 512

struct ledger;
struct ledger_outcome;
struct outcomes;

struct outcomes_settings {
    struct str where;      /* the ledger's; STR_NONE: the memory is all there is */
    struct ledger *ledger; /* NULL: nothing is written */
    size_t bytes_max;      /* of memory */
};

MUSTCHECK int outcomes_new(const struct outcomes_settings *settings,
                           struct outcomes **ret_outcomes);
void outcomes_free(struct outcomes *o);

/* A turn of the tenant belongs to this task; "" is none. Never waits. */
void outcomes_learn(struct outcomes *o, struct str tenant, struct str task);

/*
 * Takes what became of a task. 0, with *ret_repeated for what was known already;
 * E_UNKNOWN_TASK where the tenant has none of that name; E_OTHER_OUTCOME; E_STORE when the ledger
 * cannot be read, or not in time; E_LEDGER_FULL when it has not been written for long; E_MEMORY; or
 * why the wait was ended. `told` and its texts stay the caller's. Names are told apart as the
 * ledger writes them (record.h).
 */
YIELDS MUSTCHECK int outcomes_tell(struct outcomes *o, const struct ledger_outcome *told,
                                   bool *ret_repeated, struct fault *f);

struct outcomes_stats {
    uint64_t known, bytes; /* tasks in memory */
    uint64_t look_ups;     /* in the table, since the start */
};
struct outcomes_stats outcomes_stats(const struct outcomes *o);

#endif
