/*
 * yaml.c: libfyaml's events to our own nodes.
 *
 * libfyaml scans and parses; anchors, aliases, duplicate keys and all limits are ours, so that no
 * input can make it build something large. Its complaints are collected and never printed by it.
 */
#include <libfyaml.h>
#include <stdlib.h>

#include "conf/doc.h"

#define ANCHORS_MAX 1000

struct frame {
    struct node *node;
    struct node *key;           /* MAP: the key whose value comes next */
    struct node *keys, *values; /* newest first */
};

struct anchor {
    struct str name;
    struct node *node;
};

struct builder {
    struct conf_doc *doc;
    struct arena *arena;
    struct str source;
    struct frame stack[NODE_DEPTH_MAX + 1];
    unsigned depth;
    struct node *root;
    struct anchor *anchors;
    unsigned anchor_count;
    unsigned documents;
    unsigned weight; /* of all nodes so far, aliases written out */
    bool failed;     /* stop: a problem was recorded, or memory is out */
    bool memory;
};

const char *node_kind_text(const struct node *node)
{
    switch (node->kind) {
    case NODE_NULL:
        return "nothing";
    case NODE_SCALAR:
        return "text";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    }
    return "something";
}

/* The path of what is being read: the keys and positions of the open maps and lists. */
static struct str builder_path(const struct builder *b)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    for (unsigned i = 0; i < b->depth; i++) {
        const struct frame *f = &b->stack[i];
        if (f->node->kind == NODE_LIST)
            buf_printf(&out, "[%u]", f->node->n);
        else if (f->key)
            path_add(&out, out.n == 0, f->key->text);
    }
    struct str path = out.n ? arena_str(b->arena, buf_view(&out)) : STR_NONE;
    buf_fini(&out);
    return path;
}

static void stop(struct builder *b, unsigned line, unsigned column, const char *fmt, ...)
    PRINTF(4, 5);
static void stop(struct builder *b, unsigned line, unsigned column, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    doc_vproblem(b->doc, false, line, column, builder_path(b), fmt, args);
    va_end(args);
    b->failed = true;
}

/* A problem after which reading goes on. */
static void note(struct builder *b, const struct node *at, const char *fmt, ...) PRINTF(3, 4);
static void note(struct builder *b, const struct node *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    doc_vproblem(b->doc, false, at->line, at->column, builder_path(b), fmt, args);
    va_end(args);
}

/* ---------------------------------------------------------------- nodes */

/* Nothing was written: it stands where its key does, or where the list or map began. */
static void nothing_locate(const struct builder *b, struct node *node)
{
    if (b->depth == 0)
        return;
    const struct frame *f = &b->stack[b->depth - 1];
    const struct node *near = f->key ? f->key : f->node;
    node->line = near->line;
    node->column = near->column;
}

static struct node *node_new(struct builder *b, enum node_kind kind, struct fy_event *event)
{
    struct node *node = ARENA_NEW(b->arena, struct node);
    if (!node) {
        b->failed = b->memory = true;
        return NULL;
    }
    node->kind = kind;
    node->weight = node->height = 1;
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        node->line = (unsigned)mark->line + 1;
        node->column = (unsigned)mark->column + 1;
        node->from = mark->input_pos;
        mark = fy_event_end_mark(event);
        node->to = mark ? mark->input_pos : node->from;
    }
    return node;
}

static void key_add(struct builder *b, struct frame *f, struct node *key)
{
    if (key->kind != NODE_SCALAR && key->kind != NODE_NULL) {
        stop(b, key->line, key->column, "a name has to be text, not %s", node_kind_text(key));
        return;
    }
    if (key->text.n == 0)
        stop(b, key->line, key->column, "a name is missing in front of the ':'");
    else if (key->text.n > NODE_KEY_BYTES_MAX)
        stop(b, key->line, key->column, "a name of %zu bytes; expected at most %d", key->text.n,
             NODE_KEY_BYTES_MAX);
    else if (key->plain && str_eq(key->text, STR("<<")))
        stop(b, key->line, key->column,
             "merging with << is not known; write the settings out, or use a whole map by its "
             "alias (name: *anchor)");
    f->node->weight++;
    key->next = f->keys;
    f->keys = key;
    f->key = key;
}

static void node_add(struct builder *b, struct node *node)
{
    if (b->depth == 0) {
        b->root = node;
        return;
    }
    struct frame *f = &b->stack[b->depth - 1];
    if (f->node->kind == NODE_MAP && !f->key) {
        key_add(b, f, node);
        return;
    }
    node->next = f->values;
    f->values = node;
    f->key = NULL;
    f->node->n++;
    if (node->height >= f->node->height)
        f->node->height = node->height + 1;
    f->node->weight += node->weight;
}

