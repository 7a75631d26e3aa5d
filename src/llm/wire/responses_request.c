/* wire/responses_request.c: a request's body as a chat. */
#include <stdio.h>

#include "llm/wire/parts.h"
#include "llm/wire/responses.h"

enum request_member {
    REQ_MODEL,
    REQ_INPUT,
    REQ_INSTRUCTIONS,
    REQ_STREAM,
    REQ_STREAM_OPTIONS,
    REQ_TOOLS,
    REQ_TOOL_CHOICE,
    REQ_PARALLEL,
    REQ_MAX_TOKENS,
    REQ_TEXT,
    REQ_REASONING,
    REQ_BACKGROUND,
    REQ_INCLUDE,
    REQ_TRUNCATION,
    REQ_TOP_LOGPROBS,
    REQ_TEMPERATURE,
    REQ_TOP_P,
    REQ_METADATA,
    REQ_USER,
    REQ_SAFETY_IDENTIFIER,
    REQ_STORE,
    REQ_PREVIOUS,
    REQ_CONVERSATION,
    REQ_CACHE_KEY,
    REQ_CACHE_RETENTION,
    REQ_SERVICE_TIER,
    REQ_MEMBERS
};
static const struct str request_names[REQ_MEMBERS] = {
    [REQ_MODEL] = RESPONSES_NAME("model"),
    [REQ_INPUT] = RESPONSES_NAME("input"),
    [REQ_INSTRUCTIONS] = RESPONSES_NAME("instructions"),
    [REQ_STREAM] = RESPONSES_NAME("stream"),
    [REQ_STREAM_OPTIONS] = RESPONSES_NAME("stream_options"),
    [REQ_TOOLS] = RESPONSES_NAME("tools"),
    [REQ_TOOL_CHOICE] = RESPONSES_NAME("tool_choice"),
    [REQ_PARALLEL] = RESPONSES_NAME("parallel_tool_calls"),
    [REQ_MAX_TOKENS] = RESPONSES_NAME("max_output_tokens"),
    [REQ_TEXT] = RESPONSES_NAME("text"),
    [REQ_REASONING] = RESPONSES_NAME("reasoning"),
    [REQ_BACKGROUND] = RESPONSES_NAME("background"),
    [REQ_INCLUDE] = RESPONSES_NAME("include"),
    [REQ_TRUNCATION] = RESPONSES_NAME("truncation"),
    [REQ_TOP_LOGPROBS] = RESPONSES_NAME("top_logprobs"),
    [REQ_TEMPERATURE] = RESPONSES_NAME("temperature"),
    [REQ_TOP_P] = RESPONSES_NAME("top_p"),
    [REQ_METADATA] = RESPONSES_NAME("metadata"),
    [REQ_USER] = RESPONSES_NAME("user"),
    [REQ_SAFETY_IDENTIFIER] = RESPONSES_NAME("safety_identifier"),
    [REQ_STORE] = RESPONSES_NAME("store"),
    [REQ_PREVIOUS] = RESPONSES_NAME("previous_response_id"),
    [REQ_CONVERSATION] = RESPONSES_NAME("conversation"),
    [REQ_CACHE_KEY] = RESPONSES_NAME("prompt_cache_key"),
    [REQ_CACHE_RETENTION] = RESPONSES_NAME("prompt_cache_retention"),
    [REQ_SERVICE_TIER] = RESPONSES_NAME("service_tier"),
};

static int take_fault(struct fault *f, int err, const char *place, struct str twice)
{
    if (err == E_DUPLICATE_KEY)
        return fault_set(f, err, "%s: %.*s stands twice", place, STR_ARGS(twice));
    return err == E_BAD_REQUEST ? fault_set(f, err, "%s: expected an object", place) : err;
}

