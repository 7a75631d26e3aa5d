/*
 * answers.c: what of a configuration shapes answers, as lines that say the same for two files if
 * and only if answers are shaped alike, as far as the tables can tell.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/put.h"
#include "base/sha256.h"
#include "conf/doc.h"
#include "conf/value.h"

#define LINE_BYTES_MAX  (8u * 1024 * 1024)
#define LINES_BYTES_MAX (32u * 1024 * 1024)
#define SHOWN_BYTES_MAX 200 /* of a value, in a difference */
/* Tables may lead to themselves; none of ours that matters is deeper. */
#define TABLES_DEPTH_MAX 8

struct answer_line {
    struct answer_line *next;
    struct str text;
};

struct answers {
    struct arena scratch;
    struct answer_line *first;
    unsigned n;
    size_t bytes;
    int err;
};

/* A step of the path: a row, a name of the file's, or (name.p == NULL) a place in a list. */
struct answer_step {
    const struct answer_step *up;
    struct str name;
    unsigned index;
    bool theirs; /* the name is the file's own */
};

/* Does a row of the table shape answers, or one of a table below it? */
static bool table_shapes(const struct conf_table *table, unsigned depth)
{
    for (const struct conf_row *row = table->rows; row->name && depth < TABLES_DEPTH_MAX; row++)
        if ((row->flags & CONF_SHAPES_ANSWERS) ||
            (row->child && table_shapes(row->child, depth + 1)))
            return true;
    return false;
}

/* ---------------------------------------------------------------- lines */

/* A dot or a bracket in a name would read as another path. */
static void name_add(struct buf *out, const struct answer_step *at)
{
    bool plain = at->name.n > 0 && str_is_text(at->name);
    for (size_t i = 0; i < at->name.n; i++)
        plain = plain && (unsigned char)at->name.p[i] > ' ' &&
                memchr(".[]\"\\\x7f", at->name.p[i], 6) == NULL;
    if (plain || !at->theirs)
        buf_str(out, at->name);
    else
        json_quote(out, at->name);
}

static void path_write(struct buf *out, const struct answer_step *at)
{
    if (!at->up) /* the root has no name */
        return;
    path_write(out, at->up);
    if (!at->name.p) {
        buf_printf(out, "[%u]", at->index);
        return;
    }
    if (out->n > 0)
        buf_char(out, '.');
    name_add(out, at);
}

static void line_add(struct answers *s, struct buf *line)
{
    struct answer_line *made = ARENA_NEW(&s->scratch, struct answer_line);
    if (line->failed || !made) {
        s->err = line->failed ? line->failed : E_MEMORY;
    } else {
        *made = (struct answer_line){.next = s->first,
                                     .text = arena_str(&s->scratch, buf_view(line))};
        s->first = made;
        s->n++;
        s->bytes += line->n + 1;
        if (!made->text.p)
            s->err = E_MEMORY;
    }
    buf_fini(line);
}

static void presence_add(struct answers *s, const struct answer_step *at)
{
    struct buf line;
    buf_init(&line, LINE_BYTES_MAX);
    path_write(&line, at);
    line_add(s, &line);
}

/* ---------------------------------------------------------------- values */

static int member_compare(const void *x, const void *y)
{
    return str_cmp(json_str(*(yyjson_val *const *)x), json_str(*(yyjson_val *const *)y));
}

static int json_canonical(struct arena *a, yyjson_val *value, struct buf *out);

static int object_canonical(struct arena *a, yyjson_val *object, struct buf *out)
{
    size_t i, n, count = yyjson_obj_size(object);
    yyjson_val *key, *value, **keys = ARENA_ARRAY(a, yyjson_val *, count + 1);
    if (!keys)
        return E_MEMORY;
    yyjson_obj_foreach(object, i, n, key, value)
    {
        keys[i] = key;
    }
    qsort(keys, count, sizeof(yyjson_val *), member_compare);
    buf_char(out, '{');
    int err = 0;
    for (i = 0; i < count && !err; i++) {
        buf_str(out, i ? STR(",") : STR(""));
        json_quote(out, json_str(keys[i]));
        buf_char(out, ':');
        err = json_canonical(a, yyjson_obj_iter_get_val(keys[i]), out);
    }
    buf_char(out, '}');
    return err;
}

/* Compact, members in order of their names. */
static int json_canonical(struct arena *a, yyjson_val *value, struct buf *out)
{
    if (yyjson_is_obj(value))
        return object_canonical(a, value, out);
    if (!yyjson_is_arr(value))
        return json_value(out, value);
    size_t i, n;
    yyjson_val *item;
    int err = 0;
    buf_char(out, '[');
    yyjson_arr_foreach(value, i, n, item)
    {
        buf_str(out, i ? STR(",") : STR(""));
        err = err ? err : json_canonical(a, item, out);
    }
    buf_char(out, ']');
    return err;
}

