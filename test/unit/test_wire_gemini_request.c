/* test_wire_gemini_request.c: chats as the bodies of Gemini's requests. */
#include "llm/wire/gemini.h"

#define WIRE     (&wire_gemini)
#define FIXTURES "test/fixture/wire/gemini"
#include "wire_draft.h"

/* ---- fixtures ---- */

static void a_call_comes_back_with_its_signature(void **state)
{
    struct draft d = draft_make(*state, "gemini-3-flash-preview");
    static const char id[] = "\"fc_81__thought__CtQBAVSoXO4-aB_cD9zQ8w\"";
    says(&d, ROLE_SYSTEM);
    text(&d, "\"Be brief.\"");
    says(&d, ROLE_USER);
    text(&d, "\"Weather in K\\u00f6ln?\"");
    says(&d, ROLE_ASSISTANT);
    call(&d, id, "\"get_weather\"", "{\"city\": \"K\\u00f6ln\",\n\"days\":2}");
    says(&d, ROLE_USER);
    (void)result(&d, id, "\"{\\\"sun\\\":true}\"");
    struct chat_tool *t = tool(&d, "\"get_weather\"");
    t->description = STR("\"The weather.\"");
    t->schema = STR("{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},"
                    "\"required\":[\"city\"]}");
    d.r.tool_choice = CHOOSE_AUTO;
    assert_fixture(&d, "tool");
}

static void results_find_the_names_of_their_calls(void **state)
{
    struct draft d = draft_make(*state, "gemini-3-pro-preview");
    says(&d, ROLE_USER);
    text(&d, "\"Both.\"");
    says(&d, ROLE_ASSISTANT);
    text(&d, "\"I look.\"");
    call(&d, "\"toolu_1\"", "\"a\"", "{}");
    call(&d, "\"toolu_2\"", "\"b\"", "{\"x\":[1,2]}");
    says(&d, ROLE_USER);
    result(&d, "\"toolu_1\"", "\"no such file\"")->is_error = true;
    says(&d, ROLE_USER);
    struct chat_block *b = result(&d, "\"toolu_2\"", "\"one\"");
    block_in(&d, &b->result, BLOCK_TEXT)->text = STR("\"two\"");
    says(&d, ROLE_USER);
    text(&d, "\"Go on.\"");
    assert_fixture(&d, "tool-result-error");
}

static void media_have_their_types(void **state)
{
    struct draft d = draft_make(*state, "gemini-2.5-pro");
    says(&d, ROLE_USER);
    text(&d, "\"What is it?\"");
    media(block(&d, BLOCK_IMAGE), MEDIA_BASE64, "image/png", "\"iVBORw0KGgo=\"");
    d.last->blocks->next->media.detail = STR("\"high\"");
    media(block(&d, BLOCK_IMAGE), MEDIA_URL, NULL, "\"https://example.com/a/cat.JPG?size=2\"");
    media(block(&d, BLOCK_IMAGE), MEDIA_URL, NULL, "\"https://example.com/cat\"");
    media(block(&d, BLOCK_DOCUMENT), MEDIA_BASE64, NULL, "\"JVBERi0=\"");
    media(block(&d, BLOCK_DOCUMENT), MEDIA_TEXT, NULL, "\"\\u00fcber\"");
    media(block(&d, BLOCK_AUDIO), MEDIA_BASE64, "wav", "\"UklGRg==\"");
    assert_fixture(&d, "image");
}

static void thoughts_come_back(void **state)
{
    struct draft d = draft_make(*state, "gemini-3-pro-preview");
    says(&d, ROLE_USER);
    text(&d, "\"2+2?\"");
    says(&d, ROLE_ASSISTANT);
    block(&d, BLOCK_THINKING)->text = STR("\"**Adding**\\n2 and 2.\"");
    text(&d, "\"4\"");
    block(&d, BLOCK_THINKING)->signature = STR("\"gemini:CtQBAVSoXO4+aB/cD9zQ8w==\"");
    block(&d, BLOCK_HIDDEN)->text = STR("\"of another provider\"");
    says(&d, ROLE_USER);
    text(&d, "\"Sure?\"");
    d.r.max_tokens = 4000;
    d.r.thinking = THINK_BUDGET;
    d.r.thinking_budget = 2048;
    assert_fixture(&d, "thinking");
}

