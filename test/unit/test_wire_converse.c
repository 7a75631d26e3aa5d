/* test_wire_converse.c: Converse's answers, streams and errors, as chats and as a provider's facts.
 */
#include "eventstream_frames.h"
#include "llm/bedrock.h"
#include "llm/wire/converse.h"
#include "wire_lines.h"

/* Tests run in the root of the repository. */
#define FIXTURES "test/fixture/wire/converse"

/* Answers and streams as wire_world.h writes them; NULL where the case has none that can be read.
 */
static const struct wire_case cases[] = {
    {"text",
     "answer\n"
     "text \"The sky is blue \\\"above\\\" — Rayleigh.\\n\"\n"
     "usage 12+0+0 9+0\n"
     "stop end\n",
     "begin\n"
     "block text\n"
     " delta \"The sky \"\n"
     " delta \"is \\\"blue\\\"\"\n"
     " delta \".\"\n"
     "block end\n"
     "stop end\n"
     "usage 12+0+0 4+0\n"
     "end\n"},
    {"tool",
     "answer\n"
     "text \"I look.\"\n"
     "call \"tooluse_kZJMlvQmRJ6eAyJE5GIl7Q\" \"get_weather\" {\n"
     "              \"city\": \"Köln\",\n"
     "              \"days\": 2\n"
     "            }\n"
     "usage 412+0+0 64+0\n"
     "stop call\n",
     "begin\n"
     "block text\n"
     " delta \"I look.\"\n"
     "block end\n"
     "block call \"tooluse_kZJMlvQmRJ6eAyJE5GIl7Q\" \"get_weather\"\n"
     " delta \"{\\\"city\\\": \\\"K\"\n"
     " delta \"öln\\\", \\\"days\\\": 2}\"\n"
     "block end\n"
     "stop call\n"
     "usage 412+0+0 64+0\n"
     "end\n"},
    {"tools-parallel",
     "answer\n"
     "call \"tooluse_a\" \"now\" {}\n"
     "call \"tooluse_b\" \"read\" {\n"
     "              \"n\": [\n"
     "                1,\n"
     "                2\n"
     "              ]\n"
     "            }\n"
     "usage 30+0+0 70+0\n"
     "stop call\n",
     "begin\n"
     "block call \"tooluse_a\" \"now\"\n"
     "block end\n"
     "block call \"tooluse_b\" \"read\"\n"
     " delta \"{\\\"n\\\":\"\n"
     " delta \"[1,2]}\"\n"
     "block end\n"
     "stop call\n"
     "usage 30+0+0 70+0\n"
     "end\n"},
    {"thinking",
     "answer\n"
     "thinking \"2 and 2.\\nSo 4.\" signature \"EqQBCkgIARABGAIiQL==\"\n"
     "text \"4\"\n"
     "usage 40+0+0 33+0\n"
     "stop end\n",
     "begin\n"
     "block thinking\n"
     " delta \"2 and 2.\"\n"
     " delta \"\\nSo 4.\"\n"
     " signature \"EqQBCkgIARABGAIiQL==\"\n"
     "block end\n"
     "block text\n"
     " delta \"4\"\n"
     "block end\n"
     "stop end\n"
     "usage 40+0+0 33+0\n"
     "end\n"},
    {"thinking-hidden",
     "answer\n"
     "hidden \"RW5jcnlwdGVk\"\n"
     "text \"No.\"\n"
     "usage 8+0+0 21+0\n"
     "stop end\n",
     "begin\n"
     "block hidden \"RW5jcnlwdGVk\"\n"
     "block end\n"
     "block text\n"
     " delta \"No.\"\n"
     "block end\n"
     "stop end\n"
     "usage 8+0+0 21+0\n"
     "end\n"},
    {"stop-length",
     "answer\n"
     "text \"Once upon\"\n"
     "usage 5+0+0 2+0\n"
     "stop length\n",
     "begin\n"
     "block text\n"
     " delta \"Once upon\"\n"
     "block end\n"
     "stop length\n"
     "usage 5+0+0 2+0\n"
     "end\n"},
    {"stop-sequence",
     "answer\n"
     "text \"a, b\"\n"
     "usage 5+0+0 4+0\n"
     "stop sequence\n",
     "begin\n"
     "block text\n"
     " delta \"a, b\"\n"
     "block end\n"
     "stop sequence\n"
     "usage 5+0+0 4+0\n"
     "end\n"},
    {"stop-guardrail",
     "answer\n"
     "text \"I cannot talk about that.\"\n"
     "usage 0+0+0 0+0\n"
     "stop refused\n",
     "begin\n"
     "block text\n"
     " delta \"I cannot talk about that.\"\n"
     "block end\n"
     "stop refused\n"
     "usage 0+0+0 0+0\n"
     "end\n"},
    {"stop-filtered",
     "answer\n"
     "usage 9+0+0 1+0\n"
     "stop refused\n",
     "begin\n"
     "block text\n"
     " delta \"First\"\n"
     "block end\n"
     "stop refused\n"
     "usage 9+0+0 1+0\n"
     "end\n"},
    {"stop-context",
     "answer\n"
     "text \"And\"\n"
     "usage 199990+0+0 10+0\n"
     "stop context\n",
     "begin\n"
     "block text\n"
     " delta \"And\"\n"
     "block end\n"
     "stop context\n"
     "usage 199990+0+0 10+0\n"
     "end\n"},
    {"malformed-call", NULL,
     "begin\n"
     "block text\n"
     " delta \"I call\"\n"
     "block end\n"
     "failed \"malformed_tool_use\" \"the model's answer was malformed\"\n"},
    {"empty",
     "answer\n"
     "usage 7+0+0 2+0\n"
     "stop end\n",
     "begin\n"
     "stop end\n"
     "usage 7+0+0 2+0\n"
     "end\n"},
    {"usage-cached",
     "answer\n"
     "text \"ok\"\n"
     "usage 18+1500+7502 5+0\n"
     "stop end\n",
     "begin\n"
     "block text\n"
     " delta \"ok\"\n"
     "block end\n"
     "stop end\n"
     "usage 18+9002+0 5+0\n"
     "end\n"},
    {"error-in-stream", NULL,
     "begin\n"
     "block text\n"
     " delta \"Half\"\n"
     "failed \"modelStreamErrorException\" \"The system encountered an unexpected error during "
     "processing. Try your request again.\"\n"},
    {"throttled-in-stream", NULL,
     "failed \"throttlingException\" \"Too many tokens, please wait before trying again.\"\n"},
    {"unknown-events",
     "answer\n"
     "text \"a\"\n"
     "text \"b\"\n"
     "text \"c\"\n"
     "beside citations in a form of its own\n"
     "beside a tool that the provider ran\n"
     "beside a part that sluice does not know\n"
     "usage 1+0+0 1+0\n"
     "stop unsaid\n",
     "begin\n"
     "block text\n"
     " delta \"a\"\n"
     "beside citations in a form of its own\n"
     "block end\n"
     "beside a tool that the provider ran\n"
     "beside a tool that the provider ran\n"
     "block text\n"
     " delta \"b\"\n"
     "block end\n"
     "stop unsaid\n"
     "usage 1+0+0 1+0\n"
     "end\n"},
};

