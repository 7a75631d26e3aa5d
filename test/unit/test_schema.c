/* test_schema.c: what obeys a JSON Schema, what is said of what does not, and what is refused. */
#include "base_test.h"

#include <stdio.h>

#include "base/json.h"
#include "eval/json/schema.h"

#define TEST_BYTES_MAX (64u << 20)

static struct arena arena;

static enum schema_verdict check(struct str schema, struct str value, struct str *ret_why)
{
    enum schema_verdict verdict;
    struct fault f = {0};
    struct schema *s = NULL;
    yyjson_doc *doc = NULL;
    if (schema_load(&arena, schema, &s, &f) != 0)
        fail_msg("%.*s: %s", STR_ARGS(schema), fault_text(&f));
    if (json_parse(&arena, value, &doc, NULL) != 0)
        fail_msg("the test's JSON: %.*s", STR_ARGS(value));
    assert_int_equal(schema_check(s, &arena, yyjson_doc_get_root(doc), &verdict, ret_why), 0);
    schema_free(s);
    return verdict;
}

/* ---- values ---- */

static const struct {
    const char *schema, *value, *why; /* NULL: it obeys */
} values[] = {
    {"true", "1", NULL},
    {"{}", "[null]", NULL},
    {"false", "1", "$: nothing is allowed here"},
    {"{\"type\":\"integer\"}", "3.0", NULL},
    {"{\"type\":\"integer\"}", "12345678901234567890123", NULL},
    {"{\"type\":\"integer\"}", "3.5", "$: 3.5 is a number with a point; expected type 'integer'"},
    {"{\"type\":\"string\"}", "{\"a\":1}", "$: an object; expected type 'string'"},
    {"{\"type\":[\"string\",\"null\"]}", "null", NULL},
    {"{\"type\":[\"string\",\"null\"]}", "5",
     "$: 5 is an integer; expected type [\"string\",\"null\"]"},
    {"{\"enum\":[\"a\",1,[2.0]]}", "[2]", NULL},
    {"{\"enum\":[\"a\",1]}", "\"b\"", "$: 'b' is none of [\"a\",1]"},
    {"{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2.0,\"a\":1}", NULL},
    {"{\"const\":1}", "true", "$: true is not 1"},
    /* objects */
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"b\":1}", NULL},
    {"{\"properties\":{\"a\":{\"items\":{\"type\":\"string\"}}}}", "{\"a\":[\"x\",7]}",
     "$.a[1]: 7 is an integer; expected type 'string'"},
    {"{\"properties\":{\"a b\":{\"maximum\":3}}}", "{\"a b\":4}", "$['a b']: 4 is more than 3"},
    {"{\"required\":[\"a\",\"b\"]}", "{\"a\":1}", "$.b: is missing"},
    {"{\"required\":[\"a\"]}", "[]", NULL},
    {"{\"properties\":{\"a\":true},\"patternProperties\":{\"^x\":true},"
     "\"additionalProperties\":false}",
     "{\"a\":1,\"x1\":2}", NULL},
    {"{\"properties\":{\"a\":true},\"patternProperties\":{\"^x\":true},"
     "\"additionalProperties\":false}",
     "{\"a\":1,\"y\":2}", "$.y: no such member is allowed"},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "{\"y\":2}",
     "$.y: 2 is an integer; expected type 'string'"},
    {"{\"patternProperties\":{\"^n_\":{\"type\":\"number\"}}}", "{\"n_a\":\"x\"}",
     "$.n_a: 'x' is a string; expected type 'number'"},
    {"{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}", "{\"A\":1}",
     "$.A: the member's name is not allowed"},
    {"{\"minProperties\":2}", "{\"a\":1}", "$: has 1 members; minProperties is 2"},
    {"{\"maxProperties\":1.0}", "{\"a\":1,\"b\":1}", "$: has 2 members; maxProperties is 1.0"},
    {"{\"dependentRequired\":{\"card\":[\"name\"]}}", "{\"card\":1}", "$.name: is missing"},
    {"{\"dependentSchemas\":{\"card\":{\"required\":[\"name\"]}}}", "{\"card\":1}",
     "$.name: is missing"},
    {"{\"dependentSchemas\":{\"card\":{\"required\":[\"name\"]}}}", "{}", NULL},
    /* lists */
    {"{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"number\"}}", "[\"a\",1]",
     NULL},
    {"{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"number\"}}", "[\"a\",\"b\"]",
     "$[1]: 'b' is a string; expected type 'number'"},
    {"{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[\"a\",\"b\"]",
     "$[1]: nothing is allowed here"},
    {"{\"contains\":{\"const\":1}}", "[2,3]", "$: 0 items obey the schema of contains, too few"},
    {"{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]",
     "$: 2 items obey the schema of contains, too many"},
    {"{\"contains\":{\"const\":1},\"minContains\":0}", "[]", NULL},
    {"{\"minItems\":1}", "[]", "$: has 0 items; minItems is 1"},
    {"{\"maxItems\":1}", "[1,2]", "$: has 2 items; maxItems is 1"},
    {"{\"uniqueItems\":true}", "[1,{\"a\":1},{\"a\":1.0}]",
     "$[2]: stands there twice; items have to be unique"},
    {"{\"uniqueItems\":false}", "[1,1]", NULL},
    /* texts and numbers */
    {"{\"maxLength\":2}", "\"\xc3\xa4\xf0\x9f\x98\x80\"", NULL},
    {"{\"minLength\":3}", "\"\xc3\xa4\xf0\x9f\x98\x80\"", "$: has 2 characters; minLength is 3"},
    {"{\"pattern\":\"^a\\\\d$\"}", "\"a1\"", NULL},
    {"{\"pattern\":\"^a\\\\d$\"}", "\"a1\\n\"", "$: \"a1\\n\" does not match the pattern '^a\\d$'"},
    {"{\"pattern\":\"\\\\d\"}", "\"\xd9\xa3\"", "$: '\xd9\xa3' does not match the pattern '\\d'"},
    {"{\"pattern\":\"b\"}", "\"abc\"", NULL},
    {"{\"pattern\":\"^\\\\u00e4$\"}", "\"\xc3\xa4\"", NULL},
    {"{\"pattern\":\"x\"}", "5", NULL},
    {"{\"minimum\":0}", "-1", "$: -1 is less than 0"},
    {"{\"exclusiveMinimum\":0}", "0", "$: 0 is not more than 0"},
    {"{\"exclusiveMaximum\":1}", "1.0", "$: 1.0 is not less than 1"},
    {"{\"multipleOf\":0.01}", "19.99", NULL},
    {"{\"multipleOf\":0.01}", "19.999", "$: 19.999 is no multiple of 0.01"},
    /* together */
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":3}]}", "4", "$: 4 is more than 3"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":3}]}", "2",
     "$: 2 obeys none of the schemas of anyOf"},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "4",
     "$: 4 obeys more than one of the schemas of oneOf"},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"minimum\":3}]}", "2.5",
     "$: 2.5 obeys none of the schemas of oneOf"},
    {"{\"not\":{\"type\":\"string\"}}", "\"a\"", "$: 'a' obeys the schema that it must not"},
    {"{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":2},\"else\":{\"minimum\":5}}", "4",
     "$: 4 is less than 5"},
    {"{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":2},\"else\":{\"minimum\":5}}", "\"a\"",
     "$: has 1 characters; minLength is 2"},
    {"{\"then\":{\"minLength\":2}}", "\"a\"", NULL},
    /* references */
    {"{\"$defs\":{\"n\":{\"minimum\":1}},\"$ref\":\"#/$defs/n\"}", "0", "$: 0 is less than 1"},
    {"{\"$defs\":{\"a/b%\":{\"minimum\":1}},\"$ref\":\"#/$defs/a~1b%25\"}", "0",
     "$: 0 is less than 1"},
    {"{\"definitions\":{\"n\":{\"$anchor\":\"here\",\"minimum\":1}},\"items\":{\"$ref\":\"#here\"}"
     "}",
     "[0]", "$[0]: 0 is less than 1"},
    {"{\"$id\":\"https://x.example/s\",\"$defs\":{\"n\":{\"minimum\":1}},"
     "\"$ref\":\"https://x.example/s#/$defs/n\"}",
     "0", "$: 0 is less than 1"},
    {"{\"properties\":{\"below\":{\"$ref\":\"#\"},\"n\":{\"type\":\"integer\"}}}",
     "{\"below\":{\"below\":{\"n\":\"x\"}}}",
     "$.below.below.n: 'x' is a string; expected type 'integer'"},
    /* notes check nothing */
    {"{\"title\":\"t\",\"format\":\"date\",\"default\":3,\"examples\":[1],\"x-order\":1,"
     "\"$comment\":\"c\",\"description\":\"d\"}",
     "\"no date\"", NULL},
};

