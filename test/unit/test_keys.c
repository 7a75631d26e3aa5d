/* test_keys.c: who a key belongs to, what it may ask for, and keys in a database. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/config.h"
#include "base_test.h"
#include "guard/keys.h"
#include "rt/loop.h"
#include "rt/task.h"

struct ring {
    struct arena arena;
    struct keys *keys;
    struct conf_doc *doc;
    struct fault f;
    char folder[64], where[96];
};

static int ring_setup(void **state)
{
    struct ring *r = calloc(1, sizeof(*r));
    if (!r)
        return -1;
    *state = r;
    arena_init_private(&r->arena, 1u << 20);
    snprintf(r->folder, sizeof(r->folder), "/tmp/test_keys.XXXXXX");
    if (!mkdtemp(r->folder))
        return -1;
    snprintf(r->where, sizeof(r->where), "sqlite:%s/keys.db", r->folder);
    return 0;
}

static int ring_teardown(void **state)
{
    struct ring *r = *state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[128];
    keys_close(r->keys);
    conf_unref(r->doc);
    arena_fini(&r->arena);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof(path), "%s%s", r->where + 7, ends[i]);
        unlink(path);
    }
    rmdir(r->folder);
    free(r);
    return 0;
}

static void open_ring(struct ring *r, const char *where)
{
    if (keys_open(str_from(where), &r->keys, &r->f) != 0)
        fail_msg("%s", r->f.text);
}

static void configure(struct ring *r, const char *text)
{
    struct conf_doc *doc = NULL;
    assert_int_equal(conf_load_text(&config_table, "test.yaml", str_from(text), &doc), 0);
    const struct config *c = conf_root(doc);
    assert_int_equal(keys_configure(r->keys, &c->keys, doc), 0);
    conf_unref(doc); /* the keys hold it as long as they need it */
}

static int check(struct ring *r, const char *authorization, const struct key **ret_key)
{
    fault_clear(&r->f);
    *ret_key = NULL;
    int err = keys_check(r->keys, str_from(authorization), ret_key, &r->f);
    assert_int_equal(r->f.err, err);
    return err;
}

static const struct key *known(struct ring *r, const char *authorization)
{
    const struct key *key;
    if (check(r, authorization, &key) != 0)
        fail_msg("%s: %s", authorization, r->f.text);
    assert_non_null(key);
    return key;
}

static void refused(struct ring *r, const char *authorization, int err)
{
    const struct key *key;
    assert_int_equal(check(r, authorization, &key), err);
    assert_null(key);
    /* What was sent is no business of logs. */
    if (authorization && strlen(authorization) > 9)
        assert_null(strstr(r->f.text, authorization + 8));
}

#define DECLARED                                                                                   \
    "keys:\n"                                                                                      \
    "  declared:\n"                                                                                \
    "    app: {secret: s3cret-one, tenant: shop, models: [fast, 'gpt-*']}\n"                       \
    "    ops: {secret: s3cret-two, admin: true}\n"                                                 \
    "    odd: {secret: 'Bearer x'}\n"

static void declared_keys_are_known_by_their_text(void **state)
{
    struct ring *r = *state;
    open_ring(r, "");
    configure(r, DECLARED);
    assert_int_equal(keys_count(r->keys), 3);
    static const char *const forms[] = {"Bearer s3cret-one", "bearer s3cret-one", "s3cret-one",
                                        "  BEARER   s3cret-one \t"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const struct key *key = known(r, forms[i]);
        assert_str(key->public_part, STR("app"));
        assert_str(key->tenant, STR("shop"));
        assert_int_equal(key->models_n, 2);
        assert_true(key->declared);
        assert_false(key->admin);
    }
    const struct key *ops = known(r, "Bearer s3cret-two");
    assert_true(ops->admin);
    assert_str(ops->tenant, STR("default"));
    refused(r, "Bearer s3cret-on", E_BAD_KEY);
    refused(r, "Bearer s3cret-one1", E_BAD_KEY);
    refused(r, "Bearer S3cret-one", E_BAD_KEY);
    refused(r, "Basic s3cret-one", E_BAD_KEY);
    refused(r, "Bearer app", E_BAD_KEY);
    refused(r, "", E_NO_KEY);
    refused(r, "   ", E_NO_KEY);
    refused(r, "Bearer  ", E_BAD_KEY); /* "Bearer" alone is a text like any other */
    refused(r, NULL, E_NO_KEY);
    refused(r, "sk-sluice-", E_BAD_KEY);
    refused(r, "sk-sluice-abc", E_BAD_KEY);
    refused(r, "sk-sluice-abc-def", E_BAD_KEY);
}

