/*
 * config_check.c: what is wrong with a configuration beyond single settings: what the tables cannot
 * say, and what spans modules. Providers and the names behind aliases are models_compile's.
 */
#include "api/config.h"

#include <stdio.h>

#include "api/visit.h"
#include "conf/file.h"
#include "llm/provider.h"
#include "llm/upstream.h"
#include "llm/wire.h"
#include "net/handover.h"
#include "net/listener.h"
#include "store/rows.h"

#define KEEP_BYTES_LEAST (1024 * 1024)
#define NAME_BYTES_MAX   256 /* as requests may name a model */

bool config_has_ledger(const struct config *c)
{
    return c->state.ledger.n > 0 && !str_eq(c->state.ledger, STR("off"));
}

/* ---- listeners ---- */

static bool listener_is_good(const struct str *address, struct conf_doc *doc)
{
    struct fault f = {0};
    int err = listener_check(address->p, &f);
    if (!err && str_starts(*address, STR("unix:")))
        err = file_folder_check(str_tail(*address, 5), &f);
    if (err)
        conf_complain(doc, address, "%s", fault_text(&f));
    return !err;
}

/* Rule 13: without keys only this machine may ask. */
static void listeners_check(const struct config *c, struct conf_doc *doc)
{
    bool good = listener_is_good(&c->listen, doc);
    if (good && !c->keys.require && !address_is_loopback(c->listen.p))
        conf_complain(doc, &c->listen,
                      "%.*s is open to others, but no keys are required; set keys: {require: true} "
                      "or listen on 127.0.0.1",
                      STR_ARGS(c->listen));
    if (c->proxy_protocol.n > 0 && !c->keys.require)
        conf_complain(doc, &c->proxy_protocol.at[0],
                      "a proxy brings clients from elsewhere, but no keys are required; set keys: "
                      "{require: true}");
    if (!c->tls.cert_file.n && (c->tls.key_file.n || c->tls.client_ca_file.n))
        conf_complain(doc, c->tls.key_file.n ? &c->tls.key_file : &c->tls.client_ca_file,
                      "without tls.cert_file clients speak no TLS; expected cert_file beside it");
    if (!c->admin_listen.p)
        return;
    if (listener_is_good(&c->admin_listen, doc) && good &&
        address_clashes(c->admin_listen.p, c->listen.p))
        conf_complain(doc, &c->admin_listen,
                      "%.*s is taken by clients (listen: %.*s); expected another port, or no "
                      "admin_listen",
                      STR_ARGS(c->admin_listen), STR_ARGS(c->listen));
}

static void takeover_check(const struct config *c, struct conf_doc *doc)
{
    char address[ADDRESS_BYTES];
    struct fault f = {0};
    if (!c->takeover.p)
        return;
    int err = handover_check(c->takeover, &f);
    if (!err)
        err = file_folder_check(c->takeover, &f);
    snprintf(address, sizeof(address), "unix:%.*s", STR_ARGS(c->takeover));
    if (!err && (address_clashes(address, c->listen.p) ||
                 (c->admin_listen.p && address_clashes(address, c->admin_listen.p))))
        err = fault_set(&f, E_CONFIG, "is where a listener is; expected a path of its own");
    if (err)
        conf_complain(doc, &c->takeover, "%s", fault_text(&f));
}

/* A Host header is compared without its port, so a name with more in it would never be met. */
static void hosts_check(const struct conf_strs *hosts, struct conf_doc *doc)
{
    for (unsigned i = 0; i < hosts->n; i++) {
        struct str rest = hosts->at[i];
        ptrdiff_t scheme = str_find(rest, STR("://"));
        if (scheme >= 0)
            rest = str_tail(rest, (size_t)scheme + 3);
        bool address = str_starts(rest, STR("["));
        rest = str_tail(rest, address);
        struct str name = str_cut(&rest, address ? ']' : '/');
        struct str port = name;
        struct str bare = str_cut(&port, ':');
        if (!address && port.p && str_find(port, STR(":")) < 0) /* one colon: not of an IPv6 */
            name = bare;
        bool odd = name.n == 0 || !str_is_text(name) || str_find(name, STR("*")) >= 0 ||
                   str_find(name, STR(" ")) >= 0;
        if (odd)
            conf_complain(doc, &hosts->at[i], "expected the name of a host, such as gateway.lan");
        else if (!str_eq(name, hosts->at[i]))
            conf_complain(doc, &hosts->at[i],
                          "expected a name without scheme, brackets and port; did you mean '%.*s'?",
                          STR_ARGS(name));
    }
}

