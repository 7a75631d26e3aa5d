/* test_wire_converse_request.c: chats as the bodies of Converse's requests. */
#include "llm/wire/converse.h"

#define WIRE     (&wire_converse)
#define FIXTURES "test/fixture/wire/converse"
#include "wire_draft.h"

#define CLAUDE  "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define LLAMA   "meta.llama3-1-70b-instruct-v1:0"
#define PROFILE "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"

static void named_media(struct chat_block *b, enum chat_media_form form, const char *type,
                        const char *data, const char *name)
{
    media(b, form, type, data);
    b->media.name = str_from(name);
}

/* One that says hello to a model. */
static struct draft hello(struct wire_world *w, const char *model)
{
    struct draft d = draft_make(w, model);
    says(&d, ROLE_USER);
    text(&d, "\"Hi\"");
    return d;
}

/* ---- fixtures ---- */

static void a_text_with_its_parameters(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_DEVELOPER);
    text(&d, "\"Be brief.\"");
    says(&d, ROLE_USER);
    text(&d, "\"Why is the sky blue?\"");
    d.r.max_tokens = 100;
    chat_param(&d.r, CHAT_TEMPERATURE, STR("0.5"));
    chat_param(&d.r, CHAT_TOP_P, STR("0.9"));
    chat_param(&d.r, CHAT_TOP_K, STR("40"));
    chat_param(&d.r, CHAT_USER, STR("\"someone\""));
    assert_int_equal(chat_stop_add(&d.r, STR("\"END\"")), 0);
    assert_int_equal(chat_stop_add(&d.r, STR("\"\\n\\n\"")), 0);
    assert_fixture(&d, "text");
}

static void a_call_and_its_result(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_USER);
    text(&d, "\"Weather in K\\u00f6ln?\"");
    says(&d, ROLE_ASSISTANT);
    text(&d, "\"\\n \\t\"");
    call(&d, "\"tooluse_1\"", "\"get_weather\"", "{\"city\": \"K\\u00f6ln\",\n\"days\":2}");
    says(&d, ROLE_USER);
    result(&d, "\"tooluse_1\"", "\"sun\"");
    struct chat_tool *t = tool(&d, "\"get_weather\"");
    t->description = STR("\"The weather.\"");
    t->schema = STR("{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},"
                    "\"required\":[\"city\"]}");
    t->strict = STR("true");
    d.r.tool_choice = CHOOSE_AUTO;
    assert_fixture(&d, "tool");
}

static void results_of_one_message(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
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
    block_in(&d, &b->result, BLOCK_TEXT)->text = STR("\"\"");
    block_in(&d, &b->result, BLOCK_TEXT)->text = STR("\"two\"");
    named_media(block_in(&d, &b->result, BLOCK_IMAGE), MEDIA_BASE64, "image/png",
                "\"iVBORw0KGgo=\"", NULL);
    says(&d, ROLE_USER);
    text(&d, "\"And now?\"");
    tool(&d, "\"a\"")->description = STR("\"\"");
    tool(&d, "\"b\"");
    d.r.tool_choice = CHOOSE_NAMED;
    d.r.tool_named = STR("\"b\"");
    assert_fixture(&d, "tool-result-error");
}

static void images_and_sounds(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_USER);
    named_media(block(&d, BLOCK_IMAGE), MEDIA_BASE64, "image/jpg", "\"/9j/4AAQ\"", NULL);
    named_media(block(&d, BLOCK_IMAGE), MEDIA_URL, NULL, "\"s3:\\/\\/my-bucket\\/a.webp\"", NULL);
    named_media(block(&d, BLOCK_AUDIO), MEDIA_BASE64, "wav", "\"UklGRg==\"", NULL);
    text(&d, "\"What is it?\"");
    assert_fixture(&d, "image");
}

static void documents_have_names_that_differ(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_USER);
    named_media(block(&d, BLOCK_DOCUMENT), MEDIA_BASE64, "application/pdf", "\"JVBERi0=\"",
                "\"Q3__report\\t(final).pdf\"");
    named_media(block(&d, BLOCK_DOCUMENT), MEDIA_BASE64, "application/pdf; x=y", "\"JVBERi0x\"",
                "\"\\u00e4q3 report (final)\\u20ac.PDF\"");
    named_media(block(&d, BLOCK_DOCUMENT), MEDIA_TEXT, NULL, "\"H\\u00e4,\\n\\\"x\\\"\"", NULL);
    named_media(block(&d, BLOCK_DOCUMENT), MEDIA_URL, NULL, "\"s3://my-bucket/b.DOCX\"", NULL);
    text(&d, "\"Compare.\"");
    assert_fixture(&d, "document");
}

