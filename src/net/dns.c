/*
 * dns.c: names to addresses through getaddrinfo on the pool.
 *
 * An entry is a name with its newest answer. Tasks that ask for a name while a look-up of it runs
 * wait for that one. An entry that a look-up or a waiting task still needs is pinned: it may leave
 * the list (eviction, dns_cache_clear) but is freed with the last pin.
 */
#include "net/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "rt/pool.h"
#include "rt/task.h"

#define FAILED_TTL_MS 1000

/* With an older answer in hand, a fresh look-up is waited for this long. */
#define REFRESH_WAIT_MS 1000

#define HOST_BYTES_MAX 253

struct entry {
    struct list node;
    unsigned pins;
    bool listed, running;
    struct waitq waiters;
    struct dns_addrs *addrs; /* the newest good answer, NULL before it */
    int64_t fresh_until_ms;
    int64_t stale_until_ms;
    int64_t failed_until_ms; /* no new look-up before */
    struct fault fault;      /* of the newest look-up, when it failed */
    char host[];
};

/* The process has one resolver, as it has one loop. Newest first. */
static struct {
    struct list entries;
    unsigned count;
    dns_lookup *lookup;
} cache = {.entries = {&cache.entries, &cache.entries}};

struct job {
    struct pool_job pool;
    struct entry *entry;
    dns_lookup *lookup;
    struct dns_addrs *addrs;
    struct fault fault;
    int err;
    char host[];
};

static int from_gai(int gai, const char *host, struct fault *f)
{
    if (gai == EAI_MEMORY)
        return E_MEMORY;
    const char *why = gai == EAI_SYSTEM ? strerror(errno) : gai_strerror(gai);
    return fault_set(f, E_DNS, "the name %s could not be resolved: %s", host, why);
}

static int system_lookup(const char *host, struct dns_addrs *ret_addrs, struct fault *f)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *all;
    int gai = getaddrinfo(host, NULL, &hints, &all);

    if (gai != 0)
        return from_gai(gai, host, f);
    ret_addrs->count = 0;
    for (struct addrinfo *a = all; a != NULL && ret_addrs->count < DNS_ADDRS_MAX; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        memcpy(&ret_addrs->at[ret_addrs->count], a->ai_addr, a->ai_addrlen);
        ret_addrs->len[ret_addrs->count++] = a->ai_addrlen;
    }
    freeaddrinfo(all);
    if (ret_addrs->count == 0)
        return fault_set(f, E_DNS, "the name %s has no IP address", host);
    return 0;
}

static void job_run(struct pool_job *pool)
{
    struct job *job = CONTAINER_OF(pool, struct job, pool);
    job->err = job->lookup(job->host, job->addrs, &job->fault);
}

static void entry_unpin(struct entry *e)
{
    if (--e->pins > 0 || e->listed)
        return;
    free(e->addrs);
    free(e);
}

static void entry_unlist(struct entry *e)
{
    list_remove(&e->node);
    e->listed = false;
    cache.count--;
    e->pins++;
    entry_unpin(e);
}

/* The look-up has run: its result goes to the entry and to all who wait there. */
static void job_finish(struct job *job)
{
    struct entry *e = job->entry;
    int64_t now = clock_cached_ms();

    e->running = false;
    if (job->err == 0) {
        free(e->addrs);
        e->addrs = job->addrs;
        job->addrs = NULL;
        e->fresh_until_ms = now + DNS_TTL_MS;
        e->stale_until_ms = now + DNS_STALE_MS;
        e->failed_until_ms = 0;
    } else {
        e->failed_until_ms = now + FAILED_TTL_MS;
        e->fault = job->fault;
        e->fault.err = job->err;
    }
    waitq_wake_all(&e->waiters);
    entry_unpin(e);
    free(job->addrs);
    free(job);
}

static void job_drop(struct pool_job *pool)
{
    job_finish(CONTAINER_OF(pool, struct job, pool));
}

/* Starts a look-up and waits for it. 0: it has run, well or not. */
static int entry_look_up(struct entry *e)
{
    size_t host_bytes = strlen(e->host) + 1;
    struct job *job = calloc(1, sizeof(*job) + host_bytes);
    struct dns_addrs *addrs = calloc(1, sizeof(*addrs));

    if (job == NULL || addrs == NULL) {
        free(job);
        free(addrs);
        return E_MEMORY;
    }
    job->pool = (struct pool_job){.run = job_run, .drop = job_drop};
    job->entry = e;
    job->lookup = cache.lookup != NULL ? cache.lookup : system_lookup;
    job->addrs = addrs;
    memcpy(job->host, e->host, host_bytes);
    e->running = true;
    e->pins++;

    int err = pool_call(&job->pool);
    if (err == 0) {
        job_finish(job);
    } else if (err == E_MEMORY) {
        /* It did not run and is still ours; those who joined meanwhile must not wait for ever. */
        job->err = fault_set(&job->fault, E_MEMORY, "%s", err_text(E_MEMORY));
        job_finish(job);
    }
    return err;
}