static void weigh(struct builder *b, const struct node *node)
{
    b->weight += node->weight;
    if (b->weight > NODE_COUNT_MAX && !b->failed)
        stop(b, node->line, node->column, "more than %d values, aliases written out; expected less",
             NODE_COUNT_MAX);
    if (b->depth + node->height > NODE_DEPTH_MAX && !b->failed)
        stop(b, node->line, node->column, "nested deeper than %d levels", NODE_DEPTH_MAX);
}

/*
 * Piece by piece: fy_token_get_text trusts a length counted elsewhere, which in 0.7.12 is wrong
 * for some line breaks.
 */
static struct str token_text(struct builder *b, struct fy_token *token)
{
    struct buf text;
    struct str copy = STR_NONE;
    struct fy_token_iter *iter = token ? fy_token_iter_create(token) : NULL;
    const struct fy_iter_chunk *chunk = NULL;
    int failed = 0;
    buf_init(&text, DOC_FILE_BYTES_MAX * 2);
    while (iter && (chunk = fy_token_iter_chunk_next(iter, chunk, &failed)) != NULL)
        buf_add(&text, chunk->str, chunk->len);
    if (!failed && !text.failed && (iter || !token))
        copy = arena_str(b->arena, buf_view(&text));
    if (!copy.p)
        b->failed = b->memory = true;
    fy_token_iter_destroy(iter);
    buf_fini(&text);
    return copy;
}

/* Line breaks within quotes: one is a space, of more the first goes. Returns the new length. */
static size_t breaks_fold(char *out, size_t n, unsigned breaks)
{
    if (breaks == 1)
        out[n++] = ' ';
    for (unsigned i = 1; i < breaks; i++)
        out[n++] = '\n';
    return n;
}

/*
 * What stands between 'single quotes': two of them are one, and spaces around line breaks go.
 * libfyaml could tell too, but 0.7.12 goes wrong on two doubled ones in a row ('a''''b').
 */
static struct str single_quoted(struct builder *b, struct str raw)
{
    char *out = arena_alloc(b->arena, raw.n + 1);
    size_t n = 0, kept = 0; /* kept: without the spaces at the line's end */
    unsigned breaks = 0;
    if (!out) {
        b->failed = b->memory = true;
        return STR_NONE;
    }
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        bool space = c == ' ' || c == '\t';
        if (c == '\n' || c == '\r') {
            i += c == '\r' && i + 1 < raw.n && raw.p[i + 1] == '\n';
            n = kept;
            breaks++;
        } else if (!space || !breaks) {
            n = breaks_fold(out, n, breaks);
            breaks = 0;
            out[n++] = c;
            kept = space ? kept : n;
            i += c == '\'' && i + 1 < raw.n && raw.p[i + 1] == '\'';
        }
    }
    n = breaks_fold(out, n, breaks);
    out[n] = '\0';
    return str_of(out, n);
}

/* Tags of the core schema are let through; "!!str" and "!" make a plain scalar text. */
static void tag_read(struct builder *b, struct node *node, struct fy_event *event)
{
    struct fy_token *token = fy_event_get_tag_token(event);
    if (!token)
        return;
    struct str tag = token_text(b, token);
    static const char *const core[] = {"null", "bool", "int", "float", "map", "seq"};
    struct str name = tag;
    if (str_starts(tag, STR("tag:yaml.org,2002:")))
        name = str_tail(tag, 18);
    else if (str_starts(tag, STR("!!")))
        name = str_tail(tag, 2);
    if (str_eq(name, STR("str")) || str_eq(tag, STR("!"))) {
        node->plain = false;
        if (node->kind == NODE_NULL)
            node->kind = NODE_SCALAR;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(core); i++)
        if (name.p != tag.p && str_eq(name, str_from(core[i])))
            return;
    note(b, node, "a tag that is not known; text that begins with '!' needs quotes");
}

static void anchor_read(struct builder *b, struct node *node, struct fy_event *event)
{
    struct fy_token *token = fy_event_get_anchor_token(event);
    if (!token)
        return;
    if (!b->anchors)
        b->anchors = ARENA_ARRAY(b->arena, struct anchor, ANCHORS_MAX);
    if (!b->anchors) {
        b->failed = b->memory = true;
    } else if (b->anchor_count == ANCHORS_MAX) {
        stop(b, node->line, node->column, "more than %d anchors", ANCHORS_MAX);
    } else {
        b->anchors[b->anchor_count++] = (struct anchor){token_text(b, token), node};
    }
}

