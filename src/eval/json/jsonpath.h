/*
 * jsonpath.h: places within a JSON value, by a JSONPath (RFC 9535).
 *
 * $.name  $['name']  $[0]  $[-1]  $.*  $[*]  $[1:3]  $[::-1]  $['a','b',0]  $..name  $..[0]  $..*
 *
 * Filters (`[?...]`) are refused when the path is read. A path of names and single indexes alone
 * leads to one place at most (jsonpath_is_single); others give a list, in the order of the RFC.
 * Pure functions that do not yield.
 */
#ifndef EVAL_JSONPATH_H
#define EVAL_JSONPATH_H

#include <stdbool.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/json/values.h"

#define JSONPATH_STEPS_MAX 64
#define JSONPATH_FOUND_MAX 100000

struct jsonpath;

/* E_CONFIG: the fault says at which character, and what was expected there. Or E_MEMORY. */
MUSTCHECK int jsonpath_read(struct arena *a, struct str text, struct jsonpath **ret_path,
                            struct fault *f);
bool jsonpath_is_single(const struct jsonpath *path);

struct jsonpath_found {
    size_t n, room;
    yyjson_val **at;
    bool too_many; /* more than JSONPATH_FOUND_MAX, or steps ran out: not all are here */
};

/* What the path leads to. 0 or E_MEMORY. */
MUSTCHECK int jsonpath_find(const struct jsonpath *path, struct arena *a, yyjson_val *root,
                            struct values_steps *steps, struct jsonpath_found *ret_found);

#endif
