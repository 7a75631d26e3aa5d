/*
 * openai.c: OpenAI and every server that speaks its protocol; and OpenAI on Azure.
 */
#include "llm/kinds.h"
#include "llm/provider.h"
#include "llm/wire.h"

static const struct wire *const openai_wires[] = {&wire_openai_chat, &wire_openai_completion,
                                                  &wire_openai_embedding, &wire_responses, NULL};

const struct provider_kind provider_openai = {
    .name = "openai",
    .summary = "OpenAI, and every server that speaks its chat completions",
    .base_url = "https://api.openai.com/v1",
    .path = "/{operation}",
    .over_http = true,
    .transport = &transport_http,
    .wires = openai_wires,
};

/* Responses are not below a deployment there: the model in the body names it. */
static int azure_path(const struct target *t, const struct wire *wire, bool stream,
                      struct arena *arena, struct str *ret_path)
{
    const struct provider_settings *s = t->provider->settings;
    (void)stream;
    if (wire != &wire_responses || s->path.n > 0)
        return provider_path(t, wire, arena, ret_path);
    *ret_path = s->api_version.n ? arena_printf(arena, "/openai/v1/responses?api-version=%.*s",
                                                STR_ARGS(s->api_version))
                                 : STR("/openai/v1/responses");
    return ret_path->p ? 0 : E_MEMORY;
}

const struct provider_kind provider_azure = {
    .name = "azure",
    .summary = "OpenAI's models on Azure; base_url is https://RESOURCE.openai.azure.com",
    .key_header = "api-key",
    .path = "/openai/deployments/{model}/{operation}",
    .api_version = "2024-10-21",
    .over_http = true,
    .transport = &transport_http,
    .wires = openai_wires,
    .path_make = azure_path,
};
