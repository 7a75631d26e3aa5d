#include "eval/run/ask.h"

#include <math.h>

#include "base/clock.h"
#include "base/json.h"
#include "llm/outgoing.h"
#include "llm/wire.h"

#define PAUSE_FIRST_MS  500
#define PAUSE_MOST_MS   30000
#define SENT_BYTES_MAX  (64u * 1024 * 1024)
#define THEIR_BYTES_MAX 300 /* of what a provider says of an error */

/* One try of a question under way. */
struct asking {
    struct llm_sink sink; /* nothing is streamed */
    struct eval_asker *asker;
    const struct eval_question *q;
    struct llm_request request;
    struct http_headers headers;
    int64_t reserved_nanos;
    struct turn turn; /* last: turn_begin clears it */
};

void eval_asker_init(struct eval_asker *a)
{
    a->spent_nanos = a->reserved_nanos = 0;
    a->over = 1;
    a->under_way = 0;
    a->asked = a->kept = 0;
    waitq_init(&a->settled);
}

/* ---- what may be spent ---- */

/* What `nanos` of reckoning may come to. Tokens are reckoned by bytes, and where a request says no
 * most of its answer, by the house's: what turned out dearer makes all under way so, too. */
static int64_t spend_scaled(const struct eval_asker *a, int64_t nanos)
{
    double most = (double)nanos * a->over;
    return most < (double)INT64_MAX / 4 ? (int64_t)most : INT64_MAX / 4;
}

static bool spend_has_room(const struct eval_asker *a, int64_t most)
{
    return a->spent_nanos + spend_scaled(a, a->reserved_nanos + most) <= a->spend_nanos;
}

/* Room for what the try may cost; waits for others to settle where they hold it. */
static int spend_reserve(struct asking *x, struct fault *f)
{
    struct eval_asker *a = x->asker;
    const struct target *unpriced = NULL;
    if (a->spend_nanos < 0)
        return 0;
    int64_t most = limits_cost_most(a->rules, &x->turn, &unpriced);
    if (most == COST_UNKNOWN)
        return fault_set(f, E_UNPRICED,
                         "a limit of dollars cannot be kept, since %.*s%.*s has no price; give it "
                         "one, as `prices: {%.*s%.*s: {input: 1, output: 2}}` in the configuration "
                         "(dollars a million tokens), or run without a limit",
                         STR_ARGS(unpriced->provider->prefix), STR_ARGS(unpriced->model),
                         STR_ARGS(unpriced->provider->prefix), STR_ARGS(unpriced->model));
    int err = 0;
    while (!err && a->reserved_nanos > 0 && !spend_has_room(a, most))
        err = waitq_wait(&a->settled);
    if (err)
        return err;
    if (!spend_has_room(a, most))
        return fault_set(
            f, E_BUDGET,
            "%.6f dollars are spent, and the next question may cost %.6f: more than "
            "the %.6f that the run may cost. With a higher limit (--spend) the same "
            "command goes on from here; max_tokens in the request makes less of what a "
            "question may cost",
            (double)a->spent_nanos / 1e9, (double)spend_scaled(a, most) / 1e9,
            (double)a->spend_nanos / 1e9);
    x->reserved_nanos = most;
    a->reserved_nanos += most;
    return 0;
}

/* A call whose cost nobody knows is taken to have cost all that was reserved for it. */
static void spend_settle(struct asking *x)
{
    struct eval_asker *a = x->asker;
    const struct turn *t = &x->turn;
    int64_t cost = t->calls_n == 0                     ? 0
                   : t->cost_usd_nanos == COST_UNKNOWN ? spend_scaled(a, x->reserved_nanos)
                                                       : t->cost_usd_nanos;
    if (x->reserved_nanos > 0)
        a->over = fmax(a->over, (double)cost / (double)x->reserved_nanos);
    a->reserved_nanos -= x->reserved_nanos;
    a->spent_nanos += cost;
    waitq_wake_all(&a->settled);
}

/* ---- one try ---- */

static int no_begin(struct llm_sink *sink UNUSED, int status UNUSED,
                    const struct http_headers *headers UNUSED)
{
    return E_INTERNAL; /* a suite's request asks for no stream */
}

static int no_events(struct llm_sink *sink UNUSED, struct str bytes UNUSED)
{
    return E_INTERNAL;
}

