/*
 * sheet.h: rows and columns, printed as an aligned table for people, or as CSV or JSON for
 * programs.
 *
 * A cell holds a number or a text, or is not known; its column says how it is shown: money as exact
 * dollars, times in milliseconds. Texts live in the sheet's arena.
 */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/macros.h"
#include "base/str.h"

#define SHEET_COLUMNS_MAX 48

enum sheet_kind {
    SHEET_TEXT,
    SHEET_JSON, /* a text that is JSON already */
    SHEET_COUNT,
    SHEET_BOOL,
    SHEET_USD,   /* nano-dollars */
    SHEET_SPAN,  /* microseconds; milliseconds for programs */
    SHEET_ABOUT, /* the same, known to two digits */
    SHEET_TIME,  /* microseconds since 1970 */
    SHEET_SHARE, /* millionths; percent for people */
};

enum sheet_flags {
    SHEET_NOT_TABLE = 1, /* only for programs */
    SHEET_NOT_DATA = 2,  /* only for people */
    SHEET_RARE = 4,      /* for people only where a row has something other than 0 */
};

struct sheet_column {
    const char *name;  /* for programs: "cost_usd" */
    const char *title; /* for people: "cost USD" */
    enum sheet_kind kind;
    unsigned flags;
};

struct sheet_cell {
    bool known;
    bool at_least; /* money: a part of it is not known */
    int64_t n;
    struct str s;
};

struct sheet {
    struct arena *arena;
    unsigned columns_n;
    struct sheet_column column[SHEET_COLUMNS_MAX];
    unsigned rows_n, rows_cap;
    struct sheet_cell *cell; /* columns_n a row */
    bool total;              /* the last row is the sum of the others */
};

void sheet_init(struct sheet *s, struct arena *arena);
void sheet_fini(struct sheet *s);
void sheet_column(struct sheet *s, const char *name, const char *title, enum sheet_kind kind,
                  unsigned flags);
/* A new row after the last column is there: columns_n cells that are not known; NULL without
 * memory. */
MUSTCHECK struct sheet_cell *sheet_row(struct sheet *s);

static inline struct sheet_cell sheet_number(int64_t n)
{
    return (struct sheet_cell){.known = true, .n = n};
}
static inline struct sheet_cell sheet_text(struct str s)
{
    return (struct sheet_cell){.known = s.n > 0, .s = s};
}

MUSTCHECK int sheet_print_table(const struct sheet *s, FILE *to);
MUSTCHECK int sheet_print_csv(const struct sheet *s, FILE *to);
/* One row as an object, at the end of `out`. */
MUSTCHECK int sheet_json_row(const struct sheet *s, unsigned row, struct buf *out);
/* One cell as people read it, at the end of `out` (which remembers what failed). */
void sheet_cell_show(const struct sheet_column *c, const struct sheet_cell *cell, struct buf *out);

#endif
