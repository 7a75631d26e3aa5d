/*
 * http2.h: one client connection that speaks HTTP/2 (RFC 9113), over nghttp2.
 *
 * Each request is a task of its own and looks like any other exchange (http/server.h). What a
 * handler does not read is not taken from the client, and a write waits until the client's window
 * has let it through: flow control is the back pressure.
 *
 * As many as HTTP2_STREAMS_MAX run at once on a connection, and on all of them together as many as
 * the settings' `streams` say. A connection gets no more than half of those, and its first stream
 * always, so that nobody is worse off than with HTTP/1.1 for what others do. Beyond it a stream is
 * reset with REFUSED_STREAM, not answered with 503: it tells the client that nothing has been done,
 * so that also a POST may be sent again (RFC 9113, 8.7), which libraries do by themselves; and it
 * costs neither a task nor an answer that the client might never take, just when those are scarce.
 *
 * A client that resets streams, sends SETTINGS, PING or CONTINUATION frames or fields beyond all
 * measure loses its connection (CVE-2023-44487, CVE-2024-28182 and their kin).
 *
 * The limits and handlers are those of HTTP/1.1. While draining, clients are told that no further
 * stream is taken. Internal to http/, which tells the protocols apart by their first bytes.
 */
#ifndef HTTP_HTTP2_H
#define HTTP_HTTP2_H

#include <stdbool.h>

#include "base/macros.h"
#include "http/rbuf.h"
#include "http/server.h"

#define HTTP2_STREAMS_MAX 128 /* less than 100 is not recommended (RFC 9113, 6.5.2) */

/* Serves the connection to its end; `in` has what was read of it already, and is empty afterwards.
 * Does not close the stream. */
YIELDS void http2_serve(struct stream *s, struct rbuf *in, struct str client,
                        const struct http_server_settings *settings);

#endif
