/*
 * tls_trust.h: the system's trusted certificates, read once and shared by all contexts.
 *
 * Reading the usual bundle of 150 takes 17 ms and a megabyte, so it waits for the first connection
 * that needs it, and is done on the pool. A directory of certificates by hash (Debian's
 * /etc/ssl/certs) is preferred to the bundle, since OpenSSL reads from it just what it needs;
 * SSL_CERT_FILE and SSL_CERT_DIR have their usual meaning. A context made later than
 * TLS_TRUST_TTL_MS after the last reading has it read again.
 */
#ifndef NET_TLS_TRUST_H
#define NET_TLS_TRUST_H

#include <openssl/x509.h>

#include "base/macros.h"

#define TLS_TRUST_TTL_MS 3600000

/* With a reference for the caller. E_MEMORY, or how the wait ended. */
YIELDS MUSTCHECK int tls_trust_get(X509_STORE **ret_store);

#endif
