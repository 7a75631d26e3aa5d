/* openai_chat_stream_read.c: the chunks of a provider's stream. */
#include "llm/wire/openai_chat_stream.h"

static int text_read(struct chunk *x, enum chat_block_kind kind, struct str text)
{
    if (text.n == 0 || json_is_null(text) || (json_is_string(text) && text.n == 2))
        return 0;
    if (!json_is_string(text) || !chunk_may_add(x))
        return E_UPSTREAM_BODY;
    if (!x->reader->open || x->reader->block != kind) {
        chunk_block_end(x);
        (void)chunk_block_begin(x, kind);
    }
    x->reader->any_refusal = x->reader->any_refusal || kind == BLOCK_REFUSAL;
    if (kind == BLOCK_TEXT)
        x->reader->chars += string_chars(text);
    chunk_delta_add(x, text);
    return 0;
}

/* A string, or with Mistral's models that think a list of parts, as in a whole answer. */
static int content_read(struct chunk *x, struct str content)
{
    enum { TYPE, TEXT };
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("text", STRING)};
    struct str value[ARRAY_LEN(of)];
    struct json_reader r;
    int err = 0;
    if (!json_is_array(content))
        return text_read(x, BLOCK_TEXT, content);
    if (list_enter(&r, content))
        do {
            bool good = members_peek(json_take(&r), of, ARRAY_LEN(of), value);
            if (!good || !chunk_may_add(x))
                err = E_UPSTREAM_BODY;
            else if (string_is(value[TYPE], STR("text")))
                err = text_read(x, BLOCK_TEXT, value[TEXT]);
            else
                chat_event_beside(x->events, ANSWER_OTHER);
        } while (!err && json_more(&r, '['));
    return err;
}

/* A signature ends its block; `told` says that the text came in another member. */
static int thought_read(struct chunk *x, struct str thought, bool told)
{
    struct str value[4];
    if (!members_peek(thought, openai_chat_thought, 4, value))
        return E_UPSTREAM_BODY;
    if (string_is(value[0], STR("redacted_thinking")) && value[3].n) {
        if (!chunk_may_add(x))
            return E_UPSTREAM_BODY;
        chunk_block_end(x);
        chunk_block_begin(x, BLOCK_HIDDEN)->text = value[3];
        chunk_block_end(x);
        return 0;
    }
    int err = told ? 0 : text_read(x, BLOCK_THINKING, value[1]);
    if (err || value[2].n <= 2)
        return err;
    if (!chunk_may_add(x))
        return E_UPSTREAM_BODY;
    if (!x->reader->open || x->reader->block != BLOCK_THINKING) {
        chunk_block_end(x);
        (void)chunk_block_begin(x, BLOCK_THINKING);
    }
    struct chat_event *e = chat_event_add(x->events, EVENT_SIGNATURE);
    e->block = BLOCK_THINKING;
    e->text = value[2];
    chunk_block_end(x);
    return 0;
}

/* ---- chunks ---- */

enum {
    D_REASONING,
    D_REASONING_CONTENT,
    D_CONTENT,
    D_REFUSAL,
    D_THOUGHTS,
    D_CALLS,
    D_ANNOTATIONS,
    D_IMAGES,
    D_AUDIO,
    D_COUNT
};

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
 * there is no room for are given when it is read again, which goes on where this stopped. */
static int calls_read(struct chunk *x)
{
    struct reader *of = x->reader;
    int err = 0;
    while (of->calls_left && !err) {
        x->again = of->calls_read && !of->stopped && !chunk_may_add(x);
        if (x->again)
            return 0;
        err = chunk_call_read(x, json_take(&of->calls));
        of->calls_read = true;
        of->calls_left = json_more(&of->calls, '[');
    }
    return err;
}

/* Annotations are of the text that they come behind; of the places in it, which count from the
 * content's beginning, only those in this text. However many they are, an image or a call behind
 * them has room. */
static void annotations_read(struct chunk *x, struct str list)
{
    struct reader *of = x->reader;
    struct json_reader r;
    struct chat_citation said;
    if (!list_enter(&r, list) || of->stopped)
        return;
    do {
        bool page = openai_chat_cited(json_take(&r), &said), room = chunk_may_add_some(x, 2);
        if (page && !of->open && room)
            (void)chunk_block_begin(x, BLOCK_TEXT);
        bool here = page && of->open && of->block == BLOCK_TEXT && said.from >= of->block_chars &&
                    said.to >= said.from && room;
        if (!here) {
            of->cited_lost = of->cited_lost || !room;
            if (room)
                chat_event_beside(x->events, page ? ANSWER_URL_CITATION : ANSWER_CITATION);
            continue;
        }
        said.from -= of->block_chars;
        said.to -= of->block_chars;
        chat_event_cited(x->events, &said);
    } while (json_more(&r, '['));
}

static int image_read(struct chunk *x, struct str image)
{
    struct chat_media media;
    struct str type = STR_NONE;
    int err = openai_chat_image(x->arena, image, &media);
    if (!err && media.form == MEDIA_BASE64)
        err = string_make(x->arena, media.type, &type);
    if (err && err != E_BAD_REQUEST)
        return err;
    if (!chunk_may_add(x))
        return E_UPSTREAM_BODY;
    if (err) {
        chat_event_beside(x->events, ANSWER_OTHER);
        return 0;
    }
    chunk_block_end(x);
    struct chat_event *e = chunk_block_begin(x, BLOCK_IMAGE);
    e->text = media.data;
    e->name = type;
    chunk_block_end(x);
    return 0;
}

