#include "base/json.h"

#include <stdlib.h>

/*
 * Scratch memory of scans and peeks: the copy that is parsed in place, and the values. It grows to
 * what the largest text needs and shrinks again with the next text that needs much less.
 */
#define SCRATCH_BYTES_KEPT (1024u * 1024)

static struct {
    char *bytes;
    size_t cap;
} scratch;

static struct json_scan the_scan;

static char *scratch_of(size_t need)
{
    bool much_too_large = scratch.cap > SCRATCH_BYTES_KEPT && need < scratch.cap / 4;
    if (scratch.cap >= need && !much_too_large)
        return scratch.bytes;
    size_t cap = need < 65536 ? 65536 : need;
    free(scratch.bytes);
    scratch.bytes = malloc(cap);
    scratch.cap = scratch.bytes ? cap : 0;
    return scratch.bytes;
}

/* Deeper than JSON_DEPTH_MAX? Few brackets cannot nest deeply, and counting them is quick. */
static bool too_deep(struct str text)
{
    size_t brackets = 0;
    for (size_t i = 0; i < text.n; i++)
        brackets += (text.p[i] == '{') | (text.p[i] == '[');
    if (LIKELY(brackets <= JSON_DEPTH_MAX))
        return false;
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

static int depth_fault(struct fault *f)
{
    return fault_set(f, E_BAD_JSON, "the JSON nests deeper than %d levels", JSON_DEPTH_MAX);
}

static int read_fault(struct fault *f, const yyjson_read_err *e)
{
    return fault_set(f, E_BAD_JSON, "invalid JSON at byte %zu: %s", e->pos, e->msg);
}

static void *arena_malloc(void *ctx, size_t size)
{
    return arena_alloc(ctx, size);
}

static void *arena_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    if (size <= old_size)
        return old;
    void *more = arena_alloc(ctx, size);
    if (more)
        memcpy(more, old, old_size);
    return more;
}

static void arena_free(void *ctx UNUSED, void *piece UNUSED)
{
}

int json_parse(struct arena *a, struct str text, yyjson_doc **ret_doc, struct fault *f)
{
    if (too_deep(text))
        return depth_fault(f);
    yyjson_alc alc = {arena_malloc, arena_realloc, arena_free, a};
    yyjson_read_err e = {0};
    /* Without YYJSON_READ_INSITU the text is copied, not changed. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.n, 0, &alc, &e);
    if (!doc && e.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return E_MEMORY;
    if (!doc)
        return read_fault(f, &e);
    *ret_doc = doc;
    return 0;
}

struct str json_get_str(yyjson_val *object, const char *key)
{
    return json_str(yyjson_obj_get(object, key));
}

int64_t json_get_i64(yyjson_val *object, const char *key, int64_t absent)
{
    yyjson_val *v = yyjson_obj_get(object, key);
    if (!yyjson_is_uint(v) || yyjson_get_uint(v) > INT64_MAX)
        return absent;
    return (int64_t)yyjson_get_uint(v);
}

static bool is_json_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* From a string's opening quote to the byte behind its closing one. */
static size_t string_end(struct str text, size_t at)
{
    for (at++; text.p[at] != '"'; at++)
        if (text.p[at] == '\\')
            at++;
    return at + 1;
}

static size_t value_start(struct str text, size_t key_at)
{
    size_t at = string_end(text, key_at);
    while (text.p[at] != ':')
        at++;
    at++;
    while (is_json_space(text.p[at]))
        at++;
    return at;
}

/* Back from `at` over white space. */
static size_t space_before(struct str text, size_t at)
{
    while (is_json_space(text.p[at - 1]))
        at--;
    return at;
}

/* Where each member's value ends: before the comma in front of the next key, or the last brace. */
static void members_end(struct json_scan *s)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t end;
        if (i + 1 < s->count) {
            end = space_before(s->text, s->member[i + 1].member_at.from); /* behind the comma */
            end = space_before(s->text, end - 1);
        } else {
            end = space_before(s->text, s->text.n);
            end = space_before(s->text, end - 1);
        }
        s->member[i].member_at.to = s->member[i].value_at.to = end;
    }
}

