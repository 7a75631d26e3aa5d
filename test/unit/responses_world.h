/* responses_world.h: what the tests of the Responses wire share: fixtures, and answers and streams
 * as lines of text, so that a test can say in one string all that it wants. */
#ifndef RESPONSES_WORLD_H
#define RESPONSES_WORLD_H

#include "http/sse.h"
#include "wire_world.h"

#define FIXTURES "test/fixture/wire/responses"

struct world {
    struct arena arena;
    struct buf lines, out;
};

static inline void world_make(struct world *w)
{
    arena_init_private(&w->arena, 8u << 20);
    buf_init(&w->lines, 1u << 20);
    buf_init(&w->out, 1u << 20);
}

static inline void world_end(struct world *w)
{
    buf_fini(&w->out);
    buf_fini(&w->lines);
    arena_fini(&w->arena);
}

static inline void block_line(struct buf *out, const struct chat_block *b)
{
    buf_str(out, str_from(block_name(b->kind)));
    line_str(out, "", b->id);
    line_str(out, "", b->name);
    line_str(out, "", b->text);
    line_str(out, "", b->input);
    line_str(out, "", b->media.data);
    line_str(out, "signature ", b->signature);
    for (const struct chat_citation *c = b->cited; c; c = c->next) {
        buf_printf(out, " cited %d-%d", (int)c->from, (int)c->to);
        line_str(out, "", c->url);
        line_str(out, "", c->title);
    }
    buf_char(out, '\n');
}

static inline struct str answer_lines(struct buf *out, const struct chat_answer *a)
{
    buf_clear(out);
    buf_str(out, STR("answer"));
    line_str(out, "", a->id);
    line_str(out, "", a->model);
    buf_printf(out, " %lld\n", (long long)a->created_s);
    for (const struct chat_block *b = a->blocks; b; b = b->next)
        block_line(out, b);
    for (unsigned i = 0; i < ANSWER_PART_COUNT; i++)
        if (a->beside >> i & 1)
            buf_printf(out, "beside %s\n", chat_answer_text(i));
    if (a->has_usage)
        line_usage(out, &a->usage);
    buf_printf(out, "stop %s\n", stop_name(a->stop));
    return buf_view(out);
}

/* The deltas of a block are put together. */
static inline void event_line(struct buf *out, const struct chat_event *e)
{
    static const char *const names[] = {
        [EVENT_BEGIN] = "begin",     [EVENT_BLOCK_BEGIN] = "block", [EVENT_DELTA] = " delta",
        [EVENT_SIGNATURE] = " sign", [EVENT_BLOCK_END] = "end",     [EVENT_STOPPED] = "stop",
        [EVENT_END] = "over",        [EVENT_FAILED] = "failed",     [EVENT_CITED] = " cited",
        [EVENT_BESIDE] = "beside"};
    if (e->kind == EVENT_USAGE) {
        line_usage(out, &e->usage);
        return;
    }
    size_t line = out->n ? out->n - 1 : 0;
    while (line > 0 && out->p[line - 1] != '\n')
        line--;
    if (e->kind == EVENT_DELTA && str_starts(str_tail(buf_view(out), line), STR(" delta"))) {
        out->n -= 2; /* the quote and the line's end */
        buf_str(out, str_tail(e->text, 1));
        buf_char(out, '\n');
        return;
    }
    buf_str(out, str_from(names[e->kind]));
    if (e->kind == EVENT_BLOCK_BEGIN)
        buf_printf(out, " %s", block_name(e->block));
    if (e->kind == EVENT_STOPPED)
        buf_printf(out, " %s", stop_name(e->stop));
    if (e->kind == EVENT_BESIDE)
        buf_printf(out, " %s", chat_answer_text(e->part));
    if (e->kind == EVENT_CITED)
        buf_printf(out, " %d-%d", (int)e->from, (int)e->to);
    line_str(out, "", e->id);
    line_str(out, "", e->name);
    line_str(out, "", e->model);
    line_str(out, "", e->text);
    buf_char(out, '\n');
}

/* Reads a stream's bytes into lines; with `writer`, also writes what a client gets, into `client`.
 */
static inline void stream_run(struct arena *a, struct str bytes, struct buf *lines,
                              struct wire_state *writer, struct buf *client)
{
    struct sse sse;
    struct sse_event e;
    struct wire_state reader = {.arena = a};
    sse_init(&sse, 1u << 20);
    sse_feed(&sse, bytes);
    while (sse_next(&sse, &e) == 0 && e.raw.n > 0) {
        do {
            struct chat_events events;
            assert_int_equal(wire_responses.event_read(&reader, e.name, e.data, &events), 0);
            for (unsigned i = 0; i < events.n; i++) {
                event_line(lines, &events.at[i]);
                if (writer)
                    assert_int_equal(wire_responses.event_write(writer, &events.at[i], client), 0);
            }
        } while (reader.again);
    }
    sse_fini(&sse);
}

#endif
