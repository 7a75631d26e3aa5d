/*
 * expected.h: what the graders of texts are told to expect: one text, or a list of texts any of
 * which is right. A number or a truth value in its place is taken as it would be written.
 */
#ifndef EVAL_EXPECTED_H
#define EVAL_EXPECTED_H

#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define EXPECTED_MAX 1000

struct expected {
    unsigned n;
    const struct str *at; /* in the arena or the value */
};

/* `who` is the grader, and `where` the setting, for the fault. E_BAD_REQUEST, E_MEMORY. */
MUSTCHECK int expected_read(struct arena *arena, const char *who, const char *where,
                            yyjson_val *value, struct expected *ret_expected, struct fault *f);

/* "a list", for messages. */
const char *expected_kind(const yyjson_val *value);

/* One of the texts and how many more, to be shown: "Paris" or "Paris" or 2 others. */
MUSTCHECK struct str expected_show(struct arena *arena, const struct expected *e);

#endif
