/* rubric.c: a model judges the answer by criteria, or beside another answer. */
#include "base/json.h"
#include "eval/grader/kinds.h"
#include "eval/judge/judge.h"
#include "eval/suite/template.h"

/* Settings in which each criterion has a name, by which the judge scores it. */
static int criteria_name(struct grader_settings *s, struct arena *arena)
{
    struct criterion_settings *named = ARENA_ARRAY(arena, struct criterion_settings, s->criteria.n);
    const struct criterion_settings *given = s->criteria.at;
    if (!named)
        return E_MEMORY;
    for (unsigned i = 0; i < s->criteria.n; i++) {
        named[i] = given[i];
        if (!named[i].name.n)
            named[i].name = arena_printf(arena, "%u", i + 1);
        if (!named[i].name.p)
            return E_MEMORY;
    }
    s->criteria.at = named;
    return 0;
}

static int rubric_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                       void **ret_self)
{
    struct grader_settings *own = ARENA_NEW(arena, struct grader_settings);
    const struct criterion_settings *criteria = s->criteria.at;
    double weights = s->criteria.n ? 0 : 1;
    for (unsigned i = 0; i < s->criteria.n; i++)
        weights += (double)criteria[i].weight;
    if (s->criteria.n > JUDGE_CRITERIA_MAX)
        conf_complain(doc, &s->criteria, "at most %d criteria", JUDGE_CRITERIA_MAX);
    else if (!(weights > 0))
        conf_complain(doc, &s->criteria, "all criteria have a weight of 0");
    if (s->pairwise && !s->expected.n)
        conf_complain(doc, &s->pairwise, "needs `expected`, the other answer");
    if (conf_error_count(doc) || !own)
        return own ? E_CONFIG : E_MEMORY;
    *own = *s;
    *ret_self = own;
    return s->criteria.n ? criteria_name(own, arena) : 0;
}

/* What the judge reads of an answer that has calls and no text, too. */
static int answer_text(const struct grading *g, struct str *ret_text)
{
    *ret_text = g->text;
    if (g->text.n || !g->calls)
        return 0;
    struct buf json;
    buf_init(&json, 4u * 1024 * 1024);
    int err = json_value(&json, g->calls);
    *ret_text = err ? STR_NONE : arena_str(g->arena, buf_view(&json));
    buf_fini(&json);
    return err ? err : ret_text->p ? 0 : E_MEMORY;
}

/* The criteria with the case's fields in. */
static int criteria_fill(const struct grader_settings *s, const struct grading *g,
                         const struct criterion_settings **ret_criteria, struct fault *f)
{
    const struct criterion_settings *given = s->criteria.at;
    struct criterion_settings *own = ARENA_ARRAY(g->arena, struct criterion_settings,
                                                 s->criteria.n + 1);
    int err = own ? 0 : E_MEMORY;
    for (unsigned i = 0; i < s->criteria.n && !err; i++) {
        own[i] = given[i];
        if (g->fields)
            err = template_text(given[i].text, g->fields, g->arena, &own[i].text, f);
    }
    *ret_criteria = own;
    return err;
}

static int scores_grade(const struct judge *j, const struct judge_case *c, const struct grading *g,
                        struct grade *ret_grade, struct fault *f)
{
    struct judge_scores s;
    int err = judge_score(j, c, g->arena, &s, f);
    if (err)
        return err;
    if (s.votes == 0)
        return grade_none(ret_grade, s.why_none);
    *ret_grade = (struct grade){.graded = true, .score = s.score, .why = s.reasons};
    ret_grade->verdict = arena_printf(g->arena, "%.2f", s.score);
    ret_grade->got = j->votes > 1
                         ? arena_printf(g->arena, "%u votes, %.2f apart", s.votes, s.spread)
                         : STR_NONE;
    return 0;
}

static int pair_grade(const struct judge *j, const struct judge_case *c, struct str other,
                      const struct grading *g, struct grade *ret_grade, struct fault *f)
{
    struct judge_pair p;
    int err = judge_pair(j, c, other, g->arena, &p, f);
    if (err)
        return err;
    if (p.asked == 0)
        return grade_none(ret_grade, p.why_none);
    *ret_grade = (struct grade){.graded = true, .score = p.score, .why = p.reasons};
    ret_grade->verdict = p.by_first + p.by_second > 0 && p.score == 0.5
                             ? STR("undecided: the order decides")
                         : p.score > 0.5 ? STR("better")
                         : p.score < 0.5 ? STR("worse")
                                         : STR("tie");
    return 0;
}

static int rubric_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                        struct fault *f)
{
    const struct grader_settings *s = self;
    if (g->expected && !yyjson_is_str(g->expected))
        return fault_set(f, E_BAD_REQUEST, "rubric expects a text, an answer to compare with");
    const struct criterion_settings *criteria;
    int err = criteria_fill(s, g, &criteria, f);
    if (err)
        return err;
    const struct judge j = {.asker = g->asker,
                            .model = s->judge,
                            .about = s->about,
                            .criteria_n = s->criteria.n,
                            .criteria = criteria,
                            .votes = s->votes,
                            .cost_nanos = g->judge_cost_nanos};
    struct judge_case c = {.prompt = g->prompt, .reference = json_str(g->expected), .key = g->key};
    err = answer_text(g, &c.answer);
    if (err)
        return err;
    if (!g->asker)
        return grade_none(ret_grade, STR("there is no configuration by which a judge is asked"));
    return s->pairwise ? pair_grade(&j, &c, c.reference, g, ret_grade, f)
                       : scores_grade(&j, &c, g, ret_grade, f);
}

static const char *const uses[] = {"judge",    "about",    "criteria", "votes",
                                   "expected", "pairwise", NULL};
static const char *const needs[] = {"judge", NULL};

const struct grader_kind grader_rubric = {
    .name = "rubric",
    .summary = "a model judges the answer by criteria, or beside another answer",
    .uses = uses,
    .needs = needs,
    .pass = 0.75, /* 4 of 5 */
    .waits = true,
    .open = rubric_open,
    .grade = rubric_grade,
};
