/*
 * grader.h: who says whether an answer is good.
 *
 * A grader looks at one answer to one case and gives a score from 0 to 1, a word for its verdict
 * and the reason. A kind of grader is one file below grader/ and one row in graders.c; what it can
 * be told are rows of the same table there, and each kind names those that it uses. Most kinds are
 * pure functions of what they are given; those that ask a model or run a command wait, and say so.
 *
 * A case that lacks what a grader needs, or has it as something else, is the suite's mistake:
 * E_BAD_REQUEST, and the fault says which field and what was expected. An answer is never a
 * mistake: whatever a model says is graded, or left ungraded with the reason, and what is ungraded
 * never counts as passed.
 */
#ifndef EVAL_GRADER_H
#define EVAL_GRADER_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"

struct eval_asker; /* who asks a model: ask.h */

/* What a suite's file says of one grader. */
struct grader_settings {
    struct str name;  /* in tables; without it the kind's */
    struct str where; /* only cases that have this field; n == 0: all */
    int kind;         /* of graders[] */
    int64_t weight;   /* in the case's score; millionths */
    int64_t pass;     /* the least score that passes, in millionths; CONF_NOT_GIVEN: the kind's */
    bool inverse;     /* what would pass fails, and the other way round */

    /* JSON in which "{{field}}" stands for the case's field; filled by the time a grader runs. */
    struct str expected;
    struct str harmful;      /* safety: true where the request ought to be refused */
    struct str instructions; /* instructions: a list of {"id": ..., "kwargs": {...}} */

    bool loose;             /* instructions: first and last line, asterisks may be left out */
    bool normalise;         /* letters' case, punctuation, articles and spaces do not count */
    bool nocase;            /* large and small letters are the same */
    bool begins;            /* exact: it is enough that the answer begins with it */
    bool either;            /* contains: or the answer stands in the expected text */
    struct str pattern;     /* regex */
    struct str tolerance;   /* number: "0.01", or "1%" of what is expected */
    struct conf_strs words; /* choice: the answers there are, "A", "B" ... */
    struct str path;        /* json: the place within the answer, as a JSONPath */
    struct str schema;      /* json: a JSON Schema */

    struct str judge;          /* rubric: the model that judges, by a name of the configuration */
    struct str about;          /* rubric: what the task was, for the judge */
    struct conf_list criteria; /* rubric: struct criterion_settings */
    int64_t votes;
    bool pairwise;            /* rubric: against `expected`, another answer to the same */
    struct conf_strs command; /* the program and its words */
    int64_t timeout_ms;       /* of a command */
};

/* One of a rubric's criteria. */
struct criterion_settings {
    struct str name, text;
    int64_t weight; /* millionths */
};

extern const struct conf_table grader_table;

/* One answer to one case. All of it belongs to who asks; `arena` takes what the grade says. */
struct grading {
    struct arena *arena;
    yyjson_val *fields;   /* the case, an object; NULL: nothing is known of it */
    struct str prompt;    /* the text of the request's last user message */
    yyjson_val *expected; /* settings.expected, harmful, instructions with the case's fields in */
    yyjson_val *harmful;  /* them; NULL where the suite says none */
    yyjson_val *instructions;
    struct str text;   /* the answer's text; n == 0 where there is none */
    yyjson_val *calls; /* its tool calls, as OpenAI's chat has them; NULL: none */
    yyjson_val
        *tools; /* the functions that were on offer, as OpenAI's chat has them; may be NULL */

    /* for graders that ask a model */
    struct eval_asker *asker; /* NULL: nobody may be asked */
    struct str key;           /* of the answer, in the run: what is asked about it has keys below */
    int64_t *judge_cost_nanos; /* what that cost is added here (cost_add) */
};

/* What becomes of a request by a safety grader's reckoning. */
enum grade_safety {
    SAFETY_NOT_ASKED,
    SAFETY_ANSWERED,        /* harmless, and answered */
    SAFETY_WRONGLY_REFUSED, /* harmless, and refused, wholly or in part */
    SAFETY_REFUSED,         /* harmful, and refused */
    SAFETY_UNSAFE,          /* harmful, and answered */
};

/* Texts are of the grading's arena, or literals. */
struct grade {
    bool graded;        /* false: there is no verdict; `why` says the reason */
    double score;       /* 0 to 1 */
    struct str verdict; /* "pass", "fail", "full", "partial", "none" ... */
    struct str got;     /* what was taken for the answer, "57"; may be none */
    struct str why;     /* for people: what is wrong, or missing; may be none */
    enum grade_safety safety;
};

struct grader_kind {
    const char *name;
    const char *summary;      /* a line, for `sluice eval graders` and the manual */
    const char *const *uses;  /* settings, by name, beside kind, name, weight and pass; ends NULL */
    const char *const *needs; /* those of them without which it cannot grade; NULL: none */
    double pass;              /* the least score that passes, where nobody says; 0: only 1 does */
    bool waits;               /* it asks a model or runs a command */
    /* Once for a suite: compiles a pattern or a schema. What is wrong is complained of in `doc`
     * (E_CONFIG). NULL: `self` is the settings. */
    int (*open)(const struct grader_settings *s, struct conf_doc *doc, struct arena *arena,
                void **ret_self);
    void (*close)(void *self); /* NULL: the arena has it all */
    /* 0, and *ret_grade is filled (it is all zero before); E_BAD_REQUEST as above; E_MEMORY; of
     * those that wait, the reason of a cancellation. YIELDS where `waits`. */
    int (*grade)(const void *self, const struct grading *g, struct grade *ret_grade,
                 struct fault *f);
};

/* All kinds; ends with NULL. In graders.c. */
extern const struct grader_kind *const graders[];

/* The kind of that name, or NULL; and the nearest one to a wrong name, or STR_NONE. */
const struct grader_kind *grader_find(struct str name);
struct str grader_nearest(struct str wrong);

/* Complains in `doc` of settings that the item's kind does not use, or lacks. 0 or E_MEMORY. */
MUSTCHECK int grader_check(const struct grader_settings *s, struct conf_doc *doc);

/* The least score that passes by these settings. */
double grader_pass(const struct grader_settings *s);

/* A verdict of yes or no; returns 0, for `return grade_yes_no(...)`. */
int grade_yes_no(struct grade *ret_grade, bool yes, struct str got, struct str why);
/* No verdict. */
int grade_none(struct grade *ret_grade, struct str why);

#endif
