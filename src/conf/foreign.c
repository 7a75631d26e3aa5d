#include "conf/foreign.h"

#include "base/json.h"
#include "conf/doc.h"

#define JSON_BYTES_MAX (64u * 1024 * 1024)

/* There is nothing that such a file has to have. */
static const struct conf_row no_rows[] = {{0}};
static const struct conf_table no_table = {.name = "file", .size = 1, .rows = no_rows};

static int problem_tell(const struct conf_doc *doc, int err, struct fault *f)
{
    const struct conf_problem *p = conf_problem(doc, 0);
    if (!p)
        return err;
    if (!p->line)
        return fault_set(f, err, "%s: %.*s", conf_path(doc), STR_ARGS(p->text));
    return fault_set(f, err, "%s:%u:%u: %.*s", conf_path(doc), p->line, p->column,
                     STR_ARGS(p->text));
}

static int lines_keep(struct arena *arena, const struct buf *lines, struct foreign *file)
{
    unsigned *kept = ARENA_ARRAY(arena, unsigned, lines->n / sizeof(unsigned) + 1);
    if (!kept)
        return E_MEMORY;
    if (lines->n)
        memcpy(kept, lines->p, lines->n);
    file->lines = kept;
    file->lines_n = lines->n / sizeof(unsigned);
    return 0;
}

static int node_take(struct arena *arena, struct conf_doc *doc, const struct node *node,
                     struct foreign *file, struct fault *f)
{
    struct buf json, lines;
    const struct node *where;
    struct str why;
    yyjson_doc *parsed = NULL;
    buf_init(&json, JSON_BYTES_MAX);
    buf_init(&lines, JSON_BYTES_MAX);
    int err = json_from_foreign(node, &json, &lines, &where, &why) ? 0 : E_MEMORY;
    if (err && why.p)
        err = fault_set(f, E_CONFIG, "%s:%u:%u: '%s' %.*s", conf_path(doc), where->line,
                        where->column, QUOTED(where->text), STR_ARGS(why));
    if (!err)
        err = json_parse(arena, buf_view(&json), &parsed, f);
    if (!err)
        err = lines_keep(arena, &lines, file);
    file->root = err ? NULL : yyjson_doc_get_root(parsed);
    buf_fini(&json);
    buf_fini(&lines);
    return err;
}

static int text_take(struct arena *arena, struct conf_doc *doc, struct str text,
                     struct foreign *file, struct fault *f)
{
    struct arena scratch;
    struct node *node = NULL;
    if (str_starts(text, STR("\xEF\xBB\xBF"))) /* a byte order mark */
        text = str_tail(text, 3);
    arena_init_private(&scratch, DOC_TREE_BYTES_MAX);
    int err = yaml_read(doc, &scratch, text, &node);
    if (!err && conf_error_count(doc) > 0) /* a name that stands twice */
        err = E_CONFIG;
    err = err ? problem_tell(doc, err, f) : node_take(arena, doc, node, file, f);
    arena_fini(&scratch);
    return err;
}

int foreign_read(struct arena *arena, const char *path, struct str text, struct foreign *ret_file,
                 struct fault *f)
{
    struct conf_doc *doc = doc_new(&no_table, path);
    *ret_file = (struct foreign){.path = arena_str(arena, str_from(path))};
    int err = doc && ret_file->path.p ? text_take(arena, doc, text, ret_file, f) : E_MEMORY;
    conf_unref(doc);
    return err;
}

int foreign_load(struct arena *arena, const char *path, struct foreign *ret_file, struct fault *f)
{
    struct buf text;
    struct conf_doc *doc = doc_new(&no_table, path);
    *ret_file = (struct foreign){.path = arena_str(arena, str_from(path))};
    buf_init(&text, (size_t)DOC_FILE_BYTES_MAX * 2);
    int err = doc && ret_file->path.p ? doc_file_read(doc, path, &text) : E_MEMORY;
    if (err)
        err = doc ? problem_tell(doc, err, f) : err;
    else
        err = text_take(arena, doc, buf_view(&text), ret_file, f);
    buf_fini(&text);
    conf_unref(doc);
    return err;
}

/* yyjson keeps a document's names and values in one array, in the order of its text, and so are
 * the lines. */
unsigned foreign_line(const struct foreign *file, const yyjson_val *value)
{
    if (!value || value < file->root || value >= file->root + file->lines_n)
        return 0;
    return file->lines[value - file->root];
}
