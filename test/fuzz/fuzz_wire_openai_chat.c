/*
 * fuzz_wire_openai_chat.c: whatever bytes come as a request, an answer or a stream of OpenAI's chat
 * completions.
 *
 * What was read can be written; what was written is JSON, can be read again, and is then written
 * the same, byte for byte. A stream is the input's lines, each an event's data.
 */
#include <stdlib.h>

#include "base/json.h"
#include "llm/wire.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static const struct wire *const wire = &wire_openai_chat;

static void check_json(struct str text)
{
    const struct json_scan *scan = NULL;
    check(json_scan(text, &scan, NULL) == 0);
}

static void check_request(struct str body)
{
    struct arena a;
    struct chat_request r, again;
    struct fault f = {0};
    struct buf first, second;
    arena_init(&a, 256u << 20);
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    int err = wire->request_read(body, &a, &r, &f);
    check(err == 0 || err == E_BAD_JSON || err == E_BAD_REQUEST || err == E_DUPLICATE_KEY);
    check(err == 0 || (f.err == err && f.text[0]));
    if (!err) {
        check(r.model.n > 0 || r.model.p);
        check(wire->request_write(&r, &first, &f) == 0);
        check_json(buf_view(&first));
        check(wire->request_read(buf_view(&first), &a, &again, &f) == 0);
        check(wire->request_write(&again, &second, &f) == 0);
        check(str_eq(buf_view(&first), buf_view(&second)));
    }
    buf_fini(&second);
    buf_fini(&first);
    arena_fini(&a);
}

static void check_tokens(const struct tokens *t)
{
    check(t->input >= 0 && t->cached >= 0 && t->cache_write >= 0);
    check(t->output >= 0 && t->reasoning >= 0);
}

static void check_answer(struct str body)
{
    struct arena a;
    struct chat_answer answer, again;
    struct buf first, second;
    arena_init(&a, 256u << 20);
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    int err = wire->answer_read(body, &a, &answer);
    check(err == 0 || err == E_UPSTREAM_BODY);
    if (!err) {
        check_tokens(&answer.usage);
        check(wire->answer_write(&answer, &first) == 0);
        check_json(buf_view(&first));
        check(wire->answer_read(buf_view(&first), &a, &again) == 0);
        check(wire->answer_write(&again, &second) == 0);
        check(str_eq(buf_view(&first), buf_view(&second)));
    }
    buf_fini(&second);
    buf_fini(&first);
    arena_fini(&a);
}

/* Are blocks begun and ended in turn, and nothing behind the end? */
struct order {
    bool begun, open, stopped, ended;
    enum chat_block_kind block;
};

static void check_order(struct order *o, const struct chat_event *e)
{
    check(!o->ended);
    switch (e->kind) {
    case EVENT_BEGIN:
        check(!o->begun);
        o->begun = true;
        break;
    case EVENT_BLOCK_BEGIN:
        check(o->begun && !o->open && !o->stopped);
        o->open = true;
        o->block = e->block;
        check(e->block != BLOCK_CALL || (e->id.n > 2 && e->name.n > 2));
        break;
    case EVENT_DELTA:
    case EVENT_SIGNATURE:
        check(o->open && e->block == o->block && e->text.n > 2);
        break;
    case EVENT_BLOCK_END:
        check(o->open && e->block == o->block);
        o->open = false;
        break;
    case EVENT_USAGE:
        check_tokens(&e->usage);
        break;
    case EVENT_STOPPED:
        check(o->begun && !o->open && !o->stopped);
        o->stopped = true;
        break;
    case EVENT_END:
        check(o->stopped);
        o->ended = true;
        break;
    case EVENT_FAILED:
        check(e->name.n >= 2 && e->text.n >= 2);
        o->ended = true;
        break;
    }
}

/* Reads the stream whose events are the lines of `text`, less `prefix`, and writes it anew. */
static int cross(struct str text, struct str prefix, bool wants_usage, struct buf *out)
{
    struct arena a;
    arena_init(&a, 64u << 20);
    struct wire_state reader = {.arena = &a};
    struct wire_state writer = {.arena = &a, .model = STR("m"), .wants_usage = wants_usage};
    struct chat_events events;
    struct order order = {0};
    int err = 0;
    while (text.p && !err) {
        struct str line = str_cut(&text, '\n');
        if (str_starts(line, prefix))
            err = wire->event_read(&reader, STR_NONE, str_tail(line, prefix.n), &events);
        check(err == 0 || err == E_UPSTREAM_BODY);
        check(events.n < CHAT_EVENTS_MAX);
        for (unsigned i = 0; i < events.n && !err; i++) {
            check_order(&order, &events.at[i]);
            check(wire->event_write(&writer, &events.at[i], out) == 0);
        }
        events.n = 0;
    }
    arena_fini(&a);
    return err;
}

static void check_frames(struct str text)
{
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');
        check(str_starts(line, STR("data: ")) && str_starts(text, STR("\n")));
        text = str_tail(text, 1);
        if (!str_eq(line, STR("data: [DONE]")))
            check_json(str_tail(line, 6));
    }
}

static void check_stream(struct str text, bool wants_usage)
{
    struct buf first, second;
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    (void)cross(text, STR_NONE, wants_usage, &first);
    check_frames(buf_view(&first));
    check(cross(buf_view(&first), STR("data: "), wants_usage, &second) == 0);
    check(str_eq(buf_view(&first), buf_view(&second)));
    buf_fini(&second);
    buf_fini(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_request(text);
    check_answer(text);
    check_stream(text, true);
    check_stream(text, false);
    return 0;
}
