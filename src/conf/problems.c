/* problems.c: complaints as people read them, without the secrets that stand beside them. */
#include "conf/doc.h"
#include "conf/tables.h"

#define COLOR_ERROR   "\033[1;31m"
#define COLOR_WARNING "\033[1;33m"
#define COLOR_CARET   "\033[1;32m"
#define COLOR_OFF     "\033[0m"

#define LINE_BYTES_MAX     400
#define SECRET_LETTERS_MIN 8

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Is it a secret, or a table of those (declared: {app: SECRET})? */
static bool is_secret_row(const struct conf_row *row)
{
    const char *inner = row->child ? row->child->shorthand : NULL;
    const struct conf_row *value = inner ? table_row(row->child, str_from(inner)) : row;
    return value && value->type == CONF_SECRET;
}

/*
 * Do the tables say that what begins with `first` behind this name is no secret? A plain value in
 * a table's place may well be one.
 */
static bool is_known_harmless(const struct tables *all, struct str name, char first)
{
    bool harmless = false;
    for (unsigned i = 0; i < all->n; i++) {
        const struct conf_row *row = table_row(all->at[i].table, name);
        if (row && (is_secret_row(row) || (row->type >= CONF_TABLE && first != '{')))
            return false;
        harmless = harmless || row;
    }
    return harmless;
}

/* Does a name of this kind usually hold a secret? For names that no table knows. */
static bool is_secret_name(struct str name)
{
    static const char *const words[] = {"key",        "secret",        "token",  "passw",
                                        "credential", "authorization", "cookie", "declared"};
    char low[64];
    size_t n = name.n < sizeof(low) ? name.n : sizeof(low);
    for (size_t i = 0; i < n; i++)
        low[i] = lower(name.p[i]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_find(str_of(low, n), str_from(words[i])) >= 0)
            return true;
    return false;
}

/* Covers all but references to the environment, which are worth seeing. */
static void cover(char *p, size_t n)
{
    bool reference = false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '$' && i + 1 < n && p[i + 1] == '{')
            reference = memchr(p + i, '}', n - i) != NULL;
        bool last = p[i] == '}';
        if (!reference && p[i] != '"' && p[i] != '\'')
            p[i] = '*';
        reference = reference && !last;
    }
}

/* The bytes that row CONF_SECRET marked as it was read. */
static void cover_spans(const struct conf_doc *doc, size_t line_from, char *line, size_t n)
{
    for (const struct secret *span = doc->secrets; span; span = span->next) {
        size_t from = span->from > line_from ? span->from - line_from : 0;
        size_t to = span->to > line_from ? span->to - line_from : 0;
        if (to > n)
            to = n;
        if (from < to)
            cover(line + from, to - from);
    }
}

static bool name_char(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static size_t value_end(const char *line, size_t n, size_t from)
{
    char quote = from < n && (line[from] == '"' || line[from] == '\'') ? line[from] : 0;
    size_t i = from + (quote != 0);
    while (i < n && (quote ? line[i] != quote : line[i] != ',' && line[i] != '}'))
        i++;
    return i;
}

/* What follows `api_key:` and the like, and words that begin with `sk-`. */
static void cover_by_looks(const struct tables *all, char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i + 3 < n && memcmp(line + i, "sk-", 3) == 0 && (i == 0 || !name_char(line[i - 1]))) {
            size_t end = i;
            while (end < n && name_char(line[end]))
                end++;
            cover(line + i, end - i);
        }
        if (line[i] != ':')
            continue;
        size_t from = i, to = i + 1;
        while (from > 0 && (name_char(line[from - 1]) || line[from - 1] == '"'))
            from--;
        while (to < n && line[to] == ' ')
            to++;
        size_t end = value_end(line, n, to);
        struct str name = str_of(line + from, i - from);
        if (end - to >= SECRET_LETTERS_MIN && is_secret_name(name) &&
            !is_known_harmless(all, name, line[to]))
            cover(line + to, end - to);
    }
}

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
    cover_spans(doc, (size_t)(line.p - doc->text.p), shown, line.n);
    cover_by_looks(all, shown, line.n);
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
