/*
 * parse.c: nodes into the structs that the tables describe.
 *
 * Nothing here stops at a problem: it is recorded, the value is left at its default, and the
 * next row is read. Only missing memory ends the work.
 */
#include "conf/doc.h"
#include "conf/scalar.h"

struct parse {
    struct conf_doc *doc;
    struct arena *scratch; /* nodes of defaults that are written as lists or maps */
    bool memory;           /* out of it */
};

/* Where a value stands: its parent's place, its own step in the path, and its line. */
struct spot {
    const struct place *up;
    struct str name; /* p == NULL: item `index` of a list */
    unsigned index;
    unsigned line, column;
};

static void row_parse(struct parse *p, const struct conf_row *row, const struct spot *spot,
                      const struct node *node, char *field);
static void table_parse(struct parse *p, const struct conf_table *table, const struct place *at,
                        const struct node *node, char *out);

static void complain(struct parse *p, const struct spot *spot, const struct node *node,
                     const char *fmt, ...) PRINTF(4, 5);
static void complain(struct parse *p, const struct spot *spot, const struct node *node,
                     const char *fmt, ...)
{
    struct arena *a = &p->doc->problem_arena;
    const struct place here = {.up = spot->up, .name = spot->name, .index = spot->index};
    struct str path = place_path(a, spot->up ? &here : NULL);
    bool known = node && node->line;
    va_list args;
    va_start(args, fmt);
    doc_vproblem(p->doc, false, known ? node->line : spot->line,
                 known ? node->column : spot->column, path, fmt, args);
    va_end(args);
}

static void *take(struct parse *p, size_t bytes)
{
    void *piece = arena_zalloc(&p->doc->arena, bytes ? bytes : 1);
    if (!piece)
        p->memory = true;
    return piece;
}

static struct str keep(struct parse *p, struct str s)
{
    struct str copy = arena_str(&p->doc->arena, s);
    if (!copy.p)
        p->memory = true;
    return copy;
}

/* Notes that `size` bytes at `at` came from `spot`. NULL when memory is out. */
static const struct place *place_new(struct parse *p, const struct spot *spot, const void *at,
                                     size_t size, const struct conf_table *table)
{
    struct place *place = take(p, sizeof(*place));
    if (!place)
        return NULL;
    *place = (struct place){
        .next = p->doc->places,
        .up = spot->up,
        .at = at,
        .size = size,
        .table = table,
        .name = spot->name.p ? keep(p, spot->name) : STR_NONE,
        .index = spot->index,
        .line = spot->line,
        .column = spot->column,
    };
    p->doc->places = place;
    return place;
}

static void expected(struct parse *p, const struct spot *spot, const struct node *node,
                     const struct conf_row *row)
{
    complain(p, spot, node, "expected %s, not %s", scalar_expected(row->type),
             node_kind_text(node));
}

/* ---------------------------------------------------------------- scalars */

/* The scalar's text with the environment's variables in it. False: a problem was recorded. */
static bool text_get(struct parse *p, const struct spot *spot, const struct node *node,
                     struct str *ret_text)
{
    struct str why;
    if (env_expand(&p->doc->arena, node->text, ret_text, &why))
        return true;
    if (why.p)
        complain(p, spot, node, "%.*s", STR_ARGS(why));
    else
        p->memory = true;
    return false;
}

static void secret_note(struct parse *p, const struct node *node, const struct str *out)
{
    if (node->to <= node->from)
        return;
    struct secret *secret = take(p, sizeof(*secret));
    if (!secret)
        return;
    *secret = (struct secret){.at = out, .from = node->from, .to = node->to};
    if (node->kind == NODE_SCALAR && env_is_reference(node->text))
        secret->reference = keep(p, node->text);
    *(p->doc->last_secret ? &p->doc->last_secret->next : &p->doc->secrets) = secret;
    p->doc->last_secret = secret;
}

