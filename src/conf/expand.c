/* expand.c: references to the environment and to files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/doc.h"

#define REFERRED_BYTES_MAX (64u * 1024)
#define FILE_WORD          "file:"

static bool name_char(char c, bool first)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (!first && c >= '0' && c <= '9');
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && name_char(s.p[n], n == 0))
        n++;
    return n;
}

bool env_is_reference(struct str text)
{
    if (str_starts(text, STR("${" FILE_WORD)))
        return str_find(text, STR("}")) == (ptrdiff_t)text.n - 1;
    size_t n = str_starts(text, STR("${")) ? name_length(str_tail(text, 2)) : 0;
    struct str end = str_tail(text, n + 2);
    return n > 0 && (str_eq(end, STR("}")) || str_eq(end, STR(":-}")));
}

/* The file's content, without the line end that editors and `echo` put behind it. */
static bool file_put(struct arena *a, struct str path, struct buf *out, struct str *ret_why)
{
    struct str zpath = arena_printf(a, "%.*s", STR_ARGS(path));
    FILE *file = zpath.p ? fopen(zpath.p, "re") : NULL;
    if (!zpath.p)
        return false;
    if (!file) {
        *ret_why = arena_printf(a, "needs the file %s, which cannot be read: %s", QUOTED(path),
                                strerror(errno));
        return false;
    }
    char text[4096];
    size_t n, from = out->n;
    while ((n = fread(text, 1, sizeof(text), file)) > 0 && out->n - from <= REFERRED_BYTES_MAX)
        buf_add(out, text, n);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || out->n - from > REFERRED_BYTES_MAX) {
        *ret_why = arena_printf(a, "needs the file %s, which %s", QUOTED(path),
                                failed ? "cannot be read (a folder?)" : "is over 64 KiB");
        return false;
    }
    while (out->n > from && (out->p[out->n - 1] == '\n' || out->p[out->n - 1] == '\r'))
        out->n--;
    if (out->n == from) /* half written, most likely; nobody means a secret of no bytes */
        *ret_why = arena_printf(a, "needs the file %s, which is empty", QUOTED(path));
    return out->n > from;
}

/* `*rest` begins behind "${"; moves it behind "}". */
static bool reference(struct arena *a, struct str *rest, struct buf *out, struct str *ret_why)
{
    struct str inside = *rest;
    ptrdiff_t end = str_find(*rest, STR("}"));
    if (end < 0) {
        *ret_why = STR("has a ${ without its }; a dollar sign itself is written $$");
        return false;
    }
    inside.n = (size_t)end;
    *rest = str_tail(*rest, inside.n + 1);
    if (str_starts(inside, STR(FILE_WORD)))
        return file_put(a, str_tail(inside, sizeof(FILE_WORD) - 1), out, ret_why);
    size_t n = name_length(inside);
    struct str name = str_head(inside, n), after = str_tail(inside, n);
    if (n == 0 || n > 255 || (after.n && !str_starts(after, STR(":-")))) {
        /* What follows the name may be a secret. */
        *ret_why = arena_printf(a,
                                "has '${%s' and then no }; expected ${NAME} or ${NAME:-default}, "
                                "${file:PATH} for what a file holds, and $$ for a dollar sign "
                                "itself",
                                QUOTED(name));
        return false;
    }
    char zname[256];
    memcpy(zname, name.p, n);
    zname[n] = '\0';
    const char *value = getenv(zname);
    if (after.n && (!value || !*value)) {
        buf_str(out, str_tail(after, 2));
    } else if (value) {
        buf_str(out, str_from(value));
    } else {
        *ret_why = arena_printf(a,
                                "needs the environment variable %s, which is not set; set it, "
                                "or write ${%s:-default}",
                                zname, zname);
        return false;
    }
    return true;
}

bool env_expand(struct arena *a, struct str text, struct str *ret_text, struct str *ret_why)
{
    *ret_why = STR_NONE;
    *ret_text = text;
    if (!text.n || !memchr(text.p, '$', text.n))
        return true;
    struct buf out;
    buf_init(&out, DOC_FILE_BYTES_MAX);
    struct str rest = text;
    bool good = true;
    while (rest.n && good) {
        const char *dollar = memchr(rest.p, '$', rest.n);
        size_t n = dollar ? (size_t)(dollar - rest.p) : rest.n;
        buf_add(&out, rest.p, n);
        rest = str_tail(rest, n);
        if (str_starts(rest, STR("$$"))) {
            buf_char(&out, '$');
            rest = str_tail(rest, 2);
        } else if (str_starts(rest, STR("${"))) {
            rest = str_tail(rest, 2);
            good = reference(a, &rest, &out, ret_why);
        } else if (rest.n) {
            buf_char(&out, '$');
            rest = str_tail(rest, 1);
        }
    }
    if (good) {
        *ret_text = out.failed ? STR_NONE : arena_str(a, buf_view(&out));
        good = ret_text->p != NULL;
    }
    if (good && !text_is_utf8(*ret_text)) {
        *ret_why = STR("has a variable whose value is not UTF-8");
        good = false;
    }
    buf_fini(&out);
    return good;
}

/* ---- who is referred to ---- */

struct env_walk {
    void (*fn)(void *arg, struct str name, bool has_default);
    void (*file)(void *arg, struct str path);
    void *arg;
};

static void text_walk(const struct env_walk *w, struct str rest)
{
    for (ptrdiff_t at; (at = str_find(rest, STR("$"))) >= 0;) {
        rest = str_tail(rest, (size_t)at);
        if (!str_starts(rest, STR("${"))) {
            rest = str_tail(rest, str_starts(rest, STR("$$")) ? 2 : 1);
            continue;
        }
        rest = str_tail(rest, 2);
        ptrdiff_t end = str_find(rest, STR("}"));
        if (str_starts(rest, STR(FILE_WORD)) && end > 0) {
            if (w->file)
                w->file(w->arg, str_tail(str_head(rest, (size_t)end), sizeof(FILE_WORD) - 1));
            rest = str_tail(rest, (size_t)end);
            continue;
        }
        size_t n = name_length(rest);
        if (n > 0 && n < rest.n && w->fn)
            w->fn(w->arg, str_head(rest, n), rest.p[n] == ':');
        rest = str_tail(rest, n);
    }
}

static void node_walk(const struct env_walk *w, const struct node *node)
{
    if (node->kind == NODE_SCALAR)
        text_walk(w, node->text);
    for (unsigned i = 0; i < node->n; i++)
        node_walk(w, node->value[i]);
}

static int doc_walk(const struct conf_doc *doc, const struct env_walk *w)
{
    struct arena scratch;
    struct node *root = NULL;
    struct conf_doc *again = doc_new(doc->table, doc->path.p); /* for its complaints only */
    arena_init_private(&scratch, DOC_TREE_BYTES_MAX);
    int err = again ? yaml_read(again, &scratch, doc->text, &root) : E_MEMORY;
    if (!err)
        node_walk(w, root);
    arena_fini(&scratch);
    conf_unref(again);
    return err;
}

int conf_env_each(const struct conf_doc *doc,
                  void (*fn)(void *arg, struct str name, bool has_default), void *arg)
{
    return doc_walk(doc, &(struct env_walk){.fn = fn, .arg = arg});
}

int conf_file_each(const struct conf_doc *doc, void (*fn)(void *arg, struct str path), void *arg)
{
    return doc_walk(doc, &(struct env_walk){.file = fn, .arg = arg});
}
