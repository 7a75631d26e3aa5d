/*
 * wire.h: the protocols that chats are written in, each in both directions.
 *
 * A wire is a row of pure functions between bytes and the chat model (chat.h), and a table of what
 * it can carry. A crossing from one wire to another is reading with the one and writing with the
 * other, so there are no pairs, and a new wire is one file, a row in wires.c, its fixtures and its
 * fuzz target. Which wire a client speaks is its route's, which ones a provider, its kind's; where
 * both speak the same one the bytes go on as they came, and only what the house has to know is
 * read out of them (outgoing.h, crossing.h).
 *
 * Functions return 0 or an error, write nothing of a value that is not known, and never fail on a
 * member that they do not know. Reading a request: E_BAD_JSON, E_BAD_REQUEST, E_DUPLICATE_KEY for a
 * fault of the client's, with the place ("messages.3.content.0: ..."). Reading an answer:
 * E_UPSTREAM_BODY.
 */
#ifndef LLM_WIRE_H
#define LLM_WIRE_H

#include "base/buf.h"
#include "llm/chat.h"
#include "llm/facts.h"
#include "llm/frames.h"
#include "llm/request.h"

struct prefix;

/* How a wire stands to a feature. What a row leaves out is refused: nothing is lost by omission. */
enum wire_how {
    WIRE_REFUSES, /* 400, with the feature's name */
    WIRE_CARRIES, /* there is a counterpart, and nothing is lost */
    WIRE_CHANGES, /* carried in another form: the note says how */
    WIRE_LEAVES,  /* left out, and named in x-sluice-left-out: it does not shape the answer */
};

struct wire_carriage {
    enum wire_how how;
    const char *note; /* for the documentation and for faults; may be NULL */
};

/* Rows of a wire's table. */
#define CARRIES(feature)          [CHAT_##feature] = {WIRE_CARRIES, NULL}
#define CARRIES_AS(feature, note) [CHAT_##feature] = {WIRE_CARRIES, note}
#define CHANGES(feature, note)    [CHAT_##feature] = {WIRE_CHANGES, note}
#define LEAVES(feature, note)     [CHAT_##feature] = {WIRE_LEAVES, note}
#define REFUSES(feature, note)    [CHAT_##feature] = {WIRE_REFUSES, note}

/* The same in several tables: what OpenAI's Responses alone has, */
#define WITHOUT_RESPONSES                                                                          \
    LEAVES(REASONING_SUMMARY, "what thinking there is, it shows or not by itself"),                \
        LEAVES(INCLUDE, "its answers have no more parts to be asked for"),                         \
        LEAVES(PHASE, "what the message says tells it"),                                           \
        REFUSES(PREVIOUS, "it keeps no answers; send the whole conversation"),                     \
        REFUSES(CONVERSATION, "it keeps no conversations; send the whole conversation")
/* what Anthropic alone has, */
#define WITHOUT_ANTHROPIC                                                                          \
    LEAVES(THINKING_DISPLAY, "what thinking there is, it shows or not by itself")
/* what stands beside the words of an earlier answer, which only clients need, */
#define WITHOUT_BESIDE                                                                             \
    LEAVES(ANNOTATIONS, "they tell where an answer came from, which its words do not need")
/* what a result says of its call once more, */
#define WITHOUT_RESULT_NAME LEAVES(RESULT_NAME, "its call has the tool's name")
#define WITHOUT_IMAGES_MADE                                                                        \
    LEAVES(IMAGE_MADE, "it takes images of people only; send it as theirs to have it seen")
/* and what does not reach the model. */
#define WITHOUT_HOUSEKEEPING                                                                       \
    LEAVES(METADATA, NULL), LEAVES(USER, NULL), LEAVES(STORE, NULL), LEAVES(SERVICE_TIER, NULL)

/*
 * A part of answers, in a wire's table of them. A wire that clients speak carries, changes or
 * leaves out each one; what it leaves out is named in x-sluice-left-out, or in a stream's last
 * event (see wire_state.left_out), and an answer of which nothing else is left is E_UPSTREAM_PARTS.
 */
struct wire_part {
    const char *said;  /* what it is in an answer of this protocol; NULL: it never has it */
    enum wire_how how; /* WIRE_REFUSES where no client speaks this protocol */
    const char *note;  /* of what is carried, what it becomes */
};

/* Rows of that table: of protocols that only providers speak, and of those that clients do, too. */
#define PART_SAID(part, said)       [ANSWER_##part] = {said, WIRE_REFUSES, NULL}
#define PART_CARRIED(part, said)    [ANSWER_##part] = {said, WIRE_CARRIES, NULL}
#define PART_AS(part, said, note)   [ANSWER_##part] = {said, WIRE_CHANGES, note}
#define PART_LEFT_OUT(part, said)   [ANSWER_##part] = {said, WIRE_LEAVES, NULL}
#define PART_LESS(part, said, note) [ANSWER_##part] = {said, WIRE_LEAVES, note}

/*
 * A stream's reader or writer between its calls. Zero it to begin. What a wire makes at its first
 * call lies in the arena, and so needs no end of its own; only a writer that has to keep what
 * grows, in a buf, has state_fini, which is called at every end of the stream.
 */
