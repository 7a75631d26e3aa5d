/*
 * openai_chat_request.c: reading a request.
 *
 * What a client sends only because its library does, and what means the same as leaving it out (a
 * penalty of 0, an empty list of tools, null), is not given: else every such request would ask for
 * something that other protocols do not have.
 */
#include "llm/wire/openai_chat.h"

/* The list of them is gone through from its beginning for each new one. */
#define STOPS_MAX 256

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
    K_PARAMS
};

static const struct str key_names[] = {
    {"model", 5},
    {"messages", 8},
    {"tools", 5},
    {"tool_choice", 11},
    {"parallel_tool_calls", 19},
    {"max_tokens", 10},
    {"max_completion_tokens", 21},
    {"stop", 4},
    {"stream", 6},
    {"stream_options", 14},
    {"n", 1},
    {"response_format", 15},
    {"safety_identifier", 17},
    {"functions", 9},
    {"function_call", 13},
    /* K_PARAMS: as openai_chat_params has them */
    {"temperature", 11},
    {"top_p", 5},
    {"top_k", 5},
    {"min_p", 5},
    {"seed", 4},
    {"frequency_penalty", 17},
    {"presence_penalty", 16},
    {"logit_bias", 10},
    {"logprobs", 8},
    {"top_logprobs", 12},
    {"reasoning_effort", 16},
    {"thinking_display", 16},
    {"verbosity", 9},
    {"metadata", 8},
    {"user", 4},
    {"store", 5},
    {"service_tier", 12},
    {"prompt_cache_key", 16},
    {"prompt_cache_retention", 22},
    {"reasoning_summary", 17},
    {"include", 7},
    {"previous_response_id", 20},
    {"conversation", 12},
};
_Static_assert(ARRAY_LEN(key_names) == K_PARAMS + CHAT_PARAM_COUNT, "a name for each parameter");
_Static_assert(ARRAY_LEN(key_names) <= KEYS_MAX, "a bit for each key");

struct str openai_chat_param_name(enum chat_feature param)
{
    return key_names[K_PARAMS + param];
}

/* The request in the reading, and what is settled at its end. */
struct top {
    struct chat_reading reading;
    struct chat_member **others;
    struct chat_message *last;
    struct chat_block **results; /* the end of the last message, where it has results */
    struct str safety_identifier;
    bool has_messages;
};

/* ---- messages ---- */

