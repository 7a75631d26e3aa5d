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

static const char help[] =
    "Usage: sluice keys make [NAME] [--tenant T] [--models A,B] [--admin]\n"
    "       sluice keys list\n"
    "       sluice keys revoke KEY\n\n"
    "  --config FILE  whose database (state.ledger) and declared keys\n"
    "  --tenant T     whose key it is (default: default)\n"
    "  --models A,B   the names it may ask for; gpt-* stands for all that begin so\n"
    "  --admin        it may use /admin and /metrics\n"
    "  --json         as JSON\n\n"
    "A key's secret is shown once, when it is made; only a hash of it is kept. KEY is a key's\n"
    "name or its public part, which logs and reports show. A running sluice that uses the same\n"
    "database sees the change within a second.\n";

#define MODELS_MAX 64

static void key_json(const struct key *key, struct str secret)
{
    struct buf out;
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
           key->revoked_wall_us ? "revoked" : key->admin ? "admin" : "active", made);
    for (unsigned i = 0; i < key->models_n; i++)
        printf("%s%.*s", i ? "," : "", STR_ARGS(key->models[i]));
    puts(key->models_n ? "" : "all");
}

static int list(const struct keys *keys, bool json)
{
    if (json)
        printf("[");
    else if (keys_count(keys) == 0)
        puts("There are no keys yet. `sluice keys make NAME` makes one.");
    else
        printf("%-12s %-20s %-16s %-8s %-10s %s\n", "KEY", "NAME", "TENANT", "STATE", "MADE",
               "MODELS");
    for (unsigned i = 0; i < keys_count(keys); i++) {
        if (json && i)
            printf(",");
        if (json)
            key_json(keys_at(keys, i), STR_NONE);
        else
            key_line(keys_at(keys, i));
    }
    if (json)
        puts("]");
    return EXIT_DONE;
}

static int fault_show(const struct fault *f, int err)
{
    fprintf(stderr, "sluice keys: %s\n", f->err ? fault_text(f) : err_text(err));
    return err == E_NOT_FOUND ? EXIT_BAR : EXIT_COULD_NOT;
}

static int make(struct keys *keys, struct str name, const char *tenant, const char *models,
                bool admin, bool json)
{
    struct str list_of[MODELS_MAX];
    unsigned n = 0;
    struct str rest = str_from(models);
    while (rest.n > 0 && n < MODELS_MAX) {
        struct str model = str_trim(str_cut(&rest, ','));
        if (model.n)
            list_of[n++] = model;
    }
    struct arena arena;
    arena_init(&arena, 1u << 20);
    struct fault f = {0};
    struct str secret = STR_NONE;
    const struct key *key = NULL;
    int err = keys_make(keys, &arena, name, str_from(tenant), list_of, n, admin, &secret, &key, &f);
    int code = EXIT_DONE;
    if (err) {
        code = fault_show(&f, err);
    } else if (json) {
        key_json(key, secret);
        puts("");
    } else {
        printf("%.*s\n", STR_ARGS(secret));
        fprintf(stderr, "This is the only time that it is shown.\n");
    }
    arena_fini(&arena);
    return code;
}

static int revoke(struct keys *keys, const char *which, bool json)
{
    struct fault f = {0};
    int err = keys_revoke(keys, str_from(which), &f);
    if (err)
        return fault_show(&f, err);
    puts(json ? "{\"revoked\":true}" : "revoked");
    return EXIT_DONE;
}

struct wish {
    const char *config, *tenant, *models;
    bool admin, json;
};

static int act(struct keys *keys, const struct wish *w, int words, char **argv)
{
    struct str verb = words ? str_from(argv[1]) : STR("list");
    if (str_eq(verb, STR("list")) && words <= 1)
        return list(keys, w->json);
    if (str_eq(verb, STR("make")) && words <= 2)
        return make(keys, words == 2 ? str_from(argv[2]) : STR(""), w->tenant, w->models, w->admin,
                    w->json);
    if (str_eq(verb, STR("revoke")) && words == 2)
        return revoke(keys, argv[2], w->json);
    const struct str verbs[] = {STR("make"), STR("list"), STR("revoke")};
    struct str near = str_nearest(verb, verbs, ARRAY_LEN(verbs));
    return options_wrong(&command_keys, "expected make, list or revoke%s%.*s%s",
                         near.n ? "; did you mean '" : "", STR_ARGS(near), near.n ? "'?" : "");
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    const struct option_row rows[] = {{"--config", true, &w.config, NULL},
                                      {"--tenant", true, &w.tenant, NULL},
                                      {"--models", true, &w.models, NULL},
                                      {"--admin", false, NULL, &w.admin},
                                      {"--json", false, NULL, &w.json},
                                      {NULL, false, NULL, NULL}};
    int code = options_read(&command_keys, rows, argc, argv, &words);
    if (code >= 0)
        return code;
    struct conf_doc *doc = NULL;
    /* Keys can be made before a provider is known: without a file, only the database counts. */
    code = w.config || getenv("OPENAI_API_KEY")
               ? load_config(w.config, &doc)
               : (conf_load_text(&config_table, "(no file)", STR(""), &doc) ? EXIT_COULD_NOT : 0);
    struct keys *keys = NULL;
    struct fault f = {0};
    if (!code) {
        const struct config *c = conf_root(doc);
        bool off = str_eq(c->state.ledger, STR("off"));
        int err = keys_open(off ? STR_NONE : c->state.ledger, &keys, &f);
        if (!err)
            err = keys_configure(keys, &c->keys, doc);
        code = err ? fault_show(&f, err) : act(keys, &w, words, argv);
    }
    keys_close(keys);
    conf_unref(doc);
    return code;
}

const struct command command_keys = {
    .name = "keys", .summary = "make, list and revoke keys", .help = help, .run = run};
