/*
 * listener.c: see listener.h.
 *
 * One task accepts; it alone touches the listening socket and closes it when it ends. Each
 * connection is a task in the list `open`. The listener is freed by listener_join, when the
 * acceptor and all connections have ended.
 */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "net/address.h"
#include "rt/io.h"
#include "rt/task.h"

/* Out of file descriptors or memory: connections that end meanwhile make room. */
#define ACCEPT_PAUSE_MS 20

struct listener {
    struct io *io; /* the acceptor's */
    listener_serve *serve;
    void *arg;
    struct task *acceptor; /* NULL when it has ended */
    struct list open;
    struct waitq changed; /* a connection or the acceptor has ended */
    unsigned connections_max;
    bool stopping;
    struct listener_stats stats;
    char *address;
    char *unix_path; /* to remove at the end, if it is still the one that we made */
    struct stat unix_made;
};

struct connection {
    struct list node;
    struct listener *listener;
    struct task *task;
    struct stream *stream;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } peer; /* of a unix: client just the family, so without a union address's room for a path */
};

/* ---- addresses */

int listener_check(const char *address, struct fault *f)
{
    union address a;
    socklen_t len;
    struct stat st;

    int err = address_parse(address, &a, &len, f);
    if (err == 0 && a.any.sa_family == AF_UNIX && lstat(a.un.sun_path, &st) == 0 &&
        !S_ISSOCK(st.st_mode))
        err = fault_set(f, E_CONFIG, "%.120s is a file and no socket, so it is not replaced",
                        a.un.sun_path);
    return err;
}

/* What was asked for, with the port that the system chose for port 0. */
static char *real_address(int fd, const char *asked)
{
    union address a = {0};
    socklen_t len = sizeof(a);
    const char *colon = strrchr(asked, ':');
    char *text = NULL;
    if (getsockname(fd, &a.any, &len) != 0 || a.any.sa_family == AF_UNIX)
        return strdup(asked);
    unsigned port = ntohs(a.any.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
    if (asprintf(&text, "%.*s:%u", (int)(colon - asked), asked, port) < 0)
        return NULL;
    return text;
}

/* ---- the socket */

static int bind_fault(const char *address, int error, struct fault *f)
{
    switch (error) {
    case EADDRINUSE:
        return fault_set(f, E_IO, "%s is in use: another program listens there", address);
    case EACCES:
        return fault_set(f, E_IO, "%s: this user may not listen there", address);
    case EADDRNOTAVAIL:
        return fault_set(f, E_IO, "%s is not an address of this machine", address);
    default:
        return fault_set(f, err_from_errno(error), "%s: cannot listen: %s", address,
                         strerror(error));
    }
}

/* A socket that nobody listens on any more is in the way of bind; one in use is left alone. */
static void remove_stale_socket(const union address *a)
{
    struct stat st;

    if (lstat(a->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, &a->any, sizeof(a->un)) != 0 && errno == ECONNREFUSED)
        (void)unlink(a->un.sun_path);
    close(fd);
}

static void set_options(int fd, const union address *a, bool reuse_port)
{
    int on = 1, off = 0;

    /* Wishes: listening works without them. Accepted sockets inherit TCP_NODELAY. */
    if (a->any.sa_family == AF_UNIX)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (a->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (reuse_port)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

static int open_socket(const struct listener_settings *s, union address *a, socklen_t len,
                       int *ret_fd, struct fault *f)
{
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 && errno == EAFNOSUPPORT && a->any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr)) {
        /* A machine without IPv6. */
        uint16_t port = a->in6.sin6_port;
        memset(a, 0, sizeof(*a));
        a->in.sin_family = AF_INET;
        a->in.sin_port = port;
        len = sizeof(a->in);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0)
        return bind_fault(s->address, errno, f);
    set_options(fd, a, s->reuse_port);
    if (a->any.sa_family == AF_UNIX) {
        remove_stale_socket(a);
        (void)fchmod(fd, 0600); /* bind makes the file with these rights */
    }
    /* Who knocks at a unix: path between the two is refused. Linux listens on nothing without a
     * name, and one given by link or rename is not what getsockname tells a successor. */
    if (bind(fd, &a->any, len) != 0 ||
        listen(fd, s->backlog > 0 ? s->backlog : LISTENER_BACKLOG) != 0) {
        int err = bind_fault(s->address, errno, f);
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

/* Somebody who listens takes the connection; a file that was left behind refuses it. */
static int knock(const union address *a, struct fault *f)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fault_set(f, err_from_errno(errno), "no socket: %s", strerror(errno));
    bool taken = connect(fd, &a->any, sizeof(a->un)) == 0 || errno == EAGAIN;
    close(fd);
    return taken ? fault_set(f, E_IO, "%s is in use: another program listens there", a->un.sun_path)
                 : 0;
}

int listener_is_free(const char *address, unsigned *ret_port, struct fault *f)
{
    union address a;
    socklen_t len;
    int fd = -1;

    int err = address_parse(address, &a, &len, f);
    if (err != 0)
        return err;
    *ret_port = a.any.sa_family == AF_UNIX ? 0 : ntohs(a.in.sin_port);
    if (a.any.sa_family == AF_UNIX)
        return knock(&a, f);
    err = open_socket(&(struct listener_settings){.address = address}, &a, len, &fd, f);
    if (err == 0)
        close(fd);
    return err;
}

int listener_address_of(int fd, char out[ADDRESS_BYTES], struct fault *f)
{
    union address a = {0};
    socklen_t len = sizeof(a), int_len = sizeof(int);
    int listens = 0, type = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_len) != 0 || !listens ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &int_len) != 0 || type != SOCK_STREAM ||
        getsockname(fd, &a.any, &len) != 0)
        return fault_set(f, E_CONFIG, "descriptor %d is no socket that listens for streams", fd);
    if (address_format(&a, out) != 0)
        return fault_set(f, E_CONFIG, "descriptor %d is a socket of another kind", fd);
    return 0;
}

