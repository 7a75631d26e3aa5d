/* names.c: which members name something at the provider, and where they do not. */
#include "llm/names.h"

#include "llm/deciding.h"

enum name_kind {
    NAME_ID,     /* a text, or a list of them, is the name */
    NAME_HOLDER, /* so is the member `id` of an object */
    NAME_SPOKEN, /* only that: a text is something else */
    NAME_WHOLE,  /* whatever stands there reaches what is stored */
    NAME_AROUND, /* none itself; one may stand in it whose own key nobody looks out for */
};

/* What the walk goes by. Some of them the scan does not look out for, since too many other keys end
 * so: these stand within others that it does look out for, or their protocol's reader has them. */
static const struct deciding_table rows = {
    .of = {
        /* an earlier answer that was spoken */
        ['a' - 'a'] = {{{"audio", 5}, NAME_SPOKEN}},
        /* places to run code in; xAI's collections; Gemini's caches, by its OpenAI protocol */
        ['c' - 'a'] = {{{"container", 9}, NAME_HOLDER},
                       {{"container_id", 12}, NAME_ID},
                       {{"container_ids", 13}, NAME_ID},
                       {{"collection_id", 13}, NAME_ID},
                       {{"collection_ids", 14}, NAME_ID},
                       {{"cached_content", 14}, NAME_ID},
                       {{"cachedcontent", 13}, NAME_ID}},
        /* Azure's: opened with an identity of its own */
        ['d' - 'a'] = {{{"data_sources", 12}, NAME_WHOLE}},
        ['e' - 'a'] = {{{"extra_body", 10}, NAME_AROUND}},
        /* in messages, tools, containers and masks */
        ['f' - 'a'] = {{{"file_id", 7}, NAME_ID}, {{"file_ids", 8}, NAME_ID}},
        /* Mistral's */
        ['l' - 'a'] = {{{"library_ids", 11}, NAME_ID}},
        ['p' - 'a'] = {{{"prompt", 6}, NAME_SPOKEN}},
        ['s' - 'a'] = {{{"skill_id", 8}, NAME_ID}},
        ['t' - 'a'] = {{{"tunnel_id", 9}, NAME_ID}},
        /* a voice that was made of somebody's stands in "audio" */
        ['v' - 'a'] = {{{"vector_store_id", 15}, NAME_ID},
                       {{"vector_store_ids", 16}, NAME_ID},
                       {{"voice", 5}, NAME_SPOKEN}},
    }};

static const struct deciding_row *row_of(struct str key)
{
    bool exact;
    return deciding_row_of(&rows, key, &exact);
}

static bool is_watched(struct str key)
{
    return row_of(key) != NULL;
}

/* How the keys end; also in a long s, which some readers take for an s. */
const struct json_watch names_watch = {
    .ends = JSON_WATCH_BIT('i', 'd') | JSON_WATCH_BIT('d', 's') | JSON_WATCH_BIT(0xC5, 0xBF) |
            JSON_WATCH_BIT('e', 'r') | JSON_WATCH_BIT('i', 'o') | JSON_WATCH_BIT('d', 'y'),
    .is = is_watched,
};

/* ---- the client's own data ---- */

static bool is_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(s, str_from(*words)))
            return true;
    return false;
}

/* STR_NONE also where it stands twice, or once in another spelling: a provider may read another. */
static struct str type_of(yyjson_val *object)
{
    size_t i, n, types = 0;
    yyjson_val *key, *value;
    struct str type = STR_NONE;
    yyjson_obj_foreach(object, i, n, key, value)
    {
        if (!deciding_key_means(json_str(key), STR("type")))
            continue;
        type = str_eq(json_str(key), STR("type")) ? json_str(value) : STR_NONE;
        types++;
    }
    return types == 1 ? type : STR_NONE;
}

/* In `top`, a member of the request itself, stands an object of this type, and in that `key`: is
 * its value what no provider looks into for names? STR_NONE is the top of a request itself. */
