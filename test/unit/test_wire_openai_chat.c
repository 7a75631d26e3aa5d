/* test_wire_openai_chat.c: OpenAI's chat completions, to and from the chat model. */
#include "http/sse.h"
#include "wire_world.h"

/* Tests run in the root of the repository. */
#define FIXTURES "test/fixture/wire/openai_chat"
#define MODEL    "\"model\":\"m\","

static const struct wire *const wire = &wire_openai_chat;

struct world {
    struct arena arena;
    struct buf out;
    struct fault fault;
    struct chat_request request;
    struct chat_answer answer;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    arena_init(&w->arena, 16u << 20);
    buf_init(&w->out, 16u << 20);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    buf_fini(&w->out);
    arena_fini(&w->arena);
    free(w);
    return 0;
}

static struct chat_request *request(struct world *w, struct str body)
{
    fault_clear(&w->fault);
    if (wire->request_read(body, &w->arena, &w->request, &w->fault) != 0)
        fail_msg("refused: %s\n%.*s", w->fault.text, STR_ARGS(body));
    return &w->request;
}

static struct chat_request *chat(struct world *w, const char *members)
{
    return request(w, arena_printf(&w->arena, "{" MODEL "%s}", members));
}

static struct chat_answer *answer(struct world *w, struct str body)
{
    if (wire->answer_read(body, &w->arena, &w->answer) != 0)
        fail_msg("refused: %.*s", STR_ARGS(body));
    return &w->answer;
}

static struct str written(struct world *w, const struct chat_request *r)
{
    buf_clear(&w->out);
    assert_int_equal(wire->request_write(r, &w->out, &w->fault), 0);
    return arena_str(&w->arena, buf_view(&w->out));
}

/* ---- streams, in short ---- */

static const char kind_letters[] = "TIDACRHXFO"; /* by enum chat_block_kind, for eyes */

/* "begin(id) T{text text} C(id name){input} stop:call end", strings without quotes. */
static void event_show(struct buf *to, const struct chat_event *e)
{
    struct str text = e->text.n ? json_string_raw(e->text) : STR_NONE;
    struct str id = e->id.n ? json_string_raw(e->id) : STR_NONE;
    struct str name = e->name.n ? json_string_raw(e->name) : STR_NONE;
    if (to->n && e->kind != EVENT_DELTA && e->kind != EVENT_BLOCK_END && e->kind != EVENT_SIGNATURE)
        buf_char(to, ' ');
    switch (e->kind) {
    case EVENT_BEGIN:
        buf_printf(to, "begin(%.*s)", STR_ARGS(id));
        break;
    case EVENT_BLOCK_BEGIN:
        buf_char(to, kind_letters[e->block]);
        if (e->block == BLOCK_CALL)
            buf_printf(to, "(%.*s %.*s)", STR_ARGS(id), STR_ARGS(name));
        if (e->block == BLOCK_IMAGE)
            buf_printf(to, "(%.*s)", STR_ARGS(name));
        buf_printf(to, "{%.*s", STR_ARGS(text));
        break;
    case EVENT_DELTA:
        buf_printf(to, "|%.*s", STR_ARGS(text));
        break;
    case EVENT_SIGNATURE:
        buf_printf(to, "#%.*s", STR_ARGS(text));
        break;
    case EVENT_CITED:
        buf_printf(to, "[%d-%d %.*s %.*s]", (int)e->from, (int)e->to, STR_ARGS(text),
                   STR_ARGS(name));
        break;
    case EVENT_BESIDE:
        buf_printf(to, "beside(%s)", chat_answer_text(e->part));
        break;
    case EVENT_BLOCK_END:
        buf_char(to, '}');
        break;
    case EVENT_USAGE:
        buf_printf(to, "usage:%d+%d+%d/%d+%d", (int)e->usage.input, (int)e->usage.cached,
                   (int)e->usage.cache_write, (int)e->usage.output, (int)e->usage.reasoning);
        break;
    case EVENT_STOPPED:
        buf_printf(to, "stop:%s", stop_name(e->stop));
        break;
    case EVENT_END:
        buf_printf(to, "end");
        break;
    case EVENT_FAILED:
        buf_printf(to, "failed(%.*s: %.*s)", STR_ARGS(name), STR_ARGS(text));
        break;
    }
}

/* A stream's events in short, and behind them ERROR where it was refused. Writes them anew, too. */
struct crossing {
    struct wire_state reader, writer;
    struct buf shown;
    int err;
};

static void crossing_init(struct crossing *c, struct world *w)
{
    *c = (struct crossing){
        .reader = {.arena = &w->arena},
        .writer = {.arena = &w->arena, .model = STR("shown"), .wants_usage = true}};
    buf_init(&c->shown, 4u << 20);
    buf_clear(&w->out);
}

static void cross_event(struct crossing *c, struct world *w, struct str name, struct str data)
{
    struct chat_events events = {0};
    if (!c->err)
        c->err = wire->event_read(&c->reader, name, data, &events);
    if (c->err) {
        buf_printf(&c->shown, " %s", err_code(c->err));
        return;
    }
    for (unsigned i = 0; i < events.n; i++) {
        event_show(&c->shown, &events.at[i]);
        assert_int_equal(wire->event_write(&c->writer, &events.at[i], &w->out), 0);
    }
}

static struct str crossing_shown(struct crossing *c, struct world *w)
{
    struct str shown = arena_str(&w->arena, buf_view(&c->shown));
    buf_fini(&c->shown);
    return shown;
}

static struct str cross_stream(struct world *w, struct str stream)
{
    struct crossing c;
    struct sse sse;
    struct sse_event event;
    crossing_init(&c, w);
    sse_init(&sse, 1u << 20);
    sse_feed(&sse, stream);
    while (sse_next(&sse, &event) == 0 && event.raw.n > 0)
        if (!event.is_comment)
            cross_event(&c, w, event.name, event.data);
    sse_fini(&sse);
    return crossing_shown(&c, w);
}

/* One event a line. */
static struct str cross_lines(struct world *w, const char *lines)
{
    struct crossing c;
    struct str rest = str_from(lines);
    crossing_init(&c, w);
    while (rest.p && !c.err)
        cross_event(&c, w, STR_NONE, str_cut(&rest, '\n'));
    return crossing_shown(&c, w);
}

/* ---- the fixtures ---- */

