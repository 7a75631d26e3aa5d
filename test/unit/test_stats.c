#include "base_test.h"

#include <math.h>
#include <stdio.h>

#include "eval/stats/agree.h"
#include "eval/stats/cost.h"
#include "eval/stats/dist.h"
#include "eval/stats/mean.h"
#include "eval/stats/paired.h"
#include "eval/stats/power.h"
#include "eval/stats/share.h"

/* The edges; how right the figures are is measured by test/stats. */

#define CASES 200

struct world {
    struct arena arena;
    struct fault f;
    struct case_row rows[CASES], baseline[CASES];
};

static int setup(void **state)
{
    static struct world w;
    arena_init(&w.arena, 16 << 20);
    for (size_t i = 0; i < CASES; i++)
        w.rows[i] = w.baseline[i] = CASE_ROW;
    fault_clear(&w.f);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    arena_fini(&w->arena);
    return 0;
}

/* The mistake is told, and in words that say what was expected. */
static void refused(struct world *w, int err, const char *words)
{
    assert_int_equal(err, E_BAD_REQUEST);
    if (!strstr(w->f.text, words))
        fail_msg("\"%s\" says nothing of \"%s\"", w->f.text, words);
    fault_clear(&w->f);
}

static void good(struct world *w, int err)
{
    if (err)
        fail_msg("%s", why_text(&w->f, err));
}

static void near(double got, double want, double off)
{
    if (!(fabs(got - want) <= off)) /* NaN is near nothing */
        fail_msg("got %.15g, want %.15g", got, want);
}

/* What is there is finite and in its order; what is missing is 0. */
static void sound(struct estimate e)
{
    assert_true(isfinite(e.value) && isfinite(e.low) && isfinite(e.high));
    assert_true((e.has_value || e.value == 0) && (e.has_low || e.low == 0) &&
                (e.has_high || e.high == 0));
    if (e.has_value && e.has_low)
        assert_true(e.low <= e.value);
    if (e.has_value && e.has_high)
        assert_true(e.value <= e.high);
}

static void whole(struct estimate e, double value, double low, double high)
{
    sound(e);
    assert_true(e.has_value && e.has_low && e.has_high);
    if (fabs(e.value - value) > 1e-4 || fabs(e.low - low) > 1e-4 || fabs(e.high - high) > 1e-4)
        fail_msg("got %g (%g to %g), want %g (%g to %g)", e.value, e.low, e.high, value, low, high);
}

static void value_only(struct estimate e, double value)
{
    sound(e);
    assert_true(e.has_value && !e.has_low && !e.has_high);
    near(e.value, value, 1e-12);
}

static void answers(struct world *w, struct case_row *row, double score, bool pass, int64_t cost)
{
    good(w, case_add(row, score, pass, cost, &w->f));
}

