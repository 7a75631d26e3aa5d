/*
 * ledger_tables.h: what ledger_tables.c and ledger_write.c share. Internal to the ledger.
 */
#ifndef TURN_LEDGER_TABLES_H
#define TURN_LEDGER_TABLES_H

#include "base/id.h"
#include "store/rows.h"
#include "turn/ledger_rows.h"

enum statement { S_TURN, S_CALL, S_ROLLUP, S_BYTES, S_TRIM_CALLS, S_TRIM_TURNS, STATEMENTS };

struct ledger_tables {
    struct rows_store *store;
    struct id process; /* this process's name in `processes` */
    struct rows_query *statement[STATEMENTS];
};

MUSTCHECK int ledger_statements_make(struct ledger_tables *t, struct fault *f);

#endif
