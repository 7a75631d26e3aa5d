/*
 * sse.h: server-sent events, cut out of a stream of bytes.
 *
 * Incremental and pure. Feed it pieces as they arrive; it gives whole events with the exact bytes
 * that carried them, so that an event can be passed on as it came. Line ends are LF, CR LF or CR;
 * a BOM at the beginning is skipped. Bytes of an unfinished event are kept in a buf with a ceiling.
 *
 * However the stream is cut into pieces, the events are the same. Where lines end with CR LF, an
 * event is whole only with the LF of its blank line. A blank line that is a bare CR behind another
 * kind of line end is whole at once, since a wait for an LF that never comes would hold the event
 * back; should one come, it leads the next event's bytes.
 *
 *     sse_feed(&sse, piece);
 *     while ((err = sse_next(&sse, &event)) == 0 && event.raw.n > 0) ...
 */
#ifndef HTTP_SSE_H
#define HTTP_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

struct sse_event {
    struct str raw;  /* all its bytes, the blank line included */
    struct str name; /* the event field, or STR_NONE */
    struct str data; /* data lines joined by LF; points into raw when there is one line only */
    bool is_comment; /* nothing but comments, or no data at all (keep-alive) */
};

struct sse {
    struct buf rest;   /* an unfinished event, from earlier pieces */
    struct buf joined; /* data of more than one line */
    struct str piece;  /* what was fed and not yet taken */
    const char *cr;    /* the first CR in `piece`, or its end; NULL when not looked for yet */
    size_t bytes_max;
    size_t line_bytes;  /* of the unfinished line */
    unsigned bom;       /* bytes of a BOM seen at the beginning; 4 when that is behind us */
    bool cr_pending;    /* the last byte was a CR; an LF after it belongs to it */
    bool blank_pending; /* that CR ended a blank line */
    bool crlf;          /* lines end with CR LF, as far as the last one tells */
    bool first;         /* no event was given yet */
    bool given;         /* the last event stands in `rest` */
    int err;            /* E_UPSTREAM_LARGE stays */
};

void sse_init(struct sse *s, size_t event_bytes_max);
void sse_fini(struct sse *s);

/* `piece` must stay until it was taken: until sse_next has answered with an empty event. */
void sse_feed(struct sse *s, struct str piece);

/*
 * The next whole event; raw.n == 0 when there is none yet (the rest was then copied). The event is
 * valid until the next call. E_UPSTREAM_LARGE past the ceiling.
 */
MUSTCHECK int sse_next(struct sse *s, struct sse_event *ret_event);

/* At the end of the stream: the bytes of an event that was not finished (n == 0 for none). */
struct str sse_rest(const struct sse *s);

#endif
