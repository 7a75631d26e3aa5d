#include "turn/ledger/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "turn/ledger/tables.h"

#define SQL_BYTES_MAX 8192
#define DAY_US        INT64_C(86400000000)

#define ONE_HOUR "cache_write_1h"

const struct ledger_column ledger_turn_columns[] = {
    {"id", LEDGER_TEXT, "id"},
    {"began", LEDGER_TIME, "began_us"},
    {"state", LEDGER_TEXT, "state"},
    {"status", LEDGER_COUNT, "status"},
    {"error", LEDGER_TEXT, "error"},
    {"tenant", LEDGER_TEXT, "tenant"},
    {"key", LEDGER_TEXT, "key"},
    {"task", LEDGER_TEXT, "task"},
    {"session", LEDGER_TEXT, "session"},
    {"tags", LEDGER_TEXT, "tags"},
    {"api", LEDGER_TEXT, "api"},
    {"asked", LEDGER_TEXT, "asked"},
    {"provider", LEDGER_TEXT, "provider"},
    {"model", LEDGER_TEXT, "model"},
    {"lane", LEDGER_TEXT, "lane"},
    {"stream", LEDGER_BOOL, "stream"},
    {"input", LEDGER_COUNT, "input"},
    {"cached", LEDGER_COUNT, "cached"},
    {"cache_write", LEDGER_COUNT, "cache_write"},
    {"cache_write_1h", LEDGER_COUNT, ONE_HOUR},
    {"output", LEDGER_COUNT, "output"},
    {"reasoning", LEDGER_COUNT, "reasoning"},
    {"counted", LEDGER_TEXT, "counted"},
    {"cost", LEDGER_USD, "cost_usd_nanos"},
    {"saved", LEDGER_USD, "saved_usd_nanos"},
    {"queue", LEDGER_SPAN, "queue_us"},
    {"first", LEDGER_SPAN, "first_us"},
    {"total", LEDGER_SPAN, "total_us"},
    {"overhead", LEDGER_SPAN, "overhead_us"},
    {"bytes_in", LEDGER_COUNT, "bytes_in"},
    {"bytes_out", LEDGER_COUNT, "bytes_out"},
    {"levers", LEDGER_TEXT, "levers"},
    {NULL, LEDGER_TEXT, NULL},
};

const struct ledger_column ledger_call_columns[] = {
    {"seq", LEDGER_COUNT, "seq"},
    {"began", LEDGER_TIME, "began_us"},
    {"purpose", LEDGER_TEXT, "purpose"},
    {"attempt", LEDGER_COUNT, "attempt"},
    {"provider", LEDGER_TEXT, "provider"},
    {"model", LEDGER_TEXT, "model"},
    {"endpoint", LEDGER_TEXT, "endpoint"},
    {"status", LEDGER_COUNT, "status"},
    {"error", LEDGER_TEXT, "error"},
    {"input", LEDGER_COUNT, "input"},
    {"cached", LEDGER_COUNT, "cached"},
    {"cache_write", LEDGER_COUNT, "cache_write"},
    {"cache_write_1h", LEDGER_COUNT, ONE_HOUR},
    {"output", LEDGER_COUNT, "output"},
    {"reasoning", LEDGER_COUNT, "reasoning"},
    {"counted", LEDGER_TEXT, "counted"},
    {"cost", LEDGER_USD, "cost_usd_nanos"},
    {"connect", LEDGER_SPAN, "connect_us"},
    {"first", LEDGER_SPAN, "first_us"},
    {"total", LEDGER_SPAN, "total_us"},
    {"reused", LEDGER_BOOL, "reused"},
    {NULL, LEDGER_TEXT, NULL},
};

struct ledger_reader {
    struct rows_store *store;
    bool has_1h, has_tasks; /* else nobody has extended it yet */
};

