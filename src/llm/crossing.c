#include "llm/crossing.h"

#include "base/clock.h"
#include "base/id.h"
#include "llm/names.h"
#include "llm/provider.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

/* A call's input, put together to see whether it is JSON. */
#define INPUT_BYTES_MAX (16u << 20)

struct crossing {
    const struct wire *client, *provider;
    struct str provider_name;
    struct chat_request asked;
    struct str left_out;
    uint32_t parts_out; /* 1 << enum chat_answer_part, of the answer: left out */
    bool answers;       /* there is something in it, besides thinking, that the client gets */
    bool skips;         /* the block that a stream is in is left out */
    struct buf input;   /* string: of the call that a stream is in, but for its last quote */
    struct str call;    /* string: the name of that call, or of the first that is broken */
    bool broken;        /* the input of a stream's call is no JSON object */
    bool settled;       /* parts_settle was done */
    bool stopped, over; /* a stream's client was told why it ended, and that it did */
    struct wire_state in, out;
    int64_t began_s;
    char id[ID_CHARS + 2]; /* string: of an answer that has none of its own */
    struct chat_events events;
};

/* What every answer has in the client's protocol, and some providers leave out. */
static struct str id_or_ours(struct crossing *c, struct str id)
{
    struct id made;
    if (id.n > 2)
        return id;
    if (!c->id[0]) {
        id_new(&made);
        c->id[0] = c->id[ID_CHARS + 1] = '"';
        memcpy(c->id + 1, made.text, ID_CHARS);
    }
    return str_of(c->id, sizeof(c->id));
}

/* ---- the request ---- */

/* The provider's name for the model, and what the configuration adds where the client is silent. */
static void target_take(struct crossing *c, const struct target *t)
{
    struct chat_request *r = &c->asked;
    bool silent = !chat_has(r, CHAT_EFFORT) && r->thinking == THINK_UNSAID;
    r->model = t->model;
    if (silent)
        chat_param(r, CHAT_EFFORT, t->effort);
    r->max_tokens_new = r->max_tokens_new || t->provider->limit_is_new;
    /* The house wants to know, whatever the client asked for. */
    r->wants_usage = t->provider->settings->stream_usage == STREAM_USAGE_ASK;
}

/* Models' images out of a request, and messages that are nothing but images. */
static void images_drop(struct chat_request *r)
{
    struct chat_message **at = &r->messages;
    while (*at) {
        struct chat_message *m = *at;
        bool any = m->role == ROLE_ASSISTANT && blocks_have(m->blocks, BLOCK_IMAGE);
        for (struct chat_block **b = &m->blocks; any && *b;)
            if ((*b)->kind == BLOCK_IMAGE)
                *b = (*b)->next;
            else
                b = &(*b)->next;
        if (any && m->blocks)
            m->blocks->last = NULL;
        if (any && !m->blocks)
            *at = m->next;
        else
            at = &m->next;
    }
}

int crossing_new(const struct llm_request *request, const struct target *t, const struct wire *to,
                 struct arena *arena, struct crossing **ret_crossing, struct fault *f)
{
    const struct wire *from = request->wire;
    if (!from->request_read)
        return fault_set(f, E_UNSUPPORTED, "provider %.*s has nothing for %s",
                         STR_ARGS(t->provider->name), from->name);
    struct crossing *c = ARENA_NEW(arena, struct crossing);
    if (!c)
        return E_MEMORY;
    c->client = from;
    c->provider = to;
    c->provider_name = t->provider->name;
    buf_init(&c->input, INPUT_BYTES_MAX);
    arena_widen(arena, request->body.n); /* for what is copied of it: data out of its URLs */
    int err = from->request_read(request->body, arena, &c->asked, f);
    if (err)
        return err;
    struct str asked_as = c->asked.model;
    c->in = (struct wire_state){.arena = arena, .wants_usage = true};
    c->out = (struct wire_state){.arena = arena,
                                 .model = asked_as,
                                 .wants_usage = c->asked.wants_usage,
                                 .request = &c->asked};
    c->began_s = clock_wall_us() / 1000000;
    target_take(c, t);
    err = wire_check(to, &c->asked, &c->left_out, f);
    if (!err && to->carries[CHAT_IMAGE_MADE].how == WIRE_LEAVES)
        images_drop(&c->asked);
    if (!err && to->fetches && !provider_is_open(t->provider, request->tenant, request->alone))
        err = names_urls_check(&c->asked, t->provider->name, f);
    if (!err)
        *ret_crossing = c;
    return err;
}

