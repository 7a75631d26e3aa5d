/* explain_tell.c: what `sluice explain` has found, for people and as JSON. */
#include <stdio.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/explain.h"
#include "llm/crossing.h"
#include "llm/prefix.h"

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
    if (t->prefix)
        buf_printf(out, "   puts the prefix of %.*s in front of a chat, %lld bytes\n",
                   STR_ARGS(t->prefix->name), (long long)prefix_bytes(t->prefix));
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
static void body_text(struct explaining *x, const struct target *t, const struct asking *a,
                      struct buf *out)
{
    const struct llm_outgoing *o = &a->out;
    struct str left_out = o->crossing ? crossing_left_out(o->crossing) : STR_NONE;
    long long tokens = tokens_of_bytes((int64_t)x->body.n + prefix_bytes(t->prefix));
    if (o->crossing)
        buf_printf(
            out, "   body of %zu bytes, about %lld tokens; translated from %s to %s, %zu bytes%s\n",
            x->body.n, tokens, x->wire->name, o->wire->name, o->body.n,
            o->edits.n ? ", and in these:" : "");
    else
        buf_printf(out, "   body of %zu bytes, about %lld tokens; %s\n", x->body.n, tokens,
                   o->edits.n ? "changes:" : "unchanged");
    for (unsigned i = 0; i < o->edits.n; i++) {
        const struct llm_edit *e = &o->edits.at[i];
        struct str was = str_of(o->body.p + e->at.from, e->at.to - e->at.from);
        buf_printf(out, "     at byte %zu: %.*s -> %.*s\n", e->at.from, STR_ARGS(str_head(was, 80)),
                   STR_ARGS(str_head(e->with, 80)));
    }
    if (o->cut_usage)
        buf_str(out, STR("     usage is asked for, and cut out of the stream again\n"));
    if (left_out.n)
        buf_printf(out, "   left out, since it has nothing for it: %.*s\n", STR_ARGS(left_out));
}

/* The protocol that the target is asked in; the client's, or another. */
static const struct wire *target_wire(const struct explaining *x, const struct target *t)
{
    const struct llm_request any = {.wire = x->wire, .op = OP_CHAT};
    return provider_wire(t->provider, x->has_body ? &x->request : &any);
}

static void request_text(struct explaining *x, unsigned i, struct buf *out)
{
    const struct wire *to = target_wire(x, &x->turn.route.at[i]);
    const struct asking *a = x->asking ? &x->asking[i] : NULL;
    if (a && a->err)
        buf_printf(out, "   refuses this request: %s\n", why_text(&a->fault, a->err));
    else if (a)
        body_text(x, &x->turn.route.at[i], a, out);
    else if (to != x->wire)
        buf_printf(out, "   requests and answers are translated: %s here, %s there\n",
                   x->wire->name, to->name);
}

static void price_json(struct buf *out, const char *name, int64_t price)
{
    buf_printf(out, "\"%s\":", name);
    if (price == PRICE_UNKNOWN)
        buf_str(out, STR("null"));
    else
        json_usd(out, price);
}

static void refusal_json(int err, const struct fault *f, struct buf *out)
{
    if (!err) {
        buf_str(out, STR("null"));
        return;
    }
    buf_printf(out, "{\"status\":%d,\"code\":\"%s\",\"message\":", err_status(err), err_code(err));
    json_quote(out, str_from(why_text(f, err)));
    buf_char(out, '}');
}

static void request_json(struct explaining *x, unsigned i, struct buf *out)
{
    const struct wire *to = target_wire(x, &x->turn.route.at[i]);
    const struct asking *a = x->asking ? &x->asking[i] : NULL;
    buf_printf(out, ",\"translated_to\":%s%s%s,\"refusal\":", to == x->wire ? "" : "\"",
               to == x->wire ? "null" : to->name, to == x->wire ? "" : "\"");
    refusal_json(a ? a->err : 0, a ? &a->fault : NULL, out);
}

