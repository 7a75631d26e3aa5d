/* test_wire_gemini.c: Gemini's answers, streams and errors, as chats and as a provider's facts. */
#include "llm/gemini.h"
#include "llm/wire/gemini.h"
#include "wire_lines.h"

/* Tests run in the root of the repository. */
#define FIXTURES "test/fixture/wire/gemini"

/* Answers and streams as wire_world.h writes them; NULL where the case has none that can be read.
 */
static const struct wire_case cases[] = {
    {"text",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "text \"The sky is blue \\\"above\\\" — because of Rayleigh.\\n\"\n"
     "usage 8+0+0 12+0\n"
     "stop end\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"The sky \"\n"
     "usage 8+0+0 0+0\n"
     " delta \"is \\\"blue\\\"\"\n"
     "usage 8+0+0 3+0\n"
     " delta \".\"\n"
     "usage 8+0+0 5+0\n"
     "block end\n"
     "stop end\n"
     "end\n"},
    {"tool",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-3-flash-preview\"\n"
     "call \"fc_81__thought__CtQBAVSoXO4-aB_cD9zQ8w\" \"get_weather\" {"
     "\"city\": \"Köln\", \"days\": 2}\n"
     "usage 60+0+0 18+40\n"
     "stop call\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-3-flash-preview\"\n"
     "block call \"fc_81__thought__CtQBAVSoXO4-aB_cD9zQ8w\" \"get_weather\"\n"
     " delta \"{\\\"city\\\": \\\"Köln\\\", \\\"days\\\": 2}\"\n"
     "block end\n"
     "usage 60+0+0 18+40\n"
     "usage 60+0+0 18+40\n"
     "stop call\n"
     "end\n"},
    {"tools-parallel",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-3-pro-preview\"\n"
     "text \"Reading.\"\n"
     "call \"call_fYwnaZ2XAt-1xs0P_0__thought__CtQBAVSoXO4-aB_cD9zQ8w\""
     " \"read\" {\"n\": 0}\n"
     "call \"call_fYwnaZ2XAt-1xs0P_1\" \"read\" {\"n\": 1}\n"
     "call \"call_fYwnaZ2XAt-1xs0P_2\" \"read\" {\"n\": 2}\n"
     "call \"call_fYwnaZ2XAt-1xs0P_3\" \"read\" {\"n\": 3}\n"
     "call \"call_fYwnaZ2XAt-1xs0P_4\" \"read\" {\"n\": 4}\n"
     "call \"call_fYwnaZ2XAt-1xs0P_5\" \"read\" {\"n\": 5}\n"
     "call \"call_fYwnaZ2XAt-1xs0P_6\" \"read\" {\"n\": 6}\n"
     "usage 30+0+0 70+0\n"
     "stop call\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-3-pro-preview\"\n"
     "block text\n"
     " delta \"Reading.\"\n"
     "usage 30+0+0 2+0\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_0__thought__CtQBAVSoXO4-aB_cD9"
     "zQ8w\" \"read\"\n"
     " delta \"{\\\"n\\\": 0}\"\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_1\" \"read\"\n"
     " delta \"{\\\"n\\\": 1}\"\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_2\" \"read\"\n"
     " delta \"{\\\"n\\\": 2}\"\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_3\" \"read\"\n"
     " delta \"{\\\"n\\\": 3}\"\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_4\" \"read\"\n"
     " delta \"{\\\"n\\\": 4}\"\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_5\" \"read\"\n"
     " delta \"{\\\"n\\\": 5}\"\n"
     "block end\n"
     "block call \"call_fYwnaZ2XAt-1xs0P_6\" \"read\"\n"
     " delta \"{\\\"n\\\": 6}\"\n"
     "block end\n"
     "usage 30+0+0 70+0\n"
     "stop call\n"
     "end\n"},
    {"thinking",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-3-pro-preview\"\n"
     "thinking \"**Adding**\\n2 and 2.\"\n"
     "text \"4\"\n"
     "thinking signature \"gemini:CtQBAVSoXO4+aB/cD9zQ8w==\"\n"
     "usage 10+0+0 1+33\n"
     "stop end\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-3-pro-preview\"\n"
     "block thinking\n"
     " delta \"**Adding**\"\n"
     "usage 10+0+0 0+20\n"
     " delta \"\\n2 and 2.\"\n"
     "usage 10+0+0 0+33\n"
     "block end\n"
     "block text\n"
     " delta \"4\"\n"
     "usage 10+0+0 1+33\n"
     "block end\n"
     "block thinking\n"
     " signature \"gemini:CtQBAVSoXO4+aB/cD9zQ8w==\"\n"
     "block end\n"
     "usage 10+0+0 1+33\n"
     "stop end\n"
     "end\n"},
    {"thinking-signed",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "thinking \"Hm.\" signature \"gemini:QUJD\"\n"
     "thinking signature \"gemini:REVG\"\n"
     "text \"Yes.\"\n"
     "usage 4+0+0 2+0\n"
     "stop end\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block thinking\n"
     " delta \"Hm.\"\n"
     " signature \"gemini:QUJD\"\n"
     "block end\n"
     "block thinking\n"
     " signature \"gemini:REVG\"\n"
     "block end\n"
     "block text\n"
     " delta \"Yes.\"\n"
     "usage 4+0+0 2+0\n"
     "block end\n"
     "stop end\n"
     "end\n"},
    {"stop-length",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "text \"Once upon\"\n"
     "usage 5+0+0 2+0\n"
     "stop length\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"Once upon\"\n"
     "usage 5+0+0 2+0\n"
     "block end\n"
     "stop length\n"
     "end\n"},
    {"stop-safety",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "usage 5+0+0 0+0\n"
     "stop refused\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"First \"\n"
     "usage 5+0+0 1+0\n"
     "usage 5+0+0 1+0\n"
     "block end\n"
     "stop refused\n"
     "end\n"},
    {"stop-recitation",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "text \"It was the best\"\n"
     "beside citations in a form of its own\n"
     "usage 5+0+0 4+0\n"
     "stop refused\n",
     NULL},
    {"prompt-blocked",
     "answer id \"a1\" model \"gemini-2.5-pro\"\n"
     "usage 9+0+0 0+0\n"
     "stop refused\n",
     "begin \"a1\" \"gemini-2.5-pro\"\n"
     "usage 9+0+0 0+0\n"
     "stop refused\n"
     "end\n"},
    {"empty",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "usage 7+0+0 0+0\n"
     "stop end\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "usage 7+0+0 0+0\n"
     "usage 7+0+0 0+0\n"
     "stop end\n"
     "end\n"},
    {"usage-cached",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "text \"ok\"\n"
     "usage 800+1500+0 10+25\n"
     "stop end\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"o\"\n"
     "usage 500+1500+0 1+0\n"
     " delta \"k\"\n"
     "usage 800+1500+0 10+25\n"
     "block end\n"
     "stop end\n"
     "end\n"},
    {"error-in-stream", NULL,
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"Half\"\n"
     "usage 3+0+0 1+0\n"
     "failed \"UNAVAILABLE\" \"The model is overloaded. Please try agai"
     "n later.\"\n"},
    {"malformed-call", NULL,
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"I call\"\n"
     "usage 40+0+0 2+0\n"
     "usage 40+0+0 2+0\n"
     "failed \"MALFORMED_FUNCTION_CALL\" \"Malformed function call: pri"
     "nt(default_api.f(\"\n"},
    {"unknown-events",
     "answer id \"fYwnaZ2XAt-1xs0P\" model \"gemini-2.5-flash\"\n"
     "text \"a\"\n"
     "beside code that the provider ran\n"
     "beside a part that sluice does not know\n"
     "usage 1+0+0 1+0\n"
     "stop unsaid\n",
     "begin \"fYwnaZ2XAt-1xs0P\" \"gemini-2.5-flash\"\n"
     "block text\n"
     " delta \"a\"\n"
     "beside code that the provider ran\n"
     " delta \"b\"\n"
     "usage 1+0+0 1+0\n"
     " delta \"late\"\n"
     "usage 9+0+0 9+0\n"
     "block end\n"
     "stop end\n"
     "end\n"},
};

