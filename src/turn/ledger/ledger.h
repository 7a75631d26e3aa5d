/*
 * ledger.h: what every turn was and cost.
 *
 * A turn is one request and its answer; it has one row, and one row for each upstream call that was
 * made for it. The loop copies finished rows into memory (no disk, no lock held across a wait) and
 * a thread of its own writes them in batches, every LEDGER_FLUSH_MS or LEDGER_BATCH_ROWS, together
 * with the rollups by day that `sluice report` reads. Rows are idempotent (same id: same row). A
 * turn that runs for longer than LEDGER_START_MS has a row in state "running" by then; the next
 * start finds those that a dead process left and marks them "lost".
 *
 * So a process that is killed loses no turn that had ended LEDGER_FLUSH_MS, and the time of one
 * write, before. A machine that loses its power may lose what the system had not written out.
 *
 * Nothing about money is dropped: what the disk refuses waits in memory and is tried again; when
 * LEDGER_BYTES_MAX wait, ledger_admit makes new turns wait, and refuses them with E_LEDGER_FULL
 * after a while.
 */
#ifndef TURN_LEDGER_H
#define TURN_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/prices.h"
#include "llm/tokens.h"

#define LEDGER_FLUSH_MS      200
#define LEDGER_BATCH_ROWS    2048
#define LEDGER_START_MS      1000
#define LEDGER_BYTES_MAX     (64 * 1024 * 1024)
#define LEDGER_ADMIT_WAIT_MS 2000

enum turn_state { TURN_RUNNING, TURN_DONE, TURN_FAILED, TURN_PARTIAL, TURN_LOST };

/* One upstream call. All text is copied by the ledger. */
struct ledger_call {
    unsigned seq;       /* 0, 1, 2 ... within the turn */
    struct str purpose; /* "answer"; later "summary", "judge", "vote" ... */
    struct str provider, model, endpoint;
    unsigned attempt; /* counts tries of the same purpose, from 1 */
    int status;       /* HTTP status; 0 when none came */
    int err;          /* 0 or enum err */
    struct tokens tokens;
    int64_t cost_usd_nanos; /* or COST_UNKNOWN */
    int64_t began_wall_us;
    int64_t connect_us, first_us, total_us; /* first_us: to the first content; -1 none */
    bool reused;                            /* the connection */
};

struct ledger_turn {
    struct id id;
    int64_t began_wall_us;
    enum turn_state state;
    struct str tenant, key;           /* the key's public part or its name in the file */
    struct str task, session, tags;   /* as the client's headers gave them; tags "a,b" */
    struct str api;                   /* "openai.chat" ... */
    struct str asked;                 /* the model that the client named */
    struct str provider, model, lane; /* what answered; STR_NONE where nothing did */
    bool stream;
    int status;             /* what the client got */
    int err;                /* 0 or enum err */
    struct tokens tokens;   /* sum of the calls */
    int64_t cost_usd_nanos; /* sum of the calls, COST_UNKNOWN when one is */
    int64_t saved_usd_nanos;
    int64_t queue_us, first_us, total_us, overhead_us; /* -1: not known */
    int64_t bytes_in, bytes_out;
    struct str levers; /* JSON: what each lever did; STR_NONE for nothing */
    unsigned calls_n;
    const struct ledger_call *calls;
};

/* Whose an object is that a provider keeps (stored.h). */
struct ledger_stored {
    struct str id, tenant, provider;
    int64_t made_wall_us;
    bool gone; /* it was deleted: the row goes, too */
};

/* What became of a task. */
struct ledger_outcome {
    struct str tenant, task;
    struct str key;     /* who said it */
    struct str comment; /* STR_NONE: none */
    int64_t score;      /* millionths; 0 is no success at all, a million is one */
    int64_t made_wall_us;
};

struct ledger;

struct ledger_settings {
    struct str where;       /* "sqlite:sluice.db"; STR_NONE: no ledger, everything is accepted */
    int64_t keep_days;      /* retention of rows; 0: for ever. Rollups stay. */
    int64_t keep_bytes;     /* of the database; the oldest rows go first; 0: no limit */
    int64_t keep_stored_ms; /* retention of what ledger_stored wrote; 0: for ever */
};

/* Opens the database, makes or migrates its tables, marks lost turns, starts the thread. */
MUSTCHECK int ledger_open(const struct ledger_settings *settings, struct ledger **ret_ledger,
                          struct fault *f);
/* Writes all that waits, then ends the thread. Blocks; for the way out of the process. */
void ledger_close(struct ledger *l);

/* May a new turn begin? Waits while too much is unwritten. 0 or E_LEDGER_FULL, E_CANCELED. */
YIELDS MUSTCHECK int ledger_admit(struct ledger *l);

/* The row of a turn that is still running. Loop thread; never waits. */
void ledger_turn_running(struct ledger *l, const struct ledger_turn *turn);
/* The row of a turn that has ended, with its calls. Loop thread; never waits. */
void ledger_turn_ended(struct ledger *l, const struct ledger_turn *turn);

/* The row of an object that a provider keeps. Loop thread; never waits. */
void ledger_stored(struct ledger *l, const struct ledger_stored *stored);

/* The outcome of a task; of several the first stays. Loop thread; never waits. */
void ledger_outcome(struct ledger *l, const struct ledger_outcome *outcome);

/* All that was appended until now is on the disk. 0 or E_TIMEOUT, E_STORE. */
YIELDS MUSTCHECK int ledger_sync(struct ledger *l);

struct ledger_stats {
    uint64_t rows_written, batches, errors, lost_found;
    uint64_t waiting_rows, waiting_bytes;
    int64_t last_write_us; /* how long the last batch took */
};
struct ledger_stats ledger_stats(struct ledger *l);

const char *turn_state_name(enum turn_state s);
const char *token_source_name(enum token_source s);

#endif
