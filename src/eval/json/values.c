#include "eval/json/values.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

#define MEMBERS_A_STEP   16 /* names are passed over quickly */
#define DOUBLE_TEXT_MAX  32
#define EXPONENT_MOST    100000 /* of a number's text; beyond, it is as good as endless */
#define UINT64_TEXT_MOST 20     /* digits */

bool values_step(struct values_steps *steps, uint64_t n)
{
    if (steps->left <= n) {
        steps->left = 0;
        return false;
    }
    steps->left -= n;
    return true;
}

yyjson_val *values_member(yyjson_val *object, struct str name, struct values_steps *steps)
{
    if (!values_step(steps, 1 + yyjson_obj_size(object) / MEMBERS_A_STEP))
        return NULL;
    return yyjson_obj_getn(object, name.p, name.n);
}

/* ---- numbers ---- */

bool values_is_number(yyjson_val *v)
{
    return yyjson_is_num(v) || yyjson_is_raw(v);
}

static struct str raw_text(yyjson_val *v)
{
    return str_of(yyjson_get_raw(v), yyjson_get_len(v));
}

static double as_double(yyjson_val *v)
{
    /* What stands there as a text is followed by what ended it in JSON. */
    return yyjson_is_raw(v) ? strtod(yyjson_get_raw(v), NULL) : yyjson_get_num(v);
}

/*
 * A number as digits * 10^exponent with a sign, the digits without zeros at either end, so that
 * equal numbers are the same. Zero has no digits.
 */
struct decimal {
    bool negative;
    char digits[UINT64_TEXT_MOST];
    size_t n;
    long exponent;
};

static long exponent_of(struct str text)
{
    char digits[16] = {0};
    memcpy(digits, text.p, text.n < sizeof(digits) ? text.n : sizeof(digits) - 1);
    long e = strtol(digits, NULL, 10);
    return e > EXPONENT_MOST ? EXPONENT_MOST : e < -EXPONENT_MOST ? -EXPONENT_MOST : e;
}

/* The shortest text that reads as the same double; yyjson writes that. */
static struct str number_text(yyjson_val *v, char out[static DOUBLE_TEXT_MAX])
{
    if (yyjson_is_raw(v))
        return raw_text(v);
    if (yyjson_is_int(v)) {
        int n = yyjson_is_sint(v)
                    ? snprintf(out, DOUBLE_TEXT_MAX, "%lld", (long long)yyjson_get_sint(v))
                    : snprintf(out, DOUBLE_TEXT_MAX, "%llu",
                               (unsigned long long)yyjson_get_uint(v));
        return str_of(out, (size_t)n);
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(out, DOUBLE_TEXT_MAX, "%.*e", digits - 1, yyjson_get_real(v));
        if (strtod(out, NULL) == yyjson_get_real(v))
            break;
    }
    return str_from(out);
}

/* False where there are more digits than fit. */
static bool decimal_of(yyjson_val *v, struct decimal *ret)
{
    char own[DOUBLE_TEXT_MAX];
    struct str text = number_text(v, own);
    bool point = false, fits = true;
    size_t n = 0;
    *ret = (struct decimal){.negative = text.n > 0 && text.p[0] == '-'};
    for (size_t i = ret->negative; i < text.n; i++) {
        char c = text.p[i];
        if (c == 'e' || c == 'E') {
            ret->exponent += exponent_of(str_tail(text, i + 1));
            break;
        }
        if (c == '.') {
            point = true;
            continue;
        }
        ret->exponent -= point;
        if (n == 0 && c == '0')
            continue; /* zeros in front */
        if (n < sizeof(ret->digits))
            ret->digits[n++] = c;
        else if (c == '0')
            ret->exponent++;
        else
            fits = false;
    }
    for (; n > 0 && ret->digits[n - 1] == '0'; n--)
        ret->exponent++;
    ret->n = n;
    return fits;
}

static bool decimal_equal(const struct decimal *a, const struct decimal *b)
{
    if (a->n == 0 || b->n == 0)
        return a->n == b->n;
    return a->negative == b->negative && a->exponent == b->exponent &&
           str_eq(str_of(a->digits, a->n), str_of(b->digits, b->n));
}

int values_order(yyjson_val *a, yyjson_val *b)
{
    if (yyjson_is_uint(a) && yyjson_is_uint(b)) {
        uint64_t x = yyjson_get_uint(a), y = yyjson_get_uint(b);
        return (x > y) - (x < y);
    }
    if (yyjson_is_sint(a) && yyjson_is_sint(b)) {
        int64_t x = yyjson_get_sint(a), y = yyjson_get_sint(b);
        return (x > y) - (x < y);
    }
    double x = as_double(a), y = as_double(b);
    return (x > y) - (x < y);
}

static bool numbers_equal(yyjson_val *a, yyjson_val *b)
{
    struct decimal x, y;
    if (yyjson_is_uint(a) && yyjson_is_uint(b))
        return yyjson_get_uint(a) == yyjson_get_uint(b);
    if (yyjson_is_raw(a) && yyjson_is_raw(b) && str_eq(raw_text(a), raw_text(b)))
        return true;
    return decimal_of(a, &x) && decimal_of(b, &y) && decimal_equal(&x, &y);
}

bool values_is_integer(yyjson_val *v)
{
    if (!yyjson_is_raw(v))
        return yyjson_is_int(v);
    struct str text = raw_text(v);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '.' || text.p[i] == 'e' || text.p[i] == 'E')
            return false;
    return true;
}

