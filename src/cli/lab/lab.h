/*
 * lab.h: `sluice lab`: levers and graders against data, without a server. A command of it is one
 * file and one row in lab.c.
 *
 * What they share: rows of JSONL files, of which those marked `contaminated` are left out; a figure
 * is a share of them, or null where the file does not hold what it takes; a line a row in a file.
 */
#ifndef CLI_LAB_H
#define CLI_LAB_H

#include <stdio.h>

#include "base/buf.h"
#include "cli/command.h"
#include "eval/suite/jsonl.h"

extern const struct command command_lab_grade;

/* ---- reading ---- */

struct lab_rows {
    struct jsonl *lines;
    struct arena arena; /* the row's, empty again at the next one */
    unsigned long long rows, contaminated;
    bool progress; /* a person watches */
    int64_t shown_us;
};

MUSTCHECK int lab_open(struct lab_rows *rows, const char *path, struct fault *f);
void lab_close(struct lab_rows *rows);
/* The next row that counts. 0, E_EOF, or what is wrong with file or row. */
MUSTCHECK int lab_next(struct lab_rows *rows, yyjson_val **ret_row, struct fault *f);
/* A row's member, by its name or by a JSON Pointer ("/models/small/answer"); NULL: absent. */
yyjson_val *lab_field(yyjson_val *row, const char *name);
/* "FILE:12: field 'x' ..." : E_BAD_REQUEST. */
int lab_bad_row(const struct lab_rows *rows, struct fault *f, const char *field, const char *what);

/* ---- telling ---- */

/* Where a line a row goes; `file` NULL: nowhere. */
MUSTCHECK int lab_out_open(const char *path, FILE **ret_file, struct fault *f);
/* Also closes it. */
MUSTCHECK int lab_out_end(const char *path, FILE *file, struct fault *f);

/* A share of n with Wilson's interval, or null: in the object ,"name":0.5 and, with an interval,
 * ,"name_interval":[a,b].
 */
void lab_put_share(struct buf *out, const char *name, unsigned long long yes, unsigned long long n);
/* For people: "name   50.0 %  (95 %: 40.4 to 59.6; 50 of 100)". */
void lab_say_share(const char *name, unsigned long long yes, unsigned long long n);

/* The fault on standard error, "sluice lab grade: ..."; the exit code that goes with it. */
int lab_fail(const struct command *command, const struct fault *f, int err);

#endif
