/*
 * openai_chat.h: what the files of OpenAI's chat completions share.
 *
 * Source of the shapes: the typed models of OpenAI's official client (`types/chat`) and its public
 * API reference; `reasoning_content` and `thinking_blocks` as LiteLLM documents them. "string",
 * "json" and "plain" as in llm/chat.h. Nothing here yields.
 */
#ifndef LLM_WIRE_OPENAI_CHAT_H
#define LLM_WIRE_OPENAI_CHAT_H

#include "llm/prefix.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

/* ---- reading ---- */

/* A message as its members say. Lists are the model's. */
struct chat_said {
    struct str role, name, call_id; /* string */
    struct str refusal, reasoning;  /* string */
    struct str content;             /* string, where it was one */
    struct str annotations, audio;  /* json: of an answer */
    bool has_list;                  /* the content was a list: `parts` */
    struct chat_block *parts, *calls, *thoughts, *images;
    struct chat_member *others;
};
/* Takes the message that comes next. */
MUSTCHECK int said_take(struct reading *r, struct chat_said *ret_said);
/* Its blocks in their order: thinking, text, refusal, calls. */
MUSTCHECK int said_blocks(struct reading *r, const struct chat_said *said,
                          struct chat_block **list);

/* `tools`, which comes next, and `tool_choice`, which was taken. */
MUSTCHECK int openai_chat_tools_take(struct reading *r);
MUSTCHECK int openai_chat_choice_read(struct reading *r, struct str value);
/* The parameters that the protocol has. */
#define OPENAI_CHAT_PARAMS 18
extern const struct param openai_chat_params[OPENAI_CHAT_PARAMS];
/* type, thinking, signature, data: of an element of `thinking_blocks`. */
extern const struct member openai_chat_thought[4];

/* Tokens of a usage object; false where it is none. */
bool openai_chat_usage(struct str usage, struct tokens *ret_tokens);
/* An element of `annotations`; false where it is none of a page of the web. */
bool openai_chat_cited(struct str annotation, struct chat_citation *ret_cited);
/* An element of `images`, as image_url.url has it; false where it is none. */
MUSTCHECK int openai_chat_image(struct arena *a, struct str image, struct chat_media *ret_media);
/* "stop" and its like; STOP_UNSAID for null and for words that are not known. */
enum chat_stop openai_chat_stop(struct str reason);

/* An answer, or a chunk of one. */
struct chat_top {
    struct str id, model; /* string */
    struct str choice;    /* json: choice 0; STR_NONE where there is none */
    struct str error;     /* json, not null */
    int64_t created_s;
    bool has_choices, has_usage;
    bool cites; /* it has a list `citations`, as some servers that search have */
    struct tokens usage;
};
/* E_UPSTREAM_BODY where it is no JSON object. */
MUSTCHECK int openai_chat_top_read(struct str body, struct chat_top *ret_top);

/* ---- writing ---- */

/* {"id":..., "object":..., "created":..., "model":... */
void openai_chat_head_put(struct buf *out, struct str object, struct str id, int64_t created_s,
                          struct str model);

/* {"prompt_tokens": ...} */
void openai_chat_usage_put(struct buf *out, const struct tokens *usage);
/* The word for it, with its quotes. */
struct str openai_chat_stop_word(enum chat_stop stop, bool calls, bool refusal);
/* An annotation and an image; in a stream with an index, as of a thought. */
void openai_chat_cited_put(struct buf *out, const struct chat_citation *cited, int64_t shift,
                           int64_t index);
void openai_chat_image_put(struct buf *out, const struct chat_media *media, int64_t index);
/* The member `tool_calls`. */
void openai_chat_calls_put(struct buf *out, const struct chat_block *blocks);
/* Thinking or its hidden form, as an element of `thinking_blocks`. In a stream it has its index
 * there, by which OpenAI's clients put lists together; -1: none. */
void openai_chat_thought_put(struct buf *out, enum chat_block_kind kind, struct str text,
                             struct str signature, int64_t index);

/* See wire.h. */
MUSTCHECK int openai_chat_prefix_edit(const struct prefix *prefix,
                                      const struct llm_request *request, struct arena *arena,
                                      struct llm_edits *edits, struct fault *f);

/* The wire's functions, by file. */
int openai_chat_request_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                             struct fault *f);
int openai_chat_request_write(const struct chat_request *request, struct buf *out, struct fault *f);
int openai_chat_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer);
int openai_chat_answer_write(const struct chat_answer *answer, struct buf *out);
int openai_chat_event_read(struct wire_state *state, struct str name, struct str data,
                           struct chat_events *ret_events);
int openai_chat_event_write(struct wire_state *state, const struct chat_event *event,
                            struct buf *out);

#endif