static struct str case_file(struct wire_world *w, const char *name, const char *file)
{
    return fixture_read(&w->arena, FIXTURES, name, file);
}

static void answers_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        answer_is_read(*state, &wire_converse, FIXTURES, &cases[i]);
}

/* The events of a stream.txt, each in a frame. */
static void frames_make(struct str events, struct buf *out)
{
    struct sse sse;
    struct sse_event e;
    buf_init(out, 1u << 20);
    sse_init(&sse, 1u << 20);
    sse_feed(&sse, events);
    while (sse_next(&sse, &e) == 0 && e.raw.n > 0)
        frame_put_event(out, str_ends(e.name, STR("Exception")) ? STR("exception") : STR("event"),
                        e.name, e.data);
    assert_int_equal(out->failed, 0);
    sse_fini(&sse);
}

/* What comes of frames, in pieces of `step` bytes; each event's facts are seen to agree. */
static void frames_read(struct wire_world *w, struct str frames, size_t step)
{
    struct eventstream s;
    struct eventstream_frame frame;
    struct wire_state state = {.arena = &w->arena};
    struct llm_facts facts;
    struct buf scratch;
    buf_init(&scratch, 4096);
    buf_clear(&w->lines);
    eventstream_init(&s, 1u << 20);
    for (; frames.n > 0; frames = str_tail(frames, step)) {
        eventstream_feed(&s, str_head(frames, step));
        while (eventstream_next(&s, &frame, NULL) == 0 && frame.raw.n > 0) {
            struct str name, data;
            size_t before = w->lines.n;
            assert_int_equal(bedrock_frame_event(&frame, &scratch, &name, &data), 0);
            assert_int_equal(event_lines(&wire_converse, &state, name, data, &w->lines), 0);
            assert_int_equal(bedrock_event_facts(name, data, &facts), 0);
            struct str lines = str_tail(buf_view(&w->lines), before);
            if (lines.n == 0) /* also what comes behind a fault */
                continue;
            assert_int_equal(facts.has_usage, str_find(lines, STR("usage ")) >= 0);
            assert_int_equal(facts.has_error, str_find(lines, STR("failed ")) >= 0);
            assert_true(facts.done || str_find(lines, STR("end\n")) != 0);
        }
    }
    assert_int_equal(eventstream_end(&s, NULL), 0);
    eventstream_fini(&s);
    buf_fini(&scratch);
}

