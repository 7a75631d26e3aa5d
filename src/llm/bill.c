/* bill.c: what a call took, and what that costs. */
#include "llm/call.h"
#include "llm/prefix.h"

/*
 * What the provider did not count is estimated: of a request that it may have seen the prompt, and
 * of the answer what arrived. Some count the prompt at once and the answer when it is whole: of one
 * that was broken off, what arrived behind the count is estimated.
 */
static void count(struct llm_call *c, bool refused)
{
    if (c->tokens.source != TOKENS_PROVIDER || tokens_all(&c->tokens) > CALL_TOKENS_MAX) {
        c->tokens = (struct tokens){.source = TOKENS_ESTIMATE};
        if (!refused) {
            c->tokens.input =
                tokens_of_bytes((int64_t)c->request->body.n + prefix_bytes(c->target->prefix));
            c->tokens.output = tokens_of_bytes(c->content_bytes);
        }
    } else if (c->content_bytes > c->counted_bytes) {
        c->tokens.output += tokens_of_bytes(c->content_bytes - c->counted_bytes);
        c->tokens.source = TOKENS_ESTIMATE;
    }
}

/* Errors are not billed, nor is who was not reached: they cost nothing, known price or not. */
void llm_call_bill(struct llm_call *c)
{
    bool refused = !c->sent || c->status >= 300 || (c->is_error && !c->streamed);
    count(c, refused);
    enum service_tier tier = c->tier != TIER_UNSAID ? c->tier
                                                    : outgoing_tier(c->target, c->request);
    if (c->given_cost_usd_nanos != COST_UNKNOWN)
        c->cost_usd_nanos = c->given_cost_usd_nanos;
    else if (refused && !tokens_any(&c->tokens))
        c->cost_usd_nanos = 0;
    else
        c->cost_usd_nanos = price_cost_tier(c->target->price, tier, &c->tokens);
    if (c->cost_usd_nanos > CALL_COST_MAX)
        c->cost_usd_nanos = COST_UNKNOWN;
}
