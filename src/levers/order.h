/*
 * order.h: the levers in the order in which a request meets them, and their settings.
 *
 * Adding a lever: its file, its settings in `struct levers_settings`, one row here and one in
 * order.c, which gives the reason for its place.
 */
#ifndef LEVERS_ORDER_H
#define LEVERS_ORDER_H

#include "base/arena.h"
#include "base/macros.h"
#include "guard/fallback.h"
#include "guard/retry.h"
#include "turn/turn.h"

struct levers_settings {
    struct fallback_settings fallback;
    struct retry_settings retry;
};

/* `has_suites`: evals would notice what a lever loses. */
MUSTCHECK int levers_chain(struct arena *arena, const struct levers_settings *settings,
                           bool has_suites, struct lever_chain *ret_chain);

/* The switch that holds for a lever: its own, or one that is off. */
const struct lever_switch *lever_switch_of(const struct lever *lever,
                                           const struct lever_switch *own, bool has_suites);

#endif
