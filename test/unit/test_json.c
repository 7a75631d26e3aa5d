/*
 * test_json.c: scans are checked by splicing. A generator writes random objects together with
 * where it put each member; what a scan says must be the same.
 */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

static const struct json_scan *scan(struct str text)
{
    const struct json_scan *s = NULL;
    struct fault f = {0};
    if (json_scan(text, &s, &f))
        fail_msg("\"%.*s\" was refused: %s", STR_ARGS(text), f.text);
    assert_str(s->text, text);
    return s;
}

static struct str span(struct str text, struct json_span at)
{
    assert_true(at.from <= at.to && at.to <= text.n);
    return str_of(text.p + at.from, at.to - at.from);
}

/* `pairs`: the member's and the value's text, alternately. */
static void check_spans(struct str text, const char *const *pairs, size_t count)
{
    const struct json_scan *s = scan(text);
    assert_int_equal(s->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_str(span(text, s->member[i].member_at), str_from(pairs[2 * i]));
        assert_str(span(text, s->member[i].value_at), str_from(pairs[2 * i + 1]));
    }
}

#define SPANS(text, ...)                                                                           \
    check_spans(STR(text), (const char *const[]){__VA_ARGS__},                                     \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) / 2)

static void finds_spans_in_hard_texts(void **state)
{
    (void)state;
    check_spans(STR("{}"), NULL, 0);
    check_spans(STR(" \n{ \t} \r\n"), NULL, 0);
    SPANS("{\"a\":1}", "\"a\":1", "1");
    SPANS("{\"a\":1} ", "\"a\":1", "1");
    SPANS("{ \"a\" : 1 }", "\"a\" : 1", "1");
    SPANS("\t{\n\"a\"\r:\n-1.5e+3\n,\n\"b\"\t:\t[ 1 , 2 ]\n}\n", "\"a\"\r:\n-1.5e+3", "-1.5e+3",
          "\"b\"\t:\t[ 1 , 2 ]", "[ 1 , 2 ]");
    SPANS("{\"\\\"\":\"\\\"\",\"\\\\\":\"\\\\\"}", "\"\\\"\":\"\\\"\"", "\"\\\"\"",
          "\"\\\\\":\"\\\\\"", "\"\\\\\"");
    SPANS("{\"\\\":\":\":,\\\"}\",\"\":\"\"}", "\"\\\":\":\":,\\\"}\"", "\":,\\\"}\"", "\"\":\"\"",
          "\"\"");
    SPANS("{\"a\":{\"b\":1,\"a\":[{\"b\":2}]} ,\"b\":3}", "\"a\":{\"b\":1,\"a\":[{\"b\":2}]}",
          "{\"b\":1,\"a\":[{\"b\":2}]}", "\"b\":3", "3");
    SPANS("{\"a\":{},\"b\":[],\"c\":null,\"d\":true}", "\"a\":{}", "{}", "\"b\":[]", "[]",
          "\"c\":null", "null", "\"d\":true", "true");
    SPANS("{\"a\":\"x, \",\"a\":\" } \"}", "\"a\":\"x, \"", "\"x, \"", "\"a\":\" } \"", "\" } \"");
    SPANS("{\"\xc3\xa4\\u00e4\":\"\xf0\x9f\x98\x80\\ud83d\\ude00\"}",
          "\"\xc3\xa4\\u00e4\":\"\xf0\x9f\x98\x80\\ud83d\\ude00\"",
          "\"\xf0\x9f\x98\x80\\ud83d\\ude00\"");
    SPANS("{\"a\\u0000b\":123456789012345678901234567890,\"b\":1e999}",
          "\"a\\u0000b\":123456789012345678901234567890", "123456789012345678901234567890",
          "\"b\":1e999", "1e999");
}

