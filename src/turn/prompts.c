#include "turn/prompts.h"

#include <stdlib.h>
#include <xxhash.h>

#include "llm/wire.h"

#define PLACES (2u * PROMPTS_UNSEEN_MAX)
#define SHARES 256 /* of tenants, by a hash of their names */

struct share {
    uint16_t held, said;
};

struct prompts {
    struct prompt_memo memo;
    bool is_known;
    uint64_t *known; /* sorted, each once */
    size_t known_n;
    uint64_t unseen_turns, others;
    unsigned unseen_n;
    uint16_t place[PLACES]; /* by fingerprint: the number in `unseen` and 1; 0: free */
    struct prompt_unseen unseen[PROMPTS_UNSEEN_MAX];
    uint8_t share_of[PROMPTS_UNSEEN_MAX]; /* of each in `unseen` */
    struct share share[SHARES];
};

int prompts_new(struct prompts **ret_prompts)
{
    *ret_prompts = calloc(1, sizeof(**ret_prompts));
    return *ret_prompts ? 0 : E_MEMORY;
}

void prompts_free(struct prompts *p)
{
    if (p)
        free(p->known);
    free(p);
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_known(const struct prompts *p, uint64_t fingerprint)
{
    return bsearch(&fingerprint, p->known, p->known_n, sizeof(*p->known), order) != NULL;
}

static uint16_t *place_of(struct prompts *p, uint64_t fingerprint)
{
    size_t i = fingerprint % PLACES;
    while (p->place[i] && p->unseen[p->place[i] - 1].fingerprint != fingerprint)
        i = (i + 1) % PLACES;
    return &p->place[i];
}

/* Those that a suite has now are no longer missed; the others keep what is known of them. */
static void unseen_sift(struct prompts *p)
{
    unsigned kept = 0;
    memset(p->share, 0, sizeof(p->share));
    for (unsigned i = 0; i < p->unseen_n; i++) {
        if (is_known(p, p->unseen[i].fingerprint))
            continue;
        p->share[p->share_of[i]].held++;
        p->share_of[kept] = p->share_of[i];
        p->unseen[kept++] = p->unseen[i];
    }
    p->unseen_n = kept;
    memset(p->place, 0, sizeof(p->place));
    for (unsigned i = 0; i < kept; i++)
        *place_of(p, p->unseen[i].fingerprint) = (uint16_t)(i + 1);
}

void prompts_know(struct prompts *p, uint64_t *known, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(known, n, sizeof(*known), order);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || known[kept - 1] != known[i])
            known[kept++] = known[i];
    free(p->known);
    p->known = known;
    p->known_n = kept;
    p->is_known = true;
    unseen_sift(p);
}

void prompts_forget(struct prompts *p)
{
    free(p->known);
    p->known = NULL;
    p->known_n = 0;
    p->is_known = false;
    p->unseen_n = 0;
    unseen_sift(p);
}

static void name_keep(char to[PROMPTS_NAME_BYTES], struct str name)
{
    struct str head = str_head_utf8(name, PROMPTS_NAME_BYTES - 1);
    if (head.n)
        memcpy(to, head.p, head.n);
    to[head.n] = '\0';
}

static void unseen_count(struct prompts *p, uint64_t fingerprint, const struct llm_request *r,
                         struct str tenant, int64_t wall_us, enum prompt_news *ret_news)
{
    uint16_t *place = place_of(p, fingerprint);
    uint8_t whose = (uint8_t)(XXH3_64bits(tenant.p, tenant.n) % SHARES);
    struct share *share = &p->share[whose];
    p->unseen_turns++;
    if (!*place && (p->unseen_n == PROMPTS_UNSEEN_MAX || share->held == PROMPTS_TENANT_MAX)) {
        p->others++;
        return;
    }
    if (!*place) {
        share->held++;
        p->share_of[p->unseen_n] = whose;
        struct prompt_unseen *u = &p->unseen[p->unseen_n++];
        *u = (struct prompt_unseen){
            .fingerprint = fingerprint, .first_wall_us = wall_us, .api = r->wire->name};
        name_keep(u->tenant, tenant);
        name_keep(u->model, r->model);
        *place = (uint16_t)p->unseen_n;
        if (share->said < PROMPTS_SAID_MAX)
            *ret_news = ++share->said < PROMPTS_SAID_MAX ? PROMPT_UNSEEN : PROMPT_TOO_MANY;
    }
    struct prompt_unseen *u = &p->unseen[*place - 1];
    u->turns++;
    u->last_wall_us = wall_us;
}

uint64_t prompts_see(struct prompts *p, const struct llm_request *r, struct str tenant,
                     int64_t wall_us, enum prompt_news *ret_news)
{
    uint64_t fingerprint = prompt_of_request(r, &p->memo);
    *ret_news = PROMPT_NO_NEWS;
    if (p->is_known && fingerprint && !is_known(p, fingerprint))
        unseen_count(p, fingerprint, r, tenant, wall_us, ret_news);
    return fingerprint;
}

struct prompts_stats prompts_stats(const struct prompts *p)
{
    if (!p)
        return (struct prompts_stats){.known = false};
    return (struct prompts_stats){.known = p->is_known,
                                  .known_n = p->known_n,
                                  .unseen_turns = p->unseen_turns,
                                  .others = p->others,
                                  .unseen_n = p->unseen_n};
}

const struct prompt_unseen *prompts_unseen_at(const struct prompts *p, unsigned at)
{
    return &p->unseen[at];
}
