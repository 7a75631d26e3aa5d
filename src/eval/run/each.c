#include "eval/run/each.h"

#include "rt/task.h"

/* What the tasks share. */
struct work {
    const struct each *each;
    struct group group;
    unsigned next;
    int err;
    struct fault *fault;
};

static void work_fail(struct work *w, int err, const struct fault *f)
{
    if (w->err)
        return;
    w->err = err;
    fault_set(w->fault, err, "%s", why_text(f, err));
    group_cancel(&w->group, E_CANCELED);
}

static void worker(void *arg)
{
    struct work *w = arg;
    while (!w->err && w->next < w->each->n) {
        struct arena arena;
        struct fault f = {0};
        unsigned i = w->next++;
        arena_init_private(&arena, w->each->bytes_max);
        int err = w->each->fn(w->each->arg, i, &arena, &f);
        arena_fini(&arena);
        if (!err)
            err = task_sleep(0); /* what never waits still lets others run */
        if (err)
            work_fail(w, err, &f);
    }
}

int each_run(const struct each *e, struct fault *f)
{
    struct work w = {.each = e, .fault = f};
    int err = 0;
    group_init(&w.group);
    for (unsigned i = 0; i < e->at_once && i < e->n && !err; i++)
        err = group_spawn(&w.group, "each", worker, &w);
    if (err)
        work_fail(&w, err, f);
    group_join(&w.group);
    return w.err ? w.err : task_canceled(task_self());
}
