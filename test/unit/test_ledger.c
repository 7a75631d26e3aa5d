/* test_ledger.c: the loop's side and the writer's thread: what was appended is written, once. */
#include "turn/ledger/ledger.h"

#include <sched.h>

#include "ledger_world.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "test/store/faulty.h"

static struct ledger *ledger;

/* A loop in real time: the writer's thread lives in it too. */
static int fresh(void **state UNUSED)
{
    world_fresh();
    faulty_reset();
    clock_real();
    ledger = NULL;
    return loop_init();
}

/* A loop whose time moves only where nothing else is left to do. */
static int fresh_virtual(void **state UNUSED)
{
    world_fresh();
    faulty_reset();
    clock_fake(INT64_C(1000000000), NOON_US);
    ledger = NULL;
    int err = loop_init();
    loop_jump_time(true);
    return err;
}

static int over(void **state UNUSED)
{
    loop_fini();
    clock_real();
    return 0;
}

static void ledger_make(void)
{
    struct fault f = {0};
    const struct ledger_settings settings = {.where = str_from(world_url)};
    int err = ledger_open_with(&settings, faulty_open, &ledger, &f);
    if (err)
        print_error("%s\n", fault_text(&f));
    assert_int_equal(err, 0);
}

static void run(void (*fn)(void *arg), void *arg)
{
    assert_int_equal(task_spawn("test", fn, arg, NULL), 0);
    assert_int_equal(loop_run(), 0);
}

static void turns_append(unsigned n)
{
    struct ledger_call c = world_call();
    for (unsigned i = 0; i < n; i++) {
        struct ledger_turn t = world_turn(&c);
        ledger_turn_ended(ledger, &t);
    }
}

/* The writer is another thread: what it does comes when it comes. Its rows are what it tells last
 * of a batch, so the rest stands when they do. */
static void rows_await(uint64_t n)
{
    for (unsigned turn = 0; ledger_stats(ledger).rows_written < n; turn++) {
        assert_true(turn < 100000000);
        sched_yield();
    }
}

static void counts_check(int64_t turns)
{
    assert_int_equal(world_ask("SELECT count(*) FROM turns"), turns);
    assert_int_equal(world_ask("SELECT count(*) FROM calls"), turns);
    assert_int_equal(world_ask("SELECT sum(turns) FROM rollups"), turns);
}

/* ---- writing ---- */

static void sync_many(void *arg UNUSED)
{
    turns_append(5000);
    assert_int_equal(ledger_sync(ledger), 0);
    struct ledger_stats s = ledger_stats(ledger);
    assert_int_equal(s.rows_written, 10000);
    assert_int_equal(s.waiting_rows, 0);
    assert_int_equal(s.waiting_bytes, 0);
    assert_int_equal(s.errors, 0);
    assert_true(s.batches > 0 && s.batches <= 20); /* not one for each row */
    counts_check(5000);
    assert_int_equal(ledger_sync(ledger), 0); /* with nothing to do */
}

static void synced_rows_are_on_the_disk(void **state UNUSED)
{
    ledger_make();
    run(sync_many, NULL);
    ledger_close(ledger);
}

static void append_some(void *arg)
{
    turns_append(*(unsigned *)arg);
}

static void closing_writes_what_waits(void **state UNUSED)
{
    unsigned n = 777;
    ledger_make();
    run(append_some, &n);
    ledger_close(ledger);
    counts_check(777);
}

static void long_and_short(void *arg UNUSED)
{
    struct ledger_call c = world_call();
    struct ledger_turn running = world_running(&c), ended = world_turn(&c);
    ended.id = running.id;
    ledger_turn_running(ledger, &running);
    assert_int_equal(ledger_sync(ledger), 0);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "running");
    ledger_turn_ended(ledger, &ended);
    assert_int_equal(ledger_sync(ledger), 0);
    assert_string_equal(world_ask_text("SELECT state FROM turns"), "done");
    running = world_running(&c);
    ledger_turn_running(ledger, &running); /* and this one is never heard of again */
}