/* ---- what is kept, and where ---- */

static void ledger_check(const struct str *ledger, struct conf_doc *doc)
{
    static const char *const offs[] = {"off", "", "none", "no", "false"};
    struct fault f = {0};
    bool off = false;
    for (unsigned i = 0; i < ARRAY_LEN(offs); i++)
        off = off || str_eq_nocase(*ledger, str_from(offs[i]));
    if (!off && rows_check(*ledger, &f) != 0)
        conf_complain(doc, ledger, "%s", fault_text(&f));
    else if (off && !str_eq(*ledger, STR("off")))
        conf_complain(doc, ledger, "'%.*s' names no database; did you mean 'off'?",
                      STR_ARGS(*ledger));
}

static void state_check(const struct config *c, struct conf_doc *doc)
{
    const struct state_settings *s = &c->state;
    struct fault f = {0};
    ledger_check(&s->ledger, doc);
    if (s->keep_bytes > 0 && s->keep_bytes < KEEP_BYTES_LEAST)
        conf_complain(doc, &s->keep_bytes,
                      "is less than an empty database takes, so no turn would stay; expected 1MiB "
                      "or more, or 0 for no limit");
    if (c->log.file.n > 0 && file_place_check(c->log.file, &f) != 0)
        conf_complain(doc, &c->log.file, "%s", fault_text(&f));
}

static bool is_api(struct str name)
{
    for (const struct route_row *r = routes; r->path.p; r++)
        if (r->wire && str_eq(name, str_from(r->wire->name)))
            return true;
    return false;
}

/*
 * Keys are made while sluice serves, too, with any name and tenant, so one that is not declared is
 * no mistake; one that is nearly declared most likely is, and would be recorded.
 */
static void excepted_check(const struct conf_strs *excepted, const struct str *names, unsigned n,
                           const char *what, struct conf_doc *doc)
{
    for (unsigned i = 0; i < excepted->n; i++) {
        const struct str *name = &excepted->at[i];
        bool declared = false;
        for (unsigned k = 0; k < n; k++)
            declared = declared || str_eq(*name, names[k]);
        struct str near = declared ? STR_NONE : str_nearest(*name, names, n);
        if (near.n)
            conf_warn(doc, name, "no declared key %s '%.*s'; did you mean '%.*s'?", what,
                      STR_ARGS(*name), STR_ARGS(near));
    }
}

static void exceptions_check(const struct config *c, struct conf_doc *doc)
{
    const struct conf_map *declared = &c->keys.declared;
    struct str *tenants = ARENA_ARRAY(conf_arena(doc), struct str, declared->n + 1);
    for (unsigned i = 0; tenants && i < declared->n; i++)
        tenants[i] = ((const struct declared_key_settings *)declared->at)[i].tenant;
    const struct recording_except_settings *e = &c->recording.except;
    excepted_check(&e->keys, declared->name, declared->n, "is called", doc);
    excepted_check(&e->tenants, tenants, tenants ? declared->n : 0, "has the tenant", doc);
}

static void recording_check(const struct recording_settings *s, struct conf_doc *doc)
{
    struct fault f = {0};
    struct str inside = arena_printf(conf_arena(doc), "%.*s/x", STR_ARGS(s->folder));
    bool there = s->folder.n > 0 && inside.p && file_is_folder(s->folder);
    if (s->folder.n > 0 && file_folder_check(there ? inside : s->folder, &f) != 0)
        conf_complain(doc, &s->folder, "%s", fault_text(&f));
    for (unsigned i = 0; i < s->except.apis.n; i++)
        if (!is_api(s->except.apis.at[i]))
            conf_complain(doc, &s->except.apis.at[i],
                          "expected a protocol's name: openai.chat, openai.responses, anthropic, "
                          "anthropic.count_tokens, openai.completion or openai.embedding");
}

