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

const struct lever_switch *lever_switch_of(const struct lever *lever,
                                           const struct lever_switch *own, bool has_suites)
{
    static const struct lever_switch off = {.on = false};
    return lever->loses && !has_suites ? &off : own;
}

int levers_chain(struct arena *arena, const struct levers_settings *settings, bool has_suites,
                 struct lever_chain *ret_chain)
{
    *ret_chain = (struct lever_chain){.n = ARRAY_LEN(order)};
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        const struct lever *lever = order[i].lever;
        const char *own = (const char *)settings + order[i].settings;
        ret_chain->at[i].lever = lever;
        ret_chain->at[i].on = lever_switch_of(lever, (const struct lever_switch *)(const void *)own,
                                              has_suites);
        ret_chain->at[i].self = (void *)(uintptr_t)own;
        int err = lever->make ? lever->make(arena, own, &ret_chain->at[i].self) : 0;
        if (err)
            return err;
    }
    return 0;
}
