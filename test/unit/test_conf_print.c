/* test_conf_print.c: the effective configuration, differences and the reference page. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf_random.h"

static struct conf_doc *load(struct str text)
{
    struct conf_doc *doc = NULL;
    struct buf out;
    buf_init(&out, 1 << 20);
    if (conf_load_text(&world_table, "test.yaml", text, &doc)) {
        assert_int_equal(conf_problems_print(doc, &out, false), 0);
        fail_msg("%.*s\n%.*s", STR_ARGS(text), STR_ARGS(buf_view(&out)));
    }
    buf_fini(&out);
    return doc;
}

static unsigned diff(const struct conf_doc *one, const struct conf_doc *two, struct buf *out,
                     bool *ret_restart)
{
    unsigned changes = 99;
    assert_int_equal(conf_diff(&world_table, one, two, out, &changes, ret_restart), 0);
    return changes;
}

/* ---------------------------------------------------------------- print */

static void print_of_defaults(void **state)
{
    (void)state;
    struct conf_doc *doc =
        load(STR("parts: {one: {is: x, key: k}}\nlanes: {a: [], b: c}\n"
                 "headers: {\"X Y\": 'a $$b', odd: \"\\N\\L\\x7f\\x9f\\uFEFF\"}\n"));
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(conf_print(&world_table, doc, &out), 0);
    assert_str(buf_view(&out), STR("text: hello\n"
                                   "secret: null\n"
                                   "flag: on\n"
                                   "count: 5\n"
                                   "share: 0.25\n"
                                   "wait: 1s\n"
                                   "pause: 500ms\n"
                                   "bytes: 8MiB\n"
                                   "usd: 0.5\n"
                                   "choice: estimate\n"
                                   "json: {\"a\":[1,\"two\"]}\n"
                                   "words: [a, b]\n"
                                   "tags: []\n"
                                   "headers:\n"
                                   "  \"X Y\": \"a $$b\"\n"
                                   "  odd: \"\\u0085\\u2028\\u007f\\u009f\\ufeff\"\n"
                                   "limits:\n"
                                   "  idle: 30s\n"
                                   "  most: 10\n"
                                   "items: []\n"
                                   "parts:\n"
                                   "  one:\n"
                                   "    weight: 1\n"
                                   "    is: x\n"
                                   "    key: \"(hidden)\"\n"
                                   "    limits:\n"
                                   "      idle: 30s\n"
                                   "      most: 10\n"
                                   "    parts: []\n"
                                   "lanes:\n"
                                   "  a: []\n"
                                   "  b:\n"
                                   "    - weight: 1\n"
                                   "      is: c\n"
                                   "      key: null\n"
                                   "      limits:\n"
                                   "        idle: 30s\n"
                                   "        most: 10\n"
                                   "      parts: []\n"
                                   "bare: null\n"
                                   "bare_wait: null\n"
                                   "maybe: null\n"));
    buf_fini(&out);
    conf_unref(doc);
}

static struct conf_doc *load_over(const struct conf_doc *in_force, struct str text)
{
    struct conf_doc *doc = NULL;
    struct buf out;
    buf_init(&out, 1 << 20);
    if (conf_load_over(in_force, &world_table, "test.yaml", text, &doc)) {
        assert_int_equal(conf_problems_print(doc, &out, false), 0);
        fail_msg("%.*s\n%.*s", STR_ARGS(text), STR_ARGS(buf_view(&out)));
    }
    buf_fini(&out);
    return doc;
}

static void printed_files_read_back(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 3000; seed++) {
        struct chance chance = {seed};
        struct buf made, printed, changes;
        bool restart;
        buf_init(&made, 1 << 22);
        buf_init(&printed, 1 << 22);
        buf_init(&changes, 1 << 22);
        random_table(&chance, &made, &world_table, 0);
        struct conf_doc *doc = load(buf_view(&made));
        assert_int_equal(conf_print(&world_table, doc, &printed), 0);
        assert_true(str_find(buf_view(&printed), STR("hush")) < 0);
        struct conf_doc *again = load_over(doc, buf_view(&printed));
        if (diff(doc, again, &changes, &restart) != 0)
            fail_msg("seed %u:\n%.*s\n%.*s", seed, STR_ARGS(buf_view(&changes)),
                     STR_ARGS(buf_view(&made)));
        conf_unref(doc);
        conf_unref(again);
        buf_fini(&made);
        buf_fini(&printed);
        buf_fini(&changes);
    }
}

