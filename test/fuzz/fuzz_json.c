/*
 * fuzz_json.c: json_scan, readers, json_parse, json_peek and json_quote on any bytes.
 *
 * What they take must fit together: all three agree on what is JSON (but for
 * half a surrogate pair, which a scan passes on), members stand in order and
 * apart with nothing but punctuation between them, a member's bytes mean what the scan says, and a
 * quoted text reads back as itself where it is UTF-8.
 */
#include "base/json.h"
#include "fuzz.h"

static struct str span(struct str text, struct json_span at)
{
    MUST(at.from < at.to && at.to <= text.n);
    return str_of(text.p + at.from, at.to - at.from);
}

/* From `from` to `to` stands nothing but white space and one `mark`. */
static void check_between(struct str text, size_t from, size_t to, char mark)
{
    unsigned marks = 0;
    MUST(from < to && to <= text.n);
    for (size_t i = from; i < to; i++) {
        char c = text.p[i];
        marks += c == mark;
        MUST(c == mark || c == ' ' || c == '\t' || c == '\r' || c == '\n');
    }
    MUST(marks == 1);
}

/* A reader finds what yyjson finds, as deep as it goes. */
static void check_reader(struct json_reader *r, yyjson_val *want)
{
    bool object = yyjson_is_obj(want);
    if (!yyjson_is_ctn(want)) {
        struct str value = json_take(r);
        MUST(!yyjson_is_str(want) || json_string_bytes(value) == yyjson_get_len(want));
        return;
    }
    yyjson_val *inner = unsafe_yyjson_get_first(want);
    bool more = json_enter(r, object ? '{' : '[');
    for (size_t left = yyjson_get_len(want); left > 0; left--) {
        MUST(more);
        if (object) {
            (void)json_take_key(r);
            MUST(json_string_bytes(r->key) == yyjson_get_len(inner));
            inner = unsafe_yyjson_get_next(inner);
        }
        check_reader(r, inner);
        inner = unsafe_yyjson_get_next(inner);
        more = json_more(r, object ? '{' : '[');
    }
    MUST(!more);
}

static void check_members(const struct json_scan *s)
{
    struct str text = s->text;
    size_t before = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct json_member *m = &s->member[i];
        check_between(text, before, m->member_at.from, i == 0 ? '{' : ',');
        MUST(m->member_at.to == m->value_at.to && m->member_at.from < m->value_at.from);
        before = m->member_at.to;
        /* Parsed on its own, a value is the one that was found. */
        yyjson_val *value = json_peek(span(text, m->value_at));
        MUST(value && str_eq(m->value, span(text, m->value_at)));
        /* The key is a string right up to its colon. */
        struct str head = str_of(text.p + m->member_at.from, m->value_at.from - m->member_at.from);
        while (head.n > 0 && head.p[head.n - 1] != ':')
            head.n--;
        value = json_peek(str_head(head, head.n - 1));
        MUST(value && str_eq(json_str(value), m->key));
        const struct json_member *found = json_scan_find(s, m->key, NULL);
        MUST(found && found <= m && str_eq(found->key, m->key));
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
    MUST(json_quote(&out, text) == 0);
    yyjson_val *v = json_peek(buf_view(&out));
    MUST(v && yyjson_is_str(v));
    MUST(is_utf8(json_str(v)));
    if (is_utf8(text))
        MUST(str_eq(json_str(v), text));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    const struct json_scan *s = NULL;
    yyjson_doc *doc = NULL;
    struct fault f = {0};
    struct arena a;
    arena_init(&a, 64 << 20);
    int parsed = json_parse(&a, text, &doc, &f);
    MUST(parsed == 0 || (parsed == E_BAD_JSON && f.text[0]));
    yyjson_val *peeked = json_peek(text);
    MUST((peeked != NULL) == (parsed == 0));
    fault_clear(&f);
    int scanned = json_scan(text, &s, &f);
    if (scanned) {
        MUST(scanned == E_BAD_JSON && f.text[0]);
        yyjson_val *root = parsed ? NULL : yyjson_doc_get_root(doc);
        MUST(!yyjson_is_obj(root) || yyjson_obj_size(root) > JSON_MEMBERS_MAX);
    } else if (parsed == 0) {
        MUST(s->count == yyjson_obj_size(yyjson_doc_get_root(doc)));
        check_members(s);
        struct json_reader r;
        MUST(json_reader_init(&r, text));
        check_reader(&r, yyjson_doc_get_root(doc));
        MUST(json_reader_good(&r));
    } else {
        /* Only half a surrogate pair is good JSON that yyjson does not take. */
        MUST(str_find(text, STR("\\ud")) >= 0 || str_find(text, STR("\\uD")) >= 0);
    }
    check_quote(text);
    arena_fini(&a);
    return 0;
}