static const struct fixture {
    const char *name;
    const char *messages; /* of the request: role and blocks, "u:T a:TC" */
    const char *answer;   /* blocks, stop, usage */
    const char *stream;   /* events in short */
} fixtures[] = {
    {"text", "d:T u:T", "T end 12+0+0/7+0",
     "begin(chatcmpl-0001) T{|Paris – |“la Ville\\nLumière”.} stop:end usage:12+0+0/7+0 end"},
    {"one-tool", "u:T", "C call 12+0+0/7+0",
     "begin(chatcmpl-0001) C(call_a weather){|{\\\"pla|ce\\\": \\\"Oslo\\\"}} stop:call "
     "usage:12+0+0/7+0 end"},
    {"parallel-tools", "u:T a:TCC u:RR u:T", "TCC call 12+0+0/7+0",
     "begin(chatcmpl-0001) T{|I will look.} C(call_a weather){|{\\\"place\\\":\\\"Oslo\\\"}} "
     "C(call_b weather){} stop:call usage:12+0+0/7+0 end"},
    {"tool-error", "u:T a:C u:R", NULL, NULL},
    {"image", "u:TII", NULL, NULL},
    {"files-and-sound", "u:DDA", NULL, NULL},
    {"formats", "s:T u:T s:T u:T", NULL, NULL},
    {"thinking", "u:T a:HT u:T", "HT end 20+0+0/10+30",
     "begin(chatcmpl-0001) H{|Compare the tenths: |1 < 8.} T{|9.8 is |greater.} stop:end "
     "usage:20+0+0/10+30 end"},
    {"thinking-blocks", "u:T a:HXC u:R", "HXT end 12+0+0/7+0",
     "begin(chatcmpl-0001) H{|Look |first.#EqoBCkgIARAB} X{EmwKAhgBEgy3} T{|Cold.} stop:end "
     "usage:12+0+0/7+0 end"},
    {"length", NULL, "TC length 12+0+0/7+0",
     "begin(chatcmpl-0001) T{|Paris is} stop:length usage:12+0+0/7+0 end"},
    {"content-filter", NULL, "T refused 12+0+0/7+0",
     "begin(chatcmpl-0001) T{|As} stop:refused usage:12+0+0/7+0 end"},
    {"refusal", "u:T a:F u:T a:TF u:T", "F refused 12+0+0/7+0",
     "begin(chatcmpl-0001) F{|I cannot |help with that.} stop:refused usage:12+0+0/7+0 end"},
    {"empty", "u: a: u:T", " end 12+0+0/0+0", "begin(chatcmpl-0001) stop:end usage:12+0+0/0+0 end"},
    {"usage-cache", NULL, "T end 464+1024+512/6+4",
     "begin(chatcmpl-0001) T{|Yes.} stop:end usage:464+1024+512/6+4 end"},
    {"error-mid-stream", NULL, NULL,
     "begin(chatcmpl-0001) T{|Par failed(server_error: The server had an error while processing "
     "your request.)"},
    {"unknown-events", NULL, NULL, "begin(chatcmpl-0001) T{|Paris} stop:end end"},
    {"loose-server", NULL, "CC call 12+0+0/7+0",
     "begin(chatcmpl-0001) C(call_a weather){|{\\\"place\\\":\\\"Oslo\\\"}} C(call_b clock){|{}} "
     "stop:call end"},
    {"not-carried", "u:T a: u:TO a:C u:R", NULL, NULL},
    {"rate-limit", NULL, NULL, NULL},
};

static void blocks_show(struct buf *to, const struct chat_block *b)
{
    for (; b; b = b->next)
        buf_char(to, kind_letters[b->kind]);
}

static struct str messages_show(struct world *w, const struct chat_request *r)
{
    struct buf to;
    buf_init(&to, 4096);
    for (const struct chat_message *m = r->messages; m; m = m->next) {
        buf_printf(&to, "%s%c:", to.n ? " " : "", "sdua"[m->role]);
        blocks_show(&to, m->blocks);
    }
    struct str shown = arena_str(&w->arena, buf_view(&to));
    buf_fini(&to);
    return shown;
}

static struct str answer_show(struct world *w, const struct chat_answer *a)
{
    struct buf to;
    buf_init(&to, 4096);
    blocks_show(&to, a->blocks);
    buf_printf(&to, " %s %d+%d+%d/%d+%d", stop_name(a->stop), (int)a->usage.input,
               (int)a->usage.cached, (int)a->usage.cache_write, (int)a->usage.output,
               (int)a->usage.reasoning);
    struct str shown = arena_str(&w->arena, buf_view(&to));
    buf_fini(&to);
    return shown;
}

/* Written and read again it is the same, and so is what is written of that. */
static void request_again(struct world *w, const char *messages)
{
    struct str first = written(w, &w->request);
    assert_str(messages_show(w, request(w, first)), str_from(messages));
    assert_str(written(w, &w->request), first);
}

static void answer_again(struct world *w, const char *shown)
{
    buf_clear(&w->out);
    assert_int_equal(wire->answer_write(&w->answer, &w->out), 0);
    struct str first = arena_str(&w->arena, buf_view(&w->out));
    (void)parsed(&w->arena, first);
    assert_str(answer_show(w, answer(w, first)), str_from(shown));
    buf_clear(&w->out);
    assert_int_equal(wire->answer_write(&w->answer, &w->out), 0);
    assert_str(buf_view(&w->out), first);
}

static void every_fixture_is_read_and_written(void **state)
{
    struct world *w = *state;
    unsigned read = 0;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        const struct fixture *f = &fixtures[i];
        struct str body = fixture_read(&w->arena, FIXTURES, f->name, "request.json");
        assert_true(fixture_read(&w->arena, FIXTURES, f->name, "about.txt").n > 0);
        assert_true((body.n > 0) == (f->messages != NULL));
        if (body.n) {
            assert_str(messages_show(w, request(w, body)), str_from(f->messages));
            /* What is signed by another is not written: see below. */
            request_again(w, strcmp(f->name, "thinking-blocks") ? f->messages : "u:T a:C u:R");
            read++;
        }
        body = fixture_read(&w->arena, FIXTURES, f->name, "answer.json");
        assert_true((body.n > 0) == (f->answer != NULL));
        if (body.n) {
            assert_str(answer_show(w, answer(w, body)), str_from(f->answer));
            if (strcmp(f->name, "length") != 0) /* whose call was cut off: that is not written */
                answer_again(w, f->answer);
            read++;
        }
        body = fixture_read(&w->arena, FIXTURES, f->name, "stream.txt");
        assert_true((body.n > 0) == (f->stream != NULL));
        if (body.n) {
            assert_str(cross_stream(w, body), str_from(f->stream));
            struct str first = arena_str(&w->arena, buf_view(&w->out));
            (void)cross_stream(w, first);
            assert_str(buf_view(&w->out), first);
            read++;
        }
    }
    assert_int_equal(read, 36);
    struct chat_answer a;
    struct str error = fixture_read(&w->arena, FIXTURES, "rate-limit", "error.json");
    assert_int_equal(wire->answer_read(error, &w->arena, &a), E_UPSTREAM_BODY);
}

/* ---- requests ---- */

static void a_request_field_by_field(void **state)
{
    struct world *w = *state;
    struct chat_request *r = request(w, fixture_read(&w->arena, FIXTURES, "text", "request.json"));
    assert_str(r->model, STR("gpt-5-mini"));
    assert_true(r->stream && r->wants_usage && r->max_tokens_new);
    assert_int_equal(r->max_tokens, 200);
    assert_str(r->stop->text, STR("\"\\n\\n\""));
    assert_str(r->params[CHAT_TEMPERATURE], STR("0.2"));
    assert_str(r->params[CHAT_USER], STR("\"u-1\""));
    assert_true(chat_has(r, CHAT_DEVELOPER) && chat_has(r, CHAT_SYSTEM));
    assert_false(chat_has(r, CHAT_FREQUENCY_PENALTY) || chat_has(r, CHAT_CHOICES));
    assert_false(chat_has(r, CHAT_TEMPERATURE_HIGH) || chat_has(r, CHAT_OTHER_MEMBER));

    r = request(w, fixture_read(&w->arena, FIXTURES, "formats", "request.json"));
    assert_int_equal(r->format, FORMAT_SCHEMA);
    assert_str(r->schema_name, STR("\"city\""));
    assert_str(r->schema_strict, STR("true"));
    assert_true(json_is_object(r->schema) && r->schema_description.n);
    assert_int_equal(r->thinking, THINK_OFF);
    assert_str(r->params[CHAT_EFFORT], STR("\"none\""));
    assert_true(chat_has(r, CHAT_THINKING_OFF) && chat_has(r, CHAT_SYSTEM_LATER));
    assert_true(!r->max_tokens_new && r->max_tokens == 100);
    assert_false(r->messages->is_string);
    assert_true(r->messages->next->is_string);

    r = request(w, fixture_read(&w->arena, FIXTURES, "one-tool", "request.json"));
    assert_str(r->tools->name, STR("\"weather\""));
    assert_str(r->tools->strict, STR("true"));
    assert_true(json_is_object(r->tools->schema) && r->tools->description.n);
    assert_int_equal(r->tool_choice, CHOOSE_AUTO);
    assert_true(r->tools_serial);
    assert_str(r->tools_parallel, STR("false"));
}

