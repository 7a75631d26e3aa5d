/* test_wire_responses.c: answers and streams of OpenAI's Responses, from providers and to clients.
 */
#include "responses_world.h"

#define ID    "\"resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b\""
#define HEAD  ID " \"gpt-5-mini-2025-08-07\""
#define BEGIN "begin " HEAD "\n"
#define WHOLE "answer " HEAD " 1756315696\n"

static const struct {
    const char *name, *answer, *stream;
} cases[] = {
    {"text",
     WHOLE "text \"The sky is \\\"blue\\\" \\\\ above — 😀\\n\"\nusage 20+0+0 12+0\nstop end\n",
     BEGIN "block text\n delta \"The sky is \\\"blue\\\" \\\\ above — 😀\\n\"\nend\n"
           "usage 20+0+0 12+0\nstop end\nover\n"},
    {"tool",
     WHOLE "call \"call_Qx1\" \"get_weather\" {\"city\":\"Köln\", \"n\": 1e2}\n"
           "usage 60+0+0 18+0\nstop call\n",
     BEGIN "block call \"call_Qx1\" \"get_weather\"\n"
           " delta \"{\\\"city\\\":\\\"Köln\\\", \\\"n\\\": 1e2}\"\nend\n"
           "usage 60+0+0 18+0\nstop call\nover\n"},
    {"tools-parallel",
     WHOLE "text \"Reading.\"\ncall \"call_0\" \"read\" {\"n\":0}\ncall \"call_1\" \"read\" {}\n"
           "call \"call_2\" \"read\" {\"n\":[2,{\"x\":\"\\\"\"}]}\nusage 30+0+0 70+0\nstop call\n",
     BEGIN
     "block text\n delta \"Reading.\"\nend\n"
     "block call \"call_0\" \"read\"\n delta \"{\\\"n\\\":0}\"\nend\n"
     "block call \"call_1\" \"read\"\n delta \"{}\"\nend\n"
     "block call \"call_2\" \"read\"\n delta \"{\\\"n\\\":[2,{\\\"x\\\":\\\"\\\\\\\"\\\"}]}\"\n"
     "end\nusage 30+0+0 70+0\nstop call\nover\n"},
    {"thinking",
     WHOLE "thinking \"**Adding**\\n2 and 2.\\n\\nSo 4.\" signature \"openai:gAAAAABo_aB-c==\"\n"
           "text \"4\"\nusage 10+0+0 1+33\nstop end\n",
     BEGIN "block thinking\n delta \"**Adding**\\n2 and 2.\\n\\nSo 4.\"\n"
           " sign \"openai:gAAAAABo_aB-c==\"\nend\n"
           "block text\n delta \"4\"\nend\nusage 10+0+0 1+33\nstop end\nover\n"},
    {"thinking-hidden",
     WHOLE "hidden \"openai:gAAAAABoXYZ\"\ncall \"call_1\" \"read\" {\"n\":1}\n"
           "usage 10+0+0 10+30\nstop call\n",
     BEGIN "block hidden \"openai:gAAAAABoXYZ\"\nend\n"
           "block call \"call_1\" \"read\"\n delta \"{\\\"n\\\":1}\"\nend\n"
           "usage 10+0+0 10+30\nstop call\nover\n"},
    {"thinking-open",
     WHOLE "thinking \"Hm, \\\"2\\\".\"\ntext \"Two.\"\nusage 4+0+0 6+0\nstop end\n",
     BEGIN "block thinking\n delta \"Hm, \\\"2\\\".\"\nend\nblock text\n delta \"Two.\"\nend\n"
           "usage 4+0+0 6+0\nstop end\nover\n"},
    {"stop-length", WHOLE "text \"Once upon\"\nusage 5+0+0 16+0\nstop length\n",
     BEGIN "block text\n delta \"Once upon\"\nend\nusage 5+0+0 16+0\nstop length\nover\n"},
    {"stop-filter", WHOLE "text \"To make\"\nusage 5+0+0 2+0\nstop refused\n",
     BEGIN "block text\n delta \"To make\"\nend\nusage 5+0+0 2+0\nstop refused\nover\n"},
    {"refusal",
     WHOLE "refusal \"I'm sorry, I can't help with that.\"\nusage 9+0+0 11+0\nstop refused\n",
     BEGIN "block refusal\n delta \"I'm sorry, I can't help with that.\"\nend\n"
           "usage 9+0+0 11+0\nstop refused\nover\n"},
    {"empty", WHOLE "usage 9+0+0 0+0\nstop end\n", BEGIN "usage 9+0+0 0+0\nstop end\nover\n"},
    {"usage-cached", WHOLE "text \"Yes.\"\nusage 440+2048+512 5+0\nstop end\n",
     BEGIN "block text\n delta \"Yes.\"\nend\nusage 440+2048+512 5+0\nstop end\nover\n"},
    {"no-usage", WHOLE "text \"Yes.\"\nstop end\n",
     BEGIN "block text\n delta \"Yes.\"\nend\nstop end\nover\n"},
    {"unknown-events",
     WHOLE "text \"Found.\"\nbeside a search that the provider made\nusage 10+0+0 5+0\nstop end\n",
     BEGIN "beside a search that the provider made\nblock text\n delta \"Found.\"\nend\nusage "
           "10+0+0 5+0\nstop end\nover\n"},
    {"failed-in-stream", NULL,
     BEGIN "block text\n delta \"One two th\"\nend\n"
           "failed \"rate_limit_exceeded\" \"Rate limit reached for \\\"gpt-5-mini\\\".\"\n"},
    {"error-in-stream", NULL,
     BEGIN "block text\n delta \"One two th\"\nend\n"
           "failed \"server_error\" \"The server had an error.\"\n"},
    {"cut-stream", NULL, BEGIN "block text\n delta \"One two th\"\n"},
};

