/*
 * json.h: reading JSON, and writing it into a buf.
 *
 * Reading is for two needs. `json_parse` gives a document (yyjson's) in an arena for those who walk
 * it. `json_scan` is for the hot path: it checks a text in one pass without building anything, and
 * knows where every top-level member stands in the ORIGINAL bytes, so that a value can be replaced
 * by splicing and all other bytes stay as they came; a reader goes through the rest.
 *
 * Both refuse what nests deeper than JSON_DEPTH_MAX, with E_BAD_JSON and a fault that names the
 * byte, the line and what was expected there. More than 64 MiB are E_TOO_LARGE. Nothing here
 * yields; scans belong to the loop thread.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define JSON_DEPTH_MAX 128

/* A document whose memory is the arena's. `text` may go after the call. */
MUSTCHECK int json_parse(struct arena *a, struct str text, yyjson_doc **ret_doc, struct fault *f);

/* A member's value as a string; STR_NONE when absent or no string. Points into the document. */
struct str json_get_str(yyjson_val *object, const char *key);
/* A member's value as a whole number >= 0; `absent` when it is not there or is none. */
int64_t json_get_i64(yyjson_val *object, const char *key, int64_t absent);
/* STR_NONE for what is no string. */
static inline struct str json_str(yyjson_val *v)
{
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : STR_NONE;
}

/* Bytes `from` .. `to` (not included) of the original text. */
struct json_span {
    size_t from, to;
};

/*
 * One top-level member of the object that was scanned. `key` is unescaped and belongs to the scan;
 * `value` is the value's own bytes (quotes and brackets included) in the original text, which stand
 * at `value_at` there; `member_at` goes from the key's quote to the value's end.
 */
struct json_member {
    struct str key;
    struct str value;
    struct json_span member_at;
    struct json_span value_at;
};

#define JSON_MEMBERS_MAX 256

struct json_scan {
    struct str text; /* the original */
    size_t count;    /* top-level members */
    bool watched;    /* a key that was looked out for stands there, or may */
    struct json_member member[JSON_MEMBERS_MAX];
};

/*
 * Scans `text` (an object; anything else is E_BAD_JSON). More than JSON_MEMBERS_MAX members is
 * E_BAD_JSON too. The result is one static struct, valid until the next json_scan on this thread.
 */
MUSTCHECK int json_scan(struct str text, const struct json_scan **ret_scan, struct fault *f);

/*
 * The same, on the look-out for keys at any depth: one that may be meant by its last two bytes,
 * whose bit is in `ends`, is asked about as it stands between its quotes. One with an escape counts
 * as found, since nobody reads it here. The price is a look at the end of each key.
 */
struct json_watch {
    uint64_t ends;
    bool (*is)(struct str key);
};
/* Large and small letters have the same. */
#define JSON_WATCH_BIT(last_but_one, last)                                                         \
    (UINT64_C(1) << ((((unsigned char)(last_but_one) << 1) ^ ((unsigned char)(last)&31)) & 63))
MUSTCHECK int json_scan_watching(struct str text, const struct json_watch *watch,
                                 const struct json_scan **ret_scan, struct fault *f);

/* The member called `key`, or NULL. *ret_twice (may be NULL) tells whether the key stands twice. */
const struct json_member *json_scan_find(const struct json_scan *scan, struct str key,
                                         bool *ret_twice);

/*
 * Values as their own bytes, of a scan or a reader. The first byte tells the type; STR_NONE is of
 * none.
 */
static inline bool json_is(struct str value, char first)
{
    return value.n > 0 && value.p[0] == first;
}
static inline bool json_is_string(struct str value)
{
    return json_is(value, '"');
}
static inline bool json_is_object(struct str value)
{
    return json_is(value, '{');
}
static inline bool json_is_array(struct str value)
{
    return json_is(value, '[');
}
static inline bool json_is_true(struct str value)
{
    return json_is(value, 't');
}
static inline bool json_is_bool(struct str value)
{
    return json_is(value, 't') || json_is(value, 'f');
}
static inline bool json_is_null(struct str value)
{
    return json_is(value, 'n');
}
/* A whole number from 0 to `max`, written as one; false leaves *ret_number untouched. */
static inline MUSTCHECK bool json_to_u64(struct str value, uint64_t max, uint64_t *ret_number)
{
    return str_to_u64(value, max, ret_number);
}
/* What stands between a string's quotes, escapes as they are. */
static inline struct str json_string_raw(struct str value)
{
    return str_of(value.p + 1, value.n - 2);
}
/* Bytes of a string's text once unescaped; 0 for what is no string. */
size_t json_string_bytes(struct str value);
/* A list or an object that holds nothing. */
static inline bool json_is_empty(struct str value)
{
    return (json_is_array(value) || json_is_object(value)) &&
           str_trim(json_string_raw(value)).n == 0;
}
/* A string's text, in the arena. E_BAD_JSON for half a surrogate pair, or E_MEMORY. */
MUSTCHECK int json_unquote(struct arena *a, struct str value, struct str *ret_text);

/*
 * Reads an object's text from front to back, each byte once, without building anything:
 *
 *     if (json_enter(&r, '{'))
 *         do {
 *             struct str key = json_take_key(&r);
 *             ... json_take(&r), or json_enter(&r, ...) and so on
 *         } while (json_more(&r, '{'));
 *
 * After a fault everything takes nothing and says false, so that only the end has to be asked
 * whether the text was JSON: json_reader_good. The object itself has to be entered.
 */
struct json_reader {
    const char *at, *end;
    unsigned depth;
    bool failed;
    struct str key; /* the one taken last as it stands, a string */
};
/* False, and failed, where the text is no object. */
bool json_reader_init(struct json_reader *r, struct str text);
/* The same for a list, which has to be entered by its bracket. */
bool json_reader_init_list(struct json_reader *r, struct str text);
/* Steps into the object ('{') or array ('[') that comes next. False where it is empty, or where
 * something else stands there, and then it is behind that. */
bool json_enter(struct json_reader *r, char bracket);
/* A key's text. One with escapes means what they say, and stands in scratch memory until the next
 * such key; scans do not disturb it. */
struct str json_take_key(struct json_reader *r);
struct str json_take(struct json_reader *r); /* a value's own bytes */
/* Behind a value: true where another follows, else it is behind the container. */
bool json_more(struct json_reader *r, char bracket);
static inline bool json_reader_good(const struct json_reader *r)
{
    return !r->failed && r->depth == 0;
}

/*
 * A quick parse of `text` into scratch memory, for a quick look.
 * The value is valid until the next json_peek; scans do not disturb it, nor it them. NULL when
 * it is not valid JSON.
 */
yyjson_val *json_peek(struct str text);

/* What the scratch memory of scans and peeks holds now; for metrics. */
size_t json_scratch_bytes(void);

/*
 * "abc" with quotes and escapes, as RFC 8259 asks; invalid UTF-8 becomes U+FFFD. Control
 * characters beyond ASCII are escaped too, so that a quoted text is safe on a terminal.
 */
int json_quote(struct buf *out, struct str s);
/* The same without the quotes: a part of a string that is being written. */
int json_escape(struct buf *out, struct str s);

/* The same; an empty text is null. */
int json_quote_or_null(struct buf *out, struct str s);

/* A value as compact JSON; E_MEMORY where yyjson finds none. Also kept in out->failed. */
int json_value(struct buf *out, yyjson_val *value);

/* Nano-dollars as a JSON number in dollars, exact: 1234567 -> 0.001234567 */
int json_usd(struct buf *out, int64_t nanos);

#endif
