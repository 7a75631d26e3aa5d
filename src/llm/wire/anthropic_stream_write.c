/*
 * anthropic_stream_write.c: a message as the events that this protocol's clients expect.
 *
 * message_start; for each block content_block_start, deltas and content_block_stop with its place
 * in the content; message_delta with the reason and all of the usage; message_stop. Since usage may
 * be told last, message_delta waits for the end. A text block begins with its first text, so that
 * an empty one, which this protocol does not have, is never there.
 */
#include "llm/wire/anthropic.h"

struct writing {
    bool begun, ended;
    bool pending; /* a text block was announced, and has no text yet */
    bool open;    /* a block was begun with the client */
    bool calls, refuses;
    enum chat_block_kind kind; /* of the block, pending or open */
    unsigned index;
    struct tokens usage;
    enum chat_stop stop;
    struct str stop_sequence; /* string, in the arena */
};

static void event_begin(struct buf *out, struct str type)
{
    frame_begin(out, type);
    buf_str(out, STR("{\"type\":\""));
    buf_str(out, type);
    buf_char(out, '"');
}

static void event_end(struct buf *out)
{
    buf_char(out, '}');
    frame_end(out);
}

/* An event of the block, with its place. */
static void block_event_begin(const struct writing *s, struct buf *out, struct str type)
{
    event_begin(out, type);
    buf_str(out, STR(",\"index\":"));
    buf_u64(out, s->index);
}

static void message_start(struct wire_state *state, struct writing *s, const struct chat_event *e,
                          struct buf *out)
{
    bool said = e && e->kind == EVENT_BEGIN;
    s->begun = true;
    event_begin(out, STR("message_start"));
    buf_str(out, STR(",\"message\":{\"id\":"));
    buf_str(out, said && e->id.n ? e->id : STR("\"\""));
    buf_str(out, STR(",\"type\":\"message\",\"role\":\"assistant\",\"model\":"));
    if (said && e->model.n)
        buf_str(out, e->model);
    else
        json_quote(out, state->model);
    buf_str(out, STR(",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"));
    anthropic_usage_write(out, &s->usage);
    buf_char(out, '}');
    event_end(out);
}

/* ---- blocks ---- */

static void block_start(struct writing *s, const struct chat_event *e, struct buf *out)
{
    block_event_begin(s, out, STR("content_block_start"));
    buf_str(out, STR(",\"content_block\":{\"type\":"));
    if (s->kind == BLOCK_THINKING) {
        buf_str(out, STR("\"thinking\",\"thinking\":\"\",\"signature\":\"\""));
    } else if (s->kind == BLOCK_HIDDEN) {
        buf_str(out, STR("\"redacted_thinking\",\"data\":"));
        buf_str(out, e->text.n ? e->text : STR("\"\""));
    } else if (s->kind == BLOCK_CALL) {
        buf_str(out, STR("\"tool_use\",\"id\":"));
        buf_str(out, e->id.n ? e->id : STR("\"\""));
        buf_str(out, STR(",\"name\":"));
        buf_str(out, e->name.n ? e->name : STR("\"\""));
        buf_str(out, STR(",\"input\":{}"));
    } else {
        buf_str(out, STR("\"text\",\"text\":\"\""));
    }
    buf_char(out, '}');
    event_end(out);
    s->pending = false;
    s->open = true;
    s->calls = s->calls || s->kind == BLOCK_CALL;
    s->refuses = s->refuses || s->kind == BLOCK_REFUSAL;
}

static void block_stop(struct writing *s, struct buf *out)
{
    if (s->open) {
        block_event_begin(s, out, STR("content_block_stop"));
        event_end(out);
        s->index++;
    }
    s->open = s->pending = false;
}

static void block_begin(struct writing *s, const struct chat_event *e, struct buf *out)
{
    block_stop(s, out);
    s->kind = e->block;
    switch (e->block) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        s->pending = true;
        break;
    case BLOCK_CALL:
    case BLOCK_THINKING:
    case BLOCK_HIDDEN:
        block_start(s, e, out);
        break;
    default: /* nothing that an answer of this protocol has */
        break;
    }
}

