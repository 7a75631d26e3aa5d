/*
 * provider_compile.c: from a provider's settings to a provider.
 */
#include "llm/provider.h"

#define REPLICAS_MAX 64 /* a bit each: llm_call.tried */

static int provider_urls_open(const struct provider_makings *m, struct provider *p)
{
    const struct provider_settings *s = p->settings;
    struct base_url_settings fallback = {
        .url = p->base_url.n ? p->base_url : str_from(p->kind->base_url), .weight = 1};
    const struct base_url_settings *urls = s->base_url.n ? s->base_url.at : &fallback;
    unsigned n = s->base_url.n ? s->base_url.n : 1;
    if (fallback.url.n == 0 && s->base_url.n == 0) {
        conf_complain(m->doc, s, "kind %s needs a base_url", p->kind->name);
        return E_CONFIG;
    }
    if (n > REPLICAS_MAX) {
        conf_complain(m->doc, s, "%u base URLs; expected at most %d", n, REPLICAS_MAX);
        return E_CONFIG;
    }
    p->replicas = ARENA_ARRAY(m->arena, struct replica, n);
    if (!p->replicas)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        struct fault f = {0};
        struct url url;
        int err = url_parse(
            urls[i].url, "give the key under 'key' and the version under 'api_version'", &url, &f);
        if (!err)
            err = upstreams_get(m->upstreams, &url, s, &p->replicas[i].endpoint, &f);
        if (err) {
            conf_complain(m->doc, s->base_url.n ? &urls[i] : (const void *)s, "%s", fault_text(&f));
            return E_CONFIG;
        }
        struct str listed = prices_listed(url.host);
        p->listed = i == 0 || str_eq(listed, p->listed) ? listed : STR_NONE;
        p->replicas[i].path = url.path;
        p->replicas[i].weight = (unsigned)urls[i].weight;
        p->replicas_n = i + 1;
    }
    return 0;
}

/* A setting, or the kind's, or everybody's. */
static struct str given_or(struct str setting, const char *kinds, const char *usual)
{
    return setting.n ? setting : str_from(kinds ? kinds : usual);
}

static void provider_path_make(struct provider *p)
{
    p->path = given_or(p->settings->path, p->kind->path, "/{operation}");
    p->api_version = given_or(p->settings->api_version, p->kind->api_version, "");
    p->path_is_plain = str_eq(p->path, STR("/{operation}")) && p->api_version.n == 0;
}

/* A header name is a token, a value has no line ends: else one setting could write two headers. */
static bool header_is_sane(struct str name, struct str value)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == ':' || name.p[i] == 127)
            return false;
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 127)
            return false;
    return name.n > 0;
}

static int provider_tenants_make(const struct provider_makings *m, struct provider *p)
{
    const struct conf_map *map = &p->settings->tenant_keys;
    const struct tenant_key_settings *keys = map->at;
    p->tenants = ARENA_ARRAY(m->arena, struct tenant_key, map->n + 1);
    if (!p->tenants)
        return E_MEMORY;
    for (unsigned i = 0; i < map->n; i++) {
        struct str value = arena_join(m->arena, p->key_prefix, keys[i].secret);
        if (!value.p)
            return E_MEMORY;
        if (keys[i].secret.n == 0 || !header_is_sane(p->key_header, value)) {
            conf_complain(m->doc, &keys[i],
                          "expected a key that a header can carry: not empty, "
                          "without a line end");
            return E_CONFIG;
        }
        p->tenants[i] = (struct tenant_key){.tenant = map->name[i], .value = value};
    }
    p->tenants_n = map->n;
    return 0;
}

static int provider_keys_make(const struct provider_makings *m, struct provider *p)
{
    const struct upstream_key_settings *keys = p->settings->api_keys.at;
    unsigned n = p->settings->api_keys.n;
    if (p->settings->key.n > 0) {
        conf_complain(m->doc, &p->settings->key,
                      "'key' and 'api_keys' are two places for the same; "
                      "expected one of them");
        return E_CONFIG;
    }
    p->keys = ARENA_ARRAY(m->arena, struct provider_key, n);
    if (!p->keys)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        p->keys[i].value = arena_join(m->arena, p->key_prefix, keys[i].secret);
        p->keys[i].weight = (unsigned)keys[i].weight;
        if (!p->keys[i].value.p)
            return E_MEMORY;
        if (keys[i].secret.n == 0 || !header_is_sane(p->key_header, p->keys[i].value)) {
            conf_complain(m->doc, &keys[i],
                          "expected a key that a header can carry: not empty, "
                          "without a line end");
            return E_CONFIG;
        }
    }
    p->keys_n = n;
    return 0;
}

