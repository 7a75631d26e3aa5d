/* test_sample.c: draws whose weights say of all turns what is true of them. */
#include "base_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eval/traffic/sample.h"

struct world {
    struct sample *s;
    struct chance c;
    unsigned n;         /* turns */
    double value[8192]; /* of each turn, the same for all of a cluster */
    char id[8192][16];
};

static struct world *world_new(unsigned cases, unsigned floor, uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct sample_settings set = {
        .cases = cases, .floor = floor, .near = 0.9, .seed = seed, .bytes_max = 64u << 20};
    assert_int_equal(sample_new(&set, &w->s), 0);
    w->c.state = 5;
    return w;
}

static void world_free(struct world *w)
{
    sample_free(w->s);
    free(w);
}

/* A turn that asks `question` in a stratum; groups are the strata's. */
static void turn_add(struct world *w, unsigned stratum, unsigned question, double value)
{
    char text[128], name[32];
    struct near_mark m;
    snprintf(text, sizeof(text), "q%u is what is asked here by w%u and x%u", question, question,
             question * 7);
    int n = snprintf(name, sizeof(name), "s%u", stratum);
    snprintf(w->id[w->n], sizeof(w->id[0]), "t%05u", w->n);
    w->value[w->n] = value;
    assert_int_equal(near_mark(NULL, str_from(text), &m), 0);
    assert_int_equal(sample_add(w->s, str_from(w->id[w->n]), stratum, str_of(name, (size_t)n), &m),
                     0);
    w->n++;
}

/* The sum of weights, and of values by them. */
static double weights_sum(const struct world *w, double *ret_values, unsigned *ret_drawn)
{
    double sum = 0;
    *ret_values = 0;
    *ret_drawn = 0;
    for (unsigned i = 0; i < w->n; i++) {
        double weight = sample_take(w->s, str_from(w->id[i]));
        sum += weight;
        *ret_values += weight * w->value[i];
        *ret_drawn += weight > 0;
    }
    return sum;
}

/* Questions asked as often as by Zipf, in strata of very different sizes. */
static double traffic_make(struct world *w, unsigned turns)
{
    static const unsigned sizes[] = {70, 90, 96, 99, 100};
    double sum = 0;
    for (unsigned i = 0; i < turns; i++) {
        unsigned at = chance_below(&w->c, 100), stratum = 0;
        while (at >= sizes[stratum])
            stratum++;
        unsigned question = 400 / (1 + chance_below(&w->c, 400));
        double value = (question * 2654435761u >> 16) % 1000 / 1000.0 + stratum;
        turn_add(w, stratum, stratum * 1000 + question, value);
        sum += value;
    }
    return sum;
}

static void weights_add_up_to_the_traffic(void **state)
{
    (void)state;
    for (unsigned cases = 1; cases < 300; cases = cases * 2 + 1) {
        struct world *w = world_new(cases, 3, 1);
        double values;
        unsigned drawn;
        (void)traffic_make(w, 3000);
        assert_int_equal(sample_draw(w->s), 0);
        double sum = weights_sum(w, &values, &drawn);
        struct sample_stats t = sample_stats(w->s);
        assert_true(fabs(sum - 3000) < 1e-6);
        assert_int_equal(drawn, t.drawn);
        assert_true(t.drawn <= cases);
        assert_int_equal(t.drawn, cases < t.clusters ? cases : t.clusters);
        assert_int_equal(t.turns, 3000);
        uint64_t turns = 0;
        unsigned of_strata = 0;
        for (unsigned i = 0; i < sample_strata(w->s); i++) {
            turns += sample_stratum_at(w->s, i).turns;
            of_strata += sample_stratum_at(w->s, i).drawn;
        }
        assert_int_equal(turns, 3000);
        assert_int_equal(of_strata, drawn);
        world_free(w);
    }
}

