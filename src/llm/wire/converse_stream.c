/*
 * wire/converse_stream.c: ConverseStream's events.
 *
 * Each is a frame (http/eventstream.h) whose name says what its payload is. Texts and thinking
 * begin with their first piece, calls with an event of their own. Blocks have numbers; they come
 * one after the other, so a piece with another number than the open block's begins the next one.
 * Behind the end of the message comes the usage, and then nothing.
 */
#include "llm/wire/converse.h"
#include "llm/wire/parts.h"

/* ---- one event ---- */

static void start_read(struct str start, struct converse_event *e)
{
    struct str call = member_peek(start, STR("toolUse"), VALUE_OBJECT), input;
    static const struct member of[] = {CONVERSE_OTHERS};
    struct str v[ARRAY_LEN(of)];
    if (call.n) {
        e->block = converse_call_read(call, &e->id, &e->name, &input);
        e->other = ANSWER_TOOL;
    } else if (start.n && !json_is_empty(start)) {
        (void)members_peek(start, of, ARRAY_LEN(of), v);
        e->block = BLOCK_OTHER;
        e->other = converse_other(v);
    }
}

static void reasoning_read(struct str reasoning, struct converse_event *e)
{
    enum { TEXT, SIGNATURE, HIDDEN };
    static const struct member of[] = {MEMBER("text", STRING), MEMBER("signature", STRING),
                                       MEMBER("redactedContent", STRING)};
    struct str v[ARRAY_LEN(of)];
    (void)members_peek(reasoning, of, ARRAY_LEN(of), v);
    unsigned said = v[HIDDEN].n ? HIDDEN : v[SIGNATURE].n ? SIGNATURE : TEXT;
    e->text = v[said];
    e->is_signature = said == SIGNATURE;
    if (e->text.n)
        e->block = said == HIDDEN ? BLOCK_HIDDEN : BLOCK_THINKING;
}

static void delta_read(struct str delta, struct converse_event *e)
{
    enum { TEXT, CALL, REASONING, OTHERS };
    static const struct member of[] = {MEMBER("text", STRING), MEMBER("toolUse", OBJECT),
                                       MEMBER("reasoningContent", OBJECT), CONVERSE_OTHERS};
    struct str v[ARRAY_LEN(of)];
    (void)members_peek(delta, of, ARRAY_LEN(of), v);
    e->block = v[TEXT].n ? BLOCK_TEXT : v[CALL].n ? BLOCK_CALL : BLOCK_OTHER;
    if (e->block == BLOCK_OTHER && !v[REASONING].n && delta.n && !json_is_empty(delta))
        e->other = converse_other(v + OTHERS);
    e->text = v[TEXT].n ? v[TEXT] : member_peek(v[CALL], STR("input"), VALUE_STRING);
    if (v[REASONING].n)
        reasoning_read(v[REASONING], e);
    if (e->text.n <= 2)
        e->text = STR_NONE;
}

static enum converse_event_kind kind_of(struct str name)
{
    static const struct {
        struct str name;
        enum converse_event_kind kind;
    } kinds[] = {
        {NAME("messageStart"), CONVERSE_MESSAGE_START},
        {NAME("contentBlockStart"), CONVERSE_BLOCK_START},
        {NAME("contentBlockDelta"), CONVERSE_DELTA},
        {NAME("contentBlockStop"), CONVERSE_BLOCK_STOP},
        {NAME("messageStop"), CONVERSE_MESSAGE_STOP},
        {NAME("metadata"), CONVERSE_METADATA},
        {NAME("error"), CONVERSE_FAILED},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].name, name))
            return kinds[i].kind;
    return str_ends(name, STR("Exception")) ? CONVERSE_FAILED : CONVERSE_UNKNOWN;
}

int converse_event_parse(struct str name, struct str data, struct converse_event *ret_event)
{
    enum { INDEX, START, DELTA, STOP, FIELDS, USAGE, ERROR, ERROR_ELSEWHERE };
    static const struct member of[] = {MEMBER("contentBlockIndex", COUNT),
                                       MEMBER("start", OBJECT),
                                       MEMBER("delta", OBJECT),
                                       MEMBER("stopReason", STRING),
                                       MEMBER("additionalModelResponseFields", OBJECT),
                                       MEMBER("usage", OBJECT),
                                       MEMBER("message", STRING),
                                       MEMBER("Message", STRING)};
    struct str v[ARRAY_LEN(of)];
    struct converse_event e = {
        .kind = kind_of(name), .index = -1, .block = BLOCK_TEXT, .other = ANSWER_PART_COUNT};
    bool good = e.kind == CONVERSE_UNKNOWN || members_peek(data, of, ARRAY_LEN(of), v);
    if (good && e.kind != CONVERSE_UNKNOWN)
        e.index = count_of(v[INDEX], -1);
    if (good && e.kind == CONVERSE_BLOCK_START)
        start_read(v[START], &e);
    if (good && e.kind == CONVERSE_DELTA)
        delta_read(v[DELTA], &e);
    if (good && e.kind == CONVERSE_MESSAGE_STOP) {
        e.stop = v[STOP];
        e.stop_sequence = member_peek(v[FIELDS], STR("stop_sequence"), VALUE_STRING);
    }
    if (good && e.kind == CONVERSE_METADATA)
        e.has_usage = converse_usage_read(v[USAGE], &e.usage);
    if (good && e.kind == CONVERSE_FAILED) /* that it failed is known, whatever it says */
        e.text = v[ERROR].n ? v[ERROR] : v[ERROR_ELSEWHERE];
    *ret_event = e;
    return good || e.kind == CONVERSE_FAILED ? 0 : E_UPSTREAM_BODY;
}