static void streams_are_read(void **state)
{
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf frames;
        arena_fini(&w->arena); /* each file takes much of it */
        struct str events = case_file(w, cases[i].name, "stream.txt");
        assert_true(!events.p == !cases[i].stream);
        if (!events.p)
            continue;
        frames_make(events, &frames);
        for (size_t step = 1; step < 200; step += 37) {
            frames_read(w, buf_view(&frames), step);
            /* A stream that failed may go on: nothing of it counts. */
            assert_str(buf_view(&w->lines), str_from(cases[i].stream));
        }
        assert_str(stream_lines(&wire_converse, &w->arena, events, &w->lines),
                   str_from(cases[i].stream));
        buf_fini(&frames);
    }
}

static void the_sequence_that_stopped_it(void **state)
{
    struct wire_world *w = *state;
    struct chat_answer answer;
    struct chat_events events;
    struct wire_state s = {.arena = &w->arena};
    struct str body = case_file(w, "stop-sequence", "answer.json");
    assert_int_equal(wire_converse.answer_read(body, &w->arena, &answer), 0);
    assert_str(answer.stop_sequence, STR("\"END\""));
    assert_int_equal(wire_converse.event_read(&s, STR("messageStop"),
                                              STR("{\"stopReason\":\"stop_sequence\","
                                                  "\"additionalModelResponseFields\":{\"a\":1,"
                                                  "\"stop_sequence\":\"\\n\"}}"),
                                              &events),
                     0);
    assert_int_equal(events.n, 2);
    assert_str(events.at[1].stop_sequence, STR("\"\\n\""));
}

/* ---- answers ---- */

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"message\":\"no\"}",
        "{\"output\":{}}",
        "{\"output\":{\"message\":{\"content\":[{\"text\":\"a\"]}}}",
        "{\"Output\":{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"}}",
        "{\"output\":{\"message\":{}},\"stopReason\":\"malformed_model_output\"}",
        "{\"usage\":{\"inputTokens\":3,\"outputTokens\":1}}",
    };
    struct wire_world *w = *state;
    struct chat_answer a;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (wire_converse.answer_read(str_from(bodies[i]), &w->arena, &a) != E_UPSTREAM_BODY)
            fail_msg("read: %s", bodies[i]);
}

#define CONTENT(blocks) "{\"output\":{\"message\":{\"content\":" blocks "}}}"

