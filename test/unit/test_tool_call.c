/* test_tool_call.c: calls of functions, held against those that were expected. */
#include "base_test.h"

#include <stdio.h>

#include "base/json.h"
#include "eval/grader.h"

#define TEST_BYTES_MAX (64u << 20)

struct stage {
    struct arena arena;
    struct grader_settings settings;
    struct grade grade;
    struct fault fault;
};

static yyjson_val *json(struct stage *t, const char *text)
{
    yyjson_doc *doc = NULL;
    if (!text)
        return NULL;
    if (json_parse(&t->arena, str_from(text), &doc, NULL) != 0)
        fail_msg("the test's JSON: %s", text);
    return yyjson_doc_get_root(doc);
}

static int grade(struct stage *t, const char *tools, const char *expected, const char *calls)
{
    const struct grader_kind *kind = grader_find(STR("tool-call"));
    struct grading g = {.arena = &t->arena};
    assert_non_null(kind);
    g.tools = json(t, tools);
    g.expected = json(t, expected);
    g.calls = json(t, calls);
    t->grade = (struct grade){.graded = false};
    t->fault = (struct fault){.err = 0};
    return kind->grade(&t->settings, &g, &t->grade, &t->fault);
}

static int setup(void **state)
{
    static struct stage stage;
    stage = (struct stage){.settings = {.kind = 0}};
    arena_init(&stage.arena, TEST_BYTES_MAX);
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(&((struct stage *)*state)->arena);
    return 0;
}

struct example {
    const char *tools, *expected, *calls;
    const char *why; /* NULL: it passes */
};

static void check(struct stage *t, const struct example *e)
{
    int err = grade(t, e->tools, e->expected, e->calls);
    if (err)
        fail_msg("%s: %s", e->calls, fault_text(&t->fault));
    assert_true(t->grade.graded);
    bool pass = t->grade.score > 0;
    if (pass != (e->why == NULL))
        fail_msg("%s against %s: %s, %.*s", e->calls, e->expected, pass ? "passed" : "failed",
                 STR_ARGS(t->grade.why));
    assert_str(t->grade.verdict, pass ? STR("pass") : STR("fail"));
    if (e->why && !str_eq(t->grade.why, str_from(e->why)))
        fail_msg("got the reason \"%.*s\", want \"%s\"", STR_ARGS(t->grade.why), e->why);
}

/* ---- what is allowed, as BFCL's ground truth says it ---- */

#define WEATHER_TOOL                                                                               \
    "{\"name\":\"get_weather\",\"parameters\":{\"type\":\"dict\",\"required\":[\"city\"],"         \
    "\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"},"              \
    "\"least\":{\"type\":\"float\"},\"hours\":{\"type\":\"array\",\"items\":{\"type\":\"float\"}}" \
    ","                                                                                            \
    "\"place\":{\"type\":\"dict\",\"properties\":{\"lat\":{\"type\":\"float\"}}}}}}"
#define TOOLS                                                                                      \
    "[" WEATHER_TOOL ",{\"type\":\"function\",\"function\":{\"name\":\"math.gcd\",\"parameters\":" \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},"                           \
    "\"b\":{\"type\":[\"number\",\"null\"]}}}}}]"
#define CALL(name, arguments)                                                                      \
    "{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"" name                           \
    "\",\"arguments\":" arguments "}}"
#define WEATHER(arguments) "[" CALL("get_weather", arguments) "]"
#define CITIES             "[\"Paris\",\"Paris, France\"]"
#define PARIS              "[{\"get_weather\":{\"city\":" CITIES ",\"days\":[3,\"\"]}}]"
#define ONE(argument, allowed)                                                                     \
    "[{\"get_weather\":{\"city\":[\"Paris\"],\"" argument "\":" allowed "}}]"
#define PARIS_AND(more) WEATHER("{\"city\":\"Paris\"," more "}")

