/* head.c: header fields, numbers and the date, written into memory that is large enough. */
#include "http/head.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"

bool head_is_framing(struct str name)
{
    switch (name.n) {
    case 4:
        return str_eq_nocase(name, STR("Date"));
    case 10:
        return str_eq_nocase(name, STR("Connection")) || str_eq_nocase(name, STR("Keep-Alive"));
    case 14:
        return str_eq_nocase(name, STR("Content-Length"));
    case 17:
        return str_eq_nocase(name, STR("Transfer-Encoding"));
    default:
        return false;
    }
}

/* Eight bytes at a time: a byte below 0x20 has its high bit set after the subtraction. */
static bool has_control(struct str s)
{
    const uint64_t ones = 0x0101010101010101u;
    const char *p = s.p;
    size_t n = s.n;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        if ((x - ones * 0x20) & ~x & (ones * 0x80)) {
            for (size_t i = 0; i < 8; i++) {
                if ((unsigned char)p[i] < 0x20 && p[i] != '\t')
                    return true;
            }
        }
    }
    for (; n > 0; n--, p++) {
        if ((unsigned char)*p < 0x20 && *p != '\t')
            return true;
    }
    return false;
}

int head_measure(const struct http_headers *h, size_t *ret_n)
{
    size_t n = 0;

    for (unsigned i = 0; h != NULL && i < h->n; i++) {
        const struct http_header *f = &h->at[i];
        if (f->name.n == 0 || has_control(f->name) || has_control(f->value))
            return E_INTERNAL;
        n += f->name.n + f->value.n + 4;
    }
    *ret_n = n;
    return 0;
}

char *head_u64(char *at, uint64_t value)
{
    char digits[HEAD_U64_MAX];
    size_t n = 0;

    do {
        digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return head_str(at, str_of(digits + sizeof(digits) - n, n));
}

char *head_field(char *at, struct str name, struct str value)
{
    at = head_str(at, name);
    *at++ = ':';
    *at++ = ' ';
    at = head_str(at, value);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

char *head_fields(char *at, const struct http_headers *h)
{
    for (unsigned i = 0; h != NULL && i < h->n; i++) {
        if (!head_is_framing(h->at[i].name))
            at = head_field(at, h->at[i].name, h->at[i].value);
    }
    return at;
}

char *head_chunk(char *at, uint64_t size)
{
    int shift = 60;

    while (shift > 0 && (size >> shift) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[(size >> shift) & 15];
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

char *head_date(char *at)
{
    /* The text is true from made_ms on until next_ms, when the second ends. */
    static char text[HEAD_DATE_BYTES + 16];
    static int64_t made_ms = 1;
    static int64_t next_ms;
    int64_t now_ms = clock_cached_ms();

    if (UNLIKELY(now_ms >= next_ms || now_ms < made_ms)) {
        int64_t wall_us = clock_wall_us();
        time_t seconds = (time_t)(wall_us / 1000000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        /* strftime would speak the user's language. */
        static const char days[] = "SunMonTueWedThuFriSat";
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        snprintf(text, sizeof(text), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                 (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
        made_ms = now_ms;
        next_ms = now_ms + 1000 - wall_us / 1000 % 1000;
    }
    memcpy(at, text, HEAD_DATE_BYTES);
    return at + HEAD_DATE_BYTES;
}
