/*
 * loop.c: the rounds, messages from other threads, signals, and libuv inside the loop.
 *
 * libuv has an epoll set of its own, which is one descriptor in ours: uv_run is called only when
 * that one is readable, when somebody said that libuv was touched, or when a timer of libuv is due.
 */
#include "rt/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "rt/internal.h"

struct message {
    struct message *next;
    void (*fn)(void *arg);
    void *arg;
};

struct signal_watch {
    void (*fn)(int signum, void *arg);
    void *arg;
};

static struct {
    uv_loop_t uv;
    uv_async_t uv_alive; /* never sent: without a handle uv_run does nothing at all */
    bool uv_touched;
    int64_t uv_due_ms; /* INT64_MAX: nothing that time alone brings */
    struct list hooks;
    struct loop_hook *hook_next; /* the one to call next, so that hooks may remove hooks */
    bool stop, jump_time;
    int signal_fd; /* -1 until somebody asks for a signal */
    sigset_t signals;
    struct signal_watch on_signal[NSIG];
    int wake_fd;
    pthread_mutex_t lock; /* over the messages */
    struct message *first, *last;
} loop = {.signal_fd = -1, .wake_fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* ---------------------------------------------------------------- messages */

int loop_post(void (*fn)(void *arg), void *arg)
{
    struct message *m = malloc(sizeof(*m));
    if (!m)
        return E_MEMORY;
    *m = (struct message){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop.lock);
    bool was_empty = !loop.first;
    if (was_empty)
        loop.first = m;
    else
        loop.last->next = m;
    loop.last = m;
    pthread_mutex_unlock(&loop.lock);
    if (was_empty) {
        uint64_t one = 1;
        ssize_t n;
        do
            n = write(loop.wake_fd, &one, sizeof(one));
        while (n < 0 && errno == EINTR);
        RT_CHECK(n == sizeof(one), "the loop cannot be woken");
    }
    return 0;
}

static void run_messages(void)
{
    pthread_mutex_lock(&loop.lock);
    struct message *m = loop.first;
    loop.first = loop.last = NULL;
    pthread_mutex_unlock(&loop.lock);
    while (m) {
        struct message *next = m->next;
        void (*fn)(void *arg) = m->fn;
        void *arg = m->arg;
        free(m);
        fn(arg);
        m = next;
    }
}

static void wake_fd_readable(void)
{
    uint64_t count;
    ssize_t n = read(loop.wake_fd, &count, sizeof(count));
    (void)n; /* whether or not it was read before: the messages are what counts */
    run_messages();
}

/* ---------------------------------------------------------------- libuv */

uv_loop_t *loop_uv(void)
{
    return &loop.uv;
}

void loop_uv_touched(void)
{
    loop.uv_touched = true;
}

static void uv_turn(void)
{
    loop.uv_touched = false;
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    int timeout = uv_backend_timeout(&loop.uv);
    loop.uv_due_ms = timeout < 0 ? INT64_MAX : clock_cached_ms() + timeout;
}

static void handle_left(uv_handle_t *handle, void *arg)
{
    (void)arg;
    RT_CHECK(uv_is_closing(handle) || !uv_is_active(handle) || !uv_has_ref(handle),
             "a handle of libuv was left open");
}

/* Also waits for jobs of the pool whose callers gave up, and drops them. */
static void uv_wind_down(void)
{
    uv_close((uv_handle_t *)&loop.uv_alive, NULL);
    uv_walk(&loop.uv, handle_left, NULL);
    while (uv_run(&loop.uv, UV_RUN_DEFAULT) != 0)
        ;
}

/* ---------------------------------------------------------------- signals */

/*
 * Signals are read like anything else, so no code of ours runs in the middle of other code, and no
 * system call is cut short by one. They stay blocked for that; a program that is started from here
 * has to unblock them for itself.
 */
static void signal_fd_readable(void)
{
    struct signalfd_siginfo info;
    while (read(loop.signal_fd, &info, sizeof(info)) == sizeof(info)) {
        const struct signal_watch *w = &loop.on_signal[info.ssi_signo];
        w->fn((int)info.ssi_signo, w->arg);
    }
}

int loop_on_signal(int signum, void (*fn)(int signum, void *arg), void *arg)
{
    loop.on_signal[signum] = (struct signal_watch){fn, arg};
    sigaddset(&loop.signals, signum);
    int fd = signalfd(loop.signal_fd, &loop.signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0 || pthread_sigmask(SIG_BLOCK, &loop.signals, NULL) != 0)
        return E_IO;
    if (loop.signal_fd >= 0)
        return 0;
    loop.signal_fd = fd;
    return io_backend()->watch(fd, signal_fd_readable);
}

static void signals_give_back(void)
{
    if (loop.signal_fd < 0)
        return;
    struct signalfd_siginfo info;
    while (read(loop.signal_fd, &info, sizeof(info)) == sizeof(info))
        ; /* one that came late is not to end the process on its last steps */
    close(loop.signal_fd);
    loop.signal_fd = -1;
    (void)pthread_sigmask(SIG_UNBLOCK, &loop.signals, NULL);
}

/* ---------------------------------------------------------------- life */

static void never_sent(uv_async_t *handle)
{
    (void)handle;
}

/* The backend, and in it libuv and the messages of other threads. */
static int init_waiting(void)
{
    int err = io_backend()->init();
    if (err)
        return err;
    if (uv_async_init(&loop.uv, &loop.uv_alive, never_sent) != 0) {
        io_backend()->fini();
        return E_IO;
    }
    uv_turn(); /* registers what libuv made at its birth with its own epoll set */
    err = io_backend()->watch(uv_backend_fd(&loop.uv), uv_turn);
    if (!err)
        err = io_backend()->watch(loop.wake_fd, wake_fd_readable);
    if (err) {
        uv_wind_down();
        io_backend()->fini();
    }
    return err;
}

int loop_init(void)
{
    list_init(&loop.hooks);
    loop.hook_next = NULL;
    sigemptyset(&loop.signals);
    loop.stop = loop.jump_time = loop.uv_touched = false;
    /* A write to a connection that the other side has closed is an error to return, no signal. */
    signal(SIGPIPE, SIG_IGN);
    clock_refresh();
    timers_init();
    tasks_init();
    io_init();
    loop.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop.wake_fd < 0)
        return E_IO;
    int err = E_IO;
    if (uv_loop_init(&loop.uv) == 0) {
        err = init_waiting();
        if (err == 0)
            return 0;
        (void)uv_loop_close(&loop.uv);
    }
    close(loop.wake_fd);
    loop.wake_fd = -1;
    return err;
}

