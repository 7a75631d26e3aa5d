/*
 * upstream.c: the registry of endpoints.
 *
 * heap: endpoints outlast requests and configurations.
 */
#include "llm/upstream.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "http/client.h"
#include "net/tls.h"
#include "net/upool.h"

/* A failed endpoint rests 1 s, then 2, 4 ... up to this long. */
#define REST_MS_MAX 30000
#define PROBE_MS    1000

struct upstreams {
    struct list endpoints;
};

/* Authority and what is behind it, with a query or a user name: the host without them. */
static struct str plain_host(struct str rest)
{
    size_t n = 0, from = 0;
    while (n < rest.n && !memchr("/?#", rest.p[n], 3)) {
        from = rest.p[n] == '@' ? n + 1 : from;
        n++;
    }
    return str_of(rest.p + from, n - from);
}

int url_parse(struct str text, const char *instead, struct url *ret_url, struct fault *f)
{
    struct url u = {.port = 80};
    struct str rest = text;
    if (str_starts_nocase(text, STR("https://"))) {
        u.tls = true;
        u.port = 443;
        rest = str_tail(text, 8);
    } else if (str_starts_nocase(text, STR("http://"))) {
        rest = str_tail(text, 7);
    } else {
        return fault_set(f, E_CONFIG, "'%.*s' is no URL; expected http://host:port/path",
                         STR_ARGS(text));
    }
    struct str plain = plain_host(rest);
    ptrdiff_t slash = str_find(rest, STR("/"));
    struct str authority = slash < 0 ? rest : str_head(rest, (size_t)slash);
    u.path = slash < 0 ? STR("") : str_tail(rest, (size_t)slash);
    while (u.path.n > 0 && u.path.p[u.path.n - 1] == '/')
        u.path.n--;
    if (str_find(rest, STR("?")) >= 0 || str_find(rest, STR("#")) >= 0 || plain.p != rest.p)
        return fault_set(f, E_CONFIG, "the URL of '%.*s' has a query or a user name; %s",
                         STR_ARGS(plain), instead);
    u.host = authority;
    struct str port = STR_NONE;
    if (str_starts(authority, STR("["))) { /* [::1]:8080 */
        ptrdiff_t end = str_find(authority, STR("]"));
        if (end < 0)
            return fault_set(f, E_CONFIG, "'%.*s': the ']' is missing", STR_ARGS(text));
        u.host = str_of(authority.p + 1, (size_t)end - 1);
        port = str_tail(authority, (size_t)end + 1);
    } else {
        ptrdiff_t colon = str_find(authority, STR(":"));
        if (colon >= 0) {
            u.host = str_head(authority, (size_t)colon);
            port = str_tail(authority, (size_t)colon);
        }
    }
    uint64_t number = u.port;
    if (port.n > 0 &&
        (port.p[0] != ':' || !str_to_u64(str_tail(port, 1), 65535, &number) || number == 0))
        return fault_set(f, E_CONFIG, "'%.*s': the port has to be a number from 1 to 65535",
                         STR_ARGS(text));
    if (u.host.n == 0 || u.host.n > 253)
        return fault_set(f, E_CONFIG, "'%.*s' has no host", STR_ARGS(text));
    u.port = (unsigned)number;
    *ret_url = u;
    return 0;
}

int upstreams_new(struct upstreams **ret_upstreams)
{
    struct upstreams *u = calloc(1, sizeof(*u));
    if (!u)
        return E_MEMORY;
    list_init(&u->endpoints);
    *ret_upstreams = u;
    return 0;
}

void upstreams_free(struct upstreams *u)
{
    if (!u)
        return;
    LIST_EACH_SAFE(&u->endpoints, it)
    {
        struct endpoint *e = LIST_ENTRY(it, struct endpoint, node);
        e->refs = 1;
        endpoint_unref(u, e);
    }
    free(u);
}

