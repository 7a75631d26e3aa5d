#include "base/put.h"

#define PLACES_MAX 18
#define BILLION    1000000000u /* the largest power of ten in 32 bits, which are cheap to divide */

static const char pairs[200] = "00010203040506070809101112131415161718192021222324"
                               "25262728293031323334353637383940414243444546474849"
                               "50515253545556575859606162636465666768697071727374"
                               "75767778798081828384858687888990919293949596979899";

static const uint64_t powers[PLACES_MAX + 1] = {
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
};

char *put_digits(char *at, unsigned value, unsigned width)
{
    char *end = at + width;
    for (; width >= 2; width -= 2) {
        memcpy(at + width - 2, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (width > 0)
        at[0] = (char)('0' + value % 10);
    return end;
}

char *put_u64(char *at, uint64_t value)
{
    if (value < 10) {
        *at = (char)('0' + value);
        return at + 1;
    }
    if (value >= BILLION)
        return put_digits(put_u64(at, value / BILLION), (unsigned)(value % BILLION), 9);
    unsigned width = 2;
    while (value >= powers[width])
        width++;
    return put_digits(at, (unsigned)value, width);
}

/* The division is one by a constant where it can be. */
static uint64_t whole_of(uint64_t value, unsigned places)
{
    switch (places) {
    case 0:
        return value;
    case 3:
        return value / 1000;
    case 9:
        return value / BILLION;
    default:
        return value / powers[places];
    }
}

char *put_decimal(char *at, int64_t value, unsigned places, unsigned places_least)
{
    uint64_t all = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    places = places < PLACES_MAX ? places : PLACES_MAX;
    if (value < 0)
        *at++ = '-';
    uint64_t whole = whole_of(all, places);
    uint64_t part = all - whole * powers[places];
    at = put_u64(at, whole);
    for (; places > places_least && part % 10 == 0; places--)
        part /= 10;
    if (places == 0)
        return at;
    *at++ = '.';
    if (places > 9) {
        at = put_digits(at, (unsigned)(part / BILLION), places - 9);
        part %= BILLION;
        places = 9;
    }
    return put_digits(at, (unsigned)part, places);
}

char *put_hex(char *at, const unsigned char *bytes, size_t n)
{
    static const char digits[16] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    return at;
}
