/* test_order.c: the levers of a configuration, in their order. */
#include "api/config.h"
#include "base_test.h"
#include "levers/order.h"

static void chain_of(struct conf_doc **doc, const char *text, struct lever_chain *ret_chain)
{
    assert_int_equal(conf_load_text(&config_table, "test.yaml", str_from(text), doc), 0);
    const struct config *c = conf_root(*doc);
    assert_int_equal(levers_chain(conf_arena(*doc), &c->levers, false, ret_chain), 0);
}

static unsigned place(const struct lever_chain *chain, const struct lever *lever)
{
    for (unsigned i = 0; i < chain->n; i++)
        if (chain->at[i].lever == lever)
            return i;
    fail_msg("%s is not in the chain", lever->name);
    return 0;
}

static void every_lever_is_once_in_its_place(void **state)
{
    (void)state;
    struct conf_doc *doc = NULL;
    struct lever_chain chain;
    chain_of(&doc, "", &chain);
    assert_in_range(chain.n, 2, LEVERS_MAX);
    for (unsigned i = 0; i < chain.n; i++) {
        assert_non_null(chain.at[i].lever->run);
        assert_non_null(chain.at[i].on);
        assert_true(chain.at[i].lever->name && chain.at[i].lever->summary);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(chain.at[i].lever->name, chain.at[k].lever->name);
    }
    assert_true(place(&chain, &lever_fallback) < place(&chain, &lever_retry));
    assert_ptr_equal(chain.at[chain.n - 1].lever, &lever_retry); /* nothing is inside of it */
    conf_unref(doc);
}

static void what_may_lose_something_is_off_without_suites(void **state)
{
    (void)state;
    const struct lever lossy = {.name = "lossy", .loses = true}, safe = {.name = "safe"};
    const struct lever_switch own = {.on = true};
    assert_ptr_equal(lever_switch_of(&lossy, &own, true), &own);
    assert_ptr_equal(lever_switch_of(&safe, &own, false), &own);
    assert_false(lever_switch_of(&lossy, &own, false)->on);
}

static void each_has_its_own_settings(void **state)
{
    (void)state;
    struct conf_doc *doc = NULL;
    struct lever_chain chain;
    chain_of(&doc, "fallback: {on: off, holdout: 25%}\nretry: {attempts: 4, holdout: 0.5}\n",
             &chain);
    const struct config *c = conf_root(doc);
    unsigned fallback = place(&chain, &lever_fallback), retry = place(&chain, &lever_retry);
    assert_false(chain.at[fallback].on->on);
    assert_int_equal(chain.at[fallback].on->holdout, 250000);
    assert_true(chain.at[retry].on->on);
    assert_int_equal(chain.at[retry].on->holdout, 500000);
    const struct retry_settings *own = chain.at[retry].self;
    assert_int_equal(own->attempts, 4);
    assert_ptr_equal(own, &c->levers.retry);
    assert_ptr_equal(chain.at[fallback].self, &c->levers.fallback);
    conf_unref(doc);
}

static void both_are_on_by_default(void **state)
{
    (void)state;
    struct conf_doc *doc = NULL;
    struct lever_chain chain;
    chain_of(&doc, "", &chain);
    for (unsigned i = 0; i < chain.n; i++) {
        assert_true(chain.at[i].on->on);
        assert_int_equal(chain.at[i].on->holdout, 0);
    }
    conf_unref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lever_is_once_in_its_place),
        cmocka_unit_test(what_may_lose_something_is_off_without_suites),
        cmocka_unit_test(each_has_its_own_settings),
        cmocka_unit_test(both_are_on_by_default),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
