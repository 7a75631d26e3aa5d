/*
 * fuzz_wire_gemini.c: whatever bytes come as an answer of Gemini's or as the events of a stream,
 * and whatever chat is written for it.
 *
 * An answer that was read, and the same bytes as a stream of one event, hold the same blocks.
 * Events keep the order that chat.h promises, however a stream repeats or breaks off, and all that
 * is given as a string is one. What is written of any chat is JSON. The bytes are lines: each is an
 * event; and they are choices, of which a chat is made.
 */
#include <stdlib.h>

#include "base/json.h"
#include "llm/gemini.h"
#include "llm/wire/gemini.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Half a surrogate pair is JSON to the reader that wires use, but not to yyjson. */
static bool is_json(struct arena *a, struct str text)
{
    yyjson_doc *doc = NULL;
    return json_parse(a, text, &doc, NULL) == 0 || str_find(text, STR("\\ud")) >= 0 ||
           str_find(text, STR("\\uD")) >= 0;
}

static void check_string(struct arena *a, struct str string)
{
    check(!string.p || (json_is_string(string) && is_json(a, string)));
}

/* ---- answers ---- */

/* What is read of blocks, whole or in events: two readings of the same have the same. */
struct sums {
    unsigned calls, signatures;
    size_t text_bytes, thought_bytes;
};

static void text_add(struct sums *sums, enum chat_block_kind kind, struct str text)
{
    size_t bytes = text.n ? text.n - 2 : 0;
    sums->text_bytes += kind == BLOCK_TEXT ? bytes : 0;
    sums->thought_bytes += kind == BLOCK_THINKING ? bytes : 0;
}

static void check_tokens(const struct tokens *t)
{
    check(t->input >= 0 && t->cached >= 0 && t->cache_write == 0);
    check(t->output >= 0 && t->reasoning >= 0);
}

static bool check_answer(struct str body, struct sums *ret_sums)
{
    struct arena a;
    struct chat_answer answer;
    arena_init(&a, 64u << 20);
    int err = gemini_answer_read(body, &a, &answer);
    check(err == 0 || err == E_UPSTREAM_BODY);
    *ret_sums = (struct sums){0};
    for (const struct chat_block *b = err ? NULL : answer.blocks; b; b = b->next) {
        check_string(&a, b->text);
        check_string(&a, b->id);
        check_string(&a, b->name);
        check_string(&a, b->signature);
        check(b->kind != BLOCK_CALL || (b->id.n > 2 && json_is_object(b->input)));
        text_add(ret_sums, b->kind, b->text);
        ret_sums->calls += b->kind == BLOCK_CALL;
        ret_sums->signatures += b->signature.n > 0;
    }
    if (!err) {
        check_string(&a, answer.id);
        check_string(&a, answer.model);
        check_tokens(&answer.usage);
    }
    arena_fini(&a);
    return !err;
}

/* ---- streams ---- */

struct watch {
    bool begun, stopped, over, open;
    enum chat_block_kind kind;
    struct sums sums;
};

static void check_inside(const struct watch *w, const struct chat_event *e)
{
    check(w->open && e->block == w->kind && json_is_string(e->text));
}

static void check_event(struct watch *w, const struct chat_event *e, struct arena *a)
{
    check(!w->over && (w->begun || e->kind == EVENT_BEGIN || e->kind == EVENT_FAILED));
    check_string(a, e->id);
    check_string(a, e->name);
    check_string(a, e->model);
    check_string(a, e->text);
    switch (e->kind) {
    case EVENT_BEGIN:
        check(!w->begun);
        w->begun = true;
        break;
    case EVENT_BLOCK_BEGIN:
        check(!w->open && !w->stopped && (e->block != BLOCK_CALL || e->id.n > 2));
        w->open = true;
        w->kind = e->block;
        w->sums.calls += e->block == BLOCK_CALL;
        break;
    case EVENT_DELTA:
        check_inside(w, e);
        text_add(&w->sums, e->block, e->text);
        break;
    case EVENT_SIGNATURE:
        check_inside(w, e);
        w->sums.signatures++;
        break;
    case EVENT_BLOCK_END:
        check(w->open && e->block == w->kind);
        w->open = false;
        break;
    case EVENT_USAGE:
        check_tokens(&e->usage);
        break;
    case EVENT_STOPPED:
        check(!w->open && !w->stopped);
        w->stopped = true;
        break;
    case EVENT_END:
        check(w->stopped);
        w->over = true;
        break;
    case EVENT_FAILED:
        check(e->name.n >= 2 && e->text.n >= 2);
        w->over = true;
        break;
    }
}

static bool feed(struct wire_state *state, struct watch *w, struct str data, struct arena *a)
{
    int err = 0;
    do {
        struct chat_events events;
        err = gemini_event_read(state, STR_NONE, data, &events);
        check(err == 0 || err == E_UPSTREAM_BODY);
        check(events.n <= CHAT_EVENTS_MAX && (!state->again || events.n > 0));
        for (unsigned i = 0; !err && i < events.n; i++)
            check_event(w, &events.at[i], a);
    } while (!err && state->again);
    struct llm_facts facts;
    int other = gemini_event_facts(STR_NONE, data, &facts);
    check(err == 0 || other == err);
    check(facts.error_status == 0 || facts.has_error);
    return !err;
}

