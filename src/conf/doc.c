#include "conf/doc.h"

#include <stdio.h>
#include <stdlib.h>

struct conf_doc *doc_new(const struct conf_table *table, const char *path)
{
    struct conf_doc *doc = calloc(1, sizeof(*doc));
    if (!doc)
        return NULL;
    doc->refs = 1;
    doc->table = table;
    arena_init_private(&doc->arena, DOC_ARENA_BYTES_MAX);
    arena_init_private(&doc->problem_arena, DOC_PROBLEM_BYTES_MAX);
    doc->path = arena_str(&doc->arena, str_from(path));
    doc->root = arena_zalloc(&doc->arena, table->size);
    if (!doc->path.p || !doc->root) {
        conf_unref(doc);
        return NULL;
    }
    return doc;
}

struct conf_doc *conf_ref(struct conf_doc *doc)
{
    doc->refs++;
    return doc;
}

void conf_unref(struct conf_doc *doc)
{
    if (!doc || --doc->refs > 0)
        return;
    arena_fini(&doc->arena);
    arena_fini(&doc->problem_arena);
    free(doc->problems);
    free(doc);
}

const void *conf_root(const struct conf_doc *doc)
{
    return doc->root;
}

struct arena *conf_arena(struct conf_doc *doc)
{
    return &doc->arena;
}

const char *conf_path(const struct conf_doc *doc)
{
    return doc->path.p;
}

const char *conf_file(const struct conf_doc *doc)
{
    return doc->is_file ? doc->path.p : NULL;
}

bool conf_is_empty(const struct conf_doc *doc)
{
    return !doc->places || !doc->places->next; /* the root's alone */
}

struct str conf_text(const struct conf_doc *doc)
{
    return doc->text;
}

struct str conf_text_hash(const struct conf_doc *doc)
{
    return doc->hash;
}

unsigned conf_problem_count(const struct conf_doc *doc)
{
    return doc ? doc->problem_count : 0;
}

const struct conf_problem *conf_problem(const struct conf_doc *doc, unsigned i)
{
    return doc && i < doc->problem_count ? &doc->problems[i] : NULL;
}

unsigned conf_error_count(const struct conf_doc *doc)
{
    return doc ? doc->error_count : 0;
}

/* Room for one more; the array is sorted, so that people read it from top to bottom. */
static struct conf_problem *problem_insert(struct conf_doc *doc, unsigned line, unsigned column)
{
    if (doc->problem_count == doc->problem_room) {
        unsigned room = doc->problem_room ? doc->problem_room * 2 : 8;
        struct conf_problem *grown = realloc(doc->problems, room * sizeof(*grown));
        if (!grown)
            return NULL;
        doc->problems = grown;
        doc->problem_room = room;
    }
    unsigned i = doc->problem_count++;
    for (; i > 0; i--) {
        const struct conf_problem *p = &doc->problems[i - 1];
        if (p->line < line || (p->line == line && p->column <= column))
            break;
        doc->problems[i] = *p;
    }
    return &doc->problems[i];
}

void doc_vproblem(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                  struct str path, const char *fmt, va_list args)
{
    doc->error_count += !warning;
    if (doc->problem_count > DOC_PROBLEMS_MAX)
        return;
    bool last = doc->problem_count == DOC_PROBLEMS_MAX;
    if (last)
        line = column = UINT32_MAX; /* behind all others */
    struct conf_problem *p = problem_insert(doc, line, column);
    if (!p)
        return;
    *p = (struct conf_problem){.line = line, .column = column, .warning = warning};
    if (last) {
        p->line = p->column = 0;
        p->text = STR("there are more problems, which are not shown");
        return;
    }
    p->path = path.n ? arena_str(&doc->problem_arena, path) : STR_NONE;
    p->text = arena_vprintf(&doc->problem_arena, fmt, args);
    if (!p->text.p)
        p->text = STR("this is wrong, and no memory is left to say why");
}

void doc_problem(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                 struct str path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    doc_vproblem(doc, warning, line, column, path, fmt, args);
    va_end(args);
}

