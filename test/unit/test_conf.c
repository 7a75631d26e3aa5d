/* test_conf.c: what a file becomes, and what is said about one that is wrong. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

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

/* The text has one mistake: there, at that path, and the complaint has these words. */
static void bad(const char *text, unsigned line, unsigned column, const char *path,
                const char *want)
{
    struct conf_doc *doc = load(text, E_CONFIG);
    assert_int_equal(conf_error_count(doc), 1);
    const struct conf_problem *p = conf_problem(doc, 0);
    if (p->line != line || p->column != column || !str_eq(p->path, str_from(path)) ||
        str_find(p->text, str_from(want)) < 0)
        fail_msg("%s\ngot %u:%u %.*s: %.*s\nwant %u:%u %s: %s", text, p->line, p->column,
                 STR_ARGS(p->path), STR_ARGS(p->text), line, column, path, want);
    conf_unref(doc);
}

/* ---------------------------------------------------------------- values */

static void check_defaults(const struct world *w)
{
    assert_str(w->text, STR("hello"));
    assert_int_equal(w->secret.n, 0);
    assert_true(w->flag);
    assert_int_equal(w->count, 5);
    assert_int_equal(w->share, 250000);
    assert_int_equal(w->wait, 1000);
    assert_int_equal(w->pause, 500);
    assert_int_equal(w->bytes, 8388608);
    assert_int_equal(w->usd, 500000000);
    assert_int_equal(w->choice, 1);
    assert_str(w->json, STR("{\"a\":[1,\"two\"]}"));
    assert_int_equal(w->words.n, 2);
    assert_str(w->words.at[1], STR("b"));
    assert_int_equal(w->tags.n, 0);
    assert_int_equal(w->headers.n, 0);
    assert_int_equal(w->limits.idle, 30000);
    assert_int_equal(w->limits.most, 10);
    assert_int_equal(w->items.n + w->parts.n + w->lanes.n, 0);
    assert_null(w->bare.p);
    assert_int_equal(w->bare_wait, 0);
    assert_int_equal(w->maybe, CONF_NOT_GIVEN);
}

static void empty_files_are_all_defaults(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "# nothing\n",
                                        "---\n",
                                        "~",
                                        "{}",
                                        "text:\n",
                                        "\xEF\xBB\xBF",
                                        "limits: {}\nitems: []\n",
                                        "words:\nlimits:\nparts:\njson: ~\nbare_wait: null\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct conf_doc *doc;
        check_defaults(good(texts[i], &doc));
        conf_unref(doc);
    }
}

static void every_kind_of_value(void **state)
{
    (void)state;
    struct conf_doc *doc;
    const struct world *w = good("text: 'it''s'\n"
                                 "secret: sk-1\n"
                                 "flag: no\n"
                                 "count: -3\n"
                                 "share: 12.5%\n"
                                 "wait: off\n"
                                 "pause: 1.5s\n"
                                 "bytes: 1GiB\n"
                                 "usd: $0.000000001\n"
                                 "choice: ask\n"
                                 "words: one\n"
                                 "tags: [a, \"b c\", 3]\n"
                                 "headers: {X-A: 1, X-B: }\n"
                                 "limits: {idle: 1m}\n"
                                 "bare: \"\"\n"
                                 "maybe: 0\n",
                                 &doc);
    assert_str(w->text, STR("it's"));
    assert_str(w->secret, STR("sk-1"));
    assert_false(w->flag);
    assert_int_equal(w->count, -3);
    assert_int_equal(w->share, 125000);
    assert_int_equal(w->wait, 0);
    assert_int_equal(w->pause, 1500);
    assert_int_equal(w->bytes, 1 << 30);
    assert_int_equal(w->usd, 1);
    assert_int_equal(w->choice, 0);
    assert_int_equal(w->words.n, 1);
    assert_str(w->words.at[0], STR("one"));
    assert_int_equal(w->tags.n, 3);
    assert_str(w->tags.at[2], STR("3"));
    assert_int_equal(w->headers.n, 2);
    assert_str(w->headers.name[1], STR("X-B"));
    assert_str(w->headers.value[0], STR("1"));
    assert_str(w->headers.value[1], STR(""));
    assert_int_equal(w->limits.idle, 60000);
    assert_int_equal(w->limits.most, 10);
    assert_non_null(w->bare.p);
    assert_int_equal(w->maybe, 0);
    conf_unref(doc);
}

static const struct world_part *part(const struct conf_list *list, unsigned i)
{
    assert_true(i < list->n);
    return (const struct world_part *)list->at + i;
}

