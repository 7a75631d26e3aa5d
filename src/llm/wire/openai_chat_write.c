/*
 * openai_chat_write.c: writing a request.
 *
 * A message of the model's may be several here: its tool results are `tool` messages, and what else
 * stands in it, images of the results included, is a user's message behind them.
 */
#include "llm/wire/openai_chat.h"

/* ---- pieces ---- */

/* OpenAI's own, and that of servers which copy it. */
static const struct id_rule ids = {40, false};

static void call_put(struct buf *out, const struct chat_block *call, bool answer)
{
    buf_char(out, '{');
    member_put(out, STR("id"));
    if (answer)
        string_put(out, call->id);
    else
        call_id_put(out, call->id, ids);
    if (call->input.n) {
        member_put(out, STR("type"));
        buf_str(out, STR("\"function\",\"function\":{"));
        member_put_string(out, STR("name"), call->name);
        member_put(out, STR("arguments"));
        input_put_string(out, call->input);
        buf_char(out, '}');
    }
    members_put(out, call->others);
    buf_char(out, '}');
}

static void calls_put(struct buf *out, const struct chat_block *b, bool answer)
{
    member_put(out, STR("tool_calls"));
    buf_char(out, '[');
    for (; b; b = b->next)
        if (b->kind == BLOCK_CALL) {
            element_put(out);
            call_put(out, b, answer);
        }
    buf_char(out, ']');
}

void openai_chat_calls_put(struct buf *out, const struct chat_block *blocks)
{
    calls_put(out, blocks, true);
}

static void file_put(struct buf *out, const struct chat_media *m)
{
    member_put(out, STR("type"));
    buf_str(out, STR("\"file\",\"file\":{"));
    member_put(out, m->form == MEDIA_FILE_ID ? STR("file_id") : STR("file_data"));
    if (m->form == MEDIA_BASE64 && m->type.n)
        media_put_url(out, m);
    else
        string_put(out, m->data);
    /* OpenAI refuses data without a name. */
    if (m->name.n || m->form == MEDIA_BASE64)
        member_put_json(out, STR("filename"), m->name.n ? m->name : STR("\"document\""));
    buf_char(out, '}');
}

static void image_put(struct buf *out, const struct chat_media *m)
{
    member_put(out, STR("type"));
    buf_str(out, STR("\"image_url\",\"image_url\":{\"url\":"));
    media_put_url(out, m);
    member_put_json(out, STR("detail"), m->detail);
    buf_char(out, '}');
}

static void audio_put(struct buf *out, const struct chat_media *m)
{
    struct str type = m->type, format = type;
    if (str_starts(type, STR("audio/")))
        format = str_tail(type, 6);
    if (str_eq(format, STR("mpeg")))
        format = STR("mp3");
    else if (str_eq(format, STR("x-wav")) || str_eq(format, STR("wave")))
        format = STR("wav");
    member_put(out, STR("type"));
    buf_str(out, STR("\"input_audio\",\"input_audio\":{\"data\":"));
    string_put(out, m->data);
    member_put(out, STR("format"));
    json_quote(out, format);
    buf_char(out, '}');
}

static void part_put(struct buf *out, const struct chat_block *b)
{
    element_put(out);
    if (b->kind == BLOCK_OTHER) {
        buf_str(out, b->input);
        return;
    }
    buf_char(out, '{');
    bool text = b->kind == BLOCK_TEXT || b->media.form == MEDIA_TEXT;
    if (text || b->kind == BLOCK_REFUSAL) {
        struct str name = text ? STR("text") : STR("refusal");
        member_put(out, STR("type"));
        buf_str(out, text ? STR("\"text\"") : STR("\"refusal\""));
        member_put_string(out, name, b->kind == BLOCK_DOCUMENT ? b->media.data : b->text);
    } else if (b->kind == BLOCK_AUDIO) {
        audio_put(out, &b->media);
    } else if (b->kind == BLOCK_IMAGE && b->media.form != MEDIA_FILE_ID) {
        image_put(out, &b->media);
    } else {
        file_put(out, &b->media);
    }
    members_put(out, b->others);
    buf_char(out, '}');
}

static bool is_part(const struct chat_block *b)
{
    return b->kind == BLOCK_TEXT || b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT ||
           b->kind == BLOCK_AUDIO || b->kind == BLOCK_REFUSAL || b->kind == BLOCK_OTHER;
}

static unsigned count(const struct chat_block *b, bool (*is)(const struct chat_block *))
{
    unsigned n = 0;
    for (; b; b = b->next)
        n += is(b);
    return n;
}

static void parts_put(struct buf *out, const struct chat_block *b,
                      bool (*is)(const struct chat_block *))
{
    for (; b; b = b->next)
        if (is(b))
            part_put(out, b);
}