void upstreams_settle(struct upstreams *u, int64_t ms)
{
    int64_t until = clock_cached_ms() + ms;
    LIST_EACH(&u->endpoints, it)
    {
        upool_settle(LIST_ENTRY(it, struct endpoint, node)->pool, until - clock_cached_ms());
    }
}

void endpoint_unref(struct upstreams *u UNUSED, struct endpoint *e)
{
    if (!e || --e->refs > 0)
        return;
    list_remove(&e->node);
    if (e->pool)
        upool_free(e->pool);
    tls_context_free(e->tls);
    free((void *)(uintptr_t)e->origin.p);
    free((void *)(uintptr_t)e->host_header.p);
    free(e);
}

/* A file that has changed since makes another endpoint of it. Looked at before it is read: what
 * changes in between is seen by the next configuration. */
static void file_write(const char *what, struct str path, struct buf *out)
{
    struct stat now;

    buf_printf(out, " %s=%.*s", what, STR_ARGS(path));
    if (path.n && stat(path.p, &now) == 0)
        buf_printf(out, "@%llu:%lld:%lld.%09ld", (unsigned long long)now.st_ino,
                   (long long)now.st_size, (long long)now.st_mtim.tv_sec, now.st_mtim.tv_nsec);
}

/*
 * What an endpoint is known by: the address and all that shapes its connections, so that two
 * providers with other certificates or limits do not share a pool.
 */
static int origin_write(const struct url *url, const struct provider_settings *s, struct buf *out)
{
    buf_printf(out, "%s://%.*s:%u", url->tls ? "https" : "http", STR_ARGS(url->host), url->port);
    if (url->tls) {
        file_write("ca", s->tls.ca_file, out);
        file_write("cert", s->tls.cert_file, out);
        file_write("key", s->tls.key_file, out);
        buf_printf(out, "%s", s->tls.insecure ? " insecure" : "");
    }
    struct timeouts t = timeouts_over(&s->timeouts, &timeouts_default);
    buf_printf(out, " http2=%d", s->http2);
    buf_printf(out, " connections=%lld connect=%lld idle=%lld", (long long)s->connections_max,
               (long long)t.connect_ms, (long long)t.idle_ms);
    return out->failed;
}

static struct str heap_str(struct str s)
{
    char *p = malloc(s.n + 1);
    if (!p)
        return STR_NONE;
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return str_of(p, s.n);
}

static int host_header_make(struct endpoint *e, const struct url *url)
{
    struct buf text;
    buf_init(&text, 512);
    bool literal6 = str_find(url->host, STR(":")) >= 0;
    buf_printf(&text, literal6 ? "[%.*s]" : "%.*s", STR_ARGS(url->host));
    if (url->port != (url->tls ? 443u : 80u))
        buf_printf(&text, ":%u", url->port);
    e->host_header = text.failed ? STR_NONE : heap_str(buf_view(&text));
    buf_fini(&text);
    return e->host_header.p ? 0 : E_MEMORY;
}

static const char *path_or_null(struct str s)
{
    return s.n ? s.p : NULL; /* strings of a configuration end in NUL */
}

static int endpoint_open(struct endpoint *e, const struct url *url,
                         const struct provider_settings *s, struct fault *f)
{
    if (url->tls) {
        struct tls_settings tls = {.ca_file = path_or_null(s->tls.ca_file),
                                   .cert_file = path_or_null(s->tls.cert_file),
                                   .key_file = path_or_null(s->tls.key_file),
                                   .insecure = s->tls.insecure,
                                   .http2 = s->http2 == HTTP2_AUTO,
                                   .only_http2 = s->http2 == HTTP2_ON};
        int err = tls_context_new(&tls, &e->tls, f);
        if (err)
            return err;
    }
    struct str host = heap_str(url->host);
    if (!host.p)
        return E_MEMORY;
    const struct upool_sharing *sharing = s->http2 == HTTP2_ON                 ? &http2_sharing_on
                                          : s->http2 == HTTP2_AUTO && url->tls ? &http2_sharing_auto
                                                                               : NULL;
    struct timeouts t = timeouts_over(&s->timeouts, &timeouts_default);
    int err = upool_new(&(struct upool_settings){.host = host.p,
                                                 .port = url->port,
                                                 .tls = e->tls,
                                                 .connections_max = (unsigned)s->connections_max,
                                                 .idle_max = 1024,
                                                 .idle_ms = t.idle_ms,
                                                 .connect_ms = t.connect_ms,
                                                 .sharing = sharing},
                        &e->pool);
    free((void *)(uintptr_t)host.p); /* the pool has its own copy */
    return err ? err : host_header_make(e, url);
}

