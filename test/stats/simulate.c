/*
 * simulate.c: how often intervals hold the truth, where the truth is known.
 *
 *     simulate WHAT ROUNDS      WHAT: scores, weights, repeats, changes, costs, latencies,
 *                               differences, margin, speed
 *
 * Seeds are fixed: the same ROUNDS give the same figures. A line of JSON each.
 */
#include "simulate.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "eval/stats/cost.h"
#include "eval/stats/dist.h"
#include "eval/stats/mean.h"

#define ARENA_BYTES (16 << 20)
#define CASES_MAX   10000

static const size_t sizes[] = {50, 100, 200, 500};

static void stop(const struct fault *f)
{
    fprintf(stderr, "simulate: %s\n", f->text);
    exit(1);
}

static void count(struct tally *t, struct estimate e, double truth)
{
    bool above = e.has_high && truth > e.high, below = e.has_low && truth < e.low;
    t->rounds++;
    t->above += above;
    t->below += below;
    t->held += !above && !below;
    t->open += !e.has_low || !e.has_high;
    t->width += e.has_low && e.has_high ? e.high - e.low : 0;
}

static void tell(const char *what, const char *name, size_t n, const struct tally *t)
{
    double rounds = (double)t->rounds;
    printf("{\"what\":\"%s\",\"name\":\"%s\",\"n\":%zu,\"coverage\":%.4f,\"above\":%.4f,"
           "\"below\":%.4f,\"open\":%.4f,\"width\":%.4f}\n",
           what, name, n, (double)t->held / rounds, (double)t->above / rounds,
           (double)t->below / rounds, (double)t->open / rounds, t->width / rounds);
    fflush(stdout);
}

/* ---------------------------------------------------------------- scores */

static double uniform(struct dice *d)
{
    return dice_share(d);
}
static double mostly_good(struct dice *d) /* Beta(8, 1) */
{
    return pow(dice_share(d), 1.0 / 8);
}
static double halves(struct dice *d)
{
    double u = dice_share(d);
    return u < 0.6 ? 1 : u < 0.9 ? 0.5 : 0;
}
static double ceiling(struct dice *d)
{
    return dice_yes(d, 0.9) ? 1 : dice_share(d);
}
static double high_ceiling(struct dice *d)
{
    return dice_yes(d, 0.97) ? 1 : dice_share(d);
}
static double two_heaps(struct dice *d) /* a rubric that is met, or missed by far */
{
    double s = (dice_yes(d, 0.7) ? 0.9 : 0.2) + 0.05 * dice_normal(d);
    return fmin(1, fmax(0, s));
}
static double fifths(struct dice *d)
{
    double u = dice_share(d);
    return u < 0.05 ? 0 : u < 0.1 ? 0.2 : u < 0.2 ? 0.4 : u < 0.4 ? 0.6 : u < 0.7 ? 0.8 : 1;
}

static const struct {
    const char *name;
    double (*draw)(struct dice *d);
    double mean;
} shapes[] = {
    {"uniform", uniform, 0.5},
    {"mostly good, beta(8,1)", mostly_good, 8.0 / 9},
    {"0, 1/2 or 1", halves, 0.75},
    {"90 % full marks", ceiling, 0.95},
    {"97 % full marks", high_ceiling, 0.985},
    {"two heaps", two_heaps, 0.6897028}, /* of which 2.3 % are cut at 1 */
    {"six steps", fifths, 0.71},
};

/* How the cases of a simulation are made: weights as suites have them, answers a case. */
struct design {
    const char *what;
    bool weighted, changes;
    int answers;
};

static void draw_case(struct dice *d, size_t shape, const struct design *plan, double luck,
                      struct case_row *row)
{
    *row = CASE_ROW;
    struct fault f = {0};
    double first = shapes[shape].draw(d);
    for (int i = 0; i < plan->answers; i++) {
        /* A case's answers are alike: most of them are the first one again. */
        double score = i == 0 || dice_yes(d, luck) ? first : shapes[shape].draw(d);
        if (case_add(row, score, score >= 0.5, COST_UNKNOWN, &f) != 0)
            stop(&f);
    }
    if (plan->weighted)
        row->weight = 1 + (double)(dice_next(d) % 3) * 2;
}

static struct estimate one_round(struct dice *d, size_t shape, const struct design *plan, size_t n,
                                 uint64_t seed)
{
    static struct case_row run[CASES_MAX], base[CASES_MAX];
    struct bootstrap_settings settings = {.level = 0.95, .seed = seed};
    struct arena arena;
    struct fault f = {0};
    struct estimate e;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < n; i++) {
        draw_case(d, shape, plan, 0.7, &run[i]);
        base[i] = run[i];
        /* A fifth of a prompt's answers change with it, for better or worse. */
        if (plan->changes && dice_yes(d, 0.2))
            draw_case(d, shape, plan, 0.7, &base[i]);
    }
    int err = plan->changes ? mean_difference(&arena, run, base, n, &settings, &e, &f)
                            : mean_score(&arena, run, n, &settings, &e, &f);
    if (err)
        stop(&f);
    arena_fini(&arena);
    return e;
}