static void block_delta(struct writing *s, const struct chat_event *e, struct buf *out)
{
    bool signature = e->kind == EVENT_SIGNATURE;
    if (e->text.n <= 2 || !(s->pending || s->open) || s->kind == BLOCK_HIDDEN ||
        (signature && s->kind != BLOCK_THINKING))
        return;
    if (s->pending)
        block_start(s, e, out);
    block_event_begin(s, out, STR("content_block_delta"));
    buf_str(out, signature                   ? STR(",\"delta\":{\"type\":\"signature_delta\","
                                                                     "\"signature\":")
                 : s->kind == BLOCK_THINKING ? STR(",\"delta\":{\"type\":\"thinking_delta\","
                                                   "\"thinking\":")
                 : s->kind == BLOCK_CALL     ? STR(",\"delta\":{\"type\":\"input_json_delta\","
                                                       "\"partial_json\":")
                                         : STR(",\"delta\":{\"type\":\"text_delta\",\"text\":"));
    buf_str(out, e->text);
    buf_char(out, '}');
    event_end(out);
}

/* ---- the end ---- */

static int stopped(struct wire_state *state, struct writing *s, const struct chat_event *e)
{
    s->stop = e->stop;
    if (!e->stop_sequence.n || s->stop_sequence.n)
        return 0;
    s->stop_sequence = arena_str(state->arena, e->stop_sequence);
    return s->stop_sequence.p ? 0 : E_MEMORY;
}

static void message_end(const struct wire_state *state, struct writing *s, struct buf *out)
{
    block_stop(s, out);
    event_begin(out, STR("message_delta"));
    buf_str(out, STR(",\"delta\":{\"stop_reason\":"));
    buf_str(out, anthropic_stop_word(s->stop, s->calls, s->refuses));
    buf_str(out, STR(",\"stop_sequence\":"));
    buf_str(out, s->stop_sequence.n ? s->stop_sequence : STR("null"));
    buf_str(out, STR("},\"usage\":"));
    anthropic_usage_write(out, &s->usage);
    left_out_put(out, state->left_out);
    event_end(out);
    event_begin(out, STR("message_stop"));
    event_end(out);
    s->ended = true;
}

/* A type of another protocol's becomes this one's most general, and stays to be seen as code. */
static void failed(struct writing *s, const struct chat_event *e, struct buf *out)
{
    struct str name = e->name.n > 2 ? e->name : STR("\"api_error\"");
    bool ours = anthropic_error_status(json_string_raw(name)) != 0;
    event_begin(out, STR("error"));
    buf_str(out, STR(",\"error\":{\"type\":"));
    buf_str(out, ours ? name : STR("\"api_error\""));
    member_put_json(out, STR("message"), e->text.n ? e->text : STR("\"\""));
    if (!ours)
        member_put_json(out, STR("code"), name);
    buf_char(out, '}');
    event_end(out);
    s->ended = true;
}

int anthropic_stream_write(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    if (!state->own)
        state->own = ARENA_NEW(state->arena, struct writing);
    struct writing *s = state->own;
    int err = 0;
    if (!s)
        return E_MEMORY;
    if (s->ended)
        return 0;
    if (!s->begun && e->kind != EVENT_USAGE && e->kind != EVENT_FAILED)
        message_start(state, s, e, out);
    switch (e->kind) {
    case EVENT_BEGIN:
        break;
    case EVENT_BLOCK_BEGIN:
        block_begin(s, e, out);
        break;
    case EVENT_DELTA:
    case EVENT_SIGNATURE:
        block_delta(s, e, out);
        break;
    case EVENT_BLOCK_END:
        block_stop(s, out);
        break;
    case EVENT_USAGE:
        s->usage = e->usage;
        break;
    case EVENT_STOPPED:
        err = stopped(state, s, e);
        break;
    case EVENT_END:
        message_end(state, s, out);
        break;
    case EVENT_CITED: /* this protocol has no place for them, which its table says */
    case EVENT_BESIDE:
        break;
    case EVENT_FAILED:
        failed(s, e, out);
        break;
    }
    return err ? err : out->failed;
}
