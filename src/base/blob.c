#include "base/blob.h"

#include <stdlib.h>

struct blob *blob_new(struct str s)
{
    struct blob *b = malloc(sizeof(*b) + s.n + 1);
    if (!b)
        return NULL;
    b->refs = 1;
    b->n = s.n;
    if (s.n)
        memcpy(b->bytes, s.p, s.n);
    b->bytes[s.n] = '\0';
    return b;
}

struct blob *blob_ref(struct blob *b)
{
    b->refs++;
    return b;
}

void blob_unref(struct blob *b)
{
    if (b && --b->refs == 0)
        free(b);
}
