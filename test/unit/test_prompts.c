/* test_prompts.c: which prompts of turns are missed, said and listed. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "llm/wire.h"
#include "turn/prompts.h"

static struct arena arena;

static int setup(void **state)
{
    struct prompts *p = NULL;
    arena_init_private(&arena, 256u << 20);
    if (prompts_new(&p) != 0)
        return -1;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    prompts_free(*state);
    arena_fini(&arena);
    return 0;
}

/* A tenant's turn whose system prompt has this word in it. */
static uint64_t see_of(struct prompts *p, struct str tenant, unsigned word, int64_t wall_us,
                       enum prompt_news *ret_news)
{
    struct fault f = {0};
    struct llm_request r;
    char letters[8];
    for (unsigned i = 0; i < 7; i++, word /= 20) /* no digits, which do not count */
        letters[i] = (char)('a' + word % 20);
    letters[7] = '\0';
    struct str body =
        arena_printf(&arena,
                     "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
                     "\"%s\"}]}",
                     letters);
    assert_int_equal(wire_ask(&wire_openai_chat, body, &arena, &r, &f), 0);
    r.wire = &wire_openai_chat;
    return prompts_see(p, &r, tenant, wall_us, ret_news);
}

static uint64_t see(struct prompts *p, unsigned word, int64_t wall_us, enum prompt_news *ret_news)
{
    return see_of(p, STR("shop"), word, wall_us, ret_news);
}

static void know(struct prompts *p, const uint64_t *known, size_t n)
{
    uint64_t *copy = malloc((n + 1) * sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = known[i];
    prompts_know(p, copy, n);
}

static void nothing_is_missed_while_nobody_knows_the_suites(void **state)
{
    struct prompts *p = *state;
    enum prompt_news news;
    assert_int_not_equal(see(p, 1, 5, &news), 0);
    assert_int_equal(news, PROMPT_NO_NEWS);
    assert_false(prompts_stats(p).known);
    assert_int_equal(prompts_stats(p).unseen_turns, 0);
    know(p, NULL, 0); /* suites without any prompt know all there is: none */
    (void)see(p, 1, 5, &news);
    assert_int_equal(news, PROMPT_UNSEEN);
    prompts_forget(p);
    (void)see(p, 2, 5, &news);
    assert_int_equal(news, PROMPT_NO_NEWS);
    assert_int_equal(prompts_stats(p).unseen_n, 0);
    assert_int_equal(prompts_stats(p).unseen_turns, 1);
}

static void one_that_no_suite_has_is_said_once(void **state)
{
    struct prompts *p = *state;
    enum prompt_news news;
    uint64_t one = see(p, 1, 0, &news), two = see(p, 2, 0, &news);
    know(p, (const uint64_t[]){one, 77, one, 3}, 4);
    assert_int_equal(prompts_stats(p).known_n, 3);
    assert_int_equal(see(p, 1, 10, &news), one);
    assert_int_equal(news, PROMPT_NO_NEWS);
    assert_int_equal(see(p, 2, 20, &news), two);
    assert_int_equal(news, PROMPT_UNSEEN);
    assert_int_equal(see(p, 2, 30, &news), two);
    assert_int_equal(news, PROMPT_NO_NEWS);
    struct prompts_stats s = prompts_stats(p);
    assert_int_equal(s.unseen_n, 1);
    assert_int_equal(s.unseen_turns, 2);
    const struct prompt_unseen *u = prompts_unseen_at(p, 0);
    assert_int_equal(u->fingerprint, two);
    assert_int_equal(u->turns, 2);
    assert_int_equal(u->first_wall_us, 20);
    assert_int_equal(u->last_wall_us, 30);
    assert_string_equal(u->tenant, "shop");
    assert_string_equal(u->model, "m");
    assert_string_equal(u->api, "openai.chat");

    uint64_t three = see(p, 3, 40, &news);
    know(p, (const uint64_t[]){two}, 1); /* other suites: one more has it, another none */
    assert_int_equal(prompts_stats(p).unseen_n, 1);
    assert_int_equal(prompts_unseen_at(p, 0)->fingerprint, three);
    (void)see(p, 3, 50, &news);
    assert_int_equal(news, PROMPT_NO_NEWS); /* it was said */
    (void)see(p, 1, 50, &news);
    assert_int_equal(news, PROMPT_UNSEEN);
    assert_int_equal(prompts_unseen_at(p, 0)->turns, 2);
}

/* A prompt that varies by turn fills no memory and no log. */
static void too_many_are_counted_together(void **state)
{
    struct prompts *p = *state;
    enum prompt_news news;
    unsigned said = 0, last = 0;
    know(p, NULL, 0);
    for (unsigned i = 0; i < 2 * PROMPTS_UNSEEN_MAX; i++) {
        (void)see(p, i, i, &news);
        said += news != PROMPT_NO_NEWS;
        last += news == PROMPT_TOO_MANY;
    }
    struct prompts_stats s = prompts_stats(p);
    assert_int_equal(said, PROMPTS_SAID_MAX);
    assert_int_equal(last, 1);
    assert_int_equal(s.unseen_n, PROMPTS_TENANT_MAX);
    assert_int_equal(s.unseen_turns, 2 * PROMPTS_UNSEEN_MAX);
    assert_int_equal(s.others, 2 * PROMPTS_UNSEEN_MAX - PROMPTS_TENANT_MAX);
    for (unsigned i = 0; i < PROMPTS_TENANT_MAX; i++)
        (void)see(p, i, 0, &news);
    assert_int_equal(prompts_stats(p).others, s.others);
    assert_int_equal(prompts_unseen_at(p, 0)->turns, 2);
    static const struct str others[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    for (unsigned i = 0; i < 4 * PROMPTS_UNSEEN_MAX; i++)
        (void)see_of(p, others[i % 4], i, 0, &news);
    assert_int_equal(prompts_stats(p).unseen_n, PROMPTS_UNSEEN_MAX);
}

/* One application whose prompt varies by turn hides no change of another tenant's. */
static void a_tenant_hides_nothing_of_another(void **state)
{
    struct prompts *p = *state;
    enum prompt_news news;
    know(p, NULL, 0);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 2 * PROMPTS_UNSEEN_MAX; i++)
            (void)see_of(p, STR("noisy"), i, i, &news);
        assert_int_equal(news, PROMPT_NO_NEWS);
        uint64_t quiet = see_of(p, STR("quiet"), 9000 + round, 7, &news);
        assert_int_equal(news, PROMPT_UNSEEN);
        const struct prompt_unseen *u = prompts_unseen_at(p, PROMPTS_TENANT_MAX + round);
        assert_int_equal(u->fingerprint, quiet);
        assert_string_equal(u->tenant, "quiet");
        know(p, NULL, 0); /* other suites: who holds how many is known anew */
    }
    uint64_t all[PROMPTS_TENANT_MAX];
    for (unsigned i = 0; i < PROMPTS_TENANT_MAX; i++)
        all[i] = prompts_unseen_at(p, i)->fingerprint;
    know(p, all, PROMPTS_TENANT_MAX);
    assert_int_equal(prompts_stats(p).unseen_n, 2);
    (void)see_of(p, STR("noisy"), 5000, 0, &news);
    assert_int_equal(news, PROMPT_UNSEEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_missed_while_nobody_knows_the_suites, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_that_no_suite_has_is_said_once, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_are_counted_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_hides_nothing_of_another, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
