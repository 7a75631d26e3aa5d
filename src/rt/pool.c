/* pool.c: one job a call on libuv's pool of threads, and threads of one's own. */
#include "rt/pool.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "rt/internal.h"
#include "rt/loop.h"

#define STAND_BACK 5

struct work {
    uv_work_t req;
    struct pool_job *job;
    struct task *task; /* NULL when it gave up */
    bool done;
};

/* Of the loop's thread only. */
static size_t outstanding;
static bool threads_made;

/* What is made between these two inherits a mask that lets no signal in. */
static sigset_t signals_hold(void)
{
    sigset_t all, before;
    sigfillset(&all);
    RT_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0, "signals cannot be held");
    return before;
}

static void signals_release(const sigset_t *before)
{
    RT_CHECK(pthread_sigmask(SIG_SETMASK, before, NULL) == 0, "signals cannot be released");
}

int thread_start(uv_thread_t *ret_thread, size_t stack_bytes, void (*run)(void *arg), void *arg)
{
    uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = stack_bytes};
    sigset_t before = signals_hold();
    int failed = uv_thread_create_ex(ret_thread, &options, run, arg);
    signals_release(&before);
    return failed ? E_IO : 0;
}

void thread_stand_back(void)
{
    /* On Linux this is a thread's own, and to be nicer needs no right; where it is refused all is
     * as it was. */
    id_t self = (id_t)gettid();
    (void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + STAND_BACK);
}

size_t pool_outstanding(void)
{
    return outstanding;
}

static void work_run(uv_work_t *req)
{
    struct work *w = CONTAINER_OF(req, struct work, req);
    w->job->run(w->job);
}

static void work_done(uv_work_t *req, int status)
{
    struct work *w = CONTAINER_OF(req, struct work, req);
    (void)status; /* never UV_ECANCELED: nothing is canceled here */
    outstanding--;
    w->done = true;
    if (w->task) {
        task_wake(w->task);
        return;
    }
    w->job->drop(w->job);
    free(w);
}

/* libuv makes all its threads with the first job. */
static int work_queue(struct work *w)
{
    if (threads_made)
        return uv_queue_work(loop_uv(), &w->req, work_run, work_done);
    sigset_t before = signals_hold();
    int failed = uv_queue_work(loop_uv(), &w->req, work_run, work_done);
    signals_release(&before);
    threads_made = !failed;
    return failed;
}

int pool_call(struct pool_job *job)
{
    struct work *w = malloc(sizeof(*w));
    if (!w)
        return E_MEMORY;
    *w = (struct work){.job = job, .task = task_self()};
    RT_CHECK(work_queue(w) == 0, "libuv refused work");
    outstanding++;

    int err = 0;
    while (!w->done && !err)
        err = task_park(NULL);
    if (!w->done) {
        w->task = NULL;
        return err;
    }
    /* It has run, if only just: the job is whole, so the caller gets it back whatever else came. */
    free(w);
    return 0;
}
