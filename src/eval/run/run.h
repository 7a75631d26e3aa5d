/*
 * run.h: a suite run: every case asked, every answer kept and graded.
 *
 * So many tasks as the suite's concurrency says take one case after the other. Before the first
 * request is sent all cases are gone through, so that a missing field costs nothing. What is
 * already kept is graded and not asked; a run that is broken off, by a signal, a crash or its
 * spending cap, is taken up by running it again with the same answers.
 */
#ifndef EVAL_RUN_H
#define EVAL_RUN_H

#include "eval/run/ask.h"
#include "eval/run/results.h"
#include "eval/suite/suite.h"

struct eval_progress {
    unsigned done, of;       /* answers, graded */
    unsigned passed, errors; /* of the done */
    int64_t spent_nanos;
};

struct eval_run {
    const struct suite *suite;
    struct eval_asker *asker;
    struct str model; /* asked in place of the suite's; n == 0: as the suite says */
    unsigned
        alike_most; /* ends where the first so many answers come to nothing in one way; 0: not */
    bool only_kept; /* nothing new is asked of cases; judges are */
    void (*progress)(void *arg, const struct eval_progress *p); /* NULL: nobody looks */
    void *arg;

    /* out: filled also where the run ends early; what was not come to is RESULT_MISSING */
    struct results results;
    struct eval_progress state;

    /* out, of eval_run_check: the first name that the configuration does not know, that may well be
     * misspelt, and that goes to the default provider as it is; "" where there is none */
    char as_is[80];
    char as_is_near[80]; /* the configuration's name that is like it, if any */

    /* its own; zero to begin */
    unsigned alike;             /* answers, all there are, that came to nothing in one way */
    const struct result *first; /* of them */
};

/*
 * Are all cases such that they can be asked and graded? E_BAD_REQUEST names file, line and field;
 * where there is an asker, E_UNKNOWN_MODEL, E_UNKNOWN_LANE, E_NO_PROVIDER of a case or a judge.
 * Does not yield.
 */
MUSTCHECK int eval_run_check(struct eval_run *r, struct fault *f);

/* The errors of eval_ask, of graders (E_BAD_REQUEST), E_UPSTREAM_STATUS where the first
 * `alike_most` answers came to nothing in one way, or 0. results_fini(&r->results) in any case.
 */
YIELDS MUSTCHECK int eval_run(struct eval_run *r, struct fault *f);

/* Grades one answer, whose texts and what the graders say live in the arena; *ret_result has its
 * case, sample and cost filled in already. YIELDS where a grader of the suite waits. */
MUSTCHECK int eval_grade(const struct suite *suite, const struct suite_case *c,
                         struct eval_asker *asker, const struct answer *answer, struct arena *arena,
                         struct result *ret_result, struct fault *f);

#endif
