/*
 * test_wire_anthropic.c: Anthropic's Messages API read into the chat model and written out of it.
 *
 * Every case of test/fixture/wire/anthropic is replayed: what was read and written again means the
 * same, and a stream says what the whole answer beside it says.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base_test.h"
#include "http/sse.h"
#include "llm/anthropic.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

/* Tests run in the root of the repository. */
#define FIXTURES "test/fixture/wire/anthropic"

static struct arena arena;
static struct fault fault;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64u << 20);
    fault_clear(&fault);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

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

static struct str kept(struct buf *b, int err)
{
    if (err || b->failed)
        fail_msg("not written: %d, %s", err, fault_text(&fault));
    struct str s = arena_str(&arena, buf_view(b));
    buf_fini(b);
    assert_non_null(s.p);
    return s;
}

static struct str written(const struct chat_request *r)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    int err = wire_anthropic.request_write(r, &b, &fault);
    return kept(&b, err);
}

static yyjson_val *parsed(struct str text)
{
    yyjson_doc *doc = NULL;
    if (json_parse(&arena, text, &doc, &fault) != 0)
        fail_msg("no JSON: %s: %.*s", fault_text(&fault), STR_ARGS(text));
    return yyjson_doc_get_root(doc);
}

static void assert_json(struct str got, struct str want)
{
    if (!yyjson_equals(parsed(got), parsed(want)))
        fail_msg("got  %.*s\nwant %.*s", STR_ARGS(got), STR_ARGS(want));
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
    assert_json(str_of(text, n), str_from(want));
    free(text);
    yyjson_mut_doc_free(rest);
}

static void assert_messages(const struct chat_request *r, const char *want)
{
    struct str all = written(r);
    if (!yyjson_equals(yyjson_obj_get(parsed(all), "messages"),
                       yyjson_obj_get(parsed(arena_printf(&arena, "{\"m\":%s}", want)), "m")))
        fail_msg("got  %.*s\nwant %s", STR_ARGS(all), want);
}

