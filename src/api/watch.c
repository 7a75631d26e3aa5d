/*
 * watch.c: looks at the files that a configuration refers to.
 *
 * heap: a watch outlasts requests, and goes to the pool of threads and back.
 */
#include "api/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/config.h"
#include "base/arena.h"
#include "base/clock.h"

#define WATCH_BYTES_MAX (1u << 20)
#define FRESH_MS        250  /* to load a configuration takes less */
#define COARSE_MS       2000 /* where a file system keeps no fractions of a second */

struct watched {
    struct watched *next;
    struct str path;
    struct stat was;
};

struct watch {
    struct arena arena;
    struct watched *first;
    int err;
};

/* Links are followed: what a secret's link points to is another file when it changes. */
static bool look(const struct watched *f, struct stat *ret_now)
{
    memset(ret_now, 0, sizeof(*ret_now));
    return stat(f->path.p, ret_now) == 0;
}

/* May it have changed since it was read? */
static bool is_fresh(const struct stat *s)
{
    int64_t changed_ms = (int64_t)s->st_mtim.tv_sec * 1000 + s->st_mtim.tv_nsec / 1000000;
    int64_t margin_ms = s->st_mtim.tv_nsec ? FRESH_MS : COARSE_MS;
    return changed_ms + margin_ms >= clock_wall_us() / 1000;
}

static void file_add(void *arg, struct str path)
{
    struct watch *w = arg;
    struct watched *f = ARENA_NEW(&w->arena, struct watched);
    if (!f) {
        w->err = E_MEMORY;
        return;
    }
    f->path = arena_printf(&w->arena, "%.*s", STR_ARGS(path));
    f->next = w->first;
    w->first = f;
    if (!f->path.p)
        w->err = E_MEMORY;
    else if (look(f, &f->was) && is_fresh(&f->was))
        memset(&f->was, 0, sizeof(f->was)); /* look again */
}

static void named_add(struct watch *w, struct str path)
{
    if (path.n)
        file_add(w, path);
}

static void own_files_add(struct watch *w, const struct tls_table *tls)
{
    named_add(w, tls->ca_file);
    named_add(w, tls->cert_file);
    named_add(w, tls->key_file);
}

/* Of clients, of providers, of the collector. */
static void tls_files_add(struct watch *w, const struct config *c)
{
    const struct provider_settings *providers = c->models.providers.at;
    named_add(w, c->tls.cert_file);
    named_add(w, c->tls.key_file);
    named_add(w, c->tls.client_ca_file);
    for (unsigned i = 0; i < c->models.providers.n; i++)
        own_files_add(w, &providers[i].tls);
    own_files_add(w, &c->telemetry.tls);
}

int watch_new(const struct conf_doc *doc, struct watch **ret_watch)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (!w)
        return E_MEMORY;
    arena_init_private(&w->arena, WATCH_BYTES_MAX);
    int err = conf_file_each(doc, file_add, w);
    const struct config *c = conf_root(doc);
    named_add(w, c->price_file);
    tls_files_add(w, c);
    if (!err)
        err = w->err;
    *ret_watch = w;
    if (err || !w->first) {
        watch_free(w);
        *ret_watch = NULL;
    }
    return err == E_CONFIG ? 0 : err; /* what is no YAML refers to nothing */
}

void watch_free(struct watch *w)
{
    if (w)
        arena_fini(&w->arena);
    free(w);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

const char *watch_changed(struct watch *w)
{
    const char *changed = NULL;
    for (struct watched *f = w->first; f; f = f->next) {
        struct stat now;
        if (!look(f, &now) || is_same(&f->was, &now))
            continue;
        f->was = now;
        changed = f->path.p;
    }
    return changed;
}
