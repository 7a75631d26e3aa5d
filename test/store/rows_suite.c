#include "test/store/rows_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    const struct rows_subject *subject;
    struct str where;
    struct rows_store *store;
};

static const struct rows_subject *subject; /* cmocka's group setup has no argument for it */

static struct rows_store *store_open(struct world *w, bool read_only)
{
    struct rows_store *s = NULL;
    struct fault f = {0};
    int err = w->subject->open(w->where, read_only, &s, &f);
    if (err)
        print_error("%s\n", fault_text(&f));
    assert_int_equal(err, 0);
    return s;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->subject = subject;
    w->where = subject->fresh();
    w->store = store_open(w, false);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    rows_close(w->store);
    free(w);
    return 0;
}

static void do_exec(struct rows_store *s, const char *sql)
{
    struct fault f = {0};
    int err = rows_exec(s, sql, &f);
    if (err)
        print_error("%s: %s\n", sql, fault_text(&f));
    assert_int_equal(err, 0);
}

static struct rows_query *do_prepare(struct rows_store *s, const char *sql)
{
    struct rows_query *q = NULL;
    struct fault f = {0};
    int err = rows_prepare(s, sql, &q, &f);
    if (err)
        print_error("%s: %s\n", sql, fault_text(&f));
    assert_int_equal(err, 0);
    return q;
}

static int number_take(void *arg, struct rows_query *row)
{
    *(int64_t *)arg = rows_column(row, 0).i;
    return 0;
}

static int64_t ask(struct rows_store *s, const char *sql)
{
    int64_t n = INT64_MIN;
    struct rows_query *q = do_prepare(s, sql);
    assert_int_equal(rows_each(q, NULL, 0, number_take, &n, NULL), 0);
    rows_free(q);
    return n;
}

static void table_make(struct rows_store *s)
{
    do_exec(s, "CREATE TABLE t (a BIGINT NOT NULL PRIMARY KEY, b TEXT, c BIGINT)");
}

/* ---- values ---- */

struct seen {
    unsigned rows;
    struct rows_value v[3];
    char text[64];
};

static int row_see(void *arg, struct rows_query *row)
{
    struct seen *s = arg;
    s->rows++;
    for (unsigned i = 0; i < 3; i++)
        s->v[i] = rows_column(row, i);
    if (s->v[1].type == ROWS_TEXT) {
        assert_true(s->v[1].s.n < sizeof(s->text));
        memcpy(s->text, s->v[1].s.p, s->v[1].s.n);
        s->text[s->v[1].s.n] = '\0';
    }
    return 0;
}

static struct seen row_read(struct rows_store *s, int64_t a)
{
    struct seen seen = {0};
    struct rows_query *q = do_prepare(s, "SELECT a, b, c FROM t WHERE a = $1");
    assert_int_equal(
        rows_each(q, &(struct rows_value){.type = ROWS_INT, .i = a}, 1, row_see, &seen, NULL), 0);
    rows_free(q);
    return seen;
}

static void values_come_back(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *q = do_prepare(w->store, "INSERT INTO t (a, b, c) VALUES ($1, $2, $3)");
    static const char *const texts[] = {"", "plain", "it's \"quoted\" $1 ~ %",
                                        "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d"};
    static const int64_t numbers[] = {0, -1, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        const struct rows_value v[] = {rows_int(i), rows_text(str_from(texts[i])),
                                       rows_int(numbers[i])};
        assert_int_equal(rows_run(q, v, 3, NULL), 0);
    }
    const struct rows_value none[] = {rows_int(4), rows_text(STR_NONE), rows_null()};
    assert_int_equal(rows_run(q, none, 3, NULL), 0);
    rows_free(q);
    for (int i = 0; i < 4; i++) {
        struct seen seen = row_read(w->store, i);
        assert_int_equal(seen.rows, 1);
        assert_int_equal(seen.v[1].type, ROWS_TEXT);
        assert_string_equal(seen.text, texts[i]);
        assert_int_equal(seen.v[2].type, ROWS_INT);
        assert_true(seen.v[2].i == numbers[i]);
    }
    struct seen seen = row_read(w->store, 4);
    assert_int_equal(seen.v[1].type, ROWS_NULL);
    assert_int_equal(seen.v[2].type, ROWS_NULL);
}

