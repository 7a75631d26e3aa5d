/*
 * json_fault.c: says what was expected where a text stops being JSON. yyjson gives the position;
 * a second, slow walk over the text up to there finds out what the grammar allowed. It runs only
 * for texts that are refused.
 */
#include "base/json.h"
#include "base/json_internal.h"

enum expect { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COLON, COMMA_OR_END, NOTHING_MORE };

#define LEVELS_MAX 256

struct walk {
    struct str text;
    size_t at;
    enum expect expect;
    size_t depth;
    bool is_object[LEVELS_MAX]; /* of each open container */
};

static size_t string_skip(struct str text, size_t at)
{
    for (at++; at < text.n && text.p[at] != '"'; at++)
        if (text.p[at] == '\\')
            at++;
    return at + 1;
}

static bool is_token_end(char c)
{
    return c == ',' || c == ':' || c == ']' || c == '}' || c == '[' || c == '{' || c == '"' ||
           c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void value_done(struct walk *w)
{
    w->expect = w->depth == 0 ? NOTHING_MORE : COMMA_OR_END;
}

static bool step_into(struct walk *w, bool object)
{
    if (w->depth == LEVELS_MAX)
        return false;
    w->is_object[w->depth++] = object;
    w->expect = object ? KEY_OR_END : VALUE_OR_END;
    w->at++;
    return true;
}

/* One token further. False where the walk is lost; then there is nothing to say. */
static bool step(struct walk *w)
{
    char c = w->text.p[w->at];
    switch (c) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        w->at++;
        return true;
    case '{':
    case '[':
        return step_into(w, c == '{');
    case '}':
    case ']':
        if (w->depth == 0)
            return false;
        w->depth--;
        value_done(w);
        w->at++;
        return true;
    case ',':
        w->expect = w->depth > 0 && w->is_object[w->depth - 1] ? KEY : VALUE;
        w->at++;
        return true;
    case ':':
        w->expect = VALUE;
        w->at++;
        return true;
    case '"':
        w->at = string_skip(w->text, w->at);
        if (w->expect == KEY || w->expect == KEY_OR_END)
            w->expect = COLON;
        else
            value_done(w);
        return true;
    default: /* a number, true, false, null */
        while (w->at < w->text.n && !is_token_end(w->text.p[w->at]))
            w->at++;
        value_done(w);
        return true;
    }
}

/* What the grammar allows at `pos`; NULL when nobody knows. */
static const char *expected_at(struct str text, size_t pos)
{
    struct walk w = {.text = text, .expect = VALUE};
    while (w.at < pos && w.at < text.n)
        if (!step(&w))
            return NULL;
    bool object = w.depth > 0 && w.is_object[w.depth - 1];
    if (w.at > pos)
        return "the end of the string";
    switch (w.expect) {
    case VALUE:
        return "a value";
    case VALUE_OR_END:
        return "a value or ']'";
    case KEY:
        return "a key in double quotes";
    case KEY_OR_END:
        return "a key in double quotes or '}'";
    case COLON:
        return "':'";
    case COMMA_OR_END:
        return object ? "',' or '}'" : "',' or ']'";
    case NOTHING_MORE:
        return "nothing more";
    }
    return NULL;
}

/* What was expected, if there is anything to add to what yyjson says. */
static const char *expected(struct str text, size_t pos, yyjson_read_code code)
{
    if (code == YYJSON_READ_ERROR_INVALID_STRING)
        return "a string in UTF-8 with control characters, quotes and backslashes escaped";
    if (code == YYJSON_READ_ERROR_INVALID_NUMBER)
        return "a number such as -12.5e3";
    if (code == YYJSON_READ_ERROR_LITERAL)
        return "true, false or null";
    if (code == YYJSON_READ_ERROR_JSON_STRUCTURE)
        return NULL; /* a trailing comma: the message says it all */
    return expected_at(text, pos);
}

static size_t line_of(struct str text, size_t pos)
{
    size_t line = 1;
    for (size_t i = 0; i < pos && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

int json_read_fault(struct fault *f, struct str text, const yyjson_read_err *e)
{
    size_t pos = e->pos < text.n ? e->pos : text.n;
    /* Some versions of yyjson end with what they expect, which the walk knows better. */
    struct str what = str_from(e->msg);
    ptrdiff_t comma = str_find(what, STR(", expected"));
    if (comma >= 0)
        what = str_head(what, (size_t)comma);
    const char *wanted = expected(text, pos, e->code);
    return fault_set(f, E_BAD_JSON, "invalid JSON at byte %zu (line %zu): %.*s%s%s", pos,
                     line_of(text, pos), STR_ARGS(what), wanted ? ", expected " : "",
                     wanted ? wanted : "");
}

/* The text is valid but for its depth. */
int json_depth_fault(struct fault *f, struct str text)
{
    size_t at = 0, depth = 0;
    while (at < text.n) {
        char c = text.p[at];
        if (c == '"') {
            at = string_skip(text, at);
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX)
            break;
        if (c == '}' || c == ']')
            depth--;
        at++;
    }
    return fault_set(f, E_BAD_JSON,
                     "invalid JSON at byte %zu (line %zu): brackets nest deeper than %d levels", at,
                     line_of(text, at), JSON_DEPTH_MAX);
}
