/*
 * test_wire_anthropic_request.c: Anthropic's requests read into the chat model and written out of
 * it. Every request of the fixtures means the same when it was written again.
 */
#include "wire_anthropic_world.h"

static struct chat_request request(const char *body)
{
    struct chat_request r;
    memset(&r, 0xAA, sizeof(r));
    if (wire_anthropic.request_read(str_from(body), &arena, &r, &fault) != 0)
        fail_msg("%s: refused: %s", body, fault_text(&fault));
    return r;
}

/* A request with `members` beside a model, a limit and one message. */
static struct chat_request request_with(const char *members)
{
    return request(arena_printf(&arena,
                                "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":"
                                "\"user\",\"content\":\"Hi\"}]%s}",
                                members)
                       .p);
}

static struct chat_request request_saying(const char *messages)
{
    return request(
        arena_printf(&arena, "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[%s]}", messages).p);
}

static struct str written(const struct chat_request *r)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    int err = wire_anthropic.request_write(r, &b, &fault);
    return kept(&b, err);
}

/* Is the written request this, but for model, limit and messages? */
static void assert_rest(const struct chat_request *r, const char *want)
{
    struct str all = written(r);
    yyjson_doc *doc = NULL;
    assert_int_equal(json_parse(&arena, all, &doc, NULL), 0);
    yyjson_mut_doc *rest = yyjson_doc_mut_copy(doc, NULL);
    static const char *const out[] = {"model", "max_tokens", "messages"};
    for (size_t i = 0; i < ARRAY_LEN(out); i++)
        yyjson_mut_obj_remove_key(yyjson_mut_doc_get_root(rest), out[i]);
    size_t n = 0;
    char *text = yyjson_mut_write(rest, 0, &n);
    assert_same_json(&arena, str_of(text, n), str_from(want));
    free(text);
    yyjson_mut_doc_free(rest);
}

static void assert_messages(const struct chat_request *r, const char *want)
{
    struct str all = written(r);
    if (!yyjson_equals(
            yyjson_obj_get(parsed(&arena, all), "messages"),
            yyjson_obj_get(parsed(&arena, arena_printf(&arena, "{\"m\":%s}", want)), "m")))
        fail_msg("got  %.*s\nwant %s", STR_ARGS(all), want);
}

/* ---- requests, field by field ---- */

static void a_request_is_read_field_by_field(void **state)
{
    (void)state;
    struct chat_request r = request(
        "{\"model\":\"claude \\u00e9\",\"max_tokens\":1024,\"stream\":true,\"system\":\"Be kind.\","
        "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},"
        "{\"content\":[{\"text\":\"Yes?\",\"type\":\"text\"}],\"role\":\"assistant\"}],"
        "\"temperature\":0.5,\"top_p\":1,\"top_k\":null,\"stop_sequences\":[\"a\",\"\\n\"],"
        "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"standard_only\"}");
    assert_str(r.model, STR("claude \xC3\xA9"));
    assert_true(r.stream && r.wants_usage);
    assert_int_equal(r.max_tokens, 1024);
    struct chat_message *m = r.messages;
    assert_int_equal(m->role, ROLE_SYSTEM);
    assert_true(m->is_string);
    assert_str(m->blocks->text, STR("\"Be kind.\""));
    m = m->next;
    assert_int_equal(m->role, ROLE_USER);
    assert_true(m->is_string);
    assert_str(m->blocks->text, STR("\"Hi\""));
    m = m->next;
    assert_int_equal(m->role, ROLE_ASSISTANT);
    assert_false(m->is_string);
    assert_str(m->blocks->text, STR("\"Yes?\""));
    assert_null(m->next);
    assert_str(r.params[CHAT_TEMPERATURE], STR("0.5"));
    assert_str(r.params[CHAT_TOP_P], STR("1"));
    assert_null(r.params[CHAT_TOP_K].p);
    assert_str(r.params[CHAT_USER], STR("\"u\""));
    assert_str(r.stop->text, STR("\"a\""));
    assert_str(r.stop->next->text, STR("\"\\n\""));
    assert_null(r.others);
    static const enum chat_feature used[] = {CHAT_SYSTEM, CHAT_PREFILL,     CHAT_MAX_TOKENS,
                                             CHAT_STOP,   CHAT_TEMPERATURE, CHAT_TOP_P,
                                             CHAT_USER,   CHAT_SERVICE_TIER};
    uint64_t want = 0;
    for (size_t i = 0; i < ARRAY_LEN(used); i++)
        want |= (uint64_t)1 << used[i];
    assert_int_equal(r.features, want);
}

