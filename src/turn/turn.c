#include "turn/turn.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "rt/task.h"
#include "turn/meters.h"
#include "turn/telemetry/telemetry.h"

int turn_house_init(struct turn_house *house, struct ledger *ledger, struct metric_set *metrics)
{
    *house = (struct turn_house){.ledger = ledger, .metrics = metrics};
    list_init(&house->running);
    list_init(&house->running_long);
    return turn_metrics_new(metrics, &house->meters);
}

void turn_house_fini(struct turn_house *house)
{
    turn_metrics_free(house->meters);
    house->meters = NULL;
}

void turn_begin(struct turn *t, struct turn_house *house, struct arena *arena, int64_t began_us)
{
    *t = (struct turn){.house = house,
                       .arena = arena,
                       .began_us = began_us,
                       .began_wall_us = clock_wall_at(began_us)};
    id_new_at(&t->id, t->began_wall_us);
    list_push_back(&house->running, &t->node);
    house->running_n++;
}

void turn_note(struct turn *t, const char *verdict, int64_t saved_tokens, int64_t saved_usd_nanos)
{
    struct lever_note *note = &t->notes[t->at - 1]; /* turn_next has moved on by one */
    note->verdict = verdict;
    note->saved_tokens += saved_tokens;
    note->saved_usd_nanos += saved_usd_nanos;
    t->saved_usd_nanos += saved_usd_nanos;
}

/* ---- the innermost: one call ---- */

/* The calls of a turn stand in one array that grows by doubling within the arena. */
static struct ledger_call *call_row_add(struct turn *t)
{
    if (t->calls_n == TURN_CALLS_MAX)
        return NULL;
    bool full = t->calls_n == 0 || (t->calls_n >= 2 && (t->calls_n & (t->calls_n - 1)) == 0);
    if (full || t->calls_n == 1) {
        unsigned cap = t->calls_n ? t->calls_n * 2 : 1;
        struct ledger_call *more = ARENA_ARRAY(t->arena, struct ledger_call, cap);
        if (!more)
            return NULL;
        if (t->calls_n)
            memcpy(more, t->calls, t->calls_n * sizeof(*more));
        t->calls = more;
    }
    return &t->calls[t->calls_n++];
}

static void call_bill(struct turn *t, struct ledger_call *row, const struct llm_call *c, int err)
{
    int64_t since = c->began_us;
    *row = (struct ledger_call){
        .seq = t->calls_n - 1,
        .purpose = t->purpose ? str_from(t->purpose) : STR("answer"),
        .provider = t->target->provider->name,
        .model = t->target->model,
        .endpoint = c->endpoint ? c->endpoint->host_header : STR_NONE,
        .attempt = t->calls_n,
        .status = c->status,
        .err = err,
        .tokens = c->tokens,
        .cost_usd_nanos = c->cost_usd_nanos,
        .began_wall_us = c->began_wall_us,
        .connect_us = c->connected_us ? c->connected_us - since : -1,
        .first_us = c->first_us ? c->first_us - since : -1,
        .total_us = c->ended_us - since,
        .reused = c->reused,
    };
    tokens_add(&t->tokens, &c->tokens);
    t->cost_usd_nanos = t->calls_n == 1 ? c->cost_usd_nanos
                                        : cost_add(t->cost_usd_nanos, c->cost_usd_nanos);
    t->upstream_us += c->ended_us - since;
    if (c->first_us && !err)
        t->first_us = c->first_us;
}

/* The request was refused here, before anything went out: there was no call. */
static void call_drop(struct turn *t, const struct target *asked_before)
{
    llm_call_fini(t->call);
    t->call = NULL;
    t->calls_n--;
    t->asked = asked_before;
    t->left_us = clock_mono_us();
}

