/* test_conf_show.c: complaints find their line, and show it without secrets; files. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf_world.h"

static struct conf_doc *load(const char *text, int want)
{
    struct conf_doc *doc = NULL;
    int err = conf_load_text(&world_table, "test.yaml", str_from(text), &doc);
    assert_non_null(doc);
    if (err != want) {
        struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(conf_problems_print(doc, &out, false), 0);
        fail_msg("got %d, want %d for:\n%s\n%.*s", err, want, text, STR_ARGS(buf_view(&out)));
    }
    return doc;
}

static const struct world *good(const char *text, struct conf_doc **ret_doc)
{
    *ret_doc = load(text, 0);
    assert_int_equal(conf_problem_count(*ret_doc), 0);
    return conf_root(*ret_doc);
}

static const struct world_part *part(const struct conf_list *list, unsigned i)
{
    assert_true(i < list->n);
    return (const struct world_part *)list->at + i;
}

static void first_is(struct conf_doc *doc, const char *want)
{
    const struct conf_problem *p = conf_problem(doc, 0);
    assert_non_null(p);
    if (str_find(p->text, str_from(want)) < 0)
        fail_msg("got \"%.*s\", want \"%s\"", STR_ARGS(p->text), want);
    conf_unref(doc);
}

/* ---------------------------------------------------------------- checks by modules */

static void complain_at(struct conf_doc *doc, const void *field, unsigned line, const char *path)
{
    unsigned before = conf_problem_count(doc);
    conf_complain(doc, field, "seen at %s", path);
    assert_int_equal(conf_problem_count(doc), before + 1);
    char want[128];
    snprintf(want, sizeof(want), "seen at %s", path);
    for (unsigned i = 0; i <= before; i++) {
        const struct conf_problem *p = conf_problem(doc, i);
        if (!str_eq(p->text, str_from(want)))
            continue;
        assert_str(p->path, str_from(path));
        assert_int_equal(p->line, line);
        return;
    }
    fail_msg("no complaint \"%s\"", want);
}

static void fields_lead_to_lines(void **state)
{
    (void)state;
    struct conf_doc *doc;
    const struct world *w = good("flag: on\n"                  /* 1 */
                                 "limits: {idle: 1s,\n"        /* 2 */
                                 "  most: 3}\n"                /* 3 */
                                 "tags: [a,\n"                 /* 4 */
                                 "  b]\n"                      /* 5 */
                                 "headers:\n"                  /* 6 */
                                 "  x: y\n"                    /* 7 */
                                 "parts:\n"                    /* 8 */
                                 "  one:\n"                    /* 9 */
                                 "    is: a\n"                 /* 10 */
                                 "  two: b\n"                  /* 11 */
                                 "lanes:\n"                    /* 12 */
                                 "  cheap:\n"                  /* 13 */
                                 "    - a\n"                   /* 14 */
                                 "    - {weight: 2, is: b}\n", /* 15 */
                                 &doc);
    const struct world_part *parts = w->parts.at;
    const struct conf_list *lanes = w->lanes.at;
    complain_at(doc, &w->flag, 1, "flag");
    complain_at(doc, &w->limits.most, 3, "limits.most");
    complain_at(doc, &w->tags, 4, "tags");
    complain_at(doc, &w->tags.at[1], 5, "tags[1]");
    complain_at(doc, &w->headers.value[0], 7, "headers.x");
    complain_at(doc, &w->headers.name[0], 7, "headers.x");
    complain_at(doc, &w->parts, 8, "parts");
    complain_at(doc, &w->parts.name[1], 11, "parts.two");
    complain_at(doc, &parts[0], 9, "parts.one");
    complain_at(doc, &parts[0].weight, 9, "parts.one");
    complain_at(doc, &parts[0].is, 10, "parts.one.is");
    complain_at(doc, &parts[0].limits.most, 9, "parts.one.limits.most");
    complain_at(doc, &parts[1].is, 11, "parts.two");
    complain_at(doc, &lanes[0], 13, "lanes.cheap");
    complain_at(doc, part(&lanes[0], 0), 14, "lanes.cheap[0]");
    complain_at(doc, &part(&lanes[0], 1)->is, 15, "lanes.cheap[1].is");
    complain_at(doc, &part(&lanes[0], 1)->key, 15, "lanes.cheap[1].key");
    complain_at(doc, &w->bytes, 1, "bytes"); /* not in the file: where the file began */
    complain_at(doc, NULL, 0, "");
    complain_at(doc, "elsewhere", 0, "");
    assert_int_equal(conf_error_count(doc), conf_problem_count(doc));
    conf_warn(doc, &w->flag, "only a warning");
    assert_int_equal(conf_error_count(doc) + 1, conf_problem_count(doc));
    conf_unref(doc);
}

