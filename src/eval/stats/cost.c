#include "eval/stats/cost.h"

#include <math.h>

#include "eval/stats/dist.h"
#include "eval/stats/share.h"

/* ---------------------------------------------------------------- cost of a success */

/* How cost and success of cases spread around the means of their answers. */
struct spread {
    double cost2, success2, both;
};

static int add_up(const struct case_row *rows, size_t n, struct success_cost *c, struct fault *f)
{
    for (size_t i = 0; i < n; i++) {
        const struct case_row *row = &rows[i];
        if (row->answers == 0)
            continue;
        if (row->answers < 0 || row->passes < 0 || row->passes > row->answers)
            return fault_set(f, E_BAD_REQUEST, "case %zu: %lld of %lld answers cannot have passed",
                             i + 1, (long long)row->passes, (long long)row->answers);
        if (row->usd_nanos < 0) {
            c->unpriced++;
            continue;
        }
        c->cases++;
        c->answers += row->answers;
        c->successes += row->passes;
        if (__builtin_add_overflow(c->spent_usd_nanos, row->usd_nanos, &c->spent_usd_nanos))
            return fault_set(f, E_BAD_REQUEST, "the cost of all cases is too large to be counted");
    }
    if (c->cases == 0)
        return fault_set(f, E_BAD_REQUEST,
                         "the cost of a success needs a case with a known cost; there is none");
    return 0;
}

static struct spread spread_of(const struct case_row *rows, size_t n, double cost, double share)
{
    struct spread s = {0};
    for (size_t i = 0; i < n; i++) {
        if (rows[i].answers == 0 || rows[i].usd_nanos < 0)
            continue;
        double off_cost = (double)rows[i].usd_nanos - cost * (double)rows[i].answers;
        double off_success = (double)rows[i].passes - share * (double)rows[i].answers;
        s.cost2 += off_cost * off_cost;
        s.success2 += off_success * off_success;
        s.both += off_cost * off_success;
    }
    return s;
}

/*
 * The ends of over/under are those R at which (over - R under)^2 comes to
 * a^2 + R^2 b^2 - 2 r R a b, with a and b the distances to the ends of both that lie that way.
 */
static void ratio_ends(struct estimate over, struct estimate under, double correlation,
                       struct estimate *e)
{
    double a = over.value - over.low, b = under.high - under.value;
    double middle = over.value * under.value - correlation * a * b;
    double first = over.value * over.value - a * a;
    double second = under.value * under.value - b * b;
    double low = first / (middle + sqrt(fmax(0, middle * middle - first * second)));
    e->low = first > 0 ? low : 0;
    e->has_low = true;

    a = over.high - over.value;
    b = under.value - under.low;
    middle = over.value * under.value - correlation * a * b;
    first = over.value * over.value - a * a;
    second = under.value * under.value - b * b;
    e->has_high = second > 0;
    if (e->has_high)
        e->high = (middle + sqrt(fmax(0, middle * middle - first * second))) / second;
}

int cost_of_success(const struct case_row *rows, size_t n, double level, struct success_cost *ret,
                    struct fault *f)
{
    struct success_cost c = {0};
    int err = estimate_level(level, f);
    if (!err)
        err = add_up(rows, n, &c, f);
    if (err)
        return err;
    double cases = (double)c.cases, answers = (double)c.answers;
    double cost = (double)c.spent_usd_nanos / answers, share = (double)c.successes / answers;
    struct spread s = spread_of(rows, n, cost, share);
    if (c.successes > 0)
        c.usd_nanos = estimate_value(cost / share);
    if (c.cases > 1) {
        double half = student_two_sided(level, cases - 1) * sqrt(s.cost2 * cases / (cases - 1)) /
                      answers;
        struct estimate over = estimate_of(cost, fmax(0, cost - half), cost + half);
        /* So many answers of one case each would spread as these do. */
        double worth = s.success2 > 0 ? share * (1 - share) * answers * answers / s.success2 : 0;
        worth = worth > 0 ? fmin(fmax(worth, 1), answers) : cases;
        struct estimate under = share_wilson_of(share * worth, worth, level);
        double correlation = s.cost2 > 0 && s.success2 > 0 ? s.both / sqrt(s.cost2 * s.success2)
                                                           : 0;
        ratio_ends(over, under, correlation, &c.usd_nanos);
        c.usd_nanos = estimate_known(c.usd_nanos);
    }
    *ret = c;
    return 0;
}

/* ---------------------------------------------------------------- quantiles */

/* The least k with P(X <= k) >= p, of a binomial. */
static int64_t binomial_rank(double p, int64_t n, double q)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t k = low + (high - low) / 2;
        if (binomial_cdf(k, n, q) >= p)
            high = k;
        else
            low = k + 1;
    }
    return low;
}

int quantile_of(struct arena *arena, const int64_t *values, size_t n, double q, double level,
                struct estimate *ret, struct fault *f)
{
    int err = estimate_level(level, f);
    if (err)
        return err;
    if (n == 0)
        return fault_set(f, E_BAD_REQUEST, "a quantile needs at least one value; there is none");
    if (!(q > 0 && q < 1))
        return fault_set(f, E_BAD_REQUEST,
                         "a quantile is a number between 0 and 1, as 0.95; it is %g", q);
    double *sorted = ARENA_ARRAY(arena, double, n);
    if (!sorted)
        return E_MEMORY;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (double)values[i];
    sort_doubles(sorted, n);

    /* Ranks count from 1. 0.95 * 20 is 19 to whoever asks, not 19.000000000000004. */
    double tail = (1 - level) / 2, rank = ceil((double)n * q - 1e-9);
    int64_t low = binomial_rank(tail, (int64_t)n, q);
    int64_t high = binomial_rank(1 - tail, (int64_t)n, q) + 1;
    struct estimate e = estimate_value(sorted[(size_t)fmax(rank, 1) - 1]);
    e.has_low = low >= 1;
    e.has_high = high <= (int64_t)n;
    e.low = e.has_low ? sorted[low - 1] : 0;
    e.high = e.has_high ? sorted[high - 1] : 0;
    *ret = e;
    return 0;
}
