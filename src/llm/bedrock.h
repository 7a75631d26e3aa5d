/*
 * bedrock.h: Amazon Bedrock as a provider: paths, frames, and what answers say.
 *
 * Pure functions, as openai.h has them for its protocol; bodies are written by wire_converse
 * (llm/wire.h). Each region has a host of its own, bedrock-runtime.REGION.amazonaws.com. A request
 * is signed (llm/sigv4.h, service BEDROCK_SERVICE), or has a Bedrock API key as its bearer token.
 * Streams are frames (http/eventstream.h). Nothing here yields.
 */
#ifndef LLM_BEDROCK_H
#define LLM_BEDROCK_H

#include "http/eventstream.h"
#include "llm/openai.h"

#define BEDROCK_SERVICE "bedrock" /* as signatures have it */

/*
 * /model/MODEL/converse, or of a stream /model/MODEL/converse-stream. MODEL is a model's id, an
 * inference profile's, or an ARN; all but unreserved characters are escaped. In the arena;
 * E_MEMORY.
 */
MUSTCHECK int bedrock_path(struct str model, bool stream, struct arena *arena,
                           struct str *ret_path);

/*
 * A frame as wire_converse's event_read wants it. An error that is told in headers alone becomes
 * the event "error", its data written to `scratch`; a frame of another kind has no name. Both are
 * valid as long as frame and scratch are. E_TOO_LARGE or E_MEMORY of the scratch.
 */
MUSTCHECK int bedrock_frame_event(const struct eventstream_frame *frame, struct buf *scratch,
                                  struct str *ret_name, struct str *ret_data);

/*
 * A whole answer, an error's body included. E_UPSTREAM_BODY when it is no JSON object, or neither
 * answer nor error. An answer that the model garbled (malformed_tool_use) is an error without a
 * status, as is an error's body, whose status is HTTP's.
 */
MUSTCHECK int bedrock_answer_facts(struct str body, struct llm_facts *ret_facts);

/*
 * One event of a stream. `finished` with the message's end, `done` with the usage behind it, which
 * is the last event. What is not known is `unread`.
 */
MUSTCHECK int bedrock_event_facts(struct str name, struct str data, struct llm_facts *ret_facts);

#endif
