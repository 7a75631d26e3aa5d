#include "guard/retry.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/id.h"
#include "rt/task.h"

/* What the budget can save up: a burst of this many retries. Thousandths. */
#define CREDIT_MAX   (100 * 1000)
#define CREDIT_START (20 * 1000)

/* clang-format off */
#define THIS struct retry_settings
#define AT(field) .offset = offsetof(THIS, field)
static const struct conf_row retry_rows[] = {
    {.name = "on", .type = CONF_BOOL, AT(lever.on), .fallback = "on",
     .help = "Ask a target again when it could not answer."},
    {.name = "holdout", .type = CONF_SHARE, AT(lever.holdout), .fallback = "0", .max = 1000000,
     .help = "The share of traffic that this lever passes by, to compare with."},
    {.name = "attempts", .type = CONF_INT, AT(attempts), .fallback = "3", .min = 1, .max = 10,
     .help = "The most tries of one target, the first included."},
    {.name = "budget", .type = CONF_SHARE, AT(budget), .fallback = "20%", .max = 1000000,
     .help = "Retries as a share of turns, so that a provider which is down is not asked three "
             "times as often: 20% is one retry for five turns. What is not used is saved up, for "
             "a burst of about a hundred."},
    {.name = "wait_min", .type = CONF_DURATION, AT(wait_min_ms), .fallback = "100ms", .max = 60000,
     .help = "The pause before the second try of the same server; it doubles from there."},
    {.name = "wait_max", .type = CONF_DURATION, AT(wait_max_ms), .fallback = "5s", .max = 600000,
     .help = "The longest such pause."},
    {.name = "retry_after_max", .type = CONF_DURATION, AT(retry_after_max_ms), .fallback = "10s",
     .max = 600000,
     .help = "The longest Retry-After that is waited for; a longer one goes to the fallback or to "
             "the client."},
    {0},
};
/* clang-format on */
#undef AT
#undef THIS

const struct conf_table retry_table = {
    .name = "retry",
    .help = "Second tries of the same target, before the first byte went to the client.",
    .size = sizeof(struct retry_settings),
    .rows = retry_rows,
    .example = "retry: {attempts: 2, budget: 10%}",
};

/* Is there another replica to ask at once? Marks the one that failed. */
static bool other_replica(struct turn *t)
{
    const struct provider *p = t->target->provider;
    if (!t->call->endpoint || p->replicas_n < 2)
        return false;
    t->tried |= 1ULL << t->call->replica;
    if ((unsigned)__builtin_popcountll(t->tried) < p->replicas_n)
        return true;
    t->tried = 0; /* all had their turn: begin again, after a pause */
    return false;
}

/* Was it about the key, and is there another to ask with? */
static bool other_key(const struct turn *t, int err)
{
    return (err == E_UPSTREAM_LIMIT || err == E_UPSTREAM_AUTH) && t->call && t->call->key &&
           provider_key_ready(t->target->provider);
}

/* Milliseconds until the next try; -1: do not try. */
static int64_t pause_ms(const struct retry_settings *s, struct turn *t, unsigned attempt, int err)
{
    int64_t asked = t->call ? t->call->retry_after_ms : -1;
    bool elsewhere = t->call && (other_key(t, err) || other_replica(t));
    if (elsewhere)
        return 0;
    if (asked >= 0)
        return asked <= s->retry_after_max_ms ? asked : -1;
    int64_t wait = s->wait_min_ms << (attempt < 16 ? attempt : 16);
    wait = wait < s->wait_max_ms ? wait : s->wait_max_ms;
    /* Between half and all of it, so that clients who failed together do not return together. */
    return wait / 2 + (int64_t)(random_u64() % (uint64_t)(wait / 2 + 1));
}

static bool worth_it(const struct turn *t, int err)
{
    return (err_retryable(err) || other_key(t, err)) && !t->streamed && !task_canceled(task_self());
}

static int retry_run(void *self, struct turn *t)
{
    const struct retry_settings *s = self;
    int64_t *credit = &t->house->retry_credit;
    *credit += s->budget / 1000;
    if (*credit > CREDIT_MAX)
        *credit = CREDIT_MAX;
    for (unsigned attempt = 0;; attempt++) {
        int err = turn_next(t);
        if (!err || attempt + 1 >= s->attempts || !worth_it(t, err))
            return err;
        if (*credit + CREDIT_START < 1000) {
            turn_note(t, "no budget", 0, 0);
            return err;
        }
        int64_t wait = pause_ms(s, t, attempt, err);
        if (wait < 0 || clock_cached_ms() + wait >= t->deadline_ms)
            return err;
        *credit -= 1000;
        turn_note(t, "tried again", 0, 0);
        int slept = wait > 0 ? task_sleep(wait) : 0;
        if (slept)
            return slept;
    }
}

const struct lever lever_retry = {
    .name = "retry",
    .summary = "asks the same target again, within a budget",
    .run = retry_run,
};
