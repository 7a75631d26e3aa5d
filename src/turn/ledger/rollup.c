#include "turn/ledger/rollup.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/clock.h"

#define DAY_US         INT64_C(86400000000)
#define SQL_BYTES_MAX  16384
#define DAYS_BYTES_MAX (1024 * 1024)

static const char *const dim_names[DIMS] = {"day",   "tenant", "key",  "provider",
                                            "model", "lane",   "tags", "api"};
static const char *const sum_names[SUM_LATENCY] = {
    "turns",    "errors",          "hung_up",  "lost",          "calls",     "input",
    "cached",   "cache_write",     "output",   "reasoning",     "estimated", "cost_usd_nanos",
    "unpriced", "saved_usd_nanos", "total_us", "cache_write_1h"};

const char *ledger_dim_name(enum ledger_dim d)
{
    return dim_names[d];
}

void ledger_sum_name(unsigned sum, char out[16])
{
    if (sum < SUM_LATENCY)
        snprintf(out, 16, "%s", sum_names[sum]);
    else
        snprintf(out, 16, "l%u", sum - SUM_LATENCY);
}

/* ---- latency ---- */

#define STEP_1_BITS 7 /* step 1 begins at 128 us */

/* Step 0, then four for each doubling: 128, 160, 192, 224, 256, 320, 384 ... us. */
unsigned ledger_latency_step(int64_t us)
{
    if (us < 1 << STEP_1_BITS)
        return 0;
    unsigned bits = 63 - (unsigned)__builtin_clzll((uint64_t)us);
    unsigned quarter = (unsigned)((uint64_t)us >> (bits - 2)) & 3;
    unsigned step = 1 + 4 * (bits - STEP_1_BITS) + quarter;
    return step < LEDGER_LATENCY_STEPS ? step : LEDGER_LATENCY_STEPS - 1;
}

int64_t ledger_latency_from_us(unsigned step)
{
    if (step == 0)
        return 0;
    unsigned bits = STEP_1_BITS + (step - 1) / 4;
    return (int64_t)(UINT64_C(4) + (step - 1) % 4) << (bits - 2);
}

int64_t ledger_latency_percentile(const int64_t counts[LEDGER_LATENCY_STEPS], double share)
{
    int64_t all = 0, below = 0;
    for (unsigned i = 0; i < LEDGER_LATENCY_STEPS; i++)
        all += counts[i];
    if (all <= 0)
        return -1;
    for (unsigned i = 0; i < LEDGER_LATENCY_STEPS - 1; i++) {
        below += counts[i];
        if (counts[i] > 0 && (double)below >= share * (double)all)
            return (ledger_latency_from_us(i) + ledger_latency_from_us(i + 1)) / 2;
    }
    return ledger_latency_from_us(LEDGER_LATENCY_STEPS - 1); /* or more: the last has no end */
}

/* ---- groups ---- */

static uint64_t dims_hash(const struct str dim[DIMS])
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < DIMS; i++) {
        uint64_t part = dim[i].n ? XXH3_64bits(dim[i].p, dim[i].n) : 0;
        hash = (hash ^ part) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return hash ? hash : 1;
}

static bool dims_equal(const struct str a[DIMS], const struct str b[DIMS])
{
    for (unsigned i = 0; i < DIMS; i++)
        if (!str_eq(a[i], b[i]))
            return false;
    return true;
}

static int groups_grow(struct ledger_groups *g)
{
    unsigned cap = g->cap ? g->cap * 2 : 8;
    struct ledger_group *at = realloc(g->at, cap * sizeof(*at));
    if (!at)
        return E_MEMORY;
    g->at = at;
    uint32_t *slots = calloc((size_t)cap * 2, sizeof(*slots));
    if (!slots)
        return E_MEMORY;
    free(g->slots);
    g->slots = slots;
    g->slots_n = cap * 2;
    g->cap = cap;
    for (unsigned i = 0; i < g->n; i++) {
        unsigned slot = (unsigned)at[i].hash & (g->slots_n - 1);
        while (slots[slot])
            slot = (slot + 1) & (g->slots_n - 1);
        slots[slot] = i + 1;
    }
    return 0;
}

/* The group, or NULL with *ret_slot where it would go. */
static struct ledger_group *groups_find(struct ledger_groups *g, uint64_t hash,
                                        const struct str dim[DIMS], unsigned *ret_slot)
{
    unsigned mask = g->slots_n - 1;
    unsigned slot = (unsigned)hash & mask;
    for (; g->slots[slot]; slot = (slot + 1) & mask) {
        struct ledger_group *found = &g->at[g->slots[slot] - 1];
        if (found->hash == hash && dims_equal(found->dim, dim))
            return found;
    }
    *ret_slot = slot;
    return NULL;
}

