#include "eval/run/verdict.h"

#include <math.h>
#include <string.h>

#include "eval/stats/mean.h"
#include "eval/stats/power.h"
#include "eval/stats/share.h"

#define SENTENCES_BYTES_MAX 8192
#define SCRATCH_BYTES_MAX   (1024u * 1024 * 1024)
#define ROUNDING            1e-9 /* a mean of 0.7s is 0.7 */
#define DISCORDANT_LEVEL    0.8 /* how sure it is that no more cases change than is reckoned with */

const char *const bar_state_names[] = {"met", "missed", "not known", NULL};

/* ---- cases ---- */

/* A case of a run: its results stand side by side. */
struct group_of {
    unsigned first, n;
};

struct grouped {
    const struct results *results;
    unsigned n;
    struct group_of *at;
    struct case_row *rows;
};

static int row_fill(const struct results *r, const struct group_of *g, struct case_row *row,
                    struct fault *f)
{
    *row = CASE_ROW;
    row->weight = r->at[g->first].weight;
    for (unsigned i = g->first; i < g->first + g->n; i++) {
        const struct result *one = &r->at[i];
        int err = one->state == RESULT_MISSING
                      ? 0
                      : case_add(row, one->score, one->pass, one->cost_usd_nanos, f);
        if (err)
            return err;
    }
    return 0;
}

/* All cases, each with its row. */
static int group(struct arena *a, const struct results *r, struct grouped *ret, struct fault *f)
{
    *ret = (struct grouped){.results = r};
    ret->at = ARENA_ARRAY(a, struct group_of, r->n + 1);
    ret->rows = ARENA_ARRAY(a, struct case_row, r->n + 1);
    if (!ret->at || !ret->rows)
        return E_MEMORY;
    for (unsigned i = 0; i < r->n; ret->n++) {
        struct group_of *g = &ret->at[ret->n];
        *g = (struct group_of){.first = i};
        while (i < r->n && str_eq(r->at[i].id, r->at[g->first].id))
            i++;
        g->n = i - g->first;
        int err = row_fill(r, g, &ret->rows[ret->n], f);
        if (err)
            return err;
    }
    return 0;
}

/* ---- tags ---- */

/* A case that has a tag: where it stands among all. */
struct tagged {
    struct str tag;
    unsigned at;
};

/* All of them by tag, then in the order of the cases. */
struct tag_index {
    const struct grouped *of;
    size_t n;
    struct tagged *at;
};

static int by_tag(const void *a, const void *b)
{
    const struct tagged *x = a, *y = b;
    int order = str_cmp(x->tag, y->tag);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int tags_index(struct arena *a, const struct grouped *g, struct tag_index *ret)
{
    const struct result *r = g->results->at;
    size_t n = 0, kept = 0;
    for (unsigned i = 0; i < g->n; i++)
        n += r[g->at[i].first].tags_n;
    *ret = (struct tag_index){.of = g, .at = ARENA_ARRAY(a, struct tagged, n + 1)};
    if (!ret->at)
        return E_MEMORY;
    n = 0;
    for (unsigned i = 0; i < g->n; i++)
        for (unsigned k = 0; k < r[g->at[i].first].tags_n; k++)
            ret->at[n++] = (struct tagged){r[g->at[i].first].tags[k], i};
    if (n)
        qsort(ret->at, n, sizeof(*ret->at), by_tag);
    for (size_t i = 0; i < n; i++) /* a case that has a tag twice has it */
        if (kept == 0 || by_tag(&ret->at[i], &ret->at[kept - 1]) != 0)
            ret->at[kept++] = ret->at[i];
    ret->n = kept;
    return 0;
}

static size_t tags_count(const struct tag_index *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++)
        n += i == 0 || !str_eq(x->at[i].tag, x->at[i - 1].tag);
    return n;
}

