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
#include "base/put.h"
#include "base/str.h"
#include "http/message.h"

#define HEAD_CHUNK_MAX  18 /* 16 hexadecimal digits and CR LF */
#define HEAD_DATE_BYTES 37 /* "Date: Tue, 24 Nov 2026 15:04:05 GMT\r\n" */

/* Bytes for the fields as "name: value\r\n", at most. */
size_t head_measure(const struct http_headers *h);

char *head_field(char *at, struct str name, struct str value);
/* Those that the writer of a message sets itself are left out: length, connection, date. */
char *head_fields(char *at, const struct http_headers *h);
char *head_chunk(char *at, uint64_t size); /* the line before a chunk's data */
char *head_date(char *at);

/* "Tue, 24 Nov 2026 15:04:05 GMT", made once a second; valid until the next call. */
struct str head_date_value(void);

/* Is the length of its body told in the header? */
static inline bool head_has_length(int status, int64_t body_bytes)
{
    return body_bytes >= 0 && status != 204 && (status != 304 || body_bytes > 0);
}

#endif