static void a_turn_that_never_ended_is_found_at_the_next_start(void **state UNUSED)
{
    ledger_make();
    assert_int_equal(ledger_stats(ledger).lost_found, 0);
    run(long_and_short, NULL);
    ledger_close(ledger);
    ledger_make();
    assert_int_equal(ledger_stats(ledger).lost_found, 1);
    ledger_close(ledger);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE state = 'lost'"), 1);
    assert_int_equal(world_ask("SELECT count(*) FROM turns WHERE state = 'done'"), 1);
}

/* The caller's memory is its own again as soon as the call returns. */
static void append_and_scribble(void *arg UNUSED)
{
    char model[] = "gpt-5-mini", tag[] = "a,b";
    struct ledger_call c = world_call();
    c.model = str_from(model);
    struct ledger_turn t = world_turn(&c);
    t.tags = str_from(tag);
    ledger_turn_ended(ledger, &t);
    memset(model, 'x', strlen(model));
    memset(tag, 'y', strlen(tag));
    memset(&c, 0xa5, sizeof(c));
    assert_int_equal(ledger_sync(ledger), 0);
    assert_string_equal(world_ask_text("SELECT model FROM turns"), "gpt-5-mini");
    assert_string_equal(world_ask_text("SELECT tags FROM turns"), "a,b");
    assert_string_equal(world_ask_text("SELECT model FROM calls"), "gpt-5-mini");
    assert_int_equal(world_ask("SELECT total_us FROM calls"), 800000);
}

static void rows_are_copied(void **state UNUSED)
{
    ledger_make();
    run(append_and_scribble, NULL);
    ledger_close(ledger);
}

/* ---- when ---- */

static void wait_for_the_flush(void *arg UNUSED)
{
    turns_append(1);
    assert_int_equal(task_sleep(LEDGER_FLUSH_MS - 1), 0);
    turns_append(1); /* does not put the first one off */
    assert_int_equal(ledger_stats(ledger).batches, 0);
    assert_int_equal(task_sleep(2), 0);
    rows_await(4);
    assert_int_equal(ledger_stats(ledger).batches, 1);
    assert_int_equal(task_sleep(10 * LEDGER_FLUSH_MS), 0);
    turns_append(1); /* the timer had ended, and begins again */
    assert_int_equal(task_sleep(LEDGER_FLUSH_MS - 1), 0);
    assert_int_equal(ledger_stats(ledger).batches, 1);
    assert_int_equal(task_sleep(2), 0);
    rows_await(6);
}

static void a_row_is_written_after_the_flush_time(void **state UNUSED)
{
    ledger_make();
    run(wait_for_the_flush, NULL);
    ledger_close(ledger);
    counts_check(3);
}

static void fill_a_batch(void *arg UNUSED)
{
    turns_append(LEDGER_BATCH_ROWS / 2 - 1);
    assert_int_equal(ledger_stats(ledger).batches, 0);
    turns_append(1);
    rows_await(LEDGER_BATCH_ROWS); /* though no time went by */
}

static void a_full_batch_does_not_wait(void **state UNUSED)
{
    ledger_make();
    run(fill_a_batch, NULL);
    ledger_close(ledger);
}

/* ---- faults ---- */

static void append_until_synced(void *arg UNUSED)
{
    turns_append(3);
    int err = E_STORE;
    for (unsigned i = 0; err == E_STORE; i++) {
        assert_true(i < 100);
        err = ledger_sync(ledger);
    }
    assert_int_equal(err, 0);
}

static void any_call_may_fail(void **state UNUSED)
{
    unsigned k = 1;
    for (bool fired = true; fired; k++) {
        world_fresh();
        faulty_reset();
        ledger_make();
        faulty_fail(k, 1);
        run(append_until_synced, NULL);
        ledger_close(ledger);
        fired = faulty.failed > 0;
        faulty_reset();
        counts_check(3);
    }
    assert_true(k > 8); /* calls of a write: otherwise this showed nothing */
}

