/*
 * fuzz_wire_anthropic.c: whatever bytes come as a request, an answer or a stream of Anthropic's.
 *
 * What was read and written is JSON, can be read again, and is then written in the same bytes. A
 * stream (a line of the input an event) keeps the order that chat.h promises, and what is written
 * for it is a stream that can be read. What is noted of bytes that pass through stands where it
 * was said to stand, and adds up.
 */
#include "llm/anthropic.h"
#include "wire_fuzz.h"

static bool is_json(struct str text)
{
    const struct json_scan *scan = NULL;
    return json_scan(text, &scan, NULL) == 0;
}

static struct str taken(struct arena *a, struct buf *b)
{
    struct str s = arena_str(a, buf_view(b));
    MUST(s.p != NULL);
    buf_clear(b);
    return s;
}

/* ---- requests ---- */

static void check_request(struct arena *a, struct buf *out, struct str body)
{
    struct chat_request r, again;
    struct fault f = {0};
    int err = wire_anthropic.request_read(body, a, &r, &f);
    fuzz_refusal(err, &f);
    if (err)
        return;
    MUST(r.model.n > 0 && r.messages && r.max_tokens >= 0);
    err = wire_anthropic.request_write(&r, out, &f);
    if (err) {
        MUST(err == E_UNSUPPORTED && f.err == err);
        buf_clear(out);
        return;
    }
    struct str once = taken(a, out);
    MUST(is_json(once));
    MUST(wire_anthropic.request_read(once, a, &again, &f) == 0);
    uint64_t may_come = (uint64_t)1 << CHAT_MAX_TOKENS | (uint64_t)1 << CHAT_DOCUMENT_TEXT;
    MUST((again.features & ~r.features & ~may_come) == 0);
    MUST(str_eq(again.model, r.model) && again.stream == r.stream);
    MUST(wire_anthropic.request_write(&again, out, &f) == 0);
    MUST(str_eq(taken(a, out), once));
}

static void check_facts_of_request(struct arena *a, struct str body)
{
    struct llm_request r;
    struct fault f = {0};
    int err = anthropic_request_read(body, a, &r, &f);
    fuzz_refusal(err, &f);
    if (err)
        return;
    MUST(r.model.n > 0 && r.choices == 1 && r.max_tokens >= 0 && r.wants_usage);
    MUST(r.model_at.from < r.model_at.to && r.model_at.to <= body.n);
    MUST(body.p[r.model_at.from] == '"' && body.p[r.inside_at - 1] == '{');
}

/* ---- answers ---- */

static void check_answer(struct arena *a, struct buf *out, struct str body)
{
    struct chat_answer answer, again;
    int err = wire_anthropic.answer_read(body, a, &answer);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    if (err)
        return;
    MUST(wire_anthropic.answer_write(&answer, out) == 0);
    struct str once = taken(a, out);
    MUST(is_json(once));
    MUST(wire_anthropic.answer_read(once, a, &again) == 0);
    MUST(!answer.has_usage || (again.has_usage && again.usage.input == answer.usage.input &&
                               again.usage.output == answer.usage.output &&
                               again.usage.reasoning == answer.usage.reasoning));
    MUST(wire_anthropic.answer_write(&again, out) == 0);
    MUST(str_eq(taken(a, out), once));
}

static void check_facts(const struct llm_facts *facts)
{
    struct tokens sum = {0};
    fuzz_tokens(&facts->usage);
    MUST(facts->has_usage == (facts->usage.source == TOKENS_PROVIDER));
    MUST(!facts->has_usage || facts->has_usage_member);
    MUST(facts->content_bytes >= 0 && facts->usage_cut.to == 0 && !facts->only_usage);
    MUST(facts->error_status == 0 || (facts->error_status >= 400 && facts->error_status < 600));
    MUST(facts->has_error || (facts->error_status == 0 && !facts->error_text.p));
    MUST(!facts->unread || !(facts->has_error || facts->done || facts->has_usage));
    anthropic_usage_merge(&sum, &facts->usage);
    MUST(tokens_prompt(&sum) == tokens_prompt(&facts->usage));
    MUST(tokens_completion(&sum) == tokens_completion(&facts->usage));
}

static void check_facts_of_event(struct str name, struct str data)
{
    struct llm_facts facts;
    int err = anthropic_event_read(name, data, &facts);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    if (!err)
        check_facts(&facts);
}

/* ---- streams ---- */

/* Frames of "event: NAME\ndata: JSON\n\n", as they were written; each has to be readable. */
static void check_frames(struct wire_state *reader, struct str frames)
{
    while (frames.n > 0) {
        struct chat_events events;
        struct str name = str_cut(&frames, '\n'), data = str_cut(&frames, '\n');
        MUST(str_starts(name, STR("event: ")) && str_starts(data, STR("data: ")));
        MUST(str_cut(&frames, '\n').n == 0);
        MUST(is_json(str_tail(data, 6)));
        MUST(wire_anthropic.event_read(reader, str_tail(name, 7), str_tail(data, 6), &events) == 0);
    }
}

static void check_stream(struct arena *a, struct buf *out, struct str text, struct str name)
{
    struct wire_state reader = {.arena = a}, writer = {.arena = a}, again = {.arena = a};
    struct fuzz_watch watch = {0};
    while (text.p) {
        struct chat_events events;
        struct str data = str_cut(&text, '\n');
        int err = wire_anthropic.event_read(&reader, name, data, &events);
        MUST(err == 0 || err == E_UPSTREAM_BODY);
        if (err)
            return;
        MUST(events.n < CHAT_EVENTS_MAX);
        for (unsigned i = 0; i < events.n; i++) {
            fuzz_event(&watch, &events.at[i], a);
            MUST(wire_anthropic.event_write(&writer, &events.at[i], out) == 0);
        }
        check_frames(&again, taken(a, out));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct llm_facts facts;
    struct arena a;
    struct buf out;
    arena_init(&a, 64u << 20);
    buf_init(&out, 32u << 20);
    check_request(&a, &out, text);
    check_facts_of_request(&a, text);
    fuzz_prefix(&wire_anthropic, text);
    check_answer(&a, &out, text);
    int err = anthropic_answer_read(text, &facts);
    MUST(err == 0 || err == E_UPSTREAM_BODY);
    if (!err)
        check_facts(&facts);
    static const char *const names[] = {NULL, "message_delta", "ping", "error", "new"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        check_facts_of_event(str_from(names[i]), text);
        check_stream(&a, &out, text, str_from(names[i]));
    }
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
