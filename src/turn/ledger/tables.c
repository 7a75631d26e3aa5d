/*
 * tables.c: the tables, who else writes to them, and what goes when it is old.
 */
#include "turn/ledger/tables.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"

#define LOST_BYTES_MAX (64u * 1024 * 1024)
#define SQL_BYTES_MAX  16384

/* ---- the schema ---- */

/*
 * Version by version; what stands here is never changed, only added to. `@` stands for the counts
 * of latency, l0 to l95, `~` for the way in which the kind of database puts rows in the order of
 * the primary key: ids are ordered by time, so rows are appended at the end of both trees, and the
 * oldest stand at the beginning. The only further index holds the few turns that are running for
 * long: an index on a random key would cost more than the row.
 */
static const char *const versions[] = {
    "CREATE TABLE turns (id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL,"
    " process BIGINT NOT NULL, began_us BIGINT NOT NULL, tenant TEXT, key TEXT, task TEXT,"
    " session TEXT, tags TEXT, api TEXT, asked TEXT, provider TEXT, model TEXT, lane TEXT,"
    " stream BIGINT, status BIGINT, error TEXT, input BIGINT, cached BIGINT, cache_write BIGINT,"
    " output BIGINT, reasoning BIGINT, counted TEXT, cost_usd_nanos BIGINT,"
    " saved_usd_nanos BIGINT, queue_us BIGINT, first_us BIGINT, total_us BIGINT,"
    " overhead_us BIGINT, bytes_in BIGINT, bytes_out BIGINT, levers TEXT)~;"
    "CREATE INDEX turns_running ON turns (process) WHERE state = 'running';"
    "CREATE TABLE calls (turn TEXT NOT NULL, seq BIGINT NOT NULL, purpose TEXT, provider TEXT,"
    " model TEXT, endpoint TEXT, attempt BIGINT, status BIGINT, error TEXT, input BIGINT,"
    " cached BIGINT, cache_write BIGINT, output BIGINT, reasoning BIGINT, counted TEXT,"
    " cost_usd_nanos BIGINT, began_us BIGINT, connect_us BIGINT, first_us BIGINT,"
    " total_us BIGINT, reused BIGINT, PRIMARY KEY (turn, seq))~;"
    "CREATE TABLE rollups (day TEXT NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL,"
    " provider TEXT NOT NULL, model TEXT NOT NULL, lane TEXT NOT NULL, tags TEXT NOT NULL,"
    " api TEXT NOT NULL, turns BIGINT NOT NULL, errors BIGINT NOT NULL, hung_up BIGINT NOT NULL,"
    " lost BIGINT NOT NULL, calls BIGINT NOT NULL, input BIGINT NOT NULL, cached BIGINT NOT NULL,"
    " cache_write BIGINT NOT NULL, output BIGINT NOT NULL, reasoning BIGINT NOT NULL,"
    " estimated BIGINT NOT NULL, cost_usd_nanos BIGINT NOT NULL, unpriced BIGINT NOT NULL,"
    " saved_usd_nanos BIGINT NOT NULL, total_us BIGINT NOT NULL,"
    " @"
    " PRIMARY KEY (day, tenant, key, provider, model, lane, tags, api))~;",

    /*
     * Labels, and a turn's only call in its own row: docs/decisions/0004-labels.md. No column of
     * turn_rows is NOT NULL: where a row may be refused, SQLite keeps what would undo all of the
     * statement, which costs a tenth of its rows.
     */
    "CREATE TABLE labels (n BIGINT NOT NULL PRIMARY KEY, process BIGINT NOT NULL,"
    " hour BIGINT NOT NULL, tenant TEXT, key TEXT, tags TEXT, api TEXT, asked TEXT, provider TEXT,"
    " model TEXT, lane TEXT, stream BIGINT, status BIGINT, error TEXT, counted TEXT,"
    " endpoint TEXT, reused BIGINT)~;"
    "CREATE INDEX labels_hour ON labels (hour);"
    "CREATE TABLE turn_rows (id TEXT NOT NULL PRIMARY KEY, label BIGINT, state TEXT,"
    " began_us BIGINT, task TEXT, session TEXT, input BIGINT,"
    " cached BIGINT, cache_write BIGINT, output BIGINT, reasoning BIGINT, cost_usd_nanos BIGINT,"
    " saved_usd_nanos BIGINT, queue_us BIGINT, first_us BIGINT, total_us BIGINT,"
    " overhead_us BIGINT, bytes_in BIGINT, bytes_out BIGINT, levers TEXT, call_began_us BIGINT,"
    " call_connect_us BIGINT, call_first_us BIGINT, call_total_us BIGINT)~;"

    "INSERT INTO labels (n, process, hour, tenant, key, tags, api, asked, provider, model, lane,"
    " stream, status, error, counted) SELECT process * 4294967296 + row_number() OVER"
    " (PARTITION BY process ORDER BY hour), process, hour, tenant, key, tags, api, asked, provider,"
    " model, lane, stream, status, error, counted FROM (SELECT DISTINCT process,"
    " began_us / 3600000000 AS hour, tenant, key, tags, api, asked, provider, model, lane, stream,"
    " status, error, counted FROM turns) AS old;"
    "CREATE INDEX labels_old ON labels (process, hour, tenant, key, tags, asked, model, status);"
    "INSERT INTO turn_rows (id, label, state, began_us, task, session, input, cached, cache_write,"
    " output, reasoning, cost_usd_nanos, saved_usd_nanos, queue_us, first_us, total_us,"
    " overhead_us, bytes_in, bytes_out, levers) SELECT t.id, l.n, t.state, t.began_us, t.task,"
    " t.session, t.input, t.cached, t.cache_write, t.output, t.reasoning, t.cost_usd_nanos,"
    " t.saved_usd_nanos, t.queue_us, t.first_us, t.total_us, t.overhead_us, t.bytes_in,"
    " t.bytes_out, t.levers FROM turns t LEFT JOIN labels l ON l.process = t.process"
    " AND l.hour = t.began_us / 3600000000 AND l.tenant IS NOT DISTINCT FROM t.tenant"
    " AND l.key IS NOT DISTINCT FROM t.key AND l.tags IS NOT DISTINCT FROM t.tags"
    " AND l.asked IS NOT DISTINCT FROM t.asked AND l.model IS NOT DISTINCT FROM t.model"
    " AND l.status IS NOT DISTINCT FROM t.status AND l.api IS NOT DISTINCT FROM t.api"
    " AND l.provider IS NOT DISTINCT FROM t.provider AND l.lane IS NOT DISTINCT FROM t.lane"
    " AND l.stream IS NOT DISTINCT FROM t.stream AND l.error IS NOT DISTINCT FROM t.error"
    " AND l.counted IS NOT DISTINCT FROM t.counted;"
    "DROP INDEX labels_old;"
    "DROP TABLE turns;"
    "ALTER TABLE calls RENAME TO call_rows;"
    "CREATE INDEX turns_running ON turn_rows (label) WHERE state = 'running';"

    "CREATE VIEW turns AS SELECT t.id, t.state, l.process, t.began_us, l.tenant, l.key, t.task,"
    " t.session, l.tags, l.api, l.asked, l.provider, l.model, l.lane, l.stream, l.status, l.error,"
    " t.input, t.cached, t.cache_write, t.output, t.reasoning, l.counted, t.cost_usd_nanos,"
    " t.saved_usd_nanos, t.queue_us, t.first_us, t.total_us, t.overhead_us, t.bytes_in,"
    " t.bytes_out, t.levers FROM turn_rows t LEFT JOIN labels l ON l.n = t.label;"
    "CREATE VIEW calls AS SELECT t.id AS turn, 0 AS seq, 'answer' AS purpose, l.provider, l.model,"
    " l.endpoint, 1 AS attempt, l.status, l.error, t.input, t.cached, t.cache_write, t.output,"
    " t.reasoning, l.counted, t.cost_usd_nanos, t.call_began_us AS began_us,"
    " t.call_connect_us AS connect_us, t.call_first_us AS first_us, t.call_total_us AS total_us,"
    " l.reused FROM turn_rows t LEFT JOIN labels l ON l.n = t.label"
    " WHERE t.call_began_us IS NOT NULL UNION ALL SELECT turn, seq, purpose, provider, model,"
    " endpoint, attempt, status, error, input, cached, cache_write, output, reasoning, counted,"
    " cost_usd_nanos, began_us, connect_us, first_us, total_us, reused FROM call_rows;",
};

