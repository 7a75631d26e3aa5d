/*
 * tasks.h: a row for each task: what all its turns cost, and what became of it.
 *
 * Turns belong together that a tenant's client gave the same task (x-sluice-task). A turn's cost is
 * added to its task when the turn is written, in the same transaction and as often (once), so the
 * sums are those of the rows, and outlive none of them by much: a task goes when its last turn
 * does.
 *
 * A task stands where the last of its turns stands that a model answered: its key, provider, model,
 * lane, tags and API are that turn's. So what an attempt cost that came to nothing is charged to
 * the one that did not. Where no model did, it is the last that was answered by what has none (a
 * path that is passed on unread), else the last of all.
 *
 * An outcome is written once: the first stays. It may come before any turn is written.
 *
 * Runs on the ledger's thread. Internal to the ledger.
 */
#ifndef TURN_LEDGER_TASKS_H
#define TURN_LEDGER_TASKS_H

#include "store/rows.h"
#include "turn/ledger/ledger.h"

/* In `meta`: the database has the table; and the statements that make and fill it. */
#define LEDGER_HAS_TASKS "has_tasks"
extern const char ledger_tasks_sql[];

struct ledger_tasks {
    struct rows_query *turn, *outcome, *oldest, *trim;
};

MUSTCHECK int ledger_tasks_init(struct ledger_tasks *t, struct rows_store *store, struct fault *f);
void ledger_tasks_fini(struct ledger_tasks *t);

/* Adds a turn that has a task and has ended, and for the first time; of one that is running only
 * that the task is there. */
MUSTCHECK int ledger_tasks_turn(struct ledger_tasks *t, const struct ledger_turn *turn,
                                struct fault *f);
/* Adds a turn that was lost (by = 1), or takes one back that was not (-1). */
MUSTCHECK int ledger_tasks_lost(struct ledger_tasks *t, const struct ledger_turn *turn, int by,
                                struct fault *f);
MUSTCHECK int ledger_tasks_outcome(struct ledger_tasks *t, const struct ledger_outcome *o,
                                   struct fault *f);

/* Removes the tasks that had ended before the oldest turn that is left began. */
MUSTCHECK int ledger_tasks_trim(struct ledger_tasks *t, struct fault *f);

#endif
