/* anthropic_stream_read.c: the events of a message that is streamed. */
#include "llm/wire/anthropic.h"

/* A stream between its events. `index` is the open block's, -1 where none is. */
struct stream {
    struct anthropic_usage usage; /* as said so far */
    struct tokens tokens;         /* what of it counts, as where it is billed */
    int64_t index;
    enum chat_block_kind kind; /* of the open block; BLOCK_OTHER is left out */
    bool begun, has_input, stopped, ended;
};

enum top { TOP_TYPE, TOP_INDEX, TOP_MESSAGE, TOP_BLOCK, TOP_DELTA, TOP_USAGE, TOP_ERROR, TOPS };

static const struct member top_members[TOPS] = {
    [TOP_TYPE] = MEMBER("type", STRING),       [TOP_INDEX] = MEMBER("index", COUNT),
    [TOP_MESSAGE] = MEMBER("message", OBJECT), [TOP_BLOCK] = MEMBER("content_block", OBJECT),
    [TOP_DELTA] = MEMBER("delta", OBJECT),     [TOP_USAGE] = MEMBER("usage", OBJECT),
    [TOP_ERROR] = MEMBER("error", ANY),
};

/* What messages, blocks, deltas and errors have, between them. */
enum inner {
    IN_TYPE,
    IN_ID,
    IN_MODEL,
    IN_NAME,
    IN_TEXT,
    IN_THINKING,
    IN_SIGNATURE,
    IN_DATA,
    IN_INPUT,
    IN_PARTIAL_JSON,
    IN_STOP_REASON,
    IN_STOP_SEQUENCE,
    IN_STOP_DETAILS,
    IN_USAGE,
    IN_MESSAGE,
    IN_CITATIONS,
    INNERS
};

static const struct member inner_members[INNERS] = {
    [IN_TYPE] = MEMBER("type", STRING),
    [IN_ID] = MEMBER("id", STRING),
    [IN_MODEL] = MEMBER("model", STRING),
    [IN_NAME] = MEMBER("name", STRING),
    [IN_TEXT] = MEMBER("text", STRING),
    [IN_THINKING] = MEMBER("thinking", STRING),
    [IN_SIGNATURE] = MEMBER("signature", STRING),
    [IN_DATA] = MEMBER("data", STRING),
    [IN_INPUT] = MEMBER("input", OBJECT),
    [IN_PARTIAL_JSON] = MEMBER("partial_json", STRING),
    [IN_STOP_REASON] = MEMBER("stop_reason", STRING),
    [IN_STOP_SEQUENCE] = MEMBER("stop_sequence", STRING),
    [IN_STOP_DETAILS] = MEMBER("stop_details", OBJECT),
    [IN_USAGE] = MEMBER("usage", OBJECT),
    [IN_MESSAGE] = MEMBER("message", STRING),
    [IN_CITATIONS] = MEMBER("citations", LIST),
};

static int object_read(struct str text, const struct member *members, unsigned n,
                       struct str *ret_values)
{
    struct reading r = {.request = NULL};
    struct object o = {.members = members, .n = n, .values = ret_values};
    if (!json_reader_init(&r.json, text))
        return E_UPSTREAM_BODY;
    int err = reading_object(&r, &o);
    return err || !json_reader_good(&r.json) ? E_UPSTREAM_BODY : 0;
}

static int inner_read(struct str text, struct str ret_values[INNERS])
{
    return object_read(text, inner_members, INNERS, ret_values);
}

static void usage_add(struct stream *s, struct str usage, struct chat_events *events)
{
    struct json_reader r;
    struct tokens tokens;
    if (!usage.n || !json_reader_init(&r, usage))
        return;
    anthropic_usage_read(&r, &s->usage);
    if (!anthropic_usage_tokens(&s->usage, &tokens))
        return;
    anthropic_usage_merge(&s->tokens, &tokens);
    chat_event_add(events, EVENT_USAGE)->usage = s->tokens;
}

static bool says_something(struct str string)
{
    return string.n > 2;
}

static void text_add(struct chat_events *events, enum chat_event_kind kind,
                     enum chat_block_kind block, struct str text)
{
    if (!says_something(text))
        return;
    struct chat_event *e = chat_event_add(events, kind);
    e->block = block;
    e->text = text;
}

static void edge_add(struct chat_events *events, enum chat_event_kind kind,
                     enum chat_block_kind block)
{
    chat_event_add(events, kind)->block = block;
}

