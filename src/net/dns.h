/*
 * dns.h: names to addresses, on the pool of threads, remembered for DNS_TTL_MS.
 *
 * Numeric addresses are answered at once. A failed look-up is remembered for a second; while a
 * fresh look-up fails (or takes longer than a second), an older answer is still given for
 * DNS_STALE_MS. Tasks that ask for the same name at the same time share one look-up.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include <sys/socket.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

#define DNS_TTL_MS      30000
#define DNS_STALE_MS    3600000
#define DNS_ADDRS_MAX   8
#define DNS_ENTRIES_MAX 256

struct dns_addrs {
    unsigned count;
    struct sockaddr_storage at[DNS_ADDRS_MAX]; /* in the order to try */
    socklen_t len[DNS_ADDRS_MAX];
};

YIELDS MUSTCHECK int dns_resolve(const char *host, unsigned port, struct dns_addrs *ret_addrs,
                                 struct fault *f);
void dns_cache_clear(void);

/* The door to the system: `fn` runs on a thread of the pool and leaves the ports alone. Tests put
 * their own there; NULL is getaddrinfo again. */
typedef int dns_lookup(const char *host, struct dns_addrs *ret_addrs, struct fault *f);
void dns_lookup_set(dns_lookup *fn);

#endif
