/*
 * fuzz_wire_openai_chat.c: whatever bytes come as a request, an answer or a stream of OpenAI's chat
 * completions.
 *
 * What was read can be written; what was written is JSON, can be read again, and is then written
 * the same, byte for byte. A stream is the input's lines, each an event's data.
 */
#include "wire_fuzz.h"

static const struct wire *const wire = &wire_openai_chat;

static void check_json(struct str text)
{
    const struct json_scan *scan = NULL;
    MUST(json_scan(text, &scan, NULL) == 0);
}

static void check_request(struct str body)
{
    struct fuzz_room room;
    struct chat_request r, again;
    struct fault f = {0};
    fuzz_room_init(&room);
    int err = wire->request_read(body, &room.arena, &r, &f);
    fuzz_refusal(err, &f);
    if (!err) {
        MUST(r.model.n > 0 || r.model.p);
        MUST(wire->request_write(&r, &room.first, &f) == 0);
        check_json(buf_view(&room.first));
        MUST(wire->request_read(buf_view(&room.first), &room.arena, &again, &f) == 0);
        MUST(wire->request_write(&again, &room.second, &f) == 0);
        MUST(str_eq(buf_view(&room.first), buf_view(&room.second)));
    }
    fuzz_room_fini(&room);
}

static void check_answer(struct str body)
{
    struct fuzz_room room;
    struct chat_answer answer, again;
    fuzz_room_init(&room);
    int err = wire->answer_read(body, &room.arena, &answer);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    if (!err) {
        fuzz_tokens(&answer.usage);
        fuzz_calls_complete(answer.blocks);
        MUST(wire->answer_write(&answer, &room.first) == 0);
        check_json(buf_view(&room.first));
        MUST(wire->answer_read(buf_view(&room.first), &room.arena, &again) == 0);
        MUST(wire->answer_write(&again, &room.second) == 0);
        MUST(str_eq(buf_view(&room.first), buf_view(&room.second)));
    }
    fuzz_room_fini(&room);
}

static void check_event(struct fuzz_watch *w, const struct chat_event *e, struct arena *a)
{
    bool inside = e->kind == EVENT_DELTA || e->kind == EVENT_SIGNATURE;
    bool call = e->kind == EVENT_BLOCK_BEGIN && e->block == BLOCK_CALL;
    fuzz_event(w, e, a);
    MUST(!inside || e->text.n > 2);
    MUST(!call || (e->id.n > 2 && e->name.n > 2));
}

/* Reads the stream whose events are the lines of `text`, less `prefix`, and writes it anew. */
static int cross(struct str text, struct str prefix, bool wants_usage, struct buf *out)
{
    struct arena a, scratch;
    arena_init(&a, 64u << 20);
    arena_init(&scratch, 256u << 20);
    struct wire_state reader = {.arena = &a};
    struct wire_state writer = {.arena = &a, .model = STR("m"), .wants_usage = wants_usage};
    struct chat_events events;
    struct fuzz_watch watch = {0};
    int err = 0;
    while (text.p && !err) {
        struct str line = str_cut(&text, '\n');
        if (!str_starts(line, prefix))
            continue;
        do {
            err = wire->event_read(&reader, STR_NONE, str_tail(line, prefix.n), &events);
            MUST(err == 0 || err == E_UPSTREAM_BODY);
            MUST(events.n < CHAT_EVENTS_MAX && (!reader.again || events.n > 0));
            for (unsigned i = 0; i < events.n && !err; i++) {
                check_event(&watch, &events.at[i], &scratch);
                MUST(wire->event_write(&writer, &events.at[i], out) == 0);
            }
        } while (!err && reader.again);
    }
    arena_fini(&scratch);
    arena_fini(&a);
    return err;
}

static void check_frames(struct str text)
{
    while (text.n > 0) {
        struct str line = str_cut(&text, '\n');
        MUST(str_starts(line, STR("data: ")) && str_starts(text, STR("\n")));
        text = str_tail(text, 1);
        if (!str_eq(line, STR("data: [DONE]")))
            check_json(str_tail(line, 6));
    }
}

static void check_stream(struct str text, bool wants_usage)
{
    struct fuzz_room room;
    fuzz_room_init(&room);
    (void)cross(text, STR_NONE, wants_usage, &room.first);
    check_frames(buf_view(&room.first));
    MUST(cross(buf_view(&room.first), STR("data: "), wants_usage, &room.second) == 0);
    MUST(str_eq(buf_view(&room.first), buf_view(&room.second)));
    fuzz_room_fini(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_request(text);
    check_answer(text);
    fuzz_prefix(wire, text);
    check_stream(text, true);
    check_stream(text, false);
    return 0;
}
