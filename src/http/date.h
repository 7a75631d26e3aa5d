/*
 * date.h: dates in header fields, and how long a server asks its clients to wait.
 *
 * Pure functions; nothing here yields.
 */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/str.h"
#include "http/message.h"

#define RETRY_AFTER_S_MAX 86400

/* Seconds since 1970, of any of the three forms that RFC 9110 (5.6.7) has; false for another. */
MUSTCHECK bool http_date_read(struct str text, int64_t *ret_s);

/*
 * What retry-after-ms says or, where there is none, Retry-After, in seconds or as a date, seen from
 * `now_s`: one that is past is 0. -1 where nothing is said, or more than RETRY_AFTER_S_MAX.
 */
int64_t http_retry_after_ms(const struct http_headers *headers, int64_t now_s);

#endif
