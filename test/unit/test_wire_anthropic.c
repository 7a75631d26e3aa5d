/*
 * test_wire_anthropic.c: Anthropic's answers, streams and errors read into the chat model and
 * written out of it. Of every case of the fixtures, what was read and written again means the
 * same, and a stream says what the whole answer beside it says.
 */
#include "http/sse.h"
#include "llm/anthropic.h"
#include "llm/wire/parts.h"
#include "wire_anthropic_world.h"

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
    char *text = yyjson_val_write(parsed(&arena, json), 0, &n);
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
    uint32_t beside; /* parts that have no form in the model, so they are not told */
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
    case EVENT_BESIDE:
        s->beside |= 1u << e->part;
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
    struct chat_answer a = answer(fixture_read(&arena, FIXTURES, "tool-one", "answer.json"));
    assert_str(a.id, STR("\"msg_01FixtureAAAAAAAAAAAAAA\""));
    assert_str(a.model, STR("\"claude-sonnet-4-5-20250929\""));
    assert_str(a.blocks->text, STR("\"I look it up.\""));
    assert_str(a.blocks->next->name, STR("\"get_weather\""));
    assert_int_equal(a.stop, STOP_CALL);
    assert_true(a.has_usage);
    assert_int_equal(a.usage.input, 380);
    assert_int_equal(a.usage.output, 61);
    assert_int_equal(a.usage.source, TOKENS_PROVIDER);
    a = answer(fixture_read(&arena, FIXTURES, "cache", "answer.json"));
    assert_int_equal(a.usage.cached, 188086);
    assert_int_equal(a.usage.cache_write, 2048);
    a = answer(fixture_read(&arena, FIXTURES, "thinking", "answer.json"));
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
        struct chat_answer a =
            answer(fixture_read(&arena, FIXTURES, rows[i].folder, "answer.json"));
        assert_int_equal(a.stop, rows[i].stop);
    }
    struct chat_answer a = answer(fixture_read(&arena, FIXTURES, "stop-sequence", "answer.json"));
    assert_str(a.stop_sequence, STR("\"two\""));
    a = answer(fixture_read(&arena, FIXTURES, "refusal", "answer.json"));
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
    assert_same_json(
        &arena, answer_written(&a),
        STR("{\"id\":\"\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"\","
            "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"},"
            "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{}}],"
            "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{"
            "\"input_tokens\":0,\"cache_creation_input_tokens\":0,"
            "\"cache_read_input_tokens\":0,\"output_tokens\":0}}"));
    struct chat_answer no = {.stop = STOP_END};
    chat_block_new(&arena, &no.blocks, BLOCK_REFUSAL)->text = STR("\"I cannot\"");
    yyjson_val *root = parsed(&arena, answer_written(&no));
    assert_str(json_get_str(root, "stop_reason"), STR("refusal"));
    struct chat_answer unsaid = {.stop = STOP_UNSAID};
    root = parsed(&arena, answer_written(&unsaid));
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
    /* Servers that do not know the prompt any more say 0; it is told as it is billed. */
    events = read_one(&reader,
                      "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"input_tokens\":0,"
                      "\"cache_read_input_tokens\":0,\"output_tokens\":31}}");
    assert_int_equal(events.at[0].usage.input, 9);
    assert_int_equal(events.at[0].usage.cached, 5);
    assert_int_equal(events.at[0].usage.output, 21);
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
        int err = wire_anthropic.error_write(&b, rows[i].status, "the_code", STR("a \"b\""),
                                             STR_NONE);
        struct str want = arena_printf(&arena,
                                       "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                                       "\"message\":\"a \\\"b\\\"\",\"code\":\"the_code\"}}",
                                       rows[i].type);
        assert_str(kept(&b, err), want);
        buf_init(&b, 4096);
        err = wire_anthropic.error_event_write(&b, 0, rows[i].status, "the_code", STR("a \"b\""));
        assert_str(kept(&b, err),
                   arena_printf(&arena, "event: error\ndata: %.*s\n\n", STR_ARGS(want)));
    }
}

/* ---- all cases ---- */

static unsigned replay_answer(const char *folder)
{
    struct str body = fixture_read(&arena, FIXTURES, folder, "answer.json");
    if (!body.p)
        return 0;
    struct chat_answer a = answer(body);
    if (a.blocks && a.stop == STOP_REFUSED) {
        a.blocks->next = NULL; /* the explanation, which is another's text and not the answer's */
    }
    yyjson_val *want = parsed(&arena, body), *got = parsed(&arena, answer_written(&a));
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
    struct str stream = fixture_read(&arena, FIXTURES, folder, "stream.txt");
    if (!stream.p)
        return 0;
    struct buf out;
    buf_init(&out, 1u << 16);
    struct str said = tell_stream(stream, &out),
               body = fixture_read(&arena, FIXTURES, folder, "answer.json");
    if (body.p) {
        struct chat_answer a = answer(body);
        assert_str(said, tell_answer(&a));
    }
    struct str again = kept(&out, 0);
    if (strcmp(folder, "refusal") != 0) /* whose explanation has become a text */
        assert_str(tell_stream(again, NULL), said);
    return 1;
}

static void what_is_unknown_in_a_stream_is_left_out(void **state)
{
    (void)state;
    struct str said = tell_stream(fixture_read(&arena, FIXTURES, "unknown", "stream.txt"), NULL);
    assert_non_null(strstr(said.p, "\n0 text=Found.\nstop 1\n"));
    said = tell_stream(fixture_read(&arena, FIXTURES, "error-stream", "stream.txt"), NULL);
    assert_non_null(strstr(said.p, "failed \"overloaded_error\" \"Overloaded\""));
}

static void every_case_means_the_same_when_written_again(void **state)
{
    assert_true(replay_all(state, replay_answer) >= 12);
    assert_true(replay_all(state, replay_stream) >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(what_is_unknown_in_a_stream_is_left_out),
        TEST(every_case_means_the_same_when_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
