#include "turn/ledger/tasks.h"

#include "base/buf.h"
#include "turn/ledger/label.h"

#define SQL_BYTES_MAX 4096
#define TURN_VALUES_N 15

/*
 * Rows stand in the order in which tasks came, not in that of their names, so that those under way
 * stand together: with names that are chance, a batch would else touch a page for each of its
 * turns. `made_us` is when the row was made; it never changes, nor do the names, so no index is
 * written but for a new task. What turns of before said of tasks is added up; `place` is the last
 * of a task's turns, those with a model's answer before others.
 */
const char ledger_tasks_sql[] =
    "CREATE TABLE tasks (tenant TEXT NOT NULL, task TEXT NOT NULL, made_us BIGINT NOT NULL,"
    " began_us BIGINT NOT NULL, last_us BIGINT NOT NULL, turns BIGINT NOT NULL,"
    " failed BIGINT NOT NULL, unknown BIGINT NOT NULL, cost_usd_nanos BIGINT NOT NULL,"
    " answered BIGINT NOT NULL, key TEXT, provider TEXT, model TEXT, lane TEXT, tags TEXT,"
    " api TEXT, score BIGINT, outcome_us BIGINT, outcome_key TEXT, comment TEXT,"
    " PRIMARY KEY (tenant, task));"
    "INSERT INTO tasks (tenant, task, made_us, began_us, last_us, turns, failed, unknown,"
    " cost_usd_nanos, answered, key, provider, model, lane, tags, api) SELECT old.tenant, old.task,"
    " old.began_us, old.began_us, old.last_us, old.turns, old.failed, old.unknown,"
    " old.cost_usd_nanos, old.answered, l.key, l.provider, l.model, l.lane, l.tags, l.api FROM"
    " (SELECT coalesce(l.tenant, '') AS tenant, t.task, min(t.began_us) AS began_us,"
    " max(t.began_us + coalesce(t.total_us, 0)) AS last_us, count(*) AS turns,"
    " sum(CASE WHEN t.state = 'done' THEN 0 ELSE 1 END) AS failed,"
    " sum(CASE WHEN t.cost_usd_nanos IS NULL THEN 1 ELSE 0 END) AS unknown,"
    " sum(coalesce(t.cost_usd_nanos, 0)) AS cost_usd_nanos,"
    " max(CASE WHEN t.state <> 'done' THEN 0 WHEN l.model IS NULL THEN 1 ELSE 2 END) AS answered,"
    " max(CASE WHEN t.state <> 'done' THEN '0' WHEN l.model IS NULL THEN '1' ELSE '2' END || t.id)"
    " AS place"
    " FROM turn_rows t LEFT JOIN labels l ON l.n = t.label"
    " WHERE t.task IS NOT NULL AND t.state <> 'running' GROUP BY 1, 2) AS old"
    " JOIN turn_rows t ON t.id = substr(old.place, 2) LEFT JOIN labels l ON l.n = t.label;"
    "CREATE INDEX tasks_made ON tasks (made_us);";

/* Columns that turns add to, and those of the turn at which the task stands. */
static const char *const sums[] = {"turns", "failed", "unknown", "cost_usd_nanos"};
static const char *const places[] = {"key", "provider", "model", "lane", "tags", "api"};

static void turn_sql(struct buf *sql)
{
    buf_str(sql, STR("INSERT INTO tasks (tenant, task, made_us, began_us, last_us, answered"));
    for (unsigned i = 0; i < ARRAY_LEN(sums); i++)
        buf_printf(sql, ", %s", sums[i]);
    for (unsigned i = 0; i < ARRAY_LEN(places); i++)
        buf_printf(sql, ", %s", places[i]);
    buf_str(sql, STR(") VALUES ($1, $2, $4, $3, $4, $5"));
    for (unsigned i = 6; i <= TURN_VALUES_N; i++)
        buf_printf(sql, ", $%u", i);
    buf_str(sql, STR(") ON CONFLICT (tenant, task) DO UPDATE SET"
                     " began_us = CASE WHEN excluded.began_us < tasks.began_us"
                     " THEN excluded.began_us ELSE tasks.began_us END,"
                     " last_us = CASE WHEN excluded.last_us > tasks.last_us"
                     " THEN excluded.last_us ELSE tasks.last_us END,"
                     " answered = CASE WHEN excluded.answered > tasks.answered"
                     " THEN excluded.answered ELSE tasks.answered END"));
    for (unsigned i = 0; i < ARRAY_LEN(sums); i++)
        buf_printf(sql, ", %s = tasks.%s + excluded.%s", sums[i], sums[i], sums[i]);
    for (unsigned i = 0; i < ARRAY_LEN(places); i++)
        buf_printf(sql,
                   ", %s = CASE WHEN excluded.answered >= tasks.answered THEN excluded.%s"
                   " ELSE tasks.%s END",
                   places[i], places[i], places[i]);
    buf_char(sql, '\0');
}

