/* address.c: see address.h. */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define EXPECTED "expected IPv4:PORT, [IPv6]:PORT, :PORT or unix:/path"

static int parse_unix(struct str path, union address *a, socklen_t *len, struct fault *f)
{
    if (path.n == 0 || path.n >= sizeof(a->un.sun_path))
        return fault_set(f, E_CONFIG, "unix:%.*s: a path has 1 to %zu bytes", STR_ARGS(path),
                         sizeof(a->un.sun_path) - 1);
    a->un.sun_family = AF_UNIX;
    memcpy(a->un.sun_path, path.p, path.n);
    *len = sizeof(a->un);
    return 0;
}

static bool parse_host(struct str host, uint16_t port, union address *a, socklen_t *len)
{
    char z[INET6_ADDRSTRLEN + 1] = "";

    if (host.n >= sizeof(z))
        return false;
    if (host.n > 1 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
        memcpy(z, host.p + 1, host.n - 2);
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = htons(port);
        *len = sizeof(a->in6);
        return inet_pton(AF_INET6, z, &a->in6.sin6_addr) == 1;
    }
    if (host.n == 0) {
        /* With IPV6_V6ONLY off it takes IPv4, too. */
        a->in6.sin6_family = AF_INET6;
        a->in6.sin6_port = htons(port);
        a->in6.sin6_addr = in6addr_any;
        *len = sizeof(a->in6);
        return true;
    }
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    memcpy(z, host.p, host.n);
    a->in.sin_family = AF_INET;
    a->in.sin_port = htons(port);
    *len = sizeof(a->in);
    return inet_pton(AF_INET, z, &a->in.sin_addr) == 1;
}

/* What was meant where it is plain, for a sentence's end. */
static const char *meant(struct str all, struct str host)
{
    const struct str words[] = {STR("localhost")};
    uint64_t port;

    if (str_find(all, STR("://")) >= 0)
        return ", without a scheme";
    if (all.n > 0 && str_to_u64(all, 65535, &port))
        return "; did you mean 127.0.0.1:PORT?";
    if (str_eq(host, STR("*")))
        return "; did you mean :PORT?";
    if (str_nearest(host, words, 1).n > 0)
        return "; did you mean localhost:PORT?";
    return str_find(host, STR(":")) >= 0 && host.p[0] != '[' ? "; did you mean [IPv6]:PORT?" : "";
}

int address_parse(const char *address, union address *a, socklen_t *len, struct fault *f)
{
    struct str all = str_from(address);
    const char *colon = strrchr(address, ':');
    struct str host = str_head(all, colon != NULL ? (size_t)(colon - address) : all.n);
    uint64_t port;

    memset(a, 0, sizeof(*a));
    if (str_starts(all, STR("unix:")))
        return parse_unix(str_tail(all, 5), a, len, f);
    if (colon == NULL || !str_to_u64(str_from(colon + 1), 65535, &port) ||
        !parse_host(host, (uint16_t)port, a, len))
        return fault_set(f, E_CONFIG, "'%.80s' is not an address to listen on: " EXPECTED "%s",
                         address, meant(all, host));
    return 0;
}

/* As IPv6 sees it: IPv4 is a corner of IPv6. */
static struct in6_addr as_in6(const union address *a)
{
    struct in6_addr in6 = a->in6.sin6_addr;

    if (a->any.sa_family == AF_INET) {
        in6 = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&in6.s6_addr[12], &a->in.sin_addr, 4);
    }
    return in6;
}

/* Does listening on `all` take `one`, too? */
static bool takes(const struct in6_addr *all, const struct in6_addr *one)
{
    static const struct in6_addr every_in4 = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    return IN6_IS_ADDR_UNSPECIFIED(all) || memcmp(all, one, sizeof(*one)) == 0 ||
           (memcmp(all, &every_in4, sizeof(*all)) == 0 && IN6_IS_ADDR_V4MAPPED(one));
}

bool address_clashes(const char *address, const char *other)
{
    union address a, b;
    socklen_t len;

    if (address_parse(address, &a, &len, NULL) != 0 || address_parse(other, &b, &len, NULL) != 0)
        return false;
    if (a.any.sa_family == AF_UNIX || b.any.sa_family == AF_UNIX)
        return a.any.sa_family == b.any.sa_family && strcmp(a.un.sun_path, b.un.sun_path) == 0;
    /* The port stands at the same place in both; for port 0 the system finds another. */
    if (a.in.sin_port != b.in.sin_port || a.in.sin_port == 0)
        return false;
    struct in6_addr x = as_in6(&a), y = as_in6(&b);
    return takes(&x, &y) || takes(&y, &x);
}

