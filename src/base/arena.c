#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

/* How much memory the free list of blocks keeps for the next requests. */
#define POOL_BYTES_MAX (16u * 1024 * 1024)
#define ALIGNMENT 16

struct arena_block {
    struct arena_block *next;
    size_t bytes; /* of the whole block, this header included */
};

_Static_assert(sizeof(struct arena_block) % ALIGNMENT == 0, "pieces behind it are aligned");

static struct {
    struct arena_block *free;
    size_t bytes;
} pool;

static struct arena_block *block_get(struct arena *a, size_t bytes)
{
    if (bytes == ARENA_BLOCK && !a->private_blocks && pool.free) {
        struct arena_block *b = pool.free;
        pool.free = b->next;
        pool.bytes -= ARENA_BLOCK;
        return b;
    }
    struct arena_block *b = malloc(bytes);
    if (b)
        b->bytes = bytes;
    return b;
}

static void block_put(const struct arena *a, struct arena_block *b)
{
    if (b->bytes != ARENA_BLOCK || a->private_blocks || pool.bytes >= POOL_BYTES_MAX) {
        free(b);
        return;
    }
    b->next = pool.free;
    pool.free = b;
    pool.bytes += ARENA_BLOCK;
}

void arena_init(struct arena *a, size_t bytes_max)
{
    *a = (struct arena){.bytes_max = bytes_max};
}

void arena_init_private(struct arena *a, size_t bytes_max)
{
    *a = (struct arena){.bytes_max = bytes_max, .private_blocks = true};
}

void arena_fini(struct arena *a)
{
    while (a->newest) {
        struct arena_block *b = a->newest;
        a->newest = b->next;
        block_put(a, b);
    }
    a->at = a->end = NULL;
    a->held_bytes = 0;
}

/* A large piece gets a block of its own behind the newest, whose rest stays in use. */
static void *large_alloc(struct arena *a, size_t size)
{
    size_t bytes = sizeof(struct arena_block) + size;
    if (a->held_bytes + bytes > a->bytes_max)
        return NULL;
    struct arena_block *b = malloc(bytes);
    if (!b)
        return NULL;
    b->bytes = bytes;
    a->held_bytes += bytes;
    if (a->newest) {
        b->next = a->newest->next;
        a->newest->next = b;
    } else {
        b->next = NULL;
        a->newest = b;
    }
    return b + 1;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (size <= (size_t)(a->end - a->at)) {
        void *piece = a->at;
        a->at += size;
        return piece;
    }
    if (size > ARENA_BLOCK / 4) {
        if (a->held_bytes > a->bytes_max || size > a->bytes_max)
            return NULL;
        return large_alloc(a, size);
    }
    if (a->held_bytes + ARENA_BLOCK > a->bytes_max)
        return NULL;
    struct arena_block *b = block_get(a, ARENA_BLOCK);
    if (!b)
        return NULL;
    b->next = a->newest;
    a->newest = b;
    a->held_bytes += ARENA_BLOCK;
    a->at = (char *)(b + 1) + size;
    a->end = (char *)b + ARENA_BLOCK;
    return b + 1;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *piece = arena_alloc(a, size);
    if (piece)
        memset(piece, 0, size);
    return piece;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.n + 1);
    if (!copy)
        return STR_NONE;
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return str_of(copy, s.n);
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = (size_t)(a->end - a->at);
    int n = vsnprintf(room ? a->at : NULL, room, fmt, args); /* at once where it fits */
    struct str text = STR_NONE;
    if (n >= 0) {
        char *p = arena_alloc(a, (size_t)n + 1);
        if (p && (size_t)n + 1 > room)
            vsnprintf(p, (size_t)n + 1, fmt, again);
        if (p)
            text = str_of(p, (size_t)n);
    }
    va_end(again);
    return text;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct str text = arena_vprintf(a, fmt, args);
    va_end(args);
    return text;
}

size_t arena_pool_bytes(void)
{
    return pool.bytes;
}

void arena_pool_trim(size_t keep_bytes)
{
    while (pool.free && pool.bytes > keep_bytes) {
        struct arena_block *b = pool.free;
        pool.free = b->next;
        pool.bytes -= ARENA_BLOCK;
        free(b);
    }
}
