#include "base/json.h"

#include <stdlib.h>

/* 0 for a byte that stands for itself; else the letter behind the backslash, 'u' for \u00xx. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 || c == 0x7f ? 'u' : '\0';
    }
}

static void escape_write(struct buf *out, unsigned code, char letter)
{
    static const char hex[16] = "0123456789abcdef";
    char text[6] = {
        '\\',          letter, hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15],
        hex[code & 15]};
    buf_add(out, text, letter == 'u' ? sizeof(text) : 2);
}

/*
 * The characters beyond ASCII that terminals and log viewers obey (U+0080 to U+009F, and the line
 * and paragraph separators): their code, else 0. `n` is the sequence's length.
 */
static unsigned control_of(const unsigned char *p, size_t n)
{
    if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return p[1];
    if (n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return 0x2000u | (p[2] & 0x3fu);
    return 0;
}

/* From `at` on, the first byte that may not stand as it is, or the end. */
static size_t plain_end(struct str s, size_t at)
{
    while (at < s.n) {
        unsigned char c = (unsigned char)s.p[at];
        if (LIKELY(c < 0x80)) {
            if (escape_of(c))
                break;
            at++;
            continue;
        }
        size_t n = str_utf8_len(str_tail(s, at));
        if (n == 0 || control_of((const unsigned char *)s.p + at, n))
            break;
        at += n;
    }
    return at;
}

/* Writes what stands for the character at the head of `s`; returns how many bytes that was. */
static size_t special_write(struct buf *out, struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80) {
        escape_write(out, c, escape_of(c));
        return 1;
    }
    size_t n = str_utf8_len(s);
    if (n == 0) {
        buf_str(out, STR("\xef\xbf\xbd"));
        return 1;
    }
    escape_write(out, control_of((const unsigned char *)s.p, n), 'u');
    return n;
}

int json_escape(struct buf *out, struct str s)
{
    for (size_t at = 0; at < s.n;) {
        size_t end = plain_end(s, at);
        buf_str(out, str_head(str_tail(s, at), end - at));
        at = end < s.n ? end + special_write(out, str_tail(s, end)) : end;
    }
    return out->failed;
}

int json_quote(struct buf *out, struct str s)
{
    size_t begun = out->n;
    buf_char(out, '"');
    (void)json_escape(out, s);
    buf_char(out, '"');
    if (out->failed)
        out->n = begun; /* no half a string */
    return out->failed;
}

int json_quote_or_null(struct buf *out, struct str s)
{
    return s.n ? json_quote(out, s) : buf_str(out, STR("null"));
}

int json_usd(struct buf *out, int64_t nanos)
{
    return buf_decimal(out, nanos, 9, 0);
}

int json_value(struct buf *out, yyjson_val *value)
{
    size_t n = 0;
    char *text = yyjson_val_write(value, 0, &n);
    int err = text ? buf_add(out, text, n) : E_MEMORY;
    free(text);
    if (err && !out->failed)
        out->failed = err;
    return err;
}
