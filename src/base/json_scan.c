/*
 * json_scan.c: checks a text against RFC 8259 in one pass and notes its top-level members.
 *
 * Only texts that pass are of interest here: for one that does not, yyjson finds the words. What
 * yyjson takes passes too, and so does an escaped half of a surrogate pair, which is JSON by the
 * grammar and not ours to refuse. Most bytes of a request stand in strings, so these are looked at
 * 16 at a time where the processor can.
 */
#include "base/json.h"
#include "base/json_internal.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/*
 * Every `x_end(at, end)` here takes an x that begins at `at` and returns where it ends, or NULL
 * where there is none. `end` is where the closing bracket of what is read stands: it ends numbers,
 * spaces and everything else, so that only strings and brackets have to look out for it.
 */

static struct json_scan the_scan;

/* ---- strings ---- */

/* A quote, a backslash, a control character or a byte beyond ASCII: what ends a plain run. */
static bool is_special(unsigned char c)
{
    return c == '"' || c == '\\' || c < 0x20 || c >= 0x80;
}

/*
 * `marks_at` has a mark for each special byte of the STEP bytes at `at`; `marks_first` tells how
 * many bytes stand before the first mark, STEP when there is none.
 */
#define STEP 16

#if defined(__SSE2__)
typedef __m128i marks;

static inline marks marks_at(const char *at)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i either = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                  _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    /* Signed: bytes beyond ASCII are below the control characters. */
    return _mm_or_si128(either, _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
}

static inline marks marks_or(marks a, marks b)
{
    return _mm_or_si128(a, b);
}

static inline unsigned marks_first(marks m)
{
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(m) | 1u << STEP);
}
#elif defined(__aarch64__)
typedef uint8x16_t marks;

static inline marks marks_at(const char *at)
{
    uint8x16_t v = vld1q_u8((const uint8_t *)at);
    uint8x16_t either = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\')));
    return vorrq_u8(either, vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0x20)));
}

static inline marks marks_or(marks a, marks b)
{
    return vorrq_u8(a, b);
}

static inline unsigned marks_first(marks m)
{
    uint8x8_t four_bits_each = vshrn_n_u16(vreinterpretq_u16_u8(m), 4);
    uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(four_bits_each), 0);
    return mask ? (unsigned)__builtin_ctzll(mask) / 4 : STEP;
}
#else
typedef unsigned marks;

static inline marks marks_at(const char *at)
{
    unsigned m = 0;
    for (unsigned i = 0; i < STEP; i++)
        m |= (unsigned)is_special((unsigned char)at[i]) << i;
    return m;
}

static inline marks marks_or(marks a, marks b)
{
    return a | b;
}

static inline unsigned marks_first(marks m)
{
    return (unsigned)__builtin_ctz(m | 1u << STEP);
}
#endif

/* The first special byte, or `end` where none stands before it. */
static const char *plain_end(const char *at, const char *end)
{
    for (; end - at >= 4 * STEP; at += 4 * STEP) {
        marks both = marks_or(marks_at(at), marks_at(at + STEP));
        marks more = marks_or(marks_at(at + 2 * STEP), marks_at(at + 3 * STEP));
        if (marks_first(marks_or(both, more)) < STEP)
            break;
    }
    for (; end - at >= STEP; at += STEP) {
        unsigned n = marks_first(marks_at(at));
        if (n < STEP)
            return at + n;
    }
    while (at < end && !is_special((unsigned char)*at))
        at++;
    return at;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Bytes of the escape at `at`, its backslash included; 0 when it is none. */
static size_t escape_bytes(const char *at, const char *end)
{
    if (end - at < 2)
        return 0;
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        return end - at >= 6 && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) && is_hex(at[5])
                   ? 6
                   : 0;
    default:
        return 0;
    }
}

/* Of a special byte within a string that is no quote. */
static const char *special_end(const char *at, const char *end, bool *ret_escaped)
{
    size_t n = 0;
    if (*at == '\\') {
        *ret_escaped = true;
        n = escape_bytes(at, end);
    } else if ((unsigned char)*at >= 0x80) {
        n = str_utf8_len(str_of(at, (size_t)(end - at)));
    }
    return n ? at + n : NULL;
}