/* The grammar, one doubtful text each; yyjson agrees but for the last. */
static void takes_the_grammar_and_no_more(void **state)
{
    (void)state;
    static const char *const good[] = {"0",
                                       "-0",
                                       "10",
                                       "0.5",
                                       "1e5",
                                       "1E+5",
                                       "-1.25e-10",
                                       "\"\"",
                                       "\"\\u00e4\"",
                                       "\"\x7f\"",
                                       "[]",
                                       "[[],{}]",
                                       "[ 1 , [ ] , { } ]",
                                       "\"\xed\x9f\xbf\"",
                                       "\"0123456789abcdef0123456789abcde\\n\""};
    static const char *const bad[] = {"",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      "-a",
                                      "0x1",
                                      "tru",
                                      "truex",
                                      "nul",
                                      "NaN",
                                      "\"",
                                      "\"\\",
                                      "\"\\x\"",
                                      "\"\\u12g4\"",
                                      "\"\\u123\"",
                                      "\"\n\"",
                                      "\"\x01\"",
                                      "\"\xc3\"",
                                      "\"\x80\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xc0\x80\"",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "[",
                                      "]",
                                      "[}",
                                      "{\"a\":1,}",
                                      "{\"a\"}",
                                      "{a:1}",
                                      "{\"a\" 1}",
                                      "{\"a\":}",
                                      "{,}",
                                      "'a'",
                                      "1 1",
                                      "\"0123456789abcdef0123456789\x1f\""};
    for (size_t i = 0; i < ARRAY_LEN(good) + ARRAY_LEN(bad); i++) {
        bool want = i < ARRAY_LEN(good);
        const char *value = want ? good[i] : bad[i - ARRAY_LEN(good)];
        char text[128];
        int n = snprintf(text, sizeof(text), "{\"a\":%s}", value);
        const struct json_scan *s = NULL;
        int err = json_scan(str_of(text, (size_t)n), &s, NULL);
        if ((err == 0) != want || (json_peek(str_of(text, (size_t)n)) != NULL) != want)
            fail_msg("%s", value);
        if (want)
            assert_str(s->member[0].value, str_from(value));
    }
    assert_str(scan(STR("{\"a\":\"\\ud800\"}"))->member[0].value, STR("\"\\ud800\""));
    assert_str(scan(STR("{\"\\ud800\":1}"))->member[0].key, STR("\\ud800"));
}

static void finds_members(void **state)
{
    (void)state;
    struct str text = STR("{\"model\":\"a\",\"n\":1,\"mod\\u0065l\":\"b\",\"x\\u0000\":2}");
    const struct json_scan *s = scan(text);
    bool twice = false;
    const struct json_member *m = json_scan_find(s, STR("model"), &twice);
    assert_ptr_equal(m, &s->member[0]);
    assert_true(twice); /* also when it is written differently */
    assert_ptr_equal(json_scan_find(s, STR("model"), NULL), m);
    assert_str(m->value, STR("\"a\""));
    m = json_scan_find(s, STR("n"), &twice);
    assert_false(twice);
    assert_str(m->value, STR("1"));
    assert_ptr_equal(json_scan_find(s, str_of("x\0", 2), NULL), &s->member[3]);
    assert_null(json_scan_find(s, STR("x"), &twice));
    twice = true;
    assert_null(json_scan_find(s, STR("mode"), &twice));
    assert_false(twice);
}

/* ---------------------------------------------------------------- random objects */

struct maker {
    struct chance chance;
    struct buf text;
};

static void make_space(struct maker *m)
{
    while (chance_below(&m->chance, 3) == 0)
        buf_char(&m->text, " \t\r\n"[chance_below(&m->chance, 4)]);
}

static void make_string(struct maker *m)
{
    static const char *const parts[] = {
        "a",           "model", "\\\"",    "\\\\", "\\n", ":", ",",        "}",
        "]",           "{",     "\\u0041", " ",    "/",   "[", "\xc3\xa4", "\\ud83d\\ude00",
        "\xe2\x82\xac"};
    buf_char(&m->text, '"');
    while (chance_below(&m->chance, 5)) {
        buf_str(&m->text, str_from(parts[chance_below(&m->chance, ARRAY_LEN(parts))]));
    }
    buf_char(&m->text, '"');
}

