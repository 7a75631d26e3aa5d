#include "eval/judge/judge_check.h"

#include <stdlib.h>

#include "eval/stats/paired.h"

#define BIAS_P 0.01

static int bias_test(struct check_bias *b)
{
    const struct pairs pairs = {.gained = b->one, .lost = b->other};
    struct fault ignored = {0};
    b->p = 1;
    if (b->one + b->other == 0)
        return 0;
    int err = pairs_mcnemar(&pairs, &b->p, &ignored);
    b->found = !err && b->p < BIAS_P;
    return err;
}

/* ---- pairs ---- */

/* Of the first answer: better, worse, or neither. */
static enum judge_choice choice_of(double score)
{
    return score > 0.5 ? CHOICE_FIRST : score < 0.5 ? CHOICE_SECOND : CHOICE_TIE;
}

static void pair_take(const struct check_row *r, struct check_figures *c)
{
    enum judge_choice judge = choice_of(r->verdict.score);
    c->counts[(r->human_choice - CHOICE_FIRST) * 3 + (judge - CHOICE_FIRST)]++;
    c->position.one += r->verdict.by_first;
    c->position.other += r->verdict.by_second;
    if (judge == r->human_choice || judge == CHOICE_TIE || r->first_length == r->second_length)
        return;
    bool longer_is_first = r->first_length > r->second_length;
    bool for_longer = (judge == CHOICE_FIRST) == longer_is_first;
    c->length.one += for_longer;
    c->length.other += !for_longer;
}

/* ---- one answer ---- */

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Answers are long or short by the middle one's length. */
static double middle_length(const struct check_row *rows, unsigned n, double *scratch)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++)
        if (rows[i].judged)
            scratch[kept++] = (double)rows[i].length;
    if (kept == 0)
        return 0;
    qsort(scratch, kept, sizeof(*scratch), order);
    return (scratch[(kept - 1) / 2] + scratch[kept / 2]) / 2;
}

/* A judge that likes length gives long answers more than people do, and short ones less. */
static void one_take(const struct check_row *r, double pass, double middle, struct check_figures *c)
{
    bool human = r->human >= pass, judge = r->judge >= pass;
    c->counts[human * 2 + judge]++;
    bool is_number = r->human != 0 && r->human != 1;
    c->graded = c->graded || is_number;
    double more = is_number ? r->judge - r->human : (double)judge - (double)human;
    if (more == 0 || (double)r->length == middle)
        return;
    bool for_longer = ((double)r->length > middle) == (more > 0);
    c->length.one += for_longer;
    c->length.other += !for_longer;
}

static int spearman(const struct check_row *rows, unsigned n, struct arena *arena, double *human,
                    struct check_figures *c)
{
    double *judge = ARENA_ARRAY(arena, double, n + 1);
    struct fault ignored = {0};
    unsigned kept = 0;
    if (!judge)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        if (!rows[i].judged)
            continue;
        human[kept] = rows[i].human;
        judge[kept++] = rows[i].judge;
    }
    return agree_scores(arena, human, judge, kept, STATS_LEVEL, &c->spearman, &ignored);
}

int judge_check(const struct check_row *rows, unsigned n, double pass, struct arena *arena,
                struct check_figures *ret_figures, struct fault *f)
{
    struct check_figures *c = ret_figures;
    double *scratch = ARENA_ARRAY(arena, double, n + 1);
    if (!scratch)
        return E_MEMORY;
    *c = (struct check_figures){.rows = n, .pairs = n > 0 && rows[0].pair};
    double middle = middle_length(rows, n, scratch);
    for (unsigned i = 0; i < n; i++) {
        if (!rows[i].judged)
            continue;
        c->judged++;
        if (c->pairs)
            pair_take(&rows[i], c);
        else
            one_take(&rows[i], pass, middle, c);
    }
    if (c->judged == 0)
        return fault_set(f, E_BAD_REQUEST,
                         "the judge gave no verdict on any of the %u rows, so there is nothing to "
                         "compare",
                         n);
    c->labels = c->pairs ? 3 : 2;
    int err = agree_labels(c->counts, c->labels, STATS_LEVEL, &c->agreement, f);
    if (!err && c->graded)
        err = spearman(rows, n, arena, scratch, c);
    if (!err)
        err = bias_test(&c->position);
    return err ? err : bias_test(&c->length);
}