static void levels(void **state)
{
    struct world *w = *state;
    struct estimate e;
    const double wrong[] = {0, 1, -0.5, 95, NAN, INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        refused(w, share_wilson(1, 2, wrong[i], &e, &w->f), "0.95");
    good(w, share_wilson(1, 2, 0.5, &e, &w->f));
    sound(e);
}

static void shares(void **state)
{
    struct world *w = *state;
    struct estimate e;
    refused(w, share_wilson(0, 0, 0.95, &e, &w->f), "at least one case");
    refused(w, share_wilson(0, NAN, 0.95, &e, &w->f), "at least one case");
    refused(w, share_wilson(0, INFINITY, 0.95, &e, &w->f), "at least one case");
    refused(w, share_wilson(3, 2, 0.95, &e, &w->f), "3 of 2");
    refused(w, share_wilson(-1, 2, 0.95, &e, &w->f), "-1 of 2");
    refused(w, share_wilson(NAN, 2, 0.95, &e, &w->f), "of 2");
    good(w, share_wilson(1, 1, 0.95, &e, &w->f));
    whole(e, 1, 0.20654, 1);
    assert_true(e.high == 1);
    good(w, share_wilson(0, 1, 0.95, &e, &w->f));
    whole(e, 0, 0, 0.79346);
    assert_true(e.low == 0);
    good(w, share_wilson(81, 263, 0.95, &e, &w->f)); /* Newcombe's own example, 1998 */
    whole(e, 0.30798, 0.2553, 0.3662);
}

static void rows(void **state)
{
    struct world *w = *state;
    struct case_row *row = &w->rows[0];
    refused(w, case_add(row, NAN, true, 0, &w->f), "from 0 to 1");
    refused(w, case_add(row, 1.5, true, 0, &w->f), "from 0 to 1");
    refused(w, case_add(row, -0.1, false, 0, &w->f), "from 0 to 1");
    assert_int_equal(row->answers, 0);
    answers(w, row, 1, true, 5);
    answers(w, row, 0.5, false, 7);
    assert_int_equal(row->usd_nanos, 12);
    assert_false(case_passes(row)); /* a half is not most */
    near(case_score(row), 0.75, 1e-12);
    answers(w, row, 1, true, COST_UNKNOWN);
    assert_int_equal(row->usd_nanos, COST_UNKNOWN);
    answers(w, row, 1, true, 9); /* and stays unknown */
    assert_int_equal(row->usd_nanos, COST_UNKNOWN);
    assert_true(case_passes(row));
    answers(w, &w->rows[1], 1, true, INT64_MAX);
    refused(w, case_add(&w->rows[1], 1, true, 1, &w->f), "too large");
    assert_int_equal(w->rows[1].answers, 1);
}

static void flakiness(void **state)
{
    struct world *w = *state;
    struct flakiness found;
    size_t which[CASES];
    refused(w, case_flakiness(w->rows, 0, 0.95, &found, NULL, &w->f), "no case");
    answers(w, &w->rows[0], 1, true, 0);
    good(w, case_flakiness(w->rows, 1, 0.95, &found, which, &w->f));
    assert_int_equal(found.repeated, 0);
    assert_false(found.share.has_value); /* one answer shows nothing */
    for (int i = 0; i < 3; i++) {
        answers(w, &w->rows[1], 1, true, 0);
        answers(w, &w->rows[2], i == 1, i == 1, 0);
        answers(w, &w->rows[3], 0, false, 0);
    }
    good(w, case_flakiness(w->rows, 5, 0.95, &found, which, &w->f));
    assert_int_equal(found.repeated, 3);
    assert_int_equal(found.flaky, 1);
    assert_int_equal(which[0], 2);
    near(found.share.value, 1 / 3.0, 1e-12);
    sound(found.share);
}

static void means_of_nothing(void **state)
{
    struct world *w = *state;
    struct estimate e;
    const struct bootstrap_settings *s = &BOOTSTRAP_SETTINGS;
    refused(w, mean_score(&w->arena, w->rows, 0, s, &e, &w->f), "at least one case");
    refused(w, mean_score(&w->arena, w->rows, 9, s, &e, &w->f), "at least one case");
    refused(w, mean_pass(&w->arena, w->rows, 9, s, &e, &w->f), "at least one case");
    refused(w, mean_difference(&w->arena, w->rows, w->baseline, 9, s, &e, &w->f), "one case");
    refused(w, mean_pass_difference(&w->arena, w->rows, w->baseline, 9, s, &e, &w->f), "one case");
    refused(w, mean_of(&w->arena, NULL, NULL, 0, s, &e, &w->f), "at least one case");
    answers(w, &w->rows[0], 1, true, 0);
    w->rows[0].weight = 0;
    refused(w, mean_score(&w->arena, w->rows, 1, s, &e, &w->f), "at least one case");
    w->rows[0].weight = NAN;
    refused(w, mean_score(&w->arena, w->rows, 1, s, &e, &w->f), "case 1");
    w->rows[0].weight = -1;
    refused(w, mean_pass(&w->arena, w->rows, 1, s, &e, &w->f), "case 1");
    const double bad[] = {1, INFINITY}, huge[] = {1e308, 1e308, 1e308};
    refused(w, mean_of(&w->arena, bad, NULL, 2, s, &e, &w->f), "case 2");
    refused(w, mean_of(&w->arena, huge, NULL, 3, s, &e, &w->f), "too large");
    struct arena small;
    arena_init(&small, 8192);
    double values[1000] = {0};
    assert_int_equal(mean_of(&small, values, NULL, 1000, s, &e, &w->f), E_MEMORY);
    arena_fini(&small);
}

/* Where nothing spreads, a score's interval is that of a yes/no score, and others have none. */
static void means_without_spread(void **state)
{
    struct world *w = *state;
    struct estimate e;
    const struct bootstrap_settings *s = &BOOTSTRAP_SETTINGS;
    for (size_t i = 0; i < CASES; i++) {
        answers(w, &w->rows[i], 1, true, 0);
        answers(w, &w->baseline[i], 1, true, 0);
    }
    struct estimate wilson = share_wilson_of(CASES, CASES, 0.95);
    good(w, mean_score(&w->arena, w->rows, CASES, s, &e, &w->f));
    whole(e, 1, wilson.low, 1);
    good(w, mean_pass(&w->arena, w->rows, CASES, s, &e, &w->f));
    whole(e, 1, wilson.low, 1);
    good(w, mean_score(&w->arena, w->rows, 1, s, &e, &w->f));
    whole(e, 1, 0.20654, 1);
    good(w, mean_difference(&w->arena, w->rows, w->baseline, CASES, s, &e, &w->f));
    whole(e, 0, wilson.low - 1, 1 - wilson.low);
    const double values[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    good(w, mean_of(&w->arena, values, NULL, ARRAY_LEN(values), s, &e, &w->f));
    value_only(e, 0.1);
    good(w, mean_of(&w->arena, values, NULL, 1, s, &e, &w->f));
    value_only(e, 0.1);
}

/* 0.1 + 0.2 is not 0.3, and that is not what cases differ by. */
static void means_with_rounding(void **state)
{
    struct world *w = *state;
    struct estimate e;
    const struct bootstrap_settings *s = &BOOTSTRAP_SETTINGS;
    double values[40];
    for (size_t i = 0; i < 40; i++) {
        values[i] = i % 2 ? 0.3 : 0.1 + 0.2;
        w->rows[i] = (struct case_row){.weight = 1, .answers = 1, .score_sum = values[i]};
        w->baseline[i] = (struct case_row){.weight = 1, .answers = 1, .score_sum = 0.3};
    }
    struct estimate wilson = share_wilson_of(12, 40, 0.95), tango = pairs_tango_of(0, 0, 40, 0.95);
    good(w, mean_score(&w->arena, w->rows, 40, s, &e, &w->f));
    whole(e, 0.3, wilson.low, wilson.high);
    good(w, mean_difference(&w->arena, w->rows, w->baseline, 40, s, &e, &w->f));
    whole(e, 0, tango.low, tango.high);
    good(w, mean_of(&w->arena, values, NULL, 40, s, &e, &w->f));
    value_only(e, 0.3);
}

static void means(void **state)
{
    struct world *w = *state;
    struct estimate e, again, other, passes;
    struct bootstrap_settings s = BOOTSTRAP_SETTINGS;
    struct chance c = {1};
    for (size_t i = 0; i < CASES; i++) {
        double score = chance_below(&c, 11) / 10.0;
        answers(w, &w->rows[i], score, score >= 0.5, 0);
        answers(w, &w->baseline[i], fmax(0, score - 0.1), false, 0);
    }
    good(w, mean_score(&w->arena, w->rows, CASES, &s, &e, &w->f));
    sound(e);
    assert_true(e.has_low && e.has_high && e.low < e.value && e.value < e.high);
    good(w, mean_score(&w->arena, w->rows, CASES, &s, &again, &w->f));
    assert_memory_equal(&e, &again, sizeof(e));
    s.seed = 2;
    good(w, mean_score(&w->arena, w->rows, CASES, &s, &other, &w->f));
    assert_true(other.value == e.value && other.low != e.low);

    good(w, mean_pass(&w->arena, w->rows, CASES, &s, &passes, &w->f));
    struct estimate wilson = share_wilson_of(passes.value * CASES, CASES, 0.95);
    whole(passes, wilson.value, wilson.low, wilson.high);
    good(w, mean_difference(&w->arena, w->rows, w->baseline, CASES, &s, &e, &w->f));
    sound(e);
    assert_true(e.low > 0.08 && e.high < 0.11);

    /* All passes of a baseline without any: as many as the run's own. */
    good(w, mean_pass_difference(&w->arena, w->rows, w->baseline, CASES, &s, &e, &w->f));
    sound(e);
    near(e.value, passes.value, 1e-12);
    near(e.low, passes.low, 0.02);

    /* The same answer thrice is no more evidence than once. */
    for (size_t i = 0; i < CASES; i++)
        for (int k = 0; k < 2; k++)
            answers(w, &w->rows[i], case_score(&w->rows[i]), case_passes(&w->rows[i]), 0);
    good(w, mean_pass(&w->arena, w->rows, CASES, &s, &e, &w->f));
    near(e.value, passes.value, 1e-12);
    near(e.high - e.low, passes.high - passes.low, 0.01);

    /* One case that outweighs all others: it is worth a sample of one, and no resampling hides it.
     */
    w->rows[0] = (struct case_row){.weight = 1e6, .answers = 1, .passes = 1, .score_sum = 1};
    good(w, mean_score(&w->arena, w->rows, CASES, &s, &e, &w->f));
    sound(e);
    assert_true(e.value > 0.999 && e.low < 0.3);
}

static struct pairs pairs(int64_t both, int64_t neither, int64_t gained, int64_t lost)
{
    return (struct pairs){both, neither, gained, lost};
}

static void paired_edges(void **state)
{
    struct world *w = *state;
    struct estimate e;
    struct noninferiority test;
    double p;
    struct pairs none = {0}, below = pairs(1, 1, -1, 0), same = pairs(70, 30, 0, 0);
    refused(w, pairs_newcombe(&none, 0.95, &e, &w->f), "at least one case");
    refused(w, pairs_tango(&none, 0.95, &e, &w->f), "at least one case");
    refused(w, pairs_mcnemar(&none, &p, &w->f), "at least one case");
    refused(w, pairs_noninferior(&none, 0.02, 0.95, &test, &w->f), "at least one case");
    refused(w, pairs_tango(&below, 0.95, &e, &w->f), "below 0");
    const double wrong[] = {0, 1, -0.02, 2, NAN};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        refused(w, pairs_noninferior(&same, wrong[i], 0.95, &test, &w->f), "0.02");
    assert_true(pairs_discordant(&none) == 0);

    good(w, pairs_mcnemar(&same, &p, &w->f));
    assert_true(p == 1);
    good(w, pairs_tango(&same, 0.95, &e, &w->f));
    whole(e, 0, -0.0370, 0.0370); /* z^2 / (n + z^2) */
    good(w, pairs_newcombe(&same, 0.95, &e, &w->f));
    sound(e);
    good(w, pairs_noninferior(&same, 0.02, 0.95, &test, &w->f));
    assert_false(test.holds); /* a hundred equal cases are too few for two points */
    good(w, pairs_noninferior(&same, 0.05, 0.95, &test, &w->f));
    assert_true(test.holds && test.p < 0.025);

    struct pairs all_lost = pairs(0, 0, 0, 8), one = pairs(1, 0, 0, 0);
    good(w, pairs_tango(&all_lost, 0.95, &e, &w->f));
    assert_true(e.value == -1 && e.low == -1 && e.high < -0.3);
    good(w, pairs_newcombe(&all_lost, 0.95, &e, &w->f));
    sound(e);
    good(w, pairs_mcnemar(&all_lost, &p, &w->f));
    near(p, 2.0 / 256, 1e-12);
    good(w, pairs_tango(&one, 0.95, &e, &w->f));
    sound(e);
}

/* Runs swapped give the interval mirrored; a lossless sign error would not. */
static void paired_mirrored(void **state)
{
    struct world *w = *state;
    struct estimate e, mirrored;
    struct chance c = {3};
    for (int round = 0; round < 500; round++) {
        struct pairs p = pairs(chance_below(&c, 50), chance_below(&c, 50), chance_below(&c, 20),
                               chance_below(&c, 20) + 1);
        struct pairs swapped = pairs(p.both, p.neither, p.lost, p.gained);
        good(w, pairs_tango(&p, 0.95, &e, &w->f));
        good(w, pairs_tango(&swapped, 0.95, &mirrored, &w->f));
        sound(e);
        near(e.low, -mirrored.high, 1e-12);
        good(w, pairs_newcombe(&p, 0.95, &e, &w->f));
        good(w, pairs_newcombe(&swapped, 0.95, &mirrored, &w->f));
        sound(e);
        near(e.low, -mirrored.high, 1e-12);
    }
}

static void paired_rows(void **state)
{
    struct world *w = *state;
    struct pairs p;
    refused(w, pairs_of(w->rows, w->baseline, 0, &p, &w->f), "in common");
    refused(w, pairs_of(w->rows, w->baseline, CASES, &p, &w->f), "in common");
    for (size_t i = 0; i < 8; i++) {
        answers(w, &w->rows[i], 1, i & 1, 0);
        answers(w, &w->baseline[i], 1, i & 2, 0);
    }
    w->rows[7].weight = 0; /* both passed, and does not count */
    good(w, pairs_of(w->rows, w->baseline, CASES, &p, &w->f));
    assert_true(p.both == 1 && p.neither == 2 && p.gained == 2 && p.lost == 2);
    near(pairs_discordant(&p), 4.0 / 7, 1e-12);
}

static void holm(void **state)
{
    struct world *w = *state;
    const double p[] = {0.04, 0.01, 0.03, 0.005}, bad[] = {0.1, NAN}, above[] = {1.1};
    double adjusted[4];
    refused(w, holm_adjust(&w->arena, p, 0, adjusted, &w->f), "no p-value");
    refused(w, holm_adjust(&w->arena, bad, 2, adjusted, &w->f), "from 0 to 1");
    refused(w, holm_adjust(&w->arena, above, 1, adjusted, &w->f), "1.1");
    good(w, holm_adjust(&w->arena, p, 4, adjusted, &w->f));
    const double want[] = {0.06, 0.03, 0.06, 0.02};
    for (size_t i = 0; i < 4; i++)
        near(adjusted[i], want[i], 1e-12);
}

static void costs(void **state)
{
    struct world *w = *state;
    struct success_cost c;
    refused(w, cost_of_success(w->rows, 0, 0.95, &c, &w->f), "known cost");
    answers(w, &w->rows[0], 1, true, COST_UNKNOWN);
    refused(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f), "known cost");

    answers(w, &w->rows[1], 1, true, 1000);
    good(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f));
    assert_int_equal(c.cases, 1);
    assert_int_equal(c.unpriced, 1);
    value_only(c.usd_nanos, 1000);

    for (size_t i = 2; i < 41; i++)
        answers(w, &w->rows[i], 1, true, 1000);
    good(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f));
    whole(c.usd_nanos, 1000, 1000, 1000 / share_wilson_of(40, 40, 0.95).low);

    for (size_t i = 1; i < 41; i++)
        w->rows[i].passes = 0;
    good(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f));
    sound(c.usd_nanos); /* without a success: more than what the best guess would be */
    assert_true(!c.usd_nanos.has_value && c.usd_nanos.has_low && !c.usd_nanos.has_high);
    near(c.usd_nanos.low, 1000 / share_wilson_of(0, 40, 0.95).high, 1e-6);

    for (size_t i = 1; i < 41; i++) {
        w->rows[i].usd_nanos = 0; /* a model of one's own */
        w->rows[i].passes = i % 2;
    }
    good(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f));
    whole(c.usd_nanos, 0, 0, 0);
    w->rows[1].passes = 2;
    refused(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f), "case 2");
    w->rows[1].passes = 1;
    w->rows[1].usd_nanos = w->rows[2].usd_nanos = INT64_MAX;
    refused(w, cost_of_success(w->rows, CASES, 0.95, &c, &w->f), "too large");
}

