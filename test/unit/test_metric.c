#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/metric.h"

static const struct metric_desc requests = {
    .name = "sluice_requests_total",
    .help = "Requests \\ with a\nbreak and a \"quote\".",
    .kind = METRIC_COUNTER,
    .labels = {"model", "status"},
};
static const struct metric_desc open_now = {
    .name = "sluice_open", .help = "Open.", .kind = METRIC_GAUGE};
static const double second_bounds[] = {0.005, 0.1, 2.5, 0};
static const struct metric_desc latency = {
    .name = "sluice_latency_seconds",
    .help = "Latency.",
    .kind = METRIC_HISTOGRAM,
    .labels = {"model"},
    .bounds = second_bounds,
    .scale = 1e-6,
};
static const struct metric_desc odd = {
    .name = "sluice_odd", .help = "Odd.", .kind = METRIC_GAUGE, .scale = 0.25};

static struct metric_set *set;
static struct buf out;

static int begin(void **state)
{
    (void)state;
    set = metric_set_new();
    buf_init(&out, 4 << 20);
    return set ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    metric_set_free(set);
    buf_fini(&out);
    return 0;
}

static struct str render(void)
{
    buf_clear(&out);
    assert_int_equal(metric_render(set, &out), 0);
    return buf_view(&out);
}

static struct metric_series *request(struct str model, struct str status)
{
    return metric_get(set, &requests, (const struct str[]){model, status});
}

static void renders_counters_and_gauges(void **state)
{
    (void)state;
    struct metric_series *s = request(STR("gpt-4o"), STR("200"));
    metric_add(s, 2);
    metric_add(request(STR("gpt-4o"), STR("200")), 3);
    assert_ptr_equal(request(STR("gpt-4o"), STR("200")), s);
    assert_ptr_not_equal(request(STR("gpt-4o2"), STR("00")), s); /* the border counts */
    assert_int_equal(metric_value(s), 5);
    struct metric_series *gauge = metric_get(set, &open_now, NULL);
    metric_put(gauge, 7);
    metric_add(gauge, -9);
    assert_ptr_equal(metric_get(set, &open_now, NULL), gauge);
    metric_put(metric_get(set, &odd, NULL), 3);
    struct str text = render();
    assert_true(str_starts(text, STR("# HELP sluice_requests_total Requests \\\\ with a\\nbreak "
                                     "and a \"quote\".\n# TYPE sluice_requests_total counter\n")));
    assert_true(
        str_find(text, STR("\nsluice_requests_total{model=\"gpt-4o\",status=\"200\"} 5\n")) > 0);
    assert_true(str_find(text, STR("{model=\"gpt-4o2\",status=\"00\"} 0\n")) > 0);
    assert_true(str_ends(text, STR("# HELP sluice_open Open.\n# TYPE sluice_open gauge\n"
                                   "sluice_open -2\n"
                                   "# HELP sluice_odd Odd.\n# TYPE sluice_odd gauge\n"
                                   "sluice_odd 0.75\n")));
}

static void renders_histograms(void **state)
{
    (void)state;
    struct metric_series *s = metric_get(set, &latency, (const struct str[]){STR("m")});
    static const int64_t us[] = {1, 5000, 5001, 100000, 100001, 2500000, 2500001, 9000000};
    for (size_t i = 0; i < ARRAY_LEN(us); i++)
        metric_observe(s, us[i]);
    assert_int_equal(metric_value(s), 8);
    assert_str(render(), STR("# HELP sluice_latency_seconds Latency.\n"
                             "# TYPE sluice_latency_seconds histogram\n"
                             "sluice_latency_seconds_bucket{model=\"m\",le=\"0.005\"} 2\n"
                             "sluice_latency_seconds_bucket{model=\"m\",le=\"0.1\"} 4\n"
                             "sluice_latency_seconds_bucket{model=\"m\",le=\"2.5\"} 6\n"
                             "sluice_latency_seconds_bucket{model=\"m\",le=\"+Inf\"} 8\n"
                             "sluice_latency_seconds_sum{model=\"m\"} 14.210004\n"
                             "sluice_latency_seconds_count{model=\"m\"} 8\n"));
}

static void escapes_and_cleans_labels(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        const char *text;
    } rows[] = {
        {STR("a\"b\\c\nd"), "a\\\"b\\\\c\\nd"}, {STR("\xff\xc3\xa4\xc3"), "?\xc3\xa4?"},
        {STR("x\x1by\x7fz"), "x?y?z"},          {STR_NONE, ""},
        {STR("nul\0behind"), "nul?behind"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metric_series *s = request(rows[i].value, STR("200"));
        assert_ptr_equal(request(rows[i].value, STR("200")), s);
        char want[100];
        snprintf(want, sizeof(want), "\nsluice_requests_total{model=\"%s\",status=\"200\"} 0\n",
                 rows[i].text);
        if (str_find(render(), str_from(want)) < 0)
            fail_msg("no %s in %.*s", want, STR_ARGS(render()));
    }
}

static void cuts_long_labels(void **state)
{
    (void)state;
    char longer[1000];
    memset(longer, 'x', sizeof(longer));
    longer[METRIC_LABEL_BYTES_MAX - 1] = '\xc3'; /* a character across the edge */
    longer[METRIC_LABEL_BYTES_MAX] = '\xa4';
    struct metric_series *s = request(str_of(longer, sizeof(longer)), STR("200"));
    assert_ptr_equal(request(str_of(longer, METRIC_LABEL_BYTES_MAX - 1), STR("200")), s);
    ptrdiff_t from = str_find(render(), STR("\"x")), to = str_find(render(), STR("x\""));
    assert_int_equal(to - from, METRIC_LABEL_BYTES_MAX - 1);
}

