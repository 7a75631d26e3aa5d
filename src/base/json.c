#include "base/json.h"

#include <stdlib.h>

#include "base/json_internal.h"

/*
 * Scratch memory is reused from text to text. It grows to what the largest one needs; an area
 * beyond KEPT is given back by the next text that needs a quarter of it or less.
 */
#define SCRATCH_BYTES_LEAST 16384
#define SCRATCH_BYTES_KEPT  (1024u * 1024)
#define VALUES_BYTES_MAX    (256u * 1024 * 1024)

/* A number beyond 64 bits or beyond a double is still JSON, and not ours to refuse. */
#define READ_FLAGS (YYJSON_READ_INSITU | YYJSON_READ_BIGNUM_AS_RAW)

struct area {
    char *p;
    size_t cap;
};

/* What one parsed text lives in: the copy that is parsed in place, and its values. */
struct scratch {
    struct area text;
    struct area values;
    bool values_lent; /* yyjson asks for one piece when it parses in place */
};

static struct scratch scan_scratch, peek_scratch;

/* Room for `need` bytes whose old content does not matter. */
static char *area_fit(struct area *a, size_t need)
{
    bool giant_passed = a->cap > SCRATCH_BYTES_KEPT && need <= a->cap / 4;
    if (LIKELY(a->cap >= need && !giant_passed))
        return a->p;
    size_t cap = need < SCRATCH_BYTES_LEAST ? SCRATCH_BYTES_LEAST : need + need / 4;
    free(a->p);
    a->p = malloc(cap);
    a->cap = a->p ? cap : 0;
    return a->p;
}

static void *scratch_malloc(void *ctx, size_t size)
{
    struct scratch *s = ctx;
    if (s->values_lent || size > VALUES_BYTES_MAX)
        return NULL;
    void *p = area_fit(&s->values, size);
    s->values_lent = p != NULL;
    return p;
}

static void *scratch_realloc(void *ctx, void *old UNUSED, size_t old_size UNUSED, size_t size)
{
    struct scratch *s = ctx;
    if (size <= s->values.cap)
        return s->values.p;
    if (size > VALUES_BYTES_MAX)
        return NULL;
    char *p = realloc(s->values.p, size);
    if (p)
        s->values = (struct area){p, size};
    return p;
}

