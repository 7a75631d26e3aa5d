/*
 * print.c: values as the file would write them: the effective configuration, and what changed.
 */
#include <stdlib.h>

#include "base/json.h"
#include "conf/internal.h"

/* The largest unit in which a number is whole. */
static int with_unit(struct buf *out, int64_t value, const int64_t *factors,
                     const char *const *names, unsigned n)
{
    unsigned i = n - 1;
    while (i > 0 && (value == 0 || value % factors[i] != 0))
        i--;
    buf_i64(out, value / factors[i]);
    return buf_str(out, str_from(names[i]));
}

static int duration_print(struct buf *out, int64_t ms)
{
    static const int64_t factors[] = {1, 1000, 60000, 3600000, 86400000};
    static const char *const names[] = {"ms", "s", "m", "h", "d"};
    return with_unit(out, ms, factors, names, ARRAY_LEN(names));
}

static int bytes_print(struct buf *out, int64_t bytes)
{
    static const int64_t factors[] = {1, 1 << 10, 1 << 20, 1 << 30};
    static const char *const names[] = {"", "KiB", "MiB", "GiB"};
    return with_unit(out, bytes, factors, names, ARRAY_LEN(names));
}

/* Millionths as a decimal number: as money, with six places in place of nine. */
static int share_print(struct buf *out, int64_t millionths)
{
    return json_usd(out, millionths * 1000);
}

/* JSON strings are YAML too; a dollar sign is doubled, since it begins a reference. */
static int text_print(struct buf *out, struct str s)
{
    struct buf doubled;
    buf_init(&doubled, s.n * 2 + 1);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '$')
            buf_char(&doubled, '$');
        buf_char(&doubled, s.p[i]);
    }
    int err = json_quote(out, buf_view(&doubled));
    buf_fini(&doubled);
    return err;
}

static int strs_print(const struct conf_strs *strs, struct buf *out)
{
    buf_char(out, '[');
    for (unsigned i = 0; i < strs->n; i++) {
        if (i)
            buf_str(out, STR(", "));
        text_print(out, strs->at[i]);
    }
    return buf_char(out, ']');
}

static int str_map_print(const struct conf_str_map *map, struct buf *out)
{
    buf_char(out, '{');
    for (unsigned i = 0; i < map->n; i++) {
        if (i)
            buf_str(out, STR(", "));
        text_print(out, map->name[i]);
        buf_str(out, STR(": "));
        text_print(out, map->value[i]);
    }
    return buf_char(out, '}');
}

int value_print(const struct conf_row *row, const void *field, struct buf *out)
{
    const struct str *s = field;
    int64_t number = 0;
    switch (row->type) {
    case CONF_STR:
        return text_print(out, *s);
    case CONF_SECRET:
        return buf_str(out, s->n ? STR("(set)") : STR("(not set)"));
    case CONF_JSON:
        return buf_str(out, s->n ? *s : STR("{}"));
    case CONF_BOOL:
        return buf_str(out, *(const bool *)field ? STR("on") : STR("off"));
    case CONF_CHOICE:
        return buf_str(out, str_from(row->choices[*(const int *)field]));
    case CONF_STRS:
        return strs_print(field, out);
    case CONF_STR_MAP:
        return str_map_print(field, out);
    default:
        memcpy(&number, field, sizeof(number));
    }
    switch (row->type) {
    case CONF_SHARE:
        return share_print(out, number);
    case CONF_DURATION:
        return duration_print(out, number);
    case CONF_BYTES:
        return bytes_print(out, number);
    case CONF_USD:
        return json_usd(out, number);
    default:
        return buf_i64(out, number);
    }
}

/* ---- every value with its path ---- */

struct line {
    struct str path, value; /* value: as it is shown */
    struct str secret;      /* compared in its place */
    bool restart;
};

/* All values of a document, in the order of the tables. */
struct lines {
    struct arena arena;
    unsigned n, cap;
    struct line *at;
};

