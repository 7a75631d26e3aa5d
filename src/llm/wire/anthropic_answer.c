/* anthropic_answer.c: whole messages, read and written. */
#include "llm/wire/anthropic.h"

static const struct {
    struct str word; /* string */
    enum chat_stop stop;
} stops[] = {
    {WORD("end_turn"), STOP_END},
    {WORD("tool_use"), STOP_CALL},
    {WORD("max_tokens"), STOP_LENGTH},
    {WORD("stop_sequence"), STOP_SEQUENCE},
    {WORD("refusal"), STOP_REFUSED},
    {WORD("pause_turn"), STOP_PAUSE},
    {WORD("model_context_window_exceeded"), STOP_CONTEXT},
};

enum chat_stop anthropic_stop_of(struct str reason)
{
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (str_eq(stops[i].word, reason))
            return stops[i].stop;
    return STOP_UNSAID;
}

struct str anthropic_stop_word(enum chat_stop stop, bool calls, bool refuses)
{
    if (stop == STOP_UNSAID || stop == STOP_END)
        stop = calls ? STOP_CALL : refuses ? STOP_REFUSED : STOP_END;
    for (size_t i = 0; i < ARRAY_LEN(stops); i++)
        if (stops[i].stop == stop)
            return stops[i].word;
    return STR("\"end_turn\"");
}

void anthropic_usage_write(struct buf *out, const struct tokens *u)
{
    buf_char(out, '{');
    member_put_i64(out, STR("input_tokens"), u->input);
    member_put_i64(out, STR("cache_creation_input_tokens"), u->cache_write);
    member_put_i64(out, STR("cache_read_input_tokens"), u->cached);
    if (u->cache_write_1h > 0) {
        member_put(out, STR("cache_creation"));
        buf_char(out, '{');
        member_put_i64(out, STR("ephemeral_5m_input_tokens"), u->cache_write - u->cache_write_1h);
        member_put_i64(out, STR("ephemeral_1h_input_tokens"), u->cache_write_1h);
        buf_char(out, '}');
    }
    member_put_i64(out, STR("output_tokens"), tokens_completion(u));
    if (u->reasoning > 0) {
        member_put(out, STR("output_tokens_details"));
        buf_char(out, '{');
        member_put_i64(out, STR("thinking_tokens"), u->reasoning);
        buf_char(out, '}');
    }
    buf_char(out, '}');
}

/* ---- reading ---- */

enum {
    TOP_TYPE,
    TOP_ID,
    TOP_MODEL,
    TOP_CONTENT,
    TOP_STOP_REASON,
    TOP_STOP_SEQUENCE,
    TOP_STOP_DETAILS,
    TOP_USAGE,
    TOPS
};
static const struct member top_members[TOPS] = {
    [TOP_TYPE] = MEMBER("type", STRING),
    [TOP_ID] = MEMBER("id", STRING),
    [TOP_MODEL] = MEMBER("model", STRING),
    [TOP_CONTENT] = MEMBER("content", TAKEN),
    [TOP_STOP_REASON] = MEMBER("stop_reason", STRING),
    [TOP_STOP_SEQUENCE] = MEMBER("stop_sequence", STRING),
    [TOP_STOP_DETAILS] = MEMBER("stop_details", ANY),
    [TOP_USAGE] = MEMBER("usage", TAKEN),
};

struct str anthropic_explanation(struct str details)
{
    struct str words = member_peek(details, STR("explanation"), VALUE_STRING);
    return words.n > 2 ? words : STR_NONE;
}

struct body {
    struct chat_answer *answer;
    struct anthropic_usage usage;
};

static void beside_note(struct chat_answer *a, const struct chat_block *b)
{
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("name", STRING)};
    struct str v[ARRAY_LEN(of)];
    if (json_is_array(b->citations) && !json_is_empty(b->citations))
        chat_answer_notes(a, ANSWER_CITATION);
    if (b->kind != BLOCK_OTHER)
        return;
    (void)members_peek(b->input, of, ARRAY_LEN(of), v);
    chat_answer_notes(a, anthropic_other(v[0], v[1]));
}

static int part_read(struct reading *r, unsigned which, void *to)
{
    struct body *body = to;
    struct chat_answer *a = body->answer;
    bool is_string = false;
    if (which == TOP_USAGE) {
        anthropic_usage_read(&r->json, &body->usage);
        return 0;
    }
    int err = anthropic_content_read(r, &a->blocks, &is_string);
    for (const struct chat_block *b = a->blocks; b && !err; b = b->next)
        if (!anthropic_block_fits(b->kind, ROLE_ASSISTANT))
            err = E_UPSTREAM_BODY;
        else
            beside_note(a, b);
    return is_string ? E_UPSTREAM_BODY : err;
}

static int body_read(struct reading *r, struct chat_answer *a)
{
    struct body body = {.answer = a, .usage = ANTHROPIC_USAGE_UNSAID};
    struct str value[TOPS];
    struct object o = OBJECT(top_members, value);
    o.take = part_read;
    o.to = &body;
    int err = reading_object(r, &o);
    bool other = value[TOP_TYPE].n && !string_is(value[TOP_TYPE], STR("message"));
    if (!err && (!json_reader_good(&r->json) || !(o.seen >> TOP_CONTENT & 1) || other))
        err = E_UPSTREAM_BODY;
    if (err)
        return err;
    a->id = value[TOP_ID];
    a->model = value[TOP_MODEL];
    a->stop = anthropic_stop_of(value[TOP_STOP_REASON]);
    a->stop_sequence = value[TOP_STOP_SEQUENCE];
    a->has_usage = anthropic_usage_tokens(&body.usage, &a->usage);
    struct str explanation = anthropic_explanation(value[TOP_STOP_DETAILS]);
    if (a->stop == STOP_REFUSED && explanation.n) {
        struct chat_block *b = chat_block_new(r->arena, &a->blocks, BLOCK_REFUSAL);
        if (!b)
            return E_MEMORY;
        b->text = explanation;
    }
    return 0;
}

int anthropic_message_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    struct reading r = {.arena = arena};
    struct chat_answer answer = {0};
    int err = json_reader_init(&r.json, body) ? body_read(&r, &answer) : E_UPSTREAM_BODY;
    if (err)
        return err == E_MEMORY ? err : E_UPSTREAM_BODY;
    *ret_answer = answer;
    return 0;
}

/* ---- writing ---- */

int anthropic_message_write(const struct chat_answer *a, struct buf *out)
{
    struct anthropic_writer w = {.out = out};
    unsigned count;
    buf_char(out, '{');
    member_put_string(out, STR("id"), a->id);
    member_put_json(out, STR("type"), STR("\"message\""));
    member_put_json(out, STR("role"), STR("\"assistant\""));
    member_put_string(out, STR("model"), a->model);
    member_put(out, STR("content"));
    int err = anthropic_blocks_write(&w, a->blocks, &count);
    member_put_json(out, STR("stop_reason"),
                    anthropic_stop_word(a->stop, blocks_have(a->blocks, BLOCK_CALL),
                                        blocks_have(a->blocks, BLOCK_REFUSAL)));
    member_put_json(out, STR("stop_sequence"), a->stop_sequence.n ? a->stop_sequence : STR("null"));
    member_put(out, STR("usage"));
    anthropic_usage_write(out, &a->usage);
    buf_char(out, '}');
    return err ? err : out->failed;
}