static void tools_messages_are_results(void **state)
{
    struct world *w = *state;
    struct chat_request *r =
        request(w, fixture_read(&w->arena, FIXTURES, "parallel-tools", "request.json"));
    assert_int_equal(r->tool_choice, CHOOSE_NAMED);
    assert_str(r->tool_named, STR("\"weather\""));
    struct chat_block *call = r->messages->next->blocks->next;
    assert_str(call->id, STR("\"call_a\""));
    assert_str(call->name, STR("\"weather\""));
    assert_str(call->input, STR("{\"place\":\"Oslo\"}"));
    struct chat_message *results = r->messages->next->next;
    assert_int_equal(results->role, ROLE_USER);
    assert_true(results->blocks->result_is_string);
    assert_str(results->blocks->id, STR("\"call_a\""));
    assert_str(results->blocks->result->text, STR("\"-3 °C\""));
    struct chat_block *second = results->blocks->next;
    assert_false(second->result_is_string);
    assert_str(second->result->next->text, STR("\"rain\""));
    assert_null(second->next);
    assert_true(results->next->is_string); /* the user's own message */

    /* Each call's results stand behind it. */
#define TURN                                                                                       \
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\"}}]},"      \
    "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"}"
    r = chat(w, "\"messages\":[" TURN "," TURN "]");
    assert_str(messages_show(w, r), STR("a:C u:R a:C u:R"));
}

static void media_are_understood(void **state)
{
    struct world *w = *state;
    struct chat_request *r = request(w, fixture_read(&w->arena, FIXTURES, "image", "request.json"));
    struct chat_block *b = r->messages->blocks->next;
    assert_int_equal(b->media.form, MEDIA_BASE64);
    assert_str(b->media.type, STR("image/png"));
    assert_str(b->media.data, STR("\"iVBORw0KGgo=\""));
    assert_str(b->media.detail, STR("\"low\""));
    assert_int_equal(b->next->media.form, MEDIA_URL);
    assert_true(chat_has(r, CHAT_IMAGE) && chat_has(r, CHAT_IMAGE_URL));

    r = request(w, fixture_read(&w->arena, FIXTURES, "files-and-sound", "request.json"));
    b = r->messages->blocks;
    assert_str(b->media.type, STR("application/pdf"));
    assert_str(b->media.name, STR("\"a.pdf\""));
    assert_int_equal(b->next->media.form, MEDIA_FILE_ID);
    assert_str(b->next->next->media.type, STR("audio/wav"));
    assert_str(r->messages->name, STR("\"Ada\""));
    assert_true(chat_has(r, CHAT_DOCUMENT) && chat_has(r, CHAT_FILE_ID) && chat_has(r, CHAT_AUDIO));

    r = chat(w, "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{"
                "\"file_data\":\"JVBERi0=\",\"filename\":\"a\"}},{\"type\":\"file\",\"file\":{"
                "\"file_data\":\"https:\\/\\/example.com\"}}]}]");
    assert_int_equal(r->messages->blocks->media.form, MEDIA_BASE64);
    assert_int_equal(r->messages->blocks->next->media.form, MEDIA_URL);
}

static void thinking_of_a_client(void **state)
{
    struct world *w = *state;
    struct chat_request *r =
        request(w, fixture_read(&w->arena, FIXTURES, "thinking-blocks", "request.json"));
    struct chat_block *b = r->messages->next->blocks;
    assert_str(b->text, STR("\"Look first.\""));
    assert_str(b->signature, STR("\"EqoBCkgIARAB\""));
    assert_str(b->next->text, STR("\"EmwKAhgBEgy3\""));
    assert_true(chat_has(r, CHAT_THINKING) && chat_has(r, CHAT_THINKING_HIDDEN));
    /* As a client puts it together from a stream's pieces. */
    r = chat(w, "\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":"
                "\"Hm.\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\","
                "\"signature\":\"s\"}]},{\"role\":\"user\",\"content\":\"y\"}]");
    assert_str(messages_show(w, r), STR("a:HT u:T"));
    assert_str(r->messages->blocks->text, STR("\"Hm.\""));
}

/* What is not known is kept, and seen. */
static void others_are_noted(void **state)
{
    struct world *w = *state;
    struct chat_request *r =
        request(w, fixture_read(&w->arena, FIXTURES, "not-carried", "request.json"));
    static const enum chat_feature has[] = {
        CHAT_CHOICES,      CHAT_LOGPROBS, CHAT_TOP_LOGPROBS,     CHAT_OTHER_BLOCK,
        CHAT_OTHER_MEMBER, CHAT_TOP_K,    CHAT_TOOL_OF_PROVIDER, CHAT_USER};
    for (size_t i = 0; i < ARRAY_LEN(has); i++)
        assert_true(chat_has(r, has[i]));
    assert_int_equal(r->tool_choice, CHOOSE_UNSAID);
    assert_int_equal(r->thinking, THINK_UNSAID);
    assert_same_json(
        &w->arena, written(w, r),
        STR("{\"model\":\"gpt-5-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},"
            "{\"role\":\"assistant\",\"content\":null,\"audio\":{\"id\":\"audio_1\"}},"
            "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hm\","
            "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}},{\"type\":\"video_url\","
            "\"video_url\":{\"url\":\"https://example.com/v\"}}]},{\"role\":\"assistant\","
            "\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"custom\",\"custom\":{"
            "\"name\":\"sql\",\"input\":\"select 1\"}}]},{\"role\":\"tool\","
            "\"tool_call_id\":\"c1\",\"content\":\"1\"}],\"tools\":[{\"type\":\"custom\","
            "\"custom\":{\"name\":\"sql\"}}],\"n\":2,\"logprobs\":true,\"top_logprobs\":2,"
            "\"top_k\":40,\"min_p\":0.1,\"tool_choice\":{\"type\":\"allowed_tools\","
            "\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}},\"modalities\":[\"text\","
            "\"audio\"],\"audio\":{\"voice\":\"ash\",\"format\":\"wav\"},\"user\":\"s-1\","
            "\"stream\":true,\"stream_options\":{\"include_usage\":true,"
            "\"continuous_usage_stats\":true}}"));
}

static void what_says_more_stays_as_it_stood(void **state)
{
    struct world *w = *state;
    struct chat_request *r =
        chat(w, "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
                "\"refusal\":\"b\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a\","
                "\"odd\":1}}]}]");
    assert_str(messages_show(w, r), STR("u:OO"));
    assert_true(chat_has(r, CHAT_OTHER_BLOCK));
    r = chat(w, "\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"odd\":1}}]");
    assert_true(r->tools->whole.n && chat_has(r, CHAT_OTHER_MEMBER));
    r = chat(w, "\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"cache_control\":{}}},{\"type\":\"function\",\"cache_control\":{\"type\":\"x\"},"
                "\"function\":{\"name\":\"g\"}}]");
    assert_str(r->tools->cache_control, STR("{}"));
    assert_str(r->tools->next->cache_control, STR("{\"type\":\"x\"}"));
    assert_false(chat_has(r, CHAT_OTHER_MEMBER) || chat_has(r, CHAT_TOOL_OF_PROVIDER));
}

