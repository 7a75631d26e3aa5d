/* test_trace.c: W3C's traceparent, and what a turn makes of it. */
#include <stdlib.h>
#include <string.h>

#include "base_test.h"
#include "turn/telemetry/trace.h"

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"
#define PARENT "00-" ID "-" SPAN "-01"

static void reads_what_it_writes(void **state UNUSED)
{
    static const char *const good[] = {PARENT, "00-" ID "-" SPAN "-00", "00-" ID "-" SPAN "-03",
                                       "00-00000000000000000000000000000001-0000000000000001-02"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct traceparent p;
        char out[TRACEPARENT_CHARS];
        assert_true(traceparent_read(str_from(good[i]), &p));
        traceparent_write(&p, out);
        assert_memory_equal(out, good[i], TRACEPARENT_CHARS);
    }
    struct traceparent p;
    assert_true(traceparent_read(STR(PARENT), &p));
    assert_int_equal(p.id[0], 0x4b);
    assert_int_equal(p.id[15], 0x36);
    assert_true(p.span == 0x00f067aa0ba902b7);
    assert_int_equal(p.flags, 1);
}

static void later_versions_are_read_as_far_as_known(void **state UNUSED)
{
    static const char *const good[] = {"01-" ID "-" SPAN "-01", "cc-" ID "-" SPAN "-ff",
                                       "fe-" ID "-" SPAN "-01-what-the-future-brings"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct traceparent p;
        char out[TRACEPARENT_CHARS];
        assert_true(traceparent_read(str_from(good[i]), &p));
        traceparent_write(&p, out);
        assert_memory_equal(out, "00-" ID "-" SPAN, 52);
        assert_int_equal(out[53], '0'); /* flags that nobody knows are not passed on */
    }
}

static void malformed_ones_are_refused(void **state UNUSED)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" ID "-" SPAN,
        "00-" ID "-" SPAN "-",
        "00-" ID "-" SPAN "-0",
        "00-" ID "-" SPAN "-0g",
        "00-" ID "-" SPAN "-0A",
        "00-" ID "-" SPAN "-01-",
        "00-" ID "-" SPAN "-011",
        "01-" ID "-" SPAN "-01.more",
        "ff-" ID "-" SPAN "-01",
        "0-" ID "-" SPAN "-01x",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-" ID "-00F067AA0BA902B7-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00_" ID "-" SPAN "-01",
        "00-" ID "_" SPAN "-01",
        "00-" ID "-" SPAN "_01",
        " 00-" ID "-" SPAN "-01",
        "00-" SPAN "-" ID "-01",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct traceparent p = {.span = 7};
        if (traceparent_read(str_from(bad[i]), &p))
            fail_msg("'%s' was read", bad[i]);
        assert_true(p.span == 7);
    }
}

/* Every head of a good one, and every one with a byte changed, is read or refused, and no byte
 * behind it is looked at. */
static void reads_no_byte_too_many(void **state UNUSED)
{
    for (size_t n = 0; n <= strlen(PARENT); n++) {
        struct traceparent p;
        char *copy = malloc(n + 1); /* so that a sanitizer sees it */
        memcpy(copy, PARENT, n);
        char *exact = realloc(copy, n ? n : 1);
        assert_int_equal(traceparent_read(str_of(exact, n), &p), n == strlen(PARENT));
        for (size_t at = 0; at < n; at++) {
            exact[at] = (char)(exact[at] ^ 0x80);
            assert_false(traceparent_read(str_of(exact, n), &p));
            exact[at] = (char)(exact[at] ^ 0x80);
        }
        free(exact);
    }
}

static void headers_add(struct http_headers *h, const char *name, const char *value)
{
    assert_int_equal(http_headers_add(h, str_from(name), str_from(value)), 0);
}

struct world {
    struct arena arena;
    struct http_headers from, to;
    struct trace trace;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    if (!w)
        return -1;
    arena_init_private(&w->arena, 1u << 20);
    http_headers_init(&w->from, &w->arena);
    http_headers_init(&w->to, &w->arena);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    arena_fini(&w->arena);
    free(w);
    return 0;
}

