/*
 * recent.h: what was seen lately: keys, each with a few bytes, up to a number of bytes in all.
 *
 * What was used last stays longest: where there is no more room, what nobody has used for longest
 * goes. Who lacks something asks where all of it is. Values are copied in, and may be changed in
 * place; a pointer to one is good until the next recent_add.
 *
 * Slots for as many as there may be are there from the start, beside those bytes (a sixteenth to an
 * eighth of them; memory only as they come to be used), so that no addition ever has to move them
 * all: for 400,000 entries that took 7 ms, which a loop has not got.
 */
#ifndef BASE_RECENT_H
#define BASE_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macros.h"
#include "base/str.h"

struct recent_entry;

struct recent {
    struct recent_entry **slots; /* by hash; chained */
    unsigned slots_n;            /* a power of two */
    struct list used;            /* the last used in front */
    size_t bytes_max;
    size_t bytes, n; /* what there is now */
};

/* 0 or E_MEMORY. */
MUSTCHECK int recent_init(struct recent *r, size_t bytes_max);
void recent_fini(struct recent *r); /* also of one that is all zero */

/* The value of the key, aligned for anything; NULL: it is not there. */
void *recent_find(const struct recent *r, struct str key);
/* It was used. */
void recent_use(struct recent *r, void *value);

enum recent_place { RECENT_NEWEST, RECENT_OLDEST };

/* NULL: the key is there already, or memory is out. */
void *recent_add(struct recent *r, struct str key, const void *value, size_t value_n,
                 enum recent_place place);
/* What one more would take. */
size_t recent_bytes_of(size_t key_n, size_t value_n);

#endif