int json_scan(struct str text, const struct json_scan **ret_scan, struct fault *f)
{
    struct json_scan *s = &the_scan;
    if (too_deep(text))
        return depth_fault(f);
    size_t copy_bytes = (text.n + YYJSON_PADDING_SIZE + 15) & ~(size_t)15;
    size_t values = yyjson_read_max_memory_usage(text.n, YYJSON_READ_INSITU);
    char *copy = scratch_of(copy_bytes + values);
    if (!copy)
        return E_MEMORY;
    if (text.n)
        memcpy(copy, text.p, text.n);
    memset(copy + text.n, 0, YYJSON_PADDING_SIZE);
    yyjson_alc alc;
    yyjson_read_err e = {0};
    if (!yyjson_alc_pool_init(&alc, copy + copy_bytes, values))
        return E_MEMORY;
    yyjson_doc *doc = yyjson_read_opts(copy, text.n, YYJSON_READ_INSITU, &alc, &e);
    if (!doc)
        return read_fault(f, &e);
    s->text = text;
    s->root = yyjson_doc_get_root(doc);
    s->count = 0;
    if (!yyjson_is_obj(s->root))
        return fault_set(f, E_BAD_JSON, "the body has to be a JSON object");
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(s->root, i, n, key, value)
    {
        if (s->count == JSON_MEMBERS_MAX)
            return fault_set(f, E_BAD_JSON, "the object has more than %d members",
                             JSON_MEMBERS_MAX);
        struct json_member *m = &s->member[s->count++];
        /* Parsed in place, a key's text begins where it did in the original. */
        size_t key_at = (size_t)(yyjson_get_str(key) - copy) - 1;
        *m = (struct json_member){.key = json_str(key),
                                  .value = value,
                                  .member_at = {.from = key_at},
                                  .value_at = {.from = value_start(text, key_at)}};
    }
    members_end(s);
    *ret_scan = s;
    return 0;
}

const struct json_member *json_scan_find(const struct json_scan *scan, struct str key,
                                         bool *ret_twice)
{
    const struct json_member *found = NULL;
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->member[i].key.n != key.n || !str_eq(scan->member[i].key, key))
            continue;
        if (found) {
            if (ret_twice)
                *ret_twice = true;
            return found;
        }
        found = &scan->member[i];
        if (!ret_twice)
            break;
    }
    return found;
}

yyjson_val *json_peek(struct str text)
{
    if (too_deep(text))
        return NULL;
    size_t need = yyjson_read_max_memory_usage(text.n, 0);
    char *memory = scratch_of(need);
    yyjson_alc alc;
    if (!memory || !yyjson_alc_pool_init(&alc, memory, need))
        return NULL;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.n, 0, &alc, NULL);
    return yyjson_doc_get_root(doc);
}

/* Length of the valid UTF-8 sequence at p, 0 for an invalid one. */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < want)
        return 0;
    for (size_t i = 1; i < want; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates, beyond U+10FFFF */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return want;
}

static int escape(struct buf *out, unsigned char c)
{
    static const char letters[] = "btnvfr"; /* 8 .. 13; JSON has no \v */
    if (c == '"' || c == '\\')
        return buf_printf(out, "\\%c", c);
    if (c >= 8 && c <= 13 && c != 11)
        return buf_printf(out, "\\%c", letters[c - 8]);
    return buf_printf(out, "\\u%04x", c);
}

int json_quote(struct buf *out, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    buf_char(out, '"');
    size_t plain = 0; /* plain .. i is to be copied as it is */
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_length(p + i, s.n - i);
        bool special = n == 0 || p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f;
        if (!special) {
            i += n;
            continue;
        }
        buf_add(out, p + plain, i - plain);
        if (n == 0)
            buf_str(out, STR("\xef\xbf\xbd"));
        else
            escape(out, p[i]);
        plain = ++i;
    }
    buf_add(out, p + plain, s.n - plain);
    return buf_char(out, '"');
}

int json_usd(struct buf *out, int64_t nanos)
{
    uint64_t value = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos;
    if (nanos < 0)
        buf_char(out, '-');
    uint64_t fraction = value % 1000000000u;
    int err = buf_u64(out, value / 1000000000u);
    if (fraction == 0)
        return err;
    int digits = 9;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    return buf_printf(out, ".%0*llu", digits, (unsigned long long)fraction);
}
