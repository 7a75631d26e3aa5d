/*
 * provider_keys.c: which of a provider's several keys a call goes out with.
 *
 * They take turns by weight, those that rest not among them: a key rests that the provider limited
 * or refused. Where all rest, the one that is back first is asked with, and the provider has its
 * say. (Smooth weighted round-robin, as for replicas in providers.c.)
 */
#include "base/clock.h"
#include "llm/provider.h"

static bool rests(const struct provider_key *k)
{
    return k->rest_until_ms > clock_cached_ms();
}

static struct provider_key *back_first(const struct provider *p)
{
    struct provider_key *first = &p->keys[0];
    for (unsigned i = 1; i < p->keys_n; i++)
        if (p->keys[i].rest_until_ms < first->rest_until_ms)
            first = &p->keys[i];
    return first;
}

static struct provider_key *pick(const struct provider *p)
{
    struct provider_key *best = NULL;
    int64_t gained = 0;
    for (unsigned i = 0; i < p->keys_n; i++) {
        struct provider_key *k = &p->keys[i];
        if (rests(k))
            continue;
        k->turn += k->weight;
        gained += k->weight;
        if (!best || k->turn > best->turn)
            best = k;
    }
    if (!best)
        best = back_first(p);
    best->turn -= gained;
    best->calls++;
    return best;
}

struct str provider_tenant_key(const struct provider *p, struct str tenant)
{
    for (unsigned i = 0; i < p->tenants_n; i++)
        if (str_eq(p->tenants[i].tenant, tenant))
            return p->tenants[i].value;
    return STR_NONE;
}

bool provider_is_open(const struct provider *p, struct str tenant, bool alone)
{
    return alone || p->settings->stateful || provider_tenant_key(p, tenant).n > 0;
}

bool provider_key_ready(const struct provider *p)
{
    for (unsigned i = 0; i < p->keys_n; i++)
        if (!rests(&p->keys[i]))
            return true;
    return false;
}

void provider_key_judge(struct provider_key *k, int err, int64_t retry_after_ms)
{
    int64_t rest_ms = err == E_UPSTREAM_AUTH    ? KEY_REFUSED_REST_MS
                      : err != E_UPSTREAM_LIMIT ? 0
                      : retry_after_ms >= 0     ? retry_after_ms
                                                : KEY_LIMITED_REST_MS;
    if (rest_ms == 0)
        return;
    k->rest_until_ms = clock_cached_ms() + (rest_ms < KEY_REST_MS_MAX ? rest_ms : KEY_REST_MS_MAX);
    k->rests++;
}

/* ---- a call's own ---- */

/* With the provider's prefix in the place of the client's "Bearer ". */
static int given_take(const struct provider *p, struct str given, struct arena *arena,
                      struct str *ret_value)
{
    bool bearer = str_starts_nocase(given, STR("Bearer "));
    struct str key = bearer ? str_trim(str_tail(given, 7)) : given;
    *ret_value = given;
    if (given.n == 0 || (!bearer && str_find(given, STR(" ")) >= 0))
        return 0; /* another scheme of authorisation */
    *ret_value = arena_join(arena, p->key_prefix, key);
    return ret_value->p ? 0 : E_MEMORY;
}

/* In place of the house's. */
static int key_set(const struct provider *p, struct str value, struct http_headers *h)
{
    for (unsigned i = 0; i < h->n; i++)
        if (str_eq_nocase(h->at[i].name, p->key_header)) {
            h->at[i].value = value;
            return 0;
        }
    return http_headers_add(h, p->key_header, value);
}

int provider_headers_keyed(const struct provider *p, const struct endpoint *e,
                           const struct asker *who, const struct http_headers *from, bool json,
                           struct arena *arena, struct provider_key **ret_key,
                           struct http_headers *headers)
{
    struct str own = p->tenants_n ? provider_tenant_key(p, who->tenant) : STR_NONE, value = own;
    int err = 0;
    *ret_key = NULL;
    if (!own.n && p->keys_n > 0) {
        *ret_key = pick(p);
        value = (*ret_key)->value;
    } else if (!own.n && !p->key_value.n) {
        err = given_take(p, who->given, arena, &value);
    }
    if (!err)
        err = provider_headers(p, e, value, from, json, arena, headers);
    return !err && own.n && p->key_value.n ? key_set(p, own, headers) : err;
}
