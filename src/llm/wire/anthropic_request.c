/* anthropic_request.c: reading a request for a message. */
#include "llm/wire/anthropic.h"

enum {
    TOP_MODEL,
    TOP_MESSAGES,
    TOP_SYSTEM,
    TOP_MAX_TOKENS,
    TOP_STREAM,
    TOP_STOP,
    TOP_SERVICE_TIER,
    TOP_TOOLS,
    TOP_TOOL_CHOICE,
    TOP_THINKING,
    TOP_OUTPUT_CONFIG,
    TOP_METADATA,
    TOPS
};
static const struct member top_members[TOPS] = {
    [TOP_MODEL] = MEMBER("model", ANY),
    [TOP_MESSAGES] = MEMBER("messages", TAKEN),
    [TOP_SYSTEM] = MEMBER("system", TAKEN),
    [TOP_MAX_TOKENS] = MEMBER("max_tokens", COUNT),
    [TOP_STREAM] = MEMBER("stream", BOOL),
    [TOP_STOP] = MEMBER("stop_sequences", TAKEN),
    [TOP_SERVICE_TIER] = MEMBER("service_tier", STRING),
    [TOP_TOOLS] = MEMBER("tools", TAKEN),
    [TOP_TOOL_CHOICE] = MEMBER("tool_choice", ANY),
    [TOP_THINKING] = MEMBER("thinking", ANY),
    [TOP_OUTPUT_CONFIG] = MEMBER("output_config", ANY),
    [TOP_METADATA] = MEMBER("metadata", ANY),
};

/* What is put together at the end. */
struct asked {
    struct chat_message *last;   /* of the messages */
    struct chat_message *system; /* from outside of them */
};

/* ---- messages ---- */

static const char role_wrong[] = "'role' has to be \"user\", \"assistant\" or \"system\"";

