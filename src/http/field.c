/*
 * field.c: from a name to its number.
 *
 * A name's length and its first and last letter say where in the table it has to stand, if it does.
 * Should two names want the same place, the compiler complains of one that is initialised twice;
 * then other factors have to be found.
 */
#include "http/field.h"

#include "base/macros.h"
#include "base/word.h"

#define PLACES                64
#define PLACE(n, first, last) (((n) + (first)*6u + (last)*11u) % PLACES)

_Static_assert(FIELDS_N <= 64, "a set of fields is one word");

static const struct {
    char text[30];
    uint8_t n;
    uint8_t field;
} table[PLACES] = {
#define ROW(number, name, first, last)                                                             \
    [PLACE(sizeof(name) - 1, first, last)] = {name, sizeof(name) - 1, number},
    HTTP_FIELDS(ROW)
#undef ROW
};

/*
 * `text` is as long as `name`, which is not empty, and has small letters, digits and hyphens only:
 * of these just letters have bit 6, and only those may differ, in bit 5.
 */
static inline bool is_word(uint64_t word, uint64_t text)
{
    return ((word ^ text) & ~(text >> 1 & WORD_ONES * 0x20)) == 0;
}

static ALWAYS_INLINE bool is_text(const char *name, const char *text, size_t n)
{
    if (n < 8)
        return is_word(word_few(name, n), word_few(text, n));
    for (size_t at = 0; at + 8 < n; at += 8)
        if (!is_word(word_load(name + at), word_load(text + at)))
            return false;
    return is_word(word_load(name + n - 8), word_load(text + n - 8));
}

static inline bool begins(struct str name, struct str text)
{
    return name.n >= text.n && is_text(name.p, text.p, text.n);
}

static NOINLINE enum http_field family_of(struct str name)
{
    switch (name.p[0] | 0x20) {
    case 'a':
        return begins(name, STR("access-control-")) ? FIELD_ACCESS_CONTROL : FIELD_OTHER;
    case 'c':
        return begins(name, STR("cf-")) ? FIELD_CF : FIELD_OTHER;
    case 'p':
        return begins(name, STR("proxy-")) ? FIELD_PROXY : FIELD_OTHER;
    case 's':
        return begins(name, STR("sec-")) ? FIELD_SEC : FIELD_OTHER;
    case 'x':
        if (begins(name, STR("x-sluice-")))
            return FIELD_X_SLUICE;
        if (begins(name, STR("x-ratelimit-")))
            return FIELD_X_RATELIMIT;
        return begins(name, STR("x-forwarded-")) ? FIELD_X_FORWARDED : FIELD_OTHER;
    default:
        return FIELD_OTHER;
    }
}

enum http_field http_field_of(struct str name)
{
    if (UNLIKELY(name.n == 0))
        return FIELD_OTHER;
    unsigned first = (unsigned char)(name.p[0] | 0x20);
    unsigned last = (unsigned char)(name.p[name.n - 1] | 0x20);
    unsigned place = PLACE((unsigned)name.n, first, last);
    if (table[place].n == name.n && is_text(name.p, table[place].text, name.n))
        return table[place].field;
    return family_of(name);
}