bool address_is_same(const char *address, const char *other)
{
    union address a, b;
    socklen_t len;
    return address_parse(address, &a, &len, NULL) == 0 &&
           address_parse(other, &b, &len, NULL) == 0 &&
           (a.any.sa_family == AF_UNIX || a.in.sin_port != 0) && memcmp(&a, &b, sizeof(a)) == 0;
}

bool address_is_loopback(const char *address)
{
    union address a;
    socklen_t len;

    if (address_parse(address, &a, &len, NULL) != 0)
        return false;
    if (a.any.sa_family == AF_UNIX)
        return true;
    if (a.any.sa_family == AF_INET)
        return ntohl(a.in.sin_addr.s_addr) >> 24 == 127;
    if (IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr))
        return a.in6.sin6_addr.s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr);
}

void address_copy(union address *to, const struct sockaddr *from)
{
    memset(to, 0, sizeof(*to));
    if (from->sa_family == AF_INET)
        memcpy(&to->in, from, sizeof(to->in));
    else if (from->sa_family == AF_INET6)
        memcpy(&to->in6, from, sizeof(to->in6));
    else
        to->any.sa_family = from->sa_family;
}

int address_format(const union address *a, char out[ADDRESS_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";

    switch (a->any.sa_family) {
    case AF_UNIX:
        snprintf(out, ADDRESS_BYTES, "unix:%.*s", (int)sizeof(a->un.sun_path), a->un.sun_path);
        return 0;
    case AF_INET:
        snprintf(out, ADDRESS_BYTES, "%s:%u",
                 inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host)), ntohs(a->in.sin_port));
        return 0;
    case AF_INET6:
        snprintf(out, ADDRESS_BYTES, "[%s]:%u",
                 inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host)),
                 ntohs(a->in6.sin6_port));
        return 0;
    default:
        return E_CONFIG;
    }
}

struct str address_host(const struct sockaddr *a, char out[ADDRESS_HOST_BYTES])
{
    const union address *u = (const union address *)(const void *)a;
    const void *bytes = &u->in6.sin6_addr;
    bool in4 = a->sa_family == AF_INET;

    if (a->sa_family != AF_INET && a->sa_family != AF_INET6)
        return STR_NONE;
    if (!in4 && IN6_IS_ADDR_V4MAPPED(&u->in6.sin6_addr)) {
        bytes = &u->in6.sin6_addr.s6_addr[12];
        in4 = true;
    } else if (in4) {
        bytes = &u->in.sin_addr;
    }
    return str_from(inet_ntop(in4 ? AF_INET : AF_INET6, bytes, out, ADDRESS_HOST_BYTES));
}

/* ---- networks */

int network_parse(struct str text, struct network *n, struct fault *f)
{
    char host[ADDRESS_HOST_BYTES] = "";
    struct str rest = text, name = str_cut(&rest, '/');
    struct in_addr in4;
    uint64_t bits = 128, in4_first = 0;

    *n = (struct network){.bits = 128, .is_unix = str_eq(text, STR("unix"))};
    if (n->is_unix)
        return 0;
    if (name.n < sizeof(host))
        memcpy(host, name.p, name.n);
    if (inet_pton(AF_INET, host, &in4) == 1) {
        in4_first = 96;
        n->first = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
        memcpy(&n->first.s6_addr[12], &in4, sizeof(in4));
    } else if (inet_pton(AF_INET6, host, &n->first) != 1) {
        return fault_set(f, E_CONFIG,
                         "'%.60s' is no address; expected one such as 10.0.0.0/8, 192.0.2.7, "
                         "fd00::/8, or unix",
                         text.p);
    }
    if (rest.p && (!str_to_u64(rest, 128 - in4_first, &bits)))
        return fault_set(f, E_CONFIG, "'%.60s': a network of these has 0 to %u bits", text.p,
                         (unsigned)(128 - in4_first));
    n->bits = rest.p ? (unsigned)(bits + in4_first) : 128;
    return 0;
}

bool network_has(const struct network *n, const struct sockaddr *a)
{
    const union address *u = (const union address *)(const void *)a;

    if (a->sa_family == AF_UNIX || n->is_unix)
        return a->sa_family == AF_UNIX && n->is_unix;
    const struct in6_addr in6 = as_in6(u);
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    return memcmp(&in6, &n->first, whole) == 0 &&
           (rest == 0 || (in6.s6_addr[whole] ^ n->first.s6_addr[whole]) >> (8 - rest) == 0);
}
