/*
 * instructions.c: does the answer follow instructions that can be verified (IFEval's kinds,
 * eval/instructions/kinds.h)?
 *
 * `instructions` is a list of {"id": ..., "kwargs": {...}}, or IFEval's own two lists,
 * {"instruction_id_list": [...], "kwargs": [...]}. The score is the share that was followed; all
 * have to be for a pass. With `loose: on` an instruction also counts as followed where it is once
 * the first line is taken off ("Sure, here it is:"), the last, or both, and the asterisks of
 * Markdown, which is IFEval's loose accuracy; an empty answer follows nothing.
 */
#include <stddef.h>

#include "base/json.h"
#include "eval/grader/kinds.h"
#include "eval/instructions/kinds.h"

#define INSTRUCTIONS_MAX 100
#define VARIANTS_MAX     8

struct instruction {
    const struct instruction_kind *kind;
    struct instruction_arg args[INSTRUCTION_ARGS_MAX];
};

struct instructions {
    size_t n;
    struct instruction *at;
};

/* Where the case has it: the list, or both lists. */
static int instruction_find(yyjson_val *v, size_t i, struct str *ret_id, yyjson_val **ret_kwargs,
                            struct fault *f)
{
    yyjson_val *ids = yyjson_obj_get(v, "instruction_id_list");
    yyjson_val *item = yyjson_arr_get(ids ? ids : v, i);
    yyjson_val *id = ids ? item : yyjson_obj_get(item, "id");
    *ret_kwargs = ids ? yyjson_arr_get(yyjson_obj_get(v, "kwargs"), i)
                      : yyjson_obj_get(item, "kwargs");
    *ret_id = json_str(id);
    if (!yyjson_is_str(id))
        return fault_set(f, E_BAD_REQUEST,
                         ids ? "instruction %zu: expected an id, a text"
                             : "instruction %zu: expected an object with an id, a text, and kwargs",
                         i + 1);
    return 0;
}

static int instructions_read(struct arena *a, yyjson_val *v, struct instructions *ret,
                             struct fault *f)
{
    yyjson_val *ids = yyjson_obj_get(v, "instruction_id_list"), *list = ids ? ids : v;
    yyjson_val *kwargs = yyjson_obj_get(v, "kwargs");
    if (!yyjson_is_arr(list))
        return fault_set(f, E_BAD_REQUEST,
                         "instructions expects a list of {\"id\", \"kwargs\"}, or an object with "
                         "the lists \"instruction_id_list\" and \"kwargs\"");
    size_t n = yyjson_arr_size(list);
    if (n == 0 || n > INSTRUCTIONS_MAX)
        return fault_set(f, E_BAD_REQUEST, "%zu instructions; expected 1 to %d", n,
                         INSTRUCTIONS_MAX);
    if (ids && (!yyjson_is_arr(kwargs) || yyjson_arr_size(kwargs) != n))
        return fault_set(f, E_BAD_REQUEST,
                         "\"kwargs\" has to be a list as long as \"instruction_id_list\", %zu", n);
    *ret = (struct instructions){.n = n, .at = ARENA_ARRAY(a, struct instruction, n)};
    int err = ret->at ? 0 : E_MEMORY;
    for (size_t i = 0; i < n && !err; i++) {
        struct str id;
        yyjson_val *args;
        err = instruction_find(v, i, &id, &args, f);
        if (!err)
            err = instruction_read(id, args, &ret->at[i].kind, ret->at[i].args, f);
    }
    return err;
}

/* ---- the answer and what is made of it ---- */

/* Without its first line, its last, or both. */
static struct str lines_cut(struct str s, bool first, bool last)
{
    size_t from = 0, to = s.n;
    if (first) {
        while (from < s.n && s.p[from] != '\n')
            from++;
        from = from < s.n ? from + 1 : from;
    }
    while (last && to > from && s.p[to - 1] != '\n')
        to--;
    to -= last && to > from; /* the line's end */
    return text_strip(str_of(s.p + from, to - from));
}

static int without_stars(struct arena *a, struct str *s)
{
    char *out = s->n ? arena_alloc(a, s->n) : NULL;
    if (s->n && !out)
        return E_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] != '*')
            out[n++] = s->p[i];
    *s = str_of(out, n);
    return 0;
}

static int variants_make(struct arena *a, struct str answer, bool loose,
                         struct str texts[VARIANTS_MAX], size_t *ret_n)
{
    texts[0] = answer;
    *ret_n = loose ? VARIANTS_MAX : 1;
    for (unsigned i = 1; i < *ret_n; i++) {
        bool first = i & 1, last = i & 2, stars = i & 4;
        texts[i] = first || last ? lines_cut(answer, first, last) : answer;
        int err = stars ? without_stars(a, &texts[i]) : 0;
        if (err)
            return err;
    }
    return 0;
}

/* The reason is the one that the answer as it is gives. */
static int instruction_follow(const struct instruction *in, struct instruction_check *c,
                              const struct str *texts, size_t n)
{
    struct str why = STR("the answer is empty");
    for (size_t i = 0; i < n; i++) {
        c->answer = texts[i];
        c->followed = false;
        bool empty = text_strip(texts[i]).n == 0;
        int err = empty ? 0 : in->kind->check(c);
        if (err || c->followed)
            return err;
        why = i == 0 && !empty ? c->why : why;
    }
    c->why = why;
    return 0;
}

static int instructions_follow(const struct instructions *in, struct instruction_check *c,
                               const struct str *texts, size_t texts_n, struct grade *ret_grade)
{
    size_t followed = 0;
    struct str why = STR_NONE;
    for (size_t i = 0; i < in->n; i++) {
        c->args = in->at[i].args;
        int err = instruction_follow(&in->at[i], c, texts, texts_n);
        if (err)
            return err;
        followed += c->followed;
        if (!c->followed && !why.p) {
            why = arena_printf(c->arena, "%s: %.*s", in->at[i].kind->id, STR_ARGS(c->why));
            if (!why.p)
                return E_MEMORY;
        }
    }
    struct str got = arena_printf(c->arena, "%zu of %zu", followed, in->n);
    if (!got.p)
        return E_MEMORY;
    (void)grade_yes_no(ret_grade, followed == in->n, got, why);
    ret_grade->score = (double)followed / (double)in->n;
    return 0;
}

static int instructions_grade(const void *self, const struct grading *g, struct grade *ret_grade,
                              struct fault *f)
{
    const struct grader_settings *s = self;
    struct instructions in = {.n = 0};
    struct str texts[VARIANTS_MAX];
    size_t texts_n = 0;
    struct instruction_check c = {.arena = g->arena};
    int err = instructions_read(g->arena, g->instructions, &in, f);
    if (!err)
        err = variants_make(g->arena, g->text, s->loose, texts, &texts_n);
    if (!err)
        err = text_reader_new(&c.reader);
    if (!err)
        err = instructions_follow(&in, &c, texts, texts_n, ret_grade);
    text_reader_free(c.reader);
    return err;
}

static const char *const uses[] = {"instructions", "loose", NULL};
static const char *const needs[] = {"instructions", NULL};

const struct grader_kind grader_instructions = {
    .name = "instructions",
    .summary = "the answer follows instructions that can be verified, as IFEval has them",
    .uses = uses,
    .needs = needs,
    .grade = instructions_grade,
};