static void media_are_read_by_their_source(void **state)
{
    (void)state;
    struct chat_request r = request(fixture_read(&arena, FIXTURES, "document", "request.json").p);
    struct chat_block *b = r.messages->blocks;
    assert_int_equal(b->kind, BLOCK_DOCUMENT);
    assert_int_equal(b->media.form, MEDIA_BASE64);
    assert_str(b->media.type, STR("application/pdf"));
    assert_str(b->media.data, STR("\"JVBERi0xLjQ=\""));
    assert_str(b->media.name, STR("\"a.pdf\""));
    b = b->next;
    assert_int_equal(b->media.form, MEDIA_TEXT);
    assert_true(json_is_object(b->citations));
    assert_str(b->others->name, STR("\"context\""));
    b = b->next;
    assert_int_equal(b->media.form, MEDIA_URL);
    b = b->next;
    assert_int_equal(b->media.form, MEDIA_FILE_ID);
    b = b->next;
    assert_int_equal(b->kind, BLOCK_OTHER);
    assert_true(json_is_object(b->input) && !b->media.form);
    static const enum chat_feature used[] = {CHAT_DOCUMENT,     CHAT_DOCUMENT_TEXT, CHAT_FILE_ID,
                                             CHAT_DOCUMENT_URL, CHAT_OTHER_BLOCK,   CHAT_CITATIONS,
                                             CHAT_OTHER_MEMBER};
    for (size_t i = 0; i < ARRAY_LEN(used); i++)
        assert_true(chat_has(&r, used[i]));
}

static void tools_are_read(void **state)
{
    (void)state;
    struct chat_request r = request_with(
        ",\"tools\":[{\"type\":\"custom\",\"name\":\"f\",\"description\":\"d\",\"input_schema\":{},"
        "\"strict\":true,\"cache_control\":null,\"input_examples\":[1]},"
        "{\"name\":\"web_search\",\"type\":\"web_search_20250305\"}],"
        "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true}");
    assert_str(r.tools->name, STR("\"f\""));
    assert_str(r.tools->description, STR("\"d\""));
    assert_str(r.tools->schema, STR("{}"));
    assert_str(r.tools->strict, STR("true"));
    assert_null(r.tools->cache_control.p);
    assert_str(r.tools->others->name, STR("\"input_examples\""));
    assert_null(r.tools->whole.p);
    assert_true(json_is_object(r.tools->next->whole));
    assert_int_equal(r.tool_choice, CHOOSE_NAMED);
    assert_str(r.tool_named, STR("\"f\""));
    assert_true(r.tools_serial);
    assert_str(r.tools_parallel, STR("false"));
    assert_true(chat_has(&r, CHAT_TOOL_OF_PROVIDER) && chat_has(&r, CHAT_TOOLS_SERIAL));
}

static void calls_and_results_are_read(void **state)
{
    (void)state;
    struct chat_request r = request_saying(
        "{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{ \"n\" : 1.0 },"
        "\"caller\":{\"type\":\"direct\"},\"toolset_name\":null}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\","
        "\"is_error\":true,\"content\":\"no\"}]}");
    struct chat_block *call = r.messages->next->blocks;
    assert_int_equal(call->kind, BLOCK_CALL);
    assert_str(call->id, STR("\"a\""));
    assert_str(call->name, STR("\"f\""));
    assert_str(call->input, STR("{ \"n\" : 1.0 }"));
    assert_null(call->others); /* it says nothing that its absence does not */
    struct chat_block *result = r.messages->next->next->blocks;
    assert_int_equal(result->kind, BLOCK_RESULT);
    assert_true(result->is_error && result->result_is_string);
    assert_str(result->result->text, STR("\"no\""));
    assert_true(chat_has(&r, CHAT_CALLS) && chat_has(&r, CHAT_RESULT_ERROR));
    assert_false(chat_has(&r, CHAT_OTHER_MEMBER));
    r = request_saying("{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"a\","
                       "\"name\":\"f\",\"input\":{},\"caller\":{\"type\":\"direct\",\"x\":1}}]}");
    assert_true(chat_has(&r, CHAT_OTHER_MEMBER));
}

