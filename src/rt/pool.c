/* pool.c: one job a call on libuv's pool of threads. */
#include "rt/pool.h"

#include "base/err.h"
#include "rt/internal.h"
#include "rt/loop.h"

struct work {
    uv_work_t req;
    struct pool_job *job;
    struct task *task; /* NULL when it gave up */
    bool done;
};

/* Of the loop's thread only. */
static size_t outstanding;

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

int pool_call(struct pool_job *job)
{
    struct work *w = malloc(sizeof(*w));
    if (!w)
        return E_MEMORY;
    *w = (struct work){.job = job, .task = task_self()};
    int failed = uv_queue_work(loop_uv(), &w->req, work_run, work_done);
    RT_CHECK(failed == 0, "libuv refused work");
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
