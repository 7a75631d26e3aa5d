/* wire/responses_request.c: a request's body as a chat. */
#include "llm/wire/responses.h"

enum {
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
    REQ_TRUNCATION,
    REQ_SAFETY_IDENTIFIER,
    REQ_MEMBERS
};
static const struct member members[REQ_MEMBERS] = {
    [REQ_MODEL] = MEMBER("model", ANY),
    [REQ_INPUT] = MEMBER("input", ANY),
    [REQ_INSTRUCTIONS] = MEMBER("instructions", STRING),
    [REQ_STREAM] = MEMBER("stream", BOOL),
    [REQ_STREAM_OPTIONS] = MEMBER("stream_options", ANY),
    [REQ_TOOLS] = MEMBER("tools", TAKEN),
    [REQ_TOOL_CHOICE] = MEMBER("tool_choice", ANY),
    [REQ_PARALLEL] = MEMBER("parallel_tool_calls", BOOL),
    [REQ_MAX_TOKENS] = MEMBER("max_output_tokens", ANY),
    [REQ_TEXT] = MEMBER("text", ANY),
    [REQ_REASONING] = MEMBER("reasoning", ANY),
    [REQ_BACKGROUND] = MEMBER("background", ANY),
    [REQ_TRUNCATION] = MEMBER("truncation", ANY),
    [REQ_SAFETY_IDENTIFIER] = MEMBER("safety_identifier", STRING),
};

const struct param responses_params[RESPONSES_PARAMS] = {
    PARAM(TEMPERATURE, "temperature", NUMBER),
    PARAM(TOP_P, "top_p", NUMBER),
    PARAM(USER, "user", STRING),
    PARAM(CACHE_KEY, "prompt_cache_key", STRING),
    PARAM(CACHE_RETENTION, "prompt_cache_retention", STRING),
    PARAM(PREVIOUS, "previous_response_id", STRING),
    PARAM(CONVERSATION, "conversation", ANY),
    /* RESPONSES_READ */
    PARAM(METADATA, "metadata", OBJECT),
    PARAM(STORE, "store", BOOL),
    PARAM(SERVICE_TIER, "service_tier", STRING),
    PARAM(INCLUDE, "include", LIST),
    PARAM(TOP_LOGPROBS, "top_logprobs", NUMBER),
};

static bool says_nothing(enum chat_feature param, struct str value)
{
    return (param == CHAT_TOP_LOGPROBS && str_eq(value, STR("0"))) ||
           (param == CHAT_SERVICE_TIER && string_is(value, STR("auto"))) ||
           (param == CHAT_INCLUDE && json_is_empty(value));
}

/* The members of an object that stands in the request; those that are not known are the request's.
 */
static int object_read(struct reading *r, struct str value, const char *name,
                       const struct member *of, unsigned n, struct str *ret_values)
{
    struct object o = {.members = of, .n = n, .values = ret_values};
    struct reading in;
    for (unsigned i = 0; i < n; i++)
        ret_values[i] = STR_NONE;
    if (!value.p)
        return 0;
    o.others = &r->request->others;
    o.name = name;
    if (reading_inside(r, value, &in))
        return reading_object(&in, &o);
    reading_enter(r, name, -1);
    int err = reading_wrong(r, "expected an object");
    reading_leave(r);
    return err;
}

/* ---- tools ---- */

static int tool_take(struct reading *r, void *to)
{
    enum { TYPE, NAMED, DESCRIPTION, PARAMETERS, STRICT, CACHE };
    static const struct member of[] = {MEMBER("type", STRING),     MEMBER("name", ANY),
                                       MEMBER("description", ANY), MEMBER("parameters", ANY),
                                       MEMBER("strict", ANY),      MEMBER("cache_control", ANY)};
    struct chat_request *q = r->request;
    struct str value[ARRAY_LEN(of)];
    struct object o = OBJECT(of, value);
    struct chat_member *others = NULL;
    uint64_t features = q->features;
    struct reading top = *r;
    (void)to;
    o.others = &others;
    o.wrong = "expected an object";
    int err = reading_object(r, &o);
    top.place.n = 0;
    if (!err)
        err = reading_wants(&top, value[TYPE], "tools.type", VALUE_STRING);
    struct chat_tool *t = err ? NULL : chat_tool_new(q);
    if (!t)
        return err ? err : E_MEMORY;
    if (!string_is(value[TYPE], STR("function"))) {
        q->features = features; /* members of a whole are not other members */
        t->whole = o.whole;
        return 0;
    }
    t->name = value[NAMED];
    t->description = value[DESCRIPTION];
    t->schema = value[PARAMETERS];
    t->strict = value[STRICT];
    t->cache_control = value[CACHE];
    t->others = others;
    err = reading_wants(&top, t->name, "tools.name", VALUE_STRING);
    if (!err && t->description.p)
        err = reading_wants(r, t->description, "description", VALUE_STRING);
    if (!err && t->schema.p && !json_is_object(t->schema))
        err = reading_wrong(r, "'parameters' have to be an object");
    if (!err && t->strict.p)
        err = reading_wants(r, t->strict, "strict", VALUE_BOOL);
    return err;
}

