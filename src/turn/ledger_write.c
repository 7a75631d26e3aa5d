/*
 * ledger_write.c: one batch of rows, with the rollups by day, in one transaction.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "turn/ledger_tables.h"

static const char *const sql[STATEMENTS] = {
    /* A row that has ended is never changed again, so writing a batch twice changes nothing. */
    [S_TURN] = "INSERT INTO turns VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
               " $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29,"
               " $30, $31, $32) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
               " provider = excluded.provider, model = excluded.model, lane = excluded.lane,"
               " status = excluded.status, error = excluded.error, input = excluded.input,"
               " cached = excluded.cached, cache_write = excluded.cache_write,"
               " output = excluded.output, reasoning = excluded.reasoning,"
               " counted = excluded.counted, cost_usd_nanos = excluded.cost_usd_nanos,"
               " saved_usd_nanos = excluded.saved_usd_nanos, queue_us = excluded.queue_us,"
               " first_us = excluded.first_us, total_us = excluded.total_us,"
               " overhead_us = excluded.overhead_us, bytes_in = excluded.bytes_in,"
               " bytes_out = excluded.bytes_out, levers = excluded.levers"
               " WHERE turns.state = 'running'",
    [S_CALL] = "INSERT INTO calls VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
               " $14, $15, $16, $17, $18, $19, $20, $21) ON CONFLICT (turn, seq) DO NOTHING",
    [S_ROLLUP] = "INSERT INTO rollups VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
                 " $13, $14, $15, $16, $17, $18, $19)"
                 " ON CONFLICT (day, tenant, key, provider, model, lane, tag, api) DO UPDATE SET"
                 " turns = rollups.turns + excluded.turns,"
                 " errors = rollups.errors + excluded.errors,"
                 " input = rollups.input + excluded.input,"
                 " cached = rollups.cached + excluded.cached,"
                 " cache_write = rollups.cache_write + excluded.cache_write,"
                 " output = rollups.output + excluded.output,"
                 " reasoning = rollups.reasoning + excluded.reasoning,"
                 " estimated = rollups.estimated + excluded.estimated,"
                 " unpriced = rollups.unpriced + excluded.unpriced,"
                 " cost_usd_nanos = rollups.cost_usd_nanos + excluded.cost_usd_nanos,"
                 " saved_usd_nanos = rollups.saved_usd_nanos + excluded.saved_usd_nanos",
    [S_BYTES] = "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM"
                " pragma_page_size) - (SELECT freelist_count FROM pragma_freelist_count) *"
                " (SELECT page_size FROM pragma_page_size)",
    [S_TRIM_CALLS] = "DELETE FROM calls WHERE turn IN (SELECT id FROM turns WHERE id < $1"
                     " AND state <> 'running' ORDER BY id LIMIT 500)",
    [S_TRIM_TURNS] = "DELETE FROM turns WHERE id IN (SELECT id FROM turns WHERE id < $1"
                     " AND state <> 'running' ORDER BY id LIMIT 500) RETURNING 1",
};

int ledger_statements_make(struct ledger_tables *t, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; i < STATEMENTS && !err; i++)
        err = rows_prepare(t->store, sql[i], &t->statement[i], f);
    return err;
}

static struct rows_value cost_value(int64_t nanos)
{
    return nanos == COST_UNKNOWN ? rows_null() : rows_int(nanos);
}

static struct rows_value time_value(int64_t us)
{
    return us < 0 ? rows_null() : rows_int(us);
}

static struct rows_value word(const char *z)
{
    return rows_text(str_from(z));
}

static struct rows_value text(struct str s)
{
    return s.n ? rows_text(s) : rows_null();
}

/* ---- rollups ---- */

#define KEYS 7

/* The sums of one batch for one day, key, model, tag ...; written with one statement. */
struct sum {
    char day[11];
    struct str key[KEYS]; /* tenant, key, provider, model, lane, tag, api; of the records */
    int64_t turns, errors, estimated, unpriced, cost, saved;
    struct tokens tokens;
};

struct sums {
    unsigned n, cap;
    struct sum *at;
};

static struct sum *sum_find(struct sums *all, const struct sum *like)
{
    for (unsigned i = 0; i < all->n; i++) {
        struct sum *s = &all->at[i];
        bool same = memcmp(s->day, like->day, sizeof(s->day)) == 0;
        for (unsigned k = 0; k < KEYS && same; k++)
            same = str_eq(s->key[k], like->key[k]);
        if (same)
            return s;
    }
    if (all->n == all->cap) {
        unsigned cap = all->cap ? all->cap * 2 : 16;
        struct sum *more = realloc(all->at, cap * sizeof(*more));
        if (!more)
            return NULL;
        all->at = more;
        all->cap = cap;
    }
    all->at[all->n] = *like;
    return &all->at[all->n++];
}

static int sum_add(struct sums *all, const struct ledger_turn *t, const char *day, struct str tag)
{
    struct sum like = {
        .key = {t->tenant, t->key, t->provider, t->model, t->lane, tag, t->api}};
    memcpy(like.day, day, sizeof(like.day));
    struct sum *s = sum_find(all, &like);
    if (!s)
        return E_MEMORY;
    s->turns++;
    s->errors += t->err != 0;
    s->estimated += t->tokens.source == TOKENS_ESTIMATE;
    s->saved += t->saved_usd_nanos;
    if (t->cost_usd_nanos == COST_UNKNOWN)
        s->unpriced++;
    else
        s->cost += t->cost_usd_nanos;
    tokens_add(&s->tokens, &t->tokens);
    return 0;
}

