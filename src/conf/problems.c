/*
 * problems.c: the document, and what is wrong with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "conf/internal.h"

#define ARENA_BYTES_MAX (16u * 1024 * 1024)
#define FILE_BYTES_MAX (4u * 1024 * 1024)

static void problem_vadd(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                         struct str path, const char *fmt, va_list args)
{
    doc->errors_n += !warning;
    if (doc->problems_n == PROBLEMS_MAX)
        return;
    doc->problems[doc->problems_n++] =
        (struct conf_problem){.line = line,
                              .column = column,
                              .warning = warning,
                              .path = path,
                              .text = arena_vprintf(&doc->arena, fmt, args)};
}

void problem_add(struct conf_doc *doc, bool warning, unsigned line, unsigned column,
                 struct str path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    problem_vadd(doc, warning, line, column, path, fmt, args);
    va_end(args);
}

int place_add(struct conf_doc *doc, const void *field, size_t bytes, const struct node *node,
              struct str path)
{
    if (doc->places_n == doc->places_cap) {
        unsigned cap = doc->places_cap ? doc->places_cap * 2 : 256;
        struct place *more = realloc(doc->places, cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        doc->places = more;
        doc->places_cap = cap;
    }
    doc->places[doc->places_n++] = (struct place){.from = field,
                                                  .to = (const char *)field + bytes,
                                                  .line = node ? node->line : 0,
                                                  .column = node ? node->column : 0,
                                                  .path = path};
    return 0;
}

/* The smallest place that begins at `field`, else the smallest that holds it. */
static const struct place *place_find(const struct conf_doc *doc, const char *field)
{
    const struct place *best = NULL;
    for (unsigned i = 0; i < doc->places_n; i++) {
        const struct place *p = &doc->places[i];
        if (field < p->from || field >= p->to || p->line == 0)
            continue;
        if (!best || p->to - p->from <= best->to - best->from)
            best = p;
    }
    return best;
}

static void complain(struct conf_doc *doc, bool warning, const void *field, const char *fmt,
                     va_list args)
{
    const struct place *p = place_find(doc, field);
    problem_vadd(doc, warning, p ? p->line : 0, p ? p->column : 0, p ? p->path : STR_NONE, fmt,
                 args);
}

void conf_complain(struct conf_doc *doc, const void *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain(doc, false, field, fmt, args);
    va_end(args);
}

void conf_warn(struct conf_doc *doc, const void *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    complain(doc, true, field, fmt, args);
    va_end(args);
}

/* The line's text and a caret under the column. */
static void line_print(const struct conf_doc *doc, const struct conf_problem *p, struct buf *out)
{
    struct str rest = doc->text, line = STR_NONE;
    for (unsigned i = 0; i < p->line && rest.p; i++)
        line = str_cut(&rest, '\n');
    buf_printf(out, "  %4u | %.*s\n", p->line, STR_ARGS(str_head(line, 200)));
    if (p->column > 0 && p->column <= 200)
        buf_printf(out, "       | %*s^\n", (int)p->column - 1, "");
}

int conf_problems_print(const struct conf_doc *doc, struct buf *out, bool colors)
{
    for (unsigned i = 0; i < doc->problems_n; i++) {
        const struct conf_problem *p = &doc->problems[i];
        const char *kind = p->warning ? "warning" : "error";
        buf_str(out, doc->path);
        if (p->line)
            buf_printf(out, ":%u:%u", p->line, p->column);
        if (colors)
            buf_printf(out, ": \033[1;%dm%s\033[0m: ", p->warning ? 33 : 31, kind);
        else
            buf_printf(out, ": %s: ", kind);
        if (p->path.n)
            buf_printf(out, "%.*s: ", STR_ARGS(p->path));
        buf_printf(out, "%.*s\n", STR_ARGS(p->text));
        if (p->line)
            line_print(doc, p, out);
    }
    if (doc->errors_n > PROBLEMS_MAX)
        buf_printf(out, "... and %u more\n", doc->errors_n - PROBLEMS_MAX);
    return out->failed;
}

/* ---- the document ---- */

static struct conf_doc *doc_new(const char *path)
{
    struct conf_doc *doc = calloc(1, sizeof(*doc));
    if (!doc)
        return NULL;
    doc->refs = 1;
    arena_init_private(&doc->arena, ARENA_BYTES_MAX); /* it may be loaded on another thread */
    doc->path = arena_str(&doc->arena, str_from(path));
    return doc;
}

static int doc_read(struct conf_doc *doc, const struct conf_table *root)
{
    char hash[17];
    snprintf(hash, sizeof(hash), "%016llx",
             (unsigned long long)XXH3_64bits(doc->text.p, doc->text.n));
    doc->hash = arena_str(&doc->arena, str_from(hash));
    doc->root = arena_zalloc(&doc->arena, root->size);
    if (!doc->root)
        return E_MEMORY;
    struct node *top = NULL;
    int err = yaml_read(doc, &top);
    if (!err)
        err = table_read(doc, root, doc->root, top, STR(""));
    if (err == E_MEMORY)
        problem_add(doc, false, 0, 0, STR_NONE, "the file needs more than 16 MiB of memory");
    return err ? err : doc->errors_n ? E_CONFIG : 0;
}

int conf_load_text(const struct conf_table *root, const char *path, struct str text,
                   struct conf_doc **ret_doc)
{
    struct conf_doc *doc = doc_new(path);
    *ret_doc = doc;
    if (!doc)
        return E_MEMORY;
    if (text.n > FILE_BYTES_MAX) {
        problem_add(doc, false, 0, 0, STR_NONE, "the file is larger than 4 MiB");
        return E_CONFIG;
    }
    doc->text = arena_str(&doc->arena, text);
    return doc->text.p ? doc_read(doc, root) : E_MEMORY;
}

int conf_load(const struct conf_table *root, const char *path, struct conf_doc **ret_doc)
{
    bool standard = str_eq(str_from(path), STR("-"));
    FILE *file = standard ? stdin : fopen(path, "re");
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX + 1);
    size_t n = 0;
    char piece[8192];
    int error = file ? 0 : errno;
    while (file && (n = fread(piece, 1, sizeof(piece), file)) > 0 && !text.failed)
        buf_add(&text, piece, n);
    if (file && ferror(file))
        error = errno ? errno : EIO;
    if (file && !standard)
        (void)fclose(file);
    int err;
    if (error) {
        *ret_doc = doc_new(path);
        err = *ret_doc ? E_IO : E_MEMORY;
        if (*ret_doc)
            problem_add(*ret_doc, false, 0, 0, STR_NONE, "cannot be read: %s", strerror(error));
    } else {
        err = conf_load_text(root, standard ? "(standard input)" : path,
                             text.failed ? str_of(text.p, FILE_BYTES_MAX + 1) : buf_view(&text),
                             ret_doc);
    }
    buf_fini(&text);
    return err;
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
    free(doc->places);
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

struct str conf_text_hash(const struct conf_doc *doc)
{
    return doc->hash;
}

unsigned conf_problem_count(const struct conf_doc *doc)
{
    return doc->problems_n;
}

const struct conf_problem *conf_problem(const struct conf_doc *doc, unsigned i)
{
    return &doc->problems[i];
}

unsigned conf_error_count(const struct conf_doc *doc)
{
    return doc->errors_n;
}