static void cache_points(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_SYSTEM);
    text(&d, "\"Long.\"")->cache_control = STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    text(&d, "\"Short.\"")->cache_control = STR("null");
    says(&d, ROLE_USER);
    text(&d, "\"One.\"")->cache_control = STR("{\"type\":\"ephemeral\"}");
    text(&d, "\"\"")->cache_control = STR("{\"type\":\"ephemeral\"}");
    says(&d, ROLE_ASSISTANT);
    call(&d, "\"c1\"", "\"a\"", "{}");
    says(&d, ROLE_USER);
    struct chat_block *b = result(&d, "\"c1\"", NULL);
    struct chat_block *in = block_in(&d, &b->result, BLOCK_TEXT);
    in->text = STR("\"r\"");
    in->cache_control = STR("{\"ttl\":\"5m\"}");
    struct chat_tool *t = tool(&d, "\"a\"");
    t->schema = STR("{\"type\":\"object\"}");
    t->cache_control = STR("{\"type\":\"ephemeral\"}");
    assert_fixture(&d, "cache");
}

static void thinking_goes_back(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_USER);
    text(&d, "\"2+2?\"");
    says(&d, ROLE_ASSISTANT);
    struct chat_block *b = block(&d, BLOCK_THINKING);
    b->text = STR("\"2 and 2.\\nSo 4.\"");
    b->signature = STR("\"EqQBCkgIARABGAIiQL==\"");
    block(&d, BLOCK_THINKING)->text = STR("\"\""); /* nothing to give back */
    block(&d, BLOCK_HIDDEN)->text = STR("\"RW5jcnlwdGVk\"");
    block(&d, BLOCK_REFUSAL)->text = STR("\"4\"");
    says(&d, ROLE_USER);
    text(&d, "\"Sure?\"");
    d.r.max_tokens = 4096;
    d.r.thinking = THINK_BUDGET;
    d.r.thinking_budget = 2048;
    assert_fixture(&d, "thinking");
}

static void an_effort_and_a_schema(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_USER);
    text(&d, "\"Who?\"");
    chat_param(&d.r, CHAT_EFFORT, STR("\"high\""));
    d.r.format = FORMAT_SCHEMA;
    d.r.schema = STR("{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}}}");
    d.r.schema_name = STR("\"person\"");
    d.r.schema_description = STR("\"Somebody.\"");
    assert_fixture(&d, "schema");
}

/* ---- messages ---- */

static void roles_take_turns(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_USER);
    text(&d, "\"a\"");
    says(&d, ROLE_ASSISTANT);
    text(&d, "\"\"");
    says(&d, ROLE_USER);
    text(&d, "\"b\"");
    says(&d, ROLE_SYSTEM);
    text(&d, "\"s\"");
    says(&d, ROLE_DEVELOPER);
    text(&d, "\"t\"");
    says(&d, ROLE_ASSISTANT);
    text(&d, "\"c\"");
    assert_member(&d, "messages",
                  "[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"b\"}]},"
                  "{\"role\":\"system\",\"content\":[{\"text\":\"s\"},{\"text\":\"t\"}]},"
                  "{\"role\":\"assistant\",\"content\":[{\"text\":\"c\"}]}]");
    assert_member(&d, "system", NULL);
}