/* A call without arguments has an input all the same, and the stream may not have said it. */
static void block_end(struct stream *s, struct chat_events *events)
{
    if (s->index >= 0 && s->kind != BLOCK_OTHER) {
        if (s->kind == BLOCK_CALL && !s->has_input)
            text_add(events, EVENT_DELTA, BLOCK_CALL, STR("\"{}\""));
        edge_add(events, EVENT_BLOCK_END, s->kind);
    }
    s->index = -1;
}

static int message_start(struct stream *s, struct str message, struct chat_events *events)
{
    struct str in[INNERS];
    if (s->begun)
        return E_UPSTREAM_BODY;
    int err = inner_read(message, in);
    if (err)
        return err;
    s->begun = true;
    struct chat_event *e = chat_event_add(events, EVENT_BEGIN);
    e->id = in[IN_ID];
    e->model = in[IN_MODEL];
    usage_add(s, in[IN_USAGE], events);
    return 0;
}

/* ---- blocks ---- */

static enum chat_block_kind kind_of(struct str type)
{
    return string_is(type, STR("text"))                ? BLOCK_TEXT
           : string_is(type, STR("tool_use"))          ? BLOCK_CALL
           : string_is(type, STR("thinking"))          ? BLOCK_THINKING
           : string_is(type, STR("redacted_thinking")) ? BLOCK_HIDDEN
                                                       : BLOCK_OTHER;
}

/* What a block has from its beginning. Mostly it is empty there. */
static int contents_add(struct wire_state *state, struct stream *s, const struct str *in,
                        struct chat_events *events)
{
    struct str input = in[IN_INPUT];
    if (s->kind == BLOCK_TEXT)
        text_add(events, EVENT_DELTA, s->kind, in[IN_TEXT]);
    if (in[IN_CITATIONS].n && !json_is_empty(in[IN_CITATIONS]))
        chat_event_beside(events, ANSWER_CITATION);
    if (s->kind == BLOCK_THINKING) {
        text_add(events, EVENT_DELTA, s->kind, in[IN_THINKING]);
        text_add(events, EVENT_SIGNATURE, s->kind, in[IN_SIGNATURE]);
    }
    if (s->kind != BLOCK_CALL || input.n == 0 || json_is_empty(input))
        return 0;
    int err = string_make(state->arena, input, &input);
    if (!err)
        text_add(events, EVENT_DELTA, s->kind, input);
    s->has_input = true;
    return err;
}

static int block_start(struct wire_state *state, struct stream *s, const struct str *top,
                       struct chat_events *events)
{
    struct str in[INNERS];
    int err = inner_read(top[TOP_BLOCK], in);
    if (err || top[TOP_INDEX].n == 0 || s->stopped) /* nothing is said behind the end */
        return E_UPSTREAM_BODY;
    block_end(s, events);
    s->index = count_of(top[TOP_INDEX], 0);
    s->kind = kind_of(in[IN_TYPE]);
    s->has_input = false;
    if (s->kind == BLOCK_OTHER) {
        chat_event_beside(events, anthropic_other(in[IN_TYPE], in[IN_NAME]));
        return 0;
    }
    bool call = s->kind == BLOCK_CALL, hidden = s->kind == BLOCK_HIDDEN;
    if ((call && (!in[IN_ID].n || !in[IN_NAME].n)) || (hidden && !in[IN_DATA].n))
        return E_UPSTREAM_BODY;
    struct chat_event *e = chat_event_add(events, EVENT_BLOCK_BEGIN);
    e->block = s->kind;
    e->id = call ? in[IN_ID] : STR_NONE;
    e->name = call ? in[IN_NAME] : STR_NONE;
    e->text = hidden ? in[IN_DATA] : STR_NONE;
    return contents_add(state, s, in, events);
}

/* Deltas of types that are not known, or not this block's, say nothing. */
static int block_delta(struct stream *s, const struct str *top, struct chat_events *events)
{
    static const struct {
        struct str type;
        enum inner text;
        enum chat_block_kind block;
        enum chat_event_kind event;
    } rows[] = {
        {NAME("text_delta"), IN_TEXT, BLOCK_TEXT, EVENT_DELTA},
        {NAME("input_json_delta"), IN_PARTIAL_JSON, BLOCK_CALL, EVENT_DELTA},
        {NAME("thinking_delta"), IN_THINKING, BLOCK_THINKING, EVENT_DELTA},
        {NAME("signature_delta"), IN_SIGNATURE, BLOCK_THINKING, EVENT_SIGNATURE},
    };
    if (s->index < 0 || count_of(top[TOP_INDEX], -1) != s->index)
        return E_UPSTREAM_BODY; /* of no block, or of one that others stand between */
    if (s->kind == BLOCK_OTHER)
        return 0;
    struct str in[INNERS];
    int err = inner_read(top[TOP_DELTA], in);
    if (!err && string_is(in[IN_TYPE], STR("citations_delta")))
        chat_event_beside(events, ANSWER_CITATION);
    for (size_t i = 0; !err && i < ARRAY_LEN(rows); i++)
        if (s->kind == rows[i].block && string_is(in[IN_TYPE], rows[i].type)) {
            text_add(events, rows[i].event, s->kind, in[rows[i].text]);
            s->has_input = s->has_input || says_something(in[rows[i].text]);
        }
    return err;
}