static int role_find(struct chat_reading *x, struct str role, enum chat_role *ret_role,
                     bool *ret_tool)
{
    static const struct {
        struct str word;
        enum chat_role role;
    } roles[] = {{{"user", 4}, ROLE_USER},
                 {{"assistant", 9}, ROLE_ASSISTANT},
                 {{"tool", 4}, ROLE_USER},
                 {{"system", 6}, ROLE_SYSTEM},
                 {{"developer", 9}, ROLE_DEVELOPER}};
    for (unsigned i = 0; i < ARRAY_LEN(roles); i++)
        if (string_is(role, roles[i].word)) {
            *ret_role = roles[i].role;
            *ret_tool = i == 2;
            return 0;
        }
    if (string_is(role, STR("function")))
        return reading_fault(x, E_BAD_REQUEST,
                             "role 'function' is OpenAI's former way to call functions, which is "
                             "not crossed to other protocols; send role 'tool'");
    return reading_fault(x, E_BAD_REQUEST,
                         "'role' has to be system, developer, user, assistant or tool");
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

static int said_check(struct chat_reading *x, const struct chat_said *said, enum chat_role role,
                      bool tool)
{
    bool assistant = role == ROLE_ASSISTANT;
    if (!assistant && !said->has_list && said->content.n == 0)
        return reading_fault(x, E_BAD_REQUEST, "'content' is missing");
    if (!assistant && (said->calls || said->thoughts || said->refusal.n || said->reasoning.n))
        return reading_fault(x, E_BAD_REQUEST,
                             "only an assistant's message has tool calls, refusals or reasoning");
    if (!tool && said->call_id.n)
        return reading_fault(x, E_BAD_REQUEST, "only a tool's message has a 'tool_call_id'");
    if (tool && said->call_id.n == 0)
        return reading_fault(x, E_BAD_REQUEST, "'tool_call_id' is missing");
    for (const struct chat_block *b = said->parts; b; b = b->next)
        if (!part_fits(role, tool, b->kind))
            return reading_fault(x, E_BAD_REQUEST,
                                 "its content has a part of a type that its role cannot have");
    return 0;
}

/* Tools' messages that follow one another are one message of results. */
static int result_add(struct top *t, const struct chat_said *said)
{
    struct chat_request *r = t->reading.request;
    if (!t->results) {
        t->last = chat_message_new(r, t->last, ROLE_USER);
        if (!t->last)
            return E_MEMORY;
        t->results = &t->last->blocks;
    }
    struct chat_block *b = chat_block_new(r->arena, t->results, BLOCK_RESULT);
    if (!b)
        return E_MEMORY;
    t->results = &b->next;
    b->id = said->call_id;
    b->name = said->name;
    b->others = said->others;
    b->result_is_string = !said->has_list;
    return said_blocks(&t->reading, said, &b->result);
}

static int message_take(struct top *t)
{
    struct chat_reading *x = &t->reading;
    struct chat_said said;
    enum chat_role role = ROLE_USER;
    bool tool = false;
    int err = said_take(x, &said);
    if (!err)
        err = role_find(x, said.role, &role, &tool);
    if (!err)
        err = said_check(x, &said, role, tool);
    if (err || tool)
        return err ? err : result_add(t, &said);
    struct chat_message *m = chat_message_new(x->request, t->last, role);
    if (!m)
        return E_MEMORY;
    t->last = m;
    t->results = NULL;
    m->name = said.name;
    m->is_string = said.content.n > 0;
    m->others = said.others;
    return said_blocks(x, &said, &m->blocks);
}

static int messages_take(struct top *t)
{
    struct chat_reading *x = &t->reading;
    int err = 0;
    if (!reading_next_is(x, '['))
        return reading_fault(x, E_BAD_REQUEST, "'messages' has to be a list of messages");
    t->has_messages = true;
    if (!json_enter(&x->json, '['))
        return 0;
    x->list = "messages";
    x->at = 0;
    do {
        err = message_take(t);
        x->at++;
    } while (!err && json_more(&x->json, '['));
    if (!err)
        x->list = NULL;
    return err;
}

/* ---- other members ---- */

static int model_read(struct chat_reading *x, struct str value)
{
    if (!json_is_string(value) || value.n == 2)
        return reading_fault(x, E_BAD_REQUEST, "'model' has to be a string that is not empty");
    int err = json_unquote(x->request->arena, value, &x->request->model);
    if (err == E_BAD_JSON)
        return reading_fault(x, E_BAD_REQUEST, "'model' has half a surrogate pair in it");
    return err;
}

static int flag_read(struct chat_reading *x, struct str what, struct str value, bool *ret_flag)
{
    if (value.n && !json_is_bool(value))
        return reading_fault(x, E_BAD_REQUEST, "'%s' has to be true or false", what.p);
    *ret_flag = json_is_true(value);
    return 0;
}

static int max_tokens_read(struct chat_reading *x, unsigned key, struct str value)
{
    uint64_t n = 0;
    if (!json_to_u64(value, INT32_MAX, &n) || n == 0)
        return reading_fault(x, E_BAD_REQUEST, "'%s' has to be a whole number from 1 to %d",
                             key_names[key].p, INT32_MAX);
    if (x->request->max_tokens)
        return reading_fault(x, E_BAD_REQUEST,
                             "'max_tokens' and 'max_completion_tokens' are two names of one limit; "
                             "send one of them");
    x->request->max_tokens = (int64_t)n;
    x->request->max_tokens_new = key == K_MAX_COMPLETION_TOKENS;
    return 0;
}

static int stop_take(struct chat_reading *x)
{
    unsigned n = 0;
    int err = 0;
    if (!reading_next_is(x, '[')) {
        struct str value = json_take(&x->json);
        if (json_is_null(value))
            return 0;
        if (!json_is_string(value))
            return reading_fault(x, E_BAD_REQUEST, "'stop' has to be a string or a list of them");
        return chat_stop_add(x->request, value);
    }
    if (json_enter(&x->json, '['))
        do {
            struct str value = json_take(&x->json);
            if (!json_is_string(value) || n++ == STOPS_MAX)
                return reading_fault(x, E_BAD_REQUEST,
                                     "'stop' has to be a list of strings, of %d "
                                     "at most",
                                     STOPS_MAX);
            err = chat_stop_add(x->request, value);
        } while (!err && json_more(&x->json, '['));
    return err;
}

/* include_obfuscation only pads OpenAI's own events, so it is no member that anybody misses. */
static int stream_options_read(struct top *t, struct str name, struct str value)
{
    static const struct str names[] = {{"include_usage", 13}, {"include_obfuscation", 19}};
    struct chat_reading in;
    struct str member[2] = {STR_NONE};
    bool more = false;
    if (!reading_inside(&t->reading, value, &in))
        return reading_fault(&t->reading, E_BAD_REQUEST, "'stream_options' has to be an object");
    int err = reading_object(&in, "stream_options", names, 2, member, &more);
    if (!err)
        err = flag_read(&t->reading, STR("stream_options.include_usage"), member[0],
                        &t->reading.request->wants_usage);
    return err || !more ? err : reading_keep(&t->reading, &t->others, name, value);
}

/* More than one is refused by name; the number is kept with what is not known. */
static int choices_read(struct top *t, struct str name, struct str value)
{
    uint64_t n = 0;
    if (!json_to_u64(value, INT32_MAX, &n) || n == 0)
        return reading_fault(&t->reading, E_BAD_REQUEST, "'n' has to be a whole number from 1");
    if (n == 1)
        return 0;
    chat_uses(t->reading.request, CHAT_CHOICES);
    return reading_keep(&t->reading, &t->others, name, value);
}

static int schema_read(struct top *t, struct str object, bool *ret_more)
{
    static const struct str names[] = {
        {"name", 4}, {"description", 11}, {"schema", 6}, {"strict", 6}};
    struct chat_request *r = t->reading.request;
    struct chat_reading in;
    struct str member[4];
    if (!reading_inside(&t->reading, object, &in))
        return reading_fault(&t->reading, E_BAD_REQUEST,
                             "'response_format.json_schema' has to be an object");
    int err = reading_object(&in, "response_format.json_schema", names, 4, member, ret_more);
    if (err || *ret_more)
        return err;
    if (!json_is_string(member[0]) || (member[1].n && !json_is_string(member[1])) ||
        (member[2].n && !json_is_object(member[2])) || (member[3].n && !json_is_bool(member[3])))
        return reading_fault(&t->reading, E_BAD_REQUEST,
                             "'response_format.json_schema' has to have a name, and a schema that "
                             "is an object");
    r->format = FORMAT_SCHEMA;
    r->schema_name = member[0];
    r->schema_description = member[1];
    r->schema = member[2];
    r->schema_strict = member[3];
    return 0;
}

static int format_read(struct top *t, struct str name, struct str value)
{
    static const struct str names[] = {{"type", 4}, {"json_schema", 11}};
    struct chat_request *r = t->reading.request;
    struct chat_reading in;
    struct str member[2];
    bool more = false;
    if (!reading_inside(&t->reading, value, &in))
        return reading_fault(&t->reading, E_BAD_REQUEST, "'response_format' has to be an object");
    int err = reading_object(&in, "response_format", names, 2, member, &more);
    bool schema = string_is(member[0], STR("json_schema"));
    if (err)
        return err;
    if (schema && !more)
        err = schema_read(t, member[1], &more);
    else if (!more && string_is(member[0], STR("text")) && member[1].n == 0)
        r->format = FORMAT_TEXT;
    else if (!more && string_is(member[0], STR("json_object")) && member[1].n == 0)
        r->format = FORMAT_JSON;
    else
        more = true;
    return err || !more ? err : reading_keep(&t->reading, &t->others, name, value);
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
        return json_is_object(value) && str_trim(str_of(value.p + 1, value.n - 2)).n == 0;
    default:
        return false;
    }
}

