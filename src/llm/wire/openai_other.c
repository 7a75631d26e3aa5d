/*
 * openai_other.c: OpenAI's completions and embeddings, which are passed on and never crossed.
 */
#include "llm/openai.h"
#include "llm/wire.h"

static int completion_read(struct str body, struct arena *arena, struct llm_request *ret_request,
                           struct fault *f)
{
    return openai_request_read(OP_COMPLETION, body, arena, ret_request, f);
}

static int embedding_read(struct str body, struct arena *arena, struct llm_request *ret_request,
                          struct fault *f)
{
    return openai_request_read(OP_EMBEDDING, body, arena, ret_request, f);
}

const struct wire wire_openai_completion = {
    .name = "openai.completion",
    .path = {"/completions", 12},
    .limit = "max_tokens",
    .asks_usage = true,
    .ask_read = completion_read,
    .answer_facts = openai_answer_read,
    .event_facts = openai_stream_event_read,
    .error_write = openai_error_write,
    .error_event_write = openai_error_event_write,
};

const struct wire wire_openai_embedding = {
    .name = "openai.embedding",
    .path = {"/embeddings", 11},
    .ask_read = embedding_read,
    .answer_facts = openai_answer_read,
    .event_facts = openai_stream_event_read,
    .error_write = openai_error_write,
    .error_event_write = openai_error_event_write,
};