/* responses_take for an object's own bytes. */
static int object_take(struct chat_request *r, struct str object, const char *place,
                       const struct str *names, size_t n, struct str *value,
                       struct chat_member **others, struct fault *f)
{
    struct json_reader reader;
    int err = E_BAD_REQUEST;
    if (json_reader_init(&reader, object))
        err = responses_take(&reader, names, n, value, r, others);
    return err ? take_fault(f, err, place, value[0]) : 0;
}

static int bool_wanted(struct str value, const char *place, struct fault *f)
{
    return !value.p || json_is_bool(value)
               ? 0
               : fault_set(f, E_BAD_REQUEST, "'%s' has to be true or false", place);
}

static int string_wanted(struct str value, const char *place, struct fault *f)
{
    return json_is_string(value) ? 0
                                 : fault_set(f, E_BAD_REQUEST, "'%s' has to be a string", place);
}

/* ---- tools ---- */

enum { TOOL_TYPE, TOOL_NAME, TOOL_DESCRIPTION, TOOL_PARAMETERS, TOOL_STRICT, TOOL_CACHE, TOOL_N };

static int tool_read(struct chat_request *r, struct json_reader *reader, unsigned at,
                     struct fault *f)
{
    static const struct str names[] = {
        [TOOL_TYPE] = RESPONSES_NAME("type"),
        [TOOL_NAME] = RESPONSES_NAME("name"),
        [TOOL_DESCRIPTION] = RESPONSES_NAME("description"),
        [TOOL_PARAMETERS] = RESPONSES_NAME("parameters"),
        [TOOL_STRICT] = RESPONSES_NAME("strict"),
        [TOOL_CACHE] = RESPONSES_NAME("cache_control"),
    };
    struct str value[TOOL_N], whole = {reader->at, 0};
    char place[40];
    snprintf(place, sizeof(place), "tools.%u", at);
    struct chat_member *others = NULL;
    uint64_t features = r->features;
    int err = responses_take(reader, names, TOOL_N, value, r, &others);
    if (err)
        return take_fault(f, err, place, value[0]);
    whole.n = (size_t)(reader->at - whole.p);
    struct chat_tool *t = chat_tool_new(r);
    if (!t)
        return E_MEMORY;
    if (!string_is(value[TOOL_TYPE], STR("function"))) {
        r->features = features; /* members of a whole are not other members */
        t->whole = whole;
        return string_wanted(value[TOOL_TYPE], "tools.type", f);
    }
    *t = (struct chat_tool){.name = value[TOOL_NAME],
                            .description = value[TOOL_DESCRIPTION],
                            .schema = value[TOOL_PARAMETERS],
                            .strict = value[TOOL_STRICT],
                            .cache_control = value[TOOL_CACHE],
                            .others = others};
    err = string_wanted(t->name, "tools.name", f);
    if (!err && t->description.p)
        err = string_wanted(t->description, "tools.description", f);
    if (!err && t->schema.p && !json_is_object(t->schema))
        err = fault_set(f, E_BAD_REQUEST, "%s: 'parameters' have to be an object", place);
    return err ? err : bool_wanted(t->strict, "tools.strict", f);
}

static int tools_read(struct chat_request *r, struct str tools, struct fault *f)
{
    if (!tools.p)
        return 0;
    if (!json_is_array(tools))
        return fault_set(f, E_BAD_REQUEST, "'tools' has to be a list");
    struct json_reader reader = responses_list(tools);
    unsigned at = 0;
    int err = 0;
    if (json_enter(&reader, '['))
        do
            err = tool_read(r, &reader, at++, f);
        while (!err && json_more(&reader, '['));
    return err;
}

