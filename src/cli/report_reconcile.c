/*
 * report_reconcile.c: the ledger beside what a provider says that was used, by day and model.
 *
 * The export is what the providers' own interfaces answer, grouped by model and in buckets of a
 * day: OpenAI's /v1/organization/usage/completions and Anthropic's
 * /v1/organizations/usage_report/messages (both in their public API references); one page, a list
 * of pages, or one page a line. Days are UTC on both sides.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/report.h"

#define EXPORT_BYTES_MAX (256u * 1024 * 1024)
#define DATE_CHARS       10

/* What is compared. */
enum side { SIDE_LEDGER, SIDE_EXPORT, SIDES };
static const enum ledger_sum kept[] = {SUM_CALLS,       SUM_INPUT,  SUM_CACHED,
                                       SUM_CACHE_WRITE, SUM_OUTPUT, SUM_REASONING};

struct reconciling {
    struct report *report;
    struct str provider; /* STR_NONE: all of the ledger's */
    struct ledger_groups side[SIDES];
    struct str from, to; /* days of the export */
    unsigned line;       /* of the file, for faults; 0: the whole */
};

/* ---- one pair of day and model ---- */

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

/* "gpt-5-nano-2025-08-07" and "claude-haiku-4-5-20251001" are asked for without their dates, too:
 * both names count as the shorter one. */
static struct str undated(struct str model)
{
    struct str end = model.n > 11 ? str_tail(model, model.n - 11) : STR_NONE;
    if (end.n && end.p[0] == '-' && end.p[5] == '-' && end.p[8] == '-' &&
        all_digits(str_of(end.p + 1, 4)) && all_digits(str_of(end.p + 6, 2)) &&
        all_digits(str_of(end.p + 9, 2)))
        return str_head(model, model.n - 11);
    end = model.n > 9 ? str_tail(model, model.n - 9) : STR_NONE;
    if (end.n && end.p[0] == '-' && all_digits(str_tail(end, 1)))
        return str_head(model, model.n - 9);
    return model;
}

static int sums_add(struct reconciling *x, enum side side, struct str day, struct str model,
                    const int64_t sum[SUMS])
{
    struct str dim[DIMS];
    for (unsigned i = 0; i < DIMS; i++)
        dim[i] = STR("");
    dim[DIM_DAY] = arena_str(&x->report->arena, day);
    dim[DIM_MODEL] = arena_str(&x->report->arena, undated(model));
    struct ledger_group *g = dim[DIM_DAY].p && dim[DIM_MODEL].p
                                 ? ledger_groups_get(&x->side[side], dim)
                                 : NULL;
    if (!g)
        return E_MEMORY;
    for (unsigned i = 0; i < ARRAY_LEN(kept); i++)
        g->sum[kept[i]] += sum[kept[i]];
    return 0;
}

/* ---- the export ---- */

static int wrong(struct reconciling *x, const char *what)
{
    if (x->line > 0)
        return fault_set(&x->report->fault, E_USAGE, "line %u: %s", x->line, what);
    return fault_set(&x->report->fault, E_USAGE, "%s", what);
}

static int64_t count(yyjson_val *object, const char *name)
{
    int64_t n = json_get_i64(object, name, 0);
    return n > 0 ? n : 0;
}

/* Both providers' results: what is not cached, what was, what was written to the cache. */
static int result_take(struct reconciling *x, struct str day, yyjson_val *result)
{
    struct str model = json_get_str(result, "model");
    int64_t sum[SUMS] = {0};
    if (!model.n)
        return wrong(x, "a result without a model; ask for the export with group_by=model");
    yyjson_val *created = yyjson_obj_get(result, "cache_creation");
    bool anthropic = yyjson_obj_get(result, "uncached_input_tokens") != NULL;
    sum[SUM_CALLS] = count(result, "num_model_requests");
    sum[SUM_CACHED] = anthropic ? count(result, "cache_read_input_tokens")
                                : count(result, "input_cached_tokens");
    sum[SUM_CACHE_WRITE] = anthropic ? count(created, "ephemeral_5m_input_tokens") +
                                           count(created, "ephemeral_1h_input_tokens")
                                     : count(result, "input_cache_write_tokens");
    sum[SUM_INPUT] = anthropic
                         ? count(result, "uncached_input_tokens")
                         : count(result, "input_tokens") - sum[SUM_CACHED] - sum[SUM_CACHE_WRITE];
    sum[SUM_OUTPUT] = count(result, "output_tokens");
    return sums_add(x, SIDE_EXPORT, day, model, sum);
}

static int bucket_take(struct reconciling *x, yyjson_val *bucket)
{
    yyjson_val *results = yyjson_obj_get(bucket, "results"), *result;
    struct str starts = json_get_str(bucket, "starting_at");
    int64_t from_s = json_get_i64(bucket, "start_time", -1);
    char iso[25];
    if (!yyjson_is_arr(results) || (from_s < 0 && starts.n < DATE_CHARS))
        return wrong(x, "expected buckets with start_time or starting_at, and results");
    if (from_s >= 0)
        clock_iso(from_s * 1000000, iso);
    struct str day = from_s >= 0 ? str_of(iso, DATE_CHARS) : str_head(starts, DATE_CHARS);
    if (!x->from.p || str_cmp(day, x->from) < 0)
        x->from = arena_str(&x->report->arena, day);
    if (!x->to.p || str_cmp(day, x->to) > 0)
        x->to = arena_str(&x->report->arena, day);
    size_t i, n;
    yyjson_arr_foreach(results, i, n, result)
    {
        int err = result_take(x, day, result);
        if (err)
            return err;
    }
    return x->from.p && x->to.p ? 0 : E_MEMORY;
}

