/*
 * upool.c: see upool.h.
 *
 *     connecting -> in use <-> idle -> doomed -> closed
 *     connecting -> shared -> retired -> closed
 *
 * An idle connection that the other side closes is moved to `doomed` by its hangup watch, which
 * must not close it, and is closed by the pool's timer in the loop's next round. The timer also
 * ends idle ones that are too old; it runs towards the oldest and is not touched by gets and puts.
 */
#include "net/upool.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "net/dns.h"
#include "net/tls.h"
#include "rt/io.h"
#include "rt/task.h"
#include "rt/timer.h"

/* Each address gets its share of the time left, but at least this much. */
#define TRY_MS_MIN 250

/* A model may think for minutes: probes keep the path open and find a dead one. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 20

/* Is it worth while to wait for a connection that somebody else is making? */
enum carries { CARRIES_UNKNOWN, CARRIES_ONE, CARRIES_SEVERAL };

struct upool {
    struct upool_settings settings; /* with strings of our own */
    char *host, *tls_host;
    struct list idle; /* newest first */
    struct list doomed;
    struct list shared; /* those that take calls */
    struct timer timer;
    struct upool_stats stats; /* in_use counts those that connect, and retired ones, too */
    bool freed;
    enum carries carries;   /* as the last connection did */
    unsigned connecting;    /* for whom others may wait, ... */
    struct waitq connected; /* ... here, ... */
    unsigned waiting;       /* so many */
    unsigned shared_n;      /* shared ones that are open, retired ones included */
};

struct pooled {
    struct upool_conn conn;
    struct list node;
    int64_t idle_since_ms;
    unsigned holds;
    bool retired;
};

static struct pooled *pooled_of(struct upool_conn *conn)
{
    return CONTAINER_OF(conn, struct pooled, conn);
}

static void pooled_close(struct pooled *c)
{
    if (c->conn.http_free != NULL)
        c->conn.http_free(c->conn.http);
    stream_close(c->conn.stream);
    list_remove(&c->node);
    free(c);
}

static void timer_ring(struct upool *pool, int64_t at_ms)
{
    if (timer_running(&pool->timer) && pool->timer.at_ms <= at_ms)
        return;
    /* Without memory for it the connections leave with the next get or put. */
    if (timer_start(&pool->timer, at_ms) != 0)
        return;
}

static void close_doomed(struct upool *pool)
{
    struct list *node;

    while ((node = list_pop_front(&pool->doomed)) != NULL)
        pooled_close(LIST_ENTRY(node, struct pooled, node));
}

static struct pooled *idle_take(struct upool *pool, struct list *node)
{
    struct pooled *c = LIST_ENTRY(node, struct pooled, node);

    list_remove(node);
    pool->stats.idle--;
    stream_watch_hangup(c->conn.stream, NULL, NULL);
    return c;
}

static void close_old(struct upool *pool, int64_t now)
{
    while (!list_empty(&pool->idle)) {
        struct pooled *oldest = LIST_ENTRY(pool->idle.prev, struct pooled, node);
        int64_t until = oldest->idle_since_ms + pool->settings.idle_ms;
        if (until > now) {
            timer_ring(pool, until);
            return;
        }
        pooled_close(idle_take(pool, &oldest->node));
    }
}

static void on_timer(struct timer *timer)
{
    struct upool *pool = CONTAINER_OF(timer, struct upool, timer);

    close_doomed(pool);
    close_old(pool, clock_cached_ms());
}

static void on_hangup(void *arg)
{
    struct pooled *c = arg;
    struct upool *pool = c->conn.pool;

    list_remove(&c->node);
    pool->stats.idle--;
    list_push_back(&pool->doomed, &c->node);
    timer_ring(pool, clock_cached_ms());
}

int upool_new(const struct upool_settings *settings, struct upool **ret_pool)
{
    struct upool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return E_MEMORY;
    pool->settings = *settings;
    pool->host = strdup(settings->host);
    pool->tls_host = strdup(settings->tls_host != NULL ? settings->tls_host : settings->host);
    if (pool->host == NULL || pool->tls_host == NULL) {
        free(pool->host);
        free(pool->tls_host);
        free(pool);
        return E_MEMORY;
    }
    pool->settings.host = pool->host;
    pool->settings.tls_host = pool->tls_host;
    list_init(&pool->idle);
    list_init(&pool->doomed);
    list_init(&pool->shared);
    waitq_init(&pool->connected);
    timer_init(&pool->timer, on_timer);
    *ret_pool = pool;
    return 0;
}

