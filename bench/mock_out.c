/* A growing output buffer and the few ways of writing that answers need. */
#include "mock.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool span_is(struct span s, const char *text)
{
    return s.p != NULL && s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

bool span_is_nocase(struct span s, const char *text)
{
    return s.p != NULL && s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

bool span_number(struct span s, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.p == NULL || s.n == 0 || s.n > 18)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(s.p[i] - '0');
    }
    *ret_value = value;
    return true;
}

static void out_room(struct out *o, size_t n)
{
    if (o->cap - o->n >= n)
        return;
    size_t cap = o->cap != 0 ? o->cap : 1024;
    while (cap - o->n < n)
        cap *= 2;
    char *p = realloc(o->p, cap);
    if (p == NULL) {
        fprintf(stderr, "mock: out of memory\n");
        abort();
    }
    o->p = p;
    o->cap = cap;
}

void out_put(struct out *o, const void *p, size_t n)
{
    if (n == 0)
        return;
    out_room(o, n);
    memcpy(o->p + o->n, p, n);
    o->n += n;
}

void out_text(struct out *o, const char *text)
{
    out_put(o, text, strlen(text));
}

void out_span(struct out *o, struct span s)
{
    out_put(o, s.p, s.n);
}

void out_number(struct out *o, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    out_put(o, digits + at, sizeof(digits) - at);
}

void out_number_wide(struct out *o, uint64_t value, int width)
{
    out_room(o, (size_t)width);
    for (int i = width - 1; i >= 0; i--) {
        o->p[o->n + (size_t)i] = (char)('0' + value % 10);
        value /= 10;
    }
    o->n += (size_t)width;
}

void out_chunk(struct out *o, const void *p, size_t n)
{
    char head[20];
    size_t at = sizeof(head), size = n;

    head[--at] = '\n';
    head[--at] = '\r';
    do {
        head[--at] = "0123456789abcdef"[size & 15];
        size >>= 4;
    } while (size != 0);
    out_put(o, head + at, sizeof(head) - at);
    out_put(o, p, n);
    OUT_LITERAL(o, "\r\n");
}

void out_filler(struct out *o, size_t n)
{
    static const char words[] =
        "The parcel left our house on Monday and should be with you by Thursday evening. "
        "If it is late, write to us with the number of your order and we will look into it. ";
    size_t whole = sizeof(words) - 1;

    out_room(o, n);
    while (n != 0) {
        size_t part = n < whole ? n : whole;
        memcpy(o->p + o->n, words, part);
        o->n += part;
        n -= part;
    }
}

void out_printf(struct out *o, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    out_room(o, 512);
    int n = vsnprintf(o->p + o->n, 512, format, args);
    if (n >= 512) {
        out_room(o, (size_t)n + 1);
        n = vsnprintf(o->p + o->n, (size_t)n + 1, format, again);
    }
    va_end(again);
    va_end(args);
    if (n > 0)
        o->n += (size_t)n;
}

void out_json_string(struct out *o, const char *text)
{
    OUT_LITERAL(o, "\"");
    for (; *text != '\0'; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch == '"' || ch == '\\')
            out_put(o, "\\", 1);
        if (ch < 0x20)
            out_printf(o, "\\u%04x", ch);
        else
            out_put(o, &ch, 1);
    }
    OUT_LITERAL(o, "\"");
}
