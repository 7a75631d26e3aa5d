#include "turn/stored.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/recent.h"
#include "rt/pool.h"
#include "store/rows.h"
#include "turn/ledger/ledger.h"

#define TEXTS_BYTES_MAX 1024
#define FULL            1 /* ends the reading of the table */

/* What is remembered of an id. */
struct known {
    int64_t made_wall_us;
    uint16_t tenant_n, provider_n;
    bool gone;    /* it was deleted: the table may have it until its next batch */
    char texts[]; /* tenant, provider */
};

struct stored {
    struct ledger *ledger;
    char *where; /* NULL: no table */
    int64_t keep_us;
    struct recent known;
    unsigned looking;
    uint64_t look_ups;
};

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '.' || c == ':';
        if (!good)
            return false;
    }
    return s.n > 0 && s.n <= STORED_ID_BYTES_MAX;
}

/* ---- the memory ---- */

static struct stored_owner owner_of(const struct known *k)
{
    return (struct stored_owner){.tenant = str_of(k->texts, k->tenant_n),
                                 .provider = str_of(k->texts + k->tenant_n, k->provider_n)};
}

static bool is_old(const struct stored *s, int64_t made_wall_us)
{
    return s->keep_us > 0 && clock_wall_us() - made_wall_us > s->keep_us;
}

/* Where it is already, it stays as it is. NULL: it was there, or there is no memory. */
static struct known *add(struct stored *s, struct str id, const struct stored_owner *owner,
                         int64_t made_wall_us, enum recent_place place)
{
    alignas(struct known) char value[sizeof(struct known) + TEXTS_BYTES_MAX];
    struct str tenant = owner->tenant, provider = owner->provider;
    if (tenant.n + provider.n > TEXTS_BYTES_MAX)
        return NULL;
    struct known *k = (struct known *)(void *)value;
    *k = (struct known){.made_wall_us = made_wall_us,
                        .tenant_n = (uint16_t)tenant.n,
                        .provider_n = (uint16_t)provider.n};
    if (tenant.n)
        memcpy(k->texts, tenant.p, tenant.n);
    if (provider.n)
        memcpy(k->texts + tenant.n, provider.p, provider.n);
    size_t n = offsetof(struct known, texts) + tenant.n + provider.n;
    return recent_add(&s->known, id, value, n < sizeof(*k) ? sizeof(*k) : n, place);
}

/* ---- the table ---- */

struct look_job {
    struct pool_job job;
    char *where;
    unsigned id_n, tenant_n, provider_n;
    int64_t made_wall_us;
    int err;
    char id[STORED_ID_BYTES_MAX];
    char texts[TEXTS_BYTES_MAX]; /* tenant, provider */
};

static int look_take(void *arg, struct rows_query *row)
{
    struct look_job *l = arg;
    struct str tenant = rows_column(row, 0).s, provider = rows_column(row, 1).s;
    if (tenant.n + provider.n > sizeof(l->texts))
        return E_NOT_FOUND;
    if (tenant.n)
        memcpy(l->texts, tenant.p, tenant.n);
    if (provider.n)
        memcpy(l->texts + tenant.n, provider.p, provider.n);
    l->tenant_n = (unsigned)tenant.n;
    l->provider_n = (unsigned)provider.n;
    l->made_wall_us = rows_column(row, 2).i;
    return 0;
}

static void look_run(struct pool_job *job)
{
    struct look_job *l = CONTAINER_OF(job, struct look_job, job);
    const struct rows_value v[] = {rows_text(str_of(l->id, l->id_n))};
    struct rows_store *store = NULL;
    struct rows_query *q = NULL;
    l->err = rows_open(str_from(l->where), true, &store, NULL);
    if (!l->err)
        l->err = rows_prepare(store, "SELECT tenant, provider, made_us FROM stored WHERE id = $1",
                              &q, NULL);
    if (!l->err)
        l->err = rows_each(q, v, ARRAY_LEN(v), look_take, l, NULL);
    rows_free(q);
    rows_close(store);
    if (!l->err && l->made_wall_us == 0)
        l->err = E_NOT_FOUND;
}

static void look_drop(struct pool_job *job)
{
    struct look_job *l = CONTAINER_OF(job, struct look_job, job);
    free(l->where);
    free(l);
}

static int look_up(struct stored *s, struct str id)
{
    struct look_job *l = calloc(1, sizeof(*l));
    if (!l)
        return E_MEMORY;
    l->job = (struct pool_job){.run = look_run, .drop = look_drop};
    l->where = strdup(s->where);
    l->id_n = (unsigned)id.n;
    memcpy(l->id, id.p, id.n);
    s->looking++;
    s->look_ups++;
    int err = l->where ? pool_call(&l->job) : E_MEMORY;
    s->looking--;
    if (err && err != E_MEMORY)
        return err; /* the pool drops it */
    err = err ? err : l->err;
    if (!err) {
        const struct stored_owner owner = {
            .tenant = str_of(l->texts, l->tenant_n),
            .provider = str_of(l->texts + l->tenant_n, l->provider_n)};
        (void)add(s, id, &owner, l->made_wall_us, RECENT_NEWEST);
    }
    look_drop(&l->job);
    return err;
}

