/*
 * json_internal.h: between the files of json.h only.
 */
#ifndef BASE_JSON_INTERNAL_H
#define BASE_JSON_INTERNAL_H

#include <yyjson.h>

#include "base/err.h"
#include "base/str.h"

/* Describe in `f` why `text` was refused: the byte, the line, and what was expected there. */
int json_read_fault(struct fault *f, struct str text, const yyjson_read_err *e);
int json_depth_fault(struct fault *f, struct str text);

#endif
