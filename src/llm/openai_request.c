/*
 * openai_request.c: what a request says, and the edits that change it.
 */
#include "base/json.h"
#include "llm/openai.h"

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
    const struct deciding_row *odd = NULL; /* one that stands there in another spelling */
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
        else
            odd = row;
    }
    if (odd)
        return fault_set(f, E_BAD_REQUEST,
                         "'%s' is written in another way; write it so, since some providers read "
                         "it all the same",
                         odd->name.p);
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
    int64_t twin = 0; /* nobody knows which of the two a provider goes by */
    if (!err)
        err = count_read(found.at[KEY_MAX_COMPLETION_TOKENS], 0, &twin, f);
    if (twin > r.max_tokens)
        r.max_tokens = twin;
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
