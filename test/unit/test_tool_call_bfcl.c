/*
 * test_tool_call_bfcl.c: the ground truth of the Berkeley function-calling leaderboard, written as
 * OpenAI's calls, is accepted, and what was changed in it is not.
 *
 * Reads tools_bfcl.dev.jsonl.gz in the folder that SLUICE_DATA names; skipped without it.
 */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "eval/grader.h"
#include "eval/suite/jsonl.h"

#define ROW_BYTES_MAX (64u << 20)

/* What is done to the row's calls. */
struct change {
    int call;            /* that it is done to; -1: none */
    const char *name;    /* in the place of the function's */
    struct str argument; /* left out, or with another value */
    bool left_out;
    yyjson_val *value;     /* one of those allowed */
    const char *text;      /* or another one, as JSON */
    bool without_optional; /* in all calls */
    bool underscores;      /* for dots in names */
    unsigned more, fewer;  /* calls at the end */
};

struct count {
    unsigned tried, wrong;
};

struct stage {
    struct arena arena;
    yyjson_val *row, *truth, *tools;
    unsigned rows, without_truth, single_tool, without_required;
    struct count first, others, lean, underscores, function, missing, type, value, more, fewer;
};

/* ---- the ground truth as a call ---- */

static bool is_optional(yyjson_val *allowed)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach(allowed, i, n, one) if (yyjson_equals_str(one, "")) return true;
    return false;
}

static yyjson_val *first_of(yyjson_val *allowed)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach(allowed, i, n, one) if (!yyjson_equals_str(one, "")) return one;
    return NULL;
}

static void write_value(struct buf *out, yyjson_val *v)
{
    size_t i, n;
    yyjson_val *one, *key;
    const char *comma = "";
    if (yyjson_is_arr(v)) {
        buf_char(out, '[');
        yyjson_arr_foreach(v, i, n, one)
        {
            buf_str(out, i ? STR(",") : STR(""));
            write_value(out, one);
        }
        buf_char(out, ']');
    } else if (yyjson_is_obj(v)) {
        buf_char(out, '{');
        yyjson_obj_foreach(v, i, n, key, one)
        {
            yyjson_val *chosen = yyjson_is_arr(one) && yyjson_arr_size(one) ? first_of(one) : one;
            if (!chosen)
                continue;
            buf_str(out, str_from(comma));
            json_quote(out, json_str(key));
            buf_char(out, ':');
            write_value(out, chosen);
            comma = ",";
        }
        buf_char(out, '}');
    } else {
        json_value(out, v);
    }
}

static bool is_required(const struct stage *t, struct str function, struct str argument)
{
    size_t i, n, k, m;
    yyjson_val *tool, *name;
    yyjson_arr_foreach(t->tools, i, n, tool) if (str_eq(json_get_str(tool, "name"), function))
        yyjson_arr_foreach(yyjson_obj_get(yyjson_obj_get(tool, "parameters"), "required"), k, m,
                           name) if (str_eq(json_str(name), argument)) return true;
    return false;
}

static void write_arguments(struct stage *t, struct buf *out, struct str function,
                            yyjson_val *arguments, const struct change *c, bool changed)
{
    size_t i, n;
    yyjson_val *key, *allowed;
    const char *comma = "";
    buf_char(out, '{');
    yyjson_obj_foreach(arguments, i, n, key, allowed)
    {
        bool this = changed && str_eq(json_str(key), c->argument);
        bool lean = c->without_optional && is_optional(allowed) &&
                    !is_required(t, function, json_str(key));
        /* "" as the only one: there is nothing that could be written. */
        yyjson_val *chosen = yyjson_arr_size(allowed) ? first_of(allowed) : allowed;
        if ((this && c->left_out) || lean || (!chosen && !this))
            continue;
        buf_str(out, str_from(comma));
        json_quote(out, json_str(key));
        buf_char(out, ':');
        if (this && c->text)
            buf_str(out, str_from(c->text));
        else
            write_value(out, this && c->value ? c->value : chosen);
        comma = ",";
    }
    buf_char(out, '}');
}

