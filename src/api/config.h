/*
 * config.h: the whole configuration: the root of the table that conf/ reads.
 *
 * Every module owns its rows; here they are put together, in the playbook's order.
 */
#ifndef API_CONFIG_H
#define API_CONFIG_H

#include "conf/conf.h"
#include "eval/brake/settings.h"
#include "guard/keys.h"
#include "guard/limits.h"
#include "levers/order.h"
#include "llm/models.h"
#include "turn/recording/recording.h"
#include "turn/telemetry/telemetry.h"

struct state_settings {
    struct str ledger; /* "sqlite:sluice.db"; "off" */
    int64_t keep_ms;   /* 0: for ever */
    int64_t keep_bytes;
    int64_t keep_responses_ms; /* 0: for ever */
};

struct log_settings {
    struct str file;
    int format, level;
};

struct http_settings {
    int64_t body_bytes_max, header_bytes_max, headers_max;
    int64_t header_ms, idle_ms, body_ms, write_ms;
    int64_t connections_max;
    int64_t streams_max; /* CONF_NOT_GIVEN: as many */
};

struct client_tls_settings {
    struct str cert_file, key_file, client_ca_file;
};

struct config {
    struct str listen;
    struct str admin_listen;
    struct conf_strs hosts;
    struct client_tls_settings tls;
    struct conf_strs proxy_protocol; /* networks of proxies that speak it */
    int64_t drain_ms;
    struct str takeover; /* a path; STR_NONE: nobody may take over */
    struct state_settings state;
    struct log_settings log;
    struct telemetry_settings telemetry;
    struct http_settings http;
    struct models_settings models;
    struct conf_map prices;
    struct str price_file;
    struct evals_settings evals;
    struct keys_settings keys;
    struct limits_settings limits;
    struct levers_settings levers;
    struct recording_settings recording;
};

extern const struct conf_table config_table;

/* The most HTTP/2 streams at once, over all clients. */
int64_t config_streams_max(const struct http_settings *s);

/* Is there a database, in which turns are written down and keys are made? */
bool config_has_ledger(const struct config *c);

/*
 * Complains in `doc` of what the tables cannot say: listeners, paths, names, keys. It looks at the
 * disk, but opens and writes nothing. `listen` is where clients really come in, NULL: as the
 * configuration says. 0 or E_MEMORY.
 */
MUSTCHECK int config_check(const struct config *c, const char *listen, struct conf_doc *doc);

/* Warns of prices that are for no provider of the compiled configuration. */
void config_prices_check(const struct config *c, const struct models *models, struct conf_doc *doc);

/* What `sluice serve` runs on without a file: one provider, with the key of the environment. */
extern const char config_without_file[];

#endif