/* All of it: nobody knows what it is. */
static void unknown_note(struct parse *p, const struct node *node)
{
    if (node->kind == NODE_SCALAR)
        secret_note(p, node, NULL);
    for (unsigned i = 0; node->kind != NODE_SCALAR && i < node->n && !p->memory; i++)
        unknown_note(p, node->value[i]);
}

static void str_parse(struct parse *p, const struct conf_row *row, const struct spot *spot,
                      const struct node *node, struct str *out)
{
    bool secret = row->type == CONF_SECRET;
    struct str text;
    if (secret && node->kind == NODE_SCALAR)
        secret_note(p, node, out);
    else if (secret)
        unknown_note(p, node);
    if (node->kind != NODE_SCALAR)
        expected(p, spot, node, row);
    else if (text_get(p, spot, node, &text))
        *out = keep(p, text);
}

static void number_parse(struct parse *p, const struct conf_row *row, const struct spot *spot,
                         const struct node *node, char *field)
{
    struct str text;
    struct scalar_why why;
    int64_t value;
    if (node->kind != NODE_SCALAR) {
        expected(p, spot, node, row);
    } else if (text_get(p, spot, node, &text)) {
        if (scalar_parse(row, text, &value, &why))
            scalar_put(row, field, value);
        else /* quoted as it is written: what a variable holds may be a secret */
            complain(p, spot, node, "'%s' %s", QUOTED(node->text), why.text);
    }
}

static void json_parse_node(struct parse *p, const struct spot *spot, const struct node *node,
                            struct str *ret_json)
{
    struct buf out;
    buf_init(&out, DOC_FILE_BYTES_MAX * 2);
    const struct node *where;
    struct str why;
    if (json_from_node(&p->doc->arena, node, &out, &where, &why))
        *ret_json = keep(p, buf_view(&out));
    else if (why.p)
        complain(p, spot, where, "'%s' %.*s", QUOTED(where->text), STR_ARGS(why));
    else
        p->memory = true;
    buf_fini(&out);
}

/* ---------------------------------------------------------------- lists and maps */

/* A list's items; anything else stands for a list of itself. */
static unsigned items(const struct node *node, const struct node *const **ret_items,
                      const struct node **single)
{
    if (node->kind == NODE_LIST) {
        *ret_items = (const struct node *const *)node->value;
        return node->n;
    }
    *single = node;
    *ret_items = single;
    return 1;
}

static void strs_parse(struct parse *p, const struct conf_row *row, const struct place *at,
                       const struct node *node, struct conf_strs *out)
{
    const struct node *single, *const *item;
    unsigned n = items(node, &item, &single);
    struct str *all = take(p, n * sizeof(*all));
    const struct conf_row one = {.name = row->name, .type = CONF_STR};
    for (unsigned i = 0; i < n && !p->memory; i++) {
        struct spot spot = {at, STR_NONE, i, item[i]->line, item[i]->column};
        if (node->kind == NODE_MAP)
            spot = (struct spot){at->up, at->name, at->index, at->line, at->column};
        if (item[i]->kind == NODE_SCALAR)
            str_parse(p, &one, &spot, item[i], &all[i]);
        else
            complain(p, &spot, item[i], "expected %s, not %s",
                     node->kind == NODE_LIST ? "text" : scalar_expected(CONF_STRS),
                     node_kind_text(item[i]));
        place_new(p, &spot, &all[i], sizeof(all[i]), NULL);
    }
    if (!p->memory)
        *out = (struct conf_strs){n, all};
}

static bool map_check(struct parse *p, const struct conf_row *row, const struct place *at,
                      const struct node *node)
{
    struct spot spot = {at->up, at->name, at->index, at->line, at->column};
    if (node->kind != NODE_MAP) {
        if (row->child) /* whose settings may be secrets */
            unknown_note(p, node);
        expected(p, &spot, node, row);
        return false;
    }
    if (node->n > DOC_MAP_MAX) {
        complain(p, &spot, node, "%u names; expected at most %d", node->n, DOC_MAP_MAX);
        return false;
    }
    return true;
}

