/*
 * wire/converse_messages.c: a chat's messages as Converse's.
 *
 * A message is opened by the first block that it gets, and one of the same role goes on in it, so
 * what has nothing to say leaves no trace. Results of tools are the user's.
 */
#include "llm/wire/converse.h"
#include "llm/wire/parts.h"

/* Bedrock's own, of which a model behind it may take less: Anthropic's take words alone. */
static const struct id_rule ids = {64, true};

struct messages {
    const struct chat_request *request;
    struct buf *out;
    struct fault *f;
    struct converse_documents documents;
    bool open;
    enum chat_role role; /* of the open message */
};

static int unsupported(struct messages *m, const char *what)
{
    return fault_set(m->f, E_UNSUPPORTED, "converse has nothing for %s", what);
}

/* ---- small things ---- */

static void text_put(struct buf *out, struct str text)
{
    buf_str(out, STR("{\"text\":"));
    buf_str(out, text);
    buf_char(out, '}');
}

static void id_put(struct buf *out, struct str string)
{
    member_put(out, STR("toolUseId"));
    call_id_put(out, string, ids);
}

void converse_put_cache_point(struct buf *out, struct str control)
{
    if (!json_is_object(control))
        return;
    element_put(out);
    buf_str(out, STR("{\"cachePoint\":{\"type\":\"default\""));
    member_put_json(out, STR("ttl"), member_peek(control, STR("ttl"), VALUE_STRING));
    buf_str(out, STR("}}"));
}

/* ---- blocks ---- */

static struct str role_name(enum chat_role role)
{
    switch (role) {
    case ROLE_SYSTEM:
    case ROLE_DEVELOPER:
        return STR("system");
    case ROLE_ASSISTANT:
        return STR("assistant");
    case ROLE_USER:
        break;
    }
    return STR("user");
}

static void message_close(struct messages *m)
{
    if (m->open)
        buf_str(m->out, STR("]}"));
    m->open = false;
}

/* Where the next block of this role goes. */
static void block_begin(struct messages *m, enum chat_role role)
{
    role = role == ROLE_DEVELOPER ? ROLE_SYSTEM : role;
    if (!m->open || m->role != role) {
        message_close(m);
        element_put(m->out);
        buf_str(m->out, STR("{\"role\":\""));
        buf_str(m->out, role_name(role));
        buf_str(m->out, STR("\",\"content\":["));
        m->open = true;
        m->role = role;
    }
    element_put(m->out);
}

static void call_put(struct buf *out, const struct chat_block *b)
{
    buf_str(out, STR("{\"toolUse\":{"));
    id_put(out, b->id);
    member_put_json(out, STR("name"), b->name.n ? b->name : STR("\"\""));
    member_put_json(out, STR("input"), b->input.n ? b->input : STR("{}"));
    buf_str(out, STR("}}"));
}

static int result_put(struct messages *m, const struct chat_block *r)
{
    struct buf *out = m->out;
    int err = 0;
    buf_str(out, STR("{\"toolResult\":{"));
    id_put(out, r->id);
    member_put(out, STR("content"));
    buf_char(out, '[');
    for (const struct chat_block *b = r->result; b && !err; b = b->next) {
        if (b->kind == BLOCK_TEXT && string_is_blank(b->text))
            continue;
        element_put(out);
        if (b->kind == BLOCK_TEXT)
            text_put(out, b->text);
        else if (b->kind == BLOCK_IMAGE || b->kind == BLOCK_DOCUMENT)
            err = converse_put_media(b, &m->documents, m->request->arena, out, m->f);
        else
            err = unsupported(m, "content of this type in a tool's result");
    }
    buf_char(out, ']');
    if (r->is_error) /* which success need not say, and not every model lets it be said */
        member_put_json(out, STR("status"), STR("\"error\""));
    buf_str(out, STR("}}"));
    return err;
}

static void thinking_put(struct buf *out, const struct chat_block *b)
{
    buf_str(out, STR("{\"reasoningContent\":{\"reasoningText\":{"));
    member_put_json(out, STR("text"), b->text.n ? b->text : STR("\"\""));
    member_put_json(out, STR("signature"), b->signature);
    buf_str(out, STR("}}}"));
}

