/*
 * responses.h: OpenAI's Responses API, as far as sluice has to understand what it passes on.
 *
 * As anthropic.h has it for its protocol; crossings are wire/responses*.c's. Pure functions;
 * nothing here yields. Source of the shapes: OpenAI's public API reference.
 */
#ifndef LLM_RESPONSES_H
#define LLM_RESPONSES_H

#include "llm/facts.h"
#include "llm/request.h"

/*
 * Reads a request. E_BAD_JSON, E_BAD_REQUEST (a member of the wrong type, model missing), or
 * E_DUPLICATE_KEY for a key twice that decides something here or at the provider. wants_usage is
 * always true: every answer of this protocol tells its usage. `kept` are the answer that it goes on
 * from and the items of its input that have ids.
 */
MUSTCHECK int responses_ask_read(struct str body, struct arena *arena,
                                 struct llm_request *ret_request, struct fault *f);

/* A whole answer, an error's body included. E_UPSTREAM_BODY when it is no JSON object. */
MUSTCHECK int responses_answer_facts(struct str body, struct llm_facts *ret_facts);

/* One event. `finished` and `done` with response.completed or response.incomplete; a response that
 * failed is an error. What is not known here, and empty data, are `unread`. */
MUSTCHECK int responses_event_facts(struct str name, struct str data, struct llm_facts *ret_facts);

/* ---- what providers keep: responses, and the items in them ---- */

/* The ids that a request names: `previous` is the value of previous_response_id, `input` of input;
 * STR_NONE where they are not there. E_BAD_REQUEST, E_MEMORY. */
MUSTCHECK int responses_kept_read(struct str previous, struct str input, struct arena *arena,
                                  struct llm_request *r, struct fault *f);

/* wire.kept_each: of a response object, or an item of one. */
void responses_kept_each(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                         void *arg);

#endif