static void thinking_is_read(void **state)
{
    (void)state;
    struct chat_request r = request_with(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":"
                                         "2048,\"display\":\"omitted\"}");
    assert_int_equal(r.thinking, THINK_BUDGET);
    assert_int_equal(r.thinking_budget, 2048);
    assert_str(r.params[CHAT_THINKING_DISPLAY], STR("\"omitted\""));
    assert_int_equal(request_with(",\"thinking\":{\"type\":\"adaptive\"}").thinking,
                     THINK_ADAPTIVE);
    assert_int_equal(request_with(",\"thinking\":{\"type\":\"disabled\"}").thinking, THINK_OFF);
    r = request_saying(
        "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
        "\"a\",\"signature\":\"\"},{\"type\":\"redacted_thinking\",\"data\":\"x\"}]}");
    struct chat_block *b = r.messages->blocks;
    assert_int_equal(b->kind, BLOCK_THINKING);
    assert_null(b->signature.p); /* an empty one is none */
    assert_int_equal(b->next->kind, BLOCK_HIDDEN);
    assert_str(b->next->text, STR("\"x\""));
}

/* What is not wholly understood is an other member, as it stood, and no feature of its own. */
static void small_objects_are_understood_wholly_or_kept(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"thinking\":{\"type\":\"between_tools\"}",
        "\"thinking\":{\"type\":\"disabled\",\"budget_tokens\":1}",
        "\"thinking\":{\"type\":\"adaptive\",\"new\":1}",
        "\"tool_choice\":{\"type\":\"new\"}",
        "\"tool_choice\":{\"type\":\"auto\",\"name\":\"f\"}",
        "\"output_config\":{\"effort\":\"low\",\"task_budget\":{\"total\":9}}",
        "\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":\"grammar\"}}",
        "\"metadata\":{\"user_id\":\"u\",\"team\":\"t\"}",
        "\"mcp_servers\":[{}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct chat_request r = request_with(arena_printf(&arena, ",%s", members[i]).p);
        if (!r.others || r.others->next || r.thinking || r.tool_choice || r.format ||
            r.params[CHAT_EFFORT].p || r.params[CHAT_USER].p || !chat_has(&r, CHAT_OTHER_MEMBER))
            fail_msg("%s", members[i]);
        assert_rest(&r, arena_printf(&arena, "{%s}", members[i]).p);
    }
    struct chat_request r = request_with(",\"container\":null,\"thinking\":null,\"tools\":null,"
                                         "\"system\":null,\"metadata\":{},\"stop_sequences\":[]");
    assert_null(r.others);
    assert_int_equal(r.features, (uint64_t)1 << CHAT_MAX_TOKENS);
    assert_rest(&r, "{}");
}

static void a_limit_of_zero_stays_what_it_is(void **state)
{
    (void)state;
    struct chat_request r = request("{\"model\":\"m\",\"max_tokens\":0,\"messages\":[{\"role\":"
                                    "\"user\",\"content\":\"Hi\"}]}");
    assert_int_equal(r.max_tokens, 0);
    assert_true(chat_has(&r, CHAT_OTHER_MEMBER) && !chat_has(&r, CHAT_MAX_TOKENS));
    assert_same_json(&arena, written(&r),
                     STR("{\"model\":\"m\",\"max_tokens\":0,\"messages\":[{\"role\":"
                         "\"user\",\"content\":\"Hi\"}]}"));
}

static void keys_with_escapes_are_keys(void **state)
{
    (void)state;
    struct chat_request r = request(
        "{\"mod\\u0065l\":\"m\",\"messages\":[{\"r\\u006fle\":\"user\","
        "\"content\":[{\"t\\u0079pe\":\"text\",\"t\\u0065xt\":\"x\"}]}],"
        "\"n\\u0065w\":1}");
    assert_str(r.messages->blocks->text, STR("\"x\""));
    assert_str(r.others->name, STR("\"n\\u0065w\""));
}

