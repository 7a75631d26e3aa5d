/* regex.c: a pattern is found in the answer. */
#include "eval/grader/kinds.h"
#include "eval/pattern.h"

#define GOT_BYTES 200

static int regex_open(const struct grader_settings *s, struct conf_doc *doc,
                      struct arena *arena UNUSED, void **ret_self)
{
    struct fault fault = {0};
    struct pattern *p = NULL;
    int err = pattern_new(s->pattern, false, &p, &fault);
    if (err == E_CONFIG)
        conf_complain(doc, &s->pattern, "this is no regular expression: %s", fault_text(&fault));
    *ret_self = p;
    return err;
}

static void regex_close(void *self)
{
    pattern_free(self);
}

static int regex_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                       struct fault *f UNUSED)
{
    bool is;
    struct pattern_found found;
    int err = pattern_find(self, g->text, 0, &is, &found);
    if (err == E_TIMEOUT)
        return grade_none(ret_grade, STR("the pattern takes too many steps on this answer"));
    if (err == E_TOO_LARGE)
        return grade_none(ret_grade, STR("the answer is longer than 4 MiB"));
    if (err)
        return err;
    if (!is)
        return grade_yes_no(ret_grade, false, STR_NONE, STR("the pattern is not found"));
    /* \K may set the beginning behind the end. */
    size_t n = found.to > found.from ? found.to - found.from : 0;
    struct str got = str_head_utf8(str_of(g->text.p + found.from, n), GOT_BYTES);
    return grade_yes_no(ret_grade, true, got, STR_NONE);
}

static const char *const uses[] = {"pattern", NULL};
static const char *const needs[] = {"pattern", NULL};

const struct grader_kind grader_regex = {
    .name = "regex",
    .summary = "a regular expression is found in the answer",
    .uses = uses,
    .needs = needs,
    .open = regex_open,
    .close = regex_close,
    .grade = regex_grade,
};
