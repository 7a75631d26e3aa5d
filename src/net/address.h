/*
 * address.h: where one listens, and where somebody comes from.
 *
 * As text an address is "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses) or "unix:/path".
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/str.h"

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* Room for the text of one, and for that of its host alone. */
#define ADDRESS_BYTES      128
#define ADDRESS_HOST_BYTES 48

/* E_CONFIG with what was expected. */
MUSTCHECK int address_parse(const char *text, union address *ret_address, socklen_t *ret_len,
                            struct fault *f);
/* E_CONFIG for a family that is none of these. */
MUSTCHECK int address_format(const union address *a, char out[ADDRESS_BYTES]);
/* Of a unix: one just the family. */
void address_copy(union address *to, const struct sockaddr *from);
/* The host's number, such as 203.0.113.7; STR_NONE for a unix: one. IPv4 within IPv6 is IPv4. */
struct str address_host(const struct sockaddr *a, char out[ADDRESS_HOST_BYTES]);

/* ---- of texts; what is none is false */

/* Would two listeners be in each other's way? */
bool address_clashes(const char *address, const char *other);
/* Do both name one and the same? Port 0 is none that is known. */
bool address_is_same(const char *address, const char *other);
/* Does it name loopback only? */
bool address_is_loopback(const char *address);

/* ---- networks */

/* The addresses that share their first `bits` with `first`, as IPv6 sees them; or those of unix:
 * sockets. */
struct network {
    struct in6_addr first;
    unsigned bits;
    bool is_unix;
};

/* "10.0.0.0/8", "192.0.2.7", "fd00::/8", "unix". E_CONFIG with what was expected. */
MUSTCHECK int network_parse(struct str text, struct network *ret_network, struct fault *f);
bool network_has(const struct network *n, const struct sockaddr *a);

#endif
