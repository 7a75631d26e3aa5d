/* cover.c: what of a file's line is not shown beside a complaint. */
#include "conf/doc.h"
#include "conf/tables.h"

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

static bool name_char(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Bytes of what is worth seeing of a reference that begins here: "${NAME", "${file:PATH", with ":-"
 * where a default follows. */
static size_t reference_shown(struct str s)
{
    ptrdiff_t end = str_starts(s, STR("${")) ? str_find(s, STR("}")) : -1;
    if (end < 0)
        return 0;
    struct str inside = str_head(s, (size_t)end);
    if (str_starts(inside, STR("${file:")))
        return inside.n;
    size_t n = 2;
    while (n < inside.n && name_char(inside.p[n]) && inside.p[n] != '-')
        n++;
    return str_starts(str_tail(inside, n), STR(":-")) ? n + 2 : n;
}

/* Covers all but references to the environment. */
static void cover(char *p, size_t n)
{
    bool within = false;
    for (size_t i = 0; i < n; i++) {
        size_t shown = reference_shown(str_of(p + i, n - i));
        if (shown) {
            within = true;
            i += shown - 1;
        } else if (within && p[i] == '}') {
            within = false;
        } else if (p[i] != '"' && p[i] != '\'') {
            p[i] = '*';
        }
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

static size_t value_end(const char *line, size_t n, size_t from)
{
    char quote = from < n && (line[from] == '"' || line[from] == '\'') ? line[from] : 0;
    size_t i = from + (quote != 0);
    while (i < n && (quote ? line[i] != quote : line[i] != ',' && line[i] != '}'))
        i++;
    return i;
}

/* Words that begin with `sk-`. */
static void cover_keys(char *line, size_t n)
{
    for (size_t i = 0; i + 3 < n; i++) {
        if (memcmp(line + i, "sk-", 3) != 0 || (i > 0 && name_char(line[i - 1])))
            continue;
        size_t end = i;
        while (end < n && name_char(line[end]))
            end++;
        cover(line + i, end - i);
    }
}

/* Who asks, and what else may be secret, in URLs: `//NAME:WORD@`, and what is behind a '?'. */
static void cover_urls(char *line, size_t n)
{
    for (size_t i = 0; i + 3 < n; i++) {
        if (memcmp(line + i, "://", 3) != 0)
            continue;
        size_t from = i + 3, end = from;
        for (; end < n && !memchr(" \t\"'", line[end], 4) && line[end] != '?'; end++)
            if (line[end] == '@') {
                cover(line + from, end - from);
                from = end + 1;
            }
        for (from = end + 1; end < n && !memchr(" \t\"'", line[end], 4);)
            end++;
        if (from < end)
            cover(line + from, end - from);
    }
}

/* What follows `api_key:` and the like; within { } the names there tell. */
static void cover_by_names(const struct tables *all, char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (line[i] != ':')
            continue;
        size_t from = i, to = i + 1;
        while (from > 0 && (name_char(line[from - 1]) || line[from - 1] == '"'))
            from--;
        while (to < n && line[to] == ' ')
            to++;
        size_t end = value_end(line, n, to);
        struct str name = str_of(line + from, i - from);
        if (end - to >= SECRET_LETTERS_MIN && line[to] != '{' && is_secret_name(name) &&
            !is_known_harmless(all, name, line[to]))
            cover(line + to, end - to);
    }
}

/* ---------------------------------------------------------------- a file that is no YAML */

struct walk {
    const struct tables *all;
    char *line;
    size_t n, i;
    unsigned depth;
    uint64_t maps;  /* a bit a bracket that is open: is it '{'? The innermost is the lowest. */
    bool name_next; /* a name may stand here, not only a value */
    bool shown;     /* the value here is of a setting that is known to be harmless */
};

/* Blank, or a sign within which values stand. */
static bool is_break(char c)
{
    return c && strchr(" \t{}[],", c);
}

/* Does a colon at `at` end a name? */
static bool ends_name(const struct walk *w, size_t at)
{
    return at < w->n && w->line[at] == ':' && (at + 1 == w->n || is_break(w->line[at + 1]));
}

static size_t word_end(const struct walk *w)
{
    char quote = w->line[w->i] == '"' || w->line[w->i] == '\'' ? w->line[w->i] : 0;
    size_t i = w->i + (quote != 0);
    for (; quote && i < w->n; i++)
        if (w->line[i] == quote)
            return i + 1;
    for (; i < w->n && !is_break(w->line[i]) && !ends_name(w, i); i++) {
        const char *end = w->line[i] == '$' && i + 1 < w->n && w->line[i + 1] == '{'
                              ? memchr(w->line + i, '}', w->n - i)
                              : NULL;
        i = end ? (size_t)(end - w->line) : i;
    }
    return i;
}

static void word_walk(struct walk *w)
{
    size_t from = w->i, end = word_end(w), colon = end;
    while (colon < w->n && w->line[colon] == ' ')
        colon++;
    bool named = ends_name(w, colon) ||
                 (colon < w->n && w->line[colon] == ':' && w->line[end - 1] == '"');
    struct str name = str_of(w->line + from, end - from);
    w->i = named ? colon + 1 : end;
    bool is_name = named && w->name_next;
    if (!is_name && !w->shown)
        cover(w->line + from, end - from);
    if (name.n >= 2 && name.p[0] == '"')
        name = str_of(name.p + 1, name.n - 2);
    size_t value = w->i;
    while (value < w->n && w->line[value] == ' ')
        value++;
    if (named)
        w->shown = is_name && is_known_harmless(w->all, name, value < w->n ? w->line[value] : 0);
    w->name_next = false;
}

/*
 * Nobody knows what the line means. Shown are names, signs, and the values of settings that hold
 * no secret in any table; a comma outside brackets may be part of a value.
 */
static void cover_unknown(const struct tables *all, char *line, size_t n)
{
    struct walk w = {.all = all, .line = line, .n = n, .name_next = true};
    while (w.i < n) {
        char c = line[w.i];
        if (c == ' ' || c == '\t') {
            w.i++;
        } else if (c == '{' || c == '[') {
            w.maps = w.maps << 1 | (c == '{');
            w.depth++;
            w.name_next = c == '{';
            w.shown = w.shown && c == '[';
            w.i++;
        } else if (c == '}' || c == ']') {
            w.maps >>= 1;
            w.depth -= w.depth > 0;
            w.name_next = w.shown = false;
            w.i++;
        } else if (c == ',') {
            bool in_list = w.depth && !(w.maps & 1);
            w.name_next = w.depth && !in_list;
            w.shown = w.shown && in_list;
            w.i++;
        } else if ((c == '-' || c == '?') && w.name_next && w.i + 1 < n && line[w.i + 1] == ' ') {
            w.i++;
        } else {
            word_walk(&w);
        }
    }
}

/* Is it a file that may have secrets, or one whose tables are not known? */
static bool may_have_secrets(const struct tables *all)
{
    for (unsigned i = 0; i < all->n; i++)
        for (const struct conf_row *row = all->at[i].table->rows; row->name; row++)
            if (row->type == CONF_SECRET)
                return true;
    return all->n == 0;
}

void cover_secrets(const struct conf_doc *doc, const struct tables *all, char *shown,
                   struct str line)
{
    cover_spans(doc, (size_t)(line.p - doc->text.p), shown, line.n);
    cover_keys(shown, line.n);
    cover_urls(shown, line.n);
    if (doc->parsed || !may_have_secrets(all))
        cover_by_names(all, shown, line.n);
    else
        cover_unknown(all, shown, line.n);
}
