#include "conf/tables.h"

#include <stdio.h>

#include "base/json.h"
#include "conf/doc.h"
#include "conf/scalar.h"

static struct table_entry *entry_find(struct tables *all, const struct conf_table *table)
{
    for (unsigned i = 0; i < all->n; i++)
        if (all->at[i].table == table)
            return &all->at[i];
    return NULL;
}

static bool name_taken(const struct tables *all, const char *name)
{
    for (unsigned i = 0; i < all->n; i++)
        if (strcmp(all->at[i].name, name) == 0)
            return true;
    return false;
}

static void name_choose(const struct tables *all, const struct conf_table *table,
                        char name[TABLE_NAME_BYTES])
{
    snprintf(name, TABLE_NAME_BYTES, "%s", table->name);
    for (unsigned i = 2; name_taken(all, name); i++)
        snprintf(name, TABLE_NAME_BYTES, "%.50s_%u", table->name, i);
}

static void where_add(struct table_entry *entry, const char *where)
{
    size_t used = strlen(entry->where), n = strlen(where);
    if (used + 2 + n + 1 > sizeof(entry->where))
        return; /* some places are enough */
    if (used) {
        memcpy(entry->where + used, ", ", 2);
        used += 2;
    }
    memcpy(entry->where + used, where, n + 1);
}

static bool collect(struct tables *all, const struct conf_table *table, const char *where)
{
    struct table_entry *entry = entry_find(all, table);
    if (entry) {
        where_add(entry, where);
        return true;
    }
    if (all->n == TABLES_MAX)
        return false;
    struct table_entry made = {.table = table};
    name_choose(all, table, made.name);
    where_add(&made, where);
    all->at[all->n++] = made;
    for (const struct conf_row *row = table->rows; row->name; row++) {
        static const char *const suffix[] = {
            [CONF_LIST] = "[]", [CONF_MAP] = ".NAME", [CONF_LIST_MAP] = ".NAME[]"};
        if (row->type < CONF_TABLE)
            continue;
        char below[TABLE_WHERE_BYTES];
        snprintf(below, sizeof(below), "%.160s%s%.60s%s", where, *where ? "." : "", row->name,
                 row->type == CONF_TABLE ? "" : suffix[row->type]);
        if (!collect(all, row->child, below))
            return false;
    }
    return true;
}

bool tables_collect(const struct conf_table *root, struct tables *out)
{
    *out = (struct tables){0};
    return collect(out, root, "");
}

const char *tables_name(const struct tables *all, const struct conf_table *table)
{
    for (unsigned i = 0; i < all->n; i++)
        if (all->at[i].table == table)
            return all->at[i].name;
    return table->name;
}

static int scalar_default(const struct conf_row *row, struct buf *out)
{
    int64_t value = 0;
    struct scalar_why why;
    if (row->type == CONF_BOOL && scalar_parse(row, str_from(row->fallback), &value, &why))
        return buf_str(out, value ? STR("true") : STR("false"));
    if (row->type == CONF_INT && scalar_parse(row, str_from(row->fallback), &value, &why))
        return buf_i64(out, value);
    return json_quote(out, str_from(row->fallback));
}

static int tree_default(const struct conf_row *row, struct arena *a, struct buf *out)
{
    struct conf_doc *doc = doc_new(row->child ? row->child : &(struct conf_table){.size = 1}, "");
    struct node *node;
    const struct node *where;
    struct str why;
    int err = doc ? yaml_read(doc, a, str_from(row->fallback), &node) : E_MEMORY;
    if (!err && !json_from_node(a, node, out, &where, &why))
        err = E_CONFIG;
    conf_unref(doc);
    return err;
}

int default_json(const struct conf_row *row, struct arena *a, struct str *ret_json)
{
    *ret_json = STR_NONE;
    if (!row->fallback)
        return 0;
    struct buf out;
    buf_init(&out, 65536);
    int err;
    if (row->type <= CONF_CHOICE)
        err = scalar_default(row, &out);
    else
        err = tree_default(row, a, &out);
    if (!err) {
        *ret_json = arena_str(a, buf_view(&out));
        err = ret_json->p ? 0 : E_MEMORY;
    }
    buf_fini(&out);
    return err;
}
