/*
 * prices.h: what a token costs.
 *
 * A price is a whole number of nano-dollars for a million tokens; a call's cost is summed exactly
 * and rounded once, half up, to nano-dollars. The list that ships with the program (prices/) is
 * dated and unconfirmed; the user's own file or rows come before it. What has no price costs null,
 * never 0; and a price of the list is one only for who is known to be that provider, since anybody
 * may serve a model under any name.
 */
#ifndef LLM_PRICES_H
#define LLM_PRICES_H

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "llm/tokens.h"

#define COST_UNKNOWN  INT64_MIN /* null: the model has no price */
#define PRICE_UNKNOWN (-1)

/* Nano-dollars a million tokens; PRICE_UNKNOWN where the list does not say. */
struct tier_price {
    int64_t input, cached, output;
};
struct price {
    struct str name; /* as the list has it */
    int64_t input, cached, cache_write, output, reasoning, batch_input, batch_output;
    int64_t cache_write_1h; /* what is written for an hour; cache_write is for less */
    int64_t context_tokens, output_tokens_max; /* 0: not known */
    /* A call whose prompt has more than long_tokens (0: no such rule) costs these, where given. */
    int64_t long_tokens, long_input, long_cached, long_cache_write, long_output;
    int64_t long_cache_write_1h;
    const struct price *longer; /* the same with another long_tokens, in any order; NULL: none */
    struct tier_price flex, priority;
    bool any_tier;     /* it holds whatever the tier */
    struct str source; /* which list, of which day */
};

struct prices;

/* A row of the configuration: dollars a million tokens. */
struct price_settings {
    int64_t input, cached, cache_write, output, reasoning; /* PRICE_UNKNOWN: not given */
    int64_t cache_write_1h;
};
extern const struct conf_table price_table;

/*
 * The list inside the program; before it the rows of `own` (struct price_settings by name) and the
 * user's file of the same form as prices/prices.json ("" for none). All in `arena`.
 */
MUSTCHECK int prices_load(struct arena *arena, const struct conf_map *own, struct str user_file,
                          struct prices **ret_prices, struct fault *f);

/*
 * The price of a provider's model, looked for in the configuration's rows, then in the user's file,
 * then in the shipped list: "provider/model", "listed/model" or "model", then (a dated name such as
 * gpt-5-mini-2025-08-07) the same without its date. `listed` is the provider's name in the list, or
 * STR_NONE; the shipped list is looked into under that name only. NULL when there is none. The
 * result is made in `arena`.
 */
const struct price *prices_find(const struct prices *p, struct arena *arena, struct str provider,
                                struct str listed, struct str model);

/* The name in the shipped list of who answers at this host, or STR_NONE. */
struct str prices_listed(struct str host);

/*
 * Cost in nano-dollars, or COST_UNKNOWN where there is no price for a class that has tokens. A
 * class without a price of its own costs as input (cached, cache_write) or output (reasoning); but
 * writes for an hour cost what nobody guesses, and so do tokens of other media than text. What an
 * int64_t cannot hold is INT64_MAX.
 */
int64_t price_cost(const struct price *p, const struct tokens *t);

/* The same of a call that was served so. Flex without a price of its own costs as usual, and no
 * more; what else the list does not say, of quicker tiers or of long prompts, is unknown. */
int64_t price_cost_tier(const struct price *p, enum service_tier tier, const struct tokens *t);

/* What is said to cost more is unknown: sums of calls are exact, and have to fit an int64_t. It is
 * a hundred thousand dollars. */
#define CALL_COST_MAX INT64_C(100000000000000)

/* In files and replies: dollars, exact, or null where nobody knows. Reading takes what is no
 * sensible amount for not known. */
int cost_json_write(struct buf *out, int64_t nanos);
int64_t cost_json_read(yyjson_val *v);

/* a + b, COST_UNKNOWN when either is, or where it does not fit. */
static inline int64_t cost_add(int64_t a, int64_t b)
{
    int64_t sum;
    bool unknown = a == COST_UNKNOWN || b == COST_UNKNOWN || __builtin_add_overflow(a, b, &sum);
    return unknown ? COST_UNKNOWN : sum;
}

unsigned prices_count(const struct prices *p);
struct str prices_date(const struct prices *p);

#endif