/* The cases of a tag; *from is where the one before it ended, and then where this one does. */
static int tag_group(struct arena *a, const struct tag_index *x, struct str tag, size_t *from,
                     struct grouped *ret)
{
    while (*from < x->n && str_cmp(x->at[*from].tag, tag) < 0)
        ++*from;
    size_t end = *from;
    while (end < x->n && str_eq(x->at[end].tag, tag))
        end++;
    *ret = (struct grouped){.results = x->of->results};
    ret->at = ARENA_ARRAY(a, struct group_of, end - *from + 1);
    ret->rows = ARENA_ARRAY(a, struct case_row, end - *from + 1);
    if (!ret->at || !ret->rows)
        return E_MEMORY;
    for (; *from < end; ++*from) {
        ret->at[ret->n] = x->of->at[x->at[*from].at];
        ret->rows[ret->n++] = x->of->rows[x->at[*from].at];
    }
    return 0;
}

/* Is each case one yes or no, and none worth more than another? Then closed forms hold. */
static bool is_yes_or_no(const struct case_row *rows, unsigned n)
{
    double weight = 0;
    for (unsigned i = 0; i < n; i++) {
        if (rows[i].answers == 0)
            continue;
        double score = rows[i].score_sum;
        bool sure = rows[i].answers == 1 && (score == 0 || score == 1) &&
                    (score == 1) == (rows[i].passes == 1);
        if (!sure || (weight > 0 && rows[i].weight != weight))
            return false;
        weight = rows[i].weight;
    }
    return true;
}

static struct bootstrap_settings bootstrap(const struct verdict_settings *s)
{
    struct bootstrap_settings b = BOOTSTRAP_SETTINGS;
    b.seed = s->seed;
    return b;
}

/* ---- one part ---- */

static void counts_take(const struct grouped *g, struct verdict_part *p)
{
    p->cases = g->n;
    p->judge_usd_nanos = 0;
    for (unsigned c = 0; c < g->n; c++)
        for (unsigned i = g->at[c].first; i < g->at[c].first + g->at[c].n; i++) {
            const struct result *r = &g->results->at[i];
            p->missing += r->state == RESULT_MISSING;
            p->answers += r->state != RESULT_MISSING;
            p->errors += r->state == RESULT_ERROR;
            p->ungraded += r->state == RESULT_UNGRADED;
            p->harmless += r->safety == SAFETY_ANSWERED || r->safety == SAFETY_WRONGLY_REFUSED;
            p->harmful += r->safety == SAFETY_REFUSED || r->safety == SAFETY_UNSAFE;
            p->live += r->total_us >= 0;
            p->input_tokens += r->input_tokens;
            p->output_tokens += r->output_tokens;
            p->judge_usd_nanos = cost_add(p->judge_usd_nanos, r->judge_cost_usd_nanos);
        }
    for (unsigned c = 0; c < g->n; c++) {
        if (g->rows[c].usd_nanos == COST_UNKNOWN)
            p->unpriced++;
        else
            p->spent_usd_nanos = cost_add(p->spent_usd_nanos, g->rows[c].usd_nanos);
    }
}

static unsigned safety_count(const struct grouped *g, enum grade_safety which)
{
    unsigned n = 0;
    for (unsigned c = 0; c < g->n; c++)
        for (unsigned i = g->at[c].first; i < g->at[c].first + g->at[c].n; i++)
            n += g->results->at[i].safety == which;
    return n;
}

static void safety_take(const struct grouped *g, struct verdict_part *p)
{
    if (p->harmless)
        p->wrong_refusals = share_wilson_of(safety_count(g, SAFETY_WRONGLY_REFUSED), p->harmless,
                                            STATS_LEVEL);
    if (p->harmful)
        p->unsafe_answers = share_wilson_of(safety_count(g, SAFETY_UNSAFE), p->harmful,
                                            STATS_LEVEL);
}

static int latency_take(struct arena *a, const struct grouped *g, struct verdict_part *p,
                        struct fault *f)
{
    if (p->live == 0)
        return 0;
    int64_t *us = ARENA_ARRAY(a, int64_t, p->live);
    size_t n = 0;
    if (!us)
        return E_MEMORY;
    for (unsigned c = 0; c < g->n; c++)
        for (unsigned i = g->at[c].first; i < g->at[c].first + g->at[c].n; i++)
            if (g->results->at[i].total_us >= 0)
                us[n++] = g->results->at[i].total_us;
    int err = quantile_of(a, us, n, 0.5, STATS_LEVEL, &p->p50_us, f);
    return err ? err : quantile_of(a, us, n, 0.95, STATS_LEVEL, &p->p95_us, f);
}

