/*
 * failures.h: what failed of a run, why, and what each of its graders said.
 *
 * Pure functions over results; texts are the results' own.
 */
#ifndef EVAL_FAILURES_H
#define EVAL_FAILURES_H

#include "eval/run/results.h"

/* A way in which cases came to nothing, as errors or without a grade. Two whose words are the same
 * but for digits are one: requests' ids and times are in some providers' messages. */
struct reason {
    unsigned n;
    const struct result *first;
};
#define REASONS_MAX 64

struct reasons {
    unsigned n; /* the commonest first; of those as common the one that came first */
    struct reason at[REASONS_MAX];
    unsigned others; /* answers, of further reasons */
};
void failures_reasons(const struct results *r, struct reasons *ret_reasons);

/* What one grader said, over the answers that it is for. */
struct grader_sum {
    unsigned graded, passed, ungraded;
    double score; /* the mean of the graded by the cases' weights; 0 where there is none */
};
struct grader_sum failures_grader(const struct results *r, unsigned grader);

#endif
