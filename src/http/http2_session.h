/*
 * http2_session.h: what both sides of HTTP/2 share around nghttp2. Internal to http/.
 *
 * nghttp2 goes deep, so it is called on the loop's stack. Its callbacks never wait: what arrives is
 * noted, and what is to be sent waits for the connection's writer, which alone packs and writes.
 */
#ifndef HTTP_HTTP2_SESSION_H
#define HTTP_HTTP2_SESSION_H

#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "http/message.h"

#define HTTP2_SEND_BYTES   (64 * 1024)  /* at most so much is packed ahead of the socket */
#define HTTP2_WINDOW_BYTES (256 * 1024) /* of a body that nobody has read yet */

/* RFC 9113, 6.5.2: what a field counts beside its bytes */
#define HTTP2_FIELD_EXTRA 32

/* What HTTP/1.1 says of its connection has no place here (RFC 9113, 8.2.2), and what the writer of
 * a message sets itself stands there once. */
#define HTTP2_FIELDS_LEFT_OUT                                                                      \
    (FIELDS_HOP_BY_HOP | FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_DATE))

/* Counts frames that carry nothing, a second. */
struct http2_flood {
    int64_t second_ms;
    unsigned frames;
};
/* The frame that begins here: does an honest peer send so many? */
bool http2_flood_bearable(struct http2_flood *f, const nghttp2_frame_hd *hd);

/*
 * What was read. A peer that is not to be gone on with gives E_BAD_HTTP, and its reason is put to
 * what will be sent; E_MEMORY where not even that is possible.
 */
MUSTCHECK int http2_feed(nghttp2_session *session, struct str bytes);

/* What there is to send, behind what `out` has; E_AGAIN: it stays empty. */
MUSTCHECK int http2_pack(nghttp2_session *session, struct buf *out);

/* Nothing of it is copied before it is submitted. */
static inline nghttp2_nv http2_field(struct str name, struct str value)
{
    return (nghttp2_nv){.name = (uint8_t *)name.p,
                        .namelen = name.n,
                        .value = (uint8_t *)value.p,
                        .valuelen = value.n,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

/* Those that are not in the set `left_out`, behind the *n that stand in `out`: names in small
 * letters, in the arena. nghttp2 copies them once more when they are submitted. */
MUSTCHECK int http2_fields(struct arena *arena, const struct http_headers *headers,
                           uint64_t left_out, nghttp2_nv *out, size_t *n);

#endif