/* ---- contents ---- */

static struct draft hello(void **state, const char *model)
{
    struct draft d = draft_make(*state, model);
    says(&d, ROLE_USER);
    text(&d, "\"Hello\"");
    return d;
}

static void messages_take_turns(void **state)
{
    struct draft d = hello(state, "gemini-2.5-flash");
    says(&d, ROLE_USER);
    text(&d, "\"again\"");
    says(&d, ROLE_ASSISTANT);
    says(&d, ROLE_ASSISTANT);
    says(&d, ROLE_USER);
    block(&d, BLOCK_REFUSAL)->text = STR("\"no\"");
    assert_member(&d, "contents",
                  "[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"},{\"text\":\"again\"},"
                  "{\"text\":\"no\"}]}]");
    assert_member(&d, "generationConfig", NULL);
    assert_member(&d, "systemInstruction", NULL);
}

static void system_messages_stand_in_front(void **state)
{
    struct draft d = draft_make(*state, "gemini-2.5-flash");
    says(&d, ROLE_SYSTEM);
    text(&d, "\"a\"");
    text(&d, "\"b\"");
    says(&d, ROLE_DEVELOPER);
    text(&d, "\"c\"");
    assert_member(&d, "contents", "[]");
    assert_member(&d, "systemInstruction",
                  "{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"},{\"text\":\"c\"}]}");
    says(&d, ROLE_USER);
    text(&d, "\"Hello\"");
    says(&d, ROLE_SYSTEM);
    text(&d, "\"late\"");
    assert_refuses(&d, E_UNSUPPORTED, "system messages behind others");
    d = draft_make(*state, "gemini-2.5-flash");
    says(&d, ROLE_SYSTEM);
    media(block(&d, BLOCK_IMAGE), MEDIA_BASE64, "image/png", "\"AA==\"");
    assert_refuses(&d, E_UNSUPPORTED, "system message");
}

static struct draft called(void **state, const char *model, const char *id)
{
    struct draft d = hello(state, model);
    says(&d, ROLE_ASSISTANT);
    call(&d, id, "\"f\"", "{}");
    says(&d, ROLE_USER);
    return d;
}

