/*
 * tls.h: TLS 1.2 and 1.3 to upstreams, with OpenSSL.
 *
 * A context holds trust anchors, client certificate and the sessions to resume; it is made once a
 * provider and shared by its connections. The certificate and the host name are always verified
 * unless `insecure` was asked for by name. (Serving TLS comes with HTTP/2.) An end of the stream
 * without TLS's own farewell reads as E_RESET, since it may be an attacker's cut; E_EOF is clean.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macros.h"
#include "net/stream.h"

struct tls_context;

struct tls_settings {
    const char *ca_file;   /* NULL: the system's, read when the first connection needs them */
    const char *cert_file; /* client certificate; NULL for none */
    const char *key_file;
    bool insecure;
};

/* Lazy: OpenSSL is not touched before the first context is made. */
MUSTCHECK int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_ctx,
                              struct fault *f);
/* Connections of it that are still open keep what they need. */
void tls_context_free(struct tls_context *ctx);

/*
 * Shakes hands over `lower` and takes it over, also on failure. `host` is verified and sent as
 * SNI. A session of the same host is resumed where there is one. E_TLS with a fault that says what
 * failed; E_RESET when the server hung up; the lower stream's errors.
 */
YIELDS MUSTCHECK int tls_connect(struct tls_context *ctx, struct stream *lower, const char *host,
                                 struct stream **ret_stream, struct fault *f);

/* Did this connection resume an earlier session? False for streams that are not TLS. */
bool tls_was_resumed(const struct stream *s);

#endif