static void lists_and_maps_of_tables(void **state)
{
    (void)state;
    struct conf_doc *doc;
    const struct world *w = good("items:\n"
                                 "  - a\n"
                                 "  - {is: b, weight: 2, parts: [c, {is: d, parts: e}]}\n"
                                 "parts: {z: x, one: {is: y, limits: {most: 3}}}\n"
                                 "lanes: {cheap: a, dear: [b, {is: c}], none: []}\n",
                                 &doc);
    assert_int_equal(w->items.n, 2);
    assert_str(part(&w->items, 0)->is, STR("a"));
    assert_int_equal(part(&w->items, 0)->weight, 1);
    assert_int_equal(part(&w->items, 0)->limits.idle, 30000);
    assert_int_equal(part(&w->items, 1)->weight, 2);
    const struct conf_list *inner = &part(&w->items, 1)->parts;
    assert_str(part(&part(inner, 1)->parts, 0)->is, STR("e"));
    assert_str(w->parts.name[0], STR("z")); /* in the order of the file */
    assert_str(w->parts.name[1], STR("one"));
    assert_int_equal(((const struct world_part *)w->parts.at)[1].limits.most, 3);
    const struct conf_list *lanes = w->lanes.at;
    assert_int_equal(w->lanes.n, 3);
    assert_int_equal(lanes[0].n, 1);
    assert_str(part(&lanes[1], 1)->is, STR("c"));
    assert_int_equal(lanes[2].n, 0);
    conf_unref(doc);
    w = good("items: alone\n", &doc); /* one item stands for a list of one */
    assert_int_equal(w->items.n, 1);
    assert_str(part(&w->items, 0)->is, STR("alone"));
    conf_unref(doc);
}

static void json(const char *yaml, const char *want)
{
    char text[512];
    struct conf_doc *doc;
    snprintf(text, sizeof(text), "json: %s\n", yaml);
    assert_str(good(text, &doc)->json, str_from(want));
    conf_unref(doc);
}

static void any_yaml_is_json(void **state)
{
    (void)state;
    json("{a: 1, b: [x, 'y', \"z\\n\"]}", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\\n\"]}");
    json("[1, -2, +3, 007, 0x1f, 0o17, 1.50, .5, 5., 1e3, -0.0]",
         "[1,-2,3,7,31,15,1.50,0.5,5.0,1e3,-0.0]");
    json("[true, False, TRUE, yes, on, ~, null, NULL, '', '1', \"true\"]",
         "[true,false,true,\"yes\",\"on\",null,null,null,\"\",\"1\",\"true\"]");
    json("123456789012345678901234567890", "123456789012345678901234567890");
}

static void json_like_yaml(void **state)
{
    (void)state;
    json("[1_000, 0x, 1e, '-', 1.2.3, 2024-01-01, 0b1]",
         "[\"1_000\",\"0x\",\"1e\",\"-\",\"1.2.3\",\"2024-01-01\",\"0b1\"]");
    json("!!str 5", "\"5\"");
    json("\n  - a: {}\n  - []\n  - |\n    two\n    lines", "[{\"a\":{}},[],\"two\\nlines\\n\"]");
    json("\n  a: &x {n: 1}\n  b: *x\n  c: [*x, *x]",
         "{\"a\":{\"n\":1},\"b\":{\"n\":1},\"c\":[{\"n\":1},{\"n\":1}]}");
    json("[&a 1, *a, &a 2, *a]", "[1,1,2,2]");
    bad("json: [.inf]\n", 1, 8, "json", "cannot be written as JSON");
    bad("json: 0xffffffffffffffffff\n", 1, 7, "json", "is too large");
}

static void single_quotes_are_undoubled(void **state)
{
    (void)state;
    struct conf_doc *doc;
    assert_str(good("text: 'a''''b'\n", &doc)->text, STR("a''b"));
    conf_unref(doc);
    assert_str(good("text: ''''''''\n", &doc)->text, STR("'''"));
    conf_unref(doc);
    assert_str(good("text: ' a  \n   b\n\n\n  c '\n", &doc)->text, STR(" a b\n\nc "));
    conf_unref(doc);
}

/* ---------------------------------------------------------------- the environment */

