/*
 * gateway.h: what a running sluice consists of.
 *
 * The gateway lives as long as the process: ledger, keys, upstreams, metrics. What one
 * configuration file says is a snapshot: compiled once, reference counted, swapped whole. A request
 * holds the snapshot that it began with. Loop thread only.
 */
#ifndef API_GATEWAY_H
#define API_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "api/config.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/metric.h"
#include "conf/conf.h"
#include "guard/keys.h"
#include "guard/limits.h"
#include "http/server.h"
#include "levers/order.h"
#include "llm/models.h"
#include "net/address.h"
#include "rt/task.h"
#include "turn/recording/recording.h"
#include "turn/turn.h"

struct brake;
struct listener;
struct outcomes;
struct prompts;
struct stored;
struct tls_context;
struct watch;

struct snapshot {
    unsigned refs;
    struct conf_doc *doc;
    const struct config *config;
    struct prices *prices;
    struct models *models;
    struct tls_context *tls;   /* of clients; NULL: they speak plain HTTP */
    struct network *proxies;   /* who say for whom they speak; as many as in the configuration */
    struct exporter *exporter; /* of telemetry; NULL: it is off */
    struct lever_chain chain;
    struct limits_rules rules;
    struct recording_rules *recording; /* NULL: nothing is recorded */
    struct http_limits limits;
    int64_t loaded_wall_us;
};

struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

struct gateway {
    struct snapshot *now;
    char *file; /* of the configuration; NULL: it came from nowhere that could be read again */
    struct upstreams *upstreams;
    struct ledger *ledger;     /* NULL: none */
    struct stored *stored;     /* whose the responses are that providers keep */
    struct outcomes *outcomes; /* of tasks */
    struct keys *keys;
    struct limits *limits;
    struct watch *watch;     /* of the files that the configuration refers to; NULL: none */
    struct prompts *prompts; /* of applications; NULL until a configuration wants to know them */
    struct brake *brake;     /* what it says of the configuration in force */
    bool record_age_shown;
    bool was_sent; /* that one came to /admin/config, and is not the file's */
    bool reloading;
    struct waitq reload_ended;
    struct metric_set *metrics;
    struct turn_house house;
    struct recorder *recorder; /* NULL until a configuration records */
    struct telemetry *telemetry;
    struct listener *listener, *admin_listener;
    struct http2_streams streams; /* of the clients of both */
    unsigned under_way;           /* and their HTTP/1 requests, also those that have yet to come */
    bool draining;
    bool handed_over; /* another process accepts in our place, so that who asks here is served */
    int64_t began_wall_us;
    uint64_t reloads, reloads_refused;
    uint64_t held;           /* of those refused: by the brake */
    uint64_t refused;        /* requests that did not come past the door */
    uint64_t tls_failures;   /* connections that came to no TLS */
    uint64_t proxy_failures; /* of proxies, without a header that says for whom */
};

/*
 * Compiles a loaded file; what is wrong is complained of in the document, with E_CONFIG. Checks
 * that span modules (config_check) are made here too; `listen` is as there.
 */
MUSTCHECK int snapshot_make(struct upstreams *upstreams, struct conf_doc *doc, const char *listen,
                            struct snapshot **ret_snapshot);

/* Opens everything that `snapshot` names (ledger, keys, log) and takes it over. The brake has let
 * it through (braking_start). */
MUSTCHECK int gateway_open(struct gateway *g, struct snapshot *snapshot, struct fault *f);
void gateway_close(struct gateway *g); /* also of one that did not open wholly */

enum reload_from {
    RELOAD_FILE,  /* the configuration's own, read again */
    RELOAD_TEXT,  /* one that was sent */
    RELOAD_NAMED, /* what is in force, with what the files that it names hold now */
};

struct reload {
    enum reload_from from;
    struct str text; /* RELOAD_TEXT */
    struct str by;   /* who wants it, for the log: "SIGHUP", a key's public part */
    bool dry_run;    /* nothing is changed */
};

/*
 * Loads a configuration on the pool of threads, compiles it and puts it in place of the one in use.
 * `out` gets the difference, or the problems (E_CONFIG: the old one stays), and so does the log.
 * The brake (eval/brake/brake.h) holds back what answers otherwise without evidence, and what it
 * says is part of `out`. What api_config_show gives is a text that changes nothing: hidden secrets
 * in it stand for those in use. Another one that is under way is waited for.
 */
YIELDS MUSTCHECK int gateway_reload(struct gateway *g, const struct reload *r, struct buf *out);

/* Have files changed that the configuration names? Asks on the pool of threads. */
YIELDS bool gateway_files_changed(struct gateway *g);

/* Who connects to its listeners. */
struct door {
    struct gateway *gateway;
    bool admin; /* this listener is for /admin, /metrics and /health only ... */
    bool local; /* ... and, where none but this machine reaches it, asks for no key */
    struct http_server_settings http;
};
void door_init(struct door *door, struct gateway *g, bool admin, const char *address);
YIELDS void door_serve(void *door, struct stream *s, const struct sockaddr *peer);

/* Brings the gauges of all subsystems up to date; `gateway` is the gateway. */
void gateway_gauges(void *gateway);
/* The same, then writes the whole set. */
MUSTCHECK int gateway_metrics(struct gateway *g, struct buf *out);

#endif
