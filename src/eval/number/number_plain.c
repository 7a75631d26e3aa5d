/* number_plain.c: one spelling for what texts write in many: signs, spaces, digits. */
#include "base/buf.h"
#include "eval/number/number.h"

#define PLAIN_BYTES_MAX ((size_t)32 * 1024 * 1024)

/* Of two that begin alike the longer stands first. Every currency becomes $. */
static const struct {
    const char *what, *with;
} alike[] = {
    {"{,}", ","},          {"\\!", ""},        {"\\,", " "},       {"\\;", " "},
    {"\\:", " "},          {"\\ ", " "},       {"\\$", "$"},       {"\\%", "%"},
    {"\\times", "*"},      {"\\cdot", "*"},    {"\\approx", "="},  {"\\dfrac", "\\frac"},
    {"\\tfrac", "\\frac"}, {"\\left", ""},     {"\\right", ""},    {"\\pounds", "$"},
    {"\\euro", "$"},       {"**", ""},         {"__", ""},         {"\u2212", "-"},
    {"\u2010", "-"},       {"\u2011", "-"},    {"\u2012", "-"},    {"\u2013", "-"},
    {"\u00d7", "*"},       {"\u00b7", "*"},    {"\u22c5", "*"},    {"\u2248", "="},
    {"\u00a0", " "},       {"\u2007", " "},    {"\u2009", " "},    {"\u202f", " "},
    {"\u20ac", "$"},       {"\u00a3", "$"},    {"\u00a5", "$"},    {"\u20b9", "$"},
    {"\u00bc", " 1/4"},    {"\u00bd", " 1/2"}, {"\u00be", " 3/4"}, {"\u2153", " 1/3"},
    {"\u2154", " 2/3"},    {"\u215b", " 1/8"}, {"\u2044", "/"},    {"\uff05", "%"},
    {"\u2019", "'"},
};

/* A digit of another script, or a raised one; how many bytes it has, 0: it is none. */
static size_t digit_take(struct str s, char *ret_digit, bool *ret_raised)
{
    static const struct {
        const char *zero;
        unsigned from, to; /* of ten */
        bool raised;
    } scripts[] = {
        {"\uff10", 0, 9, false}, {"\u0660", 0, 9, false}, {"\u06f0", 0, 9, false},
        {"\u0966", 0, 9, false}, {"\u2070", 0, 0, true},  {"\u2070", 4, 9, true},
        {"\u00b0", 2, 3, true},
    };
    for (unsigned i = 0; i < ARRAY_LEN(scripts); i++) {
        size_t n = strlen(scripts[i].zero);
        if (s.n < n || memcmp(s.p, scripts[i].zero, n - 1) != 0)
            continue;
        unsigned d = (unsigned char)s.p[n - 1] - (unsigned)(unsigned char)scripts[i].zero[n - 1];
        if (d < scripts[i].from || d > scripts[i].to)
            continue;
        *ret_digit = (char)('0' + d);
        *ret_raised = scripts[i].raised;
        return n;
    }
    *ret_digit = '1';
    *ret_raised = true;
    return str_starts(s, STR("\u00b9")) ? strlen("\u00b9") : 0;
}

/* "10\u00b3" is 10^3. */
static size_t digit_put(struct str s, bool *raised, struct buf *out)
{
    char digit;
    bool is_raised;
    size_t n = digit_take(s, &digit, &is_raised);
    if (n > 0 && is_raised && !*raised)
        buf_char(out, '^');
    if (n > 0)
        buf_char(out, digit);
    *raised = n > 0 && is_raised;
    return n;
}

int number_plain(struct arena *arena, struct str text, struct str *ret_plain)
{
    struct buf out;
    bool raised = false;
    buf_init(&out, PLAIN_BYTES_MAX);
    for (size_t i = 0; i < text.n;) {
        unsigned k = ARRAY_LEN(alike);
        size_t digit = (unsigned char)text.p[i] >= 0x80 || raised
                           ? digit_put(str_tail(text, i), &raised, &out)
                           : 0;
        i += digit;
        if (digit > 0)
            continue;
        if (text.p[i] == '{' || text.p[i] == '\\' || text.p[i] == '*' || text.p[i] == '_' ||
            (unsigned char)text.p[i] >= 0x80)
            for (k = 0; k < ARRAY_LEN(alike); k++)
                if (str_starts(str_tail(text, i), str_from(alike[k].what)))
                    break;
        if (k < ARRAY_LEN(alike)) {
            buf_str(&out, str_from(alike[k].with));
            i += strlen(alike[k].what);
        } else {
            buf_char(&out, text.p[i++]);
        }
    }
    int err = out.failed;
    if (!err) {
        *ret_plain = arena_str(arena, buf_view(&out));
        err = ret_plain->p ? 0 : E_MEMORY;
    }
    buf_fini(&out);
    return err;
}
