/*
 * export.c: what a provider says that was used, by day and model.
 *
 * JSON is what the providers' own interfaces answer, grouped by model and in buckets of a day:
 * OpenAI's /v1/organization/usage/completions and Anthropic's
 * /v1/organizations/usage_report/messages (both in their public API references); one page, a list
 * of pages, or one page a line. CSV is what their pages let one download; the names of the columns
 * are in `forms`. Costs are by day alone: their rows name no models, or not by the models' names.
 * Days are UTC everywhere.
 */
#include "cli/report/export.h"

#include <errno.h>

#include "base/clock.h"
#include "base/csv.h"
#include "base/json.h"
#include "cli/when.h"

#define EXPORT_BYTES_MAX (256u * 1024 * 1024)
#define DATE_CHARS       10
#define COLUMNS_MAX      128
#define COUNT_MAX        INT64_C(1000000000000000) /* a double has them exactly */
#define SECONDS_MAX      INT64_C(253402300799)     /* the end of 9999 */

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

int export_sums_add(struct report_export *x, struct ledger_groups *groups, struct str day,
                    struct str model, const int64_t sum[SUMS])
{
    static const enum ledger_sum kept[] = {SUM_CALLS,  SUM_INPUT,     SUM_CACHED, SUM_CACHE_WRITE,
                                           SUM_OUTPUT, SUM_REASONING, SUM_COST,   SUM_UNPRICED};
    struct str dim[DIMS];
    for (unsigned i = 0; i < DIMS; i++)
        dim[i] = STR("");
    dim[DIM_DAY] = arena_str(x->arena, day);
    dim[DIM_MODEL] = x->costs ? STR("") : arena_str(x->arena, undated(model));
    struct ledger_group *g = dim[DIM_DAY].p && dim[DIM_MODEL].p ? ledger_groups_get(groups, dim)
                                                                : NULL;
    if (!g)
        return E_MEMORY;
    for (unsigned i = 0; i < ARRAY_LEN(kept); i++)
        g->sum[kept[i]] += sum[kept[i]];
    return 0;
}

/* ---- JSON ---- */

static int wrong(struct report_export *x, const char *what)
{
    if (x->line > 0)
        return fault_set(x->fault, E_USAGE, "line %u: %s", x->line, what);
    return fault_set(x->fault, E_USAGE, "%s", what);
}

static int day_note(struct report_export *x, struct str day)
{
    if (!x->from.p || str_cmp(day, x->from) < 0)
        x->from = arena_str(x->arena, day);
    if (!x->to.p || str_cmp(day, x->to) > 0)
        x->to = arena_str(x->arena, day);
    return x->from.p && x->to.p ? 0 : E_MEMORY;
}

/* Adds a count, which some tools write as 59200.0; false where it is none, such as a text. One that
 * is not there, or null, is 0. */
static bool count_add(yyjson_val *object, const char *name, int64_t *sum)
{
    yyjson_val *v = yyjson_obj_get(object, name);
    double real = yyjson_get_real(v);
    if (!v || yyjson_is_null(v))
        return true;
    bool whole = yyjson_is_real(v) && real >= 0 && real < (double)COUNT_MAX &&
                 real == (double)(int64_t)real;
    if (!whole && !(yyjson_is_uint(v) && yyjson_get_uint(v) < COUNT_MAX))
        return false;
    *sum += whole ? (int64_t)real : (int64_t)yyjson_get_uint(v);
    return true;
}

