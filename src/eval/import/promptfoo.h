/* promptfoo.h: what the files that import promptfoo's configuration share. */
#ifndef EVAL_IMPORT_PROMPTFOO_H
#define EVAL_IMPORT_PROMPTFOO_H

#include "conf/foreign.h"
#include "eval/import/draft.h"

#define PROMPTFOO_PROMPTS_MAX IMPORT_SUITES_MAX
#define PROMPTFOO_HOLES_MAX   200

struct promptfoo {
    struct import_done *done;
    struct arena *a; /* of `done` */
    struct foreign config;
    yyjson_val *defaults; /* the default test; NULL: none */
    struct draft draft;
    unsigned prompts_n;
    struct str prompts[PROMPTFOO_PROMPTS_MAX]; /* messages as JSON; holes are below "vars" */
    unsigned holes_n;
    struct str holes[PROMPTFOO_HOLES_MAX]; /* the variables that prompts name */
    struct str judge;                      /* of rubrics */
    unsigned tests_n;                      /* met so far */
    bool thresholds;                       /* a case has one */
    struct fault *f;
};

/* A test, or what stands in its place. */
struct promptfoo_test {
    struct str where;  /* "file:line: test 3" */
    struct str beside; /* the file that it stands in */
    yyjson_val *value;
};

/* ---- promptfoo_tests.c ---- */

/* All of `tests:`, which may name files. */
MUSTCHECK int promptfoo_tests(struct promptfoo *p, yyjson_val *tests);

/* ---- promptfoo_assert.c ---- */

/* What an assertion wants of an answer; *ret_taken false: it is not converted, and that was told.
 */
MUSTCHECK int promptfoo_assert(struct promptfoo *p, const struct promptfoo_test *t,
                               yyjson_val *vars, yyjson_val *assertion,
                               struct draft_check *ret_check, bool *ret_taken);
/* What stands in an __expected column, "contains:Paris", as an assertion's JSON. */
MUSTCHECK int promptfoo_expected(struct buf *out, struct str text);

/* ---- promptfoo.c ---- */

/* Has it templates that are more than the name of a variable? */
bool promptfoo_is_odd(yyjson_val *value);
/* A text or a value of the file that `name` ("file://...") says. *ret_value NULL: it is of no kind
 * that is read here, and that was told. */
MUSTCHECK int promptfoo_file(struct promptfoo *p, const struct promptfoo_test *t, struct str name,
                             yyjson_val **ret_value);
/* A JSON text as a value of the arena. */
MUSTCHECK int promptfoo_value(struct promptfoo *p, struct str json, yyjson_val **ret_value);

#endif
