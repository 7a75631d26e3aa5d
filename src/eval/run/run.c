/* run.c: heap: results outlive the tasks that make them. */
#include "eval/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/run/each.h"
#include "rt/loop.h"

#define CASE_BYTES_MAX    (512ull * 1024 * 1024) /* one case under way */
#define RESULTS_BYTES_MAX (4096ull * 1024 * 1024)

/* ---- the results, before anything is asked ---- */

static void result_begin(const struct suite_case *c, unsigned sample, struct result *r)
{
    *r = (struct result){.id = c->id,
                         .tags_n = c->tags_n,
                         .tags = c->tags,
                         .weight = c->weight,
                         .sample = sample,
                         .state = RESULT_MISSING,
                         .cost_usd_nanos = 0,
                         .total_us = -1};
    memcpy(r->hash, c->hash, sizeof(r->hash));
}

static int results_begin(struct eval_run *r)
{
    const struct suite *s = r->suite;
    unsigned samples = (unsigned)s->settings->samples;
    struct results *all = &r->results;
    *all = (struct results){.n = s->cases_n * samples, .graders_n = s->graders_n};
    arena_init_private(&all->arena, RESULTS_BYTES_MAX);
    all->at = calloc(all->n + 1, sizeof(*all->at));
    all->graders = ARENA_ARRAY(&all->arena, struct str, s->graders_n + 1);
    if (!all->at || !all->graders)
        return E_MEMORY;
    for (unsigned i = 0; i < s->graders_n; i++)
        all->graders[i] = s->graders[i].name;
    for (unsigned i = 0; i < all->n; i++)
        result_begin(&s->cases[i / samples], i % samples + 1, &all->at[i]);
    r->state = (struct eval_progress){.of = all->n};
    return 0;
}

/* ---- one case ---- */

/* Copies what the graders said out of the case's memory. */
static int result_keep(struct results *all, struct result *r)
{
    struct arena *a = &all->arena;
    struct result_grade *grades = ARENA_ARRAY(a, struct result_grade, all->graders_n + 1);
    if (!grades)
        return E_MEMORY;
    for (unsigned i = 0; r->grades && i < all->graders_n; i++) {
        grades[i] = r->grades[i];
        grades[i].verdict = arena_str(a, r->grades[i].verdict);
        grades[i].got = arena_str(a, r->grades[i].got);
        grades[i].why = arena_str(a, r->grades[i].why);
        if (!grades[i].verdict.p || !grades[i].got.p || !grades[i].why.p)
            return E_MEMORY;
    }
    r->grades = grades;
    r->error = arena_str(a, r->error);
    r->why = arena_str(a, r->why);
    return r->error.p && r->why.p ? 0 : E_MEMORY;
}

static void facts_take(const struct answer *a, struct result *r)
{
    r->cost_usd_nanos = a->cost_usd_nanos;
    r->total_us = a->done && a->live ? a->total_us : -1;
    r->input_tokens = tokens_prompt(&a->tokens);
    r->output_tokens = tokens_completion(&a->tokens);
    if (a->done)
        return;
    r->state = RESULT_ERROR;
    r->error = a->error;
    r->why = a->why;
}

struct requesting {
    const struct eval_run *run;
    const struct suite_case *c;
    struct arena *arena;
    struct str body;
    struct fault *fault;
    int err;
};

static void request_make(void *arg)
{
    struct requesting *q = arg;
    q->err = suite_request(q->run->suite, q->c, q->run->model, q->arena, &q->body, q->fault);
}

/* A kept answer says nothing of what the suite asks by now, if that is something else. */
static int kept_get(struct eval_run *r, const struct suite_case *c, struct str key, struct str body,
                    struct arena *arena, struct answer *ret_answer, struct fault *f)
{
    int err = answers_last(r->asker->answers, key, arena, ret_answer, f);
    if (err || str_eq(ret_answer->request, body))
        return err;
    return fault_set(f, E_BAD_REQUEST,
                     "%s:%u: the suite asks something else by now than the run did; `sluice eval "
                     "run` asks anew",
                     c->file, c->line);
}

/* The answer, kept or fresh. E_NOT_FOUND: there is none, and none is to be asked for. */
static int answer_get(struct eval_run *r, const struct suite_case *c, const struct result *result,
                      struct arena *arena, struct answer *ret_answer, struct fault *f)
{
    struct str key = result_key(arena, c->id, result->sample);
    if (!key.p)
        return E_MEMORY;
    struct requesting q = {.run = r, .c = c, .arena = arena, .fault = f};
    loop_stack_call(request_make, &q); /* templates go deep */
    if (r->only_kept && !q.err)
        return kept_get(r, c, key, q.body, arena, ret_answer, f);
    const struct eval_question question = {.key = key, .purpose = "answer", .body = q.body};
    return q.err ? q.err : eval_ask(r->asker, &question, arena, ret_answer, f);
}

/* Where nothing but failures of one kind comes at the beginning, the rest would fare no better, and
 * cost as much: a misspelt model, a judge that does not answer as it is asked to. */
