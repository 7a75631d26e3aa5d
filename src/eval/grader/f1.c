/*
 * f1.c: how far the answer's words and the expected ones are the same, as SQuAD's evaluation counts
 * it: over bags of normalised words, the harmonic mean of precision and recall; of several expected
 * texts the best counts.
 */
#include <stdlib.h>

#include "eval/grader/kinds.h"
#include "eval/grader/texts.h"

struct bag {
    size_t n;
    struct str *at; /* sorted */
};

static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    return str_cmp(*x, *y);
}

/* Of a normalised text. */
static int bag_make(struct arena *arena, struct str text, struct bag *ret_bag)
{
    *ret_bag = (struct bag){.at = ARENA_ARRAY(arena, struct str, text.n / 2 + 1)};
    if (!ret_bag->at)
        return E_MEMORY;
    while (text.n > 0)
        ret_bag->at[ret_bag->n++] = str_cut(&text, ' ');
    qsort(ret_bag->at, ret_bag->n, sizeof(ret_bag->at[0]), by_text);
    return 0;
}

static double f1_of(const struct bag *got, const struct bag *wanted)
{
    size_t same = 0;
    for (size_t i = 0, j = 0; i < got->n && j < wanted->n;) {
        int order = str_cmp(got->at[i], wanted->at[j]);
        same += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    if (got->n == 0 || wanted->n == 0) /* no words: right where none are expected */
        return got->n == wanted->n ? 1 : 0;
    return 2.0 * (double)same / (double)(got->n + wanted->n);
}

static int best_f1(const struct texts *t, const struct grading *g, const struct expected *e,
                   double *ret_best)
{
    struct str text;
    struct bag got, wanted;
    *ret_best = 0;
    int err = texts_take(t, g->arena, g->text, &text);
    if (!err)
        err = bag_make(g->arena, text, &got);
    for (unsigned i = 0; i < e->n && !err; i++) {
        err = texts_take(t, g->arena, e->at[i], &text);
        if (!err)
            err = bag_make(g->arena, text, &wanted);
        double f1 = err ? 0 : f1_of(&got, &wanted);
        *ret_best = f1 > *ret_best ? f1 : *ret_best;
    }
    return err;
}

static int f1_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                    struct fault *f)
{
    struct expected e;
    double best = 0;
    int err = expected_read(g->arena, "f1", "expected", g->expected, &e, f);
    if (!err)
        err = texts_end(best_f1(self, g, &e, &best), ret_grade);
    if (err || str_eq(ret_grade->verdict, STR("ungraded")))
        return err;
    struct str why = STR_NONE;
    if (best < 1) {
        struct str shown = expected_show(g->arena, &e);
        why = arena_printf(g->arena, "F1 %.3f beside %.*s", best, STR_ARGS(shown));
        if (!shown.p || !why.p)
            return E_MEMORY;
    }
    (void)grade_yes_no(ret_grade, best >= 1, texts_got(g->text), why);
    ret_grade->score = best;
    return 0;
}

static const char *const uses[] = {"expected", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_f1 = {
    .name = "f1",
    .summary = "how many of the answer's words are the expected ones (score: F1, as SQuAD)",
    .uses = uses,
    .needs = needs,
    .open = texts_open_normalised,
    .close = texts_close,
    .grade = f1_grade,
};
