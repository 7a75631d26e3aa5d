/* internal.h: what the files of conf/ share. */
#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

#include "conf/conf.h"

enum node_type { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

/* A YAML value as it stands in the file. */
struct node {
    enum node_type type;
    unsigned line, column; /* from 1; 0 for a default */
    struct str text;       /* NODE_SCALAR; ends in NUL */
    bool plain;            /* NODE_SCALAR: written without quotes */
    unsigned n;
    struct node **key;  /* NODE_MAP */
    struct node **item; /* NODE_LIST, and NODE_MAP's values */
};

#define NODES_MAX 100000
#define DEPTH_MAX 64

/* Where a value of the root's struct came from. */
struct place {
    const char *from, *to; /* addresses */
    unsigned line, column;
    struct str path;
};

#define PROBLEMS_MAX 100

struct conf_doc {
    unsigned refs;
    struct arena arena;
    struct str path; /* the file's name */
    struct str text;
    struct str hash;
    void *root;
    unsigned problems_n, errors_n;
    struct conf_problem problems[PROBLEMS_MAX];
    unsigned places_n, places_cap;
    struct place *places;
};

/* yaml.c: the whole text as nodes; NULL after a complaint. *ret_root NULL: an empty file. */
MUSTCHECK int yaml_read(struct conf_doc *doc, struct node **ret_root);

/* problems.c */
void problem_add(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                 struct str path, const char *fmt, ...) PRINTF(6, 7);
MUSTCHECK int place_add(struct conf_doc *doc, const void *field, size_t bytes,
                        const struct node *node, struct str path);

/* parse.c: a value as its row's type says, defaults included, into the struct at `base`. */
MUSTCHECK int table_read(struct conf_doc *doc, const struct conf_table *table, void *base,
                         const struct node *node, struct str path);

/*
 * scalar.c: a text as a number of its kind. NULL: done; else what was expected, for people.
 * `negative` is for defaults only.
 */
MUSTCHECK const char *scalar_bool(struct str text, bool *ret_value);
MUSTCHECK const char *scalar_int(struct str text, int64_t *ret_value);
MUSTCHECK const char *scalar_share(struct str text, int64_t *ret_millionths);
MUSTCHECK const char *scalar_duration(struct str text, int64_t *ret_ms);
MUSTCHECK const char *scalar_bytes(struct str text, int64_t *ret_bytes);
MUSTCHECK const char *scalar_usd(struct str text, int64_t *ret_nanos);
/* `${NAME}` and `$$` replaced. Names the variable that is not set in *ret_missing. */
MUSTCHECK int scalar_environment(struct arena *arena, struct str text, struct str *ret_text,
                                 struct str *ret_missing);

/* print.c: a value as it would be written in the file; secrets hidden. */
MUSTCHECK int value_print(const struct conf_row *row, const void *field, struct buf *out);
/* A default, or "none". */
const char *row_default(const struct conf_row *row);
/* "duration", "list of provider" and so on, for the reference page. */
int type_name(const struct conf_row *row, struct buf *out);

size_t type_size(const struct conf_row *row);

#endif
