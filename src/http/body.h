/*
 * body.h: the body of one message, read in pieces: the half that server and client share.
 *
 * A piece points into the read buffer and is valid until the next call. It is all that is there:
 * body_read waits only when there is nothing. Internal to http/.
 */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "http/parser.h"
#include "http/rbuf.h"
#include "net/stream.h"

struct body {
    struct rbuf *in;
    struct stream *stream;
    struct http_parser *parser;
    enum http_framing framing;
    int64_t left;  /* HTTP_BODY_LENGTH: bytes that are still to come */
    bool done;     /* all of it has been given out */
    int err_later; /* the chunks behind the piece that was given are broken */
};

/* The header has been read; trailers go to `trailers`. */
void body_begin(struct body *b, enum http_framing framing, int64_t length,
                struct http_headers *trailers);

/* n == 0 at the end. The stream's errors (E_EOF in the middle of it too), E_BAD_HTTP, E_MEMORY. */
YIELDS MUSTCHECK int body_read(struct body *b, struct str *ret_piece);

/*
 * HTTP_BODY_LENGTH only: the next bytes straight into `out`, which has room for all that is left;
 * *ret_n of them, at least one.
 */
YIELDS MUSTCHECK int body_read_some(struct body *b, char *out, size_t *ret_n);

#endif