void crossing_limit(struct crossing *c, int64_t limit)
{
    if (c->asked.max_tokens == 0)
        c->asked.max_tokens = limit;
}

void crossing_fini(struct crossing *c)
{
    if (!c)
        return;
    buf_fini(&c->input);
    if (c->client->state_fini && c->out.own)
        c->client->state_fini(&c->out);
}

struct str crossing_left_out(const struct crossing *c)
{
    return c->left_out;
}

int64_t crossing_next_number(const struct crossing *c)
{
    return c->out.next_number;
}

int crossing_request(struct crossing *c, struct buf *out, struct fault *f)
{
    return c->provider->request_write(&c->asked, out, f);
}

/* ---- what the client does not get ---- */

static bool leaves(struct crossing *c, enum chat_answer_part part)
{
    bool out = c->client->parts[part].how == WIRE_LEAVES;
    if (out)
        c->parts_out |= (uint32_t)1 << part;
    return out;
}

/* The parts that were left out, by name. */
static int parts_text(struct crossing *c, struct str *ret_text)
{
    struct buf names;
    buf_init(&names, 1024);
    for (unsigned i = 0; i < ANSWER_PART_COUNT; i++)
        if (c->parts_out >> i & 1)
            buf_printf(&names, "%s%s", names.n ? ", " : "", chat_answer_text(i));
    struct str text = names.n ? arena_str(c->in.arena, buf_view(&names)) : STR_NONE;
    int err = names.failed || (names.n && !text.p) ? E_MEMORY : 0;
    buf_fini(&names);
    if (!err)
        *ret_text = text;
    return err;
}

/* What explains by itself that there is little or nothing. */
static bool says_why(enum chat_stop stop)
{
    return stop == STOP_LENGTH || stop == STOP_CONTEXT || stop == STOP_REFUSED;
}

static int input_fault(const struct crossing *c, struct str name, struct fault *f)
{
    struct str raw = name.n > 2 ? json_string_raw(name) : STR("a tool");
    return fault_set(f, E_UPSTREAM_BODY,
                     "provider %.*s: the model called %.*s with arguments that are no JSON object",
                     STR_ARGS(c->provider_name), STR_ARGS(str_head_utf8(raw, 64)));
}

/* At the end of an answer: the names of what it lacks now, or that there is nothing left. */
static int parts_settle(struct crossing *c, enum chat_stop stop, struct fault *f)
{
    struct str names = STR_NONE;
    int err = parts_text(c, &names);
    c->settled = true;
    if (err || names.n == 0)
        return err;
    if (!c->answers && !says_why(stop))
        return fault_set(f, E_UPSTREAM_PARTS,
                         "provider %.*s answered with nothing but %.*s, which %s has no place for "
                         "(docs/providers.md)",
                         STR_ARGS(c->provider_name), STR_ARGS(names), c->client->name);
    c->out.left_out = names;
    c->left_out = c->left_out.n ? arena_printf(c->in.arena, "%.*s, %.*s", STR_ARGS(c->left_out),
                                               STR_ARGS(names))
                                : names;
    return c->left_out.p ? 0 : E_MEMORY;
}

/* ---- a whole answer ---- */

/*
 * Does the client get this block? A call whose input is no JSON object cannot be made: where a
 * limit cut it off it is left out, else the answer is broken.
 */
static int block_settle(struct crossing *c, struct chat_block *b, enum chat_stop stop, bool *ret_in,
                        struct fault *f)
{
    enum chat_answer_part part = chat_answer_of(b->kind, b->media.form);
    if (b->kind == BLOCK_CALL && b->input.n == 0) {
        if (stop != STOP_LENGTH && stop != STOP_CONTEXT)
            return input_fault(c, b->name, f);
        part = ANSWER_CALL_CUT;
    }
    *ret_in = part != ANSWER_OTHER && !leaves(c, part);
    if (b->cited && leaves(c, ANSWER_URL_CITATION))
        b->cited = NULL;
    bool thinks = b->kind == BLOCK_THINKING || b->kind == BLOCK_HIDDEN;
    bool empty = (b->kind == BLOCK_TEXT || b->kind == BLOCK_REFUSAL) && b->text.n <= 2;
    c->answers = c->answers || (*ret_in && !thinks && !empty);
    return 0;
}