static void signatures_are_asked_for_from_gemini_3_on(void **state)
{
    static const struct {
        const char *model, *id, *part;
    } rows[] = {
        {"gemini-2.5-pro", "\"c\"", "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}}}"},
        {"models/gemini-2.5-pro", "\"__thought__QQ\"",
         "{\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"QQ==\"}"},
        {"gemini-flash-latest", "\"c\"",
         "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}},"
         "\"thoughtSignature\":\"skip_thought_signature_validator\"}"},
        {"gemini-3-pro-preview", "\"c__thought__a+/9==\"",
         "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}},"
         "\"thoughtSignature\":\"a+/9\"}"},
        {"gemini-3-pro-preview", "\"c__thought__YWI\"",
         "{\"functionCall\":{\"id\":\"c\",\"name\":\"f\",\"args\":{}},"
         "\"thoughtSignature\":\"YWI=\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct draft d = called(state, rows[i].model, rows[i].id);
        struct fault f;
        (void)result(&d, rows[i].id, "\"x\"");
        assert_int_equal(write_err(&d, &f), 0);
        yyjson_val *contents = yyjson_obj_get(parsed(&d.w->arena, buf_view(&d.w->lines)),
                                              "contents");
        yyjson_val *parts = yyjson_obj_get(yyjson_arr_get(contents, 1), "parts");
        if (!yyjson_equals(yyjson_arr_get_first(parts),
                           parsed(&d.w->arena, str_from(rows[i].part))))
            fail_msg("%s: %.*s", rows[i].id, STR_ARGS(buf_view(&d.w->lines)));
    }
}

static void media_of_a_result_stand_in_it_or_behind_it(void **state)
{
    static const struct {
        const char *model, *parts;
    } rows[] = {
        {"gemini-2.5-pro", "\"response\":{\"output\":\"\"}}}]},{\"role\":\"user\",\"parts\":["
                           "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\"}}]}]"},
        {"gemini-3-pro-preview",
         "\"response\":{\"output\":\"\"},\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","
         "\"data\":\"AA==\"}}]}}]}]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct draft d = called(state, rows[i].model, "\"c\"");
        struct fault f;
        struct chat_block *b = result(&d, "\"c\"", NULL);
        media(block_in(&d, &b->result, BLOCK_IMAGE), MEDIA_BASE64, "image/png", "\"AA==\"");
        assert_int_equal(write_err(&d, &f), 0);
        if (str_find(buf_view(&d.w->lines), str_from(rows[i].parts)) < 0)
            fail_msg("%.*s", STR_ARGS(buf_view(&d.w->lines)));
    }
}

/* Gemini looks for the results right behind their calls, and finds none that has other parts beside
 * it. */
static void results_stand_alone_and_in_front(void **state)
{
    struct draft d = hello(state, "gemini-2.5-pro");
    says(&d, ROLE_ASSISTANT);
    call(&d, "\"a\"", "\"f\"", "{}");
    call(&d, "\"b\"", "\"f\"", "{}");
    says(&d, ROLE_USER);
    struct chat_block *b = result(&d, "\"a\"", "\"1\"");
    media(block_in(&d, &b->result, BLOCK_IMAGE), MEDIA_BASE64, "image/png", "\"AA==\"");
    says(&d, ROLE_USER);
    text(&d, "\"so\"");
    result(&d, "\"b\"", "\"2\"");
    assert_member(
        &d, "contents",
        "[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]},{\"role\":\"model\",\"parts\":["
        "{\"functionCall\":{\"id\":\"a\",\"name\":\"f\",\"args\":{}}},{\"functionCall\":{\"id\":"
        "\"b\",\"name\":\"f\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":"
        "{\"id\":\"a\",\"name\":\"f\",\"response\":{\"output\":\"1\"}}},{\"functionResponse\":"
        "{\"id\":\"b\",\"name\":\"f\",\"response\":{\"output\":\"2\"}}}]},{\"role\":\"user\","
        "\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA==\"}},{\"text\":"
        "\"so\"}]}]");
}

static void what_is_empty_is_left_out(void **state)
{
    struct draft d = draft_make(*state, "gemini-2.5-pro");
    says(&d, ROLE_SYSTEM);
    text(&d, "\"\"");
    says(&d, ROLE_USER);
    text(&d, "\"\"");
    text(&d, "\" \"");
    says(&d, ROLE_ASSISTANT);
    struct chat_block *said = text(&d, "\"\"");
    says(&d, ROLE_USER);
    text(&d, "\"\"");
    assert_member(&d, "contents", "[{\"role\":\"user\",\"parts\":[{\"text\":\" \"}]}]");
    assert_member(&d, "systemInstruction", NULL);
    said->text = STR("\"x\""); /* which the model would go on with, and not answer */
    assert_refuses(&d, E_UNSUPPORTED, "Gemini takes no message without content");
}

static void a_detail_within_a_result_counts(void **state)
{
    struct draft d = called(state, "gemini-3-pro-preview", "\"c\"");
    struct chat_block *b = result(&d, "\"c\"", NULL);
    b = block_in(&d, &b->result, BLOCK_IMAGE);
    media(b, MEDIA_BASE64, "image/png", "\"AA==\"");
    b->media.detail = STR("\"high\"");
    assert_member(&d, "generationConfig", "{\"mediaResolution\":\"MEDIA_RESOLUTION_HIGH\"}");
}

static void another_providers_signature_stays_here(void **state)
{
    struct draft d = hello(state, "gemini-2.5-pro");
    says(&d, ROLE_ASSISTANT);
    struct chat_block *b = block(&d, BLOCK_THINKING);
    b->text = STR("\"hm\"");
    b->signature = STR("\"EqQBCkgIAR\"");
    block(&d, BLOCK_THINKING)->signature = STR("\"EqQBCkgIAR\"");
    b = block(&d, BLOCK_THINKING);
    b->text = STR("\"\"");
    says(&d, ROLE_USER);
    text(&d, "\"x\"");
    assert_member(&d, "contents",
                  "[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]},"
                  "{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true}]},"
                  "{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}]");
}

/* ---- tools and settings ---- */

/* In whatever order they come, and however often. */
static void results_find_their_calls_in_any_order(void **state)
{
    struct draft d = draft_make(*state, "gemini-2.5-pro");
    static const char *const ids[] = {"\"1\"", "\"2\"", "\"3\""};
    static const char *const names[] = {"\"a\"", "\"b\"", "\"c\""};
    static const unsigned order[] = {2, 0, 1, 1};
    says(&d, ROLE_ASSISTANT);
    for (unsigned i = 0; i < 3; i++)
        call(&d, ids[i], names[i], "{}");
    (void)block(&d, BLOCK_CALL); /* without a name; it and its result are JSON, too */
    says(&d, ROLE_USER);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++)
        result(&d, ids[order[i]], "\"x\"");
    (void)block(&d, BLOCK_RESULT);
    struct fault f;
    assert_int_equal(write_err(&d, &f), 0);
    yyjson_doc *doc;
    assert_int_equal(json_parse(&d.w->arena, buf_view(&d.w->lines), &doc, &f), 0);
    struct str rest = buf_view(&d.w->lines);
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        struct str want = arena_printf(&d.w->arena, "{\"functionResponse\":{\"id\":%s,\"name\":%s,",
                                       ids[order[i]], names[order[i]]);
        ptrdiff_t at = str_find(rest, want);
        assert_true(at >= 0);
        rest = str_tail(rest, (size_t)at + 1);
    }
}

