/*
 * write.c: one batch of rows, with the rollups, in one transaction.
 *
 * Rows of turns are written many in a statement: what a statement costs before and behind its row
 * is half of the row itself. Such a statement says only how many rows it wrote. Where that is not
 * all (some turn had ended or was lost before), the batch is rolled back and written again one by
 * one; then each turn's own statement says what it found.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "turn/ledger/tables.h"

#define SQL_BYTES_MAX 16384
#define CALL_VALUES   22

/* The columns of turn_rows and, of a turn `t` with its `label` and maybe `call`, their values. */
#define TURN_ROW(X)                                                                                \
    X(id, rows_text(str_of(t->id.text, ID_CHARS)))                                                 \
    X(label, rows_int(label))                                                                      \
    X(state, rows_text(str_from(turn_state_name(t->state))))                                       \
    X(began_us, rows_int(t->began_wall_us))                                                        \
    X(task, ledger_text_value(t->task))                                                            \
    X(session, ledger_text_value(t->session))                                                      \
    X(input, rows_int(t->tokens.input))                                                            \
    X(cached, rows_int(t->tokens.cached))                                                          \
    X(cache_write, rows_int(t->tokens.cache_write))                                                \
    X(output, rows_int(t->tokens.output))                                                          \
    X(reasoning, rows_int(t->tokens.reasoning))                                                    \
    X(cost_usd_nanos, cost_value(t->state == TURN_RUNNING ? COST_UNKNOWN : t->cost_usd_nanos))     \
    X(saved_usd_nanos, rows_int(t->saved_usd_nanos))                                               \
    X(queue_us, time_value(t->queue_us))                                                           \
    X(first_us, time_value(t->first_us))                                                           \
    X(total_us, time_value(t->total_us))                                                           \
    X(overhead_us, time_value(t->overhead_us))                                                     \
    X(bytes_in, rows_int(t->bytes_in))                                                             \
    X(bytes_out, rows_int(t->bytes_out))                                                           \
    X(levers, ledger_text_value(t->levers))                                                        \
    X(call_began_us, call ? rows_int(call->began_wall_us) : rows_null())                           \
    X(call_connect_us, time_value(call ? call->connect_us : -1))                                   \
    X(call_first_us, time_value(call ? call->first_us : -1))                                       \
    X(call_total_us, time_value(call ? call->total_us : -1))                                       \
    X(cache_write_1h, rows_int(t->tokens.cache_write_1h))

#define NAME(column, value) #column,
static const char *const turn_columns[] = {TURN_ROW(NAME)};
#undef NAME
_Static_assert(ARRAY_LEN(turn_columns) == TURN_VALUES, "room for each value");

static const char *const sql[STATEMENTS] = {
    [S_CALL_ADD] =
        "INSERT INTO call_rows (turn, seq, purpose, provider, model, endpoint, attempt, status,"
        " error, input, cached, cache_write, output, reasoning, counted, cost_usd_nanos, began_us,"
        " connect_us, first_us, total_us, reused, cache_write_1h) VALUES ($1, $2, $3, $4, $5, $6, "
        "$7, $8, $9, $10,"
        " $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)"
        " ON CONFLICT (turn, seq) DO NOTHING",
    [S_OLDEST] = "SELECT id FROM turn_rows ORDER BY id LIMIT 1",
    [S_NTH_OLDEST] = "SELECT id FROM turn_rows ORDER BY id LIMIT 1 OFFSET 1024",
    [S_TRIM_CALLS] = "DELETE FROM call_rows WHERE turn < $1",
    [S_TRIM_TURNS] = "DELETE FROM turn_rows WHERE id < $1",
    /* An hour more than need be: an id may be a little younger than its turn. */
    [S_TRIM_LABELS] = "DELETE FROM labels WHERE hour < (SELECT began_us / 3600000000 - 1 FROM"
                      " turn_rows ORDER BY id LIMIT 1)",
    /* Who was told an id first has it. */
    [S_STORED_ADD] = "INSERT INTO stored (id, tenant, provider, made_us) VALUES ($1, $2, $3, $4)"
                     " ON CONFLICT (id) DO NOTHING",
    [S_STORED_FORGET] = "DELETE FROM stored WHERE id = $1",
    [S_TRIM_STORED] = "DELETE FROM stored WHERE id IN (SELECT id FROM stored WHERE made_us < $1"
                      " ORDER BY made_us LIMIT 1024)",
};

/* The columns from `first` on, each behind `prefix`, or the values $n, $n+1 ... for them. */
static void columns_add(struct buf *text, const char *prefix, unsigned first)
{
    for (unsigned i = first; i < TURN_VALUES; i++)
        buf_printf(text, "%s%s%s", i > first ? ", " : "(", prefix, turn_columns[i]);
    buf_char(text, ')');
}

