/*
 * reconcile.c: the ledger beside what a provider says that was used, by day and model, or
 * beside what it says that was paid, by day.
 */
#include <stdlib.h>

#include "base/json.h"
#include "cli/report/export.h"

#define SHOWN_BYTES_MAX (256u * 1024 * 1024)

enum side { SIDE_LEDGER, SIDE_EXPORT, SIDES };

struct reconciling {
    struct report_export export;
    struct str provider; /* STR_NONE: all of the ledger's */
    struct ledger_groups side[SIDES];
};

/* ---- the ledger ---- */

#define NAMES_MAX 256

/* All names that a provider has in the ledger or the configuration. */
struct names {
    struct arena *arena;
    unsigned n;
    struct str at[NAMES_MAX];
};

static int name_add(struct names *names, struct str name)
{
    for (unsigned i = 0; i < names->n; i++)
        if (str_eq(names->at[i], name))
            return 0;
    if (names->n == NAMES_MAX || name.n == 0)
        return 0;
    names->at[names->n] = arena_str(names->arena, name);
    return names->at[names->n++].p ? 0 : E_MEMORY;
}

static int name_take(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS] UNUSED)
{
    return name_add(arg, dim[DIM_PROVIDER]);
}

/* Is there a provider of that name, on any day? E_USAGE with the one that may have been meant. */
static int provider_check(struct report *r, struct str provider)
{
    struct names names = {.arena = &r->arena};
    int err = 0;
    for (unsigned i = 0; i < r->providers.n && !err; i++)
        err = name_add(&names, r->providers.at[i]);
    if (!err)
        err = ledger_read_rollups(r->reader, STR("0000-01-01"), STR("9999-12-31"), name_take,
                                  &names, &r->fault);
    for (unsigned i = 0; i < names.n && !err; i++)
        if (str_eq(names.at[i], provider))
            return 0;
    if (err || names.n == NAMES_MAX)
        return err;
    struct str near = str_nearest(provider, names.at, names.n);
    return fault_set(&r->fault, E_USAGE, "there is no provider '%.*s' in the ledger%s%s%.*s%s",
                     STR_ARGS(str_head_utf8(provider, 60)),
                     r->providers.n ? " or the configuration" : "",
                     near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
}

static int rollup_take(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS])
{
    struct reconciling *x = arg;
    if (x->provider.n && !str_eq(dim[DIM_PROVIDER], x->provider))
        return 0;
    return export_sums_add(&x->export, &x->side[SIDE_LEDGER], dim[DIM_DAY], dim[DIM_MODEL], sum);
}

/* ---- both, side by side ---- */

static int by_day_and_model(const void *a, const void *b)
{
    const struct ledger_group *x = a, *y = b;
    int order = str_cmp(x->dim[DIM_DAY], y->dim[DIM_DAY]);
    return order ? order : str_cmp(x->dim[DIM_MODEL], y->dim[DIM_MODEL]);
}

/* The groups have been sorted. */
static void groups_sort(struct ledger_groups *groups)
{
    if (groups->n > 1) /* of none there is no array either */
        qsort(groups->at, groups->n, sizeof(*groups->at), by_day_and_model);
}

static const struct ledger_group *group_find(const struct ledger_groups *groups,
                                             const struct ledger_group *like)
{
    return groups->n ? bsearch(like, groups->at, groups->n, sizeof(*like), by_day_and_model) : NULL;
}

static int64_t prompt_of(const struct ledger_group *g)
{
    return g ? g->sum[SUM_INPUT] + g->sum[SUM_CACHED] + g->sum[SUM_CACHE_WRITE] : 0;
}
static int64_t completion_of(const struct ledger_group *g)
{
    return g ? g->sum[SUM_OUTPUT] + g->sum[SUM_REASONING] : 0;
}

/* How far the first is from the second, as a share of it in millionths. */
static int64_t apart(int64_t ours, int64_t theirs)
{
    int64_t more = ours > theirs ? ours - theirs : theirs - ours;
    return theirs > 0 ? (int64_t)((__int128)more * 1000000 / theirs) : more > 0 ? 1000000 : 0;
}

static void columns_make(struct sheet *s, bool costs)
{
    sheet_column(s, "day", "day", SHEET_TEXT, 0);
    if (costs) {
        sheet_column(s, "cost_usd", "cost USD", SHEET_USD, 0);
        sheet_column(s, "export_cost_usd", "export's", SHEET_USD, 0);
        sheet_column(s, "unpriced", "unpriced", SHEET_COUNT, SHEET_RARE);
        sheet_column(s, "apart", "apart", SHEET_SHARE, 0);
        sheet_column(s, "within", "within", SHEET_BOOL, 0);
        return;
    }
    sheet_column(s, "model", "model", SHEET_TEXT, 0);
    sheet_column(s, "calls", "calls", SHEET_COUNT, 0);
    sheet_column(s, "export_calls", "export's", SHEET_COUNT, 0);
    sheet_column(s, "tokens_in", "tokens in", SHEET_COUNT, 0);
    sheet_column(s, "export_tokens_in", "export's", SHEET_COUNT, 0);
    sheet_column(s, "cached", "cached", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "export_cached", "export's", SHEET_COUNT, SHEET_RARE);
    sheet_column(s, "tokens_out", "tokens out", SHEET_COUNT, 0);
    sheet_column(s, "export_tokens_out", "export's", SHEET_COUNT, 0);
    sheet_column(s, "apart", "apart", SHEET_SHARE, 0);
    sheet_column(s, "within", "within", SHEET_BOOL, 0);
}