static struct str file_read(const char *folder, const char *name)
{
    struct str path = arena_printf(&arena, "%s/%s/%s", FIXTURES, folder, name);
    FILE *file = fopen(path.p, "rb");
    if (!file)
        return STR_NONE;
    char *p = arena_alloc(&arena, 100000);
    assert_non_null(p);
    size_t n = fread(p, 1, 99999, file);
    fclose(file);
    p[n] = 0;
    return str_of(p, n);
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
        "\"metadata\":{\"user_id\":\"u\"},\"service_tier\":\"auto\"}");
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
    struct chat_request r = request(file_read("document", "request.json").p);
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
    assert_json(written(&r), STR("{\"model\":\"m\",\"max_tokens\":0,\"messages\":[{\"role\":"
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
        {"{\"system\":7}", E_BAD_REQUEST, "system.0: 'content' has to be a string or a list"},
        {"{\"system\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]}",
         E_BAD_REQUEST, "of role \"system\" cannot have a block of type 'image'"},
        {SAY("7"), E_BAD_REQUEST, "messages.0: 'role' has to be"},
        {SAY("{\"role\":\"tool\",\"content\":\"x\"}"), E_BAD_REQUEST, "messages.0: 'role'"},
        {SAY("{\"role\":\"user\"}"), E_BAD_REQUEST, "messages.0: 'content' is missing"},
        {SAY("{\"role\":\"user\",\"content\":null}"), E_BAD_REQUEST, "messages.0: 'content'"},
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
    assert_json(written(&r),
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

static void empty_texts_are_left_out_and_empty_messages_refused(void **state)
{
    (void)state;
    struct chat_request r = bare();
    struct chat_message *m = say(&r, ROLE_USER, STR("\"\""));
    chat_block_new(&arena, &m->blocks, BLOCK_TEXT)->text = STR("\"x\"");
    say(&r, ROLE_ASSISTANT, STR_NONE);
    assert_messages(&r, "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]},"
                        "{\"role\":\"assistant\",\"content\":\"\"}]");
    say(&r, ROLE_USER, STR("\"y\""));
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(wire_anthropic.request_write(&r, &b, &fault), E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "messages.1: "));
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
    yyjson_val *root = parsed(written(&r));
    assert_int_equal(json_get_i64(root, "max_tokens", 0), 14096);
    assert_rest(&r, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10000},\"tools\":["
                    "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],"
                    "\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}");
    r.tool_choice = CHOOSE_NONE;
    yyjson_val *choice = yyjson_obj_get(parsed(written(&r)), "tool_choice");
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

/* ---- answers ---- */

/* What an answer says, in lines, whether it came whole or as events. Texts are without escapes. */
struct telling {
    struct buf text;
    struct buf piece; /* of the block that is open: between its quotes */
};

static void telling_init(struct telling *t)
{
    buf_init(&t->text, 1u << 16);
    buf_init(&t->piece, 1u << 16);
}

static struct str told(struct telling *t)
{
    buf_fini(&t->piece);
    return kept(&t->text, 0);
}

static struct str unescaped(struct str string)
{
    struct str plain;
    assert_true(json_is_string(string));
    assert_int_equal(json_unquote(&arena, string, &plain), 0);
    return plain;
}

static void tell_string(struct telling *t, const char *name, struct str string)
{
    if (string.n > 0)
        buf_printf(&t->text, " %s=%.*s", name, STR_ARGS(unescaped(string)));
}

static void tell_input(struct telling *t, struct str json)
{
    size_t n = 0;
    char *text = yyjson_val_write(parsed(json), 0, &n);
    buf_printf(&t->text, " input=%.*s", (int)n, text);
    free(text);
}

static void tell_end(struct telling *t, enum chat_stop stop, struct str sequence)
{
    buf_printf(&t->text, "stop %d", (int)stop);
    tell_string(t, "sequence", sequence);
    buf_char(&t->text, '\n');
}

static void tell_usage(struct telling *t, const struct tokens *u)
{
    buf_printf(&t->text, "usage %d %d %d %d %d\n", (int)u->input, (int)u->cached,
               (int)u->cache_write, (int)u->output, (int)u->reasoning);
}

static struct str tell_answer(const struct chat_answer *a)
{
    struct telling t;
    telling_init(&t);
    tell_string(&t, "id", a->id);
    tell_string(&t, "model", a->model);
    buf_char(&t.text, '\n');
    for (const struct chat_block *b = a->blocks; b; b = b->next) {
        if (b->kind == BLOCK_OTHER)
            continue;
        buf_printf(&t.text, "%d", (int)b->kind);
        tell_string(&t, "id", b->id);
        tell_string(&t, "name", b->name);
        if (b->kind == BLOCK_CALL)
            tell_input(&t, b->input);
        else
            tell_string(&t, "text", b->text);
        tell_string(&t, "signature", b->signature);
        buf_char(&t.text, '\n');
    }
    tell_end(&t, a->stop, a->stop_sequence);
    if (a->has_usage)
        tell_usage(&t, &a->usage);
    return told(&t);
}

static void tell_block_end(struct telling *t, enum chat_block_kind kind, struct str signature)
{
    struct str all = arena_printf(&arena, "\"%.*s\"", STR_ARGS(buf_view(&t->piece))), input;
    if (kind == BLOCK_CALL) {
        assert_int_equal(input_from_string(&arena, all, &input), 0);
        tell_input(t, input);
    } else {
        tell_string(t, "text", all);
    }
    tell_string(t, "signature", signature);
    buf_char(&t->text, '\n');
}

/* Also checks the order that chat.h promises. */
struct following {
    struct telling told;
    struct tokens usage;
    struct str signature;
    bool begun, open, stopped, ended, failed;
    enum chat_block_kind kind;
};

static void follow_block(struct following *s, const struct chat_event *e)
{
    if (e->kind == EVENT_BLOCK_BEGIN) {
        assert_false(s->open || s->stopped);
        s->open = true;
        s->kind = e->block;
        s->signature = STR_NONE;
        buf_clear(&s->told.piece);
        buf_printf(&s->told.text, "%d", (int)e->block);
        tell_string(&s->told, "id", e->id);
        tell_string(&s->told, "name", e->name);
        if (e->block == BLOCK_HIDDEN)
            buf_str(&s->told.piece, json_string_raw(e->text));
        return;
    }
    assert_true(s->open && e->block == s->kind);
    if (e->kind == EVENT_SIGNATURE)
        s->signature = arena_str(&arena, e->text);
    else if (e->kind == EVENT_DELTA)
        buf_str(&s->told.piece, json_string_raw(e->text));
    else
        tell_block_end(&s->told, s->kind, s->signature);
    s->open = e->kind != EVENT_BLOCK_END;
}

static void follow(struct following *s, const struct chat_event *e)
{
    assert_false(s->ended || s->failed);
    assert_true(s->begun || e->kind == EVENT_BEGIN || e->kind == EVENT_FAILED);
    switch (e->kind) {
    case EVENT_BEGIN:
        assert_false(s->begun);
        s->begun = true;
        tell_string(&s->told, "id", e->id);
        tell_string(&s->told, "model", e->model);
        buf_char(&s->told.text, '\n');
        break;
    case EVENT_USAGE:
        s->usage = e->usage;
        break;
    case EVENT_STOPPED:
        assert_false(s->open || s->stopped);
        s->stopped = true;
        tell_end(&s->told, e->stop, e->stop_sequence);
        break;
    case EVENT_END:
        assert_true(s->stopped);
        s->ended = true;
        tell_usage(&s->told, &s->usage);
        break;
    case EVENT_FAILED:
        s->failed = true;
        buf_printf(&s->told.text, "failed %.*s %.*s\n", STR_ARGS(e->name), STR_ARGS(e->text));
        break;
    default:
        follow_block(s, e);
    }
}

/* What a stream says; `out` gets it as it is written for a client, if that is not NULL. */
static struct str tell_stream(struct str stream, struct buf *out)
{
    struct wire_state reader = {.arena = &arena}, writer = {.arena = &arena};
    struct following s = {.begun = false};
    struct sse sse;
    struct sse_event event;
    telling_init(&s.told);
    sse_init(&sse, 1u << 16);
    sse_feed(&sse, stream);
    while (sse_next(&sse, &event) == 0 && event.raw.n > 0) {
        struct chat_events events;
        memset(&events, 0xAA, sizeof(events));
        if (wire_anthropic.event_read(&reader, event.name, event.data, &events) != 0)
            fail_msg("refused: %.*s", STR_ARGS(event.raw));
        for (unsigned i = 0; i < events.n; i++) {
            follow(&s, &events.at[i]);
            if (out)
                assert_int_equal(wire_anthropic.event_write(&writer, &events.at[i], out), 0);
        }
    }
    sse_fini(&sse);
    return told(&s.told);
}

static struct chat_answer answer(struct str body)
{
    struct chat_answer a;
    memset(&a, 0xAA, sizeof(a));
    if (wire_anthropic.answer_read(body, &arena, &a) != 0)
        fail_msg("refused: %.*s", STR_ARGS(body));
    return a;
}

static struct str answer_written(const struct chat_answer *a)
{
    struct buf b;
    buf_init(&b, 1u << 16);
    int err = wire_anthropic.answer_write(a, &b);
    return kept(&b, err);
}

static void an_answer_is_read_field_by_field(void **state)
{
    (void)state;
    struct chat_answer a = answer(file_read("tool-one", "answer.json"));
    assert_str(a.id, STR("\"msg_01FixtureAAAAAAAAAAAAAA\""));
    assert_str(a.model, STR("\"claude-sonnet-4-5-20250929\""));
    assert_str(a.blocks->text, STR("\"I look it up.\""));
    assert_str(a.blocks->next->name, STR("\"get_weather\""));
    assert_int_equal(a.stop, STOP_CALL);
    assert_true(a.has_usage);
    assert_int_equal(a.usage.input, 380);
    assert_int_equal(a.usage.output, 61);
    assert_int_equal(a.usage.source, TOKENS_PROVIDER);
    a = answer(file_read("cache", "answer.json"));
    assert_int_equal(a.usage.cached, 188086);
    assert_int_equal(a.usage.cache_write, 2048);
    a = answer(file_read("thinking", "answer.json"));
    assert_int_equal(a.usage.reasoning, 280);
    assert_int_equal(a.usage.output, 20);
}

static void every_stop_reason_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *folder;
        enum chat_stop stop;
    } rows[] = {{"text", STOP_END},           {"tool-one", STOP_CALL},
                {"stop-length", STOP_LENGTH}, {"stop-sequence", STOP_SEQUENCE},
                {"stop-pause", STOP_PAUSE},   {"stop-context", STOP_CONTEXT},
                {"refusal", STOP_REFUSED},    {"refusal-silent", STOP_REFUSED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chat_answer a = answer(file_read(rows[i].folder, "answer.json"));
        assert_int_equal(a.stop, rows[i].stop);
    }
    struct chat_answer a = answer(file_read("stop-sequence", "answer.json"));
    assert_str(a.stop_sequence, STR("\"two\""));
    a = answer(file_read("refusal", "answer.json"));
    assert_int_equal(a.blocks->next->kind, BLOCK_REFUSAL);
    assert_str(a.blocks->next->text, STR("\"This could be misused.\""));
    a = answer(STR("{\"content\":[],\"stop_reason\":\"something_new\"}"));
    assert_int_equal(a.stop, STOP_UNSAID);
    assert_false(a.has_usage);
}

static void broken_answers_are_the_providers_fault(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"content\":\"x\"}",
        "{\"content\":[{}]}",
        "{\"content\":null}",
        "{\"content\":[{\"type\":\"text\"}]}",
        "{\"content\":[],\"content\":[]}",
        "{\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"input\":{}}]}",
        "{\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":\"{}\"}]}",
        "{\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\"}]}",
        "{\"content\":[],\"stop_reason\":7}",
        "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct chat_answer a;
        if (wire_anthropic.answer_read(str_from(bad[i]), &arena, &a) != E_UPSTREAM_BODY)
            fail_msg("%s", bad[i]);
    }
}

