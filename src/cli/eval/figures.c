#include "cli/eval/figures.h"

#include <math.h>
#include <string.h>

/* Dollars with three digits that count, however small they are: "0.00000776". */
static void usd_put(struct buf *out, double usd)
{
    int places = usd > 0 ? 2 - (int)floor(log10(usd)) : 2;
    buf_printf(out, "%.*f", places < 2 ? 2 : places > 12 ? 12 : places, usd);
}

/* Without its unit, which an interval says once. */
static void bare_put(struct buf *out, enum figure kind, double value)
{
    if (kind == FIGURE_SHARE)
        buf_printf(out, "%.1f", value * 100);
    else if (kind == FIGURE_POINTS)
        buf_printf(out, "%+.1f", value * 100);
    else if (kind == FIGURE_USD)
        usd_put(out, value / 1e9);
    else if (value < 1000)
        buf_printf(out, "%.2g", value / 1000);
    else
        buf_printf(out, value < 1e6 ? "%.0f" : "%.1f", value < 1e6 ? value / 1e3 : value / 1e6);
}

static const char *unit_of(enum figure kind, double value)
{
    if (kind == FIGURE_SHARE)
        return " %";
    if (kind == FIGURE_POINTS)
        return " points";
    return kind == FIGURE_USD ? "" : value < 1e6 ? " ms" : " s";
}

void figure_put(struct buf *out, enum figure kind, double value)
{
    bare_put(out, kind, value);
    buf_str(out, str_from(unit_of(kind, value)));
}

void figure_interval(struct buf *out, enum figure kind, const struct estimate *e)
{
    if (!e->has_low && !e->has_high) {
        buf_char(out, '-');
        return;
    }
    const char *low = unit_of(kind, e->low), *high = unit_of(kind, e->high);
    if (e->has_low) {
        bare_put(out, kind, e->low);
        if (!e->has_high || strcmp(low, high) != 0)
            buf_str(out, str_from(low));
    } else {
        buf_char(out, '-');
    }
    buf_str(out, STR(" to "));
    if (e->has_high)
        figure_put(out, kind, e->high);
    else
        buf_char(out, '-');
}

void figure_points(struct buf *out, double difference)
{
    buf_printf(out, "%+.1f points", difference * 100);
}

enum figure figure_of_bar(const struct verdict_bar *bar)
{
    return strcmp(bar->name, "p95") == 0                ? FIGURE_SPAN
           : strcmp(bar->name, "cost_per_success") == 0 ? FIGURE_USD
           : strcmp(bar->name, "not_worse") == 0        ? FIGURE_POINTS
                                                        : FIGURE_SHARE;
}
