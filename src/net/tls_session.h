/*
 * tls_session.h: the sessions that TLS connections of one context may resume.
 *
 * The newest few of each host, the hosts in order of use. A TLS 1.3 ticket is taken out when it is
 * used, since a second use would let an observer link the two connections (RFC 8446, C.4); a
 * TLS 1.2 session stays. Only for net/tls.c. Nothing here yields.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include <openssl/ssl.h>

#include "base/list.h"

#define TLS_SESSIONS_HOSTS_MAX 64
#define TLS_SESSIONS_PER_HOST  4

struct tls_sessions {
    struct list hosts;
    unsigned count;
};

void tls_sessions_init(struct tls_sessions *all);
void tls_sessions_fini(struct tls_sessions *all);

/* 1: the session was taken over; 0: there is no memory, it stays the caller's (as OpenSSL's
 * callback wants it). */
int tls_sessions_add(struct tls_sessions *all, const char *host, SSL_SESSION *session);

/* Offers the newest usable session of the host to the server, if there is one. */
void tls_sessions_resume(struct tls_sessions *all, const char *host, SSL *ssl);

#endif
