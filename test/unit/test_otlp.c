/* test_otlp.c: spans and metrics as OTLP's JSON: valid, with ids, times and attributes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base_test.h"
#include "llm/prices.h"
#include "turn/telemetry/otlp.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

static struct buf out;
static yyjson_doc *doc;

static int begin(void **state UNUSED)
{
    buf_init(&out, 1u << 20);
    doc = NULL;
    return 0;
}

static int end(void **state UNUSED)
{
    yyjson_doc_free(doc);
    buf_fini(&out);
    return 0;
}

static const struct otlp_resource resource = {
    .service_name = {"a \"house\"", 9}, .service_version = {"1.2", 3}, .instance_id = {"X", 1}};

static struct span a_call(void)
{
    struct span s = {.kind = SPAN_CALL,
                     .began_wall_us = 1700000000123456,
                     .took_us = 1500,
                     .first_us = 250000,
                     .cost_usd_nanos = COST_UNKNOWN,
                     .operation = "chat",
                     .system = "openai",
                     .stream = true,
                     .status = 200,
                     .count = 2,
                     .parent = 0x0102030405060708};
    assert_true(traceparent_read(STR("00-" TRACE "-00f067aa0ba902b7-01"), &s.at));
    s.tokens = (struct tokens){.input = 3,
                               .cached = 4,
                               .cache_write = 5,
                               .output = 6,
                               .reasoning = 7,
                               .source = TOKENS_PROVIDER};
    span_put(&s, SPAN_MODEL, STR("gpt-5"));
    span_put(&s, SPAN_HOST, STR("api.openai.com"));
    span_put(&s, SPAN_PROVIDER, STR("home"));
    span_put(&s, SPAN_ANSWERED, STR("gpt-5-2025"));
    span_put(&s, SPAN_FINISHES, STR("stop,length"));
    return s;
}

/* The spans as the receiver reads them. */
static yyjson_val *written(const struct span *spans, unsigned n)
{
    buf_clear(&out);
    yyjson_doc_free(doc);
    otlp_spans_begin(&out, &resource);
    for (unsigned i = 0; i < n; i++)
        otlp_span(&out, &spans[i]);
    otlp_spans_end(&out);
    assert_int_equal(out.failed, 0);
    doc = yyjson_read(out.p, out.n, 0);
    if (!doc)
        fail_msg("no JSON: %.*s", (int)out.n, out.p);
    yyjson_val *all = yyjson_doc_ptr_get(doc, "/resourceSpans/0/scopeSpans/0/spans");
    assert_int_equal(yyjson_arr_size(all), n);
    return all;
}

static yyjson_val *attribute(yyjson_val *holder, const char *key)
{
    yyjson_val *one;
    yyjson_arr_iter it = yyjson_arr_iter_with(yyjson_obj_get(holder, "attributes"));
    while ((one = yyjson_arr_iter_next(&it)))
        if (yyjson_equals_str(yyjson_obj_get(one, "key"), key))
            return yyjson_obj_get(one, "value");
    return NULL;
}

static void has_text(yyjson_val *holder, const char *key, const char *value)
{
    yyjson_val *v = yyjson_obj_get(attribute(holder, key), "stringValue");
    if (!yyjson_equals_str(v, value))
        fail_msg("%s is '%s', not '%s'", key, yyjson_get_str(v), value);
}

static void has_int(yyjson_val *holder, const char *key, const char *value)
{
    yyjson_val *v = yyjson_obj_get(attribute(holder, key), "intValue");
    if (!yyjson_equals_str(v, value))
        fail_msg("%s is '%s', not '%s'", key, yyjson_get_str(v), value);
}

static void member_is(yyjson_val *object, const char *key, const char *value)
{
    assert_string_equal(yyjson_get_str(yyjson_obj_get(object, key)), value);
}

