/* calls_match.c: one call, and the one that was expected. */
#include "base/json.h"
#include "eval/calls/calls.h"

#define SHOWN_BYTES 120 /* of a value in a reason */
#define SHOWN_MOST  5   /* values of those allowed */

/* ---- functions ---- */

/* A tool's function: what has the name and the parameters. */
static yyjson_val *tool_function(yyjson_val *tool)
{
    yyjson_val *function = yyjson_obj_get(tool, "function");
    return yyjson_is_obj(function) ? function : tool;
}

static yyjson_val *tool_find(yyjson_val *tools, struct str name)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(tools);
    for (yyjson_val *tool; (tool = yyjson_arr_iter_next(&each));)
        if (str_eq(json_get_str(tool_function(tool), "name"), name))
            return tool_function(tool);
    return NULL;
}

/* Would a model that may only write letters, digits, "_" and "-" write `name` so? */
static bool is_written(struct str name, struct str written)
{
    bool same = name.n == written.n;
    for (size_t i = 0; i < name.n && same; i++)
        same = name.p[i] == written.p[i] || (name.p[i] == '.' && written.p[i] == '_');
    return same;
}

bool call_is_of(const struct calls_match *m, const struct tool_call *call,
                const struct expected_call *expected)
{
    if (str_eq(call->name, expected->name))
        return true;
    if (!is_written(expected->name, call->name))
        return false;
    /* Another function may be called so, or be written so. */
    yyjson_arr_iter each = yyjson_arr_iter_with(m->tools);
    for (yyjson_val *tool; (tool = yyjson_arr_iter_next(&each));) {
        struct str name = json_get_str(tool_function(tool), "name");
        if (is_written(name, call->name) && !str_eq(name, expected->name))
            return false;
    }
    return true;
}

/* ---- types: what a tool's schema says; NULL where it says nothing ---- */

static yyjson_val *schema_member(yyjson_val *schema, struct str name)
{
    return yyjson_obj_getn(yyjson_obj_get(schema, "properties"), name.p, name.n);
}

static bool type_is(yyjson_val *type, const char *name)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(type);
    if (yyjson_equals_str(type, name))
        return true;
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&each));)
        if (yyjson_equals_str(one, name))
            return true;
    return false;
}

static bool takes_fractions(yyjson_val *schema)
{
    yyjson_val *type = yyjson_obj_get(schema, "type");
    return type_is(type, "float") || type_is(type, "number");
}

/* ---- values ---- */

static bool is_within(unsigned c, unsigned from, unsigned to)
{
    return c >= from && c <= to;
}

/* A letter's small form, of the alphabets that have both: Latin, Greek, Cyrillic. */
static unsigned small_letter(unsigned c)
{
    if (is_within(c, 'A', 'Z') || (is_within(c, 0xc0, 0xde) && c != 0xd7) ||
        is_within(c, 0x391, 0x3a9) || is_within(c, 0x410, 0x42f))
        return c + 0x20;
    if (is_within(c, 0x400, 0x40f))
        return c + 0x50;
    if (is_within(c, 0x100, 0x137) || is_within(c, 0x14a, 0x177) || is_within(c, 0x1e00, 0x1e95) ||
        is_within(c, 0x1ea0, 0x1eff) || is_within(c, 0x460, 0x481) || is_within(c, 0x48a, 0x4bf))
        return c | 1;
    if (is_within(c, 0x139, 0x148) || is_within(c, 0x179, 0x17e))
        return c + (c & 1);
    return c;
}

/* Takes the character in front; of what is no UTF-8, a byte. */
static unsigned take_character(struct str *s)
{
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t n = str_utf8_len(*s);
    unsigned c = (unsigned char)s->p[0] & (n ? lead[n] : 0xffu);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s->p[i] & 0x3fu);
    *s = str_tail(*s, n ? n : 1);
    return c;
}

/* The next character that counts, made small; -1 at the end. */
static int folded_next(struct str *s)
{
    while (s->n > 0) {
        unsigned c = take_character(s);
        if (c == '\'')
            return '"';
        if (c == 0 || c >= 0x80 || !strchr(" ,./-_*^", (int)c))
            return (int)small_letter(c);
    }
    return -1;
}

static bool same_text(struct str a, struct str b)
{
    int c, d;
    do {
        c = folded_next(&a);
        d = folded_next(&b);
    } while (c == d && c >= 0);
    return c == d;
}

/* How a value is compared. */
struct rule {
    bool exact; /* members are values, not lists of those that are allowed */
    bool loose; /* texts as BFCL compares them */
    bool inner; /* an object within an object: BFCL's ground truth has plain values there too */
};

static bool value_matches(struct calls_match *m, yyjson_val *v, yyjson_val *want,
                          yyjson_val *schema, struct rule rule);

static bool is_empty_text(yyjson_val *v)
{
    return yyjson_is_str(v) && yyjson_get_len(v) == 0;
}