/* A store may skip binding what it has already: never by the address alone of something moved. */
static void each_run_has_its_own_values(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *q = do_prepare(w->store, "INSERT INTO t (a, b, c) VALUES ($1, $2, $3)");
    char text[8] = "first";
    struct rows_value v[] = {rows_int(1), rows_text(str_of(text, 5)), rows_int(7)};
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    memcpy(text, "other", 5); /* the same address and length */
    v[0] = rows_int(2);
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    v[0] = rows_int(3);
    v[1] = rows_text(str_of(text, 2)); /* a shorter one there */
    v[2] = rows_null();
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    v[0] = rows_int(4);
    v[1] = rows_null();
    v[2] = rows_int(0);
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    v[0] = rows_int(5);
    v[2] = rows_int(7);
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    rows_free(q);
    assert_string_equal(row_read(w->store, 1).text, "first");
    assert_string_equal(row_read(w->store, 2).text, "other");
    assert_string_equal(row_read(w->store, 3).text, "ot");
    assert_int_equal(row_read(w->store, 3).v[2].type, ROWS_NULL);
    assert_int_equal(row_read(w->store, 4).v[1].type, ROWS_NULL);
    assert_int_equal(row_read(w->store, 4).v[2].type, ROWS_INT);
    assert_int_equal(row_read(w->store, 4).v[2].i, 0);
    assert_int_equal(row_read(w->store, 5).v[2].i, 7);
}

static void numbered_values_may_stand_in_any_order(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *q = do_prepare(w->store,
                                      "INSERT INTO t (b, a, c) VALUES ($2 || '$1', $1, $1 + $3)");
    const struct rows_value v[] = {rows_int(5), rows_text(STR("x")), rows_int(100)};
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    rows_free(q);
    struct seen seen = row_read(w->store, 5);
    assert_string_equal(seen.text, "x$1");
    assert_int_equal(seen.v[2].i, 105);
}

static void a_wrong_number_of_values_is_refused(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *q = do_prepare(w->store, "INSERT INTO t (a, b, c) VALUES ($1, $2, $3)");
    const struct rows_value v[] = {rows_int(1), rows_null(), rows_null(), rows_null()};
    assert_int_not_equal(rows_run(q, v, 2, NULL), 0);
    assert_int_not_equal(rows_run(q, v, 4, NULL), 0);
    assert_int_equal(rows_run(q, v, 3, NULL), 0);
    rows_free(q);
    assert_int_equal(ask(w->store, "SELECT count(*) FROM t"), 1);
}

/* ---- statements ---- */

static void a_failed_run_leaves_the_query_usable(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *q = do_prepare(w->store, "INSERT INTO t (a) VALUES ($1)");
    struct rows_value v[] = {rows_int(1)};
    assert_int_equal(rows_run(q, v, 1, NULL), 0);
    struct fault f = {0};
    assert_int_equal(rows_run(q, v, 1, &f), E_STORE);
    assert_true(fault_text(&f)[0] != '\0');
    v[0] = rows_int(2);
    assert_int_equal(rows_run(q, v, 1, NULL), 0);
    rows_free(q);
    assert_int_equal(ask(w->store, "SELECT count(*) FROM t"), 2);
}

static void nonsense_is_an_error_with_words(void **state)
{
    struct world *w = *state;
    struct rows_query *q = NULL;
    struct fault f = {0};
    assert_int_equal(rows_prepare(w->store, "SELEKT 1", &q, &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), "SELEKT"));
    assert_null(q);
    fault_clear(&f);
    assert_int_equal(rows_exec(w->store, "DROP TABLE nothing", &f), E_STORE);
    assert_non_null(strstr(fault_text(&f), "nothing"));
}

static int stop_at_third(void *arg, struct rows_query *row UNUSED)
{
    return ++*(int *)arg == 3 ? -77 : 0;
}

static void each_gives_rows_in_order_until_told_to_stop(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    for (int i = 0; i < 5; i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "INSERT INTO t (a, c) VALUES (%d, %d)", 10 - i, i);
        do_exec(w->store, sql);
    }
    struct rows_query *q = do_prepare(w->store, "SELECT a FROM t ORDER BY a DESC");
    int64_t last = 0;
    assert_int_equal(rows_each(q, NULL, 0, number_take, &last, NULL), 0);
    assert_int_equal(last, 6);
    int n = 0;
    assert_int_equal(rows_each(q, NULL, 0, stop_at_third, &n, NULL), -77);
    assert_int_equal(n, 3);
    n = -100;
    assert_int_equal(rows_each(q, NULL, 0, stop_at_third, &n, NULL), 0);
    assert_int_equal(n, -95);
    rows_free(q);
}

