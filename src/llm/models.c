#include "llm/models.h"

#include <stdlib.h>

#include "base/json.h"
#include "llm/prefix.h"

/* The longest chain of aliases and lanes. */
#define ALIAS_DEPTH_MAX 16
#define TARGETS_MAX     32
#define EFFORT          "reasoning_effort"

struct named_route {
    struct str name;
    struct route route;
};

struct models {
    struct arena *arena;
    struct conf_doc *doc;
    struct upstreams *upstreams;
    const struct prices *prices;
    const struct models_settings *settings;
    const struct provider *default_provider;
    unsigned providers_n;
    struct provider *providers;
    unsigned names_n;
    struct named_route *names; /* sorted by name */
};

/* ---- providers ---- */

static int providers_compile(struct models *m)
{
    const struct conf_map *map = &m->settings->providers;
    const struct provider_makings with = {m->arena, m->doc, m->upstreams};
    m->providers = ARENA_ARRAY(m->arena, struct provider, map->n + 1);
    if (!m->providers)
        return E_MEMORY;
    int first = 0;
    for (unsigned i = 0; i < map->n; i++) {
        const struct provider_settings *s = &((const struct provider_settings *)map->at)[i];
        int err = provider_compile(&with, map->name[i], s, &m->providers[i]);
        m->providers_n = i + 1; /* also a half-made one is closed */
        first = first ? first : err;
    }
    struct str wanted = m->settings->default_provider;
    if (wanted.n == 0 && map->n == 1)
        m->default_provider = &m->providers[0];
    if (wanted.n == 0 || str_eq(wanted, STR("none")))
        return first;
    m->default_provider = models_provider(m, wanted);
    if (!m->default_provider) {
        struct str near = str_nearest(wanted, map->name, map->n);
        conf_complain(m->doc, &m->settings->default_provider,
                      "no provider is called '%.*s'%s%.*s%s", STR_ARGS(wanted),
                      near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
        return E_CONFIG;
    }
    return first;
}

/* ---- names ---- */

/* What the names on the way to a target say of it; the outer ones come first. */
struct outer {
    struct str params;
    const struct prefix *prefix;
    struct timeouts timeouts;
};

/* What is collected while one name is followed to its targets. */
struct expansion {
    struct models *m;
    const void *field;                    /* for complaints */
    struct str open[ALIAS_DEPTH_MAX + 1]; /* the names on the way here, by depth */
    unsigned n;
    struct target at[TARGETS_MAX];
};

static void member_write(struct buf *out, yyjson_val *key, yyjson_val *value)
{
    buf_char(out, out->n ? ',' : '{');
    json_quote(out, json_str(key));
    buf_char(out, ':');
    json_value(out, value);
}

/* The members of `outer`, and those of `inner` that it lacks. */
static int params_merge(struct arena *arena, struct str outer, struct str inner,
                        struct str *ret_params)
{
    if (outer.n == 0 || inner.n == 0) {
        *ret_params = outer.n ? outer : inner;
        return 0;
    }
    yyjson_doc *a = NULL, *b = NULL;
    int err = json_parse(arena, outer, &a, NULL);
    if (!err)
        err = json_parse(arena, inner, &b, NULL);
    if (err)
        return err;
    struct buf out;
    buf_init(&out, 2 * (outer.n + inner.n) + 16);
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_doc_get_root(a), i, n, key, value)
    {
        member_write(&out, key, value);
    }
    yyjson_obj_foreach(yyjson_doc_get_root(b), i, n, key, value)
    {
        if (!yyjson_obj_getn(yyjson_doc_get_root(a), yyjson_get_str(key), yyjson_get_len(key)))
            member_write(&out, key, value);
    }
    buf_str(&out, out.n ? STR("}") : STR("{}"));
    *ret_params = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return ret_params->p ? 0 : E_MEMORY;
}