static bool may_be_left_out(yyjson_val *allowed)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(allowed);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&each));)
        if (is_empty_text(one))
            return true;
    return false;
}

/* Is `v` one of the list's values? */
static bool is_allowed(struct calls_match *m, yyjson_val *v, yyjson_val *allowed,
                       yyjson_val *schema, struct rule rule)
{
    if (yyjson_arr_size(allowed) == 0)
        return yyjson_is_arr(v) && yyjson_arr_size(v) == 0;
    yyjson_arr_iter each = yyjson_arr_iter_with(allowed);
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&each));)
        if (value_matches(m, v, one, schema, rule))
            return true;
    return false;
}

static bool member_matches(struct calls_match *m, yyjson_val *v, yyjson_val *want,
                           yyjson_val *schema, struct rule rule)
{
    struct rule within = {.exact = rule.exact, .loose = rule.loose, .inner = true};
    if (!rule.exact && yyjson_is_arr(want) && is_allowed(m, v, want, schema, within))
        return true;
    bool plain = rule.exact || rule.inner;
    return plain && value_matches(m, v, want, schema, within);
}

static bool object_matches(struct calls_match *m, yyjson_val *v, yyjson_val *want,
                           yyjson_val *schema, struct rule rule)
{
    yyjson_obj_iter given = yyjson_obj_iter_with(v), wanted = yyjson_obj_iter_with(want);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&given));) {
        struct str name = json_str(key);
        yyjson_val *member = values_member(want, name, &m->steps);
        if (!member || !member_matches(m, yyjson_obj_iter_get_val(key), member,
                                       schema_member(schema, name), rule))
            return false;
    }
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&wanted));) {
        bool optional = !rule.exact && may_be_left_out(yyjson_obj_iter_get_val(key));
        if (!optional && !values_member(v, json_str(key), &m->steps))
            return false;
    }
    return true;
}

static bool array_matches(struct calls_match *m, yyjson_val *v, yyjson_val *want,
                          yyjson_val *schema, struct rule rule)
{
    yyjson_arr_iter given = yyjson_arr_iter_with(v), wanted = yyjson_arr_iter_with(want);
    yyjson_val *items = yyjson_obj_get(schema, "items");
    bool same = yyjson_arr_size(v) == yyjson_arr_size(want);
    for (yyjson_val *one; same && (one = yyjson_arr_iter_next(&given));)
        same = value_matches(m, one, yyjson_arr_iter_next(&wanted), items, rule);
    return same;
}

static bool number_matches(struct calls_match *m, yyjson_val *v, yyjson_val *want,
                           yyjson_val *schema)
{
    bool type = values_is_integer(v) || !values_is_integer(want) || takes_fractions(schema);
    return type && values_equal(v, want, &m->steps);
}

static bool value_matches(struct calls_match *m, yyjson_val *v, yyjson_val *want,
                          yyjson_val *schema, struct rule rule)
{
    if (!values_step(&m->steps, 1))
        return false;
    if (values_is_number(v) && values_is_number(want))
        return number_matches(m, v, want, schema);
    if (yyjson_get_type(v) != yyjson_get_type(want))
        return false;
    if (yyjson_is_obj(v))
        return object_matches(m, v, want, schema, rule);
    if (yyjson_is_arr(v))
        return array_matches(m, v, want, schema, rule);
    if (!yyjson_is_str(v))
        return values_equal(v, want, &m->steps);
    /* Where nothing is allowed as a text, only nothing is it: "-" is none. */
    if (rule.loose && yyjson_get_len(want) > 0)
        return same_text(json_str(v), json_str(want));
    return str_eq(json_str(v), json_str(want));
}

/* ---- why not ---- */

/* "'Paris', 'Paris, France'"; "" is not shown, it means that the argument may be left out. */
static struct str allowed_show(struct arena *a, yyjson_val *allowed)
{
    struct str shown = STR("");
    unsigned n = 0;
    yyjson_arr_iter each = yyjson_arr_iter_with(allowed);
    for (yyjson_val *one; shown.p && (one = yyjson_arr_iter_next(&each));) {
        if (is_empty_text(one) && yyjson_arr_size(allowed) > 1)
            continue;
        if (n++ == SHOWN_MOST)
            return arena_printf(a, "%.*s ...", STR_ARGS(shown));
        struct str text = values_show(a, one, SHOWN_BYTES);
        shown = text.p ? arena_printf(a, "%.*s%s%.*s", STR_ARGS(shown), n > 1 ? ", " : "",
                                      STR_ARGS(text))
                       : STR_NONE;
    }
    return shown.p && n == 0 ? STR("[]") : shown;
}

static bool same_kind(yyjson_val *v, yyjson_val *want)
{
    if (values_is_number(v) && values_is_number(want))
        return values_is_integer(v) || !values_is_integer(want);
    return yyjson_get_type(v) == yyjson_get_type(want);
}

