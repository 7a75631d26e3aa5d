/*
 * each.h: the same done to many things, several at once.
 */
#ifndef EVAL_EACH_H
#define EVAL_EACH_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"

struct each {
    unsigned n;
    unsigned at_once;
    size_t bytes_max; /* of the memory that one of them has */
    /* Once for each index. YIELDS; what it returns other than 0 ends all of it. */
    int (*fn)(void *arg, unsigned i, struct arena *arena, struct fault *f);
    void *arg;
};

/* 0, or the first error, with its fault: the others are called off (E_CANCELED) and waited for. */
YIELDS MUSTCHECK int each_run(const struct each *e, struct fault *f);

#endif
