/*
 * parser.h: the header and the chunks of one message, over llhttp in its strict mode.
 *
 * Pure: bytes go in as they arrive, in pieces of any size. The header is parsed in place; names
 * and values point into the caller's bytes, which must stay together until the header is complete
 * (http_parser_moved tells the parser that they were moved). Then http_parser_keep copies the whole
 * header once and makes everything point there. Chunks are decoded in place as well: data bytes
 * move to the front, so that many small chunks come out as one piece.
 *
 * llhttp reads the header and the chunks; how long a body is gets decided here, in one place.
 * Internal to http/.
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

/* llhttp's methods are called as ours are (message.h); its seven get out of the way. */
#define HTTP_GET     LLHTTP_GET
#define HTTP_HEAD    LLHTTP_HEAD
#define HTTP_POST    LLHTTP_POST
#define HTTP_PUT     LLHTTP_PUT
#define HTTP_DELETE  LLHTTP_DELETE
#define HTTP_PATCH   LLHTTP_PATCH
#define HTTP_OPTIONS LLHTTP_OPTIONS
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_DELETE
#undef HTTP_PATCH
#undef HTTP_OPTIONS

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "http/message.h"

/* Bytes of framing (chunk sizes and their extensions) that a body may have beyond 16 a byte. */
#define HTTP_CHUNK_OVERHEAD_MAX (16 * 1024)
#define HTTP_TRAILER_BYTES_MAX  (8 * 1024)

enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

struct http_parser {
    llhttp_t ll;
    const struct http_limits *limits;
    struct http_headers *fields; /* the headers, later the trailers */
    struct str target;           /* requests */
    struct str method;           /* requests, as it was written */
    size_t header_bytes;         /* fed so far; at the end: the header's length */
    bool in_name;                /* a field is being read */
    bool in_value;               /* of a field or the first line: the next bytes continue it */
    bool header_done, message_done;
    bool in_trailers;

    char *body_to; /* while chunks are decoded: where the next data bytes go */
    uint64_t body_total;
    uint64_t overhead;
    size_t trailer_bytes;
    size_t trailer_cap; /* room of the span that is open */

    int err;          /* why one of our own checks stopped it */
    const char *text; /* a literal that says what is wrong */
};

/* Ready for the next message; `type` is HTTP_REQUEST or HTTP_RESPONSE. Fields go to `fields`. */
void http_parser_begin(struct http_parser *p, llhttp_type_t type, const struct http_limits *limits,
                       struct http_headers *fields);

/*
 * Parses the next bytes of the header. *ret_used is how many of them belong to it; p->header_done
 * tells whether it is complete. E_BAD_HTTP, E_HEADERS_TOO_LARGE, E_MEMORY; p->text says what.
 */
MUSTCHECK int http_parser_header(struct http_parser *p, const char *bytes, size_t n,
                                 size_t *ret_used);

/* The bytes that were fed have moved by `by`. */
void http_parser_moved(struct http_parser *p, ptrdiff_t by);

/* Copies the complete header, which stands at `bytes`, into the arena. E_MEMORY. */
MUSTCHECK int http_parser_keep(struct http_parser *p, const char *bytes, struct arena *arena);

/*
 * How the body that follows is framed, and its length for HTTP_BODY_LENGTH. E_BAD_HTTP where that
 * is not clear beyond doubt. `no_body`: the answer to a HEAD.
 */
MUSTCHECK int http_parser_framing(struct http_parser *p, bool no_body,
                                  enum http_framing *ret_framing, int64_t *ret_length);

/* Would the message's sender keep the connection, as far as its version and Connection say? */
bool http_parser_keep_alive(const struct http_parser *p);

/* Before the first http_parser_chunks: trailers go to `trailers`. */
void http_parser_chunks_begin(struct http_parser *p, struct http_headers *trailers);

/*
 * Decodes chunks in place: *ret_n bytes of data stand at `bytes` afterwards, *ret_used were read;
 * fewer than `n` only if the message ended (p->message_done) or on an error. E_BAD_HTTP, E_MEMORY;
 * the data before the fault is given all the same.
 */
MUSTCHECK int http_parser_chunks(struct http_parser *p, char *bytes, size_t n, size_t *ret_used,
                                 size_t *ret_n);

#endif
