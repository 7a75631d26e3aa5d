/*
 * openai_chat_request.c: reading a request.
 *
 * What a client sends only because its library does, and what means the same as leaving it out (a
 * penalty of 0, an empty list of tools, null), is not given: else every such request would ask for
 * something that other protocols do not have.
 */
#include "llm/wire/openai_chat.h"

enum {
    K_MODEL,
    K_MESSAGES,
    K_TOOLS,
    K_TOOL_CHOICE,
    K_PARALLEL,
    K_MAX_TOKENS,
    K_MAX_COMPLETION_TOKENS,
    K_STOP,
    K_STREAM,
    K_STREAM_OPTIONS,
    K_N,
    K_RESPONSE_FORMAT,
    K_SAFETY_IDENTIFIER,
    K_FUNCTIONS,
    K_FUNCTION_CALL,
    K_COUNT
};
static const struct member members[K_COUNT] = {
    [K_MODEL] = MEMBER("model", ANY),
    [K_MESSAGES] = MEMBER("messages", TAKEN),
    [K_TOOLS] = MEMBER("tools", TAKEN),
    [K_TOOL_CHOICE] = MEMBER("tool_choice", ANY),
    [K_PARALLEL] = MEMBER("parallel_tool_calls", BOOL),
    [K_MAX_TOKENS] = MEMBER("max_tokens", ANY),
    [K_MAX_COMPLETION_TOKENS] = MEMBER("max_completion_tokens", ANY),
    [K_STOP] = MEMBER("stop", TAKEN),
    [K_STREAM] = MEMBER("stream", BOOL),
    [K_STREAM_OPTIONS] = MEMBER("stream_options", OBJECT),
    [K_N] = MEMBER("n", ANY),
    [K_RESPONSE_FORMAT] = MEMBER("response_format", OBJECT),
    [K_SAFETY_IDENTIFIER] = MEMBER("safety_identifier", STRING),
    [K_FUNCTIONS] = MEMBER("functions", ANY),
    [K_FUNCTION_CALL] = MEMBER("function_call", ANY),
};

const struct param openai_chat_params[OPENAI_CHAT_PARAMS] = {
    PARAM(TEMPERATURE, "temperature", NUMBER),
    PARAM(TOP_P, "top_p", NUMBER),
    PARAM(TOP_K, "top_k", NUMBER),
    PARAM(MIN_P, "min_p", NUMBER),
    PARAM(SEED, "seed", NUMBER),
    PARAM(FREQUENCY_PENALTY, "frequency_penalty", NUMBER),
    PARAM(PRESENCE_PENALTY, "presence_penalty", NUMBER),
    PARAM(LOGIT_BIAS, "logit_bias", OBJECT),
    PARAM(LOGPROBS, "logprobs", BOOL),
    PARAM(TOP_LOGPROBS, "top_logprobs", NUMBER),
    PARAM(EFFORT, "reasoning_effort", STRING),
    PARAM(VERBOSITY, "verbosity", STRING),
    PARAM(METADATA, "metadata", OBJECT),
    PARAM(USER, "user", STRING),
    PARAM(STORE, "store", BOOL),
    PARAM(SERVICE_TIER, "service_tier", STRING),
    PARAM(CACHE_KEY, "prompt_cache_key", STRING),
    PARAM(CACHE_RETENTION, "prompt_cache_retention", STRING),
};

/* What is put together on the way. */
struct top {
    struct chat_message *last;
    bool results; /* the last message is made of results */
    bool has_messages;
};

/* ---- messages ---- */

static int role_find(struct reading *r, struct str role, enum chat_role *ret_role, bool *ret_tool)
{
    static const struct {
        struct str word;
        enum chat_role role;
    } roles[] = {{NAME("user"), ROLE_USER},
                 {NAME("assistant"), ROLE_ASSISTANT},
                 {NAME("tool"), ROLE_USER},
                 {NAME("system"), ROLE_SYSTEM},
                 {NAME("developer"), ROLE_DEVELOPER}};
    for (unsigned i = 0; i < ARRAY_LEN(roles); i++)
        if (string_is(role, roles[i].word)) {
            *ret_role = roles[i].role;
            *ret_tool = i == 2;
            return 0;
        }
    if (string_is(role, STR("function")))
        return reading_wrong(r,
                             "role 'function' is OpenAI's former way to call functions, which is "
                             "not crossed to other protocols; send role 'tool'");
    return reading_wrong(r, "'role' has to be system, developer, user, assistant or tool");
}

