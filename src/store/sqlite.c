/*
 * sqlite.c: rows in a file.
 *
 * Write-ahead logging, so that readers (sluice report) and the writer do not wait for each other,
 * and a commit is one append. `synchronous=NORMAL` loses no committed batch when the process dies;
 * when the machine dies, at most what the system had not written out.
 *
 * Numbers are held by a lock on that byte of an empty file beside the database, PATH-live: the
 * system lets go of it when the process dies, also in another container. Process numbers and their
 * starting times would tell nothing about a process in another container.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/file.h"
#include "store/kinds.h"
#include "store/rows.h"

#define BUSY_MS          5000
#define PAGE_BYTES       8192 /* against 4096: a tenth less CPU a row */
#define WAL_BYTES        (16 * 1024 * 1024)
#define TIDY_PAGES       128
#define TIDY_BYTES_LEAST (4 * 1024 * 1024)

/* "12" from a name with the value 12. */
#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x

static const char settings[] =
    /* The first two matter only to a new file. */
    "PRAGMA page_size=" TEXT_OF(
        PAGE_BYTES) "; PRAGMA auto_vacuum=INCREMENTAL;"
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024;"
                    "PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=2000;" /* WAL_BYTES /
                                                                                   PAGE_BYTES */
                    "PRAGMA journal_size_limit=16777216";

struct sqlite_store {
    struct rows_store base;
    sqlite3 *db;
    int live_fd; /* -1: none */
};

struct sqlite_query {
    struct rows_query base;
    sqlite3_stmt *stmt;
    unsigned params_n;
    struct rows_value bound[]; /* what SQLite has for each parameter */
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
    if (sqlite3_errcode(db) == SQLITE_NOMEM)
        return fault_set(f, E_MEMORY, "no memory for the database");
    return fault_set(f, E_STORE, "the database refused: %s", sqlite3_errmsg(db));
}

/* ---- opening ---- */

/* SQLite's own count of its memory costs a lock for each allocation, and nobody reads it. */
static void count_no_memory(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* refused when it runs already: no harm */
}

/*
 * A new file holds names of keys and tasks, so it is made for its owner only. One that exists must
 * not be opened here: closing it would drop the locks that SQLite has on it in this process.
 */
static int file_make(const char *path, struct fault *f)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return fault_set(f, E_STORE, "the database %s cannot be made: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return 0;
}

/* The file itself is not opened, for the reason above. */
static int sqlite_check(struct str url, struct fault *f)
{
    if (str_eq(url, STR(":memory:")))
        return fault_set(f, E_CONFIG,
                         "a database in memory is gone with whoever opened it; "
                         "expected sqlite:PATH");
    return file_place_check(url, f);
}

static int live_open(const char *path, int *ret_fd, struct fault *f)
{
    char name[4096];
    if (snprintf(name, sizeof(name), "%s-live", path) >= (int)sizeof(name))
        return fault_set(f, E_STORE, "the database's path is too long");
    *ret_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_fd < 0)
        return fault_set(f, E_STORE, "%s cannot be made: %s", name, strerror(errno));
    return 0;
}

static int file_prepare(const char *path, bool read_only, struct sqlite_store *s, struct fault *f)
{
    if (strcmp(path, ":memory:") == 0)
        return 0;
    if (read_only && access(path, F_OK) != 0)
        return fault_set(f, E_NOT_FOUND, "there is no database %s", path);
    int err = read_only ? 0 : file_make(path, f);
    if (!err && !read_only)
        err = live_open(path, &s->live_fd, f);
    return err;
}

static void sqlite_close(struct rows_store *store)
{
    struct sqlite_store *s = store_of(store);
    sqlite3_close_v2(s->db);
    if (s->live_fd >= 0)
        close(s->live_fd);
    free(s);
}

