/* limits_rules.c: the settings of limits, and whom they are for. */
#include <stddef.h>
#include <stdlib.h>

#include "guard/keys.h"
#include "guard/limits.h"

#define NAME_BYTES_MAX 128
#define COUNT_MAX      INT64_C(1000000000000)

static const char *const unpriced_words[] = {"refuse", "allow", NULL};

/* clang-format off */
#define THIS struct limit_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row limit_rows[] = {
    {.name = "requests_per_minute", .type = CONF_INT, AT(meter[METER_REQUESTS]),
     .flags = CONF_OPTIONAL, .min = 1, .max = COUNT_MAX,
     .help = "The most requests within any 60 seconds."},
    {.name = "tokens_per_minute", .type = CONF_INT, AT(meter[METER_TOKENS]),
     .flags = CONF_OPTIONAL, .min = 1, .max = COUNT_MAX,
     .help = "The most tokens, of prompts and answers, of the requests within any 60 seconds."},
    {.name = "concurrent", .type = CONF_INT, AT(meter[METER_RUNNING]),
     .flags = CONF_OPTIONAL, .min = 1, .max = COUNT_MAX,
     .help = "The most requests at once."},
    {.name = "usd_per_day", .type = CONF_USD, AT(meter[METER_DAY]), .flags = CONF_OPTIONAL,
     .help = "The most dollars for the requests of a day (UTC)."},
    {.name = "usd_per_month", .type = CONF_USD, AT(meter[METER_MONTH]), .flags = CONF_OPTIONAL,
     .help = "The most dollars for the requests of a month (UTC)."},
    {.name = "max_tokens", .type = CONF_INT, AT(max_tokens), .flags = CONF_OPTIONAL, .min = 1,
     .max = COUNT_MAX,
     .help = "The most tokens of an answer: what a request may name at most as max_tokens (or "
             "max_completion_tokens, max_output_tokens, n_predict). One that names none is sent "
             "with this, or with the most that the model can, where the price list knows it."},
    {0},
};
/* clang-format on */
#undef THIS

const struct conf_table limit_table = {
    .name = "limit",
    .help = "What one key or tenant may use. What is not given is not limited.",
    .size = sizeof(struct limit_settings),
    .rows = limit_rows,
    .example = "limits: {per_key: {requests_per_minute: 600, usd_per_day: 50}}",
};

/* clang-format off */
#define THIS struct limits_settings
static const struct conf_row limits_rows[] = {
    {.name = "per_key", .type = CONF_TABLE, AT(per_key), .child = &limit_table,
     .help = "Of every key. A declared key's own `limits` go before, setting by setting. Without "
             "keys, all requests are those of one."},
    {.name = "per_tenant", .type = CONF_TABLE, AT(per_tenant), .child = &limit_table,
     .help = "Of every tenant: of all its keys together."},
    {.name = "tenants", .type = CONF_MAP, AT(tenants), .child = &limit_table,
     .help = "Of tenants by name; before per_tenant, setting by setting."},
    {.name = "reserve_tokens", .type = CONF_INT, AT(reserve_tokens), .fallback = "1024", .min = 0,
     .max = 100000000,
     .help = "What is reserved for the answer of a request that names no max_tokens and has no "
             "ceiling. It is not told to the provider."},
    {.name = "unpriced", .type = CONF_CHOICE, AT(unpriced), .fallback = "refuse",
     .choices = unpriced_words,
     .help = "Where a limit in dollars holds, a model without a price is refused, or allowed and "
             "counted as nothing."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table limits_table = {
    .name = "limits",
    .help = "How much keys and tenants may use.",
    .size = sizeof(struct limits_settings),
    .rows = limits_rows,
    .example = "limits:\n"
               "  per_key: {requests_per_minute: 600, tokens_per_minute: 200000}\n"
               "  tenants: {shop: {usd_per_day: 50, concurrent: 20}}",
};

const char *meter_name(enum meter m)
{
    return limit_rows[m].name; /* the rows are in the meters' order */
}

static bool limits_something(const struct limit_settings *s)
{
    bool any = s->max_tokens != METER_NO_LIMIT;
    for (unsigned i = 0; i < METERS; i++)
        any = any || s->meter[i] != METER_NO_LIMIT;
    return any;
}

static const struct declared_key_settings *declared(const struct keys_settings *keys, unsigned i)
{
    return &((const struct declared_key_settings *)keys->declared.at)[i];
}

static const struct limit_settings *tenant(const struct limits_settings *s, unsigned i)
{
    return &((const struct limit_settings *)s->tenants.at)[i];
}

bool limits_any(const struct limits_settings *s, const struct keys_settings *keys)
{
    bool any = limits_something(&s->per_key) || limits_something(&s->per_tenant);
    for (unsigned i = 0; i < s->tenants.n; i++)
        any = any || limits_something(tenant(s, i));
    for (unsigned i = 0; i < keys->declared.n; i++)
        any = any || limits_something(&declared(keys, i)->limits);
    return any;
}

static int64_t own_or(int64_t own, int64_t others)
{
    return own != METER_NO_LIMIT ? own : others;
}

static struct limit_rule rule_of(struct str name, const struct limit_settings *own,
                                 const struct limit_settings *others)
{
    struct limit_rule r = {.name = name};
    for (unsigned i = 0; i < METERS; i++)
        r.limit.meter[i] = own_or(own->meter[i], others->meter[i]);
    r.limit.max_tokens = own_or(own->max_tokens, others->max_tokens);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct limit_rule *)a)->name, ((const struct limit_rule *)b)->name);
}

int limits_rules_make(struct arena *arena, const struct limits_settings *s,
                      const struct keys_settings *keys, struct limits_rules *ret_rules)
{
    const unsigned n[ACCOUNTS] = {keys->declared.n, s->tenants.n};
    struct limits_rules r = {.any = limits_any(s, keys),
                             .unpriced_allowed = s->unpriced == UNPRICED_ALLOW,
                             .reserve_tokens = s->reserve_tokens,
                             .others = {s->per_key, s->per_tenant}};
    for (unsigned of = 0; of < ACCOUNTS; of++) {
        r.named[of] = ARENA_ARRAY(arena, struct limit_rule, n[of] + 1);
        if (!r.named[of])
            return E_MEMORY;
        for (unsigned i = 0; i < n[of]; i++) {
            bool key = of == OF_KEY;
            const struct limit_settings *own = key ? &declared(keys, i)->limits : tenant(s, i);
            struct str name = key ? keys->declared.name[i] : s->tenants.name[i];
            if (limits_something(own))
                r.named[of][r.n[of]++] = rule_of(name, own, &r.others[of]);
        }
        qsort(r.named[of], r.n[of], sizeof(struct limit_rule), by_name);
    }
    *ret_rules = r;
    return 0;
}

const struct limit_settings *limits_rules_find(const struct limits_rules *r, enum account_of of,
                                               struct str name)
{
    const struct limit_rule wanted = {.name = name};
    const struct limit_rule *found = bsearch(&wanted, r->named[of], r->n[of], sizeof(wanted),
                                             by_name);
    return found ? &found->limit : &r->others[of];
}

void limits_settings_check(const struct limits_settings *s, struct conf_doc *doc)
{
    for (unsigned i = 0; i < s->tenants.n; i++) {
        const struct str *name = &s->tenants.name[i];
        if (name->n == 0 || name->n > NAME_BYTES_MAX || !str_is_text(*name))
            conf_complain(doc, name, "expected the name of a tenant, up to %d bytes of text",
                          NAME_BYTES_MAX);
    }
}
