/* One HTTP/1.1 request out of a buffer of bytes. */
#include "mock.h"

#include <string.h>
#include <strings.h>

static struct span trimmed(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (struct span){p, (size_t)(end - p)};
}

static void steer_read(struct request *r, struct span name, struct span value)
{
    static const char *const names[] = {
        [STEER_EVENTS] = "x-mock-events",  [STEER_INTERVAL] = "x-mock-interval-ms",
        [STEER_DELAY] = "x-mock-delay-ms", [STEER_BYTES] = "x-mock-bytes",
        [STEER_STALL] = "x-mock-stall-ms", [STEER_RETRY] = "x-mock-retry-ms",
        [STEER_FAULT] = "x-mock-fault",    [STEER_TOKENS] = "x-mock-tokens",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_is_nocase(name, names[i]))
            r->mock[i] = value;
}

static bool header_read(struct request *r, struct span name, struct span value)
{
    switch (name.n) {
    case 10:
        if (span_is_nocase(name, "connection"))
            r->keep_alive = !span_is_nocase(value, "close");
        break;
    case 14:
        if (span_is_nocase(name, "content-length"))
            return span_number(value, &r->content_length);
        break;
    case 17:
        if (span_is_nocase(name, "transfer-encoding"))
            r->chunked = span_is_nocase(value, "chunked");
        break;
    case 6:
        if (span_is_nocase(name, "expect"))
            r->expect = span_is_nocase(value, "100-continue");
        break;
    default:
        break;
    }
    if (name.n == 12 && span_is_nocase(name, "x-request-id"))
        r->request_id = value;
    if (name.n > 7 && (name.p[0] | 0x20) == 'x' && strncasecmp(name.p, "x-mock-", 7) == 0)
        steer_read(r, name, value);
    return true;
}

static bool request_line_read(struct request *r, const char *p, const char *end)
{
    const char *first = memchr(p, ' ', (size_t)(end - p));
    if (first == NULL)
        return false;
    const char *second = memchr(first + 1, ' ', (size_t)(end - first - 1));
    if (second == NULL)
        return false;
    r->method = (struct span){p, (size_t)(first - p)};
    r->path = (struct span){first + 1, (size_t)(second - first - 1)};
    struct span version = trimmed(second, end);
    if (version.n != 8 || memcmp(version.p, "HTTP/1.", 7) != 0)
        return false;
    r->keep_alive = version.p[7] == '1';
    return true;
}

static bool head_read(struct request *r, const char *p, const char *end)
{
    const char *line_end = memchr(p, '\n', (size_t)(end - p));

    if (line_end == NULL || !request_line_read(r, p, line_end))
        return false;
    for (p = line_end + 1; p < end; p = line_end + 1) {
        line_end = memchr(p, '\n', (size_t)(end - p));
        if (line_end == NULL)
            return false;
        if (line_end - p <= 1)
            return true;
        const char *colon = memchr(p, ':', (size_t)(line_end - p));
        if (colon == NULL)
            return false;
        struct span name = {p, (size_t)(colon - p)};
        if (!header_read(r, name, trimmed(colon + 1, line_end)))
            return false;
    }
    return true;
}

static int hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = (char)(ch | 0x20);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* A chunk's size line; bytes used, 0 if more is needed, -1 if it is nonsense. */
static long chunk_head_read(const char *p, size_t n, size_t *ret_size)
{
    const char *line_end = memchr(p, '\n', n);
    size_t size = 0;
    int digits = 0;

    if (line_end == NULL)
        return n > 256 ? -1 : 0;
    for (const char *q = p; hex_digit(*q) >= 0 && digits < 12; q++, digits++)
        size = size * 16 + (size_t)hex_digit(*q);
    if (digits == 0)
        return -1;
    *ret_size = size;
    return line_end - p + 1;
}

/*
 * Joins the chunks that start at `at` into one piece, in place; trailers are skipped. Nothing is
 * moved before the last chunk is there, so an incomplete body can be looked at again later.
 */
static long chunked_body_read(struct out *in, size_t at, struct span *ret_body)
{
    for (int pass = 0; pass < 2; pass++) {
        size_t from = at, to = at, size = 1;
        while (size != 0) {
            long used = chunk_head_read(in->p + from, in->n - from, &size);
            if (used <= 0)
                return used;
            from += (size_t)used;
            if (in->n - from < size + (size != 0 ? 2 : 0))
                return 0;
            if (pass == 1)
                memmove(in->p + to, in->p + from, size);
            to += size;
            from += size != 0 ? size + 2 : 0;
        }
        for (bool blank = false; !blank;) {
            const char *line_end = memchr(in->p + from, '\n', in->n - from);
            if (line_end == NULL)
                return 0;
            blank = line_end - (in->p + from) <= 1;
            from = (size_t)(line_end - in->p) + 1;
        }
        if (pass == 1) {
            *ret_body = (struct span){in->p + at, to - at};
            return (long)from;
        }
    }
    return -1;
}

long request_parse(struct out *in, struct request *ret_request)
{
    const char *head_end = memmem(in->p, in->n, "\r\n\r\n", 4);

    *ret_request = (struct request){0};
    if (head_end == NULL)
        return in->n > 65536 ? -1 : 0;
    size_t head = (size_t)(head_end - in->p) + 4;
    if (!head_read(ret_request, in->p, in->p + head))
        return -1;
    if (ret_request->chunked)
        return chunked_body_read(in, head, &ret_request->body);
    if (in->n - head < ret_request->content_length)
        return 0;
    ret_request->body = (struct span){in->p + head, ret_request->content_length};
    return (long)(head + ret_request->content_length);
}
