/*
 * fallback.h: the lever that asks somebody else.
 *
 * The targets of a route are asked in order, until one answers, something has gone to the client,
 * or the error is the request's own fault. A target whose replicas are all known to be down is
 * passed over while there is another.
 */
#ifndef GUARD_FALLBACK_H
#define GUARD_FALLBACK_H

#include "conf/conf.h"
#include "turn/turn.h"

struct fallback_settings {
    struct lever_switch lever;
};

extern const struct conf_table fallback_table;
extern const struct lever lever_fallback;

#endif