static void odd_answers_are_read_as_far_as_they_go(void **state)
{
    static const struct {
        const char *body, *lines;
    } odd[] = {
        {CONTENT("null"), "answer\nstop unsaid\n"},
        {CONTENT("{}"), "answer\nstop unsaid\n"},
        {CONTENT("[7,[],{},{\"text\":9},{\"text\":null},{\"toolUse\":null},{\"text\":\"a\"}]"),
         "answer\ncall \"\" \"\" {}\ntext \"a\"\nbeside a part that sluice does not know\n"
         "stop unsaid\n"},
        {CONTENT("[{\"t\\u0065xt\":\"a\"},{\"toolUse\":{\"toolUs\\u0065Id\":\"i\",\"name\":4,"
                 "\"input\":[]}}]"),
         "answer\ntext \"a\"\ncall \"i\" \"\"\nstop unsaid\n"},
        {CONTENT("[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"\",\"signature\":\"s\"}}},"
                 "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"t\",\"signature\":\"\"}}},"
                 "{\"reasoningContent\":{\"redactedContent\":null}},{\"citationsContent\":{}},"
                 "{\"citationsContent\":{\"content\":[]}}]"),
         "answer\nthinking \"\" signature \"s\"\nthinking \"t\"\nstop unsaid\n"},
        {"{\"usage\":{\"inputTokens\":-3,\"outputTokens\":1},\"output\":{\"message\":{}},"
         "\"stopReason\":null}",
         "answer\nstop unsaid\n"},
        {"{\"usage\":{\"inputTokens\":3,\"outputTokens\":1.5,\"cacheReadInputTokens\":null},"
         "\"output\":{\"message\":{}},\"stopReason\":\"tool_use\"}",
         "answer\nusage 3+0+0 0+0\nstop call\n"},
    };
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct chat_answer a;
        assert_int_equal(wire_converse.answer_read(str_from(odd[i].body), &w->arena, &a), 0);
        assert_str(answer_lines(&w->lines, &a), str_from(odd[i].lines));
    }
}

static void every_reason_has_its_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *string;
        enum chat_stop stop;
        bool broken;
    } reasons[] = {
        {"\"end_turn\"", STOP_END, false},
        {"\"tool_use\"", STOP_CALL, false},
        {"\"max_tokens\"", STOP_LENGTH, false},
        {"\"stop_sequence\"", STOP_SEQUENCE, false},
        {"\"guardrail_intervened\"", STOP_REFUSED, false},
        {"\"content_filtered\"", STOP_REFUSED, false},
        {"\"model_context_window_exceeded\"", STOP_CONTEXT, false},
        {"\"malformed_model_output\"", STOP_UNSAID, true},
        {"\"malformed_tool_use\"", STOP_UNSAID, true},
        {"\"a_new_one\"", STOP_UNSAID, false},
        {"", STOP_UNSAID, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct str string = str_from(reasons[i].string);
        assert_int_equal(converse_stop(string), reasons[i].stop);
        assert_int_equal(converse_is_broken(string), reasons[i].broken);
    }
}

/* ---- streams ---- */

/* What an event says, or its error. */
static struct str says(struct wire_world *w, struct wire_state *s, const char *name,
                       const char *data)
{
    buf_clear(&w->lines);
    int err = event_lines(&wire_converse, s, str_from(name), str_from(data), &w->lines);
    return err ? str_from(err_code(err)) : buf_view(&w->lines);
}

#define DELTA(index, delta) "{\"contentBlockIndex\":" index ",\"delta\":" delta "}"
#define TEXT(index, text)   DELTA(index, "{\"text\":\"" text "\"}")
#define INPUT(index, text)  DELTA(index, "{\"toolUse\":{\"input\":\"" text "\"}}")
#define CALL(index)                                                                                \
    "{\"contentBlockIndex\":" index ",\"start\":{\"toolUse\":{\"toolUseId\":\"c\",\"name\":\"f\"}" \
    "}}"

static void an_event_that_is_no_json_breaks_the_stream(void **state)
{
    struct wire_world *w = *state;
    static const char *const names[] = {"messageStart",      "contentBlockStart",
                                        "contentBlockDelta", "contentBlockStop",
                                        "messageStop",       "metadata"};
    static const char *const broken[] = {"", "{", "word", "[1]", "{\"delta\":{]}", "{}x"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t k = 0; k < ARRAY_LEN(broken); k++) {
            struct wire_state s = {.arena = &w->arena};
            assert_str(says(w, &s, names[i], broken[k]), STR("upstream_bad_body"));
            assert_str(says(w, &s, "ping", broken[k]), STR(""));
            assert_str(says(w, &s, "contentBlockDelta", TEXT("0", "a")),
                       STR("begin\nblock text\n delta \"a\"\n"));
        }
}

