/*
 * wire/responses_events.c: a provider's stream.
 *
 * OpenAI says everything in deltas, and again in the events that end a part, an item and the whole.
 * Other servers leave deltas out, or all but the last event: what was not said before is taken from
 * where it stands first.
 */
#include "llm/wire/responses.h"

/* So many events have room before the next item of the whole is given, or the next part of one. */
#define ROOM_OF_ITEM 32
#define ROOM_OF_PART 8

struct events {
    bool begun, over, calls, refusal;
    bool in_block, said; /* there was a delta in the open one */
    enum chat_block_kind block;
    int64_t item;      /* number of the call that was begun last; -1: not said */
    uint64_t heard;    /* 1 << number, of calls that had a delta */
    bool told;         /* the message's part had one */
    bool message_told; /* and the message */
    bool item_told;    /* the item had one */
    bool added;        /* the beginnings of calls are told */
    uint32_t kinds;    /* 1 << kind, of the blocks so far */
    /* Of the last event, where it is read again: */
    struct responses_object whole;
    uint32_t before;          /* `kinds` ahead of it */
    struct json_reader items; /* at the next one */
    bool items_left;
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
    s->kinds |= (uint32_t)1 << kind;
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
    s->said = s->item_told = true;
    if (kind == BLOCK_TEXT || kind == BLOCK_REFUSAL)
        s->told = s->message_told = true;
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

static void call_begin(struct events *s, const struct responses_read *item, struct chat_events *ret)
{
    struct chat_event *e = block_begin(s, ret, BLOCK_CALL);
    e->id = item->call_id;
    e->name = item->name;
}

static int item_added(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    struct responses_read item;
    int err = responses_item_read(said->item, &item);
    block_end(s, ret);
    /* Of a message before a call llama.cpp says that it is done behind the call. */
    if (string_is(item.type, STR("message")))
        s->told = s->message_told = false;
    s->item_told = false;
    if (err || !string_is(item.type, STR("function_call")))
        return err;
    if (!item.call_id.p || !item.name.p)
        return E_UPSTREAM_BODY;
    s->item = said->number;
    s->added = true;
    call_begin(s, &item, ret);
    return 0;
}

static int reasoning_done(struct wire_state *state, const struct responses_read *item,
                          struct chat_events *ret)
{
    struct events *s = state->own;
    struct str sealed = STR_NONE, text = STR_NONE;
    int err = s->item_told ? 0 : responses_texts(state->arena, item->content, &text);
    if (!err && !s->item_told && !text.p)
        err = responses_texts(state->arena, item->summary, &text);
    if (!err && item->encrypted.n > 2)
        err = string_prepend(state->arena, STR(MAKER_OPENAI), item->encrypted, &sealed);
    if (err)
        return err == E_MEMORY ? err : E_UPSTREAM_BODY;
    if (text.n > 2)
        delta(s, ret, BLOCK_THINKING, text);
    bool visible = s->in_block && s->block == BLOCK_THINKING;
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
    struct events *s = state->own;
    s->kinds |= (uint32_t)1 << BLOCK_OTHER;
    if (!type.n) {
        chat_event_beside(ret, part);
        return 0;
    }
    struct str string;
    int err = string_make(state->arena, type, &string);
    if (err)
        return err;
    struct chat_event *e = block_begin(s, ret, BLOCK_IMAGE);
    e->name = string;
    e->text = item->result;
    return 0;
}

static void annotation_give(struct events *s, struct str annotation, struct chat_events *ret)
{
    struct chat_citation cited;
    bool page = responses_cited(annotation, &cited);
    if (page && s->in_block && s->block == BLOCK_TEXT)
        chat_event_cited(ret, &cited);
    else
        chat_event_beside(ret, page ? ANSWER_URL_CITATION : ANSWER_CITATION);
}

/* A part of a message that was not told before. */
static int part_give(struct events *s, struct str json, struct chat_events *ret)
{
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("text", STRING),
                                       MEMBER("refusal", STRING), MEMBER("annotations", LIST)};
    struct str value[ARRAY_LEN(of)];
    struct json_reader r;
    if (!members_peek_once(json, of, ARRAY_LEN(of), value) ||
        ret->n + ROOM_OF_PART > CHAT_EVENTS_MAX)
        return E_UPSTREAM_BODY;
    bool refusal = string_is(value[0], STR("refusal"));
    if (!refusal && !string_is(value[0], STR("output_text"))) {
        chat_event_beside(ret, ANSWER_OTHER);
        return 0;
    }
    struct str text = value[refusal ? 2 : 1];
    if (text.n <= 2)
        return 0;
    enum chat_block_kind kind = refusal ? BLOCK_REFUSAL : BLOCK_TEXT;
    if (!s->in_block || s->said || s->block != kind)
        (void)block_begin(s, ret, kind);
    delta(s, ret, s->block, text);
    bool more = list_enter(&r, value[3]);
    while (more && ret->n + ROOM_OF_PART <= CHAT_EVENTS_MAX) {
        annotation_give(s, json_take(&r), ret);
        more = json_more(&r, '[');
    }
    if (more)
        chat_event_beside(ret, ANSWER_URL_CITATION);
    return 0;
}

