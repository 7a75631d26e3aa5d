/*
 * responses_facts.c: what requests, answers and events of the Responses API say that pass through.
 */
#include "llm/deciding.h"
#include "llm/responses.h"

#define USAGE_TOKENS_MAX INT64_C(1000000000000)

/* ---- requests ---- */

enum deciding_key {
    KEY_MODEL,
    KEY_INPUT,
    KEY_INSTRUCTIONS,
    KEY_MAX_OUTPUT_TOKENS,
    KEY_STREAM,
    KEY_SERVICE_TIER,
    KEY_TOOLS,
    KEY_PREVIOUS,
    KEY_CONVERSATION,
    KEY_BACKGROUND,
    KEY_PROMPT,
    KEYS,
};
_Static_assert(KEYS <= DECIDING_MAX, "all of them have to be found");

static const struct deciding_table deciding_keys = {
    .of = {
        ['b' - 'a'] = {{{"background", 10}, KEY_BACKGROUND}},
        ['c' - 'a'] = {{{"conversation", 12}, KEY_CONVERSATION}},
        ['i' - 'a'] = {{{"input", 5}, KEY_INPUT}, {{"instructions", 12}, KEY_INSTRUCTIONS}},
        ['m' - 'a'] = {{{"model", 5}, KEY_MODEL},
                       {{"max_output_tokens", 17}, KEY_MAX_OUTPUT_TOKENS}},
        ['p' - 'a'] = {{{"previous_response_id", 20}, KEY_PREVIOUS}, {{"prompt", 6}, KEY_PROMPT}},
        ['s' - 'a'] = {{{"stream", 6}, KEY_STREAM}, {{"service_tier", 12}, KEY_SERVICE_TIER}},
        ['t' - 'a'] = {{{"tools", 5}, KEY_TOOLS}},
    }};

static bool is_said(const struct json_member *m)
{
    return m && !json_is_null(m->value) && !json_is(m->value, 'f');
}

int responses_ask_read(struct str body, struct arena *arena, struct llm_request *ret_request,
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
        err = deciding_limit(found.at[KEY_MAX_OUTPUT_TOKENS], 0, &r, f);
    if (err)
        return err;
    r.may_name = r.may_name || is_said(found.at[KEY_PROMPT]);
    r.system_at = deciding_at(found.at[KEY_INSTRUCTIONS]);
    r.messages_at = deciding_at(found.at[KEY_INPUT]);
    r.tools_at = deciding_at(found.at[KEY_TOOLS]);
    r.in_conversation = is_said(found.at[KEY_CONVERSATION]);
    r.tier = facts_tier(deciding_word(found.at[KEY_SERVICE_TIER]));
    const struct json_member *previous = found.at[KEY_PREVIOUS], *input = found.at[KEY_INPUT];
    r.goes_on = is_said(previous);
    err = responses_kept_read(is_said(previous) ? previous->value : STR_NONE,
                              input ? input->value : STR_NONE, arena, &r, f);
    *ret_request = r;
    return err;
}

/* ---- answers ---- */

static int64_t count_of_member(yyjson_val *object, const char *name, int64_t most)
{
    int64_t n = json_get_i64(object, name, 0);
    return n < 0 ? 0 : n > most ? most : n;
}

static void usage_read(yyjson_val *usage, struct llm_facts *facts)
{
    int64_t in = json_get_i64(usage, "input_tokens", -1);
    if (in < 0 || in > USAGE_TOKENS_MAX)
        return;
    yyjson_val *in_details = yyjson_obj_get(usage, "input_tokens_details");
    yyjson_val *out_details = yyjson_obj_get(usage, "output_tokens_details");
    int64_t out = count_of_member(usage, "output_tokens", USAGE_TOKENS_MAX);
    int64_t cached = count_of_member(in_details, "cached_tokens", in);
    int64_t written = count_of_member(in_details, "cache_write_tokens", in - cached);
    int64_t reasoning = count_of_member(out_details, "reasoning_tokens", USAGE_TOKENS_MAX);
    out = tokens_with_reasoning(in, out, reasoning, json_get_i64(usage, "total_tokens", 0));
    reasoning = reasoning < out ? reasoning : out;
    int64_t audio = count_of_member(in_details, "audio_tokens", USAGE_TOKENS_MAX) +
                    count_of_member(out_details, "audio_tokens", USAGE_TOKENS_MAX);
    facts->has_usage = facts->has_usage_member = true;
    facts->usage = (struct tokens){.input = in - cached - written,
                                   .cached = cached,
                                   .cache_write = written,
                                   .output = out - reasoning,
                                   .reasoning = reasoning,
                                   .source = TOKENS_PROVIDER,
                                   .other_media = audio > 0};
}

