#include "eval/stats/share.h"

#include <math.h>

#include "eval/stats/dist.h"

struct estimate share_wilson_of(double passes, double n, double level)
{
    double p = passes / n, z = normal_two_sided(level), z2 = z * z;
    double middle = (passes + z2 / 2) / (n + z2);
    double half = z / (n + z2) * sqrt(n * p * (1 - p) + z2 / 4);
    /* At the edges it ends there; rounding would leave a rest of 1e-17. */
    return estimate_of(p, passes <= 0 ? 0 : fmax(0, middle - half),
                       passes >= n ? 1 : fmin(1, middle + half));
}

int share_wilson(double passes, double n, double level, struct estimate *ret, struct fault *f)
{
    int err = estimate_level(level, f);
    if (err)
        return err;
    if (!(n > 0) || !isfinite(n))
        return fault_set(f, E_BAD_REQUEST, "a share needs at least one case; there is none");
    if (!(passes >= 0 && passes <= n))
        return fault_set(f, E_BAD_REQUEST, "%g of %g cases cannot have passed", passes, n);
    *ret = share_wilson_of(passes, n, level);
    return 0;
}