static const struct example allowed_ones[] = {
    {TOOLS, PARIS, WEATHER("\"{\\\"city\\\": \\\"Paris\\\", \\\"days\\\": 3}\""), NULL},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Paris\",\"days\":3}"), NULL},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Paris\"}"), NULL},
    {NULL, PARIS, WEATHER("{\"city\":\"Paris\"}"), NULL},
    {TOOLS, PARIS, WEATHER("{\"city\":\"paris FRANCE\"}"), NULL},
    {TOOLS, PARIS, WEATHER("{\"city\":\"PARIS/*^_.-France\"}"), NULL},
    {TOOLS,
     ONE("unit",
         "[\"\u00c9T\u00c9 \u0413\u041e\u0420\u041e\u0414 \u03a9 \u0141\u00f3d\u017a \u1ec6\"]"),
     PARIS_AND("\"unit\":\"\u00e9t\u00e9 \u0433\u043e\u0440\u043e\u0434 \u03c9 \u0142\u00d3D\u0179 "
               "\u1ec7\""),
     NULL},
    {TOOLS, ONE("unit", "[\"\u00e9t\u00e9\"]"), PARIS_AND("\"unit\":\"ete\""),
     "get_weather: argument unit: 'ete' is none of: '\u00e9t\u00e9'"},
    {TOOLS, ONE("unit", "[\"\u00d7\"]"), PARIS_AND("\"unit\":\"\u00f7\""),
     "get_weather: argument unit: '\u00f7' is none of: '\u00d7'"},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Pariss\",\"days\":3}"),
     "get_weather: argument city: 'Pariss' is none of: 'Paris', 'Paris, France'"},
    {TOOLS, PARIS, WEATHER("{\"days\":3}"), "get_weather: argument city is missing"},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Paris\",\"days\":4}"),
     "get_weather: argument days: 4 is none of: 3"},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Paris\",\"days\":\"3\"}"),
     "get_weather: argument days: '3' is a string, of the wrong type; expected: 3"},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Paris\",\"days\":3.0}"),
     "get_weather: argument days: 3.0 is a number with a point, of the wrong type; expected: 3"},
    {TOOLS, PARIS, WEATHER("{\"city\":75000}"),
     "get_weather: argument city: 75000 is an integer, of the wrong type; expected: 'Paris', "
     "'Paris, France'"},
    {TOOLS, PARIS, WEATHER("{\"city\":\"Paris\",\"unit\":\"C\"}"),
     "get_weather: argument unit was not expected"},
    {TOOLS, PARIS, WEATHER("{\"city\":\"-\"}"),
     "get_weather: argument city: '-' is none of: 'Paris', 'Paris, France'"},
    /* what the schema requires may not be left out, though the ground truth would let it */
    {TOOLS, "[{\"get_weather\":{\"city\":[\"Paris\",\"\"]}}]", WEATHER("{}"),
     "get_weather: argument city is missing"},
    {NULL, "[{\"get_weather\":{\"city\":[\"Paris\",\"\"]}}]", WEATHER("{}"), NULL},
    /* what the ground truth does not mention is not required */
    {TOOLS, "[{\"get_weather\":{\"days\":[1]}}]", WEATHER("{\"days\":1}"), NULL},
    /* numbers: an integer for a number with a point, and not the other way round */
    {TOOLS, ONE("least", "[10.0]"), PARIS_AND("\"least\":10"), NULL},
    {TOOLS, ONE("least", "[10]"), PARIS_AND("\"least\":10.0"), NULL},
    {TOOLS, ONE("least", "[10.5]"), PARIS_AND("\"least\":10"),
     "get_weather: argument least: 10 is none of: 10.5"},
    {TOOLS, ONE("hours", "[[1.0,2.5]]"), PARIS_AND("\"hours\":[1,2.5]"), NULL},
    {TOOLS, ONE("hours", "[[1,2]]"), PARIS_AND("\"hours\":[1.0,2.0]"), NULL},
    {NULL, ONE("hours", "[[1,2]]"), PARIS_AND("\"hours\":[1.0,2.0]"),
     "get_weather: argument hours: [1.0,2.0] is none of: [1,2]"},
    {TOOLS, ONE("hours", "[[1,2]]"), PARIS_AND("\"hours\":[2,1]"),
     "get_weather: argument hours: [2,1] is none of: [1,2]"},
    {TOOLS, ONE("hours", "[[1,2]]"), PARIS_AND("\"hours\":[1]"),
     "get_weather: argument hours: [1] is none of: [1,2]"},
    {TOOLS, ONE("hours", "[[1,2]]"), PARIS_AND("\"hours\":\"[1,2]\""),
     "get_weather: argument hours: '[1,2]' is a string, of the wrong type; expected: [1,2]"},
    {TOOLS, ONE("days", "[\"\",\"all\",null]"), PARIS_AND("\"days\":null"), NULL},
    {TOOLS, ONE("days", "[true]"), PARIS_AND("\"days\":1"),
     "get_weather: argument days: 1 is an integer, of the wrong type; expected: true"},
    {NULL, ONE("days", "[12345678901234567890123]"), PARIS_AND("\"days\":12345678901234567890123"),
     NULL},
    /* nothing allowed: an empty list, or none */
    {TOOLS, ONE("hours", "[]"), PARIS_AND("\"hours\":[]"), NULL},
    {TOOLS, ONE("hours", "[]"), PARIS_AND("\"hours\":[1]"),
     "get_weather: argument hours: [1] is an array, of the wrong type; expected: []"},
    {TOOLS, ONE("hours", "[[],\"\"]"), PARIS_AND("\"hours\":[]"), NULL},
    /* objects: a list of allowed values for each member */
    {TOOLS, ONE("place", "[{\"lat\":[48.0],\"name\":[\"x\",\"\"]}]"),
     PARIS_AND("\"place\":{\"lat\":48}"), NULL},
    {TOOLS, ONE("place", "[{\"lat\":[48.0],\"name\":[\"x\",\"\"]}]"),
     PARIS_AND("\"place\":{\"name\":\"X\",\"lat\":48.0}"), NULL},
    {TOOLS, ONE("place", "[{\"lat\":[48.0],\"name\":[\"x\",\"\"]}]"),
     PARIS_AND("\"place\":{\"name\":\"x\"}"),
     "get_weather: argument place: {\"name\":\"x\"} is none of: {\"lat\":[48.0],\"name\":[\"x\","
     "\"\"]}"},
    {TOOLS, ONE("place", "[{\"lat\":[48.0]}]"), PARIS_AND("\"place\":{\"lat\":48,\"lon\":2}"),
     "get_weather: argument place: {\"lat\":48,\"lon\":2} is none of: {\"lat\":[48.0]}"},
    {TOOLS, ONE("hours", "[[{\"a\":[1,2]},{\"a\":[3]}]]"),
     PARIS_AND("\"hours\":[{\"a\":2},{\"a\":3}]"), NULL},
    {TOOLS, ONE("hours", "[[{\"a\":[1,2]},{\"a\":[3]}]]"),
     PARIS_AND("\"hours\":[{\"a\":3},{\"a\":2}]"),
     "get_weather: argument hours: [{\"a\":3},{\"a\":2}] is none of: [{\"a\":[1,2]},{\"a\":[3]}]"},
    /* an object within an object has plain values, or lists of them */
    {TOOLS, ONE("place", "[{\"at\":[{\"x\":1.5,\"y\":[2]}]}]"),
     PARIS_AND("\"place\":{\"at\":{\"x\":1.5,\"y\":2}}"), NULL},
    {TOOLS, ONE("place", "[{\"at\":[{\"x\":1.5,\"y\":[2]}]}]"),
     PARIS_AND("\"place\":{\"at\":{\"x\":1.5,\"y\":[2]}}"), NULL},
    {TOOLS, ONE("place", "[{\"at\":[{\"x\":1.5}]}]"), PARIS_AND("\"place\":{\"at\":{\"x\":2.5}}"),
     "get_weather: argument place: {\"at\":{\"x\":2.5}} is none of: {\"at\":[{\"x\":1.5}]}"},
};