static void a_reload_replaces_the_declared(void **state)
{
    struct ring *r = *state;
    open_ring(r, "");
    refused(r, "s3cret-one", E_BAD_KEY);
    configure(r, DECLARED);
    known(r, "s3cret-one");
    configure(r, "keys: {declared: {new: s3cret-new, two: s3cret-two}}\n");
    refused(r, "s3cret-one", E_BAD_KEY);
    assert_str(known(r, "s3cret-new")->public_part, STR("new"));
    assert_str(known(r, "s3cret-two")->public_part, STR("two"));
    configure(r, "");
    assert_int_equal(keys_count(r->keys), 0);
    refused(r, "s3cret-new", E_BAD_KEY);
}

static void a_key_allows_its_models(void **state)
{
    (void)state;
    struct str models[] = {STR("fast"), STR("gpt-*"), STR("a*b")};
    struct key key = {.public_part = STR("app"), .models_n = 3, .models = models};
    struct fault f = {0};
    static const char *const may[] = {"fast", "gpt-5", "gpt-", "a*b"};
    for (size_t i = 0; i < ARRAY_LEN(may); i++)
        assert_int_equal(key_allows(&key, str_from(may[i]), &f), 0);
    static const char *const may_not[] = {"Fast",         "fas", "faster", "gpt",
                                          "openai/gpt-5", "axb", "",       "gpt*"};
    for (size_t i = 0; i < ARRAY_LEN(may_not); i++) {
        fault_clear(&f);
        assert_int_equal(key_allows(&key, str_from(may_not[i]), &f), E_FORBIDDEN);
        assert_non_null(strstr(f.text, "key app may not ask"));
    }
    models[0] = STR("*");
    key.models_n = 1;
    assert_int_equal(key_allows(&key, STR("anything"), NULL), 0);
    key.models_n = 0;
    assert_int_equal(key_allows(&key, STR("anything"), NULL), 0);
}

static struct str make(struct ring *r, const char *name, const struct key **ret_key)
{
    struct str secret = STR_NONE;
    struct str models[] = {STR("fast"), STR("lane/*")};
    const struct key_wish w = {
        .name = str_from(name), .tenant = STR("shop"), .models = {2, models}, .admin = true};
    fault_clear(&r->f);
    if (keys_make(r->keys, &r->arena, &w, &secret, ret_key, &r->f) != 0)
        fail_msg("%s", r->f.text);
    return secret;
}

static void made_keys_are_in_the_database(void **state)
{
    struct ring *r = *state;
    const struct key *made = NULL, *key;
    open_ring(r, r->where);
    struct str secret = make(r, "ci", &made);
    assert_true(str_starts(secret, STR("sk-sluice-")));
    assert_int_equal(secret.n, 10 + 10 + 1 + 40);
    assert_str(str_head(str_tail(secret, 10), 10), made->public_part);
    for (int round = 0; round < 2; round++) { /* at once, and after a start */
        key = known(r, secret.p);
        assert_str(key->public_part, made->public_part);
        assert_str(key->name, STR("ci"));
        assert_str(key->tenant, STR("shop"));
        assert_int_equal(key->models_n, 2);
        assert_str(key->models[1], STR("lane/*"));
        assert_true(key->admin && !key->declared && key->made_wall_us > 0);
        assert_int_equal(keys_count(r->keys), 1);
        assert_str(keys_at(r->keys, 0)->name, STR("ci"));
        keys_close(r->keys);
        open_ring(r, r->where);
    }
    /* Another end, a shorter one, none; another one's secret. */
    char wrong[80];
    snprintf(wrong, sizeof(wrong), "%.*s", STR_ARGS(secret));
    wrong[secret.n - 1] = wrong[secret.n - 1] == '0' ? '1' : '0';
    refused(r, wrong, E_BAD_KEY);
    wrong[secret.n - 1] = '\0';
    refused(r, wrong, E_BAD_KEY);
    wrong[21] = '\0';
    refused(r, wrong, E_BAD_KEY);
    const struct key *second = NULL;
    struct str other = make(r, "other", &second);
    snprintf(wrong, sizeof(wrong), "sk-sluice-%.*s%.*s", STR_ARGS(second->public_part),
             STR_ARGS(str_tail(secret, 20)));
    refused(r, wrong, E_BAD_KEY);
    assert_str(known(r, other.p)->name, STR("other"));
    assert_false(str_eq(str_tail(secret, 20), str_tail(other, 20)));
}

