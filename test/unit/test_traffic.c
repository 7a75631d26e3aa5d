/* test_traffic.c: what recorded turns ask, and the cases that they become. */
#include "base_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "eval/traffic/traffic.h"
#include "llm/prompt.h"
#include "llm/wire.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init_private(&arena, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct recorded_turn turn_of(const char *api, const char *request, const char *body)
{
    return (struct recorded_turn){.turn = STR("01KB2M4E9D3V7Q0Z5T8R6W1XYC"),
                                  .time = STR("2026-11-27T12:00:00.000Z"),
                                  .tenant = STR("shop"),
                                  .tags = STR("a, b"),
                                  .api = str_from(api),
                                  .asked = STR("fast"),
                                  .model = STR("m"),
                                  .provider = STR("p"),
                                  .state = STR("done"),
                                  .status = 200,
                                  .request = str_from(request),
                                  .body = str_from(body),
                                  .cost_usd_nanos = COST_UNKNOWN};
}

static enum traffic_why why_of(const struct recorded_turn *r)
{
    struct traffic_turn t;
    enum traffic_why why;
    assert_int_equal(traffic_read(&arena, r, &t, &why), 0);
    return why;
}

/* The text of an OpenAI chat with these messages. */
static struct str asks(const char *messages)
{
    struct str text = STR_NONE;
    struct chat_request request;
    uint64_t prompt;
    struct fault f = {0};
    struct str body = arena_printf(&arena, "{\"model\":\"m\",\"messages\":[%s]}", messages);
    if (traffic_of_request(&arena, body, &request, &text, &prompt, &f) != 0)
        fail_msg("%s: %s", messages, fault_text(&f));
    return text;
}

#define SAYS(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define LONG             "one two three four five six seven eight"

static void the_last_question_is_what_is_asked(void **state)
{
    (void)state;
    assert_str(asks(SAYS("system", "Be brief.") "," SAYS("user", LONG)), STR(LONG));
    assert_str(asks(SAYS("user", "Before.") "," SAYS("assistant", "Yes?") "," SAYS("user", LONG)),
               STR(LONG));
    assert_str(asks(SAYS("user", LONG) "," SAYS("assistant", "A.") "," SAYS("user", "Go on")),
               STR(LONG "\nGo on")); /* two words alone say nothing */
    assert_str(asks(SAYS("user", "a\\u0062c \\\"d\\\"")), STR("abc \"d\""));
    assert_str(
        asks("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" LONG
             "\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a.example/i.png\"}"
             "}]}"),
        STR(LONG "\nimage7b4ea2c4cbaf3672"));
    assert_str(asks(SAYS("system", "Be brief.")), STR(""));
}

/* The same words about two pictures are two questions, and a picture alone is one. */
static void pictures_are_asked_about(void **state)
{
    (void)state;
    static const char picture[] = "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                                  "\"image_url\":{\"url\":\"https://a.example/%s.png\"}}]}";
    struct str one = asks(arena_printf(&arena, picture, "a").p);
    assert_true(one.n > 0);
    assert_str(asks(arena_printf(&arena, picture, "a").p), one);
    assert_false(str_eq(asks(arena_printf(&arena, picture, "b").p), one));
}

/* Steps of one task are not one question. */
static void steps_of_an_agent_differ(void **state)
{
    (void)state;
    static const char call[] =
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":"
        "\"function\",\"function\":{\"name\":\"find\",\"arguments\":\"{\\\"day\\\":1}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"It is there.\"}";
    struct str first = asks(SAYS("user", LONG));
    struct str second = asks(arena_printf(&arena, SAYS("user", LONG) ",%s", call).p);
    assert_false(str_eq(first, second));
    assert_true(str_starts(second, STR(LONG)));
    assert_true(str_find(second, STR("find {\"day\":1}")) > 0);
    assert_true(str_ends(second, STR("It is there.")));
}

#define CHAT "{\"model\":\"fast\",\"messages\":[" SAYS("user", "Hi") "]}"
#define ANSWER                                                                                     \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{"    \
    "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello \\\"you\\\"\"},"          \
    "\"finish_reason\":\"stop\"}]}"

static void a_prompt_says_system_messages_and_tools(void **state)
{
    (void)state;
    struct chat_request request;
    struct str text;
    uint64_t prompt;
    struct fault f = {0};
    struct str body = STR("{\"model\":\"m\",\"messages\":[" SAYS("system", "Be brief.") "," SAYS(
        "user", "Hi") "," SAYS("system", "Later.") "],\"tools\":[{\"type\":"
                                                   "\"function\",\"function\":{\"name\":\"find\","
                                                   "\"description\":\"Finds."
                                                   "\",\"parameters\":{\"type\":\"object\"}}}]}");
    assert_int_equal(traffic_of_request(&arena, body, &request, &text, &prompt, &f), 0);
    assert_int_equal(traffic_prompt_text(&request, &arena, &text), 0);
    assert_str(text, STR("Be brief.\nfind\nFinds."));
}

