/*
 * crossing.h: one call whose client and provider speak different protocols.
 *
 * Reads with the one's wire and writes with the other's, both ways: the request, and the answer,
 * whole or event by event. It lives in the call's arena, and points into the request's body: that
 * has to stay for as long as the crossing. Nothing here yields.
 */
#ifndef LLM_CROSSING_H
#define LLM_CROSSING_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "llm/facts.h"
#include "llm/provider.h"
#include "llm/request.h"

struct crossing;

/*
 * Reads the request and asks whether `to` can carry it. E_UNSUPPORTED with the feature that it
 * cannot, or E_BAD_JSON, E_BAD_REQUEST and E_DUPLICATE_KEY with the place, as the client's wire
 * reads it.
 */
MUSTCHECK int crossing_new(const struct llm_request *request, const struct target *target,
                           const struct wire *to, struct arena *arena,
                           struct crossing **ret_crossing, struct fault *f);
void crossing_fini(struct crossing *c); /* NULL is allowed */

/* What was left out of the request and, once that was read, of the answer, by name with commas;
 * STR_NONE: nothing. */
struct str crossing_left_out(const struct crossing *c);
/* Of the stream's next event, where the client's protocol numbers them; else 0. */
int64_t crossing_next_number(const struct crossing *c);

/* The limit of tokens where the request names none; 0: there is none. */
void crossing_limit(struct crossing *c, int64_t limit);
/* Appends the request as the provider takes it. E_UNSUPPORTED as crossing_new. */
MUSTCHECK int crossing_request(struct crossing *c, struct buf *out, struct fault *f);

/*
 * Appends a whole answer as the client takes it; `stream`: as the events of a stream, for one that
 * asked for one. E_UPSTREAM_BODY for what is none; E_UPSTREAM_PARTS, with words, where the client's
 * protocol can carry nothing of it.
 */
MUSTCHECK int crossing_answer(struct crossing *c, struct str body, bool stream, struct buf *out,
                              struct fault *f);

/* Appends what the client gets for one event of the provider's, framed; it may be nothing. Errors
 * as crossing_answer. */
MUSTCHECK int crossing_event(struct crossing *c, struct str name, struct str data, struct buf *out,
                             struct fault *f);
/* The same for the end of a stream whose answer came to its end: nothing where an event said so. */
MUSTCHECK int crossing_end(struct crossing *c, struct buf *out, struct fault *f);

#endif