static bool file_holds(const char *path, struct str needle)
{
    struct buf all;
    char piece[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    buf_init(&all, 1u << 24);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(&all, piece, n);
    fclose(file);
    bool holds = memmem(all.p, all.n, needle.p, needle.n) != NULL;
    buf_fini(&all);
    return holds;
}

static void the_secret_is_kept_nowhere(void **state)
{
    struct ring *r = *state;
    const struct key *made = NULL;
    char wal[128];
    open_ring(r, r->where);
    struct str secret = make(r, "ci", &made);
    keys_close(r->keys);
    r->keys = NULL;
    snprintf(wal, sizeof(wal), "%s-wal", r->where + 7);
    assert_true(file_holds(r->where + 7, made->public_part) || file_holds(wal, made->public_part));
    assert_false(file_holds(r->where + 7, str_tail(secret, 21)));
    assert_false(file_holds(wal, str_tail(secret, 21)));
}

static int revoked(struct ring *r, struct str which, struct fault *f)
{
    struct str public_part = STR_NONE;
    int err = keys_revoke(r->keys, &r->arena, which, &public_part, f);
    assert_int_equal(public_part.n > 0, err == 0);
    return err;
}

static void revoked_keys_are_refused(void **state)
{
    struct ring *r = *state;
    const struct key *one = NULL, *two = NULL;
    open_ring(r, r->where);
    struct str first = make(r, "ci-one", &one), second = make(r, "ci-two", &two);
    assert_int_equal(revoked(r, one->public_part, &r->f), 0);
    refused(r, first.p, E_KEY_REVOKED);
    assert_non_null(strstr(r->f.text, one->public_part.p));
    known(r, second.p);
    fault_clear(&r->f);
    assert_int_equal(revoked(r, STR("ci-tow"), &r->f), E_NOT_FOUND);
    assert_non_null(strstr(r->f.text, "did you mean 'ci-two'?"));
    assert_int_equal(revoked(r, STR("ci-two"), NULL), 0); /* by name */
    refused(r, second.p, E_KEY_REVOKED);
    /* A wrong secret of a revoked key tells nothing of it. */
    char wrong[80];
    snprintf(wrong, sizeof(wrong), "sk-sluice-%.*s-x", STR_ARGS(one->public_part));
    refused(r, wrong, E_BAD_KEY);
    /* A name may be given again; the old key stays revoked. */
    const struct key *again = NULL;
    struct str third = make(r, "ci-one", &again);
    known(r, third.p);
    refused(r, first.p, E_KEY_REVOKED);
    int64_t since = 0;
    for (unsigned i = 0; i < keys_count(r->keys); i++)
        if (str_eq(keys_at(r->keys, i)->public_part, one->public_part))
            since = keys_at(r->keys, i)->revoked_wall_us;
    assert_true(since > 0);
}

static void changes_of_others_are_seen(void **state)
{
    struct ring *r = *state;
    const struct key *made = NULL, *key;
    struct keys *other = NULL;
    open_ring(r, r->where);
    assert_int_equal(keys_open(str_from(r->where), &other, NULL), 0);
    struct str secret = make(r, "ci", &made);
    assert_int_equal(keys_check(other, secret, &key, NULL), E_BAD_KEY);
    keys_refresh(other);
    assert_int_equal(keys_check(other, secret, &key, NULL), 0);
    assert_int_equal(revoked(r, STR("ci"), NULL), 0);
    keys_refresh(other);
    assert_int_equal(keys_check(other, secret, &key, NULL), E_KEY_REVOKED);
    keys_close(other);
}

/* ---- looks and changes at the same time ---- */

struct crowd {
    struct ring *ring;
    unsigned looks;
    bool over;
};

static void look_again_and_again(void *arg)
{
    struct crowd *c = arg;
    while (!c->over) {
        keys_refresh(c->ring->keys);
        c->looks++;
    }
}

/* The looks under way began before the change, and may end after it. */
static void holds_through_looks(struct crowd *c, struct str secret, int err)
{
    for (unsigned from = c->looks; c->looks < from + 4;) {
        const struct key *key;
        assert_int_equal(keys_check(c->ring->keys, secret, &key, NULL), err);
        assert_int_equal(task_sleep(0), 0);
    }
}

static void change_again_and_again(void *arg)
{
    struct crowd *c = arg;
    struct ring *r = c->ring;
    for (unsigned i = 0; i < 60; i++) {
        const struct key *made = NULL;
        struct str secret = make(r, "ci", &made);
        holds_through_looks(c, secret, 0);
        assert_int_equal(revoked(r, made->public_part, NULL), 0);
        holds_through_looks(c, secret, E_KEY_REVOKED);
    }
    c->over = true;
}

static void an_older_look_undoes_no_change(void **state)
{
    struct crowd c = {.ring = *state};
    assert_int_equal(loop_init(), 0);
    open_ring(c.ring, c.ring->where);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(task_spawn("look", look_again_and_again, &c, NULL), 0);
    assert_int_equal(task_spawn("change", change_again_and_again, &c, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_fini();
}

/* ---- what a key may be ---- */

static void declared_are(const char *text, const char *complaint, unsigned line)
{
    struct conf_doc *doc = NULL;
    if (conf_load_text(&config_table, "test.yaml", str_from(text), &doc) != 0)
        fail_msg("%s", text);
    const struct config *c = conf_root(doc);
    assert_int_equal(keys_settings_check(&c->keys, doc), 0);
    assert_int_equal(conf_error_count(doc), complaint != NULL);
    if (complaint && str_find(conf_problem(doc, 0)->text, str_from(complaint)) < 0)
        fail_msg("%s: %.*s", text, STR_ARGS(conf_problem(doc, 0)->text));
    if (complaint)
        assert_int_equal(conf_problem(doc, 0)->line, line);
    conf_unref(doc);
}

static void declared_keys_can_be_sent_and_told_apart(void **state)
{
    (void)state;
    declared_are(DECLARED, "begins with 'Bearer '", 5);
    declared_are("keys: {declared: {a: one, b: two, c: {secret: three}}}", NULL, 0);
    declared_are("keys:\n  declared:\n    b: twice\n    c: x\n    a:\n      secret: twice\n",
                 "the secret is that of 'b' too", 6);
    declared_are("keys:\n  declared:\n    a: ''\n", "the secret is empty", 3);
    declared_are("keys:\n  declared:\n    a: \"x\\n\"\n", "has a line end", 3);
    declared_are("keys:\n  declared:\n    a: ' x'\n", "begins or ends with a space", 3);
    declared_are("keys:\n  declared:\n    \"a\\e[2J\": x\n", "control character", 3);
    declared_are("keys:\n  declared:\n    a: {secret: x,\n        tenant: ''}\n",
                 "the tenant's name is empty", 4);
    declared_are("keys:\n  declared:\n    a: {secret: x, models: [b,\n        '']}\n",
                 "the model's name is empty", 4);
    struct buf many;
    buf_init(&many, 1 << 16);
    buf_str(&many, STR("keys:\n  declared: {a: {secret: x,\n    models: ["));
    for (unsigned i = 0; i < 1001; i++)
        buf_printf(&many, "m%u, ", i);
    buf_str(&many, STR("]}}\n"));
    buf_char(&many, '\0');
    declared_are(many.p, "1001 models; expected at most 1000", 3);
    buf_fini(&many);
}

static void copies_last(void **state)
{
    struct ring *r = *state;
    const struct key *copy = NULL;
    open_ring(r, "");
    configure(r, DECLARED);
    assert_int_equal(key_copy(&r->arena, known(r, "s3cret-one"), &copy), 0);
    keys_close(r->keys);
    r->keys = NULL;
    assert_str(copy->public_part, STR("app"));
    assert_str(copy->tenant, STR("shop"));
    assert_int_equal(key_allows(copy, STR("gpt-5"), NULL), 0);
    assert_int_equal(key_allows(copy, STR("o3"), NULL), E_FORBIDDEN);
}

static void without_a_database_there_are_only_declared_keys(void **state)
{
    struct ring *r = *state;
    struct str secret;
    const struct key *key;
    open_ring(r, "");
    const struct key_wish w = {.name = STR("a")};
    assert_int_equal(keys_make(r->keys, &r->arena, &w, &secret, &key, &r->f), E_STORE);
    assert_non_null(strstr(r->f.text, "state.ledger"));
    assert_int_equal(revoked(r, STR("a"), NULL), E_STORE);
    keys_refresh(r->keys);
    struct keys *none = NULL;
    assert_int_not_equal(keys_open(STR("sqlite:/no/such/folder/keys.db"), &none, NULL), 0);
    assert_null(none);
}

#define RING(fn) cmocka_unit_test_setup_teardown(fn, ring_setup, ring_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING(declared_keys_are_known_by_their_text),
        RING(a_reload_replaces_the_declared),
        cmocka_unit_test(a_key_allows_its_models),
        RING(made_keys_are_in_the_database),
        RING(the_secret_is_kept_nowhere),
        RING(revoked_keys_are_refused),
        RING(changes_of_others_are_seen),
        RING(an_older_look_undoes_no_change),
        cmocka_unit_test(declared_keys_can_be_sent_and_told_apart),
        RING(copies_last),
        RING(without_a_database_there_are_only_declared_keys),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