static void bad_requests_are_refused_with_their_place(void **state)
{
    (void)state;
#define SAY(content) "{\"model\":\"m\",\"system\":\"s\",\"messages\":[" content "]}"
#define BLOCK(role, block)                                                                         \
    SAY("{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"" role "\",\"content\":[" block "]}")
    static const struct {
        const char *body;
        int err;
        const char *words;
    } rows[] = {
        {"[]", E_BAD_JSON, "object"},
        {"{\"model\":\"m\",", E_BAD_JSON, "byte"},
        {SAY("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":tru}]}"), E_BAD_JSON,
         "byte"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", E_BAD_REQUEST,
         "'model' is missing"},
        {"{\"model\":\"\",\"messages\":[]}", E_BAD_REQUEST, "'model'"},
        {"{\"model\":\"\\ud800\",\"messages\":[]}", E_BAD_REQUEST, "surrogate"},
        {"{\"model\":7}", E_BAD_REQUEST, "'model' has to be a string"},
        {"{\"model\":\"m\"}", E_BAD_REQUEST, "'messages'"},
        {"{\"model\":\"m\",\"messages\":[]}", E_BAD_REQUEST, "'messages'"},
        {"{\"model\":\"m\",\"messages\":{}}", E_BAD_REQUEST, "'messages' has to be a list"},
        {"{\"model\":\"m\",\"model\":\"n\"}", E_DUPLICATE_KEY, "'model' stands twice"},
        {"{\"model\":\"m\",\"mod\\u0065l\":\"n\"}", E_DUPLICATE_KEY, "'model' stands twice"},
        {"{\"max_tokens\":-1}", E_BAD_REQUEST, "'max_tokens' has to be a whole number"},
        {"{\"max_tokens\":3000000000}", E_BAD_REQUEST, "'max_tokens' has to be at most"},
        {"{\"stream\":1}", E_BAD_REQUEST, "'stream' has to be true or false"},
        {"{\"temperature\":\"1\"}", E_BAD_REQUEST, "'temperature' has to be a number"},
        {"{\"stop_sequences\":[1]}", E_BAD_REQUEST, "'stop_sequences'"},
        {"{\"stop_sequences\":\"a\"}", E_BAD_REQUEST, "'stop_sequences' has to be a list"},
        {"{\"tools\":[{\"name\":\"f\"}]}", E_BAD_REQUEST, "tools.0: a tool needs"},
        {"{\"tools\":[1]}", E_BAD_REQUEST, "tools.0: a tool has to be an object"},
        {"{\"tools\":[{\"type\":1}]}", E_BAD_REQUEST, "tools.0: 'type'"},
        {"{\"tool_choice\":{\"type\":\"tool\"}}", E_BAD_REQUEST, "needs 'name'"},
        {"{\"tool_choice\":\"auto\"}", E_BAD_REQUEST, "an object is expected"},
        {"{\"thinking\":{\"type\":\"enabled\"}}", E_BAD_REQUEST, "needs 'budget_tokens'"},
        {"{\"system\":7}", E_BAD_REQUEST, "system: content has to be a string or a list"},
        {"{\"system\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]}",
         E_BAD_REQUEST, "of role \"system\" cannot have a block of type 'image'"},
        {SAY("7"), E_BAD_REQUEST, "messages.0: 'role' has to be"},
        {SAY("{\"role\":\"tool\",\"content\":\"x\"}"), E_BAD_REQUEST, "messages.0: 'role'"},
        {SAY("{\"role\":\"user\"}"), E_BAD_REQUEST, "messages.0: 'content' is missing"},
        {SAY("{\"role\":\"user\",\"content\":null}"), E_BAD_REQUEST, "messages.0: content has"},
        {SAY("{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}"), E_DUPLICATE_KEY,
         "messages.0: 'content' stands twice"},
        {BLOCK("user", "\"x\""), E_BAD_REQUEST, "messages.1.content.0: a block has to be"},
        {BLOCK("user", "{\"text\":\"x\"}"), E_BAD_REQUEST, "messages.1.content.0: a block"},
        {BLOCK("user", "{\"type\":\"text\"}"), E_BAD_REQUEST,
         "messages.1.content.0: a block of type 'text' needs 'text'"},
        {BLOCK("user", "{\"type\":\"text\",\"text\":null}"), E_BAD_REQUEST, "needs 'text'"},
        {BLOCK("user", "{\"type\":\"text\",\"text\":\"a\",\"type\":\"image\"}"), E_DUPLICATE_KEY,
         "messages.1.content.0: 'type' stands twice"},
        {BLOCK("user", "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"a\"}}"),
         E_BAD_REQUEST, "needs 'data' and 'media_type'"},
        {BLOCK("user", "{\"type\":\"image\",\"source\":null}"), E_BAD_REQUEST, "'source'"},
        {BLOCK("user", "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}"),
         E_BAD_REQUEST, "messages.1: a message of role \"user\" cannot have"},
        {BLOCK("assistant", "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":[]}"),
         E_BAD_REQUEST, "messages.1.content.0: 'input' has to be an object"},
        {BLOCK("user", "{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}"), E_BAD_REQUEST,
         "messages.1: a tool result for the call"},
        {BLOCK("user", "{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":["
                       "{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}]}"),
         E_BAD_REQUEST, "messages.1.content.0.content.0: a tool result cannot have"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chat_request r;
        fault_clear(&fault);
        int err = wire_anthropic.request_read(str_from(rows[i].body), &arena, &r, &fault);
        if (err != rows[i].err || fault.err != err || !strstr(fault.text, rows[i].words))
            fail_msg("%s: %s, %s", rows[i].body, err_code(err), fault.text);
    }
}

