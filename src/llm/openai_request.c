/*
 * openai_request.c: what a request says, and the edits that change it.
 */
#include "base/json.h"
#include "llm/deciding.h"
#include "llm/openai.h"

/* Keys on which sluice or a provider acts. */
enum deciding_key {
    KEY_MODEL,
    KEY_MESSAGES,
    KEY_MAX_TOKENS,
    KEY_MAX_COMPLETION_TOKENS,
    KEY_STREAM,
    KEY_STREAM_OPTIONS,
    KEY_SERVICE_TIER,
    KEY_INPUT,
    KEY_N,
    KEY_PROMPT,
    KEY_TOOLS,
    KEY_DATA_SOURCES, /* Azure's */
    KEY_N_PREDICT,    /* llama.cpp's, before max_tokens */
    KEY_N_CMPL,       /* and n */
    KEY_BEST_OF,
    KEYS,
};
_Static_assert(KEYS <= DECIDING_MAX, "all of them have to be found");

static const struct deciding_table deciding_keys = {
    .of = {
        ['b' - 'a'] = {{{"best_of", 7}, KEY_BEST_OF}},
        ['d' - 'a'] = {{{"data_sources", 12}, KEY_DATA_SOURCES}},
        ['i' - 'a'] = {{{"input", 5}, KEY_INPUT}},
        ['m' - 'a'] = {{{"model", 5}, KEY_MODEL},
                       {{"messages", 8}, KEY_MESSAGES},
                       {{"max_tokens", 10}, KEY_MAX_TOKENS},
                       {{"max_completion_tokens", 21}, KEY_MAX_COMPLETION_TOKENS}},
        ['n' - 'a'] = {{{"n", 1}, KEY_N},
                       {{"n_predict", 9}, KEY_N_PREDICT},
                       {{"n_cmpl", 6}, KEY_N_CMPL}},
        ['p' - 'a'] = {{{"prompt", 6}, KEY_PROMPT}},
        ['s' - 'a'] = {{{"stream", 6}, KEY_STREAM},
                       {{"stream_options", 14}, KEY_STREAM_OPTIONS},
                       {{"service_tier", 12}, KEY_SERVICE_TIER}},
        ['t' - 'a'] = {{{"tools", 5}, KEY_TOOLS}},
    }};

/* Scans what is inside, so that the scan of the whole is gone afterwards. */
static int stream_options_read(struct str options, struct llm_request *r, struct fault *f)
{
    const struct json_scan *scan = NULL;
    if (json_is_null(options))
        return 0;
    if (!json_is_object(options))
        return fault_set(f, E_BAD_REQUEST, "'stream_options' has to be an object");
    int err = json_scan(options, &scan, f);
    if (err)
        return err;
    bool twice = false;
    const struct json_member *include = json_scan_find(scan, STR("include_usage"), &twice);
    if (twice) /* we would count on the usage that the provider might not send */
        return fault_set(f, E_DUPLICATE_KEY, "'stream_options.include_usage' stands twice");
    if (include && !json_is_bool(include->value) && !json_is_null(include->value))
        return fault_set(f, E_BAD_REQUEST, "'stream_options.include_usage' has to be a boolean");
    r->wants_usage = include && json_is_true(include->value);
    return 0;
}

static int operation_check(const struct deciding_found *found, enum llm_op op, struct fault *f)
{
    static const struct {
        const char *name;
        enum deciding_key key;
    } needs[OP_COUNT] = {
        [OP_CHAT] = {"messages", KEY_MESSAGES},
        [OP_COMPLETION] = {"prompt", KEY_PROMPT},
        [OP_EMBEDDING] = {"input", KEY_INPUT},
    };
    const struct json_member *m = found->at[needs[op].key];
    if (!m)
        return fault_set(f, E_BAD_REQUEST, "'%s' is missing", needs[op].name);
    if (op == OP_CHAT && !json_is_array(m->value))
        return fault_set(f, E_BAD_REQUEST, "'messages' has to be a list of messages");
    return 0;
}