static void blanks_leave_no_trace(void **state)
{
    static const struct {
        const char *string;
        bool blank;
    } texts[] = {
        {"\"\"", true},       {"\" \\n\\r\\t\\f\"", true}, {"\".\"", false},
        {"\"\\\\n\"", false}, {"\"\\u00e4\"", false},      {"\"\\\"\"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct draft d = draft_make(*state, CLAUDE);
        says(&d, ROLE_SYSTEM);
        text(&d, texts[i].string);
        says(&d, ROLE_USER);
        text(&d, "\"x\"");
        says(&d, ROLE_ASSISTANT);
        text(&d, texts[i].string);
        yyjson_val *body = written(&d);
        assert_int_equal(yyjson_obj_get(body, "system") == NULL, texts[i].blank);
        assert_int_equal(yyjson_arr_size(yyjson_obj_get(body, "messages")), 1 + !texts[i].blank);
    }
}

/* Without it there would be nothing to answer, or the model's own message to go on with. */
static void the_message_to_answer_is_not_left_out(void **state)
{
    struct draft d = hello(*state, CLAUDE);
    says(&d, ROLE_USER);
    text(&d, "\" \"");
    (void)written(&d); /* there is what the user said before */
    says(&d, ROLE_ASSISTANT);
    text(&d, "\"y\"");
    says(&d, ROLE_USER);
    text(&d, "\" \"");
    assert_refuses(&d, E_UNSUPPORTED, "Converse takes no message without content");
}

/* Bedrock's ids are of 64 characters, and those that its models take, of words: others go by their
 * hash, in call and result. */
static void ids_that_bedrock_refuses(void **state)
{
    static const struct {
        const char *id;
        bool kept;
    } ids[] = {
        {"\"tooluse_kZJMlvQmRJ6eAyJE5GIl7Q\"", true},
        {"\"a-d_E0\"", true},
        {"\"functions.f:0\"", false},
        {"\"0123456789012345678901234567890123456789012345678901234567890123\"", true},
        {"\"01234567890123456789012345678901234567890123456789012345678901234\"", false},
        {"\"a b\"", false},
        {"\"a\\u0062\"", false},
        {"\"\"", false},
    };
    char seen[ARRAY_LEN(ids)][64];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct draft d = hello(*state, CLAUDE);
        says(&d, ROLE_ASSISTANT);
        call(&d, ids[i].id, "\"f\"", NULL);
        says(&d, ROLE_USER);
        result(&d, ids[i].id, "\"r\"");
        yyjson_val *messages = yyjson_obj_get(written(&d), "messages");
        yyjson_val *use =
            yyjson_arr_get_first(yyjson_obj_get(yyjson_arr_get(messages, 1), "content"));
        yyjson_val *back =
            yyjson_arr_get_first(yyjson_obj_get(yyjson_arr_get(messages, 2), "content"));
        struct str id = json_get_str(yyjson_obj_get(use, "toolUse"), "toolUseId");
        assert_str(json_get_str(yyjson_obj_get(back, "toolResult"), "toolUseId"), id);
        if (ids[i].kept) {
            assert_str(id, json_string_raw(str_from(ids[i].id)));
            continue;
        }
        assert_int_equal(id.n, 5 + 32);
        snprintf(seen[i], sizeof(seen[i]), "%.*s", STR_ARGS(id));
        for (size_t k = 0; k < i; k++)
            assert_true(ids[k].kept || strcmp(seen[k], seen[i]) != 0);
    }
}

static void media_that_bedrock_refuses(void **state)
{
    static const struct {
        enum chat_block_kind kind;
        enum chat_media_form form;
        const char *type, *data, *name;
        int err;
        const char *words;
    } cases[] = {
        {BLOCK_IMAGE, MEDIA_BASE64, "image/tiff", "\"QQ==\"", NULL, E_UNSUPPORTED,
         "an image of type image/tiff"},
        {BLOCK_IMAGE, MEDIA_BASE64, "application/pdf", "\"QQ==\"", NULL, E_UNSUPPORTED,
         "an image of type application/pdf"},
        {BLOCK_IMAGE, MEDIA_BASE64, NULL, "\"QQ==\"", NULL, E_BAD_REQUEST,
         "an image does not say its media type"},
        {BLOCK_IMAGE, MEDIA_URL, "image/png", "\"https://x/a.png\"", NULL, E_UNSUPPORTED,
         "an image by URL only from S3"},
        {BLOCK_IMAGE, MEDIA_URL, NULL, "\"s3://bucket/a\"", NULL, E_BAD_REQUEST,
         "an image does not say its media type"},
        {BLOCK_IMAGE, MEDIA_FILE_ID, NULL, "\"file-1\"", NULL, E_UNSUPPORTED, "files of the"},
        {BLOCK_DOCUMENT, MEDIA_URL, NULL, "\"https://x/a.pdf\"", NULL, E_UNSUPPORTED,
         "a document by URL only from S3"},
        {BLOCK_DOCUMENT, MEDIA_TEXT, NULL, "\"\\ud800\"", NULL, E_BAD_REQUEST,
         "a document's text is not valid Unicode"},
        {BLOCK_DOCUMENT, MEDIA_BASE64, "text/csv", "\"QQ==\"", "\"\\ud800\"", E_BAD_REQUEST,
         "a document's name is not valid Unicode"},
        {BLOCK_DOCUMENT, MEDIA_BASE64, NULL, "\"QQ==\"", "\"a.bin\"", E_BAD_REQUEST,
         "a document does not say its media type"},
        {BLOCK_AUDIO, MEDIA_BASE64, "midi", "\"QQ==\"", NULL, E_UNSUPPORTED,
         "a sound of type midi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct draft d = hello(*state, CLAUDE);
        named_media(block(&d, cases[i].kind), cases[i].form, cases[i].type, cases[i].data,
                    cases[i].name);
        assert_refuses(&d, cases[i].err, cases[i].words);
    }
}

static struct str document_name(yyjson_val *content, size_t at)
{
    return json_get_str(yyjson_obj_get(yyjson_arr_get(content, at), "document"), "name");
}

static void names_are_cut_and_numbered(void **state)
{
    struct draft d = hello(*state, CLAUDE);
    char name[400] = "\"";
    memset(name + 1, 'x', 300);
    snprintf(name + 301, sizeof(name) - 301, ".csv\"");
    for (int i = 0; i < 100; i++)
        named_media(block(&d, BLOCK_DOCUMENT), MEDIA_BASE64, i ? NULL : "text/csv", "\"QQ==\"",
                    name);
    named_media(block(&d, BLOCK_DOCUMENT), MEDIA_BASE64, "text/csv", "\"QQ==\"", "\"other\"");
    yyjson_val *content =
        yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(written(&d), "messages")), "content");
    assert_int_equal(document_name(content, 1).n, 180);
    assert_true(str_ends(document_name(content, 2), STR("x 2")));
    assert_true(str_ends(document_name(content, 100), STR("x 100")));
    assert_true(document_name(content, 100).n <= 200);
    assert_str(document_name(content, 101), STR("other 101"));
}

