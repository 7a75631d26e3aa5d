/*
 * tables.h: all tables that a root leads to, each once, for the schema and the reference page.
 */
#ifndef CONF_TABLES_H
#define CONF_TABLES_H

#include "conf/conf.h"

#define TABLES_MAX        128
#define TABLE_NAME_BYTES  64
#define TABLE_WHERE_BYTES 240

struct table_entry {
    const struct conf_table *table;
    char name[TABLE_NAME_BYTES];   /* its own, or with a number where another has it too */
    char where[TABLE_WHERE_BYTES]; /* "providers.NAME.timeouts, models.NAME.timeouts" */
};

struct tables {
    unsigned n;
    struct table_entry at[TABLES_MAX]; /* the root first, then in the order of the file */
};

/* False: more than TABLES_MAX. */
MUSTCHECK bool tables_collect(const struct conf_table *root, struct tables *out);
const char *tables_name(const struct tables *all, const struct conf_table *table);

/* A default as compact JSON, or STR_NONE where there is none; of the arena. */
MUSTCHECK int default_json(const struct conf_row *row, struct arena *a, struct str *ret_json);

/* reference.c: what is said ahead of all tables, as Markdown. */
extern const char reference_intro[];
/* "number, 1 to 64", with links to further tables, as Markdown. */
void row_type_write(struct buf *out, const struct tables *all, const struct conf_row *row);

/* cover.c: stars in the place of what is, or may be, a secret in `shown`, a copy of `line` of the
 * file. */
void cover_secrets(const struct conf_doc *doc, const struct tables *all, char *shown,
                   struct str line);

#endif