/* Members that libraries send though they say nothing. */
static void what_says_nothing_is_not_given(void **state)
{
    struct world *w = *state;
    struct chat_request *r =
        chat(w, "\"frequency_penalty\":0,\"presence_penalty\":0.0,\"logit_bias\":{ },"
                "\"logprobs\":false,\"top_logprobs\":0,\"store\":false,\"n\":1,\"tools\":[],"
                "\"stop\":null,\"temperature\":null,\"odd\":null,\"functions\":null,"
                "\"stream_options\":{\"include_obfuscation\":false},\"messages\":[{\"role\":"
                "\"assistant\",\"content\":\"a\",\"refusal\":null,\"annotations\":[],"
                "\"audio\":null,\"function_call\":null,\"tool_calls\":null,"
                "\"reasoning_content\":null,\"thinking_blocks\":null},"
                "{\"role\":\"user\",\"content\":\"b\"}]");
    assert_int_equal(r->features, 0);
    assert_null(r->others);
    assert_str(written(w, r), STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\","
                                  "\"content\":\"a\"},{\"role\":\"user\",\"content\":\"b\"}]}"));
}

static void same_again(void **state)
{
    struct world *w = *state;
    static const char *const cases[] = {"parallel-tools", "tool-error",      "image",
                                        "thinking",       "files-and-sound", "formats"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str body = fixture_read(&w->arena, FIXTURES, cases[i], "request.json");
        assert_same_json(&w->arena, written(w, request(w, body)), body);
    }
    static const char *const bodies[] = {
        "\"messages\":[]",
        "\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"a\","
        "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": "
        "[1]}\"}}]}]",
        "\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"refusal\":\"no\"}]",
        "\"messages\":[{\"role\":\"user\",\"content\":\"\\ud83d\\ude00 \\\"\\n\",\"odd\":[1]}]",
        "\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"x\":1}}]",
        "\"messages\":[],\"tools\":[{\"type\":\"function\",\"x\":1,\"function\":{\"name\":\"f\"}}]",
        "\"messages\":[],\"tool_choice\":\"none\",\"parallel_tool_calls\":true",
        "\"messages\":[],\"tool_choice\":\"any\",\"response_format\":{\"type\":\"grammar\"}",
        "\"messages\":[],\"response_format\":{\"type\":\"text\"},\"temperature\":1.5,\"top_p\":1e-"
        "1",
        "\"messages\":[],\"response_format\":{\"type\":\"json_object\"},\"stop\":[\"a\",\"b\"]",
        "\"messages\":[],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
        "\"a\",\"odd\":1}},\"prediction\":{\"type\":\"content\"},\"web_search_options\":{}",
        "\"messages\":[],\"user\":\"a\",\"safety_identifier\":\"b\",\"seed\":-1,\"n\":3",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct str body = arena_printf(&w->arena, "{" MODEL "%s}", bodies[i]);
        assert_same_json(&w->arena, written(w, request(w, body)), body);
    }
}

/* All that reading and writing again changes, pair by pair. */
static void what_changes(void **state)
{
    struct world *w = *state;
    static const char *const pairs[][2] = {
        {"\"messages\":[],\"stop\":\"a\"", "\"messages\":[],\"stop\":[\"a\"]"},
        {"\"messages\":[],\"stream\":false,\"n\":1", "\"messages\":[]"},
        {"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
         "\"url\":"
         "\"http://x/y.png\",\"detail\":\"auto\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
         "\"url\":"
         "\"http://x/y.png\"}}]}]"},
        {"\"messages\":[],\"safety_identifier\":\"a\"", "\"messages\":[],\"user\":\"a\""},
        {"\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":"
         "\"no\"}]}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}]"},
        {"\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}],"
         "\"refusal\":\"no\"}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
         "{\"type\":\"refusal\",\"refusal\":\"no\"}]}]"},
        {"\"messages\":[{\"role\":\"assistant\"}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"\"}]"},
        {"\"messages\":[{\"role\":\"user\",\"content\":[]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":\"\"}]"},
        {"\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[{\"id\":\"c\","
         "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"name\":\"f\","
         "\"tool_call_id\":\"c\",\"content\":[]}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[{\"id\":\"c\","
         "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":"
         "\"tool\",\"tool_call_id\":\"c\",\"name\":\"f\",\"content\":\"\"}]"},
        {"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\","
         "\"cache_control\":{\"type\":\"ephemeral\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]"},
        {"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
         "\"url\":\"data:image/png;charset=x;base64,AAAA\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
         "\"url\":\"data:image/png;base64,AAAA\"}}]}]"},
        {"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{"
         "\"file_data\":\"data:application/pdf;base64,AAAA\"}}]}]",
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":"
         "\"document\",\"file_data\":\"data:application/pdf;base64,AAAA\"}}]}]"},
        {"\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning\":\"r\"}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"r\"}]"},
        {"\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"thinking_blocks\":[{\"type\":"
         "\"thinking\",\"thinking\":\"t\"},{\"type\":\"thinking\",\"thinking\":\"s\",\"signature\":"
         "\"x\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"}]}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"t\"}]"},
        {"\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c\","
         "\"function\":{\"name\":\"f\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{"
         "\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a\"}}]},{\"role\":\"user\","
         "\"content\":\"b\"}]",
         "\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c\","
         "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":"
         "\"tool\",\"tool_call_id\":\"c\",\"content\":\"\"},{\"role\":\"user\",\"content\":[{"
         "\"type\":\"image_url\",\"image_url\":{\"url\":\"https://a\"}}]},{\"role\":\"user\","
         "\"content\":\"b\"}]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        assert_same_json(&w->arena, written(w, chat(w, pairs[i][0])),
                         arena_printf(&w->arena, "{" MODEL "%s}", pairs[i][1]));
}

