/*
 * parse.c: nodes into the structs that the tables describe.
 */
#include <stdlib.h>

#include "base/json.h"
#include "conf/internal.h"

static int value_read(struct conf_doc *doc, const struct conf_row *row, void *field,
                      const struct node *node, struct str path);

static struct str path_join(struct conf_doc *doc, struct str path, struct str name)
{
    if (path.n == 0)
        return arena_str(&doc->arena, name);
    return arena_printf(&doc->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(name));
}

static struct str path_index(struct conf_doc *doc, struct str path, unsigned i)
{
    return arena_printf(&doc->arena, "%.*s[%u]", STR_ARGS(path), i);
}

static const char *node_name(const struct node *n)
{
    static const char *const names[] = {"nothing", "a single value", "a list", "a map"};
    return names[n->type];
}

/* Complains and goes on: the next mistakes are worth knowing too. */
static int wrong(struct conf_doc *doc, const struct node *node, struct str path, const char *what)
{
    problem_add(doc, false, node->line, node->column, path, "%s", what);
    return 0;
}

static int wrong_type(struct conf_doc *doc, const struct node *node, struct str path,
                      const char *expected)
{
    problem_add(doc, false, node->line, node->column, path, "%s stands here; expected %s",
                node_name(node), expected);
    return 0;
}

size_t type_size(const struct conf_row *row)
{
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
    case CONF_JSON:
        return sizeof(struct str);
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_CHOICE:
        return sizeof(int);
    case CONF_STRS:
        return sizeof(struct conf_strs);
    case CONF_STR_MAP:
        return sizeof(struct conf_str_map);
    case CONF_TABLE:
        return row->child->size;
    case CONF_LIST:
        return sizeof(struct conf_list);
    case CONF_MAP:
    case CONF_LIST_MAP:
        return sizeof(struct conf_map);
    default:
        return sizeof(int64_t);
    }
}

/* ---- single values ---- */

static int text_read(struct conf_doc *doc, const struct node *node, struct str path,
                     struct str *ret_text)
{
    struct str missing = STR_NONE;
    int err = scalar_environment(&doc->arena, node->text, ret_text, &missing);
    if (err != E_CONFIG)
        return err;
    problem_add(doc, false, node->line, node->column, path,
                "the environment has no %.*s; set it, or write ${%.*s:-default}",
                STR_ARGS(missing), STR_ARGS(missing));
    *ret_text = STR("");
    return 0;
}

static const char *number_read(const struct conf_row *row, struct str text, int64_t *ret_value)
{
    switch (row->type) {
    case CONF_INT:
        return scalar_int(text, ret_value);
    case CONF_SHARE:
        return scalar_share(text, ret_value);
    case CONF_DURATION:
        return scalar_duration(text, ret_value);
    case CONF_BYTES:
        return scalar_bytes(text, ret_value);
    default:
        return scalar_usd(text, ret_value);
    }
}

static int bounds_complain(struct conf_doc *doc, const struct conf_row *row,
                           const struct node *node, struct str path)
{
    struct buf text;
    buf_init(&text, 256);
    buf_str(&text, STR("expected from "));
    (void)value_print(row, &row->min, &text);
    if (row->max) {
        buf_str(&text, STR(" to "));
        (void)value_print(row, &row->max, &text);
    } else {
        buf_str(&text, STR(" upwards"));
    }
    problem_add(doc, false, node->line, node->column, path, "'%.*s' is out of bounds; %.*s",
                STR_ARGS(node->text), STR_ARGS(buf_view(&text)));
    buf_fini(&text);
    return 0;
}

static int number_take(struct conf_doc *doc, const struct conf_row *row, int64_t *field,
                       const struct node *node, struct str text, struct str path)
{
    int64_t value = 0;
    const char *expected = number_read(row, text, &value);
    bool from_file = node->line > 0;
    if (expected) {
        problem_add(doc, false, node->line, node->column, path, "'%.*s' stands here; %s",
                    STR_ARGS(str_head(text, 80)), expected);
        return 0;
    }
    bool outside = (row->max && value > row->max) || (row->min && value < row->min) ||
                   (value < 0 && row->min >= 0);
    if (from_file && outside)
        return bounds_complain(doc, row, node, path);
    *field = value;
    return 0;
}

