/*
 * rbuf.h: the read buffer of a connection, which it holds only while there are bytes in it.
 *
 *     mem .. from -- consumed, from .. to -- read and not yet consumed, to .. cap -- free
 *
 * Blocks of RBUF_BYTES come from a free list, last in first out, so that many connections that
 * mostly wait share a few warm blocks. Before a wait an empty buffer gives its block back.
 * Internal to http/; loop thread only.
 */
#ifndef HTTP_RBUF_H
#define HTTP_RBUF_H

#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "net/stream.h"

#define RBUF_BYTES    (32 * 1024)
#define RBUF_FREE_MAX 64 /* blocks that the free list keeps */

struct rbuf {
    char *mem; /* NULL while it holds no block */
    size_t cap, from, to;
};

static inline size_t rbuf_held(const struct rbuf *b)
{
    return b->to - b->from;
}
static inline struct str rbuf_view(const struct rbuf *b)
{
    return (struct str){b->mem + b->from, b->to - b->from};
}

/* Gives the block back, whatever is in it. */
void rbuf_drop(struct rbuf *b);

/*
 * Reads what is there behind the held bytes and waits for the first of it. An empty buffer starts
 * again at its block's beginning and holds none while it waits. There must be room (rbuf_room) if
 * bytes are held. The errors are the stream's.
 */
YIELDS MUSTCHECK int rbuf_fill(struct rbuf *b, struct stream *s);

/*
 * Makes room behind the held bytes: moves them to the front, then doubles the memory up to
 * cap_max. E_TOO_LARGE, E_MEMORY. *ret_moved is how far the held bytes went: new minus old address.
 */
MUSTCHECK int rbuf_room(struct rbuf *b, size_t cap_max, ptrdiff_t *ret_moved);

#endif
