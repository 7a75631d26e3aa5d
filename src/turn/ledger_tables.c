/*
 * ledger_tables.c: the tables, and who else writes to them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "turn/ledger_tables.h"

/*
 * Ids are ordered by time, so rows are appended at the end of both trees and the oldest stand at
 * the beginning. The only further index holds the few turns that are running for long.
 */
static const char *const versions[] = {
    "CREATE TABLE turns (id TEXT PRIMARY KEY, state TEXT NOT NULL, process TEXT,"
    " began_us INTEGER NOT NULL, tenant TEXT, key TEXT, task TEXT, session TEXT, tags TEXT,"
    " api TEXT, asked TEXT, provider TEXT, model TEXT, lane TEXT, stream INTEGER, status INTEGER,"
    " error TEXT, input INTEGER, cached INTEGER, cache_write INTEGER, output INTEGER,"
    " reasoning INTEGER, counted TEXT, cost_usd_nanos INTEGER, saved_usd_nanos INTEGER,"
    " queue_us INTEGER, first_us INTEGER, total_us INTEGER, overhead_us INTEGER,"
    " bytes_in INTEGER, bytes_out INTEGER, levers TEXT) WITHOUT ROWID;"
    "CREATE INDEX turns_running ON turns (process) WHERE state = 'running';"
    "CREATE TABLE calls (turn TEXT NOT NULL, seq INTEGER NOT NULL, purpose TEXT, provider TEXT,"
    " model TEXT, endpoint TEXT, attempt INTEGER, status INTEGER, error TEXT, input INTEGER,"
    " cached INTEGER, cache_write INTEGER, output INTEGER, reasoning INTEGER, counted TEXT,"
    " cost_usd_nanos INTEGER, began_us INTEGER, connect_us INTEGER, first_us INTEGER,"
    " total_us INTEGER, reused INTEGER, PRIMARY KEY (turn, seq)) WITHOUT ROWID;"
    "CREATE TABLE rollups (day TEXT NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL,"
    " provider TEXT NOT NULL, model TEXT NOT NULL, lane TEXT NOT NULL, tag TEXT NOT NULL,"
    " api TEXT NOT NULL, turns INTEGER NOT NULL, errors INTEGER NOT NULL, input INTEGER NOT NULL,"
    " cached INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL,"
    " reasoning INTEGER NOT NULL, estimated INTEGER NOT NULL, unpriced INTEGER NOT NULL,"
    " cost_usd_nanos INTEGER NOT NULL, saved_usd_nanos INTEGER NOT NULL,"
    " PRIMARY KEY (day, tenant, key, provider, model, lane, tag, api)) WITHOUT ROWID;"
    "CREATE TABLE processes (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, started TEXT NOT NULL);",
};

static int text_take(void *arg, struct rows_query *row)
{
    struct str s = rows_column(row, 0).s;
    snprintf(arg, 64, "%.*s", STR_ARGS(s));
    return 0;
}

/* One short text out of the database; "" for none. */
static int text_ask(struct rows_store *store, const char *sql, char out[64], struct fault *f)
{
    struct rows_query *q = NULL;
    out[0] = '\0';
    int err = rows_prepare(store, sql, &q, f);
    if (!err)
        err = rows_each(q, NULL, 0, text_take, out, f);
    rows_free(q);
    return err;
}

static int migrate(struct rows_store *store, struct fault *f)
{
    char text[64];
    uint64_t have = 0;
    int err = rows_exec(store, "BEGIN IMMEDIATE", f);
    if (err)
        return err;
    err = rows_exec(store,
                    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
                    f);
    if (!err)
        err = text_ask(store, "SELECT value FROM meta WHERE name = 'version'", text, f);
    if (!err && text[0] && !str_to_u64(str_from(text), 1000, &have))
        err = fault_set(f, E_STORE, "the database's version '%s' is no number", text);
    if (!err && have > ARRAY_LEN(versions))
        err = fault_set(f, E_STORE,
                        "the database was written by a newer sluice (version %s, this one knows "
                        "%zu)",
                        text, ARRAY_LEN(versions));
    for (uint64_t v = have; v < ARRAY_LEN(versions) && !err; v++)
        err = rows_exec(store, versions[v], f);
    char note[128];
    snprintf(note, sizeof(note),
             "INSERT INTO meta VALUES ('version', '%zu') ON CONFLICT (name) DO UPDATE SET value = "
             "excluded.value",
             ARRAY_LEN(versions));
    if (!err)
        err = rows_exec(store, note, f);
    int ended = rows_exec(store, err ? "ROLLBACK" : "COMMIT", err ? NULL : f);
    return err ? err : ended;
}

/* ---- processes ---- */

/*
 * When process `pid` began, in the kernel's ticks since the machine did, and which boot that was:
 * a number that was given out again is another process. "" when there is no such process.
 */
static void process_started(long pid, char out[64])
{
    char path[64], line[1024], boot[40] = "";
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
    if (file)
        (void)fclose(file);
    line[n] = '\0';
    struct str rest = str_from(strrchr(line, ')')); /* the name before it may hold anything */
    struct str field = STR_NONE;
    for (int i = 0; i <= 20 && rest.p; i++) /* the 22nd field of the whole line */
        field = str_cut(&rest, ' ');
    if (field.n == 0)
        return;
    file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file) {
        if (!fgets(boot, sizeof(boot), file))
            boot[0] = '\0';
        (void)fclose(file);
    }
    snprintf(out, 64, "%.*s %.36s", STR_ARGS(str_head(field, 20)), boot);
}

