/*
 * models_api.c: GET /v1/models: the names of the configuration that this key may ask for.
 */
#include "api/visit.h"
#include "base/clock.h"
#include "base/json.h"

#define LIST_BYTES_MAX (8u * 1024 * 1024)

/* Anthropic's clients ask at the same path, and say so in a header that they always send. */
static bool is_anthropic(const struct visit *v)
{
    return http_headers_count(&v->x->headers, STR("anthropic-version")) > 0;
}

static void anthropic_model_write(struct buf *out, const struct visit *v, struct str name)
{
    char iso[25];
    buf_str(out, STR("{\"type\":\"model\",\"id\":"));
    json_quote(out, name);
    buf_str(out, STR(",\"display_name\":"));
    json_quote(out, name);
    clock_iso(v->snapshot->loaded_wall_us, iso);
    buf_printf(out, ",\"created_at\":\"%.19sZ\"}", iso);
}

static void model_write(struct buf *out, const struct visit *v, struct str name, struct str owner)
{
    if (is_anthropic(v)) {
        anthropic_model_write(out, v, name);
        return;
    }
    buf_str(out, STR("{\"id\":"));
    json_quote(out, name);
    buf_printf(out, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":",
               (long long)(v->snapshot->loaded_wall_us / 1000000));
    json_quote(out, owner);
    buf_char(out, '}');
}

/* Who answers for it first. */
static struct str owner_of(const struct visit *v, struct str name)
{
    struct route route = {0};
    struct fault ignored = {0};
    int err = models_resolve(v->snapshot->models, name, v->x->arena, &route, &ignored);
    return err || route.n == 0 ? STR("sluice") : route.at[0].provider->name;
}

static bool may_see(const struct visit *v, struct str name)
{
    struct fault ignored = {0};
    return !v->key || key_allows(v->key, name, &ignored) == 0;
}

/* All of them are on one page. */
static void ends_write(struct buf *out, struct str first, struct str last)
{
    buf_str(out, STR(",\"has_more\":false,\"first_id\":"));
    if (first.p)
        json_quote(out, first);
    else
        buf_str(out, STR("null"));
    buf_str(out, STR(",\"last_id\":"));
    if (last.p)
        json_quote(out, last);
    else
        buf_str(out, STR("null"));
}

void api_models(struct visit *v)
{
    struct buf out;
    buf_init(&out, LIST_BYTES_MAX);
    buf_str(&out, is_anthropic(v) ? STR("{\"data\":[") : STR("{\"object\":\"list\",\"data\":["));
    struct str first = STR_NONE, last = STR_NONE;
    unsigned shown = 0;
    for (unsigned i = 0; i < models_name_count(v->snapshot->models); i++) {
        struct str name = models_name_at(v->snapshot->models, i);
        if (!may_see(v, name))
            continue;
        if (shown++)
            buf_char(&out, ',');
        first = first.p ? first : name;
        last = name;
        model_write(&out, v, name, owner_of(v, name));
    }
    buf_char(&out, ']');
    if (is_anthropic(v))
        ends_write(&out, first, last);
    buf_char(&out, '}');
    if (out.failed)
        visit_error(v, out.failed);
    else
        visit_json(v, 200, buf_view(&out));
    buf_fini(&out);
}

void api_model(struct visit *v)
{
    struct route route = {0};
    v->rest = visit_rest(v);
    int err = !v->rest.p
                  ? E_MEMORY
                  : models_resolve(v->snapshot->models, v->rest, v->x->arena, &route, &v->fault);
    if (!err && !may_see(v, v->rest))
        err = fault_set(&v->fault, E_UNKNOWN_MODEL, "there is no model '%.*s' for this key",
                        STR_ARGS(str_head(v->rest, 80)));
    struct buf out;
    buf_init(&out, 8192);
    if (!err)
        model_write(&out, v, v->rest, route.at[0].provider->name);
    err = err ? err : out.failed;
    if (err)
        visit_error(v, err);
    else
        visit_json(v, 200, buf_view(&out));
    buf_fini(&out);
}
