#include "conf/scalar.h"

#include <inttypes.h>
#include <stdio.h>

#define NANOS 1000000000LL

/* A number as it stands in a text: digits * 10^power, and what follows it. */
struct decimal {
    __int128 digits;
    int power;
    bool negative;
    struct str unit;
};

enum fit { FIT_OK, FIT_INEXACT, FIT_LARGE };

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"d", 24 * 3600 * 1000LL}, {"h", 3600 * 1000LL}, {"m", 60 * 1000LL}, {"s", 1000}, {"ms", 1},
};
static const struct unit byte_units[] = {
    {"TiB", 1LL << 40},    {"GiB", 1LL << 30},   {"MiB", 1LL << 20},
    {"KiB", 1LL << 10},    {"TB", 1000 * NANOS}, {"GB", NANOS},
    {"MB", 1000 * 1000LL}, {"KB", 1000},         {"B", 1},
};
#define BINARY_UNITS 4

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes one digit; false when the number has more of them than can count. */
static bool digit_take(struct decimal *d, char c, bool fraction)
{
    const __int128 most = (__int128)1000000 * NANOS * NANOS; /* leaves room for a unit's factor */
    if (d->digits > most)
        return false;
    d->digits = d->digits * 10 + (c - '0');
    d->power -= fraction;
    return true;
}

/* How many bytes at the front of `s` are an exponent ("e-6"); adds it to the power. */
static size_t exponent_take(struct decimal *d, struct str s)
{
    if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
        return 0;
    size_t i = s.p[1] == '-' || s.p[1] == '+' ? 2 : 1, start = i;
    int exponent = 0;
    for (; i < s.n && is_digit(s.p[i]) && exponent < 1000; i++)
        exponent = exponent * 10 + (s.p[i] - '0');
    if (i == start)
        return 0;
    d->power += s.p[1] == '-' ? -exponent : exponent;
    return i;
}

/* "-12.50" and then the unit. False: it does not begin with a number. */
static bool decimal_parse(struct str s, bool exponent, struct decimal *d, bool *ret_long)
{
    size_t i = 0, count = 0;
    bool fraction = false;
    *d = (struct decimal){0};
    *ret_long = false;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        d->negative = s.p[i++] == '-';
    for (; i < s.n && (is_digit(s.p[i]) || (s.p[i] == '.' && !fraction)); i++) {
        if (s.p[i] == '.') {
            fraction = true;
            continue;
        }
        count++;
        if (!digit_take(d, s.p[i], fraction))
            *ret_long = true;
    }
    if (count == 0)
        return false;
    if (exponent)
        i += exponent_take(d, str_tail(s, i));
    d->unit = str_trim(str_tail(s, i));
    return true;
}

/* digits * 10^power * factor as a whole number. */
static enum fit decimal_fit(const struct decimal *d, int64_t factor, int64_t *ret_value)
{
    __int128 v = d->digits * factor; /* digits < 10^25, factor < 2^41 */
    for (int p = d->power; p < 0 && v != 0; p++) {
        if (v % 10)
            return FIT_INEXACT;
        v /= 10;
    }
    for (int p = d->power; p > 0 && v != 0 && v <= INT64_MAX; p--)
        v *= 10;
    if (v > INT64_MAX)
        return FIT_LARGE;
    *ret_value = d->negative ? -(int64_t)v : (int64_t)v;
    return FIT_OK;
}

static int64_t unit_factor(const struct unit *units, size_t count, struct str name, bool nocase)
{
    for (size_t i = 0; i < count; i++) {
        struct str own = str_from(units[i].name);
        if (nocase ? str_eq_nocase(own, name) : str_eq(own, name))
            return units[i].factor;
    }
    return 0;
}

bool scalar_is_number(enum conf_type type)
{
    return type >= CONF_BOOL && type <= CONF_CHOICE;
}

