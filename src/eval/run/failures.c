#include "eval/run/failures.h"

#include <stdlib.h>

/* ---- reasons ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void digits_skip(struct str *s)
{
    while (s->n > 0 && is_digit(s->p[0]))
        *s = str_tail(*s, 1);
}

static bool eq_but_digits(struct str a, struct str b)
{
    for (;;) {
        digits_skip(&a);
        digits_skip(&b);
        if (a.n == 0 || b.n == 0)
            return a.n == b.n;
        if (a.p[0] != b.p[0])
            return false;
        a = str_tail(a, 1);
        b = str_tail(b, 1);
    }
}

static bool is_alike(const struct result *a, const struct result *b)
{
    return a->state == b->state && str_eq(a->error, b->error) && eq_but_digits(a->why, b->why);
}

static void reason_add(struct reasons *all, const struct result *r)
{
    for (unsigned i = 0; i < all->n; i++)
        if (is_alike(all->at[i].first, r)) {
            all->at[i].n++;
            return;
        }
    if (all->n < REASONS_MAX)
        all->at[all->n++] = (struct reason){.n = 1, .first = r};
    else
        all->others++;
}

static int by_count(const void *a, const void *b)
{
    const struct reason *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n)
                        : (x->first > y->first) - (x->first < y->first);
}

void failures_reasons(const struct results *r, struct reasons *ret_reasons)
{
    *ret_reasons = (struct reasons){0};
    for (unsigned i = 0; i < r->n; i++)
        if (r->at[i].state == RESULT_ERROR || r->at[i].state == RESULT_UNGRADED)
            reason_add(ret_reasons, &r->at[i]);
    qsort(ret_reasons->at, ret_reasons->n, sizeof(*ret_reasons->at), by_count);
}

/* ---- graders ---- */

struct grader_sum failures_grader(const struct results *r, unsigned grader)
{
    struct grader_sum s = {0};
    double weights = 0;
    for (unsigned i = 0; i < r->n; i++) {
        const struct result *one = &r->at[i];
        const struct result_grade *g = one->grades ? &one->grades[grader] : NULL;
        bool said = one->state == RESULT_GRADED || one->state == RESULT_UNGRADED;
        if (!said || !g || g->skipped)
            continue;
        s.ungraded += !g->graded;
        s.graded += g->graded;
        s.passed += g->pass;
        if (!g->graded)
            continue;
        s.score += one->weight * g->score;
        weights += one->weight;
    }
    s.score = weights > 0 ? s.score / weights : 0;
    return s;
}