static struct str case_file(struct wire_world *w, const char *name, const char *file)
{
    return fixture_read(&w->arena, FIXTURES, name, file);
}

static void answers_are_read(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        answer_is_read(*state, &wire_gemini, FIXTURES, &cases[i]);
}

static void streams_are_read(void **state)
{
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str bytes = case_file(w, cases[i].name, "stream.txt");
        assert_true(!bytes.p == !cases[i].stream);
        if (bytes.p)
            assert_str(stream_lines(&wire_gemini, &w->arena, bytes, &w->lines),
                       str_from(cases[i].stream));
    }
}

/* ---- answers ---- */

static int answer_err(struct wire_world *w, const char *body, struct chat_answer *ret_answer)
{
    return wire_gemini.answer_read(str_from(body), &w->arena, ret_answer);
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"candidates\":[]}",
        "{\"candidates\":{}}",
        "{\"candidates\":[{}]",
        "[{\"candidates\":[{}]},{\"candidates\":[{}]}]",
        "{\"usageMetadata\":{\"promptTokenCount\":3}}",
        "{\"error\":{\"code\":500}}",
        "[{\"error\":{\"code\":500}}]",
        "{\"candidates\":[{}],\"error\":{\"code\":500}}",
        "{\"candidates\":[{\"finishReason\":\"UNEXPECTED_TOOL_CALL\"}]}",
        "{\"promptFeedback\":{\"safetyRatings\":[]}}"};
    struct chat_answer a;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (answer_err(*state, bodies[i], &a) != E_UPSTREAM_BODY)
            fail_msg("read: %s", bodies[i]);
}

