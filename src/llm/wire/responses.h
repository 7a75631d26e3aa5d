/*
 * wire/responses.h: what the files of the Responses wire share.
 *
 * OpenAI's Responses API, on the client's side and on the provider's. Source of the shapes: the
 * public API reference and the typed models of the official Python client. "string", "json" and
 * "plain" as in llm/chat.h; "raw" is what stands between a string's quotes. Pure functions; nothing
 * here yields.
 *
 * A conversation is a list of items. Those of one assistant's turn (reasoning, messages, calls) are
 * one message of a chat, and so are results in a row. Ids of items are read past: they name what a
 * provider keeps, and without it they mean nothing.
 *
 * Reasoning. What another protocol needs back with a turn travels in an item's encrypted_content:
 * to clients, a thinking's signature as it is, and hidden thinking behind "hidden:"; from
 * providers, encrypted_content becomes a signature, or where there is no text hidden thinking, that
 * begins with "openai:", and only such a one goes back to a provider.
 */
#ifndef LLM_WIRE_RESPONSES_H
#define LLM_WIRE_RESPONSES_H

#include "llm/prefix.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

#define RESPONSES_HIDDEN "hidden:"
#define CITED_BYTES_MAX  (1u << 20) /* the annotations of a part */

/*
 * The texts of a list of {"type", "text"}, with an empty line between them, as a string; STR_NONE
 * where there is none. E_BAD_REQUEST for another list.
 */
MUSTCHECK int responses_texts(struct arena *a, struct str list, struct str *ret_string);

/* A string with raw text put in front, or taken from there (STR_NONE where it does not begin so).
 */
MUSTCHECK int string_prepend(struct arena *a, struct str raw, struct str string,
                             struct str *ret_string);
MUSTCHECK int string_behind(struct arena *a, struct str raw, struct str string,
                            struct str *ret_string);

/* ---- requests ---- */

/* The words of a choice of tools, and of the forms of an answer. */
static const struct str responses_choices[] = {[CHOOSE_UNSAID] = NAME(""),
                                               [CHOOSE_AUTO] = WORD("auto"),
                                               [CHOOSE_NONE] = WORD("none"),
                                               [CHOOSE_ANY] = WORD("required")};
static const struct str responses_forms[] = {[FORMAT_UNSAID] = NAME(""),
                                             [FORMAT_TEXT] = WORD("text"),
                                             [FORMAT_JSON] = WORD("json_object"),
                                             [FORMAT_SCHEMA] = WORD("json_schema")};
static const struct str responses_roles[] = {[ROLE_SYSTEM] = WORD("system"),
                                             [ROLE_DEVELOPER] = WORD("developer"),
                                             [ROLE_USER] = WORD("user"),
                                             [ROLE_ASSISTANT] = WORD("assistant")};
/* The parameters that the protocol has. Those from RESPONSES_READ on are read as they stand, and
 * written with more thought. */
#define RESPONSES_PARAMS 12
#define RESPONSES_READ   7
extern const struct param responses_params[RESPONSES_PARAMS];

/* See wire.h. */
MUSTCHECK int responses_prefix_edit(const struct prefix *prefix, const struct llm_request *request,
                                    struct arena *arena, struct llm_edits *edits, struct fault *f);

int responses_request_read(struct str body, struct arena *arena, struct chat_request *ret_request,
                           struct fault *f);
/* "input": a string or a list of items, as messages behind `after`. */
MUSTCHECK int responses_input_read(struct reading *r, struct chat_message *after, struct str input);
int responses_request_write(const struct chat_request *request, struct buf *out, struct fault *f);

/* A tool, and the member "tool_choice" where it is said; as requests have them, and answers. */
void responses_put_tool(struct buf *out, const struct chat_tool *tool);
void responses_put_choice(struct buf *out, const struct chat_request *request);
/* The members "text" and "reasoning", where there is anything in them. */
void responses_put_text(struct buf *out, const struct chat_request *request);

/* ---- answers to clients ---- */

/* Whose answer it is: what is the same in every object "response" of one answer. */
struct responses_who {
    struct str id;    /* raw: without resp_, from which items' ids are made, too */
    struct str model; /* string, or STR_NONE */
    struct str model_plain;
    int64_t created_s;
    const struct chat_request *request; /* may be NULL */
};
/* A raw id of what the provider calls the answer; never empty. */
struct str responses_id(struct str string);