static void quantiles(void **state)
{
    struct world *w = *state;
    struct estimate e;
    int64_t values[100];
    for (int i = 0; i < 100; i++)
        values[i] = (i * 37) % 100 + 1;
    refused(w, quantile_of(&w->arena, values, 0, 0.5, 0.95, &e, &w->f), "at least one");
    refused(w, quantile_of(&w->arena, values, 9, 1, 0.95, &e, &w->f), "0.95");
    refused(w, quantile_of(&w->arena, values, 9, NAN, 0.95, &e, &w->f), "0.95");
    good(w, quantile_of(&w->arena, values, 1, 0.5, 0.95, &e, &w->f));
    value_only(e, 1);
    good(w, quantile_of(&w->arena, values, 100, 0.5, 0.95, &e, &w->f));
    whole(e, 50, 40, 61);
    good(w, quantile_of(&w->arena, values, 100, 0.95, 0.95, &e, &w->f));
    whole(e, 95, 90, 100);
    good(w, quantile_of(&w->arena, values, 71, 0.95, 0.95, &e, &w->f));
    assert_true(e.has_low && !e.has_high);
    good(w, quantile_of(&w->arena, values, 72, 0.95, 0.95, &e, &w->f));
    assert_true(e.has_low && e.has_high);
}

static void agreement(void **state)
{
    struct world *w = *state;
    struct agreement a;
    const int64_t none[4] = {0}, below[4] = {1, -1, 0, 0};
    refused(w, agree_labels(none, 2, 0.95, &a, &w->f), "at least one item");
    refused(w, agree_labels(none, 1, 0.95, &a, &w->f), "two labels");
    refused(w, agree_labels(below, 2, 0.95, &a, &w->f), "below 0");
    const int64_t table[4] = {20, 5, 10, 15}; /* the textbook's kappa of 0.4 */
    good(w, agree_labels(table, 2, 0.95, &a, &w->f));
    near(a.share.value, 0.7, 1e-12);
    near(a.kappa.value, 0.4, 1e-12);
    sound(a.kappa);
    assert_true(a.kappa.has_low && a.kappa.has_high);
    const int64_t one_label[4] = {9, 0, 0, 0}, all_agree[4] = {9, 0, 0, 9}, one[4] = {0, 1, 0, 0};
    good(w, agree_labels(one_label, 2, 0.95, &a, &w->f));
    assert_false(a.kappa.has_value || a.kappa.has_low || a.kappa.has_high);
    good(w, agree_labels(all_agree, 2, 0.95, &a, &w->f));
    value_only(a.kappa, 1);
    good(w, agree_labels(one, 2, 0.95, &a, &w->f));
    value_only(a.kappa, 0);
}

