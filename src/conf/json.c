/* json.c: YAML as compact JSON, by YAML 1.2's core schema. */
#include "base/json.h"
#include "conf/doc.h"

struct writer {
    struct arena *arena; /* NULL: references to the environment are text */
    struct buf *out;
    struct buf *lines; /* NULL: nobody asks */
    const struct node **ret_where;
    struct str *ret_why;
};

static bool is_word(struct str s, const char *lower, const char *title, const char *upper)
{
    return str_eq(s, str_from(lower)) || str_eq(s, str_from(title)) || str_eq(s, str_from(upper));
}

static size_t digits(struct str s, unsigned base)
{
    size_t n = 0;
    for (; n < s.n; n++) {
        unsigned char c = (unsigned char)s.p[n];
        unsigned value = c >= '0' && c <= '9'   ? c - (unsigned)'0'
                         : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                         : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                                : 99u;
        if (value >= base)
            break;
    }
    return n;
}

/* "+007.5e+3" in JSON's spelling: 7.5e+3. False: it is no decimal number. */
static bool number_write(struct buf *out, struct str s)
{
    bool minus = str_starts(s, STR("-"));
    if (minus || str_starts(s, STR("+")))
        s = str_tail(s, 1);
    size_t whole = digits(s, 10);
    struct str integer = str_head(s, whole), fraction = STR_NONE, exponent = STR_NONE;
    s = str_tail(s, whole);
    bool point = str_starts(s, STR("."));
    if (point) {
        s = str_tail(s, 1);
        fraction = str_head(s, digits(s, 10));
        s = str_tail(s, fraction.n);
    }
    if (integer.n == 0 && fraction.n == 0)
        return false;
    if (s.n && (s.p[0] == 'e' || s.p[0] == 'E')) {
        exponent = s;
        size_t sign = s.n > 1 && (s.p[1] == '+' || s.p[1] == '-') ? 2 : 1;
        if (s.n == sign || digits(str_tail(s, sign), 10) != s.n - sign)
            return false;
    } else if (s.n) {
        return false;
    }
    while (integer.n > 1 && integer.p[0] == '0')
        integer = str_tail(integer, 1);
    if (minus)
        buf_char(out, '-');
    buf_str(out, integer.n ? integer : STR("0"));
    if (point) {
        buf_char(out, '.');
        buf_str(out, fraction.n ? fraction : STR("0"));
    }
    buf_str(out, exponent);
    return true;
}

/* 0x1F and 0o17. False: neither. *ret_large: it does not fit. */
static bool based_write(struct buf *out, struct str s, bool *ret_large)
{
    unsigned base = str_starts(s, STR("0x")) ? 16 : str_starts(s, STR("0o")) ? 8 : 0;
    struct str rest = str_tail(s, 2);
    if (!base || rest.n == 0 || digits(rest, base) != rest.n)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < rest.n; i++) {
        char c = rest.p[i];
        uint64_t digit = (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            *ret_large = true;
            return true;
        }
    }
    buf_u64(out, value);
    return true;
}

static bool is_special_float(struct str s)
{
    if (is_word(s, ".nan", ".NaN", ".NAN"))
        return true;
    if (str_starts(s, STR("-")) || str_starts(s, STR("+")))
        s = str_tail(s, 1);
    return is_word(s, ".inf", ".Inf", ".INF");
}

static bool fail(const struct writer *w, const struct node *node, struct str why)
{
    *w->ret_where = node;
    *w->ret_why = why;
    return false;
}

static bool scalar_write(const struct writer *w, const struct node *node)
{
    struct str text = node->text, why;
    bool large = false;
    if (w->arena && !env_expand(w->arena, node->text, &text, &why))
        return fail(w, node, why);
    if (!node->plain)
        return json_quote(w->out, text) == 0;
    if (text.n == 0 || str_eq(text, STR("~")) || is_word(text, "null", "Null", "NULL"))
        return buf_str(w->out, STR("null")) == 0;
    if (is_word(text, "true", "True", "TRUE"))
        return buf_str(w->out, STR("true")) == 0;
    if (is_word(text, "false", "False", "FALSE"))
        return buf_str(w->out, STR("false")) == 0;
    if (is_special_float(text))
        return fail(w, node, STR("cannot be written as JSON"));
    if (number_write(w->out, text) || based_write(w->out, text, &large))
        return large ? fail(w, node, STR("is too large")) : w->out->failed == 0;
    return json_quote(w->out, text) == 0;
}

static void line_keep(const struct writer *w, const struct node *node)
{
    if (w->lines)
        buf_add(w->lines, &node->line, sizeof(node->line));
}

static bool node_write(const struct writer *w, const struct node *node)
{
    line_keep(w, node);
    switch (node->kind) {
    case NODE_NULL:
        return buf_str(w->out, STR("null")) == 0;
    case NODE_SCALAR:
        return scalar_write(w, node);
    case NODE_LIST:
    case NODE_MAP:
        break;
    }
    bool map = node->kind == NODE_MAP;
    buf_char(w->out, map ? '{' : '[');
    for (unsigned i = 0; i < node->n; i++) {
        if (i)
            buf_char(w->out, ',');
        if (map) {
            line_keep(w, node->key[i]);
            json_quote(w->out, node->key[i]->text);
            buf_char(w->out, ':');
        }
        if (!node_write(w, node->value[i]))
            return false;
    }
    return buf_char(w->out, map ? '}' : ']') == 0;
}

bool json_from_node(struct arena *a, const struct node *node, struct buf *out,
                    const struct node **ret_where, struct str *ret_why)
{
    struct writer w = {a, out, NULL, ret_where, ret_why};
    *ret_where = node;
    *ret_why = STR_NONE;
    return node_write(&w, node) && out->failed == 0;
}

bool json_from_foreign(const struct node *node, struct buf *out, struct buf *lines,
                       const struct node **ret_where, struct str *ret_why)
{
    struct writer w = {NULL, out, lines, ret_where, ret_why};
    *ret_where = node;
    *ret_why = STR_NONE;
    return node_write(&w, node) && out->failed == 0 && lines->failed == 0;
}
