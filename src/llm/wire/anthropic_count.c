/*
 * anthropic_count.c: Anthropic's count of a request's tokens, which is passed on to who can count;
 * for others sluice says what it would reckon with itself.
 */
#include "llm/wire/anthropic.h"

static int ask_read(struct str body, struct arena *arena, struct llm_request *ret_request,
                    struct fault *f)
{
    int err = anthropic_request_read(body, arena, ret_request, f);
    ret_request->choices = 0; /* nothing is answered that a limit could reserve */
    ret_request->tier = TIER_UNSAID;
    return err;
}

/* It costs nothing, and takes no tokens. */
static int answer_facts(struct str body, struct llm_facts *ret_facts)
{
    int err = anthropic_answer_read(body, ret_facts);
    if (!ret_facts->has_error)
        *ret_facts = (struct llm_facts){
            .has_usage = true, .usage = {.source = TOKENS_PROVIDER}, .finished = true};
    return err;
}

static int answer_here(const struct llm_request *request, struct buf *out)
{
    return buf_printf(out, "{\"input_tokens\":%lld}",
                      (long long)tokens_of_bytes((int64_t)request->body.n));
}

const struct wire wire_anthropic_count = {
    .name = "anthropic.count_tokens",
    .path = {"/messages/count_tokens", 22},
    .ask_read = ask_read,
    .answer_facts = answer_facts,
    .event_facts = anthropic_event_read,
    .error_write = anthropic_error_write,
    .error_event_write = anthropic_error_event_write,
    .answer_here = answer_here,
    .prefix_edit = anthropic_prefix_edit,
};
