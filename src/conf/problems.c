/* problems.c: complaints as people read them. */
#include "conf/doc.h"
#include "conf/tables.h"

#define COLOR_ERROR   "\033[1;31m"
#define COLOR_WARNING "\033[1;33m"
#define COLOR_CARET   "\033[1;32m"
#define COLOR_OFF     "\033[0m"

#define LINE_BYTES_MAX 400

/* The line with a caret under the column; columns count characters, tabs stay tabs. */
static void source_print(const struct conf_doc *doc, const struct tables *all,
                         const struct conf_problem *p, struct buf *out, bool colors)
{
    struct str line = text_line(doc->text, p->line);
    char shown[LINE_BYTES_MAX];
    if (!line.p || line.n >= sizeof(shown) || p->column > line.n + 1)
        return;
    if (line.n)
        memcpy(shown, line.p, line.n);
    cover_secrets(doc, all, shown, line);
    buf_printf(out, "%6u | ", p->line);
    buf_add(out, shown, line.n);
    buf_str(out, STR("\n       | "));
    unsigned column = 1;
    for (size_t i = 0; i < line.n && column < p->column; i++) {
        if (((unsigned char)line.p[i] & 0xc0) == 0x80)
            continue;
        buf_char(out, line.p[i] == '\t' ? '\t' : ' ');
        column++;
    }
    buf_printf(out, "%s^%s\n", colors ? COLOR_CARET : "", colors ? COLOR_OFF : "");
}

int conf_problems_print(const struct conf_doc *doc, struct buf *out, bool colors)
{
    struct tables all = {0};
    if (!tables_collect(doc->table, &all))
        all.n = 0; /* by looks alone: more is covered */
    for (unsigned i = 0; i < conf_problem_count(doc); i++) {
        const struct conf_problem *p = &doc->problems[i];
        buf_str(out, doc->path);
        if (p->line)
            buf_printf(out, ":%u:%u", p->line, p->column);
        const char *color = p->warning ? COLOR_WARNING : COLOR_ERROR;
        buf_printf(out, ": %s%s:%s ", colors ? color : "", p->warning ? "warning" : "error",
                   colors ? COLOR_OFF : "");
        if (p->path.n)
            buf_printf(out, "%.*s: ", STR_ARGS(p->path));
        buf_printf(out, "%.*s\n", STR_ARGS(p->text));
        if (p->line)
            source_print(doc, &all, p, out, colors);
    }
    return out->failed;
}
