/*
 * dist.h: the few distributions that the other files ask.
 *
 * Accurate to at least nine digits for the sizes of evals (up to ten million). Arguments outside of
 * what is said give the nearest edge, never NaN.
 */
#ifndef EVAL_STATS_DIST_H
#define EVAL_STATS_DIST_H

#include <stddef.h>
#include <stdint.h>

/* P(Z <= z) of the standard normal; by erfc. */
double normal_cdf(double z);
/* The z with P(Z <= z) = p, 0 < p < 1. Wichura, "Algorithm AS 241: The percentage points of the
 * normal distribution", Applied Statistics 37 (1988). */
double normal_quantile(double p);
/* The z or t that leaves (1 - level) / 2 above it. */
double normal_two_sided(double level);
double student_two_sided(double level, double freedom);

/* The regularised incomplete beta I_x(a, b), a, b > 0: the continued fraction of DLMF 8.17.22,
 * evaluated by Lentz's method (Thompson and Barnett, J. Comput. Phys. 64, 1986). */
double beta_cdf(double x, double a, double b);

/* P(X <= k) and P(X = k) of X successes in n tries with chance p each. */
double binomial_cdf(int64_t k, int64_t n, double p);
double binomial_mass(int64_t k, int64_t n, double p);

/* Smallest first, in place, without memory of its own (heapsort); no NaN among them. */
void sort_doubles(double *values, size_t n);

#endif
