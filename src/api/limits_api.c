/*
 * limits_api.c: GET /admin/limits: what keys and tenants use, and what room they have.
 */
#include "api/visit.h"
#include "base/clock.h"
#include "base/json.h"

#define ANSWER_BYTES_MAX (4u * 1024 * 1024)
#define SHOWN_MAX        1000 /* the loop has others to serve */

struct listing {
    struct buf out;
    const struct limits_rules *rules;
    int64_t day_ends_us, month_ends_us; /* from now */
    struct str wanted[ACCOUNTS];        /* by name; p == NULL: all */
    bool any_wanted;
    unsigned shown, left_off;
};

static void amount(struct buf *out, enum meter m, int64_t n)
{
    if (m == METER_DAY || m == METER_MONTH)
        json_usd(out, n);
    else
        buf_i64(out, n);
}

/* {"limit":600,"used":3,"reserved":0,"room":597,"resets_ms":58211} */
static void meter_write(struct listing *l, enum meter m, int64_t limit, const struct standing *now)
{
    struct buf *out = &l->out;
    const int64_t resets_us[METERS] = {now->empty_us[METER_REQUESTS], now->empty_us[METER_TOKENS],
                                       -1, l->day_ends_us, l->month_ends_us};
    int64_t room = limit - now->used[m];
    buf_printf(out, ",\"%s\":{\"limit\":", meter_name(m));
    if (limit == METER_NO_LIMIT)
        buf_str(out, STR("null"));
    else
        amount(out, m, limit);
    buf_str(out, STR(",\"used\":"));
    amount(out, m, now->used[m]);
    buf_str(out, STR(",\"reserved\":"));
    amount(out, m, now->reserved[m]);
    buf_str(out, STR(",\"room\":"));
    if (limit == METER_NO_LIMIT)
        buf_str(out, STR("null"));
    else
        amount(out, m, room > 0 ? room : 0);
    if (resets_us[m] >= 0)
        buf_printf(out, ",\"resets_ms\":%lld", (long long)((resets_us[m] + 999) / 1000));
    buf_char(out, '}');
}

static void account_write(void *arg, enum account_of of, struct str name,
                          const struct standing *now)
{
    struct listing *l = arg;
    struct buf *out = &l->out;
    if (l->any_wanted && !(l->wanted[of].p && str_eq(l->wanted[of], name)))
        return;
    if (l->shown == SHOWN_MAX) {
        l->left_off++;
        return;
    }
    const struct limit_settings *limit = limits_rules_find(l->rules, of, name);
    buf_str(out, l->shown++ ? STR(",{\"of\":") : STR("{\"of\":"));
    buf_str(out, of == OF_KEY ? STR("\"key\",\"name\":") : STR("\"tenant\",\"name\":"));
    json_quote(out, name);
    for (unsigned m = 0; m < METERS; m++)
        meter_write(l, m, limit->meter[m], now);
    if (limit->max_tokens != METER_NO_LIMIT)
        buf_printf(out, ",\"max_tokens\":%lld", (long long)limit->max_tokens);
    buf_char(out, '}');
}

/* ?key=NAME&tenant=NAME */
static int query_read(struct visit *v, struct listing *l)
{
    struct str rest = v->x->query;
    while (rest.n > 0) {
        struct str value = str_cut(&rest, '&'), word = str_cut(&value, '=');
        bool key = str_eq(word, STR("key"));
        if (!value.p || (!key && !str_eq(word, STR("tenant"))))
            return fault_set(&v->fault, E_BAD_REQUEST,
                             "expected ?key=NAME, ?tenant=NAME or no query");
        value = escapes_undo(v->x->arena, value);
        if (!value.p)
            return E_MEMORY;
        l->wanted[key ? OF_KEY : OF_TENANT] = value;
        l->any_wanted = true;
    }
    return 0;
}

void api_limits(struct visit *v)
{
    struct gateway *g = v->gateway;
    struct counters *c = limits_counters(g->limits);
    int64_t now_us = clock_mono_us(), wall_us = clock_wall_us();
    struct listing l = {
        .rules = limits_rules_now(g->limits),
        .day_ends_us = period_day_end_us(period_day(wall_us)) - wall_us,
        .month_ends_us = period_month_end_us(period_month(wall_us)) - wall_us,
    };
    int err = query_read(v, &l);
    buf_init(&l.out, ANSWER_BYTES_MAX);
    buf_printf(&l.out, "{\"counted\":%s,\"limits\":[", g->house.gate ? "true" : "false");
    if (!err && g->house.gate)
        c->ops->each(c, now_us, wall_us, account_write, &l);
    buf_printf(&l.out, "],\"left_off\":%u}", l.left_off);
    err = err ? err : l.out.failed;
    if (err)
        visit_error(v, err);
    else
        visit_json(v, 200, buf_view(&l.out));
    buf_fini(&l.out);
}
