/*
 * test_crossing.c: what of an answer a client of another protocol gets, and what it is told of the
 * rest: by the tables of parts that the wires have, whole and streamed. The bytes that OpenAI's and
 * Anthropic's clients get stand in the goldens (test_golden.c).
 */
#include "llm/crossing.h"

#include "llm/wire/parts.h"
#include "wire_world.h"

#define FIXTURES "test/fixture/wire"

struct world {
    struct arena arena;
    struct buf out;
    struct fault fault;
    struct crossing *crossing;
    const struct wire *client;
};

static int world_make(void **state)
{
    struct world *w = test_calloc(1, sizeof(*w));
    arena_init(&w->arena, 64u << 20);
    buf_init(&w->out, 1u << 22);
    *state = w;
    return 0;
}

static int world_end(void **state)
{
    struct world *w = *state;
    crossing_fini(w->crossing);
    buf_fini(&w->out);
    arena_fini(&w->arena);
    test_free(w);
    return 0;
}

static struct str ask_of(const struct wire *client)
{
    return client == &wire_anthropic
               ? STR("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
                     "\"content\":\"Hi\"}]}")
           : client == &wire_responses ? STR("{\"model\":\"m\",\"input\":\"Hi\"}")
                                       : STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                                             "\"content\":\"Hi\"}]}");
}

static void cross(struct world *w, const struct wire *client, const struct wire *provider,
                  struct str body)
{
    static const struct provider_settings settings = {.stream_usage = STREAM_USAGE_ASK};
    static const struct provider p = {.settings = &settings, .name = {"there", 5}};
    const struct target target = {.provider = &p, .model = STR("m")};
    const struct llm_request request = {.wire = client, .body = body};
    crossing_fini(w->crossing);
    w->crossing = NULL;
    w->client = client;
    fault_clear(&w->fault);
    buf_clear(&w->out);
    assert_int_equal(crossing_new(&request, &target, provider, &w->arena, &w->crossing, &w->fault),
                     0);
}

/* The answer as the client gets it, whole or (of a whole one) as a stream. */
static int whole(struct world *w, const struct wire *client, const struct wire *provider,
                 const char *body, bool stream)
{
    cross(w, client, provider, ask_of(client));
    return crossing_answer(w->crossing, str_from(body), stream, &w->out, &w->fault);
}

/* Events, a line each. */
static int events(struct world *w, const struct wire *client, const struct wire *provider,
                  const char *lines)
{
    cross(w, client, provider, ask_of(client));
    int err = 0;
    for (struct str rest = str_from(lines); rest.n > 0 && !err;) {
        struct str line = str_cut(&rest, '\n'), name = STR_NONE;
        if (provider == &wire_converse)
            name = str_cut(&line, ' ');
        err = crossing_event(w->crossing, name, line, &w->out, &w->fault);
    }
    if (!err && provider->end_read)
        err = crossing_end(w->crossing, &w->out, &w->fault);
    return err;
}

static void has(struct world *w, const char *part)
{
    if (str_find(buf_view(&w->out), str_from(part)) < 0)
        fail_msg("%s is not in %.*s", part, STR_ARGS(buf_view(&w->out)));
}

static void has_not(struct world *w, const char *part)
{
    if (str_find(buf_view(&w->out), str_from(part)) >= 0)
        fail_msg("%s is in %.*s", part, STR_ARGS(buf_view(&w->out)));
}

/* ---- the tables ---- */

/* Parts that the model has no form for are left out by every client's wire, since none could be
 * written; and whoever speaks to clients says something of each part. */
static void every_part_has_its_row(void **state)
{
    (void)state;
    static const enum chat_answer_part without_form[] = {
        ANSWER_CALL_CUT, ANSWER_CITATION, ANSWER_AUDIO, ANSWER_FILE,
        ANSWER_SEARCH,   ANSWER_CODE,     ANSWER_TOOL,  ANSWER_OTHER};
    for (const struct wire *const *w = wires; *w; w++) {
        for (unsigned p = 0; p < ANSWER_PART_COUNT; p++)
            if (((*w)->parts[p].how == WIRE_REFUSES) != ((*w)->answer_write == NULL))
                fail_msg("%s: %s", (*w)->name, chat_answer_text(p));
        for (size_t i = 0; i < ARRAY_LEN(without_form) && (*w)->answer_write; i++)
            assert_int_equal((*w)->parts[without_form[i]].how, WIRE_LEAVES);
    }
    for (unsigned p = 0; p < ANSWER_PART_COUNT; p++) {
        bool said = false;
        for (const struct wire *const *w = wires; *w; w++)
            said = said || (*w)->parts[p].said;
        if (!said)
            fail_msg("no provider has %s", chat_answer_text(p));
    }
}

