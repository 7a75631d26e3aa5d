/*
 * chat.h: a conversation as no protocol in particular writes it.
 *
 * Where client and provider speak different protocols, a request is read into this and written out
 * of it, and so is the answer, whole or event by event. Where both speak the same one, nothing of
 * this is used: the client's bytes go on as they came.
 *
 * Texts stay JSON. A `struct str` marked "string" is a JSON string's own bytes, with its quotes and
 * escapes, "json" any JSON value's, so that moving one from one protocol to another is copying
 * bytes, exact by construction; only what has to be understood is unescaped ("plain"). STR_NONE
 * (p == NULL) is "not given". Everything points into the body that was read, or lies in the
 * request's arena. Nothing here yields.
 *
 * What a request makes use of is noted as features (CHAT_FEATURES), and an answer has parts
 * (CHAT_ANSWERS). A protocol's row in wire.h says of each whether it carries it, so what has no
 * counterpart is refused or named, and the documentation's tables are the ones that decide.
 */
#ifndef LLM_CHAT_H
#define LLM_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/tokens.h"

/* ---- features ---- */

/*
 * Parameters that are one JSON value, carried as it stands: X(NAME, "name in words"). The number in
 * `enum chat_feature` is also the place in chat_request.params.
 */
#define CHAT_PARAMS(X)                                                                             \
    X(TEMPERATURE, "temperature")                                                                  \
    X(TOP_P, "top_p")                                                                              \
    X(TOP_K, "top_k")                                                                              \
    X(MIN_P, "min_p")                                                                              \
    X(SEED, "seed")                                                                                \
    X(FREQUENCY_PENALTY, "frequency_penalty")                                                      \
    X(PRESENCE_PENALTY, "presence_penalty")                                                        \
    X(LOGIT_BIAS, "logit_bias")                                                                    \
    X(LOGPROBS, "log-probabilities of the tokens")                                                 \
    X(TOP_LOGPROBS, "log-probabilities of other tokens")                                           \
    X(EFFORT, "reasoning effort")                                                                  \
    X(THINKING_DISPLAY, "how thinking is shown")                                                   \
    X(VERBOSITY, "verbosity")                                                                      \
    X(METADATA, "metadata")                                                                        \
    X(USER, "the end user's name")                                                                 \
    X(STORE, "keeping the answer at the provider")                                                 \
    X(SERVICE_TIER, "service tier")                                                                \
    X(CACHE_KEY, "prompt cache key")                                                               \
    X(CACHE_RETENTION, "prompt cache retention")                                                   \
    X(REASONING_SUMMARY, "a summary of the reasoning")                                             \
    X(INCLUDE, "more about the parts of an answer")                                                \
    X(PREVIOUS, "an earlier answer that the provider keeps")                                       \
    X(CONVERSATION, "a conversation that the provider keeps")

/* All else that a request may make use of. */
#define CHAT_STRUCTURE(X)                                                                          \
    X(CHOICES, "more than one choice")                                                             \
    X(MAX_TOKENS, "a limit of tokens")                                                             \
    X(STOP, "stop sequences")                                                                      \
    X(TEMPERATURE_HIGH, "a temperature over 1")                                                    \
    X(JSON_OBJECT, "JSON without a schema as the answer's form")                                   \
    X(JSON_SCHEMA, "a JSON schema as the answer's form")                                           \
    X(THINKING_BUDGET, "a budget of thinking tokens")                                              \
    X(THINKING_ADAPTIVE, "thinking as the model sees fit")                                         \
    X(THINKING_OFF, "thinking switched off")                                                       \
    X(TOOLS, "tools")                                                                              \
    X(TOOL_STRICT, "strict tool schemas")                                                          \
    X(TOOL_CHOICE, "the choice of a tool")                                                         \
    X(TOOLS_SERIAL, "parallel tool calls switched off")                                            \
    X(TOOL_OF_PROVIDER, "a tool that the provider runs or defines")                                \
    X(SYSTEM, "system messages in front")                                                          \
    X(SYSTEM_LATER, "system messages behind others")                                               \
    X(DEVELOPER, "role developer")                                                                 \
    X(MESSAGE_NAME, "a message's name")                                                            \
    X(PHASE, "what an assistant's message is for")                                                 \
    X(PREFILL, "an assistant message at the end")                                                  \
    X(CALLS, "tool calls and their results")                                                       \
    X(RESULT_ERROR, "a tool result marked as an error")                                            \
    X(RESULT_MEDIA, "images or documents in a tool result")                                        \
    X(RESULT_NAME, "a tool result's name")                                                         \
    X(IMAGE, "images as data")                                                                     \
    X(IMAGE_URL, "images by URL")                                                                  \
    X(IMAGE_DETAIL, "an image's detail")                                                           \
    X(DOCUMENT, "documents as data")                                                               \
    X(DOCUMENT_TEXT, "documents as plain text")                                                    \
    X(DOCUMENT_URL, "documents by URL")                                                            \
    X(FILE_ID, "files of the provider by id")                                                      \
    X(AUDIO, "sound")                                                                              \
    X(THINKING, "earlier thinking, with its signature")                                            \
    X(THINKING_HIDDEN, "earlier thinking that is encrypted")                                       \
    X(REFUSAL, "earlier refusals")                                                                 \
    X(CACHE_CONTROL, "cache_control")                                                              \
    X(CITATIONS, "citations")                                                                      \
    X(ANNOTATIONS, "annotations of an earlier answer")                                             \
    X(IMAGE_MADE, "images of an earlier answer")                                                   \
    X(OTHER_BLOCK, "content of a type that sluice does not know")                                  \
    X(OTHER_MEMBER, "members that sluice does not know")