static void changed_tells_what_a_run_did(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *add =
        do_prepare(w->store, "INSERT INTO t (a, c) VALUES ($1, 0) ON CONFLICT (a) DO NOTHING");
    struct rows_query *set = do_prepare(w->store, "UPDATE t SET c = c + 1 WHERE a >= $1");
    struct rows_query *cut = do_prepare(w->store, "DELETE FROM t WHERE a >= $1");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rows_run(add, &(struct rows_value){.type = ROWS_INT, .i = i}, 1, NULL), 0);
        assert_int_equal(rows_changed(add), 1);
    }
    const struct rows_value two[] = {rows_int(2)}, nine[] = {rows_int(9)};
    assert_int_equal(rows_run(add, two, 1, NULL), 0);
    assert_int_equal(rows_changed(add), 0);
    assert_int_equal(rows_run(set, two, 1, NULL), 0);
    assert_int_equal(rows_changed(set), 2);
    assert_int_equal(rows_run(set, nine, 1, NULL), 0);
    assert_int_equal(rows_changed(set), 0);
    assert_int_equal(rows_run(cut, two, 1, NULL), 0);
    assert_int_equal(rows_changed(cut), 2);
    rows_free(add);
    rows_free(set);
    rows_free(cut);
}

static void conflicts_may_update(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    struct rows_query *q = do_prepare(w->store, "INSERT INTO t (a, c) VALUES ($1, $2) ON CONFLICT "
                                                "(a) DO UPDATE SET c = t.c + excluded.c");
    for (int i = 1; i <= 4; i++) {
        const struct rows_value v[] = {rows_int(1), rows_int(i)};
        assert_int_equal(rows_run(q, v, 2, NULL), 0);
    }
    rows_free(q);
    assert_int_equal(ask(w->store, "SELECT c FROM t"), 10);
}

/* ---- transactions ---- */

static void transactions_are_all_or_nothing(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    assert_int_equal(rows_begin(w->store, NULL), 0);
    do_exec(w->store, "INSERT INTO t (a) VALUES (1)");
    do_exec(w->store, "INSERT INTO t (a) VALUES (2)");
    assert_int_equal(rows_end(w->store, 0, NULL), 0);
    assert_int_equal(rows_begin(w->store, NULL), 0);
    do_exec(w->store, "INSERT INTO t (a) VALUES (3)");
    assert_int_equal(rows_end(w->store, E_INTERNAL, NULL), E_INTERNAL);
    assert_int_equal(ask(w->store, "SELECT count(*) FROM t"), 2);
    assert_int_equal(rows_begin(w->store, NULL), 0); /* nothing is left open */
    assert_int_equal(rows_end(w->store, 0, NULL), 0);
}

static void a_transaction_within_one_is_refused(void **state)
{
    struct world *w = *state;
    assert_int_equal(rows_begin(w->store, NULL), 0);
    assert_int_equal(rows_begin(w->store, NULL), E_STORE);
    assert_int_equal(rows_end(w->store, 0, NULL), 0);
}

/* ---- room ---- */

static void rows_fill(struct rows_store *s, int64_t from, int64_t count)
{
    static char text[1000];
    memset(text, 'x', sizeof(text));
    struct rows_query *q = do_prepare(s, "INSERT INTO t (a, b) VALUES ($1, $2)");
    assert_int_equal(rows_begin(s, NULL), 0);
    for (int64_t i = 0; i < count; i++) {
        const struct rows_value v[] = {rows_int(from + i), rows_text(str_of(text, sizeof(text)))};
        assert_int_equal(rows_run(q, v, 2, NULL), 0);
    }
    assert_int_equal(rows_end(s, 0, NULL), 0);
    rows_free(q);
}

static void room_is_told_and_given_back(void **state)
{
    struct world *w = *state;
    int64_t empty = 0, full = 0, after = 0;
    bool more = true;
    table_make(w->store);
    assert_int_equal(rows_bytes(w->store, &empty, NULL), 0);
    rows_fill(w->store, 0, 8000);
    assert_int_equal(rows_bytes(w->store, &full, NULL), 0);
    assert_true(full > empty + 8000 * 1000);
    assert_int_equal(rows_tidy(w->store, &more, NULL), 0);
    assert_false(more);
    do_exec(w->store, "DELETE FROM t WHERE a < 7000");
    assert_int_equal(rows_bytes(w->store, &after, NULL), 0);
    assert_true(after < full / 4);
    unsigned steps = 0;
    for (more = true; more; steps++) {
        assert_int_equal(rows_tidy(w->store, &more, NULL), 0);
        assert_true(steps < 1000);
    }
    assert_true(steps > 1); /* small ones */
    assert_int_equal(ask(w->store, "SELECT count(*) FROM t"), 1000);
}

