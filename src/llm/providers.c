#include "llm/provider.h"

#include "llm/kinds.h"

/* Every kind of provider, in the order in which the manual lists them. */
const struct provider_kind *const provider_kinds[] = {
    &provider_openai,
    &provider_recorded,
    NULL,
};

const struct provider_kind *provider_kind_find(struct str name)
{
    for (unsigned i = 0; provider_kinds[i]; i++)
        if (str_eq(name, str_from(provider_kinds[i]->name)))
            return provider_kinds[i];
    return NULL;
}

/* Is `a` less busy than `b`, each for its weight? */
static bool less_busy(const struct replica *a, const struct replica *b)
{
    uint64_t left = (uint64_t)a->endpoint->under_way * b->weight;
    uint64_t right = (uint64_t)b->endpoint->under_way * a->weight;
    return left < right;
}

static struct replica *pick(const struct provider *p, uint64_t tried, bool only_up)
{
    struct replica *best = NULL;
    for (unsigned i = 0; i < p->replicas_n; i++) {
        struct replica *r = &p->replicas[i];
        if ((tried >> i & 1) || (only_up && !endpoint_is_up(r->endpoint)))
            continue;
        /* Equally busy ones take turns, by how many calls they have had for their weight. */
        if (!best || less_busy(r, best) ||
            (!less_busy(best, r) &&
             r->endpoint->calls * best->weight < best->endpoint->calls * r->weight))
            best = r;
    }
    return best;
}

struct replica *provider_pick(const struct provider *p, uint64_t tried)
{
    struct replica *up = pick(p, tried, true);
    return up ? up : pick(p, tried, false);
}