static void make_value(struct maker *m, unsigned depth)
{
    static const char *const scalars[] = {"0",    "-1", "12.5e-3", "true", "false", "null",
                                          "1e20", "{}", "[]",      "-0.0", "[ ]",   "{ }"};
    unsigned kind = chance_below(&m->chance, depth > 3 ? 2 : 4);
    if (kind == 0) {
        make_string(m);
        return;
    }
    if (kind == 1) {
        buf_str(&m->text, str_from(scalars[chance_below(&m->chance, ARRAY_LEN(scalars))]));
        return;
    }
    buf_char(&m->text, kind == 2 ? '[' : '{');
    unsigned count = 1 + chance_below(&m->chance, 4);
    for (unsigned i = 0; i < count; i++) {
        make_space(m);
        if (kind == 3) {
            make_string(m);
            make_space(m);
            buf_char(&m->text, ':');
            make_space(m);
        }
        make_value(m, depth + 1);
        make_space(m);
        if (i + 1 < count)
            buf_char(&m->text, ',');
    }
    buf_char(&m->text, kind == 2 ? ']' : '}');
}

#define MEMBERS 12

/* An object, and where its members stand. */
static size_t make_object(struct maker *m, struct json_member *want)
{
    size_t count = chance_below(&m->chance, MEMBERS + 1);
    buf_clear(&m->text);
    make_space(m);
    buf_char(&m->text, '{');
    make_space(m);
    for (size_t i = 0; i < count; i++) {
        want[i].member_at.from = m->text.n;
        make_string(m);
        make_space(m);
        buf_char(&m->text, ':');
        make_space(m);
        want[i].value_at.from = m->text.n;
        make_value(m, 0);
        want[i].value_at.to = want[i].member_at.to = m->text.n;
        make_space(m);
        if (i + 1 < count) {
            buf_char(&m->text, ',');
            make_space(m);
        }
    }
    buf_char(&m->text, '}');
    make_space(m);
    assert_int_equal(m->text.failed, 0);
    return count;
}

/* Reads all of what comes next, or skips it as `chance` has it: it has to be what yyjson reads. */
static void read_compare(struct json_reader *r, yyjson_val *want, struct chance *chance)
{
    struct str value;
    bool container = yyjson_is_ctn(want), object = yyjson_is_obj(want);
    if (container && (r->depth == 0 || chance_below(chance, 8))) {
        yyjson_val *inner = unsafe_yyjson_get_first(want);
        size_t left = yyjson_get_len(want);
        bool more = json_enter(r, object ? '{' : '[');
        for (; left > 0; left--, more = json_more(r, object ? '{' : '[')) {
            assert_true(more);
            if (object) {
                struct str key = json_take_key(r);
                assert_int_equal(json_string_bytes(r->key), yyjson_get_len(inner));
                assert_true(str_eq(key, json_str(inner)));
                inner = unsafe_yyjson_get_next(inner);
            }
            read_compare(r, inner, chance);
            inner = unsafe_yyjson_get_next(inner);
        }
        assert_false(more);
        return;
    }
    if (!container && chance_below(chance, 4) == 0) {
        assert_false(json_enter(r, '[')); /* which takes what is none */
        return;
    }
    value = json_take(r);
    assert_int_equal(json_is_object(value), object);
    assert_int_equal(json_is_array(value), container && !object);
    assert_int_equal(json_is_true(value), yyjson_is_true(want));
    assert_int_equal(json_is_bool(value), yyjson_is_bool(want));
    assert_int_equal(json_is_null(value), yyjson_is_null(want));
    assert_int_equal(json_is_string(value), yyjson_is_str(want));
    if (yyjson_is_str(want))
        assert_int_equal(json_string_bytes(value), yyjson_get_len(want));
    uint64_t n = 0;
    assert_int_equal(json_to_u64(value, UINT64_MAX, &n), yyjson_is_uint(want));
    assert_int_equal(n, yyjson_is_uint(want) ? yyjson_get_uint(want) : 0);
}

static void read_check(struct str text, struct chance *chance)
{
    struct arena a;
    yyjson_doc *doc;
    struct json_reader r;
    arena_init(&a, 1 << 20);
    assert_int_equal(json_parse(&a, text, &doc, NULL), 0);
    assert_true(json_reader_init(&r, text));
    read_compare(&r, yyjson_doc_get_root(doc), chance);
    assert_true(json_reader_good(&r));
    arena_fini(&a);
}

