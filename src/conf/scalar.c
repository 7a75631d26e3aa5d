/*
 * scalar.c: durations, sizes, shares and money as people write them. Pure.
 */
#include <stdlib.h>

#include "conf/internal.h"

const char *scalar_bool(struct str text, bool *ret_value)
{
    static const struct str yes[] = {{"on", 2}, {"true", 4}, {"yes", 3}};
    static const struct str no[] = {{"off", 3}, {"false", 5}, {"no", 2}};
    for (unsigned i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq_nocase(text, yes[i]) || str_eq_nocase(text, no[i])) {
            *ret_value = str_eq_nocase(text, yes[i]);
            return NULL;
        }
    }
    return "expected on or off";
}

const char *scalar_int(struct str text, int64_t *ret_value)
{
    bool negative = str_starts(text, STR("-"));
    uint64_t value;
    if (!str_to_u64(str_tail(text, negative), INT64_MAX, &value))
        return "expected a whole number";
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return NULL;
}

/*
 * A decimal number in units of 10^-places: "1.25" with 3 places is 1250. False when it is none,
 * has more places than that (zeros at the end do not count), or is too large.
 */
static bool decimal(struct str text, unsigned places, int64_t *ret_value)
{
    bool negative = str_starts(text, STR("-"));
    struct str rest = str_tail(text, negative);
    struct str whole = str_cut(&rest, '.');
    uint64_t value = 0;
    if (whole.n == 0 || !str_to_u64(whole, INT64_MAX, &value))
        return false;
    if (rest.p && rest.n == 0)
        return false;
    while (rest.n > places && rest.p[rest.n - 1] == '0')
        rest.n--;
    if (rest.n > places)
        return false;
    for (unsigned i = 0; i < places; i++) {
        uint64_t digit = 0;
        if (i < rest.n && !str_to_u64(str_of(rest.p + i, 1), 9, &digit))
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > INT64_MAX)
            return false;
    }
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

const char *scalar_share(struct str text, int64_t *ret_millionths)
{
    if (str_ends(text, STR("%"))) {
        if (decimal(str_head(text, text.n - 1), 4, ret_millionths) && *ret_millionths >= 0)
            return NULL;
    } else if (decimal(text, 6, ret_millionths) && *ret_millionths >= 0) {
        return NULL;
    }
    return "expected a share such as 0.25 or 25%";
}

struct unit {
    struct str name;
    int64_t factor;
};

/* A decimal number and a unit: "1.5h". Zero needs no unit. */
static bool with_unit(struct str text, const struct unit *units, unsigned n, int64_t *ret_value)
{
    size_t digits = 0;
    while (digits < text.n && ((text.p[digits] >= '0' && text.p[digits] <= '9') ||
                               text.p[digits] == '.'))
        digits++;
    struct str name = str_trim(str_tail(text, digits));
    int64_t thousandths;
    if (!decimal(str_head(text, digits), 3, &thousandths))
        return false;
    for (unsigned i = 0; i < n; i++) {
        int64_t value;
        if (!str_eq_nocase(name, units[i].name) && !(name.n == 0 && thousandths == 0))
            continue;
        if (__builtin_mul_overflow(thousandths, units[i].factor, &value) || value % 1000)
            return false;
        *ret_value = value / 1000;
        return true;
    }
    return false;
}

const char *scalar_duration(struct str text, int64_t *ret_ms)
{
    static const struct unit units[] = {
        {{"ms", 2}, 1},       {{"s", 1}, 1000},      {{"m", 1}, 60000},
        {{"min", 3}, 60000},  {{"h", 1}, 3600000},   {{"d", 1}, 86400000},
        {{"w", 1}, 604800000}};
    if (str_eq_nocase(text, STR("off"))) {
        *ret_ms = 0;
        return NULL;
    }
    if (with_unit(text, units, ARRAY_LEN(units), ret_ms))
        return NULL;
    return "expected a duration such as 500ms, 30s, 10m, 1h or 7d";
}

const char *scalar_bytes(struct str text, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        {{"", 0}, 1},           {{"B", 1}, 1},           {{"KiB", 3}, 1 << 10},
        {{"MiB", 3}, 1 << 20},  {{"GiB", 3}, 1LL << 30}, {{"KB", 2}, 1000},
        {{"MB", 2}, 1000000},   {{"GB", 2}, 1000000000}};
    if (with_unit(text, units, ARRAY_LEN(units), ret_bytes))
        return NULL;
    return "expected a size such as 4096, 64KiB or 8MiB";
}

const char *scalar_usd(struct str text, int64_t *ret_nanos)
{
    struct str number = str_starts(text, STR("$")) ? str_tail(text, 1) : text;
    if (decimal(number, 9, ret_nanos))
        return NULL;
    return "expected dollars such as 2.50, with at most nine decimals";
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* What stands between ${ and }: NAME or NAME:-default. */
static int variable(struct arena *arena, struct str inside, struct buf *out,
                    struct str *ret_missing)
{
    ptrdiff_t at = str_find(inside, STR(":-"));
    struct str name = at < 0 ? inside : str_head(inside, (size_t)at);
    bool sane = name.n > 0;
    for (size_t i = 0; i < name.n; i++)
        sane &= is_name_char(name.p[i]);
    struct str z = arena_str(arena, name);
    if (!z.p)
        return E_MEMORY;
    const char *value = sane ? getenv(z.p) : NULL;
    if (value && (*value || at < 0))
        return buf_str(out, str_from(value));
    if (at >= 0)
        return buf_str(out, str_tail(inside, (size_t)at + 2));
    *ret_missing = z;
    return E_CONFIG;
}

int scalar_environment(struct arena *arena, struct str text, struct str *ret_text,
                       struct str *ret_missing)
{
    if (str_find(text, STR("$")) < 0) {
        *ret_text = text;
        return 0;
    }
    struct buf out;
    buf_init(&out, 1u << 20);
    int err = 0;
    for (size_t i = 0; i < text.n && !err; i++) {
        struct str rest = str_tail(text, i);
        ptrdiff_t end = str_starts(rest, STR("${")) ? str_find(rest, STR("}")) : -1;
        if (str_starts(rest, STR("$$"))) {
            err = buf_char(&out, '$');
            i++;
        } else if (end > 0) {
            err = variable(arena, str_of(rest.p + 2, (size_t)end - 2), &out, ret_missing);
            i += (size_t)end;
        } else {
            err = buf_char(&out, rest.p[0]);
        }
    }
    if (!err) {
        *ret_text = arena_str(arena, buf_view(&out));
        err = ret_text->p ? 0 : E_MEMORY;
    }
    buf_fini(&out);
    return err;
}
