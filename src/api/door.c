/*
 * door.c: what stands between a connection and its first request.
 *
 * Its steps are functions of their own for the compiler too (NOINLINE): what they need on the stack
 * would be kept below each connection for as long as it lives.
 */
#include <string.h>

#include "api/gateway.h"
#include "api/visit.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/proxy.h"
#include "net/stream.h"
#include "net/tls.h"
#include "rt/task.h"

#define REQUEST_ARENA_BYTES_MAX (8u * 1024 * 1024)

void door_init(struct door *door, struct gateway *g, bool admin, const char *address)
{
    *door = (struct door){.gateway = g, .admin = admin, .local = address_is_loopback(address)};
    door->http = (struct http_server_settings){.arena_bytes_max = REQUEST_ARENA_BYTES_MAX,
                                               .handler = visit_handle,
                                               .refuse = visit_refuse,
                                               .arg = door,
                                               .draining = &g->draining,
                                               .under_way = &g->under_way,
                                               .streams = &g->streams};
}

/*
 * TLS over the connection where clients speak it. NULL: there is nobody to serve. The shake of
 * hands may take as long as a request's header.
 */
static NOINLINE struct stream *secure(struct door *door, struct stream *s,
                                      const struct http_limits *limits)
{
    static const char to_plain[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                                   "Connection: close\r\n\r\n"
                                   "this port speaks TLS: ask it with https://\n";
    struct tls_context *tls = door->gateway->now->tls;
    struct stream *over = NULL;
    struct fault f = {0};
    if (!tls || (door->admin && door->local))
        return s;
    int64_t outer = task_deadline(clock_cached_ms() + limits->header_ms);
    int err = tls_accept(tls, s, to_plain, &over, &f);
    task_deadline_restore(outer);
    if (err) {
        door->gateway->tls_failures++;
        LOG(LOG_DEBUG, "no TLS with a client", log_z("why", why_text(&f, err)));
    }
    return over;
}

static bool is_proxy(const struct snapshot *now, const struct sockaddr *peer)
{
    for (unsigned i = 0; i < now->config->proxy_protocol.n; i++)
        if (network_has(&now->proxies[i], peer))
            return true;
    return false;
}

/* Who is there? The host of who connected, or of whom that one speaks for. */
static NOINLINE bool identify(struct door *door, struct stream *s, const struct sockaddr *peer,
                              const struct http_limits *limits, char host[ADDRESS_HOST_BYTES],
                              struct str *ret_client)
{
    static const char to_others[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
        "Connection: close\r\n\r\n"
        "this address is a proxy's (proxy_protocol), so its connections "
        "begin with a PROXY header\n";
    struct gateway *g = door->gateway;
    union address client;
    struct fault f = {0};
    address_copy(&client, peer);
    *ret_client = address_host(&client.any, host);
    if (door->admin || !is_proxy(g->now, peer))
        return true;
    int64_t outer = task_deadline(clock_cached_ms() + limits->header_ms);
    int err = proxy_read(s, &client, &f);
    if (err == E_BAD_HTTP && stream_write(s, str_from(to_others)) == 0)
        stream_shut_write(s);
    task_deadline_restore(outer);
    if (err && err != E_EOF) { /* who only looks whether somebody listens goes without a word */
        g->proxy_failures++;
        LOG(LOG_DEBUG, "no PROXY header", log_z("why", why_text(&f, err)));
    }
    *ret_client = address_host(&client.any, host);
    return err == 0;
}

void door_serve(void *arg, struct stream *s, const struct sockaddr *peer)
{
    struct door *door = arg;
    /* The limits are those of the configuration in use when the client came. A copy: a client that
     * stays for days would keep all of that configuration, and its prices, in memory. */
    const struct http_limits limits = door->gateway->now->limits;
    struct http_server_settings settings = door->http;
    char host[ADDRESS_HOST_BYTES];
    struct str client;
    settings.limits = &limits;
    if (!identify(door, s, peer, &limits, host, &client))
        return;
    struct stream *over = secure(door, s, &limits);
    settings.http2 = over && str_eq(tls_protocol(over), STR("h2"));
    if (over)
        http_serve(over, client, &settings);
    if (over != s)
        stream_close(over);
}
