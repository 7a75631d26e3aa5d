/* secrets.c: secrets are not shown, and what is shown in their place stands for them. */
#include "conf/doc.h"
#include "conf/value.h"

struct keeping {
    struct conf_doc *doc;
    bool memory; /* out of it */
};

/* `old` is the table at the same place of the configuration in force; NULL: there is none. */
static void table_keep(struct keeping *k, const struct conf_table *table, char *base,
                       const char *old);

static void secret_keep(struct keeping *k, struct str *secret, const struct str *old)
{
    if (!str_eq(*secret, STR(CONF_HIDDEN)))
        return;
    if (!old || old->n == 0) {
        conf_complain(k->doc, secret,
                      CONF_HIDDEN " stands for the secret in force at this place, and there is "
                                  "none; expected the secret, best as a reference such as ${NAME}");
        return;
    }
    *secret = arena_str(&k->doc->arena, *old);
    k->memory = k->memory || !secret->p;
}

static void list_keep(struct keeping *k, const struct conf_table *child, struct conf_list *list,
                      const struct conf_list *old)
{
    for (unsigned i = 0; i < list->n; i++)
        table_keep(k, child, (char *)list->at + (size_t)i * child->size,
                   old && i < old->n ? list_item(old, child, i) : NULL);
}

static void map_keep(struct keeping *k, const struct conf_row *row, struct conf_map *map,
                     const struct conf_map *old)
{
    bool lists = row->type == CONF_LIST_MAP;
    size_t size = lists ? sizeof(struct conf_list) : row->child->size;
    unsigned hint = 0;
    for (unsigned i = 0; i < map->n; i++) {
        char *item = (char *)map->at + i * size;
        int was = old ? name_find(old->name, old->n, map->name[i], &hint) : -1;
        const void *before = was < 0 ? NULL : map_item(old, row, (unsigned)was);
        if (lists)
            list_keep(k, row->child, (struct conf_list *)(void *)item, before);
        else
            table_keep(k, row->child, item, before);
    }
}

static void table_keep(struct keeping *k, const struct conf_table *table, char *base,
                       const char *old)
{
    for (const struct conf_row *row = table->rows; row->name; row++) {
        void *field = base + row->offset;
        const void *before = old ? old + row->offset : NULL;
        switch (row->type) {
        case CONF_SECRET:
            secret_keep(k, field, before);
            break;
        case CONF_TABLE:
            table_keep(k, row->child, field, before);
            break;
        case CONF_LIST:
            list_keep(k, row->child, field, before);
            break;
        case CONF_MAP:
        case CONF_LIST_MAP:
            map_keep(k, row, field, before);
            break;
        default:
            break;
        }
    }
}

int secrets_keep(struct conf_doc *doc, const struct conf_doc *in_force)
{
    struct keeping k = {.doc = doc};
    table_keep(&k, doc->table, doc->root, in_force ? in_force->root : NULL);
    return k.memory ? E_MEMORY : doc->error_count ? E_CONFIG : 0;
}

struct str secret_shown(const struct secret **next, const struct conf_doc *doc,
                        const struct str *field)
{
    const struct secret *from = *next;
    for (int round = 0; round < 2; round++) {
        for (const struct secret *s = round ? doc->secrets : from; s; s = s->next) {
            if (s->at != field)
                continue;
            *next = s->next;
            return s->reference.n ? s->reference : STR(CONF_HIDDEN);
        }
    }
    return STR(CONF_HIDDEN);
}
