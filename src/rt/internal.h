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

/* ---- sockets (io.c over one of the backends) ---- */

/*
 * A socket is what these flags say; a backend only sets them, through io_event, and io.c does the
 * rest with plain system calls that succeed because of them.
 */
enum {
    IO_READABLE = 1, /* bytes, an end or an error may be there: a read is worth a try */
    IO_WRITABLE = 2, /* the kernel may have room: a write is worth a try */
    IO_ENDED = 4,    /* the other side closed or reset the connection */
    IO_LISTENER = 8,
    /* The backend will tell when the socket becomes readable (writable) again. Without IO_READABLE
     * there is always IO_READ_TOLD; the same for writing. */
    IO_READ_TOLD = 16,
    IO_WRITE_TOLD = 32,
    IO_END_TOLD = 64,
    IO_CLOSED = 128, /* only its struct is left */
};

struct io {
    int fd;
    unsigned flags;
    struct task *reader, *writer;
    void (*hangup)(void *arg);
    void *hangup_arg;
    struct list node; /* in `told_late` or `closed` of io.c, or in none */
    /* io_uring's: operations under way, and the buffers that were filled before anybody asked. */
    unsigned operations;
    int error; /* the errno that an operation ended the connection with, or 0 */
    struct io_held {
        int first, last; /* numbers of buffers, -1 for none */
        unsigned count;
        unsigned taken; /* bytes of the first one that were read already */
    } held;
};

struct io_backend {
    const char *name;
    bool (*usable)(void); /* does the kernel have it? */
    int (*init)(void);
    void (*fini)(void);
    /* Calls fn() from `dispatch` whenever `fd` is readable, until it no longer is. */
    int (*watch)(int fd, void (*fn)(void));
    int (*wait)(int64_t timeout_ms); /* < 0: for ever. 0 or an error */
    size_t (*dispatch)(void);        /* returns the number of events */
    void (*flush)(void);             /* the loop stops here; NULL for nothing to do */
    int (*add)(struct io *io);       /* a socket is born; 0 or an error */
    void (*remove)(struct io *io);   /* before its descriptor is closed */
    /* Takes a closed socket that has operations under way, until it calls io_unused. */
    void (*closing)(struct io *io);
    /* From now on tell: sets the flag. NULL where `add` has set all of them for good. */
    void (*tell_read)(struct io *io);
    void (*tell_write)(struct io *io);
    void (*tell_end)(struct io *io);
    /* Only called while held.count > 0: moves bytes out of the buffers. */
    size_t (*take_held)(struct io *io, void *bytes, size_t n);
};

extern const struct io_backend io_epoll;
extern const struct io_backend io_uring;

const struct io_backend *io_backend(void);

/* Adds IO_READABLE, IO_WRITABLE, IO_ENDED and wakes or calls whoever waits for them. */
void io_event(struct io *io, unsigned flags);
/* The last operation of a closed socket has ended: the struct goes at the end of the round. */
void io_unused(struct io *io);

bool io_pending(void);    /* io_dispatch has work without waiting */
size_t io_dispatch(void); /* the backend's events and what waits here; their number */
void io_end_round(void);  /* frees what was closed */
void io_init(void);

#endif
