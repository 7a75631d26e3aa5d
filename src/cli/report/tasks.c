/*
 * tasks.c: how many tasks succeeded, and what a successful one cost, failed attempts included.
 */
#include <math.h>
#include <stdlib.h>

#include "base/put.h"
#include "cli/eval/figures.h"
#include "cli/report/report.h"
#include "eval/stats/cost.h"
#include "eval/stats/share.h"
#include "llm/prices.h"

#define TEXT_BYTES_MAX 128

/* Of a group, or of all. */
struct task_sums {
    int64_t tasks, outcomes, successes, turns, failed;
    int64_t usd_nanos, none_usd_nanos; /* as far as known; of it, of tasks without an outcome */
    int64_t unknown, none_unknown;     /* tasks whose cost is not known; of them, the same */
};

/* A task with an outcome, in one of its groups. */
struct mark {
    uint32_t group; /* in adding.sums */
    bool success;
    int64_t usd_nanos; /* or COST_UNKNOWN */
};

#define ALL 0 /* the group of all; others have their number in adding.groups, and 1 */

struct adding {
    struct report *report;
    const struct report_by *by;
    int64_t success;             /* the least score that is one */
    struct ledger_groups groups; /* for their dimensions */
    struct task_sums *sums;
    unsigned sums_cap;
    struct mark *marks;
    size_t marks_n, marks_cap;
    const struct ledger_task *task; /* that is being added */
    struct case_row *rows;          /* of the marks, group by group */
    size_t *rows_at;                /* where a group's begin; and, behind the last, their end */
};

/* ---- adding up ---- */

