/*
 * ledger_tables.h: the ledger's tables, and the writing of one batch. Runs on the ledger's thread
 * and blocks on the disk. Internal to the ledger.
 *
 *     turns      one row a turn; the id begins with its time, so rows stand in order of time
 *     calls      one row an upstream call (turn, seq)
 *     rollups    sums by day and group (ledger_rollup.h); they outlive the rows
 *     meta       the schema's version, and the number that the last process got
 *
 * Every process that opens the ledger gets a number, holds it in the database while it lives
 * (rows_hold) and writes it into its rows: a running turn whose process no longer holds its number
 * is lost.
 */
#ifndef TURN_LEDGER_TABLES_H
#define TURN_LEDGER_TABLES_H

#include "store/rows.h"
#include "turn/ledger_record.h"
#include "turn/ledger_rollup.h"

#define LEDGER_VERSION 1 /* of the tables */

/* How a database is opened: rows_open, or what a test puts in its place. */
typedef int ledger_opener(struct str where, bool read_only, struct rows_store **ret_store,
                          struct fault *f);

/* ledger_open, for tests that put a database of their own in its place. */
MUSTCHECK int ledger_open_with(const struct ledger_settings *settings, ledger_opener *opener,
                               struct ledger **ret_ledger, struct fault *f);

enum ledger_statement {
    S_TURN_ADD,
    S_TURN_END,  /* of a running row */
    S_TURN_FIND, /* of a row that was thought lost */
    S_CALL_ADD,
    S_OLDEST,
    S_NTH_OLDEST,
    S_TRIM_CALLS,
    S_TRIM_TURNS,
    STATEMENTS
};

struct ledger_tables {
    struct rows_store *store;
    int64_t process;
    struct rows_query *statement[STATEMENTS];
    struct ledger_rollup rollup;
    struct str same[8]; /* texts of the row before, which are bound already */
};

/* Opens the database, makes or migrates the tables, marks the turns of dead processes as lost. */
MUSTCHECK int ledger_tables_open(struct str where, ledger_opener *opener,
                                 struct ledger_tables **ret_tables, uint64_t *ret_lost,
                                 struct fault *f);
void ledger_tables_close(struct ledger_tables *t);

/* Writes the records in one transaction: all of them, or none and an error. */
MUSTCHECK int ledger_tables_write(struct ledger_tables *t, struct ledger_slab *slabs,
                                  struct fault *f);

/* Removes a few of the oldest rows where there are too many; *ret_more: there is more to do. */
MUSTCHECK int ledger_tables_trim(struct ledger_tables *t, int64_t keep_days, int64_t keep_bytes,
                                 bool *ret_more, struct fault *f);

MUSTCHECK int ledger_statements_make(struct ledger_tables *t, struct fault *f);

/* The first id that a turn of this time may have: 10 characters and a NUL. */
void ledger_id_from(int64_t wall_ms, char out[11]);

#endif