/* ---- where providers answer ---- */

/* Would what is sent there come in by our own listener at `listen`? */
static bool is_own(const struct url *url, const char *listen)
{
    /* One machine's names for itself. A program of its own may answer at 127.0.0.2. */
    static const char *const self[] = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"};
    bool here = false, clashes = false;
    for (unsigned i = 0; i < ARRAY_LEN(self); i++)
        here = here || str_eq_nocase(url->host, str_from(self[i]));
    const struct str hosts[] = {url->host, STR("127.0.0.1"), STR("::1")};
    for (unsigned i = 0; i < (here ? ARRAY_LEN(hosts) : 1); i++) {
        bool in6 = str_find(hosts[i], STR(":")) >= 0;
        char address[300];
        snprintf(address, sizeof(address), "%s%.*s%s:%u", in6 ? "[" : "", STR_ARGS(hosts[i]),
                 in6 ? "]" : "", url->port);
        clashes = clashes || address_clashes(address, listen);
    }
    return clashes;
}

/* The base URL's part that sluice adds to it by itself; STR_NONE: it has none. */
static struct str operation_of(const struct url *url)
{
    const struct str ends[] = {STR("/chat/completions"), STR("/completions"), STR("/embeddings"),
                               STR("/responses"),        STR("/messages"),    STR("/models")};
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++)
        if (str_ends(url->path, ends[i]))
            return ends[i];
    return STR_NONE;
}

/* What is no URL at all, models_compile says. */
static void base_url_check(const struct config *c, const char *listen,
                           const struct provider_settings *p, const struct str *text,
                           struct conf_doc *doc)
{
    const char *own[] = {listen, c->admin_listen.p};
    struct fault f = {0};
    struct url url;
    if (url_parse(*text, "", &url, &f) != 0)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(own); i++) {
        if (!own[i] || !is_own(&url, own[i]))
            continue;
        conf_complain(doc, text,
                      "%.*s is where this sluice listens itself (%s), so requests would go round "
                      "without end; expected the provider's own address (sluice's address is for "
                      "the applications' base URL)",
                      STR_ARGS(*text), own[i]);
        return;
    }
    struct str end = operation_of(&url);
    bool adds = p->path.n == 0 || str_find(p->path, STR("{operation}")) >= 0;
    if (end.n > 0 && adds)
        conf_warn(doc, text, "sluice adds %.*s and the like by itself; did you mean '%.*s'?",
                  STR_ARGS(end), (int)(url.path.p + url.path.n - end.n - text->p), text->p);
    bool bare = url.path.n == 0 || str_eq(url.path, STR("/"));
    for (unsigned i = 0; provider_kinds[i] && bare && adds; i++) {
        const char *usual = provider_kinds[i]->base_url;
        struct url theirs;
        if (usual && url_parse(str_from(usual), "", &theirs, &f) == 0 &&
            str_eq_nocase(url.host, theirs.host))
            conf_warn(doc, text, "what it answers is under %.*s; did you mean '%s'?",
                      STR_ARGS(theirs.path), usual);
    }
}

/* Does a kind of provider take its key in this header? */
static bool is_key_header(struct str name)
{
    bool takes = str_eq_nocase(name, STR("Authorization"));
    for (unsigned i = 0; provider_kinds[i] && !takes; i++)
        takes = provider_kinds[i]->key_header &&
                str_eq_nocase(name, str_from(provider_kinds[i]->key_header));
    return takes;
}

/* What stands under `headers` is no secret to those who may look at the configuration. */
static void headers_check(const struct provider_settings *s, struct conf_doc *doc)
{
    static const char *const ours[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                       "Connection", "Content-Type",   "Accept-Encoding"};
    for (unsigned i = 0; i < s->headers.n; i++) {
        for (unsigned k = 0; k < ARRAY_LEN(ours); k++)
            if (str_eq_nocase(s->headers.name[i], str_from(ours[k])))
                conf_complain(doc, &s->headers.name[i], "sluice sends this header itself");
        if (is_key_header(s->headers.name[i]))
            conf_warn(doc, &s->headers.name[i],
                      "is shown with the configuration; give a key under 'key', which is not "
                      "(and 'key_header' says in which header it goes)");
    }
}