/* ---- the end ---- */

static void explanation_add(struct str details, struct chat_events *events)
{
    struct str text = anthropic_explanation(details);
    if (!text.n)
        return;
    edge_add(events, EVENT_BLOCK_BEGIN, BLOCK_REFUSAL);
    text_add(events, EVENT_DELTA, BLOCK_REFUSAL, text);
    edge_add(events, EVENT_BLOCK_END, BLOCK_REFUSAL);
}

static int message_delta(struct stream *s, const struct str *top, struct chat_events *events)
{
    struct str in[INNERS] = {{0}};
    if (top[TOP_DELTA].n && inner_read(top[TOP_DELTA], in) != 0)
        return E_UPSTREAM_BODY;
    block_end(s, events);
    usage_add(s, top[TOP_USAGE], events);
    if (s->stopped || in[IN_STOP_REASON].n == 0)
        return 0;
    s->stopped = true;
    enum chat_stop stop = anthropic_stop_of(in[IN_STOP_REASON]);
    if (stop == STOP_REFUSED)
        explanation_add(in[IN_STOP_DETAILS], events);
    struct chat_event *e = chat_event_add(events, EVENT_STOPPED);
    e->stop = stop;
    e->stop_sequence = in[IN_STOP_SEQUENCE];
    return 0;
}

static void message_stop(struct stream *s, struct chat_events *events)
{
    block_end(s, events);
    if (!s->stopped)
        chat_event_add(events, EVENT_STOPPED);
    chat_event_add(events, EVENT_END);
    s->ended = true;
}

static void error_add(struct stream *s, struct str error, struct chat_events *events)
{
    struct str in[INNERS] = {{0}};
    if (json_is_object(error) && inner_read(error, in) != 0)
        in[IN_TYPE] = in[IN_MESSAGE] = STR_NONE;
    struct chat_event *e = chat_event_add(events, EVENT_FAILED);
    e->name = in[IN_TYPE].n ? in[IN_TYPE] : STR("\"api_error\"");
    e->text = in[IN_MESSAGE].n        ? in[IN_MESSAGE]
              : json_is_string(error) ? error
                                      : STR("\"the provider broke off its answer\"");
    s->ended = true;
}

static struct stream *stream_of(struct wire_state *state)
{
    if (!state->own) {
        struct stream *s = ARENA_NEW(state->arena, struct stream);
        if (s)
            *s = (struct stream){.usage = ANTHROPIC_USAGE_UNSAID, .index = -1};
        state->own = s;
    }
    return state->own;
}

int anthropic_stream_read(struct wire_state *state, struct str name, struct str data,
                          struct chat_events *events)
{
    struct stream *s = stream_of(state);
    struct str top[TOPS];
    events->n = 0;
    if (!s)
        return E_MEMORY;
    if (s->ended || str_trim(data).n == 0)
        return 0;
    int err = object_read(data, top_members, TOPS, top);
    bool typed = !err && top[TOP_TYPE].n > 0;
    enum anthropic_event event = anthropic_event_of(typed ? json_string_raw(top[TOP_TYPE]) : name);
    if (event == ANTHROPIC_ERROR || str_eq(name, STR("error"))) {
        error_add(s, err ? STR_NONE : top[TOP_ERROR], events);
        return 0;
    }
    bool foreign = name.n > 0 && !str_eq(name, STR("message")) && event <= ANTHROPIC_PING;
    if (err)
        return foreign ? 0 : err;
    if (event <= ANTHROPIC_PING)
        return 0;
    if (event == ANTHROPIC_MESSAGE_START)
        return message_start(s, top[TOP_MESSAGE], events);
    if (!s->begun)
        return E_UPSTREAM_BODY;
    if (event == ANTHROPIC_BLOCK_START)
        return block_start(state, s, top, events);
    if (event == ANTHROPIC_BLOCK_DELTA)
        return block_delta(s, top, events);
    if (event == ANTHROPIC_MESSAGE_DELTA)
        return message_delta(s, top, events);
    if (event == ANTHROPIC_MESSAGE_STOP)
        message_stop(s, events);
    else if (count_of(top[TOP_INDEX], -1) == s->index)
        block_end(s, events);
    return 0;
}
