#include "llm/openai.h"

#include "base/json.h"

/* Keys on which sluice or a provider acts, by their first letter: were one there twice, the two may
 * read different values, and a limit or a price would hold for a request that was never made. */
#define LETTERS     26
#define LETTER_KEYS 4
static const struct str deciding_keys[LETTERS][LETTER_KEYS] = {
    ['i' - 'a'] = {{"input", 5}},
    ['m' - 'a'] = {{"model", 5}, {"messages", 8}, {"max_tokens", 10},
                   {"max_completion_tokens", 21}},
    ['n' - 'a'] = {{"n", 1}},
    ['p' - 'a'] = {{"prompt", 6}},
    ['s' - 'a'] = {{"stream", 6}, {"stream_options", 14}, {"service_tier", 12}},
    ['t' - 'a'] = {{"tools", 5}},
};

/* It stands in headers and logs, and is looked up by its parts. */
#define MODEL_BYTES_MAX 256

/*
 * The small letter that `s` begins with where case does not count, and its length in bytes. Go's
 * encoding/json reads keys so, and to it the long s and the Kelvin sign are an s and a k.
 */
static inline size_t letter_take(struct str s, char *ret_letter)
{
    char c = s.p[0];
    *ret_letter = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    if (LIKELY((unsigned char)c < 0x80))
        return 1;
    bool long_s = str_starts(s, STR("\xC5\xBF")), kelvin = str_starts(s, STR("\xE2\x84\xAA"));
    if (long_s || kelvin)
        *ret_letter = long_s ? 's' : 'k';
    return long_s ? 2 : kelvin ? 3 : 1;
}

static bool key_means(struct str key, struct str name)
{
    size_t at = 0;
    for (size_t i = 0; i < name.n; i++) {
        char letter;
        if (at == key.n)
            return false;
        at += letter_take(str_of(key.p + at, key.n - at), &letter);
        if (letter != name.p[i])
            return false;
    }
    return at == key.n;
}

static int duplicates_check(const struct json_scan *scan, struct fault *f)
{
    bool seen[LETTERS][LETTER_KEYS] = {{false}};
    for (size_t i = 0; i < scan->count; i++) {
        struct str key = scan->member[i].key;
        char first = 0;
        if (key.n > 0)
            (void)letter_take(key, &first);
        if (first < 'a' || first > 'z')
            continue;
        const struct str *names = deciding_keys[first - 'a'];
        bool *here = seen[first - 'a'];
        for (unsigned k = 0; k < LETTER_KEYS && names[k].n > 0; k++) {
            if (!key_means(key, names[k]))
                continue;
            if (here[k])
                return fault_set(f, E_DUPLICATE_KEY,
                                 "'%s' stands twice in the request (case does not count); send it "
                                 "once, since the provider might read the other one",
                                 names[k].p);
            here[k] = true;
            break;
        }
    }
    return 0;
}

static int model_read(const struct json_scan *scan, struct arena *arena, struct llm_request *r,
                      struct fault *f)
{
    const struct json_member *m = json_scan_find(scan, STR("model"), NULL);
    if (!m)
        return fault_set(f, E_BAD_REQUEST, "'model' is missing; expected the name of a model");
    if (!yyjson_is_str(m->value) || yyjson_get_len(m->value) == 0)
        return fault_set(f, E_BAD_REQUEST, "'model' has to be a string that is not empty");
    struct str name = json_str(m->value);
    if (name.n > MODEL_BYTES_MAX)
        return fault_set(f, E_BAD_REQUEST, "'model' is longer than %d bytes", MODEL_BYTES_MAX);
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return fault_set(f, E_BAD_REQUEST, "'model' has a control character in it");
    r->model = arena_str(arena, name);
    r->model_at = m->value_at;
    return r->model.p ? 0 : E_MEMORY;
}