static void pass(struct world *w)
{
    for (unsigned i = 0; i < w->from.n; i++)
        assert_int_equal(http_headers_append(&w->to, w->from.at[i]), 0);
    assert_int_equal(trace_pass(&w->trace, &w->to), 0);
}

static void the_clients_trace_goes_on(void **state)
{
    struct world *w = *state;
    headers_add(&w->from, "X-One", "1");
    headers_add(&w->from, "TraceParent", PARENT);
    headers_add(&w->from, "tracestate", "a=1");
    trace_begin(&w->trace, &w->from, 0);
    assert_true(w->trace.sampled);
    assert_true(w->trace.caller == 0x00f067aa0ba902b7);
    assert_true(w->trace.turn != 0 && w->trace.turn != w->trace.caller);
    pass(w);
    assert_int_equal(w->to.n, 3);
    assert_int_equal(http_headers_count(&w->to, STR("traceparent")), 1);
    assert_true(str_eq(http_headers_get(&w->to, STR("tracestate")), STR("a=1")));
    struct str sent = http_headers_get(&w->to, STR("traceparent"));
    struct traceparent first, second;
    assert_true(traceparent_read(sent, &first));
    assert_memory_equal(sent.p + 3, ID, 32);
    assert_true(first.span != w->trace.caller && first.span != w->trace.turn);
    trace_next(&w->trace); /* the header in the list is the next call's now */
    assert_true(traceparent_read(sent, &second));
    assert_true(second.span == w->trace.call.span && second.span != first.span);
}

static void the_clients_flag_decides(void **state)
{
    struct world *w = *state;
    headers_add(&w->from, "traceparent", "00-" ID "-" SPAN "-00");
    trace_begin(&w->trace, &w->from, 1000000);
    assert_false(w->trace.sampled);
    pass(w);
    assert_true(str_ends(http_headers_get(&w->to, STR("traceparent")), STR("-00")));
}

static void a_trace_of_its_own(void **state)
{
    struct world *w = *state;
    headers_add(&w->from, "tracestate", "a=1");
    headers_add(&w->from, "traceparent", PARENT);
    headers_add(&w->from, "traceparent", PARENT); /* two are as none */
    trace_begin(&w->trace, &w->from, 1000000);
    assert_true(w->trace.sampled && w->trace.caller == 0);
    pass(w);
    assert_int_equal(w->to.n, 1); /* the tracestate belonged to what was malformed */
    struct str sent = http_headers_get(&w->to, STR("traceparent"));
    assert_memory_not_equal(sent.p + 3, ID, 32);
    assert_true(str_ends(sent, STR("-01")));
    trace_begin(&w->trace, &w->from, 0);
    assert_false(w->trace.sampled);
}

static void a_share_is_kept(void **state UNUSED)
{
    static const int64_t shares[] = {0, 1, 100000, 500000, 999999, 1000000};
    for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
        struct http_headers none = {.n = 0};
        int64_t kept = 0, all = 20000;
        for (int64_t k = 0; k < all; k++) {
            struct trace t;
            trace_begin(&t, &none, shares[i]);
            assert_int_equal(t.sampled, trace_is_kept(t.call.id, shares[i]));
            kept += t.sampled;
        }
        int64_t wanted = all * shares[i] / 1000000;
        assert_in_range(kept + all / 50, wanted, wanted + all / 25);
    }
    unsigned char low[TRACE_ID_BYTES] = {[15] = 1}, high[TRACE_ID_BYTES];
    memset(high, 0xff, sizeof(high));
    assert_false(trace_is_kept(low, 999999)); /* OpenTelemetry keeps the upper end */
    assert_true(trace_is_kept(high, 1));
    assert_false(trace_is_kept(high, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(later_versions_are_read_as_far_as_known),
        cmocka_unit_test(malformed_ones_are_refused),
        cmocka_unit_test(reads_no_byte_too_many),
        cmocka_unit_test_setup_teardown(the_clients_trace_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_clients_flag_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_trace_of_its_own, set_up, tear_down),
        cmocka_unit_test(a_share_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
