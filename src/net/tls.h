/*
 * tls.h: TLS 1.2 and 1.3, to upstreams and from clients, with OpenSSL.
 *
 * A context is what connections share. One to upstreams holds trust anchors, client certificate and
 * the sessions to resume; it is made once a provider. The certificate and the host name are always
 * verified unless `insecure` was asked for by name. One from clients holds the server's own
 * certificate; it is made once a configuration. An end of the stream without TLS's own farewell
 * reads as E_RESET, since it may be an attacker's cut; E_EOF is clean.
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
    bool http2, only_http2; /* offered by ALPN, beside HTTP/1.1 or in its place */
};

struct tls_server_settings {
    const char *cert_file;      /* the chain, the server's own certificate first */
    const char *key_file;       /* NULL: in cert_file */
    const char *client_ca_file; /* clients need a certificate of these; NULL: none is asked for */
};

/* Lazy: OpenSSL is not touched before the first context is made. A key that asks for a password is
 * refused. */
MUSTCHECK int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_ctx,
                              struct fault *f);
MUSTCHECK int tls_server_context_new(const struct tls_server_settings *settings,
                                     struct tls_context **ret_ctx, struct fault *f);
/* Connections of it that are still open keep what they need. */
void tls_context_free(struct tls_context *ctx);

/*
 * Shakes hands over `lower` and takes it over, also on failure. `host` is verified and sent as
 * SNI. A session of the same host is resumed where there is one. E_TLS with a fault that says what
 * failed; E_RESET when the server hung up; the lower stream's errors.
 */
YIELDS MUSTCHECK int tls_connect(struct tls_context *ctx, struct stream *lower, const char *host,
                                 struct stream **ret_stream, struct fault *f);

/*
 * Lets a client shake hands over `lower`, which stays the caller's and has to outlast *ret_stream.
 * `to_plain`, where it is not NULL, is what a client gets in the clear that speaks plain HTTP.
 * E_TLS with a fault, E_RESET when the client hung up, the lower stream's errors.
 */
YIELDS MUSTCHECK int tls_accept(struct tls_context *ctx, struct stream *lower, const char *to_plain,
                                struct stream **ret_stream, struct fault *f);

/* What both sides have agreed on by ALPN; STR_NONE where it is nothing, or no TLS. */
struct str tls_protocol(const struct stream *s);

/* Did this connection resume an earlier session? False for streams that are not TLS. */
bool tls_was_resumed(const struct stream *s);

#endif