/* Whose the objects are that providers keep. The index is by time, so it grows at its end; it is
 * there for forgetting. */
static const char stored_sql[] =
    "CREATE TABLE IF NOT EXISTS stored (id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL,"
    " provider TEXT NOT NULL, made_us BIGINT NOT NULL)~;"
    "CREATE INDEX IF NOT EXISTS stored_made ON stored (made_us);";

/* Who reads a ledger that nobody has extended yet takes it for 0 (read.c). */
static const char cache_write_1h_sql[] =
    "ALTER TABLE turn_rows ADD COLUMN cache_write_1h BIGINT DEFAULT 0;"
    "ALTER TABLE call_rows ADD COLUMN cache_write_1h BIGINT DEFAULT 0;"
    "ALTER TABLE rollups ADD COLUMN cache_write_1h BIGINT NOT NULL DEFAULT 0;"
    "DROP VIEW turns;"
    "DROP VIEW calls;"
    "CREATE VIEW turns AS SELECT t.id, t.state, l.process, t.began_us, l.tenant, l.key, t.task,"
    " t.session, l.tags, l.api, l.asked, l.provider, l.model, l.lane, l.stream, l.status, l.error,"
    " t.input, t.cached, t.cache_write, t.output, t.reasoning, l.counted, t.cost_usd_nanos,"
    " t.saved_usd_nanos, t.queue_us, t.first_us, t.total_us, t.overhead_us, t.bytes_in,"
    " t.bytes_out, t.levers, t.cache_write_1h"
    " FROM turn_rows t LEFT JOIN labels l ON l.n = t.label;"
    "CREATE VIEW calls AS SELECT t.id AS turn, 0 AS seq, 'answer' AS purpose, l.provider, l.model,"
    " l.endpoint, 1 AS attempt, l.status, l.error, t.input, t.cached, t.cache_write, t.output,"
    " t.reasoning, l.counted, t.cost_usd_nanos, t.call_began_us AS began_us,"
    " t.call_connect_us AS connect_us, t.call_first_us AS first_us, t.call_total_us AS total_us,"
    " l.reused, t.cache_write_1h FROM turn_rows t LEFT JOIN labels l ON l.n = t.label"
    " WHERE t.call_began_us IS NOT NULL UNION ALL SELECT turn, seq, purpose, provider, model,"
    " endpoint, attempt, status, error, input, cached, cache_write, output, reasoning, counted,"
    " cost_usd_nanos, began_us, connect_us, first_us, total_us, reused, cache_write_1h"
    " FROM call_rows;";

