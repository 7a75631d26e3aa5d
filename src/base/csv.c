#include "base/csv.h"

#include <string.h>

static size_t count_of(struct str s, char wanted)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == wanted;
    return n;
}

void csv_begin(struct csv *c, struct str text)
{
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        text = str_tail(text, 3);
    struct str rest = text, first = str_cut(&rest, '\n');
    *c = (struct csv){.rest = text, .separator = ',', .line_next = 1};
    for (const char *s = ";\t"; *s; s++)
        if (count_of(first, *s) > count_of(first, c->separator))
            c->separator = *s;
}

/* Up to where the field goes that begins with a quote; its doubled quotes become one. */
static int quoted_take(struct csv *c, struct arena *arena, struct str *ret_field, struct fault *f)
{
    const char *p = c->rest.p + 1, *end = c->rest.p + c->rest.n;
    size_t doubled = 0;
    for (;; p += 2, doubled++) {
        p = memchr(p, '"', (size_t)(end - p));
        if (!p)
            return fault_set(f, E_BAD_REQUEST, "a quoted field has no end");
        if (p + 1 == end || p[1] != '"')
            break;
    }
    struct str raw = str_of(c->rest.p + 1, (size_t)(p - c->rest.p) - 1);
    c->line_next += (unsigned)count_of(raw, '\n');
    c->rest = str_tail(c->rest, raw.n + 2);
    *ret_field = raw;
    if (doubled == 0)
        return 0;
    char *plain = arena_alloc(arena, raw.n);
    if (!plain)
        return E_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        plain[n++] = raw.p[i];
        i += raw.p[i] == '"';
    }
    *ret_field = str_of(plain, n);
    return 0;
}

static struct str plain_take(struct csv *c)
{
    size_t n = 0;
    while (n < c->rest.n && c->rest.p[n] != c->separator && c->rest.p[n] != '\n')
        n++;
    struct str field = str_head(c->rest, n);
    c->rest = str_tail(c->rest, n);
    bool at_end = c->rest.n == 0 || c->rest.p[0] == '\n';
    if (at_end && field.n > 0 && field.p[field.n - 1] == '\r')
        field.n--;
    return field;
}

static int field_take(struct csv *c, struct arena *arena, struct str *ret_field, struct fault *f)
{
    if (c->rest.n == 0 || c->rest.p[0] != '"') {
        *ret_field = plain_take(c);
        return 0;
    }
    int err = quoted_take(c, arena, ret_field, f);
    if (!err && c->rest.n > 0 && c->rest.p[0] == '\r' && (c->rest.n == 1 || c->rest.p[1] == '\n'))
        c->rest = str_tail(c->rest, 1);
    if (!err && c->rest.n > 0 && c->rest.p[0] != c->separator && c->rest.p[0] != '\n')
        err = fault_set(f, E_BAD_REQUEST, "something stands behind a field's closing quote");
    return err;
}

static void empty_lines_skip(struct csv *c)
{
    for (;;) {
        size_t n = str_starts(c->rest, STR("\r\n")) ? 2 : str_starts(c->rest, STR("\n")) ? 1 : 0;
        if (n == 0)
            return;
        c->rest = str_tail(c->rest, n);
        c->line_next++;
    }
}

int csv_row(struct csv *c, struct arena *arena, struct str *ret_fields, unsigned most,
            unsigned *ret_n, struct fault *f)
{
    *ret_n = 0;
    empty_lines_skip(c);
    c->line = c->line_next;
    for (bool more = c->rest.n > 0; more;) {
        if (*ret_n == most)
            return fault_set(f, E_BAD_REQUEST, "there are more than %u columns", most);
        int err = field_take(c, arena, &ret_fields[*ret_n], f);
        if (err)
            return err;
        (*ret_n)++;
        more = c->rest.n > 0 && c->rest.p[0] == c->separator;
        c->line_next += c->rest.n > 0 && c->rest.p[0] == '\n';
        c->rest = c->rest.n > 0 ? str_tail(c->rest, 1) : STR_NONE;
    }
    return 0;
}
