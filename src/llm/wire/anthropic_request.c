/* anthropic_request.c: reading a request for a message. */
#include "llm/wire/anthropic.h"

enum top {
    TOP_MODEL,
    TOP_MESSAGES,
    TOP_SYSTEM,
    TOP_MAX_TOKENS,
    TOP_STREAM,
    TOP_STOP,
    TOP_TEMPERATURE,
    TOP_TOP_P,
    TOP_TOP_K,
    TOP_SERVICE_TIER,
    TOP_TOOLS,
    TOP_TOOL_CHOICE,
    TOP_THINKING,
    TOP_OUTPUT_CONFIG,
    TOP_METADATA,
    TOPS
};

static const struct anthropic_member top_members[TOPS] = {
    [TOP_MODEL] = {{"model", 5}, VALUE_STRING},
    [TOP_MESSAGES] = {{"messages", 8}, VALUE_LIST},
    [TOP_SYSTEM] = {{"system", 6}, VALUE_ANY},
    [TOP_MAX_TOKENS] = {{"max_tokens", 10}, VALUE_COUNT},
    [TOP_STREAM] = {{"stream", 6}, VALUE_BOOL},
    [TOP_STOP] = {{"stop_sequences", 14}, VALUE_LIST},
    [TOP_TEMPERATURE] = {{"temperature", 11}, VALUE_NUMBER},
    [TOP_TOP_P] = {{"top_p", 5}, VALUE_NUMBER},
    [TOP_TOP_K] = {{"top_k", 5}, VALUE_NUMBER},
    [TOP_SERVICE_TIER] = {{"service_tier", 12}, VALUE_STRING},
    [TOP_TOOLS] = {{"tools", 5}, VALUE_LIST},
    [TOP_TOOL_CHOICE] = {{"tool_choice", 11}, VALUE_OBJECT},
    [TOP_THINKING] = {{"thinking", 8}, VALUE_OBJECT},
    [TOP_OUTPUT_CONFIG] = {{"output_config", 13}, VALUE_OBJECT},
    [TOP_METADATA] = {{"metadata", 8}, VALUE_OBJECT},
};

/* What is put together at the end. */
struct asked {
    struct chat_message *last;   /* of the messages */
    struct chat_message *system; /* from outside of them */
    struct chat_member **others;
};

/* Steps into the list that comes next, as json_enter does; null is an empty one. */
static bool list_enter(struct anthropic_reader *r, const struct anthropic_member *member, int *err)
{
    char first = r->json.failed ? 0 : *r->json.at;
    if (first != '[' && first != 'n')
        *err = anthropic_wrong(r, "'%s' has to be a list", member->name.p);
    return !*err && json_enter(&r->json, '[');
}

/* ---- messages ---- */