static void fixtures_are_read_as_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct chat_answer answer;
        world_make(&w);
        struct str body = fixture_read(&w.arena, FIXTURES, cases[i].name, "answer.json");
        assert_int_equal(body.p != NULL, cases[i].answer != NULL);
        if (body.p) {
            assert_int_equal(wire_responses.answer_read(body, &w.arena, &answer), 0);
            assert_str(answer_lines(&w.lines, &answer), str_from(cases[i].answer));
        }
        assert_true(fixture_read(&w.arena, FIXTURES, cases[i].name, "about.txt").n > 0);
        world_end(&w);
    }
}

static void fixtures_are_read_as_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        world_make(&w);
        struct str bytes = fixture_read(&w.arena, FIXTURES, cases[i].name, "stream.txt");
        assert_non_null(bytes.p);
        stream_run(&w.arena, bytes, &w.lines, NULL, NULL);
        assert_str(buf_view(&w.lines), str_from(cases[i].stream));
        world_end(&w);
    }
}

/* ---- what clients get ---- */

/* Reading marks whose reasoning it is, and writing what is hidden: without these marks. */
static struct str unmarked(struct arena *a, struct str text)
{
    static const struct str marks[] = {
        {"openai:", 7}, {"hidden:", 7}, {"beside a search that the provider made\n", 39}};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        for (ptrdiff_t at; (at = str_find(text, marks[i])) >= 0;)
            text = arena_join(a, str_head(text, (size_t)at),
                              str_tail(text, (size_t)at + marks[i].n));
    return text;
}

/* What goes through a client's stream: its events, items and parts are numbered, events are called
 * what their type says, and what ends a text repeats the deltas before it. */
struct watch {
    struct arena *arena;
    unsigned events;
    int64_t items, parts; /* begun: of the answer, and of the newest item */
    struct buf text, types;
    struct str last; /* json: the last event */
};

static void watch_text(struct watch *w, struct str type, yyjson_val *event)
{
    static const char *const names[] = {"text", "arguments", "refusal"};
    if (str_ends(type, STR(".delta")))
        buf_str(&w->text, json_get_str(event, "delta"));
    for (size_t i = 0; i < ARRAY_LEN(names) && str_ends(type, STR(".done")); i++)
        if (json_get_str(event, names[i]).p) {
            assert_str(json_get_str(event, names[i]), buf_view(&w->text));
            buf_clear(&w->text);
        }
}

static void watch_numbers(struct watch *w, struct str type, yyjson_val *event)
{
    if (str_eq(type, STR("response.output_item.added"))) {
        w->items++;
        w->parts = 0;
    }
    w->parts += str_ends(type, STR("_part.added"));
    if (yyjson_obj_get(event, "item") || yyjson_obj_get(event, "item_id"))
        assert_int_equal(json_get_i64(event, "output_index", -1), w->items - 1);
    assert_int_equal(json_get_i64(event, "content_index", w->parts - 1), w->parts - 1);
    assert_int_equal(json_get_i64(event, "summary_index", w->parts - 1), w->parts - 1);
}

static void watch_run(struct watch *w, struct arena *a, struct str bytes)
{
    struct sse sse;
    struct sse_event e;
    *w = (struct watch){.arena = a};
    buf_init(&w->text, 1u << 20);
    buf_init(&w->types, 1u << 20);
    sse_init(&sse, 1u << 20);
    sse_feed(&sse, bytes);
    while (sse_next(&sse, &e) == 0 && e.raw.n > 0) {
        yyjson_val *event = parsed(a, e.data);
        struct str type = json_get_str(event, "type");
        assert_str(e.name, type);
        assert_int_equal(json_get_i64(event, "sequence_number", -1), w->events++);
        watch_numbers(w, type, event);
        watch_text(w, type, event);
        buf_printf(&w->types, "%.*s\n", STR_ARGS(str_tail(type, sizeof("response.") - 1)));
        w->last = arena_str(a, e.data);
    }
    sse_fini(&sse);
}

static void watch_end(struct watch *w)
{
    buf_fini(&w->text);
    buf_fini(&w->types);
}

static struct str member_of(struct arena *a, struct str json, const char *name)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_int_equal(json_value(&out, yyjson_obj_get(parsed(a, json), name)), 0);
    struct str text = arena_str(a, buf_view(&out));
    buf_fini(&out);
    return text;
}

