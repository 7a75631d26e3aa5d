/*
 * internal.h: what the files of rt/ share among themselves; nobody else includes it.
 *
 * A round of the loop: run ready tasks, run the hooks, free what was closed, wait, take the
 * clock's time, hand out events, fire timers, run messages. Handing out an event only sets flags
 * and moves tasks to the queue of ready ones, so no task runs, and nothing is freed, in the middle
 * of it.
 */
#ifndef RT_INTERNAL_H
#define RT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/macros.h"
#include "rt/io.h"
#include "rt/task.h"
#include "rt/timer.h"

#if defined(__SANITIZE_ADDRESS__)
#define RT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif
#ifndef RT_ASAN
#define RT_ASAN 0
#endif
#ifndef RT_TSAN
#define RT_TSAN 0
#endif

/* A mistake in our own code: says where and aborts. In every build, since going on would be worse.
 */
#define RT_CHECK(condition, text)                                                                  \
    do {                                                                                           \
        if (UNLIKELY(!(condition)))                                                                \
            rt_abort(__FILE__, __LINE__, text);                                                    \
    } while (0)
NORETURN void rt_abort(const char *file, int line, const char *text);

/* ---- stacks (stack.c) ---- */

/* Stands at the top end of its own mapping, and is all that remains touched of a recycled one. */
struct stack {
    struct stack *next_free;
    char *low;    /* the lowest usable byte; the guard page is below it */
    size_t bytes; /* from `low` to the end of the mapping, this struct included */
    void *fiber;  /* ThreadSanitizer's */
};

struct stack *stack_get(void); /* NULL when there is no memory */
void stack_put(struct stack *s);
void stack_release_all(void);
size_t stack_count_free(void);
size_t stack_count_mapped(void);

/* ---- switching (switch.S) ---- */

/* Saves the callee-saved registers on the present stack, its pointer in *ret_sp, goes on at `sp`.
 * The rounding mode of floating point (mxcsr, x87, fpcr) is the process's and is not switched. */
void rt_switch(void **ret_sp, void *sp);
/* Where a new task starts; its frame holds the function to call. */
void rt_task_entry(void);
/* fn(arg) with the stack pointer at `sp` (a multiple of 16). */
void rt_call_on(void *sp, void (*fn)(void *arg), void *arg);

/* ---- tasks (task.c) ---- */

enum task_state {
    TASK_READY,
    TASK_RUNNING,
    TASK_PARKED,
    TASK_DONE,
};

struct task {
    struct list node;    /* in the queue of ready tasks, or in the list that it waits in */
    void *sp;            /* while it does not run */
    int64_t deadline_ms; /* TASK_NO_DEADLINE for none */
    int64_t wake_ms;     /* parked: when the wait ends by itself */
    int result;          /* of the wait that ended last */
    int reason;          /* of the cancellation, 0 for none */
    unsigned shields;    /* the cancellation is ignored while > 0 */
    enum task_state state;
    struct timer timer; /* used lazily: left in the heap when a wait ends early */
    void (*fn)(void *arg);
    void *arg;
    const char *name;
    struct group *group;
    struct list member; /* in its group */
    struct stack *stack;
    void *fake_stack; /* AddressSanitizer's */
};

void tasks_init(void);
void tasks_fini(void);
size_t tasks_count(void);
bool tasks_any_ready(void);
void tasks_run_ready(void); /* a bounded number of them */

/*
 * What every call that may wait does first: 0, or the reason of the cancellation, or E_TIMEOUT. A
 * task whose calls never have to wait is made to let others run from time to time.
 */
YIELDS MUSTCHECK int task_turn(void);

/*
 * task_park until `at_ms` at the latest, whatever the deadline is, and without a look at what
 * came before. TASK_TIME_UP when that time came: E_TIMEOUT may be the reason of a cancellation.
 */
#define TASK_TIME_UP 1
YIELDS MUSTCHECK int task_park_until(struct list *list, int64_t at_ms);

/* The group's side of task_spawn and of a task's end (group.c). */
void group_left(struct task *t);

/* ---- timers (timer.c) ---- */

void timers_init(void);
void timers_fini(void);
void timers_run(int64_t now_ms);
int64_t timers_next_ms(void); /* INT64_MAX when there is none */

/* ---- pool (pool.c) ---- */

size_t pool_outstanding(void);

/* ---- sockets (io.c and the backends) ---- */

struct io {
    int fd;
};

struct io_backend {
    const char *name;
    int (*init)(void);
    void (*fini)(void);
    /* Calls fn() from `dispatch` whenever `fd` is readable, until it no longer is. */
    int (*watch)(int fd, void (*fn)(void));
    bool (*pending)(void);           /* dispatch has work without waiting */
    int (*wait)(int64_t timeout_ms); /* < 0: for ever. 0 or an error */
    size_t (*dispatch)(void);        /* the number of events */
    void (*end_round)(void);         /* frees what was closed */
    int (*open)(int fd, struct io **ret_io);
    void (*close)(struct io *io);
    int (*connect)(int fd, const struct sockaddr *addr, socklen_t len, struct io **ret_io);
    int (*accept)(struct io *io, struct io **ret_io, struct sockaddr_storage *ret_peer);
    int (*read)(struct io *io, void *bytes, size_t n, size_t *ret_n);
    int (*read_now)(struct io *io, void *bytes, size_t n, size_t *ret_n);
    int (*wait_readable)(struct io *io);
    int (*writev)(struct io *io, struct iovec *iov, int count);
    void (*watch_hangup)(struct io *io, void (*fn)(void *arg), void *arg);
    bool (*is_quiet)(struct io *io);
};

extern const struct io_backend io_epoll;
extern const struct io_backend io_uring;

const struct io_backend *io_backend(void);

/* What an errno of a connection that stands means to the caller. */
int io_error(int error);
/* Drops `n` sent bytes off the front; returns how many iovecs are left, *iov at the first. */
int io_iov_advance(struct iovec **iov, int count, size_t n);

#endif
