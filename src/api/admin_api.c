/*
 * admin_api.c: keys, configuration and upstreams, for people with an admin key.
 */
#include "api/braking.h"
#include "api/visit.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/upool.h"

#define ANSWER_BYTES_MAX (32u * 1024 * 1024)

static void answer(struct visit *v, int status, struct buf *json)
{
    if (json->failed)
        visit_error(v, json->failed);
    else
        visit_json(v, status, buf_view(json));
}

static void member(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "\"%s\":", name);
    json_quote(out, value);
}

/* ---- keys ---- */

static void key_write(struct buf *out, const struct key *key, struct str secret)
{
    buf_char(out, '{');
    member(out, "public", key->public_part);
    buf_char(out, ',');
    member(out, "name", key->name);
    buf_char(out, ',');
    member(out, "tenant", key->tenant);
    buf_str(out, STR(",\"models\":["));
    for (unsigned i = 0; i < key->models_n; i++) {
        if (i)
            buf_char(out, ',');
        json_quote(out, key->models[i]);
    }
    buf_printf(out, "],\"admin\":%s,\"declared\":%s,\"revoked\":%s", key->admin ? "true" : "false",
               key->declared ? "true" : "false", key->revoked_wall_us ? "true" : "false");
    if (secret.n) {
        buf_char(out, ',');
        member(out, "secret", secret);
    }
    buf_char(out, '}');
}

void api_keys_list(struct visit *v)
{
    struct buf out;
    buf_init(&out, ANSWER_BYTES_MAX);
    buf_str(&out, STR("{\"keys\":["));
    for (unsigned i = 0; i < keys_count(v->gateway->keys); i++) {
        if (i)
            buf_char(&out, ',');
        key_write(&out, keys_at(v->gateway->keys, i), STR_NONE);
    }
    buf_str(&out, STR("]}"));
    answer(v, 200, &out);
    buf_fini(&out);
}

static int wish_models_read(struct visit *v, yyjson_val *value, struct conf_strs *ret_models)
{
    size_t i, n;
    yyjson_val *model;
    bool fine = yyjson_is_arr(value);
    ret_models->at = ARENA_ARRAY(v->x->arena, struct str, yyjson_arr_size(value) + 1);
    if (!ret_models->at)
        return E_MEMORY;
    yyjson_arr_foreach(value, i, n, model)
    {
        fine = fine && yyjson_is_str(model);
        ret_models->at[ret_models->n++] = json_str(model);
    }
    return fine ? 0
                : fault_set(&v->fault, E_BAD_REQUEST,
                            "'models' has to be a list of names, such as [\"fast\", \"gpt-*\"]");
}

enum wish_member { WISH_NAME, WISH_TENANT, WISH_MODELS, WISH_ADMIN, WISH_MEMBERS };
static const struct str wish_members[WISH_MEMBERS] = {
    {"name", 4}, {"tenant", 6}, {"models", 6}, {"admin", 5}};

static int wish_member_read(struct visit *v, enum wish_member at, yyjson_val *value,
                            struct key_wish *w)
{
    switch (at) {
    case WISH_NAME:
    case WISH_TENANT:
        if (!yyjson_is_str(value))
            return fault_set(&v->fault, E_BAD_REQUEST, "'%s' has to be a string",
                             wish_members[at].p);
        *(at == WISH_NAME ? &w->name : &w->tenant) = json_str(value);
        return 0;
    case WISH_MODELS:
        return wish_models_read(v, value, &w->models);
    case WISH_ADMIN:
        if (!yyjson_is_bool(value))
            return fault_set(&v->fault, E_BAD_REQUEST, "'admin' has to be true or false");
        w->admin = yyjson_is_true(value);
        return 0;
    case WISH_MEMBERS:
        break;
    }
    return E_INTERNAL;
}

