#include "eval/traffic/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/arena.h"

#define PLACES       (2u * SAMPLE_STRATA_MAX)
#define NAME_BYTES   (16u << 20) /* of all strata's names */
#define POOLED_BYTES 64

struct cluster {
    char id[SAMPLE_ID_BYTES]; /* of its first turn */
    uint32_t turns;
    unsigned stratum;
    double weight; /* 0: not drawn */
    bool taken;
};

struct stratum {
    struct str name;
    uint64_t hash, turns;
    uint32_t clusters;
    unsigned places, drawn;
    unsigned becomes; /* its number by size; those that are put together have one */
};

struct sample {
    struct sample_settings set;
    uint64_t chance; /* the random numbers' state */
    struct near_index *index;
    struct arena arena; /* of names */
    struct cluster *clusters;
    uint32_t clusters_cap;
    uint64_t turns;
    unsigned strata_n, small;
    uint16_t place[PLACES]; /* by name: a stratum's number and 1; 0: free */
    struct stratum strata[SAMPLE_STRATA_MAX];
    char pooled_name[POOLED_BYTES];
    struct cluster **drawn; /* by id */
    unsigned drawn_n;
};

int sample_new(const struct sample_settings *settings, struct sample **ret_sample)
{
    struct sample *s = calloc(1, sizeof(*s));
    if (!s)
        return E_MEMORY;
    s->set = *settings;
    s->chance = settings->seed;
    arena_init_private(&s->arena, NAME_BYTES);
    int err = near_index_new(settings->near, settings->bytes_max, &s->index);
    if (err)
        sample_free(s);
    else
        *ret_sample = s;
    return err;
}

void sample_free(struct sample *s)
{
    if (!s)
        return;
    near_index_free(s->index);
    arena_fini(&s->arena);
    free(s->clusters);
    free(s->drawn);
    free(s);
}

/* SplitMix's next number (Steele, Lea and Flood 2014), below `limit` > 0; what its remainder
 * favours is one in 2^40 here. */
static uint64_t chance_below(struct sample *s, uint64_t limit)
{
    uint64_t z = s->chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % limit;
}

/* ---- turns come ---- */

static int stratum_find(struct sample *s, struct str name, unsigned *ret_stratum)
{
    uint64_t hash = XXH3_64bits(name.p, name.n);
    size_t i = hash % PLACES;
    for (; s->place[i]; i = (i + 1) % PLACES) {
        const struct stratum *x = &s->strata[s->place[i] - 1];
        if (x->hash == hash && str_eq(x->name, name)) {
            *ret_stratum = s->place[i] - 1u;
            return 0;
        }
    }
    if (s->strata_n == SAMPLE_STRATA_MAX) {
        *ret_stratum = SAMPLE_STRATA_MAX - 1;
        return 0;
    }
    struct str kept = arena_str(&s->arena, name);
    if (!kept.p)
        return E_TOO_LARGE;
    *ret_stratum = s->strata_n++;
    s->strata[*ret_stratum] = (struct stratum){.name = kept, .hash = hash};
    s->place[i] = (uint16_t)s->strata_n;
    return 0;
}

static int cluster_make(struct sample *s, struct str id, uint64_t group, struct str stratum,
                        const struct near_mark *mark, uint32_t *ret_cluster)
{
    uint32_t n = near_index_count(s->index);
    unsigned of = 0;
    if (n == s->clusters_cap) {
        uint32_t cap = n ? n * 2 : 256;
        struct cluster *more = reallocarray(s->clusters, cap, sizeof(*more));
        if (!more)
            return E_MEMORY;
        s->clusters = more;
        s->clusters_cap = cap;
    }
    int err = stratum_find(s, stratum, &of);
    if (!err)
        err = near_index_add(s->index, group, mark);
    if (err)
        return err;
    struct str kept = str_head(id, SAMPLE_ID_BYTES - 1);
    s->clusters[n] = (struct cluster){.stratum = of};
    memcpy(s->clusters[n].id, kept.p, kept.n);
    s->strata[of].clusters++;
    *ret_cluster = n;
    return 0;
}

