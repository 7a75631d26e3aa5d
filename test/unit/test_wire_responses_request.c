/* test_wire_responses_request.c: requests of OpenAI's Responses, into chats and out of them. */
#include <dirent.h>

#include "responses_world.h"

static struct chat_request *read_body(struct world *w, const char *body)
{
    struct fault f = {0};
    struct chat_request *r = ARENA_NEW(&w->arena, struct chat_request);
    assert_non_null(r);
    if (wire_responses.request_read(str_from(body), &w->arena, r, &f) != 0)
        fail_msg("%s: %s", f.text, body);
    return r;
}

/* The members of a request around its input. */
static struct chat_request *read_input(struct world *w, const char *input)
{
    struct str body = arena_printf(&w->arena, "{\"model\":\"m\",\"input\":%s}", input);
    assert_non_null(body.p);
    return read_body(w, body.p);
}

static struct str chat_lines(struct world *w, const struct chat_request *r)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant"};
    buf_clear(&w->lines);
    for (const struct chat_message *m = r->messages; m; m = m->next) {
        buf_printf(&w->lines, "%s%s\n", roles[m->role], m->is_string ? " string" : "");
        for (const struct chat_block *b = m->blocks; b; b = b->next) {
            buf_char(&w->lines, ' ');
            block_line(&w->lines, b);
            for (const struct chat_block *in = b->result; in; in = in->next) {
                buf_str(&w->lines, STR("  "));
                block_line(&w->lines, in);
            }
        }
    }
    return buf_view(&w->lines);
}

static void assert_features(const struct chat_request *r, const enum chat_feature *want, size_t n)
{
    uint64_t features = 0;
    for (size_t i = 0; i < n; i++)
        features |= (uint64_t)1 << want[i];
    for (unsigned i = 0; i < CHAT_FEATURE_COUNT; i++)
        if ((r->features >> i & 1) != (features >> i & 1))
            fail_msg("%s: got %d", chat_feature_text(i), (int)(r->features >> i & 1));
}
#define FEATURES(r, ...)                                                                           \
    do {                                                                                           \
        static const enum chat_feature want_[] = {__VA_ARGS__};                                    \
        assert_features((r), want_, ARRAY_LEN(want_));                                             \
    } while (0)

/* ---- input ---- */