static bool is_own_data(struct str top, struct str type, struct str key)
{
    static const char *const whole[] = {"metadata",    "chat_template_kwargs", "json_schema",
                                        "guided_json", "structured_outputs",   NULL};
    static const char *const tools[] = {"tools", "functions", "input", NULL};
    static const char *const tool_schemas[] = {"parameters", "input_schema", "input_examples",
                                               NULL};
    static const char *const formats[] = {"response_format", "text", "output_config",
                                          "output_format", NULL};
    static const char *const said[] = {"messages", "input", NULL};
    if (!top.p)
        return is_one_of(key, whole);
    if (is_one_of(key, tool_schemas))
        return is_one_of(top, tools);
    if (str_eq(key, STR("schema")))
        return is_one_of(top, formats);
    if (str_eq(key, STR("arguments")))
        return is_one_of(top, said);
    return str_eq(key, STR("input")) && str_eq(top, STR("messages")) &&
           str_ends(type, STR("tool_use"));
}

/* ---- reading ---- */

struct names {
    struct llm_kept *kept; /* NULL: they are only counted */
    size_t n;
    struct arena *arena;
    bool failed; /* no memory */
};

static void name_add(struct names *w, const struct deciding_row *row, struct str id)
{
    if (w->kept) {
        struct llm_kept *k = &w->kept[w->n];
        *k = (struct llm_kept){.id = arena_str(w->arena, id), .what = row->name.p};
        w->failed = w->failed || !k->id.p;
    }
    w->n++;
}

/* Skills of Anthropic's own are everybody's. */
static bool is_public(struct str type, const struct deciding_row *row)
{
    return str_eq(row->name, STR("skill_id")) && str_eq(type, STR("anthropic"));
}

static void name_read(struct names *w, const struct deciding_row *row, yyjson_val *value)
{
    size_t i, n;
    yyjson_val *key, *item;
    if (row->key == NAME_AROUND)
        return;
    if (row->key == NAME_WHOLE) {
        if (!yyjson_is_null(value))
            name_add(w, row, row->name);
        return;
    }
    if (yyjson_is_str(value) && row->key != NAME_SPOKEN)
        name_add(w, row, json_str(value));
    yyjson_arr_foreach(value, i, n, item)
    {
        if (yyjson_is_str(item))
            name_add(w, row, json_str(item));
    }
    if (row->key == NAME_ID)
        return;
    yyjson_obj_foreach(value, i, n, key, item)
    {
        if (yyjson_is_str(item) && deciding_key_means(json_str(key), STR("id")))
            name_add(w, row, json_str(item));
    }
}

/* Goes no deeper than JSON_DEPTH_MAX, since the scan refused what does. */
static void walk(struct names *w, yyjson_val *v, struct str top)
{
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_arr_foreach(v, i, n, value)
    {
        walk(w, value, top);
    }
    struct str type = type_of(v); /* once, however many ask for it */
    yyjson_obj_foreach(v, i, n, key, value)
    {
        struct str name = json_str(key);
        const struct deciding_row *row = row_of(name);
        if (row && !is_public(type, row))
            name_read(w, row, value);
        if (yyjson_is_ctn(value) && !is_own_data(top, type, name))
            walk(w, value, top.p ? top : name);
    }
}

int names_read(struct str body, struct arena *arena, struct llm_request *r, struct fault *f)
{
    struct names w = {.arena = arena};
    yyjson_val *root = json_peek(body);
    if (!root)
        return fault_set(f, E_BAD_JSON,
                         "the request has half a surrogate pair in it, and may name an object "
                         "of the provider; write its texts in valid Unicode");
    walk(&w, root, STR_NONE);
    if (w.n == 0)
        return 0;
    if (w.n > NAMES_MAX)
        return fault_set(f, E_BAD_REQUEST,
                         "the request names %zu files and other objects of the provider; expected "
                         "at most %d",
                         w.n, NAMES_MAX);
    struct llm_kept *all = ARENA_ARRAY(arena, struct llm_kept, r->kept_n + w.n);
    if (!all)
        return E_MEMORY;
    if (r->kept_n)
        memcpy(all, r->kept, r->kept_n * sizeof(*all));
    w.kept = all + r->kept_n;
    w.n = 0;
    walk(&w, root, STR_NONE);
    r->kept = all;
    r->kept_n += (unsigned)w.n;
    return w.failed ? E_MEMORY : 0;
}

static bool ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq_nocase(str_tail(s, s.n - suffix.n), suffix);
}

/* A field's name may stand there in a way that few readers know (RFC 2231, RFC 5987): in pieces
 * (name*0, name*1) and with escapes (name*=utf-8''file%5Fid). Nobody needs it for a plain one, so
 * that it may be any. */
