#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

/* How much memory the free list of blocks keeps for the next requests. */
#define POOL_BYTES_MAX (16u * 1024 * 1024)

/* malloc's own header completes a block to ARENA_BLOCK bytes, so blocks tile whole pages. */
#define BLOCK_MALLOC_BYTES (ARENA_BLOCK - sizeof(size_t))

/* Above this a piece has a block of its own: less is wasted at the newest block's end. */
#define LARGE_BYTES (ARENA_BLOCK / 4)

/* With the address sanitizer, what no piece covers must not be touched, and pieces stand apart. */
#ifdef __has_feature /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP            16
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define GAP            0
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct arena_block {
    struct arena_block *next;
    size_t bytes; /* of the whole block, this header included; ARENA_BLOCK for the usual ones */
};

_Static_assert(sizeof(struct arena_block) % ARENA_ALIGNMENT == 0, "pieces behind it are aligned");

static struct {
    struct arena_block *free;
    size_t bytes;
} pool;

static struct arena_block *block_get(const struct arena *a)
{
    struct arena_block *b = a->private_blocks ? NULL : pool.free;
    if (b) {
        pool.free = b->next;
        pool.bytes -= ARENA_BLOCK;
        return b;
    }
    b = malloc(BLOCK_MALLOC_BYTES);
    if (b)
        b->bytes = ARENA_BLOCK;
    return b;
}

static void block_put(const struct arena *a, struct arena_block *b)
{
    UNPOISON(b + 1, b->bytes == ARENA_BLOCK ? BLOCK_MALLOC_BYTES - sizeof(*b) : 0);
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

static bool has_room(const struct arena *a, size_t bytes)
{
    return a->held_bytes <= a->bytes_max && bytes <= a->bytes_max - a->held_bytes;
}

/* A large piece gets a block of its own behind the newest, whose rest stays in use. */
static void *large_alloc(struct arena *a, size_t size)
{
    size_t bytes = sizeof(struct arena_block) + size;
    struct arena_block *b = has_room(a, bytes) ? malloc(bytes) : NULL;
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

static bool block_add(struct arena *a)
{
    struct arena_block *b = has_room(a, ARENA_BLOCK) ? block_get(a) : NULL;
    if (!b)
        return false;
    b->next = a->newest;
    a->newest = b;
    a->held_bytes += ARENA_BLOCK;
    a->at = (char *)(b + 1);
    a->end = (char *)b + BLOCK_MALLOC_BYTES;
    POISON(a->at, (size_t)(a->end - a->at));
    return true;
}

void *arena_alloc_slow(struct arena *a, size_t size)
{
    if (UNLIKELY(size > SIZE_MAX / 2))
        return NULL;
    /* An empty piece is one byte long, since NULL would mean that there is no room. */
    size_t step = (size + !size + ARENA_ALIGNMENT - 1 + GAP) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if (step > (size_t)(a->end - a->at)) {
        if (step > LARGE_BYTES)
            return large_alloc(a, step);
        if (!block_add(a))
            return NULL;
    }
    void *piece = a->at;
    a->at += step;
    UNPOISON(piece, size);
    return piece;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *piece = arena_alloc(a, size);
    if (piece)
        memset(piece, 0, size);
    return piece;
}

void *arena_zarray(struct arena *a, size_t size, size_t count)
{
    size_t bytes;
    if (__builtin_mul_overflow(size, count, &bytes))
        return NULL;
    return arena_zalloc(a, bytes);
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

struct str arena_join(struct arena *a, struct str s, struct str t)
{
    char *copy = arena_alloc(a, s.n + t.n + 1);
    if (!copy)
        return STR_NONE;
    if (s.n)
        memcpy(copy, s.p, s.n);
    if (t.n)
        memcpy(copy + s.n, t.p, t.n);
    copy[s.n + t.n] = '\0';
    return str_of(copy, s.n + t.n);
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    char text[256];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    struct str made = STR_NONE;
    if (n >= 0 && (size_t)n < sizeof(text)) {
        made = arena_str(a, str_of(text, (size_t)n));
    } else if (n >= 0) {
        char *p = arena_alloc(a, (size_t)n + 1);
        if (p)
            vsnprintf(p, (size_t)n + 1, fmt, again);
        made = p ? str_of(p, (size_t)n) : STR_NONE;
    }
    va_end(again);
    return made;
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