static int param_read(struct chat_reading *x, enum chat_feature param, struct str value)
{
    static const char types[CHAT_PARAM_COUNT] = {
        [CHAT_EFFORT] = '"',       [CHAT_VERBOSITY] = '"', [CHAT_USER] = '"',
        [CHAT_SERVICE_TIER] = '"', [CHAT_CACHE_KEY] = '"', [CHAT_CACHE_RETENTION] = '"',
        [CHAT_METADATA] = '{',     [CHAT_LOGIT_BIAS] = '{'};
    bool number = types[param] == 0 && param != CHAT_LOGPROBS && param != CHAT_STORE;
    bool good = number         ? value.p[0] == '-' || (value.p[0] >= '0' && value.p[0] <= '9')
                : types[param] ? value.p[0] == types[param]
                               : json_is_bool(value);
    if (!good)
        return reading_fault(x, E_BAD_REQUEST, "'%s' has to be %s", openai_chat_param_name(param).p,
                             number                ? "a number"
                             : types[param] == '"' ? "a string"
                             : types[param] == '{' ? "an object"
                                                   : "true or false");
    if (!says_nothing(param, value))
        chat_param(x->request, param, value);
    if (param == CHAT_EFFORT && string_is(value, STR("none")))
        x->request->thinking = THINK_OFF;
    return 0;
}

