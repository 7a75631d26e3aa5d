/* test_roff.c: text for man pages. */
#include "base_test.h"
#include "conf/roff.h"

static void gives(void (*fn)(struct buf *out, struct str s), const char *text, const char *roff)
{
    struct buf out;
    buf_init(&out, 4096);
    fn(&out, str_from(text));
    if (!str_eq(buf_view(&out), str_from(roff)))
        fail_msg("%s: %.*s, expected %s", text, STR_ARGS(buf_view(&out)), roff);
    buf_fini(&out);
}

static void what_roff_would_take(void **state)
{
    (void)state;
    gives(roff_plain, "a\\b", "a\\eb");
    gives(roff_plain, ".TH\n'x' .y", "\\&.TH\n\\&\\(aqx\\(aq .y");
    gives(roff_plain, "--x `y` ~^", "\\-\\-x \\(gay\\(ga \\(ti\\(ha");
}

static void markup(void **state)
{
    (void)state;
    gives(roff_text, "set `a-b: \"\\n\"`, or not", "set \\fBa\\-b: \"\\en\"\\fR, or not");
    gives(roff_text, "a list of [parts](#parts), [x]", "a list of parts, [x]");
    gives(roff_text, "`[a](b)`", "\\fB[a](b)\\fR");
    gives(roff_text, "[a\nb](c) `open", "[a\nb](c) \\fBopen\\fR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_roff_would_take),
        cmocka_unit_test(markup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