static int simulate_means(const struct design *plan, long rounds)
{
    struct dice d = {UINT64_C(0x123456789) + (uint64_t)plan->what[0]};
    for (size_t shape = 0; shape < ARRAY_LEN(shapes); shape++) {
        double truth = plan->changes ? 0 : shapes[shape].mean;
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            struct tally t = {0};
            for (long round = 0; round < rounds; round++)
                count(&t, one_round(&d, shape, plan, sizes[s], (uint64_t)round), truth);
            tell(plan->what, shapes[shape].name, sizes[s], &t);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- costs */

static const char *const spendings[] = {"equal", "spread", "dear failures", "three answers a case"};
enum { EQUAL, SPREAD, DEAR_FAILURES, REPEATED };

/* Costs: all the same, or log-normal, of failures twice as much. A case's answers are alike. */
static void draw_costs(struct dice *d, size_t spending, double share, size_t n,
                       struct case_row *rows)
{
    struct fault f = {0};
    for (size_t i = 0; i < n; i++) {
        rows[i] = CASE_ROW;
        bool first = dice_yes(d, share);
        for (int k = 0; k < (spending == REPEATED ? 3 : 1); k++) {
            bool pass = k > 0 && dice_yes(d, 0.4) ? dice_yes(d, share) : first;
            double usd = spending == EQUAL ? 1e6 : 1e6 * exp(0.8 * dice_normal(d));
            if (spending == DEAR_FAILURES && !pass)
                usd *= 2;
            if (case_add(&rows[i], pass, pass, (int64_t)usd, &f) != 0)
                stop(&f);
        }
    }
}

static double true_cost(size_t spending, double share)
{
    double each = spending == EQUAL ? 1e6 : 1e6 * exp(0.8 * 0.8 / 2);
    double failures = spending == DEAR_FAILURES ? 2 : 1;
    return each * (share + failures * (1 - share)) / share;
}

static int simulate_costs(long rounds)
{
    static const double shares[] = {0.05, 0.2, 0.5, 0.8, 0.95};
    static struct case_row rows[CASES_MAX];
    struct dice d = {UINT64_C(0xc057)};
    struct fault f = {0};
    for (size_t k = 0; k < ARRAY_LEN(spendings) * ARRAY_LEN(shares); k++) {
        size_t spending = k / ARRAY_LEN(shares);
        double share = shares[k % ARRAY_LEN(shares)];
        char name[64];
        snprintf(name, sizeof(name), "%s, %.2f pass", spendings[spending], share);
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            struct tally t = {0};
            for (long round = 0; round < rounds; round++) {
                struct success_cost c;
                draw_costs(&d, spending, share, sizes[s], rows);
                if (cost_of_success(rows, sizes[s], 0.95, &c, &f) != 0)
                    stop(&f);
                count(&t, c.usd_nanos, true_cost(spending, share));
            }
            tell("costs", name, sizes[s], &t);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- latencies */

static int simulate_latencies(long rounds)
{
    static int64_t values[CASES_MAX];
    static const double quantiles[] = {0.5, 0.95};
    struct dice d = {UINT64_C(0x1a7e)};
    struct fault f = {0};
    for (size_t q = 0; q < ARRAY_LEN(quantiles); q++) {
        double truth = 1e6 * exp(0.7 * normal_quantile(quantiles[q]));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            struct tally t = {0};
            for (long round = 0; round < rounds; round++) {
                struct arena arena;
                struct estimate e;
                arena_init(&arena, ARENA_BYTES);
                for (size_t i = 0; i < sizes[s]; i++)
                    values[i] = (int64_t)(1e6 * exp(0.7 * dice_normal(&d)));
                if (quantile_of(&arena, values, sizes[s], quantiles[q], 0.95, &e, &f) != 0)
                    stop(&f);
                count(&t, e, truth);
                arena_fini(&arena);
            }
            tell("latencies", q ? "p95" : "p50", sizes[s], &t);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- speed */

/* Processor time of a mean over 10,000 weighted cases, the fastest of `rounds`. */
static int simulate_speed(long rounds)
{
    static struct case_row rows[CASES_MAX];
    static const struct design plan = {"speed", true, false, 1};
    struct dice d = {UINT64_C(0x5beed)};
    struct fault f = {0};
    double fastest = INFINITY;
    for (size_t i = 0; i < CASES_MAX; i++)
        draw_case(&d, 0, &plan, 1, &rows[i]);
    for (long round = 0; round < rounds; round++) {
        struct arena arena;
        struct estimate e;
        arena_init(&arena, ARENA_BYTES);
        clock_t began = clock();
        if (mean_score(&arena, rows, CASES_MAX, &BOOTSTRAP_SETTINGS, &e, &f) != 0)
            stop(&f);
        fastest = fmin(fastest, (double)(clock() - began) / CLOCKS_PER_SEC);
        arena_fini(&arena);
    }
    printf("{\"what\":\"speed\",\"n\":%d,\"seconds\":%.4f}\n", CASES_MAX, fastest);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct design designs[] = {
        {"scores", false, false, 1},
        {"weights", true, false, 1},
        {"repeats", false, false, 3},
        {"changes", false, true, 1},
    };
    static const struct {
        const char *what;
        int (*run)(long rounds);
    } others[] = {
        {"costs", simulate_costs},   {"latencies", simulate_latencies},
        {"speed", simulate_speed},   {"differences", simulate_differences},
        {"margin", simulate_margin},
    };
    long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    for (size_t i = 0; rounds > 0 && i < ARRAY_LEN(designs); i++)
        if (strcmp(argv[1], designs[i].what) == 0)
            return simulate_means(&designs[i], rounds);
    for (size_t i = 0; rounds > 0 && i < ARRAY_LEN(others); i++)
        if (strcmp(argv[1], others[i].what) == 0)
            return others[i].run(rounds);
    fprintf(stderr, "usage: simulate WHAT ROUNDS\n");
    return 2;
}
