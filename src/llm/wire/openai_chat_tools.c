/*
 * openai_chat_tools.c: reading a request's tools, and which of them is to be called.
 */
#include "llm/wire/openai_chat.h"

/* The list of them is gone through from its beginning for each new one. */
#define TOOLS_MAX 2048

static const struct str tool_names[] = {{"type", 4}, {"function", 8}, {"cache_control", 13}};
static const struct str function_names[] = {
    {"name", 4}, {"description", 11}, {"parameters", 10}, {"strict", 6}, {"cache_control", 13}};
enum { T_TYPE, T_FUNCTION, T_CACHE, T_COUNT };
enum { F_NAME, F_DESCRIPTION, F_PARAMETERS, F_STRICT, F_CACHE, F_COUNT };

static int tool_make(struct chat_reading *x, const struct str *value, const struct str *function,
                     struct chat_tool *tool)
{
    struct str name = function[F_NAME], description = function[F_DESCRIPTION];
    struct str schema = function[F_PARAMETERS], strict = function[F_STRICT];
    if (!json_is_string(name) || name.n == 2)
        return reading_fault(x, E_BAD_REQUEST, "'function.name' has to be a string");
    if (description.n && !json_is_string(description))
        return reading_fault(x, E_BAD_REQUEST, "'function.description' has to be a string");
    if (schema.n && !json_is_object(schema))
        return reading_fault(x, E_BAD_REQUEST, "'function.parameters' has to be a JSON schema");
    if (strict.n && !json_is_bool(strict))
        return reading_fault(x, E_BAD_REQUEST, "'function.strict' has to be true or false");
    tool->name = name;
    tool->description = description;
    tool->schema = schema;
    tool->strict = strict;
    tool->cache_control = value[T_CACHE].n ? value[T_CACHE] : function[F_CACHE];
    return 0;
}

static int tool_take(struct chat_reading *x)
{
    struct str value[T_COUNT + 1] = {STR_NONE}, function[F_COUNT] = {STR_NONE};
    struct chat_keys keys = {.names = tool_names, .n = T_COUNT};
    bool more = false;
    const char *from = x->json.at;
    int err = 0;
    if (!reading_next_is(x, '{'))
        return reading_fault(x, E_BAD_REQUEST, "a tool has to be an object");
    if (json_enter(&x->json, '{'))
        do {
            unsigned key;
            err = reading_key(x, &keys, &key);
            if (!err && key == T_FUNCTION)
                err = reading_object(x, "function", function_names, F_COUNT, function, &more);
            else if (!err)
                value[key] = json_take(&x->json);
            more = more || key == T_COUNT;
        } while (!err && json_more(&x->json, '{'));
    if (err || x->json.failed)
        return err ? err : E_BAD_JSON;
    if (!json_is_string(value[T_TYPE]))
        return reading_fault(x, E_BAD_REQUEST, "'type' has to be a string");
    struct chat_tool *tool = chat_tool_new(x->request);
    if (!tool)
        return E_MEMORY;
    bool plain = string_is(value[T_TYPE], STR("function"));
    if (plain && !more)
        return tool_make(x, value, function, tool);
    tool->whole = str_of(from, (size_t)(x->json.at - from));
    if (plain)
        chat_uses(x->request, CHAT_OTHER_MEMBER);
    return 0;
}

int openai_chat_tools_take(struct chat_reading *x)
{
    int err = 0;
    if (!reading_next_is(x, '[') && !reading_next_is(x, 'n'))
        return reading_fault(x, E_BAD_REQUEST, "'tools' has to be a list of tools");
    if (!json_enter(&x->json, '['))
        return 0;
    x->list = "tools";
    x->at = 0;
    do {
        if (x->at == TOOLS_MAX)
            return reading_fault(x, E_BAD_REQUEST, "more than %d tools", TOOLS_MAX);
        err = tool_take(x);
        x->at++;
    } while (!err && json_more(&x->json, '['));
    if (!err)
        x->list = NULL;
    return err;
}

/* "auto" or {"type":"function","function":{"name":"..."}}; else it is kept as it stands. */
int openai_chat_choice_read(struct chat_reading *x, struct str name, struct str value,
                            struct chat_member ***others)
{
    static const struct {
        struct str word;
        enum chat_tool_choice choice;
    } words[] = {
        {{"auto", 4}, CHOOSE_AUTO}, {{"none", 4}, CHOOSE_NONE}, {{"required", 8}, CHOOSE_ANY}};
    static const struct str names[] = {{"type", 4}, {"function", 8}};
    struct str member[2], tool_name = STR_NONE;
    struct chat_request *r = x->request;
    struct chat_reading in;
    bool more = false;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (string_is(value, words[i].word)) {
            r->tool_choice = words[i].choice;
            return 0;
        }
    if (reading_inside(x, value, &in)) {
        int err = reading_object(&in, "tool_choice", names, 2, member, &more);
        struct chat_reading function;
        if (!err && string_is(member[0], STR("function")) &&
            reading_inside(&in, member[1], &function))
            err = reading_object(&function, "tool_choice.function", function_names, 1, &tool_name,
                                 &more);
        if (err)
            return err;
    }
    if (more || !json_is_string(tool_name))
        return reading_keep(x, others, name, value);
    r->tool_choice = CHOOSE_NAMED;
    r->tool_named = tool_name;
    return 0;
}