static void streams_out_of_order(void **state)
{
    struct wire_world *w = *state;
    struct wire_state s = {.arena = &w->arena};
    /* Without a beginning; and with two. */
    assert_str(says(w, &s, "contentBlockDelta", TEXT("0", "a")),
               STR("begin\nblock text\n delta \"a\"\n"));
    assert_str(says(w, &s, "messageStart", "{\"role\":\"assistant\"}"), STR(""));
    /* The end of another block, and of one that is not open. */
    assert_str(says(w, &s, "contentBlockStop", "{\"contentBlockIndex\":7}"), STR(""));
    assert_str(says(w, &s, "contentBlockDelta", TEXT("0", "b")), STR(" delta \"b\"\n"));
    /* The next block begins before this one has ended. */
    assert_str(says(w, &s, "contentBlockDelta", TEXT("1", "c")),
               STR("block end\nblock text\n delta \"c\"\n"));
    assert_str(says(w, &s, "contentBlockStart", CALL("2")),
               STR("block end\nblock call \"c\" \"f\"\n"));
    /* Text within a call's block. */
    assert_str(says(w, &s, "contentBlockDelta", TEXT("2", "d")),
               STR("block end\nblock text\n delta \"d\"\n"));
    /* Input of a call that is over, and of one that never began: it would be lost. */
    assert_str(says(w, &s, "contentBlockDelta", INPUT("2", "{")), STR("upstream_bad_body"));
    assert_str(says(w, &s, "contentBlockDelta", INPUT("9", "{")), STR("upstream_bad_body"));
    assert_str(says(w, &s, "contentBlockStart",
                    "{\"contentBlockIndex\":3,\"start\":{\"toolUse\":{\"name\":\"f\"}}}"),
               STR("upstream_bad_body"));
    /* A signature alone is thinking. */
    assert_str(says(w, &s, "contentBlockDelta",
                    DELTA("4", "{\"reasoningContent\":{\"signature\":\"QQ==\"}}")),
               STR("block end\nblock thinking\n signature \"QQ==\"\n"));
    /* The usage before the end: the end waits for neither. */
    assert_str(says(w, &s, "metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}"),
               STR("usage 1+0+0 2+0\n"));
    assert_str(says(w, &s, "messageStop", "{\"stopReason\":\"end_turn\"}"),
               STR("block end\nstop end\nend\n"));
}

/* A block that is passed over ends as others do, also where nothing is numbered. */
static void a_block_that_is_passed_over_ends(void **state)
{
    struct wire_world *w = *state;
    struct wire_state s = {.arena = &w->arena};
    assert_str(says(w, &s, "contentBlockStart", "{\"start\":{\"image\":{\"format\":\"png\"}}}"),
               STR("begin\nbeside an image\n"));
    assert_str(says(w, &s, "contentBlockDelta", "{\"delta\":{\"text\":\"of the image\"}}"),
               STR(""));
    assert_str(says(w, &s, "contentBlockStop", "{}"), STR(""));
    assert_str(says(w, &s, "contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}"),
               STR("block text\n delta \"a\"\n"));
}

static void behind_its_end_a_stream_says_nothing(void **state)
{
    struct wire_world *w = *state;
    struct wire_state s = {.arena = &w->arena};
    assert_str(says(w, &s, "messageStop", "{\"stopReason\":\"end_turn\"}"),
               STR("begin\nstop end\n"));
    assert_str(says(w, &s, "messageStop", "{\"stopReason\":\"tool_use\"}"), STR(""));
    assert_str(says(w, &s, "contentBlockDelta", TEXT("0", "a")), STR(""));
    assert_str(says(w, &s, "contentBlockStart", CALL("1")), STR(""));
    assert_str(says(w, &s, "metadata", "{}"), STR("end\n"));
    assert_str(says(w, &s, "metadata", "{"), STR(""));
    assert_str(says(w, &s, "internalServerException", "{}"), STR(""));
    struct wire_state failed = {.arena = &w->arena};
    assert_str(says(w, &failed, "error", "no JSON"),
               STR("failed \"error\" \"an error without words\"\n"));
    assert_str(says(w, &failed, "contentBlockDelta", TEXT("0", "a")), STR(""));
    /* Between the end and the usage it may still fail. */
    struct wire_state late = {.arena = &w->arena};
    (void)says(w, &late, "messageStop", "{\"stopReason\":\"end_turn\"}");
    assert_str(says(w, &late, "aNewException", "{\"message\":\"m\"}"),
               STR("failed \"aNewException\" \"m\"\n"));
}

