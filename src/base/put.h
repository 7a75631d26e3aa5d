/*
 * put.h: writing text into memory that is known to be large enough.
 *
 * Each function writes at `at` and returns the next free byte. Most pieces of text are short; those
 * are moved here by two moves of a fixed size, which costs less than calling memcpy.
 */
#ifndef BASE_PUT_H
#define BASE_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

#define PUT_U64_MAX     20 /* digits of a uint64_t */
#define PUT_DECIMAL_MAX 22 /* sign, digits, point */

static inline char *put_bytes(char *at, const void *bytes, size_t n)
{
    const char *p = bytes;
    if (n > 32) {
        memcpy(at, p, n);
    } else if (n >= 16) {
        memcpy(at, p, 16);
        memcpy(at + n - 16, p + n - 16, 16);
    } else if (n >= 8) {
        memcpy(at, p, 8);
        memcpy(at + n - 8, p + n - 8, 8);
    } else if (n >= 4) {
        memcpy(at, p, 4);
        memcpy(at + n - 4, p + n - 4, 4);
    } else if (n > 0) {
        at[0] = p[0];
        at[n / 2] = p[n / 2];
        at[n - 1] = p[n - 1];
    }
    return at + n;
}

static inline char *put_str(char *at, struct str s)
{
    return put_bytes(at, s.p, s.n);
}

char *put_u64(char *at, uint64_t value);
static inline char *put_i64(char *at, int64_t value)
{
    if (value < 0)
        *at++ = '-';
    return put_u64(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/*
 * `value` divided by 10 to the `places` (at most 18), exact: (1234567, 9) is 0.001234567. Zeros at
 * the end go, down to `places_least` decimals: (12000, 3, 3) is 12.000, (12000, 3, 0) is 12.
 */
char *put_decimal(char *at, int64_t value, unsigned places, unsigned places_least);

/* `width` digits with zeros in front; `value` has no more. */
char *put_digits(char *at, unsigned value, unsigned width);

/* Two small hexadecimal digits for each byte. */
char *put_hex(char *at, const unsigned char *bytes, size_t n);

#endif
