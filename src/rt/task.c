/*
 * task.c: tasks, their switch, and the queue of those that are ready.
 *
 * The loop resumes a task, the task parks, and so control always returns to the loop: tasks never
 * switch to one another. A task is in exactly one state, and `task_finish_wait` alone moves it from
 * TASK_PARKED to TASK_READY, so the first of wake, deadline and cancellation decides what a wait
 * returns. The struct stands at the top of the task's own stack: an idle task touches the page of
 * the struct and of its first frames, and rarely one more.
 */
#include "rt/task.h"

#include <stdio.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/err.h"
#include "rt/internal.h"
#include "rt/loop.h"

#if RT_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if RT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* A bound on the tasks run before the loop looks at the sockets again. */
#define READY_RUN_MAX 1024
/* A bound on the calls that a task makes without having to wait before others get their turn. */
#define TURN_CALLS_MAX 64
#define TRIM_PAGE      4096

/* Tops of stacks are shifted by some cache lines, lest they all fall into the same cache sets. */
#define COLOURS      8
#define COLOUR_BYTES 128

static struct {
    struct task *current;
    struct list ready;   /* run in this round */
    struct list yielded; /* run in the next one, after a look at the sockets */
    void *loop_sp;       /* the loop's stack while a task runs */
    size_t count, count_max;
    unsigned turn_calls; /* by the running task since it was resumed */
    unsigned colour;
    bool on_loop_stack; /* within loop_stack_call */
#if RT_ASAN
    const void *loop_bottom;
    size_t loop_bytes;
    void *loop_fake_stack;
#endif
#if RT_TSAN
    void *loop_fiber;
#endif
} tasks = {.count_max = SIZE_MAX};

void rt_abort(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s (task %s)\n", file, line, text,
            tasks.current ? tasks.current->name : "none");
    abort();
}

void tasks_init(void)
{
    tasks.count = 0;
    tasks.current = NULL;
    list_init(&tasks.ready);
    list_init(&tasks.yielded);
#if RT_TSAN
    tasks.loop_fiber = __tsan_get_current_fiber();
#endif
}

void tasks_fini(void)
{
    RT_CHECK(tasks.count == 0, "tasks are left at the end of the loop");
    stack_release_all();
}

size_t tasks_count(void)
{
    return tasks.count;
}

bool tasks_any_ready(void)
{
    return !list_empty(&tasks.ready) || !list_empty(&tasks.yielded);
}

/* ---------------------------------------------------------------- switching */

/* From the loop to `t`; returns when it parks or ends. */
static void switch_to_task(struct task *t)
{
#if RT_ASAN
    __sanitizer_start_switch_fiber(&tasks.loop_fake_stack, t->stack->low, t->stack->bytes);
#endif
#if RT_TSAN
    __tsan_switch_to_fiber(t->stack->fiber, 0);
#endif
    rt_switch(&tasks.loop_sp, t->sp);
#if RT_ASAN
    __sanitizer_finish_switch_fiber(tasks.loop_fake_stack, NULL, NULL);
#endif
}

/* From the running task to the loop; returns when the task is resumed. */
static void switch_to_loop(struct task *t)
{
#if RT_ASAN
    /* NULL for a task that ends: its fake frames can go. */
    __sanitizer_start_switch_fiber(t->state == TASK_DONE ? NULL : &t->fake_stack, tasks.loop_bottom,
                                   tasks.loop_bytes);
#endif
#if RT_TSAN
    __tsan_switch_to_fiber(tasks.loop_fiber, 0);
#endif
    rt_switch(&t->sp, tasks.loop_sp);
#if RT_ASAN
    __sanitizer_finish_switch_fiber(t->fake_stack, &tasks.loop_bottom, &tasks.loop_bytes);
#endif
}

/* The outermost C function of every task. */
static void task_main(void *arg)
{
    struct task *t = arg;
#if RT_ASAN
    __sanitizer_finish_switch_fiber(NULL, &tasks.loop_bottom, &tasks.loop_bytes);
#endif
    t->fn(t->arg);
    t->state = TASK_DONE;
    switch_to_loop(t);
}

static void task_end(struct task *t)
{
    RT_CHECK(t->shields == 0, "a task ended with its shield up");
    timer_stop(&t->timer);
    if (t->group)
        group_left(t);
    tasks.count--;
    stack_put(t->stack);
}

static void task_resume(struct task *t)
{
    tasks.current = t;
    tasks.turn_calls = 0;
    t->state = TASK_RUNNING;
    switch_to_task(t);
    tasks.current = NULL;
    if (t->state == TASK_DONE)
        task_end(t);
}

void tasks_run_ready(void)
{
    struct list *node;
    for (int left = READY_RUN_MAX; left > 0 && (node = list_pop_front(&tasks.ready)); left--)
        task_resume(LIST_ENTRY(node, struct task, node));
    /* Who yielded goes behind who is still ready, and is not run before the next look at sockets.
     */
    while ((node = list_pop_front(&tasks.yielded)))
        list_push_back(&tasks.ready, node);
}

