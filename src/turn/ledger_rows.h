/*
 * ledger_rows.h: the ledger's tables and the writing of one batch. Internal to the ledger; runs on
 * its thread and blocks on the disk.
 */
#ifndef TURN_LEDGER_ROWS_H
#define TURN_LEDGER_ROWS_H

#include "base/err.h"
#include "base/macros.h"
#include "turn/ledger.h"

/* A row that waits to be written, with all its texts, in one piece of memory. */
struct ledger_record {
    struct ledger_record *next;
    size_t bytes;
    struct ledger_turn turn; /* its texts and calls lie behind */
};

/* A copy of the turn; NULL when memory is out. free() gives it back. */
MUSTCHECK struct ledger_record *ledger_record_new(const struct ledger_turn *turn);

struct ledger_tables;

/* Opens the database, makes or migrates the tables, marks the turns of dead processes as lost. */
MUSTCHECK int ledger_tables_open(struct str where, struct ledger_tables **ret_tables,
                                 uint64_t *ret_lost, struct fault *f);
void ledger_tables_close(struct ledger_tables *t);

/* Writes the records in one transaction: all of them, or none and an error. */
MUSTCHECK int ledger_tables_write(struct ledger_tables *t, const struct ledger_record *records,
                                  uint64_t *ret_rows, struct fault *f);

/* Removes a few of the oldest rows where there are too many; *ret_more: there is more to do. */
MUSTCHECK int ledger_tables_trim(struct ledger_tables *t, int64_t keep_days, int64_t keep_bytes,
                                 bool *ret_more, struct fault *f);

#endif
