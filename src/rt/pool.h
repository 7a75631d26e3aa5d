/*
 * pool.h: threads for what blocks or burns the CPU.
 *
 * A job owns its memory: should the task that asked give up (deadline, cancellation), the job
 * still runs to its end and is then dropped on the loop.
 *
 * Neither these nor any other thread takes signals: they are the loop's.
 */
#ifndef RT_POOL_H
#define RT_POOL_H

#include <uv.h>

#include "base/macros.h"

struct pool_job {
    void (*run)(struct pool_job *job);  /* on a thread of the pool; touches only the job */
    void (*drop)(struct pool_job *job); /* on the loop, only when the caller gave up; frees it */
};

/*
 * Runs the job and waits for it. 0: it has run and belongs to the caller again. E_TIMEOUT or the
 * reason of a cancellation: the pool drops it when it has run; the caller must not touch it.
 * E_MEMORY: it did not run and belongs to the caller.
 */
YIELDS MUSTCHECK int pool_call(struct pool_job *job);

/* A thread of one's own, for work that goes on as long as the process; whoever starts it joins it
 * (uv_thread_join). E_IO: there is none to be had. */
MUSTCHECK int thread_start(uv_thread_t *ret_thread, size_t stack_bytes, void (*run)(void *arg),
                           void *arg);
/* The thread that calls it stands back where it and the loop's want the same core: requests wait
 * for the loop. It still gets a share of a core that is never idle (nice + 5: a quarter). */
void thread_stand_back(void);

#endif