static void pool_end(struct upool *pool)
{
    close_doomed(pool);
    timer_stop(&pool->timer);
    free(pool->host);
    free(pool->tls_host);
    free(pool);
}

static void end_if_unused(struct upool *pool)
{
    if (pool->freed && pool->stats.in_use == 0 && pool->waiting == 0)
        pool_end(pool);
}

void upool_free(struct upool *pool)
{
    if (pool == NULL)
        return;
    while (!list_empty(&pool->idle))
        pooled_close(idle_take(pool, pool->idle.next));
    while (!list_empty(&pool->shared))
        pool->settings.sharing->leave(&LIST_ENTRY(pool->shared.next, struct pooled, node)->conn);
    pool->freed = true;
    end_if_unused(pool);
}

/* One fewer in use; a pool that was freed goes with its last connection. */
static void in_use_end(struct upool *pool)
{
    pool->stats.in_use--;
    end_if_unused(pool);
}

/* ---- connecting */

static void set_options(struct io *io)
{
    int fd = io_fd(io), on = 1, idle_s = KEEPALIVE_IDLE_S, interval_s = KEEPALIVE_INTERVAL_S;

    /* Wishes: a connection without them works, too. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
}

static int connect_one(const struct upool *pool, const struct sockaddr *addr, socklen_t len,
                       struct stream **ret_stream, struct fault *f)
{
    const struct upool_settings *s = &pool->settings;
    struct stream *stream;
    struct io *io;

    int err = io_connect(addr, len, &io);
    if (err != 0)
        return err;
    set_options(io);
    err = stream_tcp_new(io, &stream);
    if (err != 0)
        return err;
    if (s->tls != NULL)
        return tls_connect(s->tls, stream, s->tls_host, ret_stream, f);
    *ret_stream = stream;
    return 0;
}

/* May another address of the same name do better? */
static bool worth_another(int err, int64_t until_ms)
{
    switch (err) {
    case E_REFUSED:
    case E_RESET:
    case E_CLOSED:
    case E_EOF:
    case E_IO:
        return true;
    case E_TIMEOUT:
        return clock_cached_ms() < until_ms;
    default:
        return false;
    }
}

static int connect_any(struct upool *pool, struct dns_addrs *addrs, int64_t until_ms,
                       struct stream **ret_stream, struct fault *f)
{
    int err = dns_resolve(pool->host, pool->settings.port, addrs, f);

    for (unsigned i = 0; err == 0 && i < addrs->count; i++) {
        int64_t now = clock_cached_ms(), share = (until_ms - now) / (addrs->count - i);
        int64_t outer = task_deadline(now + (share > TRY_MS_MIN ? share : TRY_MS_MIN));
        fault_clear(f);
        err = connect_one(pool, (struct sockaddr *)&addrs->at[i], addrs->len[i], ret_stream, f);
        task_deadline_restore(outer);
        if (err == 0)
            return 0;
        if (i + 1 < addrs->count && worth_another(err, until_ms))
            err = 0;
    }
    return err;
}

static int connect_fault(const struct upool *pool, int err, unsigned tried, struct fault *f)
{
    const struct upool_settings *s = &pool->settings;
    const char *bracket = strchr(s->host, ':') != NULL ? "[" : "";
    const char *close_bracket = *bracket != '\0' ? "]" : "";
    char addresses[40] = "";

    if (tried > 1)
        snprintf(addresses, sizeof(addresses), " (%u addresses tried)", tried);
    if (err == E_TIMEOUT)
        return fault_set(f, err, "%s%s%s:%u: no connection within the time allowed%s", bracket,
                         s->host, close_bracket, s->port, addresses);
    return fault_set(f, err, "%s%s%s:%u: %s%s", bracket, s->host, close_bracket, s->port,
                     err_text(err), addresses);
}

static int connect_new(struct upool *pool, int64_t until_ms, struct stream **ret_stream,
                       struct fault *f)
{
    /* A kilobyte that must not stay in the task's stack. */
    struct dns_addrs *addrs = malloc(sizeof(*addrs));

    if (addrs == NULL)
        return E_MEMORY;
    addrs->count = 0;
    int64_t outer = task_deadline(until_ms);
    int err = connect_any(pool, addrs, until_ms, ret_stream, f);
    task_deadline_restore(outer);
    if (err != 0 && task_canceled(task_self()) == 0)
        err = connect_fault(pool, err, addrs->count, f);
    free(addrs);
    return err;
}

/* ---- idle ones */

static struct pooled *take_quiet(struct upool *pool)
{
    while (!list_empty(&pool->idle)) {
        struct pooled *c = idle_take(pool, pool->idle.next);
        if (stream_is_quiet(c->conn.stream))
            return c;
        pooled_close(c);
    }
    return NULL;
}

/* A place for one more connection: at the limit an idle one makes room. */
static int make_room(struct upool *pool, struct fault *f)
{
    const struct upool_settings *s = &pool->settings;

    if (s->connections_max == 0 || pool->stats.in_use + pool->stats.idle < s->connections_max)
        return 0;
    if (list_empty(&pool->idle)) /* a shared one that is idle has room, or is about to end */
        return fault_set(f, E_OVERLOADED, "%s:%u: all %u connections are in use", s->host, s->port,
                         s->connections_max);
    pooled_close(idle_take(pool, pool->idle.prev));
    return 0;
}

/* ---- shared connections */

void upool_hold(struct upool_conn *conn)
{
    pooled_of(conn)->holds++;
}

static void shared_end_if_unused(struct pooled *c)
{
    struct upool *pool = c->conn.pool;

    if (c->conn.calls > 0 || c->holds > 0)
        return;
    pooled_close(c);
    pool->shared_n--;
    in_use_end(pool);
}

void upool_release(struct upool_conn *conn)
{
    struct pooled *c = pooled_of(conn);

    c->holds--;
    shared_end_if_unused(c);
}

void upool_retire(struct upool_conn *conn)
{
    struct pooled *c = pooled_of(conn);
    struct upool *pool = conn->pool;

    if (c->retired)
        return;
    c->retired = true;
    list_remove(&c->node);
    list_init(&c->node);
    if (conn->calls > 0)
        return;
    pool->stats.idle--;
    pool->stats.in_use++;
}

static void shared_put(struct pooled *c, bool reusable)
{
    struct upool *pool = c->conn.pool;

    c->conn.calls--;
    if (c->conn.calls == 0 && !c->retired) {
        pool->stats.in_use--;
        pool->stats.idle++;
    }
    if (c->holds == 0) {
        shared_end_if_unused(c);
        return;
    }
    c->holds++; /* whatever its protocol lets go of */
    if (!reusable && !c->retired)
        pool->settings.sharing->leave(&c->conn);
    else if (c->conn.calls == 0)
        pool->settings.sharing->idle(&c->conn);
    upool_release(&c->conn);
}

static struct pooled *shared_take(struct upool *pool, bool fresh)
{
    LIST_EACH(&pool->shared, it)
    {
        struct pooled *c = LIST_ENTRY(it, struct pooled, node);
        if (!pool->settings.sharing->has_room(&c->conn, fresh))
            continue;
        if (c->conn.calls++ == 0) {
            pool->stats.idle--;
            pool->stats.in_use++;
        }
        return c;
    }
    return NULL;
}

/* A new connection that may be shared. It has its first call. */
static int shared_begin(struct pooled *c, struct fault *f)
{
    struct upool *pool = c->conn.pool;
    const struct upool_sharing *sharing = pool->settings.sharing;

    int shared = sharing->speaks(c->conn.stream, f);
    if (shared < 0)
        return shared;
    pool->carries = shared == 1 ? CARRIES_SEVERAL : CARRIES_ONE;
    if (shared == 0)
        return 0;
    c->conn.shared = true;
    c->conn.calls = 1;
    pool->shared_n++;
    int err = sharing->begin(&c->conn);
    if (err == 0 && !c->retired)
        list_push_front(&pool->shared, &c->node);
    if (err == 0 && pool->freed)
        sharing->leave(&c->conn);
    return err == 0 || task_canceled(task_self()) != 0
               ? err
               : fault_set(f, err, "%s:%u: HTTP/2: %s", pool->host, pool->settings.port,
                           err == E_TIMEOUT ? "no SETTINGS within the time allowed"
                                            : err_text(err));
}

/*
 * Waits for a connection that somebody else is making, where it may turn out to be one for many.
 * E_AGAIN: there is none to wait for, or it has failed; then each tries for itself.
 */
static int wait_connected(struct upool *pool)
{
    uint64_t failed = pool->stats.failed;

    if (pool->settings.sharing == NULL || pool->carries == CARRIES_ONE || pool->connecting == 0)
        return E_AGAIN;
    pool->waiting++;
    int err = waitq_wait(&pool->connected);
    pool->waiting--;
    return err == 0 && pool->stats.failed != failed ? E_AGAIN : err;
}

void upool_settle(struct upool *pool, int64_t ms)
{
    int64_t until = clock_cached_ms() + ms;

    while (!list_empty(&pool->shared))
        pool->settings.sharing->leave(&LIST_ENTRY(pool->shared.next, struct pooled, node)->conn);
    while (pool->shared_n > 0 && clock_cached_ms() < until && task_sleep(5) == 0)
        ;
}

/* ---- get and put */

static void give_up(struct pooled *c)
{
    struct upool *pool = c->conn.pool;

    if (task_canceled(task_self()) == 0)
        pool->stats.failed++;
    if (c->conn.shared) {
        upool_retire(&c->conn);
        shared_put(c, false);
        return;
    }
    if (c->conn.stream != NULL)
        stream_close(c->conn.stream);
    free(c);
    in_use_end(pool);
}

static int get_new(struct upool *pool, struct upool_conn **ret_conn, struct fault *f)
{
    int64_t until_ms = clock_cached_ms() + pool->settings.connect_ms;
    struct pooled *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return E_MEMORY;
    list_init(&c->node);
    c->conn.pool = pool;
    c->conn.idle_ms = pool->settings.idle_ms;
    pool->stats.in_use++;
    pool->connecting++;
    int err = connect_new(pool, until_ms, &c->conn.stream, f);
    if (err == 0 && pool->settings.sharing != NULL) {
        int64_t outer = task_deadline(until_ms);
        err = shared_begin(c, f);
        task_deadline_restore(outer);
    }
    pool->connecting--;
    waitq_wake_all(&pool->connected);
    if (err != 0) {
        give_up(c);
        return err;
    }
    pool->stats.opened++;
    pool->stats.opened_shared += c->conn.shared;
    *ret_conn = &c->conn;
    return 0;
}

/* One that is there already. */
static struct pooled *get_kept(struct upool *pool, bool fresh)
{
    struct pooled *c = shared_take(pool, fresh);

    if (c != NULL || fresh)
        return c;
    c = take_quiet(pool);
    if (c != NULL)
        pool->stats.in_use++;
    return c;
}

int upool_get(struct upool *pool, bool fresh, struct upool_conn **ret_conn, struct fault *f)
{
    struct pooled *c;
    int err;

    do {
        c = get_kept(pool, fresh);
        err = c == NULL ? wait_connected(pool) : 0;
    } while (c == NULL && err == 0);
    if (c != NULL) {
        pool->stats.reused++;
        /* Beside other calls it was not idle. */
        c->conn.reused = !c->conn.shared || c->conn.calls == 1;
        *ret_conn = &c->conn;
        return 0;
    }
    if (err == E_AGAIN)
        err = make_room(pool, f);
    if (err == 0)
        return get_new(pool, ret_conn, f);
    end_if_unused(pool);
    return err;
}

void upool_put(struct upool_conn *conn, bool reusable)
{
    struct pooled *c = pooled_of(conn);
    struct upool *pool = conn->pool;
    const struct upool_settings *s = &pool->settings;

    if (conn->shared) {
        shared_put(c, reusable);
        return;
    }
    if (!reusable || pool->freed || s->idle_max == 0) {
        pooled_close(c);
        in_use_end(pool);
        return;
    }
    if (pool->stats.idle >= s->idle_max && !list_empty(&pool->idle))
        pooled_close(idle_take(pool, pool->idle.prev));
    pool->stats.in_use--;
    pool->stats.idle++;
    c->idle_since_ms = clock_cached_ms();
    list_push_front(&pool->idle, &c->node);
    stream_watch_hangup(conn->stream, on_hangup, c);
    if (!timer_running(&pool->timer))
        timer_ring(pool, c->idle_since_ms + s->idle_ms);
}

struct upool_stats upool_stats(const struct upool *pool)
{
    return pool->stats;
}

bool upool_is_limited(const struct upool *pool)
{
    return pool->settings.connections_max > 0;
}
