/* test_stored.c: whose a stored object is: in memory, in the table, after a restart, when it is
 * old. */
#include "turn/stored.h"

#include "ledger_world.h"
#include "rt/loop.h"
#include "rt/task.h"

#define DAY_MS INT64_C(86400000)

struct test {
    struct ledger *ledger;
    struct stored *stored;
    struct arena arena;
};

static void open_both(struct test *t, int64_t keep_ms, size_t bytes_max)
{
    const struct ledger_settings ledger = {.where = str_from(world_url), .keep_stored_ms = keep_ms};
    assert_int_equal(ledger_open(&ledger, &t->ledger, NULL), 0);
    const struct stored_settings stored = {.where = str_from(world_url),
                                           .ledger = t->ledger,
                                           .keep_ms = keep_ms,
                                           .bytes_max = bytes_max};
    assert_int_equal(stored_open(&stored, &t->stored, NULL), 0);
}

static void close_both(struct test *t)
{
    stored_free(t->stored);
    ledger_close(t->ledger);
}

static void learn(struct test *t, const char *id, const char *tenant, const char *provider)
{
    const struct stored_owner owner = {str_from(tenant), str_from(provider)};
    stored_learn(t->stored, str_from(id), &owner);
}

static void is_of(struct test *t, const char *id, const char *tenant, const char *provider)
{
    struct stored_owner owner;
    assert_int_equal(stored_find(t->stored, str_from(id), &t->arena, &owner), 0);
    assert_true(str_eq(owner.tenant, str_from(tenant)));
    assert_true(str_eq(owner.provider, str_from(provider)));
}

static bool is_known(struct test *t, const char *id)
{
    struct stored_owner owner;
    return stored_known(t->stored, str_from(id), &t->arena, &owner);
}

static void is_nobodys(struct test *t, const char *id)
{
    struct stored_owner owner;
    assert_int_equal(stored_find(t->stored, str_from(id), &t->arena, &owner), E_NOT_FOUND);
}

/* ---- the tests, each as a task ---- */

static void first_told_has_it(void *arg)
{
    struct test *t = arg;
    open_both(t, 0, STORED_BYTES_MAX);
    learn(t, "resp_1", "shop", "openai");
    learn(t, "resp_1", "thief", "openai");
    learn(t, "resp_2", "", "openai");
    is_of(t, "resp_1", "shop", "openai");
    is_of(t, "resp_2", "", "openai");
    is_nobodys(t, "resp_3");
    assert_int_equal(ledger_sync(t->ledger), 0);
    assert_int_equal(world_ask("SELECT count(*) FROM stored WHERE tenant = 'shop'"), 1);
    assert_int_equal(world_ask("SELECT count(*) FROM stored"), 2);
    close_both(t);
}

static void a_restart_keeps_it(void *arg)
{
    struct test *t = arg;
    open_both(t, 0, STORED_BYTES_MAX);
    learn(t, "resp_1", "shop", "openai");
    learn(t, "resp_2", "shop", "openai");
    stored_forget(t->stored, STR("resp_2"));
    is_nobodys(t, "no.such:id-1");
    close_both(t);
    open_both(t, 0, STORED_BYTES_MAX);
    assert_true(is_known(t, "resp_1"));
    is_nobodys(t, "resp_2");
    learn(t, "resp_1", "thief", "openai");
    is_of(t, "resp_1", "shop", "openai");
    close_both(t);
}

/* The table has it until the batch that deletes it. */
static void what_was_deleted_is_gone_at_once(void *arg)
{
    struct test *t = arg;
    open_both(t, 0, STORED_BYTES_MAX);
    learn(t, "resp_1", "shop", "openai");
    assert_int_equal(ledger_sync(t->ledger), 0);
    stored_forget(t->stored, STR("resp_1"));
    is_nobodys(t, "resp_1");
    assert_int_equal(ledger_sync(t->ledger), 0);
    is_nobodys(t, "resp_1");
    assert_int_equal(world_ask("SELECT count(*) FROM stored"), 0);
    close_both(t);
}

static void memory_has_a_ceiling(void *arg)
{
    struct test *t = arg;
    char id[32];
    open_both(t, 0, 20000);
    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof(id), "resp_%d", i);
        learn(t, id, i % 2 ? "odd" : "even", "openai");
        assert_true(stored_stats(t->stored).bytes <= 20000);
    }
    assert_true(is_known(t, "resp_2999"));
    assert_false(is_known(t, "resp_0"));
    assert_int_equal(ledger_sync(t->ledger), 0);
    assert_int_equal(stored_stats(t->stored).look_ups, 0);
    is_of(t, "resp_0", "even", "openai");
    is_of(t, "resp_1", "odd", "openai");
    is_of(t, "resp_1", "odd", "openai");
    assert_int_equal(stored_stats(t->stored).look_ups, 2);
    is_nobodys(t, "resp_3000");
    close_both(t);
    open_both(t, 0, 20000);
    assert_true(stored_stats(t->stored).known > 50 && stored_stats(t->stored).bytes <= 20000);
    close_both(t);
}

