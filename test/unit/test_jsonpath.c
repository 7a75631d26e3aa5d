/* test_jsonpath.c: what a JSONPath leads to; many of the examples are RFC 9535's. */
#include "base_test.h"

#include <stdio.h>

#include "base/json.h"
#include "eval/json/jsonpath.h"

#define TEST_BYTES_MAX (64u << 20)

static struct arena arena;

static yyjson_val *json(struct str text)
{
    yyjson_doc *doc = NULL;
    if (json_parse(&arena, text, &doc, NULL) != 0)
        fail_msg("the test's JSON: %.*s", STR_ARGS(str_head(text, 100)));
    return yyjson_doc_get_root(doc);
}

static struct jsonpath_found find(struct str path, yyjson_val *v, uint64_t steps_most,
                                  bool *ret_single)
{
    struct values_steps steps = {steps_most};
    struct fault f = {0};
    struct jsonpath *p = NULL;
    struct jsonpath_found found;
    if (jsonpath_read(&arena, path, &p, &f) != 0)
        fail_msg("%s", fault_text(&f));
    assert_int_equal(jsonpath_find(p, &arena, v, &steps, &found), 0);
    *ret_single = jsonpath_is_single(p);
    return found;
}

#define STORE                                                                                      \
    "{\"store\":{\"book\":[{\"author\":\"Rees\",\"price\":8.95},{\"author\":\"Waugh\","            \
    "\"price\":12.99},{\"author\":\"Melville\",\"isbn\":\"0\",\"price\":8.99},"                    \
    "{\"author\":\"Tolkien\",\"price\":22.99}],\"bicycle\":{\"color\":\"red\",\"price\":399}}}"
#define LETTERS "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"]"
#define MIXED   "{\"o\":{\"j\":1,\"k\":2},\"a\":[5,3,[{\"j\":4},{\"k\":6}]]}"

static const struct {
    const char *value, *path, *found;
    bool single;
} examples[] = {
    {STORE, "$.store.book[*].author", "[\"Rees\",\"Waugh\",\"Melville\",\"Tolkien\"]", false},
    {STORE, "$..author", "[\"Rees\",\"Waugh\",\"Melville\",\"Tolkien\"]", false},
    {STORE, "$.store..price", "[8.95,12.99,8.99,22.99,399]", false},
    {STORE, "$..book[2].author", "[\"Melville\"]", false},
    {STORE, "$..book[2].publisher", "[]", false},
    {STORE, "$..book[-1].price", "[22.99]", false},
    {STORE, "$..book[0,1].price", "[8.95,12.99]", false},
    {STORE, "$..book[:2].price", "[8.95,12.99]", false},
    {STORE, "$.store.bicycle.color", "[\"red\"]", true},
    {STORE, "$['store']['bicycle'][\"color\"]", "[\"red\"]", true},
    {STORE, "$.store.book[1].price", "[12.99]", true},
    {STORE, "$.store.book[9].price", "[]", true},
    {STORE, "$.store.book[-5]", "[]", true},
    {STORE, "$.store.nothing.color", "[]", true},
    {LETTERS, "$", "[" LETTERS "]", true},
    {LETTERS, "$[1]", "[\"b\"]", true},
    {LETTERS, "$[-2]", "[\"f\"]", true},
    {LETTERS, "$[1:3]", "[\"b\",\"c\"]", false},
    {LETTERS, "$[5:]", "[\"f\",\"g\"]", false},
    {LETTERS, "$[1:5:2]", "[\"b\",\"d\"]", false},
    {LETTERS, "$[5:1:-2]", "[\"f\",\"d\"]", false},
    {LETTERS, "$[::-1]", "[\"g\",\"f\",\"e\",\"d\",\"c\",\"b\",\"a\"]", false},
    {LETTERS, "$[::0]", "[]", false},
    {LETTERS, "$[-2:]", "[\"f\",\"g\"]", false},
    {LETTERS, "$[:-5]", "[\"a\",\"b\"]", false},
    {LETTERS, "$[-100:2]", "[\"a\",\"b\"]", false},
    {LETTERS, "$[3:100:9007199254740991]", "[\"d\"]", false},
    {LETTERS, "$[0, 3]", "[\"a\",\"d\"]", false},
    {LETTERS, "$[0:2,5]", "[\"a\",\"b\",\"f\"]", false},
    {LETTERS, "$[0,0]", "[\"a\",\"a\"]", false},
    {LETTERS, "$.a", "[]", true},
    {LETTERS, "$ [ 1 ]", "[\"b\"]", true},
    {MIXED, "$[*]", "[{\"j\":1,\"k\":2},[5,3,[{\"j\":4},{\"k\":6}]]]", false},
    {MIXED, "$.o.*", "[1,2]", false},
    {MIXED, "$.o['j','k']", "[1,2]", false},
    {MIXED, "$.o['k',*]", "[2,1,2]", false},
    {MIXED, "$..j", "[1,4]", false},
    {MIXED, "$..[0]", "[5,{\"j\":4}]", false},
    {MIXED, "$..*",
     "[{\"j\":1,\"k\":2},[5,3,[{\"j\":4},{\"k\":6}]],1,2,5,3,[{\"j\":4},{\"k\":6}],{\"j\":4},"
     "{\"k\":6},4,6]",
     false},
    {MIXED, "$.a..[0, 1]", "[5,3,{\"j\":4},{\"k\":6}]", false},
    {"{\"o\":{\"j j\":{\"k.k\":3}},\"'\":{\"@\":2}}", "$.o['j j']['k.k']", "[3]", true},
    {"{\"'\":{\"@\":2}}", "$[\"'\"][\"@\"]", "[2]", true},
    {"{\"'\":2,\"\\\"\":3}", "$['\\'']", "[2]", true},
    {"{\"'\":2,\"\\\"\":3}", "$['\"']", "[3]", true},
    {"{\"'\":2,\"\\\"\":3}", "$[\"\\\"\"]", "[3]", true},
    {"{\"\xc3\xa4\":1,\"_a1\":2,\"\":3}", "$.\xc3\xa4", "[1]", true},
    {"{\"\xc3\xa4\":1,\"_a1\":2,\"\":3}", "$['\\u00e4']", "[1]", true},
    {"{\"\xc3\xa4\":1,\"_a1\":2,\"\":3}", "$._a1", "[2]", true},
    {"{\"\xc3\xa4\":1,\"_a1\":2,\"\":3}", "$['']", "[3]", true},
    {"7", "$.*", "[]", false},
    {"null", "$", "[null]", true},
};

