/* grade.c: one answer given to the graders of its suite. */
#include <math.h>

#include "base/json.h"
#include "eval/run/run.h"
#include "eval/suite/template.h"
#include "rt/loop.h"
#include "rt/task.h"

#define WORDS_BYTES_MAX 600 /* of what is kept of a grader's words */

/* ---- what a request and an answer hold ---- */

/* A text, or the joined texts of a list of parts. */
static int content_text(yyjson_val *content, struct arena *arena, struct str *ret_text)
{
    *ret_text = json_str(content);
    if (!yyjson_is_arr(content))
        return 0;
    size_t i, n;
    yyjson_val *part;
    yyjson_arr_foreach(content, i, n, part)
    {
        struct str text = json_get_str(part, "text");
        if (text.n)
            *ret_text = ret_text->n ? arena_join(arena, *ret_text, text) : text;
        if (text.n && !ret_text->p)
            return E_MEMORY;
    }
    return 0;
}

static int request_look(struct str body, struct arena *arena, struct grading *g)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0}; /* it was read before it was asked */
    int err = json_parse(arena, body, &doc, &ignored);
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc), *messages = yyjson_obj_get(root, "messages");
    g->tools = yyjson_obj_get(root, "tools");
    for (size_t i = yyjson_arr_size(messages); i-- > 0;) {
        yyjson_val *m = yyjson_arr_get(messages, i);
        if (str_eq(json_get_str(m, "role"), STR("user")))
            return content_text(yyjson_obj_get(m, "content"), arena, &g->prompt);
    }
    return 0;
}

/* What a model says in place of an answer is what it says, too. */
static int answer_look(struct str body, struct arena *arena, struct grading *g)
{
    yyjson_doc *doc = NULL;
    struct fault ignored = {0}; /* a body that is none has neither text nor calls */
    int err = body.n ? json_parse(arena, body, &doc, &ignored) : 0;
    if (err == E_MEMORY)
        return err;
    yyjson_val *choices = yyjson_obj_get(yyjson_doc_get_root(doc), "choices");
    yyjson_val *message = yyjson_obj_get(yyjson_arr_get_first(choices), "message");
    g->calls = yyjson_obj_get(message, "tool_calls");
    err = content_text(yyjson_obj_get(message, "content"), arena, &g->text);
    if (!g->text.n)
        g->text = json_get_str(message, "refusal");
    return err;
}

static int fill(yyjson_val *template, const struct suite_case *c, struct arena *arena,
                yyjson_val **ret_value, struct fault *f)
{
    *ret_value = NULL;
    return template ? template_fill(template, c->fields, arena, ret_value, f) : 0;
}

/* ---- one grader ---- */

/* Nothing of it may wait, so it runs on the loop's stack, which is a deep one. */
struct pure {
    const struct suite_grader *grader;
    const struct grading *grading;
    struct grade *grade;
    struct fault *fault;
    int err;
};

static void pure_run(void *arg)
{
    struct pure *p = arg;
    p->err = p->grader->kind->grade(p->grader->self, p->grading, p->grade, p->fault);
}

static int grade_one(const struct suite_grader *s, const struct grading *g, struct grade *ret_grade,
                     struct fault *f)
{
    *ret_grade = (struct grade){0};
    if (s->kind->waits && !g->asker)
        return grade_none(ret_grade, STR("nobody may be asked"));
    if (s->kind->waits)
        return s->kind->grade(s->self, g, ret_grade, f);
    struct pure p = {.grader = s, .grading = g, .grade = ret_grade, .fault = f};
    loop_stack_call(pure_run, &p);
    return p.err;
}

static struct str words(struct str s)
{
    return str_head_utf8(s, WORDS_BYTES_MAX);
}

/* The other way round: a verdict that would pass fails. */
static void turn(const struct suite_grader *s, struct grade *g)
{
    if (!g->graded || !isfinite(g->score))
        return;
    bool passes = g->score >= s->pass - 1e-9;
    struct str why = passes ? STR("it is as it should not be") : STR_NONE;
    (void)grade_yes_no(g, !passes, g->got, why);
}

static struct result_grade kept(const struct suite_grader *s, const struct grade *g)
{
    bool sound = g->graded && isfinite(g->score);
    return (struct result_grade){.graded = sound,
                                 .pass = sound && g->score >= s->pass - 1e-9,
                                 .score = sound ? fmin(fmax(g->score, 0), 1) : 0,
                                 .verdict = words(g->verdict),
                                 .got = words(g->got),
                                 .why = words(g->why)};
}

/* ---- all of them ---- */