bool values_is_whole(yyjson_val *v)
{
    struct decimal d;
    if (yyjson_is_int(v) || values_is_integer(v))
        return true;
    if (yyjson_is_real(v))
        return yyjson_get_real(v) == trunc(yyjson_get_real(v));
    return values_is_number(v) && decimal_of(v, &d) && (d.exponent >= 0 || d.n == 0);
}

static unsigned __int128 digits_number(const struct decimal *d)
{
    unsigned __int128 n = 0;
    for (size_t i = 0; i < d->n; i++)
        n = n * 10 + (unsigned)(d->digits[i] - '0');
    return n;
}

bool values_is_multiple(yyjson_val *v, yyjson_val *of)
{
    struct decimal a, m;
    if (!decimal_of(v, &a) || !decimal_of(of, &m))
        return fmod(as_double(v), as_double(of)) == 0;
    if (a.n == 0)
        return true;
    unsigned __int128 rest = digits_number(&a), unit = digits_number(&m);
    if (unit == 0)
        return false;
    /* One of the two is brought to the other's exponent: the unit while it fits, ... */
    for (; m.exponent > a.exponent; m.exponent--) {
        if (unit > rest)
            return false; /* and is not 0 */
        unit *= 10;
    }
    /* ... or the number, of which only the rest counts. */
    for (rest %= unit; a.exponent > m.exponent && rest != 0; a.exponent--)
        rest = rest * 10 % unit;
    return rest == 0;
}

/* ---- values ---- */

static bool arrays_equal(yyjson_val *a, yyjson_val *b, struct values_steps *steps)
{
    yyjson_arr_iter left = yyjson_arr_iter_with(a), right = yyjson_arr_iter_with(b);
    bool same = yyjson_arr_size(a) == yyjson_arr_size(b);
    for (yyjson_val *v; same && (v = yyjson_arr_iter_next(&left));)
        same = values_equal(v, yyjson_arr_iter_next(&right), steps);
    return same;
}

/* Each of `a` stands in `b`, and there are as many; a name that stands twice in one of them has to
 * stand twice in the other. */
static bool objects_equal(yyjson_val *a, yyjson_val *b, struct values_steps *steps)
{
    yyjson_obj_iter left = yyjson_obj_iter_with(a), right = yyjson_obj_iter_with(b);
    bool same = yyjson_obj_size(a) == yyjson_obj_size(b);
    for (yyjson_val *key; same && (key = yyjson_obj_iter_next(&left));)
        same = values_equal(yyjson_obj_iter_get_val(key), values_member(b, json_str(key), steps),
                            steps);
    for (yyjson_val *key; same && (key = yyjson_obj_iter_next(&right));)
        same = values_member(a, json_str(key), steps) != NULL;
    return same;
}

bool values_equal(yyjson_val *a, yyjson_val *b, struct values_steps *steps)
{
    if (!a || !b || !values_step(steps, 1))
        return false;
    if (values_is_number(a))
        return values_is_number(b) && numbers_equal(a, b);
    if (yyjson_get_type(a) != yyjson_get_type(b))
        return false;
    switch (yyjson_get_type(a)) {
    case YYJSON_TYPE_STR:
        return str_eq(json_str(a), json_str(b));
    case YYJSON_TYPE_BOOL:
        return yyjson_get_bool(a) == yyjson_get_bool(b);
    case YYJSON_TYPE_ARR:
        return arrays_equal(a, b, steps);
    case YYJSON_TYPE_OBJ:
        return objects_equal(a, b, steps);
    default:
        return true; /* null */
    }
}

/* ---- for people ---- */

const char *values_kind(yyjson_val *v)
{
    if (values_is_number(v))
        return values_is_integer(v) ? "an integer" : "a number with a point";
    switch (yyjson_get_type(v)) {
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_BOOL:
        return "a boolean";
    case YYJSON_TYPE_ARR:
        return "an array";
    case YYJSON_TYPE_OBJ:
        return "an object";
    case YYJSON_TYPE_NULL:
        return "null";
    default:
        return "nothing";
    }
}

struct str values_show(struct arena *a, yyjson_val *v, size_t bytes_max)
{
    struct buf out, safe;
    struct str text = json_str(v);
    bool quotes = yyjson_is_str(v) && str_is_text(text);
    buf_init(&out, SIZE_MAX);
    buf_init(&safe, SIZE_MAX);
    if (!quotes) {
        (void)(yyjson_is_str(v) ? json_quote(&out, text) : json_value(&out, v));
        text = buf_view(&out);
    }
    /* yyjson leaves some of what a terminal would obey. */
    if (!str_is_text(text)) {
        (void)json_escape(&safe, text);
        text = buf_view(&safe);
    }
    bool cut = text.n > bytes_max;
    const char *quote = quotes ? "'" : "";
    text = out.failed || safe.failed
               ? STR_NONE
               : arena_printf(a, "%s%.*s%s%s", quote, STR_ARGS(str_head_utf8(text, bytes_max)),
                              cut ? "..." : "", quote);
    buf_fini(&out);
    buf_fini(&safe);
    return text;
}

struct str values_name(struct arena *a, yyjson_val *name, size_t bytes_max)
{
    struct str text = json_str(name);
    return text.n > 0 && text.n <= bytes_max && str_is_text(text) ? text
                                                                  : values_show(a, name, bytes_max);
}
