/*
 * prompt.h: a fingerprint of what an application says of itself in each of its requests: system
 * prompt and tools.
 *
 * Two requests have the same one if their system prompts (OpenAI's system and developer messages in
 * front, Anthropic's `system`, Responses' `instructions`) say the same and their tools are the same
 * ones, whatever the protocol, the white space, and the order of the tools. Parts of a text that
 * change from one request to the next do not count: words with four digits or more (years,
 * timestamps, ids), times and dates written with signs (12:30, 27/11/26), the English names of
 * months and days of the week and the numbers next to them. All other words and numbers do: "at
 * most 3 sentences" is another prompt than "at most 5 sentences". Names of people and whatever else
 * is put into a system prompt make another fingerprint each. Of a tool count its name, description
 * and schema.
 *
 * Requests are read on the loop, so there is an end to it: behind PROMPT_WORDS_BYTES of texts the
 * rest counts byte by byte, dates and white space too, and of tools count the first 32,768 values.
 * With tools of more than PROMPT_TOOLS_BYTES a request is not looked at while it is served: none.
 *
 * A request that has neither has none (0). Nothing here yields.
 */
#ifndef LLM_PROMPT_H
#define LLM_PROMPT_H

#include <stdint.h>
#include <yyjson.h>

#include "base/macros.h"
#include "base/str.h"
#include "llm/request.h"

#define PROMPT_LEADING_MAX 8            /* system messages in front that count */
#define PROMPT_CHARS       16           /* of a fingerprint as text */
#define PROMPT_WORDS_BYTES (128u << 10) /* of a system prompt, and of all tools' descriptions */

/* Of a parsed request in the protocol of `wire`; any thread. */
uint64_t prompt_of(const struct wire *wire, yyjson_val *request);

/*
 * What requests had before, by the bytes as they came, so that only what is new is read word by
 * word. Zero it to begin; for one thread.
 */
#define PROMPT_MEMO_PLACES 512
struct prompt_memo {
    struct {
        uint64_t bytes, fingerprint;
    } system[PROMPT_MEMO_PLACES], tools[PROMPT_MEMO_PLACES];
};

#define PROMPT_TOOLS_BYTES (1u << 20)

/* Of a request that was read (wire_ask), whose body is still there. Loop thread. */
uint64_t prompt_of_request(const struct llm_request *r, struct prompt_memo *memo);

/* "3fa2b1c04d5e6f70", with its end; "-" where there is none. */
const char *prompt_text(uint64_t fingerprint, char ret_text[PROMPT_CHARS + 1]);
/* The other way; 0 for what is none. */
uint64_t prompt_from_text(struct str text);

#endif
