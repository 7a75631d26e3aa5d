#include "api/visit.h"

#define PATH(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/*
 * Every path that sluice answers. Stateless ones that it does not read are passed to the default
 * provider, some after a look whether the body names what the provider keeps; paths that name or
 * make such objects would be shared by all who use the same provider key, so they are closed unless
 * the provider is open to who asks (objects.h).
 */
const struct route_row routes[] = {
    {HTTP_POST, PATH("/v1/chat/completions"), NEEDS_KEY, api_llm, "chat, streamed or not",
     &wire_openai_chat},
    {HTTP_POST, PATH("/v1/messages"), NEEDS_KEY, api_llm, "Anthropic's chat", &wire_anthropic},
    {HTTP_POST, PATH("/v1/messages/count_tokens"), NEEDS_KEY, api_llm, "how many tokens it has",
     &wire_anthropic_count},
    {HTTP_POST, PATH("/v1/responses"), NEEDS_KEY, api_llm, "OpenAI's Responses", &wire_responses},
    {HTTP_POST, PATH("/v1/completions"), NEEDS_KEY, api_llm, "text completion",
     &wire_openai_completion},
    {HTTP_POST, PATH("/v1/embeddings"), NEEDS_KEY, api_llm, "embeddings", &wire_openai_embedding},
    {HTTP_GET, PATH("/v1/models"), NEEDS_KEY, api_models, "the models there are", NULL},
    {HTTP_GET, PATH("/v1/models/*"), NEEDS_KEY, api_model, "one of them", NULL},

    {HTTP_POST, PATH("/v1/feedback"), NEEDS_KEY, api_feedback, "what became of a task", NULL},

    {HTTP_POST, PATH("/v1/audio/speech"), NEEDS_KEY, api_relay_looked, "passed on", NULL},
    {HTTP_POST, PATH("/v1/audio/transcriptions"), NEEDS_KEY, api_relay, "passed on", NULL},
    {HTTP_POST, PATH("/v1/audio/translations"), NEEDS_KEY, api_relay, "passed on", NULL},
    {HTTP_POST, PATH("/v1/images/edits"), NEEDS_KEY, api_relay_looked, "passed on", NULL},
    {HTTP_POST, PATH("/v1/images/generations"), NEEDS_KEY, api_relay_looked, "passed on", NULL},
    {HTTP_POST, PATH("/v1/images/variations"), NEEDS_KEY, api_relay_looked, "passed on", NULL},
    {HTTP_POST, PATH("/v1/moderations"), NEEDS_KEY, api_relay, "passed on", NULL},
    {HTTP_POST, PATH("/v1/rerank"), NEEDS_KEY, api_relay, "passed on", NULL},
    {HTTP_POST, PATH("/v1/score"), NEEDS_KEY, api_relay, "passed on", NULL},
    {HTTP_POST, PATH("/v1/tokenize"), NEEDS_KEY, api_relay, "passed on", NULL},
    {HTTP_POST, PATH("/v1/detokenize"), NEEDS_KEY, api_relay, "passed on", NULL},

    {HTTP_OTHER, PATH("/v1/assistants*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/audio*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/batches*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/containers*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/conversations*"), NEEDS_KEY, api_stateful, "closed unless stateful",
     NULL},
    {HTTP_OTHER, PATH("/v1/evals*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/files*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/fine_tuning*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/images*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/responses*"), NEEDS_KEY, api_responses, "stored ones, to their tenant",
     NULL},
    {HTTP_OTHER, PATH("/v1/threads*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/uploads*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},
    {HTTP_OTHER, PATH("/v1/vector_stores*"), NEEDS_KEY, api_stateful, "closed unless stateful",
     NULL},
    {HTTP_OTHER, PATH("/v1/videos*"), NEEDS_KEY, api_stateful, "closed unless stateful", NULL},

    {HTTP_GET, PATH("/health"), NEEDS_NOTHING, api_health, "200 while the process lives", NULL},
    {HTTP_GET, PATH("/ready"), NEEDS_NOTHING, api_ready, "200 while a provider can be reached",
     NULL},
    {HTTP_GET, PATH("/metrics"), NEEDS_ADMIN, api_metrics, "Prometheus", NULL},
    {HTTP_GET, PATH("/admin/keys"), NEEDS_ADMIN, api_keys_list, "the keys, without secrets", NULL},
    {HTTP_POST, PATH("/admin/keys"), NEEDS_ADMIN, api_keys_make, "make one", NULL},
    {HTTP_DELETE, PATH("/admin/keys/*"), NEEDS_ADMIN, api_keys_revoke, "revoke one", NULL},
    {HTTP_GET, PATH("/admin/config"), NEEDS_ADMIN, api_config_show, "what is in force", NULL},
    {HTTP_POST, PATH("/admin/config"), NEEDS_ADMIN, api_config_load, "load anew, or a body", NULL},
    {HTTP_GET, PATH("/admin/upstreams"), NEEDS_ADMIN, api_upstreams, "how the providers are", NULL},
    {HTTP_GET, PATH("/admin/prompts"), NEEDS_ADMIN, api_prompts, "prompts that no suite has", NULL},
    {HTTP_GET, PATH("/admin/limits"), NEEDS_ADMIN, api_limits, "what keys and tenants use", NULL},
    {HTTP_GET, {NULL, 0}, NEEDS_NOTHING, NULL, NULL, NULL},
};