static void a_turn_is_one_message(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_input(
        &w,
        "[{\"role\":\"user\",\"content\":\"Go\"},"
        "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":"
        "\"A\"},{\"type\":\"summary_text\",\"text\":\"B\"}],\"encrypted_content\":\"E\"},"
        "{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":\"assistant\","
        "\"content\":[{\"type\":\"output_text\",\"text\":\"Well\",\"annotations\":[],\"logprobs\":"
        "[]},{\"type\":\"refusal\",\"refusal\":\"No\"}]},"
        "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\","
        "\"arguments\":\"{\\\"a\\\":1}\",\"status\":\"completed\",\"namespace\":null},"
        "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":[{\"type\":"
        "\"input_text\",\"text\":\"one\"},{\"type\":\"input_image\",\"image_url\":"
        "\"https://x/y.png\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"And\"}]},"
        "{\"role\":\"assistant\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"y\"},"
        "{\"role\":\"user\",\"content\":\"\"}]");
    assert_str(chat_lines(&w, r),
               STR("user string\n text \"Go\"\n"
                   "assistant\n thinking \"A\\n\\nB\" signature \"E\"\n text \"Well\"\n"
                   " refusal \"No\"\n call \"c1\" \"f\" {\"a\":1}\n call \"c2\" \"g\" {}\n"
                   "user\n result \"c2\"\n result \"c1\"\n  text \"one\"\n"
                   "  image \"https://x/y.png\"\n"
                   "user\n text \"And\"\n"
                   "assistant\n text \"x\"\n text \"y\"\n"
                   "user string\n"));
    FEATURES(r, CHAT_THINKING, CHAT_REFUSAL, CHAT_CALLS, CHAT_RESULT_MEDIA, CHAT_IMAGE_URL);
    const struct chat_block *results = r->messages->next->next->blocks;
    assert_true(results->result_is_string && !results->next->result_is_string);
    world_end(&w);
}

static void instructions_stand_in_front(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r =
        read_body(&w, "{\"input\":[{\"role\":\"developer\",\"content\":\"D\"},{\"role\":\"user\","
                      "\"content\":\"Hi\"},{\"role\":\"system\",\"content\":\"Late\"}],"
                      "\"instructions\":\"S\",\"model\":\"a\\u002fb\"}");
    assert_str(chat_lines(&w, r),
               STR("system string\n text \"S\"\ndeveloper string\n text \"D\"\n"
                   "user string\n text \"Hi\"\nsystem string\n text \"Late\"\n"));
    FEATURES(r, CHAT_SYSTEM, CHAT_DEVELOPER, CHAT_SYSTEM_LATER);
    assert_str(r->model, STR("a/b"));
    assert_str(chat_lines(&w, read_input(&w, "\"Hi\"")), STR("user string\n text \"Hi\"\n"));
    world_end(&w);
}

static void media_have_their_forms(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_input(
        &w, "[{\"role\":\"user\",\"content\":["
            "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,QQ==\",\"detail\":"
            "\"low\"},"
            "{\"type\":\"input_image\",\"file_id\":\"file_1\",\"image_url\":null,\"detail\":"
            "\"auto\"},"
            "{\"type\":\"input_file\",\"file_data\":\"data:application/pdf;base64,Qg==\","
            "\"filename\":\"a.pdf\"},"
            "{\"type\":\"input_file\",\"file_data\":\"Qw==\"},"
            "{\"type\":\"input_file\",\"file_url\":\"https://x/y.pdf\"},"
            "{\"type\":\"input_text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\"}}"
            "]}]");
    static const struct {
        enum chat_block_kind kind;
        enum chat_media_form form;
        const char *type, *data, *name, *detail;
    } want[] = {
        {BLOCK_IMAGE, MEDIA_BASE64, "image/png", "\"QQ==\"", NULL, "\"low\""},
        {BLOCK_IMAGE, MEDIA_FILE_ID, NULL, "\"file_1\"", NULL, NULL},
        {BLOCK_DOCUMENT, MEDIA_BASE64, "application/pdf", "\"Qg==\"", "\"a.pdf\"", NULL},
        {BLOCK_DOCUMENT, MEDIA_BASE64, NULL, "\"Qw==\"", NULL, NULL},
        {BLOCK_DOCUMENT, MEDIA_URL, NULL, "\"https://x/y.pdf\"", NULL, NULL},
    };
    const struct chat_block *b = r->messages->blocks;
    for (size_t i = 0; i < ARRAY_LEN(want); i++, b = b->next) {
        assert_int_equal(b->kind, want[i].kind);
        assert_int_equal(b->media.form, want[i].form);
        assert_str(b->media.type, str_from(want[i].type));
        assert_str(b->media.data, str_from(want[i].data));
        assert_str(b->media.name, str_from(want[i].name));
        assert_str(b->media.detail, str_from(want[i].detail));
    }
    assert_str(b->cache_control, STR("{\"type\":\"ephemeral\"}"));
    FEATURES(r, CHAT_IMAGE, CHAT_IMAGE_DETAIL, CHAT_FILE_ID, CHAT_DOCUMENT, CHAT_DOCUMENT_URL,
             CHAT_CACHE_CONTROL);
    world_end(&w);
}

static void what_is_not_known_is_seen(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_input(
        &w, "[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"a\"},"
            "{\"type\":\"input_audio\",\"x\":1}]},"
            "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
            "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"1\"},"
            "{\"type\":\"computer_call_output\",\"call_id\":\"d\",\"output\":{}}]");
    assert_str(chat_lines(&w, r),
               STR("user\n other {\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
                   "\"a\"},{\"type\":\"input_audio\",\"x\":1}]}\n"
                   "assistant\n call \"c\" \"f\" {}\n"
                   "user\n result \"c\"\n  text \"1\"\n"
                   " other {\"type\":\"computer_call_output\",\"call_id\":\"d\",\"output\":{}}\n"));
    assert_true(chat_has(r, CHAT_OTHER_BLOCK));
    static const char *const others[] = {
        "[{\"role\":\"user\",\"content\":\"a\",\"new\":1}]",
        "[{\"role\":\"user\",\"content\":\"a\",\"name\":\"b\"}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"a\",\"new\":1}]}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"a\",\"detail\":\"b\"}"
        "]}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"a\",\"detail\":"
        "\"low\"}]}]",
        "[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\","
        "\"namespace\":\"n\"}]",
        "[{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"e\",\"new\":1}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (!chat_has(read_input(&w, others[i]), CHAT_OTHER_MEMBER))
            fail_msg("%s", others[i]);
    r = read_input(&w, "[{\"role\":\"user\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\","
                       "\"annotations\":[{\"type\":\"file_path\"}]}],\"phase\":\"commentary\"}]");
    FEATURES(r, CHAT_ANNOTATIONS, CHAT_PHASE);
    r = read_input(&w, "[{\"id\":\"msg_1\"},{\"type\":\"function_call_output\",\"call_id\":\"of "
                       "before\",\"output\":\"1\"}]");
    FEATURES(r, CHAT_CONVERSATION, CHAT_OTHER_BLOCK, CHAT_CALLS);
    world_end(&w);
}

/* ---- all else ---- */

/* This protocol knows by its id whose a result is, wherever it stands. */
static void results_go_behind_their_calls(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_input(
        &w, "[{\"role\":\"user\",\"content\":\"Go\"},"
            "{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\",\"arguments\":\"{}\"},"
            "{\"type\":\"function_call\",\"call_id\":\"b\",\"name\":\"f\",\"arguments\":\"{}\"},"
            "{\"role\":\"developer\",\"content\":\"Stop soon\"},"
            "{\"type\":\"function_call_output\",\"call_id\":\"b\",\"output\":\"2\"},"
            "{\"role\":\"user\",\"content\":\"Well?\"},"
            "{\"type\":\"function_call_output\",\"call_id\":\"a\",\"output\":\"1\"}]");
    static const enum chat_role roles[] = {ROLE_USER, ROLE_ASSISTANT, ROLE_USER, ROLE_DEVELOPER,
                                           ROLE_USER};
    const struct chat_message *m = r->messages;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++, m = m->next) {
        assert_int_equal(m->role, roles[i]);
        if (i == 2) {
            assert_true(str_eq(m->blocks->id, STR("\"b\"")));
            assert_true(str_eq(m->blocks->next->id, STR("\"a\"")));
            assert_null(m->blocks->next->next);
        }
    }
    assert_null(m);
    world_end(&w);
}

static void parameters_are_read(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_body(
        &w, "{\"model\":\"m\",\"input\":\"\",\"stream\":true,\"stream_options\":"
            "{\"include_obfuscation\":false},\"temperature\":1.5,\"top_p\":0.5,"
            "\"max_output_tokens\":77,\"parallel_tool_calls\":false,\"top_logprobs\":0,"
            "\"metadata\":{},\"safety_identifier\":\"s\",\"store\":false,\"include\":"
            "[\"reasoning.encrypted_content\"],\"truncation\":\"disabled\",\"background\":false,"
            "\"prompt_cache_key\":\"k\",\"prompt_cache_retention\":\"24h\",\"service_tier\":"
            "\"auto\",\"reasoning\":{\"effort\":\"xhigh\",\"generate_summary\":\"auto\","
            "\"summary\":null},\"text\":{\"verbosity\":\"high\",\"format\":{\"type\":"
            "\"json_schema\",\"name\":\"n\",\"description\":\"d\",\"schema\":{\"a\":1},"
            "\"strict\":false}},\"t\\u006f\\u006fl_choice\":{\"name\":\"f\",\"type\":"
            "\"function\"},\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":"
            "\"d\",\"parameters\":{\"b\":2},\"strict\":true},{\"type\":\"function\",\"name\":"
            "\"g\",\"parameters\":null,\"strict\":null},{\"type\":\"web_search\",\"new\":1}]}");
    FEATURES(r, CHAT_TEMPERATURE, CHAT_TEMPERATURE_HIGH, CHAT_TOP_P, CHAT_MAX_TOKENS,
             CHAT_TOOLS_SERIAL, CHAT_METADATA, CHAT_USER, CHAT_STORE, CHAT_INCLUDE, CHAT_CACHE_KEY,
             CHAT_CACHE_RETENTION, CHAT_EFFORT, CHAT_REASONING_SUMMARY, CHAT_VERBOSITY,
             CHAT_JSON_SCHEMA, CHAT_TOOL_CHOICE, CHAT_TOOLS, CHAT_TOOL_STRICT,
             CHAT_TOOL_OF_PROVIDER);
    assert_true(r->stream && r->wants_usage && r->tools_serial && r->max_tokens == 77);
    assert_str(r->params[CHAT_TEMPERATURE], STR("1.5"));
    assert_str(r->params[CHAT_USER], STR("\"s\""));
    assert_str(r->params[CHAT_EFFORT], STR("\"xhigh\""));
    assert_str(r->params[CHAT_REASONING_SUMMARY], STR("\"auto\""));
    assert_str(r->tools_parallel, STR("false"));
    assert_str(r->schema, STR("{\"a\":1}"));
    assert_str(r->schema_name, STR("\"n\""));
    assert_str(r->schema_description, STR("\"d\""));
    assert_str(r->schema_strict, STR("false"));
    assert_int_equal(r->tool_choice, CHOOSE_NAMED);
    assert_str(r->tool_named, STR("\"f\""));
    assert_str(r->tools->name, STR("\"f\""));
    assert_str(r->tools->description, STR("\"d\""));
    assert_str(r->tools->schema, STR("{\"b\":2}"));
    assert_str(r->tools->strict, STR("true"));
    assert_str(r->tools->next->schema, STR_NONE);
    assert_str(r->tools->next->strict, STR_NONE);
    assert_str(r->tools->next->next->whole, STR("{\"type\":\"web_search\",\"new\":1}"));
    assert_null(r->tools->next->next->next);
    world_end(&w);
}

static void members_show_as_features(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        enum chat_feature feature;
    } rows[] = {
        {"\"previous_response_id\":\"resp_1\"", CHAT_PREVIOUS},
        {"\"conversation\":\"conv_1\"", CHAT_CONVERSATION},
        {"\"conversation\":{\"id\":\"conv_1\"}", CHAT_CONVERSATION},
        {"\"background\":true", CHAT_OTHER_MEMBER},
        {"\"truncation\":\"auto\"", CHAT_OTHER_MEMBER},
        {"\"max_tool_calls\":3", CHAT_OTHER_MEMBER},
        {"\"n\\u0065w\":1", CHAT_OTHER_MEMBER},
        {"\"reasoning\":{\"mode\":\"pro\"}", CHAT_OTHER_MEMBER},
        {"\"text\":{\"new\":1}", CHAT_OTHER_MEMBER},
        {"\"stream_options\":{\"new\":1}", CHAT_OTHER_MEMBER},
        {"\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[]}",
         CHAT_OTHER_MEMBER},
        {"\"tool_choice\":{\"type\":\"file_search\"}", CHAT_OTHER_MEMBER},
        {"\"tool_choice\":\"new\"", CHAT_OTHER_MEMBER},
        {"\"tool_choice\":\"required\"", CHAT_TOOL_CHOICE},
        {"\"tools\":[{\"type\":\"custom\",\"name\":\"x\"}]", CHAT_TOOL_OF_PROVIDER},
        {"\"tools\":[{\"type\":\"function\",\"name\":\"x\",\"defer_loading\":true}]",
         CHAT_OTHER_MEMBER},
        {"\"text\":{\"format\":{\"type\":\"json_object\"}}", CHAT_JSON_OBJECT},
        {"\"include\":[\"message.output_text.logprobs\"]", CHAT_LOGPROBS},
        {"\"top_logprobs\":2", CHAT_TOP_LOGPROBS},
        {"\"user\":\"u\"", CHAT_USER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        world_make(&w);
        struct str body = arena_printf(&w.arena, "{\"model\":\"m\",\"input\":\"\",%s}",
                                       rows[i].members);
        if (!chat_has(read_body(&w, body.p), rows[i].feature))
            fail_msg("%s", rows[i].members);
        world_end(&w);
    }
}

/* What says the same as its absence is no feature. */
static void usual_values_are_no_features(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_body(
        &w, "{\"model\":\"m\",\"input\":\"Hi\",\"instructions\":null,\"background\":false,"
            "\"truncation\":\"disabled\",\"include\":[ ],\"top_logprobs\":0,\"tools\":[],"
            "\"parallel_tool_calls\":true,\"stream\":false,\"temperature\":null,\"new\":null,"
            "\"previous_response_id\":null,\"tool_choice\":null,\"text\":{\"format\":{\"type\":"
            "\"text\"}},\"reasoning\":{\"effort\":null},\"max_output_tokens\":null}");
    assert_int_equal(r->features, 0);
    assert_false(r->stream);
    world_end(&w);
}

static void faults_name_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int err;
        const char *words;
    } rows[] = {
        {"", E_BAD_JSON, NULL},
        {"[]", E_BAD_JSON, NULL},
        {"{\"model\":", E_BAD_JSON, NULL},
        {"{\"input\":\"\"}", E_BAD_REQUEST, "'model' has to be a string that is not empty"},
        {"{\"model\":\"m\"}", E_BAD_REQUEST,
         "'input' is missing; expected a string or a list of items"},
        {"{\"model\":\"m\",\"input\":1}", E_BAD_REQUEST,
         "'input' has to be a string or a list of items"},
        {"{\"model\":\"m\",\"model\":\"n\",\"input\":\"\"}", E_DUPLICATE_KEY,
         "\"model\" stands twice in the request"},
        {"{\"model\":\"m\",\"input\":\"\",\"inp\\u0075t\":\"\"}", E_DUPLICATE_KEY,
         "\"input\" stands twice in the request"},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}]}",
         E_DUPLICATE_KEY, "input.0: \"content\" stands twice"},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"\"},1]}", E_BAD_REQUEST,
         "input.1: expected an object"},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"king\",\"content\":\"a\"}]}", E_BAD_REQUEST,
         "input.0: 'role' has to be user, assistant, system or developer, not \"king\""},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\"}]}", E_BAD_REQUEST,
         "input.0: the content has to be a string or a list of parts"},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
         "\"text\":\"\"},{\"type\":\"input_text\"}]}]}",
         E_BAD_REQUEST, "input.0.content.1: 'text' has to be a string"},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}"
         "]}]}",
         E_BAD_REQUEST, "input.0.content.0: 'image_url' has to be a string"},
        {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\","
         "\"image_url\":\"data:x\"}]}]}",
         E_BAD_REQUEST, "input.0.content.0: 'image_url' has to be a URL, or a data: URL in base64"},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":"
         "\"{}\"}]}",
         E_BAD_REQUEST, "input.0: 'call_id' has to be a string"},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":"
         "\"f\",\"arguments\":\"[\"}]}",
         E_BAD_REQUEST, "input.0: 'arguments' have to be a JSON object, in a string"},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"output\":\"\"}]}",
         E_BAD_REQUEST, "input.0: 'call_id' has to be a string"},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\","
         "\"output\":\"\"}]}",
         E_BAD_REQUEST, NULL},
        {"{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":\"x\"}]}", E_BAD_REQUEST,
         "input.0: 'summary' and 'content' have to be lists of texts"},
        {"{\"model\":\"m\",\"input\":\"\",\"instructions\":[]}", E_BAD_REQUEST,
         "'instructions' has to be a string"},
        {"{\"model\":\"m\",\"input\":\"\",\"tools\":{}}", E_BAD_REQUEST,
         "'tools' has to be a list"},
        {"{\"model\":\"m\",\"input\":\"\",\"tools\":[{\"type\":\"function\"}]}", E_BAD_REQUEST,
         "'tools.name' has to be a string"},
        {"{\"model\":\"m\",\"input\":\"\",\"tools\":[{\"type\":\"function\",\"name\":\"f\","
         "\"parameters\":1}]}",
         E_BAD_REQUEST, "tools.0: 'parameters' have to be an object"},
        {"{\"model\":\"m\",\"input\":\"\",\"max_output_tokens\":-1}", E_BAD_REQUEST,
         "'max_output_tokens' has to be a number of tokens"},
        {"{\"model\":\"m\",\"input\":\"\",\"stream\":\"yes\"}", E_BAD_REQUEST,
         "'stream' has to be true or false"},
        {"{\"model\":\"m\",\"input\":\"\",\"text\":[]}", E_BAD_REQUEST, "text: expected an object"},
        {"{\"model\":\"m\",\"input\":\"\",\"text\":{\"format\":{\"type\":\"xml\"}}}", E_BAD_REQUEST,
         "'text.format.type' has to be text, json_object or json_schema"},
        {"{\"model\":\"m\",\"input\":\"\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":"
         "\"n\"}}}",
         E_BAD_REQUEST, "'text.format.schema' has to be an object"},
        {"{\"model\":\"m\",\"input\":\"\",\"tool_choice\":{\"type\":\"function\"}}", E_BAD_REQUEST,
         "'tool_choice.name' has to be a string"},
        {"{\"model\":\"m\",\"input\":\"\",\"reasoning\":{\"effort\":1,\"effort\":2}}",
         E_DUPLICATE_KEY, "reasoning: \"effort\" stands twice"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct chat_request r;
        struct fault f = {0};
        world_make(&w);
        int err = wire_responses.request_read(str_from(rows[i].body), &w.arena, &r, &f);
        if (err != rows[i].err || (rows[i].words && strcmp(f.text, rows[i].words) != 0))
            fail_msg("%s: got %s: %s", rows[i].body, err_code(err), f.text);
        assert_true(f.text[0] != '\0');
        world_end(&w);
    }
}