static void allowed_test(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed_ones); i++)
        check(*state, &allowed_ones[i]);
}

/* ---- exact values, as our users may write them ---- */

#define EXACTLY(arguments) "[{\"name\":\"get_weather\",\"arguments\":" arguments "}]"

static const struct example exact_ones[] = {
    /* an answer's calls, put where calls are expected */
    {TOOLS, PARIS_AND("\"hours\":[1,2]"), PARIS_AND("\"hours\":[1,2]"), NULL},
    {TOOLS, WEATHER("\"{\\\"city\\\":\\\"Paris\\\"}\""), WEATHER("{\"city\":\"Rome\"}"),
     "get_weather: argument city: 'Rome' is not: 'Paris'"},
    {TOOLS, EXACTLY("{\"city\":\"Paris\",\"hours\":[1,2]}"), PARIS_AND("\"hours\":[1,2]"), NULL},
    {TOOLS, EXACTLY("{\"city\":\"Paris\"}"), WEATHER("{\"city\":\"paris\"}"),
     "get_weather: argument city: 'paris' is not: 'Paris'"},
    {TOOLS, EXACTLY("{\"city\":\"Paris\",\"days\":2}"), PARIS_AND("\"days\":\"2\""),
     "get_weather: argument days: '2' is a string, of the wrong type; expected: 2"},
    {TOOLS, EXACTLY("{\"city\":\"Paris\"}"), WEATHER("{}"),
     "get_weather: argument city is missing"},
    {TOOLS, EXACTLY("{\"city\":\"Paris\"}"), PARIS_AND("\"days\":1"),
     "get_weather: argument days was not expected"},
    {TOOLS, EXACTLY("{\"city\":\"\"}"), WEATHER("{}"), "get_weather: argument city is missing"},
    {TOOLS, EXACTLY("{\"place\":{\"lat\":[1,2]}}"), WEATHER("{\"place\":{\"lat\":[1,2]}}"), NULL},
    {TOOLS, EXACTLY("{\"place\":{\"lat\":[1,2]}}"), WEATHER("{\"place\":{\"lat\":1}}"),
     "get_weather: argument place: {\"lat\":1} is not: {\"lat\":[1,2]}"},
    {TOOLS, "[{\"name\":\"get_weather\"}]", WEATHER("\"\""), NULL},
    {TOOLS, "[{\"name\":\"get_weather\"}]", WEATHER("{\"days\":1}"),
     "get_weather: argument days was not expected"},
};

