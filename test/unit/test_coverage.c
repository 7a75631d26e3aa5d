/* test_coverage.c: what suites stand for of a traffic that is known, and what they lack. */
#include "base_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eval/traffic/coverage.h"

static struct coverage *coverage_make(bool by_week)
{
    struct coverage *c = NULL;
    const struct coverage_settings set = {.near = 0.5, .by_week = by_week, .bytes_max = 64u << 20};
    assert_int_equal(coverage_new(&set, &c), 0);
    return c;
}

static struct near_mark mark_of(const char *text)
{
    struct near_mark m;
    assert_int_equal(near_mark(NULL, str_from(text), &m), 0);
    return m;
}

static void case_add(struct coverage *c, uint64_t prompt, const char *text)
{
    struct near_mark m = mark_of(text);
    assert_int_equal(coverage_case(c, prompt, &m), 0);
}

static void turn_add_of(struct coverage *c, const char *tenant, const char *day,
                        const char *session, uint64_t prompt, const char *text)
{
    static unsigned number;
    char id[16];
    struct near_mark m = mark_of(text);
    int n = snprintf(id, sizeof(id), "t%u", number++);
    const struct coverage_turn t = {.id = str_of(id, (size_t)n),
                                    .day = str_from(day),
                                    .session = str_from(session),
                                    .tenant = str_from(tenant),
                                    .model = STR("m"),
                                    .prompt = prompt,
                                    .text = str_from(text),
                                    .mark = &m};
    assert_int_equal(coverage_turn(c, &t), 0);
}

static void turn_add(struct coverage *c, const char *day, const char *session, uint64_t prompt,
                     const char *text)
{
    turn_add_of(c, "shop", day, session, prompt, text);
}

static void near_under_the_same_prompt_is_covered(void **state)
{
    (void)state;
    struct coverage *c = coverage_make(false);
    struct coverage_report r;
    case_add(c, 7, "where is my parcel");
    case_add(c, 0, "what is two and two");
    turn_add(c, "2026-11-02", "", 7, "Where is my parcel?");
    turn_add(c, "2026-11-02", "", 8, "where is my parcel now");
    turn_add(c, "2026-11-02", "", 7, "i want to speak to a human");
    turn_add(c, "2026-11-02", "", 7, "I want to speak to a human!");
    turn_add(c, "2026-11-02", "", 0, "what is two and two");
    turn_add(c, "2026-11-02", "", 9, "");
    coverage_report(c, &r);
    assert_int_equal(r.cases, 2);
    assert_int_equal(r.all.turns, 6);
    assert_int_equal(r.all.covered, 2);
    assert_int_equal(r.all.moved, 1);
    assert_int_equal(r.all.unseen, 2);
    assert_int_equal(r.missing_n, 2);
    assert_int_equal(r.missing[0].turns, 2);
    assert_string_equal(r.missing[0].text, "i want to speak to a human");
    assert_int_equal(r.missing[0].prompt, 7);
    assert_int_equal(r.missing[1].turns, 1);
    assert_int_equal(r.prompts_n, 3);
    assert_int_equal(r.prompts[0].prompt, 8); /* that no suite has, first */
    assert_false(r.prompts[0].seen);
    assert_string_equal(r.prompts[0].tenant, "shop");
    assert_int_equal(r.prompts[2].prompt, 7);
    assert_true(r.prompts[2].seen);
    assert_int_equal(r.prompts[2].turns, 3);
    coverage_free(c);
}

static void days_and_weeks_are_in_order(void **state)
{
    (void)state;
    static const char *const days[] = {"2026-11-04", "2026-11-02", "2026-11-08", "2026-11-09",
                                       "2026-11-04"};
    for (unsigned by_week = 0; by_week < 2; by_week++) {
        struct coverage *c = coverage_make(by_week);
        struct coverage_report r;
        case_add(c, 0, "a b c d");
        for (unsigned i = 0; i < 5; i++)
            turn_add(c, days[i], "", i == 3 ? 5 : 0, i < 3 ? "a b c d" : "x y z");
        coverage_report(c, &r);
        assert_int_equal(r.days_n, by_week ? 2 : 4);
        assert_string_equal(r.days[0].day, "2026-11-02"); /* a Monday */
        assert_int_equal(r.days[0].count.turns, by_week ? 4 : 1);
        assert_int_equal(r.days[0].count.covered, by_week ? 3 : 1);
        const struct coverage_day *last = &r.days[r.days_n - 1];
        assert_string_equal(last->day, "2026-11-09");
        assert_int_equal(last->count.covered, 0);
        assert_int_equal(last->count.unseen, 1);
        assert_string_equal(r.prompts[0].first_day, "2026-11-09");
        coverage_free(c);
    }
}