_Static_assert(ARRAY_LEN(versions) == LEDGER_VERSION, "a step for each version");

/*
 * What was added without a version of its own, each once: `meta` says whether it was done. An
 * older sluice that still runs (a takeover) writes on beside it; what it writes has the defaults.
 */
static const struct {
    const char *done; /* in `meta` */
    const char *sql;
} extensions[] = {{"has_stored", stored_sql},
                  {LEDGER_HAS_1H, cache_write_1h_sql},
                  {LEDGER_HAS_TASKS, ledger_tasks_sql}};

static int number_take(void *arg, struct rows_query *row)
{
    *(int64_t *)arg = rows_column(row, 0).i;
    return 0;
}

int ledger_meta_read(struct rows_store *store, const char *name, int64_t *ret_value,
                     struct fault *f)
{
    struct rows_query *q = NULL;
    const struct rows_value v[] = {rows_text(str_from(name))};
    *ret_value = 0;
    int err = rows_prepare(store, "SELECT value FROM meta WHERE name = $1", &q, f);
    if (!err)
        err = rows_each(q, v, ARRAY_LEN(v), number_take, ret_value, f);
    rows_free(q);
    return err;
}

static int meta_write(struct rows_store *store, const char *name, int64_t value, struct fault *f)
{
    struct rows_query *q = NULL;
    const struct rows_value v[] = {rows_text(str_from(name)), rows_int(value)};
    int err = rows_prepare(store,
                           "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO "
                           "UPDATE SET value = excluded.value",
                           &q, f);
    if (!err)
        err = rows_run(q, v, ARRAY_LEN(v), f);
    rows_free(q);
    return err;
}

