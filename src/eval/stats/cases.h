/*
 * cases.h: what a run says of each case, for the figures over all of them.
 *
 * Several answers to one case are no independent evidence: a hard case is hard each time. So they
 * are first put together, into one row a case, and every figure and every resampling goes over the
 * rows. A row without an answer is left out of all figures.
 */
#ifndef EVAL_STATS_CASES_H
#define EVAL_STATS_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "eval/stats/estimate.h"
#include "llm/prices.h" /* COST_UNKNOWN */

/* Begins as CASE_ROW; weight 0 leaves a case out of means and shares. */
struct case_row {
    double weight;     /* >= 0 */
    int64_t answers;   /* graded */
    int64_t passes;    /* of them */
    double score_sum;  /* of the answers, each from 0 to 1 */
    int64_t usd_nanos; /* of all answers; COST_UNKNOWN where one of them has no price */
};
#define CASE_ROW ((struct case_row){.weight = 1})

/* Adds one answer; usd_nanos may be COST_UNKNOWN. A score that is no number from 0 to 1, or a sum
 * of money that does not fit, is E_BAD_REQUEST and the row stays. */
MUSTCHECK int case_add(struct case_row *row, double score, bool pass, int64_t usd_nanos,
                       struct fault *f);

static inline double case_score(const struct case_row *row)
{
    return row->score_sum / (double)row->answers;
}
static inline double case_share(const struct case_row *row)
{
    return (double)row->passes / (double)row->answers;
}
/* Its verdict is that of most answers; half of them is not enough. */
static inline bool case_passes(const struct case_row *row)
{
    return row->passes > row->answers - row->passes;
}

/*
 * Cases of which some answers pass and some do not. Only those with two answers or more can show
 * it; without one there is no share. `ret_which`, when not NULL, has room for n and gets their
 * numbers, ret->flaky of them. No cases at all are E_BAD_REQUEST.
 */
struct flakiness {
    size_t repeated; /* cases with two answers or more */
    size_t flaky;
    struct estimate share; /* flaky of repeated, by Wilson */
};
MUSTCHECK int case_flakiness(const struct case_row *rows, size_t n, double level,
                             struct flakiness *ret, size_t *ret_which, struct fault *f);

#endif