static struct ledger_group *groups_get(struct ledger_groups *g, const struct str dim[DIMS],
                                       uint64_t hash)
{
    if (g->n == g->cap && groups_grow(g) != 0)
        return NULL;
    unsigned slot = 0;
    struct ledger_group *found = groups_find(g, hash, dim, &slot);
    if (found)
        return found;
    g->slots[slot] = ++g->n;
    found = &g->at[g->n - 1];
    *found = (struct ledger_group){.hash = hash};
    memcpy(found->dim, dim, sizeof(found->dim));
    return found;
}

struct ledger_group *ledger_groups_get(struct ledger_groups *g, const struct str dim[DIMS])
{
    return groups_get(g, dim, dims_hash(dim));
}

void ledger_groups_clear(struct ledger_groups *g)
{
    g->n = 0;
    if (g->slots)
        memset(g->slots, 0, g->slots_n * sizeof(*g->slots));
}

void ledger_groups_free(struct ledger_groups *g)
{
    free(g->at);
    free(g->slots);
    *g = (struct ledger_groups){.n = 0};
}

/* ---- the statement ---- */

static int add_sql(struct buf *sql)
{
    char name[16];
    buf_str(sql, STR("INSERT INTO rollups ("));
    for (unsigned i = 0; i < DIMS; i++)
        buf_printf(sql, "%s, ", dim_names[i]);
    for (unsigned i = 0; i < SUMS; i++) {
        ledger_sum_name(i, name);
        buf_printf(sql, "%s%s", i ? ", " : "", name);
    }
    buf_str(sql, STR(") VALUES ("));
    for (unsigned i = 1; i <= DIMS + SUMS; i++)
        buf_printf(sql, "%s$%u", i > 1 ? ", " : "", i);
    buf_str(sql, STR(") ON CONFLICT (day, tenant, key, provider, model, lane, tags, api) DO UPDATE "
                     "SET "));
    for (unsigned i = 0; i < SUMS; i++) {
        ledger_sum_name(i, name);
        buf_printf(sql, "%s%s = rollups.%s + excluded.%s", i ? ", " : "", name, name, name);
    }
    buf_char(sql, '\0');
    return sql->failed;
}

int ledger_rollup_init(struct ledger_rollup *r, struct rows_store *store, struct fault *f)
{
    struct buf sql;
    *r = (struct ledger_rollup){.add = NULL};
    arena_init_private(&r->days, DAYS_BYTES_MAX);
    buf_init(&sql, SQL_BYTES_MAX);
    int err = add_sql(&sql);
    if (!err)
        err = rows_prepare(store, sql.p, &r->add, f);
    buf_fini(&sql);
    return err;
}

void ledger_rollup_fini(struct ledger_rollup *r)
{
    rows_free(r->add);
    ledger_groups_free(&r->groups);
    arena_fini(&r->days);
    free(r->seen);
}

/* ---- one batch ---- */

void ledger_rollup_begin(struct ledger_rollup *r)
{
    ledger_groups_clear(&r->groups);
    r->batch++;
    arena_fini(&r->days);
    r->day = STR_NONE;
}

static struct str day_of(struct ledger_rollup *r, int64_t wall_us)
{
    if (!r->day.p || wall_us < r->day_began_us || wall_us >= r->day_began_us + DAY_US) {
        char iso[25];
        clock_iso(wall_us, iso);
        r->day = arena_str(&r->days, str_of(iso, 10));
        int64_t into = wall_us % DAY_US;
        r->day_began_us = wall_us - (into < 0 ? into + DAY_US : into);
    }
    return r->day;
}

static int seen_grow(struct ledger_rollup *r)
{
    unsigned cap = r->seen_cap ? r->seen_cap * 2 : 128;
    uint64_t *more = calloc(cap, sizeof(*more));
    if (!more)
        return E_MEMORY;
    for (unsigned i = 0; i < r->seen_cap; i++) {
        if (!r->seen[i])
            continue;
        unsigned at = (unsigned)r->seen[i] & (cap - 1);
        while (more[at])
            at = (at + 1) & (cap - 1);
        more[at] = r->seen[i];
    }
    free(r->seen);
    r->seen = more;
    r->seen_cap = cap;
    return 0;
}

/* May the newest day have this group? *ret_room is false when it has too many others. */
static int group_has_room(struct ledger_rollup *r, struct str day, uint64_t hash, bool *ret_room)
{
    *ret_room = true;
    int newer = str_cmp(day, str_from(r->seen_day));
    if (newer < 0)
        return 0; /* a turn from before midnight */
    if (newer > 0) {
        memcpy(r->seen_day, day.p, 10);
        if (r->seen)
            memset(r->seen, 0, r->seen_cap * sizeof(*r->seen));
        r->seen_n = 0;
    }
    if (r->seen_n * 2 >= r->seen_cap && seen_grow(r) != 0)
        return E_MEMORY;
    unsigned at = (unsigned)hash & (r->seen_cap - 1);
    for (; r->seen[at]; at = (at + 1) & (r->seen_cap - 1))
        if (r->seen[at] == hash)
            return 0;
    *ret_room = r->seen_n < LEDGER_GROUPS_MAX;
    if (*ret_room) {
        r->seen[at] = hash;
        r->seen_n++;
    }
    return 0;
}

