/*
 * outgoing.h: what goes upstream for one request.
 *
 * Where the provider speaks the client's protocol, the client's bytes, with a short list of edits:
 * the model's name, parameters and messages that the configuration adds (prefix.h), and the usage
 * that a stream is asked for. Else a body of its own, carried over by way of the chat model
 * (crossing.h); messages are added before that.
 *
 * Nothing here yields. What is made lies in the arena, or in `written`, which lives for as long as
 * the outgoing.
 */
#ifndef LLM_OUTGOING_H
#define LLM_OUTGOING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "llm/provider.h"
#include "llm/request.h"

struct crossing;
struct wire;

struct llm_outgoing {
    const struct wire *wire; /* the protocol that it is written in, and the answer will be */
    struct str path;         /* with query */
    struct str body;         /* what the edits are of: the client's, or what was written */
    struct llm_edits edits;
    bool cut_usage;            /* usage was asked for on the client's behalf: cut it out again */
    struct crossing *crossing; /* NULL: passed on as it came */
    struct buf written;
};

/* The protocol in which this provider is asked what the request asks. */
const struct wire *provider_wire(const struct provider *p, const struct llm_request *r);

/* The tier that this target is asked for: the request's, where its protocol has a place for it. */
enum service_tier outgoing_tier(const struct target *t, const struct llm_request *r);

/*
 * Makes it; llm_outgoing_fini in any case. Errors of prefix_edits. Of a crossing: E_UNSUPPORTED for
 * what the provider's protocol has no place for, E_BAD_JSON, E_BAD_REQUEST for what the client's
 * reader refuses.
 */
MUSTCHECK int llm_outgoing_make(const struct target *t, const struct llm_request *r,
                                struct arena *arena, struct llm_outgoing *ret_out, struct fault *f);
void llm_outgoing_fini(struct llm_outgoing *out);

#endif