static void references_are_replaced(void **state)
{
    (void)state;
    struct conf_doc *doc;
    setenv("CONF_TEST_NAME", "a: [b] # \"c\"", 1);
    setenv("CONF_TEST_NUMBER", "42", 1);
    setenv("CONF_TEST_EMPTY", "", 1);
    unsetenv("CONF_TEST_NONE");
    const struct world *w =
        good("text: x${CONF_TEST_NAME}y\n"
             "secret: \"${CONF_TEST_NONE:-fall back}\"\n"
             "count: ${CONF_TEST_NUMBER}\n"
             "usd: ${CONF_TEST_NUMBER}.5\n"
             "tags: ['$${CONF_TEST_NAME}', '$5', 'a$', \"${CONF_TEST_EMPTY}\",\n"
             "  \"${CONF_TEST_EMPTY:-x}\", \"${CONF_TEST_NONE:-}\"]\n"
             "json: [\"${CONF_TEST_NUMBER}\", $$1]\n"
             "bare: ${CONF_TEST_NUMBER}${CONF_TEST_NUMBER}\n",
             &doc);
    assert_str(w->text, STR("xa: [b] # \"c\"y"));
    assert_str(w->secret, STR("fall back"));
    assert_int_equal(w->count, 42);
    assert_int_equal(w->usd, 42500000000);
    static const char *const want[] = {"${CONF_TEST_NAME}", "$5", "a$", "", "x", ""};
    assert_int_equal(w->tags.n, ARRAY_LEN(want));
    for (unsigned i = 0; i < ARRAY_LEN(want); i++)
        assert_str(w->tags.at[i], str_from(want[i]));
    assert_str(w->json, STR("[\"42\",\"$1\"]"));
    assert_str(w->bare, STR("4242"));
    conf_unref(doc);
}

static void wrong_references_are_found(void **state)
{
    (void)state;
    unsetenv("CONF_TEST_NONE");
    setenv("CONF_TEST_BYTES", "\xff", 1);
    setenv("CONF_TEST_SECRET", "sk-verysecret", 1);
    bad("flag: on\ntext: ${CONF_TEST_NONE}\n", 2, 7, "text", "CONF_TEST_NONE, which is not set");
    bad("tags: [a, \"${CONF_TEST_NONE}\"]\n", 1, 11, "tags[1]", "CONF_TEST_NONE");
    bad("json: {a: \"${CONF_TEST_NONE}\"}\n", 1, 11, "json", "CONF_TEST_NONE");
    bad("text: ${A B}\n", 1, 7, "text", "expected ${NAME} or ${NAME:-default}");
    bad("text: ${}\n", 1, 7, "text", "expected ${NAME}");
    bad("text: ${1A}\n", 1, 7, "text", "expected ${NAME}");
    bad("text: a${A\n", 1, 7, "text", "without its }");
    bad("text: ${CONF_TEST_BYTES}\n", 1, 7, "text", "not UTF-8");
    bad("count: ${CONF_TEST_SECRET}\n", 1, 8, "count", "'${CONF_TEST_SECRET}' is no number");
}

/* ---------------------------------------------------------------- mistakes */

static void unknown_names_are_told_apart(void **state)
{
    (void)state;
    bad("flag: on\ntxet: a\n", 2, 1, "txet", "did you mean 'text'? Known here: text, secret,");
    bad("qqqqqq: a\n", 1, 1, "qqqqqq", "known here: text, secret,");
    bad("limits: {idel: 1s}\n", 1, 10, "limits.idel",
        "did you mean 'idle'? Known here: idle, most");
    bad("parts:\n  one:\n    is: a\n    wieght: 2\n", 4, 5, "parts.one.wieght",
        "did you mean 'weight'");
    bad("lanes: {a: [x, {is: b, is_not: c}]}\n", 1, 24, "lanes.a[1].is_not", "known here: weight");
    bad("parts: {\"a b\": {is: c, d: e}}\n", 1, 24, "parts.\"a b\".d", "known here");
}

static void wrong_kinds_are_told(void **state)
{
    (void)state;
    bad("text: [a]\n", 1, 7, "text", "expected text, not a list");
    bad("count: {a: b}\n", 1, 8, "count", "expected a whole number such as 100, not a map");
    bad("flag: sometimes\n", 1, 7, "flag", "'sometimes' is neither; expected on or off");
    bad("wait:\n  - 1s\n", 2, 3, "wait", "expected a duration such as 250ms");
    bad("pause: 5ms\n", 1, 8, "pause", "'5ms' is too small; expected 10ms to 1m");
    bad("tags: {a: b}\n", 1, 7, "tags", "expected a list of texts such as [a, b], not a map");
    bad("tags: [a, [b]]\n", 1, 11, "tags[1]", "expected text, not a list");
    bad("tags: [a, ~]\n", 1, 11, "tags[1]", "expected text, not nothing");
    bad("headers: [a]\n", 1, 10, "headers", "expected a map of names and texts");
    bad("headers: {a: [b]}\n", 1, 14, "headers.a", "expected text, not a list");
    bad("limits: fast\n", 1, 9, "limits",
        "expected a map of settings such as {idle: ...}, not text");
    bad("parts: [a]\n", 1, 8, "parts", "expected a map of names, not a list");
    bad("lanes: a\n", 1, 8, "lanes", "expected a map of names and lists");
    bad("items:\n  - [a]\n", 2, 5, "items[0]", "expected text or a map of settings");
    bad("items:\n  - a\n  -\n", 2, 3, "items[1]", "an item without a value");
    bad("[text]\n", 1, 1, "", "expected a map of settings such as {text: ...}, not a list");
    bad("text\n", 1, 1, "", "expected a map of settings");
}

