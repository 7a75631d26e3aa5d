/*
 * provider.h: those who answer, and what kinds of them there are.
 *
 * A kind of provider is a row of functions: how a request is written for it and how its answers are
 * read (pure, no I/O), and which transport carries them. A new kind is one file, one row in
 * providers.c and its fixtures. A `struct provider` is one of the configuration's, compiled.
 */
#ifndef LLM_PROVIDER_H
#define LLM_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "http/message.h"
#include "llm/openai.h"
#include "llm/prices.h"
#include "llm/request.h"
#include "llm/settings.h"
#include "llm/upstream.h"

struct llm_call;
struct provider;
struct target;

/* What goes upstream for one request: where to, and the body as edits of the client's. */
struct llm_outgoing {
    struct str path; /* with query */
    struct llm_edits edits;
    bool cut_usage; /* usage was asked for on the client's behalf: cut it out of the answer */
};

/*
 * Carries one call: HTTP, or a file of recorded answers. All but `end` may yield; errors as
 * http/client.h. `send` chooses the replica; `fresh` asks for a connection that was not used
 * before. `end` may follow at any time and comes exactly once for each `send`.
 */
struct transport {
    int (*send)(struct llm_call *call, bool fresh, struct fault *f);
    int (*head)(struct llm_call *call);                        /* status and headers */
    int (*read)(struct llm_call *call, struct str *ret_piece); /* n == 0 at the end */
    void (*end)(struct llm_call *call);
};

struct provider_kind {
    const char *name;
    const char *summary;
    const char *base_url; /* default; NULL: has to be given, or none is needed */
    bool over_http;
    const struct transport *transport;
    /* Once a configuration: reads what the provider needs. May be NULL. */
    int (*open)(struct provider *p, struct conf_doc *doc);
    void (*close)(struct provider *p);
    int (*request_write)(const struct target *target, const struct llm_request *request,
                         struct arena *arena, struct llm_outgoing *ret_out);
    int (*answer_read)(struct str body, struct openai_facts *ret_facts);
    int (*event_read)(struct str name, struct str data, struct openai_facts *ret_facts);
};

extern const struct provider_kind *const provider_kinds[]; /* ends with NULL */
const struct provider_kind *provider_kind_find(struct str name);

struct replica {
    struct endpoint *endpoint;
    struct str path; /* of its base URL */
    unsigned weight;
    int64_t turn; /* how far it is among equally busy ones */
};

struct provider {
    struct str name;
    struct str prefix; /* "name/" */
    const struct provider_kind *kind;
    const struct provider_settings *settings;
    struct timeouts timeouts;
    unsigned replicas_n;
    struct replica *replicas;
    struct str key_header, key_value; /* "Authorization", "Bearer ..."; value n == 0: no key */
    struct http_headers headers;      /* the key's, where there is one, and the configuration's */
    struct str listed; /* its name in the shipped price list; n == 0: it is not known there */
    void *own;         /* the kind's */
};

/* A model of a provider, as one request will ask for it. */
struct target {
    const struct provider *provider;
    struct str model;          /* the provider's name for it */
    struct str params;         /* JSON object; n == 0 for none */
    struct timeouts timeouts;  /* complete: nothing in it is 0 */
    const struct price *price; /* NULL: not known */
};

/*
 * The header of a request to it: ours, the configuration's, then what is left of the client's
 * (`from`; may be NULL). What is ours or the configuration's does not come from the client, too.
 * `pass_key` is the client's own, sent where the configuration has none. `json`: the body is ours.
 */
MUSTCHECK int provider_headers(const struct provider *p, const struct endpoint *e,
                               struct str pass_key, const struct http_headers *from, bool json,
                               struct arena *arena, struct http_headers *ret_headers);

/* The replica with the fewest calls under way for its weight, of those that are up and not in
 * `tried` (a bit each); where all are down, of all. NULL when all were tried. Equally busy ones
 * take turns, so a pick is for a call that will be made. */
struct replica *provider_pick(const struct provider *p, uint64_t tried);

#endif
