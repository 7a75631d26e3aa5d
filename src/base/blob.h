/*
 * blob.h: bytes that several owners share and nobody changes.
 *
 * Reference counted without atomics: blobs live on the loop thread. One that crosses to another
 * thread is handed over whole (its only reference goes with it).
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stddef.h>

#include "base/macros.h"
#include "base/str.h"

struct blob {
    unsigned refs;
    size_t n;
    char bytes[]; /* n bytes and a NUL */
};

/* A copy of `s` with one reference, or NULL when memory is out. */
MUSTCHECK struct blob *blob_new(struct str s);
MUSTCHECK struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b); /* NULL is harmless */
static inline struct str blob_view(const struct blob *b)
{
    return (struct str){b->bytes, b->n};
}

#endif