/* Is this a part that OpenAI takes in such a message? */
static bool part_fits(enum chat_role role, bool tool, enum chat_block_kind kind)
{
    if (kind == BLOCK_TEXT || kind == BLOCK_OTHER)
        return true;
    if (role == ROLE_ASSISTANT)
        return kind == BLOCK_REFUSAL;
    return kind != BLOCK_REFUSAL && (tool || role == ROLE_USER);
}

static int said_check(struct reading *r, const struct chat_said *said, enum chat_role role,
                      bool tool)
{
    bool assistant = role == ROLE_ASSISTANT;
    if (!assistant && !said->has_list && said->content.n == 0)
        return reading_wrong(r, "'content' is missing");
    if (!assistant && (said->calls || said->thoughts || said->refusal.n || said->reasoning.n))
        return reading_wrong(r,
                             "only an assistant's message has tool calls, refusals or reasoning");
    if (!tool && said->call_id.n)
        return reading_wrong(r, "only a tool's message has a 'tool_call_id'");
    if (tool && said->call_id.n == 0)
        return reading_wrong(r, "'tool_call_id' is missing");
    for (const struct chat_block *b = said->parts; b; b = b->next)
        if (!part_fits(role, tool, b->kind))
            return reading_wrong(r, "its content has a part of a type that its role cannot have");
    if (said->images && role != ROLE_ASSISTANT)
        return reading_wrong(r, "'images' are an assistant's; a person's stand in the content, as "
                                "parts of type 'image_url'");
    return 0;
}

/* Tools' messages that follow one another are one message of results. */
static int result_add(struct reading *r, struct top *t, const struct chat_said *said)
{
    if (!t->results && !(t->last = chat_message_new(r->request, t->last, ROLE_USER)))
        return E_MEMORY;
    t->results = true;
    struct chat_block *b = chat_block_new(r->arena, &t->last->blocks, BLOCK_RESULT);
    if (!b)
        return E_MEMORY;
    b->id = said->call_id;
    b->name = said->name;
    b->others = said->others;
    b->result_is_string = !said->has_list;
    return said_blocks(r, said, &b->result);
}

static int message_take(struct reading *r, void *to)
{
    struct top *t = to;
    struct chat_said said;
    enum chat_role role = ROLE_USER;
    bool tool = false;
    int err = said_take(r, &said);
    if (!err)
        err = role_find(r, said.role, &role, &tool);
    if (!err)
        err = said_check(r, &said, role, tool);
    if (err || tool)
        return err ? err : result_add(r, t, &said);
    struct chat_message *m = chat_message_new(r->request, t->last, role);
    if (!m)
        return E_MEMORY;
    t->last = m;
    t->results = false;
    m->name = said.name;
    m->is_string = said.content.n > 0;
    m->others = said.others;
    return said_blocks(r, &said, &m->blocks);
}

/* ---- other members ---- */

static int max_tokens_read(struct reading *r, unsigned which, struct str value)
{
    uint64_t n = 0;
    if (value.n == 0)
        return 0;
    if (!json_to_u64(value, INT32_MAX, &n) || n == 0)
        return reading_wrong(r, "'%s' has to be a whole number from 1 to %d", members[which].name.p,
                             INT32_MAX);
    if (r->request->max_tokens)
        return reading_wrong(r, "'max_tokens' and 'max_completion_tokens' are two names of one "
                                "limit; send one of them");
    r->request->max_tokens = (int64_t)n;
    r->request->max_tokens_new = which == K_MAX_COMPLETION_TOKENS;
    return 0;
}

