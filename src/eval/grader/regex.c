/* regex.c: a pattern is found in the answer: the suite's, or one that the case has. */
#include "eval/grader/kinds.h"
#include "eval/text/expected.h"
#include "eval/text/pattern.h"

#define GOT_BYTES 200

struct self {
    struct pattern *pattern; /* NULL: it is the expected one */
    enum pattern_kind kind;
};

static int regex_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                      void **ret_self)
{
    struct fault fault = {0};
    struct self *self = ARENA_NEW(arena, struct self);
    if (!self)
        return E_MEMORY;
    *ret_self = self;
    self->kind = s->nocase ? PATTERN_PERL_NOCASE : PATTERN_PERL;
    if (!s->pattern.n == !s->expected.n) {
        conf_complain(doc, s,
                      "the grader regex needs `pattern`, or `expected` where each case has "
                      "its own");
        return E_CONFIG;
    }
    int err = s->pattern.n ? pattern_new(s->pattern, self->kind, &self->pattern, &fault) : 0;
    if (err == E_CONFIG)
        conf_complain(doc, &s->pattern, "this is no regular expression: %s", fault_text(&fault));
    return err;
}

static void regex_close(void *arg)
{
    struct self *self = arg;
    pattern_free(self->pattern);
}

static int pattern_grade(const struct pattern *p, const struct grading *g, struct grade *ret_grade)
{
    bool is;
    struct pattern_found found;
    int err = pattern_find(p, g->text, 0, &is, &found);
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

static int regex_grade(const void *arg, const struct grading *g, struct grade *ret_grade,
                       struct fault *f)
{
    const struct self *self = arg;
    struct expected e;
    if (self->pattern)
        return pattern_grade(self->pattern, g, ret_grade);
    int err = expected_read(g->arena, "regex", "expected", g->expected, &e, f);
    for (unsigned i = 0; i < e.n && !err; i++) {
        struct fault why = {0};
        struct pattern *p = NULL;
        err = pattern_new(e.at[i], self->kind, &p, &why);
        if (err == E_CONFIG)
            return fault_set(f, E_BAD_REQUEST, "regex: expected is no regular expression: %s",
                             fault_text(&why));
        if (!err)
            err = pattern_grade(p, g, ret_grade);
        pattern_free(p);
        if (ret_grade->score > 0)
            break;
    }
    return err;
}

static const char *const uses[] = {"pattern", "expected", "nocase", NULL};

const struct grader_kind grader_regex = {
    .name = "regex",
    .summary = "a regular expression is found in the answer",
    .uses = uses,
    .open = regex_open,
    .close = regex_close,
    .grade = regex_grade,
};
