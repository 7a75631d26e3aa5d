#include "base/put.h"

#define PLACES_MAX 18

static const char pairs[200] = "00010203040506070809101112131415161718192021222324"
                               "25262728293031323334353637383940414243444546474849"
                               "50515253545556575859606162636465666768697071727374"
                               "75767778798081828384858687888990919293949596979899";

static const uint64_t powers[PUT_U64_MAX] = {
    1u,
    10u,
    100u,
    1000u,
    10000u,
    100000u,
    1000000u,
    10000000u,
    100000000u,
    1000000000u,
    10000000000u,
    100000000000u,
    1000000000000u,
    10000000000000u,
    100000000000000u,
    1000000000000000u,
    10000000000000000u,
    100000000000000000u,
    1000000000000000000u,
    10000000000000000000u,
};

/* How many digits it has: 1233 / 4096 is a little more than the logarithm of 2. */
static unsigned digits_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned least = bits * 1233 >> 12;
    return least + (value >= powers[least]) + (value == 0);
}

/* The last `n` digits of `value`, ending before `end`; returns the rest of it. */
static inline uint64_t digits_put(char *end, uint64_t value, unsigned n)
{
    for (; n >= 2; n -= 2) {
        end -= 2;
        memcpy(end, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (n > 0) {
        end[-1] = (char)('0' + value % 10);
        value /= 10;
    }
    return value;
}

char *put_u64(char *at, uint64_t value)
{
    char *end = at + digits_of(value);
    digits_put(end, value, (unsigned)(end - at));
    return end;
}

char *put_digits(char *at, unsigned value, unsigned width)
{
    digits_put(at + width, value, width);
    return at + width;
}

char *put_decimal(char *at, int64_t value, unsigned places, unsigned places_least)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    places = places < PLACES_MAX ? places : PLACES_MAX;
    if (value < 0)
        *at++ = '-';
    for (; places > places_least && rest % 10 == 0; places--)
        rest /= 10;
    if (places == 0)
        return put_u64(at, rest);
    unsigned digits = digits_of(rest);
    unsigned whole = digits > places ? digits - places : 1;
    char *end = at + whole + 1 + places;
    rest = digits_put(end, rest, places);
    at[whole] = '.';
    digits_put(at + whole, rest, whole);
    return end;
}