static int stream_read_options(const struct json_scan *scan, struct llm_request *r,
                               struct fault *f)
{
    const struct json_member *m = json_scan_find(scan, STR("stream"), NULL);
    if (m && !yyjson_is_bool(m->value) && !yyjson_is_null(m->value))
        return fault_set(f, E_BAD_REQUEST, "'stream' has to be true or false");
    r->stream = m && yyjson_is_true(m->value);

    m = json_scan_find(scan, STR("stream_options"), NULL);
    if (!m)
        return 0;
    r->stream_options_at = m->value_at;
    if (yyjson_is_null(m->value))
        return 0;
    if (!yyjson_is_obj(m->value))
        return fault_set(f, E_BAD_REQUEST, "'stream_options' has to be an object");
    unsigned given = 0;
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(m->value, i, n, key, value)
    {
        given += yyjson_equals_str(key, "include_usage");
    }
    if (given > 1) /* we would count on the usage that the provider might not send */
        return fault_set(f, E_DUPLICATE_KEY, "'stream_options.include_usage' stands twice");
    yyjson_val *include = yyjson_obj_get(m->value, "include_usage");
    if (include && !yyjson_is_bool(include) && !yyjson_is_null(include))
        return fault_set(f, E_BAD_REQUEST, "'stream_options.include_usage' has to be a boolean");
    r->wants_usage = yyjson_is_true(include);
    return 0;
}

static int count_read(const struct json_scan *scan, struct str key, unsigned least,
                      int64_t *value, struct fault *f)
{
    const struct json_member *m = json_scan_find(scan, key, NULL);
    if (!m || yyjson_is_null(m->value))
        return 0;
    uint64_t given = yyjson_get_uint(m->value);
    if (!yyjson_is_uint(m->value) || given < least || given > INT32_MAX)
        return fault_set(f, E_BAD_REQUEST, "'%s' has to be a whole number from %u to %d", key.p,
                         least, INT32_MAX);
    *value = (int64_t)yyjson_get_uint(m->value);
    return 0;
}

static int operation_check(const struct json_scan *scan, enum llm_op op, struct fault *f)
{
    static const char *const needs[OP_COUNT] = {
        [OP_CHAT] = "messages", [OP_COMPLETION] = "prompt", [OP_EMBEDDING] = "input"};
    const struct json_member *m = json_scan_find(scan, str_from(needs[op]), NULL);
    if (!m)
        return fault_set(f, E_BAD_REQUEST, "'%s' is missing", needs[op]);
    if (op == OP_CHAT && !yyjson_is_arr(m->value))
        return fault_set(f, E_BAD_REQUEST, "'messages' has to be a list of messages");
    return 0;
}

int openai_request_read(enum llm_op op, struct str body, struct arena *arena,
                        struct llm_request *ret_request, struct fault *f)
{
    const struct json_scan *scan = NULL;
    int err = json_scan(body, &scan, f);
    if (err)
        return err;
    struct llm_request r = {.op = op, .body = body, .choices = 1, .members = scan->count};
    r.inside_at = (size_t)((const char *)memchr(body.p, '{', body.n) - body.p) + 1;
    err = duplicates_check(scan, f);
    if (!err)
        err = model_read(scan, arena, &r, f);
    if (!err && llm_ops[op].streams)
        err = stream_read_options(scan, &r, f);
    if (!err)
        err = count_read(scan, STR("max_tokens"), 0, &r.max_tokens, f);
    if (!err)
        err = count_read(scan, STR("max_completion_tokens"), 0, &r.max_tokens, f);
    if (!err)
        err = count_read(scan, STR("n"), 1, &r.choices, f);
    if (!err)
        err = operation_check(scan, op, f);
    if (!err)
        *ret_request = r;
    return err;
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
        return llm_edit_add(edits,
                            (struct json_span){base + m->value_at.from, base + m->value_at.to},
                            STR("true"));
    return llm_edit_add(edits, (struct json_span){base + 1, base + 1},
                        STR("\"include_usage\":true,"));
}