static int call_make(struct turn *t)
{
    struct ledger_call *row = call_row_add(t);
    struct llm_call *c = row ? ARENA_NEW(t->arena, struct llm_call) : NULL;
    if (!c)
        return E_MEMORY;
    if (t->call)
        llm_call_fini(t->call);
    t->call = c;
    llm_call_init(c);
    c->target = t->target;
    c->request = t->request;
    c->headers = t->headers;
    c->tenant = t->tenant;
    c->pass_key = t->target->provider->settings->pass_key ? t->pass_key : STR_NONE;
    c->arena = t->arena;
    c->sink = t->sink;
    c->deadline_ms = t->deadline_ms;
    c->tried = t->tried;
    fault_clear(&t->fault);
    if (UNLIKELY(t->trace != NULL))
        telemetry_call_begins(t);
    const struct target *before = t->asked;
    t->asked = t->target;
    int err = llm_call_run(c, &t->fault);
    if (UNLIKELY(c->unasked)) {
        call_drop(t, before);
        return err;
    }
    t->inner_us += c->ended_us - c->began_us;
    t->left_us = c->ended_us;
    t->streamed = c->streamed;
    call_bill(t, row, c, err);
    turn_meter_call(t, c, err);
    if (UNLIKELY(t->house->telemetry != NULL))
        telemetry_call_ended(t, row, c, t->target->provider, c->endpoint);
    return err;
}

/* ---- the levers ---- */

static bool passes_by(const struct lever_switch *on)
{
    return on->holdout > 0 && (int64_t)(random_u64() % 1000000) < on->holdout;
}

int turn_next(struct turn *t)
{
    unsigned i = t->at;
    if (!t->notes)
        t->notes = ARENA_ARRAY(t->arena, struct lever_note, t->chain->n + 1);
    if (!t->notes)
        return E_MEMORY;
    while (i < t->chain->n) {
        const struct lever_switch *on = t->chain->at[i].on;
        struct lever_note *note = &t->notes[i];
        if (on->on && !note->met) { /* once a turn, however often the way leads past it */
            note->met = true;
            note->held_out = passes_by(on);
        }
        if (on->on && !note->held_out)
            break;
        i++;
    }
    if (i == t->chain->n)
        return call_make(t);
    int64_t began = clock_mono_us();
    unsigned outer_at = t->at;
    int64_t outer_inner = t->inner_us;
    t->inner_us = 0;
    t->at = i + 1; /* for the lever's own turn_next; turn_note looks one back */
    int err = t->chain->at[i].lever->run(t->chain->at[i].self, t);
    t->left_us = clock_mono_us();
    int64_t took = t->left_us - began;
    t->notes[i].own_us += took - t->inner_us;
    t->at = outer_at;
    t->inner_us = outer_inner + took;
    return err;
}

void turn_aim(struct turn *t, const struct target *target)
{
    t->target = target;
    t->tried = 0;
    t->deadline_ms = clock_cached_ms() + target->timeouts.total_ms;
}

/* ---- admission ---- */

int turn_admit(struct turn *t)
{
    int err = t->house->ledger ? ledger_admit(t->house->ledger) : 0;
    if (err)
        return fault_set(&t->fault, err, "%s", err_text(err));
    if (LIKELY(!t->house->gate))
        return 0;
    t->gate = t->house->gate;
    return t->gate->enter(t->gate, t);
}

void turn_leave(struct turn *t, int err)
{
    struct turn_gate *gate = t->gate;
    t->gate = NULL;
    if (UNLIKELY(gate != NULL))
        gate->leave(gate, t, err);
}

int turn_run(struct turn *t)
{
    if (t->route.n == 0)
        return fault_set(&t->fault, E_NO_PROVIDER, "no provider answers for this model");
    int err = turn_admit(t);
    if (!err) {
        turn_aim(t, &t->route.at[0]);
        err = turn_next(t);
    }
    t->target = t->asked; /* from here on: who answered, or failed to */
    turn_leave(t, err);   /* all calls are made: what it took is known before the client is told */
    return err;
}

/* ---- the end ---- */

int64_t turn_overhead_us(const struct turn *t)
{
    int64_t until = t->left_us ? t->left_us : clock_mono_us();
    return until - t->began_us - t->upstream_us;
}

