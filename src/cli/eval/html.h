/*
 * html.h: what the parts of the page share. Everything is appended to `out`, which remembers what
 * failed; texts are escaped here and nowhere else.
 */
#ifndef CLI_EVAL_HTML_H
#define CLI_EVAL_HTML_H

#include "cli/eval/eval.h"

/* Text between tags or within quotes. */
void html_text(struct buf *out, struct str s);

/* html_scatter.c: cost against quality of this run and of the suite's others, as a drawing. */
MUSTCHECK int html_scatter(const struct judged *j, struct buf *out);

/* html_cases.c: the cases whose verdict changed, with both answers, and those that failed. */
MUSTCHECK int html_cases(const struct judged *j, struct buf *out);

#endif