/* Choices among the provider's own tools, or of some of the tools, are kept as they stand. */
static int choice_read(struct chat_request *r, struct str choice, struct fault *f)
{
    static const struct str words[] = {[CHOOSE_AUTO] = RESPONSES_NAME("auto"),
                                       [CHOOSE_NONE] = RESPONSES_NAME("none"),
                                       [CHOOSE_ANY] = RESPONSES_NAME("required")};
    static const struct str names[] = {RESPONSES_NAME("type"), RESPONSES_NAME("name")};
    struct str value[ARRAY_LEN(names)];
    struct chat_member *others = NULL;
    for (unsigned i = CHOOSE_AUTO; i < ARRAY_LEN(words); i++)
        if (str_eq(choice, words[i]))
            r->tool_choice = i;
    if (!choice.p || r->tool_choice != CHOOSE_UNSAID)
        return 0;
    int err = json_is_object(choice) ? object_take(r, choice, "tool_choice", names,
                                                   ARRAY_LEN(names), value, &others, f)
                                     : 0;
    if (err)
        return err;
    if (!json_is_object(choice) || !string_is(value[0], STR("function")) || others)
        return chat_member_add(r, &r->others, request_names[REQ_TOOL_CHOICE], choice);
    r->tool_choice = CHOOSE_NAMED;
    r->tool_named = value[1];
    return string_wanted(r->tool_named, "tool_choice.name", f);
}

/* ---- the answer's form, and reasoning ---- */

enum { FORM_TYPE, FORM_NAME, FORM_DESCRIPTION, FORM_SCHEMA, FORM_STRICT, FORM_N };

static int format_read(struct chat_request *r, struct str format, struct fault *f)
{
    static const struct str names[] = {
        [FORM_TYPE] = RESPONSES_NAME("type"),
        [FORM_NAME] = RESPONSES_NAME("name"),
        [FORM_DESCRIPTION] = RESPONSES_NAME("description"),
        [FORM_SCHEMA] = RESPONSES_NAME("schema"),
        [FORM_STRICT] = RESPONSES_NAME("strict"),
    };
    static const struct str types[] = {[FORMAT_TEXT] = RESPONSES_NAME("text"),
                                       [FORMAT_JSON] = RESPONSES_NAME("json_object"),
                                       [FORMAT_SCHEMA] = RESPONSES_NAME("json_schema")};
    struct str value[FORM_N];
    if (!format.p)
        return 0;
    int err = object_take(r, format, "text.format", names, FORM_N, value, &r->others, f);
    if (err)
        return err;
    for (unsigned i = FORMAT_TEXT; i < ARRAY_LEN(types); i++)
        if (str_eq(value[FORM_TYPE], types[i]))
            r->format = i;
    if (r->format == FORMAT_UNSAID)
        return fault_set(f, E_BAD_REQUEST,
                         "'text.format.type' has to be text, json_object or json_schema");
    if (r->format != FORMAT_SCHEMA)
        return 0;
    r->schema = value[FORM_SCHEMA];
    r->schema_name = value[FORM_NAME];
    r->schema_description = value[FORM_DESCRIPTION];
    r->schema_strict = value[FORM_STRICT];
    if (!json_is_object(r->schema))
        return fault_set(f, E_BAD_REQUEST, "'text.format.schema' has to be an object");
    err = string_wanted(r->schema_name, "text.format.name", f);
    if (!err && r->schema_description.p)
        err = string_wanted(r->schema_description, "text.format.description", f);
    return err ? err : bool_wanted(r->schema_strict, "text.format.strict", f);
}

static int text_read(struct chat_request *r, struct str text, struct fault *f)
{
    static const struct str names[] = {RESPONSES_NAME("format"), RESPONSES_NAME("verbosity")};
    struct str value[ARRAY_LEN(names)];
    if (!text.p)
        return 0;
    int err = object_take(r, text, "text", names, ARRAY_LEN(names), value, &r->others, f);
    if (err)
        return err;
    chat_param(r, CHAT_VERBOSITY, value[1]);
    return format_read(r, value[0], f);
}