/* Every turn counts once under the empty tag, and once under each of its own. */
static int turn_sum(struct sums *all, const struct ledger_turn *t)
{
    char iso[25];
    clock_iso(t->began_wall_us, iso);
    iso[10] = '\0';
    int err = sum_add(all, t, iso, STR(""));
    struct str rest = t->tags;
    while (!err && rest.n > 0) {
        struct str tag = str_trim(str_cut(&rest, ','));
        if (tag.n)
            err = sum_add(all, t, iso, tag);
    }
    return err;
}

static int sums_write(struct ledger_tables *t, const struct sums *all, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; i < all->n && !err; i++) {
        const struct sum *s = &all->at[i];
        struct rows_value v[19] = {word(s->day)};
        unsigned n = 1;
        for (unsigned k = 0; k < KEYS; k++)
            v[n++] = rows_text(s->key[k].p ? s->key[k] : STR(""));
        const int64_t numbers[] = {s->turns,           s->errors,        s->tokens.input,
                                   s->tokens.cached,   s->tokens.cache_write,
                                   s->tokens.output,   s->tokens.reasoning,
                                   s->estimated,       s->unpriced,      s->cost,
                                   s->saved};
        for (unsigned k = 0; k < ARRAY_LEN(numbers); k++)
            v[n++] = rows_int(numbers[k]);
        err = rows_run(t->statement[S_ROLLUP], v, n, f);
    }
    return err;
}

/* ---- rows ---- */

static int turn_write(struct ledger_tables *l, const struct ledger_turn *t, bool *ret_new,
                      struct fault *f)
{
    const struct rows_value v[] = {
        rows_text(str_of(t->id.text, ID_CHARS)),
        word(turn_state_name(t->state)),
        rows_text(str_of(l->process.text, ID_CHARS)),
        rows_int(t->began_wall_us),
        text(t->tenant),
        text(t->key),
        text(t->task),
        text(t->session),
        text(t->tags),
        text(t->api),
        text(t->asked),
        text(t->provider),
        text(t->model),
        text(t->lane),
        rows_int(t->stream),
        t->status ? rows_int(t->status) : rows_null(),
        t->err ? word(err_code(t->err)) : rows_null(),
        rows_int(t->tokens.input),
        rows_int(t->tokens.cached),
        rows_int(t->tokens.cache_write),
        rows_int(t->tokens.output),
        rows_int(t->tokens.reasoning),
        word(token_source_name(t->tokens.source)),
        cost_value(t->cost_usd_nanos),
        rows_int(t->saved_usd_nanos),
        time_value(t->queue_us),
        time_value(t->first_us),
        time_value(t->total_us),
        time_value(t->overhead_us),
        rows_int(t->bytes_in),
        rows_int(t->bytes_out),
        text(t->levers),
    };
    int err = rows_run(l->statement[S_TURN], v, ARRAY_LEN(v), f);
    *ret_new = !err && rows_changes(l->store) > 0;
    return err;
}

static int call_write(struct ledger_tables *l, const struct ledger_turn *t,
                      const struct ledger_call *c, struct fault *f)
{
    const struct rows_value v[] = {
        rows_text(str_of(t->id.text, ID_CHARS)),
        rows_int(c->seq),
        text(c->purpose),
        text(c->provider),
        text(c->model),
        text(c->endpoint),
        rows_int(c->attempt),
        c->status ? rows_int(c->status) : rows_null(),
        c->err ? word(err_code(c->err)) : rows_null(),
        rows_int(c->tokens.input),
        rows_int(c->tokens.cached),
        rows_int(c->tokens.cache_write),
        rows_int(c->tokens.output),
        rows_int(c->tokens.reasoning),
        word(token_source_name(c->tokens.source)),
        cost_value(c->cost_usd_nanos),
        rows_int(c->began_wall_us),
        time_value(c->connect_us),
        time_value(c->first_us),
        time_value(c->total_us),
        rows_int(c->reused),
    };
    return rows_run(l->statement[S_CALL], v, ARRAY_LEN(v), f);
}

static int record_write(struct ledger_tables *l, const struct ledger_turn *t, struct sums *sums,
                        uint64_t *rows, struct fault *f)
{
    bool fresh = false;
    int err = turn_write(l, t, &fresh, f);
    for (unsigned i = 0; i < t->calls_n && !err; i++)
        err = call_write(l, t, &t->calls[i], f);
    if (!err && fresh && t->state != TURN_RUNNING)
        err = turn_sum(sums, t);
    *rows += 1 + t->calls_n;
    return err;
}

int ledger_tables_write(struct ledger_tables *l, const struct ledger_record *records,
                        uint64_t *ret_rows, struct fault *f)
{
    struct sums sums = {0};
    uint64_t rows = 0;
    int err = rows_exec(l->store, "BEGIN IMMEDIATE", f);
    if (err)
        return err;
    for (const struct ledger_record *r = records; r && !err; r = r->next)
        err = record_write(l, &r->turn, &sums, &rows, f);
    if (!err)
        err = sums_write(l, &sums, f);
    free(sums.at);
    if (!err)
        err = rows_exec(l->store, "COMMIT", f);
    if (err) {
        int ignored = rows_exec(l->store, "ROLLBACK", NULL); /* there may be none to undo */
        (void)ignored;
        return err;
    }
    *ret_rows = rows;
    return 0;
}
