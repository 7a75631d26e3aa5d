/*
 * openai_chat_tools.c: reading a request's tools, and which of them is to be called.
 */
#include "llm/wire/openai_chat.h"

enum { T_TYPE, T_FUNCTION, T_CACHE, T_COUNT };
static const struct member tool_members[T_COUNT] = {
    MEMBER("type", STRING), MEMBER("function", TAKEN), MEMBER("cache_control", ANY)};
enum { F_NAME, F_DESCRIPTION, F_PARAMETERS, F_STRICT, F_CACHE, F_COUNT };
static const struct member function_members[F_COUNT] = {
    MEMBER("name", STRING), MEMBER("description", STRING), MEMBER("parameters", ANY),
    MEMBER("strict", BOOL), MEMBER("cache_control", ANY)};

struct tool {
    struct str value[T_COUNT], function[F_COUNT];
    bool more;
};

static int function_take(struct reading *r, unsigned which, void *to)
{
    struct tool *t = to;
    struct object o = OBJECT(function_members, t->function);
    (void)which;
    o.name = "function";
    int err = reading_object(r, &o);
    t->more = o.more;
    return err;
}

static int tool_make(struct reading *r, const struct tool *said, struct chat_tool *tool)
{
    struct str schema = said->function[F_PARAMETERS];
    tool->name = said->function[F_NAME];
    tool->description = said->function[F_DESCRIPTION];
    tool->schema = schema;
    tool->strict = said->function[F_STRICT];
    tool->cache_control = said->value[T_CACHE].n ? said->value[T_CACHE] : said->function[F_CACHE];
    if (tool->name.n <= 2)
        return reading_wrong(r, "'function.name' has to be a string");
    if (schema.n && !json_is_object(schema))
        return reading_wrong(r, "'function.parameters' has to be a JSON schema");
    return 0;
}

static int tool_take(struct reading *r, void *to)
{
    struct tool said = {.more = false};
    struct object o = OBJECT(tool_members, said.value);
    (void)to;
    o.take = function_take;
    o.to = &said;
    o.wrong = "a tool has to be an object";
    int err = reading_object(r, &o);
    if (!err)
        err = reading_wants(r, said.value[T_TYPE], "type", VALUE_STRING);
    struct chat_tool *tool = err ? NULL : chat_tool_new(r->request);
    if (!tool)
        return err ? err : E_MEMORY;
    bool plain = string_is(said.value[T_TYPE], STR("function"));
    if (plain && !said.more && !o.more)
        return tool_make(r, &said, tool);
    tool->whole = o.whole;
    if (plain)
        chat_uses(r->request, CHAT_OTHER_MEMBER);
    return 0;
}

int openai_chat_tools_take(struct reading *r)
{
    return reading_list(r, "tools", tool_take, NULL);
}

/* "auto" or {"type":"function","function":{"name":"..."}}; else it is kept as it stands. */
int openai_chat_choice_read(struct reading *r, struct str value)
{
    static const struct str words[] = {[CHOOSE_UNSAID] = NAME(""),
                                       [CHOOSE_AUTO] = WORD("auto"),
                                       [CHOOSE_NONE] = WORD("none"),
                                       [CHOOSE_ANY] = WORD("required")};
    enum { TYPE, FUNCTION };
    static const struct member members[] = {MEMBER("type", STRING), MEMBER("function", OBJECT)};
    struct str member[ARRAY_LEN(members)] = {STR_NONE}, name = STR_NONE;
    struct object o = OBJECT(members, member), function = OBJECT(function_members, &name);
    struct chat_request *q = r->request;
    struct reading in;
    size_t word = word_find(words, ARRAY_LEN(words), value);
    if (word < ARRAY_LEN(words)) {
        q->tool_choice = word;
        return 0;
    }
    o.name = "tool_choice";
    function.name = "tool_choice.function";
    function.n = 1;
    int err = reading_inside(r, value, &in) ? reading_object(&in, &o) : 0;
    if (!err && string_is(member[TYPE], STR("function")) &&
        reading_inside(r, member[FUNCTION], &in))
        err = reading_object(&in, &function);
    if (err)
        return err;
    if (o.more || function.more || !name.p)
        return reading_keep(r, &q->others, STR("\"tool_choice\""), value);
    q->tool_choice = CHOOSE_NAMED;
    q->tool_named = name;
    return 0;
}
