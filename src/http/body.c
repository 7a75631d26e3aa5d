/* body.c: bodies with a length, in chunks, or up to the end of the stream. */
#include "http/body.h"

void body_begin(struct body *b, enum http_framing framing, int64_t length,
                struct http_headers *trailers)
{
    b->framing = framing;
    b->left = length;
    b->done = framing == HTTP_BODY_NONE;
    b->err_later = 0;
    if (framing == HTTP_BODY_CHUNKED)
        http_parser_chunks_begin(b->parser, trailers);
}

static int read_length(struct body *b, struct str *ret_piece)
{
    struct str piece = rbuf_view(b->in);

    if ((uint64_t)b->left < piece.n)
        piece.n = (size_t)b->left;
    b->in->from += piece.n;
    b->left -= (int64_t)piece.n;
    b->done = b->left == 0;
    *ret_piece = piece;
    return 0;
}

/* May give an empty piece although the body goes on: the bytes held nothing but framing. */
static int read_chunks(struct body *b, struct str *ret_piece)
{
    struct rbuf *in = b->in;
    char *at = in->mem + in->from;
    size_t used = 0;
    size_t n = 0;
    int err = http_parser_chunks(b->parser, at, rbuf_held(in), &used, &n);

    in->from += used;
    b->done = b->parser->message_done;
    *ret_piece = str_of(at, n);
    if (err != 0 && n > 0) {
        b->err_later = err;
        return 0;
    }
    return err;
}

static int read_rest(struct body *b, struct str *ret_piece)
{
    *ret_piece = rbuf_view(b->in);
    b->in->from = b->in->to;
    return 0;
}

int body_read(struct body *b, struct str *ret_piece)
{
    *ret_piece = STR_NONE;
    if (b->err_later != 0)
        return b->err_later;
    if (b->done && rbuf_held(b->in) == 0)
        rbuf_drop(b->in); /* the last piece was taken */
    while (!b->done && ret_piece->n == 0) {
        int err = rbuf_held(b->in) > 0 ? 0 : rbuf_fill(b->in, b->stream);
        if (err == E_EOF && b->framing == HTTP_BODY_UNTIL_CLOSE) {
            b->done = true;
            return 0;
        }
        if (err != 0)
            return err;
        if (b->framing == HTTP_BODY_LENGTH)
            err = read_length(b, ret_piece);
        else if (b->framing == HTTP_BODY_CHUNKED)
            err = read_chunks(b, ret_piece);
        else
            err = read_rest(b, ret_piece);
        if (err != 0)
            return err;
    }
    return 0;
}

int body_read_some(struct body *b, char *out, size_t *ret_n)
{
    size_t n = rbuf_held(b->in);

    if (n > 0) {
        if ((uint64_t)b->left < n)
            n = (size_t)b->left;
        memcpy(out, b->in->mem + b->in->from, n);
        b->in->from += n;
    }
    if (rbuf_held(b->in) == 0)
        rbuf_drop(b->in);
    if (n == 0) {
        int err = stream_read(b->stream, out, (size_t)b->left, &n);
        if (err != 0)
            return err;
    }
    b->left -= (int64_t)n;
    b->done = b->left == 0;
    *ret_n = n;
    return 0;
}