static void answers_that_were_written_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct chat_answer answer;
        world_make(&w);
        struct str body = fixture_read(&w.arena, FIXTURES, cases[i].name, "answer.json");
        if (body.p) {
            assert_int_equal(wire_responses.answer_read(body, &w.arena, &answer), 0);
            assert_int_equal(wire_responses.answer_write(&answer, &w.out), 0);
            assert_int_equal(wire_responses.answer_read(buf_view(&w.out), &w.arena, &answer), 0);
            assert_str(unmarked(&w.arena, answer_lines(&w.lines, &answer)),
                       unmarked(&w.arena, str_from(cases[i].answer)));
        }
        world_end(&w);
    }
}

static void check_written_stream(struct world *w, const char *name, struct str want)
{
    struct wire_state writer = {.arena = &w->arena};
    struct watch watch;
    stream_run(&w->arena, fixture_read(&w->arena, FIXTURES, name, "stream.txt"), &w->lines, &writer,
               &w->out);
    watch_run(&watch, &w->arena, buf_view(&w->out));
    assert_true(str_starts(buf_view(&watch.types), STR("created\nin_progress\n")));
    buf_clear(&w->lines);
    stream_run(&w->arena, buf_view(&w->out), &w->lines, NULL, NULL);
    assert_str(unmarked(&w->arena, buf_view(&w->lines)), unmarked(&w->arena, want));
    struct str body = fixture_read(&w->arena, FIXTURES, name, "answer.json");
    if (body.p) {
        struct chat_answer answer;
        assert_int_equal(watch.text.n, 0);
        buf_clear(&w->out);
        assert_int_equal(wire_responses.answer_read(body, &w->arena, &answer), 0);
        assert_int_equal(wire_responses.answer_write(&answer, &w->out), 0);
        assert_same_json(&w->arena, member_of(&w->arena, watch.last, "response"),
                         buf_view(&w->out));
    }
    watch_end(&watch);
    wire_responses.state_fini(&writer);
}

/* And end with the object that is the answer where nothing is streamed. */
static void streams_that_were_written_say_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        world_make(&w);
        check_written_stream(&w, cases[i].name, str_from(cases[i].stream));
        world_end(&w);
    }
}

/* ---- event by event ---- */

static void put(struct wire_state *s, struct buf *out, struct chat_event e)
{
    assert_int_equal(wire_responses.event_write(s, &e, out), 0);
}

#define PUT(...) put(&writer, &w.out, (struct chat_event){__VA_ARGS__})

static void a_stream_has_the_events_of_the_protocol(void **state)
{
    (void)state;
    struct world w;
    struct watch watch;
    world_make(&w);
    struct wire_state writer = {.arena = &w.arena, .model = STR("m")};
    PUT(.kind = EVENT_BEGIN, .id = STR("\"msg_1\""), .model = STR("\"claude\""), .created_s = 7);
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_THINKING);
    PUT(.kind = EVENT_SIGNATURE, .block = BLOCK_THINKING, .text = STR("\"Sig\""));
    PUT(.kind = EVENT_DELTA, .block = BLOCK_THINKING, .text = STR("\"Hm\""));
    PUT(.kind = EVENT_BLOCK_END, .block = BLOCK_THINKING);
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT);
    PUT(.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = STR("\"a\\u00e9\""));
    PUT(.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = STR("\"\\n\""));
    PUT(.kind = EVENT_BLOCK_END, .block = BLOCK_TEXT);
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT);
    PUT(.kind = EVENT_BLOCK_END, .block = BLOCK_TEXT);
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_CALL, .id = STR("\"toolu_1\""),
        .name = STR("\"f\""));
    PUT(.kind = EVENT_BLOCK_END, .block = BLOCK_CALL);
    PUT(.kind = EVENT_STOPPED, .stop = STOP_LENGTH);
    PUT(.kind = EVENT_USAGE, .usage = {.input = 1,
                                       .cached = 2,
                                       .cache_write = 4,
                                       .output = 8,
                                       .reasoning = 16,
                                       .source = TOKENS_PROVIDER});
    PUT(.kind = EVENT_END);
    size_t bytes = w.out.n;
    PUT(.kind = EVENT_END); /* behind the end is nothing */
    PUT(.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = STR("\"late\""));
    assert_int_equal(w.out.n, bytes);
    watch_run(&watch, &w.arena, buf_view(&w.out));
    assert_str(buf_view(&watch.types),
               STR("created\nin_progress\noutput_item.added\nreasoning_summary_part.added\n"
                   "reasoning_summary_text.delta\nreasoning_summary_text.done\n"
                   "reasoning_summary_part.done\noutput_item.done\noutput_item.added\n"
                   "content_part.added\noutput_text.delta\noutput_text.delta\n"
                   "output_text.done\ncontent_part.done\ncontent_part.added\n"
                   "output_text.done\ncontent_part.done\noutput_item.done\n"
                   "output_item.added\nfunction_call_arguments.delta\n"
                   "function_call_arguments.done\noutput_item.done\nincomplete\n"));
    struct str response = member_of(&w.arena, watch.last, "response");
    assert_same_json(
        &w.arena, member_of(&w.arena, response, "output"),
        STR("[{\"id\":\"rs_msg_1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":"
            "\"summary_text\",\"text\":\"Hm\"}],\"encrypted_content\":\"Sig\","
            "\"status\":\"completed\"},"
            "{\"id\":\"msg_msg_1_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":["
            "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"aé\\n\"},"
            "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}],"
            "\"status\":\"completed\"},"
            "{\"id\":\"fc_msg_1_2\",\"type\":\"function_call\",\"call_id\":\"toolu_1\","
            "\"name\":\"f\",\"arguments\":\"{}\",\"status\":\"incomplete\"}]"));
    assert_same_json(&w.arena, member_of(&w.arena, response, "usage"),
                     STR("{\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":2,"
                         "\"cache_write_tokens\":4},\"output_tokens\":24,"
                         "\"output_tokens_details\":{\"reasoning_tokens\":16},"
                         "\"total_tokens\":31}"));
    assert_str(member_of(&w.arena, response, "id"), STR("\"resp_msg_1\""));
    assert_str(member_of(&w.arena, response, "created_at"), STR("7"));
    assert_str(member_of(&w.arena, response, "status"), STR("\"incomplete\""));
    assert_str(member_of(&w.arena, response, "incomplete_details"),
               STR("{\"reason\":\"max_output_tokens\"}"));
    watch_end(&watch);
    wire_responses.state_fini(&writer);
    world_end(&w);
}

