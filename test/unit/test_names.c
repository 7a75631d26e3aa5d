/* test_names.c: the members that name objects of a provider: found by the scan on its way, and read
 * where they stand. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base_test.h"
#include "llm/names.h"
#include "llm/wire.h"

static bool watched(const char *body)
{
    const struct json_scan *scan = NULL;
    assert_int_equal(json_scan_watching(str_from(body), &names_watch, &scan, NULL), 0);
    return scan->watched;
}

static unsigned read_names(struct arena *arena, const char *body, struct llm_request *r)
{
    *r = (struct llm_request){0};
    assert_int_equal(names_read(str_from(body), arena, r, NULL), 0);
    return r->kept_n;
}

/* Wherever and however a key stands, what the walk takes for a name the scan has seen. */
static void the_scan_sees_what_the_walk_reads(void **state UNUSED)
{
    static const char *const keys[] = {"file_id",          "FILE_ID",         "file_ids",
                                       "container",        "container_id",    "container_ids",
                                       "collection_id",    "collection_ids",  "library_ids",
                                       "skill_id",         "tunnel_id",       "vector_store_id",
                                       "Vector_Store_IDs", "\xC5\xBFkill_id", "file_id\xC5\xBF",
                                       "\\u0066ile_id",    "file\\u005fid"};
    static const char *const places[] = {"{\"%s\":\"x\"}", "{\"a\":{\"%s\":[\"x\"]}}",
                                         "{\"a\":[1,{\"b\":\"%%\",\"%s\" : \"x\"}],\"c\":2}",
                                         "{\"a\":[[[{\"\":{}},{\"%s\":\"x\"}]]]}"};
    struct arena arena;
    struct llm_request r;
    char body[256];
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        for (size_t k = 0; k < ARRAY_LEN(places); k++) {
            snprintf(body, sizeof(body), places[k], keys[i]);
            assert_true(watched(body));
            assert_int_equal(read_names(&arena, body, &r), 1);
            assert_non_null(r.kept[0].what);
        }
    arena_fini(&arena);
}

static void other_keys_are_not_looked_at_again(void **state UNUSED)
{
    static const char *const bodies[] = {
        "{}", "{\"\":{\"\":\"\"}}",
        "{\"model\":\"file_id\",\"messages\":[{\"role\":\"user\","
        "\"content\":\"\\\"file_id\\\":1\\u0066\"}]}",
        "{\"a\":{\"id\":1,\"tool_call_id\":2,\"call_id\":3,\"user_id\":4,\"arguments\":{}}}",
        "{\"a\":{\"profile_id\":1,\"file_idx\":2,\"file_i\":3,\"parameters\":4,\"fil\xC3\xA9_id\":"
        "5}}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        assert_false(watched(bodies[i]));
    assert_true(watched("{\"a\":{\"file_id\":null}}"));
}

static void forms(void **state UNUSED)
{
    static const struct {
        const char *body;
        bool named;
    } rows[] = {{"name=\"images[][file_id]\"", true},
                {"name=\"FILE_ID\"", true},
                {"file_id", true},
                {"form-data; name*=utf-8''file%5Fid", true},
                {"form-data; NAME*0*=utf-8''file%5; name*1=Fid", true},
                {"form-data; name=\"a\"; filename*=utf-8''%20.png", false},
                {"form-data; name=\"a*\"", false},
                {"the name* of it", false},
                {"ile_id", false},
                {"file_i", false},
                {"_", false},
                {"{\"x\":[{\"file_id\":\"a\"}]}", true},
                {"{\"x\":\"file_id\"}", false},
                {"{\"voice\":{\"id\":\"v\"}}", true},
                {"{\"voice\":\"id\"}", false},
                {"", false},
                {"[{\"file_id\":\"a\"}]", true}};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *what = NULL;
        struct fault f = {0};
        assert_int_equal(names_find(str_from(rows[i].body), true, &arena, &what, &f), 0);
        assert_int_equal(what != NULL, rows[i].named);
    }
    arena_fini(&arena);
}

