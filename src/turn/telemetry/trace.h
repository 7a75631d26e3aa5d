/*
 * trace.h: which trace a turn belongs to, as W3C's Trace Context has it (level 1 and 2).
 *
 * A client that sends a valid `traceparent` says which trace and which of its spans the turn is
 * part of; else the turn begins a trace of its own. What goes to a provider is a traceparent of the
 * call's own span. Pure but for random numbers; nothing here yields. Loop thread.
 */
#ifndef TURN_TRACE_H
#define TURN_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "http/message.h"
#include "llm/noted.h"

#define TRACE_ID_BYTES    16
#define TRACEPARENT_CHARS 55

#define TRACE_SAMPLED 0x01
#define TRACE_RANDOM  0x02 /* level 2: the id's last 56 bits are random */

/* "00-TRACE-SPAN-FLAGS". A span's number is its 8 bytes in the order of the network. */
struct traceparent {
    unsigned char id[TRACE_ID_BYTES];
    uint64_t span;
    uint8_t flags;
};

/* False for what is none; *ret_parent is untouched then. A later version's is read as far as its
 * beginning is that of version 00. */
MUSTCHECK bool traceparent_read(struct str text, struct traceparent *ret_parent);
/* Of version 00; flags that it does not know are left out. */
void traceparent_write(const struct traceparent *parent, char out[TRACEPARENT_CHARS]);

/* Is a trace that begins with this id one of the `share` (in millionths) that are kept? By its
 * random bits, so that all who ask alike decide alike. */
bool trace_is_kept(const unsigned char id[TRACE_ID_BYTES], int64_t share);

/* A turn's. */
struct trace {
    struct traceparent call; /* who asks the provider now: the call's span; its id is all spans' */
    uint64_t turn;           /* the turn's span */
    uint64_t caller;         /* the client's span; 0: the trace began here */
    bool sampled;
    char header[TRACEPARENT_CHARS]; /* `call`, as it is sent */
    struct str method, route;       /* of the client's request */
    struct llm_noted noted;         /* of the call's answer */
};

/* The client's trace where its header has one; else a new one, sampled with `share`. */
void trace_begin(struct trace *trace, const struct http_headers *from, int64_t share);

/*
 * Puts `trace->header` in the place of the client's traceparent, so that whatever trace_next makes
 * is sent. A tracestate goes on where its traceparent was good.
 */
MUSTCHECK int trace_pass(struct trace *trace, struct http_headers *to);

/* A span for the next call. */
void trace_next(struct trace *trace);

#endif