static void what_comes_out_of_order_is_put_in_order(void **state)
{
    (void)state;
    struct world w;
    struct watch watch;
    world_make(&w);
    struct wire_state writer = {.arena = &w.arena, .model = STR("the \"model\"")};
    PUT(.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = STR("\"of no block\""));
    PUT(.kind = EVENT_BLOCK_END, .block = BLOCK_TEXT);
    PUT(.kind = EVENT_BEGIN, .id = STR("\"late\""));
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_AUDIO);
    PUT(.kind = EVENT_DELTA, .block = BLOCK_AUDIO, .text = STR("\"of no place\""));
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT);
    PUT(.kind = EVENT_DELTA, .block = BLOCK_CALL, .text = STR("\"of another kind\""));
    PUT(.kind = EVENT_SIGNATURE, .block = BLOCK_THINKING, .text = STR("\"of none\""));
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_HIDDEN, .text = STR("\"Data\""));
    PUT(.kind = EVENT_DELTA, .block = BLOCK_HIDDEN, .text = STR("\"of hidden\""));
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_REFUSAL);
    PUT(.kind = EVENT_DELTA, .block = BLOCK_REFUSAL, .text = STR("\"No\""));
    PUT(.kind = EVENT_FAILED, .name = STR("\"rate_limit_error\""), .text = STR("\"Slow\""));
    watch_run(&watch, &w.arena, buf_view(&w.out));
    assert_str(buf_view(&watch.types),
               STR("created\nin_progress\n"
                   "output_item.added\ncontent_part.added\noutput_text.done\ncontent_part.done\n"
                   "output_item.done\noutput_item.added\noutput_item.done\n"
                   "output_item.added\ncontent_part.added\nrefusal.delta\nrefusal.done\n"
                   "content_part.done\noutput_item.done\nfailed\n"));
    struct str response = member_of(&w.arena, watch.last, "response");
    assert_str(member_of(&w.arena, response, "model"), STR("\"the \\\"model\\\"\""));
    assert_str(member_of(&w.arena, response, "status"), STR("\"failed\""));
    assert_str(member_of(&w.arena, response, "error"),
               STR("{\"code\":\"rate_limit_exceeded\",\"message\":\"Slow\"}"));
    assert_true(str_find(response, STR("\"encrypted_content\":\"hidden:Data\"")) > 0);
    watch_end(&watch);
    wire_responses.state_fini(&writer);
    world_end(&w);
}

static void a_long_stream_takes_no_more_of_the_arena(void **state)
{
    (void)state;
    struct world w;
    char big[1u << 16];
    world_make(&w);
    memset(big, 'x', sizeof(big));
    big[0] = big[sizeof(big) - 1] = '"';
    struct wire_state writer = {.arena = &w.arena};
    struct chat_event e = {.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = {big, sizeof(big)}};
    PUT(.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT);
    size_t held = w.arena.held_bytes;
    int err = 0;
    for (unsigned i = 0; i < 1024 && !err; i++) {
        err = wire_responses.event_write(&writer, &e, &w.out);
        buf_clear(&w.out);
    }
    assert_int_equal(err, E_UPSTREAM_LARGE);
    assert_int_equal(wire_responses.event_write(&writer, &e, &w.out), E_UPSTREAM_LARGE);
    assert_int_equal(w.arena.held_bytes, held);
    wire_responses.state_fini(&writer);
    world_end(&w);
}

static void an_end_before_the_first_event_has_nothing_to_give_back(void **state)
{
    (void)state;
    struct wire_state writer = {0};
    wire_responses.state_fini(&writer);
}

/* ---- what was asked ---- */

