/*
 * node.h: a YAML file as a small tree that knows where everything stands.
 *
 * Made by yaml.c, read by parse.c and json.c, and gone when loading is done. Aliases point to
 * the anchor's own children, so the "tree" may share branches; `weight` counts what it would be if
 * every alias were written out, and is what the limit is set on.
 */
#ifndef CONF_NODE_H
#define CONF_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

#define NODE_COUNT_MAX     100000
#define NODE_DEPTH_MAX     64
#define NODE_KEY_BYTES_MAX 512

enum node_kind { NODE_NULL, NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;            /* a scalar without quotes */
    bool open;             /* its end was not seen yet */
    unsigned line, column; /* from 1; 0 for what stands in no file */
    size_t from, to;       /* a scalar's bytes in the file */
    unsigned weight;       /* itself and all below it */
    unsigned height;       /* 1 for a scalar */
    struct str text;       /* scalars, and null as it was written */
    unsigned n;            /* LIST, MAP */
    struct node **key;     /* MAP: n scalars */
    struct node **value;   /* LIST, MAP: n nodes */
    struct node *next;     /* while its parent is being built */
};

/* "a list", "a map", "text", "nothing" */
const char *node_kind_text(const struct node *node);

struct conf_doc;

/*
 * Reads `text` into nodes of `a`; their texts are copies. Problems go to the document; 0, E_CONFIG
 * or E_MEMORY. An empty file gives a NODE_NULL.
 */
MUSTCHECK int yaml_read(struct conf_doc *doc, struct arena *a, struct str text,
                        struct node **ret_root);

#endif
