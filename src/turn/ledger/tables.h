/*
 * tables.h: the ledger's tables, and the writing of one batch. Runs on the ledger's thread
 * and blocks on the disk. Internal to the ledger.
 *
 *     turn_rows  one row a turn; the id begins with its time, so rows stand in order of time. A
 *                usual turn's only call stands in it: `call_began_us` says that it does
 *     labels     what the turns of one key, model, outcome ... have in common (label.h)
 *     call_rows  one row for every other upstream call (turn, seq)
 *     turns      a view: turn_rows with their labels
 *     calls      a view: one row an upstream call, wherever it stands
 *     stored     whose the objects are that providers keep (stored.h)
 *     tasks      one row a task: the sums of its turns, and its outcome (tasks.h)
 *     rollups    sums by day and group (rollup.h); they outlive the rows
 *     meta       the schema's version, and the number that the last process got
 *
 * Every process that opens the ledger gets a number, holds it in the database while it lives
 * (rows_hold) and writes it into its labels: a running turn whose process no longer holds its
 * number is lost.
 */
#ifndef TURN_LEDGER_TABLES_H
#define TURN_LEDGER_TABLES_H

#include "store/rows.h"
#include "turn/ledger/label.h"
#include "turn/ledger/record.h"
#include "turn/ledger/rollup.h"
#include "turn/ledger/tasks.h"

#define LEDGER_VERSION 2                    /* of the tables */
#define LEDGER_HAS_1H  "has_cache_write_1h" /* in `meta`: the tables have that column */
#define TURN_VALUES    25
#define TURNS_POWER    5
#define TURNS_AT_ONCE  (1 << TURNS_POWER) /* in one statement */
#define TRIM_STORED    1024

/* How a database is opened: rows_open, or what a test puts in its place. */
typedef int ledger_opener(struct str where, bool read_only, struct rows_store **ret_store,
                          struct fault *f);

/* ledger_open, for tests that put a database of their own in its place. */
MUSTCHECK int ledger_open_with(const struct ledger_settings *settings, ledger_opener *opener,
                               struct ledger **ret_ledger, struct fault *f);

enum ledger_statement {
    S_TURNS_ADD,                                 /* one turn, two, four ... TURNS_AT_ONCE */
    S_TURN_FIND = S_TURNS_ADD + TURNS_POWER + 1, /* one that was thought lost */
    S_CALL_ADD,
    S_OLDEST,
    S_NTH_OLDEST,
    S_TRIM_CALLS,
    S_TRIM_TURNS,
    S_TRIM_LABELS,
    S_STORED_ADD,
    S_STORED_FORGET,
    S_TRIM_STORED,
    STATEMENTS
};

struct ledger_tables {
    struct rows_store *store;
    struct rows_query *statement[STATEMENTS];
    struct ledger_rollup rollup;
    struct ledger_labels labels;
    struct ledger_tasks tasks;
    struct rows_value turns[TURNS_AT_ONCE][TURN_VALUES]; /* that wait for one statement */
    unsigned turns_n;
    bool turns_ended; /* they have; else they are running */
    bool known_met;   /* one of the batch's turns is known already, and has ended or is lost */
};

/* Opens the database, makes or migrates the tables, marks the turns of dead processes as lost. */
MUSTCHECK int ledger_tables_open(struct str where, ledger_opener *opener,
                                 struct ledger_tables **ret_tables, uint64_t *ret_lost,
                                 struct fault *f);
void ledger_tables_close(struct ledger_tables *t);

/* A number of `meta`; 0 where it is not there. Also on a reader's thread. */
MUSTCHECK int ledger_meta_read(struct rows_store *store, const char *name, int64_t *ret_value,
                               struct fault *f);

/* Writes the records in one transaction: all of them, or none and an error. */
MUSTCHECK int ledger_tables_write(struct ledger_tables *t, struct ledger_slab *slabs,
                                  struct fault *f);

/* Removes a few of the oldest rows where there are too many; *ret_more: there is more to do. */
MUSTCHECK int ledger_tables_trim(struct ledger_tables *t, int64_t keep_days, int64_t keep_bytes,
                                 bool *ret_more, struct fault *f);

/* The same of stored objects that are older. */
MUSTCHECK int ledger_tables_trim_stored(struct ledger_tables *t, int64_t keep_ms, bool *ret_more,
                                        struct fault *f);

MUSTCHECK int ledger_statements_make(struct ledger_tables *t, struct fault *f);

/* The first id that a turn of this time may have: 10 characters and a NUL. */
void ledger_id_from(int64_t wall_ms, char out[11]);

#endif
