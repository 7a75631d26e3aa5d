/*
 * simulate.h: what the simulations share: chance, and how a share of rounds is told.
 *
 * The generator is not the one under test (xorshift64*, Vigna 2016), so that neither can hide the
 * other's mistakes.
 */
#ifndef TEST_STATS_SIMULATE_H
#define TEST_STATS_SIMULATE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dice {
    uint64_t state; /* not 0 */
};

static inline uint64_t dice_next(struct dice *d)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return d->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Above 0, below 1. */
static inline double dice_share(struct dice *d)
{
    return ((double)(dice_next(d) >> 11) + 0.5) / 9007199254740992.0;
}

static inline bool dice_yes(struct dice *d, double p)
{
    return dice_share(d) < p;
}

/* Standard normal, by Box and Muller. */
static inline double dice_normal(struct dice *d)
{
    double r = sqrt(-2 * log(dice_share(d)));
    return r * cos(2 * M_PI * dice_share(d));
}

/* Rounds in which an interval held the truth, and how wide it was. */
struct tally {
    long rounds, held, above, below, open; /* truth above or below it; ends that went missing */
    double width;
};

/* Each is `simulate WHAT ROUNDS`; they print a JSON object a line. */
int simulate_margin(long rounds);
int simulate_differences(long rounds);

#endif
