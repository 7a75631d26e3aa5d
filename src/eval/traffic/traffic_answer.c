#include "eval/traffic/traffic_answer.h"

#include "base/json.h"
#include "http/sse.h"

#define BYTES_MAX (64u << 20)

/* Both as JSON grows, without its brackets. */
struct answering {
    struct buf text;  /* what stands between a string's quotes */
    struct buf calls; /* a list's elements */
    bool in_call;
};

static void call_begin(struct answering *a, struct str id, struct str name)
{
    if (a->calls.n)
        buf_char(&a->calls, ',');
    buf_str(&a->calls, STR("{\"id\":"));
    buf_str(&a->calls, id.n ? id : STR("\"\""));
    buf_str(&a->calls, STR(",\"type\":\"function\",\"function\":{\"name\":"));
    buf_str(&a->calls, name.n ? name : STR("\"\""));
    buf_str(&a->calls, STR(",\"arguments\":\""));
    a->in_call = true;
}

static void call_end(struct answering *a)
{
    if (a->in_call)
        buf_str(&a->calls, STR("\"}}"));
    a->in_call = false;
}

/* ---- a whole one ---- */

static int body_read(const struct wire *wire, struct str body, struct arena *arena,
                     struct answering *a)
{
    struct chat_answer answer = {0};
    int err = wire->answer_read(body, arena, &answer);
    for (const struct chat_block *b = answer.blocks; b && !err; b = b->next) {
        bool says = (b->kind == BLOCK_TEXT || b->kind == BLOCK_REFUSAL) && b->text.n > 2;
        if (says)
            buf_str(&a->text, json_string_raw(b->text));
        if (b->kind != BLOCK_CALL)
            continue;
        call_begin(a, b->id, b->name);
        (void)json_escape(&a->calls, b->input.n ? b->input : STR("{}"));
        call_end(a);
    }
    return err;
}

/* ---- a stream ---- */

static int event_take(struct answering *a, const struct chat_event *e)
{
    switch (e->kind) {
    case EVENT_BLOCK_BEGIN:
        if (e->block == BLOCK_CALL)
            call_begin(a, e->id, e->name);
        return 0;
    case EVENT_DELTA:
        if (e->text.n > 2 && e->block == BLOCK_CALL)
            return buf_str(&a->calls, json_string_raw(e->text));
        if (e->text.n > 2 && (e->block == BLOCK_TEXT || e->block == BLOCK_REFUSAL))
            return buf_str(&a->text, json_string_raw(e->text));
        return 0;
    case EVENT_BLOCK_END:
        call_end(a);
        return 0;
    case EVENT_FAILED:
        return E_UPSTREAM_BODY;
    default:
        return 0;
    }
}

static int event_read(const struct wire *wire, struct wire_state *state,
                      const struct sse_event *event, struct answering *a)
{
    struct chat_events events;
    int err;
    do {
        events.n = 0;
        err = wire->event_read(state, event->name, event->data, &events);
        for (unsigned i = 0; i < events.n && !err; i++)
            err = event_take(a, &events.at[i]);
    } while (!err && state->again);
    return err;
}

static int stream_read(const struct wire *wire, yyjson_val *stream, struct arena *arena,
                       struct answering *a)
{
    struct wire_state state = {.arena = arena, .wants_usage = true};
    struct sse sse;
    size_t i, n;
    yyjson_val *text;
    int err = 0;
    sse_init(&sse, BYTES_MAX);
    yyjson_arr_foreach(stream, i, n, text)
    {
        struct sse_event event = {.raw = STR_NONE};
        sse_feed(&sse, json_str(text));
        while (!err && (err = sse_next(&sse, &event)) == 0 && event.raw.n > 0)
            if (!event.is_comment)
                err = event_read(wire, &state, &event, a);
    }
    sse_fini(&sse);
    call_end(a);
    return err;
}

int traffic_answer_read(const struct recorded_turn *turn, const struct wire *wire,
                        struct arena *arena, struct traffic_answer *ret_answer)
{
    struct answering a = {.in_call = false};
    *ret_answer = (struct traffic_answer){.text = STR_NONE};
    buf_init(&a.text, BYTES_MAX);
    buf_init(&a.calls, BYTES_MAX);
    int err = turn->stream ? stream_read(wire, turn->stream, arena, &a)
                           : body_read(wire, turn->body, arena, &a);
    err = err ? err : a.text.failed ? a.text.failed : a.calls.failed;
    if (!err && a.text.n) {
        ret_answer->text = arena_printf(arena, "\"%.*s\"", (int)a.text.n, a.text.p);
        err = ret_answer->text.p ? 0 : E_MEMORY;
    }
    if (!err && a.calls.n) {
        ret_answer->calls = arena_printf(arena, "[%.*s]", (int)a.calls.n, a.calls.p);
        err = ret_answer->calls.p ? 0 : E_MEMORY;
    }
    buf_fini(&a.text);
    buf_fini(&a.calls);
    return err;
}
