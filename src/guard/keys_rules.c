/* keys_rules.c: what a key may be, whether it is declared in the file or made. */
#include <stdlib.h>

#include "guard/keys.h"

#define NAME_BYTES_MAX  128
#define MODEL_BYTES_MAX 256
#define MODELS_MAX      1000 /* each request looks through them */

/* Why `s` cannot be a name, to follow it; NULL: it can. */
static const char *name_wrong(struct str s, size_t bytes_max)
{
    if (s.n == 0)
        return "is empty";
    if (s.n > bytes_max)
        return "is too long";
    return str_is_text(s) ? NULL : "has a control character in it, or is not UTF-8";
}

/* ---- made keys ---- */

static int models_check(const struct conf_strs *models, struct fault *f)
{
    if (models->at && models->n == 0)
        return fault_set(f, E_BAD_REQUEST,
                         "the list of models is empty; expected names, or no list: all models");
    if (models->n > MODELS_MAX)
        return fault_set(f, E_BAD_REQUEST, "a list of %u models; expected at most %d", models->n,
                         MODELS_MAX);
    for (unsigned i = 0; i < models->n; i++) {
        struct str m = models->at[i];
        const char *wrong = name_wrong(m, MODEL_BYTES_MAX);
        if (!wrong && str_find(m, STR(",")) >= 0)
            wrong = "has a comma in it"; /* which stands between them in the database */
        if (wrong)
            return fault_set(f, E_BAD_REQUEST, "model %u of the list %s; expected a name", i + 1,
                             wrong);
    }
    return 0;
}

int key_wish_check(const struct key_wish *w, struct fault *f)
{
    const char *wrong = w->name.n ? name_wrong(w->name, NAME_BYTES_MAX) : NULL;
    if (wrong)
        return fault_set(f, E_BAD_REQUEST, "the key's name %s; expected up to %d bytes of text",
                         wrong, NAME_BYTES_MAX);
    wrong = w->tenant.p ? name_wrong(w->tenant, NAME_BYTES_MAX) : NULL;
    if (wrong)
        return fault_set(f, E_BAD_REQUEST, "the tenant %s; expected up to %d bytes of text", wrong,
                         NAME_BYTES_MAX);
    return models_check(&w->models, f);
}

/* ---- declared keys ---- */

/* Why no client can send this secret; NULL: it can. */
static const char *secret_wrong(struct str s)
{
    if (s.n == 0)
        return "is empty";
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 127)
            return "has a line end or another control character in it, which no header can carry";
    if (str_trim(s).n != s.n)
        return "begins or ends with a space, which is no part of what a client sends";
    if (str_starts_nocase(s, STR("Bearer ")))
        return "begins with 'Bearer ', which clients put before it";
    return NULL;
}

static void declared_check(struct str *name, const struct declared_key_settings *s,
                           struct conf_doc *doc)
{
    const char *wrong = name_wrong(*name, NAME_BYTES_MAX);
    if (wrong)
        conf_complain(doc, name, "the key's name %s", wrong);
    wrong = secret_wrong(s->secret);
    if (wrong)
        conf_complain(doc, &s->secret, "the secret %s", wrong);
    wrong = name_wrong(s->tenant, NAME_BYTES_MAX);
    if (wrong)
        conf_complain(doc, &s->tenant, "the tenant's name %s", wrong);
    if (s->models.n > MODELS_MAX)
        conf_complain(doc, &s->models, "%u models; expected at most %d", s->models.n, MODELS_MAX);
    for (unsigned i = 0; i < s->models.n && i < MODELS_MAX; i++) {
        wrong = name_wrong(s->models.at[i], MODEL_BYTES_MAX);
        if (wrong)
            conf_complain(doc, &s->models.at[i], "the model's name %s", wrong);
    }
}

static int by_secret(const void *a, const void *b)
{
    const struct declared_key_settings *x = *(const struct declared_key_settings *const *)a;
    const struct declared_key_settings *y = *(const struct declared_key_settings *const *)b;
    int order = str_cmp(x->secret, y->secret);
    return order ? order : x < y ? -1 : x > y;
}

/* Whose is a request that comes with the secret of two? */
static int twins_check(const struct conf_map *map, struct conf_doc *doc)
{
    const struct declared_key_settings *all = map->at;
    const struct declared_key_settings **sorted =
        ARENA_ARRAY(conf_arena(doc), const struct declared_key_settings *, map->n + 1);
    if (!sorted)
        return E_MEMORY;
    for (unsigned i = 0; i < map->n; i++)
        sorted[i] = &all[i];
    qsort(sorted, map->n, sizeof(struct declared_key_settings *), by_secret);
    for (unsigned i = 1; i < map->n; i++) {
        if (sorted[i]->secret.n > 0 && str_eq(sorted[i]->secret, sorted[i - 1]->secret))
            conf_complain(doc, &sorted[i]->secret,
                          "the secret is that of '%.*s' too; expected one "
                          "of its own",
                          STR_ARGS(map->name[sorted[i - 1] - all]));
    }
    return 0;
}

int keys_settings_check(const struct keys_settings *s, struct conf_doc *doc)
{
    const struct declared_key_settings *all = s->declared.at;
    for (unsigned i = 0; i < s->declared.n; i++)
        declared_check(&s->declared.name[i], &all[i], doc);
    return twins_check(&s->declared, doc);
}
