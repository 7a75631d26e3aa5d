/*
 * provider_openai.c: OpenAI and every server that speaks its protocol.
 *
 * The client's bytes go upstream as they came, but for the model's name, parameters that the
 * configuration adds, and the usage that a stream is asked for.
 */
#include "base/json.h"
#include "llm/kinds.h"
#include "llm/provider.h"

/* Appends `s` as a part of a path: everything but unreserved characters is escaped. */
static void path_part(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || ch == '-' || ch == '.' || ch == '_' || ch == '~';
        if (plain)
            buf_char(out, (char)ch);
        else
            buf_printf(out, "%%%02X", ch);
    }
}

static int path_make(const struct target *t, const struct llm_request *r, struct arena *arena,
                     struct str *ret_path)
{
    const struct provider_settings *s = t->provider->settings;
    if (str_eq(s->path, STR("/{operation}")) && s->api_version.n == 0) { /* nearly always */
        static const struct str paths[OP_COUNT] = {[OP_CHAT] = {"/chat/completions", 17},
                                                   [OP_COMPLETION] = {"/completions", 12},
                                                   [OP_EMBEDDING] = {"/embeddings", 11}};
        *ret_path = paths[r->op];
        return 0;
    }
    struct buf out;
    buf_init(&out, 4096);
    struct str rest = s->path;
    while (rest.n > 0) {
        if (str_starts(rest, STR("{operation}"))) {
            buf_str(&out, str_from(llm_ops[r->op].path));
            rest = str_tail(rest, 11);
        } else if (str_starts(rest, STR("{model}"))) {
            path_part(&out, t->model);
            rest = str_tail(rest, 7);
        } else {
            buf_char(&out, rest.p[0]);
            rest = str_tail(rest, 1);
        }
    }
    if (s->api_version.n) {
        buf_str(&out, STR("?api-version="));
        path_part(&out, s->api_version);
    }
    *ret_path = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    return ret_path->p ? 0 : E_MEMORY;
}

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

static int openai_request_write(const struct target *t, const struct llm_request *r,
                                struct arena *arena, struct llm_outgoing *out)
{
    out->edits.n = 0;
    out->cut_usage = false;
    int err = path_make(t, r, arena, &out->path);
    if (!err)
        err = model_edit(t, r, arena, &out->edits);
    if (!err && t->params.n)
        err = openai_edit_params(r, t->params, arena, &out->edits);
    if (!err && r->stream && !r->wants_usage &&
        t->provider->settings->stream_usage == STREAM_USAGE_ASK) {
        out->cut_usage = true;
        err = openai_edit_ask_usage(r, &out->edits);
    }
    return err;
}

const struct provider_kind provider_openai = {
    .name = "openai",
    .summary = "OpenAI, and every server that speaks its chat completions",
    .base_url = "https://api.openai.com/v1",
    .over_http = true,
    .transport = &transport_http,
    .request_write = openai_request_write,
    .answer_read = openai_answer_read,
    .event_read = openai_stream_event_read,
};