/* ---------------------------------------------------------------- events */

static bool is_null(struct str s)
{
    return s.n == 0 || str_eq(s, STR("~")) || str_eq(s, STR("null")) || str_eq(s, STR("Null")) ||
           str_eq(s, STR("NULL"));
}

static void on_scalar(struct builder *b, struct fy_event *event)
{
    struct node *node = node_new(b, NODE_SCALAR, event);
    if (!node)
        return;
    struct fy_token *token = fy_event_get_token(event);
    enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
    if (style == FYSS_SINGLE_QUOTED && node->from <= node->to && node->to <= b->source.n)
        node->text = single_quoted(b, str_of(b->source.p + node->from, node->to - node->from));
    else
        node->text = token_text(b, token);
    node->plain = style == FYSS_PLAIN;
    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && node->column > 1)
        node->column--; /* the quote itself */
    if (node->plain && is_null(node->text))
        node->kind = NODE_NULL;
    if (node->plain && node->text.n == 0)
        nothing_locate(b, node);
    if (node->text.n && memchr(node->text.p, '\0', node->text.n))
        note(b, node, "a NUL character cannot stand in a text");
    else if (!text_is_utf8(node->text))
        note(b, node, "an escape that is no character");
    tag_read(b, node, event);
    anchor_read(b, node, event);
    weigh(b, node);
    node_add(b, node);
}

/* A list or a map in the place of a name. One in two braces was meant as a text; it is not
 * repeated, since it may be a secret. */
static void name_refuse(struct builder *b, const struct node *node)
{
    struct str from = str_tail(b->source, node->from);
    bool hole = node->from > 0 && b->source.p[node->from - 1] == '{' && str_starts(from, STR("{"));
    if (hole)
        stop(b, node->line, node->column - 1,
             "{{field}} needs quotes in YAML, where braces begin a map: \"{{field}}\"");
    else
        stop(b, node->line, node->column, "a name has to be text, not %s", node_kind_text(node));
}

static void on_start(struct builder *b, struct fy_event *event, enum node_kind kind)
{
    struct node *node = node_new(b, kind, event);
    if (!node)
        return;
    node->open = true;
    node->height = 1;
    tag_read(b, node, event);
    anchor_read(b, node, event);
    weigh(b, node);
    if (b->depth && b->stack[b->depth - 1].node->kind == NODE_MAP && !b->stack[b->depth - 1].key)
        name_refuse(b, node);
    if (!b->failed)
        b->stack[b->depth++] = (struct frame){.node = node};
}

static int key_order(const void *a, const void *b)
{
    const struct node *left = *(struct node *const *)a, *right = *(struct node *const *)b;
    int order = str_cmp(left->text, right->text);
    return order ? order : (left->from > right->from) - (left->from < right->from);
}

static void duplicates_find(struct builder *b, const struct node *map)
{
    struct node **sorted = ARENA_ARRAY(b->arena, struct node *, map->n);
    if (!sorted) {
        b->failed = b->memory = true;
        return;
    }
    memcpy(sorted, map->key, map->n * sizeof(*sorted));
    qsort(sorted, map->n, sizeof(*sorted), key_order);
    for (unsigned i = 1; i < map->n; i++)
        if (str_eq(sorted[i]->text, sorted[i - 1]->text))
            note(b, sorted[i], "'%s' stands here twice; it was given before in line %u",
                 QUOTED(sorted[i]->text), sorted[i - 1]->line);
}

static void on_end(struct builder *b)
{
    struct frame *f = &b->stack[b->depth - 1];
    struct node *node = f->node;
    node->open = false;
    unsigned n = node->n;
    if (n) {
        node->value = ARENA_ARRAY(b->arena, struct node *, n);
        if (node->kind == NODE_MAP)
            node->key = ARENA_ARRAY(b->arena, struct node *, n);
        if (!node->value || (node->kind == NODE_MAP && !node->key)) {
            b->failed = b->memory = true;
            return;
        }
        struct node *value = f->values, *key = f->keys;
        for (unsigned i = n; i-- > 0; value = value->next) {
            node->value[i] = value;
            if (key) {
                node->key[i] = key;
                key = key->next;
            }
        }
        f->key = NULL;
    }
    b->depth--;
    if (node->kind == NODE_MAP && n > 1)
        duplicates_find(b, node);
    node_add(b, node);
}

