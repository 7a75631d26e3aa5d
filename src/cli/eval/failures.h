/*
 * failures.h: what failed, for people and for programs; all of it is appended to `out`.
 */
#ifndef CLI_EVAL_FAILURES_H
#define CLI_EVAL_FAILURES_H

#include "cli/eval/eval.h"

/* A line each: what several graders said; why answers came to nothing, the commonest reasons first;
 * the first failed cases. Nothing where there is nothing to say. */
void failures_put(struct buf *out, const struct judged *j);

/* `,"by_grader":[...],"reasons":[...]` */
void failures_json(struct buf *out, const struct judged *j);

#endif