static void agreement_of_scores(void **state)
{
    struct world *w = *state;
    struct estimate e;
    const double up[] = {1, 2, 3, 4, 5}, down[] = {9, 7, 5, 3, 1}, flat[] = {2, 2, 2, 2, 2};
    const double mixed[] = {1, 3, 2, 5, 4}, bad[] = {1, NAN, 3};
    refused(w, agree_scores(&w->arena, up, down, 0, 0.95, &e, &w->f), "at least one item");
    refused(w, agree_scores(&w->arena, up, bad, 3, 0.95, &e, &w->f), "item 2");
    good(w, agree_scores(&w->arena, up, flat, 5, 0.95, &e, &w->f));
    sound(e);
    assert_false(e.has_value);
    good(w, agree_scores(&w->arena, up, down, 5, 0.95, &e, &w->f));
    value_only(e, -1);
    good(w, agree_scores(&w->arena, up, mixed, 3, 0.95, &e, &w->f));
    value_only(e, 0.5);
    good(w, agree_scores(&w->arena, up, mixed, 5, 0.95, &e, &w->f));
    sound(e);
    assert_true(e.has_low && fabs(e.value - 0.8) < 1e-12);
}

static void sentence(struct world *w, int64_t n, double discordant, double drop, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    good(w, power_sentence(&out, n, discordant, drop, 0.95, &w->f));
    assert_str(buf_view(&out), str_from(want));
    buf_fini(&out);
}

