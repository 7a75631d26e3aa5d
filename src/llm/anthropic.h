/*
 * anthropic.h: Anthropic's Messages API, as far as sluice has to understand what it passes on.
 *
 * Where client and provider both speak it, the client's bytes go on as they came; these functions
 * read out of them what the house needs to know. They are pure: no I/O, nothing yields. Reading is
 * strict where sluice acts on what it reads and blind to everything else. Crossings to and from
 * other protocols are wire/anthropic*.c's, which share the small things below. Source of the
 * shapes: Anthropic's public API reference, and the typed models of its official clients.
 */
#ifndef LLM_ANTHROPIC_H
#define LLM_ANTHROPIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "llm/openai.h"
#include "llm/request.h"
#include "llm/tokens.h"

/*
 * Reads a request for a message. E_BAD_JSON, E_BAD_REQUEST (a member of the wrong type, model or
 * messages missing), or E_DUPLICATE_KEY for a key twice that decides something here or at the
 * provider. wants_usage is always true: every stream of this protocol tells its usage.
 */
MUSTCHECK int anthropic_request_read(struct str body, struct arena *arena,
                                     struct llm_request *ret_request, struct fault *f);

/*
 * A whole answer. E_UPSTREAM_BODY when it is no JSON object. Of the facts, those that are about
 * OpenAI's choices and about cutting usage out stay false and empty.
 */
MUSTCHECK int anthropic_answer_read(struct str body, struct llm_facts *ret_facts);
/* wire.kept_each: containers, and files that were made in one. */
void anthropic_kept_each(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                         void *arg);

/*
 * One event as it stands in a stream: its name (or STR_NONE) and its data, whose `type` says the
 * same. `ping`, and types that are not known here, are `unread`; E_UPSTREAM_BODY is for what claims
 * to be one of the protocol's own and is no JSON object. `done` is message_stop.
 *
 * The usage is what this event knows of it: message_start has the prompt, message_delta the
 * completion so far, and the prompt again or not. anthropic_usage_merge puts them together.
 */
MUSTCHECK int anthropic_event_read(struct str name, struct str data, struct llm_facts *ret_facts);

/*
 * Makes `sum` the usage of a stream up to the event that knows `later`. Counts are cumulative and
 * events leave out what they do not know: of the prompt's classes the larger count holds, and the
 * completion's two are taken over together where `later` has any.
 */
void anthropic_usage_merge(struct tokens *sum, const struct tokens *later);

/* ---- shared with the wire ---- */

/* Counts as the protocol has them; -1 where one is not said. `output` includes `thinking`. */
struct anthropic_usage {
    int64_t input, cached, cache_write, output, thinking;
    int64_t write_5m, write_1h; /* of cache_write */
    enum service_tier speed;
};
#define ANTHROPIC_USAGE_UNSAID ((struct anthropic_usage){-1, -1, -1, -1, -1, -1, -1, TIER_UNSAID})

/* Takes a usage member's value. What it says replaces what `usage` had. */
void anthropic_usage_read(struct json_reader *r, struct anthropic_usage *usage);
/* In classes that do not overlap; false, and untouched, where nothing at all was said. */
MUSTCHECK bool anthropic_usage_tokens(const struct anthropic_usage *usage,
                                      struct tokens *ret_tokens);

enum anthropic_event {
    ANTHROPIC_UNKNOWN,
    ANTHROPIC_PING,
    ANTHROPIC_MESSAGE_START,
    ANTHROPIC_BLOCK_START,
    ANTHROPIC_BLOCK_DELTA,
    ANTHROPIC_BLOCK_STOP,
    ANTHROPIC_MESSAGE_DELTA,
    ANTHROPIC_MESSAGE_STOP,
    ANTHROPIC_ERROR,
};
enum anthropic_event anthropic_event_of(struct str type); /* plain: "message_start" */

/* The types of errors that Anthropic documents, by HTTP status. */
const char *anthropic_error_type(int status);
int anthropic_error_status(struct str type); /* 0 for one that is not known */

#endif
