/*
 * keys.c: `sluice keys`: make, list and revoke keys in the ledger's database. A running sluice
 * sees the change within a second.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "guard/keys.h"
#include "store/rows.h"

struct wish {
    const char *config, *tenant, *models;
    bool admin, json;
    struct str ledger; /* where keys are kept; STR_NONE: nowhere */
    bool fresh;        /* there is no database yet */
};

static const struct command_option options[] = {
    {"--config", "FILE", offsetof(struct wish, config),
     "whose database (state.ledger) and declared keys", VALUE_FILE, NULL},
    {"--tenant", "T", offsetof(struct wish, tenant), "whose key it is (default: default)",
     VALUE_ANY, NULL},
    {"--models", "A,B", offsetof(struct wish, models),
     "the names it may ask for; gpt-* stands for all that begin so", VALUE_ANY, NULL},
    {"--admin", NULL, offsetof(struct wish, admin), "it may use /admin and /metrics", VALUE_ANY,
     NULL},
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {0},
};

static void key_json(const struct key *key, struct str secret)
{
    struct buf out;
    char made[25];
    buf_init(&out, 1u << 20);
    buf_str(&out, STR("{\"public\":"));
    json_quote(&out, key->public_part);
    buf_str(&out, STR(",\"name\":"));
    json_quote(&out, key->name);
    buf_str(&out, STR(",\"tenant\":"));
    json_quote(&out, key->tenant);
    buf_str(&out, STR(",\"models\":["));
    for (unsigned i = 0; i < key->models_n; i++) {
        if (i)
            buf_char(&out, ',');
        json_quote(&out, key->models[i]);
    }
    buf_printf(&out, "],\"admin\":%s,\"declared\":%s,\"revoked\":%s", key->admin ? "true" : "false",
               key->declared ? "true" : "false", key->revoked_wall_us ? "true" : "false");
    if (key->made_wall_us)
        buf_printf(&out, ",\"made\":\"%s\"", clock_iso(key->made_wall_us, made));
    if (secret.n) {
        buf_str(&out, STR(",\"secret\":"));
        json_quote(&out, secret);
    }
    printf("%.*s}", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
}

static void key_line(const struct key *key)
{
    char made[25] = "-";
    if (key->made_wall_us)
        clock_iso(key->made_wall_us, made);
    printf("%-12.*s %-20.*s %-16.*s %-8s %-10.10s ", STR_ARGS(key->public_part),
           STR_ARGS(key->name), STR_ARGS(key->tenant),
           key->revoked_wall_us ? "revoked"
           : key->admin         ? "admin"
                                : "active",
           made);
    for (unsigned i = 0; i < key->models_n; i++)
        printf("%s%.*s", i ? "," : "", STR_ARGS(key->models[i]));
    puts(key->models_n ? "" : "all");
}

/* By name, those without one first; the same name by its age. */
static int key_compare(const void *x, const void *y)
{
    const struct key *a = *(const struct key *const *)x, *b = *(const struct key *const *)y;
    int order = str_cmp(a->name, b->name);
    if (!order && a->made_wall_us != b->made_wall_us)
        order = a->made_wall_us < b->made_wall_us ? -1 : 1;
    return order ? order : str_cmp(a->public_part, b->public_part);
}

static int list(const struct keys *keys, bool json)
{
    unsigned n = keys_count(keys);
    const struct key **sorted = calloc(n + 1, sizeof(struct key *));
    if (!sorted)
        return EXIT_COULD_NOT;
    for (unsigned i = 0; i < n; i++)
        sorted[i] = keys_at(keys, i);
    qsort(sorted, n, sizeof(struct key *), key_compare);
    if (json)
        printf("[");
    else if (n == 0)
        puts("There are no keys yet. `sluice keys make NAME` makes one.");
    else
        printf("%-12s %-20s %-16s %-8s %-10s %s\n", "KEY", "NAME", "TENANT", "STATE", "MADE",
               "MODELS");
    for (unsigned i = 0; i < n; i++) {
        if (json && i)
            printf(",");
        if (json)
            key_json(sorted[i], STR_NONE);
        else
            key_line(sorted[i]);
    }
    if (json)
        puts("]");
    free(sorted);
    return EXIT_DONE;
}

static int fault_show(const struct fault *f, int err)
{
    fprintf(stderr, "sluice keys: %s\n", why_text(f, err));
    return err == E_NOT_FOUND ? EXIT_BAR : err == E_BAD_REQUEST ? EXIT_WRONG_USE : EXIT_COULD_NOT;
}

/* "a, b" as a list; a list that names nothing stays one, and is refused. */
static int models_split(struct arena *arena, const char *text, struct conf_strs *ret_models)
{
    struct str rest = str_from(text);
    ret_models->at = ARENA_ARRAY(arena, struct str, rest.n + 1);
    if (!ret_models->at)
        return E_MEMORY;
    while (rest.n > 0) {
        struct str model = str_trim(str_cut(&rest, ','));
        if (model.n)
            ret_models->at[ret_models->n++] = model;
    }
    return 0;
}

/* To standard error, so that the secret can be piped on. */
static void made_tell(struct str ledger, bool fresh)
{
    fprintf(stderr, "This is the only time that it is shown. It is kept in %.*s%s.\n",
            STR_ARGS(ledger),
            fresh ? ", which was made for it:\nwhere sluice serves from another database "
                    "(state.ledger), name its configuration with --config"
                  : "");
}

static int make(struct keys *keys, struct str name, const struct wish *w)
{
    struct arena arena;
    arena_init(&arena, 4u << 20);
    struct fault f = {0};
    struct str secret = STR_NONE;
    const struct key *key = NULL;
    struct key_wish wish = {.name = name, .tenant = str_from(w->tenant), .admin = w->admin};
    int err = w->models ? models_split(&arena, w->models, &wish.models) : 0;
    if (!err)
        err = keys_make(keys, &arena, &wish, &secret, &key, &f);
    int code = EXIT_DONE;
    if (err) {
        code = fault_show(&f, err);
    } else if (w->json) {
        key_json(key, secret);
        puts("");
    } else {
        printf("%.*s\n", STR_ARGS(secret));
    }
    if (!err)
        made_tell(w->ledger, w->fresh);
    arena_fini(&arena);
    return code;
}

static int revoke(struct keys *keys, const char *which, bool json)
{
    struct arena arena;
    struct fault f = {0};
    struct str public_part = STR_NONE;
    arena_init(&arena, 1u << 20);
    int err = keys_revoke(keys, &arena, str_from(which), &public_part, &f);
    if (!err) /* it has letters and digits only */
        printf(json ? "{\"revoked\":true,\"public\":\"%.*s\"}\n" : "revoked %.*s\n",
               STR_ARGS(public_part));
    arena_fini(&arena);
    return err ? fault_show(&f, err) : EXIT_DONE;
}

enum verb { MAKE, LIST, REVOKE, VERBS };
static const char *const verbs[VERBS + 1] = {"make", "list", "revoke", NULL};
static const char *const verb_options[VERBS] = {"--config --tenant --models --admin --json",
                                                "--config --json", "--config --json"};

/* What is asked for; an exit code where that is wrong, before a database is opened. */
static int verb_read(const struct wish *w, int words, char **argv, enum verb *ret_verb)
{
    static const char *const takes[VERBS] = {"one name at most", "no further word",
                                             "one key: its name or its public part"};
    static const int least[VERBS] = {1, 0, 2}, most[VERBS] = {2, 1, 2};
    int verb = options_verb(&command_keys, words, argv, LIST);
    if (verb < 0)
        return EXIT_WRONG_USE;
    if (words < least[verb] || words > most[verb])
        return options_wrong(&command_keys, "%s takes %s", verbs[verb], takes[verb]);
    if (verb != MAKE && (w->tenant || w->models || w->admin))
        return options_wrong(&command_keys, "--tenant, --models and --admin are for make");
    *ret_verb = (enum verb)verb;
    return EXIT_DONE;
}

/* Is there a database? One that is only looked into is not made for that. */
static int ledger_find(struct wish *w, const struct config *c, enum verb verb)
{
    struct rows_store *store = NULL;
    struct fault f = {0};
    w->ledger = config_has_ledger(c) ? c->state.ledger : STR_NONE;
    int err = w->ledger.n ? rows_open(w->ledger, true, &store, &f) : 0;
    rows_close(store);
    w->fresh = err == E_NOT_FOUND;
    if (!w->fresh || verb == MAKE)
        return EXIT_DONE; /* any other fault is told by who opens it next */
    fprintf(stderr,
            "sluice keys: %s. `sluice keys make NAME` makes it; --config FILE names another\n"
            "(its state.ledger).\n",
            fault_text(&f));
    w->ledger = STR_NONE;
    return verb == LIST && c->keys.declared.n > 0 ? EXIT_DONE : EXIT_COULD_NOT;
}

static int act(struct keys *keys, enum verb verb, const struct wish *w, int words, char **argv)
{
    switch (verb) {
    case MAKE:
        return make(keys, words == 2 ? str_from(argv[2]) : STR(""), w);
    case REVOKE:
        return revoke(keys, argv[2], w->json);
    case LIST:
    case VERBS:
        break;
    }
    return list(keys, w->json);
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    enum verb verb = LIST;
    int code = options_read(&command_keys, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    code = verb_read(&w, words, argv, &verb);
    if (code)
        return code;
    struct conf_doc *doc = NULL;
    /* Keys can be made before a provider is known: without a file, only the database counts. */
    if (load_has_file(w.config))
        code = load_config(w.config, &doc);
    else if (conf_load_text(&config_table, "(no file)", STR(""), &doc) != 0)
        code = EXIT_COULD_NOT;
    struct keys *keys = NULL;
    struct fault f = {0};
    if (!code)
        code = ledger_find(&w, conf_root(doc), verb);
    if (!code) {
        const struct config *c = conf_root(doc);
        int err = keys_open(w.ledger, &keys, &f);
        if (!err)
            err = keys_configure(keys, &c->keys, doc);
        code = err ? fault_show(&f, err) : act(keys, verb, &w, words, argv);
    }
    keys_close(keys);
    conf_unref(doc);
    return code;
}

const struct command command_keys = {
    .name = "keys",
    .summary = "make, list and revoke keys",
    .usage = "keys make [NAME] [--tenant T] [--models A,B] [--admin] [--config FILE] [--json]\n"
             "keys list [--config FILE] [--json]\n"
             "keys revoke KEY [--config FILE] [--json]",
    .about = "Makes, lists and revokes the keys that are kept in the ledger's database.\n",
    .options = options,
    .notes =
        "A key's secret is shown once, when it is made; only a hash of it is kept. KEY is a key's\n"
        "name or its public part, which logs and reports show. A running sluice that uses the "
        "same\n"
        "database sees the change within a second.\n\n"
        "Exit codes: 0 done, 1 there is no such key, or the configuration has mistakes, 2 wrong "
        "use,\n"
        "3 the database cannot be read or written.\n",
    .verbs = verbs,
    .verb_options = verb_options,
    .run = run,
};
