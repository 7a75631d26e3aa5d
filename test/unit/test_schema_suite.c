/*
 * test_schema_suite.c: the official JSON Schema test suite's required tests of draft 2020-12.
 *
 * Reads the folder tests/draft2020-12 of https://github.com/json-schema-org/JSON-Schema-Test-Suite
 * (MIT) that JSON_SCHEMA_SUITE names; skipped without it. A schema that is refused counts as such,
 * never as passed; what is not refused has to be right in every case.
 */
#include "base_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "eval/json/schema.h"

#define SUITE_BYTES_MAX (256u << 20)

struct tally {
    unsigned passed, failed, refused;
};

static struct str as_json(struct arena *a, yyjson_val *v)
{
    struct buf out;
    buf_init(&out, SUITE_BYTES_MAX);
    assert_int_equal(json_value(&out, v), 0);
    struct str text = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return text;
}

static void one_group(struct arena *a, const char *file, yyjson_val *group, struct tally *tally)
{
    struct schema *s = NULL;
    struct fault f = {0};
    yyjson_val *tests = yyjson_obj_get(group, "tests"), *test;
    size_t i, n;
    int err = schema_load(a, as_json(a, yyjson_obj_get(group, "schema")), &s, &f);
    if (err) {
        assert_int_equal(err, E_CONFIG);
        print_message("  refused: %s, %s: %s\n", file, json_get_str(group, "description").p,
                      fault_text(&f));
        tally->refused += (unsigned)yyjson_arr_size(tests);
        return;
    }
    yyjson_arr_foreach(tests, i, n, test)
    {
        enum schema_verdict verdict;
        struct str why;
        bool valid = yyjson_get_bool(yyjson_obj_get(test, "valid"));
        assert_int_equal(schema_check(s, a, yyjson_obj_get(test, "data"), &verdict, &why), 0);
        bool right = verdict == (valid ? SCHEMA_OBEYED : SCHEMA_BROKEN) && valid == !why.p;
        tally->passed += right;
        tally->failed += !right;
        if (!right)
            print_message("  wrong: %s, %s, %s: %.*s\n", file, json_get_str(group, "description").p,
                          json_get_str(test, "description").p, STR_ARGS(why));
    }
    schema_free(s);
}

static void one_file(const char *folder, const char *name, struct tally *tally)
{
    char path[4096];
    struct arena a;
    yyjson_val *group;
    size_t i, n;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    arena_init(&a, SUITE_BYTES_MAX);
    yyjson_doc *doc = yyjson_read_file(path, YYJSON_READ_BIGNUM_AS_RAW, NULL, NULL);
    assert_non_null(doc);
    yyjson_arr_foreach(yyjson_doc_get_root(doc), i, n, group) one_group(&a, name, group, tally);
    yyjson_doc_free(doc);
    arena_fini(&a);
}

static void suite_test(void **state)
{
    const char *folder = getenv("JSON_SCHEMA_SUITE");
    struct tally tally = {0};
    struct dirent *entry;
    (void)state;
    if (!folder) {
        print_message("skipped: JSON_SCHEMA_SUITE does not name the suite's tests/draft2020-12\n");
        skip();
    }
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        if (str_ends(str_from(entry->d_name), STR(".json")))
            one_file(folder, entry->d_name, &tally);
    closedir(dir);
    print_message("%u passed, %u failed, %u of refused schemas\n", tally.passed, tally.failed,
                  tally.refused);
    assert_true(tally.passed > 0);
    assert_int_equal(tally.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(suite_test)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
