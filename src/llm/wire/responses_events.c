/* wire/responses_events.c: a provider's stream. */
#include "llm/wire/responses.h"

struct events {
    bool begun, over, calls, refusal;
    bool in_block, said; /* there was a delta in the open one */
    enum chat_block_kind block;
    int64_t item;   /* number of the call that was begun last; -1: not said */
    uint64_t heard; /* 1 << number, of calls that had a delta */
    bool told;      /* the message's part had one */
};

/* What one event says: STR_NONE where it does not. */
struct said {
    struct str type, delta, item, response, part, code, message, arguments, annotation, text,
        refusal;
    int64_t number; /* of the item; -1: not said */
};

static int said_read(struct str data, struct said *ret_said)
{
    enum {
        TYPE,
        DELTA,
        ITEM,
        RESPONSE,
        PART,
        CODE,
        MESSAGE,
        ARGUMENTS,
        ERROR,
        ANNOTATION,
        NUMBER,
        TEXT,
        REFUSAL
    };
    static const struct member of[] = {
        MEMBER("type", STRING),       MEMBER("delta", STRING),       MEMBER("item", OBJECT),
        MEMBER("response", OBJECT),   MEMBER("part", OBJECT),        MEMBER("code", STRING),
        MEMBER("message", STRING),    MEMBER("arguments", STRING),   MEMBER("error", OBJECT),
        MEMBER("annotation", OBJECT), MEMBER("output_index", COUNT), MEMBER("text", STRING),
        MEMBER("refusal", STRING)};
    struct str value[ARRAY_LEN(of)];
    if (!members_peek_once(data, of, ARRAY_LEN(of), value))
        return E_UPSTREAM_BODY;
    /* Some put what went wrong into an object of its own, as in an answer. */
    if (value[ERROR].p)
        (void)members_peek(value[ERROR], &of[CODE], 2, &value[CODE]);
    *ret_said = (struct said){value[TYPE],     value[DELTA],     value[ITEM],
                              value[RESPONSE], value[PART],      value[CODE],
                              value[MESSAGE],  value[ARGUMENTS], value[ANNOTATION],
                              value[TEXT],     value[REFUSAL],   count_of(value[NUMBER], -1)};
    return 0;
}

/* ---- blocks ---- */

static void block_end(struct events *s, struct chat_events *ret)
{
    if (s->in_block)
        chat_event_add(ret, EVENT_BLOCK_END)->block = s->block;
    s->in_block = false;
}

static struct chat_event *block_begin(struct events *s, struct chat_events *ret,
                                      enum chat_block_kind kind)
{
    block_end(s, ret);
    s->in_block = true;
    s->said = false;
    s->block = kind;
    s->calls = s->calls || kind == BLOCK_CALL;
    s->refusal = s->refusal || kind == BLOCK_REFUSAL;
    struct chat_event *e = chat_event_add(ret, EVENT_BLOCK_BEGIN);
    e->block = kind;
    return e;
}

/* Servers leave out beginnings; only a call cannot do without. */
static void delta(struct events *s, struct chat_events *ret, enum chat_block_kind kind,
                  struct str text)
{
    if (!text.p || (kind == BLOCK_CALL && !(s->in_block && s->block == kind)))
        return;
    if (!s->in_block || s->block != kind)
        block_begin(s, ret, kind);
    s->said = true;
    s->told = s->told || kind == BLOCK_TEXT || kind == BLOCK_REFUSAL;
    struct chat_event *e = chat_event_add(ret, EVENT_DELTA);
    e->block = kind;
    e->text = text;
}

/* ---- items ---- */

/* Is it about another call than the one that was begun last? */
static bool is_elsewhere(const struct events *s, const struct said *said)
{
    return said->number >= 0 && s->item >= 0 && said->number != s->item;
}

static uint64_t number_bit(const struct said *said)
{
    return said->number >= 0 && said->number < 64 ? (uint64_t)1 << said->number : 0;
}

/* A call that ends behind the beginning of another: good where all of it was said before. */
static int call_done_late(const struct events *s, const struct said *said, struct str arguments)
{
    bool heard = number_bit(said) == 0 || (s->heard & number_bit(said)) != 0;
    return heard || arguments.n <= 2 ? 0 : E_UPSTREAM_BODY;
}

