/*
 * telemetry.h: tells an OpenTelemetry collector of turns, of the calls that were made for them, and
 * of all metrics (OTLP over HTTP, as JSON). Off unless the configuration names an endpoint.
 *
 * No turn waits for it. Where it is on, a turn has a `trace`, and what ends (a call, a turn) is put
 * as a span of fixed size into a queue with a ceiling; a task of its own sends what is there every
 * `delay`, or sooner where a batch is full. A span stays in the queue until the collector has taken
 * it; what comes while the queue is full is dropped and counted. A collector that is down, or says
 * so (429, 502, 503, 504), is asked again with pauses that grow, or as Retry-After says; what it
 * refuses in another way is dropped and counted.
 *
 * The telemetry lives as long as the process. An exporter is what one configuration says of it:
 * compiled with it, reference counted, swapped on a reload. Loop thread only.
 */
#ifndef TURN_TELEMETRY_H
#define TURN_TELEMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/macros.h"
#include "base/metric.h"
#include "conf/conf.h"
#include "http/message.h"
#include "llm/settings.h"
#include "turn/telemetry/trace.h"
#include "turn/turn.h"

struct exporter;
struct telemetry;

struct telemetry_header {
    struct str value;
};

struct telemetry_settings {
    struct str endpoint;     /* n == 0: off */
    struct conf_map headers; /* struct telemetry_header */
    struct str service_name;
    struct conf_str_map resource;
    bool traces, metrics;
    int64_t sample; /* millionths of the traces that begin here */
    int64_t delay_ms, interval_ms, timeout_ms;
    int64_t batch, queue; /* spans */
    struct tls_table tls;
};
extern const struct conf_table telemetry_table;

/* *ret_exporter is NULL where it is off. What is wrong is complained of in `doc` (E_CONFIG). */
MUSTCHECK int exporter_new(const struct telemetry_settings *settings, struct conf_doc *doc,
                           struct exporter **ret_exporter);
void exporter_unref(struct exporter *e);
/* Sends no span, which a collector answers with a 2xx; for doctor. 0 and its status, or why there
 * is none. */
YIELDS MUSTCHECK int exporter_try(const struct exporter *e, int *ret_status, struct fault *f);

/* `collect` brings the gauges of `metrics` up to date before they are sent. */
MUSTCHECK int telemetry_new(struct metric_set *metrics, void (*collect)(void *arg), void *arg,
                            struct telemetry **ret_telemetry);
void telemetry_free(struct telemetry *tm); /* its task has ended, or the loop has */

/*
 * From now on as this exporter says; NULL switches it off, and what waits is dropped. Takes a
 * reference. *ret_on is what turns are given: NULL where it is off. E_MEMORY: it is off.
 */
MUSTCHECK int telemetry_use(struct telemetry *tm, struct exporter *e, struct telemetry **ret_on);

/* The end: sends what waits, once, for at most `ms`; what is left then is lost. */
YIELDS void telemetry_stop(struct telemetry *tm, int64_t ms);

struct telemetry_stats {
    uint64_t waiting, sent, dropped, failures; /* spans; posts that failed */
};
struct telemetry_stats telemetry_stats(const struct telemetry *tm);

/* ---- what turns do where it is on; nothing of it waits ---- */

/* Gives the turn its trace; `route` lives as long as the turn. */
MUSTCHECK int telemetry_turn_begins(struct turn *t, const struct http_headers *from,
                                    struct str method, struct str route);
/* A span for the next call, in the header that trace_pass has put there. */
void telemetry_call_begins(struct turn *t);
/* `c` is NULL where the call is one that is passed on unread. */
void telemetry_call_ended(struct turn *t, const struct ledger_call *row, const struct llm_call *c,
                          const struct provider *provider, const struct endpoint *endpoint);
void telemetry_turn_ended(struct turn *t, const struct ledger_turn *row);

#endif
