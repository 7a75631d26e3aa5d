/*
 * anthropic.c: Anthropic, and servers that speak its Messages API.
 */
#include "llm/kinds.h"
#include "llm/provider.h"
#include "llm/wire.h"

static const struct wire *const anthropic_wires[] = {&wire_anthropic, &wire_anthropic_count, NULL};

/* The version that is sent where neither client nor configuration names one: the API wants it. */
static int anthropic_open(struct provider *p, struct conf_doc *doc)
{
    (void)doc;
    p->default_header = (struct http_header){STR("anthropic-version"), STR("2023-06-01"), 0};
    return 0;
}

const struct provider_kind provider_anthropic = {
    .name = "anthropic",
    .summary = "Anthropic, and every server that speaks its messages",
    .base_url = "https://api.anthropic.com/v1",
    .key_header = "x-api-key",
    .path = "/{operation}",
    .over_http = true,
    .transport = &transport_http,
    .wires = anthropic_wires,
    .open = anthropic_open,
};
