/*
 * eventstream.c: a frame's first twelve bytes say how long it is, and are checked before anything
 * is believed of them; the rest is taken when it is all there.
 */
#include "http/eventstream.h"

#include "base/crc32.h"

#define KEEP_BYTES    4096 /* memory that is kept from one unfinished frame to the next */
#define PRELUDE_BYTES 12
#define CRC_BYTES     4
#define FRAME_BYTES   (PRELUDE_BYTES + CRC_BYTES) /* the least */

void eventstream_init(struct eventstream *s, size_t frame_bytes_max)
{
    *s = (struct eventstream){.bytes_max = frame_bytes_max};
    buf_init(&s->rest, frame_bytes_max > FRAME_BYTES ? frame_bytes_max : FRAME_BYTES);
}

void eventstream_fini(struct eventstream *s)
{
    buf_fini(&s->rest);
}

void eventstream_feed(struct eventstream *s, struct str piece)
{
    s->piece = piece;
}

static uint32_t number_at(struct str bytes, size_t at)
{
    const unsigned char *p = (const unsigned char *)bytes.p + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- headers */

/* One header; the value of those that are no string is its bytes, without its length. */
struct header {
    struct str name, value;
    bool is_string;
};

/* Takes the first header off `rest`; false where it is none, or not all there. */
static bool header_take(struct str *rest, struct header *ret_header)
{
    enum { TRUE_, FALSE_, BYTE, SHORT, INTEGER, LONG, BYTES, STRING, TIMESTAMP, UUID };
    static const unsigned char lengths[] = {
        [TRUE_] = 0, [FALSE_] = 0, [BYTE] = 1,   [SHORT] = 2,     [INTEGER] = 4,
        [LONG] = 8,  [BYTES] = 0,  [STRING] = 0, [TIMESTAMP] = 8, [UUID] = 16};
    const unsigned char *p = (const unsigned char *)rest->p;
    size_t name_n = p[0];
    if (name_n == 0 || rest->n < 1 + name_n + 1)
        return false;
    size_t at = 1 + name_n;
    unsigned type = p[at++];
    if (type >= ARRAY_LEN(lengths))
        return false;
    size_t n = lengths[type];
    if (type == BYTES || type == STRING) {
        if (rest->n - at < 2)
            return false;
        n = (size_t)p[at] << 8 | p[at + 1];
        at += 2;
    }
    if (rest->n - at < n)
        return false;
    ret_header->name = str_of(rest->p + 1, name_n);
    ret_header->value = str_of(rest->p + at, n);
    ret_header->is_string = type == STRING;
    *rest = str_tail(*rest, at + n);
    return true;
}

struct str eventstream_header(const struct eventstream_frame *frame, struct str name)
{
    struct str rest = frame->headers;
    struct header h;
    while (rest.n > 0 && header_take(&rest, &h))
        if (h.is_string && str_eq(h.name, name))
            return h.value;
    return STR_NONE;
}

/* What the headers say of the frame; false where they are none. */
static bool headers_read(struct eventstream_frame *frame)
{
    struct str type = STR_NONE, event = STR_NONE, exception = STR_NONE, code = STR_NONE;
    struct str rest = frame->headers;
    struct header h;
    while (rest.n > 0) {
        if (!header_take(&rest, &h))
            return false;
        if (!h.is_string)
            continue;
        if (str_eq(h.name, STR(":message-type")))
            type = h.value;
        else if (str_eq(h.name, STR(":event-type")))
            event = h.value;
        else if (str_eq(h.name, STR(":exception-type")))
            exception = h.value;
        else if (str_eq(h.name, STR(":error-code")))
            code = h.value;
        else if (str_eq(h.name, STR(":error-message")))
            frame->text = h.value;
    }
    frame->kind = EVENTSTREAM_OTHER;
    if (str_eq(type, STR("event"))) {
        frame->kind = EVENTSTREAM_EVENT;
        frame->name = event;
    } else if (str_eq(type, STR("exception"))) {
        frame->kind = EVENTSTREAM_EXCEPTION;
        frame->name = exception;
    } else if (str_eq(type, STR("error"))) {
        frame->kind = EVENTSTREAM_ERROR;
        frame->name = code;
    }
    return true;
}

/* ---- frames */

static int broken(struct eventstream *s, struct fault *f, const char *what)
{
    s->err = fault_set(f, E_UPSTREAM_BODY, "its stream of events is broken: %s", what);
    return s->err;
}

static int too_large(struct eventstream *s, struct fault *f, size_t frame_bytes)
{
    s->err = fault_set(f, E_UPSTREAM_LARGE, "a frame of %zu bytes in its stream, of %zu allowed",
                       frame_bytes, s->bytes_max);
    return s->err;
}

/* How long the frame is that begins with `prelude`. */
static int prelude_read(struct eventstream *s, struct str prelude, size_t *ret_bytes,
                        struct fault *f)
{
    size_t bytes = number_at(prelude, 0), headers = number_at(prelude, 4);
    if (crc32_add(0, str_head(prelude, 8)) != number_at(prelude, 8))
        return broken(s, f, "the checksum of a frame's lengths is wrong");
    if (bytes < FRAME_BYTES || headers > bytes - FRAME_BYTES)
        return broken(s, f, "a frame's length is shorter than what it has to hold");
    if (headers > EVENTSTREAM_HEADERS_BYTES_MAX)
        return broken(s, f, "a frame's headers are longer than 128 KiB");
    if (bytes > s->bytes_max)
        return too_large(s, f, bytes);
    *ret_bytes = bytes;
    return 0;
}

static int frame_read(struct eventstream *s, struct str raw, struct eventstream_frame *frame,
                      struct fault *f)
{
    size_t headers_n = number_at(raw, 4), body_n = raw.n - CRC_BYTES;
    if (crc32_add(0, str_head(raw, body_n)) != number_at(raw, body_n))
        return broken(s, f, "a frame's checksum is wrong");
    struct str body = str_tail(str_head(raw, body_n), PRELUDE_BYTES);
    frame->raw = raw;
    frame->headers = str_head(body, headers_n);
    frame->payload = str_tail(body, headers_n);
    if (headers_read(frame))
        return 0;
    *frame = (struct eventstream_frame){.kind = EVENTSTREAM_OTHER};
    return broken(s, f, "a frame's headers cannot be read");
}

/* The frame that was given last stood in `rest`. */
static void forget_given(struct eventstream *s)
{
    if (!s->given)
        return;
    s->given = false;
    if (s->rest.cap > KEEP_BYTES) {
        size_t bytes_max = s->rest.bytes_max;
        buf_fini(&s->rest);
        buf_init(&s->rest, bytes_max);
    }
    buf_clear(&s->rest);
}

/* Moves bytes of the piece behind the unfinished frame until that has `bytes`, or none are left. */
static int rest_fill(struct eventstream *s, size_t bytes)
{
    size_t wanted = bytes > s->rest.n ? bytes - s->rest.n : 0;
    struct str part = str_head(s->piece, wanted);
    s->piece = str_tail(s->piece, part.n);
    s->err = part.n > 0 ? buf_str(&s->rest, part) : 0;
    return s->err;
}

/* The frame that stands in the piece as a whole, where nothing was kept; raw.n == 0: there is none.
 */
static int frame_in_piece(struct eventstream *s, struct str *ret_raw, struct fault *f)
{
    size_t bytes;
    *ret_raw = STR_NONE;
    if (s->rest.n > 0 || s->piece.n < PRELUDE_BYTES)
        return 0;
    int err = prelude_read(s, s->piece, &bytes, f);
    if (err || s->piece.n < bytes)
        return err;
    *ret_raw = str_head(s->piece, bytes);
    s->piece = str_tail(s->piece, bytes);
    return 0;
}

static int frame_of_pieces(struct eventstream *s, struct str *ret_raw, struct fault *f)
{
    size_t bytes;
    *ret_raw = STR_NONE;
    int err = rest_fill(s, PRELUDE_BYTES);
    if (err || s->rest.n < PRELUDE_BYTES)
        return err;
    err = prelude_read(s, buf_view(&s->rest), &bytes, f);
    if (!err)
        err = rest_fill(s, bytes);
    if (err || s->rest.n < bytes)
        return err;
    s->given = true;
    *ret_raw = buf_view(&s->rest);
    return 0;
}

int eventstream_next(struct eventstream *s, struct eventstream_frame *ret_frame, struct fault *f)
{
    struct str raw;
    *ret_frame = (struct eventstream_frame){.kind = EVENTSTREAM_OTHER};
    if (s->err != 0)
        return s->err;
    forget_given(s);
    if (s->piece.n == 0)
        return 0;
    int err = frame_in_piece(s, &raw, f);
    if (!err && raw.n == 0)
        err = frame_of_pieces(s, &raw, f);
    return err || raw.n == 0 ? err : frame_read(s, raw, ret_frame, f);
}

int eventstream_end(const struct eventstream *s, struct fault *f)
{
    size_t bytes = s->given ? 0 : s->rest.n;
    if (s->err != 0 || bytes == 0)
        return s->err;
    return fault_set(f, E_UPSTREAM_CUT, "its stream of events ended within a frame, %zu bytes in",
                     bytes);
}
