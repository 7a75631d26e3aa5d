/*
 * arena.h: memory that is given back all at once.
 *
 * An arena is a chain of blocks; pieces are cut off one after the other and never freed alone.
 * A request, a configuration and a connection each have one, which is how most memory in this
 * program is owned. Every arena is born with a ceiling in bytes.
 *
 * Blocks of ARENA_BLOCK bytes are recycled through a free list (loop thread only; arenas used on
 * other threads are made with `arena_init_private`, which takes its blocks from malloc).
 * Nothing here yields.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"
#include "base/str.h"

#define ARENA_BLOCK     4096
#define ARENA_ALIGNMENT 16

struct arena_block;

struct arena {
    char *at;  /* next free byte of the newest block */
    char *end; /* its end */
    struct arena_block *newest;
    size_t held_bytes; /* of all blocks */
    size_t bytes_max;  /* ceiling for held_bytes */
    bool private_blocks;
};

void arena_init(struct arena *a, size_t bytes_max);
void arena_init_private(struct arena *a, size_t bytes_max);
/* More room, for what is known to be needed and was bounded elsewhere. */
static inline void arena_widen(struct arena *a, size_t bytes)
{
    a->bytes_max += bytes;
}
void arena_fini(struct arena *a); /* also resets to empty, so a second call is harmless */

/*
 * `size` bytes, aligned for any type, not cleared; arena_zalloc clears them.
 * NULL when the ceiling would be passed or memory is out: the caller returns E_MEMORY.
 */
MUSTCHECK void *arena_alloc_slow(struct arena *a, size_t size);
MUSTCHECK static inline void *arena_alloc(struct arena *a, size_t size)
{
#ifndef SANITIZED /* there, pieces stand apart */
    size_t step = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    /* 0 stands for a piece that is empty, or too large to be counted. */
    if (LIKELY(step != 0 && step <= (size_t)(a->end - a->at))) {
        void *piece = a->at;
        a->at += step;
        return piece;
    }
#endif
    return arena_alloc_slow(a, size);
}
MUSTCHECK void *arena_zalloc(struct arena *a, size_t size);

#define ARENA_NEW(a, type)          ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_zarray((a), sizeof(type), (count)))
MUSTCHECK void *arena_zarray(struct arena *a, size_t size, size_t count);

/* Copies; always NUL-terminated behind the text. p == NULL when the arena is full. */
MUSTCHECK struct str arena_str(struct arena *a, struct str s);
MUSTCHECK struct str arena_join(struct arena *a, struct str s, struct str t);
MUSTCHECK struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
MUSTCHECK struct str arena_vprintf(struct arena *a, const char *fmt, va_list args) PRINTF(2, 0);

/* Bytes that the free list of blocks holds now, and its ceiling; for metrics. */
size_t arena_pool_bytes(void);
void arena_pool_trim(size_t keep_bytes);

#endif
