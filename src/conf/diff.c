/* diff.c: what a reload would change, a line a setting. */
#include "conf/doc.h"
#include "conf/value.h"

struct diff {
    struct buf *out;
    unsigned changes;
    bool needs_restart;
};

/* A step of the path, and the flags of all rows above. Only `up`, `name` and `index` are used. */
struct step {
    struct place at;
    unsigned flags;
};

static void table_diff(struct diff *d, const struct conf_table *table, const struct step *here,
                       const void *before, const void *after);

static struct step step_to(const struct step *up, struct str name, unsigned index, unsigned flags)
{
    return (struct step){{.up = &up->at, .name = name, .index = index}, up->flags | flags};
}

static void line_begin(struct diff *d, const struct step *here)
{
    place_path_add(d->out, &here->at);
    buf_str(d->out, STR(": "));
}

static void line_end(struct diff *d, const struct step *here)
{
    bool restart = here->flags & CONF_NEEDS_RESTART;
    d->changes++;
    d->needs_restart |= restart;
    buf_str(d->out, restart ? STR(" (needs a restart)\n") : STR("\n"));
}

static void text_or_none(struct buf *out, const struct conf_row *row, const void *field)
{
    if (!field || value_is_none(row, field))
        buf_str(out, STR("(none)"));
    else
        value_flow(out, row, field);
}

/* A value that is compared as a whole. NULL: there is none on that side. */
static void value_diff(struct diff *d, const struct conf_row *row, const struct step *here,
                       const void *before, const void *after)
{
    if (before && after && value_equal(row, before, after))
        return;
    line_begin(d, here);
    if (row->type == CONF_SECRET) {
        buf_str(d->out, STR("(changed)"));
    } else {
        text_or_none(d->out, row, before);
        buf_str(d->out, STR(" -> "));
        text_or_none(d->out, row, after);
    }
    line_end(d, here);
}

static void item_diff(struct diff *d, const struct conf_table *table, const struct step *here,
                      const void *before, const void *after)
{
    if (before && after) {
        table_diff(d, table, here, before, after);
        return;
    }
    line_begin(d, here);
    buf_str(d->out, before ? STR("removed") : STR("added "));
    if (after)
        table_flow(d->out, table, after);
    line_end(d, here);
}

static void list_diff(struct diff *d, const struct conf_table *child, const struct step *here,
                      const struct conf_list *before, const struct conf_list *after)
{
    for (unsigned i = 0; i < before->n || i < after->n; i++) {
        struct step item = step_to(here, STR_NONE, i, 0);
        item_diff(d, child, &item, i < before->n ? list_item(before, child, i) : NULL,
                  i < after->n ? list_item(after, child, i) : NULL);
    }
}

static void map_item_diff(struct diff *d, const struct conf_row *row, const struct step *here,
                          const void *before, const void *after)
{
    if (row->type == CONF_MAP) {
        item_diff(d, row->child, here, before, after);
    } else if (before && after) {
        list_diff(d, row->child, here, before, after);
    } else {
        const struct conf_row list = {.name = "", .type = CONF_LIST, .child = row->child};
        line_begin(d, here);
        buf_str(d->out, before ? STR("removed") : STR("added "));
        if (after)
            value_flow(d->out, &list, after);
        line_end(d, here);
    }
}

static void map_diff(struct diff *d, const struct conf_row *row, const struct step *here,
                     const struct conf_map *before, const struct conf_map *after)
{
    unsigned hint = 0;
    for (unsigned i = 0; i < after->n; i++) {
        struct step item = step_to(here, after->name[i], 0, 0);
        int was = name_find(before->name, before->n, after->name[i], &hint);
        map_item_diff(d, row, &item, was < 0 ? NULL : map_item(before, row, (unsigned)was),
                      map_item(after, row, i));
    }
    hint = 0;
    for (unsigned i = 0; i < before->n; i++) {
        struct step item = step_to(here, before->name[i], 0, 0);
        if (name_find(after->name, after->n, before->name[i], &hint) < 0)
            map_item_diff(d, row, &item, map_item(before, row, i), NULL);
    }
}

static void str_map_diff(struct diff *d, const struct step *here, const struct conf_str_map *before,
                         const struct conf_str_map *after)
{
    static const struct conf_row text = {.name = "", .type = CONF_STR};
    unsigned hint = 0;
    for (unsigned i = 0; i < after->n; i++) {
        struct step item = step_to(here, after->name[i], 0, 0);
        int was = name_find(before->name, before->n, after->name[i], &hint);
        value_diff(d, &text, &item, was < 0 ? NULL : &before->value[was], &after->value[i]);
    }
    hint = 0;
    for (unsigned i = 0; i < before->n; i++) {
        struct step item = step_to(here, before->name[i], 0, 0);
        if (name_find(after->name, after->n, before->name[i], &hint) < 0)
            value_diff(d, &text, &item, &before->value[i], NULL);
    }
}

static void table_diff(struct diff *d, const struct conf_table *table, const struct step *here,
                       const void *before, const void *after)
{
    for (const struct conf_row *row = table->rows; row->name; row++) {
        struct step item = step_to(here, str_from(row->name), 0, row->flags);
        const void *left = row_field(row, before), *right = row_field(row, after);
        switch (row->type) {
        case CONF_TABLE:
            table_diff(d, row->child, &item, left, right);
            break;
        case CONF_LIST:
            list_diff(d, row->child, &item, left, right);
            break;
        case CONF_MAP:
        case CONF_LIST_MAP:
            map_diff(d, row, &item, left, right);
            break;
        case CONF_STR_MAP:
            str_map_diff(d, &item, left, right);
            break;
        default:
            value_diff(d, row, &item, left, right);
            break;
        }
    }
}

int conf_diff(const struct conf_table *root, const struct conf_doc *before,
              const struct conf_doc *after, struct buf *out, unsigned *ret_changes,
              bool *ret_needs_restart)
{
    struct diff d = {.out = out};
    const struct step here = {{.up = NULL}, 0};
    table_diff(&d, root, &here, conf_root(before), conf_root(after));
    *ret_changes = d.changes;
    *ret_needs_restart = d.needs_restart;
    return out->failed;
}
