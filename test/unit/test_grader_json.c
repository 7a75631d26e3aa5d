/* test_grader_json.c: answers that are JSON, as a suite's file asks for them. */
#include "base_test.h"

#include <stdio.h>

#include "base/json.h"
#include "eval/grader.h"

#define TEST_BYTES_MAX (64u << 20)

struct stage {
    struct arena arena;
    struct conf_doc *doc;
    void *self;
    struct grade grade;
};

/* Reads the grader's settings as a file has them; what opening it says. */
static int open(struct stage *t, const char *yaml)
{
    conf_unref(t->doc);
    t->doc = NULL;
    if (conf_load_text(&grader_table, "suite.yaml", str_from(yaml), &t->doc) != 0)
        fail_msg("%s: %.*s", yaml, STR_ARGS(conf_problem(t->doc, 0)->text));
    const struct grader_settings *s = conf_root(t->doc);
    assert_int_equal(grader_check(s, t->doc), 0);
    assert_ptr_equal(graders[s->kind], grader_find(STR("json")));
    return graders[s->kind]->open(s, t->doc, conf_arena(t->doc), &t->self);
}

static const struct grader_settings *settings(struct stage *t)
{
    return conf_root(t->doc);
}

static void grade(struct stage *t, const char *answer)
{
    struct fault f = {0};
    struct grading g = {.arena = &t->arena, .text = str_from(answer)};
    yyjson_doc *expected = NULL;
    if (settings(t)->expected.n > 0) {
        assert_int_equal(json_parse(&t->arena, settings(t)->expected, &expected, &f), 0);
        g.expected = yyjson_doc_get_root(expected);
    }
    t->grade = (struct grade){.graded = false};
    const struct grader_kind *kind = grader_find(STR("json"));
    assert_int_equal(kind->grade(t->self, &g, &t->grade, &f), 0);
}

static void shut(struct stage *t)
{
    grader_find(STR("json"))->close(t->self);
    t->self = NULL;
}

static const struct {
    const char *yaml, *answer;
    const char *why; /* NULL: it passes */
    const char *got; /* NULL: not looked at */
} examples[] = {
    {"kind: json\n", "{\"a\": 1}", NULL, "{\"a\":1}"},
    {"kind: json\n", " \n[1]\n", NULL, "[1]"},
    {"kind: json\n", "```json\n{\"a\": 1}\n```", NULL, "{\"a\":1}"},
    {"kind: json\n", "```\n{\"a\": 1}\n```\n", NULL, NULL},
    {"kind: json\n", "```JSON\r\n3\n```", NULL, "3"},
    {"kind: json\n", "```[1]```", NULL, "[1]"},
    {"kind: json\n", "```python\n[1]\n```",
     "the answer is no JSON: invalid JSON at byte 0 (line 1): unexpected character", NULL},
    {"kind: json\n", "Here it is: {\"a\": 1}",
     "the answer is no JSON: invalid JSON at byte 0 (line 1): unexpected character", ""},
    {"kind: json\n", "", "the answer is empty; expected JSON", NULL},
    {"kind: json\n", "``````", "the answer is empty; expected JSON", NULL},
    {"kind: json\n", "{\"a\": 1,}", "the answer is no JSON", NULL},
    /* the whole answer */
    {"{kind: json, expected: {a: 1, b: [x]}}", "{\"b\": [\"x\"], \"a\": 1.0}", NULL, NULL},
    {"{kind: json, expected: {a: 1}}", "{\"a\": 2}", "$: {\"a\":2} is not the expected {\"a\":1}",
     "{\"a\":2}"},
    {"{kind: json, expected: {a: 1}}", "{\"a\": 1, \"b\": 2}",
     "$: {\"a\":1,\"b\":2} is not the expected {\"a\":1}", NULL},
    {"{kind: json, expected: \"3\"}", "3", "$: 3 is not the expected '3'", NULL},
    /* a place in it */
    {"{kind: json, path: \"$.items[0].price\", expected: 3}", "{\"items\": [{\"price\": 3.0}]}",
     NULL, "3.0"},
    {"{kind: json, path: \"$.items[0].price\", expected: 3}", "{\"items\": [{\"price\": 4}]}",
     "$.items[0].price: 4 is not the expected 3", "4"},
    {"{kind: json, path: \"$.items[0].price\", expected: 3}", "{\"items\": []}",
     "there is nothing at $.items[0].price", ""},
    {"{kind: json, path: \"$.a\"}", "{\"a\": null}", NULL, "null"},
    {"{kind: json, path: \"$.a\"}", "{\"b\": null}", "there is nothing at $.a", NULL},
    {"{kind: json, path: \"$.a[*]\", expected: [1, 2]}", "{\"a\": [1, 2]}", NULL, "[1,2]"},
    {"{kind: json, path: \"$.a[*]\", expected: [1, 2]}", "{\"a\": [2, 1]}",
     "$.a[*]: [2,1] is not the expected [1,2]", "[2,1]"},
    {"{kind: json, path: \"$.a[*]\", expected: [1]}", "{\"a\": [1]}", NULL, "1"},
    {"{kind: json, path: \"$.a[*]\", expected: 1}", "{\"a\": [1]}", NULL, "1"},
    {"{kind: json, path: \"$.a[*]\", expected: []}", "{\"a\": []}", NULL, NULL},
    {"{kind: json, path: \"$.a[*]\"}", "{\"a\": []}", "there is nothing at $.a[*]", NULL},
    {"{kind: json, path: \"$.a\", expected: [1]}", "{\"a\": 1}", "$.a: 1 is not the expected [1]",
     NULL},
    /* a schema, and both */
    {"{kind: json, schema: {type: object, required: [a]}}", "{\"a\": 1}", NULL, NULL},
    {"{kind: json, schema: {type: object, required: [a]}}", "{}", "$.a: is missing", "{}"},
    {"{kind: json, schema: {required: [a]}, path: \"$.a\", expected: 1}", "{\"a\": 1}", NULL, "1"},
    {"{kind: json, schema: {required: [a, b]}, path: \"$.a\", expected: 1}", "{\"a\": 1}",
     "$.b: is missing", NULL},
    {"{kind: json, schema: {required: [a]}, path: \"$.a\", expected: 1}", "{\"a\": 2}",
     "$.a: 2 is not the expected 1", NULL},
};