static void call_on_loop_stack(void (*fn)(void *arg), void *arg)
{
    /* Below the frame that the loop waits in, with room for a red zone. */
    uintptr_t sp = ((uintptr_t)tasks.loop_sp - 256) & ~(uintptr_t)15;
    rt_call_on((void *)sp, fn, arg);
}

#if RT_ASAN
struct stack_call {
    void (*fn)(void *arg);
    void *arg;
    struct task *task;
};

static void stack_call_main(void *arg)
{
    struct stack_call *call = arg;
    __sanitizer_finish_switch_fiber(tasks.loop_fake_stack, NULL, NULL);
    call->fn(call->arg);
    __sanitizer_start_switch_fiber(&tasks.loop_fake_stack, call->task->stack->low,
                                   call->task->stack->bytes);
}
#endif

void loop_stack_call(void (*fn)(void *arg), void *arg)
{
    if (!tasks.current || tasks.on_loop_stack) {
        fn(arg);
        return;
    }
    tasks.on_loop_stack = true;
#if RT_ASAN
    struct task *t = tasks.current;
    struct stack_call call = {fn, arg, t};
    __sanitizer_start_switch_fiber(&t->fake_stack, tasks.loop_bottom, tasks.loop_bytes);
    call_on_loop_stack(stack_call_main, &call);
    __sanitizer_finish_switch_fiber(t->fake_stack, NULL, NULL);
#else
    call_on_loop_stack(fn, arg);
#endif
    tasks.on_loop_stack = false;
}

/* ---------------------------------------------------------------- life */

static void task_timer_fired(struct timer *timer);

/* What rt_switch pops when the task runs for the first time. */
static void *first_frame(struct task *t)
{
    uintptr_t top = (uintptr_t)t & ~(uintptr_t)15;
#if defined(__x86_64__)
    uintptr_t *frame = (uintptr_t *)top - 7; /* r15 r14 r13 r12 rbx rbp and the address */
    frame[0] = frame[1] = frame[2] = frame[5] = 0;
    frame[3] = (uintptr_t)t;
    frame[4] = (uintptr_t)task_main;
    frame[6] = (uintptr_t)rt_task_entry;
#else
    uintptr_t *frame = (uintptr_t *)top - 20; /* x19 to x30, d8 to d15 */
    for (int i = 0; i < 20; i++)
        frame[i] = 0;
    frame[0] = (uintptr_t)task_main;
    frame[1] = (uintptr_t)t;
    frame[11] = (uintptr_t)rt_task_entry;
#endif
    return frame;
}

int task_spawn(const char *name, void (*fn)(void *arg), void *arg, struct task **ret_task)
{
    if (tasks.count >= tasks.count_max)
        return E_OVERLOADED;
    struct stack *s = stack_get();
    if (!s)
        return E_MEMORY;
    uintptr_t top = (uintptr_t)s - (tasks.colour++ % COLOURS) * COLOUR_BYTES;
    struct task *t = (struct task *)((top - sizeof(*t)) & ~(uintptr_t)63);
    *t = (struct task){
        .deadline_ms = TASK_NO_DEADLINE,
        .wake_ms = TASK_NO_DEADLINE,
        .state = TASK_READY,
        .fn = fn,
        .arg = arg,
        .name = name,
        .stack = s,
    };
    t->sp = first_frame(t);
    timer_init(&t->timer, task_timer_fired);
    list_init(&t->member);
    tasks.count++;
    list_push_back(&tasks.ready, &t->node);
    if (ret_task)
        *ret_task = t;
    return 0;
}

struct task *task_self(void)
{
    return tasks.current;
}

const char *task_name(const struct task *t)
{
    return t->name;
}

struct task_stats task_stats(void)
{
    return (struct task_stats){
        .running = tasks.count,
        .stacks_free = stack_count_free(),
        .stack_bytes = stack_count_mapped() * TASK_STACK_BYTES,
    };
}

void task_limit(size_t tasks_max)
{
    tasks.count_max = tasks_max;
}

/* ---------------------------------------------------------------- waiting */

/* The one way out of TASK_PARKED. */
static void task_finish_wait(struct task *t, int result)
{
    list_remove(&t->node);
    t->result = result;
    t->state = TASK_READY;
    list_push_back(&tasks.ready, &t->node);
}

/*
 * The timer may fire for a wait that is long over: it stays in the heap, so that the usual request
 * (arm, bytes come, arm a little later) costs no step in the heap at all.
 */
