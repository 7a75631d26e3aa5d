#include "eval/stats/estimate.h"

#include <math.h>

struct estimate estimate_of(double value, double low, double high)
{
    return estimate_known((struct estimate){
        .has_value = true,
        .has_low = true,
        .has_high = true,
        .value = value,
        .low = fmin(low, value),
        .high = fmax(high, value),
    });
}

struct estimate estimate_value(double value)
{
    return estimate_known((struct estimate){.has_value = true, .value = value});
}

static void keep_finite(bool *has, double *part)
{
    *has = *has && isfinite(*part);
    if (!*has)
        *part = 0;
}

struct estimate estimate_known(struct estimate e)
{
    keep_finite(&e.has_value, &e.value);
    keep_finite(&e.has_low, &e.low);
    keep_finite(&e.has_high, &e.high);
    return e;
}

int estimate_level(double level, struct fault *f)
{
    if (level > 0 && level < 1)
        return 0;
    return fault_set(f, E_BAD_REQUEST,
                     "an interval's level is a number between 0 and 1, as 0.95; it is %g", level);
}