struct wire_state {
    struct arena *arena;
    void *own;        /* the wire's, in the arena, made at its first call */
    struct str model; /* plain, for writers: the name to show where events bring none */
    /* Plain, for writers: parts of the answer that the client does not get, by name with commas;
     * set when the answer has stopped, to be told in the last event as LEFT_OUT_MEMBER. */
    struct str left_out;
    int64_t next_number; /* by writers that number their events: of the next one */
    bool wants_usage;    /* for writers: the client asked for usage in its stream */
    bool again;          /* by readers: the same event, where it is, has more; read it again */
    const struct chat_request *request; /* for writers that repeat what was asked; may be NULL */
};

/* What tells in a stream's last event what x-sluice-left-out tells of a whole answer. */
#define LEFT_OUT_MEMBER "x_sluice_left_out"

struct wire {
    const char *name; /* "openai.chat" */

    /* ---- where it is passed on ---- */

    struct str path;       /* behind a provider's base URL: "/chat/completions" */
    enum frames_kind cut;  /* how its streams are cut into events */
    bool fetches;          /* what a URL names it may fetch with the provider's own rights */
    bool asks_usage;       /* a stream tells its usage only where stream_options asks for it */
    const char *limit;     /* of an answer's tokens: "max_tokens"; NULL: there is no answer */
    const char *effort[2]; /* where a reasoning effort stands: {"output_config", "effort"} */
    /* Also sets request->op. NULL where no client speaks it. */
    int (*ask_read)(struct str body, struct arena *arena, struct llm_request *ret_request,
                    struct fault *f);
    /* E_UPSTREAM_BODY for what is not this protocol's. */
    int (*answer_facts)(struct str body, struct llm_facts *ret_facts);
    int (*event_facts)(struct str name, struct str data, struct llm_facts *ret_facts);
    /* Makes `sum` the usage up to an event that knows `later`; NULL: that one is complete. */
    void (*usage_merge)(struct tokens *sum, const struct tokens *later);
    /* Tells the ids in an answer or event (facts.kept) that the provider itself made: nothing that
     * a client could have had the model say. `stored`: the provider keeps the answer, so all of it
     * can be named later; else only parts that carry no content. NULL: there are none. */
    void (*kept_each)(yyjson_val *kept, bool stored, void (*fn)(void *arg, struct str id),
                      void *arg);
    /* The edits that put the configuration's messages in front of the request's own (prefix.h):
     * E_BAD_REQUEST where those have no form in which that could be done. NULL: it has none. */
    int (*prefix_edit)(const struct prefix *prefix, const struct llm_request *request,
                       struct arena *arena, struct llm_edits *edits, struct fault *f);
    /* An error's body, and the event that tells of one in a stream, framed; `number` is that
     * event's where they have any. `text` is plain. */
    int (*error_write)(struct buf *out, int status, const char *code, struct str text,
                       struct str param); /* plain: the member that it is about, or empty */
    int (*error_event_write)(struct buf *out, int64_t number, int status, const char *code,
                             struct str text);
    /* What sluice itself answers to requests that are not crossed, where the provider does not
     * speak this; it is an estimate. NULL: they are refused. */
    int (*answer_here)(const struct llm_request *request, struct buf *out);

    /* ---- where it is crossed ---- */

    const struct wire_carriage *carries; /* [CHAT_FEATURE_COUNT]; NULL: what is no chat */
    const struct wire_part *parts;       /* [ANSWER_PART_COUNT]; NULL as well */
    /* NULL where no client speaks it. */
    int (*request_read)(struct str body, struct arena *arena, struct chat_request *ret_request,
                        struct fault *f);
    int (*request_write)(const struct chat_request *request, struct buf *out, struct fault *f);
    int (*answer_read)(struct str body, struct arena *arena, struct chat_answer *ret_answer);
    int (*answer_write)(const struct chat_answer *answer, struct buf *out);
    /* One server-sent event, or one frame of another kind, with its name. */
    int (*event_read)(struct wire_state *state, struct str name, struct str data,
                      struct chat_events *ret_events);
    /* What the end of a stream's bytes comes to, where no event is known to be the last one before
     * they end; nothing, where an error ended it before. NULL: an event says that it is the last.
     */
    void (*end_read)(struct wire_state *state, struct chat_events *ret_events);
    /* Appends what the client gets for it, framed: nothing, one event or several. */
    int (*event_write)(struct wire_state *state, const struct chat_event *event, struct buf *out);
    /* Gives back what a writer holds on the heap; NULL where that is nothing. A state that was
     * never used, or was given back, holds nothing. */
    void (*state_fini)(struct wire_state *state);
};

extern const struct wire wire_openai_chat, wire_anthropic, wire_responses, wire_gemini,
    wire_converse;
/* Passed on alone: */
extern const struct wire wire_openai_completion, wire_openai_embedding, wire_anthropic_count;
extern const struct wire *const wires[]; /* ends with NULL */

const struct wire *wire_find(struct str name); /* NULL: there is none */

/* Reads what the house has to know of a request; see ask_read. */
MUSTCHECK int wire_ask(const struct wire *wire, struct str body, struct arena *arena,
                       struct llm_request *ret_request, struct fault *f);

/*
 * May `request` be written on `to`? E_UNSUPPORTED names the first feature that it refuses, and what
 * to do. *ret_left_out is what would be left out, by name with commas, in the request's arena.
 */
MUSTCHECK int wire_check(const struct wire *to, const struct chat_request *request,
                         struct str *ret_left_out, struct fault *f);

#endif
