/*
 * json.c: the answer is JSON; it obeys a schema; a place in it holds what was expected.
 *
 * The answer's whole text is read as JSON. One code fence around it is taken off, since many models
 * cannot do without; with anything else beside the JSON the answer is none.
 */
#include "base/json.h"
#include "eval/grader/kinds.h"
#include "eval/json/jsonpath.h"
#include "eval/json/schema.h"

#define STEPS_MOST  20000000
#define SHOWN_BYTES 200

struct json_self {
    const struct grader_settings *settings;
    struct schema *schema; /* NULL: none */
    struct jsonpath *path; /* the same */
};

static void json_close(void *self)
{
    schema_free(((struct json_self *)self)->schema);
}

static int json_open(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                     void **ret_self)
{
    struct fault f = {0};
    struct json_self *self = ARENA_NEW(arena, struct json_self);
    if (!self)
        return E_MEMORY;
    self->settings = s;
    int err = s->path.n ? jsonpath_read(arena, s->path, &self->path, &f) : 0;
    if (err == E_CONFIG)
        conf_complain(doc, &s->path, "%s", fault_text(&f));
    if (!err && s->schema.n) {
        err = schema_load(arena, s->schema, &self->schema, &f);
        if (err == E_CONFIG)
            conf_complain(doc, &s->schema, "the schema, at %s", fault_text(&f));
    }
    if (!err)
        *ret_self = self;
    return err;
}

/* Without a fence of ``` lines around all of it. */
static struct str unfenced(struct str text)
{
    text = str_trim(text);
    if (!str_starts(text, STR("```")) || !str_ends(text, STR("```")) || text.n < 6)
        return text;
    struct str inner = str_of(text.p + 3, text.n - 6), rest = inner;
    struct str word = str_trim(str_cut(&rest, '\n'));
    return rest.p && (word.n == 0 || str_eq_nocase(word, STR("json"))) ? rest : inner;
}

static int fail(struct grade *ret_grade, struct str got, struct str why)
{
    return got.p && why.p ? grade_yes_no(ret_grade, false, got, why) : E_MEMORY;
}

/* Is it the list of what was found? */
static bool list_is(yyjson_val *list, const struct jsonpath_found *found,
                    struct values_steps *steps)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(list);
    bool same = yyjson_is_arr(list) && yyjson_arr_size(list) == found->n;
    for (size_t i = 0; i < found->n && same; i++)
        same = values_equal(found->at[i], yyjson_arr_iter_next(&each), steps);
    return same;
}

/* "3", or "[3,4]" of several. */
static struct str found_show(struct arena *a, const struct jsonpath_found *found)
{
    if (found->n == 1)
        return values_show(a, found->at[0], SHOWN_BYTES);
    struct str shown = STR("[");
    for (size_t i = 0; i < found->n && shown.p && shown.n < SHOWN_BYTES; i++) {
        struct str one = values_show(a, found->at[i], SHOWN_BYTES);
        shown = one.p ? arena_printf(a, "%.*s%s%.*s", STR_ARGS(shown), i ? "," : "", STR_ARGS(one))
                      : STR_NONE;
    }
    return shown.p ? arena_printf(a, "%.*s]", STR_ARGS(shown)) : shown;
}

static int expected_grade(const struct json_self *self, const struct grading *g, yyjson_val *answer,
                          struct grade *ret_grade)
{
    const struct str path = self->path ? self->settings->path : STR("$");
    struct values_steps steps = {STEPS_MOST};
    struct jsonpath_found found = {.n = 1, .at = &answer};
    int err = self->path ? jsonpath_find(self->path, g->arena, answer, &steps, &found) : 0;
    if (err)
        return err;
    bool single = !self->path || jsonpath_is_single(self->path);
    struct str got = found_show(g->arena, &found);
    if (!got.p)
        return E_MEMORY;
    if (found.n == 0 && (single || !g->expected))
        return fail(ret_grade, STR(""),
                    arena_printf(g->arena, "there is nothing at %.*s", STR_ARGS(path)));
    bool same = !g->expected || (found.n == 1 && values_equal(found.at[0], g->expected, &steps)) ||
                (!single && list_is(g->expected, &found, &steps));
    if (found.too_many || steps.left == 0)
        return grade_none(ret_grade, STR("the answer is too large to be compared"));
    if (same)
        return grade_yes_no(ret_grade, true, got, STR_NONE);
    struct str want = values_show(g->arena, g->expected, SHOWN_BYTES);
    return fail(ret_grade, got,
                arena_printf(g->arena, "%.*s: %.*s is not the expected %.*s", STR_ARGS(path),
                             STR_ARGS(got), STR_ARGS(want)));
}

static int json_grade(const void *self_, const struct grading *g, struct grade *ret_grade,
                      struct fault *f UNUSED)
{
    const struct json_self *self = self_;
    enum schema_verdict verdict = SCHEMA_OBEYED;
    struct fault why = {0};
    struct str text = unfenced(g->text), broken = STR_NONE;
    yyjson_doc *doc;
    if (text.n == 0)
        return fail(ret_grade, STR(""), STR("the answer is empty; expected JSON"));
    int err = json_parse(g->arena, text, &doc, &why);
    if (err == E_MEMORY)
        return err;
    if (err)
        return fail(ret_grade, STR(""),
                    arena_printf(g->arena, "the answer is no JSON: %s", fault_text(&why)));
    yyjson_val *answer = yyjson_doc_get_root(doc);
    if (self->schema)
        err = schema_check(self->schema, g->arena, answer, &verdict, &broken);
    if (err)
        return err;
    if (verdict == SCHEMA_UNCHECKED)
        return grade_none(ret_grade, broken);
    if (verdict == SCHEMA_BROKEN)
        return fail(ret_grade, values_show(g->arena, answer, SHOWN_BYTES), broken);
    return expected_grade(self, g, answer, ret_grade);
}

static const char *const uses[] = {"expected", "path", "schema", NULL};

const struct grader_kind grader_json = {
    .name = "json",
    .summary = "the answer is JSON that obeys a schema, or holds what is expected at a path",
    .uses = uses,
    .open = json_open,
    .close = json_close,
    .grade = json_grade,
};
