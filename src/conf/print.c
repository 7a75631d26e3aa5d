/* print.c: the effective configuration as YAML that reads back as itself (over itself: secrets). */
#include "conf/doc.h"
#include "conf/value.h"

struct printing {
    struct buf *out;
    const struct conf_doc *doc;
    const struct secret *next; /* the one to come, if they stand in the file's order */
};

static void table_print(struct printing *p, const struct conf_table *table, const void *base,
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

static void list_print(struct printing *p, const struct conf_table *child,
                       const struct conf_list *list, unsigned indent)
{
    if (list->n == 0) {
        buf_str(p->out, STR(" []\n"));
        return;
    }
    buf_char(p->out, '\n');
    for (unsigned i = 0; i < list->n; i++) {
        spaces(p->out, indent);
        buf_str(p->out, STR("- "));
        if (is_empty_table(child))
            buf_str(p->out, STR("{}\n"));
        else
            table_print(p, child, list_item(list, child, i), indent + 2, true);
    }
}

static void name_print(struct printing *p, struct str name, unsigned indent)
{
    spaces(p->out, indent);
    yaml_text(p->out, name, false);
    buf_char(p->out, ':');
}

static void map_print(struct printing *p, const struct conf_row *row, const struct conf_map *map,
                      unsigned indent)
{
    buf_str(p->out, map->n ? STR("\n") : STR(" {}\n"));
    for (unsigned i = 0; i < map->n; i++) {
        const void *item = map_item(map, row, i);
        name_print(p, map->name[i], indent);
        if (row->type == CONF_LIST_MAP) {
            list_print(p, row->child, item, indent + 2);
        } else if (is_empty_table(row->child)) {
            buf_str(p->out, STR(" {}\n"));
        } else {
            buf_char(p->out, '\n');
            table_print(p, row->child, item, indent + 2, false);
        }
    }
}

static void str_map_print(struct printing *p, const struct conf_str_map *map, unsigned indent)
{
    buf_str(p->out, map->n ? STR("\n") : STR(" {}\n"));
    for (unsigned i = 0; i < map->n; i++) {
        name_print(p, map->name[i], indent);
        buf_char(p->out, ' ');
        yaml_text(p->out, map->value[i], true);
        buf_char(p->out, '\n');
    }
}

/* As it was written where that tells nothing of it, else hidden. */
static void secret_print(struct printing *p, const struct str *secret)
{
    struct str shown = secret->n ? secret_shown(&p->next, p->doc, secret) : STR("");
    buf_printf(p->out, " \"%.*s\"\n", STR_ARGS(shown));
}

static void row_print(struct printing *p, const struct conf_row *row, const void *field,
                      unsigned indent)
{
    bool flat = value_is_none(row, field);
    switch (flat ? CONF_STR : row->type) {
    case CONF_TABLE:
        if (is_empty_table(row->child)) {
            buf_str(p->out, STR(" {}\n"));
        } else {
            buf_char(p->out, '\n');
            table_print(p, row->child, field, indent, false);
        }
        break;
    case CONF_LIST:
        list_print(p, row->child, field, indent);
        break;
    case CONF_MAP:
    case CONF_LIST_MAP:
        map_print(p, row, field, indent);
        break;
    case CONF_STR_MAP:
        str_map_print(p, field, indent);
        break;
    case CONF_SECRET:
        secret_print(p, field);
        break;
    default:
        buf_char(p->out, ' ');
        value_flow(p->out, row, field);
        buf_char(p->out, '\n');
        break;
    }
}

/* `first_inline`: the first row stands behind a list's dash. */
static void table_print(struct printing *p, const struct conf_table *table, const void *base,
                        unsigned indent, bool first_inline)
{
    for (const struct conf_row *row = table->rows; row->name; row++) {
        spaces(p->out, first_inline ? 0 : indent);
        first_inline = false;
        buf_printf(p->out, "%s:", row->name);
        row_print(p, row, row_field(row, base), indent + 2);
    }
}

int conf_print(const struct conf_table *root, const struct conf_doc *doc, struct buf *out)
{
    struct printing p = {out, doc, doc->secrets};
    table_print(&p, root, conf_root(doc), 0, false);
    return out->failed;
}