enum chat_feature {
#define X(name, text) CHAT_##name,
    CHAT_PARAMS(X) CHAT_PARAM_COUNT,
    CHAT_BEFORE_STRUCTURE = CHAT_PARAM_COUNT - 1,
    CHAT_STRUCTURE(X)
#undef X
        CHAT_FEATURE_COUNT
};
_Static_assert(CHAT_FEATURE_COUNT <= 64, "chat_request.features is a word of 64 bits");

const char *chat_feature_text(enum chat_feature f);

/* ---- what is asked ---- */

/*
 * Lists keep their order, and end with NULL. The first of a list remembers its last, so that adding
 * one takes no walk however long the list is; who takes an element out of a list by hand sets
 * `last` of its first to NULL.
 */

/* A member that sluice does not know, of the protocol that the request came in. */
struct chat_member {
    struct chat_member *next, *last;
    struct str name;  /* string */
    struct str value; /* json */
};

enum chat_block_kind {
    BLOCK_TEXT,
    BLOCK_IMAGE,
    BLOCK_DOCUMENT,
    BLOCK_AUDIO,
    BLOCK_CALL,     /* of a tool */
    BLOCK_RESULT,   /* of a tool call */
    BLOCK_THINKING, /* visible, or (media.form none, text none) only its signature */
    BLOCK_HIDDEN,   /* thinking, encrypted: `text` is the data */
    BLOCK_REFUSAL,
    BLOCK_OTHER, /* `input` is the block as it stood */
};

enum chat_media_form { MEDIA_NONE, MEDIA_BASE64, MEDIA_URL, MEDIA_FILE_ID, MEDIA_TEXT };

struct chat_media {
    enum chat_media_form form;
    struct str type;   /* plain: "image/png"; STR_NONE where it is not said */
    struct str data;   /* string: base64 digits, URL, id or text */
    struct str name;   /* string: of a document */
    struct str detail; /* string: of an image */
};

/* A page of the web that a text of an answer rests on. */
struct chat_citation {
    struct chat_citation *next, *last;
    struct str url, title; /* string; the title may be STR_NONE */
    int64_t from, to;      /* the characters (code points) of the block's text that do */
};

struct chat_block {
    struct chat_block *next, *last;
    enum chat_block_kind kind;
    struct str text;      /* string: text, thinking, refusal, hidden data */
    struct str signature; /* string: thinking */
    struct chat_media media;
    struct str id;                 /* string: of a call, and of the call that a result is for */
    struct str name;               /* string: the tool's, of a call; what a result says of it */
    struct str input;              /* json, an object: of a call */
    struct chat_block *result;     /* content of a result */
    const struct chat_block *call; /* of a result: what it is for; NULL where that is not here */
    bool result_is_string;         /* the content was one string, not a list */
    bool is_error;                 /* of a result */
    struct str cache_control;      /* json */
    struct str citations;          /* json */
    struct chat_citation *cited;   /* of an answer's text */
    struct chat_member *others;
};

enum chat_role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT };

struct chat_message {
    struct chat_message *next;
    enum chat_role role;
    struct str name; /* string */
    bool is_string;  /* the content was one string, not a list: one text block, or none for ""; an
                      * assistant's other blocks stand around it */
    struct chat_block *blocks;
    struct chat_member *others;
};

