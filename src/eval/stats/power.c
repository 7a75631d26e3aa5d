#include "eval/stats/power.h"

#include <math.h>

#include "base/buf.h"
#include "eval/stats/dist.h"
#include "eval/stats/paired.h"

/* The chance with n cases; all arguments are in their ranges. */
typedef double power_fn(int64_t n, double discordant, double difference, double level);

/* ---------------------------------------------------------------- powers */

/* So many changed cases are possible: all but what has a chance of less than 1e-14. */
static void likely_range(int64_t n, double discordant, int64_t *ret_from, int64_t *ret_to)
{
    double middle = (double)n * discordant;
    double reach = 8 * sqrt(middle * (1 - discordant)) + 30;
    *ret_from = (int64_t)fmax(0, floor(middle - reach));
    *ret_to = (int64_t)fmin((double)n, ceil(middle + reach));
}

/* Of `changed` cases, so few gains make McNemar's test reject; -1 where not even none does. */
static int64_t fewest_gains(int64_t changed, double tail)
{
    int64_t low = -1, high = changed / 2 + 1;
    while (high - low > 1) {
        int64_t k = low + (high - low) / 2;
        if (binomial_cdf(k, changed, 0.5) <= tail)
            low = k;
        else
            high = k;
    }
    return low;
}

static double drop_power(int64_t n, double discordant, double drop, double level)
{
    double changes = fmax(discordant, drop), gain = (changes - drop) / (2 * changes);
    double tail = (1 - level) / 2, power = 0;
    int64_t from, to;
    likely_range(n, changes, &from, &to);
    int64_t gains = fewest_gains(from, tail);
    for (int64_t changed = from; changed <= to; changed++) {
        if (binomial_cdf(gains + 1, changed, 0.5) <= tail)
            gains++; /* one case more allows for one gain more at most */
        power += binomial_mass(changed, n, changes) * binomial_cdf(gains, changed, gain);
    }
    return fmin(1, power);
}

/* Of `changed` cases among n, so many losses still show it not worse by the margin; or -1. */
static int64_t most_losses(int64_t changed, int64_t n, double margin, double limit)
{
    int64_t low = -1, high = changed + 1;
    while (high - low > 1) {
        int64_t lost = low + (high - low) / 2;
        double gained = (double)(changed - lost);
        if (pairs_tango_z(gained, (double)lost, (double)n, -margin) > limit)
            low = lost;
        else
            high = lost;
    }
    return low;
}

static double margin_power(int64_t n, double discordant, double margin, double level)
{
    double limit = normal_two_sided(level), power = 0;
    int64_t from, to;
    likely_range(n, discordant, &from, &to);
    for (int64_t changed = from; changed <= to; changed++) {
        int64_t lost = most_losses(changed, n, margin, limit);
        power += binomial_mass(changed, n, discordant) * binomial_cdf(lost, changed, 0.5);
    }
    return fmin(1, power);
}

/* ---------------------------------------------------------------- arguments */

static int check_plan(double discordant, double level, double power, struct fault *f)
{
    if (!(discordant >= 0 && discordant <= 1))
        return fault_set(f, E_BAD_REQUEST,
                         "the share of cases that change is a number from 0 to 1; it is %g",
                         discordant);
    if (!(power > 0 && power < 1))
        return fault_set(f, E_BAD_REQUEST, "a power is a number between 0 and 1, as 0.8; it is %g",
                         power);
    return estimate_level(level, f);
}

static int check_drop(double drop, struct fault *f)
{
    if (drop > 0 && drop <= 1)
        return 0;
    return fault_set(f, E_BAD_REQUEST,
                     "a drop is a number above 0, as 0.04 for four points, up to 1; it is %g",
                     drop);
}

static int check_margin(double margin, struct fault *f)
{
    if (margin > 0 && margin < 1)
        return 0;
    return fault_set(f, E_BAD_REQUEST,
                     "a margin is a number between 0 and 1, as 0.02 for two points; it is %g",
                     margin);
}

static int check_cases(int64_t n, struct fault *f)
{
    if (n >= 1 && n <= POWER_CASES_MAX)
        return 0;
    return fault_set(f, E_BAD_REQUEST, "a sample has 1 to %d cases; it has %lld", POWER_CASES_MAX,
                     (long long)n);
}