static void exact_test(void **state)
{
    struct stage *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(exact_ones); i++)
        check(t, &exact_ones[i]);
    t->settings.normalise = true;
    check(t, &(struct example){TOOLS, EXACTLY("{\"city\":\"Paris\"}"),
                               WEATHER("{\"city\":\"PARIS.\"}"), NULL});
}

/* ---- names ---- */

#define NAMED(name) "[" CALL(name, "{}") "]"
#define TWO_ALIKE   "[{\"name\":\"a.b_c\"},{\"name\":\"a_b.c\"}]"

static const struct example names[] = {
    {TOOLS, "[{\"name\":\"math.gcd\"}]", NAMED("math.gcd"), NULL},
    {TOOLS, "[{\"name\":\"math.gcd\"}]", NAMED("math_gcd"), NULL},
    {NULL, "[{\"name\":\"math.gcd\"}]", NAMED("math_gcd"), NULL},
    {TOOLS, "[{\"name\":\"math.gcd\"}]", NAMED("math-gcd"),
     "math-gcd: expected a call of math.gcd"},
    {TOOLS, "[{\"name\":\"math_gcd\"}]", NAMED("math.gcd"),
     "math.gcd: expected a call of math_gcd"},
    {TOOLS, "[{\"name\":\"math.gcd\"}]", NAMED("get_weather"),
     "get_weather: expected a call of math.gcd"},
    {TOOLS, "[{\"name\":\"math.gcd\"}]", NAMED("Math.gcd"),
     "Math.gcd: expected a call of math.gcd"},
    {TWO_ALIKE, "[{\"name\":\"a.b_c\"}]", NAMED("a_b_c"), "a_b_c: expected a call of a.b_c"},
    {TWO_ALIKE, "[{\"name\":\"a.b_c\"}]", NAMED("a.b_c"), NULL},
    {"[{\"name\":\"a.b\"},{\"name\":\"a_b\"}]", "[{\"name\":\"a.b\"}]", NAMED("a_b"),
     "a_b: expected a call of a.b"},
};

