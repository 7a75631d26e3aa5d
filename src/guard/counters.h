/*
 * counters.h: the port to who counts what keys and tenants use.
 *
 * An account is a key or a tenant. It has a meter for each thing that can be limited; a turn is
 * counted in two accounts, its key's and its tenant's, or in neither. `take` looks whether there is
 * room and reserves; `settle` puts what the turn really took in the reservation's place. What is
 * reserved counts as used, so room that was promised to one is never promised to another.
 *
 * Behind the port stands the process' own memory (counters_memory.c): exact, without a wait, on the
 * loop's thread. A store that several processes share may wait: all but `totals` may yield there.
 *
 * Requests and tokens are counted by the second in which they were taken, and for as long as this
 * second is less than a whole minute past: any 60 seconds are within the limit, and an entry stays
 * for up to one second longer than a minute. Money is counted in the day and month (UTC) in which
 * the turn began, as the ledger does: one that began before midnight is of that day. (One that took
 * more than a day to arrive is of yesterday.)
 */
#ifndef GUARD_COUNTERS_H
#define GUARD_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

enum meter {
    METER_REQUESTS, /* a minute */
    METER_TOKENS,   /* a minute */
    METER_RUNNING,  /* at once */
    METER_DAY,      /* nano-dollars */
    METER_MONTH,    /* nano-dollars */
    METERS
};

#define METER_MINUTES    METER_RUNNING /* meters before this one are of a minute */
#define METER_NO_LIMIT   (-1)
#define ACCOUNTS_MAX     200000
#define COUNTERS_WAIT_NO INT64_MAX /* waiting does not help */

/* The two accounts of a turn. */
enum account_of { OF_KEY, OF_TENANT, ACCOUNTS };

/* What a turn asks for. Texts are copied where an account is made. */
struct claim {
    struct str name[ACCOUNTS];
    const int64_t *limit[ACCOUNTS]; /* METERS each; METER_NO_LIMIT */
    int64_t tokens, usd_nanos;      /* at most CLAIM_TOKENS_MAX, CLAIM_USD_MAX */
    int64_t now_us;                 /* monotonic */
    int64_t now_wall_us, began_wall_us;
};

/* So that sums of all reservations there can be stay within an int64_t. */
#define CLAIM_TOKENS_MAX INT64_C(1000000000000)
#define CLAIM_USD_MAX    INT64_C(10000000000000)

/* How an account stands. */
struct standing {
    int64_t used[METERS];            /* what is reserved included */
    int64_t reserved[METERS];        /* of that, for turns under way */
    int64_t empty_us[METER_MINUTES]; /* until nothing of it counts any more */
};

/* What is held for one turn; all zero: nothing. */
struct hold {
    bool held;
    uint64_t generation;
    void *account[ACCOUNTS];
    int64_t tokens, usd_nanos;
    int64_t second, day, month;
    struct standing now[ACCOUNTS]; /* as the last take or settle left it */
};

/* Why there was no room: the limit for which the wait is longest. */
struct no_room {
    enum account_of of;
    enum meter meter;
    int64_t limit, used, asked;
    /* Until there is room for this very claim, if nobody takes it before; -1: not known (until a
     * turn ends); COUNTERS_WAIT_NO: it is more than the limit. */
    int64_t wait_us;
};

/* What a turn took: known money only. */
struct took {
    bool counts; /* as a request: it came as far as a call, or was answered */
    int64_t tokens, usd_nanos;
};

/* What a key used before: in one second, and of money. */
struct past_second {
    struct str name[ACCOUNTS];
    int64_t requests, tokens;
    int64_t began_us; /* on this process' monotonic clock, where it may be negative */
};
struct past_money {
    struct str name[ACCOUNTS];
    int64_t day, month;               /* as period_day and period_month count them */
    int64_t day_usd[2], month_usd[2]; /* of these, and of those before; nano-dollars */
};

struct counters_totals {
    uint64_t accounts;
    int64_t running, reserved_tokens, reserved_usd_nanos; /* each turn once */
    uint64_t refused[ACCOUNTS][METERS];
};

struct counters;
typedef void counters_each_fn(void *arg, enum account_of of, struct str name,
                              const struct standing *now);

struct counters_ops {
    const char *kind; /* "memory" */
    /* 0 and *ret_hold; E_RATE_LIMITED and *ret_why; E_OVERLOADED past ACCOUNTS_MAX; E_MEMORY.
     * ret_hold->now is set wherever the accounts are known. */
    int (*take)(struct counters *c, const struct claim *claim, struct hold *ret_hold,
                struct no_room *ret_why);
    void (*settle)(struct counters *c, struct hold *hold, const struct took *took, int64_t now_us);
    /* Forgets what was used; what is held stays so, and counts when it is settled. */
    void (*clear)(struct counters *c);
    int (*add_second)(struct counters *c, const struct past_second *past);
    int (*add_money)(struct counters *c, const struct past_money *past);
    /* All accounts that were ever used. The texts are valid during the call. */
    void (*each)(struct counters *c, int64_t now_us, int64_t wall_us, counters_each_fn *fn,
                 void *arg);
    struct counters_totals (*totals)(const struct counters *c);
    void (*close)(struct counters *c);
};

struct counters {
    const struct counters_ops *ops;
};

MUSTCHECK int counters_memory_new(struct counters **ret_counters);

/* Days since 1970-01-01, and months since 1970-01 (UTC). */
int64_t period_day(int64_t wall_us);
int64_t period_month(int64_t wall_us);
/* When the period after this one begins. */
int64_t period_day_end_us(int64_t day);
int64_t period_month_end_us(int64_t month);

#endif