static int choice_take(struct conf_doc *doc, const struct conf_row *row, int *field,
                       const struct node *node, struct str text, struct str path)
{
    struct str words[32];
    unsigned n = 0;
    struct buf all;
    buf_init(&all, 1024);
    for (; row->choices[n] && n < ARRAY_LEN(words); n++) {
        words[n] = str_from(row->choices[n]);
        buf_printf(&all, "%s%s", n ? ", " : "", row->choices[n]);
        if (str_eq(words[n], text)) {
            *field = (int)n;
            buf_fini(&all);
            return 0;
        }
    }
    struct str near = str_nearest(text, words, n);
    problem_add(doc, false, node->line, node->column, path, "'%.*s' stands here%s%.*s%s; %s%.*s",
                STR_ARGS(str_head(text, 80)), near.n ? "; did you mean '" : "", STR_ARGS(near),
                near.n ? "'?" : "", "expected one of ", STR_ARGS(buf_view(&all)));
    buf_fini(&all);
    return 0;
}

static int scalar_take(struct conf_doc *doc, const struct conf_row *row, void *field,
                       const struct node *node, struct str path)
{
    if (node->type != NODE_SCALAR)
        return wrong_type(doc, node, path, "a single value");
    struct str text;
    int err = text_read(doc, node, path, &text);
    if (err)
        return err;
    const char *expected;
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
        *(struct str *)field = text;
        return 0;
    case CONF_BOOL:
        expected = scalar_bool(text, field);
        return expected ? wrong(doc, node, path, expected) : 0;
    case CONF_CHOICE:
        return choice_take(doc, row, field, node, text, path);
    default:
        return number_take(doc, row, field, node, text, path);
    }
}

/* ---- any YAML as JSON ---- */

/* Is a plain scalar a number as JSON writes them? */
static bool is_json_number(struct str s)
{
    yyjson_val *v = json_peek(s);
    return s.n > 0 && (s.p[0] == '-' || (s.p[0] >= '0' && s.p[0] <= '9')) && yyjson_is_num(v);
}

static int json_of(struct conf_doc *doc, const struct node *n, struct str path, struct buf *out)
{
    if (n->type == NODE_NULL)
        return buf_str(out, STR("null"));
    if (n->type == NODE_SCALAR) {
        struct str text;
        int err = text_read(doc, n, path, &text);
        if (err)
            return err;
        bool word = str_eq(text, STR("true")) || str_eq(text, STR("false"));
        return n->plain && (word || is_json_number(text)) ? buf_str(out, text)
                                                          : json_quote(out, text);
    }
    buf_char(out, n->type == NODE_MAP ? '{' : '[');
    for (unsigned i = 0; i < n->n; i++) {
        if (i)
            buf_char(out, ',');
        if (n->type == NODE_MAP) {
            json_quote(out, n->key[i]->text);
            buf_char(out, ':');
        }
        int err = json_of(doc, n->item[i], path, out);
        if (err)
            return err;
    }
    return buf_char(out, n->type == NODE_MAP ? '}' : ']');
}

static int json_take(struct conf_doc *doc, struct str *field, const struct node *node,
                     struct str path)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    int err = json_of(doc, node, path, &out);
    if (!err) {
        *field = arena_str(&doc->arena, buf_view(&out));
        err = field->p ? 0 : E_MEMORY;
    }
    buf_fini(&out);
    return err;
}

/* ---- lists and maps ---- */

/* A list's items; whatever is no list is a list of one. */
static unsigned items_of(const struct node *node, struct node *const **ret_items,
                         const struct node **single)
{
    if (node->type == NODE_LIST) {
        *ret_items = node->item;
        return node->n;
    }
    *single = node;
    *ret_items = (struct node *const *)(const void *)single;
    return 1;
}

static int strs_take(struct conf_doc *doc, struct conf_strs *field, const struct node *node,
                     struct str path)
{
    struct node *const *items;
    const struct node *single;
    unsigned n = items_of(node, &items, &single);
    field->at = ARENA_ARRAY(&doc->arena, struct str, n + 1);
    if (!field->at)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        if (items[i]->type != NODE_SCALAR)
            return wrong_type(doc, items[i], path, "a text or a list of texts");
        int err = text_read(doc, items[i], path, &field->at[i]);
        if (!err)
            err = place_add(doc, &field->at[i], sizeof(struct str), items[i], path);
        if (err)
            return err;
        field->n = i + 1;
    }
    return 0;
}

