/* print.c: the effective configuration as YAML that reads back as itself (secrets apart). */
#include "conf/doc.h"
#include "conf/value.h"

static void table_print(struct buf *out, const struct conf_table *table, const void *base,
                        unsigned indent, bool first_inline);

static void spaces(struct buf *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_char(out, ' ');
}

static bool is_empty_table(const struct conf_table *table)
{
    return table->rows[0].name == NULL;
}

static void list_print(struct buf *out, const struct conf_table *child,
                       const struct conf_list *list, unsigned indent)
{
    if (list->n == 0) {
        buf_str(out, STR(" []\n"));
        return;
    }
    buf_char(out, '\n');
    for (unsigned i = 0; i < list->n; i++) {
        spaces(out, indent);
        buf_str(out, STR("- "));
        if (is_empty_table(child))
            buf_str(out, STR("{}\n"));
        else
            table_print(out, child, list_item(list, child, i), indent + 2, true);
    }
}

static void name_print(struct buf *out, struct str name, unsigned indent)
{
    spaces(out, indent);
    yaml_text(out, name, false);
    buf_char(out, ':');
}

static void map_print(struct buf *out, const struct conf_row *row, const struct conf_map *map,
                      unsigned indent)
{
    buf_str(out, map->n ? STR("\n") : STR(" {}\n"));
    for (unsigned i = 0; i < map->n; i++) {
        const void *item = map_item(map, row, i);
        name_print(out, map->name[i], indent);
        if (row->type == CONF_LIST_MAP) {
            list_print(out, row->child, item, indent + 2);
        } else if (is_empty_table(row->child)) {
            buf_str(out, STR(" {}\n"));
        } else {
            buf_char(out, '\n');
            table_print(out, row->child, item, indent + 2, false);
        }
    }
}

static void str_map_print(struct buf *out, const struct conf_str_map *map, unsigned indent)
{
    buf_str(out, map->n ? STR("\n") : STR(" {}\n"));
    for (unsigned i = 0; i < map->n; i++) {
        name_print(out, map->name[i], indent);
        buf_char(out, ' ');
        yaml_text(out, map->value[i], true);
        buf_char(out, '\n');
    }
}

static void row_print(struct buf *out, const struct conf_row *row, const void *field,
                      unsigned indent)
{
    bool flat = value_is_none(row, field);
    switch (flat ? CONF_STR : row->type) {
    case CONF_TABLE:
        if (is_empty_table(row->child)) {
            buf_str(out, STR(" {}\n"));
        } else {
            buf_char(out, '\n');
            table_print(out, row->child, field, indent, false);
        }
        break;
    case CONF_LIST:
        list_print(out, row->child, field, indent);
        break;
    case CONF_MAP:
    case CONF_LIST_MAP:
        map_print(out, row, field, indent);
        break;
    case CONF_STR_MAP:
        str_map_print(out, field, indent);
        break;
    default:
        buf_char(out, ' ');
        value_flow(out, row, field);
        buf_char(out, '\n');
        break;
    }
}

/* `first_inline`: the first row stands behind a list's dash. */
static void table_print(struct buf *out, const struct conf_table *table, const void *base,
                        unsigned indent, bool first_inline)
{
    for (const struct conf_row *row = table->rows; row->name; row++) {
        spaces(out, first_inline ? 0 : indent);
        first_inline = false;
        buf_printf(out, "%s:", row->name);
        row_print(out, row, row_field(row, base), indent + 2);
    }
}

int conf_print(const struct conf_table *root, const struct conf_doc *doc, struct buf *out)
{
    table_print(out, root, conf_root(doc), 0, false);
    return out->failed;
}
