/*
 * upstream.h: the addresses that providers answer at, and how they are.
 *
 * An endpoint is one address (scheme, host, port) with its pool of connections, how many calls are
 * under way and whether it answered lately. Endpoints live in a registry and outlast the
 * configuration that named them, so a reload drops no connection; a provider's replicas refer to
 * them. Loop thread only.
 */
#ifndef LLM_UPSTREAM_H
#define LLM_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/str.h"
#include "llm/settings.h"
#include "rt/task.h"

struct tls_context;
struct upool;
struct upstreams;

#define NEWS_MS 5000 /* how long an answer or a probe says that an endpoint is there */

struct endpoint {
    struct list node; /* in the registry */
    unsigned refs;
    struct str origin; /* "https://api.openai.com:443": what makes it the same endpoint */
    struct str host_header;
    struct upool *pool;
    struct tls_context *tls;

    unsigned under_way;
    unsigned failures_in_row; /* connections that could not be made or broke before an answer */
    int64_t down_until_ms;    /* not asked before, while another replica is up */
    uint64_t calls, failures;

    /* for endpoint_reachable */
    int64_t news_until_ms; /* so long `reachable` is news */
    bool reachable, probing;
    struct waitq probed;
};

/* The parts of "https://host:port/path"; they point into the text. */
struct url {
    bool tls;
    struct str host;
    unsigned port;
    struct str path; /* without a slash at the end */
};
/* One with a query or a user name is refused: they may be secret, so the fault does not have them,
 * but the words `instead`: what to do. */
MUSTCHECK int url_parse(struct str text, const char *instead, struct url *ret_url, struct fault *f);

MUSTCHECK int upstreams_new(struct upstreams **ret_upstreams);
/* Connections that have tasks of their own end, in `ms` if they can: before the loop does. */
YIELDS void upstreams_settle(struct upstreams *u, int64_t ms);
void upstreams_free(struct upstreams *u);

/* The endpoint of `url`, made on first use, with a reference for the caller. */
MUSTCHECK int upstreams_get(struct upstreams *u, const struct url *url,
                            const struct provider_settings *settings,
                            struct endpoint **ret_endpoint, struct fault *f);
void endpoint_unref(struct upstreams *u, struct endpoint *e);

/* How a call went, as far as the endpoint is to blame. */
void endpoint_answered(struct endpoint *e);
void endpoint_failed(struct endpoint *e);
bool endpoint_is_up(const struct endpoint *e);

/*
 * Can it be reached, as far as is known from the last answer or probe? With `probe`, what is not
 * known is found out by a connection: one in NEWS_MS, however many ask. One that rests is not
 * probed, and a probe does not end a rest: who accepts connections need not answer.
 */
YIELDS bool endpoint_reachable(struct endpoint *e, bool probe);

/* Calls `fn` for each endpoint. */
void upstreams_each(struct upstreams *u, void (*fn)(void *arg, struct endpoint *e), void *arg);

#endif
