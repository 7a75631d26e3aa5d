/*
 * openai_chat_stream.c: streams, in both directions.
 *
 * A chunk says what is added to a message and never that a part of it is whole: a block ends where
 * another begins, and at the finish_reason. Tool calls are told apart by their index, and come one
 * after the other; one that goes on after the next began is E_UPSTREAM_BODY, as the events of the
 * model do not overlap and a call's input cannot be kept back without a limit.
 */
#include "llm/wire/openai_chat.h"

/* ---- reading ---- */

struct reader {
    bool begun, stopped, ended;
    bool open; /* a block, of this kind: */
    enum chat_block_kind block;
    int64_t call, call_max; /* index of the call that goes on, and the highest so far; -1: none */
    struct str call_id;     /* string: of the last call */
    bool call_waits;        /* its name has yet to come */
    bool any_call, any_refusal;
    unsigned calls_read; /* of the chunk that is under way, where it is read again */
};

/* One event of the wire, in the reading, and what it comes to. */
struct chunk {
    struct reader *reader;
    struct arena *arena;
    struct chat_events *events;
    bool again; /* it has more calls than there was room for */
};

/* One addition makes up to four events, and three more have to have room behind the last. */
#define ROOM 7

/* Behind the finish_reason there is nothing more to be said. */
static bool may_add(const struct chunk *x)
{
    return !x->reader->stopped && x->events->n + ROOM <= CHAT_EVENTS_MAX;
}

static void block_end(struct chunk *x)
{
    struct reader *r = x->reader;
    if (r->open)
        chat_event_add(x->events, EVENT_BLOCK_END)->block = r->block;
    r->open = r->call_waits = false;
    r->call = -1;
}

static struct chat_event *block_begin(struct chunk *x, enum chat_block_kind kind)
{
    struct chat_event *e = chat_event_add(x->events, EVENT_BLOCK_BEGIN);
    e->block = kind;
    x->reader->open = true;
    x->reader->block = kind;
    return e;
}

static void delta_add(struct chunk *x, struct str text)
{
    struct chat_event *e = chat_event_add(x->events, EVENT_DELTA);
    e->block = x->reader->block;
    e->text = text;
}

static int text_read(struct chunk *x, enum chat_block_kind kind, struct str text)
{
    if (text.n == 0 || json_is_null(text) || (json_is_string(text) && text.n == 2))
        return 0;
    if (!json_is_string(text) || !may_add(x))
        return E_UPSTREAM_BODY;
    if (!x->reader->open || x->reader->block != kind) {
        block_end(x);
        (void)block_begin(x, kind);
    }
    x->reader->any_refusal = x->reader->any_refusal || kind == BLOCK_REFUSAL;
    delta_add(x, text);
    return 0;
}

/* A signature ends its block; `told` says that the text came in another member. */
static int thought_read(struct chunk *x, struct str thought, bool told)
{
    struct str value[4];
    if (!members_peek(thought, openai_chat_thought, 4, value))
        return E_UPSTREAM_BODY;
    if (string_is(value[0], STR("redacted_thinking")) && value[3].n) {
        if (!may_add(x))
            return E_UPSTREAM_BODY;
        block_end(x);
        block_begin(x, BLOCK_HIDDEN)->text = value[3];
        block_end(x);
        return 0;
    }
    int err = told ? 0 : text_read(x, BLOCK_THINKING, value[1]);
    if (err || value[2].n <= 2)
        return err;
    if (!may_add(x))
        return E_UPSTREAM_BODY;
    if (!x->reader->open || x->reader->block != BLOCK_THINKING) {
        block_end(x);
        (void)block_begin(x, BLOCK_THINKING);
    }
    struct chat_event *e = chat_event_add(x->events, EVENT_SIGNATURE);
    e->block = BLOCK_THINKING;
    e->text = value[2];
    block_end(x);
    return 0;
}

/* ---- reading: calls ---- */

/* What a delta of a call says: id and name are STR_NONE where they are empty. */
struct call_said {
    int64_t index; /* -1: not said */
    struct str id, name, arguments;
};

static bool call_find(struct str call, struct call_said *ret_said)
{
    static const struct member members[] = {MEMBER("index", COUNT), MEMBER("id", STRING),
                                            MEMBER("function", OBJECT)};
    static const struct member of_function[] = {MEMBER("name", STRING), MEMBER("arguments", ANY)};
    struct str value[3], function[2];
    bool good = members_peek(call, members, 3, value);
    (void)members_peek(value[2], of_function, 2, function);
    *ret_said = (struct call_said){.index = count_of(value[0], -1), .arguments = function[1]};
    if (value[1].n > 2)
        ret_said->id = value[1];
    if (function[0].n > 2)
        ret_said->name = function[0];
    return good && (function[1].n == 0 || json_is_string(function[1]));
}

