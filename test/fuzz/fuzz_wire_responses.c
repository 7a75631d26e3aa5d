/*
 * fuzz_wire_responses.c: whatever bytes come as a request, as an answer, or as a stream's events of
 * OpenAI's Responses.
 *
 * A request that the wire carries is written as JSON that can be read again, and then is written
 * the same. An answer that was written is read as the same blocks. Events keep the order that
 * chat.h promises, also where a stream repeats or breaks off, and what a client gets for them can
 * be read, and keeps that order too. The bytes are one event, and lines that are each one.
 */
#include <stdlib.h>

#include "base/json.h"
#include "http/sse.h"
#include "llm/wire.h"

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

/* ---- requests ---- */

static bool written(struct str body, struct arena *a, struct buf *out)
{
    struct chat_request r;
    struct str left_out;
    struct fault f = {0};
    int err = wire_responses.request_read(body, a, &r, &f);
    check(err == 0 || err == E_BAD_JSON || err == E_BAD_REQUEST || err == E_DUPLICATE_KEY);
    check(err == 0 || (f.err == err && f.text[0] != '\0'));
    if (err || wire_check(&wire_responses, &r, &left_out, &f) != 0)
        return false;
    err = wire_responses.request_write(&r, out, &f);
    check(err == 0 || err == E_BAD_REQUEST);
    return !err;
}

static void check_request(struct str body)
{
    struct arena a;
    struct buf first, second;
    arena_init(&a, 256u << 20);
    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    if (written(body, &a, &first)) {
        check(is_json(&a, buf_view(&first)));
        check(written(buf_view(&first), &a, &second));
        check(str_eq(buf_view(&first), buf_view(&second)));
    }
    buf_fini(&second);
    buf_fini(&first);
    arena_fini(&a);
}

/* ---- answers ---- */

static void check_tokens(const struct tokens *t)
{
    check(t->input >= 0 && t->cached >= 0 && t->cache_write >= 0);
    check(t->output >= 0 && t->reasoning >= 0);
}

static void check_same(const struct chat_answer *x, const struct chat_answer *y)
{
    const struct chat_block *b = x->blocks, *c = y->blocks;
    check(x->stop == y->stop && x->has_usage == y->has_usage && x->created_s == y->created_s);
    check(memcmp(&x->usage, &y->usage, sizeof(x->usage)) == 0);
    for (; b && c; b = b->next, c = c->next) {
        check(b->kind == c->kind && (b->signature.n > 0) == (c->signature.n > 0));
        check(str_eq(b->id, c->id) && str_eq(b->name, c->name) && str_eq(b->input, c->input));
        check(b->kind == BLOCK_HIDDEN || str_eq(b->text, c->text));
    }
    check(!b && !c);
}

static void check_answer(struct str body)
{
    struct arena a;
    struct buf out;
    struct chat_answer answer, again;
    arena_init(&a, 256u << 20);
    buf_init(&out, 64u << 20);
    int err = wire_responses.answer_read(body, &a, &answer);
    check(err == 0 || err == E_UPSTREAM_BODY);
    if (!err) {
        check_tokens(&answer.usage);
        check(wire_responses.answer_write(&answer, &out) == 0);
        check(is_json(&a, buf_view(&out)));
        check(wire_responses.answer_read(buf_view(&out), &a, &again) == 0);
        check_same(&answer, &again);
    }
    buf_fini(&out);
    arena_fini(&a);
}

/* ---- streams ---- */

struct watch {
    bool begun, stopped, over, open;
    enum chat_block_kind kind;
};

static void check_event(struct watch *w, const struct chat_event *e)
{
    check(!w->over && (w->begun || e->kind == EVENT_BEGIN || e->kind == EVENT_FAILED));
    check(!e->text.p || json_is_string(e->text));
    switch (e->kind) {
    case EVENT_BEGIN:
        check(!w->begun);
        w->begun = true;
        break;
    case EVENT_BLOCK_BEGIN:
        check(!w->open && !w->stopped);
        check(e->block != BLOCK_CALL || (json_is_string(e->id) && json_is_string(e->name)));
        w->open = true;
        w->kind = e->block;
        break;
    case EVENT_DELTA:
    case EVENT_SIGNATURE:
        check(w->open && e->block == w->kind && e->text.n >= 2);
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
        check(!w->open && e->name.n >= 2 && e->text.n >= 2);
        w->over = true;
        break;
    }
}

struct side {
    struct arena *arena;
    struct wire_state reader, writer;
    struct watch watch;
    struct buf client;
};

static int feed(struct side *s, struct str data)
{
    struct chat_events events;
    int err = wire_responses.event_read(&s->reader, STR_NONE, data, &events);
    check(err == 0 || err == E_UPSTREAM_BODY);
    check(events.n < CHAT_EVENTS_MAX);
    for (unsigned i = 0; !err && i < events.n; i++) {
        check_event(&s->watch, &events.at[i]);
        check(wire_responses.event_write(&s->writer, &events.at[i], &s->client) == 0);
    }
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
        check(!e.is_comment && is_json(s->arena, e.data));
        check(feed(&back, e.data) == 0);
    }
    check(sse_rest(&sse).n == 0);
    check(back.watch.over == s->watch.over && back.watch.stopped == s->watch.stopped);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    check_request(text);
    check_answer(text);
    check_stream(text, '\0');
    check_stream(text, '\n');
    return 0;
}