/* Both providers' results: what is not cached, what was, what was written to the cache. */
static int result_take(struct report_export *x, struct str day, yyjson_val *result)
{
    struct str model = json_get_str(result, "model");
    int64_t sum[SUMS] = {0};
    if (!model.n)
        return wrong(x, "a result without a model; ask for the export with group_by=model");
    yyjson_val *created = yyjson_obj_get(result, "cache_creation");
    bool anthropic = yyjson_obj_get(result, "uncached_input_tokens") != NULL;
    if (!anthropic && !yyjson_obj_get(result, "input_tokens"))
        return wrong(x, "a result without input_tokens; expected the usage of completions");
    const struct {
        yyjson_val *object;
        const char *name;
        enum ledger_sum sum;
    } counts[] = {
        {result, "num_model_requests", SUM_CALLS},
        {result, anthropic ? "uncached_input_tokens" : "input_tokens", SUM_INPUT},
        {result, anthropic ? "cache_read_input_tokens" : "input_cached_tokens", SUM_CACHED},
        {result, anthropic ? "" : "input_cache_write_tokens", SUM_CACHE_WRITE},
        {created, "ephemeral_5m_input_tokens", SUM_CACHE_WRITE},
        {created, "ephemeral_1h_input_tokens", SUM_CACHE_WRITE},
        {result, "output_tokens", SUM_OUTPUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (!count_add(counts[i].object, counts[i].name, &sum[counts[i].sum]))
            return fault_set(x->fault, E_USAGE, "'%s' of model %.*s is no whole number",
                             counts[i].name, STR_ARGS(str_head_utf8(model, 60)));
    if (!anthropic)
        sum[SUM_INPUT] -= sum[SUM_CACHED] + sum[SUM_CACHE_WRITE];
    return export_sums_add(x, x->groups, day, model, sum);
}

/* Days are UTC's: is a time behind a day, "T00:00:00+02:00", one of UTC, or without a zone? */
static bool is_utc(struct str time)
{
    size_t i = 0;
    while (i < time.n && time.p[i] != '+' && time.p[i] != '-')
        i++;
    while (i < time.n && memchr("+-0:", time.p[i], 4))
        i++;
    return i == time.n;
}

static int bucket_take(struct report_export *x, yyjson_val *bucket)
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
    if (!when_is_day(day))
        return wrong(x, "a bucket's start is no day; expected such as 2026-11-24T00:00:00Z");
    if (from_s < 0 && !is_utc(str_tail(starts, DATE_CHARS)))
        return wrong(x, "a bucket starts at another zone's time, and the ledger's days are in UTC; "
                        "export it with buckets that start at a time in UTC");
    int err = day_note(x, day);
    size_t i, n;
    yyjson_arr_foreach(results, i, n, result)
    {
        err = err ? err : result_take(x, day, result);
    }
    return err;
}

/* A page, or a list of pages. */
static int page_take(struct report_export *x, yyjson_val *page)
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

static int pages_take(struct report_export *x, struct str text)
{
    yyjson_doc *doc = NULL;
    if (json_parse(x->arena, text, &doc, NULL) == 0)
        return page_take(x, yyjson_doc_get_root(doc));
    for (x->line = 1; text.n > 0; x->line++) {
        struct str line = str_trim(str_cut(&text, '\n'));
        struct fault f = {0};
        if (line.n == 0)
            continue;
        int err = json_parse(x->arena, line, &doc, &f);
        err = err ? wrong(x, fault_text(&f)) : page_take(x, yyjson_doc_get_root(doc));
        if (err)
            return err;
    }
    return 0;
}

/* ---- CSV ---- */

enum cell {
    CELL_DAY,
    CELL_DAY_ISO, /* the same day in another form; either will do */
    CELL_MODEL,
    CELL_CALLS,
    CELL_INPUT,
    CELL_CACHED,
    CELL_WRITTEN,
    CELL_WRITTEN_5M,
    CELL_WRITTEN_1H,
    CELL_OUTPUT,
    CELL_COST,
    CELL_CURRENCY,
    CELLS
};
#define BIT(cell) (1u << (cell))

/* What the providers' pages let one download, by the names in the first line. */
static const struct export_form {
    const char *what;
    unsigned needs;
    bool input_is_all; /* what is cached and written is in it, too */
    struct str column[CELLS];
} forms[] = {
    {.what = "OpenAI's usage export",
     .needs = BIT(CELL_DAY) | BIT(CELL_MODEL) | BIT(CELL_INPUT) | BIT(CELL_OUTPUT),
     .input_is_all = true,
     .column = {[CELL_DAY] = {"start_time", 10},
                [CELL_DAY_ISO] = {"start_time_iso", 14},
                [CELL_MODEL] = {"model", 5},
                [CELL_CALLS] = {"num_model_requests", 18},
                [CELL_INPUT] = {"input_tokens", 12},
                [CELL_CACHED] = {"input_cached_tokens", 19},
                [CELL_WRITTEN] = {"input_cache_write_tokens", 24},
                [CELL_OUTPUT] = {"output_tokens", 13}}},
    {.what = "Anthropic's usage export",
     .needs = BIT(CELL_DAY) | BIT(CELL_MODEL) | BIT(CELL_INPUT) | BIT(CELL_OUTPUT),
     .column = {[CELL_DAY] = {"usage_date_utc", 14},
                [CELL_MODEL] = {"model_version", 13},
                [CELL_INPUT] = {"usage_input_tokens_no_cache", 27},
                [CELL_CACHED] = {"usage_input_tokens_cache_read", 29},
                [CELL_WRITTEN] = {"usage_input_tokens_cache_write", 30},
                [CELL_WRITTEN_5M] = {"usage_input_tokens_cache_write_5m", 33},
                [CELL_WRITTEN_1H] = {"usage_input_tokens_cache_write_1h", 33},
                [CELL_OUTPUT] = {"usage_output_tokens", 19}}},
    {.what = "OpenAI's cost export",
     .needs = BIT(CELL_DAY) | BIT(CELL_COST),
     .column = {[CELL_DAY] = {"start_time", 10},
                [CELL_DAY_ISO] = {"start_time_iso", 14},
                [CELL_COST] = {"amount_value", 12},
                [CELL_CURRENCY] = {"amount_currency", 15}}},
    {.what = "Anthropic's cost export",
     .needs = BIT(CELL_DAY) | BIT(CELL_COST),
     .column = {[CELL_DAY] = {"usage_date_utc", 14}, [CELL_COST] = {"cost_usd", 8}}},
};

struct table {
    struct csv csv;
    const struct export_form *form;
    int at[CELLS];                /* which column; -1: it is not there */
    unsigned fields_n, columns_n; /* of this row, of the first */
    struct str field[COLUMNS_MAX];
};

static unsigned columns_find(const struct table *t, const struct export_form *form, int at[CELLS])
{
    unsigned found = 0;
    for (unsigned c = 0; c < CELLS; c++) {
        at[c] = -1;
        for (unsigned i = 0; i < t->fields_n && at[c] < 0 && form->column[c].n; i++)
            if (str_eq_nocase(str_trim(t->field[i]), form->column[c]))
                at[c] = (int)i;
        found |= at[c] >= 0 ? BIT(c) : 0;
    }
    return found & BIT(CELL_DAY_ISO) ? found | BIT(CELL_DAY) : found;
}

/* The columns that a form needs, or those of them in `these`, with commas. */
static struct str columns_list(struct arena *arena, const struct export_form *form, unsigned these)
{
    struct str list = STR("");
    for (unsigned c = 0; c < CELLS && list.p; c++)
        if (these & BIT(c))
            list = arena_printf(arena, "%.*s%s%.*s", STR_ARGS(list), list.n ? ", " : "",
                                STR_ARGS(form->column[c]));
    return list;
}

/* Which export it is; what is missing is said of the one that it is most like. */
static int form_find(struct report_export *x, struct table *t)
{
    const struct export_form *nearest = NULL;
    unsigned missing = 0, most = 0;
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
        unsigned found = columns_find(t, &forms[i], t->at);
        t->form = &forms[i];
        if ((found & forms[i].needs) == forms[i].needs)
            return 0;
        if ((unsigned)__builtin_popcount(found) > most) {
            most = (unsigned)__builtin_popcount(found);
            nearest = &forms[i];
            missing = forms[i].needs & ~found;
        }
    }
    if (!nearest)
        return wrong(x, "neither JSON nor a usage export; expected the columns start_time, model, "
                        "input_tokens, output_tokens (OpenAI's) or usage_date_utc, model_version, "
                        "usage_input_tokens_no_cache, usage_output_tokens (Anthropic's)");
    struct str lacks = columns_list(x->arena, nearest, missing);
    struct str all = columns_list(x->arena, nearest, nearest->needs);
    return fault_set(x->fault, E_USAGE, "line 1: %s lacks %.*s; expected %.*s", nearest->what,
                     STR_ARGS(lacks), STR_ARGS(all));
}