/* Answers that are written, and billed, also where the client gets the best of them alone. */
static int choices_read(const struct deciding_found *found, struct llm_request *r, struct fault *f)
{
    static const enum deciding_key keys[] = {KEY_N, KEY_N_CMPL, KEY_BEST_OF};
    int err = 0;
    if (r->op == OP_EMBEDDING)
        r->choices = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !err; i++) {
        int64_t n = 1;
        err = deciding_count(found->at[keys[i]], keys[i] == KEY_N, &n, f);
        r->choices = r->op != OP_EMBEDDING && n > r->choices ? n : r->choices;
    }
    struct str prompt = r->op == OP_COMPLETION ? found->at[KEY_PROMPT]->value : STR_NONE;
    if (err || !json_is_array(prompt))
        return err;
    yyjson_val *prompts = json_peek(prompt), *first = yyjson_arr_get_first(prompts);
    int64_t several = yyjson_is_str(first) || yyjson_is_arr(first)
                          ? (int64_t)yyjson_arr_size(prompts)
                          : 1; /* or one, as its tokens */
    r->choices = several < INT32_MAX / r->choices ? several * r->choices : INT32_MAX;
    return 0;
}

int openai_request_read(enum llm_op op, struct str body, struct arena *arena,
                        struct llm_request *ret_request, struct fault *f)
{
    struct deciding_found found;
    struct llm_request r;
    int err = deciding_begin(body, &deciding_keys, &r, &found, f);
    r.op = op;
    if (!err)
        err = deciding_model(found.at[KEY_MODEL], arena, &r, f);
    if (!err && llm_ops[op].streams)
        err = deciding_stream(found.at[KEY_STREAM], &r, f);
    if (!err)
        err = deciding_limit(found.at[KEY_MAX_TOKENS], 0, &r, f);
    if (!err)
        err = deciding_limit(found.at[KEY_MAX_COMPLETION_TOKENS], 1, &r, f);
    if (!err)
        err = deciding_limit(found.at[KEY_N_PREDICT], 2, &r, f);
    if (!err)
        err = operation_check(&found, op, f);
    if (!err)
        err = choices_read(&found, &r, f);
    if (err)
        return err;
    r.messages_at = deciding_at(found.at[KEY_MESSAGES]);
    r.tools_at = deciding_at(found.at[KEY_TOOLS]);
    r.may_name = r.may_name || found.at[KEY_DATA_SOURCES];
    r.tier = facts_tier(deciding_word(found.at[KEY_SERVICE_TIER]));
    const struct json_member *options = found.at[KEY_STREAM_OPTIONS];
    if (llm_ops[op].streams && options) {
        r.stream_options_at = options->value_at;
        err = stream_options_read(options->value, &r, f);
    }
    if (err)
        return err;
    *ret_request = r;
    return 0;
}

int openai_edit_ask_usage(const struct llm_request *r, struct llm_edits *edits)
{
    if (r->stream_options_at.from == r->stream_options_at.to)
        return llm_edit_add(edits, (struct json_span){r->inside_at, r->inside_at},
                            STR("\"stream_options\":{\"include_usage\":true},"));
    /* Given without include_usage, or null, or false: other members of it are kept. */
    struct str value = str_of(r->body.p + r->stream_options_at.from,
                              r->stream_options_at.to - r->stream_options_at.from);
    const struct json_scan *scan = NULL;
    if (value.p[0] != '{' || json_scan(value, &scan, NULL) != 0 || scan->count == 0)
        return llm_edit_add(edits, r->stream_options_at, STR("{\"include_usage\":true}"));
    const struct json_member *m = json_scan_find(scan, STR("include_usage"), NULL);
    size_t base = r->stream_options_at.from;
    if (m)
        return llm_edit_add(
            edits, (struct json_span){base + m->value_at.from, base + m->value_at.to}, STR("true"));
    return llm_edit_add(edits, (struct json_span){base + 1, base + 1},
                        STR("\"include_usage\":true,"));
}