static void odd_answers_are_read_as_far_as_they_go(void **state)
{
    static const struct {
        const char *body, *lines;
    } odd[] = {
        {"{\"candidates\":[{\"content\":null,\"finishReason\":null}],\"responseId\":5}",
         "answer\nstop unsaid\n"},
        {"{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"NEW_ONE\"}]}",
         "answer\nstop unsaid\n"},
        {"{\"candidates\":[{\"content\":{\"parts\":[7,[],{},{\"text\":9},{\"functionCall\":null},"
         "{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},{\"content\":{\"parts\":[{\"text\":\"b\"}]}"
         "}"
         "]}",
         "answer\ntext \"a\"\nbeside a part that sluice does not know\nstop end\n"},
        {"{\"candidates\":[{\"\\u0063ontent\":{\"p\\u0061rts\":[{\"te\\u0078t\":\"a\"}]}}]}",
         "answer\ntext \"a\"\nstop unsaid\n"},
        {"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{}},{\"functionCall\":"
         "{\"id\":\"\",\"name\":\"f\",\"args\":null}}]},\"finishReason\":\"STOP\"}],"
         "\"responseId\":\"not plain\"}",
         "answer id \"not plain\"\ncall \"call_0\" \"\" {}\ncall \"call_1\" \"f\" {}\nstop call\n"},
        {"{\"usageMetadata\":{\"promptTokenCount\":3,\"cachedContentTokenCount\":9,"
         "\"candidatesTokenCount\":-1},\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}]}",
         "answer\nusage 0+3+0 0+0\nstop length\n"},
    };
    struct wire_world *w = *state;
    struct chat_answer a;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        assert_int_equal(answer_err(w, odd[i].body, &a), 0);
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
        {"\"STOP\"", STOP_END, false},
        {"\"MAX_TOKENS\"", STOP_LENGTH, false},
        {"\"SAFETY\"", STOP_REFUSED, false},
        {"\"RECITATION\"", STOP_REFUSED, false},
        {"\"LANGUAGE\"", STOP_REFUSED, false},
        {"\"BLOCKLIST\"", STOP_REFUSED, false},
        {"\"SPII\"", STOP_REFUSED, false},
        {"\"PROHIBITED_CONTENT\"", STOP_REFUSED, false},
        {"\"OTHER\"", STOP_UNSAID, true},
        {"\"IMAGE_SAFETY\"", STOP_REFUSED, false},
        {"\"NO_IMAGE\"", STOP_UNSAID, true},
        {"\"IMAGE_OTHER\"", STOP_UNSAID, true},
        {"\"FINISH_REASON_UNSPECIFIED\"", STOP_UNSAID, false},
        {"\"NEW_ONE\"", STOP_UNSAID, false},
        {"\"MALFORMED_FUNCTION_CALL\"", 0, true},
        {"\"MALFORMED_RESPONSE\"", 0, true},
        {"\"UNEXPECTED_TOOL_CALL\"", 0, true},
        {"\"TOO_MANY_TOOL_CALLS\"", 0, true},
        {"\"MISSING_THOUGHT_SIGNATURE\"", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        struct str string = str_from(reasons[i].string);
        assert_int_equal(gemini_stop(string, false), reasons[i].stop);
        assert_int_equal(gemini_is_broken(string), reasons[i].broken);
    }
    assert_int_equal(gemini_stop(STR("\"STOP\""), true), STOP_CALL);
    assert_int_equal(gemini_stop(STR("\"MAX_TOKENS\""), true), STOP_LENGTH);
    assert_int_equal(gemini_stop(STR_NONE, true), STOP_UNSAID);
}