static int reasoning_read(struct chat_request *r, struct str reasoning, struct fault *f)
{
    static const struct str names[] = {RESPONSES_NAME("effort"), RESPONSES_NAME("summary"),
                                       RESPONSES_NAME("generate_summary")};
    struct str value[ARRAY_LEN(names)];
    if (!reasoning.p)
        return 0;
    int err = object_take(r, reasoning, "reasoning", names, ARRAY_LEN(names), value, &r->others, f);
    if (err)
        return err;
    chat_param(r, CHAT_EFFORT, value[0]);
    chat_param(r, CHAT_REASONING_SUMMARY, value[1].p ? value[1] : value[2]);
    return 0;
}

/* ---- the rest ---- */

static int limit_read(struct chat_request *r, struct str limit, struct fault *f)
{
    r->max_tokens = limit.p ? count_of(limit, 0) : 0;
    return limit.p && r->max_tokens < 1
               ? fault_set(f, E_BAD_REQUEST, "'max_output_tokens' has to be a number of tokens")
               : 0;
}

/* How a stream is padded says nothing of what is in it. */
static int stream_read(struct chat_request *r, const struct str *value, struct fault *f)
{
    static const struct str names[] = {RESPONSES_NAME("include_obfuscation")};
    struct str options = value[REQ_STREAM_OPTIONS], ignored[ARRAY_LEN(names)];
    r->stream = r->wants_usage = json_is_true(value[REQ_STREAM]);
    int err = bool_wanted(value[REQ_STREAM], "stream", f);
    return err || !options.p ? err
                             : object_take(r, options, "stream_options", names, ARRAY_LEN(names),
                                           ignored, &r->others, f);
}

/* Members whose usual value says nothing, and each other too much for a chat. */
static int unusual_read(struct chat_request *r, const struct str *value)
{
    static const struct {
        enum request_member member;
        struct str usual;
    } members[] = {
        {REQ_BACKGROUND, {"false", 5}},
        {REQ_TRUNCATION, RESPONSES_NAME("disabled")},
    };
    int err = 0;
    for (size_t i = 0; i < ARRAY_LEN(members) && !err; i++) {
        struct str v = value[members[i].member];
        if (v.p && !str_eq(v, members[i].usual))
            err = chat_member_add(r, &r->others, request_names[members[i].member], v);
    }
    return err;
}

static void params_read(struct chat_request *r, const struct str *value)
{
    static const struct {
        enum chat_feature param;
        enum request_member member;
    } params[] = {
        {CHAT_TEMPERATURE, REQ_TEMPERATURE},   {CHAT_TOP_P, REQ_TOP_P},
        {CHAT_METADATA, REQ_METADATA},         {CHAT_USER, REQ_USER},
        {CHAT_USER, REQ_SAFETY_IDENTIFIER},    {CHAT_STORE, REQ_STORE},
        {CHAT_PREVIOUS, REQ_PREVIOUS},         {CHAT_CONVERSATION, REQ_CONVERSATION},
        {CHAT_CACHE_KEY, REQ_CACHE_KEY},       {CHAT_CACHE_RETENTION, REQ_CACHE_RETENTION},
        {CHAT_SERVICE_TIER, REQ_SERVICE_TIER},
    };
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        chat_param(r, params[i].param, value[params[i].member]);
    if (!str_eq(value[REQ_TOP_LOGPROBS], STR("0")))
        chat_param(r, CHAT_TOP_LOGPROBS, value[REQ_TOP_LOGPROBS]);
    struct str include = value[REQ_INCLUDE];
    if (!json_is_array(include) || str_trim(json_string_raw(include)).n > 0)
        chat_param(r, CHAT_INCLUDE, include);
    if (str_find(include, STR("\"message.output_text.logprobs\"")) >= 0)
        chat_uses(r, CHAT_LOGPROBS);
}

static int model_read(struct chat_request *r, struct str model, struct fault *f)
{
    if (!json_is_string(model) || model.n == 2)
        return fault_set(f, E_BAD_REQUEST, "'model' has to be a string that is not empty");
    int err = json_unquote(r->arena, model, &r->model);
    return err == E_BAD_JSON ? fault_set(f, E_BAD_REQUEST, "'model' is no text") : err;
}

