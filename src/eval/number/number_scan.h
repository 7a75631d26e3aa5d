/*
 * number_scan.h: the steps by which number_text.c and number_aside.c read plain text. Nobody else
 * includes it.
 */
#ifndef EVAL_NUMBER_SCAN_H
#define EVAL_NUMBER_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define SCAN_GROUPS_MAX 13

static inline bool scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool scan_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

struct scan {
    struct str text;
};

static inline char scan_at(const struct scan *s, size_t i)
{
    return i < s->text.n ? s->text.p[i] : 0;
}

static inline struct str scan_piece(const struct scan *s, size_t from, size_t to)
{
    return str_of(s->text.p + from, to - from);
}

static inline size_t scan_digits_at(const struct scan *s, size_t from)
{
    size_t i = from;
    while (scan_is_digit(scan_at(s, i)))
        i++;
    return i - from;
}

static inline size_t scan_spaces_at(const struct scan *s, size_t from)
{
    size_t i = from;
    while (scan_at(s, i) == ' ')
        i++;
    return i - from;
}

/* Where groups of three digits with `separator` between end that go on from `from`; so many that it
 * is hardly a number any more, and looking at them again and again would be dear, are none. */
static inline size_t scan_groups_end(const struct scan *s, size_t from, char separator)
{
    size_t to = from;
    for (unsigned groups = 0; scan_at(s, to) == separator && scan_digits_at(s, to + 1) == 3;
         to += 4)
        if (++groups > SCAN_GROUPS_MAX)
            return from;
    return to;
}

/* Where "1.234.567" ends, or `from`: two groups at least, or it is a decimal number. */
static inline size_t scan_dotted_groups_end(const struct scan *s, size_t from)
{
    size_t first = scan_digits_at(s, from), to = from + first, end = scan_groups_end(s, to, '.');
    bool is = first > 0 && first <= 3 && scan_at(s, from) != '0' && end >= to + 8 &&
              !scan_is_digit(scan_at(s, end)) &&
              !(scan_at(s, end) == '.' && scan_is_digit(scan_at(s, end + 1)));
    return is ? end : from;
}

/* The word that ends before `to`, or before the space there. */
static inline struct str scan_word_before(const struct scan *s, size_t to)
{
    while (to > 0 && scan_at(s, to - 1) == ' ')
        to--;
    size_t from = to;
    while (from > 0 && scan_is_letter(scan_at(s, from - 1)))
        from--;
    return str_of(s->text.p + from, to - from);
}

/* Where a time, a date or the like ends that begins with the digits at `from`; else `from`. */
size_t scan_aside_end(const struct scan *s, size_t from);
/* Do the digits from .. to belong to a name, a list's mark, a source, an address ...? */
bool scan_is_aside(const struct scan *s, size_t from, size_t to);

#endif