/* How an answer ended. */
struct responses_end {
    const char *status; /* "completed" */
    const char *reason; /* of an incomplete one, or NULL */
    bool has_usage;
    struct tokens usage;
    struct str error_code, error_text; /* strings: of a failed one */
    struct str left_out;               /* plain: as of wire_state */
};
/* Sets status and reason. */
void responses_end_set(struct responses_end *end, enum chat_stop stop, bool refusal_said);

/* {"id" ... "output":[ and, behind the items, the rest: ] ... } */
void responses_put_head(struct buf *out, const struct responses_who *who, const char *status);
void responses_put_rest(struct buf *out, const struct responses_end *end);

/*
 * The items of an answer, one behind the other in `buf`, which belongs to the caller. What is open
 * stands at its end, so that whatever a stream has to repeat is a piece of it.
 */
enum responses_item { ITEM_NONE, ITEM_MESSAGE, ITEM_CALL, ITEM_REASONING, ITEM_IMAGE };

struct responses_output {
    struct buf *buf;
    struct str id;  /* as of responses_who */
    unsigned item;  /* number of the open one, or of the next */
    unsigned parts; /* of the open one, so far */
    enum responses_item open;
    bool hidden;          /* the open one is hidden thinking */
    struct str encrypted; /* raw: what goes into it at its end */
    struct str image;     /* string: the same, of an image; its digits, ... */
    struct str format;    /* raw: ... and what stands behind "image/" in its type */
    struct str cited;     /* json: the elements of the open part's annotations */
    size_t item_at, part_at;
    size_t text_at; /* its quote */
};
enum responses_item responses_item_of(enum chat_block_kind kind); /* ITEM_NONE: has no place */
/* The item of such a block; id and name are a call's. */
void responses_item_begin(struct responses_output *o, enum chat_block_kind kind, struct str id,
                          struct str name);
/* What goes into an image's; digits a string, type raw: plain letters. */
void responses_item_image(struct responses_output *o, struct str digits, struct str type);
void responses_item_end(struct responses_output *o, const char *status);
/* What has to stand behind the open item's bytes so far, to make it whole. */
void responses_put_item_rest(struct buf *out, const struct responses_output *o, const char *status);
void responses_put_item_id(struct buf *out, const struct responses_output *o); /* string */
/* A part of a message, or of the summary of some reasoning; the text goes between. */
void responses_part_begin(struct responses_output *o, enum chat_block_kind kind);
void responses_part_end(struct responses_output *o, enum chat_block_kind kind);
/* What has to stand behind the open part's bytes so far; `cited` as of responses_output. */
void responses_put_part_rest(struct buf *out, enum chat_block_kind kind, struct str cited);
/* An annotation. */
void responses_put_cited(struct buf *out, const struct chat_citation *cited);

int responses_answer_write(const struct chat_answer *answer, struct buf *out);
int responses_event_write(struct wire_state *state, const struct chat_event *event,
                          struct buf *out);
void responses_state_fini(struct wire_state *state);

/* ---- answers of providers ---- */

/* An object "response", of which a stream brings several. E_UPSTREAM_BODY for what is none. */
struct responses_object {
    struct str id, model;              /* string */
    struct str status;                 /* string */
    struct str reason;                 /* string: of an incomplete one */
    struct str output;                 /* json: a list; STR_NONE where there is none */
    struct str error_code, error_text; /* string */
    int64_t created_s;
    bool has_usage;
    struct tokens usage;
};
MUSTCHECK int responses_object_read(struct str json, struct responses_object *ret_object);
enum chat_stop responses_stop(const struct responses_object *object, bool calls, bool refusal);

/* An item of the output. */
struct responses_read {
    struct str type, call_id, name, arguments, encrypted; /* string, or STR_NONE */
    struct str content, summary;                          /* json */
    struct str result, format;                            /* string: of an image */
};
/* Which part of an answer an item of another type is: what the provider's own tools did. */
enum chat_answer_part responses_other(struct str type);
/* An annotation; false where it is none of a page of the web. */
bool responses_cited(struct str annotation, struct chat_citation *ret_cited);
/* The media type of an image that was made, plain; STR_NONE where there is no image. */
struct str responses_image_type(const struct responses_read *item);
MUSTCHECK int responses_item_read(struct str json, struct responses_read *ret_item);

int responses_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer);
int responses_event_read(struct wire_state *state, struct str name, struct str data,
                         struct chat_events *ret_events);

#endif