static int answer_settle(struct crossing *c, struct chat_answer *a, struct fault *f)
{
    int err = 0;
    for (struct chat_block **at = &a->blocks; *at && !err;) {
        bool in = false;
        err = block_settle(c, *at, a->stop, &in, f);
        if (in)
            at = &(*at)->next;
        else
            *at = (*at)->next;
    }
    if (a->blocks)
        a->blocks->last = NULL;
    c->parts_out |= a->beside;
    return err ? err : parts_settle(c, a->stop, f);
}

static int events_write(struct crossing *c, struct buf *out, struct fault *f);

static struct chat_event *event_next(struct crossing *c, enum chat_event_kind kind)
{
    return chat_event_add(&c->events, kind);
}

/* A block of a whole answer as the events that make it. */
static int block_stream(struct crossing *c, const struct chat_block *b, struct buf *out,
                        struct fault *f)
{
    struct str text = b->kind == BLOCK_CALL ? b->input : b->text;
    int err = b->kind == BLOCK_CALL ? string_make(c->in.arena, b->input, &text) : 0;
    if (err)
        return err;
    c->events.n = 0;
    struct chat_event *e = event_next(c, EVENT_BLOCK_BEGIN);
    e->block = b->kind;
    e->id = b->id;
    e->name = b->name;
    e->text = b->kind == BLOCK_HIDDEN ? b->text : STR_NONE;
    if (b->kind == BLOCK_IMAGE) {
        e->text = b->media.data;
        if (b->media.form == MEDIA_BASE64)
            err = string_make(c->in.arena, b->media.type, &e->name);
    } else if (b->kind != BLOCK_HIDDEN && text.n > 2) {
        e = event_next(c, EVENT_DELTA);
        e->block = b->kind;
        e->text = text;
    }
    for (const struct chat_citation *q = b->cited; q && !err; q = q->next) {
        if (c->events.n + 2 >= CHAT_EVENTS_MAX) {
            err = events_write(c, out, f);
            c->events.n = 0;
        }
        chat_event_cited(&c->events, q);
    }
    if (b->kind == BLOCK_THINKING && b->signature.n > 2) {
        e = event_next(c, EVENT_SIGNATURE);
        e->block = b->kind;
        e->text = b->signature;
    }
    event_next(c, EVENT_BLOCK_END)->block = b->kind;
    return err ? err : events_write(c, out, f);
}

static int answer_stream(struct crossing *c, const struct chat_answer *a, struct buf *out,
                         struct fault *f)
{
    c->events.n = 0;
    struct chat_event *e = event_next(c, EVENT_BEGIN);
    e->id = a->id;
    e->model = a->model;
    e->created_s = a->created_s;
    int err = events_write(c, out, f);
    for (const struct chat_block *b = a->blocks; b && !err; b = b->next)
        err = block_stream(c, b, out, f);
    if (err)
        return err;
    c->events.n = 0;
    if (a->has_usage)
        event_next(c, EVENT_USAGE)->usage = a->usage;
    e = event_next(c, EVENT_STOPPED);
    e->stop = a->stop;
    e->stop_sequence = a->stop_sequence;
    (void)event_next(c, EVENT_END);
    return events_write(c, out, f);
}

int crossing_answer(struct crossing *c, struct str body, bool stream, struct buf *out,
                    struct fault *f)
{
    struct chat_answer answer = {0};
    arena_widen(c->in.arena, body.n);
    int err = c->provider->answer_read(body, c->in.arena, &answer);
    if (!err)
        err = answer_settle(c, &answer, f);
    if (err)
        return err;
    answer.request = &c->asked;
    answer.id = id_or_ours(c, answer.id);
    answer.created_s = answer.created_s ? answer.created_s : c->began_s;
    if (answer.model.n <= 2) /* Bedrock's answers have none */
        err = string_make(c->in.arena, c->out.model, &answer.model);
    if (err)
        return err;
    return stream ? answer_stream(c, &answer, out, f) : c->client->answer_write(&answer, out);
}

/* ---- events ---- */

