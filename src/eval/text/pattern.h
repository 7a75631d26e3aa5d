/*
 * pattern.h: Perl-compatible regular expressions over answers, at a bounded price.
 *
 * An answer and a suite's pattern come from elsewhere, so what one search may cost has a ceiling,
 * in steps at one place and in time (a second or two); past it the search ends with E_TIMEOUT. Text
 * is UTF-8; bytes that are none match nothing. A pattern is heap memory, and is used by one thread
 * at a time.
 */
#ifndef EVAL_PATTERN_H
#define EVAL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define PATTERN_TEXT_BYTES_MAX (4u * 1024 * 1024) /* of what is searched */

struct pattern;

enum pattern_kind {
    PATTERN_PERL,        /* letters, digits and words as Unicode has them */
    PATTERN_PERL_NOCASE, /* the same, letters' case does not count */
    PATTERN_SCRIPT,      /* as near to JavaScript's as PCRE2 comes, which JSON Schema means */
};

/* E_CONFIG for what is no regular expression: "at character 3: missing closing parenthesis". */
MUSTCHECK int pattern_new(struct str text, enum pattern_kind kind, struct pattern **ret_pattern,
                          struct fault *f);
void pattern_free(struct pattern *p); /* NULL is harmless */

/* Where it was found: the whole, and the first of its groups that took part (0: there is none). */
struct pattern_found {
    size_t from, to;
    size_t group_from, group_to;
    unsigned group;
};

/* Looks from byte `at` on. 0 with *ret_is; E_TIMEOUT: it is too dear, E_TOO_LARGE: the text is. */
MUSTCHECK int pattern_find(const struct pattern *p, struct str text, size_t at, bool *ret_is,
                           struct pattern_found *ret_found);
/* The text with each place replaced, in the arena. `with` is PCRE2's extended form, so that "\L$0"
 * stands for small letters. Errors as above, and E_MEMORY. */
MUSTCHECK int pattern_replace(const struct pattern *p, struct arena *arena, struct str text,
                              struct str with, struct str *ret_text);

#endif
