/*
 * buf.h: bytes that grow up to a ceiling given at birth.
 *
 * The memory is malloc's and belongs to the buf. Appending past the ceiling fails with E_TOO_LARGE
 * and leaves the buf as it was. A failed append is remembered (`failed`), so that a run of appends
 * may be checked once at the end. Nothing here yields.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/str.h"

struct buf {
    char *p;
    size_t n; /* bytes in use */
    size_t cap;
    size_t bytes_max; /* ceiling for cap */
    int failed;       /* 0, or the first error of an append */
};

void buf_init(struct buf *b, size_t bytes_max);
void buf_fini(struct buf *b);
static inline void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = 0;
}

/* Room for `more` further bytes: 0 or E_TOO_LARGE, E_MEMORY. */
MUSTCHECK int buf_reserve(struct buf *b, size_t more);

/* Each adds all or nothing, returns 0 or the error, and keeps the first error in b->failed. */
int buf_add(struct buf *b, const void *bytes, size_t n);
static inline int buf_str(struct buf *b, struct str s)
{
    return buf_add(b, s.p, s.n);
}
static inline int buf_char(struct buf *b, char c)
{
    if (UNLIKELY(b->n == b->cap))
        return buf_add(b, &c, 1);
    b->p[b->n++] = c;
    return 0;
}
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
int buf_u64(struct buf *b, uint64_t value);
int buf_i64(struct buf *b, int64_t value);
int buf_decimal(struct buf *b, int64_t value, unsigned places,
                unsigned places_least); /* as put_decimal */

/* As one word of a POSIX shell's command: in quotes where it needs them. */
int buf_shell(struct buf *b, struct str word);

/* Makes `n` further bytes part of the buf, for the caller to write; NULL where an append fails. */
MUSTCHECK static inline char *buf_extend(struct buf *b, size_t n)
{
    if (UNLIKELY(n > b->cap - b->n) && buf_reserve(b, n) != 0)
        return NULL;
    b->n += n;
    return b->p + b->n - n;
}

/* Removes the first `n` bytes and moves the rest to the front. */
void buf_drop(struct buf *b, size_t n);

static inline struct str buf_view(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

/* Gives the memory away (the caller frees it); the buf is empty afterwards. */
char *buf_steal(struct buf *b, size_t *ret_n);

#endif
