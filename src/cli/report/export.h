/*
 * export.h: reading a provider's export of usage or costs, for reconcile.c.
 */
#ifndef CLI_REPORT_EXPORT_H
#define CLI_REPORT_EXPORT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "cli/report/report.h"

struct report_export {
    struct arena *arena;
    struct fault *fault;
    struct ledger_groups *groups; /* what it says */
    /* out */
    struct str from, to; /* its days */
    bool costs;          /* it says what was paid by day, and no tokens */
    unsigned line;       /* of the file, for faults; 0: the whole */
};

/* Reads a file, or "-". E_USAGE for what is no export, described in the fault. */
MUSTCHECK int export_read(struct report_export *x, const char *path);

/* Adds what was used to the group of the day and the model, whose name counts without its date; of
 * costs, to the group of the day. */
MUSTCHECK int export_sums_add(struct report_export *x, struct ledger_groups *groups, struct str day,
                              struct str model, const int64_t sum[SUMS]);

#endif
