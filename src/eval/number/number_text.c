/* number_text.c: numbers found in text. */
#include "base/buf.h"
#include "eval/number/number.h"
#include "eval/number/number_scan.h"

/* ".25", as far as it goes; a full stop ends the sentence. */
static size_t decimals_end(const struct scan *s, size_t from)
{
    size_t n = scan_at(s, from) == '.' ? scan_digits_at(s, from + 1) : 0;
    return n ? from + 1 + n : from;
}

/* The exponent in "10^3", "10^{-3}", "1e+3"; its end, or `from`. */
static size_t exponent_end(const struct scan *s, size_t from, int64_t *ret_power)
{
    bool braces = scan_at(s, from) == '{';
    size_t i = from + braces;
    bool negative = scan_at(s, i) == '-';
    i += negative || scan_at(s, i) == '+';
    size_t n = scan_digits_at(s, i);
    uint64_t power;
    if (n == 0 || scan_is_letter(scan_at(s, i + n)) || (braces && scan_at(s, i + n) != '}') ||
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
    bool itself = scan_at(s, i) == '^' && i >= 2 && scan_at(s, i - 1) == '0' &&
                  scan_at(s, i - 2) == '1' && (i == 2 || !scan_is_digit(scan_at(s, i - 3)));
    if (scan_at(s, i) == 'e' || scan_at(s, i) == 'E' || itself) {
        i++;
    } else {
        i += scan_spaces_at(s, i);
        if (scan_at(s, i) != '*' && scan_at(s, i) != 'x')
            return from;
        i++;
        i += scan_spaces_at(s, i);
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
} scales[] = {{"hundred", 2},   {"thousand", 3}, {"million", 6}, {"billion", 9},
              {"trillion", 12}, {"k", 3},        {"K", 3},       {"M", 6},
              {"B", 9},         {"bn", 9},       {"m", 6}};

/* A word that says how many zeros follow; "m" is a metre unless it is money, "$2m". */
static size_t scale_end(const struct scan *s, size_t from, bool money, int64_t *ret_places)
{
    size_t i = from + scan_spaces_at(s, from);
    for (unsigned k = 0; k < ARRAY_LEN(scales); k++) {
        struct str word = str_from(scales[k].word);
        bool letter = word.n <= 2;
        size_t begin = letter ? from : i;
        struct str there = str_tail(s->text, begin);
        if (letter ? !str_starts(there, word) : !str_starts_nocase(there, word))
            continue;
        if (word.p[0] == 'm' && letter && !money)
            continue;
        if (scan_is_letter(scan_at(s, begin + word.n)) || scan_is_digit(scan_at(s, begin + word.n)))
            continue;
        *ret_places = scales[k].places;
        return begin + word.n;
    }
    return from;
}

/* ---- a number ---- */

/* Where "negative 5" begins, and "minus 5" where nothing stands before it that it is taken from, as
 * in "20 minus 5", "the price minus 5"; else `from`. */
static size_t word_minus_at(const struct scan *s, size_t from)
{
    static const char *const before_minus[] = {"is", "to", "was", "at", "of", "be", "equals"};
    if (from == 0 || scan_at(s, from - 1) != ' ')
        return from;
    struct str word = scan_word_before(s, from);
    size_t begin = (size_t)(word.p - s->text.p);
    if (str_eq_nocase(word, STR("negative")))
        return begin;
    if (!str_eq_nocase(word, STR("minus")))
        return from;
    struct str before = scan_word_before(s, begin);
    for (unsigned i = 0; i < ARRAY_LEN(before_minus); i++)
        if (str_eq(before, str_from(before_minus[i])))
            return begin;
    return begin == 0 || scan_at(s, begin - 1) == '\n' ? begin : from;
}

/* Where what belongs to it begins, its sign and currency. */
static size_t sign_at(const struct scan *s, size_t from, bool *ret_negative)
{
    size_t i = word_minus_at(s, from);
    *ret_negative = i < from;
    if (*ret_negative)
        return i;
    for (unsigned steps = 0; steps < 2 && i > 0; steps++) {
        char c = scan_at(s, i - 1);
        if (c == '$') {
            i--;
        } else if (c == '-') {
            /* Behind something that can be subtracted from it says minus; or it joins words. */
            char before = i > 1 ? scan_at(s, i - 2) : 0;
            if (before == '$') /* "$-5", or a formula's end */
                before = i > 2 ? scan_at(s, i - 3) : 0;
            if (scan_is_digit(before) || scan_is_letter(before) ||
                (before && strchr(")]}%\"'-", before)))
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

/* "3/4", and what is before it where that is whole: "1 3/4". `from` .. `to` are digits. */
static int fraction_read(struct arena *arena, const struct scan *s, size_t from, size_t to,
                         bool *ret_is, struct number_found *found)
{
    struct number n, under, over;
    *ret_is = false;
    size_t slash = scan_at(s, to) == ' ' ? to + 1 : to;
    if (scan_at(s, slash) != '/')
        return 0;
    size_t below = slash > to && scan_at(s, slash + 1) == ' ' ? slash + 2 : slash + 1;
    size_t digits = scan_digits_at(s, below);
    if (digits == 0 || decimals_end(s, below + digits) > below + digits)
        return 0;
    int err = number_read(arena, scan_piece(s, from, to), &n);
    if (!err)
        err = number_read(arena, scan_piece(s, below, below + digits), &under);
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
    bool negative = str_starts(str_tail(s->text, i), STR("{-"));
    *ret_is = false;
    for (unsigned k = 0; k < 2; k++) {
        bool braces = scan_at(s, i) == '{';
        i += k == 0 && negative;
        size_t digits = braces ? scan_digits_at(s, i + 1) : scan_is_digit(scan_at(s, i));
        if (digits == 0 || (braces && scan_at(s, i + 1 + digits) != '}'))
            return 0;
        part[k][0] = i + braces;
        part[k][1] = part[k][0] + digits;
        i = part[k][1] + braces;
    }
    int err = number_read(arena, scan_piece(s, part[0][0], part[0][1]), &n);
    if (!err)
        err = number_read(arena, scan_piece(s, part[1][0], part[1][1]), &under);
    n.negative = negative;
    if (err || !number_over(n, under, &over))
        return err;
    *ret_is = true;
    found->to = i;
    return reading_add(found, over);
}

#define HALF "and a half"

/* Behind a whole number, " 3/4", " and a half" or "\frac{3}{4}" below 1: makes it a mixed one. */
static int mixed_read(struct arena *arena, const struct scan *s, struct number whole,
                      struct number_found *found)
{
    struct number_found part = {.to = found->to};
    struct number mixed;
    bool is = false;
    size_t i = found->to + scan_spaces_at(s, found->to);
    int err = 0;
    if (str_starts(str_tail(s->text, i), STR(HALF))) {
        const struct number half = {.digits = STR("1"), .under = 2};
        is = true;
        part.to = i + strlen(HALF);
        err = reading_add(&part, half);
    } else if (i > found->to && scan_digits_at(s, i) > 0)
        err = fraction_read(arena, s, i, i + scan_digits_at(s, i), &is, &part);
    else if (str_starts(str_tail(s->text, i), STR("\\frac")))
        err = latex_read(arena, s, i, &is, &part);
    if (err || !is)
        return err;
    static const struct tolerance below_one = {.by = {.digits = {"1", 1}, .under = 1}};
    static const struct number zero = {.under = 1};
    if (part.reading[0].negative || !number_near(&part.reading[0], &zero, &below_one) ||
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
    end = scale_end(s, found->to, scan_at(s, found->from) == '$', &places);
    if (end > found->to) {
        found->to = end;
        (void)reading_add(found, number_shift(n, places));
        (void)reading_add(found, n);
        return;
    }
    (void)reading_add(found, n);
    size_t sign = found->to + scan_spaces_at(s, found->to);
    static const char *const signs[] = {"%", "percent", "per cent"};
    for (unsigned i = 0; i < ARRAY_LEN(signs) && !found->percent; i++)
        if (str_starts(str_tail(s->text, sign), str_from(signs[i]))) {
            found->percent = true;
            found->to = sign + strlen(signs[i]);
            (void)reading_add(found, number_shift(n, -2));
        }
}

/* "1.234,56", "12,5", "0,125": a comma before the decimals; its end, or `from`. */
static size_t comma_decimals_end(const struct scan *s, size_t from, bool *ret_sure)
{
    size_t first = scan_digits_at(s, from), point = from + first;
    size_t groups = first > 0 && first <= 3 ? scan_groups_end(s, point, '.') : point;
    size_t decimals = scan_at(s, groups) == ',' ? scan_digits_at(s, groups + 1) : 0;
    size_t end = groups + 1 + decimals;
    bool zero = first == 1 && scan_at(s, from) == '0';
    *ret_sure = groups > point || zero;
    bool listed = scan_at(s, end) == ',' ||
                  (scan_at(s, end) == '.' && scan_is_digit(scan_at(s, end + 1))) ||
                  (from > 0 && strchr(",.([{", scan_at(s, from - 1)));
    bool is = first > 0 && decimals > 0 && !listed && (decimals != 3 || zero) &&
              (groups == point || decimals <= 2);
    return is ? end : from;
}

/* As above, read with a point for the comma; "12,5" may be two numbers, of which 5 is the last. */
static int comma_read(struct arena *arena, const struct scan *s, size_t from, size_t end, bool sure,
                      struct number_found *found)
{
    struct str text = arena_str(arena, scan_piece(s, from, end));
    if (!text.p)
        return E_MEMORY;
    char *p = (char *)text.p;
    for (size_t i = 0; i < text.n; i++)
        p[i] = p[i] == ',' ? '.' : p[i] == '.' ? ' ' : p[i];
    struct number n, last;
    struct str behind = text;
    (void)str_cut(&behind, '.');
    int err = number_read(arena, text, &n);
    if (!err)
        err = number_read(arena, behind, &last);
    if (err)
        return err;
    found->to = end;
    behind_read(s, n, found);
    return sure || found->readings > 1 ? 0 : reading_add(found, last);
}

#define PAIRS_MAX 5

/* Where "12,34,567" ends, pairs before the last three digits, as in India; or `from`. */
static size_t pairs_end(const struct scan *s, size_t from)
{
    size_t first = scan_digits_at(s, from), to = from + first;
    unsigned pairs = 0;
    for (; scan_at(s, to) == ',' && scan_digits_at(s, to + 1) == 2 && pairs < PAIRS_MAX; pairs++)
        to += 3;
    bool is = first > 0 && first <= 2 && pairs > 0 && scan_at(s, to) == ',' &&
              scan_digits_at(s, to + 1) == 3 && scan_at(s, to + 4) != ',';
    return is ? to + 4 : from;
}

/* Where groups of three digits end that begin at `from`: "1,234", "1'234", "1_234", "1.234.567";
 * `spaced`: "1 234", of which nobody can be sure. */
static size_t whole_end(const struct scan *s, size_t from, bool *ret_spaced)
{
    static const char separators[] = ",'_";
    size_t first = scan_digits_at(s, from), to = from + first;
    *ret_spaced = false;
    if (first == 0 || first > 3)
        return to;
    for (const char *c = separators; *c; c++)
        if (scan_groups_end(s, to, *c) > to)
            return scan_groups_end(s, to, *c);
    if (pairs_end(s, from) > to)
        return pairs_end(s, from);
    if (scan_dotted_groups_end(s, from) > to)
        return scan_dotted_groups_end(s, from);
    size_t end = scan_groups_end(s, to, ' ');
    *ret_spaced = end > to && !scan_is_digit(scan_at(s, end)) && scan_at(s, end) != '/';
    return *ret_spaced ? end : to;
}

/* Dots between groups are no point. */
static int decimal_read(struct arena *arena, struct str text, bool dotted,
                        struct number *ret_number)
{
    struct number groups = {.under = 1};
    struct buf digits;
    if (!dotted)
        return number_read(arena, text, ret_number);
    buf_init(&digits, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        if (scan_is_digit(text.p[i]))
            buf_char(&digits, text.p[i]);
    int err = digits.failed ? digits.failed : number_read(arena, buf_view(&digits), &groups);
    buf_fini(&digits);
    *ret_number = groups;
    return err;
}

/* The digits that begin at `from`, or the point before them. */
static int digits_read(struct arena *arena, const struct scan *s, size_t from,
                       struct number_found *found)
{
    bool is = false, spaced, sure;
    size_t comma = comma_decimals_end(s, from, &sure);
    if (comma > from)
        return comma_read(arena, s, from, comma, sure, found);
    size_t to = whole_end(s, from, &spaced);
    bool dotted = scan_dotted_groups_end(s, from) > from;
    size_t end = dotted ? to : decimals_end(s, to);
    bool whole = to > from && end == to && !spaced;
    found->to = end;
    struct number n, last;
    int err = decimal_read(arena, scan_piece(s, from, end), dotted, &n);
    if (!err && whole)
        err = fraction_read(arena, s, from, to, &is, found);
    if (!err && whole && !is)
        err = mixed_read(arena, s, n, found);
    if (err || found->readings > 0)
        return err;
    behind_read(s, n, found);
    if (!spaced)
        return 0;
    /* "5 100" may be five of a hundred, too. */
    err = number_read(arena, scan_piece(s, to - 3, end), &last);
    return err ? err : reading_add(found, last);
}

static void negate(struct number_found *found)
{
    for (unsigned i = 0; i < found->readings; i++)
        found->reading[i].negative = !found->reading[i].negative;
}

static bool begins(const struct scan *s, size_t i)
{
    return scan_is_digit(scan_at(s, i)) ||
           (scan_at(s, i) == '.' && scan_is_digit(scan_at(s, i + 1)));
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
        size_t aside = latex ? i : scan_aside_end(&s, i);
        found.aside = aside > i || (!latex && scan_is_aside(&s, i, found.to));
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