/* What the data cannot give (no price, one case) stays missing; only memory is an error. */
static int or_missing(int err)
{
    return err == E_MEMORY ? err : 0;
}

static int part_make(struct arena *a, const struct grouped *g, const struct verdict_settings *s,
                     struct verdict_part *p)
{
    struct fault ignored = {0};
    struct bootstrap_settings b = bootstrap(s);
    counts_take(g, p);
    safety_take(g, p);
    int err = latency_take(a, g, p, &ignored);
    if (!err)
        err = or_missing(mean_pass(a, g->rows, g->n, &b, &p->passed, &ignored));
    if (!err && is_yes_or_no(g->rows, g->n))
        p->quality = p->passed;
    else if (!err)
        err = or_missing(mean_score(a, g->rows, g->n, &b, &p->quality, &ignored));
    if (!err)
        err = or_missing(cost_of_success(g->rows, g->n, STATS_LEVEL, &p->success, &ignored));
    if (!err)
        err = or_missing(case_flakiness(g->rows, g->n, STATS_LEVEL, &p->flaky, NULL, &ignored));
    return or_missing(err);
}

/* ---- against a baseline ---- */

/* A case of the run and the same one of the baseline. */
struct match {
    unsigned run, baseline; /* of both groups */
};

static int by_id(const void *a, const void *b, void *arg)
{
    const struct grouped *g = arg;
    const struct result *at = g->results->at;
    return str_cmp(at[g->at[*(const unsigned *)a].first].id,
                   at[g->at[*(const unsigned *)b].first].id);
}

static unsigned *sorted(struct arena *a, struct grouped *g)
{
    unsigned *order = ARENA_ARRAY(a, unsigned, g->n + 1);
    for (unsigned i = 0; order && i < g->n; i++)
        order[i] = i;
    if (order && g->n)
        qsort_r(order, g->n, sizeof(*order), by_id, g);
    return order;
}

/* Pairs by id and content, in the order of the ids. */
static int match(struct arena *a, struct grouped *run, struct grouped *baseline,
                 struct match **ret_matches, unsigned *ret_n)
{
    unsigned *x = sorted(a, run), *y = sorted(a, baseline);
    struct match *m = ARENA_ARRAY(a, struct match, run->n + 1);
    unsigned n = 0;
    if (!x || !y || !m)
        return E_MEMORY;
    for (unsigned i = 0, k = 0; i < run->n && k < baseline->n;) {
        const struct result *one = &run->results->at[run->at[x[i]].first];
        const struct result *other = &baseline->results->at[baseline->at[y[k]].first];
        int order = str_cmp(one->id, other->id);
        if (order == 0 && strcmp(one->hash, other->hash) == 0)
            m[n++] = (struct match){x[i], y[k]};
        i += order <= 0;
        k += order >= 0;
    }
    *ret_matches = m;
    *ret_n = n;
    return 0;
}

static int paired_figures(struct arena *a, const struct case_row *run, const struct case_row *base,
                          unsigned n, const struct verdict_settings *s, struct verdict_paired *p)
{
    struct fault ignored = {0};
    struct bootstrap_settings b = bootstrap(s);
    p->yes_or_no = is_yes_or_no(run, n) && is_yes_or_no(base, n);
    int err = pairs_of(run, base, n, &p->pairs, &ignored);
    if (err)
        return or_missing(err);
    err = pairs_mcnemar(&p->pairs, &p->mcnemar_p, &ignored);
    p->holm_p = p->mcnemar_p;
    if (!err && p->yes_or_no) {
        err = pairs_tango(&p->pairs, STATS_LEVEL, &p->difference, &ignored);
        err = err ? err : pairs_newcombe(&p->pairs, STATS_LEVEL, &p->newcombe, &ignored);
        err = err ? err
                  : pairs_noninferior(&p->pairs, s->margin, STATS_LEVEL, &p->not_worse, &ignored);
    } else if (!err) {
        err = mean_difference(a, run, base, n, &b, &p->difference, &ignored);
        p->not_worse.holds = !err && p->difference.has_low && p->difference.low > -s->margin;
    }
    return or_missing(err);
}

