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

struct provider_key *provider_key_pick(const struct provider *p)
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
