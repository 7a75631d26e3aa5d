/*
 * label.h: what many turns have in common, written once for all of them.
 *
 * Half of a turn's row would be what the row before had too: tenant, key, model, endpoint ... So
 * that stands in a row of `labels`, and the turn has its number. A process makes its labels anew
 * and remembers those that it made: nobody looks one up in the database, and no two processes make
 * the same number. A label is one of turns that began in the same hour, so it may go with the last
 * of them.
 *
 * Runs on the ledger's thread. Internal to the ledger.
 */
#ifndef TURN_LEDGER_LABEL_H
#define TURN_LEDGER_LABEL_H

#include "base/arena.h"
#include "store/rows.h"
#include "turn/ledger/record.h"
#include "turn/ledger/rollup.h"

#define LEDGER_LABELS_MAX 2048 /* remembered; past that all are forgotten */

/* Values as the ledger's rows have them: what is not known is NULL. */
static inline struct rows_value ledger_text_value(struct str s)
{
    return s.n ? rows_text(s) : rows_null();
}
static inline struct rows_value ledger_status_value(int status)
{
    return status ? rows_int(status) : rows_null();
}
static inline struct rows_value ledger_err_value(int err)
{
    return err ? rows_text(str_from(err_code(err))) : rows_null();
}
static inline struct rows_value ledger_counted_value(enum token_source s)
{
    return s == TOKENS_NONE ? rows_null() : rows_text(str_from(token_source_name(s)));
}

/* A label's columns but for its texts, which are ledger_record_label's. */
struct ledger_label_key {
    int64_t hour; /* since 1970 */
    int32_t status, err;
    uint8_t stream, counted, has_call, reused;
    uint16_t text_n[LEDGER_LABEL_TEXTS];
    uint16_t unused;
};

struct ledger_label {
    uint64_t hash;
    int64_t n;
    struct ledger_label_key key;
    struct str texts;
    struct ledger_place place; /* of its turns' sums in the batch under way */
};

struct ledger_labels {
    struct rows_query *add;
    int64_t process, made;
    unsigned remembered;
    struct ledger_label *last;                         /* asked for */
    struct ledger_label *slots[2 * LEDGER_LABELS_MAX]; /* by hash; NULL is a free one */
    struct arena arena;
};

MUSTCHECK int ledger_labels_init(struct ledger_labels *l, struct rows_store *store,
                                 struct fault *f);
void ledger_labels_fini(struct ledger_labels *l);

/* Some may be gone from the database. */
void ledger_labels_forget(struct ledger_labels *l);

/*
 * The label of a turn, written on first use. `call` is the one that stands in the turn's row, or
 * NULL. Valid until the next call.
 */
MUSTCHECK int ledger_labels_get(struct ledger_labels *l, const struct ledger_record *r,
                                const struct ledger_call *call, struct ledger_label **ret_label,
                                struct fault *f);

#endif
