/*
 * power.h: what a comparison of so many cases can see, and how many it takes.
 *
 * Only cases whose verdict changes tell two runs apart, so all of it hangs on `discordant`: the
 * share of cases that change, 0 to 1, as a run and its baseline showed it (pairs_discordant), or as
 * it is assumed. A drop changes at least as many cases as it is large: where `discordant` is less
 * than the drop, the drop counts. A drop is a difference of shares: 0.04 are four points.
 *
 * "Seen" means that McNemar's exact two-sided test (paired.h) rejects at 1 - level, to the worse.
 * "Shown not worse" means that pairs_noninferior() holds. Powers are sums over all outcomes that
 * the changed cases may have (a binomial in a binomial), not approximations. A search for a number
 * of cases costs some milliseconds where thousands are needed, and seconds where a million is: not
 * for a loop that serves.
 *
 * Each: 0, or E_BAD_REQUEST where an argument is out of its range.
 */
#ifndef EVAL_STATS_POWER_H
#define EVAL_STATS_POWER_H

#include <stdint.h>

#include "base/buf.h"
#include "eval/stats/estimate.h"

#define POWER_WANTED 0.8
/* For a sample that is recommended: the share that changes is a guess, and this still gives
 * POWER_WANTED where a tenth more changes. */
#define POWER_PLANNED   0.85
#define POWER_CASES_MAX 10000000

/* The chance that a drop is seen with n cases. 0 < drop <= 1. */
MUSTCHECK int power_of_drop(int64_t n, double discordant, double drop, double level, double *ret,
                            struct fault *f);
/* The chance that a candidate as good as the baseline is shown not worse by `margin` with n. */
MUSTCHECK int power_of_margin(int64_t n, double discordant, double margin, double level,
                              double *ret, struct fault *f);

/* The smallest drop that is seen with a chance of `power` or more; 0 where even the largest is not,
 * as n is too small for any. */
MUSTCHECK int power_smallest_drop(int64_t n, double discordant, double level, double power,
                                  double *ret_drop, struct fault *f);

/* So many cases see such a drop, or show an equal candidate not worse by `margin`, with a chance of
 * `power` or more; 0 where POWER_CASES_MAX do not. */
MUSTCHECK int power_cases_for_drop(double discordant, double drop, double level, double power,
                                   int64_t *ret_n, struct fault *f);
MUSTCHECK int power_cases_for_margin(double discordant, double margin, double level, double power,
                                     int64_t *ret_n, struct fault *f);

/* The share that changes at most between equal candidates that pass `share` of the cases, while the
 * one's luck is not the other's bad luck: 2 p (1 - p). What to assume before there is a run. */
double power_discordant_most(double share);

/*
 * What a sample of n cannot exclude, in plain words, at POWER_WANTED:
 *   with 120 cases a drop of 4 points would go unseen; 480 would show it
 * or, where it is large enough for that drop,
 *   with 600 cases a drop of 4 points would be seen; one below 3.4 points might not
 * E_MEMORY or E_TOO_LARGE where `out` takes no more.
 */
MUSTCHECK int power_sentence(struct buf *out, int64_t n, double discordant, double drop,
                             double level, struct fault *f);

#endif
