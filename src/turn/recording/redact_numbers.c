/* redact_numbers.c: what a regular expression finds too much of: numbers with a check in them. */
#include <arpa/inet.h>

#include "turn/recording/redact.h"

#define CARD_LEAST   13
#define CARD_MOST    19
#define IBAN_LEAST   15
#define IBAN_MOST    34
#define IPV6_LEAST   3
#define IPV6_MOST    45
#define GROUPS_LEAST 3 /* of an IPv6 address without a digit; a::b is a name in many languages */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
    return is_digit(c) || is_letter(c);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Bytes of what may stand between two groups of a number: a space (also one that does not break),
 * a hyphen, a dot. 0: nothing of the kind. */
static size_t separator(struct str s)
{
    if (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '-' || s.p[0] == '.'))
        return 1;
    if (s.n > 1 && memcmp(s.p, "\xC2\xA0", 2) == 0)
        return 2;
    if (s.n > 2 && (memcmp(s.p, "\xE2\x80\xAF", 3) == 0 || memcmp(s.p, "\xE2\x80\x91", 3) == 0))
        return 3;
    return 0;
}

/* ---- cards: Luhn's check ---- */

static bool luhn(const char *digits, unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0');
        if (i % 2)
            d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    return sum % 10 == 0;
}

/* The longest number that begins with the group at `from`, and ends where a group does. */
static size_t card_end(struct str text, size_t from)
{
    char digits[CARD_MOST];
    unsigned n = 0;
    size_t at = from, end = 0;
    while (at < text.n && n < CARD_MOST) {
        while (at < text.n && is_digit(text.p[at]) && n < CARD_MOST)
            digits[n++] = text.p[at++];
        if (at < text.n && is_digit(text.p[at]))
            break; /* too long for a card */
        if (n >= CARD_LEAST && luhn(digits, n))
            end = at;
        size_t skip = separator(str_tail(text, at));
        at += skip;
        if (!skip || at >= text.n || !is_digit(text.p[at]))
            break;
    }
    return end;
}

/* 0.4111111111111111: a point within a number, and more digits than a group has. */
static bool is_fraction(struct str text, size_t at)
{
    size_t n = 0;
    if (at < 2 || text.p[at - 1] != '.' || !is_digit(text.p[at - 2]))
        return false;
    while (at + n < text.n && is_digit(text.p[at + n]))
        n++;
    return n >= CARD_LEAST;
}

bool redact_find_card(struct str text, size_t at, size_t *ret_from, size_t *ret_to)
{
    for (size_t i = at; i < text.n; i++) {
        /* Cards begin with 2 to 6: times in milliseconds do not. */
        bool first = text.p[i] >= '2' && text.p[i] <= '6' && (i == 0 || !is_digit(text.p[i - 1])) &&
                     !is_fraction(text, i);
        size_t end = first ? card_end(text, i) : 0;
        if (end) {
            *ret_from = i;
            *ret_to = end;
            return true;
        }
    }
    return false;
}

/* ---- account numbers: modulo 97 ---- */

static unsigned iban_add(unsigned rest, char c)
{
    unsigned value = is_digit(c) ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a') + 10;
    return value < 10 ? (rest * 10 + value) % 97 : (rest * 100 + value) % 97;
}

static bool iban_is(const char *text, unsigned n)
{
    unsigned rest = 0;
    for (unsigned i = 0; i < n; i++)
        rest = iban_add(rest, text[(i + 4) % n]);
    return rest == 1;
}

static size_t iban_end(struct str text, size_t from)
{
    char number[IBAN_MOST];
    unsigned n = 0;
    size_t at = from, end = 0;
    while (at < text.n && n < IBAN_MOST) {
        size_t skip = n ? separator(str_tail(text, at)) : 0;
        if (at + skip >= text.n || !is_word(text.p[at + skip]))
            break;
        at += skip;
        number[n++] = text.p[at++];
        bool ends = at == text.n || !is_word(text.p[at]);
        if (n >= IBAN_LEAST && ends && iban_is(number, n))
            end = at;
    }
    return end;
}

bool redact_find_iban(struct str text, size_t at, size_t *ret_from, size_t *ret_to)
{
    for (size_t i = at; i + IBAN_LEAST <= text.n; i++) {
        const char *p = text.p + i;
        bool first = is_letter(p[0]) && is_letter(p[1]) && is_digit(p[2]) && is_digit(p[3]) &&
                     (i == 0 || !is_word(p[-1]));
        size_t end = first ? iban_end(text, i) : 0;
        if (end) {
            *ret_from = i;
            *ret_to = end;
            return true;
        }
    }
    return false;
}

/* ---- addresses of IPv6 ---- */

static bool ipv6_is(struct str s)
{
    char text[IPV6_MOST + 1];
    struct in6_addr ignored;
    unsigned digits = 0, groups = 0;
    if (s.n < IPV6_LEAST || s.n > IPV6_MOST)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        digits += is_digit(s.p[i]);
        groups += is_hex(s.p[i]) && (i == 0 || !is_hex(s.p[i - 1]));
    }
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    return (digits > 0 || groups >= GROUPS_LEAST) && inet_pton(AF_INET6, text, &ignored) == 1;
}

bool redact_find_ipv6(struct str text, size_t at, size_t *ret_from, size_t *ret_to)
{
    for (size_t i = at; i < text.n; i++) {
        bool inside = i > 0 && (is_word(text.p[i - 1]) || text.p[i - 1] == ':');
        if (inside || (!is_hex(text.p[i]) && text.p[i] != ':'))
            continue;
        size_t end = i, colons = 0;
        while (end < text.n && (is_hex(text.p[end]) || text.p[end] == ':' || text.p[end] == '.'))
            colons += text.p[end++] == ':';
        bool word = end < text.n && is_word(text.p[end]);
        struct str run = str_of(text.p + i, end - i);
        /* The dot or colon of the sentence is none of the address'. */
        while (!word && run.n > 0 && colons >= 2 && !ipv6_is(run) &&
               (run.p[run.n - 1] == '.' || run.p[run.n - 1] == ':'))
            run.n--;
        if (!word && colons >= 2 && ipv6_is(run)) {
            *ret_from = i;
            *ret_to = i + run.n;
            return true;
        }
        i = end > i ? end - 1 : i;
    }
    return false;
}
