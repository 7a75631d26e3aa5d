/*
 * handover.c: see handover.h.
 *
 * A successor makes its own meeting place beside the one in use and moves it there when it is the
 * one that runs, so that there is no moment at which nobody could be met.
 */
#include "net/handover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "rt/io.h"
#include "rt/task.h"

#define HELLO         "sluice takeover 1"
#define MESSAGE_BYTES 1024
#define PAUSE_MS      100 /* after an accept that failed */

/* "PATH.1234567" has to fit too. */
#define PATH_BYTES_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 12)

struct handover {
    struct handover_giver giver;
    struct io *io;
    struct task *task; /* NULL before handover_begin */
    bool handed;
    struct stat made;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char first_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* until it is in its place */
};

void handover_add(struct handover_offer *o, const char *role, const char *address, bool given,
                  int fd)
{
    struct handover_socket *s = &o->at[o->n++];
    *s = (struct handover_socket){.given = given, .fd = fd};
    snprintf(s->role, sizeof(s->role), "%s", role);
    snprintf(s->address, sizeof(s->address), "%s", address);
}

int handover_check(struct str path, struct fault *f)
{
    struct stat st;
    if (path.n == 0 || path.n > PATH_BYTES_MAX)
        return fault_set(f, E_CONFIG, "a path has 1 to %zu bytes", PATH_BYTES_MAX);
    if (lstat(path.p, &st) == 0 && !S_ISSOCK(st.st_mode))
        return fault_set(f, E_CONFIG, "%.120s is a file and no socket, so it is not replaced",
                         path.p);
    return 0;
}

/* ---- messages ---- */

static struct sockaddr_un place(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return a;
}

/* Is the other side this user's? Others may not even learn where we listen. */
static bool is_ours(int fd, pid_t *ret_pid)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    *ret_pid = who.pid;
    return who.uid == geteuid();
}

/* A message with the offer's descriptors (NULL: without any). It is small: the system has room. */
static int message_send(int fd, const char *text, const struct handover_offer *o)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(HANDOVER_SOCKETS_MAX * sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (o && o->n > 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(o->n * sizeof(int));
        control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS,
                                        .cmsg_len = CMSG_LEN(o->n * sizeof(int))};
        for (unsigned i = 0; i < o->n; i++)
            memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &o->at[i].fd, sizeof(int));
    }
    return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? err_from_errno(errno) : 0;
}

/* The offer as text. */
static void offer_write(const struct handover_offer *o, struct buf *out)
{
    (void)buf_printf(out, "%s\n", HELLO);
    for (unsigned i = 0; i < o->n; i++)
        (void)buf_printf(out, "%s %s %s\n", o->at[i].role, o->at[i].given ? "given" : "own",
                         o->at[i].address);
    (void)buf_char(out, '\0');
}

/* ---- the running process ---- */

/* The next message of a successor, as text; an error where there is none in time. */
static int text_read(struct io *io, char text[MESSAGE_BYTES], int64_t ms)
{
    size_t n = 0;
    int64_t outer = task_deadline(clock_cached_ms() + ms);
    int err = io_read(io, text, MESSAGE_BYTES - 1, &n);
    task_deadline_restore(outer);
    text[err ? 0 : n] = '\0';
    return err;
}

static void refuse(struct io *io, const char *reason)
{
    LOG(LOG_WARN, "takeover refused", log_z("why", reason));
    char text[MESSAGE_BYTES];
    snprintf(text, sizeof(text), "no: %s", reason);
    int err = message_send(io_fd(io), text, NULL);
    (void)err; /* it has gone, which is as well */
}

static int offer_send(struct io *io, const struct handover_offer *o)
{
    struct buf out;
    buf_init(&out, MESSAGE_BYTES);
    offer_write(o, &out);
    int err = out.failed ? out.failed : message_send(io_fd(io), out.p, o);
    buf_fini(&out);
    return err;
}

static void taken_read(struct handover_offer *o, struct str lines)
{
    while (lines.n > 0) {
        struct str role = str_cut(&lines, '\n');
        for (unsigned i = 0; i < o->n; i++)
            o->at[i].taken = o->at[i].taken || str_eq(role, str_from(o->at[i].role));
    }
}

