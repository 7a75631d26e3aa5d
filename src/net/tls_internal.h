/* tls_internal.h: what tls.c, tls_context.c and tls_handshake.c share; nobody else includes it. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "net/tls.h"
#include "net/tls_session.h"
#include "rt/task.h"

#define RECORD_BYTES 16384

/* Records are collected up to this before they are sent; one more may come on top. */
#define FLUSH_BYTES   (4 * RECORD_BYTES)
#define OUT_BYTES_MAX (FLUSH_BYTES + 4 * RECORD_BYTES)

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
    bool drained;      /* without more from below there is nothing to read */
    bool lower_short;  /* the lower stream gave less than was asked for, and was not waited for */
    bool speaks_plain; /* the other side began with a plain HTTP request */
    int lower_err;     /* of the lower stream's last read; E_EOF: it ended */
    int read_err;      /* sticky: how reading ended */
    int write_err;     /* sticky: why nothing can be sent any more */
    struct waitq flushed;
    struct fault *fault; /* the caller's, during the handshake */
};

extern const struct stream_ops tls_stream_ops;

/* ---- calls into OpenSSL, on the loop's stack */

enum tls_what { HANDSHAKE, READ, PEEK, WRITE };

struct tls_call {
    struct tls *t;
    enum tls_what what;
    void *bytes;
    size_t n;
    size_t done;
    int error; /* SSL_get_error's */
    unsigned long reason;
};

void tls_call(struct tls *t, struct tls_call *c);

/* Sends what OpenSSL has written, also what is added meanwhile. */
YIELDS MUSTCHECK int tls_flush(struct tls *t);
/* The same as far as it goes without waiting: a farewell, for which nobody waits. */
void tls_flush_now(struct tls *t);

/* The BIO whose data is a struct tls. */
BIO_METHOD *tls_bio_method_new(void);

/* Sees to it that the context has the system's trusted certificates, if it is to have them. */
YIELDS MUSTCHECK int tls_context_trust(struct tls_context *ctx);

void tls_context_unref(struct tls_context *ctx);

#endif
