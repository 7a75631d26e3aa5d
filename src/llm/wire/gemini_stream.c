/*
 * wire/gemini_stream.c: Gemini's streams.
 *
 * Every event is a whole GenerateContentResponse with the next parts; nothing says where a block
 * begins or ends, so a block is open for as long as parts of its kind follow one another. An event
 * may hold any number of parts (ten calls at once): where they come to more than one chat_events
 * holds, the rest is given when the same event is read again (wire_state.again).
 *
 * A finishReason does not say that its event is the last: older models and servers that speak like
 * Gemini's have one in every event. So why the answer ended is told when the stream has, as the
 * last event that has a reason says it.
 */
#include "llm/wire/gemini.h"
#include "llm/wire/parts.h"

/* Closing the open block, the text, and a thinking block of its own for its signature. */
#define EVENTS_OF_PART 7
#define EVENTS_OF_END  3

struct stream {
    bool begun, failed, blocked;
    enum chat_stop stop; /* as far as it was told */
    bool open;           /* a block, of `kind` */
    enum chat_block_kind kind;
    unsigned calls;
    /* The event that is being given. */
    struct gemini_piece piece;
    struct gemini_parts parts;
    /* Strings made for this event; it grows to what the largest event needs. */
    char *scratch;
    size_t scratch_n, scratch_cap;
};

static struct stream *stream_of(struct wire_state *state)
{
    if (!state->own)
        state->own = ARENA_NEW(state->arena, struct stream);
    return state->own;
}

/* Keeps what was written until the next event. Pieces that were kept before stay where they are. */
static int keep(struct wire_state *state, struct buf *out, struct str *ret_string)
{
    struct stream *s = state->own;
    int err = out->failed;
    if (!err && out->n > s->scratch_cap - s->scratch_n) {
        size_t cap = s->scratch_cap * 2 > out->n ? s->scratch_cap * 2 : out->n + 256;
        char *more = arena_alloc(state->arena, cap);
        err = more ? 0 : E_MEMORY;
        if (more) {
            s->scratch = more;
            s->scratch_cap = cap;
            s->scratch_n = 0;
        }
    }
    if (!err) {
        memcpy(s->scratch + s->scratch_n, out->p, out->n);
        *ret_string = str_of(s->scratch + s->scratch_n, out->n);
        s->scratch_n += out->n;
    }
    buf_fini(out);
    return err;
}

/* ---- blocks ---- */

static void block_close(struct stream *s, struct chat_events *events)
{
    if (s->open)
        chat_event_add(events, EVENT_BLOCK_END)->block = s->kind;
    s->open = false;
}

static struct chat_event *block_open(struct stream *s, enum chat_block_kind kind,
                                     struct chat_events *events)
{
    block_close(s, events);
    struct chat_event *e = chat_event_add(events, EVENT_BLOCK_BEGIN);
    e->block = s->kind = kind;
    s->open = true;
    return e;
}

static void delta_give(struct stream *s, struct str text, struct chat_events *events)
{
    struct chat_event *e = chat_event_add(events, EVENT_DELTA);
    e->block = s->kind;
    e->text = text;
}

static int signature_give(struct wire_state *state, struct str signature,
                          struct chat_events *events)
{
    struct buf out;
    buf_init(&out, signature.n + 16);
    (void)gemini_put_signature(&out, signature);
    struct chat_event *e = chat_event_add(events, EVENT_SIGNATURE);
    e->block = BLOCK_THINKING;
    return keep(state, &out, &e->text);
}

static int call_give(struct wire_state *state, const struct gemini_part *part,
                     struct chat_events *events)
{
    struct stream *s = state->own;
    struct buf id, input;
    buf_init(&id, part->id.n + part->signature.n + 128);
    (void)gemini_put_id(&id, part, s->piece.id, s->calls++);
    struct chat_event *e = block_open(s, BLOCK_CALL, events);
    e->name = part->name;
    int err = keep(state, &id, &e->id);
    if (err)
        return err;
    struct str text;
    buf_init(&input, part->args.n * 6 + 2);
    (void)input_put_string(&input, part->args);
    err = keep(state, &input, &text);
    if (!err)
        delta_give(s, text, events);
    block_close(s, events);
    return err;
}

static int image_give(struct wire_state *state, const struct gemini_part *part,
                      struct chat_events *events)
{
    struct stream *s = state->own;
    struct buf type;
    buf_init(&type, part->mime.n * 6 + 2);
    (void)json_quote(&type, part->mime);
    struct chat_event *e = block_open(s, BLOCK_IMAGE, events);
    e->text = part->data;
    int err = keep(state, &type, &e->name);
    block_close(s, events);
    return err;
}