static void signatures_fit_into_ids(void **state)
{
    static const struct {
        const char *signature, *id;
    } ids[] = {
        {"", "\"x\""},
        {"a+/9==", "\"x__thought__a-_9\""},
        {"a\\u002B\\/\\u003d=", "\"x__thought__a-_\""},
        {"a-_9", "\"x__thought__a-_9\""},
        {"a b", "\"x\""},
        {"a\\n", "\"x\""},
        {"a\\u0041", "\"x\""},
    };
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct gemini_part part = {.kind = PART_CALL, .id = STR("\"x\"")};
        if (ids[i].signature[0])
            part.signature = arena_printf(&w->arena, "\"%s\"", ids[i].signature);
        buf_clear(&w->lines);
        assert_int_equal(gemini_put_id(&w->lines, &part, STR("\"r\""), 0), 0);
        assert_str(buf_view(&w->lines), str_from(ids[i].id));
    }
}

/* ---- streams ---- */

#define PIECE(parts) "{\"candidates\":[{\"content\":{\"parts\":[" parts "]}}]}"

static struct str event_text(struct wire_world *w, struct wire_state *s, const char *data)
{
    buf_clear(&w->lines);
    assert_int_equal(event_lines(&wire_gemini, s, STR_NONE, str_from(data), &w->lines), 0);
    return buf_view(&w->lines);
}

static void an_event_that_is_no_json_breaks_the_stream(void **state)
{
    struct wire_world *w = *state;
    struct chat_events events;
    static const char *const broken[] = {"{", "word", "[1]", "{\"candidates\":[{]}"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct wire_state s = {.arena = &w->arena};
        assert_int_equal(wire_gemini.event_read(&s, STR_NONE, str_from(broken[i]), &events),
                         E_UPSTREAM_BODY);
        assert_str(event_text(w, &s, PIECE("{\"text\":\"a\"}")),
                   STR("begin\nblock text\n delta \"a\"\n"));
    }
}