static void required_settings_are_missed(void **state)
{
    (void)state;
    bad("parts:\n  one: {weight: 3}\n", 2, 3, "parts.one.is", "is missing; expected text");
    bad("parts:\n  one:\n", 2, 3, "parts.one.is", "is missing");
    bad("parts: {one: {is: ~}}\n", 1, 9, "parts.one.is", "is missing");
    bad("items:\n  - weight: 1\n", 2, 5, "items[0].is", "is missing");
}

static void duplicates_are_refused(void **state)
{
    (void)state;
    bad("text: a\nflag: on\ntext: b\n", 3, 1, "",
        "'text' stands here twice; it was given before in line 1");
    bad("parts:\n  a: x\n  'a': y\n", 3, 3, "parts", "'a' stands here twice");
    bad("json: {a: {b: 1, b: 2}}\n", 1, 18, "json.a", "'b' stands here twice");
}

static void syntax_errors_have_a_line(void **state)
{
    (void)state;
    bad("flag: on\nlimits:\n\tidle: 1s\n", 3, 1, "", "a tab in the indentation");
    bad("text: \"abc\nflag: on\n", 1, 7, "", "is not closed");
    bad("json: {a: ${X}}\n", 1, 12, "", "needs quotes: \"${NAME}\"");
    bad("text: a\n  flag: on\n", 2, 3, "", "indented deeper than the one above");
    bad("text\nflag: on\n", 1, 1, "", "a ':' is missing here");
    bad("text: a: b\n", 1, 8, "", "a second ':' in this line");
    bad("json: [a, b\nflag: on\n", 3, 1, "", "is not closed");
    bad("text: @a\n", 1, 7, "", "needs quotes");
    bad("text: *b\n", 1, 7, "text",
        "no anchor of this name stands above; text that begins with '*' needs quotes");
    bad("json: &a [*a]\n", 1, 11, "json[0]", "an alias that stands within itself");
    bad("text: a\n---\ntext: b\n", 2, 1, "", "a second document begins here");
    bad("? [a]\n: b\n", 1, 3, "", "a name has to be text, not a list");
    bad("json: {a: {{text}}}\n", 1, 11, "json.a",
        "{{field}} needs quotes in YAML, where braces begin a map: \"{{field}}\"");
    bad("json: {{ a.b }}\n", 1, 7, "json", "{{field}} needs quotes");
    bad("json: {a: {[b]: c}}\n", 1, 12, "json.a", "a name has to be text, not a list");
    bad(": b\n", 1, 1, "", "a name is missing");
    bad("<<: {text: a}\n", 1, 1, "", "merging with << is not known");
    bad("text: !color red\n", 1, 14, "text",
        "a tag that is not known; text that begins with '!' needs quotes");
    bad("? text\n:\t?\n", 2, 2, "", "a tab in the indentation");
    bad("text: a\x80\n", 1, 8, "", "not UTF-8");
    bad("text: a\xff\n", 1, 8, "", "not UTF-8");
    bad("text: \xc3\xa9\x01\n", 1, 8, "", "control character");
    bad("text: \"a\\0\"\n", 1, 7, "text", "NUL");
    bad("flag: on\ntext: \"\\ud800\"\n", 2, 8, "", "invalid UTF8 escape");
    bad("\xEF\xBB\xBFnope: 1\n", 1, 1, "nope", "there is no such setting");
}

