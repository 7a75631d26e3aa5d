#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

void buf_init(struct buf *b, size_t bytes_max)
{
    *b = (struct buf){.bytes_max = bytes_max};
}

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.bytes_max = b->bytes_max};
}

static int fail(struct buf *b, int err)
{
    if (!b->failed)
        b->failed = err;
    return err;
}

int buf_reserve(struct buf *b, size_t more)
{
    if (more <= b->cap - b->n)
        return 0;
    if (more > b->bytes_max - b->n)
        return fail(b, E_TOO_LARGE);
    size_t cap = b->cap ? b->cap : 128;
    while (cap < b->n + more)
        cap *= 2;
    cap = cap < b->bytes_max ? cap : b->bytes_max;
    char *p = realloc(b->p, cap);
    if (!p)
        return fail(b, E_MEMORY);
    b->p = p;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *bytes, size_t n)
{
    int err = buf_reserve(b, n);
    if (err)
        return err;
    if (n)
        memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return 0;
}

int buf_str(struct buf *b, struct str s)
{
    return buf_add(b, s.p, s.n);
}

int buf_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    for (int round = 0; round < 2; round++) {
        size_t room = b->cap - b->n;
        va_start(args, fmt);
        int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, args);
        va_end(args);
        if (n < 0)
            return fail(b, E_INTERNAL);
        if ((size_t)n < room) {
            b->n += (size_t)n;
            return 0;
        }
        /* One more byte for the NUL that vsnprintf writes, though it is not counted in n. */
        if ((size_t)n > b->bytes_max - b->n)
            return fail(b, E_TOO_LARGE);
        size_t ceiling = b->bytes_max;
        b->bytes_max = ceiling + 1;
        int err = buf_reserve(b, (size_t)n + 1);
        b->bytes_max = ceiling;
        if (err)
            return err;
    }
    return fail(b, E_INTERNAL);
}

int buf_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return buf_add(b, digits + at, sizeof(digits) - at);
}

int buf_i64(struct buf *b, int64_t value)
{
    if (value >= 0)
        return buf_u64(b, (uint64_t)value);
    int err = buf_char(b, '-');
    return err ? err : buf_u64(b, 0 - (uint64_t)value);
}

void buf_drop(struct buf *b, size_t n)
{
    n = n < b->n ? n : b->n;
    if (n)
        memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

char *buf_steal(struct buf *b, size_t *ret_n)
{
    char *p = b->p;
    *ret_n = b->n;
    *b = (struct buf){.bytes_max = b->bytes_max};
    return p;
}