/* ---- citations ---- */

#define CHAT(message, finish)                                                                      \
    "{\"id\":\"c\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{" message  \
    "},\"finish_reason\":\"" finish "\"}]}"
#define CHUNK(delta)                                                                               \
    "{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}\n"
#define CHUNK_END(finish)                                                                          \
    "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" finish "\"}]}\n[DONE]\n"
#define PAGE(from, to)                                                                             \
    "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":" from ",\"end_index\":" to      \
    ",\"url\":\"https://x/\\u0061\",\"title\":\"T\"}}"
#define PAGE_THERE(from, to)                                                                       \
    "{\"type\":\"url_citation\",\"start_index\":" from ",\"end_index\":" to                        \
    ",\"url\":\"https://x/\\u0061\",\"title\":\"T\"}"

static void citations_go_from_chat_to_responses(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        whole(w, &wire_responses, &wire_openai_chat,
              CHAT("\"content\":\"Hello\",\"annotations\":[" PAGE("1", "4") "," PAGE("0", "2") "]",
                   "stop"),
              false),
        0);
    has(w,
        "\"text\":\"Hello\",\"annotations\":[" PAGE_THERE("1", "4") "," PAGE_THERE("0", "2") "]");
    assert_null(crossing_left_out(w->crossing).p);
    assert_int_equal(events(w, &wire_responses, &wire_openai_chat,
                            CHUNK("\"content\":\"Hel\"") CHUNK("\"content\":\"lo\"")
                                CHUNK("\"annotations\":[" PAGE("1", "4") "," PAGE("0", "2") "]")
                                    CHUNK_END("stop")),
                     0);
    has(w, "\"annotation_index\":0,\"annotation\":" PAGE_THERE("1", "4") "}");
    has(w, "\"annotation_index\":1,\"annotation\":" PAGE_THERE("0", "2") "}");
    has(w, "event: response.completed");
    ptrdiff_t at = str_find(buf_view(&w->out), STR("event: response.completed"));
    struct str last = str_tail(buf_view(&w->out), (size_t)at);
    assert_true(str_find(last, STR("\"text\":\"Hello\",\"annotations\":[" PAGE_THERE(
                                   "1", "4") "," PAGE_THERE("0", "2") "]")) > 0);
    has_not(w, LEFT_OUT_MEMBER);
}

#define RESPONSE(output)                                                                           \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"completed\","        \
    "\"model\":\"m\",\"output\":[" output "]}"
#define MESSAGE(parts) "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[" parts "]}"
#define SAID(text, annotations)                                                                    \
    "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[" annotations "]}"

/* Chat's places are of the whole content, whose pieces are put together; they are characters. */
static void places_of_citations_are_shifted(void **state)
{
    struct world *w = *state;
    static const char body[] = RESPONSE(MESSAGE(
        SAID("\\u00fc\\ud83d\\ude00\xC3\xBC\\n", "") "," SAID("Hello", PAGE_THERE("1", "4"))));
    assert_int_equal(whole(w, &wire_openai_chat, &wire_responses, body, false), 0);
    has(w, "\"annotations\":[" PAGE("5", "8") "]");
    assert_int_equal(whole(w, &wire_openai_chat, &wire_responses, body, true), 0);
    has(w, "\"start_index\":5,\"end_index\":8,\"url\":\"https://x/\\u0061\"");
    has(w, "\"index\":0}]");
    assert_int_equal(string_chars(STR("\"\\u00fc\\ud83d\\ude00\xC3\xBC\\n\"")), 4);
}

static void citations_that_anthropic_has_no_place_for_are_named(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        whole(w, &wire_anthropic, &wire_openai_chat,
              CHAT("\"content\":\"Hello\",\"annotations\":[" PAGE("1", "4") "]", "stop"), false),
        0);
    assert_str(crossing_left_out(w->crossing), STR("citations of web pages"));
    has_not(w, "https://x/");
    /* And those that some servers have beside the choices. */
    assert_int_equal(whole(w, &wire_responses, &wire_openai_chat,
                           "{\"citations\":[\"https://x\"],\"choices\":[{\"message\":{\"content\":"
                           "\"a\"},\"finish_reason\":\"stop\"}]}",
                           false),
                     0);
    assert_str(crossing_left_out(w->crossing), STR("citations in a form of its own"));
}

