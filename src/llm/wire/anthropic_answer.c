/* anthropic_answer.c: whole messages, read and written. */
#include "llm/wire/anthropic.h"

static const struct {
    struct str word; /* string */
    enum chat_stop stop;
} stops[] = {
    {{"\"end_turn\"", 10}, STOP_END},
    {{"\"tool_use\"", 10}, STOP_CALL},
    {{"\"max_tokens\"", 12}, STOP_LENGTH},
    {{"\"stop_sequence\"", 15}, STOP_SEQUENCE},
    {{"\"refusal\"", 9}, STOP_REFUSED},
    {{"\"pause_turn\"", 12}, STOP_PAUSE},
    {{"\"model_context_window_exceeded\"", 31}, STOP_CONTEXT},
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
    buf_str(out, STR("{\"input_tokens\":"));
    buf_i64(out, u->input);
    buf_str(out, STR(",\"cache_creation_input_tokens\":"));
    buf_i64(out, u->cache_write);
    buf_str(out, STR(",\"cache_read_input_tokens\":"));
    buf_i64(out, u->cached);
    buf_str(out, STR(",\"output_tokens\":"));
    buf_i64(out, tokens_completion(u));
    if (u->reasoning > 0) {
        buf_str(out, STR(",\"output_tokens_details\":{\"thinking_tokens\":"));
        buf_i64(out, u->reasoning);
        buf_char(out, '}');
    }
    buf_char(out, '}');
}

/* ---- reading ---- */

enum top {
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

static const struct anthropic_member top_members[TOPS] = {
    [TOP_TYPE] = {{"type", 4}, VALUE_STRING},
    [TOP_ID] = {{"id", 2}, VALUE_STRING},
    [TOP_MODEL] = {{"model", 5}, VALUE_STRING},
    [TOP_CONTENT] = {{"content", 7}, VALUE_LIST},
    [TOP_STOP_REASON] = {{"stop_reason", 11}, VALUE_STRING},
    [TOP_STOP_SEQUENCE] = {{"stop_sequence", 13}, VALUE_STRING},
    [TOP_STOP_DETAILS] = {{"stop_details", 12}, VALUE_ANY},
    [TOP_USAGE] = {{"usage", 5}, VALUE_ANY},
};

static int value_read(struct anthropic_reader *r, struct chat_answer *a, unsigned which)
{
    struct str value;
    int err = anthropic_value_take(r, &top_members[which], &value);
    if (err)
        return err;
    if (which == TOP_ID)
        a->id = value;
    else if (which == TOP_MODEL)
        a->model = value;
    else if (which == TOP_STOP_SEQUENCE)
        a->stop_sequence = value;
    else if (which == TOP_STOP_REASON)
        a->stop = anthropic_stop_of(value);
    else if (which == TOP_TYPE && !string_is(value, STR("message")))
        err = E_UPSTREAM_BODY;
    return err;
}

struct str anthropic_explanation_take(struct json_reader *r)
{
    struct str explanation = STR_NONE;
    if (json_enter(r, '{'))
        do {
            bool wanted = str_eq(json_take_key(r), STR("explanation"));
            struct str value = json_take(r);
            if (wanted && json_is_string(value) && value.n > 2)
                explanation = value;
        } while (json_more(r, '{'));
    return explanation;
}

static int content_read(struct anthropic_reader *r, struct chat_answer *a)
{
    bool is_string = false;
    int err = anthropic_content_read(r, &a->blocks, &is_string);
    for (const struct chat_block *b = a->blocks; b && !err; b = b->next)
        if (!anthropic_block_fits(b->kind, ROLE_ASSISTANT))
            err = E_UPSTREAM_BODY;
    return is_string ? E_UPSTREAM_BODY : err;
}

static int body_read(struct anthropic_reader *r, struct chat_answer *a)
{
    struct anthropic_usage usage = ANTHROPIC_USAGE_UNSAID;
    struct str explanation = STR_NONE;
    uint32_t seen = 0;
    int err = 0;
    if (json_enter(&r->json, '{'))
        do {
            unsigned which;
            struct str name;
            err = anthropic_key_take(r, top_members, TOPS, &seen, &which, &name);
            if (err)
                break;
            if (which == TOP_CONTENT)
                err = content_read(r, a);
            else if (which == TOP_USAGE)
                anthropic_usage_read(&r->json, &usage);
            else if (which == TOP_STOP_DETAILS)
                explanation = anthropic_explanation_take(&r->json);
            else if (which == ANTHROPIC_OTHER_MEMBER)
                (void)json_take(&r->json);
            else
                err = value_read(r, a, which);
        } while (!err && json_more(&r->json, '{'));
    if (!err && (!json_reader_good(&r->json) || !(seen >> TOP_CONTENT & 1)))
        err = E_UPSTREAM_BODY;
    if (!err && a->stop == STOP_REFUSED && explanation.n) {
        struct chat_block *b = chat_block_new(r->arena, &a->blocks, BLOCK_REFUSAL);
        if (!b)
            return E_MEMORY;
        b->text = explanation;
    }
    a->has_usage = anthropic_usage_tokens(&usage, &a->usage);
    return err;
}

int anthropic_message_read(struct str body, struct arena *arena, struct chat_answer *ret_answer)
{
    struct anthropic_reader r = {.arena = arena};
    struct chat_answer answer = {0};
    int err = json_reader_init(&r.json, body) ? body_read(&r, &answer) : E_UPSTREAM_BODY;
    if (err)
        return err == E_MEMORY ? err : E_UPSTREAM_BODY;
    *ret_answer = answer;
    return 0;
}

/* ---- writing ---- */

static bool has_kind(const struct chat_answer *a, enum chat_block_kind kind)
{
    for (const struct chat_block *b = a->blocks; b; b = b->next)
        if (b->kind == kind)
            return true;
    return false;
}

int anthropic_message_write(const struct chat_answer *a, struct buf *out)
{
    struct anthropic_writer w = {.out = out};
    unsigned count;
    buf_char(out, '{');
    member_put_json(out, STR("id"), a->id.n ? a->id : STR("\"\""));
    member_put_json(out, STR("type"), STR("\"message\""));
    member_put_json(out, STR("role"), STR("\"assistant\""));
    member_put_json(out, STR("model"), a->model.n ? a->model : STR("\"\""));
    member_put(out, STR("content"));
    int err = anthropic_blocks_write(&w, a->blocks, &count);
    member_put_json(
        out, STR("stop_reason"),
        anthropic_stop_word(a->stop, has_kind(a, BLOCK_CALL), has_kind(a, BLOCK_REFUSAL)));
    member_put_json(out, STR("stop_sequence"), a->stop_sequence.n ? a->stop_sequence : STR("null"));
    member_put(out, STR("usage"));
    anthropic_usage_write(out, &a->usage);
    buf_char(out, '}');
    return err ? err : out->failed;
}
