/*
 * reference.c: the tables as a page of Markdown.
 */
#include "conf/internal.h"

#define TABLES_MAX 64

const char *row_default(const struct conf_row *row)
{
    if (row->flags & CONF_REQUIRED)
        return "required";
    return row->fallback && row->fallback[0] && row->fallback[0] != '-' ? row->fallback : "";
}

int type_name(const struct conf_row *row, struct buf *out)
{
    static const char *const names[] = {
        [CONF_STR] = "text",         [CONF_SECRET] = "secret",
        [CONF_BOOL] = "on or off",   [CONF_INT] = "number",
        [CONF_SHARE] = "share",      [CONF_DURATION] = "duration",
        [CONF_BYTES] = "size",       [CONF_USD] = "dollars",
        [CONF_CHOICE] = "",          [CONF_JSON] = "any map",
        [CONF_STRS] = "texts",       [CONF_STR_MAP] = "name: text",
        [CONF_TABLE] = "",           [CONF_LIST] = "list of ",
        [CONF_MAP] = "name: ",       [CONF_LIST_MAP] = "name: list of "};
    buf_str(out, str_from(names[row->type]));
    for (unsigned i = 0; row->choices && row->choices[i]; i++)
        buf_printf(out, "%s`%s`", i ? ", " : "", row->choices[i]);
    if (row->child)
        buf_printf(out, "[%s](#%s)", row->child->name, row->child->name);
    return out->failed;
}

static int table_page(const struct conf_table *t, unsigned level, struct buf *out)
{
    buf_printf(out, "%s %s\n\n%s\n", level ? "##" : "#", t->name, t->help);
    if (t->shorthand)
        buf_printf(out, "\nA single value in its place is its `%s`.\n", t->shorthand);
    buf_str(out, STR("\n| setting | what | default | meaning |\n|---|---|---|---|\n"));
    for (const struct conf_row *r = t->rows; r->name; r++) {
        const char *shown = row_default(r);
        bool code = shown[0] && !(r->flags & CONF_REQUIRED);
        buf_printf(out, "| `%s` | ", r->name);
        (void)type_name(r, out);
        buf_printf(out, " | %s%s%s | %s%s |\n", code ? "`" : "", shown, code ? "`" : "", r->help,
                   r->flags & CONF_NEEDS_RESTART ? " Changes with a restart only." : "");
    }
    if (t->example)
        buf_printf(out, "\n```yaml\n%s\n```\n", t->example);
    return buf_char(out, '\n');
}

/* All tables under `t`, each once, in the order in which they are met. */
static void collect(const struct conf_table *t, const struct conf_table **all, unsigned *n)
{
    for (unsigned i = 0; i < *n; i++)
        if (all[i] == t)
            return;
    if (*n == TABLES_MAX)
        return;
    all[(*n)++] = t;
    for (const struct conf_row *r = t->rows; r->name; r++)
        if (r->child)
            collect(r->child, all, n);
}

int conf_reference(const struct conf_table *root, struct buf *out)
{
    const struct conf_table *all[TABLES_MAX];
    unsigned n = 0;
    collect(root, all, &n);
    int err = 0;
    for (unsigned i = 0; i < n && !err; i++)
        err = table_page(all[i], i, out);
    return err ? err : out->failed;
}