static void examples_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct values_steps steps = {10000};
        bool single;
        struct jsonpath_found found = find(str_from(examples[i].path),
                                           json(str_from(examples[i].value)), 10000, &single);
        yyjson_val *want = json(str_from(examples[i].found));
        bool same = found.n == yyjson_arr_size(want) && !found.too_many;
        for (size_t k = 0; k < found.n && same; k++)
            same = values_equal(found.at[k], yyjson_arr_get(want, k), &steps);
        if (!same || single != examples[i].single)
            fail_msg("%s of %s: %zu found, single %d", examples[i].path, examples[i].value, found.n,
                     single);
    }
}

static const char *const refused[][2] = {
    {"", "the path '', at character 1: expected $, the whole answer"},
    {"a.b", "the path 'a.b', at character 1: expected $, the whole answer"},
    {"$.", "the path '$.', at character 3: expected a name, which stands as ['...'] if it has "
           "other characters than letters, digits and _"},
    {"$.1", "the path '$.1', at character 3: expected a name, which stands as ['...'] if it has "
            "other characters than letters, digits and _"},
    {"$.a-b", "the path '$.a-b', at character 4: expected a dot or ["},
    {"$a", "the path '$a', at character 2: expected a dot or ["},
    {"$.a ", "the path '$.a ', at character 5: expected a dot or ["},
    {"$[?@.a>1]", "the path '$[?@.a>1]', at character 3: expected a name, an index or a slice: "
                  "filters are not supported"},
    {"$[a]", "the path '$[a]', at character 3: expected a name in quotes, an index, a slice such "
             "as 1:3, or *"},
    {"$[]",
     "the path '$[]', at character 3: expected a name in quotes, an index, a slice such as 1:3, "
     "or *"},
    {"$[1", "the path '$[1', at character 4: expected ] or a comma"},
    {"$[01]", "the path '$[01]', at character 3: expected a whole number without zeros in front"},
    {"$[-0]", "the path '$[-0]', at character 3: expected a whole number without zeros in front"},
    {"$[-]", "the path '$[-]', at character 3: expected a whole number without zeros in front"},
    {"$[9007199254740992]", "the path '$[9007199254740992]', at character 3: expected a whole "
                            "number without zeros in front"},
    {"$['a]", "the path '$['a]', at character 6: expected the name's closing quote"},
    {"$['\\q']", "the path '$['\\q']', at character 7: expected a name with escapes as in JSON "
                 "before this"},
    {"$...a", "the path '$...a', at character 4: expected a name, which stands as ['...'] if it "
              "has other characters than letters, digits and _"},
};

static void refused_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct fault f = {0};
        struct jsonpath *p = NULL;
        if (jsonpath_read(&arena, str_from(refused[i][0]), &p, &f) != E_CONFIG)
            fail_msg("%s was read", refused[i][0]);
        assert_string_equal(fault_text(&f), refused[i][1]);
    }
}

/* What would be found 100 times 100 times 100 times ends. */
static void bounds_test(void **state)
{
    struct fault f = {0};
    struct jsonpath *p = NULL;
    struct buf text;
    bool single;
    (void)state;
    buf_init(&text, TEST_BYTES_MAX);
    for (unsigned i = 0; i < 100; i++)
        buf_str(&text, STR("["));
    for (unsigned i = 0; i < 100; i++)
        buf_str(&text, STR("]"));
    yyjson_val *deep = json(buf_view(&text));
    assert_true(find(STR("$..*..*..*..*"), deep, 100000000, &single).too_many);
    assert_true(find(STR("$..*..*..*..*"), deep, 1000, &single).too_many);
    assert_false(find(STR("$..*"), deep, 1000, &single).too_many);
    buf_clear(&text);
    buf_char(&text, '$');
    for (unsigned i = 0; i < JSONPATH_STEPS_MAX; i++)
        buf_str(&text, STR(".a"));
    assert_int_equal(jsonpath_read(&arena, buf_view(&text), &p, &f), 0);
    buf_str(&text, STR(".a"));
    assert_int_equal(jsonpath_read(&arena, buf_view(&text), &p, &f), E_CONFIG);
    buf_fini(&text);
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
        cmocka_unit_test(examples_test),
        cmocka_unit_test(refused_test),
        cmocka_unit_test(bounds_test),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