static void bad_requests(void **state)
{
    struct world *w = *state;
#define USER "{\"role\":\"user\",\"content\":\"a\"}"
#define PART(part)                                                                                 \
    "{" MODEL "\"messages\":[" USER                                                                \
    ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"                                \
    "\"a\"}," part "]}]}"
#define CALL(call) "{" MODEL "\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" call "]}]}"
    static const struct {
        const char *body;
        int err;
        const char *words;
    } bad[] = {
        {"", E_BAD_JSON, ""},
        {"[]", E_BAD_JSON, ""},
        {"{" MODEL "\"messages\":[{\"role\":\"user\",\"content\":\"a}]}", E_BAD_JSON, "byte"},
        {"{" MODEL
         "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\" \"text\":1}]}]}",
         E_BAD_JSON, "byte"},
        {"{\"messages\":[]}", E_BAD_REQUEST, "'model' is missing"},
        {"{\"model\":\"\",\"messages\":[]}", E_BAD_REQUEST, "'model' has to be a string"},
        {"{\"model\":\"\\ud800\",\"messages\":[]}", E_BAD_REQUEST, "surrogate"},
        {"{" MODEL "\"stream\":true}", E_BAD_REQUEST, "'messages' is missing"},
        {"{" MODEL "\"messages\":{}}", E_BAD_REQUEST, "'messages' has to be a list"},
        {"{" MODEL "\"messages\":[1]}", E_BAD_REQUEST, "messages.0: a message has to be an object"},
        {"{" MODEL "\"messages\":[" USER ",{\"content\":\"a\"}]}", E_BAD_REQUEST,
         "messages.1: 'role' has to be system, developer, user, assistant or tool"},
        {"{" MODEL "\"messages\":[{\"role\":\"function\",\"content\":\"a\"}]}", E_BAD_REQUEST,
         "messages.0: role 'function' is OpenAI's former way to call functions"},
        {"{" MODEL "\"messages\":[{\"role\":\"assistant\",\"function_call\":{}}]}", E_BAD_REQUEST,
         "messages.0: 'function_call' is OpenAI's former way"},
        {"{" MODEL "\"functions\":[],\"messages\":[]}", E_BAD_REQUEST, "send 'tools'"},
        {"{" MODEL "\"function_call\":\"auto\",\"messages\":[]}", E_BAD_REQUEST,
         "'function_call' is OpenAI's former way to call functions"},
        {"{" MODEL "\"messages\":[{\"role\":\"user\"}]}", E_BAD_REQUEST, "'content' is missing"},
        {"{" MODEL "\"messages\":[{\"role\":\"user\",\"content\":1}]}", E_BAD_REQUEST,
         "messages.0: 'content' has to be a string or a list of parts"},
        {"{" MODEL "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"refusal\":\"b\"}]}",
         E_BAD_REQUEST, "only an assistant's message"},
        {"{" MODEL "\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"tool_call_id\":\"b\"}]}",
         E_BAD_REQUEST, "only a tool's message"},
        {"{" MODEL "\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}", E_BAD_REQUEST,
         "messages.0: 'tool_call_id' is missing"},
        {"{" MODEL "\"messages\":[{\"role\":\"tool\",\"content\":\"a\",\"tool_call_id\":\"b\"}]}",
         E_BAD_REQUEST, "messages.0: a tool result for the call \"b\""},
        {"{" MODEL "\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"image_url\","
         "\"image_url\":{\"url\":\"a\"}}]}]}",
         E_BAD_REQUEST, "a type that its role cannot have"},
        {PART("\"a\""), E_BAD_REQUEST, "messages.1.content.1: a part has to be an object"},
        {PART("{\"text\":\"a\"}"), E_BAD_REQUEST, "messages.1.content.1: a part has to be"},
        {PART("{\"type\":\"text\"}"), E_BAD_REQUEST, "messages.1.content.1: 'text' has to be"},
        {PART("{\"type\":\"image_url\",\"image_url\":\"a\"}"), E_BAD_REQUEST,
         "messages.1.content.1: 'image_url' has to be an object"},
        {PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:,a\"}}"), E_BAD_REQUEST,
         "is a data URL, but not of base64 digits"},
        {PART("{\"type\":\"file\",\"file\":{}}"), E_BAD_REQUEST, "one of file_data and file_id"},
        {PART("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"a\"}}"), E_BAD_REQUEST,
         "'input_audio.format' has to be a string"},
        {PART("{\"type\":\"text\",\"text\":\"a\",\"text\":\"b\"}"), E_DUPLICATE_KEY,
         "messages.1.content.1: 'text' stands twice"},
        {CALL("1"), E_BAD_REQUEST, "messages.0.tool_calls.0: a tool call has to be an object"},
        {CALL("{\"function\":{\"name\":\"f\"}}"), E_BAD_REQUEST, "'id' has to be a string"},
        {CALL("{\"id\":\"a\",\"function\":{}}"), E_BAD_REQUEST, "'function.name' has to be"},
        {CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}"), E_BAD_REQUEST,
         "messages.0.tool_calls.0: 'arguments' has to be a string that holds a JSON object"},
        {CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{}}}"), E_BAD_REQUEST,
         "'arguments' has to be"},
        {CALL("{\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"id\":\"a\",\"function\":{\"name\":"
              "\"g\"}}"),
         E_BAD_REQUEST, "the same id"},
        {"{" MODEL
         "\"messages\":[{\"role\":\"assistant\",\"thinking_blocks\":[{\"type\":\"x\"}]}]}",
         E_BAD_REQUEST, "messages.0.thinking_blocks.0: its type has to be"},
        {"{" MODEL "\"messages\":[],\"tools\":{}}", E_BAD_REQUEST, "'tools' has to be a list"},
        {"{" MODEL "\"messages\":[],\"tools\":[{}]}", E_BAD_REQUEST, "tools.0: 'type'"},
        {"{" MODEL "\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
         "\"parameters\":[]}}]}",
         E_BAD_REQUEST, "tools.0: 'function.parameters' has to be a JSON schema"},
        {"{" MODEL "\"messages\":[],\"max_tokens\":0}", E_BAD_REQUEST, "'max_tokens' has to be"},
        {"{" MODEL "\"messages\":[],\"max_tokens\":1,\"max_completion_tokens\":1}", E_BAD_REQUEST,
         "two names of one limit"},
        {"{" MODEL "\"messages\":[],\"stop\":[1]}", E_BAD_REQUEST, "'stop' has to be"},
        {"{" MODEL "\"messages\":[],\"n\":0}", E_BAD_REQUEST, "'n' has to be"},
        {"{" MODEL "\"messages\":[],\"stream\":1}", E_BAD_REQUEST, "'stream' has to be"},
        {"{" MODEL "\"messages\":[],\"stream_options\":1}", E_BAD_REQUEST, "'stream_options'"},
        {"{" MODEL "\"messages\":[],\"temperature\":\"1\"}", E_BAD_REQUEST,
         "'temperature' has to be a number"},
        {"{" MODEL "\"messages\":[],\"reasoning_effort\":1}", E_BAD_REQUEST, "has to be a string"},
        {"{" MODEL "\"messages\":[],\"response_format\":\"text\"}", E_BAD_REQUEST, "an object"},
        {"{" MODEL "\"messages\":[],\"response_format\":{\"type\":\"json_schema\"}}", E_BAD_REQUEST,
         "'response_format.json_schema' has to be an object"},
        {"{" MODEL "\"messages\":[],\"model\":\"b\"}", E_DUPLICATE_KEY, "'model' stands twice"},
        {"{" MODEL "\"messages\":[],\"m\\u006fdel\":\"b\"}", E_DUPLICATE_KEY, "'model' stands"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct chat_request r;
        struct fault f = {0};
        int err = wire->request_read(str_from(bad[i].body), &w->arena, &r, &f);
        if (err != bad[i].err || !strstr(f.text, bad[i].words))
            fail_msg("%s: %s: %s", bad[i].body, err_code(err), f.text);
    }
}

/* Of which nothing would be left in another protocol. */
static void a_format_without_its_schema(void **state)
{
    struct world *w = *state;
    struct chat_request r;
    struct fault f = {0};
    struct str body = STR("{" MODEL "\"messages\":[],\"response_format\":{\"type\":\"json_schema\","
                          "\"json_schema\":{\"name\":\"a\"}}}");
    assert_int_equal(wire->request_read(body, &w->arena, &r, &f), E_BAD_REQUEST);
    assert_non_null(strstr(f.text, "'response_format.json_schema.schema' has to be an object"));
}

/* ---- requests of other protocols ---- */

static struct chat_block *block(struct world *w, struct chat_block **list,
                                enum chat_block_kind kind, struct str text)
{
    struct chat_block *b = chat_block_new(&w->arena, list, kind);
    b->text = text;
    return b;
}

