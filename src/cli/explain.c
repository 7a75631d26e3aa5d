/*
 * explain.c: `sluice explain`: what would happen to a request, without sending it.
 *
 * It goes the way of a request (api/llm_api.c) up to where a provider would be asked, by the same
 * functions, so that it refuses what would be refused, in the same words.
 */
#include "cli/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/objects.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "rt/loop.h"
#include "rt/task.h"
#include "turn/ledger/read.h"
#include "turn/stored.h"

struct wish {
    const char *config, *key, *protocol;
    bool json;
};

/* Those of clients, of which ask_read reads the body. */
static const char *const protocols[] = {"openai.chat", "openai.responses", "anthropic", NULL};

static const struct command_option options[] = {
    {"MODEL", NULL, 0, "a name as an application would give it", VALUE_ANY, NULL},
    {"REQUEST.json, -", NULL, 0, "a request's body in a file or on standard input", VALUE_FILE,
     NULL},
    {"--protocol", "NAME", offsetof(struct wish, protocol),
     "what the body is written in: openai.chat (default), openai.responses or anthropic", VALUE_ANY,
     protocols},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration (default: as for sluice serve)", VALUE_FILE, NULL},
    {"--key", "KEY", offsetof(struct wish, key),
     "as who has this key: its name, its public part or the secret", VALUE_ANY, NULL},
    {"--json", NULL, offsetof(struct wish, json), "as JSON", VALUE_ANY, NULL},
    {0},
};

/* ---- what came ---- */

static int body_read(struct explaining *x, const char *path)
{
    FILE *file = str_eq(str_from(path), STR("-")) ? stdin : fopen(path, "re");
    if (!file) {
        fprintf(stderr, "sluice explain: %s cannot be read: %s\n", path, strerror(errno));
        return EXIT_COULD_NOT;
    }
    char piece[8192];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(&x->body, piece, n);
    bool failed = ferror(file) != 0;
    if (file != stdin)
        (void)fclose(file);
    if (failed || x->body.failed) {
        fprintf(stderr, "sluice explain: %s cannot be read%s\n", path,
                failed ? "" : ": it is too large to be explained");
        return EXIT_COULD_NOT;
    }
    x->has_body = true;
    return 0;
}

static int could_not(const struct fault *f, int err)
{
    fprintf(stderr, "sluice explain: %s\n", why_text(f, err));
    return EXIT_COULD_NOT;
}

/* The key that has this secret, this public part or this name. */
static int key_find(struct explaining *x, struct str text, struct fault *f)
{
    int err = keys_check(x->keys, text, &x->visit.key, f);
    const struct key *by_name = NULL;
    for (unsigned i = 0; err == E_BAD_KEY && i < keys_count(x->keys); i++) {
        const struct key *key = keys_at(x->keys, i);
        if (str_eq(key->public_part, text)) {
            by_name = key;
            break;
        }
        if (str_eq(key->name, text) && (!by_name || by_name->revoked_wall_us))
            by_name = key;
    }
    if (!by_name)
        return err;
    fault_clear(f);
    x->visit.key = by_name;
    return by_name->revoked_wall_us
               ? fault_set(f, E_KEY_REVOKED, "key %.*s was revoked", STR_ARGS(by_name->public_part))
               : 0;
}

/* Who asks. An exit code where nobody can tell; what is refused is in x->refused. */
static int key_take(struct explaining *x, const char *text)
{
    const struct config *c = x->snapshot->config;
    struct fault f = {0};
    int err = keys_open(load_database(c), &x->keys, &f);
    if (!err)
        err = keys_configure(x->keys, &c->keys, x->doc);
    if (err)
        return could_not(&f, err);
    err = key_find(x, str_from(text), &x->visit.fault);
    /* As at the door: where none is required, what is no key of ours is the provider's. */
    bool theirs = err == E_BAD_KEY && !c->keys.require && !strstr(text, "sk-sluice-");
    if (err == E_BAD_KEY)
        fprintf(stderr,
                "sluice explain: no key has this secret, name or public part%s; `sluice keys list` "
                "shows them\n",
                theirs ? ", so it would be taken for the provider's own" : "");
    if (theirs)
        fault_clear(&x->visit.fault);
    x->refused = theirs ? 0 : err;
    return 0;
}

/* Nobody's key was named. Where one is required, the door's words for who has none are told, and
 * what would become of the request with one. An exit code. */
