/*
 * ask.h: asking a model for an eval: a case, or a judge.
 *
 * A question goes the way of a client's request from where its body is read to the ledger: the
 * names of the configuration, its levers, its providers. Its turn says that it can wait, and wants
 * no answer out of a cache unless those are tested. What was answered before, and kept, is not
 * asked again. Loop thread only.
 */
#ifndef EVAL_ASK_H
#define EVAL_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/run/answers.h"
#include "guard/limits.h"
#include "llm/models.h"
#include "rt/task.h"
#include "turn/turn.h"

/* Who asks, for all questions of a run. */
struct eval_asker {
    struct turn_house *house;
    struct models *models;
    const struct lever_chain *chain;
    const struct limits_rules *rules; /* by which what a turn may cost is reckoned */
    struct answers *answers;
    struct str tags;     /* of its turns, in the ledger */
    int64_t tries;       /* of each question */
    int64_t spend_nanos; /* dollars for all questions; < 0: no limit */
    bool test_caches;

    /* its own; zero to begin */
    int64_t spent_nanos, reserved_nanos;
    double over; /* so many times what was reckoned a try has cost at most, if more than once */
    unsigned under_way;
    struct waitq settled;
    uint64_t asked, kept; /* questions that went out, and that were answered before */
};

struct eval_question {
    struct str key;      /* in the run */
    const char *purpose; /* a literal */
    struct str body;     /* an OpenAI chat request; stays for the call */
};

void eval_asker_init(struct eval_asker *a);

/* Would a question of this body go out, for which model, and to whom? Its errors otherwise:
 * E_BAD_REQUEST, E_UNKNOWN_MODEL ... */
MUSTCHECK int eval_ask_check(const struct eval_asker *a, struct str body, struct arena *arena,
                             struct str *ret_model, struct route *ret_route, struct fault *f);

/*
 * 0: *ret_answer has what came of it, an answer or (`done` false) why there is none; its texts live
 * in the arena. It is kept by then. What ends the whole run is an error: E_BUDGET (the next
 * question might pass what may be spent), E_UNPRICED (nobody can tell, as a model has no price),
 * E_IO (it could not be kept), E_UNKNOWN_MODEL, E_UNKNOWN_LANE, E_NO_PROVIDER, E_LEDGER_FULL,
 * E_MEMORY, E_INTERNAL, and the reason of a cancellation.
 */
YIELDS MUSTCHECK int eval_ask(struct eval_asker *a, const struct eval_question *q,
                              struct arena *arena, struct answer *ret_answer, struct fault *f);

#endif
