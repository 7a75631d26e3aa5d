/* objects.c: who may name what a provider keeps. */
#include "api/objects.h"

#include "turn/stored.h"

#define SHOWN_MAX 80

bool object_is_open(const struct visit *v, const struct provider *p)
{
    return provider_is_open(p, visit_tenant(v), visit_is_alone(v));
}

int object_unknown(struct visit *v, struct str id)
{
    return fault_set(&v->fault, E_UNKNOWN_RESPONSE, "no stored response '%.*s' is known",
                     STR_ARGS(str_head_utf8(id, SHOWN_MAX)));
}

int object_fault(struct visit *v, const char *what, struct str id, const struct provider *p)
{
    return fault_set(
        &v->fault, E_STATEFUL_PATH,
        "'%s' (%.*s) names what provider %.*s keeps, which all users of its key share, "
        "and what is not known to be this tenant's own; send its content instead, or "
        "give the tenant a key of its own (providers.%.*s.tenant_keys)",
        what, STR_ARGS(str_head_utf8(id, SHOWN_MAX)), STR_ARGS(p->name), STR_ARGS(p->name));
}

/* May this be named at the provider? `owner` is who was told it; NULL: nobody is known. */
static bool may_name(const struct visit *v, const struct provider *p, const struct llm_kept *kept,
                     const struct stored_owner *owner)
{
    if (object_is_open(v, p))
        return true;
    if (!owner)
        return kept->carried;
    bool own = str_eq(owner->tenant, visit_tenant(v)), here = str_eq(owner->provider, p->name);
    /* What the request carries itself may go to any provider, if it is nobody else's. */
    return own && (here || kept->carried);
}

static int nobody_left(struct visit *v, const struct llm_kept *kept, const struct route *asked)
{
    return kept->what ? object_fault(v, kept->what, kept->id, asked->at[0].provider)
                      : object_unknown(v, kept->id);
}

static bool all_open(const struct visit *v, const struct route *route)
{
    for (unsigned i = 0; i < route->n; i++)
        if (!object_is_open(v, route->at[i].provider))
            return false;
    return true;
}

/* Takes out of the route those who may not be asked by what `kept` names. */
static int route_narrow(struct visit *v, const struct llm_kept *kept, struct arena *arena,
                        struct route *route)
{
    struct stored *stored = v->gateway->stored;
    struct stored_owner owner;
    if (all_open(v, route))
        return 0;
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
        if (may_name(v, route->at[i].provider, kept, err ? NULL : &owner))
            left[n++] = route->at[i];
    if (n == 0)
        return nobody_left(v, kept, route);
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
        if (!object_is_open(v, p))
            return fault_set(&v->fault, E_STATEFUL_PATH,
                             "the request goes by a conversation that provider %.*s keeps, which "
                             "all users of its key share; send the whole conversation, go on by "
                             "previous_response_id, or set providers.%.*s.stateful: on",
                             STR_ARGS(p->name), STR_ARGS(p->name));
    }
    return 0;
}

int objects_route(struct visit *v, const struct llm_request *r, struct turn *t)
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

void objects_learn(struct visit *v, const struct turn *t, struct str id)
{
    const struct provider *p = t->target->provider;
    const struct stored_owner owner = {.tenant = t->tenant, .provider = p->name};
    if (provider_tenant_key(p, t->tenant).n == 0) /* else it is in an account of its own */
        stored_learn(v->gateway->stored, id, &owner);
}
