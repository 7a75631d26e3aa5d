/*
 * values.h: JSON values held against each other, as graders do.
 *
 * Numbers are equal by value (1 and 1.0, exactly, whatever their size), the order of an object's
 * members is free, true is not 1. What came from json_parse: a number that fits neither 64 bits nor
 * a double stands there as its text, and is understood.
 *
 * A model's answer may be large on purpose, so work is counted in steps (about one a value that is
 * looked at); when they are used up everything says false, and the caller asks `left`. Recursion
 * goes as deep as the values nest (JSON_DEPTH_MAX). Pure functions that do not yield.
 */
#ifndef EVAL_VALUES_H
#define EVAL_VALUES_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/str.h"

struct values_steps {
    uint64_t left; /* 0: used up, nothing said since is worth anything */
};
/* Uses up `n`; false when there are no more. */
bool values_step(struct values_steps *steps, uint64_t n);

bool values_equal(yyjson_val *a, yyjson_val *b, struct values_steps *steps);
/* A member by its name, NULL where there is none. */
yyjson_val *values_member(yyjson_val *object, struct str name, struct values_steps *steps);

/* Also those that stand there as a text. */
bool values_is_number(yyjson_val *v);
/* A number without a part behind the point: 3, 3.0, 1e3. */
bool values_is_whole(yyjson_val *v);
/* Whole, and written without a point or an exponent: what programs take for an integer. */
bool values_is_integer(yyjson_val *v);
/* Of two numbers: < 0, 0, > 0. */
int values_order(yyjson_val *a, yyjson_val *b);
/* Is the number `v` a multiple of `of` (> 0)? As decimal fractions: 0.3 is one of 0.1. */
bool values_is_multiple(yyjson_val *v, yyjson_val *of);

/* "an object", "a string" ... */
const char *values_kind(yyjson_val *v);
/* For people: compact JSON, a string in single quotes; cut to about `bytes_max`. In the arena;
 * STR_NONE when that is full. */
MUSTCHECK struct str values_show(struct arena *a, yyjson_val *v, size_t bytes_max);
/* The same of a name, without quotes where it can stand as it is. */
MUSTCHECK struct str values_name(struct arena *a, yyjson_val *name, size_t bytes_max);

#endif