/* What is not there is nothing. */
static const char *column_or_zero(const struct ledger_reader *r, const char *column)
{
    return !r->has_1h && strcmp(column, ONE_HOUR) == 0 ? "0" : column;
}

void ledger_reader_close(struct ledger_reader *r)
{
    if (r)
        rows_close(r->store);
    free(r);
}

/* A database that has other tables only (keys, say) has no `meta` or no version there. */
static int version_check(struct ledger_reader *r, struct fault *f)
{
    struct fault no_table = {0};
    int64_t version = 0, has_1h = 0, has_tasks = 0;
    int err = ledger_meta_read(r->store, "ledger_version", &version, &no_table);
    if (err || version == 0)
        return fault_set(f, E_NOT_FOUND, "the database has no ledger");
    err = ledger_meta_read(r->store, LEDGER_HAS_1H, &has_1h, f);
    if (!err)
        err = ledger_meta_read(r->store, LEDGER_HAS_TASKS, &has_tasks, f);
    if (err)
        return err;
    r->has_1h = has_1h != 0;
    r->has_tasks = has_tasks != 0;
    if (version != LEDGER_VERSION)
        return fault_set(f, E_STORE, "the database's ledger has version %lld, this sluice reads %d",
                         (long long)version, LEDGER_VERSION);
    return 0;
}

int ledger_reader_open(struct str where, struct ledger_reader **ret_reader, struct fault *f)
{
    struct ledger_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return E_MEMORY;
    int err = rows_open(where, true, &r->store, f);
    if (!err)
        err = version_check(r, f);
    if (err)
        ledger_reader_close(r);
    else
        *ret_reader = r;
    return err;
}

static int sql_run(struct ledger_reader *r, struct buf *sql, const struct rows_value *v, unsigned n,
                   ledger_row_fn *fn, void *arg, struct fault *f)
{
    struct rows_query *q = NULL;
    buf_char(sql, '\0');
    int err = sql->failed ? sql->failed : rows_prepare(r->store, sql->p, &q, f);
    if (!err)
        err = rows_each(q, v, n, fn, arg, f);
    rows_free(q);
    buf_fini(sql);
    return err;
}

/* ---- rollups ---- */

struct rollup_read {
    ledger_rollup_fn *fn;
    void *arg;
};

static int rollup_take(void *arg, struct rows_query *row)
{
    struct rollup_read *read = arg;
    struct str dim[DIMS];
    int64_t sum[SUMS];
    for (unsigned i = 0; i < DIMS; i++)
        dim[i] = rows_column(row, i).s;
    for (unsigned i = 0; i < SUMS; i++)
        sum[i] = rows_column(row, DIMS + i).i;
    return read->fn(read->arg, dim, sum);
}

int ledger_read_rollups(struct ledger_reader *r, struct str from_day, struct str to_day,
                        ledger_rollup_fn *fn, void *arg, struct fault *f)
{
    const struct rows_value v[] = {rows_text(from_day), rows_text(to_day)};
    struct rollup_read read = {.fn = fn, .arg = arg};
    struct buf sql;
    char name[16];
    buf_init(&sql, SQL_BYTES_MAX);
    buf_str(&sql, STR("SELECT "));
    for (unsigned i = 0; i < DIMS; i++)
        buf_printf(&sql, "%s, ", ledger_dim_name(i));
    for (unsigned i = 0; i < SUMS; i++) {
        ledger_sum_name(i, name);
        buf_printf(&sql, "%s%s", i ? ", " : "", column_or_zero(r, name));
    }
    buf_str(&sql, STR(" FROM rollups WHERE day >= $1 AND day <= $2"));
    return sql_run(r, &sql, v, ARRAY_LEN(v), rollup_take, &read, f);
}

/* ---- tasks ---- */

