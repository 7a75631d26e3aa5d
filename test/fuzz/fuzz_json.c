/*
 * fuzz_json.c: json_scan, walks, json_parse, json_peek and json_quote on any bytes.
 *
 * What they take must fit together: all three agree on what is JSON (but for
 * half a surrogate pair, which a scan passes on), members stand in order and
 * apart with nothing but punctuation between them, a member's bytes mean what the scan says, and a
 * quoted text reads back as itself where it is UTF-8.
 */
#include <stdlib.h>

#include "base/json.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct str span(struct str text, struct json_span at)
{
    check(at.from < at.to && at.to <= text.n);
    return str_of(text.p + at.from, at.to - at.from);
}

/* From `from` to `to` stands nothing but white space and one `mark`. */
static void check_between(struct str text, size_t from, size_t to, char mark)
{
    unsigned marks = 0;
    check(from < to && to <= text.n);
    for (size_t i = from; i < to; i++) {
        char c = text.p[i];
        marks += c == mark;
        check(c == mark || c == ' ' || c == '\t' || c == '\r' || c == '\n');
    }
    check(marks == 1);
}

/* A walk finds what yyjson finds, as deep as it goes. */
static void check_walk(struct str text, yyjson_val *want)
{
    struct str key, inner;
    struct json_walk w = json_members(text);
    yyjson_obj_iter it = yyjson_obj_iter_with(want);
    for (yyjson_val *k; yyjson_is_obj(want) && (k = yyjson_obj_iter_next(&it));) {
        check(json_next_member(&w, &key, &inner));
        check_walk(inner, yyjson_obj_iter_get_val(k));
    }
    check(!json_next_member(&w, &key, &inner));
    w = json_elements(text);
    for (size_t i = 0; yyjson_is_arr(want) && i < yyjson_arr_size(want) && i < 100; i++) {
        check(json_next_element(&w, &inner));
        check_walk(inner, yyjson_arr_get(want, i));
    }
    check(!yyjson_is_str(want) || json_string_bytes(text) == yyjson_get_len(want));
}

static void check_members(const struct json_scan *s, yyjson_val *root)
{
    struct str text = s->text;
    size_t before = 0;
    yyjson_obj_iter it = yyjson_obj_iter_with(root);
    for (size_t i = 0; i < s->count; i++) {
        const struct json_member *m = &s->member[i];
        check_between(text, before, m->member_at.from, i == 0 ? '{' : ',');
        check(m->member_at.to == m->value_at.to && m->member_at.from < m->value_at.from);
        before = m->member_at.to;
        check_walk(m->value, yyjson_obj_iter_get_val(yyjson_obj_iter_next(&it)));
        /* Parsed on its own, a value is the one that was found. */
        yyjson_val *value = json_peek(span(text, m->value_at));
        check(value && str_eq(m->value, span(text, m->value_at)));
        /* The key is a string right up to its colon. */
        struct str head = str_of(text.p + m->member_at.from, m->value_at.from - m->member_at.from);
        while (head.n > 0 && head.p[head.n - 1] != ':')
            head.n--;
        value = json_peek(str_head(head, head.n - 1));
        check(value && str_eq(json_str(value), m->key));
        const struct json_member *found = json_scan_find(s, m->key, NULL);
        check(found && found <= m && str_eq(found->key, m->key));
    }
    if (s->count > 0)
        check_between(text, before, text.n, '}');
}

static bool is_utf8(struct str s)
{
    while (s.n > 0) {
        size_t n = str_utf8_len(s);
        if (n == 0)
            return false;
        s = str_tail(s, n);
    }
    return true;
}

static void check_quote(struct str text)
{
    struct buf out;
    buf_init(&out, 6 * text.n + 2); /* the longest that it may become */
    check(json_quote(&out, text) == 0);
    yyjson_val *v = json_peek(buf_view(&out));
    check(v && yyjson_is_str(v));
    check(is_utf8(json_str(v)));
    if (is_utf8(text))
        check(str_eq(json_str(v), text));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    const struct json_scan *s = NULL;
    yyjson_doc *doc = NULL;
    struct fault f = {0};
    struct arena a;
    arena_init(&a, 64 << 20);
    int parsed = json_parse(&a, text, &doc, &f);
    check(parsed == 0 || (parsed == E_BAD_JSON && f.text[0]));
    yyjson_val *peeked = json_peek(text);
    check((peeked != NULL) == (parsed == 0));
    fault_clear(&f);
    int scanned = json_scan(text, &s, &f);
    if (scanned) {
        check(scanned == E_BAD_JSON && f.text[0]);
        yyjson_val *root = parsed ? NULL : yyjson_doc_get_root(doc);
        check(!yyjson_is_obj(root) || yyjson_obj_size(root) > JSON_MEMBERS_MAX);
    } else if (parsed == 0) {
        check(s->count == yyjson_obj_size(yyjson_doc_get_root(doc)));
        check_members(s, yyjson_doc_get_root(doc));
    } else {
        /* Only half a surrogate pair is good JSON that yyjson does not take. */
        check(str_find(text, STR("\\ud")) >= 0 || str_find(text, STR("\\uD")) >= 0);
    }
    check_quote(text);
    arena_fini(&a);
    return 0;
}
