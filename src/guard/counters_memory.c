/*
 * counters_memory.c: the counters in this process' memory. Loop thread only; nothing yields.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "guard/counters.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    INT64_C(86400000000)

/* A second is over a minute later; until then the one that runs and 60 before it count. */
#define WINDOW_SECONDS 61
#define NO_SECOND      (INT64_MIN / 2)

struct window {
    int64_t newest; /* second; NO_SECOND: never used */
    int64_t sum[METER_MINUTES];
    int64_t at[WINDOW_SECONDS][METER_MINUTES]; /* by second modulo WINDOW_SECONDS */
};

/* A day's or month's money. */
struct purse {
    int64_t period;
    int64_t used, reserved;
};

struct account {
    uint64_t hash;
    struct window window;
    struct purse purse[2][2]; /* [day, month][period & 1]: the present one and that before */
    int64_t reserved_tokens;
    int64_t running;
    enum account_of of;
    size_t name_n;
    char name[];
};

struct memory {
    struct counters counters;
    uint64_t generation;
    unsigned n, slots_n; /* a power of two, more than twice n */
    struct account **slots;
    struct counters_totals totals;
};

/* ---- periods ---- */

int64_t period_day(int64_t wall_us)
{
    int64_t day = wall_us / DAY_US;
    return wall_us % DAY_US < 0 ? day - 1 : day;
}

int64_t period_day_end_us(int64_t day)
{
    return (day + 1) * DAY_US;
}

/* Days from 1970-01-01 to the first of a month: years begin in March, so that leap days are last
 * (Howard Hinnant's days_from_civil). */