static void what_is_used_stays(void *arg)
{
    struct test *t = arg;
    char id[32];
    open_both(t, 0, 20000);
    learn(t, "resp_first", "shop", "openai");
    for (int i = 0; i < 3000; i++) {
        snprintf(id, sizeof(id), "resp_%d", i);
        learn(t, id, "other", "openai");
        assert_true(is_known(t, "resp_first"));
    }
    close_both(t);
}

static void what_is_old_is_nobodys(void *arg)
{
    struct test *t = arg;
    open_both(t, 30 * DAY_MS, STORED_BYTES_MAX);
    learn(t, "resp_1", "shop", "openai");
    assert_int_equal(ledger_sync(t->ledger), 0);
    clock_fake(2, NOON_US + 29 * DAY_MS * 1000);
    is_of(t, "resp_1", "shop", "openai");
    learn(t, "resp_2", "shop", "openai");
    clock_fake(3, NOON_US + 31 * DAY_MS * 1000);
    is_nobodys(t, "resp_1");
    is_of(t, "resp_2", "shop", "openai");
    close_both(t);
    open_both(t, 30 * DAY_MS, STORED_BYTES_MAX);
    assert_int_equal(stored_stats(t->stored).known, 1);
    close_both(t);
}

static void odd_ids_are_nobodys(void *arg)
{
    struct test *t = arg;
    char longest[STORED_ID_BYTES_MAX + 2];
    static const char *const odd[] = {"", "a b", "a'b", "a/b", "a%b", "\xc3\xa9"};
    open_both(t, 0, STORED_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        learn(t, odd[i], "shop", "openai");
        is_nobodys(t, odd[i]);
    }
    memset(longest, 'x', sizeof(longest));
    longest[STORED_ID_BYTES_MAX + 1] = '\0';
    learn(t, longest, "shop", "openai");
    is_nobodys(t, longest);
    assert_int_equal(stored_stats(t->stored).look_ups, 0);
    longest[STORED_ID_BYTES_MAX] = '\0';
    learn(t, longest, "shop", "openai");
    is_of(t, longest, "shop", "openai");
    close_both(t);
    struct stored_owner owner;
    assert_int_equal(stored_find(NULL, STR("resp_1"), &t->arena, &owner), E_NOT_FOUND);
    stored_learn(NULL, STR("resp_1"), &owner);
    stored_forget(NULL, STR("resp_1"));
}

static void without_a_ledger(void *arg)
{
    struct test *t = arg;
    const struct stored_settings settings = {.bytes_max = STORED_BYTES_MAX};
    assert_int_equal(stored_open(&settings, &t->stored, NULL), 0);
    learn(t, "resp_1", "shop", "openai");
    is_of(t, "resp_1", "shop", "openai");
    is_nobodys(t, "resp_2");
    stored_free(t->stored);
}

static void run(void (*fn)(void *arg))
{
    struct test t = {0};
    world_fresh();
    clock_fake(1, NOON_US);
    arena_init_private(&t.arena, 64 * 1024 * 1024);
    assert_int_equal(loop_init(), 0);
    assert_int_equal(task_spawn("test", fn, &t, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_fini();
    arena_fini(&t.arena);
    clock_real();
}

/* ---- retention, on the ledger's side ---- */

static void old_rows_go(void **state UNUSED)
{
    world_fresh();
    clock_fake(1, NOON_US);
    struct ledger_tables *tables = NULL;
    uint64_t lost = 0;
    bool more = true;
    assert_int_equal(ledger_tables_open(str_from(world_url), rows_open, &tables, &lost, NULL), 0);
    assert_int_equal(
        rows_exec(tables->store,
                  "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999)"
                  " INSERT INTO stored SELECT 'resp_' || i, 'shop', 'openai', i * 1000000 FROM n",
                  NULL),
        0);
    clock_fake(1, INT64_C(3000000000));
    assert_int_equal(ledger_tables_trim_stored(tables, 0, &more, NULL), 0);
    assert_false(more);
    unsigned steps = 0;
    do {
        assert_int_equal(ledger_tables_trim_stored(tables, 1000000, &more, NULL), 0);
        steps++;
    } while (more);
    assert_int_equal(steps, 2); /* of 2000 that are older than 1000 s */
    ledger_tables_close(tables);
    assert_int_equal(world_ask("SELECT count(*) FROM stored"), 1000);
    assert_int_equal(world_ask("SELECT min(made_us) FROM stored"), 2000000000);
    clock_real();
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state UNUSED)                                                   \
    {                                                                                              \
        run(name);                                                                                 \
    }
TEST(first_told_has_it)
TEST(a_restart_keeps_it)
TEST(what_was_deleted_is_gone_at_once)
TEST(memory_has_a_ceiling)
TEST(what_is_used_stays)
TEST(what_is_old_is_nobodys)
TEST(odd_ids_are_nobodys)
TEST(without_a_ledger)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_told_has_it),
        cmocka_unit_test(test_a_restart_keeps_it),
        cmocka_unit_test(test_what_was_deleted_is_gone_at_once),
        cmocka_unit_test(test_memory_has_a_ceiling),
        cmocka_unit_test(test_what_is_used_stays),
        cmocka_unit_test(test_what_is_old_is_nobodys),
        cmocka_unit_test(test_odd_ids_are_nobodys),
        cmocka_unit_test(test_without_a_ledger),
        cmocka_unit_test(old_rows_go),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
