/*
 * str.h: a piece of text that somebody else owns.
 *
 * A `struct str` is a pointer and a length; it is passed by value, never frees anything and need
 * not end in NUL. It lives as long as what it points into (an arena, a blob, a literal).
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

struct str {
    const char *p;
    size_t n;
};

#define STR_NONE ((struct str){NULL, 0})

/* A literal: STR("abc"). */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

/* For printf's "%.*s". */
#define STR_ARGS(s) (int)(s).n, ((s).p ? (s).p : "")

static inline struct str str_of(const char *p, size_t n)
{
    return (struct str){p, n};
}

/* The text of a NUL-terminated string; NULL gives STR_NONE. */
static inline struct str str_from(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* For secrets: of the texts only the lengths decide how long it takes. */
bool str_eq_secret(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII letters only */
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* without spaces, tabs, CR, LF at both ends */

/* The first `n` bytes, or from byte `n` on; `n` past the end is the end. */
struct str str_head(struct str s, size_t n);
struct str str_tail(struct str s, size_t n);

/* Where `needle` first stands in `s`, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);

/*
 * Splits off what stands before the first `sep`: returns it and moves `*rest` behind the separator.
 * Without a separator all of `*rest` is returned and `*rest` becomes STR_NONE (p == NULL).
 */
struct str str_cut(struct str *rest, char sep);

/* Decimal digits only, the whole of `s`, within `max`; false leaves *ret_value untouched. */
MUSTCHECK bool str_to_u64(struct str s, uint64_t max, uint64_t *ret_value);

/* Order as memcmp, the shorter first. For qsort and for binary search. */
int str_cmp(struct str a, struct str b);

/* Length of the valid UTF-8 sequence that `s` begins with, 1 to 4; 0 when there is none. */
size_t str_utf8_len(struct str s);

/* Is it UTF-8 without control characters, and so fit for logs and terminals? */
bool str_is_text(struct str s);

/* The longest head of at most `n` bytes that does not end within a UTF-8 sequence. */
struct str str_head_utf8(struct str s, size_t n);

/* Edit distance (Damerau-Levenshtein, adjacent swaps count one), both at most 64 bytes, else 64. */
unsigned str_distance(struct str a, struct str b);

/*
 * The word of `words` nearest to `wrong`, for "did you mean"; STR_NONE when none is near enough
 * (more than a third of the longer one's letters differ). Case does not count.
 */
struct str str_nearest(struct str wrong, const struct str *words, size_t count);

#endif