static struct str or_empty(struct str s)
{
    return s.p ? s : STR("");
}

/* The group in this batch. */
static int group_of(struct ledger_rollup *r, struct str dim[DIMS], unsigned *ret_at)
{
    bool room = true;
    uint64_t hash = dims_hash(dim);
    if (!dim[DIM_DAY].p || group_has_room(r, dim[DIM_DAY], hash, &room) != 0)
        return E_MEMORY;
    if (!room) {
        dim[DIM_TAGS] = dim[DIM_MODEL] = STR("(other)");
        hash = dims_hash(dim);
    }
    struct ledger_group *g = groups_get(&r->groups, dim, hash);
    if (!g)
        return E_MEMORY;
    *ret_at = (unsigned)(g - r->groups.at);
    return 0;
}

static void dims_of(struct ledger_rollup *r, const struct ledger_turn *t, struct str dim[DIMS])
{
    dim[DIM_DAY] = day_of(r, t->began_wall_us);
    dim[DIM_TENANT] = or_empty(t->tenant);
    dim[DIM_KEY] = or_empty(t->key);
    dim[DIM_PROVIDER] = or_empty(t->provider);
    dim[DIM_MODEL] = or_empty(t->model);
    dim[DIM_LANE] = or_empty(t->lane);
    dim[DIM_TAGS] = or_empty(t->tags);
    dim[DIM_API] = or_empty(t->api);
}

static void spend(int64_t *sum, const struct tokens *t, int64_t cost_usd_nanos)
{
    sum[SUM_INPUT] += t->input;
    sum[SUM_CACHED] += t->cached;
    sum[SUM_CACHE_WRITE] += t->cache_write;
    sum[SUM_CACHE_WRITE_1H] += t->cache_write_1h;
    sum[SUM_OUTPUT] += t->output;
    sum[SUM_REASONING] += t->reasoning;
    if (t->source == TOKENS_ESTIMATE)
        sum[SUM_ESTIMATED] += tokens_prompt(t) + tokens_completion(t);
    if (cost_usd_nanos == COST_UNKNOWN)
        sum[SUM_UNPRICED]++;
    else
        sum[SUM_COST] += cost_usd_nanos;
}

static void turn_count(int64_t *sum, const struct ledger_turn *t)
{
    sum[SUM_TURNS]++;
    sum[SUM_SAVED] += t->saved_usd_nanos;
    if (t->err == E_CLIENT_GONE) {
        sum[SUM_HUNG_UP]++;
    } else if (t->err || t->state != TURN_DONE) {
        sum[SUM_ERRORS]++;
    } else if (t->total_us >= 0) {
        sum[SUM_TOTAL_US] += t->total_us;
        sum[SUM_LATENCY + ledger_latency_step(t->total_us)]++;
    }
}

int ledger_rollup_turn(struct ledger_rollup *r, const struct ledger_turn *t,
                       struct ledger_place *place)
{
    struct str dim[DIMS];
    if (place->batch != r->batch) {
        dims_of(r, t, dim);
        int err = group_of(r, dim, &place->at);
        if (err)
            return err;
        place->batch = r->batch;
    }
    turn_count(r->groups.at[place->at].sum, t);
    for (unsigned i = 0; i < t->calls_n; i++) {
        const struct ledger_call *c = &t->calls[i];
        unsigned at = place->at;
        if (!str_eq(c->model, t->model) || !str_eq(c->provider, t->provider)) {
            dims_of(r, t, dim);
            dim[DIM_PROVIDER] = or_empty(c->provider);
            dim[DIM_MODEL] = or_empty(c->model);
            int err = group_of(r, dim, &at);
            if (err)
                return err;
        }
        int64_t *sum = r->groups.at[at].sum;
        sum[SUM_CALLS]++;
        spend(sum, &c->tokens, c->cost_usd_nanos);
    }
    return 0;
}

int ledger_rollup_lost(struct ledger_rollup *r, const struct ledger_turn *t, int by)
{
    struct str dim[DIMS];
    unsigned at = 0;
    dims_of(r, t, dim);
    int err = group_of(r, dim, &at);
    if (!err)
        r->groups.at[at].sum[SUM_LOST] += by;
    return err;
}

int ledger_rollup_write(struct ledger_rollup *r, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; i < r->groups.n && !err; i++) {
        const struct ledger_group *g = &r->groups.at[i];
        struct rows_value v[DIMS + SUMS];
        for (unsigned k = 0; k < DIMS; k++)
            v[k] = rows_text(g->dim[k]);
        for (unsigned k = 0; k < SUMS; k++)
            v[DIMS + k] = rows_int(g->sum[k]);
        err = rows_run(r->add, v, ARRAY_LEN(v), f);
    }
    return err;
}
