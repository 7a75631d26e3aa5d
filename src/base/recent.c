#include "base/recent.h"

#include <stdalign.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/err.h"

#define SLOT_BYTES_MIN 128 /* of entries, for each slot */

struct recent_entry {
    struct list used;          /* in recent.used */
    struct recent_entry *next; /* in its slot */
    uint64_t hash;
    uint32_t key_n, value_n;
    alignas(max_align_t) char bytes[]; /* the value, then the key */
};

static struct str key_of(const struct recent_entry *e)
{
    return str_of(e->bytes + e->value_n, e->key_n);
}

size_t recent_bytes_of(size_t key_n, size_t value_n)
{
    return sizeof(struct recent_entry) + key_n + value_n;
}

int recent_init(struct recent *r, size_t bytes_max)
{
    *r = (struct recent){.bytes_max = bytes_max, .slots_n = 1};
    list_init(&r->used);
    while (r->slots_n < bytes_max / SLOT_BYTES_MIN)
        r->slots_n *= 2;
    r->slots = calloc(r->slots_n, sizeof(struct recent_entry *));
    return r->slots ? 0 : E_MEMORY;
}

/* Where the key's place in its slot is: it, or the NULL at the end. */
static struct recent_entry **place_of(const struct recent *r, struct str key, uint64_t hash)
{
    struct recent_entry **at = &r->slots[hash & (r->slots_n - 1)];
    while (*at && ((*at)->hash != hash || !str_eq(key_of(*at), key)))
        at = &(*at)->next;
    return at;
}

static void drop_oldest(struct recent *r)
{
    struct recent_entry *e = LIST_ENTRY(r->used.prev, struct recent_entry, used);
    *place_of(r, key_of(e), e->hash) = e->next;
    list_remove(&e->used);
    r->n--;
    r->bytes -= recent_bytes_of(e->key_n, e->value_n);
    free(e);
}

void recent_fini(struct recent *r)
{
    while (r->n > 0)
        drop_oldest(r);
    free(r->slots);
    r->slots = NULL;
}

void *recent_find(const struct recent *r, struct str key)
{
    struct recent_entry *e = *place_of(r, key, XXH3_64bits(key.p, key.n));
    return e ? e->bytes : NULL;
}

void recent_use(struct recent *r, void *value)
{
    struct recent_entry *e = CONTAINER_OF(value, struct recent_entry, bytes);
    list_remove(&e->used);
    list_push_front(&r->used, &e->used);
}

void *recent_add(struct recent *r, struct str key, const void *value, size_t value_n,
                 enum recent_place place)
{
    uint64_t hash = XXH3_64bits(key.p, key.n);
    if (*place_of(r, key, hash))
        return NULL;
    struct recent_entry *e = malloc(recent_bytes_of(key.n, value_n));
    if (!e)
        return NULL;
    *e =
        (struct recent_entry){.hash = hash, .key_n = (uint32_t)key.n, .value_n = (uint32_t)value_n};
    memcpy(e->bytes, value, value_n);
    if (key.n)
        memcpy(e->bytes + value_n, key.p, key.n);
    struct recent_entry **slot = &r->slots[hash & (r->slots_n - 1)];
    e->next = *slot;
    *slot = e;
    if (place == RECENT_NEWEST)
        list_push_front(&r->used, &e->used);
    else
        list_push_back(&r->used, &e->used);
    r->n++;
    r->bytes += recent_bytes_of(key.n, value_n);
    while (r->bytes > r->bytes_max && r->n > 1)
        drop_oldest(r);
    return e->bytes;
}