static int role_of(struct reading *r, struct str role, enum chat_role *ret_role)
{
    static const struct {
        struct str word;
        enum chat_role role;
    } rows[] = {{NAME("user"), ROLE_USER},
                {NAME("assistant"), ROLE_ASSISTANT},
                {NAME("system"), ROLE_SYSTEM}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (string_is(role, rows[i].word)) {
            *ret_role = rows[i].role;
            return 0;
        }
    return reading_wrong(r, "%s", role_wrong);
}

static int fit_check(struct reading *r, const struct chat_message *m, struct str role)
{
    for (const struct chat_block *b = m->blocks; b; b = b->next)
        if (!anthropic_block_fits(b->kind, m->role))
            return reading_wrong(r, "a message of role %.*s cannot have a block of type '%s'",
                                 STR_ARGS(role), anthropic_block_name(b->kind));
    return 0;
}

static int content_take(struct reading *r, unsigned which, void *to)
{
    struct chat_message *m = to;
    (void)which;
    return anthropic_content_read(r, &m->blocks, &m->is_string);
}

static int message_take(struct reading *r, void *to)
{
    enum { ROLE, CONTENT };
    static const struct member members[] = {MEMBER("role", STRING), MEMBER("content", TAKEN)};
    struct str value[ARRAY_LEN(members)];
    struct object o = OBJECT(members, value);
    struct asked *asked = to;
    struct chat_message *m = chat_message_new(r->request, asked->last, ROLE_USER);
    if (!m)
        return E_MEMORY;
    asked->last = m;
    o.take = content_take;
    o.to = m;
    o.others = &m->others;
    o.wrong = role_wrong;
    int err = reading_object(r, &o);
    if (!err)
        err = role_of(r, value[ROLE], &m->role);
    if (!err && !(o.seen >> CONTENT & 1))
        err = reading_wrong(r, "'content' is missing");
    return err ? err : fit_check(r, m, value[ROLE]);
}

static int system_take(struct reading *r, struct asked *asked)
{
    if (reading_next_is(r, 'n'))
        return reading_take(r, &(struct str){0});
    struct chat_message *m = ARENA_NEW(r->arena, struct chat_message);
    if (!m)
        return E_MEMORY;
    m->role = ROLE_SYSTEM;
    asked->system = m;
    reading_enter(r, "system", -1);
    int err = anthropic_content_read(r, &m->blocks, &m->is_string);
    if (!err)
        err = fit_check(r, m, STR("\"system\""));
    reading_leave(r);
    return err;
}

/* ---- tools ---- */

static int tool_custom_read(struct reading *r, struct chat_tool *t)
{
    enum { TYPE, NAMED, DESCRIPTION, SCHEMA, STRICT, CACHE_CONTROL };
    static const struct member members[] = {
        MEMBER("type", STRING),         MEMBER("name", STRING), MEMBER("description", STRING),
        MEMBER("input_schema", OBJECT), MEMBER("strict", BOOL), MEMBER("cache_control", OBJECT)};
    struct str value[ARRAY_LEN(members)];
    struct object o = OBJECT(members, value);
    o.others = &t->others;
    int err = reading_object(r, &o);
    if (err)
        return err;
    t->name = value[NAMED];
    t->description = value[DESCRIPTION];
    t->schema = value[SCHEMA];
    t->strict = value[STRICT];
    t->cache_control = value[CACHE_CONTROL];
    return t->name.n && t->schema.n ? 0
                                    : reading_wrong(r, "a tool needs 'name' and 'input_schema'");
}

static int tool_take(struct reading *r, void *to)
{
    (void)to;
    if (!reading_next_is(r, '{'))
        return reading_wrong(r, "a tool has to be an object");
    struct str type = reading_ahead(r, STR("type"));
    struct chat_tool *t = chat_tool_new(r->request);
    if (!t)
        return E_MEMORY;
    if (type.n == 0 || json_is_null(type) || string_is(type, STR("custom")))
        return tool_custom_read(r, t);
    int err = reading_wants(r, type, "type", VALUE_STRING);
    return err ? err : reading_take(r, &t->whole);
}

/* ---- small objects: those that are not wholly understood are other members, as they stood ---- */

/* The values of one; *ret_known is false where it has other members. */
static int object_read(struct reading *r, struct str value, struct object *o, bool *ret_known)
{
    struct reading in;
    if (!reading_inside(r, value, &in))
        return reading_wrong(r, "an object is expected");
    int err = reading_object(&in, o);
    *ret_known = !o->more;
    return err;
}

static int choice_read(struct reading *r, struct str value, bool *ret_known)
{
    enum { TYPE, NAMED, SERIAL };
    static const struct member members[] = {MEMBER("type", STRING), MEMBER("name", STRING),
                                            MEMBER("disable_parallel_tool_use", BOOL)};
    static const struct str words[] = {[CHOOSE_UNSAID] = NAME(""),
                                       [CHOOSE_AUTO] = WORD("auto"),
                                       [CHOOSE_NONE] = WORD("none"),
                                       [CHOOSE_ANY] = WORD("any"),
                                       [CHOOSE_NAMED] = WORD("tool")};
    struct chat_request *q = r->request;
    struct str v[ARRAY_LEN(members)];
    struct object o = OBJECT(members, v);
    int err = object_read(r, value, &o, ret_known);
    if (err)
        return err;
    size_t choice = v[TYPE].n ? word_find(words, ARRAY_LEN(words), v[TYPE]) : ARRAY_LEN(words);
    if (choice == CHOOSE_NAMED && v[NAMED].n == 0)
        return reading_wrong(r, "'tool_choice' of type 'tool' needs 'name'");
    *ret_known = *ret_known && choice < ARRAY_LEN(words) &&
                 (v[NAMED].n == 0 || choice == CHOOSE_NAMED) &&
                 (v[SERIAL].n == 0 || choice != CHOOSE_NONE);
    if (!*ret_known)
        return 0;
    q->tool_choice = choice;
    q->tool_named = v[NAMED];
    q->tools_serial = json_is_true(v[SERIAL]);
    if (v[SERIAL].n > 0)
        q->tools_parallel = q->tools_serial ? STR("false") : STR("true");
    return 0;
}

static int thinking_read(struct reading *r, struct str value, bool *ret_known)
{
    enum { TYPE, BUDGET, DISPLAY };
    static const struct member members[] = {MEMBER("type", STRING), MEMBER("budget_tokens", COUNT),
                                            MEMBER("display", STRING)};
    struct chat_request *q = r->request;
    struct str v[ARRAY_LEN(members)];
    struct object o = OBJECT(members, v);
    int err = object_read(r, value, &o, ret_known);
    if (err || !*ret_known)
        return err;
    bool budget = string_is(v[TYPE], STR("enabled"));
    if (budget)
        q->thinking = THINK_BUDGET;
    else if (string_is(v[TYPE], STR("adaptive")))
        q->thinking = THINK_ADAPTIVE;
    else if (string_is(v[TYPE], STR("disabled")))
        q->thinking = THINK_OFF;
    if (budget && v[BUDGET].n == 0)
        return reading_wrong(r, "'thinking' of type 'enabled' needs 'budget_tokens'");
    *ret_known = q->thinking != THINK_UNSAID && budget == (v[BUDGET].n > 0);
    if (!*ret_known) {
        q->thinking = THINK_UNSAID;
        return 0;
    }
    q->thinking_budget = count_of(v[BUDGET], 0);
    chat_param(q, CHAT_THINKING_DISPLAY, v[DISPLAY]);
    return 0;
}

static int output_config_read(struct reading *r, struct str value, bool *ret_known)
{
    enum { EFFORT, FORMAT };
    static const struct member members[] = {MEMBER("effort", STRING), MEMBER("format", OBJECT)};
    enum { TYPE, SCHEMA };
    static const struct member of_format[] = {MEMBER("type", STRING), MEMBER("schema", OBJECT)};
    struct str v[ARRAY_LEN(members)], w[ARRAY_LEN(of_format)];
    struct object o = OBJECT(members, v), format = OBJECT(of_format, w);
    int err = object_read(r, value, &o, ret_known);
    if (err || !*ret_known)
        return err;
    if (v[FORMAT].n > 0) {
        err = object_read(r, v[FORMAT], &format, ret_known);
        if (!err && (!string_is(w[TYPE], STR("json_schema")) || w[SCHEMA].n == 0))
            *ret_known = false;
        if (err || !*ret_known)
            return err;
        r->request->format = FORMAT_SCHEMA;
        r->request->schema = w[SCHEMA];
    }
    chat_param(r->request, CHAT_EFFORT, v[EFFORT]);
    return 0;
}

static int metadata_read(struct reading *r, struct str value, bool *ret_known)
{
    static const struct member members[] = {MEMBER("user_id", STRING)};
    struct str user;
    struct object o = OBJECT(members, &user);
    int err = object_read(r, value, &o, ret_known);
    if (!err && *ret_known)
        chat_param(r->request, CHAT_USER, user);
    return err;
}

static int objects_read(struct reading *r, const struct str *value)
{
    static const struct {
        unsigned member;
        int (*read)(struct reading *r, struct str value, bool *ret_known);
    } rows[] = {{TOP_TOOL_CHOICE, choice_read},
                {TOP_THINKING, thinking_read},
                {TOP_OUTPUT_CONFIG, output_config_read},
                {TOP_METADATA, metadata_read}};
    static const struct str names[TOPS] = {[TOP_TOOL_CHOICE] = WORD("tool_choice"),
                                           [TOP_THINKING] = WORD("thinking"),
                                           [TOP_OUTPUT_CONFIG] = WORD("output_config"),
                                           [TOP_METADATA] = WORD("metadata")};
    int err = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows) && !err; i++) {
        unsigned m = rows[i].member;
        bool known = true;
        if (value[m].n)
            err = rows[i].read(r, value[m], &known);
        if (!err && !known)
            err = reading_keep(r, &r->request->others, names[m], value[m]);
    }
    return err;
}

