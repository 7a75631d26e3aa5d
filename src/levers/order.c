#include "levers/order.h"

#include <stddef.h>

static const struct {
    const struct lever *lever;
    size_t settings; /* where its settings stand in struct levers_settings */
    const char *why_here;
} order[] = {
    {&lever_fallback, offsetof(struct levers_settings, fallback),
     "around retry: a target has had all its tries before the next one is asked"},
    {&lever_retry, offsetof(struct levers_settings, retry),
     "innermost: a second try repeats nothing but the call"},
};

int levers_chain(struct arena *arena, const struct levers_settings *settings,
                 struct lever_chain *ret_chain)
{
    *ret_chain = (struct lever_chain){.n = ARRAY_LEN(order)};
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        const struct lever *lever = order[i].lever;
        const char *own = (const char *)settings + order[i].settings;
        ret_chain->at[i].lever = lever;
        ret_chain->at[i].on = (const struct lever_switch *)(const void *)own;
        ret_chain->at[i].self = (void *)(uintptr_t)own;
        int err = lever->make ? lever->make(arena, own, &ret_chain->at[i].self) : 0;
        if (err)
            return err;
    }
    return 0;
}
