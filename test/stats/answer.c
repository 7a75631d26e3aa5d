/*
 * answer.c: the statistics of evals, asked line by line.
 *
 * A line of standard input is ["NAME", NUMBER, ...], with NAME one of the table at the end; its
 * answer is a line with a list of numbers, null for what is missing, or the fault's text.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "eval/stats/agree.h"
#include "eval/stats/cost.h"
#include "eval/stats/dist.h"
#include "eval/stats/mean.h"
#include "eval/stats/paired.h"
#include "eval/stats/power.h"
#include "eval/stats/share.h"

#define ARENA_BYTES (64 << 20)

struct asked {
    struct arena *arena;
    const double *a; /* the numbers */
    size_t n;
    struct buf *out;
    struct fault *f;
};

static void say(struct asked *q, bool has, double value)
{
    if (q->out->n > 0)
        buf_char(q->out, ',');
    if (has)
        buf_printf(q->out, "%.17g", value);
    else
        buf_str(q->out, STR("null"));
}

static void say_estimate(struct asked *q, struct estimate e)
{
    say(q, e.has_value, e.value);
    say(q, e.has_low, e.low);
    say(q, e.has_high, e.high);
}

static int normal(struct asked *q)
{
    say(q, true, normal_cdf(q->a[0]));
    say(q, true, normal_quantile(normal_cdf(q->a[0])));
    return 0;
}

static int student(struct asked *q)
{
    say(q, true, student_two_sided(q->a[0], q->a[1]));
    return 0;
}

static int beta(struct asked *q)
{
    say(q, true, beta_cdf(q->a[0], q->a[1], q->a[2]));
    return 0;
}

static int binomial(struct asked *q)
{
    say(q, true, binomial_cdf((int64_t)q->a[0], (int64_t)q->a[1], q->a[2]));
    say(q, true, binomial_mass((int64_t)q->a[0], (int64_t)q->a[1], q->a[2]));
    return 0;
}

static int wilson(struct asked *q)
{
    struct estimate e;
    int err = share_wilson(q->a[0], q->a[1], q->a[2], &e, q->f);
    if (!err)
        say_estimate(q, e);
    return err;
}

/* both, neither, gained, lost, margin, level -> Newcombe, Tango, McNemar, non-inferiority. */
static int paired(struct asked *q)
{
    struct pairs p = {(int64_t)q->a[0], (int64_t)q->a[1], (int64_t)q->a[2], (int64_t)q->a[3]};
    struct estimate newcombe = {0}, tango = {0};
    struct noninferiority test = {0};
    double mcnemar = 0;
    int err = pairs_newcombe(&p, q->a[5], &newcombe, q->f);
    if (!err)
        err = pairs_tango(&p, q->a[5], &tango, q->f);
    if (!err)
        err = pairs_mcnemar(&p, &mcnemar, q->f);
    if (!err)
        err = pairs_noninferior(&p, q->a[4], q->a[5], &test, q->f);
    say_estimate(q, newcombe);
    say_estimate(q, tango);
    say(q, true, mcnemar);
    say(q, true, test.p);
    say(q, true, test.holds);
    return err;
}

static int holm(struct asked *q)
{
    double *adjusted = ARENA_ARRAY(q->arena, double, q->n);
    if (!adjusted)
        return E_MEMORY;
    int err = holm_adjust(q->arena, q->a, q->n, adjusted, q->f);
    for (size_t i = 0; !err && i < q->n; i++)
        say(q, true, adjusted[i]);
    return err;
}

/* level, labels, counts ... */
static int labels(struct asked *q)
{
    int64_t *counts = ARENA_ARRAY(q->arena, int64_t, q->n);
    if (!counts)
        return E_MEMORY;
    for (size_t i = 2; i < q->n; i++)
        counts[i - 2] = (int64_t)q->a[i];
    struct agreement agreement;
    int err = agree_labels(counts, (size_t)q->a[1], q->a[0], &agreement, q->f);
    if (err)
        return err;
    say_estimate(q, agreement.share);
    say_estimate(q, agreement.kappa);
    return 0;
}

/* level, the ones, the others */
static int scores(struct asked *q)
{
    struct estimate e;
    size_t n = (q->n - 1) / 2;
    int err = agree_scores(q->arena, q->a + 1, q->a + 1 + n, n, q->a[0], &e, q->f);
    if (!err)
        say_estimate(q, e);
    return err;
}