static struct str cell_of(const struct table *t, enum cell c)
{
    int at = t->at[c];
    return at >= 0 && (unsigned)at < t->fields_n ? str_trim(t->field[at]) : STR_NONE;
}

static int cell_wrong(struct report_export *x, const struct table *t, enum cell c, const char *want)
{
    return fault_set(x->fault, E_USAGE, "line %u: %.*s is '%.*s'; expected %s", x->line,
                     STR_ARGS(t->form->column[c]), STR_ARGS(str_head_utf8(cell_of(t, c), 40)),
                     want);
}

/* Do commas stand between groups of three digits only, as in "1,234.5"? Where they do not, they are
 * another country's decimal points: "12,50" is no 1250, and "0,125" no 125. */
static bool commas_group(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        struct str group = str_head(str_tail(s, i + 1), 4);
        if (s.p[i] != ',')
            continue;
        if (i == 0 || s.p[0] == '0' || group.n < 3 || !all_digits(str_head(group, 3)) ||
            (group.n == 4 && all_digits(str_tail(group, 3))))
            return false;
    }
    return true;
}

/* A decimal number times 10^places, rounded: "59200.0", "1,234", "5.5e-06". */
static bool decimal_read(struct str s, int places, int64_t *ret_value)
{
    int64_t value = 0, exponent = 0;
    size_t i = 0, digits = 0;
    int after = -1; /* the decimals so far; -1: before the point */
    bool minus = s.n > 0 && s.p[0] == '-', round_up = false, dropped = false;
    if (!commas_group(str_tail(s, minus)))
        return false;
    for (i = minus; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        char c = s.p[i];
        if (c == '.' && after < 0) {
            after = 0;
        } else if (c >= '0' && c <= '9') {
            digits++;
            if (value <= INT64_MAX / 100) { /* beyond that, more digits tell nothing */
                value = value * 10 + (c - '0');
                after += after >= 0;
            } else if (after < 0) {
                return false;
            }
        } else if (c != ',' || after >= 0) {
            return false;
        }
    }
    uint64_t e = 0;
    if (i < s.n) {
        struct str power = str_tail(s, i + 1);
        bool down = power.n > 0 && power.p[0] == '-';
        if (down || (power.n > 0 && power.p[0] == '+'))
            power = str_tail(power, 1);
        if (!str_to_u64(power, 30, &e))
            return false;
        exponent = down ? -(int64_t)e : (int64_t)e;
    }
    for (exponent += places - (after > 0 ? after : 0); exponent > 0; exponent--)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    for (; exponent < 0; exponent++) {
        dropped |= value % 10 != 0;
        round_up = value % 10 >= 5;
        value /= 10;
    }
    *ret_value = (minus ? -1 : 1) * (value + round_up);
    return digits > 0 && (places > 0 || !dropped);
}

