/*
 * task.h: a sequence of work that may wait (a stackful coroutine).
 *
 * A task is one connection, one stream or one background worker. Its code reads top to bottom;
 * where it waits, the loop runs others. Every wait obeys the task's deadline and its cancellation
 * and returns E_TIMEOUT or the reason of the cancellation; from then on the stack unwinds, it is
 * never dropped. Stacks have TASK_STACK_BYTES with a guard page below and are recycled.
 */
#ifndef RT_TASK_H
#define RT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/macros.h"
#include "rt/timer.h"

#define TASK_STACK_BYTES (64 * 1024)
#define TASK_NO_DEADLINE INT64_MAX

struct task;

/* Makes a task that runs fn(arg) from the loop's next round on; it frees itself at the end.
 * `name` is a literal. E_MEMORY, or E_OVERLOADED when tasks_max is reached. *ret_task may be NULL.
 */
MUSTCHECK int task_spawn(const char *name, void (*fn)(void *arg), void *arg,
                         struct task **ret_task);

/* The task that runs now; NULL on the loop's own stack. */
struct task *task_self(void);
const char *task_name(const struct task *t);

/*
 * Deadlines nest: `task_deadline` narrows the running task's to at most `at_ms` and returns what it
 * was before; `task_deadline_restore` puts that back.
 *     int64_t outer = task_deadline(clock_cached_ms() + 500);
 *     err = stream_read(...);
 *     task_deadline_restore(outer);
 */
int64_t task_deadline(int64_t at_ms);
void task_deadline_restore(int64_t outer_at_ms);

/*
 * Asks `t` to stop: its present and every later wait returns `why` (E_CANCELED, E_CLIENT_GONE ...).
 * The first reason stays. May be called from the loop or from another task; never waits.
 *
 * What counts is what came first. A wait that was satisfied before the cancellation (or before the
 * deadline) returns 0 although the task has not run since, so nothing that was handed to it is
 * lost; the next call that may wait returns the reason at once, even where it would not have had
 * to wait. The cancellation goes before the deadline when both hold.
 */
void task_cancel(struct task *t, int why);
int task_canceled(const struct task *t); /* the reason or 0 */

/*
 * Cleaning up sometimes has to wait although the task was canceled: between these two calls the
 * running task ignores its cancellation (its deadline still holds).
 */
void task_shield(void);
void task_unshield(void);

/* Waits `ms`: 0, or E_TIMEOUT, or the reason of the cancellation. 0 ms lets others run. */
YIELDS MUSTCHECK int task_sleep(int64_t ms);

/*
 * The primitive under all waits. The task parks in `list` (NULL for none) until task_wake is
 * called with it, or its deadline or cancellation comes. Returns 0, E_TIMEOUT or the reason.
 */
YIELDS MUSTCHECK int task_park(struct list *list);
void task_wake(struct task *t); /* harmless when it does not wait */

/* A queue of waiting tasks: something that others tell them about. */
struct waitq {
    struct list tasks;
};
void waitq_init(struct waitq *q);
YIELDS MUSTCHECK int waitq_wait(struct waitq *q);
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);

/* A group of tasks that is joined before the function that made it returns. */
struct group {
    unsigned running;
    int canceled; /* the reason, which members that join later get too; 0 for none */
    struct waitq done;
    struct list members;
};
void group_init(struct group *g);
MUSTCHECK int group_spawn(struct group *g, const char *name, void (*fn)(void *arg), void *arg);
void group_cancel(struct group *g, int why);
/* Waits until all members have ended. Canceled meanwhile, it cancels them and still waits. */
YIELDS void group_join(struct group *g);

/*
 * Gives back the pages that a waiting task's stack once touched and does not use now: one system
 * call, worth it for a task that will wait for long.
 */
void task_trim(struct task *t);

/* How many of the process's mappings (vm.max_map_count) a task takes on this kernel: two where the
 * guard page is one of its own, else one. */
unsigned task_mappings(void);

/* For metrics and doctor. */
struct task_stats {
    size_t running, stacks_free, stack_bytes;
};
struct task_stats task_stats(void);
void task_limit(size_t tasks_max);

#endif