static int role_of(struct anthropic_reader *r, struct str role, enum chat_role *ret_role)
{
    static const struct {
        struct str word;
        enum chat_role role;
    } rows[] = {
        {{"user", 4}, ROLE_USER}, {{"assistant", 9}, ROLE_ASSISTANT}, {{"system", 6}, ROLE_SYSTEM}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (string_is(role, rows[i].word)) {
            *ret_role = rows[i].role;
            return 0;
        }
    return anthropic_wrong(r, "'role' has to be \"user\", \"assistant\" or \"system\"");
}

static int fit_check(struct anthropic_reader *r, const struct chat_message *m, struct str role)
{
    for (const struct chat_block *b = m->blocks; b; b = b->next)
        if (!anthropic_block_fits(b->kind, m->role))
            return anthropic_wrong(r, "a message of role %.*s cannot have a block of type '%s'",
                                   STR_ARGS(role), anthropic_block_name(b->kind));
    return 0;
}

static int message_read(struct anthropic_reader *r, struct chat_message *m)
{
    enum { ROLE, CONTENT, MEMBERS };
    static const struct anthropic_member members[MEMBERS] = {
        [ROLE] = {{"role", 4}, VALUE_STRING}, [CONTENT] = {{"content", 7}, VALUE_ANY}};
    struct chat_member **others = &m->others;
    struct str role = STR_NONE;
    uint32_t seen = 0;
    int err = 0;
    if (json_enter(&r->json, '{'))
        do {
            unsigned which;
            struct str name;
            err = anthropic_key_take(r, members, MEMBERS, &seen, &which, &name);
            if (!err && which == ROLE)
                err = anthropic_value_take(r, &members[ROLE], &role);
            else if (!err && which == CONTENT)
                err = anthropic_content_read(r, &m->blocks, &m->is_string);
            else if (!err)
                err = anthropic_other_take(r, &others, name);
        } while (!err && json_more(&r->json, '{'));
    if (!err)
        err = role_of(r, role, &m->role);
    if (!err && !(seen >> CONTENT & 1))
        err = anthropic_wrong(r, "'content' is missing");
    return err ? err : fit_check(r, m, role);
}

static int messages_read(struct anthropic_reader *r, struct asked *asked)
{
    unsigned i = 0;
    int err = 0;
    if (list_enter(r, &top_members[TOP_MESSAGES], &err))
        do {
            struct chat_message *m = chat_message_new(r->request, asked->last, ROLE_USER);
            if (!m)
                return E_MEMORY;
            asked->last = m;
            struct anthropic_place before = anthropic_place_enter(r, "messages", i++);
            err = message_read(r, m);
            r->place = before;
        } while (!err && json_more(&r->json, '['));
    return err;
}

static int system_read(struct anthropic_reader *r, struct asked *asked)
{
    if (anthropic_null_ahead(r)) {
        (void)json_take(&r->json);
        return 0;
    }
    struct chat_message *m = ARENA_NEW(r->arena, struct chat_message);
    if (!m)
        return E_MEMORY;
    m->role = ROLE_SYSTEM;
    asked->system = m;
    struct anthropic_place before = r->place;
    r->place = (struct anthropic_place){"system"};
    int err = anthropic_content_read(r, &m->blocks, &m->is_string);
    if (!err)
        err = fit_check(r, m, STR("\"system\""));
    r->place = before;
    return err;
}

/* ---- tools ---- */

static int tool_custom_read(struct anthropic_reader *r, struct chat_tool *t)
{
    enum { TYPE, NAME, DESCRIPTION, SCHEMA, STRICT, CACHE_CONTROL, MEMBERS };
    static const struct anthropic_member members[MEMBERS] = {
        [TYPE] = {{"type", 4}, VALUE_STRING},
        [NAME] = {{"name", 4}, VALUE_STRING},
        [DESCRIPTION] = {{"description", 11}, VALUE_STRING},
        [SCHEMA] = {{"input_schema", 12}, VALUE_OBJECT},
        [STRICT] = {{"strict", 6}, VALUE_BOOL},
        [CACHE_CONTROL] = {{"cache_control", 13}, VALUE_OBJECT},
    };
    struct str type;
    struct str *const values[MEMBERS] = {&type,      &t->name,   &t->description,
                                         &t->schema, &t->strict, &t->cache_control};
    struct chat_member **others = &t->others;
    uint32_t seen = 0;
    int err = 0;
    if (json_enter(&r->json, '{'))
        do {
            unsigned which;
            struct str name;
            err = anthropic_key_take(r, members, MEMBERS, &seen, &which, &name);
            if (!err && which != ANTHROPIC_OTHER_MEMBER)
                err = anthropic_value_take(r, &members[which], values[which]);
            else if (!err)
                err = anthropic_other_take(r, &others, name);
        } while (!err && json_more(&r->json, '{'));
    if (!err && (t->name.n == 0 || t->schema.n == 0))
        err = anthropic_wrong(r, "a tool needs 'name' and 'input_schema'");
    return err;
}

static int tool_read(struct anthropic_reader *r)
{
    if (!r->json.failed && *r->json.at != '{')
        return anthropic_wrong(r, "a tool has to be an object");
    struct str type = anthropic_type_ahead(r);
    struct chat_tool *t = chat_tool_new(r->request);
    if (!t)
        return E_MEMORY;
    if (type.n == 0 || json_is_null(type) || string_is(type, STR("custom")))
        return tool_custom_read(r, t);
    if (!json_is_string(type))
        return anthropic_wrong(r, "'type' has to be a string");
    t->whole = json_take(&r->json);
    return r->json.failed ? E_BAD_JSON : 0;
}

static int tools_read(struct anthropic_reader *r)
{
    unsigned i = 0;
    int err = 0;
    if (list_enter(r, &top_members[TOP_TOOLS], &err))
        do {
            struct anthropic_place before = anthropic_place_enter(r, "tools", i++);
            err = tool_read(r);
            r->place = before;
        } while (!err && json_more(&r->json, '['));
    return err;
}

/* ---- small objects: those that are not wholly understood are other members, as they stood ---- */

static int choice_read(struct anthropic_reader *r, bool *ret_known)
{
    enum { TYPE, NAME, SERIAL, MEMBERS };
    static const struct anthropic_member members[MEMBERS] = {
        [TYPE] = {{"type", 4}, VALUE_STRING},
        [NAME] = {{"name", 4}, VALUE_STRING},
        [SERIAL] = {{"disable_parallel_tool_use", 25}, VALUE_BOOL},
    };
    static const struct {
        struct str word;
        enum chat_tool_choice choice;
    } rows[] = {{{"auto", 4}, CHOOSE_AUTO},
                {{"any", 3}, CHOOSE_ANY},
                {{"none", 4}, CHOOSE_NONE},
                {{"tool", 4}, CHOOSE_NAMED}};
    struct chat_request *q = r->request;
    struct str v[MEMBERS], whole;
    int err = anthropic_object_take(r, members, MEMBERS, v, &whole, ret_known);
    if (err || whole.n == 0)
        return err;
    size_t i = 0;
    while (i < ARRAY_LEN(rows) && !string_is(v[TYPE], rows[i].word))
        i++;
    enum chat_tool_choice choice = i < ARRAY_LEN(rows) ? rows[i].choice : CHOOSE_UNSAID;
    if (choice == CHOOSE_NAMED && v[NAME].n == 0)
        return anthropic_wrong(r, "'tool_choice' of type 'tool' needs 'name'");
    *ret_known = *ret_known && choice != CHOOSE_UNSAID &&
                 (v[NAME].n == 0 || choice == CHOOSE_NAMED) &&
                 (v[SERIAL].n == 0 || choice != CHOOSE_NONE);
    if (!*ret_known)
        return 0;
    q->tool_choice = choice;
    q->tool_named = v[NAME];
    q->tools_serial = json_is_true(v[SERIAL]);
    if (v[SERIAL].n > 0)
        q->tools_parallel = q->tools_serial ? STR("false") : STR("true");
    return 0;
}

static int thinking_read(struct anthropic_reader *r, bool *ret_known)
{
    enum { TYPE, BUDGET, DISPLAY, MEMBERS };
    static const struct anthropic_member members[MEMBERS] = {
        [TYPE] = {{"type", 4}, VALUE_STRING},
        [BUDGET] = {{"budget_tokens", 13}, VALUE_COUNT},
        [DISPLAY] = {{"display", 7}, VALUE_STRING},
    };
    struct chat_request *q = r->request;
    struct str v[MEMBERS], whole;
    int err = anthropic_object_take(r, members, MEMBERS, v, &whole, ret_known);
    if (err || whole.n == 0 || !*ret_known)
        return err;
    bool budget = string_is(v[TYPE], STR("enabled"));
    if (budget)
        q->thinking = THINK_BUDGET;
    else if (string_is(v[TYPE], STR("adaptive")))
        q->thinking = THINK_ADAPTIVE;
    else if (string_is(v[TYPE], STR("disabled")))
        q->thinking = THINK_OFF;
    if (budget && v[BUDGET].n == 0)
        return anthropic_wrong(r, "'thinking' of type 'enabled' needs 'budget_tokens'");
    *ret_known = q->thinking != THINK_UNSAID && budget == (v[BUDGET].n > 0);
    if (!*ret_known) {
        q->thinking = THINK_UNSAID;
        return 0;
    }
    q->thinking_budget = count_of(v[BUDGET], 0);
    chat_param(q, CHAT_THINKING_DISPLAY, v[DISPLAY]);
    return 0;
}

static int output_config_read(struct anthropic_reader *r, bool *ret_known)
{
    enum { EFFORT, FORMAT, MEMBERS };
    static const struct anthropic_member members[MEMBERS] = {
        [EFFORT] = {{"effort", 6}, VALUE_STRING}, [FORMAT] = {{"format", 6}, VALUE_OBJECT}};
    enum { TYPE, SCHEMA, FORMAT_MEMBERS };
    static const struct anthropic_member format_members[FORMAT_MEMBERS] = {
        [TYPE] = {{"type", 4}, VALUE_STRING}, [SCHEMA] = {{"schema", 6}, VALUE_OBJECT}};
    struct str v[MEMBERS], w[FORMAT_MEMBERS], whole;
    int err = anthropic_object_take(r, members, MEMBERS, v, &whole, ret_known);
    if (err || !*ret_known)
        return err;
    if (v[FORMAT].n > 0) {
        struct anthropic_reader in = *r;
        (void)json_reader_init(&in.json, v[FORMAT]);
        err = anthropic_object_take(&in, format_members, FORMAT_MEMBERS, w, &whole, ret_known);
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

static int metadata_read(struct anthropic_reader *r, bool *ret_known)
{
    static const struct anthropic_member members[] = {{{"user_id", 7}, VALUE_STRING}};
    struct str user, whole;
    int err = anthropic_object_take(r, members, 1, &user, &whole, ret_known);
    if (!err && *ret_known)
        chat_param(r->request, CHAT_USER, user);
    return err;
}

/* ---- the whole ---- */

static int stop_read(struct anthropic_reader *r)
{
    int err = 0;
    if (list_enter(r, &top_members[TOP_STOP], &err))
        do {
            struct str s = json_take(&r->json);
            if (!json_is_string(s))
                return anthropic_wrong(r, "'stop_sequences' has to be a list of strings");
            err = chat_stop_add(r->request, s);
        } while (!err && json_more(&r->json, '['));
    return err;
}

static int model_take(struct anthropic_reader *r, struct str model)
{
    if (model.n <= 2)
        return anthropic_wrong(r, "'model' has to be a string that is not empty");
    int err = json_unquote(r->arena, model, &r->request->model);
    return err == E_BAD_JSON ? anthropic_wrong(r, "'model' has half a surrogate pair in it") : err;
}

/* A limit of 0 asks for nothing but filling the provider's cache, which is this protocol's alone.
 */
static int max_tokens_take(struct anthropic_reader *r, struct asked *asked, struct str count,
                           struct str name)
{
    int64_t n = count_of(count, 0);
    if (n > INT32_MAX)
        return anthropic_wrong(r, "'max_tokens' has to be at most %d", INT32_MAX);
    r->request->max_tokens = n;
    if (n > 0 || count.n == 0)
        return 0;
    int err = chat_member_add(r->request, asked->others, name, count);
    if (!err)
        asked->others = &(*asked->others)->next;
    return err;
}

static int value_read(struct anthropic_reader *r, struct asked *asked, unsigned which,
                      struct str name)
{
    static const enum chat_feature params[TOPS] = {
        [TOP_TEMPERATURE] = CHAT_TEMPERATURE,
        [TOP_TOP_P] = CHAT_TOP_P,
        [TOP_TOP_K] = CHAT_TOP_K,
        [TOP_SERVICE_TIER] = CHAT_SERVICE_TIER,
    };
    struct str value;
    int err = anthropic_value_take(r, &top_members[which], &value);
    if (err)
        return err;
    if (which == TOP_MODEL)
        return model_take(r, value);
    if (which == TOP_MAX_TOKENS)
        return max_tokens_take(r, asked, value, name);
    if (which == TOP_STREAM)
        r->request->stream = json_is_true(value);
    else
        chat_param(r->request, params[which], value);
    return 0;
}

static int top_read(struct anthropic_reader *r, struct asked *asked, unsigned which,
                    struct str name)
{
    struct json_reader before = r->json;
    bool known = true;
    int err = 0;
    switch (which) {
    case TOP_MESSAGES:
        return messages_read(r, asked);
    case TOP_SYSTEM:
        return system_read(r, asked);
    case TOP_TOOLS:
        return tools_read(r);
    case TOP_STOP:
        return stop_read(r);
    case TOP_TOOL_CHOICE:
        err = choice_read(r, &known);
        break;
    case TOP_THINKING:
        err = thinking_read(r, &known);
        break;
    case TOP_OUTPUT_CONFIG:
        err = output_config_read(r, &known);
        break;
    case TOP_METADATA:
        err = metadata_read(r, &known);
        break;
    case ANTHROPIC_OTHER_MEMBER:
        return anthropic_other_take(r, &asked->others, name);
    default:
        return value_read(r, asked, which, name);
    }
    if (!err && !known) {
        r->json = before;
        err = anthropic_other_take(r, &asked->others, name);
    }
    return err;
}

static int body_read(struct anthropic_reader *r)
{
    struct asked asked = {.others = &r->request->others};
    uint32_t seen = 0;
    int err = 0;
    if (json_enter(&r->json, '{'))
        do {
            unsigned which;
            struct str name;
            err = anthropic_key_take(r, top_members, TOPS, &seen, &which, &name);
            if (!err)
                err = top_read(r, &asked, which, name);
        } while (!err && json_more(&r->json, '{'));
    if (!err && !json_reader_good(&r->json))
        err = E_BAD_JSON;
    if (!err && !r->request->model.p)
        err = anthropic_wrong(r, "'model' is missing; expected the name of a model");
    if (!err && !r->request->messages)
        err = anthropic_wrong(r, "'messages' has to be a list with at least one message");
    if (!err && asked.system) {
        asked.system->next = r->request->messages;
        r->request->messages = asked.system;
        r->request->system_apart = true;
    }
    return err ? err : chat_settle(r->request, r->fault);
}

int anthropic_chat_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                        struct fault *f)
{
    struct chat_request request = {.arena = arena, .wants_usage = true};
    struct anthropic_reader r = {.arena = arena, .request = &request, .fault = f};
    const struct json_scan *scan;
    int err = json_reader_init(&r.json, body) ? body_read(&r) : E_BAD_JSON;
    if (err == E_BAD_JSON) { /* a scan finds the words for it */
        err = json_scan(body, &scan, f);
        err = err ? err : fault_set(f, E_BAD_JSON, "the body is not valid JSON");
    }
    if (!err)
        *ret_request = request;
    return err;
}