static void power(void **state)
{
    struct world *w = *state;
    double chance, drop;
    int64_t n;
    refused(w, power_of_drop(0, 0.1, 0.04, 0.95, &chance, &w->f), "1 to");
    refused(w, power_of_drop(100, NAN, 0.04, 0.95, &chance, &w->f), "from 0 to 1");
    refused(w, power_of_drop(100, 0.1, 0, 0.95, &chance, &w->f), "0.04");
    refused(w, power_of_drop(100, 0.1, NAN, 0.95, &chance, &w->f), "0.04");
    refused(w, power_of_margin(100, 0.1, 1, 0.95, &chance, &w->f), "0.02");
    refused(w, power_cases_for_margin(0.1, 0.02, 0.95, 1, &n, &w->f), "0.8");
    good(w, power_of_drop(1, 0, 1, 0.95, &chance, &w->f));
    assert_true(chance == 0); /* one case never is evidence */
    good(w, power_smallest_drop(5, 0.1, 0.95, 0.8, &drop, &w->f));
    assert_true(drop == 0); /* five lost of five still have a p-value of 1/16 */
    good(w, power_smallest_drop(6, 0.1, 0.95, 0.8, &drop, &w->f));
    assert_true(drop > 0.9 && drop <= 1);
    good(w, power_cases_for_margin(0, 0.02, 0.95, 0.8, &n, &w->f));
    assert_int_equal(n, 189); /* the least n with z^2 (1 - m) / m below it */
    good(w, power_cases_for_drop(1, 1e-5, 0.95, 0.8, &n, &w->f));
    assert_int_equal(n, 0);
    near(power_discordant_most(0.9), 0.18, 1e-12);
    near(power_discordant_most(NAN), 0.5, 1e-12);
}

