#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

static const char alphabet[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void random_bytes(void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* no system that we run on; secrets without chance would be worse */
        p += got;
        n -= (size_t)got;
    }
}

/* xoshiro256** (Blackman and Vigna, 2018), seeded from the system. */
uint64_t random_u64(void)
{
    static uint64_t s[4];
    if (!(s[0] | s[1] | s[2] | s[3]))
        random_bytes(s, sizeof(s));
    uint64_t m = s[1] * 5;
    uint64_t result = ((m << 7) | (m >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/*
 * While the wall clock runs back by less than this, ids keep counting in the latest millisecond
 * seen, so their order holds. A larger step is a clock that was set: its time is believed.
 */
#define STEP_BACK_MS_MAX 60000

void id_new(struct id *ret_id)
{
    static int64_t last_ms;
    static uint64_t low; /* 60 of the 80 random bits; the other 20 are drawn with each new ms */
    static uint64_t high;
    int64_t now_ms = clock_wall_us() / 1000;
    if (now_ms > last_ms || now_ms < last_ms - STEP_BACK_MS_MAX) {
        last_ms = now_ms;
        /* The top bit stays free, so that counting up within a millisecond has room. */
        low = random_u64() >> 5;
        high = random_u64() >> 44;
    } else {
        low += 1 + random_u64() % 1024;
    }
    uint64_t time = (uint64_t)last_ms;
    char *p = ret_id->text;
    for (int i = 9; i >= 0; i--, time >>= 5)
        p[i] = alphabet[time & 31];
    uint64_t part = high;
    for (int i = 13; i >= 10; i--, part >>= 5)
        p[i] = alphabet[part & 31];
    part = low;
    for (int i = 25; i >= 14; i--, part >>= 5)
        p[i] = alphabet[part & 31];
    p[ID_CHARS] = '\0';
}
