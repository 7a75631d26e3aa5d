/*
 * wire_fuzz.h: what the targets of the wires share: the promises of llm/chat.h, and chats that are
 * made of bytes. A target has the rest: what its protocol promises beyond that.
 */
#ifndef FUZZ_WIRE_FUZZ_H
#define FUZZ_WIRE_FUZZ_H

#include "base/json.h"
#include "fuzz.h"
#include "llm/prefix.h"
#include "llm/wire.h"

/* Half a surrogate pair is JSON to the reader that wires use, but not to yyjson. */
static inline bool fuzz_is_json(struct arena *a, struct str text)
{
    yyjson_doc *doc = NULL;
    return json_parse(a, text, &doc, NULL) == 0 || str_find(text, STR("\\ud")) >= 0 ||
           str_find(text, STR("\\uD")) >= 0;
}

/* What was read as a string is one, or nothing. */
static inline void fuzz_string(struct arena *a, struct str string)
{
    MUST(!string.p || (json_is_string(string) && fuzz_is_json(a, string)));
}

static inline void fuzz_tokens(const struct tokens *t)
{
    MUST(t->input >= 0 && t->cached >= 0 && t->cache_write >= 0);
    MUST(t->output >= 0 && t->reasoning >= 0);
}

/* A call whose input is no JSON has none, and a crossing does not write it. */
static inline void fuzz_calls_complete(struct chat_block *blocks)
{
    for (struct chat_block *b = blocks; b; b = b->next)
        if (b->kind == BLOCK_CALL && !b->input.n && !b->others)
            b->input = STR("{}");
}

/* Room for what is written twice, and for what is read of it. */
struct fuzz_room {
    struct arena arena;
    struct buf first, second;
};
static inline void fuzz_room_init(struct fuzz_room *r)
{
    arena_init(&r->arena, 512u << 20);
    buf_init(&r->first, 256u << 20);
    buf_init(&r->second, 256u << 20);
}
static inline void fuzz_room_fini(struct fuzz_room *r)
{
    buf_fini(&r->second);
    buf_fini(&r->first);
    arena_fini(&r->arena);
}

/* A reader's error has words, and is the client's. */
static inline void fuzz_refusal(int err, const struct fault *f)
{
    MUST(err == 0 || err == E_BAD_JSON || err == E_BAD_REQUEST || err == E_DUPLICATE_KEY);
    MUST(err == 0 || (f->err == err && f->text[0] != '\0'));
}

/* ---- messages in front ---- */

#define FUZZ_SYSTEM "{\"role\":\"system\",\"content\":\"S\\n\"}"
#define FUZZ_EXAMPLES                                                                              \
    "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}"

/* Edits are in order, and take nothing away but what says nothing. */
static inline void fuzz_prefix_edits(const struct llm_edits *edits, struct str body)
{
    size_t done = 0;
    for (unsigned i = 0; i < edits->n; i++) {
        struct json_span at = edits->at[i].at;
        struct str was = str_of(body.p + at.from, at.to - at.from);
        MUST(at.from >= done && at.to >= at.from && at.to <= body.n && edits->at[i].with.n > 0);
        MUST(was.n == 0 || json_is_null(was) || str_eq(was, STR("\"\"")));
        done = at.to;
    }
}

/* A request with messages in front says the same besides, and can be read if it could before. */
static inline void fuzz_prefix_of(const struct wire *wire, const struct prefix *p, struct str body)
{
    struct fuzz_room room;
    struct llm_request r, again;
    struct chat_request chat;
    struct str with;
    struct fault f = {0};
    struct llm_edits edits = {.n = 0};
    const struct json_scan *scan = NULL;
    fuzz_room_init(&room);
    int err = wire_ask(wire, body, &room.arena, &r, &f);
    if (!err) {
        err = prefix_edits(p, &r, &room.arena, &edits, &f);
        MUST(err == 0 || ((err == E_BAD_REQUEST || err == E_UNSUPPORTED) && f.err == err));
    }
    if (!err && json_scan(body, &scan, NULL) == 0 && scan->count + 2 <= JSON_MEMBERS_MAX) {
        fuzz_prefix_edits(&edits, body);
        MUST(prefix_body(p, &r, &room.arena, &with, &f) == 0);
        MUST(edits.n > 0 || str_eq(with, body));
        MUST(wire_ask(wire, with, &room.arena, &again, &f) == 0);
        MUST(str_eq(again.model, r.model) && again.stream == r.stream && again.op == r.op);
        MUST(again.max_tokens == r.max_tokens && again.kept_n == r.kept_n);
        if (wire->request_read && wire->request_read(body, &room.arena, &chat, &f) == 0)
            MUST(wire->request_read(with, &room.arena, &chat, &f) == 0);
    }
    fuzz_room_fini(&room);
}

