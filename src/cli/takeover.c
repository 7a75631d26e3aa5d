#include "cli/takeover.h"

#include <unistd.h>

#include "base/log.h"

/* Where a socket of this role goes; NULL: this sluice has no such listener. */
static struct supervisor_socket *place_of(struct supervisor_sockets *sockets, const char *role)
{
    struct str r = str_from(role);
    if (str_eq(r, STR(TAKEOVER_CLIENTS)))
        return &sockets->clients;
    return str_eq(r, STR(TAKEOVER_ADMIN)) ? &sockets->admin : NULL;
}

/* A supervisor's socket stands for whatever the file says, as it does where the supervisor itself
 * passes it on. */
static bool is_wanted(const struct handover_socket *s, const char *address, const char *listen)
{
    return (s->given && !listen) || (address && *address && address_is_same(address, s->address));
}

static void sort_out(struct takeover *t, const struct config *c, const char *listen,
                     struct supervisor_sockets *sockets)
{
    for (unsigned i = 0; i < t->offer.n; i++) {
        struct handover_socket *s = &t->offer.at[i];
        struct supervisor_socket *to = place_of(sockets, s->role);
        bool admin = to == &sockets->admin;
        const char *address = admin ? c->admin_listen.p : listen ? listen : c->listen.p;
        s->taken = to && !to->fd && is_wanted(s, address, admin ? NULL : listen);
        if (!s->taken) {
            close(s->fd);
            continue;
        }
        to->fd = s->fd;
        to->ours = !s->given;
        memcpy(to->address, s->address, sizeof(to->address));
    }
}

int takeover_begin(struct takeover *t, const struct config *c, bool wanted, const char *listen,
                   struct supervisor_sockets *sockets, struct fault *f)
{
    t->conn = -1;
    t->path = c->takeover;
    if (wanted && !t->path.n)
        return fault_set(f, E_USAGE,
                         "--takeover, but the configuration does not say where the sluice that "
                         "runs is met (takeover: PATH)");
    if (!t->path.n)
        return 0;
    if (!wanted)
        return handover_waits(t->path.p)
                   ? fault_set(f, E_IO,
                               "a sluice runs that is met at %.120s (takeover); sluice serve "
                               "--takeover takes its place",
                               t->path.p)
                   : 0;
    int err = handover_ask(t->path.p, &t->conn, &t->offer, f);
    if (!err)
        sort_out(t, c, listen, sockets);
    return err;
}

int takeover_complete(struct takeover *t, const struct handover_giver *giver, struct fault *f)
{
    if (!t->path.n)
        return 0;
    int err = handover_open(t->path.p, giver, &t->next, f);
    if (!err && t->conn >= 0)
        err = handover_finish(t->conn, &t->offer, f);
    if (err) {
        handover_stop(t->next);
        t->next = NULL;
        return err;
    }
    if (t->conn >= 0)
        LOG(LOG_INFO, "took over", log_s("from", t->path));
    /* All is ours now, so this is no reason to end. */
    if (handover_begin(t->next, f) != 0) {
        LOG(LOG_ERROR, "cannot be taken over", log_z("why", fault_text(f)));
        handover_stop(t->next);
        t->next = NULL;
    }
    return 0;
}