/* ---- the stream ---- */

struct stream {
    bool begun, stopped, counted, ended;
    bool open;  /* a block, of `kind` */
    bool other; /* what came last begins a block that is passed over */
    enum chat_block_kind kind;
    int64_t index; /* of the block that is open or passed over */
};

static void block_close(struct stream *s, struct chat_events *events)
{
    if (s->open)
        chat_event_add(events, EVENT_BLOCK_END)->block = s->kind;
    s->open = s->other = false;
}

static struct chat_event *block_open(struct stream *s, enum chat_block_kind kind, int64_t index,
                                     struct chat_events *events)
{
    block_close(s, events);
    struct chat_event *e = chat_event_add(events, EVENT_BLOCK_BEGIN);
    e->block = s->kind = kind;
    s->index = index;
    s->open = true;
    return e;
}

/* What has no form in a chat. Pictures are among it, since a stream brings them in pieces. */
static void other_give(const struct converse_event *said, struct chat_events *events)
{
    if (said->other < ANSWER_PART_COUNT)
        chat_event_beside(events, said->other);
}

static int start_give(struct stream *s, const struct converse_event *said,
                      struct chat_events *events)
{
    if (said->block == BLOCK_TEXT)
        return 0; /* its first piece opens it */
    if (said->block == BLOCK_OTHER) {
        block_close(s, events);
        other_give(said, events);
        s->other = true;
        s->index = said->index;
        return 0;
    }
    if (said->id.n <= 2)
        return E_UPSTREAM_BODY;
    struct chat_event *e = block_open(s, BLOCK_CALL, said->index, events);
    e->id = said->id;
    e->name = said->name.n ? said->name : STR("\"\"");
    return 0;
}

static int delta_give(struct stream *s, const struct converse_event *said,
                      struct chat_events *events)
{
    bool here = s->open && s->kind == said->block && s->index == said->index;
    bool passed = s->other && s->index == said->index;
    if (said->block == BLOCK_OTHER && !passed)
        other_give(said, events);
    if (!said->text.n || said->block == BLOCK_OTHER || passed)
        return 0;
    if (said->block == BLOCK_CALL && !here)
        return E_UPSTREAM_BODY; /* input of a call that did not begin, or is over */
    if (said->block == BLOCK_HIDDEN) {
        block_open(s, BLOCK_HIDDEN, said->index, events)->text = said->text;
        block_close(s, events);
        return 0;
    }
    if (!here)
        (void)block_open(s, said->block, said->index, events);
    struct chat_event *e = chat_event_add(events,
                                          said->is_signature ? EVENT_SIGNATURE : EVENT_DELTA);
    e->block = said->block;
    e->text = said->text;
    return 0;
}

static void fail_give(struct stream *s, struct str name, struct str text,
                      struct chat_events *events)
{
    struct chat_event *e = chat_event_add(events, EVENT_FAILED);
    e->name = name;
    e->text = text.n ? text : STR("\"an error without words\"");
    s->ended = true;
}

/* The end is behind both the message's and the usage, in whichever order they come. */
static void end_give(struct stream *s, struct chat_events *events)
{
    if (!s->stopped || !s->counted)
        return;
    chat_event_add(events, EVENT_END);
    s->ended = true;
}

static void stop_give(struct stream *s, const struct converse_event *said,
                      struct chat_events *events)
{
    if (converse_is_broken(said->stop)) {
        fail_give(s, said->stop, STR("\"the model's answer was malformed\""), events);
        return;
    }
    block_close(s, events);
    struct chat_event *e = chat_event_add(events, EVENT_STOPPED);
    e->stop = converse_stop(said->stop);
    if (e->stop == STOP_SEQUENCE)
        e->stop_sequence = said->stop_sequence;
    s->stopped = true;
    end_give(s, events);
}

static void metadata_give(struct stream *s, const struct converse_event *said,
                          struct chat_events *events)
{
    if (said->has_usage)
        chat_event_add(events, EVENT_USAGE)->usage = said->usage;
    s->counted = true;
    end_give(s, events);
}

static int event_give(struct stream *s, const struct converse_event *said,
                      struct chat_events *events)
{
    if (said->kind == CONVERSE_METADATA) {
        metadata_give(s, said, events);
        return 0;
    }
    if (s->stopped)
        return 0;
    switch (said->kind) {
    case CONVERSE_BLOCK_START:
        return start_give(s, said, events);
    case CONVERSE_DELTA:
        return delta_give(s, said, events);
    case CONVERSE_BLOCK_STOP:
        if (s->index == said->index)
            block_close(s, events);
        return 0;
    case CONVERSE_MESSAGE_STOP:
        stop_give(s, said, events);
        return 0;
    default:
        return 0;
    }
}

int converse_event_read(struct wire_state *state, struct str name, struct str data,
                        struct chat_events *ret_events)
{
    struct converse_event said;
    ret_events->n = 0;
    if (!state->own)
        state->own = ARENA_NEW(state->arena, struct stream);
    struct stream *s = state->own;
    if (!s)
        return E_MEMORY;
    int err = s->ended ? 0 : converse_event_parse(name, data, &said);
    if (err || s->ended || said.kind == CONVERSE_UNKNOWN)
        return err;
    if (said.kind == CONVERSE_FAILED) { /* once a stream, so the name may take memory */
        struct str string;
        err = string_make(state->arena, name, &string);
        if (!err)
            fail_give(s, string, said.text, ret_events);
        return err;
    }
    if (!s->begun)
        (void)chat_event_add(ret_events, EVENT_BEGIN);
    s->begun = true;
    return event_give(s, &said, ret_events);
}