static void secrets_are_shown_as_their_references(void **state)
{
    (void)state;
    struct conf_doc *doc = load(STR("secret: ${SECRET_WORD}\n"
                                    "parts:\n"
                                    "  z: {is: x, key: '${SECRET_WORD}'}\n"
                                    "  y: {is: x, key: 'a-${SECRET_WORD}'}\n"
                                    "  x: {is: x, key: '${SECRET_WORD:-other}'}\n"
                                    "  w: {is: x, key: '${SECRET_NONE:-}'}\n"
                                    "  v: {is: x, key: '${SECRET_WORD}${SECRET_WORD}'}\n"
                                    "  u: {is: x, key: '$${SECRET_WORD}'}\n"
                                    "  t: {is: x, key: plain}\n"
                                    "  s: {is: x, key: ''}\n"
                                    "items: [{is: x, key: '${SECRET_WORD:-}'}]\n"));
    static const char *const want[] = {
        "\"${SECRET_WORD:-}\"", "\"${SECRET_WORD}\"", "\"(hidden)\"", "\"(hidden)\"", "\"\"",
        "\"(hidden)\"",         "\"(hidden)\"",       "\"(hidden)\"", "\"\""};
    struct buf out, again;
    buf_init(&out, 1 << 20);
    buf_init(&again, 1 << 20);
    assert_int_equal(conf_print(&world_table, doc, &out), 0);
    struct str rest = buf_view(&out);
    assert_true(str_find(rest, STR("secret: \"${SECRET_WORD}\"\n")) >= 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        rest = str_tail(rest, (size_t)str_find(rest, STR("key: ")) + 5);
        assert_str(str_head(rest, strlen(want[i])), str_from(want[i]));
    }
    assert_true(str_find(buf_view(&out), STR("hunter")) < 0);
    /* Kept secrets show no more than they did, and once more is once more the same. */
    struct conf_doc *over = load_over(doc, buf_view(&out));
    assert_int_equal(conf_print(&world_table, over, &again), 0);
    assert_str(buf_view(&again), buf_view(&out));
    buf_fini(&out);
    buf_fini(&again);
    conf_unref(doc);
    conf_unref(over);
}

static void complains_of_hidden(const struct conf_doc *in_force, const char *text, unsigned line,
                                const char *path)
{
    struct conf_doc *doc = NULL;
    assert_int_equal(conf_load_over(in_force, &world_table, "t", str_from(text), &doc), E_CONFIG);
    assert_int_equal(conf_problem_count(doc), 1);
    const struct conf_problem *p = conf_problem(doc, 0);
    assert_str(p->path, str_from(path));
    assert_int_equal(p->line, line);
    assert_true(str_find(p->text, STR("(hidden) stands for the secret in force")) >= 0);
    conf_unref(doc);
}

