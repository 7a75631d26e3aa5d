/*
 * anthropic_facts.c: what requests, answers and events of Anthropic's say that pass through.
 */
#include "llm/anthropic.h"
#include "llm/deciding.h"
#include "llm/wire/parts.h"

/* ---- requests ---- */

enum deciding_key {
    KEY_MODEL,
    KEY_MESSAGES,
    KEY_MAX_TOKENS,
    KEY_STREAM,
    KEY_SYSTEM,
    KEY_SERVICE_TIER,
    KEY_SPEED,
    KEY_TOOLS,
    KEY_THINKING,
    KEY_OUTPUT_CONFIG,
    KEYS,
};
_Static_assert(KEYS <= DECIDING_MAX, "all of them have to be found");

static const struct deciding_table deciding_keys = {
    .of = {
        ['m' - 'a'] = {{{"model", 5}, KEY_MODEL},
                       {{"messages", 8}, KEY_MESSAGES},
                       {{"max_tokens", 10}, KEY_MAX_TOKENS}},
        ['o' - 'a'] = {{{"output_config", 13}, KEY_OUTPUT_CONFIG}},
        ['s' - 'a'] = {{{"stream", 6}, KEY_STREAM},
                       {{"system", 6}, KEY_SYSTEM},
                       {{"service_tier", 12}, KEY_SERVICE_TIER},
                       {{"speed", 5}, KEY_SPEED}},
        ['t' - 'a'] = {{{"tools", 5}, KEY_TOOLS}, {{"thinking", 8}, KEY_THINKING}},
    }};

int anthropic_request_read(struct str body, struct arena *arena, struct llm_request *ret_request,
                           struct fault *f)
{
    struct deciding_found found;
    struct llm_request r;
    int err = deciding_begin(body, &deciding_keys, &r, &found, f);
    r.op = OP_CHAT;
    r.wants_usage = true;
    if (!err)
        err = deciding_model(found.at[KEY_MODEL], arena, &r, f);
    if (!err)
        err = deciding_stream(found.at[KEY_STREAM], &r, f);
    if (!err)
        err = deciding_limit(found.at[KEY_MAX_TOKENS], 0, &r, f);
    const struct json_member *messages = found.at[KEY_MESSAGES];
    if (!err && !messages)
        err = fault_set(f, E_BAD_REQUEST, "'messages' is missing");
    if (!err && !json_is_array(messages->value))
        err = fault_set(f, E_BAD_REQUEST, "'messages' has to be a list of messages");
    if (err)
        return err;
    r.tier = facts_speed(deciding_word(found.at[KEY_SPEED]));
    r.system_at = deciding_at(found.at[KEY_SYSTEM]);
    r.messages_at = messages->value_at;
    r.tools_at = deciding_at(found.at[KEY_TOOLS]);
    *ret_request = r;
    return 0;
}

/* ---- usage ---- */

static void count_take(struct json_reader *r, int64_t *count)
{
    *count = count_of(json_take(r), *count);
}

static void details_read(struct json_reader *r, struct anthropic_usage *usage)
{
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), STR("thinking_tokens")))
                count_take(r, &usage->thinking);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

static void creation_read(struct json_reader *r, struct anthropic_usage *usage)
{
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("ephemeral_5m_input_tokens")))
                count_take(r, &usage->write_5m);
            else if (str_eq(key, STR("ephemeral_1h_input_tokens")))
                count_take(r, &usage->write_1h);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

static void speed_read(struct json_reader *r, struct anthropic_usage *usage)
{
    struct str speed = json_take(r);
    usage->speed = facts_speed(json_is_string(speed) ? json_string_raw(speed) : STR_NONE);
}

void anthropic_usage_read(struct json_reader *r, struct anthropic_usage *usage)
{
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (str_eq(key, STR("input_tokens")))
            count_take(r, &usage->input);
        else if (str_eq(key, STR("output_tokens")))
            count_take(r, &usage->output);
        else if (str_eq(key, STR("cache_read_input_tokens")))
            count_take(r, &usage->cached);
        else if (str_eq(key, STR("cache_creation_input_tokens")))
            count_take(r, &usage->cache_write);
        else if (str_eq(key, STR("cache_creation")))
            creation_read(r, usage);
        else if (str_eq(key, STR("output_tokens_details")))
            details_read(r, usage);
        else if (str_eq(key, STR("speed")))
            speed_read(r, usage);
        else
            (void)json_take(r);
    } while (json_more(r, '{'));
}

static int64_t said(int64_t count)
{
    return count < 0 ? 0 : count;
}