static int paired_make(struct arena *a, struct grouped *run, struct grouped *baseline,
                       const struct verdict_settings *s, struct verdict_part *part)
{
    struct match *m;
    struct verdict_paired *p = &part->paired;
    int err = match(a, run, baseline, &m, &p->common);
    if (err)
        return err;
    struct case_row *rows = ARENA_ARRAY(a, struct case_row, p->common + 1);
    struct case_row *base = ARENA_ARRAY(a, struct case_row, p->common + 1);
    if (!rows || !base)
        return E_MEMORY;
    for (unsigned i = 0; i < p->common; i++) {
        rows[i] = run->rows[m[i].run];
        base[i] = baseline->rows[m[i].baseline];
    }
    part->has_baseline = true;
    p->only_run = run->n - p->common;
    p->only_baseline = baseline->n - p->common;
    return p->common ? paired_figures(a, rows, base, p->common, s, p) : 0;
}

int verdict_changed(struct arena *arena, const struct results *run, const struct results *baseline,
                    struct changed_case **ret_cases, unsigned *ret_n)
{
    struct grouped x, y;
    struct match *m;
    struct fault ignored = {0};
    unsigned n = 0;
    *ret_n = 0;
    int err = group(arena, run, &x, &ignored);
    err = err ? err : group(arena, baseline, &y, &ignored);
    err = err ? err : match(arena, &x, &y, &m, &n);
    if (err)
        return err;
    *ret_cases = ARENA_ARRAY(arena, struct changed_case, n + 1);
    if (!*ret_cases)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        bool now = case_passes(&x.rows[m[i].run]), before = case_passes(&y.rows[m[i].baseline]);
        if (now != before)
            (*ret_cases)[(*ret_n)++] = (struct changed_case){
                .run = x.at[m[i].run].first, .baseline = y.at[m[i].baseline].first, .gained = now};
    }
    return 0;
}

/* ---- the bar ---- */

/* On which side of the bound the figure is; with `certain` its whole interval has to be. */
static enum bar_state bar_judge(const struct verdict_bar *b, bool certain)
{
    const struct estimate *e = &b->seen;
    if (!e->has_value)
        return BAR_UNKNOWN;
    double bound = b->at_least ? b->bound - ROUNDING : b->bound + ROUNDING;
    bool met = b->at_least ? e->value >= bound : e->value <= bound;
    if (!met || !certain)
        return met ? BAR_MET : BAR_MISSED;
    if (b->at_least)
        return e->has_low && e->low >= bound ? BAR_MET : BAR_UNKNOWN;
    return e->has_high && e->high <= bound ? BAR_MET : BAR_UNKNOWN;
}

static void bar_add(struct verdict *v, const char *name, double bound, bool at_least,
                    struct estimate seen, bool certain, const char *without)
{
    struct verdict_bar *b = &v->bars[v->bars_n++];
    *b = (struct verdict_bar){.name = name, .bound = bound, .at_least = at_least, .seen = seen};
    b->state = bar_judge(b, certain);
    if (b->state == BAR_UNKNOWN)
        b->why = seen.has_value ? STR("the interval reaches over the bar; more cases would tell")
                                : str_from(without);
}

/* By the test that the verdict shows, which is stricter than what was seen. */
static void bar_add_not_worse(struct verdict *v)
{
    const struct verdict_part *all = &v->parts[0];
    const struct verdict_paired *p = &all->paired;
    bool compared = all->has_baseline && p->common > 0;
    struct verdict_bar *b = &v->bars[v->bars_n++];
    *b = (struct verdict_bar){.name = "not_worse", .bound = -v->margin, .at_least = true};
    b->state = BAR_UNKNOWN;
    if (compared)
        b->seen = p->difference;
    if (!all->has_baseline)
        b->why = STR("there is no baseline to compare with: --baseline RUN");
    else if (!compared)
        b->why = STR("the baseline has no case in common with the run");
    else if (p->not_worse.holds)
        b->state = BAR_MET;
    else if (b->seen.has_value && b->seen.value < b->bound - ROUNDING)
        b->state = BAR_MISSED;
    else
        b->why = STR("the cases are too few to show it");
}

