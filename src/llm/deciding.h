/*
 * deciding.h: the members of a request on which sluice or a provider acts.
 *
 * Were one of them there twice, the two may read different values, and a limit or a price would
 * hold for a request that was never made. So each protocol has a table of them, and one that stands
 * twice, or once in another spelling, is refused. Pure functions over a scan (base/json.h).
 */
#ifndef LLM_DECIDING_H
#define LLM_DECIDING_H

#include "base/json.h"
#include "llm/facts.h"
#include "llm/request.h"

#define DECIDING_MAX         20
#define DECIDING_LETTERS     26
#define DECIDING_LETTER_KEYS 8

struct deciding_row {
    struct str name;
    unsigned key; /* the protocol's number for it, below DECIDING_MAX */
};

/* By their first letter, small; rows that are not used have an empty name. Members by which
 * another model may answer than the one that is named are looked for in every protocol, and need
 * none: they become llm_request.more_models. */
struct deciding_table {
    struct deciding_row of[DECIDING_LETTERS][DECIDING_LETTER_KEYS];
};

/* The row whose key `key` means, also in another spelling; NULL for none. */
const struct deciding_row *deciding_row_of(const struct deciding_table *table, struct str key,
                                           bool *ret_exact);
/* Is it that key (small letters) to readers to whom case does not count? */
bool deciding_key_means(struct str key, struct str name);

/* Where each of them stands in a request: NULL for those that do not. */
struct deciding_found {
    const struct json_member *at[DECIDING_MAX];
};

/*
 * Begins to read a request: where it stands, which of them it has, and whether it names objects at
 * the provider (names.h). E_BAD_JSON for what is no
 * object, E_DUPLICATE_KEY, or E_BAD_REQUEST for one in another spelling. What was found is valid
 * until the next scan.
 */
MUSTCHECK int deciding_begin(struct str body, const struct deciding_table *table,
                             struct llm_request *ret_request, struct deciding_found *ret_found,
                             struct fault *f);

/*
 * What a member says, noted in `r`; `m` is NULL where the request lacks it. E_BAD_REQUEST where it
 * says something else. A count is a whole number from `least`, and null is "not given".
 */
MUSTCHECK int deciding_model(const struct json_member *m, struct arena *arena,
                             struct llm_request *r, struct fault *f);
MUSTCHECK int deciding_stream(const struct json_member *m, struct llm_request *r, struct fault *f);
/* A limit of an answer's tokens. `which`: the protocol's own name (0), its new name (1), or another
 * (2), which may be negative. */
MUSTCHECK int deciding_limit(const struct json_member *m, unsigned which, struct llm_request *r,
                             struct fault *f);
MUSTCHECK int deciding_count(const struct json_member *m, unsigned least, int64_t *value,
                             struct fault *f);
/* Where its value stands; empty where the request lacks it. */
static inline struct json_span deciding_at(const struct json_member *m)
{
    return m ? m->value_at : (struct json_span){0, 0};
}
/* A string's text, but for its escapes; STR_NONE for what is none. */
static inline struct str deciding_word(const struct json_member *m)
{
    return m && json_is_string(m->value) ? json_string_raw(m->value) : STR_NONE;
}
/* Is it there, and not null? */
static inline bool deciding_is_given(const struct json_member *m)
{
    return m && !json_is_null(m->value);
}

#endif
