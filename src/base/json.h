/*
 * json.h: reading JSON with yyjson, and writing it into a buf.
 *
 * Reading is for two needs. `json_parse` gives a document in an arena for those who walk it.
 * `json_scan` is for the hot path: it parses into scratch memory that is reused by the next scan,
 * and knows where every top-level member stands in the ORIGINAL bytes, so that a value can be
 * replaced by splicing and all other bytes stay as they came.
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
 * One top-level member of the object that was scanned. `key` and `value` belong to the scan.
 * `value_at` is the value's own bytes (quotes and brackets included) in the original text, and
 * `member_at` the bytes from the key's quote to the value's end.
 */
struct json_member {
    struct str key;
    yyjson_val *value;
    struct json_span member_at;
    struct json_span value_at;
};

#define JSON_MEMBERS_MAX 256

struct json_scan {
    struct str text;  /* the original */
    yyjson_val *root; /* valid until the next scan */
    size_t count;     /* top-level members; 0 when the root is no object */
    struct json_member member[JSON_MEMBERS_MAX];
};

/*
 * Scans `text` (an object; anything else is E_BAD_JSON). More than JSON_MEMBERS_MAX members is
 * E_BAD_JSON too. The result is one static struct, valid until the next json_scan on this thread.
 */
MUSTCHECK int json_scan(struct str text, const struct json_scan **ret_scan, struct fault *f);

/* The member called `key`, or NULL. *ret_twice (may be NULL) tells whether the key stands twice. */
const struct json_member *json_scan_find(const struct json_scan *scan, struct str key,
                                         bool *ret_twice);

/*
 * A quick parse of `text` into scratch memory without member positions: for looking into events.
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

/* A value as compact JSON; E_MEMORY where yyjson finds none. Also kept in out->failed. */
int json_value(struct buf *out, yyjson_val *value);

/* Nano-dollars as a JSON number in dollars, exact: 1234567 -> 0.001234567 */
int json_usd(struct buf *out, int64_t nanos);

#endif
