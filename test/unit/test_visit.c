#include "base_test.h"

#include "api/visit.h"

/* As the rule says it, part by part: everything that may part is made a slash first. */
static bool is_plain_by_parts(struct str path)
{
    static const struct str odd[] = {{"%2e", 3}, {"%2E", 3}, {"%5c", 3}, {"%5C", 3}, {"%25", 3},
                                     {"\\", 1},  {"//", 2},  {"/./", 3}, {"/../", 4}};
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) {
        bool slash = path.n - i >= 3 && path.p[i] == '%' && path.p[i + 1] == '2' &&
                     (path.p[i + 2] == 'f' || path.p[i + 2] == 'F');
        text[n++] = slash || path.p[i] == ';' ? '/' : path.p[i];
        i += slash ? 2 : 0;
    }
    struct str parts = str_of(text, n);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        if (str_find(parts, odd[i]) >= 0)
            return false;
    return !str_ends(parts, STR("/.")) && !str_ends(parts, STR("/.."));
}

static void plain_paths(void **state)
{
    (void)state;
    static const char *const plain[] = {"/",         "/v1/chat/completions",
                                        "/v1/",      "*",
                                        "/.../",     "/.well-known/x",
                                        "/a..",      "/..a",
                                        "/v1/a%2fb", "/v1/100%",
                                        "/%2",       "/%5",
                                        "/a.b/..c",  "/v1/gpt-4.1",
                                        "/....",     ""};
    static const char *const odd[] = {"//",
                                      "/v1//x",
                                      "/v1/./x",
                                      "/v1/../x",
                                      "/v1/.",
                                      "/v1/..",
                                      "/v1/%2e%2e",
                                      "/v1/%2E",
                                      "/a\\b",
                                      "/%5c",
                                      "/%5C",
                                      "/./",
                                      "/../",
                                      "/.",
                                      "/..",
                                      "/a//",
                                      "/v1/audio/..%2ffiles",
                                      "/v1/audio/..%2Ffiles",
                                      "/a/..;/b",
                                      "/a/%252e%252e/b",
                                      "/v1/%2f"};
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        assert_true(path_is_plain(str_from(plain[i])));
    for (size_t i = 0; i < ARRAY_LEN(odd); i++)
        assert_false(path_is_plain(str_from(odd[i])));
}

/* All texts of up to seven of the characters that matter. */
static void every_short_path(void **state)
{
    static const char letters[] = {'/', '.', '%', '2', 'e', 'f', ';', '5'};
    (void)state;
    char text[7];
    for (size_t n = 1; n <= sizeof(text); n++) {
        for (unsigned number = 0; number < 1u << (3 * n); number++) {
            for (size_t i = 0; i < n; i++)
                text[i] = letters[number >> (3 * i) & 7];
            struct str path = str_of(text, n);
            if (path_is_plain(path) != is_plain_by_parts(path))
                fail_msg("%.*s", STR_ARGS(path));
        }
    }
}

/* And a byte of any value anywhere. */
static void every_byte(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 8; at++) {
            char text[] = "/v%2x/.a";
            text[at] = (char)byte;
            struct str path = str_of(text, 8);
            assert_int_equal(path_is_plain(path), is_plain_by_parts(path));
        }
    }
}

/* A row's length is its text's: a star is looked for at the end. */
static void routes_have_paths(void **state)
{
    (void)state;
    unsigned n = 0;
    for (; routes[n].path.p; n++)
        assert_int_equal(routes[n].path.n, strlen(routes[n].path.p));
    assert_in_range(n, 30, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_paths),
        cmocka_unit_test(every_short_path),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(routes_have_paths),
    };
    return cmocka_run_group_tests_name("visit", tests, NULL, NULL);
}
