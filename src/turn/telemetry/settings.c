/* settings.c: what the configuration says of telemetry, and the exporter made of it. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "llm/upstream.h"
#include "net/tls.h"
#include "turn/telemetry/own.h"

#define DAY_MS             (24 * 60 * 60 * 1000LL)
#define IDLE_MS            (5 * 60 * 1000)
#define ROW(type_, field_) .type = (type_), .offset = offsetof(THIS, field_)

/* clang-format off */
#define THIS struct telemetry_header
static const struct conf_row header_rows[] = {
    {.name = "value", ROW(CONF_SECRET, value), .flags = CONF_REQUIRED,
     .help = "Its value; a token as a `${NAME}` reference to the environment."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table header_table = {
    .name = "telemetry_header",
    .help = "A header that every request to the collector has.",
    .size = sizeof(struct telemetry_header),
    .rows = header_rows,
    .shorthand = "value",
    .example = "headers: {Authorization: \"Bearer ${OTLP_TOKEN}\"}",
};

/* clang-format off */
#define THIS struct telemetry_settings
static const struct conf_row rows[] = {
    {.name = "endpoint", ROW(CONF_STR, endpoint),
     .help = "Where an OpenTelemetry collector takes OTLP over HTTP: `http://HOST:4318`. sluice "
             "adds /v1/traces and /v1/metrics. Without it telemetry is off."},
    {.name = "headers", ROW(CONF_MAP, headers), .child = &header_table,
     .help = "Further headers, such as a token."},
    {.name = "service_name", ROW(CONF_STR, service_name), .fallback = "sluice",
     .help = "What this sluice is called there (`service.name`)."},
    {.name = "resource", ROW(CONF_STR_MAP, resource),
     .help = "Further attributes of all that is sent, such as `deployment.environment.name`; or "
             "others in place of `service.name`, `service.version`, `service.instance.id`."},
    {.name = "traces", ROW(CONF_BOOL, traces), .fallback = "on",
     .help = "Send spans, and begin a trace where the client sent none."},
    {.name = "metrics", ROW(CONF_BOOL, metrics), .fallback = "on",
     .help = "Send metrics: those of /metrics, and the gen_ai.* of OpenTelemetry."},
    {.name = "sample", ROW(CONF_SHARE, sample), .fallback = "1", .max = 1000000,
     .help = "The share of traces that are sent, of those that begin here. Where the client sent a "
             "`traceparent`, its sampled flag decides."},
    {.name = "delay", ROW(CONF_DURATION, delay_ms), .fallback = "5s", .min = 10, .max = DAY_MS,
     .help = "How long a span may wait for others to be sent with."},
    {.name = "interval", ROW(CONF_DURATION, interval_ms), .fallback = "60s", .min = 100,
     .max = DAY_MS, .help = "How often metrics are sent."},
    {.name = "timeout", ROW(CONF_DURATION, timeout_ms), .fallback = "10s", .min = 10,
     .max = DAY_MS, .help = "How long a request to the collector may take."},
    {.name = "batch", ROW(CONF_INT, batch), .fallback = "512", .min = 1,
     .max = TELEMETRY_BATCH_MAX,
     .help = "The most spans of a request."},
    {.name = "queue", ROW(CONF_INT, queue), .fallback = "4096", .min = 1, .max = 1000000,
     .help = "The most spans that wait, of about 750 bytes each; further ones are dropped, and "
             "counted (`sluice_telemetry_spans_dropped_total`)."},
    {.name = "tls", ROW(CONF_TABLE, tls), .child = &tls_conf_table, .help = "To it."},
    {0},
};
/* clang-format on */
#undef THIS

const struct conf_table telemetry_table = {
    .name = "telemetry",
    .help = "Traces and metrics for an OpenTelemetry collector (OTLP over HTTP, as JSON). No "
            "request waits for it.",
    .size = sizeof(struct telemetry_settings),
    .rows = rows,
    .shorthand = "endpoint",
    .example = "telemetry: {endpoint: \"http://127.0.0.1:4318\", sample: 10%}",
};

static bool is_token(struct str s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    bool good = s.n > 0;
    for (size_t i = 0; good && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        good = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
               (c != '\0' && strchr(marks, c));
    }
    return good;
}

static void headers_check(const struct telemetry_settings *s, struct conf_doc *doc)
{
    static const char *const ours[] = {"Host",       "Content-Length", "Transfer-Encoding",
                                       "Connection", "Content-Type",   "Accept-Encoding",
                                       "User-Agent"};
    const struct telemetry_header *values = s->headers.at;
    struct http_headers scratch;
    http_headers_init(&scratch, conf_arena(doc));
    for (unsigned i = 0; i < s->headers.n; i++) {
        const struct str *name = &s->headers.name[i];
        for (unsigned k = 0; k < ARRAY_LEN(ours); k++)
            if (str_eq_nocase(*name, str_from(ours[k])))
                conf_complain(doc, name, "sluice sends this header itself");
        if (!is_token(*name) || http_headers_add(&scratch, *name, values[i].value) == E_INTERNAL)
            conf_complain(doc, name, "this name or its value cannot stand in a header");
    }
}

/* "host", "host:port", "[::1]:port". */
static struct str host_make(struct arena *arena, const struct url *url)
{
    bool in6 = str_find(url->host, STR(":")) >= 0;
    bool usual = url->port == (url->tls ? 443u : 80u);
    struct str host = arena_printf(arena, in6 ? "[%.*s]" : "%.*s", STR_ARGS(url->host));
    return usual || !host.p ? host : arena_printf(arena, "%.*s:%u", STR_ARGS(host), url->port);
}

static const char *path_or_null(struct str s)
{
    return s.n ? s.p : NULL; /* strings of a configuration end in NUL */
}

static int tls_make(struct exporter *e, struct fault *f)
{
    const struct tls_table *t = &e->settings->tls;
    return tls_context_new(&(struct tls_settings){.ca_file = path_or_null(t->ca_file),
                                                  .cert_file = path_or_null(t->cert_file),
                                                  .key_file = path_or_null(t->key_file),
                                                  .insecure = t->insecure},
                           &e->tls, f);
}

static int pool_make(struct exporter *e, const struct url *url)
{
    struct str host = arena_str(conf_arena(e->doc), url->host); /* with a NUL behind it */
    if (!host.p)
        return E_MEMORY;
    return upool_new(&(struct upool_settings){.host = host.p,
                                              .port = url->port,
                                              .tls = e->tls,
                                              .idle_max = 1,
                                              .idle_ms = IDLE_MS,
                                              .connect_ms = e->settings->timeout_ms},
                     &e->pool);
}

static int open(struct exporter *e, struct fault *f)
{
    struct arena *arena = conf_arena(e->doc);
    struct url url;
    int err = url_parse(e->settings->endpoint,
                        "give a token under 'headers', such as Authorization", &url, f);
    if (err)
        return err;
    if (str_ends(url.path, STR("/v1/traces")) || str_ends(url.path, STR("/v1/metrics")))
        conf_warn(e->doc, &e->settings->endpoint,
                  "sluice adds /v1/traces and /v1/metrics by itself");
    e->host = host_make(arena, &url);
    e->traces_path = arena_join(arena, url.path, STR("/v1/traces"));
    e->metrics_path = arena_join(arena, url.path, STR("/v1/metrics"));
    if (!e->host.p || !e->traces_path.p || !e->metrics_path.p)
        return E_MEMORY;
    err = url.tls ? tls_make(e, f) : 0;
    return err ? err : pool_make(e, &url);
}

int exporter_new(const struct telemetry_settings *s, struct conf_doc *doc,
                 struct exporter **ret_exporter)
{
    struct fault f = {0};
    *ret_exporter = NULL;
    headers_check(s, doc);
    if (s->endpoint.n == 0 || !(s->traces || s->metrics))
        return 0;
    struct exporter *e = calloc(1, sizeof(*e));
    if (!e)
        return E_MEMORY;
    e->refs = 1;
    e->doc = conf_ref(doc);
    e->settings = s;
    int err = open(e, &f);
    if (!err) {
        *ret_exporter = e;
        return 0;
    }
    exporter_unref(e);
    if (err == E_MEMORY)
        return err;
    conf_complain(doc, &s->endpoint, "%s", why_text(&f, err));
    return E_CONFIG;
}

void exporter_unref(struct exporter *e)
{
    if (!e || --e->refs > 0)
        return;
    if (e->pool)
        upool_free(e->pool);
    tls_context_free(e->tls);
    conf_unref(e->doc);
    free(e);
}