/* ---- messages ---- */

static void message_begin(struct buf *out, struct str role)
{
    element_put(out);
    buf_str(out, STR("{\"role\":\""));
    buf_str(out, role);
    buf_char(out, '"');
}

static void list_put(struct buf *out, const struct chat_block *b,
                     bool (*is)(const struct chat_block *))
{
    member_put(out, STR("content"));
    buf_char(out, '[');
    parts_put(out, b, is);
    buf_char(out, ']');
}

static struct str first_text(const struct chat_block *b)
{
    while (b && b->kind != BLOCK_TEXT)
        b = b->next;
    return b ? b->text : STR_NONE;
}

static bool is_text(const struct chat_block *b)
{
    return b->kind == BLOCK_TEXT || b->media.form == MEDIA_TEXT || b->kind == BLOCK_OTHER;
}

static bool is_media(const struct chat_block *b)
{
    return is_part(b) && !is_text(b);
}

static void result_put(struct buf *out, const struct chat_block *b)
{
    message_begin(out, STR("tool"));
    member_put(out, STR("tool_call_id"));
    call_id_put(out, b->id, ids);
    member_put_json(out, STR("name"), b->name);
    if (b->result_is_string || count(b->result, is_text) == 0)
        member_put_string(out, STR("content"), first_text(b->result));
    else
        list_put(out, b->result, is_text);
    members_put(out, b->others);
    buf_char(out, '}');
}

/* The results of one turn, and a user's message with their media and whatever else stands there:
 * nothing may come between results. */
static void results_put(struct buf *out, const struct chat_message *m,
                        const struct chat_message *end)
{
    unsigned rest = 0;
    for (const struct chat_message *at = m; at != end; at = at->next) {
        rest += count(at->blocks, is_part);
        for (const struct chat_block *b = at->blocks; b; b = b->next)
            if (b->kind == BLOCK_RESULT) {
                result_put(out, b);
                rest += count(b->result, is_media);
            }
    }
    if (rest == 0)
        return;
    message_begin(out, STR("user"));
    member_put(out, STR("content"));
    buf_char(out, '[');
    for (const struct chat_message *at = m; at != end; at = at->next)
        for (const struct chat_block *b = at->blocks; b; b = b->next)
            if (b->kind == BLOCK_RESULT)
                parts_put(out, b->result, is_media);
    for (; m != end; m = m->next)
        parts_put(out, m->blocks, is_part);
    buf_str(out, STR("]}"));
}

static bool is_refusal(const struct chat_block *b)
{
    return b->kind == BLOCK_REFUSAL;
}

/* Without a signature: what has one can only be used by the one who made it. */
static bool is_reasoning(const struct chat_block *b)
{
    struct str own;
    return b->kind == BLOCK_THINKING && b->text.n > 2 &&
           thinking_seal(b, STR(MAKER_OPENAI), &own) == SEAL_NONE;
}

static void reasoning_put(struct buf *out, const struct chat_block *b)
{
    member_put(out, STR("reasoning_content"));
    buf_char(out, '"');
    for (; b; b = b->next)
        if (is_reasoning(b))
            buf_str(out, json_string_raw(b->text));
    buf_char(out, '"');
}

static void assistant_put(struct buf *out, const struct chat_message *m)
{
    unsigned parts = count(m->blocks, is_part), refusals = count(m->blocks, is_refusal);
    bool alone = refusals == 1 && (m->is_string || parts == 1),
         calls = blocks_have(m->blocks, BLOCK_CALL);
    if (m->is_string)
        member_put_string(out, STR("content"), first_text(m->blocks));
    else if (parts > alone)
        list_put(out, m->blocks, is_part);
    else /* null is for a message that says something else */
        member_put_json(out, STR("content"),
                        alone || calls || m->others ? STR("null") : STR("\"\""));
    for (const struct chat_block *b = alone ? m->blocks : NULL; b; b = b->next)
        if (is_refusal(b))
            member_put_string(out, STR("refusal"), b->text);
    if (count(m->blocks, is_reasoning))
        reasoning_put(out, m->blocks);
    if (calls)
        calls_put(out, m->blocks, false);
}

static void message_put(struct buf *out, const struct chat_message *m)
{
    static const struct str roles[] = {[ROLE_SYSTEM] = NAME("system"),
                                       [ROLE_DEVELOPER] = NAME("developer"),
                                       [ROLE_USER] = NAME("user"),
                                       [ROLE_ASSISTANT] = NAME("assistant")};
    message_begin(out, roles[m->role]);
    if (m->role == ROLE_ASSISTANT)
        assistant_put(out, m);
    else if (m->is_string || !m->blocks) /* no list may be empty */
        member_put_string(out, STR("content"), first_text(m->blocks));
    else
        list_put(out, m->blocks, is_part);
    member_put_json(out, STR("name"), m->name);
    members_put(out, m->others);
    buf_char(out, '}');
}

