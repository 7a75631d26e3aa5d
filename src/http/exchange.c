/* exchange.c: what every kind of exchange shares. */
#include <stdlib.h>

#include "base/buf.h"
#include "http/server.h"

#define PADDING 8 /* zero bytes behind a body, for parsers that look ahead */

static int read_known(struct exchange *x, char **ret_bytes, size_t *ret_n)
{
    size_t n = (size_t)x->body_bytes;
    char *bytes = malloc(n + PADDING);

    if (bytes == NULL)
        return E_MEMORY;
    int err = n > 0 ? x->ops->read_into(x, bytes) : 0;
    if (err != 0) {
        free(bytes);
        return err;
    }
    memset(bytes + n, 0, PADDING);
    *ret_bytes = bytes;
    *ret_n = n;
    return 0;
}

/* The ceiling of `out` is the limit, with room for the padding. */
static int read_pieces(struct exchange *x, struct buf *out)
{
    for (;;) {
        struct str piece;
        int err = exchange_read_body(x, &piece);
        if (err != 0 || piece.n == 0)
            return err != 0 ? err : buf_add(out, "\0\0\0\0\0\0\0", PADDING);
        err = buf_str(out, piece);
        if (err != 0)
            return err;
    }
}

int exchange_read_all(struct exchange *x, size_t bytes_max, char **ret_bytes, size_t *ret_n)
{
    struct buf out;

    if (x->body_bytes > 0 && (uint64_t)x->body_bytes > bytes_max)
        return E_TOO_LARGE;
    if (x->body_bytes >= 0 && x->ops->read_into != NULL)
        return read_known(x, ret_bytes, ret_n);
    buf_init(&out, bytes_max + PADDING);
    int err = read_pieces(x, &out);
    if (err != 0) {
        buf_fini(&out);
        return err;
    }
    *ret_bytes = buf_steal(&out, ret_n);
    *ret_n -= PADDING;
    return 0;
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
