#include "llm/openai.h"

#include "base/json.h"

/*
 * Keys on which sluice or a provider acts, by their first letter: were one there twice, the two may
 * read different values, and a limit or a price would hold for a request that was never made.
 */
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
    KEYS,
};

#define LETTERS     26
#define LETTER_KEYS 4
static const struct deciding_row {
    struct str name;
    enum deciding_key key;
} deciding_keys[LETTERS][LETTER_KEYS] = {
    ['i' - 'a'] = {{{"input", 5}, KEY_INPUT}},
    ['m' - 'a'] = {{{"model", 5}, KEY_MODEL},
                   {{"messages", 8}, KEY_MESSAGES},
                   {{"max_tokens", 10}, KEY_MAX_TOKENS},
                   {{"max_completion_tokens", 21}, KEY_MAX_COMPLETION_TOKENS}},
    ['n' - 'a'] = {{{"n", 1}, KEY_N}},
    ['p' - 'a'] = {{{"prompt", 6}, KEY_PROMPT}},
    ['s' - 'a'] = {{{"stream", 6}, KEY_STREAM},
                   {{"stream_options", 14}, KEY_STREAM_OPTIONS},
                   {{"service_tier", 12}, KEY_SERVICE_TIER}},
    ['t' - 'a'] = {{{"tools", 5}, KEY_TOOLS}},
};

