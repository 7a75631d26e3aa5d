#include "guard/keys_store.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/put.h"
#include "store/rows.h"

#define LIST_BYTES_MAX (256u * 1024 * 1024)

static const char table_sql[] =
    "CREATE TABLE IF NOT EXISTS keys (public TEXT PRIMARY KEY, name TEXT NOT NULL,"
    " tenant TEXT NOT NULL, models TEXT NOT NULL, admin INTEGER NOT NULL, hash TEXT NOT NULL,"
    " made_us INTEGER NOT NULL, revoked_us INTEGER NOT NULL)";

static unsigned hex_digit(char c)
{
    return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

static bool hex_read(struct str text, unsigned char *ret_bytes)
{
    if (text.n != 2 * KEY_HASH_BYTES)
        return false;
    for (size_t i = 0; i < KEY_HASH_BYTES; i++)
        ret_bytes[i] = (unsigned char)(hex_digit(text.p[2 * i]) << 4 |
                                       hex_digit(text.p[2 * i + 1]));
    return true;
}

/* "a,b" as a list; model names have no commas. */
static int models_read(struct arena *arena, struct str text, struct key *key)
{
    unsigned n = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    key->models = ARENA_ARRAY(arena, struct str, n + 1);
    struct str rest = arena_str(arena, text);
    if (!key->models || !rest.p)
        return E_MEMORY;
    for (key->models_n = 0; key->models_n < n; key->models_n++)
        key->models[key->models_n] = str_cut(&rest, ',');
    return 0;
}

static int row_take(void *arg, struct rows_query *row)
{
    struct key_list *l = arg;
    if (l->n == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 16;
        struct key_record *more = realloc(l->at, cap * sizeof(*more));
        if (!more)
            return E_MEMORY;
        l->at = more;
        l->cap = cap;
    }
    struct key_record *r = &l->at[l->n];
    *r = (struct key_record){.key = {.public_part = arena_str(&l->arena, rows_column(row, 0).s),
                                     .name = arena_str(&l->arena, rows_column(row, 1).s),
                                     .tenant = arena_str(&l->arena, rows_column(row, 2).s),
                                     .admin = rows_column(row, 4).i != 0,
                                     .made_wall_us = rows_column(row, 6).i,
                                     .revoked_wall_us = rows_column(row, 7).i}};
    if (!r->key.public_part.p || !r->key.name.p || !r->key.tenant.p)
        return E_MEMORY;
    int err = models_read(&l->arena, rows_column(row, 3).s, &r->key);
    if (err)
        return err;
    /* A row whose hash cannot be read can never be matched: it is left out. */
    l->n += hex_read(rows_column(row, 5).s, r->hash);
    return 0;
}

static int open_table(const char *where, struct rows_store **ret_store, struct fault *f)
{
    int err = rows_open(str_from(where), false, ret_store, f);
    if (!err)
        err = rows_exec(*ret_store, table_sql, f);
    return err;
}

int key_store_load(const char *where, struct key_list **ret_list, struct fault *f)
{
    struct rows_store *store = NULL;
    struct rows_query *query = NULL;
    struct key_list *l = calloc(1, sizeof(*l));
    if (!l)
        return E_MEMORY;
    arena_init_private(&l->arena, LIST_BYTES_MAX);
    int err = open_table(where, &store, f);
    if (!err)
        err = rows_prepare(store,
                           "SELECT public, name, tenant, models, admin, hash, made_us, revoked_us "
                           "FROM keys ORDER BY public",
                           &query, f);
    if (!err)
        err = rows_each(query, NULL, 0, row_take, l, f);
    if (query)
        rows_free(query);
    rows_close(store);
    if (err)
        key_list_free(l);
    else
        *ret_list = l;
    return err;
}

static int run(const char *where, const char *sql, const struct rows_value *values, unsigned n,
               struct fault *f)
{
    struct rows_store *store = NULL;
    struct rows_query *query = NULL;
    int err = open_table(where, &store, f);
    if (!err)
        err = rows_prepare(store, sql, &query, f);
    if (!err)
        err = rows_run(query, values, n, f);
    if (query)
        rows_free(query);
    rows_close(store);
    return err;
}

int key_store_insert(const char *where, const struct key_record *r, struct fault *f)
{
    char hash[2 * KEY_HASH_BYTES];
    put_hex(hash, r->hash, KEY_HASH_BYTES);
    struct buf models;
    buf_init(&models, 65536);
    for (unsigned i = 0; i < r->key.models_n; i++) {
        if (i)
            buf_char(&models, ',');
        buf_str(&models, r->key.models[i]);
    }
    struct str list = models.n ? buf_view(&models) : STR("");
    const struct rows_value values[] = {
        rows_text(r->key.public_part), rows_text(r->key.name),
        rows_text(r->key.tenant),      rows_text(list),
        rows_int(r->key.admin),        rows_text(str_of(hash, sizeof(hash))),
        rows_int(r->key.made_wall_us)};
    int err = models.failed;
    if (!err)
        err = run(where,
                  "INSERT INTO keys (public, name, tenant, models, admin, hash, made_us, "
                  "revoked_us) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
                  values, ARRAY_LEN(values), f);
    buf_fini(&models);
    return err;
}

int key_store_revoke(const char *where, struct str public_part, int64_t now_us, struct fault *f)
{
    const struct rows_value values[] = {rows_text(public_part), rows_int(now_us)};
    return run(where, "UPDATE keys SET revoked_us = $2 WHERE public = $1 AND revoked_us = 0",
               values, ARRAY_LEN(values), f);
}

void key_list_free(struct key_list *l)
{
    if (!l)
        return;
    arena_fini(&l->arena);
    free(l->at);
    free(l);
}

const struct key_record *key_list_find(const struct key_list *l, struct str public_part)
{
    unsigned from = 0, to = l ? l->n : 0;
    while (from < to) {
        unsigned mid = (from + to) / 2;
        int order = str_cmp(l->at[mid].key.public_part, public_part);
        if (order == 0)
            return &l->at[mid];
        if (order < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}
