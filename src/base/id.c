#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
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

/* Five bits a character, the last ones of `value`. */
static void chars_put(char *to, unsigned n, uint64_t value)
{
    for (; n > 0; n--, value >>= 5)
        to[n - 1] = alphabet[value & 31];
}

void id_new_at(struct id *ret_id, int64_t wall_us)
{
    static int64_t last_ms;
    static char begin[14]; /* of all ids of that millisecond: its time and 20 random bits */
    static uint64_t low;   /* the other 60 */
    int64_t now_ms = wall_us / 1000;
    if (now_ms > last_ms || now_ms < last_ms - STEP_BACK_MS_MAX) {
        last_ms = now_ms;
        chars_put(begin, 10, (uint64_t)last_ms);
        /* The top bit stays free, so that counting up within a millisecond has room. */
        low = random_u64() >> 5;
        chars_put(begin + 10, 4, random_u64() >> 44);
    } else {
        low += 1 + random_u64() % 1024;
    }
    memcpy(ret_id->text, begin, sizeof(begin));
    chars_put(ret_id->text + sizeof(begin), ID_CHARS - sizeof(begin), low);
    ret_id->text[ID_CHARS] = '\0';
}

void id_new(struct id *ret_id)
{
    id_new_at(ret_id, clock_wall_us());
}
