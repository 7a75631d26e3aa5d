#include "turn/outcomes.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/recent.h"
#include "rt/pool.h"
#include "rt/task.h"
#include "store/rows.h"
#include "turn/ledger/ledger.h"
#include "turn/ledger/record.h"

#define KEY_BYTES_MAX 1024
#define SHOWN_MAX     80

/* What is remembered of a task: its score, or one of these. */
#define SCORE_NONE   (-1) /* nobody has told it */
#define SCORE_UNSEEN (-2) /* the table may have it */

struct outcomes {
    struct ledger *ledger;
    char *where; /* NULL: no table */
    struct recent known;
    struct waitq free; /* who waits until fewer look things up */
    unsigned looking;  /* also of those that nobody waits for any more */
    bool closed;       /* the last who looks things up frees it */
    uint64_t look_ups;
};

/* ---- the memory ---- */

/* Tenant and task in one: the tenant's length says where it ends, and the task's name is as the
 * ledger writes it. False: they are too long. */
static bool key_make(struct str tenant, struct str task, char room[KEY_BYTES_MAX],
                     struct str *ret_key)
{
    uint16_t tenant_n = (uint16_t)tenant.n;
    if (sizeof(tenant_n) + tenant.n + task.n > KEY_BYTES_MAX)
        return false;
    memcpy(room, &tenant_n, sizeof(tenant_n));
    if (tenant.n)
        memcpy(room + sizeof(tenant_n), tenant.p, tenant.n);
    char *name = room + sizeof(tenant_n) + tenant.n;
    memcpy(name, task.p, task.n);
    ledger_text_clean(name, task.n);
    *ret_key = str_of(room, sizeof(tenant_n) + tenant.n + task.n);
    return true;
}

static int64_t *remember(struct outcomes *o, struct str key, int64_t score)
{
    return recent_add(&o->known, key, &score, sizeof(score), RECENT_NEWEST);
}

void outcomes_learn(struct outcomes *o, struct str tenant, struct str task)
{
    char room[KEY_BYTES_MAX];
    struct str key;
    if (!o || task.n == 0 || !key_make(tenant, task, room, &key))
        return;
    int64_t *known = recent_find(&o->known, key);
    if (known)
        recent_use(&o->known, known);
    else
        (void)remember(o, key, SCORE_UNSEEN);
}

/* ---- the table ---- */

struct look_job {
    struct pool_job job;
    struct outcomes *of;
    char key[KEY_BYTES_MAX];
    struct str tenant, task; /* in `key` */
    bool found;
    int64_t score; /* or SCORE_NONE */
    int err;
};

static int look_take(void *arg, struct rows_query *row)
{
    struct look_job *l = arg;
    struct rows_value score = rows_column(row, 0);
    l->found = true;
    l->score = score.type == ROWS_NULL ? SCORE_NONE : score.i;
    return 0;
}

static void look_run(struct pool_job *job)
{
    struct look_job *l = CONTAINER_OF(job, struct look_job, job);
    const struct rows_value v[] = {rows_text(l->tenant), rows_text(l->task)};
    struct rows_store *store = NULL;
    struct rows_query *q = NULL;
    l->err = rows_open(str_from(l->of->where), true, &store, NULL);
    if (!l->err)
        l->err = rows_prepare(store, "SELECT score FROM tasks WHERE tenant = $1 AND task = $2", &q,
                              NULL);
    if (!l->err)
        l->err = rows_each(q, v, ARRAY_LEN(v), look_take, l, NULL);
    rows_free(q);
    rows_close(store);
}

static void memory_free(struct outcomes *o)
{
    free(o->where);
    free(o);
}

/* What its thread is through with makes room for the next, whether or not somebody still waits. */
static void look_drop(struct pool_job *job)
{
    struct look_job *l = CONTAINER_OF(job, struct look_job, job);
    struct outcomes *o = l->of;
    free(l);
    o->looking--;
    waitq_wake_one(&o->free);
    if (o->closed && o->looking == 0)
        memory_free(o);
}

static struct look_job *look_new(struct outcomes *o, struct str key, size_t tenant_n)
{
    struct look_job *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    const size_t at = sizeof(uint16_t); /* behind the length */
    l->job = (struct pool_job){.run = look_run, .drop = look_drop};
    l->of = o;
    l->score = SCORE_NONE;
    memcpy(l->key, key.p, key.n);
    l->tenant = str_of(l->key + at, tenant_n);
    l->task = str_of(l->key + at + tenant_n, key.n - at - tenant_n);
    o->looking++;
    return l;
}

static int look_and_wait(struct outcomes *o, struct str key, size_t tenant_n, bool *ret_found,
                         int64_t *ret_score)
{
    int err = 0;
    while (o->looking >= OUTCOMES_LOOK_UPS_MAX && !err)
        err = waitq_wait(&o->free);
    if (err)
        return err;
    struct look_job *l = look_new(o, key, tenant_n);
    if (!l)
        return E_MEMORY;
    o->look_ups++;
    err = pool_call(&l->job);
    if (err && err != E_MEMORY)
        return err; /* the pool drops it */
    if (!err) {
        err = l->err;
        *ret_found = l->found;
        *ret_score = l->score;
    }
    look_drop(&l->job);
    return err;
}

