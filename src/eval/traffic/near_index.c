/* near_index.c: which of many texts are near one, by bands of minima. */
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "eval/traffic/near_internal.h"

#define BAND_RECALL   0.99
#define LOOKED_AT_MAX 4096 /* sketches that one search compares */

struct item {
    uint64_t group;
    size_t at; /* its sketch among the index's hashes */
    unsigned n;
    bool whole;
    uint32_t asked; /* the last search that looked at it */
};

struct link {
    uint32_t band; /* hash of the band's rows, its number and the group */
    uint32_t item, next;
};

struct near_index {
    double threshold;
    unsigned rows, bands;
    size_t bytes_max;
    struct item *items;
    uint32_t items_n, items_cap;
    uint32_t *hashes;
    size_t hashes_n, hashes_cap;
    struct link *links; /* bands of them for each item */
    size_t links_cap;
    uint32_t *heads; /* by band; NEAR_NONE: none */
    size_t heads_n;  /* a power of two */
    uint32_t searches;
};

static unsigned rows_for(double threshold)
{
    unsigned rows = 1;
    for (unsigned r = 2; r <= NEAR_MINIMA / 8; r++)
        if (1 - pow(1 - pow(threshold, r), NEAR_MINIMA / r) >= BAND_RECALL)
            rows = r;
    return rows;
}

int near_index_new(double threshold, size_t bytes_max, struct near_index **ret_index)
{
    struct near_index *x = calloc(1, sizeof(*x));
    if (!x)
        return E_MEMORY;
    x->threshold = threshold;
    x->bytes_max = bytes_max;
    x->rows = rows_for(threshold);
    x->bands = NEAR_MINIMA / x->rows;
    *ret_index = x;
    return 0;
}

void near_index_free(struct near_index *x)
{
    if (!x)
        return;
    free(x->items);
    free(x->hashes);
    free(x->links);
    free(x->heads);
    free(x);
}

size_t near_index_bytes(const struct near_index *x)
{
    return sizeof(*x) + x->items_cap * sizeof(*x->items) + x->hashes_cap * sizeof(*x->hashes) +
           x->links_cap * sizeof(*x->links) + x->heads_n * sizeof(*x->heads);
}

uint32_t near_index_count(const struct near_index *x)
{
    return x->items_n;
}

unsigned near_index_rows(const struct near_index *x)
{
    return x->rows;
}

unsigned near_index_bands(const struct near_index *x)
{
    return x->bands;
}

static uint32_t band_hash(const struct near_index *x, unsigned band, uint64_t group,
                          const struct near_mark *mark)
{
    return (uint32_t)XXH3_64bits_withSeed(&mark->minima[(size_t)band * x->rows],
                                          x->rows * sizeof(uint32_t), group + band);
}

/* Room for `n` of `size` bytes each, within the index's ceiling. */
static int room_make(const struct near_index *x, void **at, size_t size, size_t n)
{
    if (near_index_bytes(x) + n * size > x->bytes_max)
        return E_TOO_LARGE;
    void *more = reallocarray(*at, n, size);
    if (!more)
        return E_MEMORY;
    *at = more;
    return 0;
}

static int heads_grow(struct near_index *x)
{
    size_t n = x->heads_n ? x->heads_n * 2 : 1024;
    void *heads = x->heads;
    int err = room_make(x, &heads, sizeof(*x->heads), n);
    if (err)
        return err;
    x->heads = heads;
    x->heads_n = n;
    memset(x->heads, 0xff, n * sizeof(*x->heads));
    for (size_t i = 0; i < (size_t)x->items_n * x->bands; i++) {
        uint32_t *head = &x->heads[x->links[i].band & (n - 1)];
        x->links[i].next = *head;
        *head = (uint32_t)i;
    }
    return 0;
}

static int index_grow(struct near_index *x, unsigned hashes)
{
    int err = 0;
    if (x->items_n == x->items_cap) {
        uint32_t cap = x->items_cap ? x->items_cap * 2 : 256;
        void *items = x->items, *links = x->links;
        err = room_make(x, &items, sizeof(*x->items), cap);
        if (!err) {
            x->items = items;
            err = room_make(x, &links, sizeof(*x->links), (size_t)cap * x->bands);
        }
        if (!err) {
            x->links = links;
            x->items_cap = cap;
            x->links_cap = (size_t)cap * x->bands;
        }
    }
    if (!err && x->hashes_n + hashes > x->hashes_cap) {
        size_t cap = x->hashes_cap ? x->hashes_cap * 2 : 4096;
        void *at = x->hashes;
        err = room_make(x, &at, sizeof(*x->hashes), cap);
        if (!err) {
            x->hashes = at;
            x->hashes_cap = cap;
        }
    }
    if (!err && (size_t)(x->items_n + 1) * x->bands > x->heads_n)
        err = heads_grow(x);
    return err;
}

int near_index_add(struct near_index *x, uint64_t group, const struct near_mark *mark)
{
    const struct near_sketch *s = &mark->sketch;
    int err = index_grow(x, s->n);
    if (err)
        return err;
    uint32_t item = x->items_n;
    x->items[item] = (struct item){.group = group, .at = x->hashes_n, .n = s->n, .whole = s->whole};
    if (s->n > 0)
        memcpy(x->hashes + x->hashes_n, s->least, s->n * sizeof(*s->least));
    x->hashes_n += s->n;
    for (unsigned band = 0; band < x->bands; band++) {
        size_t i = (size_t)item * x->bands + band;
        uint32_t hash = band_hash(x, band, group, mark);
        uint32_t *head = &x->heads[hash & (x->heads_n - 1)];
        x->links[i] = (struct link){.band = hash, .item = item, .next = *head};
        *head = (uint32_t)i;
    }
    x->items_n++;
    return 0;
}

uint32_t near_index_find(struct near_index *x, uint64_t group, const struct near_mark *mark,
                         double *ret_alike)
{
    const struct near_sketch *s = &mark->sketch;
    uint32_t best = NEAR_NONE;
    double best_alike = 0;
    unsigned looked = 0;
    x->searches++;
    for (unsigned band = 0; band < x->bands && s->n > 0 && x->items_n > 0; band++) {
        uint32_t hash = band_hash(x, band, group, mark);
        uint32_t i = x->heads[hash & (x->heads_n - 1)];
        for (; i != NEAR_NONE && looked < LOOKED_AT_MAX; i = x->links[i].next) {
            struct item *it = &x->items[x->links[i].item];
            if (x->links[i].band != hash || it->group != group || it->asked == x->searches)
                continue;
            it->asked = x->searches;
            looked++;
            double a = near_alike_hashes(s->least, s->n, x->hashes + it->at, it->n,
                                         s->whole && it->whole);
            if (a > best_alike || (a == best_alike && x->links[i].item < best)) {
                best_alike = a;
                best = x->links[i].item;
            }
        }
    }
    bool near = best != NEAR_NONE && best_alike >= x->threshold;
    if (ret_alike)
        *ret_alike = near ? best_alike : 0;
    return near ? best : NEAR_NONE;
}
