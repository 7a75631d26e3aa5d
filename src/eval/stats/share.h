/*
 * share.h: the share of cases that passed, with its interval.
 */
#ifndef EVAL_STATS_SHARE_H
#define EVAL_STATS_SHARE_H

#include "eval/stats/estimate.h"

/*
 * `passes` of `n` as a share from 0 to 1 with Wilson's score interval, without correction for
 * continuity. Neither has to be whole: a weighted suite counts as the cases that it is worth.
 * E_BAD_REQUEST where n is not above 0 or passes not from 0 to n.
 *
 * Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
 * Its mean coverage is close to the level also for small n and extreme shares: Brown, Cai and
 * DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001).
 */
MUSTCHECK int share_wilson(double passes, double n, double level, struct estimate *ret,
                           struct fault *f);

/* The same of what is known to be right: 0 <= passes <= n, n > 0. */
struct estimate share_wilson_of(double passes, double n, double level);

#endif
