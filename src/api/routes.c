#include "api/visit.h"

#define PATH(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/*
 * Every path that sluice answers. Stateless ones that it does not read are passed to the default
 * provider; those that name objects living at the provider would be shared by all who use the same
 * provider key, so they are closed unless the provider's `stateful` says otherwise (rule 5).
 */
const struct route_row routes[] = {
    {HTTP_POST, PATH("/v1/chat/completions"), NEEDS_KEY, api_chat, "chat, streamed or not"},
    {HTTP_POST, PATH("/v1/completions"), NEEDS_KEY, api_completion, "text completion"},
    {HTTP_POST, PATH("/v1/embeddings"), NEEDS_KEY, api_embedding, "embeddings"},
    {HTTP_GET, PATH("/v1/models"), NEEDS_KEY, api_models, "the models there are"},
    {HTTP_GET, PATH("/v1/models/*"), NEEDS_KEY, api_model, "one of them"},

    {HTTP_POST, PATH("/v1/audio/*"), NEEDS_KEY, api_relay, "passed on"},
    {HTTP_POST, PATH("/v1/images/*"), NEEDS_KEY, api_relay, "passed on"},
    {HTTP_POST, PATH("/v1/moderations"), NEEDS_KEY, api_relay, "passed on"},
    {HTTP_POST, PATH("/v1/rerank"), NEEDS_KEY, api_relay, "passed on"},
    {HTTP_POST, PATH("/v1/score"), NEEDS_KEY, api_relay, "passed on"},
    {HTTP_POST, PATH("/v1/tokenize"), NEEDS_KEY, api_relay, "passed on"},
    {HTTP_POST, PATH("/v1/detokenize"), NEEDS_KEY, api_relay, "passed on"},

    {HTTP_OTHER, PATH("/v1/assistants*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/batches*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/containers*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/conversations*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/evals*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/files*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/fine_tuning*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/responses*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/threads*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/uploads*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/vector_stores*"), NEEDS_KEY, api_stateful, "closed unless stateful"},
    {HTTP_OTHER, PATH("/v1/videos*"), NEEDS_KEY, api_stateful, "closed unless stateful"},

    {HTTP_GET, PATH("/health"), NEEDS_NOTHING, api_health, "200 while the process lives"},
    {HTTP_GET, PATH("/ready"), NEEDS_NOTHING, api_ready, "200 while a provider can be reached"},
    {HTTP_GET, PATH("/metrics"), NEEDS_ADMIN, api_metrics, "Prometheus"},
    {HTTP_GET, PATH("/admin/keys"), NEEDS_ADMIN, api_keys_list, "the keys, without secrets"},
    {HTTP_POST, PATH("/admin/keys"), NEEDS_ADMIN, api_keys_make, "make one"},
    {HTTP_DELETE, PATH("/admin/keys/*"), NEEDS_ADMIN, api_keys_revoke, "revoke one"},
    {HTTP_GET, PATH("/admin/config"), NEEDS_ADMIN, api_config_show, "what is in force"},
    {HTTP_POST, PATH("/admin/config"), NEEDS_ADMIN, api_config_load, "load anew, or a body"},
    {HTTP_GET, PATH("/admin/upstreams"), NEEDS_ADMIN, api_upstreams, "how the providers are"},
    {HTTP_GET, PATH("/admin/limits"), NEEDS_ADMIN, api_limits, "what keys and tenants use"},
    {HTTP_GET, {NULL, 0}, NEEDS_NOTHING, NULL, NULL},
};
