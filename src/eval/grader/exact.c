/* exact.c: the answer is the expected text, or one of a list of them. */
#include "eval/grader/kinds.h"
#include "eval/grader/texts.h"

static int is_any(const struct texts *t, struct arena *arena, struct str answer,
                  const struct expected *e, bool *ret_is)
{
    struct str got, wanted;
    int err = texts_take(t, arena, answer, &got);
    *ret_is = false;
    for (unsigned i = 0; i < e->n && !err && !*ret_is; i++) {
        err = texts_take(t, arena, e->at[i], &wanted);
        *ret_is = !err &&
                  (str_eq(got, wanted) || (t->begins && wanted.n > 0 && str_starts(got, wanted)));
    }
    return err;
}

static int exact_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                       struct fault *f)
{
    struct expected e;
    bool is;
    int err = expected_read(g->arena, "exact", "expected", g->expected, &e, f);
    if (!err)
        err = texts_end(is_any(self, g->arena, g->text, &e, &is), ret_grade);
    if (err || str_eq(ret_grade->verdict, STR("ungraded")))
        return err;
    struct str why = is ? STR_NONE : expected_show(g->arena, &e);
    if (why.p)
        why = arena_join(g->arena, STR("it is not "), why);
    return is || why.p ? grade_yes_no(ret_grade, is, texts_got(g->text), why) : E_MEMORY;
}

static const char *const uses[] = {"expected", "normalise", "nocase", "begins", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_exact = {
    .name = "exact",
    .summary = "the answer is the expected text, or one of a list of texts",
    .uses = uses,
    .needs = needs,
    .open = texts_open,
    .close = texts_close,
    .grade = exact_grade,
};