static void values_add(struct buf *text, unsigned n, unsigned first)
{
    for (unsigned i = first; i < TURN_VALUES; i++)
        buf_printf(text, "%s$%u", i > first ? ", " : "(", n++);
    buf_char(text, ')');
}

/* A turn that is running becomes what it ended as; one that has ended stays. */
static void add_sql(struct buf *text, const char *insert, unsigned rows)
{
    buf_str(text, str_from(insert));
    buf_str(text, STR("turn_rows "));
    columns_add(text, "", 0);
    for (unsigned i = 0; i < rows; i++) {
        buf_str(text, i ? STR(", ") : STR(" VALUES "));
        values_add(text, 1 + i * TURN_VALUES, 0);
    }
    buf_str(text, STR(" ON CONFLICT (id) DO UPDATE SET "));
    columns_add(text, "", 1);
    buf_str(text, STR(" = "));
    columns_add(text, "excluded.", 1);
    buf_str(text, STR(" WHERE turn_rows.state = 'running'"));
}

static void find_sql(struct buf *text)
{
    buf_str(text, STR("UPDATE turn_rows SET "));
    columns_add(text, "", 1);
    buf_str(text, STR(" = "));
    values_add(text, 2, 1);
    buf_str(text, STR(" WHERE id = $1 AND state = 'lost'"));
}

static int statement_make(struct ledger_tables *t, enum ledger_statement which, struct fault *f)
{
    struct buf text;
    buf_init(&text, SQL_BYTES_MAX);
    if (sql[which])
        buf_str(&text, str_from(sql[which]));
    else if (which == S_TURN_FIND)
        find_sql(&text);
    else
        add_sql(&text, t->store->ops->insert_many, 1u << (which - S_TURNS_ADD));
    buf_char(&text, '\0');
    int err = text.failed;
    if (!err)
        err = rows_prepare(t->store, text.p, &t->statement[which], f);
    buf_fini(&text);
    return err;
}

int ledger_statements_make(struct ledger_tables *t, struct fault *f)
{
    int err = ledger_rollup_init(&t->rollup, t->store, f);
    if (!err)
        err = ledger_labels_init(&t->labels, t->store, f);
    if (!err)
        err = ledger_tasks_init(&t->tasks, t->store, f);
    /* Those for many turns are long, and made when they are needed: a start is short. */
    for (unsigned i = 0; i < STATEMENTS && !err; i++)
        if (i <= S_TURNS_ADD || i > S_TURNS_ADD + TURNS_POWER)
            err = statement_make(t, i, f);
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

/*
 * The call that stands in the turn's own row: its only one, where all that a call has but the turn
 * has not are its endpoint and its times. Nearly every turn has such a call.
 */
static const struct ledger_call *call_within(const struct ledger_turn *t)
{
    const struct ledger_call *c = t->calls;
    bool same = t->calls_n == 1 && t->state != TURN_RUNNING && c->seq == 0 && c->attempt == 1 &&
                c->status == t->status && c->err == t->err &&
                c->cost_usd_nanos == t->cost_usd_nanos && c->tokens.source == t->tokens.source &&
                memcmp(&c->tokens, &t->tokens, offsetof(struct tokens, source)) == 0 &&
                str_eq(c->model, t->model) && str_eq(c->provider, t->provider) &&
                str_eq(c->purpose, STR("answer"));
    return same ? c : NULL;
}

static void turn_values(const struct ledger_turn *t, const struct ledger_call *call, int64_t label,
                        struct rows_value *restrict v)
{
#define VALUE(column, value) *v++ = value;
    TURN_ROW(VALUE)
#undef VALUE
}

static int call_write(struct ledger_tables *l, const struct ledger_turn *t,
                      const struct ledger_call *c, struct fault *f)
{
    const struct rows_value v[] = {
        rows_text(str_of(t->id.text, ID_CHARS)),
        rows_int(c->seq),
        ledger_text_value(c->purpose),
        ledger_text_value(c->provider),
        ledger_text_value(c->model),
        ledger_text_value(c->endpoint),
        rows_int(c->attempt),
        ledger_status_value(c->status),
        ledger_err_value(c->err),
        rows_int(c->tokens.input),
        rows_int(c->tokens.cached),
        rows_int(c->tokens.cache_write),
        rows_int(c->tokens.output),
        rows_int(c->tokens.reasoning),
        ledger_counted_value(c->tokens.source),
        cost_value(c->cost_usd_nanos),
        rows_int(c->began_wall_us),
        time_value(c->connect_us),
        time_value(c->first_us),
        time_value(c->total_us),
        rows_int(c->reused),
        rows_int(c->tokens.cache_write_1h),
    };
    _Static_assert(ARRAY_LEN(v) == CALL_VALUES, "a value for each column");
    return rows_run(l->statement[S_CALL_ADD], v, ARRAY_LEN(v), f);
}

/*
 * Writes one turn's row. *ret_ended: it has ended, and no row of before said so, so it is to be
 * counted. A row that has ended is never changed again.
 */
static int turn_write(struct ledger_tables *l, const struct ledger_turn *t,
                      const struct rows_value v[TURN_VALUES], bool *ret_ended, struct fault *f)
{
    bool ends = t->state != TURN_RUNNING;
    int err = rows_run(l->statement[S_TURNS_ADD], v, TURN_VALUES, f);
    bool wrote = !err && rows_changed(l->statement[S_TURNS_ADD]) > 0;
    if (!err && !wrote && ends) {
        err = rows_run(l->statement[S_TURN_FIND], v, TURN_VALUES, f);
        wrote = !err && rows_changed(l->statement[S_TURN_FIND]) > 0;
        if (wrote)
            err = ledger_rollup_lost(&l->rollup, t, -1);
        if (wrote && !err && t->task.n)
            err = ledger_tasks_lost(&l->tasks, t, -1, f);
    }
    *ret_ended = wrote && ends;
    return err;
}

/* Writes the turns that wait, in as few statements as there are. */
static int turns_write(struct ledger_tables *l, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; i < l->turns_n && !err;) {
        unsigned power = 31 - (unsigned)__builtin_clz(l->turns_n - i);
        enum ledger_statement which = S_TURNS_ADD + power;
        if (!l->statement[which])
            err = statement_make(l, which, f);
        if (!err)
            err = rows_run(l->statement[which], l->turns[i], TURN_VALUES << power, f);
        l->known_met = !err && rows_changed(l->statement[which]) != 1 << power;
        if (l->known_met)
            err = E_AGAIN;
        i += 1u << power;
    }
    l->turns_n = 0;
    return err;
}