/* An object without members says as much as none. */
static int json_add(struct arena *a, struct str text, struct buf *out, bool *ret_none)
{
    yyjson_doc *doc = NULL;
    *ret_none = text.n == 0 || json_is_empty(text);
    int err = *ret_none ? 0 : json_parse(a, text, &doc, NULL);
    if (err || *ret_none)
        return err;
    return json_canonical(a, yyjson_doc_get_root(doc), out);
}

static void value_add(struct answers *s, const struct conf_row *row, const struct answer_step *at,
                      const void *field, const void *usual)
{
    struct buf line;
    bool none = false;
    if (row->type == CONF_SECRET || (usual && value_equal(row, field, usual)))
        return;
    buf_init(&line, LINE_BYTES_MAX);
    path_write(&line, at);
    buf_char(&line, '\t');
    int err = row->type == CONF_JSON
                  ? json_add(&s->scratch, *(const struct str *)field, &line, &none)
                  : value_flow(&line, row, field);
    if (!err && !none) {
        line_add(s, &line);
        return;
    }
    s->err = err ? err : s->err;
    buf_fini(&line);
}

static void str_map_add(struct answers *s, const struct answer_step *at,
                        const struct conf_str_map *map)
{
    static const struct conf_row text = {.name = "", .type = CONF_STR};
    for (unsigned i = 0; i < map->n; i++) {
        const struct answer_step item = {.up = at, .name = map->name[i], .theirs = true};
        value_add(s, &text, &item, &map->value[i], NULL);
    }
}

/* ---------------------------------------------------------------- tables */

static void table_add(struct answers *s, const struct conf_table *table,
                      const struct answer_step *at, bool shapes, const void *base,
                      const void *usual);

static void list_add(struct answers *s, const struct conf_table *child,
                     const struct answer_step *at, bool shapes, const struct conf_list *list,
                     const void *usual)
{
    for (unsigned i = 0; i < list->n && !s->err; i++) {
        const struct answer_step item = {.up = at, .index = i};
        presence_add(s, &item);
        table_add(s, child, &item, shapes, list_item(list, child, i), usual);
    }
}

/* Lists and maps of the child's table: things that are there or not. */
static void many_add(struct answers *s, const struct conf_row *row, const struct answer_step *at,
                     bool shapes, const void *field)
{
    struct conf_doc *usual = NULL; /* what the rows of one are by themselves */
    if (conf_load_text(row->child, "defaults", STR(""), &usual) == E_MEMORY)
        s->err = E_MEMORY;
    else if (row->type == CONF_LIST)
        list_add(s, row->child, at, shapes, field, conf_root(usual));
    const struct conf_map *map = field;
    for (unsigned i = 0; row->type != CONF_LIST && i < map->n && !s->err; i++) {
        const struct answer_step item = {.up = at, .name = map->name[i], .theirs = true};
        presence_add(s, &item);
        if (row->type == CONF_MAP)
            table_add(s, row->child, &item, shapes, map_item(map, row, i), conf_root(usual));
        else
            list_add(s, row->child, &item, shapes, map_item(map, row, i), conf_root(usual));
    }
    conf_unref(usual);
}

static void table_add(struct answers *s, const struct conf_table *table,
                      const struct answer_step *at, bool shapes, const void *base,
                      const void *usual)
{
    for (const struct conf_row *row = table->rows; row->name && !s->err; row++) {
        const struct answer_step here = {.up = at, .name = str_from(row->name)};
        const void *field = row_field(row, base), *by_itself = row_field(row, usual);
        bool counts = shapes || (row->flags & CONF_SHAPES_ANSWERS);
        if (!counts && !(row->child && table_shapes(row->child, 0)))
            continue;
        switch (row->type) {
        case CONF_TABLE:
            table_add(s, row->child, &here, counts, field, by_itself);
            break;
        case CONF_LIST:
        case CONF_MAP:
        case CONF_LIST_MAP:
            many_add(s, row, &here, counts, field);
            break;
        case CONF_STR_MAP:
            if (!value_equal(row, field, by_itself))
                str_map_add(s, &here, field);
            break;
        default:
            value_add(s, row, &here, field, by_itself);
            break;
        }
    }
}

/* ---------------------------------------------------------------- all of it */