static int64_t month_begin_day(int64_t month)
{
    int64_t year = 1970 + (month >= 0 ? month / 12 : (month - 11) / 12);
    int64_t of_year = month - (year - 1970) * 12; /* 0: January */
    year -= of_year < 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t day = (153 * (of_year + (of_year < 2 ? 10 : -2)) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
}

int64_t period_month(int64_t wall_us)
{
    int64_t day = period_day(wall_us);
    int64_t month = day * 400 * 12 / 146097; /* right, or one too few or too many */
    while (month_begin_day(month) > day)
        month--;
    while (month_begin_day(month + 1) <= day)
        month++;
    return month;
}

int64_t period_month_end_us(int64_t month)
{
    return month_begin_day(month + 1) * DAY_US;
}

/* ---- accounts ---- */

static uint64_t name_hash(enum account_of of, struct str name)
{
    return XXH3_64bits_withSeed(name.p ? name.p : "", name.n, of);
}

static struct account **slot_of(struct memory *m, enum account_of of, struct str name,
                                uint64_t hash)
{
    unsigned at = (unsigned)hash & (m->slots_n - 1);
    for (; m->slots[at]; at = (at + 1) & (m->slots_n - 1)) {
        const struct account *a = m->slots[at];
        if (a->hash == hash && a->of == of && str_eq(str_of(a->name, a->name_n), name))
            break;
    }
    return &m->slots[at];
}

static int slots_grow(struct memory *m)
{
    unsigned n = m->slots_n * 2;
    struct account **old = m->slots, **more = calloc(n, sizeof(struct account *));
    if (!more)
        return E_MEMORY;
    for (unsigned i = 0; i < m->slots_n; i++) {
        if (!old[i])
            continue;
        unsigned at = (unsigned)old[i]->hash & (n - 1);
        while (more[at])
            at = (at + 1) & (n - 1);
        more[at] = old[i];
    }
    m->slots = more;
    m->slots_n = n;
    free(old);
    return 0;
}

static int account_get(struct memory *m, enum account_of of, struct str name,
                       struct account **ret_account)
{
    uint64_t hash = name_hash(of, name);
    struct account **slot = slot_of(m, of, name, hash);
    *ret_account = *slot;
    if (*slot)
        return 0;
    if (m->n == ACCOUNTS_MAX)
        return E_OVERLOADED;
    if (2 * (m->n + 1) >= m->slots_n) {
        int err = slots_grow(m);
        if (err)
            return err;
        slot = slot_of(m, of, name, hash);
    }
    struct account *a = calloc(1, sizeof(*a) + name.n);
    if (!a)
        return E_MEMORY;
    a->hash = hash;
    a->of = of;
    a->window.newest = NO_SECOND;
    a->name_n = name.n;
    if (name.n)
        memcpy(a->name, name.p, name.n);
    m->n++;
    *slot = *ret_account = a;
    return 0;
}

/* ---- the last minute ---- */

static int64_t *bucket(struct window *w, int64_t second)
{
    int64_t at = second % WINDOW_SECONDS;
    return w->at[at < 0 ? at + WINDOW_SECONDS : at];
}

/* Lets go of what is over at `second`. */
static void window_move(struct window *w, int64_t second)
{
    if (second <= w->newest)
        return;
    int64_t from = w->newest == NO_SECOND || second - w->newest > WINDOW_SECONDS
                       ? second - WINDOW_SECONDS
                       : w->newest;
    for (int64_t s = from + 1; s <= second; s++) {
        int64_t *b = bucket(w, s);
        for (unsigned i = 0; i < METER_MINUTES; i++) {
            w->sum[i] -= b[i];
            b[i] = 0;
        }
    }
    w->newest = second;
}

/* Does it still count? */
static bool window_has(const struct window *w, int64_t second)
{
    return second <= w->newest && second > w->newest - WINDOW_SECONDS;
}

static void window_add(struct window *w, int64_t second, enum meter meter, int64_t n)
{
    if (!window_has(w, second))
        return;
    bucket(w, second)[meter] += n;
    w->sum[meter] += n;
}

/* When a second's entries are over. */
static int64_t over_us(int64_t second)
{
    return (second + WINDOW_SECONDS) * SECOND_US;
}

/* Until `n` of what is counted are over. */
static int64_t window_wait_us(struct window *w, enum meter meter, int64_t n, int64_t now_us)
{
    int64_t s = w->newest - WINDOW_SECONDS;
    while (n > 0 && s < w->newest)
        n -= bucket(w, ++s)[meter];
    return over_us(s) - now_us;
}

static int64_t window_empty_us(struct window *w, enum meter meter, int64_t now_us)
{
    for (int64_t s = w->newest; w->sum[meter] > 0 && s > w->newest - WINDOW_SECONDS; s--)
        if (bucket(w, s)[meter] > 0)
            return over_us(s) - now_us;
    return 0;
}

/* ---- money ---- */

/* A period's purse; NULL: nothing was spent in it yet, or it is long over. */
static struct purse *purse_find(struct purse two[2], int64_t period)
{
    struct purse *p = &two[period & 1];
    return p->period == period ? p : NULL;
}

/* That of the present period or the one before, for a turn that is let in. It takes the place even
 * of a later one: then somebody has set the clock back. */
static struct purse *purse_get(struct purse two[2], int64_t period)
{
    struct purse *p = &two[period & 1];
    if (p->period != period)
        *p = (struct purse){.period = period};
    return p;
}

static int64_t spent(const struct purse *p)
{
    return p ? p->used + p->reserved : 0;
}

/* ---- how things stand ---- */

static void standing_of(struct account *a, int64_t now_us, int64_t day, int64_t month,
                        struct standing *ret_now)
{
    const struct purse *d = purse_find(a->purse[0], day), *m = purse_find(a->purse[1], month);
    window_move(&a->window, now_us / SECOND_US);
    *ret_now = (struct standing){
        .used = {[METER_REQUESTS] = a->window.sum[METER_REQUESTS],
                 [METER_TOKENS] = a->window.sum[METER_TOKENS],
                 [METER_RUNNING] = a->running,
                 [METER_DAY] = spent(d),
                 [METER_MONTH] = spent(m)},
        .reserved = {[METER_TOKENS] = a->reserved_tokens,
                     [METER_RUNNING] = a->running,
                     [METER_DAY] = d ? d->reserved : 0,
                     [METER_MONTH] = m ? m->reserved : 0},
    };
    for (unsigned i = 0; i < METER_MINUTES; i++)
        ret_now->empty_us[i] = window_empty_us(&a->window, i, now_us);
}

/* ---- taking ---- */

static int64_t wait_of(struct account *a, const struct no_room *why, const struct claim *claim,
                       const struct hold *h)
{
    int64_t until = claim->now_wall_us;
    if (why->asked > why->limit)
        return COUNTERS_WAIT_NO;
    switch (why->meter) {
    case METER_REQUESTS:
    case METER_TOKENS:
        return window_wait_us(&a->window, why->meter, why->used + why->asked - why->limit,
                              claim->now_us);
    case METER_DAY:
        until = period_day_end_us(h->day);
        break;
    case METER_MONTH:
        until = period_month_end_us(h->month);
        break;
    case METER_RUNNING:
    case METERS:
        return -1;
    }
    return until > claim->now_wall_us ? until - claim->now_wall_us : 0;
}

/* Looks whether the account has room; where it has not, *why is kept if its wait is longer. */
static bool room_in(enum account_of of, const struct claim *claim, const struct hold *h,
                    bool had_room, struct no_room *why)
{
    const struct standing *now = &h->now[of];
    const int64_t asked[METERS] = {1, claim->tokens, 1, claim->usd_nanos, claim->usd_nanos};
    for (unsigned i = 0; i < METERS; i++) {
        int64_t limit = claim->limit[of][i];
        if (limit == METER_NO_LIMIT || asked[i] == 0 || now->used[i] + asked[i] <= limit)
            continue;
        struct no_room found = {
            .of = of, .meter = i, .limit = limit, .used = now->used[i], .asked = asked[i]};
        found.wait_us = wait_of(h->account[of], &found, claim, h);
        if (had_room || found.wait_us > why->wait_us)
            *why = found;
        had_room = false;
    }
    return had_room;
}

static void account_hold(struct account *a, const struct hold *h)
{
    window_add(&a->window, h->second, METER_REQUESTS, 1);
    window_add(&a->window, h->second, METER_TOKENS, h->tokens);
    purse_get(a->purse[0], h->day)->reserved += h->usd_nanos;
    purse_get(a->purse[1], h->month)->reserved += h->usd_nanos;
    a->reserved_tokens += h->tokens;
    a->running++;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int take(struct counters *c, const struct claim *claim, struct hold *ret_hold,
                struct no_room *ret_why)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    struct account *a[ACCOUNTS];
    struct hold h = {
        .generation = m->generation,
        .tokens = claim->tokens,
        .usd_nanos = claim->usd_nanos,
        .second = claim->now_us / SECOND_US,
        .day = later(period_day(claim->began_wall_us), period_day(claim->now_wall_us) - 1),
        .month = later(period_month(claim->began_wall_us), period_month(claim->now_wall_us) - 1)};
    bool room = true;
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        int err = account_get(m, of, claim->name[of], &a[of]);
        if (err)
            return err;
        h.account[of] = a[of];
        standing_of(a[of], claim->now_us, h.day, h.month, &h.now[of]);
        room = room_in(of, claim, &h, room, ret_why);
    }
    if (room) {
        h.held = true;
        m->totals.running++;
        m->totals.reserved_tokens += h.tokens;
        m->totals.reserved_usd_nanos += h.usd_nanos;
        for (unsigned of = 0; of < ACCOUNTS; of++) {
            account_hold(a[of], &h);
            standing_of(a[of], claim->now_us, h.day, h.month, &h.now[of]);
        }
    } else {
        m->totals.refused[ret_why->of][ret_why->meter]++;
    }
    *ret_hold = h;
    return room ? 0 : E_RATE_LIMITED;
}

