/*
 * prompts.h: which prompts of applications (system prompt and tools, by their fingerprints) turns
 * have, and which of them no suite has.
 *
 * An application that changes its prompt changes its answers, and nothing in a configuration shows
 * it. So each turn's fingerprint is looked for among those of the suites; one that is not there is
 * counted, kept with who sent it, and said once. While nobody has said which ones the suites have,
 * none is missed.
 *
 * It holds PROMPTS_UNSEEN_MAX fingerprints at most, of one tenant PROMPTS_TENANT_MAX: a prompt that
 * varies by turn hides none of another tenant's. What is in excess is counted together. Loop
 * thread; nothing yields.
 */
#ifndef TURN_PROMPTS_H
#define TURN_PROMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/prompt.h"
#include "llm/request.h"

#define PROMPTS_UNSEEN_MAX 1024
#define PROMPTS_TENANT_MAX 256
#define PROMPTS_SAID_MAX   50 /* of a tenant's are said one by one, until other suites are known */
#define PROMPTS_NAME_BYTES 64

struct prompts;

MUSTCHECK int prompts_new(struct prompts **ret_prompts);
void prompts_free(struct prompts *p);

/* Fingerprints that suites have. From heap, taken over; in any order, also more than once. */
void prompts_know(struct prompts *p, uint64_t *known, size_t n);
/* Nobody says any more which ones suites have. */
void prompts_forget(struct prompts *p);

/* What there is to be said of a turn's prompt. */
enum prompt_news {
    PROMPT_NO_NEWS,
    PROMPT_UNSEEN,  /* no suite has it, and this is its first turn */
    PROMPT_TOO_MANY /* the same, and from here on they are only counted: it varies by turn */
};

/* The fingerprint of a request that was read and has its body; 0: it has none. */
uint64_t prompts_see(struct prompts *p, const struct llm_request *r, struct str tenant,
                     int64_t wall_us, enum prompt_news *ret_news);

/* A prompt that no suite has. Names are cut. */
struct prompt_unseen {
    uint64_t fingerprint, turns;
    int64_t first_wall_us, last_wall_us;
    char tenant[PROMPTS_NAME_BYTES], model[PROMPTS_NAME_BYTES]; /* of its first turn */
    const char *api;
};
struct prompts_stats {
    bool known;            /* somebody said which ones suites have */
    size_t known_n;        /* so many */
    uint64_t unseen_turns; /* of prompts that no suite has, since the process began */
    uint64_t others;       /* of them those in excess of what is held */
    unsigned unseen_n;     /* prompts, of the suites known now */
};
struct prompts_stats prompts_stats(const struct prompts *p);
/* The one at `at` < unseen_n; in the order in which they came. */
const struct prompt_unseen *prompts_unseen_at(const struct prompts *p, unsigned at);

#endif
