/*
 * cost.h: what one successful task costs, and how long answers take.
 */
#ifndef EVAL_STATS_COST_H
#define EVAL_STATS_COST_H

#include "base/arena.h"
#include "eval/stats/cases.h"
#include "eval/stats/estimate.h"

/*
 * All that was spent, failures included, divided by the answers that passed; in nano-dollars. Cases
 * whose cost is not known count on neither side; weights do not matter: money was spent once.
 *
 * The interval is that of a ratio by MOVER (Newcombe, "MOVER-R confidence intervals for ratios and
 * products of two independently estimated quantities", Statistical Methods in Medical Research 25,
 * 2016; Zou and Donner, Statistics in Medicine 27, 2008): Fieller's theorem with the distances to
 * the ends of two intervals in place of standard errors, and the correlation of both as it was
 * seen. Those are Student's for the cost of an answer and Wilson's for the share of successes, both
 * over cases, so that many answers to few cases do not pass for many cases. Where all answers cost
 * the same it is Wilson's turned upside down.
 *
 * With few successes the high end is far away, as it has to be. Without any there is no value and
 * no high end: nothing says that there will ever be one. The low end then is what a success costs
 * at the largest share of them that the sample does not exclude: "more than ...". A single case
 * gives no interval.
 */
struct success_cost {
    struct estimate usd_nanos;
    int64_t spent_usd_nanos;
    int64_t cases, unpriced; /* that count, and that do not as their cost is not known */
    int64_t answers, successes;
};
/* E_BAD_REQUEST where no case has a cost, or one has more passes than answers. */
MUSTCHECK int cost_of_success(const struct case_row *rows, size_t n, double level,
                              struct success_cost *ret, struct fault *f);

/*
 * The quantile `q` of n whole numbers, as latencies in microseconds: the least of them that at
 * least a share q does not exceed, so one that was measured. The interval's ends are measured ones
 * too, whatever the distribution: those whose ranks a binomial of n and q leaves outside with at
 * most (1 - level) / 2 each. Where n is too small for that the end is missing: a p95 has a high end
 * from 72 answers on at 95 %. Conover, "Practical Nonparametric Statistics" (1999), section 3.2.
 *
 * E_BAD_REQUEST where n is 0 or q not between 0 and 1; E_MEMORY.
 */
MUSTCHECK int quantile_of(struct arena *arena, const int64_t *values, size_t n, double q,
                          double level, struct estimate *ret, struct fault *f);

#endif