static void answers_repeat_what_was_asked(void **state)
{
    (void)state;
    struct world w;
    struct chat_request r;
    struct fault f = {0};
    world_make(&w);
    struct str body = STR(
        "{\"model\":\"fast\",\"input\":\"Hi\",\"instructions\":\"Be brief.\",\"temperature\":"
        "0.5,\"top_p\":1,\"parallel_tool_calls\":false,\"max_output_tokens\":9,\"metadata\":"
        "{\"a\":\"b\"},\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"},\"text\":"
        "{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"low\"},\"tools\":[{\"type\":"
        "\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\"},\"strict\":true}],"
        "\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}}");
    assert_int_equal(wire_responses.request_read(body, &w.arena, &r, &f), 0);
    struct chat_answer answer = {.request = &r, .stop = STOP_END};
    assert_int_equal(wire_responses.answer_write(&answer, &w.out), 0);
    yyjson_val *got = parsed(&w.arena, buf_view(&w.out)), *want = parsed(&w.arena, body);
    static const char *const same[] = {"model",     "instructions", "temperature",
                                       "top_p",     "metadata",     "parallel_tool_calls",
                                       "reasoning", "text",         "max_output_tokens",
                                       "tools",     "tool_choice"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (!yyjson_equals(yyjson_obj_get(got, same[i]), yyjson_obj_get(want, same[i])))
            fail_msg("%s in %.*s", same[i], STR_ARGS(buf_view(&w.out)));
    assert_str(json_get_str(got, "id"), STR("resp_0"));
    world_end(&w);
}

/* A stream's data is one line, however the request was set. */
static void streams_repeat_it_in_one_line(void **state)
{
    (void)state;
    struct world w;
    struct watch watch;
    struct chat_request r;
    struct fault f = {0};
    world_make(&w);
    struct str body = STR(
        "{\"model\":\"m\",\"input\":\"Hi\",\"tools\":[{\"type\":\"function\",\"name\":"
        "\"f\",\"parameters\":{\r\n \"type\":\n \"object\"}}]}");
    assert_int_equal(wire_responses.request_read(body, &w.arena, &r, &f), 0);
    struct wire_state writer = {.arena = &w.arena, .request = &r, .model = r.model};
    PUT(.kind = EVENT_BEGIN, .id = STR("\"x\""));
    PUT(.kind = EVENT_END);
    watch_run(&watch, &w.arena, buf_view(&w.out));
    assert_str(buf_view(&watch.types), STR("created\nin_progress\ncompleted\n"));
    assert_same_json(&w.arena,
                     member_of(&w.arena, member_of(&w.arena, watch.last, "response"), "tools"),
                     STR("[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":"
                         "\"object\"},\"strict\":false}]"));
    watch_end(&watch);
    wire_responses.state_fini(&writer);
    world_end(&w);
}

static void answers_without_a_request_have_all_that_clients_want(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct chat_answer answer = {
        .id = STR("\"chatcmpl-9\""), .model = STR("\"m\""), .created_s = 5, .stop = STOP_REFUSED};
    assert_int_equal(wire_responses.answer_write(&answer, &w.out), 0);
    assert_same_json(
        &w.arena, buf_view(&w.out),
        STR("{\"id\":\"resp_chatcmpl-9\",\"object\":\"response\",\"created_at\":5,\"status\":"
            "\"incomplete\",\"model\":\"m\",\"instructions\":null,\"metadata\":null,"
            "\"parallel_tool_calls\":true,\"temperature\":null,\"top_p\":null,"
            "\"max_output_tokens\":null,\"tool_choice\":\"auto\",\"tools\":[],"
            "\"previous_response_id\":null,\"store\":false,\"background\":false,"
            "\"truncation\":\"disabled\",\"output\":[],\"error\":null,"
            "\"incomplete_details\":{\"reason\":\"content_filter\"},\"usage\":null}"));
    world_end(&w);
}

/* What another provider needs back is there again when the client sends the answer's items. */
static void reasoning_comes_back(void **state)
{
    (void)state;
    struct world w;
    struct chat_request r;
    struct fault f = {0};
    world_make(&w);
    struct chat_block call = {.kind = BLOCK_CALL,
                              .id = STR("\"toolu_1\""),
                              .name = STR("\"f\""),
                              .input = STR("{\"a\": [1, \"\\n\"]}")};
    struct chat_block omitted = {.next = &call, .kind = BLOCK_THINKING, .signature = STR("\"S2\"")};
    struct chat_block hidden = {.next = &omitted, .kind = BLOCK_HIDDEN, .text = STR("\"Data==\"")};
    struct chat_block thinking = {.next = &hidden,
                                  .kind = BLOCK_THINKING,
                                  .text = STR("\"Hm\\n\""),
                                  .signature = STR("\"S1\"")};
    struct chat_answer answer = {.blocks = &thinking, .stop = STOP_CALL};
    assert_int_equal(wire_responses.answer_write(&answer, &w.out), 0);
    struct str output = member_of(&w.arena, buf_view(&w.out), "output");
    buf_clear(&w.out);
    buf_printf(&w.out, "{\"model\":\"m\",\"input\":%.*s}", STR_ARGS(output));
    if (wire_responses.request_read(buf_view(&w.out), &w.arena, &r, &f) != 0)
        fail_msg("%s", f.text);
    assert_non_null(r.messages);
    assert_null(r.messages->next);
    assert_int_equal(r.messages->role, ROLE_ASSISTANT);
    for (const struct chat_block *b = r.messages->blocks; b; b = b->next)
        block_line(&w.lines, b);
    assert_str(buf_view(&w.lines), STR("thinking \"Hm\\n\" signature \"S1\"\n"
                                       "hidden \"Data==\"\n"
                                       "thinking signature \"S2\"\n"
                                       "call \"toolu_1\" \"f\" {\"a\": [1, \"\\n\"]}\n"));
    world_end(&w);
}