static int item_added(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    struct responses_read item;
    int err = responses_item_read(said->item, &item);
    block_end(s, ret);
    /* Of a message before a call llama.cpp says that it is done behind the call. */
    s->told = s->told && !string_is(item.type, STR("message"));
    if (err || !string_is(item.type, STR("function_call")))
        return err;
    if (!item.call_id.p || !item.name.p)
        return E_UPSTREAM_BODY;
    s->item = said->number;
    struct chat_event *e = block_begin(s, ret, BLOCK_CALL);
    e->id = item.call_id;
    e->name = item.name;
    return 0;
}

static int reasoning_done(struct wire_state *state, const struct responses_read *item,
                          struct chat_events *ret)
{
    struct events *s = state->own;
    struct str sealed = STR_NONE;
    bool visible = s->in_block && s->block == BLOCK_THINKING;
    if (item->encrypted.n > 2) {
        int err = string_prepend(state->arena, STR(MAKER_OPENAI), item->encrypted, &sealed);
        if (err)
            return err;
    }
    if (sealed.p && visible) {
        struct chat_event *e = chat_event_add(ret, EVENT_SIGNATURE);
        e->block = BLOCK_THINKING;
        e->text = sealed;
    } else if (sealed.p) {
        block_begin(s, ret, BLOCK_HIDDEN)->text = sealed;
    }
    return 0;
}

/* What the provider's own tools did is told when it is done; so is an image. */
static int other_done(struct wire_state *state, const struct responses_read *item,
                      struct chat_events *ret)
{
    enum chat_answer_part part = responses_other(item->type);
    struct str type = part == ANSWER_IMAGE ? responses_image_type(item) : STR_NONE;
    if (!type.n) {
        chat_event_beside(ret, part);
        return 0;
    }
    struct str string;
    int err = string_make(state->arena, type, &string);
    if (err)
        return err;
    struct chat_event *e = block_begin(state->own, ret, BLOCK_IMAGE);
    e->name = string;
    e->text = item->result;
    return 0;
}

static int item_done(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    struct responses_read item;
    int err = responses_item_read(said->item, &item);
    bool call = !err && string_is(item.type, STR("function_call"));
    bool reasoning = !err && string_is(item.type, STR("reasoning"));
    if (call && is_elsewhere(s, said))
        return call_done_late(s, said, item.arguments);
    if (reasoning)
        err = reasoning_done(state, &item, ret);
    else if (call && !s->said)
        delta(s, ret, BLOCK_CALL, item.arguments);
    else if (!err && !call && item.type.n && !string_is(item.type, STR("message")))
        err = other_done(state, &item, ret);
    block_end(s, ret);
    return err;
}

static int part_added(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    struct str type = member_peek(said->part, STR("type"), VALUE_STRING);
    if (!said->part.p)
        return E_UPSTREAM_BODY;
    s->told = false;
    if (string_is(type, STR("output_text")))
        block_begin(s, ret, BLOCK_TEXT);
    else if (string_is(type, STR("refusal")))
        block_begin(s, ret, BLOCK_REFUSAL);
    else if (!string_is(type, STR("reasoning_text")) && !string_is(type, STR("summary_text")))
        chat_event_beside(ret, ANSWER_OTHER);
    return 0;
}

static int annotation_added(struct wire_state *state, const struct said *said,
                            struct chat_events *ret)
{
    struct events *s = state->own;
    struct chat_citation cited;
    bool page = responses_cited(said->annotation, &cited);
    if (!page || !s->in_block || s->block != BLOCK_TEXT) {
        chat_event_beside(ret, page ? ANSWER_URL_CITATION : ANSWER_CITATION);
        return 0;
    }
    chat_event_cited(ret, &cited);
    return 0;
}

/* The message's parts only: reasoning is one block however many it has. */
static int part_done(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    (void)said;
    if (s->in_block && (s->block == BLOCK_TEXT || s->block == BLOCK_REFUSAL))
        block_end(s, ret);
    return 0;
}

/* ---- texts ---- */

static int text_delta(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    delta(state->own, ret, BLOCK_TEXT, said->delta);
    return 0;
}

/* It is the same once more, but with servers that send no deltas. */
static int text_done(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    if (!s->told && said->text.n > 2)
        delta(s, ret, BLOCK_TEXT, said->text);
    return 0;
}

static int refusal_done(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    if (!s->told && said->refusal.n > 2)
        delta(s, ret, BLOCK_REFUSAL, said->refusal);
    return 0;
}

static int refusal_delta(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    delta(state->own, ret, BLOCK_REFUSAL, said->delta);
    return 0;
}

