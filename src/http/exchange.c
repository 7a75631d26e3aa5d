/* exchange.c: what every kind of exchange shares. */
#include <stdlib.h>

#include "base/buf.h"
#include "http/server.h"

/* A body of unknown length. */
static int read_pieces(struct exchange *x, size_t bytes_max, struct str *ret_body)
{
    struct buf out;
    struct str piece;
    int err;

    buf_init(&out, bytes_max);
    do {
        err = exchange_read_body(x, &piece);
        if (err == 0)
            err = buf_str(&out, piece);
    } while (err == 0 && piece.n > 0);
    if (err != 0) {
        buf_fini(&out);
        return err;
    }
    size_t n;
    x->held = buf_steal(&out, &n);
    *ret_body = str_of(x->held, n);
    return 0;
}

int exchange_read_all(struct exchange *x, size_t bytes_max, struct str *ret_body)
{
    if (x->body_bytes < 0)
        return read_pieces(x, bytes_max, ret_body);
    if ((uint64_t)x->body_bytes > bytes_max)
        return E_TOO_LARGE;
    if (x->body_bytes > 0)
        return x->ops->read_known(x, ret_body);
    *ret_body = STR("");
    return 0;
}

void exchange_drop_body(struct exchange *x)
{
    free(x->held);
    x->held = NULL;
    x->ops->drop_body(x);
}

int exchange_respond(struct exchange *x, int status, const struct http_headers *headers,
                     struct str body)
{
    int err = exchange_begin(x, status, headers, (int64_t)body.n);
    if (err == 0 && body.n > 0)
        err = exchange_write(x, body);
    if (err == 0)
        err = exchange_end(x, NULL);
    return err;
}

void exchange_refuse(struct exchange *x, const struct http_server_settings *settings, int err,
                     const char *text)
{
    struct http_headers h;

    if (settings->refuse != NULL)
        settings->refuse(settings->arg, x, err, text);
    if (x->begun)
        return;
    http_headers_init(&h, x->arena);
    int failed = http_headers_add(&h, STR("Content-Type"), STR("text/plain; charset=utf-8"));
    if (failed == 0)
        failed = exchange_respond(x, err_status(err), &h, str_from(text));
    (void)failed; /* x->ended tells */
}