/* ---- settling ---- */

static void account_settle(struct account *a, const struct hold *h, const struct took *took,
                           bool forgotten)
{
    /* What was forgotten is not there to be taken back. */
    int64_t requests = took->counts - !forgotten;
    int64_t tokens = took->tokens - (forgotten ? 0 : h->tokens);
    int64_t reserved = forgotten ? 0 : h->usd_nanos;
    window_add(&a->window, h->second, METER_REQUESTS, requests);
    window_add(&a->window, h->second, METER_TOKENS, tokens);
    struct purse *purses[2] = {purse_find(a->purse[0], h->day), purse_find(a->purse[1], h->month)};
    for (unsigned i = 0; i < 2; i++) {
        if (!purses[i])
            continue;
        purses[i]->reserved -= reserved;
        purses[i]->used += took->usd_nanos;
    }
    a->reserved_tokens -= h->tokens;
    a->running--;
}

static void settle(struct counters *c, struct hold *h, const struct took *took, int64_t now_us)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    if (!h->held)
        return;
    h->held = false;
    m->totals.running--;
    m->totals.reserved_tokens -= h->tokens;
    m->totals.reserved_usd_nanos -= h->usd_nanos;
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        struct account *a = h->account[of];
        window_move(&a->window, now_us / SECOND_US);
        account_settle(a, h, took, h->generation != m->generation);
        standing_of(a, now_us, h->day, h->month, &h->now[of]);
    }
}

