#include "eval/stats/agree.h"

#include <math.h>

#include "eval/stats/dist.h"
#include "eval/stats/share.h"

/* ---------------------------------------------------------------- labels */

/* The share of the label's items, of the one judge (rows) or the other (columns). */
static double share_of_label(const int64_t *counts, size_t labels, size_t label, bool row, double n)
{
    int64_t sum = 0;
    for (size_t k = 0; k < labels; k++)
        sum += row ? counts[label * labels + k] : counts[k * labels + label];
    return (double)sum / n;
}

static struct estimate kappa_of(const int64_t *counts, size_t labels, double n, double observed,
                                double level)
{
    double chance = 0;
    bool one_only = false; /* one of them gave the same label throughout */
    for (size_t i = 0; i < labels; i++) {
        double row = share_of_label(counts, labels, i, true, n);
        double column = share_of_label(counts, labels, i, false, n);
        chance += row * column;
        one_only = one_only || row == 1 || column == 1;
    }
    double rest = 1 - chance;
    if (!(rest > 1e-12))
        return (struct estimate){0};
    double kappa = (observed - chance) / rest;
    if (n < 2 || one_only || observed >= 1)
        return estimate_value(kappa);

    double same = 0, different = 0;
    for (size_t i = 0; i < labels; i++) {
        double column = share_of_label(counts, labels, i, false, n);
        for (size_t j = 0; j < labels; j++) {
            double p = (double)counts[i * labels + j] / n;
            if (p == 0 && i != j)
                continue;
            double row = share_of_label(counts, labels, j, true, n);
            double both = column + row;
            if (i == j)
                same += p * pow(rest - both * (1 - observed), 2);
            else
                different += p * both * both;
        }
    }
    different *= (1 - observed) * (1 - observed);
    double last = observed * chance - 2 * chance + observed;
    double variance = (same + different - last * last) / pow(rest, 4) / n;
    double half = normal_two_sided(level) * sqrt(fmax(0, variance));
    return estimate_of(kappa, fmax(-1, kappa - half), fmin(1, kappa + half));
}

int agree_labels(const int64_t *counts, size_t labels, double level, struct agreement *ret,
                 struct fault *f)
{
    int err = estimate_level(level, f);
    if (err)
        return err;
    if (labels < 2)
        return fault_set(f, E_BAD_REQUEST, "agreement needs at least two labels; there are %zu",
                         labels);
    double n = 0, same = 0;
    for (size_t i = 0; i < labels * labels; i++) {
        if (counts[i] < 0)
            return fault_set(f, E_BAD_REQUEST, "a count of labels is below 0");
        n += (double)counts[i];
        if (i % (labels + 1) == 0)
            same += (double)counts[i];
    }
    if (n == 0)
        return fault_set(f, E_BAD_REQUEST, "agreement needs at least one item; there is none");
    *ret = (struct agreement){
        .share = share_wilson_of(same, n, level),
        .kappa = kappa_of(counts, labels, n, same / n, level),
    };
    return 0;
}

/* ---------------------------------------------------------------- scores */

/* Where `value` would stand among n sorted ones, before or behind its equals. */
static size_t place(const double *sorted, size_t n, double value, bool behind)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value || (behind && sorted[middle] == value))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Twice the distance of a value's rank from the middle one: whole numbers. */
static double rank_off(const double *sorted, size_t n, double value)
{
    return (double)place(sorted, n, value, false) + (double)place(sorted, n, value, true) -
           (double)n;
}

static int sorted_copy(struct arena *arena, const double *values, size_t n, double **ret,
                       struct fault *f)
{
    double *sorted = ARENA_ARRAY(arena, double, n);
    if (!sorted)
        return E_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            return fault_set(f, E_BAD_REQUEST, "the score of item %zu is no number", i + 1);
        sorted[i] = values[i];
    }
    sort_doubles(sorted, n);
    *ret = sorted;
    return 0;
}

int agree_scores(struct arena *arena, const double *one, const double *other, size_t n,
                 double level, struct estimate *ret, struct fault *f)
{
    int err = estimate_level(level, f);
    if (err)
        return err;
    if (n == 0)
        return fault_set(f, E_BAD_REQUEST, "agreement needs at least one item; there is none");
    double *ones = NULL, *others = NULL;
    err = sorted_copy(arena, one, n, &ones, f);
    if (!err)
        err = sorted_copy(arena, other, n, &others, f);
    if (err)
        return err;
    double x2 = 0, y2 = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double x = rank_off(ones, n, one[i]), y = rank_off(others, n, other[i]);
        x2 += x * x;
        y2 += y * y;
        xy += x * y;
    }
    *ret = (struct estimate){0};
    if (!(x2 > 0 && y2 > 0))
        return 0;
    double r = fmin(1, fmax(-1, xy / (sqrt(x2) * sqrt(y2))));
    *ret = estimate_value(r);
    if (n < 4 || fabs(r) > 1 - 1e-12)
        return 0;
    double half = normal_two_sided(level) * sqrt((1 + r * r / 2) / (double)(n - 3));
    *ret = estimate_of(r, tanh(atanh(r) - half), tanh(atanh(r) + half));
    return 0;
}
