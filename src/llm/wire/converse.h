/*
 * wire/converse.h: what the files of the Converse wire share.
 *
 * Amazon Bedrock's Converse and ConverseStream, on the provider's side only. Source of the shapes:
 * botocore's service model of bedrock-runtime (2023-09-30), and the API's public reference.
 * "string", "json" and "plain" as in llm/chat.h; pure functions; nothing here yields.
 *
 * What Bedrock refuses and no client means is mended on the way: messages of one role that follow
 * each other become one, since roles have to take turns; texts of nothing but white space are left
 * out, and with them a message that has nothing else, unless it is the one to be answered; names of
 * documents are made of the characters that it takes, and differ.
 */
#ifndef LLM_WIRE_CONVERSE_H
#define LLM_WIRE_CONVERSE_H

#include "base/json.h"
#include "llm/chat.h"
#include "llm/wire.h"

/* ---- requests ---- */

/* Where the name hides the model, it is asked as Claude is: another refuses that itself. */
bool converse_may_be_claude(const struct chat_request *request);
int converse_request_write(const struct chat_request *request, struct buf *out, struct fault *f);
/* The member "system" where there is any, and "messages". */
MUSTCHECK int converse_put_messages(const struct chat_request *request, struct buf *out,
                                    struct fault *f);
/* A list's element that marks what stands before it for the cache; nothing where `control` (a
 * cache_control) is not given, or null. */
void converse_put_cache_point(struct buf *out, struct str control);

/* Documents that a request has had so far. */
struct converse_documents {
    unsigned n;
    struct converse_name *names;
};
/* The content block of an image, a document or a sound; faults as request_write. */
MUSTCHECK int converse_put_media(const struct chat_block *block, struct converse_documents *docs,
                                 struct arena *arena, struct buf *out, struct fault *f);

/* ---- answers and events ---- */

/* False where there is no count of the input. */
bool converse_usage_read(struct str usage, struct tokens *ret_usage);
/* A toolUse, of an answer or at its beginning in a stream: BLOCK_CALL, or BLOCK_OTHER for one that
 * the provider runs itself ("server_tool_use"), which is none of the client's. */
enum chat_block_kind converse_call_read(struct str tool_use, struct str *ret_id,
                                        struct str *ret_name, struct str *ret_input);

/* What a block that is none of a chat's is, by the member that it has; `other` with values of the
 * members below. */
#define CONVERSE_OTHERS                                                                            \
    MEMBER("image", OBJECT), MEMBER("audio", OBJECT), MEMBER("document", OBJECT),                  \
        MEMBER("video", OBJECT), MEMBER("toolResult", ANY), MEMBER("citation", OBJECT)
#define CONVERSE_OTHERS_N 6
enum chat_answer_part converse_other(const struct str *values);

/* What a stopReason comes to; STOP_UNSAID for one that is not known. */
enum chat_stop converse_stop(struct str stop);
/* Is it one by which Bedrock says that the model's answer could not be read? */
bool converse_is_broken(struct str stop);

/* A whole answer; what is not there is STR_NONE. All points into what was read. */
struct converse_answer {
    struct str message;       /* json, an object: else it is an error, or nothing of Converse's */
    struct str stop;          /* string: stopReason */
    struct str stop_sequence; /* string */
    struct str error;         /* string: an error's words */
    bool has_usage;
    struct tokens usage;
};
/* E_UPSTREAM_BODY when it is no JSON object. */
MUSTCHECK int converse_answer_parse(struct str body, struct converse_answer *ret_answer);

struct converse_block {
    enum chat_block_kind kind; /* BLOCK_OTHER for what a chat's answer has no form for: */
    enum chat_answer_part other;
    bool cites;           /* a text that rests on something */
    struct str text;      /* string: text, thinking, hidden data */
    struct str signature; /* string */
    struct str id, name;  /* string: of a call */
    struct str input;     /* json, an object: of a call; STR_NONE: it is none */
    struct str format;    /* string: of an image, whose digits are the text */
};

/* A message's blocks, one after the other. A text with citations is its texts. */
struct converse_blocks {
    struct json_reader reader, cited;
    bool more, more_cited, cites;
};
void converse_blocks_init(struct converse_blocks *b, struct str message);
bool converse_block_next(struct converse_blocks *b, struct converse_block *ret_block);

/* ---- events ---- */

enum converse_event_kind {
    CONVERSE_UNKNOWN, /* passed over */
    CONVERSE_MESSAGE_START,
    CONVERSE_BLOCK_START, /* block: BLOCK_CALL with id and name, BLOCK_OTHER with what, or
                           * BLOCK_TEXT */
    CONVERSE_DELTA,       /* block and text */
    CONVERSE_BLOCK_STOP,
    CONVERSE_MESSAGE_STOP, /* stop, stop_sequence */
    CONVERSE_METADATA,     /* usage */
    CONVERSE_FAILED,       /* text: the words */
};

struct converse_event {
    enum converse_event_kind kind;
    int64_t index; /* of the block; -1: not said */
    enum chat_block_kind block;
    enum chat_answer_part other; /* of BLOCK_OTHER, unless none of it was there */
    bool is_signature;           /* of thinking, in place of its text */
    struct str id, name;         /* string */
    struct str text;             /* string; STR_NONE where it is empty */
    struct str stop, stop_sequence;
    bool has_usage;
    struct tokens usage;
};
/*
 * One event: the name and the payload of a frame. Those that end in "Exception", and "error", tell
 * that the stream failed. E_UPSTREAM_BODY when one of Converse's own is no JSON object.
 */
MUSTCHECK int converse_event_parse(struct str name, struct str data,
                                   struct converse_event *ret_event);

int converse_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer);
int converse_event_read(struct wire_state *state, struct str name, struct str data,
                        struct chat_events *ret_events);

#endif