static int stop_take(struct reading *r, void *to)
{
    struct str value;
    (void)to;
    int err = reading_take(r, &value);
    if (!err && !json_is_string(value))
        return reading_wrong(r, "'stop' has to be a string or a list of strings");
    return err ? err : chat_stop_add(r->request, value);
}

static int list_take(struct reading *r, unsigned which, void *to)
{
    struct top *t = to;
    if (which == K_TOOLS)
        return openai_chat_tools_take(r);
    if (which == K_STOP)
        return reading_next_is(r, '"') ? stop_take(r, NULL)
                                       : reading_list(r, "stop", stop_take, NULL);
    t->has_messages = reading_next_is(r, '[');
    return reading_list(r, "messages", message_take, t);
}

/* include_obfuscation only pads OpenAI's own events, so it is no member that anybody misses. */
static int stream_options_read(struct reading *r, struct str value)
{
    static const struct member of[] = {MEMBER("include_usage", BOOL),
                                       MEMBER("include_obfuscation", ANY)};
    struct str member[ARRAY_LEN(of)];
    struct object o = OBJECT(of, member);
    struct reading in;
    if (!reading_inside(r, value, &in))
        return 0;
    o.name = "stream_options";
    int err = reading_object(&in, &o);
    r->request->wants_usage = json_is_true(member[0]);
    return err || !o.more ? err
                          : reading_keep(r, &r->request->others, STR("\"stream_options\""), value);
}

/* More than one is refused by name; the number is kept with what is not known. */
static int choices_read(struct reading *r, struct str value)
{
    uint64_t n = 1;
    if (value.n && (!json_to_u64(value, INT32_MAX, &n) || n == 0))
        return reading_wrong(r, "'n' has to be a whole number from 1");
    if (n == 1)
        return 0;
    chat_uses(r->request, CHAT_CHOICES);
    return reading_keep(r, &r->request->others, STR("\"n\""), value);
}

static int schema_read(struct reading *r, struct str object, bool *ret_more)
{
    enum { FORM_NAME, FORM_DESCRIPTION, FORM_SCHEMA, FORM_STRICT };
    static const struct member of[] = {MEMBER("name", STRING), MEMBER("description", STRING),
                                       MEMBER("schema", OBJECT), MEMBER("strict", BOOL)};
    struct chat_request *q = r->request;
    struct str member[ARRAY_LEN(of)];
    struct object o = OBJECT(of, member);
    struct reading in;
    if (!reading_inside(r, object, &in))
        return reading_wrong(r, "'response_format.json_schema' has to be an object");
    o.name = "response_format.json_schema";
    int err = reading_object(&in, &o);
    *ret_more = o.more;
    if (err || o.more)
        return err;
    q->format = FORMAT_SCHEMA;
    q->schema_name = member[FORM_NAME];
    q->schema_description = member[FORM_DESCRIPTION];
    q->schema = member[FORM_SCHEMA];
    q->schema_strict = member[FORM_STRICT];
    err = reading_wants(r, q->schema_name, "response_format.json_schema.name", VALUE_STRING);
    /* Without one nothing would be left of the format elsewhere. */
    return err ? err
               : reading_wants(r, q->schema, "response_format.json_schema.schema", VALUE_OBJECT);
}

static int format_read(struct reading *r, struct str value)
{
    enum { TYPE, SCHEMA };
    static const struct member of[] = {MEMBER("type", ANY), MEMBER("json_schema", ANY)};
    struct str member[ARRAY_LEN(of)];
    struct object o = OBJECT(of, member);
    struct chat_request *q = r->request;
    struct reading in;
    if (!reading_inside(r, value, &in))
        return 0;
    o.name = "response_format";
    int err = reading_object(&in, &o);
    bool more = o.more;
    if (err)
        return err;
    if (!more && string_is(member[TYPE], STR("json_schema")))
        err = schema_read(r, member[SCHEMA], &more);
    else if (!more && string_is(member[TYPE], STR("text")) && member[SCHEMA].n == 0)
        q->format = FORMAT_TEXT;
    else if (!more && string_is(member[TYPE], STR("json_object")) && member[SCHEMA].n == 0)
        q->format = FORMAT_JSON;
    else
        more = true;
    return err || !more ? err : reading_keep(r, &q->others, STR("\"response_format\""), value);
}