/* A word that is not understood might have been a limit, so nothing is made without it. */
static int wish_unknown(struct visit *v, struct str word)
{
    struct str near = str_nearest(word, wish_members, WISH_MEMBERS);
    return fault_set(&v->fault, E_BAD_REQUEST,
                     "there is no '%.*s' here; expected name, tenant, models, admin%s%.*s%s",
                     STR_ARGS(str_head_utf8(word, 60)), near.n ? "; did you mean '" : "",
                     STR_ARGS(near), near.n ? "'?" : "");
}

static int wish_read(struct visit *v, struct str body, struct key_wish *w)
{
    yyjson_doc *doc = NULL;
    int err = str_trim(body).n ? json_parse(v->x->arena, body, &doc, &v->fault) : 0;
    if (err)
        return err;
    yyjson_val *root = yyjson_doc_get_root(doc), *key, *value;
    if (!yyjson_is_obj(root))
        return fault_set(&v->fault, E_BAD_REQUEST,
                         "expected {\"name\": ..., \"tenant\": ..., \"models\": [...], "
                         "\"admin\": false}");
    bool given[WISH_MEMBERS] = {false};
    size_t i, n;
    yyjson_obj_foreach(root, i, n, key, value)
    {
        unsigned at = 0;
        while (at < WISH_MEMBERS && !str_eq(json_str(key), wish_members[at]))
            at++;
        if (at == WISH_MEMBERS)
            return wish_unknown(v, json_str(key));
        if (given[at])
            return fault_set(&v->fault, E_DUPLICATE_KEY, "'%s' stands twice", wish_members[at].p);
        given[at] = true;
        err = wish_member_read(v, at, value, w);
        if (err)
            return err;
    }
    return 0;
}

void api_keys_make(struct visit *v)
{
    struct str body;
    struct key_wish w = {.admin = false};
    struct str secret = STR_NONE;
    const struct key *key = NULL;
    int err = v->x->query.n == 0 ? exchange_read_all(v->x, 65536, &body)
                                 : fault_set(&v->fault, E_BAD_REQUEST,
                                             "expected no query; a key is made of a body");
    if (!err)
        err = wish_read(v, body, &w);
    if (!err)
        err = keys_make(v->gateway->keys, v->x->arena, &w, &secret, &key, &v->fault);
    if (err) {
        visit_error(v, err);
        return;
    }
    struct buf out;
    buf_init(&out, 1u << 20);
    key_write(&out, key, secret);
    answer(v, 201, &out);
    buf_fini(&out);
}

void api_keys_revoke(struct visit *v)
{
    struct str which = visit_rest(v);
    struct str public_part = STR_NONE;
    int err = which.p ? keys_revoke(v->gateway->keys, v->x->arena, which, &public_part, &v->fault)
                      : E_MEMORY;
    if (err) {
        visit_error(v, err);
        return;
    }
    struct buf out;
    buf_init(&out, ANSWER_BYTES_MAX);
    buf_str(&out, STR("{\"revoked\":true,"));
    member(&out, "public", public_part);
    buf_char(&out, '}');
    answer(v, 200, &out);
    buf_fini(&out);
}

/* ---- configuration ---- */

void api_config_show(struct visit *v)
{
    struct buf yaml;
    buf_init(&yaml, ANSWER_BYTES_MAX);
    braking_write(v->gateway->brake, &yaml);
    int err = conf_print(&config_table, v->snapshot->doc, &yaml);
    struct http_headers headers;
    http_headers_init(&headers, v->x->arena);
    if (!err)
        err = http_headers_add(&headers, STR("Content-Type"), STR("application/yaml"));
    if (err)
        visit_error(v, err);
    else
        err = exchange_respond(v->x, 200, &headers, buf_view(&yaml));
    buf_fini(&yaml);
}