/* Older models, and servers that speak like Gemini's, have a finishReason in every event. */
static void a_reason_is_told_when_the_stream_has_ended(void **state)
{
    static const struct {
        const char *stream, *lines;
    } streams[] = {
        {"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
         "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,"
         "\"candidatesTokenCount\":1}}\n\n"
         "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},"
         "\"finishReason\":\"STOP\"}]}\n\n"
         "data: {\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2}}\n\n",
         "begin\nblock text\n delta \"a\"\nusage 3+0+0 1+0\n delta \"b\"\nusage 3+0+0 2+0\n"
         "block end\nstop end\nend\n"},
        {"data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"
         "data: {\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}]}\n\n"
         "data: {\"candidates\":[{}]}\n\n",
         "begin\nstop length\nend\n"},
        {"data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"
         "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":"
         "{\"name\":\"f\"}}]}}]}\n\n",
         "begin\nblock call \"call_0\" \"f\"\n delta \"{}\"\nblock end\nstop call\nend\n"},
    };
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        assert_str(stream_lines(&wire_gemini, &w->arena, str_from(streams[i].stream), &w->lines),
                   str_from(streams[i].lines));
}

static void behind_an_error_a_stream_says_nothing(void **state)
{
    struct wire_world *w = *state;
    struct wire_state failed = {.arena = &w->arena};
    assert_str(event_text(w, &failed, "[{\"error\":{\"code\":1}}]"),
               STR("failed \"UNKNOWN\" \"an error without words\"\n"));
    assert_str(event_text(w, &failed, PIECE("{\"text\":\"a\"}")), STR(""));
    end_lines(&wire_gemini, &failed, &w->lines);
    assert_str(buf_view(&w->lines), STR(""));
}

static void one_read_gives_no_more_than_there_is_room_for(void **state)
{
    struct wire_world *w = *state;
    struct wire_state s = {.arena = &w->arena};
    struct buf data;
    buf_init(&data, 1u << 16);
    buf_str(&data, STR("{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{\"parts\":["));
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&data, "%s{\"functionCall\":{\"name\":\"f%u\"}}", i ? "," : "", i);
    buf_str(&data, STR("]}}]}"));
    unsigned reads = 0, begun = 0;
    do {
        struct chat_events events;
        assert_int_equal(wire_gemini.event_read(&s, STR_NONE, buf_view(&data), &events), 0);
        assert_true(events.n > 0 && events.n <= CHAT_EVENTS_MAX);
        for (unsigned i = 0; i < events.n; i++)
            begun += events.at[i].kind == EVENT_BLOCK_BEGIN;
        reads++;
    } while (s.again);
    assert_true(reads > 1);
    assert_int_equal(begun, 100);
    buf_fini(&data);
}

static void a_long_stream_takes_no_more_memory(void **state)
{
    struct wire_world *w = *state;
    struct wire_state s = {.arena = &w->arena};
    size_t held = 0;
    for (unsigned i = 0; i < 5000; i++) {
        (void)event_text(w, &s,
                         PIECE("{\"text\":\"a\"},{\"functionCall\":{\"name\":\"f\",\"args\":"
                               "{\"x\":\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"}},"
                               "\"thoughtSignature\":\"QUJD\"},"
                               "{\"text\":\"b\",\"thoughtSignature\":\"QUJD\"}"));
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
        {"gemini-2.5-flash", false, "/models/gemini-2.5-flash:generateContent"},
        {"gemini-2.5-flash", true, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"},
        {"tunedModels/a b", false, "/tunedModels/a%20b:generateContent"},
        {"models/x", false, "/models/x:generateContent"},
        {"tunedModels/x", false, "/tunedModels/x:generateContent"},
        {"models/../../v1alpha/x", false, "/models/..%2F..%2Fv1alpha%2Fx:generateContent"},
        {"../cachedContents/x", false, "/models/..%2FcachedContents%2Fx:generateContent"},
        {"x?key=1#\xc3\xbc:", false, "/models/x%3Fkey%3D1%23%C3%BC%3A:generateContent"},
    };
    struct wire_world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct str path;
        assert_int_equal(gemini_path(str_from(paths[i].model), paths[i].stream, &w->arena, &path),
                         0);
        assert_str(path, str_from(paths[i].path));
    }
}