/* Where a struct and its first setting share an address, the setting is meant if it was given. */
static void shared_addresses(void **state)
{
    (void)state;
    struct one {
        int64_t only;
    };
    static const struct conf_row rows[] = {
        {.name = "only", .type = CONF_INT, .offset = offsetof(struct one, only)}, {0}};
    static const struct conf_table table = {
        .name = "one", .size = sizeof(struct one), .rows = rows};
    static const struct conf_row root_rows[] = {{.name = "map", .type = CONF_MAP, .child = &table},
                                                {0}};
    static const struct conf_table root = {
        .name = "root", .size = sizeof(struct conf_map), .rows = root_rows};
    struct conf_doc *doc;
    assert_int_equal(conf_load_text(&root, "t", STR("map:\n  a:\n    only: 1\n  b: {}\n"), &doc),
                     0);
    const struct conf_map *map = conf_root(doc);
    const struct one *items = map->at;
    complain_at(doc, &items[0], 3, "map.a.only");
    complain_at(doc, &items[1], 4, "map.b");
    conf_unref(doc);
}

/* ---------------------------------------------------------------- shown to people */

static void shows(const char *text, const char *want)
{
    struct conf_doc *doc = load(text, E_CONFIG);
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(conf_problems_print(doc, &out, false), 0);
    assert_str(buf_view(&out), str_from(want));
    buf_fini(&out);
    conf_unref(doc);
}

static void problems_show_their_line(void **state)
{
    (void)state;
    shows("\xEF\xBB\xBFlimits: {most: 0}\n", /* without the byte order mark */
          "test.yaml:1:16: error: limits.most: '0' is too small; expected 1 to 100\n"
          "     1 | limits: {most: 0}\n"
          "       |                ^\n");
    shows("limits:\n  most: 0 # \xc3\xa9\n",
          "test.yaml:2:9: error: limits.most: '0' is too small; expected 1 to 100\n"
          "     2 |   most: 0 # \xc3\xa9\n"
          "       |         ^\n");
    shows("# \xc3\xa9\n\"text\": {\xc3\xa9: \t[}]\n",
          "test.yaml:2:15: error: a closing bracket that does not fit the open one\n"
          "     2 | \"text\": {\xc3\xa9: \t[}]\n"
          "       |             \t ^\n");
}

/* What is no secret stays to be read, with references, in a file that is no YAML, too. */
static void names_are_shown(void **state)
{
    (void)state;
    shows("parts: {a: {is: \"b\", key: \"${A_KEY}\", weight: 1: 2}}\n",
          "test.yaml:1:48: error: a ',' or the closing bracket is missing\n"
          "     1 | parts: {a: {is: \"b\", key: \"${A_KEY}\", weight: 1: *}}\n"
          "       |                                                ^\n");
}