static void check_streams(struct str text)
{
    struct arena a, scratch;
    struct sums sums;
    arena_init(&a, 64u << 20);
    arena_init(&scratch, 256u << 20);
    struct wire_state one = {.arena = &a};
    struct watch w = {0};
    bool read = feed(&one, &w, text, &scratch);
    if (check_answer(text, &sums))
        check(read && memcmp(&sums, &w.sums, sizeof(sums)) == 0);
    struct wire_state lines = {.arena = &a};
    w = (struct watch){0};
    for (struct str rest = text; rest.n > 0;)
        (void)feed(&lines, &w, str_cut(&rest, '\n'), &scratch);
    arena_fini(&scratch);
    arena_fini(&a);
}

/* ---- requests ---- */

struct choices {
    const uint8_t *at, *end;
};

static unsigned choose(struct choices *c, unsigned limit)
{
    return c->at < c->end ? *c->at++ % limit : 0;
}

static struct str choose_string(struct choices *c)
{
    static const struct str strings[] = {
        {NULL, 0},
        {"\"\"", 2},
        {"\"a\\n\"", 5},
        {"\"\\ud83d\\ude00\"", 14},
        {"\"c__thought__QUJD\"", 18},
        {"\"__thought__\"", 13},
        {"\"c\"", 3},
        {"\"gemini:QUJD\"", 13},
        {"\"https://x/y.png?z\"", 19},
        {"\"high\"", 6},
        {"\"low\"", 5},
    };
    return strings[choose(c, ARRAY_LEN(strings))];
}

static void block_make(struct choices *c, struct chat_request *r, struct chat_block **list,
                       unsigned depth)
{
    static const struct str types[] = {{NULL, 0}, {"image/png", 9}, {"wav", 3}, {"\"\\", 2}};
    static const struct str inputs[] = {{NULL, 0}, {"{}", 2}, {"{\"a\":[1]}", 9}};
    struct chat_block *b = chat_block_new(r->arena, list, choose(c, BLOCK_OTHER + 1));
    check(b != NULL);
    b->text = choose_string(c);
    b->signature = choose_string(c);
    b->id = choose_string(c);
    b->name = choose_string(c);
    b->input = inputs[choose(c, ARRAY_LEN(inputs))];
    b->is_error = choose(c, 2);
    b->media.form = choose(c, MEDIA_TEXT + 1);
    b->media.type = types[choose(c, ARRAY_LEN(types))];
    b->media.data = choose_string(c);
    b->media.detail = choose_string(c);
    if (!b->media.data.n) /* a medium has data */
        b->media.data = STR("\"QQ==\"");
    for (unsigned n = depth ? 0 : choose(c, 4); n > 0; n--)
        block_make(c, r, &b->result, depth + 1);
}

static void request_make(struct choices *c, struct chat_request *r)
{
    static const struct str models[] = {{"gemini-2.5-pro", 14}, {"gemini-3-pro", 12}};
    struct chat_message *last = NULL;
    r->model = models[choose(c, ARRAY_LEN(models))];
    for (unsigned n = choose(c, 8); n > 0; n--) {
        last = chat_message_new(r, last, choose(c, ROLE_ASSISTANT + 1));
        check(last != NULL);
        for (unsigned m = choose(c, 5); m > 0; m--)
            block_make(c, r, &last->blocks, 0);
    }
    for (unsigned n = choose(c, 3); n > 0; n--) {
        struct chat_tool *t = chat_tool_new(r);
        check(t != NULL);
        t->name = choose_string(c);
        t->description = choose_string(c);
        t->strict = choose(c, 2) ? STR("true") : STR_NONE;
    }
    r->tool_choice = choose(c, CHOOSE_NAMED + 1);
    r->tool_named = choose_string(c);
    r->thinking = choose(c, THINK_ADAPTIVE + 1);
    r->format = choose(c, FORMAT_SCHEMA + 1);
    r->max_tokens = choose(c, 2);
    chat_param(r, CHAT_EFFORT, choose(c, 2) ? STR("\"high\"") : choose_string(c));
    chat_param(r, CHAT_TEMPERATURE, choose(c, 2) ? STR("1e0") : STR_NONE);
}

static void check_request(struct str text)
{
    struct arena a;
    struct buf out;
    struct fault f = {0};
    struct choices c = {(const uint8_t *)text.p, (const uint8_t *)text.p + text.n};
    arena_init(&a, 64u << 20);
    buf_init(&out, 16u << 20);
    struct chat_request r = {.arena = &a};
    request_make(&c, &r);
    (void)!chat_settle(&r, &f); /* also what it refuses may not crash a writer */
    fault_clear(&f);
    int err = gemini_request_write(&r, &out, &f);
    check(err == 0 || err == E_UNSUPPORTED || err == E_BAD_REQUEST);
    check(err == 0 ? is_json(&a, buf_view(&out)) : f.err == err && f.text[0] != '\0');
    buf_fini(&out);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_streams(text);
    check_request(text);
    struct llm_facts facts;
    int err = gemini_answer_facts(text, &facts);
    check(err == 0 || err == E_UPSTREAM_BODY);
    return 0;
}