/* Over many seeds, the mean by weights is the traffic's: no stratum and no size is favoured. */
static void the_mean_of_cases_is_the_traffics(void **state)
{
    (void)state;
    enum { SEEDS = 400 };
    double sum = 0, squares = 0, truth = 0;
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct world *w = world_new(40, 2, seed);
        double values;
        unsigned drawn;
        truth = traffic_make(w, 2000) / 2000;
        assert_int_equal(sample_draw(w->s), 0);
        double weights = weights_sum(w, &values, &drawn);
        sum += values / weights - truth;
        squares += (values / weights - truth) * (values / weights - truth);
        world_free(w);
    }
    double mean = sum / SEEDS, deviation = sqrt(squares / SEEDS);
    printf("mean of the traffic %.4f; over %d draws of 40 cases the mean error is %.4f, one "
           "draw's is %.4f\n",
           truth, SEEDS, mean, deviation);
    assert_true(fabs(mean) < 4 * deviation / sqrt(SEEDS));
    assert_true(deviation < 0.1); /* and one draw is near */
}

static void a_seed_makes_one_draw(void **state)
{
    (void)state;
    struct world *w[3] = {world_new(50, 2, 7), world_new(50, 2, 7), world_new(50, 2, 8)};
    unsigned other = 0;
    for (unsigned i = 0; i < 3; i++) {
        (void)traffic_make(w[i], 2000);
        assert_int_equal(sample_draw(w[i]->s), 0);
    }
    for (unsigned i = 0; i < w[0]->n; i++) {
        struct str id = str_from(w[0]->id[i]);
        double weight = sample_take(w[0]->s, id);
        assert_true(weight == sample_take(w[1]->s, id));
        other += weight != sample_take(w[2]->s, id);
    }
    assert_true(other > 10);
    for (unsigned i = 0; i < 3; i++)
        world_free(w[i]);
}

static void small_strata_have_their_floor(void **state)
{
    (void)state;
    struct world *w = world_new(30, 4, 1);
    for (unsigned i = 0; i < 1000; i++)
        turn_add(w, 0, i, 0);
    for (unsigned i = 0; i < 6; i++)
        turn_add(w, 1, 2000 + i, 0);
    for (unsigned i = 0; i < 10; i++) /* one question, ten times */
        turn_add(w, 2, 3000, 0);
    assert_int_equal(sample_draw(w->s), 0);
    assert_int_equal(sample_strata(w->s), 3);
    struct sample_stratum large = sample_stratum_at(w->s, 0), one = sample_stratum_at(w->s, 1),
                          small = sample_stratum_at(w->s, 2);
    assert_str(large.name, STR("s0"));
    assert_int_equal(large.drawn, 25);
    assert_str(one.name, STR("s2"));
    assert_int_equal(one.clusters, 1);
    assert_int_equal(one.drawn, 1);
    assert_true(sample_take(w->s, str_from(w->id[1006])) == 10); /* the first of the ten */
    assert_true(sample_take(w->s, str_from(w->id[1006])) == 0);  /* which is one case */
    assert_true(sample_take(w->s, str_from(w->id[1007])) == 0);
    assert_str(small.name, STR("s1"));
    assert_int_equal(small.drawn, 4);
    world_free(w);
}

static void too_many_strata_are_put_together(void **state)
{
    (void)state;
    struct world *w = world_new(10, 2, 1);
    for (unsigned s = 0; s < 50; s++)
        for (unsigned i = 0; i < 100 - s; i++)
            turn_add(w, s, s * 1000 + i, 0);
    assert_int_equal(sample_draw(w->s), 0);
    assert_int_equal(sample_strata(w->s), 5);
    struct sample_stratum last = sample_stratum_at(w->s, 4);
    assert_str(last.name, STR("the 46 smallest together"));
    assert_true(last.drawn >= 2);
    assert_int_equal(sample_stats(w->s).small, 46);
    double values;
    unsigned drawn;
    assert_true(fabs(weights_sum(w, &values, &drawn) - w->n) < 1e-6);
    world_free(w);
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(10, 2, 1);
    assert_int_equal(sample_draw(w->s), 0);
    assert_int_equal(sample_stats(w->s).drawn, 0);
    assert_int_equal(sample_strata(w->s), 0);
    assert_true(sample_take(w->s, STR("t00000")) == 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_add_up_to_the_traffic),
        cmocka_unit_test(the_mean_of_cases_is_the_traffics),
        cmocka_unit_test(a_seed_makes_one_draw),
        cmocka_unit_test(small_strata_have_their_floor),
        cmocka_unit_test(too_many_strata_are_put_together),
        cmocka_unit_test(nothing_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