static int version_run(struct rows_store *store, const char *sql, struct fault *f)
{
    struct buf text;
    buf_init(&text, SQL_BYTES_MAX);
    for (const char *p = sql; *p; p++) {
        if (*p == '~')
            buf_str(&text, str_from(store->ops->table_end));
        else if (*p == '@')
            for (unsigned i = 0; i < 96; i++)
                buf_printf(&text, "l%u BIGINT NOT NULL, ", i);
        else
            buf_char(&text, *p);
    }
    buf_char(&text, '\0');
    int err = text.failed ? text.failed : rows_exec(store, text.p, f);
    buf_fini(&text);
    return err;
}

/* An older sluice that still runs would find its tables gone, and lose what it has to write. */
static int alone_check(struct rows_store *store, struct fault *f)
{
    int64_t last = 0;
    bool held = false;
    int err = ledger_meta_read(store, "process", &last, f);
    for (int64_t p = 1; p <= last && !err && !held; p++)
        err = rows_held(store, p, &held, f);
    if (!err && held)
        err = fault_set(f, E_STORE,
                        "an older sluice is still writing to this ledger, whose tables have to be "
                        "taken over; stop it first");
    return err;
}

static int extend(struct rows_store *store, const char *done, const char *sql, struct fault *f)
{
    int64_t has = 0;
    int err = ledger_meta_read(store, done, &has, f);
    if (err || has)
        return err;
    err = version_run(store, sql, f);
    return err ? err : meta_write(store, done, 1, f);
}

static int migrate(struct rows_store *store, struct fault *f)
{
    int64_t have = 0;
    const int64_t known = LEDGER_VERSION;
    int err = rows_exec(store,
                        "CREATE TABLE IF NOT EXISTS meta (name TEXT NOT NULL PRIMARY KEY,"
                        " value BIGINT NOT NULL)",
                        f);
    if (!err)
        err = ledger_meta_read(store, "ledger_version", &have, f);
    if (!err && have > known)
        err = fault_set(f, E_STORE,
                        "the database was written by a newer sluice (its ledger has version %lld, "
                        "this one knows %lld)",
                        (long long)have, (long long)known);
    if (!err && have > 0 && have < known)
        err = alone_check(store, f);
    for (int64_t v = have; v < known && !err; v++)
        err = version_run(store, versions[v], f);
    if (!err && have < known)
        err = meta_write(store, "ledger_version", known, f);
    for (unsigned i = 0; i < ARRAY_LEN(extensions) && !err; i++)
        err = extend(store, extensions[i].done, extensions[i].sql, f);
    return err;
}

/* ---- processes ---- */

static int process_enter(struct ledger_tables *t, struct fault *f)
{
    int64_t last = 0;
    int err = ledger_meta_read(t->store, "process", &last, f);
    if (!err)
        err = meta_write(t->store, "process", last + 1, f);
    if (!err)
        err = rows_hold(t->store, last + 1, f);
    t->labels.process = last + 1;
    return err;
}

struct lost_search {
    struct ledger_tables *tables;
    struct arena arena;
    int64_t process; /* the one looked at last; rows come ordered by it */
    bool held;
    uint64_t found;
    unsigned dead_n, dead_cap;
    int64_t *dead;
    struct fault *fault;
};