static struct entry *entry_find(const char *host)
{
    LIST_EACH(&cache.entries, it)
    {
        struct entry *e = LIST_ENTRY(it, struct entry, node);
        if (strcmp(e->host, host) == 0) {
            list_remove(&e->node);
            list_push_front(&cache.entries, &e->node);
            return e;
        }
    }
    return NULL;
}

static struct entry *entry_new(const char *host)
{
    size_t host_bytes = strlen(host) + 1;
    struct entry *e = calloc(1, sizeof(*e) + host_bytes);

    if (e == NULL)
        return NULL;
    memcpy(e->host, host, host_bytes);
    waitq_init(&e->waiters);
    e->listed = true;
    list_push_front(&cache.entries, &e->node);
    if (++cache.count > DNS_ENTRIES_MAX)
        entry_unlist(LIST_ENTRY(cache.entries.prev, struct entry, node));
    return e;
}

/* Waits until `e` has an answer to give, or an error. The entry is pinned by the caller. */
static int entry_settle(struct entry *e)
{
    while (e->addrs == NULL || clock_cached_ms() >= e->fresh_until_ms) {
        if (clock_cached_ms() < e->failed_until_ms)
            return e->fault.err;
        int err = e->running ? waitq_wait(&e->waiters) : entry_look_up(e);
        if (err != 0)
            return err;
    }
    return 0;
}

static int entry_answer(struct entry *e, struct dns_addrs *ret_addrs, struct fault *f)
{
    bool usable = e->addrs != NULL && clock_cached_ms() < e->stale_until_ms;
    int64_t outer = TASK_NO_DEADLINE;

    if (usable)
        outer = task_deadline(clock_cached_ms() + REFRESH_WAIT_MS);
    int err = entry_settle(e);
    if (usable)
        task_deadline_restore(outer);
    if (err == E_TIMEOUT && clock_cached_ms() >= outer)
        usable = false; /* the caller's own time is over, too */
    if (err == 0 || (usable && (err == E_TIMEOUT || err == E_DNS))) {
        *ret_addrs = *e->addrs;
        return 0;
    }
    if (err == E_DNS)
        return fault_set(f, err, "%s", e->fault.text);
    return err;
}

static void set_port(struct dns_addrs *addrs, unsigned port)
{
    for (unsigned i = 0; i < addrs->count; i++) {
        struct sockaddr_storage *at = &addrs->at[i];
        if (at->ss_family == AF_INET)
            ((struct sockaddr_in *)at)->sin_port = htons((uint16_t)port);
        else
            ((struct sockaddr_in6 *)at)->sin6_port = htons((uint16_t)port);
    }
}

static bool numeric(const char *host, struct dns_addrs *ret_addrs)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        memcpy(&ret_addrs->at[0], &in, sizeof(in));
        ret_addrs->len[0] = sizeof(in);
    } else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
        memcpy(&ret_addrs->at[0], &in6, sizeof(in6));
        ret_addrs->len[0] = sizeof(in6);
    } else {
        return false;
    }
    ret_addrs->count = 1;
    return true;
}

int dns_resolve(const char *host, unsigned port, struct dns_addrs *ret_addrs, struct fault *f)
{
    if (port > 65535)
        return fault_set(f, E_DNS, "%s:%u is not an address: ports end at 65535", host, port);
    if (numeric(host, ret_addrs)) {
        set_port(ret_addrs, port);
        return 0;
    }
    if (host[0] == '\0' || strlen(host) > HOST_BYTES_MAX)
        return fault_set(f, E_DNS, "a host name has 1 to %d bytes, this one %zu", HOST_BYTES_MAX,
                         strlen(host));
    struct entry *e = entry_find(host);
    if (e == NULL)
        e = entry_new(host);
    if (e == NULL)
        return E_MEMORY;
    e->pins++;
    int err = entry_answer(e, ret_addrs, f);
    entry_unpin(e);
    if (err == 0)
        set_port(ret_addrs, port);
    return err;
}

void dns_cache_clear(void)
{
    while (!list_empty(&cache.entries))
        entry_unlist(LIST_ENTRY(cache.entries.next, struct entry, node));
}

void dns_lookup_set(dns_lookup *fn)
{
    cache.lookup = fn;
}