struct dead {
    unsigned n;
    char id[64][32];
};

static int dead_collect(void *arg, struct rows_query *row)
{
    struct dead *d = arg;
    char started[64];
    struct str id = rows_column(row, 0).s;
    process_started((long)rows_column(row, 1).i, started);
    if (started[0] && str_eq(str_from(started), rows_column(row, 2).s))
        return 0;
    if (d->n < ARRAY_LEN(d->id))
        snprintf(d->id[d->n++], sizeof(d->id[0]), "%.*s", STR_ARGS(id));
    return 0;
}

static int count_take(void *arg, struct rows_query *row UNUSED)
{
    ++*(uint64_t *)arg;
    return 0;
}

static int process_bury(struct rows_store *store, const char *id, uint64_t *lost, struct fault *f)
{
    struct rows_query *mark = NULL, *forget = NULL;
    const struct rows_value values[] = {rows_text(str_from(id))};
    int err = rows_prepare(store,
                           "UPDATE turns SET state = 'lost' WHERE state = 'running' AND process = "
                           "$1 RETURNING 1",
                           &mark, f);
    if (!err)
        err = rows_each(mark, values, 1, count_take, lost, f);
    if (!err)
        err = rows_prepare(store, "DELETE FROM processes WHERE id = $1", &forget, f);
    if (!err)
        err = rows_run(forget, values, 1, f);
    rows_free(mark);
    rows_free(forget);
    return err;
}

/* The turns that a dead process left running are lost; ours are registered under a name. */
static int processes_settle(struct ledger_tables *t, uint64_t *ret_lost, struct fault *f)
{
    struct rows_query *all = NULL, *enter = NULL;
    struct dead dead = {0};
    char started[64];
    *ret_lost = 0;
    int err = rows_prepare(t->store, "SELECT id, pid, started FROM processes", &all, f);
    if (!err)
        err = rows_each(all, NULL, 0, dead_collect, &dead, f);
    for (unsigned i = 0; i < dead.n && !err; i++)
        err = process_bury(t->store, dead.id[i], ret_lost, f);
    process_started((long)getpid(), started);
    const struct rows_value values[] = {rows_text(str_of(t->process.text, ID_CHARS)),
                                        rows_int(getpid()), rows_text(str_from(started))};
    if (!err)
        err = rows_prepare(t->store, "INSERT INTO processes VALUES ($1, $2, $3)", &enter, f);
    if (!err)
        err = rows_run(enter, values, ARRAY_LEN(values), f);
    rows_free(all);
    rows_free(enter);
    return err;
}

int ledger_tables_open(struct str where, struct ledger_tables **ret_tables, uint64_t *ret_lost,
                       struct fault *f)
{
    struct ledger_tables *t = calloc(1, sizeof(*t));
    if (!t)
        return E_MEMORY;
    id_new(&t->process);
    int err = rows_open(where, false, &t->store, f);
    if (!err)
        err = migrate(t->store, f);
    if (!err)
        err = processes_settle(t, ret_lost, f);
    if (!err)
        err = ledger_statements_make(t, f);
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
    rows_close(t->store);
    free(t);
}

/* ---- retention ---- */

/* The first ten characters of an id are its milliseconds; all ids of before sort below. */
static void id_of_time(int64_t ms, char out[11])
{
    static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (int i = 9; i >= 0; i--, ms >>= 5)
        out[i] = alphabet[ms & 31];
    out[10] = '\0';
}

static int number_take(void *arg, struct rows_query *row)
{
    *(int64_t *)arg = rows_column(row, 0).i;
    return 0;
}

static int bytes_used(struct ledger_tables *t, int64_t *ret_bytes, struct fault *f)
{
    return rows_each(t->statement[S_BYTES], NULL, 0, number_take, ret_bytes, f);
}

int ledger_tables_trim(struct ledger_tables *t, int64_t keep_days, int64_t keep_bytes,
                       bool *ret_more, struct fault *f)
{
    char before[11] = "";
    int64_t bytes = 0;
    *ret_more = false;
    int err = bytes_used(t, &bytes, f);
    if (err)
        return err;
    if (keep_bytes > 0 && bytes > keep_bytes)
        snprintf(before, sizeof(before), "~"); /* behind every id: the oldest, whatever their age */
    else if (keep_days > 0)
        id_of_time(clock_wall_us() / 1000 - keep_days * 86400000, before);
    if (!before[0])
        return 0;
    const struct rows_value values[] = {rows_text(str_from(before))};
    uint64_t removed = 0;
    err = rows_exec(t->store, "BEGIN IMMEDIATE", f);
    if (err)
        return err;
    err = rows_run(t->statement[S_TRIM_CALLS], values, 1, f);
    if (!err)
        err = rows_each(t->statement[S_TRIM_TURNS], values, 1, count_take, &removed, f);
    int ended = rows_exec(t->store, err ? "ROLLBACK" : "COMMIT", err ? NULL : f);
    err = err ? err : ended;
    if (!err && removed > 0)
        err = rows_exec(t->store, "PRAGMA incremental_vacuum(256)", f);
    *ret_more = removed > 0;
    return err;
}