static void examples_test(void **state)
{
    struct stage *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        assert_int_equal(open(t, examples[i].yaml), 0);
        grade(t, examples[i].answer);
        shut(t);
        assert_true(t->grade.graded);
        if ((t->grade.score == 1) != !examples[i].why)
            fail_msg("%s of %s: %.*s", examples[i].answer, examples[i].yaml,
                     STR_ARGS(t->grade.why));
        if (examples[i].why && !str_starts(t->grade.why, str_from(examples[i].why)))
            fail_msg("got \"%.*s\", want \"%s\"", STR_ARGS(t->grade.why), examples[i].why);
        if (examples[i].got)
            assert_str(t->grade.got, str_from(examples[i].got));
    }
}

static void problem(struct stage *t, const char *yaml, unsigned line, const char *path,
                    const char *text)
{
    assert_int_equal(open(t, yaml), E_CONFIG);
    assert_int_equal(conf_error_count(t->doc), 1);
    const struct conf_problem *p = conf_problem(t->doc, 0);
    assert_int_equal(p->line, line);
    assert_str(p->path, str_from(path));
    assert_str(p->text, str_from(text));
}

/* What is wrong in the file is said when it is loaded, with its line. */
static void problems_test(void **state)
{
    struct stage *t = *state;
    problem(t, "kind: json\nexpected: 1\npath: $.a[?@.b]\n", 3, "path",
            "the path '$.a[?@.b]', at character 5: expected a name, an index or a slice: filters "
            "are not supported");
    problem(t, "kind: json\n\nschema:\n  properties:\n    a: {minLenght: 3}\n", 3, "schema",
            "the schema, at #/properties/a: minLenght is no word of JSON Schema; did you mean "
            "minLength?");
    problem(t, "kind: json\nschema: {unevaluatedItems: false}\n", 2, "schema",
            "the schema, at #: unevaluatedItems is not supported: write items, and prefixItems "
            "beside it");
}

static void ungraded_test(void **state)
{
    struct stage *t = *state;
    assert_int_equal(open(t, "{kind: json, schema: {pattern: \"^(a|aa)+$\"}}"), 0);
    grade(t, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"");
    shut(t);
    assert_false(t->grade.graded);
    assert_str(t->grade.why,
               STR("the schema could not be checked: a pattern took too much to match"));
}

static int setup(void **state)
{
    static struct stage stage;
    stage = (struct stage){.doc = NULL};
    arena_init(&stage.arena, TEST_BYTES_MAX);
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *t = *state;
    conf_unref(t->doc);
    arena_fini(&t->arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(examples_test, setup, teardown),
        cmocka_unit_test_setup_teardown(problems_test, setup, teardown),
        cmocka_unit_test_setup_teardown(ungraded_test, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
