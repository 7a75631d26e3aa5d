/*
 * provider.h: those who answer, and what kinds of them there are.
 *
 * A kind of provider says which protocols it speaks (wire.h), where their requests go and how they
 * are signed, and which transport carries them. A new kind is one file, one row in providers.c and
 * its fixtures. A `struct provider` is one of the configuration's, compiled.
 */
#ifndef LLM_PROVIDER_H
#define LLM_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "conf/conf.h"
#include "http/message.h"
#include "llm/prices.h"
#include "llm/request.h"
#include "llm/settings.h"
#include "llm/upstream.h"

struct llm_call;
struct prefix;
struct provider;
struct target;
struct wire;

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

/* What a request's signature is made of; `headers` are all that are sent. */
struct provider_signing {
    struct str path; /* with query */
    struct str body;
    struct http_headers *headers; /* what is added here is sent, too */
    struct arena *arena;
};

struct provider_kind {
    const char *name;
    const char *summary;
    const char *base_url;   /* default; NULL: has to be given, or none is needed */
    const char *key_header; /* defaults of the settings of these names; NULL: as OpenAI has it */
    const char *path;
    const char *api_version;
    bool over_http;
    bool no_list; /* it answers no GET /models with which a key could be tried */
    const struct transport *transport;
    /* Ends with NULL. What is asked in one of them is passed on as it came; every other chat is
     * carried over into the first. */
    const struct wire *const *wires;
    /* Once a configuration: reads what the provider needs, before its URLs. May be NULL. */
    int (*open)(struct provider *p, struct conf_doc *doc);
    void (*close)(struct provider *p);
    /* Where a request goes, behind the base URL; NULL: as the setting `path` says. */
    int (*path_make)(const struct target *target, const struct wire *wire, bool stream,
                     struct arena *arena, struct str *ret_path);
    /* NULL: it is not signed. */
    int (*sign)(const struct provider *p, const struct provider_signing *signing);
};

extern const struct provider_kind *const provider_kinds[]; /* ends with NULL */
const struct provider_kind *provider_kind_find(struct str name);

struct replica {
    struct endpoint *endpoint;
    struct str path; /* of its base URL */
    unsigned weight;
    int64_t turn; /* how far it is among equally busy ones */
};

/* One of several keys. The loop's thread counts in it. */
struct provider_key {
    struct str value; /* with its prefix */
    unsigned weight;
    int64_t turn; /* how far it is among the others */
    int64_t rest_until_ms;
    uint64_t calls, rests;
};

/* A tenant's own. */
struct tenant_key {
    struct str tenant;
    struct str value; /* with its prefix */
};

struct provider {
    struct str name;
    struct str prefix; /* "name/" */
    const struct provider_kind *kind;
    const struct provider_settings *settings;
    struct timeouts timeouts;
    unsigned replicas_n;
    struct replica *replicas;
    struct str base_url;              /* where its settings have none; n == 0: the kind's */
    struct str key_header, key_value; /* "Authorization", "Bearer ..."; value n == 0: no key */
    unsigned tenants_n;
    struct tenant_key *tenants;
    unsigned keys_n; /* 0: there is key_value, or none */
    struct provider_key *keys;
    struct str key_prefix;             /* "Bearer " */
    struct str path, api_version;      /* settings, or the kind's */
    bool path_is_plain;                /* "/{operation}", without a query: nearly always */
    bool has_responses;                /* speaks OpenAI's Responses itself */
    bool limit_is_new;                 /* takes max_completion_tokens for max_tokens */
    struct http_header default_header; /* sent where nobody says it; or empty */
    struct arena *arena;               /* the configuration's */
    struct http_headers headers;       /* the key's, where there is one, and the configuration's */
    struct str listed; /* its name in the shipped price list; n == 0: it is not known there */
    void *own;         /* the kind's */
    const struct wire *const *wires; /* in place of the kind's; NULL: as the kind has them */
};

struct provider_makings {
    struct arena *arena;  /* the configuration's */
    struct conf_doc *doc; /* complaints go there */
    struct upstreams *upstreams;
};
/* Compiles a provider; what is wrong is complained of (E_CONFIG). A half-made one is closed, too:
 * by its kind's close where it has something of its own. */
MUSTCHECK int provider_compile(const struct provider_makings *with, struct str name,
                               const struct provider_settings *settings, struct provider *p);

/* A model of a provider, as one request will ask for it. */
struct target {
    const struct provider *provider;
    struct str model;       /* the provider's name for it */
    struct str params;      /* JSON object, in the provider's words; n == 0 for none */
    struct str effort;      /* string of JSON: their reasoning_effort, which each protocol has */
    struct str params_rest; /* in another place; and the other parameters */
    const struct prefix *prefix; /* messages in front of a chat's own; NULL: none */
    struct timeouts timeouts;    /* complete: nothing in it is 0 */
    const struct price *price;   /* NULL: not known */
};

/*
 * The header of a request to it: ours, the configuration's, then what is left of the client's
 * (`from`; may be NULL). What is ours or the configuration's does not come from the client, too.
 * `pass_key` is the client's own, sent where the configuration has none. `json`: the body is ours.
 */
MUSTCHECK int provider_headers(const struct provider *p, const struct endpoint *e,
                               struct str pass_key, const struct http_headers *from, bool json,
                               struct arena *arena, struct http_headers *ret_headers);

/* How long a key rests that was refused, or limited without a word about when to come again. */
#define KEY_REFUSED_REST_MS (10 * 60 * 1000)
#define KEY_LIMITED_REST_MS (30 * 1000)
#define KEY_REST_MS_MAX     (60 * 60 * 1000)

/* Who asks: a tenant may have a key of its own, and goes out with no other; the house's, of which
 * there may be several, comes next; and where it has none, what the client gave as its key. */
struct asker {
    struct str tenant;
    struct str given; /* "Bearer KEY" or KEY; STR_NONE where it may not pass */
};
/* provider_headers with the key that this comes to. *ret_key is which of several it is, or
 * NULL. */
MUSTCHECK int provider_headers_keyed(const struct provider *p, const struct endpoint *e,
                                     const struct asker *who, const struct http_headers *from,
                                     bool json, struct arena *arena, struct provider_key **ret_key,
                                     struct http_headers *ret_headers);

/* A tenant's own key as it is sent; STR_NONE: it has none here. */
struct str provider_tenant_key(const struct provider *p, struct str tenant);
/* May this tenant reach whatever the provider keeps, without a question whose it is? It has an
 * account of its own there, the configuration says that all share all, or all who ask are one user
 * (`alone`). */
bool provider_is_open(const struct provider *p, struct str tenant, bool alone);
/* Does one of several not rest? */
bool provider_key_ready(const struct provider *p);
/* What came of a call with it. */
void provider_key_judge(struct provider_key *key, int err, int64_t retry_after_ms);

/* The path of a request as the setting `path` says it, with query. */
MUSTCHECK int provider_path(const struct target *t, const struct wire *wire, struct arena *arena,
                            struct str *ret_path);
/* The same of any operation ("/responses/ID"), which is plain. */
MUSTCHECK int provider_path_of(const struct provider *p, struct str model, struct str operation,
                               struct arena *arena, struct str *ret_path);
/* Appends a part of a path: everything but unreserved characters, and those in `also`, escaped. */
void path_put(struct buf *out, struct str part, struct str also);

/* The replica with the fewest calls under way for its weight, of those that are up and not in
 * `tried` (a bit each); where all are down, of all. NULL when all were tried. Equally busy ones
 * take turns, so a pick is for a call that will be made. */
struct replica *provider_pick(const struct provider *p, uint64_t tried);

#endif