/* A count of this row; 0 where it is empty or its column is not there. */
static int count_read(struct report_export *x, const struct table *t, enum cell c, int64_t *sum)
{
    int64_t value = 0;
    struct str text = cell_of(t, c);
    if (text.n > 0 && (!decimal_read(text, 0, &value) || value < 0))
        return cell_wrong(x, t, c, "a whole number");
    *sum += value;
    return 0;
}

/* "2026-11-24", with or without a time behind it, or seconds since 1970. */
static int day_read(struct report_export *x, const struct table *t, char iso[25],
                    struct str *ret_day)
{
    struct str text = cell_of(t, CELL_DAY), date = str_head(text, DATE_CHARS);
    int64_t seconds = 0;
    if (text.n == 0 || t->at[CELL_DAY] < 0)
        date = str_head(text = cell_of(t, CELL_DAY_ISO), DATE_CHARS);
    if (when_is_day(date) && !is_utc(str_tail(text, DATE_CHARS)))
        return cell_wrong(x, t, t->at[CELL_DAY] < 0 ? CELL_DAY_ISO : CELL_DAY,
                          "a time in UTC, as the ledger's days are");
    if (when_is_day(date)) {
        *ret_day = date;
        return 0;
    }
    if (!decimal_read(text, 0, &seconds) || seconds <= 0 || seconds > SECONDS_MAX)
        return cell_wrong(x, t, CELL_DAY, "a day (2026-11-24), or seconds since 1970");
    clock_iso(seconds * 1000000, iso);
    *ret_day = str_of(iso, DATE_CHARS);
    return 0;
}

static int cost_read(struct report_export *x, const struct table *t, struct str day)
{
    int64_t sum[SUMS] = {0};
    struct str text = cell_of(t, CELL_COST), currency = cell_of(t, CELL_CURRENCY);
    if (text.n > 0 && !decimal_read(text, 9, &sum[SUM_COST]))
        return cell_wrong(x, t, CELL_COST, "an amount of money, such as 1234.50");
    if (currency.n > 0 && !str_eq_nocase(currency, STR("usd")))
        return cell_wrong(x, t, CELL_CURRENCY, "usd");
    return export_sums_add(x, x->groups, day, STR(""), sum);
}