static bool is_for(const struct suite_grader *s, const struct suite_case *c)
{
    struct str field = s->settings->where;
    return field.n == 0 || yyjson_obj_getn(c->fields, field.p, field.n);
}

/* Somebody has to decide about each case. */
static int applies_check(const struct suite *suite, const struct suite_case *c, struct fault *f)
{
    for (unsigned i = 0; i < suite->graders_n; i++)
        if (suite->graders[i].weight > 0 && is_for(&suite->graders[i], c))
            return 0;
    return fault_set(f, E_BAD_REQUEST,
                     "%s:%u: no grader with a weight is for this case: it has none of the fields "
                     "that they are for (`where`)",
                     c->file, c->line);
}

/* The case's own: ungraded where one that counts is; passed where all that count do, or where the
 * score is what the case asks for. */
static void result_sum(const struct suite *suite, const struct suite_case *c, struct result *r)
{
    double sum = 0, weights = 0;
    bool graded = true, pass = true;
    for (unsigned i = 0; i < suite->graders_n; i++) {
        double weight = suite->graders[i].weight;
        const struct result_grade *g = &r->grades[i];
        if (!(weight > 0) || g->skipped)
            continue;
        graded = graded && g->graded;
        pass = pass && g->pass;
        sum += weight * g->score;
        weights += weight;
        if (!g->pass && !r->why.n)
            r->why = g->why;
    }
    r->state = graded ? RESULT_GRADED : RESULT_UNGRADED;
    r->score = graded ? sum / weights : 0;
    r->pass = graded && (c->pass >= 0 ? r->score >= c->pass - 1e-9 : pass);
}

/* The line of what the suite itself says to expect, without a field of the case; 0: it is not so.
 */
static unsigned literal_line(const struct suite *suite, const struct suite_grader *s)
{
    const struct grader_settings *from = s->settings;
    bool filled = template_has_hole(s->expected) || template_has_hole(s->harmful) ||
                  template_has_hole(s->instructions) || str_find(from->pattern, STR("{{")) >= 0;
    const void *at = s->expected       ? &from->expected
                     : s->harmful      ? &from->harmful
                     : s->instructions ? &from->instructions
                                       : NULL;
    return at && !filled ? conf_line(suite->doc, at) : 0;
}

static int of_case(const struct suite *suite, const struct suite_case *c,
                   const struct suite_grader *s, int err, const struct fault *why, struct fault *f)
{
    if (err != E_BAD_REQUEST)
        return fault_set(f, err, "%s", why_text(why, err));
    unsigned line = literal_line(suite, s);
    if (line)
        return fault_set(f, err, "%s:%u: grader %.*s: %s", conf_path(suite->doc), line,
                         STR_ARGS(s->name), why_text(why, err));
    return fault_set(f, err, "%s:%u: grader %.*s: %s", c->file, c->line, STR_ARGS(s->name),
                     why_text(why, err));
}

int eval_grade(const struct suite *suite, const struct suite_case *c, struct eval_asker *asker,
               const struct answer *answer, struct arena *arena, struct result *ret_result,
               struct fault *f)
{
    struct result *r = ret_result;
    struct grading g = {.arena = arena, .fields = c->fields, .asker = asker};
    int err = applies_check(suite, c, f);
    if (!err)
        err = request_look(answer->request, arena, &g);
    if (!err)
        err = answer_look(answer->body, arena, &g);
    r->grades = err ? NULL : ARENA_ARRAY(arena, struct result_grade, suite->graders_n);
    if (!r->grades)
        return err ? err : E_MEMORY;
    for (unsigned i = 0; i < suite->graders_n; i++) {
        const struct suite_grader *s = &suite->graders[i];
        struct fault why = {0};
        struct grade grade = {0};
        r->grades[i] = (struct result_grade){.skipped = !is_for(s, c)};
        if (r->grades[i].skipped)
            continue;
        g.judge_cost_nanos = &r->judge_cost_usd_nanos;
        g.key = answer->key;
        err = fill(s->expected, c, arena, &g.expected, &why);
        err = err ? err : fill(s->harmful, c, arena, &g.harmful, &why);
        err = err ? err : fill(s->instructions, c, arena, &g.instructions, &why);
        err = err ? err : grade_one(s, &g, &grade, &why);
        if (err)
            return of_case(suite, c, s, err, &why, f);
        if (s->settings->inverse)
            turn(s, &grade);
        r->grades[i] = kept(s, &grade);
        if (grade.safety != SAFETY_NOT_ASKED)
            r->safety = grade.safety;
    }
    result_sum(suite, c, r);
    return 0;
}