/* ---- the whole ---- */

static int former_fault(struct chat_reading *x, unsigned key)
{
    return reading_fault(x, E_BAD_REQUEST,
                         "'%s' is OpenAI's former way to call functions, which is not crossed to "
                         "other protocols; send '%s'",
                         key_names[key].p, key == K_FUNCTIONS ? "tools" : "tool_choice");
}

/* A member whose value was taken, and is not null. */
static int value_read(struct top *t, unsigned key, struct str name, struct str value)
{
    struct chat_reading *x = &t->reading;
    struct chat_request *r = x->request;
    switch (key) {
    case K_MODEL:
        return model_read(x, value);
    case K_TOOL_CHOICE:
        return openai_chat_choice_read(x, name, value, &t->others);
    case K_PARALLEL:
        if (json_is_bool(value))
            r->tools_parallel = value;
        r->tools_serial = json_is(value, 'f');
        return flag_read(x, key_names[key], value, &(bool){false});
    case K_MAX_TOKENS:
    case K_MAX_COMPLETION_TOKENS:
        return max_tokens_read(x, key, value);
    case K_STREAM:
        return flag_read(x, key_names[key], value, &r->stream);
    case K_STREAM_OPTIONS:
        return stream_options_read(t, name, value);
    case K_N:
        return choices_read(t, name, value);
    case K_RESPONSE_FORMAT:
        return format_read(t, name, value);
    case K_SAFETY_IDENTIFIER:
        t->safety_identifier = value;
        return 0;
    case K_FUNCTIONS:
    case K_FUNCTION_CALL:
        return former_fault(x, key);
    default:
        return key < ARRAY_LEN(key_names) ? param_read(x, key - K_PARAMS, value)
                                          : reading_keep(x, &t->others, name, value);
    }
}

static int member_take(struct top *t, struct chat_keys *keys)
{
    unsigned key = 0;
    int err = reading_key(&t->reading, keys, &key);
    if (err)
        return err;
    if (key == K_MESSAGES)
        return messages_take(t);
    if (key == K_TOOLS)
        return openai_chat_tools_take(&t->reading);
    if (key == K_STOP)
        return stop_take(&t->reading);
    struct str value = json_take(&t->reading.json);
    return t->reading.json.failed || json_is_null(value) ? 0
                                                         : value_read(t, key, keys->name, value);
}

/* What OpenAI wants in the place of `user` is the same to others; both are given by few. */
static int safety_identifier_settle(struct top *t)
{
    struct chat_request *r = t->reading.request;
    if (t->safety_identifier.n == 0)
        return 0;
    if (chat_has(r, CHAT_USER))
        return reading_keep(&t->reading, &t->others, STR("\"safety_identifier\""),
                            t->safety_identifier);
    return param_read(&t->reading, CHAT_USER, t->safety_identifier);
}

/* The words for a text that is no JSON. */
static int not_json(struct str body, struct fault *f)
{
    const struct json_scan *scan = NULL;
    int err = json_scan(body, &scan, f);
    return err ? err : fault_set(f, E_BAD_JSON, "the body is not valid JSON");
}

int openai_chat_request_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                             struct fault *f)
{
    struct chat_request r = {.arena = arena};
    struct top t = {.reading = {.request = &r, .fault = f}, .others = &r.others};
    struct chat_reading *x = &t.reading;
    struct chat_keys keys = {.names = key_names, .n = ARRAY_LEN(key_names)};
    int err = 0;
    if (json_reader_init(&x->json, body) && json_enter(&x->json, '{'))
        do
            err = member_take(&t, &keys);
        while (!err && json_more(&x->json, '{'));
    if (x->json.failed || (!err && !json_reader_good(&x->json)))
        return not_json(body, f);
    if (!err && r.model.n == 0)
        err = reading_fault(x, E_BAD_REQUEST, "'model' is missing; expected the name of a model");
    if (!err && !t.has_messages)
        err = reading_fault(x, E_BAD_REQUEST, "'messages' is missing");
    if (!err)
        err = safety_identifier_settle(&t);
    if (!err)
        err = chat_settle(&r, f);
    if (!err)
        *ret_request = r;
    return err;
}
