/*
 * call.h: one call to one upstream, from the request's bytes to the bill.
 *
 * A call asks one target once. (A connection that was used before and ends at once, without a
 * byte, had most likely been closed while idle: the request goes out again on a new one, within the
 * call. So does one that the provider has refused before it began with it, as HTTP/2 can say.) It
 * knows nothing of retries, clients or ledgers: it takes a request, gives a stream's events to a
 * sink as they come or keeps a whole answer, and says what it cost.
 */
#ifndef LLM_CALL_H
#define LLM_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/facts.h"
#include "llm/frames.h"
#include "llm/noted.h"
#include "llm/outgoing.h"
#include "llm/provider.h"

/*
 * Where a stream goes. `begin` is called once, when the answer is known to be good: with its first
 * event. From then on nothing can be tried again. Their errors end the call.
 */
struct llm_sink {
    int (*begin)(struct llm_sink *sink, int status, const struct http_headers *headers);
    int (*events)(struct llm_sink *sink, struct str bytes);
    /* The provider may know this id again: of the answer, or of a part. Told before the bytes that
     * have it; never waits. May be NULL. */
    void (*kept)(struct llm_sink *sink, struct str id);
};

struct llm_call {
    /* in */
    const struct target *target;
    const struct llm_request *request;
    const struct http_headers *headers; /* of the client, already filtered */
    struct str tenant;                  /* who may have a key of its own; or STR_NONE */
    struct str pass_key;                /* what the client gave as its key, or STR_NONE */
    struct arena *arena;
    struct llm_sink *sink;
    int64_t deadline_ms;     /* of all tries of this target */
    uint64_t tried;          /* replicas not to ask again, a bit each */
    struct llm_noted *noted; /* filled where somebody asks for it; NULL: nobody does */

    /* out */
    int status; /* 0: no answer */
    struct http_headers answer_headers;
    int64_t body_bytes;     /* of the answer, as its header says; -1: not known */
    struct buf body;        /* a whole answer, or an error's body */
    bool streamed;          /* events went to the sink */
    bool unasked;           /* refused before any provider was looked for: there was no call */
    bool sent;              /* the provider may have seen the request */
    bool got_byte;          /* something of an answer came */
    bool unprocessed;       /* it failed, and the provider says that it has not begun with it */
    int64_t retry_after_ms; /* -1: not said */
    struct tokens tokens;
    enum service_tier tier; /* as the answer says */
    int64_t cost_usd_nanos;
    int64_t given_cost_usd_nanos; /* as a recording has it; COST_UNKNOWN: none */
    int64_t began_wall_us;
    int64_t began_us, connected_us, ended_us; /* monotonic; 0: did not happen */
    int64_t first_us; /* the first event with content; of what is not streamed, the header */
    bool reused;
    unsigned replica;          /* index, for `tried` */
    struct provider_key *key;  /* that it went out with; NULL where there are not several */
    struct endpoint *endpoint; /* NULL where there is none */

    /* By name: of the request what the provider has nothing for, and (once that was read) of the
     * answer what the client's protocol has nothing for. */
    struct str left_out;
    bool body_needed; /* by the answer, too: the request's bytes have to stay */

    /* the transport's and the reader's own */
    struct llm_outgoing *out; /* what goes upstream */
    struct frames frames;
    struct buf edited;     /* events that are not as they came, or held back before the first */
    int64_t next_number;   /* of the client's next event, where they are numbered; else 0 */
    int64_t content_bytes; /* of the answer so far, ... */
    int64_t counted_bytes; /* ... and what of it the provider's last count is of */
    bool is_error;         /* it says that there is none, whatever its status */
    bool finished, done;   /* a finish_reason, and [DONE], were seen */
    bool not_kept;         /* the provider does not store the answer */
    void *own;             /* the transport's, of this send */
};

/* What a provider's status that is no 2xx comes to: E_UPSTREAM_... */
int llm_error_of_status(int status);

void llm_call_init(struct llm_call *call);
void llm_call_fini(struct llm_call *call);

/* Runs it. 0: `body` holds the answer, or the sink has had it. Else the error, with status, body,
 * retry_after_ms where the provider answered. Tokens and cost are set in any case. */
YIELDS MUSTCHECK int llm_call_run(struct llm_call *call, struct fault *f);

/* Its tokens and its cost, once it is over; llm_call_run does it. */
void llm_call_bill(struct llm_call *call);

#endif
