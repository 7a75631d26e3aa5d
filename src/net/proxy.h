/*
 * proxy.h: the PROXY protocol, versions 1 and 2: what a proxy says ahead of a connection's bytes
 * about the client that it speaks for.
 *
 * Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"
#include "net/address.h"
#include "net/stream.h"

/* A longer header is refused; one of version 2 is as long as what the proxy adds to it. */
#define PROXY_BYTES_MAX 4096

/*
 * Looks at the first bytes of a connection. *ret_more > 0: at least so many further bytes belong to
 * the header too, and `client` is as it was. 0: `bytes` is all of it, and `client` is who is spoken
 * for; it is left alone where the proxy speaks for itself (LOCAL) or does not say (UNKNOWN). Of a
 * unix: client it has just the family. E_BAD_HTTP with a fault where this is no such header.
 */
MUSTCHECK int proxy_look(struct str bytes, size_t *ret_more, union address *client,
                         struct fault *f);

/* Reads the header, and no byte more. The stream's errors, E_EOF where nothing came at all. */
YIELDS MUSTCHECK int proxy_read(struct stream *s, union address *client, struct fault *f);

#endif
