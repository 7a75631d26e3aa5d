#include "eval/stats/mean.h"

#include <math.h>

#include "eval/stats/dist.h"
#include "eval/stats/paired.h"
#include "eval/stats/share.h"

/* ---------------------------------------------------------------- chance */

struct generator {
    uint64_t s[4];
};

/* Fills the state from one number by SplitMix64, as its authors advise. */
static void generator_seed(struct generator *g, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        g->s[i] = z ^ (z >> 31);
    }
}

static ALWAYS_INLINE uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static ALWAYS_INLINE uint64_t generator_next(struct generator *g)
{
    uint64_t *s = g->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* ---------------------------------------------------------------- bootstrap */

/* A case's part in the mean: its weight, and weight * (value - mean) once the mean is known. */
struct part {
    double weight, off;
};

struct sums {
    double weight, off, off2, off_weight, weight2;
};

static ALWAYS_INLINE void sums_add(struct sums *s, struct part p)
{
    s->weight += p.weight;
    s->off += p.off;
    s->off2 += p.off * p.off;
    s->off_weight += p.off * p.weight;
    s->weight2 += p.weight * p.weight;
}

/* What rounding leaves of values and of squares that should have come to nothing, as a share. */
#define NOTHING 1e-12

/* The standard error of sums' mean; 0 where nothing spreads, or no more than `least`. */
static double sums_error(const struct sums *s, double n, double least)
{
    double shift = s->off / s->weight;
    double squares = s->off2 - 2 * shift * s->off_weight + shift * shift * s->weight2;
    if (!(squares > NOTHING * s->off2))
        return 0;
    double error = sqrt(squares * n / (n - 1)) / s->weight;
    return error > least ? error : 0;
}

/* How far a resample's mean is from the sample's, in its own standard errors. */
static double resample_t(const struct part *parts, uint32_t n, double least, struct generator *g)
{
    struct sums s = {0};
    for (uint32_t i = 0; i + 1 < n; i += 2) {
        /* Two numbers below n of each draw; with n below 2^32 what is uneven is not to be seen. */
        uint64_t draw = generator_next(g);
        sums_add(&s, parts[(draw >> 32) * n >> 32]);
        sums_add(&s, parts[(draw & UINT32_MAX) * n >> 32]);
    }
    if (n % 2)
        sums_add(&s, parts[(generator_next(g) >> 32) * n >> 32]);
    double error = sums_error(&s, n, least), off = s.off / s.weight;
    if (error > 0)
        return off / error;
    return off > 0 ? INFINITY : off < 0 ? -INFINITY : 0;
}

/* Which of a resample's distances become an interval's ends. */
enum kind {
    EQUAL_TAILS, /* as many beyond each end: follows a skewed sample */
    SYMMETRIC,   /* as far from the mean at both ends */
};

/*
 * The interval around `mean`; an end that the resamples cannot tell is missing. `size` is how large
 * values are: what spreads less than rounding does (0.1 + 0.2 and 0.3) does not spread.
 */
static int studentise(struct arena *arena, const struct part *parts, uint32_t n, double mean,
                      double size, enum kind kind, const struct bootstrap_settings *settings,
                      struct estimate *ret)
{
    struct sums all = {0};
    for (uint32_t i = 0; i < n; i++)
        sums_add(&all, parts[i]);
    *ret = estimate_value(mean);
    double least = NOTHING * size, error = n > 1 ? sums_error(&all, n, least) : 0;
    if (!(error > 0))
        return 0;
    uint32_t count = settings->resamples ? settings->resamples : BOOTSTRAP_RESAMPLES;
    double *t = ARENA_ARRAY(arena, double, count);
    if (!t)
        return E_MEMORY;
    struct generator g;
    generator_seed(&g, settings->seed);
    for (uint32_t i = 0; i < count; i++) {
        double distance = resample_t(parts, n, least, &g);
        t[i] = kind == SYMMETRIC ? fabs(distance) : distance;
    }
    sort_doubles(t, count);
    double tails = kind == SYMMETRIC ? 1 : 2;
    double beyond = floor((count + 1.0) * (1 - settings->level) / tails + 1e-9);
    if (beyond < 1 || beyond > count / tails)
        return 0; /* so far out there is no resample */
    double above = t[count - (size_t)beyond];
    double below = kind == SYMMETRIC ? -above : t[(size_t)beyond - 1];
    *ret = estimate_known((struct estimate){
        .has_value = true,
        .has_low = true,
        .has_high = true,
        .value = mean,
        .low = mean - fmax(0, above) * error,
        .high = mean - fmin(0, below) * error,
    });
    return 0;
}

/* ---------------------------------------------------------------- means */

/* The cases that count, as parts whose `off` is still the value itself. */
struct sample {
    struct part *parts;
    size_t n;
    double weight, weight2;
    double up, down; /* sums of weight * value, of values above and below 0 */
};

static int sample_init(struct sample *s, struct arena *arena, size_t n,
                       const struct bootstrap_settings *settings, struct fault *f)
{
    *s = (struct sample){0};
    int err = estimate_level(settings->level, f);
    if (err)
        return err;
    if (n > UINT32_MAX)
        return fault_set(f, E_BAD_REQUEST, "%zu cases are more than a mean is taken of", n);
    s->parts = n > 0 ? ARENA_ARRAY(arena, struct part, n) : NULL;
    return n > 0 && !s->parts ? E_MEMORY : 0;
}

static int sample_add(struct sample *s, size_t case_at, double value, double weight,
                      struct fault *f)
{
    if (!isfinite(value) || !isfinite(weight) || weight < 0)
        return fault_set(f, E_BAD_REQUEST,
                         "case %zu: value and weight have to be numbers, the weight at least 0; "
                         "they are %g and %g",
                         case_at + 1, value, weight);
    if (weight == 0)
        return 0;
    s->parts[s->n++] = (struct part){.weight = weight, .off = value};
    s->weight += weight;
    s->weight2 += weight * weight;
    *(value > 0 ? &s->up : &s->down) += weight * fabs(value);
    return 0;
}

/* `size` as above; 0: as large as the values are in the mean. */
static int sample_mean(struct sample *s, struct arena *arena, double size, enum kind kind,
                       const struct bootstrap_settings *settings, struct estimate *ret,
                       struct fault *f)
{
    if (s->n == 0)
        return fault_set(f, E_BAD_REQUEST, "a mean needs at least one case; there is none");
    double mean = (s->up - s->down) / s->weight;
    if (!isfinite(s->weight2) || !isfinite(mean))
        return fault_set(f, E_BAD_REQUEST, "values or weights are too large to be summed up");
    for (size_t i = 0; i < s->n; i++)
        s->parts[i].off = s->parts[i].weight * (s->parts[i].off - mean);
    if (size == 0)
        size = (s->up + s->down) / s->weight;
    return studentise(arena, s->parts, (uint32_t)s->n, mean, size, kind, settings, ret);
}

/* Equal cases that would be worth as much (Kish, "Survey Sampling", 1965). */
static double sample_worth(const struct sample *s)
{
    return fmin((double)s->n, s->weight * s->weight / s->weight2);
}

/* Below so many, resamples are made of the same few cases over and over. */
#define WORTH_LEAST 10

/* The bootstrap's interval, kept within the widest that such scores can have. */
static void settle(struct estimate *e, struct estimate widest, double worth)
{
    if (worth < WORTH_LEAST)
        e->has_low = e->has_high = false;
    *e = estimate_of(e->value, e->has_low ? fmax(e->low, widest.low) : widest.low,
                     e->has_high ? fmin(e->high, widest.high) : widest.high);
}

/* Values from 0 to 1. */
static int sample_share(struct sample *s, struct arena *arena,
                        const struct bootstrap_settings *settings, struct estimate *ret,
                        struct fault *f)
{
    int err = sample_mean(s, arena, 1, EQUAL_TAILS, settings, ret, f);
    if (err)
        return err;
    double n = sample_worth(s), value = fmin(1, ret->value);
    ret->value = value;
    settle(ret, share_wilson_of(value * n, n, settings->level), n);
    return 0;
}

int mean_score(struct arena *arena, const struct case_row *rows, size_t n,
               const struct bootstrap_settings *settings, struct estimate *ret, struct fault *f)
{
    struct sample s;
    int err = sample_init(&s, arena, n, settings, f);
    for (size_t i = 0; !err && i < n; i++)
        if (rows[i].answers > 0)
            err = sample_add(&s, i, case_score(&rows[i]), rows[i].weight, f);
    return err ? err : sample_share(&s, arena, settings, ret, f);
}

int mean_pass(struct arena *arena, const struct case_row *rows, size_t n,
              const struct bootstrap_settings *settings, struct estimate *ret, struct fault *f)
{
    struct sample s;
    bool plain = true; /* one answer each, the same weight */
    double passes = 0;
    int err = sample_init(&s, arena, n, settings, f);
    for (size_t i = 0; !err && i < n; i++) {
        if (rows[i].answers == 0)
            continue;
        err = sample_add(&s, i, case_share(&rows[i]), rows[i].weight, f);
        if (err || rows[i].weight == 0)
            continue;
        plain = plain && rows[i].answers == 1 && rows[i].weight == s.parts[0].weight;
        passes += (double)rows[i].passes;
    }
    if (err)
        return err;
    if (!plain || s.n == 0)
        return sample_share(&s, arena, settings, ret, f);
    return share_wilson(passes, (double)s.n, settings->level, ret, f);
}

/* What a row says, the run's minus the baseline's. */
static int difference_of(double (*value)(const struct case_row *row), struct arena *arena,
                         const struct case_row *run, const struct case_row *baseline, size_t n,
                         const struct bootstrap_settings *settings, struct estimate *ret,
                         struct fault *f)
{
    struct sample s;
    int err = sample_init(&s, arena, n, settings, f);
    for (size_t i = 0; !err && i < n; i++)
        if (run[i].answers > 0 && baseline[i].answers > 0)
            err = sample_add(&s, i, value(&run[i]) - value(&baseline[i]), run[i].weight, f);
    if (!err)
        err = sample_mean(&s, arena, 1, SYMMETRIC, settings, ret, f);
    if (err)
        return err;
    double worth = sample_worth(&s);
    struct estimate widest = pairs_tango_of(worth * s.up / s.weight, worth * s.down / s.weight,
                                            worth, settings->level);
    settle(ret, widest, worth);
    return 0;
}

int mean_difference(struct arena *arena, const struct case_row *run,
                    const struct case_row *baseline, size_t n,
                    const struct bootstrap_settings *settings, struct estimate *ret,
                    struct fault *f)
{
    return difference_of(case_score, arena, run, baseline, n, settings, ret, f);
}

int mean_pass_difference(struct arena *arena, const struct case_row *run,
                         const struct case_row *baseline, size_t n,
                         const struct bootstrap_settings *settings, struct estimate *ret,
                         struct fault *f)
{
    return difference_of(case_share, arena, run, baseline, n, settings, ret, f);
}

int mean_of(struct arena *arena, const double *values, const double *weights, size_t n,
            const struct bootstrap_settings *settings, struct estimate *ret, struct fault *f)
{
    struct sample s;
    int err = sample_init(&s, arena, n, settings, f);
    for (size_t i = 0; !err && i < n; i++)
        err = sample_add(&s, i, values[i], weights ? weights[i] : 1, f);
    return err ? err : sample_mean(&s, arena, 0, EQUAL_TAILS, settings, ret, f);
}