static void sentences(void **state)
{
    struct world *w = *state;
    sentence(w, 120, 0.1, 0.04,
             "with 120 cases a drop of 4 points would go unseen; 517 would show it");
    sentence(w, 1, 0.5, 0.01, "with 1 case a drop of 1 point would go unseen; 39440 would show it");
    sentence(w, 600, 0.1, 0.04,
             "with 600 cases a drop of 4 points would be seen; one below 3.7 points might not");
    struct buf small;
    buf_init(&small, 16);
    assert_int_equal(power_sentence(&small, 120, 0.1, 0.04, 0.95, &w->f), E_TOO_LARGE);
    refused(w, power_sentence(&small, 0, 0.1, 0.04, 0.95, &w->f), "1 to");
    buf_fini(&small);
}

static void distributions(void **state)
{
    (void)state;
    assert_true(isfinite(normal_quantile(0)) && isfinite(normal_quantile(1)));
    near(normal_two_sided(0.95), 1.959963985, 1e-9);
    near(student_two_sided(0.95, 1), 12.7062047, 1e-6);
    assert_true(beta_cdf(0, 1, 2) == 0 && beta_cdf(1, 1, 2) == 1);
    assert_true(binomial_cdf(-1, 5, 0.5) == 0 && binomial_cdf(5, 5, 0.5) == 1);
    assert_true(binomial_cdf(0, 0, 0.5) == 1 && binomial_cdf(2, 5, 0) == 1);
    assert_true(binomial_cdf(2, 5, 1) == 0);
    assert_true(binomial_mass(0, 5, 0) == 1 && binomial_mass(5, 5, 1) == 1);
    assert_true(binomial_mass(6, 5, 0.5) == 0);
    struct chance c = {5};
    for (size_t n = 0; n < 60; n++) {
        double values[60];
        for (size_t i = 0; i < n; i++)
            values[i] = chance_below(&c, 20);
        sort_doubles(values, n);
        for (size_t i = 1; i < n; i++)
            assert_true(values[i - 1] <= values[i]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(levels),
        TEST(shares),
        TEST(rows),
        TEST(flakiness),
        TEST(means_of_nothing),
        TEST(means_without_spread),
        TEST(means_with_rounding),
        TEST(means),
        TEST(paired_edges),
        TEST(paired_mirrored),
        TEST(paired_rows),
        TEST(holm),
        TEST(costs),
        TEST(quantiles),
        TEST(agreement),
        TEST(agreement_of_scores),
        TEST(power),
        TEST(sentences),
        TEST(distributions),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
