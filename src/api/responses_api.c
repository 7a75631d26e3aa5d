/*
 * responses_api.c: /v1/responses/{id} and what is behind it, and what requests to /v1/responses
 * name.
 *
 * Whose a stored response is, src/turn/stored.h knows. What is not known, and what is another
 * tenant's, is answered alike, without asking the provider.
 */
#include "api/relay.h"
#include "api/responses.h"
#include "turn/stored.h"

#define SHOWN_MAX 80

static struct str tenant_of(const struct visit *v)
{
    return v->key ? v->key->tenant : STR_NONE;
}

static int unknown(struct visit *v, struct str id)
{
    return fault_set(&v->fault, E_UNKNOWN_RESPONSE, "no stored response '%.*s' is known",
                     STR_ARGS(str_head_utf8(id, SHOWN_MAX)));
}

/* ---- requests that name something ---- */

/* May the tenant name this at the provider? `owner` is who was told it; NULL: nobody is known. */
static bool may_name(const struct provider *p, struct str tenant, const struct llm_kept *kept,
                     const struct stored_owner *owner)
{
    if (provider_is_open(p, tenant))
        return true;
    if (!owner)
        return kept->carried;
    bool own = str_eq(owner->tenant, tenant), here = str_eq(owner->provider, p->name);
    /* What the request carries itself may go to any provider, if it is nobody else's. */
    return own && (here || kept->carried);
}

/* Takes out of the route those who may not be asked by what `kept` names. */
static int route_narrow(struct visit *v, const struct llm_kept *kept, struct arena *arena,
                        struct route *route)
{
    struct stored *stored = v->gateway->stored;
    struct stored_owner owner;
    struct target *left = ARENA_ARRAY(arena, struct target, route->n);
    unsigned n = 0;
    if (!left)
        return E_MEMORY;
    int err = 0;
    if (kept->carried)
        err = stored_known(stored, kept->id, arena, &owner) ? 0 : E_NOT_FOUND;
    else
        err = stored_find(stored, kept->id, arena, &owner);
    if (err && err != E_NOT_FOUND)
        return err == E_STORE ? fault_set(&v->fault, err, "the ledger cannot be read") : err;
    for (unsigned i = 0; i < route->n; i++)
        if (may_name(route->at[i].provider, tenant_of(v), kept, err ? NULL : &owner))
            left[n++] = route->at[i];
    if (n == 0)
        return unknown(v, kept->id);
    route->at = left;
    route->n = n;
    return 0;
}

/* Those whose protocol the request is in: others have no ids, and refuse them by themselves. */
static int route_speaking(const struct llm_request *r, struct arena *arena,
                          const struct route *route, struct route *ret_speaking)
{
    struct target *at = ARENA_ARRAY(arena, struct target, route->n);
    *ret_speaking = (struct route){.lane = route->lane, .at = at};
    if (!at)
        return E_MEMORY;
    for (unsigned i = 0; i < route->n; i++)
        if (provider_wire(route->at[i].provider, r) == r->wire)
            at[ret_speaking->n++] = route->at[i];
    return 0;
}

/* All that a request may have of other turns' is carried in it? Then who does not speak its
 * protocol may be asked, too. */
static bool names_something(const struct llm_request *r)
{
    for (unsigned i = 0; i < r->kept_n; i++)
        if (!r->kept[i].carried)
            return true;
    return r->in_conversation;
}

static int conversation_check(struct visit *v, const struct route *speaking)
{
    for (unsigned i = 0; i < speaking->n; i++) {
        const struct provider *p = speaking->at[i].provider;
        if (!provider_is_open(p, tenant_of(v)))
            return fault_set(&v->fault, E_STATEFUL_PATH,
                             "the request goes by a conversation that provider %.*s keeps, which "
                             "all users of its key share; send the whole conversation, go on by "
                             "previous_response_id, or set providers.%.*s.stateful: on",
                             STR_ARGS(p->name), STR_ARGS(p->name));
    }
    return 0;
}

int responses_route(struct visit *v, const struct llm_request *r, struct turn *t)
{
    if (LIKELY(r->kept_n == 0 && !r->in_conversation))
        return 0;
    struct arena *arena = v->x->arena;
    struct route speaking;
    int err = route_speaking(r, arena, &t->route, &speaking);
    if (err || speaking.n == 0)
        return err; /* what they have nothing for, they refuse */
    if (r->in_conversation)
        err = conversation_check(v, &speaking);
    for (unsigned i = 0; i < r->kept_n && !err; i++)
        err = route_narrow(v, &r->kept[i], arena, &speaking);
    if (!err && names_something(r))
        t->route = speaking;
    return err;
}

void responses_learn(struct visit *v, const struct turn *t, struct str id)
{
    const struct provider *p = t->target->provider;
    const struct stored_owner owner = {.tenant = t->tenant, .provider = p->name};
    if (provider_tenant_key(p, t->tenant).n == 0) /* else it is in an account of its own */
        stored_learn(v->gateway->stored, id, &owner);
}

/* ---- the paths of one response ---- */

/* "/ID", "/ID/cancel" or "/ID/input_items", with the method that goes there: the id, else
 * STR_NONE. */
static struct str path_id(const struct visit *v)
{
    enum http_method m = v->x->method;
    struct str rest = v->rest, id;
    if (rest.n < 2 || rest.p[0] != '/')
        return STR_NONE;
    rest = str_tail(rest, 1);
    id = str_cut(&rest, '/');
    bool good = rest.n == 0 ? m == HTTP_GET || m == HTTP_DELETE
                            : (str_eq(rest, STR("cancel")) && m == HTTP_POST) ||
                                  (str_eq(rest, STR("input_items")) && m == HTTP_GET);
    return good && id.n + 1 + (rest.n ? rest.n + 1 : 0) == v->rest.n ? id : STR_NONE;
}

/* Who is asked about it: the provider that keeps it, where the tenant may reach that. */
static int provider_find(struct visit *v, struct str id, const struct provider **ret_provider)
{
    const struct models *models = v->snapshot->models;
    const struct provider *p = NULL, *standard = models_default_provider(models);
    struct stored_owner owner;
    int err = stored_find(v->gateway->stored, id, v->x->arena, &owner);
    if (err && err != E_NOT_FOUND)
        return err == E_STORE ? fault_set(&v->fault, err, "the ledger cannot be read") : err;
    if (!err)
        p = models_provider(models, owner.provider);
    if (p && !provider_is_open(p, tenant_of(v)) && !str_eq(owner.tenant, tenant_of(v)))
        p = NULL;
    if (!p && standard && provider_is_open(standard, tenant_of(v)))
        p = standard;
    *ret_provider = p;
    return p ? 0 : unknown(v, id);
}

void api_responses(struct visit *v)
{
    struct str id = path_id(v);
    if (!id.n) {
        api_stateful(v);
        return;
    }
    const struct provider *p = NULL;
    struct str path = str_tail(v->path, 3); /* without "/v1" */
    int err = provider_find(v, id, &p);
    if (!err)
        err = provider_path_of(p, STR_NONE, path, v->x->arena, &path);
    if (err) {
        visit_error(v, err);
        return;
    }
    int status = relay_to(v, p, path);
    if (v->x->method == HTTP_DELETE && status >= 200 && status <= 299)
        stored_forget(v->gateway->stored, id);
}
