/*
 * feedback_api.c: POST /v1/feedback: what became of a task.
 *
 *     {"task": "order-17", "success": true}
 *     {"task": "order-17", "score": 0.8, "comment": "one line was wrong"}
 *
 * A task is the tenant's own: of another's the client is told the same as of one that nobody has.
 */
#include <math.h>
#include <stdio.h>

#include "api/visit.h"
#include "base/clock.h"
#include "base/json.h"
#include "turn/outcomes.h"

#define BODY_BYTES_MAX   65536
#define ANSWER_BYTES_MAX 4096
#define EXPECTED                                                                                   \
    "expected {\"task\": ..., \"success\": true} or {\"task\": ..., \"score\": 0.8}, and maybe a " \
    "\"comment\""

static const struct metric_desc feedback_desc = {
    .name = "sluice_feedback_total",
    .help = "Outcomes told: success (0.5 or more), failure, repeated, or the error's code.",
    .kind = METRIC_COUNTER,
    .labels = {"result"}};

enum member { TASK, SUCCESS, SCORE, COMMENT, MEMBERS };
static const struct str members[MEMBERS] = {
    {"task", 4}, {"success", 7}, {"score", 5}, {"comment", 7}};

struct feedback {
    bool given[MEMBERS]; /* and not null */
    struct ledger_outcome outcome;
};

/* Names the member that a fault is about, for the error's `param`. */
static int about(struct visit *v, struct str name, int err)
{
    (void)snprintf(v->fault.param, sizeof(v->fault.param), "%.*s",
                   STR_ARGS(str_head_utf8(name, sizeof(v->fault.param) - 1)));
    return err;
}

static int is_wrong(struct visit *v, enum member at, const char *expected)
{
    return about(v, members[at],
                 fault_set(&v->fault, E_BAD_REQUEST, "'%s' has to be %s", members[at].p, expected));
}

static int member_read(struct visit *v, enum member at, yyjson_val *value, struct feedback *fb)
{
    struct ledger_outcome *o = &fb->outcome;
    switch (at) {
    case TASK:
        o->task = str_head_utf8(json_str(value), TASK_BYTES_MAX); /* as the header's */
        return o->task.n ? 0 : is_wrong(v, at, "the name that requests had in x-sluice-task");
    case SUCCESS:
        o->score = yyjson_is_true(value) ? OUTCOME_SCORE_MAX : 0;
        return yyjson_is_bool(value) ? 0 : is_wrong(v, at, "true or false");
    case SCORE: {
        double score = yyjson_is_num(value) ? yyjson_get_num(value) : -1;
        if (!(score >= 0 && score <= 1))
            return is_wrong(v, at, "a number from 0 to 1");
        o->score = llround(score * OUTCOME_SCORE_MAX);
        return 0;
    }
    case COMMENT:
        o->comment = json_str(value);
        if (!o->comment.p || o->comment.n > TASK_COMMENT_BYTES_MAX)
            return is_wrong(v, at, "a text of at most 512 bytes");
        return 0;
    case MEMBERS:
        break;
    }
    return E_INTERNAL;
}

/* What is not understood might have been the outcome, so nothing is taken without it. */
static int member_unknown(struct visit *v, struct str word)
{
    struct str near = str_nearest(word, members, MEMBERS);
    return about(v, word,
                 fault_set(&v->fault, E_BAD_REQUEST,
                           "there is no '%.*s' here; expected task, success or score, comment"
                           "%s%.*s%s",
                           STR_ARGS(str_head_utf8(word, 60)), near.n ? "; did you mean '" : "",
                           STR_ARGS(near), near.n ? "'?" : ""));
}

static int members_read(struct visit *v, yyjson_val *root, struct feedback *fb)
{
    bool seen[MEMBERS] = {false};
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(root, i, n, key, value)
    {
        unsigned at = 0;
        while (at < MEMBERS && !str_eq(json_str(key), members[at]))
            at++;
        if (at == MEMBERS)
            return member_unknown(v, json_str(key));
        if (seen[at])
            return about(v, members[at],
                         fault_set(&v->fault, E_DUPLICATE_KEY, "'%s' stands twice", members[at].p));
        seen[at] = true;
        if (yyjson_is_null(value))
            continue;
        fb->given[at] = true;
        int err = member_read(v, at, value, fb);
        if (err)
            return err;
    }
    return 0;
}

static int feedback_read(struct visit *v, struct feedback *fb)
{
    struct str body;
    yyjson_doc *doc = NULL;
    int err = exchange_read_all(v->x, BODY_BYTES_MAX, &body);
    if (err == E_TOO_LARGE)
        return fault_set(&v->fault, err, "the body is over %d bytes", BODY_BYTES_MAX);
    if (!err)
        err = json_parse(v->x->arena, body, &doc, &v->fault);
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root))
        return fault_set(&v->fault, E_BAD_REQUEST, EXPECTED);
    err = members_read(v, root, fb);
    if (err)
        return err;
    if (!fb->given[TASK])
        return about(v, members[TASK],
                     fault_set(&v->fault, E_BAD_REQUEST, "'task' is missing; " EXPECTED));
    if (fb->given[SUCCESS] == fb->given[SCORE])
        return about(v, members[fb->given[SUCCESS] ? SCORE : SUCCESS],
                     fault_set(&v->fault, E_BAD_REQUEST,
                               fb->given[SUCCESS]
                                   ? "'success' and 'score' are two outcomes; " EXPECTED
                                   : "an outcome is missing; " EXPECTED));
    return 0;
}

static void count(struct visit *v, const char *result)
{
    metric_add(metric_get(v->gateway->metrics, &feedback_desc,
                          (const struct str[METRIC_LABELS_MAX]){str_from(result)}),
               1);
}

static void answer(struct visit *v, const struct ledger_outcome *o, bool repeated)
{
    struct buf out;
    buf_init(&out, ANSWER_BYTES_MAX);
    buf_str(&out, STR("{\"task\":"));
    json_quote(&out, o->task);
    buf_str(&out, STR(",\"score\":"));
    buf_decimal(&out, o->score, 6, 0);
    buf_printf(&out, ",\"repeated\":%s}", repeated ? "true" : "false");
    if (out.failed)
        visit_error(v, out.failed);
    else
        visit_json(v, 200, buf_view(&out));
    buf_fini(&out);
}

void api_feedback(struct visit *v)
{
    struct feedback fb = {.outcome = {.tenant = visit_tenant(v),
                                      .key = v->key ? v->key->public_part : STR_NONE,
                                      .made_wall_us = clock_wall_us()}};
    bool repeated = false;
    int err = feedback_read(v, &fb);
    if (!err)
        err = outcomes_tell(v->gateway->outcomes, &fb.outcome, &repeated, &v->fault);
    if (err == E_UNKNOWN_TASK)
        err = about(v, members[TASK], err);
    else if (err == E_OTHER_OUTCOME)
        err = about(v, members[fb.given[SUCCESS] ? SUCCESS : SCORE], err);
    count(v, err                                         ? err_code(err)
             : repeated                                  ? "repeated"
             : fb.outcome.score * 2 >= OUTCOME_SCORE_MAX ? "success"
                                                         : "failure");
    if (err)
        visit_error(v, err);
    else
        answer(v, &fb.outcome, repeated);
}
