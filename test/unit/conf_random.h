/*
 * conf_random.h: random files that the world's table accepts.
 *
 * Texts are written as escapes only, numbers by scalar_print, everything else in brackets, so that
 * little of what is tested is used to make the input.
 */
#ifndef TEST_CONF_RANDOM_H
#define TEST_CONF_RANDOM_H

#include "base_test.h"

#include "conf/scalar.h"
#include "conf_world.h"

static void random_table(struct chance *c, struct buf *out, const struct conf_table *table,
                         unsigned depth);

/* Characters that are likely to go wrong somewhere; zero ends. */
static const unsigned random_odd[] = {
    '$',  '"',  '\'', '\\', '\n', '\t',   '\r',   ' ',    ':',    '#',    '{',     '}',     '[',
    ']',  ',',  '-',  '|',  '>',  '&',    '*',    '!',    '%',    '@',    '`',     '~',     1,
    0x1f, 0x7f, 0x85, 0xa0, 0xe9, 0x2028, 0x2029, 0xfeff, 0xfffd, 0xffff, 0x1f600, 0x10ffff};

static void random_text(struct chance *c, struct buf *out, bool dollars)
{
    static const char *const plain[] = {"a",          "gpt-4.1", "http://127.0.0.1:9001/v1",
                                        "on",         "7",       "1.5",
                                        "a b",        "x:y",     "-x",
                                        "2024-01-01", "null x",  "'null'",
                                        "'~'",        "'Null'",  "''"};
    if (chance_below(c, 3) == 0) {
        buf_str(out, str_from(plain[chance_below(c, ARRAY_LEN(plain))]));
        return;
    }
    buf_char(out, '"');
    for (unsigned n = chance_below(c, 12) + !dollars; n > 0; n--) {
        unsigned code = chance_below(c, 2) ? random_odd[chance_below(c, ARRAY_LEN(random_odd))]
                                           : 'a' + chance_below(c, 26);
        if (code == '$' && dollars)
            buf_str(out, STR("$$"));
        else
            buf_printf(out, "\\U%08x", code);
    }
    buf_char(out, '"');
}

static void random_json(struct chance *c, struct buf *out, unsigned depth)
{
    static const char *const scalars[] = {
        "null", "~",    "true", "off", "0",  "-17",   "3.25",
        "1e3",  "0x1F", ".5",   "'1'", "''", "plain", "9007199254740993"};
    unsigned kind = chance_below(c, depth < 4 ? 4 : 2);
    if (kind == 0) {
        buf_str(out, str_from(scalars[chance_below(c, ARRAY_LEN(scalars))]));
    } else if (kind == 1) {
        random_text(c, out, true);
    } else {
        buf_char(out, kind == 2 ? '[' : '{');
        for (unsigned i = chance_below(c, 4); i > 0; i--) {
            if (kind == 3) {
                buf_printf(out, "k%u$", i);
                buf_str(out, STR(": "));
            }
            random_json(c, out, depth + 1);
            buf_str(out, STR(", "));
        }
        buf_char(out, kind == 2 ? ']' : '}');
    }
}

static void random_number(struct chance *c, struct buf *out, const struct conf_row *row)
{
    int64_t value = 0;
    do {
        value = (int64_t)chance_below(c, 1u << (1 + chance_below(c, 30)));
        if (chance_below(c, 3) == 0)
            value = -value;
        if (row->type == CONF_BOOL)
            value = chance_below(c, 2);
        if (row->type == CONF_CHOICE)
            value = chance_below(c, 3);
    } while (!scalar_in_bounds(row, value));
    assert_int_equal(scalar_print(row, value, out), 0);
}

static void random_list(struct chance *c, struct buf *out, const struct conf_row *row,
                        unsigned depth)
{
    buf_char(out, '[');
    for (unsigned i = chance_below(c, 4); i > 0; i--) {
        if (row->type == CONF_STRS)
            random_text(c, out, true);
        else
            random_table(c, out, row->child, depth + 1);
        buf_str(out, STR(", "));
    }
    buf_char(out, ']');
}

static void random_map(struct chance *c, struct buf *out, const struct conf_row *row,
                       unsigned depth)
{
    buf_char(out, '{');
    for (unsigned i = chance_below(c, 4); i > 0; i--) {
        buf_printf(out, "\"n%u\\U%08x\": ", i, random_odd[chance_below(c, ARRAY_LEN(random_odd))]);
        if (row->type == CONF_STR_MAP)
            random_text(c, out, true);
        else if (row->type == CONF_LIST_MAP)
            random_list(c, out, row, depth);
        else
            random_table(c, out, row->child, depth + 1);
        buf_str(out, STR(", "));
    }
    buf_char(out, '}');
}

static void random_value(struct chance *c, struct buf *out, const struct conf_row *row,
                         unsigned depth)
{
    switch (row->type) {
    case CONF_STR:
        random_text(c, out, true);
        break;
    case CONF_SECRET:
        buf_printf(out, "hush%u", chance_below(c, 1000));
        break;
    case CONF_JSON:
        random_json(c, out, 0);
        break;
    case CONF_STRS:
    case CONF_LIST:
        random_list(c, out, row, depth);
        break;
    case CONF_STR_MAP:
    case CONF_MAP:
    case CONF_LIST_MAP:
        random_map(c, out, row, depth);
        break;
    case CONF_TABLE:
        random_table(c, out, row->child, depth + 1);
        break;
    default:
        random_number(c, out, row);
        break;
    }
}

static void random_table(struct chance *c, struct buf *out, const struct conf_table *table,
                         unsigned depth)
{
    if (table->shorthand && (depth > 4 || chance_below(c, 3) == 0)) {
        random_text(c, out, true);
        return;
    }
    buf_char(out, '{');
    for (const struct conf_row *row = table->rows; row->name; row++) {
        if (!(row->flags & CONF_REQUIRED) && chance_below(c, 2))
            continue;
        buf_printf(out, "%s: ", row->name);
        random_value(c, out, row, depth);
        buf_str(out, STR(",\n  "));
    }
    buf_char(out, '}');
}

#endif