static inline void fuzz_prefix(const struct wire *wire, struct str body)
{
    static const struct prefix all = {.name = {"all", 3},
                                      .system = {"S\\n", 3},
                                      .items = {"," FUZZ_SYSTEM "," FUZZ_EXAMPLES ",",
                                                sizeof("," FUZZ_SYSTEM "," FUZZ_EXAMPLES ",") - 1},
                                      .examples_at = sizeof("," FUZZ_SYSTEM) - 1};
    static const struct prefix system = {
        .name = {"system", 6},
        .system = {"S\\n", 3},
        .items = {"," FUZZ_SYSTEM ",", sizeof("," FUZZ_SYSTEM ",") - 1},
        .examples_at = sizeof("," FUZZ_SYSTEM) - 1};
    static const struct prefix examples = {
        .name = {"examples", 8},
        .items = {"," FUZZ_EXAMPLES ",", sizeof("," FUZZ_EXAMPLES ",") - 1}};
    fuzz_prefix_of(wire, &all, body);
    fuzz_prefix_of(wire, &system, body);
    fuzz_prefix_of(wire, &examples, body);
}

/* ---- the order of events ---- */

struct fuzz_watch {
    bool begun, stopped, over, open;
    enum chat_block_kind kind;
};

/* The next event of a stream; its strings are looked at in `a`. */
static inline void fuzz_event(struct fuzz_watch *w, const struct chat_event *e, struct arena *a)
{
    bool may_be_first = e->kind == EVENT_BEGIN || e->kind == EVENT_FAILED || e->kind == EVENT_USAGE;
    MUST(!w->over && (w->begun || may_be_first));
    fuzz_string(a, e->id);
    fuzz_string(a, e->name);
    fuzz_string(a, e->model);
    fuzz_string(a, e->text);
    fuzz_string(a, e->stop_sequence);
    switch (e->kind) {
    case EVENT_BEGIN:
        MUST(!w->begun);
        w->begun = true;
        break;
    case EVENT_BLOCK_BEGIN:
        MUST(!w->open && !w->stopped);
        w->open = true;
        w->kind = e->block;
        break;
    case EVENT_DELTA:
    case EVENT_SIGNATURE:
        MUST(w->open && e->block == w->kind && json_is_string(e->text));
        break;
    case EVENT_CITED:
        MUST(w->open && w->kind == BLOCK_TEXT && e->block == BLOCK_TEXT);
        MUST(json_is_string(e->text) && e->from >= 0);
        break;
    case EVENT_BESIDE:
        MUST(!w->stopped && e->part < ANSWER_PART_COUNT);
        break;
    case EVENT_BLOCK_END:
        MUST(w->open && e->block == w->kind);
        w->open = false;
        break;
    case EVENT_USAGE:
        fuzz_tokens(&e->usage);
        break;
    case EVENT_STOPPED:
        MUST(!w->open && !w->stopped);
        w->stopped = true;
        break;
    case EVENT_END:
        MUST(!w->open && w->stopped);
        w->over = true;
        break;
    case EVENT_FAILED:
        MUST(json_is_string(e->name) && json_is_string(e->text));
        w->over = true;
        break;
    }
}

/* ---- chats made of bytes ---- */

struct fuzz_choices {
    const uint8_t *at, *end;
};

static inline unsigned fuzz_choose(struct fuzz_choices *c, unsigned limit)
{
    return c->at < c->end ? *c->at++ % limit : 0;
}

/* Words that mean something to a protocol; each list ends with an empty one. */
struct fuzz_words {
    const struct str *models, *strings, *types;
};

static inline struct str fuzz_word(struct fuzz_choices *c, const struct str *words)
{
    unsigned n = 0;
    while (words[n].n > 0)
        n++;
    return words[fuzz_choose(c, n + 1)]; /* or nothing */
}

static inline struct str fuzz_control(struct fuzz_choices *c)
{
    static const struct str controls[] = {{"null", 4},
                                          {"{\"type\":\"ephemeral\"}", 20},
                                          {"{\"ttl\":\"1h\",\"ttl\":5}", 20},
                                          {NULL, 0}};
    return fuzz_choose(c, 2) ? fuzz_word(c, controls) : STR_NONE;
}