static void a_calls_span(void **state UNUSED)
{
    struct span call = a_call();
    yyjson_val *s = yyjson_arr_get(written(&call, 1), 0);
    member_is(s, "traceId", TRACE);
    member_is(s, "spanId", "00f067aa0ba902b7");
    member_is(s, "parentSpanId", "0102030405060708");
    member_is(s, "name", "chat gpt-5");
    member_is(s, "startTimeUnixNano", "1700000000123456000");
    member_is(s, "endTimeUnixNano", "1700000000124956000");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(s, "kind")), 3);
    assert_null(yyjson_obj_get(s, "status"));
    has_text(s, "gen_ai.operation.name", "chat");
    has_text(s, "gen_ai.provider.name", "openai");
    has_text(s, "gen_ai.request.model", "gpt-5");
    has_text(s, "gen_ai.response.model", "gpt-5-2025");
    has_int(s, "gen_ai.usage.input_tokens", "12");
    has_int(s, "gen_ai.usage.output_tokens", "13");
    has_int(s, "gen_ai.usage.cache_read.input_tokens", "4");
    has_int(s, "gen_ai.usage.cache_creation.input_tokens", "5");
    has_int(s, "gen_ai.usage.reasoning.output_tokens", "7");
    has_int(s, "http.response.status_code", "200");
    has_text(s, "server.address", "api.openai.com");
    has_int(s, "server.port", "80");
    yyjson_val *finishes = yyjson_ptr_get(attribute(s, "gen_ai.response.finish_reasons"),
                                          "/arrayValue/values");
    assert_int_equal(yyjson_arr_size(finishes), 2);
    assert_true(yyjson_equals_str(yyjson_ptr_get(finishes, "/1/stringValue"), "length"));
    yyjson_val *first = attribute(s, "gen_ai.response.time_to_first_chunk");
    assert_true(yyjson_get_num(yyjson_obj_get(first, "doubleValue")) == 0.25);
    assert_null(attribute(s, "sluice.cost_usd")); /* unknown is not 0 */
    assert_null(attribute(s, "error.type"));
    yyjson_val *r = yyjson_doc_ptr_get(doc, "/resourceSpans/0/resource");
    has_text(r, "service.name", "a \"house\"");
    has_text(r, "service.version", "1.2");
}

static void a_turns_span(void **state UNUSED)
{
    struct span s[2] = {a_call(), a_call()};
    s[1].kind = SPAN_TURN;
    s[1].parent = 0;
    s[1].status = 502;
    s[1].err = E_UPSTREAM_CUT;
    s[1].cost_usd_nanos = 1234567;
    s[1].api = "openai.chat";
    memcpy(s[1].id.text, "01M8DD86TS5F8S7B7P7BMXCSD0", ID_CHARS);
    span_put(&s[1], SPAN_METHOD, STR("POST"));
    span_put(&s[1], SPAN_ROUTE, STR("/v1/chat/completions"));
    span_put(&s[1], SPAN_ASKED, STR("a\"b\\\n\xff"));
    yyjson_val *t = yyjson_arr_get(written(s, 2), 1);
    assert_null(yyjson_obj_get(t, "parentSpanId"));
    member_is(t, "name", "POST /v1/chat/completions");
    assert_int_equal(yyjson_get_int(yyjson_obj_get(t, "kind")), 2);
    has_text(t, "sluice.turn.id", "01M8DD86TS5F8S7B7P7BMXCSD0");
    has_text(t, "sluice.asked", "a\"b\\\n\xef\xbf\xbd");
    has_text(t, "error.type", "upstream_cut");
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(t, "/status/code")), 2);
    yyjson_val *cost = attribute(t, "sluice.cost_usd");
    assert_true(yyjson_get_num(yyjson_obj_get(cost, "doubleValue")) == 0.001234567);
    assert_null(attribute(t, "sluice.lane"));
    assert_null(attribute(t, "gen_ai.usage.input_tokens")); /* its calls have them */
}