/* ---- requests, written ---- */

/* A request as another protocol's reader makes it. */
static struct chat_request bare(void)
{
    struct chat_request r = {.arena = &arena, .model = STR("m")};
    return r;
}

static struct chat_message *say(struct chat_request *r, enum chat_role role, struct str text)
{
    struct chat_message *last = r->messages;
    while (last && last->next)
        last = last->next;
    struct chat_message *m = chat_message_new(r, last, role);
    m->is_string = true;
    if (text.p)
        chat_block_new(&arena, &m->blocks, BLOCK_TEXT)->text = text;
    return m;
}

static void system_messages_in_front_become_blocks(void **state)
{
    (void)state;
    struct chat_request r = bare();
    say(&r, ROLE_SYSTEM, STR("\"one\""));
    say(&r, ROLE_DEVELOPER, STR("\"two\""));
    say(&r, ROLE_SYSTEM, STR("\"\""));
    say(&r, ROLE_USER, STR("\"hi\""));
    say(&r, ROLE_DEVELOPER, STR("\"later\""));
    assert_same_json(
        &arena, written(&r),
        STR("{\"model\":\"m\",\"max_tokens\":4096,\"system\":[{\"type\":\"text\",\"text\":"
            "\"one\"},{\"type\":\"text\",\"text\":\"two\"}],\"messages\":[{\"role\":"
            "\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"later\"}]}"));
    r = bare();
    say(&r, ROLE_SYSTEM, STR("\"\""));
    say(&r, ROLE_USER, STR("\"hi\""));
    assert_rest(&r, "{}");
}

static void results_of_one_message_are_one_message(void **state)
{
    (void)state;
    struct chat_request r = bare();
    say(&r, ROLE_USER, STR("\"a\""));
    say(&r, ROLE_USER, STR("\"b\""));
    struct chat_message *m = say(&r, ROLE_ASSISTANT, STR("\"\""));
    for (int i = 0; i < 2; i++) {
        struct chat_block *call = chat_block_new(&arena, &m->blocks, BLOCK_CALL);
        call->id = i ? STR("\"2\"") : STR("\"1\"");
        call->name = STR("\"f\"");
        call->input = STR("{}");
    }
    for (int i = 0; i < 2; i++) {
        struct chat_message *t = say(&r, ROLE_USER, STR_NONE);
        struct chat_block *result = chat_block_new(&arena, &t->blocks, BLOCK_RESULT);
        result->id = i ? STR("\"2\"") : STR("\"1\"");
        result->result_is_string = true;
        chat_block_new(&arena, &result->result, BLOCK_TEXT)->text = i ? STR("\"\"") : STR("\"x\"");
    }
    say(&r, ROLE_USER, STR("\"and?\""));
    assert_messages(&r, "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":"
                        "\"b\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
                        "\"1\",\"name\":\"f\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"2\","
                        "\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
                        "{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":\"x\"},"
                        "{\"type\":\"tool_result\",\"tool_use_id\":\"2\"},"
                        "{\"type\":\"text\",\"text\":\"and?\"}]}]");
}