/* Of "2026-11-24", in microseconds since 1970. */
static int64_t day_us(struct str day)
{
    int number[3] = {0};
    for (unsigned i = 0, part = 0; i < day.n && part < ARRAY_LEN(number); i++) {
        if (day.p[i] == '-')
            part++;
        else
            number[part] = number[part] * 10 + (day.p[i] - '0');
    }
    struct tm tm = {.tm_year = number[0] - 1900, .tm_mon = number[1] - 1, .tm_mday = number[2]};
    return (int64_t)timegm(&tm) * 1000000;
}

struct task_read {
    ledger_task_fn *fn;
    void *arg;
};

static int task_take(void *arg, struct rows_query *row)
{
    struct task_read *read = arg;
    struct ledger_task t = {.turns = rows_column(row, 0).i, .failed = rows_column(row, 1).i};
    struct rows_value score = rows_column(row, 4);
    char iso[25];
    clock_iso(rows_column(row, 5).i, iso);
    t.known_usd_nanos = rows_column(row, 3).i;
    /* What an outcome alone is known of had turns, whose rows are under way or were lost. */
    bool whole = rows_column(row, 2).i == 0 && t.turns > 0;
    t.cost_usd_nanos = whole ? t.known_usd_nanos : COST_UNKNOWN;
    t.score = score.type == ROWS_NULL ? LEDGER_NO_OUTCOME : score.i;
    for (unsigned i = 0; i < DIMS; i++)
        t.dim[i] = i == DIM_DAY ? str_of(iso, 10) : rows_column(row, 5 + i).s;
    return read->fn(read->arg, &t);
}

int ledger_read_tasks(struct ledger_reader *r, struct str from_day, struct str to_day,
                      ledger_task_fn *fn, void *arg, struct fault *f)
{
    const struct rows_value v[] = {rows_int(day_us(from_day)), rows_int(day_us(to_day) + DAY_US)};
    struct task_read read = {.fn = fn, .arg = arg};
    struct buf sql;
    if (!r->has_tasks)
        return 0;
    _Static_assert(DIM_DAY == 0, "began_us stands in its place");
    buf_init(&sql, SQL_BYTES_MAX);
    buf_str(&sql, STR("SELECT turns, failed, unknown, cost_usd_nanos, score, began_us"));
    for (unsigned i = 1; i < DIMS; i++)
        buf_printf(&sql, ", coalesce(%s, '')", ledger_dim_name(i));
    buf_str(&sql, STR(" FROM tasks WHERE made_us >= $1 AND began_us >= $1 AND began_us < $2"
                      " AND (turns > 0 OR score IS NOT NULL)"));
    return sql_run(r, &sql, v, ARRAY_LEN(v), task_take, &read, f);
}

/* ---- what keys used ---- */

struct spend_read {
    ledger_spend_fn *fn;
    void *arg;
};

static int spend_take(void *arg, struct rows_query *row)
{
    struct spend_read *read = arg;
    int64_t usd[4];
    for (unsigned i = 0; i < ARRAY_LEN(usd); i++)
        usd[i] = rows_column(row, 2 + i).i;
    return read->fn(read->arg, rows_column(row, 0).s, rows_column(row, 1).s, usd);
}

int ledger_read_spend(struct ledger_reader *r, const struct ledger_periods *periods,
                      ledger_spend_fn *fn, void *arg, struct fault *f)
{
    const struct rows_value v[] = {rows_text(periods->day[0]), rows_text(periods->day[1]),
                                   rows_text(periods->month[0]), rows_text(periods->month[1])};
    struct spend_read read = {.fn = fn, .arg = arg};
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    buf_str(&sql, STR("SELECT tenant, key,"
                      " sum(CASE WHEN day = $1 THEN cost_usd_nanos ELSE 0 END),"
                      " sum(CASE WHEN day = $2 THEN cost_usd_nanos ELSE 0 END),"
                      " sum(CASE WHEN day >= $3 THEN cost_usd_nanos ELSE 0 END),"
                      " sum(CASE WHEN day < $3 THEN cost_usd_nanos ELSE 0 END)"
                      " FROM rollups WHERE day >= $4 GROUP BY tenant, key"));
    return sql_run(r, &sql, v, ARRAY_LEN(v), spend_take, &read, f);
}

