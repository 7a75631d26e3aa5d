/*
 * agree.h: how far two judges agree, as a model and people.
 */
#ifndef EVAL_STATS_AGREE_H
#define EVAL_STATS_AGREE_H

#include "base/arena.h"
#include "eval/stats/estimate.h"

/*
 * `counts[i * labels + j]` items got label i of the one and label j of the other.
 *
 * `share` is the share of the same label, by Wilson. Cohen's kappa is what of it is beyond chance,
 * with the large-sample interval of Fleiss, Cohen and Everitt, "Large sample standard errors of
 * kappa and weighted kappa", Psychological Bulletin 72 (1969), kept within -1 to 1. Kappa goes
 * missing where both gave one and the same label throughout: chance alone explains that. Its
 * interval goes missing where all labels agree, where one of them gave the same label throughout
 * and below two items: its standard error would be 0, and the sample is not that sure.
 *
 * E_BAD_REQUEST where there are fewer than two labels, no item, or a count below 0.
 */
struct agreement {
    struct estimate share, kappa;
};
MUSTCHECK int agree_labels(const int64_t *counts, size_t labels, double level,
                           struct agreement *ret, struct fault *f);

/*
 * Spearman's rank correlation of two scores of n items, equal ones sharing their mean rank. Judges'
 * scales differ, so it asks for the order and not for the numbers; of the two that do, Kendall's
 * tau-b would be as good, and Spearman's has an interval that holds with the many equal scores of a
 * short scale: on Fisher's z with the variance (1 + r^2 / 2) / (n - 3) of Bonett and Wright,
 * "Sample size requirements for estimating Pearson, Kendall and Spearman correlations",
 * Psychometrika 65 (2000). It goes missing where one gave all items the same score; its interval
 * below four items, and where the order is the same throughout.
 *
 * E_BAD_REQUEST where n is 0 or a score is no number; E_MEMORY.
 */
MUSTCHECK int agree_scores(struct arena *arena, const double *one, const double *other, size_t n,
                           double level, struct estimate *ret, struct fault *f);

#endif