static void scans_what_was_made(void **state)
{
    (void)state;
    struct maker m = {.chance = {5}};
    buf_init(&m.text, 1 << 20);
    for (int round = 0; round < 20000; round++) {
        struct json_member want[MEMBERS];
        size_t count = make_object(&m, want);
        struct str text = buf_view(&m.text);
        const struct json_scan *s = scan(text);
        assert_int_equal(s->count, count);
        for (size_t i = 0; i < count; i++) {
            assert_memory_equal(&s->member[i].member_at, &want[i].member_at,
                                sizeof(want[i].member_at));
            assert_memory_equal(&s->member[i].value_at, &want[i].value_at,
                                sizeof(want[i].value_at));
            assert_str(s->member[i].value, span(text, s->member[i].value_at));
        }
        read_check(text, &m.chance);
    }
    buf_fini(&m.text);
}

/* Replacing a value changes that member and nothing else. */
static void splices(void **state)
{
    (void)state;
    struct maker m = {.chance = {6}};
    struct buf out;
    buf_init(&m.text, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int round = 0; round < 3000; round++) {
        struct json_member want[MEMBERS];
        if (make_object(&m, want) == 0)
            continue;
        struct str text = buf_view(&m.text);
        const struct json_scan *s = scan(text);
        size_t which = chance_below(&m.chance, (unsigned)s->count);
        struct json_span at = s->member[which].value_at;
        buf_clear(&out);
        buf_str(&out, str_head(text, at.from));
        buf_str(&out, STR("\"new\""));
        buf_str(&out, str_tail(text, at.to));
        struct arena a;
        arena_init(&a, 1 << 20);
        yyjson_doc *doc;
        assert_int_equal(json_parse(&a, buf_view(&out), &doc, NULL), 0);
        yyjson_obj_iter it = yyjson_obj_iter_with(yyjson_doc_get_root(doc));
        for (size_t i = 0; i < s->count; i++) {
            yyjson_val *key = yyjson_obj_iter_next(&it);
            yyjson_val *value = yyjson_obj_iter_get_val(key);
            assert_str(json_str(key), s->member[i].key);
            if (i == which)
                assert_str(json_str(value), STR("new"));
            else
                assert_true(yyjson_equals(value, json_peek(s->member[i].value)));
        }
        assert_null(yyjson_obj_iter_next(&it));
        arena_fini(&a);
    }
    buf_fini(&out);
    buf_fini(&m.text);
}

/* Goes through a text that may be broken, deeper into it by chance. */
static void go_through(struct json_reader *r, struct chance *chance)
{
    char bracket = chance_below(chance, 2) ? '{' : '[';
    if (json_enter(r, bracket))
        do {
            if (bracket == '{')
                (void)json_take_key(r);
            if (chance_below(chance, 3))
                go_through(r, chance);
            else
                (void)json_take(r);
        } while (json_more(r, bracket));
}

static bool reads_all(struct str text, struct chance *chance)
{
    struct json_reader r;
    if (json_reader_init(&r, text) && json_enter(&r, '{'))
        do {
            (void)json_take_key(&r);
            go_through(&r, chance);
        } while (json_more(&r, '{'));
    return json_reader_good(&r);
}

/* Whatever is broken, a scan neither reads outside the text nor leaves half a result. */
static void survives_broken_texts(void **state)
{
    (void)state;
    struct maker m = {.chance = {7}};
    buf_init(&m.text, 1 << 20);
    int refused = 0;
    for (int round = 0; round < 20000; round++) {
        struct json_member want[MEMBERS];
        make_object(&m, want);
        for (unsigned hits = 1 + chance_below(&m.chance, 3); hits > 0; hits--)
            m.text.p[chance_below(&m.chance, (unsigned)m.text.n)] =
                "{}[]\",:\\a0 \n\xff\x80"[chance_below(&m.chance, 14)];
        size_t n = chance_below(&m.chance, 4) ? m.text.n : chance_below(&m.chance, m.text.n + 1);
        char *copy = malloc(n + !n); /* exactly as long, for the address sanitizer */
        memcpy(copy, m.text.p, n);
        const struct json_scan *s = (const void *)&m;
        struct fault f = {0};
        int err = json_scan(str_of(copy, n), &s, &f);
        assert_int_equal(reads_all(str_of(copy, n), &m.chance), !err);
        if (err) {
            assert_int_equal(err, E_BAD_JSON);
            assert_int_equal(f.err, E_BAD_JSON);
            assert_non_null(strstr(f.text, "byte "));
            assert_ptr_equal(s, (const void *)&m);
            refused++;
        }
        free(copy);
    }
    assert_in_range(refused, 10000, 20000);
    buf_fini(&m.text);
}