/* Is it of a type that none of those allowed has? */
static bool is_of_wrong_type(yyjson_val *v, yyjson_val *allowed, yyjson_val *schema)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(allowed);
    if (values_is_number(v) && takes_fractions(schema))
        return false;
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&each));)
        if (!is_empty_text(one) && same_kind(v, one))
            return false;
    return true;
}

/* What follows the argument's name in a reason. */
static struct str argument_why(struct arena *a, yyjson_val *v, yyjson_val *allowed,
                               yyjson_val *schema, bool exact)
{
    struct str got = values_show(a, v, SHOWN_BYTES);
    struct str want = exact ? values_show(a, allowed, SHOWN_BYTES) : allowed_show(a, allowed);
    if (!got.p || !want.p)
        return STR_NONE;
    bool wrong_type = exact ? !same_kind(v, allowed) : is_of_wrong_type(v, allowed, schema);
    if (wrong_type)
        return arena_printf(a, ": %.*s is %s, of the wrong type; expected: %.*s", STR_ARGS(got),
                            values_kind(v), STR_ARGS(want));
    return arena_printf(a, ": %.*s is %s: %.*s", STR_ARGS(got), exact ? "not" : "none of",
                        STR_ARGS(want));
}

/* ---- a call ---- */

/* The first argument given that is wrong, and why; *ret_why stays as it is where all are good. */
static int given_check(struct calls_match *m, const struct tool_call *call,
                       const struct expected_call *expected, yyjson_val *parameters,
                       struct str *ret_argument, struct str *ret_why)
{
    struct rule rule = {.exact = expected->exact, .loose = !expected->exact || m->lenient};
    yyjson_obj_iter given = yyjson_obj_iter_with(call->arguments);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&given));) {
        struct str name = json_str(key);
        yyjson_val *v = yyjson_obj_iter_get_val(key);
        yyjson_val *want = values_member(expected->arguments, name, &m->steps);
        yyjson_val *schema = schema_member(parameters, name);
        bool good = want && (expected->exact ? value_matches(m, v, want, schema, rule)
                                             : is_allowed(m, v, want, schema, rule));
        if (good)
            continue;
        *ret_argument = values_name(m->arena, key, CALLS_NAME_BYTES);
        *ret_why = want ? argument_why(m->arena, v, want, schema, expected->exact)
                        : STR(" was not expected");
        return ret_argument->p && ret_why->p ? 0 : E_MEMORY;
    }
    return 0;
}

static bool is_required(yyjson_val *parameters, struct str name)
{
    yyjson_arr_iter each = yyjson_arr_iter_with(yyjson_obj_get(parameters, "required"));
    for (yyjson_val *one; (one = yyjson_arr_iter_next(&each));)
        if (str_eq(json_str(one), name))
            return true;
    return false;
}

static struct str missing(struct calls_match *m, const struct tool_call *call,
                          const struct expected_call *expected, yyjson_val *parameters)
{
    yyjson_obj_iter wanted = yyjson_obj_iter_with(expected->arguments);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&wanted));) {
        struct str name = json_str(key);
        bool optional = !expected->exact && may_be_left_out(yyjson_obj_iter_get_val(key)) &&
                        !is_required(parameters, name);
        if (!optional && !values_member(call->arguments, name, &m->steps))
            return name;
    }
    return STR_NONE;
}

int call_matches(struct calls_match *m, const struct tool_call *call,
                 const struct expected_call *expected, bool *ret_matches, struct str *ret_why)
{
    struct str argument = STR_NONE, why = STR_NONE;
    *ret_matches = false;
    if (!call_is_of(m, call, expected)) {
        *ret_why = arena_printf(m->arena, "%.*s: expected a call of %.*s", STR_ARGS(call->shown),
                                STR_ARGS(expected->name));
        return ret_why->p ? 0 : E_MEMORY;
    }
    if (!call->arguments) {
        *ret_why = arena_printf(m->arena, "%.*s: %.*s", STR_ARGS(call->shown),
                                STR_ARGS(call->wrong));
        return ret_why->p ? 0 : E_MEMORY;
    }
    yyjson_val *parameters = yyjson_obj_get(tool_find(m->tools, expected->name), "parameters");
    int err = given_check(m, call, expected, parameters, &argument, &why);
    if (err)
        return err;
    if (!why.p) {
        argument = missing(m, call, expected, parameters);
        why = argument.p ? STR(" is missing") : STR_NONE;
    }
    *ret_matches = !why.p;
    if (why.p)
        *ret_why = arena_printf(m->arena, "%.*s: argument %.*s%.*s", STR_ARGS(expected->name),
                                STR_ARGS(argument), STR_ARGS(why));
    return ret_why->p || *ret_matches ? 0 : E_MEMORY;
}
