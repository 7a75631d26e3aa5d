/* number_text.c: numbers found in text. */
#include "base/buf.h"
#include "eval/number.h"

#define PLAIN_BYTES_MAX ((size_t)32 * 1024 * 1024)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* ---- plain text ---- */

/* Of two that begin alike the longer stands first. Every currency becomes $. */
static const struct {
    const char *what, *with;
} alike[] = {
    {"{,}", ","},          {"\\!", ""},        {"\\,", " "},       {"\\;", " "},
    {"\\:", " "},          {"\\ ", " "},       {"\\$", "$"},       {"\\%", "%"},
    {"\\times", "*"},      {"\\cdot", "*"},    {"\\approx", "="},  {"\\dfrac", "\\frac"},
    {"\\tfrac", "\\frac"}, {"\\left", ""},     {"\\right", ""},    {"\\pounds", "$"},
    {"\\euro", "$"},       {"**", ""},         {"__", ""},         {"\u2212", "-"},
    {"\u2010", "-"},       {"\u2011", "-"},    {"\u2012", "-"},    {"\u2013", "-"},
    {"\u00d7", "*"},       {"\u00b7", "*"},    {"\u22c5", "*"},    {"\u2248", "="},
    {"\u00a0", " "},       {"\u2007", " "},    {"\u2009", " "},    {"\u202f", " "},
    {"\u20ac", "$"},       {"\u00a3", "$"},    {"\u00a5", "$"},    {"\u20b9", "$"},
    {"\u00bc", " 1/4"},    {"\u00bd", " 1/2"}, {"\u00be", " 3/4"}, {"\u2153", " 1/3"},
    {"\u2154", " 2/3"},    {"\u215b", " 1/8"}, {"\u2044", "/"},    {"\uff05", "%"},
};

int number_plain(struct arena *arena, struct str text, struct str *ret_plain)
{
    struct buf out;
    buf_init(&out, PLAIN_BYTES_MAX);
    for (size_t i = 0; i < text.n;) {
        unsigned k = ARRAY_LEN(alike);
        if (text.p[i] == '{' || text.p[i] == '\\' || text.p[i] == '*' || text.p[i] == '_' ||
            (unsigned char)text.p[i] >= 0x80)
            for (k = 0; k < ARRAY_LEN(alike); k++)
                if (str_starts(str_tail(text, i), str_from(alike[k].what)))
                    break;
        if (k < ARRAY_LEN(alike)) {
            buf_str(&out, str_from(alike[k].with));
            i += strlen(alike[k].what);
        } else {
            buf_char(&out, text.p[i++]);
        }
    }
    int err = out.failed;
    if (!err) {
        *ret_plain = arena_str(arena, buf_view(&out));
        err = ret_plain->p ? 0 : E_MEMORY;
    }
    buf_fini(&out);
    return err;
}

/* ---- pieces ---- */

struct scan {
    struct str text;
    size_t at;
};

static char at(const struct scan *s, size_t i)
{
    return i < s->text.n ? s->text.p[i] : 0;
}

static size_t digits_at(const struct scan *s, size_t from)
{
    size_t i = from;
    while (is_digit(at(s, i)))
        i++;
    return i - from;
}

static size_t spaces_at(const struct scan *s, size_t from)
{
    size_t i = from;
    while (at(s, i) == ' ')
        i++;
    return i - from;
}

/* Where groups of three digits with `separator` between end that go on from `from`. */
static size_t groups_end(const struct scan *s, size_t from, char separator)
{
    while (at(s, from) == separator && digits_at(s, from + 1) == 3)
        from += 4;
    return from;
}

/* ".25", as far as it goes; a full stop ends the sentence. */
static size_t decimals_end(const struct scan *s, size_t from)
{
    size_t n = at(s, from) == '.' ? digits_at(s, from + 1) : 0;
    return n ? from + 1 + n : from;
}

/* The exponent in "10^3", "10^{-3}", "1e+3"; its end, or `from`. */
static size_t exponent_end(const struct scan *s, size_t from, int64_t *ret_power)
{
    bool braces = at(s, from) == '{';
    size_t i = from + braces;
    bool negative = at(s, i) == '-';
    i += negative || at(s, i) == '+';
    size_t n = digits_at(s, i);
    uint64_t power;
    if (n == 0 || is_letter(at(s, i + n)) || (braces && at(s, i + n) != '}') ||
        !str_to_u64(str_of(s->text.p + i, n), NUMBER_EXPONENT_MAX, &power))
        return from;
    *ret_power = negative ? -(int64_t)power : (int64_t)power;
    return i + n + braces;
}

