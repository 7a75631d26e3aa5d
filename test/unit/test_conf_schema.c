/*
 * test_conf_schema.c: the schema and the parser agree. A small validator for the keywords that the
 * schema uses judges the same files as the parser does.
 */
#include "base_test.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <yyjson.h>

#include "conf/doc.h"
#include "conf_random.h"

static yyjson_doc *schema;

/* ---------------------------------------------------------------- the validator */

static bool valid(yyjson_val *rule, yyjson_val *value);

static bool type_is(yyjson_val *value, const char *name)
{
    if (strcmp(name, "integer") == 0)
        return yyjson_is_num(value) && yyjson_get_num(value) == floor(yyjson_get_num(value));
    if (strcmp(name, "number") == 0)
        return yyjson_is_num(value);
    if (strcmp(name, "boolean") == 0)
        return yyjson_is_bool(value);
    if (strcmp(name, "object") == 0)
        return yyjson_is_obj(value);
    if (strcmp(name, "array") == 0)
        return yyjson_is_arr(value);
    if (strcmp(name, "string") == 0)
        return yyjson_is_str(value);
    assert_string_equal(name, "null");
    return yyjson_is_null(value);
}

static bool pattern_matches(const char *pattern, yyjson_val *value)
{
    regex_t re;
    if (!yyjson_is_str(value))
        return true;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&re, yyjson_get_str(value), 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

static bool any_of(yyjson_val *rules, yyjson_val *value)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(rules);
    yyjson_val *rule;
    while ((rule = yyjson_arr_iter_next(&iter)))
        if (valid(rule, value))
            return true;
    return false;
}

static bool one_type(yyjson_val *types, yyjson_val *value)
{
    if (yyjson_is_str(types))
        return type_is(value, yyjson_get_str(types));
    for (size_t i = 0; i < yyjson_arr_size(types); i++)
        if (type_is(value, yyjson_get_str(yyjson_arr_get(types, i))))
            return true;
    return false;
}

/* 0 and 0.0 are one number to JSON Schema. */
static bool equal(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_is_num(a) && yyjson_is_num(b))
        return yyjson_get_num(a) == yyjson_get_num(b);
    return yyjson_equals(a, b);
}

static bool one_equal(yyjson_val *list, yyjson_val *value)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++)
        if (equal(yyjson_arr_get(list, i), value))
            return true;
    return false;
}

static bool members_valid(yyjson_val *rule, yyjson_val *value)
{
    yyjson_val *properties = yyjson_obj_get(rule, "properties");
    yyjson_val *further = yyjson_obj_get(rule, "additionalProperties");
    yyjson_obj_iter iter = yyjson_obj_iter_with(value);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&iter))) {
        yyjson_val *own = yyjson_obj_getn(properties, yyjson_get_str(key), yyjson_get_len(key));
        yyjson_val *used = own ? own : further;
        if (yyjson_is_false(used) || !valid(used, yyjson_obj_iter_get_val(key)))
            return false;
    }
    yyjson_val *required = yyjson_obj_get(rule, "required");
    for (size_t i = 0; i < yyjson_arr_size(required); i++)
        if (!yyjson_obj_get(value, yyjson_get_str(yyjson_arr_get(required, i))))
            return false;
    return true;
}

static bool reference_valid(const char *to, yyjson_val *value)
{
    assert_int_equal(strncmp(to, "#/$defs/", 8), 0);
    yyjson_val *defs = yyjson_obj_get(yyjson_doc_get_root(schema), "$defs");
    yyjson_val *rule = yyjson_obj_get(defs, to + 8);
    assert_non_null(rule);
    return valid(rule, value);
}