/* Of a task none of whose turns is written yet, the first of them will say when it began. */
static const char outcome_sql[] =
    "INSERT INTO tasks (tenant, task, made_us, began_us, last_us, turns, failed, unknown,"
    " cost_usd_nanos, answered, score, outcome_us, outcome_key, comment) VALUES ($1, $2, $3, $3,"
    " $3, 0, 0, 0, 0, 0, $4,"
    " $3, $5, $6) ON CONFLICT (tenant, task) DO UPDATE SET score = excluded.score,"
    " outcome_us = excluded.outcome_us, outcome_key = excluded.outcome_key,"
    " comment = excluded.comment WHERE tasks.score IS NULL";

static const char oldest_sql[] = "SELECT began_us FROM turn_rows ORDER BY id LIMIT 1";
static const char trim_sql[] = "DELETE FROM tasks WHERE made_us < $1 AND last_us < $1";

int ledger_tasks_init(struct ledger_tasks *t, struct rows_store *store, struct fault *f)
{
    struct buf sql;
    buf_init(&sql, SQL_BYTES_MAX);
    turn_sql(&sql);
    int err = sql.failed;
    if (!err)
        err = rows_prepare(store, sql.p, &t->turn, f);
    buf_fini(&sql);
    if (!err)
        err = rows_prepare(store, outcome_sql, &t->outcome, f);
    if (!err)
        err = rows_prepare(store, oldest_sql, &t->oldest, f);
    if (!err)
        err = rows_prepare(store, trim_sql, &t->trim, f);
    return err;
}

void ledger_tasks_fini(struct ledger_tasks *t)
{
    rows_free(t->turn);
    rows_free(t->outcome);
    rows_free(t->oldest);
    rows_free(t->trim);
}

static struct str or_empty(struct str s)
{
    return s.p ? s : STR("");
}

/* By what a turn was answered, in `answered`; a task stands at the last one of the best. */
enum answered { BY_NOBODY, BY_OTHERS, BY_A_MODEL };

/* What a turn adds to its task. */
struct added {
    int64_t turns, failed, unknown, cost_usd_nanos;
    enum answered answered;
};

static int add(struct ledger_tasks *t, const struct ledger_turn *turn, const struct added *a,
               struct fault *f)
{
    const struct rows_value v[] = {
        rows_text(or_empty(turn->tenant)),
        rows_text(turn->task),
        rows_int(turn->began_wall_us),
        rows_int(turn->began_wall_us + (turn->total_us > 0 ? turn->total_us : 0)),
        rows_int(a->answered),
        rows_int(a->turns),
        rows_int(a->failed),
        rows_int(a->unknown),
        rows_int(a->cost_usd_nanos),
        ledger_text_value(turn->key),
        ledger_text_value(turn->provider),
        ledger_text_value(turn->model),
        ledger_text_value(turn->lane),
        ledger_text_value(turn->tags),
        ledger_text_value(turn->api),
    };
    _Static_assert(ARRAY_LEN(v) == TURN_VALUES_N, "a value for each column");
    return rows_run(t->turn, v, ARRAY_LEN(v), f);
}

int ledger_tasks_turn(struct ledger_tasks *t, const struct ledger_turn *turn, struct fault *f)
{
    if (turn->state == TURN_RUNNING)
        return add(t, turn, &(struct added){.turns = 0}, f);
    bool known = turn->cost_usd_nanos != COST_UNKNOWN, done = turn->state == TURN_DONE;
    enum answered answered = !done ? BY_NOBODY : turn->model.n == 0 ? BY_OTHERS : BY_A_MODEL;
    return add(t, turn,
               &(struct added){.turns = 1,
                               .failed = !done,
                               .unknown = !known,
                               .cost_usd_nanos = known ? turn->cost_usd_nanos : 0,
                               .answered = answered},
               f);
}

int ledger_tasks_lost(struct ledger_tasks *t, const struct ledger_turn *turn, int by,
                      struct fault *f)
{
    return add(t, turn, &(struct added){.turns = by, .failed = by, .unknown = by}, f);
}

int ledger_tasks_outcome(struct ledger_tasks *t, const struct ledger_outcome *o, struct fault *f)
{
    const struct rows_value v[] = {rows_text(or_empty(o->tenant)), rows_text(o->task),
                                   rows_int(o->made_wall_us),      rows_int(o->score),
                                   ledger_text_value(o->key),      ledger_text_value(o->comment)};
    return rows_run(t->outcome, v, ARRAY_LEN(v), f);
}

static int began_take(void *arg, struct rows_query *row)
{
    *(int64_t *)arg = rows_column(row, 0).i;
    return 0;
}

int ledger_tasks_trim(struct ledger_tasks *t, struct fault *f)
{
    int64_t oldest_us = INT64_MAX; /* where no turn is left, all are older */
    int err = rows_each(t->oldest, NULL, 0, began_take, &oldest_us, f);
    const struct rows_value v[] = {rows_int(oldest_us)};
    return err ? err : rows_run(t->trim, v, ARRAY_LEN(v), f);
}
