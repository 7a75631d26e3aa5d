/*
 * fuzz_schema.c: a JSON Schema, a JSONPath and a value, a line each, of any bytes.
 *
 * What is read ends, twice the same; what breaks is said and what obeys is not; allOf of a schema
 * agrees with it, not of it does not; the whole is at "$", and a single path leads to one place at
 * most.
 */
#include <string.h>

#include "base/json.h"
#include "eval/json/jsonpath.h"
#include "eval/json/schema.h"
#include "fuzz.h"

#define RUN_BYTES_MAX (256u << 20)

static enum schema_verdict verdict_of(struct arena *a, struct str schema, yyjson_val *value)
{
    enum schema_verdict verdict;
    struct schema *s = NULL;
    struct str why;
    struct fault f = {0};
    MUST(schema_load(a, schema, &s, &f) == 0);
    MUST(schema_check(s, a, value, &verdict, &why) == 0);
    MUST((verdict == SCHEMA_OBEYED) == (why.p == NULL));
    schema_free(s);
    return verdict;
}

static void check_schema(struct arena *a, struct str schema, yyjson_val *value)
{
    struct schema *s = NULL;
    struct fault f = {0};
    int err = schema_load(a, schema, &s, &f);
    MUST(err == 0 || (err == E_CONFIG && f.text[0]));
    if (err)
        return;
    schema_free(s);
    enum schema_verdict verdict = verdict_of(a, schema, value);
    MUST(verdict_of(a, schema, value) == verdict);
    /* References and names at the top mean another place within another schema. */
    if (verdict == SCHEMA_UNCHECKED || memchr(schema.p, '$', schema.n))
        return;
    struct str same = arena_printf(a, "{\"allOf\":[%.*s]}", STR_ARGS(schema));
    struct str other = arena_printf(a, "{\"not\":%.*s}", STR_ARGS(schema));
    enum schema_verdict deeper = verdict_of(a, same, value);
    MUST(deeper == verdict || deeper == SCHEMA_UNCHECKED);
    deeper = verdict_of(a, other, value);
    MUST(deeper != verdict);
}

static void check_path(struct arena *a, struct str text, yyjson_val *value)
{
    struct jsonpath *path = NULL;
    struct jsonpath_found found;
    struct values_steps steps = {100000};
    struct fault f = {0};
    int err = jsonpath_read(a, text, &path, &f);
    MUST(err == 0 || (err == E_CONFIG && f.text[0]));
    if (err)
        return;
    MUST(jsonpath_find(path, a, value, &steps, &found) == 0);
    MUST(!jsonpath_is_single(path) || found.n <= 1);
    MUST(text.n > 1 || (found.n == 1 && found.at[0] == value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str schema = str_cut(&rest, '\n'), path = str_cut(&rest, '\n');
    struct arena a;
    yyjson_doc *doc;
    arena_init(&a, RUN_BYTES_MAX);
    if (json_parse(&a, rest, &doc, NULL) == 0) {
        check_schema(&a, schema, yyjson_doc_get_root(doc));
        check_path(&a, path, yyjson_doc_get_root(doc));
    }
    arena_fini(&a);
    return 0;
}