static int line_compare(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static int lines_join(struct answers *s, struct arena *a, struct str *ret_lines)
{
    struct str *sorted = ARENA_ARRAY(&s->scratch, struct str, s->n + 1);
    char *text = arena_alloc(a, s->bytes + 1), *end = text;
    unsigned i = 0;
    if (!sorted || !text)
        return E_MEMORY;
    for (const struct answer_line *line = s->first; line; line = line->next)
        sorted[i++] = line->text;
    qsort(sorted, s->n, sizeof(*sorted), line_compare);
    for (i = 0; i < s->n; i++) {
        end = put_str(end, sorted[i]);
        *end++ = '\n';
    }
    *ret_lines = str_of(text, s->bytes);
    return 0;
}

int conf_answers(struct arena *a, const struct conf_table *root, const struct conf_doc *doc,
                 struct str *ret_lines)
{
    struct answers s = {0};
    struct conf_doc *usual = NULL;
    const struct answer_step top = {.up = NULL};
    arena_init_private(&s.scratch, LINES_BYTES_MAX);
    int err = conf_load_text(root, "defaults", STR(""), &usual);
    if (err != E_MEMORY) {
        table_add(&s, root, &top, false, conf_root(doc), conf_root(usual));
        err = s.err ? s.err : lines_join(&s, a, ret_lines);
    }
    conf_unref(usual);
    arena_fini(&s.scratch);
    return err;
}

int conf_answers_hash(struct str lines, char ret_hash[CONF_ANSWERS_HEX_BYTES])
{
    unsigned char hash[SHA256_BYTES];
    int err = sha256(lines, hash);
    if (!err)
        *put_hex(ret_hash, hash, sizeof(hash)) = '\0';
    return err;
}

/* ---------------------------------------------------------------- the difference */

struct answers_diff {
    struct buf *out;
    struct str before, after;
    unsigned lines, lines_max;
};

/* Is `path` within something that only `lines` has, which is then said as a whole? */
static bool is_within_new(struct str path, struct str lines, struct str other)
{
    while (lines.n > 0) {
        struct str line = str_cut(&lines, '\n'), rest = other;
        if (line.n == 0 || line.n >= path.n || memchr(line.p, '\t', line.n) ||
            !str_starts(path, line) || (path.p[line.n] != '.' && path.p[line.n] != '['))
            continue;
        bool both = false;
        while (rest.n > 0 && !both)
            both = str_eq(str_cut(&rest, '\n'), line);
        if (!both)
            return true;
    }
    return false;
}

/* The list whose item the path is, if `lines` has no item of it; else STR_NONE. */
static struct str list_gone(struct str path, struct str lines)
{
    size_t at = path.n;
    if (!str_ends(path, STR("]")))
        return STR_NONE;
    while (at > 0 && path.p[at - 1] != '[')
        at--;
    struct str list = str_head(path, at);
    while (lines.n > 0)
        if (str_starts(str_cut(&lines, '\n'), list))
            return STR_NONE;
    return at > 0 ? str_head(list, at - 1) : STR_NONE;
}

static void shown_add(struct buf *out, struct str value)
{
    buf_str(out, str_head_utf8(value, SHOWN_BYTES_MAX));
    buf_str(out, value.n > SHOWN_BYTES_MAX ? STR("...") : STR(""));
}

/* One side is STR_NONE (p == NULL) where the line's path is not there. */
static void change_add(struct answers_diff *d, struct str path, struct str was, struct str is)
{
    const struct str *lines = is.p ? &d->after : &d->before, *other = is.p ? &d->before : &d->after;
    bool one_side = !was.p || !is.p;
    bool within = one_side && is_within_new(path, *lines, *other);
    if (within && !is.p)
        return; /* that it all went is said by its name */
    struct str list = !is.p && was.n == 0 ? list_gone(path, d->after) : STR_NONE;
    if (list.n && !str_ends(path, STR("[0]")))
        return; /* said by the first of its items, which comes first */
    path = list.n ? list : path;
    if (d->lines >= d->lines_max) {
        d->lines++;
        return;
    }
    d->lines++;
    buf_str(d->out, path);
    buf_str(d->out, STR(": "));
    if (one_side && (is.p ? is : was).n == 0) {
        buf_str(d->out, is.p ? STR("added") : STR("removed"));
    } else {
        if (!within) {
            shown_add(d->out, was.p ? was : STR("(default)"));
            buf_str(d->out, STR(" -> "));
        }
        shown_add(d->out, is.p ? is : STR("(default)"));
    }
    buf_char(d->out, '\n');
}

/* Lines are in order of their bytes, and a tab is less than what may stand in a path, so paths are
 * in order too. */
int conf_answers_diff(struct str before, struct str after, unsigned lines_max, struct buf *out)
{
    struct answers_diff d = {.out = out, .before = before, .after = after, .lines_max = lines_max};
    struct str left = str_cut(&before, '\n'), right = str_cut(&after, '\n');
    while (left.n > 0 || right.n > 0) {
        struct str was = left, is = right;
        struct str was_path = str_cut(&was, '\t'), is_path = str_cut(&is, '\t');
        int order = left.n == 0 ? 1 : right.n == 0 ? -1 : str_cmp(was_path, is_path);
        if (order == 0 && was.p && is.p && !str_eq(was, is))
            change_add(&d, is_path, was, is);
        else if (order < 0)
            change_add(&d, was_path, was.p ? was : STR(""), STR_NONE);
        else if (order > 0)
            change_add(&d, is_path, STR_NONE, is.p ? is : STR(""));
        if (order <= 0)
            left = str_cut(&before, '\n');
        if (order >= 0)
            right = str_cut(&after, '\n');
    }
    if (d.lines > lines_max)
        buf_printf(out, "and %u more\n", d.lines - lines_max);
    return out->failed;
}
