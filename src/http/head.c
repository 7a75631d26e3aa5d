/* head.c: header fields, numbers and the date, written into memory that is large enough. */
#include "http/head.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

#define DATE_BYTES 29

#define FIELDS_OF_FRAMING                                                                          \
    (FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_DATE) |       \
     FIELD_BIT(FIELD_KEEP_ALIVE) | FIELD_BIT(FIELD_TRANSFER_ENCODING))

size_t head_measure(const struct http_headers *h)
{
    size_t n = 0;

    for (unsigned i = 0; h != NULL && i < h->n; i++)
        n += h->at[i].name.n + h->at[i].value.n + 4;
    return n;
}

static inline char *field_put(char *at, struct str name, struct str value)
{
    at = put_str(put_str(at, name), STR(": "));
    return put_str(put_str(at, value), STR("\r\n"));
}

char *head_field(char *at, struct str name, struct str value)
{
    return field_put(at, name, value);
}

char *head_fields(char *at, const struct http_headers *h)
{
    for (unsigned i = 0; h != NULL && i < h->n; i++) {
        if (!http_field_is_in(h->at[i].field, FIELDS_OF_FRAMING))
            at = field_put(at, h->at[i].name, h->at[i].value);
    }
    return at;
}

char *head_chunk(char *at, uint64_t size)
{
    int shift = (63 - __builtin_clzll(size | 1)) & ~3; /* of the first digit */

    for (; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[(size >> shift) & 15];
    return put_str(at, STR("\r\n"));
}

struct str head_date_value(void)
{
    /* The text is true from made_ms on until next_ms, when the second ends. */
    static char text[DATE_BYTES + 16];
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
        snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                 days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                 (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
        made_ms = now_ms;
        next_ms = now_ms + 1000 - wall_us / 1000 % 1000;
    }
    return str_of(text, DATE_BYTES);
}

char *head_date(char *at)
{
    return put_str(put_str(put_str(at, STR("Date: ")), head_date_value()), STR("\r\n"));
}
