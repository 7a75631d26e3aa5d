/* exact.c: the answer is the expected text, or one of a list of them. */
#include "base/json.h"
#include "eval/grader/kinds.h"

static int exact_grade(const void *self UNUSED, const struct grading *g, struct grade *ret_grade,
                       struct fault *f)
{
    if (!yyjson_is_str(g->expected))
        return fault_set(f, E_BAD_REQUEST, "exact expects a text");
    struct str text = str_trim(g->text);
    return grade_yes_no(ret_grade, str_eq(text, json_str(g->expected)), text, STR_NONE);
}

static const char *const uses[] = {"expected", "normalise", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_exact = {
    .name = "exact",
    .summary = "the answer is the expected text",
    .uses = uses,
    .needs = needs,
    .grade = exact_grade,
};