const char *scalar_expected(enum conf_type type)
{
    switch (type) {
    case CONF_STR:
    case CONF_SECRET:
        return "text";
    case CONF_BOOL:
        return "on or off";
    case CONF_INT:
        return "a whole number such as 100";
    case CONF_SHARE:
        return "a share such as 0.25 or 25%";
    case CONF_DURATION:
        return "a duration such as 250ms, 30s, 10m, 1h or 7d";
    case CONF_BYTES:
        return "a number of bytes such as 4096, 64KiB, 8MiB or 1GiB";
    case CONF_USD:
        return "an amount in dollars such as 50 or 0.25";
    case CONF_CHOICE:
        return "one of its words";
    case CONF_JSON:
        return "any value, such as {temperature: 0}";
    case CONF_STRS:
        return "a list of texts such as [a, b]";
    case CONF_STR_MAP:
        return "a map of names and texts such as {name: text}";
    case CONF_TABLE:
        return "a map of settings";
    case CONF_LIST:
        return "a list";
    case CONF_MAP:
        return "a map of names";
    case CONF_LIST_MAP:
        return "a map of names and lists such as {name: [a, b]}";
    }
    return "a value";
}

static bool refuse(struct scalar_why *why, const char *fmt, ...) PRINTF(2, 3);
static bool refuse(struct scalar_why *why, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);
    return false;
}

static bool one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eq_nocase(s, str_from(*words)))
            return true;
    return false;
}

/* 1, 0, or -1 for neither. */
static int bool_word(struct str s)
{
    static const char *const on[] = {"on", "yes", "true", NULL};
    static const char *const off[] = {"off", "no", "false", NULL};
    return one_of(s, on) ? 1 : one_of(s, off) ? 0 : -1;
}

#define CHOICES_MAX 64

static bool choice_parse(const struct conf_row *row, struct str text, int64_t *ret_value,
                         struct scalar_why *why)
{
    struct str words[CHOICES_MAX];
    unsigned n = 0;
    char list[160] = "";
    size_t used = 0;
    int as_bool = bool_word(text);
    for (; row->choices[n] && n < CHOICES_MAX; n++) {
        words[n] = str_from(row->choices[n]);
        if (str_eq(words[n], text)) {
            *ret_value = n;
            return true;
        }
        if (used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", n ? ", " : "",
                                     row->choices[n]);
    }
    for (unsigned i = 0; i < n && as_bool >= 0; i++) { /* `false` where the word is `off` */
        if (str_eq(words[i], as_bool ? STR("on") : STR("off"))) {
            *ret_value = i;
            return true;
        }
    }
    struct str near = str_nearest(text, words, n);
    if (near.n)
        return refuse(why, "is not known; did you mean '%.*s'? Expected one of: %s", STR_ARGS(near),
                      list);
    return refuse(why, "is not known; expected one of: %s", list);
}

bool scalar_in_bounds(const struct conf_row *row, int64_t value)
{
    if (row->min || row->max)
        return value >= row->min && value <= row->max;
    return row->type == CONF_INT || value >= 0;
}