static void scratch_free(void *ctx, void *piece UNUSED)
{
    struct scratch *s = ctx;
    s->values_lent = false;
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

/*
 * Deeper than JSON_DEPTH_MAX? yyjson reads without recursion and knows no limit. Its values stand
 * one behind the other with each container in front of what it holds, so a walk over them with
 * the ends of the open containers tells; it costs less than a look at every byte.
 */
static bool too_deep(yyjson_doc *doc)
{
    if (yyjson_doc_get_val_count(doc) <= JSON_DEPTH_MAX)
        return false;
    yyjson_val *ends[JSON_DEPTH_MAX];
    size_t depth = 0;
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *end = unsafe_yyjson_get_next(root);
    for (yyjson_val *v = root; v < end; v++) {
        while (depth > 0 && v >= ends[depth - 1])
            depth--;
        if (!unsafe_yyjson_is_ctn(v))
            continue;
        if (depth == JSON_DEPTH_MAX)
            return true;
        ends[depth++] = unsafe_yyjson_get_next(v);
    }
    return false;
}

/* Parses the copy of `text` at `copy` in place; on failure says what is wrong with `text`. */
static int read_copy(struct str text, char *copy, const yyjson_alc *alc, yyjson_doc **ret_doc,
                     struct fault *f)
{
    if (text.n)
        memcpy(copy, text.p, text.n);
    memset(copy + text.n, 0, YYJSON_PADDING_SIZE);
    yyjson_read_err e = {0};
    yyjson_doc *doc = yyjson_read_opts(copy, text.n, READ_FLAGS, alc, &e);
    if (!doc && e.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return fault_set(f, E_MEMORY, "no memory to read %zu bytes of JSON", text.n);
    if (!doc)
        return f ? json_read_fault(f, text, &e) : E_BAD_JSON;
    if (too_deep(doc))
        return f ? json_depth_fault(f, text) : E_BAD_JSON;
    *ret_doc = doc;
    return 0;
}

static int scratch_read(struct scratch *s, struct str text, yyjson_doc **ret_doc, struct fault *f)
{
    if (text.n > JSON_TEXT_BYTES_MAX)
        return json_size_fault(text, f);
    char *copy = area_fit(&s->text, text.n + YYJSON_PADDING_SIZE);
    if (!copy)
        return E_MEMORY;
    s->values_lent = false;
    yyjson_alc alc = {scratch_malloc, scratch_realloc, scratch_free, s};
    return read_copy(text, copy, &alc, ret_doc, f);
}

int json_parse(struct arena *a, struct str text, yyjson_doc **ret_doc, struct fault *f)
{
    if (text.n > JSON_TEXT_BYTES_MAX)
        return json_size_fault(text, f);
    char *copy = arena_alloc(a, text.n + YYJSON_PADDING_SIZE);
    if (!copy)
        return E_MEMORY;
    yyjson_alc alc = {arena_malloc, arena_realloc, arena_free, a};
    return read_copy(text, copy, &alc, ret_doc, f);
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

/* ---- what json_scan.c asks of yyjson ---- */

/* Keys that had escapes, one behind the other. */
static struct keys {
    struct area area;
    size_t used;
} scan_keys, reader_key;

void json_keys_forget(void)
{
    scan_keys.used = 0;
}

/* The text's own struct stays untouched: half a surrogate pair is no key that anybody knows. */
static int key_unescape(struct keys *keys, size_t text_bytes, struct str *key)
{
    yyjson_doc *doc;
    struct str quoted = str_of(key->p - 1, key->n + 2);
    if (keys->used == 0 && !area_fit(&keys->area, text_bytes))
        return E_MEMORY;
    int err = scratch_read(&scan_scratch, quoted, &doc, NULL);
    if (err)
        return err == E_BAD_JSON ? 0 : err;
    struct str plain = json_str(yyjson_doc_get_root(doc));
    char *kept = keys->area.p + keys->used;
    memcpy(kept, plain.p, plain.n);
    keys->used += plain.n;
    *key = str_of(kept, plain.n);
    return 0;
}

int json_key_unescape(size_t text_bytes, struct str *key)
{
    return key_unescape(&scan_keys, text_bytes, key);
}

int json_key_unescape_alone(struct str *key)
{
    reader_key.used = 0;
    return key_unescape(&reader_key, key->n, key);
}

int json_size_fault(struct str text, struct fault *f)
{
    return fault_set(f, E_TOO_LARGE, "%zu bytes of JSON; at most %u are read", text.n,
                     JSON_TEXT_BYTES_MAX);
}

int json_object_fault(struct str text, struct fault *f)
{
    yyjson_doc *doc;
    if (!f)
        return E_BAD_JSON;
    int err = scratch_read(&scan_scratch, text, &doc, f);
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc);
    return fault_set(f, E_BAD_JSON, "byte 0: the body has to be a JSON object, it is %s %s",
                     yyjson_is_arr(root) ? "an" : "a", yyjson_get_type_desc(root));
}

int json_unquote(struct arena *a, struct str value, struct str *ret_text)
{
    struct str raw = json_string_raw(value);
    if (!memchr(raw.p, '\\', raw.n)) {
        *ret_text = arena_str(a, raw);
        return ret_text->p ? 0 : E_MEMORY;
    }
    yyjson_doc *doc;
    int err = json_parse(a, value, &doc, NULL);
    if (!err)
        *ret_text = json_str(yyjson_doc_get_root(doc));
    return err;
}

yyjson_val *json_peek(struct str text)
{
    yyjson_doc *doc;
    return scratch_read(&peek_scratch, text, &doc, NULL) ? NULL : yyjson_doc_get_root(doc);
}

size_t json_scratch_bytes(void)
{
    return scan_scratch.text.cap + scan_scratch.values.cap + peek_scratch.text.cap +
           peek_scratch.values.cap + scan_keys.area.cap + reader_key.area.cap;
}
