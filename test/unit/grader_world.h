/* grader_world.h: a grader opened by the settings of a suite, and answers given to it. */
#ifndef GRADER_WORLD_H
#define GRADER_WORLD_H

#include "base/json.h"
#include "base_test.h"
#include "eval/grader.h"

struct grader_world {
    struct arena arena;
    struct conf_doc *doc;
    const struct grader_kind *kind;
    void *self;
    struct fault fault;
    int err; /* of the last grading */
};

/* False: the settings are wrong; w->doc says how. */
static inline bool grader_open(struct grader_world *w, const char *yaml)
{
    *w = (struct grader_world){.kind = NULL};
    arena_init_private(&w->arena, (size_t)256 << 20);
    int err = conf_load_text(&grader_table, "suite.yaml", str_from(yaml), &w->doc);
    if (err)
        return false;
    const struct grader_settings *s = conf_root(w->doc);
    w->kind = graders[s->kind];
    w->self = (void *)s;
    if (w->kind->open)
        err = w->kind->open(s, w->doc, conf_arena(w->doc), &w->self);
    if (err)
        w->kind = NULL;
    return err == 0 && conf_error_count(w->doc) == 0;
}

static inline void grader_close(struct grader_world *w)
{
    if (w->kind && w->kind->close)
        w->kind->close(w->self);
    conf_unref(w->doc);
    arena_fini(&w->arena);
}

/* `expected` is JSON. Texts of the grade live until the world is closed. */
static inline struct grade grader_try(struct grader_world *w, struct str answer,
                                      const char *expected)
{
    yyjson_doc *doc = NULL;
    struct grade grade = {.graded = false};
    fault_clear(&w->fault);
    assert_int_equal(json_parse(&w->arena, str_from(expected), &doc, &w->fault), 0);
    struct grading g = {.arena = &w->arena, .expected = yyjson_doc_get_root(doc), .text = answer};
    w->err = w->kind->grade(w->self, &g, &grade, &w->fault);
    return grade;
}

/* A table of answers, each with what it is held against and whether that is right. */
struct grader_case {
    const char *answer, *expected;
    bool right;
};

static inline void grader_cases(const char *yaml, const struct grader_case *cases, size_t n)
{
    struct grader_world w;
    assert_true(grader_open(&w, yaml));
    for (size_t i = 0; i < n; i++) {
        struct grade g = grader_try(&w, str_from(cases[i].answer), cases[i].expected);
        if (w.err || !g.graded || (g.score == 1) != cases[i].right)
            fail_msg("\"%s\" for %s is %s, got \"%.*s\": %.*s %s", cases[i].answer,
                     cases[i].expected, g.score == 1 ? "right" : "wrong", STR_ARGS(g.got),
                     STR_ARGS(g.why), w.fault.text);
        assert_str(g.verdict, cases[i].right ? STR("pass") : STR("fail"));
    }
    grader_close(&w);
}

/* What it says of a wrong `expected`. */
static inline void grader_refuses(const char *yaml, const char *expected, const char *words)
{
    struct grader_world w;
    assert_true(grader_open(&w, yaml));
    (void)grader_try(&w, STR("text"), expected);
    assert_int_equal(w.err, E_BAD_REQUEST);
    if (!strstr(w.fault.text, words))
        fail_msg("\"%s\" lacks \"%s\"", w.fault.text, words);
    grader_close(&w);
}

/* What is complained of in wrong settings. */
static inline void grader_complains(const char *yaml, unsigned line, const char *words)
{
    struct grader_world w;
    assert_false(grader_open(&w, yaml));
    assert_int_equal(conf_error_count(w.doc), 1);
    const struct conf_problem *p = conf_problem(w.doc, 0);
    assert_int_equal(p->line, line);
    if (str_find(p->text, str_from(words)) < 0)
        fail_msg("\"%.*s\" lacks \"%s\"", STR_ARGS(p->text), words);
    grader_close(&w);
}

#endif