/* Answers of other protocols: what this one would never say so, is said as it says it. */
static void answers_of_others_become_this_protocols(void **state)
{
    (void)state;
    struct chat_answer a = {.stop = STOP_END};
    chat_block_new(&arena, &a.blocks, BLOCK_THINKING)->text = STR("\"hm\"");
    chat_block_new(&arena, &a.blocks, BLOCK_TEXT)->text = STR("\"\"");
    struct chat_block *call = chat_block_new(&arena, &a.blocks, BLOCK_CALL);
    call->id = STR("\"1\"");
    call->name = STR("\"f\"");
    call->input = STR("{}");
    assert_json(answer_written(&a),
                STR("{\"id\":\"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"\","
                    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"},"
                    "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{}}],"
                    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{"
                    "\"input_tokens\":0,\"cache_creation_input_tokens\":0,"
                    "\"cache_read_input_tokens\":0,\"output_tokens\":0}}"));
    struct chat_answer no = {.stop = STOP_END};
    chat_block_new(&arena, &no.blocks, BLOCK_REFUSAL)->text = STR("\"I cannot\"");
    yyjson_val *root = parsed(answer_written(&no));
    assert_str(json_get_str(root, "stop_reason"), STR("refusal"));
    struct chat_answer unsaid = {.stop = STOP_UNSAID};
    root = parsed(answer_written(&unsaid));
    assert_str(json_get_str(root, "stop_reason"), STR("end_turn"));
}

/* ---- streams ---- */

static struct chat_events read_one(struct wire_state *reader, const char *data)
{
    struct chat_events events;
    int err = wire_anthropic.event_read(reader, STR_NONE, str_from(data), &events);
    if (err)
        fail_msg("%s: %s", data, err_code(err));
    return events;
}

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"model\":\"m\",\"usage\":{"            \
    "\"input_tokens\":9,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}"
#define TEXT_START(i)                                                                              \
    "{\"type\":\"content_block_start\",\"index\":" i                                               \
    ",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
#define TEXT_DELTA(i)                                                                              \
    "{\"type\":\"content_block_delta\",\"index\":" i                                               \
    ",\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}"

static void usage_is_complete_with_each_event(void **state)
{
    (void)state;
    struct wire_state reader = {.arena = &arena};
    struct chat_events events = read_one(&reader, START);
    assert_int_equal(events.n, 2);
    assert_int_equal(events.at[0].kind, EVENT_BEGIN);
    assert_int_equal(events.at[1].kind, EVENT_USAGE);
    assert_int_equal(events.at[1].usage.input, 9);
    events = read_one(&reader,
                      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                      "\"usage\":{\"output_tokens\":30,\"output_tokens_details\":{"
                      "\"thinking_tokens\":10}}}");
    assert_int_equal(events.n, 2);
    assert_int_equal(events.at[0].usage.input, 9);
    assert_int_equal(events.at[0].usage.cached, 5);
    assert_int_equal(events.at[0].usage.output, 20);
    assert_int_equal(events.at[0].usage.reasoning, 10);
    assert_int_equal(events.at[1].kind, EVENT_STOPPED);
}

static void a_call_without_arguments_has_an_input(void **state)
{
    (void)state;
    struct wire_state reader = {.arena = &arena};
    (void)read_one(&reader, START);
    (void)read_one(&reader, "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
                            "\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{}}}");
    struct chat_events events = read_one(&reader, "{\"type\":\"content_block_stop\",\"index\":0}");
    assert_int_equal(events.n, 2);
    assert_str(events.at[0].text, STR("\"{}\""));
    assert_int_equal(events.at[1].kind, EVENT_BLOCK_END);
    events = read_one(&reader, "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{"
                               "\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"f\",\"input\":{\"a\":"
                               "1}}}");
    assert_int_equal(events.n, 2);
    assert_str(events.at[1].text, STR("\"{\\\"a\\\":1}\""));
    events = read_one(&reader, "{\"type\":\"content_block_stop\",\"index\":1}");
    assert_int_equal(events.n, 1);
}

static void misordered_streams_are_refused_or_mended(void **state)
{
    (void)state;
    struct chat_events events;
    static const char *const broken[] = {
        TEXT_START("0"), /* before the message */
        START "\n" START,
        START "\n" TEXT_DELTA("0"),
        START "\n" TEXT_START("0") "\n" TEXT_DELTA("1"),
        START "\n{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\"}}",
        START "\n{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":"
              "\"tool_use\",\"id\":\"1\",\"input\":{}}}",
        START "\n{\"type\":\"message_delta\",\"delta\":7}",
        START "\nnot json",
        "{\"type\":\"message_start\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct wire_state reader = {.arena = &arena};
        struct str rest = str_from(broken[i]);
        int err = 0;
        while (rest.p && !err)
            err = wire_anthropic.event_read(&reader, STR_NONE, str_cut(&rest, '\n'), &events);
        if (err != E_UPSTREAM_BODY || rest.p)
            fail_msg("%s: %s", broken[i], err_code(err));
    }
    struct wire_state reader = {.arena = &arena};
    (void)read_one(&reader, START);
    (void)read_one(&reader, TEXT_START("0"));
    events = read_one(&reader, TEXT_START("1")); /* the one before was not ended */
    assert_int_equal(events.n, 2);
    assert_int_equal(events.at[0].kind, EVENT_BLOCK_END);
    events = read_one(&reader, "{\"type\":\"message_stop\"}");
    assert_int_equal(events.n, 3);
    assert_int_equal(events.at[0].kind, EVENT_BLOCK_END);
    assert_int_equal(events.at[1].kind, EVENT_STOPPED);
    assert_int_equal(events.at[2].kind, EVENT_END);
    assert_int_equal(read_one(&reader, START).n, 0); /* nothing after the end */
}

static void a_long_stream_takes_no_memory(void **state)
{
    (void)state;
    struct wire_state reader = {.arena = &arena}, writer = {.arena = &arena};
    struct buf out;
    buf_init(&out, 4096);
    (void)read_one(&reader, START);
    (void)read_one(&reader, TEXT_START("0"));
    struct chat_event begin = {.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT};
    assert_int_equal(wire_anthropic.event_write(&writer, &begin, &out), 0);
    size_t held = arena.held_bytes;
    for (int i = 0; i < 10000; i++) {
        struct chat_events events = read_one(&reader, TEXT_DELTA("0"));
        assert_int_equal(events.n, 1);
        buf_clear(&out);
        assert_int_equal(wire_anthropic.event_write(&writer, &events.at[0], &out), 0);
    }
    assert_int_equal(arena.held_bytes, held);
    buf_fini(&out);
}

static struct str streamed(const struct chat_event *events, size_t n)
{
    struct wire_state writer = {.arena = &arena, .model = STR("shown")};
    struct buf out;
    int err = 0;
    buf_init(&out, 1u << 16);
    for (size_t i = 0; i < n && !err; i++)
        err = wire_anthropic.event_write(&writer, &events[i], &out);
    return kept(&out, err);
}

static void a_stream_is_written_to_the_letter(void **state)
{
    (void)state;
    static const struct chat_event events[] = {
        {.kind = EVENT_BEGIN, .id = {"\"c1\"", 4}},
        {.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT}, /* stays empty: it never was */
        {.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = {"\"\"", 2}},
        {.kind = EVENT_BLOCK_END, .block = BLOCK_TEXT},
        {.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT},
        {.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = {"\"Hi\\n\"", 6}},
        {.kind = EVENT_BLOCK_END, .block = BLOCK_TEXT},
        {.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_CALL, .id = {"\"t1\"", 4}, .name = {"\"f\"", 3}},
        {.kind = EVENT_DELTA, .block = BLOCK_CALL, .text = {"\"{}\"", 4}},
        {.kind = EVENT_BLOCK_END, .block = BLOCK_CALL},
        {.kind = EVENT_STOPPED, .stop = STOP_END},
        {.kind = EVENT_USAGE, .usage = {.input = 3, .cached = 2, .output = 4, .reasoning = 1}},
        {.kind = EVENT_END},
        {.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = {"\"late\"", 6}},
    };
    assert_str(
        streamed(events, ARRAY_LEN(events)),
        STR("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"c1\","
            "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"shown\",\"content\":[],"
            "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,"
            "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
            "\"output_tokens\":0}}}\n\n"
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
            "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\\n\"}}\n\n"
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"
            "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\","
            "\"input\":{}}}\n\n"
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,"
            "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
            "\"tool_use\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":3,"
            "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":2,\"output_tokens\":5,"
            "\"output_tokens_details\":{\"thinking_tokens\":1}}}\n\n"
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

static void a_failed_stream_says_so(void **state)
{
    (void)state;
    static const struct chat_event events[] = {
        {.kind = EVENT_FAILED, .name = {"\"server_error\"", 14}, .text = {"\"Oh\"", 4}}};
    assert_str(streamed(events, 1),
               STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                   "\"message\":\"Oh\",\"code\":\"server_error\"}}\n\n"));
    static const struct chat_event own[] = {
        {.kind = EVENT_FAILED, .name = {"\"overloaded_error\"", 18}, .text = {"\"Oh\"", 4}}};
    assert_str(streamed(own, 1), STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                                     "\"overloaded_error\",\"message\":\"Oh\"}}\n\n"));
}

/* ---- errors ---- */

static void errors_have_the_documented_types(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *type;
    } rows[] = {{400, "invalid_request_error"},
                {401, "authentication_error"},
                {403, "permission_error"},
                {404, "not_found_error"},
                {413, "request_too_large"},
                {429, "rate_limit_error"},
                {500, "api_error"},
                {502, "api_error"},
                {503, "overloaded_error"},
                {504, "timeout_error"},
                {529, "overloaded_error"},
                {431, "invalid_request_error"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        buf_init(&b, 4096);
        int err = wire_anthropic.error_write(&b, rows[i].status, "the_code", STR("a \"b\""));
        struct str want = arena_printf(&arena,
                                       "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                                       "\"message\":\"a \\\"b\\\"\",\"code\":\"the_code\"}}",
                                       rows[i].type);
        assert_str(kept(&b, err), want);
        buf_init(&b, 4096);
        err = wire_anthropic.error_event_write(&b, rows[i].status, "the_code", STR("a \"b\""));
        assert_str(kept(&b, err),
                   arena_printf(&arena, "event: error\ndata: %.*s\n\n", STR_ARGS(want)));
    }
}

/* ---- all cases ---- */

static unsigned replay_request(const char *folder)
{
    struct str body = file_read(folder, "request.json");
    if (!body.p)
        return 0;
    struct chat_request r = request(body.p);
    assert_json(written(&r), body);
    return 1;
}

static unsigned replay_answer(const char *folder)
{
    struct str body = file_read(folder, "answer.json");
    if (!body.p)
        return 0;
    struct chat_answer a = answer(body);
    if (a.blocks && a.stop == STOP_REFUSED) {
        a.blocks->next = NULL; /* the explanation, which is another's text and not the answer's */
    }
    yyjson_val *want = parsed(body), *got = parsed(answer_written(&a));
    static const char *const members[] = {"id",      "type",        "role",         "model",
                                          "content", "stop_reason", "stop_sequence"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!yyjson_equals(yyjson_obj_get(want, members[i]), yyjson_obj_get(got, members[i])))
            fail_msg("%s: %s differs", folder, members[i]);
    return 1;
}

/* A stream says what the answer beside it says, and still does when it was written anew. */
static unsigned replay_stream(const char *folder)
{
    struct str stream = file_read(folder, "stream.txt");
    if (!stream.p)
        return 0;
    struct buf out;
    buf_init(&out, 1u << 16);
    struct str said = tell_stream(stream, &out), body = file_read(folder, "answer.json");
    if (body.p) {
        struct chat_answer a = answer(body);
        assert_str(said, tell_answer(&a));
    }
    struct str again = kept(&out, 0);
    if (strcmp(folder, "refusal") != 0) /* whose explanation has become a text */
        assert_str(tell_stream(again, NULL), said);
    return 1;
}

static void every_case_means_the_same_when_written_again(void **state)
{
    DIR *dir = opendir(FIXTURES);
    assert_non_null(dir);
    unsigned folders = 0, requests = 0, answers = 0, streams = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        (void)teardown(state);
        (void)setup(state);
        assert_true(file_read(entry->d_name, "about.txt").n > 20);
        folders++;
        requests += replay_request(entry->d_name);
        answers += replay_answer(entry->d_name);
        streams += replay_stream(entry->d_name);
    }
    closedir(dir);
    printf("%u cases: %u requests, %u answers, %u streams\n", folders, requests, answers, streams);
    assert_true(folders >= 20 && requests >= 12 && answers >= 12 && streams >= 12);
}

static void what_is_unknown_in_a_stream_is_left_out(void **state)
{
    (void)state;
    struct str said = tell_stream(file_read("unknown", "stream.txt"), NULL);
    assert_non_null(strstr(said.p, "\n0 text=Found.\nstop 1\n"));
    said = tell_stream(file_read("error-stream", "stream.txt"), NULL);
    assert_non_null(strstr(said.p, "failed \"overloaded_error\" \"Overloaded\""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

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
        TEST(empty_texts_are_left_out_and_empty_messages_refused),
        TEST(thinking_without_signature_is_left_out),
        TEST(efforts_of_others_have_counterparts),
        TEST(what_the_protocol_demands_is_written),
        TEST(documents_of_plain_text_become_texts),
        TEST(another_providers_features_are_refused_by_name),
        TEST(an_answer_is_read_field_by_field),
        TEST(every_stop_reason_is_read),
        TEST(broken_answers_are_the_providers_fault),
        TEST(answers_of_others_become_this_protocols),
        TEST(usage_is_complete_with_each_event),
        TEST(a_call_without_arguments_has_an_input),
        TEST(misordered_streams_are_refused_or_mended),
        TEST(a_long_stream_takes_no_memory),
        TEST(a_stream_is_written_to_the_letter),
        TEST(a_failed_stream_says_so),
        TEST(errors_have_the_documented_types),
        TEST(every_case_means_the_same_when_written_again),
        TEST(what_is_unknown_in_a_stream_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