static void a_long_stream_takes_no_more_memory(void **state)
{
    struct wire_world *w = *state;
    struct wire_state s = {.arena = &w->arena};
    size_t held = 0;
    for (unsigned i = 0; i < 5000; i++) {
        (void)says(w, &s, "contentBlockDelta", TEXT("0", "a"));
        (void)says(w, &s, "contentBlockStart", CALL("1"));
        (void)says(w, &s, "contentBlockDelta", INPUT("1", "{}"));
        (void)says(w, &s, "contentBlockStop", "{\"contentBlockIndex\":1}");
        (void)says(w, &s, "contentBlockDelta",
                   DELTA("2", "{\"reasoningContent\":{\"redactedContent\":\"QQ==\"}}"));
        if (i == 10)
            held = w->arena.held_bytes;
    }
    assert_true(held > 0);
    assert_int_equal(w->arena.held_bytes, held);
}

/* ---- a provider's facts ---- */

static void paths_hold_model_and_manner(void **state)
{
    static const struct {
        const char *model;
        bool stream;
        const char *path;
    } paths[] = {
        {"amazon.nova-lite-v1:0", false, "/model/amazon.nova-lite-v1%3A0/converse"},
        {"eu.anthropic.claude-x_y~z", true, "/model/eu.anthropic.claude-x_y~z/converse-stream"},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/x", true,
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream"},
        {"../a b?\xc3\xbc", false, "/model/..%2Fa%20b%3F%C3%BC/converse"},
    };
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct str path;
        assert_int_equal(bedrock_path(str_from(paths[i].model), paths[i].stream, &w->arena, &path),
                         0);
        assert_str(path, str_from(paths[i].path));
    }
}

static void frames_become_events(void **state)
{
    static const struct {
        enum eventstream_kind kind;
        const char *name, *text, *payload, *want_name, *want_data;
    } frames[] = {
        {EVENTSTREAM_EVENT, "metadata", NULL, "{}", "metadata", "{}"},
        {EVENTSTREAM_EXCEPTION, "throttlingException", NULL, "{}", "throttlingException", "{}"},
        {EVENTSTREAM_EXCEPTION, "odd", NULL, "{}", "error", "{}"},
        {EVENTSTREAM_EXCEPTION, NULL, NULL, "{}", "error", "{}"},
        {EVENTSTREAM_ERROR, "InternalFailure", "An \"internal\" one", "", "error",
         "{\"message\":\"An \\\"internal\\\" one\"}"},
        {EVENTSTREAM_ERROR, "InternalFailure", NULL, "", "error",
         "{\"message\":\"InternalFailure\"}"},
        {EVENTSTREAM_OTHER, "metadata", NULL, "{}", NULL, "{}"},
    };
    (void)state;
    struct buf scratch;
    buf_init(&scratch, 4096);
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct str name, data;
        struct eventstream_frame frame = {.kind = frames[i].kind,
                                          .name = str_from(frames[i].name),
                                          .text = str_from(frames[i].text),
                                          .payload = str_from(frames[i].payload)};
        assert_int_equal(bedrock_frame_event(&frame, &scratch, &name, &data), 0);
        assert_str(name, str_from(frames[i].want_name));
        assert_str(data, str_from(frames[i].want_data));
    }
    buf_fini(&scratch);
}

static void errors_say_what_was_wrong(void **state)
{
    struct wire_world *w = *state;
    struct llm_facts f;
    assert_int_equal(bedrock_answer_facts(case_file(w, "error-validation", "error.json"), &f), 0);
    assert_true(f.has_error && !f.has_choices && f.error_status == 0);
    assert_true(str_starts(f.error_text, STR("The text field in the ContentBlock")));
    assert_int_equal(bedrock_answer_facts(case_file(w, "error-signature", "error.json"), &f), 0);
    assert_true(f.has_error);
    assert_true(str_starts(f.error_text, STR("The request signature")));
    assert_int_equal(bedrock_answer_facts(case_file(w, "malformed-call", "answer.json"), &f), 0);
    assert_true(f.has_error && f.has_usage && f.error_status == 0);
    assert_str(f.error_text, STR("malformed_tool_use"));
    assert_int_equal(bedrock_answer_facts(STR("{}"), &f), E_UPSTREAM_BODY);
    assert_int_equal(bedrock_answer_facts(STR("word"), &f), E_UPSTREAM_BODY);
}