static int tools_take(struct reading *r, unsigned which, void *to)
{
    (void)which;
    return reading_list(r, "tools", tool_take, to);
}

/* Choices among the provider's own tools, or of some of the tools, are kept as they stand. */
static int choice_read(struct reading *r, struct str choice)
{
    enum { TYPE, NAMED };
    static const struct member of[] = {MEMBER("type", ANY), MEMBER("name", ANY)};
    struct chat_request *q = r->request;
    struct str value[ARRAY_LEN(of)] = {STR_NONE};
    struct object o = OBJECT(of, value);
    struct reading in;
    size_t word = word_find(responses_choices, ARRAY_LEN(responses_choices), choice);
    if (!choice.p)
        return 0;
    if (word < ARRAY_LEN(responses_choices)) {
        q->tool_choice = word;
        return 0;
    }
    o.name = "tool_choice";
    int err = reading_inside(r, choice, &in) ? reading_object(&in, &o) : 0;
    if (err)
        return err;
    if (!string_is(value[TYPE], STR("function")) || o.more)
        return reading_keep(r, &q->others, STR("\"tool_choice\""), choice);
    q->tool_choice = CHOOSE_NAMED;
    q->tool_named = value[NAMED];
    return reading_wants(r, q->tool_named, "tool_choice.name", VALUE_STRING);
}

/* ---- the answer's form, and reasoning ---- */

static int format_read(struct reading *r, struct str format)
{
    enum { TYPE, NAMED, DESCRIPTION, SCHEMA, STRICT };
    static const struct member of[] = {MEMBER("type", STRING), MEMBER("name", STRING),
                                       MEMBER("description", STRING), MEMBER("schema", OBJECT),
                                       MEMBER("strict", BOOL)};
    struct chat_request *q = r->request;
    struct str value[ARRAY_LEN(of)];
    int err = object_read(r, format, "text.format", of, ARRAY_LEN(of), value);
    if (err || !format.p)
        return err;
    size_t form = word_find(responses_forms, ARRAY_LEN(responses_forms), value[TYPE]);
    if (!value[TYPE].p || form == ARRAY_LEN(responses_forms))
        return reading_wrong(r, "'text.format.type' has to be text, json_object or json_schema");
    q->format = form;
    if (form != FORMAT_SCHEMA)
        return 0;
    q->schema = value[SCHEMA];
    q->schema_name = value[NAMED];
    q->schema_description = value[DESCRIPTION];
    q->schema_strict = value[STRICT];
    err = reading_wants(r, q->schema, "text.format.schema", VALUE_OBJECT);
    return err ? err : reading_wants(r, q->schema_name, "text.format.name", VALUE_STRING);
}

static int text_read(struct reading *r, struct str text)
{
    enum { FORMAT, VERBOSITY };
    static const struct member of[] = {MEMBER("format", ANY), MEMBER("verbosity", STRING)};
    struct str value[ARRAY_LEN(of)];
    int err = object_read(r, text, "text", of, ARRAY_LEN(of), value);
    if (err)
        return err;
    chat_param(r->request, CHAT_VERBOSITY, value[VERBOSITY]);
    return format_read(r, value[FORMAT]);
}

static int reasoning_read(struct reading *r, struct str reasoning)
{
    enum { EFFORT, SUMMARY, FORMER_SUMMARY };
    static const struct member of[] = {MEMBER("effort", ANY), MEMBER("summary", ANY),
                                       MEMBER("generate_summary", ANY)};
    struct str value[ARRAY_LEN(of)];
    int err = object_read(r, reasoning, "reasoning", of, ARRAY_LEN(of), value);
    if (err)
        return err;
    chat_param(r->request, CHAT_EFFORT, value[EFFORT]);
    chat_param(r->request, CHAT_REASONING_SUMMARY,
               value[SUMMARY].p ? value[SUMMARY] : value[FORMER_SUMMARY]);
    return 0;
}

/* ---- the rest ---- */

static int limit_read(struct reading *r, struct str limit)
{
    r->request->max_tokens = count_of(limit, 0);
    return limit.p && r->request->max_tokens < 1
               ? reading_wrong(r, "'max_output_tokens' has to be a number of tokens")
               : 0;
}

/* How a stream is padded says nothing of what is in it. */
static int stream_read(struct reading *r, const struct str *value)
{
    static const struct member of[] = {MEMBER("include_obfuscation", ANY)};
    struct str ignored;
    r->request->stream = r->request->wants_usage = json_is_true(value[REQ_STREAM]);
    return object_read(r, value[REQ_STREAM_OPTIONS], "stream_options", of, 1, &ignored);
}

