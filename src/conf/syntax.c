/* syntax.c: what is wrong with a file before it is a tree, in words that help. */
#include <stdio.h>

#include "conf/doc.h"

struct str text_line(struct str text, unsigned line)
{
    struct str rest = text, one = STR_NONE;
    for (unsigned i = 0; i < line; i++) {
        if (!rest.p)
            return STR_NONE;
        one = str_cut(&rest, '\n');
    }
    if (one.n && one.p[one.n - 1] == '\r')
        one.n--;
    return one;
}

unsigned utf8_take(struct str text, unsigned *ret_code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text.p;
    if (text.n == 0)
        return 0;
    *ret_code = s[0];
    if (s[0] < 0x80)
        return 1;
    unsigned want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || text.n < want)
        return 0;
    unsigned code = s[0] & (0x7fu >> want);
    for (unsigned i = 1; i < want; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    *ret_code = code;
    bool good = code >= least[want] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return good ? want : 0;
}

bool text_is_utf8(struct str s)
{
    while (s.n) {
        unsigned code, n = utf8_take(s, &code);
        if (n == 0)
            return false;
        s = str_tail(s, n);
    }
    return true;
}

#define DIRECTIVE_BYTES_MAX 200
#define TAB_TEXT            "a tab in the indentation; YAML wants spaces"

/* libfyaml's work on a line like "%TAG ..." grows with the square of its length. */
static bool is_long_directive(struct str rest)
{
    if (!rest.n || rest.p[0] != '%')
        return false;
    struct str begin = str_head(rest, DIRECTIVE_BYTES_MAX);
    return rest.n > DIRECTIVE_BYTES_MAX && !memchr(begin.p, '\n', begin.n);
}

/*
 * "? name" and then ":", a tab and a sign that begins a block. It is an error in any YAML, but
 * libfyaml 0.7.12 frees something twice when it says so, so it is found before.
 */
static const char *tab_behind_complex_key(struct str text)
{
    bool complex_key = false;
    const char *end = text.p + text.n;
    for (const char *p = text.p; p + 1 < end && !complex_key; p++)
        complex_key = *p == '?' && strchr(" \t\r\n", p[1]);
    for (const char *p = text.p; complex_key && p < end; p++) {
        const char *at = p + 1, *tab = NULL;
        if (*p != ':')
            continue;
        for (; at < end && (*at == ' ' || *at == '\t'); at++)
            tab = !tab && *at == '\t' ? at : tab;
        if (tab && at < end && strchr("?:|>-", *at))
            return tab;
    }
    return NULL;
}

