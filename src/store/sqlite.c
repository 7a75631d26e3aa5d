/*
 * sqlite.c: rows in a file.
 *
 * Write-ahead logging, so that readers (sluice report) and the writer do not wait for each other,
 * and a commit is one append. `synchronous=NORMAL` loses no committed batch when the process dies;
 * when the machine dies, at most what the system had not written out.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/kinds.h"
#include "store/rows.h"

#define BUSY_MS 10000

struct sqlite_store {
    struct rows_store base;
    sqlite3 *db;
};

struct sqlite_query {
    struct rows_query base;
    sqlite3_stmt *stmt;
};

static struct sqlite_store *store_of(struct rows_store *s)
{
    return CONTAINER_OF(s, struct sqlite_store, base);
}

static struct sqlite_query *query_of(struct rows_query *q)
{
    return CONTAINER_OF(q, struct sqlite_query, base);
}

static int db_fault(sqlite3 *db, struct fault *f)
{
    return fault_set(f, E_STORE, "the database refused: %s", sqlite3_errmsg(db));
}

static void sqlite_close(struct rows_store *store)
{
    struct sqlite_store *s = store_of(store);
    sqlite3_close_v2(s->db);
    free(s);
}

static int sqlite_exec(struct rows_store *store, const char *sql, struct fault *f)
{
    sqlite3 *db = store_of(store)->db;
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fault(db, f);
}

/* The file holds names of keys and tasks, so it is made for its owner only. */
static int file_make(const char *path, struct fault *f)
{
    if (str_eq(str_from(path), STR(":memory:")))
        return 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_set(f, E_STORE, "the database %s cannot be opened: %s", path,
                         strerror(errno));
    close(fd);
    return 0;
}

static int sqlite_open(struct str url, bool read_only, struct rows_store **ret_store,
                       struct fault *f)
{
    static const char settings[] = "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
                                   "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024;"
                                   "PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY;"
                                   "PRAGMA journal_size_limit=16777216";
    struct sqlite_store *s = calloc(1, sizeof(*s));
    char *path = strndup(url.p, url.n);
    int err = s && path ? 0 : E_MEMORY;
    if (!err && !read_only)
        err = file_make(path, f);
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (!err && sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        err = fault_set(f, E_STORE, "the database %s cannot be opened: %s", path,
                        s->db ? sqlite3_errmsg(s->db) : "no memory");
    if (!err) {
        s->base.ops = &rows_sqlite;
        sqlite3_busy_timeout(s->db, BUSY_MS);
        if (!read_only && sqlite3_exec(s->db, settings, NULL, NULL, NULL) != SQLITE_OK)
            err = fault_set(f, E_STORE, "%s is no usable SQLite database: %s", path,
                            sqlite3_errmsg(s->db));
    }
    free(path);
    if (err) {
        if (s)
            sqlite3_close_v2(s->db);
        free(s);
        return err;
    }
    *ret_store = &s->base;
    return 0;
}

static int sqlite_prepare(struct rows_store *store, const char *sql, struct rows_query **ret_query,
                          struct fault *f)
{
    struct sqlite_query *q = calloc(1, sizeof(*q));
    if (!q)
        return E_MEMORY;
    sqlite3 *db = store_of(store)->db;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL) != SQLITE_OK) {
        free(q);
        return db_fault(db, f);
    }
    q->base.store = store;
    *ret_query = &q->base;
    return 0;
}

static int sqlite_bind(struct rows_query *query, const struct rows_value *values, unsigned n)
{
    sqlite3_stmt *stmt = query_of(query)->stmt;
    int rc = SQLITE_OK;
    for (unsigned i = 0; i < n && rc == SQLITE_OK; i++) {
        const struct rows_value *v = &values[i];
        int at = (int)i + 1;
        if (v->type == ROWS_NULL)
            rc = sqlite3_bind_null(stmt, at);
        else if (v->type == ROWS_INT)
            rc = sqlite3_bind_int64(stmt, at, v->i);
        else /* borrowed: the statement is reset before the caller gets it back */
            rc = sqlite3_bind_text(stmt, at, v->s.p, (int)v->s.n, SQLITE_STATIC);
    }
    return rc == SQLITE_OK ? 0 : E_STORE;
}

static int sqlite_step(struct rows_query *query, bool *ret_row, struct fault *f)
{
    int rc = sqlite3_step(query_of(query)->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return db_fault(store_of(query->store)->db, f);
    *ret_row = rc == SQLITE_ROW;
    return 0;
}

static struct rows_value sqlite_column(struct rows_query *query, unsigned i)
{
    sqlite3_stmt *stmt = query_of(query)->stmt;
    int at = (int)i;
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_NULL:
        return rows_null();
    case SQLITE_INTEGER:
        return rows_int(sqlite3_column_int64(stmt, at));
    default: {
        const char *text = (const char *)sqlite3_column_text(stmt, at);
        return rows_text(str_of(text ? text : "", (size_t)sqlite3_column_bytes(stmt, at)));
    }
    }
}

static void sqlite_reset(struct rows_query *query)
{
    sqlite3_reset(query_of(query)->stmt);
}

static void sqlite_free_query(struct rows_query *query)
{
    struct sqlite_query *q = query_of(query);
    sqlite3_finalize(q->stmt);
    free(q);
}

const struct rows_ops rows_sqlite = {
    .kind = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .exec = sqlite_exec,
    .prepare = sqlite_prepare,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .column = sqlite_column,
    .reset = sqlite_reset,
    .free_query = sqlite_free_query,
};