static bool bounds_check(const struct conf_row *row, int64_t value, struct scalar_why *why)
{
    if (scalar_in_bounds(row, value))
        return true;
    bool bounded = row->min || row->max;
    bool small = value < (bounded ? row->min : 0);
    struct buf out;
    buf_init(&out, 256);
    if (row->min == 0) /* durations would say "off" */
        buf_char(&out, '0');
    else
        scalar_print(row, row->min, &out);
    if (!bounded || row->max == INT64_MAX) {
        buf_str(&out, STR(" or more"));
    } else {
        buf_str(&out, STR(" to "));
        scalar_print(row, row->max, &out);
    }
    refuse(why, "is too %s; expected %.*s", small ? "small" : "large", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return false;
}

/* What one of the unit is worth; 0: no such unit. */
static int64_t factor_of(const struct conf_row *row, struct str unit)
{
    switch (row->type) {
    case CONF_INT:
        return unit.n == 0;
    case CONF_SHARE:
        return unit.n == 0 ? 1000000 : str_eq(unit, STR("%")) ? 10000 : 0;
    case CONF_USD:
        return unit.n == 0 ? NANOS : 0;
    case CONF_BYTES:
        return unit.n == 0 ? 1 : unit_factor(byte_units, ARRAY_LEN(byte_units), unit, true);
    default:
        return unit_factor(duration_units, ARRAY_LEN(duration_units), unit, false);
    }
}

static const char *finest(enum conf_type type)
{
    switch (type) {
    case CONF_SHARE:
        return "a millionth";
    case CONF_USD:
        return "a nano-dollar";
    case CONF_DURATION:
        return "a millisecond";
    case CONF_BYTES:
        return "a byte";
    default:
        return "a whole number";
    }
}

static bool quantity_parse(const struct conf_row *row, const struct decimal *d, int64_t *ret_value,
                           struct scalar_why *why)
{
    const char *expected = scalar_expected(row->type);
    int64_t factor = factor_of(row, d->unit), value = 0;
    if (row->type == CONF_DURATION && d->unit.n == 0) {
        if (d->digits != 0)
            return refuse(why, "needs a unit; expected %s", expected);
        factor = 1;
    }
    if (factor == 0 && (row->type == CONF_INT || row->type == CONF_USD))
        return refuse(why, "is no number; expected %s", expected);
    if (factor == 0)
        return refuse(why, "has an unknown unit; expected %s", expected);
    switch (decimal_fit(d, factor, &value)) {
    case FIT_OK:
        if (!bounds_check(row, value, why))
            return false;
        *ret_value = value;
        return true;
    case FIT_LARGE:
        return bounds_check(row, d->negative ? INT64_MIN : INT64_MAX, why) &&
               refuse(why, "is too large");
    case FIT_INEXACT:
        break;
    }
    return refuse(why, "is finer than %s; expected %s", finest(row->type), expected);
}

bool scalar_parse(const struct conf_row *row, struct str text, int64_t *ret_value,
                  struct scalar_why *why)
{
    if (row->type == CONF_CHOICE)
        return choice_parse(row, text, ret_value, why);
    int word = bool_word(text);
    if (row->type == CONF_BOOL && word < 0)
        return refuse(why, "is neither; expected on or off");
    if (row->type == CONF_BOOL || (row->type == CONF_DURATION && row->min == 0 && word == 0)) {
        *ret_value = word;
        return true;
    }
    struct str number = text;
    if (row->type == CONF_USD && str_starts(text, STR("$")))
        number = str_tail(text, 1);
    struct decimal d;
    bool too_long;
    if (!decimal_parse(number, row->type == CONF_USD, &d, &too_long))
        return refuse(why, "is no number; expected %s", scalar_expected(row->type));
    if (too_long)
        return refuse(why, "has too many digits; expected %s", scalar_expected(row->type));
    return quantity_parse(row, &d, ret_value, why);
}

/* `value` / 10^places, without trailing zeros. */
static int decimal_print(int64_t value, unsigned places, struct buf *out)
{
    uint64_t scale = 1, whole = value < 0 ? -(uint64_t)value : (uint64_t)value;
    for (unsigned i = 0; i < places; i++)
        scale *= 10;
    buf_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", whole / scale);
    uint64_t rest = whole % scale;
    if (rest)
        buf_char(out, '.');
    for (scale /= 10; rest; scale /= 10) {
        buf_char(out, (char)('0' + rest / scale));
        rest %= scale;
    }
    return out->failed;
}

/* In the largest unit that gives a whole number, else as it is. */
static int unit_print(const struct unit *units, size_t count, int64_t value, struct buf *out)
{
    for (size_t i = 0; i < count && value != 0; i++)
        if (value % units[i].factor == 0)
            return buf_printf(out, "%" PRId64 "%s", value / units[i].factor, units[i].name);
    return buf_i64(out, value);
}

int scalar_print(const struct conf_row *row, int64_t value, struct buf *out)
{
    switch (row->type) {
    case CONF_BOOL:
        return buf_str(out, value ? STR("on") : STR("off"));
    case CONF_CHOICE:
        return buf_str(out, str_from(row->choices[value]));
    case CONF_SHARE:
        return decimal_print(value, 6, out);
    case CONF_USD:
        return decimal_print(value, 9, out);
    case CONF_DURATION:
        if (value == 0 && row->min == 0)
            return buf_str(out, STR("off"));
        return unit_print(duration_units, ARRAY_LEN(duration_units), value, out);
    case CONF_BYTES:
        return unit_print(byte_units, BINARY_UNITS, value, out);
    default:
        return buf_i64(out, value);
    }
}

int64_t scalar_get(const struct conf_row *row, const void *field)
{
    if (row->type == CONF_BOOL)
        return *(const bool *)field;
    if (row->type == CONF_CHOICE)
        return *(const int *)field;
    return *(const int64_t *)field;
}

void scalar_put(const struct conf_row *row, void *field, int64_t value)
{
    if (row->type == CONF_BOOL)
        *(bool *)field = value != 0;
    else if (row->type == CONF_CHOICE)
        *(int *)field = (int)value;
    else
        *(int64_t *)field = value;
}
