/*
 * gemini.c: Google's Gemini API.
 */
#include "llm/gemini.h"
#include "llm/kinds.h"
#include "llm/provider.h"
#include "llm/wire.h"

/* ---- the path ---- */

int gemini_path(struct str model, bool stream, struct arena *arena, struct str *ret_path)
{
    struct buf out;
    buf_init(&out, model.n * 3 + 64);
    struct str kind = STR("models/");
    if (str_starts(model, STR("tunedModels/")))
        kind = STR("tunedModels/");
    if (str_starts(model, kind))
        model = str_tail(model, kind.n);
    buf_char(&out, '/');
    buf_str(&out, kind);
    path_put(&out, model, STR("")); /* a name is one segment, and ".." leads nowhere */
    buf_str(&out, stream ? STR(":streamGenerateContent?alt=sse") : STR(":generateContent"));
    struct str path = out.failed ? STR_NONE : arena_str(arena, buf_view(&out));
    buf_fini(&out);
    *ret_path = path;
    return path.p ? 0 : E_MEMORY;
}

/* ---- the row ---- */

static int path_make(const struct target *t, const struct wire *wire, bool stream,
                     struct arena *arena, struct str *ret_path)
{
    (void)wire;
    return gemini_path(t->model, stream, arena, ret_path);
}

static const struct wire *const gemini_wires[] = {&wire_gemini, NULL};

const struct provider_kind provider_gemini = {
    .name = "gemini",
    .summary = "Google's Gemini API",
    .base_url = GEMINI_BASE_URL,
    .key_header = GEMINI_KEY_HEADER,
    .over_http = true,
    .transport = &transport_http,
    .wires = gemini_wires,
    .path_make = path_make,
};
