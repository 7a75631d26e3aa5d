#include "api/limit_headers.h"

#include "base/put.h"

#define SPAN_BYTES_MAX 64

/* The account with the least room left of the two that are limited; -1: neither is. */
static int tighter(const struct turn_stay *stay, enum meter m)
{
    int found = -1;
    int64_t least = 0;
    for (int of = 0; of < ACCOUNTS; of++) {
        if (stay->limit[of][m] == METER_NO_LIMIT)
            continue;
        int64_t room = stay->limit[of][m] - stay->hold.now[of].used[m];
        if (found < 0 || room < least) {
            found = of;
            least = room;
        }
    }
    return found;
}

bool limit_headers_due(const struct turn_stay *stay)
{
    if (LIKELY(!stay) || !stay->hold.account[OF_KEY])
        return false;
    return tighter(stay, METER_REQUESTS) >= 0 || tighter(stay, METER_TOKENS) >= 0;
}

static int number_add(struct arena *arena, struct str name, int64_t n, struct http_headers *h)
{
    char *text = arena_alloc(arena, PUT_DECIMAL_MAX);
    if (!text)
        return E_MEMORY;
    return http_headers_add(h, name, str_of(text, (size_t)(put_i64(text, n) - text)));
}

/* "1m0.5s", "12ms": as OpenAI writes a span of time. */
static int span_add(struct arena *arena, struct str name, int64_t us, struct http_headers *h)
{
    int64_t ms = (us + 999) / 1000;
    char *text = arena_alloc(arena, SPAN_BYTES_MAX);
    if (!text)
        return E_MEMORY;
    char *at = text;
    if (ms < 1000) {
        at = put_str(put_i64(at, ms), STR("ms"));
    } else {
        if (ms >= 60000)
            at = put_str(put_i64(at, ms / 60000), STR("m"));
        at = put_str(put_decimal(at, ms % 60000, 3, 0), STR("s"));
    }
    return http_headers_add(h, name, str_of(text, (size_t)(at - text)));
}

int retry_after_headers(struct arena *arena, int64_t ms, struct http_headers *h)
{
    int err = number_add(arena, STR("Retry-After"), (ms + 999) / 1000, h);
    return err ? err : number_add(arena, STR("retry-after-ms"), ms, h);
}

static int meter_add(const struct turn_stay *stay, struct arena *arena, enum meter m,
                     const struct str name[3], struct http_headers *h)
{
    int of = tighter(stay, m);
    if (of < 0)
        return 0;
    const struct standing *now = &stay->hold.now[of];
    int64_t room = stay->limit[of][m] - now->used[m];
    int err = number_add(arena, name[0], stay->limit[of][m], h);
    if (!err)
        err = number_add(arena, name[1], room > 0 ? room : 0, h);
    return err ? err : span_add(arena, name[2], now->empty_us[m], h);
}

static int refusal_add(const struct turn_stay *stay, struct arena *arena, struct http_headers *h)
{
    int64_t wait_us = stay->why.wait_us;
    bool money = stay->why.meter == METER_DAY || stay->why.meter == METER_MONTH;
    int err = 0;
    if (wait_us >= 0 && wait_us != COUNTERS_WAIT_NO)
        err = retry_after_headers(arena, (wait_us + 999) / 1000, h);
    if (!err && (money || wait_us == COUNTERS_WAIT_NO))
        err = http_headers_add(h, STR("x-should-retry"), STR("false"));
    return err;
}

int limit_headers(const struct turn_stay *stay, struct arena *arena, struct http_headers *h)
{
    static const struct str requests[3] = {{"x-ratelimit-limit-requests", 26},
                                           {"x-ratelimit-remaining-requests", 30},
                                           {"x-ratelimit-reset-requests", 26}};
    static const struct str tokens[3] = {{"x-ratelimit-limit-tokens", 24},
                                         {"x-ratelimit-remaining-tokens", 28},
                                         {"x-ratelimit-reset-tokens", 24}};
    int err = 0;
    if (limit_headers_due(stay)) {
        err = meter_add(stay, arena, METER_REQUESTS, requests, h);
        if (!err)
            err = meter_add(stay, arena, METER_TOKENS, tokens, h);
    }
    return !err && stay->no_room ? refusal_add(stay, arena, h) : err;
}
