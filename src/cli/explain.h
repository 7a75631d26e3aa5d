/*
 * explain.h: the parts of `sluice explain`: explain.c goes the way of a request, explain_tell.c
 * says what it has found there. All that both need is the struct explaining.
 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <stdbool.h>

#include "api/visit.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "guard/keys.h"
#include "llm/outgoing.h"
#include "llm/request.h"
#include "llm/upstream.h"
#include "llm/wire.h"
#include "turn/turn.h"

#define EXPLAIN_BYTES_MAX (32u * 1024 * 1024)

/* What would become of the request at one target. */
struct asking {
    struct llm_outgoing out;
    struct fault fault;
    int err; /* why it would refuse; 0: it would be asked */
};

struct explaining {
    struct conf_doc *doc;
    struct upstreams *upstreams;
    struct snapshot *snapshot;
    struct keys *keys;
    struct arena arena;
    struct buf body;
    const struct wire *wire; /* that the request is written in */
    struct llm_request request;
    bool has_body;
    struct gateway gateway; /* as much of it as objects_route and turn_admit want */
    struct exchange exchange;
    struct visit visit;    /* its fault has the words of a refusal */
    struct turn turn;      /* for its route */
    struct asking *asking; /* of each of the route's, where there is a body */
    int refused;           /* the error that the client would get; 0: none */
    struct fault keyless;  /* what one without a key would get, where nobody's was named */
};

/* On standard output; `asked` is the name that the request goes by. An exit code. */
MUSTCHECK int explain_show(struct explaining *x, struct str asked, bool json);

#endif