/* A page, or a list of pages. */
static int page_take(struct reconciling *x, yyjson_val *page)
{
    yyjson_val *items = yyjson_is_arr(page) ? page : yyjson_obj_get(page, "data"), *item;
    if (!yyjson_is_arr(items))
        return wrong(x, "expected a page of a usage export: an object with 'data'");
    size_t i, n;
    yyjson_arr_foreach(items, i, n, item)
    {
        int err = yyjson_is_arr(page) ? page_take(x, item) : bucket_take(x, item);
        if (err)
            return err;
    }
    return 0;
}

static int text_take(struct reconciling *x, struct str text)
{
    yyjson_doc *doc = NULL;
    if (json_parse(&x->report->arena, text, &doc, NULL) == 0)
        return page_take(x, yyjson_doc_get_root(doc));
    for (x->line = 1; text.n > 0; x->line++) {
        struct str line = str_trim(str_cut(&text, '\n'));
        struct fault f = {0};
        if (line.n == 0)
            continue;
        int err = json_parse(&x->report->arena, line, &doc, &f);
        err = err ? wrong(x, fault_text(&f)) : page_take(x, yyjson_doc_get_root(doc));
        if (err)
            return err;
    }
    return 0;
}

static int file_take(struct reconciling *x, const char *path)
{
    struct buf text;
    char piece[8192];
    size_t n;
    FILE *file = str_eq(str_from(path), STR("-")) ? stdin : fopen(path, "re");
    if (!file)
        return fault_set(&x->report->fault, E_USAGE, "%s cannot be read: %s", path,
                         strerror(errno));
    buf_init(&text, EXPORT_BYTES_MAX);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(&text, piece, n);
    bool failed = ferror(file) != 0;
    if (file != stdin)
        (void)fclose(file);
    int err = failed || text.failed ? fault_set(&x->report->fault, E_USAGE,
                                                "%s cannot be read, or is over 256 MiB", path)
                                    : text_take(x, buf_view(&text));
    buf_fini(&text);
    if (!err && !x->from.p)
        err = fault_set(&x->report->fault, E_USAGE, "%s has no bucket in it", path);
    return err;
}

/* ---- the ledger ---- */

static int rollup_take(void *arg, const struct str dim[DIMS], const int64_t sum[SUMS])
{
    struct reconciling *x = arg;
    if (x->provider.n && !str_eq(dim[DIM_PROVIDER], x->provider))
        return 0;
    return sums_add(x, SIDE_LEDGER, dim[DIM_DAY], dim[DIM_MODEL], sum);
}

/* ---- both, side by side ---- */

static const struct ledger_group *group_find(const struct ledger_groups *groups,
                                             const struct ledger_group *like)
{
    for (unsigned i = 0; i < groups->n; i++)
        if (str_eq(groups->at[i].dim[DIM_DAY], like->dim[DIM_DAY]) &&
            str_eq(groups->at[i].dim[DIM_MODEL], like->dim[DIM_MODEL]))
            return &groups->at[i];
    return NULL;
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

static void columns_make(struct sheet *s)
{
    sheet_column(s, "day", "day", SHEET_TEXT, 0);
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

static int by_day_and_model(const void *a, const void *b)
{
    const struct ledger_group *x = a, *y = b;
    int order = str_cmp(x->dim[DIM_DAY], y->dim[DIM_DAY]);
    return order ? order : str_cmp(x->dim[DIM_MODEL], y->dim[DIM_MODEL]);
}

/* The export's rows in their order, then what only the ledger has. */
static int sheet_fill(struct reconciling *x, struct sheet *s, int64_t tolerance, bool *all_within)
{
    struct ledger_groups *ours = &x->side[SIDE_LEDGER], *theirs = &x->side[SIDE_EXPORT];
    int err = 0;
    qsort(theirs->at, theirs->n, sizeof(*theirs->at), by_day_and_model);
    qsort(ours->at, ours->n, sizeof(*ours->at), by_day_and_model);
    for (unsigned i = 0; i < theirs->n && !err; i++)
        err = row_add(s, group_find(ours, &theirs->at[i]), &theirs->at[i], tolerance, all_within);
    for (unsigned i = 0; i < ours->n && !err; i++)
        if (!group_find(theirs, &ours->at[i]))
            err = row_add(s, &ours->at[i], NULL, tolerance, all_within);
    return err;
}

static int sheet_show(const struct sheet *s, enum report_form form)
{
    if (form != REPORT_JSON)
        return form == REPORT_CSV ? sheet_print_csv(s, stdout) : sheet_print_table(s, stdout);
    struct buf out;
    buf_init(&out, EXPORT_BYTES_MAX);
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
    struct reconciling x = {.report = r, .provider = str_from(w->provider)};
    struct sheet s;
    int err = file_take(&x, w->file);
    if (!err)
        err = ledger_read_rollups(r->reader, x.from, x.to, rollup_take, &x, &r->fault);
    *ret_within = true;
    sheet_init(&s, &r->arena);
    columns_make(&s);
    if (!err)
        err = sheet_fill(&x, &s, w->tolerance, ret_within);
    if (!err)
        err = sheet_show(&s, r->form);
    sheet_fini(&s);
    for (unsigned i = 0; i < SIDES; i++)
        ledger_groups_free(&x.side[i]);
    return err;
}
