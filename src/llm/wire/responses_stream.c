/*
 * wire/responses_stream.c: a stream's events, as clients get them.
 *
 * The last events of a part, of an item and of the whole repeat all that was said, so everything is
 * kept, once: in the list of items as the whole will have it. An item is done only with what comes
 * behind it, since whether the answer was cut off is told after its last block.
 */
#include "llm/wire/responses.h"

/* What one answer may come to; the whole of it goes out once more at its end. */
#define STREAM_BYTES_MAX    (32u << 20)
#define SIGNATURE_BYTES_MAX (1u << 20)

struct stream {
    struct responses_who who;
    struct responses_output items;
    struct responses_end end;
    struct buf kept;      /* of items */
    struct buf signature; /* raw: of the open reasoning */
    struct buf cited;     /* json: of the open part, as of items */
    unsigned annotations; /* of it */
    enum chat_block_kind block;
    bool in_block, in_part, over, refusal;
    unsigned sequence;
    enum chat_stop stop;
};

/* The bufs are on the heap: they grow with the answer, and an arena would keep each size. */
void responses_state_fini(struct wire_state *state)
{
    struct stream *s = state->own;
    if (!s)
        return;
    buf_fini(&s->kept);
    buf_fini(&s->signature);
    buf_fini(&s->cited);
    state->own = NULL;
}

/* ---- framing ---- */

static void event_begin(struct stream *s, struct buf *out, struct str type)
{
    frame_begin(out, type);
    buf_str(out, STR("{\"type\":\""));
    buf_str(out, type);
    buf_printf(out, "\",\"sequence_number\":%u", s->sequence++);
}

static void event_end(struct buf *out)
{
    buf_char(out, '}');
    frame_end(out);
}

static void index_put(struct buf *out, struct str name, unsigned n)
{
    member_put(out, name);
    buf_u64(out, n);
}

/* An event of the open item. */
static void item_event_begin(struct stream *s, struct buf *out, struct str type)
{
    event_begin(s, out, type);
    member_put(out, STR("item_id"));
    responses_put_item_id(out, &s->items);
    index_put(out, STR("output_index"), s->items.item);
}

/* And of its open part. */
static void part_event_begin(struct stream *s, struct buf *out, struct str type)
{
    item_event_begin(s, out, type);
    index_put(out, s->block == BLOCK_THINKING ? STR("summary_index") : STR("content_index"),
              s->items.parts - 1);
}

static struct str kept_from(const struct stream *s, size_t at)
{
    return str_tail(buf_view(&s->kept), at);
}

/* What is repeated of a request may stand there in lines, and an event's data is one. */
static void response_event(struct stream *s, struct buf *out, struct str type, const char *status)
{
    event_begin(s, out, type);
    size_t from = out->n;
    member_put(out, STR("response"));
    responses_put_head(out, &s->who, status);
    for (size_t i = from; i < out->n; i++)
        if (out->p[i] == '\n' || out->p[i] == '\r')
            out->p[i] = ' ';
    buf_str(out, buf_view(&s->kept));
    responses_put_rest(out, &s->end);
    event_end(out);
}

/* ---- parts ---- */

/* How the events of a kind of block are called, and the member that holds the text. */
static const struct names {
    struct str added, delta, text_done, text, part_done;
} block_names[] = {
    [BLOCK_TEXT] = {NAME("response.content_part.added"), NAME("response.output_text.delta"),
                    NAME("response.output_text.done"), NAME("text"),
                    NAME("response.content_part.done")},
    [BLOCK_CALL] = {NAME(""), NAME("response.function_call_arguments.delta"),
                    NAME("response.function_call_arguments.done"), NAME("arguments"), NAME("")},
    [BLOCK_THINKING] = {NAME("response.reasoning_summary_part.added"),
                        NAME("response.reasoning_summary_text.delta"),
                        NAME("response.reasoning_summary_text.done"), NAME("text"),
                        NAME("response.reasoning_summary_part.done")},
    [BLOCK_REFUSAL] = {NAME("response.content_part.added"), NAME("response.refusal.delta"),
                       NAME("response.refusal.done"), NAME("refusal"),
                       NAME("response.content_part.done")},
};

static void part_event(struct stream *s, struct buf *out, struct str type, bool whole)
{
    part_event_begin(s, out, type);
    member_put(out, STR("part"));
    buf_str(out, kept_from(s, s->items.part_at));
    if (!whole)
        responses_put_part_rest(out, s->block, STR_NONE);
    event_end(out);
}

