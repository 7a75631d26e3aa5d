#include "base/json.h"

#include <stdlib.h>

#include "base/json_internal.h"

/*
 * Scratch memory is reused from text to text. It grows to what the largest one needs; an area
 * beyond KEPT is given back by the next text that needs a quarter of it or less.
 */
#define SCRATCH_BYTES_LEAST 16384
#define SCRATCH_BYTES_KEPT  (1024u * 1024)
#define TEXT_BYTES_MAX      (64u * 1024 * 1024)
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
static struct json_scan the_scan;

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
    if (text.n > TEXT_BYTES_MAX)
        return fault_set(f, E_TOO_LARGE, "%zu bytes of JSON; at most %u are read", text.n,
                         TEXT_BYTES_MAX);
    char *copy = area_fit(&s->text, text.n + YYJSON_PADDING_SIZE);
    if (!copy)
        return E_MEMORY;
    s->values_lent = false;
    yyjson_alc alc = {scratch_malloc, scratch_realloc, scratch_free, s};
    return read_copy(text, copy, &alc, ret_doc, f);
}

int json_parse(struct arena *a, struct str text, yyjson_doc **ret_doc, struct fault *f)
{
    if (text.n > TEXT_BYTES_MAX)
        return fault_set(f, E_TOO_LARGE, "%zu bytes of JSON; at most %u are read", text.n,
                         TEXT_BYTES_MAX);
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

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The byte behind the white space before `at`; there is always some text before it. */
static size_t space_before(struct str text, size_t at)
{
    while (is_space(text.p[at - 1]))
        at--;
    return at;
}

/* Where the value begins whose key's opening quote stands at `at`. The text is valid JSON. */
static size_t value_start(struct str text, size_t at)
{
    for (at++; text.p[at] != '"'; at++)
        if (text.p[at] == '\\')
            at++;
    for (at++; is_space(text.p[at]); at++)
        ;
    for (at++; is_space(text.p[at]); at++) /* behind the colon */
        ;
    return at;
}

static void member_end(struct json_scan *s, size_t end)
{
    struct json_member *last = &s->member[s->count - 1];
    last->member_at.to = last->value_at.to = end;
}

/* Fills in the members; `copy` is what the original text became by being parsed in place. */
static int members_find(struct json_scan *s, const char *copy, struct fault *f)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(s->root);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&it))) {
        /* Unescaping moves a string's end, never its beginning. */
        size_t key_at = (size_t)(yyjson_get_str(key) - copy) - 1;
        /* The value before ends in front of the comma that is in front of this key. */
        if (s->count > 0)
            member_end(s, space_before(s->text, space_before(s->text, key_at) - 1));
        if (s->count == JSON_MEMBERS_MAX)
            return fault_set(f, E_BAD_JSON, "byte %zu: the object has more than %d members", key_at,
                             JSON_MEMBERS_MAX);
        s->member[s->count++] = (struct json_member){
            .key = json_str(key),
            .value = yyjson_obj_iter_get_val(key),
            .member_at.from = key_at,
            .value_at.from = value_start(s->text, key_at),
        };
    }
    /* Behind the root's closing brace is nothing but white space. */
    if (s->count > 0)
        member_end(s, space_before(s->text, space_before(s->text, s->text.n) - 1));
    return 0;
}

int json_scan(struct str text, const struct json_scan **ret_scan, struct fault *f)
{
    struct json_scan *s = &the_scan;
    yyjson_doc *doc;
    s->text = text;
    s->root = NULL;
    s->count = 0;
    int err = scratch_read(&scan_scratch, text, &doc, f);
    if (err)
        return err;
    s->root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(s->root))
        return fault_set(f, E_BAD_JSON, "byte 0: the body has to be a JSON object, it is %s %s",
                         yyjson_is_arr(s->root) ? "an" : "a", yyjson_get_type_desc(s->root));
    err = members_find(s, scan_scratch.text.p, f);
    if (!err)
        *ret_scan = s;
    return err;
}

const struct json_member *json_scan_find(const struct json_scan *scan, struct str key,
                                         bool *ret_twice)
{
    const struct json_member *found = NULL;
    bool twice = false;
    for (size_t i = 0; i < scan->count && !twice; i++) {
        if (!str_eq(scan->member[i].key, key))
            continue;
        if (found)
            twice = true;
        else
            found = &scan->member[i];
        if (!ret_twice)
            break;
    }
    if (ret_twice)
        *ret_twice = twice;
    return found;
}

yyjson_val *json_peek(struct str text)
{
    yyjson_doc *doc;
    return scratch_read(&peek_scratch, text, &doc, NULL) ? NULL : yyjson_doc_get_root(doc);
}

size_t json_scratch_bytes(void)
{
    return scan_scratch.text.cap + scan_scratch.values.cap + peek_scratch.text.cap +
           peek_scratch.values.cap;
}