/* Of a string that is long or has special bytes in it. */
static const char *odd_string_end(const char *at, const char *end, bool *ret_escaped)
{
    for (;;) {
        at = plain_end(at, end);
        if (at >= end)
            return NULL;
        if (*at == '"')
            return at + 1;
        at = special_end(at, end, ret_escaped);
        if (!at)
            return NULL;
    }
}

/* `at` is behind the opening quote, the result behind the closing one. */
static inline const char *string_end(const char *at, const char *end, bool *ret_escaped)
{
    if (LIKELY(end - at > STEP)) {
        at += marks_first(marks_at(at));
        if (*at == '"')
            return at + 1;
    }
    return odd_string_end(at, end, ret_escaped);
}

/* ---- the grammar ---- */

static inline const char *space_end(const char *at)
{
    while (UNLIKELY(*at <= ' ') && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *digits_end(const char *at)
{
    const char *from = at;
    while (is_digit(*at))
        at++;
    return at > from ? at : NULL;
}

static const char *number_end(const char *at)
{
    at += *at == '-';
    at = *at == '0' ? at + 1 : digits_end(at);
    if (at && *at == '.')
        at = digits_end(at + 1);
    if (!at || (*at | 0x20) != 'e')
        return at;
    at++;
    return digits_end(at + (*at == '+' || *at == '-'));
}

static inline const char *word_end(const char *at, const char *end, struct str word)
{
    bool is = (size_t)(end - at) >= word.n && memcmp(at, word.p, word.n) == 0;
    return is ? at + word.n : NULL;
}

static inline const char *scalar_end(const char *at, const char *end, bool *ret_escaped)
{
    switch (*at) {
    case '"':
        return string_end(at + 1, end, ret_escaped);
    case 't':
        return word_end(at, end, STR("true"));
    case 'f':
        return word_end(at, end, STR("false"));
    case 'n':
        return word_end(at, end, STR("null"));
    case '-':
    case '0' ... '9':
        return number_end(at);
    default:
        return NULL;
    }
}

/* Of a key with its colon and the space up to the value. `ret_key` may be NULL. */
static inline const char *key_end(const char *at, const char *end, struct str *ret_key,
                                  bool *ret_escaped)
{
    if (*at != '"')
        return NULL;
    const char *key = at + 1;
    at = string_end(key, end, ret_escaped);
    if (!at)
        return NULL;
    if (ret_key)
        *ret_key = str_of(key, (size_t)(at - key) - 1);
    at = space_end(at);
    return *at == ':' ? space_end(at + 1) : NULL;
}

/* One bit for each level that may be open, the innermost lowest. */
typedef unsigned __int128 levels;
_Static_assert(sizeof(levels) * 8 >= JSON_DEPTH_MAX, "a bit for each level");

/* A container that stands within `outside` others. A loop in place of a recursion. */
static const char *container_end(const char *at, const char *end, unsigned outside)
{
    levels objects = 0; /* which of the open containers are objects */
    unsigned depth = 0;
    bool escaped;
    for (;;) {
        char c = *at;
        if (c == '{' || c == '[') {
            if (depth++ + outside == JSON_DEPTH_MAX)
                return NULL;
            objects = objects << 1 | (c == '{');
            at = space_end(at + 1);
            if (*at != c + 2) { /* '}' and ']' are two behind their openings */
                at = c == '{' ? key_end(at, end, NULL, &escaped) : at;
                if (!at)
                    return NULL;
                continue;
            }
        } else {
            at = scalar_end(at, end, &escaped);
            if (!at)
                return NULL;
            at = space_end(at);
        }
        while (*at != ',') {
            if (*at != (objects & 1 ? '}' : ']') || at == end)
                return NULL;
            at++;
            objects >>= 1;
            if (--depth == 0)
                return at;
            at = space_end(at);
        }
        at = space_end(at + 1);
        at = objects & 1 ? key_end(at, end, NULL, &escaped) : at;
        if (!at)
            return NULL;
    }
}

static inline const char *value_end(const char *at, const char *end, unsigned outside)
{
    bool escaped;
    return *at == '{' || *at == '[' ? container_end(at, end, outside)
                                    : scalar_end(at, end, &escaped);
}

/* ---- scanning ---- */

/* These move *at to the end of what they read; it stays where the fault is. */

static int member_read(struct json_scan *s, const char **at, const char *end)
{
    struct json_member *m = &s->member[s->count];
    const char *base = s->text.p, *from = *at;
    bool escaped = false;
    const char *value = key_end(from, end, &m->key, &escaped);
    const char *behind = value ? value_end(value, end, 1) : NULL;
    if (!behind)
        return E_BAD_JSON;
    *at = behind;
    m->value = str_of(value, (size_t)(behind - value));
    m->value_at = (struct json_span){(size_t)(value - base), (size_t)(behind - base)};
    m->member_at = (struct json_span){(size_t)(from - base), m->value_at.to};
    s->count++;
    return escaped ? json_key_unescape(s->text.n, &m->key) : 0;
}

/* From behind the opening brace to the closing one, which has to stand at `end`. */
static int members_read(struct json_scan *s, const char **at, const char *end)
{
    *at = space_end(*at);
    if (**at == '}')
        return *at == end ? 0 : E_BAD_JSON;
    for (;;) {
        if (s->count == JSON_MEMBERS_MAX)
            return E_TOO_LARGE;
        int err = member_read(s, at, end);
        if (err)
            return err;
        *at = space_end(*at);
        if (*at == end)
            return 0;
        if (**at != ',')
            return E_BAD_JSON;
        *at = space_end(*at + 1);
    }
}

static int object_read(struct json_scan *s, const char **at)
{
    struct str text = str_trim(s->text);
    *at = text.p;
    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}')
        return E_BAD_JSON;
    ++*at;
    return members_read(s, at, text.p + text.n - 1);
}

int json_scan(struct str text, const struct json_scan **ret_scan, struct fault *f)
{
    struct json_scan *s = &the_scan;
    const char *at;
    if (text.n > JSON_TEXT_BYTES_MAX)
        return json_size_fault(text, f);
    s->text = text;
    s->count = 0;
    json_keys_forget();
    int err = object_read(s, &at);
    if (err == E_BAD_JSON)
        return json_object_fault(text, f);
    if (err == E_TOO_LARGE)
        return fault_set(f, E_BAD_JSON, "byte %zu: the object has more than %d members",
                         (size_t)(at - text.p), JSON_MEMBERS_MAX);
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

/* ---- walking through what was scanned ---- */

static struct json_walk walk_into(struct str value, char bracket)
{
    if (!json_is(value, bracket))
        return (struct json_walk){NULL, NULL};
    return (struct json_walk){space_end(value.p + 1), value.p + value.n - 1};
}

struct json_walk json_members(struct str object)
{
    return walk_into(object, '{');
}

struct json_walk json_elements(struct str array)
{
    return walk_into(array, '[');
}

/* The value at `at`; the walk goes on behind it and its comma. */
static bool walk_value(struct json_walk *w, const char *at, struct str *ret_value)
{
    const char *behind = value_end(at, w->end, 0);
    if (!behind)
        return false;
    *ret_value = str_of(at, (size_t)(behind - at));
    at = space_end(behind);
    w->at = *at == ',' ? space_end(at + 1) : at;
    return true;
}

bool json_next_element(struct json_walk *w, struct str *ret_value)
{
    return w->at < w->end && walk_value(w, w->at, ret_value);
}

bool json_next_member(struct json_walk *w, struct str *ret_key, struct str *ret_value)
{
    bool escaped;
    const char *at = w->at < w->end ? key_end(w->at, w->end, ret_key, &escaped) : NULL;
    return at && walk_value(w, at, ret_value);
}

struct str json_member_of(struct str object, struct str key)
{
    struct json_walk w = json_members(object);
    struct str k, value;
    while (json_next_member(&w, &k, &value))
        if (str_eq(k, key))
            return value;
    return STR_NONE;
}

size_t json_string_bytes(struct str value)
{
    if (!json_is_string(value))
        return 0;
    struct str s = json_string_raw(value);
    size_t bytes = s.n;
    const char *end = s.p + s.n;
    for (const char *at = s.p; (at = memchr(at, '\\', (size_t)(end - at)));) {
        size_t n = escape_bytes(at, end);
        /* A pair of surrogates is four bytes in UTF-8: two for each half. */
        unsigned code = n == 6 ? hex_value(at[2]) << 12 | hex_value(at[3]) << 8 |
                                     hex_value(at[4]) << 4 | hex_value(at[5])
                               : 0;
        bytes -= n - (code < 0x80 ? 1 : code < 0x800 || code >> 11 == 0xd800 >> 11 ? 2 : 3);
        at += n;
    }
    return bytes;
}
