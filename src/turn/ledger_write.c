/*
 * ledger_write.c: one batch of rows, with the rollups, in one transaction.
 */
#include <stdio.h>
#include <stdlib.h>

#include "turn/ledger_tables.h"

#define TURN_END                                                                                   \
    " state = $2, process = $3, began_us = $4, tenant = $5, key = $6, task = $7, session = $8,"    \
    " tags = $9, api = $10, asked = $11, provider = $12, model = $13, lane = $14, stream = $15,"   \
    " status = $16, error = $17, input = $18, cached = $19, cache_write = $20, output = $21,"      \
    " reasoning = $22, counted = $23, cost_usd_nanos = $24, saved_usd_nanos = $25,"                \
    " queue_us = $26, first_us = $27, total_us = $28, overhead_us = $29, bytes_in = $30,"          \
    " bytes_out = $31, levers = $32 WHERE id = $1"
#define TURN_VALUES 32
#define CALL_VALUES 21

static const char *const sql[STATEMENTS] = {
    [S_TURN_ADD] =
        "INSERT INTO turns (id, state, process, began_us, tenant, key, task, session, tags, api,"
        " asked, provider, model, lane, stream, status, error, input, cached, cache_write, output,"
        " reasoning, counted, cost_usd_nanos, saved_usd_nanos, queue_us, first_us, total_us,"
        " overhead_us, bytes_in, bytes_out, levers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
        " $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,"
        " $27, $28, $29, $30, $31, $32) ON CONFLICT (id) DO NOTHING",
    [S_TURN_END] = "UPDATE turns SET" TURN_END " AND state = 'running'",
    [S_TURN_FIND] = "UPDATE turns SET" TURN_END " AND state = 'lost'",
    [S_CALL_ADD] =
        "INSERT INTO calls (turn, seq, purpose, provider, model, endpoint, attempt, status, error,"
        " input, cached, cache_write, output, reasoning, counted, cost_usd_nanos, began_us,"
        " connect_us, first_us, total_us, reused) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
        " $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"
        " ON CONFLICT (turn, seq) DO NOTHING",
    [S_OLDEST] = "SELECT id FROM turns ORDER BY id LIMIT 1",
    [S_NTH_OLDEST] = "SELECT id FROM turns ORDER BY id LIMIT 1 OFFSET 1024",
    [S_TRIM_CALLS] = "DELETE FROM calls WHERE turn < $1",
    [S_TRIM_TURNS] = "DELETE FROM turns WHERE id < $1",
};

int ledger_statements_make(struct ledger_tables *t, struct fault *f)
{
    int err = ledger_rollup_init(&t->rollup, t->store, f);
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

static struct rows_value err_value(int err)
{
    return err ? word(err_code(err)) : rows_null();
}

static struct rows_value counted_value(enum token_source s)
{
    return s == TOKENS_NONE ? rows_null() : word(token_source_name(s));
}

/*
 * Most turns have the tenant, key, model ... of the turn before. A text that is the same at the
 * same address need not be bound again, so the address of the one before is taken.
 */
static void same_again(struct ledger_tables *l, struct ledger_record *r)
{
    struct ledger_turn *t = &r->turn;
    struct str *const texts[] = {&t->tenant, &t->key, &t->provider, &t->model,
                                 &t->lane,   &t->api, &t->asked,    &t->tags};
    _Static_assert(ARRAY_LEN(texts) == ARRAY_LEN(l->same), "a place for each");
    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        if (str_eq(*texts[i], l->same[i]))
            *texts[i] = l->same[i];
        else
            l->same[i] = *texts[i];
    }
    for (unsigned i = 0; i < t->calls_n; i++) {
        struct ledger_call *c = &r->calls[i];
        if (str_eq(c->provider, t->provider))
            c->provider = t->provider;
        if (str_eq(c->model, t->model))
            c->model = t->model;
    }
}

