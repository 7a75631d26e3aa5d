/* anthropic_request_write.c: writing a request for a message. */
#include "llm/wire/anthropic.h"

/* Does it stand in front of the conversation, and so in `system`? One with members of its own can
 * only be a message. */
static bool in_front(const struct chat_message *m)
{
    return m && message_is_system(m) && !m->others;
}

/* Content that is one text and nothing besides is written as a string, as it mostly came. */
static bool is_plain(const struct chat_message *m)
{
    const struct chat_block *b = m->blocks;
    return m->is_string && b && !b->next && b->kind == BLOCK_TEXT && !string_is_blank(b->text) &&
           !b->cache_control.n && !b->citations.n && !b->others;
}

/* Writes `system`, if there is any, and moves *m behind the messages that it is made of. */
static int system_write(struct anthropic_writer *w, const struct chat_message **m)
{
    size_t before = w->out->n;
    unsigned count = 0;
    int err = 0;
    member_put(w->out, STR("system"));
    if (in_front(*m) && is_plain(*m) && !in_front((*m)->next)) {
        buf_str(w->out, (*m)->blocks->text);
        *m = (*m)->next;
        w->message++;
        return 0;
    }
    buf_char(w->out, '[');
    for (; in_front(*m) && !err; *m = (*m)->next, w->message++)
        err = anthropic_blocks_put(w, (*m)->blocks, &count);
    buf_char(w->out, ']');
    if (count == 0)
        w->out->n = before;
    return err;
}

/* The results of a message's calls have to stand in one message, and first in it. Other protocols
 * have a message for each, and what the user says next in another. */
static bool joins(const struct chat_message *m, const struct chat_message *next)
{
    return next && m->role == ROLE_USER && next->role == ROLE_USER &&
           blocks_have(m->blocks, BLOCK_RESULT) && !m->others && !next->others;
}

static struct str role_word(enum chat_role role)
{
    return role == ROLE_USER        ? STR("\"user\"")
           : role == ROLE_ASSISTANT ? STR("\"assistant\"")
                                    : STR("\"system\"");
}

/* One message of the protocol, of one or several; moves *m behind them. */
static int message_write(struct anthropic_writer *w, const struct chat_message **m)
{
    const struct chat_message *first = *m;
    unsigned count = 0;
    int err = 0;
    size_t before = w->out->n;
    element_put(w->out);
    buf_char(w->out, '{');
    member_put_json(w->out, STR("role"), role_word(first->role));
    member_put(w->out, STR("content"));
    bool more = joins(first, first->next);
    if (!more && is_plain(first)) {
        buf_str(w->out, first->blocks->text);
    } else {
        buf_char(w->out, '[');
        err = anthropic_blocks_put(w, first->blocks, &count);
        for (; more && !err; more = joins(first, (*m)->next)) {
            *m = (*m)->next;
            w->message++;
            err = anthropic_blocks_put(w, (*m)->blocks, &count);
        }
        buf_char(w->out, ']');
    }
    members_put(w->out, first->others);
    buf_char(w->out, '}');
    if (!err && count == 0 && !is_plain(first)) {
        w->out->n = before;
        err = message_leave_out(*m, w->user_before, "Anthropic", w->fault);
    } else {
        w->user_before = first->role == ROLE_USER;
    }
    *m = (*m)->next;
    w->message++;
    return err;
}

static int messages_write(struct anthropic_writer *w, const struct chat_message *m)
{
    int err = system_write(w, &m);
    member_put(w->out, STR("messages"));
    buf_char(w->out, '[');
    while (m && !err)
        err = message_write(w, &m);
    buf_char(w->out, ']');
    return err;
}

/* ---- tools ---- */