struct chat_tool {
    struct chat_tool *next, *last;
    struct str name, description; /* string */
    struct str schema;            /* json, an object */
    struct str strict;            /* json, true or false */
    struct str cache_control;     /* json */
    struct str whole;             /* json: a tool of the provider's, as it stood; else STR_NONE */
    struct chat_member *others;
};

enum chat_tool_choice { CHOOSE_UNSAID, CHOOSE_AUTO, CHOOSE_NONE, CHOOSE_ANY, CHOOSE_NAMED };
enum chat_format { FORMAT_UNSAID, FORMAT_TEXT, FORMAT_JSON, FORMAT_SCHEMA };
enum chat_thinking { THINK_UNSAID, THINK_OFF, THINK_BUDGET, THINK_ADAPTIVE };

/* A string in a list of them. */
struct chat_string {
    struct chat_string *next, *last;
    struct str text; /* string */
};

struct chat_request {
    struct arena *arena;
    uint64_t features; /* 1 << enum chat_feature, of what it makes use of */
    struct str model;  /* plain: as the provider knows it */
    struct chat_message *messages;
    bool system_apart; /* the first stood outside of the list, so places in it do not count it */
    struct chat_tool *tools;
    enum chat_tool_choice tool_choice;
    struct str tool_named;     /* string */
    bool tools_serial;         /* one call at a time */
    struct str tools_parallel; /* json: true or false as it was said; STR_NONE where it was not */
    int64_t max_tokens;        /* 0: not given */
    bool max_tokens_new;       /* OpenAI's max_completion_tokens, not max_tokens */
    struct chat_string *stop;
    bool stream, wants_usage;
    enum chat_format format;
    struct str schema, schema_name, schema_description,
        schema_strict; /* json, string, string, json */
    enum chat_thinking thinking;
    int64_t thinking_budget;
    struct str params[CHAT_PARAM_COUNT]; /* json */
    struct chat_member *others;
    struct str other; /* string: the first member, wherever it stands, that sluice does not know */
};

static inline void chat_uses(struct chat_request *r, enum chat_feature f)
{
    r->features |= (uint64_t)1 << f;
}
static inline bool chat_has(const struct chat_request *r, enum chat_feature f)
{
    return (r->features >> f & 1) != 0;
}

/* Keeps a parameter, and notes it; null is "not given". */
void chat_param(struct chat_request *r, enum chat_feature param, struct str json);

/*
 * Each makes a cleared element at the end of a list, in the arena; NULL when that is full. A
 * message goes behind `after`, which is the last one, or NULL.
 */
struct chat_message *chat_message_new(struct chat_request *r, struct chat_message *after,
                                      enum chat_role role);
struct chat_block *chat_block_new(struct arena *a, struct chat_block **list,
                                  enum chat_block_kind kind);
/* Puts all of `more` behind what *list has. */
void chat_blocks_join(struct chat_block **list, struct chat_block *more);
void chat_members_join(struct chat_member **list, struct chat_member *more);
struct chat_tool *chat_tool_new(struct chat_request *r);
MUSTCHECK int chat_stop_add(struct chat_request *r, struct str string);
MUSTCHECK int chat_citation_add(struct arena *a, struct chat_citation **list,
                                const struct chat_citation *said);
/* Also notes CHAT_OTHER_MEMBER. */
MUSTCHECK int chat_member_add(struct chat_request *r, struct chat_member **list, struct str name,
                              struct str json);

/*
 * Notes what can be seen only in the whole: system messages by their place, an assistant's message
 * at the end, media, calls, temperature. Readers call it last. It also checks what every provider
 * refuses: E_BAD_REQUEST with the place, for a tool result without its call before it (where the
 * provider does not keep what was before), and for two calls of one message with the same id. An id
 * that a later message has again is told apart there, in the call and in its result.
 */
MUSTCHECK int chat_settle(struct chat_request *r, struct fault *f);

/* ---- what is answered ---- */

/*
 * What an answer may have: X(NAME, "in words"). Those up to URL_CITATION and the images are blocks
 * (and citations) of the model; of the others it is only noted that they were there, since no
 * client's protocol has a place for what another's provider did or made.
 */