/* Is there such a member, or the other name of the same thing? Providers refuse both together. */
static bool is_given(const struct json_scan *scan, struct str key)
{
    struct str twin = str_eq(key, STR("max_tokens"))              ? STR("max_completion_tokens")
                      : str_eq(key, STR("max_completion_tokens")) ? STR("max_tokens")
                                                                  : key;
    return json_scan_find(scan, key, NULL) || json_scan_find(scan, twin, NULL);
}

int openai_edit_params(const struct llm_request *r, struct str params, struct arena *arena,
                       struct llm_edits *edits)
{
    if (params.n == 0)
        return 0;
    yyjson_doc *doc = NULL;
    int err = json_parse(arena, params, &doc, NULL);
    if (err)
        return err;
    const struct json_scan *scan = NULL;
    err = json_scan(r->body, &scan, NULL);
    if (err)
        return err;
    struct buf text;
    buf_init(&text, params.n * 6 + 16);
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_doc_get_root(doc), i, n, key, value)
    {
        if (is_given(scan, json_str(key)))
            continue;
        json_quote(&text, json_str(key));
        buf_char(&text, ':');
        json_value(&text, value);
        buf_char(&text, ',');
    }
    bool any = text.n > 0;
    struct str kept = text.failed ? STR_NONE : arena_str(arena, buf_view(&text));
    buf_fini(&text);
    if (!kept.p)
        return any ? E_MEMORY : 0;
    /* One edit for all of them, however many the configuration names. */
    return any ? llm_edit_add(edits, (struct json_span){r->inside_at, r->inside_at}, kept) : 0;
}

/* A count beyond this is no count: sums over many calls have to fit, too. */
#define USAGE_TOKENS_MAX 1000000000000

static void usage_read(yyjson_val *usage, struct openai_facts *facts)
{
    int64_t prompt = json_get_i64(usage, "prompt_tokens", -1);
    int64_t completion = json_get_i64(usage, "completion_tokens", 0);
    if (prompt < 0 || prompt > USAGE_TOKENS_MAX || completion > USAGE_TOKENS_MAX)
        return;
    int64_t cached =
        json_get_i64(yyjson_obj_get(usage, "prompt_tokens_details"), "cached_tokens", 0);
    int64_t reasoning =
        json_get_i64(yyjson_obj_get(usage, "completion_tokens_details"), "reasoning_tokens", 0);
    /* Some servers report more of a part than of the whole; the whole is what is billed. */
    cached = cached > prompt ? prompt : cached;
    reasoning = reasoning > completion ? completion : reasoning;
    facts->has_usage = true;
    facts->usage = (struct tokens){.input = prompt - cached,
                                   .cached = cached,
                                   .output = completion - reasoning,
                                   .reasoning = reasoning,
                                   .source = TOKENS_PROVIDER};
}

static int64_t text_bytes(yyjson_val *message)
{
    int64_t bytes = (int64_t)(yyjson_get_len(yyjson_obj_get(message, "content")) +
                              yyjson_get_len(yyjson_obj_get(message, "reasoning_content")) +
                              yyjson_get_len(yyjson_obj_get(message, "refusal")));
    size_t i, n;
    yyjson_val *call;
    yyjson_arr_foreach(yyjson_obj_get(message, "tool_calls"), i, n, call)
    {
        yyjson_val *function = yyjson_obj_get(call, "function");
        bytes += (int64_t)(yyjson_get_len(yyjson_obj_get(function, "name")) +
                           yyjson_get_len(yyjson_obj_get(function, "arguments")));
    }
    return bytes;
}

