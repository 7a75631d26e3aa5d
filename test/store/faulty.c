#include "test/store/faulty.h"

#include <stdlib.h>

struct faulty faulty = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

struct faulty_store {
    struct rows_store base;
    struct rows_ops ops; /* the real ones' words, our functions */
    struct rows_store *real;
};

struct faulty_query {
    struct rows_query base;
    struct rows_query *real;
};

static struct rows_store *real_store(struct rows_store *s)
{
    return CONTAINER_OF(s, struct faulty_store, base)->real;
}

static struct rows_query *real_query(struct rows_query *q)
{
    return CONTAINER_OF(q, struct faulty_query, base)->real;
}

/* In one step: the writer's thread may be in the middle of its calls. */
void faulty_fail(unsigned at, unsigned count)
{
    pthread_mutex_lock(&faulty.lock);
    faulty.calls = faulty.failed = faulty.at_gate = 0;
    faulty.fail_at = at;
    faulty.fail_for = count;
    faulty.gate_shut = false;
    pthread_cond_broadcast(&faulty.moved);
    pthread_mutex_unlock(&faulty.lock);
}

void faulty_reset(void)
{
    faulty_fail(0, 0);
}

void faulty_gate(bool shut)
{
    pthread_mutex_lock(&faulty.lock);
    faulty.gate_shut = shut;
    pthread_cond_broadcast(&faulty.moved);
    pthread_mutex_unlock(&faulty.lock);
}

void faulty_gate_wait(void)
{
    pthread_mutex_lock(&faulty.lock);
    while (faulty.at_gate == 0)
        pthread_cond_wait(&faulty.moved, &faulty.lock);
    pthread_mutex_unlock(&faulty.lock);
}

static int call(struct fault *f)
{
    pthread_mutex_lock(&faulty.lock);
    if (faulty.gate_shut) {
        faulty.at_gate++;
        pthread_cond_broadcast(&faulty.moved);
    }
    while (faulty.gate_shut)
        pthread_cond_wait(&faulty.moved, &faulty.lock);
    unsigned at = ++faulty.calls;
    bool fails = faulty.fail_at && at >= faulty.fail_at && at - faulty.fail_at < faulty.fail_for;
    faulty.failed += fails;
    pthread_mutex_unlock(&faulty.lock);
    return fails ? fault_set(f, E_STORE, "call %u fails on purpose", at) : 0;
}

static void faulty_close(struct rows_store *store)
{
    rows_close(real_store(store));
    free(CONTAINER_OF(store, struct faulty_store, base));
}

static int faulty_exec(struct rows_store *store, const char *sql, struct fault *f)
{
    /* A rollback is how one gets out of a fault: it always works. */
    int err = str_eq(str_from(sql), STR("ROLLBACK")) ? 0 : call(f);
    return err ? err : rows_exec(real_store(store), sql, f);
}

static int faulty_prepare(struct rows_store *store, const char *sql, struct rows_query **ret_query,
                          struct fault *f)
{
    struct faulty_query *q = calloc(1, sizeof(*q));
    int err = q ? call(f) : E_MEMORY;
    if (!err)
        err = rows_prepare(real_store(store), sql, &q->real, f);
    if (err) {
        free(q);
        return err;
    }
    q->base.store = store;
    *ret_query = &q->base;
    return 0;
}

static int faulty_bind(struct rows_query *query, const struct rows_value *values, unsigned n)
{
    struct rows_query *real = real_query(query);
    int err = call(NULL);
    return err ? err : real->store->ops->bind(real, values, n);
}

static int faulty_step(struct rows_query *query, bool *ret_row, struct fault *f)
{
    struct rows_query *real = real_query(query);
    int err = call(f);
    return err ? err : real->store->ops->step(real, ret_row, f);
}

static struct rows_value faulty_column(struct rows_query *query, unsigned i)
{
    return rows_column(real_query(query), i);
}

static void faulty_unstep(struct rows_query *query)
{
    struct rows_query *real = real_query(query);
    real->store->ops->reset(real);
}

static void faulty_free_query(struct rows_query *query)
{
    rows_free(real_query(query));
    free(CONTAINER_OF(query, struct faulty_query, base));
}

static int64_t faulty_changed(struct rows_query *query)
{
    return rows_changed(real_query(query));
}

static int faulty_bytes(struct rows_store *store, int64_t *ret_bytes, struct fault *f)
{
    int err = call(f);
    return err ? err : rows_bytes(real_store(store), ret_bytes, f);
}

static int faulty_tidy(struct rows_store *store, bool *ret_more, struct fault *f)
{
    int err = call(f);
    return err ? err : rows_tidy(real_store(store), ret_more, f);
}

static int faulty_hold(struct rows_store *store, int64_t number, struct fault *f)
{
    int err = call(f);
    return err ? err : rows_hold(real_store(store), number, f);
}

static int faulty_held(struct rows_store *store, int64_t number, bool *ret_held, struct fault *f)
{
    int err = call(f);
    return err ? err : rows_held(real_store(store), number, ret_held, f);
}

int faulty_open(struct str where, bool read_only, struct rows_store **ret_store, struct fault *f)
{
    struct faulty_store *s = calloc(1, sizeof(*s));
    int err = s ? call(f) : E_MEMORY;
    if (!err)
        err = rows_open(where, read_only, &s->real, f);
    if (err) {
        free(s);
        return err;
    }
    s->ops = (struct rows_ops){.kind = s->real->ops->kind,
                               .begin = s->real->ops->begin,
                               .table_end = s->real->ops->table_end,
                               .insert_many = s->real->ops->insert_many,
                               .close = faulty_close,
                               .exec = faulty_exec,
                               .prepare = faulty_prepare,
                               .bind = faulty_bind,
                               .step = faulty_step,
                               .column = faulty_column,
                               .reset = faulty_unstep,
                               .free_query = faulty_free_query,
                               .changed = faulty_changed,
                               .bytes = faulty_bytes,
                               .tidy = faulty_tidy,
                               .hold = faulty_hold,
                               .held = faulty_held};
    s->base.ops = &s->ops;
    *ret_store = &s->base;
    return 0;
}