static int turn_record_write(struct ledger_tables *l, struct ledger_record *r, bool one_by_one,
                             struct fault *f)
{
    const struct ledger_turn *t = &r->turn;
    struct ledger_label *label = NULL;
    bool ended = t->state != TURN_RUNNING;
    ledger_record_clean(r);
    const struct ledger_call *within = call_within(t);
    int err = ledger_labels_get(&l->labels, r, within, &label, f);
    if (!err && (l->turns_n == TURNS_AT_ONCE || l->turns_ended != ended))
        err = turns_write(l, f); /* no turn is in one statement twice */
    if (err)
        return err;
    struct rows_value *v = l->turns[l->turns_n];
    turn_values(t, within, label->n, v);
    l->turns_ended = ended;
    if (one_by_one)
        err = turn_write(l, t, v, &ended, f);
    else
        l->turns_n++;
    for (unsigned i = within ? 1 : 0; i < t->calls_n && !err; i++)
        err = call_write(l, t, &r->calls[i], f);
    if (!err && ended)
        err = ledger_rollup_turn(&l->rollup, t, &label->place);
    if (!err && t->task.n && (ended || t->state == TURN_RUNNING))
        err = ledger_tasks_turn(&l->tasks, t, f);
    return err;
}

static int stored_write(struct ledger_tables *l, const struct ledger_stored *s, struct fault *f)
{
    const struct rows_value v[] = {rows_text(s->id), rows_text(s->tenant), rows_text(s->provider),
                                   rows_int(s->made_wall_us)};
    return s->gone ? rows_run(l->statement[S_STORED_FORGET], v, 1, f)
                   : rows_run(l->statement[S_STORED_ADD], v, ARRAY_LEN(v), f);
}

static int record_write(struct ledger_tables *l, struct ledger_record *r, bool one_by_one,
                        struct fault *f)
{
    switch (r->kind) {
    case RECORD_TURN:
        return turn_record_write(l, r, one_by_one, f);
    case RECORD_STORED:
        return stored_write(l, &r->stored, f);
    case RECORD_OUTCOME:
        ledger_record_clean(r);
        return ledger_tasks_outcome(&l->tasks, &r->outcome, f);
    }
    return E_INTERNAL;
}

static int batch_write(struct ledger_tables *l, struct ledger_slab *slabs, bool one_by_one,
                       struct fault *f)
{
    l->turns_n = 0;
    l->known_met = false;
    ledger_rollup_begin(&l->rollup);
    int err = rows_begin(l->store, f);
    if (err)
        return err;
    for (struct ledger_slab *s = slabs; s && !err; s = s->next)
        for (struct ledger_record *r = ledger_slab_first(s); r && !err; r = ledger_slab_next(s, r))
            err = record_write(l, r, one_by_one, f);
    if (!err)
        err = turns_write(l, f);
    if (!err)
        err = ledger_rollup_write(&l->rollup, f);
    err = rows_end(l->store, err, f);
    if (err)
        ledger_labels_forget(&l->labels);
    return err;
}

int ledger_tables_write(struct ledger_tables *l, struct ledger_slab *slabs, struct fault *f)
{
    int err = batch_write(l, slabs, false, f);
    return l->known_met ? batch_write(l, slabs, true, f) : err;
}