/* ---------------------------------------------------------------- limits and memory */

/* {"a":[[[...]]]} of so many levels in all */
static struct str nested(char *out, size_t depth)
{
    size_t n = 0;
    memcpy(out, "{\"a\":", 5);
    n += 5;
    memset(out + n, '[', depth - 1);
    n += depth - 1;
    memset(out + n, ']', depth - 1);
    n += depth - 1;
    out[n++] = '}';
    return str_of(out, n);
}

static void refuses_deep_nesting(void **state)
{
    (void)state;
    char *text = malloc(3 << 20);
    struct arena a;
    arena_init(&a, 64 << 20);
    const struct json_scan *s;
    yyjson_doc *doc;
    struct fault f = {0};
    struct str good = nested(text, JSON_DEPTH_MAX);
    assert_int_equal(scan(good)->count, 1);
    assert_int_equal(json_parse(&a, good, &doc, NULL), 0);
    assert_non_null(json_peek(good));
    struct str bad = nested(text, JSON_DEPTH_MAX + 1);
    assert_int_equal(json_scan(bad, &s, &f), E_BAD_JSON);
    assert_string_equal(f.text, "invalid JSON at byte 132 (line 1): brackets nest deeper than 128 "
                                "levels"); /* 5 bytes, 127 brackets, and this is the next */
    fault_clear(&f);
    assert_int_equal(json_parse(&a, bad, &doc, &f), E_BAD_JSON);
    assert_non_null(strstr(f.text, "deeper"));
    assert_null(json_peek(bad));
    assert_int_equal(json_scan(nested(text, 1 << 20), &s, NULL), E_BAD_JSON);
    memset(text, '[', 3 << 20);
    assert_int_equal(json_scan(str_of(text, 3 << 20), &s, NULL), E_BAD_JSON);
    /* Brackets in strings and side by side are no depth. */
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("{\"a\":["));
    for (int i = 0; i < 1000; i++)
        buf_str(&b, STR("\"[[[[{{{{\",[[]],{\"x\":{}},"));
    buf_str(&b, STR("[]]}"));
    assert_int_equal(scan(buf_view(&b))->count, 1);
    buf_fini(&b);
    arena_fini(&a);
    free(text);
}

static void counts_members(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int members = JSON_MEMBERS_MAX; members <= JSON_MEMBERS_MAX + 1; members++) {
        buf_clear(&b);
        for (int i = 0; i < members; i++)
            buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', i, i);
        buf_char(&b, '}');
        const struct json_scan *s = NULL;
        struct fault f = {0};
        int err = json_scan(buf_view(&b), &s, &f);
        assert_int_equal(err, members == JSON_MEMBERS_MAX ? 0 : E_BAD_JSON);
        if (err)
            assert_non_null(strstr(f.text, "more than 256 members"));
        else
            assert_str(span(s->text, s->member[255].value_at), STR("255"));
    }
    buf_fini(&b);
}

static void wants_an_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "[{\"a\":1}]", "1", "\"a\"", "null", "true"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct json_scan *s;
        struct fault f = {0};
        assert_int_equal(json_scan(str_from(texts[i]), &s, &f), E_BAD_JSON);
        assert_non_null(strstr(f.text, "JSON object"));
        assert_non_null(json_peek(str_from(texts[i]))); /* which takes anything */
    }
}