void loop_fini(void)
{
    uv_wind_down();
    run_messages();
    tasks_fini();
    io_end_round();
    io_backend()->fini();
    signals_give_back();
    timers_fini();
    int err = uv_loop_close(&loop.uv);
    RT_CHECK(err == 0, "a handle of libuv was left open");
    close(loop.wake_fd);
    loop.wake_fd = -1;
}

void loop_stop(void)
{
    loop.stop = true;
}

void loop_jump_time(bool on)
{
    loop.jump_time = on;
}

/* ---------------------------------------------------------------- rounds */

void loop_hook_add(struct loop_hook *hook)
{
    list_push_back(&loop.hooks, &hook->node);
}

void loop_hook_remove(struct loop_hook *hook)
{
    if (loop.hook_next == hook)
        loop.hook_next = LIST_ENTRY(hook->node.next, struct loop_hook, node);
    list_remove(&hook->node);
}

static void run_hooks(void)
{
    struct list *it = loop.hooks.next;
    while (it != &loop.hooks) {
        struct loop_hook *hook = LIST_ENTRY(it, struct loop_hook, node);
        loop.hook_next = LIST_ENTRY(it->next, struct loop_hook, node);
        hook->fn(hook->arg);
        it = &loop.hook_next->node;
    }
    loop.hook_next = NULL;
}

/* How long the loop may wait: 0 not at all, < 0 for ever. */
static int64_t wait_ms(void)
{
    if (tasks_any_ready() || loop.uv_touched || io_pending())
        return 0;
    int64_t at_ms = timers_next_ms();
    if (loop.uv_due_ms < at_ms)
        at_ms = loop.uv_due_ms;
    if (at_ms == INT64_MAX)
        return -1;
    int64_t ms = at_ms - clock_cached_ms();
    return ms > 0 ? ms : 0;
}

static int wait_and_dispatch(void)
{
    int64_t ms = wait_ms();
    /* Under a test's clock nothing but a thread of the pool is worth waiting for in real time. */
    bool jump = loop.jump_time && ms > 0 && pool_outstanding() == 0;
    int err = io_backend()->wait(jump ? 0 : ms);
    if (err)
        return err;
    clock_refresh();
    size_t events = io_dispatch();
    if (jump && events == 0) {
        clock_advance_us(ms * 1000);
        clock_refresh();
    }
    return 0;
}

int loop_run(void)
{
    int err = 0;
    clock_refresh();
    while (err == 0 && !loop.stop && tasks_count() > 0) {
        tasks_run_ready();
        run_hooks();
        io_end_round();
        if (loop.stop || tasks_count() == 0)
            break;
        err = wait_and_dispatch();
        timers_run(clock_cached_ms());
        if (loop.uv_touched || loop.uv_due_ms <= clock_cached_ms())
            uv_turn();
    }
    if (io_backend()->flush)
        io_backend()->flush();
    loop.stop = false;
    return err;
}