static void what_other_protocols_have(void **state)
{
    struct world *w = *state;
    struct chat_request r = {.arena = &w->arena,
                             .model = STR("m"),
                             .thinking = THINK_BUDGET,
                             .thinking_budget = 5000,
                             .tools_serial = true,
                             .format = FORMAT_SCHEMA,
                             .schema = STR("{}"),
                             .tool_choice = CHOOSE_ANY};
    struct chat_message *m = chat_message_new(&r, NULL, ROLE_ASSISTANT);
    struct chat_block *b = block(w, &m->blocks, BLOCK_THINKING, STR("\"t\""));
    b->signature = STR("\"s\"");
    block(w, &m->blocks, BLOCK_THINKING, STR("\"u\""))->signature = STR("\"\"");
    block(w, &m->blocks, BLOCK_TEXT, STR("\"a\""));
    b = block(w, &m->blocks, BLOCK_CALL, STR_NONE);
    b->id = STR("\"c\"");
    b->name = STR("\"f\"");
    b->input = STR("{\"x\": \"\\n\"}");
    block(w, &m->blocks, BLOCK_TEXT, STR("\"b\""));
    m = chat_message_new(&r, m, ROLE_USER);
    b = block(w, &m->blocks, BLOCK_RESULT, STR_NONE);
    b->id = STR("\"c\"");
    b->is_error = true;
    block(w, &b->result, BLOCK_TEXT, STR("\"r\""));
    struct chat_block *image = block(w, &b->result, BLOCK_IMAGE, STR_NONE);
    image->media = (struct chat_media){
        .form = MEDIA_BASE64, .type = STR("image/png"), .data = STR("\"AAAA\"")};
    struct chat_block *document = block(w, &m->blocks, BLOCK_DOCUMENT, STR_NONE);
    document->media = (struct chat_media){.form = MEDIA_TEXT, .data = STR("\"plain\"")};
    block(w, &m->blocks, BLOCK_TEXT, STR("\"z\""));
    assert_int_equal(chat_settle(&r, &w->fault), 0);
    struct str left_out;
    assert_int_equal(wire_check(wire, &r, &left_out, &w->fault), 0);
    assert_str(left_out, STR("a tool result marked as an error"));
    assert_same_json(
        &w->arena, written(w, &r),
        STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
            "\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],"
            "\"reasoning_content\":\"u\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\": \\\"\\\\n\\\"}\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\","
            "\"text\":\"r\"}]},{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
            "\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}},{\"type\":\"text\","
            "\"text\":\"plain\"},{\"type\":\"text\",\"text\":\"z\"}]}],\"tool_choice\":"
            "\"required\",\"parallel_tool_calls\":false,\"response_format\":{\"type\":"
            "\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"schema\":{}}},"
            "\"reasoning_effort\":\"medium\"}"));
}

static void what_is_refused_by_name(void **state)
{
    struct world *w = *state;
    static const enum chat_feature refused[] = {
        CHAT_LOGPROBS, CHAT_CHOICES,   CHAT_TOOL_OF_PROVIDER, CHAT_PREFILL,     CHAT_DOCUMENT_URL,
        CHAT_FILE_ID,  CHAT_CITATIONS, CHAT_OTHER_BLOCK,      CHAT_OTHER_MEMBER};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct chat_request r = {.arena = &w->arena};
        struct str left_out;
        fault_clear(&w->fault);
        chat_uses(&r, refused[i]);
        assert_int_equal(wire_check(wire, &r, &left_out, &w->fault), E_UNSUPPORTED);
        assert_non_null(strstr(w->fault.text, chat_feature_text(refused[i])));
    }
}

/* ---- answers ---- */

static void an_answer_field_by_field(void **state)
{
    struct world *w = *state;
    struct chat_answer *a =
        answer(w, fixture_read(&w->arena, FIXTURES, "parallel-tools", "answer.json"));
    assert_str(a->id, STR("\"chatcmpl-0001\""));
    assert_str(a->model, STR("\"gpt-5-mini-2025-08-07\""));
    assert_int_equal(a->created_s, 1764000000);
    assert_str(a->blocks->text, STR("\"I will look.\""));
    assert_str(a->blocks->next->id, STR("\"call_a\""));
    assert_str(a->blocks->next->input, STR("{\"place\":\"Oslo\"}"));
    assert_int_equal(a->usage.source, TOKENS_PROVIDER);
    a = answer(w, fixture_read(&w->arena, FIXTURES, "loose-server", "answer.json"));
    assert_str(a->blocks->id, STR("\"call_0\""));
    assert_same_json(&w->arena, a->blocks->input, STR("{\"place\": \"Oslo\"}"));
    assert_str(a->blocks->next->id, STR("\"call_1\""));
    assert_str(a->blocks->next->input, STR("{}"));
}

static struct str answer_written(struct world *w)
{
    buf_clear(&w->out);
    assert_int_equal(wire->answer_write(&w->answer, &w->out), 0);
    return buf_view(&w->out);
}

static void an_answer_is_written(void **state)
{
    struct world *w = *state;
    w->answer = (struct chat_answer){
        .id = STR("\"msg_1\""),
        .model = STR("\"claude\""),
        .created_s = 5,
        .stop = STOP_CALL,
        .has_usage = true,
        .usage = {.input = 1, .cached = 2, .cache_write = 4, .output = 8, .reasoning = 16}};
    block(w, &w->answer.blocks, BLOCK_THINKING, STR("\"t\""))->signature = STR("\"s\"");
    block(w, &w->answer.blocks, BLOCK_HIDDEN, STR("\"d\""));
    block(w, &w->answer.blocks, BLOCK_TEXT, STR("\"a\""));
    block(w, &w->answer.blocks, BLOCK_TEXT, STR("\"\\u00e9\""));
    struct chat_block *b = block(w, &w->answer.blocks, BLOCK_CALL, STR_NONE);
    b->id = STR("\"c\"");
    b->name = STR("\"f\"");
    b->input = STR("{ }");
    assert_str(
        answer_written(w),
        STR("{\"id\":\"msg_1\",\"object\":\"chat.completion\",\"created\":5,\"model\":"
            "\"claude\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
            "\"content\":\"a\\u00e9\",\"refusal\":null,\"reasoning_content\":\"t\","
            "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":"
            "\"s\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"}],\"tool_calls\":[{\"id\":"
            "\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{ }\"}}]"
            "},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usage\":{"
            "\"prompt_tokens\":7,\"completion_tokens\":24,\"total_tokens\":31,"
            "\"prompt_tokens_details\":{\"cached_tokens\":2,\"cache_write_tokens\":4},"
            "\"completion_tokens_details\":{\"reasoning_tokens\":16}}}"));
    w->answer = (struct chat_answer){.stop = STOP_END};
    assert_str(answer_written(w),
               STR("{\"id\":\"\",\"object\":\"chat.completion\",\"created\":0,\"model\":\"\","
                   "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\","
                   "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}]}"));
}

static void every_stop_has_its_word(void **state)
{
    struct world *w = *state;
    static const struct {
        enum chat_stop stop;
        const char *word;
    } stops[] = {{STOP_UNSAID, "stop"},     {STOP_END, "stop"},
                 {STOP_LENGTH, "length"},   {STOP_SEQUENCE, "stop"},
                 {STOP_CALL, "tool_calls"}, {STOP_REFUSED, "content_filter"},
                 {STOP_PAUSE, "stop"},      {STOP_CONTEXT, "length"}};
    for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
        char want[60];
        snprintf(want, sizeof(want), "\"finish_reason\":\"%s\"", stops[i].word);
        w->answer = (struct chat_answer){.stop = stops[i].stop};
        assert_true(str_find(answer_written(w), str_from(want)) > 0);
    }
    w->answer = (struct chat_answer){.stop = STOP_REFUSED};
    block(w, &w->answer.blocks, BLOCK_REFUSAL, STR("\"no\""));
    assert_true(str_find(answer_written(w), STR("\"content\":null,\"refusal\":\"no\"")) > 0);
    assert_true(str_find(answer_written(w), STR("\"finish_reason\":\"stop\"")) > 0);
}

