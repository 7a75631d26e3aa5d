/* html_scatter.c: the suite's runs, each by what a success costs and how good it is. */
#include <math.h>
#include <string.h>

#include "cli/eval/figures.h"
#include "cli/eval/html.h"

#define RUNS_MAX  40 /* the youngest ones */
#define WIDTH     736.0
#define HEIGHT    340.0
#define LEFT      64.0
#define RIGHT     24.0
#define TOP       16.0
#define BOTTOM    48.0
#define SUCCESSES 1000 /* the axis: what one costs has too many zeros */

struct point {
    struct str label;
    struct estimate quality, usd_nanos;
    bool is_this, is_baseline;
};

struct points {
    unsigned n, unpriced;
    struct point at[RUNS_MAX + 2];
    double usd_most, quality_least;
};

static void point_add(struct points *all, const struct run_folder *r, const struct verdict *v,
                      const struct judged *j)
{
    const struct verdict_part *p = &v->parts[0];
    if (!p->quality.has_value || p->unpriced || !p->success.usd_nanos.has_value) {
        all->unpriced++;
        return;
    }
    if (all->n == ARRAY_LEN(all->at))
        return;
    struct point *at = &all->at[all->n++];
    *at = (struct point){.label = r->facts.model.n ? r->facts.model : r->facts.id,
                         .quality = p->quality,
                         .usd_nanos = p->success.usd_nanos,
                         .is_this = str_eq(r->facts.id, j->run->facts.id),
                         .is_baseline = j->baseline && str_eq(r->facts.id, j->baseline->facts.id)};
    double high = at->usd_nanos.has_high ? at->usd_nanos.high : at->usd_nanos.value;
    all->usd_most = fmax(all->usd_most, fmin(high, 3 * at->usd_nanos.value));
    all->quality_least = fmin(all->quality_least,
                              at->quality.has_low ? at->quality.low : at->quality.value);
}

/* Another run of the suite; what cannot be read is no point. */
static int other_add(struct points *all, const struct run_folder *r, const struct judged *j)
{
    struct results results;
    struct verdict v;
    struct fault ignored = {0};
    const struct verdict_settings settings = {.margin = j->verdict.margin, .seed = 1};
    struct str path = folder_file(j->arena, r, "results.jsonl");
    if (!path.p)
        return E_MEMORY;
    int err = results_read(path.p, &results, &ignored);
    if (!err)
        err = verdict_make(j->arena, &results, &settings, &v, &ignored);
    if (!err)
        point_add(all, r, &v, j);
    results_fini(&results);
    return err == E_MEMORY ? err : 0;
}

/* "runs" of "runs/suite/id" */
static struct str runs_of(const struct run_folder *r)
{
    struct str path = r->path;
    for (int i = 0; i < 2; i++) {
        const char *slash = memrchr(path.p, '/', path.n);
        path = slash ? str_head(path, (size_t)(slash - path.p)) : STR(".");
    }
    return path;
}

static int points_take(const struct judged *j, struct points *all)
{
    struct run_list list;
    struct fault ignored = {0};
    *all = (struct points){.quality_least = 1};
    int err = folder_list(j->arena, runs_of(j->run), j->run->facts.suite, &list, &ignored);
    unsigned from = list.n > RUNS_MAX ? list.n - RUNS_MAX : 0;
    for (unsigned i = from; i < list.n && !err; i++) {
        const struct run_folder *r = &list.at[i];
        bool other = !str_eq(r->facts.id, j->run->facts.id);
        if (other && r->facts.complete)
            err = other_add(all, r, j);
    }
    point_add(all, j->run, &j->verdict, j); /* last: drawn over the others */
    return err == E_MEMORY ? err : 0;
}

static double x_of(const struct points *all, double usd_nanos)
{
    double share = all->usd_most > 0 ? usd_nanos / (all->usd_most * 1.1) : 0;
    return LEFT + fmin(share, 1) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct points *all, double quality)
{
    double least = fmax(0, floor(all->quality_least * 10) / 10 - 0.05);
    return TOP + (1 - (quality - least) / (1 - least)) * (HEIGHT - TOP - BOTTOM);
}