#define CHAT_ANSWERS(X)                                                                            \
    X(TEXT, "text")                                                                                \
    X(CALL, "tool calls")                                                                          \
    X(CALL_CUT, "a tool call that was cut off")                                                    \
    X(THINKING, "thinking")                                                                        \
    X(HIDDEN, "thinking that is encrypted")                                                        \
    X(REFUSAL, "a refusal")                                                                        \
    X(URL_CITATION, "citations of web pages")                                                      \
    X(IMAGE, "an image")                                                                           \
    X(IMAGE_URL, "an image by URL")                                                                \
    X(CITATION, "citations in a form of its own")                                                  \
    X(AUDIO, "sound")                                                                              \
    X(FILE, "a file")                                                                              \
    X(SEARCH, "a search that the provider made")                                                   \
    X(CODE, "code that the provider ran")                                                          \
    X(TOOL, "a tool that the provider ran")                                                        \
    X(OTHER, "a part that sluice does not know")

enum chat_answer_part {
#define X(name, text) ANSWER_##name,
    CHAT_ANSWERS(X)
#undef X
        ANSWER_PART_COUNT
};

const char *chat_answer_text(enum chat_answer_part part);
/* Which part of an answer such a block is; BLOCK_OTHER and what only requests have are OTHER. */
enum chat_answer_part chat_answer_of(enum chat_block_kind kind, enum chat_media_form form);

enum chat_stop {
    STOP_UNSAID,
    STOP_END,
    STOP_LENGTH,
    STOP_SEQUENCE,
    STOP_CALL,
    STOP_REFUSED, /* by the model or by a filter */
    STOP_PAUSE,   /* of a long turn of the provider's own tools */
    STOP_CONTEXT, /* the context window is full */
};

struct chat_answer {
    struct str id, model; /* string */
    int64_t created_s;    /* 0: not said */
    /* Text, calls, thinking, refusals, images. A call whose input is no JSON object has none. */
    struct chat_block *blocks;
    uint32_t beside; /* 1 << enum chat_answer_part, of what was there and has no form here */
    enum chat_stop stop;
    struct str stop_sequence; /* string */
    bool has_usage;
    struct tokens usage;
    const struct chat_request *request; /* for writers that repeat what was asked; may be NULL */
};

static inline void chat_answer_notes(struct chat_answer *a, enum chat_answer_part part)
{
    a->beside |= (uint32_t)1 << part;
}

/*
 * A stream is a series of these. Blocks do not overlap: BEGIN, for each block BLOCK_BEGIN, DELTAs,
 * BLOCK_END, then STOPPED and END; CITED within a text, behind what it is about; BESIDE anywhere
 * between BEGIN and STOPPED; USAGE anywhere, each complete and in place of the one before; FAILED
 * ends it.
 */
enum chat_event_kind {
    EVENT_BEGIN,       /* id, model, created_s */
    EVENT_BLOCK_BEGIN, /* block, id and name of a call, text of a hidden block; of an image all of
                        * it: name is its media type and text its digits, or text a URL alone */
    EVENT_DELTA,       /* text: of the block's kind, a call's input as a string of JSON */
    EVENT_SIGNATURE,   /* text: of the thinking */
    EVENT_CITED,       /* text: the URL, name: the title or none; from and to (chat_event_cited) */
    EVENT_BESIDE,      /* part: it was there, and has no form here */
    EVENT_BLOCK_END,
    EVENT_USAGE,   /* usage */
    EVENT_STOPPED, /* stop, stop_sequence */
    EVENT_END,
    EVENT_FAILED, /* name: the error's type, text: its words; both strings */
};

struct chat_event {
    enum chat_event_kind kind;
    enum chat_block_kind block;
    struct str id, name, model, text; /* string; valid until the next read */
    int64_t created_s;
    enum chat_stop stop;
    struct str stop_sequence; /* string */
    struct tokens usage;
    int64_t from, to; /* as of chat_citation */
    enum chat_answer_part part;
};

/* What one event of a provider's stream comes to. */
#define CHAT_EVENTS_MAX 64 /* a chunk of OpenAI's may have many whole calls */
struct chat_events {
    unsigned n;
    struct chat_event at[CHAT_EVENTS_MAX];
};
/* A cleared event at the end. There is always room where a reader makes no more than the ten or so
 * that one event of the wire can mean; past it is E_INTERNAL, kept in the last one (EVENT_FAILED).
 */
struct chat_event *chat_event_add(struct chat_events *events, enum chat_event_kind kind);
/* EVENT_CITED with what was said, and back. */
void chat_event_cited(struct chat_events *events, const struct chat_citation *said);
struct chat_citation chat_citation_of(const struct chat_event *cited);
void chat_event_beside(struct chat_events *events, enum chat_answer_part part);

#endif