static int process_look(struct lost_search *s, int64_t process)
{
    s->process = process;
    int err = rows_held(s->tables->store, process, &s->held, s->fault);
    if (err || s->held)
        return err;
    if (s->dead_n == s->dead_cap) {
        unsigned cap = s->dead_cap ? s->dead_cap * 2 : 8;
        int64_t *more = realloc(s->dead, cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        s->dead = more;
        s->dead_cap = cap;
    }
    s->dead[s->dead_n++] = process;
    return 0;
}

static int running_take(void *arg, struct rows_query *row)
{
    struct lost_search *s = arg;
    int64_t process = rows_column(row, 0).i;
    int err = process == s->process ? 0 : process_look(s, process);
    if (err || s->held)
        return err;
    struct str text[8];
    for (unsigned i = 0; i < ARRAY_LEN(text); i++) {
        text[i] = arena_str(&s->arena, rows_column(row, 2 + i).s);
        if (!text[i].p)
            return E_MEMORY;
    }
    const struct ledger_turn t = {.began_wall_us = rows_column(row, 1).i,
                                  .tenant = text[0],
                                  .key = text[1],
                                  .provider = text[2],
                                  .model = text[3],
                                  .lane = text[4],
                                  .tags = text[5],
                                  .api = text[6],
                                  .task = text[7]};
    s->found++;
    err = ledger_rollup_lost(&s->tables->rollup, &t, 1);
    return err || !t.task.n ? err : ledger_tasks_lost(&s->tables->tasks, &t, 1, s->fault);
}

/* What a lost turn took nobody knows: its provider may have answered, and will bill that. */
static int lost_mark(struct lost_search *s, struct fault *f)
{
    struct rows_query *q = NULL;
    int err = rows_prepare(s->tables->store,
                           "UPDATE turn_rows SET state = 'lost', input = NULL, cached = NULL, "
                           "cache_write = NULL, output = NULL, reasoning = NULL, "
                           "cost_usd_nanos = NULL, saved_usd_nanos = NULL, bytes_out = NULL, "
                           "cache_write_1h = NULL "
                           "WHERE state = 'running' AND "
                           "label IN (SELECT n FROM labels WHERE process = $1)",
                           &q, f);
    for (unsigned i = 0; i < s->dead_n && !err; i++)
        err = rows_run(q, &(struct rows_value){.type = ROWS_INT, .i = s->dead[i]}, 1, f);
    rows_free(q);
    return err;
}

/* The turns that dead processes left running are lost. */
static int lost_find(struct ledger_tables *t, uint64_t *ret_lost, struct fault *f)
{
    struct lost_search s = {.tables = t, .fault = f};
    struct rows_query *q = NULL;
    arena_init_private(&s.arena, LOST_BYTES_MAX);
    ledger_rollup_begin(&t->rollup);
    int err = rows_prepare(t->store,
                           "SELECT process, began_us, tenant, key, provider, model, lane, tags, "
                           "api, task FROM turns WHERE state = 'running' ORDER BY process",
                           &q, f);
    if (!err)
        err = rows_each(q, NULL, 0, running_take, &s, f);
    rows_free(q);
    if (!err)
        err = lost_mark(&s, f);
    if (!err)
        err = ledger_rollup_write(&t->rollup, f);
    ledger_rollup_begin(&t->rollup); /* lets go of the arena's texts */
    arena_fini(&s.arena);
    free(s.dead);
    *ret_lost = s.found;
    return err;
}

/* ---- opening ---- */

int ledger_tables_open(struct str where, ledger_opener *opener, struct ledger_tables **ret_tables,
                       uint64_t *ret_lost, struct fault *f)
{
    struct ledger_tables *t = calloc(1, sizeof(*t));
    if (!t)
        return E_MEMORY;
    int err = opener(where, false, &t->store, f);
    if (!err)
        err = rows_begin(t->store, f);
    if (!err) {
        err = migrate(t->store, f);
        if (!err)
            err = ledger_statements_make(t, f);
        if (!err)
            err = process_enter(t, f);
        if (!err)
            err = lost_find(t, ret_lost, f);
        err = rows_end(t->store, err, f);
    }
    if (err)
        ledger_tables_close(t);
    else
        *ret_tables = t;
    return err;
}

void ledger_tables_close(struct ledger_tables *t)
{
    for (unsigned i = 0; i < STATEMENTS; i++)
        rows_free(t->statement[i]);
    ledger_labels_fini(&t->labels);
    ledger_rollup_fini(&t->rollup);
    ledger_tasks_fini(&t->tasks);
    rows_close(t->store);
    free(t);
}

/* ---- retention ---- */

/* The first ten characters of an id are its milliseconds; all ids from before sort below. */
void ledger_id_from(int64_t wall_ms, char out[11])
{
    static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    for (int i = 9; i >= 0; i--, ms >>= 5)
        out[i] = alphabet[ms & 31];
    out[10] = '\0';
}

static int id_take(void *arg, struct rows_query *row)
{
    struct id *id = arg;
    struct str s = str_head(rows_column(row, 0).s, ID_CHARS);
    memcpy(id->text, s.p, s.n);
    id->text[s.n] = '\0';
    return 0;
}

/* Up to which id rows are too many; "" when none is. */
static int trim_bound(struct ledger_tables *t, int64_t keep_days, int64_t keep_bytes,
                      struct id *ret_bound, struct fault *f)
{
    struct id oldest = {""}, nth = {""};
    char cutoff[11] = "";
    int64_t bytes = 0;
    ret_bound->text[0] = '\0';
    int err = keep_bytes > 0 ? rows_bytes(t->store, &bytes, f) : 0;
    if (!err)
        err = rows_each(t->statement[S_OLDEST], NULL, 0, id_take, &oldest, f);
    if (err || !oldest.text[0])
        return err;
    bool too_large = keep_bytes > 0 && bytes > keep_bytes;
    if (keep_days > 0)
        ledger_id_from(clock_wall_us() / 1000 - keep_days * 86400000, cutoff);
    if (!too_large && strcmp(oldest.text, cutoff) >= 0)
        return 0;
    err = rows_each(t->statement[S_NTH_OLDEST], NULL, 0, id_take, &nth, f);
    if (err)
        return err;
    if (!nth.text[0])
        nth.text[0] = '~'; /* behind every id */
    bool aged_first = !too_large && strcmp(cutoff, nth.text) < 0;
    snprintf(ret_bound->text, sizeof(ret_bound->text), "%s", aged_first ? cutoff : nth.text);
    return 0;
}

int ledger_tables_trim(struct ledger_tables *t, int64_t keep_days, int64_t keep_bytes,
                       bool *ret_more, struct fault *f)
{
    struct id bound;
    *ret_more = false;
    int err = trim_bound(t, keep_days, keep_bytes, &bound, f);
    if (err)
        return err;
    if (!bound.text[0])
        return rows_tidy(t->store, ret_more, f);
    const struct rows_value v[] = {rows_text(str_from(bound.text))};
    err = rows_begin(t->store, f);
    if (err)
        return err;
    err = rows_run(t->statement[S_TRIM_CALLS], v, ARRAY_LEN(v), f);
    if (!err)
        err = rows_run(t->statement[S_TRIM_TURNS], v, ARRAY_LEN(v), f);
    if (!err)
        err = rows_run(t->statement[S_TRIM_LABELS], NULL, 0, f);
    if (!err)
        err = ledger_tasks_trim(&t->tasks, f);
    ledger_labels_forget(&t->labels);
    err = rows_end(t->store, err, f);
    *ret_more = !err;
    return err;
}

int ledger_tables_trim_stored(struct ledger_tables *t, int64_t keep_ms, bool *ret_more,
                              struct fault *f)
{
    *ret_more = false;
    if (keep_ms <= 0)
        return 0;
    const struct rows_value v[] = {rows_int(clock_wall_us() - keep_ms * 1000)};
    int err = rows_begin(t->store, f);
    if (err)
        return err;
    err = rows_run(t->statement[S_TRIM_STORED], v, ARRAY_LEN(v), f);
    *ret_more = !err && rows_changed(t->statement[S_TRIM_STORED]) == TRIM_STORED;
    return rows_end(t->store, err, f);
}