static void exceptions_have_their_status(void **state)
{
    static const struct {
        const char *name;
        int status;
    } exceptions[] = {
        {"throttlingException", 429},           {"validationException", 400},
        {"internalServerException", 500},       {"serviceUnavailableException", 503},
        {"modelStreamErrorException", 0},       {"modelTimeoutException", 408},
        {"accessDeniedException", 403},         {"aNewException", 0},
        {"serviceQuotaExceededException", 429},
    };
    (void)state;
    struct llm_facts f;
    for (size_t i = 0; i < ARRAY_LEN(exceptions); i++) {
        struct str name = str_from(exceptions[i].name);
        assert_int_equal(bedrock_event_facts(name, STR("{\"message\":\"a\\nb\"}"), &f), 0);
        assert_true(f.has_error && !f.unread);
        assert_int_equal(f.error_status, exceptions[i].status);
        assert_str(f.error_text, STR("a\nb"));
    }
}

static void answers_have_facts(void **state)
{
    struct wire_world *w = *state;
    struct llm_facts f;
    assert_int_equal(bedrock_answer_facts(case_file(w, "usage-cached", "answer.json"), &f), 0);
    assert_true(f.has_usage && f.finished && f.speaks && !f.has_error && !f.only_usage);
    assert_int_equal(f.content_bytes, 2);
    assert_int_equal(tokens_prompt(&f.usage), 18 + 1500 + 7502);
    assert_int_equal(f.usage.cache_write_1h, 7000);
    assert_int_equal(tokens_completion(&f.usage), 5);
    assert_int_equal(bedrock_answer_facts(case_file(w, "empty", "answer.json"), &f), 0);
    assert_true(f.finished && !f.speaks && !f.has_error);
    assert_int_equal(bedrock_answer_facts(case_file(w, "thinking-hidden", "answer.json"), &f), 0);
    assert_true(f.speaks);
    assert_int_equal(f.content_bytes, 3);
    assert_int_equal(bedrock_answer_facts(STR(CONTENT("[{\"toolUse\":{\"toolUseId\":\"i\",\"name\":"
                                                      "\"read\",\"input\":{\"a\":1}}}]")),
                                          &f),
                     0);
    assert_int_equal(f.content_bytes, 4 + 7);
}

static void events_have_facts(void **state)
{
    (void)state;
    struct llm_facts f;
    struct str delta = STR("contentBlockDelta");
    assert_int_equal(bedrock_event_facts(delta, STR(TEXT("0", "")), &f), 0);
    assert_true(!f.speaks && !f.finished && !f.unread && !f.done);
    assert_int_equal(bedrock_event_facts(delta, STR(TEXT("0", "a\\n")), &f), 0);
    assert_true(f.speaks && f.content_bytes == 2);
    assert_int_equal(
        bedrock_event_facts(delta,
                            STR(DELTA("0", "{\"reasoningContent\":{\"signature\":\"QQ==\"}}")), &f),
        0);
    assert_true(!f.speaks && f.content_bytes == 0);
    assert_int_equal(bedrock_event_facts(STR("contentBlockStart"), STR(CALL("1")), &f), 0);
    assert_true(f.speaks && f.content_bytes == 1);
    assert_int_equal(bedrock_event_facts(STR("messageStop"), STR("{\"stopReason\":\"x\"}"), &f), 0);
    assert_true(f.finished && !f.done && !f.has_error);
    assert_int_equal(bedrock_event_facts(STR("metadata"), STR("{}"), &f), 0);
    assert_true(f.done && !f.has_usage && !f.only_usage);
    assert_int_equal(bedrock_event_facts(STR("ping"), STR("word"), &f), 0);
    assert_true(f.unread);
    assert_int_equal(bedrock_event_facts(STR("metadata"), STR("{"), &f), E_UPSTREAM_BODY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_world_make, wire_world_end)
    const struct CMUnitTest tests[] = {
        TEST(answers_are_read),
        TEST(streams_are_read),
        TEST(the_sequence_that_stopped_it),
        TEST(what_is_no_answer_is_refused),
        TEST(odd_answers_are_read_as_far_as_they_go),
        TEST(every_reason_has_its_meaning),
        TEST(an_event_that_is_no_json_breaks_the_stream),
        TEST(streams_out_of_order),
        TEST(a_block_that_is_passed_over_ends),
        TEST(behind_its_end_a_stream_says_nothing),
        TEST(a_long_stream_takes_no_more_memory),
        TEST(paths_hold_model_and_manner),
        TEST(frames_become_events),
        TEST(errors_say_what_was_wrong),
        TEST(exceptions_have_their_status),
        TEST(answers_have_facts),
        TEST(events_have_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
