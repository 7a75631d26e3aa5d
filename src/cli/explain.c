/*
 * explain.c: `sluice explain`: what would happen to a request, without sending it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/gateway.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/load.h"
#include "cli/options.h"
#include "llm/crossing.h"
#include "llm/outgoing.h"
#include "llm/upstream.h"
#include "llm/wire.h"
#include "rt/loop.h"

struct wish {
    const char *config, *key, *protocol;
    bool json;
};

static const struct command_option options[] = {
    {"MODEL", NULL, 0, "a name as an application would give it", false, NULL},
    {"REQUEST.json, -", NULL, 0, "a request's body in a file or on standard input", true, NULL},
    {"--protocol", "NAME", offsetof(struct wish, protocol),
     "what the body is written in: openai.chat (default), openai.responses or anthropic", false,
     NULL},
    {"--config", "FILE", offsetof(struct wish, config),
     "the configuration (default: as for sluice serve)", true, NULL},
    {"--key", "KEY", offsetof(struct wish, key), "as this key", false, NULL},
    {"--json", NULL, offsetof(struct wish, json), "as JSON", false, NULL},
    {0},
};

#define BODY_BYTES_MAX (32u * 1024 * 1024)

struct explaining {
    struct conf_doc *doc;
    struct upstreams *upstreams;
    struct snapshot *snapshot;
    struct arena arena;
    struct buf body;
    const struct wire *wire; /* that the request is written in */
    struct llm_request request;
    bool has_body;
};

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
    if (file != stdin)
        (void)fclose(file);
    struct fault f = {0};
    int err = x->body.failed ? x->body.failed
                             : wire_ask(x->wire, buf_view(&x->body), &x->arena, &x->request, &f);
    if (err) {
        fprintf(stderr, "sluice explain: %s: %s\n", path, why_text(&f, err));
        return EXIT_WRONG_USE;
    }
    x->has_body = true;
    return 0;
}

static void price_print(struct buf *out, int64_t price)
{
    if (price == PRICE_UNKNOWN)
        buf_str(out, STR("-"));
    else
        json_usd(out, price);
}

static void target_text(const struct target *t, unsigned i, struct buf *out)
{
    const struct provider *p = t->provider;
    buf_printf(out, "%u. %.*s/%.*s (kind %s)\n", i + 1, STR_ARGS(p->name), STR_ARGS(t->model),
               p->kind->name);
    for (unsigned k = 0; k < p->replicas_n; k++)
        buf_printf(out, "   at %.*s%.*s, weight %u\n",
                   STR_ARGS(p->replicas[k].endpoint->host_header), STR_ARGS(p->replicas[k].path),
                   p->replicas[k].weight);
    bool has_key = p->key_value.n > 0 || p->keys_n > 0;
    buf_printf(out, "   key %s, sent as %.*s\n", has_key ? "configured" : "none",
               STR_ARGS(p->key_header));
    if (t->params.n)
        buf_printf(out, "   adds %.*s where the request does not say\n", STR_ARGS(t->params));
    if (t->price) {
        buf_str(out, STR("   $ a million tokens: input "));
        price_print(out, t->price->input);
        buf_str(out, STR(", cached "));
        price_print(out, t->price->cached);
        buf_str(out, STR(", output "));
        price_print(out, t->price->output);
        buf_printf(out, " (%.*s)\n", STR_ARGS(t->price->source));
    } else {
        buf_str(out, STR("   no price is known: its cost will be unknown\n"));
    }
    buf_printf(out,
               "   time: connect %lld ms, first token %lld ms, between tokens %lld ms, total "
               "%lld ms\n",
               (long long)t->timeouts.connect_ms, (long long)t->timeouts.first_token_ms,
               (long long)t->timeouts.between_tokens_ms, (long long)t->timeouts.total_ms);
}

