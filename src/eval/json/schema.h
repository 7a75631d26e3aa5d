/*
 * schema.h: does a JSON value obey a JSON Schema?
 *
 * The schema is read once for many values; what it is asked for is the vocabulary of draft 2020-12
 * that schemas of structured output use (schema_words.c has the table). Titles, descriptions,
 * defaults, formats and the like are notes and check nothing, as the specification has it. What is
 * not supported is refused when the schema is read, by its name and place, and never passed over:
 * dynamic references, references to other documents, unevaluatedItems and unevaluatedProperties,
 * and words that no draft knows (which are typing mistakes, mostly).
 *
 * Numbers are compared by value (1.0 is an integer), lengths are counted in code points, patterns
 * are PCRE2's in the form that comes closest to JavaScript's, found anywhere in the text.
 *
 * A check is bounded: in steps, in depth (SCHEMA_DEPTH_MAX schemas within each other, which take up
 * to 64 KiB of stack: for a thread's or the loop's, not a task's) and in what its patterns may
 * cost, one search (pattern.h) and all of them. What goes beyond is told as not checked. A schema
 * is used by one thread at a time. Nothing here yields.
 */
#ifndef EVAL_SCHEMA_H
#define EVAL_SCHEMA_H

#include <stdbool.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define SCHEMA_BYTES_MAX (1024u * 1024)
#define SCHEMA_PARTS_MAX 20000
#define SCHEMA_DEPTH_MAX 200

struct schema;

/* E_CONFIG: the fault says what is wrong and where, "#/properties/age: ...". Or E_MEMORY. The
 * arena keeps what it is made of; schema_free gives back the rest. */
MUSTCHECK int schema_load(struct arena *a, struct str text, struct schema **ret_schema,
                          struct fault *f);
void schema_free(struct schema *s); /* NULL is harmless */

enum schema_verdict {
    SCHEMA_OBEYED,
    SCHEMA_BROKEN,
    SCHEMA_UNCHECKED, /* it took too much */
};

/* 0 or E_MEMORY. *ret_why: "$.items[2].price: -1 is less than 0", in the arena; STR_NONE where the
 * value obeys. */
MUSTCHECK int schema_check(const struct schema *s, struct arena *a, yyjson_val *value,
                           enum schema_verdict *ret_verdict, struct str *ret_why);

#endif
