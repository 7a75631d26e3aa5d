/*
 * contains.c: texts stand in the answer, or do not. A text or a list means that any of them has to;
 * {all: [...], any: [...], none: [...]} says it apart.
 */
#include "base/json.h"
#include "eval/grader/kinds.h"
#include "eval/grader/texts.h"

/* In the order in which they are looked at. */
enum want { WANT_ALL, WANT_ANY, WANT_NONE, WANTS };
static const char *const want_names[WANTS] = {"all", "any", "none"};

struct wishes {
    struct expected of[WANTS]; /* n == 0: nothing is asked */
};

static int wishes_read(const struct grading *g, struct wishes *ret_wishes, struct fault *f)
{
    *ret_wishes = (struct wishes){0};
    if (!yyjson_is_obj(g->expected))
        return expected_read(g->arena, "contains", "expected", g->expected,
                             &ret_wishes->of[WANT_ANY], f);
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(g->expected, i, n, key, value)
    {
        unsigned want = 0;
        while (want < WANTS && !str_eq(json_str(key), str_from(want_names[want])))
            want++;
        if (want == WANTS)
            return fault_set(f, E_BAD_REQUEST,
                             "contains: expected has the member '%.*s'; expected all, any and none",
                             STR_ARGS(str_head_utf8(json_str(key), 40)));
        int err = expected_read(g->arena, "contains", want_names[want], value,
                                &ret_wishes->of[want], f);
        if (err)
            return err;
    }
    return n > 0 ? 0
                 : fault_set(f, E_BAD_REQUEST,
                             "contains: expected is empty; expected a text, a list of texts, or "
                             "{all: [...], any: [...], none: [...]}");
}

/* Normalised, only whole words count: "art" does not stand in "party". */
static bool stands_in(struct str text, struct str wanted, bool words)
{
    size_t at = 0;
    if (wanted.n == 0)
        return true;
    for (ptrdiff_t found; (found = str_find(str_tail(text, at), wanted)) >= 0;) {
        size_t from = at + (size_t)found, to = from + wanted.n;
        if (!words ||
            ((from == 0 || text.p[from - 1] == ' ') && (to == text.n || text.p[to] == ' ')))
            return true;
        at = from + 1;
    }
    return false;
}

/* *ret_wrong: the text that is missing, or is there and should not be; STR_NONE: all is well. */
static int wish_look(const struct texts *t, struct arena *arena, struct str text, enum want want,
                     const struct expected *e, struct str *ret_wrong)
{
    *ret_wrong = STR_NONE;
    for (unsigned i = 0; i < e->n; i++) {
        struct str wanted;
        int err = texts_take(t, arena, e->at[i], &wanted);
        if (err)
            return err;
        bool there = stands_in(text, wanted, t->normaliser != NULL) ||
                     (t->either && text.n > 0 && stands_in(wanted, text, t->normaliser != NULL));
        if (want == WANT_ANY && there) {
            *ret_wrong = STR_NONE;
            return 0;
        }
        if (there == (want == WANT_NONE) && !ret_wrong->p)
            *ret_wrong = e->at[i];
    }
    return 0;
}

static int wishes_look(const struct texts *t, const struct grading *g, const struct wishes *w,
                       struct str *ret_why)
{
    struct str text, wrong = STR_NONE;
    *ret_why = STR_NONE;
    int err = texts_take(t, g->arena, g->text, &text);
    for (unsigned want = 0; want < WANTS && !err && !wrong.p; want++) {
        err = wish_look(t, g->arena, text, want, &w->of[want], &wrong);
        if (err || !wrong.p)
            continue;
        struct expected shown = {want == WANT_ANY ? w->of[want].n : 1,
                                 want == WANT_ANY ? w->of[want].at : &wrong};
        struct str words = expected_show(g->arena, &shown);
        *ret_why = arena_printf(g->arena, "%.*s %s", STR_ARGS(words),
                                want == WANT_NONE ? "stands in it" : "does not stand in it");
        err = words.p && ret_why->p ? 0 : E_MEMORY;
    }
    return err;
}

static int contains_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                          struct fault *f)
{
    struct wishes w;
    struct str why;
    int err = wishes_read(g, &w, f);
    if (!err)
        err = texts_end(wishes_look(self, g, &w, &why), ret_grade);
    if (err || str_eq(ret_grade->verdict, STR("ungraded")))
        return err;
    return grade_yes_no(ret_grade, !why.p, texts_got(g->text), why);
}

static const char *const uses[] = {"expected", "normalise", "nocase", "either", NULL};
static const char *const needs[] = {"expected", NULL};

const struct grader_kind grader_contains = {
    .name = "contains",
    .summary = "expected texts stand in the answer (any; or all, any, none apart)",
    .uses = uses,
    .needs = needs,
    .open = texts_open,
    .close = texts_close,
    .grade = contains_grade,
};