/* Blocks do not overlap, and a call may not get what another one is called with. */
static int call_delta(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    if (is_elsewhere(s, said))
        return E_UPSTREAM_BODY;
    s->heard |= number_bit(said);
    delta(state->own, ret, BLOCK_CALL, said->delta);
    return 0;
}

static int thinking_delta(struct wire_state *state, const struct said *said,
                          struct chat_events *ret)
{
    delta(state->own, ret, BLOCK_THINKING, said->delta);
    return 0;
}

/* Parts of a summary stand apart, as in a whole answer. */
static int summary_added(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    (void)said;
    if (s->in_block && s->block == BLOCK_THINKING && s->said)
        delta(s, ret, BLOCK_THINKING, STR("\"\\n\\n\""));
    return 0;
}

/* ---- the whole ---- */

static int created(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    struct responses_object o;
    int err = responses_object_read(said->response, &o);
    if (err || s->begun)
        return err;
    struct chat_event *e = chat_event_add(ret, EVENT_BEGIN);
    e->id = o.id;
    e->model = o.model;
    e->created_s = o.created_s;
    s->begun = true;
    return 0;
}

static int ended(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    struct responses_object o;
    int err = responses_object_read(said->response, &o);
    if (err)
        return err;
    block_end(s, ret);
    if (o.has_usage)
        chat_event_add(ret, EVENT_USAGE)->usage = o.usage;
    chat_event_add(ret, EVENT_STOPPED)->stop = responses_stop(&o, s->calls, s->refusal);
    chat_event_add(ret, EVENT_END);
    s->over = true;
    return 0;
}

static int failure(struct events *s, struct str code, struct str text, struct chat_events *ret)
{
    block_end(s, ret);
    struct chat_event *e = chat_event_add(ret, EVENT_FAILED);
    e->name = code.p ? code : STR("\"server_error\"");
    e->text = text.p ? text : STR("\"\"");
    s->over = true;
    return 0;
}

static int failed(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct responses_object o;
    int err = responses_object_read(said->response, &o);
    return err ? err : failure(state->own, o.error_code, o.error_text, ret);
}

static int error_said(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    return failure(state->own, said->code, said->message, ret);
}

static const struct kind {
    struct str type;
    int (*read)(struct wire_state *state, const struct said *said, struct chat_events *ret);
} kinds[] = {
    {WORD("response.output_text.delta"), text_delta},
    {WORD("response.function_call_arguments.delta"), call_delta},
    {WORD("response.reasoning_summary_text.delta"), thinking_delta},
    {WORD("response.reasoning_text.delta"), thinking_delta},
    {WORD("response.refusal.delta"), refusal_delta},
    {WORD("response.output_text.done"), text_done},
    {WORD("response.refusal.done"), refusal_done},
    {WORD("response.output_text.annotation.added"), annotation_added},
    {WORD("response.created"), created},
    {WORD("response.in_progress"), created},
    {WORD("response.output_item.added"), item_added},
    {WORD("response.output_item.done"), item_done},
    {WORD("response.content_part.added"), part_added},
    {WORD("response.content_part.done"), part_done},
    {WORD("response.reasoning_summary_part.added"), summary_added},
    {WORD("response.completed"), ended},
    {WORD("response.incomplete"), ended},
    {WORD("response.failed"), failed},
    {WORD("error"), error_said},
};

/* The type stands in the data; an event without one is of no kind that is known. */
int responses_event_read(struct wire_state *state, struct str name, struct str data,
                         struct chat_events *ret_events)
{
    struct said said;
    (void)name;
    ret_events->n = 0;
    struct events *s = state->own;
    if (!s) {
        state->own = s = ARENA_NEW(state->arena, struct events);
        if (!s)
            return E_MEMORY;
        s->item = -1;
    }
    if (s->over || str_eq(str_trim(data), STR("[DONE]")))
        return 0;
    int err = said_read(data, &said);
    const struct kind *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !kind && !err; i++)
        if (str_eq(said.type, kinds[i].type))
            kind = &kinds[i];
    if (err || !kind)
        return err;
    struct events before = *s;
    if (!s->begun && kind->read != created && kind->read != error_said) {
        s->begun = true;
        chat_event_add(ret_events, EVENT_BEGIN);
    }
    err = kind->read(state, &said, ret_events);
    if (err) { /* as if it had not come */
        *s = before;
        ret_events->n = 0;
    }
    return err;
}
