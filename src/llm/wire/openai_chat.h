/*
 * openai_chat.h: what the files of OpenAI's chat completions share.
 *
 * Source of the shapes: the typed models of OpenAI's official client (`types/chat`) and its public
 * API reference; `reasoning_content` and `thinking_blocks` as LiteLLM documents them. "string",
 * "json" and "plain" as in llm/chat.h. Nothing here yields.
 */
#ifndef LLM_WIRE_OPENAI_CHAT_H
#define LLM_WIRE_OPENAI_CHAT_H

#include "base/json.h"
#include "llm/wire.h"
#include "llm/wire/parts.h"

/* ---- reading ---- */

/* A body in the reading, and the place of it, for faults: "messages.3.content.0". */
struct chat_reading {
    struct json_reader json;
    struct chat_request *request; /* whose arena has everything, and whose features are noted */
    struct fault *fault;
    const char *list, *inner; /* "messages", "content"; NULL outside of them */
    unsigned at, inner_at;
    bool lenient; /* an answer: what servers get a little wrong is taken all the same */
};

/* Sets the fault with its place and returns `err`. In a text that is no JSON it is E_BAD_JSON, for
 * which the words are found later. */
int reading_fault(struct chat_reading *x, int err, const char *fmt, ...) PRINTF(3, 4);

#define KEYS_MAX 64
/* Keys of one object, of which each may stand there once. */
struct chat_keys {
    const struct str *names;
    unsigned n;
    uint64_t seen;   /* 0 to begin */
    struct str name; /* string: the one taken last, as it stood */
};
/* Takes a key: *ret_key is its place among the names, n for others. E_DUPLICATE_KEY. */
MUSTCHECK int reading_key(struct chat_reading *x, struct chat_keys *keys, unsigned *ret_key);

/*
 * Takes an object whose members are known: their values, by their place in `names`, STR_NONE for
 * null and for what is not there. *ret_more (may be NULL) says that there are others. E_BAD_REQUEST
 * for what is neither object nor null.
 */
MUSTCHECK int reading_object(struct chat_reading *x, const char *what, const struct str *names,
                             unsigned n, struct str *ret_values, bool *ret_more);

/* The same for an object's own text, of which nothing but the known members is of interest; the
 * last counts where one stands twice. False where it is no object. */
bool openai_chat_members(struct str object, const struct str *names, unsigned n,
                         struct str *ret_values);

/* A key's place among the names; n for others. */
unsigned openai_chat_key_find(struct str key, const struct str *names, unsigned n);

/* A reading of its own for a value that was taken; false where it is no object. */
bool reading_inside(const struct chat_reading *x, struct str value, struct chat_reading *ret_inner);

/* The value that comes next begins with this byte. */
static inline bool reading_next_is(const struct chat_reading *x, char first)
{
    return !x->json.failed && *x->json.at == first;
}

/* Keeps a member that is not known, unless it is null. `*end` is the list's end, or its beginning.
 */
MUSTCHECK int reading_keep(struct chat_reading *x, struct chat_member ***end, struct str name,
                           struct str value);

/* A message as its members say. Lists are the model's. */
struct chat_said {
    struct str role, name, call_id; /* string */
    struct str refusal, reasoning;  /* string */
    struct str content;             /* string, where it was one */
    bool has_list;                  /* the content was a list: `parts` */
    struct chat_block *parts, *calls, *thoughts;
    struct chat_member *others;
};
/* Takes the message that comes next. */
MUSTCHECK int said_take(struct chat_reading *x, struct chat_said *ret_said);
/* Its blocks in their order: thinking, text, refusal, calls. */
MUSTCHECK int said_blocks(struct chat_reading *x, const struct chat_said *said,
                          struct chat_block **list);

/* `tools`, which comes next, and `tool_choice`, which was taken; `others` is the request's. */
MUSTCHECK int openai_chat_tools_take(struct chat_reading *x);
MUSTCHECK int openai_chat_choice_read(struct chat_reading *x, struct str name, struct str value,
                                      struct chat_member ***others);
/* What the protocol calls a parameter. */
struct str openai_chat_param_name(enum chat_feature param);

/* Tokens of a usage object; false where it is none. */
bool openai_chat_usage(struct str usage, struct tokens *ret_tokens);
/* "stop" and its like; STOP_UNSAID for null and for words that are not known. */
enum chat_stop openai_chat_stop(struct str reason);

/* An answer, or a chunk of one. */
struct chat_top {
    struct str id, model; /* string */
    struct str choice;    /* json: choice 0; STR_NONE where there is none */
    struct str error;     /* json, not null */
    int64_t created_s;
    bool has_choices, has_usage;
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
/* {"id":..., "type":"function", "function":{...}}, without the opening brace. */
void openai_chat_call_put(struct buf *out, const struct chat_block *call);
void openai_chat_others_put(struct buf *out, const struct chat_member *others);
/* Thinking or its hidden form, as an element of `thinking_blocks`. */
void openai_chat_thought_put(struct buf *out, enum chat_block_kind kind, struct str text,
                             struct str signature);
/* A string, "" where it is not given. */
void openai_chat_string_put(struct buf *out, struct str string);

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