static int take_over(int fd, struct fault *f)
{
    int on = 1;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        int err = fault_set(f, err_from_errno(errno), "descriptor %d: %s", fd, strerror(errno));
        close(fd);
        return err;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* unix: has none */
    return 0;
}

/* ---- connections */

static void connection_end(struct connection *c)
{
    struct listener *l = c->listener;

    list_remove(&c->node);
    stream_close(c->stream);
    free(c);
    l->stats.open--;
    waitq_wake_all(&l->changed);
}

static void connection_task(void *arg)
{
    struct connection *c = arg;

    c->listener->serve(c->listener->arg, c->stream, &c->peer.any);
    connection_end(c);
}

static void connection_start(struct listener *l, struct io *io, const struct sockaddr *peer)
{
    struct connection *c = calloc(1, sizeof(*c));
    union address from;

    l->stats.accepted++;
    if (c == NULL) {
        io_close(io);
        l->stats.refused++;
        return;
    }
    c->listener = l;
    address_copy(&from, peer);
    memcpy(&c->peer, &from, sizeof(c->peer));
    list_push_back(&l->open, &c->node);
    l->stats.open++;
    if (stream_tcp_new(io, &c->stream) != 0 ||
        task_spawn("connection", connection_task, c, &c->task) != 0) {
        l->stats.refused++;
        connection_end(c);
    }
}

static void accept_all(struct listener *l)
{
    struct sockaddr_storage peer;
    struct io *io;

    while (!l->stopping) {
        int err = 0;
        if (l->connections_max > 0 && l->stats.open >= l->connections_max) {
            err = waitq_wait(&l->changed);
        } else {
            memset(&peer, 0, sizeof(peer.ss_family) + sizeof(struct sockaddr_in6));
            err = io_accept(l->io, &io, &peer);
            if (err == 0) {
                connection_start(l, io, (struct sockaddr *)&peer);
            } else if (!l->stopping) {
                l->stats.accept_errors++;
                err = task_sleep(ACCEPT_PAUSE_MS);
            }
        }
        if (err != 0 && task_canceled(task_self()) != 0)
            return;
    }
}