/* Where each of them stands in a request: NULL for those that do not. */
struct deciding {
    const struct json_member *at[KEYS];
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

/* The deciding key that `key` means, also in another spelling; NULL for none. */
static const struct deciding_row *deciding_row(struct str key, bool *ret_exact)
{
    char first = 0;
    if (key.n > 0)
        (void)letter_take(key, &first);
    if (first < 'a' || first > 'z')
        return NULL;
    const struct deciding_row *rows = deciding_keys[first - 'a'];
    for (unsigned i = 0; i < LETTER_KEYS && rows[i].name.n > 0; i++) {
        *ret_exact = str_eq(key, rows[i].name);
        if (*ret_exact || key_means(key, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static int deciding_find(const struct json_scan *scan, struct deciding *ret_found, struct fault *f)
{
    bool seen[KEYS] = {false};
    *ret_found = (struct deciding){{NULL}};
    for (size_t i = 0; i < scan->count; i++) {
        const struct json_member *m = &scan->member[i];
        bool exact;
        const struct deciding_row *row = deciding_row(m->key, &exact);
        if (!row)
            continue;
        if (seen[row->key])
            return fault_set(f, E_DUPLICATE_KEY,
                             "'%s' stands twice in the request (case does not count); send it "
                             "once, since the provider might read the other one",
                             row->name.p);
        seen[row->key] = true;
        if (exact)
            ret_found->at[row->key] = m;
    }
    return 0;
}

static int model_read(const struct json_member *m, struct arena *arena, struct llm_request *r,
                      struct fault *f)
{
    if (!m)
        return fault_set(f, E_BAD_REQUEST, "'model' is missing; expected the name of a model");
    if (!json_is_string(m->value) || m->value.n == 2)
        return fault_set(f, E_BAD_REQUEST, "'model' has to be a string that is not empty");
    if (json_string_bytes(m->value) > MODEL_BYTES_MAX)
        return fault_set(f, E_BAD_REQUEST, "'model' is longer than %d bytes", MODEL_BYTES_MAX);
    int err = json_unquote(arena, m->value, &r->model);
    if (err == E_BAD_JSON)
        return fault_set(f, E_BAD_REQUEST, "'model' has half a surrogate pair in it");
    for (size_t i = 0; !err && i < r->model.n; i++)
        if ((unsigned char)r->model.p[i] < ' ' || r->model.p[i] == 127)
            return fault_set(f, E_BAD_REQUEST, "'model' has a control character in it");
    r->model_at = m->value_at;
    return err;
}

static int stream_read(const struct json_member *m, struct llm_request *r, struct fault *f)
{
    if (m && !json_is_bool(m->value) && !json_is_null(m->value))
        return fault_set(f, E_BAD_REQUEST, "'stream' has to be true or false");
    r->stream = m && json_is_true(m->value);
    return 0;
}

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

static int count_read(const struct json_member *m, unsigned least, int64_t *value, struct fault *f)
{
    uint64_t given = 0;
    if (!m || json_is_null(m->value))
        return 0;
    if (!json_to_u64(m->value, INT32_MAX, &given) || given < least)
        return fault_set(f, E_BAD_REQUEST, "'%.*s' has to be a whole number from %u to %d",
                         STR_ARGS(m->key), least, INT32_MAX);
    *value = (int64_t)given;
    return 0;
}

static int operation_check(const struct deciding *found, enum llm_op op, struct fault *f)
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

int openai_request_read(enum llm_op op, struct str body, struct arena *arena,
                        struct llm_request *ret_request, struct fault *f)
{
    const struct json_scan *scan = NULL;
    struct deciding found;
    int err = json_scan(body, &scan, f);
    if (err)
        return err;
    struct llm_request r = {.op = op, .body = body, .choices = 1, .members = scan->count};
    r.inside_at = (size_t)((const char *)memchr(body.p, '{', body.n) - body.p) + 1;
    err = deciding_find(scan, &found, f);
    if (!err)
        err = model_read(found.at[KEY_MODEL], arena, &r, f);
    if (!err && llm_ops[op].streams)
        err = stream_read(found.at[KEY_STREAM], &r, f);
    if (!err)
        err = count_read(found.at[KEY_MAX_TOKENS], 0, &r.max_tokens, f);
    if (!err)
        err = count_read(found.at[KEY_MAX_COMPLETION_TOKENS], 0, &r.max_tokens, f);
    if (!err)
        err = count_read(found.at[KEY_N], 1, &r.choices, f);
    if (!err)
        err = operation_check(&found, op, f);
    const struct json_member *options = found.at[KEY_STREAM_OPTIONS];
    if (!err && llm_ops[op].streams && options) {
        r.stream_options_at = options->value_at;
        err = stream_options_read(options->value, &r, f);
    }
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
        return llm_edit_add(
            edits, (struct json_span){base + m->value_at.from, base + m->value_at.to}, STR("true"));
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

static int64_t count_take(struct json_reader *r, int64_t absent)
{
    uint64_t n = 0;
    return json_to_u64(json_take(r), INT64_MAX, &n) ? (int64_t)n : absent;
}

/* The count called `name` in an object of details; 0 where there is none. */
static int64_t detail_take(struct json_reader *r, struct str name)
{
    int64_t count = 0;
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), name))
                count = count_take(r, 0);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
    return count;
}

static void usage_read(struct json_reader *r, struct openai_facts *facts)
{
    int64_t prompt = -1, completion = 0, cached = 0, reasoning = 0;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r);
            if (str_eq(key, STR("prompt_tokens")))
                prompt = count_take(r, -1);
            else if (str_eq(key, STR("completion_tokens")))
                completion = count_take(r, 0);
            else if (str_eq(key, STR("prompt_tokens_details")))
                cached = detail_take(r, STR("cached_tokens"));
            else if (str_eq(key, STR("completion_tokens_details")))
                reasoning = detail_take(r, STR("reasoning_tokens"));
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
    if (prompt < 0 || prompt > USAGE_TOKENS_MAX || completion > USAGE_TOKENS_MAX)
        return;
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

static int64_t function_bytes(struct json_reader *r)
{
    int64_t bytes = 0;
    if (json_enter(r, '{'))
        do {
            struct str key = json_take_key(r), value = json_take(r);
            if (str_eq(key, STR("name")) || str_eq(key, STR("arguments")))
                bytes += (int64_t)json_string_bytes(value);
        } while (json_more(r, '{'));
    return bytes;
}

static void tool_call_read(struct json_reader *r, struct openai_facts *facts)
{
    if (json_enter(r, '{'))
        do {
            if (str_eq(json_take_key(r), STR("function")))
                facts->content_bytes += function_bytes(r);
            else
                (void)json_take(r);
        } while (json_more(r, '{'));
}

/* Is there anything in it? Servers begin with a role, an empty text and null for the rest, long
 * before the model speaks. */
static bool says_something(struct str value)
{
    if (json_is_object(value) || json_is_array(value))
        return str_trim(str_of(value.p + 1, value.n - 2)).n > 0;
    return json_is_string(value) && value.n > 2;
}

/* A message, or what an event adds to one. Content that is not counted as text speaks, too:
 * reasoning by another name, sound, a tool call's id. */
static void message_read(struct json_reader *r, struct openai_facts *facts)
{
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (str_eq(key, STR("tool_calls")) && json_enter(r, '[')) {
            facts->speaks = true;
            do
                tool_call_read(r, facts);
            while (json_more(r, '['));
        } else if (!str_eq(key, STR("tool_calls"))) {
            struct str value = json_take(r);
            if (str_eq(key, STR("content")) || str_eq(key, STR("reasoning_content")) ||
                str_eq(key, STR("refusal")))
                facts->content_bytes += (int64_t)json_string_bytes(value);
            if (!str_eq(key, STR("role")))
                facts->speaks = facts->speaks || says_something(value);
        }
    } while (json_more(r, '{'));
}

static void choice_read(struct json_reader *r, struct openai_facts *facts)
{
    if (!json_enter(r, '{'))
        return;
    do {
        struct str key = json_take_key(r);
        if (str_eq(key, STR("delta")) || str_eq(key, STR("message"))) {
            message_read(r, facts);
        } else if (str_eq(key, STR("text"))) {
            struct str text = json_take(r);
            facts->content_bytes += (int64_t)json_string_bytes(text);
            facts->speaks = facts->speaks || says_something(text);
        } else if (str_eq(key, STR("finish_reason"))) {
            facts->finished = json_is_string(json_take(r)) || facts->finished;
        } else {
            (void)json_take(r);
        }
    } while (json_more(r, '{'));
}

/* The status that a code, type or status stands for: a number, its digits, or a word; else 0. */
static int error_status_of(yyjson_val *said)
{
    static const struct {
        struct str word;
        int status;
    } words[] = {
        {{"invalid_api_key", 15}, 401},     {{"authentication_error", 20}, 401},
        {{"unauthenticated", 15}, 401},     {{"unauthorized", 12}, 401},
        {{"permission_error", 16}, 403},    {{"permission_denied", 17}, 403},
        {{"rate_limit_exceeded", 19}, 429}, {{"rate_limit_error", 16}, 429},
    };
    struct str text = json_str(said);
    uint64_t number = yyjson_is_uint(said) ? yyjson_get_uint(said) : 0;
    if (number == 0 && !str_to_u64(text, 599, &number))
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (str_eq_nocase(text, words[i].word))
                return words[i].status;
    return number >= 400 && number <= 599 ? (int)number : 0;
}

/* What it calls itself stands in one place or another. A refused key counts wherever it stands,
 * since such an error's text may quote the key. Its words are wanted without escapes. */
static void error_read(struct str text, struct openai_facts *facts)
{
    static const char *const places[] = {"code", "status", "type"};
    yyjson_val *error = json_peek(text);
    facts->has_error = true;
    facts->error_text = json_str(yyjson_is_str(error) ? error : yyjson_obj_get(error, "message"));
    facts->error_status = error_status_of(error);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int status = error_status_of(yyjson_obj_get(error, places[i]));
        if (status == 401 || status == 403 || facts->error_status == 0)
            facts->error_status = status;
    }
}

/* One top-level member, whose key was just taken. */
static void member_read(struct json_reader *r, struct str key, struct openai_facts *facts)
{
    if (str_eq(key, STR("choices"))) {
        facts->has_choices = true;
        facts->any_choice = json_enter(r, '[');
        if (facts->any_choice)
            do
                choice_read(r, facts);
            while (json_more(r, '['));
    } else if (str_eq(key, STR("usage"))) {
        usage_read(r, facts);
    } else if (str_eq(key, STR("error"))) {
        struct str error = json_take(r);
        if (error.n > 0 && !json_is_null(error))
            error_read(error, facts);
    } else {
        (void)json_take(r);
    }
}

/* The next key, unescaped where that is needed; valid until the next error is read. */
static struct str plain_key_take(struct json_reader *r)
{
    struct str key = json_take_key(r);
    return LIKELY(!r->escaped) || r->failed ? key
                                            : json_str(json_peek(str_of(key.p - 1, key.n + 2)));
}

/*
 * The usage member is cut out with one comma: the one behind it, or where it is the last member the
 * one in front.
 */
int openai_answer_read(struct str body, struct openai_facts *ret_facts)
{
    struct openai_facts facts = {0};
    struct json_reader r;
    const char *before = NULL, *before_usage = NULL; /* ends of members */
    bool usage_last = false;
    if (json_reader_init(&r, body) && json_enter(&r, '{'))
        do {
            size_t from = (size_t)(r.at - body.p);
            struct str key = plain_key_take(&r);
            bool usage = str_eq(key, STR("usage"));
            if (usage_last)
                facts.usage_cut.to = from;
            member_read(&r, key, &facts);
            usage_last = usage && !facts.has_usage_member;
            if (usage_last)
                facts.usage_cut = (struct json_span){from, (size_t)(r.at - body.p)};
            else if (usage)
                facts.usage_cut = (struct json_span){0, 0};
            if (usage_last)
                before_usage = before;
            facts.has_usage_member = facts.has_usage_member || usage;
            before = r.at;
        } while (json_more(&r, '{'));
    if (usage_last && before_usage)
        facts.usage_cut.from = (size_t)(before_usage - body.p);
    facts.only_usage = facts.has_usage && !facts.any_choice;
    *ret_facts = facts;
    return json_reader_good(&r) ? 0 : E_UPSTREAM_BODY;
}

int openai_event_read(struct str data, struct openai_facts *ret_facts)
{
    if (!str_eq(str_trim(data), STR("[DONE]")))
        return openai_answer_read(data, ret_facts);
    *ret_facts = (struct openai_facts){.done = true};
    return 0;
}

int openai_stream_event_read(struct str name, struct str data, struct openai_facts *facts)
{
    int err = openai_event_read(data, facts);
    if (str_eq(name, STR("error"))) {
        if (!facts->has_error)
            error_read(data, facts);
        return 0;
    }
    bool ours = name.n == 0 || str_eq(name, STR("message"));
    bool chunk = !err && (facts->has_choices || facts->has_usage_member || facts->done);
    if (str_trim(data).n > 0 && (ours || chunk))
        return err;
    *facts = (struct openai_facts){.unread = true};
    return 0;
}

int openai_event_without_usage(struct str raw, struct str data, const struct openai_facts *facts,
                               struct buf *out)
{
    struct str before = str_head(data, facts->usage_cut.from);
    struct str behind = str_tail(data, facts->usage_cut.to);
    if (data.p >= raw.p && data.p < raw.p + raw.n) {
        buf_str(out, str_of(raw.p, (size_t)(before.p + before.n - raw.p)));
        buf_str(out, str_of(behind.p, (size_t)(raw.p + raw.n - behind.p)));
        return out->failed;
    }
    struct str parts[] = {before, behind};
    buf_str(out, STR("data: "));
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
        for (struct str line = str_cut(&parts[i], '\n');; line = str_cut(&parts[i], '\n')) {
            buf_str(out, line);
            if (!parts[i].p)
                break;
            buf_str(out, STR("\ndata: "));
        }
    buf_str(out, STR("\n\n"));
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