/* ---- tools ---- */

static void tool_put(struct buf *out, const struct chat_tool *t)
{
    element_put(out);
    if (t->whole.n) {
        buf_str(out, t->whole);
        return;
    }
    buf_str(out, STR("{\"type\":\"function\",\"function\":{"));
    member_put_string(out, STR("name"), t->name);
    member_put_json(out, STR("description"), t->description);
    member_put_json(out, STR("parameters"), t->schema);
    member_put_json(out, STR("strict"), t->strict);
    members_put(out, t->others);
    buf_str(out, STR("}}"));
}

static void tools_put(struct buf *out, const struct chat_request *r)
{
    static const struct str choices[] = {[CHOOSE_AUTO] = NAME("\"auto\""),
                                         [CHOOSE_NONE] = NAME("\"none\""),
                                         [CHOOSE_ANY] = NAME("\"required\"")};
    if (r->tools) {
        member_put(out, STR("tools"));
        buf_char(out, '[');
        for (const struct chat_tool *t = r->tools; t; t = t->next)
            tool_put(out, t);
        buf_char(out, ']');
    }
    if (r->tool_choice == CHOOSE_NAMED) {
        member_put(out, STR("tool_choice"));
        buf_str(out, STR("{\"type\":\"function\",\"function\":{\"name\":"));
        string_put(out, r->tool_named);
        buf_str(out, STR("}}"));
    } else if (r->tool_choice != CHOOSE_UNSAID) {
        member_put_json(out, STR("tool_choice"), choices[r->tool_choice]);
    }
    if (r->tools_parallel.n)
        member_put_json(out, STR("parallel_tool_calls"), r->tools_parallel);
    else if (r->tools_serial)
        member_put_json(out, STR("parallel_tool_calls"), STR("false"));
}

/* ---- the whole ---- */

static void format_put(struct buf *out, const struct chat_request *r)
{
    static const struct str types[] = {[FORMAT_TEXT] = NAME("{\"type\":\"text\"}"),
                                       [FORMAT_JSON] = NAME("{\"type\":\"json_object\"}")};
    if (r->format == FORMAT_UNSAID)
        return;
    member_put(out, STR("response_format"));
    if (r->format != FORMAT_SCHEMA) {
        buf_str(out, types[r->format]);
        return;
    }
    buf_str(out, STR("{\"type\":\"json_schema\",\"json_schema\":{"));
    /* A name is asked for, though others have none. */
    member_put_json(out, STR("name"), r->schema_name.n ? r->schema_name : STR("\"answer\""));
    member_put_json(out, STR("description"), r->schema_description);
    member_put_json(out, STR("schema"), r->schema);
    member_put_json(out, STR("strict"), r->schema_strict);
    buf_str(out, STR("}}"));
}

/* With thinking as the model sees fit, nothing has to be said. */
static void effort_put(struct buf *out, const struct chat_request *r)
{
    if (!chat_has(r, CHAT_EFFORT)) /* else it is among the parameters */
        member_put_json(out, STR("reasoning_effort"), effort_of_thinking(r));
}

static void limits_put(struct buf *out, const struct chat_request *r)
{
    if (r->max_tokens)
        member_put_i64(out, r->max_tokens_new ? STR("max_completion_tokens") : STR("max_tokens"),
                       r->max_tokens);
    member_put_strings(out, STR("stop"), r->stop);
}

int openai_chat_request_write(const struct chat_request *r, struct buf *out, struct fault *f)
{
    (void)f;
    buf_char(out, '{');
    member_put(out, STR("model"));
    json_quote(out, r->model);
    member_put(out, STR("messages"));
    buf_char(out, '[');
    for (const struct chat_message *m = r->messages, *end; m; m = end) {
        bool results = blocks_have(m->blocks, BLOCK_RESULT);
        end = results ? results_end(m) : m->next;
        if (results)
            results_put(out, m, end);
        else
            message_put(out, m);
    }
    buf_char(out, ']');
    tools_put(out, r);
    limits_put(out, r);
    format_put(out, r);
    effort_put(out, r);
    params_put(out, r, openai_chat_params, OPENAI_CHAT_PARAMS);
    if (r->stream) {
        member_put_json(out, STR("stream"), STR("true"));
        if (r->wants_usage && !members_have(r->others, STR("stream_options")))
            member_put_json(out, STR("stream_options"), STR("{\"include_usage\":true}"));
    }
    members_put(out, r->others);
    buf_char(out, '}');
    return out->failed;
}