/* What the table knows: *ret_found, and its score or SCORE_NONE. */
static int look_up(struct outcomes *o, struct str key, size_t tenant_n, bool *ret_found,
                   int64_t *ret_score, struct fault *f)
{
    int64_t until_ms = clock_cached_ms() + OUTCOMES_LOOK_UP_MS;
    int64_t outer_ms = task_deadline(until_ms);
    int err = look_and_wait(o, key, tenant_n, ret_found, ret_score);
    task_deadline_restore(outer_ms);
    if (err == E_TIMEOUT && outer_ms > until_ms)
        return fault_set(f, E_STORE, "the ledger could not be read within %d ms",
                         OUTCOMES_LOOK_UP_MS);
    if (err == E_STORE || err == E_NOT_FOUND)
        return fault_set(f, E_STORE, "the ledger cannot be read");
    return err;
}

/* ---- the whole ---- */

int outcomes_new(const struct outcomes_settings *settings, struct outcomes **ret_outcomes)
{
    struct outcomes *o = calloc(1, sizeof(*o));
    if (!o)
        return E_MEMORY;
    o->ledger = settings->ledger;
    waitq_init(&o->free);
    if (settings->where.n)
        o->where = strndup(settings->where.p, settings->where.n);
    int err = recent_init(&o->known, settings->bytes_max);
    if (!err && settings->where.n && !o->where)
        err = E_MEMORY;
    if (err)
        outcomes_free(o);
    else
        *ret_outcomes = o;
    return err;
}

void outcomes_free(struct outcomes *o)
{
    if (!o)
        return;
    recent_fini(&o->known);
    o->closed = true;
    if (o->looking == 0)
        memory_free(o);
}

/*
 * The task in memory, with what the table says where that is not known yet. While this looks it up
 * others run: another may have learned of the task or told its outcome, and what memory has goes
 * before what the table had. *ret_score NULL: there is no such task.
 */
static int known_find(struct outcomes *o, struct str key, size_t tenant_n, int64_t **ret_score,
                      struct fault *f)
{
    bool found = false;
    int64_t score = SCORE_NONE, *known = recent_find(&o->known, key);
    if (o->where && (!known || *known == SCORE_UNSEEN)) {
        int err = look_up(o, key, tenant_n, &found, &score, f);
        if (err)
            return err;
        known = recent_find(&o->known, key);
    }
    if (!known && found) {
        known = remember(o, key, score);
        if (!known)
            return E_MEMORY;
    }
    if (known && *known == SCORE_UNSEEN)
        *known = score;
    *ret_score = known;
    return 0;
}

static int other_fault(struct fault *f, struct str task, int64_t have, int64_t told)
{
    struct buf text;
    buf_init(&text, FAULT_TEXT_BYTES);
    buf_printf(&text, "task '%.*s' has the score ", STR_ARGS(str_head_utf8(task, SHOWN_MAX)));
    buf_decimal(&text, have, 6, 0);
    buf_str(&text, STR(" already, and "));
    buf_decimal(&text, told, 6, 0);
    buf_str(&text, STR(" is another; an outcome is told once"));
    int err = fault_set(f, E_OTHER_OUTCOME, "%.*s", STR_ARGS(buf_view(&text)));
    buf_fini(&text);
    return err;
}

int outcomes_tell(struct outcomes *o, const struct ledger_outcome *told, bool *ret_repeated,
                  struct fault *f)
{
    char room[KEY_BYTES_MAX];
    struct str key;
    int64_t *score = NULL;
    *ret_repeated = false;
    /* As turns, it waits while too much is unwritten: what was taken is not to be lost. */
    int err = o && o->ledger ? ledger_admit(o->ledger) : 0;
    if (err)
        return fault_set(f, err, "%s", err_text(err));
    if (o && told->task.n > 0 && key_make(told->tenant, told->task, room, &key)) {
        err = known_find(o, key, told->tenant.n, &score, f);
        if (err)
            return err;
    }
    if (!score)
        return fault_set(f, E_UNKNOWN_TASK,
                         "no task '%.*s' is known; requests belong to one by the header "
                         "x-sluice-task",
                         STR_ARGS(str_head_utf8(told->task, SHOWN_MAX)));
    recent_use(&o->known, score);
    *ret_repeated = *score == told->score;
    if (*ret_repeated)
        return 0;
    if (*score >= 0)
        return other_fault(f, told->task, *score, told->score);
    *score = told->score;
    if (o->ledger)
        ledger_outcome(o->ledger, told);
    return 0;
}

struct outcomes_stats outcomes_stats(const struct outcomes *o)
{
    if (!o)
        return (struct outcomes_stats){0};
    return (struct outcomes_stats){
        .known = o->known.n, .bytes = o->known.bytes, .look_ups = o->look_ups};
}
