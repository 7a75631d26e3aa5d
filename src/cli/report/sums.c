/*
 * sums.c: spend, tokens, errors and latency by day, key, model ...
 */
#include <stdlib.h>

#include "cli/report/report.h"

/* ---- adding up ---- */

struct adding {
    struct report *report;
    const struct report_by *by;
    struct ledger_groups groups;
    int64_t total[SUMS];
    const int64_t *adds; /* what is added to the groups just now */
};

static int group_add(void *arg, const struct str dim[DIMS])
{
    struct adding *a = arg;
    struct ledger_group *g = report_group(a->report, &a->groups, dim);
    if (!g)
        return E_MEMORY;
    for (unsigned i = 0; i < SUMS; i++)
        g->sum[i] += a->adds[i];
    return 0;
}

static int rollup_take(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS])
{
    struct adding *a = arg;
    for (unsigned i = 0; i < SUMS; i++)
        a->total[i] += sum[i];
    a->adds = sum;
    return report_by_each(a->by, dim, group_add, a);
}

/* ---- order ---- */

/* Days in their order where they come first; else what costs most. */
static int group_compare(const void *x, const void *y, void *arg)
{
    const struct report_by *by = arg;
    const struct ledger_group *a = x, *b = y;
    if (by->n > 0 && by->dim[0] == DIM_DAY) {
        int order = str_cmp(a->dim[DIM_DAY], b->dim[DIM_DAY]);
        if (order)
            return order;
    }
    static const enum ledger_sum down[] = {SUM_COST, SUM_INPUT, SUM_TURNS};
    for (unsigned i = 0; i < ARRAY_LEN(down); i++)
        if (a->sum[down[i]] != b->sum[down[i]])
            return a->sum[down[i]] > b->sum[down[i]] ? -1 : 1;
    for (unsigned i = 0; i < by->n; i++) {
        int order = str_cmp(a->dim[by->dim[i]], b->dim[by->dim[i]]);
        if (order)
            return order;
    }
    return 0;
}

/* ---- the sheet ---- */

