/*
 * sse.c: first the end of an event is looked for, piece by piece, then its lines are read once.
 *
 * The search knows the bytes before a piece only by a few flags, so nothing is searched twice; and
 * the first CR of a piece is looked for once, since most streams have none.
 */
#include "http/sse.h"

#define KEEP_BYTES 4096 /* memory that is kept from one unfinished event to the next */
#define BOM_DONE   4

static const char bom[3] = {'\xef', '\xbb', '\xbf'};

void sse_init(struct sse *s, size_t event_bytes_max)
{
    *s = (struct sse){.bytes_max = event_bytes_max, .first = true};
    buf_init(&s->rest, event_bytes_max);
    buf_init(&s->joined, event_bytes_max);
}

void sse_fini(struct sse *s)
{
    buf_fini(&s->rest);
    buf_fini(&s->joined);
}

void sse_feed(struct sse *s, struct str piece)
{
    s->piece = piece;
    s->cr = NULL;
}

struct str sse_rest(const struct sse *s)
{
    return s->given ? STR_NONE : buf_view(&s->rest);
}

/* ---- where an event ends */

/* Steps over a BOM at the very beginning; its bytes are in no line. */
static const char *skip_bom(struct sse *s, const char *at, const char *end)
{
    while (at < end && s->bom < sizeof(bom)) {
        if (*at != bom[s->bom]) {
            s->line_bytes += s->bom; /* it was none */
            s->bom = BOM_DONE;
            return at;
        }
        s->bom++;
        at++;
    }
    if (s->bom == sizeof(bom))
        s->bom = BOM_DONE;
    return at;
}

/* The first CR or LF from `at` on, or NULL. */
static const char *find_line_end(struct sse *s, const char *at, const char *end)
{
    if (s->cr == NULL || s->cr < at) {
        s->cr = memchr(at, '\r', (size_t)(end - at));
        if (s->cr == NULL)
            s->cr = end;
    }
    const char *lf = memchr(at, '\n', (size_t)(s->cr - at));
    if (lf != NULL)
        return lf;
    return s->cr < end ? s->cr : NULL;
}

/* The byte behind a CR has come: does it belong to the same line end? */
static const char *after_cr(struct sse *s, const char *at)
{
    s->cr_pending = false;
    s->crlf = *at == '\n';
    return s->crlf ? at + 1 : at;
}

/* One line end at `at`. True when it ends the event; *ret_next is what follows. */
static bool take_line_end(struct sse *s, const char *at, const char **ret_next)
{
    bool blank = s->line_bytes == 0;

    s->line_bytes = 0;
    *ret_next = at + 1;
    if (*at == '\n') {
        s->crlf = false;
        return blank;
    }
    s->cr_pending = true;
    if (blank && s->crlf) {
        s->blank_pending = true; /* the LF will come */
        return false;
    }
    return blank;
}

/*
 * Behind the end of the event in `piece`, or NULL when it goes on in the next one. *ret_line is the
 * one line that it has in this piece before its blank line; n == 0 where there are none or several.
 */
static const char *find_end(struct sse *s, struct str *ret_line)
{
    const char *at = s->piece.p;
    const char *end = at + s->piece.n;
    unsigned lines = 0;

    *ret_line = STR_NONE;

    if (s->bom < BOM_DONE)
        at = skip_bom(s, at, end);
    while (at < end) {
        if (s->cr_pending) {
            at = after_cr(s, at);
            if (s->blank_pending) {
                s->blank_pending = false;
                return at;
            }
            continue;
        }
        const char *line_end = find_line_end(s, at, end);
        if (line_end == NULL) {
            s->line_bytes += (size_t)(end - at);
            return NULL;
        }
        s->line_bytes += (size_t)(line_end - at);
        if (line_end > at)
            *ret_line = lines++ == 0 ? str_of(at, (size_t)(line_end - at)) : STR_NONE;
        if (take_line_end(s, line_end, &at))
            return at;
    }
    return NULL;
}

/* ---- what an event says */

/* Cuts off the first line; its end may be LF, CR LF or CR. */
static struct str next_line(struct str *text, const char **cr)
{
    const char *at = text->p;
    const char *end = at + text->n;