static int mark_add(struct adding *a, const struct mark *m)
{
    if (a->marks_n == a->marks_cap) {
        size_t cap = a->marks_cap ? a->marks_cap * 2 : 1024;
        struct mark *more = realloc(a->marks, cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        a->marks = more;
        a->marks_cap = cap;
    }
    a->marks[a->marks_n++] = *m;
    return 0;
}

static int sums_room(struct adding *a, unsigned n)
{
    if (n <= a->sums_cap)
        return 0;
    unsigned cap = n * 2;
    struct task_sums *more = realloc(a->sums, cap * sizeof(*more));
    if (!more)
        return E_MEMORY;
    memset(more + a->sums_cap, 0, (cap - a->sums_cap) * sizeof(*more));
    a->sums = more;
    a->sums_cap = cap;
    return 0;
}

static int task_add(struct adding *a, unsigned group)
{
    const struct ledger_task *t = a->task;
    int err = sums_room(a, group + 1);
    if (err)
        return err;
    struct task_sums *s = &a->sums[group];
    bool known = t->cost_usd_nanos != COST_UNKNOWN, told = t->score != LEDGER_NO_OUTCOME;
    const struct mark m = {
        .group = group, .success = t->score >= a->success, .usd_nanos = t->cost_usd_nanos};
    s->tasks++;
    s->turns += t->turns;
    s->failed += t->failed;
    s->usd_nanos += t->known_usd_nanos;
    s->unknown += !known;
    if (!told) {
        s->none_usd_nanos += t->known_usd_nanos;
        s->none_unknown += !known;
        return 0;
    }
    s->outcomes++;
    s->successes += m.success;
    return mark_add(a, &m);
}

static int group_add(void *arg, const struct str dim[DIMS])
{
    struct adding *a = arg;
    struct ledger_group *g = report_group(a->report, &a->groups, dim);
    return g ? task_add(a, (unsigned)(g - a->groups.at) + 1) : E_MEMORY;
}

static int task_take(void *arg, const struct ledger_task *task)
{
    struct adding *a = arg;
    a->task = task;
    int err = task_add(a, ALL);
    return err ? err : report_by_each(a->by, task->dim, group_add, a);
}

/* Puts the marks of each group behind each other. */
static int rows_make(struct adding *a)
{
    unsigned n = a->groups.n + 1;
    a->rows_at = calloc(n + 1, sizeof(*a->rows_at));
    a->rows = calloc(a->marks_n + 1, sizeof(*a->rows));
    if (!a->rows_at || !a->rows)
        return E_MEMORY;
    size_t at = 0;
    for (unsigned i = 0; i < n; at += (size_t)a->sums[i++].outcomes)
        a->rows_at[i] = at;
    for (size_t i = 0; i < a->marks_n; i++) {
        const struct mark *m = &a->marks[i];
        a->rows[a->rows_at[m->group]++] = (struct case_row){
            .weight = 1, .answers = 1, .passes = m->success, .usd_nanos = m->usd_nanos};
    }
    for (unsigned i = n; i > 0; i--) /* each has come to the place of the next */
        a->rows_at[i] = a->rows_at[i - 1];
    a->rows_at[0] = 0;
    return 0;
}

/* ---- order ---- */

struct order {
    const struct adding *adding;
    unsigned group;
};

/* Days in their order where they come first; else what costs most. */
static int order_compare(const void *x, const void *y)
{
    const struct order *p = x, *q = y;
    const struct report_by *by = p->adding->by;
    const struct str *a = p->adding->groups.at[p->group - 1].dim;
    const struct str *b = q->adding->groups.at[q->group - 1].dim;
    const struct task_sums *s = &p->adding->sums[p->group], *t = &p->adding->sums[q->group];
    int order = by->n > 0 && by->dim[0] == DIM_DAY ? str_cmp(a[DIM_DAY], b[DIM_DAY]) : 0;
    if (!order && s->usd_nanos != t->usd_nanos)
        order = s->usd_nanos > t->usd_nanos ? -1 : 1;
    if (!order && s->tasks != t->tasks)
        order = s->tasks > t->tasks ? -1 : 1;
    for (unsigned i = 0; i < by->n && !order; i++)
        order = str_cmp(a[by->dim[i]], b[by->dim[i]]);
    return order;
}

/* ---- the sheet ---- */

static void columns_make(struct sheet *s, const struct report_by *by)
{
    for (unsigned i = 0; i < by->n; i++)
        sheet_column(s, by->word[i], by->word[i], SHEET_TEXT, 0);
    sheet_column(s, "tasks", "tasks", SHEET_COUNT, 0);
    sheet_column(s, "outcomes", "outcomes", SHEET_COUNT, 0);
    sheet_column(s, "no_outcome_share", "no outcome", SHEET_SHARE, 0);
    sheet_column(s, "successes", "successes", SHEET_COUNT, 0);
    sheet_column(s, "", "success (95%)", SHEET_TEXT, SHEET_NOT_DATA);
    sheet_column(s, "success_share", "", SHEET_SHARE, SHEET_NOT_TABLE);
    sheet_column(s, "success_share_low", "", SHEET_SHARE, SHEET_NOT_TABLE);
    sheet_column(s, "success_share_high", "", SHEET_SHARE, SHEET_NOT_TABLE);
    sheet_column(s, "", "USD a success (95%)", SHEET_TEXT, SHEET_NOT_DATA);
    sheet_column(s, "cost_per_success_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(s, "cost_per_success_low_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(s, "cost_per_success_high_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(s, "priced_cost_per_success_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(s, "turns", "turns", SHEET_COUNT, 0);
    sheet_column(s, "failed_turns", "failed", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "cost_usd", "cost USD", SHEET_USD, 0);
    sheet_column(s, "priced_cost_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(s, "unknown_cost_tasks", "unknown", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "no_outcome_cost_usd", "of no outcome", SHEET_USD, 0);
}

/* For programs null as soon as a part is not known; for people the known part, with a mark. */
static struct sheet_cell usd_cell(int64_t usd_nanos, int64_t unknown, enum report_form form)
{
    bool known = unknown == 0 || (form == REPORT_TABLE && usd_nanos > 0);
    return (struct sheet_cell){.known = known, .at_least = known && unknown > 0, .n = usd_nanos};
}

static struct sheet_cell number_cell(bool has, double value)
{
    return has && fabs(value) < 9e18 ? sheet_number(llround(value)) : (struct sheet_cell){.n = 0};
}

static struct sheet_cell text_cell(struct arena *arena, struct buf *out)
{
    struct str text = out->failed ? STR_NONE : arena_str(arena, buf_view(out));
    buf_fini(out);
    return sheet_text(text);
}

/* "78.3% (72.1 to 83.4)" */
static struct sheet_cell share_text(struct arena *arena, const struct estimate *e)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    if (e->has_value)
        buf_printf(&out, "%.1f%% (%.1f to %.1f)", 100 * e->value, 100 * e->low, 100 * e->high);
    return text_cell(arena, &out);
}

/* "0.0123 (0.0101 to 0.0160)"; "more than 0.52" where there was no success. */
static struct sheet_cell cost_text(struct arena *arena, const struct estimate *e, bool part)
{
    struct buf out;
    buf_init(&out, TEXT_BYTES_MAX);
    if (e->has_value)
        figure_put(&out, FIGURE_USD, e->value);
    if (e->has_low) {
        buf_str(&out, e->has_value ? STR(" (") : STR("more than "));
        figure_put(&out, FIGURE_USD, e->low);
        if (e->has_value && e->has_high) {
            buf_str(&out, STR(" to "));
            figure_put(&out, FIGURE_USD, e->high);
        } else if (e->has_value) {
            buf_str(&out, STR(" or more"));
        }
        buf_str(&out, e->has_value ? STR(")") : STR(""));
    }
    if (out.n == 0)
        buf_str(&out, part ? STR("unknown") : STR("-"));
    else if (part)
        buf_str(&out, STR(" +?"));
    return text_cell(arena, &out);
}

static int row_add(struct sheet *s, struct adding *a, unsigned group, const struct str dim[DIMS])
{
    const struct task_sums *t = &a->sums[group];
    enum report_form form = a->report->form;
    struct sheet_cell *c = sheet_row(s);
    if (!c)
        return E_MEMORY;
    struct estimate share = {.has_value = false};
    struct success_cost cost = {.spent_usd_nanos = 0};
    int64_t unknown = t->unknown - t->none_unknown;
    int err = 0;
    if (t->outcomes > 0)
        share = share_wilson_of((double)t->successes, (double)t->outcomes, STATS_LEVEL);
    if (t->outcomes > unknown)
        err = cost_of_success(a->rows + a->rows_at[group], (size_t)t->outcomes, STATS_LEVEL, &cost,
                              &a->report->fault);
    const struct estimate *usd = &cost.usd_nanos;
    bool whole = unknown == 0;
    for (unsigned i = 0; i < a->by->n; i++)
        *c++ = sheet_text(dim[a->by->dim[i]]);
    *c++ = sheet_number(t->tasks);
    *c++ = sheet_number(t->outcomes);
    *c++ = number_cell(t->tasks > 0, 1e6 * (double)(t->tasks - t->outcomes) / (double)t->tasks);
    *c++ = sheet_number(t->successes);
    *c++ = share_text(s->arena, &share);
    *c++ = number_cell(share.has_value, 1e6 * share.value);
    *c++ = number_cell(share.has_low, 1e6 * share.low);
    *c++ = number_cell(share.has_high, 1e6 * share.high);
    *c++ = cost_text(s->arena, usd, !whole);
    *c++ = number_cell(whole && usd->has_value, usd->value);
    *c++ = number_cell(whole && usd->has_low, usd->low);
    *c++ = number_cell(whole && usd->has_high, usd->high);
    *c++ = number_cell(usd->has_value, usd->value);
    *c++ = sheet_number(t->turns);
    *c++ = sheet_number(t->failed);
    *c++ = usd_cell(t->usd_nanos, t->unknown, form);
    *c++ = sheet_number(t->usd_nanos);
    *c++ = sheet_number(t->unknown);
    *c++ = usd_cell(t->none_usd_nanos, t->none_unknown, form);
    return err;
}

static int sheet_fill(struct adding *a, struct sheet *s)
{
    unsigned n = a->groups.n;
    struct order *order = calloc(n + 1, sizeof(*order));
    int err = order ? sums_room(a, 1) : E_MEMORY;
    if (!err)
        err = rows_make(a);
    columns_make(s, a->by);
    for (unsigned i = 0; i < n && !err; i++)
        order[i] = (struct order){.adding = a, .group = i + 1};
    if (!err && n > 1)
        qsort(order, n, sizeof(*order), order_compare);
    for (unsigned i = 0; i < n && !err; i++)
        err = row_add(s, a, order[i].group, a->groups.at[order[i].group - 1].dim);
    free(order);
    struct str all[DIMS] = {STR_NONE};
    if (a->by->n > 0 && a->report->form == REPORT_TABLE)
        all[a->by->dim[0]] = STR("all");
    s->total = true;
    return err ? err : row_add(s, a, ALL, all);
}

/* ---- printing ---- */

static void notes_print(const struct adding *a)
{
    const struct task_sums *t = &a->sums[ALL];
    int64_t without = t->tasks - t->outcomes;
    char score[PUT_DECIMAL_MAX];
    size_t score_n = (size_t)(put_decimal(score, a->success, 6, 0) - score);
    printf(
        "\nA success is a score of %.*s or more. What it cost is the cost of all tasks that have "
        "an\noutcome, with all their turns, divided by the successes.\n",
        STR_ARGS(str_of(score, score_n)));
    if (without > 0)
        printf("\n%lld of %lld tasks %s no outcome: what a success costs says nothing of them.\n",
               (long long)without, (long long)t->tasks, without == 1 ? "has" : "have");
    if (t->unknown > 0)
        printf("\nThe cost of %lld task%s is not known, as a model has no price, a path is passed "
               "on\nunread, or a turn was lost or is under way: %s in no sum and in no cost of a "
               "success (\"+?\").\n",
               (long long)t->unknown, t->unknown == 1 ? "" : "s",
               t->unknown == 1 ? "it is" : "they are");
    if (report_by_has(a->by, DIM_TAGS))
        printf("\nA task with several tags stands under each; in the sum it stands once.\n");
}

static int tasks_print(const struct adding *a, const struct sheet *s, struct str from,
                       struct str to)
{
    if (a->report->form == REPORT_JSON) {
        char more[PUT_DECIMAL_MAX + 16] = ",\"success\":";
        size_t n = strlen(more);
        n += (size_t)(put_decimal(more + n, a->success, 6, 0) - (more + n));
        return report_groups_json(a->by, s, from, to, str_of(more, n));
    }
    if (a->report->form == REPORT_CSV)
        return sheet_print_csv(s, stdout);
    if (a->sums[ALL].tasks == 0) {
        printf("No tasks from %.*s to %.*s in %.*s yet. Requests belong to one by the header "
               "x-sluice-task.\n",
               STR_ARGS(from), STR_ARGS(to), STR_ARGS(a->report->where));
        return 0;
    }
    printf("Tasks that began from %.*s to %.*s, days in UTC\n\n", STR_ARGS(from), STR_ARGS(to));
    int err = sheet_print_table(s, stdout);
    if (!err)
        notes_print(a);
    return err;
}

int report_tasks(struct report *r, const struct report_by *by, struct str from, struct str to,
                 int64_t success)
{
    struct adding a = {.report = r, .by = by, .success = success};
    struct sheet s;
    sheet_init(&s, &r->arena);
    int err = ledger_read_tasks(r->reader, from, to, task_take, &a, &r->fault);
    if (!err)
        err = sheet_fill(&a, &s);
    if (!err)
        err = tasks_print(&a, &s, from, to);
    sheet_fini(&s);
    ledger_groups_free(&a.groups);
    free(a.sums);
    free(a.marks);
    free(a.rows);
    free(a.rows_at);
    return err;
}
