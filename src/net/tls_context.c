/* tls_context.c: what the connections to one provider share: trust, client certificate, sessions.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/tls_internal.h"
#include "net/tls_trust.h"

/* Of a certificate's names in a fault. */
#define NAMES_SHOWN 4

static const char *openssl_why(void)
{
    unsigned long e = ERR_peek_error(); /* the first: what the later ones are about */
    const char *why = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e))
                                          : ERR_reason_error_string(e);
    return why != NULL ? why : "no further reason given";
}

static int session_new(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_get_app_data(ssl);
    return tls_sessions_add(&t->ctx->sessions, t->host, session);
}

/* Names in a certificate that was made by who knows whom: at most a few, and only plain letters. */
static void names_of(X509 *cert, char *text, size_t text_bytes)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(all), shown = 0;
    size_t at = 0;

    text[0] = '\0';
    for (int i = 0; i < count && shown < NAMES_SHOWN && at < text_bytes; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type != GEN_DNS)
            continue;
        const char *comma = shown++ > 0 ? ", " : "";
        int n = snprintf(text + at, text_bytes - at, "%s%.*s", comma,
                         ASN1_STRING_length(name->d.dNSName),
                         (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        at += n > 0 ? (size_t)n : 0;
    }
    for (char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    GENERAL_NAMES_free(all);
}

/* Whoever sees a wrong name wants to know which one stands there, and only here can it be seen. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    int verdict = X509_STORE_CTX_get_error(store);
    char names[160];

    if (ok == 1 ||
        (verdict != X509_V_ERR_HOSTNAME_MISMATCH && verdict != X509_V_ERR_IP_ADDRESS_MISMATCH))
        return ok;
    struct tls *t = SSL_get_app_data(ssl);
    names_of(X509_STORE_CTX_get0_cert(store), names, sizeof(names));
    fault_set(t->fault, E_TLS, "certificate of %s: %s mismatch%s%s", t->host,
              verdict == X509_V_ERR_HOSTNAME_MISMATCH ? "host name" : "IP address",
              names[0] != '\0' ? ", it is for " : "", names);
    return ok;
}

static int load_files(SSL_CTX *c, const struct tls_settings *s, struct fault *f)
{
    const char *key_file = s->key_file != NULL ? s->key_file : s->cert_file;

    if (s->ca_file != NULL && SSL_CTX_load_verify_file(c, s->ca_file) != 1)
        return fault_set(f, E_TLS, "trusted certificates in %s: %s", s->ca_file, openssl_why());
    if (s->cert_file == NULL)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(c, s->cert_file) != 1)
        return fault_set(f, E_TLS, "client certificate in %s: %s", s->cert_file, openssl_why());
    if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1)
        return fault_set(f, E_TLS, "client key in %s: %s", key_file, openssl_why());
    return 0;
}

static int configure(SSL_CTX *c, const struct tls_settings *s, struct fault *f)
{
    static const unsigned char alpn[] = "\x08http/1.1";

    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(c, alpn, sizeof(alpn) - 1) != 0)
        return fault_set(f, E_TLS, "OpenSSL: %s", openssl_why());
    /* An end without farewell is ours to judge (take_now); to OpenSSL it would be a fatal error
     * that spoils the session, and many servers end that way. */
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_verify(c, s->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       s->insecure ? NULL : on_verify);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, session_new);
    return load_files(c, s, f);
}

void tls_context_unref(struct tls_context *ctx)
{
    if (--ctx->refs > 0)
        return;
    tls_sessions_fini(&ctx->sessions);
    SSL_CTX_free(ctx->ssl_ctx);
    BIO_meth_free(ctx->bio_method);
    free(ctx);
}

int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_ctx,
                    struct fault *f)
{
    struct tls_context *ctx = calloc(1, sizeof(*ctx));

    if (ctx == NULL)
        return E_MEMORY;
    ERR_clear_error();
    ctx->refs = 1;
    ctx->trusts = settings->insecure || settings->ca_file != NULL;
    tls_sessions_init(&ctx->sessions);
    ctx->bio_method = tls_bio_method_new();
    ctx->ssl_ctx = SSL_CTX_new(TLS_client_method());
    int err = E_MEMORY;
    if (ctx->bio_method != NULL && ctx->ssl_ctx != NULL)
        err = configure(ctx->ssl_ctx, settings, f);
    ERR_clear_error();
    if (err != 0) {
        tls_context_unref(ctx);
        return err;
    }
    *ret_ctx = ctx;
    return 0;
}

int tls_context_trust(struct tls_context *ctx)
{
    X509_STORE *store;

    if (ctx->trusts)
        return 0;
    int err = tls_trust_get(&store);
    if (err != 0)
        return err;
    SSL_CTX_set_cert_store(ctx->ssl_ctx, store);
    ctx->trusts = true;
    return 0;
}

void tls_context_free(struct tls_context *ctx)
{
    if (ctx != NULL)
        tls_context_unref(ctx);
}
