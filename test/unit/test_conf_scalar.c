/* test_conf_scalar.c: texts to numbers and back, exactly. */
#include "base_test.h"

#include <inttypes.h>

#include "conf/scalar.h"

static const char *const words[] = {"ask", "estimate", "off", NULL};
static const struct conf_row flag = {.name = "flag", .type = CONF_BOOL};
static const struct conf_row count = {.name = "count", .type = CONF_INT, .min = -5, .max = 100};
static const struct conf_row any = {.name = "any", .type = CONF_INT};
static const struct conf_row share = {.name = "share", .type = CONF_SHARE, .max = 1000000};
static const struct conf_row wait = {.name = "wait", .type = CONF_DURATION, .max = INT64_MAX};
static const struct conf_row pause = {
    .name = "pause", .type = CONF_DURATION, .min = 10, .max = 60000};
static const struct conf_row bytes = {.name = "bytes", .type = CONF_BYTES};
static const struct conf_row usd = {.name = "usd", .type = CONF_USD};
static const struct conf_row choice = {.name = "choice", .type = CONF_CHOICE, .choices = words};

static void accepts(const struct conf_row *row, const char *text, int64_t want)
{
    int64_t got = -77777;
    struct scalar_why why = {""};
    if (!scalar_parse(row, str_from(text), &got, &why))
        fail_msg("%s: '%s' %s", row->name, text, why.text);
    if (got != want)
        fail_msg("%s: '%s' is %" PRId64 ", want %" PRId64, row->name, text, got, want);
}

static void refuses(const struct conf_row *row, const char *text, const char *want)
{
    int64_t got = -77777;
    struct scalar_why why = {""};
    if (scalar_parse(row, str_from(text), &got, &why))
        fail_msg("%s: '%s' was taken as %" PRId64, row->name, text, got);
    assert_int_equal(got, -77777);
    if (str_find(str_from(why.text), str_from(want)) < 0)
        fail_msg("%s: '%s' %s; the complaint has no \"%s\"", row->name, text, why.text, want);
}

static void reads_switches(void **state)
{
    (void)state;
    static const char *const on[] = {"on", "yes", "true", "True", "ON"};
    static const char *const off[] = {"off", "no", "false", "FALSE", "No"};
    for (size_t i = 0; i < 5; i++) {
        accepts(&flag, on[i], 1);
        accepts(&flag, off[i], 0);
    }
    refuses(&flag, "maybe", "expected on or off");
    refuses(&flag, "1", "expected on or off");
    refuses(&flag, "", "expected on or off");
}

static void reads_whole_numbers(void **state)
{
    (void)state;
    accepts(&count, "0", 0);
    accepts(&count, "100", 100);
    accepts(&count, "+7", 7);
    accepts(&count, "-5", -5);
    accepts(&count, "7.0", 7);
    accepts(&any, "9223372036854775807", INT64_MAX);
    accepts(&any, "-9223372036854775807", -INT64_MAX);
    refuses(&any, "9223372036854775808", "is too large");
    refuses(&any, "99999999999999999999999999999999999999999999999", "too many digits");
    refuses(&count, "101", "is too large; expected -5 to 100");
    refuses(&count, "-6", "is too small; expected -5 to 100");
    refuses(&count, "99999999999999999999", "is too large; expected -5 to 100");
    refuses(&count, "-99999999999999999999", "is too small; expected -5 to 100");
    refuses(&count, "1.5", "finer than a whole number");
    refuses(&count, "1x", "is no number");
    refuses(&count, "0x10", "is no number");
    refuses(&count, "1e2", "is no number");
    refuses(&count, "1.2.3", "is no number");
    refuses(&count, ".", "is no number");
    refuses(&count, "-", "is no number");
    refuses(&count, "", "is no number");
}

static void reads_shares(void **state)
{
    (void)state;
    accepts(&share, "0.25", 250000);
    accepts(&share, "25%", 250000);
    accepts(&share, "25 %", 250000);
    accepts(&share, "0.0001%", 1);
    accepts(&share, ".5", 500000);
    accepts(&share, "1", 1000000);
    refuses(&share, "0.0000001", "finer than a millionth");
    refuses(&share, "101%", "is too large; expected 0 to 1");
    refuses(&share, "-1%", "is too small");
    refuses(&share, "5 of 10", "unknown unit");
}

static void reads_durations(void **state)
{
    (void)state;
    accepts(&wait, "250ms", 250);
    accepts(&wait, "30s", 30000);
    accepts(&wait, "10m", 600000);
    accepts(&wait, "1h", 3600000);
    accepts(&wait, "7d", 604800000);
    accepts(&wait, "1.5h", 5400000);
    accepts(&wait, "2 s", 2000);
    accepts(&wait, "0", 0);
    accepts(&wait, "0s", 0);
    accepts(&wait, "off", 0);
    refuses(&wait, "on", "is no number");
    refuses(&wait, "30", "needs a unit; expected a duration such as 250ms");
    refuses(&wait, "0.0005s", "finer than a millisecond");
    refuses(&wait, "1w", "unknown unit");
    refuses(&wait, "1M", "unknown unit");
    refuses(&wait, "-1s", "is too small");
    refuses(&pause, "off", "is no number");
    refuses(&pause, "0", "is too small; expected 10ms to 1m");
    refuses(&pause, "61s", "is too large; expected 10ms to 1m");
}