static int message_give(struct events *s, struct str content, struct chat_events *ret)
{
    struct json_reader r;
    int err = 0;
    if (list_enter(&r, content))
        do
            err = part_give(s, json_take(&r), ret);
        while (!err && json_more(&r, '['));
    return err;
}

/* A call whose beginning was not told. */
static int call_give(struct events *s, const struct responses_read *item, struct chat_events *ret)
{
    if (!item->call_id.p || !item->name.p)
        return E_UPSTREAM_BODY;
    call_begin(s, item, ret);
    delta(s, ret, BLOCK_CALL, item->arguments);
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
    bool message = !err && string_is(item.type, STR("message"));
    if (reasoning)
        err = reasoning_done(state, &item, ret);
    else if (call && !s->added)
        err = call_give(s, &item, ret);
    else if (call && !s->said)
        delta(s, ret, BLOCK_CALL, item.arguments);
    else if (message && !s->message_told)
        err = message_give(s, item.content, ret);
    else if (!err && !call && !message && item.type.n)
        err = other_done(state, &item, ret);
    block_end(s, ret);
    s->item_told = false;
    s->message_told = s->message_told && !message;
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
    annotation_give(state->own, said->annotation, ret);
    return 0;
}

/* The message's parts only: reasoning is one block however many it has. */
static int part_done(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    if (!s->in_block || (s->block != BLOCK_TEXT && s->block != BLOCK_REFUSAL))
        return 0;
    struct str named = s->block == BLOCK_TEXT ? STR("text") : STR("refusal");
    struct str text = member_peek(said->part, named, VALUE_STRING);
    if (!s->told && text.n > 2)
        delta(s, ret, s->block, text);
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

/* Was nothing of the item's kind told before the last event? */
static bool is_news(const struct events *s, struct str item)
{
    struct str type = member_peek(item, STR("type"), VALUE_STRING);
    uint32_t kinds = (uint32_t)1 << BLOCK_OTHER;
    if (string_is(type, STR("message")))
        kinds = (uint32_t)1 << BLOCK_TEXT | (uint32_t)1 << BLOCK_REFUSAL;
    else if (string_is(type, STR("function_call")))
        kinds = (uint32_t)1 << BLOCK_CALL;
    else if (string_is(type, STR("reasoning")))
        kinds = (uint32_t)1 << BLOCK_THINKING | (uint32_t)1 << BLOCK_HIDDEN;
    return (s->before & kinds) == 0;
}

/* Gives the items of the whole, or as many as there is room for, and how it ended. */
static int items_give(struct wire_state *state, struct chat_events *ret)
{
    struct events *s = state->own;
    const struct responses_object *o = &s->whole;
    int err = 0;
    while (!err && s->items_left) {
        state->again = ret->n + ROOM_OF_ITEM > CHAT_EVENTS_MAX;
        if (state->again)
            return 0;
        s->added = s->item_told = s->message_told = false;
        struct said said = {.item = json_take(&s->items), .number = -1};
        err = is_news(s, said.item) ? item_done(state, &said, ret) : 0;
        s->items_left = json_more(&s->items, '[');
    }
    if (err)
        return err;
    if (o->has_usage)
        chat_event_add(ret, EVENT_USAGE)->usage = o->usage;
    chat_event_add(ret, EVENT_STOPPED)->stop = responses_stop(o, s->calls, s->refusal);
    chat_event_add(ret, EVENT_END);
    s->over = true;
    return 0;
}

static int ended(struct wire_state *state, const struct said *said, struct chat_events *ret)
{
    struct events *s = state->own;
    int err = responses_object_read(said->response, &s->whole);
    if (err)
        return err;
    block_end(s, ret);
    s->before = s->kinds;
    s->items_left = list_enter(&s->items, s->whole.output);
    return items_give(state, ret);
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
    bool again = state->again;
    state->again = false;
    if (again)
        return items_give(state, ret_events);
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