static int request_take(struct asking *x, struct arena *arena, struct fault *f)
{
    struct turn *t = &x->turn;
    int err = wire_ask(&wire_openai_chat, x->q->body, arena, &x->request, f);
    if (err)
        return err;
    t->request = &x->request;
    t->bytes_in = (int64_t)x->q->body.n;
    x->request.alone = true; /* who owns the configuration asks */
    return models_resolve(x->asker->models, x->request.model, arena, &t->route, f);
}

int eval_ask_check(const struct eval_asker *a, struct str body, struct arena *arena,
                   struct str *ret_model, struct route *ret_route, struct fault *f)
{
    struct llm_request *request = ARENA_NEW(arena, struct llm_request);
    int err = request ? wire_ask(&wire_openai_chat, body, arena, request, f) : E_MEMORY;
    if (err)
        return err;
    *ret_model = request->model;
    return models_resolve(a->models, request->model, arena, ret_route, f);
}

/* What went upstream, as it is made once more: the same for the same request. */
static int sent_take(const struct asking *x, struct arena *arena, struct str *ret_sent)
{
    struct llm_outgoing out;
    struct fault ignored = {0}; /* it was made before */
    struct iovec pieces[2 * LLM_EDITS_MAX + 1];
    size_t bytes;
    *ret_sent = STR_NONE;
    if (!x->turn.asked)
        return 0;
    int err = llm_outgoing_make(x->turn.asked, &x->request, arena, &out, &ignored);
    if (!err) {
        unsigned n = llm_edits_apply(&out.edits, out.body, pieces, &bytes);
        char *text = bytes <= SENT_BYTES_MAX ? arena_alloc(arena, bytes + 1) : NULL;
        err = text ? 0 : E_MEMORY;
        size_t at = 0;
        for (unsigned i = 0; i < n && text; i++) {
            memcpy(text + at, pieces[i].iov_base, pieces[i].iov_len);
            at += pieces[i].iov_len;
        }
        if (text && !str_eq(str_of(text, bytes), x->q->body))
            *ret_sent = str_of(text, bytes);
    }
    llm_outgoing_fini(&out);
    return err == E_MEMORY ? err : 0;
}

static bool is_live(const struct turn *t)
{
    return t->asked && t->asked->provider->kind->over_http;
}

/* What went wrong, with the provider's own words where it said some: they tell a misspelt model
 * from a prompt that is too long. */
static struct str why_of(const struct turn *t, int err, struct arena *arena)
{
    const struct llm_call *c = t->call;
    struct str why = str_from(why_text(&t->fault, err));
    bool theirs = c && c->status >= 400 && c->body.n > 0;
    yyjson_doc *doc = NULL;
    struct fault ignored = {0}; /* a body that is no JSON has no message */
    if (!theirs || json_parse(arena, buf_view(&c->body), &doc, &ignored) != 0)
        return arena_str(arena, why);
    yyjson_val *error = yyjson_obj_get(yyjson_doc_get_root(doc), "error");
    struct str message = yyjson_is_str(error) ? json_str(error) : json_get_str(error, "message");
    if (!message.n)
        return arena_str(arena, why);
    return arena_printf(arena, "%.*s: %.*s", STR_ARGS(why),
                        STR_ARGS(str_head_utf8(message, THEIR_BYTES_MAX)));
}

/* What came of the turn, before it ends; of its cost, what this try took is added. */
static int answer_take(struct asking *x, int err, struct arena *arena, struct answer *ret)
{
    const struct turn *t = &x->turn;
    const struct llm_call *c = t->call;
    char *time = arena_alloc(arena, 25);
    int64_t before = ret->cost_usd_nanos;
    if (!time)
        return E_MEMORY;
    *ret = (struct answer){
        .key = x->q->key,
        .purpose = str_from(x->q->purpose),
        .turn = arena_str(arena, str_of(t->id.text, ID_CHARS)),
        .time = str_from(clock_iso(t->began_wall_us, time)),
        .asked = x->request.model,
        .provider = t->asked ? t->asked->provider->name : STR_NONE,
        .model = t->asked ? t->asked->model : STR_NONE,
        .done = !err,
        .live = is_live(t),
        .status = c ? c->status : 0,
        .error = err ? str_from(err_code(err)) : STR_NONE,
        .why = err ? why_of(t, err, arena) : STR_NONE,
        .tokens = t->tokens,
        .cost_usd_nanos = t->calls_n ? cost_add(before, t->cost_usd_nanos) : before,
        .calls = ret->calls + t->calls_n,
        .total_us = clock_mono_us() - t->began_us,
        .request = x->q->body,
        .body = c && !err ? arena_str(arena, buf_view(&c->body)) : STR_NONE,
    };
    return sent_take(x, arena, &ret->sent);
}

