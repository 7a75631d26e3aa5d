/*
 * anthropic.h: what the files of Anthropic's wire share. (llm/anthropic.h is what the rest of the
 * program has of this protocol.)
 *
 * "string", "json" and "plain" as in llm/chat.h.
 */
#ifndef LLM_WIRE_ANTHROPIC_H
#define LLM_WIRE_ANTHROPIC_H

#include "llm/anthropic.h"
#include "llm/prefix.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

/* The protocol demands a limit of tokens; written where the request has none. A budget of thinking
 * tokens has to be less than the limit, so it comes on top. */
#define ANTHROPIC_MAX_TOKENS_DEFAULT 4096

/* The parameters that are carried as they stand. */
static const struct param anthropic_sampling[] = {PARAM(TEMPERATURE, "temperature", NUMBER),
                                                  PARAM(TOP_P, "top_p", NUMBER),
                                                  PARAM(TOP_K, "top_k", NUMBER)};

/* As the API's errors say it, which name no longest; 64 is Bedrock's. */
static const struct id_rule anthropic_ids = {64, true};

/* ---- blocks (anthropic_block.c, anthropic_block_write.c) ---- */

/* Content: a string, which is one text block (or none where it is empty), or a list of blocks. */
MUSTCHECK int anthropic_content_read(struct reading *r, struct chat_block **ret_blocks,
                                     bool *ret_is_string);
/* "tool_use"; and may who has this role say it? */
const char *anthropic_block_name(enum chat_block_kind kind);
bool anthropic_block_fits(enum chat_block_kind kind, enum chat_role role);

/* Which part of an answer a block of a type that is not understood is; type and name (which may be
 * STR_NONE) are strings. */
enum chat_answer_part anthropic_other(struct str type, struct str name);

/* Where blocks are written to. */
struct anthropic_writer {
    struct buf *out;
    struct arena *arena; /* NULL: an answer is written, not a request */
    struct fault *fault;
    unsigned message; /* of the request, for faults */
    bool user_before; /* the last message written is the user's */
};

/*
 * Appends the blocks that count, as a list or (put) into one that is open. In a request those do
 * not count that a provider refuses though nothing is lost without them: blank texts, and thinking
 * that has no signature of its own. *count is how many there were. E_UNSUPPORTED for media that the
 * protocol has no form for.
 */
MUSTCHECK int anthropic_blocks_write(const struct anthropic_writer *w,
                                     const struct chat_block *blocks, unsigned *ret_count);
MUSTCHECK int anthropic_blocks_put(const struct anthropic_writer *w,
                                   const struct chat_block *blocks, unsigned *count);

/* ---- answers and streams ---- */

enum chat_stop anthropic_stop_of(struct str reason); /* string */
/* As a string. What calls tools ends with "tool_use", and what refuses with "refusal", also where a
 * provider calls both an end like any other. */
struct str anthropic_stop_word(enum chat_stop stop, bool calls, bool refuses);
/* The words for people in a `stop_details`; STR_NONE where there are none. */
struct str anthropic_explanation(struct str details);
/* {"input_tokens":...}; zeros where nothing is known. */
void anthropic_usage_write(struct buf *out, const struct tokens *usage);

/* ---- the row ---- */

/* See wire.h. */
MUSTCHECK int anthropic_prefix_edit(const struct prefix *prefix, const struct llm_request *request,
                                    struct arena *arena, struct llm_edits *edits, struct fault *f);

int anthropic_error_write(struct buf *out, int status, const char *code, struct str text,
                          struct str param);
int anthropic_error_event_write(struct buf *out, int64_t number, int status, const char *code,
                                struct str text);
int anthropic_chat_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                        struct fault *f);
int anthropic_chat_write(const struct chat_request *request, struct buf *out, struct fault *f);
int anthropic_message_read(struct str body, struct arena *arena, struct chat_answer *ret_answer);
int anthropic_message_write(const struct chat_answer *answer, struct buf *out);
int anthropic_stream_read(struct wire_state *state, struct str name, struct str data,
                          struct chat_events *ret_events);
int anthropic_stream_write(struct wire_state *state, const struct chat_event *event,
                           struct buf *out);

#endif
