/* probe.c: each replica is asked for its models, all at once, and what came back is kept. */
#include "base/clock.h"
#include "cli/doctor/doctor.h"
#include "http/client.h"
#include "http/date.h"
#include "net/dns.h"
#include "net/upool.h"
#include "rt/loop.h"

#define PROBE_MS         10000
#define ANSWER_BYTES_MAX (4u * 1024 * 1024)

static void date_read(struct doctor_probe *p, const struct http_headers *headers)
{
    int64_t date_s;
    p->has_date = http_date_read(http_headers_value(headers, FIELD_DATE), &date_s);
    if (p->has_date)
        p->behind_s = date_s - clock_wall_us() / 1000000;
}

static int answer_read(struct doctor_probe *p, struct http_call *call)
{
    struct buf whole;
    struct str piece;
    buf_init(&whole, ANSWER_BYTES_MAX);
    int err = http_call_head(call);
    if (!err) {
        p->status = call->status;
        date_read(p, &call->headers);
        p->type = arena_str(&p->doctor->arena,
                            http_headers_value(&call->headers, FIELD_CONTENT_TYPE));
        do
            err = http_call_read(call, &piece);
        while (!err && piece.n > 0 && (err = buf_str(&whole, piece)) == 0);
        p->is_json = !err && yyjson_is_obj(json_peek(buf_view(&whole)));
    }
    buf_fini(&whole);
    return err;
}

static int ask(struct doctor_probe *p, struct upool_conn *conn)
{
    struct arena *a = &p->doctor->arena;
    struct http_call call;
    struct http_headers headers;
    struct str version = p->provider->api_version;
    struct str target = arena_printf(a, "%.*s/models%s%.*s", STR_ARGS(p->replica->path),
                                     version.n ? "?api-version=" : "", STR_ARGS(version));
    struct provider_key *key;
    int err = provider_headers_keyed(p->provider, p->replica->endpoint,
                                     &(struct asker){.given = STR_NONE}, NULL, false, a, &key,
                                     &headers);
    http_call_begin(&call, conn, a, &http_limits_default);
    if (!err)
        err = target.p ? http_call_send(&call, STR("GET"), target, &headers, NULL, 0) : E_MEMORY;
    if (!err)
        err = answer_read(p, &call);
    http_call_end(&call);
    return err;
}

static void probe(void *arg)
{
    struct doctor_probe *p = arg;
    struct upool_conn *conn = NULL;
    struct str host = arena_str(&p->doctor->arena, p->url.host);
    struct dns_addrs *addresses = ARENA_NEW(&p->doctor->arena, struct dns_addrs);
    (void)task_deadline(clock_cached_ms() + PROBE_MS);
    p->name_err = host.p && addresses ? dns_resolve(host.p, p->url.port, addresses, &p->fault)
                                      : E_MEMORY;
    if (p->name_err)
        return;
    p->addresses = addresses->count;
    p->connection_err = upool_get(p->replica->endpoint->pool, true, &conn, &p->fault);
    if (p->connection_err)
        return;
    p->http2 = conn->shared;
    p->answer_err = ask(p, conn);
    if (p->answer_err)
        fault_set(&p->fault, p->answer_err, "%s", err_text(p->answer_err));
}

static void probe_all(void *arg)
{
    struct doctor *d = arg;
    struct group g;
    group_init(&g);
    for (unsigned i = 0; i < d->probes_n && !d->err; i++)
        d->err = group_spawn(&g, "probe", probe, &d->probes[i]);
    group_join(&g);
    upstreams_settle(d->upstreams, PROBE_MS);
    loop_stop();
}

static int replicas_add(struct doctor *d, const struct provider *p)
{
    const struct conf_list *urls = &p->settings->base_url;
    for (unsigned i = 0; i < p->replicas_n; i++) {
        struct doctor_probe *probe = &d->probes[d->probes_n++];
        struct str url = urls->n         ? ((const struct base_url_settings *)urls->at)[i].url
                         : p->base_url.n ? p->base_url
                                         : str_from(p->kind->base_url);
        struct fault f;
        *probe = (struct doctor_probe){.doctor = d, .provider = p, .replica = &p->replicas[i]};
        probe->about = arena_printf(&d->arena, "%.*s, %.*s", STR_ARGS(p->name), STR_ARGS(url));
        int err = url_parse(url, "", &probe->url, &f);
        if (err || !probe->about.p)
            return err ? err : E_MEMORY;
    }
    return 0;
}

void doctor_probe(struct doctor *d)
{
    const struct models *models = d->snapshot->models;
    unsigned n = 0, providers = models_provider_count(models);
    if (d->probed)
        return;
    d->probed = true;
    for (unsigned i = 0; i < providers; i++)
        n += models_provider_at(models, i)->replicas_n;
    d->probes = ARENA_ARRAY(&d->arena, struct doctor_probe, n + 1);
    d->err = d->probes ? 0 : E_MEMORY;
    for (unsigned i = 0; i < providers && !d->err; i++)
        d->err = replicas_add(d, models_provider_at(models, i));
    if (!d->err && n > 0)
        d->err = task_spawn("probes", probe_all, d, NULL);
    if (!d->err && n > 0)
        d->err = loop_run();
}