/* Bytes of the character at `text.p + i`; 0: it cannot stand there, and a problem was recorded. */
static unsigned char_check(struct conf_doc *doc, struct str text, size_t i, unsigned line,
                           unsigned column, const char *tab)
{
    unsigned char c = (unsigned char)text.p[i];
    unsigned code, n = utf8_take(str_tail(text, i), &code);
    bool control = (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f;
    if (n == 0 || control)
        doc_problem(doc, false, line, column, STR_NONE,
                    control ? "a control character (0x%02x); a configuration is plain text"
                            : "a byte that is not UTF-8 (0x%02x); save the file as UTF-8",
                    c);
    else if (column == 1 && is_long_directive(str_tail(text, i)))
        doc_problem(doc, false, line, 1, STR_NONE, "a directive of more than %d characters",
                    DIRECTIVE_BYTES_MAX);
    else if (text.p + i == tab)
        doc_problem(doc, false, line, column, STR_NONE, TAB_TEXT);
    else
        return n;
    return 0;
}

bool syntax_check(struct conf_doc *doc, struct str text)
{
    unsigned line = 1, column = 1, n;
    const char *tab = text.n ? tab_behind_complex_key(text) : NULL;
    for (size_t i = 0; i < text.n; i += n) {
        n = char_check(doc, text, i, line, column, tab);
        if (n == 0)
            return false;
        column++;
        if (text.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return true;
}

/* What libfyaml's words mean to somebody who is not writing a YAML parser. */
static const struct {
    const char *message, *meaning;
} meanings[] = {
    {"missing comma in flow", "a ',' or the closing bracket is missing"},
    {"without a closing bracket", "a list's '[' or a map's '{' is not closed"},
    {"mismatched flow", "a closing bracket that does not fit the open one"},
    {"extra closing", "a closing bracket too many"},
    {"wrongly indented flow", "what stands within brackets has to be indented deeper"},
    {"without closing quote", "a text in quotes is not closed"},
    {"invalid trailing content after", "something stands behind the closing quote"},
    {"wrongly indented double-quoted", "a text in \"double quotes\" is not closed in its lines"},
    {"wrongly indented single-quoted", "a text in 'single quotes' is not closed in its lines"},
    {"invalid escape", "an unknown escape; within \"double quotes\" a backslash is written \\\\"},
    {"cannot start with", "text that begins with this character needs quotes"},
    {"nested block mapping", "a second ':' in this line; put text with ': ' in quotes"},
    {"mapping in plain multiline", "a ':' in a text of several lines; put it in quotes"},
    {"did not find expected '-'", "this line does not line up with the items above it"},
    {"end of block sequence", "this line does not line up with the items above it"},
    {"wrongly indented sequence", "this line does not line up with the items above it"},
    {"invalid indentation", "this line does not line up with the ones above it"},
    {"expected key", "this line does not line up with the ones above it"},
    {"not allowed in this context", "this line does not line up with the ones above it"},
    {"expected stream end", "this line does not line up with the ones above it"},
};

/* The first line from `line` on, of the next few, whose indentation has a tab; 0: none. */
static unsigned tab_line(struct str text, unsigned line, unsigned *ret_column)
{
    for (unsigned i = 0; i < 3; i++) {
        struct str one = text_line(text, line + i);
        for (size_t j = 0; j < one.n && (one.p[j] == ' ' || one.p[j] == '\t'); j++) {
            if (one.p[j] == '\t') {
                *ret_column = (unsigned)j + 1;
                return line + i;
            }
        }
    }
    return 0;
}

/* The line behind `line` that has something in it. */
static unsigned line_after(struct str text, unsigned line, unsigned *ret_column)
{
    for (unsigned i = 1; i < 100; i++) {
        struct str one = text_line(text, line + i), trimmed = str_trim(one);
        if (!one.p)
            break;
        if (trimmed.n && trimmed.p[0] != '#') {
            *ret_column = (unsigned)(trimmed.p - one.p) + 1;
            return line + i;
        }
    }
    return line;
}

/* "a: 1" and then a deeper "b: 2"; or "a", whose ':' was forgotten, and then "b: 2". */
static void multiline_key_problem(struct conf_doc *doc, struct str text, unsigned line)
{
    unsigned column = 1, after_column = 1;
    unsigned after = line_after(text, line, &after_column);
    struct str first = text_line(text, line);
    column += (unsigned)(str_trim(first).p - first.p);
    if (after != line && after_column > column)
        doc_problem(doc, false, after, after_column, STR_NONE,
                    "this line is indented deeper than the one above it, which already has its "
                    "value; line it up with its neighbours");
    else
        doc_problem(doc, false, line, column, STR_NONE,
                    "a ':' is missing here behind the name, or the line below is not lined up");
}

void syntax_problem(struct conf_doc *doc, struct str text, unsigned line, unsigned column,
                    const char *message)
{
    struct str said = str_from(message);
    unsigned tab_column = 0, tab = line ? tab_line(text, line, &tab_column) : 0;
    if (tab) {
        doc_problem(doc, false, tab, tab_column, STR_NONE, TAB_TEXT);
        return;
    }
    if (str_find(said, STR("multiline plain key")) >= 0) {
        multiline_key_problem(doc, text, line);
        return;
    }
    struct str meaning = said.n ? said : STR("this is not valid YAML");
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (str_find(said, str_from(meanings[i].message)) >= 0)
            meaning = str_from(meanings[i].meaning);
    struct str shown = text_line(text, line);
    ssize_t at = str_find(shown, STR("${"));
    bool bare = at >= 0 && (at == 0 || shown.p[at - 1] != '"');
    doc_problem(doc, false, line, column, STR_NONE, "%.*s%s", STR_ARGS(meaning),
                bare ? "; within [ ] and { } a reference needs quotes: \"${NAME}\"" : "");
}
