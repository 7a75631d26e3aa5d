/*
 * wire/gemini.h: what the files of the Gemini wire share.
 *
 * Google's generateContent, on the provider's side only. Source of the shapes: the public API
 * reference and the typed models of the official client (google-genai). "string", "json" and
 * "plain" as in llm/chat.h; pure functions; nothing here yields.
 *
 * Signatures. Gemini gives opaque signatures with parts of its answers, and wants each back on the
 * part that had it; from Gemini 3 on it refuses a conversation whose calls lack theirs. Clients of
 * other protocols return only what their protocol knows, so
 *   - a call's signature travels in the call's id: ID__thought__SIGNATURE, in base64's letters for
 *     URLs without padding, which every client's check of ids lets pass;
 *   - a thought's is the thinking block's signature, and a text's is that of a thinking block
 *     without text behind it, which goes back as a part with an empty text, as Gemini's own streams
 *     have it. Both begin with "gemini:", so that another provider's are not taken for Gemini's.
 */
#ifndef LLM_WIRE_GEMINI_H
#define LLM_WIRE_GEMINI_H

#include "base/json.h"
#include "llm/chat.h"
#include "llm/wire.h"

/* ---- answers ---- */

/*
 * A GenerateContentResponse: a whole answer, and each event of a stream. Of several candidates the
 * first. What is not there is STR_NONE; all points into what was read.
 */
struct gemini_piece {
    struct str id, model;        /* string */
    struct str content;          /* json, an object */
    struct str finish, finished; /* string: why the answer ended, as a word and in words */
    struct str blocked;          /* string: why the prompt was refused */
    struct str error;            /* json, an object: in place of an answer */
    bool has_candidate, has_usage;
    bool cites; /* it tells what it rests on: a search's finds, or sources that it recites */
    struct tokens usage;
};
/* E_UPSTREAM_BODY when it is no JSON object, nor (as errors may be) a list of one. */
MUSTCHECK int gemini_piece_read(struct str body, struct gemini_piece *ret_piece);

enum gemini_part_kind { PART_TEXT, PART_THOUGHT, PART_CALL, PART_IMAGE, PART_NONE, PART_OTHER };

struct gemini_part {
    enum gemini_part_kind kind;
    struct str text;             /* string; STR_NONE where it is empty */
    struct str id, name;         /* string: of a call; the id may be STR_NONE */
    struct str args;             /* json, an object: of a call */
    struct str mime, data;       /* plain, and string: of an image */
    struct str signature;        /* string */
    enum chat_answer_part other; /* of PART_OTHER */
};

/* A content's parts, one after the other; content as of a piece. */
struct gemini_parts {
    struct json_reader reader;
    bool more;
};
void gemini_parts_init(struct gemini_parts *p, struct str content);
/* False behind the last one. PART_NONE has nothing but, it may be, a signature; what a chat's
 * answer has no form for, such as code that Google ran, is PART_OTHER. */
bool gemini_part_next(struct gemini_parts *p, struct gemini_part *ret_part);

/* What a finishReason comes to; STOP_UNSAID for one that is not known or says nothing. */
enum chat_stop gemini_stop(struct str finish, bool has_calls);
/* Is it one by which Gemini says that it could not finish the answer, so that there is none? */
bool gemini_is_broken(struct str finish);

/*
 * A call's id as the client sees it, as a string. Where Gemini gave none, one is made of the
 * answer's id and the call's number (from 0), the same at every reading.
 */
int gemini_put_id(struct buf *out, const struct gemini_part *call, struct str answer_id,
                  unsigned number);
/* A signature as the client sees it, as a string. */
int gemini_put_signature(struct buf *out, struct str signature);

int gemini_answer_read(struct str body, struct arena *arena, struct chat_answer *ret_answer);
int gemini_event_read(struct wire_state *state, struct str name, struct str data,
                      struct chat_events *ret_events);
void gemini_end_read(struct wire_state *state, struct chat_events *ret_events);

/* ---- requests ---- */

/* Models before Gemini 3 take a budget of thinking tokens where later ones take a level, have no
 * media within a tool's result, and ask for no signatures. */
bool gemini_is_old(struct str model);

int gemini_request_write(const struct chat_request *request, struct buf *out, struct fault *f);
/* The member "systemInstruction" where there is any, and "contents". */
int gemini_put_contents(const struct chat_request *request, struct buf *out, struct fault *f);

#endif