static void not_more_than_so_many(void **state UNUSED)
{
    struct arena arena;
    struct buf body;
    struct llm_request r = {0};
    struct fault f = {0};
    arena_init(&arena, 8 << 20);
    buf_init(&body, 1 << 20);
    buf_str(&body, STR("{\"file_ids\":[\"a\""));
    for (unsigned i = 1; i < NAMES_MAX; i++)
        buf_str(&body, STR(",\"a\""));
    size_t n = body.n;
    buf_str(&body, STR("]}"));
    assert_int_equal(names_read(buf_view(&body), &arena, &r, &f), 0);
    assert_int_equal(r.kept_n, NAMES_MAX);
    body.n = n;
    buf_str(&body, STR(",\"a\"]}"));
    assert_int_equal(names_read(buf_view(&body), &arena, &r, &f), E_BAD_REQUEST);
    buf_fini(&body);
    arena_fini(&arena);
}

/* A call's input is the client's own; who says two types, or one in a spelling of its own, may have
 * another one read by the provider. */
static void whose_type_is_not_sure_is_no_call(void **state UNUSED)
{
    static const struct {
        const char *types;
        unsigned named;
    } rows[] = {{"\"type\":\"tool_use\"", 0},
                {"\"type\":\"server_tool_use\"", 0},
                {"\"type\":\"other\"", 1},
                {"\"type\":\"tool_use\",\"type\":\"other\"", 1},
                {"\"type\":\"tool_use\",\"Type\":\"other\"", 1},
                {"\"Type\":\"tool_use\"", 1}};
    struct arena arena;
    struct llm_request r;
    char body[256];
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(body, sizeof(body),
                 "{\"messages\":[{\"content\":[{%s,\"input\":{\"file_id\":\"f\"}}]}]}",
                 rows[i].types);
        assert_int_equal(read_names(&arena, body, &r), rows[i].named);
    }
    arena_fini(&arena);
}

/* What is asked of an object is found out once, however many of its members ask: else these would
 * keep the loop for minutes. */
static void time_does_not_grow_with_the_square(void **state UNUSED)
{
    struct arena arena;
    struct buf body;
    struct llm_request r = {0};
    struct fault f = {0};
    clock_t began = clock();
    arena_init(&arena, 64 << 20);
    buf_init(&body, 16 << 20);
    buf_str(&body, STR("{\"messages\":[{\"content\":\"\""));
    for (unsigned i = 0; i < 100000; i++)
        buf_str(&body, STR(",\"input\":{}"));
    buf_str(&body, STR("}]}"));
    assert_int_equal(names_read(buf_view(&body), &arena, &r, &f), 0);
    buf_clear(&body);
    buf_str(&body, STR("{\"model\":\"m\",\"input\":[{\"role\":\"user\""));
    for (unsigned i = 0; i < 4000; i++)
        buf_str(&body, STR(",\"id\":\"a\""));
    for (unsigned i = 0; i < 500000; i++)
        buf_str(&body, STR(",\"a\":0"));
    buf_str(&body, STR(",\"content\":\"x\"}]}"));
    assert_int_equal(wire_ask(&wire_responses, buf_view(&body), &arena, &r, &f), 0);
    assert_int_equal(r.kept_n, 4000);
    assert_true(r.kept[3999].carried);
    assert_in_range((clock() - began) / CLOCKS_PER_SEC, 0, 5);
    buf_fini(&body);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scan_sees_what_the_walk_reads),
        cmocka_unit_test(other_keys_are_not_looked_at_again),
        cmocka_unit_test(forms),
        cmocka_unit_test(not_more_than_so_many),
        cmocka_unit_test(whose_type_is_not_sure_is_no_call),
        cmocka_unit_test(time_does_not_grow_with_the_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
