/* test_anthropic_facts.c: what is read of Anthropic's requests, answers and events that pass. */
#include <stdio.h>

#include "base/json.h"
#include "base_test.h"
#include "llm/anthropic.h"

static struct llm_facts answer(const char *body)
{
    struct llm_facts facts;
    memset(&facts, 0xAA, sizeof(facts));
    if (anthropic_answer_read(str_from(body), &facts) != 0)
        fail_msg("refused: %s", body);
    return facts;
}

static struct llm_facts event(const char *name, const char *data)
{
    struct llm_facts facts;
    memset(&facts, 0xAA, sizeof(facts));
    if (anthropic_event_read(str_from(name), str_from(data), &facts) != 0)
        fail_msg("refused: %s", data);
    return facts;
}

static void assert_tokens(const struct tokens *t, int64_t input, int64_t cached,
                          int64_t cache_write, int64_t output, int64_t reasoning)
{
    assert_int_equal(t->input, input);
    assert_int_equal(t->cached, cached);
    assert_int_equal(t->cache_write, cache_write);
    assert_int_equal(t->output, output);
    assert_int_equal(t->reasoning, reasoning);
    assert_int_equal(t->source, TOKENS_PROVIDER);
}

/* Where what was written to the cache is kept for an hour, it has a price of its own. */
static void writes_for_an_hour_are_told_apart(void **state UNUSED)
{
    static const struct {
        const char *usage;
        int64_t written, hour;
    } rows[] = {
        {"\"cache_creation_input_tokens\":30,\"cache_creation\":{\"ephemeral_5m_input_tokens\":10,"
         "\"ephemeral_1h_input_tokens\":20,\"new\":[1]}",
         30, 20},
        {"\"cache_creation\":{\"ephemeral_1h_input_tokens\":20,\"ephemeral_5m_input_tokens\":1}",
         21, 20},
        {"\"cache_creation_input_tokens\":30", 30, 0},
        {"\"cache_creation_input_tokens\":30,\"cache_creation\":null", 30, 0},
        {"\"cache_creation_input_tokens\":3,\"cache_creation\":{\"ephemeral_1h_input_tokens\":9}",
         3, 3},
        {"\"cache_creation\":{\"ephemeral_1h_input_tokens\":-9}", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char json[400];
        struct llm_facts f;
        snprintf(json, sizeof(json), "{\"type\":\"message\",\"usage\":{\"input_tokens\":5,%s}}",
                 rows[i].usage);
        assert_int_equal(anthropic_answer_read(str_from(json), &f), 0);
        assert_tokens(&f.usage, 5, 0, rows[i].written, 0, 0);
        assert_int_equal(f.usage.cache_write_1h, rows[i].hour);
        snprintf(json, sizeof(json),
                 "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,%s}}}",
                 rows[i].usage);
        struct llm_facts start = event("message_start", json);
        struct llm_facts end = event("message_delta",
                                     "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{"
                                     "\"cache_creation_input_tokens\":3,\"output_tokens\":7}}");
        anthropic_usage_merge(&start.usage, &end.usage);
        assert_int_equal(start.usage.cache_write_1h, rows[i].hour);
        assert_int_equal(start.usage.output, 7);
    }
}

/* ---- requests ---- */

static void a_request_says_what_the_house_needs(void **state)
{
    (void)state;
    struct arena a;
    struct llm_request r;
    struct str body = STR(" {\"max_tokens\":64,\"model\":\"claude\\u002d1\",\"stream\":true,"
                          "\"messages\":[],\"new\":{}}");
    arena_init(&a, 1u << 16);
    assert_int_equal(anthropic_request_read(body, &a, &r, NULL), 0);
    assert_int_equal(r.op, OP_CHAT);
    assert_str(r.model, STR("claude-1"));
    assert_str(str_of(body.p + r.model_at.from, r.model_at.to - r.model_at.from),
               STR("\"claude\\u002d1\""));
    assert_true(r.stream && r.wants_usage);
    assert_int_equal(r.max_tokens, 64);
    assert_int_equal(r.choices, 1);
    assert_int_equal(r.inside_at, 2);
    assert_int_equal(r.members, 5);
    assert_int_equal(r.stream_options_at.to, 0);
    arena_fini(&a);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int err;
        const char *words;
    } rows[] = {
        {"[]", E_BAD_JSON, "object"},
        {"{\"model\":\"m\"", E_BAD_JSON, "byte"},
        {"{\"messages\":[]}", E_BAD_REQUEST, "'model' is missing"},
        {"{\"model\":\"m\"}", E_BAD_REQUEST, "'messages' is missing"},
        {"{\"model\":\"m\",\"messages\":\"x\"}", E_BAD_REQUEST, "'messages' has to be a list"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":1}", E_BAD_REQUEST, "'stream'"},
        {"{\"model\":\"m\",\"messages\":[],\"max_tokens\":1.5}", E_BAD_REQUEST, "'max_tokens'"},
        {"{\"model\":\"m\",\"messages\":[],\"Speed\":\"fast\"}", E_BAD_REQUEST, "'speed'"},
    };
    static const char *const deciding[] = {"model",        "messages",     "max_tokens", "stream",
                                           "system",       "speed",        "tools",      "thinking",
                                           "service_tier", "output_config"};
    struct arena a;
    struct llm_request r;
    char body[200];
    arena_init(&a, 1u << 16);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault f = {0};
        int err = anthropic_request_read(str_from(rows[i].body), &a, &r, &f);
        if (err != rows[i].err || f.err != err || !strstr(f.text, rows[i].words))
            fail_msg("%s: %s, %s", rows[i].body, err_code(err), f.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(deciding); i++) {
        snprintf(body, sizeof(body), "{\"%s\":null,\"x\":1,\"%s\":null}", deciding[i], deciding[i]);
        assert_int_equal(anthropic_request_read(str_from(body), &a, &r, NULL), E_DUPLICATE_KEY);
    }
    arena_fini(&a);
}