static void error_read(yyjson_val *error, struct openai_facts *facts)
{
    facts->has_error = true;
    yyjson_val *message = yyjson_is_str(error) ? error : yyjson_obj_get(error, "message");
    facts->error_text = json_str(message);
    yyjson_val *code = yyjson_obj_get(error, "code");
    if (!yyjson_is_uint(code))
        code = yyjson_obj_get(error, "status");
    int64_t status = yyjson_is_uint(code) ? (int64_t)yyjson_get_uint(code) : 0;
    if (str_eq(json_str(code), STR("rate_limit_exceeded")))
        status = 429;
    facts->error_status = status >= 400 && status <= 599 ? (int)status : 0;
}

static int facts_read(struct str text, struct openai_facts *facts)
{
    yyjson_val *root = json_peek(text);
    if (!yyjson_is_obj(root))
        return E_UPSTREAM_BODY;
    size_t i, n;
    yyjson_val *key, *value;
    bool choices = false;
    yyjson_obj_foreach(root, i, n, key, value)
    {
        struct str k = json_str(key);
        if (str_eq(k, STR("choices"))) {
            size_t j, m;
            yyjson_val *choice;
            choices = yyjson_arr_size(value) > 0;
            yyjson_arr_foreach(value, j, m, choice)
            {
                yyjson_val *part = yyjson_obj_get(choice, "delta");
                part = part ? part : yyjson_obj_get(choice, "message");
                facts->finished |= yyjson_is_str(yyjson_obj_get(choice, "finish_reason"));
                facts->content_bytes +=
                    text_bytes(part) + (int64_t)yyjson_get_len(yyjson_obj_get(choice, "text"));
            }
        } else if (str_eq(k, STR("usage"))) {
            facts->has_usage_member = true;
            if (yyjson_is_obj(value))
                usage_read(value, facts);
        } else if (str_eq(k, STR("error")) && !yyjson_is_null(value)) {
            error_read(value, facts);
        }
    }
    facts->only_usage = facts->has_usage && !choices;
    return 0;
}

int openai_answer_read(struct str body, struct openai_facts *ret_facts)
{
    *ret_facts = (struct openai_facts){0};
    return facts_read(body, ret_facts);
}

int openai_event_read(struct str data, struct openai_facts *ret_facts)
{
    *ret_facts = (struct openai_facts){0};
    if (str_eq(str_trim(data), STR("[DONE]"))) {
        ret_facts->done = true;
        return 0;
    }
    return facts_read(data, ret_facts);
}

int openai_event_without_usage(struct str raw, struct str data, struct buf *out)
{
    const struct json_scan *scan = NULL;
    if (json_scan(data, &scan, NULL) != 0)
        return E_UPSTREAM_BODY; /* the provider's fault, not the client's */
    size_t data_at = (size_t)(data.p - raw.p);
    size_t kept = scan->count; /* members 0 .. kept, without the usage that stands at the end */
    while (kept > 0 && str_eq(scan->member[kept - 1].key, STR("usage")))
        kept--;
    size_t done = 0; /* 0 .. done of `raw` is written or cut */
    for (size_t i = 0; i < kept; i++) {
        if (!str_eq(scan->member[i].key, STR("usage")))
            continue;
        size_t from = data_at + scan->member[i].member_at.from; /* the comma behind goes with it */
        buf_add(out, raw.p + done, from - done);
        done = data_at + scan->member[i + 1].member_at.from;
    }
    if (kept < scan->count) { /* here the comma in front does */
        size_t from = kept > 0 ? scan->member[kept - 1].member_at.to
                               : scan->member[0].member_at.from;
        buf_add(out, raw.p + done, data_at + from - done);
        done = data_at + scan->member[scan->count - 1].member_at.to;
    }
    buf_add(out, raw.p + done, raw.n - done);
    return out->failed;
}

const char *openai_error_type(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

int openai_error_write(struct buf *out, int status, const char *code, struct str message)
{
    buf_str(out, STR("{\"error\":{\"message\":"));
    json_quote(out, message);
    buf_printf(out, ",\"type\":\"%s\",\"param\":null,\"code\":", openai_error_type(status));
    json_quote(out, str_from(code));
    return buf_str(out, STR("}}"));
}
