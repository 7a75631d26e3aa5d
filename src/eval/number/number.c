/* number.c: what a number is, and how two are compared. */
#include "eval/number/number.h"

#include <math.h>

#define WHOLE_DIGITS_MAX 18 /* fit a uint64_t */

typedef unsigned __int128 wide;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int number_read(struct arena *arena, struct str text, struct number *ret_number)
{
    char *digits = arena_alloc(arena, text.n + 1);
    if (!digits)
        return E_MEMORY;
    size_t n = 0;
    int64_t exponent = 0;
    bool behind_point = false;
    for (size_t i = 0; i < text.n; i++) {
        behind_point = behind_point || text.p[i] == '.';
        if (!is_digit(text.p[i]) || (n == 0 && text.p[i] == '0' && !behind_point))
            continue;
        exponent -= behind_point;
        if (n > 0 || text.p[i] != '0')
            digits[n++] = text.p[i];
    }
    for (; n > 0 && digits[n - 1] == '0'; n--)
        exponent++;
    *ret_number =
        (struct number){.digits = str_of(digits, n), .exponent = n > 0 ? exponent : 0, .under = 1};
    return 0;
}

struct number number_shift(struct number n, int64_t places)
{
    if (n.digits.n > 0)
        n.exponent += places;
    return n;
}

/* The digits times ten to the `places`; false where it is more than 128 bits hold. */
static bool to_wide(struct str digits, int64_t places, wide *ret_wide)
{
    wide w = 0;
    if (digits.n > 0 && (places < 0 || places > 38))
        return false;
    for (size_t i = 0; i < digits.n; i++)
        if (__builtin_mul_overflow(w, (wide)10, &w) ||
            __builtin_add_overflow(w, (wide)(digits.p[i] - '0'), &w))
            return false;
    for (; digits.n > 0 && places > 0; places--)
        if (__builtin_mul_overflow(w, (wide)10, &w))
            return false;
    *ret_wide = w;
    return true;
}

static bool to_whole(const struct number *n, uint64_t *ret_whole)
{
    wide w;
    if (n->under != 1 || (int64_t)n->digits.n + n->exponent > WHOLE_DIGITS_MAX ||
        !to_wide(n->digits, n->exponent, &w))
        return false;
    *ret_whole = (uint64_t)w;
    return true;
}

bool number_over(struct number n, struct number under, struct number *ret_number)
{
    uint64_t whole;
    if (n.under != 1 || n.exponent < 0 || !to_whole(&under, &whole) || whole == 0)
        return false;
    n.under = whole;
    n.negative = n.negative != under.negative;
    *ret_number = n;
    return true;
}

bool number_mixed(struct arena *arena, struct number whole, struct number fraction,
                  struct number *ret_number)
{
    wide sum = 0, over = 0;
    if (!to_wide(whole.digits, whole.exponent, &sum) ||
        !to_wide(fraction.digits, fraction.exponent, &over) ||
        __builtin_mul_overflow(sum, (wide)fraction.under, &sum) ||
        __builtin_add_overflow(sum, over, &sum) || sum > UINT64_MAX)
        return false;
    struct str text = arena_printf(arena, "%llu", (unsigned long long)sum);
    if (!text.p || number_read(arena, text, ret_number) != 0)
        return false;
    ret_number->under = fraction.under;
    ret_number->negative = whole.negative;
    return true;
}

/* ---- comparing ---- */

/* The number times `times` and ten to the `places`. */
static bool scaled(const struct number *n, int64_t places, wide times, wide *ret_wide)
{
    return to_wide(n->digits, n->digits.n ? n->exponent + places : 0, ret_wide) &&
           !__builtin_mul_overflow(*ret_wide, times, ret_wide);
}

/* How many places make all of them whole. */
static int64_t places_of(const struct number *a, const struct number *b)
{
    int64_t least = a->exponent < b->exponent ? a->exponent : b->exponent;
    return least < 0 ? -least : 0;
}

static bool distance(const struct number *a, const struct number *b, wide x, wide y,
                     wide *ret_distance)
{
    if (a->negative != b->negative)
        return !__builtin_add_overflow(x, y, ret_distance);
    *ret_distance = x > y ? x - y : y - x;
    return true;
}

/* |got - wanted| <= by, or <= by / 100 * |wanted|, all times got.under * wanted.under * by.under
 * (and ten to some power), in whole numbers. False where they are too large. */
static bool near_exact(const struct number *got, const struct number *wanted,
                       const struct tolerance *t, bool *ret_near)
{
    int64_t places = places_of(got, wanted), by_places = t->by.exponent < 0 ? -t->by.exponent : 0;
    wide x, y, by, apart, unit = 1, by_unit = 1;
    if (!scaled(got, places, wanted->under, &x) || !scaled(wanted, places, got->under, &y) ||
        !scaled(&t->by, by_places, 1, &by) || !distance(got, wanted, x, y, &apart) ||
        !to_wide(STR("1"), by_places, &by_unit))
        return false;
    if (t->percent)
        unit = y;
    else if (!to_wide(STR("1"), places, &unit) ||
             __builtin_mul_overflow(unit, (wide)got->under * wanted->under, &unit))
        return false;
    if (__builtin_mul_overflow(by_unit, (wide)t->by.under * (t->percent ? 100 : 1), &by_unit) ||
        __builtin_mul_overflow(apart, by_unit, &apart) || __builtin_mul_overflow(unit, by, &unit))
        return false;
    *ret_near = apart <= unit;
    return true;
}

static long double to_long_double(const struct number *n)
{
    long double value = 0;
    for (size_t i = 0; i < n->digits.n; i++)
        value = value * 10 + (n->digits.p[i] - '0');
    value = value * powl(10, (long double)n->exponent) / (long double)n->under;
    return n->negative ? -value : value;
}

bool number_equal(const struct number *a, const struct number *b)
{
    static const struct tolerance none = {.by = {.under = 1}};
    bool near = false;
    if (a->under == 1 && b->under == 1)
        return str_eq(a->digits, b->digits) && a->exponent == b->exponent &&
               (a->negative == b->negative || a->digits.n == 0);
    return near_exact(a, b, &none, &near) && near;
}

bool number_near(const struct number *got, const struct number *wanted, const struct tolerance *t)
{
    bool near = false;
    if (t->by.digits.n == 0 || number_equal(got, wanted))
        return number_equal(got, wanted);
    if (near_exact(got, wanted, t, &near))
        return near;
    long double x = to_long_double(got), y = to_long_double(wanted), by = to_long_double(&t->by);
    return fabsl(x - y) <= (t->percent ? by / 100 * fabsl(y) : by);
}