static bool keyword_valid(const char *name, yyjson_val *operand, yyjson_val *rule,
                          yyjson_val *value)
{
    static const char *const silent[] = {
        "$schema", "$defs", "title", "description", "default", "required", "additionalProperties"};
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        if (strcmp(name, silent[i]) == 0)
            return true;
    if (strcmp(name, "type") == 0)
        return one_type(operand, value);
    if (strcmp(name, "anyOf") == 0)
        return any_of(operand, value);
    if (strcmp(name, "enum") == 0)
        return one_equal(operand, value);
    if (strcmp(name, "const") == 0)
        return equal(operand, value);
    if (strcmp(name, "$ref") == 0)
        return reference_valid(yyjson_get_str(operand), value);
    if (strcmp(name, "pattern") == 0)
        return pattern_matches(yyjson_get_str(operand), value);
    if (strcmp(name, "minimum") == 0)
        return !yyjson_is_num(value) || yyjson_get_num(value) >= yyjson_get_num(operand);
    if (strcmp(name, "maximum") == 0)
        return !yyjson_is_num(value) || yyjson_get_num(value) <= yyjson_get_num(operand);
    if (strcmp(name, "maxProperties") == 0)
        return yyjson_obj_size(value) <= (size_t)yyjson_get_int(operand);
    if (strcmp(name, "propertyNames") == 0)
        return yyjson_obj_get(value, "") == NULL;
    if (strcmp(name, "properties") == 0)
        return !yyjson_is_obj(value) || members_valid(rule, value);
    assert_string_equal(name, "items");
    for (size_t i = 0; i < yyjson_arr_size(value); i++)
        if (!valid(operand, yyjson_arr_get(value, i)))
            return false;
    return true;
}

static bool valid(yyjson_val *rule, yyjson_val *value)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(rule);
    yyjson_val *key;
    assert_true(yyjson_is_obj(rule));
    while ((key = yyjson_obj_iter_next(&iter)))
        if (!keyword_valid(yyjson_get_str(key), yyjson_obj_iter_get_val(key), rule, value))
            return false;
    bool map = yyjson_obj_get(rule, "additionalProperties") && !yyjson_obj_get(rule, "properties");
    return !map || !yyjson_is_obj(value) || members_valid(rule, value);
}

/* ---------------------------------------------------------------- both judges */

static bool parser_takes(struct str text)
{
    struct conf_doc *doc;
    int err = conf_load_text(&world_table, "test.yaml", text, &doc);
    conf_unref(doc);
    return err == 0;
}

/* The YAML as JSON, references left as they are written. */
static bool schema_takes(struct str text)
{
    struct conf_doc *doc = doc_new(&world_table, "test.yaml");
    struct arena a;
    struct node *node;
    struct buf json;
    const struct node *where;
    struct str why;
    arena_init_private(&a, 64u << 20);
    buf_init(&json, 64u << 20);
    assert_int_equal(yaml_read(doc, &a, text, &node), 0);
    assert_true(json_from_node(&a, node, &json, &where, &why));
    yyjson_doc *value = yyjson_read(json.p, json.n, 0);
    assert_non_null(value);
    bool taken = valid(yyjson_doc_get_root(schema), yyjson_doc_get_root(value));
    yyjson_doc_free(value);
    buf_fini(&json);
    arena_fini(&a);
    conf_unref(doc);
    return taken;
}

static void both(const char *text, bool want)
{
    if (parser_takes(str_from(text)) != want)
        fail_msg("the parser %s: %s", want ? "refuses" : "takes", text);
    if (schema_takes(str_from(text)) != want)
        fail_msg("the schema %s: %s", want ? "refuses" : "takes", text);
}

