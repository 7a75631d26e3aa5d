#include "eval/stats/cases.h"

#include "eval/stats/share.h"

int case_add(struct case_row *row, double score, bool pass, int64_t usd_nanos, struct fault *f)
{
    if (!(score >= 0 && score <= 1))
        return fault_set(f, E_BAD_REQUEST, "a score is a number from 0 to 1; it is %g", score);
    int64_t sum = COST_UNKNOWN;
    if (usd_nanos >= 0 && row->usd_nanos >= 0 &&
        __builtin_add_overflow(row->usd_nanos, usd_nanos, &sum))
        return fault_set(f, E_BAD_REQUEST, "the cost of a case is too large to be counted");
    row->usd_nanos = sum;
    row->answers++;
    row->passes += pass;
    row->score_sum += score;
    return 0;
}

int case_flakiness(const struct case_row *rows, size_t n, double level, struct flakiness *ret,
                   size_t *ret_which, struct fault *f)
{
    int err = estimate_level(level, f);
    if (err)
        return err;
    if (n == 0)
        return fault_set(f, E_BAD_REQUEST, "there is no case of which answers could differ");
    struct flakiness found = {0};
    for (size_t i = 0; i < n; i++) {
        found.repeated += rows[i].answers > 1;
        if (rows[i].passes == 0 || rows[i].passes == rows[i].answers)
            continue;
        if (ret_which)
            ret_which[found.flaky] = i;
        found.flaky++;
    }
    if (found.repeated)
        found.share = share_wilson_of((double)found.flaky, (double)found.repeated, level);
    *ret = found;
    return 0;
}
