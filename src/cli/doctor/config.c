/* config.c: is the configuration right, and complete? */
#include <stdlib.h>

#include "cli/doctor/doctor.h"
#include "cli/load.h"

/* ---- configuration ---- */

static void problems_tell(struct doctor *d)
{
    for (unsigned i = 0; i < conf_problem_count(d->doc); i++) {
        const struct conf_problem *p = conf_problem(d->doc, i);
        struct str where = p->line ? arena_printf(&d->arena, "%s:%u", conf_path(d->doc), p->line)
                                   : str_from(conf_path(d->doc));
        doctor_find(d, p->warning ? DOCTOR_WARNING : DOCTOR_PROBLEM, where, "%.*s%s%.*s",
                    STR_ARGS(p->path), p->path.n ? ": " : "", STR_ARGS(p->text));
    }
}

void doctor_configuration(struct doctor *d)
{
    if (load_has_nothing(d->path)) {
        doctor_find(d, DOCTOR_PROBLEM, STR_NONE,
                    "no file was named, there is no sluice.yaml in this folder, and OPENAI_API_KEY "
                    "is not set");
        doctor_advise(d, LOAD_ADVICE);
        return;
    }
    int err = load_quietly(d->path, &d->doc);
    if (!err)
        err = snapshot_make(d->upstreams, d->doc, NULL, &d->snapshot);
    if (d->doc)
        problems_tell(d);
    if (err && err != E_CONFIG) {
        d->err = err;
        return;
    }
    const struct config *c = conf_root(d->doc);
    if (err)
        doctor_advise(d, "mend these first; `sluice check FILE` shows the lines");
    else if (conf_problem_count(d->doc) == 0)
        doctor_find(d, DOCTOR_OK, str_from(conf_path(d->doc)),
                    "%u provider%s, %u name%s, %u lane%s", c->models.providers.n,
                    c->models.providers.n == 1 ? "" : "s", c->models.models.n,
                    c->models.models.n == 1 ? "" : "s", c->models.lanes.n,
                    c->models.lanes.n == 1 ? "" : "s");
}

/* ---- environment ---- */

struct variables {
    struct doctor *doctor;
    unsigned n, good;
    unsigned before; /* findings of other checks */
};

static void variable_look(void *arg, struct str name, bool has_default)
{
    struct variables *v = arg;
    struct doctor *d = v->doctor;
    struct str z = arena_str(&d->arena, name);
    const char *value = z.p ? getenv(z.p) : NULL;
    v->n++;
    v->good += has_default || (value && *value);
    if (has_default || (value && *value))
        return;
    for (unsigned i = v->before; i < d->n; i++)
        if (str_eq(d->at[i].about, name))
            return;
    if (value)
        doctor_find(d, DOCTOR_WARNING, z, "is set, but empty");
    else
        doctor_find(d, DOCTOR_PROBLEM, z, "is not set");
    doctor_advise(d,
                  "export %.*s where sluice starts (a unit: EnvironmentFile=), or write "
                  "${%.*s:-default}",
                  STR_ARGS(name), STR_ARGS(name));
}

void doctor_environment(struct doctor *d)
{
    struct variables v = {.doctor = d, .before = d->n};
    if (!d->doc) {
        doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "needs a configuration");
        return;
    }
    int err = conf_env_each(d->doc, variable_look, &v);
    if (err == E_CONFIG)
        doctor_find(d, DOCTOR_SKIPPED, STR_NONE, "the file is no YAML");
    else if (err)
        d->err = err;
    else if (v.good == v.n)
        doctor_find(d, DOCTOR_OK, STR_NONE, "%u reference%s, %s", v.n, v.n == 1 ? "" : "s",
                    v.n ? "set" : "so nothing has to be set");
}

/* ---- prices ---- */

static void target_price_look(struct doctor *d, struct str name, const struct target *t)
{
    if (t->price || !t->provider->kind->over_http)
        return;
    struct str about = arena_printf(&d->arena, "%.*s", STR_ARGS(name));
    doctor_find(d, DOCTOR_WARNING, about, "%.*s/%.*s has no price, so its cost is unknown",
                STR_ARGS(t->provider->name), STR_ARGS(t->model));
    doctor_advise(d, "set prices: {%.*s/%.*s: {input: ..., output: ...}}, dollars a million tokens",
                  STR_ARGS(t->provider->name), STR_ARGS(t->model));
}

void doctor_prices(struct doctor *d)
{
    const struct models *models = d->snapshot->models;
    unsigned n = models_name_count(models), before = d->n;
    for (unsigned i = 0; i < n; i++) {
        struct route route = {0};
        struct fault f = {0};
        struct str name = models_name_at(models, i);
        if (models_resolve(models, name, &d->arena, &route, &f) != 0)
            continue;
        for (unsigned k = 0; k < route.n; k++)
            target_price_look(d, name, &route.at[k]);
    }
    if (d->n == before)
        doctor_find(d, DOCTOR_OK, STR_NONE, n ? "all models behind names have one" : "no names");
}
