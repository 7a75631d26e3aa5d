/*
 * stack.c: the stacks of tasks. Mapped with a guard page below, recycled last in, first out (the
 * one used last is warm in the cache), and given back to the system above STACKS_FREE_MAX.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "rt/internal.h"

#if RT_ASAN
#include <sanitizer/asan_interface.h>
#endif
#if RT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* The sanitizers' frames are several times as large. */
#define STACK_BYTES     ((size_t)TASK_STACK_BYTES * (RT_ASAN || RT_TSAN ? 4 : 1))
#define STACKS_FREE_MAX 128

/* Since Linux 6.13: a guard page without a mapping of its own. Older headers do not name it. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static struct {
    struct stack *free;
    size_t count_free, count_mapped;
} stacks;

static size_t guard_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static struct stack *stack_map(void)
{
    size_t guard = guard_bytes();
    /* MAP_STACK also keeps huge pages away, of which an idle task would own a whole one. */
    char *mapping = mmap(NULL, guard + STACK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    if (madvise(mapping, guard, MADV_GUARD_INSTALL) != 0 &&
        mprotect(mapping, guard, PROT_NONE) != 0) {
        munmap(mapping, guard + STACK_BYTES);
        return NULL;
    }
    struct stack *s = (struct stack *)(mapping + guard + STACK_BYTES - sizeof(*s));
    s->low = mapping + guard;
    s->bytes = STACK_BYTES;
#if RT_TSAN
    s->fiber = __tsan_create_fiber(0);
#endif
    stacks.count_mapped++;
    return s;
}

unsigned task_mappings(void)
{
    size_t bytes = 2 * guard_bytes();
    char *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return 2;
    bool within = madvise(mapping, guard_bytes(), MADV_GUARD_INSTALL) == 0;
    munmap(mapping, bytes);
    return within ? 1 : 2;
}

static void stack_unmap(struct stack *s)
{
#if RT_TSAN
    __tsan_destroy_fiber(s->fiber);
#endif
    munmap(s->low - guard_bytes(), guard_bytes() + s->bytes);
    stacks.count_mapped--;
}

struct stack *stack_get(void)
{
    struct stack *s = stacks.free;
    if (!s)
        return stack_map();
    stacks.free = s->next_free;
    stacks.count_free--;
#if RT_ASAN
    /* The last user's outermost frames were left without their epilogues. */
    __asan_unpoison_memory_region(s->low, s->bytes);
#endif
    return s;
}

void stack_put(struct stack *s)
{
    if (stacks.count_free >= STACKS_FREE_MAX) {
        stack_unmap(s);
        return;
    }
    s->next_free = stacks.free;
    stacks.free = s;
    stacks.count_free++;
}

void stack_release_all(void)
{
    while (stacks.free) {
        struct stack *s = stacks.free;
        stacks.free = s->next_free;
        stack_unmap(s);
    }
    stacks.count_free = 0;
}

size_t stack_count_free(void)
{
    return stacks.count_free;
}

size_t stack_count_mapped(void)
{
    return stacks.count_mapped;
}