static void bad_answers(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"choices\":[]}",
        "{\"choices\":[{}]}",
        "{\"choices\":[1]}",
        "{\"choices\":[{\"index\":1,\"message\":{\"content\":\"a\"}}]}",
        "{\"choices\":[{\"message\":\"a\"}]}",
        "{\"choices\":[{\"message\":{\"content\":1}}]}",
        "{\"error\":{\"message\":\"a\"},\"choices\":[{\"message\":{\"content\":\"a\"}}]}",
        "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"a\"}]}}]}",
        "{\"obje\\\1\2:\"a\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct chat_answer a;
        if (wire->answer_read(str_from(bad[i]), &w->arena, &a) != E_UPSTREAM_BODY)
            fail_msg("taken: %s", bad[i]);
    }
    struct chat_answer *a = answer(w,
                                   STR("{\"choices\":[{\"message\":{\"content\":\"a\",\"co\\u006e"
                                       "tent\":\"b\"},\"finish_reason\":\"eos\"}],\"error\":null,"
                                       "\"usage\":{\"prompt_tokens\":-1}}"));
    assert_str(a->blocks->text, STR("\"b\""));
    assert_int_equal(a->stop, STOP_UNSAID);
    assert_false(a->has_usage);
}

/* ---- streams ---- */

#define DELTA(delta) "{\"choices\":[{\"index\":0,\"delta\":{" delta "}}]}\n"
#define CALLS(calls) DELTA("\"tool_calls\":[" calls "]")
#define STOP         "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n"

#define MESSAGE(more) "{\"choices\":[{\"message\":{\"content\":\"m\"}" more "}]}\n"

static void streams_that_are_odd(void **state)
{
    struct world *w = *state;
    static const char *const streams[][2] = {
        {"[DONE]", "begin() stop:unsaid end"},
        {DELTA("\"content\":\"a\"") "[DONE]\n[DONE]\n" DELTA("\"content\":\"b\""),
         "begin() T{|a} stop:unsaid end"},
        {DELTA("\"content\":\"a\"") STOP STOP "[DONE]", "begin() T{|a} stop:end end"},
        {DELTA("\"content\":\"a\"") STOP DELTA("\"content\":\"b\""),
         "begin() T{|a} stop:end upstream_bad_body"},
        {DELTA("\"content\":\"a\"") STOP DELTA("\"content\":\"\"") "[DONE]",
         "begin() T{|a} stop:end end"},
        {DELTA("\"content\":\"a\"") "{", "begin() T{|a upstream_bad_body"},
        /* Messages in the place of deltas, beside them, and behind. */
        {MESSAGE("") MESSAGE(",\"delta\":null") STOP "[DONE]", "begin() T{|m|m} stop:end end"},
        {MESSAGE(",\"delta\":{\"content\":\"a\"}") MESSAGE(",\"delta\":{\"content\":\"b\"}"),
         "begin() T{|a|b"},
        {DELTA("\"content\":\"a\"") MESSAGE(",\"finish_reason\":\"stop\"") "[DONE]",
         "begin() T{|a} stop:end end"},
        {DELTA("\"content\":[1]"), " upstream_bad_body"},
        {"{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}},{\"delta\":{\"content\":\"a\"}}"
         "]}",
         "begin() T{|a"},
        {DELTA("\"reasoning\":\"r\",\"reasoning_content\":\"r\",\"content\":\"a\""),
         "begin() H{|r} T{|a"},
        {DELTA(
             "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"r\",\"signature\":\"s\"}]")
             DELTA("\"reasoning_content\":\"t\""),
         "begin() H{|r#s} H{|t"},
        {DELTA(
             "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"s\"}]"),
         "begin() H{#s}"},
        /* Calls: id and name apart, text between, one that goes on too late, no number at all. */
        {CALLS("{\"index\":0,\"id\":\"a\"}") CALLS("{\"index\":0,\"function\":{\"name\":\"f\"}}")
             CALLS("{\"index\":0,\"function\":{\"arguments\":\"{}\"}}"),
         "begin() C(a f){|{}"},
        {CALLS("{\"index\":0,\"id\":\"a\"}")
             CALLS("{\"index\":0,\"function\":{\"arguments\":\"{}\"}}"),
         "begin() upstream_bad_body"},
        {CALLS("{\"index\":0,\"id\":\"a\"}") STOP, "begin() upstream_bad_body"},
        {CALLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}")
             CALLS("{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\"}}")
                 CALLS("{\"index\":0,\"function\":{\"arguments\":\"{}\"}}"),
         "begin() C(a f){|{}} C(b g){"},
        {CALLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}")
             DELTA("\"content\":\"x\"") CALLS(
                 "{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}"),
         "begin() C(a f){} T{|x"},
        {CALLS("{\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}")
             CALLS("{\"function\":{\"arguments\":\"}\"}}") STOP,
         "begin() C(call_0 f){|{|}} stop:call"},
        {CALLS("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{}}}"),
         " upstream_bad_body"},
        {"{\"error\":\"out of memory\"}\n" DELTA("\"content\":\"a\""),
         "failed(server_error: out of memory)"},
        {"{\"error\":{\"code\":500}}",
         "failed(server_error: the provider ended its answer with an error)"},
        {"{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n" DELTA("\"content\":\"a\""),
         "usage:3+0+0/1+0 begin() T{|a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        assert_str(cross_lines(w, streams[i][0]), str_from(streams[i][1]));
}

static void named_events(void **state)
{
    struct world *w = *state;
    struct crossing c;
    crossing_init(&c, w);
    cross_event(&c, w, STR("ping"), STR("{}"));
    cross_event(&c, w, STR("ping"), STR("not json"));
    cross_event(&c, w, STR("message"), STR("{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"));
    cross_event(&c, w, STR("other"), STR("{\"choices\":[{\"delta\":{\"content\":\"b\"}}]}"));
    cross_event(&c, w, STR("error"), STR("{\"message\":\"no\",\"type\":\"odd\"}"));
    assert_str(crossing_shown(&c, w), STR("begin() T{|a|b failed(odd: no)"));
}