static void values_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct str why;
        enum schema_verdict verdict = check(str_from(values[i].schema), str_from(values[i].value),
                                            &why);
        if (verdict != (values[i].why ? SCHEMA_BROKEN : SCHEMA_OBEYED))
            fail_msg("%s of %s: verdict %d", values[i].value, values[i].schema, (int)verdict);
        if (!str_eq(why, str_from(values[i].why)))
            fail_msg("%s of %s: got \"%.*s\", want \"%s\"", values[i].value, values[i].schema,
                     STR_ARGS(why), values[i].why ? values[i].why : "");
    }
}

/* ---- refusals ---- */

static const char *const refused[][2] = {
    {"5", "#: an integer; expected a schema: an object, true or false"},
    {"{\"minLenght\":3}", "#: minLenght is no word of JSON Schema; did you mean minLength?"},
    {"{\"properties\":{\"a\":{\"wholly\":1}}}",
     "#/properties/a: wholly is no word of JSON Schema; notes go into $comment, or begin with x-"},
    {"{\"unevaluatedProperties\":false}",
     "#: unevaluatedProperties is not supported: write additionalProperties, and the properties "
     "beside it"},
    {"{\"$dynamicRef\":\"#a\"}", "#: $dynamicRef is not supported: write a $ref"},
    {"{\"type\":\"text\"}", "#: type: 'text' is no type; expected string, number, integer, "
                            "boolean, object, array, null, or a list of them"},
    {"{\"type\":[]}", "#: type: [] is no type; expected string, number, integer, boolean, object, "
                      "array, null, or a list of them"},
    {"{\"items\":[{\"type\":\"string\"}]}",
     "#: items is an array; expected a schema: an object, true or false"},
    {"{\"allOf\":[]}", "#: allOf is an array; expected a list of schemas"},
    {"{\"properties\":{\"a\":5}}",
     "#/properties/a: an integer; expected a schema: an object, true or false"},
    {"{\"required\":true}", "#: required is a boolean; expected a list of names"},
    {"{\"minLength\":-1}", "#: minLength is an integer; expected a whole number of at least 0"},
    {"{\"minLength\":1.5}",
     "#: minLength is a number with a point; expected a whole number of at least 0"},
    {"{\"exclusiveMinimum\":true}", "#: exclusiveMinimum is a boolean; expected a number"},
    {"{\"multipleOf\":0}", "#: multipleOf is an integer; expected a number above 0"},
    {"{\"pattern\":\"a(\"}", "#/pattern: the pattern 'a(': at character 3: missing closing "
                             "parenthesis"},
    {"{\"patternProperties\":{\"[\":true}}",
     "#/patternProperties: the pattern '[': at character 2: missing terminating ] for character "
     "class"},
    {"{\"$ref\":\"https://x.example/s.json\"}",
     "#: $ref 'https://x.example/s.json' leads out of this schema, which is not supported; "
     "expected #/$defs/NAME or the like"},
    {"{\"$ref\":\"#/$defs/none\"}", "#: $ref '#/$defs/none' leads to nothing that is a schema"},
    {"{\"$ref\":\"#none\"}", "#: $ref '#none' leads to nothing that is a schema"},
    {"{\"const\":{\"minimum\":1},\"$ref\":\"#/const\"}",
     "#: $ref '#/const' leads to nothing that is a schema"},
    {"{\"properties\":{\"a\":{\"$id\":\"x\"}}}",
     "#/properties/a: $id is supported only at the top"},
    {"{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}",
     "#: $schema is a string; expected https://json-schema.org/draft/2020-12/schema, or another "
     "draft since 6"},
    {"{\"$ref\":\"#\"}", "#: this schema leads back to itself for the same value"},
    {"{\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"not\":{\"$ref\":"
     "\"#/$defs/a\"}}}}",
     "#/$defs/b/not: this schema leads back to itself for the same value"},
    {"{\"a\"}", "no JSON: invalid JSON at byte 4 (line 1): unexpected character, expected ':'"},
};