/* ---- images ---- */

#define GEMINI(parts, finish)                                                                      \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "]},\"finishReason\":\"" finish "\"}]}"
#define PICTURE "{\"inlineData\":{\"mimeType\":\"image/webp\",\"data\":\"AAAA\"}}"

static void images_are_items_of_responses(void **state)
{
    struct world *w = *state;
    for (unsigned stream = 0; stream < 2; stream++) {
        assert_int_equal(whole(w, &wire_responses, &wire_gemini,
                               GEMINI("{\"text\":\"a\"}," PICTURE ",{\"text\":\"b\"}", "STOP"),
                               stream),
                         0);
        has(w, "\"type\":\"image_generation_call\",\"result\":\"AAAA\",\"output_format\":\"webp\","
               "\"status\":\"completed\"}");
        assert_null(crossing_left_out(w->crossing).p);
    }
    has(w, "\"type\":\"image_generation_call\",\"result\":null,\"status\":\"in_progress\"}");
    has(w, "event: response.image_generation_call.completed");
}

static void images_by_url_have_no_place_there(void **state)
{
    struct world *w = *state;
    static const char body[] =
        CHAT("\"content\":\"a\",\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
             "\"https://x/y.png\"}},{\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}},{}]",
             "stop");
    assert_int_equal(whole(w, &wire_responses, &wire_openai_chat, body, false), 0);
    has(w, "\"result\":\"AAAA\",\"output_format\":\"png\"");
    assert_str(crossing_left_out(w->crossing),
               STR("an image by URL, a part that sluice does not know"));
}

/* A type that would break out of its string is no image's. */
static void odd_types_of_media_are_no_images(void **state)
{
    struct world *w = *state;
    assert_int_equal(whole(w, &wire_openai_chat, &wire_gemini,
                           GEMINI("{\"text\":\"a\"},{\"inlineData\":{\"mimeType\":\"image/\\\"x\","
                                  "\"data\":\"AAAA\"}}",
                                  "STOP"),
                           false),
                     0);
    assert_str(crossing_left_out(w->crossing), STR("a file"));
    has_not(w, "AAAA");
}

/* Thinking is no answer. */
static void an_answer_of_which_nothing_is_left_is_an_error(void **state)
{
    struct world *w = *state;
    static const char thought[] = GEMINI("{\"text\":\"hm\",\"thought\":true}," PICTURE, "STOP");
    for (unsigned stream = 0; stream < 2; stream++) {
        assert_int_equal(whole(w, &wire_anthropic, &wire_gemini, thought, stream),
                         E_UPSTREAM_PARTS);
        assert_string_equal(w->fault.text,
                            "provider there answered with nothing but an image, which anthropic "
                            "has no place for (docs/providers.md)");
    }
    assert_int_equal(events(w, &wire_anthropic, &wire_gemini, GEMINI(PICTURE, "STOP")),
                     E_UPSTREAM_PARTS);
    assert_true(w->fault.text[0] != 0);
    has_not(w, "message_stop");
    /* One that was cut off says by itself why there is nothing. */
    assert_int_equal(whole(w, &wire_anthropic, &wire_gemini, GEMINI(PICTURE, "MAX_TOKENS"), false),
                     0);
    assert_str(crossing_left_out(w->crossing), STR("an image"));
    /* And an empty answer is one. */
    assert_int_equal(whole(w, &wire_anthropic, &wire_gemini, GEMINI("", "STOP"), false), 0);
    assert_null(crossing_left_out(w->crossing).p);
}

/* ---- calls that are no JSON ---- */

#define CALL(arguments)                                                                            \
    "\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":"      \
    "\"look\",\"arguments\":\"" arguments "\"}}]"