/* What would go upstream differently than it came. */
static int edits_text(struct explaining *x, const struct target *t, struct buf *out)
{
    if (!x->has_body)
        return 0;
    struct llm_outgoing o;
    struct fault f = {0};
    x->request.alone = !x->snapshot->config->keys.require;
    int err = llm_outgoing_make(t, &x->request, &x->arena, &o, &f);
    if (err) {
        buf_printf(out, "   %s\n", why_text(&f, err));
        llm_outgoing_fini(&o);
        return 0;
    }
    if (o.crossing)
        buf_printf(out, "   carried over to %s: %zu bytes become %zu\n", o.wire->name, x->body.n,
                   o.body.n);
    struct str left_out = o.crossing ? crossing_left_out(o.crossing) : STR_NONE;
    if (left_out.n)
        buf_printf(out, "   left out, since it has nothing for it: %.*s\n", STR_ARGS(left_out));
    buf_printf(out, "   body of %zu bytes, about %lld tokens; %s\n", x->body.n,
               (long long)tokens_of_bytes((int64_t)x->body.n),
               o.edits.n ? "changes:" : "unchanged");
    for (unsigned i = 0; i < o.edits.n; i++) {
        const struct llm_edit *e = &o.edits.at[i];
        struct str was = str_of(o.body.p + e->at.from, e->at.to - e->at.from);
        buf_printf(out, "     at byte %zu: %.*s -> %.*s\n", e->at.from, STR_ARGS(str_head(was, 80)),
                   STR_ARGS(str_head(e->with, 80)));
    }
    if (o.cut_usage)
        buf_str(out, STR("     usage is asked for, and cut out of the stream again\n"));
    llm_outgoing_fini(&o);
    return 0;
}

static void price_json(struct buf *out, const char *name, int64_t price)
{
    buf_printf(out, "\"%s\":", name);
    if (price == PRICE_UNKNOWN)
        buf_str(out, STR("null"));
    else
        json_usd(out, price);
}

static void target_json(const struct target *t, struct buf *out)
{
    buf_str(out, STR("{\"provider\":"));
    json_quote(out, t->provider->name);
    buf_str(out, STR(",\"model\":"));
    json_quote(out, t->model);
    buf_printf(out, ",\"params\":%.*s,\"usd_per_million_tokens\":",
               STR_ARGS(t->params.n ? t->params : STR("{}")));
    if (t->price) {
        buf_char(out, '{');
        price_json(out, "input", t->price->input);
        buf_char(out, ',');
        price_json(out, "cached", t->price->cached);
        buf_char(out, ',');
        price_json(out, "output", t->price->output);
        buf_char(out, '}');
    } else {
        buf_str(out, STR("null"));
    }
    buf_printf(out,
               ",\"timeouts_ms\":{\"connect\":%lld,\"first_token\":%lld,"
               "\"between_tokens\":%lld,\"total\":%lld}}",
               (long long)t->timeouts.connect_ms, (long long)t->timeouts.first_token_ms,
               (long long)t->timeouts.between_tokens_ms, (long long)t->timeouts.total_ms);
}

/* Where no name of the configuration matched: so, and which one may have been meant. */
static int unnamed_tell(struct explaining *x, struct str asked, struct buf *out)
{
    const struct models *models = x->snapshot->models;
    struct str rest = asked, first = str_cut(&rest, '/');
    if (rest.p && (str_eq(first, STR("lane")) || models_provider(models, first)))
        return 0;
    unsigned n = models_name_count(models);
    struct str *names = ARENA_ARRAY(&x->arena, struct str, n + 1);
    if (!names)
        return E_MEMORY;
    for (unsigned i = 0; i < n; i++) {
        names[i] = models_name_at(models, i);
        if (str_eq(names[i], asked))
            return 0;
    }
    struct str near = str_nearest(asked, names, n);
    return buf_printf(out,
                      "%.*s is no name of this configuration%s%.*s%s, so it goes to the default "
                      "provider as it is.\n",
                      STR_ARGS(asked), near.n ? " (did you mean " : "", STR_ARGS(near),
                      near.n ? "?)" : "");
}

