/* process.c: three pipes and a poll. */
#include "eval/grader/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE_BYTES 16384
#define LOOK_MS     2 /* between looks whether it has ended, once its pipes are closed */

extern char **environ;

enum { TO_CHILD, FROM_CHILD, NOISE, PIPES };

struct run {
    int fd[PIPES]; /* our ends; -1: closed */
    pid_t pid;
    struct str in;
    struct buf *out, *noise;
    int64_t deadline_us;
    struct process_end *end;
};

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Our end of each is not blocking, and no other child gets either. */
static int pipes_open(int ours[PIPES], int theirs[PIPES])
{
    for (unsigned i = 0; i < PIPES; i++)
        ours[i] = theirs[i] = -1;
    for (unsigned i = 0; i < PIPES; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0)
            return E_IO;
        ours[i] = pair[i == TO_CHILD];
        theirs[i] = pair[i != TO_CHILD];
        if (fcntl(ours[i], F_SETFL, O_NONBLOCK) != 0)
            return E_IO;
    }
    return 0;
}

static int child_spawn(char *const argv[], const int theirs[PIPES], pid_t *ret_pid)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawnattr_init(&attr) != 0)
        return ENOMEM;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        posix_spawnattr_destroy(&attr);
        return ENOMEM;
    }
    int wrong = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setpgroup(&attr, 0);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    for (int i = 0; i < PIPES && !wrong; i++)
        wrong = posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
    if (!wrong)
        wrong = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return wrong;
}

/* Who no longer reads is no reason to die: SIGPIPE is held, and taken where it came. */
static ssize_t write_quietly(int fd, struct str s)
{
    sigset_t pipe_only, before;
    const struct timespec now = {0};
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t n = write(fd, s.p, s.n);
    int wrong = errno;
    if (n < 0 && wrong == EPIPE)
        (void)sigtimedwait(&pipe_only, NULL, &now);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = wrong;
    return n;
}

static void input_write(struct run *r)
{
    ssize_t n = r->in.n ? write_quietly(r->fd[TO_CHILD], r->in) : 0;
    if (n > 0)
        r->in = str_tail(r->in, (size_t)n);
    if (r->in.n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(&r->fd[TO_CHILD]);
}

/* E_TOO_LARGE: `out` is full. */
static int output_read(struct run *r, unsigned from)
{
    char piece[PIECE_BYTES];
    ssize_t n = read(r->fd[from], piece, sizeof(piece));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        fd_close(&r->fd[from]);
        return 0;
    }
    if (from == FROM_CHILD)
        return buf_add(r->out, piece, (size_t)n);
    size_t room = r->noise->bytes_max;
    if ((size_t)n > room)
        return 0; /* a flood of which nothing can be kept */
    if (r->noise->n + (size_t)n > room)
        buf_drop(r->noise, r->noise->n + (size_t)n - room);
    return buf_add(r->noise, piece, (size_t)n);
}

/* Milliseconds until the deadline; 0: it is over. */
static int left_ms(const struct run *r)
{
    int64_t left = (r->deadline_us - clock_mono_us() + 999) / 1000;
    return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Until its outputs are closed. E_TIMEOUT, or as output_read. */
static int talk(struct run *r)
{
    static const short events[PIPES] = {POLLOUT, POLLIN, POLLIN};
    while (r->fd[FROM_CHILD] >= 0 || r->fd[NOISE] >= 0) {
        struct pollfd fds[PIPES];
        for (unsigned i = 0; i < PIPES; i++)
            fds[i] = (struct pollfd){.fd = r->fd[i], .events = events[i]};
        int wait = left_ms(r);
        if (wait == 0)
            return E_TIMEOUT;
        if (poll(fds, PIPES, wait) <= 0)
            continue;
        if (fds[TO_CHILD].revents)
            input_write(r);
        for (unsigned i = FROM_CHILD; i < PIPES; i++) {
            int err = fds[i].revents ? output_read(r, i) : 0;
            if (err)
                return err;
        }
    }
    return 0;
}

/* Until it has ended, or the time is over. It stays a zombie, so that its number stays its own. */
static int ended_wait(struct run *r)
{
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
            return 0;
        int wait = left_ms(r);
        if (wait == 0)
            return E_TIMEOUT;
        (void)poll(NULL, 0, wait < LOOK_MS ? wait : LOOK_MS);
    }
}

static int child_end(struct run *r, int err)
{
    int status = 0;
    if (!err)
        err = ended_wait(r);
    /* What it has started goes with it, however it ended. */
    (void)kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->end->late = err == E_TIMEOUT;
    r->end->flooded = err == E_TOO_LARGE;
    r->end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    r->end->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    return err == E_TIMEOUT || err == E_TOO_LARGE ? 0 : err;
}

int process_run(char *const argv[], struct str in, int64_t timeout_ms, struct buf *out,
                struct buf *noise, struct process_end *ret_end, struct fault *f)
{
    int theirs[PIPES];
    struct run r = {.in = in, .out = out, .noise = noise, .end = ret_end};
    *ret_end = (struct process_end){.code = 0};
    r.deadline_us = clock_mono_us() + timeout_ms * 1000;
    int err = pipes_open(r.fd, theirs);
    int wrong = err ? errno : child_spawn(argv, theirs, &r.pid);
    for (unsigned i = 0; i < PIPES; i++)
        fd_close(&theirs[i]);
    if (wrong)
        err = fault_set(f, E_IO, "%s cannot be started: %s", argv[0], strerror(wrong));
    else
        err = child_end(&r, talk(&r));
    for (unsigned i = 0; i < PIPES; i++)
        fd_close(&r.fd[i]);
    return err;
}
