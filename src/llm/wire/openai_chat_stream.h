/*
 * openai_chat_stream.h: what the two files share that read a provider's chunks.
 *
 * A chunk says what is added to a message and never that a part of it is whole: a block ends where
 * another begins, and at the finish_reason. Tool calls are told apart by their index, and mostly
 * come one after the other. Where one begins while the input of the one before it is not whole, it
 * is kept back until that is, since the events of the model do not overlap.
 */
#ifndef LLM_WIRE_OPENAI_CHAT_STREAM_H
#define LLM_WIRE_OPENAI_CHAT_STREAM_H

#include "llm/wire/openai_chat.h"

/* Follows a call's input, to know when it is whole: when its brackets are closed. */
struct input {
    unsigned depth, skip; /* brackets; digits of an escape to pass over */
    bool begun, string;
    bool outer, inner; /* behind a backslash of the string that holds it, and of one within it */
};

/* A call that waits for the one before it. */
struct later {
    int64_t index;
    struct str id, name; /* string; the name may have to come */
    char *text;          /* of the input: a quote, and what stands behind it */
    size_t n, cap;
};
#define LATER_MAX       8
#define LATER_BYTES_MAX (1u << 20) /* of all of them */

struct reader {
    bool begun, stopped, ended;
    bool lost;                  /* a call that never got a name */
    bool cited_lost;            /* more citations in one chunk than there was room for */
    bool spoke, cited;          /* that there was sound, and citations, was told */
    int64_t chars, block_chars; /* of the content so far, and before the open text */
    struct input input;
    struct later later[LATER_MAX];
    unsigned later_n;
    size_t later_bytes;
    bool open; /* a block, of this kind: */
    enum chat_block_kind block;
    int64_t call, call_max; /* index of the call that goes on, and the highest so far; -1: none */
    struct str call_id;     /* string: of the last call */
    bool call_waits;        /* its name has yet to come */
    bool any_call, any_refusal;
    bool by_delta; /* what is said is said in deltas */
    /* Of the chunk that is under way, where it is read again: */
    bool calls_read, calls_left;
    struct json_reader calls; /* at the next one */
};

/* One event of the wire, in the reading, and what it comes to. */
struct chunk {
    struct reader *reader;
    struct arena *arena;
    struct chat_events *events;
    bool again; /* it has more calls than there was room for */
};

/* One addition makes up to four events, and four more have to have room behind the last. */
#define ROOM 8

/* Is there room for an addition? Behind the finish_reason there is nothing more to be said. */
bool chunk_may_add(const struct chunk *x);
bool chunk_may_add_some(const struct chunk *x, unsigned additions);
/* Ends the open block and all calls that waited for it. */
void chunk_block_end(struct chunk *x);
struct chat_event *chunk_block_begin(struct chunk *x, enum chat_block_kind kind);
void chunk_delta_add(struct chunk *x, struct str text);
/* An element of `tool_calls`. */
MUSTCHECK int chunk_call_read(struct chunk *x, struct str call);

#endif