static int db_open(const char *path, bool read_only, struct sqlite_store *s, struct fault *f)
{
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    flags |= SQLITE_OPEN_NOMUTEX; /* a handle has one thread */
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
        return fault_set(f, E_STORE, "the database %s cannot be opened: %s", path,
                         s->db ? sqlite3_errmsg(s->db) : "no memory");
    sqlite3_busy_timeout(s->db, BUSY_MS);
    const char *sql = read_only ? "PRAGMA cache_size=-1024; SELECT 1 FROM sqlite_schema LIMIT 1"
                                : settings;
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fault_set(f, E_STORE, "%s is no usable SQLite database: %s", path,
                         sqlite3_errmsg(s->db));
    return 0;
}

static int sqlite_open(struct str url, bool read_only, struct rows_store **ret_store,
                       struct fault *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, count_no_memory);
    struct sqlite_store *s = calloc(1, sizeof(*s));
    char *path = strndup(url.p, url.n);
    int err = s && path ? 0 : E_MEMORY;
    if (!err) {
        s->base.ops = &rows_sqlite;
        s->live_fd = -1;
        err = file_prepare(path, read_only, s, f);
    }
    if (!err)
        err = db_open(path, read_only, s, f);
    free(path);
    if (!err)
        *ret_store = &s->base;
    else if (s && s->base.ops)
        sqlite_close(&s->base);
    else
        free(s);
    return err;
}

/* ---- statements ---- */

static int sqlite_exec(struct rows_store *store, const char *sql, struct fault *f)
{
    sqlite3 *db = store_of(store)->db;
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fault(db, f);
}

/* SQLite takes $1 for a name and ?1 for a number. */
static char *numbers_in(const char *sql)
{
    char *copy = strdup(sql);
    bool quoted = false;
    for (char *p = copy; p && *p; p++) {
        if (*p == '\'')
            quoted = !quoted;
        if (!quoted && *p == '$' && p[1] >= '1' && p[1] <= '9')
            *p = '?';
    }
    return copy;
}

static int sqlite_prepare(struct rows_store *store, const char *sql, struct rows_query **ret_query,
                          struct fault *f)
{
    sqlite3 *db = store_of(store)->db;
    sqlite3_stmt *stmt = NULL;
    char *text = numbers_in(sql);
    if (!text)
        return E_MEMORY;
    int rc = sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    free(text);
    if (rc != SQLITE_OK)
        return db_fault(db, f);
    unsigned params_n = (unsigned)sqlite3_bind_parameter_count(stmt);
    struct sqlite_query *q = calloc(1, sizeof(*q) + params_n * sizeof(struct rows_value));
    if (!q) {
        sqlite3_finalize(stmt);
        return E_MEMORY;
    }
    q->base.store = store;
    q->stmt = stmt;
    q->params_n = params_n; /* all NULL at first, there and here */
    *ret_query = &q->base;
    return 0;
}

static int value_bind(sqlite3_stmt *stmt, int at, const struct rows_value *v)
{
    switch (v->type) {
    case ROWS_INT:
        return sqlite3_bind_int64(stmt, at, v->i);
    case ROWS_TEXT: /* borrowed: SQLite looks at it while it steps, not before and not after */
        return sqlite3_bind_text(stmt, at, v->s.p, (int)v->s.n, SQLITE_STATIC);
    case ROWS_NULL:
    default:
        return sqlite3_bind_null(stmt, at);
    }
}

/*
 * Most values of a row are those of the row before, and a bind is a fair part of an insert: what is
 * bound already is left. That holds for texts too: SQLite kept the address, which the caller says
 * to be good for this call.
 */
