/*
 * recorded_check.h: a line of a recorded provider's file that was written by hand: is it likely to
 * mean what it says? (recorded.c says what it may.) Pure.
 */
#ifndef LLM_RECORDED_CHECK_H
#define LLM_RECORDED_CHECK_H

#include <yyjson.h>

#include "base/err.h"
#include "base/macros.h"

/* `line` is an object. E_CONFIG, where a name is nearly a known one that the line lacks, a value is
 * of the wrong kind, or nothing is answered. */
MUSTCHECK int recorded_line_check(yyjson_val *line, struct fault *f);

#endif
