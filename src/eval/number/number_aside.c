/* number_aside.c: digits that are hardly a number that is asked for. */
#include <string.h>

#include "base/macros.h"
#include "eval/number/number_scan.h"

#define ADDRESS_BYTES_MAX 200 /* of what stands before digits and may be an address */

/* "5:30", "17:45:10" */
static size_t time_end(const struct scan *s, size_t from)
{
    size_t hour = scan_digits_at(s, from), i = from + hour;
    if (hour < 1 || hour > 2 || scan_at(s, i) != ':' || scan_digits_at(s, i + 1) != 2)
        return from;
    i += 3;
    return scan_at(s, i) == ':' && scan_digits_at(s, i + 1) == 2 ? i + 3 : i;
}

/* "2024-03-05", "5/3/2024", "1.2.3" */
static size_t dotted_end(const struct scan *s, size_t from)
{
    size_t i = from + scan_digits_at(s, from);
    if (scan_dotted_groups_end(s, from) > from)
        return from;
    char separator = scan_at(s, i);
    if (separator != '-' && separator != '/' && separator != '.')
        return from;
    unsigned parts = 1;
    for (; scan_at(s, i) == separator && scan_digits_at(s, i + 1) > 0; parts++)
        i += 1 + scan_digits_at(s, i + 1);
    return parts < 3 ? from : i;
}

static bool is_month(struct str word)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    for (unsigned i = 0; i < ARRAY_LEN(months); i++)
        if (str_eq(word, str_from(months[i])) || str_eq(word, str_of(months[i], 3)))
            return true;
    return false;
}

/* "March 5, 2024", "on March 5": how far the date goes. "In March 5 were sold" is none. */
static size_t month_end(const struct scan *s, size_t from)
{
    struct str word = scan_word_before(s, from);
    size_t n = scan_digits_at(s, from);
    if (from == 0 || scan_at(s, from - 1) != ' ' || !is_month(word) || n > 2)
        return from;
    if (str_starts(str_tail(s->text, from + n), STR(", ")) && scan_digits_at(s, from + n + 2) == 4)
        return from + n + 6;
    struct str before = scan_word_before(s, (size_t)(word.p - s->text.p));
    return str_eq(before, STR("on")) || str_eq(before, STR("by")) ? from + n : from;
}

/* Is it the "3." or "3)" before a list's item? */
static bool is_list_mark(const struct scan *s, size_t from, size_t to)
{
    while (from > 0 && (scan_at(s, from - 1) == ' ' || scan_at(s, from - 1) == '#'))
        from--;
    return (from == 0 || scan_at(s, from - 1) == '\n') &&
           (scan_at(s, to) == '.' || scan_at(s, to) == ')') && scan_at(s, to + 1) == ' ' &&
           scan_at(s, to + 2) > ' ' && to - from <= 3;
}

static bool is_currency(struct str word)
{
    static const char *const codes[] = {"USD", "EUR", "GBP", "JPY", "CNY", "INR", "CHF", "CAD",
                                        "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "BRL", "MXN",
                                        "ZAR", "SGD", "HKD", "KRW", "PHP", "Rs",  "RM",  "US"};
    for (unsigned i = 0; i < ARRAY_LEN(codes); i++)
        if (str_eq(word, str_from(codes[i])))
            return true;
    return false;
}

/* Digits within a name ("H2O", "x1"), but for a currency's code ("USD25") and a product ("5x20").
 */
static bool is_in_name(const struct scan *s, size_t from)
{
    if (from == 0 || !(scan_is_letter(scan_at(s, from - 1)) || scan_at(s, from - 1) == '_'))
        return false;
    struct str word = scan_word_before(s, from);
    size_t begin = (size_t)(word.p - s->text.p);
    if (word.n == 1 && word.p[0] == 'x' && begin > 0 && scan_is_digit(scan_at(s, begin - 1)))
        return false;
    return !is_currency(word);
}

/* The 2 of "m^2", "m^{-2}"; what ten is raised to belongs to its number. */
static bool is_exponent(const struct scan *s, size_t from)
{
    size_t i = from;
    i -= i > 0 && scan_at(s, i - 1) == '-';
    i -= i > 0 && scan_at(s, i - 1) == '{';
    return i > 0 && scan_at(s, i - 1) == '^';
}

/* "... every day. [1][2]": a source's number. */
static bool is_citation(const struct scan *s, size_t from, size_t to)
{
    if (from == 0 || scan_at(s, from - 1) != '[' || scan_at(s, to) != ']')
        return false;
    size_t i = from - 1;
    while (i > 0 && scan_at(s, i - 1) == ' ')
        i--;
    return i > 0 && strchr(".,;!?]", scan_at(s, i - 1));
}

/* "Step 3", "(see Table 3)" */
static bool is_label(const struct scan *s, size_t from)
{
    static const char *const labels[] = {"Step",   "Steps",     "Table",   "Figure",
                                         "Fig",    "Equation",  "Eq",      "Section",
                                         "Source", "Reference", "Footnote"};
    if (from == 0 || scan_at(s, from - 1) != ' ')
        return false;
    struct str word = scan_word_before(s, from);
    for (unsigned i = 0; i < ARRAY_LEN(labels); i++)
        if (str_eq(word, str_from(labels[i])))
            return true;
    return false;
}

/* Within "https://example.com/5". */
static bool is_in_address(const struct scan *s, size_t from)
{
    size_t i = from;
    while (i > 0 && from - i < ADDRESS_BYTES_MAX && scan_at(s, i - 1) > ' ')
        i--;
    struct str word = scan_piece(s, i, from);
    return str_find(word, STR("://")) >= 0 || str_starts(word, STR("www."));
}

bool scan_is_aside(const struct scan *s, size_t from, size_t to)
{
    return is_list_mark(s, from, to) || is_in_name(s, from) || is_exponent(s, from) ||
           is_citation(s, from, to) || is_label(s, from) || is_in_address(s, from);
}

size_t scan_aside_end(const struct scan *s, size_t from)
{
    size_t (*const ends[])(const struct scan *, size_t) = {time_end, dotted_end, month_end};
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        size_t end = ends[i](s, from);
        if (end > from)
            return end;
    }
    return from;
}
