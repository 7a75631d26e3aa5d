/*
 * template.h: JSON with holes, filled from a case.
 *
 * A hole is `{{name}}` in any text, or `{{name.inner.0}}` for what is within a field. A text that
 * is one hole and nothing else becomes the field's value, whatever that is; within a longer text a
 * text stands as it is, and anything else as JSON. Braces around anything but such a name are text.
 * What a case gives is never looked into for holes. Pure functions.
 */
#ifndef EVAL_TEMPLATE_H
#define EVAL_TEMPLATE_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

/* Writes `template` with the case's fields in as JSON text. E_BAD_REQUEST: the case lacks a field,
 * and the fault names it; or the first error of `out`. */
MUSTCHECK int template_write(yyjson_val *template, yyjson_val *fields, struct buf *out,
                             struct fault *f);

/* The same as a value in the arena; without a hole it is the template itself. */
MUSTCHECK int template_fill(yyjson_val *template, yyjson_val *fields, struct arena *arena,
                            yyjson_val **ret_value, struct fault *f);

/* The same of a text that is no JSON, in the arena; a field that is no text stands in it as JSON.
 */
MUSTCHECK int template_text(struct str text, yyjson_val *fields, struct arena *arena,
                            struct str *ret_text, struct fault *f);

bool template_has_hole(yyjson_val *template);

/* The length of the hole that begins `s`, braces included, and its name; 0: none does. */
size_t template_hole(struct str s, struct str *ret_name);

#endif