static int alike_look(struct eval_run *r, const struct result *result, struct fault *f)
{
    const struct result *first = r->first ? r->first : result;
    bool nothing = result->state == RESULT_ERROR || result->state == RESULT_UNGRADED;
    if (r->alike + 1 != r->state.done || r->state.done > r->alike_most)
        return 0;
    if (!nothing || first->state != result->state || !str_eq(first->error, result->error))
        return 0;
    r->first = first;
    if (++r->alike < r->alike_most || r->state.done == r->state.of)
        return 0;
    return fault_set(f, E_UPSTREAM_STATUS,
                     "the first %u answers all came to nothing in the same way, so the rest is not "
                     "asked (--keep-going asks it): %.*s: %.*s (case %.*s)",
                     r->alike,
                     STR_ARGS(first->state == RESULT_ERROR ? first->error : STR("no grade")),
                     STR_ARGS(first->why), STR_ARGS(first->id));
}

static int case_run(void *arg, unsigned at, struct arena *arena, struct fault *f)
{
    struct eval_run *r = arg;
    struct result *result = &r->results.at[at];
    const struct suite_case *c = &r->suite->cases[at / (unsigned)r->suite->settings->samples];
    struct answer answer;
    int err = answer_get(r, c, result, arena, &answer, f);
    if (err == E_NOT_FOUND)
        return 0;
    if (err)
        return err;
    facts_take(&answer, result);
    if (answer.done)
        err = eval_grade(r->suite, c, r->asker, &answer, arena, result, f);
    if (!err)
        err = result_keep(&r->results, result);
    if (err) {
        result->state = RESULT_MISSING;
        return err;
    }
    r->state.done++;
    r->state.passed += result->pass;
    r->state.errors += result->state == RESULT_ERROR;
    r->state.spent_nanos = r->asker->spent_nanos;
    if (r->progress)
        r->progress(r->arg, &r->state);
    return alike_look(r, result, f);
}

int eval_run(struct eval_run *r, struct fault *f)
{
    const struct each each = {.n = r->suite->cases_n * (unsigned)r->suite->settings->samples,
                              .at_once = (unsigned)r->suite->settings->concurrency,
                              .bytes_max = CASE_BYTES_MAX,
                              .fn = case_run,
                              .arg = r};
    int err = results_begin(r);
    return err ? err : each_run(&each, f);
}

/* ---- before it ---- */

/* Is it no name of the configuration, but like one of them, or of a model that has no price? Then
 * it may be misspelt, and no provider need complain of that (a recording does not). */
static int as_is_look(struct eval_run *r, struct str model, const struct route *route,
                      struct arena *arena)
{
    const struct models *m = r->asker->models;
    const struct target *t = &route->at[0];
    unsigned n = models_name_count(m);
    if (r->as_is[0] || route->n != 1 || t->provider != models_default_provider(m) ||
        !str_eq(t->model, model))
        return 0;
    struct str *names = ARENA_ARRAY(arena, struct str, n + 1);
    if (!names)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        names[i] = models_name_at(m, i);
        if (str_eq(names[i], model))
            return 0;
    }
    struct str near = str_nearest(model, names, n);
    if (near.n == 0 && t->price)
        return 0;
    snprintf(r->as_is, sizeof(r->as_is), "%.*s",
             STR_ARGS(str_head_utf8(model, sizeof(r->as_is) - 1)));
    snprintf(r->as_is_near, sizeof(r->as_is_near), "%.*s",
             STR_ARGS(str_head_utf8(near, sizeof(r->as_is_near) - 1)));
    return 0;
}

/* What a grader takes for a mistake it does so whatever the answer is. */
static int case_check(struct eval_run *r, const struct suite_case *c, struct arena *arena,
                      struct fault *f)
{
    struct answer empty = {0};
    struct result ignored = {0};
    struct fault why = {0};
    struct str model = STR_NONE;
    struct route route;
    int err = suite_request(r->suite, c, r->model, arena, &empty.request, f);
    if (err)
        return err;
    if (r->asker && !r->only_kept)
        err = eval_ask_check(r->asker, empty.request, arena, &model, &route, &why);
    if (!err && model.n)
        err = as_is_look(r, model, &route, arena);
    if (err)
        return fault_set(f, err, "%s:%u: %s", c->file, c->line, why_text(&why, err));
    return eval_grade(r->suite, c, NULL, &empty, arena, &ignored, f);
}

/* Is there a model by each judge's name? */
static int judges_check(struct eval_run *r, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; r->asker && i < r->suite->graders_n && !err; i++) {
        const struct suite_grader *g = &r->suite->graders[i];
        struct route route = {0};
        struct fault why = {0};
        struct arena arena;
        arena_init_private(&arena, CASE_BYTES_MAX);
        if (g->kind->waits && g->settings->judge.n)
            err = models_resolve(r->asker->models, g->settings->judge, &arena, &route, &why);
        if (!err && route.n)
            err = as_is_look(r, g->settings->judge, &route, &arena);
        if (err)
            fault_set(f, err, "grader %.*s: %s", STR_ARGS(g->name), why_text(&why, err));
        arena_fini(&arena);
    }
    return err;
}

int eval_run_check(struct eval_run *r, struct fault *f)
{
    int err = judges_check(r, f);
    for (unsigned i = 0; i < r->suite->cases_n && !err; i++) {
        struct arena arena;
        arena_init_private(&arena, CASE_BYTES_MAX);
        err = case_check(r, &r->suite->cases[i], &arena, f);
        arena_fini(&arena);
    }
    return err;
}
