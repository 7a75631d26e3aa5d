/*
 * clock.h: time, behind one door so that tests can own it.
 *
 * Monotonic time is for waiting and measuring, wall time for what people and the ledger read.
 * `clock_cached_ms` is refreshed once a round of the loop and costs nothing.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/macros.h"

int64_t clock_mono_us(void); /* microseconds since some fixed point */
int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */
/* The wall's time at a monotonic time of late. Reads no clock: how far the two are apart is
 * measured ten times a second at most, so a clock that was set is seen that much later. Loop thread
 * only. */
int64_t clock_wall_at(int64_t mono_us);
void clock_refresh(void); /* the loop calls this after every wait */

extern int64_t clock_kept_ms; /* clock.c's; visible so that to read it costs nothing */
static inline int64_t clock_cached_ms(void)
{
    if (UNLIKELY(clock_kept_ms == 0))
        clock_refresh();
    return clock_kept_ms;
}

/* Tests: from now on time stands still at these values and moves only by clock_advance_us. */
void clock_fake(int64_t mono_us, int64_t wall_us);
void clock_advance_us(int64_t us);
void clock_real(void);

/* "2026-11-24T15:04:05.678Z" into `out` (at least 25 bytes); returns `out`. */
char *clock_iso(int64_t wall_us, char out[25]);

#endif
