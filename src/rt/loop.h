/*
 * loop.h: the one loop of a process.
 *
 * The loop owns all shared state. It runs ready tasks, then waits for sockets, timers and messages
 * of other threads, and begins again. Sockets are the loop's own (rt/io.h), and so are signals;
 * libuv lives inside it for the pool of threads. There is one loop a process, so it is addressed
 * without a handle; everything but `loop_post` is for the loop's own thread.
 */
#ifndef RT_LOOP_H
#define RT_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/list.h"
#include "base/macros.h"

MUSTCHECK int loop_init(void);
void loop_fini(void); /* all tasks must have ended */

/* Runs until loop_stop, or until there is no task left. Returns 0 or an error of the system. */
MUSTCHECK int loop_run(void);
void loop_stop(void);

/* Any thread: `fn(arg)` runs soon on the loop's thread, in order of posting. It must not yield.
 * 0 or E_MEMORY. */
MUSTCHECK int loop_post(void (*fn)(void *arg), void *arg);

/* Called once at the end of every round, before the loop waits: flushing logs, batching rows. */
struct loop_hook {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};
void loop_hook_add(struct loop_hook *hook);
void loop_hook_remove(struct loop_hook *hook);

/* libuv's loop, for modules that use its handles. After starting or closing a handle call
 * loop_uv_touched, so that the loop looks at libuv in its next round. */
uv_loop_t *loop_uv(void);
void loop_uv_touched(void);

/* SIGTERM, SIGHUP and the like: `fn` runs on the loop; it must not yield. The signal is blocked
 * until the end of the loop. */
MUSTCHECK int loop_on_signal(int signum, void (*fn)(int signum, void *arg), void *arg);

/* Calls fn(arg) on the loop's own stack, for deep work that must not leave its pages in a task's
 * stack (parsing, formatting). Must not yield. Outside a task it is a plain call. */
void loop_stack_call(void (*fn)(void *arg), void *arg);

/*
 * For tests that stand under clock_fake: where the loop would wait for a timer while nothing else
 * is to come (no event at hand, no job on the pool), it moves the clock to that time instead.
 */
void loop_jump_time(bool on);

#endif
