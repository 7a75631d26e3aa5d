/*
 * timer.c: a heap with four children a node, so that a step down touches one cache line.
 *
 * heap[i].ms <= its children's ms. An entry's ms is its timer's heap_ms, which may be earlier than
 * the timer's at_ms; such an entry is moved down, not fired, when its time comes.
 */
#include "rt/timer.h"

#include "base/clock.h"
#include "base/err.h"
#include "rt/internal.h"

#define CHILDREN 4

struct entry {
    int64_t ms;
    struct timer *timer;
};

static struct {
    struct entry *heap;
    uint32_t count, capacity;
} timers;

static void place(uint32_t i, struct entry e)
{
    timers.heap[i] = e;
    e.timer->heap_at = i + 1;
}

static void sift_up(uint32_t i, struct entry e)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / CHILDREN;
        if (timers.heap[parent].ms <= e.ms)
            break;
        place(i, timers.heap[parent]);
        i = parent;
    }
    place(i, e);
}

static void sift_down(uint32_t i, struct entry e)
{
    for (;;) {
        uint32_t first = i * CHILDREN + 1;
        if (first >= timers.count)
            break;
        uint32_t end = first + CHILDREN < timers.count ? first + CHILDREN : timers.count;
        uint32_t least = first;
        for (uint32_t child = first + 1; child < end; child++)
            if (timers.heap[child].ms < timers.heap[least].ms)
                least = child;
        if (timers.heap[least].ms >= e.ms)
            break;
        place(i, timers.heap[least]);
        i = least;
    }
    place(i, e);
}

static int heap_grow(void)
{
    uint32_t capacity = timers.capacity ? timers.capacity * 2 : 64;
    struct entry *heap = realloc(timers.heap, capacity * sizeof(*heap));
    if (!heap)
        return E_MEMORY;
    timers.heap = heap;
    timers.capacity = capacity;
    return 0;
}

void timers_init(void)
{
    timers.heap = NULL;
    timers.count = timers.capacity = 0;
}

void timers_fini(void)
{
    for (uint32_t i = 0; i < timers.count; i++)
        timers.heap[i].timer->heap_at = 0;
    free(timers.heap);
    timers_init();
}

void timer_init(struct timer *t, void (*fn)(struct timer *timer))
{
    *t = (struct timer){.fn = fn};
}

bool timer_running(const struct timer *t)
{
    return t->heap_at != 0;
}

int timer_start(struct timer *t, int64_t at_ms)
{
    if (t->heap_at) {
        t->at_ms = at_ms;
        if (at_ms < t->heap_ms) {
            t->heap_ms = at_ms;
            sift_up(t->heap_at - 1, (struct entry){at_ms, t});
        }
        return 0;
    }
    if (timers.count == timers.capacity && heap_grow() != 0)
        return E_MEMORY;
    t->at_ms = t->heap_ms = at_ms;
    sift_up(timers.count++, (struct entry){at_ms, t});
    return 0;
}

void timer_stop(struct timer *t)
{
    if (!t->heap_at)
        return;
    uint32_t i = t->heap_at - 1;
    t->heap_at = 0;
    struct entry last = timers.heap[--timers.count];
    if (last.timer == t)
        return;
    if (i > 0 && timers.heap[(i - 1) / CHILDREN].ms > last.ms)
        sift_up(i, last);
    else
        sift_down(i, last);
}

int64_t timers_next_ms(void)
{
    return timers.count ? timers.heap[0].ms : INT64_MAX;
}

void timers_run(int64_t now_ms)
{
    /* Bounded, since a callback may start its timer anew for a time that has come already. */
    for (uint32_t left = timers.count; left > 0 && timers.count > 0; left--) {
        struct entry first = timers.heap[0];
        if (first.ms > now_ms)
            return;
        struct timer *t = first.timer;
        if (t->at_ms > now_ms) {
            t->heap_ms = t->at_ms;
            sift_down(0, (struct entry){t->at_ms, t});
            continue;
        }
        timer_stop(t);
        t->fn(t);
    }
}