static int try_once(struct asking *x, struct arena *arena, struct answer *ret_answer,
                    int64_t *ret_wait_ms, int *ret_outcome, struct fault *f)
{
    struct eval_asker *a = x->asker;
    struct turn *t = &x->turn;
    x->sink = (struct llm_sink){.begin = no_begin, .events = no_events};
    turn_begin(t, a->house, arena, clock_mono_us());
    http_headers_init(&x->headers, arena);
    t->api = wire_openai_chat.name;
    t->purpose = x->q->purpose;
    t->can_wait = true;
    t->past_caches = !a->test_caches;
    t->key = STR("eval");
    t->tags = a->tags;
    t->runner = task_self();
    t->headers = &x->headers;
    t->chain = a->chain;
    t->sink = &x->sink;
    int outcome = request_take(x, arena, &t->fault);
    int err = outcome ? 0 : spend_reserve(x, f);
    if (!err && !outcome) {
        t->began_us = clock_mono_us(); /* what it waited for dollars is no latency */
        a->under_way++;
        a->asked++;
        outcome = turn_run(t);
        a->under_way--;
    }
    spend_settle(x);
    *ret_wait_ms = t->call ? t->call->retry_after_ms : -1;
    *ret_outcome = outcome;
    if (!err)
        err = answer_take(x, outcome, arena, ret_answer);
    turn_end(t, err ? err : outcome, err || outcome ? err_status(err ? err : outcome) : 200, 0);
    return err;
}

/* ---- all tries ---- */

/* Is it the run's fault rather than the question's? */
static bool ends_run(int outcome)
{
    return outcome == E_UNKNOWN_MODEL || outcome == E_UNKNOWN_LANE || outcome == E_NO_PROVIDER ||
           outcome == E_CANCELED || outcome == E_LEDGER_FULL || outcome == E_MEMORY ||
           outcome == E_INTERNAL;
}

static int64_t pause_ms(int64_t attempt, int64_t wait_ms)
{
    int64_t ms = (int64_t)PAUSE_FIRST_MS << (attempt < 6 ? attempt : 6);
    ms = ms > wait_ms ? ms : wait_ms;
    return ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
}

static int tries(struct eval_asker *a, const struct eval_question *q, struct arena *arena,
                 struct answer *ret_answer, struct fault *f)
{
    *ret_answer = (struct answer){0};
    for (int64_t attempt = 0;; attempt++) {
        int64_t wait_ms = -1;
        int outcome = 0;
        struct asking *x = ARENA_NEW(arena, struct asking);
        if (!x)
            return E_MEMORY;
        x->asker = a;
        x->q = q;
        int err = try_once(x, arena, ret_answer, &wait_ms, &outcome, f);
        if (err)
            return err;
        if (ends_run(outcome))
            return fault_set(f, outcome, "%.*s", STR_ARGS(ret_answer->why));
        if (!outcome || !err_retryable(outcome) || attempt + 1 >= a->tries)
            return 0;
        err = task_sleep(pause_ms(attempt, wait_ms));
        if (err)
            return err;
    }
}

int eval_ask(struct eval_asker *a, const struct eval_question *q, struct arena *arena,
             struct answer *ret_answer, struct fault *f)
{
    int err = answers_find(a->answers, q->key, arena, ret_answer, f);
    a->kept += err == 0;
    if (err != E_NOT_FOUND)
        return err;
    err = tries(a, q, arena, ret_answer, f);
    if (err && ret_answer->calls > 0) { /* called off, and paid for */
        struct fault ignored = {0};     /* there is a reason already */
        (void)!answers_add(a->answers, ret_answer, &ignored);
        return err;
    }
    if (!err)
        err = answers_add(a->answers, ret_answer, f);
    ret_answer->cost_usd_nanos = answers_cost(a->answers, q->key);
    return err;
}
