/* tls_internal.h: what tls.c and tls_context.c share; nobody else includes it. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "net/tls.h"
#include "net/tls_session.h"
#include "rt/task.h"

struct tls_context {
    SSL_CTX *ssl_ctx;
    BIO_METHOD *bio_method;
    bool trusts;   /* it has its trusted certificates, or asks for none */
    unsigned refs; /* the owner's and one a connection */
    struct tls_sessions sessions;
};

struct tls {
    struct stream stream;
    struct stream *lower;
    bool borrowed; /* the lower stream is somebody else's to close */
    struct tls_context *ctx;
    SSL *ssl;
    char *host; /* to an upstream: its name; of a client: what faults call it */
    struct buf out;
    bool flushing;
    bool established;
    bool speaks_plain; /* the other side began with a plain HTTP request */
    int lower_err;     /* of the lower stream's last read; E_EOF: it ended */
    int read_err;      /* sticky: how reading ended */
    int write_err;     /* sticky: why nothing can be sent any more */
    struct waitq flushed;
    struct fault *fault; /* the caller's, during the handshake */
};

/* The BIO whose data is a struct tls. */
BIO_METHOD *tls_bio_method_new(void);

/* Sees to it that the context has the system's trusted certificates, if it is to have them. */
YIELDS MUSTCHECK int tls_context_trust(struct tls_context *ctx);

void tls_context_unref(struct tls_context *ctx);

#endif
