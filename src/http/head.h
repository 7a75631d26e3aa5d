/*
 * head.h: writing the header of a message. Internal to http/.
 *
 * The caller asks how long the fields are, takes that much memory in one piece and writes from
 * front to back; every function returns the next free byte.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/str.h"
#include "http/message.h"

#define HEAD_U64_MAX    20 /* digits of a uint64_t */
#define HEAD_CHUNK_MAX  18 /* 16 hexadecimal digits and CR LF */
#define HEAD_DATE_BYTES 37 /* "Date: Tue, 24 Nov 2026 15:04:05 GMT\r\n" */

/* Fields that the writer of a message sets itself: given ones are left out. */
bool head_is_framing(struct str name);

/*
 * Bytes for the fields as "name: value\r\n", those of framing left out. E_INTERNAL when a name or
 * value holds a control character, which would let its author write headers of his own.
 */
MUSTCHECK int head_measure(const struct http_headers *h, size_t *ret_n);

static inline char *head_str(char *at, struct str s)
{
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

char *head_u64(char *at, uint64_t value);
char *head_field(char *at, struct str name, struct str value);
char *head_fields(char *at, const struct http_headers *h); /* as measured */
char *head_chunk(char *at, uint64_t size);                 /* the line before a chunk's data */
char *head_date(char *at);                                 /* made once a second */

#endif
