/*
 * retry.h: the lever that asks the same target again.
 *
 * While nothing has gone to the client and the error is one that another try may mend, the target
 * is asked again: at once on another replica, else after a pause (the provider's Retry-After, or
 * exponential with jitter). Retries are paid from a budget that every turn fills by a share of
 * one retry, so that an outage is not multiplied; an empty budget means no second try.
 */
#ifndef GUARD_RETRY_H
#define GUARD_RETRY_H

#include "conf/conf.h"
#include "turn/turn.h"

struct retry_settings {
    struct lever_switch lever; /* first: turn_next reads it */
    int64_t attempts;          /* of one target, the first included */
    int64_t budget;            /* millionths of a retry that every turn adds */
    int64_t wait_min_ms, wait_max_ms;
    int64_t retry_after_max_ms; /* a provider that asks for more is not waited for */
};

extern const struct conf_table retry_table;
extern const struct lever lever_retry;

#endif