static void a_peek_leaves_the_scan(void **state)
{
    (void)state;
    const struct json_scan *s = scan(STR("{\"model\":\"first\",\"n\":[1,2]}"));
    yyjson_val *peeked = json_peek(STR("{\"model\":\"second\",\"n\":[3,4,5]}"));
    assert_str(json_get_str(peeked, "model"), STR("second"));
    assert_str(s->member[0].value, STR("\"first\""));
    s = scan(STR("{\"mod\\u0065l\":\"third\"}")); /* for whose key yyjson is needed */
    assert_str(json_get_str(peeked, "model"), STR("second"));
    assert_str(s->member[0].key, STR("model"));
    assert_null(json_peek(STR("{\"model\":")));
    assert_null(json_peek(STR("")));
    assert_null(json_peek(STR_NONE));
}

/* A giant's memory does not stay for ever, and the small ones behind it find theirs. */
static void gives_a_giants_memory_back(void **state)
{
    (void)state;
    size_t n = 8 << 20;
    char *text = malloc(n);
    memset(text, ' ', n);
    memcpy(text, "{\"a\":[1", 7);
    for (size_t i = 7; i + 2 < n; i += 2)
        memcpy(text + i, ",1", 2);
    memcpy(text + n - 3, " ]}", 3);
    assert_non_null(json_peek(str_of(text, n)));
    assert_true(json_scratch_bytes() > n);
    assert_non_null(json_peek(STR("{\"a\":1}")));
    assert_true(json_scratch_bytes() < 1 << 20);
    free(text);
}

static void refuses_what_is_too_large(void **state)
{
    (void)state;
    size_t n = (64u << 20) + 1;
    const struct json_scan *s;
    struct fault f = {0};
    char *text = calloc(1, n); /* never touched, so it costs nothing */
    assert_int_equal(json_scan(str_of(text, n), &s, &f), E_TOO_LARGE);
    assert_non_null(strstr(f.text, "67108865 bytes"));
    struct arena a;
    yyjson_doc *doc;
    arena_init(&a, 100);
    assert_int_equal(json_parse(&a, str_of(text, n), &doc, NULL), E_TOO_LARGE);
    assert_int_equal(json_parse(&a, STR("{}"), &doc, NULL), E_MEMORY);
    arena_fini(&a);
    free(text);
}

static void parses_into_an_arena(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4 << 20);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("{\"text\":\"t\",\"whole\":42,\"negative\":-1,\"part\":1.5,\"large\":"
                    "9223372036854775808,\"list\":[0"));
    for (int i = 1; i < 30000; i++) /* many values: the document has to grow */
        buf_printf(&b, ",%d", i % 10);
    buf_str(&b, STR("]}"));
    yyjson_doc *doc;
    assert_int_equal(json_parse(&a, buf_view(&b), &doc, NULL), 0);
    memset(b.p, 'x', b.n); /* the text may go */
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_str(json_get_str(root, "text"), STR("t"));
    assert_null(json_get_str(root, "whole").p);
    assert_int_equal(json_get_str(root, "list").n, 0); /* a length, but no text's */
    assert_null(json_get_str(root, "absent").p);
    assert_null(json_get_str(NULL, "text").p);
    assert_int_equal(json_get_i64(root, "whole", -7), 42);
    assert_int_equal(json_get_i64(root, "negative", -7), -7);
    assert_int_equal(json_get_i64(root, "part", -7), -7);
    assert_int_equal(json_get_i64(root, "large", -7), -7);
    assert_int_equal(json_get_i64(root, "text", -7), -7);
    assert_int_equal(json_get_i64(root, "absent", -7), -7);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "list")), 30000);
    assert_int_equal(yyjson_get_uint(yyjson_arr_get_last(yyjson_obj_get(root, "list"))), 9);
    buf_fini(&b);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_spans_in_hard_texts),
        cmocka_unit_test(takes_the_grammar_and_no_more),
        cmocka_unit_test(finds_members),
        cmocka_unit_test(scans_what_was_made),
        cmocka_unit_test(splices),
        cmocka_unit_test(survives_broken_texts),
        cmocka_unit_test(refuses_deep_nesting),
        cmocka_unit_test(counts_members),
        cmocka_unit_test(wants_an_object),
        cmocka_unit_test(a_peek_leaves_the_scan),
        cmocka_unit_test(gives_a_giants_memory_back),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(parses_into_an_arena),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
