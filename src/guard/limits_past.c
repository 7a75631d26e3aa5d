/*
 * limits_past.c: what was used before this process counted, from the ledger.
 *
 * Money comes from the sums by day, which are exact. The last minute comes from single turns, by
 * the time at which they began. Turns that were under way when a process died are lost: nobody
 * knows what they took, so they count as requests only.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "guard/limits.h"
#include "turn/ledger/read.h"

#define PAST_BYTES_MAX (256u * 1024 * 1024)
#define WINDOW_US      INT64_C(61000000)
#define HALF_DAY_US    INT64_C(43200000000)

struct past_row {
    struct past_row *next;
    bool is_money;
    struct past_money money;
    struct past_second second; /* began_us: on the wall's clock */
};

struct limits_past {
    struct arena arena;
    struct past_row *first, **last;
    int64_t day, month;
};

static int row_add(struct limits_past *p, struct str tenant, struct str key,
                   struct past_row **ret_row)
{
    struct past_row *row = ARENA_NEW(&p->arena, struct past_row);
    struct str texts[ACCOUNTS] = {arena_str(&p->arena, key), arena_str(&p->arena, tenant)};
    if (!row || !texts[OF_KEY].p || !texts[OF_TENANT].p)
        return E_MEMORY;
    memcpy(row->money.name, texts, sizeof(texts));
    memcpy(row->second.name, texts, sizeof(texts));
    *p->last = *ret_row = row;
    p->last = &row->next;
    return 0;
}

static int spend_take(void *arg, struct str tenant, struct str key, const int64_t usd[4])
{
    struct limits_past *p = arg;
    struct past_row *row = NULL;
    int err = row_add(p, tenant, key, &row);
    if (err)
        return err;
    row->is_money = true;
    row->money.day = p->day;
    row->money.month = p->month;
    memcpy(row->money.day_usd, usd, sizeof(row->money.day_usd));
    memcpy(row->money.month_usd, usd + 2, sizeof(row->money.month_usd));
    return 0;
}

static int second_take(void *arg, struct str tenant, struct str key, int64_t began_us,
                       int64_t turns, int64_t tokens)
{
    struct past_row *row = NULL;
    int err = row_add(arg, tenant, key, &row);
    if (err)
        return err;
    row->second.began_us = began_us;
    row->second.requests = turns;
    row->second.tokens = tokens;
    return 0;
}

/* "2026-11-24": the day that ends with this moment. */
static struct str day_before(int64_t end_us, char out[25])
{
    return str_of(clock_iso(end_us - HALF_DAY_US, out), 10);
}

static int all_read(struct limits_past *p, struct ledger_reader *r, struct fault *f)
{
    int64_t now_us = clock_wall_us();
    char text[4][25];
    p->day = period_day(now_us);
    p->month = period_month(now_us);
    /* The first day of a month is the one after that which ends the month before. */
    int64_t month_us = period_month_end_us(p->month - 1);
    int64_t last_month_us = period_month_end_us(p->month - 2);
    const struct ledger_periods periods = {
        .day = {day_before(period_day_end_us(p->day), text[0]),
                day_before(period_day_end_us(p->day - 1), text[1])},
        .month = {day_before(month_us + 2 * HALF_DAY_US, text[2]),
                  day_before(last_month_us + 2 * HALF_DAY_US, text[3])}};
    int err = ledger_read_spend(r, &periods, spend_take, p, f);
    return err ? err : ledger_read_seconds(r, now_us - WINDOW_US, second_take, p, f);
}

int limits_past_read(struct str where, struct limits_past **ret_past, struct fault *f)
{
    struct ledger_reader *r = NULL;
    struct limits_past *p = calloc(1, sizeof(*p));
    if (!p)
        return E_MEMORY;
    arena_init_private(&p->arena, PAST_BYTES_MAX);
    p->last = &p->first;
    int err = ledger_reader_open(where, &r, f);
    if (!err)
        err = all_read(p, r, f);
    ledger_reader_close(r);
    if (err)
        limits_past_free(p);
    else
        *ret_past = p;
    return err;
}

void limits_past_free(struct limits_past *p)
{
    if (p)
        arena_fini(&p->arena);
    free(p);
}

int limits_past_take(struct limits *l, const struct limits_past *p)
{
    struct counters *c = limits_counters(l);
    int64_t now_us = clock_mono_us(), mono_less_wall_us = now_us - clock_wall_us();
    int err = 0;
    c->ops->clear(c);
    for (const struct past_row *row = p->first; row && !err; row = row->next) {
        struct past_second second = row->second;
        second.began_us += mono_less_wall_us;
        if (second.began_us > now_us) /* the clock was set back: the minute's end is not later */
            second.began_us = now_us;
        err = row->is_money ? c->ops->add_money(c, &row->money) : c->ops->add_second(c, &second);
    }
    return err;
}
