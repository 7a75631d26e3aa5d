#include "base/clock.h"

#include <stdbool.h>
#include <time.h>

/* Tests own time through this; in the program it is never set. */
static struct {
    bool on;
    int64_t mono_us, wall_us;
} fake;

int64_t clock_kept_ms;

#define DIFFERENCE_US_MAX 100000 /* how old the measured difference may be */

static struct {
    int64_t measured_us, wall_less_mono_us;
} difference;

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z */
#define ISO_MS_MIN (-62167219200000LL)
#define ISO_MS_MAX 253402300799999LL

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

/* Halfway between two readings of the one clock stands the reading of the other. */
static void difference_measure(void)
{
    int64_t before = clock_mono_us();
    int64_t wall = clock_wall_us();
    int64_t after = clock_mono_us();
    difference.measured_us = after;
    difference.wall_less_mono_us = wall - (before + after) / 2;
}

int64_t clock_wall_at(int64_t mono_us)
{
    if (UNLIKELY(fake.on))
        return fake.wall_us + (mono_us - fake.mono_us);
    if (UNLIKELY(mono_us - difference.measured_us > DIFFERENCE_US_MAX))
        difference_measure();
    return mono_us + difference.wall_less_mono_us;
}

void clock_refresh(void)
{
    clock_kept_ms = clock_mono_us() / 1000;
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

static char *digits_write(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

char *clock_iso(int64_t wall_us, char out[25])
{
    /* Rounded down also before 1970; the text has room for the years 0 to 9999. */
    int64_t ms = wall_us / 1000 - (wall_us % 1000 < 0);
    if (ms < ISO_MS_MIN)
        ms = ISO_MS_MIN;
    if (ms > ISO_MS_MAX)
        ms = ISO_MS_MAX;
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm t;
    gmtime_r(&seconds, &t);
    char *at = digits_write(out, t.tm_year + 1900, 4);
    *at++ = '-';
    at = digits_write(at, t.tm_mon + 1, 2);
    *at++ = '-';
    at = digits_write(at, t.tm_mday, 2);
    *at++ = 'T';
    at = digits_write(at, t.tm_hour, 2);
    *at++ = ':';
    at = digits_write(at, t.tm_min, 2);
    *at++ = ':';
    at = digits_write(at, t.tm_sec, 2);
    *at++ = '.';
    at = digits_write(at, (int)(ms - (int64_t)seconds * 1000), 3);
    *at++ = 'Z';
    *at = '\0';
    return out;
}