/* ---- answers ---- */

static void an_answer_says_its_usage_and_its_bytes(void **state)
{
    (void)state;
    struct llm_facts f = answer(
        "{\"type\":\"message\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\\u00e9\","
        "\"signature\":\"sig\"},{\"type\":\"text\",\"text\":\"abc\",\"citations\":null},"
        "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"fn\",\"input\":{\"a\":1}}],"
        "\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":21,\"output_tokens\":50,"
        "\"cache_creation_input_tokens\":7,\"cache_read_input_tokens\":100,"
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":7},"
        "\"output_tokens_details\":{\"thinking_tokens\":20}}}");
    assert_true(f.has_usage && f.has_usage_member && f.speaks && f.finished);
    assert_false(f.has_error || f.done || f.unread || f.only_usage || f.has_choices);
    assert_tokens(&f.usage, 21, 100, 7, 30, 20);
    assert_int_equal(f.content_bytes, 2 + 3 + 2 + 7);
    f = answer("{\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":null}");
    assert_true(f.finished && f.has_usage_member);
    assert_false(f.has_usage || f.speaks);
    f = answer(
        "{\"usage\":{\"output_tokens\":5,\"output_tokens_details\":{\"thinking_tokens\":9}}}");
    assert_tokens(&f.usage, 0, 0, 0, 0, 5); /* a part is never more than its whole */
    f = answer("{\"usage\":{\"input_tokens\":-1,\"output_tokens\":\"5\"}}");
    assert_false(f.has_usage);
}

static void an_error_in_place_of_an_answer(void **state)
{
    (void)state;
    struct llm_facts f = answer("{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
                                "\"message\":\"bad \\\"key\\\"\"}}");
    assert_true(f.has_error);
    assert_int_equal(f.error_status, 401);
    assert_str(f.error_text, STR("bad \"key\""));
    f = answer("{\"error\":\"plain\"}");
    assert_true(f.has_error);
    assert_int_equal(f.error_status, 0);
    assert_str(f.error_text, STR("plain"));
    assert_false(answer("{\"error\":null}").has_error);
    /* llama.cpp's form: wire/anthropic/real-error */
    f = answer("{\"error\":{\"code\":500,\"message\":\"no\",\"type\":\"server_error\"}}");
    assert_int_equal(f.error_status, 500);
    f = answer("{\"error\":{\"code\":7,\"message\":\"no\",\"type\":\"server_error\"}}");
    assert_int_equal(f.error_status, 0);
    struct llm_facts facts;
    assert_int_equal(anthropic_answer_read(STR("[]"), &facts), E_UPSTREAM_BODY);
    assert_int_equal(anthropic_answer_read(STR("{\"content\":[{]}"), &facts), E_UPSTREAM_BODY);
}

static void types_of_errors_go_both_ways(void **state)
{
    (void)state;
    static const int statuses[] = {400, 401, 402, 403, 404, 413, 429, 500, 504, 529};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        assert_int_equal(anthropic_error_status(str_from(anthropic_error_type(statuses[i]))),
                         statuses[i]);
    assert_int_equal(anthropic_error_status(STR("new_error")), 0);
}

/* ---- events ---- */

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"content\":[],\"stop_reason\":null,\"usage\":{"     \
    "\"input_tokens\":9,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}"

