/* tls_session.c: see tls_session.h. */
#include "net/tls_session.h"

#include <stdlib.h>
#include <string.h>

struct host {
    struct list node;
    unsigned count;
    SSL_SESSION *newest_first[TLS_SESSIONS_PER_HOST];
    char name[];
};

static void host_free(struct tls_sessions *all, struct host *h)
{
    for (unsigned i = 0; i < h->count; i++)
        SSL_SESSION_free(h->newest_first[i]);
    list_remove(&h->node);
    all->count--;
    free(h);
}

void tls_sessions_init(struct tls_sessions *all)
{
    list_init(&all->hosts);
    all->count = 0;
}

void tls_sessions_fini(struct tls_sessions *all)
{
    while (!list_empty(&all->hosts))
        host_free(all, LIST_ENTRY(all->hosts.next, struct host, node));
}

static struct host *host_find(struct tls_sessions *all, const char *name)
{
    LIST_EACH(&all->hosts, it)
    {
        struct host *h = LIST_ENTRY(it, struct host, node);
        if (strcmp(h->name, name) == 0) {
            list_remove(&h->node);
            list_push_front(&all->hosts, &h->node);
            return h;
        }
    }
    return NULL;
}

static struct host *host_new(struct tls_sessions *all, const char *name)
{
    size_t name_bytes = strlen(name) + 1;
    struct host *h = calloc(1, sizeof(*h) + name_bytes);

    if (h == NULL)
        return NULL;
    memcpy(h->name, name, name_bytes);
    list_push_front(&all->hosts, &h->node);
    if (++all->count > TLS_SESSIONS_HOSTS_MAX)
        host_free(all, LIST_ENTRY(all->hosts.prev, struct host, node));
    return h;
}

int tls_sessions_add(struct tls_sessions *all, const char *name, SSL_SESSION *session)
{
    struct host *h = host_find(all, name);

    if (h == NULL)
        h = host_new(all, name);
    if (h == NULL)
        return 0;
    if (h->count == TLS_SESSIONS_PER_HOST)
        SSL_SESSION_free(h->newest_first[--h->count]);
    memmove(h->newest_first + 1, h->newest_first, h->count * sizeof(h->newest_first[0]));
    h->newest_first[0] = session;
    h->count++;
    return 1;
}

static void drop_newest(struct host *h)
{
    SSL_SESSION_free(h->newest_first[0]);
    h->count--;
    memmove(h->newest_first, h->newest_first + 1, h->count * sizeof(h->newest_first[0]));
}

void tls_sessions_resume(struct tls_sessions *all, const char *name, SSL *ssl)
{
    struct host *h = host_find(all, name);

    while (h != NULL && h->count > 0) {
        SSL_SESSION *session = h->newest_first[0];
        bool usable = SSL_SESSION_is_resumable(session) == 1;
        bool once = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
        if (usable)
            SSL_set_session(ssl, session); /* takes a reference of its own */
        if (!usable || once)
            drop_newest(h);
        if (usable)
            return;
    }
}