static int images_read(struct chunk *x, struct str list)
{
    struct json_reader r;
    int err = 0;
    if (!x->reader->stopped && list_enter(&r, list))
        do
            err = image_read(x, json_take(&r));
        while (!err && json_more(&r, '['));
    return err;
}

/* What is said aloud is the answer in words, too. */
static int audio_read(struct chunk *x, struct str audio)
{
    struct reader *r = x->reader;
    if (!r->spoke && chunk_may_add(x)) {
        chat_event_beside(x->events, ANSWER_AUDIO);
        r->spoke = true;
    }
    return text_read(x, BLOCK_TEXT, member_peek(audio, STR("transcript"), VALUE_STRING));
}

static int beside_read(struct chunk *x, const struct str *value)
{
    int err = value[D_AUDIO].n ? audio_read(x, value[D_AUDIO]) : 0;
    if (value[D_ANNOTATIONS].n)
        annotations_read(x, value[D_ANNOTATIONS]);
    return !err && value[D_IMAGES].n ? images_read(x, value[D_IMAGES]) : err;
}

/* Servers that send the reasoning under two names send it twice. */
static int delta_read(struct chunk *x, struct str delta)
{
    static const struct member members[D_COUNT] = {
        MEMBER("reasoning", STRING), MEMBER("reasoning_content", ANY), MEMBER("content", ANY),
        MEMBER("refusal", ANY),      MEMBER("thinking_blocks", LIST),  MEMBER("tool_calls", LIST),
        MEMBER("annotations", LIST), MEMBER("images", LIST),           MEMBER("audio", OBJECT)};
    struct str value[D_COUNT];
    if (delta.n == 0)
        return 0;
    if (!members_peek(delta, members, D_COUNT, value))
        return E_UPSTREAM_BODY;
    if (x->reader->calls_read) /* all of it was read */
        return 0;
    struct str reasoning = value[D_REASONING_CONTENT];
    if (!json_is_string(reasoning) && value[D_REASONING].n)
        reasoning = value[D_REASONING];
    int err = text_read(x, BLOCK_THINKING, reasoning);
    if (!err && value[D_THOUGHTS].n)
        err = thoughts_read(x, value[D_THOUGHTS], reasoning.n > 2);
    if (!err)
        err = content_read(x, value[D_CONTENT]);
    if (!err)
        err = text_read(x, BLOCK_REFUSAL, value[D_REFUSAL]);
    if (!err)
        err = beside_read(x, value);
    if (err)
        return err;
    x->reader->calls_left = list_enter(&x->reader->calls, value[D_CALLS]);
    return calls_read(x);
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
    chunk_block_end(x);
    if (r->cited_lost)
        chat_event_beside(x->events, ANSWER_URL_CITATION);
    if (r->any_call && (stop == STOP_END || stop == STOP_UNSAID))
        stop = STOP_CALL;
    else if (r->any_refusal && stop == STOP_END)
        stop = STOP_REFUSED;
    chat_event_add(x->events, EVENT_STOPPED)->stop = stop;
    r->stopped = true;
}

/* Some servers have a message in a delta's place; behind deltas it repeats them. */
static int said_read(struct chunk *x, struct str delta, struct str message)
{
    unsigned before = x->events->n;
    int err = delta_read(x, delta);
    x->reader->by_delta = x->reader->by_delta || x->events->n > before;
    return err || x->reader->by_delta ? err : delta_read(x, message);
}

static int choice_read(struct chunk *x, const struct chat_top *top)
{
    static const struct member members[] = {MEMBER("delta", ANY), MEMBER("finish_reason", STRING),
                                            MEMBER("message", OBJECT)};
    struct str value[3];
    if (!members_peek(top->choice, members, 3, value))
        return E_UPSTREAM_BODY;
    begin(x, top);
    if (top->cites && !x->reader->cited && chunk_may_add(x)) {
        chat_event_beside(x->events, ANSWER_CITATION);
        x->reader->cited = true;
    }
    int err = said_read(x, value[0], value[2]);
    if (err || x->again || value[1].n <= 2) /* some write "" until there is one */
        return err;
    if (x->reader->call_waits)
        return E_UPSTREAM_BODY;
    stopped(x, openai_chat_stop(value[1]));
    return x->reader->lost ? E_UPSTREAM_BODY : 0;
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
    if (top.has_usage)
        chat_event_add(x->events, EVENT_USAGE)->usage = top.usage;
    return 0;
}

int openai_chat_event_read(struct wire_state *state, struct str name, struct str data,
                           struct chat_events *ret_events)
{
    static const struct chat_top nothing;
    struct reader *r = state->own;
    bool again = state->again;
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
    if (!again)
        r->calls_read = r->calls_left = false;
    if (!str_eq(data, STR("[DONE]"))) {
        int err = calls_read(&x);
        if (!err && !x.again)
            err = chunk_read(&x, name, data);
        state->again = !err && x.again;
        return err;
    }
    begin(&x, &nothing);
    stopped(&x, STOP_UNSAID);
    (void)chat_event_add(ret_events, EVENT_END);
    r->ended = true;
    return 0;
}