static void part_open(struct stream *s, struct buf *out)
{
    responses_part_begin(&s->items, s->block);
    s->in_part = true;
    buf_clear(&s->cited);
    s->annotations = 0;
    part_event(s, out, block_names[s->block].added, false);
}

/* The events that end a text begin alike; only a message's texts have log-probabilities. */
static void text_event_begin(struct stream *s, struct buf *out, struct str type)
{
    if (s->block == BLOCK_CALL)
        item_event_begin(s, out, type);
    else
        part_event_begin(s, out, type);
    if (s->block == BLOCK_TEXT)
        buf_str(out, STR(",\"logprobs\":[]"));
}

static void text_done(struct stream *s, struct buf *out)
{
    const struct names *names = &block_names[s->block];
    text_event_begin(s, out, names->text_done);
    member_put(out, names->text);
    buf_str(out, kept_from(s, s->items.text_at));
    buf_char(out, '"');
    event_end(out);
}

static void delta(struct stream *s, struct str string, struct buf *out)
{
    if (s->block == BLOCK_THINKING && !s->in_part)
        part_open(s, out);
    if (string.n > 2)
        buf_str(&s->kept, json_string_raw(string));
    text_event_begin(s, out, block_names[s->block].delta);
    member_put_json(out, STR("delta"), string);
    event_end(out);
}

/* ---- items and blocks ---- */

static void item_open(struct stream *s, const struct chat_event *e, struct buf *out)
{
    responses_item_begin(&s->items, e->block, e->id, e->name);
    event_begin(s, out, STR("response.output_item.added"));
    index_put(out, STR("output_index"), s->items.item);
    member_put(out, STR("item"));
    buf_str(out, kept_from(s, s->items.item_at));
    responses_put_item_rest(out, &s->items, "in_progress");
    event_end(out);
}

static void item_close(struct stream *s, const char *status, struct buf *out)
{
    if (s->items.open == ITEM_NONE)
        return;
    s->items.encrypted = buf_view(&s->signature);
    event_begin(s, out, STR("response.output_item.done"));
    index_put(out, STR("output_index"), s->items.item);
    responses_item_end(&s->items, status);
    member_put(out, STR("item"));
    buf_str(out, kept_from(s, s->items.item_at));
    event_end(out);
    buf_clear(&s->signature);
}

static void cited(struct stream *s, const struct chat_event *e, struct buf *out)
{
    struct chat_citation c = chat_citation_of(e);
    if (s->cited.n)
        buf_char(&s->cited, ',');
    size_t from = s->cited.n;
    responses_put_cited(&s->cited, &c);
    part_event_begin(s, out, STR("response.output_text.annotation.added"));
    index_put(out, STR("annotation_index"), s->annotations++);
    member_put(out, STR("annotation"));
    buf_str(out, str_tail(buf_view(&s->cited), from));
    event_end(out);
}

/* It comes whole, and is done at once. */
static void image(struct stream *s, const struct chat_event *e, struct buf *out)
{
    item_event_begin(s, out, STR("response.image_generation_call.completed"));
    event_end(out);
    responses_item_image(&s->items, e->text, e->name.n > 2 ? json_string_raw(e->name) : STR_NONE);
    item_close(s, "completed", out);
    s->in_block = false;
}

static void block_close(struct stream *s, struct buf *out)
{
    if (s->in_block && s->block == BLOCK_CALL) {
        if (s->items.text_at + 1 == s->kept.n) /* a call has an input, be it an empty one */
            delta(s, STR("\"{}\""), out);
        text_done(s, out);
    } else if (s->in_part) {
        text_done(s, out);
        s->items.cited = buf_view(&s->cited);
        responses_part_end(&s->items, s->block);
        part_event(s, out, block_names[s->block].part_done, true);
    }
    s->in_block = s->in_part = false;
}

static void block_open(struct stream *s, const struct chat_event *e, struct buf *out)
{
    enum responses_item item = responses_item_of(e->block);
    block_close(s, out);
    if (item == ITEM_NONE)
        return;
    if (item != ITEM_MESSAGE || s->items.open != ITEM_MESSAGE) {
        item_close(s, "completed", out);
        item_open(s, e, out);
    }
    s->block = e->block;
    s->in_block = true;
    s->refusal = s->refusal || e->block == BLOCK_REFUSAL;
    if (item == ITEM_MESSAGE)
        part_open(s, out);
    if (item == ITEM_IMAGE)
        image(s, e, out);
    if (e->block == BLOCK_HIDDEN && e->text.n > 2)
        buf_str(&s->signature, json_string_raw(e->text));
}

