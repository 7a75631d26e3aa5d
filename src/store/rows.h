/*
 * rows.h: the port to a database of rows.
 *
 * What the program stores as rows (ledger, keys) goes through these few functions; behind them
 * stand SQLite (sqlite.c) and, later, PostgreSQL. Statements are SQL that both understand, with
 * $1, $2 ... for values. A handle belongs to one thread at a time. Every call may block on the
 * disk, so none is made on the loop: the ledger's writer has a thread, commands have nothing else
 * to do.
 *
 * Errors are E_STORE (full, locked, damaged; trying again may help), E_NOT_FOUND (read_only, and
 * there is no such database) and E_MEMORY; the fault names the database's own words.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

struct rows_store; /* an open database */
struct rows_query; /* a prepared statement of it */

enum rows_type { ROWS_NULL, ROWS_INT, ROWS_TEXT };

struct rows_value {
    enum rows_type type;
    int64_t i;
    struct str s; /* borrowed for the call */
};

static inline struct rows_value rows_null(void)
{
    return (struct rows_value){.type = ROWS_NULL};
}
static inline struct rows_value rows_int(int64_t i)
{
    return (struct rows_value){.type = ROWS_INT, .i = i};
}
/* p == NULL is stored as NULL. */
static inline struct rows_value rows_text(struct str s)
{
    return (struct rows_value){.type = s.p ? ROWS_TEXT : ROWS_NULL, .s = s};
}

/* What a kind of database does. `url` is what stands behind "kind:". */
struct rows_ops {
    const char *kind;  /* "sqlite" */
    const char *begin; /* the statement that begins a transaction which will write */
    const char
        *table_end; /* behind CREATE TABLE (...) where rows stand in the primary key's order */
    int (*check)(struct str url, struct fault *f); /* could it be opened? E_CONFIG, why not */
    int (*open)(struct str url, bool read_only, struct rows_store **ret_store, struct fault *f);
    void (*close)(struct rows_store *store);
    int (*exec)(struct rows_store *store, const char *sql, struct fault *f);
    int (*prepare)(struct rows_store *store, const char *sql, struct rows_query **ret_query,
                   struct fault *f);
    int (*bind)(struct rows_query *query, const struct rows_value *values, unsigned n);
    int (*step)(struct rows_query *query, bool *ret_row, struct fault *f);
    struct rows_value (*column)(struct rows_query *query, unsigned i);
    void (*reset)(struct rows_query *query);
    void (*free_query)(struct rows_query *query);
    int64_t (*changed)(struct rows_query *query);
    int (*bytes)(struct rows_store *store, int64_t *ret_bytes, struct fault *f);
    int (*tidy)(struct rows_store *store, bool *ret_more, struct fault *f);
    int (*hold)(struct rows_store *store, int64_t number, struct fault *f);
    int (*held)(struct rows_store *store, int64_t number, bool *ret_held, struct fault *f);
};

extern const struct rows_ops *const rows_kinds[]; /* ends with NULL */

struct rows_store {
    const struct rows_ops *ops;
};
struct rows_query {
    struct rows_store *store;
};

/*
 * "sqlite:sluice.db". E_CONFIG with what was expected for another word. Without `read_only` the
 * database is made where there is none, readable by its owner only.
 */
MUSTCHECK int rows_open(struct str where, bool read_only, struct rows_store **ret_store,
                        struct fault *f);
/* Could rows_open, as far as a look can tell? E_CONFIG with what was expected. Makes nothing. */
MUSTCHECK int rows_check(struct str where, struct fault *f);
void rows_close(struct rows_store *store); /* NULL is harmless */
MUSTCHECK int rows_exec(struct rows_store *store, const char *sql, struct fault *f);
MUSTCHECK int rows_prepare(struct rows_store *store, const char *sql, struct rows_query **ret_query,
                           struct fault *f);
void rows_free(struct rows_query *query);

/* Binds, steps once and resets: for INSERT, UPDATE and the like. */
MUSTCHECK int rows_run(struct rows_query *query, const struct rows_value *values, unsigned n,
                       struct fault *f);

/* The rows that the last rows_run of `query` inserted, changed or deleted. (RETURNING would tell
 * too, but costs half as much again as an insert.) */
int64_t rows_changed(struct rows_query *query);

/* Binds and calls `fn` for each row until it returns non-zero (which is then returned). */
MUSTCHECK int rows_each(struct rows_query *query, const struct rows_value *values, unsigned n,
                        int (*fn)(void *arg, struct rows_query *row), void *arg, struct fault *f);
struct rows_value rows_column(struct rows_query *row, unsigned i); /* text: valid until the next */

/* A transaction that will write: nobody else writes from begin to end. */
MUSTCHECK int rows_begin(struct rows_store *store, struct fault *f);
/* With err == 0 commits, else rolls back. Returns `err`, or why the commit failed. */
MUSTCHECK int rows_end(struct rows_store *store, int err, struct fault *f);

/* Bytes in use, without room that deleted rows left. */
MUSTCHECK int rows_bytes(struct rows_store *store, int64_t *ret_bytes, struct fault *f);
/* Gives room that deleted rows left back to the system where that is worth it, in a small step. */
MUSTCHECK int rows_tidy(struct rows_store *store, bool *ret_more, struct fault *f);

/*
 * Holds `number` until the handle is closed or the process dies, however it dies; others see that
 * with rows_held. E_AGAIN when another handle holds it.
 */
MUSTCHECK int rows_hold(struct rows_store *store, int64_t number, struct fault *f);
/* Does another handle hold `number`, in this or another process? */
MUSTCHECK int rows_held(struct rows_store *store, int64_t number, bool *ret_held, struct fault *f);

#endif