static void accept_task(void *arg)
{
    struct listener *l = arg;
    struct stat st;

    accept_all(l);
    io_close(l->io);
    l->io = NULL;
    if (l->unix_path != NULL && stat(l->unix_path, &st) == 0 && st.st_ino == l->unix_made.st_ino &&
        st.st_dev == l->unix_made.st_dev)
        (void)unlink(l->unix_path);
    l->acceptor = NULL;
    waitq_wake_all(&l->changed);
}

/* ---- the listener */

static void listener_free(struct listener *l)
{
    io_close(l->io);
    free(l->address);
    free(l->unix_path);
    free(l);
}

static int listener_new(int fd, const struct listener_settings *s, const union address *a,
                        struct listener **ret_listener)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        close(fd);
        return E_MEMORY;
    }
    l->connections_max = s->connections_max;
    list_init(&l->open);
    waitq_init(&l->changed);
    l->address = real_address(fd, s->address);
    int err = l->address != NULL ? 0 : E_MEMORY;
    if (a->any.sa_family == AF_UNIX && (s->inherited == 0 || s->path_is_ours)) {
        l->unix_path = strdup(a->un.sun_path);
        if (l->unix_path == NULL || stat(l->unix_path, &l->unix_made) != 0)
            err = E_MEMORY;
    }
    int io_err = io_open(fd, &l->io);
    if (err == 0)
        err = io_err;
    if (err != 0) {
        listener_free(l);
        return err;
    }
    *ret_listener = l;
    return 0;
}

int listener_start(const struct listener_settings *settings, listener_serve *serve, void *arg,
                   struct listener **ret_listener, struct fault *f)
{
    struct listener *l = NULL;
    union address a;
    socklen_t len;
    int fd = -1;

    int err = address_parse(settings->address, &a, &len, f);
    if (settings->inherited > 0) {
        fd = settings->inherited;
        if (err == 0)
            err = take_over(fd, f);
        else
            close(fd);
    } else if (err == 0) {
        err = open_socket(settings, &a, len, &fd, f);
    }
    if (err == 0)
        err = listener_new(fd, settings, &a, &l);
    if (err != 0)
        return err;
    l->serve = serve;
    l->arg = arg;
    err = task_spawn("listener", accept_task, l, &l->acceptor);
    if (err != 0) {
        listener_free(l);
        return err;
    }
    *ret_listener = l;
    return 0;
}

const char *listener_address(const struct listener *l)
{
    return l->address;
}

int listener_fd(const struct listener *l)
{
    return l->io != NULL ? io_fd(l->io) : -1;
}

void listener_leave_path(struct listener *l)
{
    free(l->unix_path);
    l->unix_path = NULL;
}

unsigned listener_connections(const struct listener *l)
{
    return l->stats.open;
}

struct listener_stats listener_stats(const struct listener *l)
{
    return l->stats;
}

void listener_stop(struct listener *l)
{
    l->stopping = true;
    if (l->acceptor != NULL)
        task_cancel(l->acceptor, E_CANCELED);
}

void listener_cancel_all(struct listener *l, int why)
{
    LIST_EACH(&l->open, it)
    {
        task_cancel(LIST_ENTRY(it, struct connection, node)->task, why);
    }
}

void listener_join(struct listener *l)
{
    int64_t outer = task_deadline(TASK_NO_DEADLINE);
    int why = task_canceled(task_self());

    /* The listener's memory is theirs until they end, whatever the caller's own limits are. */
    task_deadline_restore(TASK_NO_DEADLINE);
    while (why == 0 && (l->acceptor != NULL || l->stats.open > 0))
        why = waitq_wait(&l->changed);
    if (why != 0) {
        listener_stop(l);
        listener_cancel_all(l, why);
    }
    task_shield();
    while (l->acceptor != NULL || l->stats.open > 0)
        if (waitq_wait(&l->changed) != 0)
            break;
    task_unshield();
    task_deadline_restore(outer);
    listener_free(l);
}
