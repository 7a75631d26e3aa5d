/* text.c: Unicode's classes of characters by PCRE2, the rest by hand. */
#include "eval/instructions/text.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/err.h"

#define WORD "[\\p{L}\\p{N}_]"

enum pattern { A_WORD, A_DIGIT, A_CAPITAL, A_SMALL, BEFORE_WORD, BEHIND_WORD, PATTERNS };

/* Small and capital as Unicode's Lowercase and Uppercase, which hold a few numbers and symbols. */
static const char *const patterns[PATTERNS] = {
    [A_WORD] = WORD "++",
    [A_DIGIT] = "\\G\\p{Nd}",
    [A_CAPITAL] = "[\\p{Lu}\\p{Lt}\\x{2160}-\\x{216F}\\x{24B6}-\\x{24CF}]",
    [A_SMALL] = "[\\p{Ll}\\p{Lt}\\x{AA}\\x{BA}\\x{2B0}-\\x{2B8}\\x{2170}-\\x{217F}"
                "\\x{24D0}-\\x{24E9}]",
    [BEFORE_WORD] = "\\G(?=" WORD ")",
    [BEHIND_WORD] = "\\G(?<=" WORD ")",
};

struct text_reader {
    pcre2_code *code[PATTERNS];
    pcre2_match_data *data;
};

void text_reader_free(struct text_reader *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < PATTERNS; i++)
        pcre2_code_free(r->code[i]);
    pcre2_match_data_free(r->data);
    free(r);
}

static pcre2_code *compile(struct str pattern, uint32_t options)
{
    int number = 0;
    size_t at = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                                     options | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &number, &at,
                                     NULL);
    /* Compiled code takes a text as it is, where an interpreter checks the rest of it for each
     * match. Where no code may be made at run time, it is interpreted. */
    if (code)
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    return code;
}

int text_reader_new(struct text_reader **ret_reader)
{
    struct text_reader *r = calloc(1, sizeof(*r));
    if (!r)
        return E_MEMORY;
    bool good = (r->data = pcre2_match_data_create(1, NULL)) != NULL;
    for (unsigned i = 0; i < PATTERNS && good; i++)
        good = (r->code[i] = compile(str_from(patterns[i]), 0)) != NULL;
    if (!good) {
        text_reader_free(r);
        return E_MEMORY;
    }
    *ret_reader = r;
    return 0;
}

/* From byte `at` on: the next place where it matches. */
static bool next(struct text_reader *r, const pcre2_code *code, struct str s, size_t at,
                 struct str *ret_found)
{
    if (s.n == 0 || pcre2_match(code, (PCRE2_SPTR)s.p, s.n, at, 0, r->data, NULL) < 0)
        return false;
    const size_t *found = pcre2_get_ovector_pointer(r->data);
    *ret_found = str_of(s.p + found[0], found[1] - found[0]);
    return true;
}

static bool here(struct text_reader *r, enum pattern p, struct str s, size_t at)
{
    struct str found;
    return next(r, r->code[p], s, at, &found);
}

size_t text_space(struct str s)
{
    unsigned char c = s.n ? (unsigned char)s.p[0] : 0;
    if (c < 0x80)
        return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
    unsigned char d = s.n > 1 ? (unsigned char)s.p[1] : 0, e = s.n > 2 ? (unsigned char)s.p[2] : 0;
    if (c == 0xC2) /* U+0085, U+00A0 */
        return d == 0x85 || d == 0xA0 ? 2 : 0;
    bool space = (c == 0xE1 && d == 0x9A && e == 0x80) || /* U+1680 */
                 (c == 0xE2 && d == 0x80 &&               /* U+2000 to 200A, 2028, 2029, 202F */
                  ((e >= 0x80 && e <= 0x8A) || e == 0xA8 || e == 0xA9 || e == 0xAF)) ||
                 (c == 0xE2 && d == 0x81 && e == 0x9F) || /* U+205F */
                 (c == 0xE3 && d == 0x80 && e == 0x80);   /* U+3000 */
    return space ? 3 : 0;
}

/* Bytes of the space that `s` ends with. */
static size_t space_behind(struct str s)
{
    for (size_t n = 1; n <= 3 && n <= s.n; n++)
        if (text_space(str_tail(s, s.n - n)) == n)
            return n;
    return 0;
}

struct str text_strip(struct str s)
{
    for (size_t n; (n = text_space(s)) > 0;)
        s = str_tail(s, n);
    for (size_t n; (n = space_behind(s)) > 0;)
        s = str_head(s, s.n - n);
    return s;
}

struct str text_strip_chars(struct str s, const char *chars)
{
    while (s.n && s.p[0] && strchr(chars, s.p[0]))
        s = str_tail(s, 1);
    while (s.n && s.p[s.n - 1] && strchr(chars, s.p[s.n - 1]))
        s = str_head(s, s.n - 1);
    return s;
}

size_t text_digit(struct text_reader *r, struct str s)
{
    struct str found;
    if (s.n && (unsigned char)s.p[0] < 0x80)
        return s.p[0] >= '0' && s.p[0] <= '9';
    return next(r, r->code[A_DIGIT], str_head(s, 4), 0, &found) ? found.n : 0;
}

size_t text_words(struct text_reader *r, struct str s)
{
    size_t count = 0, at = 0;
    struct str found;
    for (; next(r, r->code[A_WORD], s, at, &found); count++)
        at = (size_t)(found.p - s.p) + found.n;
    return count;
}

struct text_cases text_cases(struct text_reader *r, struct str s)
{
    struct text_cases cases = {.capital = false};
    bool ascii = true;
    for (size_t i = 0; i < s.n; i++) {
        cases.capital = cases.capital || (s.p[i] >= 'A' && s.p[i] <= 'Z');
        cases.small = cases.small || (s.p[i] >= 'a' && s.p[i] <= 'z');
        ascii = ascii && (unsigned char)s.p[i] < 0x80;
    }
    if (!ascii) {
        cases.capital = cases.capital || here(r, A_CAPITAL, s, 0);
        cases.small = cases.small || here(r, A_SMALL, s, 0);
    }
    return cases;
}

int text_count(struct text_reader *r, struct str s, struct str what, enum text_place place,
               size_t *ret_count)
{
    *ret_count = 0;
    if (what.n == 0)
        return 0;
    uint32_t options = PCRE2_LITERAL | PCRE2_CASELESS;
    options |= place == TEXT_AT_START || place == TEXT_WHOLE ? PCRE2_ANCHORED : 0;
    options |= place == TEXT_AT_END || place == TEXT_WHOLE ? PCRE2_ENDANCHORED : 0;
    pcre2_code *code = compile(what, options);
    if (!code)
        return E_MEMORY;
    struct str found;
    for (size_t at = 0; at < s.n && next(r, code, s, at, &found);) {
        size_t from = (size_t)(found.p - s.p), to = from + found.n;
        bool counts = place != TEXT_AS_WORD ||
                      (!here(r, BEHIND_WORD, s, from) && !here(r, BEFORE_WORD, s, to));
        *ret_count += counts;
        at = counts ? to : from + str_utf8_len(str_tail(s, from));
        if (place != TEXT_ANYWHERE && place != TEXT_AS_WORD)
            break;
    }
    pcre2_code_free(code);
    return 0;
}
