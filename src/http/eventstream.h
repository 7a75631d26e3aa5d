/*
 * eventstream.h: AWS's framing of events (application/vnd.amazon.eventstream), cut out of a stream
 * of bytes.
 *
 * A frame is, numbers big-endian:
 *
 *     4 length of the whole frame | 4 length of the headers | 4 CRC-32 of these eight bytes
 *     headers: 1 length of the name | name | 1 type | value
 *     payload
 *     4 CRC-32 of all before it
 *
 * Incremental and pure. Feed it pieces as they arrive; it gives whole frames that were checked.
 * Bytes of an unfinished frame are kept in a buf with a ceiling. However the stream is cut into
 * pieces, the frames and faults are the same; behind a fault nothing can be found any more, so it
 * stays. Source of the format: the event stream encoding in AWS's public documentation (Amazon
 * Transcribe's and Smithy's pages have it), and botocore's reader of it.
 *
 *     eventstream_feed(&s, piece);
 *     while ((err = eventstream_next(&s, &frame, f)) == 0 && frame.raw.n > 0) ...
 *     at the end: eventstream_end(&s, f)
 */
#ifndef HTTP_EVENTSTREAM_H
#define HTTP_EVENTSTREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define EVENTSTREAM_TYPE              "application/vnd.amazon.eventstream"
#define EVENTSTREAM_HEADERS_BYTES_MAX (128u * 1024) /* as AWS has it */

enum eventstream_kind {
    EVENTSTREAM_EVENT,     /* :message-type event */
    EVENTSTREAM_EXCEPTION, /* exception: an error that the service's model has */
    EVENTSTREAM_ERROR,     /* error: one that it has not, told in headers alone */
    EVENTSTREAM_OTHER,     /* another, or none */
};

struct eventstream_frame {
    struct str raw; /* all its bytes */
    enum eventstream_kind kind;
    struct str name;    /* :event-type, :exception-type or :error-code; or STR_NONE */
    struct str text;    /* :error-message, or STR_NONE */
    struct str headers; /* all of them, as they stand; eventstream_header reads one */
    struct str payload;
};

struct eventstream {
    struct buf rest;  /* an unfinished frame, from earlier pieces */
    struct str piece; /* what was fed and not yet taken */
    size_t bytes_max;
    bool given; /* the last frame stands in `rest` */
    int err;    /* stays */
};

void eventstream_init(struct eventstream *s, size_t frame_bytes_max);
void eventstream_fini(struct eventstream *s);

/* `piece` must stay until it was taken: until eventstream_next has answered with an empty frame. */
void eventstream_feed(struct eventstream *s, struct str piece);

/*
 * The next whole frame; raw.n == 0 when there is none yet (the rest was then copied). The frame is
 * valid until the next call. E_UPSTREAM_BODY for a wrong checksum or length, or headers that are
 * none; E_UPSTREAM_LARGE past the ceiling, as soon as the length says so. The fault has the words.
 */
MUSTCHECK int eventstream_next(struct eventstream *s, struct eventstream_frame *ret_frame,
                               struct fault *f);

/* At the end of the stream: E_UPSTREAM_CUT when a frame was not finished. */
MUSTCHECK int eventstream_end(const struct eventstream *s, struct fault *f);

/* The header called `name`, where it is a string; else STR_NONE. */
struct str eventstream_header(const struct eventstream_frame *frame, struct str name);

#endif