/* Whose mistake is it? */
static void statuses(void **state UNUSED)
{
    static const struct {
        enum span_kind kind;
        int err, status;
        bool is_error;
    } rows[] = {
        {SPAN_CALL, 0, 200, false},
        {SPAN_CALL, E_UPSTREAM_STATUS, 404, true},
        {SPAN_CALL, E_REFUSED, 0, true},
        {SPAN_CALL, E_CLIENT_GONE, 200, false},
        {SPAN_TURN, 0, 200, false},
        {SPAN_TURN, E_UNKNOWN_MODEL, 404, false},
        {SPAN_TURN, E_UPSTREAM_BUSY, 503, true},
        {SPAN_TURN, E_UPSTREAM_CUT, 200, true}, /* it broke off in the middle */
        {SPAN_TURN, E_CLIENT_GONE, 499, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = a_call();
        s.kind = rows[i].kind;
        s.err = rows[i].err;
        s.status = rows[i].status;
        yyjson_val *v = yyjson_arr_get(written(&s, 1), 0);
        assert_int_equal(yyjson_obj_get(v, "status") != NULL, rows[i].is_error);
        assert_int_equal(attribute(v, "error.type") != NULL, rows[i].err != 0);
        assert_int_equal(attribute(v, "http.response.status_code") != NULL, rows[i].status != 0);
    }
}

static void hosts(void **state UNUSED)
{
    static const struct {
        const char *host, *address, *port;
        bool tls;
    } rows[] = {
        {"api.openai.com", "api.openai.com", "443", true},
        {"api.openai.com", "api.openai.com", "80", false},
        {"127.0.0.1:9001", "127.0.0.1", "9001", false},
        {"[::1]:9001", "::1", "9001", false},
        {"[fe80::1]", "fe80::1", "443", true},
        {"host9", "host9", "80", false},
        {"10", "10", "80", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = a_call();
        s.texts_n = 0;
        span_put(&s, SPAN_HOST, str_from(rows[i].host));
        s.tls = rows[i].tls;
        yyjson_val *v = yyjson_arr_get(written(&s, 1), 0);
        has_text(v, "server.address", rows[i].address);
        has_int(v, "server.port", rows[i].port);
    }
}

static void estimates_and_unread_calls(void **state UNUSED)
{
    struct span s = a_call();
    s.tokens.source = TOKENS_ESTIMATE;
    yyjson_val *v = yyjson_arr_get(written(&s, 1), 0);
    assert_null(attribute(v, "gen_ai.usage.input_tokens"));
    s = a_call();
    s.operation = NULL; /* passed on unread */
    s.text[SPAN_MODEL].n = 0;
    span_put(&s, SPAN_METHOD, STR("GET"));
    v = yyjson_arr_get(written(&s, 1), 0);
    member_is(v, "name", "GET");
    has_text(v, "http.request.method", "GET");
    assert_null(attribute(v, "gen_ai.operation.name"));
}

/* Texts are cut between characters, and none is written past the others' room. */
static void long_texts_are_cut(void **state UNUSED)
{
    char text[3 * SPAN_TEXT_BYTES_MAX];
    struct span s = a_call();
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    s.texts_n = 0;
    for (unsigned which = 0; which < SPAN_TEXTS; which++)
        span_put(&s, (enum span_text)which, str_of(text + 1 - which % 2, sizeof(text) - 1));
    assert_true(s.texts_n <= SPAN_TEXTS_BYTES);
    for (unsigned which = 0; which < SPAN_TEXTS; which++)
        assert_true(span_get(&s, (enum span_text)which).n <= SPAN_TEXT_BYTES_MAX);
    assert_int_equal(span_get(&s, SPAN_TEXTS - 1).n, 0);
    (void)written(&s, 1);
    s.kind = SPAN_TURN;
    (void)written(&s, 1);
}

/* ---- metrics ---- */

static const double bounds[] = {0.1, 2.5, 0};
static const struct metric_desc counter = {
    .name = "turns_total", .help = "How \"many\".", .kind = METRIC_COUNTER, .labels = {"a", "b"}};
static const struct metric_desc money = {
    .name = "usd_total", .help = "x", .kind = METRIC_COUNTER, .scale = 1e-9, .unit = "USD"};
static const struct metric_desc gauge = {.name = "pool_bytes", .help = "x", .kind = METRIC_GAUGE};
static const struct metric_desc histogram = {
    .name = "turn_seconds", .help = "x", .kind = METRIC_HISTOGRAM, .bounds = bounds, .scale = 1e-6};

static yyjson_val *metrics_written(const struct metric_set *set)
{
    struct metric_cursor at = {.family = 0};
    struct metric_view view;
    struct otlp_metrics m = {.out = &out, .began_wall_us = 1000, .now_wall_us = 2000};
    otlp_metrics_begin(&m, &resource);
    while (metric_next(set, &at, &view))
        otlp_metric(&m, &view);
    otlp_metrics_end(&m);
    assert_int_equal(out.failed, 0);
    doc = yyjson_read(out.p, out.n, 0);
    if (!doc)
        fail_msg("no JSON: %.*s", (int)out.n, out.p);
    return yyjson_doc_ptr_get(doc, "/resourceMetrics/0/scopeMetrics/0/metrics");
}

static void metrics(void **state UNUSED)
{
    struct metric_set *set = metric_set_new();
    metric_add(metric_get(set, &counter, (const struct str[]){STR("x"), STR("")}), 3);
    metric_add(metric_get(set, &counter, (const struct str[]){STR("y\""), STR("z")}), 4);
    metric_add(metric_get(set, &money, NULL), 1234567);
    metric_put(metric_get(set, &gauge, NULL), -5);
    struct metric_series *h = metric_get(set, &histogram, NULL);
    metric_observe(h, 50000);
    metric_observe(h, 2500000);
    metric_observe(h, 9000000);
    yyjson_val *all = metrics_written(set);
    assert_int_equal(yyjson_arr_size(all), 4);

    yyjson_val *m = yyjson_arr_get(all, 0);
    member_is(m, "name", "turns_total");
    member_is(m, "description", "How \"many\".");
    member_is(m, "unit", "");
    assert_true(yyjson_get_bool(yyjson_ptr_get(m, "/sum/isMonotonic")));
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(m, "/sum/aggregationTemporality")), 2);
    yyjson_val *points = yyjson_ptr_get(m, "/sum/dataPoints");
    assert_int_equal(yyjson_arr_size(points), 2);
    for (size_t i = 0; i < 2; i++) { /* in whichever order */
        yyjson_val *p = yyjson_arr_get(points, i);
        bool x = yyjson_equals_str(yyjson_obj_get(p, "asInt"), "3");
        has_text(p, "a", x ? "x" : "y\"");
        assert_int_equal(attribute(p, "b") == NULL, x); /* what has no value is left out */
        member_is(p, "startTimeUnixNano", "1000000");
        member_is(p, "timeUnixNano", "2000000");
    }
    m = yyjson_arr_get(all, 1);
    member_is(m, "unit", "USD");
    assert_true(yyjson_get_num(yyjson_ptr_get(m, "/sum/dataPoints/0/asDouble")) == 0.001234567);
    m = yyjson_arr_get(all, 2);
    member_is(m, "unit", "By");
    member_is(yyjson_ptr_get(m, "/gauge/dataPoints/0"), "asInt", "-5");
    assert_null(yyjson_ptr_get(m, "/gauge/dataPoints/0/startTimeUnixNano"));
    m = yyjson_arr_get(all, 3);
    member_is(m, "unit", "s");
    yyjson_val *p = yyjson_ptr_get(m, "/histogram/dataPoints/0");
    member_is(p, "count", "3");
    assert_true(yyjson_get_num(yyjson_obj_get(p, "sum")) == 11.55);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(p, "bucketCounts")), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(yyjson_equals_str(yyjson_arr_get(yyjson_obj_get(p, "bucketCounts"), i), "1"));
    assert_true(yyjson_get_num(yyjson_ptr_get(p, "/explicitBounds/1")) == 2.5);
    metric_set_free(set);
}