/* Has it anything that Bedrock takes? */
static bool says_something(const struct messages *m, const struct chat_block *b)
{
    struct str own;
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        return !string_is_blank(b->text);
    case BLOCK_THINKING:
    case BLOCK_HIDDEN: {
        enum seal seal = thinking_seal(b, STR(MAKER_ANTHROPIC), &own);
        return seal == SEAL_OWN ||
               (seal == SEAL_NONE && b->text.n > 2 && !converse_may_be_claude(m->request));
    }
    default:
        return true;
    }
}

/* What marks the end of a result for the cache may stand within it, too: Converse has it behind. */
static struct str cache_control_of(const struct chat_block *b)
{
    struct str control = b->cache_control;
    for (const struct chat_block *in = b->result; in && !json_is_object(control); in = in->next)
        control = in->cache_control;
    return control;
}

static int block_put(struct messages *m, enum chat_role role, const struct chat_block *b)
{
    struct buf *out = m->out;
    int err = 0;
    if (!says_something(m, b))
        return 0;
    block_begin(m, role);
    switch (b->kind) {
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        text_put(out, b->text);
        break;
    case BLOCK_IMAGE:
    case BLOCK_DOCUMENT:
    case BLOCK_AUDIO:
        err = converse_put_media(b, &m->documents, m->request->arena, out, m->f);
        break;
    case BLOCK_CALL:
        call_put(out, b);
        break;
    case BLOCK_RESULT:
        err = result_put(m, b);
        break;
    case BLOCK_THINKING:
        thinking_put(out, b);
        break;
    case BLOCK_HIDDEN:
        buf_str(out, STR("{\"reasoningContent\":{"));
        member_put_json(out, STR("redactedContent"), b->text);
        buf_str(out, STR("}}"));
        break;
    case BLOCK_OTHER:
        err = unsupported(m, chat_feature_text(CHAT_OTHER_BLOCK));
        break;
    }
    if (!err)
        converse_put_cache_point(out, cache_control_of(b));
    return err;
}

/* ---- the whole ---- */

static int system_block_put(struct messages *m, const struct chat_block *b)
{
    if (b->kind != BLOCK_TEXT)
        return unsupported(m, "anything but text in a system message");
    if (string_is_blank(b->text))
        return 0;
    element_put(m->out);
    text_put(m->out, b->text);
    converse_put_cache_point(m->out, b->cache_control);
    return 0;
}

/* The system messages in front; *ret_rest is what follows them. */
static int system_put(struct messages *m, const struct chat_message **ret_rest)
{
    const struct chat_message *at = m->request->messages;
    size_t before = m->out->n;
    int err = 0;
    member_put(m->out, STR("system"));
    buf_char(m->out, '[');
    size_t empty = m->out->n;
    for (; at && message_is_system(at) && !err; at = at->next)
        for (const struct chat_block *b = at->blocks; b && !err; b = b->next)
            err = system_block_put(m, b);
    if (m->out->n == empty)
        m->out->n = before;
    else
        buf_char(m->out, ']');
    *ret_rest = at;
    return err;
}

static int message_put(struct messages *m, const struct chat_message *message)
{
    size_t before = m->out->n;
    int err = 0;
    for (const struct chat_block *b = message->blocks; b && !err; b = b->next)
        if (message_is_system(message) && b->kind != BLOCK_TEXT)
            err = unsupported(m, "anything but text in a system message");
        else
            err = block_put(m, message->role, b);
    if (err || m->out->n > before)
        return err;
    return message_leave_out(message, m->open && m->role == ROLE_USER, "Converse", m->f);
}

int converse_put_messages(const struct chat_request *request, struct buf *out, struct fault *f)
{
    struct messages m = {.request = request, .out = out, .f = f};
    const struct chat_message *at;
    int err = system_put(&m, &at);
    member_put(out, STR("messages"));
    buf_char(out, '[');
    for (; at && !err; at = at->next)
        err = message_put(&m, at);
    message_close(&m);
    buf_char(out, ']');
    return err;
}