static void only_text_in_system_messages(void **state)
{
    struct draft d = draft_make(*state, CLAUDE);
    says(&d, ROLE_SYSTEM);
    named_media(block(&d, BLOCK_IMAGE), MEDIA_BASE64, "image/png", "\"QQ==\"", NULL);
    assert_refuses(&d, E_UNSUPPORTED, "anything but text in a system message");
    struct draft later = hello(*state, CLAUDE);
    says(&later, ROLE_SYSTEM);
    block(&later, BLOCK_REFUSAL)->text = STR("\"no\"");
    assert_refuses(&later, E_UNSUPPORTED, "anything but text in a system message");
    struct draft inside = hello(*state, CLAUDE);
    says(&inside, ROLE_ASSISTANT);
    call(&inside, "\"i\"", "\"f\"", "{}");
    says(&inside, ROLE_USER);
    struct chat_block *b = result(&inside, "\"i\"", NULL);
    named_media(block_in(&inside, &b->result, BLOCK_AUDIO), MEDIA_BASE64, "wav", "\"QQ==\"", NULL);
    assert_refuses(&inside, E_UNSUPPORTED, "content of this type in a tool's result");
}

/* ---- what goes to the model itself ---- */

static void top_k_as_the_model_has_it(void **state)
{
    static const struct {
        const char *model, *want;
    } models[] = {
        {CLAUDE, "{\"top_k\":5}"},
        {"mistral.mistral-large-2407-v1:0", "{\"top_k\":5}"},
        {PROFILE, "{\"top_k\":5}"},
        {"abcdef123456", "{\"top_k\":5}"},
        {"us.amazon.nova-pro-v1:0", "{\"inferenceConfig\":{\"topK\":5}}"},
        {LLAMA, NULL},
        {"arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-1-70b-instruct-v1:0", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        struct draft d = hello(*state, models[i].model);
        chat_param(&d.r, CHAT_TOP_K, STR("5"));
        if (models[i].want)
            assert_member(&d, "additionalModelRequestFields", models[i].want);
        else
            assert_refuses(&d, E_UNSUPPORTED, "converse has nothing for top_k with the model");
    }
}

static void thinking_is_claudes(void **state)
{
    static const struct {
        enum chat_thinking thinking;
        const char *want, *words;
    } cases[] = {
        {THINK_BUDGET, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}}",
         "a budget of thinking tokens with the model"},
        {THINK_ADAPTIVE, "{\"thinking\":{\"type\":\"adaptive\"}}",
         "thinking as the model sees fit with the model"},
        {THINK_OFF, "{\"thinking\":{\"type\":\"disabled\"}}",
         "thinking switched off with the model"},
        {THINK_UNSAID, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct draft d = hello(*state, i % 2 ? PROFILE : CLAUDE);
        d.r.thinking = cases[i].thinking;
        d.r.thinking_budget = 1024;
        assert_member(&d, "additionalModelRequestFields", cases[i].want);
        d.r.model = STR(LLAMA);
        if (cases[i].words)
            assert_refuses(&d, E_UNSUPPORTED, cases[i].words);
        else
            assert_member(&d, "additionalModelRequestFields", NULL);
    }
}

