#include "guard/fallback.h"

#include <stddef.h>

#include "rt/task.h"

/* clang-format off */
#define THIS struct fallback_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row fallback_rows[] = {
    {.name = "on", .type = CONF_BOOL, AT(lever.on), .fallback = "on",
     .flags = CONF_SHAPES_ANSWERS,
     .help = "Ask the next model of an alias or lane when one cannot answer."},
    {.name = "holdout", .type = CONF_SHARE, AT(lever.holdout), .fallback = "0", .max = 1000000,
     .flags = CONF_SHAPES_ANSWERS,
     .help = "The share of traffic that this lever passes by, to compare with."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table fallback_table = {
    .name = "fallback",
    .help = "Asking the next model of an alias or lane.",
    .size = sizeof(struct fallback_settings),
    .rows = fallback_rows,
};

static bool is_down(const struct target *target)
{
    const struct provider *p = target->provider;
    for (unsigned i = 0; i < p->replicas_n; i++)
        if (endpoint_is_up(p->replicas[i].endpoint))
            return false;
    return p->replicas_n > 0;
}

/* Another provider may accept what this one refuses to bill or to authorise, or has nothing for in
 * its protocol, but a request that one calls wrong is wrong. */
static bool worth_it(const struct turn *t, int err)
{
    bool theirs = err_retryable(err) || err == E_UPSTREAM_AUTH || err == E_UPSTREAM_LARGE ||
                  err == E_TLS || err == E_UNSUPPORTED;
    return theirs && !t->streamed && !task_canceled(task_self());
}

static int fallback_run(void *self UNUSED, struct turn *t)
{
    int err = E_NO_PROVIDER;
    bool asked = false;
    for (unsigned i = 0; i < t->route.n; i++) {
        const struct target *target = &t->route.at[i];
        if (is_down(target))
            continue;
        turn_aim(t, target);
        if (i > 0)
            turn_note(t, "asked another", 0, 0);
        err = turn_next(t);
        asked = true;
        if (!err || !worth_it(t, err))
            return err;
    }
    if (asked)
        return err;
    turn_aim(t, &t->route.at[0]); /* all seem to be down: ask the first, it may be back */
    return turn_next(t);
}

const struct lever lever_fallback = {
    .name = "fallback",
    .summary = "asks the next model when one cannot answer",
    .run = fallback_run,
};