/* q, level, values */
static int quantile(struct asked *q)
{
    int64_t *values = ARENA_ARRAY(q->arena, int64_t, q->n);
    if (!values)
        return E_MEMORY;
    for (size_t i = 2; i < q->n; i++)
        values[i - 2] = (int64_t)q->a[i];
    struct estimate e;
    int err = quantile_of(q->arena, values, q->n - 2, q->a[0], q->a[1], &e, q->f);
    if (!err)
        say_estimate(q, e);
    return err;
}

/* level, (answers, passes, nano-dollars) a case */
static int cost(struct asked *q)
{
    struct case_row *rows = ARENA_ARRAY(q->arena, struct case_row, q->n);
    if (!rows)
        return E_MEMORY;
    size_t n = 0;
    for (const double *a = q->a + 1; a + 2 < q->a + q->n; a += 3)
        rows[n++] = (struct case_row){.weight = 1,
                                      .answers = (int64_t)a[0],
                                      .passes = (int64_t)a[1],
                                      .usd_nanos = (int64_t)a[2]};
    struct success_cost c;
    int err = cost_of_success(rows, n, q->a[0], &c, q->f);
    if (!err)
        say_estimate(q, c.usd_nanos);
    return err;
}

/* level, seed, values, weights */
static int mean(struct asked *q)
{
    struct bootstrap_settings s = {.level = q->a[0], .seed = (uint64_t)q->a[1]};
    size_t n = (q->n - 2) / 2;
    struct estimate e;
    int err = mean_of(q->arena, q->a + 2, q->a + 2 + n, n, &s, &e, q->f);
    if (!err)
        say_estimate(q, e);
    return err;
}

/* n, discordant, difference, level -> the powers of a drop and of a margin */
static int power(struct asked *q)
{
    double drop = 0, margin = 0;
    int err = power_of_drop((int64_t)q->a[0], q->a[1], q->a[2], q->a[3], &drop, q->f);
    if (!err)
        err = power_of_margin((int64_t)q->a[0], q->a[1], q->a[2], q->a[3], &margin, q->f);
    say(q, true, drop);
    say(q, true, margin);
    return err;
}

/* discordant, difference, level, power -> cases for a drop, for a margin, the drop of the former */
static int plan(struct asked *q)
{
    int64_t drop = 0, margin = 0;
    double smallest = 0;
    int err = power_cases_for_drop(q->a[0], q->a[1], q->a[2], q->a[3], &drop, q->f);
    if (!err)
        err = power_cases_for_margin(q->a[0], q->a[1], q->a[2], q->a[3], &margin, q->f);
    if (!err && drop > 0)
        err = power_smallest_drop(drop, q->a[0], q->a[2], q->a[3], &smallest, q->f);
    say(q, true, (double)drop);
    say(q, true, (double)margin);
    say(q, true, smallest);
    return err;
}

static const struct {
    const char *name;
    int (*answer)(struct asked *q);
} questions[] = {
    {"normal", normal}, {"student", student},   {"beta", beta}, {"binomial", binomial},
    {"wilson", wilson}, {"paired", paired},     {"holm", holm}, {"labels", labels},
    {"scores", scores}, {"quantile", quantile}, {"cost", cost}, {"mean", mean},
    {"power", power},   {"plan", plan},
};

static int answer(struct str line, struct arena *arena, struct buf *out, struct fault *f)
{
    yyjson_doc *doc;
    int err = json_parse(arena, line, &doc, f);
    if (err)
        return err;
    yyjson_val *list = yyjson_doc_get_root(doc), *item;
    size_t i, n;
    double *numbers = ARENA_ARRAY(arena, double, yyjson_arr_size(list) + 1);
    if (!numbers)
        return E_MEMORY;
    yyjson_arr_foreach(list, i, n, item)
    {
        if (i > 0)
            numbers[i - 1] = yyjson_get_num(item);
    }
    struct asked q = {arena, numbers, yyjson_arr_size(list) - 1, out, f};
    struct str name = json_str(yyjson_arr_get_first(list));
    for (i = 0; i < ARRAY_LEN(questions); i++)
        if (str_eq(name, str_from(questions[i].name)))
            return questions[i].answer(&q);
    return fault_set(f, E_USAGE, "no question '%.*s'", STR_ARGS(name));
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    struct buf out;
    buf_init(&out, ARENA_BYTES);
    for (ssize_t n; (n = getline(&line, &room, stdin)) > 0;) {
        struct arena arena;
        struct fault f = {0};
        arena_init(&arena, ARENA_BYTES);
        buf_clear(&out);
        int err = answer((struct str){line, (size_t)n}, &arena, &out, &f);
        if (err)
            printf("\"%s\"\n", why_text(&f, err));
        else
            printf("[%.*s]\n", (int)out.n, out.p);
        arena_fini(&arena);
    }
    free(line);
    buf_fini(&out);
    return 0;
}
