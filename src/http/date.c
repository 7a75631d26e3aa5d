#include "http/date.h"

#include <string.h>
#include <time.h>

#define DATE_BYTES_MAX 64

bool http_date_read(struct str text, int64_t *ret_s)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    char copy[DATE_BYTES_MAX + 1];
    text = str_trim(text);
    if (text.n == 0 || text.n > DATE_BYTES_MAX)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, forms[i], &tm);
        if (end && end == copy + text.n) {
            *ret_s = (int64_t)timegm(&tm);
            return true;
        }
    }
    return false;
}

int64_t http_retry_after_ms(const struct http_headers *h, int64_t now_s)
{
    uint64_t n = 0;
    int64_t at_s = 0;
    if (str_to_u64(http_headers_get(h, STR("retry-after-ms")), RETRY_AFTER_S_MAX * 1000, &n))
        return (int64_t)n;
    struct str said = http_headers_get(h, STR("retry-after"));
    if (str_to_u64(said, RETRY_AFTER_S_MAX, &n))
        return (int64_t)n * 1000;
    if (!http_date_read(said, &at_s))
        return -1;
    int64_t s = at_s > now_s ? at_s - now_s : 0;
    return s <= RETRY_AFTER_S_MAX ? s * 1000 : -1;
}