/* `?dry_run=1`: what is meant as a look must not become a change by a slip of the pen. */
static int dry_run_read(struct visit *v, bool *ret_dry_run)
{
    struct str rest = v->x->query;
    while (rest.n > 0) {
        struct str value = str_cut(&rest, '&'), name = str_cut(&value, '=');
        bool on = value.n == 0 || str_eq(value, STR("1")) || str_eq(value, STR("true"));
        if (!str_eq(name, STR("dry_run")) ||
            (!on && !str_eq(value, STR("0")) && !str_eq(value, STR("false"))))
            return fault_set(&v->fault, E_BAD_REQUEST, "expected ?dry_run=1 or no query");
        *ret_dry_run = on;
    }
    return 0;
}

/* The file is read again where the body is empty, else the body is what shall hold; it lasts until
 * the next reload, since the file is not written. `?dry_run=1` only shows what would change. */
void api_config_load(struct visit *v)
{
    struct str body;
    struct buf text, out;
    buf_init(&text, ANSWER_BYTES_MAX);
    buf_init(&out, ANSWER_BYTES_MAX);
    struct reload r = {.by = v->key ? v->key->public_part : STR("admin_listen")};
    int err = dry_run_read(v, &r.dry_run);
    if (!err)
        err = exchange_read_all(v->x, 4u << 20, &body);
    if (!err)
        r.text = str_trim(body);
    r.from = r.text.n ? RELOAD_TEXT : RELOAD_FILE;
    if (!err)
        err = gateway_reload(v->gateway, &r, &text);
    if (err && err != E_CONFIG && err != E_IO) {
        visit_error(v, err);
    } else {
        buf_printf(&out, "{\"applied\":%s,", !err && !r.dry_run ? "true" : "false");
        member(&out, err ? "problems" : "changes", buf_view(&text));
        buf_char(&out, '}');
        answer(v, err ? 400 : 200, &out);
    }
    buf_fini(&text);
    buf_fini(&out);
}

/* ---- upstreams ---- */

static void endpoint_write(void *arg, struct endpoint *e)
{
    struct buf *out = arg;
    struct upool_stats s = upool_stats(e->pool);
    if (out->n > 0 && out->p[out->n - 1] == '}')
        buf_char(out, ',');
    buf_char(out, '{');
    member(out, "endpoint", e->host_header);
    buf_printf(out,
               ",\"up\":%s,\"calls_running\":%u,\"calls\":%llu,\"failures\":%llu,"
               "\"failures_in_row\":%u,\"connections_idle\":%u,\"connections_in_use\":%u,"
               "\"connections_opened\":%llu,\"of_them_http2\":%llu}",
               endpoint_is_up(e) ? "true" : "false", e->under_way, (unsigned long long)e->calls,
               (unsigned long long)e->failures, e->failures_in_row, s.idle, s.in_use,
               (unsigned long long)s.opened, (unsigned long long)s.opened_shared);
}

/* Keys by their number: what they are is nobody's business. */
static void keys_write(const struct provider *p, struct buf *out)
{
    for (unsigned i = 0; i < p->keys_n; i++) {
        const struct provider_key *k = &p->keys[i];
        int64_t rest_ms = k->rest_until_ms - clock_cached_ms();
        if (out->p[out->n - 1] == '}')
            buf_char(out, ',');
        buf_char(out, '{');
        member(out, "provider", p->name);
        buf_printf(
            out, ",\"number\":%u,\"weight\":%u,\"calls\":%llu,\"rests\":%llu,\"resting_ms\":%lld}",
            i + 1, k->weight, (unsigned long long)k->calls, (unsigned long long)k->rests,
            (long long)(rest_ms > 0 ? rest_ms : 0));
    }
}

void api_upstreams(struct visit *v)
{
    struct buf out;
    buf_init(&out, ANSWER_BYTES_MAX);
    buf_str(&out, STR("{\"upstreams\":["));
    upstreams_each(v->gateway->upstreams, endpoint_write, &out);
    buf_str(&out, STR("],\"keys\":["));
    const struct models *models = v->snapshot->models;
    for (unsigned i = 0; i < models_provider_count(models); i++)
        keys_write(models_provider_at(models, i), &out);
    buf_str(&out, STR("]}"));
    answer(v, 200, &out);
    buf_fini(&out);
}
