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

static inline bool may_be_watched(const struct json_watch *watch, struct str key)
{
    const char *end = key.p + key.n;
    return key.n > 1 && (watch->ends & JSON_WATCH_BIT(end[-2], end[-1])) != 0;
}

/* A key within a member, of which only the watch wants to know. */
static ALWAYS_INLINE const char *inner_key_end(const char *at, const char *end,
                                               const struct json_watch *watch)
{
    bool escaped = false;
    struct str key = STR_NONE;
    at = key_end(at, end, watch ? &key : NULL, &escaped);
    if (watch && at && UNLIKELY(escaped || may_be_watched(watch, key)))
        the_scan.watched = the_scan.watched || escaped || watch->is(key);
    return at;
}

/* A container that stands within `outside` others. A loop in place of a recursion. Without a watch
 * (NULL, which the compiler knows) nothing of one is left. */
static ALWAYS_INLINE const char *container_walk(const char *at, const char *end, unsigned outside,
                                                const struct json_watch *watch)
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
                at = c == '{' ? inner_key_end(at, end, watch) : at;
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
        at = objects & 1 ? inner_key_end(at, end, watch) : at;
        if (!at)
            return NULL;
    }
}

static const char *container_end(const char *at, const char *end, unsigned outside)
{
    return container_walk(at, end, outside, NULL);
}

static const char *container_end_watching(const char *at, const char *end, unsigned outside,
                                          const struct json_watch *watch)
{
    return container_walk(at, end, outside, watch);
}

static inline const char *value_end(const char *at, const char *end, unsigned outside,
                                    const struct json_watch *watch)
{
    bool escaped;
    if (*at != '{' && *at != '[')
        return scalar_end(at, end, &escaped);
    return watch ? container_end_watching(at, end, outside, watch)
                 : container_end(at, end, outside);
}

/* ---- reading from front to back ---- */

static inline bool reader_init(struct json_reader *r, struct str text, char bracket)
{
    text = str_trim(text);
    bool fine = text.n >= 2 && text.p[0] == bracket && text.p[text.n - 1] == bracket + 2;
    *r = (struct json_reader){.at = text.p, .failed = !fine};
    if (fine)
        r->end = text.p + text.n - 1;
    return fine;
}

bool json_reader_init(struct json_reader *r, struct str text)
{
    return reader_init(r, text, '{');
}

bool json_reader_init_list(struct json_reader *r, struct str text)
{
    return reader_init(r, text, '[');
}

static void reader_fail(struct json_reader *r)
{
    r->failed = true;
}

bool json_enter(struct json_reader *r, char bracket)
{
    if (r->failed)
        return false;
    if (*r->at != bracket) {
        (void)json_take(r);
        return false;
    }
    if (r->depth == JSON_DEPTH_MAX) {
        reader_fail(r);
        return false;
    }
    r->depth++;
    r->at = space_end(r->at + 1);
    return *r->at != bracket + 2 || json_more(r, bracket);
}

/* The key as it stands between its quotes. */
static struct str raw_key_take(struct json_reader *r, bool *ret_escaped)
{
    struct str key = STR_NONE;
    *ret_escaped = false;
    const char *value = r->failed ? NULL : key_end(r->at, r->end, &key, ret_escaped);
    if (UNLIKELY(!value)) {
        reader_fail(r);
        r->key = STR_NONE;
        *ret_escaped = false;
        return STR_NONE;
    }
    r->at = value;
    r->key = str_of(key.p - 1, key.n + 2);
    return key;
}

struct str json_take_key(struct json_reader *r)
{
    bool escaped;
    struct str key = raw_key_take(r, &escaped);
    /* Without memory it stays as it is written, and is no key that anybody knows. */
    if (UNLIKELY(escaped))
        (void)!json_key_unescape_alone(&key);
    return key;
}

static inline struct str take(struct json_reader *r, const struct json_watch *watch)
{
    const char *from = r->at, *behind = r->failed ? NULL : value_end(from, r->end, r->depth, watch);
    if (!behind) {
        reader_fail(r);
        return STR_NONE;
    }
    r->at = behind;
    return str_of(from, (size_t)(behind - from));
}

struct str json_take(struct json_reader *r)
{
    return take(r, NULL);
}

bool json_more(struct json_reader *r, char bracket)
{
    if (r->failed)
        return false;
    r->at = space_end(r->at);
    if (*r->at == ',') {
        r->at = space_end(r->at + 1);
        return true;
    }
    /* '}' and ']' are two behind their openings; the last bracket closes the whole. */
    if (*r->at != bracket + 2 || (r->at == r->end) != (r->depth == 1)) {
        reader_fail(r);
        return false;
    }
    r->at++;
    r->depth--;
    return false;
}

/* ---- scanning ---- */

/* The members of the object that `r` is at the beginning of. */
static int members_read(struct json_scan *s, struct json_reader *r, const struct json_watch *watch)
{
    const char *base = s->text.p;
    int err = 0;
    if (!json_enter(r, '{'))
        return 0;
    do {
        struct json_member *m = &s->member[s->count];
        if (s->count == JSON_MEMBERS_MAX)
            return E_TOO_LARGE;
        m->member_at.from = (size_t)(r->at - base);
        bool escaped;
        m->key = raw_key_take(r, &escaped);
        m->value_at.from = (size_t)(r->at - base);
        m->value = take(r, watch);
        m->value_at.to = m->member_at.to = (size_t)(r->at - base);
        s->count += !r->failed;
        if (escaped && !r->failed)
            err = json_key_unescape(s->text.n, &m->key);
        if (watch && !err && !r->failed && may_be_watched(watch, m->key))
            s->watched = s->watched || watch->is(m->key);
    } while (!err && json_more(r, '{'));
    return err;
}

int json_scan(struct str text, const struct json_scan **ret_scan, struct fault *f)
{
    return json_scan_watching(text, NULL, ret_scan, f);
}

int json_scan_watching(struct str text, const struct json_watch *watch,
                       const struct json_scan **ret_scan, struct fault *f)
{
    struct json_scan *s = &the_scan;
    struct json_reader r;
    if (text.n > JSON_TEXT_BYTES_MAX)
        return json_size_fault(text, f);
    s->text = text;
    s->count = 0;
    s->watched = false;
    json_keys_forget();
    int err = json_reader_init(&r, text) ? members_read(s, &r, watch) : E_BAD_JSON;
    if (err == E_TOO_LARGE)
        return fault_set(f, E_BAD_JSON, "byte %zu: the object has more than %d members",
                         (size_t)(r.at - text.p), JSON_MEMBERS_MAX);
    if (r.failed)
        return json_object_fault(text, f);
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