/* {"retry":{"did":"second try","us":12}}; STR_NONE when no lever did anything. */
static struct str levers_json(const struct turn *t)
{
    struct buf out = {0};
    for (unsigned i = 0; t->notes && i < t->chain->n; i++) {
        const struct lever_note *n = &t->notes[i];
        if (!n->verdict && !n->held_out)
            continue;
        if (out.bytes_max == 0)
            buf_init(&out, 4096);
        buf_printf(&out, "%s\"%s\":{\"did\":", out.n ? "," : "{", t->chain->at[i].lever->name);
        json_quote(&out, str_from(n->held_out ? "held out" : n->verdict));
        buf_printf(&out, ",\"us\":%lld", (long long)n->own_us);
        if (n->saved_tokens)
            buf_printf(&out, ",\"saved_tokens\":%lld", (long long)n->saved_tokens);
        buf_char(&out, '}');
    }
    if (out.n == 0)
        return STR_NONE;
    buf_char(&out, '}');
    struct str json = out.failed ? STR_NONE : arena_str(t->arena, buf_view(&out));
    buf_fini(&out);
    return json;
}

static void row_fill(const struct turn *t, struct ledger_turn *row)
{
    *row = (struct ledger_turn){
        .id = t->id,
        .began_wall_us = t->began_wall_us,
        .state = TURN_RUNNING,
        .tenant = t->tenant,
        .key = t->key,
        .task = t->task,
        .session = t->session,
        .tags = t->tags,
        .api = str_from(t->api),
        .asked = t->request ? t->request->model : STR_NONE,
        .provider = t->target ? t->target->provider->name : STR_NONE,
        .model = t->target ? t->target->model : STR_NONE,
        .lane = t->route.lane,
        .stream = t->request && t->request->stream,
        .tokens = t->tokens,
        .cost_usd_nanos = t->cost_usd_nanos,
        .saved_usd_nanos = t->saved_usd_nanos,
        .queue_us = 0,
        .first_us = t->first_us ? t->first_us - t->began_us : -1,
        .total_us = -1,
        .overhead_us = -1,
        .bytes_in = t->bytes_in,
    };
}

static enum turn_state state_of(const struct turn *t, int err)
{
    if (!err)
        return TURN_DONE;
    bool part = t->streamed || err == E_CLIENT_GONE;
    return part && t->calls_n > 0 ? TURN_PARTIAL : TURN_FAILED;
}

void turn_end(struct turn *t, int err, int status, int64_t bytes_out)
{
    list_remove(&t->node);
    t->house->running_n--;
    struct ledger_turn row;
    row_fill(t, &row);
    row.state = t->state = state_of(t, err);
    row.status = t->status = status;
    row.err = t->err = err;
    turn_leave(t, err);
    row.total_us = t->total_us = clock_mono_us() - t->began_us;
    row.overhead_us = t->overhead_us = t->total_us - t->upstream_us;
    row.bytes_out = bytes_out;
    row.levers = levers_json(t);
    row.calls_n = t->calls_n;
    row.calls = t->calls;
    if (t->house->ledger)
        ledger_turn_ended(t->house->ledger, &row);
    turn_meter_end(t, &row);
    if (UNLIKELY(t->trace != NULL))
        telemetry_turn_ended(t, &row);
    if (t->call)
        llm_call_fini(t->call);
    t->call = NULL;
}

void turn_house_tick(struct turn_house *house)
{
    int64_t before = clock_mono_us() - LEDGER_START_MS * 1000;
    while (!list_empty(&house->running)) {
        struct turn *t = LIST_ENTRY(house->running.next, struct turn, node);
        if (t->began_us > before)
            break;
        list_remove(&t->node);
        list_push_back(&house->running_long, &t->node);
        if (t->runner)
            task_trim(t->runner); /* ten thousand slow streams are ten thousand stacks */
        if (!house->ledger)
            continue;
        struct ledger_turn row;
        row_fill(t, &row);
        ledger_turn_running(house->ledger, &row);
    }
}