static void names_test(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check(*state, &names[i]);
}

/* ---- several calls ---- */

#define TWO(a, b) "[" CALL("get_weather", a) "," CALL("get_weather", b) "]"
#define BERLIN    "{\"city\":\"Berlin\"}"
#define ROME      "{\"city\":\"Rome\"}"
#define EITHER                                                                                     \
    "[{\"get_weather\":{\"city\":[\"Berlin\",\"Rome\"]}},{\"get_weather\":{\"city\":[\"Berlin\"]}" \
    "}]"

static const struct example several[] = {
    {TOOLS, "[{\"get_weather\":{\"city\":[\"Berlin\"]}},{\"get_weather\":{\"city\":[\"Rome\"]}}]",
     TWO(ROME, BERLIN), NULL},
    /* the first expected one may not take the only call that the second can have */
    {TOOLS, EITHER, TWO(BERLIN, ROME), NULL},
    {TOOLS, EITHER, TWO(ROME, BERLIN), NULL},
    {TOOLS, EITHER, TWO(BERLIN, BERLIN), NULL},
    {TOOLS, EITHER, TWO(ROME, ROME), "get_weather: argument city: 'Rome' is none of: 'Berlin'"},
    {TOOLS, EITHER, "[" CALL("get_weather", BERLIN) "]", "expected 2 calls, got 1: get_weather"},
    {TOOLS, "[{\"get_weather\":{\"city\":[\"Rome\"]}}]", TWO(ROME, ROME),
     "expected 1 call, got 2: get_weather, get_weather"},
    {TOOLS, "[{\"get_weather\":{\"city\":[\"Rome\"]}}]", "[]", "expected 1 call, got 0"},
    {TOOLS, "[{\"get_weather\":{\"city\":[\"Rome\"]}}]", NULL, "expected 1 call, got 0"},
    /* the reason is of the call that was meant */
    {TOOLS, "[{\"name\":\"math.gcd\"},{\"get_weather\":{\"city\":[\"Rome\"]}}]",
     "[" CALL("get_weather", BERLIN) "," CALL("math_gcd", "{}") "]",
     "get_weather: argument city: 'Berlin' is none of: 'Rome'"},
    {TOOLS, "[]", "[]", NULL},
    {TOOLS, "[]", "null", NULL},
    {TOOLS, "[]", NULL, NULL},
    {TOOLS, "[]", NAMED("math.gcd"), "no call was expected; got: math.gcd"},
};

static void several_test(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(several); i++)
        check(*state, &several[i]);
}

/* ---- what models write that is no call ---- */

#define GCD "[{\"name\":\"math.gcd\"}]"

static const struct example oddities[] = {
    {TOOLS, GCD, "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":" NAMED("math_gcd") "}",
     NULL},
    {TOOLS, "[]", "{\"role\":\"assistant\",\"content\":\"hi\"}", NULL},
    {TOOLS, GCD, "[{\"name\":\"math_gcd\",\"arguments\":\"{}\"}]", NULL},
    {TOOLS, GCD, "[" CALL("math_gcd", "[1]") "]",
     "math_gcd: the arguments are an array, no object"},
    {TOOLS, GCD, "[" CALL("math_gcd", "\"7\"") "]",
     "math_gcd: the arguments are an integer, no object"},
    {TOOLS, GCD, "[{\"function\":{\"name\":\"math_gcd\"}}]", "math_gcd: the call has no arguments"},
    {TOOLS, GCD, "[7]", "(a call): expected a call of math.gcd"},
    {TOOLS, GCD, NAMED("a\\u001b[1m\\u009b"),
     "\"a\\u001b[1m\\u009b\": expected a call of math.gcd"},
    {TOOLS, PARIS, WEATHER("{\"\\u001b\":1}"),
     "get_weather: argument \"\\u001b\" was not expected"},
    {TOOLS, GCD, "[]", "expected 1 call, got 0"},
    {TOOLS, GCD, "\"math_gcd()\"", "the calls are a string, no list"},
    {TOOLS, GCD, "{\"name\":\"math_gcd\"}", "the calls are an object, no list"},
};

