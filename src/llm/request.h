/*
 * request.h: what sluice reads out of a request, and how it edits one without touching the rest.
 *
 * The body stays as the client sent it. Reading notes what the house needs to know (model, stream,
 * limits) and where it stands in those bytes; changing is a short list of edits, each "these bytes
 * become those", from which the pieces that go upstream are put together without a copy.
 */
#ifndef LLM_REQUEST_H
#define LLM_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/tokens.h"

/* What is asked for. The row of an operation is in request.c. */
enum llm_op { OP_CHAT, OP_COMPLETION, OP_EMBEDDING, OP_COUNT };

struct llm_op_row {
    const char *name; /* in the ledger and in metrics: "chat" */
    bool streams;     /* may be asked for as a stream */
};
extern const struct llm_op_row llm_ops[OP_COUNT];

struct wire;

/* An object that the request names and a provider keeps: an earlier answer, an item of one, or (see
 * names.h) a file or the like. */
struct llm_kept {
    struct str id;    /* in the arena */
    bool carried;     /* the request has its content, too */
    const char *what; /* the member that names it: "file_id"; NULL: an answer or an item */
};

struct llm_request {
    enum llm_op op;
    const struct wire *wire; /* the protocol that it is written in */
    struct str body;         /* as it came */
    struct str model;        /* unescaped; in the arena */
    enum service_tier tier;  /* that it asks for by name */
    bool more_models;        /* it lists others that may answer in its place */
    bool stream;
    bool wants_usage;     /* stream_options.include_usage was true */
    int64_t max_tokens;   /* the largest of its limits; 0: none says one */
    bool limit_is_none;   /* one says 0, or less: some servers take that for no limit */
    int64_t ceiling;      /* what it may have at most, where it says none; set by limits; 0: none */
    int64_t choices;      /* answers that are asked for, each up to the limit; 0: none */
    struct str tenant;    /* who asks; set by the API, as `alone` */
    bool alone;           /* all who ask are one user */
    bool in_conversation; /* one that the provider keeps */
    bool goes_on;         /* from an earlier answer, which the provider keeps */
    bool may_name;        /* a member is called as names of what a provider keeps are */
    unsigned kept_n;      /* what it names there, but for a conversation */
    struct llm_kept *kept;

    struct json_span limit_at[2]; /* values of null: max_tokens or the like, and its new name */
    struct json_span model_at;    /* the value's bytes, quotes included */
    /* Where what an application says of itself stands; from == to: absent. prompt.h reads it. */
    struct json_span system_at;   /* Anthropic's system, Responses' instructions */
    struct json_span messages_at; /* the conversation, of which system messages are a part */
    struct json_span tools_at;
    struct json_span stream_options_at; /* the value's bytes; from == to: absent */
    size_t inside_at;                   /* just behind the opening brace */
    size_t members;                     /* of the top-level object */
};

/* These bytes of the original become `with`. Edits are sorted and do not overlap. */
struct llm_edit {
    struct json_span at;
    struct str with;
};

#define LLM_EDITS_MAX 16

struct llm_edits {
    unsigned n;
    struct llm_edit at[LLM_EDITS_MAX];
};

/* Keeps the list sorted. E_INTERNAL when it is full. */
MUSTCHECK int llm_edit_add(struct llm_edits *edits, struct json_span at, struct str with);

/* The edit that adds the members of `params` (a JSON object) which `body`, an object with members,
 * lacks. `limited`: but for limits of tokens, of which another edit takes care. */
MUSTCHECK int llm_edit_members(struct str body, struct str params, bool limited,
                               struct arena *arena, struct llm_edits *edits);

/* Is it one of the names that a limit of an answer's tokens has? They stand for one another. */
bool llm_is_limit(struct str key);

/*
 * The edited body as pieces, which borrow from `body` and from the edits: at most 2 * n + 1.
 * Returns how many; *ret_bytes is their sum.
 */
unsigned llm_edits_apply(const struct llm_edits *edits, struct str body,
                         struct iovec pieces[2 * LLM_EDITS_MAX + 1], size_t *ret_bytes);

#endif