static void write_call(struct stage *t, struct buf *out, unsigned at, const struct change *c)
{
    yyjson_obj_iter each = yyjson_obj_iter_with(yyjson_arr_get(t->truth, at));
    yyjson_val *key = yyjson_obj_iter_next(&each);
    struct str name = json_str(key);
    bool changed = c->call == (int)at;
    struct buf arguments;
    buf_init(&arguments, ROW_BYTES_MAX);
    write_arguments(t, &arguments, name, yyjson_obj_iter_get_val(key), c, changed);
    buf_str(out, STR("{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":"));
    size_t from = out->n;
    json_quote(out, changed && c->name ? str_from(c->name) : name);
    for (size_t i = from; c->underscores && i < out->n; i++)
        out->p[i] = out->p[i] == '.' ? '_' : out->p[i];
    buf_str(out, STR(",\"arguments\":"));
    json_quote(out, buf_view(&arguments));
    buf_str(out, STR("}}"));
    buf_fini(&arguments);
}

/* Is the row accepted so? */
static bool accepts(struct stage *t, const struct change *c, struct grade *ret_grade)
{
    unsigned n = (unsigned)yyjson_arr_size(t->truth) + c->more - c->fewer;
    struct grader_settings settings = {.kind = 0};
    struct fault f = {0};
    struct buf out;
    yyjson_doc *doc = NULL;
    buf_init(&out, ROW_BYTES_MAX);
    buf_char(&out, '[');
    for (unsigned i = 0; i < n; i++) {
        buf_str(&out, i ? STR(",") : STR(""));
        write_call(t, &out, i < yyjson_arr_size(t->truth) ? i : 0, c);
    }
    buf_char(&out, ']');
    assert_int_equal(out.failed, 0);
    assert_int_equal(json_parse(&t->arena, buf_view(&out), &doc, &f), 0);
    buf_fini(&out);
    struct grading g = {.arena = &t->arena,
                        .expected = t->truth,
                        .tools = t->tools,
                        .calls = yyjson_doc_get_root(doc)};
    *ret_grade = (struct grade){.graded = false};
    int err = grader_find(STR("tool-call"))->grade(&settings, &g, ret_grade, &f);
    if (err)
        fail_msg("%s", fault_text(&f));
    assert_true(ret_grade->graded);
    return ret_grade->score == 1;
}

static void expect(struct stage *t, struct count *count, const struct change *c, bool accepted)
{
    struct grade grade;
    count->tried++;
    if (accepts(t, c, &grade) == accepted && (accepted || grade.why.n > 0))
        return;
    count->wrong++;
    print_message("%s, call %d, %.*s: %s; %.*s\n", json_get_str(t->row, "id").p, c->call,
                  STR_ARGS(c->argument), accepted ? "not accepted" : "accepted",
                  STR_ARGS(grade.why));
}

/* ---- changes ---- */

static void other_functions(struct stage *t, unsigned call, struct str name)
{
    size_t i, n;
    yyjson_val *tool;
    yyjson_arr_foreach(t->tools, i, n, tool) if (!str_eq(json_get_str(tool, "name"), name))
        expect(t, &t->function,
               &(struct change){.call = (int)call, .name = json_get_str(tool, "name").p}, false);
}

/* A value of another type than all those allowed have. */
static const char *of_other_type(yyjson_val *allowed)
{
    static const char *const texts[] = {"\"a wrong one\"", "271828", "true", "[271828]",
                                        "{\"wrong\":1}"};
    for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
        yyjson_doc *doc = yyjson_read(texts[k], strlen(texts[k]), 0);
        size_t i, n;
        yyjson_val *one;
        bool other = true;
        yyjson_arr_foreach(allowed, i, n, one)
            other = other && yyjson_get_type(one) != yyjson_get_type(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
        if (other)
            return texts[k];
    }
    return NULL;
}

/* A wrong value of the same type, as JSON. NULL: both of a boolean's are right. */
static const char *wrong_value(struct stage *t, yyjson_val *allowed)
{
    yyjson_val *first = first_of(allowed);
    struct buf out;
    size_t i, n;
    yyjson_val *one;
    buf_init(&out, ROW_BYTES_MAX);
    if (yyjson_is_bool(first)) {
        bool other = false;
        yyjson_arr_foreach(allowed, i, n, one) other =
            other || (yyjson_is_bool(one) && yyjson_get_bool(one) != yyjson_get_bool(first));
        buf_str(&out, other ? STR("") : yyjson_get_bool(first) ? STR("false") : STR("true"));
    } else if (yyjson_is_int(first)) {
        buf_i64(&out, yyjson_get_sint(first) + 104729);
    } else if (yyjson_is_real(first)) {
        buf_printf(&out, "%.4f", yyjson_get_real(first) + 104729.25);
    } else if (yyjson_is_str(first)) {
        buf_printf(&out, "\"qqzx%u\"", (unsigned)yyjson_get_len(first));
    } else if (yyjson_is_arr(first)) {
        buf_char(&out, '[');
        yyjson_arr_foreach(first, i, n, one)
        {
            write_value(&out, one);
            buf_char(&out, ',');
        }
        yyjson_val *last = yyjson_arr_get_last(first);
        if (last)
            write_value(&out, last);
        else
            buf_str(&out, STR("1"));
        buf_char(&out, ']');
    } else if (yyjson_is_obj(first)) {
        buf_str(&out, STR("{\"qqzx\":1}"));
    }
    struct str text = out.n ? arena_str(&t->arena, buf_view(&out)) : STR_NONE;
    buf_fini(&out);
    return text.p;
}

static void one_argument(struct stage *t, unsigned call, struct str function, struct str argument,
                         yyjson_val *allowed, bool *ret_required)
{
    struct change c = {.call = (int)call, .argument = argument};
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach(allowed, i, n, one)
    {
        c.value = one;
        expect(t, &t->others, &c, true);
    }
    c.value = NULL;
    if (!is_optional(allowed) || is_required(t, function, argument)) {
        *ret_required = true;
        c.left_out = true;
        expect(t, &t->missing, &c, false);
        c.left_out = false;
    }
    c.text = of_other_type(allowed);
    if (c.text)
        expect(t, &t->type, &c, false);
    c.text = wrong_value(t, allowed);
    if (c.text)
        expect(t, &t->value, &c, false);
}

static void one_row(struct stage *t)
{
    bool required = false;
    size_t i, n, k, m;
    yyjson_val *call, *key, *arguments, *argument, *allowed;
    expect(t, &t->first, &(struct change){.call = -1}, true);
    expect(t, &t->lean, &(struct change){.call = -1, .without_optional = true}, true);
    expect(t, &t->underscores, &(struct change){.call = -1, .underscores = true}, true);
    expect(t, &t->more, &(struct change){.call = -1, .more = 1}, false);
    expect(t, &t->fewer, &(struct change){.call = -1, .fewer = 1}, false);
    t->single_tool += yyjson_arr_size(t->tools) < 2;
    yyjson_arr_foreach(t->truth, i, n, call)
    {
        yyjson_obj_iter each = yyjson_obj_iter_with(call);
        key = yyjson_obj_iter_next(&each);
        arguments = yyjson_obj_iter_get_val(key);
        other_functions(t, (unsigned)i, json_str(key));
        yyjson_obj_foreach(arguments, k, m, argument, allowed)
            one_argument(t, (unsigned)i, json_str(key), json_str(argument), allowed, &required);
    }
    t->without_required += !required;
}

static void tell(const char *what, const struct count *count)
{
    print_message("  %-40s %6u of %u\n", what, count->tried - count->wrong, count->tried);
}

static void bfcl_test(void **state)
{
    struct stage *t = *state;
    const char *folder = getenv("SLUICE_DATA");
    char path[4096];
    struct jsonl *lines;
    struct fault f = {0};
    int err;
    if (!folder) {
        print_message("skipped: SLUICE_DATA does not name the folder of the data sets\n");
        skip();
    }
    (void)snprintf(path, sizeof(path), "%s/tools_bfcl.dev.jsonl.gz", folder);
    assert_int_equal(jsonl_open(path, &lines, &f), 0);
    for (;;) {
        arena_fini(&t->arena);
        arena_init(&t->arena, ROW_BYTES_MAX);
        err = jsonl_next_object(lines, &t->arena, &t->row, &f);
        if (err)
            break;
        t->rows++;
        t->truth = yyjson_obj_get(t->row, "ground_truth");
        t->tools = yyjson_obj_get(t->row, "tools");
        if (yyjson_arr_size(t->truth) > 0)
            one_row(t);
        else
            t->without_truth++;
    }
    jsonl_close(lines);
    assert_int_equal(err, E_EOF);
    print_message("%u rows; %u without ground truth, %u with a single tool, %u without required "
                  "arguments\naccepted:\n",
                  t->rows, t->without_truth, t->single_tool, t->without_required);
    tell("the first allowed values", &t->first);
    tell("each allowed value", &t->others);
    tell("without the optional ones", &t->lean);
    tell("with underscores in names", &t->underscores);
    print_message("rejected:\n");
    tell("another function of the row", &t->function);
    tell("a required argument missing", &t->missing);
    tell("a wrong type", &t->type);
    tell("a wrong value", &t->value);
    tell("one call too many", &t->more);
    tell("one call too few", &t->fewer);
    assert_int_equal(t->first.wrong + t->others.wrong + t->lean.wrong + t->underscores.wrong, 0);
    assert_int_equal(t->function.wrong + t->missing.wrong + t->type.wrong + t->value.wrong, 0);
    assert_int_equal(t->more.wrong + t->fewer.wrong, 0);
}

static int setup(void **state)
{
    static struct stage stage;
    arena_init(&stage.arena, ROW_BYTES_MAX);
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(&((struct stage *)*state)->arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bfcl_test, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
