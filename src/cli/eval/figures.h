/*
 * figures.h: a verdict's figures as people read them; each is appended to `out`, "-" for none.
 */
#ifndef CLI_EVAL_FIGURES_H
#define CLI_EVAL_FIGURES_H

#include "base/buf.h"
#include "eval/run/verdict.h"

/* What a figure is of: shares 0 to 1, differences of them, microseconds, nano-dollars. */
enum figure { FIGURE_SHARE, FIGURE_POINTS, FIGURE_SPAN, FIGURE_USD };

void figure_put(struct buf *out, enum figure kind, double value);
/* "80.3 to 91.2 %"; an end that is missing is a dash. */
void figure_interval(struct buf *out, enum figure kind, const struct estimate *e);
/* "-2.0 points" */
void figure_points(struct buf *out, double difference);
enum figure figure_of_bar(const struct verdict_bar *bar);

#endif