static int part_give(struct wire_state *state, const struct gemini_part *part,
                     struct chat_events *events)
{
    struct stream *s = state->own;
    if (part->kind == PART_CALL)
        return call_give(state, part, events);
    if (part->kind == PART_OTHER)
        chat_event_beside(events, part->other);
    int err = part->kind == PART_IMAGE ? image_give(state, part, events) : 0;
    if (err)
        return err;
    if (part->text.n) {
        enum chat_block_kind kind = part->kind == PART_THOUGHT ? BLOCK_THINKING : BLOCK_TEXT;
        if (!s->open || s->kind != kind)
            (void)block_open(s, kind, events);
        delta_give(s, part->text, events);
    }
    if (!part->signature.n)
        return 0;
    /* A thought's stands in its block; it is the last of it. */
    if (part->kind != PART_THOUGHT || !s->open || s->kind != BLOCK_THINKING)
        (void)block_open(s, BLOCK_THINKING, events);
    err = signature_give(state, part->signature, events);
    block_close(s, events);
    return err;
}

/* ---- the end ---- */

static void fail_give(struct stream *s, struct str name, struct str text,
                      struct chat_events *events)
{
    struct chat_event *e = chat_event_add(events, EVENT_FAILED);
    e->name = name.n ? name : STR("\"UNKNOWN\"");
    e->text = text.n ? text : STR("\"an error without words\"");
    s->failed = true;
}

/* What an event tells beside its parts. */
static void beside_give(struct stream *s, struct chat_events *events)
{
    const struct gemini_piece *piece = &s->piece;
    if (piece->has_usage)
        chat_event_add(events, EVENT_USAGE)->usage = piece->usage;
    if (piece->cites)
        chat_event_beside(events, ANSWER_CITATION);
    if (gemini_is_broken(piece->finish)) {
        fail_give(s, piece->finish,
                  piece->finished.n ? piece->finished : STR("\"the model's answer was broken\""),
                  events);
    } else if (piece->finish.n) {
        s->stop = gemini_stop(piece->finish, false);
    }
    s->blocked = s->blocked || piece->blocked.n > 0;
}

void gemini_end_read(struct wire_state *state, struct chat_events *ret_events)
{
    struct stream *s = state->own;
    ret_events->n = 0;
    if (!s || s->failed)
        return;
    if (s->blocked)
        s->stop = STOP_REFUSED;
    else if (s->stop == STOP_END && s->calls > 0)
        s->stop = STOP_CALL;
    block_close(s, ret_events);
    chat_event_add(ret_events, EVENT_STOPPED)->stop = s->stop;
    chat_event_add(ret_events, EVENT_END);
}

static void begin_give(struct stream *s, struct chat_events *events)
{
    const struct gemini_piece *piece = &s->piece;
    if (s->begun || !(piece->has_candidate || piece->has_usage || piece->blocked.n))
        return;
    struct chat_event *e = chat_event_add(events, EVENT_BEGIN);
    e->id = piece->id;
    e->model = piece->model;
    s->begun = true;
}

/* Gives what is left of the event, or as much of it as there is room for. */
static int rest_give(struct wire_state *state, struct chat_events *events)
{
    struct stream *s = state->own;
    struct gemini_part part;
    int err = 0;
    while (!err && s->parts.more) {
        if (events->n + EVENTS_OF_PART > CHAT_EVENTS_MAX) {
            state->again = true;
            return 0;
        }
        (void)gemini_part_next(&s->parts, &part);
        err = part_give(state, &part, events);
    }
    if (err)
        return err;
    state->again = events->n + EVENTS_OF_END > CHAT_EVENTS_MAX;
    if (!state->again)
        beside_give(s, events);
    return 0;
}

int gemini_event_read(struct wire_state *state, struct str name, struct str data,
                      struct chat_events *ret_events)
{
    ret_events->n = 0;
    bool again = state->again;
    state->again = false;
    struct stream *s = stream_of(state);
    if (!s)
        return E_MEMORY;
    s->scratch_n = 0;
    if (again)
        return rest_give(state, ret_events);
    /* Its events have no names; empty ones and others' keep the way open. */
    bool ours = name.n == 0 || str_eq(name, STR("message")) || str_eq(name, STR("error"));
    if (s->failed || !ours || str_trim(data).n == 0 || str_eq(str_trim(data), STR("[DONE]")))
        return 0;
    int err = gemini_piece_read(data, &s->piece);
    if (err)
        return err;
    if (s->piece.error.n) {
        fail_give(s, member_peek(s->piece.error, STR("status"), VALUE_STRING),
                  member_peek(s->piece.error, STR("message"), VALUE_STRING), ret_events);
        return 0;
    }
    gemini_parts_init(&s->parts, s->piece.content);
    begin_give(s, ret_events);
    return rest_give(state, ret_events);
}
