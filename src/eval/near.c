#include "eval/near.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#define BAND_RECALL   0.99
#define WORD_BYTES    64 /* of a longer word, the head */
#define GROUPS_MAX    256
#define FIRST_TEXTS   8    /* what is common to most stands in one of so many, but for 1 in 256 */
#define CANDIDATES    4096 /* of a group: a power of two */
#define SEEN_TEXTS    65536
#define LOOKED_AT_MAX 4096 /* sketches that one search compares */

/* ---- shingles ---- */

/* Hashes of shingles, each one once and in order after `shingles_settle`. */
struct shingles {
    uint32_t *at;
    size_t n, cap;
    uint64_t last; /* word's hash; 0: none */
};

static int shingle_add(struct shingles *s, uint64_t hash)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        uint32_t *more = reallocarray(s->at, cap, sizeof(*more));
        if (!more)
            return E_MEMORY;
        s->at = more;
        s->cap = cap;
    }
    s->at[s->n++] = (uint32_t)(hash >> 32);
    return 0;
}

/*
 * The next word from byte *at on, in small letters; n == 0 behind the last one. Words are letters
 * and digits; all that is not ASCII is a letter. From U+3000 on, where no spaces are written, each
 * character is a word. *at is then behind it, and *ret_from where it begins.
 */
static struct str word_next(struct str text, size_t *at, char word[WORD_BYTES], size_t *ret_from)
{
    size_t n = 0, i = *at;
    for (; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool upper = c >= 'A' && c <= 'Z';
        bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
        bool alone = c >= 0xe3;
        if (n > 0 && (!letter || alone))
            break;
        if (n == 0)
            *ret_from = i;
        if (alone) {
            size_t bytes = str_utf8_len(str_tail(text, i));
            *at = i + (bytes ? bytes : 1);
            return str_of(text.p + i, *at - i);
        }
        if (letter && n < WORD_BYTES)
            word[n++] = (char)(upper ? c + ('a' - 'A') : c);
    }
    *at = i;
    return str_of(word, n);
}

static uint64_t word_hash(struct str word)
{
    return XXH3_64bits_withSeed(word.p, word.n, 1);
}

static int words_add(struct shingles *s, struct str text)
{
    char space[WORD_BYTES];
    size_t at = 0, from = 0;
    struct str word;
    int err = 0;
    while (!err && (word = word_next(text, &at, space, &from)).n > 0) {
        uint64_t hash = word_hash(word);
        err = shingle_add(s, hash);
        if (!err && s->last) {
            const uint64_t pair[2] = {s->last, hash};
            err = shingle_add(s, XXH3_64bits(pair, sizeof(pair)));
        }
        s->last = hash ? hash : 1;
    }
    return err;
}

static int hash_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static size_t once_each(uint32_t *at, size_t n)
{
    size_t kept = 0;
    if (n > 1)
        qsort(at, n, sizeof(*at), hash_order);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || at[kept - 1] != at[i])
            at[kept++] = at[i];
    return kept;
}

static int shingles_of(struct str text, struct shingles *ret)
{
    *ret = (struct shingles){.n = 0};
    size_t half = NEAR_TEXT_BYTES / 2;
    bool all = text.n <= NEAR_TEXT_BYTES;
    int err = words_add(ret, all ? text : str_head(text, half));
    ret->last = all ? ret->last : 0;
    if (!err && !all)
        err = words_add(ret, str_tail(text, text.n - half));
    ret->n = once_each(ret->at, ret->n);
    return err;
}

/* ---- what is common ---- */

struct candidate {
    uint32_t hash, texts; /* texts == 0: free */
};

struct common_group {
    uint64_t group;
    unsigned texts, used;
    struct candidate *at; /* CANDIDATES of them */
};

struct near_common {
    struct common_group groups[GROUPS_MAX];
    unsigned groups_n;
    uint64_t seen[SEEN_TEXTS]; /* hashes of texts, the last one at each place */
    uint32_t *hashes;          /* in order, once settled */
    size_t n;
};

int near_common_new(struct near_common **ret_common)
{
    *ret_common = calloc(1, sizeof(**ret_common));
    return *ret_common ? 0 : E_MEMORY;
}

void near_common_free(struct near_common *c)
{
    for (unsigned i = 0; c && i < c->groups_n; i++)
        free(c->groups[i].at);
    if (c)
        free(c->hashes);
    free(c);
}

static struct common_group *common_group(struct near_common *c, uint64_t group)
{
    for (unsigned i = 0; i < c->groups_n; i++)
        if (c->groups[i].group == group)
            return &c->groups[i];
    if (c->groups_n == GROUPS_MAX)
        return NULL;
    struct candidate *at = calloc(CANDIDATES, sizeof(*at));
    if (!at)
        return NULL;
    struct common_group *g = &c->groups[c->groups_n++];
    *g = (struct common_group){.group = group, .at = at};
    return g;
}