/* ---------------------------------------------------------------- the questions */

int power_of_drop(int64_t n, double discordant, double drop, double level, double *ret,
                  struct fault *f)
{
    int err = check_plan(discordant, level, POWER_WANTED, f);
    if (!err)
        err = check_drop(drop, f);
    if (!err)
        err = check_cases(n, f);
    if (!err)
        *ret = drop_power(n, discordant, drop, level);
    return err;
}

int power_of_margin(int64_t n, double discordant, double margin, double level, double *ret,
                    struct fault *f)
{
    int err = check_plan(discordant, level, POWER_WANTED, f);
    if (!err)
        err = check_margin(margin, f);
    if (!err)
        err = check_cases(n, f);
    if (!err)
        *ret = margin_power(n, discordant, margin, level);
    return err;
}

int power_smallest_drop(int64_t n, double discordant, double level, double power, double *ret_drop,
                        struct fault *f)
{
    int err = check_plan(discordant, level, power, f);
    if (!err)
        err = check_cases(n, f);
    if (err)
        return err;
    double unseen = 0, seen = 1;
    if (drop_power(n, discordant, seen, level) < power) {
        *ret_drop = 0;
        return 0;
    }
    while (seen - unseen > 1e-6) {
        double drop = unseen + (seen - unseen) / 2;
        if (drop_power(n, discordant, drop, level) >= power)
            seen = drop;
        else
            unseen = drop;
    }
    *ret_drop = seen;
    return 0;
}

static int64_t cases_for(power_fn *chance, double discordant, double difference, double level,
                         double power)
{
    int64_t few = 0, enough = 1;
    while (chance(enough, discordant, difference, level) < power) {
        if (enough == POWER_CASES_MAX)
            return 0;
        few = enough;
        enough = enough < POWER_CASES_MAX / 2 ? enough * 2 : POWER_CASES_MAX;
    }
    while (enough - few > 1) {
        int64_t n = few + (enough - few) / 2;
        if (chance(n, discordant, difference, level) >= power)
            enough = n;
        else
            few = n;
    }
    return enough;
}

int power_cases_for_drop(double discordant, double drop, double level, double power, int64_t *ret_n,
                         struct fault *f)
{
    int err = check_plan(discordant, level, power, f);
    if (!err)
        err = check_drop(drop, f);
    if (!err)
        *ret_n = cases_for(drop_power, discordant, drop, level, power);
    return err;
}

int power_cases_for_margin(double discordant, double margin, double level, double power,
                           int64_t *ret_n, struct fault *f)
{
    int err = check_plan(discordant, level, power, f);
    if (!err)
        err = check_margin(margin, f);
    if (!err)
        *ret_n = cases_for(margin_power, discordant, margin, level, power);
    return err;
}

double power_discordant_most(double share)
{
    return share >= 0 && share <= 1 ? 2 * share * (1 - share) : 0.5;
}

/* ---------------------------------------------------------------- in words */

/* "4 points", "3.4 points", "1 point". */
static void say_points(struct buf *out, double share)
{
    double points = round(share * 1000) / 10;
    buf_printf(out, "%g point%s", points, points == 1 ? "" : "s");
}

int power_sentence(struct buf *out, int64_t n, double discordant, double drop, double level,
                   struct fault *f)
{
    double chance = 0, smallest = 0;
    int64_t needed = 0;
    int err = power_of_drop(n, discordant, drop, level, &chance, f);
    if (!err && chance >= POWER_WANTED)
        err = power_smallest_drop(n, discordant, level, POWER_WANTED, &smallest, f);
    else if (!err)
        err = power_cases_for_drop(discordant, drop, level, POWER_WANTED, &needed, f);
    if (err)
        return err;
    buf_printf(out, "with %lld case%s a drop of ", (long long)n, n == 1 ? "" : "s");
    say_points(out, drop);
    if (smallest > 0) {
        buf_str(out, STR(" would be seen; one below "));
        say_points(out, smallest);
        buf_str(out, STR(" might not"));
    } else if (needed > 0) {
        buf_printf(out, " would go unseen; %lld would show it", (long long)needed);
    } else {
        buf_printf(out, " would go unseen, and with %d still", POWER_CASES_MAX);
    }
    return out->failed;
}