static void tool_write(struct buf *out, const struct chat_tool *t)
{
    element_put(out);
    if (t->whole.n) {
        buf_str(out, t->whole);
        return;
    }
    buf_char(out, '{');
    member_put_json(out, STR("name"), t->name);
    member_put_json(out, STR("description"), t->description);
    member_put_json(out, STR("input_schema"),
                    t->schema.n ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
    member_put_json(out, STR("strict"), t->strict);
    member_put_json(out, STR("cache_control"), t->cache_control);
    members_put(out, t->others);
    buf_char(out, '}');
}

static void choice_write(struct buf *out, const struct chat_request *r)
{
    static const char *const types[] = {[CHOOSE_UNSAID] = "auto",
                                        [CHOOSE_AUTO] = "auto",
                                        [CHOOSE_NONE] = "none",
                                        [CHOOSE_ANY] = "any",
                                        [CHOOSE_NAMED] = "tool"};
    bool said = r->tool_choice != CHOOSE_UNSAID;
    if (!said && !(r->tools_serial && r->tools))
        return;
    member_put(out, STR("tool_choice"));
    buf_printf(out, "{\"type\":\"%s\"", types[r->tool_choice]);
    if (r->tool_choice == CHOOSE_NAMED)
        member_put_json(out, STR("name"), r->tool_named);
    if (r->tools_parallel.n && r->tool_choice != CHOOSE_NONE)
        member_put_json(out, STR("disable_parallel_tool_use"),
                        r->tools_serial ? STR("true") : STR("false"));
    else if (r->tools_serial && r->tool_choice != CHOOSE_NONE)
        member_put_json(out, STR("disable_parallel_tool_use"), STR("true"));
    buf_char(out, '}');
}

static void tools_write(struct buf *out, const struct chat_request *r)
{
    if (r->tools) {
        member_put(out, STR("tools"));
        buf_char(out, '[');
        for (const struct chat_tool *t = r->tools; t; t = t->next)
            tool_write(out, t);
        buf_char(out, ']');
    }
    choice_write(out, r);
}

/* ---- the rest ---- */

static void max_tokens_write(struct buf *out, const struct chat_request *r)
{
    if (members_have(r->others, STR("max_tokens")))
        return;
    int64_t absent = ANTHROPIC_MAX_TOKENS_DEFAULT + r->thinking_budget;
    member_put_i64(out, STR("max_tokens"), r->max_tokens > 0 ? r->max_tokens : absent);
}

static void thinking_write(struct buf *out, const struct chat_request *r)
{
    static const char *const types[] = {
        [THINK_OFF] = "disabled", [THINK_BUDGET] = "enabled", [THINK_ADAPTIVE] = "adaptive"};
    enum chat_thinking thinking = r->thinking;
    if (thinking == THINK_UNSAID && string_is(r->params[CHAT_EFFORT], STR("none")))
        thinking = THINK_OFF;
    if (thinking == THINK_UNSAID)
        return;
    member_put(out, STR("thinking"));
    buf_printf(out, "{\"type\":\"%s\"", types[thinking]);
    if (thinking == THINK_BUDGET)
        buf_printf(out, ",\"budget_tokens\":%lld", (long long)r->thinking_budget);
    member_put_json(out, STR("display"), r->params[CHAT_THINKING_DISPLAY]);
    buf_char(out, '}');
}

static void output_config_write(struct buf *out, const struct chat_request *r)
{
    struct str effort = r->params[CHAT_EFFORT];
    if (string_is(effort, STR("none")))
        effort = STR_NONE;
    if (string_is(effort, STR("minimal")))
        effort = STR("\"low\"");
    bool schema = r->format == FORMAT_SCHEMA && r->schema.n;
    if (!effort.n && !schema)
        return;
    member_put(out, STR("output_config"));
    buf_char(out, '{');
    member_put_json(out, STR("effort"), effort);
    if (schema) {
        member_put(out, STR("format"));
        buf_str(out, STR("{\"type\":\"json_schema\",\"schema\":"));
        buf_str(out, r->schema);
        buf_char(out, '}');
    }
    buf_char(out, '}');
}

static void params_write(struct buf *out, const struct chat_request *r)
{
    struct str tier = r->params[CHAT_SERVICE_TIER], user = r->params[CHAT_USER];
    params_put(out, r, anthropic_sampling, ARRAY_LEN(anthropic_sampling));
    if (string_is(tier, STR("standard_only")))
        member_put_json(out, STR("service_tier"), tier);
    if (user.n) {
        member_put(out, STR("metadata"));
        buf_str(out, STR("{\"user_id\":"));
        buf_str(out, user);
        buf_char(out, '}');
    }
}

int anthropic_chat_write(const struct chat_request *r, struct buf *out, struct fault *f)
{
    struct anthropic_writer w = {.out = out, .arena = r->arena, .fault = f};
    buf_str(out, STR("{\"model\":"));
    json_quote(out, r->model);
    max_tokens_write(out, r);
    if (r->stream)
        member_put_json(out, STR("stream"), STR("true"));
    int err = messages_write(&w, r->messages);
    tools_write(out, r);
    thinking_write(out, r);
    output_config_write(out, r);
    member_put_strings(out, STR("stop_sequences"), r->stop);
    params_write(out, r);
    members_put(out, r->others);
    buf_char(out, '}');
    return err ? err : out->failed;
}
