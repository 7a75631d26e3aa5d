/*
 * field.h: the names of header fields that this program treats in a way of their own, each with a
 * number.
 *
 * A field gets its number once, when it is parsed or added to a list. From then on to look it up,
 * to leave it out or to pass it on is to compare numbers, or to ask whether a set holds one.
 * Names without a number of their own are FIELD_OTHER; where all names that begin alike are treated
 * alike, a family of them has one number.
 */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* X(number, name in small letters, its first letter, its last) */
#define HTTP_FIELDS(X)                                                                             \
    X(FIELD_ACCEPT_ENCODING, "accept-encoding", 'a', 'g')                                          \
    X(FIELD_ALT_SVC, "alt-svc", 'a', 'c')                                                          \
    X(FIELD_API_KEY, "api-key", 'a', 'y')                                                          \
    X(FIELD_AUTHORIZATION, "authorization", 'a', 'n')                                              \
    X(FIELD_BAGGAGE, "baggage", 'b', 'e')                                                          \
    X(FIELD_CONNECTION, "connection", 'c', 'n')                                                    \
    X(FIELD_CONTENT_ENCODING, "content-encoding", 'c', 'g')                                        \
    X(FIELD_CONTENT_LENGTH, "content-length", 'c', 'h')                                            \
    X(FIELD_CONTENT_TYPE, "content-type", 'c', 'e')                                                \
    X(FIELD_COOKIE, "cookie", 'c', 'e')                                                            \
    X(FIELD_DATE, "date", 'd', 'e')                                                                \
    X(FIELD_EXPECT, "expect", 'e', 't')                                                            \
    X(FIELD_FORWARDED, "forwarded", 'f', 'd')                                                      \
    X(FIELD_HOST, "host", 'h', 't')                                                                \
    X(FIELD_IDEMPOTENCY_KEY, "idempotency-key", 'i', 'y')                                          \
    X(FIELD_KEEP_ALIVE, "keep-alive", 'k', 'e')                                                    \
    X(FIELD_ORIGIN, "origin", 'o', 'n')                                                            \
    X(FIELD_REFERER, "referer", 'r', 'r')                                                          \
    X(FIELD_SERVER, "server", 's', 'r')                                                            \
    X(FIELD_SET_COOKIE, "set-cookie", 's', 'e')                                                    \
    X(FIELD_STRICT_TRANSPORT_SECURITY, "strict-transport-security", 's', 'y')                      \
    X(FIELD_TE, "te", 't', 'e')                                                                    \
    X(FIELD_TRAILER, "trailer", 't', 'r')                                                          \
    X(FIELD_TRANSFER_ENCODING, "transfer-encoding", 't', 'g')                                      \
    X(FIELD_UPGRADE, "upgrade", 'u', 'e')                                                          \
    X(FIELD_VIA, "via", 'v', 'a')                                                                  \
    X(FIELD_X_API_KEY, "x-api-key", 'x', 'y')                                                      \
    X(FIELD_X_REAL_IP, "x-real-ip", 'x', 'p')

enum http_field {
    FIELD_OTHER,
    /* families */
    FIELD_ACCESS_CONTROL, /* access-control-... */
    FIELD_CF,
    FIELD_PROXY,
    FIELD_SEC,
    FIELD_X_FORWARDED,
    FIELD_X_RATELIMIT,
    FIELD_X_SLUICE,
    /* from here on a number is one name */
    FIELD_LAST_FAMILY = FIELD_X_SLUICE,
#define HTTP_FIELD_NUMBER(number, name, first, last) number,
    HTTP_FIELDS(HTTP_FIELD_NUMBER)
#undef HTTP_FIELD_NUMBER
        FIELDS_N
};

/* Upper and lower case are the same. */
enum http_field http_field_of(struct str name);

/* ---- sets of fields, a bit each */

#define FIELD_BIT(field) (UINT64_C(1) << (field))

static inline bool http_field_is_in(enum http_field field, uint64_t set)
{
    return set >> field & 1;
}

/* What belongs to one connection and is never passed on. */
#define FIELDS_HOP_BY_HOP                                                                          \
    (FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) | FIELD_BIT(FIELD_PROXY) |          \
     FIELD_BIT(FIELD_TE) | FIELD_BIT(FIELD_TRAILER) | FIELD_BIT(FIELD_TRANSFER_ENCODING) |         \
     FIELD_BIT(FIELD_UPGRADE))

#endif