/* Some servers number no call, or each of them 0, but give each an id and a name. */
static bool is_new_call(const struct reader *r, const struct call_said *said)
{
    if (said->index > r->call_max || (said->index < 0 && r->call < 0 && said->name.n))
        return true;
    return said->id.n && said->name.n && !str_eq(said->id, r->call_id);
}

static int call_start(struct chunk *x, const struct call_said *said)
{
    struct reader *r = x->reader;
    block_end(x);
    r->any_call = r->call_waits = true;
    r->call = said->index >= 0 ? said->index : r->call_max + 1;
    r->call_max = r->call > r->call_max ? r->call : r->call_max;
    r->call_id = said->id.n ? arena_str(x->arena, said->id)
                            : arena_printf(x->arena, "\"call_%lld\"", (long long)r->call);
    return r->call_id.p ? 0 : E_MEMORY;
}

static int call_read(struct chunk *x, struct str call)
{
    struct reader *r = x->reader;
    struct call_said said;
    if (!call_find(call, &said) || !may_add(x))
        return E_UPSTREAM_BODY;
    bool speaks = said.arguments.n > 2;
    if (is_new_call(r, &said)) {
        /* One that was never named would be lost. */
        int err = r->call_waits ? E_UPSTREAM_BODY : call_start(x, &said);
        if (err)
            return err;
    } else if (r->call < 0 || (said.index >= 0 && said.index != r->call)) {
        return speaks ? E_UPSTREAM_BODY : 0; /* of one that has ended */
    }
    if (r->call_waits && said.name.n) {
        struct chat_event *e = block_begin(x, BLOCK_CALL);
        e->id = r->call_id;
        e->name = said.name;
        r->call_waits = false;
    }
    if (speaks && r->call_waits)
        return E_UPSTREAM_BODY;
    if (speaks)
        delta_add(x, said.arguments);
    return 0;
}

/* ---- reading: chunks ---- */

enum { D_REASONING, D_REASONING_CONTENT, D_CONTENT, D_REFUSAL, D_THOUGHTS, D_CALLS, D_COUNT };

static int thoughts_read(struct chunk *x, struct str list, bool told)
{
    struct json_reader r;
    int err = 0;
    if (list_enter(&r, list))
        do
            err = thought_read(x, json_take(&r), told);
        while (!err && json_more(&r, '['));
    return err;
}

/* Servers that make no streams of calls send all of them in one chunk, however many: those that
 * there is no room for are given when it is read again. */
static int calls_read(struct chunk *x, struct str list)
{
    struct reader *of = x->reader;
    struct json_reader r;
    unsigned at = 0;
    int err = 0;
    if (list_enter(&r, list))
        do {
            struct str call = json_take(&r);
            if (at++ < of->calls_read)
                continue;
            x->again = of->calls_read > 0 && !of->stopped && !may_add(x);
            if (x->again)
                return 0;
            err = call_read(x, call);
            of->calls_read = at;
        } while (!err && json_more(&r, '['));
    return err;
}

/* Servers that send the reasoning under two names send it twice. */
static int delta_read(struct chunk *x, struct str delta)
{
    static const struct member members[D_COUNT] = {
        MEMBER("reasoning", STRING), MEMBER("reasoning_content", ANY), MEMBER("content", ANY),
        MEMBER("refusal", ANY),      MEMBER("thinking_blocks", LIST),  MEMBER("tool_calls", LIST)};
    struct str value[D_COUNT];
    if (delta.n == 0)
        return 0;
    if (!members_peek(delta, members, D_COUNT, value))
        return E_UPSTREAM_BODY;
    if (x->reader->calls_read > 0) /* all before them was read */
        return calls_read(x, value[D_CALLS]);
    struct str reasoning = value[D_REASONING_CONTENT];
    if (!json_is_string(reasoning) && value[D_REASONING].n)
        reasoning = value[D_REASONING];
    int err = text_read(x, BLOCK_THINKING, reasoning);
    if (!err && value[D_THOUGHTS].n)
        err = thoughts_read(x, value[D_THOUGHTS], reasoning.n > 2);
    if (!err)
        err = text_read(x, BLOCK_TEXT, value[D_CONTENT]);
    if (!err)
        err = text_read(x, BLOCK_REFUSAL, value[D_REFUSAL]);
    if (!err && value[D_CALLS].n)
        err = calls_read(x, value[D_CALLS]);
    return err;
}

static void begin(struct chunk *x, const struct chat_top *top)
{
    if (x->reader->begun)
        return;
    struct chat_event *e = chat_event_add(x->events, EVENT_BEGIN);
    x->reader->begun = true;
    e->id = top->id;
    e->model = top->model;
    e->created_s = top->created_s;
}

