/*
 * What comes back: an incremental reader of HTTP/1.1 answers and server-sent events. It trusts
 * nothing: an answer that is not HTTP ends in REPLY_BAD.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES_MAX 65536

void reply_reset(struct reply *r)
{
    char *head = r->head, *kept = r->kept;

    memset(r, 0, sizeof(*r));
    r->head = head;
    r->kept = kept;
}

void reply_free(struct reply *r)
{
    free(r->head);
    free(r->kept);
    r->head = r->kept = NULL;
}

/* ---- server-sent events ---- */

static void line_end(struct reply *r, uint64_t now_ns)
{
    static const char done[] = "data: [DONE]", data[] = "data:", error[] = "data: {\"error\"";
    uint32_t n = r->line_n < sizeof(r->line) ? r->line_n : (uint32_t)sizeof(r->line);

    r->line_n = 0;
    if (n != 0 && r->line[n - 1] == '\r')
        n--;
    if (n < sizeof(data) - 1 || memcmp(r->line, data, sizeof(data) - 1) != 0)
        return;
    if (n == sizeof(done) - 1 && memcmp(r->line, done, n) == 0) {
        r->done_seen = true;
        return;
    }
    if (r->events++ == 0)
        r->first_event_ns = now_ns;
    if (n >= sizeof(error) - 1 && memcmp(r->line, error, sizeof(error) - 1) == 0)
        r->error_event = true;
}

static void events_feed(struct reply *r, const char *p, size_t n, uint64_t now_ns)
{
    const char *end = p + n;

    while (p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t part = (size_t)((stop != NULL ? stop : end) - p);
        if (r->line_n < sizeof(r->line)) {
            size_t room = sizeof(r->line) - r->line_n;
            memcpy(r->line + r->line_n, p, part < room ? part : room);
        }
        r->line_n += (uint32_t)part;
        if (stop == NULL)
            return;
        line_end(r, now_ns);
        p = stop + 1;
    }
}

static void body_feed(struct reply *r, const char *p, size_t n, bool keep, uint64_t now_ns)
{
    r->body_bytes += n;
    if (r->event_stream)
        events_feed(r, p, n, now_ns);
    if (!keep)
        return;
    if (r->kept == NULL && (r->kept = malloc(KEPT_BYTES)) == NULL)
        return;
    size_t room = KEPT_BYTES - r->kept_n;
    memcpy(r->kept + r->kept_n, p, n < room ? n : room);
    r->kept_n += (uint32_t)(n < room ? n : room);
}

/* ---- the head ---- */

static bool header_is(const char *p, size_t n, const char *name, const char **ret_value)
{
    size_t length = strlen(name);

    if (n <= length || p[length] != ':' || strncasecmp(p, name, length) != 0)
        return false;
    const char *value = p + length + 1;
    while (value < p + n && *value == ' ')
        value++;
    *ret_value = value;
    return true;
}

static bool number_read(const char *p, const char *end, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (p == end || *p < '0' || *p > '9')
        return false;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    *ret_value = value;
    return true;
}

static bool header_read(struct reply *r, const char *p, const char *end, bool *chunked,
                        bool *length)
{
    size_t n = (size_t)(end - p);
    const char *value;

    switch (*p | 0x20) {
    case 'c':
        if (header_is(p, n, "content-length", &value)) {
            *length = true;
            return number_read(value, end, &r->left);
        }
        if (header_is(p, n, "content-type", &value))
            r->event_stream = end - value >= 17 && strncasecmp(value, "text/event-stream", 17) == 0;
        else if (header_is(p, n, "content-encoding", &value))
            r->encoded = end - value < 8 || strncasecmp(value, "identity", 8) != 0;
        else if (header_is(p, n, "connection", &value))
            r->close = end - value >= 5 && strncasecmp(value, "close", 5) == 0;
        break;
    case 't':
        if (header_is(p, n, "transfer-encoding", &value))
            *chunked = end - value >= 7 && strncasecmp(value, "chunked", 7) == 0;
        break;
    case 'x':
        if (header_is(p, n, "x-sluice-id", &value)) {
            size_t id_n = (size_t)(end - value);
            if (id_n >= sizeof(r->id))
                id_n = sizeof(r->id) - 1;
            memcpy(r->id, value, id_n);
            r->id[id_n] = '\0';
        }
        break;
    default:
        break;
    }
    return true;
}

static enum reply_state head_read(struct reply *r, const char *p, const char *end)
{
    bool chunked = false, length = false;
    uint64_t status;

    if (end - p < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !number_read(p + 9, end, &status))
        return REPLY_BAD;
    r->status = (int)status;
    r->left = 0;
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    for (p = stop + 1; p < end; p = stop + 1) {
        stop = memchr(p, '\n', (size_t)(end - p));
        if (stop == NULL || stop == p)
            return REPLY_BAD;
        if (stop - p == 1)
            break;
        if (!header_read(r, p, stop - 1, &chunked, &length))
            return REPLY_BAD;
    }
    if (status < 100 || status > 599 || (chunked && length))
        return REPLY_BAD;
    if (status == 100)
        return REPLY_HEAD;
    if (chunked)
        return REPLY_CHUNK_HEAD;
    if (!length && status != 204 && status != 304) {
        r->close = true;
        return REPLY_TO_CLOSE;
    }
    return r->left != 0 ? REPLY_LENGTH : REPLY_DONE;
}

