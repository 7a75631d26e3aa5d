/*
 * judge_check.h: how far a judge agrees with people, and which of the known biases it has.
 *
 * Rows that people labelled are given to the judge as a run would. Rows hold either one answer with
 * a label, yes or no (true, false) or a number from 0 to 1, or two answers with the better one's
 * name. Pure functions over what the judge said; asking is the command's.
 */
#ifndef EVAL_JUDGE_CHECK_H
#define EVAL_JUDGE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "eval/judge/judge.h"
#include "eval/stats/agree.h"
#include "eval/stats/estimate.h"

/* One labelled row, and what came of it. */
struct check_row {
    bool judged; /* false: the judge gave no verdict */
    bool pair;
    /* one answer */
    double human, judge; /* 0 to 1 */
    size_t length;       /* of the answer, in bytes */
    /* two */
    enum judge_choice human_choice;
    struct judge_pair verdict; /* its score is of the first answer */
    size_t first_length, second_length;
};

/* How often of two ways one was taken, where chance would take both alike. */
struct check_bias {
    int64_t one, other;
    double p;   /* two-sided, of an exact binomial test; 1 where there is nothing to test */
    bool found; /* p < 0.01 */
};

struct check_figures {
    unsigned rows, judged;
    bool pairs;
    /* Labels: passed and not, or first, second and tie. */
    unsigned labels;
    int64_t counts[9]; /* human's * labels + judge's */
    struct agreement agreement;
    bool graded; /* labels are numbers between: */
    struct estimate spearman;
    struct check_bias position; /* of pairs that the order decided: the first place, the second */
    struct check_bias length;   /* where it disagrees with people: for the longer answer, against */
};

/* `pass`: the least score that passes, of both. E_BAD_REQUEST where no row was judged; E_MEMORY. */
MUSTCHECK int judge_check(const struct check_row *rows, unsigned n, double pass,
                          struct arena *arena, struct check_figures *ret_figures, struct fault *f);

#endif
