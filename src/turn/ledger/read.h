/*
 * read.h: what the ledger has written, for reports. Blocks on the disk; reads while another
 * process writes.
 */
#ifndef TURN_LEDGER_READ_H
#define TURN_LEDGER_READ_H

#include "turn/ledger/rollup.h"

/* How a column's value is to be shown. */
enum ledger_kind {
    LEDGER_TEXT,
    LEDGER_COUNT,
    LEDGER_BOOL,
    LEDGER_USD,  /* nano-dollars */
    LEDGER_SPAN, /* microseconds */
    LEDGER_TIME, /* microseconds since 1970 */
};

struct ledger_column {
    const char *name; /* as in the table, without the unit */
    enum ledger_kind kind;
    const char *column; /* as in the table */
};

/* All columns of a turn and of a call, the identifying ones first; NULL is a value that is not
 * known. Both end with a name that is NULL. */
extern const struct ledger_column ledger_turn_columns[];
extern const struct ledger_column ledger_call_columns[];

struct ledger_reader;

/* E_NOT_FOUND where there is no database, or no ledger in it. */
MUSTCHECK int ledger_reader_open(struct str where, struct ledger_reader **ret_reader,
                                 struct fault *f);
void ledger_reader_close(struct ledger_reader *r); /* NULL is harmless */

/* The sums of all groups of the days from .. to ("2026-11-24", both included). The texts are valid
 * during the call of `fn`; what it returns other than 0 ends the reading and is returned. */
typedef int ledger_rollup_fn(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS]);
MUSTCHECK int ledger_read_rollups(struct ledger_reader *r, struct str from_day, struct str to_day,
                                  ledger_rollup_fn *fn, void *arg, struct fault *f);

/*
 * The tasks that began on the days from .. to, but those of which no turn has ended and nobody has
 * told: of a gateway at work there always are some, and as in the rollups they come with the end of
 * the turn. The texts are valid during the call of `fn`; what it
 * returns other than 0 ends the reading and is returned.
 */
struct ledger_task {
    struct str dim[DIMS];   /* where it stands (tasks.h), and the day on which it began */
    int64_t turns;          /* that have ended, or were lost; 0: none is written yet, or ever */
    int64_t failed;         /* of them: not answered, or not to the end */
    int64_t cost_usd_nanos; /* of all its turns, or COST_UNKNOWN */
    int64_t known_usd_nanos;
    int64_t score; /* millionths; LEDGER_NO_OUTCOME */
};
#define LEDGER_NO_OUTCOME (-1)
typedef int ledger_task_fn(void *arg, const struct ledger_task *task);
MUSTCHECK int ledger_read_tasks(struct ledger_reader *r, struct str from_day, struct str to_day,
                                ledger_task_fn *fn, void *arg, struct fault *f);

/* What a key's turns cost: the priced calls of the days day[0] and day[1], of the time from the day
 * month[0] on, and of that from month[1] to before month[0]; nano-dollars. "" is no tenant or key.
 */
struct ledger_periods {
    struct str day[2], month[2]; /* "2026-11-24" */
};
typedef int ledger_spend_fn(void *arg, struct str tenant, struct str key, const int64_t usd[4]);
MUSTCHECK int ledger_read_spend(struct ledger_reader *r, const struct ledger_periods *periods,
                                ledger_spend_fn *fn, void *arg, struct fault *f);

/* The turns that began at `from_us` or later, by key and second: how many came as far as a call or
 * were answered, and their tokens as far as they are known. In order of time. */
typedef int ledger_second_fn(void *arg, struct str tenant, struct str key, int64_t began_us,
                             int64_t turns, int64_t tokens);
MUSTCHECK int ledger_read_seconds(struct ledger_reader *r, int64_t from_us, ledger_second_fn *fn,
                                  void *arg, struct fault *f);

/* Rows with the columns above in their order, for rows_column. */
typedef int ledger_row_fn(void *arg, struct rows_query *row);
/* The last `n` turns, the newest first. */
MUSTCHECK int ledger_read_turns(struct ledger_reader *r, unsigned n, ledger_row_fn *fn, void *arg,
                                struct fault *f);
/* One turn; E_NOT_FOUND without it. */
MUSTCHECK int ledger_read_turn(struct ledger_reader *r, struct str id, ledger_row_fn *fn, void *arg,
                               struct fault *f);
MUSTCHECK int ledger_read_calls(struct ledger_reader *r, struct str turn_id, ledger_row_fn *fn,
                                void *arg, struct fault *f);

#endif
