#include "store/rows.h"

#include "store/kinds.h"

const struct rows_ops *const rows_kinds[] = {&rows_sqlite, NULL};

/* The kind of a "kind:url", and the URL; NULL with what was expected. */
static const struct rows_ops *kind_of(struct str where, struct str *ret_url, struct fault *f)
{
    struct str kinds[8], url = where, kind = str_cut(&url, ':');
    unsigned n = 0;
    for (; rows_kinds[n] && n < ARRAY_LEN(kinds); n++) {
        kinds[n] = str_from(rows_kinds[n]->kind);
        if (url.n > 0 && str_eq(kind, kinds[n])) {
            *ret_url = url;
            return rows_kinds[n];
        }
    }
    struct str near = str_nearest(kind, kinds, n), shown = str_head_utf8(where, 60);
    struct str path = near.n == 0 ? shown : url.n > 0 ? str_head_utf8(url, 60) : STR("PATH");
    if (near.n > 0 || (where.n > 0 && !url.p)) /* a kind in other letters, or a path without */
        fault_set(f, E_CONFIG, "'%.*s' names no database; did you mean '%.*s:%.*s'?",
                  STR_ARGS(shown), STR_ARGS(near.n > 0 ? near : kinds[0]), STR_ARGS(path));
    else
        fault_set(f, E_CONFIG, "'%.*s' names no database; expected sqlite:PATH", STR_ARGS(shown));
    return NULL;
}

int rows_check(struct str where, struct fault *f)
{
    struct str url;
    const struct rows_ops *kind = kind_of(where, &url, f);
    return kind ? kind->check(url, f) : E_CONFIG;
}

int rows_open(struct str where, bool read_only, struct rows_store **ret_store, struct fault *f)
{
    struct str url;
    const struct rows_ops *kind = kind_of(where, &url, f);
    return kind ? kind->open(url, read_only, ret_store, f) : E_CONFIG;
}

void rows_close(struct rows_store *store)
{
    if (store)
        store->ops->close(store);
}

int rows_exec(struct rows_store *store, const char *sql, struct fault *f)
{
    return store->ops->exec(store, sql, f);
}

int rows_prepare(struct rows_store *store, const char *sql, struct rows_query **ret_query,
                 struct fault *f)
{
    return store->ops->prepare(store, sql, ret_query, f);
}

void rows_free(struct rows_query *query)
{
    if (query)
        query->store->ops->free_query(query);
}

int rows_run(struct rows_query *query, const struct rows_value *values, unsigned n, struct fault *f)
{
    const struct rows_ops *ops = query->store->ops;
    bool row = false;
    int err = ops->bind(query, values, n);
    if (!err)
        err = ops->step(query, &row, f);
    ops->reset(query);
    return err;
}

int rows_each(struct rows_query *query, const struct rows_value *values, unsigned n,
              int (*fn)(void *arg, struct rows_query *row), void *arg, struct fault *f)
{
    const struct rows_ops *ops = query->store->ops;
    int err = ops->bind(query, values, n);
    for (bool row = true; !err && row;) {
        err = ops->step(query, &row, f);
        if (!err && row)
            err = fn(arg, query);
    }
    ops->reset(query);
    return err;
}

struct rows_value rows_column(struct rows_query *row, unsigned i)
{
    return row->store->ops->column(row, i);
}

int64_t rows_changed(struct rows_query *query)
{
    return query->store->ops->changed(query);
}

int rows_begin(struct rows_store *store, struct fault *f)
{
    return store->ops->exec(store, store->ops->begin, f);
}

int rows_end(struct rows_store *store, int err, struct fault *f)
{
    if (!err)
        err = store->ops->exec(store, "COMMIT", f);
    if (err) {
        int none = store->ops->exec(store, "ROLLBACK", NULL);
        (void)none; /* a failed commit may have rolled back by itself */
    }
    return err;
}

int rows_bytes(struct rows_store *store, int64_t *ret_bytes, struct fault *f)
{
    return store->ops->bytes(store, ret_bytes, f);
}

int rows_tidy(struct rows_store *store, bool *ret_more, struct fault *f)
{
    return store->ops->tidy(store, ret_more, f);
}

int rows_hold(struct rows_store *store, int64_t number, struct fault *f)
{
    return store->ops->hold(store, number, f);
}

int rows_held(struct rows_store *store, int64_t number, bool *ret_held, struct fault *f)
{
    return store->ops->held(store, number, ret_held, f);
}