static void a_choice_of_tools_is_a_mode(void **state)
{
    static const struct {
        enum chat_tool_choice choice;
        const char *strict, *config;
    } rows[] = {
        {CHOOSE_UNSAID, NULL, NULL},
        {CHOOSE_UNSAID, "false", NULL},
        {CHOOSE_UNSAID, "true", "{\"mode\":\"VALIDATED\"}"},
        {CHOOSE_AUTO, NULL, "{\"mode\":\"AUTO\"}"},
        {CHOOSE_AUTO, "true", "{\"mode\":\"VALIDATED\"}"},
        {CHOOSE_NONE, "true", "{\"mode\":\"NONE\"}"},
        {CHOOSE_ANY, "true", "{\"mode\":\"ANY\"}"},
        {CHOOSE_NAMED, NULL, "{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"g\"]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct draft d = hello(state, "gemini-2.5-pro");
        (void)tool(&d, "\"f\"");
        tool(&d, "\"g\"")->strict = str_from(rows[i].strict);
        d.r.tool_choice = rows[i].choice;
        d.r.tool_named = STR("\"g\"");
        struct str want = arena_printf(&d.w->arena, "{\"functionCallingConfig\":%s}",
                                       rows[i].config ? rows[i].config : "");
        assert_member(&d, "toolConfig", rows[i].config ? want.p : NULL);
        assert_member(&d, "tools",
                      "[{\"functionDeclarations\":[{\"name\":\"f\"},"
                      "{\"name\":\"g\"}]}]");
    }
}

static void parameters_have_their_names(void **state)
{
    struct draft d = hello(state, "gemini-2.5-pro");
    chat_param(&d.r, CHAT_TEMPERATURE, STR("1.50"));
    chat_param(&d.r, CHAT_TOP_P, STR("0.9"));
    chat_param(&d.r, CHAT_TOP_K, STR("40"));
    chat_param(&d.r, CHAT_SEED, STR("7"));
    chat_param(&d.r, CHAT_FREQUENCY_PENALTY, STR("0.1"));
    chat_param(&d.r, CHAT_PRESENCE_PENALTY, STR("-0.1"));
    chat_param(&d.r, CHAT_USER, STR("\"me\""));
    d.r.max_tokens = 100;
    assert_int_equal(chat_stop_add(&d.r, STR("\"a\\n\"")), 0);
    assert_int_equal(chat_stop_add(&d.r, STR("\"b\"")), 0);
    d.r.format = FORMAT_SCHEMA;
    d.r.schema = STR("{\"type\":\"object\"}");
    d.r.schema_name = STR("\"n\"");
    assert_member(&d, "generationConfig",
                  "{\"temperature\":1.50,\"topP\":0.9,\"topK\":40,\"seed\":7,"
                  "\"frequencyPenalty\":0.1,\"presencePenalty\":-0.1,\"maxOutputTokens\":100,"
                  "\"stopSequences\":[\"a\\n\",\"b\"],\"responseMimeType\":\"application/json\","
                  "\"responseJsonSchema\":{\"type\":\"object\"}}");
    /* the client's own bytes */
    assert_true(str_find(buf_view(&d.w->lines), STR("\"temperature\":1.50,")) >= 0);
    d.r.format = FORMAT_JSON;
    d.r.schema = STR_NONE;
    struct fault f;
    assert_int_equal(write_err(&d, &f), 0);
    assert_true(str_find(buf_view(&d.w->lines), STR("responseJsonSchema")) < 0);
}

static void thinking_is_a_budget_or_a_level(void **state)
{
    static const struct {
        const char *model;
        enum chat_thinking thinking;
        const char *effort, *config;
    } rows[] = {
        {"gemini-2.5-pro", THINK_UNSAID, "\"low\"",
         "{\"thinkingBudget\":1024,\"includeThoughts\":true}"},
        {"gemini-2.5-pro", THINK_UNSAID, "\"none\"", "{\"thinkingBudget\":0}"},
        {"gemini-2.5-pro", THINK_OFF, NULL, "{\"thinkingBudget\":0}"},
        {"gemini-2.5-pro", THINK_ADAPTIVE, NULL,
         "{\"thinkingBudget\":-1,\"includeThoughts\":true}"},
        {"gemini-2.5-pro", THINK_BUDGET, "\"none\"",
         "{\"thinkingBudget\":512,\"includeThoughts\":true}"},
        {"gemini-3-pro-preview", THINK_UNSAID, "\"medium\"",
         "{\"thinkingLevel\":\"medium\",\"includeThoughts\":true}"},
        {"gemini-3-pro-preview", THINK_ADAPTIVE, "\"max\"",
         "{\"thinkingLevel\":\"high\",\"includeThoughts\":true}"},
        {"gemini-3-pro-preview", THINK_ADAPTIVE, NULL, "{\"includeThoughts\":true}"},
        {"gemini-3-pro-preview", THINK_OFF, "\"high\"", "{\"thinkingLevel\":\"low\"}"},
        {"gemini-3-pro-preview", THINK_BUDGET, "\"high\"",
         "{\"thinkingBudget\":512,\"includeThoughts\":true}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct draft d = hello(state, rows[i].model);
        d.r.thinking = rows[i].thinking;
        d.r.thinking_budget = 512;
        chat_param(&d.r, CHAT_EFFORT, str_from(rows[i].effort));
        struct str want = arena_printf(&d.w->arena, "{\"thinkingConfig\":%s}", rows[i].config);
        assert_member(&d, "generationConfig", want.p);
    }
    struct draft d = hello(state, "gemini-3-pro-preview");
    chat_param(&d.r, CHAT_EFFORT, STR("\"heroic\""));
    assert_refuses(&d, E_UNSUPPORTED, "\"heroic\"");
}

static void detail_is_the_whole_requests(void **state)
{
    static const struct {
        const char *first, *second, *config;
    } rows[] = {
        {"\"low\"", "\"low\"", "{\"mediaResolution\":\"MEDIA_RESOLUTION_LOW\"}"},
        {"\"low\"", NULL, NULL},
        {"\"auto\"", "\"auto\"", NULL},
        {"\"low\"", "\"high\"", "{\"mediaResolution\":\"MEDIA_RESOLUTION_HIGH\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct draft d = hello(state, "gemini-2.5-pro");
        for (unsigned k = 0; k < 2; k++) {
            struct chat_block *b = block(&d, BLOCK_IMAGE);
            media(b, MEDIA_BASE64, "image/png", "\"AA==\"");
            b->media.detail = str_from(k ? rows[i].second : rows[i].first);
        }
        assert_member(&d, "generationConfig", rows[i].config);
    }
}

/* ---- what has no counterpart ---- */

static void what_gemini_has_nothing_for_is_refused(void **state)
{
    struct draft d = hello(state, "gemini-2.5-pro");
    d.r.tools_serial = true;
    assert_refuses(&d, E_UNSUPPORTED, "parallel tool calls switched off");
    d = hello(state, "gemini-2.5-pro");
    says(&d, ROLE_ASSISTANT);
    text(&d, "\"{\"");
    assert_refuses(&d, E_UNSUPPORTED, "an assistant message at the end");
    d = hello(state, "gemini-2.5-pro");
    tool(&d, "\"w\"")->whole = STR("{\"type\":\"web_search\"}");
    assert_refuses(&d, E_UNSUPPORTED, "a tool that the provider runs or defines");
    d = hello(state, "gemini-2.5-pro");
    media(block(&d, BLOCK_DOCUMENT), MEDIA_FILE_ID, NULL, "\"file-1\"");
    assert_refuses(&d, E_UNSUPPORTED, "files of the provider by id");
    d = hello(state, "gemini-2.5-pro");
    media(block(&d, BLOCK_AUDIO), MEDIA_FILE_ID, NULL, "\"file-1\"");
    assert_refuses(&d, E_UNSUPPORTED, "files of another provider by id");
    d = hello(state, "gemini-2.5-pro");
    media(block(&d, BLOCK_IMAGE), MEDIA_BASE64, NULL, "\"AA==\"");
    assert_refuses(&d, E_BAD_REQUEST, "media type");
    d = hello(state, "gemini-2.5-pro");
    media(block(&d, BLOCK_DOCUMENT), MEDIA_TEXT, NULL, "\"\\ud800\"");
    assert_refuses(&d, E_BAD_REQUEST, "Unicode");
    d = called(state, "gemini-2.5-pro", "\"c\"");
    struct chat_block *r = result(&d, "\"c\"", "\"x\"");
    (void)block_in(&d, &r->result, BLOCK_THINKING);
    assert_refuses(&d, E_UNSUPPORTED, "tool's result");
}

static void a_full_buffer_is_an_error(void **state)
{
    struct draft d = hello(state, "gemini-2.5-pro");
    struct buf small;
    struct fault f;
    block(&d, BLOCK_THINKING)->text = STR("\"hm\"");
    d.r.max_tokens = 5;
    assert_int_equal(write_err(&d, &f), 0);
    for (size_t bytes = 0; bytes <= d.w->lines.n; bytes++) {
        buf_init(&small, bytes);
        assert_int_equal(wire_gemini.request_write(&d.r, &small, NULL),
                         bytes < d.w->lines.n ? E_TOO_LARGE : 0);
        buf_fini(&small);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_world_make, wire_world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_call_comes_back_with_its_signature),
        TEST(results_find_the_names_of_their_calls),
        TEST(media_have_their_types),
        TEST(thoughts_come_back),
        TEST(messages_take_turns),
        TEST(system_messages_stand_in_front),
        TEST(signatures_are_asked_for_from_gemini_3_on),
        TEST(media_of_a_result_stand_in_it_or_behind_it),
        TEST(results_stand_alone_and_in_front),
        TEST(what_is_empty_is_left_out),
        TEST(a_detail_within_a_result_counts),
        TEST(another_providers_signature_stays_here),
        TEST(results_find_their_calls_in_any_order),
        TEST(a_choice_of_tools_is_a_mode),
        TEST(parameters_have_their_names),
        TEST(thinking_is_a_budget_or_a_level),
        TEST(detail_is_the_whole_requests),
        TEST(what_gemini_has_nothing_for_is_refused),
        TEST(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