/* A power of ten behind a number: "e3", " * 10^3", or "^3" where the number is ten itself; its end,
 * or `from`. */
static size_t power_end(const struct scan *s, size_t from, int64_t *ret_power)
{
    size_t i = from;
    bool itself = at(s, i) == '^' && i >= 2 && at(s, i - 1) == '0' && at(s, i - 2) == '1' &&
                  (i == 2 || !is_digit(at(s, i - 3)));
    if (at(s, i) == 'e' || at(s, i) == 'E' || itself) {
        i++;
    } else {
        i += spaces_at(s, i);
        if (at(s, i) != '*' && at(s, i) != 'x')
            return from;
        i++;
        i += spaces_at(s, i);
        if (!str_starts(str_tail(s->text, i), STR("10^")))
            return from;
        i += 3;
    }
    size_t end = exponent_end(s, i, ret_power);
    if (end > i && itself)
        (*ret_power)--; /* the ten counts already */
    return end > i ? end : from;
}

static const struct {
    const char *word;
    int64_t places;
} scales[] = {{"hundred", 2}, {"thousand", 3}, {"million", 6}, {"billion", 9}, {"trillion", 12},
              {"k", 3},       {"K", 3},        {"M", 6},       {"B", 9}};

/* A word that says how many zeros follow. */
static size_t scale_end(const struct scan *s, size_t from, int64_t *ret_places)
{
    size_t i = from + spaces_at(s, from);
    for (unsigned k = 0; k < ARRAY_LEN(scales); k++) {
        struct str word = str_from(scales[k].word);
        bool letter = word.n == 1;
        size_t begin = letter ? from : i;
        if (letter ? at(s, begin) != word.p[0] : !str_starts_nocase(str_tail(s->text, begin), word))
            continue;
        if (is_letter(at(s, begin + word.n)) || is_digit(at(s, begin + word.n)))
            continue;
        *ret_places = scales[k].places;
        return begin + word.n;
    }
    return from;
}

/* ---- what is hardly a number ---- */

/* "5:30", "17:45:10" */
static size_t time_end(const struct scan *s, size_t from)
{
    size_t hour = digits_at(s, from), i = from + hour;
    if (hour < 1 || hour > 2 || at(s, i) != ':' || digits_at(s, i + 1) != 2)
        return from;
    i += 3;
    return at(s, i) == ':' && digits_at(s, i + 1) == 2 ? i + 3 : i;
}

/* "2024-03-05", "5/3/2024", "1.2.3" */
static size_t dotted_end(const struct scan *s, size_t from)
{
    size_t i = from + digits_at(s, from);
    char separator = at(s, i);
    if (separator != '-' && separator != '/' && separator != '.')
        return from;
    unsigned parts = 1;
    for (; at(s, i) == separator && digits_at(s, i + 1) > 0; parts++)
        i += 1 + digits_at(s, i + 1);
    return parts < 3 ? from : i;
}

/* The word that ends before `to`, or before the space there. */
static struct str word_before(const struct scan *s, size_t to)
{
    while (to > 0 && at(s, to - 1) == ' ')
        to--;
    size_t from = to;
    while (from > 0 && is_letter(at(s, from - 1)))
        from--;
    return str_of(s->text.p + from, to - from);
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
    struct str word = word_before(s, from);
    size_t n = digits_at(s, from);
    if (from == 0 || at(s, from - 1) != ' ' || !is_month(word) || n > 2)
        return from;
    if (str_starts(str_tail(s->text, from + n), STR(", ")) && digits_at(s, from + n + 2) == 4)
        return from + n + 6;
    struct str before = word_before(s, (size_t)(word.p - s->text.p));
    return str_eq(before, STR("on")) || str_eq(before, STR("by")) ? from + n : from;
}

/* Is it the "3." or "3)" before a list's item? */
static bool is_list_mark(const struct scan *s, size_t from, size_t to)
{
    while (from > 0 && (at(s, from - 1) == ' ' || at(s, from - 1) == '#'))
        from--;
    return (from == 0 || at(s, from - 1) == '\n') && (at(s, to) == '.' || at(s, to) == ')') &&
           at(s, to + 1) == ' ' && at(s, to + 2) > ' ' && to - from <= 3;
}

