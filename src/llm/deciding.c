#include "llm/deciding.h"

#include "llm/names.h"

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

bool deciding_key_means(struct str key, struct str name)
{
    size_t at = 0;
    if (key.n < name.n)
        return false;
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

const struct deciding_row *deciding_row_of(const struct deciding_table *table, struct str key,
                                           bool *ret_exact)
{
    char first = 0;
    if (key.n > 0)
        (void)letter_take(key, &first);
    if (first < 'a' || first > 'z')
        return NULL;
    const struct deciding_row *rows = table->of[first - 'a'];
    for (unsigned i = 0; i < DECIDING_LETTER_KEYS && rows[i].name.n > 0; i++) {
        *ret_exact = str_eq(key, rows[i].name);
        if (*ret_exact || deciding_key_means(key, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

/* In every protocol, behind its own: by which another model may answer than the one named. */
enum common_key {
    KEY_MODELS = DECIDING_MAX, /* OpenRouter's: others that may answer */
    KEY_FALLBACKS,             /* the same at others */
    KEY_PLUGINS,               /* OpenRouter's: some choose models */
    KEY_PRESET,                /* and what it keeps of a request, models among it */
    KEYS_ALL,
};
static const struct deciding_table common_keys = {
    .of = {
        ['f' - 'a'] = {{{"fallbacks", 9}, KEY_FALLBACKS}},
        ['m' - 'a'] = {{{"models", 6}, KEY_MODELS}},
        ['p' - 'a'] = {{{"plugins", 7}, KEY_PLUGINS}, {{"preset", 6}, KEY_PRESET}},
    }};

/* Is there one of OpenRouter's plugins that may have another model answer, as its router does?
 * Those that are known not to are passed by. */
static bool plugins_choose(const struct json_member *m)
{
    static const char *const harmless[] = {"web", "file-parser", "response-healing",
                                           "context-compression"};
    yyjson_val *list = deciding_is_given(m) ? json_peek(m->value) : NULL, *plugin;
    size_t i, n;
    if (deciding_is_given(m) && !yyjson_is_arr(list))
        return true;
    yyjson_arr_foreach(list, i, n, plugin)
    {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(harmless); k++)
            known = known || str_eq(json_get_str(plugin, "id"), str_from(harmless[k]));
        if (!known || yyjson_obj_get(plugin, "model") || yyjson_obj_get(plugin, "models"))
            return true;
    }
    return false;
}

static int find(const struct json_scan *scan, const struct deciding_table *table,
                struct deciding_found *ret_found, bool *ret_more_models, struct fault *f)
{
    bool seen[KEYS_ALL] = {false};
    *ret_more_models = false;
    const struct deciding_row *odd = NULL; /* one that stands there in another spelling */
    *ret_found = (struct deciding_found){{NULL}};
    for (size_t i = 0; i < scan->count; i++) {
        const struct json_member *m = &scan->member[i];
        bool exact;
        const struct deciding_row *row = deciding_row_of(table, m->key, &exact);
        row = row ? row : deciding_row_of(&common_keys, m->key, &exact);
        if (!row)
            continue;
        if (seen[row->key])
            return fault_set(f, E_DUPLICATE_KEY,
                             "'%s' stands twice in the request (case does not count); send it "
                             "once, since the provider might read the other one",
                             row->name.p);
        seen[row->key] = true;
        if (!exact)
            odd = row;
        else if (row->key < DECIDING_MAX)
            ret_found->at[row->key] = m;
        else if (row->key == KEY_PLUGINS ? plugins_choose(m) : deciding_is_given(m))
            *ret_more_models = true;
    }
    if (odd)
        return fault_set(f, E_BAD_REQUEST,
                         "'%s' is written in another way; write it so, since some providers read "
                         "it all the same",
                         odd->name.p);
    return 0;
}

int deciding_begin(struct str body, const struct deciding_table *table,
                   struct llm_request *ret_request, struct deciding_found *ret_found,
                   struct fault *f)
{
    const struct json_scan *scan = NULL;
    int err = json_scan_watching(body, &names_watch, &scan, f);
    if (err)
        return err;
    *ret_request = (struct llm_request){
        .body = body, .choices = 1, .members = scan->count, .may_name = scan->watched};
    ret_request->inside_at = (size_t)((const char *)memchr(body.p, '{', body.n) - body.p) + 1;
    return find(scan, table, ret_found, &ret_request->more_models, f);
}

int deciding_model(const struct json_member *m, struct arena *arena, struct llm_request *r,
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

int deciding_stream(const struct json_member *m, struct llm_request *r, struct fault *f)
{
    if (m && !json_is_bool(m->value) && !json_is_null(m->value))
        return fault_set(f, E_BAD_REQUEST, "'stream' has to be true or false");
    r->stream = m && json_is_true(m->value);
    return 0;
}

int deciding_count(const struct json_member *m, unsigned least, int64_t *value, struct fault *f)
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

int deciding_limit(const struct json_member *m, unsigned which, struct llm_request *r,
                   struct fault *f)
{
    int64_t n = 0;
    if (!m)
        return 0;
    if (json_is_null(m->value)) {
        if (which < ARRAY_LEN(r->limit_at))
            r->limit_at[which] = m->value_at;
        return 0;
    }
    bool negative = which == 2 && json_is(m->value, '-');
    int err = negative ? 0 : deciding_count(m, 0, &n, f);
    /* Nobody knows which of them a provider goes by. */
    r->max_tokens = n > r->max_tokens ? n : r->max_tokens;
    r->limit_is_none = r->limit_is_none || n == 0;
    return err;
}