/* ---- bad answers, and errors ---- */

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"output\":null}",
        "{\"output\":[1]}",
        "{\"output\":[{\"type\":\"message\"}]}",
        "{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\"}]}]}",
        "{\"output\":[{\"type\":\"function_call\",\"call_id\":\"a\",\"name\":\"f\"}]}",
        "{\"output\":[{\"type\":\"reasoning\",\"summary\":[1]}]}",
        "{\"output\":[],\"output\":[]}",
        "{\"output\":[],\"status\":\"queued\"}",
    };
    struct world w;
    struct chat_answer answer;
    world_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (wire_responses.answer_read(str_from(bodies[i]), &w.arena, &answer) != E_UPSTREAM_BODY)
            fail_msg("%s", bodies[i]);
    assert_int_equal(
        wire_responses.answer_read(fixture_read(&w.arena, FIXTURES, "failed", "error.json"),
                                   &w.arena, &answer),
        E_UPSTREAM_BODY);
    struct str odd = STR("{\"output\":[{\"type\":\"image_generation_call\"},{\"type\":\"message\","
                         "\"content\":[{\"type\":\"else\"}]}],\"created_at\":3.5,\"usage\":"
                         "{\"input_tokens\":5,\"input_tokens_details\":{\"cached_tokens\":9,"
                         "\"cache_write_tokens\":9},\"output_tokens\":2,"
                         "\"output_tokens_details\":{\"reasoning_tokens\":7}}}");
    assert_int_equal(wire_responses.answer_read(odd, &w.arena, &answer), 0);
    assert_str(answer_lines(&w.lines, &answer),
               STR("answer 3\nbeside an image\nbeside a part that sluice does not know\n"
                   "usage 0+5+0 0+2\nstop end\n"));
    world_end(&w);
}

static void streams_in_another_order_are_read(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    struct str bytes = STR(
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"
        "data: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\"}\n\n"
        "data: {\"type\":\"response.refusal.delta\",\"delta\":\"b\"}\n\n"
        "data: {\"type\":\"response.output_item.added\",\"item\":{\"type\":\"function_call\","
        "\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
        "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\","
        "\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}}\n\n"
        "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_late\"}}\n\n"
        "data: {\"no\":\"type\"}\n\n"
        "data: {\"type\":\"error\",\"error\":{\"code\":\"x\",\"message\":\"y\"}}\n\n"
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"behind\"}\n\n"
        "data: [DONE]\n\n");
    stream_run(&w.arena, bytes, &w.lines, NULL, NULL);
    assert_str(buf_view(&w.lines), STR("begin\nblock text\n delta \"a\"\nend\n"
                                       "block refusal\n delta \"b\"\nend\n"
                                       "block call \"c\" \"f\"\n delta \"{}\"\nend\n"
                                       "failed \"x\" \"y\"\n"));
    world_end(&w);
}

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    static const char *const events[] = {
        "",
        "nonsense",
        "{\"type\":\"response.created\"}",
        "{\"type\":\"response.completed\",\"response\":1}",
        "{\"type\":\"response.output_item.added\"}",
        "{\"type\":\"response.output_item.added\",\"item\":{\"type\":\"function_call\"}}",
        "{\"type\":\"response.content_part.added\",\"part\":[]}",
        "{\"type\":\"a\",\"type\":\"b\"}",
    };
    struct world w;
    world_make(&w);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct wire_state reader = {.arena = &w.arena};
        struct chat_events got;
        if (wire_responses.event_read(&reader, STR_NONE, str_from(events[i]), &got) !=
            E_UPSTREAM_BODY)
            fail_msg("%s", events[i]);
    }
    world_end(&w);
}

static void errors_are_the_protocols_own(void **state)
{
    (void)state;
    struct world w;
    world_make(&w);
    assert_int_equal(wire_responses.error_write(&w.out, 429, "slow", STR("Say \"when\""), STR_NONE),
                     0);
    assert_str(buf_view(&w.out), STR("{\"error\":{\"message\":\"Say \\\"when\\\"\",\"type\":"
                                     "\"rate_limit_error\",\"param\":null,\"code\":\"slow\"}}"));
    buf_clear(&w.out);
    assert_int_equal(wire_responses.error_event_write(&w.out, 7, 502, "cut", STR("a\nb")), 0);
    assert_str(buf_view(&w.out), STR("event: error\ndata: {\"type\":\"error\","
                                     "\"sequence_number\":7,\"code\":\"cut\",\"message\":"
                                     "\"a\\nb\",\"param\":null}\n\n"));
    world_end(&w);
}