static struct str *names_keep(struct parse *p, const struct place *at, const struct node *node)
{
    struct str *names = take(p, node->n * sizeof(*names));
    for (unsigned i = 0; i < node->n && !p->memory; i++) {
        const struct node *key = node->key[i];
        names[i] = keep(p, key->text);
        struct spot spot = {at, key->text, 0, key->line, key->column};
        place_new(p, &spot, &names[i], sizeof(names[i]), NULL);
    }
    return names;
}

static void str_map_parse(struct parse *p, const struct conf_row *row, const struct place *at,
                          const struct node *node, struct conf_str_map *out)
{
    if (!map_check(p, row, at, node))
        return;
    struct str *names = names_keep(p, at, node);
    struct str *values = take(p, node->n * sizeof(*values));
    const struct conf_row one = {.name = row->name, .type = CONF_STR};
    for (unsigned i = 0; i < node->n && !p->memory; i++) {
        const struct node *value = node->value[i];
        struct spot spot = {at, names[i], 0, value->line, value->column};
        values[i] = STR("");
        if (value->kind != NODE_NULL)
            str_parse(p, &one, &spot, value, &values[i]);
        place_new(p, &spot, &values[i], sizeof(values[i]), NULL);
    }
    if (!p->memory)
        *out = (struct conf_str_map){node->n, names, values};
}

static void list_parse(struct parse *p, const struct conf_row *row, const struct place *at,
                       const struct node *node, struct conf_list *out)
{
    const struct node *single, *const *item;
    unsigned n = items(node, &item, &single);
    char *all = take(p, n * row->child->size);
    for (unsigned i = 0; i < n && !p->memory; i++) {
        struct spot spot = {at, STR_NONE, i, item[i]->line, item[i]->column};
        char *one = all + i * row->child->size;
        const struct place *place = place_new(p, &spot, one, row->child->size, row->child);
        if (!place)
            return;
        if (item[i]->kind == NODE_NULL)
            complain(p, &spot, item[i], "an item without a value");
        else
            table_parse(p, row->child, place, item[i], one);
    }
    if (!p->memory)
        *out = (struct conf_list){n, all};
}

/* CONF_MAP and CONF_LIST_MAP. */
static void map_parse(struct parse *p, const struct conf_row *row, const struct place *at,
                      const struct node *node, struct conf_map *out)
{
    if (!map_check(p, row, at, node))
        return;
    bool lists = row->type == CONF_LIST_MAP;
    size_t size = lists ? sizeof(struct conf_list) : row->child->size;
    struct str *names = names_keep(p, at, node);
    char *all = take(p, node->n * size);
    for (unsigned i = 0; i < node->n && !p->memory; i++) {
        struct spot spot = {at, names[i], 0, node->key[i]->line, node->key[i]->column};
        const struct node *value = node->value[i];
        char *one = all + i * size;
        const struct place *place = place_new(p, &spot, one, size, lists ? NULL : row->child);
        if (!place)
            return;
        if (!lists)
            table_parse(p, row->child, place, value, one);
        else if (value->kind != NODE_NULL) /* `name:` alone is an empty list */
            list_parse(p, row, place, value, (struct conf_list *)(void *)one);
    }
    if (!p->memory)
        *out = (struct conf_map){node->n, names, all};
}

/* ---------------------------------------------------------------- rows */

static size_t field_size(const struct conf_row *row)
{
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
    case CONF_JSON:
        return sizeof(struct str);
    case CONF_BOOL:
        return sizeof(bool);
    case CONF_CHOICE:
        return sizeof(int);
    case CONF_STRS:
        return sizeof(struct conf_strs);
    case CONF_STR_MAP:
        return sizeof(struct conf_str_map);
    case CONF_TABLE:
        return row->child->size;
    case CONF_LIST:
        return sizeof(struct conf_list);
    case CONF_MAP:
    case CONF_LIST_MAP:
        return sizeof(struct conf_map);
    default:
        return sizeof(int64_t);
    }
}