/* Calls take turns: the first goes on as it comes, the others follow it when it is whole. */
static void calls_that_take_turns(void **state)
{
    struct world *w = *state;
#define PIECE(at, text) CALLS("{\"index\":" at ",\"function\":{\"arguments\":\"" text "\"}}")
#define NEW(at, id)     CALLS("{\"index\":" at ",\"id\":\"" id "\",\"function\":{\"name\":\"f\"}}")
    assert_str(
        cross_lines(w, NEW("0", "a") NEW("1", "b") PIECE("1", "{\\\"x\\\":") NEW("2", "c")
                           PIECE("0", "{") PIECE("1", "1}") PIECE("0", "\\\"}\\\":[]}")
                               PIECE("2", "{}") STOP),
        STR("begin() C(a f){|{|\\\"}\\\":[]}} C(b f){|{\\\"x\\\":1}} C(c f){|{}} stop:call"));
    /* One that is over does not go on. */
    assert_str(cross_lines(w, NEW("0", "a") PIECE("0", "{}") NEW("1", "b") PIECE("0", "{}")),
               STR("begin() C(a f){|{}} C(b f){ upstream_bad_body"));
    /* Of more than can wait the first ones are given up. */
    struct buf b;
    buf_init(&b, 1u << 22);
    for (unsigned i = 0; i < 40; i++)
        buf_printf(&b,
                   "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%u,\"id\":\"c%u\","
                   "\"function\":{\"name\":\"f\"}}]}}]}\n",
                   i, i);
    buf_printf(&b, "%s", STOP);
    buf_char(&b, '\0');
    struct str shown = cross_lines(w, b.p);
    assert_true(str_find(shown, STR("C(c0 f){}")) > 0 && str_find(shown, STR("C(c39 f){}")) > 0);
    assert_true(str_ends(shown, STR("stop:call")));
    /* And of one that is too long. */
    char *big = arena_alloc(&w->arena, 600000);
    assert_non_null(big);
    memset(big, 'x', 599999);
    big[599999] = '\0';
    buf_clear(&b);
    buf_printf(&b, "%s%s%s", NEW("0", "a"), NEW("1", "b"), "");
    for (unsigned i = 0; i < 2; i++)
        buf_printf(&b,
                   "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":{"
                   "\"arguments\":\"%s\"}}]}}]}\n",
                   big);
    buf_printf(&b, "%s%s", PIECE("1", "y"), PIECE("0", "{}"));
    buf_char(&b, '\0');
    shown = cross_lines(w, b.p);
    assert_true(str_starts(shown, STR("begin() C(a f){} C(b f){|xxx")));
    assert_true(str_ends(shown, STR("|y upstream_bad_body")));
    buf_fini(&b);
}

/* The example of the reference: the first chunk has the role, the last but one the usage. */
static void a_stream_is_written(void **state)
{
    struct world *w = *state;
    struct wire_state s = {.arena = &w->arena, .model = STR("gp\"t"), .wants_usage = true};
    struct chat_event events[] = {
        {.kind = EVENT_BEGIN, .id = STR("\"x\""), .created_s = 3},
        {.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_TEXT},
        {.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = STR("\"a\"")},
        {.kind = EVENT_BLOCK_END, .block = BLOCK_TEXT},
        {.kind = EVENT_BLOCK_BEGIN, .block = BLOCK_CALL, .id = STR("\"c\""), .name = STR("\"f\"")},
        {.kind = EVENT_DELTA, .block = BLOCK_CALL, .text = STR("\"\"")},
        {.kind = EVENT_BLOCK_END, .block = BLOCK_CALL},
        {.kind = EVENT_USAGE, .usage = {.input = 1, .output = 2}},
        {.kind = EVENT_STOPPED, .stop = STOP_CALL},
        {.kind = EVENT_END},
        {.kind = EVENT_DELTA, .block = BLOCK_TEXT, .text = STR("\"late\"")},
    };
    buf_clear(&w->out);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(wire->event_write(&s, &events[i], &w->out), 0);
#define HEAD                                                                                       \
    "data: "                                                                                       \
    "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":3,\"model\":\"gp\\\"t\","      \
    "\"choices\":["
#define WRITTEN(delta, reason)                                                                     \
    HEAD "{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,\"finish_reason\":" reason          \
         "}],\"usage\":null}\n\n"
    assert_str(buf_view(&w->out),
               STR(WRITTEN("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null",
                           "null") WRITTEN("\"content\":\"a\"", "null")
                       WRITTEN("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\","
                               "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]",
                               "null") WRITTEN("\"tool_calls\":[{\"index\":0,\"function\":{"
                                               "\"arguments\":\"{}\"}}]",
                                               "null") WRITTEN("", "\"tool_calls\"") HEAD
                   "],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,"
                   "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{"
                   "\"reasoning_tokens\":0}}}\n\ndata: [DONE]\n\n"));
}

static void usage_is_written_only_when_asked_for(void **state)
{
    struct world *w = *state;
    struct wire_state s = {.arena = &w->arena, .model = STR("m")};
    static const struct chat_event events[] = {{.kind = EVENT_BEGIN},
                                               {.kind = EVENT_USAGE, .usage = {.input = 1}},
                                               {.kind = EVENT_STOPPED, .stop = STOP_END},
                                               {.kind = EVENT_END}};
    buf_clear(&w->out);
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        assert_int_equal(wire->event_write(&s, &events[i], &w->out), 0);
    assert_true(str_find(buf_view(&w->out), STR("usage")) < 0);
    assert_true(str_ends(buf_view(&w->out), STR("data: [DONE]\n\n")));
}

/* In whatever order events come, what is written is frames of JSON. */
static void events_in_any_order(void **state)
{
    struct world *w = *state;
    struct chance chance = {7};
    for (unsigned round = 0; round < 200; round++) {
        struct wire_state s = {.arena = &w->arena, .wants_usage = round % 2};
        buf_clear(&w->out);
        for (unsigned i = 0; i < 20; i++) {
            struct chat_event e = {.kind = chance_below(&chance, EVENT_FAILED + 1),
                                   .block = chance_below(&chance, BLOCK_OTHER + 1)};
            if (chance_below(&chance, 2))
                e.id = e.name = e.text = e.model = STR("\"a\"");
            assert_int_equal(wire->event_write(&s, &e, &w->out), 0);
        }
        struct str rest = buf_view(&w->out);
        while (rest.n > 0) {
            struct str line = str_cut(&rest, '\n');
            assert_true(str_starts(line, STR("data: ")) && str_starts(rest, STR("\n")));
            if (!str_eq(line, STR("data: [DONE]")))
                (void)parsed(&w->arena, str_tail(line, 6));
            rest = str_tail(rest, 1);
        }
    }
}

static void a_long_stream_takes_no_memory(void **state)
{
    struct world *w = *state;
    struct arena arena;
    arena_init(&arena, 1u << 20);
    struct wire_state reader = {.arena = &arena}, writer = {.arena = &arena, .model = STR("m")};
    static const struct str chunks[] = {
        {DELTA("\"content\":\"a\""), sizeof(DELTA("\"content\":\"a\"")) - 1},
        {DELTA("\"reasoning_content\":\"a\""), sizeof(DELTA("\"reasoning_content\":\"a\"")) - 1}};
    size_t held = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct chat_events events;
        assert_int_equal(wire->event_read(&reader, STR_NONE, chunks[i / 10 % 2], &events), 0);
        buf_clear(&w->out);
        for (unsigned k = 0; k < events.n; k++)
            assert_int_equal(wire->event_write(&writer, &events.at[k], &w->out), 0);
        held = i == 100 ? arena.held_bytes : held;
    }
    assert_int_equal(arena.held_bytes, held);
    arena_fini(&arena);
}

static void errors_are_written(void **state)
{
    struct world *w = *state;
    buf_clear(&w->out);
    assert_int_equal(wire->error_write(&w->out, 429, "busy", STR("say \"when\""), STR_NONE), 0);
#define ERROR                                                                                      \
    "{\"error\":{\"message\":\"say \\\"when\\\"\",\"type\":\"rate_limit_error\",\"param\":null,"   \
    "\"code\":\"busy\"}}"
    assert_str(buf_view(&w->out), STR(ERROR));
    buf_clear(&w->out);
    assert_int_equal(wire->error_event_write(&w->out, 0, 429, "busy", STR("say \"when\"")), 0);
    assert_str(buf_view(&w->out), STR("data: " ERROR "\n\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_fixture_is_read_and_written),
        TEST(a_request_field_by_field),
        TEST(tools_messages_are_results),
        TEST(media_are_understood),
        TEST(thinking_of_a_client),
        TEST(others_are_noted),
        TEST(what_says_more_stays_as_it_stood),
        TEST(what_says_nothing_is_not_given),
        TEST(same_again),
        TEST(what_changes),
        TEST(bad_requests),
        TEST(a_format_without_its_schema),
        TEST(what_other_protocols_have),
        TEST(what_is_refused_by_name),
        TEST(an_answer_field_by_field),
        TEST(an_answer_is_written),
        TEST(every_stop_has_its_word),
        TEST(bad_answers),
        TEST(streams_that_are_odd),
        TEST(named_events),
        TEST(calls_that_take_turns),
        TEST(a_stream_is_written),
        TEST(usage_is_written_only_when_asked_for),
        TEST(events_in_any_order),
        TEST(a_long_stream_takes_no_memory),
        TEST(errors_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
