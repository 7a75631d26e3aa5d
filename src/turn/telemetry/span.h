/*
 * span.h: what telemetry keeps of one turn, or of one call to a provider, until it is sent.
 *
 * Of a fixed size and without pointers into anything that may go: the queue of spans is one array.
 * Texts are copied, cut where they are long. No prompt, no answer and no secret is among them.
 */
#ifndef TURN_SPAN_H
#define TURN_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/str.h"
#include "llm/tokens.h"
#include "turn/telemetry/trace.h"

enum span_kind { SPAN_TURN, SPAN_CALL }; /* OTLP's SERVER and CLIENT */

enum span_text {
    SPAN_METHOD,   /* "POST" */
    SPAN_ROUTE,    /* a turn: "/v1/audio/" and a star */
    SPAN_ASKED,    /* a turn: the model that the client named */
    SPAN_LANE,     /* a turn */
    SPAN_TENANT,   /* a turn */
    SPAN_KEY,      /* a turn: the key's public part */
    SPAN_TASK,     /* a turn: as the client's headers gave it */
    SPAN_PROVIDER, /* as the configuration calls it */
    SPAN_MODEL,    /* as the provider calls it */
    SPAN_HOST,     /* a call: "api.openai.com", "127.0.0.1:9001", "[::1]:9001" */
    SPAN_ANSWERED, /* a call: the model that the answer names */
    SPAN_FINISHES, /* a call: why it stopped, with a comma between several */
    SPAN_TEXTS
};

#define SPAN_TEXT_BYTES_MAX 96
#define SPAN_TEXTS_BYTES    384

struct span {
    struct traceparent at; /* its own id, and its trace's */
    uint64_t parent;       /* 0: none */
    int64_t began_wall_us, took_us;
    int64_t first_us;         /* to the first content of a stream; -1: none */
    int64_t cost_usd_nanos;   /* or COST_UNKNOWN */
    int64_t overhead_us;      /* a turn */
    struct tokens tokens;     /* a call */
    const char *operation;    /* literal, "chat"; NULL: it is passed on unread */
    const char *system;       /* literal, gen_ai.provider.name; NULL: none was asked */
    const char *api;          /* literal, a turn: "openai.chat" */
    struct id id;             /* a turn: x-sluice-id */
    uint8_t kind;             /* enum span_kind */
    bool tls, stream, remote; /* the parent is the client's */
    int status, err;
    unsigned count; /* of a turn's calls; of a call, which one it is, from 1 */
    unsigned texts_n;
    struct {
        uint16_t at, n;
    } text[SPAN_TEXTS];
    char texts[SPAN_TEXTS_BYTES];
};

/* Copies the text, cut; what there is no room for is left out. */
void span_put(struct span *span, enum span_text which, struct str text);
static inline struct str span_get(const struct span *span, enum span_text which)
{
    return str_of(span->texts + span->text[which].at, span->text[which].n);
}

#endif
