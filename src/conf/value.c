#include "conf/value.h"

#include "conf/doc.h"
#include "conf/scalar.h"

/* ---------------------------------------------------------------- texts */

static bool is_plain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("_./+-@%:", c, 8) != NULL;
}

/* Can it stand without quotes, in lists and maps too, and be nothing but a text? */
static bool is_plain(struct str s)
{
    static const char *const nothing[] = {"null", "Null", "NULL"};
    if (s.n == 0 || memchr(".+-@%:", s.p[0], 6) || s.p[s.n - 1] == ':')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_plain_char(s.p[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
        if (str_eq(s, str_from(nothing[i])))
            return false;
    return true;
}

/* Characters that YAML does not take, or takes for something else, as they are. */
static bool must_escape(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           code == 0xfeff || code == 0xfffe || code == 0xffff;
}

static void char_add(struct buf *out, struct str one, unsigned code)
{
    if (must_escape(code))
        buf_printf(out, "\\u%04x", code);
    else
        buf_str(out, one);
}

int yaml_text(struct buf *out, struct str s, bool dollars)
{
    if (is_plain(s))
        return buf_str(out, s);
    buf_char(out, '"');
    while (s.n) {
        unsigned code = 0xfffd, n = utf8_take(s, &code);
        struct str one = str_head(s, n ? n : 1);
        s = str_tail(s, one.n);
        if (n == 0)
            buf_str(out, STR("\xEF\xBF\xBD"));
        else if (code == '"' || code == '\\')
            buf_printf(out, "\\%c", (char)code);
        else if (code == '\n')
            buf_str(out, STR("\\n"));
        else if (code == '\t')
            buf_str(out, STR("\\t"));
        else if (code == '$' && dollars)
            buf_str(out, STR("$$"));
        else
            char_add(out, one, code);
    }
    return buf_char(out, '"');
}

/* Bytes of the JSON string that begins `s`, quotes included. */
static size_t json_string_length(struct str s)
{
    size_t i = 1;
    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' ? 2 : 1;
    return i < s.n ? i + 1 : s.n;
}

int yaml_json(struct buf *out, struct str json)
{
    while (json.n) {
        size_t n = json.p[0] == '"' ? json_string_length(json) : 1;
        bool text = n > 1, key = text && json.n > n && json.p[n] == ':';
        struct str part = str_head(json, n);
        json = str_tail(json, n);
        if (!text) {
            buf_str(out, part);
            continue;
        }
        while (part.n) {
            unsigned code = 0, bytes = utf8_take(part, &code);
            struct str one = str_head(part, bytes ? bytes : 1);
            part = str_tail(part, one.n);
            if (code == '$' && !key) /* names are not expanded */
                buf_char(out, '$');
            char_add(out, one, code);
        }
    }
    return out->failed;
}

/* ---------------------------------------------------------------- comparing */

bool value_is_none(const struct conf_row *row, const void *field)
{
    if (row->fallback)
        return false;
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
    case CONF_JSON:
        return ((const struct str *)field)->p == NULL;
    case CONF_TABLE:
        for (const struct conf_row *r = row->child->rows; r->name; r++)
            if ((r->flags & CONF_REQUIRED) && value_is_none(r, row_field(r, field)))
                return true; /* written out, it would be missing something */
        return false;
    default:
        if (row->flags & CONF_OPTIONAL)
            return scalar_is_number(row->type) && scalar_get(row, field) == CONF_NOT_GIVEN;
        return scalar_is_number(row->type) && row->type != CONF_BOOL && row->type != CONF_CHOICE &&
               scalar_get(row, field) == 0 && !scalar_in_bounds(row, 0);
    }
}

static bool table_equal(const struct conf_table *table, const void *a, const void *b)
{
    for (const struct conf_row *row = table->rows; row->name; row++)
        if (!value_equal(row, row_field(row, a), row_field(row, b)))
            return false;
    return true;
}

static bool list_equal(const struct conf_table *child, const struct conf_list *a,
                       const struct conf_list *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (!table_equal(child, list_item(a, child, i), list_item(b, child, i)))
            return false;
    return true;
}

static bool map_equal(const struct conf_row *row, const struct conf_map *a,
                      const struct conf_map *b)
{
    if (a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++) {
        const void *left = map_item(a, row, i), *right = map_item(b, row, i);
        if (!str_eq(a->name[i], b->name[i]))
            return false;
        if (row->type == CONF_LIST_MAP ? !list_equal(row->child, left, right)
                                       : !table_equal(row->child, left, right))
            return false;
    }
    return true;
}

static bool strs_equal(unsigned n, const struct str *a, const struct str *b)
{
    for (unsigned i = 0; i < n; i++)
        if (!str_eq(a[i], b[i]))
            return false;
    return true;
}

bool value_equal(const struct conf_row *row, const void *a, const void *b)
{
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
    case CONF_JSON:
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    case CONF_STRS: {
        const struct conf_strs *left = a, *right = b;
        return left->n == right->n && strs_equal(left->n, left->at, right->at);
    }
    case CONF_STR_MAP: {
        const struct conf_str_map *left = a, *right = b;
        return left->n == right->n && strs_equal(left->n, left->name, right->name) &&
               strs_equal(left->n, left->value, right->value);
    }
    case CONF_TABLE:
        return table_equal(row->child, a, b);
    case CONF_LIST:
        return list_equal(row->child, a, b);
    case CONF_MAP:
    case CONF_LIST_MAP:
        return map_equal(row, a, b);
    default:
        return scalar_get(row, a) == scalar_get(row, b);
    }
}