static bool names_in_code(struct str body)
{
    const char *at = body.p, *end = body.p + body.n;
    while ((at = memchr(at, '*', (size_t)(end - at))) != NULL) {
        struct str before = str_of(body.p, (size_t)(at - body.p));
        struct str behind = str_of(at, (size_t)(end - at));
        at++;
        while (before.n > 0 && memchr(" \t", before.p[before.n - 1], 2))
            before.n--;
        /* First, so that nobody's row of stars is gone through from each of them. */
        if (!ends_nocase(before, STR("name")) || ends_nocase(before, STR("filename")))
            continue;
        while (behind.n > 0 && memchr("*0123456789 \t", behind.p[0], 14))
            behind = str_tail(behind, 1);
        if (behind.n > 0 && behind.p[0] == '=')
            return true;
    }
    return false;
}

/* A form's fields are called "images[][file_id]" or the like. */
static const char *form_name(struct str body)
{
    static const struct str wanted = {"file_id", 7};
    const char *at = body.p, *end = body.p + body.n;
    while ((at = memchr(at, '_', (size_t)(end - at))) != NULL) {
        bool room = at - body.p >= 4 && end - at >= 3;
        if (room && str_eq_nocase(str_of(at - 4, wanted.n), wanted))
            return wanted.p;
        at++;
    }
    return names_in_code(body) ? "name*" : NULL;
}

int names_find(struct str body, bool form, struct arena *arena, const char **ret_what,
               struct fault *f)
{
    const struct json_scan *scan = NULL;
    struct llm_request r = {0};
    *ret_what = NULL;
    int err = json_scan(body, &scan, form ? NULL : f);
    if (err == E_BAD_JSON && form) {
        *ret_what = form_name(body);
        return 0;
    }
    if (!err)
        err = names_read(body, arena, &r, f);
    if (!err && r.kept_n > 0)
        *ret_what = r.kept[0].what;
    return err;
}

/* ---- URLs ---- */

/* The host of a URL of the web as it stands there, small or large; STR_NONE: there is none. */
static struct str host_of(struct str url)
{
    size_t scheme = str_starts_nocase(url, STR("https://"))  ? 8
                    : str_starts_nocase(url, STR("http://")) ? 7
                                                             : 0;
    struct str host = str_tail(url, scheme);
    size_t n = 0, from = 0;
    while (n < host.n && !memchr("/?#\\", host.p[n], 4)) {
        from = host.p[n] == '@' ? n + 1 : from;
        n++;
    }
    host = str_of(host.p + from, n - from);
    host = str_cut(&host, ':');
    while (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return scheme && memchr(host.p, '%', host.n) == NULL ? host : STR_NONE;
}

/* Would a provider that fetches with rights of its own look into a store (s3://, gs://, Gemini's
 * files), and not into the web like everybody? */
static bool is_in_store(struct str url)
{
    struct str host = host_of(url);
    bool web = str_eq_nocase(host, STR("storage.googleapis.com")) ||
               ends_nocase(host, STR(".storage.googleapis.com"));
    return host.n == 0 || (ends_nocase(host, STR("googleapis.com")) && !web);
}

static int urls_check(const struct chat_block *blocks, struct arena *arena, struct str provider,
                      struct fault *f)
{
    struct str url;
    int err = 0;
    for (const struct chat_block *b = blocks; b && !err; b = b->next) {
        if (b->result)
            err = urls_check(b->result, arena, provider, f);
        if (err || b->media.form != MEDIA_URL)
            continue;
        err = json_unquote(arena, b->media.data, &url);
        if (err == E_BAD_JSON)
            return fault_set(f, E_BAD_REQUEST, "a URL has half a surrogate pair in it");
        if (!err && is_in_store(url))
            err = fault_set(f, E_STATEFUL_PATH,
                            "'%.*s' names what provider %.*s opens with rights that all users of "
                            "its key share; send its content instead, or give the tenant a key of "
                            "its own (providers.%.*s.tenant_keys)",
                            STR_ARGS(str_head_utf8(url, 80)), STR_ARGS(provider),
                            STR_ARGS(provider));
    }
    return err;
}

int names_urls_check(const struct chat_request *asked, struct str provider, struct fault *f)
{
    int err = 0;
    if (!chat_has(asked, CHAT_IMAGE_URL) && !chat_has(asked, CHAT_DOCUMENT_URL) &&
        !chat_has(asked, CHAT_AUDIO))
        return 0;
    for (const struct chat_message *m = asked->messages; m && !err; m = m->next)
        err = urls_check(m->blocks, asked->arena, provider, f);
    return err;
}