static void row_parse(struct parse *p, const struct conf_row *row, const struct spot *spot,
                      const struct node *node, char *field)
{
    const struct conf_table *table = row->type == CONF_TABLE ? row->child : NULL;
    const struct place *at = place_new(p, spot, field, field_size(row), table);
    if (!at)
        return;
    void *out = field;
    switch (row->type) {
    case CONF_STR:
    case CONF_SECRET:
        str_parse(p, row, spot, node, out);
        break;
    case CONF_JSON:
        json_parse_node(p, spot, node, out);
        break;
    case CONF_STRS:
        strs_parse(p, row, at, node, out);
        break;
    case CONF_STR_MAP:
        str_map_parse(p, row, at, node, out);
        break;
    case CONF_TABLE:
        table_parse(p, row->child, at, node, field);
        break;
    case CONF_LIST:
        list_parse(p, row, at, node, out);
        break;
    case CONF_MAP:
    case CONF_LIST_MAP:
        map_parse(p, row, at, node, out);
        break;
    default:
        number_parse(p, row, spot, node, field);
        break;
    }
}

/* Nodes that stand in no file: problems with them are shown at the spot. */
static void relocate(struct node *node, const struct spot *spot)
{
    node->line = spot->line;
    node->column = spot->column;
    node->from = node->to = 0;
    for (unsigned i = 0; i < node->n; i++) {
        relocate(node->value[i], spot);
        if (node->kind == NODE_MAP)
            relocate(node->key[i], spot);
    }
}

/* A default that is written as a list or a map. */
static void default_tree(struct parse *p, const struct conf_row *row, const struct spot *spot,
                         char *field)
{
    struct node *node;
    int err = yaml_read(p->doc, p->scratch, str_from(row->fallback), &node);
    if (err == E_MEMORY)
        p->memory = true;
    if (err)
        return;
    relocate(node, spot);
    row_parse(p, row, spot, node, field);
}

/* `at` is the table's place, or its parent's when the file has no such table. */
static void default_set(struct parse *p, const struct conf_row *row, const struct place *at,
                        char *field)
{
    struct spot spot = {at, str_from(row->name), 0, at->line, at->column};
    if (!row->fallback) {
        if (row->type == CONF_TABLE)
            table_parse(p, row->child, at, NULL, field);
        else if (row->flags & CONF_OPTIONAL)
            scalar_put(row, field, CONF_NOT_GIVEN);
        return;
    }
    struct node node = {.kind = NODE_SCALAR, .plain = true, .text = str_from(row->fallback)};
    if (row->type == CONF_STR || row->type == CONF_SECRET)
        str_parse(p, row, &spot, &node, (struct str *)(void *)field);
    else if (scalar_is_number(row->type))
        number_parse(p, row, &spot, &node, field);
    else
        default_tree(p, row, &spot, field);
}

/* ---------------------------------------------------------------- tables */

#define ROWS_MAX 256

static unsigned row_names(const struct conf_table *table, struct str names[ROWS_MAX])
{
    unsigned n = 0;
    names[0] = STR_NONE;
    for (const struct conf_row *row = table->rows; row->name && n < ROWS_MAX; row++)
        names[n++] = str_from(row->name);
    return n;
}

static void unknown_complain(struct parse *p, const struct conf_table *table,
                             const struct place *at, const struct node *key,
                             const struct node *value)
{
    struct str names[ROWS_MAX];
    unsigned n = row_names(table, names);
    struct str near = str_nearest(key->text, names, n);
    const struct conf_row *meant = near.n ? table_row(table, near) : NULL;
    if (!meant || meant->type == CONF_SECRET || meant->type >= CONF_TABLE)
        unknown_note(p, value);
    struct buf list;
    buf_init(&list, 8192);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&list, "%s%.*s", i ? ", " : "", STR_ARGS(names[i]));
    struct spot spot = {at, key->text, 0, key->line, key->column};
    if (near.n)
        complain(p, &spot, key, "there is no such setting; did you mean '%.*s'? Known here: %.*s",
                 STR_ARGS(near), STR_ARGS(buf_view(&list)));
    else
        complain(p, &spot, key, "there is no such setting; known here: %.*s",
                 STR_ARGS(buf_view(&list)));
    buf_fini(&list);
}