static int str_map_take(struct conf_doc *doc, struct conf_str_map *field, const struct node *node,
                        struct str path)
{
    if (node->type != NODE_MAP)
        return wrong_type(doc, node, path, "a map of names to texts");
    field->name = ARENA_ARRAY(&doc->arena, struct str, node->n + 1);
    field->value = ARENA_ARRAY(&doc->arena, struct str, node->n + 1);
    if (!field->name || !field->value)
        return E_MEMORY;
    for (unsigned i = 0; i < node->n; i++) {
        if (node->item[i]->type != NODE_SCALAR)
            return wrong_type(doc, node->item[i], path, "a text");
        field->name[i] = node->key[i]->text;
        int err = text_read(doc, node->item[i], path, &field->value[i]);
        if (err)
            return err;
        field->n = i + 1;
    }
    return 0;
}

static int list_take(struct conf_doc *doc, const struct conf_table *child, struct conf_list *field,
                     const struct node *node, struct str path)
{
    struct node *const *items;
    const struct node *single;
    unsigned n = items_of(node, &items, &single);
    char *at = arena_zalloc(&doc->arena, child->size * (n + 1));
    if (!at)
        return E_MEMORY;
    field->at = at;
    field->n = n;
    for (unsigned i = 0; i < n; i++) {
        struct str item_path = node->type == NODE_LIST ? path_index(doc, path, i) : path;
        int err = place_add(doc, at + i * child->size, child->size, items[i], item_path);
        if (!err)
            err = table_read(doc, child, at + i * child->size, items[i], item_path);
        if (err)
            return err;
    }
    return 0;
}

/* CONF_MAP and CONF_LIST_MAP: each name's value is a child or a list of children. */
static int map_take(struct conf_doc *doc, const struct conf_row *row, struct conf_map *field,
                    const struct node *node, struct str path)
{
    bool lists = row->type == CONF_LIST_MAP;
    if (node->type != NODE_MAP)
        return wrong_type(doc, node, path, lists ? "a map of names to lists" : "a map of names");
    size_t size = lists ? sizeof(struct conf_list) : row->child->size;
    char *at = arena_zalloc(&doc->arena, size * (node->n + 1));
    field->name = ARENA_ARRAY(&doc->arena, struct str, node->n + 1);
    field->at = at;
    if (!at || !field->name)
        return E_MEMORY;
    for (unsigned i = 0; i < node->n; i++) {
        const struct node *item = node->item[i];
        struct str name = node->key[i]->text;
        struct str item_path = path_join(doc, path, name);
        field->name[i] = name;
        int err = place_add(doc, at + i * size, size, item->line ? item : node->key[i], item_path);
        if (!err)
            err = lists ? list_take(doc, row->child, (struct conf_list *)(void *)(at + i * size),
                                    item, item_path)
                        : table_read(doc, row->child, at + i * size, item, item_path);
        if (err)
            return err;
        field->n = i + 1;
    }
    return 0;
}

static int value_read(struct conf_doc *doc, const struct conf_row *row, void *field,
                      const struct node *node, struct str path)
{
    switch (row->type) {
    case CONF_JSON:
        return json_take(doc, field, node, path);
    case CONF_STRS:
        return strs_take(doc, field, node, path);
    case CONF_STR_MAP:
        return str_map_take(doc, field, node, path);
    case CONF_TABLE:
        return table_read(doc, row->child, field, node, path);
    case CONF_LIST:
        return list_take(doc, row->child, field, node, path);
    case CONF_MAP:
    case CONF_LIST_MAP:
        return map_take(doc, row, field, node, path);
    default:
        return scalar_take(doc, row, field, node, path);
    }
}

/* ---- tables ---- */

static const struct conf_row *row_find(const struct conf_table *table, struct str name)
{
    for (const struct conf_row *r = table->rows; r->name; r++)
        if (str_eq(str_from(r->name), name))
            return r;
    return NULL;
}

