/* html.c: a verdict as a page to look at. */
#include "cli/eval/eval.h"

int judged_html(struct judged *const *all UNUSED, unsigned n UNUSED, struct buf *out UNUSED)
{
    return E_INTERNAL;
}