/* Digits within a name ("H2O", "x1"), but for a currency's code ("USD25") and a product ("5x20").
 */
static bool is_in_name(const struct scan *s, size_t from)
{
    if (from == 0 || !(is_letter(at(s, from - 1)) || at(s, from - 1) == '_'))
        return false;
    struct str word = word_before(s, from);
    size_t begin = (size_t)(word.p - s->text.p);
    if (word.n == 1 && word.p[0] == 'x' && begin > 0 && is_digit(at(s, begin - 1)))
        return false;
    bool code = word.n == 2 || word.n == 3;
    for (size_t i = 0; i < word.n; i++)
        code = code && word.p[i] >= 'A' && word.p[i] <= (i == 0 ? 'Z' : 'z');
    return !code;
}

/* ---- a number ---- */

/* Where what belongs to it begins, its sign and currency. */
static size_t sign_at(const struct scan *s, size_t from, bool *ret_negative)
{
    size_t i = from;
    *ret_negative = false;
    for (unsigned steps = 0; steps < 2 && i > 0; steps++) {
        char c = at(s, i - 1);
        if (c == '$') {
            i--;
        } else if (c == '-') {
            /* Behind something that can be subtracted from it says minus; or it joins words. */
            char before = i > 1 ? at(s, i - 2) : 0;
            if (before == '$') /* "$-5", or a formula's end */
                before = i > 2 ? at(s, i - 3) : 0;
            if (is_digit(before) || is_letter(before) || (before && strchr(")]}%\"'-", before)))
                return i;
            *ret_negative = true;
            return i - 1;
        }
    }
    return i;
}

static int reading_add(struct number_found *found, struct number n)
{
    if (found->readings < NUMBER_READINGS_MAX)
        found->reading[found->readings++] = n;
    return 0;
}

static struct str piece(const struct scan *s, size_t from, size_t to)
{
    return str_of(s->text.p + from, to - from);
}

/* "3/4", and what is before it where that is whole: "1 3/4". `from` .. `to` are digits. */
static int fraction_read(struct arena *arena, const struct scan *s, size_t from, size_t to,
                         bool *ret_is, struct number_found *found)
{
    struct number n, under, over;
    *ret_is = false;
    size_t slash = at(s, to) == ' ' ? to + 1 : to;
    if (at(s, slash) != '/')
        return 0;
    size_t below = slash > to && at(s, slash + 1) == ' ' ? slash + 2 : slash + 1;
    size_t digits = digits_at(s, below);
    if (digits == 0 || decimals_end(s, below + digits) > below + digits)
        return 0;
    int err = number_read(arena, piece(s, from, to), &n);
    if (!err)
        err = number_read(arena, piece(s, below, below + digits), &under);
    if (err || !number_over(n, under, &over))
        return err;
    *ret_is = true;
    found->to = below + digits;
    return reading_add(found, over);
}

/* "\frac{3}{4}", "\frac34" at `from`. */
static int latex_read(struct arena *arena, const struct scan *s, size_t from, bool *ret_is,
                      struct number_found *found)
{
    size_t part[2][2], i = from + strlen("\\frac");
    struct number n, under, over;
    *ret_is = false;
    for (unsigned k = 0; k < 2; k++) {
        bool braces = at(s, i) == '{';
        size_t digits = braces ? digits_at(s, i + 1) : is_digit(at(s, i));
        if (digits == 0 || (braces && at(s, i + 1 + digits) != '}'))
            return 0;
        part[k][0] = i + braces;
        part[k][1] = part[k][0] + digits;
        i = part[k][1] + braces;
    }
    int err = number_read(arena, piece(s, part[0][0], part[0][1]), &n);
    if (!err)
        err = number_read(arena, piece(s, part[1][0], part[1][1]), &under);
    if (err || !number_over(n, under, &over))
        return err;
    *ret_is = true;
    found->to = i;
    return reading_add(found, over);
}

/* Behind a whole number, " 3/4" or "\frac{3}{4}" below 1: makes it a mixed one. */
static int mixed_read(struct arena *arena, const struct scan *s, struct number whole,
                      struct number_found *found)
{
    struct number_found part = {.to = found->to};
    struct number mixed;
    bool is = false;
    size_t i = found->to + spaces_at(s, found->to);
    int err = 0;
    if (i > found->to && digits_at(s, i) > 0)
        err = fraction_read(arena, s, i, i + digits_at(s, i), &is, &part);
    else if (str_starts(str_tail(s->text, i), STR("\\frac")))
        err = latex_read(arena, s, i, &is, &part);
    if (err || !is)
        return err;
    static const struct tolerance below_one = {.by = {.digits = {"1", 1}, .under = 1}};
    static const struct number zero = {.under = 1};
    if (!number_near(&part.reading[0], &zero, &below_one) ||
        !number_mixed(arena, whole, part.reading[0], &mixed))
        return 0;
    found->to = part.to;
    return reading_add(found, mixed);
}

