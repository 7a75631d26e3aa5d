/* test_csv.c: rows of comma-separated values, as RFC 4180 and as spreadsheets write them. */
#include "base/csv.h"

#include "base/buf.h"
#include "base_test.h"

#define MOST 6

/* The rows as "a|b/c|d", or "line N: what is wrong". */
static void reads_as(const char *text, const char *expected)
{
    struct arena arena;
    struct buf out;
    struct csv c;
    arena_init_private(&arena, 1 << 20);
    buf_init(&out, 1 << 16);
    csv_begin(&c, str_from(text));
    for (unsigned rows = 0;; rows++) {
        struct str field[MOST];
        unsigned n = 99;
        struct fault f = {0};
        int err = csv_row(&c, &arena, field, MOST, &n, &f);
        if (err) {
            buf_printf(&out, "%sline %u: %s", rows ? "/" : "", c.line, fault_text(&f));
            break;
        }
        if (n == 0)
            break;
        buf_str(&out, rows ? STR("/") : STR(""));
        for (unsigned i = 0; i < n; i++)
            buf_printf(&out, "%s%.*s", i ? "|" : "", STR_ARGS(field[i]));
    }
    buf_char(&out, '\0');
    assert_string_equal(out.p, expected);
    buf_fini(&out);
    arena_fini(&arena);
}

static void rows_and_fields(void **state UNUSED)
{
    reads_as("", "");
    reads_as("a", "a");
    reads_as("a,b\r\nc,d\r\n", "a|b/c|d");
    reads_as("a,b\nc,d", "a|b/c|d");
    reads_as("a,b,\n,,\n,x", "a|b|/||/|x");
    reads_as("a, b ,c\n", "a| b |c");
    reads_as("a\rb,c\r\n", "a\rb|c");
}

static void quotes(void **state UNUSED)
{
    reads_as("\"a\",\"b,c\"\r\n\"d\"\r\n", "a|b,c/d");
    reads_as("\"a \"\"b\"\"\",\"\"\n\"\"\"\"\n", "a \"b\"|/\"");
    reads_as("\"two\r\nlines\",x\ny\n", "two\r\nlines|x/y");
    reads_as("a\"b,c\n", "a\"b|c");
    reads_as("\"\"\"\"\"\"", "\"\"");
    reads_as("\"a\"", "a");
    reads_as("\"a\"\r", "a");
    reads_as("\"\",", "|");
}

static void what_spreadsheets_do(void **state UNUSED)
{
    reads_as("\xEF\xBB\xBF"
             "a,b\nc,d\n",
             "a|b/c|d");
    reads_as("\xEF\xBB\xBF", "");
    reads_as("\n\r\n\na,b\n\n\nc,d\n\n", "a|b/c|d");
    reads_as("a;b;c\n1,5;2;3\n", "a|b|c/1,5|2|3");
    reads_as("a\tb\n\"c\"\td\n", "a|b/c|d");
}

static void what_is_wrong(void **state UNUSED)
{
    reads_as("a\n\n\"b", "a/line 3: a quoted field has no end");
    reads_as("\"", "line 1: a quoted field has no end");
    reads_as("\"a\"\"", "line 1: a quoted field has no end");
    reads_as("\"two\nlines\"\n\"b\"x\n",
             "two\nlines/line 3: something stands behind a field's closing quote");
    reads_as("\"b\" ,c\n", "line 1: something stands behind a field's closing quote");
    reads_as("a,b,c,d,e,f\n1,2,3,4,5,6,7\n", "a|b|c|d|e|f/line 2: there are more than 6 columns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_fields),
        cmocka_unit_test(quotes),
        cmocka_unit_test(what_spreadsheets_do),
        cmocka_unit_test(what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