static void hidden_secrets_stand_for_those_in_force(void **state)
{
    (void)state;
    struct conf_doc *doc =
        load(STR("secret: one\nparts: {a: {is: x, key: two, parts: [{is: y, key: "
                 "three}]}, b: {is: x}}\nlanes: {c: [{is: z, key: four}]}\n"));
    struct conf_doc *over = load_over(doc, STR("lanes: {c: [{is: z, key: (hidden), weight: 9}]}\n"
                                               "parts: {new: {is: x, key: (other)},\n"
                                               "  a: {is: q, key: '(hidden)', parts: {is: y, key: "
                                               "(hidden)}}}\n"));
    const struct world *w = conf_root(over);
    const struct world_part *parts = w->parts.at;
    assert_str(parts[0].key, STR("(other)"));
    assert_str(parts[1].key, STR("two"));
    assert_str(((const struct world_part *)parts[1].parts.at)->key, STR("three"));
    const struct conf_list *lane = w->lanes.at;
    assert_str(((const struct world_part *)lane->at)->key, STR("four"));
    complains_of_hidden(doc, "parts:\n  c: {is: x, key: (hidden)}\n", 2, "parts.c.key");
    complains_of_hidden(doc, "parts:\n  b: {is: x, key: (hidden)}\n", 2, "parts.b.key");
    complains_of_hidden(doc, "items: [{is: x,\n  key: (hidden)}]\n", 2, "items[0].key");
    complains_of_hidden(doc, "lanes:\n  c: [x, {is: x, key: (hidden)}]\n", 2, "lanes.c[1].key");
    complains_of_hidden(NULL, "\nsecret: (hidden)\n", 2, "secret"); /* a file, say */
    conf_unref(doc);
    assert_str(parts[1].key, STR("two")); /* a copy */
    conf_unref(over);
}

/* ---------------------------------------------------------------- difference */

static void differs(const char *before, const char *after, unsigned changes, bool restart,
                    const char *want)
{
    struct conf_doc *one = load(str_from(before)), *two = load(str_from(after));
    struct buf out;
    bool needs_restart = !restart;
    buf_init(&out, 1 << 20);
    assert_int_equal(diff(one, two, &out, &needs_restart), changes);
    assert_str(buf_view(&out), str_from(want));
    assert_int_equal(needs_restart, restart);
    buf_fini(&out);
    conf_unref(one);
    conf_unref(two);
}

static void differences_are_by_setting(void **state)
{
    (void)state;
    differs("", "", 0, false, "");
    differs("limits: {idle: 60s}\ncount: 5", "count: 5.0\nlimits:\n  idle: 1m\n", 0, false, "");
    differs("", "limits: {idle: 1m}", 1, false, "limits.idle: 30s -> 1m\n");
    differs("wait: 1s", "wait: off", 1, false, "wait: 1s -> off\n");
    differs("", "text: 'a b'", 1, true, "text: hello -> \"a b\" (needs a restart)\n");
    differs("limits: {most: 3}", "", 1, true, "limits.most: 3 -> 10 (needs a restart)\n");
    differs("", "text: b\ncount: 6", 2, true,
            "text: hello -> b (needs a restart)\ncount: 5 -> 6\n");
    differs("bare: a", "", 1, false, "bare: a -> (none)\n");
    differs("", "bare_wait: 5ms", 1, false, "bare_wait: (none) -> 5ms\n");
    differs("", "maybe: 0", 1, false, "maybe: (none) -> 0\n");
    differs("tags: [a]", "tags: [a, b]", 1, false, "tags: [a] -> [a, b]\n");
    differs("json: {a: 1}", "json: {a: 2}", 1, false, "json: {\"a\":1} -> {\"a\":2}\n");
}

static void differences_hide_secrets(void **state)
{
    (void)state;
    differs("secret: hunter1", "secret: hunter2", 1, false, "secret: (changed)\n");
    differs("", "secret: hunter2", 1, false, "secret: (changed)\n");
    differs("secret: hunter2", "", 1, false, "secret: (changed)\n");
    differs("", "parts: {a: {is: b, key: hunter2}}", 1, false,
            "parts.a: added {is: b, key: (hidden)}\n");
}