static void on_alias(struct builder *b, struct fy_event *event)
{
    struct node *node = node_new(b, NODE_NULL, event);
    if (!node)
        return;
    struct str name = token_text(b, fy_event_get_token(event));
    node->column -= node->column > 1; /* the '*' itself */
    const struct node *target = NULL;
    for (unsigned i = b->anchor_count; i-- > 0 && !target;)
        if (str_eq(b->anchors[i].name, name))
            target = b->anchors[i].node;
    if (!target) {
        stop(b, node->line, node->column,
             "no anchor of this name stands above; text that "
             "begins with '*' needs quotes");
        return;
    }
    if (target->open) {
        stop(b, node->line, node->column, "an alias that stands within itself");
        return;
    }
    struct node here = *node;
    *node = *target;
    node->line = here.line;
    node->column = here.column;
    node->next = NULL;
    weigh(b, node);
    if (!b->failed)
        node_add(b, node);
}

static void on_event(struct builder *b, struct fy_event *event)
{
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (++b->documents > 1) {
            const struct fy_mark *mark = fy_event_start_mark(event);
            stop(b, mark ? (unsigned)mark->line + 1 : 0, mark ? (unsigned)mark->column + 1 : 0,
                 "a second document begins here; a configuration is one document");
        }
        break;
    case FYET_ALIAS:
        on_alias(b, event);
        break;
    case FYET_SCALAR:
        on_scalar(b, event);
        break;
    case FYET_SEQUENCE_START:
        on_start(b, event, NODE_LIST);
        break;
    case FYET_MAPPING_START:
        on_start(b, event, NODE_MAP);
        break;
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        if (b->depth)
            on_end(b);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- libfyaml */

/* libfyaml prints through this what it does not collect; nobody wants to read it. */
static void swallow(struct fy_diag *diag UNUSED, void *user UNUSED, const char *text UNUSED,
                    size_t n UNUSED)
{
}

static struct fy_diag *diag_new(void)
{
    struct fy_diag_cfg cfg;
    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = swallow;
    cfg.colorize = false;
    struct fy_diag *diag = fy_diag_create(&cfg);
    if (diag)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

static void syntax_report(struct builder *b, struct fy_diag *diag, struct str text)
{
    void *at = NULL;
    const struct fy_diag_error *error;
    while ((error = fy_diag_errors_iterate(diag, &at)) != NULL) {
        if (error->type != FYET_ERROR)
            continue;
        syntax_problem(b->doc, text, error->line > 0 ? (unsigned)error->line : 0,
                       error->column > 0 ? (unsigned)error->column : 0, error->msg);
        b->failed = true;
        return; /* what follows the first are its consequences */
    }
    if (!b->failed)
        stop(b, 0, 0, "this is not valid YAML");
}

static void parse(struct builder *b, struct fy_parser *parser, struct fy_diag *diag,
                  struct str text)
{
    if (fy_parser_set_string(parser, text.p, text.n) != 0) {
        b->failed = b->memory = true;
        return;
    }
    struct fy_event *event;
    while (!b->failed && (event = fy_parser_parse(parser)) != NULL) {
        on_event(b, event);
        fy_parser_event_free(parser, event);
    }
    if (!b->failed && (fy_parser_get_stream_error(parser) || fy_diag_got_error(diag)))
        syntax_report(b, diag, text);
}

int yaml_read(struct conf_doc *doc, struct arena *a, struct str text, struct node **ret_root)
{
    struct builder *b = ARENA_NEW(a, struct builder);
    struct node *nothing = ARENA_NEW(a, struct node);
    if (!b || !nothing)
        return E_MEMORY;
    b->doc = doc;
    b->arena = a;
    b->source = text;
    nothing->line = nothing->column = nothing->weight = nothing->height = 1;
    *ret_root = nothing;
    unsigned before = doc->error_count;
    if (!syntax_check(doc, text))
        return E_CONFIG;
    if (str_trim(text).n == 0) /* nothing to ask libfyaml about */
        return 0;

    struct fy_diag *diag = diag_new();
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = diag ? fy_parser_create(&cfg) : NULL;
    if (parser)
        parse(b, parser, diag, text);
    else
        b->failed = b->memory = true;
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    if (b->memory && doc->error_count == before)
        return E_MEMORY;
    if (!b->failed && b->root)
        *ret_root = b->root;
    return b->failed ? E_CONFIG : 0;
}