/* Members whose usual value says nothing, and each other too much for a chat. */
static int unusual_read(struct reading *r, const struct str *value)
{
    struct chat_member **others = &r->request->others;
    struct str background = value[REQ_BACKGROUND], truncation = value[REQ_TRUNCATION];
    int err = 0;
    if (!json_is(background, 'f'))
        err = reading_keep(r, others, STR("\"background\""), background);
    if (!err && !string_is(truncation, STR("disabled")))
        err = reading_keep(r, others, STR("\"truncation\""), truncation);
    return err;
}

/* What OpenAI wants in the place of `user` is the same to others; both are given by few. */
static int params_settle(struct reading *r, struct str safety_identifier)
{
    struct chat_request *q = r->request;
    if (str_find(q->params[CHAT_INCLUDE], STR("\"message.output_text.logprobs\"")) >= 0)
        chat_uses(q, CHAT_LOGPROBS);
    if (chat_has(q, CHAT_USER))
        return reading_keep(r, &q->others, STR("\"safety_identifier\""), safety_identifier);
    chat_param(q, CHAT_USER, safety_identifier);
    return 0;
}

/* What was said before may stand at the provider alone, or in a prompt that it keeps. */
static int messages_read(struct reading *r, const struct str *value)
{
    struct chat_request *q = r->request;
    struct chat_message *system = NULL;
    if (value[REQ_INSTRUCTIONS].p) {
        system = chat_message_new(q, NULL, ROLE_SYSTEM);
        struct chat_block *b = system ? chat_block_new(r->arena, &system->blocks, BLOCK_TEXT)
                                      : NULL;
        if (!b)
            return E_MEMORY;
        system->is_string = true;
        b->text = value[REQ_INSTRUCTIONS];
    }
    if (value[REQ_INPUT].p)
        return responses_input_read(r, system, value[REQ_INPUT]);
    if (chat_has(q, CHAT_PREVIOUS) || chat_has(q, CHAT_CONVERSATION) || q->others)
        return 0;
    return reading_wrong(r, "'input' is missing; expected a string or a list of items");
}

static int values_read(struct reading *r, const struct str *value)
{
    int err = reading_model(r, value[REQ_MODEL].p ? value[REQ_MODEL] : STR("\"\""));
    if (!err)
        err = messages_read(r, value);
    if (!err)
        err = choice_read(r, value[REQ_TOOL_CHOICE]);
    if (!err)
        err = limit_read(r, value[REQ_MAX_TOKENS]);
    if (!err)
        err = text_read(r, value[REQ_TEXT]);
    if (!err)
        err = reasoning_read(r, value[REQ_REASONING]);
    if (!err)
        err = stream_read(r, value);
    if (!err)
        err = unusual_read(r, value);
    r->request->tools_parallel = value[REQ_PARALLEL];
    r->request->tools_serial = json_is(value[REQ_PARALLEL], 'f');
    return err ? err : params_settle(r, value[REQ_SAFETY_IDENTIFIER]);
}

int responses_request_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                           struct fault *f)
{
    struct chat_request q = {.arena = arena};
    struct reading r = {.arena = arena, .request = &q, .fault = f, .quote = '"'};
    struct str value[REQ_MEMBERS];
    struct object o = OBJECT(members, value);
    o.take = tools_take;
    o.others = &q.others;
    o.params = responses_params;
    o.params_n = RESPONSES_PARAMS;
    o.silent = says_nothing;
    int err = json_reader_init(&r.json, body) ? reading_object(&r, &o) : E_BAD_JSON;
    err = reading_end(&r, err, body);
    if (!err)
        err = values_read(&r, value);
    if (!err)
        err = chat_settle(&q, f);
    if (!err)
        *ret_request = q;
    return err;
}

/*
 * The system text goes before `instructions`, which the provider does not carry over from an
 * earlier answer; examples go into `input`, which it does: a request that goes on from an answer
 * has them already. Of a conversation nobody knows here whether they stand in it.
 */
int responses_prefix_edit(const struct prefix *prefix, const struct llm_request *request,
                          struct arena *arena, struct llm_edits *edits, struct fault *f)
{
    if (request->in_conversation && prefix_has_examples(prefix))
        return fault_set(f, E_UNSUPPORTED,
                         "%.*s has worked examples as its prefix, and a conversation that the "
                         "provider keeps may have them already; send the messages themselves, or "
                         "ask the model by its own name (provider/model)",
                         STR_ARGS(prefix->name));
    int err = prefix_edit_text(prefix, false, request, "instructions", arena, edits, f);
    if (err || request->goes_on)
        return err;
    return prefix_edit_input(prefix, request, "input", arena, edits, f);
}
