/*
 * scalar.h: the texts that stand for one number, and back. Pure.
 */
#ifndef CONF_SCALAR_H
#define CONF_SCALAR_H

#include "conf/conf.h"

struct scalar_why {
    char text[320]; /* "is too large; expected 1 to 65535" */
};

/* Is the row's value one int64_t, int or bool that scalar_parse can read? */
bool scalar_is_number(enum conf_type type);

/* "a duration such as 250ms, 30s, 10m, 1h or 7d" */
const char *scalar_expected(enum conf_type type);

/*
 * The value of `text` for `row`, bounds and choices included (a choice's is its index, a bool's 0
 * or 1). False: `why` says what is wrong, to follow the text in quotes.
 */
MUSTCHECK bool scalar_parse(const struct conf_row *row, struct str text, int64_t *ret_value,
                            struct scalar_why *why);

/* May the value stand in this row, or is it only what an absent row without a default has? */
bool scalar_in_bounds(const struct conf_row *row, int64_t value);

/* The shortest text that scalar_parse reads as `value`. */
int scalar_print(const struct conf_row *row, int64_t value, struct buf *out);

/* Reads and writes the number of the row in its struct. */
int64_t scalar_get(const struct conf_row *row, const void *field);
void scalar_put(const struct conf_row *row, void *field, int64_t value);

#endif