/* ---- names ---- */

/* Why nobody could ask for this name; NULL: they can. */
static const char *name_wrong(struct str s)
{
    if (s.n == 0)
        return "is empty";
    if (s.n > NAME_BYTES_MAX)
        return "is longer than 256 bytes";
    if (!str_is_text(s))
        return "has a control character in it";
    if (str_find(s, STR(" ")) >= 0 || str_find(s, STR(",")) >= 0)
        return "has a space or a comma in it";
    return str_find(s, STR("*")) >= 0 ? "has a star in it, and a name stands for itself only"
                                      : NULL;
}

/* The provider whose models a name that begins so would hide; STR_NONE: none. */
static struct str hidden_provider(const struct conf_map *providers, struct str name)
{
    struct str rest = name, first = str_cut(&rest, '/');
    for (unsigned i = 0; rest.p && i < providers->n; i++)
        if (str_eq(providers->name[i], first))
            return first;
    return STR_NONE;
}

/* Whether it leads anywhere, models_compile says; here, whether a header and a log can carry it. */
static void target_check(const struct str *is, struct conf_doc *doc)
{
    if (!str_is_text(*is))
        conf_complain(doc, is, "has a control character in it; expected provider/model");
}

static void alias_check(const struct config *c, const struct str *name,
                        const struct model_settings *s, struct conf_doc *doc)
{
    target_check(&s->is, doc);
    for (unsigned i = 0; i < s->fallback.n; i++)
        target_check(&s->fallback.at[i], doc);
    const char *wrong = name_wrong(*name);
    struct str hidden = hidden_provider(&c->models.providers, *name);
    if (wrong)
        conf_complain(doc, name, "the name %s; expected one such as fast", wrong);
    else if (str_eq(*name, STR("auto")))
        conf_complain(doc, name,
                      "this name is reserved for routing by difficulty; expected another");
    else if (str_starts(*name, STR("lane/")))
        conf_complain(
            doc, name,
            "names that begin with lane/ are those of 'lanes'; expected another, or '%.*s' "
            "there",
            STR_ARGS(str_tail(*name, 5)));
    else if (hidden.n > 0)
        conf_complain(doc, name,
                      "this name would hide a model of provider '%.*s'; expected one that does not "
                      "begin with '%.*s/'",
                      STR_ARGS(hidden), STR_ARGS(hidden));
}

static void lane_check(const struct str *name, const struct conf_list *items, struct conf_doc *doc)
{
    for (unsigned i = 0; i < items->n; i++)
        target_check(&((const struct lane_item_settings *)items->at)[i].is, doc);
    const char *wrong = name_wrong(*name);
    if (!wrong && str_find(*name, STR("/")) >= 0)
        wrong = "has a '/' in it";
    if (wrong)
        conf_complain(doc, name, "the lane's name %s; expected one such as cheap", wrong);
    if (items->n == 0)
        conf_complain(doc, name, "a lane without models; expected a list such as [fast]");
}