    if (*cr < at) {
        *cr = memchr(at, '\r', text->n);
        if (*cr == NULL)
            *cr = end;
    }
    const char *line_end = memchr(at, '\n', (size_t)(*cr - at));
    if (line_end == NULL)
        line_end = *cr;
    struct str line = str_of(at, (size_t)(line_end - at));
    const char *next = line_end;
    if (next < end && *next++ == '\r' && next < end && *next == '\n')
        next++;
    *text = str_of(next, (size_t)(end - next));
    return line;
}

/* "name: value", with one space behind the colon left out. */
static struct str field_value(struct str line, size_t colon)
{
    size_t from = colon < line.n ? colon + 1 : line.n;

    if (from < line.n && line.p[from] == ' ')
        from++;
    return str_of(line.p + from, line.n - from);
}

static int add_data(struct sse *s, struct sse_event *e, struct str value)
{
    int err = 0;

    if (e->data.p == NULL) {
        e->data = value;
        return 0;
    }
    if (s->joined.n == 0 && e->data.p != s->joined.p)
        err = buf_str(&s->joined, e->data);
    if (err == 0)
        err = buf_char(&s->joined, '\n');
    if (err == 0)
        err = buf_str(&s->joined, value);
    e->data = buf_view(&s->joined);
    return err;
}

static int read_line(struct sse *s, struct sse_event *e, struct str line)
{
    if (LIKELY(line.n >= 5 && memcmp(line.p, "data:", 5) == 0))
        return add_data(s, e, field_value(line, 4));
    const char *colon = line.n > 0 ? memchr(line.p, ':', line.n) : NULL;
    size_t name_n = colon != NULL ? (size_t)(colon - line.p) : line.n;
    struct str name = str_head(line, name_n);
    if (str_eq(name, STR("data")))
        return add_data(s, e, field_value(line, name_n));
    if (str_eq(name, STR("event")))
        e->name = field_value(line, name_n);
    return 0;
}

static int read_lines(struct sse *s, struct sse_event *e)
{
    struct str text = e->raw;
    const char *cr = NULL;
    int err = 0;

    if (s->first && str_starts(text, str_of(bom, sizeof(bom))))
        text = str_tail(text, sizeof(bom));
    while (err == 0 && text.n > 0)
        err = read_line(s, e, next_line(&text, &cr));
    return err;
}

/* `line`: its only one, where that is known. */
static int read_event(struct sse *s, struct sse_event *e, struct str line)
{
    buf_clear(&s->joined);
    int err = line.n > 0 && !s->first ? read_line(s, e, line) : read_lines(s, e);
    s->first = false;
    e->is_comment = e->data.p == NULL;
    return err;
}

/* ---- */

/* The event that was given last stood in `rest`. */
static void forget_given(struct sse *s)
{
    if (!s->given)
        return;
    s->given = false;
    if (s->rest.cap > KEEP_BYTES) {
        buf_fini(&s->rest);
        buf_init(&s->rest, s->bytes_max);
    }
    buf_clear(&s->rest);
}

static int too_large(struct sse *s, int err)
{
    s->err = err == E_MEMORY ? E_MEMORY : E_UPSTREAM_LARGE;
    return s->err;
}

int sse_next(struct sse *s, struct sse_event *ret_event)
{
    *ret_event = (struct sse_event){0};
    if (s->err != 0)
        return s->err;
    forget_given(s);
    if (s->piece.n == 0)
        return 0;
    struct str line;
    const char *end = find_end(s, &line);
    size_t n = end != NULL ? (size_t)(end - s->piece.p) : s->piece.n;
    struct str part = str_head(s->piece, n);
    s->piece = str_tail(s->piece, n);
    if (end != NULL && s->rest.n == 0) {
        if (part.n > s->bytes_max)
            return too_large(s, E_TOO_LARGE);
        ret_event->raw = part;
    } else {
        int err = buf_str(&s->rest, part);
        if (err != 0)
            return too_large(s, err);
        if (end == NULL)
            return 0;
        ret_event->raw = buf_view(&s->rest);
        s->given = true;
        line = STR_NONE; /* there are others in what came before */
    }
    int err = read_event(s, ret_event, line);
    return err != 0 ? too_large(s, err) : 0;
}