bool anthropic_usage_tokens(const struct anthropic_usage *u, struct tokens *ret_tokens)
{
    if (u->input < 0 && u->output < 0 && u->cached < 0 && u->cache_write < 0 && u->write_5m < 0 &&
        u->write_1h < 0)
        return false;
    int64_t output = said(u->output), thinking = said(u->thinking);
    thinking = thinking > output ? output : thinking;
    /* The sum of both is told beside them; where it is not, they are all there is. */
    int64_t hour = said(u->write_1h),
            written = u->cache_write < 0 ? said(u->write_5m) + hour : u->cache_write;
    *ret_tokens = (struct tokens){.input = said(u->input),
                                  .cached = said(u->cached),
                                  .cache_write = written,
                                  .cache_write_1h = hour > written ? written : hour,
                                  .output = output - thinking,
                                  .reasoning = thinking,
                                  .source = TOKENS_PROVIDER};
    return true;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void anthropic_usage_merge(struct tokens *sum, const struct tokens *later)
{
    sum->input = larger(sum->input, later->input);
    sum->cached = larger(sum->cached, later->cached);
    sum->cache_write = larger(sum->cache_write, later->cache_write);
    sum->cache_write_1h = larger(sum->cache_write_1h, later->cache_write_1h);
    if (tokens_completion(later) > 0) {
        sum->output = later->output;
        sum->reasoning = later->reasoning;
    }
    if (later->source != TOKENS_NONE)
        sum->source = later->source;
}

/* ---- errors ---- */

static const struct error_row {
    int status;
    struct str type;
} error_rows[] = {
    {400, {"invalid_request_error", 21}}, {401, {"authentication_error", 20}},
    {402, {"billing_error", 13}},         {403, {"permission_error", 16}},
    {404, {"not_found_error", 15}},       {413, {"request_too_large", 17}},
    {429, {"rate_limit_error", 16}},      {500, {"api_error", 9}},
    {504, {"timeout_error", 13}},         {529, {"overloaded_error", 16}},
    {503, {"overloaded_error", 16}}, /* sluice's own; Anthropic says 529 */
};

const char *anthropic_error_type(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(error_rows); i++)
        if (error_rows[i].status == status)
            return error_rows[i].type.p;
    return status >= 500 ? "api_error" : "invalid_request_error";
}

int anthropic_error_status(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(error_rows); i++)
        if (str_eq(error_rows[i].type, type))
            return error_rows[i].status;
    return 0;
}

/* `text` is an error's event or body, or only what stands in its `error`. */
static void error_read(struct str text, struct llm_facts *facts)
{
    yyjson_val *whole = json_peek(text), *error = yyjson_obj_get(whole, "error");
    error = error ? error : whole;
    facts->has_error = true;
    facts->error_text = json_str(yyjson_is_str(error) ? error : yyjson_obj_get(error, "message"));
    facts->error_status = anthropic_error_status(json_str(yyjson_obj_get(error, "type")));
    if (!facts->error_status)
        facts->error_status = facts_status_of_code(error);
}

/* ---- answers and events ---- */

static bool says_something(struct str value)
{
    if (json_is_object(value) || json_is_array(value))
        return str_trim(str_of(value.p + 1, value.n - 2)).n > 0;
    return json_is_string(value) && value.n > 2;
}

/* What an answer and an event have at their top level, between them. */
struct top {
    struct str type, error, stop_reason; /* as they stand */
    struct anthropic_usage usage;
};

/* A block's type: code that was run at Anthropic. */
static bool is_run(struct str type)
{
    return str_ends(type, STR("code_execution_tool_result"));
}

/* A block of an answer, or what an event adds to a block or to the message. */
static void block_read(struct json_reader *r, struct top *top, struct llm_facts *facts)
{
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r), value = json_take(r);
        if (str_eq(key, STR("type"))) {
            facts->keeps |= is_run(json_is_string(value) ? json_string_raw(value) : STR_NONE);
            continue;
        }
        facts->keeps |= str_eq(key, STR("container")) && json_is_object(value);
        if (str_eq(key, STR("stop_reason")))
            top->stop_reason = value;
        facts->speaks = facts->speaks || says_something(value);
        if (str_eq(key, STR("input")) && says_something(value))
            facts->content_bytes += (int64_t)value.n;
        else if (str_eq(key, STR("text")) || str_eq(key, STR("thinking")) ||
                 str_eq(key, STR("name")) || str_eq(key, STR("partial_json")))
            facts->content_bytes += (int64_t)json_string_bytes(value);
    } while (json_more(r, '{'));
}

/* The message that a stream begins with. */
static void message_read(struct json_reader *r, struct top *top, struct llm_facts *facts)
{
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("usage")))
                anthropic_usage_read(r, &top->usage);
            else
                facts->keeps |= json_is_object(json_take(r)) && str_eq(key, STR("container"));
        } while (json_more(r, '{'));
}

static void member_read(struct json_reader *r, struct str key, struct top *top,
                        struct llm_facts *facts)
{
    if (str_eq(key, STR("type"))) {
        top->type = json_take(r);
    } else if (str_eq(key, STR("usage"))) {
        facts->has_usage_member = true;
        anthropic_usage_read(r, &top->usage);
    } else if (str_eq(key, STR("content"))) {
        if (json_enter(r, '['))
            do
                block_read(r, top, facts);
            while (json_more(r, '['));
    } else if (str_eq(key, STR("content_block")) || str_eq(key, STR("delta"))) {
        block_read(r, top, facts);
    } else if (str_eq(key, STR("message"))) {
        message_read(r, top, facts);
    } else if (str_eq(key, STR("stop_reason"))) {
        top->stop_reason = json_take(r);
    } else if (str_eq(key, STR("error"))) {
        top->error = json_take(r);
    } else {
        facts->keeps |= json_is_object(json_take(r)) && str_eq(key, STR("container"));
    }
}