/* ---- writing ---- */

static void fixtures_say_the_same_when_they_are_written(void **state)
{
    (void)state;
    DIR *folder = opendir(FIXTURES);
    unsigned n = 0;
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        struct world w;
        struct fault f = {0};
        struct chat_request r;
        struct str left_out;
        world_make(&w);
        struct str body = e->d_name[0] != '.'
                              ? fixture_read(&w.arena, FIXTURES, e->d_name, "request.json")
                              : STR_NONE;
        if (body.p) {
            if (wire_responses.request_read(body, &w.arena, &r, &f) != 0 ||
                wire_check(&wire_responses, &r, &left_out, &f) != 0 ||
                wire_responses.request_write(&r, &w.out, &f) != 0)
                fail_msg("%s: %s", e->d_name, f.text);
            assert_null(left_out.p);
            assert_same_json(&w.arena, buf_view(&w.out), body);
            n++;
        }
        world_end(&w);
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(n >= 11);
}

static struct str written(struct world *w, const struct chat_request *r)
{
    struct fault f = {0};
    buf_clear(&w->out);
    if (wire_responses.request_write(r, &w->out, &f) != 0)
        fail_msg("%s", f.text);
    return buf_view(&w->out);
}

/* Who asks for one of them shall not be served as usual; what is no word of OpenAI's is left out.
 */