/* What was said before may stand at the provider alone, or in a prompt that it keeps. */
static int messages_read(struct chat_request *r, const struct str *value, struct fault *f)
{
    struct str instructions = value[REQ_INSTRUCTIONS];
    struct chat_message *system = NULL;
    if (instructions.p) {
        if (string_wanted(instructions, "instructions", f) != 0)
            return E_BAD_REQUEST;
        system = chat_message_new(r, NULL, ROLE_SYSTEM);
        struct chat_block *b = system ? chat_block_new(r->arena, &system->blocks, BLOCK_TEXT)
                                      : NULL;
        if (!b)
            return E_MEMORY;
        system->is_string = true;
        b->text = instructions;
    }
    if (value[REQ_INPUT].p)
        return responses_input_read(r, system, value[REQ_INPUT], f);
    if (value[REQ_PREVIOUS].p || value[REQ_CONVERSATION].p || r->others)
        return 0;
    return fault_set(f, E_BAD_REQUEST, "'input' is missing; expected a string or a list of items");
}

/* A member's name as it stands, with its quotes: what is between it and the value is a colon. */
static struct str name_of(struct str body, const struct json_member *m)
{
    struct str s = str_of(body.p + m->member_at.from, m->value_at.from - m->member_at.from);
    while (s.n > 2 && s.p[s.n - 1] != '"')
        s.n--;
    return s;
}

/* The members by name: copied, since a scan does not last. */
static int members_read(struct chat_request *r, struct str body, struct str *value, struct fault *f)
{
    const struct json_scan *scan;
    int err = json_scan(body, &scan, f);
    for (size_t i = 0; i < REQ_MEMBERS; i++)
        value[i] = STR_NONE;
    for (size_t i = 0; !err && i < scan->count; i++) {
        const struct json_member *m = &scan->member[i];
        size_t at = 0;
        while (at < REQ_MEMBERS && !string_is(request_names[at], m->key))
            at++;
        bool twice = false;
        if (at < REQ_MEMBERS)
            (void)json_scan_find(scan, m->key, &twice);
        if (twice)
            return fault_set(f, E_DUPLICATE_KEY, "%.*s stands twice in the request",
                             STR_ARGS(request_names[at]));
        if (at < REQ_MEMBERS)
            value[at] = json_is_null(m->value) ? STR_NONE : m->value;
        else if (!json_is_null(m->value))
            err = chat_member_add(r, &r->others, name_of(body, m), m->value);
    }
    return err;
}

int responses_request_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                           struct fault *f)
{
    struct str value[REQ_MEMBERS];
    struct chat_request *r = ret_request;
    *r = (struct chat_request){.arena = arena};
    int err = members_read(r, body, value, f);
    if (!err)
        err = model_read(r, value[REQ_MODEL], f);
    if (!err)
        err = messages_read(r, value, f);
    if (!err)
        err = tools_read(r, value[REQ_TOOLS], f);
    if (!err)
        err = choice_read(r, value[REQ_TOOL_CHOICE], f);
    if (!err)
        err = bool_wanted(value[REQ_PARALLEL], "parallel_tool_calls", f);
    if (!err)
        err = limit_read(r, value[REQ_MAX_TOKENS], f);
    if (!err)
        err = text_read(r, value[REQ_TEXT], f);
    if (!err)
        err = reasoning_read(r, value[REQ_REASONING], f);
    if (!err)
        err = stream_read(r, value, f);
    if (!err)
        err = unusual_read(r, value);
    if (err)
        return err;
    r->tools_parallel = value[REQ_PARALLEL];
    r->tools_serial = r->tools_parallel.p && !json_is_true(r->tools_parallel);
    params_read(r, value);
    return chat_settle(r, f);
}
