#include "llm/outgoing.h"

#include "llm/crossing.h"
#include "llm/openai.h"
#include "llm/prefix.h"
#include "llm/wire.h"

/* What is written is seldom twice as large as what was read. */
#define WRITTEN_BYTES_MIN 65536

const struct wire *provider_wire(const struct provider *p, const struct llm_request *r)
{
    if (p->settings->responses == RESPONSES_ALWAYS && r->op == OP_CHAT)
        return &wire_responses;
    const struct wire *const *spoken = p->wires ? p->wires : p->kind->wires;
    for (const struct wire *const *w = spoken; *w; w++)
        if (*w == r->wire && (r->wire != &wire_responses || p->has_responses || p->wires))
            return *w;
    return spoken[0];
}

enum service_tier outgoing_tier(const struct target *t, const struct llm_request *r)
{
    if (r->tier == TIER_UNSAID)
        return r->tier;
    const struct wire *to = provider_wire(t->provider, r);
    bool left_out = to != r->wire && to->carries &&
                    to->carries[CHAT_SERVICE_TIER].how == WIRE_LEAVES;
    return left_out ? TIER_UNSAID : r->tier;
}

/* ---- passed on ---- */

static int model_edit(const struct target *t, const struct llm_request *r, struct arena *arena,
                      struct llm_edits *edits)
{
    if (str_eq(t->model, r->model))
        return 0;
    struct buf quoted;
    buf_init(&quoted, t->model.n * 6 + 16);
    json_quote(&quoted, t->model);
    struct str name = quoted.failed ? STR_NONE : arena_str(arena, buf_view(&quoted));
    buf_fini(&quoted);
    return name.p ? llm_edit_add(edits, r->model_at, name) : E_MEMORY;
}

/* What a request without a limit of its own is sent with where it has a ceiling; 0: with none. The
 * configuration's own limit, and the most that the model can, may be less. */
static int64_t limit_due(const struct target *t, const struct llm_request *r)
{
    size_t i, n;
    yyjson_val *key, *value;
    if (r->ceiling == 0)
        return 0;
    int64_t most = r->ceiling, can = t->price ? t->price->output_tokens_max : 0;
    most = can > 0 && can < most ? can : most;
    yyjson_val *params = t->params.n ? json_peek(t->params) : NULL;
    yyjson_obj_foreach(params, i, n, key, value)
    {
        int64_t own = yyjson_get_sint(value);
        if (llm_is_limit(json_str(key)) && yyjson_is_int(value) && own > 0 && own < most)
            most = own;
    }
    return most;
}

/* In the protocol's own member, in place of a null of that name. */
static int limit_edit(const struct target *t, const struct llm_request *r, int64_t limit,
                      struct arena *arena, struct llm_outgoing *out)
{
    bool is_new = out->wire == &wire_openai_chat && t->provider->limit_is_new;
    struct json_span at = r->limit_at[is_new];
    bool there = at.to > 0;
    struct str text = there ? arena_printf(arena, "%lld", (long long)limit)
                            : arena_printf(arena, "\"%s\":%lld,",
                                           is_new ? "max_completion_tokens" : out->wire->limit,
                                           (long long)limit);
    if (!there)
        at = (struct json_span){r->inside_at, r->inside_at};
    return text.p ? llm_edit_add(&out->edits, at, text) : E_MEMORY;
}

/* The configuration's parameters, where the body lacks them; the reasoning effort as this protocol
 * writes it. In a crossing the chat model has that already. */
static int params_edit(const struct target *t, bool limited, struct arena *arena,
                       struct llm_outgoing *out)
{
    const char *const *at = out->wire->effort;
    bool elsewhere = t->effort.n > 0 && out->wire != &wire_openai_chat;
    struct str params = elsewhere ? t->params_rest : t->params;
    int err = params.n ? llm_edit_members(out->body, params, limited, arena, &out->edits) : 0;
    if (err || !elsewhere || !at[0])
        return err;
    struct str object = at[1] ? arena_printf(arena, "{\"%s\":{\"%s\":%.*s}}", at[0], at[1],
                                             STR_ARGS(t->effort))
                              : arena_printf(arena, "{\"%s\":%.*s}", at[0], STR_ARGS(t->effort));
    return object.p ? llm_edit_members(out->body, object, limited, arena, &out->edits) : E_MEMORY;
}

static int passed_on(const struct target *t, const struct llm_request *r, struct arena *arena,
                     struct llm_outgoing *out, struct fault *f)
{
    out->body = r->body;
    int err = prefix_edits(t->prefix, r, arena, &out->edits, f);
    if (!err)
        err = model_edit(t, r, arena, &out->edits);
    int64_t limit = limit_due(t, r);
    if (!err && t->params.n)
        err = params_edit(t, limit > 0, arena, out);
    if (!err && UNLIKELY(limit > 0))
        err = limit_edit(t, r, limit, arena, out);
    bool ask = t->provider->settings->stream_usage == STREAM_USAGE_ASK;
    if (!err && r->stream && !r->wants_usage && out->wire->asks_usage && ask) {
        out->cut_usage = true;
        err = openai_edit_ask_usage(r, &out->edits);
    }
    return err;
}

/* ---- carried over ---- */

static int carried_over(const struct target *t, const struct llm_request *r, struct arena *arena,
                        struct llm_outgoing *out, struct fault *f)
{
    struct llm_request with = *r;
    int err = prefix_body(t->prefix, r, arena, &with.body, f);
    if (!err)
        err = crossing_new(&with, t, out->wire, arena, &out->crossing, f);
    if (err)
        return err;
    crossing_limit(out->crossing, limit_due(t, r));
    buf_init(&out->written, with.body.n * 8 + WRITTEN_BYTES_MIN);
    err = crossing_request(out->crossing, &out->written, f);
    out->body = buf_view(&out->written);
    return !err && t->params.n ? params_edit(t, false, arena, out) : err;
}

int llm_outgoing_make(const struct target *t, const struct llm_request *r, struct arena *arena,
                      struct llm_outgoing *out, struct fault *f)
{
    out->wire = provider_wire(t->provider, r);
    out->edits.n = 0;
    out->cut_usage = false;
    out->crossing = NULL;
    buf_init(&out->written, 0);
    int err = t->provider->kind->path_make
                  ? t->provider->kind->path_make(t, out->wire, r->stream, arena, &out->path)
                  : provider_path(t, out->wire, arena, &out->path);
    if (err)
        return err;
    return out->wire == r->wire ? passed_on(t, r, arena, out, f)
                                : carried_over(t, r, arena, out, f);
}

void llm_outgoing_fini(struct llm_outgoing *out)
{
    buf_fini(&out->written);
    crossing_fini(out->crossing);
}