static void openais_tiers_are_written(void **state)
{
    static const char *const tiers[] = {"auto",     "default", "flex",      "scale",
                                        "priority", "fast",    "ultrafast", "standard_only"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        struct world w;
        world_make(&w);
        struct chat_request r = {.arena = &w.arena, .model = STR("\"m\"")};
        r.params[CHAT_SERVICE_TIER] = arena_printf(&w.arena, "\"%s\"", tiers[i]);
        bool found = str_find(written(&w, &r), r.params[CHAT_SERVICE_TIER]) >= 0;
        if (found != (i + 1 < ARRAY_LEN(tiers)))
            fail_msg("%s: %.*s", tiers[i], STR_ARGS(buf_view(&w.out)));
        world_end(&w);
    }
}

/* One of the two would be lost without a word. */
static void two_names_of_the_end_user_are_seen(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request *r = read_body(&w, "{\"model\":\"m\",\"input\":\"Hi\",\"user\":\"u\","
                                           "\"safety_identifier\":\"s\"}");
    assert_str(r->params[CHAT_USER], STR("\"u\""));
    FEATURES(r, CHAT_USER, CHAT_OTHER_MEMBER);
    world_end(&w);
}

static void own_reasoning_goes_back(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request r = {.arena = &w.arena, .model = STR("m")};
    struct chat_message *m = chat_message_new(&r, NULL, ROLE_ASSISTANT);
    static const struct {
        enum chat_block_kind kind;
        struct str text, signature;
    } blocks[] = {
        {BLOCK_THINKING, {"\"A\"", 3}, {"\"openai:E1\"", 11}},
        {BLOCK_THINKING, {"\"B\"", 3}, {"\"of another\"", 12}},
        {BLOCK_THINKING, {"\"C\"", 3}, {NULL, 0}},
        {BLOCK_HIDDEN, {"\"openai:E2\"", 11}, {NULL, 0}},
        {BLOCK_HIDDEN, {"\"of another\"", 12}, {NULL, 0}},
        {BLOCK_TEXT, {"\"T\"", 3}, {NULL, 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct chat_block *b = chat_block_new(&w.arena, &m->blocks, blocks[i].kind);
        b->text = blocks[i].text;
        b->signature = blocks[i].signature;
    }
    assert_same_json(
        &w.arena, written(&w, &r),
        STR("{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"summary\":[{\"type\":"
            "\"summary_text\",\"text\":\"A\"}],\"encrypted_content\":\"E1\"},"
            "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"E2\"},"
            "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
            "\"text\":\"T\",\"annotations\":[]}]}],\"store\":false}"));
    world_end(&w);
}

static void other_protocols_chats_are_written(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_request r = {.arena = &w.arena,
                             .model = STR("m"),
                             .thinking = THINK_BUDGET,
                             .thinking_budget = 5000,
                             .tools_serial = true};
    struct chat_message *m = chat_message_new(&r, NULL, ROLE_SYSTEM);
    chat_block_new(&w.arena, &m->blocks, BLOCK_TEXT)->text = STR("\"S1\"");
    chat_block_new(&w.arena, &m->blocks, BLOCK_TEXT)->text = STR("\"S2\"");
    m = chat_message_new(&r, m, ROLE_USER);
    struct chat_block *b = chat_block_new(&w.arena, &m->blocks, BLOCK_RESULT);
    b->id = STR("\"c\"");
    b = chat_block_new(&w.arena, &m->blocks, BLOCK_DOCUMENT);
    b->media = (struct chat_media){.form = MEDIA_TEXT, .data = STR("\"a\\n\"")};
    b = chat_block_new(&w.arena, &m->blocks, BLOCK_DOCUMENT);
    b->media = (struct chat_media){
        .form = MEDIA_BASE64, .type = STR("application/pdf"), .data = STR("\"QQ==\"")};
    chat_tool_new(&r)->name = STR("\"f\"");
    chat_param(&r, CHAT_SERVICE_TIER, STR("\"standard_only\""));
    assert_same_json(
        &w.arena, written(&w, &r),
        STR("{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"system\",\"content\":["
            "{\"type\":\"input_text\",\"text\":\"S1\"},{\"type\":\"input_text\",\"text\":\"S2\"}"
            "]},{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"\"},"
            "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_file\","
            "\"filename\":\"document.txt\",\"file_data\":\"data:text/plain;base64,YQo=\"},"
            "{\"type\":\"input_file\",\"filename\":\"document.pdf\",\"file_data\":"
            "\"data:application/pdf;base64,QQ==\"}]}],\"tools\":[{\"type\":\"function\",\"name\":"
            "\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}],"
            "\"parallel_tool_calls\":false,\"reasoning\":{\"effort\":\"medium\"},\"store\":false,"
            "\"include\":[\"reasoning.encrypted_content\"]}"));
    world_end(&w);
}

/* An assistant's string, also an empty one, may have calls, thinking and a refusal beside it. */
static void a_string_hides_nothing_beside_it(void **state)
{
    (void)state;
#define SAID_CALL                                                                                  \
    "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","           \
    "\"arguments\":\"{}\"}}]"
#define CALL                                                                                       \
    "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\","                               \
    "\"arguments\":\"{}\"},"
#define MESSAGE(parts) "{\"type\":\"message\",\"role\":\"assistant\",\"content\":" parts "},"
#define TEXT           "{\"type\":\"output_text\",\"text\":\"T\",\"annotations\":[]}"
#define REFUSAL        "{\"type\":\"refusal\",\"refusal\":\"N\"}"
    static const struct {
        const char *said, *items;
        bool result;
    } rows[] = {
        {"\"content\":\"T\"," SAID_CALL, MESSAGE("[" TEXT "]") CALL, true},
        {"\"content\":\"\"," SAID_CALL, CALL, true},
        {"\"content\":\"T\",\"reasoning_content\":\"R\"," SAID_CALL, MESSAGE("[" TEXT "]") CALL,
         true},
        {"\"content\":\"T\",\"reasoning_content\":\"R\"", MESSAGE("[" TEXT "]"), false},
        {"\"content\":\"T\",\"refusal\":\"N\"", MESSAGE("[" TEXT "," REFUSAL "]"), false},
        {"\"content\":\"T\"", MESSAGE("\"T\""), false},
        {"\"content\":\"\"", MESSAGE("\"\""), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct fault f = {0};
        struct chat_request r;
        world_make(&w);
        struct str body = arena_printf(
            &w.arena,
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},"
            "{\"role\":\"assistant\",%s},%s{\"role\":\"user\",\"content\":\"Go on\"}]}",
            rows[i].said,
            rows[i].result ? "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\"}," : "");
        struct str want = arena_printf(
            &w.arena,
            "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":"
            "\"Hi\"},%s%s{\"type\":\"message\",\"role\":\"user\",\"content\":\"Go on\"}],"
            "\"store\":false}",
            rows[i].items,
            rows[i].result
                ? "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"r\"},"
                : "");
        if (wire_openai_chat.request_read(body, &w.arena, &r, &f) != 0)
            fail_msg("%s: %s", f.text, rows[i].said);
        assert_same_json(&w.arena, written(&w, &r), want);
        world_end(&w);
    }
#undef SAID_CALL
#undef CALL
#undef MESSAGE
#undef TEXT
#undef REFUSAL
}

static void efforts_stand_for_budgets(void **state)
{
    (void)state;
    static const struct {
        enum chat_thinking thinking;
        int64_t budget;
        const char *said, *effort;
    } rows[] = {
        {THINK_UNSAID, 0, NULL, NULL},          {THINK_ADAPTIVE, 0, NULL, NULL},
        {THINK_OFF, 0, NULL, "none"},           {THINK_BUDGET, 1024, NULL, "low"},
        {THINK_BUDGET, 4096, NULL, "medium"},   {THINK_BUDGET, 16384, NULL, "high"},
        {THINK_BUDGET, 1024, "\"max\"", "max"}, {THINK_ADAPTIVE, 0, "\"low\"", "low"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        world_make(&w);
        struct chat_request r = {.arena = &w.arena,
                                 .model = STR("m"),
                                 .thinking = rows[i].thinking,
                                 .thinking_budget = rows[i].budget};
        chat_param(&r, CHAT_EFFORT, str_from(rows[i].said));
        yyjson_val *root = parsed(&w.arena, written(&w, &r));
        assert_str(json_get_str(yyjson_obj_get(root, "reasoning"), "effort"),
                   str_from(rows[i].effort));
        bool reasons = rows[i].thinking >= THINK_BUDGET || rows[i].said;
        assert_int_equal(yyjson_obj_get(root, "include") != NULL, reasons);
        world_end(&w);
    }
}

/* What the wire has no place for is refused, not lost. */
static void what_cannot_be_written_is_refused(void **state)
{
    (void)state;
    static const enum chat_feature refused[] = {
        CHAT_TOP_K,        CHAT_MIN_P,
        CHAT_SEED,         CHAT_FREQUENCY_PENALTY,
        CHAT_LOGIT_BIAS,   CHAT_LOGPROBS,
        CHAT_CHOICES,      CHAT_STOP,
        CHAT_PREFILL,      CHAT_MESSAGE_NAME,
        CHAT_FILE_ID,      CHAT_AUDIO,
        CHAT_OTHER_BLOCK,  CHAT_OTHER_MEMBER,
        CHAT_CITATIONS,    CHAT_TOOL_OF_PROVIDER,
        CHAT_TOP_LOGPROBS, CHAT_PRESENCE_PENALTY,
    };
    struct world w;
    world_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct chat_request r = {.arena = &w.arena};
        struct str left_out;
        struct fault f = {0};
        chat_uses(&r, refused[i]);
        assert_int_equal(wire_check(&wire_responses, &r, &left_out, &f), E_UNSUPPORTED);
        assert_non_null(strstr(f.text, chat_feature_text(refused[i])));
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_is_one_message),
        cmocka_unit_test(instructions_stand_in_front),
        cmocka_unit_test(media_have_their_forms),
        cmocka_unit_test(what_is_not_known_is_seen),
        cmocka_unit_test(results_go_behind_their_calls),
        cmocka_unit_test(parameters_are_read),
        cmocka_unit_test(members_show_as_features),
        cmocka_unit_test(usual_values_are_no_features),
        cmocka_unit_test(faults_name_their_place),
        cmocka_unit_test(fixtures_say_the_same_when_they_are_written),
        cmocka_unit_test(openais_tiers_are_written),
        cmocka_unit_test(two_names_of_the_end_user_are_seen),
        cmocka_unit_test(own_reasoning_goes_back),
        cmocka_unit_test(other_protocols_chats_are_written),
        cmocka_unit_test(a_string_hides_nothing_beside_it),
        cmocka_unit_test(efforts_stand_for_budgets),
        cmocka_unit_test(what_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests_name("wire_responses_request", tests, NULL, NULL);
}
