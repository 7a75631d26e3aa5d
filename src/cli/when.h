/* when.h: days as people say them. Days are UTC, "2026-11-27". */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/macros.h"
#include "base/str.h"

bool when_is_day(struct str s);

/* The day that was `back` days ago; p == NULL without memory. */
struct str when_day_back(struct arena *a, unsigned back);

/* A day, or how many back, today included: "7d" is the last seven with today, "4w" four weeks. */
MUSTCHECK bool when_read(struct arena *a, const char *text, struct str *ret_day);

/* A whole number of least .. most. */
MUSTCHECK bool when_digits(struct str s, unsigned least, unsigned most, unsigned *ret_n);

#endif
