/*
 * http2.h: one client connection that speaks HTTP/2 (RFC 9113), over nghttp2.
 *
 * Each request is a task of its own and looks like any other exchange (http/server.h); as many as
 * HTTP2_STREAMS_MAX run at once. What a handler does not read is not taken from the client, and a
 * write waits until the client's window has let it through: flow control is the back pressure.
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

#define HTTP2_STREAMS_MAX 128

/* Serves the connection to its end; `in` has what was read of it already, and is empty afterwards.
 * Does not close the stream. */
YIELDS void http2_serve(struct stream *s, struct rbuf *in, struct str client,
                        const struct http_server_settings *settings);

#endif
