/*
 * value.h: values of the settings as text, for the difference, the effective configuration, the
 * schema and the reference page.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/conf.h"

/* A text as a YAML scalar that reads back as itself; `dollars`: they are doubled. */
int yaml_text(struct buf *out, struct str s, bool dollars);

/* Compact JSON as YAML that reads back as itself. */
int yaml_json(struct buf *out, struct str json);

/* Is it what an absent row without a default has, and cannot be written? */
bool value_is_none(const struct conf_row *row, const void *field);
bool value_equal(const struct conf_row *row, const void *a, const void *b);

/* Where `name` stands, looked for from *hint on: files keep their order mostly. -1: nowhere. */
int name_find(const struct str *names, unsigned n, struct str name, unsigned *hint);

/* The value on one line, secrets hidden; of tables only what differs from the defaults. */
int value_flow(struct buf *out, const struct conf_row *row, const void *field);
int table_flow(struct buf *out, const struct conf_table *table, const void *base);

static inline const void *row_field(const struct conf_row *row, const void *base)
{
    return (const char *)base + row->offset;
}
static inline const void *list_item(const struct conf_list *list, const struct conf_table *child,
                                    unsigned i)
{
    return (const char *)list->at + (size_t)i * child->size;
}
/* The item's struct; of a CONF_LIST_MAP, its list. */
static inline const void *map_item(const struct conf_map *map, const struct conf_row *row,
                                   unsigned i)
{
    size_t size = row->type == CONF_LIST_MAP ? sizeof(struct conf_list) : row->child->size;
    return (const char *)map->at + (size_t)i * size;
}

#endif