static void errors_say_whose_fault_it_was(void **state)
{
    struct wire_world *w = *state;
    struct llm_facts f;
    assert_int_equal(gemini_answer_facts(case_file(w, "error-key", "error.json"), &f), 0);
    assert_true(f.has_error && !f.has_choices);
    assert_int_equal(f.error_status, 401);
    assert_int_equal(gemini_answer_facts(case_file(w, "error-list", "error.json"), &f), 0);
    assert_true(f.has_error);
    assert_int_equal(f.error_status, 429);
    assert_str(f.error_text, STR("You exceeded your current quota."));
    assert_int_equal(gemini_answer_facts(case_file(w, "malformed-call", "answer.json"), &f), 0);
    assert_true(f.has_error && f.has_usage);
    assert_int_equal(f.error_status, 0);
    assert_str(f.error_text, STR("Malformed function call: print(default_api.f("));
    assert_int_equal(gemini_answer_facts(STR("{}"), &f), E_UPSTREAM_BODY);
    assert_int_equal(gemini_answer_facts(STR("word"), &f), E_UPSTREAM_BODY);
}

static void answers_have_facts(void **state)
{
    struct wire_world *w = *state;
    struct llm_facts f;
    assert_int_equal(gemini_answer_facts(case_file(w, "usage-cached", "answer.json"), &f), 0);
    assert_true(f.has_usage && f.finished && f.speaks && !f.has_error && !f.only_usage);
    assert_int_equal(f.content_bytes, 2);
    assert_int_equal(tokens_prompt(&f.usage), 2300);
    assert_int_equal(tokens_completion(&f.usage), 35);
    assert_int_equal(gemini_answer_facts(case_file(w, "prompt-blocked", "answer.json"), &f), 0);
    assert_true(f.finished && !f.speaks && !f.has_error);
    assert_int_equal(gemini_answer_facts(case_file(w, "tool", "answer.json"), &f), 0);
    assert_true(f.speaks);
    assert_int_equal(f.content_bytes, 11 + 28);
}

static void events_have_facts(void **state)
{
    (void)state;
    struct llm_facts f;
    assert_int_equal(gemini_event_facts(STR_NONE, STR(PIECE("{\"text\":\"\"}")), &f), 0);
    assert_true(!f.speaks && !f.finished && !f.unread);
    assert_int_equal(
        gemini_event_facts(STR_NONE, STR(PIECE("{\"thoughtSignature\":\"QQ==\"}")), &f), 0);
    assert_false(f.speaks);
    assert_int_equal(gemini_event_facts(STR_NONE, STR(PIECE("{\"inlineData\":{}}")), &f), 0);
    assert_true(f.speaks);
    assert_int_equal(gemini_event_facts(STR("ping"), STR("{}"), &f), 0);
    assert_true(f.unread);
    assert_int_equal(gemini_event_facts(STR_NONE, STR(" "), &f), 0);
    assert_true(f.unread);
    assert_int_equal(gemini_event_facts(STR_NONE, STR("{"), &f), E_UPSTREAM_BODY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, wire_world_make, wire_world_end)
    const struct CMUnitTest tests[] = {
        TEST(answers_are_read),
        TEST(streams_are_read),
        TEST(what_is_no_answer_is_refused),
        TEST(odd_answers_are_read_as_far_as_they_go),
        TEST(every_reason_has_its_meaning),
        TEST(signatures_fit_into_ids),
        TEST(an_event_that_is_no_json_breaks_the_stream),
        TEST(a_reason_is_told_when_the_stream_has_ended),
        TEST(behind_an_error_a_stream_says_nothing),
        TEST(one_read_gives_no_more_than_there_is_room_for),
        TEST(a_long_stream_takes_no_more_memory),
        TEST(paths_hold_model_and_manner),
        TEST(errors_say_whose_fault_it_was),
        TEST(answers_have_facts),
        TEST(events_have_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
