/*
 * visit.h: one request at the door: who it is, which route it takes, and how it is answered when
 * something is wrong. Handlers get a `struct visit` and answer through its exchange.
 */
#ifndef API_VISIT_H
#define API_VISIT_H

#include <stdbool.h>

#include "api/gateway.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "guard/keys.h"
#include "http/server.h"
#include "llm/wire.h"

struct route_row;

struct visit {
    struct gateway *gateway;
    struct snapshot *snapshot; /* held until the answer is out */
    struct exchange *x;
    const struct key *key;         /* in the exchange's arena; NULL where none is asked for */
    const struct door *door;       /* which it came by */
    struct str path;               /* without the alias in front: "/v1/chat/completions" */
    struct str rest;               /* what a route with a star matched */
    const struct route_row *route; /* NULL: there is none */
    const struct wire *wire;       /* the protocol of the route, in which errors are told, too */
    struct str key_text;           /* what was given as a key, ours or not */
    struct fault fault;
};

/* The handler and the refuser of http_server_settings; `arg` is a struct door. */
YIELDS void visit_handle(void *arg, struct exchange *x);
YIELDS void visit_refuse(void *arg, struct exchange *x, int err, const char *text);

/* Room in the request's arena for an error, which may be that there is no room. */
#define ERROR_ARENA_BYTES (4 * ARENA_BLOCK)

/* Answers with the protocol's error object. Once per visit; its own errors end the connection. */
YIELDS void visit_error(struct visit *v, int err);
/* The same with further headers. */
YIELDS void visit_error_with(struct visit *v, int err, const struct http_headers *more);
/* What a route's star stood for, "lane%2Fcheap" as it was meant; what is no escape stays. STR_NONE
 * without memory. */
struct str visit_rest(const struct visit *v);
/* The same of any text in the arena. */
struct str escapes_undo(struct arena *arena, struct str s);
YIELDS void visit_json(struct visit *v, int status, struct str json);

/* Has the path nothing that a server behind us could tidy up? */
MUSTCHECK bool path_is_plain(struct str path);

/* Whose the request is; STR_NONE: nobody's. */
struct str visit_tenant(const struct visit *v);
/* Does sluice ask for no keys, so that all who come are one user? */
bool visit_is_alone(const struct visit *v);

/* Puts into the turn whose it is, and what the client says that it belongs to: x-sluice-task,
 * -session, -tags; of two that have the same name the first counts. */
void visit_turn(const struct visit *v, struct turn *t);

enum route_needs {
    NEEDS_NOTHING, /* health */
    NEEDS_KEY,     /* a key where keys are required, else the local door */
    NEEDS_ADMIN,   /* an admin key, or an admin listener that only this machine reaches */
};

struct route_row {
    enum http_method method;
    struct str path; /* a star at the end takes whatever follows */
    enum route_needs needs;
    YIELDS void (*handle)(struct visit *v);
    const char *summary;
    const struct wire *wire; /* the protocol that is spoken there; NULL: OpenAI's */
};

/* All routes; ends with a row without a path. In routes.c. */
extern const struct route_row routes[];

/* The handlers, a file a group. */
void api_llm(struct visit *v);    /* llm_api.c */
void api_models(struct visit *v); /* models_api.c */
void api_model(struct visit *v);
void api_relay(struct visit *v); /* relay_api.c */
void api_relay_looked(struct visit *v);
void api_stateful(struct visit *v);
void api_responses(struct visit *v); /* responses_api.c */
void api_feedback(struct visit *v);  /* feedback_api.c */
void api_health(struct visit *v);    /* health_api.c */
void api_ready(struct visit *v);
void api_metrics(struct visit *v);
void api_keys_list(struct visit *v); /* admin_api.c */
void api_keys_make(struct visit *v);
void api_keys_revoke(struct visit *v);
void api_config_show(struct visit *v);
void api_config_load(struct visit *v);
void api_upstreams(struct visit *v);
void api_limits(struct visit *v);  /* limits_api.c */
void api_prompts(struct visit *v); /* prompting.c */

#endif
