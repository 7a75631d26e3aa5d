/*
 * openai.h: OpenAI's wire format: chat completions, completions, embeddings.
 *
 * Pure functions over bytes: nothing here does I/O or yields. Reading is strict where sluice acts
 * on what it reads and blind to everything else. Source of the shapes: OpenAI's public API
 * reference, and llama.cpp's server, which is compatible with it.
 */
#ifndef LLM_OPENAI_H
#define LLM_OPENAI_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/facts.h"
#include "llm/request.h"

/*
 * Reads a request. E_BAD_JSON, E_BAD_REQUEST (a member of the wrong type, model missing), or
 * E_DUPLICATE_KEY for a key twice that decides something here or at the provider.
 */
MUSTCHECK int openai_request_read(enum llm_op op, struct str body, struct arena *arena,
                                  struct llm_request *ret_request, struct fault *f);

/* The edits that ask for usage in a stream whose client did not. */
MUSTCHECK int openai_edit_ask_usage(const struct llm_request *request, struct llm_edits *edits);

/* A whole answer. E_UPSTREAM_BODY when it is no JSON object. */
MUSTCHECK int openai_answer_read(struct str body, struct llm_facts *ret_facts);
/* wire.kept_each: the ids of spoken answers. */
void openai_kept_each(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                      void *arg);

/* One event's data. E_UPSTREAM_BODY when it is neither "[DONE]" nor a JSON object. */
MUSTCHECK int openai_event_read(struct str data, struct llm_facts *ret_facts);

/*
 * The same for an event as it stands in a stream. The protocol's own have no name (or `message`,
 * which is the same to a reader of events). `error` is one, whatever its data looks like. Servers
 * and what stands before them add others to keep the way open: comments (": OPENROUTER
 * PROCESSING"), `event: ping`, empty data. Those are `unread`: what is empty, and what has another
 * name and neither choices nor usage. Only what claims to be an answer can be broken.
 */
MUSTCHECK int openai_stream_event_read(struct str name, struct str data,
                                       struct llm_facts *ret_facts);

/*
 * An event whose usage was not asked for: appends it to `out` without facts->usage_cut, which is
 * not empty. `data` points into `raw`, or has the event's several lines joined; those are written
 * anew.
 */
MUSTCHECK int openai_event_without_usage(struct str raw, struct str data,
                                         const struct llm_facts *facts, struct buf *out);

/* {"error":{"message":..., "type":..., "param":..., "code":...}} */
int openai_error_write(struct buf *out, int status, const char *code, struct str message,
                       struct str param);

/* The same as the event that tells of it in a stream. */
int openai_error_event_write(struct buf *out, int64_t number, int status, const char *code,
                             struct str message);

/* "invalid_request_error" and the like, by status. */
const char *openai_error_type(int status);

#endif