static int line_add(struct lines *l, struct str path, struct str value, struct str secret,
                    bool restart)
{
    if (l->n == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 256;
        struct line *more = realloc(l->at, cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        l->at = more;
        l->cap = cap;
    }
    l->at[l->n++] = (struct line){
        .path = path, .value = value, .secret = secret, .restart = restart};
    return path.p && value.p ? 0 : E_MEMORY;
}

static int table_lines(struct lines *l, const struct conf_table *table, const void *base,
                       struct str path);

static struct str join(struct lines *l, struct str path, struct str name)
{
    return path.n ? arena_printf(&l->arena, "%.*s.%.*s", STR_ARGS(path), STR_ARGS(name))
                  : arena_str(&l->arena, name);
}

static int list_lines(struct lines *l, const struct conf_table *child, const struct conf_list *list,
                      struct str path)
{
    int err = 0;
    for (unsigned i = 0; i < list->n && !err; i++)
        err = table_lines(l, child, (const char *)list->at + i * child->size,
                          arena_printf(&l->arena, "%.*s[%u]", STR_ARGS(path), i));
    return err;
}

static int map_lines(struct lines *l, const struct conf_row *row, const struct conf_map *map,
                     struct str path)
{
    int err = 0;
    for (unsigned i = 0; i < map->n && !err; i++) {
        struct str own = join(l, path, map->name[i]);
        if (row->type == CONF_LIST_MAP)
            err = list_lines(l, row->child, &((const struct conf_list *)map->at)[i], own);
        else
            err = table_lines(l, row->child, (const char *)map->at + i * row->child->size, own);
    }
    return err;
}

static int row_lines(struct lines *l, const struct conf_row *row, const void *base,
                     struct str path)
{
    const void *field = (const char *)base + row->offset;
    struct str own = join(l, path, str_from(row->name));
    if (row->type == CONF_TABLE)
        return table_lines(l, row->child, field, own);
    if (row->type == CONF_LIST)
        return list_lines(l, row->child, field, own);
    if (row->type == CONF_MAP || row->type == CONF_LIST_MAP)
        return map_lines(l, row, field, own);
    struct buf text;
    buf_init(&text, 1u << 20);
    int err = value_print(row, field, &text);
    struct str shown = err ? STR_NONE : arena_str(&l->arena, buf_view(&text));
    buf_fini(&text);
    struct str secret = row->type == CONF_SECRET ? *(const struct str *)field : STR_NONE;
    return err ? err : line_add(l, own, shown, secret, (row->flags & CONF_NEEDS_RESTART) != 0);
}

static int table_lines(struct lines *l, const struct conf_table *table, const void *base,
                       struct str path)
{
    int err = 0;
    for (const struct conf_row *r = table->rows; r->name && !err; r++)
        err = row_lines(l, r, base, path);
    return err;
}

static int by_path(const void *a, const void *b)
{
    return str_cmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

static int lines_make(struct lines *l, const struct conf_table *root, const struct conf_doc *doc)
{
    *l = (struct lines){0};
    arena_init_private(&l->arena, 64u * 1024 * 1024);
    int err = table_lines(l, root, doc->root, STR(""));
    if (!err && l->n)
        qsort(l->at, l->n, sizeof(*l->at), by_path);
    return err;
}

static void lines_free(struct lines *l)
{
    arena_fini(&l->arena);
    free(l->at);
}

static void change_print(struct buf *out, const struct line *before, const struct line *after)
{
    const struct line *any = after ? after : before;
    if (any->secret.p && before && after)
        buf_printf(out, "%.*s: (changed)\n", STR_ARGS(any->path));
    else if (!before)
        buf_printf(out, "%.*s: + %.*s\n", STR_ARGS(any->path), STR_ARGS(any->value));
    else if (!after)
        buf_printf(out, "%.*s: - %.*s\n", STR_ARGS(any->path), STR_ARGS(any->value));
    else
        buf_printf(out, "%.*s: %.*s -> %.*s\n", STR_ARGS(any->path), STR_ARGS(before->value),
                   STR_ARGS(after->value));
}

int conf_diff(const struct conf_table *root, const struct conf_doc *before,
              const struct conf_doc *after, struct buf *out, unsigned *ret_changes,
              bool *ret_needs_restart)
{
    struct lines a, b;
    int err = lines_make(&a, root, before);
    int err_b = lines_make(&b, root, after);
    unsigned changes = 0;
    bool restart = false;
    err = err ? err : err_b;
    for (unsigned i = 0, k = 0; !err && (i < a.n || k < b.n);) {
        int order = i == a.n ? 1 : k == b.n ? -1 : str_cmp(a.at[i].path, b.at[k].path);
        const struct line *was = order <= 0 ? &a.at[i++] : NULL;
        const struct line *is = order >= 0 ? &b.at[k++] : NULL;
        if (was && is && str_eq(was->value, is->value) && str_eq(was->secret, is->secret))
            continue;
        changes++;
        restart |= (is ? is : was)->restart;
        change_print(out, was, is);
    }
    lines_free(&a);
    lines_free(&b);
    if (!err) {
        *ret_changes = changes;
        *ret_needs_restart = restart;
    }
    return err ? err : out->failed;
}

/* ---- as YAML ---- */

static int table_yaml(const struct conf_table *table, const void *base, unsigned depth,
                      struct buf *out);

static void indent(struct buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        buf_str(out, STR("  "));
}

/* "- " stands in the last two columns of a list item's indentation. */
static int list_yaml(const struct conf_table *child, const struct conf_list *list, unsigned depth,
                     struct buf *out)
{
    int err = 0;
    for (unsigned i = 0; i < list->n && !err; i++) {
        size_t at = out->n;
        err = table_yaml(child, (const char *)list->at + i * child->size, depth + 1, out);
        if (!err && out->n > at)
            out->p[at + (size_t)depth * 2] = '-';
    }
    return err;
}

static int map_yaml(const struct conf_row *row, const struct conf_map *map, unsigned depth,
                    struct buf *out)
{
    int err = 0;
    for (unsigned i = 0; i < map->n && !err; i++) {
        indent(out, depth);
        json_quote(out, map->name[i]);
        const struct conf_list *list =
            row->type == CONF_LIST_MAP ? &((const struct conf_list *)map->at)[i] : NULL;
        buf_str(out, list && list->n == 0 ? STR(": []\n") : STR(":\n"));
        err = list ? list_yaml(row->child, list, depth + 1, out)
                   : table_yaml(row->child, (const char *)map->at + i * row->child->size,
                                depth + 1, out);
    }
    return err;
}

/* Is a value what it would be without a line? Such lines would not parse again: an empty text that
 * has bounds, a price that is not known. */
static bool is_unset(const struct conf_row *row, const void *field)
{
    int64_t number = 0;
    switch (row->type) {
    case CONF_STR:
    case CONF_JSON:
        return ((const struct str *)field)->n == 0;
    case CONF_INT:
    case CONF_DURATION:
    case CONF_BYTES:
    case CONF_USD:
        memcpy(&number, field, sizeof(number));
        return number < row->min || number < 0;
    default:
        return false;
    }
}

static int row_yaml(const struct conf_row *row, const void *field, unsigned depth, struct buf *out)
{
    const struct conf_map *map = field;
    const struct conf_list *list = field;
    if (is_unset(row, field))
        return 0;
    indent(out, depth);
    buf_str(out, str_from(row->name));
    switch (row->type) {
    case CONF_TABLE:
        buf_str(out, STR(":\n"));
        return table_yaml(row->child, field, depth + 1, out);
    case CONF_LIST:
        buf_str(out, list->n ? STR(":\n") : STR(": []\n"));
        return list_yaml(row->child, list, depth + 1, out);
    case CONF_MAP:
    case CONF_LIST_MAP:
        buf_str(out, map->n ? STR(":\n") : STR(": {}\n"));
        return map_yaml(row, map, depth + 1, out);
    default:
        buf_str(out, STR(": "));
        (void)value_print(row, field, out);
        return buf_char(out, '\n');
    }
}

static int table_yaml(const struct conf_table *table, const void *base, unsigned depth,
                      struct buf *out)
{
    int err = 0;
    for (const struct conf_row *r = table->rows; r->name && !err; r++)
        err = row_yaml(r, (const char *)base + r->offset, depth, out);
    return err;
}

int conf_print(const struct conf_table *root, const struct conf_doc *doc, struct buf *out)
{
    return table_yaml(root, doc->root, 0, out);
}