static void none(void **state UNUSED)
{
    struct metric_set *set = metric_set_new();
    assert_int_equal(yyjson_arr_size(metrics_written(set)), 0);
    metric_set_free(set);
    (void)written(NULL, 0);
}

/* A text that outgrows its ceiling is remembered, and nothing is written past it. */
static void a_ceiling_is_kept(void **state UNUSED)
{
    struct span s = a_call();
    size_t whole;
    (void)written(&s, 1);
    whole = out.n;
    for (size_t ceiling = 0; ceiling < whole; ceiling += 7) {
        struct buf small;
        buf_init(&small, ceiling);
        otlp_spans_begin(&small, &resource);
        otlp_span(&small, &s);
        otlp_spans_end(&small);
        assert_int_equal(small.failed, E_TOO_LARGE);
        assert_true(small.n <= ceiling);
        buf_fini(&small);
    }
}

/* All texts as long as they may be, of what takes the most room. */
static void the_longest_span(void **state UNUSED)
{
    static const enum span_text call[] = {SPAN_MODEL, SPAN_HOST, SPAN_PROVIDER, SPAN_ANSWERED},
                                turn[] = {SPAN_ROUTE, SPAN_ASKED, SPAN_MODEL, SPAN_TENANT},
                                stop[] = {SPAN_FINISHES, SPAN_MODEL, SPAN_HOST, SPAN_PROVIDER};
    const enum span_text *const most[] = {call, turn, stop};
    char controls[SPAN_TEXT_BYTES_MAX], commas[SPAN_TEXT_BYTES_MAX];
    memset(controls, 1, sizeof(controls));
    memset(commas, ',', sizeof(commas));
    for (unsigned i = 0; i < 3; i++) {
        struct span s = a_call();
        s.kind = i == 1 ? SPAN_TURN : SPAN_CALL;
        s.err = E_UPSTREAM_BUSY;
        s.cost_usd_nanos = INT64_MAX;
        s.texts_n = 0;
        memset(s.text, 0, sizeof(s.text));
        for (unsigned k = 0; k < 4; k++)
            span_put(&s, most[i][k],
                     most[i][k] == SPAN_FINISHES ? str_of(commas, sizeof(commas))
                                                 : str_of(controls, sizeof(controls)));
        assert_int_equal(s.texts_n, SPAN_TEXTS_BYTES);
        written(&s, 0);
        size_t around = out.n;
        written(&s, 1);
        assert_in_range(out.n - around, 3000, OTLP_SPAN_BYTES_MAX);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

static void resource_names_stand_once(void **state UNUSED)
{
    struct str names[] = {STR("service.name"), STR("host \"a\""), STR("service.version"),
                          STR("service.instance.id")};
    struct str values[] = {STR("shop"), STR("h"), STR(""), STR("pod-1")};
    const struct conf_str_map more = {.n = ARRAY_LEN(names), .name = names, .value = values};
    struct otlp_resource r = resource;
    r.more = &more;
    otlp_spans_begin(&out, &r);
    otlp_spans_end(&out);
    doc = yyjson_read(out.p, out.n, 0);
    assert_non_null(doc);
    yyjson_val *all = yyjson_doc_ptr_get(doc, "/resourceSpans/0/resource/attributes");
    static const char *const want[][2] = {{"service.version", "1.2"},
                                          {"service.name", "shop"},
                                          {"host \"a\"", "h"},
                                          {"service.instance.id", "pod-1"}};
    assert_int_equal(yyjson_arr_size(all), ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        yyjson_val *a = yyjson_arr_get(all, i);
        assert_string_equal(yyjson_get_str(yyjson_obj_get(a, "key")), want[i][0]);
        assert_string_equal(yyjson_get_str(yyjson_ptr_get(a, "/value/stringValue")), want[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_calls_span),
        TEST(a_turns_span),
        TEST(statuses),
        TEST(hosts),
        TEST(estimates_and_unread_calls),
        TEST(long_texts_are_cut),
        TEST(the_longest_span),
        TEST(metrics),
        TEST(none),
        TEST(a_ceiling_is_kept),
        TEST(resource_names_stand_once),
    };
    return cmocka_run_group_tests_name("otlp", tests, NULL, NULL);
}