/* 37 of 100, reckoned by hand from Wilson's formula. */
static void the_interval_knows_what_the_turns_are_worth(void **state)
{
    (void)state;
    const struct coverage_report alone = {.design_effect = 1}, four = {.design_effect = 4};
    struct estimate s = coverage_share(&alone, 37, 100), w = coverage_share(&four, 37, 100),
                    none = coverage_share(&alone, 0, 0), all = coverage_share(&alone, 9, 9);
    assert_true(fabs(s.value - 0.37) < 1e-12);
    assert_true(fabs(s.low - 0.2818236053) < 1e-9);
    assert_true(fabs(s.high - 0.4677947042) < 1e-9);
    assert_true(fabs(w.value - 0.37) < 1e-12);
    assert_true(w.high - w.low > 1.8 * (s.high - s.low));
    assert_false(none.has_value);
    assert_true(all.high == 1 && all.low > 0.6 && all.low < 0.75);
}

/* Sessions of which each is covered as a whole or not at all: 20 turns are worth one. */
static void turns_of_a_session_count_as_what_they_are_worth(void **state)
{
    (void)state;
    struct coverage *together = coverage_make(false), *apart = coverage_make(false);
    struct coverage_report a, b;
    char name[16];
    case_add(together, 0, "a b c d");
    case_add(apart, 0, "a b c d");
    for (unsigned i = 0; i < 800; i++) {
        snprintf(name, sizeof(name), "s%u", i / 20);
        turn_add(together, "2026-11-02", name, 0, i / 20 % 2 ? "a b c d" : "x y z");
        turn_add(apart, "2026-11-02", name, 0, i % 2 ? "a b c d" : "x y z");
    }
    coverage_report(together, &a);
    coverage_report(apart, &b);
    assert_int_equal(a.sessions, 40);
    assert_true(a.design_effect > 19 && a.design_effect < 22);
    assert_true(b.design_effect == 1);
    coverage_free(together);
    coverage_free(apart);
}

static void tenants_have_their_own_sessions(void **state)
{
    (void)state;
    struct coverage *c = coverage_make(false);
    struct coverage_report r;
    for (unsigned i = 0; i < 4; i++)
        turn_add_of(c, i % 2 ? "a" : "b", "2026-11-02", "the same name", 0, "x y z");
    coverage_report(c, &r);
    assert_int_equal(r.sessions, 2);
    coverage_free(c);
}

static void a_prompt_is_like_the_one_it_was_made_of(void **state)
{
    (void)state;
    static const char *const says[] = {"you help the customers of a shop and are brief",
                                       "you sum up letters", "you help the customers of a bank"};
    struct coverage *c = coverage_make(false);
    struct coverage_report r;
    case_add(c, 1, "a b c d");
    case_add(c, 2, "a b c d");
    turn_add(c, "2026-11-02", "", 3, "a b c d");
    turn_add(c, "2026-11-02", "", 4, "a b c d");
    assert_false(coverage_lacks_words(c, 0));
    for (unsigned i = 0; i < 3; i++) {
        struct near_mark m = mark_of(says[i]);
        assert_true(coverage_lacks_words(c, i + 1));
        coverage_words(c, i + 1, &m.sketch);
        assert_false(coverage_lacks_words(c, i + 1));
    }
    coverage_report(c, &r);
    assert_int_equal(r.prompts_n, 4);
    assert_int_equal(r.prompts[0].prompt, 3);
    assert_int_equal(r.prompts[0].like, 1);
    assert_true(r.prompts[0].alike > 0.4 && r.prompts[0].alike < 1);
    assert_int_equal(r.prompts[1].prompt, 4); /* of which nobody knows what it says */
    assert_int_equal(r.prompts[1].like, 0);
    assert_int_equal(r.prompts[2].like, 0);
    coverage_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_under_the_same_prompt_is_covered),
        cmocka_unit_test(days_and_weeks_are_in_order),
        cmocka_unit_test(the_interval_knows_what_the_turns_are_worth),
        cmocka_unit_test(a_prompt_is_like_the_one_it_was_made_of),
        cmocka_unit_test(turns_of_a_session_count_as_what_they_are_worth),
        cmocka_unit_test(tenants_have_their_own_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