static int status_of(struct str code)
{
    static const struct {
        struct str code;
        int status;
    } rows[] = {
        {{"rate_limit_exceeded", 19}, 429},  {{"invalid_api_key", 15}, 401},
        {{"authentication_error", 20}, 401}, {{"invalid_request_error", 21}, 400},
        {{"invalid_prompt", 14}, 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].code, code))
            return rows[i].status;
    return 0;
}

/* {"code" or "type", "message"}, or a string. */
static void error_read(yyjson_val *error, struct llm_facts *facts)
{
    facts->has_error = true;
    facts->error_text = yyjson_is_str(error) ? json_str(error) : json_get_str(error, "message");
    facts->error_status = status_of(json_get_str(error, "code"));
    if (!facts->error_status)
        facts->error_status = status_of(json_get_str(error, "type"));
    if (!facts->error_status)
        facts->error_status = facts_status_of_code(error);
}

/* The texts in an item's content, a call's name and arguments. */
static void item_read(yyjson_val *item, struct llm_facts *facts)
{
    size_t i, n;
    yyjson_val *part;
    facts->speaks = true;
    facts->content_bytes +=
        (int64_t)(json_get_str(item, "name").n + json_get_str(item, "arguments").n);
    yyjson_arr_foreach(yyjson_obj_get(item, "content"), i, n, part)
    {
        facts->content_bytes +=
            (int64_t)(json_get_str(part, "text").n + json_get_str(part, "refusal").n);
    }
}

/* An object "response". */
static void object_read(yyjson_val *object, struct llm_facts *facts)
{
    yyjson_val *error = yyjson_obj_get(object, "error");
    struct str status = json_get_str(object, "status");
    usage_read(yyjson_obj_get(object, "usage"), facts);
    facts->tier = facts_tier(json_get_str(object, "service_tier"));
    facts->finished = str_eq(status, STR("completed")) || str_eq(status, STR("incomplete"));
    facts->kept = object;
    facts->not_kept = yyjson_is_false(yyjson_obj_get(object, "store"));
    if (error && !yyjson_is_null(error))
        error_read(error, facts);
}

int responses_answer_facts(struct str body, struct llm_facts *ret_facts)
{
    yyjson_val *root = json_peek(body);
    *ret_facts = (struct llm_facts){0};
    if (!yyjson_is_obj(root))
        return E_UPSTREAM_BODY;
    size_t i, n;
    yyjson_val *item;
    object_read(root, ret_facts);
    yyjson_arr_foreach(yyjson_obj_get(root, "output"), i, n, item)
    {
        item_read(item, ret_facts);
    }
    return 0;
}

/* ---- events ---- */

int responses_event_facts(struct str name, struct str data, struct llm_facts *facts)
{
    bool empty = str_trim(data).n == 0;
    yyjson_val *root = empty ? NULL : json_peek(data);
    struct str type = json_get_str(root, "type");
    bool ours = str_starts(type.n ? type : name, STR("response."));
    *facts = (struct llm_facts){.unread = true};
    if (str_eq(str_trim(data), STR("[DONE]"))) {
        *facts = (struct llm_facts){.done = true};
        return 0;
    }
    if (str_eq(name, STR("error")) || str_eq(type, STR("error"))) {
        yyjson_val *inner = yyjson_obj_get(root, "error");
        *facts = (struct llm_facts){0};
        error_read(inner ? inner : root, facts);
        return 0;
    }
    if (!yyjson_is_obj(root))
        return ours || (!empty && name.n == 0) ? E_UPSTREAM_BODY : 0;
    if (!ours)
        return 0;
    int64_t number = json_get_i64(root, "sequence_number", -1);
    *facts = (struct llm_facts){.next_number = number >= 0 && number < INT64_MAX ? number + 1 : 0};
    yyjson_val *delta = yyjson_obj_get(root, "delta"), *object = yyjson_obj_get(root, "response");
    facts->content_bytes = (int64_t)json_str(delta).n;
    facts->speaks = facts->content_bytes > 0;
    object_read(object, facts);
    if (!object)
        facts->kept = yyjson_obj_get(root, "item");
    if (str_eq(type, STR("response.failed")) && !facts->has_error)
        error_read(NULL, facts);
    facts->done = facts->finished;
    return 0;
}