/* ---- the past ---- */

static void clear(struct counters *c)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    m->generation++;
    for (unsigned i = 0; i < m->slots_n; i++) {
        struct account *a = m->slots[i];
        if (!a)
            continue;
        a->window = (struct window){.newest = NO_SECOND};
        for (unsigned k = 0; k < 4; k++) { /* the periods stay, for what is held in them */
            struct purse *p = &a->purse[k / 2][k % 2];
            p->used = p->reserved = 0;
        }
    }
}

static int add_second(struct counters *c, const struct past_second *past)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    int64_t second = past->began_us / SECOND_US - (past->began_us % SECOND_US < 0);
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        struct account *a = NULL;
        int err = account_get(m, of, past->name[of], &a);
        if (err)
            return err;
        window_move(&a->window, second);
        window_add(&a->window, second, METER_REQUESTS, past->requests);
        window_add(&a->window, second, METER_TOKENS, past->tokens);
    }
    return 0;
}

static int add_money(struct counters *c, const struct past_money *past)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        struct account *a = NULL;
        int err = account_get(m, of, past->name[of], &a);
        if (err)
            return err;
        for (int64_t back = 1; back >= 0; back--) { /* the older one first */
            purse_get(a->purse[0], past->day - back)->used += past->day_usd[back];
            purse_get(a->purse[1], past->month - back)->used += past->month_usd[back];
        }
    }
    return 0;
}

/* ---- looking ---- */

static void each(struct counters *c, int64_t now_us, int64_t wall_us, counters_each_fn *fn,
                 void *arg)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    int64_t day = period_day(wall_us), month = period_month(wall_us);
    for (unsigned i = 0; i < m->slots_n; i++) {
        struct account *a = m->slots[i];
        struct standing now;
        if (!a)
            continue;
        standing_of(a, now_us, day, month, &now);
        fn(arg, a->of, str_of(a->name, a->name_n), &now);
    }
}

static struct counters_totals totals(const struct counters *c)
{
    const struct memory *m = CONTAINER_OF(c, const struct memory, counters);
    struct counters_totals t = m->totals;
    t.accounts = m->n;
    return t;
}

static void memory_close(struct counters *c)
{
    struct memory *m = CONTAINER_OF(c, struct memory, counters);
    for (unsigned i = 0; i < m->slots_n; i++)
        free(m->slots[i]);
    free(m->slots);
    free(m);
}

static const struct counters_ops memory_ops = {
    .kind = "memory",
    .take = take,
    .settle = settle,
    .clear = clear,
    .add_second = add_second,
    .add_money = add_money,
    .each = each,
    .totals = totals,
    .close = memory_close,
};

int counters_memory_new(struct counters **ret_counters)
{
    struct memory *m = calloc(1, sizeof(*m));
    if (!m)
        return E_MEMORY;
    m->counters.ops = &memory_ops;
    m->slots_n = 64;
    m->slots = calloc(m->slots_n, sizeof(struct account *));
    if (!m->slots) {
        free(m);
        return E_MEMORY;
    }
    *ret_counters = &m->counters;
    return 0;
}