static void refused_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct fault f = {0};
        struct schema *s = NULL;
        int err = schema_load(&arena, str_from(refused[i][0]), &s, &f);
        if (err != E_CONFIG)
            fail_msg("%s: %d", refused[i][0], err);
        assert_string_equal(fault_text(&f), refused[i][1]);
    }
}

/* ---- bounds ---- */

static struct str repeated(struct str what, unsigned n, struct str end)
{
    struct buf out;
    buf_init(&out, TEST_BYTES_MAX);
    for (unsigned i = 0; i < n; i++)
        buf_str(&out, what);
    buf_str(&out, end);
    struct str text = arena_str(&arena, buf_view(&out));
    buf_fini(&out);
    return text;
}

static void unchecked(struct str schema, struct str value, const char *reason)
{
    struct str why;
    assert_int_equal(check(schema, value, &why), SCHEMA_UNCHECKED);
    assert_str(why, arena_printf(&arena, "the schema could not be checked: %s", reason));
}

static void bounds_test(void **state)
{
    struct buf doubling, list;
    (void)state;
    unchecked(STR("{\"pattern\":\"^(a|aa)+$\"}"),
              arena_printf(&arena, "\"%.*s", STR_ARGS(repeated(STR("a"), 60, STR("b\"")))),
              "a pattern took too much to match");
    unchecked(STR("{\"not\":{\"pattern\":\"^(a|aa)+$\"}}"),
              arena_printf(&arena, "\"%.*s", STR_ARGS(repeated(STR("a"), 60, STR("b\"")))),
              "a pattern took too much to match");
    /* not dear at any place, but at all of them together */
    unchecked(STR("{\"pattern\":\"a.*[bc]\"}"),
              arena_printf(&arena, "\"%.*s", STR_ARGS(repeated(STR("a"), 2000000, STR("\"")))),
              "a pattern took too much to match");
    /* three schemas deep for each list */
    unchecked(STR("{\"items\":{\"$ref\":\"#/$defs/a\"},\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
                  "\"b\":{\"$ref\":\"#\"}}}"),
              repeated(STR("["), 100, repeated(STR("]"), 100, STR(""))),
              "its schemas go too deep into each other");
    /* 2 to the power of 60 */
    buf_init(&doubling, TEST_BYTES_MAX);
    buf_str(&doubling, STR("{\"$ref\":\"#/$defs/s0\",\"$defs\":{\"s60\":true"));
    for (unsigned i = 0; i < 60; i++)
        buf_printf(&doubling,
                   ",\"s%u\":{\"allOf\":[{\"$ref\":\"#/$defs/s%u\"},"
                   "{\"$ref\":\"#/$defs/s%u\"}]}",
                   i, i + 1, i + 1);
    buf_str(&doubling, STR("}}"));
    unchecked(buf_view(&doubling), STR("1"), "it took too many steps");
    buf_fini(&doubling);
    buf_init(&list, TEST_BYTES_MAX);
    for (unsigned i = 0; i < 20000; i++)
        buf_printf(&list, "%c%u", i ? ',' : '[', i);
    buf_char(&list, ']');
    unchecked(STR("{\"uniqueItems\":true}"), buf_view(&list), "it took too many steps");
    buf_fini(&list);
}