/* ---- the whole ---- */

static int stop_take(struct reading *r, void *to)
{
    struct str value;
    (void)to;
    int err = reading_take(r, &value);
    if (!err && !json_is_string(value))
        return reading_wrong(r, "'stop_sequences' has to be a list of strings");
    return err ? err : chat_stop_add(r->request, value);
}

static int list_take(struct reading *r, unsigned which, void *to)
{
    switch (which) {
    case TOP_MESSAGES:
        return reading_list(r, "messages", message_take, to);
    case TOP_SYSTEM:
        return system_take(r, to);
    case TOP_TOOLS:
        return reading_list(r, "tools", tool_take, NULL);
    default:
        return reading_list(r, "stop_sequences", stop_take, NULL);
    }
}

/* A limit of 0 asks for nothing but filling the provider's cache, which is this protocol's alone.
 */
static int max_tokens_read(struct reading *r, struct str count)
{
    int64_t n = count_of(count, 0);
    if (n > INT32_MAX)
        return reading_wrong(r, "'max_tokens' has to be at most %d", INT32_MAX);
    r->request->max_tokens = n;
    return n > 0 ? 0 : reading_keep(r, &r->request->others, STR("\"max_tokens\""), count);
}

static int body_read(struct reading *r, struct str body)
{
    struct asked asked = {.last = NULL};
    struct chat_request *q = r->request;
    struct str value[TOPS];
    struct object o = OBJECT(top_members, value);
    o.take = list_take;
    o.to = &asked;
    o.others = &q->others;
    o.params = anthropic_sampling;
    o.params_n = ARRAY_LEN(anthropic_sampling);
    int err = json_reader_init(&r->json, body) ? reading_object(r, &o) : E_BAD_JSON;
    err = reading_end(r, err, body);
    if (!err)
        err = max_tokens_read(r, value[TOP_MAX_TOKENS]);
    if (!err)
        err = objects_read(r, value);
    if (!err)
        err = reading_model(r, value[TOP_MODEL]);
    if (!err && !q->messages)
        err = reading_wrong(r, "'messages' has to be a list with at least one message");
    if (err)
        return err;
    q->stream = json_is_true(value[TOP_STREAM]);
    if (!string_is(value[TOP_SERVICE_TIER], STR("auto"))) /* it is what goes without saying */
        chat_param(q, CHAT_SERVICE_TIER, value[TOP_SERVICE_TIER]);
    if (asked.system) {
        asked.system->next = q->messages;
        q->messages = asked.system;
        q->system_apart = true;
    }
    return chat_settle(q, r->fault);
}

int anthropic_chat_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                        struct fault *f)
{
    struct chat_request request = {.arena = arena, .wants_usage = true};
    struct reading r = {.arena = arena, .request = &request, .fault = f};
    int err = body_read(&r, body);
    if (!err)
        *ret_request = request;
    return err;
}

int anthropic_prefix_edit(const struct prefix *prefix, const struct llm_request *request,
                          struct arena *arena, struct llm_edits *edits, struct fault *f)
{
    int err = prefix_edit_text(prefix, true, request, "system", arena, edits, f);
    return err ? err : prefix_edit_list(prefix, false, request, "messages", edits, f);
}
