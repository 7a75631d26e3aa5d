/*
 * traffic.h: recorded turns as evals see them: what was asked, what was answered, and the case of a
 * suite that a turn becomes.
 *
 * A case is a chat in OpenAI's form, whatever protocol the client spoke. What does not shape an
 * answer (streaming, names of users, where the provider keeps it) is left out, all else stays as it
 * was recorded. Pure functions; for commands, and one thread.
 */
#ifndef EVAL_TRAFFIC_H
#define EVAL_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/chat.h"
#include "turn/recording/read.h"

/* Why a turn is no case. */
enum traffic_why {
    TRAFFIC_FINE,
    TRAFFIC_NOT_DONE,    /* it failed, or was cut short */
    TRAFFIC_NO_CHAT,     /* embeddings, completions, counts of tokens */
    TRAFFIC_UNREADABLE,  /* its request, or its answer, does not read as what it was recorded as */
    TRAFFIC_NOT_WHOLE,   /* it goes on from what the provider keeps */
    TRAFFIC_NOT_CARRIED, /* OpenAI's chat form has nothing for a part of it */
    TRAFFIC_WHYS
};
extern const char *const traffic_why_texts[TRAFFIC_WHYS];

struct traffic_turn {
    const struct recorded_turn *recorded;
    const struct wire *wire;
    struct chat_request request;
    uint64_t prompt; /* its fingerprint, by the live request where that was recorded; 0: none */
    struct str text; /* what it asks, for comparing: traffic_text */
};

/* Everything lives in the arena, and points into `recorded`. 0 with *ret_why, or E_MEMORY. */
MUSTCHECK int traffic_read(struct arena *arena, const struct recorded_turn *recorded,
                           struct traffic_turn *ret_turn, enum traffic_why *ret_why);

/*
 * What a chat asks: the text of the last message of the user's that has one, and a word for each
 * picture, sound and file that is in it, with what stands behind it (calls of tools and their
 * results, so that the steps of an agent differ), and, while that is fewer than TRAFFIC_WORDS_LEAST
 * words ("yes, go on"), the user's messages before it. E_MEMORY.
 */
#define TRAFFIC_WORDS_LEAST 8
MUSTCHECK int traffic_text(const struct chat_request *request, struct arena *arena,
                           struct str *ret_text);

/* What its prompt says: the system messages in front, names and descriptions of tools. E_MEMORY. */
MUSTCHECK int traffic_prompt_text(const struct chat_request *request, struct arena *arena,
                                  struct str *ret_text);

/* A request in OpenAI's chat form, read, with what it asks and the fingerprint of its prompt.
 * E_BAD_REQUEST and the like, described. */
MUSTCHECK int traffic_of_request(struct arena *arena, struct str body,
                                 struct chat_request *ret_request, struct str *ret_text,
                                 uint64_t *ret_prompt, struct fault *f);

/* Tokens of a prompt in steps: "under 250", "250 to 1k" ... */
#define TRAFFIC_LENGTHS 5
extern const char *const traffic_length_names[TRAFFIC_LENGTHS];
unsigned traffic_length(const struct recorded_turn *turn);

/*
 * Appends the case as a line of JSON, with its end: `id`, `tags`, `weight`, `request`, `answer`,
 * `answer_calls`, `fingerprint`, `recorded`. 0 with *ret_why (nothing is appended if it is none),
 * or the first error of `out`, E_MEMORY. *ret_left_out (in the arena; n == 0: nothing) names what
 * OpenAI's chat form leaves out of it.
 */
MUSTCHECK int traffic_case_write(const struct traffic_turn *turn, struct arena *arena,
                                 double weight, struct buf *out, enum traffic_why *ret_why,
                                 struct str *ret_left_out);

#endif
