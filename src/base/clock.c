#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* Tests own time through this; in the program it is never set. */
static struct {
    bool on;
    int64_t mono_us, wall_us;
} fake;

static int64_t cached_ms;

static int64_t read_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return UNLIKELY(fake.on) ? fake.mono_us : read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return UNLIKELY(fake.on) ? fake.wall_us : read_us(CLOCK_REALTIME);
}

int64_t clock_cached_ms(void)
{
    if (cached_ms == 0)
        clock_refresh();
    return cached_ms;
}

void clock_refresh(void)
{
    cached_ms = clock_mono_us() / 1000;
}

void clock_fake(int64_t mono_us, int64_t wall_us)
{
    fake.on = true;
    fake.mono_us = mono_us;
    fake.wall_us = wall_us;
    clock_refresh();
}

void clock_advance_us(int64_t us)
{
    fake.mono_us += us;
    fake.wall_us += us;
    clock_refresh();
}

void clock_real(void)
{
    fake.on = false;
    clock_refresh();
}

char *clock_iso(int64_t wall_us, char out[25])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    int ms = (int)(wall_us % 1000000 / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    size_t n = strftime(out, 25, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(out + n, 25 - n, ".%03dZ", ms);
    return out;
}