/* What decides how sluice itself reads the answer belongs to the request. */
static bool params_check(struct models *m, const void *field, struct str params)
{
    static const char *const not_here[] = {"model", "stream", "stream_options"};
    if (params.n == 0)
        return true;
    yyjson_val *root = json_peek(params);
    if (!yyjson_is_obj(root)) {
        conf_complain(m->doc, field, "expected a map of parameters, such as {temperature: 0}");
        return false;
    }
    for (unsigned i = 0; i < ARRAY_LEN(not_here); i++) {
        if (!yyjson_obj_get(root, not_here[i]))
            continue;
        conf_complain(m->doc, field, "'%s' is the request's own and no parameter to add",
                      not_here[i]);
        return false;
    }
    return true;
}

/* Finds reasoning_effort among the parameters: each protocol has its own place for it. */
static int effort_find(struct arena *arena, struct str params, struct str *ret_rest,
                       struct str *ret_effort)
{
    yyjson_doc *doc = NULL;
    struct buf rest, effort;
    *ret_rest = params;
    *ret_effort = STR_NONE;
    int err = params.n ? json_parse(arena, params, &doc, NULL) : 0;
    if (err || !yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), EFFORT)))
        return err;
    buf_init(&rest, params.n * 6 + 16);
    buf_init(&effort, params.n * 6 + 16);
    size_t i, n;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_doc_get_root(doc), i, n, key, value)
    {
        if (str_eq(json_str(key), STR(EFFORT)))
            json_value(&effort, value);
        else
            member_write(&rest, key, value);
    }
    if (rest.n)
        buf_char(&rest, '}');
    *ret_rest = arena_str(arena, buf_view(&rest));
    *ret_effort = arena_str(arena, buf_view(&effort));
    err = rest.failed || effort.failed || !ret_effort->p ? E_MEMORY : 0;
    buf_fini(&rest);
    buf_fini(&effort);
    return err;
}

/* A body has room for one of each: what a parameter says would stand beside the prefix. */
static bool prefix_fits(struct expansion *x, const struct outer *outer)
{
    static const char *const same[] = {"messages", "system", "instructions", "input"};
    yyjson_val *params = outer->prefix && outer->params.n ? json_peek(outer->params) : NULL;
    for (unsigned i = 0; params && i < ARRAY_LEN(same); i++) {
        if (!yyjson_obj_get(params, same[i]))
            continue;
        conf_complain(x->m->doc, x->field,
                      "its parameters have '%s', and it has a prefix; expected all messages in the "
                      "prefix",
                      same[i]);
        return false;
    }
    return true;
}

static int target_add(struct expansion *x, const struct provider *p, struct str model,
                      const struct outer *outer)
{
    struct str effort, rest;
    int err = effort_find(x->m->arena, outer->params, &rest, &effort);
    if (err)
        return err;
    if (!prefix_fits(x, outer))
        return E_CONFIG;
    if (x->n == TARGETS_MAX) {
        conf_complain(x->m->doc, x->field, "more than %d models stand behind this name",
                      TARGETS_MAX);
        return E_CONFIG;
    }
    x->at[x->n++] =
        (struct target){.provider = p,
                        .model = model,
                        .params = outer->params,
                        .params_rest = rest,
                        .effort = effort,
                        .prefix = outer->prefix,
                        .timeouts = timeouts_over(&outer->timeouts, &p->timeouts),
                        .price = prices_find(x->m->prices, x->m->arena, p->name, p->listed, model)};
    return 0;
}

static int name_expand(struct expansion *x, struct str name, const struct outer *outer,
                       unsigned depth);

static struct str effort_params(struct arena *arena, struct str effort)
{
    struct buf out;
    buf_init(&out, effort.n * 6 + 32);
    buf_str(&out, STR("{\"" EFFORT "\":"));
    json_quote(&out, effort);
    buf_char(&out, '}');
    struct str params = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return params;
}

/* What a name or a lane's item adds to what the names outside of it say. */
static int outer_add(struct expansion *x, const struct outer *outer, struct str params,
                     const struct conf_list *prefix, const struct timeouts *timeouts, struct str of,
                     struct outer *ret_outer)
{
    const struct prefix *own = NULL;
    int err = params_merge(x->m->arena, outer->params, params, &ret_outer->params);
    if (!err)
        err = prefix_compile(x->m->doc, prefix, of, &own);
    ret_outer->prefix = outer->prefix ? outer->prefix : own;
    ret_outer->timeouts = timeouts_over(&outer->timeouts, timeouts);
    return err;
}

