/*
 * tokens.h: how many tokens a call took, in classes that do not overlap.
 *
 * The prompt is input + cached + cache_write, the completion output + reasoning. Whoever counted is
 * said with it: a provider's own count, or an estimate (bytes / 4).
 */
#ifndef LLM_TOKENS_H
#define LLM_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

enum token_source { TOKENS_NONE, TOKENS_PROVIDER, TOKENS_ESTIMATE };

/* What a request asks for, and an answer says that it got, where a provider serves some quicker or
 * cheaper than others (OpenAI's service_tier, Anthropic's speed). */
enum service_tier {
    TIER_UNSAID,
    TIER_STANDARD,
    TIER_FLEX,
    TIER_PRIORITY,
    TIER_FASTEST, /* dearer, and no list says how much */
};

/* A provider's count of one call that is beyond this is no count, so that sums of calls fit. */
#define CALL_TOKENS_MAX INT64_C(1000000000)

struct tokens {
    int64_t input, cached, cache_write, output, reasoning;
    int64_t cache_write_1h; /* of cache_write: what is kept for an hour, at a price of its own */
    enum token_source source;
    bool other_media; /* some are of sound, or of images made: not at the price of text */
};

static inline int64_t tokens_prompt(const struct tokens *t)
{
    return t->input + t->cached + t->cache_write;
}
static inline int64_t tokens_completion(const struct tokens *t)
{
    return t->output + t->reasoning;
}

static inline int64_t tokens_all(const struct tokens *t)
{
    return tokens_prompt(t) + tokens_completion(t);
}

/* The whole completion, from a provider's own counts. Nearly all count reasoning within it; xAI
 * counts it beside, which shows only in the total. */
static inline int64_t tokens_with_reasoning(int64_t prompt, int64_t completion, int64_t reasoning,
                                            int64_t total)
{
    bool count = reasoning > 0 && reasoning <= CALL_TOKENS_MAX; /* sums have to fit */
    bool beside = count && total - prompt - completion == reasoning;
    return beside ? completion + reasoning : completion;
}

/* Bytes of text to tokens, until real counting exists. */
static inline int64_t tokens_of_bytes(int64_t bytes)
{
    return (bytes + 3) / 4;
}

static inline bool tokens_any(const struct tokens *t)
{
    return tokens_all(t) != 0;
}

/* Adds `more` to `sum`; one estimate makes the sum an estimate, but for one of no tokens at all. */
static inline void tokens_add(struct tokens *sum, const struct tokens *more)
{
    bool had = tokens_any(sum), adds = tokens_any(more);
    if (had == adds ? more->source > sum->source : adds)
        sum->source = more->source;
    sum->input += more->input;
    sum->cached += more->cached;
    sum->cache_write += more->cache_write;
    sum->cache_write_1h += more->cache_write_1h;
    sum->output += more->output;
    sum->reasoning += more->reasoning;
    sum->other_media |= more->other_media;
}

#endif
