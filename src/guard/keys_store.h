/*
 * keys_store.h: the keys that sluice made, in the database. Internal to guard/.
 *
 * Every function opens the database, does its work and closes it: keys change rarely, and a handle
 * belongs to one thread. All may block on the disk.
 */
#ifndef GUARD_KEYS_STORE_H
#define GUARD_KEYS_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/sha256.h"
#include "guard/keys.h"

#define KEY_HASH_BYTES SHA256_BYTES

struct key_record {
    struct key key;
    /* sha256 of the secret: 200 random bits need nothing slower */
    unsigned char hash[KEY_HASH_BYTES];
};

/* All records, sorted by public part. */
struct key_list {
    struct arena arena;
    unsigned n, cap;
    struct key_record *at;
};

MUSTCHECK int key_store_load(const char *where, struct key_list **ret_list, struct fault *f);
MUSTCHECK int key_store_insert(const char *where, const struct key_record *r, struct fault *f);
MUSTCHECK int key_store_revoke(const char *where, struct str public_part, int64_t now_us,
                               struct fault *f);
void key_list_free(struct key_list *l);
const struct key_record *key_list_find(const struct key_list *l, struct str public_part);

#endif