static void task_timer_fired(struct timer *timer)
{
    struct task *t = CONTAINER_OF(timer, struct task, timer);
    if (t->state != TASK_PARKED || t->wake_ms == TASK_NO_DEADLINE)
        return;
    if (t->wake_ms <= clock_cached_ms()) {
        task_finish_wait(t, TASK_TIME_UP);
        return;
    }
    int err = timer_start(timer, t->wake_ms);
    RT_CHECK(err == 0, "a timer found no room where it had just been");
}

int task_park_until(struct list *list, int64_t at_ms)
{
    struct task *t = tasks.current;
    RT_CHECK(t && !tasks.on_loop_stack, "a wait outside a task");
    if (at_ms != TASK_NO_DEADLINE && (!timer_running(&t->timer) || t->timer.heap_ms > at_ms)) {
        int err = timer_start(&t->timer, at_ms);
        if (err)
            return err;
    }
    t->wake_ms = at_ms;
    t->state = TASK_PARKED;
    if (list)
        list_push_back(list, &t->node);
    switch_to_loop(t);
    return t->result;
}

/* 0, or why the running task may not begin to wait. */
static int task_stopped(const struct task *t)
{
    if (t->reason && !t->shields)
        return t->reason;
    if (t->deadline_ms <= clock_cached_ms())
        return E_TIMEOUT;
    return 0;
}

static void task_yield(struct task *t)
{
    t->state = TASK_READY;
    list_push_back(&tasks.yielded, &t->node);
    switch_to_loop(t);
}

int task_turn(void)
{
    struct task *t = tasks.current;
    RT_CHECK(t && !tasks.on_loop_stack, "a wait outside a task");
    if (UNLIKELY(++tasks.turn_calls > TURN_CALLS_MAX))
        task_yield(t);
    return task_stopped(t);
}

int task_park(struct list *list)
{
    struct task *t = tasks.current;
    RT_CHECK(t, "a wait outside a task");
    int err = task_stopped(t);
    if (!err)
        err = task_park_until(list, t->deadline_ms);
    return err == TASK_TIME_UP ? E_TIMEOUT : err;
}

void task_wake(struct task *t)
{
    if (t->state == TASK_PARKED)
        task_finish_wait(t, 0);
}

int task_sleep(int64_t ms)
{
    struct task *t = tasks.current;
    RT_CHECK(t && !tasks.on_loop_stack, "a wait outside a task");
    int err = task_stopped(t);
    if (err)
        return err;
    if (ms <= 0) {
        task_yield(t);
        return 0;
    }
    int64_t now_ms = clock_cached_ms();
    bool beyond = t->deadline_ms - now_ms < ms; /* no overflow: the deadline is in the future */
    err = task_park_until(NULL, beyond ? t->deadline_ms : now_ms + ms);
    if (err == TASK_TIME_UP)
        return beyond ? E_TIMEOUT : 0;
    return err;
}

/* ---------------------------------------------------------------- deadline and cancellation */

int64_t task_deadline(int64_t at_ms)
{
    struct task *t = tasks.current;
    RT_CHECK(t, "a deadline outside a task");
    int64_t outer = t->deadline_ms;
    if (at_ms < outer)
        t->deadline_ms = at_ms;
    return outer;
}

void task_deadline_restore(int64_t outer_at_ms)
{
    RT_CHECK(tasks.current, "a deadline outside a task");
    tasks.current->deadline_ms = outer_at_ms;
}

void task_cancel(struct task *t, int why)
{
    if (t->reason || !why)
        return;
    t->reason = why;
    if (t->state == TASK_PARKED && !t->shields)
        task_finish_wait(t, why);
}

int task_canceled(const struct task *t)
{
    return t->reason;
}

void task_shield(void)
{
    RT_CHECK(tasks.current, "a shield outside a task");
    tasks.current->shields++;
}

void task_unshield(void)
{
    RT_CHECK(tasks.current && tasks.current->shields > 0, "no shield to take down");
    tasks.current->shields--;
}

/* ---------------------------------------------------------------- queues of waiting tasks */

void waitq_init(struct waitq *q)
{
    list_init(&q->tasks);
}

int waitq_wait(struct waitq *q)
{
    return task_park(&q->tasks);
}

void waitq_wake_one(struct waitq *q)
{
    if (!list_empty(&q->tasks))
        task_wake(LIST_ENTRY(q->tasks.next, struct task, node));
}

void waitq_wake_all(struct waitq *q)
{
    while (!list_empty(&q->tasks))
        task_wake(LIST_ENTRY(q->tasks.next, struct task, node));
}

void task_trim(struct task *t)
{
    /* low .. sp is free; the bytes right below sp may hold what the switch saved. */
    char *low = t->stack->low;
    char *end = (char *)(((uintptr_t)t->sp - 128) & ~(uintptr_t)(TRIM_PAGE - 1));
    if (t != tasks.current && t->state != TASK_DONE && end > low)
        (void)madvise(low, (size_t)(end - low), MADV_DONTNEED);
}
