/* group.c: tasks that end before the function that started them returns. */
#include "base/err.h"
#include "rt/internal.h"
#include "rt/task.h"

void group_init(struct group *g)
{
    g->running = 0;
    g->canceled = 0;
    waitq_init(&g->done);
    list_init(&g->members);
}

int group_spawn(struct group *g, const char *name, void (*fn)(void *arg), void *arg)
{
    struct task *t;
    int err = task_spawn(name, fn, arg, &t);
    if (err)
        return err;
    t->group = g;
    list_push_back(&g->members, &t->member);
    g->running++;
    task_cancel(t, g->canceled);
    return 0;
}

void group_left(struct task *t)
{
    struct group *g = t->group;
    list_remove(&t->member);
    if (--g->running == 0)
        waitq_wake_all(&g->done);
}

void group_cancel(struct group *g, int why)
{
    g->canceled = why;
    LIST_EACH(&g->members, it)
    task_cancel(LIST_ENTRY(it, struct task, member), why);
}

void group_join(struct group *g)
{
    int err = 0;
    while (g->running > 0 && !err)
        err = waitq_wait(&g->done);
    if (!err)
        return;
    /* The caller was told to stop. It may not leave its children behind, so from here on neither
     * deadline nor cancellation ends the wait; they stop soon, being canceled too. */
    group_cancel(g, err);
    task_shield();
    while (g->running > 0)
        (void)!task_park_until(&g->done.tasks, TASK_NO_DEADLINE);
    task_unshield();
}