static void many_series_end_in_other(void **state)
{
    (void)state;
    struct metric_series *first = NULL, *other = NULL;
    for (int i = 0; i < 3 * METRIC_SERIES_MAX; i++) {
        char name[20];
        snprintf(name, sizeof(name), "model-%d", i);
        struct metric_series *s = request(str_from(name), STR("200"));
        metric_add(s, 1);
        if (i == 0)
            first = s;
        if (i == METRIC_SERIES_MAX)
            other = s;
        assert_true(i < METRIC_SERIES_MAX ? s != other : s == other);
    }
    assert_int_equal(metric_value(other), 2 * METRIC_SERIES_MAX);
    assert_ptr_equal(request(STR("model-0"), STR("200")), first); /* known ones stay */
    assert_int_equal(metric_value(first), 1);
    struct str text = render();
    size_t lines = 0;
    while (text.n > 0)
        lines += str_starts(str_cut(&text, '\n'), STR("sluice_requests_total{"));
    assert_int_equal(lines, METRIC_SERIES_MAX + 1);
    assert_true(str_find(render(), STR("{model=\"other\",status=\"other\"} 1024\n")) > 0);
    /* Another family is not full. */
    assert_ptr_not_equal(metric_get(set, &latency, (const struct str[]){STR("m")}), other);
}

/* A client that calls its model "other" must not make a second series of that name. */
static void other_is_there_once(void **state)
{
    (void)state;
    struct metric_series *s = request(STR("other"), STR("other"));
    metric_add(s, 1);
    for (int i = 0; i < METRIC_SERIES_MAX; i++) {
        char name[20];
        snprintf(name, sizeof(name), "model-%d", i);
        metric_add(request(str_from(name), STR("200")), 1);
    }
    assert_ptr_equal(request(STR("one too many"), STR("200")), s);
    struct str text = render();
    ptrdiff_t at = str_find(text, STR("{model=\"other\",status=\"other\"}"));
    assert_true(at > 0);
    assert_int_equal(
        str_find(str_tail(text, (size_t)at + 1), STR("{model=\"other\",status=\"other\"}")), -1);
}

static void shows_no_other_that_is_unused(void **state)
{
    (void)state;
    metric_add(request(STR("m"), STR("200")), 1);
    assert_int_equal(str_find(render(), STR("other")), -1);
}

static void says_when_it_does_not_fit(void **state)
{
    (void)state;
    metric_add(request(STR("m"), STR("200")), 1);
    struct buf small;
    buf_init(&small, 50);
    assert_int_equal(metric_render(set, &small), E_TOO_LARGE);
    buf_fini(&small);
}

/* One series after the other, as render has them. */
static void are_met_one_after_the_other(void **state)
{
    (void)state;
    struct metric_cursor at = {.family = 0};
    struct metric_view v;
    assert_false(metric_next(set, &at, &v)); /* none yet */
    for (int i = 0; i < METRIC_SERIES_MAX + 5; i++) {
        char name[20];
        snprintf(name, sizeof(name), "model-%d", i);
        metric_add(request(str_from(name), STR("200")), 1 + i % 2);
    }
    struct metric_series *l = metric_get(set, &latency, (const struct str[]){STR("m")});
    metric_observe(l, 1);
    metric_observe(l, INT64_C(1) << 40);
    int64_t sum = 0;
    unsigned counters = 0, histograms = 0, families = 0;
    const struct metric_desc *last = NULL;
    at = (struct metric_cursor){.family = 0};
    while (metric_next(set, &at, &v)) {
        families += v.desc != last;
        last = v.desc;
        if (v.desc == &latency) {
            histograms++;
            assert_str(v.labels[0], STR("m"));
            assert_int_equal(v.count, 2);
            assert_int_equal(v.below[0], 1);
            assert_int_equal(v.below[v.bounds_n], 1);
            assert_int_equal(v.value, (INT64_C(1) << 40) + 1);
            continue;
        }
        counters++;
        sum += v.value;
        assert_int_equal(v.labels_n, 2);
        assert_str(v.labels[1], str_eq(v.labels[0], STR("other")) ? STR("other") : STR("200"));
    }
    assert_int_equal(families, 2);
    assert_int_equal(counters, METRIC_SERIES_MAX + 1); /* with the one that the rest is in */
    assert_int_equal(histograms, 1);
    assert_int_equal(sum, (METRIC_SERIES_MAX + 5) * 3 / 2);
    assert_false(metric_next(set, &at, &v)); /* it stays at its end */
}

static void what_is_gone_is_hidden(void **state)
{
    static const struct metric_desc up = {
        .name = "up", .help = "x", .kind = METRIC_GAUGE, .labels = {"of"}};
    (void)state;
    struct str names[] = {STR("a"), STR("b"), STR("c")};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        metric_put(metric_get(set, &up, &names[i]), 1);
    metric_hide(set, &up);
    metric_put(metric_get(set, &up, &names[1]), 0);
    assert_int_equal(metric_render(set, &out), 0);
    assert_str(buf_view(&out), STR("# HELP up x\n# TYPE up gauge\nup{of=\"b\"} 0\n"));
    struct metric_cursor at = {.family = 0};
    struct metric_view v;
    assert_true(metric_next(set, &at, &v));
    assert_str(v.labels[0], STR("b"));
    assert_false(metric_next(set, &at, &v));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(renders_counters_and_gauges),   TEST(renders_histograms),
        TEST(escapes_and_cleans_labels),     TEST(cuts_long_labels),
        TEST(many_series_end_in_other),      TEST(other_is_there_once),
        TEST(shows_no_other_that_is_unused), TEST(says_when_it_does_not_fit),
        TEST(are_met_one_after_the_other),   TEST(what_is_gone_is_hidden),
    };
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
