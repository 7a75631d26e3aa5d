/*
 * anthropic.h: what the files of Anthropic's wire share. (llm/anthropic.h is what the rest of the
 * program has of this protocol.)
 *
 * "string", "json" and "plain" as in llm/chat.h.
 */
#ifndef LLM_WIRE_ANTHROPIC_H
#define LLM_WIRE_ANTHROPIC_H

#include "llm/anthropic.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

/* The protocol demands a limit of tokens; written where the request has none. A budget of thinking
 * tokens has to be less than the limit, so it comes on top. */
#define ANTHROPIC_MAX_TOKENS_DEFAULT 4096

/* ---- reading (anthropic_read.c) ---- */

/* Where a reader is: "messages.3.content.0"; "" at the top. */
struct anthropic_place {
    char text[64];
};

/* One text being read: a request's, or (request == NULL) an answer's. */
struct anthropic_reader {
    struct json_reader json;
    struct arena *arena;
    struct chat_request *request;
    struct fault *fault;
    struct anthropic_place place;
};

/*
 * Says what is wrong at the reader's place: E_BAD_REQUEST, or E_UPSTREAM_BODY for an answer.
 * E_BAD_JSON without words where the text is no JSON: those are found at the end.
 */
int anthropic_wrong(struct anthropic_reader *r, const char *fmt, ...) PRINTF(2, 3);

/* One step further in: "content" and 0. Returns where it was, for who goes back there. */
struct anthropic_place anthropic_place_enter(struct anthropic_reader *r, const char *name,
                                             unsigned index);

/* What kind of value a member has to have. */
enum anthropic_value {
    VALUE_ANY,
    VALUE_STRING,
    VALUE_OBJECT,
    VALUE_LIST,
    VALUE_BOOL,
    VALUE_COUNT,
    VALUE_NUMBER
};

struct anthropic_member {
    struct str name;
    enum anthropic_value value;
};
#define ANTHROPIC_MEMBERS_MAX  32
#define ANTHROPIC_OTHER_MEMBER ANTHROPIC_MEMBERS_MAX

/*
 * The key of the next member: *ret_which is its place in `members`, or ANTHROPIC_OTHER_MEMBER, and
 * *ret_name the key as a string. E_DUPLICATE_KEY for a known one that is in *seen already. Its
 * value comes next.
 */
MUSTCHECK int anthropic_key_take(struct anthropic_reader *r, const struct anthropic_member *members,
                                 unsigned n, uint32_t *seen, unsigned *ret_which,
                                 struct str *ret_name);
/* The value of that member. null is STR_NONE, and so "not given", everywhere. */
MUSTCHECK int anthropic_value_take(struct anthropic_reader *r,
                                   const struct anthropic_member *member, struct str *ret_value);
/* The value of a member that is not known: kept at the end of *list, unless it is null or in an
 * answer. Moves *list on to that end, so that many of them cost no walks. */
MUSTCHECK int anthropic_other_take(struct anthropic_reader *r, struct chat_member ***list,
                                   struct str name);

/*
 * A small object, taken whole: the values of `members`, of which the ones that are not given are
 * STR_NONE. *ret_known is false where it has others; then only *ret_whole says all of it. null is
 * an object without members, and *ret_whole STR_NONE.
 */
MUSTCHECK int anthropic_object_take(struct anthropic_reader *r,
                                    const struct anthropic_member *members, unsigned n,
                                    struct str *ret_values, struct str *ret_whole, bool *ret_known);
/* The `type` of the object that comes next, as it stands; the reader stays where it is. */
struct str anthropic_type_ahead(const struct anthropic_reader *r);
bool anthropic_null_ahead(const struct anthropic_reader *r);

/* ---- blocks (anthropic_block.c, anthropic_block_write.c) ---- */

/* Content: a string, which is one text block (or none where it is empty), or a list of blocks. */
MUSTCHECK int anthropic_content_read(struct anthropic_reader *r, struct chat_block **ret_blocks,
                                     bool *ret_is_string);
/* "tool_use"; and may who has this role say it? */
const char *anthropic_block_name(enum chat_block_kind kind);
bool anthropic_block_fits(enum chat_block_kind kind, enum chat_role role);

/* Where blocks are written to. */
struct anthropic_writer {
    struct buf *out;
    struct arena *arena; /* NULL: an answer is written, not a request */
    struct fault *fault;
    unsigned message; /* of the request, for faults */
};

/*
 * Appends the blocks that count, as a list or (put) into one that is open. In a request those do
 * not count that a provider refuses though nothing is lost without them: empty texts, and thinking
 * that has no signature. *count is how many there were. E_UNSUPPORTED for media that the protocol
 * has no form for.
 */
MUSTCHECK int anthropic_blocks_write(const struct anthropic_writer *w,
                                     const struct chat_block *blocks, unsigned *ret_count);
MUSTCHECK int anthropic_blocks_put(const struct anthropic_writer *w,
                                   const struct chat_block *blocks, unsigned *count);
void anthropic_others_write(struct buf *out, const struct chat_member *others);

/* ---- answers and streams ---- */

enum chat_stop anthropic_stop_of(struct str reason); /* string */
/* As a string. What calls tools ends with "tool_use", and what refuses with "refusal", also where a
 * provider calls both an end like any other. */
struct str anthropic_stop_word(enum chat_stop stop, bool calls, bool refuses);
/* The words for people in a `stop_details`, which comes next; STR_NONE where there are none. */
struct str anthropic_explanation_take(struct json_reader *r);
/* {"input_tokens":...}; zeros where nothing is known. */
void anthropic_usage_write(struct buf *out, const struct tokens *usage);

/* ---- the row ---- */

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
