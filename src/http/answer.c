/* answer.c: writes the answer's header, its body with or without chunks, and its end. */
#include "http/answer.h"

#include "base/clock.h"
#include "http/head.h"
#include "http/request.h"
#include "rt/task.h"

/* What one deadline of write_ms covers: a slow client has that long for so many bytes. */
#define WRITE_SLICE_BYTES (256 * 1024)

static int write_slice(struct server_conn *c, struct iovec *iov, int count)
{
    int64_t outer = task_deadline(clock_cached_ms() + c->settings->limits->write_ms);
    int err = stream_writev(c->stream, iov, count);

    task_deadline_restore(outer);
    if (err == 0)
        return 0;
    c->broken = true;
    if (err == E_TIMEOUT && clock_cached_ms() >= outer)
        return err;
    return err == E_CLOSED || err == E_RESET || err == E_EOF || err == E_TIMEOUT ? E_CLIENT_GONE
                                                                                 : err;
}

static int write_all(struct server_conn *c, struct iovec *iov, int count)
{
    if (c->broken)
        return E_CLIENT_GONE;
    while (count > 0) {
        struct iovec rest = {NULL, 0};
        size_t room = WRITE_SLICE_BYTES;
        int whole = 0;
        while (whole < count && iov[whole].iov_len <= room)
            room -= iov[whole++].iov_len;
        if (whole == count)
            return write_slice(c, iov, count);
        rest.iov_base = (char *)iov[whole].iov_base + room;
        rest.iov_len = iov[whole].iov_len - room;
        iov[whole].iov_len = room;
        int err = write_slice(c, iov, whole + 1);
        if (err != 0)
            return err;
        iov += whole;
        count -= whole;
        iov[0] = rest;
    }
    return 0;
}

int answer_continue(struct server_conn *c)
{
    struct iovec iov = {(void *)"HTTP/1.1 100 Continue\r\n\r\n", 25};

    if (!c->expects_continue)
        return 0;
    c->expects_continue = false;
    /* Not where the body is coming anyway, and not behind the answer. */
    if (rbuf_held(&c->in) > 0 || c->x.begun)
        return 0;
    return write_all(c, &iov, 1);
}

static char *put_status(char *at, int status)
{
    at = put_str(at, STR("HTTP/1.1 "));
    at = put_u64(at, (uint64_t)status);
    *at++ = ' ';
    at = put_str(at, str_from(http_status_text(status)));
    return put_str(at, STR("\r\n"));
}

#define STATUS_LINE_MAX 64
#define FRAMING_MAX     (HEAD_DATE_BYTES + 64 + PUT_U64_MAX + 32)

/* The header into c->head, where it waits for the body's first bytes. */
static int head_make(struct server_conn *c, int status, const struct http_headers *headers,
                     int64_t body_bytes)
{
    char *head = arena_alloc(&c->arena, head_measure(headers) + STATUS_LINE_MAX + FRAMING_MAX);
    if (head == NULL)
        return E_MEMORY;
    char *at = put_status(head, status);
    at = head_date(at);
    at = head_fields(at, headers);
    if (c->chunked) {
        at = put_str(at, STR("Transfer-Encoding: chunked\r\n"));
    } else if (head_has_length(status, body_bytes)) {
        at = put_u64(put_str(at, STR("Content-Length: ")), (uint64_t)body_bytes);
        at = put_str(at, STR("\r\n"));
    }
    if (!c->keep)
        at = put_str(at, STR("Connection: close\r\n"));
    else if (c->minor == 0)
        at = put_str(at, STR("Connection: keep-alive\r\n"));
    at = put_str(at, STR("\r\n"));
    c->head = str_of(head, (size_t)(at - head));
    return 0;
}

int answer_begin(struct exchange *x, int status, const struct http_headers *headers,
                 int64_t body_bytes)
{
    struct server_conn *c = conn_of(x);

    if (c->broken)
        return E_CLIENT_GONE;
    if (x->begun)
        return E_INTERNAL;
    if (status < 200 || status > 999)
        return E_INTERNAL;
    bool draining = c->settings->draining != NULL && *c->settings->draining;
    bool no_body = http_status_has_no_body(status);
    c->swallow = no_body || x->method == HTTP_HEAD;
    c->chunked = body_bytes < 0 && c->minor > 0 && !no_body;
    c->keep = c->keep && !draining && request_is_drainable(c) &&
              (body_bytes >= 0 || c->chunked || no_body);
    int err = head_make(c, status, headers, body_bytes);
    if (err != 0)
        return err;
    if (c->swallow)
        c->chunked = false;
    c->out_left = c->swallow ? 0 : body_bytes;
    x->begun = true;
    x->status = status;
    return 0;
}

/* The header, if it has not gone out yet, and what `iov` has from its second place on. */
static int write_with_head(struct server_conn *c, struct iovec *iov, int count)
{
    if (c->head.n == 0)
        return count > 1 ? write_all(c, iov + 1, count - 1) : c->broken ? E_CLIENT_GONE : 0;
    iov[0] = (struct iovec){(void *)c->head.p, c->head.n};
    c->head = STR_NONE;
    return write_all(c, iov, count);
}

int answer_write(struct exchange *x, struct str bytes)
{
    struct server_conn *c = conn_of(x);
    char size[HEAD_CHUNK_MAX];
    struct iovec iov[4];
    int count = 1;

    if (!x->begun || x->ended)
        return E_INTERNAL;
    if (c->swallow)
        bytes.n = 0;
    if (c->out_left >= 0 && (uint64_t)c->out_left < bytes.n)
        return E_INTERNAL;
    if (bytes.n > 0) {
        if (c->chunked) {
            char *end = head_chunk(size, bytes.n);
            iov[count++] = (struct iovec){size, (size_t)(end - size)};
        }
        iov[count++] = (struct iovec){(void *)bytes.p, bytes.n};
        if (c->chunked)
            iov[count++] = (struct iovec){(void *)"\r\n", 2};
    }
    int err = write_with_head(c, iov, count);
    if (err != 0)
        return err;
    if (c->out_left > 0)
        c->out_left -= (int64_t)bytes.n;
    x->bytes_out += bytes.n;
    return 0;
}

/* "0" and the trailers. */
static int last_chunk(struct server_conn *c, const struct http_headers *trailers,
                      struct str *ret_bytes)
{
    *ret_bytes = STR("0\r\n\r\n");
    if (trailers == NULL || trailers->n == 0)
        return 0;
    char *bytes = arena_alloc(&c->arena, head_measure(trailers) + 5);
    if (bytes == NULL)
        return E_MEMORY;
    char *at = head_fields(put_str(bytes, STR("0\r\n")), trailers);
    at = put_str(at, STR("\r\n"));
    *ret_bytes = str_of(bytes, (size_t)(at - bytes));
    return 0;
}

int answer_end(struct exchange *x, const struct http_headers *trailers)
{
    struct server_conn *c = conn_of(x);
    struct iovec iov[2];
    int count = 1;

    if (!x->begun || x->ended)
        return E_INTERNAL;
    if (c->out_left > 0) {
        c->broken = true; /* less than was promised: only the connection's end can say so */
        return E_INTERNAL;
    }
    if (c->chunked) {
        struct str last;
        int err = last_chunk(c, trailers, &last);
        if (err != 0)
            return err;
        iov[count++] = (struct iovec){(void *)last.p, last.n};
    }
    int err = write_with_head(c, iov, count);
    if (err == 0)
        x->ended = true;
    return err;
}
