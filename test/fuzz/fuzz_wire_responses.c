/*
 * fuzz_wire_responses.c: whatever bytes come as a request, as an answer, or as a stream's events of
 * OpenAI's Responses.
 *
 * A request that the wire carries is written as JSON that can be read again, and then is written
 * the same. An answer that was written is read as the same blocks. Events keep the order that
 * chat.h promises, also where a stream repeats or breaks off, and what a client gets for them can
 * be read, and keeps that order too. The bytes are one event, and lines that are each one.
 */
#include "http/sse.h"
#include "wire_fuzz.h"

/* ---- requests ---- */

static bool written(struct str body, struct arena *a, struct buf *out)
{
    struct chat_request r;
    struct str left_out;
    struct fault f = {0};
    int err = wire_responses.request_read(body, a, &r, &f);
    fuzz_refusal(err, &f);
    if (err || wire_check(&wire_responses, &r, &left_out, &f) != 0)
        return false;
    err = wire_responses.request_write(&r, out, &f);
    MUST(err == 0 || err == E_BAD_REQUEST);
    return !err;
}

static void check_request(struct str body)
{
    struct fuzz_room room;
    fuzz_room_init(&room);
    if (written(body, &room.arena, &room.first)) {
        MUST(fuzz_is_json(&room.arena, buf_view(&room.first)));
        MUST(written(buf_view(&room.first), &room.arena, &room.second));
        MUST(str_eq(buf_view(&room.first), buf_view(&room.second)));
    }
    fuzz_room_fini(&room);
}

/* ---- answers ---- */

static void check_same(const struct chat_answer *x, const struct chat_answer *y)
{
    const struct chat_block *b = x->blocks, *c = y->blocks;
    MUST(x->stop == y->stop && x->has_usage == y->has_usage && x->created_s == y->created_s);
    MUST(memcmp(&x->usage, &y->usage, sizeof(x->usage)) == 0);
    for (; b && c; b = b->next, c = c->next) {
        MUST(b->kind == c->kind && (b->signature.n > 0) == (c->signature.n > 0));
        MUST(str_eq(b->id, c->id) && str_eq(b->name, c->name) && str_eq(b->input, c->input));
        MUST(b->kind == BLOCK_HIDDEN || str_eq(b->text, c->text));
        MUST(str_eq(b->media.data, c->media.data) && str_eq(b->media.type, c->media.type));
        const struct chat_citation *p = b->cited, *q = c->cited;
        for (; p && q; p = p->next, q = q->next)
            MUST(str_eq(p->url, q->url) && p->from == q->from && p->to == q->to);
        MUST(!p && !q);
    }
    MUST(!b && !c);
}

static void check_answer(struct str body)
{
    struct fuzz_room room;
    struct chat_answer answer, again;
    fuzz_room_init(&room);
    int err = wire_responses.answer_read(body, &room.arena, &answer);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    if (!err) {
        fuzz_tokens(&answer.usage);
        fuzz_calls_complete(answer.blocks);
        MUST(wire_responses.answer_write(&answer, &room.first) == 0);
        MUST(fuzz_is_json(&room.arena, buf_view(&room.first)));
        MUST(wire_responses.answer_read(buf_view(&room.first), &room.arena, &again) == 0);
        check_same(&answer, &again);
    }
    fuzz_room_fini(&room);
}

/* ---- streams ---- */

static void check_event(struct fuzz_watch *w, const struct chat_event *e, struct arena *a)
{
    bool call = e->kind == EVENT_BLOCK_BEGIN && e->block == BLOCK_CALL;
    fuzz_event(w, e, a);
    MUST(!call || (json_is_string(e->id) && json_is_string(e->name)));
    MUST(e->kind != EVENT_FAILED || !w->open);
}

struct side {
    struct arena *arena;
    struct wire_state reader, writer;
    struct fuzz_watch watch;
    struct buf client;
};

static int feed(struct side *s, struct str data)
{
    int err = 0;
    do {
        struct chat_events events;
        err = wire_responses.event_read(&s->reader, STR_NONE, data, &events);
        MUST(err == 0 || err == E_UPSTREAM_BODY);
        MUST(events.n < CHAT_EVENTS_MAX && (!s->reader.again || events.n > 0));
        for (unsigned i = 0; !err && i < events.n; i++) {
            check_event(&s->watch, &events.at[i], s->arena);
            MUST(wire_responses.event_write(&s->writer, &events.at[i], &s->client) == 0);
        }
    } while (!err && s->reader.again);
    return err;
}

/* What the client got, read as a provider's. */
static void check_client(struct side *s)
{
    struct sse sse;
    struct sse_event e;
    struct side back = {
        .arena = s->arena, .reader = {.arena = s->arena}, .writer = {.arena = s->arena}};
    buf_init(&back.client, 256u << 20);
    sse_init(&sse, 64u << 20);
    sse_feed(&sse, buf_view(&s->client));
    while (sse_next(&sse, &e) == 0 && e.raw.n > 0) {
        MUST(!e.is_comment && fuzz_is_json(s->arena, e.data));
        MUST(feed(&back, e.data) == 0);
    }
    MUST(sse_rest(&sse).n == 0);
    MUST(back.watch.over == s->watch.over && back.watch.stopped == s->watch.stopped);
    sse_fini(&sse);
    wire_responses.state_fini(&back.writer);
    buf_fini(&back.client);
}

static void check_stream(struct str text, char cut)
{
    struct arena a;
    arena_init(&a, 512u << 20);
    struct side s = {.arena = &a, .reader = {.arena = &a}, .writer = {.arena = &a}};
    buf_init(&s.client, 256u << 20);
    if (!cut)
        (void)feed(&s, text);
    for (struct str rest = cut ? text : STR_NONE; rest.n > 0;)
        (void)feed(&s, str_cut(&rest, cut));
    check_client(&s);
    wire_responses.state_fini(&s.writer);
    buf_fini(&s.client);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_request(text);
    check_answer(text);
    fuzz_prefix(&wire_responses, text);
    check_stream(text, '\0');
    check_stream(text, '\n');
    return 0;
}