static void oddities_test(void **state)
{
    struct stage *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(oddities); i++)
        check(t, &oddities[i]);
    assert_int_equal(grade(t, TOOLS, GCD, "[" CALL("math_gcd", "\"{\\\"a\\\": 1\"") "]"), 0);
    assert_true(t->grade.graded && t->grade.score < 1);
    assert_true(str_starts(t->grade.why, STR("math_gcd: the arguments are no JSON: ")));
}

/* ---- a suite's mistakes ---- */

static const char *const mistakes[][2] = {
    {NULL, "`expected` is nothing; expected a list of calls ([]: none is to be made)"},
    {"{\"get_weather\":{}}",
     "`expected` is an object; expected a list of calls ([]: none is to be made)"},
    {"[7]", "call 1 of `expected`: expected {\"name\": ..., \"arguments\": {...}}, or {NAME: "
            "{ARGUMENT: [allowed values]}}"},
    {"[{\"name\":\"f\"},{\"f\":{},\"g\":{}}]",
     "call 2 of `expected`: expected {\"name\": ..., \"arguments\": {...}}, or {NAME: {ARGUMENT: "
     "[allowed values]}}"},
    {"[{\"f\":{\"x\":3}}]",
     "call 1 of `expected`: f's argument x is an integer; expected a list of "
     "the values that are allowed"},
    {"[{\"name\":\"f\",\"arguments\":[]}]",
     "call 1 of `expected`: the arguments are an array, no object"},
};

static void mistakes_test(void **state)
{
    struct stage *t = *state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        assert_int_equal(grade(t, TOOLS, mistakes[i][0], NAMED("f")), E_BAD_REQUEST);
        assert_string_equal(fault_text(&t->fault), mistakes[i][1]);
    }
}

/* What is too large ends, and is no pass. */
static void large_test(void **state)
{
    struct stage *t = *state;
    struct buf calls, expected;
    buf_init(&calls, TEST_BYTES_MAX);
    buf_init(&expected, TEST_BYTES_MAX);
    buf_str(&calls, STR("["));
    buf_str(&expected, STR("["));
    for (unsigned i = 0; i < 256; i++) {
        buf_printf(&calls, "%s{\"name\":\"f\",\"arguments\":{\"x\":[", i ? "," : "");
        buf_printf(&expected, "%s{\"f\":{\"x\":[[", i ? "," : "");
        for (unsigned k = 0; k < 400; k++) {
            buf_printf(&calls, "%s%u", k ? "," : "", k == 399 ? 1 : 7);
            buf_printf(&expected, "%s%u", k ? "," : "", 7);
        }
        buf_str(&calls, STR("]}}"));
        buf_str(&expected, STR("]]}}"));
    }
    buf_add(&calls, "]", 2);
    buf_add(&expected, "]", 2);
    assert_int_equal(calls.failed | expected.failed, 0);
    assert_int_equal(grade(t, NULL, expected.p, calls.p), 0);
    assert_true(!t->grade.graded && t->grade.score == 0);
    assert_str(t->grade.why, STR("the calls are too large to be compared"));
    buf_fini(&calls);
    buf_fini(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(allowed_test, setup, teardown),
        cmocka_unit_test_setup_teardown(exact_test, setup, teardown),
        cmocka_unit_test_setup_teardown(names_test, setup, teardown),
        cmocka_unit_test_setup_teardown(several_test, setup, teardown),
        cmocka_unit_test_setup_teardown(oddities_test, setup, teardown),
        cmocka_unit_test_setup_teardown(mistakes_test, setup, teardown),
        cmocka_unit_test_setup_teardown(large_test, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