static void what_is_no_case_says_why(void **state)
{
    (void)state;
    struct recorded_turn r = turn_of("openai.chat", CHAT, ANSWER);
    assert_int_equal(why_of(&r), TRAFFIC_FINE);
    r.status = 201;
    assert_int_equal(why_of(&r), TRAFFIC_NOT_DONE);
    r = turn_of("openai.chat", CHAT, ANSWER);
    r.state = STR("partial");
    assert_int_equal(why_of(&r), TRAFFIC_NOT_DONE);
    r = turn_of("openai.embedding", "{\"input\":\"x\"}", "{}");
    assert_int_equal(why_of(&r), TRAFFIC_NO_CHAT);
    r = turn_of("openai.chat", "{\"messages\":7}", ANSWER);
    assert_int_equal(why_of(&r), TRAFFIC_UNREADABLE);
    r = turn_of("openai.chat",
                "{\"model\":\"m\",\"messages\":[" SAYS("user", "Half a pair \\ud83d") "]}", ANSWER);
    assert_int_equal(why_of(&r), TRAFFIC_UNREADABLE);
    r = turn_of("openai.chat", "nothing", ANSWER);
    assert_int_equal(why_of(&r), TRAFFIC_UNREADABLE);
    r = turn_of("openai.responses",
                "{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":\"resp_1\"}", "{}");
    assert_int_equal(why_of(&r), TRAFFIC_NOT_WHOLE);
}

static yyjson_val *case_of(const struct recorded_turn *r, double weight, enum traffic_why want)
{
    struct traffic_turn t;
    enum traffic_why why;
    struct str left_out;
    struct buf out;
    struct fault f = {0};
    yyjson_doc *doc = NULL;
    assert_int_equal(traffic_read(&arena, r, &t, &why), 0);
    assert_int_equal(why, TRAFFIC_FINE);
    buf_init(&out, 1u << 20);
    assert_int_equal(traffic_case_write(&t, &arena, weight, &out, &why, &left_out), 0);
    assert_int_equal(why, want);
    if (want) {
        assert_int_equal(out.n, 0);
        buf_fini(&out);
        return NULL;
    }
    assert_int_equal(out.p[out.n - 1], '\n');
    if (json_parse(&arena, buf_view(&out), &doc, &f) != 0)
        fail_msg("%.*s: %s", (int)out.n, out.p, fault_text(&f));
    buf_fini(&out);
    return yyjson_doc_get_root(doc);
}

static struct str compact(yyjson_val *v)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_int_equal(json_value(&out, v), 0);
    struct str text = arena_str(&arena, buf_view(&out));
    buf_fini(&out);
    return text;
}

static void a_case_has_what_shaped_the_answer(void **state)
{
    (void)state;
    struct recorded_turn r = turn_of(
        "openai.chat",
        "{\"stream\":false,\"model\":\"fast\",\"user\":\"ann\",\"temperature\":0.5,\"messages\":"
        "[" SAYS("system", "Be brief.") "," SAYS("user", "Hi") "],\"x_unknown\":[1.50],"
                                                               "\"metadata\":{\"a\":\"b\"}}",
        ANSWER);
    r.redacted = 2;
    yyjson_val *c = case_of(&r, 12.5, TRAFFIC_FINE);
    assert_str(json_get_str(c, "id"), r.turn);
    assert_true(yyjson_get_num(yyjson_obj_get(c, "weight")) == 12.5);
    assert_str(compact(yyjson_obj_get(c, "request")),
               STR("{\"model\":\"fast\",\"temperature\":0.5,\"messages\":[" SAYS(
                   "system", "Be brief.") "," SAYS("user", "Hi") "],\"x_unknown\":[1.5]}"));
    assert_str(json_get_str(c, "answer"), STR("Hello \"you\""));
    assert_null(yyjson_obj_get(c, "answer_calls"));
    assert_int_equal(json_get_i64(yyjson_obj_get(c, "recorded"), "redacted", -1), 2);
    struct str fingerprint = json_get_str(c, "fingerprint");
    assert_int_equal(fingerprint.n, PROMPT_CHARS);
    struct str tags = compact(yyjson_obj_get(c, "tags"));
    assert_str(tags,
               arena_printf(&arena,
                            "[\"tenant:shop\",\"api:openai.chat\",\"model:fast\",\"prompt:%.*s"
                            "\",\"tokens:under 250\",\"tag:a\",\"tag:b\"]",
                            STR_ARGS(fingerprint)));

    r.fingerprint = STR("00000000000000ab"); /* as it was before something was taken out */
    assert_str(json_get_str(case_of(&r, 1, TRAFFIC_FINE), "fingerprint"), r.fingerprint);
    r.body = STR("{\"no\":\"answer\"}");
    (void)case_of(&r, 1, TRAFFIC_UNREADABLE);
}