static void one_call_at_a_time(void **state)
{
    struct draft d = hello(*state, CLAUDE);
    tool(&d, "\"f\"");
    d.r.tools_serial = true;
    d.r.tool_choice = CHOOSE_AUTO;
    assert_member(&d, "additionalModelRequestFields",
                  "{\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}");
    assert_member(&d, "toolConfig",
                  "{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":"
                  "{\"type\":\"object\",\"properties\":{}}}}}]}");
    d.r.tool_choice = CHOOSE_ANY;
    assert_refuses(&d, E_UNSUPPORTED, "force a tool and switch parallel tool calls off");
    d.r.tool_choice = CHOOSE_NONE;
    assert_member(&d, "additionalModelRequestFields", NULL);
    d.r.tool_choice = CHOOSE_UNSAID;
    d.r.model = STR(LLAMA);
    assert_refuses(&d, E_UNSUPPORTED, "parallel tool calls switched off with the model");
}

static void choices_of_a_tool(void **state)
{
    struct draft d = hello(*state, CLAUDE);
    tool(&d, "\"f\"");
    d.r.tool_choice = CHOOSE_ANY;
    assert_member(&d, "toolConfig",
                  "{\"tools\":[{\"toolSpec\":{\"name\":\"f\",\"inputSchema\":{\"json\":"
                  "{\"type\":\"object\",\"properties\":{}}}}}],\"toolChoice\":{\"any\":{}}}");
    d.r.tool_choice = CHOOSE_NONE;
    assert_member(&d, "toolConfig", NULL);
    says(&d, ROLE_ASSISTANT);
    call(&d, "\"i\"", "\"f\"", "{}");
    assert_refuses(&d, E_UNSUPPORTED, "cannot forbid tools in a conversation that has tool calls");
    struct draft bare = hello(*state, CLAUDE);
    bare.r.tool_choice = CHOOSE_AUTO;
    assert_member(&bare, "toolConfig", NULL);
}

static void efforts(void **state)
{
    static const char *const known[] = {"low", "medium", "high", "xhigh", "max"};
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct draft d = hello(w, CLAUDE);
        chat_param(&d.r, CHAT_EFFORT, arena_printf(&w->arena, "\"%s\"", known[i]));
        struct str want = arena_printf(&w->arena, "{\"effort\":\"%s\"}", known[i]);
        assert_member(&d, "outputConfig", want.p);
    }
    struct draft d = hello(w, CLAUDE);
    chat_param(&d.r, CHAT_EFFORT, STR("\"minimal\""));
    assert_refuses(&d, E_UNSUPPORTED, "converse knows no reasoning effort \"minimal\"");
}

static void what_has_no_counterpart(void **state)
{
    struct draft d = hello(*state, CLAUDE);
    chat_param(&d.r, CHAT_TEMPERATURE, STR("1.5"));
    assert_refuses(&d, E_UNSUPPORTED, "its temperatures go up to 1");
    struct draft json = hello(*state, CLAUDE);
    json.r.format = FORMAT_JSON;
    assert_refuses(&json, E_UNSUPPORTED, "it has no JSON without a schema");
    struct draft seed = hello(*state, CLAUDE);
    chat_param(&seed.r, CHAT_SEED, STR("1"));
    assert_refuses(&seed, E_UNSUPPORTED, "seed");
    struct draft other = hello(*state, CLAUDE);
    assert_int_equal(chat_member_add(&other.r, &other.r.others, STR("\"x\""), STR("1")), 0);
    assert_refuses(&other, E_UNSUPPORTED, "the member 'x', which sluice does not know");
}

static void a_body_past_its_ceiling(void **state)
{
    struct draft d = hello(*state, CLAUDE);
    struct buf out;
    buf_init(&out, 16);
    assert_int_equal(wire_converse.request_write(&d.r, &out, NULL), E_TOO_LARGE);
    buf_fini(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_world_make, wire_world_end)
    const struct CMUnitTest tests[] = {
        TEST(a_text_with_its_parameters),
        TEST(a_call_and_its_result),
        TEST(results_of_one_message),
        TEST(images_and_sounds),
        TEST(documents_have_names_that_differ),
        TEST(cache_points),
        TEST(thinking_goes_back),
        TEST(an_effort_and_a_schema),
        TEST(roles_take_turns),
        TEST(blanks_leave_no_trace),
        TEST(the_message_to_answer_is_not_left_out),
        TEST(ids_that_bedrock_refuses),
        TEST(media_that_bedrock_refuses),
        TEST(names_are_cut_and_numbered),
        TEST(only_text_in_system_messages),
        TEST(top_k_as_the_model_has_it),
        TEST(thinking_is_claudes),
        TEST(one_call_at_a_time),
        TEST(choices_of_a_tool),
        TEST(efforts),
        TEST(what_has_no_counterpart),
        TEST(a_body_past_its_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
