#include "conf/roff.h"

/* One character; `*begin` is whether it begins a line, where a dot or a quote would be a macro. */
static void character(struct buf *out, char c, bool *begin)
{
    if (*begin && (c == '.' || c == '\''))
        buf_str(out, STR("\\&"));
    *begin = c == '\n';
    switch (c) {
    case '\\':
        buf_str(out, STR("\\e"));
        break;
    case '-': /* a hyphen would not be found, nor could it be pasted */
        buf_str(out, STR("\\-"));
        break;
    case '\'':
        buf_str(out, STR("\\(aq"));
        break;
    case '`':
        buf_str(out, STR("\\(ga"));
        break;
    case '~':
        buf_str(out, STR("\\(ti"));
        break;
    case '^':
        buf_str(out, STR("\\(ha"));
        break;
    default:
        buf_char(out, c);
    }
}

void roff_plain(struct buf *out, struct str s)
{
    bool begin = true;
    for (size_t i = 0; i < s.n; i++)
        character(out, s.p[i], &begin);
}

/* The word of a link that `s` begins with, and the bytes that the whole link takes; 0: none. */
static size_t link_take(struct str s, struct str *ret_word)
{
    ptrdiff_t middle = str_find(s, STR("](")), end = str_find(s, STR(")"));
    if (middle < 1 || end < middle)
        return 0;
    *ret_word = str_of(s.p + 1, (size_t)middle - 1);
    return str_find(*ret_word, STR("\n")) < 0 && str_find(*ret_word, STR("[")) < 0 ? (size_t)end + 1
                                                                                   : 0;
}

void roff_text(struct buf *out, struct str s)
{
    bool begin = true, bold = false;
    struct str word;
    for (size_t i = 0; i < s.n; i++) {
        size_t link = s.p[i] == '[' && !bold ? link_take(str_tail(s, i), &word) : 0;
        if (link) {
            roff_plain(out, word);
            i += link - 1;
            begin = false;
        } else if (s.p[i] == '`') {
            bold = !bold;
            buf_str(out, bold ? STR("\\fB") : STR("\\fR"));
            begin = false;
        } else {
            character(out, s.p[i], &begin);
        }
    }
    if (bold)
        buf_str(out, STR("\\fR"));
}
