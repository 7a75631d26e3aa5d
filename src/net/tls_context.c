/* tls_context.c: what connections share: to one provider trust, client certificate and sessions,
 * from clients the server's certificate. */
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

/* Whoever needs a password is refused: nobody is there to type it. */
static int no_password(char *out UNUSED, int bytes UNUSED, int writing UNUSED, void *arg UNUSED)
{
    return -1;
}

/* `whose` is "client" or "server". */
static int load_identity(SSL_CTX *c, const char *whose, const char *cert_file, const char *key_file,
                         struct fault *f)
{
    if (key_file == NULL)
        key_file = cert_file;
    SSL_CTX_set_default_passwd_cb(c, no_password);
    if (SSL_CTX_use_certificate_chain_file(c, cert_file) != 1)
        return fault_set(f, E_TLS, "%s certificate in %s: %s", whose, cert_file, openssl_why());
    if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1)
        return fault_set(f, E_TLS, "%s key in %s: %s", whose, key_file, openssl_why());
    return 0;
}

static int load_files(SSL_CTX *c, const struct tls_settings *s, struct fault *f)
{
    if (s->ca_file != NULL && SSL_CTX_load_verify_file(c, s->ca_file) != 1)
        return fault_set(f, E_TLS, "trusted certificates in %s: %s", s->ca_file, openssl_why());
    if (s->cert_file == NULL)
        return 0;
    return load_identity(c, "client", s->cert_file, s->key_file, f);
}

/* Both ways. */
static int configure_all(SSL_CTX *c, struct fault *f)
{
    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1)
        return fault_set(f, E_TLS, "OpenSSL: %s", openssl_why());
    /* An end without farewell is ours to judge (take_now); to OpenSSL it would be a fatal error
     * that spoils the session, and many end that way. */
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1);
    return 0;
}

static int configure(SSL_CTX *c, const struct tls_settings *s, struct fault *f)
{
    static const unsigned char all[] = "\x02h2\x08http/1.1";
    const unsigned char *alpn = s->http2 || s->only_http2 ? all : all + 3;
    unsigned alpn_n = s->only_http2 ? 3 : s->http2 ? sizeof(all) - 1 : sizeof(all) - 4;

    int err = configure_all(c, f);
    if (err != 0)
        return err;
    if (SSL_CTX_set_alpn_protos(c, alpn, alpn_n) != 0)
        return fault_set(f, E_TLS, "OpenSSL: %s", openssl_why());
    SSL_CTX_set_verify(c, s->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       s->insecure ? NULL : on_verify);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, session_new);
    return load_files(c, s, f);
}

/* ---- from clients */

/* A client that names protocols and none of ours is told so (RFC 7301, 3.2). */
static int alpn_choose(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg UNUSED)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;

    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int ask_clients(SSL_CTX *c, const char *ca_file, struct fault *f)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_file);

    if (names == NULL || SSL_CTX_load_verify_file(c, ca_file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fault_set(f, E_TLS, "certificates of clients in %s: %s", ca_file, openssl_why());
    }
    SSL_CTX_set_client_CA_list(c, names); /* which takes them over */
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static int configure_server(SSL_CTX *c, const struct tls_server_settings *s, struct fault *f)
{
    static const unsigned char id[] = "sluice";

    int err = configure_all(c, f);
    if (err == 0)
        err = load_identity(c, "server", s->cert_file, s->key_file, f);
    if (err == 0 && s->client_ca_file != NULL)
        err = ask_clients(c, s->client_ca_file, f);
    if (err != 0)
        return err;
    SSL_CTX_set_alpn_select_cb(c, alpn_choose, NULL);
    /* Sessions are the clients' to keep, as tickets; one is enough for who comes back. */
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_set_session_id_context(c, id, sizeof(id) - 1) != 1 ||
        SSL_CTX_set_num_tickets(c, 1) != 1)
        return fault_set(f, E_TLS, "OpenSSL: %s", openssl_why());
    return 0;
}

/* ---- the context */

void tls_context_unref(struct tls_context *ctx)
{
    if (--ctx->refs > 0)
        return;
    tls_sessions_fini(&ctx->sessions);
    SSL_CTX_free(ctx->ssl_ctx);
    BIO_meth_free(ctx->bio_method);
    free(ctx);
}

static struct tls_context *context_alloc(const SSL_METHOD *method)
{
    struct tls_context *ctx = calloc(1, sizeof(*ctx));

    if (ctx == NULL)
        return NULL;
    ERR_clear_error();
    ctx->refs = 1;
    tls_sessions_init(&ctx->sessions);
    ctx->bio_method = tls_bio_method_new();
    ctx->ssl_ctx = SSL_CTX_new(method);
    if (ctx->bio_method == NULL || ctx->ssl_ctx == NULL) {
        tls_context_unref(ctx);
        return NULL;
    }
    return ctx;
}

/* Hands it out, or throws it away with the error that configuring it gave. */
static int context_give(struct tls_context *ctx, int err, struct tls_context **ret_ctx)
{
    ERR_clear_error();
    if (err != 0)
        tls_context_unref(ctx);
    else
        *ret_ctx = ctx;
    return err;
}

int tls_context_new(const struct tls_settings *settings, struct tls_context **ret_ctx,
                    struct fault *f)
{
    struct tls_context *ctx = context_alloc(TLS_client_method());

    if (ctx == NULL)
        return E_MEMORY;
    ctx->trusts = settings->insecure || settings->ca_file != NULL;
    return context_give(ctx, configure(ctx->ssl_ctx, settings, f), ret_ctx);
}

int tls_server_context_new(const struct tls_server_settings *settings, struct tls_context **ret_ctx,
                           struct fault *f)
{
    struct tls_context *ctx = context_alloc(TLS_server_method());

    if (ctx == NULL)
        return E_MEMORY;
    ctx->trusts = true; /* whom to trust is in client_ca_file alone */
    return context_give(ctx, configure_server(ctx->ssl_ctx, settings, f), ret_ctx);
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
