/* base_test.h: what the tests of base/ share: cmocka, and chance that is the same in every run. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

/* Ends with the text of both when they differ. */
#define assert_str(got, want)                                                                      \
    do {                                                                                           \
        struct str got_ = (got), want_ = (want);                                                   \
        if (!str_eq(got_, want_))                                                                  \
            fail_msg("got \"%.*s\", want \"%.*s\"", STR_ARGS(got_), STR_ARGS(want_));              \
    } while (0)

struct chance {
    uint64_t state;
};

/* A number below `limit` (> 0): a 64-bit linear congruence, of which the upper half is used. */
static inline unsigned chance_below(struct chance *c, unsigned limit)
{
    c->state = c->state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((c->state >> 33) % limit);
}

#endif
