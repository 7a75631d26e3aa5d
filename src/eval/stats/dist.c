#include "eval/stats/dist.h"

#include <math.h>

#include "base/macros.h"

double normal_cdf(double z)
{
    return 0.5 * erfc(-z / M_SQRT2);
}

/* Numerator over denominator, both polynomials of the seventh degree. */
static double rational(const double over[8], const double under[8], double x)
{
    double above = over[7], below = under[7];
    for (int i = 6; i >= 0; i--) {
        above = above * x + over[i];
        below = below * x + under[i];
    }
    return above / below;
}

double normal_quantile(double p)
{
    static const double middle_over[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                          1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                          4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
    static const double middle_under[8] = {1.0,
                                           4.2313330701600911252e+1,
                                           6.8718700749205790830e+2,
                                           5.3941960214247511077e+3,
                                           2.1213794301586595867e+4,
                                           3.9307895800092710610e+4,
                                           2.8729085735721942674e+4,
                                           5.2264952788528545610e+3};
    static const double tail_over[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                        5.76949722146069140550e0,  3.64784832476320460504e0,
                                        1.27045825245236838258e0,  2.41780725177450611770e-1,
                                        2.27238449892691845833e-2, 7.74545014278341407640e-4};
    static const double tail_under[8] = {1.0,
                                         2.05319162663775882187e0,
                                         1.67638483018380384940e0,
                                         6.89767334985100004550e-1,
                                         1.48103976427480074590e-1,
                                         1.51986665636164571966e-2,
                                         5.47593808499534494600e-4,
                                         1.05075007164441684324e-9};
    static const double far_over[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                       1.78482653991729133580e0,  2.96560571828504891230e-1,
                                       2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                       2.71155556874348757815e-5, 2.01033439929228813265e-7};
    static const double far_under[8] = {1.0,
                                        5.99832206555887937690e-1,
                                        1.36929880922735805310e-1,
                                        1.48753612908506148525e-2,
                                        7.86869131145613259100e-4,
                                        1.84631831751005468180e-5,
                                        1.42151175831644588870e-7,
                                        2.04426310338993978564e-15};
    p = fmin(fmax(p, 1e-300), 1 - 1e-16);
    double q = p - 0.5;
    if (fabs(q) <= 0.425)
        return q * rational(middle_over, middle_under, 0.180625 - q * q);
    double r = sqrt(-log(fmin(p, 1 - p)));
    double z = r <= 5 ? rational(tail_over, tail_under, r - 1.6)
                      : rational(far_over, far_under, r - 5);
    return q < 0 ? -z : z;
}

double normal_two_sided(double level)
{
    return -normal_quantile((1 - level) / 2);
}

#define LENTZ_TINY   1e-300
#define LENTZ_ENOUGH 1e-15
#define LENTZ_STEPS  100000 /* the square root of the larger of a and b is what it takes */

static double away_from_zero(double x)
{
    return fabs(x) < LENTZ_TINY ? LENTZ_TINY : x;
}

/* The fraction of I_x(a, b), which converges fast where x < (a + 1) / (a + b + 2). */
static double beta_fraction(double x, double a, double b)
{
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m <= LENTZ_STEPS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        h *= c * d;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        h *= c * d;
        if (fabs(c * d - 1) < LENTZ_ENOUGH)
            break;
    }
    return h;
}

static double log_gamma(double x)
{
    int sign; /* lgamma itself keeps it in a global */
    return lgamma_r(x, &sign);
}

double beta_cdf(double x, double a, double b)
{
    if (!(x > 0))
        return 0;
    if (x >= 1)
        return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return fmin(1, front * beta_fraction(x, a, b) / a);
    return fmax(0, 1 - front * beta_fraction(1 - x, b, a) / b);
}

double student_two_sided(double level, double freedom)
{
    /* P(|T| <= t) is I_y(1/2, freedom/2) with y = t^2 / (freedom + t^2). */
    double low = 0, high = 1;
    for (int i = 0; i < 200 && low < high; i++) {
        double y = low + (high - low) / 2;
        if (y == low || y == high)
            break;
        if (beta_cdf(y, 0.5, freedom / 2) < level)
            low = y;
        else
            high = y;
    }
    return sqrt(freedom * low / (1 - low));
}

double binomial_cdf(int64_t k, int64_t n, double p)
{
    if (k < 0)
        return 0;
    if (k >= n || p <= 0)
        return 1;
    return beta_cdf(1 - p, (double)(n - k), (double)k + 1);
}

double binomial_mass(int64_t k, int64_t n, double p)
{
    if (k < 0 || k > n)
        return 0;
    if (p <= 0)
        return k == 0;
    if (p >= 1)
        return k == n;
    double all = (double)n, yes = (double)k, no = (double)(n - k);
    return exp(log_gamma(all + 1) - log_gamma(yes + 1) - log_gamma(no + 1) + yes * log(p) +
               no * log1p(-p));
}

/* Moves what stands at `root` down until no child of it is larger. */
static void sift(double *heap, size_t root, size_t n)
{
    double moved = heap[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && heap[child + 1] > heap[child])
            child++;
        if (!(heap[child] > moved))
            break;
        heap[root] = heap[child];
    }
    heap[root] = moved;
}

void sort_doubles(double *values, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(values, i, n);
    for (size_t last = n; last-- > 1;) {
        double largest = values[0];
        values[0] = values[last];
        values[last] = largest;
        sift(values, 0, last);
    }
}