static void an_event_that_is_refused_leaves_no_trace(void **state)
{
    (void)state;
    struct str delta = STR("{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}");
    struct world w;
    struct chat_events got;
    world_make(&w);
    struct wire_state reader = {.arena = &w.arena};
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, delta, &got), 0);
    assert_int_equal(got.n, 3); /* begin, a block, its text */
    struct str bad = STR("{\"type\":\"response.output_item.added\",\"item\":{\"type\":"
                         "\"function_call\"}}");
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, bad, &got), E_UPSTREAM_BODY);
    assert_int_equal(got.n, 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, delta, &got), 0);
    assert_int_equal(got.n, 1); /* the block is still open */
    world_end(&w);
}

#define AT(n) "\"output_index\":" n
#define CALL  "\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\""

#define ADDED(n) "{\"type\":\"response.output_item.added\"," AT(n) ",\"item\":{" CALL "}}"
#define INPUT(n) "{\"type\":\"response.function_call_arguments.delta\"," AT(n) ",\"delta\":\"{}\"}"
#define DONE(n, input)                                                                             \
    "{\"type\":\"response.output_item.done\"," AT(n) ",\"item\":{" CALL ",\"arguments\":\"" input  \
                                                     "\"}}"

/* Calls that take turns: none gets what another one is called with. */
static void a_calls_input_is_no_other_calls(void **state)
{
    (void)state;
    static const struct {
        const char *event[4];
        int err; /* of the last */
    } rows[] = {{{ADDED("0"), ADDED("1"), INPUT("0")}, E_UPSTREAM_BODY},
                {{ADDED("0"), ADDED("1"), INPUT("1")}, 0},
                {{ADDED("0"), ADDED("1"), DONE("0", "{1}")}, E_UPSTREAM_BODY},
                {{ADDED("0"), ADDED("1"), DONE("0", "")}, 0},
                {{ADDED("0"), INPUT("0"), ADDED("1"), DONE("0", "{}")}, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct chat_events got;
        int err = 0;
        world_make(&w);
        struct wire_state reader = {.arena = &w.arena};
        for (size_t k = 0; k < 4 && rows[i].event[k]; k++) {
            assert_int_equal(err, 0);
            err = wire_responses.event_read(&reader, STR_NONE, str_from(rows[i].event[k]), &got);
        }
        assert_int_equal(err, rows[i].err);
        if (!err &&
            strstr(rows[i].event[2], "done")) /* nothing is told of it, nor of the open one */
            assert_int_equal(got.n, 0);
        world_end(&w);
    }
}

/* A text that came in no deltas is told when it is done; one that did is not told twice, not behind
 * a call either (llama.cpp's order). */
static void a_text_without_deltas(void **state)
{
    (void)state;
    struct str added =
        STR("{\"type\":\"response.content_part.added\",\"part\":{\"type\":\"output_text\"}}");
    struct str done = STR("{\"type\":\"response.output_text.done\",\"text\":\"ab\"}");
    struct str delta = STR("{\"type\":\"response.output_text.delta\",\"delta\":\"ab\"}");
    struct world w;
    struct chat_events got;
    world_make(&w);
    struct wire_state reader = {.arena = &w.arena};
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, added, &got), 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, done, &got), 0);
    assert_int_equal(got.n, 1);
    assert_str(got.at[0].text, STR("\"ab\""));
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, done, &got), 0);
    assert_int_equal(got.n, 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, added, &got), 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, delta, &got), 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, done, &got), 0);
    assert_int_equal(got.n, 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, STR(ADDED("1")), &got), 0);
    assert_int_equal(wire_responses.event_read(&reader, STR_NONE, done, &got), 0);
    assert_int_equal(got.n, 0);
    world_end(&w);
}

#define EVENT(type, members) "data: {\"type\":\"response." type "\"," members "}\n\n"
#define PART                 "{\"type\":\"output_text\",\"text\":\"ab\"}"
#define MESSAGE              "{\"type\":\"message\",\"content\":[" PART "]}"
#define ENDED(output)                                                                              \
    EVENT("completed", "\"response\":{\"status\":\"completed\",\"output\":[" output "]}")