/* As Converse, which has it of the same models. */
static void blank_texts_and_messages_are_left_out(void **state)
{
    (void)state;
    struct chat_request r = bare();
    struct chat_message *m = say(&r, ROLE_USER, STR("\"\""));
    chat_block_new(&arena, &m->blocks, BLOCK_TEXT)->text = STR("\"x\"");
    say(&r, ROLE_ASSISTANT, STR_NONE);
    say(&r, ROLE_ASSISTANT, STR("\" \\n\""))->is_string = true;
    static const char want[] =
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]";
    assert_messages(&r, want);
    say(&r, ROLE_USER, STR("\"\\t\""));
    assert_messages(&r, want); /* there is what the user said before */
}

static void the_message_to_answer_is_not_left_out(void **state)
{
    (void)state;
    struct chat_request r = bare();
    say(&r, ROLE_USER, STR("\"x\""));
    say(&r, ROLE_ASSISTANT, STR("\"y\""));
    say(&r, ROLE_USER, STR("\" \""));
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(wire_anthropic.request_write(&r, &b, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "Anthropic takes no message without content"));
    buf_fini(&b);
}

static void thinking_without_signature_is_left_out(void **state)
{
    (void)state;
    struct chat_request r = bare();
    say(&r, ROLE_USER, STR("\"x\""));
    struct chat_message *m = chat_message_new(&r, r.messages, ROLE_ASSISTANT);
    chat_block_new(&arena, &m->blocks, BLOCK_THINKING)->text = STR("\"lost\"");
    struct chat_block *signed_only = chat_block_new(&arena, &m->blocks, BLOCK_THINKING);
    signed_only->signature = STR("\"s\"");
    chat_block_new(&arena, &m->blocks, BLOCK_REFUSAL)->text = STR("\"no\"");
    assert_messages(&r,
                    "[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":"
                    "[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"s\"},"
                    "{\"type\":\"text\",\"text\":\"no\"}]}]");
    assert_int_equal(wire_anthropic.carries[CHAT_THINKING].how, WIRE_CHANGES);
    assert_int_equal(wire_anthropic.carries[CHAT_REFUSAL].how, WIRE_CHANGES);
}

static struct chat_request with_effort(struct str effort)
{
    struct chat_request r = bare();
    say(&r, ROLE_USER, STR("\"x\""));
    chat_param(&r, CHAT_EFFORT, effort);
    return r;
}

static void efforts_of_others_have_counterparts(void **state)
{
    (void)state;
    struct chat_request r = with_effort(STR("\"minimal\""));
    assert_rest(&r, "{\"output_config\":{\"effort\":\"low\"}}");
    r = with_effort(STR("\"none\""));
    assert_rest(&r, "{\"thinking\":{\"type\":\"disabled\"}}");
    r = with_effort(STR("\"high\""));
    assert_rest(&r, "{\"output_config\":{\"effort\":\"high\"}}");
}

static void what_the_protocol_demands_is_written(void **state)
{
    (void)state;
    struct chat_request r = bare();
    say(&r, ROLE_USER, STR("\"x\""));
    r.thinking = THINK_BUDGET;
    r.thinking_budget = 10000;
    chat_tool_new(&r)->name = STR("\"f\"");
    r.tools_serial = true;
    r.tools_parallel = STR("false");
    yyjson_val *root = parsed(&arena, written(&r));
    assert_int_equal(json_get_i64(root, "max_tokens", 0), 14096);
    assert_rest(&r, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10000},\"tools\":["
                    "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],"
                    "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}");
    r.tool_choice = CHOOSE_NONE;
    yyjson_val *choice = yyjson_obj_get(parsed(&arena, written(&r)), "tool_choice");
    assert_int_equal(yyjson_obj_size(choice), 1);
}