static void secrets_are_covered(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "secret: hunter2hunter2\ncount: x\n",
        "parts: {a: {is: b, key: hunter2hunter2, weight: x}}\n",
        "parts: {a: {is: b, key: \"hunter2hunter2\", weight: x}}\n",
        "parts: {a: {is: b, kye: x, key: 'hunter2hunter2'}}\n",
        "parst: {a: {is: b, api_key: hunter2hunter2, weight: 1}}\n",
        "json: {Authorization: Bearer hunter2hunter2, b: [}\n",
        "flag: [sk-hunter2hunter2]\n",
        "flag: sk-hunter2hunter2\n",
        "parts: {a: {is: \"http://bob:hunter2@host/a\", weight: x}}\n",
        "parts: {a: {is: \"http://host/a?key=hunter2\", weight: x}}\n",
        "parts: {a: {is: &k hunter2hunter2, key: *k, weight: x}}\n",
        "parts: {a: {key: hunter2, weight: 1: 2}}\n", /* short ones, in what is no YAML */
        "parts: {a: {key: \"hunter2\"hunter2}}\n",
        "parts: {a: {key: \"x\"hunter2, is: b}}\n",
        "json: {Authorization: hunter2, x: [}\n",
        "json: {a: 1,\n  Authorization: hunter2, is: b: c}\n",
        "parts:\n  a:\n    key: ab,hunter2: x\n",
        "parts:\n  a:\n    key: hunter2: x\n",
        "parts:\n  a:\n    key: \"hunter2\n    is: b\n",
        "parts:\n  a:\n    key: *hunter2\n",
        "parts:\n  a:\n    key: |\n      hunter2\n   is: b\n",
        "parts:\n  a: [ hunter2 }\n",
        "parts: {a: {key: [hunter2]}}\n", /* and in what is */
        "parts: {a: {is: b, key: [x, {y: hunter2}]}}\n",
        "parts: {a: {is: b, kye: hunter2}}\n",
        "parst: {a: [hunter2]}\n",
        "parts: {a: {is: b, key: \"${NOPE-hunter2}\"}}\n",
        "parts: {a: {is: b, key: \"${NOPE:-hunter2}\", weight: x}}\n",
        "flag: yes\nlimits: hunter2\n",
        "parts: hunter2\n", /* in the place of a map of tables, which may hold secrets */
        "parts: [hunter2, {a: hunter2}]\n",
        "parts:\n  a:\n    key: !hunter2 x\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct conf_doc *doc = load(texts[i], E_CONFIG);
        struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(conf_problems_print(doc, &out, false), 0);
        if (str_find(buf_view(&out), STR("hunter2")) >= 0)
            fail_msg("%s", out.p);
        assert_true(str_find(buf_view(&out), STR("error")) >= 0);
        assert_true(i == 0 || str_find(buf_view(&out), STR("*****")) >= 0 ||
                    str_find(str_from(texts[i]), STR("\n ")) >= 0);
        buf_fini(&out);
        conf_unref(doc);
    }
    shows("parts: {a: {is: b, key: \"${CONF_TEST_EMPTY:-}\", weight: x}}\n",
          "test.yaml:1:57: error: parts.a.weight: 'x' is no number; expected a whole number such "
          "as 100\n"
          "     1 | parts: {a: {is: b, key: \"${CONF_TEST_EMPTY:-}\", weight: x}}\n"
          "       |                                                         ^\n");
}

/* ---------------------------------------------------------------- files */

static void files_are_read(void **state)
{
    (void)state;
    char path[] = "/tmp/conf-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "count: 7\n", 9), 9);
    close(fd);
    struct conf_doc *doc, *same;
    assert_int_equal(conf_load(&world_table, path, &doc), 0);
    assert_int_equal(((const struct world *)conf_root(doc))->count, 7);
    assert_string_equal(conf_path(doc), path);
    same = load("count: 7\n", 0);
    assert_int_equal(conf_text_hash(doc).n, 32);
    assert_str(conf_text_hash(doc), conf_text_hash(same));
    conf_unref(same);
    same = load("count: 8\n", 0);
    assert_false(str_eq(conf_text_hash(doc), conf_text_hash(same)));
    conf_unref(same);
    assert_ptr_equal(conf_ref(doc), doc);
    conf_unref(doc);
    assert_int_equal(((const struct world *)conf_root(doc))->count, 7);
    conf_unref(doc);
    unlink(path);
    assert_int_equal(conf_load(&world_table, path, &doc), E_IO);
    first_is(doc, "cannot be read: No such file or directory");
    assert_int_equal(conf_load(&world_table, "/tmp", &doc), E_IO);
    first_is(doc, "cannot be read: Is a directory");
    conf_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_lead_to_lines),     cmocka_unit_test(shared_addresses),
        cmocka_unit_test(problems_show_their_line), cmocka_unit_test(secrets_are_covered),
        cmocka_unit_test(names_are_shown),          cmocka_unit_test(files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
