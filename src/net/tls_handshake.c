/* tls_handshake.c: how a stream of TLS begins, as a client and as a server. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/tls_internal.h"
#include "rt/loop.h"

static int verify_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return 1; /* an address is no name: it is not sent as one */
    if (X509_VERIFY_PARAM_set1_host(param, host, 0) != 1)
        return 0;
    return SSL_set_tlsext_host_name(ssl, host) == 1;
}

static SSL *ssl_new(struct tls *t)
{
    SSL *ssl = SSL_new(t->ctx->ssl_ctx);
    BIO *bio = BIO_new(t->ctx->bio_method);

    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        BIO_free(bio);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, t);
    return ssl;
}

static void setup_on_loop_stack(void *arg)
{
    struct tls *t = arg;
    SSL *ssl = ssl_new(t);

    if (ssl != NULL && verify_host(ssl, t->host) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        ssl = NULL;
    }
    if (ssl != NULL) {
        SSL_set_connect_state(ssl);
        tls_sessions_resume(&t->ctx->sessions, t->host, ssl);
    }
    t->ssl = ssl;
}

static void setup_server_on_loop_stack(void *arg)
{
    struct tls *t = arg;

    t->ssl = ssl_new(t);
    if (t->ssl != NULL)
        SSL_set_accept_state(t->ssl);
}

static int handshake_fault(struct tls *t, const struct tls_call *c, struct fault *f)
{
    long verdict = SSL_get_verify_result(t->ssl);
    const char *why;

    if (t->lower_err != 0 || t->write_err != 0) {
        int err = t->lower_err != 0 ? t->lower_err : t->write_err;
        if (err == E_EOF || err == E_RESET || err == E_CLOSED)
            return fault_set(f, E_RESET, "%s closed the connection during the TLS handshake",
                             t->host);
        return err;
    }
    if (ERR_GET_REASON(c->reason) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
        why = X509_verify_cert_error_string(verdict);
        return fault_set(f, E_TLS, "certificate of %s: %s", t->host, why);
    }
    why = ERR_reason_error_string(c->reason);
    if (ERR_GET_REASON(c->reason) == SSL_R_WRONG_VERSION_NUMBER)
        why = t->borrowed ? "what it says is not TLS" : "the answer is not TLS";
    return fault_set(f, E_TLS, "TLS with %s: %s", t->host, why != NULL ? why : "it failed");
}

static int shake_hands(struct tls *t, struct fault *f)
{
    for (;;) {
        struct tls_call c = {.what = HANDSHAKE};
        tls_call(t, &c);
        bool failed = c.error != SSL_ERROR_NONE && c.error != SSL_ERROR_WANT_READ;
        if (failed) {
            t->speaks_plain = ERR_GET_REASON(c.reason) == SSL_R_HTTP_REQUEST;
            if (!t->speaks_plain)
                tls_flush_now(t); /* the alert that tells the other side why */
            return handshake_fault(t, &c, f);
        }
        int err = tls_flush(t);
        if (err == E_CLOSED || err == E_RESET)
            return handshake_fault(t, &c, f);
        if (err != 0 || c.error == SSL_ERROR_NONE)
            return err;
        err = stream_wait_readable(t->lower);
        if (err != 0)
            return err;
    }
}

/* "api.example.com." is the same host as without the dot, which certificates never have. */
static char *host_copy(const char *host)
{
    size_t n = strlen(host);
    return strndup(host, n > 1 && host[n - 1] == '.' ? n - 1 : n);
}

static struct tls *tls_new(struct tls_context *ctx, struct stream *lower, const char *host)
{
    struct tls *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->stream.ops = &tls_stream_ops;
    t->lower = lower;
    t->ctx = ctx;
    ctx->refs++;
    buf_init(&t->out, OUT_BYTES_MAX);
    waitq_init(&t->flushed);
    t->host = host_copy(host);
    return t;
}

/* Shakes hands with what the set-up has made. */
static int establish(struct tls *t, struct fault *f)
{
    if (t->host == NULL || t->ssl == NULL)
        return E_MEMORY;
    t->fault = f;
    int err = shake_hands(t, f);
    t->fault = NULL;
    t->established = err == 0;
    t->lower_short = false; /* the first read that waits frees what the handshake has left */
    return err;
}

int tls_connect(struct tls_context *ctx, struct stream *lower, const char *host,
                struct stream **ret_stream, struct fault *f)
{
    struct tls *t = tls_new(ctx, lower, host);

    if (t == NULL) {
        stream_close(lower);
        return E_MEMORY;
    }
    int err = tls_context_trust(ctx);
    if (err == 0 && t->host != NULL)
        loop_stack_call(setup_on_loop_stack, t);
    if (err == 0)
        err = establish(t, f);
    if (err != 0) {
        stream_close(&t->stream);
        return err;
    }
    *ret_stream = &t->stream;
    return 0;
}

/* A client that does not take it at once has gone without it. */
static void tell_plainly(struct stream *lower, struct str text)
{
    size_t n;
    int ignored = stream_write_now(lower, text.p, text.n, &n);

    (void)ignored;
}

int tls_accept(struct tls_context *ctx, struct stream *lower, const char *to_plain,
               struct stream **ret_stream, struct fault *f)
{
    struct tls *t = tls_new(ctx, lower, "a client");

    if (t == NULL)
        return E_MEMORY;
    t->borrowed = true;
    loop_stack_call(setup_server_on_loop_stack, t);
    int err = establish(t, f);
    if (err != 0) {
        if (t->speaks_plain && to_plain != NULL)
            tell_plainly(lower, str_from(to_plain));
        stream_close(&t->stream);
        return err;
    }
    *ret_stream = &t->stream;
    return 0;
}