static int route_show(struct explaining *x, struct str asked, const struct route *r, bool json)
{
    struct buf out;
    buf_init(&out, BODY_BYTES_MAX);
    int err = 0;
    if (json) {
        buf_str(&out, STR("{\"asked\":"));
        json_quote(&out, asked);
        buf_str(&out, STR(",\"lane\":"));
        if (r->lane.n)
            json_quote(&out, r->lane);
        else
            buf_str(&out, STR("null"));
        buf_str(&out, STR(",\"targets\":["));
    } else {
        err = unnamed_tell(x, asked, &out);
        buf_printf(&out, "%.*s", STR_ARGS(asked));
        if (r->lane.n)
            buf_printf(&out, " (lane %.*s)", STR_ARGS(r->lane));
        buf_str(&out, r->n > 1 ? STR(" would be answered by the first of these that can:\n")
                               : STR(" would be answered by:\n"));
    }
    for (unsigned i = 0; i < r->n && !err; i++) {
        if (json && i)
            buf_char(&out, ',');
        if (json)
            target_json(&r->at[i], &out);
        else
            target_text(&r->at[i], i, &out);
        if (!json)
            err = edits_text(x, &r->at[i], &out);
    }
    if (json)
        buf_str(&out, STR("]}\n"));
    err = err ? err : out.failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err ? EXIT_COULD_NOT : EXIT_DONE;
}

/* Would this key be let in, and may it ask for that? */
static int key_check(struct explaining *x, const char *text, struct str asked)
{
    const struct config *c = x->snapshot->config;
    struct keys *keys = NULL;
    struct fault f = {0};
    const struct key *key = NULL;
    int err = keys_open(str_eq(c->state.ledger, STR("off")) ? STR_NONE : c->state.ledger, &keys,
                        &f);
    if (!err)
        err = keys_configure(keys, &c->keys, x->doc);
    if (!err)
        err = keys_check(keys, str_from(text), &key, &f);
    if (!err)
        err = key_allows(key, asked, &f);
    if (err)
        fprintf(stderr, "sluice explain: %s\n", why_text(&f, err));
    keys_close(keys);
    return err ? EXIT_BAR : 0;
}

static int explain(struct explaining *x, const char *what, const char *key, bool json)
{
    bool is_file = str_eq(str_from(what), STR("-")) || str_ends(str_from(what), STR(".json"));
    int code = is_file ? body_read(x, what) : 0;
    if (code)
        return code;
    struct str asked = is_file ? x->request.model : str_from(what);
    code = key ? key_check(x, key, asked) : 0;
    if (code)
        return code;
    struct route route = {0};
    struct fault f = {0};
    int err = models_resolve(x->snapshot->models, asked, &x->arena, &route, &f);
    if (err) {
        fprintf(stderr, "sluice explain: %s\n", why_text(&f, err));
        return EXIT_BAR;
    }
    return route_show(x, asked, &route, json);
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
    if (!x.wire || !x.wire->ask_read)
        return options_wrong(&command_explain,
                             "--protocol is openai.chat, openai.responses or anthropic");
    arena_init(&x.arena, BODY_BYTES_MAX);
    buf_init(&x.body, BODY_BYTES_MAX);
    code = load_config(w.config, &x.doc);
    if (!code && (loop_init() != 0 || upstreams_new(&x.upstreams) != 0))
        code = EXIT_COULD_NOT;
    if (!code && snapshot_make(x.upstreams, x.doc, NULL, &x.snapshot) != 0) {
        load_problems_show(x.doc);
        code = EXIT_BAR;
    }
    if (!code)
        code = explain(&x, argv[1], w.key, w.json);
    snapshot_unref(x.snapshot);
    upstreams_free(x.upstreams);
    conf_unref(x.doc);
    buf_fini(&x.body);
    arena_fini(&x.arena);
    return code;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "show what a request would become",
    .usage = "explain [--config FILE] [--key KEY] [--json] MODEL | REQUEST.json | -",
    .about =
        "Shows what sluice would do with a request: who would be asked in which order, at which\n"
        "price, with which time limits, whether the key may, and what would be changed in the "
        "body.\n"
        "Nothing is sent.\n",
    .options = options,
    .run = run,
};