static void columns_make(struct sheet *s, const struct report_by *by)
{
    for (unsigned i = 0; i < by->n; i++)
        sheet_column(s, by->word[i], by->word[i], SHEET_TEXT, 0);
    sheet_column(s, "turns", "turns", SHEET_COUNT, 0);
    sheet_column(s, "errors", "errors", SHEET_COUNT, 0);
    sheet_column(s, "hung_up", "hung up", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "lost", "lost", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "calls", "calls", SHEET_COUNT, 0);
    sheet_column(s, "input_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE);
    sheet_column(s, "", "tokens in", SHEET_COUNT, SHEET_NOT_DATA);
    sheet_column(s, "cached_tokens", "cached", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "cache_write_tokens", "cache write", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "cache_write_1h_tokens", "of it 1 h", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "output_tokens", "", SHEET_COUNT, SHEET_NOT_TABLE);
    sheet_column(s, "", "tokens out", SHEET_COUNT, SHEET_NOT_DATA);
    sheet_column(s, "reasoning_tokens", "reasoning", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "estimated_share", "estimated", SHEET_SHARE, SHEET_RARE);
    sheet_column(s, "cost_usd", "cost USD", SHEET_USD, 0);
    sheet_column(s, "priced_cost_usd", "", SHEET_USD, SHEET_NOT_TABLE);
    sheet_column(s, "unpriced_calls", "unpriced", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "saved_usd", "saved USD", SHEET_USD, SHEET_RARE);
    sheet_column(s, "mean_ms", "", SHEET_SPAN, SHEET_NOT_TABLE);
    sheet_column(s, "p50_ms", "p50", SHEET_ABOUT, 0);
    sheet_column(s, "p95_ms", "p95", SHEET_ABOUT, 0);
    sheet_column(s, "p99_ms", "p99", SHEET_ABOUT, 0);
}

/* Two digits: the steps that latency is counted in bear no more. */
static struct sheet_cell latency(const int64_t sum[SUMS], double share)
{
    int64_t us = ledger_latency_percentile(&sum[SUM_LATENCY], share);
    int64_t unit = 1;
    while (us / unit >= 100)
        unit *= 10;
    return us < 0 ? (struct sheet_cell){.n = 0} : sheet_number((us + unit / 2) / unit * unit);
}

static int64_t share_of(int64_t part, int64_t all)
{
    return all > 0 ? (int64_t)((__int128)part * 1000000 / all) : 0;
}

/* For programs the cost is null as soon as a part is not known; for people the known part stands
 * there with a mark. */
static struct sheet_cell cost_cell(const int64_t sum[SUMS], enum report_form form)
{
    bool whole = sum[SUM_UNPRICED] + sum[SUM_LOST] == 0;
    bool known = whole || (form == REPORT_TABLE && sum[SUM_COST] > 0);
    return (struct sheet_cell){.known = known, .at_least = known && !whole, .n = sum[SUM_COST]};
}

static int row_add(struct sheet *s, const struct report_by *by, const struct str dim[DIMS],
                   const int64_t sum[SUMS], enum report_form form)
{
    struct sheet_cell *c = sheet_row(s);
    if (!c)
        return E_MEMORY;
    for (unsigned i = 0; i < by->n; i++)
        *c++ = sheet_text(dim[by->dim[i]]);
    int64_t in = sum[SUM_INPUT] + sum[SUM_CACHED] + sum[SUM_CACHE_WRITE];
    int64_t out = sum[SUM_OUTPUT] + sum[SUM_REASONING];
    int64_t counted = 0;
    for (unsigned i = 0; i < LEDGER_LATENCY_STEPS; i++)
        counted += sum[SUM_LATENCY + i];
    *c++ = sheet_number(sum[SUM_TURNS]);
    *c++ = sheet_number(sum[SUM_ERRORS]);
    *c++ = sheet_number(sum[SUM_HUNG_UP]);
    *c++ = sheet_number(sum[SUM_LOST]);
    *c++ = sheet_number(sum[SUM_CALLS]);
    *c++ = sheet_number(sum[SUM_INPUT]);
    *c++ = sheet_number(in);
    *c++ = sheet_number(sum[SUM_CACHED]);
    *c++ = sheet_number(sum[SUM_CACHE_WRITE]);
    *c++ = sheet_number(sum[SUM_CACHE_WRITE_1H]);
    *c++ = sheet_number(sum[SUM_OUTPUT]);
    *c++ = sheet_number(out);
    *c++ = sheet_number(sum[SUM_REASONING]);
    *c++ = sheet_number(share_of(sum[SUM_ESTIMATED], in + out));
    *c++ = cost_cell(sum, form);
    *c++ = sheet_number(sum[SUM_COST]);
    *c++ = sheet_number(sum[SUM_UNPRICED]);
    *c++ = sheet_number(sum[SUM_SAVED]);
    *c++ = counted ? sheet_number(sum[SUM_TOTAL_US] / counted) : (struct sheet_cell){.n = 0};
    *c++ = latency(sum, 0.50);
    *c++ = latency(sum, 0.95);
    *c++ = latency(sum, 0.99);
    return 0;
}

static int sheet_fill(struct adding *a, struct sheet *s)
{
    const struct report_by *by = a->by;
    enum report_form form = a->report->form;
    columns_make(s, by);
    if (a->groups.n > 1)
        qsort_r(a->groups.at, a->groups.n, sizeof(*a->groups.at), group_compare,
                (void *)(uintptr_t)by);
    int err = 0;
    for (unsigned i = 0; i < a->groups.n && !err; i++)
        err = row_add(s, by, a->groups.at[i].dim, a->groups.at[i].sum, form);
    struct str all[DIMS] = {STR_NONE};
    if (by->n > 0 && form == REPORT_TABLE)
        all[by->dim[0]] = STR("all");
    s->total = true;
    return err ? err : row_add(s, by, all, a->total, form);
}

/* ---- printing ---- */

static void notes_print(const struct adding *a)
{
    bool one = a->total[SUM_UNPRICED] == 1, one_lost = a->total[SUM_LOST] == 1;
    if (a->total[SUM_UNPRICED] > 0)
        printf("\nThe model%s of %lld call%s no price, so what %s cost is not known and not "
               "in the sums\n(\"+?\"). Name prices under `prices:` in the configuration.\n",
               one ? "" : "s", (long long)a->total[SUM_UNPRICED], one ? " has" : "s have",
               one ? "it" : "they");
    if (a->total[SUM_LOST] > 0)
        printf("\n%lld turn%s under way when %s sluice died: what %s took and cost is not "
               "known and\nnot in the sums (\"+?\").\n",
               (long long)a->total[SUM_LOST], one_lost ? " was" : "s were",
               one_lost ? "its" : "their", one_lost ? "it" : "they");
    if (a->total[SUM_ESTIMATED] > 0)
        printf("\nThe estimated share of tokens was counted by sluice, since the provider did not "
               "say.\n");
    if (report_by_has(a->by, DIM_TAGS))
        printf("\nA turn with several tags stands under each; in the sum it stands once.\n");
}

static int sums_print(const struct adding *a, const struct sheet *s, struct str from, struct str to)
{
    if (a->report->form == REPORT_JSON)
        return report_groups_json(a->by, s, from, to, STR(""));
    if (a->report->form == REPORT_CSV)
        return sheet_print_csv(s, stdout);
    if (a->groups.n == 0) {
        printf("No turns from %.*s to %.*s in %.*s yet.\n", STR_ARGS(from), STR_ARGS(to),
               STR_ARGS(a->report->where));
        return 0;
    }
    printf("%.*s to %.*s, days in UTC\n\n", STR_ARGS(from), STR_ARGS(to));
    int err = sheet_print_table(s, stdout);
    if (!err)
        notes_print(a);
    return err;
}

int report_sums(struct report *r, const struct report_by *by, struct str from, struct str to)
{
    struct adding a = {.report = r, .by = by};
    struct sheet s;
    sheet_init(&s, &r->arena);
    int err = ledger_read_rollups(r->reader, from, to, rollup_take, &a, &r->fault);
    if (!err)
        err = sheet_fill(&a, &s);
    if (!err)
        err = sums_print(&a, &s, from, to);
    sheet_fini(&s);
    ledger_groups_free(&a.groups);
    return err;
}
