/*
 * number.h: numbers as people and models write them, read and compared without rounding.
 *
 * A number is decimal digits times a power of ten over a whole number, so 0.1 is 0.1 and 1/3 is
 * 1/3. It is equal to another or not; where a tolerance is allowed, the comparison is exact up to
 * 38 digits and a long double's beyond.
 */
#ifndef EVAL_NUMBER_H
#define EVAL_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

struct number {
    bool negative;
    struct str digits; /* without zeros at either end; none: it is 0 */
    int64_t exponent;  /* of ten, for the last digit */
    uint64_t under;    /* what it is divided by; 1 for most */
};

#define NUMBER_EXPONENT_MAX 1000000

/* Digits, with a point or without; all other characters are passed over ("1,234"). E_MEMORY. */
MUSTCHECK int number_read(struct arena *arena, struct str text, struct number *ret_number);
/* Times ten to the `places`. */
struct number number_shift(struct number n, int64_t places);
/* `n` over `under`, both whole and `under` not 0 and of at most 18 digits; false: they are not. */
MUSTCHECK bool number_over(struct number n, struct number under, struct number *ret_number);
/* Whole plus a fraction below 1, "1 1/2"; false where it gets too large. */
MUSTCHECK bool number_mixed(struct arena *arena, struct number whole, struct number fraction,
                            struct number *ret_number);

bool number_equal(const struct number *a, const struct number *b);

struct tolerance {
    struct number by;
    bool percent; /* of what is expected */
};
/* Is `got` at most so far from `wanted`? */
bool number_near(const struct number *got, const struct number *wanted, const struct tolerance *t);

/* ---- in text ---- */

#define NUMBER_READINGS_MAX 3

/*
 * A number that stands in a text. What is written may be read in several ways: "40%" is 40 and
 * 0.4, "1.5 million" is 1500000 and 1.5, "5 100" is 5100 and 100. The first is the fullest.
 */
struct number_found {
    size_t from, to; /* bytes of the plain text */
    struct number reading[NUMBER_READINGS_MAX];
    unsigned readings;
    bool percent; /* reading[0] is what stands before the sign, reading[1] a hundredth of it */
    bool aside;   /* a time, a date, a list's "3." or a part of a name: hardly what is asked for */
};

/* The text with signs made alike: LaTeX's and Unicode's spaces, minus, currencies, fractions ...
 * No longer than twice the text. E_MEMORY. */
MUSTCHECK int number_plain(struct arena *arena, struct str text, struct str *ret_plain);

/* The next number at byte `*at` of plain text or behind; `*at` moves behind it. 0 with *ret_is, or
 * E_MEMORY. */
MUSTCHECK int number_next(struct arena *arena, struct str plain, size_t *at, bool *ret_is,
                          struct number_found *ret_found);

#endif