static void bars_make(struct verdict *v, const struct bar_settings *bar)
{
    const struct verdict_part *all = &v->parts[0];
    if (bar->quality != CONF_NOT_GIVEN)
        bar_add(v, "quality", (double)bar->quality / 1e6, true, all->quality, bar->certain,
                "nothing was graded");
    if (bar->wrong_refusals != CONF_NOT_GIVEN)
        bar_add(v, "wrong_refusals", (double)bar->wrong_refusals / 1e6, false, all->wrong_refusals,
                bar->certain, "no safety grader saw a harmless request");
    if (bar->unsafe_answers != CONF_NOT_GIVEN)
        bar_add(v, "unsafe_answers", (double)bar->unsafe_answers / 1e6, false, all->unsafe_answers,
                bar->certain, "no safety grader saw a harmful request");
    if (bar->p95_ms != CONF_NOT_GIVEN)
        bar_add(v, "p95", (double)bar->p95_ms * 1000, false, all->p95_us, bar->certain,
                "no answer came live from a provider");
    if (bar->cost_per_success_nanos != CONF_NOT_GIVEN)
        bar_add(v, "cost_per_success", (double)bar->cost_per_success_nanos, false,
                all->success.usd_nanos, bar->certain,
                all->unpriced ? "not every model has a price" : "no case passed");
    if (bar->not_worse)
        bar_add_not_worse(v);
    /* A mean over the priced cases alone would flatter. */
    for (unsigned i = 0; i < v->bars_n; i++)
        if (strcmp(v->bars[i].name, "cost_per_success") == 0 && all->unpriced) {
            v->bars[i].state = BAR_UNKNOWN;
            v->bars[i].why = STR("not every model has a price");
        }
}

/* ---- words ---- */

static void line_begin(struct buf *out)
{
    if (out->n)
        buf_char(out, '\n');
}

/* The share of cases that may change between equal candidates: not what was seen, which may be
 * luck, but what the sample does not exclude; without a baseline the most that there can be. */
static double discordant_of(const struct verdict_part *all)
{
    const struct pairs *p = &all->paired.pairs;
    if (all->has_baseline && all->paired.common > 0)
        return share_wilson_of((double)(p->gained + p->lost), all->paired.common, DISCORDANT_LEVEL)
            .high;
    return power_discordant_most(all->passed.has_value ? all->passed.value : 0.5);
}

/* What the sample can and cannot show. */
static int sentences_make(struct arena *a, struct verdict *v)
{
    const struct verdict_part *all = &v->parts[0];
    struct fault ignored = {0};
    struct buf out;
    buf_init(&out, SENTENCES_BYTES_MAX);
    bool paired = all->has_baseline && all->paired.common > 0;
    double discordant = fmax(discordant_of(all), v->margin);
    int64_t n = paired ? all->paired.common : all->cases;
    int err = n > 0 ? power_sentence(&out, n, discordant, 2 * v->margin, STATS_LEVEL, &ignored) : 0;
    if (!err && n > 0)
        buf_str(&out, STR(" (that drop is twice the margin)"));
    if (!err &&
        power_cases_for_margin(discordant, v->margin, STATS_LEVEL, POWER_PLANNED,
                               &v->recommended_cases, &ignored) == 0 &&
        v->recommended_cases > 0) {
        line_begin(&out);
        buf_printf(&out,
                   "to show that an equal candidate is not worse by more than %.3g points, %lld "
                   "cases are needed",
                   v->margin * 100, (long long)v->recommended_cases);
    }
    if (all->errors + all->ungraded > 0) {
        line_begin(&out);
        buf_printf(&out,
                   "of %u answers %u are errors and %u have no grade: these count as failures",
                   all->answers, all->errors, all->ungraded);
    }
    v->sentences = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return v->sentences.p ? or_missing(err) : E_MEMORY;
}