static int cost_row_add(struct sheet *s, const struct ledger_group *ours,
                        const struct ledger_group *theirs, int64_t tolerance, bool *all_within)
{
    int64_t our_usd = ours ? ours->sum[SUM_COST] : 0,
            their_usd = theirs ? theirs->sum[SUM_COST] : 0;
    int64_t unpriced = ours ? ours->sum[SUM_UNPRICED] : 0, most = apart(our_usd, their_usd);
    struct sheet_cell *c = sheet_row(s);
    if (!c)
        return E_MEMORY;
    *all_within = *all_within && most <= tolerance;
    *c++ = sheet_text((ours ? ours : theirs)->dim[DIM_DAY]);
    *c++ = (struct sheet_cell){.known = true, .at_least = unpriced > 0, .n = our_usd};
    *c++ = sheet_number(their_usd);
    *c++ = sheet_number(unpriced);
    *c++ = sheet_number(most);
    *c++ = sheet_number(most <= tolerance);
    return 0;
}

static int row_add(struct sheet *s, const struct ledger_group *ours,
                   const struct ledger_group *theirs, int64_t tolerance, bool *all_within)
{
    const struct ledger_group *any = ours ? ours : theirs;
    struct sheet_cell *c = sheet_row(s);
    if (!c)
        return E_MEMORY;
    int64_t in = apart(prompt_of(ours), prompt_of(theirs));
    int64_t out = apart(completion_of(ours), completion_of(theirs));
    int64_t most = in > out ? in : out;
    *all_within = *all_within && most <= tolerance;
    *c++ = sheet_text(any->dim[DIM_DAY]);
    *c++ = sheet_text(any->dim[DIM_MODEL]);
    *c++ = sheet_number(ours ? ours->sum[SUM_CALLS] : 0);
    /* Anthropic's does not say how many there were. */
    int64_t calls = theirs ? theirs->sum[SUM_CALLS] : 0;
    *c++ = (struct sheet_cell){.known = calls > 0, .n = calls};
    *c++ = sheet_number(prompt_of(ours));
    *c++ = sheet_number(prompt_of(theirs));
    *c++ = sheet_number(ours ? ours->sum[SUM_CACHED] : 0);
    *c++ = sheet_number(theirs ? theirs->sum[SUM_CACHED] : 0);
    *c++ = sheet_number(completion_of(ours));
    *c++ = sheet_number(completion_of(theirs));
    *c++ = sheet_number(most);
    *c++ = sheet_number(most <= tolerance);
    return 0;
}

/* The export's rows in their order, then what only the ledger has. */
static int sheet_fill(struct reconciling *x, struct sheet *s, int64_t tolerance, bool *all_within)
{
    struct ledger_groups *ours = &x->side[SIDE_LEDGER], *theirs = &x->side[SIDE_EXPORT];
    int (*add)(struct sheet * s, const struct ledger_group *ours, const struct ledger_group *theirs,
               int64_t tolerance, bool *all_within) = x->export.costs ? cost_row_add : row_add;
    int err = 0;
    groups_sort(theirs);
    groups_sort(ours);
    for (unsigned i = 0; i < theirs->n && !err; i++)
        err = add(s, group_find(ours, &theirs->at[i]), &theirs->at[i], tolerance, all_within);
    for (unsigned i = 0; i < ours->n && !err; i++)
        if (!group_find(theirs, &ours->at[i]))
            err = add(s, &ours->at[i], NULL, tolerance, all_within);
    return err;
}

static int sheet_show(const struct sheet *s, const struct report_export *x, enum report_form form)
{
    if (s->rows_n == 0 && form == REPORT_TABLE) {
        printf("Nothing was used from %.*s to %.*s, by neither the export nor the ledger.\n",
               STR_ARGS(x->from), STR_ARGS(x->to));
        return 0;
    }
    if (form != REPORT_JSON)
        return form == REPORT_CSV ? sheet_print_csv(s, stdout) : sheet_print_table(s, stdout);
    struct buf out;
    buf_init(&out, SHOWN_BYTES_MAX);
    buf_char(&out, '[');
    int err = 0;
    for (unsigned i = 0; i < s->rows_n && !err; i++) {
        buf_str(&out, i ? STR(",\n") : STR(""));
        err = sheet_json_row(s, i, &out);
    }
    buf_str(&out, STR("]\n"));
    err = err ? err : out.failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err;
}

int report_reconcile(struct report *r, const struct report_reconciled *w, bool *ret_within)
{
    struct reconciling x = {.export = {.arena = &r->arena, .fault = &r->fault},
                            .provider = str_from(w->provider)};
    struct sheet s;
    x.export.groups = &x.side[SIDE_EXPORT];
    int err = w->provider ? provider_check(r, x.provider) : 0;
    if (!err)
        err = export_read(&x.export, w->file);
    if (!err)
        err = ledger_read_rollups(r->reader, x.export.from, x.export.to, rollup_take, &x,
                                  &r->fault);
    *ret_within = true;
    sheet_init(&s, &r->arena);
    columns_make(&s, x.export.costs);
    if (!err)
        err = sheet_fill(&x, &s, w->tolerance, ret_within);
    if (!err)
        err = sheet_show(&s, &x.export, r->form);
    sheet_fini(&s);
    for (unsigned i = 0; i < SIDES; i++)
        ledger_groups_free(&x.side[i]);
    return err;
}