/* Follows the input of a call, which is looked at when it is whole. */
static int input_follow(struct crossing *c, const struct chat_event *e)
{
    struct str json;
    int err = 0;
    if (e->kind == EVENT_BLOCK_BEGIN) {
        buf_clear(&c->input);
        buf_char(&c->input, '"');
        if (!c->broken)
            c->call = e->name.n ? arena_str(c->in.arena, e->name) : STR_NONE;
    } else if (e->kind == EVENT_DELTA && e->text.n > 2) {
        buf_str(&c->input, json_string_raw(e->text));
    } else if (e->kind == EVENT_BLOCK_END) {
        buf_char(&c->input, '"');
        if (!c->input.failed)
            err = input_from_string(c->in.arena, buf_view(&c->input), &json);
        c->broken = c->broken || err == E_BAD_REQUEST;
        err = err == E_BAD_REQUEST ? 0 : err;
    }
    if (c->input.failed)
        return c->input.failed == E_TOO_LARGE ? E_UPSTREAM_LARGE : c->input.failed;
    return err;
}

/* A block begins: is it one that the client gets? */
static void block_enter(struct crossing *c, const struct chat_event *e)
{
    bool by_url = e->block == BLOCK_IMAGE && !e->name.n;
    enum chat_answer_part part = chat_answer_of(e->block, by_url ? MEDIA_URL : MEDIA_BASE64);
    c->skips = part == ANSWER_OTHER || leaves(c, part);
    c->answers = c->answers || (!c->skips && (e->block == BLOCK_CALL || e->block == BLOCK_IMAGE));
}

/* What an event comes to for the client; false: it does not get it. */
static bool event_settle(struct crossing *c, struct chat_event *e)
{
    switch (e->kind) {
    case EVENT_BEGIN:
        e->id = id_or_ours(c, e->id);
        e->created_s = e->created_s ? e->created_s : c->began_s;
        return true;
    case EVENT_BESIDE:
        c->parts_out |= (uint32_t)1 << e->part;
        return false;
    case EVENT_BLOCK_BEGIN:
        block_enter(c, e);
        return !c->skips;
    case EVENT_CITED:
        return !c->skips && !leaves(c, ANSWER_URL_CITATION);
    case EVENT_DELTA:
        if (!c->skips && e->text.n > 2 && (e->block == BLOCK_TEXT || e->block == BLOCK_REFUSAL))
            c->answers = true;
        return !c->skips;
    case EVENT_SIGNATURE:
    case EVENT_BLOCK_END:
        return !c->skips;
    default:
        return true;
    }
}

static int stop_settle(struct crossing *c, enum chat_stop stop, struct fault *f)
{
    if (c->broken && stop != STOP_LENGTH && stop != STOP_CONTEXT)
        return input_fault(c, c->call, f);
    return c->settled ? 0 : parts_settle(c, stop, f);
}

static int events_write(struct crossing *c, struct buf *out, struct fault *f)
{
    int err = 0;
    for (unsigned i = 0; i < c->events.n && !err; i++) {
        struct chat_event *e = &c->events.at[i];
        if (!event_settle(c, e))
            continue;
        if (e->block == BLOCK_CALL)
            err = input_follow(c, e);
        else if (e->kind == EVENT_STOPPED)
            err = stop_settle(c, e->stop, f);
        c->stopped = c->stopped || e->kind == EVENT_STOPPED;
        c->over = c->over || e->kind == EVENT_END || e->kind == EVENT_FAILED;
        if (!err)
            err = c->client->event_write(&c->out, e, out);
    }
    return err;
}

int crossing_event(struct crossing *c, struct str name, struct str data, struct buf *out,
                   struct fault *f)
{
    int err;
    do {
        c->events.n = 0;
        err = c->provider->event_read(&c->in, name, data, &c->events);
        if (!err)
            err = events_write(c, out, f);
    } while (!err && c->in.again);
    return err;
}

int crossing_end(struct crossing *c, struct buf *out, struct fault *f)
{
    c->events.n = 0;
    if (c->over)
        return 0;
    if (c->provider->end_read) {
        c->provider->end_read(&c->in, &c->events);
        return events_write(c, out, f);
    }
    if (!c->stopped)
        (void)event_next(c, EVENT_STOPPED);
    (void)event_next(c, EVENT_END);
    return events_write(c, out, f);
}