/*
 * Collects bytes up to and including `mark` in r->head, unless they are all in [p, p + n) already.
 * Sets the whole piece; returns bytes used, 0 if the mark has not come yet (all are kept).
 */
static size_t piece_collect(struct reply *r, const char *p, size_t n, const char *mark,
                            const char **ret_piece, size_t *ret_n)
{
    size_t mark_n = strlen(mark);
    const char *found;

    if (r->head_n == 0 && (found = memmem(p, n, mark, mark_n)) != NULL) {
        *ret_piece = p;
        *ret_n = (size_t)(found - p) + mark_n;
        return *ret_n;
    }
    if (r->head == NULL && (r->head = malloc(HEAD_BYTES_MAX)) == NULL)
        abort();
    size_t old = r->head_n, part = n < HEAD_BYTES_MAX - old ? n : HEAD_BYTES_MAX - old;
    memcpy(r->head + old, p, part);
    r->head_n += (uint32_t)part;
    found = memmem(r->head, r->head_n, mark, mark_n);
    if (found == NULL) {
        if (r->head_n == HEAD_BYTES_MAX)
            r->state = REPLY_BAD;
        return 0;
    }
    *ret_piece = r->head;
    *ret_n = (size_t)(found - r->head) + mark_n;
    r->head_n = 0;
    return *ret_n - old;
}

static enum reply_state chunk_head_read(struct reply *r, const char *p)
{
    uint64_t size = 0;
    int digits = 0;

    for (; digits < 16; p++, digits++) {
        char ch = (char)(*p | 0x20);
        if (*p >= '0' && *p <= '9')
            size = size * 16 + (uint64_t)(*p - '0');
        else if (ch >= 'a' && ch <= 'f')
            size = size * 16 + (uint64_t)(ch - 'a' + 10);
        else
            break;
    }
    if (digits == 0 || (*p != '\r' && *p != ';' && *p != ' '))
        return REPLY_BAD;
    r->left = size;
    return size != 0 ? REPLY_CHUNK : REPLY_TRAILER;
}

/* One step of the reader; returns bytes used. */
static size_t step(struct reply *r, const char *p, size_t n, bool keep, uint64_t now_ns)
{
    const char *piece;
    size_t piece_n, used;

    switch (r->state) {
    case REPLY_HEAD:
        used = piece_collect(r, p, n, "\r\n\r\n", &piece, &piece_n);
        if (used == 0)
            return n;
        r->state = head_read(r, piece, piece + piece_n);
        return used;
    case REPLY_CHUNK_HEAD:
    case REPLY_CHUNK_END:
    case REPLY_TRAILER:
        used = piece_collect(r, p, n, "\r\n", &piece, &piece_n);
        if (used == 0)
            return n;
        if (r->state == REPLY_CHUNK_HEAD)
            r->state = chunk_head_read(r, piece);
        else if (r->state == REPLY_CHUNK_END)
            r->state = piece_n == 2 ? REPLY_CHUNK_HEAD : REPLY_BAD;
        else if (piece_n == 2)
            r->state = REPLY_DONE;
        return used;
    case REPLY_LENGTH:
    case REPLY_CHUNK:
        used = n < r->left ? n : (size_t)r->left;
        body_feed(r, p, used, keep, now_ns);
        r->left -= used;
        if (r->left == 0)
            r->state = r->state == REPLY_LENGTH ? REPLY_DONE : REPLY_CHUNK_END;
        return used;
    default:
        body_feed(r, p, n, keep, now_ns);
        return n;
    }
}

size_t reply_feed(struct reply *r, const char *p, size_t n, bool keep, uint64_t now_ns)
{
    size_t at = 0;

    while (at < n && r->state != REPLY_DONE && r->state != REPLY_BAD)
        at += step(r, p + at, n - at, keep, now_ns);
    return at;
}

/* ---- a check of JSON: whole, one value, nothing behind it ---- */

static const char *json_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

static const char *json_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p == '\\' && ++p == end)
            return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static const char *json_value(const char *p, const char *end, int depth);

static const char *json_members(const char *p, const char *end, char close, int depth)
{
    p = json_space(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    while (p != NULL && p < end) {
        if (close == '}') {
            if (*p != '"' || (p = json_string(p, end)) == NULL)
                return NULL;
            p = json_space(p, end);
            if (p == end || *p != ':')
                return NULL;
            p = json_space(p + 1, end);
        }
        p = json_value(p, end, depth + 1);
        if (p == NULL || (p = json_space(p, end)) == end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p != ',')
            return NULL;
        p = json_space(p + 1, end);
    }
    return NULL;
}

static const char *json_value(const char *p, const char *end, int depth)
{
    if (p == end || depth > 64)
        return NULL;
    if (*p == '"')
        return json_string(p, end);
    if (*p == '{' || *p == '[')
        return json_members(p, end, *p == '{' ? '}' : ']', depth);
    const char *from = p;
    while (p < end && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                       *p == '+' || *p == '.' || *p == 'E'))
        p++;
    return p != from ? p : NULL;
}

bool json_valid(const char *p, size_t n)
{
    const char *end = p + n, *after = json_value(json_space(p, end), end, 0);

    return after != NULL && json_space(after, end) == end;
}