/* The newest come first, and stand in front. */
static int fill_take(void *arg, struct rows_query *row)
{
    struct stored *s = arg;
    struct str id = rows_column(row, 0).s;
    const struct stored_owner owner = {rows_column(row, 1).s, rows_column(row, 2).s};
    size_t most = recent_bytes_of(STORED_ID_BYTES_MAX, sizeof(struct known) + TEXTS_BYTES_MAX);
    if (s->known.bytes + most > s->known.bytes_max)
        return FULL;
    if (is_id(id))
        (void)add(s, id, &owner, rows_column(row, 3).i, RECENT_OLDEST);
    return 0;
}

static int fill(struct stored *s, struct fault *f)
{
    const struct rows_value v[] = {rows_int(s->keep_us ? clock_wall_us() - s->keep_us : 0)};
    struct rows_store *store = NULL;
    struct rows_query *q = NULL;
    int err = rows_open(str_from(s->where), true, &store, f);
    if (!err)
        err = rows_prepare(store,
                           "SELECT id, tenant, provider, made_us FROM stored WHERE made_us >= $1 "
                           "ORDER BY made_us DESC",
                           &q, f);
    if (!err)
        err = rows_each(q, v, ARRAY_LEN(v), fill_take, s, f);
    rows_free(q);
    rows_close(store);
    return err == FULL ? 0 : err;
}

/* ---- the whole ---- */

int stored_open(const struct stored_settings *settings, struct stored **ret_stored, struct fault *f)
{
    struct stored *s = calloc(1, sizeof(*s));
    if (!s)
        return E_MEMORY;
    s->ledger = settings->ledger;
    s->keep_us = settings->keep_ms * 1000;
    if (settings->where.n)
        s->where = strndup(settings->where.p, settings->where.n);
    int err = recent_init(&s->known, settings->bytes_max);
    if (!err && settings->where.n && !s->where)
        err = E_MEMORY;
    if (!err && s->where)
        err = fill(s, f);
    if (err)
        stored_free(s);
    else
        *ret_stored = s;
    return err;
}

void stored_free(struct stored *s)
{
    if (!s)
        return;
    recent_fini(&s->known);
    free(s->where);
    free(s);
}

void stored_learn(struct stored *s, struct str id, const struct stored_owner *owner)
{
    int64_t now = clock_wall_us();
    if (!s || !is_id(id) || !add(s, id, owner, now, RECENT_NEWEST))
        return;
    if (s->ledger)
        ledger_stored(s->ledger, &(struct ledger_stored){.id = id,
                                                         .tenant = owner->tenant,
                                                         .provider = owner->provider,
                                                         .made_wall_us = now});
}

static struct known *known_find(const struct stored *s, struct str id)
{
    return s && is_id(id) ? recent_find(&s->known, id) : NULL;
}

void stored_forget(struct stored *s, struct str id)
{
    if (!s || !is_id(id))
        return;
    struct known *k = known_find(s, id);
    if (k)
        k->gone = true;
    if (s->ledger)
        ledger_stored(s->ledger, &(struct ledger_stored){.id = id, .gone = true});
}

bool stored_known(struct stored *s, struct str id, struct arena *arena,
                  struct stored_owner *ret_owner)
{
    struct known *k = known_find(s, id);
    if (!k || k->gone || is_old(s, k->made_wall_us))
        return false;
    recent_use(&s->known, k);
    struct stored_owner owner = owner_of(k);
    ret_owner->tenant = arena_str(arena, owner.tenant);
    ret_owner->provider = arena_str(arena, owner.provider);
    return true;
}

int stored_find(struct stored *s, struct str id, struct arena *arena,
                struct stored_owner *ret_owner)
{
    if (stored_known(s, id, arena, ret_owner))
        return ret_owner->tenant.p && ret_owner->provider.p ? 0 : E_MEMORY;
    if (!s || !s->where || !is_id(id) || known_find(s, id))
        return E_NOT_FOUND; /* nobody can have it, or it is gone, or too old */
    if (s->looking >= STORED_LOOK_UPS_MAX)
        return E_OVERLOADED;
    int err = look_up(s, id);
    if (err)
        return err;
    if (!stored_known(s, id, arena, ret_owner))
        return E_NOT_FOUND; /* it is too old */
    return ret_owner->tenant.p && ret_owner->provider.p ? 0 : E_MEMORY;
}

struct stored_stats stored_stats(const struct stored *s)
{
    if (!s)
        return (struct stored_stats){0};
    return (struct stored_stats){
        .known = s->known.n, .bytes = s->known.bytes, .look_ups = s->look_ups};
}
