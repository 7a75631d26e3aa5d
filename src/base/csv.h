/*
 * csv.h: reading comma-separated values, as RFC 4180 has them.
 *
 * Tolerated beyond it, since spreadsheets write them: a byte order mark in front, lines that end
 * with LF alone, empty lines, and semicolons or tabs as separators (the one that the first line has
 * most of). Not tolerated, since a guess would shift a column: a quote that is not closed, or
 * something between a closing quote and the separator.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

struct csv {
    struct str rest;
    char separator;
    unsigned line;      /* in which the last row began, from 1 */
    unsigned line_next; /* in which the next one does */
};

/* `text` has to outlive the reading. */
void csv_begin(struct csv *c, struct str text);

/*
 * The next row: fields borrow the text, or lie in the arena where quotes had to be taken out of
 * them. *ret_n == 0: there is none left. E_BAD_REQUEST, with what is wrong: the line is c->line.
 */
MUSTCHECK int csv_row(struct csv *c, struct arena *arena, struct str *ret_fields, unsigned most,
                      unsigned *ret_n, struct fault *f);

#endif