static int keyless_take(struct explaining *x)
{
    struct fault f = {0};
    const struct key *none = NULL;
    if (!x->snapshot->config->keys.require)
        return 0;
    int err = keys_open(STR_NONE, &x->keys, &f);
    if (err)
        return could_not(&f, err);
    err = keys_check(x->keys, STR_NONE, &none, &x->keyless);
    return err == E_NO_KEY ? 0 : EXIT_COULD_NOT;
}

/* ---- its way ---- */

/* Who asks is not known: a key is required, and none was named. */
static bool asker_is_unknown(const struct explaining *x)
{
    return x->snapshot->config->keys.require && !x->visit.key;
}

/* As a task, since looking into the database waits. */
static void objects_ask(void *arg)
{
    struct explaining *x = arg;
    x->refused = objects_route(&x->visit, &x->request, &x->turn);
    loop_stop();
}

/* Where the ids are that tenants were told. A database that has keys only knows of none. */
static struct str stored_where(const struct config *c)
{
    struct str where = load_database(c);
    struct ledger_reader *reader = NULL;
    struct fault ignored = {0}; /* any other is told by who opens it next */
    int err = where.n ? ledger_reader_open(where, &reader, &ignored) : 0;
    ledger_reader_close(reader);
    return err == E_NOT_FOUND ? STR_NONE : where;
}

/* May it name what it names at a provider? x->refused as above. */
static int objects_take(struct explaining *x)
{
    const struct config *c = x->snapshot->config;
    if (asker_is_unknown(x) || !(x->request.kept_n || x->request.in_conversation))
        return 0;
    struct fault f = {0};
    int err = stored_open(&(struct stored_settings){.where = stored_where(c),
                                                    .keep_ms = c->state.keep_responses_ms,
                                                    .bytes_max = STORED_BYTES_MAX},
                          &x->gateway.stored, &f);
    if (!err)
        err = task_spawn("objects", objects_ask, x, NULL);
    if (!err)
        err = loop_run();
    if (!err && x->refused == E_STORE)
        return could_not(&x->visit.fault, x->refused);
    return err ? could_not(&f, err) : 0;
}

/* Do the limits let it in, where nothing is used so far? By the gate that turns pass; it gives a
 * request without max_tokens its ceiling. x->refused as above. */
static int limits_take(struct explaining *x)
{
    struct turn *t = &x->turn;
    struct turn_house *house = &x->gateway.house;
    if (asker_is_unknown(x))
        return 0;
    if (limits_new(&x->gateway.limits) != 0)
        return E_MEMORY;
    house->gate = limits_use(x->gateway.limits, &x->snapshot->rules);
    t->house = house;
    t->arena = &x->arena;
    t->began_wall_us = clock_wall_us();
    t->key = x->visit.key ? x->visit.key->public_part : STR_NONE;
    t->tenant = visit_tenant(&x->visit);
    t->request = x->has_body ? &x->request : NULL;
    x->refused = turn_admit(t);
    turn_leave(t, x->refused);
    if (x->refused)
        x->visit.fault = t->fault;
    return 0;
}

/* May this request go to whom it names? As request_take of api/llm_api.c. */
static int request_take(struct explaining *x, struct str asked)
{
    struct fault *f = &x->visit.fault;
    const struct key *key = x->visit.key;
    int err = key ? key_allows_request(key, asked, x->request.more_models, f) : 0;
    if (!err)
        err = models_resolve(x->snapshot->models, asked, &x->arena, &x->turn.route, f);
    x->refused = err;
    return err ? 0 : objects_take(x);
}

static int body_take(struct explaining *x)
{
    long long most = x->snapshot->config->http.body_bytes_max;
    if ((long long)x->body.n > most)
        return fault_set(&x->visit.fault, E_TOO_LARGE,
                         "the body is over http.body_bytes (%lld bytes)", most);
    return wire_ask(x->wire, buf_view(&x->body), &x->arena, &x->request, &x->visit.fault);
}

/* Could it be a request's model at all? By the reader of a chat that names it. */
static int name_take(struct explaining *x, struct str name)
{
    struct llm_request chat;
    struct buf body;
    buf_init(&body, EXPLAIN_BYTES_MAX);
    buf_str(&body, STR("{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"model\":"));
    json_quote(&body, name);
    buf_char(&body, '}');
    int err = body.failed;
    if (!err)
        err = wire_ask(&wire_openai_chat, buf_view(&body), &x->arena, &chat, &x->visit.fault);
    buf_fini(&body);
    return err;
}

static bool falls_back(const struct snapshot *s)
{
    return s->config->levers.fallback.lever.on;
}

