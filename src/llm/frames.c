#include "llm/frames.h"

#include "llm/bedrock.h"

#define SCRATCH_BYTES_MAX (64u * 1024)

void frames_init(struct frames *s, enum frames_kind kind, size_t event_bytes_max)
{
    s->kind = kind;
    if (kind == FRAMES_SSE) {
        sse_init(&s->sse, event_bytes_max);
    } else {
        eventstream_init(&s->aws.stream, event_bytes_max);
        buf_init(&s->aws.scratch, SCRATCH_BYTES_MAX);
    }
}

void frames_fini(struct frames *s)
{
    if (s->kind == FRAMES_SSE) {
        sse_fini(&s->sse);
    } else {
        eventstream_fini(&s->aws.stream);
        buf_fini(&s->aws.scratch);
    }
}

void frames_feed(struct frames *s, struct str piece)
{
    if (s->kind == FRAMES_SSE)
        sse_feed(&s->sse, piece);
    else
        eventstream_feed(&s->aws.stream, piece);
}

static int aws_next(struct frames *s, struct sse_event *e)
{
    struct eventstream_frame frame;
    *e = (struct sse_event){0};
    int err = eventstream_next(&s->aws.stream, &frame, NULL);
    if (err || frame.raw.n == 0)
        return err;
    e->raw = frame.raw;
    return bedrock_frame_event(&frame, &s->aws.scratch, &e->name, &e->data);
}

int frames_next(struct frames *s, struct sse_event *ret_event)
{
    return LIKELY(s->kind == FRAMES_SSE) ? sse_next(&s->sse, ret_event) : aws_next(s, ret_event);
}

struct str frames_rest(const struct frames *s)
{
    return s->kind == FRAMES_SSE ? sse_rest(&s->sse) : STR_NONE;
}

bool frames_cut(const struct frames *s)
{
    return s->kind == FRAMES_SSE ? sse_rest(&s->sse).n > 0
                                 : eventstream_end(&s->aws.stream, NULL) != 0;
}

bool frames_type(enum frames_kind kind, struct str content_type)
{
    return str_starts_nocase(content_type,
                             kind == FRAMES_SSE ? STR("text/event-stream") : STR(EVENTSTREAM_TYPE));
}