static void fail_and_recover(void *arg UNUSED)
{
    turns_append(10);
    assert_int_equal(ledger_sync(ledger), E_STORE);
    assert_true(ledger_stats(ledger).errors > 0);
    assert_int_equal(ledger_stats(ledger).waiting_rows, 20);
    turns_append(10); /* is taken all the same */
    assert_int_equal(ledger_stats(ledger).waiting_rows, 40);
    faulty_reset();
    append_until_synced(NULL);
    assert_int_equal(ledger_stats(ledger).waiting_rows, 0);
}

static void rows_wait_for_a_disk_that_refuses(void **state UNUSED)
{
    ledger_make();
    faulty_fail(1, UINT32_MAX);
    run(fail_and_recover, NULL);
    ledger_close(ledger);
    counts_check(23);
}

static void closing_tries_again(void **state UNUSED)
{
    unsigned n = 100;
    ledger_make();
    faulty_fail(1, 5);
    run(append_some, &n);
    ledger_close(ledger);
    assert_int_equal(faulty.failed, 5);
    counts_check(100);
}

static void a_database_that_cannot_be_opened_is_said(void **state UNUSED)
{
    struct fault f = {0};
    const struct ledger_settings settings = {.where = STR("sqlite:/nowhere/at/all.db")};
    assert_int_equal(ledger_open(&settings, &ledger, &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), "/nowhere/at/all.db"));
    assert_null(ledger);
}

/* ---- waiting ---- */

static void sync_in_vain(void *arg UNUSED)
{
    faulty_gate(true);
    turns_append(1);
    int64_t outer = task_deadline(clock_cached_ms() + 500);
    assert_int_equal(ledger_sync(ledger), E_TIMEOUT);
    task_deadline_restore(outer);
    faulty_gate(false);
    assert_int_equal(ledger_sync(ledger), 0);
}

static void a_sync_obeys_its_deadline(void **state UNUSED)
{
    ledger_make();
    run(sync_in_vain, NULL);
    ledger_close(ledger);
    counts_check(1);
}

static void sync_and_leave(void *arg UNUSED)
{
    faulty_gate(true);
    turns_append(1);
    int64_t outer = task_deadline(clock_cached_ms() + 500);
    assert_int_equal(ledger_sync(ledger), E_TIMEOUT);
    task_deadline_restore(outer);
    faulty_gate(false);
    rows_await(2); /* the news of it is on its way to the loop */
}

static void news_may_arrive_after_the_end(void **state UNUSED)
{
    ledger_make();
    run(sync_and_leave, NULL);
    ledger_close(ledger);
}

/* Rows as large as they get, until no more are to be let in. */
static void fill_up(void)
{
    static char levers[LEDGER_LEVERS_BYTES_MAX];
    memset(levers, '1', sizeof(levers));
    struct ledger_call c = world_call();
    while (ledger_stats(ledger).waiting_bytes < LEDGER_BYTES_MAX) {
        struct ledger_turn t = world_turn(&c);
        t.levers = str_of(levers, sizeof(levers));
        ledger_turn_ended(ledger, &t);
    }
}

static void admit_in_vain(void *arg UNUSED)
{
    assert_int_equal(ledger_admit(ledger), 0);
    faulty_gate(true);
    fill_up();
    int64_t began = clock_cached_ms();
    assert_int_equal(ledger_admit(ledger), E_LEDGER_FULL);
    assert_int_equal(clock_cached_ms() - began, LEDGER_ADMIT_WAIT_MS);
    int64_t outer = task_deadline(clock_cached_ms() + 50); /* a nearer one is the task's own */
    assert_int_equal(ledger_admit(ledger), E_TIMEOUT);
    task_deadline_restore(outer);
    faulty_gate(false);
    assert_int_equal(ledger_sync(ledger), 0);
    assert_int_equal(ledger_admit(ledger), 0);
}

