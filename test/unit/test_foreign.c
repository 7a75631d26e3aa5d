/* test_foreign.c: YAML that no table describes, as JSON with its lines. */
#include "conf/foreign.h"

#include "base/json.h"
#include "base_test.h"

static void read_as(struct arena *a, const char *text, struct foreign *ret_file)
{
    struct fault f = {0};
    assert_int_equal(foreign_read(a, "x.yaml", str_from(text), ret_file, &f), 0);
}

static yyjson_val *at(const struct foreign *file, const char *pointer)
{
    return yyjson_ptr_getx((yyjson_val *)file->root, pointer, strlen(pointer), NULL);
}

static void lines_of_values(void **state UNUSED)
{
    struct arena a;
    struct foreign file;
    arena_init_private(&a, 1u << 20);
    read_as(&a,
            "# a comment\n"
            "name: &anchor\n"
            "  - one\n"
            "  - {two: 2,\n"
            "     three: [3]}\n"
            "again: *anchor\n"
            "last: >\n"
            "  folded\n"
            "  text\n",
            &file);
    static const struct {
        const char *pointer;
        unsigned line;
    } expected[] = {{"/name", 3},       {"/name/0", 3},         {"/name/1", 4},
                    {"/name/1/two", 4}, {"/name/1/three", 5},   {"/again/0", 3},
                    {"/last", 8},       {"/name/1/three/0", 5}, {"/again/1/two", 4}};
    for (unsigned i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(foreign_line(&file, at(&file, expected[i].pointer)), expected[i].line);
    size_t i, n;
    yyjson_val *key, *value;
    unsigned lines[3] = {0};
    yyjson_obj_foreach(file.root, i, n, key, value) lines[i] = foreign_line(&file, key);
    assert_int_equal(lines[0], 2);
    assert_int_equal(lines[1], 6);
    assert_int_equal(lines[2], 7);
    assert_int_equal(foreign_line(&file, NULL), 0);
    struct foreign other;
    read_as(&a, "x: 1", &other);
    assert_int_equal(foreign_line(&file, other.root), 0);
    arena_fini(&a);
}

static void nothing_is_replaced(void **state UNUSED)
{
    struct arena a;
    struct foreign file;
    arena_init_private(&a, 1u << 20);
    read_as(&a, "{a: \"${HOME} $$ ${\", \"b\": [1.50, 0x10, yes, true, ~, '7']}", &file);
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(json_value(&out, file.root), 0);
    assert_str(buf_view(&out),
               STR("{\"a\":\"${HOME} $$ ${\",\"b\":[1.5,16,\"yes\",true,null,\"7\"]}"));
    buf_fini(&out);
    read_as(&a, "", &file);
    assert_true(yyjson_is_null(file.root));
    arena_fini(&a);
}

static void mistakes(void **state UNUSED)
{
    static const struct {
        const char *text, *said;
    } wrong[] = {
        {"a: 1\nb: [", "x.yaml:3:"},
        {"a: 1\na: 2", "x.yaml:2:1: "},
        {"a:\n  - .inf", "x.yaml:2:5: '.inf' cannot be written as JSON"},
        {"<<: {a: 1}", "x.yaml:1:1: merging with <<"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        struct arena a;
        struct foreign file;
        struct fault f = {0};
        arena_init_private(&a, 1u << 20);
        assert_int_equal(foreign_read(&a, "x.yaml", str_from(wrong[i].text), &file, &f), E_CONFIG);
        if (!strstr(fault_text(&f), wrong[i].said))
            fail_msg("%s: %s", wrong[i].text, fault_text(&f));
        arena_fini(&a);
    }
    struct arena a;
    struct foreign file;
    struct fault f = {0};
    arena_init_private(&a, 1u << 20);
    assert_int_equal(foreign_load(&a, "/nowhere/at/all.yaml", &file, &f), E_IO);
    assert_non_null(strstr(fault_text(&f), "/nowhere/at/all.yaml: cannot be read: No such file"));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_values),
        cmocka_unit_test(nothing_is_replaced),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
