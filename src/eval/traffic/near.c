#include "eval/traffic/near_internal.h"

#include <stdlib.h>
#include <xxhash.h>

#define WORD_BYTES 64 /* of a longer word, the head */
#define GROUPS_MAX 256
#define CANDIDATES 16384 /* of a group: a power of two, of which half is used */
#define FREQUENT   20    /* one in so many of a group's texts has it */
#define RUN_WORDS  30    /* frequent pairs on end: people do not write as much word by word */
#define SEEN_TEXTS 65536

/* ---- shingles ---- */

/* Hashes of shingles, each one once and in order after `shingles_settle`. */
struct shingles {
    uint32_t *at;
    size_t n, cap;
    uint64_t last;   /* word's hash; 0: none */
    size_t run_from; /* where the frequent pairs on end begin that it ends with, */
    unsigned run;    /* so many */
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

static bool is_frequent(const struct near_common *c, uint32_t hash);

/* A run of frequent pairs is over: what it added goes, if it was long. */
static void run_end(struct shingles *s)
{
    if (s->run >= RUN_WORDS)
        s->n = s->run_from;
    s->run = 0;
}

/* `c` may be NULL. */
static int words_add(const struct near_common *c, struct shingles *s, struct str text)
{
    char space[WORD_BYTES];
    size_t at = 0, from = 0;
    struct str word;
    int err = 0;
    while (!err && (word = word_next(text, &at, space, &from)).n > 0) {
        uint64_t hash = word_hash(word);
        const uint64_t pair[2] = {s->last, hash};
        uint64_t both = s->last ? XXH3_64bits(pair, sizeof(pair)) : 0;
        if (c && s->last && !is_frequent(c, (uint32_t)(both >> 32)))
            run_end(s);
        else if (c && s->last && s->run++ == 0)
            s->run_from = s->n - (s->n > 1 ? 2 : 1); /* with the word before, and its pair */
        err = shingle_add(s, hash);
        if (!err && s->last)
            err = shingle_add(s, both);
        s->last = hash ? hash : 1;
    }
    run_end(s);
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

static int shingles_of(const struct near_common *c, struct str text, struct shingles *ret)
{
    *ret = (struct shingles){.n = 0};
    size_t half = NEAR_TEXT_BYTES / 2;
    bool all = text.n <= NEAR_TEXT_BYTES;
    int err = words_add(c, ret, all ? text : str_head(text, half));
    ret->last = all ? ret->last : 0;
    if (!err && !all)
        err = words_add(c, ret, str_tail(text, text.n - half));
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
    uint32_t *hashes;          /* in order, once settled: of what more than half of texts have */
    size_t n;
    uint32_t *frequent; /* ... and of what one in FREQUENT has */
    size_t frequent_n;
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
    if (c) {
        free(c->hashes);
        free(c->frequent);
    }
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

static struct candidate *candidate_place(struct candidate *at, uint32_t hash)
{
    unsigned i = hash % CANDIDATES;
    while (at[i].texts && at[i].hash != hash)
        i = (i + 1) % CANDIDATES;
    return &at[i];
}

/* Makes room: the rarest eighth goes, and all others are counted by as much less, so that whatever
 * comes often, also late, is found (J. Misra and D. Gries, "Finding repeated elements", 1982). */
static int candidates_sift(struct common_group *g)
{
    struct candidate *fresh = calloc(CANDIDATES, sizeof(*fresh));
    uint32_t *texts = calloc(g->used, sizeof(*texts));
    unsigned n = 0;
    for (unsigned i = 0; i < CANDIDATES && texts; i++)
        if (g->at[i].texts)
            texts[n++] = g->at[i].texts;
    if (!fresh || !texts) {
        free(fresh);
        free(texts);
        return E_MEMORY;
    }
    qsort(texts, n, sizeof(*texts), hash_order);
    uint32_t less = texts[n / 8];
    g->used = 0;
    for (unsigned i = 0; i < CANDIDATES; i++) {
        const struct candidate *c = &g->at[i];
        if (c->texts <= less)
            continue;
        *candidate_place(fresh, c->hash) = (struct candidate){c->hash, c->texts - less};
        g->used++;
    }
    free(texts);
    free(g->at);
    g->at = fresh;
    return 0;
}

static int candidate_count(struct common_group *g, uint32_t hash)
{
    struct candidate *c = candidate_place(g->at, hash);
    if (!c->texts && g->used == CANDIDATES / 2) {
        int err = candidates_sift(g);
        if (err)
            return err;
        c = candidate_place(g->at, hash);
    }
    g->used += c->texts == 0;
    c->hash = hash;
    c->texts++;
    return 0;
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
    int err = shingles_of(NULL, text, &s);
    g->texts++;
    for (size_t i = 0; i < s.n && !err; i++)
        err = candidate_count(g, s.at[i]);
    free(s.at);
    return err;
}

int near_common_settle(struct near_common *c)
{
    size_t most = (size_t)c->groups_n * CANDIDATES / 2;
    c->hashes = calloc(most + 1, sizeof(*c->hashes));
    c->frequent = calloc(most + 1, sizeof(*c->frequent));
    if (!c->hashes || !c->frequent)
        return E_MEMORY;
    for (unsigned i = 0; i < c->groups_n; i++) {
        const struct common_group *g = &c->groups[i];
        unsigned often = g->texts / FREQUENT;
        often = often < NEAR_COMMON_TEXTS / 2 ? NEAR_COMMON_TEXTS / 2 : often;
        for (unsigned k = 0; k < CANDIDATES && g->texts >= NEAR_COMMON_TEXTS; k++) {
            if (g->at[k].texts > g->texts / 2)
                c->hashes[c->n++] = g->at[k].hash;
            if (g->at[k].texts >= often)
                c->frequent[c->frequent_n++] = g->at[k].hash;
        }
        free(c->groups[i].at);
    }
    c->groups_n = 0;
    c->n = once_each(c->hashes, c->n);
    c->frequent_n = once_each(c->frequent, c->frequent_n);
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

static bool is_frequent(const struct near_common *c, uint32_t hash)
{
    return bsearch(&hash, c->frequent, c->frequent_n, sizeof(hash), hash_order) != NULL;
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
    int err = shingles_of(common, text, &s);
    if (!err && s.n == 0 && common) {
        free(s.at);
        err = shingles_of(NULL, text, &s);
    }
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

double near_alike_hashes(const uint32_t *a, unsigned a_n, const uint32_t *b, unsigned b_n,
                         bool whole)
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
    return near_alike_hashes(a->least, a->n, b->least, b->n, a->whole && b->whole);
}