struct second_read {
    ledger_second_fn *fn;
    void *arg;
};

static int second_take(void *arg, struct rows_query *row)
{
    struct second_read *read = arg;
    return read->fn(read->arg, rows_column(row, 0).s, rows_column(row, 1).s,
                    rows_column(row, 2).i * 1000000, rows_column(row, 3).i, rows_column(row, 4).i);
}

int ledger_read_seconds(struct ledger_reader *r, int64_t from_us, ledger_second_fn *fn, void *arg,
                        struct fault *f)
{
    char from[11];
    ledger_id_from(from_us / 1000, from);
    const struct rows_value v[] = {rows_text(str_from(from))};
    struct second_read read = {.fn = fn, .arg = arg};
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    buf_str(
        &sql,
        STR("SELECT coalesce(l.tenant, ''), coalesce(l.key, ''), t.began_us / 1000000 AS second,"
            " sum(CASE WHEN t.state <> 'failed' OR t.call_began_us IS NOT NULL OR EXISTS"
            " (SELECT 1 FROM call_rows c WHERE c.turn = t.id) THEN 1 ELSE 0 END),"
            " sum(coalesce(t.input + t.cached + t.cache_write + t.output + t.reasoning, 0))"
            " FROM turn_rows t LEFT JOIN labels l ON l.n = t.label WHERE t.id >= $1"
            " GROUP BY 1, 2, 3 ORDER BY 3"));
    return sql_run(r, &sql, v, ARRAY_LEN(v), second_take, &read, f);
}

/* ---- rows ---- */

static void columns_add(const struct ledger_reader *r, struct buf *sql,
                        const struct ledger_column *c)
{
    buf_str(sql, STR("SELECT "));
    for (unsigned i = 0; c[i].name; i++)
        buf_printf(sql, "%s%s", i ? ", " : "", column_or_zero(r, c[i].column));
}

int ledger_read_turns(struct ledger_reader *r, unsigned n, ledger_row_fn *fn, void *arg,
                      struct fault *f)
{
    const struct rows_value v[] = {rows_int(n)};
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    columns_add(r, &sql, ledger_turn_columns);
    buf_str(&sql, STR(" FROM turns ORDER BY id DESC LIMIT $1"));
    return sql_run(r, &sql, v, ARRAY_LEN(v), fn, arg, f);
}

struct one {
    ledger_row_fn *fn;
    void *arg;
    bool found;
};

static int one_take(void *arg, struct rows_query *row)
{
    struct one *one = arg;
    one->found = true;
    return one->fn(one->arg, row);
}

int ledger_read_turn(struct ledger_reader *r, struct str id, ledger_row_fn *fn, void *arg,
                     struct fault *f)
{
    const struct rows_value v[] = {rows_text(id)};
    struct one one = {.fn = fn, .arg = arg};
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    columns_add(r, &sql, ledger_turn_columns);
    buf_str(&sql, STR(" FROM turns WHERE id = $1"));
    int err = sql_run(r, &sql, v, ARRAY_LEN(v), one_take, &one, f);
    if (!err && !one.found)
        err = fault_set(f, E_NOT_FOUND, "there is no turn %.*s", STR_ARGS(str_head(id, 64)));
    return err;
}

int ledger_read_calls(struct ledger_reader *r, struct str turn_id, ledger_row_fn *fn, void *arg,
                      struct fault *f)
{
    const struct rows_value v[] = {rows_text(turn_id)};
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    columns_add(r, &sql, ledger_call_columns);
    buf_str(&sql, STR(" FROM calls WHERE turn = $1 ORDER BY seq"));
    return sql_run(r, &sql, v, ARRAY_LEN(v), fn, arg, f);
}
