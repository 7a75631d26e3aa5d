/* wire_lines.h: what the tests of a wire that only providers speak share: answers and streams as
 * lines of text, so that a test can say in one string all that it wants. */
#ifndef WIRE_LINES_H
#define WIRE_LINES_H

#include "http/sse.h"
#include "wire_world.h"

struct wire_world {
    struct arena arena;
    struct buf lines;
};

static inline int wire_world_make(void **state)
{
    struct wire_world *w = test_calloc(1, sizeof(*w));
    arena_init(&w->arena, 1u << 20);
    buf_init(&w->lines, 1u << 20);
    *state = w;
    return 0;
}

static inline int wire_world_end(void **state)
{
    struct wire_world *w = *state;
    buf_fini(&w->lines);
    arena_fini(&w->arena);
    test_free(w);
    return 0;
}

static inline struct str answer_lines(struct buf *out, const struct chat_answer *a)
{
    buf_clear(out);
    buf_str(out, STR("answer"));
    line_str(out, "id ", a->id);
    line_str(out, "model ", a->model);
    buf_char(out, '\n');
    for (const struct chat_block *b = a->blocks; b; b = b->next) {
        buf_str(out, str_from(block_name(b->kind)));
        line_str(out, "", b->text);
        line_str(out, "", b->id);
        line_str(out, "", b->name);
        line_str(out, "", b->input);
        line_str(out, "signature ", b->signature);
        buf_char(out, '\n');
    }
    for (unsigned i = 0; i < ANSWER_PART_COUNT; i++)
        if (a->beside >> i & 1)
            buf_printf(out, "beside %s\n", chat_answer_text(i));
    if (a->has_usage)
        line_usage(out, &a->usage);
    buf_printf(out, "stop %s\n", stop_name(a->stop));
    return buf_view(out);
}

static inline void event_line(struct buf *out, const struct chat_event *e)
{
    static const char *const names[] = {
        [EVENT_BEGIN] = "begin",          [EVENT_BLOCK_BEGIN] = "block", [EVENT_DELTA] = " delta",
        [EVENT_SIGNATURE] = " signature", [EVENT_CITED] = " cited",      [EVENT_BESIDE] = "beside",
        [EVENT_BLOCK_END] = "block end",  [EVENT_STOPPED] = "stop",      [EVENT_END] = "end",
        [EVENT_FAILED] = "failed"};
    if (e->kind == EVENT_USAGE) {
        line_usage(out, &e->usage);
        return;
    }
    buf_str(out, str_from(names[e->kind]));
    if (e->kind == EVENT_BLOCK_BEGIN)
        buf_printf(out, " %s", block_name(e->block));
    if (e->kind == EVENT_BESIDE)
        buf_printf(out, " %s", chat_answer_text(e->part));
    if (e->kind == EVENT_STOPPED)
        buf_printf(out, " %s", stop_name(e->stop));
    line_str(out, "", e->id);
    line_str(out, "", e->name);
    line_str(out, "", e->model);
    line_str(out, "", e->text);
    buf_char(out, '\n');
}

/* What an event of the wire comes to, all of it, behind what stands there. */
static inline int event_lines(const struct wire *wire, struct wire_state *state, struct str name,
                              struct str data, struct buf *out)
{
    int err = 0;
    do {
        struct chat_events events;
        err = wire->event_read(state, name, data, &events);
        for (unsigned i = 0; !err && i < events.n; i++)
            event_line(out, &events.at[i]);
    } while (!err && state->again);
    return err;
}

/* And what the end of the bytes comes to. */
static inline void end_lines(const struct wire *wire, struct wire_state *state, struct buf *out)
{
    struct chat_events events = {0};
    if (wire->end_read)
        wire->end_read(state, &events);
    for (unsigned i = 0; i < events.n; i++)
        event_line(out, &events.at[i]);
}

static inline struct str stream_lines(const struct wire *wire, struct arena *a, struct str bytes,
                                      struct buf *out)
{
    struct sse sse;
    struct sse_event e;
    struct wire_state state = {.arena = a};
    buf_clear(out);
    sse_init(&sse, 1u << 20);
    sse_feed(&sse, bytes);
    while (sse_next(&sse, &e) == 0 && e.raw.n > 0)
        if (!e.is_comment)
            assert_int_equal(event_lines(wire, &state, e.name, e.data, out), 0);
    end_lines(wire, &state, out);
    sse_fini(&sse);
    return buf_view(out);
}

/* A recorded exchange, and its answer and stream as lines; NULL where there is none that can be
 * read. */
struct wire_case {
    const char *name, *answer, *stream;
};

static inline void answer_is_read(struct wire_world *w, const struct wire *wire, const char *folder,
                                  const struct wire_case *c)
{
    struct chat_answer answer;
    struct str body = fixture_read(&w->arena, folder, c->name, "answer.json");
    if (!body.p)
        assert_null(c->answer);
    else if (!c->answer)
        assert_int_equal(wire->answer_read(body, &w->arena, &answer), E_UPSTREAM_BODY);
    else {
        assert_int_equal(wire->answer_read(body, &w->arena, &answer), 0);
        assert_str(answer_lines(&w->lines, &answer), str_from(c->answer));
    }
}

#endif
