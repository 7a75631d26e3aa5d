/*
 * responses_api.c: /v1/responses/{id} and what is behind it.
 *
 * Whose a stored response is, src/turn/stored.h knows. What is not known, and what is another
 * tenant's, is answered alike, without asking the provider.
 */
#include "api/objects.h"
#include "api/relay.h"
#include "turn/stored.h"

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
    if (p && !object_is_open(v, p) && !str_eq(owner.tenant, visit_tenant(v)))
        p = NULL;
    if (!p && standard && object_is_open(v, standard))
        p = standard;
    *ret_provider = p;
    return p ? 0 : object_unknown(v, id);
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