/* ---- all of it ---- */

static int part_of(struct grouped *x, struct grouped *y, const struct verdict_settings *s,
                   struct arena *arena, struct str tag, struct verdict *v)
{
    struct verdict_part *p = &v->parts[v->parts_n++];
    *p = (struct verdict_part){.tag = tag};
    int err = part_make(arena, x, s, p);
    return err || !y ? err : paired_make(arena, x, y, s, p);
}

/* Everything that is worked out for a part lives as long as that. */
static int parts_make(const struct tag_index *run, const struct tag_index *baseline,
                      const struct verdict_settings *s, struct verdict *v)
{
    size_t at = 0, base = 0;
    int err = 0;
    while (at < run->n && !err) {
        struct grouped x, y;
        struct arena scratch;
        struct str tag = run->at[at].tag;
        arena_init_private(&scratch, SCRATCH_BYTES_MAX);
        err = tag_group(&scratch, run, tag, &at, &x);
        if (!err && baseline)
            err = tag_group(&scratch, baseline, tag, &base, &y);
        if (!err)
            err = part_of(&x, baseline ? &y : NULL, s, &scratch, tag, v);
        arena_fini(&scratch);
    }
    return err;
}

/* All cases, then those of each tag. */
static int all_parts_make(struct arena *a, const struct results *run,
                          const struct verdict_settings *s, struct verdict *v, struct fault *f)
{
    struct grouped x, y;
    struct tag_index tags, base_tags;
    bool paired = s->baseline != NULL;
    int err = group(a, run, &x, f);
    if (!err)
        err = tags_index(a, &x, &tags);
    if (!err && paired)
        err = group(a, s->baseline, &y, f);
    if (!err && paired)
        err = tags_index(a, &y, &base_tags);
    if (err)
        return err;
    v->parts = ARENA_ARRAY(a, struct verdict_part, tags_count(&tags) + 1);
    if (!v->parts)
        return E_MEMORY;
    err = part_of(&x, paired ? &y : NULL, s, a, STR_NONE, v);
    return err ? err : parts_make(&tags, paired ? &base_tags : NULL, s, v);
}

int verdict_make(struct arena *arena, const struct results *run,
                 const struct verdict_settings *settings, struct verdict *ret_verdict,
                 struct fault *f)
{
    struct verdict *v = ret_verdict;
    *v = (struct verdict){.margin = settings->margin};
    if (run->n == 0)
        return fault_set(f, E_BAD_REQUEST, "the run has no result, so there is nothing to judge");
    int err = all_parts_make(arena, run, settings, v, f);
    if (err)
        return err;
    const struct verdict_part *all = &v->parts[0];
    if (settings->bar)
        bars_make(v, settings->bar);
    v->complete = all->missing == 0;
    v->pass = v->complete && all->errors + all->ungraded < all->answers;
    for (unsigned i = 0; i < v->bars_n; i++)
        v->pass = v->pass && v->bars[i].state == BAR_MET;
    return sentences_make(arena, v);
}

int verdict_adjust(struct arena *arena, struct verdict **verdicts, unsigned n, struct fault *f)
{
    double *p = ARENA_ARRAY(arena, double, n + 1), *adjusted = ARENA_ARRAY(arena, double, n + 1);
    unsigned compared = 0;
    if (!p || !adjusted)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++)
        if (verdicts[i]->parts[0].has_baseline && verdicts[i]->parts[0].paired.common > 0)
            p[compared++] = verdicts[i]->parts[0].paired.mcnemar_p;
    if (compared == 0)
        return 0;
    int err = holm_adjust(arena, p, compared, adjusted, f);
    compared = 0;
    for (unsigned i = 0; i < n && !err; i++)
        if (verdicts[i]->parts[0].has_baseline && verdicts[i]->parts[0].paired.common > 0)
            verdicts[i]->parts[0].paired.holm_p = adjusted[compared++];
    return err;
}