/* ---- parameters ---- */

static bool is_zero(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != '0' && value.p[i] != '.' && value.p[i] != '-')
            return false;
    return true;
}

/* Does it mean the same as leaving it out? */
static bool says_nothing(enum chat_feature param, struct str value)
{
    switch (param) {
    case CHAT_FREQUENCY_PENALTY:
    case CHAT_PRESENCE_PENALTY:
    case CHAT_TOP_LOGPROBS:
        return is_zero(value);
    case CHAT_LOGPROBS:
    case CHAT_STORE:
        return json_is(value, 'f');
    case CHAT_LOGIT_BIAS:
        return json_is_empty(value);
    case CHAT_SERVICE_TIER:
        return string_is(value, STR("auto"));
    default:
        return false;
    }
}

/* What OpenAI wants in the place of `user` is the same to others; both are given by few. */
static int safety_identifier_settle(struct reading *r, struct str value)
{
    if (chat_has(r->request, CHAT_USER))
        return reading_keep(r, &r->request->others, STR("\"safety_identifier\""), value);
    chat_param(r->request, CHAT_USER, value);
    return 0;
}

/* ---- the whole ---- */

static int former_check(struct reading *r, const struct str *value)
{
    for (unsigned i = K_FUNCTIONS; i <= K_FUNCTION_CALL; i++)
        if (value[i].p)
            return reading_wrong(r,
                                 "'%s' is OpenAI's former way to call functions, which is not "
                                 "crossed to other protocols; send '%s'",
                                 members[i].name.p, i == K_FUNCTIONS ? "tools" : "tool_choice");
    return 0;
}

static int values_read(struct reading *r, const struct str *value)
{
    struct chat_request *q = r->request;
    q->stream = json_is_true(value[K_STREAM]);
    q->tools_parallel = value[K_PARALLEL];
    q->tools_serial = json_is(value[K_PARALLEL], 'f');
    if (string_is(q->params[CHAT_EFFORT], STR("none")))
        q->thinking = THINK_OFF;
    int err = former_check(r, value);
    if (!err && value[K_TOOL_CHOICE].p)
        err = openai_chat_choice_read(r, value[K_TOOL_CHOICE]);
    for (unsigned i = K_MAX_TOKENS; i <= K_MAX_COMPLETION_TOKENS && !err; i++)
        err = max_tokens_read(r, i, value[i]);
    if (!err)
        err = stream_options_read(r, value[K_STREAM_OPTIONS]);
    if (!err)
        err = choices_read(r, value[K_N]);
    if (!err)
        err = format_read(r, value[K_RESPONSE_FORMAT]);
    if (!err)
        err = reading_model(r, value[K_MODEL]);
    return err ? err : safety_identifier_settle(r, value[K_SAFETY_IDENTIFIER]);
}

int openai_chat_request_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                             struct fault *f)
{
    struct chat_request q = {.arena = arena};
    struct reading r = {.arena = arena, .request = &q, .fault = f};
    struct top t = {.last = NULL};
    struct str value[K_COUNT];
    struct object o = OBJECT(members, value);
    o.take = list_take;
    o.to = &t;
    o.others = &q.others;
    o.params = openai_chat_params;
    o.params_n = ARRAY_LEN(openai_chat_params);
    o.silent = says_nothing;
    int err = json_reader_init(&r.json, body) ? reading_object(&r, &o) : E_BAD_JSON;
    err = reading_end(&r, err, body);
    if (!err)
        err = values_read(&r, value);
    if (!err && !t.has_messages)
        err = reading_wrong(&r, "'messages' is missing");
    if (!err)
        err = chat_settle(&q, f);
    if (!err)
        *ret_request = q;
    return err;
}

int openai_chat_prefix_edit(const struct prefix *prefix, const struct llm_request *request,
                            struct arena *arena, struct llm_edits *edits, struct fault *f)
{
    (void)arena;
    return prefix_edit_list(prefix, true, request, "messages", edits, f);
}
