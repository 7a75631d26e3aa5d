#include "guard/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/put.h"
#include "guard/keys_store.h"
#include "rt/pool.h"
#include "rt/task.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PREFIX "sk-sluice-"

/* clang-format off */
#define THIS struct declared_key_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row declared_rows[] = {
    {.name = "secret", .type = CONF_SECRET, AT(secret), .flags = CONF_REQUIRED,
     .help = "What clients send; a `${NAME}` reference to the environment."},
    {.name = "tenant", .type = CONF_STR, AT(tenant), .fallback = "default",
     .help = "Whose it is. Tenants share nothing."},
    {.name = "models", .type = CONF_STRS, AT(models),
     .help = "The names it may ask for; `gpt-*` stands for all that begin so. Without it: all."},
    {.name = "admin", .type = CONF_BOOL, AT(admin), .fallback = "off",
     .help = "May it use /admin and /metrics?"},
    {.name = "limits", .type = CONF_TABLE, AT(limits), .child = &limit_table,
     .help = "What it may use, setting by setting before limits.per_key."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table declared_table = {
    .name = "key",
    .help = "A key that the file declares. (`sluice keys` makes others.)",
    .size = sizeof(struct declared_key_settings),
    .rows = declared_rows,
    .shorthand = "secret",
    .example = "app: {secret: \"${APP_KEY}\", tenant: shop, models: [fast, \"gpt-*\"]}",
};

/* clang-format off */
#define THIS struct keys_settings
static const struct conf_row keys_rows[] = {
    {.name = "require", .type = CONF_BOOL, AT(require), .fallback = "off",
     .help = "Refuse requests without a key. Needed where others than this machine can connect."},
    {.name = "declared", .type = CONF_MAP, AT(declared), .child = &declared_table,
     .help = "Keys of this file, by name."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS
const struct conf_table keys_table = {
    .name = "keys",
    .help = "Who may ask.",
    .size = sizeof(struct keys_settings),
    .rows = keys_rows,
    .example = "keys: {require: true, declared: {app: {secret: \"${APP_KEY}\", tenant: shop}}}",
};

/* A declared key, found by a keyed hash of its secret. */
struct declared {
    uint64_t hash;
    struct str secret;
    struct key key;
};

struct keys {
    char *where; /* the database; NULL: none */
    uint64_t seed;
    struct conf_doc *doc; /* the declared keys' texts are its */
    unsigned declared_n;
    struct declared *declared; /* sorted by hash */
    struct key_list *made;     /* what the database holds; replaced whole */
    uint64_t made_n;           /* how often */
};

/* ---- opening, configuring ---- */

int keys_open(struct str where, struct keys **ret_keys, struct fault *f)
{
    struct keys *k = calloc(1, sizeof(*k));
    if (!k)
        return E_MEMORY;
    random_bytes(&k->seed, sizeof(k->seed));
    int err = 0;
    if (where.n > 0) {
        k->where = strndup(where.p, where.n);
        err = k->where ? key_store_load(k->where, &k->made, f) : E_MEMORY;
    }
    if (err)
        keys_close(k);
    else
        *ret_keys = k;
    return err;
}

void keys_close(struct keys *k)
{
    if (!k)
        return;
    key_list_free(k->made);
    conf_unref(k->doc);
    free(k->declared);
    free(k->where);
    free(k);
}

static uint64_t secret_hash(const struct keys *k, struct str secret)
{
    return XXH3_64bits_withSeed(secret.p, secret.n, k->seed);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct declared *)a)->hash, y = ((const struct declared *)b)->hash;
    return x < y ? -1 : x > y;
}

int keys_configure(struct keys *k, const struct keys_settings *settings, struct conf_doc *doc)
{
    const struct conf_map *map = &settings->declared;
    struct declared *all = calloc(map->n + 1, sizeof(*all));
    if (!all)
        return E_MEMORY;
    for (unsigned i = 0; i < map->n; i++) {
        const struct declared_key_settings *s = &((const struct declared_key_settings *)map->at)[i];
        all[i] = (struct declared){.hash = secret_hash(k, s->secret),
                                   .secret = s->secret,
                                   .key = {.public_part = map->name[i],
                                           .name = map->name[i],
                                           .tenant = s->tenant,
                                           .models_n = s->models.n,
                                           .models = s->models.at,
                                           .admin = s->admin,
                                           .declared = true}};
    }
    qsort(all, map->n, sizeof(*all), by_hash);
    free(k->declared);
    k->declared = all;
    k->declared_n = map->n;
    struct conf_doc *old = k->doc;
    k->doc = conf_ref(doc);
    conf_unref(old);
    return 0;
}

/* ---- checking ---- */

static const struct key *declared_find(const struct keys *k, struct str secret)
{
    uint64_t hash = secret_hash(k, secret);
    unsigned from = 0, to = k->declared_n;
    while (from < to) {
        unsigned mid = (from + to) / 2;
        if (k->declared[mid].hash < hash)
            from = mid + 1;
        else
            to = mid;
    }
    for (; from < k->declared_n && k->declared[from].hash == hash; from++) {
        const struct declared *d = &k->declared[from];
        if (str_eq_secret(d->secret, secret))
            return &d->key;
    }
    return NULL;
}

static int made_check(const struct keys *k, struct str text, const struct key **ret_key,
                      struct fault *f)
{
    struct str secret = str_tail(text, sizeof(PREFIX) - 1);
    struct str public_part = str_cut(&secret, '-');
    const struct key_record *r = key_list_find(k->made, public_part);
    unsigned char hash[KEY_HASH_BYTES];
    if (!r || sha256(secret, hash) != 0 || CRYPTO_memcmp(hash, r->hash, sizeof(hash)) != 0)
        return fault_set(f, E_BAD_KEY,
                         "this API key is not known; `sluice keys list` shows the "
                         "keys there are");
    if (r->key.revoked_wall_us)
        return fault_set(f, E_KEY_REVOKED, "key %.*s was revoked", STR_ARGS(r->key.public_part));
    *ret_key = &r->key;
    return 0;
}

int keys_check(struct keys *k, struct str authorization, const struct key **ret_key,
               struct fault *f)
{
    struct str text = str_trim(authorization);
    if (str_starts_nocase(text, STR("Bearer ")))
        text = str_trim(str_tail(text, 7));
    if (text.n == 0)
        return fault_set(f, E_NO_KEY,
                         "an API key is needed: send it as 'Authorization: Bearer KEY'");
    const struct key *declared = declared_find(k, text);
    if (declared) {
        *ret_key = declared;
        return 0;
    }
    if (str_starts(text, STR(PREFIX)))
        return made_check(k, text, ret_key, f);
    return fault_set(f, E_BAD_KEY, "this API key is not known");
}

int key_allows(const struct key *key, struct str model, struct fault *f)
{
    for (unsigned i = 0; i < key->models_n; i++) {
        struct str m = key->models[i];
        bool prefix = str_ends(m, STR("*"));
        m.n -= prefix;
        if (prefix ? str_starts(model, m) : str_eq(model, m))
            return 0;
    }
    if (key->models_n == 0)
        return 0;
    return fault_set(f, E_FORBIDDEN, "key %.*s may not ask for '%.*s'", STR_ARGS(key->public_part),
                     STR_ARGS(str_head(model, 80)));
}

int key_allows_request(const struct key *key, struct str model, bool more, struct fault *f)
{
    int err = key_allows(key, model, f);
    if (!err && more && key->models_n > 0)
        err = fault_set(f, E_FORBIDDEN,
                        "key %.*s is limited to models, and 'models', 'fallbacks', 'preset' or "
                        "such 'plugins' let the provider choose others; leave them out",
                        STR_ARGS(key->public_part));
    return err;
}

/* Appends a copy of `s` at `*at`, and a NUL as arena_str does. */
static struct str copy_put(char **at, struct str s)
{
    char *begin = *at;
    *at = put_str(begin, s);
    *(*at)++ = '\0';
    return str_of(begin, s.n);
}

int key_copy(struct arena *arena, const struct key *key, const struct key **ret_key)
{
    size_t texts = key->public_part.n + key->name.n + key->tenant.n + 3;
    for (unsigned i = 0; i < key->models_n; i++)
        texts += key->models[i].n + 1;
    /* One piece: the key, its models, then all their texts. */
    struct key *copy = arena_alloc(arena,
                                   sizeof(*copy) + key->models_n * sizeof(*copy->models) + texts);
    if (!copy)
        return E_MEMORY;
    *copy = *key;
    copy->models = (struct str *)(copy + 1);
    char *at = (char *)(copy->models + key->models_n);
    copy->public_part = copy_put(&at, key->public_part);
    copy->name = copy_put(&at, key->name);
    copy->tenant = copy_put(&at, key->tenant);
    for (unsigned i = 0; i < key->models_n; i++)
        copy->models[i] = copy_put(&at, key->models[i]);
    *ret_key = copy;
    return 0;
}

/* ---- changing; the database is asked on the pool of threads ---- */

enum work_kind { WORK_LOAD, WORK_INSERT, WORK_REVOKE };

struct work {
    struct pool_job job;
    enum work_kind kind;
    bool written; /* what is left is to look at the result */
    char *where;
    struct arena arena; /* of the record */
    struct key_record record;
    int64_t now_us;
    struct key_list *list; /* what the database holds afterwards; NULL where that failed */
    int err;
    struct fault fault;
};

static void work_run(struct pool_job *job)
{
    struct work *w = CONTAINER_OF(job, struct work, job);
    if (!w->written && w->kind == WORK_INSERT)
        w->err = key_store_insert(w->where, &w->record, &w->fault);
    else if (!w->written && w->kind == WORK_REVOKE)
        w->err = key_store_revoke(w->where, w->record.key.public_part, w->now_us, &w->fault);
    w->written = true;
    if (w->err)
        return;
    key_list_free(w->list);
    w->list = NULL;
    int err = key_store_load(w->where, &w->list, &w->fault);
    if (w->kind == WORK_LOAD) /* a change is made all the same, and the next look sees it */
        w->err = err;
}

static void work_free(struct pool_job *job)
{
    struct work *w = CONTAINER_OF(job, struct work, job);
    key_list_free(w->list);
    arena_fini(&w->arena);
    free(w->where);
    free(w);
}

static struct work *work_new(const struct keys *k, enum work_kind kind)
{
    struct work *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    w->job = (struct pool_job){.run = work_run, .drop = work_free};
    w->kind = kind;
    w->now_us = clock_wall_us();
    w->where = strdup(k->where);
    arena_init_private(&w->arena, 1u << 20);
    return w;
}

static int work_on(struct work *w)
{
    if (task_self())
        return pool_call(&w->job);
    w->job.run(&w->job);
    return 0;
}

static void list_take(struct keys *k, struct work *w)
{
    struct key_list *old = k->made;
    k->made = w->list;
    k->made_n++;
    w->list = old;
}

/*
 * Runs it where it may block and takes the new list over. When another list came meanwhile, nobody
 * knows which of the two is older, and an old one would let revoked keys in again: it is read anew.
 */
static int work_do(struct keys *k, struct work *w, struct fault *f)
{
    int err = w->where ? 0 : E_MEMORY;
    for (bool done = false; !done && !err;) {
        uint64_t before = k->made_n;
        err = work_on(w);
        if (err && err != E_MEMORY)
            return err; /* the pool drops it */
        done = err || !w->list || before == k->made_n;
    }
    if (!err && w->err)
        err = fault_set(f, w->err, "%s", fault_text(&w->fault));
    if (w->list)
        list_take(k, w);
    work_free(&w->job);
    return err;
}

static int no_database(struct fault *f)
{
    return fault_set(f, E_STORE,
                     "keys are kept in the ledger's database, which is off; set "
                     "state.ledger, or declare keys in the file");
}

/* `n` characters of the alphabet of ids: five random bits each. */
static struct str random_text(struct arena *arena, size_t n)
{
    static const char alphabet[33] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char bytes[64];
    char text[64];
    random_bytes(bytes, n);
    for (size_t i = 0; i < n; i++)
        text[i] = alphabet[bytes[i] & 31];
    return arena_str(arena, str_of(text, n));
}

static int record_fill(struct work *work, const struct key_wish *wish, struct str secret)
{
    struct key *key = &work->record.key;
    struct arena *arena = &work->arena;
    key->public_part = random_text(arena, 10);
    key->name = arena_str(arena, wish->name.n ? wish->name : STR(""));
    key->tenant = arena_str(arena, wish->tenant.n ? wish->tenant : STR("default"));
    key->models_n = wish->models.n;
    key->models = ARENA_ARRAY(arena, struct str, key->models_n + 1);
    if (!key->public_part.p || !key->name.p || !key->tenant.p || !key->models)
        return E_MEMORY;
    for (unsigned i = 0; i < key->models_n; i++) {
        key->models[i] = arena_str(arena, wish->models.at[i]);
        if (!key->models[i].p)
            return E_MEMORY;
    }
    key->admin = wish->admin;
    key->made_wall_us = work->now_us;
    return sha256(secret, work->record.hash);
}

int keys_make(struct keys *k, struct arena *arena, const struct key_wish *wish,
              struct str *ret_secret, const struct key **ret_key, struct fault *f)
{
    int err = key_wish_check(wish, f);
    if (err)
        return err;
    if (!k->where)
        return no_database(f);
    if (keys_count(k) >= KEYS_MAX)
        return fault_set(f, E_OVERLOADED, "there are %d keys already", KEYS_MAX);
    struct str secret = random_text(arena, 40);
    struct work *work = secret.p ? work_new(k, WORK_INSERT) : NULL;
    if (!work)
        return E_MEMORY;
    const struct key *key = NULL;
    err = record_fill(work, wish, secret);
    if (!err)
        err = key_copy(arena, &work->record.key, &key);
    struct str shown = err ? STR_NONE
                           : arena_printf(arena, PREFIX "%.*s-%.*s", STR_ARGS(key->public_part),
                                          STR_ARGS(secret));
    if (!shown.p) { /* nothing is made that cannot be shown */
        work_free(&work->job);
        return err ? err : E_MEMORY;
    }
    err = work_do(k, work, f);
    if (!err) {
        *ret_secret = shown;
        *ret_key = key;
    }
    return err;
}

static bool is_declared(const struct keys *k, struct str name)
{
    for (unsigned i = 0; i < k->declared_n; i++)
        if (str_eq(k->declared[i].key.name, name))
            return true;
    return false;
}

/* Why no key is meant by `which`. */
static int not_meant(const struct keys *k, struct str which, bool revoked, struct fault *f)
{
    struct str shown = str_head(which, 60), words[256];
    unsigned n = 0;
    if (is_declared(k, which))
        return fault_set(f, E_BAD_REQUEST,
                         "key '%.*s' is declared in the configuration; take it out there",
                         STR_ARGS(shown));
    if (revoked)
        return fault_set(f, E_NOT_FOUND, "key '%.*s' is revoked already", STR_ARGS(shown));
    if (!k->where)
        return no_database(f);
    for (unsigned i = 0; i < k->made->n && n < ARRAY_LEN(words); i++) {
        const struct key *key = &k->made->at[i].key;
        words[n++] = key->name.n ? key->name : key->public_part;
    }
    struct str near = str_nearest(which, words, n);
    return fault_set(f, E_NOT_FOUND, "there is no key '%.*s'%s%.*s%s", STR_ARGS(shown),
                     near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
}

/* The key with this public part, or the one that has this name and is not revoked. */
static int meant(const struct keys *k, struct str which, const struct key_record **ret_record,
                 struct fault *f)
{
    unsigned n = 0, revoked = 0;
    *ret_record = key_list_find(k->made, which);
    if (*ret_record)
        return 0;
    for (unsigned i = 0; which.n > 0 && k->made && i < k->made->n; i++) {
        const struct key_record *r = &k->made->at[i];
        if (!str_eq(r->key.name, which))
            continue;
        if (r->key.revoked_wall_us) {
            revoked++;
        } else {
            *ret_record = r;
            n++;
        }
    }
    if (n > 1)
        return fault_set(f, E_BAD_REQUEST,
                         "%u keys are called '%.*s'; say which by its public part (`sluice keys "
                         "list` shows it)",
                         n, STR_ARGS(str_head(which, 60)));
    if (n == 0)
        return not_meant(k, which, revoked > 0, f);
    if (is_declared(k, which))
        return fault_set(f, E_BAD_REQUEST,
                         "'%.*s' is a key that the configuration declares, and the name of one "
                         "that was made; to revoke that one, say its public part: %.*s",
                         STR_ARGS(str_head(which, 60)), STR_ARGS((*ret_record)->key.public_part));
    return 0;
}

int keys_revoke(struct keys *k, struct arena *arena, struct str which, struct str *ret_public,
                struct fault *f)
{
    const struct key_record *r = NULL;
    int err = meant(k, which, &r, f);
    if (err)
        return err;
    struct str public_part = arena_str(arena, r->key.public_part);
    struct work *w = public_part.p ? work_new(k, WORK_REVOKE) : NULL;
    if (!w)
        return E_MEMORY;
    w->record.key.public_part = arena_str(&w->arena, public_part);
    err = work_do(k, w, f);
    if (!err)
        *ret_public = public_part;
    return err;
}

void keys_refresh(struct keys *k)
{
    struct work *w = k->where ? work_new(k, WORK_LOAD) : NULL;
    if (!w)
        return;
    struct fault ignored = {0}; /* the next look may succeed; the keys known stay in force */
    int err = work_do(k, w, &ignored);
    (void)err;
}

unsigned keys_count(const struct keys *k)
{
    return k->declared_n + (k->made ? k->made->n : 0);
}

const struct key *keys_at(const struct keys *k, unsigned i)
{
    return i < k->declared_n ? &k->declared[i].key : &k->made->at[i - k->declared_n].key;
}
