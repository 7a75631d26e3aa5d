#include "eval/brake/last_good.h"

#include "store/rows.h"

static const char table_sql[] =
    "CREATE TABLE IF NOT EXISTS in_force (file TEXT NOT NULL, source TEXT NOT NULL,"
    " answers TEXT NOT NULL, lines TEXT NOT NULL, suites TEXT NOT NULL, at_us INTEGER NOT NULL,"
    " PRIMARY KEY (file, source))";

static const char *const sources[LAST_GOODS] = {"unforced", "file", "sent"};

struct reading {
    struct arena *arena;
    struct last_good *good;
};

static int row_take(void *arg, struct rows_query *row)
{
    struct reading *r = arg;
    struct str source = rows_column(row, 0).s;
    for (unsigned of = 0; of < LAST_GOODS; of++) {
        struct last_good *good = &r->good[of];
        if (!str_eq(source, str_from(sources[of])))
            continue;
        *good = (struct last_good){.answers = arena_str(r->arena, rows_column(row, 1).s),
                                   .lines = arena_str(r->arena, rows_column(row, 2).s),
                                   .suites = arena_str(r->arena, rows_column(row, 3).s),
                                   .at_wall_us = rows_column(row, 4).i};
        if (!good->answers.p || !good->lines.p || !good->suites.p)
            return E_MEMORY;
    }
    return 0;
}

int last_good_read(struct arena *a, struct str where, struct str file,
                   struct last_good ret_good[LAST_GOODS], struct fault *f)
{
    struct rows_store *store = NULL;
    struct rows_query *query = NULL;
    struct reading r = {a, ret_good};
    const struct rows_value values[] = {rows_text(file)};
    for (unsigned of = 0; of < LAST_GOODS; of++)
        ret_good[of] = (struct last_good){.at_wall_us = 0};
    int err = rows_open(where, true, &store, f);
    if (err == E_NOT_FOUND) {
        fault_clear(f);
        return 0;
    }
    /* Where it cannot be prepared there is no such table: nothing was ever in force. */
    if (!err && rows_prepare(store,
                             "SELECT source, answers, lines, suites, at_us FROM in_force "
                             "WHERE file = $1",
                             &query, NULL) == 0)
        err = rows_each(query, values, ARRAY_LEN(values), row_take, &r, f);
    if (query)
        rows_free(query);
    rows_close(store);
    return err;
}

static int row_run(struct rows_store *store, const char *sql, const struct rows_value *values,
                   unsigned n, struct fault *f)
{
    struct rows_query *query = NULL;
    int err = rows_prepare(store, sql, &query, f);
    if (!err)
        err = rows_run(query, values, n, f);
    if (query)
        rows_free(query);
    return err;
}

static int source_write(struct rows_store *store, struct str file, enum last_good_of of,
                        const struct last_good *good, struct fault *f)
{
    const struct rows_value all[] = {rows_text(file),          rows_text(str_from(sources[of])),
                                     rows_text(good->answers), rows_text(good->lines),
                                     rows_text(good->suites),  rows_int(good->at_wall_us)};
    return row_run(store,
                   "INSERT INTO in_force (file, source, answers, lines, suites, at_us) "
                   "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (file, source) DO UPDATE SET "
                   "answers = excluded.answers, lines = excluded.lines, "
                   "suites = excluded.suites, at_us = excluded.at_us",
                   all, ARRAY_LEN(all), f);
}

int last_good_write(struct str where, struct str file, enum last_good_of of, bool forced,
                    const struct last_good *good, struct fault *f)
{
    struct rows_store *store = NULL;
    const struct rows_value sent[] = {rows_text(file),
                                      rows_text(str_from(sources[LAST_GOOD_SENT]))};
    int err = rows_open(where, false, &store, f);
    if (!err)
        err = rows_exec(store, table_sql, f);
    if (!err) {
        err = rows_begin(store, f);
        if (!err && of == LAST_GOOD_FILE)
            err = row_run(store, "DELETE FROM in_force WHERE file = $1 AND source = $2", sent,
                          ARRAY_LEN(sent), f);
        if (!err)
            err = source_write(store, file, of, good, f);
        if (!err && !forced)
            err = source_write(store, file, LAST_GOOD_UNFORCED, good, f);
        err = rows_end(store, err, f);
    }
    rows_close(store);
    return err;
}