/* One who came. All is undone where it goes wrong: nothing has been done. */
static void serve(struct handover *h, struct io *io)
{
    char text[MESSAGE_BYTES];
    struct handover_offer offer = {0};
    pid_t pid = 0;
    if (!is_ours(io_fd(io), &pid)) {
        refuse(io, "the user is another");
        return;
    }
    int err = text_read(io, text, HANDOVER_HELLO_MS);
    if (err) /* who only looks whether somebody is here goes without a word */
        return;
    if (strcmp(text, HELLO) != 0) {
        refuse(io, "the running sluice speaks '" HELLO "' only; restart in place of --takeover");
        return;
    }
    h->giver.offer(h->giver.arg, &offer);
    err = offer_send(io, &offer);
    if (!err)
        err = text_read(io, text, HANDOVER_READY_MS);
    struct str lines = str_from(text);
    if (err == E_TIMEOUT) {
        refuse(io, "the successor was not ready in time");
    } else if (err) {
        LOG(LOG_WARN, "takeover called off", log_i("successor", pid), log_z("why", err_code(err)));
    } else if (!str_eq(str_cut(&lines, '\n'), STR("ready"))) {
        refuse(io, "expected 'ready'");
    } else if (message_send(io_fd(io), "go", NULL) == 0) {
        taken_read(&offer, lines);
        h->handed = true;
        LOG(LOG_INFO, "taken over", log_i("successor", pid));
        h->giver.handed(h->giver.arg, &offer, pid);
    }
}

static void handover_task(void *arg)
{
    struct handover *h = arg;
    while (!h->handed && task_canceled(task_self()) == 0) {
        struct io *io = NULL;
        int err = io_accept(h->io, &io, NULL);
        if (err)
            err = task_sleep(PAUSE_MS);
        else
            serve(h, io);
        io_close(io);
        (void)err; /* a cancellation, which the loop's head sees */
    }
    io_close(h->io);
    free(h);
}

static int bind_at(struct handover *h, int *ret_fd, struct fault *f)
{
    struct sockaddr_un a = place(h->first_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)fchmod(fd, 0600);  /* bind makes the file with these rights */
    (void)unlink(h->first_path); /* of a process with our number, so of one that is gone */
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 8) != 0 ||
        lstat(h->first_path, &h->made) != 0) {
        int err = fault_set(f, err_from_errno(errno), "takeover: %s: %s", h->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret_fd = fd;
    return 0;
}

int handover_open(const char *path, const struct handover_giver *giver,
                  struct handover **ret_handover, struct fault *f)
{
    struct handover *h = calloc(1, sizeof(*h));
    int fd = -1;
    if (!h)
        return E_MEMORY;
    h->giver = *giver;
    snprintf(h->path, sizeof(h->path), "%s", path);
    snprintf(h->first_path, sizeof(h->first_path), "%.*s.%d", (int)PATH_BYTES_MAX, path,
             (int)getpid());
    int err = bind_at(h, &fd, f);
    if (!err)
        err = io_open(fd, &h->io);
    if (err) {
        (void)unlink(h->first_path);
        free(h);
        return err;
    }
    *ret_handover = h;
    return 0;
}

int handover_begin(struct handover *h, struct fault *f)
{
    if (rename(h->first_path, h->path) != 0)
        return fault_set(f, err_from_errno(errno), "takeover: %s: %s", h->path, strerror(errno));
    h->first_path[0] = '\0';
    return task_spawn("handover", handover_task, h, &h->task);
}

void handover_stop(struct handover *h)
{
    struct stat st;
    if (!h)
        return;
    if (h->first_path[0])
        (void)unlink(h->first_path);
    else if (!h->handed && lstat(h->path, &st) == 0 && st.st_ino == h->made.st_ino &&
             st.st_dev == h->made.st_dev)
        (void)unlink(h->path);
    if (h->task) {
        task_cancel(h->task, E_CANCELED); /* which frees it */
    } else {
        io_close(h->io);
        free(h);
    }
}

/* ---- the successor ---- */

/* -1 with errno. */
static int meet(const char *path)
{
    struct sockaddr_un a = place(path);
    const struct timeval patience = {.tv_sec = HANDOVER_REPLY_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

bool handover_waits(const char *path)
{
    int fd = meet(path);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || (errno != ENOENT && errno != ECONNREFUSED);
}

/* Bytes; 0: the other side has gone; -1 with errno. What came along stands in fds[0 .. *ret_n]. */
static ssize_t message_read(int conn, char text[MESSAGE_BYTES], int fds[HANDOVER_SOCKETS_MAX],
                            unsigned *ret_n)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(HANDOVER_SOCKETS_MAX * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = text, .iov_len = MESSAGE_BYTES - 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do
        n = recvmsg(conn, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET)); /* told once, ahead of a last word */
    text[n > 0 ? n : 0] = '\0';
    *ret_n = 0;
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        *ret_n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(c), *ret_n * sizeof(int));
    }
    return n;
}

