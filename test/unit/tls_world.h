/*
 * tls_world.h: a TLS server for tests, over any stream and in a task of its own, with
 * certificates made on the spot.
 *
 * The server is OpenSSL over memory BIOs, as far from net/tls.c's own way as can be.
 */
#ifndef TEST_TLS_WORLD_H
#define TEST_TLS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/stream.h"
#include "net/tls.h"
#include "rt/loop.h"
#include "rt/task.h"

#define DAY_S 86400L

struct identity {
    EVP_PKEY *key;
    X509 *cert;
};

struct tls_server {
    SSL_CTX *ctx;
    struct stream *stream;
    SSL *ssl;
    BIO *in, *out;
};

/* ---- certificates */

static inline void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(cert, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* `names` as OpenSSL writes them ("DNS:a.example,IP:127.0.0.1"); NULL makes an authority. */
static inline struct identity identity_new(const struct identity *ca, const char *name,
                                           const char *names, long from_s, long until_s)
{
    static long serial = 1;
    struct identity id = {EVP_EC_gen("P-256"), X509_new()};
    const struct identity *issuer = ca != NULL ? ca : &id;
    X509_NAME *subject = X509_get_subject_name(id.cert);

    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), until_s);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(issuer->cert));
    add_extension(id.cert, issuer->cert, NID_basic_constraints,
                  names == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (names != NULL)
        add_extension(id.cert, issuer->cert, NID_subject_alt_name, names);
    assert_true(X509_sign(id.cert, issuer->key, EVP_sha256()) > 0);
    return id;
}

static inline void identity_free(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

/* Into a file of its own, whose name goes to `path` (of at least 32 bytes). */
static inline void write_pem(const struct identity *id, bool with_key, char *path)
{
    snprintf(path, 32, "/tmp/sluice-test-XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, id->cert), 1);
    if (with_key)
        assert_int_equal(PEM_write_PrivateKey(file, id->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

/* ---- the server */

static inline int choose_http1(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                               const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char http1[] = "\x08http/1.1";

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto((unsigned char **)out, out_len, http1, sizeof(http1) - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static inline SSL_CTX *server_context(const struct identity *id)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_use_certificate(ctx, id->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, id->key), 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_http1, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    return ctx;
}

static inline void server_init(struct tls_server *s, SSL_CTX *ctx, struct stream *stream)
{
    *s = (struct tls_server){.ctx = ctx, .stream = stream};
    s->ssl = SSL_new(ctx);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    assert_true(s->ssl != NULL && s->in != NULL && s->out != NULL);
    SSL_set_bio(s->ssl, s->in, s->out);
    SSL_set_accept_state(s->ssl);
}

static inline void server_fini(struct tls_server *s)
{
    SSL_free(s->ssl);
    stream_close(s->stream);
}

static inline int server_flush(struct tls_server *s)
{
    char *bytes;
    long n = BIO_get_mem_data(s->out, &bytes);
    int err = 0;

    if (n > 0) {
        char *copy = malloc((size_t)n);
        memcpy(copy, bytes, (size_t)n);
        BIO_reset(s->out);
        err = stream_write(s->stream, str_of(copy, (size_t)n));
        free(copy);
    }
    return err;
}

static inline int server_feed(struct tls_server *s)
{
    char bytes[4096];
    size_t n;
    int err = stream_read(s->stream, bytes, sizeof(bytes), &n);

    if (err == 0)
        assert_int_equal(BIO_write(s->in, bytes, (int)n), (int)n);
    return err;
}

enum server_what { SERVER_ACCEPT, SERVER_READ, SERVER_WRITE, SERVER_SHUTDOWN };

struct server_call {
    struct tls_server *s;
    enum server_what what;
    void *bytes;
    int n, result, error;
};

static inline void server_call_main(void *arg)
{
    struct server_call *c = arg;

    ERR_clear_error();
    if (c->what == SERVER_ACCEPT)
        c->result = SSL_accept(c->s->ssl);
    else if (c->what == SERVER_READ)
        c->result = SSL_read(c->s->ssl, c->bytes, c->n);
    else if (c->what == SERVER_WRITE)
        c->result = SSL_write(c->s->ssl, c->bytes, c->n);
    else
        c->result = SSL_shutdown(c->s->ssl);
    c->error = c->result > 0 ? SSL_ERROR_NONE : SSL_get_error(c->s->ssl, c->result);
    ERR_clear_error();
}

/* > 0: the bytes done. 0: the client said goodbye. Else an error of the stream, or E_TLS. */
static inline int server_do(struct tls_server *s, enum server_what what, void *bytes, size_t n)
{
    struct server_call c = {.s = s, .what = what, .bytes = bytes, .n = (int)n};

    for (;;) {
        loop_stack_call(server_call_main, &c);
        int err = server_flush(s);
        if (err != 0)
            return err;
        if (c.error == SSL_ERROR_NONE || what == SERVER_SHUTDOWN)
            return c.result;
        if (c.error == SSL_ERROR_ZERO_RETURN)
            return 0;
        if (c.error != SSL_ERROR_WANT_READ)
            return E_TLS;
        err = server_feed(s);
        if (err != 0)
            return err;
    }
}

/* ---- a server and its clients */

struct tls_world {
    SSL_CTX *server_ctx;
    /* What the server does with a connection whose handshake went well; NULL: hangs up politely. */
    void (*serve)(struct tls_world *w, struct tls_server *s);
    size_t pair_bytes;
    int accepted; /* the last handshake's result on the server's side */
    char server_name[64], protocol[16];
    unsigned serving; /* tasks */
    struct waitq ended;
    struct stream *next;
    void *arg;
};

static inline void world_serve(void *arg)
{
    struct tls_world *w = arg;
    struct tls_server s;

    server_init(&s, w->server_ctx, w->next);
    w->accepted = server_do(&s, SERVER_ACCEPT, NULL, 0);
    if (w->accepted > 0) {
        const char *name = SSL_get_servername(s.ssl, TLSEXT_NAMETYPE_host_name);
        const unsigned char *alpn;
        unsigned alpn_len;
        snprintf(w->server_name, sizeof(w->server_name), "%s", name != NULL ? name : "");
        SSL_get0_alpn_selected(s.ssl, &alpn, &alpn_len);
        snprintf(w->protocol, sizeof(w->protocol), "%.*s", (int)alpn_len, (const char *)alpn);
        if (w->serve != NULL)
            w->serve(w, &s);
        else
            server_do(&s, SERVER_SHUTDOWN, NULL, 0);
    }
    server_fini(&s);
    w->serving--;
    waitq_wake_all(&w->ended);
}

static inline void world_init(struct tls_world *w, SSL_CTX *server_ctx)
{
    *w = (struct tls_world){.server_ctx = server_ctx, .pair_bytes = 65536};
    waitq_init(&w->ended);
}

/* A connection to a new server task. */
static inline int world_connect(struct tls_world *w, struct tls_context *ctx, const char *host,
                                struct stream **ret_stream, struct fault *f)
{
    struct stream *lower;

    assert_int_equal(stream_pair_new(w->pair_bytes, &lower, &w->next), 0);
    assert_int_equal(task_spawn("server", world_serve, w, NULL), 0);
    w->serving++;
    return tls_connect(ctx, lower, host, ret_stream, f);
}

/* Until all servers have ended. */
static inline void world_join(struct tls_world *w)
{
    while (w->serving > 0)
        assert_int_equal(waitq_wait(&w->ended), 0);
}

#endif
