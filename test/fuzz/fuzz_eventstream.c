/*
 * fuzz_eventstream.c: frames of AWS's event streams, whole and in pieces.
 *
 * However the bytes are cut, the frames and the error are the same. Since no chance finds a
 * checksum, the bytes are also taken as what frames are made of, with checksums that are right:
 * then every payload comes back, unless its headers are none.
 */
#include "../unit/eventstream_frames.h"
#include "fuzz.h"
#include "http/eventstream.h"

#define FRAME_BYTES_MAX 4096

static bool is_inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void take(struct buf *seen, const struct eventstream_frame *frame)
{
    MUST(frame->raw.n >= 16 && frame->raw.n <= FRAME_BYTES_MAX);
    MUST(frame->raw.n == 16 + frame->headers.n + frame->payload.n);
    MUST(is_inside(frame->name, frame->headers) && is_inside(frame->text, frame->headers));
    MUST(frame->kind != EVENTSTREAM_OTHER || frame->name.n == 0);
    struct str type = eventstream_header(frame, STR(":message-type"));
    MUST(is_inside(type, frame->headers));
    MUST(frame->kind == EVENTSTREAM_OTHER || type.n > 0);
    buf_printf(seen, "[%d %zu:", frame->kind, frame->name.n);
    buf_str(seen, frame->name);
    buf_printf(seen, " %zu:", frame->payload.n);
    buf_str(seen, frame->payload);
    MUST(buf_char(seen, ']') == 0);
}

/* The error, and the frames before it. */
static int run(struct str in, size_t piece, struct buf *seen, unsigned *ret_frames)
{
    struct eventstream s;
    struct eventstream_frame frame;
    struct fault f = {0};
    int err = 0;
    *ret_frames = 0;
    buf_clear(seen);
    eventstream_init(&s, FRAME_BYTES_MAX);
    for (; in.n > 0 && !err; in = str_tail(in, piece)) {
        eventstream_feed(&s, str_head(in, piece));
        while ((err = eventstream_next(&s, &frame, &f)) == 0 && frame.raw.n > 0) {
            take(seen, &frame);
            ++*ret_frames;
        }
        MUST(s.rest.cap <= 2 * FRAME_BYTES_MAX);
    }
    if (!err)
        err = eventstream_end(&s, &f);
    MUST(err == 0 || err == E_UPSTREAM_BODY || err == E_UPSTREAM_LARGE || err == E_UPSTREAM_CUT);
    MUST(f.err == err && (err == 0 || f.text[0] != '\0'));
    eventstream_fini(&s);
    return err;
}

static int run_both(struct str in, size_t piece, unsigned *ret_frames)
{
    struct buf whole, cut;
    unsigned frames;
    buf_init(&whole, 1u << 20);
    buf_init(&cut, 1u << 20);
    int err = run(in, in.n, &whole, ret_frames);
    MUST(run(in, piece, &cut, &frames) == err && frames == *ret_frames);
    MUST(str_eq(buf_view(&whole), buf_view(&cut)));
    buf_fini(&cut);
    buf_fini(&whole);
    return err;
}

/* Lines are frames, of headers up to the first tab, and a payload. */
static void run_made(struct str in, size_t piece)
{
    struct buf frames;
    unsigned made = 0, got;
    buf_init(&frames, 1u << 20);
    while (in.n > 0) {
        struct str payload = str_cut(&in, '\n');
        struct str headers = str_cut(&payload, '\t');
        if (headers.n + payload.n > FRAME_BYTES_MAX - 16)
            continue;
        frame_put(&frames, headers, payload);
        made++;
    }
    MUST(frames.failed == 0);
    int err = run_both(buf_view(&frames), piece, &got);
    MUST(err == 0 ? got == made : err == E_UPSTREAM_BODY && got < made);
    buf_fini(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned frames;
    if (size < 2 || size > 32768)
        return 0;
    struct str in = str_of((const char *)data + 1, size - 1);
    size_t piece = (size_t)data[0] + 1;
    (void)run_both(in, piece, &frames);
    run_made(in, piece);
    return 0;
}