static void a_full_ledger_refuses_after_a_while(void **state UNUSED)
{
    ledger_make();
    run(admit_in_vain, NULL);
    ledger_close(ledger);
}

static int admitted;

static void admit(void *arg UNUSED)
{
    admitted = ledger_admit(ledger);
}

static void admit_when_there_is_room(void *arg UNUSED)
{
    struct task *waits = NULL;
    faulty_gate(true);
    fill_up();
    assert_int_equal(task_sleep(0), 0); /* filling takes time: the waits count from now */
    admitted = 1;
    assert_int_equal(task_spawn("admit", admit, NULL, &waits), 0);
    assert_int_equal(task_sleep(0), 0);
    assert_int_equal(admitted, 1); /* not yet */
    task_cancel(waits, E_CLIENT_GONE);
    assert_int_equal(task_sleep(0), 0);
    assert_int_equal(admitted, E_CLIENT_GONE);
    admitted = 1;
    assert_int_equal(task_spawn("admit", admit, NULL, NULL), 0);
    assert_int_equal(task_sleep(0), 0);
    faulty_gate(false);
}

static void a_waiting_turn_goes_on_when_there_is_room(void **state UNUSED)
{
    ledger_make();
    run(admit_when_there_is_room, NULL);
    assert_int_equal(admitted, 0);
    ledger_close(ledger);
}

/* ---- without and with others ---- */

static void use_none(void *arg UNUSED)
{
    assert_int_equal(ledger_admit(ledger), 0);
    turns_append(1000);
    assert_int_equal(ledger_sync(ledger), 0);
    assert_int_equal(ledger_stats(ledger).waiting_rows, 0);
}

static void without_a_database_all_is_accepted(void **state UNUSED)
{
    const struct ledger_settings settings = {.where = STR_NONE};
    assert_int_equal(ledger_open(&settings, &ledger, NULL), 0);
    run(use_none, NULL);
    ledger_close(ledger);
}

static void write_through_both(void *arg)
{
    struct ledger *const *both = arg;
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned k = 0; k < 2; k++) {
            ledger = both[k];
            turns_append(100);
        }
        assert_int_equal(task_sleep(0), 0);
    }
    assert_int_equal(ledger_sync(both[0]), 0);
    assert_int_equal(ledger_sync(both[1]), 0);
}

static void two_may_write_to_one_database(void **state UNUSED)
{
    struct ledger *both[2];
    for (unsigned k = 0; k < 2; k++) {
        ledger_make();
        both[k] = ledger;
    }
    run(write_through_both, both);
    ledger_close(both[0]);
    ledger_close(both[1]);
    counts_check(4000);
    assert_int_equal(world_ask("SELECT count(DISTINCT process) FROM turns"), 2);
}

int main(void)
{
#define CASE(fn)    cmocka_unit_test_setup_teardown(fn, fresh, over)
#define VIRTUAL(fn) cmocka_unit_test_setup_teardown(fn, fresh_virtual, over)
    const struct CMUnitTest tests[] = {
        CASE(synced_rows_are_on_the_disk),
        CASE(closing_writes_what_waits),
        CASE(a_turn_that_never_ended_is_found_at_the_next_start),
        CASE(rows_are_copied),
        VIRTUAL(a_row_is_written_after_the_flush_time),
        VIRTUAL(a_full_batch_does_not_wait),
        CASE(any_call_may_fail),
        CASE(rows_wait_for_a_disk_that_refuses),
        CASE(closing_tries_again),
        CASE(a_database_that_cannot_be_opened_is_said),
        VIRTUAL(a_sync_obeys_its_deadline),
        VIRTUAL(news_may_arrive_after_the_end),
        VIRTUAL(a_full_ledger_refuses_after_a_while),
        CASE(a_waiting_turn_goes_on_when_there_is_room),
        CASE(without_a_database_all_is_accepted),
        CASE(two_may_write_to_one_database),
    };
    return cmocka_run_group_tests(tests, world_begin, world_end);
}
