/*
 * timer.h: call a function at a time.
 *
 * Timers sit in a heap ordered by time. Moving one to a LATER time only notes the new time (the
 * heap is put right when the old time comes), since most deadlines move on and never fire. The
 * callback runs on the loop and must not yield. Milliseconds of clock_cached_ms's clock.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct timer {
    int64_t at_ms;    /* when it shall fire */
    int64_t heap_ms;  /* where the heap has it: <= at_ms */
    uint32_t heap_at; /* index + 1; 0 when not in the heap */
    void (*fn)(struct timer *timer);
};

void timer_init(struct timer *t, void (*fn)(struct timer *timer));
MUSTCHECK int timer_start(struct timer *t, int64_t at_ms); /* also moves a running one */
void timer_stop(struct timer *t);
bool timer_running(const struct timer *t);

#endif
