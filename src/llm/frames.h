/*
 * frames.h: the events of a stream, however they are framed.
 *
 * As http/sse.h, of which it is one half; the other is http/eventstream.h, as Amazon Bedrock has
 * it. Feed pieces, take events; an event is valid until the next is taken. Nothing here yields.
 */
#ifndef LLM_FRAMES_H
#define LLM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "http/eventstream.h"
#include "http/sse.h"

enum frames_kind { FRAMES_SSE, FRAMES_AWS };

struct frames {
    enum frames_kind kind;
    union {
        struct sse sse;
        struct {
            struct eventstream stream;
            struct buf scratch; /* the data of an error that stands in headers alone */
        } aws;
    };
};

void frames_init(struct frames *s, enum frames_kind kind, size_t event_bytes_max);
void frames_fini(struct frames *s);

/* `piece` must stay until frames_next has answered with an empty event. */
void frames_feed(struct frames *s, struct str piece);

/* The next whole event; raw.n == 0 when there is none yet. E_UPSTREAM_LARGE past the ceiling,
 * E_UPSTREAM_BODY for a frame that is damaged. */
MUSTCHECK int frames_next(struct frames *s, struct sse_event *ret_event);

/* At the end of the stream: the bytes of an event that was not finished, as far as they can be
 * passed on; and whether there are any at all. */
struct str frames_rest(const struct frames *s);
bool frames_cut(const struct frames *s);

/* Is this the Content-Type of such a stream? */
bool frames_type(enum frames_kind kind, struct str content_type);

#endif