int sample_add(struct sample *s, struct str id, uint64_t group, struct str stratum,
               const struct near_mark *mark)
{
    uint32_t cluster = near_index_find(s->index, group, mark, NULL);
    int err = cluster == NEAR_NONE ? cluster_make(s, id, group, stratum, mark, &cluster) : 0;
    if (err)
        return err;
    s->clusters[cluster].turns++;
    s->strata[s->clusters[cluster].stratum].turns++;
    s->turns++;
    return 0;
}

/* ---- how many of each stratum ---- */

static int larger_first(const void *a, const void *b)
{
    const struct stratum *const *x = a, *const *y = b;
    if ((*x)->turns != (*y)->turns)
        return (*x)->turns > (*y)->turns ? -1 : 1;
    return str_cmp((*x)->name, (*y)->name);
}

/* Orders the strata, and puts the smallest together where the floor would not leave room. */
static int strata_settle(struct sample *s)
{
    unsigned n = s->strata_n, room = s->set.cases / (s->set.floor ? s->set.floor : 1);
    unsigned kept = n <= room ? n : room > 0 ? room - 1 : 0;
    struct stratum **order = calloc(n + 1, sizeof(struct stratum *));
    struct stratum *sorted = calloc(n + 1, sizeof(*sorted));
    for (unsigned i = 0; i < n && order && sorted; i++)
        order[i] = &s->strata[i];
    if (order && sorted)
        qsort(order, n, sizeof(struct stratum *), larger_first);
    for (unsigned i = 0; i < n && order && sorted; i++) {
        unsigned to = i < kept ? i : kept;
        struct stratum *at = &sorted[to];
        order[i]->becomes = to;
        at->name = order[i]->name;
        at->turns += order[i]->turns;
        at->clusters += order[i]->clusters;
    }
    int err = order && sorted ? 0 : E_MEMORY;
    for (uint32_t i = 0; i < near_index_count(s->index) && !err; i++)
        s->clusters[i].stratum = s->strata[s->clusters[i].stratum].becomes;
    if (!err) {
        s->small = n - kept;
        s->strata_n = kept + (n > kept);
        memcpy(s->strata, sorted, s->strata_n * sizeof(*sorted));
        int length = snprintf(s->pooled_name, POOLED_BYTES, "the %u smallest together", s->small);
        if (s->small > 0)
            s->strata[kept].name = str_of(s->pooled_name, (size_t)length);
    }
    free(order);
    free(sorted);
    return err;
}

/* The next place goes to whom it is most due: by turns, divided by 1, 3, 5 ... */
static struct stratum *most_due(struct sample *s)
{
    struct stratum *best = NULL;
    double best_due = 0;
    for (unsigned i = 0; i < s->strata_n; i++) {
        struct stratum *x = &s->strata[i];
        double due = (double)x->turns / (2.0 * x->places + 1);
        if (x->places < x->clusters && due > best_due) {
            best = x;
            best_due = due;
        }
    }
    return best;
}

static void places_give(struct sample *s)
{
    unsigned left = s->set.cases;
    for (unsigned i = 0; i < s->strata_n; i++) {
        struct stratum *x = &s->strata[i];
        x->places = x->clusters < s->set.floor ? x->clusters : s->set.floor;
        x->places = x->places < left ? x->places : left;
        left -= x->places;
    }
    struct stratum *x;
    while (left > 0 && (x = most_due(s)) != NULL) {
        x->places++;
        left--;
    }
}

/* ---- the draw ---- */

static void drawn_add(struct sample *s, struct stratum *x, struct cluster *c, double weight)
{
    c->weight = weight;
    x->drawn++;
    s->drawn[s->drawn_n++] = c;
}