static void prefix_json(const struct prefix *p, struct buf *out)
{
    if (!p) {
        buf_str(out, STR("null"));
        return;
    }
    buf_str(out, STR("{\"of\":"));
    json_quote(out, p->name);
    buf_printf(out, ",\"bytes\":%lld}", (long long)prefix_bytes(p));
}

static void target_json(struct explaining *x, unsigned at, struct buf *out)
{
    const struct target *t = &x->turn.route.at[at];
    buf_str(out, STR("{\"provider\":"));
    json_quote(out, t->provider->name);
    buf_str(out, STR(",\"model\":"));
    json_quote(out, t->model);
    buf_printf(out, ",\"params\":%.*s,\"prefix\":", STR_ARGS(t->params.n ? t->params : STR("{}")));
    prefix_json(t->prefix, out);
    buf_str(out, STR(",\"usd_per_million_tokens\":"));
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
               "\"between_tokens\":%lld,\"total\":%lld}",
               (long long)t->timeouts.connect_ms, (long long)t->timeouts.first_token_ms,
               (long long)t->timeouts.between_tokens_ms, (long long)t->timeouts.total_ms);
    request_json(x, at, out);
    buf_char(out, '}');
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

static void route_json(struct explaining *x, struct str asked, struct buf *out)
{
    const struct route *r = &x->turn.route;
    buf_str(out, STR("{\"asked\":"));
    json_quote(out, asked);
    buf_str(out, STR(",\"lane\":"));
    if (r->lane.n)
        json_quote(out, r->lane);
    else
        buf_str(out, STR("null"));
    buf_str(out, STR(",\"refusal\":"));
    refusal_json(x->refused, &x->visit.fault, out);
    buf_str(out, STR(",\"without_key\":"));
    refusal_json(x->keyless.err, &x->keyless, out);
    buf_str(out, STR(",\"targets\":["));
    for (unsigned i = 0; i < r->n; i++) {
        buf_str(out, i ? STR(",") : STR(""));
        target_json(x, i, out);
    }
    buf_str(out, STR("]}\n"));
}

static int route_text(struct explaining *x, struct str asked, struct buf *out)
{
    const struct route *r = &x->turn.route;
    const char *what = asked.n ? "" : "This request";
    if (x->keyless.err)
        buf_printf(out,
                   "A client without a key gets %d %s:\n  %s\n"
                   "With one (--key says which):\n",
                   err_status(x->keyless.err), err_code(x->keyless.err),
                   why_text(&x->keyless, x->keyless.err));
    int err = r->n ? unnamed_tell(x, asked, out) : 0;
    buf_printf(out, "%s%.*s", what, STR_ARGS(asked));
    if (r->lane.n)
        buf_printf(out, " (lane %.*s)", STR_ARGS(r->lane));
    if (x->refused)
        buf_printf(out, " would be refused, with %d %s:\n  %s\n%s", err_status(x->refused),
                   err_code(x->refused), why_text(&x->visit.fault, x->refused),
                   r->n ? "Its targets:\n" : "");
    else
        buf_str(out, r->n > 1 ? STR(" would be answered by the first of these that can:\n")
                              : STR(" would be answered by:\n"));
    for (unsigned i = 0; i < r->n; i++) {
        target_text(&r->at[i], i, out);
        request_text(x, i, out);
    }
    return err;
}

int explain_show(struct explaining *x, struct str asked, bool json)
{
    struct buf out;
    buf_init(&out, EXPLAIN_BYTES_MAX);
    int err = 0;
    if (json)
        route_json(x, asked, &out);
    else
        err = route_text(x, asked, &out);
    err = err ? err : out.failed;
    if (!err)
        printf("%.*s", STR_ARGS(buf_view(&out)));
    buf_fini(&out);
    return err ? EXIT_COULD_NOT : x->refused ? EXIT_BAR : EXIT_DONE;
}