/* ---- the whole ---- */

static int begin(struct wire_state *state, const struct chat_event *e, struct buf *out)
{
    struct stream *s = ARENA_NEW(state->arena, struct stream);
    if (!s)
        return E_MEMORY;
    buf_init(&s->kept, STREAM_BYTES_MAX);
    buf_init(&s->signature, SIGNATURE_BYTES_MAX);
    buf_init(&s->cited, CITED_BYTES_MAX);
    state->own = s;
    bool named = e->kind == EVENT_BEGIN;
    s->who = (struct responses_who){
        .id = arena_str(state->arena, responses_id(named ? e->id : STR_NONE)),
        .model = named && e->model.n ? arena_str(state->arena, e->model) : STR_NONE,
        .model_plain = state->model,
        .created_s = named ? e->created_s : 0,
        .request = state->request};
    s->items = (struct responses_output){.buf = &s->kept, .id = s->who.id};
    if (!s->who.id.p)
        return E_MEMORY;
    response_event(s, out, STR("response.created"), "in_progress");
    response_event(s, out, STR("response.in_progress"), "in_progress");
    return 0;
}

static void stopped(struct stream *s, struct buf *out)
{
    block_close(s, out);
    responses_end_set(&s->end, s->stop, s->refusal);
    item_close(s, s->end.status, out);
}

static void finish(const struct wire_state *state, struct stream *s, struct buf *out)
{
    stopped(s, out);
    s->end.left_out = state->left_out;
    s->over = true;
    response_event(s, out, s->end.reason ? STR("response.incomplete") : STR("response.completed"),
                   s->end.status);
}

/* Of the codes that the protocol has, two tell of what is not the request's fault. */
static void fail(struct stream *s, const struct chat_event *e, struct buf *out)
{
    bool limit = string_is(e->name, STR("rate_limit_error")) ||
                 string_is(e->name, STR("rate_limit_exceeded"));
    block_close(s, out);
    item_close(s, "incomplete", out);
    s->end.error_code = limit ? STR("\"rate_limit_exceeded\"") : STR("\"server_error\"");
    s->end.error_text = e->text;
    s->over = true;
    response_event(s, out, STR("response.failed"), "failed");
}

static void event_put(const struct wire_state *state, struct stream *s, const struct chat_event *e,
                      struct buf *out)
{
    switch (e->kind) {
    case EVENT_BEGIN:
        break;
    case EVENT_BLOCK_BEGIN:
        block_open(s, e, out);
        break;
    case EVENT_DELTA:
        if (s->in_block && e->block == s->block && s->block != BLOCK_HIDDEN)
            delta(s, e->text, out);
        break;
    case EVENT_CITED:
        if (s->in_part && s->block == BLOCK_TEXT)
            cited(s, e, out);
        break;
    case EVENT_BESIDE:
        break;
    case EVENT_SIGNATURE:
        if (s->in_block && s->block == BLOCK_THINKING && e->text.n > 2)
            buf_str(&s->signature, json_string_raw(e->text));
        break;
    case EVENT_BLOCK_END:
        block_close(s, out);
        break;
    case EVENT_USAGE:
        s->end.has_usage = true;
        s->end.usage = e->usage;
        break;
    case EVENT_STOPPED:
        s->stop = e->stop;
        stopped(s, out);
        break;
    case EVENT_END:
        finish(state, s, out);
        break;
    case EVENT_FAILED:
        fail(s, e, out);
        break;
    }
}

static int kept_fault(const struct stream *s)
{
    int err = s->kept.failed ? s->kept.failed : s->signature.failed;
    err = err ? err : s->cited.failed;
    return err == E_TOO_LARGE ? E_UPSTREAM_LARGE : err;
}

int responses_event_write(struct wire_state *state, const struct chat_event *event, struct buf *out)
{
    int err = state->own ? 0 : begin(state, event, out);
    struct stream *s = state->own;
    if (!err)
        err = kept_fault(s); /* offsets into what is kept hold no longer */
    if (err || s->over)
        return err;
    event_put(state, s, event, out);
    state->next_number = s->sequence;
    err = kept_fault(s);
    return err ? err : out->failed;
}
