/*
 * paired.h: two runs over the same cases, by what changed.
 *
 * A case that passes in both runs, or in none, says nothing of the difference; those that changed
 * say all of it. The difference is the run's share minus the baseline's: above 0 is better.
 */
#ifndef EVAL_STATS_PAIRED_H
#define EVAL_STATS_PAIRED_H

#include "base/arena.h"
#include "eval/stats/cases.h"
#include "eval/stats/estimate.h"

struct pairs {
    int64_t both, neither;
    int64_t gained; /* failed in the baseline, passes now */
    int64_t lost;   /* passed in the baseline, fails now */
};

static inline int64_t pairs_count(const struct pairs *p)
{
    return p->both + p->neither + p->gained + p->lost;
}
/* The share of cases that changed, 0 to 1: what a sample's size is reckoned with (power.h). */
double pairs_discordant(const struct pairs *p);

/* Counts verdicts (case_passes) of rows that are aligned by case; those without an answer or of
 * weight 0 in one of the runs are left out. E_BAD_REQUEST where none is left. */
MUSTCHECK int pairs_of(const struct case_row *run, const struct case_row *baseline, size_t n,
                       struct pairs *ret, struct fault *f);

/* Each of those below is E_BAD_REQUEST where there is no pair or a count below 0. */

/* Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
 * paired data", Statistics in Medicine 17 (1998), method 10: Wilson's intervals of both shares, put
 * together with the phi coefficient corrected for continuity. */
MUSTCHECK int pairs_newcombe(const struct pairs *p, double level, struct estimate *ret,
                             struct fault *f);

/* Tango, "Equivalence test and confidence interval for the difference in proportions for the
 * paired-sample design", Statistics in Medicine 17 (1998): all differences that his score test does
 * not reject. Also for weights and for scores between 0 and 1: with `gained` the sum of what cases
 * won and `lost` of what they lost, counts need not be whole. */
MUSTCHECK int pairs_tango(const struct pairs *p, double level, struct estimate *ret,
                          struct fault *f);
struct estimate pairs_tango_of(double gained, double lost, double n, double level);
/* His statistic for "the difference is `delta`", -1 < delta < 1, n > 0: standard normal under it,
 * large where the difference is larger. */
double pairs_tango_z(double gained, double lost, double n, double delta);

/* Is there a difference? McNemar's test, exact and two-sided: twice the tail of a binomial of the
 * changed cases with chance 1/2, at most 1 (1 where none changed). Not the mid-p variant: this one
 * never rejects too often. McNemar, Psychometrika 12 (1947). */
MUSTCHECK int pairs_mcnemar(const struct pairs *p, double *ret_p, struct fault *f);

/*
 * "Not worse than by the margin": Tango's score test of "worse by `margin` or more", one-sided at
 * (1 - level) / 2, so that it holds exactly where the low end of pairs_tango() at the same level is
 * above -margin: verdict and interval never contradict each other. 0 < margin < 1; 0.02 are two
 * points.
 */
struct noninferiority {
    bool holds;
    double p; /* of the one-sided test */
};
MUSTCHECK int pairs_noninferior(const struct pairs *p, double margin, double level,
                                struct noninferiority *ret, struct fault *f);

/*
 * p-values of n tests adjusted for there being n of them: each is then compared with the same bound
 * as before, and the chance to be wrong in any stays below it. Holm, "A simple sequentially
 * rejective multiple test procedure", Scand. J. Statistics 6 (1979). `ret` has room for n and may
 * not be `p`. E_BAD_REQUEST where n is 0 or a p-value not from 0 to 1, or E_MEMORY.
 */
MUSTCHECK int holm_adjust(struct arena *arena, const double *p, size_t n, double *ret,
                          struct fault *f);

#endif