static void stopped(struct chunk *x, enum chat_stop stop)
{
    struct reader *r = x->reader;
    if (r->stopped)
        return;
    block_end(x);
    if (r->any_call && (stop == STOP_END || stop == STOP_UNSAID))
        stop = STOP_CALL;
    else if (r->any_refusal && stop == STOP_END)
        stop = STOP_REFUSED;
    chat_event_add(x->events, EVENT_STOPPED)->stop = stop;
    r->stopped = true;
}

static int choice_read(struct chunk *x, const struct chat_top *top)
{
    static const struct member members[] = {MEMBER("delta", ANY), MEMBER("finish_reason", STRING)};
    struct str value[2];
    if (!members_peek(top->choice, members, 2, value))
        return E_UPSTREAM_BODY;
    begin(x, top);
    int err = delta_read(x, value[0]);
    if (err || x->again || !value[1].n)
        return err;
    if (x->reader->call_waits)
        return E_UPSTREAM_BODY;
    stopped(x, openai_chat_stop(value[1]));
    return 0;
}

static void failed(struct chunk *x, struct str error)
{
    static const struct member members[] = {MEMBER("type", STRING), MEMBER("message", STRING)};
    struct str value[2];
    (void)members_peek(error, members, 2, value);
    struct chat_event *e = chat_event_add(x->events, EVENT_FAILED);
    struct str text = json_is_string(error) ? error : value[1];
    e->name = value[0].n ? value[0] : STR("\"server_error\"");
    e->text = text.n ? text : STR("\"the provider ended its answer with an error\"");
    x->reader->ended = true;
}

static int chunk_read(struct chunk *x, struct str name, struct str data)
{
    struct chat_top top;
    int err = openai_chat_top_read(data, &top);
    if (str_eq(name, STR("error")) || (!err && top.error.n)) {
        failed(x, !err && top.error.n ? top.error : data);
        return 0;
    }
    /* Servers, and what stands before them, add events of their own to keep the way open. */
    bool ours = name.n == 0 || str_eq(name, STR("message"));
    if (!ours && (err || !top.has_choices))
        return 0;
    if (!err && top.choice.n)
        err = choice_read(x, &top);
    if (err || x->again)
        return err;
    x->reader->calls_read = 0;
    if (top.has_usage)
        chat_event_add(x->events, EVENT_USAGE)->usage = top.usage;
    return 0;
}

int openai_chat_event_read(struct wire_state *state, struct str name, struct str data,
                           struct chat_events *ret_events)
{
    static const struct chat_top nothing;
    struct reader *r = state->own;
    ret_events->n = 0;
    state->again = false;
    data = str_trim(data);
    if (!r) {
        state->own = r = ARENA_NEW(state->arena, struct reader);
        if (!r)
            return E_MEMORY;
        r->call = r->call_max = -1;
    }
    if (r->ended || data.n == 0)
        return 0;
    struct chunk x = {.reader = r, .arena = state->arena, .events = ret_events};
    if (!str_eq(data, STR("[DONE]"))) {
        int err = chunk_read(&x, name, data);
        state->again = !err && x.again;
        return err;
    }
    begin(&x, &nothing);
    stopped(&x, STOP_UNSAID);
    (void)chat_event_add(ret_events, EVENT_END);
    r->ended = true;
    return 0;
}

/* ---- writing ---- */

struct writer {
    struct str id, model; /* string */
    int64_t created_s;
    int64_t call;      /* its index; -1 before the first */
    unsigned thoughts; /* entries of thinking_blocks so far */
    bool call_empty;   /* nothing of its input was written yet */
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
static void delta_end(const struct wire_state *state, struct buf *out, struct str finish_reason)
{
    buf_str(out, STR("},\"logprobs\":null"));
    member_put_json(out, STR("finish_reason"), finish_reason);
    buf_str(out, STR("}]"));
    if (state->wants_usage)
        buf_str(out, STR(",\"usage\":null"));
    buf_char(out, '}');
    frame_end(out);
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

static void thought_write(struct wire_state *state, struct buf *out, enum chat_block_kind kind,
                          struct str text, struct str signature)
{
    struct writer *w = state->own;
    delta_begin(state, out);
    member_put(out, STR("thinking_blocks"));
    buf_char(out, '[');
    openai_chat_thought_put(out, kind, text, signature, w->thoughts++);
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
    if (e->block == BLOCK_HIDDEN)
        thought_write(state, out, BLOCK_HIDDEN, e->text, STR_NONE);
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
        delta_put(state, out, STR("content"), e->text);
        break;
    case BLOCK_THINKING:
        delta_put(state, out, STR("reasoning_content"), e->text);
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
    delta_end(state, out, openai_chat_stop_word(stop, w->call >= 0, w->any_refusal));
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
        thought_write(state, out, BLOCK_THINKING, STR_NONE, e->text);
        break;
    case EVENT_BLOCK_END: /* a call without input is called with an empty one */
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