/* ---- several handles ---- */

static void another_handle_sees_what_was_committed(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    do_exec(w->store, "INSERT INTO t (a) VALUES (1)");
    struct rows_store *other = store_open(w, false);
    assert_int_equal(rows_begin(w->store, NULL), 0);
    do_exec(w->store, "INSERT INTO t (a) VALUES (2)");
    assert_int_equal(ask(other, "SELECT count(*) FROM t"), 1); /* and does not wait */
    assert_int_equal(rows_end(w->store, 0, NULL), 0);
    assert_int_equal(ask(other, "SELECT count(*) FROM t"), 2);
    rows_close(other);
}

static void read_only_reads_only(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    do_exec(w->store, "INSERT INTO t (a) VALUES (1)");
    struct rows_store *reader = store_open(w, true);
    assert_int_equal(ask(reader, "SELECT count(*) FROM t"), 1);
    assert_int_equal(rows_exec(reader, "INSERT INTO t (a) VALUES (2)", NULL), E_STORE);
    rows_close(reader);
}

static void read_only_makes_nothing(void **state)
{
    struct world *w = *state;
    struct rows_store *s = NULL;
    struct str nowhere = w->subject->fresh();
    for (int i = 0; i < 2; i++) { /* the first must not have made it */
        struct fault f = {0};
        assert_int_equal(w->subject->open(nowhere, true, &s, &f), E_NOT_FOUND);
        assert_true(fault_text(&f)[0] != '\0');
        assert_null(s);
    }
}

static void it_outlives_its_handles(void **state)
{
    struct world *w = *state;
    table_make(w->store);
    rows_fill(w->store, 0, 100);
    rows_close(w->store);
    w->store = store_open(w, false);
    assert_int_equal(ask(w->store, "SELECT count(*) FROM t"), 100);
}

static void a_number_that_one_holds_is_held_by_no_other(void **state)
{
    struct world *w = *state;
    bool held = true;
    assert_int_equal(rows_hold(w->store, 7, NULL), 0);
    assert_int_equal(rows_held(w->store, 7, &held, NULL), 0);
    assert_false(held);
}

static void a_number_is_held_by_one_handle(void **state)
{
    struct world *w = *state;
    bool held = true;
    assert_int_equal(rows_held(w->store, 7, &held, NULL), 0);
    assert_false(held);
    assert_int_equal(rows_hold(w->store, 7, NULL), 0);
    assert_int_equal(rows_held(w->store, 7, &held, NULL), 0);
    assert_false(held); /* by no other */
    struct rows_store *other = store_open(w, false);
    assert_int_equal(rows_held(other, 7, &held, NULL), 0);
    assert_true(held);
    assert_int_equal(rows_held(other, 8, &held, NULL), 0);
    assert_false(held);
    assert_int_equal(rows_hold(other, 7, NULL), E_AGAIN);
    assert_int_equal(rows_hold(other, 8, NULL), 0);
    assert_int_equal(rows_held(w->store, 8, &held, NULL), 0);
    assert_true(held);
    rows_close(other);
    assert_int_equal(rows_held(w->store, 8, &held, NULL), 0);
    assert_false(held); /* went with its handle */
}

int rows_suite(const char *name, const struct rows_subject *of)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(values_come_back),
        CASE(each_run_has_its_own_values),
        CASE(numbered_values_may_stand_in_any_order),
        CASE(a_wrong_number_of_values_is_refused),
        CASE(a_failed_run_leaves_the_query_usable),
        CASE(nonsense_is_an_error_with_words),
        CASE(each_gives_rows_in_order_until_told_to_stop),
        CASE(changed_tells_what_a_run_did),
        CASE(conflicts_may_update),
        CASE(transactions_are_all_or_nothing),
        CASE(a_transaction_within_one_is_refused),
        CASE(room_is_told_and_given_back),
        CASE(a_number_that_one_holds_is_held_by_no_other),
    };
    const struct CMUnitTest shared[] = {
        CASE(another_handle_sees_what_was_committed),
        CASE(read_only_reads_only),
        CASE(read_only_makes_nothing),
        CASE(it_outlives_its_handles),
        CASE(a_number_is_held_by_one_handle),
    };
    subject = of;
    int failures = cmocka_run_group_tests_name(name, tests, NULL, NULL);
    if (of->shared)
        failures += cmocka_run_group_tests_name(name, shared, NULL, NULL);
    return failures;
}