static void turn_values(const struct ledger_tables *l, const struct ledger_turn *t,
                        struct rows_value v[TURN_VALUES])
{
    const struct rows_value values[] = {
        rows_text(str_of(t->id.text, ID_CHARS)),
        word(turn_state_name(t->state)),
        rows_int(l->process),
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
        err_value(t->err),
        rows_int(t->tokens.input),
        rows_int(t->tokens.cached),
        rows_int(t->tokens.cache_write),
        rows_int(t->tokens.output),
        rows_int(t->tokens.reasoning),
        counted_value(t->tokens.source),
        cost_value(t->state == TURN_RUNNING ? COST_UNKNOWN : t->cost_usd_nanos),
        rows_int(t->saved_usd_nanos),
        time_value(t->queue_us),
        time_value(t->first_us),
        time_value(t->total_us),
        time_value(t->overhead_us),
        rows_int(t->bytes_in),
        rows_int(t->bytes_out),
        text(t->levers),
    };
    _Static_assert(ARRAY_LEN(values) == TURN_VALUES, "a value for each column");
    memcpy(v, values, sizeof(values));
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
        err_value(c->err),
        rows_int(c->tokens.input),
        rows_int(c->tokens.cached),
        rows_int(c->tokens.cache_write),
        rows_int(c->tokens.output),
        rows_int(c->tokens.reasoning),
        counted_value(c->tokens.source),
        cost_value(c->cost_usd_nanos),
        rows_int(c->began_wall_us),
        time_value(c->connect_us),
        time_value(c->first_us),
        time_value(c->total_us),
        rows_int(c->reused),
    };
    _Static_assert(ARRAY_LEN(v) == CALL_VALUES, "a value for each column");
    return rows_run(l->statement[S_CALL_ADD], v, ARRAY_LEN(v), f);
}

/*
 * Writes the turn's row. *ret_ended: it has ended, and no row of before said so, so it is to be
 * counted. A row that has ended is never changed again.
 */
static int turn_write(struct ledger_tables *l, const struct ledger_turn *t, bool *ret_ended,
                      struct fault *f)
{
    struct rows_value v[TURN_VALUES];
    bool ends = t->state != TURN_RUNNING;
    turn_values(l, t, v);
    int err = rows_run(l->statement[S_TURN_ADD], v, ARRAY_LEN(v), f);
    bool wrote = !err && rows_changed(l->statement[S_TURN_ADD]) > 0;
    if (!err && !wrote && ends) {
        err = rows_run(l->statement[S_TURN_END], v, ARRAY_LEN(v), f);
        wrote = !err && rows_changed(l->statement[S_TURN_END]) > 0;
    }
    if (!err && !wrote && ends) {
        err = rows_run(l->statement[S_TURN_FIND], v, ARRAY_LEN(v), f);
        wrote = !err && rows_changed(l->statement[S_TURN_FIND]) > 0;
        if (wrote)
            err = ledger_rollup_lost(&l->rollup, t, -1);
    }
    *ret_ended = wrote && ends;
    return err;
}

static int record_write(struct ledger_tables *l, struct ledger_record *r, struct fault *f)
{
    bool ended = false;
    ledger_record_clean(r);
    same_again(l, r);
    int err = turn_write(l, &r->turn, &ended, f);
    for (unsigned i = 0; i < r->turn.calls_n && !err; i++)
        err = call_write(l, &r->turn, &r->calls[i], f);
    if (!err && ended)
        err = ledger_rollup_turn(&l->rollup, &r->turn);
    return err;
}

int ledger_tables_write(struct ledger_tables *l, struct ledger_slab *slabs, struct fault *f)
{
    memset(l->same, 0, sizeof(l->same)); /* the slabs of the batch before are gone */
    ledger_rollup_begin(&l->rollup);
    int err = rows_begin(l->store, f);
    if (err)
        return err;
    for (struct ledger_slab *s = slabs; s && !err; s = s->next)
        for (struct ledger_record *r = ledger_slab_first(s); r && !err; r = ledger_slab_next(s, r))
            err = record_write(l, r, f);
    if (!err)
        err = ledger_rollup_write(&l->rollup, f);
    return rows_end(l->store, err, f);
}
