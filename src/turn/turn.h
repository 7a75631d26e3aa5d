/*
 * turn.h: one request and its answer.
 *
 *     turn_begin(&turn, house, arena)      who asks, when
 *     ... the API fills in the request ...
 *     err = turn_run(&turn)                admission to the ledger, the levers, the calls
 *     ... the API answers ...
 *     turn_end(&turn, status, bytes_out)   the bill, on every way out
 *
 * A lever is one function around the rest of the way: it may answer, may change what will be asked,
 * and calls turn_next zero, one or several times. The innermost turn_next makes the call to the
 * target. turn_next itself records each lever's own time, savings and verdict.
 */
#ifndef TURN_TURN_H
#define TURN_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/metric.h"
#include "base/str.h"
#include "llm/call.h"
#include "llm/models.h"
#include "llm/request.h"
#include "turn/ledger/ledger.h"

#define LEVERS_MAX     16
#define TURN_CALLS_MAX 64

struct telemetry;
struct trace;
struct turn;
struct turn_stay;

/* What every lever's settings begin with: it can be switched off alone and held out. */
struct lever_switch {
    bool on;
    int64_t holdout; /* millionths of the traffic that pass it by */
};

struct lever {
    const char *name;
    const char *summary;
    /* It may lose something of an answer: it stays off where no suite of evals is named, whatever
     * its settings say (design, rule 11). */
    bool loses;
    /* Once a process and configuration; `settings` begins with a struct lever_switch. May be NULL:
     * then `self` is the settings. */
    int (*make)(struct arena *arena, const void *settings, void **ret_self);
    YIELDS int (*run)(void *self, struct turn *t);
};

/* The levers of a configuration, outermost first; made by levers/order.c. */
struct lever_chain {
    unsigned n;
    struct {
        const struct lever *lever;
        const struct lever_switch *on;
        void *self;
    } at[LEVERS_MAX];
};

/* What one lever did to one turn. */
struct lever_note {
    const char *verdict; /* a literal such as "second try"; NULL: nothing */
    int64_t own_us;
    int64_t saved_tokens, saved_usd_nanos;
    bool met; /* the turn came to it: whether it is held out is settled */
    bool held_out;
};

/*
 * Who says whether a turn may run, and hears what it took: guard/limits.c. `enter` reserves and
 * returns 0, or says why not in t->fault; `leave` settles, on every way out, once for each turn
 * that was asked for, also one that was not let in; `err` is what became of it.
 */
struct turn_gate {
    int (*enter)(struct turn_gate *gate, struct turn *t);
    void (*leave)(struct turn_gate *gate, struct turn *t, int err);
};

/* What turns share: lives as long as the process. */
struct turn_house {
    struct ledger *ledger;
    struct metric_set *metrics;
    struct list running;      /* struct turn, oldest first */
    struct list running_long; /* those whose running rows are written */
    unsigned running_n;
    int64_t retry_credit;   /* thousandths of a retry that may be spent; guard/retry.c */
    struct turn_gate *gate; /* NULL: nothing is limited */
    struct turn_metrics *meters;
    struct telemetry *telemetry; /* NULL: it is off */
};

MUSTCHECK int turn_house_init(struct turn_house *house, struct ledger *ledger,
                              struct metric_set *metrics);
void turn_house_fini(struct turn_house *house);
/* Once a second or so: writes the rows of turns that have been running for long. */
void turn_house_tick(struct turn_house *house);

struct turn {
    struct list node;
    struct turn_house *house;
    struct arena *arena;
    struct task *runner; /* NULL: not known */
    struct id id;
    int64_t began_us, began_wall_us;

    /* who asks; set by the API */
    struct str tenant, key, task, session, tags;
    const char *api;     /* "openai.chat" */
    const char *purpose; /* of its calls, in the ledger: "answer"; NULL: that */
    bool can_wait;       /* nobody looks at it: a queue may serve others first */
    bool past_caches;    /* it wants a fresh answer, which no cache of ours keeps */
    uint64_t prompt; /* its fingerprint (llm/prompt.h); 0: it has none, or nobody wants to know */

    /* what is asked; set by the API. The levers may change target and chain position only. */
    struct llm_request *request;
    const struct http_headers *headers; /* to pass on */
    struct str pass_key;
    struct route route;
    const struct lever_chain *chain;
    struct llm_sink *sink;
    int64_t bytes_in;

    struct turn_gate *gate; /* that it has to leave; NULL: none, or it has left */
    struct turn_stay *stay; /* the gate's own, in the turn's arena; NULL: none */
    struct trace *trace;    /* that it belongs to; NULL: nobody traces */

    /* on the way */
    unsigned at;      /* the lever whose turn_next runs */
    int64_t inner_us; /* time spent further in, for the levers' own time */
    /* Who is asked now, as turn_aim says; behind turn_run the same as `asked`. */
    const struct target *target;
    const struct target *asked; /* by the last call; NULL: nobody was */
    uint64_t tried;             /* replicas of it that failed */
    int64_t deadline_ms;        /* of all tries of it */
    struct lever_note *notes;   /* as many as the chain has levers; NULL before the first */

    /* the answer: of the last call; NULL: there was none, or the last target was not asked */
    struct llm_call *call;
    bool streamed; /* something went to the client: no second try */
    struct fault fault;

    /* the bill */
    unsigned calls_n;
    struct ledger_call *calls;
    struct tokens tokens;
    int64_t cost_usd_nanos;
    int64_t saved_usd_nanos;
    int64_t upstream_us;
    int64_t first_us; /* as the call has it; 0: none */
    int64_t left_us;  /* monotonic: when the last lever or call had done its work; 0: none yet */
    /* set by turn_end */
    int64_t total_us, overhead_us;
    enum turn_state state;
    int err, status;
};

/* Everything zero but who and when. */
void turn_begin(struct turn *t, struct turn_house *house, struct arena *arena, int64_t began_us);

/*
 * Admission: there is room in the ledger, and the gate lets it in. turn_run asks for it itself; who
 * makes calls in another way (relays) asks before. turn_end leaves the gate, if nobody did before.
 */
YIELDS MUSTCHECK int turn_admit(struct turn *t);

/* All that it takes is known: the gate is told, before the client is. turn_run does it, and
 * turn_end. */
void turn_leave(struct turn *t, int err);

/* Route, request, chain and sink are set. 0: t->call has the answer, or the sink had it. */
YIELDS MUSTCHECK int turn_run(struct turn *t);

/* The rest of the way, for levers. */
YIELDS MUSTCHECK int turn_next(struct turn *t);

/* Who is asked from here on: with all of its replicas, and with its own time (timeouts.total). */
void turn_aim(struct turn *t, const struct target *target);

/* A lever says what it did. */
void turn_note(struct turn *t, const char *verdict, int64_t saved_tokens, int64_t saved_usd_nanos);

/* Writes the rows and the metrics. `err` is 0 or why the turn failed; `status` what the client got.
 * For a turn that never ran too. Never waits. */
void turn_end(struct turn *t, int err, int status, int64_t bytes_out);

/* What x-sluice-overhead-us says: until the levers were through, or so far. */
int64_t turn_overhead_us(const struct turn *t);

#endif
