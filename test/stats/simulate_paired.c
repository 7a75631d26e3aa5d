/* simulate_paired.c: two runs over the same cases, made by chance. */
#include "simulate.h"

#include <stdlib.h>

#include "base/macros.h"
#include "eval/stats/paired.h"
#include "eval/stats/power.h"

#define LEVEL 0.95

/* A baseline passes `share`; the run loses and gains so much of all cases. */
struct truth {
    double share, gain, loss;
};

static struct pairs draw(struct dice *d, const struct truth *truth, int64_t n)
{
    struct pairs p = {0};
    for (int64_t i = 0; i < n; i++) {
        double u = dice_share(d);
        if (u < truth->loss)
            p.lost++;
        else if (u < truth->share)
            p.both++;
        else if (u < truth->share + truth->gain)
            p.gained++;
        else
            p.neither++;
    }
    return p;
}

static void must(int err, const struct fault *f)
{
    if (err) {
        fprintf(stderr, "simulate: %s\n", f->text);
        exit(1);
    }
}

/* The share of rounds in which the run is shown not worse by the margin. */
static double passes(struct dice *d, const struct truth *truth, int64_t n, double margin,
                     long rounds)
{
    long passed = 0;
    for (long round = 0; round < rounds; round++) {
        struct pairs p = draw(d, truth, n);
        struct fault f = {0};
        struct noninferiority test;
        must(pairs_noninferior(&p, margin, LEVEL, &test, &f), &f);
        passed += test.holds;
    }
    return (double)passed / (double)rounds;
}

/*
 * The brake's two promises, at a margin of two points: over pass rates, shares that change and
 * sample sizes; "edge" is a candidate that is worse by just the margin.
 */
int simulate_margin(long rounds)
{
    static const double shares[] = {0.5, 0.65, 0.8, 0.9, 0.95}, changing[] = {0.06, 0.1, 0.2, 0.4};
    static const int64_t sizes[] = {50, 100, 200, 500, 0 /* as recommended */};
    const double margin = 0.02, drop = 0.05;
    struct dice d = {UINT64_C(0xb7a3e)};
    for (size_t s = 0; s < ARRAY_LEN(shares); s++) {
        for (size_t c = 0; c < ARRAY_LEN(changing); c++) {
            double change = changing[c], share = shares[s];
            if ((change + drop) / 2 > share || change / 2 > 1 - share)
                continue; /* so few failing cases cannot be gained */
            struct fault f = {0};
            int64_t recommended;
            must(power_cases_for_margin(change, margin, LEVEL, POWER_PLANNED, &recommended, &f),
                 &f);
            struct truth equal = {share, change / 2, change / 2};
            struct truth edge = {share, (change - margin) / 2, (change + margin) / 2};
            struct truth worse = {share, (change - drop) / 2, (change + drop) / 2};
            for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                int64_t n = sizes[i] ? sizes[i] : recommended;
                printf("{\"what\":\"margin\",\"share\":%.2f,\"changing\":%.2f,\"n\":%lld,"
                       "\"recommended\":%s,\"equal\":%.4f,\"edge\":%.4f,\"worse\":%.4f}\n",
                       share, change, (long long)n, sizes[i] ? "false" : "true",
                       passes(&d, &equal, n, margin, rounds), passes(&d, &edge, n, margin, rounds),
                       passes(&d, &worse, n, margin, rounds));
            }
        }
    }
    return 0;
}

/* How often the two intervals of a paired difference hold the truth. */
int simulate_differences(long rounds)
{
    static const struct truth truths[] = {
        {0.9, 0.03, 0.03}, {0.9, 0.02, 0.07}, {0.7, 0.1, 0.1},
        {0.7, 0.05, 0.15}, {0.5, 0.2, 0.2},   {0.95, 0.01, 0.06},
    };
    static const int64_t sizes[] = {50, 100, 200, 500};
    struct dice d = {UINT64_C(0xd1ff)};
    for (size_t k = 0; k < ARRAY_LEN(truths); k++) {
        double truth = truths[k].gain - truths[k].loss;
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            long newcombe = 0, tango = 0;
            for (long round = 0; round < rounds; round++) {
                struct pairs p = draw(&d, &truths[k], sizes[s]);
                struct fault f = {0};
                struct estimate e;
                must(pairs_newcombe(&p, LEVEL, &e, &f), &f);
                newcombe += e.low <= truth && truth <= e.high;
                must(pairs_tango(&p, LEVEL, &e, &f), &f);
                tango += e.low <= truth && truth <= e.high;
            }
            printf("{\"what\":\"differences\",\"share\":%.2f,\"gain\":%.2f,\"loss\":%.2f,"
                   "\"n\":%lld,\"newcombe\":%.4f,\"tango\":%.4f}\n",
                   truths[k].share, truths[k].gain, truths[k].loss, (long long)sizes[s],
                   (double)newcombe / (double)rounds, (double)tango / (double)rounds);
        }
    }
    return 0;
}
