/*
 * message.h: what requests and answers share: methods, header lists, limits.
 *
 * Header names and values are `struct str` into the arena or buffer of whoever parsed them. Lists
 * keep the order in which fields came, names as they were written; look-up ignores case, and goes
 * by the numbers of field.h.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "http/field.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_OTHER
};

/* HTTP_OTHER for what is not in the list; capitals count. */
enum http_method http_method_of(struct str text);

/* Has it nothing but visible ASCII, and no fragment? */
bool http_target_is_clean(struct str target);

struct http_header {
    struct str name, value;
    enum http_field field; /* the name's number */
};

/*
 * No name in a list is empty, and neither names nor values hold a control character other than a
 * tab, which would let whoever wrote them write headers of his own: the parser refuses them in what
 * arrives, http_headers_add in what is added.
 */
struct http_headers {
    struct http_header *at;
    unsigned n, cap;
    struct arena *arena; /* where `at` grows; names and values are not copied */
};

#define HEADERS_FIRST_CAP 24

void http_headers_init(struct http_headers *h, struct arena *arena);
/* Room for `n` fields in all, so that nothing has to grow. */
MUSTCHECK int http_headers_reserve(struct http_headers *h, unsigned n);

/* Appends; 0, E_MEMORY, or E_INTERNAL for what may stand in no list. */
MUSTCHECK int http_headers_add(struct http_headers *h, struct str name, struct str value);
/* The same where the caller knows the number, and that the name is good. */
MUSTCHECK int http_headers_add_as(struct http_headers *h, enum http_field field, struct str name,
                                  struct str value);

MUSTCHECK int http_headers_grow(struct http_headers *h);
/* Appends what was parsed, stands in another list or is known to be good; 0 or E_MEMORY. */
MUSTCHECK static inline int http_headers_append(struct http_headers *h, struct http_header field)
{
    if (UNLIKELY(h->n == h->cap) && http_headers_grow(h) != 0)
        return E_MEMORY;
    h->at[h->n++] = field;
    return 0;
}

/* The first value of `name`, or STR_NONE; and how often it stands there. */
struct str http_headers_get(const struct http_headers *h, struct str name);
unsigned http_headers_count(const struct http_headers *h, struct str name);
/* The same by the number of a single name. */
struct str http_headers_value(const struct http_headers *h, enum http_field field);
unsigned http_headers_times(const struct http_headers *h, enum http_field field);
/* Does a field of the same name stand there? */
bool http_headers_has(const struct http_headers *h, const struct http_header *field);

/* "OK" for 200; "Status" for what is not in the table. */
const char *http_status_text(int status);
static inline bool http_status_has_no_body(int status)
{
    return status == 204 || status == 304;
}

struct http_limits {
    size_t header_bytes_max; /* request line or status line and all fields; default 64 KiB */
    unsigned headers_max;    /* fields; default 128 */
    int64_t header_ms;       /* from the first byte to the end of the header; default 10 s */
    int64_t idle_ms;         /* between requests; default 75 s */
    int64_t body_ms;         /* the longest pause in a body; default 30 s */
    int64_t write_ms;        /* the longest pause in a write; default 60 s */
};
extern const struct http_limits http_limits_default;

/* Bytes of all read buffers, the free ones included; for metrics. */
size_t http_buffer_bytes(void);
/* Frees those that are not in use. */
void http_buffers_trim(void);

#endif
