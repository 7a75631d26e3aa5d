#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/put.h"

/*
 * Small capacities are a multiple of this, so that malloc finds one that was given back before, of
 * whatever length the text in it was.
 */
#define STEP_CAP  256
#define SMALL_CAP 1024

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

/* The next capacity that holds `need` bytes, which the ceiling allows. */
static size_t next_cap(const struct buf *b, size_t need)
{
    size_t cap = b->cap > b->bytes_max / 2 ? b->bytes_max : b->cap * 2;
    if (cap < need)
        cap = need;
    if (cap <= SMALL_CAP)
        cap = (cap + STEP_CAP - 1) / STEP_CAP * STEP_CAP;
    return cap < b->bytes_max ? cap : b->bytes_max;
}

int buf_reserve(struct buf *b, size_t more)
{
    if (LIKELY(more <= b->cap - b->n))
        return 0;
    if (more > b->bytes_max - b->n)
        return fail(b, E_TOO_LARGE);
    size_t cap = next_cap(b, b->n + more);
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
    if (err || n == 0)
        return err;
    put_bytes(b->p + b->n, bytes, n);
    b->n += n;
    return 0;
}

/* vsnprintf wants a byte for its NUL, which the ceiling need not have: long text goes around. */
static int vprintf_long(struct buf *b, size_t n, const char *fmt, va_list args)
{
    if (n > b->bytes_max - b->n)
        return fail(b, E_TOO_LARGE);
    char *text = malloc(n + 1);
    if (!text)
        return fail(b, E_MEMORY);
    vsnprintf(text, n + 1, fmt, args);
    int err = buf_add(b, text, n);
    free(text);
    return err;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    char text[512];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    int err;
    if (n < 0)
        err = fail(b, E_INTERNAL);
    else if ((size_t)n < sizeof(text))
        err = buf_add(b, text, (size_t)n);
    else
        err = vprintf_long(b, (size_t)n, fmt, again);
    va_end(again);
    va_end(args);
    return err;
}

int buf_u64(struct buf *b, uint64_t value)
{
    char digits[PUT_U64_MAX];
    return buf_add(b, digits, (size_t)(put_u64(digits, value) - digits));
}

int buf_i64(struct buf *b, int64_t value)
{
    char text[PUT_DECIMAL_MAX];
    return buf_add(b, text, (size_t)(put_i64(text, value) - text));
}

int buf_decimal(struct buf *b, int64_t value, unsigned places, unsigned places_least)
{
    char text[PUT_DECIMAL_MAX];
    return buf_add(b, text, (size_t)(put_decimal(text, value, places, places_least) - text));
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

static bool is_plain_word(struct str word)
{
    bool plain = word.n > 0;
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || (c && strchr("_./:@%+,=-", c)));
    }
    return plain;
}

int buf_shell(struct buf *b, struct str word)
{
    if (is_plain_word(word))
        return buf_str(b, word);
    buf_char(b, '\'');
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] == '\'')
            buf_str(b, STR("'\\'")); /* out of the quotes, one of its own, and in again */
        buf_char(b, word.p[i]);
    }
    buf_char(b, '\'');
    return b->failed;
}