static int top_read(struct str text, struct top *top, struct llm_facts *facts)
{
    struct json_reader r;
    *facts = (struct llm_facts){0};
    *top = (struct top){.usage = ANTHROPIC_USAGE_UNSAID};
    if (json_reader_init(&r, text) && json_enter(&r, '{'))
        do {
            struct str key = json_take_key(&r);
            member_read(&r, key, top, facts);
        } while (json_more(&r, '{'));
    facts->tier = top->usage.speed;
    facts->has_usage = anthropic_usage_tokens(&top->usage, &facts->usage);
    facts->has_usage_member = facts->has_usage_member || facts->has_usage;
    facts->finished = json_is_string(top->stop_reason);
    if (UNLIKELY(facts->keeps))
        facts->kept = json_peek(text);
    return json_reader_good(&r) ? 0 : E_UPSTREAM_BODY;
}

struct telling {
    void (*fn)(void *arg, struct str id);
    void *arg;
};

static void id_tell(const struct telling *t, struct str id)
{
    if (id.n > 0)
        t->fn(t->arg, id);
}

/* The files that came of code which was run. */
static void files_tell(const struct telling *t, yyjson_val *block)
{
    size_t i, n;
    yyjson_val *file, *result = yyjson_obj_get(block, "content");
    if (!is_run(json_get_str(block, "type")))
        return;
    yyjson_arr_foreach(yyjson_obj_get(result, "content"), i, n, file)
    {
        id_tell(t, json_get_str(file, "file_id"));
    }
}

/* Only where Anthropic itself says it: a tool's input is what a client had the model say. */
void anthropic_kept_each(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                         void *arg)
{
    size_t i, n;
    const struct telling t = {fn, arg};
    yyjson_val *block, *message = yyjson_obj_get(kept, "message");
    yyjson_val *places[] = {kept, message, yyjson_obj_get(kept, "delta")};
    (void)stored; /* it keeps them for a while in any case */
    for (size_t k = 0; k < ARRAY_LEN(places); k++) {
        id_tell(&t, json_get_str(yyjson_obj_get(places[k], "container"), "id"));
        yyjson_arr_foreach(yyjson_obj_get(places[k], "content"), i, n, block)
        {
            files_tell(&t, block);
        }
    }
    files_tell(&t, yyjson_obj_get(kept, "content_block"));
}

int anthropic_answer_read(struct str body, struct llm_facts *ret_facts)
{
    struct top top;
    struct llm_facts facts;
    int err = top_read(body, &top, &facts);
    bool is_error = top.error.n > 0 && !json_is_null(top.error);
    if (!err && (is_error || string_is(top.type, STR("error"))))
        error_read(body, &facts);
    *ret_facts = facts;
    return err;
}

enum anthropic_event anthropic_event_of(struct str type)
{
    static const struct {
        struct str type;
        enum anthropic_event event;
    } rows[] = {
        {{"content_block_delta", 19}, ANTHROPIC_BLOCK_DELTA},
        {{"content_block_start", 19}, ANTHROPIC_BLOCK_START},
        {{"content_block_stop", 18}, ANTHROPIC_BLOCK_STOP},
        {{"message_start", 13}, ANTHROPIC_MESSAGE_START},
        {{"message_delta", 13}, ANTHROPIC_MESSAGE_DELTA},
        {{"message_stop", 12}, ANTHROPIC_MESSAGE_STOP},
        {{"ping", 4}, ANTHROPIC_PING},
        {{"error", 5}, ANTHROPIC_ERROR},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].type, type))
            return rows[i].event;
    return ANTHROPIC_UNKNOWN;
}

/* What does not speak, whatever members it has. */
static void silence(struct llm_facts *facts)
{
    facts->speaks = false;
    facts->content_bytes = 0;
}

int anthropic_event_read(struct str name, struct str data, struct llm_facts *facts)
{
    struct top top;
    int err = top_read(data, &top, facts);
    bool named = name.n > 0 && !str_eq(name, STR("message"));
    enum anthropic_event event =
        anthropic_event_of(json_is_string(top.type) ? json_string_raw(top.type) : name);
    if (err) { /* no object, whose type may be half of one */
        event = anthropic_event_of(name);
        if (str_trim(data).n > 0 && (!named || event > ANTHROPIC_PING) && event != ANTHROPIC_ERROR)
            return err;
    }
    if (str_eq(name, STR("error")) || event == ANTHROPIC_ERROR) {
        *facts = (struct llm_facts){0};
        error_read(data, facts);
        return 0;
    }
    if (err || event <= ANTHROPIC_PING) {
        *facts = (struct llm_facts){.unread = true};
        return 0;
    }
    if (event != ANTHROPIC_BLOCK_START && event != ANTHROPIC_BLOCK_DELTA)
        silence(facts);
    facts->finished = facts->finished && event == ANTHROPIC_MESSAGE_DELTA;
    facts->done = event == ANTHROPIC_MESSAGE_STOP;
    return 0;
}