static void differences_of_maps_and_lists(void **state)
{
    (void)state;
    differs("headers: {a: 1, b: 2, c: 3}", "headers: {d: 4, c: 3, b: 5}", 3, false,
            "headers.d: (none) -> 4\nheaders.b: 2 -> 5\nheaders.a: 1 -> (none)\n");
    differs("parts: {a: x, b: y}", "parts: {b: {is: y, weight: 2}, c: {is: z, limits: {most: 1}}}",
            3, false,
            "parts.b.weight: 1 -> 2\n"
            "parts.c: added {is: z, limits: {most: 1}}\n"
            "parts.a: removed\n");
    differs("items: [a, b]", "items: [a, {is: b, weight: 3}, c]", 2, true,
            "items[1].weight: 1 -> 3 (needs a restart)\n"
            "items[2]: added {is: c} (needs a restart)\n");
    differs("items: [a, {is: b, parts: [c]}]", "items: a", 1, true,
            "items[1]: removed (needs a restart)\n");
    differs("lanes: {a: [x], b: [y]}", "lanes: {a: [z, x], c: [{is: x}]}", 4, false,
            "lanes.a[0].is: x -> z\n"
            "lanes.a[1]: added {is: x}\n"
            "lanes.c: added [{is: x}]\n"
            "lanes.b: removed\n");
    differs("parts: {a: {is: x, limits: {most: 3}}}", "parts: {a: x}", 1, true,
            "parts.a.limits.most: 3 -> 10 (needs a restart)\n");
}

/* ---------------------------------------------------------------- reference */

static void reference_has_every_row(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(conf_reference(&world_table, &out), 0);
    static const char *const lines[] = {
        "\n## The whole file\n\nA row of every kind.\n",
        "\n| `text` | text | `hello` | A text. Changing it needs a restart. |\n",
        "\n| `count` | number, -10 to 1000 | `5` | A number. |\n",
        "\n| `share` | share, 0 to 1 | `25%` | A part \\| of all. |\n",
        "\n| `pause` | duration, 10ms to 1m | `500ms` | A time that may not. |\n",
        "\n| `bytes` | bytes, 16 or more | `8MiB` | A size. |\n",
        "\n| `choice` | `ask`, `estimate` or `off` | `estimate` | One of three. |\n",
        "\n| `lanes` | map of names to lists of [part](#part) |  | Lists by name. |\n",
        "\n| `is` | text | required | What it is. |\n",
        "\n## part\n\nA part of the world.\n\n"
        "In the file: `items[], items[].parts[], parts.NAME, lanes.NAME[]`.\n\n"
        "A single value in its place is its `is`.\n",
        "\n```yaml\none: {is: a, weight: 2}\ntwo: b\n```\n",
        "\n## limits\n",
        "\n```yaml\ncount: 7\n```\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (str_find(buf_view(&out), str_from(lines[i])) < 0)
            fail_msg("no \"%s\" in:\n%.*s", lines[i], STR_ARGS(buf_view(&out)));
    for (const struct conf_row *row = world_rows; row->name; row++) {
        char want[64];
        snprintf(want, sizeof(want), "\n| `%s` | ", row->name);
        assert_true(str_find(buf_view(&out), str_from(want)) >= 0);
    }
    buf_fini(&out);
}

static void full_buffers_are_told(void **state)
{
    (void)state;
    struct conf_doc *doc = load(STR("")), *other = load(STR("text: b"));
    struct buf out;
    unsigned changes;
    bool restart;
    buf_init(&out, 8);
    assert_int_equal(conf_print(&world_table, doc, &out), E_TOO_LARGE);
    buf_clear(&out);
    assert_int_equal(conf_schema(&world_table, &out), E_TOO_LARGE);
    buf_clear(&out);
    assert_int_equal(conf_reference(&world_table, &out), E_TOO_LARGE);
    buf_clear(&out);
    assert_int_equal(conf_diff(&world_table, doc, other, &out, &changes, &restart), E_TOO_LARGE);
    buf_fini(&out);
    conf_unref(doc);
    conf_unref(other);
}

int main(void)
{
    setenv("SECRET_WORD", "hunter2", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_of_defaults),
        cmocka_unit_test(printed_files_read_back),
        cmocka_unit_test(secrets_are_shown_as_their_references),
        cmocka_unit_test(hidden_secrets_stand_for_those_in_force),
        cmocka_unit_test(differences_are_by_setting),
        cmocka_unit_test(differences_hide_secrets),
        cmocka_unit_test(differences_of_maps_and_lists),
        cmocka_unit_test(reference_has_every_row),
        cmocka_unit_test(full_buffers_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