int name_find(const struct str *names, unsigned n, struct str name, unsigned *hint)
{
    for (unsigned k = 0; k < n; k++) {
        unsigned i = (*hint + k) % n;
        if (str_eq(names[i], name)) {
            *hint = i + 1;
            return (int)i;
        }
    }
    return -1;
}

/* ---------------------------------------------------------------- on one line */

static void list_flow(struct buf *out, const struct conf_table *child, const struct conf_list *list)
{
    buf_char(out, '[');
    for (unsigned i = 0; i < list->n; i++) {
        buf_str(out, i ? STR(", ") : STR(""));
        table_flow(out, child, list_item(list, child, i));
    }
    buf_char(out, ']');
}

static void map_flow(struct buf *out, const struct conf_row *row, const struct conf_map *map)
{
    buf_char(out, '{');
    for (unsigned i = 0; i < map->n; i++) {
        buf_str(out, i ? STR(", ") : STR(""));
        yaml_text(out, map->name[i], false);
        buf_str(out, STR(": "));
        if (row->type == CONF_LIST_MAP)
            list_flow(out, row->child, map_item(map, row, i));
        else
            table_flow(out, row->child, map_item(map, row, i));
    }
    buf_char(out, '}');
}

static void strs_flow(struct buf *out, const struct conf_strs *list)
{
    buf_char(out, '[');
    for (unsigned i = 0; i < list->n; i++) {
        buf_str(out, i ? STR(", ") : STR(""));
        yaml_text(out, list->at[i], true);
    }
    buf_char(out, ']');
}

static void str_map_flow(struct buf *out, const struct conf_str_map *map)
{
    buf_char(out, '{');
    for (unsigned i = 0; i < map->n; i++) {
        buf_str(out, i ? STR(", ") : STR(""));
        yaml_text(out, map->name[i], false);
        buf_str(out, STR(": "));
        yaml_text(out, map->value[i], true);
    }
    buf_char(out, '}');
}

int value_flow(struct buf *out, const struct conf_row *row, const void *field)
{
    if (value_is_none(row, field))
        return buf_str(out, STR("null"));
    switch (row->type) {
    case CONF_SECRET:
        return buf_str(out, ((const struct str *)field)->n ? STR(CONF_HIDDEN) : STR("\"\""));
    case CONF_STR:
        return yaml_text(out, *(const struct str *)field, true);
    case CONF_JSON:
        return yaml_json(out, *(const struct str *)field);
    case CONF_STRS:
        strs_flow(out, field);
        break;
    case CONF_STR_MAP:
        str_map_flow(out, field);
        break;
    case CONF_TABLE:
        return table_flow(out, row->child, field);
    case CONF_LIST:
        list_flow(out, row->child, field);
        break;
    case CONF_MAP:
    case CONF_LIST_MAP:
        map_flow(out, row, field);
        break;
    default:
        return scalar_print(row, scalar_get(row, field), out);
    }
    return out->failed;
}

int table_flow(struct buf *out, const struct conf_table *table, const void *base)
{
    struct conf_doc *defaults = NULL;
    if (conf_load_text(table, "defaults", STR(""), &defaults) == E_MEMORY) {
        conf_unref(defaults);
        return E_MEMORY;
    }
    bool some = false;
    buf_char(out, '{');
    for (const struct conf_row *row = table->rows; row->name; row++) {
        const void *field = row_field(row, base);
        if (value_equal(row, field, row_field(row, conf_root(defaults))))
            continue;
        buf_printf(out, "%s%s: ", some ? ", " : "", row->name);
        value_flow(out, row, field);
        some = true;
    }
    conf_unref(defaults);
    return buf_char(out, '}');
}