static void axes_put(struct buf *out, const struct points *all)
{
    for (int tenth = 0; tenth <= 10; tenth++) {
        double y = y_of(all, tenth / 10.0);
        if (y > HEIGHT - BOTTOM + 0.5)
            continue;
        buf_printf(out,
                   "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" "
                   "stroke=\"var(--line)\"/><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%d "
                   "%%</text>\n",
                   LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, tenth * 10);
    }
    for (int i = 0; i <= 4; i++) {
        double usd_nanos = all->usd_most * 1.1 * i / 4;
        buf_printf(out, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"%s\">", x_of(all, usd_nanos),
                   HEIGHT - BOTTOM + 18, i == 4 ? "end" : "middle");
        figure_put(out, FIGURE_USD, usd_nanos * SUCCESSES);
        buf_str(out, STR("</text>\n"));
    }
    buf_printf(
        out,
        "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">dollars for 1,000 successes</text>\n",
        (WIDTH + LEFT - RIGHT) / 2, HEIGHT - 10);
}

static void point_put(struct buf *out, const struct points *all, const struct point *p,
                      unsigned number)
{
    const char *color = p->is_this ? "var(--this)" : p->is_baseline ? "var(--ink)" : "var(--other)";
    double x = x_of(all, p->usd_nanos.value), y = y_of(all, p->quality.value);
    if (p->quality.has_low && p->quality.has_high)
        buf_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>", x,
                   x, y_of(all, p->quality.low), y_of(all, p->quality.high), color);
    if (p->usd_nanos.has_low && p->usd_nanos.has_high)
        buf_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>",
                   x_of(all, p->usd_nanos.low), x_of(all, p->usd_nanos.high), y, y, color);
    buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"><title>", x, y,
               p->is_this ? 7 : 5, color);
    html_text(out, p->label);
    buf_str(out, STR(": "));
    figure_put(out, FIGURE_SHARE, p->quality.value);
    buf_str(out, STR(" at "));
    figure_put(out, FIGURE_USD, p->usd_nanos.value);
    buf_str(out, STR(" dollars a success</title></circle>\n"));
    /* Two may stand on one spot: this run's name above it, the baseline's below, numbers on the
     * other side. */
    bool named = p->is_this || p->is_baseline, left = (x > WIDTH - 140) == named;
    double at = p->is_this ? y - 10 : y + 20;
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", left ? x - 12 : x + 12, at,
               left ? "end" : "start");
    if (named)
        buf_str(out, p->is_this ? STR("this run") : STR("baseline"));
    else
        buf_printf(out, "%u", number);
    buf_str(out, STR("</text>\n"));
}

/* What the numbers in the drawing are. */
static void names_put(struct buf *out, const struct points *all)
{
    unsigned n = 0;
    for (unsigned i = 0; i < all->n; i++) {
        const struct point *p = &all->at[i];
        if (p->is_this || p->is_baseline)
            continue;
        buf_printf(out, "%s%u ", n++ ? ", " : "<p class=\"soft\">Other runs: ", i + 1);
        html_text(out, p->label);
        buf_str(out, STR(" ("));
        figure_put(out, FIGURE_SHARE, p->quality.value);
        buf_char(out, ')');
    }
    if (n)
        buf_str(out, STR("</p>\n"));
}

int html_scatter(const struct judged *j, struct buf *out)
{
    struct points *all = ARENA_NEW(j->arena, struct points);
    if (!all)
        return E_MEMORY;
    int err = points_take(j, all);
    if (err)
        return err;
    if (all->n == 0) {
        buf_str(out, STR("<p class=\"soft\">No run of this suite has both a price and a success."
                         "</p>\n"));
        return 0;
    }
    buf_printf(out,
               "<svg id=\"scatter\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"dollars a "
               "success against the score, for each run of the suite\">\n",
               WIDTH, HEIGHT);
    axes_put(out, all);
    for (unsigned i = 0; i < all->n; i++)
        point_put(out, all, &all->at[i], i + 1);
    buf_str(out, STR("</svg>\n"));
    names_put(out, all);
    if (all->unpriced)
        buf_printf(out, "<p class=\"soft\">%u more without a price or a success.</p>\n",
                   all->unpriced);
    return out->failed;
}