static void both_take(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "~",
        "{}",
        "text: a",
        "text: 5",
        "text: on",
        "text: true",
        "text: ~",
        "text: 2024-01-01",
        "flag: on",
        "flag: Off",
        "flag: YES",
        "flag: true",
        "flag: False",
        "flag: 'no'",
        "flag: ~",
        "count: 7",
        "count: '7'",
        "count: +7",
        "count: -10",
        "count: 7.0",
        "count: '07.'",
        "share: 0.5",
        "share: 50%",
        "share: '50 %'",
        "share: .5",
        "share: 1",
        "wait: 1s",
        "wait: 1.5h",
        "wait: off",
        "wait: false",
        "wait: No",
        "wait: 0",
        "wait: '0'",
        "wait: 0.0",
        "wait: +2 d",
        "pause: 500ms",
        "bytes: 4096",
        "bytes: 64KiB",
        "bytes: 64 kb",
        "bytes: 100B",
        "bytes: '1.5KiB'",
        "usd: 5",
        "usd: 0.001",
        "usd: $5",
        "usd: 1e-3",
        "usd: '1e-3'",
        "choice: ask",
        "choice: off",
        "choice: false",
        "choice: No",
        "json: 1",
        "json: ~",
        "json: {a: [b]}",
        "words: a",
        "words: 5",
        "words: [a, 5, true]",
        "words: []",
        "headers: {a: b, c: 5, d: ~, e: on}",
        "headers: {}",
        "limits: {}",
        "limits: ~",
        "limits: {idle: ~}",
        "items: a",
        "items: [a, {is: b}]",
        "items: {is: a}",
        "items: []",
        "items: ~",
        "items: [5]",
        "parts: {a: b, c: {is: d}}",
        "parts: ~",
        "lanes: {a: b, c: [d, {is: e}], f: ~, g: [], h: {is: i}}",
        "items: {is: a, parts: [b, {is: c, parts: d}]}",
        "bare_wait: 5ms",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        both(texts[i], true);
}

static void both_refuse(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",
        "text",
        "nope: 1",
        "txet: a",
        "text: [a]",
        "text: {a: b}",
        "secret: [a]",
        "flag: maybe",
        "flag: 1",
        "flag: [on]",
        "count: 1001",
        "count: -11",
        "count: x",
        "count: 1.5",
        "count: '1e3'",
        "count: on",
        "share: 1.5",
        "share: -0.5",
        "share: x%",
        "wait: 5",
        "wait: 1w",
        "wait: on",
        "wait: 1S",
        "pause: off",
        "pause: false",
        "bytes: 15",
        "bytes: 1.5",
        "bytes: 1XB",
        "usd: -1",
        "usd: five",
        "choice: maybe",
        "choice: true",
        "choice: ASK",
        "words: {a: b}",
        "words: [[a]]",
        "words: [~]",
        "headers: [a]",
        "headers: a",
        "headers: {a: [b]}",
        "limits: a",
        "limits: [a]",
        "limits: {nope: 1}",
        "items: [~]",
        "items: [[a]]",
        "items: {}",
        "items: [{weight: 1}]",
        "items: {is: a, nope: b}",
        "items: {is: ~}",
        "parts: a",
        "parts: [a]",
        "parts: {a: ~}",
        "parts: {a: [b]}",
        "parts: {a: {is: b, weight: 0}}",
        "lanes: a",
        "lanes: {a: [~]}",
        "lanes: {a: {nope: b}}",
        "items: {is: a, parts: [{is: b, nope: c}]}",
        "items: {is: a, key: [b]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        both(texts[i], false);
}

/* Any scalar may be a reference; the schema sees it as it is written. */
static void references_are_taken(void **state)
{
    (void)state;
    for (const struct conf_row *row = world_rows; row->name; row++) {
        char text[128];
        if (row->type > CONF_CHOICE)
            continue;
        snprintf(text, sizeof(text), "{\"%s\": \"${A_NAME}\"}", row->name);
        yyjson_doc *value = yyjson_read(text, strlen(text), 0);
        if (!valid(yyjson_doc_get_root(schema), yyjson_doc_get_root(value)))
            fail_msg("refused: %s", text);
        yyjson_doc_free(value);
    }
}

static void what_the_parser_takes_the_schema_takes(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 2000; seed++) {
        struct chance chance = {seed};
        struct buf text;
        buf_init(&text, 1 << 22);
        random_table(&chance, &text, &world_table, 0);
        if (!parser_takes(buf_view(&text)) || !schema_takes(buf_view(&text)))
            fail_msg("seed %u:\n%.*s", seed, STR_ARGS(buf_view(&text)));
        buf_fini(&text);
    }
}

static int setup(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    int err = conf_schema(&world_table, &out);
    schema = err ? NULL : yyjson_read(out.p, out.n, 0);
    buf_fini(&out);
    return schema ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    yyjson_doc_free(schema);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_take),
        cmocka_unit_test(both_refuse),
        cmocka_unit_test(references_are_taken),
        cmocka_unit_test(what_the_parser_takes_the_schema_takes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