static void all_problems_are_collected(void **state)
{
    (void)state;
    struct conf_doc *doc = load("usd: x\n"
                                "limits: {most: 0, idle: y}\n"
                                "bytes: 1\n"
                                "nope: 1\n"
                                "flag: z\n",
                                E_CONFIG);
    static const unsigned lines[] = {1, 2, 2, 3, 4, 5};
    assert_int_equal(conf_problem_count(doc), ARRAY_LEN(lines));
    assert_int_equal(conf_error_count(doc), ARRAY_LEN(lines));
    for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
        assert_int_equal(conf_problem(doc, i)->line, lines[i]);
    assert_true(conf_problem(doc, 1)->column < conf_problem(doc, 2)->column);
    assert_null(conf_problem(doc, ARRAY_LEN(lines)));
    conf_unref(doc);
    doc = load("items: [{weight: 0, nope: 1}]\n", E_CONFIG); /* the missing one is found last */
    static const unsigned columns[] = {9, 18, 21};
    assert_int_equal(conf_problem_count(doc), ARRAY_LEN(columns));
    for (unsigned i = 0; i < ARRAY_LEN(columns); i++)
        assert_int_equal(conf_problem(doc, i)->column, columns[i]);
    conf_unref(doc);
}

/* ---------------------------------------------------------------- limits */

static struct conf_doc *load_buf(struct buf *text, int want)
{
    assert_int_equal(text->failed, 0);
    buf_char(text, '\0');
    struct conf_doc *doc = load(text->p, want);
    buf_fini(text);
    return doc;
}

static void first_is(struct conf_doc *doc, const char *want)
{
    const struct conf_problem *p = conf_problem(doc, 0);
    assert_non_null(p);
    if (str_find(p->text, str_from(want)) < 0)
        fail_msg("got \"%.*s\", want \"%s\"", STR_ARGS(p->text), want);
    conf_unref(doc);
}

static void laughs_are_bounded(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_str(&text, STR("json:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"));
    for (int i = 1; i < 30; i++)
        buf_printf(&text, "  a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1,
                   i - 1);
    first_is(load_buf(&text, E_CONFIG), "more than 100000 values, aliases written out");
}

static void values_are_counted(void **state)
{
    (void)state;
    for (int n = 99997; n <= 99998; n++) { /* with the file's map, the name and the list */
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_str(&text, STR("json: ["));
        for (int i = 0; i < n; i++)
            buf_str(&text, STR("x,"));
        buf_char(&text, ']');
        struct conf_doc *doc = load_buf(&text, n == 99997 ? 0 : E_CONFIG);
        if (n == 99997)
            conf_unref(doc);
        else
            first_is(doc, "more than 100000 values");
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (int depth = 60; depth <= 70; depth++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_str(&text, STR("json: "));
        for (int i = 0; i < depth; i++)
            buf_char(&text, '[');
        for (int i = 0; i < depth; i++)
            buf_char(&text, ']');
        bool fits = depth + 1 <= 64;
        struct conf_doc *doc = load_buf(&text, fits ? 0 : E_CONFIG);
        if (fits)
            conf_unref(doc);
        else
            first_is(doc, "nested deeper than 64 levels");
    }
}

static void maps_and_files_are_bounded(void **state)
{
    (void)state;
    for (int n = 10000; n <= 10001; n++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_str(&text, STR("headers:\n"));
        for (int i = 0; i < n; i++)
            buf_printf(&text, "  h%d: x\n", i);
        struct conf_doc *doc = load_buf(&text, n == 10000 ? 0 : E_CONFIG);
        if (n > 10000)
            first_is(doc, "10001 names; expected at most 10000");
        else
            conf_unref(doc);
    }
    struct buf text;
    buf_init(&text, 8u << 20);
    while (text.n <= 4u << 20)
        buf_str(&text, STR("# a comment of forty characters or more..\n"));
    first_is(load_buf(&text, E_CONFIG), "expected at most 4 MiB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_files_are_all_defaults),
        cmocka_unit_test(every_kind_of_value),
        cmocka_unit_test(lists_and_maps_of_tables),
        cmocka_unit_test(any_yaml_is_json),
        cmocka_unit_test(json_like_yaml),
        cmocka_unit_test(single_quotes_are_undoubled),
        cmocka_unit_test(references_are_replaced),
        cmocka_unit_test(wrong_references_are_found),
        cmocka_unit_test(unknown_names_are_told_apart),
        cmocka_unit_test(wrong_kinds_are_told),
        cmocka_unit_test(required_settings_are_missed),
        cmocka_unit_test(duplicates_are_refused),
        cmocka_unit_test(syntax_errors_have_a_line),
        cmocka_unit_test(all_problems_are_collected),
        cmocka_unit_test(laughs_are_bounded),
        cmocka_unit_test(values_are_counted),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(maps_and_files_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