static int provider_key_make(const struct provider_makings *m, struct provider *p)
{
    const struct provider_settings *s = p->settings;
    p->key_header = given_or(s->key_header, p->kind->key_header, "Authorization");
    p->key_prefix = s->key_prefix;
    if (p->key_prefix.n == 0 && str_eq_nocase(p->key_header, STR("Authorization")))
        p->key_prefix = STR("Bearer ");
    if (s->api_keys.n > 0)
        return provider_keys_make(m, p);
    if (s->key.n == 0)
        return 0;
    p->key_value = arena_join(m->arena, p->key_prefix, s->key);
    return p->key_value.p ? 0 : E_MEMORY;
}

/* What a request of sluice's has: always, or where somebody's key goes out in it. */
static bool header_is_ours(const struct provider *p, struct str name)
{
    bool keyed = p->keys_n > 0 || p->tenants_n > 0 || p->settings->pass_key;
    return (keyed && str_eq_nocase(name, p->key_header)) ||
           http_headers_count(&p->headers, name) > 0 || str_eq_nocase(name, STR("Host")) ||
           str_eq_nocase(name, STR("Content-Type")) || str_eq_nocase(name, STR("Accept-Encoding"));
}

static int provider_headers_make(const struct provider_makings *m, struct provider *p)
{
    const struct conf_str_map *extra = &p->settings->headers;
    http_headers_init(&p->headers, m->arena);
    if (!header_is_sane(p->key_header, p->key_value)) {
        conf_complain(m->doc, p->settings,
                      "the key or its header has a character that a header "
                      "cannot carry (a line end?)");
        return E_CONFIG;
    }
    if (p->key_value.n && http_headers_add(&p->headers, p->key_header, p->key_value) != 0)
        return E_MEMORY;
    for (unsigned i = 0; i < extra->n; i++) {
        if (!header_is_sane(extra->name[i], extra->value[i])) {
            conf_complain(m->doc, &p->settings->headers, "'%.*s' is no header",
                          STR_ARGS(extra->name[i]));
            return E_CONFIG;
        }
        if (header_is_ours(p, extra->name[i])) {
            conf_complain(m->doc, &p->settings->headers,
                          "'%.*s' is set by sluice itself, or stands here twice",
                          STR_ARGS(extra->name[i]));
            return E_CONFIG;
        }
        int err = http_headers_add(&p->headers, extra->name[i], extra->value[i]);
        if (err)
            return err;
    }
    return 0;
}

int provider_compile(const struct provider_makings *m, struct str name,
                     const struct provider_settings *s, struct provider *p)
{
    p->name = name;
    p->prefix = arena_join(m->arena, name, STR("/"));
    if (!p->prefix.p)
        return E_MEMORY;
    p->settings = s;
    p->arena = m->arena;
    p->timeouts = timeouts_over(&s->timeouts, &timeouts_default);
    if (str_find(name, STR("/")) >= 0 || str_eq(name, STR("lane"))) {
        conf_complain(m->doc, s, "a provider's name has no '/' and is not 'lane'");
        return E_CONFIG;
    }
    p->kind = provider_kind_find(s->kind);
    if (!p->kind) {
        struct str words[16];
        unsigned n = 0;
        for (; provider_kinds[n] && n < ARRAY_LEN(words); n++)
            words[n] = str_from(provider_kinds[n]->name);
        struct str near = str_nearest(s->kind, words, n);
        conf_complain(m->doc, &s->kind, "no kind of provider is called '%.*s'%s%.*s%s",
                      STR_ARGS(s->kind), near.n ? "; did you mean '" : "; expected openai",
                      STR_ARGS(near), near.n ? "'?" : ", anthropic, gemini, bedrock or azure");
        return E_CONFIG;
    }
    provider_path_make(p);
    int err = provider_key_make(m, p);
    if (!err)
        err = provider_tenants_make(m, p);
    if (!err)
        err = provider_headers_make(m, p);
    if (!err && p->kind->open)
        err = p->kind->open(p, m->doc);
    if (!err && p->kind->over_http)
        err = provider_urls_open(m, p);
    /* OpenAI's reasoning models refuse the older name; other servers may not know the newer. */
    p->limit_is_new = s->limit_name == LIMIT_NEW ||
                      (s->limit_name == LIMIT_AUTO && str_eq(p->listed, STR("openai")));
    p->has_responses = s->responses == RESPONSES_ON ||
                       (s->responses == RESPONSES_AUTO && str_eq(p->listed, STR("openai")));
    if (s->prices.n)
        p->listed = s->prices;
    return err;
}
