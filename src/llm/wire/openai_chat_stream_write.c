/* openai_chat_stream_write.c: an answer as the chunks that this protocol's clients expect. */
#include "llm/wire/openai_chat.h"

struct writer {
    struct str id, model; /* string */
    int64_t created_s;
    int64_t call;                 /* its index; -1 before the first */
    unsigned thoughts;            /* entries of thinking_blocks so far, ... */
    bool thought_open;            /* ... of which the last goes on */
    unsigned annotations, images; /* so far */
    int64_t chars, block_chars;   /* of the content so far, and before the open text */
    bool call_empty;              /* nothing of its input was written yet */
    bool any_refusal, ended, has_usage;
    struct tokens usage;
};

static void chunk_begin(const struct wire_state *state, struct buf *out)
{
    const struct writer *w = state->own;
    frame_begin(out, STR_NONE);
    openai_chat_head_put(out, STR("\"chat.completion.chunk\""), w->id, w->created_s, w->model);
}

/* Up to the delta, which is open. */
static void delta_begin(const struct wire_state *state, struct buf *out)
{
    chunk_begin(state, out);
    buf_str(out, STR(",\"choices\":[{\"index\":0,\"delta\":{"));
}

/* A client that asked for usage is told in each chunk that it is not there yet. */
static void chunk_end(const struct wire_state *state, struct buf *out, struct str finish_reason,
                      struct str left_out)
{
    buf_str(out, STR("},\"logprobs\":null"));
    member_put_json(out, STR("finish_reason"), finish_reason);
    buf_str(out, STR("}]"));
    if (state->wants_usage)
        buf_str(out, STR(",\"usage\":null"));
    left_out_put(out, left_out);
    buf_char(out, '}');
    frame_end(out);
}

static void delta_end(const struct wire_state *state, struct buf *out, struct str finish_reason)
{
    chunk_end(state, out, finish_reason, STR_NONE);
}

static void delta_put(const struct wire_state *state, struct buf *out, struct str name,
                      struct str string)
{
    delta_begin(state, out);
    member_put_string(out, name, string);
    delta_end(state, out, STR("null"));
}

static int begin_write(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    struct writer *w = state->own;
    if (e->id.n && !(w->id = arena_str(state->arena, e->id)).p)
        return E_MEMORY;
    if (e->model.n && !(w->model = arena_str(state->arena, e->model)).p)
        return E_MEMORY;
    w->created_s = e->created_s;
    delta_begin(state, out);
    buf_str(out, STR("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"));
    delta_end(state, out, STR("null"));
    return 0;
}

/* The texts stand in thinking_blocks, too: with more than one block, nothing else says whose
 * signature is whose. Pieces of one have the same index, by which OpenAI's clients join them. */
static void thought_put(struct wire_state *state, struct buf *out, const struct chat_event *e)
{
    struct writer *w = state->own;
    bool text = e->kind != EVENT_SIGNATURE;
    member_put(out, STR("thinking_blocks"));
    buf_char(out, '[');
    openai_chat_thought_put(out, e->block, text ? e->text : STR_NONE, text ? STR_NONE : e->text,
                            w->thoughts);
    buf_char(out, ']');
    w->thought_open = true;
}

static void thought_write(struct wire_state *state, struct buf *out, const struct chat_event *e)
{
    delta_begin(state, out);
    if (e->kind == EVENT_DELTA)
        member_put_string(out, STR("reasoning_content"), e->text);
    thought_put(state, out, e);
    delta_end(state, out, STR("null"));
}

static void cited_write(struct wire_state *state, struct buf *out, const struct chat_event *e)
{
    struct writer *w = state->own;
    struct chat_citation cited = chat_citation_of(e);
    delta_begin(state, out);
    buf_str(out, STR("\"annotations\":["));
    openai_chat_cited_put(out, &cited, w->block_chars, w->annotations++);
    buf_char(out, ']');
    delta_end(state, out, STR("null"));
}

static void image_write(struct wire_state *state, struct buf *out, const struct chat_event *e)
{
    struct writer *w = state->own;
    struct chat_media media = {.form = e->name.n ? MEDIA_BASE64 : MEDIA_URL, .data = e->text};
    if (e->name.n)
        media.type = json_string_raw(e->name);
    delta_begin(state, out);
    buf_str(out, STR("\"images\":["));
    openai_chat_image_put(out, &media, w->images++);
    buf_char(out, ']');
    delta_end(state, out, STR("null"));
}

/* A piece of the call that goes on, up to its function's members, and from there. */
static void call_delta_begin(const struct wire_state *state, struct buf *out)
{
    const struct writer *w = state->own;
    delta_begin(state, out);
    buf_str(out, STR("\"tool_calls\":[{"));
    member_put_i64(out, STR("index"), w->call < 0 ? 0 : w->call);
}

