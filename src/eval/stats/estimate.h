/*
 * estimate.h: a figure with its interval, of which any part may be missing.
 *
 * What cannot be told is missing, never 0 and never NaN: a part whose `has_` is false is 0 and says
 * nothing. A value between two ends satisfies low <= value <= high. Whatever a figure needs and
 * does not get (an answer to grade, a number that is one) is E_BAD_REQUEST with the reason.
 *
 * Nothing in this folder waits, keeps state or takes memory but from the arena that it is given.
 */
#ifndef EVAL_STATS_ESTIMATE_H
#define EVAL_STATS_ESTIMATE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"

/* The share of intervals that hold the truth; its two tails are half of the rest each. */
#define STATS_LEVEL 0.95

struct estimate {
    bool has_value, has_low, has_high;
    double value, low, high;
};

/* All three, the ends moved outwards to the value where rounding put them past it. */
struct estimate estimate_of(double value, double low, double high);
/* A value without an interval. */
struct estimate estimate_value(double value);
/* Parts that are no finite numbers go missing, so that no NaN gets any further. */
struct estimate estimate_known(struct estimate e);

/* 0, or E_BAD_REQUEST where `level` is not between 0 and 1 (neither included). */
MUSTCHECK int estimate_level(double level, struct fault *f);

#endif