/* A schema may be long and deep, and is refused beyond its bounds. */
static void large_test(void **state)
{
    struct fault f = {0};
    struct schema *s = NULL;
    struct buf many;
    (void)state;
    buf_init(&many, TEST_BYTES_MAX);
    buf_str(&many, STR("{\"anyOf\":["));
    for (unsigned i = 0; i < SCHEMA_PARTS_MAX; i++)
        buf_str(&many, i ? STR(",{}") : STR("{}"));
    buf_str(&many, STR("]}"));
    assert_int_equal(schema_load(&arena, buf_view(&many), &s, &f), E_CONFIG);
    assert_non_null(strstr(fault_text(&f), "the schema has more than 20000 parts"));
    buf_fini(&many);
    fault_clear(&f);
    struct str huge = repeated(STR(" "), SCHEMA_BYTES_MAX, STR("{}"));
    assert_int_equal(schema_load(&arena, huge, &s, &f), E_CONFIG);
    assert_string_equal(fault_text(&f), "the schema has 1048578 bytes; at most 1048576");
}

/* One schema, many values: nothing of one check is left for the next. */
static void again_test(void **state)
{
    struct fault f = {0};
    struct schema *s = NULL;
    struct str schema = STR("{\"type\":\"array\",\"items\":{\"pattern\":\"^a\"}}");
    (void)state;
    assert_int_equal(schema_load(&arena, schema, &s, &f), 0);
    for (unsigned i = 0; i < 100; i++) {
        enum schema_verdict verdict;
        struct str why;
        yyjson_doc *doc;
        assert_int_equal(json_parse(&arena, i % 2 ? STR("[\"ab\"]") : STR("[\"b\"]"), &doc, &f), 0);
        assert_int_equal(schema_check(s, &arena, yyjson_doc_get_root(doc), &verdict, &why), 0);
        assert_int_equal(verdict, i % 2 ? SCHEMA_OBEYED : SCHEMA_BROKEN);
    }
    schema_free(s);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, TEST_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_test), cmocka_unit_test(refused_test),
        cmocka_unit_test(bounds_test), cmocka_unit_test(large_test),
        cmocka_unit_test(again_test),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
