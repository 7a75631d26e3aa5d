/* ledger_world.h: what the tests of the ledger share: a database of their own, and rows to write.
 */
#ifndef LEDGER_WORLD_H
#define LEDGER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "turn/ledger/tables.h"

#define NOON_US INT64_C(1795521600000000) /* 2026-11-24 12:00 UTC */

static char world_folder[64];
static char world_url[128];

/* The next database: its URL stands in world_url. */
static inline struct str world_fresh(void)
{
    static unsigned n;
    snprintf(world_url, sizeof(world_url), "sqlite:%s/%u.db", world_folder, n++);
    return str_from(world_url);
}

static inline int world_begin(void **state UNUSED)
{
    snprintf(world_folder, sizeof(world_folder), "/tmp/test_ledger.XXXXXX");
    return mkdtemp(world_folder) && log_open("/dev/null", LOG_TEXT, LOG_ERROR) == 0 ? 0 : 1;
}

static inline int world_end(void **state UNUSED)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", world_folder, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

/* ---- rows ---- */

static inline struct ledger_call world_call(void)
{
    return (struct ledger_call){.purpose = STR("answer"),
                                .provider = STR("openai"),
                                .model = STR("gpt-5-mini"),
                                .endpoint = STR("api.openai.com"),
                                .attempt = 1,
                                .status = 200,
                                .tokens = {.input = 100,
                                           .cached = 20,
                                           .cache_write = 3,
                                           .cache_write_1h = 2,
                                           .output = 40,
                                           .reasoning = 5,
                                           .source = TOKENS_PROVIDER},
                                .cost_usd_nanos = 1234567,
                                .began_wall_us = NOON_US + 50,
                                .connect_us = 900,
                                .first_us = 120000,
                                .total_us = 800000,
                                .reused = true};
}

/* A turn of one call, which must outlive it. */
static inline struct ledger_turn world_turn(const struct ledger_call *call)
{
    struct ledger_turn t = {.began_wall_us = NOON_US,
                            .state = TURN_DONE,
                            .tenant = STR("shop"),
                            .key = STR("app"),
                            .api = STR("openai.chat"),
                            .asked = STR("fast"),
                            .provider = call->provider,
                            .model = call->model,
                            .status = 200,
                            .tokens = call->tokens,
                            .cost_usd_nanos = call->cost_usd_nanos,
                            .queue_us = 0,
                            .first_us = 120300,
                            .total_us = 800500,
                            .overhead_us = 500,
                            .bytes_in = 2048,
                            .bytes_out = 999,
                            .calls_n = 1,
                            .calls = call};
    id_new(&t.id);
    return t;
}

static inline struct ledger_turn world_running(const struct ledger_call *call)
{
    struct ledger_turn t = world_turn(call);
    t.state = TURN_RUNNING;
    t.status = 0;
    t.total_us = t.overhead_us = t.first_us = -1;
    t.calls_n = 0;
    t.calls = NULL;
    return t;
}

/* ---- looking into the database ---- */

static inline int world_number_take(void *arg, struct rows_query *row)
{
    *(int64_t *)arg = rows_column(row, 0).i;
    return 0;
}

/* The number that a query over world_url gives. */
static inline int64_t world_ask(const char *sql)
{
    struct rows_store *s = NULL;
    struct rows_query *q = NULL;
    struct fault f = {0};
    int64_t n = INT64_MIN;
    int err = rows_open(str_from(world_url), true, &s, &f);
    if (!err)
        err = rows_prepare(s, sql, &q, &f);
    if (!err)
        err = rows_each(q, NULL, 0, world_number_take, &n, &f);
    if (err)
        print_error("%s: %s\n", sql, fault_text(&f));
    assert_int_equal(err, 0);
    rows_free(q);
    rows_close(s);
    return n;
}

static inline int world_text_take(void *arg, struct rows_query *row)
{
    struct rows_value v = rows_column(row, 0);
    snprintf(arg, 1024, "%.*s", v.type == ROWS_NULL ? 4 : (int)v.s.n,
             v.type == ROWS_NULL ? "NULL" : v.s.p);
    return 0;
}

/* The text that a query gives; "NULL" for that. */
static inline const char *world_ask_text(const char *sql)
{
    static char text[1024];
    struct rows_store *s = NULL;
    struct rows_query *q = NULL;
    text[0] = '\0';
    assert_int_equal(rows_open(str_from(world_url), true, &s, NULL), 0);
    assert_int_equal(rows_prepare(s, sql, &q, NULL), 0);
    assert_int_equal(rows_each(q, NULL, 0, world_text_take, text, NULL), 0);
    rows_free(q);
    rows_close(s);
    return text;
}

/* A fresh database as version 1 of the ledger left one. */
static inline struct rows_store *world_version_1(void)
{
    static const char path[] = "test/fixture/ledger/version1.sql";
    static char sql[65536];
    struct rows_store *s = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("%s cannot be read", path);
    size_t n = fread(sql, 1, sizeof(sql) - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(n < sizeof(sql) - 1);
    sql[n] = '\0';
    world_fresh();
    assert_int_equal(rows_open(str_from(world_url), false, &s, NULL), 0);
    assert_int_equal(rows_exec(s, sql, NULL), 0);
    return s;
}

/* ---- the tables without a thread ---- */

static inline struct ledger_tables *world_tables(ledger_opener *opener, uint64_t *ret_lost)
{
    struct ledger_tables *t = NULL;
    struct fault f = {0};
    uint64_t lost = 0;
    int err = ledger_tables_open(str_from(world_url), opener, &t, ret_lost ? ret_lost : &lost, &f);
    if (err)
        print_error("%s\n", fault_text(&f));
    assert_int_equal(err, 0);
    return t;
}

/* Writes turns in one batch. */
static inline int world_write(struct ledger_tables *t, const struct ledger_turn *turns, unsigned n)
{
    struct ledger_slab *first = NULL, **last = &first, *open = NULL;
    for (unsigned i = 0; i < n; i++) {
        size_t bytes = ledger_record_bytes(&turns[i]);
        if (!open || ledger_slab_room(open) < bytes) {
            open = *last = ledger_slab_new(bytes);
            assert_non_null(open);
            last = &open->next;
        }
        ledger_slab_put(open, &turns[i]);
    }
    int err = ledger_tables_write(t, first, NULL);
    while (first) {
        struct ledger_slab *next = first->next;
        ledger_slab_free(first);
        first = next;
    }
    return err;
}

#endif