static void broken_calls_are_the_same_whole_and_streamed(void **state)
{
    struct world *w = *state;
    static const struct wire *const clients[] = {&wire_anthropic, &wire_responses};
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        static const char words[] = "provider there: the model called look with arguments that are "
                                    "no JSON object";
        assert_int_equal(whole(w, clients[i], &wire_openai_chat,
                               CHAT("\"content\":\"a\"," CALL("{"), "tool_calls"), false),
                         E_UPSTREAM_BODY);
        assert_string_equal(w->fault.text, words);
        assert_int_equal(
            events(w, clients[i], &wire_openai_chat, CHUNK(CALL("{")) CHUNK_END("tool_calls")),
            E_UPSTREAM_BODY);
        assert_string_equal(w->fault.text, words);
        assert_int_equal(whole(w, clients[i], &wire_openai_chat,
                               CHAT("\"content\":\"a\"," CALL("{"), "length"), false),
                         0);
        assert_str(crossing_left_out(w->crossing), STR("a tool call that was cut off"));
        has_not(w, "look");
        assert_int_equal(
            events(w, clients[i], &wire_openai_chat, CHUNK(CALL("{")) CHUNK_END("length")), 0);
        has(w, "look");
    }
    assert_int_equal(whole(w, &wire_openai_chat, &wire_responses,
                           RESPONSE("{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":"
                                    "\"look\",\"arguments\":\"[]\"}"),
                           false),
                     E_UPSTREAM_BODY);
    assert_int_equal(
        events(w, &wire_openai_chat, &wire_converse,
               "messageStart {\"role\":\"assistant\"}\n"
               "contentBlockStart {\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":"
               "\"t\",\"name\":\"look\"}}}\n"
               "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{\"toolUse\":{\"input\":"
               "\"{\\\"a\\\"\"}}}\n"
               "contentBlockStop {\"contentBlockIndex\":0}\n"
               "messageStop {\"stopReason\":\"tool_use\"}\n"),
        E_UPSTREAM_BODY);
}

/* What a server says beside a function's name and arguments is passed over, streamed or not; a call
 * of another kind than a function's is named. */
static void odd_calls_of_servers(void **state)
{
    struct world *w = *state;
#define FUNCTION "\"function\":{\"name\":\"look\",\"strict\":true,\"arguments\":\"{}\"}"
    assert_int_equal(
        whole(w, &wire_anthropic, &wire_openai_chat,
              CHAT("\"tool_calls\":[{\"id\":\"a\"," FUNCTION "},{\"id\":\"b\",\"type\":"
                   "\"custom\",\"custom\":{\"name\":\"sing\",\"input\":\"la\"}}]",
                   "tool_calls"),
              false),
        0);
    has(w, "\"name\":\"look\",\"input\":{}");
    has_not(w, "sing");
    assert_str(crossing_left_out(w->crossing), STR("a part that sluice does not know"));
    assert_int_equal(events(w, &wire_anthropic, &wire_openai_chat,
                            CHUNK("\"tool_calls\":[{\"index\":0,\"id\":\"a\"," FUNCTION "}]")
                                CHUNK_END("tool_calls")),
                     0);
    has(w, "\"name\":\"look\"");
}

/* ---- a stream of an answer that came whole ---- */

static void whole_answers_become_streams(void **state)
{
    struct world *w = *state;
    static const char body[] = CHAT(
        "\"content\":\"Hello\",\"reasoning_content\":\"hm\"," CALL("{\\\"at\\\":1}"), "tool_calls");
    assert_int_equal(whole(w, &wire_anthropic, &wire_openai_chat, body, true), 0);
    static const char *const anthropic[] = {"event: message_start",
                                            "\"thinking\":\"hm\"",
                                            "\"text\":\"Hello\"",
                                            "\"name\":\"look\"",
                                            "\"partial_json\":\"{\\\"at\\\":1}\"",
                                            "\"stop_reason\":\"tool_use\"",
                                            "event: message_stop"};
    for (size_t i = 0; i < ARRAY_LEN(anthropic); i++)
        has(w, anthropic[i]);
    assert_int_equal(whole(w, &wire_responses, &wire_openai_chat, body, true), 0);
    has(w, "event: response.created");
    has(w, "\"arguments\":\"{\\\"at\\\":1}\"");
    has(w, "event: response.completed");
    assert_int_equal(whole(w, &wire_openai_chat, &wire_gemini,
                           GEMINI("{\"text\":\"a\"},{\"executableCode\":{\"code\":\"1\"}}", "STOP"),
                           true),
                     0);
    has(w, "\"finish_reason\":\"stop\"}],\"" LEFT_OUT_MEMBER "\":\"code that the provider ran\"}");
    assert_true(str_ends(buf_view(&w->out), STR("data: [DONE]\n\n")));
    assert_str(crossing_left_out(w->crossing), STR("code that the provider ran"));
}