static int sqlite_bind(struct rows_query *query, const struct rows_value *values, unsigned n)
{
    struct sqlite_query *q = query_of(query);
    if (n != q->params_n)
        return E_INTERNAL;
    for (unsigned i = 0; i < n; i++) {
        const struct rows_value *v = &values[i];
        struct rows_value *b = &q->bound[i];
        if (v->type == b->type && (v->type == ROWS_NULL || (v->type == ROWS_INT && v->i == b->i) ||
                                   (v->type == ROWS_TEXT && v->s.p == b->s.p && v->s.n == b->s.n)))
            continue;
        if (value_bind(q->stmt, (int)i + 1, v) != SQLITE_OK) {
            *b = (struct rows_value){.type = ROWS_TEXT}; /* no text is NULL: equal to nothing */
            return E_STORE;
        }
        *b = *v;
    }
    return 0;
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

static int64_t sqlite_changed(struct rows_query *query)
{
    return sqlite3_changes64(store_of(query->store)->db);
}

/* ---- room ---- */

static int pragma_read(sqlite3 *db, const char *sql, int64_t *ret_value, struct fault *f)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(stmt, 0);
    int err = rc == SQLITE_ROW ? 0 : db_fault(db, f);
    sqlite3_finalize(stmt);
    return err;
}

static int pages_read(sqlite3 *db, int64_t *ret_all, int64_t *ret_free, int64_t *ret_bytes_each,
                      struct fault *f)
{
    int err = pragma_read(db, "PRAGMA page_count", ret_all, f);
    if (!err)
        err = pragma_read(db, "PRAGMA freelist_count", ret_free, f);
    if (!err)
        err = pragma_read(db, "PRAGMA page_size", ret_bytes_each, f);
    return err;
}

static int sqlite_bytes(struct rows_store *store, int64_t *ret_bytes, struct fault *f)
{
    int64_t all = 0, unused = 0, each = 0;
    int err = pages_read(store_of(store)->db, &all, &unused, &each, f);
    if (!err)
        *ret_bytes = (all - unused) * each;
    return err;
}

/* Free pages are taken again by new rows, so they go back only when they are many. */
static int sqlite_tidy(struct rows_store *store, bool *ret_more, struct fault *f)
{
    int64_t all = 0, unused = 0, each = 0;
    *ret_more = false;
    int err = pages_read(store_of(store)->db, &all, &unused, &each, f);
    if (err || unused * each < TIDY_BYTES_LEAST || unused < all / 4)
        return err;
    *ret_more = true;
    return sqlite_exec(store, "PRAGMA incremental_vacuum(" TEXT_OF(TIDY_PAGES) ")", f);
}

/* ---- numbers ---- */

static struct flock lock_of(int64_t number)
{
    return (struct flock){
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)number, .l_len = 1};
}

static int sqlite_hold(struct rows_store *store, int64_t number, struct fault *f)
{
    struct sqlite_store *s = store_of(store);
    struct flock lock = lock_of(number);
    if (s->live_fd < 0 || fcntl(s->live_fd, F_OFD_SETLK, &lock) == 0)
        return 0; /* a database in memory is nobody else's */
    if (errno == EAGAIN || errno == EACCES)
        return fault_set(f, E_AGAIN, "number %lld is held by another process", (long long)number);
    return fault_set(f, E_STORE, "the file beside the database cannot be locked: %s",
                     strerror(errno));
}

static int sqlite_held(struct rows_store *store, int64_t number, bool *ret_held, struct fault *f)
{
    struct sqlite_store *s = store_of(store);
    struct flock lock = lock_of(number);
    *ret_held = false;
    if (s->live_fd < 0)
        return 0;
    if (fcntl(s->live_fd, F_OFD_GETLK, &lock) != 0)
        return fault_set(f, E_STORE, "the file beside the database cannot be asked: %s",
                         strerror(errno));
    *ret_held = lock.l_type != F_UNLCK;
    return 0;
}

const struct rows_ops rows_sqlite = {
    .kind = "sqlite",
    .begin = "BEGIN IMMEDIATE",
    .table_end = " WITHOUT ROWID",
    .check = sqlite_check,
    .open = sqlite_open,
    .close = sqlite_close,
    .exec = sqlite_exec,
    .prepare = sqlite_prepare,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .column = sqlite_column,
    .reset = sqlite_reset,
    .free_query = sqlite_free_query,
    .changed = sqlite_changed,
    .bytes = sqlite_bytes,
    .tidy = sqlite_tidy,
    .hold = sqlite_hold,
    .held = sqlite_held,
};