static int unknown_key(struct conf_doc *doc, const struct conf_table *table,
                       const struct node *key, struct str path)
{
    struct str words[128];
    unsigned n = 0;
    struct buf all;
    buf_init(&all, 4096);
    for (const struct conf_row *r = table->rows; r->name && n < ARRAY_LEN(words); r++) {
        buf_printf(&all, "%s%s", n ? ", " : "", r->name);
        words[n++] = str_from(r->name);
    }
    struct str near = str_nearest(key->text, words, n);
    if (near.n)
        problem_add(doc, false, key->line, key->column, path,
                    "%s has no setting '%.*s'; did you mean '%.*s'?", table->name,
                    STR_ARGS(str_head(key->text, 80)), STR_ARGS(near));
    else
        problem_add(doc, false, key->line, key->column, path,
                    "%s has no setting '%.*s'; it has %.*s", table->name,
                    STR_ARGS(str_head(key->text, 80)), STR_ARGS(buf_view(&all)));
    buf_fini(&all);
    return 0;
}

static int default_read(struct conf_doc *doc, const struct conf_row *row, void *field,
                        struct str path)
{
    static const struct node nothing = {.type = NODE_MAP};
    struct node text = {.type = NODE_SCALAR, .text = str_from(row->fallback), .plain = true};
    if (row->type == CONF_TABLE)
        return table_read(doc, row->child, field, &nothing, path);
    return row->fallback ? value_read(doc, row, field, &text, path) : 0;
}

/* One row: the file's value where there is one, else the default. */
static int row_read(struct conf_doc *doc, const struct conf_table *table,
                    const struct conf_row *row, void *base, const struct node *node,
                    struct str path)
{
    void *field = (char *)base + row->offset;
    struct str name = str_from(row->name);
    for (unsigned i = 0; i < node->n; i++) {
        if (!str_eq(node->key[i]->text, name))
            continue;
        struct str own = path_join(doc, path, name);
        const struct node *item = node->item[i];
        if (item->type == NODE_NULL) /* "key:" with nothing behind it is as good as absent */
            break;
        int err = place_add(doc, field, type_size(row), item, own);
        return err ? err : value_read(doc, row, field, item, own);
    }
    if ((row->flags & CONF_REQUIRED) && node->line)
        problem_add(doc, false, node->line, node->column, path, "%s needs '%s': %s", table->name,
                    row->name, row->help);
    return default_read(doc, row, field, path);
}

/* A single value in a table's place is the value of its shorthand row. */
static int shorthand_read(struct conf_doc *doc, const struct conf_table *table, void *base,
                          const struct node *node, struct str path)
{
    static const struct node nothing = {.type = NODE_MAP};
    for (const struct conf_row *r = table->rows; r->name; r++) {
        void *field = (char *)base + r->offset;
        int err;
        if (str_eq(str_from(r->name), str_from(table->shorthand))) {
            err = place_add(doc, field, type_size(r), node, path);
            err = err ? err : value_read(doc, r, field, node, path);
        } else {
            err = row_read(doc, table, r, base, &nothing, path);
        }
        if (err)
            return err;
    }
    return 0;
}

int table_read(struct conf_doc *doc, const struct conf_table *table, void *base,
               const struct node *node, struct str path)
{
    static const struct node nothing = {.type = NODE_MAP};
    if (!node)
        node = &nothing;
    if (node->type == NODE_SCALAR && table->shorthand)
        return shorthand_read(doc, table, base, node, path);
    struct node empty = {.type = NODE_MAP, .line = node->line, .column = node->column};
    if (node->type == NODE_NULL)
        node = &empty;
    if (node->type != NODE_MAP) {
        wrong_type(doc, node, path, table->shorthand ? "a map or a single value" : "a map");
        node = &nothing;
    }
    for (unsigned i = 0; i < node->n; i++) {
        if (row_find(table, node->key[i]->text))
            continue;
        int err = unknown_key(doc, table, node->key[i], path);
        if (err)
            return err;
    }
    for (const struct conf_row *r = table->rows; r->name; r++) {
        int err = row_read(doc, table, r, base, node, path);
        if (err)
            return err;
    }
    return 0;
}
