/* The histogram of times: see load.h for its precision. */
#include "load.h"

#include <string.h>

static size_t slot_of(uint64_t ns)
{
    if (ns < 2048)
        return (size_t)ns;
    unsigned shift = 53u - (unsigned)__builtin_clzll(ns); /* leaves 1,024 .. 2,047 */
    size_t slot = (size_t)shift * 1024 + (size_t)(ns >> shift);
    return slot < HIST_SLOTS ? slot : HIST_SLOTS - 1;
}

/* The middle of a slot. */
static uint64_t slot_value(size_t slot)
{
    if (slot < 2048)
        return slot;
    unsigned shift = (unsigned)(slot / 1024 - 1);
    return ((uint64_t)(slot % 1024 + 1024) << shift) + ((uint64_t)1 << shift) / 2;
}

void hist_clear(struct hist *h)
{
    memset(h, 0, sizeof(*h));
}

void hist_add(struct hist *h, uint64_t ns)
{
    if (h->count == 0 || ns < h->min)
        h->min = ns;
    if (ns > h->max)
        h->max = ns;
    h->count++;
    h->sum += ns;
    h->slots[slot_of(ns)]++;
}

uint64_t hist_percentile(const struct hist *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;

    if (h->count == 0)
        return 0;
    if (wanted >= h->count)
        return h->max;
    for (size_t i = 0; i < HIST_SLOTS; i++) {
        seen += h->slots[i];
        if (seen > wanted) {
            uint64_t value = slot_value(i);
            return value < h->min ? h->min : value > h->max ? h->max : value;
        }
    }
    return h->max;
}
