#include "api/config.h"

#include <stddef.h>

#define DAY_MS (24 * 60 * 60 * 1000LL)

/* clang-format off */
#define THIS struct state_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row state_rows[] = {
    {.name = "ledger", .type = CONF_STR, AT(ledger), .fallback = "sqlite:sluice.db",
     .flags = CONF_NEEDS_RESTART,
     .help = "Where turns, costs and keys are kept: `sqlite:PATH`, or `off`."},
    {.name = "keep", .type = CONF_DURATION, AT(keep_ms), .fallback = "90d",
     .flags = CONF_NEEDS_RESTART,
     .help = "How long single turns are kept (`off`: for ever). The daily sums stay."},
    {.name = "keep_bytes", .type = CONF_BYTES, AT(keep_bytes), .fallback = "10GiB",
     .flags = CONF_NEEDS_RESTART,
     .help = "The size of the database past which the oldest turns go; 0 is no limit."},
    {.name = "keep_responses", .type = CONF_DURATION, AT(keep_responses_ms), .fallback = "30d",
     .flags = CONF_NEEDS_RESTART,
     .help = "How long it is remembered which tenant a response belongs to that a provider stores "
             "(`off`: for ever). OpenAI stores them for 30 days."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table state_table = {.name = "state",
                                              .help = "What sluice remembers, and where.",
                                              .size = sizeof(struct state_settings),
                                              .rows = state_rows};

static const char *const log_formats[] = {"text", "json", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};

/* clang-format off */
#define THIS struct log_settings
static const struct conf_row log_rows[] = {
    {.name = "file", .type = CONF_STR, AT(file),
     .help = "Where lines go. Without it: standard error. SIGHUP opens it again."},
    {.name = "format", .type = CONF_CHOICE, AT(format), .fallback = "text",
     .choices = log_formats, .help = "For people, or one JSON object a line."},
    {.name = "level", .type = CONF_CHOICE, AT(level), .fallback = "info", .choices = log_levels,
     .help = "The least important line that is written."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table log_table = {.name = "log",
                                            .help = "One line a turn, without prompts and keys.",
                                            .size = sizeof(struct log_settings),
                                            .rows = log_rows};

/* clang-format off */
#define THIS struct http_settings
static const struct conf_row http_rows[] = {
    {.name = "body_bytes", .type = CONF_BYTES, AT(body_bytes_max), .fallback = "32MiB",
     .min = 1024, .max = 1LL << 32, .help = "The largest request body; more is a 413."},
    {.name = "header_bytes", .type = CONF_BYTES, AT(header_bytes_max), .fallback = "64KiB",
     .min = 1024, .max = 1 << 20, .help = "The largest request header; more is a 431."},
    {.name = "headers", .type = CONF_INT, AT(headers_max), .fallback = "128", .min = 8,
     .max = 1000, .help = "The most fields of a header; more is a 431."},
    {.name = "header_timeout", .type = CONF_DURATION, AT(header_ms), .fallback = "10s",
     .min = 100, .max = DAY_MS, .help = "From a request's first byte to its header's end."},
    {.name = "idle_timeout", .type = CONF_DURATION, AT(idle_ms), .fallback = "75s", .min = 100,
     .max = DAY_MS, .help = "How long a connection may wait for its next request."},
    {.name = "body_timeout", .type = CONF_DURATION, AT(body_ms), .fallback = "30s", .min = 100,
     .max = DAY_MS, .help = "The longest pause within a request's body."},
    {.name = "write_timeout", .type = CONF_DURATION, AT(write_ms), .fallback = "60s", .min = 100,
     .max = DAY_MS, .help = "How long a client may take nothing of its answer."},
    {.name = "connections", .type = CONF_INT, AT(connections_max), .fallback = "50000", .min = 1,
     .max = 1000000, .flags = CONF_NEEDS_RESTART,
     .help = "The most clients at once; further ones wait to be accepted."},
    {.name = "streams", .type = CONF_INT, AT(streams_max), .flags = CONF_OPTIONAL, .min = 1,
     .max = 1000000,
     .help = "The most requests at once over HTTP/2, all clients together; past it just one on "
             "each connection, and others are refused with REFUSED_STREAM. Without it: as many as "
             "`connections`."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table http_table = {.name = "http",
                                             .help = "What clients may send, and how slowly.",
                                             .size = sizeof(struct http_settings),
                                             .rows = http_rows};

int64_t config_streams_max(const struct http_settings *s)
{
    return s->streams_max == CONF_NOT_GIVEN ? s->connections_max : s->streams_max;
}

/* clang-format off */
#define THIS struct client_tls_settings
static const struct conf_row client_tls_rows[] = {
    {.name = "cert_file", .type = CONF_STR, AT(cert_file),
     .help = "The server's certificate and those between it and its authority (PEM, its own "
             "first). Without it clients speak plain HTTP."},
    {.name = "key_file", .type = CONF_STR, AT(key_file),
     .help = "Its private key (PEM, without a password). Without it: in `cert_file`."},
    {.name = "client_ca_file", .type = CONF_STR, AT(client_ca_file),
     .help = "Authorities (PEM) one of which a client's own certificate has to come from. "
             "Without it clients are asked for none."},
    {0},
};
/* clang-format on */
#undef THIS
static const struct conf_table client_tls_table = {
    .name = "client_tls",
    .help = "TLS 1.2 and 1.3 on `listen`, and on an `admin_listen` that others can reach. The "
            "files are looked at every two seconds; one that changed is used for the next "
            "connections.",
    .size = sizeof(struct client_tls_settings),
    .rows = client_tls_rows,
    .example = "tls: {cert_file: /etc/sluice/tls.pem, key_file: /etc/sluice/tls.key}"};

/* clang-format off */
#define THIS struct config
static const struct conf_row config_rows[] = {
    {.name = "listen", .type = CONF_STR, AT(listen), .fallback = "127.0.0.1:8080",
     .flags = CONF_NEEDS_RESTART,
     .help = "Where clients connect: `HOST:PORT`, `[::1]:PORT`, `:PORT` for all addresses, or "
             "`unix:/PATH`. Anything but loopback needs keys."},
    {.name = "admin_listen", .type = CONF_STR, AT(admin_listen), .flags = CONF_NEEDS_RESTART,
     .help = "A listener of its own for /admin and /metrics. On loopback (or `unix:/PATH`) it asks "
             "for no key; anywhere else it asks for an admin key. Usual: `127.0.0.1:8081`."},
    {.name = "hosts", .type = CONF_STRS, AT(hosts),
     .help = "Names by which sluice without keys may be called, beside localhost."},
    {.name = "tls", .type = CONF_TABLE, AT(tls), .child = &client_tls_table,
     .help = "HTTPS for clients."},
    {.name = "proxy_protocol", .type = CONF_STRS, AT(proxy_protocol),
     .help = "Proxies, by address or network (`10.0.0.0/8`, `::1`, `unix`), whose connections to "
             "`listen` begin with a PROXY protocol header (version 1 or 2), which says who the "
             "client is. From anybody else none is taken."},
    {.name = "drain", .type = CONF_DURATION, AT(drain_ms), .fallback = "30s", .max = DAY_MS,
     .help = "How long open requests may go on after SIGTERM."},
    {.name = "takeover", .type = CONF_STR, AT(takeover), .flags = CONF_NEEDS_RESTART,
     .help = "The path of a Unix socket at which `sluice serve --takeover` of the same user gets "
             "the listening sockets of the sluice that runs, and takes its place. Without it "
             "nobody can."},
    {.name = "state", .type = CONF_TABLE, AT(state), .child = &state_table,
     .help = "What is remembered."},
    {.name = "log", .type = CONF_TABLE, AT(log), .child = &log_table, .help = "The log."},
    {.name = "telemetry", .type = CONF_TABLE, AT(telemetry), .child = &telemetry_table,
     .help = "Traces and metrics for an OpenTelemetry collector."},
    {.name = "http", .type = CONF_TABLE, AT(http), .child = &http_table,
     .help = "Limits of the client side."},
    {.name = "providers", .type = CONF_MAP, AT(models.providers), .child = &provider_table,
     .help = "Who answers, by a name of your choice."},
    {.name = "default_provider", .type = CONF_STR, AT(models.default_provider),
     .flags = CONF_SHAPES_ANSWERS,
     .help = "Who gets requests for models that are no name of yours. Without it: the only "
             "provider, where there is one; `none`: nobody."},
    {.name = "models", .type = CONF_MAP, AT(models.models), .child = &model_table,
     .help = "Names that applications may ask for."},
    {.name = "lanes", .type = CONF_LIST_MAP, AT(models.lanes), .child = &lane_item_table,
     .help = "Lists of models, asked for as `lane/NAME`: the first answers, the others stand in."},
    {.name = "prices", .type = CONF_MAP, AT(prices), .child = &price_table,
     .help = "Prices of your own, before those that ship with sluice."},
    {.name = "price_file", .type = CONF_STR, AT(price_file),
     .help = "A file of prices in the form of prices/prices.json, before the shipped one."},
    {.name = "evals", .type = CONF_TABLE, AT(evals), .child = &evals_table,
     .help = "What a configuration has to show before its answers may change."},
    {.name = "keys", .type = CONF_TABLE, AT(keys), .child = &keys_table,
     .help = "Who may ask."},
    {.name = "limits", .type = CONF_TABLE, AT(limits), .child = &limits_table,
     .help = "How much they may use."},
    {.name = "fallback", .type = CONF_TABLE, AT(levers.fallback), .child = &fallback_table,
     .help = "Asking another model."},
    {.name = "retry", .type = CONF_TABLE, AT(levers.retry), .child = &retry_table,
     .help = "Asking again."},
    {.name = "recording", .type = CONF_TABLE, AT(recording), .child = &recording_table,
     .help = "Turns written down whole, for evals."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table config_table = {
    .name = "sluice",
    .help = "Every setting has a default; an empty file is valid.",
    .size = sizeof(struct config),
    .rows = config_rows,
};

const char config_without_file[] =
    "providers:\n"
    "  openai:\n"
    "    kind: openai\n"
    "    base_url: \"${OPENAI_BASE_URL:-https://api.openai.com/v1}\"\n"
    "    key: \"${OPENAI_API_KEY}\"\n";