static void text_copy(char *to, size_t room, struct str s)
{
    snprintf(to, room, "%.*s", STR_ARGS(s));
}

/* Each line has its descriptor, which listens. */
static int offer_read(struct str lines, const int *fds, unsigned fds_n, struct handover_offer *o,
                      struct fault *f)
{
    char real[ADDRESS_BYTES];
    int err = 0;
    for (unsigned i = 0; i < fds_n; i++)
        o->at[o->n++].fd = fds[i];
    if (!str_eq(str_cut(&lines, '\n'), STR(HELLO)))
        err = fault_set(f, E_REFUSED, "the running sluice speaks another protocol of takeover");
    for (unsigned i = 0; i < o->n && !err; i++) {
        struct str rest = str_cut(&lines, '\n');
        text_copy(o->at[i].role, sizeof(o->at[i].role), str_cut(&rest, ' '));
        o->at[i].given = str_eq(str_cut(&rest, ' '), STR("given"));
        text_copy(o->at[i].address, sizeof(o->at[i].address), rest);
        err = rest.n ? listener_address_of(o->at[i].fd, real, f) : E_REFUSED;
    }
    return err ? fault_set(f, err, "what the running sluice offers cannot be read") : 0;
}

static int answer_read(int conn, struct handover_offer *o, bool *ret_gone, struct fault *f)
{
    char text[MESSAGE_BYTES];
    int fds[HANDOVER_SOCKETS_MAX];
    unsigned fds_n = 0;
    ssize_t n = message_read(conn, text, fds, &fds_n);
    *ret_gone = n == 0;
    if (n == 0)
        return 0;
    if (n < 0)
        return fault_set(f, errno == EAGAIN ? E_TIMEOUT : err_from_errno(errno),
                         "the running sluice does not answer; it goes on as before");
    if (str_starts(str_from(text), STR("no: ")))
        return fault_set(f, E_REFUSED, "the running sluice says no: %.160s", text + 4);
    return offer_read(str_from(text), fds, fds_n, o, f);
}

int handover_ask(const char *path, int *ret_conn, struct handover_offer *ret_offer, struct fault *f)
{
    bool gone = false;
    pid_t pid = 0;
    *ret_offer = (struct handover_offer){0};
    *ret_conn = -1;
    int conn = meet(path);
    if (conn < 0 && (errno == ENOENT || errno == ECONNREFUSED))
        return 0;
    if (conn < 0)
        return fault_set(f, err_from_errno(errno), "takeover: %s: %s", path, strerror(errno));
    int err = 0;
    if (!is_ours(conn, &pid))
        err = fault_set(f, E_FORBIDDEN, "takeover: %s is another user's", path);
    if (!err && message_send(conn, HELLO, NULL) != 0)
        gone = true;
    if (!err && !gone)
        err = answer_read(conn, ret_offer, &gone, f);
    if (err || gone)
        close(conn);
    else
        *ret_conn = conn;
    return err;
}

static bool is_go(int conn)
{
    char text[MESSAGE_BYTES];
    int fds[HANDOVER_SOCKETS_MAX];
    unsigned fds_n = 0;
    return message_read(conn, text, fds, &fds_n) > 0 && strcmp(text, "go") == 0;
}

int handover_finish(int conn, const struct handover_offer *offer, struct fault *f)
{
    char text[MESSAGE_BYTES], answer[MESSAGE_BYTES];
    int fds[HANDOVER_SOCKETS_MAX];
    unsigned fds_n = 0;
    size_t at = (size_t)snprintf(text, sizeof(text), "ready");
    for (unsigned i = 0; i < offer->n; i++)
        if (offer->at[i].taken)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "\n%s", offer->at[i].role);
    int unheard = message_send(conn, text, NULL); /* then why stands in its last word, if any */
    (void)unheard;
    ssize_t n = message_read(conn, answer, fds, &fds_n);
    /* From here on "go" cannot be sent any more; it may have been in the last moment. */
    (void)shutdown(conn, SHUT_RD);
    bool ours = n == 0 || (n > 0 && strcmp(answer, "go") == 0) || (n < 0 && is_go(conn));
    close(conn);
    if (ours)
        return 0;
    if (n > 0)
        return fault_set(f, E_REFUSED, "the running sluice goes on: %.160s", answer);
    return fault_set(f, E_TIMEOUT, "the running sluice does not answer; it goes on as before");
}