static void reads_sizes(void **state)
{
    (void)state;
    accepts(&bytes, "4096", 4096);
    accepts(&bytes, "64KiB", 65536);
    accepts(&bytes, "64kib", 65536);
    accepts(&bytes, "8MiB", 8388608);
    accepts(&bytes, "1GiB", 1073741824);
    accepts(&bytes, "2TiB", 2199023255552);
    accepts(&bytes, "3KB", 3000);
    accepts(&bytes, "3MB", 3000000);
    accepts(&bytes, "3 GB", 3000000000);
    accepts(&bytes, "12B", 12);
    accepts(&bytes, "1.5KiB", 1536);
    accepts(&bytes, "0", 0);
    refuses(&bytes, "1.5", "finer than a byte");
    refuses(&bytes, "-1", "is too small; expected 0 or more");
    refuses(&bytes, "8Mb8", "unknown unit");
    refuses(&bytes, "9000000TiB", "is too large");
}

static void reads_dollars(void **state)
{
    (void)state;
    accepts(&usd, "50", 50000000000);
    accepts(&usd, "$50", 50000000000);
    accepts(&usd, "0.000000001", 1);
    accepts(&usd, "2.5e-07", 250);
    accepts(&usd, "1E3", 1000000000000);
    accepts(&usd, "0.1", 100000000);
    accepts(&usd, "0e999", 0);
    refuses(&usd, "0.0000000001", "finer than a nano-dollar");
    refuses(&usd, "-1", "is too small; expected 0 or more");
    refuses(&usd, "1e30", "is too large");
    refuses(&usd, "1e-999", "finer than a nano-dollar");
    refuses(&usd, "5 EUR", "is no number");
}

static void reads_choices(void **state)
{
    (void)state;
    accepts(&choice, "ask", 0);
    accepts(&choice, "estimate", 1);
    accepts(&choice, "off", 2);
    accepts(&choice, "false", 2);
    refuses(&choice, "true", "expected one of: ask, estimate, off");
    refuses(&choice, "astimate", "did you mean 'estimate'?");
    refuses(&choice, "Ask", "Expected one of: ask, estimate, off");
    refuses(&choice, "zzz", "expected one of: ask, estimate, off");
}

/* Whatever a value is, its shortest text reads back as it. */
static void prints_what_it_reads(void **state)
{
    (void)state;
    static const struct conf_row *const rows[] = {&flag,  &count, &any, &share, &wait,
                                                  &pause, &bytes, &usd, &choice};
    static const int64_t factors[] = {1, 10, 1000, 1024, 60000, 3600000, 1048576, 86400000};
    struct chance chance = {1};
    unsigned tried[9] = {0};
    for (unsigned i = 0; i < 200000; i++) {
        const struct conf_row *row = rows[i % 9];
        int64_t value = (int64_t)chance_below(&chance, 1u << (chance_below(&chance, 30) + 1)) *
                        factors[chance_below(&chance, 8)];
        if (chance_below(&chance, 4) == 0)
            value = -value;
        if (row->type == CONF_BOOL || row->type == CONF_CHOICE)
            value = chance_below(&chance, row->type == CONF_BOOL ? 2 : 3);
        if (!scalar_in_bounds(row, value))
            continue;
        struct buf out;
        buf_init(&out, 256);
        assert_int_equal(scalar_print(row, value, &out), 0);
        buf_char(&out, '\0');
        accepts(row, out.p, value);
        buf_fini(&out);
        tried[i % 9]++;
    }
    for (size_t i = 0; i < 9; i++)
        assert_true(tried[i] > 100);
}

static void prints_short(const struct conf_row *row, int64_t value, const char *want)
{
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(scalar_print(row, value, &out), 0);
    assert_str(buf_view(&out), str_from(want));
    buf_fini(&out);
}

static void prints_the_shortest(void **state)
{
    (void)state;
    prints_short(&wait, 90000, "90s");
    prints_short(&wait, 604800000, "7d");
    prints_short(&wait, 1, "1ms");
    prints_short(&wait, 0, "off");
    prints_short(&bytes, 65536, "64KiB");
    prints_short(&bytes, 3000, "3000");
    prints_short(&bytes, 0, "0");
    prints_short(&usd, 1, "0.000000001");
    prints_short(&usd, 50000000000, "50");
    prints_short(&share, 250000, "0.25");
    prints_short(&count, -5, "-5");
    prints_short(&flag, 1, "on");
    prints_short(&choice, 1, "estimate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_switches),      cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(reads_shares),        cmocka_unit_test(reads_durations),
        cmocka_unit_test(reads_sizes),         cmocka_unit_test(reads_dollars),
        cmocka_unit_test(reads_choices),       cmocka_unit_test(prints_what_it_reads),
        cmocka_unit_test(prints_the_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