/* Powers, words and signs behind a decimal number; all readings of it. */
static void behind_read(const struct scan *s, struct number n, struct number_found *found)
{
    int64_t places = 0;
    size_t end = power_end(s, found->to, &places);
    if (end > found->to) {
        n = number_shift(n, places);
        found->to = end;
    }
    end = scale_end(s, found->to, &places);
    if (end > found->to) {
        found->to = end;
        (void)reading_add(found, number_shift(n, places));
        (void)reading_add(found, n);
        return;
    }
    (void)reading_add(found, n);
    size_t sign = found->to + spaces_at(s, found->to);
    found->percent = at(s, sign) == '%' || str_starts(str_tail(s->text, sign), STR("percent"));
    if (found->percent) {
        found->to = sign + (at(s, sign) == '%' ? 1 : strlen("percent"));
        (void)reading_add(found, number_shift(n, -2));
    }
}

/* The digits that begin at `from`, or the point before them. */
static int digits_read(struct arena *arena, const struct scan *s, size_t from,
                       struct number_found *found)
{
    size_t first = digits_at(s, from), to = from + first, spaced = to;
    bool is = false, whole = first > 0;
    if (first > 0 && first <= 3) {
        to = groups_end(s, to, ',');
        spaced = to == from + first ? groups_end(s, to, ' ') : to;
        if (spaced > to && (is_digit(at(s, spaced)) || at(s, spaced) == '/'))
            spaced = to;
    }
    to = spaced > to ? spaced : to;
    size_t end = decimals_end(s, to);
    whole = whole && end == to;
    found->to = end;
    struct number n, last;
    int err = number_read(arena, piece(s, from, end), &n);
    if (!err && whole && spaced <= from + first)
        err = fraction_read(arena, s, from, to, &is, found);
    if (!err && whole && !is)
        err = mixed_read(arena, s, n, found);
    if (err || found->readings > 0)
        return err;
    behind_read(s, n, found);
    if (spaced <= from + first)
        return 0;
    /* "5 100" may be five of a hundred, too. */
    err = number_read(arena, piece(s, spaced - 3, end), &last);
    return err ? err : reading_add(found, last);
}

static void negate(struct number_found *found)
{
    for (unsigned i = 0; i < found->readings; i++)
        found->reading[i].negative = !found->reading[i].negative;
}

static size_t aside_end(const struct scan *s, size_t from)
{
    size_t (*const ends[])(const struct scan *, size_t) = {time_end, dotted_end, month_end};
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        size_t end = ends[i](s, from);
        if (end > from)
            return end;
    }
    return from;
}

static bool begins(const struct scan *s, size_t i)
{
    return is_digit(at(s, i)) || (at(s, i) == '.' && is_digit(at(s, i + 1)));
}

int number_next(struct arena *arena, struct str plain, size_t *ref_at, bool *ret_is,
                struct number_found *ret_found)
{
    struct scan s = {.text = plain};
    size_t i = *ref_at;
    for (*ret_is = false; i < plain.n && !*ret_is; i++) {
        struct number_found found = {.from = i};
        bool latex = plain.p[i] == '\\' && str_starts(str_tail(plain, i), STR("\\frac"));
        bool negative;
        if (!latex && !begins(&s, i))
            continue;
        found.from = sign_at(&s, i, &negative);
        bool is = !latex;
        int err = latex ? latex_read(arena, &s, i, &is, &found) : digits_read(arena, &s, i, &found);
        if (err)
            return err;
        if (!is)
            continue;
        size_t aside = latex ? i : aside_end(&s, i);
        found.aside = aside > i || (!latex && (is_list_mark(&s, i, found.to) || is_in_name(&s, i)));
        found.to = aside > found.to ? aside : found.to;
        if (negative)
            negate(&found);
        *ret_found = found;
        *ret_is = true;
        *ref_at = found.to;
    }
    if (!*ret_is)
        *ref_at = plain.n;
    return 0;
}
