/*
 * draft.h: a suite that is being written: its cases, and the graders that they need.
 *
 * A check is what one case wants of its answer. Checks of the same kind and settings become one
 * grader; where a case has two of them they become two. Each grader is for the cases that have the
 * field of its name, and finds there what it is told.
 */
#ifndef EVAL_IMPORT_DRAFT_H
#define EVAL_IMPORT_DRAFT_H

#include <stdbool.h>
#include <yyjson.h>

#include "eval/import/import.h"
#include "eval/suite/suite.h"

#define DRAFT_CHECKS_MAX SUITE_GRADERS_MAX /* of one case */

struct draft_check {
    const char *base;     /* the grader's name, and the field's; lasts as long as the draft */
    struct str settings;  /* YAML's flow form, without braces: "kind: exact, nocase: on" */
    const char *value_as; /* "expected: \"{{%s}}\"" with the field's name; NULL: it has none */
    struct str value;     /* JSON, for the field; n == 0: true */
    bool idle;            /* its weight is 0: it is shown and decides nothing */
};

struct draft_grader {
    struct str name, base, settings;
    const char *value_as;
    unsigned nth; /* of the same settings */
};

struct draft {
    struct arena *arena;
    struct buf cases; /* JSONL */
    unsigned cases_n;
    unsigned graders_n;
    struct draft_grader graders[SUITE_GRADERS_MAX];
};

void draft_init(struct draft *d, struct arena *arena);
void draft_fini(struct draft *d);

/* Is there a grader for it, or room for one, behind `n` checks of the same case? */
MUSTCHECK int draft_room(struct draft *d, const struct draft_check *before, unsigned n,
                         const struct draft_check *check, bool *ret_room);
/* `members`: JSON, "\"id\":\"1\",\"vars\":{}". */
MUSTCHECK int draft_case(struct draft *d, struct str members, const struct draft_check *checks,
                         unsigned n);

/* What stands in the suite beside its graders. */
struct draft_suite {
    struct str about;
    struct str cases_file; /* beside the suite */
    struct str model;
    struct str messages; /* JSON, with holes */
    struct str settings; /* lines of YAML */
    const char *from;    /* for the comment at the top */
};
/* Neither replaces a file: E_IO. */
MUSTCHECK int draft_write_cases(const struct draft *d, struct str path, struct fault *f);
MUSTCHECK int draft_write_suite(const struct draft *d, const struct draft_suite *s, struct str path,
                                struct fault *f);

/* ---- what both importers share ---- */

/* What is told once: a difference that any suite of the kind has. */
enum import_remark {
    REMARK_SPACE = 1,
    REMARK_REFUSAL = 2,
    REMARK_RUBRIC = 4,
    REMARK_FENCE = 8,
    REMARK_WORDS = 16,
    REMARK_REGEX = 32,
};
void import_remark(struct import_done *done, enum import_remark which);
/* "where: what", a piece that is not converted. */
void import_left_out(struct import_done *done, struct str where, const char *fmt, ...) PRINTF(3, 4);
void import_note(struct import_done *done, struct str where, const char *fmt, ...) PRINTF(3, 4);

/* A file beside `beside` (a path; its folder counts), in the arena. */
struct str import_path(struct arena *a, struct str beside, struct str name);
/* Its text, NUL behind it. E_IO, E_TOO_LARGE. */
MUSTCHECK int import_text(struct arena *a, struct str path, struct str *ret_text, struct fault *f);
/* A name as a file's: letters, digits, '-', '_' and '.'. */
struct str import_name(struct arena *a, struct str name);
/* "evals/support.yaml" -> "support" */
struct str import_stem(struct str path);
/* JSON of a text, in the arena; p == NULL without memory. */
struct str import_quoted(struct arena *a, struct str text);
struct str import_json(struct arena *a, yyjson_val *value);

/* Writes OUT/NAME.jsonl and a suite for each of `n`, NAME.yaml, NAME-2.yaml ..., and loads them. */
MUSTCHECK int import_write(const struct import_wish *wish, struct import_done *done,
                           const struct draft *d, struct str name, struct draft_suite *suites,
                           unsigned n, struct fault *f);

#endif