static struct chat_request with_document(struct str type, struct str data)
{
    struct chat_request r = bare();
    struct chat_message *m = say(&r, ROLE_USER, STR("\"x\""));
    struct chat_block *b = chat_block_new(&arena, &m->blocks, BLOCK_DOCUMENT);
    b->media = (struct chat_media){.form = MEDIA_BASE64, .type = type, .data = data};
    return r;
}

static void documents_of_plain_text_become_texts(void **state)
{
    (void)state;
    struct chat_request r = with_document(STR("text/plain"), STR("\"SGkg4pyTIg==\""));
    assert_messages(&r, "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
                        "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":"
                        "\"text/plain\",\"data\":\"Hi \xE2\x9C\x93\\\"\"}}]}]");
    static const struct str bad[][2] = {{{"text/plain", 10}, {"\"/w==\"", 6}},
                                        {{"text/plain", 10}, {"\"_\"", 3}},
                                        {{"text/csv", 8}, {"\"SGk=\"", 6}},
                                        {{NULL, 0}, {"\"SGk=\"", 6}}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf b;
        buf_init(&b, 4096);
        r = with_document(bad[i][0], bad[i][1]);
        fault_clear(&fault);
        assert_int_equal(wire_anthropic.request_write(&r, &b, &fault), E_UNSUPPORTED);
        assert_non_null(strstr(fault.text, "messages.0: "));
        buf_fini(&b);
    }
}

static void another_providers_features_are_refused_by_name(void **state)
{
    (void)state;
    static const enum chat_feature refused[] = {
        CHAT_SEED,        CHAT_CHOICES,          CHAT_LOGPROBS,
        CHAT_JSON_OBJECT, CHAT_TEMPERATURE_HIGH, CHAT_VERBOSITY,
        CHAT_AUDIO,       CHAT_OTHER_MEMBER,     CHAT_TOOL_OF_PROVIDER,
        CHAT_MESSAGE_NAME};
    struct str left_out;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct chat_request r = bare();
        chat_uses(&r, refused[i]);
        fault_clear(&fault);
        assert_int_equal(wire_check(&wire_anthropic, &r, &left_out, &fault), E_UNSUPPORTED);
        assert_non_null(strstr(fault.text, chat_feature_text(refused[i])));
    }
    struct chat_request r = bare();
    chat_uses(&r, CHAT_STORE);
    chat_uses(&r, CHAT_CACHE_KEY);
    assert_int_equal(wire_check(&wire_anthropic, &r, &left_out, &fault), 0);
    assert_non_null(strstr(left_out.p, "prompt cache key"));
}

static unsigned replay_request(const char *folder)
{
    struct str body = fixture_read(&arena, FIXTURES, folder, "request.json");
    if (!body.p)
        return 0;
    struct chat_request r = request(body.p);
    assert_same_json(&arena, written(&r), body);
    return 1;
}

static void every_request_means_the_same_when_written_again(void **state)
{
    assert_true(replay_all(state, replay_request) >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_read_field_by_field),
        TEST(media_are_read_by_their_source),
        TEST(tools_are_read),
        TEST(calls_and_results_are_read),
        TEST(thinking_is_read),
        TEST(small_objects_are_understood_wholly_or_kept),
        TEST(a_limit_of_zero_stays_what_it_is),
        TEST(keys_with_escapes_are_keys),
        TEST(bad_requests_are_refused_with_their_place),
        TEST(system_messages_in_front_become_blocks),
        TEST(results_of_one_message_are_one_message),
        TEST(blank_texts_and_messages_are_left_out),
        TEST(the_message_to_answer_is_not_left_out),
        TEST(thinking_without_signature_is_left_out),
        TEST(efforts_of_others_have_counterparts),
        TEST(what_the_protocol_demands_is_written),
        TEST(documents_of_plain_text_become_texts),
        TEST(another_providers_features_are_refused_by_name),
        TEST(every_request_means_the_same_when_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