static void events_say_what_they_are(void **state)
{
    (void)state;
    struct llm_facts f = event("message_start", START);
    assert_tokens(&f.usage, 9, 5, 0, 1, 0);
    assert_false(f.speaks || f.finished || f.unread || f.done);
    f = event(NULL, "{\"index\":0,\"content_block\":{\"text\":\"\",\"type\":\"text\"},\"type\":"
                    "\"content_block_start\"}");
    assert_false(f.speaks || f.unread);
    f = event("content_block_start",
              "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
              "\"tool_use\",\"id\":\"a\",\"name\":\"fn\",\"input\":{}}}");
    assert_true(f.speaks);
    assert_int_equal(f.content_bytes, 2);
    f = event("content_block_delta", "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
                                     "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\"}}");
    assert_true(f.speaks);
    assert_int_equal(f.content_bytes, 3);
    f = event("content_block_delta", "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
                                     "\"type\":\"signature_delta\",\"signature\":\"abc\"}}");
    assert_true(f.speaks);
    assert_int_equal(f.content_bytes, 0);
    f = event("content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
    assert_false(f.speaks || f.unread || f.has_usage || f.finished || f.done);
    f = event("message_delta",
              "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
              "\"stop_sequence\":\"x\"},\"usage\":{\"output_tokens\":12}}");
    assert_true(f.finished && f.has_usage);
    assert_false(f.speaks || f.done);
    assert_tokens(&f.usage, 0, 0, 0, 12, 0);
    f = event("message_stop", "{\"type\":\"message_stop\"}");
    assert_true(f.done);
}

static void what_is_not_the_protocols_own_is_unread(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"ping", "{\"type\":\"ping\"}"},
                                          {NULL, "{\"type\":\"ping\"}"},
                                          {"ping", ""},
                                          {"ping", "x"},
                                          {NULL, ""},
                                          {"new", "{\"type\":\"new\"}"},
                                          {"keepalive", "[1"},
                                          {NULL, "{\"a\":1}"},
                                          {"message_stop", " "}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct llm_facts f = event(rows[i][0], rows[i][1]);
        if (!f.unread || f.done || f.has_error)
            fail_msg("%s", rows[i][1]);
    }
    struct llm_facts f;
    assert_int_equal(anthropic_event_read(STR("message_stop"), STR("{"), &f), E_UPSTREAM_BODY);
    assert_int_equal(anthropic_event_read(STR_NONE, STR("{"), &f), E_UPSTREAM_BODY);
    assert_int_equal(anthropic_event_read(STR("message"), STR("7"), &f), E_UPSTREAM_BODY);
}

static void an_error_event_is_one_whatever_it_looks_like(void **state)
{
    (void)state;
    struct llm_facts f = event("error", "{\"type\":\"error\",\"error\":{\"type\":"
                                        "\"overloaded_error\",\"message\":\"Overloaded\"}}");
    assert_true(f.has_error && !f.unread);
    assert_int_equal(f.error_status, 529);
    assert_str(f.error_text, STR("Overloaded"));
    f = event("error", "{\"error\":{\"code\":400,\"type\":\"exceed_context_size_error\"}}");
    assert_int_equal(f.error_status, 400);
    assert_true(event(NULL, "{\"type\":\"error\"}").has_error);
    assert_true(event("error", "not json").has_error);
    assert_true(event("error", "").has_error);
}

static void usage_of_events_is_merged(void **state)
{
    (void)state;
    struct tokens sum = {0};
    static const char *const later[][2] = {
        {"{\"output_tokens\":12}", "9 5 0 12 0"},
        {"{\"output_tokens\":12,\"output_tokens_details\":{\"thinking_tokens\":12}}", "9 5 0 0 12"},
        {"{\"input_tokens\":20,\"cache_creation_input_tokens\":3,\"output_tokens\":13}",
         "20 5 3 13 0"},
        {"{}", "9 5 0 1 0"}};
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        char data[300], got[100];
        struct llm_facts f = event("message_start", START);
        sum = (struct tokens){0};
        anthropic_usage_merge(&sum, &f.usage);
        snprintf(data, sizeof(data), "{\"type\":\"message_delta\",\"usage\":%s}", later[i][0]);
        f = event(NULL, data);
        anthropic_usage_merge(&sum, &f.usage);
        snprintf(got, sizeof(got), "%d %d %d %d %d", (int)sum.input, (int)sum.cached,
                 (int)sum.cache_write, (int)sum.output, (int)sum.reasoning);
        assert_string_equal(got, later[i][1]);
        assert_int_equal(sum.source, TOKENS_PROVIDER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_for_an_hour_are_told_apart),
        cmocka_unit_test(a_request_says_what_the_house_needs),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(an_answer_says_its_usage_and_its_bytes),
        cmocka_unit_test(an_error_in_place_of_an_answer),
        cmocka_unit_test(types_of_errors_go_both_ways),
        cmocka_unit_test(events_say_what_they_are),
        cmocka_unit_test(what_is_not_the_protocols_own_is_unread),
        cmocka_unit_test(an_error_event_is_one_whatever_it_looks_like),
        cmocka_unit_test(usage_of_events_is_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