/* Draws as many as it has places for of its `m` clusters, whose order changes. */
static void stratum_draw(struct sample *s, struct stratum *x, struct cluster **c, uint32_t m)
{
    uint64_t turns = x->turns, n = x->places;
    for (uint32_t i = m; i > 1; i--) {
        uint32_t k = (uint32_t)chance_below(s, i);
        struct cluster *last = c[i - 1];
        c[i - 1] = c[k];
        c[k] = last;
    }
    for (bool more = true; more && n > 0;) { /* with the large ones gone, others may be certain */
        uint64_t of_turns = turns, of_n = n;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < m; i++) {
            if (n > 0 && c[i]->turns * of_n >= of_turns) {
                drawn_add(s, x, c[i], c[i]->turns);
                turns -= c[i]->turns;
                n--;
            } else {
                c[kept++] = c[i];
            }
        }
        more = kept < m;
        m = kept;
    }
    /* every turns-th of a line on which each cluster is as long as n times its turns */
    uint64_t next = n > 0 ? chance_below(s, turns) : 0, at = 0;
    for (uint32_t i = 0; i < m && n > 0; i++) {
        at += c[i]->turns * n;
        if (next >= at)
            continue;
        drawn_add(s, x, c[i], (double)turns / (double)n);
        next += turns;
    }
}

static int by_id(const void *a, const void *b)
{
    const struct cluster *const *x = a, *const *y = b;
    return strcmp((*x)->id, (*y)->id);
}

/* By stratum, each one's in the order in which they came. */
static int by_stratum(const void *a, const void *b)
{
    const struct cluster *const *x = a, *const *y = b;
    if ((*x)->stratum != (*y)->stratum)
        return (*x)->stratum < (*y)->stratum ? -1 : 1;
    return *x < *y ? -1 : 1;
}

int sample_draw(struct sample *s)
{
    uint32_t n = near_index_count(s->index);
    int err = strata_settle(s);
    if (err)
        return err;
    places_give(s);
    s->drawn = calloc((size_t)s->set.cases + 1, sizeof(struct cluster *));
    struct cluster **all = calloc((size_t)n + 1, sizeof(struct cluster *));
    if (s->drawn && all) {
        for (uint32_t i = 0; i < n; i++)
            all[i] = &s->clusters[i];
        qsort(all, n, sizeof(struct cluster *), by_stratum);
        struct cluster **at = all;
        for (unsigned i = 0; i < s->strata_n; i++) {
            stratum_draw(s, &s->strata[i], at, s->strata[i].clusters);
            at += s->strata[i].clusters;
        }
        qsort(s->drawn, s->drawn_n, sizeof(struct cluster *), by_id);
    }
    err = s->drawn && all ? 0 : E_MEMORY;
    free(all);
    return err;
}

double sample_take(struct sample *s, struct str id)
{
    struct cluster key = {.turns = 0};
    const struct cluster *sought = &key;
    struct str kept = str_head(id, SAMPLE_ID_BYTES - 1);
    if (!kept.n)
        return 0;
    memcpy(key.id, kept.p, kept.n);
    struct cluster **found = bsearch(&sought, s->drawn, s->drawn_n, sizeof(struct cluster *),
                                     by_id);
    if (!found || (*found)->taken)
        return 0;
    (*found)->taken = true;
    return (*found)->weight;
}

struct sample_stats sample_stats(const struct sample *s)
{
    struct sample_stats t = {.turns = s->turns,
                             .clusters = near_index_count(s->index),
                             .drawn = s->drawn_n,
                             .strata = s->strata_n,
                             .small = s->small};
    for (unsigned i = 0; i < s->drawn_n; i++)
        t.drawn_turns += s->drawn[i]->turns;
    return t;
}

unsigned sample_strata(const struct sample *s)
{
    return s->strata_n;
}

struct sample_stratum sample_stratum_at(const struct sample *s, unsigned at)
{
    const struct stratum *x = &s->strata[at];
    return (struct sample_stratum){
        .name = x->name, .turns = x->turns, .clusters = x->clusters, .drawn = x->drawn};
}