/* What each would be sent, and who would be the first to take it. */
static int targets_take(struct explaining *x)
{
    const struct route *r = &x->turn.route;
    x->request.tenant = visit_tenant(&x->visit);
    x->request.alone = visit_is_alone(&x->visit);
    x->asking = ARENA_ARRAY(&x->arena, struct asking, r->n);
    if (!x->asking)
        return E_MEMORY;
    memset(x->asking, 0, r->n * sizeof(*x->asking));
    bool decided = false;
    for (unsigned i = 0; i < r->n; i++) {
        struct asking *a = &x->asking[i];
        a->err = llm_outgoing_make(&r->at[i], &x->request, &x->arena, &a->out, &a->fault);
        if (decided)
            continue;
        x->refused = a->err;
        x->visit.fault = a->fault;
        decided = a->err != E_UNSUPPORTED || !falls_back(x->snapshot);
    }
    return 0;
}

/* ---- the command ---- */

static int explain(struct explaining *x, const char *what, const struct wish *w)
{
    bool is_file = str_eq(str_from(what), STR("-")) || str_ends(str_from(what), STR(".json"));
    x->exchange.arena = &x->arena;
    x->visit = (struct visit){
        .gateway = &x->gateway, .snapshot = x->snapshot, .x = &x->exchange, .wire = x->wire};
    int code = is_file ? body_read(x, what) : 0;
    if (!code)
        code = w->key ? key_take(x, w->key) : keyless_take(x);
    if (!code && !x->refused)
        x->refused = is_file ? body_take(x) : name_take(x, str_from(what));
    struct str asked = is_file ? x->request.model : str_from(what);
    if (!code && !x->refused)
        code = request_take(x, asked);
    if (!code && !x->refused && limits_take(x) != 0)
        code = EXIT_COULD_NOT;
    if (!code && !x->refused && is_file && targets_take(x) != 0)
        code = EXIT_COULD_NOT;
    return code ? code : explain_show(x, asked, w->json);
}

static void explaining_fini(struct explaining *x)
{
    for (unsigned i = 0; x->asking && i < x->turn.route.n; i++)
        llm_outgoing_fini(&x->asking[i].out);
    limits_free(x->gateway.limits);
    stored_free(x->gateway.stored);
    keys_close(x->keys);
    snapshot_unref(x->snapshot);
    upstreams_free(x->upstreams);
    conf_unref(x->doc);
    buf_fini(&x->body);
    arena_fini(&x->arena);
}

static int run(int argc, char **argv)
{
    struct wish w = {0};
    int words = 0;
    int code = options_read(&command_explain, &w, argc, argv, &words);
    if (code >= 0)
        return code;
    if (words != 1)
        return options_wrong(&command_explain, "expected one model or one request");
    struct explaining x = {.wire = w.protocol ? wire_find(str_from(w.protocol))
                                              : &wire_openai_chat};
    arena_init(&x.arena, EXPLAIN_BYTES_MAX);
    buf_init(&x.body, EXPLAIN_BYTES_MAX);
    code = load_config(w.config, &x.doc);
    if (!code && (loop_init() != 0 || upstreams_new(&x.upstreams) != 0))
        code = EXIT_COULD_NOT;
    if (!code && snapshot_make(x.upstreams, x.doc, NULL, &x.snapshot) != 0) {
        load_problems_show(x.doc);
        code = EXIT_BAR;
    }
    if (!code)
        code = explain(&x, argv[1], &w);
    explaining_fini(&x);
    return code;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "show what a request would become, and whether it would be refused",
    .usage = "explain [--key KEY] [--protocol NAME] [--config FILE] [--json] MODEL\n"
             "explain [--key KEY] [--protocol NAME] [--config FILE] [--json] REQUEST.json | -",
    .about =
        "Shows what sluice would do with a request: who would be asked in which order, at which\n"
        "price, with which time limits, whether the key and its limits let it in, and what would\n"
        "be changed in the body.\n"
        "Where the client would get a refusal, it says so, in the same words. Nothing is sent.\n\n"
        "Without --key, where keys are required, it says what a client without one gets, and goes "
        "on as\nfor one whose key has no limits.\n",
    .options = options,
    .notes = "Limits and budgets are taken as if nothing of them was used so far: what was used it "
             "does\n"
             "not look at.\n\n"
             "Exit codes: 0 it would be sent on, 1 it would be refused, or the configuration has\n"
             "mistakes, 2 wrong use, 3 something cannot be read.\n",
    .run = run,
};