/* What a stream says of whole and what it says as it comes are the same, fixture by fixture. */
static void streams_of_whole_answers_say_what_answers_say(void **state)
{
    struct world *w = *state;
    static const struct {
        const struct wire *provider;
        const char *folder, *name;
    } of[] = {{&wire_gemini, FIXTURES "/gemini", "thinking"},
              {&wire_gemini, FIXTURES "/gemini", "tools-parallel"},
              {&wire_converse, FIXTURES "/converse", "thinking"},
              {&wire_anthropic, FIXTURES "/anthropic", "thinking-two"},
              {&wire_responses, FIXTURES "/responses", "tools-of-the-provider"}};
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        struct str body = fixture_read(&w->arena, of[i].folder, of[i].name, "answer.json");
        assert_true(body.n > 0);
        struct chat_answer answer;
        assert_int_equal(of[i].provider->answer_read(body, &w->arena, &answer), 0);
        cross(w, &wire_openai_chat, of[i].provider, ask_of(&wire_openai_chat));
        assert_int_equal(crossing_answer(w->crossing, body, true, &w->out, &w->fault), 0);
        for (const struct chat_block *b = answer.blocks; b; b = b->next) {
            if (b->text.n > 2)
                has(w, arena_printf(&w->arena, "%.*s%c", STR_ARGS(b->text), 0).p);
            if (b->signature.n > 2)
                has(w, arena_printf(&w->arena, "%.*s%c", STR_ARGS(b->signature), 0).p);
            if (b->kind == BLOCK_CALL)
                has(w, arena_printf(&w->arena, "\"id\":%.*s%c", STR_ARGS(b->id), 0).p);
        }
    }
}

/* ---- what comes back ---- */

/* Clients send answers back as they came: with annotations, and with images that models made. */
static void what_stood_beside_an_earlier_answer_is_left_out(void **state)
{
    struct world *w = *state;
    static const char chat[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Draw\"},{\"role\":"
        "\"assistant\",\"content\":\"\",\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/png;base64,AAAA\"}}]},{\"role\":\"assistant\",\"content\":\"So\","
        "\"annotations\":[" PAGE("0", "1") "]},{\"role\":\"user\",\"content\":\"Go on\"}]}";
    static const char responses[] =
        "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"Draw\"},{\"type\":"
        "\"image_generation_call\",\"id\":\"ig_1\",\"status\":\"completed\",\"result\":\"AAAA\","
        "\"output_format\":\"png\",\"size\":\"auto\"},{\"type\":\"message\",\"role\":\"assistant\","
        "\"content\":[" SAID("So", PAGE_THERE("0", "1")) "]},{\"role\":\"user\",\"content\":"
                                                         "\"Go on\"}]}";
    const struct {
        const struct wire *client;
        const char *body;
    } asked[] = {{&wire_openai_chat, chat}, {&wire_responses, responses}};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        cross(w, asked[i].client, &wire_anthropic, str_from(asked[i].body));
        assert_str(crossing_left_out(w->crossing),
                   STR("annotations of an earlier answer, images of an earlier answer"));
        assert_int_equal(crossing_request(w->crossing, &w->out, &w->fault), 0);
        has_not(w, "AAAA");
        has_not(w, "https://x/");
        has(w, "So");
        cross(w, asked[i].client, &wire_gemini, str_from(asked[i].body));
        assert_str(crossing_left_out(w->crossing), STR("annotations of an earlier answer"));
        assert_int_equal(crossing_request(w->crossing, &w->out, &w->fault), 0);
        has(w, "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_has_its_row),
        TEST(citations_go_from_chat_to_responses),
        TEST(places_of_citations_are_shifted),
        TEST(citations_that_anthropic_has_no_place_for_are_named),
        TEST(images_are_items_of_responses),
        TEST(images_by_url_have_no_place_there),
        TEST(odd_types_of_media_are_no_images),
        TEST(an_answer_of_which_nothing_is_left_is_an_error),
        TEST(broken_calls_are_the_same_whole_and_streamed),
        TEST(odd_calls_of_servers),
        TEST(whole_answers_become_streams),
        TEST(streams_of_whole_answers_say_what_answers_say),
        TEST(what_stood_beside_an_earlier_answer_is_left_out),
    };
    return cmocka_run_group_tests_name("crossing", tests, NULL, NULL);
}
