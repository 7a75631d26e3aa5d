/* eventstream_frames.h: frames of AWS's event streams, made here. */
#ifndef EVENTSTREAM_FRAMES_H
#define EVENTSTREAM_FRAMES_H

#include "base/buf.h"
#include "base/crc32.h"

static inline void frame_number(struct buf *out, size_t n)
{
    char bytes[] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    buf_add(out, bytes, sizeof(bytes));
}

static inline void frame_header(struct buf *out, struct str name, struct str value)
{
    char length[] = {7, (char)(value.n >> 8), (char)value.n};
    buf_char(out, (char)name.n);
    buf_str(out, name);
    buf_add(out, length, sizeof(length));
    buf_str(out, value);
}

/* `headers` as frame_header writes them. */
static inline void frame_put(struct buf *out, struct str headers, struct str payload)
{
    size_t from = out->n;
    frame_number(out, 16 + headers.n + payload.n);
    frame_number(out, headers.n);
    frame_number(out, crc32_add(0, str_tail(buf_view(out), from)));
    buf_str(out, headers);
    buf_str(out, payload);
    frame_number(out, crc32_add(0, str_tail(buf_view(out), from)));
}

/* A frame as Bedrock sends it: `type` is "event" or "exception". */
static inline void frame_put_event(struct buf *out, struct str type, struct str name,
                                   struct str payload)
{
    struct buf headers;
    buf_init(&headers, 4096);
    frame_header(&headers, str_eq(type, STR("event")) ? STR(":event-type") : STR(":exception-type"),
                 name);
    frame_header(&headers, STR(":content-type"), STR("application/json"));
    frame_header(&headers, STR(":message-type"), type);
    frame_put(out, buf_view(&headers), payload);
    buf_fini(&headers);
}

#endif
