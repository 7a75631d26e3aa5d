/*
 * results.h: what the graders said of a run's answers: one result for each case and sample.
 *
 * Kept beside the answers as a file of one JSON object a line, so that a run can be shown and
 * compared without its suite. Answers themselves stay in answers.h's file; a result has their key.
 *
 * Reading and writing block on the disk; for commands.
 */
#ifndef EVAL_RESULTS_H
#define EVAL_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "eval/grader.h"
#include "llm/prices.h"

enum result_state {
    RESULT_MISSING,  /* it was not asked: the run has not come to it */
    RESULT_ERROR,    /* there is no answer; `error` and `why` say the reason */
    RESULT_UNGRADED, /* there is one, and a grader gave no verdict */
    RESULT_GRADED,
    RESULT_STATES
};
extern const char *const result_state_names[RESULT_STATES];
extern const char *const grade_safety_names[];

/* What one grader said. */
struct result_grade {
    bool skipped; /* it is not for this case (grader_settings.where): nothing else is said */
    bool graded, pass;
    double score;
    struct str verdict, got, why;
};

/* Errors and ungraded ones are failures of the case: score 0, not passed. */
struct result {
    struct str id;
    char hash[17]; /* of the case's content */
    unsigned tags_n;
    struct str *tags;
    double weight;
    unsigned sample; /* from 1 */
    enum result_state state;
    double score; /* 0 to 1: the mean of the graders', by their weights */
    bool pass;    /* every grader that has a weight passed it */
    enum grade_safety safety;
    int64_t cost_usd_nanos;       /* of all its calls and tries; COST_UNKNOWN */
    int64_t judge_cost_usd_nanos; /* of judges, apart; 0 where there are none */
    int64_t total_us;             /* of a live answer; -1: none */
    int64_t input_tokens, output_tokens;
    struct str error, why;
    struct result_grade *grades; /* as many as the run has graders */
};

struct results {
    struct arena arena;
    unsigned graders_n;
    struct str *graders; /* names */
    unsigned n;
    struct result *at; /* by case in the order of the suite, then by sample */
};

MUSTCHECK int results_write(const struct results *r, const char *path, struct fault *f);
/* The fault names file and line. *ret_results is initialised in any case. */
MUSTCHECK int results_read(const char *path, struct results *ret_results, struct fault *f);
void results_fini(struct results *r);

/* The key of a case's answer in answers.h's file; in the arena. */
MUSTCHECK struct str result_key(struct arena *arena, struct str id, unsigned sample);

#endif