/* What follows base_url: it has to make a request line, and words in braces are ours. */
static void path_check(const struct str *path, struct conf_doc *doc)
{
    const struct str words[] = {STR("{operation}"), STR("{model}")};
    bool odd = path->n > 0 && path->p[0] != '/';
    for (size_t i = 0; i < path->n; i++)
        odd = odd || (unsigned char)path->p[i] <= ' ' || (unsigned char)path->p[i] >= 127;
    if (odd)
        conf_complain(doc, path, "expected a path that begins with '/', in ASCII without spaces");
    struct str rest = *path;
    for (ptrdiff_t at; (at = str_find(rest, STR("{"))) >= 0; rest = str_tail(rest, 1)) {
        rest = str_tail(rest, (size_t)at);
        if (str_starts(rest, words[0]) || str_starts(rest, words[1]))
            continue;
        struct str word = str_head(rest, (size_t)(str_find(rest, STR("}")) + 1));
        struct str near = str_nearest(word, words, ARRAY_LEN(words));
        conf_complain(doc, path, "'%.*s' is not known; expected {operation} or {model}%s%.*s%s",
                      STR_ARGS(str_head(word.n ? word : rest, 40)),
                      near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    }
}

static void provider_check(const struct config *c, const char *listen, const struct str *name,
                           const struct provider_settings *s, struct conf_doc *doc)
{
    const char *wrong = name_wrong(*name);
    if (!wrong && str_eq(*name, STR("none")))
        wrong = "is what default_provider says for nobody";
    if (wrong)
        conf_complain(doc, name, "the provider's name %s; expected another", wrong);
    path_check(&s->path, doc);
    for (unsigned i = 0; i < s->base_url.n; i++)
        base_url_check(c, listen, s, &((const struct base_url_settings *)s->base_url.at)[i].url,
                       doc);
    headers_check(s, doc);
    if (s->file.n > 0 && file_is_folder(s->file) && !file_folder_has(s->file, "sluice-*.jsonl"))
        conf_complain(doc, &s->file,
                      "%.*s is a folder without recordings; expected a file, or a "
                      "folder with sluice-*.jsonl in it",
                      STR_ARGS(s->file));
}

static void names_check(const struct config *c, const char *listen, struct conf_doc *doc)
{
    const struct models_settings *m = &c->models;
    for (unsigned i = 0; i < m->providers.n; i++)
        provider_check(c, listen, &m->providers.name[i],
                       &((const struct provider_settings *)m->providers.at)[i], doc);
    for (unsigned i = 0; i < m->models.n; i++)
        alias_check(c, &m->models.name[i], &((const struct model_settings *)m->models.at)[i], doc);
    for (unsigned i = 0; i < m->lanes.n; i++)
        lane_check(&m->lanes.name[i], &((const struct conf_list *)m->lanes.at)[i], doc);
    if (m->providers.n == 0)
        conf_warn(doc, NULL, "there is no provider, so no request can be answered");
}

int config_check(const struct config *c, const char *listen, struct conf_doc *doc)
{
    listeners_check(c, doc);
    takeover_check(c, doc);
    hosts_check(&c->hosts, doc);
    state_check(c, doc);
    recording_check(&c->recording, doc);
    exceptions_check(c, doc);
    names_check(c, listen ? listen : c->listen.p, doc);
    if (c->keys.require && c->keys.declared.n == 0 && !config_has_ledger(c))
        conf_complain(doc, &c->keys.require,
                      "keys are required, but none is declared, and without state.ledger none can "
                      "be made");
    limits_settings_check(&c->limits, doc);
    return keys_settings_check(&c->keys, doc);
}

/* Is `name` (which has a '/') the name that a provider's model has by itself? */
static bool is_priced_model(const struct models *models, struct str name, struct conf_doc *doc)
{
    for (unsigned i = 0; i < models_name_count(models); i++) {
        struct route route = {0};
        struct fault f = {0};
        if (models_resolve(models, models_name_at(models, i), conf_arena(doc), &route, &f) != 0)
            continue;
        for (unsigned k = 0; k < route.n; k++)
            if (str_eq(route.at[k].model, name))
                return true;
    }
    return false;
}

void config_prices_check(const struct config *c, const struct models *models, struct conf_doc *doc)
{
    for (unsigned i = 0; i < c->prices.n; i++) {
        const struct str *name = &c->prices.name[i];
        struct str rest = *name, who = str_cut(&rest, '/');
        bool known = !rest.p; /* a model of any provider */
        for (unsigned k = 0; k < models_provider_count(models) && !known; k++) {
            const struct provider *p = models_provider_at(models, k);
            known = str_eq(who, p->name) || str_eq(who, p->listed);
        }
        if (known || is_priced_model(models, *name, doc))
            continue;
        const struct conf_map *providers = &c->models.providers;
        struct str near = str_nearest(who, providers->name, providers->n);
        conf_warn(doc, name,
                  "no provider is called '%.*s', so this is the price of nothing but a model "
                  "'%.*s'%s%.*s%s",
                  STR_ARGS(who), STR_ARGS(*name), near.n ? "; did you mean '" : "", STR_ARGS(near),
                  near.n ? "'?" : "");
    }
}