/* Some servers say an answer in the events alone that repeat it. */
static void what_stands_in_late_events_alone_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *lines;
    } rows[] = {
        {EVENT("output_item.done", "\"item\":" MESSAGE) ENDED(MESSAGE),
         "begin\nblock text\n delta \"ab\"\nend\nstop end\nover\n"},
        {ENDED(MESSAGE), "begin\nblock text\n delta \"ab\"\nend\nstop end\nover\n"},
        {EVENT("output_item.added", "\"item\":{\"type\":\"message\"}")
             EVENT("content_part.added", "\"part\":{\"type\":\"output_text\"}")
                 EVENT("content_part.done", "\"part\":{\"text\":\"ab\"}")
                     EVENT("output_item.done", "\"item\":" MESSAGE) ENDED(MESSAGE),
         "begin\nblock text\n delta \"ab\"\nend\nstop end\nover\n"},
        {EVENT("output_text.delta", "\"delta\":\"a\"")
             EVENT("output_item.done", "\"item\":" MESSAGE) ENDED(MESSAGE),
         "begin\nblock text\n delta \"a\"\nend\nstop end\nover\n"},
        {EVENT("output_item.done", "\"item\":{" CALL ",\"arguments\":\"{}\"}")
             EVENT("output_item.done", "\"item\":{" CALL ",\"arguments\":\"{}\"}") ENDED(""),
         "begin\nblock call \"c\" \"f\"\n delta \"{}\"\nend\n"
         "block call \"c\" \"f\"\n delta \"{}\"\nend\nstop call\nover\n"},
        {EVENT("reasoning_text.delta", "\"delta\":\"hm\"")
             ENDED("{\"type\":\"reasoning\",\"content\":[{\"type\":\"reasoning_text\","
                   "\"text\":\"hm\"}]}," MESSAGE ",{" CALL ",\"arguments\":\"{}\"}"),
         "begin\nblock thinking\n delta \"hm\"\nend\nblock text\n delta \"ab\"\nend\n"
         "block call \"c\" \"f\"\n delta \"{}\"\nend\nstop call\nover\n"},
        {EVENT("output_item.done",
               "\"item\":{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\","
               "\"text\":\"hm\"}]}") ENDED(MESSAGE),
         "begin\nblock thinking\n delta \"hm\"\nend\nblock text\n delta \"ab\"\nend\n"
         "stop end\nover\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        world_make(&w);
        stream_run(&w.arena, str_from(rows[i].stream), &w.lines, NULL, NULL);
        assert_str(buf_view(&w.lines), str_from(rows[i].lines));
        world_end(&w);
    }
}

/* More items than one reading has room for. */
static void the_last_event_may_hold_any_number_of_items(void **state)
{
    (void)state;
    struct world w;
    struct buf data;
    world_make(&w);
    buf_init(&data, 1u << 16);
    buf_str(&data, STR("data: {\"type\":\"response.completed\",\"response\":{\"output\":["));
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&data, "%s" MESSAGE, i ? "," : "");
    buf_str(&data, STR("]}}\n\n"));
    stream_run(&w.arena, buf_view(&data), &w.lines, NULL, NULL);
    unsigned lines = 0;
    for (size_t i = 0; i < w.lines.n; i++)
        lines += w.lines.p[i] == '\n';
    assert_int_equal(lines, 1 + 100 * 3 + 2);
    buf_fini(&data);
    world_end(&w);
}

/* llama.cpp's form: wire/responses/real-error. */
static void codes_that_are_numbers_are_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *error;
        int status;
    } rows[] = {
        {"{\"code\":400,\"message\":\"no\",\"type\":\"exceed_context_size_error\"}", 400},
        {"{\"code\":503,\"message\":\"no\",\"type\":\"unavailable_error\"}", 503},
        {"{\"code\":500,\"message\":\"no\",\"type\":\"invalid_api_key\"}", 401},
        {"{\"code\":200,\"message\":\"no\"}", 0},
        {"{\"code\":\"400\",\"message\":\"no\"}", 0},
        {"\"no\"", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        struct llm_facts f;
        snprintf(text, sizeof(text), "{\"error\":%s}", rows[i].error);
        assert_int_equal(wire_responses.answer_facts(str_from(text), &f), 0);
        assert_true(f.has_error);
        assert_int_equal(f.error_status, rows[i].status);
        assert_int_equal(wire_responses.event_facts(STR("error"), str_from(text), &f), 0);
        assert_true(f.has_error);
        assert_int_equal(f.error_status, rows[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_are_read_as_answers),
        cmocka_unit_test(fixtures_are_read_as_streams),
        cmocka_unit_test(answers_that_were_written_say_the_same),
        cmocka_unit_test(streams_that_were_written_say_the_same),
        cmocka_unit_test(a_stream_has_the_events_of_the_protocol),
        cmocka_unit_test(what_comes_out_of_order_is_put_in_order),
        cmocka_unit_test(a_long_stream_takes_no_more_of_the_arena),
        cmocka_unit_test(an_end_before_the_first_event_has_nothing_to_give_back),
        cmocka_unit_test(answers_repeat_what_was_asked),
        cmocka_unit_test(streams_repeat_it_in_one_line),
        cmocka_unit_test(answers_without_a_request_have_all_that_clients_want),
        cmocka_unit_test(reasoning_comes_back),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(streams_in_another_order_are_read),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(an_event_that_is_refused_leaves_no_trace),
        cmocka_unit_test(a_calls_input_is_no_other_calls),
        cmocka_unit_test(a_text_without_deltas),
        cmocka_unit_test(what_stands_in_late_events_alone_is_told),
        cmocka_unit_test(the_last_event_may_hold_any_number_of_items),
        cmocka_unit_test(errors_are_the_protocols_own),
        cmocka_unit_test(codes_that_are_numbers_are_statuses),
    };
    return cmocka_run_group_tests_name("wire_responses", tests, NULL, NULL);
}