static int usage_read(struct report_export *x, const struct table *t, struct str day)
{
    int64_t sum[SUMS] = {0};
    int err = count_read(x, t, CELL_CALLS, &sum[SUM_CALLS]);
    err = err ? err : count_read(x, t, CELL_INPUT, &sum[SUM_INPUT]);
    err = err ? err : count_read(x, t, CELL_CACHED, &sum[SUM_CACHED]);
    err = err ? err : count_read(x, t, CELL_WRITTEN, &sum[SUM_CACHE_WRITE]);
    err = err ? err : count_read(x, t, CELL_WRITTEN_5M, &sum[SUM_CACHE_WRITE]);
    err = err ? err : count_read(x, t, CELL_WRITTEN_1H, &sum[SUM_CACHE_WRITE]);
    err = err ? err : count_read(x, t, CELL_OUTPUT, &sum[SUM_OUTPUT]);
    if (err)
        return err;
    struct str model = cell_of(t, CELL_MODEL);
    bool empty = sum[SUM_INPUT] + sum[SUM_OUTPUT] + sum[SUM_CALLS] == 0;
    if (!model.n && empty)
        return 0; /* a day on which nothing was used */
    if (!model.n)
        return wrong(x, "a row without a model; ask for the export grouped by model");
    if (t->form->input_is_all)
        sum[SUM_INPUT] -= sum[SUM_CACHED] + sum[SUM_CACHE_WRITE];
    return export_sums_add(x, x->groups, day, model, sum);
}

static int csv_row_take(struct report_export *x, struct table *t)
{
    char iso[25];
    struct str day;
    int err = day_read(x, t, iso, &day);
    if (!err)
        err = day_note(x, day);
    if (!err)
        err = x->costs ? cost_read(x, t, day) : usage_read(x, t, day);
    return err;
}

static int csv_next(struct report_export *x, struct table *t)
{
    struct fault f = {0};
    int err = csv_row(&t->csv, x->arena, t->field, COLUMNS_MAX, &t->fields_n, &f);
    x->line = t->csv.line;
    return err == E_BAD_REQUEST ? wrong(x, fault_text(&f)) : err;
}

static int csv_take(struct report_export *x, struct str text)
{
    struct table *t = ARENA_NEW(x->arena, struct table);
    if (!t)
        return E_MEMORY;
    csv_begin(&t->csv, text);
    int err = csv_next(x, t);
    if (err || t->fields_n == 0)
        return err;
    t->columns_n = t->fields_n;
    err = form_find(x, t);
    x->costs = !err && (t->form->needs & BIT(CELL_COST)) != 0;
    while (!err) {
        err = csv_next(x, t);
        if (err || t->fields_n == 0)
            break;
        /* A file that was cut off, or separators without quotes around them. */
        err = t->fields_n == t->columns_n
                  ? csv_row_take(x, t)
                  : fault_set(x->fault, E_USAGE, "line %u: it has %u columns, the first line %u",
                              x->line, t->fields_n, t->columns_n);
    }
    return err;
}

/* ---- the file ---- */

static int text_take(struct report_export *x, struct str text)
{
    struct str first = str_trim(str_starts(text, STR("\xEF\xBB\xBF")) ? str_tail(text, 3) : text);
    bool json = first.n > 0 && (first.p[0] == '{' || first.p[0] == '[');
    return json ? pages_take(x, first) : csv_take(x, text);
}

int export_read(struct report_export *x, const char *path)
{
    struct buf text;
    char piece[8192];
    size_t n;
    FILE *file = str_eq(str_from(path), STR("-")) ? stdin : fopen(path, "re");
    if (!file)
        return fault_set(x->fault, E_USAGE, "%s cannot be read: %s", path, strerror(errno));
    buf_init(&text, EXPORT_BYTES_MAX);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(&text, piece, n);
    bool failed = ferror(file) != 0;
    if (file != stdin)
        (void)fclose(file);
    int err = failed || text.failed
                  ? fault_set(x->fault, E_USAGE, "%s cannot be read, or is over 256 MiB", path)
                  : text_take(x, buf_view(&text));
    buf_fini(&text);
    if (!err && !x->from.p)
        err = fault_set(x->fault, E_USAGE, "%s has no bucket or row in it", path);
    return err;
}