static void call_delta_end(const struct wire_state *state, struct buf *out)
{
    buf_str(out, STR("}}]"));
    delta_end(state, out, STR("null"));
}

static void block_begin_write(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    struct writer *w = state->own;
    w->block_chars = w->chars;
    if (e->block == BLOCK_HIDDEN)
        thought_write(state, out, e);
    if (e->block == BLOCK_IMAGE && e->text.n > 2)
        image_write(state, out, e);
    if (e->block != BLOCK_CALL)
        return;
    w->call++;
    w->call_empty = true;
    call_delta_begin(state, out);
    member_put_string(out, STR("id"), e->id);
    buf_str(out, STR(",\"type\":\"function\",\"function\":{"));
    member_put_string(out, STR("name"), e->name);
    buf_str(out, STR(",\"arguments\":\"\""));
    call_delta_end(state, out);
}

static void input_write(struct wire_state *state, struct str input, struct buf *out)
{
    struct writer *w = state->own;
    if (input.n <= 2)
        return;
    w->call_empty = false;
    call_delta_begin(state, out);
    buf_str(out, STR(",\"function\":{\"arguments\":"));
    buf_str(out, input);
    call_delta_end(state, out);
}

static void delta_write(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    struct writer *w = state->own;
    switch (e->block) {
    case BLOCK_TEXT:
        w->chars += string_chars(e->text);
        delta_put(state, out, STR("content"), e->text);
        break;
    case BLOCK_THINKING:
        thought_write(state, out, e);
        break;
    case BLOCK_REFUSAL:
        w->any_refusal = true;
        delta_put(state, out, STR("refusal"), e->text);
        break;
    case BLOCK_CALL:
        input_write(state, e->text, out);
        break;
    default:
        break; /* clients of this wire have no place for it */
    }
}

static void stopped_write(struct wire_state *state, enum chat_stop stop, struct buf *out)
{
    const struct writer *w = state->own;
    delta_begin(state, out);
    chunk_end(state, out, openai_chat_stop_word(stop, w->call >= 0, w->any_refusal),
              state->left_out);
}

static void end_write(struct wire_state *state, struct buf *out)
{
    struct writer *w = state->own;
    if (state->wants_usage && w->has_usage) {
        chunk_begin(state, out);
        buf_str(out, STR(",\"choices\":[],\"usage\":"));
        openai_chat_usage_put(out, &w->usage);
        buf_char(out, '}');
        frame_end(out);
    }
    buf_str(out, STR("data: [DONE]\n\n"));
    w->ended = true;
}

static void failed_write(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    struct writer *w = state->own;
    frame_begin(out, STR_NONE);
    buf_str(out, STR("{\"error\":{"));
    member_put_string(out, STR("message"), e->text);
    member_put_string(out, STR("type"), e->name);
    buf_str(out, STR(",\"param\":null,\"code\":null}}"));
    frame_end(out);
    w->ended = true;
}

static int writer_make(struct wire_state *state)
{
    struct writer *w = ARENA_NEW(state->arena, struct writer);
    state->own = w;
    if (!w)
        return E_MEMORY;
    w->call = -1;
    return string_make(state->arena, state->model, &w->model);
}

int openai_chat_event_write(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    int err = state->own ? 0 : writer_make(state);
    struct writer *w = state->own;
    if (err || w->ended)
        return err;
    switch (e->kind) {
    case EVENT_BEGIN:
        err = begin_write(state, e, out);
        break;
    case EVENT_BLOCK_BEGIN:
        block_begin_write(state, e, out);
        break;
    case EVENT_DELTA:
        delta_write(state, e, out);
        break;
    case EVENT_SIGNATURE:
        thought_write(state, out, e);
        break;
    case EVENT_CITED:
        cited_write(state, out, e);
        break;
    case EVENT_BESIDE:
        break;
    case EVENT_BLOCK_END: /* a call without input is called with an empty one */
        w->thoughts += w->thought_open;
        w->thought_open = false;
        if (e->block == BLOCK_CALL && w->call_empty)
            input_write(state, STR("\"{}\""), out);
        w->call_empty = false;
        break;
    case EVENT_USAGE:
        w->usage = e->usage;
        w->has_usage = true;
        break;
    case EVENT_STOPPED:
        stopped_write(state, e->stop, out);
        break;
    case EVENT_END:
        end_write(state, out);
        break;
    case EVENT_FAILED:
        failed_write(state, e, out);
        break;
    }
    return err ? err : out->failed;
}
