/* proxy.c: see proxy.h. */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <string.h>

/* Version 1 is a line of text, version 2 begins with bytes that are nothing else. */
#define LINE_BEGIN     STR("PROXY ")
#define LINE_BYTES_MIN (sizeof("PROXY UNKNOWN\r\n") - 1)
#define LINE_BYTES_MAX 107
#define SIGNATURE      STR("\r\n\r\n\0\r\nQUIT\n")
#define FRAME_BYTES    16 /* of version 2, before the addresses */

enum { FRAME_TCP4 = 0x11, FRAME_TCP6 = 0x21, FRAME_UNIX = 0x31, FRAME_UNKNOWN = 0 };

/* ---- version 1 */

static bool host_read(struct str text, int family, void *ret_bytes)
{
    char host[ADDRESS_HOST_BYTES] = "";

    if (text.n >= sizeof(host) || str_find(text, str_of("", 1)) >= 0)
        return false;
    memcpy(host, text.p, text.n);
    return inet_pton(family, host, ret_bytes) == 1;
}

/* "TCP4 203.0.113.7 192.0.2.1 56324 443" */
static bool line_read(struct str line, union address *client)
{
    struct str family = str_cut(&line, ' ');
    struct str from = str_cut(&line, ' '), to = str_cut(&line, ' ');
    struct str from_port = str_cut(&line, ' ');
    bool six = str_eq(family, STR("TCP6"));
    union address a = {.any.sa_family = six ? AF_INET6 : AF_INET};
    struct in6_addr here;
    uint64_t port, here_port;

    if (str_eq(family, STR("UNKNOWN")))
        return true;
    if ((!six && !str_eq(family, STR("TCP4"))) ||
        !host_read(from, a.any.sa_family, six ? (void *)&a.in6.sin6_addr : &a.in.sin_addr) ||
        !host_read(to, a.any.sa_family, &here) || !str_to_u64(from_port, 65535, &port) ||
        !str_to_u64(line, 65535, &here_port))
        return false;
    a.in.sin_port = htons((uint16_t)port); /* it stands at the same place in both */
    *client = a;
    return true;
}

static int line_look(struct str bytes, size_t *ret_more, union address *client, struct fault *f)
{
    ptrdiff_t end = str_find(bytes, STR("\n"));

    if (end < 0 && bytes.n < LINE_BYTES_MAX) {
        *ret_more = bytes.n < LINE_BYTES_MIN ? LINE_BYTES_MIN - bytes.n : 1;
        return 0;
    }
    if (end < 0 || (size_t)end + 1 != bytes.n || bytes.p[end - 1] != '\r' ||
        !line_read(str_tail(str_head(bytes, (size_t)end - 1), LINE_BEGIN.n), client))
        return fault_set(
            f, E_BAD_HTTP,
            "the PROXY line is not valid; expected 'PROXY TCP4 CLIENT HERE PORT PORT'");
    return 0;
}

/* ---- version 2 */

static uint16_t number_at(const char *p)
{
    return (uint16_t)(((unsigned char)p[0] << 8) | (unsigned char)p[1]);
}

/* From, to (of 4 or 16 bytes), from port, to port. */
static bool addresses_read(unsigned char family, struct str bytes, union address *client)
{
    union address a = {0};

    switch (family) {
    case FRAME_TCP4:
        if (bytes.n < 12)
            return false;
        a.in.sin_family = AF_INET;
        memcpy(&a.in.sin_addr, bytes.p, 4);
        a.in.sin_port = htons(number_at(bytes.p + 8));
        break;
    case FRAME_TCP6:
        if (bytes.n < 36)
            return false;
        a.in6.sin6_family = AF_INET6;
        memcpy(&a.in6.sin6_addr, bytes.p, 16);
        a.in6.sin6_port = htons(number_at(bytes.p + 32));
        break;
    case FRAME_UNIX:
        if (bytes.n < 216)
            return false;
        a.any.sa_family = AF_UNIX;
        break;
    default:
        return family == FRAME_UNKNOWN;
    }
    *client = a;
    return true;
}

static int frame_look(struct str bytes, size_t *ret_more, union address *client, struct fault *f)
{
    if (bytes.n < FRAME_BYTES) {
        *ret_more = FRAME_BYTES - bytes.n;
        return 0;
    }
    unsigned char command = (unsigned char)bytes.p[12];
    size_t whole = FRAME_BYTES + number_at(bytes.p + 14);
    if (command != 0x20 && command != 0x21)
        return fault_set(f, E_BAD_HTTP, "a PROXY header of version %u, command %u is not known",
                         command >> 4, command & 15);
    if (whole > PROXY_BYTES_MAX)
        return fault_set(f, E_BAD_HTTP, "a PROXY header of %zu bytes; expected at most %d", whole,
                         PROXY_BYTES_MAX);
    if (bytes.n < whole) {
        *ret_more = whole - bytes.n;
        return 0;
    }
    bool local = command == 0x20;
    if (bytes.n > whole || (!local && !addresses_read((unsigned char)bytes.p[13],
                                                      str_tail(bytes, FRAME_BYTES), client)))
        return fault_set(f, E_BAD_HTTP,
                         "the addresses of the PROXY header are not of TCP or unix:");
    return 0;
}

/* ---- */

int proxy_look(struct str bytes, size_t *ret_more, union address *client, struct fault *f)
{
    *ret_more = 0;
    if (bytes.n == 0) { /* the shorter of the two */
        *ret_more = LINE_BYTES_MIN;
        return 0;
    }
    if (str_starts(bytes, str_head(SIGNATURE, bytes.n)))
        return frame_look(bytes, ret_more, client, f);
    if (str_starts(bytes, str_head(LINE_BEGIN, bytes.n)))
        return line_look(bytes, ret_more, client, f);
    return fault_set(f, E_BAD_HTTP, "the connection does not begin with a PROXY header");
}

int proxy_read(struct stream *s, union address *client, struct fault *f)
{
    char bytes[PROXY_BYTES_MAX];
    size_t n = 0, more = 0;

    for (;;) {
        int err = proxy_look(str_of(bytes, n), &more, client, f);
        if (err != 0 || more == 0)
            return err;
        size_t got = 0;
        err = stream_read(s, bytes + n, more, &got);
        if (err != 0)
            return err == E_EOF && n > 0 ? E_RESET : err;
        n += got;
    }
}