/* Half a surrogate pair, as programs leave it that cut texts: the case would be no JSON. */
static void what_would_spoil_the_suite_is_no_case(void **state)
{
    (void)state;
    struct recorded_turn r =
        turn_of("openai.chat", CHAT,
                "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
                "\"Cut \\ud83d\"},\"finish_reason\":\"length\"}]}");
    (void)case_of(&r, 1, TRAFFIC_UNREADABLE);
    r = turn_of("openai.chat",
                "{\"model\":\"m\",\"messages\":[" SAYS("user", "Half a pair \\ud83d") "]}", ANSWER);
    r.fingerprint = STR("0123456789abcdef"); /* so that nobody has read it whole before */
    (void)case_of(&r, 1, TRAFFIC_UNREADABLE);
}

static void anthropics_become_chats(void **state)
{
    (void)state;
    struct recorded_turn r = turn_of(
        "anthropic",
        "{\"model\":\"c\",\"max_tokens\":9,\"stream\":true,\"system\":\"Be brief.\",\"metadata\":{"
        "\"user_id\":\"ann\"},\"messages\":[" SAYS(
            "user", "Hi") "],\"tools\":[{\"name\":\"find\","
                          "\"description\":\"Finds.\",\"input_schema\":{\"type\":\"object\"}}]}",
        "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[{"
        "\"type\":\"text\",\"text\":\"Looking.\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":"
        "\"find\",\"input\":{\"a\":[1]}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}");
    yyjson_val *c = case_of(&r, 1, TRAFFIC_FINE), *request = yyjson_obj_get(c, "request");
    assert_str(compact(yyjson_obj_get(request, "messages")),
               STR("[" SAYS("system", "Be brief.") "," SAYS("user", "Hi") "]"));
    assert_null(yyjson_obj_get(request, "stream"));
    assert_null(yyjson_obj_get(request, "user"));
    assert_str(json_get_str(c, "answer"), STR("Looking."));
    assert_str(compact(yyjson_obj_get(c, "answer_calls")),
               STR("[{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"find\","
                   "\"arguments\":\"{\\\"a\\\":[1]}\"}}]"));
    /* The case's own request has the prompt that the turn had. */
    assert_int_equal(prompt_of(&wire_openai_chat, request),
                     prompt_from_text(json_get_str(c, "fingerprint")));

    r.request = STR("{\"model\":\"c\",\"max_tokens\":9,\"messages\":[" SAYS(
        "user", "Hi") "],"
                      "\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]}");
    (void)case_of(&r, 1, TRAFFIC_NOT_CARRIED);
}

static void streams_are_put_together(void **state)
{
    (void)state;
    yyjson_doc *doc = NULL;
    struct fault f = {0};
    static const char events[] =
        "[\"data: "
        "{\\\"id\\\":\\\"c\\\",\\\"object\\\":\\\"chat.completion.chunk\\\",\\\"choices\\\":["
        "{\\\"index\\\":0,\\\"delta\\\":{\\\"role\\\":\\\"assistant\\\",\\\"content\\\":"
        "\\\"Hel\\\"}}]}"
        "\\n\\n\",\": a comment\\n\\n\",\"data: {\\\"id\\\":\\\"c\\\",\\\"object\\\":"
        "\\\"chat.completion.chunk\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{\\\"content"
        "\\\":\\\"lo \\\\\\\"\\\"}}]}\\n\\n\",\"data: {\\\"id\\\":\\\"c\\\",\\\"object\\\":"
        "\\\"chat.completion.chunk\\\",\\\"choices\\\":[{\\\"index\\\":0,\\\"delta\\\":{},"
        "\\\"finish_reason\\\":\\\"stop\\\"}]}\\n\\n\",\"data: [DONE]\\n\\n\"]";
    assert_int_equal(json_parse(&arena, str_from(events), &doc, &f), 0);
    struct recorded_turn r = turn_of("openai.chat", CHAT, "");
    r.body = STR_NONE;
    r.stream = yyjson_doc_get_root(doc);
    assert_str(json_get_str(case_of(&r, 1, TRAFFIC_FINE), "answer"), STR("Hello \""));
}

static void lengths_are_in_steps(void **state)
{
    (void)state;
    struct recorded_turn r = {.tokens = {.input = 200, .cached = 49}};
    assert_int_equal(traffic_length(&r), 0);
    r.tokens.cached = 50;
    assert_int_equal(traffic_length(&r), 1);
    r.tokens.input = 1000000;
    assert_int_equal(traffic_length(&r), TRAFFIC_LENGTHS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_question_is_what_is_asked),
        cmocka_unit_test(pictures_are_asked_about),
        cmocka_unit_test(steps_of_an_agent_differ),
        cmocka_unit_test(a_prompt_says_system_messages_and_tools),
        cmocka_unit_test(what_is_no_case_says_why),
        cmocka_unit_test(a_case_has_what_shaped_the_answer),
        cmocka_unit_test(what_would_spoil_the_suite_is_no_case),
        cmocka_unit_test(anthropics_become_chats),
        cmocka_unit_test(streams_are_put_together),
        cmocka_unit_test(lengths_are_in_steps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