int upstreams_get(struct upstreams *u, const struct url *url, const struct provider_settings *s,
                  struct endpoint **ret_endpoint, struct fault *f)
{
    struct buf origin;
    buf_init(&origin, 8192);
    int err = origin_write(url, s, &origin);
    struct endpoint *e = NULL;
    if (err)
        goto out;
    LIST_EACH(&u->endpoints, it)
    {
        struct endpoint *known = LIST_ENTRY(it, struct endpoint, node);
        if (str_eq(known->origin, buf_view(&origin))) {
            known->refs++;
            *ret_endpoint = known;
            goto out;
        }
    }
    e = calloc(1, sizeof(*e));
    if (!e) {
        err = E_MEMORY;
        goto out;
    }
    e->refs = 1;
    waitq_init(&e->probed);
    list_push_back(&u->endpoints, &e->node);
    e->origin = heap_str(buf_view(&origin));
    err = e->origin.p ? endpoint_open(e, url, s, f) : E_MEMORY;
    if (err)
        endpoint_unref(u, e);
    else
        *ret_endpoint = e;
out:
    buf_fini(&origin);
    return err;
}

static void news_set(struct endpoint *e, bool reachable)
{
    e->reachable = reachable;
    e->news_until_ms = clock_cached_ms() + NEWS_MS;
}

void endpoint_answered(struct endpoint *e)
{
    e->failures_in_row = 0;
    e->down_until_ms = 0;
    news_set(e, true);
}

void endpoint_failed(struct endpoint *e)
{
    e->failures++;
    unsigned n = e->failures_in_row++;
    int64_t rest_ms = n < 5 ? 1000LL << n : REST_MS_MAX;
    e->down_until_ms = clock_cached_ms() + rest_ms;
    e->news_until_ms = 0; /* after the rest nobody knows */
}

bool endpoint_is_up(const struct endpoint *e)
{
    return e->down_until_ms <= clock_cached_ms();
}

static void probe_make(struct endpoint *e)
{
    struct upool_conn *conn = NULL;
    e->probing = true;
    int64_t outer = task_deadline(clock_cached_ms() + PROBE_MS);
    int err = upool_get(e->pool, true, &conn, NULL);
    task_deadline_restore(outer);
    e->probing = false;
    if (!err)
        upool_put(conn, upool_stats(e->pool).idle == 0); /* the next call may have it */
    if (!task_canceled(task_self()))
        news_set(e, !err || err == E_OVERLOADED); /* the latter: all that it may have are in use */
    waitq_wake_all(&e->probed);
}

bool endpoint_reachable(struct endpoint *e, bool probe)
{
    int err = 0;
    while (probe && !err && endpoint_is_up(e) && e->news_until_ms <= clock_cached_ms()) {
        if (e->probing)
            err = waitq_wait(&e->probed);
        else
            probe_make(e);
        err = err ? err : task_canceled(task_self());
    }
    return endpoint_is_up(e) && e->reachable && e->news_until_ms > clock_cached_ms();
}

void upstreams_each(struct upstreams *u, void (*fn)(void *arg, struct endpoint *e), void *arg)
{
    LIST_EACH_SAFE(&u->endpoints, it)
    {
        fn(arg, LIST_ENTRY(it, struct endpoint, node));
    }
}