struct quoted quoted(struct str s)
{
    struct quoted q;
    size_t n = 0, i = 0;
    if (str_starts(s, STR("sk-"))) /* a key in the wrong place is a key all the same */
        s = STR("sk-...");
    const size_t most = sizeof(q.text) - 8;
    for (; i < s.n && n < most; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            q.text[n++] = c == '\n' || c == '\t' ? ' ' : '?';
        else
            q.text[n++] = (char)c;
    }
    while (i < s.n && n > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80) {
        n--; /* not in the middle of a character */
        i--;
    }
    snprintf(q.text + n, sizeof(q.text) - n, "%s", i < s.n ? "..." : "");
    return q;
}

void path_add(struct buf *out, bool first, struct str name)
{
    if (!first)
        buf_char(out, '.');
    bool plain = name.n > 0;
    for (size_t i = 0; i < name.n; i++)
        plain = plain && (unsigned char)name.p[i] > ' ' && name.p[i] != 0x7f && name.p[i] != '"';
    if (plain)
        buf_str(out, name);
    else
        buf_printf(out, "\"%s\"", QUOTED(name));
}

void place_path_add(struct buf *out, const struct place *at)
{
    const struct place *chain[NODE_DEPTH_MAX * 2 + 4];
    unsigned n = 0;
    size_t start = out->n;
    for (; at && n < ARRAY_LEN(chain); at = at->up)
        chain[n++] = at;
    while (n > 0) {
        at = chain[--n];
        if (!at->up)
            continue; /* the root has no name */
        if (at->name.p)
            path_add(out, out->n == start, at->name);
        else
            buf_printf(out, "[%u]", at->index);
    }
}

struct str place_path(struct arena *a, const struct place *at)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    place_path_add(&out, at);
    struct str path = out.n ? arena_str(a, buf_view(&out)) : STR_NONE;
    buf_fini(&out);
    return path;
}

const struct conf_row *table_row(const struct conf_table *table, struct str name)
{
    for (const struct conf_row *row = table->rows; row->name; row++)
        if (str_eq(str_from(row->name), name))
            return row;
    return NULL;
}

/* The place that says most about `field`: the smallest, and of equal ones the innermost. */
static const struct place *place_find(const struct conf_doc *doc, const char *field)
{
    const struct place *best = NULL;
    for (const struct place *p = doc->places; p; p = p->next) {
        if (field < p->at || (field >= p->at + p->size && field != p->at))
            continue;
        /* Newest first, and what is within another place is newer than it. */
        if (!best || p->size < best->size)
            best = p;
    }
    return best;
}

unsigned conf_line(const struct conf_doc *doc, const void *field)
{
    const struct place *place = place_find(doc, field);
    return place ? place->line : 0;
}

bool conf_is_given(const struct conf_doc *doc, const void *field)
{
    for (const struct place *p = doc->places; p; p = p->next)
        if (p->at == field && !p->table)
            return true;
    return false;
}

/* The rows from `place`'s struct down to `field`, when it is not the struct itself. */
static void rows_add(struct buf *out, const struct place *place, const char *field)
{
    const struct conf_table *table = place->table;
    const char *base = place->at;
    while (table && field != base) {
        size_t offset = (size_t)(field - base);
        const struct conf_row *best = NULL;
        for (const struct conf_row *row = table->rows; row->name; row++)
            if (row->offset <= offset && (!best || row->offset > best->offset))
                best = row;
        if (!best)
            return;
        path_add(out, out->n == 0, str_from(best->name));
        base += best->offset;
        table = best->type == CONF_TABLE ? best->child : NULL;
    }
}

static void complain_v(struct conf_doc *doc, bool warning, const void *field, const char *fmt,
                       va_list args) PRINTF(4, 0);
static void complain_v(struct conf_doc *doc, bool warning, const void *field, const char *fmt,
                       va_list args)
{
    /* Where it stands is long to look for, and past the last problem that is shown nobody asks. */
    bool shown = doc->problem_count < DOC_PROBLEMS_MAX;
    const struct place *place = field && shown ? place_find(doc, field) : NULL;
    struct buf path;
    buf_init(&path, 64 * 1024);
    if (place) {
        place_path_add(&path, place);
        rows_add(&path, place, field);
    }
    doc_vproblem(doc, warning, place ? place->line : 0, place ? place->column : 0, buf_view(&path),
                 fmt, args);
    buf_fini(&path);
}

void conf_complain(struct conf_doc *doc, const void *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain_v(doc, false, field, fmt, args);
    va_end(args);
}

void conf_warn(struct conf_doc *doc, const void *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain_v(doc, true, field, fmt, args);
    va_end(args);
}