static int item_expand(struct expansion *x, struct str lane, const struct lane_item_settings *item,
                       const struct outer *outer, unsigned depth)
{
    struct str own = item->params;
    struct outer with;
    struct str of = arena_printf(x->m->arena, "lanes.%.*s", STR_ARGS(lane));
    int err = params_check(x->m, &item->params, own) ? 0 : E_CONFIG;
    if (!err && item->reasoning_effort.n) {
        struct str effort = effort_params(x->m->arena, item->reasoning_effort);
        err = effort.p ? params_merge(x->m->arena, effort, item->params, &own) : E_MEMORY;
    }
    if (!err)
        err = of.p ? outer_add(x, outer, own, &item->prefix, &item->timeouts, of, &with) : E_MEMORY;
    return err ? err : name_expand(x, item->is, &with, depth + 1);
}

static int lane_expand(struct expansion *x, struct str lane, const struct outer *outer,
                       unsigned depth)
{
    const struct conf_map *lanes = &x->m->settings->lanes;
    for (unsigned i = 0; i < lanes->n; i++) {
        if (!str_eq(lanes->name[i], lane))
            continue;
        const struct conf_list *items = &((const struct conf_list *)lanes->at)[i];
        for (unsigned k = 0; k < items->n; k++) {
            const struct lane_item_settings *item =
                &((const struct lane_item_settings *)items->at)[k];
            int err = item_expand(x, lane, item, outer, depth);
            if (err)
                return err;
        }
        return 0;
    }
    struct str near = str_nearest(lane, lanes->name, lanes->n);
    conf_complain(x->m->doc, x->field, "no lane is called '%.*s'%s%.*s%s", STR_ARGS(lane),
                  near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    return E_CONFIG;
}

static int alias_expand(struct expansion *x, struct str name, const struct model_settings *alias,
                        const struct outer *outer, unsigned depth)
{
    struct outer with;
    struct str of = arena_printf(x->m->arena, "models.%.*s", STR_ARGS(name));
    if (!params_check(x->m, &alias->params, alias->params))
        return E_CONFIG;
    int err = of.p ? outer_add(x, outer, alias->params, &alias->prefix, &alias->timeouts, of, &with)
                   : E_MEMORY;
    if (!err)
        err = name_expand(x, alias->is, &with, depth + 1);
    for (unsigned i = 0; !err && i < alias->fallback.n; i++) {
        if (depth == 0)
            x->field = &alias->fallback.at[i];
        err = name_expand(x, alias->fallback.at[i], &with, depth + 1);
    }
    return err;
}

static const struct model_settings *alias_find(const struct models *m, struct str name)
{
    const struct conf_map *map = &m->settings->models;
    for (unsigned i = 0; i < map->n; i++)
        if (str_eq(map->name[i], name))
            return &((const struct model_settings *)map->at)[i];
    return NULL;
}

/* "provider/model" of a configured provider. */
static const struct provider *provider_of(const struct models *m, struct str name,
                                          struct str *ret_model)
{
    ptrdiff_t slash = str_find(name, STR("/"));
    if (slash <= 0 || (size_t)slash + 1 == name.n)
        return NULL;
    *ret_model = str_tail(name, (size_t)slash + 1);
    return models_provider(m, str_head(name, (size_t)slash));
}

/* Remembers a name while it is being followed; false: that leads nowhere. */
static bool name_open(struct expansion *x, struct str name, unsigned depth)
{
    if (depth > ALIAS_DEPTH_MAX) {
        conf_complain(x->m->doc, x->field, "'%.*s' is more than %d names away", STR_ARGS(name),
                      ALIAS_DEPTH_MAX);
        return false;
    }
    for (unsigned i = 0; i < depth; i++) {
        if (!str_eq(x->open[i], name))
            continue;
        conf_complain(x->m->doc, x->field, "'%.*s' leads back to itself", STR_ARGS(name));
        return false;
    }
    x->open[depth] = name;
    return true;
}

/* An alias, or the same model of the provider whose name is nearest. */
static struct str nearest(const struct models *m, struct str name)
{
    const struct conf_map *models = &m->settings->models, *providers = &m->settings->providers;
    struct str near = str_nearest(name, models->name, models->n);
    ptrdiff_t slash = str_find(name, STR("/"));
    if (near.n || slash <= 0)
        return near;
    near = str_nearest(str_head(name, (size_t)slash), providers->name, providers->n);
    return near.n ? arena_join(m->arena, near, str_tail(name, (size_t)slash)) : near;
}

static int name_expand(struct expansion *x, struct str name, const struct outer *outer,
                       unsigned depth)
{
    if (str_eq(name, STR("auto"))) {
        conf_complain(x->m->doc, x->field,
                      "'auto' needs the router, which this version does not have; name a lane "
                      "(lane/NAME) or a model");
        return E_CONFIG;
    }
    bool lane = str_starts(name, STR("lane/"));
    const struct model_settings *alias = lane ? NULL : alias_find(x->m, name);
    if ((lane || alias) && !name_open(x, name, depth))
        return E_CONFIG;
    if (lane)
        return lane_expand(x, str_tail(name, 5), outer, depth);
    if (alias)
        return alias_expand(x, name, alias, outer, depth);
    struct str model;
    const struct provider *p = provider_of(x->m, name, &model);
    if (p)
        return target_add(x, p, model, outer);
    struct str near = nearest(x->m, name);
    conf_complain(x->m->doc, x->field,
                  "'%.*s' is neither a name of 'models' nor provider/model%s%.*s%s", STR_ARGS(name),
                  near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
    return E_CONFIG;
}

static int route_make(struct models *m, struct expansion *x, struct str name, struct str lane)
{
    struct target *at = ARENA_ARRAY(m->arena, struct target, x->n + 1);
    if (!at)
        return E_MEMORY;
    memcpy(at, x->at, sizeof(*at) * x->n);
    m->names[m->names_n++] = (struct named_route){.name = name,
                                                  .route = {.lane = lane, .n = x->n, .at = at}};
    return 0;
}

static int named_compare(const void *a, const void *b)
{
    return str_cmp(((const struct named_route *)a)->name, ((const struct named_route *)b)->name);
}

static int names_compile(struct models *m)
{
    static const struct outer none = {.prefix = NULL};
    const struct conf_map *models = &m->settings->models, *lanes = &m->settings->lanes;
    m->names = ARENA_ARRAY(m->arena, struct named_route, models->n + lanes->n + 1);
    struct expansion *x = ARENA_NEW(m->arena, struct expansion);
    if (!m->names || !x)
        return E_MEMORY;
    x->m = m;
    int first = 0;
    for (unsigned i = 0; i < models->n; i++) {
        const struct model_settings *s = &((const struct model_settings *)models->at)[i];
        x->n = 0;
        x->field = s;
        x->open[0] = models->name[i];
        struct str lane = str_starts(s->is, STR("lane/")) ? str_tail(s->is, 5) : STR_NONE;
        int err = alias_expand(x, models->name[i], s, &none, 0);
        err = err ? err : route_make(m, x, models->name[i], lane);
        first = first ? first : err;
    }
    for (unsigned i = 0; i < lanes->n; i++) {
        x->n = 0;
        x->field = &((const struct conf_list *)lanes->at)[i];
        struct str name = arena_printf(m->arena, "lane/%.*s", STR_ARGS(lanes->name[i]));
        x->open[0] = name;
        int err = name.p ? lane_expand(x, lanes->name[i], &none, 0) : E_MEMORY;
        err = err ? err : route_make(m, x, name, lanes->name[i]);
        first = first ? first : err;
    }
    qsort(m->names, m->names_n, sizeof(*m->names), named_compare);
    return first;
}

int models_compile(const struct models_settings *settings, struct conf_doc *doc,
                   struct upstreams *upstreams, const struct prices *prices,
                   struct models **ret_models)
{
    struct models *m = ARENA_NEW(conf_arena(doc), struct models);
    if (!m)
        return E_MEMORY;
    m->arena = conf_arena(doc);
    m->doc = doc;
    m->upstreams = upstreams;
    m->prices = prices;
    m->settings = settings;
    int err = providers_compile(m);
    if (!err)
        err = names_compile(m);
    if (err) {
        models_close(m);
        return err;
    }
    *ret_models = m;
    return 0;
}

void models_close(struct models *m)
{
    for (unsigned i = 0; m && i < m->providers_n; i++) {
        struct provider *p = &m->providers[i];
        if (p->kind && p->kind->close && p->own)
            p->kind->close(p);
        for (unsigned k = 0; k < p->replicas_n; k++)
            endpoint_unref(m->upstreams, p->replicas[k].endpoint);
        p->replicas_n = 0;
    }
}

/* ---- look-up ---- */

const struct provider *models_provider(const struct models *m, struct str name)
{
    for (unsigned i = 0; i < m->settings->providers.n; i++)
        if (str_eq(m->settings->providers.name[i], name))
            return &m->providers[i];
    return NULL;
}

static int unknown_name(const struct models *m, struct str asked, struct arena *arena,
                        struct fault *f)
{
    bool lane = str_starts(asked, STR("lane/"));
    struct str *words = ARENA_ARRAY(arena, struct str, m->names_n + 1);
    if (!words)
        return E_MEMORY;
    for (unsigned i = 0; i < m->names_n; i++)
        words[i] = m->names[i].name;
    struct str near = str_nearest(asked, words, m->names_n);
    return fault_set(f, lane ? E_UNKNOWN_LANE : E_UNKNOWN_MODEL,
                     "there is no %s '%.*s'%s%.*s%s (GET /v1/models lists what there is)",
                     lane ? "lane" : "model", STR_ARGS(str_head(asked, 80)),
                     near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
}

int models_resolve(const struct models *m, struct str asked, struct arena *arena,
                   struct route *ret_route, struct fault *f)
{
    const struct named_route *known = bsearch(&(struct named_route){.name = asked}, m->names,
                                              m->names_n, sizeof(*m->names), named_compare);
    if (known) {
        *ret_route = known->route;
        return 0;
    }
    if (str_starts(asked, STR("lane/")))
        return unknown_name(m, asked, arena, f);
    if (str_eq(asked, STR("auto")))
        return fault_set(f, E_UNKNOWN_MODEL,
                         "'auto' needs the router, which this version does not have; ask for a "
                         "lane (lane/NAME) or a model");
    struct str model = asked;
    const struct provider *p = provider_of(m, asked, &model);
    if (!p && str_ends(asked, STR("/")) && models_provider(m, str_head(asked, asked.n - 1)))
        return unknown_name(m, asked, arena, f); /* a provider, and no model of it */
    if (!p) {
        p = m->default_provider;
        model = asked;
    }
    if (!p && m->providers_n == 0)
        return fault_set(f, E_NO_PROVIDER,
                         "no provider is configured; set OPENAI_API_KEY or start with --config");
    if (!p)
        return unknown_name(m, asked, arena, f);
    struct target *t = ARENA_NEW(arena, struct target);
    if (!t)
        return E_MEMORY;
    *t = (struct target){.provider = p,
                         .model = model,
                         .timeouts = p->timeouts,
                         .price = prices_find(m->prices, arena, p->name, p->listed, model)};
    *ret_route = (struct route){.n = 1, .at = t};
    return 0;
}

const struct provider *models_default_provider(const struct models *m)
{
    return m->default_provider;
}

unsigned models_provider_count(const struct models *m)
{
    return m->providers_n;
}

const struct provider *models_provider_at(const struct models *m, unsigned i)
{
    return &m->providers[i];
}

unsigned models_name_count(const struct models *m)
{
    return m->names_n;
}

struct str models_name_at(const struct models *m, unsigned i)
{
    return m->names[i].name;
}