static inline void fuzz_block(struct fuzz_choices *c, const struct fuzz_words *words,
                              struct chat_request *r, struct chat_block **list, unsigned depth)
{
    static const struct str inputs[] = {{"{}", 2}, {"{\"a\":[1]}", 9}, {NULL, 0}};
    struct chat_block *b = chat_block_new(r->arena, list, fuzz_choose(c, BLOCK_OTHER + 1));
    MUST(b != NULL);
    b->text = fuzz_word(c, words->strings);
    b->signature = fuzz_word(c, words->strings);
    b->id = fuzz_word(c, words->strings);
    b->name = fuzz_word(c, words->strings);
    b->input = fuzz_word(c, inputs);
    b->is_error = fuzz_choose(c, 2);
    b->cache_control = fuzz_control(c);
    b->media.form = fuzz_choose(c, MEDIA_TEXT + 1);
    b->media.type = fuzz_word(c, words->types);
    b->media.data = fuzz_word(c, words->strings);
    b->media.name = fuzz_word(c, words->strings);
    b->media.detail = fuzz_word(c, words->strings);
    if (!b->media.data.n) /* a medium has data */
        b->media.data = STR("\"QQ==\"");
    for (unsigned n = depth ? 0 : fuzz_choose(c, 4); n > 0; n--)
        fuzz_block(c, words, r, &b->result, depth + 1);
}

static inline void fuzz_request(struct fuzz_choices *c, const struct fuzz_words *words,
                                struct chat_request *r)
{
    struct chat_message *last = NULL;
    r->model = fuzz_word(c, words->models);
    if (!r->model.n)
        r->model = words->models[0];
    for (unsigned n = fuzz_choose(c, 8); n > 0; n--) {
        last = chat_message_new(r, last, fuzz_choose(c, ROLE_ASSISTANT + 1));
        MUST(last != NULL);
        for (unsigned m = fuzz_choose(c, 5); m > 0; m--)
            fuzz_block(c, words, r, &last->blocks, 0);
    }
    for (unsigned n = fuzz_choose(c, 3); n > 0; n--) {
        struct chat_tool *t = chat_tool_new(r);
        MUST(t != NULL);
        t->name = fuzz_word(c, words->strings);
        t->description = fuzz_word(c, words->strings);
        t->cache_control = fuzz_control(c);
        t->strict = fuzz_choose(c, 2) ? STR("true") : STR_NONE;
    }
    r->tool_choice = fuzz_choose(c, CHOOSE_NAMED + 1);
    r->tool_named = fuzz_word(c, words->strings);
    r->tools_serial = fuzz_choose(c, 2);
    r->thinking = fuzz_choose(c, THINK_ADAPTIVE + 1);
    r->format = fuzz_choose(c, FORMAT_SCHEMA + 1);
    r->max_tokens = fuzz_choose(c, 2);
    chat_param(r, CHAT_EFFORT, fuzz_choose(c, 2) ? STR("\"high\"") : fuzz_word(c, words->strings));
    chat_param(r, CHAT_TEMPERATURE, fuzz_choose(c, 2) ? STR("1e0") : STR_NONE);
    chat_param(r, CHAT_TOP_K, fuzz_choose(c, 2) ? STR("4") : STR_NONE);
    if (fuzz_choose(c, 2))
        MUST(chat_stop_add(r, STR("\"x\"")) == 0);
}

/* Writes a chat that `text` makes; false where the wire refuses it, with words. */
static inline bool fuzz_written(const struct wire *wire, const struct fuzz_words *words,
                                struct str text, struct fuzz_room *room)
{
    struct fault f = {0};
    struct fuzz_choices c = {(const uint8_t *)text.p, (const uint8_t *)text.p + text.n};
    struct chat_request r = {.arena = &room->arena};
    fuzz_request(&c, words, &r);
    (void)!chat_settle(&r, &f); /* also what it refuses may not crash a writer */
    fault_clear(&f);
    int err = wire->request_write(&r, &room->first, &f);
    MUST(err == 0 || err == E_UNSUPPORTED || err == E_BAD_REQUEST);
    MUST(err == 0 ? fuzz_is_json(&room->arena, buf_view(&room->first))
                  : f.err == err && f.text[0] != '\0');
    return !err;
}

#endif
