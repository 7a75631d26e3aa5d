#include "eval/stats/paired.h"

#include <math.h>

#include "eval/stats/dist.h"
#include "eval/stats/share.h"

double pairs_discordant(const struct pairs *p)
{
    int64_t n = pairs_count(p);
    return n > 0 ? (double)(p->gained + p->lost) / (double)n : 0;
}

int pairs_of(const struct case_row *run, const struct case_row *baseline, size_t n,
             struct pairs *ret, struct fault *f)
{
    struct pairs p = {0};
    for (size_t i = 0; i < n; i++) {
        if (run[i].answers == 0 || baseline[i].answers == 0 || !(run[i].weight > 0) ||
            !(baseline[i].weight > 0))
            continue;
        bool now = case_passes(&run[i]), before = case_passes(&baseline[i]);
        p.both += now && before;
        p.neither += !now && !before;
        p.gained += now && !before;
        p.lost += !now && before;
    }
    if (pairs_count(&p) == 0)
        return fault_set(f, E_BAD_REQUEST,
                         "the run and its baseline have no case in common that both answered");
    *ret = p;
    return 0;
}

static int check(const struct pairs *p, struct fault *f)
{
    if (p->both < 0 || p->neither < 0 || p->gained < 0 || p->lost < 0)
        return fault_set(f, E_BAD_REQUEST, "a count of cases is below 0");
    if (pairs_count(p) == 0)
        return fault_set(f, E_BAD_REQUEST, "a comparison needs at least one case; there is none");
    return 0;
}

/* Phi with Newcombe's correction, which only takes from what is above 0. */
static double phi_corrected(const struct pairs *p)
{
    double both = (double)p->both, neither = (double)p->neither;
    double gained = (double)p->gained, lost = (double)p->lost;
    double under = (both + gained) * (lost + neither) * (both + lost) * (gained + neither);
    if (under <= 0)
        return 0;
    double over = both * neither - gained * lost;
    if (over > 0)
        over = fmax(over - (double)pairs_count(p) / 2, 0);
    return over / sqrt(under);
}

int pairs_newcombe(const struct pairs *p, double level, struct estimate *ret, struct fault *f)
{
    int err = estimate_level(level, f);
    if (!err)
        err = check(p, f);
    if (err)
        return err;
    double n = (double)pairs_count(p);
    struct estimate run = share_wilson_of((double)(p->both + p->gained), n, level);
    struct estimate base = share_wilson_of((double)(p->both + p->lost), n, level);
    double phi = phi_corrected(p), difference = (double)(p->gained - p->lost) / n;
    double run_down = run.value - run.low, run_up = run.high - run.value;
    double base_down = base.value - base.low, base_up = base.high - base.value;
    double down = run_down * run_down - 2 * phi * run_down * base_up + base_up * base_up;
    double up = run_up * run_up - 2 * phi * run_up * base_down + base_down * base_down;
    *ret = estimate_of(difference, fmax(-1, difference - sqrt(fmax(0, down))),
                       fmin(1, difference + sqrt(fmax(0, up))));
    return 0;
}

double pairs_tango_z(double gained, double lost, double n, double delta)
{
    /* The same with the runs swapped; so what follows only subtracts where nothing is lost by it.
     */
    if (delta < 0)
        return -pairs_tango_z(lost, gained, n, -delta);
    double over = gained - lost - n * delta;
    if (over == 0)
        return 0;
    /* `q` is the chance of a loss that is likeliest among those with this difference: the larger
     * root of A q^2 + B q + C. */
    double A = 2 * n, B = (2 * n + lost - gained) * delta - gained - lost;
    double C = -lost * delta * (1 - delta);
    double root = sqrt(B * B - 4 * A * C);
    double q = B <= 0 ? (root - B) / (2 * A) : -2 * C / (B + root);
    return over / sqrt(n * (2 * q + delta * (1 - delta)));
}

/* The delta between `near` (not rejected) and `far` at which |z| comes to `limit`. */
static double tango_end(double gained, double lost, double n, double near, double far, double limit)
{
    for (int i = 0; i < 100; i++) {
        double delta = near + (far - near) / 2;
        if (delta == near || delta == far)
            break;
        if (fabs(pairs_tango_z(gained, lost, n, delta)) <= limit)
            near = delta;
        else
            far = delta;
    }
    return near;
}

struct estimate pairs_tango_of(double gained, double lost, double n, double level)
{
    double value = (gained - lost) / n, limit = normal_two_sided(level);
    return estimate_of(value, tango_end(gained, lost, n, value, -1, limit),
                       tango_end(gained, lost, n, value, 1, limit));
}

int pairs_tango(const struct pairs *p, double level, struct estimate *ret, struct fault *f)
{
    int err = estimate_level(level, f);
    if (!err)
        err = check(p, f);
    if (err)
        return err;
    *ret = pairs_tango_of((double)p->gained, (double)p->lost, (double)pairs_count(p), level);
    return 0;
}

int pairs_mcnemar(const struct pairs *p, double *ret_p, struct fault *f)
{
    int err = check(p, f);
    if (err)
        return err;
    int64_t fewer = p->gained < p->lost ? p->gained : p->lost;
    *ret_p = fmin(1, 2 * binomial_cdf(fewer, p->gained + p->lost, 0.5));
    return 0;
}

int pairs_noninferior(const struct pairs *p, double margin, double level,
                      struct noninferiority *ret, struct fault *f)
{
    int err = estimate_level(level, f);
    if (!err)
        err = check(p, f);
    if (err)
        return err;
    if (!(margin > 0 && margin < 1))
        return fault_set(f, E_BAD_REQUEST,
                         "a margin is a number between 0 and 1, as 0.02 for two points; it is %g",
                         margin);
    double z = pairs_tango_z((double)p->gained, (double)p->lost, (double)pairs_count(p), -margin);
    *ret = (struct noninferiority){.holds = z > normal_two_sided(level), .p = normal_cdf(-z)};
    return 0;
}

int holm_adjust(struct arena *arena, const double *p, size_t n, double *ret, struct fault *f)
{
    if (n == 0)
        return fault_set(f, E_BAD_REQUEST, "there is no p-value to adjust");
    for (size_t i = 0; i < n; i++)
        if (!(p[i] >= 0 && p[i] <= 1))
            return fault_set(f, E_BAD_REQUEST, "a p-value is a number from 0 to 1; it is %g", p[i]);
    double *sorted = ARENA_ARRAY(arena, double, n);
    if (!sorted)
        return E_MEMORY;
    for (size_t i = 0; i < n; i++)
        sorted[i] = p[i];
    sort_doubles(sorted, n);
    for (size_t i = 0; i < n; i++) {
        double largest = 0;
        for (size_t rank = 0; rank < n && sorted[rank] <= p[i]; rank++)
            largest = fmax(largest, (double)(n - rank) * sorted[rank]);
        ret[i] = fmin(1, largest);
    }
    return 0;
}