/* The rows that `node` gives; `given` marks them. */
static void map_rows_parse(struct parse *p, const struct conf_table *table, const struct place *at,
                           const struct node *node, char *out, bool given[ROWS_MAX])
{
    for (unsigned i = 0; i < node->n && !p->memory; i++) {
        const struct node *key = node->key[i], *value = node->value[i];
        const struct conf_row *row = table_row(table, key->text);
        if (!row) {
            unknown_complain(p, table, at, key, value);
            continue;
        }
        if (value->kind == NODE_NULL) /* `name:` alone is as if it were not there */
            continue;
        const struct node *where = row->type <= CONF_CHOICE ? value : key;
        struct spot spot = {at, key->text, 0, where->line, where->column};
        given[row - table->rows] = true;
        row_parse(p, row, &spot, value, out + row->offset);
    }
}

/* A scalar in the table's place; the path stays the table's. */
static void shorthand_parse(struct parse *p, const struct conf_table *table, const struct place *at,
                            const struct node *node, char *out, bool given[ROWS_MAX])
{
    const struct conf_row *row = table_row(table, str_from(table->shorthand));
    struct spot spot = {at->up, at->name, at->index, node->line, node->column};
    given[row - table->rows] = true;
    row_parse(p, row, &spot, node, out + row->offset);
}

static void table_expected(struct parse *p, const struct conf_table *table, const struct place *at,
                           const struct node *node)
{
    struct spot spot = {at->up, at->name, at->index, at->line, at->column};
    const char *first = table->rows[0].name ? table->rows[0].name : "name";
    unknown_note(p, node);
    complain(p, &spot, node, "expected %sa map of settings such as {%s: ...}, not %s",
             table->shorthand ? "text or " : "", first, node_kind_text(node));
}

/*
 * `node` NULL: the file does not have this table, so nothing in it is required. `at` is the
 * table's place, then its parent's.
 */
static void table_parse(struct parse *p, const struct conf_table *table, const struct place *at,
                        const struct node *node, char *out)
{
    bool given[ROWS_MAX] = {false};
    if (node && node->kind == NODE_MAP) {
        map_rows_parse(p, table, at, node, out, given);
    } else if (node && node->kind == NODE_SCALAR && table->shorthand) {
        shorthand_parse(p, table, at, node, out, given);
    } else if (node && node->kind != NODE_NULL) {
        table_expected(p, table, at, node);
        return;
    }
    for (unsigned i = 0; table->rows[i].name && i < ROWS_MAX && !p->memory; i++) {
        const struct conf_row *row = &table->rows[i];
        if (given[i])
            continue;
        if (!node || !(row->flags & CONF_REQUIRED)) {
            default_set(p, row, at, out + row->offset);
            continue;
        }
        struct spot spot = {at, str_from(row->name), 0, at->line, at->column};
        complain(p, &spot, NULL, "is missing; expected %s", scalar_expected(row->type));
    }
}

int parse_root(struct conf_doc *doc, struct arena *scratch, const struct node *node)
{
    struct parse p = {.doc = doc, .scratch = scratch};
    doc->parsed = true;
    struct spot spot = {.line = node->line, .column = node->column};
    const struct place *at = place_new(&p, &spot, doc->root, doc->table->size, doc->table);
    if (at)
        table_parse(&p, doc->table, at, node, doc->root);
    if (p.memory)
        return E_MEMORY;
    return doc->error_count ? E_CONFIG : 0;
}
