/*
 * gemini.h: Google's Gemini API as a provider: paths, and what answers say.
 *
 * Pure functions, as openai.h has them for its protocol; bodies are written by wire_gemini
 * (llm/wire.h). The API stands under GEMINI_BASE_URL and takes its key in the header
 * GEMINI_KEY_HEADER, as it is. Nothing here yields.
 */
#ifndef LLM_GEMINI_H
#define LLM_GEMINI_H

#include "llm/openai.h"

#define GEMINI_BASE_URL   "https://generativelanguage.googleapis.com/v1beta"
#define GEMINI_KEY_HEADER "x-goog-api-key"

/*
 * The path under the base URL: /models/MODEL:generateContent, or of a stream
 * /models/MODEL:streamGenerateContent?alt=sse. A name that says its collection ("tunedModels/x")
 * stays in it. In the arena; E_MEMORY.
 */
MUSTCHECK int gemini_path(struct str model, bool stream, struct arena *arena, struct str *ret_path);

/*
 * A whole answer, an error's body included. E_UPSTREAM_BODY when it is no JSON object (or a list of
 * one), or neither answer nor error. An answer that Gemini could not finish (a malformed call and
 * the like) is an error without a status. A refused key, which Gemini answers with status 400, has
 * error_status 401.
 */
MUSTCHECK int gemini_answer_facts(struct str body, struct llm_facts *ret_facts);

/*
 * One event of a stream. It has no last one: the answer is whole with `finished`, and the stream
 * ends when the connection does. Empty events, and those with a name of their own, are `unread`.
 */
MUSTCHECK int gemini_event_facts(struct str name, struct str data, struct llm_facts *ret_facts);

#endif