static void candidate_count(struct common_group *g, uint32_t hash)
{
    unsigned i = hash % CANDIDATES;
    while (g->at[i].texts && g->at[i].hash != hash)
        i = (i + 1) % CANDIDATES;
    if (!g->at[i].texts) {
        if (g->texts > FIRST_TEXTS || g->used >= CANDIDATES / 2)
            return;
        g->used++;
        g->at[i].hash = hash;
    }
    g->at[i].texts++;
}

int near_common_see(struct near_common *c, uint64_t group, struct str text)
{
    uint64_t hash = XXH3_64bits_withSeed(text.p, text.n, group);
    uint64_t *place = &c->seen[hash % SEEN_TEXTS];
    if (*place == hash) /* what is asked again and again is not what stands around */
        return 0;
    *place = hash;
    struct common_group *g = common_group(c, group);
    if (!g)
        return 0;
    struct shingles s;
    int err = shingles_of(text, &s);
    g->texts++;
    for (size_t i = 0; i < s.n && !err; i++)
        candidate_count(g, s.at[i]);
    free(s.at);
    return err;
}

int near_common_settle(struct near_common *c)
{
    size_t most = (size_t)c->groups_n * CANDIDATES / 2;
    c->hashes = calloc(most + 1, sizeof(*c->hashes));
    if (!c->hashes)
        return E_MEMORY;
    for (unsigned i = 0; i < c->groups_n; i++) {
        const struct common_group *g = &c->groups[i];
        for (unsigned k = 0; k < CANDIDATES && g->texts >= NEAR_COMMON_TEXTS; k++)
            if (g->at[k].texts > g->texts / 2)
                c->hashes[c->n++] = g->at[k].hash;
    }
    c->n = once_each(c->hashes, c->n);
    return 0;
}

unsigned near_common_count(const struct near_common *c)
{
    return (unsigned)c->n;
}

static bool is_common(const struct near_common *c, uint32_t hash)
{
    return bsearch(&hash, c->hashes, c->n, sizeof(hash), hash_order) != NULL;
}

struct str near_own(const struct near_common *c, struct str text)
{
    char space[WORD_BYTES];
    size_t at = 0, from = 0;
    struct str word;
    while ((word = word_next(text, &at, space, &from)).n > 0)
        if (!is_common(c, (uint32_t)(word_hash(word) >> 32)))
            return str_tail(text, from);
    return text;
}

static void common_drop(const struct near_common *c, struct shingles *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++)
        kept += !is_common(c, s->at[i]);
    if (kept == 0)
        return;
    kept = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!is_common(c, s->at[i]))
            s->at[kept++] = s->at[i];
    s->n = kept;
}

/* ---- marks ---- */

/* The next number of Steele, Lea and Flood's SplitMix (2014). */
static uint64_t mixed(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Function i of x is the upper half of a[i] * x + b[i] (Dietzfelbinger 1996). */
static void minima_find(const struct shingles *s, uint32_t minima[NEAR_MINIMA])
{
    uint64_t state = 1;
    for (unsigned i = 0; i < NEAR_MINIMA; i++) {
        uint64_t a = mixed(&state) | 1, b = mixed(&state);
        uint32_t least = UINT32_MAX;
        for (size_t k = 0; k < s->n; k++) {
            uint32_t h = (uint32_t)((a * s->at[k] + b) >> 32);
            least = h < least ? h : least;
        }
        minima[i] = least;
    }
}

int near_mark(const struct near_common *common, struct str text, struct near_mark *ret_mark)
{
    struct shingles s;
    int err = shingles_of(text, &s);
    if (!err && common && common->n > 0)
        common_drop(common, &s);
    if (!err) {
        struct near_sketch *k = &ret_mark->sketch;
        k->whole = s.n <= NEAR_LEAST;
        k->n = (unsigned)(k->whole ? s.n : NEAR_LEAST);
        if (k->n > 0)
            memcpy(k->least, s.at, k->n * sizeof(*k->least));
        minima_find(&s, ret_mark->minima);
    }
    free(s.at);
    return err;
}

/* Of the least hashes of both together, the share that is of both. */
static double alike(const uint32_t *a, unsigned a_n, const uint32_t *b, unsigned b_n, bool whole)
{
    unsigned i = 0, k = 0, all = 0, shared = 0;
    while ((i < a_n || k < b_n) && (whole || all < NEAR_LEAST)) {
        bool both = i < a_n && k < b_n && a[i] == b[k];
        bool of_a = k == b_n || (i < a_n && a[i] <= b[k]);
        i += of_a;
        k += both || !of_a;
        shared += both;
        all++;
    }
    return all ? (double)shared / all : 0;
}

double near_alike(const struct near_sketch *a, const struct near_sketch *b)
{
    return alike(a->least, a->n, b->least, b->n, a->whole && b->whole);
}

/* ---- the index ---- */

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
            double a = alike(s->least, s->n, x->hashes + it->at, it->n, s->whole && it->whole);
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
